//! Extension of the problem: the past of delay equations.

use crate::slf_status;
use core::ffi::c_void;

/// Id of the problem's extension [`slf_delay_problem`].
pub const DELAY_PROBLEM: &str = "slopefield.problem.delays/1";

/// Solves systems with delays of constant length.
pub const SLF_CAP_DELAYS: u32 = 1 << 10;

/// The past of a delay equation; valid until `destroy`. The right-hand side of the problem has the
/// delayed values filled in.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct slf_delay_problem {
    /// Size, set by the host.
    pub struct_size: u32,
    /// Zero.
    pub reserved: u32,
    /// Number of lags.
    pub n_lags: u64,
    /// Their lengths, positive; those of a run are there from its `start` on. NaN for those that depend
    /// on time or state, which only solvers with
    /// [`SLF_CAP_STATE_DELAYS`](crate::SLF_CAP_STATE_DELAYS) meet.
    pub lags: *const f64,
    /// First argument of the function below.
    pub ctx: *mut c_void,
    /// `(ctx, t, derivative, y)`: the state (0) or its slope (1) at a time up to the beginning of
    /// the step. `[call]`
    pub history: Option<unsafe extern "C" fn(*mut c_void, f64, u32, *mut c_void) -> slf_status>,
}

const _: () = {
    assert!(size_of::<slf_delay_problem>() == 40);
    assert!(core::mem::offset_of!(slf_delay_problem, history) == 32);
};
