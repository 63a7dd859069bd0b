//! What solvers are tried on.

use crate::raw::Model;
use slopefield_kernel::{Cotangent, Kernel, Point, Shape, Tangent};
use slopefield_problems::{Exact, Problem};
use slopefield_solve::Ivp;
use std::sync::Arc;

/// An initial value problem with a known end.
#[derive(Clone)]
pub(super) struct Setup {
    pub name: &'static str,
    pub rhs: Arc<dyn Kernel>,
    pub p: Vec<f64>,
    pub t0: f64,
    pub t1: f64,
    pub u0: Vec<f64>,
    /// The state at `t1`, where it is known.
    pub end: Option<Vec<f64>>,
    pub exact: Option<Exact>,
}

impl Setup {
    pub fn model(&self) -> Model {
        Model::new(Arc::clone(&self.rhs), &self.p)
    }

    pub fn ivp(&self) -> Ivp<'_> {
        Ivp { rhs: &*self.rhs, t0: self.t0, t1: self.t1, u0: &self.u0, p: &self.p }
    }

    /// The solution at `t`, of problems that have one in closed form.
    pub fn at(&self, t: f64) -> Option<Vec<f64>> {
        let mut out = vec![0.0; self.u0.len()];
        (self.exact?)(t, self.t0, &self.u0, &self.p, &mut out);
        Some(out)
    }

    /// The same, over another span.
    pub fn until(mut self, t1: f64) -> Setup {
        self.t1 = t1;
        self.end = self.at(t1);
        self
    }

    /// Largest error of a state at the end, each relative to 1 or to its size.
    pub fn error(&self, u: &[f64]) -> f64 {
        distance(u, self.end.as_deref().unwrap_or(&[]))
    }
}

/// Largest difference, each relative to 1 or to the size of what is expected.
pub(super) fn distance(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len(), "states of one problem");
    let each = found.iter().zip(expected).map(|(a, b)| (a - b).abs() / b.abs().max(1.0));
    // A NaN must not get lost.
    each.fold(0.0, |worst, e| if e <= worst { worst } else { e })
}

/// A standard problem up to its reference number `index`, or to its usual end where it has a
/// solution in closed form.
pub(super) fn standard(problem: Problem, index: usize) -> Setup {
    let reference = problem.references.get(index);
    let t1 = reference.map_or(problem.t1, |r| r.t);
    let setup = Setup {
        name: problem.id,
        end: reference.map(|r| r.u.clone()),
        rhs: Arc::from(problem.rhs),
        p: problem.p,
        t0: problem.t0,
        t1,
        u0: problem.u0,
        exact: problem.exact,
    };
    if setup.end.is_none() { setup.until(t1) } else { setup }
}

pub(super) fn lotka_volterra() -> Setup {
    standard(slopefield_problems::lotka_volterra(), 0)
}

/// Smooth problems, one of which depends on time and three of which are not linear.
pub(super) fn smooth() -> Vec<Setup> {
    vec![
        standard(slopefield_problems::forced_relaxation(), 0),
        lotka_volterra(),
        standard(slopefield_problems::fitzhugh_nagumo(), 0),
        standard(slopefield_problems::van_der_pol_mild(), 0),
    ]
}

/// Problems long enough that errors are still those of the method with steps short enough to show
/// its order.
pub(super) fn long() -> Vec<Setup> {
    vec![
        standard(slopefield_problems::forced_relaxation(), 0).until(10.0),
        standard(slopefield_problems::lotka_volterra(), 1),
        standard(slopefield_problems::fitzhugh_nagumo(), 1),
        standard(slopefield_problems::rigid_body(), 0),
    ]
}

/// Those of them with solutions in closed form.
pub(super) fn closed_form() -> Vec<Setup> {
    vec![
        standard(slopefield_problems::forced_relaxation(), 0),
        standard(slopefield_problems::harmonic_oscillator(), 0),
    ]
}

pub(super) fn decay() -> Setup {
    standard(slopefield_problems::exponential_decay(), 0)
}

/// `u_i' = −(1 + i/n) u_i` with `u_i(0) = 1`: any number of states, each by itself.
pub(super) struct Decays(pub usize);

impl Decays {
    fn rate(&self, i: usize) -> f64 {
        1.0 + i as f64 / self.0 as f64
    }
}

impl Kernel for Decays {
    fn shape(&self) -> Shape {
        Shape { states: self.0, params: 0, outputs: self.0 }
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, _: f64, u: &[f64], _: &[f64], out: &mut [f64], _: &mut [f64]) {
        for (i, (out, u)) in out.iter_mut().zip(u).enumerate() {
            *out = -self.rate(i) * u;
        }
    }
    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        scratch: &mut [f64],
    ) {
        self.eval(at.t, at.u, at.p, out, scratch);
        self.eval(at.t, along.u, at.p, dout, scratch);
    }
    fn vjp(&self, _: Point<'_>, w: &[f64], grad: Cotangent<'_>, _: &mut [f64]) {
        for (i, (grad, w)) in grad.u.iter_mut().zip(w).enumerate() {
            *grad -= self.rate(i) * w;
        }
    }
}

/// `n` decays from 0 to 1.
pub(super) fn decays(n: usize) -> Setup {
    let rhs = Decays(n);
    let end = (0..n).map(|i| (-rhs.rate(i)).exp()).collect();
    Setup {
        name: "independent decays",
        p: Vec::new(),
        t0: 0.0,
        t1: 1.0,
        u0: vec![1.0; n],
        end: Some(end),
        exact: None,
        rhs: Arc::new(rhs),
    }
}
