//! A step that an event cuts short, as observers see it.

use crate::switching::SwitchReport;
use crate::{Ivp, Real, Settings, SolveError, Stats, Step, Stepper};

/// The part of the last step of a stepper up to an event.
pub(crate) struct Cut<'a, T: Real> {
    /// Has the whole step.
    pub(crate) whole: &'a mut dyn Stepper<T>,
    /// State at the end of the part, before the event.
    pub(crate) state: &'a [T],
}

impl<T: Real> Cut<'_, T> {
    fn only_looked_at(&self) -> SolveError {
        SolveError::Invalid("an observer cannot advance the solution that it watches".into())
    }
}

impl<T: Real> Stepper<T> for Cut<'_, T> {
    fn start(&mut self, _: &Ivp<'_, T>, _: &Settings) -> Result<(), SolveError> {
        Err(self.only_looked_at())
    }

    fn step(&mut self, _: &Ivp<'_, T>, _: &Settings, _: f64) -> Result<Step, SolveError> {
        Err(self.only_looked_at())
    }

    fn state(&self) -> &[T] {
        self.state
    }

    fn prepare_dense(&mut self, ivp: &Ivp<'_, T>) {
        self.whole.prepare_dense(ivp);
    }

    fn interpolate(&mut self, t: f64, out: &mut [T]) -> Result<(), SolveError> {
        self.whole.interpolate(t, out)
    }

    fn dense_degree(&self) -> usize {
        self.whole.dense_degree()
    }

    fn delayed(&mut self, ivp: &Ivp<'_, T>, t: f64, out: &mut [T]) -> Result<(), SolveError> {
        self.whole.delayed(ivp, t, out)
    }

    fn stats(&self) -> Stats {
        self.whole.stats()
    }

    fn coupled_lags(&self) -> &[bool] {
        self.whole.coupled_lags()
    }

    fn switches(&self) -> Option<&SwitchReport> {
        self.whole.switches()
    }
    // No stages: those of the whole step are not those of a step to here.
}
