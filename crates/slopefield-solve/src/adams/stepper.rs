//! The predictor–corrector method and its choice of order and step.
//!
//! Predict with order `k`, evaluate, correct with order `k + 1`, evaluate: two evaluations for
//! each step. L. F. Shampine, M. K. Gordon, *Computer solution of ordinary differential equations*
//! (1975), chapters 5–10; Hairer, Nørsett, Wanner, *Solving ODEs I*, sections III.5 and III.7,
//! doi:10.1007/978-3-540-78862-1. The error that is controlled is that of the corrector of order
//! `k`; the solution carried on is the better one of order `k + 1`.

use super::coefficients::{Coefficients, EQUAL_STEP_ERROR, LENGTH, PastSteps};
use crate::limits::{check_budget, end_of_step, shortest_step};
use crate::multistep::{first_length, weigh, weighted_square};
use crate::unsupported::refuse_all_but_explicit;
use crate::{ErrorNorm, Ivp, Real, Settings, SolveError, Stats, Step, Stepper};

/// Highest order of the predictor. Beyond it the methods are hardly stable.
pub const MAX_ORDER: usize = 12;

/// Half of the tolerance is what a next step aims for.
const AIM: f64 = 0.5;

/// Adams predictor–corrector method of variable order 1 to 12 and variable step.
pub struct Adams<T: Real = f64> {
    pub(super) n: usize,
    pub(super) t: f64,
    pub(super) t_prev: f64,
    /// Length of the next attempt, positive.
    h: f64,
    /// Order of the next attempt.
    pub(super) order: usize,
    /// Order of the step held.
    pub(super) order_taken: usize,
    max_order: usize,
    /// Orders and lengths still grow from step to step.
    pub(super) starting: bool,
    /// Number of steps of the last length.
    equal_steps: usize,
    pub(super) holds_step: bool,
    pub(super) past: PastSteps,
    coefficients: Coefficients,
    norm: ErrorNorm,
    /// `Φ_j(n)`, row by row.
    pub(super) differences: Vec<T>,
    pub(super) state: Vec<T>,
    /// State at the beginning of the step held.
    pub(super) before: Vec<T>,
    pub(super) predicted: Vec<T>,
    /// `Σ β_j Φ_j(n)`, then `Φ_k(n+1)`.
    change: Vec<T>,
    slope: Vec<T>,
    weights: Vec<T>,
    /// Difference at the beginning between the state and the interpolant.
    pub(super) gap: Vec<T>,
    pub(super) gap_known: bool,
    scratch: Vec<T>,
    stats: Stats,
}

/// Norms of the error that correctors of several orders would have made.
pub(super) struct Errors {
    /// Of this step.
    taken: f64,
    /// Of order `k` on equal steps,
    same: f64,
    /// of order `k − 1`,
    lower: f64,
    /// and whether that and order `k − 2` promise no more than order `k` keeps.
    lower_is_as_good: bool,
}

impl<T: Real> Default for Adams<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Real> Adams<T> {
    /// The method with all orders.
    pub fn new() -> Self {
        Self::up_to(MAX_ORDER)
    }

    /// The method with orders up to `max_order`.
    ///
    /// # Panics
    /// If `max_order` is not 1 to [`MAX_ORDER`].
    pub fn up_to(max_order: usize) -> Self {
        assert!((1..=MAX_ORDER).contains(&max_order), "order {max_order}");
        Adams {
            n: 0,
            t: 0.0,
            t_prev: 0.0,
            h: 0.0,
            order: 1,
            order_taken: 1,
            max_order,
            starting: true,
            equal_steps: 0,
            holds_step: false,
            past: PastSteps::default(),
            coefficients: Coefficients::default(),
            norm: ErrorNorm::default(),
            differences: Vec::new(),
            state: Vec::new(),
            before: Vec::new(),
            predicted: Vec::new(),
            change: Vec::new(),
            slope: Vec::new(),
            weights: Vec::new(),
            gap: Vec::new(),
            gap_known: false,
            scratch: Vec::new(),
            stats: Stats::default(),
        }
    }

    fn size(&mut self, ivp: &Ivp<'_, T>) {
        self.n = ivp.u0.len();
        for vector in [
            &mut self.state,
            &mut self.before,
            &mut self.predicted,
            &mut self.change,
            &mut self.slope,
            &mut self.weights,
            &mut self.gap,
        ] {
            vector.resize(self.n, T::ZERO);
        }
        self.differences.clear();
        self.differences.resize(LENGTH * self.n, T::ZERO);
        self.scratch.resize(ivp.rhs.scratch_len(), T::ZERO);
    }

    /// Predicts the state at `t_new` and leaves `Σ β_j Φ_j(n)` in `change`.
    fn predict(&mut self, h: f64) {
        let (n, k) = (self.n, self.order);
        self.predicted.copy_from_slice(&self.state);
        self.change.fill(T::ZERO);
        for j in 0..k {
            let beta = T::of(self.coefficients.beta[j]);
            let weight = T::of(h * self.coefficients.g[j]);
            let row = &self.differences[j * n..(j + 1) * n];
            let into = self.change.iter_mut().zip(&mut self.predicted);
            for ((change, predicted), entry) in into.zip(row) {
                let difference = beta * *entry;
                *change += difference;
                *predicted += weight * difference;
            }
        }
    }

    /// Errors from `Φ_k(n+1)`, which is in `change`.
    fn errors(&self, h: f64) -> Errors {
        let (n, k, c) = (self.n, self.order, &self.coefficients);
        // Φ_{k−1}(n+1) = β_{k−1} Φ_{k−1}(n) + Φ_k(n+1), and so on down.
        let (mut squares, terms) = ([0.0; 3], k.min(3));
        for i in 0..n {
            let weight = self.weights[i];
            let mut difference = self.change[i];
            for (below, square) in squares[..terms].iter_mut().enumerate() {
                if below > 0 {
                    let j = k - below;
                    difference += T::of(c.beta[j]) * self.differences[j * n + i];
                }
                let ratio = (weight * difference).f64();
                *square += ratio * ratio;
            }
        }
        let size = |below: usize| h.abs() * (squares[below] / n as f64).sqrt();
        let on_equal_steps =
            |below: usize| size(below) * c.sigma[k - below] * EQUAL_STEP_ERROR[k - below];
        let same = on_equal_steps(0);
        let lower = if k > 1 { on_equal_steps(1) } else { f64::INFINITY };
        let lower_is_as_good = match k {
            1 => false,
            2 => lower <= 0.5 * same,
            _ => lower.max(on_equal_steps(2)) <= same,
        };
        Errors { taken: size(0) * (c.g[k] - c.g[k - 1]).abs(), same, lower, lower_is_as_good }
    }

    /// Takes the slope of the new state into the differences.
    pub(super) fn update(&mut self, h: f64) {
        let (n, k) = (self.n, self.order);
        // Φ_{j+1}(n+1) = Φ_j(n+1) − β_j Φ_j(n), Φ_0(n+1) the slope.
        for j in 0..=k {
            let beta = T::of(self.coefficients.beta[j]);
            let row = &mut self.differences[j * n..(j + 1) * n];
            for (entry, slope) in row.iter_mut().zip(&mut self.slope) {
                let old = std::mem::replace(entry, *slope);
                *slope -= beta * old;
            }
        }
        self.differences[(k + 1) * n..(k + 2) * n].copy_from_slice(&self.slope);
        let same_length = (h - self.past.last()).abs() <= 1e-10 * h.abs();
        self.equal_steps = if self.holds_step && same_length { self.equal_steps + 1 } else { 1 };
        self.past.push(h);
    }

    /// Order and length of the next step, after one of length `taken` and the errors found.
    fn plan(&mut self, taken: f64, errors: &Errors) -> f64 {
        let k = self.order;
        let mut error = errors.same;
        self.starting &= !errors.lower_is_as_good && k < self.max_order;
        if errors.lower_is_as_good {
            (self.order, error) = (k - 1, errors.lower);
        } else if self.starting {
            self.order = k + 1;
            return 2.0 * taken;
        } else if self.equal_steps > k && k < self.max_order {
            let above = &self.differences[(k + 1) * self.n..(k + 2) * self.n];
            let higher =
                taken * EQUAL_STEP_ERROR[k + 1] * weighted_square(above, &self.weights).sqrt();
            if k > 1 && errors.lower <= error.min(higher) {
                (self.order, error) = (k - 1, errors.lower);
            } else if if k == 1 { higher < 0.5 * error } else { higher < error } {
                (self.order, error) = (k + 1, higher);
            }
        }
        let room = (AIM / error.max(1e-30)).powf(1.0 / (self.order + 1) as f64);
        if room >= 2.0 {
            2.0 * taken
        } else if room >= 1.0 {
            taken
        } else {
            taken * room.clamp(0.5, 0.9)
        }
    }

    fn collapsed(&self, finite: bool, h: f64) -> SolveError {
        let not_finite = |v: &[T]| v.iter().position(|x| !x.finite());
        match not_finite(&self.slope).or_else(|| not_finite(&self.predicted)) {
            Some(state) if !finite => SolveError::non_finite(self.t, state, &self.state),
            _ => SolveError::StepTooSmall { t: self.t, h },
        }
    }

    /// Predicts, evaluates, corrects and evaluates again if the error allows it.
    pub(super) fn attempt(&mut self, ivp: &Ivp<'_, T>, t_new: f64, h: f64) -> Errors {
        self.coefficients.prepare(self.order, h, &self.past);
        self.predict(h);
        ivp.rhs.eval(T::of(t_new), &self.predicted, ivp.p, &mut self.slope, &mut self.scratch);
        self.stats.rhs += 1;
        for i in 0..self.n {
            self.change[i] = self.slope[i] - self.change[i];
        }
        weigh(&self.norm, &self.state, &self.predicted, &mut self.weights);
        let mut errors = self.errors(h);
        if errors.taken <= 1.0 {
            let weight = T::of(h * self.coefficients.g[self.order]);
            for i in 0..self.n {
                self.predicted[i] += weight * self.change[i];
            }
            ivp.rhs.eval(T::of(t_new), &self.predicted, ivp.p, &mut self.slope, &mut self.scratch);
            self.stats.rhs += 1;
            if !self.slope.iter().chain(&self.predicted).all(|x| x.finite()) {
                errors.taken = f64::NAN;
            }
        }
        errors
    }
}

impl<T: Real> Stepper<T> for Adams<T> {
    fn start(&mut self, ivp: &Ivp<'_, T>, settings: &Settings) -> Result<(), SolveError> {
        refuse_all_but_explicit(ivp, "vcabm")?;
        self.size(ivp);
        self.norm.configure(settings, self.n);
        self.stats = Stats::default();
        (self.t, self.t_prev) = (ivp.t0, ivp.t0);
        (self.order, self.order_taken, self.equal_steps) = (1, 1, 0);
        (self.starting, self.holds_step, self.gap_known) = (true, false, false);
        self.state.copy_from_slice(ivp.u0);
        let slope = &mut self.differences[..self.n];
        ivp.rhs.eval(T::of(ivp.t0), ivp.u0, ivp.p, slope, &mut self.scratch);
        self.stats.rhs += 1;
        if let Some(state) = slope.iter().position(|v| !v.finite()) {
            return Err(SolveError::non_finite(ivp.t0, state, ivp.u0));
        }
        self.h = match settings.h_init {
            Some(h) => h.abs(),
            None => {
                let work = (&mut self.predicted[..], &mut self.change[..]);
                let here = (&self.state[..], &*slope);
                let scratch = Some(&mut self.scratch[..]);
                let (h, evaluations) =
                    first_length(ivp, &self.norm, here, work, scratch, settings.h_max);
                self.stats.rhs += evaluations;
                h
            }
        };
        self.past.begin(ivp.direction() * self.h);
        Ok(())
    }

    fn step(
        &mut self,
        ivp: &Ivp<'_, T>,
        settings: &Settings,
        t_limit: f64,
    ) -> Result<Step, SolveError> {
        let floor = shortest_step(self.t, ivp, settings);
        let mut h = self.h.min(settings.h_max).max(floor);
        let mut rejected = 0;
        loop {
            check_budget(self.t, &self.stats, settings)?;
            let remaining = (t_limit - self.t).abs();
            let (t_new, at_limit) = end_of_step(self.t, h, t_limit);
            let signed = t_new - self.t;
            if !self.holds_step {
                self.past.begin(signed);
            }
            let errors = self.attempt(ivp, t_new, signed);
            let taken = signed.abs();
            if errors.taken <= 1.0 {
                self.order_taken = self.order;
                self.update(signed);
                std::mem::swap(&mut self.state, &mut self.before);
                self.state.copy_from_slice(&self.predicted);
                (self.holds_step, self.gap_known) = (true, false);
                let next = self.plan(taken, &errors);
                // A step cut short by the limit says nothing against the longer one.
                self.h = if at_limit { next.max(h) } else { next };
                self.t_prev = std::mem::replace(&mut self.t, t_new);
                self.stats.accepted += 1;
                return Ok(Step { t_prev: self.t_prev, t: t_new, rejected });
            }
            rejected += 1;
            self.stats.rejected += 1;
            let finite = errors.taken.is_finite();
            // Not the length taken, which rounding may have made longer.
            if h.min(remaining) <= floor {
                return Err(self.collapsed(finite, signed));
            }
            self.starting = false;
            let factor = if !finite {
                0.1
            } else if rejected < 3 {
                if errors.lower_is_as_good {
                    self.order -= 1;
                }
                0.5
            } else {
                // The differences promise more than they keep: begin again with order 1.
                self.order = 1;
                (AIM / errors.same).sqrt().clamp(0.01, 0.5)
            };
            h = (taken * factor).max(floor);
        }
    }

    fn state(&self) -> &[T] {
        &self.state
    }

    fn interpolate(&mut self, t: f64, out: &mut [T]) -> Result<(), SolveError> {
        self.within_step(t, out)
    }

    fn dense_degree(&self) -> usize {
        self.order_taken + 1
    }

    fn stats(&self) -> Stats {
        self.stats
    }
}
