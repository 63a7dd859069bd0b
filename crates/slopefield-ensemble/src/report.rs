//! What came of an ensemble.

use slopefield_solve::{SolveError, Stats};

/// Counters of a trajectory that reached its end, or why it did not.
pub type TrajectoryResult = Result<Stats, Box<Failure>>;

/// Why a trajectory stopped before its end. Its save rows that were not reached are NaN.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// The reason, with the time.
    pub error: SolveError,
    /// The state at the last accepted step.
    pub u: Vec<f64>,
    /// Counters up to there.
    pub stats: Stats,
}

/// What came of an ensemble.
#[derive(Debug, Clone)]
pub struct Report {
    /// One per trajectory.
    pub trajectories: Vec<TrajectoryResult>,
    /// Attempts of all trajectories, accepted and rejected.
    pub attempts: u64,
    /// Lanes that were computed, idle ones included: attempts of the block times its lanes.
    pub lane_steps: u64,
}

impl Report {
    /// Share of the computed lanes that carried a trajectory; 1 where nothing was computed.
    pub fn utilisation(&self) -> f64 {
        if self.lane_steps == 0 { 1.0 } else { self.attempts as f64 / self.lane_steps as f64 }
    }

    /// Number of trajectories that did not reach their end.
    pub fn failures(&self) -> usize {
        self.trajectories.iter().filter(|r| r.is_err()).count()
    }
}
