//! What to integrate, how accurately, and what it took. Plain values; nothing here computes.

use crate::{Real, SolveError};
use slopefield_kernel::Kernel;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What to integrate: `u' = f(t, u, p)` from `t0` to `t1` (either direction).
#[derive(Clone, Copy)]
pub struct Ivp<'a, T: Real = f64> {
    /// Right-hand side.
    pub rhs: &'a dyn Kernel<T>,
    /// Start time.
    pub t0: f64,
    /// End time.
    pub t1: f64,
    /// Initial state.
    pub u0: &'a [T],
    /// Parameters.
    pub p: &'a [T],
}

impl<T: Real> Ivp<'_, T> {
    /// +1 when time grows from `t0` to `t1`, −1 when it falls.
    pub fn direction(&self) -> f64 {
        if self.t1 < self.t0 { -1.0 } else { 1.0 }
    }

    /// Checks that times are finite and that `u0` and `p` have the lengths the right-hand side
    /// expects; otherwise [`SolveError::Invalid`]. A non-finite initial state is
    /// [`SolveError::NonFinite`].
    pub fn validate(&self) -> Result<(), SolveError> {
        let shape = self.rhs.shape();
        let n = self.u0.len();
        if n == 0 {
            return Err(SolveError::Invalid("the problem has no states to integrate".into()));
        }
        let reads = self.rhs.structure().delays.map_or(0, |delays| delays.reads.len());
        if shape.states != n + reads || shape.outputs != n {
            return Err(SolveError::Invalid(format!(
                "the initial state has {n} values, but the right-hand side takes {} and gives {}",
                shape.states, shape.outputs
            )));
        }
        if shape.params != self.p.len() {
            return Err(SolveError::Invalid(format!(
                "{} parameters were given, but the right-hand side takes {}",
                self.p.len(),
                shape.params
            )));
        }
        if !self.t0.is_finite() || !self.t1.is_finite() {
            return Err(SolveError::Invalid(format!(
                "the time span {} to {} is not finite",
                self.t0, self.t1
            )));
        }
        match self.u0.iter().position(|v| !v.finite()) {
            Some(state) => Err(SolveError::non_finite(self.t0, state, self.u0)),
            None => Ok(()),
        }
    }
}

/// Accuracy, step bounds and budgets.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Relative tolerance.
    pub rtol: f64,
    /// Absolute tolerance per state; one entry serves all states.
    pub atol: Vec<f64>,
    /// First step; `None` chooses.
    pub h_init: Option<f64>,
    /// Smallest step, absolute; 0 means limited by rounding only.
    pub h_min: f64,
    /// Largest step; infinity for none.
    pub h_max: f64,
    /// Budget of accepted plus rejected steps.
    pub max_steps: u64,
    /// Random numbers of stochastic systems follow from this,
    pub seed: u64,
    /// and from the number of the path.
    pub path: u64,
    /// Looked at before every step; set from anywhere to stop with `SolveError::Cancelled`.
    pub cancel: Option<Arc<AtomicBool>>,
    /// Looked at before every attempt at a step: past it the solve ends with
    /// `SolveError::OutOfTime`. What is computed until then does not depend on it.
    pub deadline: Option<Instant>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            rtol: 1e-6,
            atol: vec![1e-8],
            h_init: None,
            h_min: 0.0,
            h_max: f64::INFINITY,
            max_steps: 1_000_000,
            seed: 0,
            path: 0,
            cancel: None,
            deadline: None,
        }
    }
}

impl Settings {
    /// Default settings with these tolerances, `atol` for all states.
    pub fn with_tolerances(rtol: f64, atol: f64) -> Self {
        Settings { rtol, atol: vec![atol], ..Settings::default() }
    }

    /// These settings, for solves that must end within a time from now on. A length beyond what
    /// the clock can count is no limit.
    #[must_use]
    pub fn within(self, time: Duration) -> Self {
        Settings { deadline: Instant::now().checked_add(time), ..self }
    }

    /// Why a solve that has reached `t` may not go on, if it may not: somebody has asked to stop,
    /// or its time is over.
    #[inline]
    pub fn interruption(&self, t: f64) -> Option<SolveError> {
        // Asked twice in every step, and answered in a few instructions.
        if self.deadline.is_none() && !self.cancelled() {
            return None;
        }
        self.reason_to_stop(t)
    }

    #[cold]
    fn reason_to_stop(&self, t: f64) -> Option<SolveError> {
        if self.cancelled() {
            return Some(SolveError::Cancelled { t });
        }
        let over = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        over.then_some(SolveError::OutOfTime { t })
    }

    /// Whether somebody has asked to stop.
    pub fn cancelled(&self) -> bool {
        self.cancel.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed))
    }

    /// Checks the numbers for a problem of `n` states; otherwise [`SolveError::Invalid`].
    pub fn validate(&self, n: usize) -> Result<(), SolveError> {
        let refuse = |text: String| Err(SolveError::Invalid(text));
        let tolerance = |x: f64| x.is_finite() && x >= 0.0;
        if !tolerance(self.rtol) {
            return refuse(format!("the relative tolerance {} must be 0 or more", self.rtol));
        }
        if self.atol.len() != 1 && self.atol.len() != n {
            return refuse(format!(
                "{} absolute tolerances were given for {n} states; give one, or one per state",
                self.atol.len()
            ));
        }
        if let Some(bad) = self.atol.iter().find(|a| !tolerance(**a)) {
            return refuse(format!("the absolute tolerance {bad} must be 0 or more"));
        }
        if self.rtol == 0.0 && self.atol.contains(&0.0) {
            return refuse("the relative and an absolute tolerance are both 0; raise one".into());
        }
        if self.h_init.is_some_and(|h| !h.is_finite() || h == 0.0) {
            return refuse("the first step must be finite and not 0".into());
        }
        if self.h_min.is_nan() || self.h_min < 0.0 || self.h_max.is_nan() || self.h_max <= 0.0 {
            return refuse(format!(
                "step bounds must be positive, but they are {} and {}",
                self.h_min, self.h_max
            ));
        }
        if self.h_min > self.h_max {
            return refuse(format!(
                "the smallest step {} is above the largest step {}",
                self.h_min, self.h_max
            ));
        }
        Ok(())
    }
}

/// Counters of one solve.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Accepted steps.
    pub accepted: u64,
    /// Rejected attempts.
    pub rejected: u64,
    /// Evaluations of the right-hand side.
    pub rhs: u64,
    /// Evaluations of the Jacobian.
    pub jacobians: u64,
    /// Factorisations of matrices.
    pub factorisations: u64,
    /// Solutions of linear systems with them.
    pub solves: u64,
    /// Iterations of nonlinear systems.
    pub iterations: u64,
    /// Events and jumps that happened.
    pub events: u64,
}

impl std::ops::AddAssign for Stats {
    fn add_assign(&mut self, more: Stats) {
        self.accepted += more.accepted;
        self.rejected += more.rejected;
        self.rhs += more.rhs;
        self.jacobians += more.jacobians;
        self.factorisations += more.factorisations;
        self.solves += more.solves;
        self.iterations += more.iterations;
        self.events += more.events;
    }
}
