//! Gradients from elsewhere than the thread that trains: what training asks of a device that solves and
//! differentiates many trajectories at once. It is never needed: what a device does not do, the processor does.

use slopefield_solve::Settings;

/// Trajectories of the model on one time span, which differ in initial states and parameters.
#[derive(Debug, Clone, Copy)]
pub struct Trajectories<'a> {
    /// Start time.
    pub t0: f64,
    /// End time, the last of the save times.
    pub t1: f64,
    /// Number of trajectories.
    pub count: usize,
    /// Initial states, trajectory by trajectory.
    pub u0: &'a [f64],
    /// All parameters once; those that trajectories have of their own mean nothing.
    pub shared: &'a [f64],
    /// Which parameters trajectories have of their own, ascending.
    pub own: &'a [usize],
    /// Their values, trajectory by trajectory.
    pub own_values: &'a [f64],
    /// Tolerances, budget of each trajectory, cancellation.
    pub settings: &'a Settings,
    /// Times at which the loss looks at states.
    pub saves: &'a [f64],
    /// What the processor would take, where [`Elsewhere::wants_time`] asked: seconds on all its cores, and
    /// steps tried.
    pub processor: Option<(f64, f64)>,
}

/// The loss of a trajectory, from its number and its states at the save times, row by row (NaN where a
/// failed trajectory did not get to); writes the derivative by each of them. It may be asked again for
/// the same trajectory: the last answer counts.
pub type TrajectoryLoss<'a> = dyn FnMut(usize, &[f64], &mut [f64]) -> f64 + 'a;

/// Derivatives of the losses.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrajectoryGradients {
    /// By the initial states, trajectory by trajectory.
    pub by_u0: Vec<f64>,
    /// By the parameters of a trajectory's own, trajectory by trajectory.
    pub by_own: Vec<f64>,
    /// By all parameters, summed over the trajectories; those of a trajectory's own mean nothing.
    pub by_shared: Vec<f64>,
    /// Which trajectories have failed: their losses are asked of the processor.
    pub failed: Vec<bool>,
}

/// What differentiates many trajectories at once.
pub trait Elsewhere {
    /// Whether it would choose by the time that the processor takes.
    fn wants_time(&self) -> bool {
        false
    }

    /// The derivatives of the losses; none where the processor is to compute them.
    fn gradients(
        &mut self,
        trajectories: &Trajectories<'_>,
        loss: &mut TrajectoryLoss<'_>,
    ) -> Option<TrajectoryGradients>;

    /// What there is to tell since the last call, sentences without a full stop.
    fn news(&mut self) -> Vec<String> {
        Vec::new()
    }
}

/// Who has an [`Elsewhere`] and lends it to the thread that calls.
pub trait Lender: Sync {
    /// Runs `work` with it.
    fn lend(&self, work: &mut dyn FnMut(&mut dyn Elsewhere));
}
