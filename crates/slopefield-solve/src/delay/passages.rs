//! When lags that are not constant come to look across discontinuities of the past.

use super::fill::Fill;
use super::steps::MethodOfSteps;
use crate::events::{Bracket, narrow};
use crate::{Ivp, OneStep, Real, SolveError, Stats};

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

impl<T: Real, M: OneStep<T>> MethodOfSteps<M, T> {
    /// Finds the pieces of the past that the lags look at from `(t, u)`.
    pub(super) fn place_lags(&mut self, ivp: &Ivp<'_, T>, t: f64) {
        if !self.lags.constant.contains(&None) {
            return;
        }
        let u = &self.past.beginning;
        if let Some(fill) = Fill::new(ivp, &self.past, &self.lags, &self.notes) {
            fill.times(t, u, ivp.p, &mut self.times, &mut self.scratch);
        }
        let passed = self.breaks.passed();
        for (piece, &s) in self.lags.piece.iter_mut().zip(&self.times) {
            let slack = 8.0 * T::EPSILON * (t.abs() + (t - s).abs());
            *piece = passed.partition_point(|at| at.t <= s + slack);
        }
        self.lags.bound(passed);
    }

    /// The first instant within the attempt at `span` at which a lag comes to look across a
    /// discontinuity of the past.
    pub(super) fn passage(
        &mut self,
        ivp: &Ivp<'_, T>,
        span: (f64, f64),
        counts: &mut Stats,
    ) -> Result<Option<Passage>, SolveError> {
        if !self.lags.constant.contains(&None) || self.breaks.passed().is_empty() {
            return Ok(None);
        }
        // Times within so short a step are one. Where a lag has come to look afterwards, the next step
        // finds out at its beginning.
        if span.1 - span.0 <= ONE_INSTANT * f64::EPSILON * span.1.abs() {
            return Ok(None);
        }
        self.prepare_dense(ivp, counts);
        let mut first: Option<Passage> = None;
        let mut before = span.0;
        for quarter in 1..=4 {
            let t = if quarter == 4 {
                span.1
            } else {
                span.0 + 0.25 * f64::from(quarter) * (span.1 - span.0)
            };
            self.times_at(ivp, t)?;
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
                let at = self.locate(ivp, lag, bound, (before, t))?;
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
    ) -> Result<f64, SolveError> {
        let at_b = {
            self.times_at(ivp, b)?;
            self.times[lag] - bound
        };
        let at_a = {
            self.times_at(ivp, a)?;
            self.times[lag] - bound
        };
        let found = if at_a * at_b >= 0.0 {
            // It was there already at the beginning, up to rounding.
            a
        } else {
            let bracket = Bracket { a, at_a, b, at_b };
            narrow(bracket, |t| {
                self.times_at(ivp, t)?;
                Ok(self.times[lag] - bound)
            })?
            .b
        };
        // The other lags of the instant asked about are still of interest.
        self.times_at(ivp, b)?;
        Ok(found)
    }

    /// The times looked at from `t` within the attempt.
    fn times_at(&mut self, ivp: &Ivp<'_, T>, t: f64) -> Result<(), SolveError> {
        if t == self.past.t_new {
            self.state.copy_from_slice(self.method.end());
        } else if t == self.past.t {
            self.state.copy_from_slice(self.method.beginning());
        } else {
            self.method.interpolate(t, &mut self.state)?;
        }
        if let Some(fill) = Fill::new(ivp, &self.past, &self.lags, &self.notes) {
            fill.times(t, &self.state, ivp.p, &mut self.times, &mut self.scratch);
        }
        Ok(())
    }

    /// Moves the lag of a passage on to the next piece, which begins at the step at hand.
    pub(super) fn pass_through(&mut self, passage: Passage) {
        let Passage { t, lag, index, forward } = passage;
        if forward {
            self.lags.piece[lag] = index + 1;
        } else {
            self.lags.piece[lag] = index;
        }
        self.breaks.reach_through(t, lag, index);
        self.lags.bound(self.breaks.passed());
    }

    /// The discontinuity of the past that a lag looks at from the end of the attempt, where the step
    /// was cut to end there and falls short by rounding.
    pub(super) fn nearly(&mut self, ivp: &Ivp<'_, T>, span: (f64, f64)) -> Option<Passage> {
        self.target.filter(|&target| target == span.1)?;
        self.times_at(ivp, span.0).ok()?;
        let mut nearest = None;
        for lag in 0..self.times.len() {
            if self.lags.constant[lag].is_some() {
                continue;
            }
            let begin = self.times[lag];
            self.times_at(ivp, span.1).ok()?;
            let end = self.times[lag];
            self.times_at(ivp, span.0).ok()?;
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
