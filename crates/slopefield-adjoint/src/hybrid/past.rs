//! The past of a solution: where delayed values come from, and their values.
//!
//! The rules are those of the method of steps in `slopefield-solve`: which of two steps speaks for
//! the point where they meet, and which piece of the past, between two discontinuities, a step looks
//! at through a lag that is not constant.

use super::system::{System, refused};
use super::trace::{Kind, Source, Trace};
use slopefield_kernel::{Point, Tangent};
use slopefield_solve::SolveError;
use slopefield_solve::continuation::{reaches, step_that_goes_on};

/// Discontinuities of derivatives up to this many above the order of the error estimate are tracked,
/// as the method of steps does.
pub(crate) const BEYOND_ORDER: u32 = 1;

/// Moments closer than this, relative to the time, are one.
const ONE_POINT: f64 = 64.0 * f64::EPSILON;

/// The steps of a solution, as far as reading its past is concerned.
pub(crate) trait Steps {
    /// Where the solution begins.
    fn start(&self) -> f64;

    /// The time of a moment.
    fn time(&self, moment: usize) -> f64;

    /// Where a step begins,
    fn begin(&self, step: usize) -> f64;

    /// where it ends as the method took it,
    fn end(&self, step: usize) -> f64;

    /// and how far the solution follows it.
    fn cut(&self, step: usize) -> f64;
}

/// Where the solution has got to, as far as reading the past is concerned.
#[derive(Debug, Default)]
pub(crate) struct Past {
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
    /// Times that the lags look at from the beginning of a step.
    looks: Vec<f64>,
    /// Zeros for the parameters.
    still: Vec<f64>,
    before: Vec<f64>,
    dbefore: Vec<f64>,
}

/// From where in time one looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct From {
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
        steps: &impl Steps,
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
            self.pieces[lag] = self.origins.partition_point(|at| steps.time(*at) <= s + slack);
        }
    }

    /// The piece that a lag looks at, as an interval; that of a constant lag has no bounds.
    pub fn bounds(&self, system: &System<'_>, steps: &impl Steps, lag: usize) -> (f64, f64) {
        if system.is_constant(lag) {
            return UNBOUNDED;
        }
        let piece = self.pieces[lag];
        let low = piece.checked_sub(1).map_or(f64::NEG_INFINITY, |i| steps.time(self.origins[i]));
        let high = self.origins.get(piece).map_or(f64::INFINITY, |&at| steps.time(at));
        (low, high)
    }

    /// The moment and the constant lag after it that `t` is, and the order of the derivative that
    /// jumps there.
    pub fn later(&self, system: &System<'_>, steps: &impl Steps, t: f64) -> Option<(Kind, u32)> {
        let mut found: Option<(Kind, u32)> = None;
        for lag in (0..system.lags()).filter(|&lag| system.is_constant(lag)) {
            let length = self.lengths[lag];
            let first = t - length;
            let reach = 2.0 * ONE_POINT * (t.abs() + length.abs());
            let origins = &self.origins;
            let from = origins.partition_point(|&at| steps.time(at) < first - reach);
            for (index, &moment) in origins.iter().enumerate().skip(from) {
                let later = steps.time(moment) + length;
                if (later - t).abs() <= ONE_POINT * later.abs().max(t.abs())
                    && length > 0.0
                    && let Some(order) = self.carried(system, index, lag)
                    && found.is_none_or(|(_, lowest)| order < lowest)
                {
                    found = Some((Kind::Later { moment, lag }, order));
                }
                if later > t + reach {
                    break;
                }
            }
        }
        found
    }

    /// The lag that is not constant and comes to look at a discontinuity at the end of a step, and
    /// which of the origins that is. The states at the `begin` and the `end` of the step are given;
    /// `row` is work space.
    pub fn arrival(
        &mut self,
        system: &System<'_>,
        steps: &impl Steps,
        (begin, first): (f64, &[f64]),
        (end, last): (f64, &[f64]),
        row: &mut [f64],
        scratch: &mut [f64],
    ) -> Option<(usize, usize)> {
        if (0..system.lags()).all(|lag| system.is_constant(lag)) {
            return None;
        }
        row[..system.n].copy_from_slice(first);
        self.measure(system, begin, row, scratch);
        self.looks.clear();
        self.looks.extend(self.lengths.iter().map(|length| begin - length));
        row[..system.n].copy_from_slice(last);
        self.measure(system, end, row, scratch);
        let mut passage = None;
        for lag in (0..system.lags()).filter(|&lag| !system.is_constant(lag)) {
            let (first, length) = (self.looks[lag], self.lengths[lag]);
            let last = end - length;
            let (low, high) = self.bounds(system, steps, lag);
            let met = |bound: f64| {
                let slack = slack(end, length);
                bound.is_finite() && (bound - last).abs() <= slack + 1e-6 * (bound - first).abs()
            };
            let piece = self.pieces[lag];
            if last > first && met(high) {
                self.pieces[lag] = piece + 1;
                passage.get_or_insert((lag, piece));
            } else if last < first && met(low) {
                self.pieces[lag] = piece - 1;
                passage.get_or_insert((lag, piece - 1));
            }
        }
        passage
    }

    /// Fills in the delayed values of `row`, whose states are there, and writes where each lag's come
    /// from to `sources`. `coupled` tells which lags are coupled to the state. Whether the step at
    /// hand was read.
    #[allow(clippy::too_many_arguments, reason = "one call in the inner loop, all of it needed")]
    pub(super) fn fill(
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
            let length = self.lengths[lag].max(0.0);
            *source = look(trace, from, length, self.bounds(system, trace, lag));
            if *source == (Source::Step { step: trace.steps.len(), s: from.t - length }) {
                return refused(format!(
                    "an event at t = {} reads a value with a lag of 0, which this gradient method \
                     does not differentiate",
                    from.t
                ));
            }
            if let Source::Step { step, s } = *source
                && step < from.step
            {
                let (begin, end) = trace.span(step);
                if !reaches((s - begin) / (end - begin)) {
                    return far(from.t);
                }
            }
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

/// The bounds of what a constant lag looks at.
pub(crate) const UNBOUNDED: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

/// Where the values behind a lag of this `length` come from, which looks at the piece of the past
/// between two `bounds`.
pub(crate) fn look(steps: &impl Steps, from: From, length: f64, (low, high): (f64, f64)) -> Source {
    let slack = slack(from.t, length);
    let s = from.t - length;
    let left = from.t != from.begin;
    if s >= high - slack {
        beyond(steps, from, (high, true), s, low - slack, slack)
    } else if s <= low + slack {
        beyond(steps, from, (low, false), s, high + slack, slack)
    } else {
        source(steps, from, s, left, slack)
    }
}

/// Refuses to read a step at a place that it does not reach ([`reaches`]), where the method of steps goes on
/// along the slope.
pub(crate) fn far<T>(t: f64) -> Result<T, SolveError> {
    refused(format!(
        "at t = {t} a delay looks across a point where the solution is not smooth, and moves so fast \
         that no step ends there; this gradient method does not differentiate that"
    ))
}

/// Where the value at `s` comes from; of two pieces that meet there, the left one or the right one.
fn source(steps: &impl Steps, from: From, s: f64, left: bool, slack: f64) -> Source {
    let at = |point: f64| (s - point).abs() <= slack;
    let start = steps.start();
    if s < start && !at(start) || at(start) && left {
        return Source::Before(s);
    }
    if s > from.begin && !at(from.begin) || at(from.begin) && (!left || from.step == 0) {
        return Source::Step { step: from.step, s };
    }
    // The last of the steps that begin before.
    let (mut step, mut after) = (0, from.step);
    while after - step > 1 {
        let middle = step + (after - step) / 2;
        if steps.begin(middle) <= s { step = middle } else { after = middle }
    }
    if left && step > 0 && at(steps.begin(step)) {
        step -= 1;
    } else if !left && step + 1 < from.step && at(steps.cut(step)) {
        step += 1;
    }
    Source::Step { step, s }
}

/// Where the value at `s` comes from, which a piece goes on to beyond its `edge`, its end where `left`, up to
/// the `other` end of the piece: as in the method of steps, and where no step is long enough the one at the
/// edge, which does not reach so far.
fn beyond(
    steps: &impl Steps,
    from: From,
    (edge, left): (f64, bool),
    s: f64,
    other: f64,
    slack: f64,
) -> Source {
    let step = match source(steps, from, edge, left, slack) {
        Source::Before(_) => return Source::Before(s),
        Source::Step { step, .. } => step,
    };
    let place = |step: usize| {
        let begin = steps.begin(step);
        (s - begin) / (steps.end(step) - begin)
    };
    let next = |step: usize| match left {
        true => step.checked_sub(1).filter(|step| steps.begin(*step) >= other),
        false => Some(step + 1).filter(|step| step + 1 < from.step && steps.cut(*step) <= other),
    };
    // Beside the step at hand nothing else than the step before goes on.
    let last = step + 1 >= from.step;
    let found = if last { None } else { step_that_goes_on(step, place, next) };
    Source::Step { step: found.unwrap_or(step), s }
}

impl Steps for Trace {
    fn start(&self) -> f64 {
        self.t0
    }

    fn time(&self, moment: usize) -> f64 {
        Trace::time(self, moment)
    }

    fn begin(&self, step: usize) -> f64 {
        self.span(step).0
    }

    fn end(&self, step: usize) -> f64 {
        self.span(step).1
    }

    fn cut(&self, step: usize) -> f64 {
        Trace::time(self, self.steps[step].cut)
    }
}
