//! Coefficients of Adams methods on steps of varying length.
//!
//! With the times `t_n, t_{n−1}, …` of past steps and `ψ_i(n+1) = t_{n+1} − t_{n+1−i}`, the
//! predictor of order `k` is `u_n + h Σ_{j<k} g_j β_j Φ_j(n)` with the modified divided differences
//! `Φ_j` of the slopes: Hairer, Nørsett, Wanner, *Solving ODEs I*, section III.5, equations
//! 5.6–5.12 (Krogh 1969; Shampine and Gordon 1975).

use super::MAX_ORDER;

/// Entries that a step of the highest order needs.
pub(super) const LENGTH: usize = MAX_ORDER + 3;

/// Size of the leading error term of the corrector of order `j` on equal steps, `|γ*_j|`. From
/// `Σ_{i≤m} γ*_i / (m + 1 − i) = 0`, `γ*_0 = 1` (same book, equation III.1.13).
pub(super) const EQUAL_STEP_ERROR: [f64; LENGTH] = equal_step_error();

const fn equal_step_error() -> [f64; LENGTH] {
    let mut signed = [0.0; LENGTH];
    signed[0] = 1.0;
    let mut size = [1.0; LENGTH];
    let mut m = 1;
    while m < LENGTH {
        let mut i = 0;
        while i < m {
            signed[m] -= signed[i] / (m + 1 - i) as f64;
            i += 1;
        }
        size[m] = signed[m].abs();
        m += 1;
    }
    size
}

/// Lengths of the past steps, signed, the latest first.
#[derive(Debug, Clone, Default)]
pub(super) struct PastSteps {
    lengths: [f64; LENGTH],
}

impl PastSteps {
    /// As if all steps before the first had its length `h`. Only the differences of a history that
    /// does not exist are multiplied by what follows from that, and they are 0.
    pub(super) fn begin(&mut self, h: f64) {
        self.lengths = [h; LENGTH];
    }

    /// A step was taken.
    pub(super) fn push(&mut self, h: f64) {
        self.lengths.copy_within(..LENGTH - 1, 1);
        self.lengths[0] = h;
    }

    /// Length of the last step.
    pub(super) fn last(&self) -> f64 {
        self.lengths[0]
    }
}

/// Coefficients of one step.
#[derive(Debug, Clone, Default)]
pub(super) struct Coefficients {
    /// `β_j`.
    pub beta: [f64; LENGTH],
    /// `g_j`.
    pub g: [f64; LENGTH],
    /// What the difference of order `j` is multiplied by to be as if all steps were this long.
    pub sigma: [f64; LENGTH],
}

impl Coefficients {
    /// For a step of order `k` and length `h`.
    pub(super) fn prepare(&mut self, k: usize, h: f64, past: &PastSteps) {
        let mut w: [f64; LENGTH + 1] = std::array::from_fn(|i| 1.0 / (i + 1) as f64);
        let (mut before, mut after) = (0.0, h); // ψ_{j}(n), ψ_{j}(n+1)
        (self.beta[0], self.g[0], self.sigma[0]) = (1.0, 1.0, 1.0);
        for j in 1..=k {
            before += past.lengths[j - 1];
            let ratio = h / after;
            for q in 0..=k - j {
                w[q] -= ratio * w[q + 1];
            }
            self.g[j] = w[0];
            self.beta[j] = self.beta[j - 1] * after / before;
            self.sigma[j] = self.sigma[j - 1] * j as f64 * ratio;
            after = h + before;
        }
    }
}

/// Weights `g_j`, `j ≤ k`, with which the solution a time `s` from the end of the last step is
/// `u_{n+1} + s Σ g_j Φ_j(n+1)`: the integral of the polynomial through the last `k + 1` slopes.
pub(super) fn dense_weights(k: usize, s: f64, past: &PastSteps) -> [f64; LENGTH] {
    let mut w: [f64; LENGTH] = std::array::from_fn(|i| 1.0 / (i + 1) as f64);
    let mut g = [0.0; LENGTH];
    g[0] = 1.0;
    let mut before = 0.0; // ψ_{j−1}(n+1)
    for (j, weight) in g.iter_mut().enumerate().take(k + 1).skip(1) {
        let psi = before + past.lengths[j - 1];
        for q in 0..=k - j {
            w[q] = ((s + before) * w[q] - s * w[q + 1]) / psi;
        }
        *weight = w[0];
        before = psi;
    }
    g
}
