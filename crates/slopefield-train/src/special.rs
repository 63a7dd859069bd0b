//! Gamma-family functions that likelihoods and priors need.
//!
//! Real positive arguments only. Differences of log-gamma functions that cancel for large
//! arguments have functions of their own. Asymptotic series: NIST Digital Library of Mathematical
//! Functions, 5.11.1 (ln Γ), 5.11.2 (ψ); coefficients are Bernoulli numbers.

mod fraction;
pub(crate) mod tails;

pub use fraction::{beta_fraction, continued_fraction};

/// Argument from which the asymptotic series reach full precision.
pub(crate) const SERIES_FROM: f64 = 12.0;

/// `ln √(2π)`.
pub(crate) const LN_SQRT_2PI: f64 = 0.918_938_533_204_672_8;

/// `ln Γ(x)` for `x > 0`. The error is below 1e-14 in absolute terms up to 12 (where a shift of
/// the argument costs some digits), and below 4e-15 relative from there.
pub(crate) fn ln_gamma(x: f64) -> f64 {
    if x == 1.0 || x == 2.0 {
        return 0.0;
    }
    if x >= SERIES_FROM {
        return stirling(x);
    }
    // Γ(x) = Γ(x + n) / (x (x+1) … (x+n-1)); at most 12 factors below 12, so no overflow.
    let mut shifted = x;
    let mut product = 1.0;
    while shifted < SERIES_FROM {
        product *= shifted;
        shifted += 1.0;
    }
    stirling(shifted) - product.ln()
}

fn stirling(x: f64) -> f64 {
    (x - 0.5) * x.ln() - x + LN_SQRT_2PI + stirling_correction(x)
}

/// `Σ B₂ₖ / (2k (2k-1) x^(2k-1))`, seven terms.
pub(crate) fn stirling_correction(x: f64) -> f64 {
    const C: [f64; 7] = [
        1.0 / 12.0,
        -1.0 / 360.0,
        1.0 / 1260.0,
        -1.0 / 1680.0,
        1.0 / 1188.0,
        -691.0 / 360_360.0,
        1.0 / 156.0,
    ];
    let r = 1.0 / (x * x);
    C.iter().rev().fold(0.0, |sum, c| sum * r + c) / x
}

/// `Σ B₂ₖ / (2k x^(2k))`, seven terms.
fn digamma_series(x: f64) -> f64 {
    const C: [f64; 7] = [
        1.0 / 12.0,
        -1.0 / 120.0,
        1.0 / 252.0,
        -1.0 / 240.0,
        1.0 / 132.0,
        -691.0 / 32_760.0,
        1.0 / 12.0,
    ];
    let r = 1.0 / (x * x);
    C.iter().rev().fold(0.0, |sum, c| sum * r + c) * r
}

/// `ψ(x) = d ln Γ / dx` for `x > 0`.
pub(crate) fn digamma(x: f64) -> f64 {
    let mut shifted = x;
    let mut below = 0.0;
    while shifted < SERIES_FROM {
        below += 1.0 / shifted;
        shifted += 1.0;
    }
    shifted.ln() - 0.5 / shifted - digamma_series(shifted) - below
}

/// `ψ'(x)` for `x > 0`; asymptotic series 5.15.8.
pub(crate) fn trigamma(x: f64) -> f64 {
    const B: [f64; 7] =
        [1.0 / 6.0, -1.0 / 30.0, 1.0 / 42.0, -1.0 / 30.0, 5.0 / 66.0, -691.0 / 2730.0, 7.0 / 6.0];
    let mut shifted = x;
    let mut below = 0.0;
    while shifted < SERIES_FROM {
        below += 1.0 / (shifted * shifted);
        shifted += 1.0;
    }
    let r = 1.0 / (shifted * shifted);
    let series = B.iter().rev().fold(0.0, |sum, b| sum * r + b) * r;
    below + (1.0 + 0.5 / shifted + series) / shifted
}

/// `ln Γ(x + ½) − ln Γ(x)`, without cancellation for large `x`.
pub(crate) fn ln_gamma_half_step(x: f64) -> f64 {
    if x < 50.0 {
        return ln_gamma(x + 0.5) - ln_gamma(x);
    }
    let r = 1.0 / (x * x);
    0.5 * x.ln() - (1.0 / 8.0 - r * (1.0 / 192.0 - r * (1.0 / 640.0 - r * 17.0 / 14_336.0))) / x
}

/// `d/dx` of [`ln_gamma_half_step`].
pub(crate) fn digamma_half_step(x: f64) -> f64 {
    if x < 50.0 {
        return digamma(x + 0.5) - digamma(x);
    }
    let r = 1.0 / (x * x);
    0.5 / x + r * (1.0 / 8.0 - r * (1.0 / 64.0 - r * (1.0 / 128.0 - r * 17.0 / 2048.0)))
}

/// Rising factorial: `ln (x (x+1) … (x+n-1))` for a whole number `n`.
pub(crate) fn ln_rising(x: f64, n: f64) -> f64 {
    if n <= 256.0 {
        let mut sum = 0.0;
        let mut k = 0.0;
        while k < n {
            sum += (x + k).ln();
            k += 1.0;
        }
        return sum;
    }
    if x < SERIES_FROM {
        return ln_gamma(x + n) - ln_gamma(x);
    }
    // Difference of two Stirling series with the large common parts removed by hand.
    let end = x + n;
    (x - 0.5) * (n / x).ln_1p() + n * end.ln() - n + stirling_correction(end)
        - stirling_correction(x)
}

/// `d/dx` of [`ln_rising`].
pub(crate) fn d_ln_rising(x: f64, n: f64) -> f64 {
    if n <= 256.0 {
        let mut sum = 0.0;
        let mut k = 0.0;
        while k < n {
            sum += 1.0 / (x + k);
            k += 1.0;
        }
        return sum;
    }
    if x < SERIES_FROM {
        return digamma(x + n) - digamma(x);
    }
    (n / x).ln_1p() + 0.5 * n / (x * (x + n)) - digamma_series(x + n) + digamma_series(x)
}

#[cfg(test)]
mod tests;
