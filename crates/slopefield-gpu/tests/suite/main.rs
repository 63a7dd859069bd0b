//! Everything that needs no process of its own.

mod common;
mod cuda;
mod functions;
mod losses;
mod plans;
mod trajectories;
