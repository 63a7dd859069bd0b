//! Evaluations that callers in other languages may ask for without a check of their own.
//!
//! A solver of a plugin calls a function of the host with pointers and a time that it chose itself. What
//! is to be looked at before and after such an evaluation takes longer than a small system does, unless
//! it is part of the same machine code. A kernel that can make such code hands it out from
//! [`Kernel::checked_eval`](crate::Kernel::checked_eval).

#![allow(unsafe_code, reason = "says what those who make and call machine code owe each other")]

use crate::Shape;
use std::any::Any;
use std::ffi::c_void;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// `(site, t, u, out)`, the first a pointer to an [`EvalSite`]; returns 0 when `f(t, u, p)` has been
/// written to `out`, and otherwise what [`EvalSite::otherwise`] returns.
pub type CheckedEvalFn = unsafe extern "C" fn(*mut c_void, f64, *const c_void, *mut c_void) -> i32;

/// What an evaluation is checked against. The code evaluates and counts when all of this holds, and
/// else leaves everything to [`EvalSite::otherwise`], with the same arguments:
///
/// - the time lies within the limits given here (a NaN does not);
/// - `u` and `out` are not null, aligned, and do not overlap;
/// - nobody has asked to stop;
/// - every element of the result is finite.
///
/// Then `otherwise` may find `out` written to.
#[repr(C)]
#[derive(Debug)]
pub struct EvalSite {
    /// Least time.
    pub earliest: f64,
    /// Greatest time; less than `earliest` while nothing may be evaluated.
    pub latest: f64,
    /// Whether to stop.
    pub stop: *const AtomicBool,
    /// Parameters.
    pub p: *const f64,
    /// Work space.
    pub scratch: *mut f64,
    /// Evaluations made so far.
    pub evaluations: u64,
    /// Deals with everything else.
    pub otherwise: CheckedEvalFn,
}

impl EvalSite {
    /// [`EvalSite::scratch`] begins at a multiple of so many bytes.
    pub const SCRATCH_ALIGNMENT: usize = 64;
}

/// Machine code of an evaluation with its checks. Cheap to clone; the code lives as long as a clone.
#[derive(Clone)]
pub struct CheckedEval {
    function: CheckedEvalFn,
    shape: Shape,
    _code: Arc<dyn Any + Send + Sync>,
}

impl CheckedEval {
    /// The function of a kernel of that shape, in memory that `code` owns.
    ///
    /// # Safety
    /// While `code` lives, `function` may be called from any thread with a site of its own, and does what
    /// [`EvalSite`] says: it reads `shape.states` numbers at `u` and `shape.params` at the parameters,
    /// writes `shape.outputs` numbers to `out`, uses no more of the work space than the kernel's
    /// [`scratch_len`](crate::Kernel::scratch_len) less what alignment takes, and unwinds only
    /// where `otherwise` does.
    pub unsafe fn new(
        function: CheckedEvalFn,
        shape: Shape,
        code: Arc<dyn Any + Send + Sync>,
    ) -> CheckedEval {
        CheckedEval { function, shape, _code: code }
    }

    /// The function. It may be called while `self` or a clone lives, with a site whose pointers are valid
    /// for the lengths of [`CheckedEval::shape`] and with `u` and `out` that are null or valid for them.
    #[must_use]
    pub fn function(&self) -> CheckedEvalFn {
        self.function
    }

    /// Sizes of inputs and output.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }
}

impl fmt::Debug for CheckedEval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckedEval").field("shape", &self.shape).finish_non_exhaustive()
    }
}
