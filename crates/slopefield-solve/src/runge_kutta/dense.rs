//! The solution within a step.

use super::stages::{Stages, combine};
use super::tableau::MAX_STAGES;
use crate::{Real, SolveError};

impl<T: Real> Stages<T> {
    /// Writes the solution at `t` within the last step to `out`; exact at both ends.
    ///
    /// # Errors
    /// [`SolveError::Invalid`] when `t` lies outside the step.
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
        let mut weights = [0.0; MAX_STAGES];
        self.tableau().dense_weights(theta, &mut weights);
        let weights = &weights[..self.tableau().stages()];
        combine(self.state(0), h, weights, self.slopes(), out);
        Ok(())
    }
}
