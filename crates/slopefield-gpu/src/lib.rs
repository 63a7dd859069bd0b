//! Plans on graphics cards.
//!
//! The same [`Plan`](slopefield_graph::plan::Plan) that the processor compiles becomes text here:
//! WGSL for cards of every maker (Vulkan, Metal, Direct3D 12, through `wgpu`; single precision), and
//! CUDA C++ for NVIDIA's (single or double). [`PointProgram`] evaluates a plan at many points,
//! [`TrajectoryProgram`] solves many trajectories of a model; [`Device`] runs the one, a [`Solver`] on it the other.
//! Its methods are explicit or, for stiff equations, Rosenbrock's; events at given times may change states.
//! [`GradientProgram`] and [`GradientSolver`] give exact gradients of a loss of such trajectories,
//! [`PathProgram`] and [`PathSolver`] paths of equations with noise. What is too large for a thread is for
//! [`TensorProgram`] and [`TensorSolver`]: programs over all trajectories, one after the other.
//!
//! ```text
//! Plan ──emit──▶ common text ──dialect──▶ WGSL ──wgpu──▶ card
//!                                   └───▶ CUDA C++
//! ```
//!
//! *Invariant:* knows plans and buffers only, nothing of models, losses or windows. What has no form
//! on a card is refused with the reason, never computed some other way in silence.

mod bytes;
mod checks;
#[cfg(feature = "cuda")]
mod cuda;
mod device;
mod dialect;
mod emit;
mod error;
mod gradient_room;
mod gradient_solve;
mod gradients;
mod motion;
mod path_solve;
mod path_text;
mod paths;
mod places;
mod points;
mod portable;
mod reverse_text;
mod rosenbrock_text;
mod solve;
mod solve_text;
mod stiff;
mod sums;
mod tensor;
mod timed;
mod trajectories;

pub use device::{Device, DeviceInfo, DeviceKind, Devices, devices};
pub use dialect::Dialect;
pub use error::GpuError;
pub use gradient_solve::{GradientReport, GradientSolver, TrajectoryLoss};
pub use gradients::{GradientProgram, Tape};
pub use path_solve::PathSolver;
pub use paths::{PathArrays, PathMethod, PathProgram};
pub use points::PointProgram;
pub use solve::{GpuReport, Solver};
pub use tensor::{TensorGradientProgram, TensorGradientSolver, TensorProgram, TensorSolver};
pub use trajectories::{Arrays, Trajectories, TrajectoryProgram};
