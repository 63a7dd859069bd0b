//! Rosenbrock methods as one-step methods.

use super::{RosenbrockStages, RosenbrockTable};
use crate::{
    Adaptive, Attempt, ErrorNorm, Failure, Ivp, OneStep, PiController, Real, Settings, SolveError,
    Stats,
};
use slopefield_kernel::Structure;

/// Adaptive Rosenbrock method, defined by its table.
pub type Rosenbrock<T = f64> = Adaptive<RosenbrockStages<T>, T>;

/// A step whose matrix is singular is tried again at this part of its length.
const AFTER_SINGULAR: f64 = 0.4;

impl<T: Real> Rosenbrock<T> {
    /// The method of `table`. Steps grow by at most 6 and shrink by at most 5 at once (program
    /// RODAS of Hairer and Wanner).
    pub fn new(table: &'static RosenbrockTable) -> Self {
        let mut controller = PiController::for_error_order(table.error_order());
        controller.max_factor = 6.0;
        Adaptive::with(RosenbrockStages::new(table), controller)
    }
}

/// Refuses systems with parts that the method would ignore.
fn check<T>(id: &str, structure: &Structure<'_, T>) -> Result<(), SolveError> {
    let part = if structure.delays.is_some() {
        "delays: use a method for delays over it"
    } else if structure.noise.is_some() {
        "noise: use a method for stochastic equations"
    } else if structure.jumps.is_some() {
        "random jumps: use a method for jump processes"
    } else {
        return Ok(());
    };
    Err(SolveError::Invalid(format!("the method {id} does not solve systems with {part}")))
}

impl<T: Real> RosenbrockStages<T> {
    /// Writes the slope at `(t, u)` to the sums, for the choice of the first step. With a mass
    /// matrix it is the change over a short implicit Euler step, divided by its length `euler`:
    /// algebraic variables have a slope only through their equations.
    fn slope_at(&mut self, ivp: &Ivp<'_, T>, t: f64, euler: f64, counts: &mut Stats) {
        let scratch = &mut self.linearisation.scratch;
        ivp.rhs.eval(T::of(t), &self.end, ivp.p, &mut self.sum, scratch);
        counts.rhs += 1;
        if !self.linearisation.mass.is_identity() {
            self.linearisation.solve(&mut self.sum, counts);
            let reciprocal = T::of(1.0 / euler);
            for slope in &mut self.sum {
                *slope *= reciprocal;
            }
        }
    }
}

impl<T: Real> OneStep<T> for RosenbrockStages<T> {
    fn error_order(&self) -> u32 {
        self.table.error_order()
    }

    fn begin(
        &mut self,
        ivp: &Ivp<'_, T>,
        _: &Settings,
        t: f64,
        u: &[T],
        counts: &mut Stats,
    ) -> Result<(), SolveError> {
        check(self.table.id, &ivp.rhs.structure())?;
        self.resize(u.len());
        self.start.copy_from_slice(u);
        self.end.copy_from_slice(u);
        self.t = t;
        self.t_new = t;
        self.dense_is_ready = false;
        self.linearisation.prepare(ivp, t, u)?;
        self.linearisation.evaluate(ivp, t, &self.start, counts);
        match self.linearisation.first_non_finite() {
            Some(state) => Err(SolveError::non_finite(t, state, u)),
            None => Ok(()),
        }
    }

    /// Hairer, Nørsett, Wanner, *Solving ODEs I*, section II.4, with slopes that algebraic
    /// variables have, too.
    fn first_length(
        &mut self,
        ivp: &Ivp<'_, T>,
        norm: &ErrorNorm,
        h_max: f64,
        counts: &mut Stats,
    ) -> f64 {
        let span = (ivp.t1 - ivp.t0).abs();
        let (longest, direction) = (span.min(h_max), ivp.direction());
        let shortest = 1e-6 * longest;
        let euler = direction * shortest;
        if !self.linearisation.mass.is_identity() && !self.linearisation.factor(euler, counts) {
            return shortest;
        }
        let t = self.t;
        self.end.copy_from_slice(&self.start);
        self.slope_at(ivp, t, euler, counts);
        let d0 = norm.of_value(&self.start, &self.start);
        let d1 = norm.of_value(&self.sum, &self.start);
        if !d1.is_finite() {
            return shortest;
        }
        let first = if d0 < 1e-5 || d1 < 1e-5 { shortest } else { 0.01 * d0 / d1 };
        let mut h0 = first.min(longest);
        self.increments[..self.n].copy_from_slice(&self.sum);
        for _ in 0..12 {
            let length = T::of(direction * h0);
            for i in 0..self.n {
                self.end[i] = self.start[i] + length * self.increments[i];
            }
            self.slope_at(ivp, t + direction * h0, euler, counts);
            for (change, slope) in self.sum.iter_mut().zip(&self.increments) {
                *change -= *slope;
            }
            let d2 = norm.of_value(&self.sum, &self.start) / h0;
            if d2.is_finite() {
                self.end.copy_from_slice(&self.start);
                let steepest = d1.max(d2);
                let h1 = if steepest <= 1e-15 {
                    (h0 * 1e-3).max(shortest)
                } else {
                    (0.01 / steepest).powf(1.0 / f64::from(self.table.error_order()))
                };
                return (100.0 * h0).min(h1).min(longest);
            }
            // Near the edge of a function's domain the explorative step may leave it.
            h0 *= 0.1;
        }
        self.end.copy_from_slice(&self.start);
        h0
    }

    fn attempt(
        &mut self,
        ivp: &Ivp<'_, T>,
        span: (f64, f64),
        from_end: bool,
        norm: &ErrorNorm,
        counts: &mut Stats,
    ) -> Attempt {
        if from_end {
            std::mem::swap(&mut self.start, &mut self.end);
            self.linearisation.evaluate(ivp, span.0, &self.start, counts);
        }
        if self.attempt_stages(ivp, span, counts) {
            return Attempt::Measured(self.squared_error(norm));
        }
        if self.linearisation.first_non_finite().is_some() {
            return Attempt::Measured(f64::NAN);
        }
        Attempt::Failed { factor: AFTER_SINGULAR, reason: Failure::Singular }
    }

    fn beginning(&self) -> &[T] {
        &self.start
    }

    fn end(&self) -> &[T] {
        &self.end
    }

    fn interpolate(&mut self, t: f64, out: &mut [T]) -> Result<(), SolveError> {
        self.solution_at(t, out)
    }

    fn first_non_finite(&self) -> Option<usize> {
        let first = |values: &[T]| values.iter().position(|v| !v.finite());
        self.linearisation.first_non_finite().or_else(|| first(&self.end)).or_else(|| {
            let rows = self.increments.chunks_exact(self.n.max(1));
            rows.filter_map(first).next()
        })
    }
}
