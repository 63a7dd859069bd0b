//! Many trajectories of one model at once.
//!
//! [`solve`] integrates an [`Ensemble`]: trajectories of one right-hand side that differ in initial
//! states and parameters. Trajectories are lanes of SIMD vectors; every lane has its own time, step
//! and controller, and takes the next trajectory as soon as its own has ended. The right-hand side
//! is a [`BatchKernel`](slopefield_kernel::BatchKernel); where a model has none, [`EachLane`] makes
//! one from its kernel.
//!
//! ```text
//! queue ──▶ starts (first slopes and steps) ──▶ block: begin ▶ stages ▶ judge ▶ save ▶ promote ─┐
//!                                                 ▲                                  settle ◀───┘
//!                                                 └── refill, or the last lane moves up
//! ```
//!
//! *Invariant:* sees only batch kernels and buffers; a step allocates nothing; a trajectory's
//! numbers depend on nothing but its own problem, to the last bit.

mod block;
mod each_lane;
mod problem;
mod queue;
mod report;
mod rows;
mod rules;
mod solve;
mod starts;
mod step;
mod table;
#[cfg(test)]
mod tests;
mod vector;

pub use each_lane::EachLane;
pub use problem::{Ensemble, Values};
pub use report::{Failure, Report, TrajectoryResult};
pub use solve::{Run, solve};

/// The instruction set that steps are computed with, for people.
#[must_use]
pub fn description() -> &'static str {
    table::available()[0].name
}
