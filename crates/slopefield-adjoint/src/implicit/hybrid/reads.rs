//! Delayed values as functions of time, state and all numbers that the past is made of.
//!
//! The numbers are those of [`Tape::data`]: the parameters, the constant lags, and for each step its
//! beginning, its unknowns and its times. With them for parameters the equations of a step are ordinary
//! ones, and whatever goes through those goes through delays.

mod products;

use super::super::equations::Weights;
use super::super::interpolant::Interpolant;
use super::tape::{Context, Place, Tape};
use crate::hybrid::past::{From, look};
use crate::hybrid::system::System;
use crate::hybrid::trace::Source;
use slopefield_kernel::{DelayedRead, Delays, Point, Tangent};
use slopefield_solve::continuation::reaches;
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
            if !own && matches!(&piece, Piece::Within(within) if !reaches(within.theta)) {
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
}
