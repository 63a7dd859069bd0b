//! Second derivatives of a right-hand side with its delayed values filled in.
//!
//! With `G(x) = F(t, u, z(x), p)`, `x` time, state and the numbers of the past, and a direction `a` in
//! time and state, the gradient of `wᵀ G' a` is that of `wᵀ F' (a, ż)`, `ż = z' a`, pulled back through
//! `z`, and the gradient of `(wᵀ ∂F/∂z) ż` with the first factor held: a delayed value changes along the
//! way at its rate there times that of the time looked at.

use super::reads::{Noticed, Piece, Reader, Sink, Work};
use slopefield_kernel::{Cotangent, Delays, HessianProduct, Kernel, Point, Shape, Tangent};

/// Weights and places of central differences of order six, for second derivatives of lags, which
/// kernels do not have; the places are parts of the direction.
const DIFFERENCES: [(f64, f64); 6] = [
    (-0.03, -1.0 / 0.6),
    (-0.02, 15.0),
    (-0.01, -75.0),
    (0.01, 75.0),
    (0.02, -15.0),
    (0.03, 1.0 / 0.6),
];

/// Work space, a number for each lag.
struct OfLags<'s> {
    /// How fast the time moves that it looks at,
    rates: &'s mut [f64],
    /// how much that matters,
    by_rates: &'s mut [f64],
    /// and parts of it.
    weights: &'s mut [f64],
}

/// The product with second derivatives.
pub(super) struct Curvature<'a> {
    reader: Reader<'a>,
    inner: &'a dyn HessianProduct,
}

impl<'a> Curvature<'a> {
    pub fn new(reader: Reader<'a>, inner: &'a dyn HessianProduct) -> Self {
        Curvature { reader, inner }
    }

    /// Adds the gradient of `Σ c_r ż_r`, where `c` is in `work.bar`, its states 0, and the direction
    /// in `work.du`; returns that of the time.
    fn pull_rates(
        &self,
        (t, dt): (f64, f64),
        work: &mut Work<'_>,
        of_lags: OfLags<'_>,
        sink: &mut Sink<'_>,
    ) -> f64 {
        let (reader, n) = (&self.reader, self.reader.system.n);
        let Some(delays) = reader.delays() else { return 0.0 };
        let OfLags { rates, by_rates, weights } = of_lags;
        if delays.constant.contains(&false) {
            work.dp.fill(0.0);
            let at = Point { t, u: work.row, p: reader.p() };
            // The delayed values behind the states of a direction do not matter to lags.
            let along = Tangent { t: dt, u: work.du, p: work.dp };
            delays.lags.jvp(at, along, work.lags, work.dlags, work.rest);
        }
        for (lag, rate) in rates.iter_mut().enumerate() {
            if delays.constant[lag] {
                work.lags[lag] = reader.tape.data[reader.tape.params + lag];
                work.dlags[lag] = 0.0;
            }
            *rate = dt - work.dlags[lag];
        }
        work.dlags.fill(0.0);
        by_rates.fill(0.0);
        let mut by_t = 0.0;
        for lag in 0..reader.tape.lags {
            let piece = reader.piece(t, lag, work.lags[lag]);
            let here = reader.coupled(lag).then(|| reader.here(t));
            for (index, read) in reader.reads_of(lag) {
                let (state, bar) = (read.state as usize, work.bar[n + index]);
                if bar == 0.0 {
                    continue;
                }
                let bend = bar * rates[lag];
                let by_s = match &piece {
                    Piece::Within(within) => {
                        by_rates[lag] -= bar * reader.rate(within, 1, state);
                        reader.pull(within, 1, state, bend, sink)
                    }
                    Piece::Before(s) => {
                        let slope = self.slope_of_history(&delays, (*s, state), work);
                        // How much the rate of the lag itself matters.
                        by_rates[lag] -= bar * slope;
                        let (place, cotangent) = ((*s, t - s), (bend, state));
                        reader.pull_history(&delays, place, true, cotangent, work, sink)
                    }
                    _ => 0.0,
                };
                by_t += by_s;
                work.dlags[lag] -= by_s;
                if let Some(Piece::Within(within)) = here {
                    by_t += reader.pull(&within, 1, state, -bar * dt, sink);
                }
            }
        }
        work.bar.fill(0.0);
        by_t += reader.pull_lags(&delays, t, work, sink);
        by_t + self.bend_of_lags(&delays, (t, dt), (by_rates, weights), work, sink)
    }

    /// The slope of a state of the history at `s`.
    fn slope_of_history(
        &self,
        delays: &Delays<'a>,
        (s, state): (f64, usize),
        work: &mut Work<'_>,
    ) -> f64 {
        work.dp.fill(0.0);
        let at = Point { t: s, u: &[], p: self.reader.p() };
        let along = Tangent { t: 1.0, u: &[], p: work.dp };
        delays.history.jvp(at, along, work.before, work.dbefore, work.rest);
        work.dbefore[state]
    }

    /// Adds the gradient of the rates of the lags, weighted by `by_rates`, that depend on the state.
    fn bend_of_lags(
        &self,
        delays: &Delays<'a>,
        (t, dt): (f64, f64),
        (by_rates, weights): (&mut [f64], &mut [f64]),
        work: &mut Work<'_>,
        sink: &mut Sink<'_>,
    ) -> f64 {
        for (weight, constant) in by_rates.iter_mut().zip(delays.constant) {
            *weight = if *constant { 0.0 } else { *weight };
        }
        let mut by_t = 0.0;
        if by_rates.iter().all(|x| *x == 0.0) {
            return by_t;
        }
        let n = self.reader.system.n;
        for (place, factor) in DIFFERENCES {
            for (moved, (u, du)) in work.row.iter_mut().zip(work.u.iter().zip(&*work.du)).take(n) {
                *moved = u + place * du;
            }
            for (weight, by_rate) in weights.iter_mut().zip(&*by_rates) {
                *weight = factor * by_rate;
            }
            let at = Point { t: t + place * dt, u: work.row, p: self.reader.p() };
            let p = sink.parameters(work.by_p);
            let grad = Cotangent { t: &mut by_t, u: work.bar, p };
            delays.lags.vjp(at, weights, grad, work.rest);
            sink.passed(work.by_p);
        }
        work.row[..n].copy_from_slice(&work.u[..n]);
        by_t
    }
}

impl HessianProduct for Curvature<'_> {
    fn shape(&self) -> Shape {
        let n = self.reader.system.n;
        Shape { states: n, params: self.reader.params(), outputs: n }
    }

    fn scratch_len(&self) -> usize {
        let tape = self.reader.tape;
        self.reader.scratch_len() + tape.params + 3 * tape.lags + self.inner.scratch_len()
    }

    /// Along time and state alone; directions have no part along the parameters.
    fn hvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        w: &[f64],
        grad: Cotangent<'_>,
        scratch: &mut [f64],
    ) {
        debug_assert!(along.p.iter().all(|x| *x == 0.0), "along time and state");
        let (reader, n) = (&self.reader, self.reader.system.n);
        let lags = reader.tape.lags;
        let (own, rest) = scratch.split_at_mut(reader.scratch_len());
        let (unused, rest) = rest.split_at_mut(reader.tape.params);
        let (rates, rest) = rest.split_at_mut(lags);
        let (by_rates, rest) = rest.split_at_mut(lags);
        let (weights, rest) = rest.split_at_mut(lags);
        let mut work = reader.split(own);
        reader.fill(at.t, at.u, &mut work, &Noticed::default());
        work.du[..n].copy_from_slice(along.u);
        reader.push(at.t, along.t, &super::reads::Along::STILL, &mut work);
        let mut sink = reader.sink(grad.p);
        work.bar.fill(0.0);
        let point = Point { t: at.t, u: work.u, p: reader.p() };
        let direction = Tangent { t: along.t, u: work.du, p: work.dp };
        let p = sink.parameters(work.by_p);
        let inner = Cotangent { t: &mut *grad.t, u: work.bar, p };
        self.inner.hvp(point, direction, w, inner, rest);
        sink.passed(work.by_p);
        *grad.t += reader.pull_all(at.t, &mut work, &mut sink);
        for (sum, x) in grad.u.iter_mut().zip(work.bar.iter()) {
            *sum += x;
        }
        // What the right-hand side makes of each delayed value.
        work.bar.fill(0.0);
        let point = Point { t: at.t, u: work.u, p: reader.p() };
        let inner = Cotangent { t: &mut 0.0, u: work.bar, p: unused };
        let rhs: &dyn Kernel = reader.system.rhs();
        rhs.vjp(point, w, inner, work.rest);
        work.bar[..n].fill(0.0);
        let of_lags = OfLags { rates, by_rates, weights };
        *grad.t += self.pull_rates((at.t, along.t), &mut work, of_lags, &mut sink);
        for (sum, x) in grad.u.iter_mut().zip(work.bar.iter()) {
            *sum += x;
        }
    }
}
