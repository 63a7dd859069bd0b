//! What the forward solve leaves behind for the reverse pass.
//!
//! In order of memory, as the budget allows: all stage states of all steps, and what their
//! evaluations wrote down; the stage states alone; the state at the start of every step; the state at every second, fourth, … step. What is missing is computed
//! again, segment by segment, by the same arithmetic on the same times, so every level gives the
//! same bits. The levels are changed during the solve, when the number of steps shows.

use slopefield_solve::{
    ExplicitRungeKutta, Ivp, SolveError, Stages, Step, StepObserver, Stepper, Tableau,
};

const BYTES: usize = std::mem::size_of::<f64>();

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// Every stage state.
    Stages,
    /// The state at the start of each `stride`-th step.
    States { stride: usize },
}

/// Record of a forward solve.
pub(crate) struct Tape {
    budget: usize,
    level: Level,
    n: usize,
    /// Rows per step in a block: the stage states up to, not including, the step's result.
    rows: usize,
    /// Start of the first step, then the end of each.
    times: Vec<f64>,
    /// `Level::Stages`: the blocks of all steps, then the final state. Otherwise start states.
    data: Vec<f64>,
    /// What the evaluations of all stages wrote down, step by step, then of the final state where
    /// that has been evaluated: see [`Tape::exchange_records`]. Only with `Level::Stages`.
    records: Vec<f64>,
    /// Elements of a record; 0 where nothing is written down or there is no room for it.
    record: usize,
    /// Elements that somebody else holds as long as there are records.
    beside: usize,
    /// The recomputed blocks of one segment, then its final state.
    segment: Vec<f64>,
    replay: Stages,
    /// Evaluations spent on recomputation since `clear`.
    pub recomputed: u64,
}

/// Consecutive steps with their stage states.
pub(crate) struct Segment<'a> {
    /// End times: `times[i]` and `times[i + 1]` bound step `i`.
    pub times: &'a [f64],
    data: &'a [f64],
    block: usize,
    n: usize,
    records: &'a mut [f64],
    record: usize,
    rows: usize,
}

impl<'a> Segment<'a> {
    /// Number of steps.
    pub fn len(&self) -> usize {
        self.times.len() - 1
    }

    /// Stage states of step `i`, row by row, followed by its result.
    pub fn block(&self, i: usize) -> &'a [f64] {
        &self.data[i * self.block..(i + 1) * self.block + self.n]
    }

    /// What the evaluation of a stage of step `i` wrote down; the stage after the last is the
    /// first of the next step. Empty where nothing was kept.
    pub fn record(&mut self, i: usize, stage: usize) -> &mut [f64] {
        let first = (i * self.rows + stage) * self.record;
        &mut self.records[first..first + self.record]
    }
}

impl Tape {
    pub fn new(tableau: &'static Tableau, budget_bytes: u64) -> Self {
        Tape {
            budget: usize::try_from(budget_bytes).unwrap_or(usize::MAX),
            level: Level::Stages,
            n: 0,
            rows: tableau.evaluations_per_step(),
            times: Vec::new(),
            data: Vec::new(),
            records: Vec::new(),
            record: 0,
            beside: 0,
            segment: Vec::new(),
            replay: Stages::new(tableau),
            recomputed: 0,
        }
    }

    pub fn set_budget(&mut self, bytes: u64) {
        self.budget = usize::try_from(bytes).unwrap_or(usize::MAX);
    }

    /// Counts `elements` against the budget as long as there are records: what products that read them
    /// hold.
    pub fn count_beside(&mut self, elements: usize) {
        self.beside = elements;
    }

    /// Forgets the previous solve, keeping the memory.
    pub fn clear(&mut self, n: usize) {
        self.level = Level::Stages;
        self.n = n;
        self.times.clear();
        self.data.clear();
        self.record = 0;
        self.segment.clear();
        self.recomputed = 0;
    }

    /// Takes over what the steps of a solve wrote down, in exchange for room for the next.
    pub fn exchange_records(&mut self, stepper: &mut ExplicitRungeKutta) {
        stepper.exchange_records(&mut self.records);
    }

    /// Elements of what the steps have written down, with one more evaluation at the end.
    fn recorded(&self) -> usize {
        if self.record == 0 { 0 } else { (self.steps() * self.rows + 1) * self.record }
    }

    /// Number of steps recorded.
    pub fn steps(&self) -> usize {
        self.times.len().saturating_sub(1)
    }

    /// Number of segments the steps are divided into.
    pub fn segments(&self) -> usize {
        match self.level {
            Level::Stages => usize::from(self.steps() > 0),
            Level::States { stride } => self.steps().div_ceil(stride),
        }
    }

    #[cfg(test)]
    pub fn level(&self) -> Level {
        self.level
    }

    /// Bytes of the values held, including the buffer for recomputed segments.
    pub fn bytes(&self) -> u64 {
        let held = self.size(self.level, self.times.len(), self.data.len());
        ((held + self.recorded()) * BYTES) as u64
    }

    /// The steps of one segment with their stage states, recomputed if need be.
    pub fn segment(&mut self, ivp: &Ivp<'_>, index: usize) -> Segment<'_> {
        let block = self.rows * self.n;
        let Level::States { stride } = self.level else {
            return Segment {
                times: &self.times,
                data: &self.data,
                block,
                n: self.n,
                records: &mut self.records,
                record: self.record,
                rows: self.rows,
            };
        };
        let first = index * stride;
        let last = (first + stride).min(self.steps());
        let times = &self.times[first..=last];
        let start = &self.data[index * self.n..(index + 1) * self.n];
        self.replay.begin(ivp, times[0], start);
        self.recomputed += 1;
        self.segment.clear();
        for pair in times.windows(2) {
            if !self.segment.is_empty() {
                self.segment.truncate(self.segment.len() - self.n);
                self.recomputed += self.replay.promote(ivp);
            }
            self.recomputed += self.replay.attempt(ivp, pair[0], pair[1]);
            self.segment.extend_from_slice(self.replay.states_and_end());
        }
        let (data, records) = (&self.segment, &mut []);
        Segment { times, data, block, n: self.n, records, record: 0, rows: self.rows }
    }

    /// Values held at a level with so many times and so much data.
    fn size(&self, level: Level, times: usize, data: usize) -> usize {
        match level {
            Level::Stages => times + data,
            Level::States { stride } => times + data + (stride * self.rows + 1) * self.n,
        }
    }

    /// Gives up detail while that saves memory and the budget asks for it.
    fn keep_within_budget(&mut self) {
        loop {
            let held = self.size(self.level, self.times.len(), self.data.len());
            let beside = if self.record > 0 { self.beside } else { 0 };
            if (held + self.recorded() + beside) * BYTES <= self.budget {
                return;
            }
            if self.record > 0 {
                self.record = 0;
                continue;
            }
            let steps = self.steps();
            let stride = match self.level {
                Level::Stages => 1,
                Level::States { stride } => 2 * stride,
            };
            let kept = steps.div_ceil(stride) * self.n;
            let coarser = Level::States { stride };
            if self.size(coarser, self.times.len(), kept) >= held {
                return;
            }
            let from = match self.level {
                Level::Stages => self.rows * self.n,
                Level::States { .. } => 2 * self.n,
            };
            for row in 0..kept / self.n {
                self.data.copy_within(row * from..row * from + self.n, row * self.n);
            }
            self.data.truncate(kept);
            self.level = coarser;
        }
    }
}

impl StepObserver for Tape {
    fn interpolates(&self) -> bool {
        false
    }

    fn accepted(&mut self, step: &Step, solution: &mut dyn Stepper) -> Result<(), SolveError> {
        let Some(stages) = solution.stages() else {
            return Err(SolveError::Invalid(
                "this solver shows no stages, which gradients of its very steps need; use the \
                 gauss method"
                    .into(),
            ));
        };
        if self.times.is_empty() {
            self.times.push(step.t_prev);
            self.record = stages.record_len();
        }
        let recording = self.record > 0;
        let index = self.steps();
        self.times.push(step.t);
        match self.level {
            Level::Stages => {
                self.data.truncate(index * self.rows * self.n);
                self.data.extend_from_slice(stages.states_and_end());
                if stages.recorded_steps() != self.steps() as u64 {
                    self.record = 0;
                }
            }
            Level::States { stride } => {
                if index.is_multiple_of(stride) {
                    self.data.extend_from_slice(stages.state(0));
                }
            }
        }
        self.keep_within_budget();
        if recording && self.record == 0 {
            solution.stop_recording();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
