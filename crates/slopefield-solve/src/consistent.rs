//! Consistent values: states that satisfy the algebraic equations of a system, and slopes that
//! keep them satisfied.
//!
//! With a singular mass matrix, `M u' = f(t, u)` contains algebraic equations: every row vector
//! `w` with `wᵀ M = 0` gives `wᵀ f(t, u) = 0`. They determine the part of the state that `M` does
//! not see, that is the directions `v` with `M v = 0`; in the simplest case of zero rows and zero
//! columns, the algebraic variables. The state is moved along these directions and no others, so
//! that `M u`, and every differential variable, stays as it was given.
//!
//! The equations in these directions are solved by Newton's iteration with the damping of the
//! natural monotonicity test (Deuflhard, *Newton Methods for Nonlinear Problems*, section 3.3),
//! which does not depend on how equations and variables are scaled. Their matrix is regular if
//! and only if the index of the system is 1 (Hairer, Wanner, *Solving ODEs II*, section VI.1).

mod derivative;

pub use derivative::ConsistentSums;

use crate::implicit::{Elimination, SparseVectors};
use crate::{ErrorNorm, Ivp, Real, Settings, SolveError, Stats};
use slopefield_kernel::{Point, Tangent};
use slopefield_linear::Mass;

/// Newton iterations at most.
const ITERATIONS: u32 = 50;

/// The shortest part of a Newton step that is tried.
const SHORTEST: f64 = 1e-6;

/// Newton steps below this, in units of the tolerance, are the last; the error that they leave is
/// about the square.
const LAST: f64 = 1e-3;

/// Values that a Newton step would change by less than this stay as they are given.
const UNCHANGED: f64 = 1e-6;

/// Finds consistent values and slopes.
#[derive(Debug, Default)]
pub struct Consistency<T> {
    norm: ErrorNorm,
    mass: Mass<T>,
    eliminated: Elimination,
    /// Number of algebraic equations.
    count: usize,
    /// Their weights `w`.
    left: SparseVectors,
    /// The directions `v`.
    right: SparseVectors,
    /// For each algebraic equation, the row that it extends.
    rows: Vec<usize>,
    block: Elimination,
    residual: Vec<f64>,
    newton: Vec<f64>,
    trial_newton: Vec<f64>,
    combined: Vec<f64>,
    direction: Vec<T>,
    trial: Vec<T>,
    slope: Vec<T>,
    product: Vec<T>,
    no_params: Vec<T>,
    scratch: Vec<T>,
    /// Values are found to rounding, so that they are smooth functions of those given.
    frozen: bool,
}

impl<T: Real> Consistency<T> {
    /// From now on values are found to rounding.
    pub fn freeze(&mut self) {
        self.frozen = true;
    }

    /// Sizes the arrays for a system and takes the tolerances. Allocates only when sizes grow.
    pub fn configure(&mut self, ivp: &Ivp<'_, T>, settings: &Settings) {
        let n = ivp.u0.len();
        self.norm.configure(settings, n);
        for vector in [&mut self.direction, &mut self.trial, &mut self.slope, &mut self.product] {
            vector.resize(n, T::ZERO);
        }
        self.combined.resize(n, 0.0);
        self.no_params.clear();
        self.no_params.resize(ivp.p.len(), T::ZERO);
        self.scratch.resize(ivp.rhs.scratch_len(), T::ZERO);
    }

    /// Number of algebraic equations that the system has which [`Consistency::establish`] saw last.
    #[must_use]
    pub fn algebraic_equations(&self) -> usize {
        self.count
    }

    /// Moves `u` to values that satisfy the algebraic equations at `t`, where there are any, and
    /// writes slopes `u'` to `slope`: those of the system, and for algebraic variables those that
    /// keep the equations satisfied.
    ///
    /// # Errors
    /// [`SolveError::Inconsistent`] when no such values are found, [`SolveError::Singular`] when
    /// the equations do not determine the algebraic variables (the index is above 1),
    /// [`SolveError::NonFinite`], and [`SolveError::Invalid`] for mass matrices that depend on time
    /// or states.
    pub fn establish(
        &mut self,
        ivp: &Ivp<'_, T>,
        t: f64,
        u: &mut [T],
        slope: &mut [T],
        counts: &mut Stats,
    ) -> Result<(), SolveError> {
        counts.rhs += 1;
        if ivp.rhs.structure().mass.is_none() {
            self.count = 0;
            ivp.rhs.eval(T::of(t), u, ivp.p, slope, &mut self.scratch);
            return check(t, u, slope);
        }
        self.look_at_mass(ivp, t, u);
        if !self.mass.is_constant() {
            return Err(SolveError::Invalid(
                "the mass matrix depends on time or on states; this method needs one that depends \
                 on parameters alone: solve the equations for the derivatives, or make the \
                 derivatives states of their own with algebraic equations"
                    .into(),
            ));
        }
        ivp.rhs.eval(T::of(t), u, ivp.p, &mut self.slope, &mut self.scratch);
        check(t, u, &self.slope)?;
        if self.count > 0 {
            self.iterate(ivp, t, u, counts)?;
        }
        self.write_slope(ivp, t, u, slope, counts);
        check(t, u, slope)
    }

    /// Adds to `out` a direction along all that the algebraic equations determine, for the system
    /// looked at last. Its parts differ, so that what depends on several does not cancel.
    pub(crate) fn algebraic_direction(&self, out: &mut [T]) {
        for k in 0..self.count {
            for (i, v) in self.right.get(k) {
                out[*i] += T::of(v / (k as f64 + 1.3));
            }
        }
    }

    /// Finds the algebraic equations and the directions that they determine.
    fn look_at_mass(&mut self, ivp: &Ivp<'_, T>, t: f64, u: &[T]) {
        let n = u.len();
        self.mass.evaluate(ivp.rhs, t, u, ivp.p);
        let entries = self.eliminated.entries(n);
        if let Some(pattern) = self.mass.pattern() {
            for j in 0..n {
                let values = &self.mass.values()[pattern.range(j)];
                for (i, value) in pattern.column(j).iter().zip(values) {
                    entries[*i as usize * n + j] = value.f64();
                }
            }
        }
        self.eliminated.factor(rank_threshold::<T>(n));
        self.count = n - self.eliminated.rank();
        self.left.clear();
        self.right.clear();
        self.rows.clear();
        for k in 0..self.count {
            let row = self.eliminated.left_null(k, &mut self.combined);
            // So that residuals are in the units of that row.
            let scale = 1.0 / self.combined[row];
            self.left.push(&self.combined, scale);
            self.rows.push(row);
            self.eliminated.right_null(k, &mut self.combined);
            self.right.push(&self.combined, 1.0);
        }
        for vector in [&mut self.residual, &mut self.newton, &mut self.trial_newton] {
            vector.resize(self.count, 0.0);
        }
    }

    /// Newton's iteration from `u`, where `self.slope` is `f`.
    fn iterate(
        &mut self,
        ivp: &Ivp<'_, T>,
        t: f64,
        u: &mut [T],
        counts: &mut Stats,
    ) -> Result<(), SolveError> {
        for iteration in 0..ITERATIONS {
            weigh(&self.left, &self.slope, &mut self.residual);
            self.factor_block(ivp, t, u, counts)?;
            self.newton.copy_from_slice(&self.residual);
            self.block.solve(&mut self.newton);
            let size = self.size_of_step(u, false);
            if !size.is_finite() {
                return Err(self.inconsistent(t));
            }
            if iteration == 0 && size <= UNCHANGED && !self.frozen {
                return Ok(());
            }
            counts.iterations += 1;
            if size <= if self.frozen { UNCHANGED } else { LAST } {
                self.move_along(u, 1.0);
                u.copy_from_slice(&self.trial);
                return Ok(());
            }
            self.damped_step(ivp, t, u, size, counts)?;
            // Solved in one step, as linear equations are.
            weigh(&self.left, &self.slope, &mut self.residual);
            if self.residual.iter().all(|r| *r == 0.0) {
                return Ok(());
            }
        }
        Err(self.inconsistent(t))
    }

    /// Moves `u` along the Newton step, by the longest part that brings the solution nearer.
    fn damped_step(
        &mut self,
        ivp: &Ivp<'_, T>,
        t: f64,
        u: &mut [T],
        size: f64,
        counts: &mut Stats,
    ) -> Result<(), SolveError> {
        let mut part = 1.0;
        while part >= SHORTEST {
            self.move_along(u, part);
            counts.rhs += 1;
            ivp.rhs.eval(T::of(t), &self.trial, ivp.p, &mut self.slope, &mut self.scratch);
            if self.slope.iter().chain(&self.trial).all(|v| v.finite()) {
                weigh(&self.left, &self.slope, &mut self.trial_newton);
                self.block.solve(&mut self.trial_newton);
                counts.solves += 1;
                if self.size_of_step(u, true) <= (1.0 - 0.25 * part) * size {
                    u.copy_from_slice(&self.trial);
                    return Ok(());
                }
            }
            part *= 0.5;
        }
        Err(self.inconsistent(t))
    }

    /// `trial = u − part · (Newton step)`.
    fn move_along(&mut self, u: &[T], part: f64) {
        self.right.combine(&self.newton, &mut self.combined);
        for ((trial, u), step) in self.trial.iter_mut().zip(u).zip(&self.combined) {
            // What does not move keeps its bits.
            *trial = if *step == 0.0 { *u } else { T::of(u.f64() - part * step) };
        }
    }

    /// Scaled norm of the Newton step, or of the simplified one at the trial point.
    fn size_of_step(&mut self, u: &[T], at_trial: bool) -> f64 {
        let step = if at_trial { &self.trial_newton } else { &self.newton };
        self.right.combine(step, &mut self.combined);
        for (direction, step) in self.direction.iter_mut().zip(&self.combined) {
            *direction = T::of(*step);
        }
        self.norm.of_value(&self.direction, u)
    }

    /// Factors the derivative of the algebraic equations along their directions.
    fn factor_block(
        &mut self,
        ivp: &Ivp<'_, T>,
        t: f64,
        u: &[T],
        counts: &mut Stats,
    ) -> Result<(), SolveError> {
        let count = self.count;
        self.block.entries(count);
        counts.jacobians += 1;
        for k in 0..count {
            self.direction.fill(T::ZERO);
            for (i, v) in self.right.get(k) {
                self.direction[*i] = T::of(*v);
            }
            self.derivative(ivp, t, u, 0.0);
            let entries = self.block.entries_held();
            for row in 0..count {
                entries[row * count + k] = dot(self.left.get(row), &self.product);
            }
        }
        counts.factorisations += 1;
        self.block.factor(rank_threshold::<T>(count));
        if self.block.rank() < count { Err(SolveError::Singular { t }) } else { Ok(()) }
    }

    /// Derivative of `f` along `(dt, direction)`, in `product`.
    fn derivative(&mut self, ivp: &Ivp<'_, T>, t: f64, u: &[T], dt: f64) {
        ivp.rhs.jvp(
            Point { t: T::of(t), u, p: ivp.p },
            Tangent { t: T::of(dt), u: &self.direction, p: &self.no_params },
            &mut self.slope,
            &mut self.product,
            &mut self.scratch,
        );
    }

    /// `u' = x + Σ y_k v_k` with `M x = f` and `wᵀ (∂f/∂u u' + ∂f/∂t) = 0`.
    fn write_slope(
        &mut self,
        ivp: &Ivp<'_, T>,
        t: f64,
        u: &[T],
        slope: &mut [T],
        counts: &mut Stats,
    ) {
        let n = u.len();
        if self.count > 0 {
            // The values have moved since the last derivatives.
            if self.factor_block(ivp, t, u, counts).is_err() {
                slope.fill(T::of(f64::NAN));
                return;
            }
        }
        for i in 0..n {
            self.combined[i] = self.slope[i].f64();
        }
        self.eliminated.solve(&mut self.combined);
        for i in 0..n {
            self.direction[i] = T::of(self.combined[i]);
        }
        if self.count > 0 {
            self.derivative(ivp, t, u, 1.0);
            weigh(&self.left, &self.product, &mut self.newton);
            self.block.solve(&mut self.newton);
        }
        for (k, y) in self.newton.iter().enumerate() {
            for (i, v) in self.right.get(k) {
                self.combined[*i] -= v * y;
            }
        }
        for (slope, combined) in slope.iter_mut().zip(&self.combined) {
            *slope = T::of(*combined);
        }
    }

    fn inconsistent(&self, t: f64) -> SolveError {
        let mut worst = 0;
        for (k, residual) in self.residual.iter().enumerate() {
            if !(residual.abs() <= self.residual[worst].abs()) {
                worst = k;
            }
        }
        SolveError::Inconsistent { t, equation: self.rows[worst], residual: self.residual[worst] }
    }
}

/// Pivots below this part of the largest are rounding errors.
fn rank_threshold<T: Real>(n: usize) -> f64 {
    (64 * n.max(1)) as f64 * T::EPSILON
}

fn check<T: Real>(t: f64, u: &[T], slope: &[T]) -> Result<(), SolveError> {
    match slope.iter().position(|v| !v.finite()) {
        Some(state) => Err(SolveError::non_finite(t, state, u)),
        None => Ok(()),
    }
}

fn dot<T: Real>(w: &[(usize, f64)], x: &[T]) -> f64 {
    w.iter().map(|(i, w)| w * x[*i].f64()).sum()
}

/// `wᵀ x` for every `w`.
fn weigh<T: Real>(left: &SparseVectors, x: &[T], out: &mut [f64]) {
    for (k, out) in out.iter_mut().enumerate() {
        *out = dot(left.get(k), x);
    }
}
