//! What the tests of this crate share.
#![allow(dead_code, reason = "every test file uses a part")]

use slopefield_kernel::{BatchKernel, Cotangent, Kernel, Point, Shape, Tangent};
use slopefield_problems::Problem;
use slopefield_solve::runge_kutta::ExtraStages;
use slopefield_solve::{ExplicitRungeKutta, Ivp, Settings, SolveError, Stats, Tableau, drive};

use slopefield_ensemble::{Ensemble, Report, Run, Values, solve};

/// Heun's method with an Euler estimate: a table that is not first-same-as-last, for which no part
/// of the step has an instance of its own.
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

/// A right-hand side that captures nothing.
pub type Rhs = fn(f64, &[f64], &[f64], &mut [f64]);

/// A function of time, states and parameters as a kernel without derivatives.
pub struct Function<F> {
    pub states: usize,
    pub params: usize,
    pub f: F,
}

impl<F: Fn(f64, &[f64], &[f64], &mut [f64]) + Send + Sync> Kernel for Function<F> {
    fn shape(&self) -> Shape {
        Shape { states: self.states, params: self.params, outputs: self.states }
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, t: f64, u: &[f64], p: &[f64], out: &mut [f64], _: &mut [f64]) {
        (self.f)(t, u, p, out);
    }
    fn jvp(&self, _: Point<'_>, _: Tangent<'_>, _: &mut [f64], _: &mut [f64], _: &mut [f64]) {
        panic!("no derivative is needed");
    }
    fn vjp(&self, _: Point<'_>, _: &[f64], _: Cotangent<'_>, _: &mut [f64]) {
        panic!("no derivative is needed");
    }
}

/// Initial states and parameters of `count` variations of a problem, up to 20 % each.
pub struct Variations {
    pub u0: Vec<f64>,
    pub p: Vec<f64>,
}

pub fn variations(problem: &Problem, count: usize) -> Variations {
    let vary = |values: &[f64], salt: usize| {
        let factor =
            |k: usize| 1.0 + 0.4 * ((k * 2_654_435_761 + salt) % 1009) as f64 / 1009.0 - 0.2;
        (0..count * values.len()).map(|k| values[k % values.len()] * factor(k)).collect()
    };
    Variations { u0: vary(&problem.u0, 17), p: vary(&problem.p, 923) }
}

/// The single solves of `count` problems: states row by row, and what came of each.
#[allow(clippy::too_many_arguments, reason = "the parts of a problem")]
pub fn singles(
    rhs: &dyn Kernel,
    span: (f64, f64),
    v: &Variations,
    count: usize,
    method: &'static Tableau,
    settings: &Settings,
    saves: &[f64],
) -> (Vec<f64>, Vec<Result<Stats, SolveError>>) {
    let Shape { states: n, params, .. } = rhs.shape();
    let mut stepper = ExplicitRungeKutta::new(method);
    let mut out = vec![0.0; count * saves.len() * n];
    let mut results = Vec::new();
    for i in 0..count {
        let ivp = Ivp {
            rhs,
            t0: span.0,
            t1: span.1,
            u0: &v.u0[i * n..][..n],
            p: &v.p[i * params..][..params],
        };
        let rows = &mut out[i * saves.len() * n..][..saves.len() * n];
        results.push(drive(&mut stepper, &ivp, settings, saves, rows, None));
    }
    (out, results)
}

/// The same problems as an ensemble in which every parameter varies.
#[allow(clippy::too_many_arguments, reason = "the parts of a problem")]
pub fn together(
    rhs: &dyn BatchKernel,
    span: (f64, f64),
    v: &Variations,
    count: usize,
    method: &'static Tableau,
    settings: &Settings,
    saves: &[f64],
    threads: usize,
) -> (Vec<f64>, Report) {
    let shape = rhs.shape();
    assert_eq!(rhs.own_params().len(), shape.params, "every parameter varies");
    let shared = vec![f64::NAN; shape.params];
    let ensemble = Ensemble {
        rhs,
        t0: span.0,
        t1: span.1,
        count,
        u0: Values::Each(&v.u0),
        shared: &shared,
        own: Values::Each(&v.p),
    };
    let mut out = vec![0.0; count * saves.len() * shape.states];
    let run = Run { threads, ..Run::default() };
    let report =
        solve(&ensemble, method, settings, saves, &mut out, run).expect("the problem makes sense");
    (out, report)
}

/// `count` save times that divide the span, ends included.
pub fn grid(span: (f64, f64), count: usize) -> Vec<f64> {
    let last = (count - 1) as f64;
    (0..count)
        .map(|i| if i + 1 == count { span.1 } else { span.0 + (span.1 - span.0) * i as f64 / last })
        .collect()
}

pub fn all_params(kernel: &dyn Kernel) -> Vec<usize> {
    (0..kernel.shape().params).collect()
}

#[track_caller]
pub fn assert_same_bits(got: &[f64], want: &[f64], what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        assert!(
            g.to_bits() == w.to_bits() || (g.is_nan() && w.is_nan()),
            "{what}: number {i} is {g:e} instead of {w:e}"
        );
    }
}
