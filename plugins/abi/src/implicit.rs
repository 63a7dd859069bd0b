//! Extension of the problem for implicit methods: matrices, and the host's linear algebra.

use crate::{slf_rhs_fn, slf_sparsity, slf_status};
use core::ffi::c_void;

/// Id of the problem's extension [`slf_implicit_problem`].
pub const IMPLICIT_PROBLEM: &str = "slopefield.problem.implicit/1";

/// Flag of the matrices: the mass matrix is singular, so there are algebraic equations.
pub const SLF_MASS_SINGULAR: u32 = 1 << 0;

/// `(ctx, in, out)`.
pub type slf_vector_fn =
    unsafe extern "C" fn(*mut c_void, *const c_void, *mut c_void) -> slf_status;

/// Matrices of `M y' = f(t, y)` and the solution of linear systems with `W = c M − ∂f/∂y`; valid
/// until `destroy`. The functions are `[call]`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct slf_implicit_problem {
    /// Size, set by the host.
    pub struct_size: u32,
    /// [`SLF_MASS_SINGULAR`].
    pub flags: u32,
    /// First argument of the functions below.
    pub ctx: *mut c_void,
    /// Where `∂f/∂y` has entries; null: dense.
    pub jacobian_pattern: *const slf_sparsity,
    /// Where `M` has entries; null: `M` is the identity.
    pub mass_pattern: *const slf_sparsity,
    /// Entries of `∂f/∂y` in the order of the pattern; `n × n` by columns where there is none.
    pub jacobian: Option<slf_rhs_fn>,
    /// Entries of `M`, `(ctx, values)`; null: the identity.
    pub mass: Option<unsafe extern "C" fn(*mut c_void, *mut c_void) -> slf_status>,
    /// `M x`.
    pub mass_product: Option<slf_vector_fn>,
    /// Evaluates `∂f/∂y` at `(ctx, t, y)` and keeps it.
    pub linearise: Option<unsafe extern "C" fn(*mut c_void, f64, *const c_void) -> slf_status>,
    /// Factors `W` with the Jacobian kept, `(ctx, c)`.
    pub factor: Option<unsafe extern "C" fn(*mut c_void, f64) -> slf_status>,
    /// `W⁻¹ b`.
    pub solve: Option<slf_vector_fn>,
    /// `W⁻ᵀ b`.
    pub solve_transposed: Option<slf_vector_fn>,
}

const _: () = {
    assert!(size_of::<slf_implicit_problem>() == 88);
    assert!(core::mem::offset_of!(slf_implicit_problem, solve_transposed) == 80);
};
