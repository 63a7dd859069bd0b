//! A system as methods see it that know no jumps.

use slopefield_kernel::{Cotangent, Kernel, Point, Shape, Structure, Tangent};
use slopefield_solve::Real;

/// A system without its jumps and events, which who calls deals with.
pub(crate) struct WithoutJumps<'a, T> {
    rhs: &'a dyn Kernel<T>,
}

impl<'a, T: Real> WithoutJumps<'a, T> {
    pub(crate) fn new(rhs: &'a dyn Kernel<T>) -> Self {
        WithoutJumps { rhs }
    }
}

impl<T: Real> Kernel<T> for WithoutJumps<'_, T> {
    fn shape(&self) -> Shape {
        self.rhs.shape()
    }

    fn scratch_len(&self) -> usize {
        self.rhs.scratch_len()
    }

    fn eval(&self, t: T, u: &[T], p: &[T], out: &mut [T], scratch: &mut [T]) {
        self.rhs.eval(t, u, p, out, scratch);
    }

    fn jvp(
        &self,
        at: Point<'_, T>,
        along: Tangent<'_, T>,
        out: &mut [T],
        dout: &mut [T],
        scratch: &mut [T],
    ) {
        self.rhs.jvp(at, along, out, dout, scratch);
    }

    fn vjp(&self, at: Point<'_, T>, w: &[T], grad: Cotangent<'_, T>, scratch: &mut [T]) {
        self.rhs.vjp(at, w, grad, scratch);
    }

    fn structure(&self) -> Structure<'_, T> {
        let whole = self.rhs.structure();
        Structure { jumps: None, rate_bounds: None, single_rates: &[], events: None, ..whole }
    }
}
