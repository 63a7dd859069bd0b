//! The reverse pass over the stretches, save times and events of a recorded solution.

use super::algebraic::Algebraic;
use super::equation::AdjointEquation;
use super::events::{Passage, Saltation, same_instant};
use super::integral::{Integral, Stretch, Work, integrate};
use super::recorder::{Recorder, Recording};
use super::reverse::Reverse;
use super::transposed::Transposed;
use crate::saves::SavedStates;
use slopefield_kernel::Events;
use slopefield_solve::{Ivp, Settings, SolveError, Stepper, drive};

/// A reverse pass on its way.
pub(crate) struct Sweep<'a> {
    pub ivp: &'a Ivp<'a>,
    pub settings: &'a Settings,
    pub saves: &'a [f64],
    pub integral: Integral,
    pub events: Option<&'a Events<'a>>,
    pub saved: &'a SavedStates,
    /// Save times still to come, from the last.
    pub remaining: usize,
    /// Of the forward solve, for stretches that are solved again.
    pub stepper: &'a mut dyn Stepper,
    pub reverse: &'a mut Reverse,
    pub recorder: &'a mut Recorder,
    /// `μ = Mᵀ λ`: the derivative of the loss by the state, in the directions that `M` sees.
    pub cotangent: &'a mut [f64],
    pub lambda: &'a mut [f64],
    pub state: &'a mut [f64],
    pub slope: &'a mut [f64],
    pub scratch: &'a mut [f64],
    pub transposed: &'a Transposed,
    pub algebraic: &'a mut Algebraic,
    pub saltation: &'a mut Saltation,
    pub work: &'a mut Work,
    pub grad_p: &'a mut [f64],
    /// Largest λ met, with a mass matrix.
    pub largest: f64,
    pub products: u64,
    pub by_start_time: Option<f64>,
}

impl Sweep<'_> {
    /// Runs from `reached`, where the forward solve ended, to its start.
    pub fn run(&mut self, reached: f64) -> Result<(), SolveError> {
        let mut t = reached;
        loop {
            let stiff = self.reverse.is_stiff(self.ivp, self.recorder);
            let start = self.recorder.path.span().map_or(self.ivp.t0, |(start, _)| start);
            self.stretch_back(t, start, stiff)?;
            if !self.reopen(start)? {
                return Ok(());
            }
            t = start;
        }
    }

    /// Solves the last stretch that is not held again, up to `until`. False when there is none.
    fn reopen(&mut self, until: f64) -> Result<bool, SolveError> {
        let Some((t, events, checkpoints)) = self.recorder.reopen(self.state) else {
            return Ok(false);
        };
        let again = Ivp { t0: t, t1: until, u0: self.state, ..*self.ivp };
        let list = self.events.map_or(&[][..], |events| events.list);
        let mut recording = Recording { recorder: &mut *self.recorder, events: list };
        drive(self.stepper, &again, self.settings, &[], &mut [], Some(&mut recording))?;
        if self.recorder.events_since(checkpoints) != events {
            return Err(SolveError::Invalid(format!(
                "solved again from t = {t} to t = {until}, the solution did not meet the same \
                 events; give the gradient more memory, or tighten the tolerances"
            )));
        }
        Ok(true)
    }

    /// From `t` to `start`, over the path held.
    fn stretch_back(&mut self, mut t: f64, start: f64, stiff: bool) -> Result<(), SolveError> {
        let mut steps = self.recorder.path.len();
        let mut pending = self.recorder.instants.len();
        loop {
            if t == self.ivp.t0 && pending == 0 {
                self.start_time(steps);
            }
            self.take_saves(t, steps)?;
            if pending > 0 && self.recorder.instants[pending - 1].t == t {
                steps = self.recorder.instants[pending - 1].steps;
                pending = self.pass_instant(pending)?;
                // The next stretch begins after a jump.
                self.reverse.settings.h_init = None;
            }
            if t == start {
                return Ok(());
            }
            let mut until = start;
            let later = |a: f64, b: f64| (a - b) * self.ivp.direction() > 0.0;
            if pending > 0 && later(self.recorder.instants[pending - 1].t, until) {
                until = self.recorder.instants[pending - 1].t;
            }
            if self.remaining > 0 && later(self.saves[self.remaining - 1], until) {
                until = self.saves[self.remaining - 1];
            }
            let first = if pending > 0 { self.recorder.instants[pending - 1].steps } else { 0 };
            if self.cotangent.iter().any(|w| *w != 0.0) {
                self.integrate(t, until, first..steps, stiff)?;
            }
            t = until;
        }
    }

    /// Adds what the loss says of the states at `t`, which are those after events there.
    fn take_saves(&mut self, t: f64, steps: usize) -> Result<(), SolveError> {
        let n = self.cotangent.len();
        while self.remaining > 0 && self.saves[self.remaining - 1] == t {
            self.remaining -= 1;
            let row = self.saved.row_by_state(self.remaining, n);
            if self.algebraic.transposed.is_none() {
                for (l, w) in self.cotangent.iter_mut().zip(row) {
                    *l += w;
                }
                continue;
            }
            self.lambda.copy_from_slice(row);
            let state = &self.saved.states[self.remaining * n..(self.remaining + 1) * n];
            self.slope_at(t, steps);
            let at = (t, state, &*self.slope);
            self.algebraic.absorb(self.ivp, at, self.lambda, self.grad_p)?;
            for (l, w) in self.cotangent.iter_mut().zip(&*self.lambda) {
                *l += w;
            }
        }
        Ok(())
    }

    /// The slope of the path at `t`, in the step that ends there or the one that begins there.
    fn slope_at(&mut self, t: f64, steps: usize) {
        let path = &self.recorder.path;
        let inside = (0..path.len()).any(|k| {
            let (a, b) = path.step(k);
            (t - a) * (t - b) <= 0.0 && k < steps
        });
        if inside {
            path.part(0..steps).slope(t, self.slope);
        } else {
            self.slope.fill(0.0);
        }
    }

    fn integrate(
        &mut self,
        from: f64,
        until: f64,
        steps: std::ops::Range<usize>,
        stiff: bool,
    ) -> Result<(), SolveError> {
        let with_integral = self.integral == Integral::Interpolating;
        let path = &self.recorder.path;
        let part = path.part(steps);
        let unknowns = self.cotangent.len() + if with_integral { self.grad_p.len() } else { 0 };
        part.at(from, self.state);
        self.algebraic.lift(self.ivp, (from, self.state), self.cotangent, self.lambda)?;
        if self.algebraic.transposed.is_some() {
            // λ has other units than the loss's derivatives then.
            self.largest = self.lambda.iter().fold(self.largest, |m, l| m.max(l.abs()));
            let first = self.reverse.settings.h_init;
            self.reverse.configure(self.settings, self.largest);
            self.reverse.settings.h_init = first;
        }
        let (stepper, settings) = self.reverse.solver(stiff, unknowns);
        let mass = self.algebraic.transposed.take();
        let equation = AdjointEquation {
            rhs: self.ivp.rhs,
            p: self.ivp.p,
            part,
            transposed: self.transposed,
            mass: mass.as_ref(),
            with_integral,
        };
        let stretch =
            Stretch { ivp: self.ivp, equation: &equation, from, until, stepper, settings };
        let solved =
            integrate(self.integral, self.work, stretch, self.lambda, self.algebraic, self.grad_p);
        self.algebraic.transposed = mass;
        let products = solved.map_err(|error| match error {
            SolveError::NonFinite { t, state, mut u } if state < self.state.len() => {
                u.resize(self.state.len(), 0.0);
                path.whole().at(t, &mut u);
                SolveError::NonFinite { t, state, u }
            }
            other => other,
        })?;
        self.products += products;
        self.algebraic.lower(self.lambda, self.cotangent);
        // The next stretch is as smooth as this one: begin with the step that went well. Implicit
        // methods find their own way into the transient after a jump.
        self.reverse.settings.h_init = if stiff { None } else { self.work.last_step };
        Ok(())
    }

    /// Passes the events of the last instant among the first `pending`; returns how many are left.
    fn pass_instant(&mut self, pending: usize) -> Result<usize, SolveError> {
        let Some(events) = self.events else { return Ok(pending) };
        let t = self.recorder.instants[pending - 1].t;
        let is_here = |k: &usize| same_instant(self.recorder.instants[*k].t, t);
        let first = (0..pending).rev().take_while(is_here).last().unwrap_or(pending - 1);
        if self.cotangent.iter().all(|w| *w == 0.0) {
            return Ok(first);
        }
        self.saltation.begin(self.ivp, events);
        let with_mass = self.algebraic.transposed.is_some();
        if with_mass && pending - first > 1 {
            return Err(SolveError::Invalid(format!(
                "several events happen at t = {t}; this gradient method passes one at a time in \
                 systems with algebraic variables or a mass matrix"
            )));
        }
        let mut carried = 0.0;
        for k in (first..pending).rev() {
            let instant = self.recorder.instants[k];
            let mut change = 0.0;
            if with_mass {
                let (path, steps) = (&self.recorder.path, instant.steps);
                if steps == 0 {
                    return Err(SolveError::Invalid(
                        "this gradient method does not pass events at the start of systems with \
                         algebraic variables or a mass matrix"
                            .into(),
                    ));
                }
                path.part(0..steps).slope(t, self.slope);
                if steps < path.len() {
                    let after = path.beginning(steps);
                    self.algebraic.lift(self.ivp, (t, after), self.cotangent, self.lambda)?;
                    self.ivp.rhs.eval(t, after, self.ivp.p, self.state, self.scratch);
                    // μᵀ u' for the part that M sees: λᵀ f, which the algebraic equations, being 0,
                    // do not enter.
                    change = self.lambda.iter().zip(&*self.state).map(|(l, f)| l * f).sum();
                }
            }
            let passage = Passage {
                ivp: self.ivp,
                events,
                recorder: self.recorder,
                instant: &instant,
                is_first: k == first,
                with_mass: with_mass.then_some((&*self.slope, change)),
            };
            self.saltation.pull_back(&passage, self.cotangent, self.grad_p, &mut carried)?;
            if with_mass {
                let before = self.recorder.states(&instant).0;
                let at = (t, before, &*self.slope);
                self.algebraic.absorb(self.ivp, at, self.cotangent, self.grad_p)?;
            }
        }
        Ok(first)
    }

    /// The derivative by the start time: the first step begins later with the same state.
    fn start_time(&mut self, steps: usize) {
        let ivp = self.ivp;
        let path = &self.recorder.path;
        let start = if steps > 0 { path.beginning(0) } else { ivp.u0 };
        if self.algebraic.lift(ivp, (ivp.t0, start), self.cotangent, self.lambda).is_err() {
            return;
        }
        ivp.rhs.eval(ivp.t0, start, ivp.p, self.state, self.scratch);
        let along: f64 = self.lambda.iter().zip(&*self.state).map(|(l, f)| l * f).sum();
        self.by_start_time = Some(-along);
    }
}
