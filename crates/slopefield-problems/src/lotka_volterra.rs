//! Predator and prey.

use crate::{COMPUTED, Problem, Reference};
use slopefield_kernel::{Cotangent, Kernel, Point, Shape, Tangent};

/// `x' = αx − βxy`, `y' = −δy + γxy`, with parameters in the order `(α, β, δ, γ)`.
/// Products are written out rather than formed from Jacobians: this is the benchmark problem.
struct LotkaVolterra;

impl Kernel for LotkaVolterra {
    fn shape(&self) -> Shape {
        Shape { states: 2, params: 4, outputs: 2 }
    }

    fn scratch_len(&self) -> usize {
        0
    }

    fn eval(&self, _: f64, u: &[f64], p: &[f64], out: &mut [f64], _: &mut [f64]) {
        let (&[x, y], &[alpha, beta, delta, gamma]) = (fixed::<2>(u), fixed::<4>(p));
        out.copy_from_slice(&[alpha * x - beta * x * y, -delta * y + gamma * x * y]);
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
        let (&[x, y], &[alpha, beta, delta, gamma]) = (fixed::<2>(at.u), fixed::<4>(at.p));
        let (&[dx, dy], &[da, db, dd, dg]) = (fixed::<2>(along.u), fixed::<4>(along.p));
        let dxy = dx * y + x * dy;
        dout.copy_from_slice(&[
            da * x + alpha * dx - db * x * y - beta * dxy,
            -dd * y - delta * dy + dg * x * y + gamma * dxy,
        ]);
    }

    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, _: &mut [f64]) {
        let (&[x, y], &[alpha, beta, delta, gamma]) = (fixed::<2>(at.u), fixed::<4>(at.p));
        let &[wx, wy] = fixed::<2>(w);
        let both = gamma * wy - beta * wx;
        grad.u[0] += alpha * wx + both * y;
        grad.u[1] += both * x - delta * wy;
        let xy = x * y;
        grad.p[0] += wx * x;
        grad.p[1] -= wx * xy;
        grad.p[2] -= wy * y;
        grad.p[3] += wy * xy;
    }
}

/// The slice as an array, so that its values can be named.
fn fixed<const N: usize>(slice: &[f64]) -> &[f64; N] {
    slice.try_into().expect("the kernel contract fixes the lengths")
}

/// The Lotka–Volterra equations, parameters `(α, β, δ, γ) = (1.5, 1, 3, 1)`.
pub fn lotka_volterra() -> Problem {
    Problem {
        id: "lotka-volterra",
        name: "Lotka–Volterra",
        rhs: Box::new(LotkaVolterra),
        t0: 0.0,
        t1: 10.0,
        u0: vec![1.0, 1.0],
        p: vec![1.5, 1.0, 3.0, 1.0],
        references: vec![
            Reference {
                t: 1.0,
                u: vec![2.772850901841112, 0.258710878142564],
                tolerance: 1e-15,
                source: COMPUTED,
            },
            Reference {
                t: 10.0,
                u: vec![1.0263447675750893, 0.9096910781360416],
                tolerance: 1e-15,
                source: COMPUTED,
            },
        ],
        exact: None,
    }
}
