//! Jumps on top of a differential equation, with or without noise, under any method.

use super::augmented::Augmented;
use super::pure::Happened;
use super::rates::Rates;
use crate::random::{Draws, Purpose};
use slopefield_kernel::Jumps;
use slopefield_solve::{Ivp, Real, Settings, SolveError, Stats, Step, Stepper};

/// A differential equation with jumps whose rates follow its solution and the time.
///
/// The next jump happens when the integral `Λ` of the sum of the rates along the solution reaches an
/// exponential number with mean 1 (Daley & Vere-Jones, *An Introduction to the Theory of Point
/// Processes*, section 7.4; the method is exact up to the errors of the solution). `Λ` is one more
/// state of the system that the inner method solves, so its error is controlled too. The time is
/// found on the solution within a step; the jump is chosen in proportion to the rates there, and the
/// inner method starts again behind it. With noise the step is first taken anew up to the jump, since
/// the solution between step ends is less accurate than at them, and the Brownian motion goes on.
pub struct JumpDiffusion<T: Real = f64> {
    inner: Box<dyn Stepper<T>>,
    rates: Rates<T>,
    draws: Draws,
    settings: Settings,
    /// Where the inner method started last.
    t_start: f64,
    start: Vec<T>,
    restart: bool,
    threshold: f64,
    t_prev: f64,
    t: f64,
    hazard: f64,
    length: f64,
    full: Vec<T>,
    /// State of the inner method at the beginning of its last step.
    begin: Vec<T>,
    /// Time of the jump that the inner method is on its way to.
    target: Option<f64>,
    after: Vec<T>,
    record: Option<Vec<Happened>>,
    /// Counters of inner solves that have ended, and of jumps.
    stats: Stats,
}

impl<T: Real> JumpDiffusion<T> {
    /// Jumps on top of what `inner` solves: a method of this crate for systems with noise, otherwise
    /// an ordinary one.
    #[must_use]
    pub fn new(inner: Box<dyn Stepper<T>>) -> Self {
        JumpDiffusion {
            inner,
            rates: Rates::default(),
            draws: Draws::default(),
            settings: Settings::default(),
            t_start: 0.0,
            start: Vec::new(),
            restart: false,
            threshold: 0.0,
            t_prev: 0.0,
            t: 0.0,
            hazard: 0.0,
            length: 0.0,
            full: Vec::new(),
            begin: Vec::new(),
            target: None,
            after: Vec::new(),
            record: None,
            stats: Stats::default(),
        }
    }

    /// Keeps a list of the jumps since the start; see [`JumpDiffusion::happened`].
    #[must_use]
    pub fn recording(mut self) -> Self {
        self.record = Some(Vec::new());
        self
    }

    /// The jumps since the start, if a list was asked for.
    #[must_use]
    pub fn happened(&self) -> &[Happened] {
        self.record.as_deref().unwrap_or_default()
    }

    /// Takes over the settings, with a tolerance for `Λ`.
    fn configure(&mut self, settings: &Settings, n: usize) {
        let own = &mut self.settings;
        own.atol.clear();
        own.atol.extend_from_slice(&settings.atol);
        if own.atol.len() == n && n > 1 {
            // It is compared with numbers about 1.
            own.atol.push(settings.rtol.max(1e-12));
        }
        own.rtol = settings.rtol;
        own.h_init = settings.h_init;
        own.h_min = settings.h_min;
        own.h_max = settings.h_max;
        own.max_steps = settings.max_steps;
        own.seed = settings.seed;
        own.path = settings.path;
        own.cancel.clone_from(&settings.cancel);
        own.deadline = settings.deadline;
    }

    /// Time within the last inner step at which `Λ` is the threshold, by false position with the
    /// Illinois modification. Leaves the solution there in `full`.
    fn crossing(&mut self, step: &Step, end: f64) -> Result<f64, SolveError> {
        let n = self.after.len();
        let (mut a, mut b) = (step.t_prev, step.t);
        let (mut fa, mut fb) = (self.hazard - self.threshold, end - self.threshold);
        for _ in 0..60 {
            if b - a <= 4.0 * f64::EPSILON * b.abs().max(a.abs()) {
                break;
            }
            let mut t = b - fb * (b - a) / (fb - fa);
            if !(t > a && t < b) {
                t = 0.5 * (a + b);
            }
            self.inner.interpolate(t, &mut self.full)?;
            let f = self.full[n].f64() - self.threshold;
            if f.abs() <= 1e-13 * self.threshold.max(f64::MIN_POSITIVE) {
                return Ok(t);
            }
            if f > 0.0 {
                (b, fb) = (t, f);
                fa *= 0.5;
            } else {
                (a, fa) = (t, f);
                fb *= 0.5;
            }
        }
        self.inner.interpolate(b, &mut self.full)?;
        Ok(b)
    }

    /// Changes the state by a jump and prepares the solve behind it.
    fn jump(&mut self, ivp: &Ivp<'_, T>, jumps: &Jumps<'_, T>) -> Result<(), SolveError> {
        let n = self.after.len();
        let total = self.rates.evaluate(ivp, jumps, self.t, &self.after)?;
        if total > 0.0 {
            let at = self.draws.uniform() * total;
            let jump = self.rates.pick(at);
            self.rates.apply(ivp, jumps, jump, self.t, &mut self.after)?;
            self.stats.events += 1;
            if let Some(record) = &mut self.record {
                record.push(Happened { t: self.t, jump: jump as u32 });
            }
        }
        self.absorb();
        self.start[..n].copy_from_slice(&self.after);
        self.start[n] = T::ZERO;
        self.begin.copy_from_slice(&self.start);
        (self.t_start, self.hazard, self.restart) = (self.t, 0.0, true);
        (self.target, self.threshold) = (None, self.draws.exponential());
        Ok(())
    }

    /// The step used before is a better guess for a first one than none.
    fn suggest_length(&mut self, settings: &Settings) {
        if self.length > 0.0 && settings.h_init != Some(settings.h_max) {
            // Equal to the largest step it would ask for fixed ones.
            let h = if self.length == settings.h_max { 0.5 * self.length } else { self.length };
            self.settings.h_init = Some(h);
        }
    }

    /// Adds the counters of an inner solve that ends here.
    fn absorb(&mut self) {
        self.stats = self.total();
    }

    fn total(&self) -> Stats {
        let (a, b) = (self.stats, self.inner.stats());
        Stats {
            accepted: a.accepted + b.accepted,
            rejected: a.rejected + b.rejected,
            rhs: a.rhs + b.rhs,
            jacobians: a.jacobians + b.jacobians,
            factorisations: a.factorisations + b.factorisations,
            solves: a.solves + b.solves,
            iterations: a.iterations + b.iterations,
            events: a.events + b.events,
        }
    }
}

impl<T: Real> Stepper<T> for JumpDiffusion<T> {
    fn start(&mut self, ivp: &Ivp<'_, T>, settings: &Settings) -> Result<(), SolveError> {
        let refuse = |text: &str| Err(SolveError::Invalid(text.into()));
        let structure = ivp.rhs.structure();
        let Some(jumps) = structure.jumps else {
            return refuse("the system has no jumps to simulate along its solution");
        };
        if structure.mass.is_some() || structure.delays.is_some() {
            return refuse(
                "jumps whose rates are integrated are simulated along solutions of equations \
                 without delays and mass matrices only; with one of these, rates need bounds",
            );
        }
        if ivp.t1 < ivp.t0 {
            return refuse(
                "jumps are simulated forward in time only; exchange the ends of the span",
            );
        }
        let n = ivp.u0.len();
        self.rates.configure(ivp, &jumps)?;
        // Looks for rates that are not finite before anything is integrated.
        self.rates.evaluate(ivp, &jumps, ivp.t0, ivp.u0)?;
        self.configure(settings, n);
        self.draws = Draws::new(settings.seed, settings.path, Purpose::Jumps, ivp.t0);
        self.start.resize(n + 1, T::ZERO);
        self.start[..n].copy_from_slice(ivp.u0);
        self.start[n] = T::ZERO;
        self.full.resize(n + 1, T::ZERO);
        self.begin.resize(n + 1, T::ZERO);
        self.begin.copy_from_slice(&self.start);
        self.target = None;
        self.after.resize(n, T::ZERO);
        self.after.copy_from_slice(ivp.u0);
        self.threshold = self.draws.exponential();
        (self.t_prev, self.t, self.t_start) = (ivp.t0, ivp.t0, ivp.t0);
        (self.hazard, self.length) = (0.0, 0.0);
        self.stats = Stats::default();
        self.restart = false;
        if let Some(record) = &mut self.record {
            record.clear();
        }
        let augmented = Augmented::new(ivp.rhs, jumps.rates, ivp.rhs.structure().noise);
        let inner = Ivp { rhs: &augmented, u0: &self.start, ..*ivp };
        self.inner.start(&inner, &self.settings)
    }

    fn step(
        &mut self,
        ivp: &Ivp<'_, T>,
        settings: &Settings,
        t_limit: f64,
    ) -> Result<Step, SolveError> {
        let structure = ivp.rhs.structure();
        let Some(jumps) = structure.jumps else {
            return Err(SolveError::Invalid("the system has no jumps any more".into()));
        };
        let n = self.after.len();
        let noisy = structure.noise.is_some();
        let augmented = Augmented::new(ivp.rhs, jumps.rates, structure.noise);
        loop {
            if self.restart {
                self.suggest_length(settings);
            }
            let inner =
                Ivp { rhs: &augmented, t0: self.t_start, t1: ivp.t1, u0: &self.start, p: ivp.p };
            if self.restart {
                self.inner.start(&inner, &self.settings)?;
                self.restart = false;
            }
            let limit = self.target.unwrap_or(t_limit);
            let step = match self.inner.step(&inner, &self.settings, limit) {
                Ok(step) => step,
                Err(SolveError::NonFinite { state, t, .. }) if state == n => {
                    // Λ is no state of the model: the cause is a rate.
                    self.rates.evaluate(ivp, &jumps, t, &self.after)?;
                    return Err(SolveError::Invalid(format!(
                        "a rate of a jump is not finite just after t = {t}"
                    )));
                }
                Err(error) => return Err(error),
            };
            self.length = step.t - step.t_prev;
            self.t_prev = self.t;
            let end = self.inner.state();
            let hazard = end[n].f64();
            let found = match self.target {
                Some(target) => step.t == target,
                None => hazard >= self.threshold,
            };
            if !found {
                self.after.copy_from_slice(&end[..n]);
                self.begin.copy_from_slice(end);
                (self.t, self.hazard) = (step.t, hazard);
                return Ok(Step { t_prev: self.t_prev, ..step });
            }
            if self.target.is_some() {
                self.after.copy_from_slice(&end[..n]);
                self.t = step.t;
            } else {
                self.inner.prepare_dense(&inner);
                self.t = self.crossing(&step, hazard)?;
                if noisy && self.t < step.t {
                    self.absorb();
                    self.target = Some(self.t);
                    self.start.copy_from_slice(&self.begin);
                    (self.t_start, self.t, self.restart) = (step.t_prev, step.t_prev, true);
                    continue;
                }
                self.after.copy_from_slice(&self.full[..n]);
            }
            self.jump(ivp, &jumps)?;
            return Ok(Step { t_prev: self.t_prev, t: self.t, rejected: step.rejected });
        }
    }

    fn begins_again_at_breaks(&self) -> bool {
        self.inner.begins_again_at_breaks()
    }

    fn state(&self) -> &[T] {
        &self.after
    }

    fn prepare_dense(&mut self, ivp: &Ivp<'_, T>) {
        let structure = ivp.rhs.structure();
        if let Some(jumps) = structure.jumps {
            let augmented = Augmented::new(ivp.rhs, jumps.rates, structure.noise);
            let inner =
                Ivp { rhs: &augmented, t0: self.t_start, t1: ivp.t1, u0: &self.start, p: ivp.p };
            self.inner.prepare_dense(&inner);
        }
    }

    fn interpolate(&mut self, t: f64, out: &mut [T]) -> Result<(), SolveError> {
        self.inner.interpolate(t, &mut self.full)?;
        out.copy_from_slice(&self.full[..out.len()]);
        Ok(())
    }

    fn stats(&self) -> Stats {
        if self.restart { self.stats } else { self.total() }
    }
}
