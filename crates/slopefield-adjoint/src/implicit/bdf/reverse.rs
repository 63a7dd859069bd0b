//! The reverse pass: cotangents of the backward differences, carried from step to step, last to first.

use super::super::equations::{add_scaled, is_zero};
use super::super::linear::Linear;
use super::path::{DIFFERENCES, StepView};
use crate::saves::{SavedStates, saves_in_step};
use slopefield_kernel::{Cotangent, Point};
use slopefield_solve::bdf::{ALPHA, GAMMA, respacing, weights_within};
use slopefield_solve::{Consistency, ConsistentSums, Ivp, Settings, SolveError, Stats};

/// See the module.
pub(super) struct Sweep {
    /// Cotangents of the differences at the end of the step to be reversed.
    rows: Vec<f64>,
    /// That of the unknown of the step, and what the solved equations make of it.
    unknown: Vec<f64>,
    back: Vec<f64>,
    /// The consistent state where the method begins, and the slope there.
    state: Vec<f64>,
    slope: Vec<f64>,
    /// Gradient by the entries of the mass matrix.
    by_mass: Vec<f64>,
    linear: Linear,
    consistency: Consistency<f64>,
    scratch: Vec<f64>,
    /// Save times below this index are still to come.
    saves_end: usize,
    pub products: u64,
}

impl Sweep {
    pub fn new() -> Self {
        let mut consistency = Consistency::default();
        consistency.freeze();
        Sweep {
            rows: Vec::new(),
            unknown: Vec::new(),
            back: Vec::new(),
            state: Vec::new(),
            slope: Vec::new(),
            by_mass: Vec::new(),
            linear: Linear::new(),
            consistency,
            scratch: Vec::new(),
            saves_end: 0,
            products: 0,
        }
    }

    pub fn begin(&mut self, ivp: &Ivp<'_>, saves: usize) -> Result<(), SolveError> {
        let n = ivp.u0.len();
        self.linear.prepare(ivp)?;
        for (vector, len) in [
            (&mut self.rows, DIFFERENCES * n),
            (&mut self.unknown, n),
            (&mut self.back, n),
            (&mut self.state, n),
            (&mut self.slope, n),
            (&mut self.by_mass, self.linear.mass_entries()),
            (&mut self.scratch, ivp.rhs.scratch_len()),
        ] {
            vector.clear();
            vector.resize(len, 0.0);
        }
        self.saves_end = saves;
        self.products = 0;
        Ok(())
    }

    pub fn reverse_step(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        step: &StepView<'_>,
        saves: &[f64],
        saved: &SavedStates,
        grad_p: &mut [f64],
    ) -> Result<(), SolveError> {
        let n = ivp.u0.len();
        let k = usize::from(step.info.order);
        let inside = saves_in_step(saves, self.saves_end, step.info.t_prev, ivp.direction());
        self.saves_end = inside.start;
        for row in inside {
            let w = saved.row_by_state(row, n);
            // Across the gap at a jump of an input the state stays.
            let s = if k == 0 { 0.0 } else { (saves[row] - step.info.t) / step.info.h() };
            for (rows, weight) in self.rows.chunks_exact_mut(n).zip(weights_within(k, s)) {
                add_scaled(rows, weight, w);
            }
        }
        if k == 0 {
            return Ok(());
        }
        self.through_equations(ivp, step, grad_p)?;
        self.through_spacings(step, n);
        if step.first {
            for row in 0..std::mem::take(&mut self.saves_end) {
                add_scaled(&mut self.rows[..n], 1.0, saved.row_by_state(row, n));
            }
        }
        if step.info.begins {
            self.through_beginning(ivp, settings, step, grad_p)?;
        }
        match self.rows[..n].iter().position(|v| !v.is_finite()) {
            Some(state) if saved.by_state.iter().all(|w| w.is_finite()) => {
                let (t, u) = (step.info.t_prev, step.start.to_vec());
                Err(SolveError::NonFinite { t, state, u })
            }
            _ => Ok(()),
        }
    }

    /// From the differences at the end of a step to those that it began with, at its own spacing.
    fn through_equations(
        &mut self,
        ivp: &Ivp<'_>,
        step: &StepView<'_>,
        grad_p: &mut [f64],
    ) -> Result<(), SolveError> {
        let n = ivp.u0.len();
        let k = usize::from(step.info.order);
        // ∇^j of the end is d + Σ_{i ≥ j} ∇^i of the beginning, and d itself for j = k + 1.
        self.unknown.fill(0.0);
        for row in self.rows[..(k + 2) * n].chunks_exact(n) {
            add_scaled(&mut self.unknown, 1.0, row);
        }
        for i in 1..=k {
            let (before, own) = self.rows.split_at_mut(i * n);
            add_scaled(&mut own[..n], 1.0, &before[(i - 1) * n..]);
        }
        self.rows[(k + 1) * n..].fill(0.0);
        if is_zero(&self.unknown) {
            return Ok(());
        }
        // M (ψ + d) = c f(t, u⁰ + d).
        let c = step.info.h() / ALPHA[k];
        self.linear.factor(ivp, step.info.t, step.end, (1.0, c))?;
        self.linear.matrix.solve_transposed(&mut self.unknown);
        if !self.by_mass.is_empty() {
            self.linear.mass.add_outer(-1.0, &self.unknown, step.under_mass, &mut self.by_mass);
        }
        self.back.fill(0.0);
        self.linear.mass.add_transposed(-1.0 / ALPHA[k], &self.unknown, &mut self.back);
        for (row, gamma) in self.rows[n..(k + 1) * n].chunks_exact_mut(n).zip(&GAMMA[1..]) {
            add_scaled(row, *gamma, &self.back);
        }
        self.unknown.iter_mut().for_each(|v| *v *= c);
        self.back.fill(0.0);
        let at = (step.info.t, step.end);
        self.linear.pull_back(ivp, at, &self.unknown, &mut self.back, grad_p);
        for row in self.rows[..(k + 1) * n].chunks_exact_mut(n) {
            add_scaled(row, 1.0, &self.back);
        }
        self.products += 1;
        Ok(())
    }

    /// From the differences at the spacing of a step to those at that of the step before.
    fn through_spacings(&mut self, step: &StepView<'_>, n: usize) {
        let mut changes = [None; 4];
        let mut spacing = step.spacing;
        for (change, (order, h)) in changes.iter_mut().zip(step.info.respacings()) {
            *change = respacing(order, spacing, h).map(|by| (order, by));
            if change.is_some() {
                spacing = h;
            }
        }
        for (order, by) in changes.into_iter().rev().flatten() {
            for i in 0..n {
                let mut old = [0.0; DIFFERENCES];
                for (old, by) in old.iter_mut().zip(by).take(order + 1).skip(1) {
                    *old = (1..=order).map(|j| by[j] * self.rows[j * n + i]).sum();
                }
                for (l, old) in old.into_iter().enumerate().take(order + 1).skip(1) {
                    self.rows[l * n + i] = old;
                }
            }
        }
    }

    /// From state and slope where the method begins to the state that it was given.
    fn through_beginning(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        step: &StepView<'_>,
        grad_p: &mut [f64],
    ) -> Result<(), SolveError> {
        let (n, t) = (ivp.u0.len(), step.info.t_prev);
        let (lambda, rest) = self.rows.split_at_mut(n);
        let by_slope = &mut rest[..n];
        by_slope.iter_mut().for_each(|x| *x *= step.info.h());
        if ivp.rhs.structure().mass.is_some() {
            let (consistency, state, slope) =
                (&mut self.consistency, &mut self.state, &mut self.slope);
            state.copy_from_slice(step.start);
            consistency.configure(ivp, settings);
            consistency.establish(ivp, t, state, slope, &mut Stats::default())?;
            consistency.linearise(ivp, t, state)?;
            let sums = ConsistentSums {
                state: lambda,
                slope: by_slope,
                p: grad_p,
                mass: &mut self.by_mass,
                t: &mut 0.0,
            };
            consistency.reverse(ivp, t, (step.start, state, slope), sums)?;
        } else if !is_zero(by_slope) {
            let at = Point { t, u: step.start, p: ivp.p };
            let grad = Cotangent { t: &mut 0.0, u: lambda, p: grad_p };
            ivp.rhs.vjp(at, by_slope, grad, &mut self.scratch);
            self.products += 1;
        }
        rest.fill(0.0);
        Ok(())
    }

    /// Writes the gradient by the initial state, and adds that by the mass matrix.
    pub fn finish(
        &mut self,
        saved: &SavedStates,
        n: usize,
        grad_u0: &mut [f64],
        grad_p: &mut [f64],
    ) {
        grad_u0.copy_from_slice(&self.rows[..n]);
        // Where there is no step, all saves are the state given.
        for row in 0..self.saves_end {
            add_scaled(grad_u0, 1.0, saved.row_by_state(row, n));
        }
        self.linear.add_mass_gradient(&self.by_mass, grad_p);
    }
}
