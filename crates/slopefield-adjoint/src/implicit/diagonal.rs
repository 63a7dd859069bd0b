//! Diagonally implicit Runge–Kutta methods.
//!
//! `M z_i = h f(t + c_i h, u + Σ_{j<i} a_ij z_j + γ z_i)` for `i ≥ 2`, and `z_1 = h s` with the slope
//! `s` that the step before hands over. By the implicit function theorem, tangents and cotangents go
//! through `M − hγJ` with the Jacobian at the stage itself.

use super::equations::{Directions, StageEquations, StepView, Sums, Weights, add_scaled, is_zero};
use super::interpolant::Interpolant;
use super::linear::Linear;
use slopefield_solve::sdirk::ImplicitTableau;
use slopefield_solve::{Ivp, SolveError};

/// The equations of one step.
pub(super) struct DiagonalEquations {
    table: &'static ImplicitTableau,
    linear: Linear,
    point: Vec<f64>,
    back: Vec<f64>,
    weighted: Vec<f64>,
}

impl DiagonalEquations {
    pub fn new(table: &'static ImplicitTableau) -> Self {
        let (point, back, weighted) = (Vec::new(), Vec::new(), Vec::new());
        DiagonalEquations { table, linear: Linear::new(), point, back, weighted }
    }

    /// Factors `M − hγJ` at stage `i`, whose state it leaves in `point`; returns its time.
    fn factor(&mut self, ivp: &Ivp<'_>, step: &StepView<'_>, i: usize) -> Result<f64, SolveError> {
        self.point.copy_from_slice(step.start);
        for (j, a) in self.table.a[i].iter().enumerate() {
            add_scaled(&mut self.point, *a, step.row(j));
        }
        add_scaled(&mut self.point, self.table.gamma, step.row(i));
        let t = step.t + self.table.c[i] * step.h();
        self.linear.factor(ivp, t, &self.point, (1.0, step.h() * self.table.gamma))?;
        Ok(t)
    }
}

impl StageEquations for DiagonalEquations {
    fn stages(&self) -> usize {
        self.table.stages()
    }

    fn hands_over_slope(&self) -> bool {
        true
    }

    fn end_weights(&self) -> Weights {
        let mut weights = Weights::default();
        for (i, weight) in weights.iter_mut().take(self.stages()).enumerate() {
            *weight = self.table.weight(i);
        }
        weights
    }

    fn interpolant(&self) -> Interpolant {
        Interpolant::Diagonal(self.table)
    }

    fn prepare(&mut self, ivp: &Ivp<'_>) -> Result<(), SolveError> {
        self.linear.prepare(ivp)?;
        for vector in [&mut self.point, &mut self.back, &mut self.weighted] {
            vector.resize(ivp.u0.len(), 0.0);
        }
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
        let mut products = 0;
        for i in (1..self.stages()).rev() {
            let (before, own) = cotangents.split_at_mut(i * n);
            let v = &mut own[..n];
            if is_zero(v) {
                continue;
            }
            let t = self.factor(ivp, step, i)?;
            self.linear.matrix.solve_transposed(v);
            self.back.fill(0.0);
            for (weighted, v) in self.weighted.iter_mut().zip(&*v) {
                *weighted = h * v;
            }
            let at = (t, &self.point[..]);
            let by_time = self.linear.pull_back(ivp, at, &self.weighted, &mut self.back, sums.p);
            products += 1;
            for (j, a) in self.table.a[i].iter().enumerate() {
                add_scaled(&mut before[j * n..(j + 1) * n], *a, &self.back);
            }
            add_scaled(sums.start, 1.0, &self.back);
            self.linear.mass.add_outer(-1.0, v, step.row(i), sums.mass);
            if sums.timed {
                *sums.t += by_time;
                // h f is M z.
                self.back.fill(0.0);
                self.linear.mass.add_product(step.row(i), &mut self.back);
                let along: f64 = v.iter().zip(&self.back).map(|(v, x)| v * x).sum();
                *sums.h += self.table.c[i] * by_time + along / h;
            }
        }
        if sums.timed {
            let along: f64 = cotangents[..n].iter().zip(step.row(0)).map(|(v, x)| v * x).sum();
            *sums.h += along / h;
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
        let (n, h, s) = (step.start.len(), step.h(), self.stages());
        let directions = along.states.len() / n;
        for (d, rows) in rows.chunks_exact_mut(s * n).enumerate() {
            let (_, dh) = along.times(d);
            rows[..n].fill(0.0);
            add_scaled(&mut rows[..n], h, &along.slopes[d * n..(d + 1) * n]);
            add_scaled(&mut rows[..n], dh / h, step.row(0));
        }
        for i in 1..s {
            let t = self.factor(ivp, step, i)?;
            for (d, rows) in rows.chunks_exact_mut(s * n).enumerate() {
                let (before, own) = rows.split_at_mut(i * n);
                let own = &mut own[..n];
                self.back.copy_from_slice(&along.states[d * n..(d + 1) * n]);
                for (a, row) in self.table.a[i].iter().zip(before.chunks_exact(n)) {
                    add_scaled(&mut self.back, *a, row);
                }
                let (dt, dh) = along.times(d);
                let parameter = along.parameter(d, ivp.p.len());
                let change = (parameter, dt + self.table.c[i] * dh);
                self.linear.push_forward(ivp, (t, &self.point), &self.back, change, own);
                own.iter_mut().for_each(|x| *x *= h);
                if dh != 0.0 {
                    // h f is M z.
                    self.back.fill(0.0);
                    self.linear.mass.add_product(step.row(i), &mut self.back);
                    add_scaled(own, dh / h, &self.back);
                }
                self.linear.add_mass_change(parameter, -1.0, step.row(i), own);
                self.linear.matrix.solve(own);
            }
        }
        Ok(((s - 1) * directions) as u64)
    }
}
