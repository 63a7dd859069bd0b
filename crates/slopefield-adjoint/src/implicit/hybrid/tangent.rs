//! The tape forward: tangents of states, slopes and moments along all directions at once.

use super::super::consistent_rows::consistent_rows;
use super::super::equations::{Directions, StageEquations, StepView, add_scaled};
use super::super::interpolant::Interpolant;
use super::super::linear::Linear;
use super::filled::{DelayedValues, Filled, filled, ordinary};
use super::reads::{Reader, Seen};
use super::reverse::{MOST_SWEEPS, reads_itself};
use super::solve::Solve;
use super::tape::{Begin, Item, Tape, place, within};
use crate::hybrid::reverse::dot;
use crate::hybrid::system::System;
use crate::hybrid::trace::{Kind, Watched, watched_in};
use crate::method::parameter_not_finite;
use crate::sensitivity::Sink;
use slopefield_kernel::{Kernel, Point, Tangent};
use slopefield_solve::{Consistency, Settings, SolveError};
use std::ops::Range;

/// Carries tangents forward. Directions are the initial values, the parameters, and perhaps the start
/// time; all arrays hold direction after direction.
pub(super) struct Forward {
    directions: usize,
    /// Of the state at hand,
    states: Vec<f64>,
    /// and of the slope handed over there.
    slopes: Vec<f64>,
    unknowns: Vec<f64>,
    /// Of the moments, moment by moment.
    moments: Vec<f64>,
    /// How the beginning of a step and its length change.
    lengths: Vec<(f64, f64)>,
    /// Of all numbers of the tape, where the past is read.
    past: Vec<f64>,
    /// Zeros for the directions.
    still: Vec<f64>,
    linear: Linear,
    /// A direction of parameters, 0 between calls.
    unit: Vec<f64>,
    state: Vec<f64>,
    value: Vec<f64>,
    scratch: Vec<f64>,
    pub products: u64,
}

impl Forward {
    pub fn new() -> Self {
        Forward {
            directions: 0,
            states: Vec::new(),
            slopes: Vec::new(),
            unknowns: Vec::new(),
            moments: Vec::new(),
            lengths: Vec::new(),
            past: Vec::new(),
            still: Vec::new(),
            linear: Linear::new(),
            unit: Vec::new(),
            state: Vec::new(),
            value: Vec::new(),
            scratch: Vec::new(),
            products: 0,
        }
    }

    pub fn bytes(&self) -> u64 {
        let tangents = self.states.len() + self.slopes.len() + self.unknowns.len();
        (8 * (tangents + self.moments.len() + self.past.len())) as u64
    }

    fn prepare(
        &mut self,
        system: &System<'_>,
        tape: &Tape,
        equations: &mut dyn StageEquations,
        start_time: bool,
    ) -> Result<(), SolveError> {
        let (n, m) = (tape.n, system.ivp.p.len());
        self.directions = n + m + usize::from(start_time);
        let all = self.directions * n;
        let past = if system.delays().is_some() { self.directions * tape.data.len() } else { 0 };
        for (vector, len) in [
            (&mut self.states, all),
            (&mut self.slopes, if equations.hands_over_slope() { all } else { 0 }),
            (&mut self.unknowns, tape.stages * all),
            (&mut self.moments, tape.moments.len() * self.directions),
            (&mut self.past, past),
            (&mut self.still, self.directions),
            (&mut self.unit, m),
            (&mut self.state, n),
            (&mut self.value, n.max(system.times())),
            (&mut self.scratch, system.scratch_len()),
        ] {
            vector.clear();
            vector.resize(len, 0.0);
        }
        for i in 0..n {
            self.states[i * n + i] = 1.0;
        }
        if start_time {
            self.moments[n + m] = 1.0;
        }
        self.products = 0;
        self.scheduled_moments(system, tape);
        self.begin_past(system, tape);
        if tape.contexts.is_empty() && system.delays().is_some() {
            return Ok(());
        }
        let seen = Seen::Directions(&self.past);
        let filled = filled(system, tape, equations.interpolant(), 0, seen);
        let inner = ordinary(system, &filled, &self.still);
        self.scratch.resize(self.scratch.len().max(inner.rhs.scratch_len()), 0.0);
        self.linear.prepare(&inner)?;
        if filled.is_some() {
            equations.prepare(&inner)?;
        }
        Ok(())
    }

    /// Tangents of the moments that the model gives.
    fn scheduled_moments(&mut self, system: &System<'_>, tape: &Tape) {
        let Some(times) = system.events().and_then(|events| events.times) else { return };
        let (n, count) = (tape.n, times.shape().outputs);
        let at = system.point(system.ivp.t0, &[]);
        let mut rates = vec![0.0; count];
        for parameter in 0..system.ivp.p.len() {
            self.unit[parameter] = 1.0;
            let along = Tangent { t: 0.0, u: &[], p: &self.unit };
            times.jvp(at, along, &mut self.value[..count], &mut rates, &mut self.scratch);
            self.unit[parameter] = 0.0;
            for (moment, info) in tape.moments.iter().enumerate() {
                if let Kind::Scheduled { terms } = info.kind {
                    let terms = terms.iter().map(|(index, factor)| factor * rates[*index as usize]);
                    self.moments[moment * self.directions + n + parameter] = terms.sum();
                }
            }
        }
    }

    /// Tangents of the parameters and of constant lags, as the past knows them.
    fn begin_past(&mut self, system: &System<'_>, tape: &Tape) {
        let Some(delays) = system.delays() else { return };
        let (n, m) = (tape.n, system.ivp.p.len());
        let (mut row, still) = (vec![0.0; system.all], vec![0.0; system.all]);
        row[..n].copy_from_slice(system.ivp.u0);
        let at = system.point(system.ivp.t0, &row);
        let mut lengths = vec![0.0; tape.lags];
        for parameter in 0..m {
            let first = (n + parameter) * tape.data.len();
            self.past[first + parameter] = 1.0;
            self.unit[parameter] = 1.0;
            let along = Tangent { t: 0.0, u: &still, p: &self.unit };
            let out = &mut self.past[first + m..first + m + tape.lags];
            delays.lags.jvp(at, along, &mut lengths, out, &mut self.scratch);
            self.unit[parameter] = 0.0;
        }
    }

    /// The parameter that direction `d` is the one of, as right-hand sides have it.
    fn parameter(&self, tape: &Tape, d: usize) -> Option<usize> {
        match self.past.is_empty() {
            true => d.checked_sub(tape.n).filter(|parameter| *parameter < self.unit.len()),
            // With delays each direction is one.
            false => Some(d),
        }
    }

    /// Goes through the whole tape and hands tangents at the saves to `sink`.
    pub fn run(
        &mut self,
        system: &System<'_>,
        settings: &Settings,
        solve: &mut Solve,
        (saves, start_time): (&[f64], bool),
        sink: &mut Sink<'_>,
    ) -> Result<(), SolveError> {
        let Solve { tape, equations, consistency, .. } = solve;
        self.prepare(system, tape, &mut **equations, start_time)?;
        let (n, interpolant) = (tape.n, equations.interpolant());
        for item in &tape.items {
            match item {
                Item::Saves { moment, slope, saves } => {
                    for d in 0..self.directions {
                        let dt = self.moment(*moment, d);
                        self.state.copy_from_slice(&self.states[d * n..(d + 1) * n]);
                        // A later moment is an earlier point of the solution from there.
                        add_scaled(&mut self.state, -dt, tape.slope(*slope));
                        for row in saves.clone() {
                            sink(row, d, &self.state);
                        }
                    }
                }
                Item::Shift { from, to, slope } => {
                    for d in 0..self.directions {
                        let apart = self.moment(*to, d) - self.moment(*from, d);
                        let state = &mut self.states[d * n..(d + 1) * n];
                        add_scaled(state, apart, tape.slope(*slope));
                    }
                }
                Item::Change(change) => self.change(system, (tape, interpolant), *change),
                Item::Begin(begin) => {
                    self.begin(system, (&*tape, interpolant), *begin, consistency)?;
                }
                Item::Step(step, rows) => {
                    let t = tape.time(tape.steps[*step].begin);
                    if settings.cancelled() {
                        return Err(SolveError::Cancelled { t });
                    }
                    let rows = (rows.clone(), saves);
                    self.step(system, tape, *step, &mut **equations, rows, sink)?;
                }
            }
        }
        Ok(())
    }

    /// Tangent of a moment along direction `d`.
    fn moment(&self, moment: usize, d: usize) -> f64 {
        self.moments[moment * self.directions + d]
    }

    fn change(
        &mut self,
        system: &System<'_>,
        (tape, interpolant): (&Tape, Interpolant),
        change: usize,
    ) {
        let declared = tape.changes[change];
        let Some(affect) = system.affect(declared.event) else { return };
        let n = tape.n;
        let (context, seen) = (tape.change_contexts[change], Seen::Directions(&self.past));
        let reader = Reader { system: *system, tape, interpolant, context, seen };
        let filled = system.delays().map(|_| Filled::new(reader, affect));
        let affect = filled.as_ref().map_or(affect, |filled| filled as &dyn Kernel);
        let mut unit = vec![0.0; if filled.is_some() { self.directions } else { self.unit.len() }];
        let (t, u) = (tape.time(declared.moment), tape.before(change));
        for d in 0..self.directions {
            let parameter = self.parameter(tape, d);
            if let Some(parameter) = parameter {
                unit[parameter] = 1.0;
            }
            let dt = self.moments[declared.moment * self.directions + d];
            self.state.copy_from_slice(&self.states[d * n..(d + 1) * n]);
            let along = Tangent { t: dt, u: &self.state, p: &unit };
            let out = &mut self.states[d * n..(d + 1) * n];
            let at = Point { t, u, p: system.ivp.p };
            affect.jvp(at, along, &mut self.value[..n], out, &mut self.scratch);
            if let Some(parameter) = parameter {
                unit[parameter] = 0.0;
            }
            self.products += 1;
        }
    }

    fn begin(
        &mut self,
        system: &System<'_>,
        (tape, interpolant): (&Tape, Interpolant),
        begin: usize,
        consistency: &mut Consistency<f64>,
    ) -> Result<(), SolveError> {
        let (n, info) = (tape.n, tape.begins[begin]);
        if system.structure().mass.is_some() {
            return self.consistent_begin(system, (tape, interpolant), (begin, info), consistency);
        }
        if self.slopes.is_empty() {
            return Ok(());
        }
        let at = (tape.time(info.moment), tape.begin_state(begin).1);
        let seen = Seen::Directions(&self.past);
        let filled = filled(system, tape, interpolant, info.context, seen);
        let inner = ordinary(system, &filled, &self.still);
        for d in 0..self.directions {
            let dt = self.moments[info.moment * self.directions + d];
            let change = (self.parameter(tape, d), dt);
            let state = &self.states[d * n..(d + 1) * n];
            let out = &mut self.slopes[d * n..(d + 1) * n];
            self.linear.push_forward(&inner, at, state, change, out);
            self.products += 1;
        }
        Ok(())
    }

    /// Tangents of the consistent state and slope, by the rows of their Jacobian.
    fn consistent_begin(
        &mut self,
        system: &System<'_>,
        (tape, interpolant): (&Tape, Interpolant),
        (begin, info): (usize, Begin),
        consistency: &mut Consistency<f64>,
    ) -> Result<(), SolveError> {
        let (n, directions) = (tape.n, self.directions);
        let (given, state) = tape.begin_state(begin);
        let t = tape.time(info.moment);
        let before = self.states.clone();
        let Forward { states, slopes, linear, moments, past, still, .. } = self;
        // With delays each direction is a parameter.
        let first = if past.is_empty() { n } else { 0 };
        let filled = filled(system, tape, interpolant, info.context, Seen::Directions(past));
        let inner = ordinary(system, &filled, still);
        let moved = &moments[info.moment * directions..(info.moment + 1) * directions];
        let values = (given, state, tape.slope(info.slope));
        let with_slopes = !slopes.is_empty();
        consistent_rows(consistency, linear, &inner, t, values, with_slopes, &mut |row| {
            let out = if row.of_slope { &mut *slopes } else { &mut *states };
            for (d, dt) in moved.iter().enumerate() {
                let parameter = d.checked_sub(first).and_then(|parameter| row.by_p.get(parameter));
                out[d * n + row.index] = dot(row.by_u, &before[d * n..(d + 1) * n])
                    + parameter.copied().unwrap_or(0.0)
                    + row.by_t * dt;
            }
        })
    }

    fn step(
        &mut self,
        system: &System<'_>,
        tape: &Tape,
        step: usize,
        equations: &mut dyn StageEquations,
        (rows, saves): (Range<usize>, &[f64]),
        sink: &mut Sink<'_>,
    ) -> Result<(), SolveError> {
        let (n, m, s) = (tape.n, system.ivp.p.len(), tape.stages);
        let info = &tape.steps[step];
        let view = tape.view(step);
        let h = view.h();
        equations.select(view.explicit);
        if let Kind::Later { moment, lag } = tape.moments[info.end].kind {
            for d in 0..self.directions {
                let lag = self.past[d * tape.data.len() + tape.params + lag];
                self.moments[info.end * self.directions + d] = self.moment(moment, d) + lag;
            }
        }
        self.lengths.clear();
        if tape.moves(info.begin) || tape.moves(info.end) {
            for d in 0..self.directions {
                let (begin, end) = (self.moment(info.begin, d), self.moment(info.end, d));
                self.lengths.push((begin, end - begin));
            }
        }
        self.unknowns(system, tape, step, equations)?;
        self.watched(system, tape, step, equations, (saves.len(), sink));
        let cut = tape.time(info.cut);
        let is_cut = info.cut != info.end;
        // At a moment that moves without an event, the solution of this step at the fixed time.
        let at_end = !is_cut && !tape.moves(info.end);
        for row in rows.clone().filter(|row| !at_end || saves[*row] != cut) {
            for d in 0..self.directions {
                self.within(equations, &view, saves[row], d, 0.0);
                sink(row, d, &self.state);
            }
        }
        if let Some(condition) = &info.condition {
            for d in 0..self.directions {
                self.within(equations, &view, cut, d, 0.0);
                let mut moved = dot(&condition.by_input, &self.state);
                if self.past.is_empty() {
                    let parameter = self.parameter(tape, d).map(|p| condition.by_p[p]);
                    moved += parameter.unwrap_or(0.0);
                } else {
                    let numbers = tape.data.len();
                    moved += dot(&condition.by_p, &self.past[d * numbers..(d + 1) * numbers]);
                }
                if let Kind::Passage { moment, .. } = tape.moments[info.cut].kind {
                    moved -= self.moment(moment, d);
                }
                let dt = -moved / condition.rate;
                self.moments[info.cut * self.directions + d] = dt;
            }
        }
        let end = equations.end_weights();
        for d in 0..self.directions {
            if is_cut {
                let dt = self.moment(info.cut, d);
                self.within(equations, &view, cut, d, dt);
                self.states[d * n..(d + 1) * n].copy_from_slice(&self.state);
            } else {
                let unknowns = &self.unknowns[d * s * n..(d + 1) * s * n];
                let state = &mut self.states[d * n..(d + 1) * n];
                for (row, weight) in unknowns.chunks_exact(n).zip(end) {
                    add_scaled(state, weight, row);
                }
                for row in rows.clone().filter(|row| at_end && saves[*row] == cut) {
                    sink(row, d, state);
                }
                if !self.slopes.is_empty() {
                    let slope = &mut self.slopes[d * n..(d + 1) * n];
                    let (_, dh) = self.lengths.get(d).copied().unwrap_or((0.0, 0.0));
                    slope.fill(0.0);
                    add_scaled(slope, 1.0 / h, &unknowns[(s - 1) * n..]);
                    add_scaled(slope, -dh / (h * h), view.row(s - 1));
                }
            }
            let state = &self.states[d * n..(d + 1) * n];
            if let Some(bad) = state.iter().position(|x| !x.is_finite()) {
                return Err(match d.checked_sub(n).filter(|p| *p < m) {
                    None => {
                        SolveError::NonFinite { t: view.t_new, state: bad, u: view.start.to_vec() }
                    }
                    Some(parameter) => parameter_not_finite(parameter),
                });
            }
        }
        Ok(())
    }

    /// Hands the tangents of the delayed values at saves in a step to `sink`, behind those of all states.
    fn watched(
        &mut self,
        system: &System<'_>,
        tape: &Tape,
        step: usize,
        equations: &dyn StageEquations,
        (saves, sink): (usize, &mut Sink<'_>),
    ) {
        let (view, behind) = (tape.view(step), system.reads.len());
        let (mut state, mut slope) = (vec![0.0; tape.n], vec![0.0; tape.n]);
        let (mut value, mut change) = (vec![0.0; behind], vec![0.0; behind]);
        let mut unit = vec![0.0; self.directions];
        for index in watched_in(&tape.watched, step) {
            let Watched { save, t, .. } = tape.watched[index];
            within(equations, &view, t, &mut state, &mut slope);
            for d in 0..self.directions {
                self.within(equations, &view, t, d, 0.0);
                let (interpolant, context) = (equations.interpolant(), tape.steps[step].context);
                let seen = Seen::Directions(&self.past);
                let reader = Reader { system: *system, tape, interpolant, context, seen };
                let read = DelayedValues::of(system);
                let filled = Filled::new(reader, &read);
                unit[d] = 1.0;
                let along = Tangent { t: 0.0, u: &self.state, p: &unit };
                let at = Point { t, u: &state, p: system.ivp.p };
                filled.jvp(at, along, &mut value, &mut change, &mut self.scratch);
                unit[d] = 0.0;
                sink(saves + save, d, &change);
            }
        }
    }

    /// The tangents of the unknowns of a step, found again and again where it reads itself.
    fn unknowns(
        &mut self,
        system: &System<'_>,
        tape: &Tape,
        step: usize,
        equations: &mut dyn StageEquations,
    ) -> Result<(), SolveError> {
        let (n, s) = (tape.n, tape.stages);
        let info = &tape.steps[step];
        let view = tape.view(step);
        let (block, numbers) = (tape.block(step), tape.data.len());
        if !self.past.is_empty() {
            for d in 0..self.directions {
                let times = [self.moment(info.begin, d), self.moment(info.end, d)];
                let own = &mut self.past[d * numbers..(d + 1) * numbers][block.clone()];
                own[..n].copy_from_slice(&self.states[d * n..(d + 1) * n]);
                own[(1 + s) * n..].copy_from_slice(&times);
            }
        }
        let mut before = f64::INFINITY;
        for sweep in 0..MOST_SWEEPS {
            let first = if self.past.is_empty() { n } else { 0 };
            let (states, slopes, times) = (&self.states[..], &self.slopes[..], &self.lengths[..]);
            let along = Directions { states, slopes, times, first };
            {
                let (interpolant, seen) = (equations.interpolant(), Seen::Directions(&self.past));
                let filled = filled(system, tape, interpolant, info.context, seen);
                let inner = ordinary(system, &filled, &self.still);
                self.products += equations.tangents(&inner, &view, along, &mut self.unknowns)?;
            }
            if self.past.is_empty() {
                return Ok(());
            }
            let size_of = |most: f64, x: &f64| most.max(x.abs());
            let (mut change, mut size) = (0.0_f64, self.states.iter().fold(0.0, size_of));
            for (past, new) in
                self.past.chunks_exact_mut(numbers).zip(self.unknowns.chunks_exact(s * n))
            {
                let rows = &mut past[block.start + n..block.end - 2];
                for (kept, new) in rows.iter_mut().zip(new) {
                    change = change.max((*kept - new).abs());
                    size = size.max(new.abs());
                    *kept = *new;
                }
            }
            let settled = change <= 4.0 * f64::EPSILON * size
                || sweep > 20 && change >= 0.5 * before && change <= 1e-12 * size;
            // What is not finite is said of the state.
            if !info.overlaps || settled || !change.is_finite() {
                return Ok(());
            }
            before = change;
        }
        reads_itself(view.t)
    }

    /// Writes the tangent of the solution at `s` in a step along direction `d` to `state`, where `s`
    /// moves by `ds`.
    fn within(
        &mut self,
        equations: &dyn StageEquations,
        step: &StepView<'_>,
        s: f64,
        d: usize,
        ds: f64,
    ) {
        let (n, h, theta) = (step.start.len(), step.h(), place(step, s));
        let (weights, rates) = equations.dense_weights(theta);
        let (dt, dh) = self.lengths.get(d).copied().unwrap_or((0.0, 0.0));
        let place = (ds - dt - theta * dh) / h;
        let rows = self.unknowns.len() / self.directions;
        self.state.copy_from_slice(&self.states[d * n..(d + 1) * n]);
        let unknowns = self.unknowns[d * rows..(d + 1) * rows].chunks_exact(n);
        for (i, row) in unknowns.enumerate() {
            add_scaled(&mut self.state, weights[i], row);
            add_scaled(&mut self.state, rates[i] * place, step.row(i));
        }
    }
}
