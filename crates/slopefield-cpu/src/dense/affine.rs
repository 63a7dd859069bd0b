//! `y = A x`, with something to add and a function to apply: the forward pass of a dense layer.

use super::rows::Eight;
use super::table::MapFn;
use crate::simd::zero;

/// Matrices whose rows have at least this many columns are read in whole cache lines.
pub(super) const WIDE: usize = 32;

/// How many elements after a vector boundary every row of a matrix starts, where reading whole lines
/// pays: rows must be long and all start alike. Otherwise 0.
///
/// A vector of eight `f64` is a cache line, and reading across two of them costs two reads. Where
/// matrices start is not ours to choose, because weights follow each other in the parameters.
#[inline(always)]
pub(super) fn skip<T>(a: *const T, cols: usize) -> usize {
    if cols >= WIDE && cols.is_multiple_of(8) { a as usize / size_of::<T>() % 8 } else { 0 }
}

/// Partial sums (one vector each) of `R` rows with `x`: column `j` goes to lane
/// `(j + skip) % 8`, columns in increasing order within each lane. [`Eight::sums`] of them does not
/// depend on `skip`.
#[inline(always)]
unsafe fn rows_times<E: Eight, const R: usize>(
    a: *const E::T,
    x: *const E::T,
    cols: usize,
    skip: usize,
) -> [E::V; R] {
    // SAFETY: R rows of `cols` elements and `cols` elements of x are valid; with `skip > 0` there
    // are at least 8 columns, so the lanes of the first vector that are read are columns.
    unsafe {
        let mut acc = [zero::<E>(); R];
        let mut j = 0;
        if skip > 0 {
            let v = E::load_last(x.wrapping_sub(skip), skip);
            for (r, acc) in acc.iter_mut().enumerate() {
                let row = E::load_last(a.add(r * cols).wrapping_sub(skip), skip);
                *acc = E::mul_add(row, v, *acc);
            }
            j = 8 - skip;
        }
        while j + 8 <= cols {
            let v = E::load(x.add(j));
            for (r, acc) in acc.iter_mut().enumerate() {
                *acc = E::mul_add(E::load(a.add(r * cols + j)), v, *acc);
            }
            j += 8;
        }
        if j < cols {
            let rest = cols - j;
            let v = E::load_part(x.add(j), rest);
            for (r, acc) in acc.iter_mut().enumerate() {
                *acc = E::mul_add(E::load_part(a.add(r * cols + j), rest), v, *acc);
            }
        }
        acc
    }
}

/// Where the rows of a product go, and what is added to them (nothing if null).
#[derive(Clone, Copy)]
struct Rows<T> {
    y: *mut T,
    start: *const T,
}

impl<T: Copy> Rows<T> {
    /// Writes `n` rows from row `i`.
    #[inline(always)]
    unsafe fn put<E: Eight<T = T>>(self, i: usize, n: usize, v: E::V) {
        // SAFETY: rows i..i + n of y, and of start unless it is null, are valid.
        unsafe {
            let (y, start) = (self.y.add(i), self.start.wrapping_add(i));
            let has_start = !self.start.is_null();
            if n == 8 {
                E::store(y, if has_start { E::add(E::load(start), v) } else { v });
            } else {
                let v = if has_start { E::add(E::load_part(start, n), v) } else { v };
                E::store_part(y, n, v);
            }
        }
    }

    /// Writes `N` rows from row `i`, 1, 2 or 4.
    #[inline(always)]
    unsafe fn put_first<E: Eight<T = T>, const N: usize>(self, i: usize, v: E::V) {
        // SAFETY: as in `put`.
        unsafe {
            let start = self.start.wrapping_add(i);
            let v = if self.start.is_null() { v } else { E::add(E::load_part(start, N), v) };
            E::store_first::<N>(self.y.add(i), v);
        }
    }
}

/// `y = F(A x + start)`; `start` may be null for 0 or `y` itself, and without `map` F is the
/// identity.
///
/// # Safety
/// `rows · cols` elements of `a`, `cols` of `x`, `rows` of `y` and of `start` are valid; the contract of
/// `Vector`, which `map` shares.
#[inline(always)]
pub(super) unsafe fn affine<E: Eight>(
    y: *mut E::T,
    a: *const E::T,
    x: *const E::T,
    start: *const E::T,
    rows: usize,
    cols: usize,
    map: Option<MapFn<E::T>>,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let to = Rows { y, start };
        match cols {
            1 => one_column::<E>(to, a, x, rows),
            2 => two_columns::<E>(to, a, x, rows),
            3 => few_columns::<E, 3>(to, a, x, rows),
            4 => few_columns::<E, 4>(to, a, x, rows),
            5 => few_columns::<E, 5>(to, a, x, rows),
            6 => few_columns::<E, 6>(to, a, x, rows),
            7 => few_columns::<E, 7>(to, a, x, rows),
            _ => many_columns::<E>(to, a, x, rows, cols),
        }
        if let Some(map) = map {
            map(y, y, rows);
        }
    }
}

#[inline(always)]
unsafe fn many_columns<E: Eight>(
    to: Rows<E::T>,
    a: *const E::T,
    x: *const E::T,
    rows: usize,
    cols: usize,
) {
    // SAFETY: all accesses lie in the rows and columns that the caller promises.
    unsafe {
        let skip = skip(a, cols);
        let zero = zero::<E>();
        let mut i = 0;
        while i + 8 <= rows {
            let block = a.add(i * cols);
            let sums = if E::ROWS == 8 {
                E::sums(rows_times::<E, 8>(block, x, cols, skip))
            } else {
                let p = rows_times::<E, 4>(block, x, cols, skip);
                let q = rows_times::<E, 4>(block.add(4 * cols), x, cols, skip);
                E::sums([p[0], p[1], p[2], p[3], q[0], q[1], q[2], q[3]])
            };
            to.put::<E>(i, 8, sums);
            i += 8;
        }
        let mut block = a.add(i * cols);
        let mut left = rows - i;
        if left >= 4 {
            let p = rows_times::<E, 4>(block, x, cols, skip);
            to.put_first::<E, 4>(i, E::sums([p[0], p[1], p[2], p[3], zero, zero, zero, zero]));
            (i, left, block) = (i + 4, left - 4, block.add(4 * cols));
        }
        if left >= 2 {
            let p = rows_times::<E, 2>(block, x, cols, skip);
            to.put_first::<E, 2>(i, E::sums([p[0], p[1], zero, zero, zero, zero, zero, zero]));
            (i, left, block) = (i + 2, left - 2, block.add(2 * cols));
        }
        if left == 1 {
            let p = rows_times::<E, 1>(block, x, cols, skip);
            to.put_first::<E, 1>(i, E::sums([p[0], zero, zero, zero, zero, zero, zero, zero]));
        }
    }
}

/// Lanes are rows.
#[inline(always)]
unsafe fn one_column<E: Eight>(to: Rows<E::T>, a: *const E::T, x: *const E::T, rows: usize) {
    // SAFETY: `rows` elements of a and one of x are valid.
    unsafe {
        let x = E::splat(*x);
        let mut i = 0;
        while i + 8 <= rows {
            to.put::<E>(i, 8, E::mul(E::load(a.add(i)), x));
            i += 8;
        }
        if i < rows {
            let rest = rows - i;
            to.put::<E>(i, rest, E::mul(E::load_part(a.add(i), rest), x));
        }
    }
}

/// Lanes are rows.
#[inline(always)]
unsafe fn two_columns<E: Eight>(to: Rows<E::T>, a: *const E::T, x: *const E::T, rows: usize) {
    // SAFETY: 2 · rows elements of a and 2 of x are valid.
    unsafe {
        let (x0, x1) = (E::splat(*x), E::splat(*x.add(1)));
        let mut i = 0;
        while i + 8 <= rows {
            let (even, odd) = pairs::<E>(a.add(2 * i), 8);
            to.put::<E>(i, 8, E::mul_add(odd, x1, E::mul(even, x0)));
            i += 8;
        }
        if i < rows {
            let (even, odd) = pairs::<E>(a.add(2 * i), rows - i);
            to.put::<E>(i, rows - i, E::mul_add(odd, x1, E::mul(even, x0)));
        }
    }
}

/// Row by row: `C` products are too few to fill a vector.
#[inline(always)]
unsafe fn few_columns<E: Eight, const C: usize>(
    to: Rows<E::T>,
    a: *const E::T,
    x: *const E::T,
    rows: usize,
) {
    // SAFETY: C · rows elements of a, C of x and, by `Rows`, `rows` of y are valid.
    unsafe {
        let x: [E::T; C] = std::array::from_fn(|j| *x.add(j));
        for i in 0..rows {
            let row = a.add(i * C);
            let mut sum = *row * x[0];
            for (j, x) in x.iter().enumerate().skip(1) {
                sum = E::one(*row.add(j), *x, sum);
            }
            let start = if to.start.is_null() { E::T::default() } else { *to.start.add(i) };
            *to.y.add(i) = sum + start;
        }
    }
}

/// The first and the second elements of `n <= 8` pairs.
///
/// # Safety
/// `2 n` elements are valid; the contract of `Vector`.
#[inline(always)]
pub(super) unsafe fn pairs<E: Eight>(p: *const E::T, n: usize) -> (E::V, E::V) {
    // SAFETY: the caller's promise.
    unsafe {
        let (low, high) = match n {
            8 => (E::load(p), E::load(p.add(8))),
            5..8 => (E::load(p), E::load_part(p.add(8), 2 * n - 8)),
            4 => (E::load(p), zero::<E>()),
            _ => (E::load_part(p, 2 * n), zero::<E>()),
        };
        E::deinterleave(low, high)
    }
}
