//! How far a fit is from the data, per experiment and observation.

use crate::failure::Failure;
use crate::grid::Grid;
use crate::objective::Objective;

/// Distance between model and measurements of one observation in one experiment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Index of the experiment.
    pub experiment: usize,
    /// Index of the observation.
    pub observation: usize,
    /// Points trained on.
    pub points: usize,
    /// Root mean square of value − measurement on them, with their weights; beyond a limit on the side
    /// where the quantity is, the distance is 0. `None` without points.
    pub rmse: Option<f64>,
    /// Points held out.
    pub held_out_points: usize,
    /// Root mean square on those; `None` without points.
    pub held_out_rmse: Option<f64>,
}

impl Objective {
    /// Scores at `theta`, for every observation that an experiment measures. Missing values do
    /// not count. Where the solve breaks down before a held-out point, the hold-out score is
    /// infinite: a forecast that does not exist is not a good one.
    ///
    /// # Errors
    /// The solve failed before the last training point.
    pub fn scores(&self, theta: &[f64]) -> Result<Vec<Score>, Failure> {
        let mut scores = Vec::new();
        for (experiment, spec) in self.problem().experiments.iter().enumerate() {
            let squares = |held_out: bool| {
                let grid = Grid::new(spec, held_out);
                let (curves, failure) = self.predict_until_failure(theta, experiment, &grid.times);
                let mut sums = vec![(0usize, 0.0f64, 0.0f64); curves.len()];
                for (observation, (curve, sum)) in curves.iter().zip(&mut sums).enumerate() {
                    for (row, value) in curve.iter().enumerate() {
                        for point in grid.at(row).iter().filter(|p| p.observation == observation) {
                            let r = point.censoring.residual(*value, point.y);
                            let r = if r.is_finite() { r } else { f64::INFINITY };
                            sum.0 += 1;
                            // 0 · ∞ must not become NaN.
                            sum.1 += if point.weight > 0.0 { point.weight * r * r } else { 0.0 };
                            sum.2 += point.weight;
                        }
                    }
                }
                (sums, failure)
            };
            let (training, failure) = squares(false);
            if let Some(failure) = failure {
                return Err(failure);
            }
            let (held_out, _) = squares(true);
            let rmse = |(n, sum, weights): (usize, f64, f64)| {
                (n > 0 && weights > 0.0).then(|| (sum / weights).sqrt())
            };
            for observation in 0..self.problem().observations.len() {
                let (points, held_out_points) = (training[observation].0, held_out[observation].0);
                if points + held_out_points > 0 {
                    scores.push(Score {
                        experiment,
                        observation,
                        points,
                        rmse: rmse(training[observation]),
                        held_out_points,
                        held_out_rmse: rmse(held_out[observation]),
                    });
                }
            }
        }
        Ok(scores)
    }
}
