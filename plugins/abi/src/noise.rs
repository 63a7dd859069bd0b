//! Extension of the problem: white noise.

use crate::{slf_product_fn, slf_rhs_fn, slf_status};
use core::ffi::c_void;

/// Id of the problem's extension [`slf_noise_problem`].
pub const NOISE_PROBLEM: &str = "slopefield.problem.noise/1";

/// Solves systems with noise.
pub const SLF_CAP_NOISE: u32 = 1 << 9;

/// The coefficients do not depend on the state.
pub const SLF_NOISE_ADDITIVE: u32 = 1;
/// Source `i` acts on state `i` alone, with a coefficient that depends on no other state.
pub const SLF_NOISE_DIAGONAL: u32 = 2;
/// No iterated integrals are needed for strong order 1.
pub const SLF_NOISE_COMMUTATIVE: u32 = 3;
/// Nothing is known of the coefficients.
pub const SLF_NOISE_GENERAL: u32 = 4;

/// The integral is Itô's.
pub const SLF_CALCULUS_ITO: u32 = 1;
/// The integral is Stratonovich's.
pub const SLF_CALCULUS_STRATONOVICH: u32 = 2;

/// The noise of `dy = f(t, y) dt + Σ g_j(t, y) dW_j`; valid until `destroy`. The functions are
/// `[call]`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct slf_noise_problem {
    /// Size, set by the host.
    pub struct_size: u32,
    /// An `SLF_NOISE_` constant.
    pub kind: u32,
    /// An `SLF_CALCULUS_` constant.
    pub calculus: u32,
    /// Zero.
    pub reserved: u32,
    /// Number of independent sources, `m`.
    pub sources: u64,
    /// First argument of the functions below.
    pub ctx: *mut c_void,
    /// `g(t, y)`: `n` coefficients when the noise is diagonal, otherwise `n × m` by sources.
    pub coefficients: Option<slf_rhs_fn>,
    /// `∂g/∂y · v`, as many.
    pub coefficients_jvp: Option<slf_product_fn>,
    /// `(ctx, from, to, w, h)`: increments `W` and mean distances `H` from the chord, `m` each;
    /// `h` may be null.
    pub increments:
        Option<unsafe extern "C" fn(*mut c_void, f64, f64, *mut c_void, *mut c_void) -> slf_status>,
}

const _: () = {
    assert!(size_of::<slf_noise_problem>() == 56);
    assert!(core::mem::offset_of!(slf_noise_problem, increments) == 48);
};
