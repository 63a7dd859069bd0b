//! The solution within a step.

use super::Radau;
use super::coefficients::collocation_weights;
use crate::{Real, SolveError};

impl<T: Real> Radau<T> {
    /// The collocation polynomial, which is the solution within the step held.
    pub(super) fn interpolated(&self, t: f64, out: &mut [T]) -> Result<(), SolveError> {
        let (t_prev, t_new) = (self.t, self.t_new);
        if t == t_new {
            out.copy_from_slice(if t_prev == t_new { &self.start } else { &self.end });
            return Ok(());
        }
        let theta = (t - t_prev) / (t_new - t_prev);
        if !(0.0..=1.0).contains(&theta) {
            return Err(SolveError::Invalid(format!(
                "t = {t} is outside the last step, {t_prev} to {t_new}"
            )));
        }
        let n = self.n;
        let [a, b, c] = collocation_weights(theta).map(T::of);
        for (k, out) in out.iter_mut().enumerate() {
            let z = a * self.stages[k] + b * self.stages[n + k] + c * self.stages[2 * n + k];
            *out = self.start[k] + z;
        }
        Ok(())
    }
}
