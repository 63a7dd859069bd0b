//! The solve as a differentiable map: what happened, in order, with the numbers that derivatives need.

use super::super::equations::{StageEquations, StepView};
use crate::hybrid::locate::Condition;
use crate::hybrid::trace::{Change, Kind, Moment};
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
    /// Beginnings and unknowns of the steps.
    pub data: Vec<f64>,
    pub begins: Vec<Begin>,
    /// For each place where the method begins, the state given there and the consistent one.
    pub begin_states: Vec<f64>,
    pub changes: Vec<Change>,
    /// The states before the changes.
    pub befores: Vec<f64>,
    pub slopes: Vec<f64>,
    /// Whether events happen at the start, which cannot move then.
    pub events_at_start: bool,
}

impl Tape {
    pub fn clear(&mut self, n: usize, stages: usize) {
        (self.n, self.stages) = (n, stages);
        self.moments.clear();
        self.items.clear();
        self.steps.clear();
        self.data.clear();
        self.begins.clear();
        self.begin_states.clear();
        self.changes.clear();
        self.befores.clear();
        self.slopes.clear();
        self.events_at_start = false;
    }

    pub fn add(&mut self, t: f64, kind: Kind) -> usize {
        self.moments.push(Moment { t, kind });
        self.moments.len() - 1
    }

    pub fn time(&self, moment: usize) -> f64 {
        self.moments[moment].t
    }

    /// Whether a moment is a function of something.
    pub fn moves(&self, moment: usize) -> bool {
        self.moments[moment].kind != Kind::Fixed
    }

    /// Step `step` as its equations see it.
    pub fn view(&self, step: usize) -> StepView<'_> {
        let TapeStep { begin, end, .. } = self.steps[step];
        let block = (1 + self.stages) * self.n;
        let (start, rows) = self.data[step * block..(step + 1) * block].split_at(self.n);
        StepView { t: self.time(begin), t_new: self.time(end), start, rows, explicit: None }
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

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        let numbers = self.data.len() + self.begin_states.len();
        8 * (numbers + self.befores.len() + self.slopes.len())
            + size_of::<Moment>() * self.moments.len()
            + size_of::<Item>() * self.items.len()
            + size_of::<TapeStep>() * self.steps.len()
            + size_of::<Change>() * self.changes.len()
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
