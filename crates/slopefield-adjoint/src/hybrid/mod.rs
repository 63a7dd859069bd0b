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
    /// Bytes that a gradient may hold.
    budget: u64,
    /// Whether losses are shown delayed values.
    shows_delayed: bool,
}

impl Traced {
    fn new(tableau: &'static Tableau) -> Self {
        Traced {
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
        Room {
            budget: self.budget,
            step: record.0 + trace.0 + pass + condition,
            event: record.1 + trace.1 + 16 + by_all,
            pair: 0,
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
        let within = |begin: f64, end: f64| {
            let after = saves.partition_point(|s| (s - begin) * direction <= 0.0);
            saves.get(after).is_some_and(|s| (end - s) * direction > 0.0)
        };
        let watched = if self.shown(system) > 0 { &saves[..reached] } else { &[] };
        self.builder.build(system, settings, &self.record, &within, watched, &mut self.trace)?;
        Ok((outcome.stats, reached))
    }

    /// Number of delayed values that losses are shown at a save time.
    fn shown(&self, system: &System<'_>) -> usize {
        if self.shows_delayed { system.reads.len() } else { 0 }
    }

    fn bytes(&self) -> usize {
        self.record.bytes() + self.trace.bytes()
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
            traced: Traced::new(tableau),
            reverse: Reverse::default(),
            saved: SavedStates::default(),
        }
    }

    /// Through the built-in method called `name` (see [`slopefield_solve::methods`]).
    pub fn named(name: &str) -> Option<Self> {
        tableau(name).map(Self::new)
    }

    /// Refuses solves that take more than `bytes` to keep, with their number.
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
        let (trace, reverse) = (&self.traced.trace, &mut self.reverse);
        reverse.begin(&system, trace);
        let coincidences = &self.traced.builder.coincidences;
        reverse.locator.check_coincidences(&system, trace, coincidences)?;
        reverse.run(&system, trace, &saves[..reached], &self.saved, grad_u0, grad_p)?;
        ensure_finite(ivp, &self.saved.by_state, grad_u0, grad_p)?;
        let memory = self.traced.bytes() + self.reverse.bytes();
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
        let pass = Pass { traced: Traced::new(tableau), forward: Forward::default() };
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
