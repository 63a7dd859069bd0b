//! Gradients of steady states: against analytic derivatives and differences of searches.

use slopefield_adjoint::SteadyAdjoint;
use slopefield_kernel::Shape;
use slopefield_problems::{Equations, Function, Number, System};
use slopefield_solve::{Settings, SolveError, steady_state};

/// Production against degradation by an enzyme (Michaelis–Menten) and growth of a product:
/// `s' = k − V s/(K + s)`, `q' = V s/(K + s) − d q`.
#[derive(Debug, Clone, Copy)]
struct Enzyme;

impl Function for Enzyme {
    fn shape(&self) -> Shape {
        Shape { states: 2, params: 4, outputs: 2 }
    }
    fn eval<N: Number>(
        &self,
        _: N,
        u: impl Fn(usize) -> N,
        p: impl Fn(usize) -> N,
        mut out: impl FnMut(usize, N),
    ) {
        let used = p(1) * u(0) / (p(2) + u(0));
        out(0, p(0) - used);
        out(1, used - p(3) * u(1));
    }
}

impl Equations for Enzyme {}

fn tight() -> Settings {
    Settings::with_tolerances(1e-12, 1e-14)
}

#[test]
fn the_enzyme_has_its_analytic_derivatives() {
    let rhs = System::<_>::new(Enzyme);
    let p @ [k, v, km, d] = [0.4, 1.1, 0.7, 0.3];
    let mut loss = |u: &[f64], slope: &mut [f64]| {
        (slope[0], slope[1]) = (1.0, 2.0 * u[1]);
        u[0] + u[1] * u[1]
    };
    let mut grad = [0.0; 4];
    let mut method = SteadyAdjoint::new();
    let found = method
        .evaluate(&rhs, 0.0, &[0.1, 0.1], &p, &tight(), &mut loss, &mut grad)
        .expect("a gradient");
    // s = k K/(V − k), q = k/d.
    let (s, q) = (k * km / (v - k), k / d);
    assert!((found.u[0] - s).abs() < 1e-12 && (found.u[1] - q).abs() < 1e-12);
    assert!((found.loss - (s + q * q)).abs() < 1e-12);
    let exact = [
        km * v / (v - k).powi(2) + 2.0 * q / d,
        -k * km / (v - k).powi(2),
        k / (v - k),
        -2.0 * q * k / (d * d),
    ];
    for (found, exact) in grad.iter().zip(exact) {
        assert!((found - exact).abs() < 1e-11 * exact.abs(), "{grad:?} for {exact:?}");
    }
    // The matrix is 2 × 2: its condition number is known.
    let a = -v * km / (km + s).powi(2);
    let norm = (2.0 * a.abs()).max(d);
    let inverse = (1.0 / a.abs() + 1.0 / d).max(1.0 / d);
    assert!((found.condition / (norm * inverse) - 1.0).abs() < 1e-9);
}

/// A chain of cells with diffusion, production and saturated loss, every cell with a rate of its
/// own.
#[derive(Debug, Clone, Copy)]
struct Tissue(usize);

impl Function for Tissue {
    fn shape(&self) -> Shape {
        Shape { states: self.0, params: self.0 + 2, outputs: self.0 }
    }
    fn eval<N: Number>(
        &self,
        _: N,
        u: impl Fn(usize) -> N,
        p: impl Fn(usize) -> N,
        mut out: impl FnMut(usize, N),
    ) {
        let n = self.0;
        for i in 0..n {
            let left = if i == 0 { N::of(1.0) } else { u(i - 1) };
            let right = if i + 1 == n { u(i) } else { u(i + 1) };
            let diffusion = p(n) * (left - u(i) * 2.0 + right);
            out(i, diffusion + p(i) - p(n + 1) * u(i) / (u(i) + 1.0));
        }
    }
}

impl Equations for Tissue {}

#[test]
fn a_large_sparse_system_agrees_with_differences() {
    let n = 600;
    let rhs = System::<_>::new(Tissue(n));
    let mut p: Vec<f64> = (0..n).map(|i| 0.2 + 0.1 * (i as f64).sin()).collect();
    p.extend([2.0, 0.9]);
    let start = vec![0.5; n];
    let value = |u: &[f64]| u.iter().map(|x| x * x).sum::<f64>();
    let mut loss = |u: &[f64], slope: &mut [f64]| {
        slope.iter_mut().zip(u).for_each(|(s, x)| *s = 2.0 * x);
        value(u)
    };
    let mut grad = vec![0.0; n + 2];
    SteadyAdjoint::new()
        .evaluate(&rhs, 0.0, &start, &p, &tight(), &mut loss, &mut grad)
        .expect("a gradient");
    let at = |p: &[f64]| value(&steady_state(&rhs, 0.0, &start, p, &tight()).expect("rest").u);
    for parameter in [0, 1, 299, n - 1, n, n + 1] {
        let d = 1e-3 * p[parameter];
        let pair = |k: f64| {
            let mut moved = [p.clone(), p.clone()];
            moved[0][parameter] += k * d;
            moved[1][parameter] -= k * d;
            at(&moved[0]) - at(&moved[1])
        };
        let difference = (45.0 * pair(1.0) - 9.0 * pair(2.0) + pair(3.0)) / (60.0 * d);
        let off = (grad[parameter] - difference).abs() / difference.abs();
        assert!(off < 1e-8, "parameter {parameter}: {} for {difference}", grad[parameter]);
    }
}

/// `A ⇌ B` with a third substance beside it: `A + B` is conserved.
#[derive(Debug, Clone, Copy)]
struct Exchange;

impl Function for Exchange {
    fn shape(&self) -> Shape {
        Shape { states: 3, params: 3, outputs: 3 }
    }
    fn eval<N: Number>(
        &self,
        _: N,
        u: impl Fn(usize) -> N,
        p: impl Fn(usize) -> N,
        mut out: impl FnMut(usize, N),
    ) {
        let flow = p(0) * u(0) - p(1) * u(2);
        out(0, -flow);
        out(1, -(u(1) * p(2)) + 1.0);
        out(2, flow);
    }
}

impl Equations for Exchange {}

#[test]
fn a_conservation_law_is_refused_with_its_states() {
    let rhs = System::<_>::new(Exchange);
    let result = SteadyAdjoint::new().evaluate(
        &rhs,
        0.0,
        &[1.0, 0.3, 0.0],
        &[0.7, 0.3, 1.1],
        &tight(),
        &mut |_, slope| {
            slope[0] = 1.0;
            0.0
        },
        &mut [0.0; 3],
    );
    match result {
        Err(SolveError::Invalid(why)) => {
            assert!(why.contains("conserve"), "{why}");
            assert!(why.contains("number 1, 3."), "{why}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn sizes_that_make_no_sense_are_refused() {
    let rhs = System::<_>::new(Enzyme);
    let mut loss = |_: &[f64], _: &mut [f64]| 0.0;
    let result = SteadyAdjoint::new().evaluate(
        &rhs,
        0.0,
        &[0.1, 0.1],
        &[0.4, 1.1, 0.7, 0.3],
        &tight(),
        &mut loss,
        &mut [0.0; 3],
    );
    assert!(matches!(result, Err(SolveError::Invalid(_))), "{result:?}");
}
