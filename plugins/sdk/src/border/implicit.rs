//! Matrices and the host's linear algebra, as an implicit method sees them.

use super::{Problem, slice};
use crate::Error;
use slopefield_plugin_abi as abi;
use std::ffi::c_void;

/// Where a matrix has entries, by columns: the rows of column `j` are
/// `rows[starts[j]..starts[j + 1]]`, ascending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pattern<'a> {
    /// Where each column begins in `rows`; one more at the end.
    pub starts: &'a [u64],
    /// Rows of the entries, column by column.
    pub rows: &'a [u64],
}

/// The matrices of `M y' = f(t, y)` and the host's solution of linear systems with
/// `W = c M − ∂f/∂y`, on loan for one call. Vectors have [`Problem::len`] elements; other lengths
/// panic.
///
/// A solver without linear algebra of its own calls [`linearise`](Implicit::linearise) where it wants
/// a Jacobian, [`factor`](Implicit::factor) for each `c` and [`solve`](Implicit::solve) as often as it
/// likes; the host uses that the matrices are sparse.
pub struct Implicit<'a> {
    raw: &'a abi::slf_implicit_problem,
    n: usize,
    jacobian_pattern: Option<Pattern<'a>>,
    mass_pattern: Option<Pattern<'a>>,
}

impl<'a> Problem<'a> {
    /// The matrices of the problem. Every problem has them; a host from before they were part of the
    /// interface gives an error that `create` can pass on.
    pub fn implicit(&self) -> Result<Implicit<'a>, Error> {
        let raw = self.extension(abi::IMPLICIT_PROBLEM);
        // SAFETY: null or the host's table for this id, which lives until `destroy`.
        let raw = unsafe { raw.cast::<abi::slf_implicit_problem>().as_ref() };
        Implicit::new(raw.ok_or_else(|| self.no_extension("matrices"))?, self.len())
    }
}

impl<'a> Implicit<'a> {
    fn new(raw: &'a abi::slf_implicit_problem, n: usize) -> Result<Self, Error> {
        if (raw.struct_size as usize) < size_of::<abi::slf_implicit_problem>() {
            return Err(Error::unsupported("the host's table of matrices is too short"));
        }
        // SAFETY: patterns of the host, which live as long as its table.
        let patterns =
            unsafe { [pattern(raw.jacobian_pattern, n)?, pattern(raw.mass_pattern, n)?] };
        let [jacobian_pattern, mass_pattern] = patterns;
        Ok(Implicit { raw, n, jacobian_pattern, mass_pattern })
    }

    /// Where `∂f/∂y` has entries; `None`: it is dense.
    pub fn jacobian_pattern(&self) -> Option<Pattern<'a>> {
        self.jacobian_pattern
    }

    /// Where `M` has entries; `None`: it is the identity.
    pub fn mass_pattern(&self) -> Option<Pattern<'a>> {
        self.mass_pattern
    }

    /// Whether there are algebraic equations. Initial values satisfy them.
    pub fn is_singular(&self) -> bool {
        self.raw.flags & abi::SLF_MASS_SINGULAR != 0
    }

    /// Writes the entries of `∂f/∂y` in the order of the pattern, or all `n²` by columns.
    pub fn jacobian(&self, t: f64, y: &[f64], values: &mut [f64]) -> Result<(), Error> {
        let entries = self.jacobian_pattern.map_or(self.n * self.n, |p| p.rows.len());
        assert_eq!((y.len(), values.len()), (self.n, entries), "lengths of y and of the entries");
        let f = self.raw.jacobian.ok_or_else(incomplete)?;
        // SAFETY: the host's own function and context, inside the call that lent the problem, with
        // slices of the lengths that it expects.
        Error::check(unsafe {
            f(self.raw.ctx, t, y.as_ptr().cast(), values.as_mut_ptr().cast::<c_void>())
        })
    }

    /// Writes the entries of `M` in the order of its pattern; nothing for the identity.
    pub fn mass(&self, values: &mut [f64]) -> Result<(), Error> {
        let entries = self.mass_pattern.map_or(0, |p| p.rows.len());
        assert_eq!(values.len(), entries, "number of entries");
        let Some(f) = self.raw.mass else { return Ok(()) };
        // SAFETY: as in `jacobian`.
        Error::check(unsafe { f(self.raw.ctx, values.as_mut_ptr().cast::<c_void>()) })
    }

    /// Writes `M x`.
    pub fn mass_product(&self, x: &[f64], out: &mut [f64]) -> Result<(), Error> {
        self.vectors(self.raw.mass_product, x, out)
    }

    /// Evaluates `∂f/∂y` and keeps it, on the host's side, for any number of factorisations.
    pub fn linearise(&self, t: f64, y: &[f64]) -> Result<(), Error> {
        assert_eq!(y.len(), self.n, "length of y");
        let f = self.raw.linearise.ok_or_else(incomplete)?;
        // SAFETY: as in `jacobian`.
        Error::check(unsafe { f(self.raw.ctx, t, y.as_ptr().cast()) })
    }

    /// Factors `W = c M − ∂f/∂y` with the Jacobian kept. A matrix that is singular is a
    /// [recoverable](Error::is_recoverable) error: another `c` may do.
    pub fn factor(&self, c: f64) -> Result<(), Error> {
        let f = self.raw.factor.ok_or_else(incomplete)?;
        // SAFETY: the host's own function and context, inside the call that lent the problem.
        Error::check(unsafe { f(self.raw.ctx, c) })
    }

    /// Writes `W⁻¹ b`.
    pub fn solve(&self, b: &[f64], x: &mut [f64]) -> Result<(), Error> {
        self.vectors(self.raw.solve, b, x)
    }

    /// Writes `W⁻ᵀ b`.
    pub fn solve_transposed(&self, b: &[f64], x: &mut [f64]) -> Result<(), Error> {
        self.vectors(self.raw.solve_transposed, b, x)
    }

    fn vectors(
        &self,
        f: Option<abi::slf_vector_fn>,
        x: &[f64],
        out: &mut [f64],
    ) -> Result<(), Error> {
        assert_eq!((x.len(), out.len()), (self.n, self.n), "lengths of vectors");
        let f = f.ok_or_else(incomplete)?;
        // SAFETY: as in `jacobian`.
        Error::check(unsafe {
            f(self.raw.ctx, x.as_ptr().cast(), out.as_mut_ptr().cast::<c_void>())
        })
    }
}

fn incomplete() -> Error {
    Error::argument("a function of the host's table is null")
}

/// A pattern of the host, checked.
///
/// # Safety
/// `raw` is null or a pattern that is readable during `'a`.
unsafe fn pattern<'a>(
    raw: *const abi::slf_sparsity,
    n: usize,
) -> Result<Option<Pattern<'a>>, Error> {
    // SAFETY: as promised by the caller.
    let Some(raw) = (unsafe { raw.as_ref() }) else { return Ok(None) };
    let nnz = usize::try_from(raw.nnz).unwrap_or(usize::MAX);
    // SAFETY: as promised by the caller.
    let starts = unsafe { slice(raw.col_ptr, n + 1, "a pattern")? };
    // SAFETY: as above.
    let rows = unsafe { slice(raw.row_idx, nnz, "a pattern")? };
    let ascending = starts.windows(2).all(|pair| pair[0] <= pair[1]);
    let complete = starts.first() == Some(&0) && starts.last() == Some(&raw.nnz);
    if !ascending || !complete || rows.iter().any(|row| *row >= n as u64) {
        return Err(Error::argument("the host passed a pattern that is none"));
    }
    Ok(Some(Pattern { starts, rows }))
}
