//! Everything that needs no process of its own.

mod common;
mod cuda;
mod custom;
mod events;
mod functions;
mod gradients;
mod losses;
mod paths;
mod plans;
mod stiff;
mod tensor;
mod tensor_gradients;
mod trajectories;
