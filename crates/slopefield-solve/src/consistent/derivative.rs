//! Derivatives of consistent values and slopes.
//!
//! Consistent values `u` of given ones `g`, and slopes `s`, satisfy
//!
//! ```text
//! M (u − g) = 0,   M s = f(t, u, p),   wᵀ f = 0,   wᵀ (J s + ∂f/∂t) = 0   for wᵀ M = 0.
//! ```
//!
//! Differentiated, with `M⁺` a generalised inverse, `V` the directions with `M v = 0`, `W` the
//! weights, and `B = Wᵀ J V` (the terms of `dW` follow from `Wᵀ M = 0` and `f = M s`):
//!
//! ```text
//! e  = −dM (u − g)
//! du = dg + M⁺ e − V B⁻¹ Wᵀ (J (dg + M⁺ e) + f_p dp + f_t dt − dM s)
//! r  = J du + f_p dp + f_t dt − dM s
//! ds = M⁺ r − V B⁻¹ Wᵀ (J M⁺ r + d(J s + ∂f/∂t))
//! ```
//!
//! where the last term moves `u`, `p` and `t` and holds `s`. Mass matrices whose algebraic equations
//! are combinations of rows that depend on parameters would add a term to `ds`; they are refused
//! where `ds` matters.

use super::{Consistency, dot};
use crate::{Ivp, SolveError, Stats};
use slopefield_kernel::{Cotangent, Point, Tangent};

/// Where [`Consistency::reverse`] takes and adds.
pub struct ConsistentSums<'a> {
    /// Given: cotangent of the consistent state. Becomes that of the given state.
    pub state: &'a mut [f64],
    /// Given: cotangent of the slope.
    pub slope: &'a [f64],
    /// Added: gradient by parameters.
    pub p: &'a mut [f64],
    /// Added: gradient by the entries of the mass matrix.
    pub mass: &'a mut [f64],
    /// Added: gradient by the time.
    pub t: &'a mut f64,
}

impl Consistency<f64> {
    /// Linearises the equations at a consistent state, for [`Consistency::reverse`].
    ///
    /// # Errors
    /// [`SolveError::Singular`] when they do not determine the algebraic variables.
    pub fn linearise(&mut self, ivp: &Ivp<'_>, t: f64, u: &[f64]) -> Result<(), SolveError> {
        self.look_at_mass(ivp, t, u);
        self.factor_block(ivp, t, u, &mut Stats::default())
    }

    /// Pulls cotangents of the consistent state `u` and of the slope there back to the given state
    /// and the parameters. `given` is what [`Consistency::establish`] made `u` and `slope` of, and
    /// `u` where they were linearised.
    ///
    /// # Errors
    /// [`SolveError::Invalid`] for cotangents of slopes where the second derivatives that they need
    /// are not known.
    pub fn reverse(
        &mut self,
        ivp: &Ivp<'_>,
        t: f64,
        (given, u, slope): (&[f64], &[f64], &[f64]),
        sums: ConsistentSums<'_>,
    ) -> Result<(), SolveError> {
        let n = u.len();
        let at = Point { t, u, p: ivp.p };
        let by_slope = sums.slope.iter().any(|x| *x != 0.0);
        let mut weights = vec![0.0; n];
        if by_slope {
            // ω = W B⁻ᵀ Vᵀ σ, ρ = M⁺ᵀ (σ − Jᵀ ω).
            let mut omega = vec![0.0; n];
            self.through_block(sums.slope, &mut omega);
            let mut rho = sums.slope.to_vec();
            if omega.iter().any(|x| *x != 0.0) {
                let Some(hessian) = ivp.rhs.structure().hessian else {
                    return Err(SolveError::Invalid(
                        "the slopes of algebraic variables at the start matter to this gradient, \
                         and need second derivatives of the equations, which are not known here"
                            .into(),
                    ));
                };
                let (mut unused, mut by_u) = (vec![0.0; ivp.p.len()], vec![0.0; n]);
                let grad = Cotangent { t: &mut 0.0, u: &mut by_u, p: &mut unused };
                ivp.rhs.vjp(at, &omega, grad, &mut self.scratch);
                for ((rho, by_u), omega) in rho.iter_mut().zip(&by_u).zip(&mut omega) {
                    *rho -= by_u;
                    *omega = -*omega;
                }
                let mut scratch = vec![0.0; hessian.scratch_len()];
                let still = vec![0.0; ivp.p.len()];
                let along = Tangent { t: 1.0, u: slope, p: &still };
                let grad = Cotangent { t: &mut *sums.t, u: &mut *sums.state, p: &mut *sums.p };
                hessian.hvp(at, along, &omega, grad, &mut scratch);
            }
            self.eliminated.solve_transposed(&mut rho);
            let grad = Cotangent { t: &mut *sums.t, u: &mut *sums.state, p: &mut *sums.p };
            ivp.rhs.vjp(at, &rho, grad, &mut self.scratch);
            self.mass.add_outer(-1.0, &rho, slope, sums.mass);
        }
        // ν = W B⁻ᵀ Vᵀ λ, μ = λ − Jᵀ ν, κ = M⁺ᵀ μ.
        self.through_block(sums.state, &mut weights);
        self.mass.add_outer(1.0, &weights, slope, sums.mass);
        weights.iter_mut().for_each(|x| *x = -*x);
        let grad = Cotangent { t: sums.t, u: &mut *sums.state, p: sums.p };
        ivp.rhs.vjp(at, &weights, grad, &mut self.scratch);
        weights.copy_from_slice(sums.state);
        self.eliminated.solve_transposed(&mut weights);
        let moved: Vec<f64> = u.iter().zip(given).map(|(u, given)| u - given).collect();
        self.mass.add_outer(-1.0, &weights, &moved, sums.mass);
        Ok(())
    }

    /// Replaces `x`, a combination of rows of the mass matrix of the last linearisation, by a `ν` with
    /// `Mᵀ ν = x`. Algebraic equations have the weights that the elimination gives them.
    pub fn solve_transposed(&mut self, x: &mut [f64]) {
        self.eliminated.solve_transposed(x);
    }

    /// `out = W B⁻ᵀ Vᵀ x`.
    fn through_block(&mut self, x: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        for k in 0..self.count {
            self.newton[k] = dot(self.right.get(k), x);
        }
        self.block.solve_transposed(&mut self.newton);
        for (k, factor) in self.newton.iter().enumerate() {
            for (i, w) in self.left.get(k) {
                out[*i] += factor * w;
            }
        }
    }
}
