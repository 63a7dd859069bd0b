//! What a step sends back through its interpolant, reads of the past, and the moment that cuts it.

use super::super::locate::change_at;
use super::super::system::{System, refused};
use super::super::trace::{Kind, Source, Trace};
use super::{Reverse, add, add_scaled};
use slopefield_kernel::Cotangent;
use slopefield_solve::SolveError;

/// Weights and places of central differences of order six.
pub(crate) const DIFFERENCES: [(f64, f64); 6] = [
    (-3.0, -1.0 / 60.0),
    (-2.0, 3.0 / 20.0),
    (-1.0, -3.0 / 4.0),
    (1.0, 3.0 / 4.0),
    (2.0, -3.0 / 20.0),
    (3.0, 1.0 / 60.0),
];

impl Reverse {
    /// Sends the cotangent `weight` of the derivative of order `order` of `state` at `s` in a step to
    /// its slopes, its beginning and its moments; returns that of `s`. The slopes of the step `own`
    /// are not touched, but those in the field of that name.
    #[allow(clippy::too_many_arguments, reason = "one call in the inner loop, all of it needed")]
    pub(super) fn interpolated(
        &mut self,
        trace: &Trace,
        step: usize,
        s: f64,
        order: usize,
        state: usize,
        weight: f64,
        own: usize,
    ) -> f64 {
        if weight == 0.0 {
            return 0.0;
        }
        let n = trace.n;
        let (theta, h) = trace.place(step, s);
        let weights = trace.weights(order, theta);
        let rates = trace.weights(order + 1, theta);
        let factor = if order == 0 { h } else { 1.0 };
        let slopes = if step == own {
            &mut self.own[..]
        } else {
            &mut self.slopes[step * trace.rows() * n..(step + 1) * trace.rows() * n]
        };
        for (row, w) in slopes.chunks_exact_mut(n).zip(weights) {
            row[state] += factor * w * weight;
        }
        // v = [u] + h^(1 − order) Σ b_j^(order)(θ) k_j with θ = (s − t) / h.
        let by_s = weight * trace.weighted(step, &rates, state) * factor / h;
        let mut by_length = -theta * by_s;
        if order == 0 {
            self.beginnings[step * n + state] += weight;
            by_length += weight * trace.weighted(step, &weights, state);
        }
        let info = trace.steps[step];
        self.moments[info.end] += by_length;
        self.moments[info.begin] -= by_length + by_s;
        by_s
    }

    /// Sends the cotangents of delayed values in `input` on: to the past, to the lags, and to the
    /// state in `input`. Returns that of the time.
    #[allow(clippy::too_many_arguments, reason = "one call in the inner loop, all of it needed")]
    pub(super) fn reads(
        &mut self,
        system: &System<'_>,
        trace: &Trace,
        t: f64,
        at: &[f64],
        sources: &[Source],
        step: Option<usize>,
        grad_p: &mut [f64],
    ) -> Result<f64, SolveError> {
        let n = trace.n;
        let Some(delays) = system.delays() else { return Ok(0.0) };
        self.lags.fill(0.0);
        let mut by_t = 0.0;
        let own = step.unwrap_or(usize::MAX);
        for (index, read) in system.reads.iter().enumerate() {
            let bar = self.input[n + index];
            if bar == 0.0 {
                continue;
            }
            let (state, lag) = (read.state as usize, read.lag as usize);
            let by_s = match sources[lag] {
                Source::Before(s) => {
                    self.unit[state] = bar;
                    let by_s = if read.slope {
                        self.slope_before(system, s, t - s, grad_p)?
                    } else {
                        let mut by_s = 0.0;
                        let grad = Cotangent { t: &mut by_s, u: &mut [], p: grad_p };
                        let at = system.point(s, &[]);
                        delays.history.vjp(at, &self.unit, grad, &mut self.scratch);
                        by_s
                    };
                    self.unit[state] = 0.0;
                    by_s
                }
                Source::Step { step, s } => {
                    self.interpolated(trace, step, s, usize::from(read.slope), state, bar, own)
                }
            };
            by_t += by_s;
            if system.is_constant(lag) {
                self.constant[lag] -= by_s;
            } else {
                self.lags[lag] -= by_s;
            }
            if let Some(step) = step
                && trace.coupled(step, lag)
                && !read.slope
            {
                self.input[state] += bar;
                by_t += self.interpolated(trace, step, t, 0, state, -bar, own);
            }
        }
        if self.lags.iter().any(|x| *x != 0.0) {
            self.row.copy_from_slice(at);
            self.row[n..].fill(0.0);
            let grad = Cotangent { t: &mut by_t, u: &mut self.input, p: grad_p };
            let at = system.point(t, &self.row);
            delays.lags.vjp(at, &self.lags, grad, &mut self.scratch);
        }
        Ok(by_t)
    }

    /// The slope of the history at `s` with the cotangent in `unit`: its derivatives by parameters
    /// and time are those in time of the derivatives of the value, which are differences of order
    /// six over a small part of the lag.
    fn slope_before(
        &mut self,
        system: &System<'_>,
        s: f64,
        lag: f64,
        grad_p: &mut [f64],
    ) -> Result<f64, SolveError> {
        let Some(delays) = system.delays() else { return Ok(0.0) };
        let step = difference(system, lag);
        let mut by_p = vec![0.0; grad_p.len()];
        let mut total = 0.0;
        let mut by_s = 0.0;
        for (place, weight) in DIFFERENCES {
            let mut once = vec![0.0; grad_p.len()];
            let mut at_place = 0.0;
            let grad = Cotangent { t: &mut at_place, u: &mut [], p: &mut once };
            let at = system.point(s + place * step, &[]);
            delays.history.vjp(at, &self.unit, grad, &mut self.scratch);
            by_s += weight * at_place / step;
            add_scaled(&mut by_p, weight / step, &once);
            total += once.iter().sum::<f64>() + at_place;
        }
        if !total.is_finite() {
            return refused(format!(
                "the slope of the history is read near t = {s}, where its derivatives are not \
                 finite, which this gradient method needs"
            ));
        }
        add(grad_p, &by_p);
        Ok(by_s)
    }

    /// Resolves the moment at which a step is cut short: its cotangent goes to the solution within
    /// the step, to the past and to the parameters.
    pub(super) fn locate(
        &mut self,
        system: &System<'_>,
        trace: &Trace,
        step: usize,
        grad_p: &mut [f64],
    ) -> Result<(), SolveError> {
        let n = trace.n;
        let cut = trace.steps[step].cut;
        let bar = self.moments[cut];
        if bar == 0.0 {
            return Ok(());
        }
        let t = trace.time(cut);
        let condition = self.locator.condition(system, trace, step, trace.moments[cut].kind)?;
        let factor = -bar / condition.rate;
        add_scaled(grad_p, factor, &condition.by_p);
        self.input.fill(0.0);
        add_scaled(&mut self.input, factor, &condition.by_input);
        match trace.moments[cut].kind {
            Kind::Root { .. } => {
                let change = change_at(trace, cut);
                let (at, sources) = (trace.before(change), trace.sources_of_change(change));
                // The time is held fixed here: its part is in the rate.
                self.reads(system, trace, t, at, sources, None, grad_p)?;
            }
            Kind::Passage { moment, .. } => self.moments[moment] -= factor,
            _ => {}
        }
        for state in 0..n {
            let weight = self.input[state];
            self.interpolated(trace, step, t, 0, state, weight, usize::MAX);
        }
        Ok(())
    }
}

/// Distance of the places of differences of the history's slope behind a lag.
pub(crate) fn difference(system: &System<'_>, lag: f64) -> f64 {
    0.01 * lag.abs().max(1e-3 * (system.ivp.t1 - system.ivp.t0).abs())
}
