//! Exact gradients through events and delays, over explicit Runge–Kutta methods.
//!
//! The solve is a chain of steps, changes at events and reads of the past, and the gradient is the
//! derivative of that chain. What counts as constant and what moves is said on the page
//! `docs/derivations/event-and-delay-gradients.md`: steps end where error control chose, but events
//! happen when their conditions or times say, steps after them begin there, and discontinuities that
//! constant lags carry on move with the lags.

mod build;
pub(crate) mod causes;
pub(crate) mod locate;
pub(crate) mod parts;
pub(crate) mod past;
pub(crate) mod record;
pub(crate) mod reverse;
mod start;
pub(crate) mod system;
mod tangent;
pub(crate) mod trace;

use crate::method::{ensure_finite, validate_gradients};
use crate::saves::SavedStates;
use crate::sensitivity::{Sink, TangentPass, sensitivities};
use crate::{Evaluated, GradientMethod, Loss, StateSensitivities};
use build::Builder;
use parts::{LEAST_STEPS, Stretch, divide};
use record::{Record, Room};
use reverse::Reverse;
use slopefield_kernel::Part;
use slopefield_solve::{
    DelayStepper, ExplicitRungeKutta, Ivp, Settings, SolveError, Stages, Stats, Tableau,
    drive_to_stop, tableau,
};
pub(crate) use start::StartTime;
use system::System;
use tangent::{Direction, Forward};
use trace::Trace;

/// The parts of a system whose derivative is part of these gradients.
pub(crate) const HONOURED: [Part; 2] = [Part::Events, Part::Delays];

/// Makes a buffer hold `len` zeros.
fn zeros(buffer: &mut Vec<f64>, len: usize) {
    buffer.clear();
    buffer.reserve_exact(len);
    buffer.resize(len, 0.0);
}

/// A solve with its trace.
struct Traced {
    plain: ExplicitRungeKutta,
    delayed: DelayStepper<Stages>,
    record: Record,
    builder: Builder,
    trace: Trace,
    /// The parts that the solve is gone through in; one where the trace is that of the whole.
    parts: Vec<Stretch>,
    /// Whether it may be in parts.
    in_parts: bool,
    /// Bytes that a gradient may hold.
    budget: u64,
    /// Whether losses are shown delayed values.
    shows_delayed: bool,
}

impl Traced {
    fn new(tableau: &'static Tableau, in_parts: bool) -> Self {
        Traced {
            parts: Vec::new(),
            in_parts,
            plain: ExplicitRungeKutta::new(tableau),
            delayed: DelayStepper::new(Stages::new(tableau)),
            record: Record::default(),
            builder: Builder::default(),
            trace: Trace::new(tableau),
            budget: crate::DEFAULT_MEMORY,
            shows_delayed: false,
        }
    }

    /// What a solve takes with its trace, and with the cotangents or the tangents along it.
    fn room(&self, system: &System<'_>) -> Room {
        let (record, trace) = (Record::each(system.n, system.lags()), self.trace.each(system));
        let pass = 8 * ((self.trace.rows() + 1) * system.n + 2);
        let condition = size_of::<Option<locate::Condition>>();
        let by_all = 8 * (system.all + system.ivp.p.len());
        let (step, event) = (trace.0 + pass + condition, trace.1 + 16 + by_all);
        // A part may have a few steps only, and the list of them may have grown.
        let kept = record.0 + 2 * size_of::<Stretch>() / LEAST_STEPS;
        let smallest = LEAST_STEPS * (step + event);
        Room {
            budget: self.budget,
            step: record.0 + step,
            event: record.1 + event,
            pair: 0,
            in_parts: (self.in_parts && system.delays().is_none())
                .then_some((kept, record.1, smallest)),
        }
    }

    /// Solves, writes the states at `saves` and makes the trace. Returns the counters and the number
    /// of saves reached.
    fn solve(
        &mut self,
        system: &System<'_>,
        settings: &Settings,
        saves: &[f64],
        states: &mut [f64],
    ) -> Result<(Stats, usize), SolveError> {
        let ivp = &system.ivp;
        self.record.clear(system.lags(), self.room(system));
        let record = Some(&mut self.record as &mut dyn slopefield_solve::StepObserver);
        let outcome = if system.delays().is_some() {
            drive_to_stop(&mut self.delayed, ivp, settings, saves, states, record)?
        } else {
            drive_to_stop(&mut self.plain, ivp, settings, saves, states, record)?
        };
        self.record.check()?;
        let direction = ivp.direction();
        let reached = match outcome.stop {
            Some(stop) => saves.iter().take_while(|s| (stop.t - **s) * direction >= 0.0).count(),
            None => saves.len(),
        };
        self.builder.evaluations = 0;
        match self.record.part_room() {
            None => {
                self.parts.clear();
                self.parts.push(Stretch::whole(&self.record));
                self.trace(system, settings, (saves, reached), 0)?;
            }
            Some(most) => {
                let each = self.room(system);
                let (record, event) = Record::each(system.n, system.lags());
                let each = (each.step - record, each.event - event);
                divide(system, &self.record, most, each, &mut self.parts);
                if self.parts.len() == 1 {
                    self.trace(system, settings, (saves, reached), 0)?;
                }
            }
        }
        Ok((outcome.stats, reached))
    }

    /// Makes the trace of a part; so many saves are reached.
    fn trace(
        &mut self,
        system: &System<'_>,
        settings: &Settings,
        (saves, reached): (&[f64], usize),
        part: usize,
    ) -> Result<(), SolveError> {
        let direction = system.ivp.direction();
        let within = |begin: f64, end: f64| {
            let after = saves.partition_point(|s| (s - begin) * direction <= 0.0);
            saves.get(after).is_some_and(|s| (end - s) * direction > 0.0)
        };
        let record = (&self.record, &self.parts[part]);
        let watched = if self.shown(system) > 0 { &saves[..reached] } else { &[] };
        self.builder.build(system, settings, record, &within, watched, &mut self.trace)
    }

    /// Number of delayed values that losses are shown at a save time.
    fn shown(&self, system: &System<'_>) -> usize {
        if self.shows_delayed { system.reads.len() } else { 0 }
    }

    fn bytes(&self) -> usize {
        let parts = if self.parts.len() > 1 { size_of_val(&self.parts[..]) } else { 0 };
        self.record.bytes() + self.trace.bytes() + parts
    }
}

/// Exact reverse of a solve with events and delays.
pub struct HybridAdjoint {
    traced: Traced,
    reverse: Reverse,
    saved: SavedStates,
}

impl HybridAdjoint {
    /// Through the method of `tableau`, with up to 256 MiB for the solve that is kept.
    pub fn new(tableau: &'static Tableau) -> Self {
        HybridAdjoint {
            traced: Traced::new(tableau, true),
            reverse: Reverse::default(),
            saved: SavedStates::default(),
        }
    }

    /// Through the built-in method called `name` (see [`slopefield_solve::methods`]).
    pub fn named(name: &str) -> Option<Self> {
        tableau(name).map(Self::new)
    }

    /// Holds no more than `bytes`: with events, where there is no room for the whole solve, it is gone
    /// through in parts, for which the states at all steps are kept. Refuses solves for which that is
    /// not enough, with the number that is, and with delays those whose whole is more.
    #[must_use]
    pub fn with_memory(mut self, bytes: u64) -> Self {
        self.traced.budget = bytes;
        self
    }
}

impl GradientMethod for HybridAdjoint {
    fn name(&self) -> &'static str {
        "discrete"
    }

    fn state_sensitivities(&self) -> Option<Box<dyn StateSensitivities>> {
        let mut forward = HybridForward::new(self.traced.trace.tableau);
        forward.pass.traced.shows_delayed = self.traced.shows_delayed;
        Some(Box::new(forward.with_memory(self.traced.budget)))
    }

    fn show_delayed(&mut self) -> bool {
        self.traced.shows_delayed = true;
        true
    }

    fn evaluate(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        loss: &mut Loss<'_>,
        grad_u0: &mut [f64],
        grad_p: &mut [f64],
    ) -> Result<Evaluated, SolveError> {
        validate_gradients(ivp, grad_u0, grad_p, &HONOURED)?;
        let system = System::new(ivp);
        self.saved.resize_with_delayed(saves.len(), system.n, self.traced.shown(&system));
        let (forward, reached) =
            self.traced.solve(&system, settings, saves, &mut self.saved.states)?;
        self.traced.trace.write_watched(&mut self.saved.delayed);
        let loss = self.saved.evaluate(loss);
        // What a loss says of states that were not reached has no meaning.
        self.saved.by_state[reached * system.n..].fill(0.0);
        grad_p.fill(0.0);
        let (mut memory, mut saves_end) = (0, reached);
        let parts = self.traced.parts.len();
        for part in (0..parts).rev() {
            if settings.cancelled() {
                return Err(SolveError::Cancelled { t: ivp.t0 });
            }
            if parts > 1 {
                // Parts have no delays, of which losses would be shown something.
                self.traced.trace(&system, settings, (saves, 0), part)?;
            }
            let (trace, reverse) = (&self.traced.trace, &mut self.reverse);
            match part + 1 == parts {
                true => reverse.begin(&system, trace),
                false => reverse.go_over(&system, trace),
            }
            let coincidences = &self.traced.builder.coincidences;
            reverse.locator.check_coincidences(&system, trace, coincidences)?;
            reverse.run_part(&system, trace, saves, &mut saves_end, &self.saved, grad_p)?;
            memory = memory.max(self.traced.bytes() + self.reverse.bytes());
        }
        let trace = &self.traced.trace;
        self.reverse.finish(&system, trace, saves_end, &self.saved, grad_u0);
        ensure_finite(ivp, &self.saved.by_state, grad_u0, grad_p)?;
        Ok(Evaluated {
            loss,
            forward,
            reverse_products: self.reverse.products + self.traced.builder.evaluations,
            memory: memory as u64,
            by_start_time: (!self.traced.trace.has_events_at_start())
                .then_some(self.reverse.moments[0]),
        })
    }
}

/// Tangent of a solve with events and delays, along the start time, every initial value and every
/// parameter.
pub struct HybridForward {
    pass: Pass,
    saved: SavedStates,
}

impl HybridForward {
    /// Through the method of `tableau`, with up to 256 MiB for the solve that is kept.
    pub fn new(tableau: &'static Tableau) -> Self {
        let pass = Pass { traced: Traced::new(tableau, false), forward: Forward::default() };
        HybridForward { pass, saved: SavedStates::default() }
    }

    /// Through the built-in method called `name` (see [`slopefield_solve::methods`]).
    pub fn named(name: &str) -> Option<Self> {
        tableau(name).map(Self::new)
    }
}

impl HybridForward {
    /// Refuses solves that take more than `bytes` to keep, with their number.
    #[must_use]
    pub fn with_memory(mut self, bytes: u64) -> Self {
        self.pass.traced.budget = bytes;
        self
    }

    fn again(&self) -> Option<Self> {
        let mut again = Self::new(self.pass.traced.trace.tableau);
        again.pass.traced.shows_delayed = self.pass.traced.shows_delayed;
        Some(again.with_memory(self.pass.traced.budget))
    }
}

sensitivities!(HybridForward);

struct Pass {
    traced: Traced,
    forward: Forward,
}

impl TangentPass for Pass {
    fn honoured(&self) -> &'static [Part] {
        &HONOURED
    }

    fn solve(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        states: &mut [f64],
    ) -> Result<(Stats, usize), SolveError> {
        self.traced.solve(&System::new(ivp), settings, saves, states)
    }

    fn follows_start_time(&self) -> bool {
        !self.traced.trace.has_events_at_start()
    }

    fn propagate(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        start_time: bool,
        sink: &mut Sink<'_>,
    ) -> Result<(), SolveError> {
        let system = &System::new(ivp);
        let (n, m) = (system.n, ivp.p.len());
        let trace = &self.traced.trace;
        self.forward.begin(system, trace)?;
        let coincidences = &self.traced.builder.coincidences;
        self.forward.locator.check_coincidences(system, trace, coincidences)?;
        let (mut u0, mut p) = (vec![0.0; n], vec![0.0; m]);
        for column in 0..n + m + usize::from(start_time) {
            if settings.cancelled() {
                return Err(SolveError::Cancelled { t: ivp.t0 });
            }
            let unit = if column < n { u0.get_mut(column) } else { p.get_mut(column - n) };
            let t0 = if unit.is_none() { 1.0 } else { 0.0 };
            if let Some(unit) = unit {
                *unit = 1.0;
            }
            let along = Direction { t0, u0: &u0, p: &p };
            self.forward.run(system, trace, along, saves, &mut |row, tangent| {
                sink(row, column, tangent);
            })?;
            u0.fill(0.0);
            p.fill(0.0);
        }
        Ok(())
    }

    fn show(&mut self) -> bool {
        self.traced.shows_delayed = true;
        true
    }

    fn shown(&self, ivp: &Ivp<'_>) -> usize {
        self.traced.shown(&System::new(ivp))
    }

    fn write_shown(&self, delayed: &mut [f64]) {
        self.traced.trace.write_watched(delayed);
    }

    fn products(&self) -> u64 {
        self.forward.products + self.traced.builder.evaluations
    }

    fn bytes(&self) -> u64 {
        (self.traced.bytes() + self.forward.bytes()) as u64
    }
}
