//! Many trajectories of a model whose numbers a thread does not hold: large networks, many states.
//!
//! Everything that a trajectory is stands in the memory of the card, a column of one array for each. A step
//! is a fixed sequence of programs, recorded once and repeated: stage states, the right-hand side piece
//! by piece, the error, the decision for each trajectory, save times. Products with matrices that all
//! trajectories share are products of matrices in tiles; other loops over elements are spread over threads.
//! Step control is that of the whole solves in a thread ([`crate::TrajectoryProgram`]), from the same text.

mod back;
mod gradient;
mod gradient_solve;
mod kept;
mod layout;
mod outer;
mod pieces;
mod program;
mod programs;
mod segments;
mod solve;
mod steps;
mod tiles;

pub use gradient::TensorGradientProgram;
pub use gradient_solve::TensorGradientSolver;
pub use program::TensorProgram;
pub use solve::TensorSolver;
