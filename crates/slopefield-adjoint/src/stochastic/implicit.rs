//! Derivatives of an implicit stage `x = known + h f(t, x)`.

use slopefield_linear::{IterationMatrix, Jacobian, Mass};
use slopefield_solve::Ivp;

/// Linear systems with `1 − h ∂f/∂u` at the solution of a stage.
#[derive(Default)]
pub(super) struct ImplicitStage {
    jacobian: Jacobian<f64>,
    mass: Mass<f64>,
    matrix: IterationMatrix<f64>,
    ready: bool,
}

impl ImplicitStage {
    /// Expects another system.
    pub(super) fn forget(&mut self) {
        self.ready = false;
    }

    /// Factors the matrix of a stage; whether it has an inverse.
    pub(super) fn prepare(&mut self, ivp: &Ivp<'_>, t: f64, h: f64, x: &[f64]) -> bool {
        if !self.ready {
            self.jacobian.prepare(ivp.rhs);
            self.mass.evaluate(ivp.rhs, t, x, ivp.p);
            self.matrix.prepare(&self.jacobian, &self.mass);
            self.ready = true;
        }
        self.jacobian.evaluate(ivp.rhs, t, x, ivp.p);
        self.matrix.factor(1.0 / h, 1.0, &self.jacobian, &self.mass).is_ok()
    }

    /// Replaces `w` by `(1 − h ∂f/∂u)⁻ᵀ w`; whether there is such a vector.
    pub(super) fn solve_transposed(
        &mut self,
        ivp: &Ivp<'_>,
        t: f64,
        h: f64,
        x: &[f64],
        w: &mut [f64],
    ) -> bool {
        if !self.prepare(ivp, t, h, x) {
            return false;
        }
        self.matrix.solve_transposed(w);
        w.iter_mut().for_each(|w| *w /= h);
        true
    }

    /// Replaces `v` by `(1 − h ∂f/∂u)⁻¹ v` with the matrix of [`ImplicitStage::prepare`].
    pub(super) fn solve(&mut self, h: f64, v: &mut [f64]) {
        self.matrix.solve(v);
        v.iter_mut().for_each(|v| *v /= h);
    }
}
