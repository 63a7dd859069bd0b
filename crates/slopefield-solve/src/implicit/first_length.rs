//! The first step of implicit methods.

use crate::consistent::Consistency;
use crate::{ErrorNorm, Ivp, Real, Stats};

/// Where a solve begins.
pub(crate) struct Beginning<'a, T> {
    pub(crate) t: f64,
    pub(crate) u: &'a [T],
    pub(crate) slope: &'a [T],
}

/// Length, positive and at most `h_max`, of a first step whose error estimate is `O(h^q)`: the rule
/// of Hairer, Nørsett, Wanner, *Solving ODEs I*, section II.4, "starting step size", with slopes
/// that keep algebraic equations satisfied. `trial` and `change` are work space.
pub(crate) fn first_length<T: Real>(
    ivp: &Ivp<'_, T>,
    norm: &ErrorNorm,
    consistency: &mut Consistency<T>,
    from: &Beginning<'_, T>,
    (q, h_max): (u32, f64),
    (trial, change): (&mut [T], &mut [T]),
    counts: &mut Stats,
) -> f64 {
    let span = (ivp.t1 - ivp.t0).abs();
    let longest = span.min(h_max);
    let d0 = norm.of_value(from.u, from.u);
    let d1 = norm.of_value(from.slope, from.u);
    let first = if d0 < 1e-5 || d1 < 1e-5 { 1e-6 * span.min(1.0) } else { 0.01 * d0 / d1 };
    let mut h0 = first.min(longest);
    for _ in 0..12 {
        let h = ivp.direction() * h0;
        for ((trial, u), slope) in trial.iter_mut().zip(from.u).zip(from.slope) {
            *trial = *u + T::of(h) * *slope;
        }
        let established = consistency.establish(ivp, from.t + h, trial, change, counts);
        if established.is_ok() {
            for (change, slope) in change.iter_mut().zip(from.slope) {
                *change -= *slope;
            }
            let steepest = d1.max(norm.of_value(change, from.u) / h0);
            let h1 = if steepest <= 1e-15 {
                (h0 * 1e-3).max(1e-6 * span.min(1.0))
            } else {
                (0.01 / steepest).powf(1.0 / f64::from(q))
            };
            return (100.0 * h0).min(h1).min(longest);
        }
        h0 *= 0.1;
    }
    h0
}
