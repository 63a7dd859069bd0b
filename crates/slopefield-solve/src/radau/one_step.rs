//! The Radau IIA method as a one-step method.

use super::Radau;
use super::stages::ERROR_ORDER;
use crate::implicit::{
    Beginning, KEEP_JACOBIAN, Reach, effort, first_length, worth_a_factorisation,
};
use crate::unsupported::refuse_unsupported;
use crate::{Attempt, ErrorNorm, Ivp, OneStep, Real, Settings, SolveError, Stats, StepUnknowns};

impl<T: Real> OneStep<T> for Radau<T> {
    fn error_order(&self) -> u32 {
        ERROR_ORDER
    }

    fn begin(
        &mut self,
        ivp: &Ivp<'_, T>,
        settings: &Settings,
        t: f64,
        u: &[T],
        counts: &mut Stats,
    ) -> Result<(), SolveError> {
        refuse_unsupported(ivp, "the method radau")?;
        self.resize(ivp);
        self.t = t;
        self.t_new = t;
        self.start.copy_from_slice(u);
        self.factored = None;
        self.not_finite = None;
        self.length_before = 0.0;
        self.convergence.reset();
        self.reach = Reach::new();
        self.consistency.configure(ivp, settings);
        self.consistency.establish(ivp, t, &mut self.start, &mut self.slope, counts)?;
        if ivp.rhs.structure().mass.is_none() {
            self.value.copy_from_slice(&self.slope);
        } else {
            counts.rhs += 1;
            ivp.rhs.eval(T::of(t), &self.start, ivp.p, &mut self.value, &mut self.scratch);
        }
        self.linearisation.begin(ivp.rhs, t, &self.start, ivp.p);
        self.real.prepare(self.linearisation.jacobian(), self.linearisation.mass());
        self.complex.prepare(self.linearisation.jacobian(), self.linearisation.mass());
        Ok(())
    }

    fn first_length(
        &mut self,
        ivp: &Ivp<'_, T>,
        norm: &ErrorNorm,
        h_max: f64,
        counts: &mut Stats,
    ) -> f64 {
        let from = Beginning { t: self.t, u: &self.start, slope: &self.slope };
        let work = (&mut self.trial[..], &mut self.work[..]);
        let rule = (ERROR_ORDER, h_max);
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
        _: &Settings,
        t: f64,
        (u, _): (&[T], &[T]),
        counts: &mut Stats,
    ) -> Result<(), SolveError> {
        self.t = t;
        self.t_new = t;
        self.start.copy_from_slice(u);
        self.length_before = 0.0;
        self.linearisation.leave();
        counts.rhs += 1;
        ivp.rhs.eval(T::of(t), u, ivp.p, &mut self.value, &mut self.scratch);
        Ok(())
    }

    fn unknowns(&self) -> Option<StepUnknowns<'_, T>> {
        let (start, rows) = (&self.start, &self.stages);
        Some(StepUnknowns { method: "radau", start, slope: &[], rows })
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
        3
    }

    fn first_non_finite(&self) -> Option<usize> {
        self.not_finite.or_else(|| self.end.iter().position(|v| !v.finite()))
    }

    fn preferred(&self, factor: f64) -> f64 {
        let keeps_matrices = self.convergence.slowest_rate() <= KEEP_JACOBIAN;
        let factor = factor * effort(self.iterations, self.convergence.limit());
        let factor = factor.min(self.reach.most(self.t_new - self.t));
        worth_a_factorisation(factor, keeps_matrices)
    }
}
