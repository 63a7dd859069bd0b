//! Where a measurement lies: the model's value with the scatter of its noise model, for values
//! that are themselves uncertain.
//!
//! Each draw from a posterior gives a value of the model with noise arguments, hence a distribution
//! of a measurement. What is known of a measurement is the mean of these distributions over the
//! draws (the posterior predictive distribution). Its quantiles are found by bisection.

use slopefield_train::{MAX_ARGUMENTS, NoiseKind, beta_fraction, continued_fraction};

/// What one draw says of a measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Predicted {
    /// The model's value.
    pub value: f64,
    /// Arguments of the noise model; unused ones are 0.
    pub arguments: [f64; MAX_ARGUMENTS],
}

/// Probability of a measurement of at most `y`; `None` where the noise model has no ordered
/// measurements with a scale (least squares, categories) or does not exist for the arguments.
#[must_use]
pub fn distribution(noise: NoiseKind, y: f64, at: &Predicted) -> Option<f64> {
    let (m, [a, b]) = (at.value, at.arguments);
    let positive = |x: f64| (x > 0.0 && x.is_finite()).then_some(x);
    if !m.is_finite() {
        return None;
    }
    Some(match noise {
        NoiseKind::LeastSquares | NoiseKind::Bernoulli | NoiseKind::Categorical => return None,
        NoiseKind::Normal => normal((y - m) / positive(a)?),
        NoiseKind::LogNormal => {
            let (m, s) = (positive(m)?, positive(a)?);
            if y > 0.0 { normal((y.ln() - m.ln()) / s) } else { 0.0 }
        }
        NoiseKind::Laplace => {
            let r = (y - m) / positive(a)?;
            if r < 0.0 { 0.5 * r.exp() } else { 1.0 - 0.5 * (-r).exp() }
        }
        NoiseKind::StudentT => {
            let (df, r) = (positive(a)?, (y - m) / positive(b)?);
            let tail = 0.5 * beta_ratio(0.5 * df, 0.5, df / (df + r * r));
            if r < 0.0 { tail } else { 1.0 - tail }
        }
        NoiseKind::Poisson => match y < 0.0 || m < 0.0 {
            true => return (m >= 0.0).then_some(0.0),
            false => gamma_ratio_above(y.floor() + 1.0, m),
        },
        NoiseKind::NegativeBinomial => match y < 0.0 || m < 0.0 {
            true => return (m >= 0.0).then_some(0.0),
            false => beta_ratio(positive(a)?, y.floor() + 1.0, a / (a + m)),
        },
        NoiseKind::Binomial => {
            let (n, k) = (positive(a)?, y.floor());
            if !(0.0..=1.0).contains(&m) {
                return None;
            }
            match k {
                k if k < 0.0 => 0.0,
                k if k >= n => 1.0,
                k => beta_ratio(n - k, k + 1.0, 1.0 - m),
            }
        }
    })
}

/// Values below which a measurement lies with the probabilities `shares`, over all draws that have
/// a distribution; `None` when none has. For counts the least whole number that reaches the share.
#[must_use]
pub fn measured_quantiles<const N: usize>(
    noise: NoiseKind,
    draws: &[Predicted],
    shares: [f64; N],
) -> Option<[f64; N]> {
    let mean = |y: f64| -> Option<f64> {
        let all = draws.iter().filter_map(|at| distribution(noise, y, at));
        let (sum, count) = all.fold((0.0, 0u32), |(sum, count), p| (sum + p, count + 1));
        (count > 0).then(|| sum / f64::from(count))
    };
    let values = || draws.iter().map(|at| at.value).filter(|v| v.is_finite());
    let low = values().fold(f64::INFINITY, f64::min);
    let high = values().fold(f64::NEG_INFINITY, f64::max);
    mean(low)?;
    let counts =
        matches!(noise, NoiseKind::Poisson | NoiseKind::NegativeBinomial | NoiseKind::Binomial);
    let mut found = [f64::NAN; N];
    for (found, share) in found.iter_mut().zip(shares) {
        *found = match counts {
            true => least_count(&mean, share)?,
            false if noise == NoiseKind::LogNormal => {
                let log = |y: f64| mean(y.exp());
                let positive = values().filter(|v| *v > 0.0).map(f64::ln);
                let (low, high) = positive
                    .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
                crossing(&log, low, high, share)?.exp()
            }
            false => crossing(&mean, low, high, share)?,
        };
    }
    Some(found)
}

/// Where a rising function reaches a share, from a first guess of the range it is in.
fn crossing(of: &dyn Fn(f64) -> Option<f64>, low: f64, high: f64, share: f64) -> Option<f64> {
    let (mut low, mut high) = (low, high);
    let mut step = (high - low).max(1e-6 * low.abs().max(high.abs())).max(1e-300);
    while of(low)? > share {
        low -= step;
        step *= 2.0;
        low.is_finite().then_some(())?;
    }
    while of(high)? < share {
        high += step;
        step *= 2.0;
        high.is_finite().then_some(())?;
    }
    // Until the bracket is as narrow as a curve on a screen can tell, a thousand times over.
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if high - low <= 1e-9 * low.abs().max(high.abs()) || middle <= low || middle >= high {
            break;
        }
        if of(middle)? < share { low = middle } else { high = middle }
    }
    Some(0.5 * (low + high))
}

/// The least whole number from 0 at which a rising function reaches a share.
fn least_count(of: &dyn Fn(f64) -> Option<f64>, share: f64) -> Option<f64> {
    if of(0.0)? >= share {
        return Some(0.0);
    }
    let (mut low, mut high) = (0.0f64, 1.0f64);
    while of(high)? < share {
        low = high;
        high *= 2.0;
        // Beyond, whole numbers are no longer told apart.
        (high < 9e15).then_some(())?;
    }
    while high - low > 1.0 {
        let middle = (0.5 * (low + high)).floor();
        if of(middle)? < share { low = middle } else { high = middle }
    }
    Some(high)
}

fn normal(x: f64) -> f64 {
    0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

/// Terms of the series below at most; they need about the root of their largest argument.
const TERMS: u32 = 100_000;
/// Relative change below which a series has converged.
const PRECISION: f64 = 1e-15;

/// Regularised incomplete beta function `I_x(a, b)` for positive `a` and `b` (NIST DLMF 8.17.22).
fn beta_ratio(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    // The fraction converges fast on this side of the mean.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - beta_ratio(b, a, 1.0 - x);
    }
    let scale = libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b);
    let front = (scale + a * x.ln() + b * (-x).ln_1p()).exp() / a;
    (front / beta_fraction(a, b, x)).clamp(0.0, 1.0)
}

/// Regularised upper incomplete gamma function `Q(a, x)` for `a > 0`, `x ≥ 0` (NIST DLMF 8.7.1 and
/// 8.9.2).
fn gamma_ratio_above(a: f64, x: f64) -> f64 {
    if x == 0.0 {
        return 1.0;
    }
    let front = (a * x.ln() - x - libm::lgamma(a)).exp();
    if x < a + 1.0 {
        let (mut term, mut sum) = (1.0 / a, 1.0 / a);
        for k in 1..TERMS {
            term *= x / (a + f64::from(k));
            sum += term;
            if term < PRECISION * sum {
                break;
            }
        }
        return (1.0 - front * sum).clamp(0.0, 1.0);
    }
    let fraction = continued_fraction(x + 1.0 - a, |k| {
        let k = f64::from(k);
        (-k * (k - a), x + 2.0 * k + 1.0 - a)
    });
    (front / fraction).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests;
