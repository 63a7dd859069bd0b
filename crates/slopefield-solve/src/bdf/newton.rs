//! The equations of a step.
//!
//! Simplified Newton iteration on `M (ψ + d) = c f(t, u⁰ + d)` with `c = h/α_k`. A matrix made for
//! another `c` stays in use while that is near, its corrections multiplied by `2/(1 + c/c_made)`
//! (C. W. Gear, Y. Saad; as in CVODE, section 2.1 of its guide, doi:10.1145/1089014.1089020).

use super::coefficients::ERROR;
use super::linear::Linear;
use crate::multistep::weighted_square;
use crate::{Ivp, Real, Stats};
use slopefield_linear::{Jacobian, Mass};

/// How an iteration ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Solved {
    /// `d` is accurate enough.
    Yes,
    /// It does not converge fast enough.
    Slowly,
    /// The matrix is singular.
    Singular,
    /// The right-hand side is not finite.
    NotFinite,
}

/// Matrix, Jacobian and rate of convergence, which outlive steps.
pub(super) struct Newton<T: Real> {
    jacobian: Jacobian<T>,
    pub mass: Mass<T>,
    linear: Linear<T>,
    /// `c` of the matrix; NaN for none.
    made_for: f64,
    /// Number of accepted steps when the Jacobian was evaluated.
    jacobian_step: u64,
    /// The Jacobian is that of the present attempt.
    current: bool,
    /// The next matrix needs a new one.
    outdated: bool,
    /// Estimate of the factor by which an iteration reduces the error.
    rate: f64,
    residual: Vec<T>,
    sum: Vec<T>,
    product: Vec<T>,
    pub scratch: Vec<T>,
}

/// The point of a step.
pub(super) struct Target<'a, T> {
    pub t: f64,
    pub c: f64,
    pub order: usize,
    pub predicted: &'a [T],
    pub psi: &'a [T],
    pub weights: &'a [T],
}

/// The error that an iteration leaves, in units of the local error allowed.
const ACCURACY: f64 = 0.1;
/// The part of that which the solution of a linear system may leave, where it is iterated.
const LINEAR_ACCURACY: f64 = 0.05;
const MAX_ITERATIONS: u32 = 3;
/// Corrections that grow by this factor do not converge.
const DIVERGENCE: f64 = 2.0;
/// A matrix is used for `c` within this fraction of its own.
const REUSE: f64 = 0.25;
/// When a matrix is made, a Jacobian is used again for so many steps after its evaluation, and for
/// one more for each product that an evaluation takes,
const SHORTEST_USE: u64 = 10;
/// but no longer than this.
const LONGEST_USE: u64 = 50;

impl<T: Real> Newton<T> {
    pub(super) fn new(linear: Linear<T>) -> Self {
        Newton {
            jacobian: Jacobian::new(),
            mass: Mass::new(),
            linear,
            made_for: f64::NAN,
            jacobian_step: 0,
            current: false,
            outdated: true,
            rate: 1.0,
            residual: Vec::new(),
            sum: Vec::new(),
            product: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Sizes the arrays for a system. Its mass matrix must depend on parameters alone.
    pub(super) fn begin(&mut self, ivp: &Ivp<'_, T>) {
        self.mass.evaluate(ivp.rhs, ivp.t0, ivp.u0, ivp.p);
        self.jacobian.prepare(ivp.rhs);
        self.linear.prepare(&self.jacobian, &self.mass);
        let n = ivp.u0.len();
        self.residual.resize(n, T::ZERO);
        self.sum.resize(n, T::ZERO);
        self.product.resize(n, T::ZERO);
        self.scratch.resize(ivp.rhs.scratch_len(), T::ZERO);
        self.made_for = f64::NAN;
        self.current = false;
        self.outdated = true;
        self.rate = 1.0;
    }

    /// Whether a failure may be due to an old Jacobian; if so, the next attempt makes a new one.
    pub(super) fn ask_for_jacobian(&mut self) -> bool {
        if self.current {
            return false;
        }
        self.outdated = true;
        self.made_for = f64::NAN;
        true
    }

    /// The attempt that comes begins elsewhere.
    pub(super) fn moved(&mut self) {
        self.current = false;
    }

    /// Index of a state whose slope at `u` is not finite.
    pub(super) fn non_finite_slope(&mut self, ivp: &Ivp<'_, T>, t: f64, u: &[T]) -> Option<usize> {
        ivp.rhs.eval(T::of(t), u, ivp.p, &mut self.residual, &mut self.scratch);
        self.residual.iter().position(|x| !x.finite())
    }

    fn make_matrix(&mut self, ivp: &Ivp<'_, T>, to: &Target<'_, T>, counts: &mut Stats) -> bool {
        let use_for = (SHORTEST_USE + self.jacobian.products() as u64).min(LONGEST_USE);
        if self.outdated || counts.accepted >= self.jacobian_step + use_for {
            if self.jacobian.evaluate(ivp.rhs, to.t, to.predicted, ivp.p) {
                counts.jacobians += 1;
            }
            self.jacobian_step = counts.accepted;
            self.current = true;
            self.outdated = false;
        }
        counts.factorisations += 1;
        self.rate = 1.0;
        let made = self.linear.factor(T::of(to.c), &self.jacobian, &self.mass);
        self.made_for = if made { to.c } else { f64::NAN };
        made
    }

    /// Solves for `d` and writes it and `u⁰ + d`.
    pub(super) fn solve(
        &mut self,
        ivp: &Ivp<'_, T>,
        to: &Target<'_, T>,
        d: &mut [T],
        u: &mut [T],
        counts: &mut Stats,
    ) -> Solved {
        let near = ((to.c / self.made_for) - 1.0).abs() <= REUSE;
        if !near && !self.make_matrix(ivp, to, counts) {
            if self.jacobian.values().iter().all(|x| x.finite()) {
                return Solved::Singular;
            }
            // A shorter step looks at another point.
            self.outdated = true;
            return Solved::NotFinite;
        }
        let ratio = if self.linear.follows() { 1.0 } else { to.c / self.made_for };
        self.linear.follow(T::of(to.c), &self.jacobian, &self.mass);
        let correction = T::of(2.0 / (1.0 + ratio));
        // Corrected like that, the errors of slow and of stiff components are reduced by no more.
        let mismatch = ((ratio - 1.0) / (ratio + 1.0)).abs();
        d.fill(T::ZERO);
        u.copy_from_slice(to.predicted);
        let mut previous = f64::NAN;
        for iteration in 0..MAX_ITERATIONS {
            ivp.rhs.eval(T::of(to.t), u, ivp.p, &mut self.residual, &mut self.scratch);
            counts.rhs += 1;
            counts.iterations += 1;
            self.take_residual(to, d);
            let n = d.len();
            let tolerance = LINEAR_ACCURACY * ACCURACY / ERROR[to.order] * (n as f64).sqrt();
            let Some(solves) = self.linear.solve(&mut self.residual, to.weights, tolerance) else {
                let finite = self.residual.iter().all(|x| x.finite());
                return if finite { Solved::Slowly } else { Solved::NotFinite };
            };
            counts.solves += solves;
            let (step, predicted) = (&mut self.residual[..n], &to.predicted[..n]);
            let u = &mut u[..n];
            for i in 0..n {
                step[i] = correction * step[i];
                d[i] += step[i];
                u[i] = predicted[i] + d[i];
            }
            let size = ERROR[to.order] * weighted_square(step, to.weights).sqrt();
            if !size.is_finite() {
                return Solved::NotFinite;
            }
            if iteration > 0 {
                let factor = size / previous;
                if factor > DIVERGENCE {
                    return Solved::Slowly;
                }
                self.rate = factor.max(0.3 * self.rate);
            }
            if size * self.rate.clamp(mismatch, 1.0) <= ACCURACY {
                return Solved::Yes;
            }
            previous = size;
        }
        Solved::Slowly
    }

    /// `c f − M (ψ + d)` from the slope, in place.
    fn take_residual(&mut self, to: &Target<'_, T>, d: &[T]) {
        let n = d.len();
        let c = T::of(to.c);
        let (residual, psi) = (&mut self.residual[..n], &to.psi[..n]);
        if self.mass.is_identity() {
            for i in 0..n {
                residual[i] = c * residual[i] - (psi[i] + d[i]);
            }
        } else {
            for i in 0..n {
                self.sum[i] = psi[i] + d[i];
            }
            self.mass.multiply(&self.sum, &mut self.product);
            for (residual, product) in residual.iter_mut().zip(&self.product) {
                *residual = c * *residual - *product;
            }
        }
    }
}
