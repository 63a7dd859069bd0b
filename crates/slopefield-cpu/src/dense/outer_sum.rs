//! `A += Σ x yᵀ`: what many products of a dense layer add to the gradient of its weights, in one pass
//! over that gradient.

use super::rows::Eight;
use super::transposed::get;
use crate::simd::zero;

/// Pairs of vectors, the `k`-th of them `k · stride` elements behind the first.
#[derive(Clone, Copy)]
pub(super) struct Terms<T> {
    pub x: *const T,
    /// Null for a vector of ones.
    pub y: *const T,
    pub stride: usize,
    pub count: usize,
}

/// As many columns as are worked on before the rows go on: their factors stay in the nearest cache.
const TILE: usize = 256;

/// `A += Σ x yᵀ`.
///
/// # Safety
/// `rows · cols` elements of `a` are valid, `rows` of every `x` and `cols` of every `y`; without `y` there
/// is one column. The contract of `Vector`.
#[inline(always)]
pub(super) unsafe fn outer_sum<E: Eight>(
    a: *mut E::T,
    terms: &Terms<E::T>,
    rows: usize,
    cols: usize,
) {
    // SAFETY: all accesses lie in the rows and columns that the caller promises.
    unsafe {
        match cols {
            1 => return one_column::<E>(a, terms, rows),
            2 => return two_columns::<E>(a, terms, rows),
            _ => {}
        }
        let mut first = 0;
        while first < cols {
            let tile = (cols - first).min(TILE);
            let from = Terms { y: terms.y.add(first), ..*terms };
            let a = a.add(first);
            let mut i = 0;
            while i + 4 <= rows {
                add_rows::<E, 4>(a.add(i * cols), &from, i, cols, tile);
                i += 4;
            }
            while i < rows {
                add_rows::<E, 1>(a.add(i * cols), &from, i, cols, tile);
                i += 1;
            }
            first += tile;
        }
    }
}

/// The first `tile` columns of `R` rows from row `i`.
#[inline(always)]
unsafe fn add_rows<E: Eight, const R: usize>(
    a: *mut E::T,
    terms: &Terms<E::T>,
    i: usize,
    cols: usize,
    tile: usize,
) {
    // SAFETY: the rows and columns are valid.
    unsafe {
        let mut j = 0;
        while j + 16 <= tile {
            add_block::<E, R, 2>(a.add(j), terms, i, j, cols);
            j += 16;
        }
        if j + 8 <= tile {
            add_block::<E, R, 1>(a.add(j), terms, i, j, cols);
            j += 8;
        }
        if j < tile {
            add_part::<E, R>(a.add(j), terms, i, j, cols, tile - j);
        }
    }
}

/// `C` vectors of columns from column `j` of `R` rows from row `i`.
#[inline(always)]
unsafe fn add_block<E: Eight, const R: usize, const C: usize>(
    a: *mut E::T,
    terms: &Terms<E::T>,
    i: usize,
    j: usize,
    cols: usize,
) {
    // SAFETY: the rows and columns are valid.
    unsafe {
        let mut sums = [[zero::<E>(); C]; R];
        for (r, sums) in sums.iter_mut().enumerate() {
            for (c, sum) in sums.iter_mut().enumerate() {
                *sum = E::load(a.add(r * cols + 8 * c));
            }
        }
        for k in 0..terms.count {
            let (x, y) = (terms.x.add(k * terms.stride + i), terms.y.add(k * terms.stride + j));
            let mut columns = [zero::<E>(); C];
            for (c, column) in columns.iter_mut().enumerate() {
                *column = E::load(y.add(8 * c));
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                let x = E::splat(*x.add(r));
                for (sum, column) in sums.iter_mut().zip(columns) {
                    *sum = E::mul_add(x, column, *sum);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            for (c, sum) in sums.iter().enumerate() {
                E::store(a.add(r * cols + 8 * c), *sum);
            }
        }
    }
}

/// The last `n < 8` columns, from column `j`, of `R` rows from row `i`. All rows are read before one is
/// written: part of a vector that was just written cannot be read at once.
#[inline(always)]
unsafe fn add_part<E: Eight, const R: usize>(
    a: *mut E::T,
    terms: &Terms<E::T>,
    i: usize,
    j: usize,
    cols: usize,
    n: usize,
) {
    // SAFETY: the rows and columns are valid.
    unsafe {
        let mut sums = [zero::<E>(); R];
        for (r, sum) in sums.iter_mut().enumerate() {
            *sum = E::load_part(a.add(r * cols), n);
        }
        for k in 0..terms.count {
            let x = terms.x.add(k * terms.stride + i);
            let y = E::load_part(terms.y.add(k * terms.stride + j), n);
            for (r, sum) in sums.iter_mut().enumerate() {
                *sum = E::mul_add(E::splat(*x.add(r)), y, *sum);
            }
        }
        for (r, sum) in sums.iter().enumerate() {
            E::store_part(a.add(r * cols), n, *sum);
        }
    }
}

/// One column: lanes are rows.
#[inline(always)]
unsafe fn one_column<E: Eight>(a: *mut E::T, terms: &Terms<E::T>, rows: usize) {
    // SAFETY: `rows` elements of a and of every x, and one of every y, are valid.
    unsafe {
        let mut i = 0;
        while i < rows {
            let n = (rows - i).min(8);
            let mut sum = get::<E>(a.add(i), n);
            for k in 0..terms.count {
                let x = get::<E>(terms.x.add(k * terms.stride + i), n);
                sum = match terms.y.is_null() {
                    true => E::add(sum, x),
                    false => E::mul_add(x, E::splat(*terms.y.add(k * terms.stride)), sum),
                };
            }
            if n == 8 {
                E::store(a.add(i), sum)
            } else {
                E::store_part(a.add(i), n, sum)
            }
            i += n;
        }
    }
}

/// Two columns: eight rows at a time, each column summed by itself.
#[inline(always)]
unsafe fn two_columns<E: Eight>(a: *mut E::T, terms: &Terms<E::T>, rows: usize) {
    // SAFETY: 2 · rows elements of a, `rows` of every x and two of every y are valid.
    unsafe {
        let lanes = |one: usize| -> [E::T; 8] {
            let units = [E::T::default(), crate::native::Native::one()];
            std::array::from_fn(|i| units[usize::from(i % 2 == one)])
        };
        let (even, odd) = (E::load(lanes(0).as_ptr()), E::load(lanes(1).as_ptr()));
        let mut i = 0;
        while i + 8 <= rows {
            let mut sums = [zero::<E>(); 2];
            for k in 0..terms.count {
                let x = E::load(terms.x.add(k * terms.stride + i));
                let y = terms.y.add(k * terms.stride);
                for (c, sum) in sums.iter_mut().enumerate() {
                    *sum = E::mul_add(x, E::splat(*y.add(c)), *sum);
                }
            }
            let (first, second) = (E::twice(sums[0]), E::twice(sums[1]));
            add_pairs::<E>(a.add(2 * i), first.0, second.0, even, odd);
            add_pairs::<E>(a.add(2 * i + 8), first.1, second.1, even, odd);
            i += 8;
        }
        let rest = Terms { x: terms.x.add(i), ..*terms };
        few_rows::<E>(a.add(2 * i), &rest, rows - i);
    }
}

/// Adds the even elements of one vector and the odd ones of another.
#[inline(always)]
unsafe fn add_pairs<E: Eight>(a: *mut E::T, first: E::V, second: E::V, even: E::V, odd: E::V) {
    // SAFETY: eight elements of a are valid.
    unsafe {
        let sum = E::mul_add(first, even, E::load(a));
        E::store(a, E::mul_add(second, odd, sum));
    }
}

/// Two columns of fewer than eight rows, number by number.
#[inline(always)]
unsafe fn few_rows<E: Eight>(a: *mut E::T, terms: &Terms<E::T>, rows: usize) {
    // SAFETY: as for `two_columns`.
    unsafe {
        for i in 0..rows {
            let mut sums = [*a.add(2 * i), *a.add(2 * i + 1)];
            for k in 0..terms.count {
                let x = *terms.x.add(k * terms.stride + i);
                for (c, sum) in sums.iter_mut().enumerate() {
                    *sum = E::one(x, *terms.y.add(k * terms.stride + c), *sum);
                }
            }
            *a.add(2 * i) = sums[0];
            *a.add(2 * i + 1) = sums[1];
        }
    }
}
