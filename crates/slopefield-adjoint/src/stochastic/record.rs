//! The accepted steps of a path: all times, and as many states as memory allows.

use super::frozen::step_again;
use slopefield_solve::{Ivp, Settings, SolveError, Step, StepObserver, Stepper};

/// Times of the steps, and the states at the beginning of every so many; those between are made
/// again, bit for bit, from the one before.
pub(super) struct Record {
    /// The start, then the ends of the steps.
    times: Vec<f64>,
    /// States at the beginnings of steps `0`, `every`, `2 every`, …
    kept: Vec<f64>,
    every: usize,
    n: usize,
    budget: u64,
    /// States at the beginnings of the steps from `first` on, and at the end of the last.
    segment: Vec<f64>,
    /// First step of the segment; none yet.
    first: Option<usize>,
    settings: Settings,
}

impl Default for Record {
    fn default() -> Self {
        Record {
            times: Vec::new(),
            kept: Vec::new(),
            every: 1,
            n: 0,
            budget: crate::DEFAULT_MEMORY,
            segment: Vec::new(),
            first: None,
            settings: Settings::default(),
        }
    }
}

impl StepObserver for Record {
    fn accepted(&mut self, step: &Step, solution: &mut dyn Stepper) -> Result<(), SolveError> {
        self.times.push(step.t);
        if self.steps().is_multiple_of(self.every) {
            self.kept.extend_from_slice(solution.state());
            let count = self.kept.len() / self.n;
            // A segment of more states than are kept would gain nothing.
            if 8 * self.kept.len() as u64 > self.budget && count > self.every {
                self.thin(count);
            }
        }
        Ok(())
    }

    fn interpolates(&self) -> bool {
        false
    }
}

impl Record {
    /// Keeps states below `bytes`, where that is possible: about the root of the number of steps
    /// is needed.
    pub(super) fn set_budget(&mut self, bytes: u64) {
        self.budget = bytes;
    }

    /// Forgets the steps and begins at the start of a problem.
    pub(super) fn begin(&mut self, ivp: &Ivp<'_>, settings: &Settings) {
        self.n = ivp.u0.len();
        self.times.clear();
        self.times.push(ivp.t0);
        self.kept.clear();
        self.kept.extend_from_slice(ivp.u0);
        (self.every, self.first) = (1, None);
        (self.settings.seed, self.settings.path) = (settings.seed, settings.path);
    }

    /// Drops every other state.
    fn thin(&mut self, count: usize) {
        let n = self.n;
        for to in 1..count.div_ceil(2) {
            self.kept.copy_within(2 * to * n..(2 * to + 1) * n, to * n);
        }
        self.kept.truncate(count.div_ceil(2) * n);
        self.every *= 2;
    }

    /// Number of accepted steps.
    pub(super) fn steps(&self) -> usize {
        self.times.len() - 1
    }

    /// Start and end of a step.
    pub(super) fn times(&self, step: usize) -> (f64, f64) {
        (self.times[step], self.times[step + 1])
    }

    /// States at the beginning and at the end of a step, one after the other; made again by
    /// `stepper` where they were not kept.
    ///
    /// # Errors
    /// Those of steps taken again.
    pub(super) fn states(
        &mut self,
        stepper: &mut dyn Stepper,
        ivp: &Ivp<'_>,
        step: usize,
    ) -> Result<&[f64], SolveError> {
        let n = self.n;
        if self.every == 1 {
            return Ok(&self.kept[step * n..(step + 2) * n]);
        }
        let first = step - step % self.every;
        if self.first != Some(first) {
            self.first = None;
            self.segment.clear();
            let at = first / self.every * n;
            self.segment.extend_from_slice(&self.kept[at..at + n]);
            for step in first..(first + self.every).min(self.steps()) {
                let (t0, t1) = self.times(step);
                let u0 = &self.segment[self.segment.len() - n..];
                step_again(stepper, &Ivp { t0, t1, u0, ..*ivp }, &mut self.settings)?;
                self.segment.extend_from_slice(stepper.state());
            }
            self.first = Some(first);
        }
        let at = (step - first) * n;
        Ok(&self.segment[at..at + 2 * n])
    }

    /// Bytes in use.
    pub(super) fn bytes(&self) -> u64 {
        8 * (self.times.len() + self.kept.len() + self.segment.len()) as u64
    }
}
