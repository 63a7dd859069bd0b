//! What is noted while a trajectory is computed: delayed values at the save times, and events.

use super::{EventMark, LISTED_EVENTS};
use slopefield_solve::{Happening, Ivp, SolveError, Step, StepObserver, Stepper};

pub(super) struct Watch<'a> {
    ivp: Ivp<'a>,
    saves: &'a [f64],
    /// Delayed values of a system with delays.
    width: usize,
    /// Save times that have been passed.
    passed: usize,
    /// Delayed values at the save times, row by row.
    pub(super) delayed: Vec<f64>,
    pub(super) events: Vec<EventMark>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(ivp: Ivp<'a>, saves: &'a [f64], width: usize) -> Self {
        let delayed = vec![f64::NAN; saves.len() * width];
        Watch { ivp, saves, width, passed: 0, delayed, events: Vec::new() }
    }
}

impl StepObserver for Watch<'_> {
    fn accepted(&mut self, step: &Step, solution: &mut dyn Stepper) -> Result<(), SolveError> {
        if self.width == 0 {
            return Ok(());
        }
        let direction = self.ivp.direction();
        while let Some(&t) = self.saves.get(self.passed)
            && (step.t - t) * direction >= 0.0
        {
            let row = self.passed * self.width..(self.passed + 1) * self.width;
            solution.delayed(&self.ivp, t, &mut self.delayed[row])?;
            self.passed += 1;
        }
        Ok(())
    }

    fn interpolates(&self) -> bool {
        self.width > 0
    }

    fn happened(&mut self, happening: &Happening<'_, f64>) -> Result<(), SolveError> {
        if self.events.len() < LISTED_EVENTS {
            let (t, event) = (happening.t, happening.event);
            self.events.push(EventMark { t, event, stop: false });
        }
        Ok(())
    }
}
