//! A delay equation as an ordinary one: the right-hand side with its delayed values filled in.

use super::history::{History, Side, Source};
use super::lags::{Lags, Notes};
use crate::barycentric::MAX_POINTS;
use crate::{Ivp, Real};
use slopefield_kernel::{
    Cotangent, DelayedRead, Kernel, MatrixKernel, MatrixPattern, Pair, Point, Shape, Structure,
    Tangent,
};

/// With more states than this a sparse Jacobian matters more than what it says about delays.
const MOST_COUPLED: usize = 64;

/// Fills in delayed values.
#[derive(Clone, Copy)]
pub(super) struct Fill<'a, T: Real> {
    rhs: &'a dyn Kernel<T>,
    reads: &'a [DelayedRead],
    lag_kernel: &'a dyn Kernel<T>,
    history_kernel: &'a dyn Kernel<T>,
    past: &'a History<T>,
    lags: &'a Lags,
    notes: &'a Notes,
    n: usize,
    params: usize,
}

/// Parts of the scratch space.
struct Work<'s, T> {
    /// States and delayed values.
    u: &'s mut [T],
    /// A direction in them.
    du: &'s mut [T],
    lags: &'s mut [T],
    dlags: &'s mut [T],
    /// The history function and its slope.
    before: &'s mut [T],
    dbefore: &'s mut [T],
    /// Zeros.
    dp: &'s mut [T],
    /// Of the functions called.
    rest: &'s mut [T],
}

impl<'a, T: Real> Fill<'a, T> {
    /// For the system of `ivp`, which has delays.
    pub(super) fn new(
        ivp: &Ivp<'a, T>,
        past: &'a History<T>,
        lags: &'a Lags,
        notes: &'a Notes,
    ) -> Option<Self> {
        let delays = ivp.rhs.structure().delays?;
        Some(Fill {
            rhs: ivp.rhs,
            reads: delays.reads,
            lag_kernel: delays.lags,
            history_kernel: delays.history,
            past,
            lags,
            notes,
            n: ivp.u0.len(),
            params: ivp.p.len(),
        })
    }

    /// Whether values may be coupled to the state: whoever solves implicit equations must then
    /// learn of it through derivative products.
    pub(super) fn may_couple(rhs: &dyn Kernel<T>, n: usize) -> bool {
        n <= MOST_COUPLED || rhs.structure().jacobian.is_none()
    }

    pub(super) fn scratch_len(&self) -> usize {
        let own = 2 * (self.n + self.reads.len()) + 2 * self.lags.constant.len() + 2 * self.n;
        let called = self.rhs.scratch_len().max(self.lag_kernel.scratch_len());
        own + self.params + called.max(self.history_kernel.scratch_len())
    }

    fn split<'s>(&self, scratch: &'s mut [T]) -> Work<'s, T> {
        let (all, m) = (self.n + self.reads.len(), self.lags.constant.len());
        let (u, rest) = scratch.split_at_mut(all);
        let (du, rest) = rest.split_at_mut(all);
        let (lags, rest) = rest.split_at_mut(m);
        let (dlags, rest) = rest.split_at_mut(m);
        let (before, rest) = rest.split_at_mut(self.n);
        let (dbefore, rest) = rest.split_at_mut(self.n);
        let (dp, rest) = rest.split_at_mut(self.params);
        Work { u, du, lags, dlags, before, dbefore, dp, rest }
    }

    /// Writes the delayed values at `(t, u)` to `out`. `scratch` is as long as that of the filled
    /// kernel.
    pub(super) fn delayed(&self, t: f64, u: &[T], p: &[T], out: &mut [T], scratch: &mut [T]) {
        let mut work = self.split(scratch);
        self.fill(t, u, p, &mut work);
        out.copy_from_slice(&work.u[self.n..]);
    }

    /// Writes the times that the lags look at to `out`.
    pub(super) fn times(&self, t: f64, u: &[T], p: &[T], out: &mut [f64], scratch: &mut [T]) {
        let mut work = self.split(scratch);
        self.lengths(t, u, p, &mut work);
        for (out, lag) in out.iter_mut().zip(work.lags.iter()) {
            *out = t - lag.f64();
        }
    }

    /// Writes the lengths of all lags at `(t, u)` to `out`.
    pub(super) fn write_lengths(&self, t: f64, u: &[T], p: &[T], out: &mut [T], scratch: &mut [T]) {
        let mut work = self.split(scratch);
        self.lengths(t, u, p, &mut work);
        out.copy_from_slice(work.lags);
    }

    /// Evaluates all lags at `(t, u)`.
    fn lengths(&self, t: f64, u: &[T], p: &[T], work: &mut Work<'_, T>) {
        work.u[..self.n].copy_from_slice(u);
        work.u[self.n..].fill(T::ZERO);
        self.lag_kernel.eval(T::of(t), work.u, p, work.lags, work.rest);
    }

    /// The time in full precision: arguments of kernels may have less.
    fn time(&self, t: T) -> f64 {
        let past = self.past;
        [past.t, past.t_new].into_iter().find(|&exact| T::of(exact) == t).unwrap_or(t.f64())
    }

    /// Where the value behind `lag` at `t` comes from, and the time it looks at.
    fn look(&self, t: f64, lag: usize, length: f64) -> Option<Source> {
        let slack = 8.0 * T::EPSILON * (t.abs() + length.abs());
        let mut length = length;
        if !(length >= 0.0 && length.is_finite()) {
            // On the solution, the lag may vanish; near it, rounding and step errors show.
            let error = self.lags.tolerance * t.abs().max(t - self.past.t0);
            if !(length < 0.0 && -length <= error + slack) {
                self.notes.note_bad_lag(t, lag, length);
                return None;
            }
            length = 0.0;
        }
        let s = t - length;
        let side = if t == self.past.t { Side::Right } else { Side::Left };
        if self.lags.constant[lag].is_some() {
            return Some(self.past.source(s, side, slack));
        }
        // A step looks at one piece of the past, and at its continuation where it goes further.
        let (low, high) = self.lags.bounds[lag];
        if s >= high - slack {
            Some(self.past.beyond(high, s, Side::Left, slack, low))
        } else if s <= low + slack {
            Some(self.past.beyond(low, s, Side::Right, slack, high))
        } else {
            Some(self.past.source(s, side, slack))
        }
    }

    /// States and delayed values at `(t, u)`, into `work.u`.
    fn fill(&self, t: f64, u: &[T], p: &[T], work: &mut Work<'_, T>) {
        let n = self.n;
        if self.lags.vary() {
            self.lengths(t, u, p, work);
        } else {
            work.u[..n].copy_from_slice(u);
        }
        let mut weights = [0.0; MAX_POINTS];
        for lag in 0..self.lags.constant.len() {
            let reads = &self.lags.reads[self.lags.starts[lag]..self.lags.starts[lag + 1]];
            let length = self.lags.constant[lag].unwrap_or_else(|| work.lags[lag].f64());
            let Some(source) = self.look(t, lag, length) else {
                for &read in reads {
                    work.u[n + read as usize] = T::of(f64::NAN);
                }
                continue;
            };
            self.evaluate_before(source, p, work);
            for slope in [false, true] {
                let wanted = |&&read: &&u32| self.reads[read as usize].slope == slope;
                if !reads.iter().any(|read| wanted(&read)) {
                    continue;
                }
                let ahead = self.past.is_ahead(source);
                let source = match source {
                    Source::Beginning if slope => {
                        let before = self.past.slope_before();
                        self.evaluate_before(before, p, work);
                        before
                    }
                    source => source,
                };
                self.past.weights(source, u32::from(slope), &mut weights);
                for &read in reads.iter().filter(wanted) {
                    let state = self.reads[read as usize].state as usize;
                    work.u[n + read as usize] = match source {
                        Source::Before(_) if slope => work.dbefore[state],
                        Source::Before(_) => work.before[state],
                        Source::Beginning => self.past.beginning[state],
                        Source::Lost => T::of(f64::NAN),
                        _ => self.past.value(source, u32::from(slope), &weights, state),
                    };
                }
                if ahead && (slope || t > self.past.t) {
                    self.notes.note_ahead();
                }
            }
            if self.lags.coupled[lag] {
                if t > self.past.t {
                    self.notes.note_ahead();
                }
                let here = self.past.source(t, Side::Right, 0.0);
                self.past.weights(here, 0, &mut weights);
                for &read in reads.iter().filter(|&&read| !self.reads[read as usize].slope) {
                    let state = self.reads[read as usize].state as usize;
                    let there = match here {
                        Source::Beginning => self.past.beginning[state],
                        _ => self.past.value(here, 0, &weights, state),
                    };
                    work.u[n + read as usize] += u[state] - there;
                }
            }
        }
    }

    /// The history function and its slope, where `source` asks for them. Slightly beyond the start
    /// its continuation is asked for; where there is none, the value at the start serves.
    fn evaluate_before(&self, source: Source, p: &[T], work: &mut Work<'_, T>) {
        let Source::Before(mut s) = source else { return };
        work.dp.fill(T::ZERO);
        loop {
            let at = Point { t: T::of(s), u: &[], p };
            let along = Tangent { t: T::ONE, u: &[], p: work.dp };
            self.history_kernel.jvp(at, along, work.before, work.dbefore, work.rest);
            if s <= self.past.t0 || work.before.iter().all(|value| value.finite()) {
                break;
            }
            s = self.past.t0;
        }
    }

    /// Turns the direction `(dt, work.du[..n])` into one of states and delayed values. `work.u` is
    /// filled and stays so.
    fn push(&self, t: f64, dt: T, u: &[T], p: &[T], work: &mut Work<'_, T>) {
        let n = self.n;
        work.du[n..].fill(T::ZERO);
        work.dp.fill(T::ZERO);
        work.dlags.fill(T::ZERO);
        if self.lags.vary() {
            // The lags see no delayed values; these are filled in again below.
            work.u[n..].fill(T::ZERO);
            let at = Point { t: T::of(t), u: work.u, p };
            let along = Tangent { t: dt, u: work.du, p: work.dp };
            self.lag_kernel.jvp(at, along, work.lags, work.dlags, work.rest);
            self.fill(t, u, p, work);
        }
        for lag in 0..self.lags.constant.len() {
            let constant = self.lags.constant[lag];
            let ds = if constant.is_some() { dt } else { dt - work.dlags[lag] };
            self.each_rate(t, lag, p, work, |read, state, rate, here, work| {
                // An infinite rate in a direction that does not move is nothing.
                let mut dz = if ds == T::ZERO { T::ZERO } else { rate * ds };
                if let Some(slope_here) = here {
                    dz += work.du[state] - slope_here * dt;
                }
                work.du[n + read] = dz;
            });
        }
    }

    /// Calls `with(read, state, rate of the value, slope of the step at hand where coupled, work)`
    /// for each read of `lag`.
    fn each_rate(
        &self,
        t: f64,
        lag: usize,
        p: &[T],
        work: &mut Work<'_, T>,
        mut with: impl FnMut(usize, usize, T, Option<T>, &mut Work<'_, T>),
    ) {
        let length = self.lags.constant[lag].unwrap_or_else(|| work.lags[lag].f64());
        let Some(source) = self.look(t, lag, length) else { return };
        self.evaluate_before(source, p, work);
        let coupled = self.lags.coupled[lag];
        let here = self.past.source(t, Side::Right, 0.0);
        let mut weights = [0.0; MAX_POINTS];
        for &read in &self.lags.reads[self.lags.starts[lag]..self.lags.starts[lag + 1]] {
            let DelayedRead { state, slope, .. } = self.reads[read as usize];
            let state = state as usize;
            let rate = match source {
                // Second derivatives of the history are not known.
                Source::Before(_) if slope => T::ZERO,
                Source::Before(_) => work.dbefore[state],
                _ => {
                    let derivative = 1 + u32::from(slope);
                    self.past.weights(source, derivative, &mut weights);
                    self.past.value(source, derivative, &weights, state)
                }
            };
            let slope_here = (coupled && !slope).then(|| {
                self.past.weights(here, 1, &mut weights);
                self.past.value(here, 1, &weights, state)
            });
            with(read as usize, state, rate, slope_here, work);
        }
    }
}

/// The right-hand side with delayed values filled in, and what else a method may know of it.
pub(super) struct Filled<'a, T: Real> {
    fill: Fill<'a, T>,
    jacobian: Option<FilledMatrix<'a, T>>,
    mass: Option<FilledMatrix<'a, T>>,
    pairs: &'a [Pair],
}

impl<'a, T: Real> Filled<'a, T> {
    pub(super) fn new(fill: Fill<'a, T>) -> Self {
        let structure = fill.rhs.structure();
        let matrix = |matrix| FilledMatrix { fill, matrix };
        let jacobian = structure.jacobian.filter(|_| !Fill::may_couple(fill.rhs, fill.n));
        Filled {
            fill,
            jacobian: jacobian.map(matrix),
            mass: structure.mass.map(matrix),
            pairs: structure.pairs,
        }
    }
}

impl<T: Real> Kernel<T> for Filled<'_, T> {
    fn shape(&self) -> Shape {
        Shape { states: self.fill.n, params: self.fill.params, outputs: self.fill.n }
    }

    fn scratch_len(&self) -> usize {
        self.fill.scratch_len()
    }

    fn eval(&self, t: T, u: &[T], p: &[T], out: &mut [T], scratch: &mut [T]) {
        let mut work = self.fill.split(scratch);
        self.fill.fill(self.fill.time(t), u, p, &mut work);
        self.fill.rhs.eval(t, work.u, p, out, work.rest);
    }

    fn jvp(
        &self,
        at: Point<'_, T>,
        along: Tangent<'_, T>,
        out: &mut [T],
        dout: &mut [T],
        scratch: &mut [T],
    ) {
        let fill = &self.fill;
        let mut work = fill.split(scratch);
        let t = fill.time(at.t);
        fill.fill(t, at.u, at.p, &mut work);
        work.du[..fill.n].copy_from_slice(along.u);
        fill.push(t, along.t, at.u, at.p, &mut work);
        let at = Point { u: work.u, ..at };
        let along = Tangent { u: work.du, ..along };
        fill.rhs.jvp(at, along, out, dout, work.rest);
    }

    fn vjp(&self, at: Point<'_, T>, w: &[T], grad: Cotangent<'_, T>, scratch: &mut [T]) {
        let fill = &self.fill;
        let n = fill.n;
        let mut work = fill.split(scratch);
        let t = fill.time(at.t);
        fill.fill(t, at.u, at.p, &mut work);
        work.du.fill(T::ZERO);
        let inner = Cotangent { t: grad.t, u: work.du, p: grad.p };
        fill.rhs.vjp(Point { u: work.u, ..at }, w, inner, work.rest);
        // From the delayed values to the times looked at, and on to time and state.
        for lag in 0..fill.lags.constant.len() {
            let mut to_time = T::ZERO;
            fill.each_rate(t, lag, at.p, &mut work, |read, state, rate, here, work| {
                let dz = work.du[n + read];
                to_time += dz * rate;
                if let Some(slope_here) = here {
                    *grad.t += -(dz * slope_here);
                    work.du[state] += dz;
                }
            });
            *grad.t += to_time;
            work.dlags[lag] = -to_time;
        }
        if fill.lags.vary() {
            for (lag, constant) in fill.lags.constant.iter().enumerate() {
                if constant.is_some() {
                    work.dlags[lag] = T::ZERO;
                }
            }
            work.u[n..].fill(T::ZERO);
            let inner = Cotangent { t: grad.t, u: work.du, p: grad.p };
            fill.lag_kernel.vjp(Point { u: work.u, ..at }, work.dlags, inner, work.rest);
        }
        for (sum, x) in grad.u.iter_mut().zip(work.du.iter()) {
            *sum += *x;
        }
    }

    fn structure(&self) -> Structure<'_, T> {
        Structure {
            jacobian: self.jacobian.as_ref().map(|matrix| matrix as &dyn MatrixKernel<T>),
            mass: self.mass.as_ref().map(|matrix| matrix as &dyn MatrixKernel<T>),
            pairs: self.pairs,
            ..Structure::default()
        }
    }
}

/// A matrix of the system with delayed values filled in.
struct FilledMatrix<'a, T: Real> {
    fill: Fill<'a, T>,
    matrix: &'a dyn MatrixKernel<T>,
}

impl<T: Real> MatrixKernel<T> for FilledMatrix<'_, T> {
    fn pattern(&self) -> MatrixPattern<'_> {
        self.matrix.pattern()
    }

    fn scratch_len(&self) -> usize {
        self.fill.scratch_len() + self.matrix.scratch_len()
    }

    fn eval(&self, t: T, u: &[T], p: &[T], values: &mut [T], scratch: &mut [T]) {
        let (own, rest) = scratch.split_at_mut(self.fill.scratch_len());
        let mut work = self.fill.split(own);
        self.fill.fill(self.fill.time(t), u, p, &mut work);
        self.matrix.eval(t, work.u, p, values, rest);
    }

    fn is_constant(&self) -> bool {
        self.matrix.is_constant()
    }
}
