//! Random measurements under the noise models.

use crate::normal;
use nuts_rs::rand::{RngExt, rngs::StdRng};
use slopefield_train::NoiseKind;

/// A measurement around `value`. `sigma` is the standard deviation of least squares. NaN where the
/// distribution does not exist.
pub(crate) fn measurement(
    kind: NoiseKind,
    value: f64,
    arguments: &[f64],
    sigma: Option<f64>,
    rng: &mut StdRng,
) -> f64 {
    let argument = |k: usize| arguments.get(k).copied().unwrap_or(f64::NAN);
    if !value.is_finite() || !arguments.iter().all(|a| a.is_finite()) {
        return f64::NAN;
    }
    match kind {
        NoiseKind::LeastSquares => value + sigma.unwrap_or(f64::NAN) * gauss(rng),
        NoiseKind::Normal => value + argument(0) * gauss(rng),
        NoiseKind::LogNormal => value * (argument(0) * gauss(rng)).exp(),
        NoiseKind::Laplace => {
            let u = uniform(rng) - 0.5;
            value - argument(0) * u.signum() * (-2.0 * u.abs()).ln_1p()
        }
        NoiseKind::StudentT => {
            let df = argument(0);
            value + argument(1) * gauss(rng) / (2.0 * gamma(0.5 * df, rng) / df).sqrt()
        }
        NoiseKind::Poisson => poisson(value, rng),
        NoiseKind::NegativeBinomial => {
            let phi = argument(0);
            poisson(gamma(phi, rng) * value / phi, rng)
        }
        NoiseKind::Binomial => binomial(argument(0), value, rng),
        NoiseKind::Bernoulli | NoiseKind::Categorical => f64::from(u8::from(uniform(rng) < value)),
    }
}

/// In (0, 1).
pub(crate) fn uniform(rng: &mut StdRng) -> f64 {
    rng.random_range(f64::EPSILON..1.0)
}

/// A standard normal number.
pub(crate) fn gauss(rng: &mut StdRng) -> f64 {
    normal::quantile(uniform(rng))
}

/// A gamma number of scale 1 (G. Marsaglia, W. W. Tsang, ACM TOMS 26 (2000)).
fn gamma(shape: f64, rng: &mut StdRng) -> f64 {
    if !(shape > 0.0) {
        return f64::NAN;
    }
    if shape < 1.0 {
        let u = uniform(rng);
        return gamma(shape + 1.0, rng) * u.powf(1.0 / shape);
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = gauss(rng);
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && uniform(rng).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

/// A Poisson number; large means are split at a gamma number (J. H. Ahrens, U. Dieter, Computing
/// 12 (1974)).
fn poisson(mut mean: f64, rng: &mut StdRng) -> f64 {
    if !(mean >= 0.0 && mean.is_finite()) {
        return f64::NAN;
    }
    let mut count = 0.0;
    while mean > 15.0 {
        let events = (0.875 * mean).floor();
        let time = gamma(events, rng);
        if time > mean {
            return count + binomial(events - 1.0, mean / time, rng);
        }
        count += events;
        mean -= time;
    }
    let mut product = uniform(rng);
    let limit = (-mean).exp();
    while product > limit {
        count += 1.0;
        product *= uniform(rng);
    }
    count
}

/// A binomial number; many trials are split at their median (the same source).
fn binomial(mut trials: f64, mut p: f64, rng: &mut StdRng) -> f64 {
    if !(trials >= 0.0 && trials.is_finite() && (0.0..=1.0).contains(&p)) {
        return f64::NAN;
    }
    let mut count = 0.0;
    while trials > 20.0 {
        let middle = 1.0 + (0.5 * trials).floor();
        let (a, b) = (gamma(middle, rng), gamma(trials + 1.0 - middle, rng));
        let x = a / (a + b);
        if x <= p {
            count += middle;
            trials -= middle;
            p = ((p - x) / (1.0 - x)).clamp(0.0, 1.0);
        } else {
            trials = middle - 1.0;
            p = (p / x).clamp(0.0, 1.0);
        }
    }
    count + (0..trials as u32).filter(|_| uniform(rng) < p).count() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use nuts_rs::rand::SeedableRng;

    /// Means and variances of all noise models, within five standard errors.
    #[test]
    fn measurements_have_the_mean_and_variance_of_their_distribution() {
        let e = |s: f64| (0.5 * s * s).exp();
        for (kind, value, arguments, mean, variance) in [
            (NoiseKind::Normal, 2.0, &[0.5][..], 2.0, 0.25),
            (NoiseKind::LeastSquares, 2.0, &[], 2.0, 9.0),
            (
                NoiseKind::LogNormal,
                2.0,
                &[0.3],
                2.0 * e(0.3),
                4.0 * (e(0.3).powi(4) - e(0.3).powi(2)),
            ),
            (NoiseKind::Laplace, -1.0, &[0.7], -1.0, 2.0 * 0.49),
            (NoiseKind::StudentT, 1.0, &[9.0, 0.5], 1.0, 0.25 * 9.0 / 7.0),
            (NoiseKind::Poisson, 4.0, &[], 4.0, 4.0),
            (NoiseKind::Poisson, 300.0, &[], 300.0, 300.0),
            (NoiseKind::NegativeBinomial, 30.0, &[5.0], 30.0, 30.0 + 900.0 / 5.0),
            (NoiseKind::Binomial, 0.3, &[12.0], 3.6, 2.52),
            (NoiseKind::Binomial, 0.2, &[500.0], 100.0, 80.0),
            (NoiseKind::Bernoulli, 0.3, &[], 0.3, 0.21),
        ] {
            let mut rng = StdRng::seed_from_u64(7);
            let count = 40_000;
            let draws: Vec<f64> = (0..count)
                .map(|_| measurement(kind, value, arguments, Some(3.0), &mut rng))
                .collect();
            let n = f64::from(count);
            let m = draws.iter().sum::<f64>() / n;
            let v = draws.iter().map(|x| (x - m) * (x - m)).sum::<f64>() / n;
            assert!((m - mean).abs() < 5.0 * (variance / n).sqrt(), "{kind:?}: mean {m}, {mean}");
            assert!((v / variance - 1.0).abs() < 0.07, "{kind:?}: variance {v}, {variance}");
        }
    }
}
