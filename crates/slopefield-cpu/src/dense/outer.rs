//! `A += x yᵀ`: what a dense layer adds to the gradient of its weights.

use super::affine::skip;
use super::rows::Eight;
use crate::simd::zero;

/// `R` rows at a time, `n <= 8` columns: adds `x yᵀ`.
#[inline(always)]
unsafe fn add<E: Eight, const R: usize>(
    a: *mut E::T,
    x: &[E::V; R],
    y: *const E::T,
    cols: usize,
    n: usize,
) {
    // SAFETY: n columns of R rows and n elements of y are valid.
    unsafe {
        if n == 8 {
            let y = E::load(y);
            for (r, x) in x.iter().enumerate() {
                let p = a.add(r * cols);
                E::store(p, E::mul_add(*x, y, E::load(p)));
            }
        } else {
            let y = E::load_part(y, n);
            for (r, x) in x.iter().enumerate() {
                let p = a.add(r * cols);
                E::store_part(p, n, E::mul_add(*x, y, E::load_part(p, n)));
            }
        }
    }
}

/// All columns of `R` rows that start `skip` elements after a cache line.
#[inline(always)]
unsafe fn add_rows<E: Eight, const R: usize>(
    a: *mut E::T,
    x: *const E::T,
    y: *const E::T,
    cols: usize,
    skip: usize,
) {
    // SAFETY: R rows, R elements of x and `cols` of y are valid; with `skip > 0` there are at
    // least 8 columns.
    unsafe {
        let mut v = [zero::<E>(); R];
        for (r, v) in v.iter_mut().enumerate() {
            *v = E::splat(*x.add(r));
        }
        let mut j = 0;
        if skip > 0 {
            j = 8 - skip;
            add::<E, R>(a, &v, y, cols, j);
        }
        while j + 8 <= cols {
            add::<E, R>(a.add(j), &v, y.add(j), cols, 8);
            j += 8;
        }
        if j < cols {
            add::<E, R>(a.add(j), &v, y.add(j), cols, cols - j);
        }
    }
}

/// One column: lanes are rows.
#[inline(always)]
unsafe fn one_column<E: Eight>(a: *mut E::T, x: *const E::T, y: *const E::T, rows: usize) {
    // SAFETY: `rows` elements of a and x and one of y are valid.
    unsafe {
        let y = [E::splat(*y)];
        let mut i = 0;
        while i < rows {
            let n = (rows - i).min(8);
            add::<E, 1>(a.add(i), &y, x.add(i), 0, n);
            i += n;
        }
    }
}

/// Two columns: eight rows at a time.
#[inline(always)]
unsafe fn two_columns<E: Eight>(a: *mut E::T, x: *const E::T, y: *const E::T, rows: usize) {
    // SAFETY: 2 · rows elements of a, `rows` of x and 2 of y are valid.
    unsafe {
        let lanes: [E::T; 8] = std::array::from_fn(|i| *y.add(i % 2));
        let pattern = E::load(lanes.as_ptr());
        let mut i = 0;
        while i + 8 <= rows {
            let (low, high) = E::twice(E::load(x.add(i)));
            add_lanes::<E>(a.add(2 * i), low, pattern);
            add_lanes::<E>(a.add(2 * i + 8), high, pattern);
            i += 8;
        }
        few_columns::<E, 2>(a.add(2 * i), x.add(i), y, rows - i);
    }
}

/// `a[i] += x[i] y[i]` for eight elements.
#[inline(always)]
unsafe fn add_lanes<E: Eight>(a: *mut E::T, x: E::V, y: E::V) {
    // SAFETY: eight elements of a are valid.
    unsafe { E::store(a, E::mul_add(x, y, E::load(a))) }
}

/// Row by row. Parts of vectors would do badly here: a part that was just written cannot be read
/// again before it has reached the cache when the next row's vector overlaps it.
#[inline(always)]
unsafe fn few_columns<E: Eight, const C: usize>(
    a: *mut E::T,
    x: *const E::T,
    y: *const E::T,
    rows: usize,
) {
    // SAFETY: C · rows elements of a, `rows` of x and C of y are valid.
    unsafe {
        let y: [E::T; C] = std::array::from_fn(|j| *y.add(j));
        for i in 0..rows {
            let x = *x.add(i);
            let row = a.add(i * C);
            for (j, y) in y.iter().enumerate() {
                *row.add(j) = E::one(x, *y, *row.add(j));
            }
        }
    }
}

/// `A += x yᵀ`.
///
/// # Safety
/// `rows · cols` elements of `a`, `rows` of `x` and `cols` of `y` are valid; the contract of `Vector`.
#[inline(always)]
pub(super) unsafe fn outer<E: Eight>(
    a: *mut E::T,
    x: *const E::T,
    y: *const E::T,
    rows: usize,
    cols: usize,
) {
    // SAFETY: all accesses lie in the rows and columns that the caller promises.
    unsafe {
        match cols {
            1 => return one_column::<E>(a, x, y, rows),
            2 => return two_columns::<E>(a, x, y, rows),
            3 => return few_columns::<E, 3>(a, x, y, rows),
            4 => return few_columns::<E, 4>(a, x, y, rows),
            5 => return few_columns::<E, 5>(a, x, y, rows),
            6 => return few_columns::<E, 6>(a, x, y, rows),
            7 => return few_columns::<E, 7>(a, x, y, rows),
            _ => {}
        }
        let skip = skip(a, cols);
        let mut i = 0;
        while i + 4 <= rows {
            add_rows::<E, 4>(a.add(i * cols), x.add(i), y, cols, skip);
            i += 4;
        }
        while i < rows {
            add_rows::<E, 1>(a.add(i * cols), x.add(i), y, cols, skip);
            i += 1;
        }
    }
}
