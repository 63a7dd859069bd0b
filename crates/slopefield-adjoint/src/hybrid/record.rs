//! What a solve with events tells its observer, put down as it comes.

use slopefield_solve::{Happening, SolveError, Step, StepObserver, Stepper};

/// One thing that the solve did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Entry {
    /// A step; its state at `cut` and the lags coupled to the state are the next rows.
    Step {
        /// Where it began,
        begin: f64,
        /// where it ended as the method took it,
        end: f64,
        /// and how far the solution follows it.
        cut: f64,
    },
    /// An event, with the states before and after it.
    Event { t: f64, event: usize, round: u32 },
}

/// A solve, as observed.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub entries: Vec<Entry>,
    /// For each step the state at its cut; for each event the states before and after.
    pub states: Vec<f64>,
    /// For each step and lag, whether delayed values were coupled to the state.
    pub coupled: Vec<bool>,
    /// For each step, whether it is one of the implicit side, of methods that switch between two.
    pub implicit: Vec<bool>,
    /// Steps of that side so far.
    implicit_steps: u64,
    lags: usize,
    whole: Option<f64>,
}

impl Record {
    pub fn clear(&mut self, lags: usize) {
        self.entries.clear();
        self.states.clear();
        self.coupled.clear();
        self.implicit.clear();
        self.implicit_steps = 0;
        self.lags = lags;
        self.whole = None;
    }

    pub fn bytes(&self) -> usize {
        size_of::<Entry>() * self.entries.len()
            + 8 * self.states.len()
            + self.coupled.len()
            + self.implicit.len()
    }
}

impl StepObserver for Record {
    fn interpolates(&self) -> bool {
        false
    }

    fn cut(&mut self, whole: &Step) {
        self.whole = Some(whole.t);
    }

    fn accepted(&mut self, step: &Step, solution: &mut dyn Stepper) -> Result<(), SolveError> {
        let end = self.whole.take().unwrap_or(step.t);
        self.entries.push(Entry::Step { begin: step.t_prev, end, cut: step.t });
        self.states.extend_from_slice(solution.state());
        if let Some(report) = solution.switches() {
            self.implicit.push(report.implicit_steps > self.implicit_steps);
            self.implicit_steps = report.implicit_steps;
        }
        let coupled = solution.coupled_lags();
        self.coupled.extend((0..self.lags).map(|lag| coupled.get(lag).copied().unwrap_or(false)));
        Ok(())
    }

    fn happened(&mut self, happening: &Happening<'_, f64>) -> Result<(), SolveError> {
        let Happening { t, event, round, before, after } = *happening;
        self.entries.push(Entry::Event { t, event, round });
        self.states.extend_from_slice(before);
        self.states.extend_from_slice(after);
        Ok(())
    }
}
