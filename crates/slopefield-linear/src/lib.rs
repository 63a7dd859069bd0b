//! Linear algebra of implicit methods.
//!
//! *Invariant:* knows kernels and matrices, no methods; factoring and solving again with the same
//! pattern allocates nothing.

mod real;

pub use real::Real;
