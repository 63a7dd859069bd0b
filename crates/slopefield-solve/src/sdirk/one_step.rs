//! Diagonally implicit Runge–Kutta methods as one-step methods.

use super::DiagonallyImplicit;
use crate::implicit::{
    Beginning, KEEP_JACOBIAN, Reach, effort, first_length, worth_a_factorisation,
};
use crate::unsupported::refuse_unsupported;
use crate::{Attempt, ErrorNorm, Ivp, OneStep, Real, Settings, SolveError, Stats, StepUnknowns};

impl<T: Real> OneStep<T> for DiagonallyImplicit<T> {
    fn error_order(&self) -> u32 {
        self.tableau.error_order
    }

    fn begin(
        &mut self,
        ivp: &Ivp<'_, T>,
        settings: &Settings,
        t: f64,
        u: &[T],
        counts: &mut Stats,
    ) -> Result<(), SolveError> {
        refuse_unsupported(ivp, self.tableau.name)?;
        let parts = self.parts(ivp)?;
        self.resize(ivp, parts);
        self.t = t;
        self.t_new = t;
        self.start.copy_from_slice(u);
        self.factored = None;
        self.not_finite = None;
        self.convergence.reset();
        self.reach = Reach::new();
        self.consistency.configure(ivp, settings);
        match parts.rest {
            None => {
                self.consistency.establish(ivp, t, &mut self.start, &mut self.slope, counts)?;
            }
            Some(rest) => {
                counts.rhs += 2;
                let (time, p) = (T::of(t), ivp.p);
                parts.stiff.eval(time, u, p, &mut self.slope, &mut self.scratch);
                rest.eval(time, u, p, &mut self.rest_slope, &mut self.scratch);
                let slopes = self.slope.iter().zip(&self.rest_slope);
                if let Some(state) = slopes.map(|(a, b)| *a + *b).position(|v| !v.finite()) {
                    return Err(SolveError::non_finite(t, state, u));
                }
            }
        }
        self.linearisation.begin(parts.stiff, t, &self.start, ivp.p);
        self.matrix.prepare(self.linearisation.jacobian(), self.linearisation.mass());
        Ok(())
    }

    fn first_length(
        &mut self,
        ivp: &Ivp<'_, T>,
        norm: &ErrorNorm,
        h_max: f64,
        counts: &mut Stats,
    ) -> f64 {
        // The end is not needed yet.
        let (t, order) = (self.t, self.tableau.error_order);
        let mut slope = std::mem::take(&mut self.end);
        slope.copy_from_slice(&self.slope);
        for (slope, rest) in slope.iter_mut().zip(&self.rest_slope) {
            *slope += *rest;
        }
        let start = std::mem::take(&mut self.start);
        let (trial, change, consistency) = self.work_space();
        let from = Beginning { t, u: &start, slope: &slope };
        let length =
            first_length(ivp, norm, consistency, &from, (order, h_max), (trial, change), counts);
        self.end = slope;
        self.start = start;
        length
    }

    fn attempt(
        &mut self,
        ivp: &Ivp<'_, T>,
        span: (f64, f64),
        from_end: bool,
        norm: &ErrorNorm,
        counts: &mut Stats,
    ) -> Attempt {
        self.solve_step(ivp, span, from_end, norm, counts)
    }

    fn freeze(&mut self) {
        self.frozen = true;
        self.consistency.freeze();
    }

    fn guess(&mut self, rows: &[T]) {
        self.given.clear();
        self.given.extend_from_slice(rows);
    }

    fn resume(
        &mut self,
        ivp: &Ivp<'_, T>,
        settings: &Settings,
        t: f64,
        (u, slope): (&[T], &[T]),
        counts: &mut Stats,
    ) -> Result<(), SolveError> {
        if self.parts(ivp)?.rest.is_some() {
            return self.begin(ivp, settings, t, u, counts);
        }
        self.t = t;
        self.t_new = t;
        self.start.copy_from_slice(u);
        self.slope.copy_from_slice(slope);
        self.linearisation.leave();
        Ok(())
    }

    fn unknowns(&self) -> Option<StepUnknowns<'_, T>> {
        if !self.rest.is_empty() {
            return None;
        }
        let (method, start, rows) = (self.tableau.id, &self.start, &self.increments);
        Some(StepUnknowns { method, start, slope: &self.slope, rows })
    }

    fn beginning(&self) -> &[T] {
        &self.start
    }

    fn end(&self) -> &[T] {
        &self.end
    }

    fn interpolate(&mut self, t: f64, out: &mut [T]) -> Result<(), SolveError> {
        self.interpolated(t, out)
    }

    fn dense_degree(&self) -> usize {
        self.tableau.dense.iter().map(|row| row.len()).max().unwrap_or(1)
    }

    fn first_non_finite(&self) -> Option<usize> {
        self.not_finite.or_else(|| self.end.iter().position(|v| !v.finite()))
    }

    fn preferred(&self, factor: f64) -> f64 {
        let keeps_matrix = self.convergence.slowest_rate() <= KEEP_JACOBIAN;
        let factor = factor * effort(self.most_iterations, self.convergence.limit());
        let factor = factor.min(self.reach.most(self.t_new - self.t));
        worth_a_factorisation(factor, keeps_matrix)
    }
}
