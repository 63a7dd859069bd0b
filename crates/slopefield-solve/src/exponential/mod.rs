//! Exponential integrators, for `u' = L u + N(t, u)` where the stiff part is linear with constant
//! coefficients: it is solved exactly, through functions of the matrix `h L`, and the rest
//! explicitly.

mod etdrk4;
mod linear_part;
mod methods;
mod operators;
mod phi;

pub use etdrk4::{Etdrk4, Etdrk4Step};
pub(crate) use methods::METHODS;
