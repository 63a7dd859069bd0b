//! Methods for second-order equations and mechanics.
//!
//! Symplectic compositions keep what a mechanical system keeps: over long times the energy errs by
//! a bounded amount, and momenta not at all. They take equal steps, because a step that follows
//! the solution would lose just that. A Nyström method follows the solution at less than the cost
//! of a method for first-order equations.
//!
//! All of them read which states are positions and which velocities from
//! [`slopefield_kernel::Structure::pairs`], and check when they start that the equations have the
//! form they need.

mod composition;
mod dprkn6;
mod methods;
mod nystrom;
mod partition;
mod symplectic;

pub use composition::{Composition, KAHAN_LI_8, MCLACHLAN_ATELA_5, VELOCITY_VERLET};
pub use dprkn6::{DPRKN6, NystromTable};
pub(crate) use methods::METHODS;
pub use nystrom::{Nystrom, NystromStep};
pub use symplectic::Symplectic;
