//! Dense output of DOP853: the interpolant of order 7 of section II.6, in the form
//! `c0 + s (c1 + r (c2 + s (c3 + r (c4 + s (c5 + r (c6 + s c7))))))`, `s` from 0 to 1, `r = 1 - s`.
//! Its first four coefficients alone are the cubic Hermite polynomial.

use super::tableau::{DENSE, LAST};

/// The interpolant of the last step.
pub struct Dense {
    full: bool,
    t_prev: f64,
    t: f64,
    /// Eight coefficient vectors, one after the other.
    coefficients: Vec<f64>,
    /// The new state, while the extra stages need the room it was in.
    new: Vec<f64>,
}

const COUNT: usize = 8;

impl Dense {
    /// Room for `n` states; `full` for order 7.
    pub fn new(n: usize, full: bool) -> Self {
        Dense { full, t_prev: 0.0, t: 0.0, coefficients: vec![0.0; COUNT * n], new: vec![0.0; n] }
    }

    /// Whether the extra stages are needed.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Keeps the new state of an attempt that passed.
    pub fn keep(&mut self, new: &[f64]) {
        self.new.copy_from_slice(new);
    }

    /// What was kept.
    pub fn kept(&self) -> &[f64] {
        &self.new
    }

    /// Makes the interpolant of a step from `(t_prev, y)` to `t` and the state kept, from all
    /// stages of the step.
    pub fn build(&mut self, t_prev: f64, t: f64, y: &[f64], k: &[f64]) {
        let n = y.len();
        let h = t - t_prev;
        (self.t_prev, self.t) = (t_prev, t);
        for i in 0..n {
            let (slope, new_slope) = (h * k[i], h * k[LAST * n + i]);
            let change = self.new[i] - y[i];
            let c = &mut self.coefficients;
            c[i] = y[i];
            c[n + i] = change;
            c[2 * n + i] = slope - change;
            c[3 * n + i] = change - new_slope - (slope - change);
            if self.full {
                for (m, row) in DENSE.iter().enumerate() {
                    let sum: f64 = row.iter().map(|&(j, weight)| weight * k[j * n + i]).sum();
                    c[(4 + m) * n + i] = h * sum;
                }
            }
        }
    }

    /// The value (`derivative` 0) or slope (1) at `t`.
    pub fn evaluate(&self, t: f64, derivative: u32, out: &mut [f64]) {
        let n = out.len();
        let h = self.t - self.t_prev;
        let s = (t - self.t_prev) / h;
        for (i, out) in out.iter_mut().enumerate() {
            let (mut p, mut dp) = (self.coefficients[(COUNT - 1) * n + i], 0.0);
            for m in (0..COUNT - 1).rev() {
                // The factor alternates: s below an even coefficient, 1 - s below an odd one.
                let (factor, slope) = if m % 2 == 0 { (s, 1.0) } else { (1.0 - s, -1.0) };
                dp = slope * p + factor * dp;
                p = self.coefficients[m * n + i] + factor * p;
            }
            *out = if derivative == 0 { p } else { dp / h };
        }
    }
}
