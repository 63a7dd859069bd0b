//! Observations of systems with delays as functions of the state alone.
//!
//! Compiled functions of a model with delays take the delayed values behind the states. What is
//! observed at a save point hardly ever needs them, and training has only the states there.

use slopefield_kernel::{Cotangent, Kernel, Point, Shape, Tangent};
use std::sync::Arc;

/// A function that takes delayed values and reads none of them. NaN stands in their place: should
/// one be read after all, its result says so.
struct Undelayed {
    inner: Arc<dyn Kernel>,
    states: usize,
}

/// `kernel` as a function of `states` states, or the number of an output that reads a delayed
/// value. Whether one does is tried at several states, at the parameters given.
pub(crate) fn undelayed(
    kernel: &Arc<dyn Kernel>,
    states: usize,
    p: &[f64],
) -> Result<Arc<dyn Kernel>, usize> {
    let shape = kernel.shape();
    if shape.states <= states {
        return Ok(Arc::clone(kernel));
    }
    let mut scratch = vec![0.0; kernel.scratch_len()];
    let mut outputs = |value: f64, delayed: f64| {
        let mut u = vec![value; states];
        u.resize(shape.states, delayed);
        let mut out = vec![0.0; shape.outputs];
        kernel.eval(value, &u, p, &mut out, &mut scratch);
        out
    };
    for value in [1.0, 0.37, 25.0, -2.3] {
        let (with, without) = (outputs(value, 0.83), outputs(value, f64::NAN));
        let reads = |(a, b): (&f64, &f64)| !a.is_nan() && a.to_bits() != b.to_bits();
        if let Some(output) = with.iter().zip(&without).position(reads) {
            return Err(output);
        }
    }
    Ok(Arc::new(Undelayed { inner: Arc::clone(kernel), states }))
}

impl Undelayed {
    fn all(&self) -> usize {
        self.inner.shape().states
    }

    fn widen(&self, u: &[f64], delayed: f64, wide: &mut [f64]) {
        wide[..self.states].copy_from_slice(u);
        wide[self.states..].fill(delayed);
    }
}

impl Kernel for Undelayed {
    fn shape(&self) -> Shape {
        Shape { states: self.states, ..self.inner.shape() }
    }

    fn scratch_len(&self) -> usize {
        2 * self.all() + self.inner.scratch_len()
    }

    fn eval(&self, t: f64, u: &[f64], p: &[f64], out: &mut [f64], scratch: &mut [f64]) {
        let (wide, scratch) = scratch.split_at_mut(self.all());
        self.widen(u, f64::NAN, wide);
        self.inner.eval(t, wide, p, out, scratch);
    }

    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        scratch: &mut [f64],
    ) {
        let (wide, scratch) = scratch.split_at_mut(self.all());
        let (direction, scratch) = scratch.split_at_mut(self.all());
        self.widen(at.u, f64::NAN, wide);
        self.widen(along.u, 0.0, direction);
        let (at, along) = (Point { u: wide, ..at }, Tangent { u: direction, ..along });
        self.inner.jvp(at, along, out, dout, scratch);
    }

    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, scratch: &mut [f64]) {
        let (wide, scratch) = scratch.split_at_mut(self.all());
        let (by_all, scratch) = scratch.split_at_mut(self.all());
        self.widen(at.u, f64::NAN, wide);
        by_all.fill(0.0);
        let inner = Cotangent { t: grad.t, u: &mut *by_all, p: grad.p };
        self.inner.vjp(Point { u: wide, ..at }, w, inner, scratch);
        for (sum, x) in grad.u.iter_mut().zip(&by_all[..]) {
            *sum += x;
        }
    }
}
