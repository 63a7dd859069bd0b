//! The linear systems of an iteration: with factors of the matrix, or iterated.

use slopefield_linear::{Gmres, Ilu0, IterationMatrix, Jacobian, Mass, Real};

/// Vectors of the Krylov space before a restart,
const RESTART: usize = 40;
/// and products of a system at most.
const MOST_PRODUCTS: usize = 200;
/// Residuals are never below so many units of rounding of the right-hand side.
const ROUNDING: f64 = 1e3;

/// How systems with `M − c J` are solved.
pub(super) enum Linear<T: Real> {
    /// By factors, which serve many steps.
    Factored(Box<IterationMatrix<T>>),
    /// By GMRES with incomplete factors.
    Iterated(Box<Iterated<T>>),
}

pub(super) struct Iterated<T> {
    gmres: Gmres<T>,
    matrix: Ilu0<T>,
    /// `c` of the matrix, of which the incomplete factors may be those of another.
    c: T,
    right: Vec<T>,
    work: Vec<T>,
    rest: Vec<T>,
}

impl<T: Real> Linear<T> {
    pub(super) fn factored() -> Self {
        Linear::Factored(Box::new(IterationMatrix::new()))
    }

    pub(super) fn iterated() -> Self {
        Linear::Iterated(Box::new(Iterated {
            gmres: Gmres::new(0, RESTART),
            matrix: Ilu0::default(),
            c: T::ZERO,
            right: Vec::new(),
            work: Vec::new(),
            rest: Vec::new(),
        }))
    }

    /// Whether solutions are those of the very matrix asked for, and not of one for another `c`.
    pub(super) fn follows(&self) -> bool {
        matches!(self, Linear::Iterated(_))
    }

    /// Sizes everything.
    pub(super) fn prepare(&mut self, jacobian: &Jacobian<T>, mass: &Mass<T>) {
        match self {
            Linear::Factored(matrix) => matrix.prepare(jacobian, mass),
            Linear::Iterated(own) => {
                let n = jacobian.size();
                if own.work.len() != n {
                    own.gmres = Gmres::new(n, RESTART);
                    own.right.resize(n, T::ZERO);
                    own.work.resize(n, T::ZERO);
                    own.rest.resize(n, T::ZERO);
                }
                own.matrix.prepare(jacobian, mass);
            }
        }
    }

    /// Factors `M − c J`, completely or not; whether that can be done.
    pub(super) fn factor(&mut self, c: T, jacobian: &Jacobian<T>, mass: &Mass<T>) -> bool {
        match self {
            Linear::Factored(matrix) => matrix.factor(T::ONE, c, jacobian, mass).is_ok(),
            Linear::Iterated(own) => {
                own.c = c;
                own.matrix.factor(T::ONE, c, jacobian, mass).is_ok()
            }
        }
    }

    /// Goes over to `M − c J`, as far as that needs no factorisation.
    pub(super) fn follow(&mut self, c: T, jacobian: &Jacobian<T>, mass: &Mass<T>) {
        if let Linear::Iterated(own) = self
            && own.c != c
        {
            own.c = c;
            own.matrix.take(T::ONE, c, jacobian, mass);
        }
    }

    /// Replaces `x` by the solution with right-hand side `x`. Where it is iterated, until both the
    /// residual and what the incomplete factors make of it are at most `tolerance` in the norm with
    /// `weights` (root of the sum of squares): the first bounds the error of what decays, the second
    /// is the error where the factors are nearly complete. The number of solutions, or of products;
    /// none when the iteration does not converge.
    pub(super) fn solve(&mut self, x: &mut [T], weights: &[T], tolerance: f64) -> Option<u64> {
        let own = match self {
            Linear::Factored(matrix) => {
                matrix.solve(x);
                return Some(1);
            }
            Linear::Iterated(own) => own,
        };
        let Iterated { gmres, matrix, right, work, rest, .. } = &mut **own;
        for ((right, x), w) in right.iter_mut().zip(&*x).zip(weights) {
            *right = *x * *w;
        }
        x.fill(T::ZERO);
        let least = ROUNDING * T::EPSILON * size(right);
        let (mut aim, mut products) = (tolerance.max(least), 0);
        loop {
            // In the units of the tolerances.
            let product = |x: &[T], out: &mut [T]| {
                scale(x, weights, work);
                matrix.multiply(work, out);
                for (out, w) in out.iter_mut().zip(weights) {
                    *out *= *w;
                }
            };
            let precondition = |x: &mut [T]| {
                for (x, w) in x.iter_mut().zip(weights) {
                    *x /= *w;
                }
                matrix.solve(x);
                for (x, w) in x.iter_mut().zip(weights) {
                    *x *= *w;
                }
            };
            let budget = MOST_PRODUCTS - products;
            let ended = gmres.solve(product, precondition, right, x, aim, budget);
            products += ended.products;
            if !ended.converged || products >= MOST_PRODUCTS {
                return None;
            }
            scale(x, weights, work);
            matrix.multiply(work, rest);
            for ((rest, right), w) in rest.iter_mut().zip(&*right).zip(weights) {
                *rest = *right / *w - *rest;
            }
            matrix.solve(rest);
            for (rest, w) in rest.iter_mut().zip(weights) {
                *rest *= *w;
            }
            let error = size(rest);
            if error <= tolerance || aim <= least {
                break;
            }
            aim = (0.5 * aim * tolerance / error).max(least);
        }
        for (x, w) in x.iter_mut().zip(weights) {
            *x /= *w;
        }
        Some(products as u64)
    }
}

/// Writes `x` divided by the weights to `out`.
fn scale<T: Real>(x: &[T], weights: &[T], out: &mut [T]) {
    for ((out, x), w) in out.iter_mut().zip(x).zip(weights) {
        *out = *x / *w;
    }
}

/// Root of the sum of squares.
fn size<T: Real>(x: &[T]) -> f64 {
    x.iter().map(|x| x.f64() * x.f64()).sum::<f64>().sqrt()
}
