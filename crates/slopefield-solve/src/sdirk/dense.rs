//! The solution within a step.

use super::DiagonallyImplicit;
use super::stages::add;
use super::tableau::MAX_STAGES;
use crate::{Real, SolveError};

impl<T: Real> DiagonallyImplicit<T> {
    /// Solution within the step held.
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
        let mut weights = [0.0; MAX_STAGES];
        self.tableau.dense_weights(theta, &mut weights);
        out.copy_from_slice(&self.start);
        for (weight, z) in weights.iter().zip(self.increments.chunks_exact(self.n)) {
            add(out, *weight, z);
        }
        for (weight, r) in weights.iter().zip(self.rest.chunks_exact(self.n)) {
            add(out, *weight, r);
        }
        Ok(())
    }
}
