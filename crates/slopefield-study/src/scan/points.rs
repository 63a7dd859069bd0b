//! The values of a scan.

use crate::error::{Problem, listed};
use crate::{StudyError, TableData};

/// Trajectories of a scan at most.
const MOST: usize = 10_000_000;

/// Values of one parameter or initial state.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Its name.
    pub name: String,
    /// First value.
    pub from: f64,
    /// Last value.
    pub to: f64,
    /// Number of values, both ends included.
    pub count: usize,
    /// Equal ratios instead of equal distances.
    pub log: bool,
}

/// What each trajectory has of its own.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Points {
    /// Names of parameters and states.
    pub names: Vec<String>,
    /// The values of each name, one per trajectory.
    pub values: Vec<Vec<f64>>,
}

impl Axis {
    fn value(&self, index: usize) -> f64 {
        // The ends are the numbers that were asked for.
        match index {
            0 => self.from,
            i if i + 1 == self.count => self.to,
            i => self.inside(i as f64 / (self.count - 1) as f64),
        }
    }

    /// The value at a share of the way.
    fn inside(&self, part: f64) -> f64 {
        match self.log {
            true => self.from * (self.to / self.from).powf(part),
            false => self.from + (self.to - self.from) * part,
        }
    }

    fn check(&self) -> Result<(), String> {
        let Axis { name, from, to, count, .. } = self;
        self.check_ends()?;
        if *count == 0 {
            return Err(format!("`{name}` needs one value at least"));
        }
        if *count == 1 && from != to {
            return Err(format!("`{name}` has one value, but two ends, {from} and {to}"));
        }
        Ok(())
    }

    fn check_ends(&self) -> Result<(), String> {
        let Axis { name, from, to, log, .. } = self;
        if !from.is_finite() || !to.is_finite() {
            return Err(format!("the values of `{name}` must be finite numbers"));
        }
        if *log && !(from * to > 0.0) {
            return Err(format!(
                "`{name}` cannot go from {from} to {to} by equal ratios; both ends must be above 0"
            ));
        }
        Ok(())
    }
}

impl Points {
    /// Number of trajectories.
    #[must_use]
    pub fn count(&self) -> usize {
        self.values.first().map_or(0, Vec::len)
    }

    /// All combinations of the values of `axes`; the last axis changes from trajectory to trajectory.
    ///
    /// # Errors
    /// Axes that make no sense, or more than ten million combinations.
    pub fn grid(axes: &[Axis]) -> Result<Points, StudyError> {
        let refuse = |message| StudyError::Study(vec![Problem::error("scan", message)]);
        for axis in axes {
            axis.check().map_err(refuse)?;
        }
        let count = axes.iter().try_fold(1usize, |n, axis| n.checked_mul(axis.count));
        let Some(count) = count.filter(|count| *count <= MOST) else {
            return Err(refuse(format!("more than {MOST} trajectories are too many")));
        };
        let mut points = Points::default();
        let mut behind = count;
        for axis in axes {
            behind /= axis.count;
            let value = |k: usize| axis.value(k / behind % axis.count);
            points.values.push((0..count).map(value).collect());
            points.names.push(axis.name.clone());
        }
        Ok(points)
    }

    /// `count` trajectories with random values between the ends of `axes`, whose counts do not matter: a
    /// Latin hypercube, so that every part of every range is met equally often. The same seed gives the
    /// same values.
    ///
    /// # Errors
    /// Axes that make no sense, or more than ten million trajectories.
    pub fn spread(axes: &[Axis], count: usize, seed: u64) -> Result<Points, StudyError> {
        let refuse = |message| StudyError::Study(vec![Problem::error("scan", message)]);
        if count > MOST {
            return Err(refuse(format!("more than {MOST} trajectories are too many")));
        }
        let mut points = Points::default();
        for (column, axis) in axes.iter().enumerate() {
            axis.check_ends().map_err(refuse)?;
            let parts = slopefield_train::hypercube(count, seed, column as u64);
            points.values.push(parts.into_iter().map(|part| axis.inside(part)).collect());
            points.names.push(axis.name.clone());
        }
        Ok(points)
    }

    /// A trajectory for each row of a table: the columns whose names `known` accepts, and the names of
    /// those that were left out.
    ///
    /// # Errors
    /// A table without such columns, or with more than ten million rows.
    pub fn of_table(
        table: &TableData,
        known: impl Fn(&str) -> bool,
    ) -> Result<(Points, Vec<String>), StudyError> {
        let refuse = |message| StudyError::Study(vec![Problem::error("table", message)]);
        let mut points = Points::default();
        let mut others: Vec<String> = table.text.iter().map(|c| c.0.clone()).collect();
        for (name, values) in &table.numeric {
            if known(name) {
                points.names.push(name.clone());
                points.values.push(values.clone());
            } else {
                others.push(name.clone());
            }
        }
        if points.names.is_empty() {
            let there = listed(others.iter().map(String::as_str));
            let message = "no column of the table is named as a parameter or a state of the model";
            return Err(refuse(format!("{message}; it has {there}")));
        }
        if points.count() > MOST {
            return Err(refuse(format!("more than {MOST} trajectories are too many")));
        }
        Ok((points, others))
    }

    /// Each of these with each of `other`, whose values change from trajectory to trajectory.
    ///
    /// # Errors
    /// More than ten million combinations.
    pub fn times(&self, other: &Points) -> Result<Points, StudyError> {
        if self.names.is_empty() || other.names.is_empty() {
            return Ok(if self.names.is_empty() { other.clone() } else { self.clone() });
        }
        let (outer, inner) = (self.count(), other.count());
        if outer.checked_mul(inner).is_none_or(|count| count > MOST) {
            let message = format!("more than {MOST} trajectories are too many");
            return Err(StudyError::Study(vec![Problem::error("scan", message)]));
        }
        let slow = |v: &Vec<f64>| v.iter().flat_map(|x| std::iter::repeat_n(*x, inner)).collect();
        let fast = |v: &Vec<f64>| v.iter().copied().cycle().take(outer * inner).collect();
        let names = self.names.iter().chain(&other.names).cloned().collect();
        let values = self.values.iter().map(slow).chain(other.values.iter().map(fast)).collect();
        Ok(Points { names, values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(name: &str, from: f64, to: f64, count: usize, log: bool) -> Axis {
        Axis { name: name.into(), from, to, count, log }
    }

    #[test]
    fn a_grid_has_all_combinations_the_last_axis_first() {
        let axes = [axis("a", 0.0, 1.0, 3, false), axis("b", 1.0, 100.0, 3, true)];
        let points = Points::grid(&axes).unwrap();
        assert_eq!(points.names, ["a", "b"]);
        assert_eq!(points.values[0], [0.0, 0.0, 0.0, 0.5, 0.5, 0.5, 1.0, 1.0, 1.0]);
        let ratios = [1.0, 10.0, 100.0].repeat(3);
        assert!(points.values[1].iter().zip(&ratios).all(|(x, y)| (x - y).abs() < 1e-14 * y));
        // The ends are what was asked for, to the last bit.
        let ends = Points::grid(&[axis("k", 0.1, 0.7, 10, true)]).unwrap();
        assert_eq!((ends.values[0][0], ends.values[0][9]), (0.1, 0.7));
        let one = Points::grid(&[axis("k", 2.0, 2.0, 1, false)]).unwrap();
        assert_eq!(one.values, [[2.0]]);
    }

    #[test]
    fn axes_that_make_no_sense_are_refused() {
        for (bad, part) in [
            (axis("k", 0.0, f64::NAN, 3, false), "finite"),
            (axis("k", 0.0, 1.0, 0, false), "one value at least"),
            (axis("k", 0.0, 1.0, 1, false), "two ends"),
            (axis("k", 0.0, 1.0, 3, true), "above 0"),
            (axis("k", -1.0, 1.0, 3, true), "above 0"),
            (axis("k", 0.0, 1.0, MOST + 1, false), "too many"),
        ] {
            let message = Points::grid(std::slice::from_ref(&bad)).unwrap_err().to_string();
            assert!(message.contains(part), "{bad:?}: {message}");
        }
        let long = axis("k", 0.0, 1.0, 100_000, false);
        assert!(Points::grid(&[long.clone(), long.clone()]).is_err());
        let one = Points::grid(&[long]).unwrap();
        assert!(one.times(&one).is_err());
    }

    #[test]
    fn values_of_chance_meet_every_part_of_every_range_once() {
        let axes = [axis("a", -1.0, 3.0, 0, false), axis("b", 0.01, 100.0, 0, true)];
        let points = Points::spread(&axes, 40, 7).unwrap();
        let parts = |share: &dyn Fn(f64) -> f64, column: usize| -> Vec<usize> {
            points.values[column].iter().map(|x| (40.0 * share(*x)) as usize).collect()
        };
        let a = parts(&|x| (x + 1.0) / 4.0, 0);
        let b = parts(&|x| (x.log10() + 2.0) / 4.0, 1);
        for column in [&a, &b] {
            let mut sorted = column.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..40).collect::<Vec<_>>());
        }
        // Neither is in order, nor one in the order of the other; both follow from the seed.
        let alike = |x: &[usize], y: &[usize]| x.iter().zip(y).filter(|(x, y)| x == y).count();
        let order: Vec<usize> = (0..40).collect();
        assert!(alike(&a, &b) < 6 && alike(&a, &order) < 6 && alike(&b, &order) < 6);
        assert_eq!(points, Points::spread(&axes, 40, 7).unwrap());
        assert_ne!(points, Points::spread(&axes, 40, 8).unwrap());
        let bad = axis("b", -1.0, 1.0, 3, true);
        assert!(Points::spread(&[bad], 40, 7).unwrap_err().to_string().contains("above 0"));
        assert!(Points::spread(&axes, MOST + 1, 7).is_err());
    }

    #[test]
    fn rows_of_a_table_are_trajectories() {
        let numeric = vec![("chain".into(), vec![0.0, 1.0]), ("k".into(), vec![0.3, 0.4])];
        let table = TableData { numeric, text: vec![("remark".into(), Vec::new())] };
        let (points, others) = Points::of_table(&table, |name| name == "k").unwrap();
        assert_eq!((points.names, points.values), (vec!["k".into()], vec![vec![0.3, 0.4]]));
        assert_eq!(others, ["remark", "chain"]);
        let message = Points::of_table(&table, |_| false).unwrap_err().to_string();
        assert!(message.contains("`remark`, `chain` and `k`"), "{message}");
    }

    #[test]
    fn rows_and_grids_are_combined() {
        let rows = Points { names: vec!["a".into()], values: vec![vec![1.0, 2.0]] };
        let grid = Points { names: vec!["b".into()], values: vec![vec![5.0, 6.0, 7.0]] };
        let both = rows.times(&grid).unwrap();
        assert_eq!(both.values[0], [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]);
        assert_eq!(both.values[1], [5.0, 6.0, 7.0, 5.0, 6.0, 7.0]);
        let nothing = Points::default();
        assert_eq!((nothing.times(&grid).unwrap(), rows.times(&nothing).unwrap()), (grid, rows));
    }
}
