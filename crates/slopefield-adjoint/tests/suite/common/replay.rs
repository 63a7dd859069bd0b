//! The very steps of a solve again, in dual numbers: what the derivative of the same steps is, by
//! nothing but the chain rule on each operation.
//!
//! Steps end where they ended. What moves: times and periods of the model, crossings (located again
//! on the interpolant of their step), the start, and discontinuities behind constant lags.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::dual::{D, System, c};
use slopefield_kernel::Trigger;
use slopefield_solve::runge_kutta::MAX_DENSE_STAGES;
use slopefield_solve::{
    DelayStepper, ExplicitRungeKutta, Happening, Ivp, Settings, SolveError, Stages, Step,
    StepObserver, Stepper, Tableau, drive,
};

/// What a solve did.
#[derive(Default)]
pub struct Plan {
    /// Begin, whole end, cut.
    pub steps: Vec<(f64, f64, f64)>,
    /// For each step, the lags coupled to the state.
    pub coupled: Vec<Vec<bool>>,
    /// Number of the step before it, time, event, round.
    pub events: Vec<(usize, f64, usize, u32)>,
    /// State at each cut.
    pub ends: Vec<Vec<f64>>,
    /// For each step of a method that switches, whether its implicit side has taken it.
    pub implicit: Vec<bool>,
    implicit_steps: u64,
    whole: Option<f64>,
}

impl StepObserver for Plan {
    fn cut(&mut self, whole: &Step) {
        self.whole = Some(whole.t);
    }
    fn accepted(&mut self, step: &Step, solution: &mut dyn Stepper) -> Result<(), SolveError> {
        let end = self.whole.take().unwrap_or(step.t);
        self.steps.push((step.t_prev, end, step.t));
        self.ends.push(solution.state().to_vec());
        self.coupled.push(solution.coupled_lags().to_vec());
        if let Some(report) = solution.switches() {
            self.implicit.push(report.implicit_steps > self.implicit_steps);
            self.implicit_steps = report.implicit_steps;
        }
        Ok(())
    }
    fn happened(&mut self, happening: &Happening<'_, f64>) -> Result<(), SolveError> {
        let Happening { t, event, round, .. } = *happening;
        self.events.push((self.steps.len(), t, event, round));
        Ok(())
    }
}

struct Piece {
    begin: D,
    end: D,
    cut: D,
    u: Vec<D>,
    slopes: Vec<Vec<D>>,
}

/// States at the saves as functions along a direction in start time, initial state and parameters.
pub struct Replay<'a> {
    system: &'a System,
    table: &'static Tableau,
    plan: Plan,
    t0: f64,
    t1: f64,
    pieces: Vec<Piece>,
    /// Times at which the solution may not be smooth.
    origins: Vec<D>,
    /// The pieces of the past that the lags look at in the step at hand, for lags that grow slower
    /// than time; without bounds for constant ones.
    bounds: Vec<(f64, f64)>,
    p: Vec<D>,
    start: D,
    /// Whether delayed values stand behind the states at the saves.
    pub wide: bool,
}

impl<'a> Replay<'a> {
    /// Solves and puts down what happens.
    pub fn new(
        system: &'a System,
        table: &'static Tableau,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
    ) -> (Self, Vec<f64>) {
        let mut plan = Plan::default();
        let mut states = vec![0.0; saves.len() * ivp.u0.len()];
        let mut stepper: Box<dyn Stepper> = match system.reads.is_empty() {
            true => Box::new(ExplicitRungeKutta::new(table)),
            false => Box::new(DelayStepper::new(Stages::new(table))),
        };
        drive(&mut *stepper, ivp, settings, saves, &mut states, Some(&mut plan)).unwrap();
        let replay = Replay {
            system,
            table,
            plan,
            t0: ivp.t0,
            t1: ivp.t1,
            pieces: Vec::new(),
            origins: Vec::new(),
            bounds: Vec::new(),
            p: Vec::new(),
            start: c(0.0),
            wide: false,
        };
        (replay, states)
    }

    /// Interpolant of a piece, or its slope.
    fn within(&self, piece: usize, s: D, slope: bool) -> Vec<D> {
        let Piece { begin, end, u, slopes, .. } = &self.pieces[piece];
        let h = *end - *begin;
        let theta = (s - *begin) / h;
        let all = self.table.dense_stages();
        let weights = |order| {
            let mut w = [0.0; MAX_DENSE_STAGES];
            self.table.dense_derivative_weights(order, theta.v, &mut w[..all]);
            w
        };
        let order = usize::from(slope);
        let (w, dw) = (weights(order), weights(order + 1));
        let mut out = if slope { vec![c(0.0); u.len()] } else { u.clone() };
        for j in 0..all {
            let weight = D { v: w[j], d: dw[j] * theta.d };
            let weight = if slope { weight } else { h * weight };
            for (out, k) in out.iter_mut().zip(&slopes[j]) {
                *out += weight * *k;
            }
        }
        out
    }

    fn lengths(&self, t: D, u: &[D]) -> Vec<D> {
        let Some(lags) = &self.system.lags else { return Vec::new() };
        let mut row = u.to_vec();
        row.resize(self.system.all(), c(0.0));
        lags.call(t, &row, &self.p)
    }

    /// State followed by delayed values. `left` of a point where pieces meet.
    fn row(&self, t: D, u: &[D], left: bool) -> Vec<D> {
        let mut row = u.to_vec();
        let lengths = self.lengths(t, u);
        for read in &self.system.reads {
            let s = t - lengths[read.lag as usize];
            // A step looks at one piece of the past, and at its continuation beyond.
            let (mut place, mut left, mut beyond) = (s.v, left, None);
            if let Some(&(low, high)) = self.bounds.get(read.lag as usize) {
                let slack = 1e-8 * (1.0 + t.v.abs());
                if place >= high - slack {
                    (place, left, beyond) = (high, true, Some(low - slack));
                } else if place <= low + slack {
                    (place, left, beyond) = (low, false, Some(high + slack));
                }
            }
            let near = |x: D| (place - x.v).abs() <= 1e-8 * (1.0 + t.v.abs());
            let mut at = None;
            if !(near(self.start) && left) && (place > self.start.v || near(self.start)) {
                let mut index = self.pieces.len() - 1;
                while index > 0
                    && (self.pieces[index].begin.v > place && !near(self.pieces[index].begin)
                        || near(self.pieces[index].begin) && left)
                {
                    index -= 1;
                }
                at = Some(match beyond {
                    Some(other) => self.long_enough(index, s.v, left, other),
                    None => index,
                });
            }
            let state = read.state as usize;
            row.push(match at {
                Some(piece) => self.within(piece, s, read.slope)[state],
                None => {
                    let history = self.system.history.as_ref().unwrap();
                    if read.slope {
                        // Only for histories whose slope is constant.
                        let p: Vec<D> = self.p.iter().map(|x| c(x.v)).collect();
                        D { v: history.call(D { v: s.v, d: 1.0 }, &[], &p)[state].d, d: 0.0 }
                    } else {
                        history.call(s, &[], &self.p)[state]
                    }
                }
            });
        }
        row
    }

    /// The piece that goes on to `s`: the one at `index` beside an edge of a smooth part, or the nearest
    /// one of that part, which ends at `other`, that is not farther from `s` than a tenth of its length.
    fn long_enough(&self, index: usize, s: f64, left: bool, other: f64) -> usize {
        let last = self.pieces.len() - 1;
        let is_long = |i: &usize| {
            let piece = &self.pieces[*i];
            let x = (s - piece.begin.v) / (piece.end.v - piece.begin.v);
            let reach = if *i == index { 1.0 } else { 0.1 };
            (-reach..=1.0 + reach).contains(&x)
        };
        let found = match left {
            true => {
                (0..=index).rev().take_while(|i| self.pieces[*i].begin.v >= other).find(is_long)
            }
            false => (index..last).take_while(|i| self.pieces[*i].end.v <= other).find(is_long),
        };
        found.filter(|_| index < last).unwrap_or(index)
    }

    fn times(&self) -> Vec<D> {
        let times = self.system.times.as_ref();
        times.map_or(Vec::new(), |times| times.call(c(self.t0), &[], &self.p))
    }

    /// The time of an event that happens at times of the model.
    fn scheduled(&self, event: usize, near: f64) -> Option<D> {
        let times = self.times();
        match &self.system.list[event].trigger {
            Trigger::At(range) => times[range.start as usize..range.end as usize]
                .iter()
                .copied()
                .min_by(|a, b| (a.v - near).abs().total_cmp(&(b.v - near).abs())),
            Trigger::Every { period, from, .. } => {
                let (period, from) = (times[*period as usize], times[*from as usize]);
                Some(from + ((near - from.v) / period.v).round() * period)
            }
            Trigger::Crossing { .. } => None,
        }
    }

    /// Where root `root` passes 0 within the last piece, near `t`.
    fn crossing(&self, root: u32, t: f64) -> D {
        let last = self.pieces.len() - 1;
        let roots = self.system.roots.as_ref().unwrap();
        let value = |t: D| {
            let u = self.within(last, t, false);
            roots.call(t, &self.row(t, &u, true), &self.p)[root as usize]
        };
        // The slope along time alone: the difference of two derivatives along the direction.
        let slope = |t: f64| value(D { v: t, d: 1.0 }).d - value(c(t)).d;
        let mut t = c(t);
        for _ in 0..8 {
            let g = value(t);
            t = D { v: t.v - g.v / slope(t.v), d: t.d };
        }
        D { v: t.v, d: -value(c(t.v)).d / slope(t.v) }
    }

    /// Takes the steps again from `(t0, u0, p)`; returns the states at the saves. Rows after a stop
    /// are empty.
    pub fn run(&mut self, t0: D, u0: &[D], p: &[D], saves: &[f64]) -> Vec<Vec<D>> {
        let n = self.system.states;
        let direction = (self.t1 - self.t0).signum();
        self.pieces.clear();
        self.origins.clear();
        self.bounds.clear();
        self.p = p.to_vec();
        self.start = t0;
        let mut u = u0.to_vec();
        let mut begin = t0;
        let mut saved = vec![Vec::new(); saves.len()];
        let mut next = 0;
        self.events(0, t0.v, &mut begin, &mut u);
        while next < saves.len() && saves[next] == self.t0 {
            // The solution at a fixed time when the start moves.
            let row = self.row(begin, &u, false);
            let slope = self.system.rhs.call(begin, &row, &self.p);
            let since = D { v: 0.0, d: -begin.d };
            saved[next] = u.iter().zip(slope).map(|(u, k)| *u + since * k).collect();
            if self.wide {
                saved[next] = self.row(c(self.t0), &saved[next], false);
            }
            next += 1;
        }
        self.origins.push(begin);
        for step in 0..self.plan.steps.len() {
            let (_, end, cut) = self.plan.steps[step];
            let here: Vec<_> = self
                .plan
                .events
                .iter()
                .filter(|e| e.0 == step + 1 && e.1 == cut)
                .copied()
                .collect();
            let breaks = here
                .iter()
                .any(|e| self.system.list[e.2].affect.is_some() || self.system.list[e.2].stop);
            let scheduled = here
                .iter()
                .filter(|e| breaks && e.3 == 0 && cut == end)
                .find_map(|e| self.scheduled(e.2, cut));
            let mut end = scheduled.unwrap_or(c(end));
            let mut anew = false;
            if scheduled.is_none() && end.v != self.t1 {
                let lengths = self.lengths(begin, &u);
                for (lag, constant) in self.system.constant.iter().enumerate() {
                    for origin in self.origins.iter().filter(|_| *constant) {
                        let later = *origin + lengths[lag];
                        if (later.v - end.v).abs() < 1e-12 * end.v.abs() {
                            end = later;
                            anew = true;
                        }
                    }
                }
            }
            self.take(begin, end, &u, step);
            let last = self.pieces.len() - 1;
            let root = here.iter().find_map(|e| match self.system.list[e.2].trigger {
                Trigger::Crossing { root, .. } if e.3 == 0 && breaks => Some(root),
                _ => None,
            });
            let mut reached = end;
            u = self.end(last);
            if let (None, Some(root)) = (scheduled, root) {
                reached = self.crossing(root, cut);
                u = self.within(last, reached, false);
            }
            if !breaks
                && !anew
                && let Some(at) = self.passage(&u)
            {
                reached = at;
                u = self.within(last, reached, false);
                anew = true;
            }
            for (u, solved) in u.iter().zip(&self.plan.ends[step]) {
                let off = (u.v - solved).abs();
                let same = off < 1e-9 * (1.0 + solved.abs());
                assert!(same, "step {step} to {reached:?}: {u:?} {solved}, {:?}", self.bounds);
            }
            self.pieces[last].cut = reached;
            while next < saves.len() && (cut - saves[next]) * direction > 0.0 {
                saved[next] = self.saved(last, saves[next]);
                next += 1;
            }
            if breaks {
                let before = self.saved(last, cut);
                self.events(step + 1, cut, &mut reached, &mut u);
                let row = self.row(reached, &u, false);
                let slope = self.system.rhs.call(reached, &row, &self.p);
                while next < saves.len() && saves[next] == cut {
                    let since = D { v: 0.0, d: -reached.d };
                    saved[next] = u.iter().zip(&slope).map(|(u, k)| *u + since * *k).collect();
                    saved[next].extend_from_slice(&before[n..]);
                    next += 1;
                }
                self.origins.push(reached);
            } else {
                while next < saves.len() && saves[next] == cut {
                    saved[next] = self.saved(last, cut);
                    next += 1;
                }
                if anew {
                    self.origins.push(reached);
                }
            }
            begin = reached;
        }
        let width = if self.wide { self.system.all() } else { n };
        assert!(saved.iter().all(|row| row.is_empty() || row.len() == width));
        saved
    }

    /// The solution at a fixed time within a piece, with its delayed values where these are wanted.
    fn saved(&self, piece: usize, t: f64) -> Vec<D> {
        let u = self.within(piece, c(t), false);
        if self.wide { self.row(c(t), &u, true) } else { u }
    }

    fn end(&self, piece: usize) -> Vec<D> {
        let Piece { begin, end, u, slopes, .. } = &self.pieces[piece];
        let mut out = u.clone();
        for (b, k) in self.table.b.iter().zip(slopes) {
            for (out, k) in out.iter_mut().zip(k) {
                *out += (*end - *begin) * (*b * *k);
            }
        }
        out
    }

    /// Takes a step; again and again where it reads itself.
    fn take(&mut self, begin: D, end: D, u: &[D], step: usize) {
        let h = end - begin;
        let slopes = vec![vec![c(0.0); u.len()]; self.table.dense_stages()];
        self.pieces.push(Piece { begin, end, cut: end, u: u.to_vec(), slopes });
        let last = self.pieces.len() - 1;
        let lags = self.lengths(begin, u);
        self.bounds.clear();
        for (lag, constant) in lags.iter().zip(&self.system.constant) {
            let s = begin.v - lag.v;
            // A step that was to end on an origin may fall a little short.
            let passed = self.origins.partition_point(|x| x.v <= s + 1e-5);
            let low = passed.checked_sub(1).map_or(f64::NEG_INFINITY, |i| self.origins[i].v);
            let high = self.origins.get(passed).map_or(f64::INFINITY, |x| x.v);
            let free = (f64::NEG_INFINITY, f64::INFINITY);
            self.bounds.push(if *constant { free } else { (low, high) });
        }
        let sweeps = if lags.iter().any(|lag| lag.v < 1.1 * h.v.abs()) { 120 } else { 1 };
        for _ in 0..sweeps {
            for stage in 0..self.table.dense_stages() {
                let (weights, place) = self.table.stage(stage);
                let mut state = u.to_vec();
                for (a, k) in weights.iter().zip(&self.pieces[last].slopes) {
                    for (x, k) in state.iter_mut().zip(k) {
                        *x += h * (*a * *k);
                    }
                }
                let t = if place == 1.0 { end } else { begin + place * h };
                let mut row = self.row(t, &state, stage > 0);
                for (index, read) in self.system.reads.iter().enumerate() {
                    let state = read.state as usize;
                    if self.plan.coupled[step].get(read.lag as usize) == Some(&true) {
                        let here = self.within(last, t, false)[state];
                        row[u.len() + index] = row[u.len() + index] + row[state] - here;
                    }
                }
                self.pieces[last].slopes[stage] = self.system.rhs.call(t, &row, &self.p);
            }
        }
    }

    /// Where a lag that is not constant comes to look at an earlier origin at the end of the last
    /// piece.
    fn passage(&self, u: &[D]) -> Option<D> {
        let last = self.pieces.len() - 1;
        let Piece { begin, end, u: first, .. } = &self.pieces[last];
        let (before, after) = (self.lengths(*begin, first), self.lengths(*end, u));
        for (lag, constant) in self.system.constant.iter().enumerate() {
            for origin in self.origins.iter().filter(|_| !*constant) {
                let (from, to) = (begin.v - before[lag].v, end.v - after[lag].v);
                let near = |x: f64| (x - origin.v).abs() < 1e-6 * (to - from).abs();
                if near(to) && !near(from) {
                    let value = |t: D| {
                        let u = self.within(last, t, false);
                        t - self.lengths(t, &u)[lag] - *origin
                    };
                    let t = c(end.v);
                    let slope = value(D { v: t.v, d: 1.0 }).d - value(t).d;
                    return Some(D { v: t.v, d: -value(t).d / slope });
                }
            }
        }
        None
    }

    /// Lets the events that followed step `step` at `t` happen.
    fn events(&self, step: usize, t: f64, at: &mut D, u: &mut Vec<D>) {
        let events = self.plan.events.iter().filter(|e| e.0 == step && e.1 == t);
        let mut first = true;
        for &(_, _, event, round) in events {
            if round == 0
                && step > 0
                && let Some(time) = self.scheduled(event, t)
            {
                if !first {
                    // Between two moments that part, the solution goes on.
                    let row = self.row(*at, u, true);
                    let slope = self.system.rhs.call(*at, &row, &self.p);
                    for (u, k) in u.iter_mut().zip(slope) {
                        *u += (time - *at) * k;
                    }
                }
                *at = time;
            }
            first = false;
            if let Some(affect) = self.system.list[event].affect {
                let row = self.row(*at, u, round == 0 && step > 0);
                *u = self.system.changes[affect as usize].call(*at, &row, &self.p);
            }
        }
    }
}
