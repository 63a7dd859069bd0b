//! Rosenbrock methods as one-step methods.

use super::{RosenbrockStages, RosenbrockTable};
use crate::implicit::{Beginning, first_length};
use crate::unsupported::refuse_unsupported;
use crate::{
    Adaptive, Attempt, ErrorNorm, Failure, Ivp, OneStep, PiController, Real, Settings, SolveError,
    Stats, StepUnknowns,
};

/// Adaptive Rosenbrock method, defined by its table.
pub type Rosenbrock<T = f64> = Adaptive<RosenbrockStages<T>, T>;

/// A step whose matrix is singular is tried again at this part of its length.
const AFTER_SINGULAR: f64 = 0.4;

impl<T: Real> Rosenbrock<T> {
    /// The method of `table` with the predictive controller; steps grow by at most 6 and shrink by
    /// at most 5 at once (program RODAS of Hairer and Wanner).
    pub fn new(table: &'static RosenbrockTable) -> Self {
        let mut controller = PiController::predictive(table.error_order());
        controller.max_factor = 6.0;
        Adaptive::with(RosenbrockStages::new(table), controller)
    }
}

impl<T: Real> OneStep<T> for RosenbrockStages<T> {
    fn error_order(&self) -> u32 {
        self.table.error_order()
    }

    fn begin(
        &mut self,
        ivp: &Ivp<'_, T>,
        settings: &Settings,
        t: f64,
        u: &[T],
        counts: &mut Stats,
    ) -> Result<(), SolveError> {
        refuse_unsupported(ivp, self.table.id)?;
        self.resize(u.len());
        self.start.copy_from_slice(u);
        self.t = t;
        self.t_new = t;
        self.dense_is_ready = false;
        self.consistency.configure(ivp, settings);
        self.consistency.establish(ivp, t, &mut self.start, &mut self.sum, counts)?;
        self.linearisation.prepare(ivp, t, &self.start);
        self.linearisation.evaluate(ivp, t, &self.start, counts);
        match self.linearisation.first_non_finite() {
            Some(state) => Err(SolveError::non_finite(t, state, &self.start)),
            None => Ok(()),
        }
    }

    fn first_length(
        &mut self,
        ivp: &Ivp<'_, T>,
        norm: &ErrorNorm,
        h_max: f64,
        counts: &mut Stats,
    ) -> f64 {
        let from = Beginning { t: self.t, u: &self.start, slope: &self.sum };
        let rule = (self.table.error_order(), h_max);
        let work = (&mut self.end[..], &mut self.increments[..self.n]);
        first_length(ivp, norm, &mut self.consistency, &from, rule, work, counts)
    }

    fn attempt(
        &mut self,
        ivp: &Ivp<'_, T>,
        span: (f64, f64),
        from_end: bool,
        norm: &ErrorNorm,
        counts: &mut Stats,
    ) -> Attempt {
        if from_end {
            std::mem::swap(&mut self.start, &mut self.end);
            self.linearisation.evaluate(ivp, span.0, &self.start, counts);
        }
        if self.attempt_stages(ivp, span, counts) {
            if self.frozen {
                return Attempt::Measured(0.0);
            }
            return Attempt::Measured(self.squared_error(norm));
        }
        if self.linearisation.first_non_finite().is_some() {
            return Attempt::Measured(f64::NAN);
        }
        Attempt::Failed { factor: AFTER_SINGULAR, reason: Failure::Singular }
    }

    fn freeze(&mut self) {
        self.frozen = true;
        self.consistency.freeze();
    }

    fn resume(
        &mut self,
        ivp: &Ivp<'_, T>,
        _: &Settings,
        t: f64,
        (u, _): (&[T], &[T]),
        counts: &mut Stats,
    ) -> Result<(), SolveError> {
        self.start.copy_from_slice(u);
        self.t = t;
        self.t_new = t;
        self.dense_is_ready = false;
        self.linearisation.evaluate(ivp, t, &self.start, counts);
        Ok(())
    }

    fn unknowns(&self) -> Option<StepUnknowns<'_, T>> {
        let (method, start, rows) = (self.table.id, &self.start, &self.increments);
        Some(StepUnknowns { method, start, slope: &[], rows })
    }

    fn beginning(&self) -> &[T] {
        &self.start
    }

    fn end(&self) -> &[T] {
        &self.end
    }

    fn interpolate(&mut self, t: f64, out: &mut [T]) -> Result<(), SolveError> {
        self.solution_at(t, out)
    }

    fn dense_degree(&self) -> usize {
        self.table.dense.len() + 1
    }

    fn first_non_finite(&self) -> Option<usize> {
        let first = |values: &[T]| values.iter().position(|v| !v.finite());
        self.linearisation.first_non_finite().or_else(|| first(&self.end)).or_else(|| {
            let rows = self.increments.chunks_exact(self.n.max(1));
            rows.filter_map(first).next()
        })
    }
}
