//! What compiled evaluations are checked against (`slopefield_kernel::CheckedEval`).
//!
//! Where the model has such code, it is the function that the plugin calls: nothing of this crate runs
//! then, unless something is not as it should be.

use super::callbacks::rhs;
use slopefield_kernel::{CheckedEval, EvalSite, Kernel};
use slopefield_plugin_abi as abi;
use slopefield_solve::Ivp;
use std::ptr;
use std::sync::atomic::AtomicBool;

/// An [`EvalSite`] that is closed but while a call of the plugin runs.
#[repr(transparent)]
pub(super) struct Site(EvalSite);

impl Default for Site {
    fn default() -> Self {
        Site(EvalSite {
            earliest: f64::INFINITY,
            latest: f64::NEG_INFINITY,
            stop: ptr::null(),
            p: ptr::null(),
            scratch: ptr::null_mut(),
            evaluations: 0,
            otherwise: rhs,
        })
    }
}

impl Site {
    /// Lets evaluations through at times from the first to the last.
    ///
    /// # Safety
    /// Until [`Site::close`], `stop`, the parameters of `ivp` and `scratch` live and nothing else uses
    /// `scratch`, which is as long as the right-hand side of `ivp` asks for.
    pub(super) unsafe fn open(
        &mut self,
        ivp: &Ivp<'_>,
        (earliest, latest): (f64, f64),
        stop: *const AtomicBool,
        scratch: &mut [f64],
    ) {
        (self.0.earliest, self.0.latest) = (earliest, latest);
        self.0.stop = stop;
        self.0.p = ivp.p.as_ptr();
        let begin = scratch.as_mut_ptr();
        let before = (begin as usize).wrapping_neg() % EvalSite::SCRATCH_ALIGNMENT;
        self.0.scratch = begin.wrapping_byte_add(before);
    }

    /// Lets none through, and gives how many have been since it was opened.
    pub(super) fn close(&mut self) -> u64 {
        (self.0.earliest, self.0.latest) = (f64::INFINITY, f64::NEG_INFINITY);
        std::mem::take(&mut self.0.evaluations)
    }
}

/// Compiled evaluations of a right-hand side.
#[derive(Default)]
pub(super) struct Compiled {
    /// Of the run at hand, where there are any.
    code: Option<CheckedEval>,
    /// Where the right-hand side of the run lies.
    of: Option<*const ()>,
    /// The one that the instance of the plugin knows.
    known: Option<CheckedEval>,
}

impl Compiled {
    /// Takes the code of a run.
    pub(super) fn prepare(&mut self, ivp: &Ivp<'_>) {
        let n = ivp.u0.len();
        let fits = |code: &CheckedEval| {
            let shape = code.shape();
            (shape.states, shape.outputs, shape.params) == (n, n, ivp.p.len())
        };
        self.code = ivp.rhs.checked_eval().filter(fits);
        self.of = self.code.as_ref().map(|_| place(ivp.rhs));
    }

    /// Whether an instance knows the code of the run.
    pub(super) fn is_known(&self) -> bool {
        let function = |code: &Option<CheckedEval>| code.as_ref().map(|c| c.function() as usize);
        function(&self.code) == function(&self.known)
    }

    /// The function that an instance is made with. No other instance may be there.
    pub(super) fn make_known(&mut self) -> abi::slf_rhs_fn {
        self.known.clone_from(&self.code);
        self.known.as_ref().map_or(rhs as abi::slf_rhs_fn, CheckedEval::function)
    }

    /// Whether the code is that of the right-hand side of `ivp`.
    pub(super) fn serves(&self, ivp: &Ivp<'_>) -> bool {
        let enough = |code: &CheckedEval| code.shape().params == ivp.p.len();
        self.of == Some(place(ivp.rhs)) && self.code.as_ref().is_some_and(enough)
    }
}

fn place(kernel: &dyn Kernel) -> *const () {
    ptr::from_ref(kernel).cast()
}
