//! Rosenbrock methods: linearly implicit Runge–Kutta methods for stiff systems and for algebraic
//! equations of index 1.
//!
//! A step solves one linear system per stage, all with one matrix, and has no iteration to
//! converge (Hairer, Wanner, *Solving ODEs II*, section IV.7). The Jacobian is exact and is
//! evaluated at the beginning of each step. A method is a coefficient table
//! ([`RosenbrockTable`]) read by one shared stepper ([`Rosenbrock`]).
//!
//! Rodas5P needs the least time for its accuracy on the stiff problems of the test set at
//! tolerances from 1e-4 on (`examples/stiff_timings.rs`), so it is the recommended one.

mod dense;
mod linearisation;
pub(crate) mod methods;
mod one_step;
mod rodas4p;
mod rodas5p;
mod rosenbrock23;
mod stages;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use methods::METHODS;
pub use one_step::Rosenbrock;
pub use rodas4p::RODAS4P;
pub use rodas5p::RODAS5P;
pub use rosenbrock23::ROSENBROCK23;
pub use stages::RosenbrockStages;
pub use table::{MAX_STAGES, RosenbrockTable};
