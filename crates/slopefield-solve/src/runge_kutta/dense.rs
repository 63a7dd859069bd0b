//! The solution within a step.

use super::stages::{Stages, combine};
use super::tableau::{MAX_DENSE_STAGES, MAX_STAGES};
use crate::{Real, SolveError};

impl<T: Real> Stages<T> {
    /// Writes the solution at `t` within the last step to `out`; exact at both ends.
    ///
    /// # Errors
    /// [`SolveError::Invalid`] when `t` lies outside the step, and for tables with extra stages
    /// unless [`Stages::prepare_dense`] has evaluated them.
    pub fn interpolate(&self, t: f64, out: &mut [T]) -> Result<(), SolveError> {
        let (t_prev, t_new) = self.ends();
        if t == t_new {
            out.copy_from_slice(if t_prev == t_new { self.state(0) } else { self.end() });
            return Ok(());
        }
        let h = t_new - t_prev;
        let theta = (t - t_prev) / h;
        if !(0.0..=1.0).contains(&theta) {
            return Err(SolveError::Invalid(format!(
                "t = {t} is outside the last step, {t_prev} to {t_new}"
            )));
        }
        if !self.is_dense() {
            return Err(SolveError::Invalid(format!(
                "the stages that the interpolant of {} needs have not been evaluated",
                self.tableau().name
            )));
        }
        let stages = self.tableau().dense_stages();
        if stages <= MAX_STAGES {
            self.combine_dense(h, theta, &mut [0.0; MAX_STAGES][..stages], out);
            return Ok(());
        }
        self.combine_dense(h, theta, &mut [0.0; MAX_DENSE_STAGES][..stages], out);
        Ok(())
    }

    fn combine_dense(&self, h: f64, theta: f64, weights: &mut [f64], out: &mut [T]) {
        self.tableau().dense_weights(theta, weights);
        combine(self.state(0), h, weights, self.slopes(), out);
    }
}
