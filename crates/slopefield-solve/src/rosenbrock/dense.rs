//! The solution within a step.

use super::RosenbrockStages;
use crate::{Real, SolveError};

impl<T: Real> RosenbrockStages<T> {
    /// Writes the solution at `t` within the step held to `out`; exact at both ends.
    ///
    /// # Errors
    /// [`SolveError::Invalid`] when `t` lies outside the step.
    pub(super) fn solution_at(&mut self, t: f64, out: &mut [T]) -> Result<(), SolveError> {
        if t == self.t_new {
            out.copy_from_slice(if self.t == self.t_new { &self.start } else { &self.end });
            return Ok(());
        }
        let theta = (t - self.t) / (self.t_new - self.t);
        if !(0.0..=1.0).contains(&theta) {
            return Err(SolveError::Invalid(format!(
                "t = {t} is outside the last step, {} to {}",
                self.t, self.t_new
            )));
        }
        self.prepare_dense();
        let n = self.n;
        let (theta, rest) = (T::of(theta), T::of(1.0 - theta));
        for (i, out) in out.iter_mut().enumerate() {
            let mut inner = T::ZERO;
            for row in self.dense.chunks_exact(n).rev() {
                inner = row[i] + theta * inner;
            }
            *out = rest * self.start[i] + theta * (self.end[i] + rest * inner);
        }
        Ok(())
    }

    /// Computes the coefficients for the step, when first asked.
    fn prepare_dense(&mut self) {
        if std::mem::replace(&mut self.dense_is_ready, true) {
            return;
        }
        let n = self.n;
        self.dense.fill(T::ZERO);
        for (row, weights) in self.dense.chunks_exact_mut(n).zip(self.table.dense) {
            for (increment, weight) in self.increments.chunks_exact(n).zip(*weights) {
                let weight = T::of(*weight);
                for (sum, u) in row.iter_mut().zip(increment) {
                    *sum += weight * *u;
                }
            }
        }
    }
}
