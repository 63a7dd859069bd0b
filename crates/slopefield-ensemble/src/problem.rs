//! What to integrate.

use slopefield_kernel::BatchKernel;
use slopefield_solve::SolveError;

/// Numbers of each trajectory.
#[derive(Debug, Clone, Copy)]
pub enum Values<'a> {
    /// The same for all.
    Same(&'a [f64]),
    /// A row per trajectory, one after the other.
    Each(&'a [f64]),
}

impl<'a> Values<'a> {
    /// The numbers of trajectory `index`, `len` of them.
    pub(crate) fn of(self, index: usize, len: usize) -> &'a [f64] {
        match self {
            Values::Same(row) => row,
            Values::Each(rows) => &rows[index * len..][..len],
        }
    }

    fn check(self, what: &str, count: usize, len: usize) -> Result<(), SolveError> {
        let (found, wanted) = match self {
            Values::Same(row) => (row.len(), Some(len)),
            Values::Each(rows) => (rows.len(), count.checked_mul(len)),
        };
        if Some(found) == wanted {
            return Ok(());
        }
        let form = match self {
            Values::Same(_) => format!("{len} for all trajectories"),
            Values::Each(_) => format!("{len} for each of {count} trajectories"),
        };
        Err(SolveError::Invalid(format!("{found} {what} were given instead of {form}")))
    }
}

/// Many initial value problems `u' = f(t, u, p)` on one time span, which differ in initial states
/// and parameters.
#[derive(Clone, Copy)]
pub struct Ensemble<'a> {
    /// Right-hand side.
    pub rhs: &'a dyn BatchKernel,
    /// Start time.
    pub t0: f64,
    /// End time, after or before the start.
    pub t1: f64,
    /// Number of trajectories.
    pub count: usize,
    /// Initial states.
    pub u0: Values<'a>,
    /// All parameters once; those in `own` are not read.
    pub shared: &'a [f64],
    /// The parameters that `rhs` takes per lane, in the order of [`BatchKernel::own_params`].
    pub own: Values<'a>,
}

impl Ensemble<'_> {
    /// Checks sizes and times.
    pub(crate) fn validate(&self) -> Result<(), SolveError> {
        let refuse = |text: String| Err(SolveError::Invalid(text));
        let shape = self.rhs.shape();
        let n = shape.states;
        if n == 0 {
            return refuse("the problem has no states to integrate".into());
        }
        if shape.outputs != n {
            return refuse(format!(
                "the right-hand side takes {n} states, but gives {} slopes",
                shape.outputs
            ));
        }
        if self.shared.len() != shape.params {
            return refuse(format!(
                "{} parameters were given, but the right-hand side takes {}",
                self.shared.len(),
                shape.params
            ));
        }
        self.u0.check("initial states", self.count, n)?;
        self.own.check("parameters of trajectories", self.count, self.rhs.own_params().len())?;
        if !self.t0.is_finite() || !self.t1.is_finite() {
            return refuse(format!("the time span {} to {} is not finite", self.t0, self.t1));
        }
        Ok(())
    }
}
