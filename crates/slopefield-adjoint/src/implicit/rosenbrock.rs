//! Rosenbrock methods.
//!
//! `(M/(γh) − J) U_i = f(t + α_i h, Y_i) + M Σ (c_ij/h) U_j + γ_i h ∂f/∂t` with
//! `Y_i = u + Σ a_ij U_j`. The Jacobian is part of the formula, so that the derivative has that of
//! `J U_i + γ_i h ∂f/∂t`, a product with second derivatives along `(γ_i h, U_i)`.

use super::equations::{Directions, StageEquations, StepView, Sums, Weights, add_scaled, is_zero};
use super::interpolant::Interpolant;
use super::linear::Linear;
use slopefield_kernel::{Cotangent, HessianProduct, Point, Tangent};
use slopefield_solve::{Ivp, RosenbrockTable, SolveError};

/// The equations of one step.
pub(super) struct RosenbrockEquations {
    table: &'static RosenbrockTable,
    linear: Linear,
    point: Vec<f64>,
    back: Vec<f64>,
    other: Vec<f64>,
    still: Vec<f64>,
    scratch: Vec<f64>,
    /// Rows of `∂(J U_i + γ_i h ∂f/∂t)/∂(u, p, t)`, for tangents.
    by_states: Vec<f64>,
    by_params: Vec<f64>,
    by_time: Vec<f64>,
}

impl RosenbrockEquations {
    pub fn new(table: &'static RosenbrockTable) -> Self {
        RosenbrockEquations {
            table,
            linear: Linear::new(),
            point: Vec::new(),
            back: Vec::new(),
            other: Vec::new(),
            still: Vec::new(),
            scratch: Vec::new(),
            by_states: Vec::new(),
            by_params: Vec::new(),
            by_time: Vec::new(),
        }
    }

    /// Time of stage `i`.
    fn time(&self, step: &StepView<'_>, i: usize) -> f64 {
        let alpha = self.table.alpha[i];
        if alpha == 1.0 { step.t_new } else { step.t + alpha * step.h() }
    }

    /// Writes `Y_i` to `point`.
    fn argument(&mut self, step: &StepView<'_>, i: usize) {
        self.point.copy_from_slice(step.start);
        for (j, a) in self.table.a[i].iter().enumerate() {
            add_scaled(&mut self.point, *a, step.row(j));
        }
    }

    /// Writes `Σ c_ij/h U_j − U_i/(γh)`, what the mass matrix is multiplied by, to `other`.
    fn under_mass(&mut self, step: &StepView<'_>, i: usize) {
        let per_length = 1.0 / step.h();
        self.other.fill(0.0);
        for (j, c) in self.table.c[i].iter().enumerate() {
            add_scaled(&mut self.other, c * per_length, step.row(j));
        }
        add_scaled(&mut self.other, -per_length / self.table.gamma, step.row(i));
    }
}

fn hessian<'a>(ivp: &Ivp<'a>) -> Result<&'a dyn HessianProduct, SolveError> {
    ivp.rhs.structure().hessian.ok_or_else(|| SolveError::Invalid(NEEDS_CURVATURE.into()))
}

/// Why a system is refused.
pub(super) const NEEDS_CURVATURE: &str = "Rosenbrock methods have the Jacobian in their steps, so \
    that exact gradients need second derivatives of the equations, which are not known here (operators \
    of plugins have none); use kencarp4 or radau";

impl StageEquations for RosenbrockEquations {
    fn stages(&self) -> usize {
        self.table.stages()
    }

    fn solved_exactly(&self) -> bool {
        true
    }

    fn have_the_jacobian(&self) -> bool {
        true
    }

    fn end_weights(&self) -> Weights {
        let mut weights = Weights::default();
        weights[..self.table.b.len()].copy_from_slice(self.table.b);
        weights
    }

    fn interpolant(&self) -> Interpolant {
        Interpolant::Rosenbrock(self.table)
    }

    fn prepare(&mut self, ivp: &Ivp<'_>) -> Result<(), SolveError> {
        let n = ivp.u0.len();
        self.linear.prepare(ivp)?;
        for vector in [&mut self.point, &mut self.back, &mut self.other] {
            vector.resize(n, 0.0);
        }
        self.still.clear();
        self.still.resize(ivp.p.len(), 0.0);
        self.scratch.resize(hessian(ivp)?.scratch_len(), 0.0);
        Ok(())
    }

    fn reverse(
        &mut self,
        ivp: &Ivp<'_>,
        step: &StepView<'_>,
        cotangents: &mut [f64],
        sums: &mut Sums<'_>,
    ) -> Result<u64, SolveError> {
        let (n, h) = (step.start.len(), step.h());
        let hessian = hessian(ivp)?;
        let shape = (1.0 / (self.table.gamma * h), 1.0);
        self.linear.factor(ivp, step.t, step.start, shape)?;
        let mut products = 0;
        for i in (0..self.stages()).rev() {
            let (before, own) = cotangents.split_at_mut(i * n);
            let v = &mut own[..n];
            if is_zero(v) {
                continue;
            }
            self.linear.matrix.solve_transposed(v);
            self.argument(step, i);
            self.back.fill(0.0);
            let at = (self.time(step, i), &self.point[..]);
            let by_time = self.linear.pull_back(ivp, at, v, &mut self.back, sums.p);
            for (j, a) in self.table.a[i].iter().enumerate() {
                add_scaled(&mut before[j * n..(j + 1) * n], *a, &self.back);
            }
            add_scaled(sums.start, 1.0, &self.back);
            for (j, c) in self.table.c[i].iter().enumerate() {
                let to = &mut before[j * n..(j + 1) * n];
                self.linear.mass.add_transposed(c / h, v, to);
            }
            let along = Tangent { t: self.table.gamma_sum[i] * h, u: step.row(i), p: &self.still };
            let at = Point { t: step.t, u: step.start, p: ivp.p };
            let grad = Cotangent { t: &mut *sums.t, u: &mut *sums.start, p: &mut *sums.p };
            hessian.hvp(at, along, v, grad, &mut self.scratch);
            products += 3;
            if !sums.mass.is_empty() || sums.timed {
                self.under_mass(step, i);
                self.linear.mass.add_outer(1.0, v, &self.other, sums.mass);
            }
            if sums.timed {
                *sums.t += by_time;
                *sums.h += self.table.alpha[i] * by_time;
                // Everything under the mass matrix has 1/h.
                self.back.fill(0.0);
                self.linear.mass.add_product(&self.other, &mut self.back);
                *sums.h -= dot(v, &self.back) / h;
                self.linear.time_derivative(ivp, step.t, step.start, &mut self.back);
                *sums.h += self.table.gamma_sum[i] * dot(v, &self.back);
            }
        }
        Ok(products)
    }

    fn tangents(
        &mut self,
        ivp: &Ivp<'_>,
        step: &StepView<'_>,
        along: Directions<'_>,
        rows: &mut [f64],
    ) -> Result<u64, SolveError> {
        let (n, m, h, s) = (step.start.len(), ivp.p.len(), step.h(), self.stages());
        let hessian = hessian(ivp)?;
        let shape = (1.0 / (self.table.gamma * h), 1.0);
        self.linear.factor(ivp, step.t, step.start, shape)?;
        self.by_states.resize(n * n, 0.0);
        self.by_params.resize(n * m, 0.0);
        self.by_time.resize(n, 0.0);
        let at_start = Point { t: step.t, u: step.start, p: ivp.p };
        for i in 0..s {
            self.by_states.fill(0.0);
            self.by_params.fill(0.0);
            self.by_time.fill(0.0);
            self.back.fill(0.0);
            let direction =
                Tangent { t: self.table.gamma_sum[i] * h, u: step.row(i), p: &self.still };
            for k in 0..n {
                self.back[k] = 1.0;
                let grad = Cotangent {
                    t: &mut self.by_time[k],
                    u: &mut self.by_states[k * n..(k + 1) * n],
                    p: &mut self.by_params[k * m..(k + 1) * m],
                };
                hessian.hvp(at_start, direction, &self.back, grad, &mut self.scratch);
                self.back[k] = 0.0;
            }
            self.argument(step, i);
            self.under_mass(step, i);
            let time = self.time(step, i);
            for (d, rows) in rows.chunks_exact_mut(s * n).enumerate() {
                let state = &along.states[d * n..(d + 1) * n];
                let (before, own) = rows.split_at_mut(i * n);
                let own = &mut own[..n];
                self.back.copy_from_slice(state);
                for (a, row) in self.table.a[i].iter().zip(before.chunks_exact(n)) {
                    add_scaled(&mut self.back, *a, row);
                }
                let (dt, dh) = along.times(d);
                let parameter = along.parameter(d, m);
                let change = (parameter, dt + self.table.alpha[i] * dh);
                self.linear.push_forward(ivp, (time, &self.point), &self.back, change, own);
                if (dt, dh) != (0.0, 0.0) {
                    self.linear.time_derivative(ivp, step.t, step.start, &mut self.back);
                    add_scaled(own, self.table.gamma_sum[i] * dh, &self.back);
                    add_scaled(own, dt, &self.by_time);
                }
                self.back.fill(0.0);
                for (c, row) in self.table.c[i].iter().zip(before.chunks_exact(n)) {
                    add_scaled(&mut self.back, c / h, row);
                }
                // Everything under the mass matrix has 1/h.
                add_scaled(&mut self.back, -dh / h, &self.other);
                self.linear.mass.add_product(&self.back, own);
                self.linear.add_mass_change(parameter, 1.0, &self.other, own);
                for (k, own) in own.iter_mut().enumerate() {
                    *own += dot(&self.by_states[k * n..(k + 1) * n], state);
                    if let Some(parameter) = parameter {
                        *own += self.by_params[k * m + parameter];
                    }
                }
                self.linear.matrix.solve(own);
            }
        }
        Ok((s * (2 * n + m)) as u64)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
