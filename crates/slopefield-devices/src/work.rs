//! What is to be solved.

use slopefield_ensemble::{Ensemble, TrajectoryResult, Values};
use slopefield_graph::{JacobianPlan, LoweredModel};
use slopefield_kernel::{BatchKernel, Event};
use slopefield_solve::{RosenbrockTable, Settings, SolveError, Tableau};

/// How trajectories are solved.
#[derive(Clone, Copy)]
pub enum Method<'a> {
    /// By an explicit method: on the processor one of those that ensembles are solved with.
    Explicit(&'static Tableau),
    /// By an explicit method with events at given times, those of the kernel's structure.
    Timed(&'static Tableau, &'a [Event]),
    /// By a Rosenbrock method, with the Jacobian where there is one.
    Rosenbrock(&'static RosenbrockTable, Option<&'a JacobianPlan>),
}

/// Told now and then, from any thread, how many trajectories are begun.
pub type Progress<'a> = Option<&'a (dyn Fn(usize) + Sync)>;

/// Solves trajectories on the processor in a way of its own, as [`slopefield_ensemble::solve`] answers.
pub type Apart<'a> = dyn Fn(&Work<'_>, &mut [f64], Progress<'_>) -> Result<Vec<TrajectoryResult>, SolveError>
    + Sync
    + 'a;

/// The finest relative tolerance that single precision holds (docs/reference/gpu.md).
pub(crate) const SINGLE: f64 = 1e-5;

/// Many trajectories of one model on one time span, which differ in initial states and parameters.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    /// The model, for cards.
    pub model: &'a LoweredModel,
    /// Its right-hand side over lanes, for the processor; it says which parameters are a
    /// trajectory's own.
    pub rhs: &'a dyn BatchKernel,
    /// Start time.
    pub t0: f64,
    /// End time, after or before the start.
    pub t1: f64,
    /// Number of trajectories.
    pub count: usize,
    /// Initial states.
    pub u0: Values<'a>,
    /// All parameters once; a trajectory's own are not read.
    pub shared: &'a [f64],
    /// The parameters that trajectories have of their own, in the order of the right-hand side.
    pub own: Values<'a>,
    /// The method.
    pub method: Method<'a>,
    /// How the processor solves them, where not as an ensemble.
    pub apart: Option<&'a Apart<'a>>,
    /// Tolerances, bounds, budget of each trajectory, cancellation.
    pub settings: &'a Settings,
    /// Times at which states are kept.
    pub saves: &'a [f64],
}

impl<'a> Work<'a> {
    /// Number of states.
    #[must_use]
    pub fn states(&self) -> usize {
        self.rhs.shape().states
    }

    /// Whether its tolerance is finer than single precision holds.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        self.settings.rtol < SINGLE
    }

    /// Numbers that are kept of each trajectory.
    #[must_use]
    pub fn row(&self) -> usize {
        self.saves.len() * self.states()
    }

    /// The trajectories `from .. from + count`.
    #[must_use]
    pub fn portion(&self, from: usize, count: usize) -> Work<'a> {
        let (n, own) = (self.states(), self.rhs.own_params().len());
        let (u0, own) = (cut(self.u0, n, from, count), cut(self.own, own, from, count));
        Work { count, u0, own, ..*self }
    }

    /// What the processor solves.
    #[must_use]
    pub fn ensemble(&self) -> Ensemble<'a> {
        Ensemble {
            rhs: self.rhs,
            t0: self.t0,
            t1: self.t1,
            count: self.count,
            u0: self.u0,
            shared: self.shared,
            own: self.own,
        }
    }
}

/// The values, `len` each, of the trajectories `from .. from + count`.
pub(crate) fn cut(values: Values<'_>, len: usize, from: usize, count: usize) -> Values<'_> {
    match values {
        Values::Same(row) => Values::Same(row),
        Values::Each(rows) => Values::Each(&rows[from * len..][..count * len]),
    }
}
