//! Adaptive steps for every one-step method.

use crate::controller::within;
use crate::leap::is_jump;
use crate::limits::{check_budget, end_of_step, shortest_step};
use crate::{
    Attempt, ErrorNorm, Failure, Ivp, OneStep, PiController, Real, Settings, SolveError, Stages,
    Stats, Step, StepUnknowns, Stepper,
};

/// Jumps that lie closer together than so many of the shortest steps are no jumps.
const LEAPS_APART: f64 = 1e3;

/// A one-step method with adaptive steps.
///
/// A step is accepted when the scaled error norm is at most 1. An attempt that meets a non-finite
/// value is rejected like one that is too inaccurate; only when no step however small avoids such
/// values does the solve stop with [`SolveError::NonFinite`].
pub struct Adaptive<M, T: Real = f64> {
    method: M,
    controller: PiController,
    norm: ErrorNorm,
    t: f64,
    /// Length of the next attempt, positive.
    h: f64,
    /// Whether the method holds an accepted step, rather than only its beginning.
    holds_step: bool,
    /// The step held went across a jump of the right-hand side that nobody announced.
    leapt: bool,
    /// Where the last such step ended.
    last_leap: f64,
    stats: Stats,
    number: std::marker::PhantomData<T>,
}

impl<T: Real, M: OneStep<T>> Adaptive<M, T> {
    /// The method with a step controller.
    pub fn with(method: M, controller: PiController) -> Self {
        Adaptive {
            method,
            controller,
            norm: ErrorNorm::default(),
            t: 0.0,
            h: 0.0,
            holds_step: false,
            leapt: false,
            last_leap: f64::NAN,
            stats: Stats::default(),
            number: std::marker::PhantomData,
        }
    }

    /// The method.
    pub(crate) fn method(&self) -> &M {
        &self.method
    }

    /// The method and the counters.
    pub(crate) fn parts(&mut self) -> (&mut M, &mut Stats) {
        (&mut self.method, &mut self.stats)
    }

    /// The first state whose slope at the end of a tiny step, from the state at its beginning, is
    /// not finite: solutions of linear systems would spread it over all states.
    fn first_non_finite(&self, ivp: &Ivp<'_, T>, t: f64) -> Option<usize> {
        let u = self.method.beginning();
        if ivp.rhs.shape().states != u.len() {
            return None;
        }
        let mut slope = vec![T::ZERO; u.len()];
        let mut scratch = vec![T::ZERO; ivp.rhs.scratch_len()];
        ivp.rhs.eval(T::of(t), u, ivp.p, &mut slope, &mut scratch);
        slope.iter().position(|slope| !slope.finite())
    }

    /// Begins again behind a jump of the right-hand side.
    fn land(&mut self, ivp: &Ivp<'_, T>, settings: &Settings) -> Result<(), SolveError> {
        let u = self.method.end().to_vec();
        self.leapt = false;
        self.holds_step = false;
        self.controller.reset();
        self.method.begin_again(ivp, settings, self.t, &u, &mut self.stats)?;
        self.h = self.method.first_length(ivp, &self.norm, settings.h_max, &mut self.stats);
        Ok(())
    }

    /// Whether the shortest step, whose error is too large, goes across a jump of the right-hand side.
    /// Where jumps follow each other so closely, something else is wrong.
    fn leaps(
        &mut self,
        ivp: &Ivp<'_, T>,
        settings: &Settings,
        attempt: Attempt,
        span: (f64, f64),
    ) -> bool {
        let shortest = shortest_step(span.0, ivp, settings);
        let near = (span.0 - self.last_leap).abs() <= LEAPS_APART * shortest;
        // A shortest step that was asked for is no matter of numbers.
        if near || settings.h_min >= shortest {
            return false;
        }
        let Attempt::Measured(error) = attempt else { return false };
        error.is_finite()
            && is_jump(&mut self.method, ivp, &self.norm, (span, error), &mut self.stats)
    }

    /// Why no step can be taken, however small.
    fn collapsed(&self, ivp: &Ivp<'_, T>, attempt: Attempt, h: f64) -> SolveError {
        let t = self.t;
        match attempt {
            Attempt::Failed { reason: Failure::Singular, .. } => SolveError::Singular { t },
            Attempt::Failed { reason: Failure::NotConverged, .. } => {
                SolveError::NotConverged { t, h }
            }
            Attempt::Measured(error) if error.is_finite() => SolveError::StepTooSmall { t, h },
            Attempt::Measured(_) => {
                let slope = self.first_non_finite(ivp, t + h);
                match slope.or_else(|| self.method.first_non_finite()) {
                    Some(state) => SolveError::non_finite(t, state, self.method.beginning()),
                    None => SolveError::StepTooSmall { t, h },
                }
            }
        }
    }
}

impl<T: Real, M: OneStep<T>> Stepper<T> for Adaptive<M, T> {
    fn start(&mut self, ivp: &Ivp<'_, T>, settings: &Settings) -> Result<(), SolveError> {
        self.norm.configure(settings, ivp.u0.len());
        self.controller.reset();
        self.t = ivp.t0;
        self.holds_step = false;
        (self.leapt, self.last_leap) = (false, f64::NAN);
        self.stats = Stats::default();
        self.method.begin(ivp, settings, ivp.t0, ivp.u0, &mut self.stats)?;
        self.h = match settings.h_init {
            Some(h) => h.abs(),
            None => self.method.first_length(ivp, &self.norm, settings.h_max, &mut self.stats),
        };
        Ok(())
    }

    fn restart(&mut self, ivp: &Ivp<'_, T>, settings: &Settings) -> Result<(), SolveError> {
        self.t = ivp.t0;
        self.holds_step = false;
        self.leapt = false;
        self.stats = Stats::default();
        self.method.begin_again(ivp, settings, ivp.t0, ivp.u0, &mut self.stats)?;
        // The solution may change much faster now than the last steps knew. The usual first step
        // aims at a hundredth of the tolerance, so ten times as much is not rash.
        let first = self.method.first_length(ivp, &self.norm, settings.h_max, &mut self.stats);
        self.h = self.h.min(10.0 * first);
        Ok(())
    }

    fn step(
        &mut self,
        ivp: &Ivp<'_, T>,
        settings: &Settings,
        t_limit: f64,
    ) -> Result<Step, SolveError> {
        if self.leapt {
            self.land(ivp, settings)?;
        }
        let backward = t_limit < self.t;
        let signed = |h: f64| if backward { -h } else { h };
        let floor = shortest_step(self.t, ivp, settings);
        let mut h = within(self.h, floor, settings.h_max);
        let mut rejected = 0;
        loop {
            check_budget(self.t, &self.stats, settings)?;
            let t_limit = match self.method.limit(self.t) {
                Some(nearer) if (nearer - t_limit) * signed(1.0) < 0.0 => nearer,
                _ => t_limit,
            };
            let remaining = (t_limit - self.t).abs();
            h = self.method.admissible(h, remaining);
            let (t_new, clipped) = end_of_step(self.t, h, t_limit);
            let span = (self.t, t_new);
            let attempt =
                self.method.attempt(ivp, span, self.holds_step, &self.norm, &mut self.stats);
            self.holds_step = false;
            let tried = h.min(remaining);
            let factor = match attempt {
                Attempt::Measured(error) if error <= 1.0 => {
                    let taken = if clipped { remaining } else { h };
                    let factor = self.controller.accepted_step(error, taken);
                    let next = self.method.preferred(factor) * taken;
                    // A step cut short by the limit says nothing against the longer one.
                    self.h = if taken < h { next.max(h) } else { next };
                    let t_prev = std::mem::replace(&mut self.t, t_new);
                    self.holds_step = true;
                    self.stats.accepted += 1;
                    return Ok(Step { t_prev, t: t_new, rejected });
                }
                Attempt::Measured(error) if error.is_finite() => self.controller.rejected(error),
                Attempt::Measured(_) => self.controller.rejected_non_finite(),
                Attempt::Failed { factor, .. } => {
                    self.controller.rejected_non_finite();
                    factor
                }
            };
            if tried <= floor && self.leaps(ivp, settings, attempt, span) {
                let t_prev = std::mem::replace(&mut self.t, t_new);
                (self.holds_step, self.leapt, self.last_leap) = (true, true, t_new);
                self.stats.accepted += 1;
                return Ok(Step { t_prev, t: t_new, rejected });
            }
            rejected += 1;
            self.stats.rejected += 1;
            if tried <= floor {
                return Err(self.collapsed(ivp, attempt, signed(tried)));
            }
            h = (tried * factor).max(floor);
        }
    }

    fn begins_again_at_breaks(&self) -> bool {
        false
    }

    fn state(&self) -> &[T] {
        if self.holds_step { self.method.end() } else { self.method.beginning() }
    }

    fn prepare_dense(&mut self, ivp: &Ivp<'_, T>) {
        if self.holds_step {
            self.method.prepare_dense(ivp, &mut self.stats);
        }
    }

    fn interpolate(&mut self, t: f64, out: &mut [T]) -> Result<(), SolveError> {
        self.method.interpolate(t, out)
    }

    fn dense_degree(&self) -> usize {
        self.method.dense_degree()
    }

    fn stats(&self) -> Stats {
        self.stats
    }

    fn stages(&self) -> Option<&Stages<T>> {
        if self.holds_step { self.method.stages() } else { None }
    }

    fn stop_recording(&mut self) {
        self.method.stop_recording();
    }

    fn unknowns(&self) -> Option<StepUnknowns<'_, T>> {
        if self.holds_step { self.method.unknowns() } else { None }
    }
}
