//! The interface between the loop and a method: one accepted step at a time.

use crate::bdf::BackwardStep;
use crate::switching::SwitchReport;
use crate::{Ivp, Real, Settings, SolveError, Stages, Stats, StepUnknowns, StepVjp};

/// One accepted step, as a stepper reports it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Where it began.
    pub t_prev: f64,
    /// Where it ended; never past the limit given.
    pub t: f64,
    /// Attempts rejected on the way.
    pub rejected: u64,
}

/// Advances a solution one accepted step at a time. Instances are reused: `start` may be called
/// again with other values, and allocates nothing after the first time for the same size.
pub trait Stepper<T: Real = f64>: Send {
    /// Begins at `(t0, u0)` towards `t1`.
    fn start(&mut self, ivp: &Ivp<'_, T>, settings: &Settings) -> Result<(), SolveError>;
    /// Begins at `(t0, u0)` on the way of a solve, after an event at `t0` within or at the end of
    /// the last step: like `start`, but with what is worth keeping, such as the step length and the
    /// history of systems with delays. Counters begin at 0, as with `start`.
    fn restart(&mut self, ivp: &Ivp<'_, T>, settings: &Settings) -> Result<(), SolveError> {
        self.start(ivp, settings)
    }
    /// Takes one accepted step, never past `t_limit`.
    fn step(
        &mut self,
        ivp: &Ivp<'_, T>,
        settings: &Settings,
        t_limit: f64,
    ) -> Result<Step, SolveError>;
    /// Whether the next step must begin afresh where the system has a [`slopefield_kernel::Break`],
    /// because it would use what the method remembers of earlier steps. Methods that remember at most
    /// the slope at the end of the last step step over a jump instead, with a step from just before it
    /// to it.
    fn begins_again_at_breaks(&self) -> bool {
        true
    }
    /// State at the end of the last accepted step.
    fn state(&self) -> &[T];
    /// Evaluates what [`Stepper::interpolate`] needs and the step does not: some methods have
    /// stages for nothing but the solution within a step. Must be called before it, once or more
    /// often for a step; the loop does so before it interpolates, and before it shows the step to
    /// an observer that interpolates.
    fn prepare_dense(&mut self, ivp: &Ivp<'_, T>) {
        let _ = ivp;
    }
    /// Solution at `t` within the last accepted step, after [`Stepper::prepare_dense`].
    fn interpolate(&mut self, t: f64, out: &mut [T]) -> Result<(), SolveError>;
    /// Largest degree in time of the solution within the last accepted step, where that is a
    /// polynomial; otherwise the degree that represents it well.
    fn dense_degree(&self) -> usize {
        6
    }
    /// Delayed values at `t` within the last accepted step or before it, of systems with delays.
    fn delayed(&mut self, ivp: &Ivp<'_, T>, t: f64, out: &mut [T]) -> Result<(), SolveError> {
        let _ = (ivp, t);
        debug_assert!(out.is_empty(), "only methods for delays have delayed values");
        Ok(())
    }
    /// Counters since `start`.
    fn stats(&self) -> Stats;
    /// Stage states and slopes of the last accepted step, where the method is an explicit
    /// Runge–Kutta method; gradient methods that reverse the very steps need them.
    fn stages(&self) -> Option<&Stages<T>> {
        None
    }
    /// Forgets what evaluations have written down for their reverse products
    /// ([`crate::ExplicitRungeKutta::recording`]) and writes nothing more in this solve.
    fn stop_recording(&mut self) {}
    /// Unknowns of the stage equations of the last accepted step, where the method is an implicit
    /// one whose steps can be differentiated.
    fn unknowns(&self) -> Option<StepUnknowns<'_, T>> {
        None
    }
    /// How the last accepted step came about, where the method is backward differentiation.
    fn backward_step(&self) -> Option<BackwardStep> {
        None
    }
    /// Derivatives of its steps, where the stepper has them by itself.
    fn step_vjp(&mut self) -> Option<&mut dyn StepVjp> {
        None
    }
    /// For each lag of a system with delays, whether the last accepted step took the values behind it
    /// as the state plus a difference of the step's own dense output, as methods do with lags that
    /// are short against the step.
    fn coupled_lags(&self) -> &[bool] {
        &[]
    }
    /// What a method that switches between others has found since `start`.
    fn switches(&self) -> Option<&SwitchReport> {
        None
    }
}
