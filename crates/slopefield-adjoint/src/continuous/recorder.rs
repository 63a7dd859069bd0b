//! The forward solution as the reverse pass needs it: the path, the events on it, and, when that is
//! too much to hold, states to begin again from.
//!
//! When the path outgrows its share of the memory, the stretch recorded so far is replaced by a
//! checkpoint, the state where it began, and recording goes on. The reverse pass solves such a
//! stretch again when it gets there; if it outgrows the memory that time, it is divided in the same
//! way. Checkpoints never lie at an event, which would happen again there.

use super::path::DensePath;
use slopefield_kernel::Event;
use slopefield_solve::{Happening, SolveError, Step, StepObserver, Stepper};

/// An event that changed the state or ended the solve.
#[derive(Clone, Copy)]
pub(crate) struct Instant {
    pub t: f64,
    /// Index into the list of events.
    pub event: usize,
    /// Number of steps of the path before it.
    pub steps: usize,
    /// Where the states before and after it are.
    first: usize,
}

/// Where a stretch began that is not held.
#[derive(Clone, Copy)]
struct Checkpoint {
    t: f64,
    /// Events that happened in it.
    events: usize,
}

/// Watches the forward solve.
#[derive(Default)]
pub(crate) struct Recorder {
    n: usize,
    pub path: DensePath,
    pub instants: Vec<Instant>,
    /// States before and after each of them.
    states: Vec<f64>,
    checkpoints: Vec<Checkpoint>,
    checkpoint_states: Vec<f64>,
    /// State that the path began with, as given.
    start: Vec<f64>,
    limit: u64,
    /// Whether an event happened at the end of the path.
    at_event: bool,
    /// Most bytes held at once.
    pub peak: u64,
    /// Whether all steps were those of an explicit Runge–Kutta method.
    pub explicit: bool,
}

impl Recorder {
    /// Begins with the state `u0`; at most `limit` bytes, where that is enough for a few steps.
    pub fn begin(&mut self, u0: &[f64], limit: u64) {
        self.n = u0.len();
        self.limit = limit;
        self.checkpoints.clear();
        self.checkpoint_states.clear();
        self.peak = 0;
        self.explicit = true;
        self.begin_stretch(u0);
    }

    fn begin_stretch(&mut self, u: &[f64]) {
        self.start.clear();
        self.start.extend_from_slice(u);
        self.clear_path();
    }

    fn clear_path(&mut self) {
        self.path.clear(self.n);
        self.instants.clear();
        self.states.clear();
        self.at_event = false;
    }

    /// The states before and after an event.
    pub fn states(&self, instant: &Instant) -> (&[f64], &[f64]) {
        self.states[instant.first..instant.first + 2 * self.n].split_at(self.n)
    }

    /// Takes the last stretch that is not held, to be solved again: where and from which state it
    /// begins, and how many events happened in it. The recorder is ready to watch that.
    pub fn reopen(&mut self, u: &mut [f64]) -> Option<(f64, usize, usize)> {
        let Checkpoint { t, events } = self.checkpoints.pop()?;
        let first = self.checkpoints.len() * self.n;
        u.copy_from_slice(&self.checkpoint_states[first..]);
        self.checkpoint_states.truncate(first);
        self.begin_stretch(u);
        Some((t, events, self.checkpoints.len()))
    }

    /// Number of events since there were `checkpoints` stretches that are not held.
    pub fn events_since(&self, checkpoints: usize) -> usize {
        let before: usize = self.checkpoints[checkpoints..].iter().map(|c| c.events).sum();
        before + self.instants.len()
    }

    fn bytes(&self) -> u64 {
        let checkpoints = std::mem::size_of::<Checkpoint>() * self.checkpoints.len();
        let instants = std::mem::size_of::<Instant>() * self.instants.len();
        let states = 8 * (self.states.len() + self.checkpoint_states.len());
        self.path.bytes() + (checkpoints + instants + states) as u64
    }

    /// Replaces the path by a checkpoint.
    fn close_stretch(&mut self) {
        let Some((t, _)) = self.path.span() else { return };
        self.checkpoints.push(Checkpoint { t, events: self.instants.len() });
        self.checkpoint_states.extend_from_slice(&self.start);
        self.start.copy_from_slice(self.path.end(self.path.len() - 1));
        self.clear_path();
        while self.checkpoints.len() > 2 && self.bytes() > self.limit / 4 {
            self.thin();
        }
    }

    /// Forgets every second checkpoint; stretches become twice as long.
    fn thin(&mut self) {
        let n = self.n;
        let mut kept = 0;
        for i in 0..self.checkpoints.len() {
            if i % 2 == 0 {
                self.checkpoints[kept] = self.checkpoints[i];
                self.checkpoint_states.copy_within(i * n..(i + 1) * n, kept * n);
                kept += 1;
            } else {
                self.checkpoints[kept - 1].events += self.checkpoints[i].events;
            }
        }
        self.checkpoints.truncate(kept);
        self.checkpoint_states.truncate(kept * n);
    }
}

/// The recorder together with the events of the system that it watches.
pub(crate) struct Recording<'a> {
    pub recorder: &'a mut Recorder,
    pub events: &'a [Event],
}

impl StepObserver for Recording<'_> {
    fn accepted(&mut self, step: &Step, solution: &mut dyn Stepper) -> Result<(), SolveError> {
        let recorder = &mut *self.recorder;
        let more = recorder.path.bytes_of_step(solution.dense_degree());
        let share = recorder.limit / 2;
        if !recorder.at_event && recorder.path.len() > 0 && recorder.path.bytes() + more > share {
            recorder.close_stretch();
        }
        recorder.at_event = false;
        recorder.explicit &= solution.stages().is_some();
        // Grown by doubling, but not beyond the share.
        let room = share.saturating_sub(recorder.path.bytes()).min(recorder.path.bytes());
        recorder.path.reserve(more, room.max(more));
        recorder.path.record(step, solution)?;
        recorder.peak = recorder.peak.max(recorder.bytes());
        Ok(())
    }

    fn happened(&mut self, happening: &Happening<'_, f64>) -> Result<(), SolveError> {
        let event = &self.events[happening.event];
        if event.affect.is_none() && !event.stop {
            return Ok(());
        }
        let recorder = &mut *self.recorder;
        recorder.instants.push(Instant {
            t: happening.t,
            event: happening.event,
            steps: recorder.path.len(),
            first: recorder.states.len(),
        });
        recorder.states.extend_from_slice(happening.before);
        recorder.states.extend_from_slice(happening.after);
        recorder.at_event = true;
        Ok(())
    }
}
