//! The past of a solution: where delayed values come from, and their values.
//!
//! The rules are those of the method of steps in `slopefield-solve`: which of two steps speaks for
//! the point where they meet, and which piece of the past, between two discontinuities, a step looks
//! at through a lag that is not constant.

use super::system::{System, refused};
use super::trace::{Source, Trace};
use slopefield_kernel::{Point, Tangent};
use slopefield_solve::SolveError;

/// Where the solution has got to, as far as reading the past is concerned.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// Moments at which a derivative of the solution may jump, ascending.
    pub origins: Vec<usize>,
    /// The order of that derivative; 0 for the solution itself.
    orders: Vec<u32>,
    /// Jumps of higher derivatives do not matter to the method.
    highest: u32,
    /// For each lag that is not constant, how many origins lie before the time it looks at.
    pub pieces: Vec<usize>,
    /// Lengths of the lags at the point at hand.
    pub lengths: Vec<f64>,
    /// Zeros for the parameters.
    still: Vec<f64>,
    before: Vec<f64>,
    dbefore: Vec<f64>,
}

/// From where in time one looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct From {
    pub t: f64,
    /// Beginning of the step at hand,
    pub begin: f64,
    /// and its number: the steps before it are complete.
    pub step: usize,
}

impl Past {
    /// Begins with no origins; `highest` is the order of the derivatives whose jumps the method
    /// notices.
    pub fn clear(&mut self, system: &System<'_>, highest: u32) {
        let lags = system.lags();
        self.highest = highest;
        self.origins.clear();
        self.orders.clear();
        self.pieces.clear();
        self.pieces.resize(lags, 0);
        self.lengths.clear();
        self.lengths.resize(lags, 0.0);
        self.still.clear();
        self.still.resize(system.ivp.p.len(), 0.0);
        self.before.resize(system.n, 0.0);
        self.dbefore.resize(system.n, 0.0);
    }

    /// A derivative of order `order` may jump at `moment`; one that the method does not notice is
    /// none.
    pub fn expect(&mut self, moment: usize, order: u32) {
        if order <= self.highest {
            self.origins.push(moment);
            self.orders.push(order);
        }
    }

    /// The order that a jump at the origin `index` has behind `lag`, if the method notices it.
    pub fn carried(&self, system: &System<'_>, index: usize, lag: usize) -> Option<u32> {
        let neutral = system.reads.iter().any(|read| read.lag as usize == lag && read.slope);
        // A slope has its jumps one order lower than the state, and enters a slope.
        let order = self.orders[index];
        let order = if neutral { order.max(1) } else { order + 1 };
        (order <= self.highest).then_some(order)
    }

    /// Evaluates the lags at `(t, u)`; delayed values in `row` are overwritten with zeros.
    pub fn measure(&mut self, system: &System<'_>, t: f64, row: &mut [f64], scratch: &mut [f64]) {
        let Some(delays) = system.delays() else { return };
        row[system.n..].fill(0.0);
        delays.lags.eval(t, row, system.ivp.p, &mut self.lengths, scratch);
    }

    /// Finds the pieces that lags which are not constant look at from `(t, row)`.
    pub fn place(
        &mut self,
        system: &System<'_>,
        trace: &Trace,
        t: f64,
        row: &mut [f64],
        scratch: &mut [f64],
    ) {
        if system.lags() == 0 {
            return;
        }
        self.measure(system, t, row, scratch);
        for lag in 0..self.pieces.len() {
            let s = t - self.lengths[lag];
            let slack = slack(t, self.lengths[lag]);
            self.pieces[lag] = self.origins.partition_point(|at| trace.time(*at) <= s + slack);
        }
    }

    /// The piece that a lag looks at, as an interval.
    pub fn bounds(&self, trace: &Trace, lag: usize) -> (f64, f64) {
        let piece = self.pieces[lag];
        let low = piece.checked_sub(1).map_or(f64::NEG_INFINITY, |i| trace.time(self.origins[i]));
        let high = self.origins.get(piece).map_or(f64::INFINITY, |&at| trace.time(at));
        (low, high)
    }

    /// Where the values behind `lag` come from.
    fn look(
        &self,
        system: &System<'_>,
        trace: &Trace,
        from: From,
        lag: usize,
    ) -> Result<Source, SolveError> {
        let length = self.lengths[lag].max(0.0);
        let slack = slack(from.t, length);
        let s = from.t - length;
        let left = from.t != from.begin;
        if system.is_constant(lag) {
            return source(trace, from, s, left, slack);
        }
        let (low, high) = self.bounds(trace, lag);
        if s >= high - slack {
            source(trace, from, high, true, slack)?.moved_to(s, high, trace, from)
        } else if s <= low + slack {
            source(trace, from, low, false, slack)?.moved_to(s, low, trace, from)
        } else {
            source(trace, from, s, left, slack)
        }
    }

    /// Fills in the delayed values of `row`, whose states are there, and writes where each lag's come
    /// from to `sources`. `coupled` tells which lags are coupled to the state. Whether the step at
    /// hand was read.
    #[allow(clippy::too_many_arguments, reason = "one call in the inner loop, all of it needed")]
    pub fn fill(
        &mut self,
        system: &System<'_>,
        trace: &Trace,
        from: From,
        row: &mut [f64],
        sources: &mut [Source],
        coupled: &[bool],
        scratch: &mut [f64],
    ) -> Result<bool, SolveError> {
        let Some(delays) = system.delays() else { return Ok(false) };
        self.measure(system, from.t, row, scratch);
        let mut overlaps = false;
        for (lag, source) in sources.iter_mut().enumerate() {
            if !self.lengths[lag].is_finite() {
                let value = self.lengths[lag];
                return Err(SolveError::BadLag { t: from.t, lag, value });
            }
            *source = self.look(system, trace, from, lag)?;
            overlaps |= matches!(*source, Source::Step { step, .. } if step == from.step);
            if let Source::Before(s) = *source {
                let at = Point { t: s, u: &[], p: system.ivp.p };
                let along = Tangent { t: 1.0, u: &[], p: &self.still };
                let (value, slope) = (&mut self.before, &mut self.dbefore);
                delays.history.jvp(at, along, value, slope, scratch);
            }
            let own = system.reads.iter().enumerate().filter(|(_, read)| read.lag as usize == lag);
            for (index, read) in own {
                let state = read.state as usize;
                row[system.n + index] = match *source {
                    Source::Before(_) if read.slope => self.dbefore[state],
                    Source::Before(_) => self.before[state],
                    Source::Step { step, s } => {
                        trace.value(step, s, usize::from(read.slope), state)
                    }
                };
                if coupled.get(lag) == Some(&true) && !read.slope {
                    let here = trace.value(from.step, from.t, 0, state);
                    row[system.n + index] += row[state] - here;
                }
            }
        }
        Ok(overlaps)
    }
}

/// Differences of times looked at that are rounding errors.
fn slack(t: f64, length: f64) -> f64 {
    8.0 * f64::EPSILON * (t.abs() + length.abs())
}

/// Where the value at `s` comes from; of two pieces that meet there, the left one or the right one.
fn source(trace: &Trace, from: From, s: f64, left: bool, slack: f64) -> Result<Source, SolveError> {
    let at = |point: f64| (s - point).abs() <= slack;
    let begin = |step: usize| trace.span(step).0;
    if s < trace.t0 && !at(trace.t0) || at(trace.t0) && left {
        return Ok(Source::Before(s));
    }
    if s > from.begin && !at(from.begin) || at(from.begin) && (!left || from.step == 0) {
        if from.step == trace.steps.len() {
            return refused(format!(
                "an event at t = {} reads a value with a lag of 0, which this gradient method does \
                 not differentiate",
                from.t
            ));
        }
        return Ok(Source::Step { step: from.step, s });
    }
    let after = trace.steps[..from.step].partition_point(|step| trace.time(step.begin) <= s);
    let mut step = after.saturating_sub(1);
    if left && step > 0 && at(begin(step)) {
        step -= 1;
    } else if !left && step + 1 < from.step && at(trace.time(trace.steps[step].cut)) {
        step += 1;
    }
    Ok(Source::Step { step, s })
}

impl Source {
    /// The same piece at another time than `edge`. Farther from a step than it is long, the method of
    /// steps takes its slope.
    fn moved_to(self, s: f64, edge: f64, trace: &Trace, from: From) -> Result<Self, SolveError> {
        let Source::Step { step, .. } = self else { return Ok(Source::Before(s)) };
        let (begin, end) = trace.span(step);
        if (s - edge).abs() > end - begin {
            return refused(format!(
                "at t = {} a delay looks across a point where the solution is not smooth, and moves \
                 so fast that no step ends there; this gradient method does not differentiate that",
                from.t
            ));
        }
        Ok(Source::Step { step, s })
    }
}
