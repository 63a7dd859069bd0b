//! Exact gradients through events and delays, over explicit Runge–Kutta methods.
//!
//! The solve is a chain of steps, changes at events and reads of the past, and the gradient is the
//! derivative of that chain. What counts as constant and what moves is said on the page
//! `docs/derivations/event-and-delay-gradients.md`: steps end where error control chose, but events
//! happen when their conditions or times say, steps after them begin there, and discontinuities that
//! constant lags carry on move with the lags.

mod build;
mod locate;
mod past;
mod record;
mod reverse;
mod start;
mod system;
mod tangent;
mod trace;

use crate::method::{ensure_finite, validate_gradients};
use crate::saves::SavedStates;
use crate::{Evaluated, GradientMethod, Loss};
use build::Builder;
use record::Record;
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

/// A solve with its trace.
struct Traced {
    plain: ExplicitRungeKutta,
    delayed: DelayStepper<Stages>,
    record: Record,
    builder: Builder,
    trace: Trace,
}

impl Traced {
    fn new(tableau: &'static Tableau) -> Self {
        Traced {
            plain: ExplicitRungeKutta::new(tableau),
            delayed: DelayStepper::new(Stages::new(tableau)),
            record: Record::default(),
            builder: Builder::default(),
            trace: Trace::new(tableau),
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
        self.record.clear(system.lags());
        let record = Some(&mut self.record as &mut dyn slopefield_solve::StepObserver);
        let outcome = if system.delays().is_some() {
            drive_to_stop(&mut self.delayed, ivp, settings, saves, states, record)?
        } else {
            drive_to_stop(&mut self.plain, ivp, settings, saves, states, record)?
        };
        let direction = ivp.direction();
        let reached = match outcome.stop {
            Some(stop) => saves.iter().take_while(|s| (stop.t - **s) * direction >= 0.0).count(),
            None => saves.len(),
        };
        let within = |begin: f64, end: f64| {
            let after = saves.partition_point(|s| (s - begin) * direction <= 0.0);
            saves.get(after).is_some_and(|s| (end - s) * direction > 0.0)
        };
        self.builder.build(system, settings, &self.record, &within, &mut self.trace)?;
        Ok((outcome.stats, reached))
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
    /// Through the method of `tableau`.
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
}

impl GradientMethod for HybridAdjoint {
    fn name(&self) -> &'static str {
        "discrete"
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
        self.saved.resize(saves.len(), system.n);
        let (forward, reached) =
            self.traced.solve(&system, settings, saves, &mut self.saved.states)?;
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
    traced: Traced,
    forward: Forward,
    saved: SavedStates,
}

impl HybridForward {
    /// Through the method of `tableau`.
    pub fn new(tableau: &'static Tableau) -> Self {
        HybridForward {
            traced: Traced::new(tableau),
            forward: Forward::default(),
            saved: SavedStates::default(),
        }
    }

    /// Through the built-in method called `name` (see [`slopefield_solve::methods`]).
    pub fn named(name: &str) -> Option<Self> {
        tableau(name).map(Self::new)
    }

    /// Solves and writes the states at `saves` to `states` and their derivatives to `jacobian`, as
    /// [`crate::ForwardSensitivity::jacobian`] does. Rows that are not reached because an event stops
    /// the solve have the derivative 0.
    ///
    /// # Errors
    /// As [`GradientMethod::evaluate`].
    pub fn jacobian(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        states: &mut [f64],
        jacobian: &mut [f64],
    ) -> Result<Stats, SolveError> {
        validate_gradients(ivp, ivp.u0, ivp.p, &HONOURED)?;
        let system = System::new(ivp);
        let n = system.n;
        let columns = n + ivp.p.len();
        if jacobian.len() != states.len() * columns {
            return Err(SolveError::Invalid(format!(
                "room for a Jacobian of {} numbers was given, but {} × {columns} are needed",
                jacobian.len(),
                states.len()
            )));
        }
        let (stats, reached) = self.traced.solve(&system, settings, saves, states)?;
        jacobian.fill(0.0);
        self.propagate(
            &system,
            settings,
            &saves[..reached],
            false,
            &mut |row, column, tangent| {
                for (i, value) in tangent.iter().enumerate() {
                    jacobian[(row * n + i) * columns + column] = *value;
                }
            },
        )?;
        Ok(stats)
    }

    /// Hands `(save, direction, tangent)` to `sink` for every direction: initial values, parameters
    /// and, where asked for, the start time.
    fn propagate(
        &mut self,
        system: &System<'_>,
        settings: &Settings,
        saves: &[f64],
        start_time: bool,
        sink: &mut dyn FnMut(usize, usize, &[f64]),
    ) -> Result<(), SolveError> {
        let (n, m) = (system.n, system.ivp.p.len());
        let trace = &self.traced.trace;
        self.forward.begin(system, trace)?;
        let coincidences = &self.traced.builder.coincidences;
        self.forward.locator.check_coincidences(system, trace, coincidences)?;
        let (mut u0, mut p) = (vec![0.0; n], vec![0.0; m]);
        for column in 0..n + m + usize::from(start_time) {
            if settings.cancelled() {
                return Err(SolveError::Cancelled { t: system.ivp.t0 });
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
}

impl GradientMethod for HybridForward {
    fn name(&self) -> &'static str {
        "forward"
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
        let n = system.n;
        self.saved.resize(saves.len(), n);
        let (forward, reached) =
            self.traced.solve(&system, settings, saves, &mut self.saved.states)?;
        let loss = self.saved.evaluate(loss);
        self.saved.by_state[reached * n..].fill(0.0);
        let mut all = vec![0.0; n + ivp.p.len() + 1];
        let movable = !self.traced.trace.has_events_at_start();
        // The weights of the loss leave while the closure borrows the rest.
        let saved = std::mem::take(&mut self.saved);
        let reached = &saves[..reached];
        let swept = self.propagate(&system, settings, reached, movable, &mut |row, d, tangent| {
            let weights = saved.row_by_state(row, n);
            all[d] += weights.iter().zip(tangent).map(|(w, s)| w * s).sum::<f64>();
        });
        self.saved = saved;
        swept?;
        grad_u0.copy_from_slice(&all[..n]);
        grad_p.copy_from_slice(&all[n..n + ivp.p.len()]);
        ensure_finite(ivp, &self.saved.by_state, grad_u0, grad_p)?;
        let memory = self.traced.bytes() + self.forward.bytes();
        Ok(Evaluated {
            loss,
            forward,
            reverse_products: self.forward.products + self.traced.builder.evaluations,
            memory: memory as u64,
            by_start_time: movable.then_some(all[n + ivp.p.len()]),
        })
    }
}
