//! Logarithms of lower tails with their slopes, exact where the tails themselves would be 0.

use super::{LN_SQRT_2PI, beta_fraction, ln_gamma_half_step};
use std::f64::consts::{FRAC_1_SQRT_2, LN_2, PI};

/// The logarithm of a lower tail `F(z)` at a place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Tail {
    /// `ln F(z)`.
    pub ln: f64,
    /// `(ln F)' = f/F` with the density `f`.
    pub slope: f64,
    /// `−(ln F)''`.
    pub bend: f64,
}

/// Of the standard normal distribution.
pub(crate) fn normal(z: f64) -> Tail {
    // Below, the ratio F/f by its continued fraction (NIST DLMF 7.9.1); 60 terms are exact from 5 on.
    let (ln, slope) = if z < -5.0 {
        let x = -z;
        let inverse = (1..=60u32).rev().fold(x, |rest, k| x + f64::from(k) / rest);
        (-0.5 * z * z - LN_SQRT_2PI - inverse.ln(), inverse)
    } else {
        let above = 0.5 * libm::erfc(z * FRAC_1_SQRT_2);
        let below = 0.5 * libm::erfc(-z * FRAC_1_SQRT_2);
        let ln = if z > 0.0 { (-above).ln_1p() } else { below.ln() };
        (ln, (-0.5 * z * z - LN_SQRT_2PI).exp() / below)
    };
    Tail { ln, slope, bend: slope * (z + slope) }
}

/// Of the Laplace distribution with scale 1.
pub(crate) fn laplace(z: f64) -> Tail {
    if z < 0.0 {
        return Tail { ln: z - LN_2, slope: 1.0, bend: 0.0 };
    }
    let above = 0.5 * (-z).exp();
    let slope = above / (1.0 - above);
    Tail { ln: (-above).ln_1p(), slope, bend: slope + slope * slope }
}

/// Of Student's distribution with `df` degrees of freedom.
pub(crate) fn student_t(z: f64, df: f64) -> Tail {
    let ln = ln_student_t(z, df);
    let density = ln_gamma_half_step(0.5 * df)
        - 0.5 * (df * PI).ln()
        - 0.5 * (df + 1.0) * (z * z / df).ln_1p();
    let slope = (density - ln).exp();
    Tail { ln, slope, bend: slope * ((df + 1.0) * z / (df + z * z) + slope) }
}

/// Slopes of `ln F` of Student's distribution by the degrees of freedom: the first, the second, and
/// that of `(ln F)'`. They have no closed form; these are differences of sixth order of `ln F`, which
/// is known to rounding, so ten digits and more are right.
pub(crate) fn student_t_by_df(z: f64, df: f64) -> (f64, f64, f64) {
    let h = 0.01 * df;
    let at = |k: f64| {
        let tail = student_t(z, df + k * h);
        (tail.ln, tail.slope)
    };
    let [one, two, three] = [1.0, 2.0, 3.0].map(|k| (at(k), at(-k)));
    let middle = at(0.0).0;
    let first = |part: fn((f64, f64)) -> f64| {
        let odd = |pair: ((f64, f64), (f64, f64))| part(pair.0) - part(pair.1);
        (45.0 * odd(one) - 9.0 * odd(two) + odd(three)) / (60.0 * h)
    };
    let even = |pair: ((f64, f64), (f64, f64))| (pair.0.0 - middle) + (pair.1.0 - middle);
    let second = (270.0 * even(one) - 27.0 * even(two) + 2.0 * even(three)) / (180.0 * h * h);
    (first(|p| p.0), second, first(|p| p.1))
}

/// `ln F(z)` by the incomplete beta function (Abramowitz and Stegun 26.7.1).
fn ln_student_t(z: f64, df: f64) -> f64 {
    if z > 0.0 {
        return (-ln_student_t(-z, df).exp()).ln_1p();
    }
    if z == 0.0 {
        return -LN_2;
    }
    let (a, q) = (0.5 * df, z * z / df);
    let x = 1.0 / (1.0 + q);
    // x^a (1 - x)^½ / B(a, ½), and 1 - x without cancellation.
    let rest = if q.is_finite() { q / (1.0 + q) } else { 1.0 };
    let ln_x = if q.is_finite() { -q.ln_1p() } else { df.ln() - 2.0 * z.abs().ln() };
    let front = ln_gamma_half_step(a) - 0.5 * PI.ln() + a * ln_x + 0.5 * rest.ln();
    if x <= (a + 1.0) / (a + 2.5) {
        front - a.ln() - beta_fraction(a, 0.5, x).ln() - LN_2
    } else {
        let middle = (front + LN_2).exp() / beta_fraction(0.5, a, rest);
        (-middle).ln_1p() - LN_2
    }
}

#[cfg(test)]
mod tests;
