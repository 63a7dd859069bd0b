//! How delayed values change, and what their cotangents become.

use super::{Along, Piece, Reader, Sink, Within, Work};
use crate::hybrid::reverse::{DIFFERENCES, difference};
use slopefield_kernel::{Cotangent, Delays, Point, Tangent};

impl<'a> Reader<'a> {
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
