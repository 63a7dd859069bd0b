//! Measured points from the columns of a table: replicates, limits and weights.

use super::{Range, Series, missing_column, number_column};
use crate::error::{Problem, listed, nearest};
use crate::file::{ColumnNames, DataSource};
use crate::load::TableData;
use slopefield_data::CENSORED;
use slopefield_lang::Model;
use slopefield_train::Censoring;

/// A table, its times, and what is held out.
pub(super) struct Columns<'a> {
    pub source: &'a DataSource,
    pub table: &'a TableData,
    pub times: &'a [f64],
    pub held_out: Option<&'a Range>,
}

/// A point of a series while its columns are read.
struct Point {
    t: f64,
    y: f64,
    censoring: Censoring,
    weight: f64,
}

impl Columns<'_> {
    /// Reports names that are none of the model.
    pub fn check_names(&self, model: &Model, place: &str, problems: &mut Vec<Problem>) {
        let source = self.source;
        let maps = [
            ("columns", &source.columns),
            ("censored", &source.censored),
            ("weights", &source.weights),
        ];
        for (key, map) in maps {
            let observed = || model.observations.iter().map(|o| o.name.as_str());
            // Inputs have columns, but neither limits nor weights.
            let inputs =
                || model.inputs.iter().map(|i| i.name.as_str()).filter(|_| key == "columns");
            for name in map.keys() {
                if observed().chain(inputs()).any(|known| known == name) {
                    continue;
                }
                let near = nearest(name, observed().chain(inputs()));
                let message = format!(
                    "the model has no observation `{name}`{near}; it observes {}",
                    listed(observed())
                );
                problems.push(Problem::error(format!("{place}.{key}"), message));
            }
        }
    }

    /// Columns with the values of an observation, that of its own name included.
    fn of<'m>(&'m self, model: &'m Model, observation: usize) -> &'m [String] {
        let name = &model.observations[observation].name;
        self.source.columns.get(name).map_or(std::slice::from_ref(name), ColumnNames::names)
    }

    /// Cells of these columns.
    pub fn cells(&self, model: &Model, observation: usize) -> usize {
        self.times.len() * self.of(model, observation).len()
    }

    /// Rows that hold a measurement.
    pub fn measured_rows(&self, model: &Model) -> Vec<bool> {
        let mut measured = vec![false; self.times.len()];
        for name in (0..model.observations.len()).flat_map(|i| self.of(model, i)) {
            if let Ok(values) = number_column(self.table, name) {
                measured.iter_mut().zip(values).for_each(|(any, value)| *any |= value.is_finite());
            }
        }
        measured
    }

    /// The points of an observation in order of time, of all its columns together, without missing ones and
    /// such of weight 0; nothing where the table has none of its columns, or something is wrong with them,
    /// which is reported.
    pub fn series(
        &self,
        model: &Model,
        observation: usize,
        place: &str,
        problems: &mut Vec<Problem>,
    ) -> Option<Series> {
        let name = &model.observations[observation].name;
        let asked = self.source.columns.contains_key(name);
        let columns = self.of(model, observation);
        let mut wrong = |key: &str, message: String| {
            problems.push(Problem::error(format!("{place}.{key}"), message));
        };
        if let Some(again) = columns.iter().enumerate().find(|(i, c)| columns[..*i].contains(c)) {
            wrong("columns", format!("`{name}` has the column `{}` twice", again.1));
            return None;
        }
        let mut points = Vec::new();
        for (k, column) in columns.iter().enumerate() {
            let Some((_, values)) = self.table.numeric.iter().find(|c| c.0 == *column) else {
                if asked {
                    wrong("columns", missing_column(self.table, column));
                }
                return None;
            };
            let marks = match self.marks(name, column, (k, columns.len())) {
                Ok(marks) => marks,
                Err(message) => {
                    wrong("censored", message);
                    return None;
                }
            };
            let weights = match self.weights(name, values, (k, columns.len())) {
                Ok(weights) => weights,
                Err(message) => {
                    wrong("weights", message);
                    return None;
                }
            };
            for (row, (&t, &y)) in self.times.iter().zip(values).enumerate() {
                let weight = weights.map_or(1.0, |w| w[row]);
                if t.is_finite() && y.is_finite() && weight > 0.0 {
                    let censoring = marks.as_ref().map_or(Censoring::Measured, |m| m[row]);
                    points.push(Point { t, y, censoring, weight });
                }
            }
        }
        points.sort_by(|a, b| a.t.total_cmp(&b.t));
        let plain = points.iter().all(|p| p.censoring == Censoring::Measured);
        let once = points.iter().all(|p| p.weight == 1.0);
        let held = |p: &Point| self.held_out.is_some_and(|range| range.contains(p.t));
        Some(Series {
            observation,
            times: points.iter().map(|p| p.t).collect(),
            values: points.iter().map(|p| p.y).collect(),
            held_out: points.iter().map(held).collect(),
            censored: points.iter().filter(|_| !plain).map(|p| p.censoring).collect(),
            weights: points.iter().filter(|_| !once).map(|p| p.weight).collect(),
        })
    }

    /// The `k`-th column that a map names for an observation of so many columns: one may serve all.
    fn named<'m>(
        of: Option<&'m ColumnNames>,
        observation: &str,
        (k, columns): (usize, usize),
    ) -> Result<Option<&'m str>, String> {
        match of.map(ColumnNames::names) {
            None => Ok(None),
            Some([one]) => Ok(Some(one)),
            Some(names) if names.len() == columns => Ok(Some(&names[k])),
            Some(names) => Err(format!(
                "`{observation}` has {columns} columns of values, but {} are named here; name one for all, or \
                 one for each",
                names.len()
            )),
        }
    }

    /// What each value of a column says; nothing where all were measured.
    fn marks(
        &self,
        observation: &str,
        column: &str,
        which: (usize, usize),
    ) -> Result<Option<Vec<Censoring>>, String> {
        let text = |name: &str| self.table.text.iter().find(|c| c.0 == name);
        let named = Self::named(self.source.censored.get(observation), observation, which)?;
        let found = match named {
            // A column of nothing but missing values is one of numbers.
            Some(name) => match (text(name), number_column(self.table, name)) {
                (Some(found), _) => found,
                (None, Ok(numbers)) if numbers.iter().all(|n| n.is_nan()) => return Ok(None),
                (None, Ok(_)) => {
                    return Err(format!(
                        "the column `{name}` holds numbers, which programs read in different ways; write `<` \
                         where the quantity was below the value, `>` where it was above, and nothing where it \
                         was measured"
                    ));
                }
                (None, Err(why)) => return Err(why),
            },
            None => match text(&format!("{column}{CENSORED}")) {
                Some(found) => found,
                None => return Ok(None),
            },
        };
        let mark = |cell: &String| match cell.trim().to_ascii_lowercase().as_str() {
            "<" | "<=" | "≤" | "below" | "left" => Ok(Censoring::Below),
            ">" | ">=" | "≥" | "above" | "right" => Ok(Censoring::Above),
            "" | "=" | "-" | "." | "na" | "measured" | "none" => Ok(Censoring::Measured),
            other => Err(format!(
                "`{other}` in the column `{}` does not say whether the value is a limit; write `<`, `>` or \
                 nothing",
                found.0
            )),
        };
        found.1.iter().map(mark).collect::<Result<Vec<_>, _>>().map(Some)
    }

    /// How many measurements each value of a column counts for; nothing where all count once.
    fn weights(
        &self,
        observation: &str,
        values: &[f64],
        which: (usize, usize),
    ) -> Result<Option<&[f64]>, String> {
        let named = Self::named(self.source.weights.get(observation), observation, which)?;
        let Some(name) = named else { return Ok(None) };
        let weights = number_column(self.table, name)?;
        let used = weights.iter().zip(values).zip(self.times);
        let used = used.filter(|((_, y), t)| y.is_finite() && t.is_finite());
        for ((weight, _), t) in used {
            if weight.is_nan() {
                return Err(format!(
                    "the column `{name}` has no weight at {t}; write 0 to leave a value out, 1 to count it once"
                ));
            }
            if *weight < 0.0 {
                return Err(format!(
                    "the weight {weight} at {t} in the column `{name}` is negative"
                ));
            }
        }
        Ok(Some(weights))
    }
}
