//! Steps at given times, without error control.
//!
//! Exact gradients are those of the steps that were taken; to check them by differences, the
//! perturbed problem must be solved with the same steps. [`StepTimes`] records them,
//! [`FrozenSteps`] repeats them.

use crate::{
    Attempt, ErrorNorm, Failure, Ivp, OneStep, Real, Settings, SolveError, Stages, Stats, Step,
    StepObserver, StepUnknowns, Stepper, Tableau,
};

/// Records the ends of the accepted steps.
#[derive(Debug, Clone, Default)]
pub struct StepTimes {
    /// Start of the first step, then the end of each.
    pub times: Vec<f64>,
}

/// Records the ends of the accepted steps and the unknowns of their stage equations, from which
/// iterations that are continued to rounding best begin.
#[derive(Debug, Clone)]
pub struct StepGuesses<T = f64> {
    /// Start of the first step, then the end of each.
    pub times: Vec<f64>,
    /// The unknowns of each step; none when they would be more than `room`.
    pub unknowns: Vec<T>,
    /// Numbers that may be kept.
    pub room: usize,
    full: bool,
}

impl<T> StepGuesses<T> {
    /// With room for so many unknowns.
    pub fn new(room: usize) -> Self {
        StepGuesses { times: Vec::new(), unknowns: Vec::new(), room, full: false }
    }

    /// Forgets the steps, keeping the memory.
    pub fn clear(&mut self) {
        self.times.clear();
        self.unknowns.clear();
        self.full = false;
    }
}

impl<T: Real> StepObserver<T> for StepGuesses<T> {
    fn interpolates(&self) -> bool {
        false
    }

    fn accepted(&mut self, step: &Step, solution: &mut dyn Stepper<T>) -> Result<(), SolveError> {
        if self.times.is_empty() {
            self.times.push(step.t_prev);
        }
        self.times.push(step.t);
        if let Some(taken) = solution.unknowns().filter(|_| !self.full) {
            self.unknowns.extend_from_slice(taken.rows);
            if self.unknowns.len() > self.room {
                self.full = true;
                self.unknowns.clear();
            }
        }
        Ok(())
    }
}

impl<T: Real> StepObserver<T> for StepTimes {
    fn interpolates(&self) -> bool {
        false
    }

    fn accepted(&mut self, step: &Step, _: &mut dyn Stepper<T>) -> Result<(), SolveError> {
        if self.times.is_empty() {
            self.times.push(step.t_prev);
        }
        self.times.push(step.t);
        Ok(())
    }
}

/// A one-step method on a given sequence of steps.
///
/// With the times recorded from the adaptive method and the same problem, every state of methods
/// without an iteration has the same bits. Implicit methods iterate until nothing but rounding is
/// left in their stages, so that the states are smooth functions of initial values and parameters;
/// they differ from those of the adaptive method by what it leaves of its iterations.
pub struct FrozenSteps<T: Real = f64> {
    method: Box<dyn OneStep<T>>,
    norm: ErrorNorm,
    times: Vec<f64>,
    guesses: Vec<T>,
    taken: usize,
    stats: Stats,
}

impl<T: Real> FrozenSteps<T> {
    /// Steps of the explicit method of `tableau` from `times[0]` to the last of `times`.
    pub fn new(tableau: &'static Tableau, times: Vec<f64>) -> Self {
        Self::of(Box::new(Stages::new(tableau)), times)
    }

    /// Steps of any one-step method ([`crate::one_step`] makes them by name).
    pub fn of(mut method: Box<dyn OneStep<T>>, times: Vec<f64>) -> Self {
        method.freeze();
        FrozenSteps {
            method,
            norm: ErrorNorm::default(),
            times,
            guesses: Vec::new(),
            taken: 0,
            stats: Stats::default(),
        }
    }

    /// Bytes of the guesses held.
    pub fn guess_bytes(&self) -> u64 {
        std::mem::size_of_val(&self.guesses[..]) as u64
    }

    /// Takes over recorded steps, in exchange for those held before.
    pub fn exchange(&mut self, record: &mut StepGuesses<T>) {
        std::mem::swap(&mut self.times, &mut record.times);
        std::mem::swap(&mut self.guesses, &mut record.unknowns);
    }
}

impl<T: Real> Stepper<T> for FrozenSteps<T> {
    fn start(&mut self, ivp: &Ivp<'_, T>, settings: &Settings) -> Result<(), SolveError> {
        if self.times.first() != Some(&ivp.t0) || self.times.last() != Some(&ivp.t1) {
            return Err(SolveError::Invalid(format!(
                "the recorded steps do not run from t = {} to t = {}",
                ivp.t0, ivp.t1
            )));
        }
        self.norm.configure(settings, ivp.u0.len());
        self.taken = 0;
        self.stats = Stats::default();
        self.method.begin(ivp, settings, ivp.t0, ivp.u0, &mut self.stats)
    }

    fn step(&mut self, ivp: &Ivp<'_, T>, _: &Settings, _: f64) -> Result<Step, SolveError> {
        let (t_prev, t) = match self.times.get(self.taken..self.taken + 2) {
            Some(pair) => (pair[0], pair[1]),
            None => return Err(SolveError::Invalid("all recorded steps are taken".into())),
        };
        let per_step = self.guesses.len() / (self.times.len() - 1);
        self.method.guess(&self.guesses[self.taken * per_step..(self.taken + 1) * per_step]);
        let (from_end, stats) = (self.taken > 0, &mut self.stats);
        let attempt = self.method.attempt(ivp, (t_prev, t), from_end, &self.norm, stats);
        self.taken += 1;
        self.stats.accepted += 1;
        if let Attempt::Failed { reason, .. } = attempt {
            return Err(match reason {
                Failure::Singular => SolveError::Singular { t: t_prev },
                Failure::NotConverged => SolveError::NotConverged { t: t_prev, h: t - t_prev },
            });
        }
        // A failed attempt of an implicit method may leave an end from before.
        let failed = matches!(attempt, Attempt::Measured(error) if error.is_nan());
        let end = self.method.end().iter().position(|v| !v.finite());
        match end.or_else(|| self.method.first_non_finite().filter(|_| failed)) {
            Some(state) => Err(SolveError::non_finite(t, state, self.method.beginning())),
            None => Ok(Step { t_prev, t, rejected: 0 }),
        }
    }

    fn begins_again_at_breaks(&self) -> bool {
        false
    }

    fn state(&self) -> &[T] {
        if self.taken == 0 { self.method.beginning() } else { self.method.end() }
    }

    fn prepare_dense(&mut self, ivp: &Ivp<'_, T>) {
        if self.taken > 0 {
            self.method.prepare_dense(ivp, &mut self.stats);
        }
    }

    fn interpolate(&mut self, t: f64, out: &mut [T]) -> Result<(), SolveError> {
        self.method.interpolate(t, out)
    }

    fn stats(&self) -> Stats {
        self.stats
    }

    fn stages(&self) -> Option<&Stages<T>> {
        self.method.stages()
    }

    fn unknowns(&self) -> Option<StepUnknowns<'_, T>> {
        if self.taken == 0 { None } else { self.method.unknowns() }
    }
}
