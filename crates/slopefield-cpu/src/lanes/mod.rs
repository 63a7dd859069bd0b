//! Models over lanes: one call computes a function for many trajectories, each a lane of a vector.
//!
//! ```text
//! Plan -> regions of scalar code -> stages -> native (AVX-512, AVX2) or interpret (every machine)
//!         dense instructions     -> dense (rows of lanes)
//! ```
//!
//! `+ - * /`, comparisons and selections give each lane the bits of the scalar code, and functions
//! those of the scalar calls, because both are `vmath`; sums of dense instructions are made in the
//! order of the plan and so agree to rounding.

#[cfg(target_arch = "x86_64")]
mod assembler;
mod batch;
mod build;
mod dense;
mod interpret;
#[cfg(target_arch = "x86_64")]
mod memory;
#[cfg(target_arch = "x86_64")]
mod native;
mod order;
mod program;
mod stages;

pub use batch::{BatchOptions, CompiledBatch, compile_batch, compile_batch_with};
