//! Splitting of drift and noise along a path that has the moments of Brownian motion.

use super::rows::{Rows, Scaled};
use super::scheme::{From, Outcome, Scheme, Trial, refuse_iterated_integrals};
use super::system::System;
use slopefield_kernel::{Calculus, NoiseKind};
use slopefield_solve::Real;

/// Share of the step of the first and the last drift, `(3 − √3)/6`.
const OUTER: f64 = 0.211_324_865_405_187_1;
/// Share of the drift in the middle, `1/√3`.
const MIDDLE: f64 = 0.577_350_269_189_625_8;
/// Where the drift in the middle is evaluated for the second time, in steps from its beginning:
/// `(√3 − 1)/2`, for which the drifts of a step together have order 2 although each is an Euler step.
const SECOND: f64 = 0.366_025_403_784_438_6;

/// Splitting with the space–time Lévy area, strong order 3/2 for additive, diagonal and commutative
/// noise: drift and noise act by turns,
///
/// ```text
/// drift αh,  noise W/2 + √3 H,  drift h/√3,  noise W/2 − √3 H,  drift αh,   α = (3 − √3)/6,
/// ```
///
/// a path of straight pieces with the increment and the area of the motion and, in the mean, its
/// `∫ W² dt` (Foster, dos Reis & Strange, *High order splitting methods for SDEs satisfying a
/// commutativity condition*, 2022, arXiv:2210.17543). The noise of a piece is a step of the classical
/// Runge–Kutta method, the drift four evaluations in all. Where drift and noise commute, splitting
/// itself makes no error.
///
/// Along straight pieces the integral is that of Stratonovich. For Itô equations the drift is
/// corrected by `−½ Σ_j (∂g_j/∂u) g_j` from central differences along `g_j`, which are as good as half
/// the digits of a number squared: no derivatives are needed.
///
/// The error estimate is that of a method of strong order 1: the change of the drift over the step,
/// and the third term of the noise.
#[derive(Debug)]
pub(crate) struct Splitting<T> {
    /// Coefficients of the noise at the beginning of the step.
    coefficients: Vec<T>,
    moved_coefficients: [Vec<T>; 3],
    /// Drifts of the step in their order.
    drifts: [Vec<T>; 4],
    /// Slopes of the noise of a piece.
    slopes: [Vec<T>; 4],
    moved: Vec<T>,
    stage: Vec<T>,
    third: Vec<T>,
    piece: Vec<f64>,
    ito: bool,
    arch: pulp::Arch,
}

impl<T> Default for Splitting<T> {
    fn default() -> Self {
        Splitting {
            coefficients: Vec::new(),
            moved_coefficients: Default::default(),
            drifts: Default::default(),
            slopes: Default::default(),
            moved: Vec::new(),
            stage: Vec::new(),
            third: Vec::new(),
            piece: Vec::new(),
            ito: false,
            arch: pulp::Arch::new(),
        }
    }
}

/// Distance of the central differences along `g`, in units of `√h`: the cube root of the spacing of
/// numbers, where their two errors are alike.
fn distance<T: Real>() -> f64 {
    if size_of::<T>() < size_of::<f64>() { 1.0 / 256.0 } else { 1.0 / 131_072.0 }
}

/// Slope of the noise of a piece of length `w`: `out = g · w`, element by element.
struct Along<'a, T> {
    g: &'a [T],
    w: &'a [f64],
    out: &'a mut [T],
}

impl<T: Real> Rows for Along<'_, T> {
    fn len(&self) -> usize {
        self.out.len()
    }

    #[inline(always)]
    fn apply(self) {
        let n = self.out.len();
        let (g, w) = (&self.g[..n], &self.w[..n]);
        for i in 0..n {
            self.out[i] = g[i] * T::of(w[i]);
        }
    }
}

/// Correction of the drift: `out += factor (plus − minus)`.
struct Difference<'a, T> {
    factor: f64,
    plus: &'a [T],
    minus: &'a [T],
    out: &'a mut [T],
}

impl<T: Real> Rows for Difference<'_, T> {
    fn len(&self) -> usize {
        self.out.len()
    }

    #[inline(always)]
    fn apply(self) {
        let n = self.out.len();
        let factor = T::of(self.factor);
        let (plus, minus) = (&self.plus[..n], &self.minus[..n]);
        for i in 0..n {
            self.out[i] += factor * (plus[i] - minus[i]);
        }
    }
}

/// End of a piece: `u += (k_1 + 2 k_2 + 2 k_3 + k_4)/6`, and `third += ⅔ |k_1 − k_2 − k_3 + k_4|`, which
/// is the third term `k³/6` of the exponential where the noise is linear.
struct End<'a, T> {
    slopes: &'a [Vec<T>; 4],
    u: &'a mut [T],
    third: &'a mut [T],
}

impl<T: Real> Rows for End<'_, T> {
    fn len(&self) -> usize {
        self.u.len()
    }

    #[inline(always)]
    fn apply(self) {
        let n = self.u.len();
        let (u, third) = (&mut self.u[..n], &mut self.third[..n]);
        let [k1, k2, k3, k4] = [0, 1, 2, 3].map(|s| &self.slopes[s][..n]);
        let (two, sixth, part) = (T::of(2.0), T::of(1.0 / 6.0), T::of(2.0 / 3.0));
        for i in 0..n {
            let inner = k2[i] + k3[i];
            let outer = k1[i] + k4[i];
            u[i] += sixth * (outer + two * inner);
            third[i] += part * (outer - inner).magnitude();
        }
    }
}

impl<T: Real> Splitting<T> {
    /// Evaluates drift `index` at a point, in the sense of Stratonovich.
    fn drift(&mut self, system: &mut System<'_, '_, T>, index: usize, t: f64, h: f64) {
        let (u, arch) = (&self.stage, self.arch);
        let out = &mut self.drifts[index];
        system.drift(t, u, out);
        if !self.ito {
            return;
        }
        let step = distance::<T>() * h.sqrt();
        let [here, plus, minus] = &mut self.moved_coefficients;
        // At the beginning of the step they are known.
        let centre = if index == 0 {
            &self.coefficients
        } else {
            system.diffusion(t, u, here);
            here
        };
        let n = u.len();
        for (column, slope) in centre.chunks_exact(n).enumerate() {
            for (factor, coefficients) in [(step, &mut *plus), (-step, &mut *minus)] {
                Scaled { u, factor, slope, out: &mut self.moved }.run(arch);
                system.diffusion(t, &self.moved, coefficients);
            }
            let part = column * n..(column + 1) * n;
            let (plus, minus) = (&plus[part.clone()], &minus[part]);
            Difference { factor: -0.25 / step, plus, minus, out: &mut out[..] }.run(arch);
        }
    }

    /// Moves `stage` along drift `index` for a time.
    fn follow(&mut self, index: usize, time: f64, u: &mut [T]) {
        u.copy_from_slice(&self.stage);
        let (slope, out) = (&self.drifts[index][..], &mut self.stage[..]);
        Scaled { u, factor: time, slope, out }.run(self.arch);
    }

    /// Moves `stage` along the noise at time `t` by the increments in `piece`.
    fn shake(&mut self, system: &mut System<'_, '_, T>, t: f64) {
        for (s, weight) in [0.0, 0.5, 0.5, 1.0].into_iter().enumerate() {
            let at = if s == 0 {
                &self.stage
            } else {
                let (u, slope) = (&self.stage[..], &self.slopes[s - 1][..]);
                Scaled { u, factor: weight, slope, out: &mut self.moved }.run(self.arch);
                &self.moved
            };
            let coefficients = &mut self.moved_coefficients[0];
            system.diffusion(t, at, coefficients);
            let out = &mut self.slopes[s][..];
            if system.is_diagonal() {
                Along { g: coefficients, w: &self.piece, out }.run(self.arch);
            } else {
                out.fill(T::ZERO);
                system.add_noise(coefficients, &self.piece, out);
            }
        }
        let Splitting { slopes, stage, third, .. } = self;
        End { slopes, u: stage, third }.run(self.arch);
    }
}

impl<T: Real> Scheme<T> for Splitting<T> {
    fn id(&self) -> &'static str {
        "splitting"
    }

    fn calculus(&self, calculus: Calculus) -> Calculus {
        calculus
    }

    fn refusal(&self, kind: NoiseKind, sources: usize) -> Option<&'static str> {
        refuse_iterated_integrals(kind, sources)
    }

    fn error_exponent(&self) -> f64 {
        1.5
    }

    fn resize(&mut self, n: usize, coefficients: usize) {
        let states = self.drifts.iter_mut().chain(&mut self.slopes);
        for vector in states.chain([&mut self.moved, &mut self.stage, &mut self.third]) {
            vector.resize(n, T::ZERO);
        }
        self.coefficients.resize(coefficients, T::ZERO);
        for vector in &mut self.moved_coefficients {
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
        let Trial { t, h, .. } = *trial;
        self.ito =
            system.noise.calculus == Calculus::Ito && system.noise.kind != NoiseKind::Additive;
        if trial.from != From::Again {
            system.diffusion(t, u, &mut self.coefficients);
        }
        self.third.fill(T::ZERO);
        self.piece.resize(trial.w.len(), 0.0);
        let pieces = |piece: &mut [f64], sign: f64| {
            for ((piece, w), area) in piece.iter_mut().zip(trial.w).zip(trial.area) {
                *piece = 0.5 * w + sign * 3.0_f64.sqrt() * area;
            }
        };
        self.stage.copy_from_slice(u);
        self.drift(system, 0, t, h);
        self.follow(0, OUTER * h, end);
        let middle = t + OUTER * h;
        pieces(&mut self.piece, 1.0);
        self.shake(system, middle);
        // `end` keeps the beginning of the drift in the middle.
        self.drift(system, 1, middle, h);
        self.follow(1, SECOND * h, end);
        self.drift(system, 2, middle + SECOND * h, h);
        self.stage.copy_from_slice(end);
        self.follow(2, MIDDLE * h, end);
        let last = t + (OUTER + MIDDLE) * h;
        pieces(&mut self.piece, -1.0);
        self.shake(system, last);
        self.drift(system, 3, last, h);
        self.follow(3, OUTER * h, end);
        end.copy_from_slice(&self.stage);
        if trial.measure {
            let half = T::of(0.5 * h);
            for (i, error) in error.iter_mut().enumerate() {
                let change = half * (self.drifts[3][i] - self.drifts[0][i]);
                *error = change.magnitude() + self.third[i];
            }
        }
        Outcome::Done
    }

    fn coefficients(&self) -> &[T] {
        &self.coefficients
    }
}
