//! The steps of a solve, for a stepper that reverses them.
//!
//! As the budget allows: the states at all ends of steps and what the stepper wrote down after each;
//! or, with a stepper that takes steps again, the state at every step's beginning, at every second,
//! fourth, … step's. What is missing is computed again, segment by segment, and has the bits it had.

use slopefield_solve::{
    Ivp, Settings, SolveError, Step, StepObserver, StepVjp, Stepper, TakenStep,
};

const BYTES: usize = size_of::<f64>();

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    /// States and records of all steps.
    Records,
    /// The state at the beginning of each `stride`-th step.
    States { stride: usize },
}

/// See the module.
pub(super) struct Taken {
    budget: u64,
    n: usize,
    level: Level,
    /// Where each began, then the end of the last.
    pub(super) times: Vec<f64>,
    /// The states at the beginnings that are kept; with [`Level::Records`] then that at the end.
    states: Vec<f64>,
    /// The state at the end of the last.
    end: Vec<f64>,
    /// Length of a record, once there is a step of the stepper.
    record_len: Option<usize>,
    records: Vec<f64>,
    /// Whether a step is one of the stepper; otherwise it is the gap at a jump of an input, which
    /// changes nothing.
    pub(super) own: Vec<bool>,
    /// The steps that were taken again: number of the first, states and records.
    segment: Option<usize>,
    segment_states: Vec<f64>,
    segment_records: Vec<f64>,
    /// Evaluations for that.
    pub(super) redone: u64,
}

impl Taken {
    pub(super) fn new(budget: u64) -> Self {
        Taken {
            budget,
            n: 0,
            level: Level::Records,
            times: Vec::new(),
            states: Vec::new(),
            end: Vec::new(),
            record_len: None,
            records: Vec::new(),
            own: Vec::new(),
            segment: None,
            segment_states: Vec::new(),
            segment_records: Vec::new(),
            redone: 0,
        }
    }

    pub(super) fn set_budget(&mut self, bytes: u64) {
        self.budget = bytes;
    }

    pub(super) fn begin(&mut self, ivp: &Ivp<'_>) {
        self.n = ivp.u0.len();
        self.level = Level::Records;
        self.times.clear();
        self.times.push(ivp.t0);
        self.states.clear();
        self.states.extend_from_slice(ivp.u0);
        self.end.clear();
        self.record_len = None;
        self.records.clear();
        self.own.clear();
        self.segment = None;
        self.segment_states.clear();
        self.segment_records.clear();
        self.redone = 0;
    }

    /// Bytes held, with the room for a segment that is taken again.
    pub(super) fn bytes(&self) -> u64 {
        self.size(self.level, self.states.len())
    }

    /// Bytes held at a level with so many numbers in `states`.
    fn size(&self, level: Level, states: usize) -> u64 {
        let (n, len) = (self.n, self.record_len.unwrap_or(0));
        let more = match level {
            Level::Records => self.own.len() * len,
            Level::States { stride } => stride * (n + len) + n,
        };
        ((self.times.len() + states + self.end.len() + more) * BYTES + self.own.len()) as u64
    }

    /// Keeps less until the budget is kept, where steps can be taken again.
    fn keep_within_budget(&mut self, redoes: bool) -> Result<(), SolveError> {
        while self.bytes() > self.budget {
            let stride = match self.level {
                Level::Records => 1,
                Level::States { stride } => 2 * stride,
            };
            let coarser = Level::States { stride };
            let rows = self.own.len() / stride + 1;
            if !redoes || self.size(coarser, rows * self.n) >= self.bytes() {
                return Err(self.too_much(redoes));
            }
            // Rows are kept for every step, or for every stride of the level before.
            let apart = if stride == 1 { 1 } else { 2 };
            for row in 0..rows {
                let from = row * apart * self.n;
                self.states.copy_within(from..from + self.n, row * self.n);
            }
            self.states.truncate(rows * self.n);
            self.records = Vec::new();
            self.level = coarser;
        }
        Ok(())
    }

    fn too_much(&self, redoes: bool) -> SolveError {
        let (kept, steps) = (self.n + self.record_len.unwrap_or(0), self.own.len());
        let numbers = match redoes {
            true => "the times".to_owned(),
            false => format!("{kept} numbers"),
        };
        SolveError::Invalid(format!(
            "the exact gradient keeps {numbers} of each step, and {steps} steps need more than the {} \
             MiB allowed; allow more memory, loosen the tolerances or use a continuous method, such \
             as gauss",
            self.budget >> 20
        ))
    }

    /// Step `i`, with the times within it at which the solution was read and the weights there. It must
    /// have been [made ready](Taken::ready).
    pub(super) fn step<'a>(
        &'a self,
        i: usize,
        inside: &'a [f64],
        weights: &'a [f64],
    ) -> TakenStep<'a> {
        let (n, len) = (self.n, self.record_len.unwrap_or(0));
        let (states, records, first) = match self.level {
            Level::Records => (&self.states, &self.records, 0),
            Level::States { .. } => {
                (&self.segment_states, &self.segment_records, self.segment.unwrap_or(0))
            }
        };
        let row = i - first;
        TakenStep {
            t_prev: self.times[i],
            t: self.times[i + 1],
            start: &states[row * n..(row + 1) * n],
            end: &states[(row + 1) * n..(row + 2) * n],
            record: &records[row * len..(row + 1) * len],
            inside,
            weights,
        }
    }

    /// Takes the segment of step `i` again, unless that is there.
    pub(super) fn ready(
        &mut self,
        i: usize,
        stepper: &mut dyn StepVjp,
        ivp: &Ivp<'_>,
        settings: &Settings,
    ) -> Result<(), SolveError> {
        let Level::States { stride } = self.level else { return Ok(()) };
        let index = i / stride;
        if self.segment == Some(index * stride) {
            return Ok(());
        }
        let (n, len) = (self.n, self.record_len.unwrap_or(0));
        let first = index * stride;
        let last = (first + stride).min(self.own.len());
        self.segment = None;
        self.segment_states.resize((last - first + 1) * n, 0.0);
        self.segment_records.resize((last - first) * len, 0.0);
        self.segment_states[..n].copy_from_slice(&self.states[index * n..(index + 1) * n]);
        for (row, step) in (first..last).enumerate() {
            if settings.cancelled() {
                return Err(SolveError::Cancelled { t: self.times[step] });
            }
            let (before, after) = self.segment_states.split_at_mut((row + 1) * n);
            let (start, end) = (&before[row * n..], &mut after[..n]);
            if !self.own[step] {
                end.copy_from_slice(start);
                continue;
            }
            let span = (self.times[step], self.times[step + 1]);
            self.redone += stepper.redo(ivp, settings, span, start, end)?;
            stepper.record(&mut self.segment_records[row * len..(row + 1) * len])?;
        }
        let reached = &self.segment_states[(last - first) * n..];
        let kept = match last == self.own.len() {
            true => &self.end[..],
            false => &self.states[(index + 1) * n..(index + 2) * n],
        };
        if reached.iter().zip(kept).any(|(a, b)| a.to_bits() != b.to_bits()) {
            return Err(SolveError::Invalid(format!(
                "the solver does not take its steps again with the same result: from t = {} to t = \
                 {} it arrives elsewhere; allow so much memory that no step is taken again, or use a \
                 continuous method, such as gauss",
                self.times[first], self.times[last]
            )));
        }
        self.segment = Some(first);
        Ok(())
    }
}

impl StepObserver for Taken {
    fn interpolates(&self) -> bool {
        false
    }

    fn accepted(&mut self, step: &Step, solution: &mut dyn Stepper) -> Result<(), SolveError> {
        self.times.push(step.t);
        self.end.clear();
        self.end.extend_from_slice(solution.state());
        let own = solution.step_vjp();
        self.own.push(own.is_some());
        let keeps = match self.level {
            Level::Records => true,
            Level::States { stride } => self.own.len().is_multiple_of(stride),
        };
        if keeps {
            self.states.extend_from_slice(&self.end);
        }
        let redoes = match own {
            Some(own) => {
                if self.record_len.is_none() {
                    self.record_len = Some(own.record_len()?);
                }
                if let (Level::Records, Some(len)) = (self.level, self.record_len) {
                    self.records.resize(self.own.len() * len, 0.0);
                    let begin = self.records.len() - len;
                    own.record(&mut self.records[begin..])?;
                }
                own.redoes()
            }
            // What the last step of the stepper could, all can.
            None => {
                if let (Level::Records, Some(len)) = (self.level, self.record_len) {
                    self.records.resize(self.own.len() * len, 0.0);
                }
                return Ok(());
            }
        };
        self.keep_within_budget(redoes)
    }
}
