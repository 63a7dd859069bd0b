//! Heat with noise in proportion to it.

use super::{problem, with_path};
use crate::Problem;
use crate::function::{Derived, Function};
use crate::number::{Float, Number};
use crate::problem::{Moment, model};
use crate::system::Equations;
use slopefield_kernel::{Calculus, Noise, NoiseKind, Shape, Structure};
use std::f64::consts::PI;

/// Points; their distance is the inverse of that, so the rod is a little longer than 1.
const POINTS: usize = 100;

#[derive(Debug, Clone, Copy)]
struct NoisyHeat;

impl Function for NoisyHeat {
    fn shape(&self) -> Shape {
        Shape { states: POINTS, params: 2, outputs: POINTS }
    }

    #[inline(always)]
    fn eval<N: Number>(
        &self,
        _: N,
        u: impl Fn(usize) -> N,
        p: impl Fn(usize) -> N,
        mut out: impl FnMut(usize, N),
    ) {
        let strength = p(0) * (POINTS * POINTS) as f64;
        for i in 0..POINTS {
            let before = if i == 0 { N::of(0.0) } else { u(i - 1) };
            let after = if i + 1 == POINTS { N::of(0.0) } else { u(i + 1) };
            out(i, strength * (before - u(i) * 2.0 + after));
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct HeatNoise;

impl Function for HeatNoise {
    fn shape(&self) -> Shape {
        Shape { states: POINTS, params: 2, outputs: POINTS }
    }

    #[inline(always)]
    fn eval<N: Number>(
        &self,
        _: N,
        u: impl Fn(usize) -> N,
        p: impl Fn(usize) -> N,
        mut out: impl FnMut(usize, N),
    ) {
        (0..POINTS).for_each(|i| out(i, p(1) * u(i)));
    }
}

impl Equations for NoisyHeat {
    fn structure<T: Float>(&self) -> Structure<'_, T> {
        Structure {
            noise: Some(Noise {
                coefficients: &Derived(HeatNoise),
                sources: 1,
                kind: NoiseKind::Commutative,
                calculus: Calculus::Ito,
                hessian: Some(&Derived(HeatNoise)),
            }),
            ..Default::default()
        }
    }
}

/// Writes `exp(At) u0` for the matrix `A` of the heat equation of this diffusivity, by its
/// eigenvectors; exactly `u0` at t = 0.
fn conducted(t: f64, diffusivity: f64, u0: &[f64], out: &mut [f64]) {
    let mode = |j: usize, i: usize| (PI * (j * i) as f64 / (POINTS + 1) as f64).sin();
    out.copy_from_slice(u0);
    for j in 1..=POINTS {
        let half = (PI * j as f64 / (2 * (POINTS + 1)) as f64).sin();
        let eigenvalue = -4.0 * diffusivity * (POINTS * POINTS) as f64 * half * half;
        let amount: f64 = u0.iter().enumerate().map(|(i, u)| u * mode(j, i + 1)).sum();
        let change = 2.0 / (POINTS + 1) as f64 * amount * (eigenvalue * t).exp_m1();
        for (i, out) in out.iter_mut().enumerate() {
            *out += change * mode(j, i + 1);
        }
    }
}

/// A rod of 100 points, cold at both ends, `dU = D AU dt + k U dW` (Itô) with one source of noise,
/// parameters `(D, k) = (1, 1)`, to t = 3: stiff, raising either makes it more so.
///
/// A. Abdulle, S. Cirilli, *S-ROCK: Chebyshev methods for stiff stochastic differential
/// equations*, SIAM J. Sci. Comput. 30 (2008) 997, doi:10.1137/070679375.
pub fn heat_noise() -> Problem {
    let names = ("heat-noise", "Heat with multiplicative noise");
    let u0 = vec![1.0; POINTS];
    let mut problem =
        with_path(problem(names, NoisyHeat, 3.0, &u0, &[1.0, 1.0]), |t, w, u0, p, out| {
            conducted(t, p[0], u0, out);
            let grown = (p[1] * w[0] - 0.5 * p[1] * p[1] * t).exp();
            out.iter_mut().for_each(|u| *u *= grown);
        });
    let mut mean = vec![0.0; POINTS];
    let t: f64 = 0.1;
    conducted(t, 1.0, &u0, &mut mean);
    problem.moments = [0, POINTS / 2]
        .map(|state| {
            let variance = Some(mean[state] * mean[state] * t.exp_m1());
            let source = "closed form";
            Moment { t, state, mean: mean[state], simulations: None, variance, source }
        })
        .to_vec();
    problem.with_text(model!("heat_noise"))
}
