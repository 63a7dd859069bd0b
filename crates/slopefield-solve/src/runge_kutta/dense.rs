//! The solution within a step.

use super::stages::{Stages, combine, combine_fixed};
use super::tableau::{MAX_DENSE_STAGES, MAX_STAGES, Tableau, dense_weight};
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
        if self.tableau().extra.a.is_empty() {
            match *self.tableau().dense {
                [a, b, c, d] => {
                    self.combine_fixed_dense([a, b, c, d], h, theta, out);
                    return Ok(());
                }
                [a, b, c, d, e, f, g] => {
                    self.combine_fixed_dense([a, b, c, d, e, f, g], h, theta, out);
                    return Ok(());
                }
                _ => {}
            }
        }
        let stages = self.tableau().dense_stages();
        if stages <= MAX_STAGES {
            self.combine_dense(h, theta, &mut [0.0; MAX_STAGES][..stages], out);
            return Ok(());
        }
        self.combine_dense(h, theta, &mut [0.0; MAX_DENSE_STAGES][..stages], out);
        Ok(())
    }

    /// Writes the slope of the interpolant at `t` within the last step to `out`. A sum of the slopes
    /// of the stages, so a short step loses no digits.
    pub(crate) fn interpolate_slope(&self, t: f64, out: &mut [T]) {
        let (t_prev, t_new) = self.ends();
        let theta = (t - t_prev) / (t_new - t_prev);
        let mut weights = [0.0; MAX_DENSE_STAGES];
        let weights = &mut weights[..self.tableau().dense_stages()];
        self.tableau().dense_slope_weights(theta, weights);
        out.fill(T::ZERO);
        for (&weight, slope) in weights.iter().zip(self.slopes().chunks_exact(out.len())) {
            // Extra stages of weight 0 may never have been evaluated.
            if weight != 0.0 {
                for (sum, k) in out.iter_mut().zip(slope) {
                    *sum += T::of(weight) * *k;
                }
            }
        }
    }

    /// The usual numbers of stages: weights that go through memory would hold up the sum.
    #[inline(always)]
    fn combine_fixed_dense<const TERMS: usize>(
        &self,
        dense: [&[f64]; TERMS],
        h: f64,
        theta: f64,
        out: &mut [T],
    ) {
        let weights: [f64; TERMS] = std::array::from_fn(|j| dense_weight(dense[j], theta));
        combine_fixed(self.state(0), h, &weights, self.slopes(), out);
    }

    fn combine_dense(&self, h: f64, theta: f64, weights: &mut [f64], out: &mut [T]) {
        self.tableau().dense_weights(theta, weights);
        combine(self.state(0), h, weights, self.slopes(), out);
    }
}

impl Tableau {
    /// Writes the derivatives `b_i'(θ)` of the interpolation weights to the first
    /// [`Tableau::dense_stages`] entries.
    pub(crate) fn dense_slope_weights(&self, theta: f64, weights: &mut [f64]) {
        self.dense_derivative_weights(1, theta, weights);
    }

    /// Writes the derivatives of order `order`, at most 2, of the interpolation weights `b_i(θ)` by
    /// `θ` to the first [`Tableau::dense_stages`] entries.
    pub fn dense_derivative_weights(&self, order: usize, theta: f64, weights: &mut [f64]) {
        if order == 0 {
            return self.dense_weights(theta, weights);
        }
        if self.extra.a.is_empty() {
            // Of the term with θ^(j + 1).
            let factor = |j: usize| {
                let power = j as f64 + 1.0;
                if order == 1 { power } else { power * (power - 1.0) }
            };
            for (weight, row) in weights.iter_mut().zip(self.dense) {
                let first = order - 1;
                let terms = row.iter().enumerate().skip(first).rev();
                *weight = terms.fold(0.0, |sum, (j, c)| sum * theta + factor(j) * c);
            }
            return;
        }
        // With x = 2 θ − 1: (θ T_j)' = T_j + 2 θ T_j' and (θ T_j)'' = 4 T_j' + 4 θ T_j'', where
        // T_j' = 2 T_(j−1) + 2 x T_(j−1)' − T_(j−2)' and T_j'' = 4 T_(j−1)' + 2 x T_(j−1)'' − T_(j−2)''.
        let x = 2.0 * theta - 1.0;
        let mut value = [1.0, x, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        let mut slope = [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        let mut curve = [0.0; 12];
        for j in 2..value.len() {
            value[j] = 2.0 * x * value[j - 1] - value[j - 2];
            slope[j] = 2.0 * value[j - 1] + 2.0 * x * slope[j - 1] - slope[j - 2];
            curve[j] = 4.0 * slope[j - 1] + 2.0 * x * curve[j - 1] - curve[j - 2];
        }
        let basis: [f64; 12] = std::array::from_fn(|j| match order {
            1 => value[j] + 2.0 * theta * slope[j],
            _ => 4.0 * slope[j] + 4.0 * theta * curve[j],
        });
        for (weight, row) in weights.iter_mut().zip(self.extra.dense) {
            *weight = row.iter().zip(basis).map(|(d, b)| d * b).sum();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::MAX_DENSE_STAGES;
    use crate::runge_kutta::{BS3, TSIT5, VERN6, VERN9};

    #[test]
    fn slopes_of_weights_are_their_derivatives() {
        for table in [&BS3, &TSIT5, &VERN6, &VERN9] {
            let at = |theta: f64| {
                let mut weights = [0.0; MAX_DENSE_STAGES];
                table.dense_weights(theta, &mut weights[..table.dense_stages()]);
                weights
            };
            for theta in [0.0, 0.3, 0.8, 1.0] {
                let mut slopes = [0.0; MAX_DENSE_STAGES];
                table.dense_slope_weights(theta, &mut slopes[..table.dense_stages()]);
                let mut curves = [0.0; MAX_DENSE_STAGES];
                let every = ..table.dense_stages();
                table.dense_derivative_weights(2, theta, &mut curves[every]);
                let here = at(theta);
                let h = 1e-3;
                let (a, b, c, d) =
                    (at(theta - 2.0 * h), at(theta - h), at(theta + h), at(theta + 2.0 * h));
                for i in 0..table.dense_stages() {
                    let difference = (8.0 * (c[i] - b[i]) - (d[i] - a[i])) / (12.0 * h);
                    let error = (slopes[i] - difference).abs();
                    assert!(error < 1e-6, "{} weight {i} at {theta}: {error:e}", table.id);
                    let difference =
                        (16.0 * (b[i] + c[i]) - (a[i] + d[i]) - 30.0 * here[i]) / (12.0 * h * h);
                    let error = (curves[i] - difference).abs();
                    assert!(error < 1e-4, "{} curve {i} at {theta}: {error:e}", table.id);
                }
            }
        }
    }
}
