//! The equations of a step's unknowns, as derivatives see them.

use super::diagonal::DiagonalEquations;
use super::interpolant::Interpolant;
use super::radau::RadauEquations;
use super::rosenbrock::RosenbrockEquations;
use super::switched::{ExplicitEquations, SwitchedEquations};
use slopefield_solve::runge_kutta::MAX_DENSE_STAGES;
use slopefield_solve::{Coefficients, Ivp, SolveError, Tableau, coefficients};

/// Weights of the unknowns in something that leaves the step.
pub(super) type Weights = [f64; MAX_DENSE_STAGES];

/// One recorded step.
#[derive(Clone, Copy)]
pub(super) struct StepView<'a> {
    pub t: f64,
    pub t_new: f64,
    /// State at the beginning.
    pub start: &'a [f64],
    /// The unknowns, row by row.
    pub rows: &'a [f64],
    /// The table of the step, where a method that switches has taken an explicit one.
    pub explicit: Option<&'static Tableau>,
}

impl StepView<'_> {
    pub fn h(&self) -> f64 {
        self.t_new - self.t
    }

    /// Unknown `i`.
    pub fn row(&self, i: usize) -> &[f64] {
        let n = self.start.len();
        &self.rows[i * n..(i + 1) * n]
    }
}

/// Where the reverse of a step adds.
pub(super) struct Sums<'a> {
    /// Cotangent of the state at the beginning.
    pub start: &'a mut [f64],
    /// Gradient by parameters.
    pub p: &'a mut [f64],
    /// Gradient by the entries of the mass matrix.
    pub mass: &'a mut [f64],
    /// Whether derivatives by time are wanted:
    pub timed: bool,
    /// by the beginning at fixed length,
    pub t: &'a mut f64,
    /// and by the length at fixed beginning.
    pub h: &'a mut f64,
}

/// Directions along which tangents are carried: the initial values, then the parameters, then perhaps
/// the start time.
#[derive(Clone, Copy)]
pub(super) struct Directions<'a> {
    /// Tangents of the state at the beginning, direction by direction.
    pub states: &'a [f64],
    /// Tangents of the slope that is handed over there, likewise; empty where none is.
    pub slopes: &'a [f64],
    /// How the beginning of the step and its length change, direction by direction; empty where they
    /// do not.
    pub times: &'a [(f64, f64)],
    /// The direction that is the first parameter: the others follow.
    pub first: usize,
}

impl Directions<'_> {
    /// The parameter that direction `d` is the one of, where it is that of one of `count`.
    pub fn parameter(&self, d: usize, count: usize) -> Option<usize> {
        d.checked_sub(self.first).filter(|parameter| *parameter < count)
    }

    /// How the beginning of the step and its length change along direction `d`.
    pub fn times(&self, d: usize) -> (f64, f64) {
        self.times.get(d).copied().unwrap_or((0.0, 0.0))
    }
}

/// The equations of the unknowns of a step, and how they are used.
pub(super) trait StageEquations: Send {
    /// Number of unknowns.
    fn stages(&self) -> usize;

    /// Whether the first unknown is the step length times a slope that is handed over: that of the
    /// last unknown of the step before.
    fn hands_over_slope(&self) -> bool {
        false
    }

    /// Whether the adaptive method solves these equations to rounding.
    fn solved_exactly(&self) -> bool {
        false
    }

    /// Whether the Jacobian is part of them.
    fn have_the_jacobian(&self) -> bool {
        false
    }

    /// Whether the method switches between an explicit and an implicit one.
    fn switches(&self) -> bool {
        false
    }

    /// Names the kind of the steps that follow, for methods that switch.
    fn select(&mut self, explicit: Option<&'static Tableau>) {
        let _ = explicit;
    }

    /// Weights of the unknowns in the end.
    fn end_weights(&self) -> Weights;

    /// The solution within a step.
    fn interpolant(&self) -> Interpolant;

    /// Weights of the unknowns in the solution at `θ`, and their derivatives by `θ`.
    fn dense_weights(&self, theta: f64) -> (Weights, Weights) {
        self.interpolant().weights(theta)
    }

    /// Sizes the arrays for a system, whose mass matrix is that at the start.
    ///
    /// # Errors
    /// [`SolveError::Invalid`]: the system lacks what the derivatives need.
    fn prepare(&mut self, ivp: &Ivp<'_>) -> Result<(), SolveError>;

    /// Writes all unknowns of a step to `out`, also those that were not recorded.
    fn unknowns(&mut self, ivp: &Ivp<'_>, step: &StepView<'_>, out: &mut Vec<f64>) {
        let _ = ivp;
        out.clear();
        out.extend_from_slice(step.rows);
    }

    /// Pulls cotangents of the unknowns, which it overwrites, back to the beginning and the
    /// parameters, except through a slope handed over: the cotangent of the first unknown is left
    /// in place for that. Returns the number of products.
    ///
    /// # Errors
    /// [`SolveError::Singular`], [`SolveError::NotConverged`].
    fn reverse(
        &mut self,
        ivp: &Ivp<'_>,
        step: &StepView<'_>,
        cotangents: &mut [f64],
        sums: &mut Sums<'_>,
    ) -> Result<u64, SolveError>;

    /// Writes the tangents of the unknowns to `rows`, direction by direction. Returns the number of
    /// products.
    ///
    /// # Errors
    /// [`SolveError::Singular`], [`SolveError::NotConverged`].
    fn tangents(
        &mut self,
        ivp: &Ivp<'_>,
        step: &StepView<'_>,
        along: Directions<'_>,
        rows: &mut [f64],
    ) -> Result<u64, SolveError>;
}

/// The equations of the method called `name`.
pub(super) fn equations(name: &str) -> Option<Box<dyn StageEquations>> {
    match coefficients(name) {
        Some(Coefficients::Rosenbrock(table)) => Some(Box::new(RosenbrockEquations::new(table))),
        Some(Coefficients::Diagonal(table)) => Some(Box::new(DiagonalEquations::new(table))),
        Some(Coefficients::Explicit(_)) => None,
        None if name == "auto-switch" => Some(Box::new(SwitchedEquations::new())),
        None if name == "radau" => Some(Box::new(RadauEquations::new())),
        None => None,
    }
}

/// The equations of the explicit method of a table.
pub(super) fn explicit_equations(table: &'static Tableau) -> Box<dyn StageEquations> {
    Box::new(ExplicitEquations::new(table))
}

/// `sum += factor · x`.
#[inline]
pub(super) fn add_scaled(sum: &mut [f64], factor: f64, x: &[f64]) {
    if factor != 0.0 {
        for (sum, x) in sum.iter_mut().zip(x) {
            *sum += factor * x;
        }
    }
}

pub(super) fn is_zero(x: &[f64]) -> bool {
    x.iter().all(|v| *v == 0.0)
}
