//! How far what a network is asked is from what it was trained on.
//!
//! Inputs are measured in parts of the range that was visited while training, so that no unit
//! matters; the distance is that to the nearest visited inputs. It is 0 at what was seen, and where it
//! exceeds [`NEAR`] the network answers from nothing but its form.

use super::{LearnedTerm, Visited};

/// Distance up to which inputs count as seen: a tenth of the visited range.
pub const NEAR: f64 = 0.1;

/// Inputs of a term that were visited, in units of their range.
pub(crate) struct Neighbours {
    ranges: Vec<f64>,
    rows: Vec<f64>,
}

impl Neighbours {
    pub(crate) fn new(visited: &[&[f64]]) -> Neighbours {
        let inputs = visited.first().map_or(0, |row| row.len());
        let range = |i: usize| {
            let column = || visited.iter().map(|row| row[i]);
            let (low, high) = (
                column().fold(f64::INFINITY, f64::min),
                column().fold(f64::NEG_INFINITY, f64::max),
            );
            match high - low {
                range if range > 0.0 => range,
                // An input that never moved: relative to its size.
                _ => high.abs().max(f64::MIN_POSITIVE),
            }
        };
        let ranges: Vec<f64> = (0..inputs).map(range).collect();
        let rows = visited.iter().flat_map(|row| row.iter().zip(&ranges).map(|(x, r)| x / r));
        Neighbours { rows: rows.collect(), ranges }
    }

    /// Distance to the nearest visited inputs, in parts of their range.
    pub(crate) fn distance(&self, inputs: &[f64]) -> f64 {
        if self.ranges.is_empty() || inputs.iter().any(|x| !x.is_finite()) {
            return f64::NAN;
        }
        let here: Vec<f64> = inputs.iter().zip(&self.ranges).map(|(x, r)| x / r).collect();
        let square =
            |row: &[f64]| -> f64 { row.iter().zip(&here).map(|(a, b)| (a - b) * (a - b)).sum() };
        let rows = self.rows.chunks_exact(self.ranges.len());
        rows.map(square).fold(f64::INFINITY, f64::min).sqrt()
    }
}

/// How far a term is asked from what it has seen, along one course.
#[derive(Debug, Clone, PartialEq)]
pub struct Distances {
    /// Index into the courses.
    pub course: usize,
    /// Index of the term.
    pub term: usize,
    /// Distance at each time of the course: that of the farthest place where the term is applied.
    pub values: Vec<f64>,
    /// What they mean for the forecast, in a sentence; none without a forecast.
    pub sentence: Option<String>,
}

/// Distances of all terms along all courses. `time` is the name of the time.
#[must_use]
pub fn distances(terms: &[LearnedTerm], visited: &Visited, time: &str) -> Vec<Distances> {
    let mut all = Vec::new();
    for (index, term) in terms.iter().enumerate() {
        let neighbours = Neighbours::new(&visited.trained(index));
        for (k, course) in visited.courses.iter().enumerate() {
            let asked = &course.terms[index];
            let farthest = |row: usize| {
                let places = asked.at(row).map(|inputs| neighbours.distance(inputs));
                places.fold(f64::NAN, f64::max)
            };
            let values: Vec<f64> = (0..course.times.len()).map(farthest).collect();
            let from = course.times.partition_point(|t| *t <= course.trained_until);
            let sentence = words(&term.name, time, &course.times[from..], &values[from..]);
            all.push(Distances { course: k, term: index, values, sentence });
        }
    }
    all
}

/// What distances over a forecast mean.
fn words(name: &str, time: &str, times: &[f64], distances: &[f64]) -> Option<String> {
    if times.is_empty() {
        return None;
    }
    let far = |k: &usize| !(distances[*k] <= NEAR);
    let beyond: Vec<usize> = (0..times.len()).filter(far).collect();
    let Some(first) = beyond.first() else {
        return Some(format!(
            "over the whole forecast the network `{name}` is asked about states like those it was \
             trained on"
        ));
    };
    let largest = distances.iter().copied().fold(f64::NAN, f64::max);
    let how = format!("up to {largest:.2} of the visited range away from the nearest it saw");
    let share = beyond.len() as f64 / times.len() as f64;
    let last = (0..times.len()).rev().take_while(far).count();
    if last == beyond.len() {
        return Some(match first {
            0 => format!(
                "over the whole forecast the network `{name}` is asked about states that it never saw, {how}"
            ),
            _ => format!(
                "from {time} = {} on the network `{name}` is asked about states that it never saw, {how}",
                short(times[*first])
            ),
        });
    }
    Some(format!(
        "from {time} = {} on the network `{name}` is asked now and then about states that it never saw \
         ({:.0} % of the forecast), {how}",
        short(times[*first]),
        (100.0 * share).max(1.0)
    ))
}

/// A time with four significant digits.
fn short(x: f64) -> String {
    let magnitude = if x == 0.0 { 0.0 } else { x.abs().log10().floor() };
    match magnitude {
        -4.0..=6.0 => {
            let text = format!("{x:.*}", (3.0 - magnitude).max(0.0) as usize);
            match text.contains('.') {
                true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
                false => text,
            }
        }
        _ => format!("{x:.3e}"),
    }
}

#[cfg(test)]
mod tests;
