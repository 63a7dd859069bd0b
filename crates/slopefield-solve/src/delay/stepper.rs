//! The method of steps as a stepper.

use super::steps::MethodOfSteps;
use crate::{
    Adaptive, Ivp, OneStep, PiController, Real, Settings, SolveError, Stats, Step, Stepper,
};

/// Solves delay equations with the one-step method `M`.
pub struct DelayStepper<M, T: Real = f64> {
    steps: Adaptive<MethodOfSteps<M, T>, T>,
}

impl<T: Real, M: OneStep<T>> DelayStepper<M, T> {
    /// The method of steps over `method`.
    pub fn new(method: M) -> Self {
        let controller = PiController::for_error_order(method.error_order());
        Self::with_controller(method, controller)
    }

    /// The method of steps over `method`, with another controller of steps.
    pub fn with_controller(method: M, controller: PiController) -> Self {
        DelayStepper { steps: Adaptive::with(MethodOfSteps::new(method), controller) }
    }
}

impl<T: Real, M: OneStep<T>> Stepper<T> for DelayStepper<M, T> {
    fn start(&mut self, ivp: &Ivp<'_, T>, settings: &Settings) -> Result<(), SolveError> {
        self.steps.start(ivp, settings)
    }

    fn restart(&mut self, ivp: &Ivp<'_, T>, settings: &Settings) -> Result<(), SolveError> {
        self.steps.restart(ivp, settings)
    }

    fn step(
        &mut self,
        ivp: &Ivp<'_, T>,
        settings: &Settings,
        t_limit: f64,
    ) -> Result<Step, SolveError> {
        self.steps.step(ivp, settings, t_limit).map_err(|error| {
            let bad_lag = self.steps.method().bad_lag();
            match (error, bad_lag) {
                (
                    SolveError::NonFinite { .. }
                    | SolveError::StepTooSmall { .. }
                    | SolveError::NotConverged { .. },
                    Some((t, lag, value)),
                ) => SolveError::BadLag { t, lag, value },
                (error, _) => error,
            }
        })
    }

    fn begins_again_at_breaks(&self) -> bool {
        false
    }

    fn state(&self) -> &[T] {
        self.steps.state()
    }

    fn prepare_dense(&mut self, ivp: &Ivp<'_, T>) {
        self.steps.prepare_dense(ivp);
    }

    fn interpolate(&mut self, t: f64, out: &mut [T]) -> Result<(), SolveError> {
        self.steps.interpolate(t, out)
    }

    fn delayed(&mut self, ivp: &Ivp<'_, T>, t: f64, out: &mut [T]) -> Result<(), SolveError> {
        let (method, stats) = self.steps.parts();
        method.delayed(ivp, t, out, stats)
    }

    fn stats(&self) -> Stats {
        self.steps.stats()
    }

    fn coupled_lags(&self) -> &[bool] {
        &self.steps.method().lags.coupled
    }
}
