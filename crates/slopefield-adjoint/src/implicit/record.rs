//! What the forward solve leaves behind: the beginning and the unknowns of every step or, where
//! the memory allowed is too small for that, the beginning of every `stride`-th step, from which
//! the others are computed again.

use super::equations::StepView;
use super::sides::Sides;
use slopefield_solve::{
    Attempt, ErrorNorm, Ivp, Settings, SolveError, Stages, Stats, Step, StepObserver, StepUnknowns,
    Stepper, Tableau,
};

const BYTES: usize = std::mem::size_of::<f64>();

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    /// Beginning and unknowns of every step.
    Unknowns,
    /// Beginning, and the slope handed over there, of each `stride`-th step.
    States { stride: usize },
}

/// Record of a forward solve.
pub(super) struct Record {
    budget: usize,
    level: Level,
    n: usize,
    /// Unknowns per step, at most.
    stages: usize,
    /// Whether steps may be of two kinds.
    switches: bool,
    /// The tables of explicit steps, where steps may be.
    explicit: Vec<Option<&'static Tableau>>,
    /// Start of the first step, then the end of each.
    pub times: Vec<f64>,
    data: Vec<f64>,
    /// The recomputed steps of one segment.
    segment: Vec<f64>,
    /// Evaluations spent on recomputation since [`Record::clear`].
    pub recomputed: u64,
}

/// Consecutive steps.
pub(super) struct Segment<'a> {
    times: &'a [f64],
    data: &'a [f64],
    explicit: &'a [Option<&'static Tableau>],
    n: usize,
    block: usize,
}

impl Segment<'_> {
    /// Number of steps.
    pub fn len(&self) -> usize {
        self.times.len() - 1
    }

    /// Step `i`.
    pub fn step(&self, i: usize) -> StepView<'_> {
        let block = &self.data[i * self.block..(i + 1) * self.block];
        let (start, rows) = block.split_at(self.n);
        let explicit = self.explicit.get(i).copied().flatten();
        StepView { t: self.times[i], t_new: self.times[i + 1], start, rows, explicit }
    }
}

impl Record {
    pub fn new(stages: usize, switches: bool, budget_bytes: u64) -> Self {
        let mut record = Record {
            budget: 0,
            level: Level::Unknowns,
            n: 0,
            stages,
            switches,
            explicit: Vec::new(),
            times: Vec::new(),
            data: Vec::new(),
            segment: Vec::new(),
            recomputed: 0,
        };
        record.set_budget(budget_bytes);
        record
    }

    pub fn set_budget(&mut self, bytes: u64) {
        self.budget = usize::try_from(bytes).unwrap_or(usize::MAX);
    }

    /// Forgets the previous solve, keeping the memory.
    pub fn clear(&mut self, n: usize) {
        self.level = Level::Unknowns;
        self.n = n;
        self.times.clear();
        self.explicit.clear();
        self.data.clear();
        self.segment.clear();
        self.recomputed = 0;
    }

    /// Number of steps recorded.
    pub fn steps(&self) -> usize {
        self.times.len().saturating_sub(1)
    }

    /// Number of segments the steps are divided into.
    pub fn segments(&self) -> usize {
        match self.level {
            Level::Unknowns => usize::from(self.steps() > 0),
            Level::States { stride } => self.steps().div_ceil(stride),
        }
    }

    /// Bytes of the values held, including the buffer for recomputed segments.
    pub fn bytes(&self) -> u64 {
        (self.size(self.level, self.data.len()) * BYTES) as u64
    }

    /// Numbers kept per step at a level.
    fn block(&self, level: Level) -> usize {
        match level {
            Level::Unknowns => (1 + self.stages) * self.n,
            Level::States { .. } => 2 * self.n,
        }
    }

    /// The steps of one segment, taken again by `methods`, which have begun a solve of `ivp`, if need
    /// be.
    pub fn segment(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        index: usize,
        methods: &mut Sides,
        norm: &ErrorNorm,
    ) -> Result<Segment<'_>, SolveError> {
        let (n, block) = (self.n, self.block(Level::Unknowns));
        let Level::States { stride } = self.level else {
            let (times, data, explicit) = (&self.times, &self.data, &self.explicit);
            return Ok(Segment { times, data, explicit, n, block });
        };
        let first = index * stride;
        let last = (first + stride).min(self.steps());
        let times = &self.times[first..=last];
        let explicit = self.explicit.get(first..last).unwrap_or(&[]);
        let (start, slope) = self.data[2 * index * n..2 * (index + 1) * n].split_at(n);
        let mut counts = Stats::default();
        methods.choose(explicit.first().copied().flatten());
        methods.active().resume(ivp, settings, times[0], (start, slope), &mut counts)?;
        self.segment.clear();
        for (i, pair) in times.windows(2).enumerate() {
            let table = explicit.get(i).copied().flatten();
            let continues = i > 0 && methods.takes(table);
            if i > 0 && !continues {
                let end = methods.active().end().to_vec();
                methods.change(ivp, settings, table, (pair[0], &end), &mut counts)?;
            }
            let method = methods.active();
            let attempt = method.attempt(ivp, (pair[0], pair[1]), continues, norm, &mut counts);
            let solved = matches!(attempt, Attempt::Measured(error) if !error.is_nan());
            let taken = Taken::of(method.unknowns(), method.stages()).filter(|_| solved);
            let Some(taken) = taken else {
                return Err(SolveError::NotConverged { t: pair[0], h: pair[1] - pair[0] });
            };
            taken.put_down(&mut self.segment, pair[1] - pair[0], block);
        }
        self.recomputed += counts.rhs;
        Ok(Segment { times, data: &self.segment, explicit, n, block })
    }

    /// Values held at a level with so much data.
    fn size(&self, level: Level, data: usize) -> usize {
        let kinds = self.explicit.len() * size_of::<Option<&Tableau>>() / BYTES;
        let segment = match level {
            Level::Unknowns => 0,
            Level::States { stride } => stride * self.block(Level::Unknowns),
        };
        self.times.len() + kinds + data + segment
    }

    /// Gives up detail while that saves memory and the budget asks for it.
    fn keep_within_budget(&mut self) {
        loop {
            let held = self.size(self.level, self.data.len());
            if held * BYTES <= self.budget {
                return;
            }
            let stride = match self.level {
                Level::Unknowns => 1,
                Level::States { stride } => 2 * stride,
            };
            let (coarser, n) = (Level::States { stride }, self.n);
            let kept = self.steps().div_ceil(stride);
            if self.size(coarser, kept * 2 * n) >= held {
                return;
            }
            match self.level {
                Level::Unknowns => {
                    let block = self.block(Level::Unknowns);
                    for row in 0..kept {
                        let h = self.times[row + 1] - self.times[row];
                        self.data.copy_within(row * block..row * block + 2 * n, 2 * row * n);
                        // The first unknown is the slope times the length where that matters.
                        for x in &mut self.data[(2 * row + 1) * n..2 * (row + 1) * n] {
                            *x /= h;
                        }
                    }
                }
                Level::States { .. } => {
                    for row in 0..kept {
                        self.data.copy_within(4 * row * n..(4 * row + 2) * n, 2 * row * n);
                    }
                }
            }
            self.data.truncate(kept * 2 * n);
            self.level = coarser;
        }
    }
}

fn shows_no_stages() -> SolveError {
    SolveError::Invalid(
        "this solver shows no stages, which gradients of its very steps need (automatic switching \
         shows none above 50 states, where its implicit side is BDF); use bdf by itself, or the gauss \
         method"
            .into(),
    )
}

/// A step of an explicit or of an implicit method.
enum Taken<'a> {
    Implicit(StepUnknowns<'a>),
    Explicit(&'a Stages),
}

impl<'a> Taken<'a> {
    /// What a method shows of its step, if it does.
    fn of(unknowns: Option<StepUnknowns<'a>>, stages: Option<&'a Stages>) -> Option<Self> {
        unknowns.map(Taken::Implicit).or(stages.map(Taken::Explicit))
    }

    fn start(&self) -> &'a [f64] {
        match self {
            Taken::Implicit(taken) => taken.start,
            Taken::Explicit(stages) => stages.state(0),
        }
    }

    /// The slope handed over at its beginning; empty where none is.
    fn slope(&self) -> &'a [f64] {
        match self {
            Taken::Implicit(taken) => taken.slope,
            Taken::Explicit(_) => &[],
        }
    }

    fn table(&self) -> Option<&'static Tableau> {
        match self {
            Taken::Implicit(_) => None,
            Taken::Explicit(stages) => Some(stages.tableau()),
        }
    }

    /// Adds its beginning and its unknowns to `data`, `block` numbers in all. It has the length `h`.
    fn put_down(&self, data: &mut Vec<f64>, h: f64, block: usize) {
        let end = data.len() + block;
        data.extend_from_slice(self.start());
        match self {
            Taken::Implicit(taken) => data.extend_from_slice(taken.rows),
            Taken::Explicit(stages) => {
                for i in 0..stages.tableau().stages() {
                    data.extend(stages.slope(i).iter().map(|k| h * k));
                }
            }
        }
        data.resize(end, 0.0);
    }
}

impl StepObserver for Record {
    fn interpolates(&self) -> bool {
        false
    }

    fn accepted(&mut self, step: &Step, solution: &mut dyn Stepper) -> Result<(), SolveError> {
        let stages = solution.stages().filter(|_| self.switches);
        let taken = Taken::of(solution.unknowns(), stages).ok_or_else(shows_no_stages)?;
        if self.times.is_empty() {
            self.times.push(step.t_prev);
        }
        let index = self.steps();
        self.times.push(step.t);
        if self.switches {
            self.explicit.push(taken.table());
        }
        match self.level {
            Level::Unknowns => {
                let block = self.block(Level::Unknowns);
                taken.put_down(&mut self.data, step.t - step.t_prev, block);
            }
            Level::States { stride } if index.is_multiple_of(stride) => {
                self.data.extend_from_slice(taken.start());
                match taken.slope() {
                    [] => self.data.resize(self.data.len() + self.n, 0.0),
                    slope => self.data.extend_from_slice(slope),
                }
            }
            Level::States { .. } => {}
        }
        self.keep_within_budget();
        Ok(())
    }
}
