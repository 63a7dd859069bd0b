//! The adjoint equation as a right-hand side that every solver can take.

use super::path::Part;
use super::transposed::{Transposed, TransposedMass};
use slopefield_kernel::{
    Cotangent, Kernel, MatrixKernel, MatrixPattern, Point, Shape, Structure, Tangent,
};

/// `Mᵀ λ' = −(∂f/∂u)ᵀ λ` along the stored trajectory, and below it, when wanted, the integral of
/// the parameters `q' = −(∂f/∂p)ᵀ λ`. It has no parameters of its own.
pub(crate) struct AdjointEquation<'a> {
    pub rhs: &'a dyn Kernel,
    pub p: &'a [f64],
    pub part: Part<'a>,
    pub transposed: &'a Transposed,
    pub mass: Option<&'a TransposedMass>,
    /// Whether the integral belongs to it.
    pub with_integral: bool,
}

impl AdjointEquation<'_> {
    fn states(&self) -> usize {
        self.part.states()
    }

    /// Writes `−(∂f/∂u)ᵀ λ` and, when wanted, `−(∂f/∂p)ᵀ λ` at a state.
    fn product(&self, at: Point<'_>, lambda: &[f64], out: &mut [f64], rest: &mut [f64]) {
        out.fill(0.0);
        if self.with_integral {
            let (by_u, by_p) = out.split_at_mut(lambda.len());
            self.rhs.vjp(at, lambda, Cotangent { t: &mut 0.0, u: by_u, p: by_p }, rest);
        } else {
            // Reverse products add; what they add for the parameters is needed elsewhere. Cleared,
            // lest it grow without bound.
            let (unused, rest) = rest.split_at_mut(self.p.len());
            unused.fill(0.0);
            self.rhs.vjp(at, lambda, Cotangent { t: &mut 0.0, u: out, p: unused }, rest);
        }
        for slope in out {
            *slope = -*slope;
        }
    }

    fn at(&self, t: f64, lambda: &[f64], out: &mut [f64], scratch: &mut [f64]) {
        let n = self.states();
        let (u, rest) = scratch.split_at_mut(n);
        self.part.at(t, u);
        self.product(Point { t, u, p: self.p }, &lambda[..n], out, rest);
    }

    /// Adds `factor` times the derivative by time at constant λ to `out`. It needs second
    /// derivatives of the model along the path, and is taken by differences of third order within
    /// the step: the methods used here ask for it for nothing but the first guess of algebraic
    /// variables, so its error is not one of the solution.
    fn add_time_derivative(
        &self,
        factor: f64,
        (t, lambda): (f64, &[f64]),
        out: &mut [f64],
        scratch: &mut [f64],
    ) {
        let (a, b) = self.part.step_at(t);
        let h = 1e-3 * (b - a);
        let h = if (t - a) * (b - a) > 0.5 * (b - a) * (b - a) { -h } else { h };
        let (value, scratch) = scratch.split_at_mut(out.len());
        for (k, weight) in [-11.0 / 6.0, 3.0, -1.5, 1.0 / 3.0].into_iter().enumerate() {
            self.at(t + k as f64 * h, lambda, value, scratch);
            for (out, value) in out.iter_mut().zip(&*value) {
                *out += factor * weight / h * value;
            }
        }
    }
}

impl Kernel for AdjointEquation<'_> {
    fn shape(&self) -> Shape {
        let states = self.states() + if self.with_integral { self.p.len() } else { 0 };
        Shape { states, params: 0, outputs: states }
    }

    fn scratch_len(&self) -> usize {
        3 * self.states() + 2 * self.p.len() + self.rhs.scratch_len()
    }

    fn eval(&self, t: f64, lambda: &[f64], _: &[f64], out: &mut [f64], scratch: &mut [f64]) {
        self.at(t, lambda, out, scratch);
    }

    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        scratch: &mut [f64],
    ) {
        // Linear in λ.
        self.at(at.t, at.u, out, scratch);
        self.at(at.t, along.u, dout, scratch);
        if along.t != 0.0 {
            self.add_time_derivative(along.t, (at.t, at.u), dout, scratch);
        }
    }

    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, scratch: &mut [f64]) {
        // The transpose of −(∂f/∂(u, p))ᵀ is a forward product of the original right-hand side.
        let n = self.states();
        let (u, rest) = scratch.split_at_mut(n);
        let (value, rest) = rest.split_at_mut(n);
        let (product, rest) = rest.split_at_mut(n);
        let (along_p, scratch) = rest.split_at_mut(self.p.len());
        self.part.at(at.t, u);
        if self.with_integral {
            along_p.copy_from_slice(&w[n..]);
        } else {
            along_p.fill(0.0);
        }
        let along = Tangent { t: 0.0, u: &w[..n], p: along_p };
        self.rhs.jvp(Point { t: at.t, u, p: self.p }, along, value, product, scratch);
        for (g, x) in grad.u.iter_mut().zip(product) {
            *g -= *x;
        }
    }

    fn structure(&self) -> Structure<'_> {
        Structure {
            jacobian: Some(self),
            mass: self.mass.map(|mass| mass as &dyn MatrixKernel),
            // The equation is smooth where the right-hand side is.
            breaks: self.rhs.structure().breaks,
            ..Structure::default()
        }
    }
}

/// Its Jacobian.
impl MatrixKernel for AdjointEquation<'_> {
    fn pattern(&self) -> MatrixPattern<'_> {
        self.transposed.pattern()
    }

    fn scratch_len(&self) -> usize {
        let own = 2 * self.states() + self.p.len() + self.rhs.scratch_len();
        let matrix =
            self.rhs.structure().jacobian.map_or(0, |matrix| {
                self.states() + matrix.pattern().rows.len() + matrix.scratch_len()
            });
        own.max(matrix)
    }

    fn eval(&self, t: f64, _: &[f64], _: &[f64], values: &mut [f64], scratch: &mut [f64]) {
        let n = self.states();
        let (u, rest) = scratch.split_at_mut(n);
        self.part.at(t, u);
        match (self.transposed.sources(), self.rhs.structure().jacobian) {
            (Some(sources), Some(matrix)) => {
                let (own, rest) = rest.split_at_mut(sources.len());
                matrix.eval(t, u, self.p, own, rest);
                for (value, source) in values.iter_mut().zip(sources) {
                    *value = -own[*source as usize];
                }
            }
            _ => {
                let (unit, rest) = rest.split_at_mut(n);
                unit.fill(0.0);
                let height = self.transposed.pattern().height;
                for (j, column) in values.chunks_exact_mut(height).enumerate() {
                    unit[j] = 1.0;
                    self.product(Point { t, u, p: self.p }, unit, column, rest);
                    unit[j] = 0.0;
                }
            }
        }
    }
}
