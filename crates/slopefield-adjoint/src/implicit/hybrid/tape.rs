//! The solve as a differentiable map: what happened, in order, with the numbers that derivatives need.

use super::super::equations::{StageEquations, StepView};
use crate::hybrid::locate::Condition;
use crate::hybrid::past::Steps;
use crate::hybrid::trace::{Change, Kind, Moment, Watched};
use slopefield_solve::Tableau;
use std::ops::Range;

/// One thing that the solution went through.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    /// The method begins with the state at hand.
    Begin(usize),
    /// A step, and the saves on it: those at its end as well, where no event happens there.
    Step(usize, Range<usize>),
    /// The solution goes on from one moment to another, which coincide and may part; with the slope
    /// of this number.
    Shift { from: usize, to: usize, slope: usize },
    /// An event.
    Change(usize),
    /// Saves at a moment, from which the solution goes on with the slope of this number.
    Saves { moment: usize, slope: usize, saves: Range<usize> },
}

/// Where the method begins anew.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Begin {
    pub moment: usize,
    /// Number of the slope there.
    pub slope: usize,
    pub context: usize,
}

/// From where the past is read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Context {
    /// The step at hand: those before it are complete.
    pub step: usize,
    /// Where it begins.
    pub begin: f64,
    pub place: Place,
}

/// What stands for the step at hand where it is read itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In a step: the step; and at its beginning the one before, which it continues,
    Continuing,
    /// or only its beginning, where it begins anew.
    Anew,
    /// At a change, or where the method begins: the state at hand.
    Between,
}

/// One step.
#[derive(Debug)]
pub(super) struct TapeStep {
    /// Moments of its beginning,
    pub begin: usize,
    /// of its end as the method took it,
    pub end: usize,
    /// and of the point up to which the solution follows it.
    pub cut: usize,
    /// What determines that point, where it is not the end.
    pub condition: Option<Condition>,
    pub context: usize,
    /// From where conditions within it read the past.
    pub event_context: usize,
    /// Whether it reads its own solution, as with lags shorter than the step.
    pub overlaps: bool,
    /// The table of the step, where a method that switches has taken an explicit one.
    pub explicit: Option<&'static Tableau>,
}

/// The solve.
#[derive(Debug, Default)]
pub(super) struct Tape {
    pub n: usize,
    /// Unknowns of a step.
    pub stages: usize,
    pub moments: Vec<Moment>,
    pub items: Vec<Item>,
    pub steps: Vec<TapeStep>,
    /// All numbers that a value of the past depends on: the parameters and the constant lags, where the
    /// past is read; then for each step its beginning, its unknowns, and the times of its beginning and
    /// end.
    pub data: Vec<f64>,
    /// Number of the parameters among them,
    pub params: usize,
    /// and of the lags.
    pub lags: usize,
    pub contexts: Vec<Context>,
    /// For each context and lag, the piece of the past that is looked at.
    pub bounds: Vec<(f64, f64)>,
    /// For each context and lag, whether delayed values are coupled to the state.
    pub coupled: Vec<bool>,
    pub begins: Vec<Begin>,
    /// For each place where the method begins, the state given there and the consistent one.
    pub begin_states: Vec<f64>,
    pub changes: Vec<Change>,
    pub change_contexts: Vec<usize>,
    /// The states before the changes.
    pub befores: Vec<f64>,
    pub slopes: Vec<f64>,
    /// Save times at which delayed values are asked for, and those values.
    pub watched: Vec<Watched>,
    pub watched_values: Vec<f64>,
    /// Whether events happen at the start, which cannot move then.
    pub events_at_start: bool,
}

impl Tape {
    /// Forgets the last solve. `known` are parameters and constant lags, where the past is read.
    pub fn clear(&mut self, n: usize, stages: usize, known: (&[f64], &[f64])) {
        (self.n, self.stages) = (n, stages);
        (self.params, self.lags) = (known.0.len(), known.1.len());
        self.moments.clear();
        self.items.clear();
        self.steps.clear();
        self.data.clear();
        self.data.extend_from_slice(known.0);
        self.data.extend_from_slice(known.1);
        self.contexts.clear();
        self.bounds.clear();
        self.coupled.clear();
        self.begins.clear();
        self.begin_states.clear();
        self.changes.clear();
        self.change_contexts.clear();
        self.befores.clear();
        self.slopes.clear();
        self.watched.clear();
        self.watched_values.clear();
        self.events_at_start = false;
    }

    pub fn add(&mut self, t: f64, kind: Kind) -> usize {
        self.moments.push(Moment { t, kind });
        self.moments.len() - 1
    }

    /// The moment that the solution has got to at its end.
    pub fn last_moment(&self) -> usize {
        match self.items.last() {
            None => 0,
            Some(Item::Begin(begin)) => self.begins[*begin].moment,
            Some(Item::Step(step, _)) => self.steps[*step].cut,
            Some(Item::Shift { to, .. }) => *to,
            Some(Item::Change(change)) => self.changes[*change].moment,
            Some(Item::Saves { moment, .. }) => *moment,
        }
    }

    pub fn time(&self, moment: usize) -> f64 {
        self.moments[moment].t
    }

    /// Whether a moment is a function of something.
    pub fn moves(&self, moment: usize) -> bool {
        self.moments[moment].kind != Kind::Fixed
    }

    /// Where the numbers of a step are: its beginning, its unknowns row by row, and two times.
    pub fn block(&self, step: usize) -> Range<usize> {
        let len = (1 + self.stages) * self.n + 2;
        let first = self.params + self.lags + step * len;
        first..first + len
    }

    /// Makes room for the numbers of a step that begins at `t` with `state` and is to end at `end`.
    pub fn open(&mut self, step: usize, state: &[f64], (t, end): (f64, f64)) {
        let block = self.block(step);
        self.data.resize(block.end, 0.0);
        self.data[block.start..block.start + self.n].copy_from_slice(state);
        self.data[block.end - 2] = t;
        self.data[block.end - 1] = end;
    }

    /// Step `step` as its equations see it.
    pub fn view(&self, step: usize) -> StepView<'_> {
        let TapeStep { begin, end, explicit, .. } = self.steps[step];
        let block = self.block(step);
        let (start, rows) = self.data[block.start..block.end - 2].split_at(self.n);
        StepView { t: self.time(begin), t_new: self.time(end), start, rows, explicit }
    }

    pub fn before(&self, change: usize) -> &[f64] {
        &self.befores[change * self.n..(change + 1) * self.n]
    }

    pub fn slope(&self, slope: usize) -> &[f64] {
        &self.slopes[slope * self.n..(slope + 1) * self.n]
    }

    /// The state given where the method begins, and the consistent one.
    pub fn begin_state(&self, begin: usize) -> (&[f64], &[f64]) {
        self.begin_states[2 * begin * self.n..2 * (begin + 1) * self.n].split_at(self.n)
    }

    /// Bytes of the numbers of a step.
    pub fn numbers_of_step(n: usize, stages: usize) -> usize {
        8 * ((1 + stages) * n + 2)
    }

    /// Bytes that a step takes besides its numbers, and a change. Arrays may have grown to twice what
    /// they hold.
    pub fn each(n: usize, lags: usize) -> (usize, usize) {
        let context = size_of::<Context>() + lags * (size_of::<(f64, f64)>() + 1);
        let moments = 2 * size_of::<Moment>();
        // A begin at the end of a step: two states and a slope, and two contexts.
        let begin = 24 * n + size_of::<Begin>() + 2 * context + size_of::<Item>();
        let step = size_of::<TapeStep>() + moments + size_of::<Item>() + 2 * context;
        let change = size_of::<Change>() + 8 * n + 8 + context + moments + 2 * size_of::<Item>();
        // Without delays, the method begins anew behind changes alone; slopes are for saves, too.
        let (with_step, with_change) = if lags > 0 { (begin, 0) } else { (0, begin) };
        (2 * (step + with_step), 2 * (change + with_change + 8 * n))
    }

    /// Makes the long array as long as so many steps need.
    pub fn reserve(&mut self, steps: usize) {
        self.data.reserve_exact(steps * Self::numbers_of_step(self.n, self.stages) / 8);
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        let numbers = self.data.len() + self.begin_states.len() + 2 * self.bounds.len();
        8 * (numbers + self.befores.len() + self.slopes.len())
            + size_of::<Moment>() * self.moments.len()
            + size_of::<Item>() * self.items.len()
            + size_of::<TapeStep>() * self.steps.len()
            + size_of::<Change>() * self.changes.len()
            + size_of::<Context>() * self.contexts.len()
            + size_of::<Watched>() * self.watched.len()
            + 8 * self.watched_values.len()
            + self.coupled.len()
    }
}

impl Steps for Tape {
    fn start(&self) -> f64 {
        Tape::time(self, 0)
    }

    fn time(&self, moment: usize) -> f64 {
        Tape::time(self, moment)
    }

    fn begin(&self, step: usize) -> f64 {
        Tape::time(self, self.steps[step].begin)
    }

    fn end(&self, step: usize) -> f64 {
        self.data[self.block(step).end - 1]
    }

    fn cut(&self, step: usize) -> f64 {
        Tape::time(self, self.steps[step].cut)
    }
}

/// Place of `s` in a step.
pub(super) fn place(step: &StepView<'_>, s: f64) -> f64 {
    if s == step.t_new { 1.0 } else { (s - step.t) / step.h() }
}

/// Writes the solution at `s` in a step to `state`, and its derivative in time to `slope`.
pub(super) fn within(
    equations: &dyn StageEquations,
    step: &StepView<'_>,
    s: f64,
    state: &mut [f64],
    slope: &mut [f64],
) {
    let (weights, rates) = equations.dense_weights(place(step, s));
    let (n, h) = (step.start.len(), step.h());
    state.copy_from_slice(step.start);
    slope.fill(0.0);
    for ((row, weight), rate) in step.rows.chunks_exact(n).zip(weights).zip(rates) {
        for ((state, slope), x) in state.iter_mut().zip(&mut *slope).zip(row) {
            *state += weight * x;
            *slope += rate / h * x;
        }
    }
}
