//! The tape in reverse: cotangents of states, handed-over slopes and moments, last to first.

use super::super::equations::{StageEquations, StepView, Sums, add_scaled, is_zero};
use super::super::linear::Linear;
use super::solve::Solve;
use super::tape::{Item, Tape, place};
use crate::hybrid::reverse::dot;
use crate::hybrid::system::System;
use crate::hybrid::trace::Kind;
use crate::saves::SavedStates;
use slopefield_kernel::{Cotangent, Point};
use slopefield_solve::{Consistency, ConsistentSums, SolveError};
use std::ops::Range;

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
            by_mass: Vec::new(),
            mass: Linear::new(),
            weights: Vec::new(),
            scratch: Vec::new(),
            products: 0,
        }
    }

    pub fn bytes(&self) -> u64 {
        (8 * (self.moments.len() + self.unknowns.len() + self.by_mass.len())) as u64
    }

    fn prepare(&mut self, system: &System<'_>, tape: &Tape) -> Result<(), SolveError> {
        let has_mass = system.structure().mass.is_some();
        if has_mass {
            self.mass.prepare(&system.ivp)?;
        }
        let entries = if has_mass { self.mass.mass_entries() } else { 0 };
        for (vector, len) in [
            (&mut self.lambda, tape.n),
            (&mut self.kappa, tape.n),
            (&mut self.start, tape.n),
            (&mut self.moments, tape.moments.len()),
            (&mut self.unknowns, tape.stages * tape.n),
            (&mut self.by_mass, entries),
            (&mut self.weights, system.times()),
            (&mut self.scratch, system.scratch_len()),
        ] {
            vector.clear();
            vector.resize(len, 0.0);
        }
        self.products = 0;
        Ok(())
    }

    /// Goes back through the whole tape. Adds to `grad_p`; the gradient by the initial state is in
    /// `lambda` then, and that by the start time in the first of `moments`.
    pub fn run(
        &mut self,
        system: &System<'_>,
        solve: &mut Solve,
        saves: &[f64],
        saved: &SavedStates,
        grad_p: &mut [f64],
    ) -> Result<(), SolveError> {
        let Solve { tape, equations, consistency, .. } = solve;
        self.prepare(system, tape)?;
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
                Item::Change(change) => self.change(system, tape, *change, grad_p),
                Item::Begin(begin) => {
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
        if !self.by_mass.is_empty() {
            self.mass.add_mass_gradient(&self.by_mass, grad_p);
        }
        Ok(())
    }

    fn change(&mut self, system: &System<'_>, tape: &Tape, change: usize, grad_p: &mut [f64]) {
        let declared = tape.changes[change];
        let Some(affect) = system.affect(declared.event) else { return };
        self.start.fill(0.0);
        let t = tape.time(declared.moment);
        let grad =
            Cotangent { t: &mut self.moments[declared.moment], u: &mut self.start, p: grad_p };
        let at = system.point(t, tape.before(change));
        affect.vjp(at, &self.lambda, grad, &mut self.scratch);
        self.lambda.copy_from_slice(&self.start);
        self.products += 1;
    }

    /// From the consistent state and slope where the method begins to the state given there.
    fn begin(
        &mut self,
        system: &System<'_>,
        tape: &Tape,
        begin: usize,
        consistency: &mut Consistency<f64>,
        grad_p: &mut [f64],
    ) -> Result<(), SolveError> {
        let ivp = &system.ivp;
        let info = tape.begins[begin];
        let (given, state) = tape.begin_state(begin);
        let t = tape.time(info.moment);
        let by_t = &mut self.moments[info.moment];
        if system.structure().mass.is_some() {
            consistency.linearise(ivp, t, state)?;
            let sums = ConsistentSums {
                state: &mut self.lambda,
                slope: &self.kappa,
                p: grad_p,
                mass: &mut self.by_mass,
                t: by_t,
            };
            consistency.reverse(ivp, t, (given, state, tape.slope(info.slope)), sums)?;
        } else if !is_zero(&self.kappa) {
            let at = Point { t, u: state, p: ivp.p };
            let grad = Cotangent { t: by_t, u: &mut self.lambda, p: grad_p };
            ivp.rhs.vjp(at, &self.kappa, grad, &mut self.scratch);
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
        let is_cut = info.cut != info.end;
        let cut = tape.time(info.cut);
        let mut by = Lengths::default();
        self.unknowns.fill(0.0);
        self.start.fill(0.0);
        for row in rows {
            let w = saved.row_by_state(row, n);
            if saves[row] == cut && !is_cut {
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
                    add_scaled(grad_p, factor, &condition.by_p);
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
        if !is_zero(&self.unknowns) {
            let mut sums = Sums {
                start: &mut self.start,
                p: grad_p,
                mass: &mut self.by_mass,
                timed: tape.moves(info.begin) || tape.moves(info.end),
                t: &mut by.begin,
                h: &mut by.length,
            };
            self.products +=
                equations.reverse(&system.ivp, &view, &mut self.unknowns, &mut sums)?;
            if equations.hands_over_slope() {
                for (kappa, first) in self.kappa.iter_mut().zip(&self.unknowns) {
                    *kappa = h * first;
                }
            }
        }
        self.moments[info.begin] += by.begin - by.length;
        self.moments[info.end] += by.length;
        self.lambda.copy_from_slice(&self.start);
        Ok(())
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
}
