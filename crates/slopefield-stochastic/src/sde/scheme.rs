//! What the arithmetic of a method for stochastic differential equations has to offer.

use super::system::System;
use slopefield_kernel::{Calculus, NoiseKind};
use slopefield_solve::Real;

/// One step to take.
pub(crate) struct Trial<'a> {
    /// Beginning.
    pub(crate) t: f64,
    /// End.
    pub(crate) t_new: f64,
    /// Length, positive.
    pub(crate) h: f64,
    /// Increments of the sources of noise.
    pub(crate) w: &'a [f64],
    /// Their space–time Lévy areas; see [`crate::BrownianMotion::increment`].
    pub(crate) area: &'a [f64],
    /// Where the step begins.
    pub(crate) from: From,
    /// Whether the error is asked for.
    pub(crate) measure: bool,
}

/// Where a step begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    /// At a state that the method has not seen.
    Fresh,
    /// Where the last trial ended.
    End,
    /// Where the last trial began.
    Again,
}

/// How a trial ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The end and, if asked for, the error are written; they may not be finite.
    Done,
    /// The equations of an implicit step could not be solved.
    NotConverged,
}

/// The arithmetic of one step. [`super::SdeStepper`] chooses lengths, accepts and rejects.
pub(crate) trait Scheme<T: Real>: Send {
    /// Name of the method.
    fn id(&self) -> &'static str;

    /// The calculus in which the method wants the drift of a system given in `calculus`.
    fn calculus(&self, calculus: Calculus) -> Calculus;

    /// Why the method cannot solve systems with such noise; nothing when it can.
    fn refusal(&self, kind: NoiseKind, sources: usize) -> Option<&'static str>;

    /// The error estimate is of size `h` to this power.
    fn error_exponent(&self) -> f64;

    /// Sizes the arrays for `n` states and `coefficients` coefficients of noise; forgets the rest.
    fn resize(&mut self, n: usize, coefficients: usize);

    /// Takes a step from `u` and writes its end and, if asked for, an estimate of the magnitude of
    /// the local error of every state.
    fn attempt(
        &mut self,
        system: &mut System<'_, '_, T>,
        trial: &Trial<'_>,
        u: &[T],
        end: &mut [T],
        error: &mut [T],
    ) -> Outcome;

    /// Coefficients of the noise at the beginning of the last step.
    fn coefficients(&self) -> &[T];

    /// Iterations of Newton's method, factorisations and Jacobians so far.
    fn work(&self) -> [u64; 3] {
        [0; 3]
    }
}

/// The refusal of methods that have no iterated integrals: of noise that needs them.
pub(crate) fn refuse_iterated_integrals(kind: NoiseKind, sources: usize) -> Option<&'static str> {
    (kind == NoiseKind::General && sources > 1).then_some(
        "is for noise whose iterated integrals are not needed (additive, diagonal or commutative); \
         use em or euler-heun for paths, dri1 for means",
    )
}

/// Drift and noise at the ends of a step, for methods that use the drift at the end as that at the
/// beginning of the next step.
#[derive(Debug, Default)]
pub(crate) struct Ends<T> {
    pub(crate) drift: Vec<T>,
    pub(crate) drift_end: Vec<T>,
    pub(crate) coefficients: Vec<T>,
    /// Whether `drift_end` belongs to the end of the last trial.
    end_known: bool,
}

impl<T: Real> Ends<T> {
    pub(crate) fn resize(&mut self, n: usize, coefficients: usize) {
        self.drift.resize(n, T::ZERO);
        self.drift_end.resize(n, T::ZERO);
        self.coefficients.resize(coefficients, T::ZERO);
        self.end_known = false;
    }

    /// Provides drift and coefficients at the beginning, for methods that never know the drift at
    /// the end.
    pub(crate) fn evaluate(&mut self, system: &mut System<'_, '_, T>, trial: &Trial<'_>, u: &[T]) {
        if trial.from != From::Again {
            system.drift(trial.t, u, &mut self.drift);
            system.diffusion(trial.t, u, &mut self.coefficients);
        }
    }

    /// Provides the drift at the beginning.
    pub(crate) fn begin(&mut self, system: &mut System<'_, '_, T>, trial: &Trial<'_>, u: &[T]) {
        match trial.from {
            From::Again => {}
            From::End if self.end_known => std::mem::swap(&mut self.drift, &mut self.drift_end),
            From::Fresh | From::End => system.drift(trial.t, u, &mut self.drift),
        }
        self.end_known = false;
    }

    /// Provides the drift at the end.
    pub(crate) fn finish(&mut self, system: &mut System<'_, '_, T>, trial: &Trial<'_>, end: &[T]) {
        system.drift(trial.t_new, end, &mut self.drift_end);
        self.end_known = true;
    }

    /// Writes `h/2 |f_end − f|`, the error of the drift.
    pub(crate) fn drift_error(&self, h: f64, error: &mut [T]) {
        let half = T::of(0.5 * h);
        for ((error, first), last) in error.iter_mut().zip(&self.drift).zip(&self.drift_end) {
            *error = (half * (*last - *first)).magnitude();
        }
    }
}
