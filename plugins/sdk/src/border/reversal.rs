//! A step to reverse, as a solver sees it.

use super::{slice, slice_mut};
use crate::Error;
use slopefield_plugin_abi as abi;
use std::ffi::c_void;

/// A step that was taken earlier, on loan for [`Solver::reverse`](crate::Solver::reverse). Vectors
/// have as many elements as there are states; other lengths panic.
pub struct Reversal<'a> {
    raw: &'a abi::slf_reversal,
    /// Where the step began.
    pub t_prev: f64,
    /// Where it ended.
    pub t: f64,
    /// State at its beginning.
    pub y_prev: &'a [f64],
    /// State at its end.
    pub y: &'a [f64],
    /// What [`Solver::record`](crate::Solver::record) wrote after it.
    pub record: &'a [f64],
    /// Times within the step at which [`Solver::interpolate`](crate::Solver::interpolate) was asked
    /// for the solution; none for solvers without dense output.
    pub inside: &'a [f64],
    /// Derivatives of the loss by the solution there, row by row.
    pub inside_weights: &'a [f64],
    /// Derivative of the loss by the state at the end, to be turned into that by the state at the
    /// beginning.
    pub weights: &'a mut [f64],
}

impl<'a> Reversal<'a> {
    /// Checks what the host passed, for `n` states and a record of `record` numbers.
    ///
    /// # Safety
    /// `raw` is null or a reversal of the host whose pointers have the lengths it says, during `'a`.
    pub(super) unsafe fn new(
        raw: *const abi::slf_reversal,
        n: usize,
        record: usize,
    ) -> Result<Self, Error> {
        // SAFETY: as promised by the caller.
        let raw = unsafe { raw.as_ref() }.ok_or_else(|| Error::argument("the step is null"))?;
        if (raw.struct_size as usize) < size_of::<abi::slf_reversal>() {
            return Err(Error::unsupported("the host's step to reverse is too short"));
        }
        if !raw.t_prev.is_finite() || !raw.t.is_finite() || raw.t == raw.t_prev {
            return Err(Error::argument("the step to reverse has no length"));
        }
        let inside = usize::try_from(raw.n_inside).unwrap_or(usize::MAX);
        let rows = inside.checked_mul(n).ok_or_else(|| Error::argument("too many times"))?;
        // SAFETY: as promised by the caller, for each of these.
        unsafe {
            Ok(Reversal {
                raw,
                t_prev: raw.t_prev,
                t: raw.t,
                y_prev: slice(raw.y_prev.cast(), n, "the state at the beginning")?,
                y: slice(raw.y.cast(), n, "the state at the end")?,
                record: slice(raw.record, record, "the record")?,
                inside: slice(raw.inside, inside, "times")?,
                inside_weights: slice(raw.inside_weights.cast(), rows, "weights")?,
                weights: slice_mut(raw.weights.cast(), n, "weights")?,
            })
        }
    }

    /// Pulls the weight `w` of a value `f(t, y)` back: adds `wᵀ ∂f/∂y` to `sum`, and to the gradient
    /// by the parameters, which the host keeps, what belongs there. Call it once for every evaluation
    /// of the right-hand side that the step depends on.
    pub fn pull_back(&self, t: f64, y: &[f64], w: &[f64], sum: &mut [f64]) -> Result<(), Error> {
        let (raw, n) = (self.raw, self.y.len());
        assert_eq!((y.len(), w.len(), sum.len()), (n, n, n), "lengths of vectors");
        let f = raw.pull_back.ok_or_else(|| Error::argument("a function of the host is null"))?;
        // SAFETY: the host's own function and context, inside the call that lent the step, with
        // three slices of the length that it expects.
        Error::check(unsafe {
            f(raw.ctx, t, y.as_ptr().cast(), w.as_ptr().cast(), sum.as_mut_ptr().cast::<c_void>())
        })
    }
}
