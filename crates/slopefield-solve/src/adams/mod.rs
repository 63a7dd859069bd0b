//! Adams methods of variable order and variable step, for right-hand sides that are dear to
//! evaluate.

mod coefficients;
mod dense;
mod methods;
mod stepper;

#[cfg(test)]
mod tests;

pub(crate) use methods::METHODS;
pub use stepper::{Adams, MAX_ORDER};
