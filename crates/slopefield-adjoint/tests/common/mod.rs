//! What the tests of this crate share.
#![allow(dead_code, reason = "every test file uses a part")]

use slopefield_adjoint::{
    DiscreteAdjoint, Evaluated, ForwardSensitivity, GaussAdjoint, GradientMethod, Loss,
};
use slopefield_problems::Problem;
use slopefield_solve::runge_kutta::ExtraStages;
use slopefield_solve::{
    ExplicitRungeKutta, Ivp, Settings, SolveError, Stats, Step, Stepper, Tableau,
};

/// The problem on its usual span.
pub fn ivp(problem: &Problem) -> Ivp<'_> {
    let Problem { rhs, t0, t1, u0, p, .. } = problem;
    Ivp { rhs: &**rhs, t0: *t0, t1: *t1, u0, p }
}

/// `count` save times from one end to the other, both included.
pub fn spread(t0: f64, t1: f64, count: usize) -> Vec<f64> {
    let last = count - 1;
    let time = |i| if i == last { t1 } else { t0 + (t1 - t0) * i as f64 / last as f64 };
    (0..count).map(time).collect()
}

/// Squared distance from an arbitrary target, so that no derivative vanishes.
pub fn squares(states: &[f64], by_state: &mut [f64]) -> f64 {
    let mut sum = 0.0;
    for (i, (w, x)) in by_state.iter_mut().zip(states).enumerate() {
        let off = x - (0.7 * i as f64).sin();
        *w = 2.0 * off;
        sum += off * off;
    }
    sum
}

/// The exact methods on one table.
pub fn exact_methods(table: &'static Tableau) -> Vec<Box<dyn GradientMethod>> {
    vec![Box::new(DiscreteAdjoint::new(table)), Box::new(ForwardSensitivity::new(table))]
}

/// All methods on one table; the continuous one through a stepper that shows nothing but the
/// trait's required methods, as a plugin would.
pub fn all_methods(table: &'static Tableau) -> Vec<Box<dyn GradientMethod>> {
    let mut methods = exact_methods(table);
    methods.push(Box::new(GaussAdjoint::new(Box::new(Opaque(ExplicitRungeKutta::new(table))))));
    methods
}

/// A stepper that hides its stages.
pub struct Opaque(pub ExplicitRungeKutta);

impl Stepper for Opaque {
    fn start(&mut self, ivp: &Ivp<'_>, settings: &Settings) -> Result<(), SolveError> {
        self.0.start(ivp, settings)
    }
    fn step(&mut self, ivp: &Ivp<'_>, settings: &Settings, limit: f64) -> Result<Step, SolveError> {
        self.0.step(ivp, settings, limit)
    }
    fn state(&self) -> &[f64] {
        self.0.state()
    }
    fn prepare_dense(&mut self, ivp: &Ivp<'_>) {
        self.0.prepare_dense(ivp);
    }
    fn interpolate(&mut self, t: f64, out: &mut [f64]) -> Result<(), SolveError> {
        self.0.interpolate(t, out)
    }
    fn stats(&self) -> Stats {
        self.0.stats()
    }
}

/// Result, gradient by `u0` and gradient by `p`.
pub fn gradient(
    method: &mut dyn GradientMethod,
    ivp: &Ivp<'_>,
    settings: &Settings,
    saves: &[f64],
    loss: &mut Loss<'_>,
) -> Result<(Evaluated, Vec<f64>, Vec<f64>), SolveError> {
    // Filled, because gradients are written, not added.
    let (mut by_u0, mut by_p) = (vec![7.0; ivp.u0.len()], vec![-7.0; ivp.p.len()]);
    let found = method.evaluate(ivp, settings, saves, loss, &mut by_u0, &mut by_p)?;
    Ok((found, by_u0, by_p))
}

/// Largest difference relative to the largest entry of `b`.
pub fn relative_distance(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let scale = b.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    a.iter().zip(b).map(|(x, y)| (x - y).abs() / scale).fold(0.0, f64::max)
}

/// Heun's method with an Euler estimate: not first-same-as-last.
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
