//! Solutions with the factors.

use super::{SparseLu, Triangle};
use crate::Field;

/// With fewer entries per column than this, a loop over all entries is faster than one over the
/// entries of each column, whose ends the processor does not foresee.
const FLAT: usize = 6;

impl<E: Field> Triangle<E> {
    fn is_flat(&self) -> bool {
        self.entries.len() < FLAT * self.starts.len()
    }

    /// Subtracts multiples of the unknowns found from others, first to last column.
    fn eliminate_forward(&self, y: &mut [E]) {
        if self.is_flat() {
            for ([row, column], value) in self.entries.iter().zip(&self.values) {
                let product = *value * y[*column as usize];
                y[*row as usize] -= product;
            }
            return;
        }
        for k in 0..self.starts.len() - 1 {
            let (factor, range) = (y[k], self.range(k));
            for ([row, _], value) in self.entries[range.clone()].iter().zip(&self.values[range]) {
                y[*row as usize] -= *value * factor;
            }
        }
    }

    /// The same, last to first column.
    fn eliminate_backward(&self, y: &mut [E]) {
        if self.is_flat() {
            for ([row, column], value) in self.entries.iter().zip(&self.values).rev() {
                let product = *value * y[*column as usize];
                y[*row as usize] -= product;
            }
            return;
        }
        for k in (0..self.starts.len() - 1).rev() {
            let (factor, range) = (y[k], self.range(k));
            for ([row, _], value) in self.entries[range.clone()].iter().zip(&self.values[range]) {
                y[*row as usize] -= *value * factor;
            }
        }
    }

    /// With the transposed triangle, in the order of columns given.
    fn eliminate_transposed(&self, y: &mut [E], columns: impl Iterator<Item = usize>) {
        for k in columns {
            let (mut sum, range) = (y[k], self.range(k));
            for ([row, _], value) in self.entries[range.clone()].iter().zip(&self.values[range]) {
                sum -= *value * y[*row as usize];
            }
            y[k] = sum;
        }
    }
}

impl<E: Field> SparseLu<E> {
    pub(crate) fn solve(&mut self, x: &mut [E]) {
        let y = &mut self.work[..];
        for (x, place) in x.iter().zip(&self.pivoting.place) {
            y[*place as usize] = *x;
        }
        self.lower.eliminate_forward(y);
        for (y, reciprocal) in y.iter_mut().zip(&self.reciprocals) {
            *y *= *reciprocal;
        }
        self.upper.eliminate_backward(y);
        for (y, column) in y.iter().zip(&self.pivoting.order) {
            x[*column as usize] = *y;
        }
    }

    pub(crate) fn solve_transposed(&mut self, x: &mut [E]) {
        let y = &mut self.work[..];
        for (y, column) in y.iter_mut().zip(&self.pivoting.order) {
            *y = x[*column as usize];
        }
        self.upper.eliminate_transposed(y, 0..self.n);
        for (y, reciprocal) in y.iter_mut().zip(&self.reciprocals) {
            *y *= *reciprocal;
        }
        self.lower.eliminate_transposed(y, (0..self.n).rev());
        for (x, place) in x.iter_mut().zip(&self.pivoting.place) {
            *x = y[*place as usize];
        }
    }
}
