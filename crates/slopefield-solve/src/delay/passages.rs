//! When lags that are not constant come to look across discontinuities of the past.

use super::breaks::Breaks;
use super::fill::Fill;
use super::history::History;
use super::lags::{Lags, Notes};
use crate::events::{Bracket, narrow};
use crate::{Ivp, Real, SolveError};

/// A crossing that is missed by less than this part of the step is met.
const MET: f64 = 1e-9;

/// Units in the last place of the time within which nothing is located.
const ONE_INSTANT: f64 = 64.0;

/// A discontinuity in the past that a lag comes to look at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Passage {
    pub(super) t: f64,
    pub(super) lag: usize,
    /// Index of the discontinuity among those passed.
    pub(super) index: usize,
    /// Whether the time looked at grows through it.
    pub(super) forward: bool,
}

/// Where a passage lies in a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Place {
    /// At its beginning, up to rounding: nothing lies between.
    Beginning,
    /// Within it.
    Inside,
    /// At its end, near enough.
    End,
}

impl Passage {
    /// Where it lies in the step over `span`.
    pub(super) fn place(&self, span: (f64, f64)) -> Place {
        if span.1 - self.t <= MET * (span.1 - span.0) {
            Place::End
        } else if self.t - span.0 <= ONE_INSTANT * f64::EPSILON * span.0.abs() {
            Place::Beginning
        } else {
            Place::Inside
        }
    }
}

/// Writes the state at a time within the step at hand.
type Solution<'s, T> = dyn FnMut(f64, &mut [T]) -> Result<(), SolveError> + 's;

/// Looks along a step for passages.
pub(super) struct Passages<'a, T: Real> {
    pub(super) past: &'a History<T>,
    pub(super) lags: &'a Lags,
    pub(super) notes: &'a Notes,
    pub(super) times: &'a mut [f64],
    pub(super) state: &'a mut [T],
    pub(super) scratch: &'a mut [T],
}

impl<T: Real> Passages<'_, T> {
    /// Whether there can be any.
    pub(super) fn may_be(lags: &Lags, breaks: &Breaks) -> bool {
        lags.vary() && !breaks.passed().is_empty()
    }

    /// The first instant within the attempt at `span` at which a lag comes to look across a
    /// discontinuity of the past.
    pub(super) fn first(
        &mut self,
        ivp: &Ivp<'_, T>,
        span: (f64, f64),
        solution: &mut Solution<'_, T>,
    ) -> Result<Option<Passage>, SolveError> {
        // Times within so short a step are one. Where a lag has come to look afterwards, the next step
        // finds out at its beginning.
        if span.1 - span.0 <= ONE_INSTANT * f64::EPSILON * span.1.abs() {
            return Ok(None);
        }
        let mut first: Option<Passage> = None;
        let mut before = span.0;
        for quarter in 1..=4 {
            let t = if quarter == 4 {
                span.1
            } else {
                span.0 + 0.25 * f64::from(quarter) * (span.1 - span.0)
            };
            self.times_at(ivp, t, solution)?;
            for lag in 0..self.times.len() {
                if self.lags.constant[lag].is_some() {
                    continue;
                }
                let (low, high) = self.lags.bounds[lag];
                let slack = 8.0 * T::EPSILON * (t.abs() + (t - self.times[lag]).abs());
                let (forward, bound) = if self.times[lag] > high + slack {
                    (true, high)
                } else if self.times[lag] < low - slack {
                    (false, low)
                } else {
                    continue;
                };
                let at = self.locate(ivp, lag, bound, (before, t), solution)?;
                if first.is_none_or(|first| at < first.t) {
                    let piece = self.lags.piece[lag];
                    let index = if forward { piece } else { piece - 1 };
                    first = Some(Passage { t: at, lag, index, forward });
                }
            }
            if first.is_some() {
                break;
            }
            before = t;
        }
        Ok(first)
    }

    /// When within `span` the time that `lag` looks at is `bound`.
    fn locate(
        &mut self,
        ivp: &Ivp<'_, T>,
        lag: usize,
        bound: f64,
        (a, b): (f64, f64),
        solution: &mut Solution<'_, T>,
    ) -> Result<f64, SolveError> {
        let at_b = {
            self.times_at(ivp, b, solution)?;
            self.times[lag] - bound
        };
        let at_a = {
            self.times_at(ivp, a, solution)?;
            self.times[lag] - bound
        };
        let found = if at_a * at_b >= 0.0 {
            // It was there already at the beginning, up to rounding.
            a
        } else {
            let bracket = Bracket { a, at_a, b, at_b };
            narrow(bracket, |t| {
                self.times_at(ivp, t, solution)?;
                Ok(self.times[lag] - bound)
            })?
            .b
        };
        // The other lags of the instant asked about are still of interest.
        self.times_at(ivp, b, solution)?;
        Ok(found)
    }

    /// The times looked at from `t` within the attempt.
    fn times_at(
        &mut self,
        ivp: &Ivp<'_, T>,
        t: f64,
        solution: &mut Solution<'_, T>,
    ) -> Result<(), SolveError> {
        solution(t, self.state)?;
        if let Some(fill) = Fill::new(ivp, self.past, self.lags, self.notes) {
            fill.times(t, self.state, ivp.p, self.times, self.scratch);
        }
        Ok(())
    }

    /// The discontinuity of the past that a lag looks at from the end of the attempt at `span`, where
    /// the step was cut to end there and falls short by rounding.
    pub(super) fn nearly(
        &mut self,
        ivp: &Ivp<'_, T>,
        span: (f64, f64),
        solution: &mut Solution<'_, T>,
    ) -> Option<Passage> {
        self.times_at(ivp, span.0, solution).ok()?;
        let mut nearest = None;
        for lag in 0..self.times.len() {
            if self.lags.constant[lag].is_some() {
                continue;
            }
            let begin = self.times[lag];
            self.times_at(ivp, span.1, solution).ok()?;
            let end = self.times[lag];
            self.times_at(ivp, span.0, solution).ok()?;
            let (low, high) = self.lags.bounds[lag];
            let met = |bound: f64| {
                let slack = 8.0 * T::EPSILON * (span.1.abs() + (span.1 - end).abs());
                bound.is_finite() && (bound - end).abs() <= slack + 1e-6 * (bound - begin).abs()
            };
            let piece = self.lags.piece[lag];
            if end > begin && met(high) {
                nearest = Some(Passage { t: span.1, lag, index: piece, forward: true });
            } else if end < begin && piece > 0 && met(low) {
                nearest = Some(Passage { t: span.1, lag, index: piece - 1, forward: false });
            }
        }
        nearest
    }
}

impl Lags {
    /// Whether any is not constant.
    pub(super) fn vary(&self) -> bool {
        self.constant.contains(&None)
    }

    /// Takes the pieces of the past that the lags look at from `t`, where they look at `times`.
    pub(super) fn place<T: Real>(&mut self, t: f64, times: &[f64], breaks: &Breaks) {
        let passed = breaks.passed();
        for (piece, &s) in self.piece.iter_mut().zip(times) {
            let slack = 8.0 * T::EPSILON * (t.abs() + (t - s).abs());
            *piece = passed.partition_point(|at| at.t <= s + slack);
        }
        self.bound(passed);
    }

    /// Moves the lag of a passage on to the next piece, which begins at the step at hand.
    pub(super) fn pass_through(&mut self, passage: Passage, breaks: &mut Breaks) {
        let Passage { t, lag, index, forward } = passage;
        self.piece[lag] = if forward { index + 1 } else { index };
        breaks.reach_through(t, lag, index);
        self.bound(breaks.passed());
    }
}
