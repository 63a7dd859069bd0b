//! Stochastic Runge–Kutta methods for additive noise: Rößler's SRA family.

use super::scheme::{From, Outcome, Scheme, Trial};
use super::system::System;
use slopefield_kernel::{Calculus, NoiseKind};
use slopefield_solve::Real;

/// Coefficients of an SRA method, in Rößler's notation (*Runge–Kutta methods for the strong
/// approximation of solutions of stochastic differential equations*, SIAM J. Numer. Anal. 48 (2010)
/// 922, doi:10.1137/09076636X, eq. 5.1).
#[derive(Debug)]
pub struct SraTable {
    /// Name of the method.
    pub id: &'static str,
    /// Weights of the drifts.
    pub alpha: &'static [f64],
    /// Weights of the coefficients of noise with the increments.
    pub beta1: &'static [f64],
    /// Those with the mean increments `∫ W dt / h`.
    pub beta2: &'static [f64],
    /// Stages: weights of drifts.
    pub a0: &'static [&'static [f64]],
    /// Stages: weights of coefficients with the mean increments.
    pub b0: &'static [&'static [f64]],
    /// Times of the drifts.
    pub c0: &'static [f64],
    /// Times of the coefficients.
    pub c1: &'static [f64],
}

/// SRA1 (Rößler 2010, table 6.3).
pub static SRA1: SraTable = SraTable {
    id: "sra1",
    alpha: &[1.0 / 3.0, 2.0 / 3.0],
    beta1: &[1.0, 0.0],
    beta2: &[-1.0, 1.0],
    a0: &[&[], &[0.75]],
    b0: &[&[], &[1.5]],
    c0: &[0.0, 0.75],
    c1: &[1.0, 0.0],
};

/// SOSRA: the SRA method with the largest region of stability among those with three stages
/// (Rackauckas & Nie, *Stability-optimized high order methods and stiffness detection for pathwise
/// stiff stochastic differential equations*, 2018, arXiv:1804.04344).
pub static SOSRA: SraTable = SraTable {
    id: "sosra",
    alpha: &[0.288_987_496_689_288_5, 0.685_988_044_083_993_7, 0.025_024_459_226_717_772],
    beta1: &[-16.792_534_242_221_663, 17.514_995_785_380_226, 0.277_538_456_841_438_35],
    beta2: &[0.423_753_576_906_927_4, 0.601_038_147_442_853_9, -1.024_791_724_349_781_3],
    a0: &[&[], &[0.692_396_237_615_950_7], &[-3.160_914_225_282_839_5, 4.160_914_225_282_839_5]],
    b0: &[&[], &[1.337_163_270_439_976_3], &[1.442_371_048_468_624, 1.863_274_150_113_922_5]],
    c0: &[0.0, 0.692_396_237_615_950_7, 1.0],
    c1: &[0.0, 0.041_248_171_110_700_504, 1.0],
};

/// An SRA method: strong order 3/2 for additive noise.
///
/// The error estimate is the difference to the embedded method of order 1 and that of the drift
/// between stages (Rackauckas & Nie, *Adaptive methods for stochastic differential equations via
/// natural embeddings and rejection sampling with memory*, DCDS-B 22 (2017) 2731,
/// doi:10.3934/dcdsb.2017133).
#[derive(Debug)]
pub(crate) struct Sra<T> {
    table: &'static SraTable,
    drifts: Vec<Vec<T>>,
    /// Noise of the stages with the increments, and with the mean increments.
    noise: Vec<Vec<T>>,
    mean_noise: Vec<Vec<T>>,
    stage: Vec<T>,
    /// Coefficients of the noise at the beginning and at another stage.
    others: Vec<T>,
    beginning: Vec<T>,
    mean: Vec<f64>,
}

impl<T: Real> Sra<T> {
    pub(crate) fn new(table: &'static SraTable) -> Self {
        let stages = table.alpha.len();
        Sra {
            table,
            drifts: vec![Vec::new(); stages],
            noise: vec![Vec::new(); stages],
            mean_noise: vec![Vec::new(); stages],
            stage: Vec::new(),
            others: Vec::new(),
            beginning: Vec::new(),
            mean: Vec::new(),
        }
    }
}

impl<T: Real> Scheme<T> for Sra<T> {
    fn id(&self) -> &'static str {
        self.table.id
    }

    fn calculus(&self, calculus: Calculus) -> Calculus {
        calculus
    }

    fn refusal(&self, kind: NoiseKind, _: usize) -> Option<&'static str> {
        (kind != NoiseKind::Additive).then_some(
            "is for additive noise, whose coefficients do not depend on the state; use sosri for \
             diagonal noise, milstein for commutative noise and em otherwise",
        )
    }

    fn error_exponent(&self) -> f64 {
        1.5
    }

    fn resize(&mut self, n: usize, coefficients: usize) {
        for vectors in [&mut self.drifts, &mut self.noise, &mut self.mean_noise] {
            for vector in vectors {
                vector.resize(n, T::ZERO);
            }
        }
        self.stage.resize(n, T::ZERO);
        self.others.resize(coefficients, T::ZERO);
        self.beginning.resize(coefficients, T::ZERO);
        self.mean.resize(coefficients / n, 0.0);
    }

    fn attempt(
        &mut self,
        system: &mut System<'_, '_, T>,
        trial: &Trial<'_>,
        u: &[T],
        end: &mut [T],
        error: &mut [T],
    ) -> Outcome {
        let table = self.table;
        let (n, stages, h) = (u.len(), table.alpha.len(), T::of(trial.h));
        if trial.from != From::Again {
            system.drift(trial.t, u, &mut self.drifts[0]);
            system.diffusion(trial.t, u, &mut self.beginning);
        }
        for ((mean, w), area) in self.mean.iter_mut().zip(trial.w).zip(trial.area) {
            *mean = 0.5 * w + area;
        }
        for s in 0..stages {
            let coefficients = if table.c1[s] == 0.0 {
                &self.beginning
            } else {
                system.diffusion(trial.t + table.c1[s] * trial.h, u, &mut self.others);
                &self.others
            };
            self.noise[s].fill(T::ZERO);
            system.add_noise(coefficients, trial.w, &mut self.noise[s]);
            self.mean_noise[s].fill(T::ZERO);
            system.add_noise(coefficients, &self.mean, &mut self.mean_noise[s]);
        }
        for s in 1..stages {
            for (i, u) in u.iter().enumerate() {
                let mut stage = *u;
                for j in 0..s {
                    stage += h * T::of(table.a0[s][j]) * self.drifts[j][i]
                        + T::of(table.b0[s][j]) * self.mean_noise[j][i];
                }
                self.stage[i] = stage;
            }
            system.drift(trial.t + table.c0[s] * trial.h, &self.stage, &mut self.drifts[s]);
        }
        let sixth = T::of(trial.h / 6.0);
        for i in 0..n {
            let (mut drift, mut noise, mut bent) = (T::ZERO, T::ZERO, T::ZERO);
            for s in 0..stages {
                drift += T::of(table.alpha[s]) * self.drifts[s][i];
                noise += T::of(table.beta1[s]) * self.noise[s][i];
                bent += T::of(table.beta2[s]) * self.mean_noise[s][i];
            }
            end[i] = u[i] + h * drift + noise + bent;
            let change = self.drifts[stages - 1][i] - self.drifts[0][i];
            error[i] = (sixth * change).magnitude() + bent.magnitude();
        }
        Outcome::Done
    }

    fn coefficients(&self) -> &[T] {
        &self.beginning
    }
}
