//! The solution within a step.

use super::coefficients::dense_weights;
use super::stepper::Adams;
use crate::{Real, SolveError};

impl<T: Real> Adams<T> {
    /// Writes the solution at `t` within the last step to `out`.
    ///
    /// It is the integral of the polynomial through the slopes of the last steps, back from the end
    /// of the step. That misses the beginning by far less than the tolerance; a cubic that is 0 with
    /// slope 0 at the end and has slope 0 at the beginning takes up the difference, so that the
    /// solution and its slope are continuous from step to step.
    pub(super) fn within_step(&mut self, t: f64, out: &mut [T]) -> Result<(), SolveError> {
        if t == self.t {
            out.copy_from_slice(&self.state);
            return Ok(());
        }
        let h = self.past.last();
        let theta = 1.0 + (t - self.t) / h;
        if !(self.holds_step && (0.0..=1.0).contains(&theta)) {
            return Err(SolveError::Invalid(format!(
                "t = {t} is outside the last step, {} to {}",
                self.t_prev, self.t
            )));
        }
        if !self.gap_known {
            let mut gap = std::mem::take(&mut self.gap);
            self.integrate_back(self.t_prev - self.t, &mut gap);
            for (gap, before) in gap.iter_mut().zip(&self.before) {
                *gap = *before - *gap;
            }
            self.gap = gap;
            self.gap_known = true;
        }
        self.integrate_back(t - self.t, out);
        let share = T::of((1.0 - theta) * (1.0 - theta) * (1.0 + 2.0 * theta));
        for (value, gap) in out.iter_mut().zip(&self.gap) {
            *value += share * *gap;
        }
        Ok(())
    }

    fn integrate_back(&self, s: f64, out: &mut [T]) {
        let n = self.n;
        let weights = dense_weights(self.order_taken, s, &self.past);
        out.copy_from_slice(&self.state);
        for (row, weight) in self.differences.chunks_exact(n).zip(&weights[..=self.order_taken]) {
            let factor = T::of(s * weight);
            for (sum, difference) in out.iter_mut().zip(row) {
                *sum += factor * *difference;
            }
        }
    }
}
