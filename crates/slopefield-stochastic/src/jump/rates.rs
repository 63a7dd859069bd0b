//! Rates of jumps and what a jump does to the state.

use slopefield_kernel::{JumpChange, Jumps, Kernel};
use slopefield_solve::{Ivp, Real, SolveError};

/// Rates at a point, and the work space to evaluate them.
#[derive(Debug)]
pub(crate) struct Rates<T> {
    values: Vec<T>,
    scratch: Vec<T>,
    changed: Vec<T>,
    bounds: Vec<T>,
}

impl<T> Default for Rates<T> {
    fn default() -> Self {
        Rates { values: Vec::new(), scratch: Vec::new(), changed: Vec::new(), bounds: Vec::new() }
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
        let structure = ivp.rhs.structure();
        let singles = structure.single_rates;
        if !singles.is_empty() && singles.len() != rates {
            return Err(SolveError::Invalid(format!(
                "the system has {rates} rates, but {} of them as functions of their own",
                singles.len()
            )));
        }
        if let Some(bounds) = structure.rate_bounds
            && bounds.shape().outputs != rates + 1
        {
            return Err(SolveError::Invalid(format!(
                "{rates} rates need as many bounds and for how long they hold, but the system gives \
                 {} numbers",
                bounds.shape().outputs
            )));
        }
        let sets = jumps.changes.iter().map(set).max().unwrap_or(0);
        let single = singles.iter().map(|rate| rate.scratch_len()).max().unwrap_or(0);
        let bound = structure.rate_bounds.map_or(0, |bounds| bounds.scratch_len());
        let scratch = jumps.rates.scratch_len().max(sets).max(single).max(bound);
        self.values.resize(rates, T::ZERO);
        self.bounds.resize(rates + 1, T::ZERO);
        self.scratch.resize(scratch, T::ZERO);
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
        for (jump, rate) in self.values.iter_mut().enumerate() {
            *rate = checked(*rate, jump, t, u)?;
        }
        Ok(self.total())
    }

    /// Evaluates the rates that jump `happened` can have altered, or all where they cannot be had
    /// one by one. The system must be one of jumps alone.
    ///
    /// # Errors
    /// Those of [`Rates::evaluate`].
    pub(crate) fn refresh(
        &mut self,
        ivp: &Ivp<'_, T>,
        jumps: &Jumps<'_, T>,
        happened: usize,
        t: f64,
        u: &[T],
    ) -> Result<(), SolveError> {
        let singles = ivp.rhs.structure().single_rates;
        if singles.is_empty() {
            return self.evaluate(ivp, jumps, t, u).map(|_| ());
        }
        for jump in jumps.alters[happened].iter().map(|jump| *jump as usize) {
            let value = &mut self.values[jump..=jump];
            singles[jump].eval(T::of(t), u, ivp.p, value, &mut self.scratch);
            value[0] = checked(value[0], jump, t, u)?;
        }
        Ok(())
    }

    /// The sum of the rates last evaluated.
    pub(crate) fn total(&self) -> f64 {
        self.values.iter().fold(0.0, |total, rate| total + rate.f64())
    }

    /// Evaluates the bounds of the rates from `t` on; their sum, and for how long they hold.
    ///
    /// # Errors
    /// [`SolveError::Invalid`] with time and index for a bound or a length of time that makes no
    /// sense.
    pub(crate) fn bound(
        &mut self,
        ivp: &Ivp<'_, T>,
        bounds: &dyn Kernel<T>,
        t: f64,
        u: &[T],
    ) -> Result<(f64, f64), SolveError> {
        bounds.eval(T::of(t), u, ivp.p, &mut self.bounds, &mut self.scratch);
        let (numbers, length) = self.bounds.split_at(self.bounds.len() - 1);
        let length = length[0].f64();
        if !(length > 0.0) {
            return Err(SolveError::Invalid(format!(
                "the bounds of rates hold for a time of {length} from t = {t} on; it must be positive"
            )));
        }
        let mut total = 0.0;
        for (jump, bound) in numbers.iter().enumerate() {
            if !bound.finite() {
                return Err(SolveError::Invalid(format!(
                    "the bound of the rate of jump {jump} is {bound} at t = {t}; where none can be \
                     found in its formula, the model must give one: `jump rate … bound …`"
                )));
            }
            total += bound.f64().max(0.0);
        }
        Ok((total, length))
    }

    /// Checks the rates last evaluated against the bounds last evaluated.
    ///
    /// # Errors
    /// [`SolveError::Invalid`] with time, index and both numbers for a rate above its bound.
    pub(crate) fn check_bounds(&self, t: f64) -> Result<(), SolveError> {
        for (jump, (rate, bound)) in self.values.iter().zip(&self.bounds).enumerate() {
            let bound = bound.f64().max(0.0);
            if rate.f64() > bound * (1.0 + 64.0 * T::EPSILON) {
                return Err(SolveError::Invalid(format!(
                    "the rate of jump {jump} is {rate} at t = {t}, above its bound {bound}: jumps \
                     would be missed; give a larger bound"
                )));
            }
        }
        Ok(())
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

    /// Changes the state as a jump does; `u` may have delayed values behind the states, which stay.
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
                u[..self.changed.len()].copy_from_slice(&self.changed);
            }
        }
        Ok(())
    }
}

/// A rate as it counts: negative ones are 0.
fn checked<T: Real>(rate: T, jump: usize, t: f64, u: &[T]) -> Result<T, SolveError> {
    if !rate.finite() {
        return Err(SolveError::Invalid(format!(
            "the rate of jump {jump} is {rate} at t = {t}; look for a division by zero, or a \
             logarithm, root or power of a negative number, at the state {u:?}"
        )));
    }
    Ok(if rate < T::ZERO { T::ZERO } else { rate })
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
