//! What implicit methods share.

mod elimination;
mod first_length;
mod linearisation;
mod newton;
mod reach;
mod rounding;
mod sparse_vectors;

pub(crate) use elimination::Elimination;
pub(crate) use first_length::{Beginning, first_length};
pub(crate) use linearisation::Linearisation;
pub(crate) use newton::{
    Convergence, KEEP_JACOBIAN, Target, Verdict, effort, worth_a_factorisation,
};
pub(crate) use reach::Reach;
pub(crate) use rounding::{ToRounding, largest_part};
pub(crate) use sparse_vectors::SparseVectors;
