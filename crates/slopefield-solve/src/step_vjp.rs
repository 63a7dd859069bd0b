//! Steppers that differentiate their own steps.

use crate::{Ivp, Settings, SolveError};

/// What a stepper offers whose steps depend on nothing but their beginning, their times and the
/// parameters, and which can reverse them by itself: it writes down what the reverse needs right
/// after each step, and reverses steps in any order once the solve is over. Times count as constants.
pub trait StepVjp {
    /// How many numbers the reverse of a step needs besides the states at its ends; asked after
    /// [`crate::Stepper::start`].
    ///
    /// # Errors
    /// Those of the stepper.
    fn record_len(&mut self) -> Result<usize, SolveError>;

    /// Writes these numbers for the last accepted step.
    ///
    /// # Errors
    /// Those of the stepper.
    fn record(&mut self, out: &mut [f64]) -> Result<(), SolveError>;

    /// Whether it takes steps of the past again, so that what they left need not be kept.
    fn redoes(&self) -> bool {
        false
    }

    /// Takes the step of the past over `span` again, which began at `start`, once the solve is over, and
    /// writes the state at its end, which has the bits it had; [`StepVjp::record`] then writes what it
    /// wrote after it. Returns the number of evaluations that this took.
    ///
    /// # Errors
    /// Those of the stepper; [`SolveError::Invalid`] where it does not take steps again.
    fn redo(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        span: (f64, f64),
        start: &[f64],
        end: &mut [f64],
    ) -> Result<u64, SolveError> {
        let _ = (ivp, settings, span, start, end);
        Err(SolveError::Invalid("the solver does not take its steps again".into()))
    }

    /// Reverses a step: turns `by_state` from the derivative of a function by the state at the
    /// step's end into that by the state at its beginning, with what the weights within the step
    /// add, and *adds* its derivative by the parameters to `by_params`. Returns the number of
    /// evaluations and products that this took.
    ///
    /// # Errors
    /// Those of the stepper, and [`SolveError::NonFinite`] where a derivative is not finite.
    fn reverse(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        step: &TakenStep<'_>,
        by_state: &mut [f64],
        by_params: &mut [f64],
    ) -> Result<u64, SolveError>;
}

/// A step of the past.
#[derive(Debug, Clone, Copy)]
pub struct TakenStep<'a> {
    /// Where it began.
    pub t_prev: f64,
    /// Where it ended.
    pub t: f64,
    /// State at its beginning.
    pub start: &'a [f64],
    /// State at its end.
    pub end: &'a [f64],
    /// What [`StepVjp::record`] wrote.
    pub record: &'a [f64],
    /// Times between beginning and end at which the solution was read,
    pub inside: &'a [f64],
    /// and the derivatives by the states there, row by row.
    pub weights: &'a [f64],
}
