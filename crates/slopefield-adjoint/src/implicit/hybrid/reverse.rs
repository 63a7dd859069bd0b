//! The tape in reverse: cotangents of states, handed-over slopes and moments, last to first.

use super::super::equations::{StageEquations, StepView, Sums, add_scaled, is_zero};
use super::super::interpolant::Interpolant;
use super::super::linear::Linear;
use super::filled::{DelayedValues, Filled, filled, ordinary};
use super::reads::{Reader, Seen};
use super::solve::Solve;
use super::tape::{Item, Tape, place, within};
use crate::hybrid::reverse::dot;
use crate::hybrid::system::{System, refused};
use crate::hybrid::trace::{Kind, Watched, watched_in};
use crate::saves::SavedStates;
use slopefield_kernel::{Cotangent, Kernel, Point};
use slopefield_solve::{Consistency, ConsistentSums, SolveError};
use std::ops::Range;

/// A step that reads itself is reversed in sweeps, at most so many.
pub(super) const MOST_SWEEPS: usize = 300;

/// Carries cotangents back.
pub(super) struct Reverse {
    /// Of the state at hand.
    pub lambda: Vec<f64>,
    /// Of the slope handed over there.
    kappa: Vec<f64>,
    /// Of the moments.
    pub moments: Vec<f64>,
    /// Of the unknowns of a step.
    unknowns: Vec<f64>,
    /// Of the beginning of a step.
    start: Vec<f64>,
    /// Of all numbers of the tape, where the past is read.
    past: Vec<f64>,
    /// Gradient by the entries of the mass matrix, and what knows that by parameters.
    by_mass: Vec<f64>,
    mass: Linear,
    weights: Vec<f64>,
    scratch: Vec<f64>,
    pub products: u64,
}

/// Cotangents of what a step depends on besides the state.
#[derive(Default)]
struct Lengths {
    /// The beginning at a fixed length,
    begin: f64,
    /// and the length at a fixed beginning.
    length: f64,
}

impl Reverse {
    pub fn new() -> Self {
        Reverse {
            lambda: Vec::new(),
            kappa: Vec::new(),
            moments: Vec::new(),
            unknowns: Vec::new(),
            start: Vec::new(),
            past: Vec::new(),
            by_mass: Vec::new(),
            mass: Linear::new(),
            weights: Vec::new(),
            scratch: Vec::new(),
            products: 0,
        }
    }

    pub fn bytes(&self) -> u64 {
        let numbers = self.moments.len() + self.unknowns.len() + self.past.len();
        (8 * (numbers + self.by_mass.len())) as u64
    }

    /// Makes room for a tape, whose end has the cotangents of where the part after it began, if there is
    /// one.
    fn prepare(&mut self, system: &System<'_>, tape: &Tape, last: bool) -> Result<(), SolveError> {
        let carried = self.moments.first().copied().filter(|_| !last);
        let has_mass = system.structure().mass.is_some();
        if has_mass {
            self.mass.prepare(&system.ivp)?;
        }
        let entries = if has_mass { self.mass.mass_entries() } else { 0 };
        if last {
            for (vector, len) in [
                (&mut self.lambda, tape.n),
                (&mut self.kappa, tape.n),
                (&mut self.by_mass, entries),
            ] {
                vector.clear();
                vector.resize(len, 0.0);
            }
            self.products = 0;
        }
        for (vector, len) in [
            (&mut self.start, tape.n),
            (&mut self.moments, tape.moments.len()),
            (&mut self.unknowns, tape.stages * tape.n),
            (&mut self.past, if system.delays().is_some() { tape.data.len() } else { 0 }),
            (&mut self.weights, system.times()),
            (&mut self.scratch, system.scratch_len()),
        ] {
            vector.clear();
            vector.resize(len, 0.0);
        }
        if let Some(carried) = carried {
            self.moments[tape.last_moment()] = carried;
        }
        Ok(())
    }

    /// Goes back through the tape, which is the last of the solve or comes before the one that it went
    /// through. Adds to `grad_p`; the gradient by the initial state is in `lambda` in the end, and that by
    /// the start time in the first of `moments`.
    pub fn run(
        &mut self,
        system: &System<'_>,
        solve: &mut Solve,
        saves: &[f64],
        saved: &SavedStates,
        last: bool,
        grad_p: &mut [f64],
    ) -> Result<(), SolveError> {
        let Solve { tape, equations, consistency, .. } = solve;
        self.prepare(system, tape, last)?;
        if system.delays().is_some() && !tape.contexts.is_empty() {
            let filled = filled(system, tape, equations.interpolant(), 0, Seen::Everything);
            let inner = ordinary(system, &filled, &tape.data);
            self.scratch.resize(inner.rhs.scratch_len(), 0.0);
            equations.prepare(&inner)?;
        }
        let interpolant = equations.interpolant();
        for item in tape.items.iter().rev() {
            match item {
                Item::Saves { moment, slope, saves } => {
                    for row in saves.clone() {
                        let w = saved.row_by_state(row, tape.n);
                        add_scaled(&mut self.lambda, 1.0, w);
                        // A later moment is an earlier point of the solution from there.
                        self.moments[*moment] -= dot(w, tape.slope(*slope));
                    }
                }
                Item::Shift { from, to, slope } => {
                    let along = dot(&self.lambda, tape.slope(*slope));
                    self.moments[*to] += along;
                    self.moments[*from] -= along;
                }
                Item::Change(change) => {
                    self.change(system, (tape, interpolant), *change, grad_p);
                }
                Item::Begin(begin) => {
                    let tape = (&*tape, interpolant);
                    self.begin(system, tape, *begin, consistency, grad_p)?;
                }
                Item::Step(step, rows) => {
                    let rows = (rows.clone(), saves, saved);
                    self.step(system, tape, *step, &mut **equations, rows, grad_p)?;
                    let bad = self.lambda.iter().position(|x| !x.is_finite());
                    if let Some(state) =
                        bad.filter(|_| saved.by_state.iter().all(|w| w.is_finite()))
                    {
                        let view = tape.view(*step);
                        let u = view.start.to_vec();
                        return Err(SolveError::NonFinite { t: view.t, state, u });
                    }
                }
            }
        }
        self.finish_times(system, tape, grad_p);
        self.finish_lags(system, tape, grad_p);
        Ok(())
    }

    /// From the entries of the mass matrix to the parameters, after the first part.
    pub fn finish(&self, grad_p: &mut [f64]) {
        if !self.by_mass.is_empty() {
            self.mass.add_mass_gradient(&self.by_mass, grad_p);
        }
    }

    fn change(
        &mut self,
        system: &System<'_>,
        (tape, interpolant): (&Tape, Interpolant),
        change: usize,
        grad_p: &mut [f64],
    ) {
        let declared = tape.changes[change];
        let Some(affect) = system.affect(declared.event) else { return };
        self.start.fill(0.0);
        let t = tape.time(declared.moment);
        let (context, seen) = (tape.change_contexts[change], Seen::Everything);
        let reader = Reader { system: *system, tape, interpolant, context, seen };
        let filled = system.delays().map(|_| Filled::new(reader, affect));
        let by_t = &mut self.moments[declared.moment];
        let (at, u) = (tape.before(change), &mut self.start);
        match &filled {
            Some(filled) => {
                let grad = Cotangent { t: by_t, u, p: &mut self.past };
                let at = Point { t, u: at, p: &tape.data };
                filled.vjp(at, &self.lambda, grad, &mut self.scratch);
            }
            None => {
                let grad = Cotangent { t: by_t, u, p: grad_p };
                affect.vjp(system.point(t, at), &self.lambda, grad, &mut self.scratch);
            }
        }
        self.lambda.copy_from_slice(&self.start);
        self.products += 1;
    }

    /// From the consistent state and slope where the method begins to the state given there.
    fn begin(
        &mut self,
        system: &System<'_>,
        (tape, interpolant): (&Tape, Interpolant),
        begin: usize,
        consistency: &mut Consistency<f64>,
        grad_p: &mut [f64],
    ) -> Result<(), SolveError> {
        let info = tape.begins[begin];
        let (given, state) = tape.begin_state(begin);
        let t = tape.time(info.moment);
        let by_t = &mut self.moments[info.moment];
        let filled = filled(system, tape, interpolant, info.context, Seen::Everything);
        let inner = ordinary(system, &filled, &tape.data);
        let p = if filled.is_some() { &mut self.past[..] } else { grad_p };
        if system.structure().mass.is_some() {
            consistency.linearise(&inner, t, state)?;
            let sums = ConsistentSums {
                state: &mut self.lambda,
                slope: &self.kappa,
                p,
                mass: &mut self.by_mass,
                t: by_t,
            };
            consistency.reverse(&inner, t, (given, state, tape.slope(info.slope)), sums)?;
        } else if !is_zero(&self.kappa) {
            let at = Point { t, u: state, p: inner.p };
            let grad = Cotangent { t: by_t, u: &mut self.lambda, p };
            inner.rhs.vjp(at, &self.kappa, grad, &mut self.scratch);
            self.products += 1;
        }
        self.kappa.fill(0.0);
        Ok(())
    }

    fn step(
        &mut self,
        system: &System<'_>,
        tape: &Tape,
        step: usize,
        equations: &mut dyn StageEquations,
        (rows, saves, saved): (Range<usize>, &[f64], &SavedStates),
        grad_p: &mut [f64],
    ) -> Result<(), SolveError> {
        let n = tape.n;
        let info = &tape.steps[step];
        let view = tape.view(step);
        let h = view.h();
        equations.select(view.explicit);
        let is_cut = info.cut != info.end;
        let cut = tape.time(info.cut);
        let mut by = Lengths::default();
        self.unknowns.fill(0.0);
        self.start.fill(0.0);
        for row in rows {
            let w = saved.row_by_state(row, n);
            // At a moment that moves without an event, the solution of this step at the fixed time.
            if saves[row] == cut && !is_cut && !tape.moves(info.end) {
                add_scaled(&mut self.lambda, 1.0, w);
            } else {
                self.within(equations, &view, saves[row], w, &mut by);
            }
        }
        if is_cut {
            let lambda = std::mem::take(&mut self.lambda);
            self.moments[info.cut] += self.within(equations, &view, cut, &lambda, &mut by);
            if let Some(condition) = &info.condition {
                let factor = -self.moments[info.cut] / condition.rate;
                if factor != 0.0 {
                    let by_p = if self.past.is_empty() { &mut *grad_p } else { &mut self.past };
                    add_scaled(by_p, factor, &condition.by_p);
                    if let Kind::Passage { moment, .. } = tape.moments[info.cut].kind {
                        self.moments[moment] -= factor;
                    }
                    let w: Vec<f64> = condition.by_input.iter().map(|x| factor * x).collect();
                    self.within(equations, &view, cut, &w, &mut by);
                }
            }
            self.lambda = lambda;
        } else {
            let weights = equations.end_weights();
            for (unknown, weight) in self.unknowns.chunks_exact_mut(n).zip(weights) {
                add_scaled(unknown, weight, &self.lambda);
            }
            add_scaled(&mut self.start, 1.0, &self.lambda);
            if equations.hands_over_slope() {
                let last = tape.stages - 1;
                add_scaled(&mut self.unknowns[last * n..], 1.0 / h, &self.kappa);
                by.length -= dot(&self.kappa, view.row(last)) / (h * h);
            }
        }
        self.kappa.fill(0.0);
        self.watched(system, tape, step, equations, saved, &mut by);
        // What later steps have read of this one.
        self.take_reads(tape, step);
        let filled = filled(system, tape, equations.interpolant(), info.context, Seen::Everything);
        let inner = ordinary(system, &filled, &tape.data);
        let mut first = 0.0_f64;
        for sweep in 0.. {
            let size = self.unknowns.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
            first = first.max(size);
            // What is left of a step that reads itself adds nothing in the last places.
            if size == 0.0 || sweep > 0 && (!info.overlaps || size <= 1e-18 * first) {
                break;
            }
            if sweep > MOST_SWEEPS || sweep > 0 && !size.is_finite() {
                return reads_itself(view.t);
            }
            let p = if filled.is_some() { &mut self.past[..] } else { &mut *grad_p };
            let mut sums = Sums {
                start: &mut self.start,
                p,
                mass: &mut self.by_mass,
                timed: tape.moves(info.begin) || tape.moves(info.end),
                t: &mut by.begin,
                h: &mut by.length,
            };
            self.products += equations.reverse(&inner, &view, &mut self.unknowns, &mut sums)?;
            if equations.hands_over_slope() {
                for (kappa, first) in self.kappa.iter_mut().zip(&self.unknowns) {
                    *kappa += h * first;
                }
            }
            if filled.is_none() {
                break;
            }
            // What it has read of itself.
            self.unknowns.fill(0.0);
            self.take_reads(tape, step);
        }
        self.moments[info.begin] += by.begin - by.length;
        self.moments[info.end] += by.length;
        // Complete now, and handed on.
        if let Kind::Later { moment, lag } = tape.moments[info.end].kind {
            let bar = self.moments[info.end];
            self.moments[moment] += bar;
            self.past[tape.params + lag] += bar;
        }
        self.lambda.copy_from_slice(&self.start);
        Ok(())
    }

    /// Sends the cotangents of the delayed values at saves in a step to what they come from.
    fn watched(
        &mut self,
        system: &System<'_>,
        tape: &Tape,
        step: usize,
        equations: &dyn StageEquations,
        saved: &SavedStates,
        by: &mut Lengths,
    ) {
        let view = tape.view(step);
        let (mut state, mut slope) = (vec![0.0; tape.n], vec![0.0; tape.n]);
        for index in watched_in(&tape.watched, step) {
            let Watched { save, t, .. } = tape.watched[index];
            within(equations, &view, t, &mut state, &mut slope);
            let (interpolant, context) = (equations.interpolant(), tape.steps[step].context);
            let seen = Seen::Everything;
            let reader = Reader { system: *system, tape, interpolant, context, seen };
            let read = DelayedValues::of(system);
            let filled = Filled::new(reader, &read);
            let mut by_state = vec![0.0; tape.n];
            // The time is fixed.
            let grad = Cotangent { t: &mut 0.0, u: &mut by_state, p: &mut self.past };
            let at = Point { t, u: &state, p: &tape.data };
            filled.vjp(at, saved.row_by_delayed(save), grad, &mut self.scratch);
            self.within(equations, &view, t, &by_state, by);
        }
    }

    /// Takes the cotangents of the numbers of a step from those of the tape.
    fn take_reads(&mut self, tape: &Tape, step: usize) {
        if self.past.is_empty() {
            return;
        }
        let info = &tape.steps[step];
        let block = &mut self.past[tape.block(step)];
        let (numbers, times) = block.split_at(block.len() - 2);
        let (start, rows) = numbers.split_at(tape.n);
        add_scaled(&mut self.start, 1.0, start);
        add_scaled(&mut self.unknowns, 1.0, rows);
        self.moments[info.begin] += times[0];
        self.moments[info.end] += times[1];
        block.fill(0.0);
    }

    /// Sends the cotangent `w` of the solution at `s` in a step to its unknowns, its beginning and its
    /// length; returns that of `s`.
    fn within(
        &mut self,
        equations: &dyn StageEquations,
        step: &StepView<'_>,
        s: f64,
        w: &[f64],
        by: &mut Lengths,
    ) -> f64 {
        let (n, h, theta) = (step.start.len(), step.h(), place(step, s));
        let (weights, rates) = equations.dense_weights(theta);
        let mut by_place = 0.0;
        for (i, unknown) in self.unknowns.chunks_exact_mut(n).enumerate() {
            add_scaled(unknown, weights[i], w);
            by_place += rates[i] * dot(w, step.row(i));
        }
        add_scaled(&mut self.start, 1.0, w);
        // θ = (s − t) / h.
        let by_s = by_place / h;
        by.begin -= by_s;
        by.length -= theta * by_s;
        by_s
    }

    /// From the moments that the model gives to the parameters.
    fn finish_times(&mut self, system: &System<'_>, tape: &Tape, grad_p: &mut [f64]) {
        let Some(times) = system.events().and_then(|events| events.times) else { return };
        for (moment, bar) in tape.moments.iter().zip(&self.moments) {
            if let Kind::Scheduled { terms } = moment.kind {
                for (index, factor) in terms {
                    self.weights[index as usize] += factor * bar;
                }
            }
        }
        if !is_zero(&self.weights) {
            let grad = Cotangent { t: &mut 0.0, u: &mut [], p: grad_p };
            let at = system.point(system.ivp.t0, &[]);
            times.vjp(at, &self.weights, grad, &mut self.scratch);
        }
    }

    /// From the parameters as the past knows them, and from constant lags, to the parameters.
    fn finish_lags(&mut self, system: &System<'_>, tape: &Tape, grad_p: &mut [f64]) {
        let Some(delays) = system.delays() else { return };
        let (by_p, rest) = self.past.split_at(tape.params);
        add_scaled(grad_p, 1.0, by_p);
        if !is_zero(&rest[..tape.lags]) {
            let (mut row, mut unused) = (vec![0.0; system.all], vec![0.0; system.all]);
            row[..system.n].copy_from_slice(system.ivp.u0);
            // They depend on parameters alone; what rounding says of anything else is dropped.
            let grad = Cotangent { t: &mut 0.0, u: &mut unused, p: grad_p };
            let at = system.point(system.ivp.t0, &row);
            delays.lags.vjp(at, &rest[..tape.lags], grad, &mut self.scratch);
        }
    }
}

/// Why there is no derivative of a step that reads itself.
pub(super) fn reads_itself<T>(t: f64) -> Result<T, SolveError> {
    refused(format!(
        "the step at t = {t} reads itself through a lag shorter than the step, and its derivative \
         cannot be found; set a largest step below the lag"
    ))
}
