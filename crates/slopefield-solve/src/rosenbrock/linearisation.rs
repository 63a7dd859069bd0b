//! The system linearised at the beginning of a step.

use crate::{Ivp, Real, Stats};
use slopefield_kernel::{Point, Tangent};
use slopefield_linear::{IterationMatrix, Jacobian, Mass};

/// `f`, `∂f/∂t` and `J = ∂f/∂u` at a point, the mass matrix, and the matrix of the stage systems.
pub(super) struct Linearisation<T: Real> {
    n: usize,
    pub(super) slope: Vec<T>,
    pub(super) time_derivative: Vec<T>,
    /// Whether the time derivative is 0.
    pub(super) autonomous: bool,
    pub(super) mass: Mass<T>,
    jacobian: Jacobian<T>,
    matrix: IterationMatrix<T>,
    /// Directions that are 0, of states and parameters.
    still: Vec<T>,
    pub(super) scratch: Vec<T>,
}

impl<T: Real> Linearisation<T> {
    pub(super) fn new() -> Self {
        Linearisation {
            n: 0,
            slope: Vec::new(),
            time_derivative: Vec::new(),
            autonomous: true,
            mass: Mass::new(),
            jacobian: Jacobian::new(),
            matrix: IterationMatrix::new(),
            still: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Sizes the arrays and takes the mass matrix at the start of a solve.
    pub(super) fn prepare(&mut self, ivp: &Ivp<'_, T>, t: f64, u: &[T]) {
        self.n = u.len();
        self.slope.resize(self.n, T::ZERO);
        self.time_derivative.resize(self.n, T::ZERO);
        self.still.resize(self.n + ivp.p.len(), T::ZERO);
        self.scratch.resize(ivp.rhs.scratch_len(), T::ZERO);
        self.mass.evaluate(ivp.rhs, t, u, ivp.p);
        self.jacobian.prepare(ivp.rhs);
        self.matrix.prepare(&self.jacobian, &self.mass);
    }

    /// Evaluates everything at a point.
    pub(super) fn evaluate(&mut self, ivp: &Ivp<'_, T>, t: f64, u: &[T], counts: &mut Stats) {
        let at = Point { t: T::of(t), u, p: ivp.p };
        let (still_u, still_p) = self.still.split_at(self.n);
        let along = Tangent { t: T::ONE, u: still_u, p: &still_p[..ivp.p.len()] };
        ivp.rhs.jvp(at, along, &mut self.slope, &mut self.time_derivative, &mut self.scratch);
        self.autonomous = self.time_derivative.iter().all(|d| *d == T::ZERO);
        counts.rhs += 1;
        if self.jacobian.evaluate(ivp.rhs, t, u, ivp.p) {
            counts.jacobians += 1;
        }
    }

    /// Factors `M/(γh) − J`; whether it has an inverse.
    #[inline]
    pub(super) fn factor(&mut self, gamma_h: f64, counts: &mut Stats) -> bool {
        counts.factorisations += 1;
        self.matrix.factor(T::of(1.0 / gamma_h), T::ONE, &self.jacobian, &self.mass).is_ok()
    }

    #[inline]
    pub(super) fn solve(&mut self, x: &mut [T], counts: &mut Stats) {
        counts.solves += 1;
        self.matrix.solve(x);
    }

    /// The first state whose equation, or a derivative of it, is not finite.
    pub(super) fn first_non_finite(&self) -> Option<usize> {
        let in_values = |values: &[T]| values.iter().position(|v| !v.finite());
        in_values(&self.slope).or_else(|| in_values(&self.time_derivative)).or_else(|| {
            let entry = in_values(self.jacobian.values())?;
            Some(match self.jacobian.pattern() {
                Some(pattern) => pattern.view().rows[entry] as usize,
                None => entry % self.n,
            })
        })
    }
}
