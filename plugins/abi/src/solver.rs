//! Solver half of the interface: the problem, one step, the factory table.

use crate::{slf_error, slf_option, slf_status, slf_str};
use core::ffi::c_void;

/// Element type: 64-bit floats.
pub const SLF_F64: u32 = 2;

/// Chooses its own steps.
pub const SLF_CAP_ADAPTIVE: u32 = 1 << 0;
/// Solves equations inside a step; for stiff problems.
pub const SLF_CAP_IMPLICIT: u32 = 1 << 1;
/// Takes a mass matrix.
pub const SLF_CAP_MASS_MATRIX: u32 = 1 << 2;
/// Takes a singular mass matrix (index-1 DAE).
pub const SLF_CAP_SINGULAR_MASS: u32 = 1 << 3;
/// Runs backwards in time.
pub const SLF_CAP_BACKWARD: u32 = 1 << 4;
/// Works on 32-bit floats.
pub const SLF_CAP_F32: u32 = 1 << 5;
/// Works on 64-bit floats.
pub const SLF_CAP_F64: u32 = 1 << 6;
/// The same run gives the same bits.
pub const SLF_CAP_BITWISE_DETERMINISTIC: u32 = 1 << 7;

/// Compressed sparse column pattern.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct slf_sparsity {
    /// Size, set by the host.
    pub struct_size: u32,
    /// Zero.
    pub reserved: u32,
    /// Entries.
    pub nnz: u64,
    /// `n + 1` offsets.
    pub col_ptr: *const u64,
    /// `nnz` row numbers.
    pub row_idx: *const u64,
}

/// `(ctx, t, y, out)`.
pub type slf_rhs_fn =
    unsafe extern "C" fn(*mut c_void, f64, *const c_void, *mut c_void) -> slf_status;
/// `(ctx, t, y, direction, out)`.
pub type slf_product_fn =
    unsafe extern "C" fn(*mut c_void, f64, *const c_void, *const c_void, *mut c_void) -> slf_status;

/// `y' = f(t, y)`; valid from `create` to `destroy`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct slf_problem {
    /// Size, set by the host.
    pub struct_size: u32,
    /// Element type, [`SLF_F64`].
    pub dtype: u32,
    /// Length of `y`.
    pub n: u64,
    /// First argument of the functions below.
    pub ctx: *mut c_void,
    /// `f(t, y)`.
    pub rhs: Option<slf_rhs_fn>,
    /// `∂f/∂y`, dense column-major unless there is a pattern.
    pub jacobian: Option<slf_rhs_fn>,
    /// `∂f/∂y · v`.
    pub jvp: Option<slf_product_fn>,
    /// `wᵀ ∂f/∂y`.
    pub vjp: Option<slf_product_fn>,
    /// `∂f/∂t`.
    pub dfdt: Option<slf_rhs_fn>,
    /// Mass matrix; null for the identity.
    pub mass: Option<unsafe extern "C" fn(*mut c_void, f64, *mut c_void) -> slf_status>,
    /// Null: dense.
    pub jacobian_pattern: *const slf_sparsity,
    /// Null: dense.
    pub mass_pattern: *const slf_sparsity,
    /// Says whether to go on.
    pub poll: Option<unsafe extern "C" fn(*mut c_void) -> slf_status>,
    /// Extension by id, null when not offered.
    pub get_extension: Option<unsafe extern "C" fn(*mut c_void, slf_str) -> *const c_void>,
}

/// Tolerances and step bounds; valid during `create`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct slf_solver_config {
    /// Size, set by the host.
    pub struct_size: u32,
    /// Zero.
    pub reserved: u32,
    /// Relative tolerance.
    pub rtol: f64,
    /// Absolute tolerances, one per state.
    pub atol: *const f64,
    /// First step; 0: choose.
    pub h_init: f64,
    /// Smallest step; 0: limited by rounding only.
    pub h_min: f64,
    /// Largest step; 0: unlimited.
    pub h_max: f64,
    /// Options the user wrote.
    pub options: *const slf_option,
    /// Their number.
    pub n_options: u64,
}

/// Flag of a step: `t == t_limit` exactly.
pub const SLF_STEP_AT_LIMIT: u32 = 1 << 0;

/// One accepted step.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct slf_step {
    /// Size, set by the host.
    pub struct_size: u32,
    /// [`SLF_STEP_AT_LIMIT`].
    pub flags: u32,
    /// Where it began.
    pub t_prev: f64,
    /// Where it ended.
    pub t: f64,
    /// Size of the next step; of the last one tried when the step size collapsed.
    pub h_next: f64,
    /// Scaled error; NaN if not estimated.
    pub error_norm: f64,
    /// State at `t`, valid until the next call on the instance.
    pub y: *const c_void,
    /// Attempts rejected inside this call.
    pub n_rejected: u64,
}

/// A solver instance; opaque, owned by the plugin.
#[repr(C)]
#[derive(Debug)]
pub struct slf_solver {
    _opaque: [u8; 0],
}

/// Description of one solver; valid for the life of the process.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct slf_solver_info {
    /// Size, set by the plugin.
    pub struct_size: u32,
    /// `SLF_CAP_` bits.
    pub caps: u32,
    /// Id inside the plugin.
    pub id: slf_str,
    /// Name to show.
    pub name: slf_str,
    /// DOI or citation.
    pub reference: slf_str,
    /// Order of the method.
    pub order: f64,
    /// Order of its dense output; 0: none.
    pub dense_order: f64,
    /// Options, as JSON.
    pub options_json: slf_str,
}

/// Table of the solvers of a plugin.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct slf_solver_factory {
    /// Size, set by the plugin.
    pub struct_size: u32,
    /// Zero.
    pub reserved: u32,
    /// Number of solvers. `[any]`
    pub count: Option<unsafe extern "C" fn() -> u32>,
    /// One of them, null when out of range. `[any]`
    pub info: Option<unsafe extern "C" fn(u32) -> *const slf_solver_info>,
    /// Makes an instance. `[any]`
    pub create: Option<
        unsafe extern "C" fn(
            slf_str,
            *const slf_problem,
            *const slf_solver_config,
            *mut *mut slf_solver,
            *mut slf_error,
        ) -> slf_status,
    >,
    /// Begins a run: `(s, t0, t_end, y0, err)`. `[inst]`
    pub start: Option<
        unsafe extern "C" fn(
            *mut slf_solver,
            f64,
            f64,
            *const c_void,
            *mut slf_error,
        ) -> slf_status,
    >,
    /// Takes one accepted step. `[inst]`
    pub step: Option<
        unsafe extern "C" fn(*mut slf_solver, f64, *mut slf_step, *mut slf_error) -> slf_status,
    >,
    /// Evaluates inside the last step: `(s, t, derivative, out, err)`. `[inst]`
    pub interpolate: Option<
        unsafe extern "C" fn(*mut slf_solver, f64, u32, *mut c_void, *mut slf_error) -> slf_status,
    >,
    /// Goes on from another state: `(s, t, y, err)`. `[inst]`
    pub restart: Option<
        unsafe extern "C" fn(*mut slf_solver, f64, *const c_void, *mut slf_error) -> slf_status,
    >,
    /// Frees the instance. `[inst]`
    pub destroy: Option<unsafe extern "C" fn(*mut slf_solver)>,
    /// Extension by id, null when not offered. `[any]`
    pub get_extension: Option<unsafe extern "C" fn(slf_str) -> *const c_void>,
}
