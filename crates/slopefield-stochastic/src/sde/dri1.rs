//! A method of weak order 2 for Itô equations with any noise.

use super::scheme::{From, Outcome, Scheme, Trial};
use super::system::System;
use slopefield_kernel::{Calculus, NoiseKind};
use slopefield_solve::Real;

/// DRI1 (Debrabant & Rößler, *Families of efficient second order Runge–Kutta methods for the weak
/// approximation of Itô stochastic differential equations*, Appl. Numer. Math. 59 (2009) 582,
/// doi:10.1016/j.apnum.2008.03.012): weak order 2, order 3 where there is no noise.
///
/// The increments of the motion stand for the three-point variables of the paper, whose moments up
/// to the fifth they share; its two-point variables are the signs of the Lévy areas. So means use
/// the same motion as every other method, and paths converge too, with strong order 1/2.
#[derive(Debug, Default)]
pub(crate) struct Dri1<T> {
    drifts: [Vec<T>; 3],
    stage: Vec<T>,
    first: Vec<T>,
    /// Coefficients at the second and third stage of each source: column `k` of those of source
    /// `k`.
    second: Vec<T>,
    third: Vec<T>,
    all: Vec<T>,
    noise: Vec<T>,
}

const A02: f64 = 0.5;
const A03: [f64; 2] = [-1.0, 2.0];
const A1: f64 = 342.0 / 491.0;
const ALPHA: [f64; 3] = [1.0 / 6.0, 2.0 / 3.0, 1.0 / 6.0];
const BETA1: [f64; 3] = [193.0 / 684.0, 491.0 / 1368.0, 491.0 / 1368.0];
const BETA3: [f64; 3] = [-4955.0 / 7072.0, 4955.0 / 14144.0, 4955.0 / 14144.0];

/// The coefficients of DRI1, in the notation of its paper; those that do not stand here are 0, or
/// follow from symmetry between the second and the third stage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dri1Table {
    /// Weights of the drifts.
    pub alpha: [f64; 3],
    /// Second stage of the drift: weight of the first drift; its time too.
    pub a02: f64,
    /// Third stage of the drift: weights of the first two drifts.
    pub a03: [f64; 2],
    /// Second stage of the drift: weight of the noise.
    pub b02: f64,
    /// Third stage of the drift: weight of the noise.
    pub b03: f64,
    /// Stages of the noise: weight of the first drift; their time too.
    pub a1: f64,
    /// Stages of the noise of a source: weight of its coefficients times `±√h`.
    pub b1: f64,
    /// Stages of the noise of other sources: weights of the first and of both other stages.
    pub b2: [f64; 2],
    /// Weights of the noise with the increments.
    pub beta1: [f64; 3],
    /// Weight with the doubled integral of a source with itself.
    pub beta2: f64,
    /// Weights of the stages of other sources with the increments.
    pub beta3: [f64; 3],
    /// Weight with the doubled integral of two sources.
    pub beta4: f64,
}

/// The coefficients of DRI1.
#[must_use]
pub fn dri1_table() -> Dri1Table {
    let Roots { b02, b03, b1, b2, beta2, beta4 } = roots();
    Dri1Table {
        alpha: ALPHA,
        a02: A02,
        a03: A03,
        b02,
        b03,
        a1: A1,
        b1,
        b2,
        beta1: BETA1,
        beta2,
        beta3: BETA3,
        beta4,
    }
}

/// The coefficients that are no fractions.
struct Roots {
    b02: f64,
    b03: f64,
    b1: f64,
    b2: [f64; 2],
    beta2: f64,
    beta4: f64,
}

fn roots() -> Roots {
    let six = 6.0_f64.sqrt();
    Roots {
        b02: (6.0 - six) / 10.0,
        b03: (3.0 + 2.0 * six) / 5.0,
        b1: 3.0 * (38.0_f64 / 491.0).sqrt(),
        b2: [
            -214.0 / 513.0 * (1105.0_f64 / 991.0).sqrt(),
            -491.0 / 513.0 * (221.0_f64 / 4955.0).sqrt(),
        ],
        beta2: (491.0_f64 / 38.0).sqrt() / 6.0,
        beta4: -(4955.0_f64 / 221.0).sqrt() / 8.0,
    }
}

impl<T: Real> Dri1<T> {
    /// Fills the coefficients of the second and third stages.
    fn noise_stages(&mut self, system: &mut System<'_, '_, T>, trial: &Trial<'_>, u: &[T]) {
        let n = u.len();
        let root = trial.h.sqrt();
        let columns = self.first.len() / n;
        let t = trial.t + A1 * trial.h;
        let drift = T::of(A1 * trial.h);
        for (sign, out) in [(1.0, 0), (-1.0, 1)] {
            let noise = T::of(sign * roots().b1 * root);
            for k in 0..columns {
                for (i, u) in u.iter().enumerate() {
                    let g = self.first[k * n + i];
                    self.stage[i] = *u + drift * self.drifts[0][i] + noise * g;
                }
                system.diffusion(t, &self.stage, &mut self.all);
                let part = k * n..(k + 1) * n;
                let to = if out == 0 { &mut self.second } else { &mut self.third };
                to[part.clone()].copy_from_slice(&self.all[part]);
            }
        }
    }

    /// Adds the terms in which a source acts on the coefficients of another one.
    fn mixed(&mut self, system: &mut System<'_, '_, T>, trial: &Trial<'_>, u: &[T]) {
        let Roots { b2, beta4, .. } = roots();
        let (n, m, root) = (u.len(), trial.w.len(), trial.h.sqrt());
        for l in 0..m {
            for (sign, beta3) in [(1.0, BETA3[1]), (-1.0, BETA3[2])] {
                for (i, u) in u.iter().enumerate() {
                    let at = l * n + i;
                    let g = T::of(b2[0]) * self.first[at]
                        + T::of(b2[1]) * (self.second[at] + self.third[at]);
                    self.stage[i] = *u + T::of(sign * root) * g;
                }
                system.diffusion(trial.t, &self.stage, &mut self.all);
                for k in (0..m).filter(|k| *k != l) {
                    // The iterated integral of source l in source k, in its weak form.
                    let twist = if k < l {
                        -root * root.copysign(trial.area[k])
                    } else {
                        root * root.copysign(trial.area[l])
                    };
                    let twice = 0.5 * (trial.w[k] * trial.w[l] + twist);
                    let factor = T::of(trial.w[k] * beta3 + sign * twice * beta4 / root);
                    for i in 0..n {
                        self.noise[i] += factor * self.all[k * n + i];
                    }
                }
            }
        }
    }
}

impl<T: Real> Scheme<T> for Dri1<T> {
    fn id(&self) -> &'static str {
        "dri1"
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
        for vector in self.drifts.iter_mut().chain([&mut self.stage, &mut self.noise]) {
            vector.resize(n, T::ZERO);
        }
        for vector in [&mut self.first, &mut self.second, &mut self.third, &mut self.all] {
            vector.resize(coefficients, T::ZERO);
        }
    }

    fn attempt(
        &mut self,
        system: &mut System<'_, '_, T>,
        trial: &Trial<'_>,
        u: &[T],
        end: &mut [T],
        error: &mut [T],
    ) -> Outcome {
        let Roots { b02, b03, beta2, .. } = roots();
        let (n, root) = (u.len(), trial.h.sqrt());
        let h = T::of(trial.h);
        if trial.from != From::Again {
            system.drift(trial.t, u, &mut self.drifts[0]);
            system.diffusion(trial.t, u, &mut self.first);
        }
        self.noise.fill(T::ZERO);
        system.add_noise(&self.first, trial.w, &mut self.noise);
        for (i, u) in u.iter().enumerate() {
            let drift = T::of(A02) * self.drifts[0][i];
            self.stage[i] = *u + h * drift + T::of(b02) * self.noise[i];
        }
        system.drift(trial.t + 0.5 * trial.h, &self.stage, &mut self.drifts[1]);
        for (i, u) in u.iter().enumerate() {
            let drift = T::of(A03[0]) * self.drifts[0][i] + T::of(A03[1]) * self.drifts[1][i];
            self.stage[i] = *u + h * drift + T::of(b03) * self.noise[i];
        }
        system.drift(trial.t_new, &self.stage, &mut self.drifts[2]);
        for (error, noise) in error.iter_mut().zip(&self.noise) {
            *error = *noise;
        }
        if system.noise.kind != NoiseKind::Additive {
            self.noise_stages(system, trial, u);
            self.noise.fill(T::ZERO);
            let diagonal = system.is_diagonal();
            for (at, g) in self.first.iter().enumerate() {
                let k = if diagonal { at } else { at / n };
                let w = trial.w[k];
                // Terms with the doubled integral of a source with itself.
                let twice = beta2 * 0.5 * (w * w - trial.h) / root;
                self.noise[at % n] += T::of(BETA1[0] * w) * *g
                    + T::of(BETA1[1] * w + twice) * self.second[at]
                    + T::of(BETA1[2] * w - twice) * self.third[at];
                if !diagonal {
                    let others = trial.w.len() as f64 - 1.0;
                    self.noise[at % n] += T::of(others * BETA3[0] * w) * *g;
                }
            }
            if !diagonal {
                self.mixed(system, trial, u);
            }
        }
        for i in 0..n {
            let mut drift = T::ZERO;
            for (alpha, k) in ALPHA.iter().zip(&self.drifts) {
                drift += T::of(*alpha) * k[i];
            }
            end[i] = u[i] + h * drift + self.noise[i];
            // Against Euler–Maruyama.
            let change = self.noise[i] - error[i] + h * (drift - self.drifts[0][i]);
            error[i] = change.magnitude();
        }
        Outcome::Done
    }

    fn coefficients(&self) -> &[T] {
        &self.first
    }
}
