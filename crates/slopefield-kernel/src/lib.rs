//! The one interface between compiled model functions and the code that calls them.
//!
//! A compiler (`slopefield-cpu`, the reference interpreter in `slopefield-graph`, a hand-written
//! test problem) implements [`Kernel`]; solvers, adjoints and training call it. Neither side knows
//! the other. The crate holds no code that computes and depends on nothing.

mod batch;
mod checked;
mod recording;
mod step;
mod structure;

pub use batch::{BatchKernel, BatchPoint, LANE_GROUP};
pub use checked::{CheckedEval, CheckedEvalFn, EvalSite};
pub use recording::Recording;
pub use step::{ReverseStepKernel, StepAttempt, StepKernel, StepReversal, StepTable};
pub use structure::{
    Break, Calculus, Crossing, DelayedRead, Delays, Event, EventHessians, Events, JumpChange,
    Jumps, MatrixKernel, MatrixPattern, Noise, NoiseKind, Pair, Part, Split, Structure, Trigger,
};

use std::sync::Arc;

/// Sizes of a vector function `out = f(t, u, p)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Length of the state vector `u` (0 for functions of the parameters alone).
    pub states: usize,
    /// Length of the parameter vector `p`: scalars first, then network weights.
    pub params: usize,
    /// Length of the result.
    pub outputs: usize,
}

/// A function `out = f(t, u, p)` with the derivative products that gradients need, in numbers of
/// type `T`: `f64`, or `f32` where that is a choice.
///
/// Implementations allocate nothing when called, keep no state between calls and may be called
/// from several threads at once. The caller provides `scratch`, at least [`Kernel::scratch_len`]
/// long; its contents are unspecified before and after. Slices have exactly the lengths of
/// [`Kernel::shape`]; other lengths are a bug of the caller and may panic. No call fails: a value
/// outside a function's domain gives NaN, which callers look for.
pub trait Kernel<T = f64>: Send + Sync {
    /// The sizes of inputs and output.
    fn shape(&self) -> Shape;

    /// Number of elements that every call needs as work space.
    fn scratch_len(&self) -> usize;

    /// Writes `f(t, u, p)` to `out`.
    fn eval(&self, t: T, u: &[T], p: &[T], out: &mut [T], scratch: &mut [T]);

    /// Forward product: writes `f` to `out` and its derivative along the direction
    /// `(dt, du, dp)` to `dout`.
    fn jvp(
        &self,
        at: Point<'_, T>,
        along: Tangent<'_, T>,
        out: &mut [T],
        dout: &mut [T],
        scratch: &mut [T],
    );

    /// Reverse product: *adds* `wᵀ ∂f/∂t`, `wᵀ ∂f/∂u`, `wᵀ ∂f/∂p` to `grad`. `w` has the length
    /// of the output.
    fn vjp(&self, at: Point<'_, T>, w: &[T], grad: Cotangent<'_, T>, scratch: &mut [T]);

    /// What is known of the system whose right-hand side this is; nothing for other functions.
    fn structure(&self) -> Structure<'_, T> {
        Structure::default()
    }

    /// Whole steps of the method of `table`, where the kernel can take them and finds them worth
    /// their preparation. `taken` is the number of steps that the caller has taken one evaluation
    /// at a time since it last asked; a kernel that has to compile adds them up and answers `None`
    /// until there have been enough. Steps have the same bits either way, so a caller may change
    /// over at any step.
    ///
    /// The first call that gets an answer may allocate and take as long as a compilation.
    fn explicit_step(&self, table: &StepTable, taken: u64) -> Option<Arc<dyn StepKernel<T>>> {
        let _ = (table, taken);
        None
    }

    /// Like [`Kernel::explicit_step`], for reversed steps.
    fn explicit_step_reverse(
        &self,
        table: &StepTable,
        taken: u64,
    ) -> Option<Arc<dyn ReverseStepKernel>> {
        let _ = (table, taken);
        None
    }

    /// Evaluations whose reverse products need not compute the function again, where that saves
    /// work worth the memory. The first call may take as long as a compilation.
    fn recording(&self) -> Option<Arc<dyn Recording<T>>> {
        None
    }

    /// Code of an evaluation that checks what a foreign caller passes, for small systems in `f64`. The
    /// first call may take as long as a compilation.
    fn checked_eval(&self) -> Option<CheckedEval> {
        None
    }
}

/// Products with second derivatives of a vector function, for methods that use curvature.
///
/// The rules of [`Kernel`] hold: nothing is allocated, no call fails, `scratch` is the caller's.
pub trait HessianProduct: Send + Sync {
    /// The sizes of inputs and output.
    fn shape(&self) -> Shape;

    /// Number of `f64` that every call needs as work space.
    fn scratch_len(&self) -> usize;

    /// *Adds* `∂²(wᵀ f) · along` to `grad`: how the gradient of `wᵀ f` with respect to time, state
    /// and parameters changes along a direction in all three. `w` has the length of the output and
    /// does not change along the way.
    fn hvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        w: &[f64],
        grad: Cotangent<'_>,
        scratch: &mut [f64],
    );
}

/// Where a derivative is taken.
#[derive(Debug, Clone, Copy)]
pub struct Point<'a, T = f64> {
    /// Time.
    pub t: T,
    /// State.
    pub u: &'a [T],
    /// Parameters.
    pub p: &'a [T],
}

/// A direction in the inputs.
#[derive(Debug, Clone, Copy)]
pub struct Tangent<'a, T = f64> {
    /// Component along time.
    pub t: T,
    /// Component along the state.
    pub u: &'a [T],
    /// Component along the parameters.
    pub p: &'a [T],
}

/// Where a reverse product adds its result.
#[derive(Debug)]
pub struct Cotangent<'a, T = f64> {
    /// Gradient with respect to time.
    pub t: &'a mut T,
    /// Gradient with respect to the state.
    pub u: &'a mut [T],
    /// Gradient with respect to the parameters.
    pub p: &'a mut [T],
}
