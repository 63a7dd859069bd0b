//! Euler–Maruyama and Euler–Heun.

use super::scheme::{Ends, Outcome, Scheme, Trial};
use super::system::System;
use slopefield_kernel::{Calculus, NoiseKind};
use slopefield_solve::Real;

/// Euler–Maruyama (Maruyama, *Continuous Markov processes and stochastic equations*, Rend. Circ.
/// Mat. Palermo 4 (1955) 48, doi:10.1007/BF02846028) for Itô equations; strong order 1/2 (1 for
/// additive noise), weak order 1.
///
/// The error estimate is the expected size of what a step leaves out: the change of the drift along
/// itself, and `½ h Σ (∂g/∂u) g`. It must not look at the increments: a step that is shortened where
/// `W² − h` is large and kept where it is small has a bias that stays, however small the tolerance
/// (Gaines & Lyons, *Variable step size control in the numerical solution of stochastic
/// differential equations*, SIAM J. Appl. Math. 57 (1997) 1455, doi:10.1137/S0036139995286515).
#[derive(Debug, Default)]
pub(crate) struct EulerMaruyama<T> {
    ends: Ends<T>,
    moved: Vec<T>,
    coefficients_moved: Vec<T>,
}

impl<T: Real> EulerMaruyama<T> {
    /// Writes the expected error, which depends on the beginning and the length alone.
    fn estimate(
        &mut self,
        system: &mut System<'_, '_, T>,
        trial: &Trial<'_>,
        u: &[T],
        error: &mut [T],
    ) {
        let (n, h, root) = (u.len(), T::of(trial.h), T::of(trial.h.sqrt()));
        for ((to, u), f) in self.moved.iter_mut().zip(u).zip(&self.ends.drift) {
            *to = *u + h * *f;
        }
        system.drift(trial.t_new, &self.moved, &mut self.ends.drift_end);
        self.ends.drift_error(trial.h, error);
        // All sources at their standard deviation.
        self.moved.copy_from_slice(u);
        for (at, g) in self.ends.coefficients.iter().enumerate() {
            self.moved[at % n] += root * *g;
        }
        system.diffusion(trial.t, &self.moved, &mut self.coefficients_moved);
        self.moved.fill(T::ZERO);
        for (at, g) in self.ends.coefficients.iter().enumerate() {
            let change = self.coefficients_moved[at] - *g;
            self.moved[at % n] += change * change;
        }
        let half = T::of(0.5) * root;
        for (error, square) in error.iter_mut().zip(&self.moved) {
            *error += half * square.root();
        }
    }
}

impl<T: Real> Scheme<T> for EulerMaruyama<T> {
    fn id(&self) -> &'static str {
        "em"
    }

    fn calculus(&self, _: Calculus) -> Calculus {
        Calculus::Ito
    }

    fn refusal(&self, _: NoiseKind, _: usize) -> Option<&'static str> {
        None
    }

    fn error_exponent(&self) -> f64 {
        1.0
    }

    fn resize(&mut self, n: usize, coefficients: usize) {
        self.ends.resize(n, coefficients);
        self.moved.resize(n, T::ZERO);
        self.coefficients_moved.resize(coefficients, T::ZERO);
    }

    fn attempt(
        &mut self,
        system: &mut System<'_, '_, T>,
        trial: &Trial<'_>,
        u: &[T],
        end: &mut [T],
        error: &mut [T],
    ) -> Outcome {
        self.ends.evaluate(system, trial, u);
        let h = T::of(trial.h);
        self.moved.copy_from_slice(u);
        system.add_noise(&self.ends.coefficients, trial.w, &mut self.moved);
        for ((end, moved), f) in end.iter_mut().zip(&self.moved).zip(&self.ends.drift) {
            *end = *moved + h * *f;
        }
        if trial.measure {
            self.estimate(system, trial, u, error);
        }
        Outcome::Done
    }

    fn coefficients(&self) -> &[T] {
        &self.ends.coefficients
    }
}

/// Euler–Heun for Stratonovich equations (Kloeden & Platen 1992, section 10.3; Roberts,
/// *Modify the improved Euler scheme to integrate stochastic differential equations*,
/// arXiv:1210.0933); strong order 1/2 in general and 1 for commutative noise, weak order 1.
#[derive(Debug, Default)]
pub(crate) struct EulerHeun<T> {
    ends: Ends<T>,
    predicted: Vec<T>,
    coefficients_predicted: Vec<T>,
}

impl<T: Real> Scheme<T> for EulerHeun<T> {
    fn id(&self) -> &'static str {
        "euler-heun"
    }

    fn calculus(&self, _: Calculus) -> Calculus {
        Calculus::Stratonovich
    }

    fn refusal(&self, _: NoiseKind, _: usize) -> Option<&'static str> {
        None
    }

    fn error_exponent(&self) -> f64 {
        1.0
    }

    fn resize(&mut self, n: usize, coefficients: usize) {
        self.ends.resize(n, coefficients);
        self.predicted.resize(n, T::ZERO);
        self.coefficients_predicted.resize(coefficients, T::ZERO);
    }

    fn attempt(
        &mut self,
        system: &mut System<'_, '_, T>,
        trial: &Trial<'_>,
        u: &[T],
        end: &mut [T],
        error: &mut [T],
    ) -> Outcome {
        self.ends.evaluate(system, trial, u);
        let h = T::of(trial.h);
        for ((to, u), f) in self.predicted.iter_mut().zip(u).zip(&self.ends.drift) {
            *to = *u + h * *f;
        }
        system.add_noise(&self.ends.coefficients, trial.w, &mut self.predicted);
        system.drift(trial.t_new, &self.predicted, &mut self.ends.drift_end);
        system.diffusion(trial.t_new, &self.predicted, &mut self.coefficients_predicted);
        // The corrector is the predictor plus half the changes over the step.
        self.ends.drift_error(trial.h, error);
        let half = T::of(0.5 * trial.h);
        for (i, end) in end.iter_mut().enumerate() {
            *end = self.predicted[i] + half * (self.ends.drift_end[i] - self.ends.drift[i]);
        }
        let (first, last) = (&self.ends.coefficients, &mut self.coefficients_predicted);
        let correction = &mut self.predicted;
        add_half_noise_of_change(system, trial.w, first, last, correction, error);
        for (end, correction) in end.iter_mut().zip(&*correction) {
            *end += *correction;
        }
        Outcome::Done
    }

    fn coefficients(&self) -> &[T] {
        &self.ends.coefficients
    }
}

/// Writes `½ (g_last − g_first) w` to `noise` and adds its magnitude to `error`; `last` is
/// overwritten.
fn add_half_noise_of_change<T: Real>(
    system: &System<'_, '_, T>,
    w: &[f64],
    first: &[T],
    last: &mut [T],
    noise: &mut [T],
    error: &mut [T],
) {
    for (last, first) in last.iter_mut().zip(first) {
        *last = T::of(0.5) * (*last - *first);
    }
    noise.fill(T::ZERO);
    system.add_noise(last, w, noise);
    for (error, noise) in error.iter_mut().zip(noise) {
        *error += noise.magnitude();
    }
}
