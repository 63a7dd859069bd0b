//! Restarted GMRES for systems that are too large for a factorisation.

use crate::Real;

/// Work space and settings of [`Gmres::solve`]: the generalised minimal residual method with
/// restarts and preconditioning from the right, orthogonalised by modified Gram–Schmidt (Saad,
/// Schultz, *GMRES: a generalized minimal residual algorithm for solving nonsymmetric linear
/// systems*, SIAM J. Sci. Stat. Comput. 7 (1986) 856, doi:10.1137/0907058).
///
/// Preconditioned from the right, the residual that is minimised is that of the system itself.
#[derive(Debug, Clone)]
pub struct Gmres<T> {
    n: usize,
    /// Dimension of the Krylov space between restarts.
    restart: usize,
    /// Orthonormal vectors, row by row.
    basis: Vec<T>,
    /// Column `k` of the triangular factor, at `k (restart + 1)`.
    triangle: Vec<f64>,
    rotations: Vec<(f64, f64)>,
    right: Vec<f64>,
    work: Vec<T>,
    direction: Vec<T>,
}

/// How an iterative solution ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Iterated {
    /// Products with the matrix.
    pub products: usize,
    /// Euclidean norm of the residual, at the end.
    pub residual: f64,
    /// Whether that is within the tolerance asked for.
    pub converged: bool,
}

impl<T: Real> Gmres<T> {
    /// For systems of `n` equations, restarted after `restart` products.
    pub fn new(n: usize, restart: usize) -> Self {
        let restart = restart.clamp(1, n.max(1));
        Gmres {
            n,
            restart,
            basis: vec![T::ZERO; (restart + 1) * n],
            triangle: vec![0.0; restart * (restart + 1)],
            rotations: vec![(1.0, 0.0); restart],
            right: vec![0.0; restart + 1],
            work: vec![T::ZERO; n],
            direction: vec![T::ZERO; n],
        }
    }

    /// Solves `A x = r` to a residual of Euclidean norm `tolerance`, from the guess in `x`, with at
    /// most `products` products. `product(x, out)` writes `A x`; `precondition(x)` replaces `x` by
    /// about `A⁻¹ x` (or leaves it). Stops when the residual is not finite. Allocates nothing.
    pub fn solve(
        &mut self,
        mut product: impl FnMut(&[T], &mut [T]),
        mut precondition: impl FnMut(&mut [T]),
        r: &[T],
        x: &mut [T],
        tolerance: f64,
        products: usize,
    ) -> Iterated {
        let mut used = 0;
        loop {
            // The residual itself, not its estimate, decides.
            product(x, &mut self.work);
            used += 1;
            for (work, r) in self.work.iter_mut().zip(r) {
                *work = *r - *work;
            }
            let residual = norm(&self.work);
            let converged = residual <= tolerance;
            if converged || used >= products || !residual.is_finite() {
                return Iterated { products: used, residual, converged };
            }
            let budget = self.restart.min(products - used);
            let steps = self.cycle(&mut product, &mut precondition, residual, tolerance, budget);
            used += steps;
            if steps == 0 || !self.add_correction(steps, &mut precondition, x) {
                return Iterated { products: used, residual, converged: false };
            }
        }
    }

    /// Builds the Krylov space from the residual in `work`; returns its dimension.
    fn cycle(
        &mut self,
        product: &mut impl FnMut(&[T], &mut [T]),
        precondition: &mut impl FnMut(&mut [T]),
        residual: f64,
        tolerance: f64,
        budget: usize,
    ) -> usize {
        let n = self.n;
        let height = self.restart + 1;
        scaled_copy(&self.work, 1.0 / residual, &mut self.basis[..n]);
        self.right.fill(0.0);
        self.right[0] = residual;
        for k in 0..budget {
            self.direction.copy_from_slice(&self.basis[k * n..(k + 1) * n]);
            precondition(&mut self.direction);
            product(&self.direction, &mut self.work);
            let column = &mut self.triangle[k * height..(k + 1) * height];
            for (entry, q) in column.iter_mut().zip(self.basis.chunks_exact(n)).take(k + 1) {
                *entry = dot(q, &self.work);
                let factor = T::of(*entry);
                for (work, q) in self.work.iter_mut().zip(q) {
                    *work -= factor * *q;
                }
            }
            let rest = norm(&self.work);
            if !rest.is_finite() {
                return k;
            }
            for (i, (c, s)) in self.rotations[..k].iter().enumerate() {
                let (above, below) = (column[i], column[i + 1]);
                column[i] = c * above + s * below;
                column[i + 1] = c * below - s * above;
            }
            let length = column[k].hypot(rest);
            if length == 0.0 {
                return k;
            }
            let (c, s) = (column[k] / length, rest / length);
            column[k] = length;
            self.rotations[k] = (c, s);
            self.right[k + 1] = -s * self.right[k];
            self.right[k] *= c;
            if self.right[k + 1].abs() <= tolerance || rest == 0.0 {
                return k + 1;
            }
            scaled_copy(&self.work, 1.0 / rest, &mut self.basis[(k + 1) * n..(k + 2) * n]);
        }
        budget
    }

    /// Adds the best combination of `steps` directions to `x`; false when it is not finite.
    fn add_correction(
        &mut self,
        steps: usize,
        precondition: &mut impl FnMut(&mut [T]),
        x: &mut [T],
    ) -> bool {
        let height = self.restart + 1;
        for k in (0..steps).rev() {
            let weight = self.right[k] / self.triangle[k * height + k];
            self.right[k] = weight;
            for i in 0..k {
                self.right[i] -= weight * self.triangle[k * height + i];
            }
        }
        self.direction.fill(T::ZERO);
        for (weight, q) in self.right[..steps].iter().zip(self.basis.chunks_exact(self.n)) {
            let weight = T::of(*weight);
            for (sum, q) in self.direction.iter_mut().zip(q) {
                *sum += weight * *q;
            }
        }
        precondition(&mut self.direction);
        if !self.direction.iter().all(|d| d.finite()) {
            return false;
        }
        for (x, d) in x.iter_mut().zip(&self.direction) {
            *x += *d;
        }
        true
    }
}

/// Eight sums at once, which do not wait for each other.
fn dot<T: Real>(a: &[T], b: &[T]) -> f64 {
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a.f64() * b.f64();
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a.f64() * b.f64()).sum();
    sums.iter().sum::<f64>() + rest
}

fn norm<T: Real>(a: &[T]) -> f64 {
    dot(a, a).sqrt()
}

fn scaled_copy<T: Real>(from: &[T], factor: f64, to: &mut [T]) {
    let factor = T::of(factor);
    for (to, from) in to.iter_mut().zip(from) {
        *to = factor * *from;
    }
}
