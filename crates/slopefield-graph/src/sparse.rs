//! Sparse Jacobians in the states: which entries can differ from zero, which columns can be
//! evaluated together, and the entries themselves.
//!
//! The pattern is found by following dependencies through the plan ([`Pattern::of`]). Columns that
//! share no row get one colour ([`Colouring`]); one product with a sum of unit vectors then gives
//! all of their entries (Curtis, Powell & Reid 1974), so a Jacobian costs as many products as there
//! are colours: 3 for a chain, however long.

mod colour;
mod jacobian;
mod pattern;

pub use colour::{Colouring, Direction, Order};
pub use jacobian::SparseJacobian;
pub use pattern::Pattern;
