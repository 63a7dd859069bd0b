//! Extension of the solver factory: derivatives of the steps that were taken.

use crate::{slf_error, slf_solver, slf_status};
use core::ffi::c_void;

/// Id of the factory's extension [`slf_step_vjp`].
pub const STEP_VJP: &str = "slopefield.solver.step-vjp/1";

/// Reverses its own steps; see [`slf_step_vjp`].
pub const SLF_CAP_STEP_VJP: u32 = 1 << 8;

/// A step to reverse; valid during the call.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct slf_reversal {
    /// Size, set by the host.
    pub struct_size: u32,
    /// Zero.
    pub reserved: u32,
    /// Where the step began.
    pub t_prev: f64,
    /// Where it ended.
    pub t: f64,
    /// State at its beginning.
    pub y_prev: *const c_void,
    /// State at its end.
    pub y: *const c_void,
    /// What `record` wrote after it.
    pub record: *const f64,
    /// Number of times within the step at which the host read the solution.
    pub n_inside: u64,
    /// These times.
    pub inside: *const f64,
    /// Derivatives by the solution there, a row of `n` for each.
    pub inside_weights: *const c_void,
    /// In: derivative by the state at the end. Out: by the state at the beginning.
    pub weights: *mut c_void,
    /// First argument of the function below.
    pub ctx: *mut c_void,
    /// `(ctx, t, y, w, sum)`: adds `wᵀ ∂f/∂y` to `sum`, and on the host's side `wᵀ ∂f/∂p` to the
    /// gradient. `[call]`
    pub pull_back: Option<
        unsafe extern "C" fn(
            *mut c_void,
            f64,
            *const c_void,
            *const c_void,
            *mut c_void,
        ) -> slf_status,
    >,
}

/// Derivatives of steps that depend on nothing but their beginning, times and parameters; valid for
/// the life of the process.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct slf_step_vjp {
    /// Size, set by the plugin.
    pub struct_size: u32,
    /// Zero.
    pub reserved: u32,
    /// How many numbers `record` writes. `[inst]`
    pub record_len:
        Option<unsafe extern "C" fn(*mut slf_solver, *mut u64, *mut slf_error) -> slf_status>,
    /// Writes what the reverse of the last step needs. `[inst]`
    pub record:
        Option<unsafe extern "C" fn(*mut slf_solver, *mut f64, *mut slf_error) -> slf_status>,
    /// Reverses a step. `[inst]`
    pub reverse: Option<
        unsafe extern "C" fn(*mut slf_solver, *const slf_reversal, *mut slf_error) -> slf_status,
    >,
}

const _: () = {
    assert!(size_of::<slf_reversal>() == 96);
    assert!(core::mem::offset_of!(slf_reversal, pull_back) == 88);
    assert!(size_of::<slf_step_vjp>() == 32);
    assert!(core::mem::offset_of!(slf_step_vjp, reverse) == 24);
};
