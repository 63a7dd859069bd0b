//! The Jacobian and the mass matrix of a system, and when they are evaluated anew.

use crate::{Ivp, Real, Stats};
use slopefield_kernel::Kernel;
use slopefield_linear::{Jacobian, Mass};

/// The matrices of the linear systems of a step, before they are factored.
#[derive(Debug)]
pub(crate) struct Linearisation<T> {
    jacobian: Jacobian<T>,
    mass: Mass<T>,
    /// Whether the Jacobian is that at the beginning of the present step.
    is_current: bool,
    /// How often the Jacobian was evaluated since [`Linearisation::begin`], so that whoever
    /// factors it knows when it has changed.
    version: u64,
}

impl<T: Real> Linearisation<T> {
    pub(crate) fn new() -> Self {
        Linearisation {
            jacobian: Jacobian::new(),
            mass: Mass::new(),
            is_current: false,
            version: 0,
        }
    }

    /// Takes the system of `rhs`, whose mass matrix is that at `(t, u)`.
    pub(crate) fn begin(&mut self, rhs: &dyn Kernel<T>, t: f64, u: &[T], p: &[T]) {
        self.jacobian.prepare(rhs);
        self.mass.evaluate(rhs, t, u, p);
        self.is_current = false;
        self.version = 0;
    }

    /// Evaluates the Jacobian at the beginning of a step.
    pub(crate) fn renew(
        &mut self,
        rhs: &dyn Kernel<T>,
        ivp: &Ivp<'_, T>,
        t: f64,
        u: &[T],
        counts: &mut Stats,
    ) {
        if self.jacobian.evaluate(rhs, t, u, ivp.p) {
            counts.jacobians += 1;
            self.version += 1;
        }
        self.is_current = true;
    }

    /// The next step begins elsewhere.
    pub(crate) fn leave(&mut self) {
        self.is_current = false;
    }

    pub(crate) fn is_current(&self) -> bool {
        self.is_current
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    pub(crate) fn jacobian(&self) -> &Jacobian<T> {
        &self.jacobian
    }

    pub(crate) fn mass(&self) -> &Mass<T> {
        &self.mass
    }
}
