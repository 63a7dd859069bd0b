//! Extension of the solver factory: the solution within a step as polynomials.

use crate::{slf_error, slf_solver, slf_status};

/// Id of the factory's extension [`slf_dense_segment`].
pub const DENSE_SEGMENT: &str = "slopefield.solver.dense-segment/1";

/// Gives the solution within a step as polynomials; see [`slf_dense_segment`].
pub const SLF_CAP_DENSE_SEGMENT: u32 = 1 << 11;

/// Powers of `s`, which runs from 0 to 1 through the step.
pub const SLF_BASIS_POWERS: u32 = 1;
/// Chebyshev polynomials of the first kind of `2 s - 1`.
pub const SLF_BASIS_CHEBYSHEV: u32 = 2;

/// Polynomials of a step, one for each state; valid during the call.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct slf_segment {
    /// Size, set by the host.
    pub struct_size: u32,
    /// Out: an `SLF_BASIS_` constant.
    pub basis: u32,
    /// In: the highest degree there is room for. Out: that of the polynomials.
    pub degree: u32,
    /// Zero.
    pub reserved: u32,
    /// Room for `degree + 1` rows of `n` coefficients, row `k` for the polynomial number `k` of the
    /// basis.
    pub coefficients: *mut f64,
}

/// The solution within the last step as polynomials; valid for the life of the process.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct slf_dense_segment {
    /// Size, set by the plugin.
    pub struct_size: u32,
    /// Zero.
    pub reserved: u32,
    /// The highest degree that a step of this instance may have. `[inst]`
    pub max_degree:
        Option<unsafe extern "C" fn(*mut slf_solver, *mut u32, *mut slf_error) -> slf_status>,
    /// Writes the polynomials of the last step. `[inst]`
    pub segment: Option<
        unsafe extern "C" fn(*mut slf_solver, *mut slf_segment, *mut slf_error) -> slf_status,
    >,
}

const _: () = {
    assert!(size_of::<slf_segment>() == 24);
    assert!(core::mem::offset_of!(slf_segment, coefficients) == 16);
    assert!(size_of::<slf_dense_segment>() == 24);
    assert!(core::mem::offset_of!(slf_dense_segment, segment) == 16);
};
