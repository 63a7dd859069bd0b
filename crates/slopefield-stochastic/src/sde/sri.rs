//! Stochastic Runge–Kutta methods for diagonal and scalar noise: Rößler's SRI family.

use super::rows::{Rows, Stage, Sum};
use super::scheme::{From, Outcome, Scheme, Trial};
use super::system::System;
use slopefield_kernel::{Calculus, NoiseKind};
use slopefield_solve::Real;

/// Number of stages.
pub const STAGES: usize = 4;

type Row = [f64; STAGES];

/// Coefficients of an SRI method with four stages, in Rößler's notation (SIAM J. Numer. Anal. 48
/// (2010) 922, doi:10.1137/09076636X, section 5.2).
#[derive(Debug)]
pub struct SriTable {
    /// Name of the method.
    pub id: &'static str,
    /// Stages of the drift that differ from the first and are used.
    pub drift_stages: usize,
    /// Weights of the drifts.
    pub alpha: [f64; STAGES],
    /// Weights of the coefficients of noise with `I_1`, `I_11/√h`, `I_10/h` and `I_111/h`.
    pub beta: [[f64; STAGES]; 4],
    /// Stages of the drift: weights of drifts.
    pub a0: [[f64; STAGES]; STAGES],
    /// Stages of the noise: weights of drifts.
    pub a1: [[f64; STAGES]; STAGES],
    /// Stages of the drift: weights of coefficients with the mean increments `I_10/h`.
    pub b0: [[f64; STAGES]; STAGES],
    /// Stages of the noise: weights of coefficients with `√h`.
    pub b1: [[f64; STAGES]; STAGES],
    /// Times of the drifts.
    pub c0: [f64; STAGES],
    /// Times of the coefficients.
    pub c1: [f64; STAGES],
}

const NONE: Row = [0.0; STAGES];

/// SRIW1 (Rößler 2010, table 6.2). The third stage of its drift is the first, so its coefficient in
/// the fourth stage of the noise stands with the first.
pub static SRIW1: SriTable = SriTable {
    id: "sriw1",
    drift_stages: 2,
    alpha: [1.0 / 3.0, 2.0 / 3.0, 0.0, 0.0],
    beta: [
        [-1.0, 4.0 / 3.0, 2.0 / 3.0, 0.0],
        [-1.0, 4.0 / 3.0, -1.0 / 3.0, 0.0],
        [2.0, -4.0 / 3.0, -2.0 / 3.0, 0.0],
        [-2.0, 5.0 / 3.0, -2.0 / 3.0, 1.0],
    ],
    a0: [NONE, [0.75, 0.0, 0.0, 0.0], NONE, NONE],
    a1: [NONE, [0.25, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.25, 0.0, 0.0, 0.0]],
    b0: [NONE, [1.5, 0.0, 0.0, 0.0], NONE, NONE],
    b1: [NONE, [0.5, 0.0, 0.0, 0.0], [-1.0, 0.0, 0.0, 0.0], [-5.0, 3.0, 0.5, 0.0]],
    c0: [0.0, 0.75, 0.0, 0.0],
    c1: [0.0, 0.25, 1.0, 0.25],
};

/// SOSRI: the SRI method with the largest region of stability (Rackauckas & Nie, *Stability-optimized
/// high order methods and stiffness detection for pathwise stiff stochastic differential equations*,
/// 2018, arXiv:1804.04344). Second moments converge with order 3/2, not 2 as those of SRIW1.
pub static SOSRI: SriTable = SriTable {
    id: "sosri",
    drift_stages: 4,
    alpha: [
        1.140_099_274_172_029,
        -0.640_133_425_574_345_6,
        0.473_629_653_277_255_9,
        0.026_404_498_125_060_714,
    ],
    beta: [
        [
            -1.845_346_456_510_443_2,
            2.688_764_531_100_726,
            -0.252_386_650_107_132_3,
            0.408_968_575_516_849_56,
        ],
        [
            0.496_965_814_158_947_8,
            -0.577_120_286_975_359_2,
            -0.129_197_024_703_222_17,
            0.209_351_497_519_633_6,
        ],
        [
            2.845_346_456_510_442_5,
            -2.688_764_531_100_725,
            0.252_386_650_107_132_2,
            -0.408_968_575_516_849_45,
        ],
        [
            0.115_226_638_754_434_33,
            -0.578_770_861_477_38,
            0.285_785_102_816_388_6,
            0.177_759_119_906_557_04,
        ],
    ],
    a0: [
        NONE,
        [-0.041_992_244_213_164_68, 0.0, 0.0, 0.0],
        [2.842_612_915_017_106, -2.052_772_368_400_072_7, 0.0, 0.0],
        [4.338_237_071_435_815, -2.889_593_613_743_979_3, 2.301_757_559_464_446_6, 0.0],
    ],
    a1: [
        NONE,
        [0.262_042_820_913_304_66, 0.0, 0.0, 0.0],
        [0.209_036_463_835_053_75, -0.150_237_711_515_036_1, 0.0, 0.0],
        [0.058_365_953_127_469_99, 0.614_944_039_633_237_3, 0.085_351_176_340_467_72, 0.0],
    ],
    b0: [
        NONE,
        [-0.216_410_935_496_125_28, 0.0, 0.0, 0.0],
        [1.533_635_286_367_957_2, 0.260_662_234_926_470_56, 0.0, 0.0],
        [-1.053_603_755_817_915_9, 1.701_528_472_108_947_2, -0.207_256_857_841_800_17, 0.0],
    ],
    b1: [
        NONE,
        [-0.511_901_182_762_165_7, 0.0, 0.0, 0.0],
        [2.677_673_398_667_13, -4.939_503_132_225_099_5, 0.0, 0.0],
        [0.155_809_562_382_992_15, 3.236_155_100_662_467_4, -1.422_311_828_335_594_9, 0.0],
    ],
    c0: [0.0, -0.041_992_244_213_164_68, 0.789_840_546_617_033_3, 3.750_401_017_156_282_3],
    c1: [0.0, 0.262_042_820_913_304_66, 0.058_798_752_320_017_65, 0.758_661_169_101_175],
};

/// An SRI method: strong order 3/2 for diagonal noise, and for one source that acts on all states.
///
/// The error estimate is the difference to the embedded method of strong order 1 and that of the
/// drift between stages (Rackauckas & Nie, DCDS-B 22 (2017) 2731, doi:10.3934/dcdsb.2017133).
#[derive(Debug)]
pub(crate) struct Sri<T> {
    table: &'static SriTable,
    drifts: [Vec<T>; STAGES],
    diffusions: [Vec<T>; STAGES],
    stage: Vec<T>,
    /// Sums of drifts and diffusions of a stage.
    drift: Vec<T>,
    noise: Vec<T>,
    bent: Vec<T>,
    /// Increments and areas of the source of every state, the mean increments, `√h`.
    w: Vec<f64>,
    area: Vec<f64>,
    mean: Vec<f64>,
    root: Vec<f64>,
    arch: pulp::Arch,
}

impl<T: Real> Sri<T> {
    pub(crate) fn new(table: &'static SriTable) -> Self {
        Sri {
            table,
            drifts: std::array::from_fn(|_| Vec::new()),
            diffusions: std::array::from_fn(|_| Vec::new()),
            stage: Vec::new(),
            drift: Vec::new(),
            noise: Vec::new(),
            bent: Vec::new(),
            w: Vec::new(),
            area: Vec::new(),
            mean: Vec::new(),
            root: Vec::new(),
            arch: pulp::Arch::new(),
        }
    }
}

/// Noise of a step: `Σ (β₁ I_1 + β₂ I_11/√h) g` and `Σ (β₃ I_10/h + β₄ I_111/h) g`.
struct Noise<'a, T> {
    table: &'static SriTable,
    rows: &'a [Vec<T>; STAGES],
    h: f64,
    root: f64,
    w: &'a [f64],
    mean: &'a [f64],
    noise: &'a mut [T],
    bent: &'a mut [T],
}

impl<T: Real> Rows for Noise<'_, T> {
    fn len(&self) -> usize {
        self.noise.len()
    }

    #[inline(always)]
    fn apply(self) {
        let n = self.noise.len();
        let Noise { h, .. } = self;
        let (half, sixth) = (0.5 / self.root, 1.0 / (6.0 * h));
        let [w, mean] = [&self.w[..n], &self.mean[..n]];
        let [g0, g1, g2, g3] = [0, 1, 2, 3].map(|s| &self.rows[s][..n]);
        let (noise, bent) = (&mut self.noise[..n], &mut self.bent[..n]);
        let [b1, b2, b3, b4] = self.table.beta;
        for i in 0..n {
            let (w, mean) = (w[i], mean[i]);
            let twice = (w * w - h) * half;
            let thrice = (w * w * w - 3.0 * w * h) * sixth;
            let (g0, g1, g2, g3) = (g0[i], g1[i], g2[i], g3[i]);
            noise[i] = T::of(b1[0] * w + b2[0] * twice) * g0
                + T::of(b1[1] * w + b2[1] * twice) * g1
                + T::of(b1[2] * w + b2[2] * twice) * g2
                + T::of(b1[3] * w + b2[3] * twice) * g3;
            bent[i] = T::of(b3[0] * mean + b4[0] * thrice) * g0
                + T::of(b3[1] * mean + b4[1] * thrice) * g1
                + T::of(b3[2] * mean + b4[2] * thrice) * g2
                + T::of(b3[3] * mean + b4[3] * thrice) * g3;
        }
    }
}

impl<T: Real> Sri<T> {
    /// Fills `stage`: coefficients `a` of the drifts, and `b` of the diffusions times `√h` or the mean
    /// increments.
    fn stage(&mut self, a: &[f64], b: &[f64], h: f64, root: bool, u: &[T]) {
        Sum { coefficients: a, rows: &self.drifts, out: &mut self.drift }.run(self.arch);
        Sum { coefficients: b, rows: &self.diffusions, out: &mut self.noise }.run(self.arch);
        let scale = if root { &self.root } else { &self.mean };
        let (drift, noise, out) = (&self.drift, &self.noise, &mut self.stage[..]);
        Stage { u, h, drift, scale, noise, out }.run(self.arch);
    }
}

impl<T: Real> Scheme<T> for Sri<T> {
    fn id(&self) -> &'static str {
        self.table.id
    }

    fn calculus(&self, _: Calculus) -> Calculus {
        Calculus::Ito
    }

    fn refusal(&self, kind: NoiseKind, sources: usize) -> Option<&'static str> {
        (kind != NoiseKind::Diagonal && sources > 1).then_some(
            "is for diagonal noise, where every source acts on its own state, or for a single \
             source; use sosra for additive noise, milstein for commutative noise and em otherwise",
        )
    }

    fn error_exponent(&self) -> f64 {
        1.5
    }

    fn resize(&mut self, n: usize, coefficients: usize) {
        debug_assert_eq!(n, coefficients);
        for vector in self.drifts.iter_mut().chain(&mut self.diffusions) {
            vector.resize(n, T::ZERO);
        }
        for vector in [&mut self.stage, &mut self.drift, &mut self.noise, &mut self.bent] {
            vector.resize(n, T::ZERO);
        }
        for vector in [&mut self.w, &mut self.area, &mut self.mean, &mut self.root] {
            vector.resize(n, 0.0);
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
        let table = self.table;
        let n = u.len();
        let (h, root, arch) = (trial.h, trial.h.sqrt(), self.arch);
        if trial.from != From::Again {
            system.drift(trial.t, u, &mut self.drifts[0]);
            system.diffusion(trial.t, u, &mut self.diffusions[0]);
        }
        if trial.w.len() == n {
            self.w.copy_from_slice(trial.w);
            self.area.copy_from_slice(trial.area);
        } else {
            self.w.fill(trial.w[0]);
            self.area.fill(trial.area[0]);
        }
        for ((mean, w), area) in self.mean.iter_mut().zip(&self.w).zip(&self.area) {
            *mean = 0.5 * w + area;
        }
        self.root.fill(root);
        for s in 1..STAGES {
            if s < table.drift_stages {
                self.stage(&table.a0[s][..s], &table.b0[s][..s], h, false, u);
                system.drift(trial.t + table.c0[s] * h, &self.stage, &mut self.drifts[s]);
            }
            let known = s.min(table.drift_stages);
            self.stage(&table.a1[s][..known], &table.b1[s][..s], h, true, u);
            system.diffusion(trial.t + table.c1[s] * h, &self.stage, &mut self.diffusions[s]);
        }
        let coefficients = &table.alpha[..table.drift_stages];
        Sum { coefficients, rows: &self.drifts, out: &mut self.drift }.run(arch);
        let (w, mean) = (&self.w[..], &self.mean[..]);
        let (noise, bent) = (&mut self.noise[..], &mut self.bent[..]);
        Noise { table, rows: &self.diffusions, h, root, w, mean, noise, bent }.run(arch);
        for i in 0..n {
            end[i] = u[i] + T::of(h) * self.drift[i] + self.noise[i] + self.bent[i];
        }
        if trial.measure {
            let sixth = T::of(h / 6.0);
            let coefficients = &[1.0, -1.0, 1.0, -1.0][..table.drift_stages];
            Sum { coefficients, rows: &self.drifts, out: &mut self.drift }.run(arch);
            for ((error, drift), bent) in error.iter_mut().zip(&self.drift).zip(&self.bent) {
                *error = (sixth * *drift).magnitude() + bent.magnitude();
            }
        }
        Outcome::Done
    }

    fn coefficients(&self) -> &[T] {
        &self.diffusions[0]
    }
}
