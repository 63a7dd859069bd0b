//! What limits the steps of every solve: its budget, the shortest step, the end.

use crate::{Ivp, Real, Settings, SolveError, Stats};

/// Steps shorter than this many units in the last place of the time are too small.
const SMALLEST_STEP_ULPS: f64 = 16.0;

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

/// Stretch the step onto the limit when it would end within this fraction of it: a tiny last step
/// would only add rounding errors (Hairer, Nørsett, Wanner, dopri5).
const STRETCH: f64 = 1.01;

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
