//! The functions of segments against differences and against each other.

use super::kernels;
use slopefield_kernel::{Cotangent, Kernel, Point, Tangent};
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
