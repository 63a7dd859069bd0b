//! What limits the steps of every solve: its budget, the shortest step, the end.

use crate::step_rules::{SMALLEST_STEP_ULPS, STRETCH};
use crate::{Ivp, Real, Settings, SolveError, Stats};

/// Shortest step allowed at `t`.
#[inline]
pub(crate) fn shortest_step<T: Real>(t: f64, ivp: &Ivp<'_, T>, settings: &Settings) -> f64 {
    // Near t = 0 the spacing of floating-point numbers is no measure; the span is.
    let scale = t.abs().max(1e-10 * (ivp.t1 - ivp.t0).abs());
    (SMALLEST_STEP_ULPS * f64::EPSILON * scale).max(settings.h_min)
}

/// Whether another attempt may be made.
#[inline]
pub(crate) fn check_budget(t: f64, stats: &Stats, settings: &Settings) -> Result<(), SolveError> {
    if let Some(interruption) = settings.interruption(t) {
        return Err(interruption);
    }
    if stats.accepted + stats.rejected >= settings.max_steps {
        return Err(SolveError::TooManySteps { t, steps: settings.max_steps });
    }
    Ok(())
}

/// End of an attempt of length `h`, and whether that is the limit. Steps that nearly reach the
/// limit are stretched onto it, so that no tiny one follows.
#[inline]
pub(crate) fn end_of_step(t: f64, h: f64, t_limit: f64) -> (f64, bool) {
    let remaining = (t_limit - t).abs();
    if STRETCH * h >= remaining {
        (t_limit, true)
    } else {
        (if t_limit < t { t - h } else { t + h }, false)
    }
}
