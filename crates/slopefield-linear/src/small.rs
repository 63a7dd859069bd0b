//! Dense LU factorisation of small matrices: no calls, no blocks.

use crate::{Field, Real, Singular};

/// Largest size for which this is faster than blocked code.
pub(crate) const LARGEST: usize = 32;

/// LU factorisation with partial pivoting of a dense matrix by columns.
#[derive(Debug, Clone, Default)]
pub(crate) struct SmallLu<E> {
    n: usize,
    /// The matrix by columns; after [`SmallLu::factor`] its factors, with reciprocal pivots.
    pub(crate) values: Vec<E>,
    /// Row `i` of the factors is row `order[i]` of the matrix.
    order: Vec<u32>,
    work: Vec<E>,
}

impl<E: Field> SmallLu<E> {
    pub(crate) fn resize(&mut self, n: usize) {
        self.n = n;
        self.values.resize(n * n, E::NOTHING);
        self.order.resize(n, 0);
        self.work.resize(n, E::NOTHING);
    }

    pub(crate) fn factor(&mut self) -> Result<(), Singular> {
        match self.n {
            1 => self.factor_fixed::<1>(),
            2 => self.factor_fixed::<2>(),
            3 => self.factor_fixed::<3>(),
            4 => self.factor_fixed::<4>(),
            _ => self.factor_any(),
        }
    }

    pub(crate) fn solve(&mut self, x: &mut [E]) {
        match self.n {
            1 => x[0] *= self.values[0],
            2 => self.solve_fixed::<2>(x),
            3 => self.solve_fixed::<3>(x),
            4 => self.solve_fixed::<4>(x),
            _ => self.solve_any(x),
        }
    }

    /// All loops unroll: the size is a constant.
    fn factor_fixed<const N: usize>(&mut self) -> Result<(), Singular> {
        let (Some(values), Some(order)) = (
            self.values.as_chunks_mut::<N>().0.first_chunk_mut::<N>(),
            self.order.first_chunk_mut::<N>(),
        ) else {
            return Err(Singular { column: 0 });
        };
        let mut a: [[E; N]; N] = *values;
        let mut rows: [u32; N] = std::array::from_fn(|i| i as u32);
        for k in 0..N {
            let mut pivot = k;
            for i in k + 1..N {
                if a[k][i].size() > a[k][pivot].size() {
                    pivot = i;
                }
            }
            if pivot != k {
                for column in &mut a {
                    column.swap(k, pivot);
                }
                rows.swap(k, pivot);
            }
            let mut noise = <E::Part as Real>::ZERO;
            for (column, u) in a[..k].iter().zip(&a[k]) {
                noise += (column[k] * *u).size();
            }
            acceptable(a[k][k], noise, k)?;
            let reciprocal = a[k][k].reciprocal();
            a[k][k] = reciprocal;
            for l in &mut a[k][k + 1..] {
                *l *= reciprocal;
            }
            for j in k + 1..N {
                for i in k + 1..N {
                    let product = a[k][i] * a[j][k];
                    a[j][i] -= product;
                }
            }
        }
        *values = a;
        *order = rows;
        Ok(())
    }

    #[inline(always)]
    fn solve_fixed<const N: usize>(&self, x: &mut [E]) {
        let (Some(a), Some(order), Some(x)) = (
            self.values.as_chunks::<N>().0.first_chunk::<N>(),
            self.order.first_chunk::<N>(),
            x.first_chunk_mut::<N>(),
        ) else {
            return;
        };
        let mut y: [E; N] = std::array::from_fn(|i| x[order[i] as usize]);
        for k in 0..N {
            for i in k + 1..N {
                let product = a[k][i] * y[k];
                y[i] -= product;
            }
        }
        for k in (0..N).rev() {
            y[k] *= a[k][k];
            for i in 0..k {
                let product = a[k][i] * y[k];
                y[i] -= product;
            }
        }
        *x = y;
    }

    fn factor_any(&mut self) -> Result<(), Singular> {
        let n = self.n;
        for (i, row) in self.order.iter_mut().enumerate() {
            *row = i as u32;
        }
        for k in 0..n {
            let column = &self.values[k * n..(k + 1) * n];
            let (mut pivot, mut largest) = (k, column[k].size());
            for (i, entry) in column.iter().enumerate().skip(k + 1) {
                if entry.size() > largest {
                    (pivot, largest) = (i, entry.size());
                }
            }
            if pivot != k {
                for column in self.values.chunks_exact_mut(n) {
                    column.swap(k, pivot);
                }
                self.order.swap(k, pivot);
            }
            let noise = self.noise(k);
            let (done, rest) = self.values.split_at_mut((k + 1) * n);
            let column = &mut done[k * n..];
            acceptable(column[k], noise, k)?;
            let reciprocal = column[k].reciprocal();
            column[k] = reciprocal;
            for entry in &mut column[k + 1..] {
                *entry *= reciprocal;
            }
            let below = &column[k + 1..];
            for target in rest.chunks_exact_mut(n) {
                let factor = target[k];
                for (entry, l) in target[k + 1..].iter_mut().zip(below) {
                    *entry -= *l * factor;
                }
            }
        }
        Ok(())
    }

    /// Size of the products that were subtracted to give pivot `k`.
    fn noise(&self, k: usize) -> E::Part {
        let n = self.n;
        let mut noise = <E::Part as Real>::ZERO;
        for j in 0..k {
            noise += (self.values[j * n + k] * self.values[k * n + j]).size();
        }
        noise
    }

    fn solve_any(&mut self, x: &mut [E]) {
        let n = self.n;
        let y = &mut self.work[..n];
        for (y, row) in y.iter_mut().zip(&self.order) {
            *y = x[*row as usize];
        }
        for (k, column) in self.values.chunks_exact(n).enumerate() {
            let (before, after) = y.split_at_mut(k + 1);
            let factor = before[k];
            for (y, l) in after.iter_mut().zip(&column[k + 1..]) {
                *y -= *l * factor;
            }
        }
        for (k, column) in self.values.chunks_exact(n).enumerate().rev() {
            let (before, after) = y.split_at_mut(k);
            let factor = after[0] * column[k];
            after[0] = factor;
            for (y, u) in before.iter_mut().zip(column) {
                *y -= *u * factor;
            }
        }
        x.copy_from_slice(y);
    }

    pub(crate) fn solve_transposed(&mut self, x: &mut [E]) {
        let n = self.n;
        let y = &mut self.work[..n];
        for k in 0..n {
            let column = &self.values[k * n..(k + 1) * n];
            let mut sum = x[k];
            for (y, u) in y[..k].iter().zip(column) {
                sum -= *y * *u;
            }
            y[k] = sum * column[k];
        }
        for k in (0..n).rev() {
            let column = &self.values[k * n..(k + 1) * n];
            let mut sum = y[k];
            for (y, l) in y[k + 1..].iter().zip(&column[k + 1..]) {
                sum -= *y * *l;
            }
            y[k] = sum;
        }
        for (y, row) in y.iter().zip(&self.order) {
            x[*row as usize] = *y;
        }
    }
}

/// Units of rounding in the products behind a pivot that may be left in it.
const ROUNDINGS: f64 = 8.0;

/// Refuses a pivot that is 0, not finite, or nothing but the rounding of the products of size
/// `noise` that were subtracted from it: no digit of it is right.
#[inline(always)]
pub(crate) fn acceptable<E: Field>(
    pivot: E,
    noise: E::Part,
    column: usize,
) -> Result<(), Singular> {
    let size = pivot.size();
    let rounding = <E::Part as Real>::of(ROUNDINGS * <E::Part as Real>::EPSILON) * noise;
    if size > rounding && pivot.bounded() { Ok(()) } else { Err(Singular { column }) }
}
