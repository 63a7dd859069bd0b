//! Predator and prey.

use crate::Problem;
use crate::problem::{COMPUTED, Class, equations, model};
use crate::system::System;
use slopefield_kernel::{Cotangent, Kernel, Point, Shape, Structure, Tangent};
use std::sync::LazyLock;

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

    fn structure(&self) -> Structure<'_> {
        Kernel::<f64>::structure(&*SYSTEM)
    }
}

/// The slice as an array, so that its values can be named.
fn fixed<const N: usize>(slice: &[f64]) -> &[f64; N] {
    slice.try_into().expect("the kernel contract fixes the lengths")
}

equations! {
    Equations: 2, 4;
    (_, u, p, out) {
        let (x, y) = (u(0), u(1));
        out(0, p(0) * x - p(1) * x * y);
        out(1, -p(2) * y + p(3) * x * y);
    }
}

static SYSTEM: LazyLock<System<Equations>> = LazyLock::new(|| System::new(Equations));

/// The Lotka–Volterra equations, parameters `(α, β, δ, γ) = (1.5, 1, 3, 1)`.
pub fn lotka_volterra() -> Problem {
    let span = (0.0, 10.0);
    let (u0, p) = (vec![1.0, 1.0], vec![1.5, 1.0, 3.0, 1.0]);
    let names = ("lotka-volterra", "Lotka–Volterra");
    Problem {
        rhs: Box::new(LotkaVolterra),
        ..Problem::new(names, Class::NonStiff, Equations, span, u0, p)
    }
    .known(1.0, &[2.772850901841112, 0.258710878142564], 1e-15, COMPUTED)
    .known(10.0, &[1.0263447675750893, 0.9096910781360416], 1e-15, COMPUTED)
    .with_text(model!("lotka_volterra"))
}
