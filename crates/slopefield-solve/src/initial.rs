//! The first step of an adaptive solve.

use crate::{ErrorNorm, Ivp, Real, Stages};

/// Chooses the size of the first step (positive) from two evaluations of the right-hand side, one
/// of which the stages already hold: Hairer, Nørsett, Wanner, *Solving ODEs I*, section II.4,
/// "starting step size". `q` is the order of the error estimate. Overwrites the second stage.
pub(crate) fn initial_step<T: Real>(
    ivp: &Ivp<'_, T>,
    norm: &ErrorNorm,
    stages: &mut Stages<T>,
    q: u32,
    h_max: f64,
) -> f64 {
    let d0 = norm.of_value(stages.state(0), stages.state(0));
    let d1 = norm.of_value(stages.slope(0), stages.state(0));
    let direction = ivp.direction();
    let span = (ivp.t1 - ivp.t0).abs();
    starting_length(span, h_max, q, (d0, d1), |h| {
        stages.euler_slope_change(ivp, norm, direction * h)
    })
}

/// The same from the norms `(d0, d1)` of the state and its slope, and `change(h)`, the norm of the
/// change of the slope over an explicit Euler step of length `h` > 0.
pub(crate) fn starting_length(
    span: f64,
    h_max: f64,
    q: u32,
    (d0, d1): (f64, f64),
    mut change: impl FnMut(f64) -> f64,
) -> f64 {
    let longest = span.min(h_max);
    if longest == 0.0 {
        return 0.0;
    }
    let first = if d0 < 1e-5 || d1 < 1e-5 { 1e-6 * span.min(1.0) } else { 0.01 * d0 / d1 };
    let mut h0 = first.min(longest);
    // Near the edge of a function's domain the explorative step may leave it; come closer.
    for _ in 0..12 {
        let d2 = change(h0) / h0;
        if d2.is_finite() {
            let steepest = d1.max(d2);
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
