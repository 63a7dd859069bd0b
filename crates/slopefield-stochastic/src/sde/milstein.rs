//! Milstein's method, explicit and with implicit drift.

use super::newton::Newton;
use super::scheme::{Ends, From, Outcome, Scheme, Trial, refuse_iterated_integrals};
use super::system::System;
use slopefield_kernel::{Calculus, NoiseKind};
use slopefield_solve::Real;

/// Milstein's noise: `Σ g_j W_j + ½ Σ_jk (∂g_k/∂u) g_j (W_j W_k − δ_jk h)` for Itô equations, without
/// `δ_jk h` for Stratonovich ones (Milstein 1974, doi:10.1137/1119062; Kloeden & Platen 1992,
/// section 10.3). Derivatives are exact, by forward products.
#[derive(Debug, Default)]
struct Noise<T> {
    sum: Vec<T>,
    /// Leading term left out, per state.
    left_out: Vec<T>,
    derivative: Vec<T>,
    direction: Vec<T>,
}

impl<T: Real> Noise<T> {
    fn resize(&mut self, n: usize, coefficients: usize) {
        self.sum.resize(n, T::ZERO);
        self.left_out.resize(n, T::ZERO);
        self.direction.resize(n, T::ZERO);
        self.derivative.resize(coefficients, T::ZERO);
    }

    /// Fills `sum` and `left_out`, and the coefficients at the beginning.
    fn compute(
        &mut self,
        system: &mut System<'_, '_, T>,
        trial: &Trial<'_>,
        u: &[T],
        coefficients: &mut [T],
    ) {
        let ito = system.noise.calculus == Calculus::Ito;
        let subtract = if ito { trial.h } else { 0.0 };
        self.left_out.fill(T::ZERO);
        match system.noise.kind {
            NoiseKind::Additive => system.diffusion(trial.t, u, coefficients),
            NoiseKind::Diagonal => return self.diagonal(system, trial, u, coefficients, subtract),
            NoiseKind::Commutative | NoiseKind::General => {
                self.commutative(system, trial, u, coefficients, subtract);
                return;
            }
        }
        self.sum.fill(T::ZERO);
        system.add_noise(coefficients, trial.w, &mut self.sum);
    }

    fn diagonal(
        &mut self,
        system: &mut System<'_, '_, T>,
        trial: &Trial<'_>,
        u: &[T],
        coefficients: &mut [T],
        subtract: f64,
    ) {
        system.diffusion(trial.t, u, coefficients);
        self.direction.copy_from_slice(coefficients);
        system.diffusion_along(trial.t, u, &self.direction, coefficients, &mut self.derivative);
        for (i, g) in coefficients.iter().enumerate() {
            let (g, along, w) = (*g, self.derivative[i], trial.w[i]);
            self.sum[i] = g * T::of(w) + along * T::of(0.5 * (w * w - subtract));
            // The next term is g (g g')' W³/6; where g is curved little, (g g')²/g W³/6.
            if g != T::ZERO {
                let third = along * along / g * T::of(w * w * w / 6.0);
                self.left_out[i] = third.magnitude();
            }
        }
    }

    fn commutative(
        &mut self,
        system: &mut System<'_, '_, T>,
        trial: &Trial<'_>,
        u: &[T],
        coefficients: &mut [T],
        subtract: f64,
    ) {
        let (n, m) = (u.len(), system.sources());
        system.diffusion(trial.t, u, coefficients);
        self.sum.fill(T::ZERO);
        system.add_noise(coefficients, trial.w, &mut self.sum);
        for j in 0..m {
            self.direction.copy_from_slice(&coefficients[j * n..(j + 1) * n]);
            system.diffusion_along(trial.t, u, &self.direction, coefficients, &mut self.derivative);
            for i in 0..n {
                let mut second = T::ZERO;
                for k in 0..m {
                    let product = trial.w[j] * trial.w[k] - if j == k { subtract } else { 0.0 };
                    second += self.derivative[k * n + i] * T::of(0.5 * product);
                }
                self.sum[i] += second;
                let size = self.derivative[j * n + i] * T::of(0.5 * trial.w[j] * trial.w[j]);
                self.left_out[i] += size.magnitude();
            }
        }
        // In a series p + p²/2 + p³/6 the third term is ⅔ of the second one's square by the first.
        for i in 0..n {
            let mut square = T::ZERO;
            for j in 0..m {
                square += coefficients[j * n + i] * coefficients[j * n + i];
            }
            let first = square.root() * T::of(trial.h.sqrt());
            let second = self.left_out[i];
            self.left_out[i] =
                if first > T::ZERO { T::of(2.0 / 3.0) * second * second / first } else { T::ZERO };
        }
    }
}

/// Milstein's method; strong order 1, weak order 1, for additive, diagonal and commutative noise in
/// both calculi.
#[derive(Debug, Default)]
pub(crate) struct Milstein<T> {
    ends: Ends<T>,
    noise: Noise<T>,
}

impl<T: Real> Scheme<T> for Milstein<T> {
    fn id(&self) -> &'static str {
        "milstein"
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
        self.ends.resize(n, coefficients);
        self.noise.resize(n, coefficients);
    }

    fn attempt(
        &mut self,
        system: &mut System<'_, '_, T>,
        trial: &Trial<'_>,
        u: &[T],
        end: &mut [T],
        error: &mut [T],
    ) -> Outcome {
        self.ends.begin(system, trial, u);
        self.noise.compute(system, trial, u, &mut self.ends.coefficients);
        let h = T::of(trial.h);
        for (i, end) in end.iter_mut().enumerate() {
            *end = u[i] + h * self.ends.drift[i] + self.noise.sum[i];
        }
        if trial.measure {
            self.ends.finish(system, trial, end);
            self.ends.drift_error(trial.h, error);
            for (error, left_out) in error.iter_mut().zip(&self.noise.left_out) {
                *error += *left_out;
            }
        }
        Outcome::Done
    }

    fn coefficients(&self) -> &[T] {
        &self.ends.coefficients
    }
}

/// Milstein's method with implicit drift, `u' = u + h f(t', u') + noise` (Kloeden & Platen 1992,
/// section 12.2): strong order 1, for stiff drift. The stage is solved by Newton's method.
#[derive(Debug, Default)]
pub(crate) struct ImplicitMilstein<T> {
    ends: Ends<T>,
    noise: Noise<T>,
    newton: Newton<T>,
}

impl<T: Real> Scheme<T> for ImplicitMilstein<T> {
    fn id(&self) -> &'static str {
        "implicit-milstein"
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
        self.ends.resize(n, coefficients);
        self.noise.resize(n, coefficients);
        self.newton.resize(n);
    }

    fn attempt(
        &mut self,
        system: &mut System<'_, '_, T>,
        trial: &Trial<'_>,
        u: &[T],
        end: &mut [T],
        error: &mut [T],
    ) -> Outcome {
        if trial.measure {
            self.ends.begin(system, trial, u);
        }
        self.noise.compute(system, trial, u, &mut self.ends.coefficients);
        for (i, known) in self.newton.known_mut().iter_mut().enumerate() {
            *known = u[i] + self.noise.sum[i];
        }
        if trial.from != From::Again {
            self.newton.new_jacobian(system, trial.t, u);
        }
        if !self.newton.solve(system, trial.t_new, trial.h, end) {
            return Outcome::NotConverged;
        }
        if trial.measure {
            self.ends.finish(system, trial, end);
            self.ends.drift_error(trial.h, error);
            for (error, left_out) in error.iter_mut().zip(&self.noise.left_out) {
                *error += *left_out;
            }
        }
        Outcome::Done
    }

    fn coefficients(&self) -> &[T] {
        &self.ends.coefficients
    }

    fn work(&self) -> [u64; 3] {
        self.newton.counts()
    }
}
