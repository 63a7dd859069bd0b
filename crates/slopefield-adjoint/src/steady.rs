//! Gradients of steady states by the implicit function theorem.
//!
//! At a steady state `f(u*, p) = 0` the state follows from the parameters, `J du* = −(∂f/∂p) dp`
//! with `J = ∂f/∂u`. For a loss `L(u*)` one system with the transposed Jacobian gives
//!
//! ```text
//! Jᵀ λ = ∂L/∂u,     dL/dp = −λᵀ ∂f/∂p,
//! ```
//!
//! whatever the number of parameters (Griewank, Walther, *Evaluating Derivatives*, 2nd edition,
//! SIAM 2008, section 15.3). The values from which the search began select one of several steady
//! states and do not change it: the derivative by them is 0.
//!
//! Where the equations conserve something, such as the total amount of a substance, `J` is singular:
//! there is a steady state for every total, and the derivative is not defined by the equations
//! alone. That is refused, with the states whose combination is conserved.

mod rows;

pub use rows::{STEADY, SteadyRows, steady_states};

use slopefield_kernel::{Cotangent, Kernel, Point};
use slopefield_linear::{IterationMatrix, Jacobian, Mass};
use slopefield_solve::{Settings, SolveError, Stats, steady_state};

/// A loss of a steady state: writes its derivative with respect to each state (given zeroed) and
/// returns the loss.
pub type SteadyLoss<'a> = dyn FnMut(&[f64], &mut [f64]) -> f64 + 'a;

/// Result of one gradient.
#[derive(Debug, Clone, PartialEq)]
pub struct SteadyEvaluated {
    /// What the loss function returned.
    pub loss: f64,
    /// The steady state.
    pub u: Vec<f64>,
    /// Largest absolute value of the right-hand side there.
    pub residual: f64,
    /// Estimate of the condition number of the Jacobian, in the norm of largest column sums: so
    /// much larger than its own is the relative error that the gradient may have.
    pub condition: f64,
    /// Counters of the search.
    pub search: Stats,
}

/// The gradient method `steady`. An instance keeps its work arrays between calls.
#[derive(Default)]
pub struct SteadyAdjoint {
    jacobian: Jacobian<f64>,
    mass: Mass<f64>,
    matrix: IterationMatrix<f64>,
    by_state: Vec<f64>,
    work: Vec<f64>,
    signs: Vec<f64>,
    rest: Vec<f64>,
    scratch: Vec<f64>,
}

/// Jacobians with a larger condition number count as singular: no digit of a gradient is left.
const SINGULAR: f64 = 1e14;

impl SteadyAdjoint {
    /// Without work arrays.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Name shown to users.
    #[must_use]
    pub fn name(&self) -> &'static str {
        "steady"
    }

    /// Finds a steady state of `M u' = f(t, u, p)` near `u` (as [`steady_state`] does), evaluates
    /// the loss and *writes* its gradient with respect to the parameters, through the right-hand
    /// side, to `grad_p`. The derivative by `u` is 0. Accuracy is that of the steady state, so
    /// tolerances below 1e-9 are well spent.
    ///
    /// # Errors
    /// Those of [`steady_state`]; [`SolveError::Invalid`] for a singular Jacobian and for a
    /// derivative that is not finite.
    #[expect(clippy::too_many_arguments, reason = "those of a search, and of a gradient")]
    pub fn evaluate(
        &mut self,
        rhs: &dyn Kernel,
        t: f64,
        u: &[f64],
        p: &[f64],
        settings: &Settings,
        loss: &mut SteadyLoss<'_>,
        grad_p: &mut [f64],
    ) -> Result<SteadyEvaluated, SolveError> {
        if grad_p.len() != p.len() {
            return Err(SolveError::Invalid(format!(
                "room for a gradient by {} parameters was given, but the problem has {}",
                grad_p.len(),
                p.len()
            )));
        }
        let found = steady_state(rhs, t, u, p, settings)?;
        let u = found.u;
        self.by_state.clear();
        self.by_state.resize(u.len(), 0.0);
        let loss = loss(&u, &mut self.by_state);
        let condition = self.factor(rhs, t, &u, p)?;
        grad_p.fill(0.0);
        self.pull_back(rhs, Point { t, u: &u, p }, grad_p)?;
        let (residual, search) = (found.residual, found.stats);
        Ok(SteadyEvaluated { loss, u, residual, condition, search })
    }

    /// Adds `−λᵀ ∂f/∂p` with `Jᵀ λ` the derivative of the loss by the state in `by_state`, at a
    /// steady state whose Jacobian is factored.
    fn pull_back(
        &mut self,
        rhs: &dyn Kernel,
        at: Point<'_>,
        grad_p: &mut [f64],
    ) -> Result<(), SolveError> {
        self.matrix.solve_transposed(&mut self.by_state);
        self.by_state.iter_mut().for_each(|l| *l = -*l);
        self.rest.clear();
        self.rest.resize(at.u.len(), 0.0);
        self.scratch.resize(rhs.scratch_len(), 0.0);
        let mut by_time = 0.0;
        let grad = Cotangent { t: &mut by_time, u: &mut self.rest, p: grad_p };
        rhs.vjp(at, &self.by_state, grad, &mut self.scratch);
        match grad_p.iter().position(|g| !g.is_finite()) {
            Some(parameter) => Err(crate::method::parameter_not_finite(parameter)),
            None => Ok(()),
        }
    }

    /// Factors the Jacobian and gives an estimate of its condition number.
    fn factor(
        &mut self,
        rhs: &dyn Kernel,
        t: f64,
        u: &[f64],
        p: &[f64],
    ) -> Result<f64, SolveError> {
        self.jacobian.prepare(rhs);
        self.jacobian.evaluate(rhs, t, u, p);
        self.mass.evaluate(rhs, t, u, p);
        self.matrix.prepare(&self.jacobian, &self.mass);
        // 0·M + J.
        if self.matrix.factor(0.0, -1.0, &self.jacobian, &self.mass).is_err() {
            return Err(self.singular());
        }
        let condition = self.column_sums() * self.inverse_norm();
        if !(condition < SINGULAR) {
            return Err(self.singular());
        }
        Ok(condition)
    }

    /// Largest column sum of the Jacobian.
    fn column_sums(&self) -> f64 {
        let (n, values) = (self.jacobian.size(), self.jacobian.values());
        let sum = |part: &[f64]| part.iter().map(|v| v.abs()).sum::<f64>();
        let columns = (0..n).map(|j| match self.jacobian.pattern() {
            Some(pattern) => sum(&values[pattern.range(j)]),
            None => sum(&values[j * n..(j + 1) * n]),
        });
        columns.fold(0.0, f64::max)
    }

    /// Estimate of the same for the inverse, from a few solutions with it (Higham, *Accuracy and
    /// Stability of Numerical Algorithms*, 2nd edition, SIAM 2002, algorithm 15.1).
    fn inverse_norm(&mut self) -> f64 {
        let n = self.jacobian.size();
        self.work.clear();
        self.work.resize(n, 1.0 / n as f64);
        let mut estimate = 0.0;
        for _ in 0..5 {
            self.matrix.solve(&mut self.work);
            let norm = self.work.iter().map(|x| x.abs()).sum::<f64>();
            if !(norm > estimate) {
                // NaN counts as infinite.
                return if norm.is_nan() { f64::INFINITY } else { estimate };
            }
            estimate = norm;
            self.signs.clear();
            self.signs.extend(self.work.iter().map(|x| 1.0_f64.copysign(*x)));
            self.matrix.solve_transposed(&mut self.signs);
            let size = |j: &usize| self.signs[*j].abs();
            let Some(j) = (0..n).max_by(|a, b| size(a).total_cmp(&size(b))) else { break };
            self.work.fill(0.0);
            self.work[j] = 1.0;
        }
        estimate
    }

    /// The error for a singular Jacobian, with the states of a combination that it conserves: a
    /// vector with `wᵀ J = 0`, by inverse iteration beside 0.
    fn singular(&mut self) -> SolveError {
        let n = self.jacobian.size();
        let beside = 1e-10 * self.column_sums().max(f64::MIN_POSITIVE);
        let mut conserved = Vec::new();
        if self.mass.is_identity()
            && self.matrix.factor(beside, 1.0, &self.jacobian, &self.mass).is_ok()
        {
            // No vector of simple numbers is orthogonal to it by accident.
            let mut w: Vec<f64> = (0..n).map(|i| 1.0 + 0.5 * (i as f64).sin()).collect();
            for _ in 0..3 {
                self.matrix.solve_transposed(&mut w);
                let size = w.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
                w.iter_mut().for_each(|x| *x /= size);
            }
            conserved = (0..n).filter(|i| w[*i].abs() > 1e-6).map(|i| i + 1).collect();
        }
        let which = match conserved.len() {
            0 => String::new(),
            count if count <= 8 => format!(
                " It concerns the states number {}.",
                conserved.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            ),
            count => format!(" It concerns {count} states."),
        };
        SolveError::Invalid(format!(
            "the Jacobian at the steady state is singular, so that the parameters alone do not \
             determine the state: the equations conserve a combination of states, or several steady \
             states meet.{which} Write one of these states by the conserved total, as an algebraic \
             equation"
        ))
    }
}
