//! Equal steps with the arithmetic of a one-step method, for measured orders.
#![allow(dead_code, reason = "every test file uses a part")]

use slopefield_solve::{Attempt, ErrorNorm, Ivp, OneStep, Real, Settings, Stats};

/// The method after `steps` equal steps from `t0` to `t1` of `ivp`. Stage equations are solved to
/// a tolerance that does not show.
pub fn equal_steps<T: Real>(method: &mut dyn OneStep<T>, ivp: &Ivp<'_, T>, steps: usize) {
    let settings = Settings::with_tolerances(1e-9, 1e-9);
    let mut norm = ErrorNorm::default();
    norm.configure(&settings, ivp.u0.len());
    let mut counts = Stats::default();
    method.begin(ivp, &settings, ivp.t0, ivp.u0, &mut counts).expect("a start");
    let time = |i: usize| match i {
        i if i == steps => ivp.t1,
        i => ivp.t0 + (ivp.t1 - ivp.t0) * i as f64 / steps as f64,
    };
    for i in 0..steps {
        let attempt = method.attempt(ivp, (time(i), time(i + 1)), i > 0, &norm, &mut counts);
        assert!(matches!(attempt, Attempt::Measured(e) if e.is_finite()), "step {i}: {attempt:?}");
    }
}

/// Slope of log error over log step, by least squares.
pub fn slope(errors: &[(f64, f64)]) -> f64 {
    let points: Vec<(f64, f64)> = errors.iter().map(|(h, e)| (h.ln(), e.ln())).collect();
    let n = points.len() as f64;
    let (mx, my) = points.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0 / n, y + p.1 / n));
    let (xy, xx) = points
        .iter()
        .fold((0.0, 0.0), |(xy, xx), (x, y)| (xy + (x - mx) * (y - my), xx + (x - mx) * (x - mx)));
    xy / xx
}
