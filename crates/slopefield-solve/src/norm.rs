//! The norm in which a step's error is measured: scaled root mean square.
//!
//! Each component is divided by `atol_i + rtol·max(|before_i|, |after_i|)`, so a norm of 1 means
//! "just accurate enough" (Hairer, Nørsett, Wanner, *Solving ODEs I*, eq. II.4.11).

use crate::{Real, Settings};

/// Scaled root-mean-square norm with an absolute tolerance per state.
#[derive(Debug, Clone, Default)]
pub struct ErrorNorm {
    rtol: f64,
    atol: Vec<f64>,
    reciprocal_length: f64,
}

impl ErrorNorm {
    /// Takes the tolerances of `settings` for `n` states; allocates only when `n` grows.
    pub fn configure(&mut self, settings: &Settings, n: usize) {
        self.rtol = settings.rtol;
        self.reciprocal_length = 1.0 / n as f64;
        self.atol.clear();
        if settings.atol.len() == n {
            self.atol.extend_from_slice(&settings.atol);
        } else {
            self.atol.resize(n, settings.atol[0]);
        }
    }

    /// Relative tolerance.
    pub(crate) fn rtol(&self) -> f64 {
        self.rtol
    }

    /// Absolute tolerance of each state.
    pub(crate) fn atol(&self) -> &[f64] {
        &self.atol
    }

    /// What an error of state `i` is measured against where it goes from `before` to `after`.
    pub(crate) fn scale(&self, i: usize, before: f64, after: f64) -> f64 {
        (self.atol[i] + self.rtol * before.abs().max(after.abs())).max(f64::MIN_POSITIVE)
    }

    /// Norm of the error estimate `error` of a step from `before` to `after`. NaN where any of
    /// them is NaN, and also where `after` is infinite.
    pub fn of_error<T: Real>(&self, error: &[T], before: &[T], after: &[T]) -> f64 {
        self.square_of_error(error, before, after).sqrt()
    }

    /// The square of [`ErrorNorm::of_error`]. The next step waits for this number, and neither
    /// the comparison with 1 nor the controller needs the root.
    pub fn square_of_error<T: Real>(&self, error: &[T], before: &[T], after: &[T]) -> f64 {
        let n = error.len();
        let (before, after, atol) = (&before[..n], &after[..n], &self.atol[..n]);
        let mut sum = 0.0;
        for i in 0..n {
            let (error, before, after) = (error[i].f64(), before[i].f64(), after[i].f64());
            // An infinite `after` would make the scale infinite and hide itself: ∞·0 is NaN.
            let poison = after * 0.0;
            let scale = atol[i] + self.rtol * before.abs().max(after.abs());
            let ratio = (error + poison) / scale.max(f64::MIN_POSITIVE);
            sum += ratio * ratio;
        }
        sum * self.reciprocal_length
    }

    /// The square of the norm of `a − b`.
    pub(crate) fn square_of_difference<T: Real>(&self, a: &[T], b: &[T]) -> f64 {
        let mut sum = 0.0;
        for ((a, b), atol) in a.iter().zip(b).zip(&self.atol) {
            let (a, b) = (a.f64(), b.f64());
            let scale = atol + self.rtol * a.abs().max(b.abs());
            let ratio = (a - b) / scale.max(f64::MIN_POSITIVE);
            sum += ratio * ratio;
        }
        sum * self.reciprocal_length
    }

    /// Norm of `value` scaled by the tolerances at the state `at`.
    pub fn of_value<T: Real>(&self, value: &[T], at: &[T]) -> f64 {
        self.of_error(value, at, at)
    }
}
