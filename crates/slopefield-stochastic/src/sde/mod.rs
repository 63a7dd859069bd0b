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
mod splitting;
mod sra;
mod sri;
mod stepper;
mod system;
#[cfg(test)]
mod tests;

pub use dri1::{Dri1Table, dri1_table};
pub use sra::{SOSRA, SRA1, SraTable};
pub use sri::{SOSRI, SRIW1, STAGES, SriTable};

pub(crate) use methods::{METHODS, lane_stepper};
pub(crate) use stepper::SdeStepper;
