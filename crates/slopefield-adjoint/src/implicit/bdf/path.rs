//! The forward solve, its steps taken again, and what is kept of them: the end of every step, or the
//! differences before every `stride`-th one, from which the others are computed again.

use slopefield_solve::bdf::{BackwardStep, BackwardSteps, FrozenBdf, MAX_ORDER};
use slopefield_solve::{Bdf, Ivp, Settings, SolveError, Stats, StepObserver, Stepper, drive};

/// Differences that a step can need, the state among them.
pub(super) const DIFFERENCES: usize = MAX_ORDER + 2;

const BYTES: usize = size_of::<f64>();

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    /// The end of every step.
    Ends,
    /// The differences before each `stride`-th step.
    Differences { stride: usize },
}

/// Solver and record.
///
/// The steps of the adaptive solve are taken again with their equations solved to rounding, and states,
/// loss and gradient are those: the same steps, and states that differ by a few hundredths of the
/// tolerance.
pub(super) struct Path {
    stepper: Bdf,
    taken: BackwardSteps,
    again: FrozenBdf,
    level: Level,
    n: usize,
    /// Numbers kept of a step: its end, and with a mass matrix what that is multiplied by.
    block: usize,
    /// Blocks of all steps, or the differences and their spacing before each `stride`-th step.
    data: Vec<f64>,
    /// The spacing of the differences before each step.
    spacings: Vec<f64>,
    /// The blocks of one segment, computed again.
    segment: Vec<f64>,
    /// The given state.
    start: Vec<f64>,
    /// Evaluations besides those of the adaptive solve.
    pub repeated: u64,
    /// Bytes that the record may hold.
    pub budget: u64,
}

/// One step.
pub(super) struct StepView<'a> {
    pub info: &'a BackwardStep,
    /// Whether it is the first of all.
    pub first: bool,
    /// Spacing of the differences before it.
    pub spacing: f64,
    /// The state at its beginning as the step before left it,
    pub start: &'a [f64],
    /// and at its end.
    pub end: &'a [f64],
    /// What the mass matrix is multiplied by; empty without one.
    pub under_mass: &'a [f64],
}

/// Consecutive steps.
pub(super) struct Segment<'a> {
    first: usize,
    steps: &'a [BackwardStep],
    spacings: &'a [f64],
    start: &'a [f64],
    data: &'a [f64],
    block: usize,
    n: usize,
}

impl Segment<'_> {
    /// Number of steps.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Step `i`.
    pub fn step(&self, i: usize) -> StepView<'_> {
        let Segment { n, block, data, .. } = *self;
        let (end, under_mass) = data[i * block..(i + 1) * block].split_at(n);
        let start = match i {
            0 => self.start,
            _ => &data[(i - 1) * block..(i - 1) * block + n],
        };
        let (info, spacing) = (&self.steps[i], self.spacings[i]);
        StepView { info, first: self.first + i == 0, spacing, start, end, under_mass }
    }
}

impl Path {
    pub fn new() -> Self {
        Path {
            stepper: Bdf::new(),
            taken: BackwardSteps::default(),
            again: FrozenBdf::new(Vec::new()),
            level: Level::Ends,
            n: 0,
            block: 0,
            data: Vec::new(),
            spacings: Vec::new(),
            segment: Vec::new(),
            start: Vec::new(),
            repeated: 0,
            budget: crate::DEFAULT_MEMORY,
        }
    }

    /// Number of segments the steps are divided into.
    pub fn segments(&self) -> usize {
        let steps = self.taken.steps.len();
        match self.level {
            Level::Ends => usize::from(steps > 0),
            Level::Differences { stride } => steps.div_ceil(stride),
        }
    }

    /// Bytes held, with the room for a segment that is computed again.
    pub fn bytes(&self) -> u64 {
        self.size(self.level)
    }

    /// Bytes at a level.
    fn size(&self, level: Level) -> u64 {
        let steps = self.taken.steps.len();
        let numbers = match level {
            Level::Ends => steps * self.block,
            Level::Differences { stride } => {
                steps.div_ceil(stride) * (DIFFERENCES * self.n + 1) + stride * self.block
            }
        };
        (steps * (size_of::<BackwardStep>() + BYTES) + numbers * BYTES) as u64
    }

    /// The finest level that keeps the budget; where none does, what needs least.
    fn choose_level(&self) -> Level {
        let mut best = Level::Ends;
        let mut stride = 2;
        while self.size(best) > self.budget && stride <= self.taken.steps.len() {
            let coarser = Level::Differences { stride };
            if self.size(coarser) < self.size(best) {
                best = coarser;
            }
            stride *= 2;
        }
        best
    }

    /// Solves, takes the steps again, keeps them and writes their states at `saves`.
    pub fn solve(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        states: &mut [f64],
    ) -> Result<Stats, SolveError> {
        let n = ivp.u0.len();
        self.taken.steps.clear();
        self.spacings.clear();
        // What the adaptive solve says of the saves is overwritten; it looks whether they make sense.
        let record = Some(&mut self.taken as &mut dyn StepObserver);
        let stats = drive(&mut self.stepper, ivp, settings, saves, states, record)?;
        self.n = n;
        self.block = if ivp.rhs.structure().mass.is_some() { 2 * n } else { n };
        self.level = self.choose_level();
        self.start.clear();
        self.start.extend_from_slice(ivp.u0);
        self.data.clear();
        self.segment.clear();
        self.repeated = 0;
        if self.taken.steps.is_empty() {
            return Ok(stats);
        }
        self.again.begin(ivp, settings)?;
        let direction = ivp.direction();
        let mut next = 0;
        while saves.get(next) == Some(&ivp.t0) {
            states[next * n..(next + 1) * n].copy_from_slice(self.again.state());
            next += 1;
        }
        for (i, step) in self.taken.steps.iter().enumerate() {
            if let Some(interruption) = settings.interruption(step.t_prev) {
                return Err(interruption);
            }
            if let Level::Differences { stride } = self.level
                && i.is_multiple_of(stride)
            {
                self.data.extend_from_slice(&self.again.differences()[..DIFFERENCES * n]);
                self.data.push(self.again.spacing());
            }
            // Where the method begins anew, the differences have the spacing of its step.
            let before = if step.begins { step.h() } else { self.again.spacing() };
            self.spacings.push(before);
            self.again.advance(ivp, step)?;
            if self.level == Level::Ends {
                keep(&mut self.data, &self.again, n, self.block);
            }
            while let Some(save) = saves.get(next).filter(|t| (step.t - **t) * direction >= 0.0) {
                let out = &mut states[next * n..(next + 1) * n];
                self.again.interpolate(*save, out)?;
                next += 1;
            }
        }
        self.repeated = self.again.stats().rhs;
        Ok(stats)
    }

    /// The steps of one segment, taken again if need be.
    pub fn segment(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        index: usize,
    ) -> Result<Segment<'_>, SolveError> {
        let (n, block) = (self.n, self.block);
        let (steps, spacings) = (&self.taken.steps[..], &self.spacings[..]);
        let Level::Differences { stride } = self.level else {
            let (start, data) = (&self.start, &self.data);
            return Ok(Segment { first: 0, steps, spacings, start, data, block, n });
        };
        let first = index * stride;
        let last = (first + stride).min(steps.len());
        let len = DIFFERENCES * n + 1;
        let (differences, spacing) =
            self.data[index * len..(index + 1) * len].split_at(DIFFERENCES * n);
        let before = self.again.stats().rhs;
        self.again.resume(differences, spacing[0]);
        self.segment.clear();
        for step in &steps[first..last] {
            if settings.cancelled() {
                return Err(SolveError::Cancelled { t: step.t_prev });
            }
            self.again.advance(ivp, step)?;
            keep(&mut self.segment, &self.again, n, block);
        }
        self.repeated += self.again.stats().rhs - before;
        let (steps, spacings) = (&steps[first..last], &spacings[first..last]);
        // Before the first step, the given state and not the consistent one.
        let start = if first == 0 { &self.start[..] } else { &differences[..n] };
        let data = &self.segment;
        Ok(Segment { first, steps, spacings, start, data, block, n })
    }
}

/// Puts the step just taken down.
fn keep(data: &mut Vec<f64>, taken: &FrozenBdf, n: usize, block: usize) {
    data.extend_from_slice(&taken.differences()[..n]);
    if block > n {
        data.extend_from_slice(taken.under_mass());
    }
}
