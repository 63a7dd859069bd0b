//! The gradient of the second stage against differences.

use super::Matching;
use crate::noise::NoiseKind;
use crate::problem::{
    Experiment, ModelKernels, ObservationSpec, ParamKind, ParamSpec, Problem, Scale, Series, Source,
};
use crate::transform::Transform;
use slopefield_kernel::{Cotangent, Kernel, Point, Shape, Tangent};
use slopefield_solve::Settings;
use std::sync::Arc;

/// `u' = r u (1 − u/k)` and `v' = -r v t`, or the states themselves.
struct Logistic {
    is_rhs: bool,
}

impl Kernel for Logistic {
    fn shape(&self) -> Shape {
        Shape { states: 2, params: 2, outputs: 2 }
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, t: f64, u: &[f64], p: &[f64], out: &mut [f64], _: &mut [f64]) {
        if self.is_rhs {
            out[0] = p[0] * u[0] * (1.0 - u[0] / p[1]);
            out[1] = -p[0] * u[1] * t;
        } else {
            out.copy_from_slice(u);
        }
    }
    fn jvp(&self, _: Point<'_>, _: Tangent<'_>, _: &mut [f64], _: &mut [f64], _: &mut [f64]) {
        unreachable!("matching takes reverse products only")
    }
    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, _: &mut [f64]) {
        let (u, p) = (at.u, at.p);
        grad.p[0] += w[0] * u[0] * (1.0 - u[0] / p[1]) - w[1] * u[1] * at.t;
        grad.p[1] += w[0] * p[0] * u[0] * u[0] / (p[1] * p[1]);
    }
}

fn problem() -> Problem {
    let kernel = |is_rhs| Arc::new(Logistic { is_rhs }) as Arc<dyn Kernel>;
    let spec = |name: &str, scale| ParamSpec {
        name: name.into(),
        start: 1.0,
        bounds: (0.0, f64::INFINITY),
        scale,
        prior: None,
        kind: ParamKind::Scalar,
    };
    // Uneven times, the second state measured at others than the first.
    let series = |observation: usize, first: f64, count: usize| {
        let times: Vec<f64> = (0..count).map(|i| first + 0.2 * (i as f64).powf(1.1)).collect();
        let value =
            |t: &f64| (1.0 + observation as f64) / (1.0 + (-t).exp()) + 0.1 * (9.0 * t).sin();
        let values = times.iter().map(value).collect();
        Series { observation, times, values, ..Series::default() }
    };
    let observation = |name: &str, value| ObservationSpec {
        over_paths: None,
        name: name.into(),
        noise: NoiseKind::LeastSquares,
        value,
        noise_args: 0..0,
    };
    let experiment = |name: &str, local: usize| Experiment {
        name: name.into(),
        t0: 0.0,
        params: vec![Source::Theta(0), Source::Theta(local)],
        steady: false,
        fixed_initial: Vec::new(),
        series: vec![series(0, 0.0, 15), series(1, 0.1, 12)],
    };
    Problem {
        kernels: ModelKernels { initial: kernel(false), rhs: kernel(true), observe: kernel(false) },
        driven: Vec::new(),
        observations: vec![observation("u", 0), observation("v", 1)],
        theta: vec![spec("r", Scale::Log), spec("k", Scale::Log), spec("l", Scale::Log)],
        experiments: vec![experiment("a", 1), experiment("b", 2)],
        settings: Settings::default(),
        l2: 0.0,
    }
}

#[test]
fn the_gradient_is_that_of_the_loss() {
    let problem = problem();
    let transforms: Vec<Transform> =
        problem.theta.iter().map(|spec| Transform::new(spec).unwrap().0).collect();
    let mut matching = Matching::new(&problem).unwrap();
    let z = [0.3, 0.8, -0.2];
    let mut gradient = [0.0; 3];
    let mut at = |z: &[f64], gradient: &mut [f64]| {
        matching.evaluate(&problem, &transforms, z, gradient).unwrap()
    };
    at(&z, &mut gradient);
    for i in 0..3 {
        let mut shifted = |h: f64| {
            let mut there = z;
            there[i] += h;
            at(&there, &mut [0.0; 3])
        };
        let h = 1e-3;
        let difference = (8.0 * (shifted(h) - shifted(-h))
            - (shifted(2.0 * h) - shifted(-2.0 * h)))
            / (12.0 * h);
        let error = (gradient[i] - difference).abs();
        assert!(error < 1e-9 * difference.abs(), "{i}: {} {difference}", gradient[i]);
    }
}
