//! The size of the largest eigenvalue of the Jacobian, followed from step to step.

use crate::{Ivp, Real};
use slopefield_kernel::{Point, Tangent};

/// A power iteration that takes one Jacobian product for each step. The Jacobian changes little
/// from one step to the next, so the direction of the last step is a good start for the next.
#[derive(Debug, Default)]
pub(super) struct PowerIteration<T> {
    direction: Vec<T>,
    product: Vec<T>,
    value: Vec<T>,
    /// Along the parameters nothing changes.
    still: Vec<T>,
    scratch: Vec<T>,
}

impl<T: Real> PowerIteration<T> {
    /// Sizes the arrays; allocates only when sizes grow.
    pub(super) fn configure(&mut self, ivp: &Ivp<'_, T>) {
        let n = ivp.u0.len();
        for vector in [&mut self.direction, &mut self.product, &mut self.value] {
            vector.resize(n, T::ZERO);
        }
        self.still.clear();
        self.still.resize(ivp.p.len(), T::ZERO);
        self.scratch.resize(ivp.rhs.scratch_len(), T::ZERO);
    }

    /// Takes a start that has a part of every eigenvector but by accident.
    pub(super) fn begin(&mut self) {
        for (i, entry) in self.direction.iter_mut().enumerate() {
            // Signs without a period: differences of neighbours are fast where sums are slow.
            let odd = (i * i + i / 3) % 2 == 1;
            *entry = T::of(if odd { -1.0 } else { 1.0 } / (1.0 + 0.1 * (i % 7) as f64));
        }
    }

    /// Estimate of the size of the largest eigenvalue at `(t, u)`; NaN where a slope is not finite.
    pub(super) fn advance(&mut self, ivp: &Ivp<'_, T>, t: f64, u: &[T]) -> f64 {
        let at = Point { t: T::of(t), u, p: ivp.p };
        let along = Tangent { t: T::ZERO, u: &self.direction, p: &self.still };
        ivp.rhs.jvp(at, along, &mut self.value, &mut self.product, &mut self.scratch);
        let size = |v: &[T]| v.iter().map(|x| x.f64() * x.f64()).sum::<f64>().sqrt();
        let (before, after) = (size(&self.direction), size(&self.product));
        if after > 0.0 && after.is_finite() {
            for (entry, product) in self.direction.iter_mut().zip(&self.product) {
                *entry = T::of(product.f64() / after);
            }
        } else {
            self.begin();
        }
        after / before
    }
}
