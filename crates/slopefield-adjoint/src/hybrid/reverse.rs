//! The trace in reverse: cotangents of states, slopes and moments, last to first.

mod reads;

use super::locate::Locator;
use super::system::{System, refused};
use super::trace::{Item, Kind, Trace, Watched, watched_in};
use super::zeros;
use crate::saves::SavedStates;
use slopefield_kernel::Cotangent;
use slopefield_solve::SolveError;

pub(crate) use reads::{DIFFERENCES, difference};

/// A step that reads itself is reversed in sweeps, at most so many.
const MOST_SWEEPS: usize = 300;

/// Carries cotangents back.
#[derive(Debug, Default)]
pub(super) struct Reverse {
    /// Of the state at hand.
    lambda: Vec<f64>,
    /// Of the slopes of all steps, row by row.
    slopes: Vec<f64>,
    /// Of the beginnings of all steps.
    beginnings: Vec<f64>,
    /// Of the moments.
    pub moments: Vec<f64>,
    /// Of constant lags.
    constant: Vec<f64>,
    /// Of all lags at one point.
    lags: Vec<f64>,
    /// What a step that reads itself sends to its own slopes.
    own: Vec<f64>,
    /// Of states and delayed values at one point.
    input: Vec<f64>,
    row: Vec<f64>,
    value: Vec<f64>,
    weights: Vec<f64>,
    unit: Vec<f64>,
    pub locator: Locator,
    scratch: Vec<f64>,
    pub products: u64,
}

impl Reverse {
    pub fn bytes(&self) -> usize {
        8 * (self.slopes.len() + self.beginnings.len() + self.moments.len())
    }

    pub fn begin(&mut self, system: &System<'_>, trace: &Trace) {
        zeros(&mut self.lambda, trace.n);
        self.products = 0;
        self.make_room(system, trace);
    }

    /// Goes over to the part of the solve before the one that it went through, which `trace` is of: the
    /// state and the moment where they meet have their cotangents from there.
    pub fn go_over(&mut self, system: &System<'_>, trace: &Trace) {
        let carried = self.moments.first().copied().unwrap_or(0.0);
        self.make_room(system, trace);
        if let Some(last) = trace.last_moment() {
            self.moments[last] = carried;
        }
    }

    fn make_room(&mut self, system: &System<'_>, trace: &Trace) {
        let (n, all) = (trace.n, trace.all);
        zeros(&mut self.slopes, trace.slopes.len());
        zeros(&mut self.beginnings, trace.steps.len() * n);
        zeros(&mut self.moments, trace.moments.len());
        zeros(&mut self.constant, trace.lags);
        zeros(&mut self.lags, trace.lags);
        zeros(&mut self.own, trace.rows() * n);
        zeros(&mut self.input, all);
        zeros(&mut self.row, all);
        zeros(&mut self.unit, n);
        zeros(&mut self.scratch, system.scratch_len());
        zeros(&mut self.value, n);
        zeros(&mut self.weights, system.times());
        self.locator.begin(system, trace);
    }

    /// Begins with cotangents of the last state and of the slope there, which first-same-as-last
    /// methods have as their last stage.
    pub fn seed(&mut self, trace: &Trace, lambda: &[f64], kappa: &[f64]) {
        self.lambda.copy_from_slice(lambda);
        if trace.tableau.fsal && !trace.steps.is_empty() {
            let row = (trace.steps.len() - 1) * trace.rows() + trace.tableau.stages() - 1;
            self.slopes[row * trace.n..(row + 1) * trace.n].copy_from_slice(kappa);
        }
    }

    /// Goes back through the whole trace. `saves` are those reached, with their cotangents in
    /// `saved`. Adds to `grad_p`, writes `grad_u0`.
    pub fn run(
        &mut self,
        system: &System<'_>,
        trace: &Trace,
        saves: &[f64],
        saved: &SavedStates,
        grad_u0: &mut [f64],
        grad_p: &mut [f64],
    ) -> Result<(), SolveError> {
        let mut saves_end = saves.len();
        self.run_part(system, trace, saves, &mut saves_end, saved, grad_p)?;
        self.finish(system, trace, saves_end, saved, grad_u0);
        Ok(())
    }

    /// Goes back through the trace of a part. `saves_end` is the number of saves that are still to come.
    pub fn run_part(
        &mut self,
        system: &System<'_>,
        trace: &Trace,
        saves: &[f64],
        saves_end: &mut usize,
        saved: &SavedStates,
        grad_p: &mut [f64],
    ) -> Result<(), SolveError> {
        for item in trace.items.iter().rev() {
            match item {
                Item::Instant(changes) => {
                    let changes = changes.clone();
                    self.instant(system, trace, changes, saves, saves_end, saved, grad_p)?;
                }
                Item::Step(step) => {
                    self.step(system, trace, *step, saves, saves_end, saved, grad_p)?;
                }
            }
            if let Some(state) = self.lambda.iter().position(|x| !x.is_finite()) {
                let t = match item {
                    Item::Step(step) => trace.span(*step).0,
                    Item::Instant(changes) => trace.time(trace.changes[changes.start].moment),
                };
                if saved.by_state.iter().all(|w| w.is_finite()) {
                    return Err(SolveError::NonFinite { t, state, u: system.ivp.u0.to_vec() });
                }
            }
        }
        self.finish_times(system, trace, grad_p);
        Ok(())
    }

    /// From the beginning of the first part to the given state.
    pub fn finish(
        &mut self,
        system: &System<'_>,
        trace: &Trace,
        saves_end: usize,
        saved: &SavedStates,
        grad_u0: &mut [f64],
    ) {
        self.saves_at_start(system, trace, saves_end, saved);
        grad_u0.copy_from_slice(&self.lambda);
    }

    /// Save points at the start: the state there, and when the start moves, the solution from there.
    fn saves_at_start(
        &mut self,
        system: &System<'_>,
        trace: &Trace,
        saves: usize,
        saved: &SavedStates,
    ) {
        let n = trace.n;
        for row in 0..saves {
            add(&mut self.lambda, saved.row_by_state(row, n));
            if !trace.steps.is_empty() {
                self.moments[0] -= dot(saved.row_by_state(row, n), trace.slope(0, 0));
            } else {
                self.row[..n].copy_from_slice(system.ivp.u0);
                system.slope(trace.t0, &self.row, &mut self.value[..n], &mut self.scratch);
                self.moments[0] -= dot(saved.row_by_state(row, n), &self.value[..n]);
            }
        }
    }

    /// From the moments that the model gives, and from constant lags, to the parameters.
    fn finish_times(&mut self, system: &System<'_>, trace: &Trace, grad_p: &mut [f64]) {
        let t0 = system.ivp.t0;
        if let Some(times) = system.events().and_then(|events| events.times) {
            self.weights.fill(0.0);
            let mut any = false;
            for (moment, bar) in trace.moments.iter().zip(&self.moments) {
                if let Kind::Scheduled { terms } = moment.kind {
                    for (index, factor) in terms {
                        self.weights[index as usize] += factor * bar;
                        any |= factor * bar != 0.0;
                    }
                }
            }
            if any {
                let grad = Cotangent { t: &mut 0.0, u: &mut [], p: grad_p };
                times.vjp(system.point(t0, &[]), &self.weights, grad, &mut self.scratch);
            }
        }
        if let Some(delays) = system.delays()
            && self.constant.iter().any(|x| *x != 0.0)
        {
            self.row.fill(0.0);
            self.row[..trace.n].copy_from_slice(system.ivp.u0);
            // Constant lags depend on parameters alone; what rounding says of the rest is dropped.
            self.input.fill(0.0);
            let grad = Cotangent { t: &mut 0.0, u: &mut self.input, p: grad_p };
            let at = system.point(t0, &self.row);
            delays.lags.vjp(at, &self.constant, grad, &mut self.scratch);
        }
    }

    #[allow(clippy::too_many_arguments, reason = "the position among the saves is two of them")]
    fn instant(
        &mut self,
        system: &System<'_>,
        trace: &Trace,
        changes: std::ops::Range<usize>,
        saves: &[f64],
        saves_end: &mut usize,
        saved: &SavedStates,
        grad_p: &mut [f64],
    ) -> Result<(), SolveError> {
        let n = trace.n;
        let last = changes.end - 1;
        let moment = trace.changes[last].moment;
        let t = trace.time(moment);
        while *saves_end > 0 && saves[*saves_end - 1] == t {
            *saves_end -= 1;
            let weights = saved.row_by_state(*saves_end, n);
            add(&mut self.lambda, weights);
            // When the instant moves to earlier times, the solution goes on from it to the save.
            self.row.copy_from_slice(trace.before(last));
            self.row[..n].copy_from_slice(trace.after(last));
            system.slope(t, &self.row, &mut self.value[..n], &mut self.scratch);
            self.moments[moment] -= dot(weights, &self.value[..n]);
        }
        for change in changes.rev() {
            let moment = trace.changes[change].moment;
            if change < last && trace.changes[change + 1].moment != moment {
                let before = trace.before(change + 1);
                system.slope(t, before, &mut self.value[..n], &mut self.scratch);
                let along = dot(&self.lambda, &self.value[..n]);
                self.moments[trace.changes[change + 1].moment] += along;
                self.moments[moment] -= along;
            }
            let Some(affect) = system.affect(trace.changes[change].event) else { continue };
            self.input.fill(0.0);
            let mut by_t = 0.0;
            let grad = Cotangent { t: &mut by_t, u: &mut self.input, p: grad_p };
            let at = system.point(t, trace.before(change));
            affect.vjp(at, &self.lambda, grad, &mut self.scratch);
            self.products += 1;
            let sources = trace.sources_of_change(change);
            by_t += self.reads(system, trace, t, trace.before(change), sources, None, grad_p)?;
            self.moments[moment] += by_t;
            self.lambda.copy_from_slice(&self.input[..n]);
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments, reason = "the position among the saves is two of them")]
    fn step(
        &mut self,
        system: &System<'_>,
        trace: &Trace,
        step: usize,
        saves: &[f64],
        saves_end: &mut usize,
        saved: &SavedStates,
        grad_p: &mut [f64],
    ) -> Result<(), SolveError> {
        let n = trace.n;
        let info = trace.steps[step];
        let (t, end) = trace.span(step);
        let direction = system.ivp.direction();
        let cut = trace.time(info.cut);
        let is_cut = info.cut != info.end;
        self.watched(system, trace, step, saved, grad_p)?;
        while *saves_end > 0 && (saves[*saves_end - 1] - t) * direction > 0.0 {
            *saves_end -= 1;
            let weights = saved.row_by_state(*saves_end, n);
            let s = saves[*saves_end];
            if s == cut && !is_cut {
                add(&mut self.lambda, weights);
                if trace.moments[info.end].kind != Kind::Fixed {
                    for (state, weight) in weights.iter().enumerate() {
                        let slope = trace.value(step, s, 1, state);
                        self.moments[info.end] -= weight * slope;
                    }
                }
            } else {
                for (state, weight) in weights.iter().enumerate() {
                    self.interpolated(trace, step, s, 0, state, *weight, usize::MAX);
                }
            }
        }
        if is_cut {
            for state in 0..n {
                let weight = self.lambda[state];
                let by_s = self.interpolated(trace, step, cut, 0, state, weight, usize::MAX);
                self.moments[info.cut] += by_s;
            }
            self.locate(system, trace, step, grad_p)?;
            self.lambda.fill(0.0);
        }
        let rows = step * trace.rows() * n..(step + 1) * trace.rows() * n;
        let beginning = step * n..(step + 1) * n;
        let h = end - t;
        let mut by_h = 0.0;
        if self.lambda.iter().any(|x| *x != 0.0) {
            let slopes = self.slopes[rows.clone()].chunks_exact_mut(n);
            for ((stage, slope), weight) in slopes.enumerate().zip(trace.tableau.b) {
                add_scaled(slope, h * weight, &self.lambda);
                by_h += weight * dot(&self.lambda, trace.slope(step, stage));
            }
            add(&mut self.beginnings[beginning.clone()], &self.lambda);
        }
        let mut sweeps = 0;
        let mut first = 0.0_f64;
        loop {
            by_h += self.sweep(system, trace, step, grad_p)?;
            if !info.overlaps {
                break;
            }
            sweeps += 1;
            let size = self.own.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
            first = first.max(size);
            // What is left adds nothing in the last places.
            if size <= 1e-18 * first {
                self.own.fill(0.0);
                break;
            }
            if !size.is_finite() || sweeps > MOST_SWEEPS {
                return refused(format!(
                    "the step at t = {t} reads itself through a lag shorter than the step, and its \
                     derivative cannot be found; set a largest step below the lag"
                ));
            }
            self.slopes[rows.clone()].copy_from_slice(&self.own);
            self.own.fill(0.0);
        }
        self.moments[info.end] += by_h;
        self.moments[info.begin] -= by_h;
        self.pass_on(trace, info.end);
        self.lambda.copy_from_slice(&self.beginnings[beginning]);
        Ok(())
    }

    /// Sends the cotangents of the delayed values at save times in a step to what they come from. The
    /// times are fixed.
    fn watched(
        &mut self,
        system: &System<'_>,
        trace: &Trace,
        step: usize,
        saved: &SavedStates,
        grad_p: &mut [f64],
    ) -> Result<(), SolveError> {
        for index in watched_in(&trace.watched, step) {
            let Watched { save, t, .. } = trace.watched[index];
            self.input.fill(0.0);
            self.input[trace.n..].copy_from_slice(saved.row_by_delayed(save));
            let (at, sources) = (trace.watched_input(index), trace.sources_of_watched(index));
            self.reads(system, trace, t, at, sources, None, grad_p)?;
            for state in 0..trace.n {
                let weight = self.input[state];
                self.interpolated(trace, step, t, 0, state, weight, usize::MAX);
            }
        }
        Ok(())
    }

    /// Hands the cotangent of the end of a step that has been reversed to what determines it.
    fn pass_on(&mut self, trace: &Trace, end: usize) {
        if let Kind::Later { moment, lag } = trace.moments[end].kind {
            let bar = self.moments[end];
            self.moments[moment] += bar;
            self.constant[lag] += bar;
        }
    }

    /// The stages of a step, last to first, with the cotangents of the slopes that are there. Returns
    /// that of the length.
    fn sweep(
        &mut self,
        system: &System<'_>,
        trace: &Trace,
        step: usize,
        grad_p: &mut [f64],
    ) -> Result<f64, SolveError> {
        let n = trace.n;
        let info = trace.steps[step];
        let (t, end) = trace.span(step);
        let h = end - t;
        let first_row = step * trace.rows() * n;
        let mut by_h = 0.0;
        for stage in (0..trace.stages(step)).rev() {
            let row = first_row + stage * n..first_row + (stage + 1) * n;
            if self.slopes[row.clone()].iter().all(|x| *x == 0.0) {
                continue;
            }
            if stage == 0 && info.continues {
                let last = first_row - trace.rows() * n + (trace.tableau.stages() - 1) * n;
                let (before, this) = self.slopes.split_at_mut(first_row);
                add(&mut before[last..last + n], &this[..n]);
                continue;
            }
            let (weights, c) = trace.tableau.stage(stage);
            let time = trace.stage_time(step, c);
            let input = trace.input(step, stage);
            self.input.fill(0.0);
            let mut by_t = 0.0;
            let grad = Cotangent { t: &mut by_t, u: &mut self.input, p: grad_p };
            let at = system.point(time, input);
            system.rhs().vjp(at, &self.slopes[row], grad, &mut self.scratch);
            self.products += 1;
            let sources = trace.stage_sources(step, stage);
            by_t += self.reads(system, trace, time, input, sources, Some(step), grad_p)?;
            self.moments[info.begin] += (1.0 - c) * by_t;
            self.moments[info.end] += c * by_t;
            let state = &self.input[..n];
            for (j, a) in weights.iter().enumerate().filter(|(_, a)| **a != 0.0) {
                let slope = &mut self.slopes[first_row + j * n..first_row + (j + 1) * n];
                add_scaled(slope, h * a, state);
                by_h += a * dot(state, trace.slope(step, j));
            }
            add(&mut self.beginnings[step * n..(step + 1) * n], state);
        }
        Ok(by_h)
    }
}

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub(super) fn add(sum: &mut [f64], x: &[f64]) {
    for (s, x) in sum.iter_mut().zip(x) {
        *s += x;
    }
}

pub(super) fn add_scaled(sum: &mut [f64], factor: f64, x: &[f64]) {
    for (s, x) in sum.iter_mut().zip(x) {
        *s += factor * x;
    }
}
