//! The solve as a differentiable map: moments of time, steps between them, changes at them.
//!
//! A step runs from the moment of its beginning to that of its end; where an event or a passage cuts
//! it short, the solution follows its interpolant up to a third moment. Moments are numbers that do
//! not depend on anything, or functions of the parameters and of the solution before them; which of
//! these, says [`Kind`]. Everything that a derivative needs is kept: stage states with their delayed
//! values, slopes, and where each delayed value came from.

use super::system::System;
use slopefield_solve::Tableau;
use slopefield_solve::runge_kutta::MAX_DENSE_STAGES;

/// What determines a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// The start time of the problem.
    Start,
    /// Nothing: the end of a step that was chosen by error control, or of the span.
    Fixed,
    /// Times of the model: the sum of factors and numbers of its list of times.
    Scheduled { terms: [(u32, f64); 2] },
    /// Another moment and a constant lag.
    Later { moment: usize, lag: usize },
    /// The solution within a step: a number of the events is 0 there.
    Root { root: u32, step: usize },
    /// The solution within a step: the time that a lag looks at is that of another moment.
    Passage { lag: usize, moment: usize, step: usize },
}

/// A point in time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Moment {
    pub t: f64,
    pub kind: Kind,
}

/// Where a delayed value comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Source {
    /// The history function, at this time.
    Before(f64),
    /// The interpolant of a step, at this time, which may lie slightly outside.
    Step { step: usize, s: f64 },
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct TraceStep {
    /// Moments of its beginning,
    pub begin: usize,
    /// of its end as the method took it,
    pub end: usize,
    /// and of the point up to which the solution follows it; `end`, unless it is cut short.
    pub cut: usize,
    /// Whether its first slope is the last one of the step before.
    pub continues: bool,
    /// Whether the stages that only the interpolant needs are there.
    pub dense: bool,
    /// Whether it reads its own interpolant, as with lags shorter than the step.
    pub overlaps: bool,
}

/// One event that changes the state or stops the solve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Change {
    pub event: usize,
    /// When.
    pub moment: usize,
}

/// A save time at which delayed values are asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Watched {
    /// Its number among the saves.
    pub save: usize,
    pub t: f64,
    /// The step that it is in.
    pub step: usize,
}

/// Those in a step.
pub(crate) fn watched_in(watched: &[Watched], step: usize) -> std::ops::Range<usize> {
    let first = watched.partition_point(|w| w.step < step);
    first..first + watched[first..].partition_point(|w| w.step == step)
}

/// What the solution went through, in order.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    /// A step, by its number.
    Step(usize),
    /// Events at one instant, by their numbers among the changes.
    Instant(std::ops::Range<usize>),
}

/// The solve.
pub(super) struct Trace {
    pub tableau: &'static Tableau,
    /// Number of states,
    pub n: usize,
    /// of states and delayed values,
    pub all: usize,
    /// and of lags.
    pub lags: usize,
    pub t0: f64,
    pub moments: Vec<Moment>,
    pub steps: Vec<TraceStep>,
    pub items: Vec<Item>,
    pub changes: Vec<Change>,
    /// Stage states with their delayed values, step by step.
    pub inputs: Vec<f64>,
    /// Slopes of the stages, step by step.
    pub slopes: Vec<f64>,
    /// Where the delayed values of the stages come from: for each step, stage and lag.
    pub sources: Vec<Source>,
    /// Whether lags are coupled to the state, for each step and lag.
    pub coupled: Vec<bool>,
    /// State and delayed values before each change,
    pub befores: Vec<f64>,
    /// where the latter come from,
    pub change_sources: Vec<Source>,
    /// and the state after it.
    pub afters: Vec<f64>,
    /// Where delayed values are asked for,
    pub watched: Vec<Watched>,
    /// state and delayed values there,
    pub watched_inputs: Vec<f64>,
    /// and where the latter come from.
    pub watched_sources: Vec<Source>,
}

impl Trace {
    pub fn new(tableau: &'static Tableau) -> Self {
        Trace {
            tableau,
            n: 0,
            all: 0,
            lags: 0,
            t0: 0.0,
            moments: Vec::new(),
            steps: Vec::new(),
            items: Vec::new(),
            changes: Vec::new(),
            inputs: Vec::new(),
            slopes: Vec::new(),
            sources: Vec::new(),
            coupled: Vec::new(),
            befores: Vec::new(),
            change_sources: Vec::new(),
            afters: Vec::new(),
            watched: Vec::new(),
            watched_inputs: Vec::new(),
            watched_sources: Vec::new(),
        }
    }

    pub fn clear(&mut self, system: &System<'_>) {
        (self.n, self.all, self.lags) = (system.n, system.all, system.lags());
        self.t0 = system.ivp.t0;
        self.moments.clear();
        self.steps.clear();
        self.items.clear();
        self.changes.clear();
        self.inputs.clear();
        self.slopes.clear();
        self.sources.clear();
        self.coupled.clear();
        self.befores.clear();
        self.change_sources.clear();
        self.afters.clear();
        self.watched.clear();
        self.watched_inputs.clear();
        self.watched_sources.clear();
    }

    /// Bytes that a step takes, and a change.
    pub fn each(&self, system: &System<'_>) -> (usize, usize) {
        let (rows, lags) = (self.rows(), system.lags());
        let moments = 2 * size_of::<Moment>();
        let step = 8 * rows * (system.all + system.n) + rows * lags * size_of::<Source>() + lags;
        let change = 8 * (system.all + system.n) + lags * size_of::<Source>();
        (
            // Short arrays may have grown to twice what they hold.
            step + 2 * (size_of::<TraceStep>() + moments + size_of::<Item>()),
            2 * (change + size_of::<Change>() + moments + size_of::<Item>()),
        )
    }

    /// Makes the long arrays as long as so many steps need.
    pub fn reserve(&mut self, steps: usize) {
        let rows = self.rows();
        self.inputs.reserve_exact(steps * rows * self.all);
        self.slopes.reserve_exact(steps * rows * self.n);
        self.sources.reserve_exact(steps * rows * self.lags);
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        let numbers = self.inputs.len() + self.slopes.len() + self.befores.len();
        let sources = self.sources.len() + self.change_sources.len() + self.watched_sources.len();
        8 * (numbers + self.afters.len() + self.watched_inputs.len())
            + size_of::<Source>() * sources
            + size_of::<Watched>() * self.watched.len()
            + size_of::<Moment>() * self.moments.len()
            + size_of::<TraceStep>() * self.steps.len()
    }

    /// Rows of a step: its stages, those that only the interpolant needs included.
    pub fn rows(&self) -> usize {
        self.tableau.dense_stages()
    }

    /// The stages that a step has: all, unless its interpolant is not used.
    pub fn stages(&self, step: usize) -> usize {
        if self.steps[step].dense { self.rows() } else { self.tableau.stages() }
    }

    /// Whether events happen at the start time, which cannot move then.
    pub fn has_events_at_start(&self) -> bool {
        matches!(self.items.first(), Some(Item::Instant(_)))
    }

    /// The moment that the solution has got to at its end.
    pub fn last_moment(&self) -> Option<usize> {
        match self.items.last()? {
            Item::Step(step) => Some(self.steps[*step].cut),
            Item::Instant(changes) => Some(self.changes[changes.end - 1].moment),
        }
    }

    pub fn time(&self, moment: usize) -> f64 {
        self.moments[moment].t
    }

    /// Beginning and end of a step as the method took it.
    pub fn span(&self, step: usize) -> (f64, f64) {
        let TraceStep { begin, end, .. } = self.steps[step];
        (self.time(begin), self.time(end))
    }

    /// Time of a stage.
    pub fn stage_time(&self, step: usize, c: f64) -> f64 {
        let (t, end) = self.span(step);
        if c == 1.0 { end } else { t + c * (end - t) }
    }

    /// State and delayed values of a stage.
    pub fn input(&self, step: usize, stage: usize) -> &[f64] {
        let first = (step * self.rows() + stage) * self.all;
        &self.inputs[first..first + self.all]
    }

    /// State at the beginning of a step.
    pub fn beginning(&self, step: usize) -> &[f64] {
        &self.input(step, 0)[..self.n]
    }

    pub fn slope(&self, step: usize, stage: usize) -> &[f64] {
        let first = (step * self.rows() + stage) * self.n;
        &self.slopes[first..first + self.n]
    }

    pub fn stage_sources(&self, step: usize, stage: usize) -> &[Source] {
        let first = (step * self.rows() + stage) * self.lags;
        &self.sources[first..first + self.lags]
    }

    pub fn coupled(&self, step: usize, lag: usize) -> bool {
        self.coupled[step * self.lags + lag]
    }

    pub fn before(&self, change: usize) -> &[f64] {
        &self.befores[change * self.all..(change + 1) * self.all]
    }

    pub fn after(&self, change: usize) -> &[f64] {
        &self.afters[change * self.n..(change + 1) * self.n]
    }

    pub fn sources_of_change(&self, change: usize) -> &[Source] {
        &self.change_sources[change * self.lags..(change + 1) * self.lags]
    }

    /// State and delayed values at a place watched.
    pub fn watched_input(&self, index: usize) -> &[f64] {
        &self.watched_inputs[index * self.all..(index + 1) * self.all]
    }

    pub fn sources_of_watched(&self, index: usize) -> &[Source] {
        &self.watched_sources[index * self.lags..(index + 1) * self.lags]
    }

    /// Writes the delayed values at all places watched to the rows of their saves.
    pub fn write_watched(&self, delayed: &mut [f64]) {
        let behind = self.all - self.n;
        for (index, watched) in self.watched.iter().enumerate() {
            let row = &mut delayed[watched.save * behind..(watched.save + 1) * behind];
            row.copy_from_slice(&self.watched_input(index)[self.n..]);
        }
    }

    /// Place of `s` in a step and the length of the step.
    pub fn place(&self, step: usize, s: f64) -> (f64, f64) {
        let (t, end) = self.span(step);
        let h = end - t;
        (if s == end { 1.0 } else { (s - t) / h }, h)
    }

    /// State `state` at `s` in a step, or its derivative of order `order` in time.
    pub fn value(&self, step: usize, s: f64, order: usize, state: usize) -> f64 {
        let (theta, h) = self.place(step, s);
        let sum = self.weighted(step, &self.weights(order, theta), state);
        match order {
            0 => self.beginning(step)[state] + h * sum,
            1 => sum,
            _ => sum / h.powi(order as i32 - 1),
        }
    }

    /// Weights of the slopes, or their derivatives.
    pub fn weights(&self, order: usize, theta: f64) -> [f64; MAX_DENSE_STAGES] {
        let mut weights = [0.0; MAX_DENSE_STAGES];
        self.tableau.dense_derivative_weights(order, theta, &mut weights[..self.rows()]);
        weights
    }

    /// `Σ_j weights_j k_j` of one state.
    pub fn weighted(&self, step: usize, weights: &[f64], state: usize) -> f64 {
        let first = step * self.rows() * self.n + state;
        let slopes = self.slopes[first..].iter().step_by(self.n);
        // Stages that were not needed have the weight 0 wherever a value is asked for.
        weights[..self.rows()].iter().zip(slopes).map(|(w, k)| w * k).sum()
    }
}
