//! Steps at given times, without error control.
//!
//! Exact gradients are those of the steps that were taken; to check them by differences, the
//! perturbed problem must be solved with the same steps. [`StepTimes`] records them,
//! [`FrozenSteps`] repeats them.

use crate::{Ivp, Real, Settings, SolveError, Stages, Stats, Step, StepObserver, Stepper, Tableau};

/// Records the ends of the accepted steps.
#[derive(Debug, Clone, Default)]
pub struct StepTimes {
    /// Start of the first step, then the end of each.
    pub times: Vec<f64>,
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

/// An explicit Runge–Kutta method on a given sequence of steps. With the times recorded from
/// [`crate::ExplicitRungeKutta`] and the same problem, every state has the same bits.
pub struct FrozenSteps<T: Real = f64> {
    stages: Stages<T>,
    times: Vec<f64>,
    taken: usize,
    stats: Stats,
}

impl<T: Real> FrozenSteps<T> {
    /// Steps of `tableau` from `times[0]` to the last of `times`.
    pub fn new(tableau: &'static Tableau, times: Vec<f64>) -> Self {
        FrozenSteps { stages: Stages::new(tableau), times, taken: 0, stats: Stats::default() }
    }
}

impl<T: Real> Stepper<T> for FrozenSteps<T> {
    fn start(&mut self, ivp: &Ivp<'_, T>, _: &Settings) -> Result<(), SolveError> {
        if self.times.first() != Some(&ivp.t0) || self.times.last() != Some(&ivp.t1) {
            return Err(SolveError::Invalid(format!(
                "the recorded steps do not run from t = {} to t = {}",
                ivp.t0, ivp.t1
            )));
        }
        self.stages.begin(ivp, ivp.t0, ivp.u0);
        self.taken = 0;
        self.stats = Stats { rhs: 1, ..Stats::default() };
        Ok(())
    }

    fn step(&mut self, ivp: &Ivp<'_, T>, _: &Settings, _: f64) -> Result<Step, SolveError> {
        let (t_prev, t) = match self.times.get(self.taken..self.taken + 2) {
            Some(pair) => (pair[0], pair[1]),
            None => return Err(SolveError::Invalid("all recorded steps are taken".into())),
        };
        if self.taken > 0 {
            self.stats.rhs += self.stages.promote(ivp);
        }
        self.stats.rhs += self.stages.attempt(ivp, t_prev, t);
        self.taken += 1;
        self.stats.accepted += 1;
        match self.stages.end().iter().position(|v| !v.finite()) {
            Some(state) => Err(SolveError::non_finite(t, state, self.stages.state(0))),
            None => Ok(Step { t_prev, t, rejected: 0 }),
        }
    }

    fn state(&self) -> &[T] {
        if self.taken == 0 { self.stages.state(0) } else { self.stages.end() }
    }

    fn prepare_dense(&mut self, ivp: &Ivp<'_, T>) {
        self.stats.rhs += self.stages.prepare_dense(ivp);
    }

    fn interpolate(&mut self, t: f64, out: &mut [T]) -> Result<(), SolveError> {
        self.stages.interpolate(t, out)
    }

    fn stats(&self) -> Stats {
        self.stats
    }

    fn stages(&self) -> Option<&Stages<T>> {
        Some(&self.stages)
    }
}
