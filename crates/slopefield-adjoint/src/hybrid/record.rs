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

/// What a gradient that keeps a whole solve may hold, and what it takes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Room {
    /// Bytes allowed.
    pub budget: u64,
    /// Bytes of each step,
    pub step: usize,
    /// of each event,
    pub event: usize,
    /// and of each event for each step.
    pub pair: usize,
    /// Where the solve can be gone through part by part, what is kept of all of it: bytes of each step
    /// and of each event, and those that the smallest part takes.
    pub in_parts: Option<(usize, usize, usize)>,
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
    room: Room,
    /// Steps and events so far.
    pub steps: usize,
    pub events: usize,
    /// There is no room for a gradient: nothing is put down any more, and all is counted.
    full: bool,
}

impl Record {
    /// Bytes that a step of so many states and lags takes, and an event: arrays may have grown to
    /// twice what they hold.
    pub fn each(n: usize, lags: usize) -> (usize, usize) {
        let entry = size_of::<Entry>();
        (2 * (entry + 8 * n + lags + 1), 2 * (entry + 16 * n))
    }

    pub fn clear(&mut self, lags: usize, room: Room) {
        self.room = room;
        (self.steps, self.events, self.full) = (0, 0, false);
        self.entries.clear();
        self.states.clear();
        self.coupled.clear();
        self.implicit.clear();
        self.implicit_steps = 0;
        self.lags = lags;
        self.whole = None;
    }

    /// Bytes that the gradient takes with the whole solve at hand.
    fn whole(&self) -> u64 {
        let Room { step, event, pair, .. } = self.room;
        let (steps, events) = (self.steps as u64, self.events as u64);
        steps * step as u64 + events * event as u64 + steps * events * pair as u64
    }

    /// Bytes that are taken whatever the size of the parts that the solve is gone through in.
    fn kept(&self) -> u64 {
        let (step, event, _) = self.room.in_parts.unwrap_or_default();
        self.steps as u64 * step as u64 + self.events as u64 * event as u64
    }

    /// Bytes that the gradient takes at least.
    fn need(&self) -> u64 {
        let whole = self.whole();
        match self.room.in_parts {
            Some((_, _, smallest)) => whole.min(self.kept() + smallest as u64),
            None => whole,
        }
    }

    /// Whether the whole solve may be at hand; otherwise, how many bytes a part of it may take.
    pub fn part_room(&self) -> Option<u64> {
        (self.whole() > self.room.budget).then(|| self.room.budget.saturating_sub(self.kept()))
    }

    /// Makes room where there is too little for the gradient. Whether there is enough.
    fn fits(&mut self) -> bool {
        if !self.full && self.need() > self.room.budget {
            self.full = true;
            self.entries = Vec::new();
            self.states = Vec::new();
            self.coupled = Vec::new();
            self.implicit = Vec::new();
        }
        !self.full
    }

    /// Refuses a solve whose gradient takes more than is allowed.
    pub fn check(&self) -> Result<(), SolveError> {
        if !self.full {
            return Ok(());
        }
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        let what = match self.room.in_parts {
            Some(_) => "events keeps the state at every step",
            None => "events or delays keeps the whole solve",
        };
        Err(SolveError::Invalid(format!(
            "an exact gradient through {what}: {} steps and {} events need {:.3} MB, and {:.3} MB are \
             allowed; allow more memory or loosen the tolerances",
            self.steps,
            self.events,
            megabytes(self.need()),
            megabytes(self.room.budget)
        )))
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
        self.steps += 1;
        if !self.fits() {
            return Ok(());
        }
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
        self.events += 1;
        if !self.fits() {
            return Ok(());
        }
        self.entries.push(Entry::Event { t, event, round });
        self.states.extend_from_slice(before);
        self.states.extend_from_slice(after);
        Ok(())
    }
}
