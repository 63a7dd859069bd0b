//! Dense output of DOP853: the interpolant of order 7 of section II.6, in the form
//! `c0 + s (c1 + r (c2 + s (c3 + r (c4 + s (c5 + r (c6 + s c7))))))`, `s` from 0 to 1, `r = 1 - s`.
//! Its first four coefficients alone are the cubic Hermite polynomial.

use super::tableau::{DENSE, LAST};

/// The interpolant of the last step.
pub struct Dense {
    full: bool,
    /// Eight coefficient vectors, one after the other.
    coefficients: Vec<f64>,
    /// The new state, while the extra stages need the room it was in.
    new: Vec<f64>,
}

const COUNT: usize = 8;

impl Dense {
    /// Room for `n` states; `full` for order 7.
    pub fn new(n: usize, full: bool) -> Self {
        Dense { full, coefficients: vec![0.0; COUNT * n], new: vec![0.0; n] }
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

    /// Makes the interpolant of a step of length `h` from `y` to the state kept, from all stages of the
    /// step.
    pub fn build(&mut self, h: f64, y: &[f64], k: &[f64]) {
        let n = y.len();
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

    /// Degree of the interpolant.
    pub fn degree(&self) -> usize {
        if self.full { COUNT - 1 } else { 3 }
    }

    /// Writes its coefficients of the powers of `s`, those of one power after those of the other.
    pub fn write(&self, out: &mut [f64]) {
        let n = self.new.len();
        for i in 0..n {
            let c = |m: usize| self.coefficients[m * n + i];
            let mut powers = [0.0; COUNT];
            for m in (0..COUNT).rev() {
                // The factor alternates: s below an even coefficient, 1 - s below an odd one.
                for k in (1..COUNT).rev() {
                    let shifted = powers[k - 1];
                    powers[k] = if m % 2 == 0 { shifted } else { powers[k] - shifted };
                }
                powers[0] = if m % 2 == 0 { c(m) } else { powers[0] + c(m) };
            }
            for (row, power) in out.chunks_exact_mut(n).zip(powers) {
                row[i] = power;
            }
        }
    }
}
