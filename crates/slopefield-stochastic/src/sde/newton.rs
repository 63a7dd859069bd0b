//! The equation of an implicit step: `x = known + h f(t, x)`.

use super::system::System;
use slopefield_solve::Real;

/// Most iterations; a step that needs more is too long.
const ITERATIONS: usize = 12;

/// Simplified Newton iteration with a dense factorisation (LU with partial pivoting), which suits
/// the few states of most stochastic systems.
#[derive(Debug, Default)]
pub(crate) struct Newton<T> {
    n: usize,
    known: Vec<T>,
    jacobian: Vec<T>,
    factors: Vec<T>,
    pivots: Vec<usize>,
    residual: Vec<T>,
    value: Vec<T>,
    entries: Vec<T>,
    iterations: u64,
    factorisations: u64,
    jacobians: u64,
}

impl<T: Real> Newton<T> {
    pub(crate) fn resize(&mut self, n: usize) {
        self.n = n;
        self.known.resize(n, T::ZERO);
        self.residual.resize(n, T::ZERO);
        self.value.resize(n, T::ZERO);
        self.jacobian.resize(n * n, T::ZERO);
        self.factors.resize(n * n, T::ZERO);
        self.pivots.resize(n, 0);
        (self.iterations, self.factorisations, self.jacobians) = (0, 0, 0);
    }

    pub(crate) fn known_mut(&mut self) -> &mut [T] {
        &mut self.known
    }

    /// Iterations, factorisations, Jacobians.
    pub(crate) fn counts(&self) -> [u64; 3] {
        [self.iterations, self.factorisations, self.jacobians]
    }

    /// Evaluates the Jacobian at a point.
    pub(crate) fn new_jacobian(&mut self, system: &mut System<'_, '_, T>, t: f64, u: &[T]) {
        self.jacobians += 1;
        system.jacobian(
            t,
            u,
            &mut self.jacobian,
            &mut self.residual,
            &mut self.value,
            &mut self.entries,
        );
    }

    /// Solves for `x`, from `known` on, until the change is below 1e-10 of `x` (or rounding). Where
    /// convergence is slow the Jacobian is evaluated anew. Whether it converged.
    pub(crate) fn solve(
        &mut self,
        system: &mut System<'_, '_, T>,
        t: f64,
        h: f64,
        x: &mut [T],
    ) -> bool {
        let tolerance = 1e-10_f64.max(16.0 * T::EPSILON);
        if !self.factorise(h) {
            return false;
        }
        x.copy_from_slice(&self.known);
        let mut previous = f64::INFINITY;
        for _ in 0..ITERATIONS {
            self.iterations += 1;
            system.drift(t, x, &mut self.value);
            for (i, x) in x.iter().enumerate() {
                self.residual[i] = self.known[i] + T::of(h) * self.value[i] - *x;
            }
            self.substitute();
            let largest = x.iter().fold(0.0, |most: f64, x| most.max(x.magnitude().f64()));
            let mut change = 0.0_f64;
            for (x, d) in x.iter_mut().zip(&self.residual) {
                *x += *d;
                let scale = x.magnitude().f64().max(1e-8 * largest).max(f64::MIN_POSITIVE);
                change = change.max(d.magnitude().f64() / scale);
                if !x.finite() {
                    return false;
                }
            }
            if change <= tolerance {
                return true;
            }
            if change > 0.1 * previous {
                self.new_jacobian(system, t, x);
                if !self.factorise(h) {
                    return false;
                }
            }
            previous = change;
        }
        false
    }

    /// LU factors of `1 − h J`, column by column.
    fn factorise(&mut self, h: f64) -> bool {
        self.factorisations += 1;
        let (n, a) = (self.n, &mut self.factors);
        for (k, (a, j)) in a.iter_mut().zip(&self.jacobian).enumerate() {
            let one = if k % (n + 1) == 0 { T::ONE } else { T::ZERO };
            *a = one - T::of(h) * *j;
        }
        for k in 0..n {
            let mut pivot = k;
            for i in k + 1..n {
                if a[k * n + i].magnitude() > a[k * n + pivot].magnitude() {
                    pivot = i;
                }
            }
            let size = a[k * n + pivot];
            if !size.finite() || size == T::ZERO {
                return false;
            }
            self.pivots[k] = pivot;
            for j in 0..n {
                a.swap(j * n + k, j * n + pivot);
            }
            for i in k + 1..n {
                a[k * n + i] /= size;
            }
            for j in k + 1..n {
                let factor = a[j * n + k];
                for i in k + 1..n {
                    let product = a[k * n + i] * factor;
                    a[j * n + i] -= product;
                }
            }
        }
        true
    }

    /// Solves with the factors in place of `residual`.
    fn substitute(&mut self) {
        let (n, a, b) = (self.n, &self.factors, &mut self.residual);
        for k in 0..n {
            b.swap(k, self.pivots[k]);
            for i in k + 1..n {
                let product = a[k * n + i] * b[k];
                b[i] -= product;
            }
        }
        for k in (0..n).rev() {
            b[k] /= a[k * n + k];
            for i in 0..k {
                let product = a[k * n + i] * b[k];
                b[i] -= product;
            }
        }
    }
}
