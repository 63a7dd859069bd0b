//! The problem, as a solver sees it.

use crate::Error;
use slopefield_plugin_abi as abi;
use std::ffi::c_void;

/// `y' = f(t, y)`, on loan for one call. All vectors have [`len`](Problem::len) elements; other
/// lengths panic, and the kit reports that as a bug of the plugin.
pub struct Problem<'a> {
    raw: &'a abi::slf_problem,
    n: usize,
}

impl<'a> Problem<'a> {
    /// Checks what the host filled in.
    pub(super) fn new(raw: &'a abi::slf_problem) -> Result<Self, Error> {
        if (raw.struct_size as usize) < size_of::<abi::slf_problem>() {
            return Err(Error::unsupported("the host is too old: its problem lacks fields of 1.0"));
        }
        if raw.dtype != abi::SLF_F64 {
            return Err(Error::unsupported("the solver works on 64-bit floats only"));
        }
        if raw.rhs.is_none() || raw.poll.is_none() {
            return Err(Error::argument("the host passed a problem without rhs or poll"));
        }
        let n = usize::try_from(raw.n)
            .map_err(|_| Error::argument("the host passed an impossible number of states"))?;
        Ok(Problem { raw, n })
    }

    /// One that was checked before; the host does not change it.
    pub(super) fn known(raw: &'a abi::slf_problem) -> Self {
        Problem { raw, n: raw.n as usize }
    }

    /// Number of states.
    pub fn len(&self) -> usize {
        self.n
    }

    /// Whether there are no states at all.
    pub fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// Whether there is a mass matrix, `M y' = f(t, y)`. Only solvers with
    /// [`Caps::MASS_MATRIX`](crate::Caps::MASS_MATRIX) meet one.
    pub fn has_mass_matrix(&self) -> bool {
        self.raw.mass.is_some()
    }

    /// Whether [`jacobian`](Problem::jacobian) is offered, as a dense matrix.
    pub fn has_jacobian(&self) -> bool {
        self.raw.jacobian.is_some() && self.raw.jacobian_pattern.is_null()
    }

    /// Whether [`jvp`](Problem::jvp) is offered.
    pub fn has_jvp(&self) -> bool {
        self.raw.jvp.is_some()
    }

    /// Whether [`vjp`](Problem::vjp) is offered.
    pub fn has_vjp(&self) -> bool {
        self.raw.vjp.is_some()
    }

    /// Whether [`dfdt`](Problem::dfdt) is offered.
    pub fn has_dfdt(&self) -> bool {
        self.raw.dfdt.is_some()
    }

    /// Writes `f(t, y)`.
    #[inline]
    pub fn rhs(&self, t: f64, y: &[f64], dydt: &mut [f64]) -> Result<(), Error> {
        self.one(self.raw.rhs, t, y, dydt, self.n)
    }

    /// Writes `∂f/∂y`, column by column: `values[j * n + i]` is the derivative of `f_i` by `y_j`.
    pub fn jacobian(&self, t: f64, y: &[f64], values: &mut [f64]) -> Result<(), Error> {
        let f = if self.has_jacobian() { self.raw.jacobian } else { None };
        self.one(f, t, y, values, self.n * self.n)
    }

    /// Writes `∂f/∂t`.
    pub fn dfdt(&self, t: f64, y: &[f64], out: &mut [f64]) -> Result<(), Error> {
        self.one(self.raw.dfdt, t, y, out, self.n)
    }

    /// Writes `∂f/∂y · v`.
    pub fn jvp(&self, t: f64, y: &[f64], v: &[f64], out: &mut [f64]) -> Result<(), Error> {
        self.two(self.raw.jvp, t, y, v, out)
    }

    /// Writes `wᵀ ∂f/∂y`.
    pub fn vjp(&self, t: f64, y: &[f64], w: &[f64], out: &mut [f64]) -> Result<(), Error> {
        self.two(self.raw.vjp, t, y, w, out)
    }

    /// An extension by id; null when the host or this problem has none.
    pub(super) fn extension(&self, id: &'static str) -> *const c_void {
        let Some(get) = self.raw.get_extension else { return std::ptr::null() };
        // SAFETY: the host's own function and context, given text that lives for ever.
        unsafe { get(self.raw.ctx, abi::slf_str::new(id)) }
    }

    /// Why there is no extension.
    pub(super) fn no_extension(&self, what: &str) -> Error {
        Error::unsupported(format!("this host does not offer the {what} of the problem"))
    }

    /// Whether to go on. Call it at least once per 1000 iterations that call nothing else.
    pub fn poll(&self) -> Result<(), Error> {
        let Some(f) = self.raw.poll else { return Ok(()) };
        // SAFETY: the host's own function with the host's own context, inside the call that lent
        // the problem.
        Error::check(unsafe { f(self.raw.ctx) })
    }

    #[inline]
    fn one(
        &self,
        f: Option<abi::slf_rhs_fn>,
        t: f64,
        y: &[f64],
        out: &mut [f64],
        out_len: usize,
    ) -> Result<(), Error> {
        let Some(f) = f else { return Err(not_offered()) };
        assert_eq!((y.len(), out.len()), (self.n, out_len), "lengths of y and of the result");
        // SAFETY: the host's own function and context, inside the call that lent the problem; both
        // slices have the length that the host expects, and `out` overlaps nothing.
        Error::check(unsafe {
            f(self.raw.ctx, t, y.as_ptr().cast(), out.as_mut_ptr().cast::<c_void>())
        })
    }

    fn two(
        &self,
        f: Option<abi::slf_product_fn>,
        t: f64,
        y: &[f64],
        v: &[f64],
        out: &mut [f64],
    ) -> Result<(), Error> {
        let Some(f) = f else { return Err(not_offered()) };
        assert_eq!((y.len(), v.len(), out.len()), (self.n, self.n, self.n), "lengths of vectors");
        // SAFETY: as in `one`, with three slices of the length that the host expects.
        Error::check(unsafe {
            f(
                self.raw.ctx,
                t,
                y.as_ptr().cast(),
                v.as_ptr().cast(),
                out.as_mut_ptr().cast::<c_void>(),
            )
        })
    }
}

fn not_offered() -> Error {
    Error::unsupported("the host does not offer this derivative of the problem")
}
