//! Rates of jumps and what a jump does to the state.

use slopefield_kernel::{JumpChange, Jumps};
use slopefield_solve::{Ivp, Real, SolveError};

/// Rates at a point, and the work space to evaluate them.
#[derive(Debug)]
pub(crate) struct Rates<T> {
    values: Vec<T>,
    scratch: Vec<T>,
    changed: Vec<T>,
}

impl<T> Default for Rates<T> {
    fn default() -> Self {
        Rates { values: Vec::new(), scratch: Vec::new(), changed: Vec::new() }
    }
}

impl<T: Real> Rates<T> {
    /// Sizes everything.
    ///
    /// # Errors
    /// [`SolveError::Invalid`] where numbers of rates and changes differ.
    pub(crate) fn configure(
        &mut self,
        ivp: &Ivp<'_, T>,
        jumps: &Jumps<'_, T>,
    ) -> Result<(), SolveError> {
        let rates = jumps.rates.shape().outputs;
        if rates != jumps.changes.len() || rates != jumps.alters.len() {
            return Err(SolveError::Invalid(format!(
                "the system has {rates} rates, but {} changes and {} lists of altered rates",
                jumps.changes.len(),
                jumps.alters.len()
            )));
        }
        let set = |change: &JumpChange<T>| match change {
            JumpChange::Add(_) => 0,
            JumpChange::Set(kernel) => kernel.scratch_len(),
        };
        let sets = jumps.changes.iter().map(set).max().unwrap_or(0);
        self.values.resize(rates, T::ZERO);
        self.scratch.resize(jumps.rates.scratch_len().max(sets), T::ZERO);
        self.changed.resize(ivp.u0.len(), T::ZERO);
        Ok(())
    }

    /// Evaluates the rates and gives their sum. Negative ones count as 0.
    ///
    /// # Errors
    /// [`SolveError::Invalid`] with time and index for a rate that is not finite.
    pub(crate) fn evaluate(
        &mut self,
        ivp: &Ivp<'_, T>,
        jumps: &Jumps<'_, T>,
        t: f64,
        u: &[T],
    ) -> Result<f64, SolveError> {
        jumps.rates.eval(T::of(t), u, ivp.p, &mut self.values, &mut self.scratch);
        let mut total = 0.0;
        for (jump, rate) in self.values.iter_mut().enumerate() {
            if !rate.finite() {
                return Err(SolveError::Invalid(format!(
                    "the rate of jump {jump} is {rate} at t = {t}; look for a division by zero, or \
                     a logarithm, root or power of a negative number, at the state {u:?}"
                )));
            }
            if *rate < T::ZERO {
                *rate = T::ZERO;
            }
            total += rate.f64();
        }
        Ok(total)
    }

    /// The rates last evaluated.
    pub(crate) fn values(&self) -> &[T] {
        &self.values
    }

    /// The jump in whose share of the sum of rates a number of `[0, total)` falls.
    pub(crate) fn pick(&self, mut at: f64) -> usize {
        let mut last = 0;
        for (jump, rate) in self.values.iter().enumerate() {
            let rate = rate.f64();
            if rate > 0.0 {
                last = jump;
                if at < rate {
                    return jump;
                }
                at -= rate;
            }
        }
        // Rounding of the sum: the last jump that can happen.
        last
    }

    /// Changes the state as a jump does.
    ///
    /// # Errors
    /// [`SolveError::NonFinite`] where the new state is not.
    pub(crate) fn apply(
        &mut self,
        ivp: &Ivp<'_, T>,
        jumps: &Jumps<'_, T>,
        jump: usize,
        t: f64,
        u: &mut [T],
    ) -> Result<(), SolveError> {
        match &jumps.changes[jump] {
            JumpChange::Add(parts) => {
                for (state, amount) in parts {
                    u[*state as usize] += T::of(*amount);
                }
            }
            JumpChange::Set(kernel) => {
                kernel.eval(T::of(t), u, ivp.p, &mut self.changed, &mut self.scratch);
                if let Some(state) = self.changed.iter().position(|v| !v.finite()) {
                    return Err(SolveError::non_finite(t, state, u));
                }
                u.copy_from_slice(&self.changed);
            }
        }
        Ok(())
    }
}

/// The jumps of a system whose state changes by jumps alone.
///
/// # Errors
/// A sentence for systems with other parts, and for backward time.
pub(crate) fn jumps_alone<'i, T: Real>(
    ivp: &Ivp<'i, T>,
    method: &str,
) -> Result<Jumps<'i, T>, SolveError> {
    let structure = ivp.rhs.structure();
    let refuse = |why: &str| Err(SolveError::Invalid(format!("the method {method} {why}")));
    if ivp.t1 < ivp.t0 {
        return refuse("simulates jumps forward in time only; exchange the ends of the span");
    }
    if structure.noise.is_some() || structure.mass.is_some() || structure.delays.is_some() {
        return refuse("simulates jumps alone, but the system has noise, a mass matrix or delays");
    }
    match structure.jumps {
        None => refuse("is for jump processes, and this system has no jumps"),
        Some(jumps) if !jumps.constant_between => refuse(
            "needs rates that are constant between jumps; choose a method for the differential \
             equation, and jumps are simulated along its solution",
        ),
        Some(jumps) => Ok(jumps),
    }
}
