//! Stochastic differential equations `du = f dt + Σ g_j dW_j`.

mod delayed;
mod dri1;
mod euler;
mod methods;
mod milstein;
mod newton;
mod past;
mod rows;
mod scheme;
mod sra;
mod sri;
mod stepper;
mod system;
#[cfg(test)]
mod tests;

pub(crate) use methods::{METHODS, lane_stepper};
pub(crate) use stepper::SdeStepper;
