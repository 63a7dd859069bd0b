//! The save times of an experiment: several series with different times on one ascending grid.

use crate::noise::{DomainError, Information, NoiseKind, Term};
use crate::problem::{Censoring, Experiment};

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    /// Index of the observation.
    pub observation: usize,
    /// Measured value, or the limit that it is beyond.
    pub y: f64,
    /// Which of these.
    pub censoring: Censoring,
    /// How many measurements it counts for.
    pub weight: f64,
}

impl Point {
    /// Its term of the loss, with its weight.
    pub fn term(
        &self,
        noise: NoiseKind,
        value: f64,
        arguments: &[f64],
    ) -> Result<Term, DomainError> {
        let mut term = match self.censoring {
            Censoring::Measured => noise.term(self.y, value, arguments)?,
            side => noise.censored_term(side, self.y, value, arguments)?,
        };
        if self.weight != 1.0 {
            term.loss *= self.weight;
            term.d_value *= self.weight;
            term.d_arguments.iter_mut().for_each(|d| *d *= self.weight);
        }
        Ok(term)
    }

    /// Its information, with its weight.
    pub fn information(
        &self,
        noise: NoiseKind,
        value: f64,
        arguments: &[f64],
    ) -> Result<Information, DomainError> {
        let found = match self.censoring {
            Censoring::Measured => noise.information(self.y, value, arguments)?,
            side => noise.censored_information(side, self.y, value, arguments)?,
        };
        Ok(self.weighted(found))
    }

    /// Second derivatives of its term.
    pub fn curvature(
        &self,
        noise: NoiseKind,
        value: f64,
        arguments: &[f64],
    ) -> Result<Information, DomainError> {
        let found = match self.censoring {
            Censoring::Measured => noise.curvature(self.y, value, arguments)?,
            side => noise.censored_curvature(side, self.y, value, arguments)?,
        };
        Ok(self.weighted(found))
    }

    fn weighted(&self, mut matrix: Information) -> Information {
        if self.weight != 1.0 {
            matrix.iter_mut().flatten().for_each(|entry| *entry *= self.weight);
        }
        matrix
    }
}

/// Measurements by time. Points of one time stay in the order of the series.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Grid {
    /// Distinct times, ascending.
    pub times: Vec<f64>,
    /// All points, by time.
    pub points: Vec<Point>,
    /// Points of row `i` are `points[offsets[i]..offsets[i + 1]]`.
    pub offsets: Vec<usize>,
}

impl Grid {
    /// Collects the points that are (or are not) held out; missing values are dropped.
    pub fn new(experiment: &Experiment, held_out: bool) -> Grid {
        let mut all: Vec<(f64, Point)> = Vec::new();
        for s in &experiment.series {
            for (i, (&t, &y)) in s.times.iter().zip(&s.values).enumerate() {
                if !y.is_nan() && s.is_held_out(i) == held_out {
                    let (censoring, weight) = (s.censoring(i), s.weight(i));
                    all.push((t, Point { observation: s.observation, y, censoring, weight }));
                }
            }
        }
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut grid = Grid::default();
        for (t, point) in all {
            // `==`, not bits: 0.0 and -0.0 are one time.
            if grid.times.last().is_none_or(|last| *last != t) {
                grid.times.push(t);
                grid.offsets.push(grid.points.len());
            }
            grid.points.push(point);
        }
        grid.offsets.push(grid.points.len());
        grid
    }

    /// Points of one time.
    pub fn at(&self, row: usize) -> &[Point] {
        &self.points[self.offsets[row]..self.offsets[row + 1]]
    }

    /// Number of times within a share of the span; of measurements at rest, which span nothing, all.
    pub fn rows_of(&self, experiment: &Experiment, share: f64) -> usize {
        if experiment.steady { self.times.len() } else { self.rows_within(experiment.t0, share) }
    }

    /// Number of times within the given share of the span that starts at `t0`, at least enough to
    /// include one time after `t0`.
    pub fn rows_within(&self, t0: f64, share: f64) -> usize {
        let Some(&last) = self.times.last() else { return 0 };
        if share >= 1.0 {
            return self.times.len();
        }
        // A hair beyond the share: 0.3 of a span of 10 includes the point at 3.
        let limit = t0 + share * (last - t0) * (1.0 + 1e-12);
        let rows = self.times.partition_point(|t| *t <= limit);
        let first_after = self.times.partition_point(|t| *t <= t0) + 1;
        rows.max(first_after).min(self.times.len())
    }
}
