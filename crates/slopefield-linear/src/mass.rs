//! Mass matrices.

use crate::{Pattern, Real};
use slopefield_kernel::Kernel;

/// The mass matrix `M(p)` of a system, or the identity.
#[derive(Debug, Clone, Default)]
pub struct Mass<T> {
    n: usize,
    /// None for the identity.
    pattern: Option<Pattern>,
    values: Vec<T>,
    scratch: Vec<T>,
    constant: bool,
}

impl<T: Real> Mass<T> {
    /// The identity of size 0, before [`Mass::evaluate`].
    pub fn new() -> Self {
        Mass { constant: true, ..Mass::default() }
    }

    /// The identity of size `n`.
    pub fn identity(n: usize) -> Self {
        Mass { n, constant: true, ..Mass::default() }
    }

    /// Takes the matrix of the system whose right-hand side is `rhs` at a point, or the identity
    /// where it has none. Allocates only when the pattern is another.
    pub fn evaluate(&mut self, rhs: &dyn Kernel<T>, t: f64, u: &[T], p: &[T]) {
        self.n = rhs.shape().outputs;
        let Some(kernel) = rhs.structure().mass else {
            self.pattern = None;
            self.constant = true;
            return;
        };
        let pattern = kernel.pattern();
        if !self.pattern.as_ref().is_some_and(|held| held.is(pattern)) {
            self.pattern = Some(Pattern::of(pattern));
        }
        self.constant = kernel.is_constant();
        self.values.resize(pattern.rows.len(), T::ZERO);
        self.scratch.resize(kernel.scratch_len(), T::ZERO);
        kernel.eval(T::of(t), u, p, &mut self.values, &mut self.scratch);
    }

    /// Number of rows and columns.
    pub fn size(&self) -> usize {
        self.n
    }

    /// Whether it is the identity because the system has no mass matrix.
    pub fn is_identity(&self) -> bool {
        self.pattern.is_none()
    }

    /// Whether its entries depend on parameters alone.
    pub fn is_constant(&self) -> bool {
        self.constant
    }

    /// Where the entries are; none for the identity.
    pub fn pattern(&self) -> Option<&Pattern> {
        self.pattern.as_ref()
    }

    /// The entries, in the order of the pattern; meaningless for the identity.
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// Writes `M x` to `out`.
    pub fn multiply(&self, x: &[T], out: &mut [T]) {
        if self.is_identity() {
            out.copy_from_slice(x);
        } else {
            out.fill(T::ZERO);
            self.add_product(x, out);
        }
    }

    /// Adds `factor Mᵀ x` to `out`.
    pub fn add_transposed(&self, factor: T, x: &[T], out: &mut [T]) {
        match &self.pattern {
            None => {
                for (out, x) in out.iter_mut().zip(x) {
                    *out += factor * *x;
                }
            }
            Some(pattern) => {
                for (j, out) in out.iter_mut().enumerate() {
                    let mut sum = T::ZERO;
                    for (i, m) in pattern.column(j).iter().zip(&self.values[pattern.range(j)]) {
                        sum += *m * x[*i as usize];
                    }
                    *out += factor * sum;
                }
            }
        }
    }

    /// Adds the derivative of `factor · leftᵀ M right` by each entry to `sums`, in the order of the
    /// pattern; nothing for the identity.
    pub fn add_outer(&self, factor: T, left: &[T], right: &[T], sums: &mut [T]) {
        let Some(pattern) = &self.pattern else { return };
        for (j, x) in right.iter().enumerate() {
            let x = factor * *x;
            for (i, sum) in pattern.column(j).iter().zip(&mut sums[pattern.range(j)]) {
                *sum += left[*i as usize] * x;
            }
        }
    }

    /// Adds `M x` to `out`.
    pub fn add_product(&self, x: &[T], out: &mut [T]) {
        match &self.pattern {
            None => {
                for (out, x) in out.iter_mut().zip(x) {
                    *out += *x;
                }
            }
            Some(pattern) => {
                for (j, x) in x.iter().enumerate() {
                    for (i, m) in pattern.column(j).iter().zip(&self.values[pattern.range(j)]) {
                        out[*i as usize] += *m * *x;
                    }
                }
            }
        }
    }
}
