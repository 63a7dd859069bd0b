//! Extension of the problem: a right-hand side of two parts.

use crate::{slf_rhs_fn, slf_status};
use core::ffi::c_void;

/// Id of the problem's extension [`slf_split_problem`].
pub const SPLIT_PROBLEM: &str = "slopefield.problem.split/1";

/// Flag of a split: the stiff part is linear in the state with constant coefficients, and has no
/// other term.
pub const SLF_SPLIT_LINEAR: u32 = 1 << 0;

/// `f = stiff + rest`, where the model says so; valid until `destroy`. The functions are `[call]`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct slf_split_problem {
    /// Size, set by the host.
    pub struct_size: u32,
    /// [`SLF_SPLIT_LINEAR`].
    pub flags: u32,
    /// First argument of the functions below.
    pub ctx: *mut c_void,
    /// The part to be treated implicitly.
    pub stiff: Option<slf_rhs_fn>,
    /// The part to be treated explicitly.
    pub rest: Option<slf_rhs_fn>,
    /// Evaluates `∂stiff/∂y` and keeps it as the Jacobian of
    /// [`slf_implicit_problem`](crate::slf_implicit_problem): `(ctx, t, y)`.
    pub linearise: Option<unsafe extern "C" fn(*mut c_void, f64, *const c_void) -> slf_status>,
}

const _: () = {
    assert!(size_of::<slf_split_problem>() == 40);
    assert!(core::mem::offset_of!(slf_split_problem, linearise) == 32);
};
