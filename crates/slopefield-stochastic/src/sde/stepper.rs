//! Steps of methods for stochastic differential equations: lengths, acceptance, rejection.

use super::scheme::{From, Outcome, Scheme, Trial};
use super::system::{System, Work, noise_of};
use crate::brownian::{BrownianMotion, power_of_two};
use slopefield_solve::step_rules::SMALLEST_STEP_ULPS;
use slopefield_solve::{
    ErrorNorm, Ivp, PiController, Real, Settings, SolveError, Stats, Step, Stepper,
};

/// A method for stochastic differential equations with adaptive or fixed steps.
///
/// Step lengths are powers of two, and steps end at multiples of them (the last at the end of the
/// span): so a step is an interval of the tree of the Brownian motion, and a rejected step, another
/// tolerance or another method see the same motion.
///
/// *Fixed steps:* where `h_init` and `h_max` of the settings are the same number, steps have the
/// length of the largest power of two not above it, and no error is estimated.
///
/// *Between step ends* the solution is the chord plus the noise of the motion's own deviation from
/// its chord, with the coefficients at the beginning of the step: right at both ends, and accurate
/// to order 1 in the step between them (to the order of the method where noise is additive and that
/// is below 1).
pub(crate) struct SdeStepper<S, T: Real = f64> {
    scheme: S,
    /// Paths that the state holds side by side: the rows of each state follow each other.
    lanes: usize,
    work: Work<T>,
    motion: BrownianMotion,
    norm: ErrorNorm,
    controller: PiController,
    t_prev: f64,
    t: f64,
    /// Length wanted for the next step.
    h: f64,
    fixed: bool,
    from: From,
    diagonal: bool,
    before: Vec<T>,
    after: Vec<T>,
    error: Vec<T>,
    w: Vec<f64>,
    area: Vec<f64>,
    part: Vec<f64>,
    part_area: Vec<f64>,
    stats: Stats,
}

impl<S: Scheme<T>, T: Real> SdeStepper<S, T> {
    pub(crate) fn with(scheme: S) -> Self {
        SdeStepper {
            scheme,
            lanes: 1,
            work: Work::default(),
            motion: BrownianMotion::default(),
            norm: ErrorNorm::default(),
            controller: PiController::for_error_order(1),
            t_prev: 0.0,
            t: 0.0,
            h: 0.0,
            fixed: false,
            from: From::Fresh,
            diagonal: false,
            before: Vec::new(),
            after: Vec::new(),
            error: Vec::new(),
            w: Vec::new(),
            area: Vec::new(),
            part: Vec::new(),
            part_area: Vec::new(),
            stats: Stats::default(),
        }
    }

    /// The same for as many paths side by side, from that of the settings on.
    pub(crate) fn in_lanes(scheme: S, lanes: usize) -> Self {
        SdeStepper { lanes, ..Self::with(scheme) }
    }

    /// The last step: states before and after, coefficients of the noise before, increments.
    pub(super) fn last(&self) -> (&[T], &[T], &[T], &[f64]) {
        (&self.before, &self.after, self.scheme.coefficients(), &self.w)
    }

    /// Length of a first step: small changes by drift and by noise, each against the state.
    fn first_length(&mut self, system: &mut System<'_, '_, T>) -> f64 {
        let ivp = system.ivp;
        let n = ivp.u0.len();
        let span = ivp.t1 - ivp.t0;
        let size = self.norm.of_value(ivp.u0, ivp.u0).max(1.0);
        system.drift(ivp.t0, ivp.u0, &mut self.error);
        let drift = self.norm.of_value(&self.error, ivp.u0);
        let mut coefficients = system.take_coefficients();
        system.diffusion(ivp.t0, ivp.u0, &mut coefficients);
        self.error.fill(T::ZERO);
        for (at, g) in coefficients.iter().enumerate() {
            self.error[at % n] += g.magnitude();
        }
        system.give_coefficients(coefficients);
        let noise = self.norm.of_value(&self.error, ivp.u0);
        let by_drift = 0.01 * size / drift;
        let by_noise = (0.1 * size / noise).powi(2);
        // NaN and infinity where there is no drift or no noise.
        let h = by_drift.min(by_noise).min(0.01 * span);
        if h > 0.0 { h } else { 1e-6 * span }
    }

    /// Where a step of at most `h` ends.
    fn end_of(&self, h: f64, limit: f64) -> f64 {
        let length = power_of_two(((h.to_bits() >> 52) as i32 - 1023).clamp(-1022, 1000));
        let end = ((self.t / length).floor() + 1.0) * length;
        if end < limit && end > self.t { end } else { limit.min(end.max(self.t + length)) }
    }

    fn floor(&self, ivp: &Ivp<'_, T>, settings: &Settings) -> f64 {
        let scale = self.t.abs().max(1e-10 * (ivp.t1 - ivp.t0));
        (SMALLEST_STEP_ULPS * f64::EPSILON * scale).max(settings.h_min)
    }

    fn check_budget(&self, settings: &Settings) -> Result<(), SolveError> {
        if let Some(interruption) = settings.interruption(self.t) {
            return Err(interruption);
        }
        if self.stats.accepted + self.stats.rejected >= settings.max_steps {
            return Err(SolveError::TooManySteps { t: self.t, steps: settings.max_steps });
        }
        Ok(())
    }

    /// Why no step can be taken here.
    fn failure(&self, outcome: Outcome, h: f64) -> SolveError {
        if outcome == Outcome::NotConverged {
            return SolveError::NotConverged { t: self.t, h };
        }
        let mut values = self.after.iter().zip(&self.error);
        match values.position(|(v, error)| !v.finite() || !self.fixed && !error.finite()) {
            Some(state) => SolveError::non_finite(self.t, state, &self.before),
            None => SolveError::StepTooSmall { t: self.t, h },
        }
    }
}

impl<S: Scheme<T>, T: Real> Stepper<T> for SdeStepper<S, T> {
    fn start(&mut self, ivp: &Ivp<'_, T>, settings: &Settings) -> Result<(), SolveError> {
        let id = self.scheme.id();
        let noise = noise_of(ivp, id)?;
        if ivp.t1 < ivp.t0 {
            return Err(SolveError::Invalid(format!(
                "equations with noise are solved forward in time only, but the span is {} to {}",
                ivp.t0, ivp.t1
            )));
        }
        if let Some(why) = self.scheme.refusal(noise.kind, noise.sources) {
            return Err(SolveError::Invalid(format!("the method {id} {why}")));
        }
        if !BrownianMotion::reaches(ivp.t0) || !BrownianMotion::reaches(ivp.t1) {
            return Err(SolveError::Invalid(format!(
                "the time span {} to {} is too wide for equations with noise",
                ivp.t0, ivp.t1
            )));
        }
        let n = ivp.u0.len();
        let coefficients = noise.coefficients.shape().outputs;
        let sources = noise.sources / self.lanes;
        self.motion.start_lanes(settings.seed, settings.path, self.lanes, sources)?;
        for vector in [&mut self.before, &mut self.after, &mut self.error] {
            vector.resize(n, T::ZERO);
        }
        for vector in [&mut self.w, &mut self.area, &mut self.part, &mut self.part_area] {
            vector.resize(noise.sources, 0.0);
        }
        self.scheme.resize(n, coefficients);
        self.work.configure(ivp, &noise, self.scheme.calculus(noise.calculus));
        self.norm.configure(settings, n);
        self.diagonal = noise.kind == slopefield_kernel::NoiseKind::Diagonal;
        self.after.copy_from_slice(ivp.u0);
        (self.t_prev, self.t, self.from) = (ivp.t0, ivp.t0, From::Fresh);
        self.stats = Stats::default();
        self.fixed = settings.h_init.is_some_and(|h| h == settings.h_max);
        let exponent = self.scheme.error_exponent();
        self.controller.alpha = 0.7 / exponent;
        self.controller.beta = 0.4 / exponent;
        self.controller.max_factor = 4.0;
        self.controller.reset();
        self.h = match settings.h_init {
            Some(h) => h.abs(),
            None => {
                let mut work = std::mem::take(&mut self.work);
                let mut system = System { ivp, noise: &noise, work: &mut work };
                let h = self.first_length(&mut system);
                self.work = work;
                h
            }
        };
        Ok(())
    }

    fn step(
        &mut self,
        ivp: &Ivp<'_, T>,
        settings: &Settings,
        t_limit: f64,
    ) -> Result<Step, SolveError> {
        let noise = noise_of(ivp, self.scheme.id())?;
        let floor = self.floor(ivp, settings);
        let mut h = self.h.min(settings.h_max).max(floor);
        std::mem::swap(&mut self.before, &mut self.after);
        let mut rejected = 0;
        loop {
            self.check_budget(settings)?;
            let t_new = self.end_of(h, t_limit);
            let tried = t_new - self.t;
            self.motion.increment(self.t, t_new, &mut self.w, &mut self.area);
            let trial = Trial {
                t: self.t,
                t_new,
                h: tried,
                w: &self.w,
                area: &self.area,
                from: self.from,
                measure: !self.fixed,
            };
            let mut system = System { ivp, noise: &noise, work: &mut self.work };
            let outcome = self.scheme.attempt(
                &mut system,
                &trial,
                &self.before,
                &mut self.after,
                &mut self.error,
            );
            self.from = From::Again;
            let error = match outcome {
                Outcome::NotConverged => f64::NAN,
                Outcome::Done if self.fixed => {
                    if self.after.iter().all(|v| v.finite()) {
                        0.0
                    } else {
                        f64::NAN
                    }
                }
                Outcome::Done => self.norm.square_of_error(&self.error, &self.before, &self.after),
            };
            if error <= 1.0 {
                if !self.fixed {
                    let next = self.controller.accepted(error) * tried;
                    // A step cut short says nothing against the longer one.
                    self.h = if tried < 0.5 * h { next.max(h) } else { next };
                }
                self.t_prev = std::mem::replace(&mut self.t, t_new);
                self.from = From::End;
                self.stats.accepted += 1;
                return Ok(Step { t_prev: self.t_prev, t: t_new, rejected });
            }
            rejected += 1;
            self.stats.rejected += 1;
            if self.fixed || tried <= floor {
                return Err(self.failure(outcome, tried));
            }
            let factor = if error.is_finite() {
                self.controller.rejected(error)
            } else {
                self.controller.rejected_non_finite()
            };
            h = (tried * factor).max(floor);
        }
    }

    fn begins_again_at_breaks(&self) -> bool {
        false
    }

    fn state(&self) -> &[T] {
        &self.after
    }

    fn interpolate(&mut self, t: f64, out: &mut [T]) -> Result<(), SolveError> {
        if !(t >= self.t_prev && t <= self.t) {
            return Err(SolveError::Invalid(format!(
                "the solution was asked for at t = {t}, outside the last step from {} to {}",
                self.t_prev, self.t
            )));
        }
        if t == self.t {
            out.copy_from_slice(&self.after);
            return Ok(());
        }
        if t == self.t_prev {
            out.copy_from_slice(&self.before);
            return Ok(());
        }
        let theta = (t - self.t_prev) / (self.t - self.t_prev);
        self.motion.increment(self.t_prev, t, &mut self.part, &mut self.part_area);
        for (part, w) in self.part.iter_mut().zip(&self.w) {
            *part -= theta * w;
        }
        for ((out, first), last) in out.iter_mut().zip(&self.before).zip(&self.after) {
            *out = *first + T::of(theta) * (*last - *first);
        }
        let coefficients = self.scheme.coefficients();
        if self.diagonal {
            for ((out, g), w) in out.iter_mut().zip(coefficients).zip(&self.part) {
                *out += *g * T::of(*w);
            }
        } else {
            for (column, w) in coefficients.chunks_exact(out.len()).zip(&self.part) {
                for (out, g) in out.iter_mut().zip(column) {
                    *out += *g * T::of(*w);
                }
            }
        }
        Ok(())
    }

    fn stats(&self) -> Stats {
        let [iterations, factorisations, jacobians] = self.scheme.work();
        Stats {
            rhs: self.work.evaluations,
            iterations,
            solves: iterations,
            factorisations,
            jacobians,
            ..self.stats
        }
    }
}
