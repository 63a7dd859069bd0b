//! A right-hand side of two parts, as a solver sees it.

use super::Problem;
use crate::Error;
use slopefield_plugin_abi as abi;
use std::ffi::c_void;

/// `f = stiff + rest`, on loan for one call. Vectors have [`Problem::len`] elements; other lengths
/// panic.
pub struct Split<'a> {
    raw: &'a abi::slf_split_problem,
    n: usize,
}

impl<'a> Problem<'a> {
    /// The two parts; none where the model does not split its right-hand side, or where the host is
    /// from before splits were part of the interface.
    ///
    /// # Errors
    /// A table that is not in order.
    pub fn split(&self) -> Result<Option<Split<'a>>, Error> {
        let raw = self.extension(abi::SPLIT_PROBLEM);
        // SAFETY: null or the host's table for this id, which lives until `destroy`.
        let Some(raw) = (unsafe { raw.cast::<abi::slf_split_problem>().as_ref() }) else {
            return Ok(None);
        };
        if (raw.struct_size as usize) < size_of::<abi::slf_split_problem>() {
            return Err(Error::unsupported("the host's table of parts is too short"));
        }
        Ok(Some(Split { raw, n: self.len() }))
    }
}

impl Split<'_> {
    /// Whether the stiff part is linear in the state with constant coefficients, and has no other
    /// term.
    pub fn is_linear(&self) -> bool {
        self.raw.flags & abi::SLF_SPLIT_LINEAR != 0
    }

    /// Writes the part to be treated implicitly.
    pub fn stiff(&self, t: f64, y: &[f64], out: &mut [f64]) -> Result<(), Error> {
        self.part(self.raw.stiff, t, y, out)
    }

    /// Writes the part to be treated explicitly.
    pub fn rest(&self, t: f64, y: &[f64], out: &mut [f64]) -> Result<(), Error> {
        self.part(self.raw.rest, t, y, out)
    }

    /// Evaluates the Jacobian of the stiff part and keeps it: [`Implicit::factor`] and
    /// [`Implicit::solve`] are of it from then on.
    ///
    /// [`Implicit::factor`]: crate::Implicit::factor
    /// [`Implicit::solve`]: crate::Implicit::solve
    pub fn linearise(&self, t: f64, y: &[f64]) -> Result<(), Error> {
        assert_eq!(y.len(), self.n, "length of y");
        let f = self.raw.linearise.ok_or_else(incomplete)?;
        // SAFETY: the host's own function and context, inside the call that lent the problem.
        Error::check(unsafe { f(self.raw.ctx, t, y.as_ptr().cast()) })
    }

    fn part(
        &self,
        f: Option<abi::slf_rhs_fn>,
        t: f64,
        y: &[f64],
        out: &mut [f64],
    ) -> Result<(), Error> {
        assert_eq!((y.len(), out.len()), (self.n, self.n), "lengths of y and of the result");
        let f = f.ok_or_else(incomplete)?;
        // SAFETY: the host's own function and context, inside the call that lent the problem, with
        // slices of the lengths that it expects.
        Error::check(unsafe {
            f(self.raw.ctx, t, y.as_ptr().cast(), out.as_mut_ptr().cast::<c_void>())
        })
    }
}

fn incomplete() -> Error {
    Error::argument("a function of the host's table is null")
}
