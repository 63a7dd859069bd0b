//! Functions of a model with forcing signals, as functions of time, state and parameters.
//!
//! Compiled functions take the values of the inputs between the states and the delayed values. Here
//! they are put in, and their slopes enter derivatives by time.

use crate::signal::Signals;
use slopefield_kernel::{
    Cotangent, HessianProduct, Kernel, MatrixKernel, MatrixPattern, Point, Shape, Tangent,
};
use std::sync::Arc;

/// A function whose inputs follow signals.
struct Driven {
    inner: Arc<dyn Kernel>,
    /// States before the inputs.
    states: usize,
    signals: Arc<Signals>,
}

/// `kernel` with its inputs, behind `states` states, given by `signals`; functions that do not depend
/// on the state stay as they are.
pub(crate) fn driven(
    kernel: Arc<dyn Kernel>,
    states: usize,
    signals: &Arc<Signals>,
) -> Arc<dyn Kernel> {
    if kernel.shape().states == 0 {
        return kernel;
    }
    Arc::new(Driven { inner: kernel, states, signals: Arc::clone(signals) })
}

impl Driven {
    fn all(&self) -> usize {
        self.inner.shape().states
    }

    /// Copies what is outside of the inputs.
    fn widen(&self, u: &[f64], wide: &mut [f64]) {
        let (n, k) = (self.states, self.signals.len());
        wide[..n].copy_from_slice(&u[..n]);
        wide[n + k..].copy_from_slice(&u[n..]);
    }
}

impl Kernel for Driven {
    fn shape(&self) -> Shape {
        let inner = self.inner.shape();
        Shape { states: inner.states - self.signals.len(), ..inner }
    }

    fn scratch_len(&self) -> usize {
        2 * self.all() + self.signals.len() + self.inner.scratch_len()
    }

    fn eval(&self, t: f64, u: &[f64], p: &[f64], out: &mut [f64], scratch: &mut [f64]) {
        let (wide, scratch) = scratch.split_at_mut(self.all());
        self.widen(u, wide);
        self.signals.write(t, &mut wide[self.states..self.states + self.signals.len()]);
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
        let inputs = self.states..self.states + self.signals.len();
        let (wide, scratch) = scratch.split_at_mut(self.all());
        let (direction, scratch) = scratch.split_at_mut(self.all());
        self.widen(at.u, wide);
        self.widen(along.u, direction);
        self.signals.write_with_slopes(
            at.t,
            &mut wide[inputs.clone()],
            &mut direction[inputs.clone()],
        );
        // Without a direction in time nothing of a slope counts.
        if along.t == 0.0 {
            direction[inputs].fill(0.0);
        } else {
            direction[inputs].iter_mut().for_each(|slope| *slope *= along.t);
        }
        let (at, along) = (Point { u: wide, ..at }, Tangent { u: direction, ..along });
        self.inner.jvp(at, along, out, dout, scratch);
    }

    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, scratch: &mut [f64]) {
        let (n, k) = (self.states, self.signals.len());
        let (wide, scratch) = scratch.split_at_mut(self.all());
        let (by_all, scratch) = scratch.split_at_mut(self.all());
        let (slopes, scratch) = scratch.split_at_mut(k);
        self.widen(at.u, wide);
        self.signals.write_with_slopes(at.t, &mut wide[n..n + k], slopes);
        by_all.fill(0.0);
        let inner = Cotangent { t: &mut *grad.t, u: &mut *by_all, p: grad.p };
        self.inner.vjp(Point { u: wide, ..at }, w, inner, scratch);
        for (sum, x) in grad.u[..n].iter_mut().zip(&by_all[..n]) {
            *sum += x;
        }
        for (sum, x) in grad.u[n..].iter_mut().zip(&by_all[n + k..]) {
            *sum += x;
        }
        for (by_input, slope) in by_all[n..n + k].iter().zip(slopes.iter()) {
            *grad.t += by_input * slope;
        }
    }
}

/// A matrix whose entries depend on inputs.
pub(super) struct DrivenMatrix {
    pub(super) inner: Arc<dyn MatrixKernel>,
    pub(super) states: usize,
    /// States, inputs and delayed values.
    pub(super) all: usize,
    pub(super) signals: Arc<Signals>,
}

impl MatrixKernel for DrivenMatrix {
    fn pattern(&self) -> MatrixPattern<'_> {
        self.inner.pattern()
    }

    fn scratch_len(&self) -> usize {
        self.all + self.inner.scratch_len()
    }

    fn eval(&self, t: f64, u: &[f64], p: &[f64], values: &mut [f64], scratch: &mut [f64]) {
        let (n, k) = (self.states, self.signals.len());
        let (wide, scratch) = scratch.split_at_mut(self.all);
        wide[..n].copy_from_slice(&u[..n]);
        wide[n + k..].copy_from_slice(&u[n..]);
        self.signals.write(t, &mut wide[n..n + k]);
        self.inner.eval(t, wide, p, values, scratch);
    }

    fn is_constant(&self) -> bool {
        self.inner.is_constant()
    }
}

/// Second derivatives of a function whose inputs follow signals `U(t)`: with `F(t, u) = f(t, u, U(t))`,
/// the derivative of `wᵀ F` by time is `wᵀ f_t + (wᵀ f_U)·U'`, and what it changes by along `dt` has
/// a term `(wᵀ f_U)·U''`.
pub(super) struct DrivenHessian {
    inner: Arc<dyn HessianProduct>,
    /// First derivatives.
    rhs: Arc<dyn Kernel>,
    states: usize,
    signals: Arc<Signals>,
}

impl DrivenHessian {
    /// Of second derivatives `inner` of `rhs`, whose inputs stand behind `states` states.
    pub(super) fn new(
        inner: Arc<dyn HessianProduct>,
        rhs: Arc<dyn Kernel>,
        states: usize,
        signals: &Arc<Signals>,
    ) -> DrivenHessian {
        DrivenHessian { inner, rhs, states, signals: Arc::clone(signals) }
    }
}

impl HessianProduct for DrivenHessian {
    fn shape(&self) -> Shape {
        let inner = self.rhs.shape();
        Shape { states: inner.states - self.signals.len(), ..inner }
    }

    fn scratch_len(&self) -> usize {
        let shape = self.rhs.shape();
        let inner = self.inner.scratch_len().max(self.rhs.scratch_len());
        3 * shape.states + 2 * self.signals.len() + shape.params + inner
    }

    fn hvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        w: &[f64],
        grad: Cotangent<'_>,
        scratch: &mut [f64],
    ) {
        let (n, k, all) = (self.states, self.signals.len(), self.rhs.shape().states);
        let (wide, scratch) = scratch.split_at_mut(all);
        let (direction, scratch) = scratch.split_at_mut(all);
        let (by_all, scratch) = scratch.split_at_mut(all);
        let (slopes, scratch) = scratch.split_at_mut(k);
        let (curvatures, scratch) = scratch.split_at_mut(k);
        let (unused, scratch) = scratch.split_at_mut(at.p.len());
        for (from, to) in [(at.u, &mut *wide), (along.u, &mut *direction)] {
            to[..n].copy_from_slice(&from[..n]);
            to[n + k..].copy_from_slice(&from[n..]);
        }
        self.signals.write_with_slopes(at.t, &mut wide[n..n + k], slopes);
        for (along_input, slope) in direction[n..n + k].iter_mut().zip(slopes.iter()) {
            *along_input = if along.t == 0.0 { 0.0 } else { along.t * slope };
        }
        by_all.fill(0.0);
        let here = Point { u: wide, ..at };
        let inner = Cotangent { t: &mut *grad.t, u: &mut *by_all, p: grad.p };
        self.inner.hvp(here, Tangent { u: direction, ..along }, w, inner, scratch);
        for (sum, x) in grad.u[..n].iter_mut().zip(&by_all[..n]) {
            *sum += x;
        }
        for (sum, x) in grad.u[n..].iter_mut().zip(&by_all[n + k..]) {
            *sum += x;
        }
        for (by_input, slope) in by_all[n..n + k].iter().zip(slopes.iter()) {
            *grad.t += by_input * slope;
        }
        self.signals.write_curvatures(at.t, curvatures);
        if along.t == 0.0 || curvatures.iter().all(|c| *c == 0.0) {
            return;
        }
        by_all.fill(0.0);
        unused.fill(0.0);
        let inner = Cotangent { t: &mut 0.0, u: &mut *by_all, p: unused };
        self.rhs.vjp(here, w, inner, scratch);
        for (by_input, curvature) in by_all[n..n + k].iter().zip(curvatures.iter()) {
            *grad.t += by_input * curvature * along.t;
        }
    }
}
