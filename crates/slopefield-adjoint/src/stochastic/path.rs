//! A solved path with its accepted steps, and the steps again as tapes.

use super::record::Record;
use super::schemes::{Recorded, Scheme, Taken};
use super::system::System;
use super::tape::{Row, StepTape};
use crate::Loss;
use crate::saves::SavedStates;
use slopefield_solve::{Ivp, Settings, SolveError, Stats, Stepper, drive};
use slopefield_stochastic::BrownianMotion;
use std::ops::Range;

/// A path, and the step of it that is on the tape.
pub(super) struct Path {
    scheme: Scheme,
    stepper: Box<dyn Stepper>,
    record: Record,
    pub(super) saved: SavedStates,
    motion: BrownianMotion,
    pub(super) tape: StepTape,
    w: Vec<f64>,
    area: Vec<f64>,
    part: Vec<f64>,
    part_area: Vec<f64>,
    /// Beginning of the step on the tape.
    pub(super) begin: Row,
    /// Save points within or at the end of the step on the tape, and their states there.
    pub(super) rows: Vec<(usize, Row)>,
}

impl Path {
    /// Paths by the method called `id`, if its steps can be differentiated.
    pub(super) fn named(id: &str) -> Option<Path> {
        Some(Path {
            scheme: Scheme::named(id)?,
            stepper: slopefield_stochastic::method(id)?,
            record: Record::default(),
            saved: SavedStates::default(),
            motion: BrownianMotion::default(),
            tape: StepTape::default(),
            w: Vec::new(),
            area: Vec::new(),
            part: Vec::new(),
            part_area: Vec::new(),
            begin: Row::default(),
            rows: Vec::new(),
        })
    }

    /// Keeps states below `bytes`, where that is possible.
    pub(super) fn set_budget(&mut self, bytes: u64) {
        self.record.set_budget(bytes);
    }

    /// The system of a problem for the method; see [`System::new`].
    ///
    /// # Errors
    /// Those of [`System::new`].
    pub(super) fn system<'a>(&self, ivp: &'a Ivp<'a>) -> Result<System<'a>, SolveError> {
        System::new(ivp, self.scheme)
    }

    /// Solves and keeps the accepted steps and the states at the save times.
    pub(super) fn solve(
        &mut self,
        system: &System<'_>,
        settings: &Settings,
        saves: &[f64],
    ) -> Result<Stats, SolveError> {
        let ivp = system.ivp;
        self.saved.resize(saves.len(), ivp.u0.len());
        self.record.begin(ivp, settings);
        let out = &mut self.saved.states;
        let stats = drive(&mut *self.stepper, ivp, settings, saves, out, Some(&mut self.record))?;
        self.motion.start(settings.seed, settings.path, system.noise.sources)?;
        for row in [&mut self.w, &mut self.area, &mut self.part, &mut self.part_area] {
            row.resize(system.noise.sources, 0.0);
        }
        self.tape.configure(system);
        Ok(stats)
    }

    /// Evaluates the loss.
    pub(super) fn loss(&mut self, loss: &mut Loss<'_>) -> f64 {
        self.saved.evaluate(loss)
    }

    /// Number of accepted steps.
    pub(super) fn steps(&self) -> usize {
        self.record.steps()
    }

    /// Start and end of a step.
    pub(super) fn times(&self, step: usize) -> (f64, f64) {
        self.record.times(step)
    }

    /// State at the end of a step.
    #[cfg(test)]
    pub(super) fn end(&mut self, ivp: &Ivp<'_>, step: usize) -> Vec<f64> {
        let states = self.record.states(&mut *self.stepper, ivp, step).expect("a step again");
        states[ivp.u0.len()..].to_vec()
    }

    /// Puts a step on the tape, with the save points within it and at its end, whose indices are
    /// `inside`.
    ///
    /// # Errors
    /// Those of steps taken again where states were not kept.
    pub(super) fn replay(
        &mut self,
        system: &System<'_>,
        step: usize,
        saves: &[f64],
        inside: Range<usize>,
    ) -> Result<Recorded, SolveError> {
        let n = system.ivp.u0.len();
        let (t, t_new) = self.times(step);
        let states = self.record.states(&mut *self.stepper, system.ivp, step)?;
        let (before, end) = states.split_at(n);
        self.motion.increment(t, t_new, &mut self.w, &mut self.area);
        let taken = Taken { t, t_new, w: &self.w, area: &self.area, end };
        let u = self.tape.begin(before);
        self.begin = u;
        let recorded = self.scheme.record(&mut self.tape, system, &taken, u);
        self.rows.clear();
        for save in inside {
            let time = saves[save];
            if time == t_new {
                self.rows.push((save, recorded.end));
                continue;
            }
            // The chord, and the noise of the motion's own deviation from its chord.
            let theta = (time - t) / (t_new - t);
            self.motion.increment(t, time, &mut self.part, &mut self.part_area);
            let (part, w) = (&self.part, &self.w);
            let bridge = part.iter().zip(w).map(|(part, w)| part - theta * w);
            let noise = self.tape.noise(system, recorded.coefficients, bridge);
            let terms = [(1.0 - theta, u), (theta, recorded.end), (1.0, noise)];
            let row = self.tape.sum(terms);
            self.rows.push((save, row));
        }
        Ok(recorded)
    }

    /// Bytes of the path and the tape.
    pub(super) fn bytes(&self) -> u64 {
        self.record.bytes() + self.tape.bytes()
    }
}

/// The error for an implicit step whose end has no derivative.
pub(super) fn no_derivative(t: f64) -> SolveError {
    SolveError::Invalid(format!(
        "the implicit step that ends at t = {t} has no derivative: its equation has a singular \
         Jacobian there"
    ))
}
