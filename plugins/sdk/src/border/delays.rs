//! The past of a delay equation, as a solver sees it.

use super::{Problem, slice};
use crate::Error;
use slopefield_plugin_abi as abi;
use std::ffi::c_void;

/// The past of a delay equation, on loan for one call. Most solvers need it not at all:
/// [`Problem::rhs`] has the delayed values filled in, and steps end where delays carry a
/// discontinuity on.
pub struct Delays<'a> {
    raw: &'a abi::slf_delay_problem,
    varying: Option<&'a abi::slf_state_delay_problem>,
    n: usize,
    lags: &'a [f64],
}

impl<'a> Problem<'a> {
    /// The past of the problem; none where it has no delays, or where the host is from before delays
    /// were part of the interface.
    ///
    /// # Errors
    /// A table that is not in order.
    pub fn delays(&self) -> Result<Option<Delays<'a>>, Error> {
        let raw = self.extension(abi::DELAY_PROBLEM);
        // SAFETY: null or the host's table for this id, which lives until `destroy`.
        let Some(raw) = (unsafe { raw.cast::<abi::slf_delay_problem>().as_ref() }) else {
            return Ok(None);
        };
        if (raw.struct_size as usize) < size_of::<abi::slf_delay_problem>() {
            return Err(Error::unsupported("the host's table of delays is too short"));
        }
        let count = usize::try_from(raw.n_lags).unwrap_or(usize::MAX);
        // SAFETY: the lags of the host, which change between calls only.
        let lags = unsafe { slice(raw.lags, count, "lags")? };
        let varying = self.extension(abi::STATE_DELAY_PROBLEM);
        // SAFETY: as above.
        let varying = unsafe { varying.cast::<abi::slf_state_delay_problem>().as_ref() };
        if varying.is_some_and(|v| (v.struct_size as usize) < size_of_val(v)) {
            return Err(Error::unsupported("the host's table of changing delays is too short"));
        }
        Ok(Some(Delays { raw, varying, n: self.len(), lags }))
    }
}

impl Delays<'_> {
    /// Lengths of the lags; in `create` those of the first run. NaN for those that depend on time or
    /// state.
    pub fn lags(&self) -> &[f64] {
        self.lags
    }

    /// Writes the lengths of all lags at `(t, y)`.
    pub fn lengths(&self, t: f64, y: &[f64], out: &mut [f64]) -> Result<(), Error> {
        assert_eq!((y.len(), out.len()), (self.n, self.lags.len()), "lengths of vectors");
        let Some(varying) = self.varying else {
            out.copy_from_slice(self.lags);
            return Ok(());
        };
        let f = varying.lengths.ok_or_else(|| Error::argument("a function is null"))?;
        // SAFETY: the host's own function and context, inside the call that lent the problem, with a
        // state and room for as many lengths as there are lags.
        Error::check(unsafe {
            f(varying.ctx, t, y.as_ptr().cast(), out.as_mut_ptr().cast::<c_void>())
        })
    }

    /// Writes the state (`derivative` 0) or its slope (1) at `t`, not after the beginning of the
    /// step; where the solution jumps, the value before the jump. Times that lie ahead, or so far back that they are not kept, are
    /// [recoverable](Error::is_recoverable) errors.
    pub fn history(&self, t: f64, derivative: u32, out: &mut [f64]) -> Result<(), Error> {
        assert_eq!(out.len(), self.n, "length of the state");
        let f = self.raw.history.ok_or_else(|| Error::argument("a function is null"))?;
        // SAFETY: the host's own function and context, inside the call that lent the problem, with
        // room for a state.
        Error::check(unsafe { f(self.raw.ctx, t, derivative, out.as_mut_ptr().cast::<c_void>()) })
    }
}
