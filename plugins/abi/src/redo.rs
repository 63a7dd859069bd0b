//! Extension of the solver factory: steps of the past are taken again.

use crate::{slf_error, slf_solver, slf_status};
use core::ffi::c_void;

/// Id of the factory's extension [`slf_step_redo`].
pub const STEP_REDO: &str = "slopefield.solver.step-redo/1";

/// Takes steps of the past again; see [`slf_step_redo`].
pub const SLF_CAP_STEP_REDO: u32 = 1 << 12;

/// Takes steps again, beside [`slf_step_vjp`](crate::slf_step_vjp); valid for the life of the process.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct slf_step_redo {
    /// Size, set by the plugin.
    pub struct_size: u32,
    /// Zero.
    pub reserved: u32,
    /// Takes a step again: `(s, t_prev, y_prev, t, y, err)`. `[inst]`
    pub redo: Option<
        unsafe extern "C" fn(
            *mut slf_solver,
            f64,
            *const c_void,
            f64,
            *mut c_void,
            *mut slf_error,
        ) -> slf_status,
    >,
}

const _: () = {
    assert!(size_of::<slf_step_redo>() == 16);
    assert!(core::mem::offset_of!(slf_step_redo, redo) == 8);
};
