//! Explicit Runge–Kutta methods as one-step methods.

use super::{Stages, Tableau};
use crate::initial::initial_step;
use crate::unsupported::refuse_all_but_explicit;
use crate::{
    Adaptive, Attempt, ErrorNorm, Ivp, OneStep, PiController, Real, Settings, SolveError, Stats,
};

/// Adaptive explicit Runge–Kutta method, defined by its table.
pub type ExplicitRungeKutta<T = f64> = Adaptive<Stages<T>, T>;

impl<T: Real> ExplicitRungeKutta<T> {
    /// The method of `tableau` with the controller constants published for its order.
    pub fn new(tableau: &'static Tableau) -> Self {
        Self::with_controller(tableau, PiController::for_error_order(tableau.error_order()))
    }

    /// The method of `tableau` with another controller.
    pub fn with_controller(tableau: &'static Tableau, controller: PiController) -> Self {
        Adaptive::with(Stages::new(tableau), controller)
    }

    /// Writes down what reversing its evaluations needs, where the kernel offers that: the steps
    /// and their numbers are the same, a solve takes a little longer and its reversal much less.
    #[must_use]
    pub fn recording(mut self) -> Self {
        self.parts().0.record();
        self
    }

    /// Takes over what the steps of the last solve have written down, in exchange for room for the
    /// next solve: a row for each stage of each step, first to last, of
    /// [`Stages::record_len`] elements each. The last stage of a first-same-as-last method is the
    /// first of the next step.
    pub fn exchange_records(&mut self, rows: &mut Vec<T>) {
        self.parts().0.exchange_records(rows);
    }
}

impl<T: Real> OneStep<T> for Stages<T> {
    fn error_order(&self) -> u32 {
        self.tableau().error_order()
    }

    fn begin(
        &mut self,
        ivp: &Ivp<'_, T>,
        _: &Settings,
        t: f64,
        u: &[T],
        counts: &mut Stats,
    ) -> Result<(), SolveError> {
        refuse_all_but_explicit(ivp, self.tableau().id)?;
        Stages::begin(self, ivp, t, u);
        self.ask_for_whole_steps(ivp);
        counts.rhs += 1;
        match self.slope(0).iter().position(|v| !v.finite()) {
            Some(state) => Err(SolveError::non_finite(t, state, u)),
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
        counts.rhs += 1;
        let q = self.tableau().error_order();
        initial_step(ivp, norm, self, q, h_max)
    }

    fn attempt(
        &mut self,
        ivp: &Ivp<'_, T>,
        span: (f64, f64),
        from_end: bool,
        norm: &ErrorNorm,
        counts: &mut Stats,
    ) -> Attempt {
        let (evaluations, squared_error) = self.measured_attempt(ivp, span, from_end, norm);
        counts.rhs += evaluations;
        Attempt::Measured(squared_error)
    }

    fn beginning(&self) -> &[T] {
        self.state(0)
    }

    fn end(&self) -> &[T] {
        Stages::end(self)
    }

    fn prepare_dense(&mut self, ivp: &Ivp<'_, T>, counts: &mut Stats) {
        counts.rhs += Stages::prepare_dense(self, ivp);
    }

    fn interpolate(&mut self, t: f64, out: &mut [T]) -> Result<(), SolveError> {
        Stages::interpolate(self, t, out)
    }

    fn interpolate_slope(&mut self, t: f64, out: &mut [T]) -> bool {
        Stages::interpolate_slope(self, t, out);
        true
    }

    fn dense_degree(&self) -> usize {
        let table = self.tableau();
        let extra = table.extra.dense.iter().map(|row| row.len()).max().unwrap_or(0);
        table.dense_degree().max(extra)
    }

    fn first_non_finite(&self) -> Option<usize> {
        Stages::first_non_finite(self)
    }

    fn stages(&self) -> Option<&Stages<T>> {
        Some(self)
    }

    fn stop_recording(&mut self) {
        Stages::stop_recording(self);
    }
}
