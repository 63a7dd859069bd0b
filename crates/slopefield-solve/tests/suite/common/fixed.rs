//! Equal steps with the arithmetic of a one-step method, for measured orders.
#![allow(dead_code, reason = "every test file uses a part")]

use slopefield_solve::{Attempt, ErrorNorm, Ivp, OneStep, Real, Settings, Stats};

/// The method after `steps` equal steps from `t0` to `t1` of `ivp`. Stage equations are solved as
/// accurately as the method's iteration limit lets them, so that the order shows and they do not.
pub fn equal_steps<T: Real>(method: &mut dyn OneStep<T>, ivp: &Ivp<'_, T>, steps: usize) {
    let norms = [1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8].map(|tolerance| {
        let mut norm = ErrorNorm::default();
        norm.configure(&Settings::with_tolerances(tolerance, tolerance), ivp.u0.len());
        norm
    });
    let mut counts = Stats::default();
    let settings = Settings::with_tolerances(1e-9, 1e-9);
    method.begin(ivp, &settings, ivp.t0, ivp.u0, &mut counts).expect("a start");
    let time = |i: usize| match i {
        i if i == steps => ivp.t1,
        i => ivp.t0 + (ivp.t1 - ivp.t0) * i as f64 / steps as f64,
    };
    for i in 0..steps {
        let mut first = true;
        let taken = norms.iter().any(|norm| {
            let from_end = i > 0 && std::mem::take(&mut first);
            let span = (time(i), time(i + 1));
            let attempt = method.attempt(ivp, span, from_end, norm, &mut counts);
            matches!(attempt, Attempt::Measured(e) if e.is_finite())
        });
        assert!(taken, "step {i} of {steps}");
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
