//! What implicit methods share.

mod elimination;
mod newton;

pub(crate) use elimination::Elimination;
pub(crate) use newton::{Convergence, KEEP_JACOBIAN, KEEP_LENGTH, Verdict};
