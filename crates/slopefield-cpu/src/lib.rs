//! Plans compiled to native code.
//!
//! [`compile`] checks [`Plans`](slopefield_graph::plan::Plans), turns their scalar instructions into
//! machine code with Cranelift and their dense ones into calls of precompiled SIMD kernels, and
//! gives a [`CompiledKernel`] that solvers call. Where code cannot be generated (no executable
//! memory, unknown processor), [`CompileError::can_interpret`] says that
//! `slopefield_graph::Interpreter` is the way on.
//!
//! ```text
//! Plans -> verify -> fuse (backward passes) -> schedule (gather equal calls) -> chunk -> emit -> code
//!                                                                                         |
//!                              dense (layer, map, sum kernels) <--------------------------+
//!                              vmath (exp, tanh, ...)          <--------------------------+
//! ```
//!
//! Arithmetic is done in the order of the plan with one rounding per operation, so plans of `+ - *
//! /` give the interpreter's bits. Elementary functions are this crate's own (`vmath`, below 1.5
//! ulp for most) and dense sums are split into eight lanes, so those agree to rounding. Results do not
//! depend on the instruction set as long as it has fused multiply-add.
//!
//! *Invariant:* generated code touches no memory but the slices of the call and its own constants.

mod buffers;
mod checked;
mod dense;
mod error;
mod hessian;
mod in_place;
mod jit;
mod kernel;
mod lanes;
mod matrix;
mod native;
mod recording;
mod scratch;
mod simd;
mod step;
mod unroll;
mod vmath;

pub use dense::table::Isa;
pub use error::CompileError;
pub use hessian::{CompiledHessian, compile_hessian, compile_hessian_with};
pub use kernel::{
    CompiledKernel, EvalFn, JvpFn, Raw, VjpFn, compile, compile_f32, compile_f32_with, compile_with,
};
pub use lanes::{BatchOptions, CompiledBatch, compile_batch, compile_batch_with};
pub use matrix::{CompiledMatrix, compile_matrix};
pub use recording::{CompiledRecording, compile_recording, compile_recording_with};

/// How to compile. The default is best for use; other values are for tests and comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Which kernels to call. Must be available on this machine.
    pub isa: Isa,
    /// Make equal elementary functions that do not depend on each other in one vector call, and the
    /// backward pass of a dense layer in one call.
    pub gather: bool,
    /// Write out short loops over elements.
    pub unroll: bool,
    /// Largest number of steps in one generated function.
    pub chunk_length: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options { isa: Isa::best(), gather: true, unroll: true, chunk_length: 1000 }
    }
}

/// What this processor offers to the compiled kernels, for people: `x86_64, AVX2, FMA`.
#[must_use]
pub fn description() -> String {
    let mut words = vec![std::env::consts::ARCH.to_owned()];
    #[cfg(target_arch = "x86_64")]
    {
        let features = [
            ("AVX2", std::arch::is_x86_feature_detected!("avx2")),
            ("FMA", std::arch::is_x86_feature_detected!("fma")),
            ("AVX-512", std::arch::is_x86_feature_detected!("avx512f")),
        ];
        words.extend(features.iter().filter(|f| f.1).map(|f| f.0.to_owned()));
    }
    #[cfg(target_arch = "aarch64")]
    words.extend(["NEON".to_owned(), "FMA".to_owned()]);
    words.join(", ")
}
