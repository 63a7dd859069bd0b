//! Delayed values as functions of time, state and all numbers that the past is made of.
//!
//! The numbers are those of [`Tape::data`]: the parameters, the constant lags, and for each step its
//! beginning, its unknowns and its times. With them for parameters the equations of a step are ordinary
//! ones, and whatever goes through those goes through delays.

use super::super::equations::Weights;
use super::super::interpolant::Interpolant;
use super::tape::{Context, Place, Tape};
use crate::hybrid::past::{From, is_far, look};
use crate::hybrid::reverse::{DIFFERENCES, difference};
use crate::hybrid::system::System;
use crate::hybrid::trace::Source;
use slopefield_kernel::{Cotangent, DelayedRead, Delays, Point, Tangent};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// What a function that reads the past has for its parameters.
#[derive(Debug, Clone, Copy)]
pub(super) enum Seen<'a> {
    /// Those of the model; the past is constant.
    Parameters,
    /// All numbers of the tape.
    Everything,
    /// Directions in all numbers of the tape, direction by direction.
    Directions(&'a [f64]),
}

/// Where a delayed value comes from.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::large_enum_variant, reason = "lives on the stack, for the length of a read")]
pub(super) enum Piece {
    /// The history function, at this time.
    Before(f64),
    /// A step.
    Within(Within),
    /// The beginning of the step at hand, whose numbers begin there.
    Start(usize),
    /// The state at hand.
    State,
}

/// A place in a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Within {
    /// Where its numbers begin,
    first: usize,
    /// and end.
    end: usize,
    theta: f64,
    h: f64,
    /// Weights of the unknowns in the solution and their derivatives by `θ`.
    weights: [Weights; 3],
}

/// What reading the past has met.
#[derive(Default)]
pub(super) struct Noticed {
    /// The step at hand was read.
    pub ahead: AtomicBool,
    /// Another one was, farther from it than it is long.
    pub far: AtomicBool,
}

/// Reads the past from a context.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub system: System<'a>,
    pub tape: &'a Tape,
    pub interpolant: Interpolant,
    pub context: usize,
    pub seen: Seen<'a>,
}

/// Parts of the work space.
pub(super) struct Work<'s> {
    /// States and delayed values,
    pub u: &'s mut [f64],
    /// a direction in them,
    pub du: &'s mut [f64],
    /// a cotangent of them,
    pub bar: &'s mut [f64],
    /// and states without delayed values.
    pub row: &'s mut [f64],
    pub lags: &'s mut [f64],
    pub dlags: &'s mut [f64],
    /// The history function and its slope.
    pub before: &'s mut [f64],
    pub dbefore: &'s mut [f64],
    /// Of states, 0 between calls.
    pub unit: &'s mut [f64],
    /// A direction of the parameters of the model,
    pub dp: &'s mut [f64],
    /// and their cotangent where it is not added to the gradient itself; 0 between calls.
    pub by_p: &'s mut [f64],
    pub rest: &'s mut [f64],
}

/// A direction in the numbers of the tape.
#[derive(Clone, Copy)]
pub(super) struct Along<'a> {
    numbers: &'a [f64],
    factor: f64,
}

impl Along<'_> {
    /// None.
    pub const STILL: Along<'static> = Along { numbers: &[], factor: 0.0 };

    pub fn get(&self, index: usize) -> f64 {
        self.numbers.get(index).map_or(0.0, |x| self.factor * x)
    }
}

/// A gradient by what a function has for its parameters.
pub(super) struct Sink<'s> {
    seen: Seen<'s>,
    len: usize,
    params: usize,
    grad: &'s mut [f64],
}

impl Sink<'_> {
    /// Adds to the derivative by a number of the tape.
    pub fn add(&mut self, index: usize, value: f64) {
        match self.seen {
            Seen::Parameters if index >= self.params => {}
            Seen::Parameters | Seen::Everything => self.grad[index] += value,
            Seen::Directions(tangents) => {
                let rows = tangents.chunks_exact(self.len);
                for (grad, row) in self.grad.iter_mut().zip(rows) {
                    *grad += value * row[index];
                }
            }
        }
    }

    /// Where derivatives by the parameters of the model are to be added; [`Sink::passed`] must follow.
    pub fn parameters<'x>(&'x mut self, by_p: &'x mut [f64]) -> &'x mut [f64] {
        match self.seen {
            Seen::Directions(_) => by_p,
            _ => &mut self.grad[..self.params],
        }
    }

    pub fn passed(&mut self, by_p: &mut [f64]) {
        if let Seen::Directions(_) = self.seen {
            for (index, value) in by_p.iter_mut().enumerate() {
                if *value != 0.0 {
                    self.add(index, *value);
                    *value = 0.0;
                }
            }
        }
    }
}

impl<'a> Reader<'a> {
    /// Number of what functions have for their parameters.
    pub fn params(&self) -> usize {
        match self.seen {
            Seen::Parameters => self.tape.params,
            Seen::Everything => self.tape.data.len(),
            Seen::Directions(tangents) => tangents.len() / self.tape.data.len().max(1),
        }
    }

    /// The parameters of the model.
    pub fn p(&self) -> &'a [f64] {
        &self.tape.data[..self.tape.params]
    }

    pub fn delays(&self) -> Option<Delays<'a>> {
        self.system.delays()
    }

    /// The direction in the numbers of the tape that `p` is one of.
    pub fn along<'x>(&self, p: &'x [f64]) -> Along<'x>
    where
        'a: 'x,
    {
        match self.seen {
            Seen::Parameters | Seen::Everything => Along { numbers: p, factor: 1.0 },
            Seen::Directions(tangents) => match p.iter().position(|x| *x != 0.0) {
                None => Along::STILL,
                Some(d) => {
                    debug_assert!(p[d + 1..].iter().all(|x| *x == 0.0), "one at a time");
                    let len = self.tape.data.len();
                    Along { numbers: &tangents[d * len..(d + 1) * len], factor: p[d] }
                }
            },
        }
    }

    pub fn sink<'x>(&self, grad: &'x mut [f64]) -> Sink<'x>
    where
        'a: 'x,
    {
        let Tape { data, params, .. } = self.tape;
        Sink { seen: self.seen, len: data.len(), params: *params, grad }
    }

    /// Length of the own work space.
    pub fn scratch_len(&self) -> usize {
        let System { n, all, .. } = self.system;
        4 * all + 2 * self.tape.lags + 3 * n + 2 * self.tape.params + self.system.scratch_len()
    }

    pub fn split<'s>(&self, scratch: &'s mut [f64]) -> Work<'s> {
        let (System { n, all, .. }, lags) = (self.system, self.tape.lags);
        let mut rest = scratch;
        let mut take = |len: usize| {
            let (part, after) = std::mem::take(&mut rest).split_at_mut(len);
            rest = after;
            part
        };
        let (u, du, bar, row) = (take(all), take(all), take(all), take(all));
        let (lags, dlags) = (take(lags), take(lags));
        let (before, dbefore, unit) = (take(n), take(n), take(n));
        let (dp, by_p) = (take(self.tape.params), take(self.tape.params));
        unit.fill(0.0);
        by_p.fill(0.0);
        Work { u, du, bar, row, lags, dlags, before, dbefore, unit, dp, by_p, rest }
    }

    fn at(&self) -> &'a Context {
        &self.tape.contexts[self.context]
    }

    /// Index of a lag among those of the context.
    fn of_context(&self, lag: usize) -> usize {
        self.context * self.tape.lags + lag
    }

    pub fn coupled(&self, lag: usize) -> bool {
        self.tape.coupled[self.of_context(lag)]
    }

    /// Where the values behind `lag`, whose length is given, come from at `t`.
    pub fn piece(&self, t: f64, lag: usize, length: f64) -> Piece {
        let Context { step, begin, .. } = *self.at();
        let bounds = self.tape.bounds[self.of_context(lag)];
        match look(self.tape, From { t, begin, step }, length.max(0.0), bounds) {
            Source::Before(s) => Piece::Before(s),
            Source::Step { step, s } => self.within(step, s, t),
        }
    }

    /// The solution here, as far as the step at hand knows it.
    pub fn here(&self, t: f64) -> Piece {
        self.within(self.at().step, t, t)
    }

    /// The solution at `s` in a step, read from `t`.
    fn within(&self, step: usize, s: f64, t: f64) -> Piece {
        let own = step == self.at().step;
        let step = match self.at().place {
            Place::Between if own => return Piece::State,
            Place::Continuing if own && t == self.at().begin => step - 1,
            Place::Anew if own && t == self.at().begin => {
                return Piece::Start(self.tape.block(step).start);
            }
            _ => step,
        };
        let block = self.tape.block(step);
        let (begin, end) = (self.tape.data[block.end - 2], self.tape.data[block.end - 1]);
        let h = end - begin;
        let theta = if s == end { 1.0 } else { (s - begin) / h };
        let weights = self.interpolant.all(theta);
        Piece::Within(Within { first: block.start, end: block.end, theta, h, weights })
    }

    /// Whether a piece is part of the step at hand.
    fn is_own(&self, piece: &Piece) -> bool {
        matches!(piece, Piece::Within(within)
            if self.at().place != Place::Between
                && within.first == self.tape.block(self.at().step).start)
    }

    /// `Σ w_i X_i` of one state.
    fn sum(&self, within: &Within, weights: &Weights, state: usize) -> f64 {
        let n = self.tape.n;
        let rows = &self.tape.data[within.first + n..within.end - 2];
        rows[state..].iter().step_by(n).zip(weights).map(|(x, w)| w * x).sum()
    }

    /// The derivative of order `order` of a state in time.
    pub fn rate(&self, within: &Within, order: usize, state: usize) -> f64 {
        let sum = self.sum(within, &within.weights[order], state);
        match order {
            0 => self.tape.data[within.first + state] + sum,
            1 => sum / within.h,
            _ => sum / (within.h * within.h),
        }
    }

    /// How the derivative of order `order` of a state changes when the place moves by `ds` and the
    /// numbers of the tape `along` a direction.
    fn change(
        &self,
        within: &Within,
        order: usize,
        state: usize,
        (ds, along): (f64, &Along<'_>),
    ) -> f64 {
        let (n, Within { first, end, theta, h, .. }) = (self.tape.n, *within);
        let (begin, stop) = (along.get(end - 2), along.get(end - 1));
        let dh = stop - begin;
        let mut change = self.rate(within, order + 1, state) * (ds - begin - theta * dh);
        let mut sum = 0.0;
        for (i, weight) in within.weights[order][..self.tape.stages].iter().enumerate() {
            sum += weight * along.get(first + (1 + i) * n + state);
        }
        if order == 0 {
            change += along.get(first + state) + sum;
        } else {
            change += sum / h - self.rate(within, order, state) * dh / h;
        }
        change
    }

    /// Sends the cotangent `bar` of the derivative of order `order` of a state to the numbers of the
    /// tape; returns that of the place.
    pub fn pull(
        &self,
        within: &Within,
        order: usize,
        state: usize,
        bar: f64,
        sink: &mut Sink<'_>,
    ) -> f64 {
        let (n, Within { first, end, theta, h, .. }) = (self.tape.n, *within);
        let by_s = bar * self.rate(within, order + 1, state);
        let mut by_length = -theta * by_s;
        let factor = if order == 0 { bar } else { bar / h };
        for (i, weight) in within.weights[order][..self.tape.stages].iter().enumerate() {
            sink.add(first + (1 + i) * n + state, weight * factor);
        }
        if order == 0 {
            sink.add(first + state, bar);
        } else {
            by_length -= bar * self.rate(within, order, state) / h;
        }
        sink.add(end - 2, -by_s - by_length);
        sink.add(end - 1, by_length);
        by_s
    }

    /// Evaluates states, lags and delayed values at `(t, u)`.
    pub fn fill(&self, t: f64, u: &[f64], work: &mut Work<'_>, noticed: &Noticed) {
        let n = self.system.n;
        work.u[..n].copy_from_slice(u);
        work.row[..n].copy_from_slice(u);
        work.row[n..].fill(0.0);
        let Some(delays) = self.delays() else { return };
        if delays.constant.contains(&false) {
            delays.lags.eval(t, work.row, self.p(), work.lags, work.rest);
        }
        for lag in 0..self.tape.lags {
            if delays.constant[lag] {
                work.lags[lag] = self.tape.data[self.tape.params + lag];
            }
            let piece = self.piece(t, lag, work.lags[lag]);
            if let Piece::Before(s) = piece {
                work.dp.fill(0.0);
                let at = Point { t: s, u: &[], p: self.p() };
                let along = Tangent { t: 1.0, u: &[], p: work.dp };
                delays.history.jvp(at, along, work.before, work.dbefore, work.rest);
            }
            let here = self.coupled(lag).then(|| self.here(t));
            let own = self.is_own(&piece);
            if own || here.as_ref().is_some_and(|here| self.is_own(here)) {
                noticed.ahead.store(true, Relaxed);
            }
            if !own && matches!(&piece, Piece::Within(within) if is_far(within.theta)) {
                noticed.far.store(true, Relaxed);
            }
            for (index, read) in self.reads_of(lag) {
                let state = read.state as usize;
                let mut value = match &piece {
                    Piece::Before(_) if read.slope => work.dbefore[state],
                    Piece::Before(_) => work.before[state],
                    Piece::Within(within) => self.rate(within, usize::from(read.slope), state),
                    // A slope that stands for itself.
                    _ if read.slope => f64::NAN,
                    Piece::Start(first) => self.tape.data[first + state],
                    Piece::State => u[state],
                };
                if let Some(here) = here.as_ref().filter(|_| !read.slope) {
                    value += u[state] - self.value_here(here, state, u);
                }
                work.u[n + index] = value;
            }
        }
    }

    fn value_here(&self, here: &Piece, state: usize, u: &[f64]) -> f64 {
        match here {
            Piece::Within(within) => self.rate(within, 0, state),
            Piece::Start(first) => self.tape.data[first + state],
            _ => u[state],
        }
    }

    /// The reads of a lag with their numbers.
    pub fn reads_of(&self, lag: usize) -> impl Iterator<Item = (usize, DelayedRead)> + use<'a> {
        let reads = self.system.reads.iter().copied().enumerate();
        reads.filter(move |(_, read)| read.lag as usize == lag)
    }

    /// Completes the direction `work.du` of the states by that of the delayed values, where time moves
    /// by `dt` and the numbers of the tape `along` a direction. Everything is filled.
    pub fn push(&self, t: f64, dt: f64, along: &Along<'_>, work: &mut Work<'_>) {
        let n = self.system.n;
        let Some(delays) = self.delays() else { return };
        for (index, dp) in work.dp.iter_mut().enumerate() {
            *dp = along.get(index);
        }
        if delays.constant.contains(&false) {
            work.du[n..].fill(0.0);
            let at = Point { t, u: work.row, p: self.p() };
            let tangent = Tangent { t: dt, u: work.du, p: work.dp };
            // The lengths themselves are there already.
            delays.lags.jvp(at, tangent, work.lags, work.dlags, work.rest);
        }
        for lag in 0..self.tape.lags {
            if delays.constant[lag] {
                work.lags[lag] = self.tape.data[self.tape.params + lag];
                work.dlags[lag] = along.get(self.tape.params + lag);
            }
            let ds = dt - work.dlags[lag];
            let piece = self.piece(t, lag, work.lags[lag]);
            if let Piece::Before(s) = piece {
                let at = Point { t: s, u: &[], p: self.p() };
                let tangent = Tangent { t: ds, u: &[], p: work.dp };
                delays.history.jvp(at, tangent, work.before, work.dbefore, work.rest);
            }
            let here = self.coupled(lag).then(|| self.here(t));
            for (index, read) in self.reads_of(lag) {
                let state = read.state as usize;
                let mut change = match &piece {
                    Piece::Before(s) if read.slope => {
                        self.bend_of_history(&delays, (*s, t - s), (ds, state), work)
                    }
                    Piece::Before(_) => work.dbefore[state],
                    Piece::Within(within) => {
                        self.change(within, usize::from(read.slope), state, (ds, along))
                    }
                    Piece::Start(first) => along.get(first + state),
                    Piece::State => work.du[state],
                };
                if let Some(here) = here.as_ref().filter(|_| !read.slope) {
                    change += work.du[state]
                        - match here {
                            Piece::Within(within) => self.change(within, 0, state, (dt, along)),
                            Piece::Start(first) => along.get(first + state),
                            _ => work.du[state],
                        };
                }
                work.du[n + index] = change;
            }
        }
    }

    /// Sends the cotangents of the delayed values in `work.bar` on: to the numbers of the tape, to the
    /// lags, and to the states in `work.bar`. Returns that of the time.
    pub fn pull_all(&self, t: f64, work: &mut Work<'_>, sink: &mut Sink<'_>) -> f64 {
        let n = self.system.n;
        let Some(delays) = self.delays() else { return 0.0 };
        work.dlags.fill(0.0);
        let mut by_t = 0.0;
        for lag in 0..self.tape.lags {
            let piece = self.piece(t, lag, work.lags[lag]);
            let here = self.coupled(lag).then(|| self.here(t));
            for (index, read) in self.reads_of(lag) {
                let (state, bar) = (read.state as usize, work.bar[n + index]);
                if bar == 0.0 {
                    continue;
                }
                let by_s = match &piece {
                    Piece::Before(s) => {
                        let (place, cotangent) = ((*s, t - s), (bar, state));
                        self.pull_history(&delays, place, read.slope, cotangent, work, sink)
                    }
                    Piece::Within(within) => {
                        self.pull(within, usize::from(read.slope), state, bar, sink)
                    }
                    Piece::Start(first) => {
                        sink.add(first + state, bar);
                        0.0
                    }
                    Piece::State => {
                        work.bar[state] += bar;
                        0.0
                    }
                };
                by_t += by_s;
                work.dlags[lag] -= by_s;
                if let Some(here) = here.as_ref().filter(|_| !read.slope) {
                    work.bar[state] += bar;
                    match here {
                        Piece::Within(within) => by_t += self.pull(within, 0, state, -bar, sink),
                        Piece::Start(first) => sink.add(first + state, -bar),
                        _ => work.bar[state] -= bar,
                    }
                }
            }
        }
        by_t + self.pull_lags(&delays, t, work, sink)
    }

    /// Sends the cotangents of the lags in `work.dlags` on, which become 0; returns that of the time.
    pub fn pull_lags(
        &self,
        delays: &Delays<'a>,
        t: f64,
        work: &mut Work<'_>,
        sink: &mut Sink<'_>,
    ) -> f64 {
        for lag in (0..self.tape.lags).filter(|lag| delays.constant[*lag]) {
            sink.add(self.tape.params + lag, work.dlags[lag]);
            work.dlags[lag] = 0.0;
        }
        let mut by_t = 0.0;
        if work.dlags.iter().any(|x| *x != 0.0) {
            let at = Point { t, u: work.row, p: self.p() };
            let p = sink.parameters(work.by_p);
            let grad = Cotangent { t: &mut by_t, u: work.bar, p };
            delays.lags.vjp(at, work.dlags, grad, work.rest);
            sink.passed(work.by_p);
            work.dlags.fill(0.0);
        }
        by_t
    }

    /// Sends the cotangent of the history, or of its slope, to the parameters; returns that of the time
    /// looked at. The derivatives of the slope are differences, as over explicit methods.
    pub fn pull_history(
        &self,
        delays: &Delays<'a>,
        (s, lag): (f64, f64),
        slope: bool,
        (bar, state): (f64, usize),
        work: &mut Work<'_>,
        sink: &mut Sink<'_>,
    ) -> f64 {
        work.unit[state] = bar;
        let mut by_s = 0.0;
        if slope {
            let length = difference(&self.system, lag);
            for (place, weight) in DIFFERENCES {
                let mut once = 0.0;
                work.unit[state] = bar * weight / length;
                let at = Point { t: s + place * length, u: &[], p: self.p() };
                let grad = Cotangent { t: &mut once, u: &mut [], p: sink.parameters(work.by_p) };
                delays.history.vjp(at, work.unit, grad, work.rest);
                by_s += once;
            }
        } else {
            let at = Point { t: s, u: &[], p: self.p() };
            let grad = Cotangent { t: &mut by_s, u: &mut [], p: sink.parameters(work.by_p) };
            delays.history.vjp(at, work.unit, grad, work.rest);
        }
        sink.passed(work.by_p);
        work.unit[state] = 0.0;
        by_s
    }

    /// How the slope of the history changes along `work.dp` when the time looked at moves by `ds`.
    fn bend_of_history(
        &self,
        delays: &Delays<'a>,
        (s, lag): (f64, f64),
        (ds, state): (f64, usize),
        work: &mut Work<'_>,
    ) -> f64 {
        let length = difference(&self.system, lag);
        let mut sum = 0.0;
        for (place, weight) in DIFFERENCES {
            let at = Point { t: s + place * length, u: &[], p: self.p() };
            let along = Tangent { t: ds, u: &[], p: work.dp };
            delays.history.jvp(at, along, work.before, work.dbefore, work.rest);
            sum += weight / length * work.dbefore[state];
        }
        sum
    }
}
