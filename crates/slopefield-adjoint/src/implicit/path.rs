//! The forward solve, with the record that derivatives follow.

use super::equations::{StageEquations, equations};
use super::record::{Record, Segment};
use super::rosenbrock::NEEDS_CURVATURE;
use super::sides::Sides;
use slopefield_kernel::{MatrixKernel, Part, Structure};
use slopefield_solve::{
    Consistency, ErrorNorm, FrozenSteps, Ivp, Settings, SolveError, Stats, StepGuesses, Stepper,
    Switching, drive, method, one_step,
};

/// The parts of systems that implicit methods honour here.
pub(super) const HONOURED: &[Part] = &[Part::Mass];

/// Why automatic switching is refused for large systems.
pub(super) const SWITCHES_TO_BDF: &str = "automatic switching uses BDF for systems of this size, and its \
    steps are not differentiated where they take turns with explicit ones; `bdf` by itself has exact \
    gradients";

/// Solver and record.
///
/// Methods with an iteration leave a part of the tolerance of it in their stages, and the steps of
/// the adaptive solve are then no smooth functions of anything. They are taken again with the stages
/// solved to rounding, and states, loss and gradient are those: the same steps, and states that
/// differ by a few hundredths of the tolerance.
pub(super) struct Path {
    pub equations: Box<dyn StageEquations>,
    stepper: Box<dyn Stepper>,
    /// Takes the steps of methods with an iteration again.
    frozen: Option<FrozenSteps>,
    /// Takes steps of the record again, where those are not all kept.
    again: Sides,
    norm: ErrorNorm,
    guesses: StepGuesses,
    pub record: Record,
    pub consistency: Consistency<f64>,
    /// Consistent state at the start, and the slope there.
    pub start: Vec<f64>,
    pub slope: Vec<f64>,
    scratch: Vec<f64>,
    /// Evaluations besides those of the adaptive solve.
    pub repeated: u64,
}

impl Path {
    pub fn named(name: &str) -> Option<Self> {
        let equations = equations(name)?;
        let again = Sides::of(name, &*equations)?;
        let iterates = !equations.solved_exactly();
        Some(Path {
            stepper: method(name)?,
            frozen: one_step(name)
                .filter(|_| iterates)
                .map(|method| FrozenSteps::of(method, Vec::new())),
            again,
            norm: ErrorNorm::default(),
            guesses: StepGuesses::new(crate::DEFAULT_MEMORY as usize / 16),
            record: Record::new(equations.stages(), equations.switches(), crate::DEFAULT_MEMORY),
            consistency: Consistency::default(),
            start: Vec::new(),
            slope: Vec::new(),
            scratch: Vec::new(),
            repeated: 0,
            equations,
        })
    }

    /// Keeps the record below `bytes` where that is possible.
    pub fn set_memory(&mut self, bytes: u64) {
        // Half for where iterations begin again, where there are any.
        let share = if self.frozen.is_some() { bytes / 2 } else { bytes };
        self.record.set_budget(share);
        self.guesses.room = usize::try_from(share / 8).unwrap_or(usize::MAX);
    }

    /// Bytes held.
    pub fn bytes(&self) -> u64 {
        self.record.bytes() + self.frozen.as_ref().map_or(0, FrozenSteps::guess_bytes)
    }

    /// Whether the system has what the derivatives need; otherwise a sentence.
    pub fn suits(&self, structure: &Structure<'_>) -> Result<(), String> {
        if self.equations.have_the_jacobian() && structure.hessian.is_none() {
            return Err(NEEDS_CURVATURE.into());
        }
        let large = |jacobian: &dyn MatrixKernel| {
            jacobian.pattern().width() > Switching::<f64>::LARGEST_FOR_RODAS5P
        };
        if self.equations.switches() && structure.jacobian.is_some_and(large) {
            return Err(SWITCHES_TO_BDF.into());
        }
        Ok(())
    }

    /// Solves, writes the states at `saves` and records the steps.
    pub fn solve(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        states: &mut [f64],
    ) -> Result<Stats, SolveError> {
        ivp.validate()?;
        self.equations.prepare(ivp)?;
        self.record.clear(ivp.u0.len());
        self.repeated = 0;
        let record = Some(&mut self.record as &mut dyn slopefield_solve::StepObserver);
        let Some(frozen) = &mut self.frozen else {
            return drive(&mut *self.stepper, ivp, settings, saves, states, record);
        };
        self.guesses.clear();
        let guesses = Some(&mut self.guesses as &mut dyn slopefield_solve::StepObserver);
        let stats = drive(&mut *self.stepper, ivp, settings, &[], &mut [], guesses)?;
        frozen.exchange(&mut self.guesses);
        self.repeated = drive(frozen, ivp, settings, saves, states, record)?.rhs;
        Ok(stats)
    }

    /// Gets ready to look at the steps again: finds the consistent start, and begins a solve where
    /// steps have to be repeated.
    pub fn begin(&mut self, ivp: &Ivp<'_>, settings: &Settings) -> Result<(), SolveError> {
        let mut counts = Stats::default();
        self.start.clear();
        self.start.extend_from_slice(ivp.u0);
        self.slope.resize(ivp.u0.len(), 0.0);
        if ivp.rhs.structure().mass.is_some() {
            self.consistency.freeze();
            self.consistency.configure(ivp, settings);
            let (start, slope) = (&mut self.start, &mut self.slope);
            self.consistency.establish(ivp, ivp.t0, start, slope, &mut counts)?;
        } else {
            self.scratch.resize(ivp.rhs.scratch_len(), 0.0);
            ivp.rhs.eval(ivp.t0, ivp.u0, ivp.p, &mut self.slope, &mut self.scratch);
            counts.rhs += 1;
        }
        if self.record.segments() > 1 {
            self.norm.configure(settings, ivp.u0.len());
            self.again.implicit.begin(ivp, settings, ivp.t0, ivp.u0, &mut counts)?;
        }
        self.repeated += counts.rhs;
        Ok(())
    }

    /// The steps of one segment, and the equations of their unknowns.
    pub fn segment(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        index: usize,
    ) -> Result<(Segment<'_>, &mut dyn StageEquations), SolveError> {
        let segment = self.record.segment(ivp, settings, index, &mut self.again, &self.norm)?;
        Ok((segment, &mut *self.equations))
    }
}
