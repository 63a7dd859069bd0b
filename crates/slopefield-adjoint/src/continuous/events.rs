//! The adjoint through an event: the saltation terms.
//!
//! An event at `τ` brings the state `u⁻` to `u⁺ = A(τ, u⁻, p)`. A perturbation `v` of the state at
//! fixed time passes it as
//!
//! ```text
//! v⁺ = A_u v⁻ + A_p δp + (A_u f⁻ + A_t − f⁺) δτ,
//! ```
//!
//! with slopes `f⁻` and `f⁺` before and after, and `δτ = −(r_u v⁻ + r_p δp)/(r_u f⁻ + r_t)` for a
//! crossing `r(τ, u⁻, p) = 0`, or the derivative of the time by the parameters for an event in time
//! (Aizerman, Gantmakher, *On the stability of periodic motions*, J. Appl. Math. Mech. 22 (1958)
//! 1065). The reverse of it is
//!
//! ```text
//! g = λ⁺ᵀ (A_u f⁻ + A_t − f⁺),   λ⁻ = A_uᵀ λ⁺ + g ∂τ/∂u,   dL/dp += A_pᵀ λ⁺ + g ∂τ/∂p.
//! ```
//!
//! Several events at one instant follow each other, each with the state that the one before left. An
//! event whose own number does not pass 0 with that state was brought about by the one before, and
//! happens at its time.

use super::recorder::{Instant, Recorder};
use slopefield_kernel::{Cotangent, Events, Kernel, Point, Trigger};
use slopefield_solve::{Ivp, SolveError};

/// Times this close, relative to their size, are one instant.
const ONE_INSTANT: f64 = 64.0 * f64::EPSILON;
/// A number passes 0 at an instant when it is below this part of its change over the whole span.
const AT_ZERO: f64 = 1e-6;
/// A number whose rate of change is below this part of what makes it up touches 0.
const GRAZING: f64 = 1e-9;

/// Work space.
#[derive(Default)]
pub(crate) struct Saltation {
    before: Vec<f64>,
    after: Vec<f64>,
    by_u: Vec<f64>,
    root_by_u: Vec<f64>,
    root_by_p: Vec<f64>,
    weights: Vec<f64>,
    scratch: Vec<f64>,
    /// The event met last at this instant and how often, for events with several equal times.
    met: (usize, usize),
}

/// An event on the way back.
pub(crate) struct Passage<'a> {
    pub ivp: &'a Ivp<'a>,
    pub events: &'a Events<'a>,
    pub recorder: &'a Recorder,
    pub instant: &'a Instant,
    /// Whether it is the first of its instant.
    pub is_first: bool,
    /// With a mass matrix, the slope of the solution before it and `λ⁺ᵀ f⁺`.
    pub with_mass: Option<(&'a [f64], f64)>,
}

/// What determines when an event happens.
enum Cause {
    /// Its own number passes 0, at this rate.
    Crossing { root: usize, rate: f64 },
    /// Times of the model.
    Time,
    /// The event before.
    Before,
}

impl Saltation {
    /// Makes room; the first event of a new instant comes next.
    pub fn begin(&mut self, ivp: &Ivp<'_>, events: &Events<'_>) {
        let (n, m) = (ivp.u0.len(), ivp.p.len());
        for vector in [&mut self.before, &mut self.after, &mut self.by_u, &mut self.root_by_u] {
            vector.resize(n, 0.0);
        }
        self.root_by_p.resize(m, 0.0);
        let kernels = events.affects.iter().map(|affect| affect.scratch_len());
        let others = [events.roots, events.times].into_iter().flatten();
        let longest = kernels.chain(others.map(Kernel::scratch_len)).max().unwrap_or(0);
        self.scratch.resize(longest.max(ivp.rhs.scratch_len()), 0.0);
        self.met = (usize::MAX, 0);
    }

    /// Pulls `cotangent`, that of the state after an event, back to the state before it. `carried`
    /// is the derivative of the loss by the time of events that this one brought about, and becomes
    /// that which is passed on to the event before.
    pub fn pull_back(
        &mut self,
        passage: &Passage<'_>,
        cotangent: &mut [f64],
        grad_p: &mut [f64],
        carried: &mut f64,
    ) -> Result<(), SolveError> {
        let Passage { ivp, events, recorder, instant, is_first, with_mass } = *passage;
        let (u, next) = recorder.states(instant);
        let (t, p) = (instant.t, ivp.p);
        match with_mass {
            Some((slope, _)) => self.before.copy_from_slice(slope),
            None => ivp.rhs.eval(t, u, p, &mut self.before, &mut self.scratch),
        }
        // −λ⁺ᵀ f⁺.
        let mut change = match with_mass {
            Some((_, change)) => -change,
            None => {
                ivp.rhs.eval(t, next, p, &mut self.after, &mut self.scratch);
                -dot(cotangent, &self.after)
            }
        };
        let event = &events.list[instant.event];
        self.by_u.fill(0.0);
        match event.affect {
            Some(affect) => {
                let grad = Cotangent { t: &mut change, u: &mut self.by_u, p: &mut *grad_p };
                let kernel = &events.affects[affect as usize];
                kernel.vjp(Point { t, u, p }, cotangent, grad, &mut self.scratch);
            }
            None => self.by_u.copy_from_slice(cotangent),
        }
        cotangent.copy_from_slice(&self.by_u);
        let by_time = change + dot(&self.by_u, &self.before) + *carried;
        *carried = 0.0;
        match self.cause(ivp, events, instant, u, is_first)? {
            Cause::Before => *carried = by_time,
            Cause::Crossing { root, rate } => {
                if by_time != 0.0 && !(rate.abs() > 0.0) {
                    return Err(SolveError::Invalid(format!(
                        "event {} at t = {t} happens where its number {root} only touches 0; the \
                         time of such an event has no derivative",
                        instant.event
                    )));
                }
                let factor = if by_time == 0.0 { 0.0 } else { -by_time / rate };
                for (c, r) in cotangent.iter_mut().zip(&self.root_by_u) {
                    *c += factor * r;
                }
                for (g, r) in grad_p.iter_mut().zip(&self.root_by_p) {
                    *g += factor * r;
                }
            }
            Cause::Time => {
                if let Some(kernel) = events.times {
                    for weight in &mut self.weights {
                        *weight *= by_time;
                    }
                    let at = Point { t: ivp.t0, u: &[], p };
                    let grad = Cotangent { t: &mut 0.0, u: &mut [], p: grad_p };
                    kernel.vjp(at, &self.weights, grad, &mut self.scratch);
                }
            }
        }
        Ok(())
    }

    fn cause(
        &mut self,
        ivp: &Ivp<'_>,
        events: &Events<'_>,
        instant: &Instant,
        u: &[f64],
        is_first: bool,
    ) -> Result<Cause, SolveError> {
        let (t, p) = (instant.t, ivp.p);
        match &events.list[instant.event].trigger {
            Trigger::Crossing { root, .. } => {
                let Some(kernel) = events.roots else { return Ok(Cause::Before) };
                let root = *root as usize;
                let outputs = kernel.shape().outputs;
                self.weights.resize(outputs, 0.0);
                kernel.eval(t, u, p, &mut self.weights, &mut self.scratch);
                let value = self.weights[root];
                self.weights.fill(0.0);
                self.weights[root] = 1.0;
                self.root_by_u.fill(0.0);
                self.root_by_p.fill(0.0);
                let mut rate = 0.0;
                let grad =
                    Cotangent { t: &mut rate, u: &mut self.root_by_u, p: &mut self.root_by_p };
                kernel.vjp(Point { t, u, p }, &self.weights, grad, &mut self.scratch);
                let terms = self.root_by_u.iter().zip(&self.before).map(|(r, f)| r * f);
                let size = terms.clone().map(f64::abs).sum::<f64>() + rate.abs();
                rate += terms.sum::<f64>();
                let span = (ivp.t1 - ivp.t0).abs();
                if !is_first && value.abs() > AT_ZERO * size * span {
                    return Ok(Cause::Before);
                }
                let rate = if rate.abs() > GRAZING * size { rate } else { 0.0 };
                Ok(Cause::Crossing { root, rate })
            }
            Trigger::At(range) => {
                let times = self.times(ivp, events);
                let range = range.start as usize..range.end as usize;
                let mut here = range.filter(|k| same_instant(times[*k], t));
                // Happenings are met last to first; which of several times is which does not
                // matter, as long as each is met once.
                if self.met.0 != instant.event {
                    self.met = (instant.event, 0);
                }
                let index = here.nth(self.met.1);
                self.met.1 += 1;
                self.weigh(times.len(), index.map(|k| (k, 1.0)), None);
                Ok(Cause::Time)
            }
            Trigger::Every { period, from, .. } => {
                let times = self.times(ivp, events);
                let (period, from) = (*period as usize, *from as usize);
                let k = ((t - times[from]) / times[period]).round();
                self.weigh(times.len(), Some((from, 1.0)), Some((period, k)));
                Ok(Cause::Time)
            }
        }
    }

    fn times(&mut self, ivp: &Ivp<'_>, events: &Events<'_>) -> Vec<f64> {
        let Some(kernel) = events.times else { return Vec::new() };
        let mut times = vec![0.0; kernel.shape().outputs];
        kernel.eval(ivp.t0, &[], ivp.p, &mut times, &mut self.scratch);
        times
    }

    /// Weights of the times in that of the event.
    fn weigh(&mut self, count: usize, first: Option<(usize, f64)>, second: Option<(usize, f64)>) {
        self.weights.clear();
        self.weights.resize(count, 0.0);
        for (k, weight) in first.into_iter().chain(second) {
            self.weights[k] += weight;
        }
    }
}

/// Whether two times are one instant.
pub(crate) fn same_instant(a: f64, b: f64) -> bool {
    (a - b).abs() <= ONE_INSTANT * a.abs().max(b.abs())
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
