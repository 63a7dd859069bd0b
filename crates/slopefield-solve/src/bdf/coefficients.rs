//! Constants of the formulas of each order.
//!
//! With backward differences `∇^j u_{n+1}` on steps of one length `h`, the prediction
//! `u⁰ = Σ_{j≤k} ∇^j u_n` and `d = u_{n+1} − u⁰ = ∇^{k+1} u_{n+1}`, the formula of order `k` is
//! `(1 − κ_k) γ_k d + Σ_{j=1}^k γ_j ∇^j u_n = h f(t_{n+1}, u_{n+1})` (Shampine and Reichelt,
//! equation 3, rearranged as in their section 2.2).

/// Highest order. Methods of order 6 are of no use: they are stable in too narrow a sector.
pub const MAX_ORDER: usize = 5;

/// Differences that are kept, the state among them: up to order `k + 2`.
pub(super) const ROWS: usize = MAX_ORDER + 3;

/// `κ_k`, from table 1 of Shampine and Reichelt: chosen there for the smallest error at which the
/// angle of stability is nearly that of backward differentiation. They also multiply the highest
/// difference of the step, so order `k` holds for any value.
const KAPPA: [f64; MAX_ORDER + 2] = [0.0, -0.1850, -1.0 / 9.0, -0.0823, -0.0415, 0.0, 0.0];

/// `γ_k = Σ_{j≤k} 1/j`.
pub const GAMMA: [f64; MAX_ORDER + 2] = {
    let mut sums = [0.0; MAX_ORDER + 2];
    let mut k = 1;
    while k < sums.len() {
        sums[k] = sums[k - 1] + 1.0 / k as f64;
        k += 1;
    }
    sums
};

/// `(1 − κ_k) γ_k`: the Newton matrix is `M − h/α_k J`.
pub const ALPHA: [f64; MAX_ORDER + 2] = {
    let mut alpha = [1.0; MAX_ORDER + 2];
    let mut k = 1;
    while k < alpha.len() {
        alpha[k] = (1.0 - KAPPA[k]) * GAMMA[k];
        k += 1;
    }
    alpha
};

/// The local error is this times `d`: `κ_k γ_k + 1/(k+1)`.
pub(super) const ERROR: [f64; MAX_ORDER + 2] = {
    let mut error = [1.0; MAX_ORDER + 2];
    let mut k = 1;
    while k < error.len() {
        error[k] = KAPPA[k] * GAMMA[k] + 1.0 / (k + 1) as f64;
        k += 1;
    }
    error
};

/// What turns differences up to order `k` on steps of `h` into those on steps of `ratio · h` of the
/// same polynomial: `∇_new^j = Σ_i transform[i][j] ∇^i`.
pub(super) fn transform(k: usize, ratio: f64) -> [[f64; MAX_ORDER + 1]; MAX_ORDER + 1] {
    // The polynomial at −j·ratio steps is Σ_i ∇^i Π_{m<i} (m − j·ratio)/(m + 1); differences are
    // sums of such values with the binomial coefficients that the same products give at ratio 1.
    let products = |ratio: f64| {
        let mut r = [[0.0; MAX_ORDER + 1]; MAX_ORDER + 1];
        r[0] = [1.0; MAX_ORDER + 1];
        for i in 1..=k {
            let (m, above) = ((i - 1) as f64, r[i - 1]);
            for (j, entry) in r[i][..=k].iter_mut().enumerate() {
                *entry = above[j] * (m - ratio * j as f64) / (m + 1.0);
            }
        }
        r
    };
    let (values, binomials) = (products(ratio), products(1.0));
    let mut out = [[0.0; MAX_ORDER + 1]; MAX_ORDER + 1];
    for i in 0..=k {
        for j in 0..=k {
            out[i][j] = (0..=k).map(|l| values[i][l] * binomials[l][j]).sum();
        }
    }
    out
}

/// Spacings that differ by less than this are the same.
const SAME_SPACING: f64 = 1e-9;

/// What changes the spacing of the differences of a method of order `k`, [`transform`]; none where the
/// spacings are the same.
pub fn respacing(k: usize, from: f64, to: f64) -> Option<[[f64; MAX_ORDER + 1]; MAX_ORDER + 1]> {
    let ratio = to / from;
    if (ratio - 1.0).abs() < SAME_SPACING { None } else { Some(transform(k, ratio)) }
}

/// The weights of the differences of order 0 to `k` in the polynomial through the latest states, at `s`
/// steps from the last (`−1 ≤ s ≤ 0` within the step).
pub fn weights_within(k: usize, s: f64) -> [f64; MAX_ORDER + 1] {
    let mut weights = [0.0; MAX_ORDER + 1];
    weights[0] = 1.0;
    let mut product = 1.0;
    for (j, weight) in weights.iter_mut().enumerate().take(k + 1).skip(1) {
        let m = (j - 1) as f64;
        product *= (s + m) / (m + 1.0);
        *weight = product;
    }
    weights
}
