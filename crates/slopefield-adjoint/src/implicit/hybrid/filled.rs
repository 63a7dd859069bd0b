//! Functions of a system with delays as functions of time, state and the numbers of the past.

use super::super::interpolant::Interpolant;
use super::curvature::Curvature;
use super::reads::{Noticed, Reader, Seen, Work};
use super::tape::Tape;
use crate::hybrid::system::System;
use slopefield_kernel::{
    Cotangent, HessianProduct, Kernel, MatrixKernel, MatrixPattern, Point, Shape, Structure,
    Tangent,
};
use slopefield_solve::Ivp;
use std::sync::atomic::Ordering::Relaxed;

/// Like the method of steps: with more states than this a sparse Jacobian matters more than what it
/// says about delays.
const MOST_COUPLED: usize = 64;

/// A function with its delayed values filled in. What it has for its parameters says [`Seen`]; the
/// numbers themselves are those of the tape, whatever a caller hands over.
pub(super) struct Filled<'a> {
    reader: Reader<'a>,
    kernel: &'a dyn Kernel,
    jacobian: Option<Matrix<'a>>,
    hessian: Option<Curvature<'a>>,
    mass: Option<Mass<'a>>,
    noticed: Noticed,
}

impl<'a> Filled<'a> {
    /// Of any function of a system.
    pub fn new(reader: Reader<'a>, kernel: &'a dyn Kernel) -> Self {
        let noticed = Noticed::default();
        Filled { reader, kernel, jacobian: None, hessian: None, mass: None, noticed }
    }

    /// Of its right-hand side, with what methods may know of that.
    pub fn of_right_hand_side(reader: Reader<'a>) -> Self {
        let structure = reader.system.structure();
        let matrix = structure.jacobian.filter(|_| keeps_sparse_jacobian(&reader.system));
        Filled {
            jacobian: matrix.map(|matrix| Matrix { reader, matrix }),
            hessian: structure.hessian.map(|hessian| Curvature::new(reader, hessian)),
            mass: structure.mass.map(|matrix| Mass { reader, matrix }),
            ..Filled::new(reader, reader.system.rhs())
        }
    }

    /// Whether the step at hand was read.
    pub fn looked_ahead(&self) -> bool {
        self.noticed.ahead.load(Relaxed)
    }

    /// Whether a step was read farther from it than it is long.
    pub fn looked_far(&self) -> bool {
        self.noticed.far.load(Relaxed)
    }
}

/// The delayed values themselves, as a function of states and delayed values; with these filled in, one
/// of time, state and the past.
pub(super) struct DelayedValues {
    shape: Shape,
}

impl DelayedValues {
    /// Those of a system.
    pub fn of(system: &System<'_>) -> Self {
        let System { n, all, .. } = *system;
        let shape = Shape { states: all, params: system.ivp.p.len(), outputs: all - n };
        DelayedValues { shape }
    }

    fn behind<'x>(&self, u: &'x [f64]) -> &'x [f64] {
        &u[self.shape.states - self.shape.outputs..]
    }
}

impl Kernel for DelayedValues {
    fn shape(&self) -> Shape {
        self.shape
    }

    fn scratch_len(&self) -> usize {
        0
    }

    fn eval(&self, _: f64, u: &[f64], _: &[f64], out: &mut [f64], _: &mut [f64]) {
        out.copy_from_slice(self.behind(u));
    }

    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        _: &mut [f64],
    ) {
        out.copy_from_slice(self.behind(at.u));
        dout.copy_from_slice(self.behind(along.u));
    }

    fn vjp(&self, _: Point<'_>, w: &[f64], grad: Cotangent<'_>, _: &mut [f64]) {
        let first = self.shape.states - self.shape.outputs;
        for (sum, w) in grad.u[first..].iter_mut().zip(w) {
            *sum += w;
        }
    }
}

/// The right-hand side with its delayed values filled in, where there are any.
pub(super) fn filled<'a>(
    system: &System<'a>,
    tape: &'a Tape,
    interpolant: Interpolant,
    context: usize,
    seen: Seen<'a>,
) -> Option<Filled<'a>> {
    let reader = Reader { system: *system, tape, interpolant, context, seen };
    system.delays().is_some().then(|| Filled::of_right_hand_side(reader))
}

/// The equations at hand as ordinary ones, with the parameters `p` where delayed values are `filled` in.
pub(super) fn ordinary<'a>(
    system: &System<'a>,
    filled: &'a Option<Filled<'a>>,
    p: &'a [f64],
) -> Ivp<'a> {
    match filled {
        Some(filled) => Ivp { rhs: filled, p, ..system.ivp },
        None => system.ivp,
    }
}

/// Whether delayed values do not change the Jacobian, and it is worth keeping sparse.
fn keeps_sparse_jacobian(system: &System<'_>) -> bool {
    system.n > MOST_COUPLED && (0..system.lags()).all(|lag| system.is_constant(lag))
}

/// Whether the Jacobian that a solver has leaves out how lags depend on the state.
pub(super) fn leaves_out_lags(structure: &Structure<'_>) -> bool {
    let large = structure.jacobian.is_some_and(|m| m.pattern().width() > MOST_COUPLED);
    large && structure.delays.as_ref().is_some_and(|delays| delays.constant.contains(&false))
}

impl Kernel for Filled<'_> {
    fn shape(&self) -> Shape {
        let outputs = self.kernel.shape().outputs;
        Shape { states: self.reader.system.n, params: self.reader.params(), outputs }
    }

    fn scratch_len(&self) -> usize {
        self.reader.scratch_len()
    }

    fn eval(&self, t: f64, u: &[f64], _: &[f64], out: &mut [f64], scratch: &mut [f64]) {
        let mut work = self.reader.split(scratch);
        self.reader.fill(t, u, &mut work, &self.noticed);
        self.kernel.eval(t, work.u, self.reader.p(), out, work.rest);
    }

    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        scratch: &mut [f64],
    ) {
        let reader = &self.reader;
        let mut work = reader.split(scratch);
        reader.fill(at.t, at.u, &mut work, &self.noticed);
        work.du[..reader.system.n].copy_from_slice(along.u);
        reader.push(at.t, along.t, &reader.along(along.p), &mut work);
        let Work { u, du, dp, rest, .. } = work;
        let at = Point { t: at.t, u, p: reader.p() };
        self.kernel.jvp(at, Tangent { t: along.t, u: du, p: dp }, out, dout, rest);
    }

    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, scratch: &mut [f64]) {
        let reader = &self.reader;
        let mut work = reader.split(scratch);
        reader.fill(at.t, at.u, &mut work, &self.noticed);
        let mut sink = reader.sink(grad.p);
        work.bar.fill(0.0);
        let p = sink.parameters(work.by_p);
        let inner = Cotangent { t: &mut *grad.t, u: work.bar, p };
        let point = Point { t: at.t, u: work.u, p: reader.p() };
        self.kernel.vjp(point, w, inner, work.rest);
        sink.passed(work.by_p);
        *grad.t += reader.pull_all(at.t, &mut work, &mut sink);
        for (sum, x) in grad.u.iter_mut().zip(work.bar.iter()) {
            *sum += x;
        }
    }

    fn structure(&self) -> Structure<'_> {
        Structure {
            jacobian: self.jacobian.as_ref().map(|matrix| matrix as &dyn MatrixKernel),
            hessian: self.hessian.as_ref().map(|hessian| hessian as &dyn HessianProduct),
            mass: self.mass.as_ref().map(|matrix| matrix as &dyn MatrixKernel),
            ..Structure::default()
        }
    }
}

/// The Jacobian with delayed values filled in.
struct Matrix<'a> {
    reader: Reader<'a>,
    matrix: &'a dyn MatrixKernel,
}

impl MatrixKernel for Matrix<'_> {
    fn pattern(&self) -> MatrixPattern<'_> {
        self.matrix.pattern()
    }

    fn scratch_len(&self) -> usize {
        self.reader.scratch_len() + self.matrix.scratch_len()
    }

    fn eval(&self, t: f64, u: &[f64], _: &[f64], values: &mut [f64], scratch: &mut [f64]) {
        let (own, rest) = scratch.split_at_mut(self.reader.scratch_len());
        let mut work = self.reader.split(own);
        self.reader.fill(t, u, &mut work, &Noticed::default());
        self.matrix.eval(t, work.u, self.reader.p(), values, rest);
    }

    fn is_constant(&self) -> bool {
        self.matrix.is_constant()
    }
}

/// The mass matrix, a function of the parameters of the model alone.
struct Mass<'a> {
    reader: Reader<'a>,
    matrix: &'a dyn MatrixKernel,
}

impl MatrixKernel for Mass<'_> {
    fn pattern(&self) -> MatrixPattern<'_> {
        self.matrix.pattern()
    }

    fn scratch_len(&self) -> usize {
        self.reader.scratch_len() + self.matrix.scratch_len()
    }

    fn eval(&self, t: f64, u: &[f64], _: &[f64], values: &mut [f64], scratch: &mut [f64]) {
        let (own, rest) = scratch.split_at_mut(self.reader.scratch_len());
        let mut work = self.reader.split(own);
        self.reader.fill(t, u, &mut work, &Noticed::default());
        self.matrix.eval(t, work.u, self.reader.p(), values, rest);
    }

    fn is_constant(&self) -> bool {
        self.matrix.is_constant()
    }

    fn parameter_vjp(
        &self,
        at: Point<'_>,
        weights: &[f64],
        grad: &mut [f64],
        scratch: &mut [f64],
    ) -> bool {
        let (own, rest) = scratch.split_at_mut(self.reader.scratch_len());
        let work = self.reader.split(own);
        let mut sink = self.reader.sink(grad);
        let by_p = sink.parameters(work.by_p);
        let at = Point { p: self.reader.p(), ..at };
        let known = self.matrix.parameter_vjp(at, weights, by_p, rest);
        sink.passed(work.by_p);
        known
    }
}
