//! The trace forward: tangents of states, slopes and moments along one direction.

use super::build::weighted;
use super::locate::{Condition, Locator, change_at};
use super::reverse::{DIFFERENCES, difference, dot};
use super::system::{System, refused};
use super::trace::{Item, Kind, Source, Trace, Watched, watched_in};
use super::zeros;
use slopefield_kernel::Tangent;
use slopefield_solve::SolveError;

/// A step that reads itself is repeated at most so often.
const MOST_SWEEPS: usize = 300;

/// A direction in start time, initial state and parameters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Direction<'a> {
    pub t0: f64,
    pub u0: &'a [f64],
    pub p: &'a [f64],
}

/// Carries tangents forward.
#[derive(Debug, Default)]
pub(super) struct Forward {
    /// Of the state at hand.
    state: Vec<f64>,
    slopes: Vec<f64>,
    /// Of the slopes of the step at hand.
    fresh: Vec<f64>,
    beginnings: Vec<f64>,
    moments: Vec<f64>,
    /// Of constant lags,
    constant: Vec<f64>,
    /// and of times and periods.
    times: Vec<f64>,
    /// Of states and delayed values at one point.
    input: Vec<f64>,
    row: Vec<f64>,
    value: Vec<f64>,
    rate: Vec<f64>,
    lags: Vec<f64>,
    before: Vec<f64>,
    still: Vec<f64>,
    /// For each step, the condition that cuts it short.
    conditions: Vec<Option<Condition>>,
    pub locator: Locator,
    scratch: Vec<f64>,
    pub products: u64,
}

impl Forward {
    pub fn bytes(&self) -> usize {
        8 * (self.slopes.len() + self.beginnings.len() + self.moments.len())
    }

    /// Prepares for any number of directions.
    pub fn begin(&mut self, system: &System<'_>, trace: &Trace) -> Result<(), SolveError> {
        let (n, all) = (trace.n, trace.all);
        zeros(&mut self.state, n);
        zeros(&mut self.slopes, trace.slopes.len());
        zeros(&mut self.beginnings, trace.steps.len() * n);
        zeros(&mut self.moments, trace.moments.len());
        zeros(&mut self.constant, trace.lags);
        zeros(&mut self.times, system.times());
        zeros(&mut self.input, all);
        zeros(&mut self.row, all);
        zeros(&mut self.value, n.max(trace.lags).max(system.times()));
        zeros(&mut self.rate, n);
        zeros(&mut self.lags, trace.lags);
        zeros(&mut self.before, n);
        zeros(&mut self.still, all);
        zeros(&mut self.scratch, system.scratch_len());
        self.products = 0;
        self.locator.begin(system, trace);
        self.conditions.clear();
        for (step, info) in trace.steps.iter().enumerate() {
            let kind = trace.moments[info.cut].kind;
            let condition = (info.cut != info.end)
                .then(|| self.locator.condition(system, trace, step, kind))
                .transpose()?;
            self.conditions.push(condition);
        }
        Ok(())
    }

    /// Goes through the whole trace along `along` and hands `(save, tangent of the state)` to `sink`.
    pub fn run(
        &mut self,
        system: &System<'_>,
        trace: &Trace,
        along: Direction<'_>,
        saves: &[f64],
        sink: &mut dyn FnMut(usize, &[f64]),
    ) -> Result<(), SolveError> {
        let n = trace.n;
        self.state.copy_from_slice(along.u0);
        self.moments.fill(0.0);
        self.moments[0] = along.t0;
        self.begin_times(system, trace, along);
        let mut next = 0;
        if !trace.has_events_at_start() {
            // A later start is an earlier point of the solution from there.
            while saves.get(next) == Some(&trace.t0) {
                self.value[..n].copy_from_slice(&self.state);
                if along.t0 != 0.0 {
                    self.row[..n].copy_from_slice(system.ivp.u0);
                    if trace.steps.is_empty() {
                        system.slope(trace.t0, &self.row, &mut self.rate, &mut self.scratch);
                    } else {
                        self.rate.copy_from_slice(trace.slope(0, 0));
                    }
                    for (value, slope) in self.value.iter_mut().zip(&self.rate) {
                        *value -= along.t0 * slope;
                    }
                }
                sink(next, &self.value[..n]);
                next += 1;
            }
        }
        for (index, item) in trace.items.iter().enumerate() {
            match item {
                Item::Instant(changes) => {
                    self.instant(system, trace, changes.clone(), along, saves, &mut next, sink)?;
                }
                Item::Step(step) => {
                    let events = matches!(trace.items.get(index + 1), Some(Item::Instant(_)));
                    self.step(system, trace, *step, along, events, saves, &mut next, sink)?;
                }
            }
        }
        Ok(())
    }

    /// Tangents of the times of the model and of constant lags.
    fn begin_times(&mut self, system: &System<'_>, trace: &Trace, along: Direction<'_>) {
        let t0 = system.ivp.t0;
        let along = Tangent { t: 0.0, u: &[], p: along.p };
        if let Some(times) = system.events().and_then(|events| events.times) {
            let value = &mut self.value[..self.times.len()];
            let at = system.point(t0, &[]);
            times.jvp(at, along, value, &mut self.times, &mut self.scratch);
        }
        if let Some(delays) = system.delays() {
            self.row.fill(0.0);
            self.row[..trace.n].copy_from_slice(system.ivp.u0);
            let along = Tangent { u: &self.still, ..along };
            let value = &mut self.value[..trace.lags];
            let at = system.point(t0, &self.row);
            delays.lags.jvp(at, along, value, &mut self.constant, &mut self.scratch);
        }
    }

    /// Tangent of a moment that does not depend on the solution.
    fn moment(&self, kind: Kind) -> f64 {
        match kind {
            Kind::Scheduled { terms } => {
                terms.iter().map(|(index, factor)| factor * self.times[*index as usize]).sum()
            }
            Kind::Later { moment, lag } => self.moments[moment] + self.constant[lag],
            _ => 0.0,
        }
    }

    #[allow(clippy::too_many_arguments, reason = "the position among the saves is two of them")]
    fn instant(
        &mut self,
        system: &System<'_>,
        trace: &Trace,
        changes: std::ops::Range<usize>,
        along: Direction<'_>,
        saves: &[f64],
        next: &mut usize,
        sink: &mut dyn FnMut(usize, &[f64]),
    ) -> Result<(), SolveError> {
        let n = trace.n;
        let (first, last) = (changes.start, changes.end - 1);
        let moment = |change: usize| trace.changes[change].moment;
        let t = trace.time(moment(last));
        for change in changes {
            if trace.moments[moment(change)].kind != Kind::Start
                && !matches!(
                    trace.moments[moment(change)].kind,
                    Kind::Root { .. } | Kind::Passage { .. }
                )
            {
                self.moments[moment(change)] = self.moment(trace.moments[moment(change)].kind);
            }
            if change > first && moment(change) != moment(change - 1) {
                let apart = self.moments[moment(change)] - self.moments[moment(change - 1)];
                system.slope(t, trace.before(change), &mut self.rate, &mut self.scratch);
                for (state, slope) in self.state.iter_mut().zip(&self.rate) {
                    *state += apart * slope;
                }
            }
            let Some(affect) = system.affect(trace.changes[change].event) else { continue };
            self.input[..n].copy_from_slice(&self.state);
            let (at, sources) = (trace.before(change), trace.sources_of_change(change));
            let dt = self.moments[moment(change)];
            self.reads(system, trace, (t, dt), at, sources, None, along);
            let tangent = Tangent { t: dt, u: &self.input, p: along.p };
            let value = &mut self.value[..n];
            affect.jvp(system.point(t, at), tangent, value, &mut self.state, &mut self.scratch);
            self.products += 1;
        }
        if saves.get(*next) == Some(&t) {
            self.row.copy_from_slice(trace.before(last));
            self.row[..n].copy_from_slice(trace.after(last));
            system.slope(t, &self.row, &mut self.rate, &mut self.scratch);
            let dt = self.moments[moment(last)];
            for ((value, state), slope) in self.value.iter_mut().zip(&self.state).zip(&self.rate) {
                *value = state - dt * slope;
            }
            while saves.get(*next) == Some(&t) {
                sink(*next, &self.value[..n]);
                *next += 1;
            }
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments, reason = "the position among the saves is two of them")]
    fn step(
        &mut self,
        system: &System<'_>,
        trace: &Trace,
        step: usize,
        along: Direction<'_>,
        events: bool,
        saves: &[f64],
        next: &mut usize,
        sink: &mut dyn FnMut(usize, &[f64]),
    ) -> Result<(), SolveError> {
        let n = trace.n;
        let info = trace.steps[step];
        self.moments[info.end] = self.moment(trace.moments[info.end].kind);
        self.beginnings[step * n..(step + 1) * n].copy_from_slice(&self.state);
        self.stages(system, trace, step, along)?;
        let cut = trace.time(info.cut);
        let is_cut = info.cut != info.end;
        if is_cut {
            self.locate(system, trace, step, along);
            let dt = self.moments[info.cut];
            for state in 0..n {
                self.state[state] = self.interpolated(trace, step, (cut, dt), 0, state);
            }
        } else {
            let (t, end) = trace.span(step);
            let dh = self.moments[info.end] - self.moments[info.begin];
            for state in 0..n {
                let by_length = trace.weighted_by(step, trace.tableau.b, state);
                let by_slopes = self.weighted(trace, step, trace.tableau.b, state);
                self.state[state] += dh * by_length + (end - t) * by_slopes;
            }
        }
        if let Some(state) = self.state.iter().position(|x| !x.is_finite()) {
            let u = trace.beginning(step).to_vec();
            return Err(SolveError::NonFinite { t: trace.span(step).0, state, u });
        }
        self.watched(system, trace, step, along, saves.len(), sink);
        let direction = system.ivp.direction();
        while let Some(&s) = saves.get(*next)
            && ((cut - s) * direction > 0.0 || s == cut && !events)
        {
            if s == cut && !is_cut && trace.moments[info.end].kind == Kind::Fixed {
                self.value[..n].copy_from_slice(&self.state);
            } else {
                for state in 0..n {
                    self.value[state] = self.interpolated(trace, step, (s, 0.0), 0, state);
                }
            }
            sink(*next, &self.value[..n]);
            *next += 1;
        }
        Ok(())
    }

    /// Hands the tangents of the delayed values at save times in a step to `sink`, behind those of all
    /// states.
    fn watched(
        &mut self,
        system: &System<'_>,
        trace: &Trace,
        step: usize,
        along: Direction<'_>,
        saves: usize,
        sink: &mut dyn FnMut(usize, &[f64]),
    ) {
        for index in watched_in(&trace.watched, step) {
            let Watched { save, t, .. } = trace.watched[index];
            for state in 0..trace.n {
                self.input[state] = self.interpolated(trace, step, (t, 0.0), 0, state);
            }
            let (at, sources) = (trace.watched_input(index), trace.sources_of_watched(index));
            self.reads(system, trace, (t, 0.0), at, sources, None, along);
            sink(saves + save, &self.input[trace.n..]);
        }
    }

    /// Tangents of the slopes of a step.
    fn stages(
        &mut self,
        system: &System<'_>,
        trace: &Trace,
        step: usize,
        along: Direction<'_>,
    ) -> Result<(), SolveError> {
        let n = trace.n;
        let info = trace.steps[step];
        let (t, end) = trace.span(step);
        let (dt, dend) = (self.moments[info.begin], self.moments[info.end]);
        let (h, dh) = (end - t, dend - dt);
        let rows = step * trace.rows() * n;
        if info.continues {
            let last = rows - trace.rows() * n + (trace.tableau.stages() - 1) * n;
            self.slopes.copy_within(last..last + n, rows);
        }
        if info.overlaps {
            let first = rows + usize::from(info.continues) * n;
            self.slopes[first..rows + trace.rows() * n].fill(0.0);
        }
        self.fresh.clear();
        self.fresh.extend_from_slice(&self.slopes[rows..rows + trace.rows() * n]);
        let mut before = f64::INFINITY;
        for sweep in 0..MOST_SWEEPS {
            let (mut change, mut size) = (0.0_f64, 0.0_f64);
            for stage in usize::from(info.continues)..trace.stages(step) {
                let (weights, c) = trace.tableau.stage(stage);
                for state in 0..n {
                    let by_length = trace.weighted_by(step, weights, state);
                    let by_slopes = weighted(&self.fresh, n, weights, state);
                    self.input[state] =
                        self.beginnings[step * n + state] + dh * by_length + h * by_slopes;
                }
                let at = (trace.stage_time(step, c), (1.0 - c) * dt + c * dend);
                let (input, sources) = (trace.input(step, stage), trace.stage_sources(step, stage));
                self.reads(system, trace, at, input, sources, Some(step), along);
                let tangent = Tangent { t: at.1, u: &self.input, p: along.p };
                let value = &mut self.value[..n];
                let point = system.point(at.0, input);
                system.rhs().jvp(point, tangent, value, &mut self.rate, &mut self.scratch);
                self.products += 1;
                let kept = &self.slopes[rows + stage * n..rows + (stage + 1) * n];
                for (kept, new) in kept.iter().zip(&self.rate) {
                    change = change.max((*kept - new).abs());
                    size = size.max(new.abs());
                }
                self.fresh[stage * n..(stage + 1) * n].copy_from_slice(&self.rate);
            }
            self.slopes[rows..rows + trace.rows() * n].copy_from_slice(&self.fresh);
            let settled = change <= 4.0 * f64::EPSILON * size
                || sweep > 20 && change >= 0.5 * before && change <= 1e-12 * size;
            // What is not finite is said of the state.
            if !info.overlaps || settled || !change.is_finite() {
                return Ok(());
            }
            before = change;
        }
        refused(format!(
            "the step at t = {t} reads itself through a lag shorter than the step, and its \
             derivative cannot be found; set a largest step below the lag"
        ))
    }

    /// `Σ_j weights_j dk_j` of one state.
    fn weighted(&self, trace: &Trace, step: usize, weights: &[f64], state: usize) -> f64 {
        weighted(&self.slopes[step * trace.rows() * trace.n..], trace.n, weights, state)
    }

    /// Tangent of the derivative of order `order` of `state` at `s` in a step, where `s` moves by
    /// `ds`.
    fn interpolated(
        &self,
        trace: &Trace,
        step: usize,
        (s, ds): (f64, f64),
        order: usize,
        state: usize,
    ) -> f64 {
        let (theta, h) = trace.place(step, s);
        let weights = &trace.weights(order, theta)[..trace.rows()];
        let rates = trace.weights(order + 1, theta);
        let factor = if order == 0 { h } else { 1.0 };
        let info = trace.steps[step];
        let dt = self.moments[info.begin];
        let dh = self.moments[info.end] - dt;
        let by_s = trace.weighted(step, &rates, state) * factor / h;
        let mut out = factor * self.weighted(trace, step, weights, state);
        out += by_s * (ds - dt - theta * dh);
        if order == 0 {
            out +=
                self.beginnings[step * trace.n + state] + dh * trace.weighted(step, weights, state);
        }
        out
    }

    /// Fills in the tangents of the delayed values behind those of the states in `input`, at the
    /// point `at` and a time with its tangent.
    #[allow(clippy::too_many_arguments, reason = "one call in the inner loop, all of it needed")]
    fn reads(
        &mut self,
        system: &System<'_>,
        trace: &Trace,
        (t, dt): (f64, f64),
        at: &[f64],
        sources: &[Source],
        step: Option<usize>,
        along: Direction<'_>,
    ) {
        let n = trace.n;
        let Some(delays) = system.delays() else { return };
        if (0..trace.lags).any(|lag| !system.is_constant(lag)) {
            self.row.copy_from_slice(at);
            self.row[n..].fill(0.0);
            self.input[n..].fill(0.0);
            let tangent = Tangent { t: dt, u: &self.input, p: along.p };
            let point = system.point(t, &self.row);
            let value = &mut self.value[..trace.lags];
            delays.lags.jvp(point, tangent, value, &mut self.lags, &mut self.scratch);
        }
        for (index, read) in system.reads.iter().enumerate() {
            let (state, lag) = (read.state as usize, read.lag as usize);
            let dlag = if system.is_constant(lag) { self.constant[lag] } else { self.lags[lag] };
            let ds = dt - dlag;
            let mut tangent = match sources[lag] {
                Source::Before(s) if read.slope => {
                    let length = difference(system, t - s);
                    let mut sum = 0.0;
                    for (place, weight) in DIFFERENCES {
                        let tangent = Tangent { t: ds, u: &[], p: along.p };
                        let point = system.point(s + place * length, &[]);
                        let value = &mut self.value[..n];
                        let out = &mut self.before;
                        delays.history.jvp(point, tangent, value, out, &mut self.scratch);
                        sum += weight / length * self.before[state];
                    }
                    sum
                }
                Source::Before(s) => {
                    let tangent = Tangent { t: ds, u: &[], p: along.p };
                    let (value, out) = (&mut self.value[..n], &mut self.before);
                    let point = system.point(s, &[]);
                    delays.history.jvp(point, tangent, value, out, &mut self.scratch);
                    self.before[state]
                }
                Source::Step { step, s } => {
                    self.interpolated(trace, step, (s, ds), usize::from(read.slope), state)
                }
            };
            if let Some(step) = step
                && trace.coupled(step, lag)
                && !read.slope
            {
                tangent += self.input[state] - self.interpolated(trace, step, (t, dt), 0, state);
            }
            self.input[n + index] = tangent;
        }
    }

    /// Tangent of the moment at which a step is cut short.
    fn locate(&mut self, system: &System<'_>, trace: &Trace, step: usize, along: Direction<'_>) {
        let cut = trace.steps[step].cut;
        let t = trace.time(cut);
        for state in 0..trace.n {
            self.input[state] = self.interpolated(trace, step, (t, 0.0), 0, state);
        }
        let mut moved = 0.0;
        match trace.moments[cut].kind {
            Kind::Root { .. } => {
                let change = change_at(trace, cut);
                let (at, sources) = (trace.before(change), trace.sources_of_change(change));
                self.reads(system, trace, (t, 0.0), at, sources, None, along);
            }
            Kind::Passage { moment, .. } => {
                self.input[trace.n..].fill(0.0);
                moved -= self.moments[moment];
            }
            _ => {}
        }
        let Some(condition) = &self.conditions[step] else { return };
        moved += dot(&condition.by_input, &self.input) + dot(&condition.by_p, along.p);
        self.moments[cut] = -moved / condition.rate;
    }
}
