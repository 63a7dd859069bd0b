//! What the tests of this crate share: solving a standard problem in one line.
#![allow(dead_code, reason = "every test file uses a part")]

use slopefield_problems::Problem;
use slopefield_solve::runge_kutta::ExtraStages;
use slopefield_solve::{Ivp, Settings, SolveError, Stats, Stepper, Tableau, drive};

/// The problem on its usual span.
pub fn ivp(problem: &Problem) -> Ivp<'_> {
    let Problem { rhs, t0, t1, u0, p, .. } = problem;
    Ivp { rhs: &**rhs, t0: *t0, t1: *t1, u0, p }
}

/// Solves to the end of `ivp` and returns the state there.
pub fn end_state(
    stepper: &mut dyn Stepper,
    ivp: &Ivp<'_>,
    settings: &Settings,
) -> Result<(Vec<f64>, Stats), SolveError> {
    let mut out = vec![0.0; ivp.u0.len()];
    let stats = drive(stepper, ivp, settings, &[ivp.t1], &mut out, None)?;
    Ok((out, stats))
}

/// Largest absolute difference of two states.
pub fn distance(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |worst, (x, y)| worst.max((x - y).abs()))
}

/// Heun's method with an Euler estimate: a table that is not first-same-as-last and whose
/// interpolant is the quadratic through the start and both slopes. To exercise the shared
/// stepper where the built-in methods do not.
pub static HEUN: Tableau = Tableau {
    id: "heun",
    name: "Heun–Euler 2(1)",
    order: 2,
    embedded_order: 1,
    dense_order: 2,
    fsal: false,
    a: &[&[], &[1.0]],
    b: &[0.5, 0.5],
    b_error: &[-0.5, 0.5],
    c: &[0.0, 1.0],
    extra: ExtraStages::NONE,
    dense: &[&[1.0, -0.5], &[0.0, 0.5]],
    advice: "For tests.",
    reference: "",
};
