//! The past of a stochastic delay equation: the steps taken, each with its noise.

use crate::brownian::BrownianMotion;
use slopefield_kernel::{Delays, Kernel};
use slopefield_solve::{Ivp, Real, SolveError};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// A step, and how far the solution follows it: less than the whole where an event cut it short.
#[derive(Debug, Clone, Copy)]
struct Segment {
    t: f64,
    t_new: f64,
    end: f64,
    slot: usize,
}

/// The Brownian motion that is asked for parts of steps, and work space.
#[derive(Debug, Default)]
struct Motion {
    motion: BrownianMotion,
    w: Vec<f64>,
    area: Vec<f64>,
}

/// Steps no longer ago than the longest lag.
#[derive(Debug)]
pub(super) struct Past<T> {
    n: usize,
    sources: usize,
    diagonal: bool,
    t0: f64,
    /// Constant lags.
    pub(super) lags: Vec<f64>,
    segments: VecDeque<Segment>,
    /// For each slot: state before, state after, coefficients of the noise before.
    values: Vec<T>,
    /// For each slot: increments of the motion.
    increments: Vec<f64>,
    /// Length of the values of a slot.
    width: usize,
    free: Vec<usize>,
    motion: Mutex<Motion>,
    /// To evaluate the lags: state with delayed values, lags, work space.
    work: [Vec<T>; 3],
}

impl<T> Default for Past<T> {
    fn default() -> Self {
        Past {
            n: 0,
            sources: 0,
            diagonal: false,
            t0: 0.0,
            lags: Vec::new(),
            segments: VecDeque::new(),
            values: Vec::new(),
            increments: Vec::new(),
            width: 0,
            free: Vec::new(),
            motion: Mutex::default(),
            work: [Vec::new(), Vec::new(), Vec::new()],
        }
    }
}

impl<T: Real> Past<T> {
    /// Nothing but what is before the start; finds the lags.
    ///
    /// # Errors
    /// [`SolveError::BadLag`], and [`SolveError::Invalid`] for delays that are not constant or of
    /// slopes.
    pub(super) fn begin(
        &mut self,
        ivp: &Ivp<'_, T>,
        delays: &Delays<'_, T>,
        (coefficients, sources, diagonal): (usize, usize, bool),
        (seed, path): (u64, u64),
    ) -> Result<(), SolveError> {
        let refuse = |text: &str| Err(SolveError::Invalid(text.into()));
        if delays.constant.contains(&false) {
            return refuse(
                "equations with noise are solved with constant delays only, and a delay here \
                 depends on time or states",
            );
        }
        if delays.reads.iter().any(|read| read.slope) {
            return refuse(
                "equations with noise have no slopes, so a delayed slope cannot be read",
            );
        }
        self.n = ivp.u0.len();
        (self.sources, self.diagonal, self.t0) = (sources, diagonal, ivp.t0);
        let [point, lags, scratch] = &mut self.work;
        point.clear();
        point.extend_from_slice(ivp.u0);
        point.resize(ivp.rhs.shape().states, T::ZERO);
        lags.resize(delays.constant.len(), T::ZERO);
        scratch.resize(delays.lags.scratch_len(), T::ZERO);
        delays.lags.eval(T::of(ivp.t0), point, ivp.p, lags, scratch);
        self.lags.clear();
        self.lags.extend(lags.iter().map(|lag| lag.f64()));
        let bad = |lag: &f64| !(lag.is_finite() && *lag >= 0.0);
        if let Some(lag) = self.lags.iter().position(bad) {
            return Err(SolveError::BadLag { t: ivp.t0, lag, value: self.lags[lag] });
        }
        self.segments.clear();
        self.width = 2 * self.n + coefficients;
        self.free.clear();
        self.values.clear();
        self.increments.clear();
        let Motion { motion, w, area } =
            self.motion.get_mut().unwrap_or_else(PoisonError::into_inner);
        motion.start(seed, path, sources)?;
        w.resize(sources, 0.0);
        area.resize(sources, 0.0);
        Ok(())
    }

    /// The shortest lag that is not 0; infinite when there is none.
    pub(super) fn shortest(&self) -> f64 {
        self.lags.iter().copied().filter(|lag| *lag > 0.0).fold(f64::INFINITY, f64::min)
    }

    /// Takes in a step: its ends, states at both, coefficients of the noise at the beginning and
    /// increments. Forgets what no lag reaches any more.
    pub(super) fn push(
        &mut self,
        (t, t_new): (f64, f64),
        (before, after, coefficients): (&[T], &[T], &[T]),
        w: &[f64],
    ) {
        let reach = t_new - self.lags.iter().copied().fold(0.0, f64::max);
        while self.segments.len() > 1
            && self.segments.front().is_some_and(|first| first.end < reach)
        {
            if let Some(first) = self.segments.pop_front() {
                self.free.push(first.slot);
            }
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            let slot = self.values.len() / self.width;
            self.values.resize((slot + 1) * self.width, T::ZERO);
            self.increments.resize((slot + 1) * self.sources, 0.0);
            slot
        });
        let values = &mut self.values[slot * self.width..(slot + 1) * self.width];
        let (states, noise) = values.split_at_mut(2 * self.n);
        states[..self.n].copy_from_slice(before);
        states[self.n..].copy_from_slice(after);
        noise.copy_from_slice(coefficients);
        self.increments[slot * self.sources..(slot + 1) * self.sources].copy_from_slice(w);
        self.segments.push_back(Segment { t, t_new, end: t_new, slot });
    }

    /// The solution leaves the last step at `t`.
    pub(super) fn cut(&mut self, t: f64) {
        while self.segments.back().is_some_and(|last| last.t >= t) {
            if let Some(last) = self.segments.pop_back() {
                self.free.push(last.slot);
            }
        }
        if let Some(last) = self.segments.back_mut() {
            last.end = last.end.min(t);
        }
    }

    /// Whether `s` is before the start.
    pub(super) fn is_before(&self, s: f64) -> bool {
        s < self.t0
    }

    /// Writes the state at `s`, not before the start and at most the end of the last step, to
    /// `out`; `now` is the state where no step has been taken yet. Between ends of steps it is the
    /// chord and the noise of the motion's deviation from its own chord.
    pub(super) fn state(&self, s: f64, now: &[T], out: &mut [T]) {
        let after = self.segments.partition_point(|segment| segment.t <= s);
        let Some(segment) = after.checked_sub(1).and_then(|at| self.segments.get(at)) else {
            out.copy_from_slice(&now[..self.n]);
            return;
        };
        let n = self.n;
        let values = &self.values[segment.slot * self.width..(segment.slot + 1) * self.width];
        let (states, coefficients) = values.split_at(2 * n);
        let (first, last) = states.split_at(n);
        if s >= segment.end && after == self.segments.len() && segment.end < segment.t_new {
            // Behind the event that cut the last step short.
            out.copy_from_slice(&now[..n]);
            return;
        }
        if s <= segment.t {
            out.copy_from_slice(first);
            return;
        }
        if s >= segment.t_new {
            out.copy_from_slice(last);
            return;
        }
        let theta = (s - segment.t) / (segment.t_new - segment.t);
        for ((out, first), last) in out.iter_mut().zip(first).zip(last) {
            *out = *first + T::of(theta) * (*last - *first);
        }
        let mut motion = self.motion.lock().unwrap_or_else(PoisonError::into_inner);
        let Motion { motion, w, area } = &mut *motion;
        motion.increment(segment.t, s, w, area);
        let whole = &self.increments[segment.slot * self.sources..][..self.sources];
        for (part, whole) in w.iter_mut().zip(whole) {
            *part -= theta * whole;
        }
        if self.diagonal {
            for ((out, g), w) in out.iter_mut().zip(coefficients).zip(&*w) {
                *out += *g * T::of(*w);
            }
        } else {
            for (column, w) in coefficients.chunks_exact(n).zip(&*w) {
                for (out, g) in out.iter_mut().zip(column) {
                    *out += *g * T::of(*w);
                }
            }
        }
    }
}

/// Writes delayed values at `(t, u)` behind the states in `full`. `before` is as long as the state.
pub(super) fn fill<T: Real>(
    past: &Past<T>,
    delays: &Delays<'_, T>,
    (t, p): (f64, &[T]),
    full: &mut [T],
    before: &mut [T],
    scratch: &mut [T],
) {
    let (u, z) = full.split_at_mut(past.n);
    for (lag, length) in past.lags.iter().enumerate() {
        let s = t - length;
        if *length == 0.0 {
            before.copy_from_slice(u);
        } else if past.is_before(s) {
            history(delays.history, s, p, before, scratch);
        } else {
            past.state(s, u, before);
        }
        for (z, read) in z.iter_mut().zip(delays.reads) {
            if read.lag as usize == lag {
                *z = before[read.state as usize];
            }
        }
    }
}

fn history<T: Real>(kernel: &dyn Kernel<T>, s: f64, p: &[T], out: &mut [T], scratch: &mut [T]) {
    kernel.eval(T::of(s), &[], p, out, scratch);
}
