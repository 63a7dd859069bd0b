//! The functions of segments against differences and against each other.

use super::{Segments, kernels};
use crate::batch::Batch;
use crate::noise::NoiseKind;
use crate::objective::{Methods, Objective};
use crate::problem::{
    Experiment, ModelKernels, ObservationSpec, ParamKind, ParamSpec, Problem, Scale, Series, Source,
};
use slopefield_adjoint::DiscreteAdjoint;
use slopefield_kernel::{Cotangent, Kernel, Point, Shape, Tangent};
use slopefield_solve::Settings;
use std::sync::Arc;

/// A row of numbers without a pattern.
fn numbers(count: usize, shift: f64) -> Vec<f64> {
    (0..count).map(|i| 0.8 + 0.5 * (1.7 * i as f64 + shift).sin()).collect()
}

/// `jvp` is the derivative of `eval`, and `vjp` its transpose.
fn consistent(kernel: &dyn Kernel, reads_states: bool) {
    let shape = kernel.shape();
    let states = if reads_states { shape.states } else { 0 };
    let (u, p) = (numbers(states, 0.3), numbers(shape.params, 1.1));
    let (du, dp, w) =
        (numbers(states, 2.0), numbers(shape.params, 3.0), numbers(shape.outputs, 4.0));
    let mut scratch = vec![0.0; kernel.scratch_len()];
    let (mut out, mut dout) = (vec![0.0; shape.outputs], vec![0.0; shape.outputs]);
    let (at, along) = (Point { t: 0.4, u: &u, p: &p }, Tangent { t: 0.7, u: &du, p: &dp });
    kernel.jvp(at, along, &mut out, &mut dout, &mut scratch);
    let h = 1e-5;
    let mut moved = |sign: f64| {
        let by = |v: &[f64], d: &[f64]| -> Vec<f64> {
            v.iter().zip(d).map(|(v, d)| v + sign * h * d).collect()
        };
        let mut out = vec![0.0; shape.outputs];
        let (u, p) = (by(&u, &du), by(&p, &dp));
        kernel.eval(0.4 + sign * h * 0.7, &u, &p, &mut out, &mut scratch);
        out
    };
    let (here, there) = (moved(1.0), moved(-1.0));
    for i in 0..shape.outputs {
        let difference = (here[i] - there[i]) / (2.0 * h);
        assert!((dout[i] - difference).abs() < 1e-8, "{i}: {} {difference}", dout[i]);
        assert!((out[i] - 0.5 * (here[i] + there[i])).abs() < 1e-8);
    }
    let (mut t, mut by_u, mut by_p) = (0.0, vec![0.0; states], vec![0.0; shape.params]);
    kernel.vjp(at, &w, Cotangent { t: &mut t, u: &mut by_u, p: &mut by_p }, &mut scratch);
    let inner = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
    let (left, right) = (inner(&w, &dout), 0.7 * t + inner(&by_u, &du) + inner(&by_p, &dp));
    assert!((left - right).abs() < 1e-12, "{left} {right}");
}

#[test]
fn derivatives_of_segments_are_those_of_their_functions() {
    let inner: Arc<dyn Kernel> = Arc::from(slopefield_problems::lotka_volterra().rhs);
    consistent(&*kernels::rhs(&inner), true);
    consistent(&*kernels::observe(&inner), true);
    consistent(&*kernels::free(&inner), false);
    // Whatever the role, parameters are laid out alike.
    for made in [kernels::rhs(&inner), kernels::observe(&inner), kernels::free(&inner)] {
        assert_eq!(made.shape().params, kernels::parameters(2, 4));
    }
    let p = [1.5, 1.0, 3.0, 1.0, 0.25, 0.5, 2.0, 4.0, 10.0, 100.0];
    let mut out = [0.0; 4];
    kernels::observe(&inner).eval(0.0, &[3.0, 5.0], &p, &mut out, &mut [0.0; 64]);
    assert_eq!(out[2..], [10.0 * (3.0 - 2.0), 100.0 * (5.0 - 4.0)]);
    kernels::free(&inner).eval(0.0, &[], &p, &mut out[..2], &mut [0.0; 64]);
    assert_eq!(out[..2], [0.25, 0.5]);
}

/// Of x' = -k x from 2, observed as it is: the right-hand side, the start or what is seen.
#[derive(Clone, Copy)]
enum Decay {
    Rhs,
    Start,
    Seen,
}

impl Kernel for Decay {
    fn shape(&self) -> Shape {
        let states = usize::from(!matches!(self, Decay::Start));
        Shape { states, params: 1, outputs: 1 }
    }

    fn scratch_len(&self) -> usize {
        0
    }

    fn eval(&self, _: f64, u: &[f64], p: &[f64], out: &mut [f64], _: &mut [f64]) {
        out[0] = match self {
            Decay::Rhs => -p[0] * u[0],
            Decay::Start => 2.0,
            Decay::Seen => u[0],
        };
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
        dout[0] = match self {
            Decay::Rhs => -along.p[0] * at.u[0] - at.p[0] * along.u[0],
            Decay::Start => 0.0,
            Decay::Seen => along.u[0],
        };
    }

    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, _: &mut [f64]) {
        match self {
            Decay::Rhs => {
                grad.u[0] -= at.p[0] * w[0];
                grad.p[0] -= at.u[0] * w[0];
            }
            Decay::Start => {}
            Decay::Seen => grad.u[0] += w[0],
        }
    }
}

/// Exact data of k = 0.8 at 41 times, from a start at k = 0.5.
fn decay() -> Objective {
    let kernel = |role: Decay| -> Arc<dyn Kernel> { Arc::new(role) };
    let times: Vec<f64> = (0..41).map(|k| 0.1 * f64::from(k)).collect();
    let values = times.iter().map(|t| 2.0 * (-0.8 * t).exp()).collect();
    let problem = Problem {
        kernels: ModelKernels {
            initial: kernel(Decay::Start),
            rhs: kernel(Decay::Rhs),
            observe: kernel(Decay::Seen),
        },
        driven: Vec::new(),
        observations: vec![ObservationSpec {
            name: "x".into(),
            noise: NoiseKind::LeastSquares,
            value: 0,
            noise_args: 0..0,
            over_paths: None,
        }],
        theta: vec![ParamSpec {
            name: "k".into(),
            start: 0.5,
            bounds: (f64::NEG_INFINITY, f64::INFINITY),
            scale: Scale::Linear,
            prior: None,
            kind: ParamKind::Scalar,
        }],
        experiments: vec![Experiment {
            name: "one".into(),
            t0: 0.0,
            params: vec![Source::Theta(0)],
            fixed_initial: Vec::new(),
            steady: false,
            series: vec![Series { observation: 0, times, values, ..Series::default() }],
        }],
        settings: Settings { rtol: 1e-10, atol: vec![1e-12], ..Settings::default() },
        l2: 0.0,
    };
    let methods = Methods {
        gradient: Arc::new(|_| Box::new(DiscreteAdjoint::named("tsit5").unwrap())),
        stepper: Arc::new(|_| slopefield_solve::method("tsit5").unwrap()),
        replay: Arc::new(|_, _| None),
    };
    Objective::new(problem, methods).unwrap()
}

/// The mean of what the batches of a round say is the loss over all segments, gradient included; and
/// the gradient of a batch is that of its loss.
#[test]
fn batches_of_segments_are_exact_parts_of_the_loss() {
    let whole = decay();
    let segments = Segments::new(&whole, &whole.z_start(), Some(5)).unwrap();
    assert_eq!(segments.count(), 5);
    let mut cut = segments.objective(&whole, 10.0).unwrap();
    assert_eq!((cut.dimension(), cut.batchable()), (1 + 4, 5));
    let z: Vec<f64> = cut.z_start().iter().enumerate().map(|(i, z)| z + 0.1 * i as f64).collect();
    let mut gradient = vec![0.0; 5];
    let all = cut.evaluate(&z, 1.0, Some(&mut gradient)).unwrap();
    let batch = Batch { experiments: 2, seed: 3 };
    assert_eq!(batch.rounds(5), 3);
    let (mut loss, mut mean) = (0.0, vec![0.0; 5]);
    for k in 0..3 {
        let drawn = batch.drawn(5, k).unwrap();
        let mut part = vec![0.0; 5];
        let found = cut.evaluate_some(&z, 1.0, &drawn, &mut part).unwrap();
        let weight = drawn.len() as f64 / 5.0;
        loss += weight * found.loss;
        mean.iter_mut().zip(&part).for_each(|(m, p)| *m += weight * p);
        for i in 0..5 {
            let mut there = |h: f64| {
                let mut z = z.clone();
                z[i] += h;
                cut.evaluate_some(&z, 1.0, &drawn, &mut [0.0; 5]).unwrap().loss
            };
            // Of order h^4.
            let h = 1e-2;
            let (near, far) = (there(h) - there(-h), there(2.0 * h) - there(-2.0 * h));
            let difference = (8.0 * near - far) / (12.0 * h);
            let size = part.iter().fold(1.0_f64, |m, p| m.max(p.abs()));
            assert!((part[i] - difference).abs() < 1e-6 * size, "{i}: {} {difference}", part[i]);
        }
    }
    assert!((loss - all.loss).abs() < 1e-12 * all.loss, "{loss} {}", all.loss);
    for (m, g) in mean.iter().zip(&gradient) {
        assert!((m - g).abs() < 1e-12 * g.abs().max(1e-3), "{mean:?} {gradient:?}");
    }
}

/// Where segments join, their loss is that of the whole span.
#[test]
fn segments_that_join_have_the_loss_of_the_whole_span() {
    let mut whole = decay();
    let segments = Segments::new(&whole, &whole.z_start(), Some(4)).unwrap();
    let mut cut = segments.objective(&whole, 1e4).unwrap();
    let k = 0.7_f64;
    let mut theta = vec![k];
    for experiment in &cut.problem().experiments[1..] {
        theta.push(2.0 * (-k * experiment.t0).exp());
    }
    let z = cut.z(&theta);
    let joined = cut.evaluate(&z, 1.0, None).unwrap();
    let expected = whole.evaluate(&whole.z(&[k]), 1.0, None).unwrap();
    assert!((joined.loss - expected.loss).abs() < 1e-8 * expected.loss, "{joined:?} {expected:?}");
}
