//! What is noted while a trajectory is computed: delayed values at the save times, and events.

use super::{EventMark, LISTED_EVENTS};
use slopefield_solve::{DelayedRows, Happening, Ivp, SolveError, Step, StepObserver, Stepper};

pub(super) struct Watch<'a> {
    /// Delayed values of a system with delays.
    pub(super) delayed: DelayedRows<'a>,
    pub(super) events: Vec<EventMark>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(ivp: Ivp<'a>, saves: &'a [f64], width: usize) -> Self {
        Watch { delayed: DelayedRows::new(ivp, saves, width), events: Vec::new() }
    }
}

impl StepObserver for Watch<'_> {
    fn accepted(&mut self, step: &Step, solution: &mut dyn Stepper) -> Result<(), SolveError> {
        self.delayed.accepted(step, solution)
    }

    fn interpolates(&self) -> bool {
        self.delayed.interpolates()
    }

    fn happened(&mut self, happening: &Happening<'_, f64>) -> Result<(), SolveError> {
        if self.events.len() < LISTED_EVENTS {
            let (t, event) = (happening.t, happening.event);
            self.events.push(EventMark { t, event, stop: false });
        }
        Ok(())
    }
}
