//! The first step of implicit methods.

use crate::consistent::Consistency;
use crate::initial::starting_length;
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
    let d0 = norm.of_value(from.u, from.u);
    let d1 = norm.of_value(from.slope, from.u);
    starting_length(span, h_max, q, (d0, d1), |length| {
        let h = ivp.direction() * length;
        for ((trial, u), slope) in trial.iter_mut().zip(from.u).zip(from.slope) {
            *trial = *u + T::of(h) * *slope;
        }
        if consistency.establish(ivp, from.t + h, trial, change, counts).is_err() {
            return f64::NAN; // come closer
        }
        for (change, slope) in change.iter_mut().zip(from.slope) {
            *change -= *slope;
        }
        norm.of_value(change, from.u)
    })
}
