//! Extension of the problem: delays that depend on time or state.

use crate::slf_rhs_fn;
use core::ffi::c_void;

/// Id of the problem's extension [`slf_state_delay_problem`].
pub const STATE_DELAY_PROBLEM: &str = "slopefield.problem.state-delays/1";

/// Solves systems with delays that depend on time or state, besides those of constant length.
pub const SLF_CAP_STATE_DELAYS: u32 = 1 << 13;

/// The lengths of delays that depend on time or state; valid until `destroy`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct slf_state_delay_problem {
    /// Size, set by the host.
    pub struct_size: u32,
    /// Zero.
    pub reserved: u32,
    /// First argument of the function below.
    pub ctx: *mut c_void,
    /// `(ctx, t, y, lengths)`: the lengths of all lags, as many as
    /// [`slf_delay_problem`](crate::slf_delay_problem) has. `[call]`
    pub lengths: Option<slf_rhs_fn>,
}

const _: () = {
    assert!(size_of::<slf_state_delay_problem>() == 24);
    assert!(core::mem::offset_of!(slf_state_delay_problem, lengths) == 16);
};
