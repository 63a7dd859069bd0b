//! Tensor graphs of models on luminal, their derivatives, and the flat plans back ends compile.
//!
//! *Invariant:* the only crate that names luminal's types.

pub mod layout;
pub mod network;
pub mod plan;
