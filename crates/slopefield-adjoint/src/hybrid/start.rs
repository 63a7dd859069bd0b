//! The derivative by the start time of a solve without events and delays: only the first step
//! depends on it.

use super::build::Builder;
use super::parts::Stretch;
use super::record::{Entry, Record, Room};
use super::reverse::Reverse;
use super::system::System;
use super::tangent::{Direction, Forward};
use super::trace::Trace;
use crate::saves::SavedStates;
use slopefield_solve::{Ivp, Settings, SolveError, Tableau};

/// Differentiates first steps with respect to their beginning in time, in reverse and forward.
pub(crate) struct StartTime {
    record: Record,
    builder: Builder,
    trace: Trace,
    reverse: Reverse,
    forward: Forward,
    times: Vec<f64>,
    grad_u0: Vec<f64>,
    grad_p: Vec<f64>,
}

impl StartTime {
    pub fn new(tableau: &'static Tableau) -> Self {
        StartTime {
            record: Record::default(),
            builder: Builder::default(),
            trace: Trace::new(tableau),
            reverse: Reverse::default(),
            forward: Forward::default(),
            times: Vec::new(),
            grad_u0: Vec::new(),
            grad_p: Vec::new(),
        }
    }

    /// The derivative of the loss by the start time of `ivp`, whose first step ends at `end` with the
    /// state `state` and the cotangents `lambda` of that and `kappa` of the slope there. `saves` are
    /// those up to the end of the step.
    ///
    /// # Errors
    /// Derivatives that are not finite.
    #[allow(clippy::too_many_arguments, reason = "all that is known of the first step")]
    pub fn derivative(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        (end, state): (f64, &[f64]),
        lambda: &[f64],
        kappa: &[f64],
        saves: &[f64],
        saved: &SavedStates,
    ) -> Result<f64, SolveError> {
        let system = self.trace(ivp, settings, (end, state), saves)?;
        self.reverse.begin(&system, &self.trace);
        self.reverse.seed(&self.trace, lambda, kappa);
        self.grad_u0.resize(system.n, 0.0);
        self.grad_p.resize(ivp.p.len(), 0.0);
        let (by_u0, by_p) = (&mut self.grad_u0, &mut self.grad_p);
        self.reverse.run(&system, &self.trace, saves, saved, by_u0, by_p)?;
        Ok(self.reverse.moments[0])
    }

    /// The tangents of the first step along the start time: hands `(save, tangent)` to `sink` for
    /// the `saves` before its end, and last that at the end.
    ///
    /// # Errors
    /// Derivatives that are not finite.
    pub fn tangents(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        (end, state): (f64, &[f64]),
        saves: &[f64],
        sink: &mut dyn FnMut(usize, &[f64]),
    ) -> Result<(), SolveError> {
        let system = self.trace(ivp, settings, (end, state), saves)?;
        let before = |save: &&f64| (end - **save) * ivp.direction() > 0.0;
        self.times.clear();
        self.times.extend(saves.iter().take_while(before));
        self.times.push(end);
        self.forward.begin(&system, &self.trace)?;
        let (u0, p) = (vec![0.0; system.n], vec![0.0; ivp.p.len()]);
        let along = Direction { t0: 1.0, u0: &u0, p: &p };
        self.forward.run(&system, &self.trace, along, &self.times, sink)
    }

    /// Traces the first step.
    fn trace<'a>(
        &mut self,
        ivp: &Ivp<'a>,
        settings: &Settings,
        (end, state): (f64, &[f64]),
        saves: &[f64],
    ) -> Result<System<'a>, SolveError> {
        let system = System::new(ivp);
        self.record.clear(0, Room::default());
        self.record.steps = 1;
        self.record.entries.push(Entry::Step { begin: ivp.t0, end, cut: end });
        self.record.states.extend_from_slice(state);
        let direction = ivp.direction();
        let within = |begin: f64, end: f64| {
            let inside = |s: &f64| (s - begin) * direction > 0.0 && (end - s) * direction > 0.0;
            saves.iter().any(inside)
        };
        let part = Stretch::whole(&self.record);
        let record = (&self.record, &part);
        self.builder.build(&system, settings, record, &within, &[], &mut self.trace)?;
        Ok(system)
    }
}
