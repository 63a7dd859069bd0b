//! What the author of a solver writes.

use crate::{Error, Options, Problem, Reversal, Segment};
use slopefield_plugin_abi as abi;

/// A one-step view of an integrator: the host owns the loop, asks for one accepted step at a time,
/// and does saving, events, progress and cancellation itself.
///
/// Any panic is caught before it leaves the plugin; the instance is dead from then on. Allocate in
/// `create`: `start` and `step` run thousands of times.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a solver",
    note = "implement `slopefield_plugin_sdk::Solver` for `{Self}` before naming it in `export_plugin!`"
)]
pub trait Solver: Sized + Send + 'static {
    /// Id, name, order.
    const INFO: SolverInfo;
    /// Options, declared with [`options!`](crate::options!), or [`NoOptions`](crate::NoOptions).
    type Options: Options;

    /// Prepares an instance for problems of `problem.len()` states. The problem may be asked what
    /// it offers; calling its functions here is an error.
    fn create(problem: &Problem<'_>, config: &Config<'_, Self::Options>) -> Result<Self, Error>;

    /// Begins a run at `(t0, y0)` towards `t_end`, which may lie before `t0`. May be called again
    /// on the same instance.
    fn start(
        &mut self,
        problem: &Problem<'_>,
        t0: f64,
        t_end: f64,
        y0: &[f64],
    ) -> Result<(), Error>;

    /// Advances by one accepted step, never past `t_limit`, and never calls the problem with a
    /// time past it. When it fails, `self` is as it was before the call.
    fn step(&mut self, problem: &Problem<'_>, t_limit: f64) -> Result<Step, Error>;

    /// The state at the end of the last accepted step.
    fn state(&self) -> &[f64];

    /// The solution (`derivative` 0) or its first derivative (1) at `t` inside the last step.
    /// Needed when [`SolverInfo::dense_order`] is given, unless there are [segments](Solver::segment);
    /// the problem cannot be called from here.
    fn interpolate(&self, t: f64, derivative: u32, out: &mut [f64]) -> Result<(), Error> {
        let _ = (t, derivative, out);
        Err(Error::unsupported("this solver has no dense output"))
    }

    /// The highest degree of [`Solver::segment`], at most 32; the same from [`Solver::create`] on.
    fn segment_degree(&self) -> usize {
        0
    }

    /// Writes the solution within the last step as polynomials, which the application then evaluates by
    /// itself. Needed with [`Caps::DENSE_SEGMENT`]; [`Solver::interpolate`] is then never called, and
    /// applications that are older than segments are given their values.
    fn segment(&self, out: &mut Segment<'_>) -> Result<(), Error> {
        let _ = out;
        Err(Error::unsupported("this solver has no polynomials of its steps"))
    }

    /// How many numbers [`Solver::record`] writes of a step.
    fn record_len(&self) -> usize {
        0
    }

    /// Writes what the reverse of the last accepted step needs besides the states at its ends, such
    /// as its stages.
    fn record(&self, out: &mut [f64]) -> Result<(), Error> {
        let _ = out;
        Ok(())
    }

    /// Takes the step from `(t_prev, y_prev)` to `t` again, which was taken in this run, without looking
    /// at its error: [`Solver::state`] is then its end, with the same bits, and [`Solver::record`] writes
    /// what it wrote after it. Needed with [`Caps::STEP_REDO`]. The run is over by then.
    fn redo(
        &mut self,
        problem: &Problem<'_>,
        t_prev: f64,
        y_prev: &[f64],
        t: f64,
    ) -> Result<(), Error> {
        let _ = (problem, t_prev, y_prev, t);
        Err(Error::unsupported("this solver does not take its steps again"))
    }

    /// Reverses a step: replaces `step.weights` by `(∂Φ/∂y_prev)ᵀ weights`, where the step is
    /// `y = Φ(t_prev, y_prev, t)`, adds what the weights within the step contribute, and calls
    /// [`Reversal::pull_back`] for each evaluation of the right-hand side in `Φ`. Needed with
    /// [`Caps::STEP_VJP`]; a step then depends on nothing that earlier steps left behind, except
    /// values that are functions of `y_prev`.
    fn reverse(&mut self, problem: &Problem<'_>, step: &mut Reversal<'_>) -> Result<(), Error> {
        let _ = (problem, step);
        Err(Error::unsupported("this solver does not reverse its steps"))
    }

    /// The state jumped to `y` at `t`: drop what was remembered, keep the settings.
    fn restart(&mut self, problem: &Problem<'_>, t: f64, y: &[f64]) -> Result<(), Error>;
}

/// What a solver is.
#[derive(Debug, Clone, Copy)]
pub struct SolverInfo {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) reference: &'static str,
    pub(crate) order: f64,
    pub(crate) dense_order: f64,
    pub(crate) caps: Caps,
}

impl SolverInfo {
    /// A solver with an id of `a-z`, `0-9` and `-`, a name to show and an order. It works on `f64`.
    pub const fn new(id: &'static str, name: &'static str, order: f64) -> Self {
        SolverInfo { id, name, reference: "", order, dense_order: 0.0, caps: Caps::F64 }
    }

    /// DOI or citation.
    pub const fn reference(self, reference: &'static str) -> Self {
        SolverInfo { reference, ..self }
    }

    /// Order of [`Solver::interpolate`]. Without it the host interpolates by cubic Hermite.
    pub const fn dense_order(self, dense_order: f64) -> Self {
        SolverInfo { dense_order, ..self }
    }

    /// What it can do, besides `f64`.
    pub const fn caps(self, caps: Caps) -> Self {
        SolverInfo { caps: caps.and(Caps::F64), ..self }
    }
}

/// A set of capabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps(pub(crate) u32);

impl Caps {
    /// Works on 64-bit floats; always set.
    pub const F64: Caps = Caps(abi::SLF_CAP_F64);
    /// Chooses its own steps.
    pub const ADAPTIVE: Caps = Caps(abi::SLF_CAP_ADAPTIVE);
    /// Solves equations inside a step; for stiff problems.
    pub const IMPLICIT: Caps = Caps(abi::SLF_CAP_IMPLICIT);
    /// Takes a mass matrix that is not singular; see [`Problem::implicit`].
    pub const MASS_MATRIX: Caps = Caps(abi::SLF_CAP_MASS_MATRIX);
    /// Takes a singular mass matrix, algebraic equations of index 1, and others.
    pub const SINGULAR_MASS: Caps = Caps(abi::SLF_CAP_SINGULAR_MASS | abi::SLF_CAP_MASS_MATRIX);
    /// Runs backwards in time.
    pub const BACKWARD: Caps = Caps(abi::SLF_CAP_BACKWARD);
    /// Solves systems with noise; see [`Problem::noise`].
    pub const NOISE: Caps = Caps(abi::SLF_CAP_NOISE);
    /// Solves systems with delays of constant length; see [`Problem::delays`].
    pub const DELAYS: Caps = Caps(abi::SLF_CAP_DELAYS);
    /// Solves systems with delays that depend on time or state, and those of constant length. Steps may
    /// be undone: [`Solver::restart`] then goes back to the beginning of the last one.
    pub const STATE_DELAYS: Caps = Caps(abi::SLF_CAP_STATE_DELAYS | abi::SLF_CAP_DELAYS);
    /// Reverses its own steps, for exact gradients; see [`Solver::reverse`].
    pub const STEP_VJP: Caps = Caps(abi::SLF_CAP_STEP_VJP);
    /// Takes steps of the past again, so that exact gradients need less memory; see [`Solver::redo`].
    /// Goes with [`Caps::STEP_VJP`].
    pub const STEP_REDO: Caps = Caps(abi::SLF_CAP_STEP_REDO);
    /// Gives the solution within a step as polynomials; see [`Solver::segment`].
    pub const DENSE_SEGMENT: Caps = Caps(abi::SLF_CAP_DENSE_SEGMENT);
    /// The same run gives the same bits.
    pub const DETERMINISTIC: Caps = Caps(abi::SLF_CAP_BITWISE_DETERMINISTIC);

    /// Both sets.
    pub const fn and(self, other: Caps) -> Caps {
        Caps(self.0 | other.0)
    }
}

/// Accuracy, step bounds and options of an instance.
#[derive(Debug, Clone, Copy)]
pub struct Config<'a, O> {
    /// Relative tolerance.
    pub rtol: f64,
    /// Absolute tolerance of every state.
    pub atol: &'a [f64],
    /// First step; `None`: choose.
    pub h_init: Option<f64>,
    /// Smallest step; 0: limited by rounding only.
    pub h_min: f64,
    /// Largest step; infinity for none.
    pub h_max: f64,
    /// Options, checked.
    pub options: &'a O,
}

/// One accepted step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Where it began.
    pub t_prev: f64,
    /// Where it ended; exactly `t_limit` when it went that far.
    pub t: f64,
    /// Proposed size of the next step.
    pub h_next: f64,
    /// Scaled error, at most 1; NaN if the method does not estimate it.
    pub error_norm: f64,
    /// Attempts rejected on the way.
    pub rejected: u64,
}
