//! Cotangents of states of systems `M u' = f`.
//!
//! The adjoint λ satisfies `Mᵀ λ' = −Jᵀ λ`, and `μ = Mᵀ λ` is what a loss sends to the directions
//! of the state that `M` sees. The others follow from the algebraic equations, so a cotangent of
//! the whole state is first pulled back through consistent values (`Consistency::reverse`).

use super::transposed::TransposedMass;
use slopefield_kernel::Point;
use slopefield_linear::Mass;
use slopefield_solve::{Consistency, ConsistentSums, Ivp, Settings, SolveError};

/// What a mass matrix adds to the adjoint; nothing for the identity.
#[derive(Default)]
pub(crate) struct Algebraic {
    /// None for the identity.
    pub transposed: Option<TransposedMass>,
    pub mass: Mass<f64>,
    consistency: Consistency<f64>,
    /// Derivative of the loss by the entries of the mass matrix.
    by_entry: Vec<f64>,
    slope: Vec<f64>,
    still: Vec<f64>,
    scratch: Vec<f64>,
    /// Whether entries depend on parameters.
    depends: bool,
}

impl Algebraic {
    /// Takes the mass matrix of a system.
    ///
    /// # Errors
    /// [`SolveError::Invalid`] when its derivative by parameters is not known.
    pub fn configure(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        extra: usize,
    ) -> Result<(), SolveError> {
        self.depends = false;
        let Some(kernel) = ivp.rhs.structure().mass else {
            self.transposed = None;
            return Ok(());
        };
        self.mass.evaluate(ivp.rhs, ivp.t0, ivp.u0, ivp.p);
        self.transposed = Some(TransposedMass::of(&self.mass, extra));
        self.consistency.configure(ivp, settings);
        let entries = self.mass.values().len();
        self.by_entry.clear();
        self.by_entry.resize(entries, 0.0);
        self.slope.resize(ivp.u0.len(), 0.0);
        self.still.clear();
        self.still.resize(ivp.u0.len(), 0.0);
        self.scratch.resize(kernel.scratch_len(), 0.0);
        let (mut weights, mut row) = (vec![0.0; entries], vec![0.0; ivp.p.len()]);
        for k in 0..entries {
            weights[k] = 1.0;
            let at = Point { t: ivp.t0, u: ivp.u0, p: ivp.p };
            if !kernel.parameter_vjp(at, &weights, &mut row, &mut self.scratch) {
                return Err(SolveError::Invalid(
                    "how the mass matrix depends on the parameters is not known, which this \
                     gradient needs"
                        .into(),
                ));
            }
            weights[k] = 0.0;
        }
        self.depends = row.iter().any(|x| *x != 0.0);
        Ok(())
    }

    /// Whether the entries of the mass matrix depend on parameters.
    pub fn depends_on_parameters(&self) -> bool {
        self.depends
    }

    /// Replaces the cotangent of the consistent state `u` by that of the directions that the mass
    /// matrix sees, and adds what the algebraic equations make of the rest to `grad_p`. `slope` is
    /// that of the solution.
    pub fn absorb(
        &mut self,
        ivp: &Ivp<'_>,
        (t, u, slope): (f64, &[f64], &[f64]),
        cotangent: &mut [f64],
        grad_p: &mut [f64],
    ) -> Result<(), SolveError> {
        if self.transposed.is_none() || cotangent.iter().all(|w| *w == 0.0) {
            return Ok(());
        }
        self.consistency.linearise(ivp, t, u)?;
        let sums = ConsistentSums {
            state: cotangent,
            slope: &self.still,
            p: grad_p,
            mass: &mut self.by_entry,
            t: &mut 0.0,
        };
        self.consistency.reverse(ivp, t, (u, u, slope), sums)
    }

    /// `λ` with `Mᵀ λ = μ`, up to what the algebraic equations of the adjoint determine. Needs the
    /// matrices of [`Algebraic::absorb`], or of `u`.
    pub fn lift(
        &mut self,
        ivp: &Ivp<'_>,
        (t, u): (f64, &[f64]),
        mu: &[f64],
        lambda: &mut [f64],
    ) -> Result<(), SolveError> {
        lambda.copy_from_slice(mu);
        if self.transposed.is_some() {
            self.consistency.linearise(ivp, t, u)?;
            self.consistency.solve_transposed(lambda);
        }
        Ok(())
    }

    /// `μ = Mᵀ λ`.
    pub fn lower(&self, lambda: &[f64], mu: &mut [f64]) {
        match &self.transposed {
            Some(matrix) => matrix.multiply_states(lambda, mu),
            None => mu.copy_from_slice(lambda),
        }
    }

    /// Adds `−factor · λᵀ (∂M/∂p) u'` to the derivative by the entries of the mass matrix.
    pub fn add_outer(&mut self, factor: f64, lambda: &[f64], slope: &[f64]) {
        self.mass.add_outer(-factor, lambda, slope, &mut self.by_entry);
    }

    /// Adds what the entries of the mass matrix have collected to the gradient by parameters: at the
    /// very end.
    pub fn finish(&mut self, ivp: &Ivp<'_>, grad_p: &mut [f64]) {
        if let Some(kernel) = ivp.rhs.structure().mass
            && self.depends
        {
            let at = Point { t: ivp.t0, u: ivp.u0, p: ivp.p };
            kernel.parameter_vjp(at, &self.by_entry, grad_p, &mut self.scratch);
        }
    }
}
