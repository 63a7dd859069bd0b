//! Stabilised explicit methods for diffusion: their interval of stability along the negative real
//! axis grows with the square of the number of stages, and so they take steps that follow the
//! solution at a cost of a few dozen evaluations, without any linear algebra.

mod methods;
mod rkc;
mod spectral_radius;

pub(crate) use methods::METHODS;
pub use rkc::{Rkc, RkcStep};
