//! What the tests of this crate share: solving a standard problem in one line.
#![allow(dead_code, reason = "every test file uses a part")]

pub mod parabolic;
pub mod system;

use slopefield_kernel::{Cotangent, Kernel, Point, Shape, Tangent};
use slopefield_problems::Problem;
use slopefield_solve::runge_kutta::ExtraStages;
use slopefield_solve::{FrozenSteps, Ivp, Settings, SolveError, Stats, Stepper, Tableau, drive};

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

/// State at `t1` after equal steps.
pub fn with_equal_steps(table: &'static Tableau, ivp: &Ivp<'_>, steps: usize) -> Vec<f64> {
    let time = |i| ivp.t0 + (ivp.t1 - ivp.t0) * i as f64 / steps as f64;
    let mut times: Vec<f64> = (0..=steps).map(time).collect();
    times[steps] = ivp.t1;
    let mut stepper = FrozenSteps::new(table, times);
    end_state(&mut stepper, ivp, &Settings::default()).expect("a standard problem").0
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

/// A right-hand side given as a closure `(t, u, out)` for a number of states.
pub struct Closure<F>(pub usize, pub F);

impl<F: Fn(f64, &[f64], &mut [f64]) + Send + Sync> Kernel for Closure<F> {
    fn shape(&self) -> Shape {
        Shape { states: self.0, params: 0, outputs: self.0 }
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, t: f64, u: &[f64], _: &[f64], out: &mut [f64], _: &mut [f64]) {
        (self.1)(t, u, out);
    }
    fn jvp(&self, _: Point<'_>, _: Tangent<'_>, _: &mut [f64], _: &mut [f64], _: &mut [f64]) {
        unreachable!("explicit methods evaluate only");
    }
    fn vjp(&self, _: Point<'_>, _: &[f64], _: Cotangent<'_>, _: &mut [f64]) {
        unreachable!("explicit methods evaluate only");
    }
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
