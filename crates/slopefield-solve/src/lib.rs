//! Integrators on one loop.
//!
//! One loop ([`drive`]) owns time, save points, budgets and cancellation; a [`Stepper`] advances
//! one accepted step at a time. Built-in methods and plugin solvers are both steppers.
//! *Invariant:* sees only kernels and buffers; the accepted step allocates nothing.

use slopefield_kernel::Kernel;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What to integrate: `u' = f(t, u, p)` from `t0` to `t1` (either direction).
#[derive(Clone, Copy)]
pub struct Ivp<'a> {
    /// Right-hand side.
    pub rhs: &'a dyn Kernel,
    /// Start time.
    pub t0: f64,
    /// End time.
    pub t1: f64,
    /// Initial state.
    pub u0: &'a [f64],
    /// Parameters.
    pub p: &'a [f64],
}

/// Accuracy, step bounds and budgets.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Relative tolerance.
    pub rtol: f64,
    /// Absolute tolerance per state; one entry serves all states.
    pub atol: Vec<f64>,
    /// First step; `None` chooses.
    pub h_init: Option<f64>,
    /// Smallest step, absolute; 0 means limited by rounding only.
    pub h_min: f64,
    /// Largest step; infinity for none.
    pub h_max: f64,
    /// Budget of accepted plus rejected steps.
    pub max_steps: u64,
    /// Looked at before every step; set from anywhere to stop with `SolveError::Cancelled`.
    pub cancel: Option<Arc<AtomicBool>>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            rtol: 1e-6,
            atol: vec![1e-8],
            h_init: None,
            h_min: 0.0,
            h_max: f64::INFINITY,
            max_steps: 1_000_000,
            cancel: None,
        }
    }
}

/// Counters of one solve.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Accepted steps.
    pub accepted: u64,
    /// Rejected attempts.
    pub rejected: u64,
    /// Evaluations of the right-hand side.
    pub rhs: u64,
}

/// One accepted step, as a stepper reports it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Where it began.
    pub t_prev: f64,
    /// Where it ended; never past the limit given.
    pub t: f64,
    /// Attempts rejected on the way.
    pub rejected: u64,
}

/// Advances a solution one accepted step at a time. Instances are reused: `start` may be called
/// again with other values, and allocates nothing after the first time for the same size.
pub trait Stepper: Send {
    /// Begins at `(t0, u0)` towards `t1`.
    fn start(&mut self, ivp: &Ivp<'_>, settings: &Settings) -> Result<(), SolveError>;
    /// Takes one accepted step, never past `t_limit`.
    fn step(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        t_limit: f64,
    ) -> Result<Step, SolveError>;
    /// State at the end of the last accepted step.
    fn state(&self) -> &[f64];
    /// Solution at `t` within the last accepted step.
    fn interpolate(&mut self, t: f64, out: &mut [f64]) -> Result<(), SolveError>;
    /// Counters since `start`.
    fn stats(&self) -> Stats;
}

/// Why a solve stopped before its end. Indices name states of the model.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SolveError {
    /// The step size collapsed.
    #[error("step size fell to {h:e} at t = {t}")]
    StepTooSmall {
        /// Time.
        t: f64,
        /// Last step tried.
        h: f64,
    },
    /// The right-hand side or the state is not finite, whatever the step.
    #[error("the right-hand side of state {state} is not finite at t = {t}")]
    NonFinite {
        /// Time.
        t: f64,
        /// Index of the first such state.
        state: usize,
        /// The state vector there, for the report.
        u: Vec<f64>,
    },
    /// The step budget is used up.
    #[error("{steps} steps were not enough; stopped at t = {t}")]
    TooManySteps {
        /// Time reached.
        t: f64,
        /// The budget.
        steps: u64,
    },
    /// Somebody cancelled.
    #[error("cancelled at t = {t}")]
    Cancelled {
        /// Time reached.
        t: f64,
    },
    /// A plugin's own error.
    #[error("the solver plugin {plugin} failed at t = {t}: {message}")]
    Plugin {
        /// Plugin and solver id.
        plugin: String,
        /// Time.
        t: f64,
        /// Its sentence.
        message: String,
    },
    /// Settings or sizes that make no sense.
    #[error("{0}")]
    Invalid(String),
}
