//! Precompiled kernels for dense instructions and elementary functions, per instruction set.
//!
//! Bodies are generic over [`crate::simd::Vector`], so over `f64` and `f32`; [`table`] instantiates
//! them and picks a set once.
//! Sums are split into eight lanes in every instance, so all sets with fused multiply-add give the
//! same bits.

mod affine;
mod backward;
mod elementwise;
mod functions;
mod outer;
mod outer_sum;
mod reduce;
mod rows;
pub(crate) mod table;
mod transposed;

#[cfg(test)]
mod single_tests;
#[cfg(test)]
mod tests;
