//! `y = Aᵀ x`: what a dense layer hands back to its input.

use super::affine::{WIDE, skip};
use super::rows::Eight;
use crate::simd::zero;

/// Reads `n <= 8` elements.
///
/// # Safety
/// They are valid; the contract of `Vector`.
#[inline(always)]
pub(super) unsafe fn get<E: Eight>(p: *const E::T, n: usize) -> E::V {
    // SAFETY: n elements are valid.
    unsafe { if n == 8 { E::load(p) } else { E::load_part(p, n) } }
}

/// Writes `v`, or adds it, to `n <= 8` elements.
#[inline(always)]
unsafe fn put<E: Eight, const ADD: bool>(y: *mut E::T, n: usize, v: E::V) {
    // SAFETY: n elements of y are valid.
    unsafe {
        if n == 8 {
            E::store(y, if ADD { E::add(E::load(y), v) } else { v });
        } else {
            E::store_part(y, n, if ADD { E::add(E::load_part(y, n), v) } else { v });
        }
    }
}

/// `8 C` columns, one running sum per column.
#[inline(always)]
unsafe fn columns<E: Eight, const ADD: bool, const C: usize>(
    y: *mut E::T,
    a: *const E::T,
    x: *const E::T,
    rows: usize,
    cols: usize,
) {
    // SAFETY: 8 C columns of every row, `rows` elements of x and 8 C of y are valid.
    unsafe {
        let mut acc = [zero::<E>(); C];
        for i in 0..rows {
            let v = E::splat(*x.add(i));
            let row = a.add(i * cols);
            for (c, acc) in acc.iter_mut().enumerate() {
                *acc = E::mul_add(E::load(row.add(8 * c)), v, *acc);
            }
        }
        for (c, acc) in acc.into_iter().enumerate() {
            put::<E, ADD>(y.add(8 * c), 8, acc);
        }
    }
}

/// [`columns`] of rows that start `skip > 0` elements after a cache line, read in whole lines but
/// for the first and the last one.
#[inline(always)]
unsafe fn shifted_columns<E: Eight, const ADD: bool, const C: usize>(
    y: *mut E::T,
    a: *const E::T,
    x: *const E::T,
    rows: usize,
    cols: usize,
    skip: usize,
) {
    // SAFETY: as in `columns`; the first vector has 8 - skip of the columns, the last one skip.
    unsafe {
        let first = 8 - skip;
        let (mut head, mut tail) = (zero::<E>(), zero::<E>());
        let mut acc = [zero::<E>(); C];
        for i in 0..rows {
            let v = E::splat(*x.add(i));
            let row = a.add(i * cols);
            head = E::mul_add(E::load_last(row.wrapping_sub(skip), skip), v, head);
            let row = row.add(first);
            for (c, acc) in acc.iter_mut().enumerate().take(C - 1) {
                *acc = E::mul_add(E::load(row.add(8 * c)), v, *acc);
            }
            tail = E::mul_add(E::load_part(row.add(8 * (C - 1)), skip), v, tail);
        }
        let mut lanes = [E::T::default(); 8];
        E::store(lanes.as_mut_ptr(), head);
        put::<E, ADD>(y, first, E::load_part(lanes.as_ptr().add(skip), first));
        let y = y.add(first);
        for (c, acc) in acc.into_iter().enumerate().take(C - 1) {
            put::<E, ADD>(y.add(8 * c), 8, acc);
        }
        put::<E, ADD>(y.add(8 * (C - 1)), skip, tail);
    }
}

/// One row of [`some_columns`], added to its sums number `k`.
#[inline(always)]
unsafe fn add_row<E: Eight, const C: usize, const REST: bool>(
    acc: &mut [[E::V; 4]; C],
    last: &mut [E::V; 4],
    k: usize,
    row: *const E::T,
    x: *const E::T,
    rest: usize,
) {
    // SAFETY: 8 C + rest elements of the row and one of x are valid.
    unsafe {
        let v = E::splat(*x);
        for (c, acc) in acc.iter_mut().enumerate() {
            acc[k] = E::mul_add(E::load(row.add(8 * c)), v, acc[k]);
        }
        if REST {
            last[k] = E::mul_add(E::load_part(row.add(8 * C), rest), v, last[k]);
        }
    }
}

/// `8 C` columns and, with `REST`, `rest < 8` more in one pass over the rows: four running sums per column
/// (by row modulo four), because one would wait for itself.
#[inline(always)]
unsafe fn some_columns<E: Eight, const ADD: bool, const C: usize, const REST: bool>(
    y: *mut E::T,
    a: *const E::T,
    x: *const E::T,
    rows: usize,
    cols: usize,
    rest: usize,
) {
    // SAFETY: 8 C + rest columns of every row, `rows` elements of x and as many of y as columns are valid.
    unsafe {
        let (mut acc, mut last) = ([[zero::<E>(); 4]; C], [zero::<E>(); 4]);
        let mut i = 0;
        while i + 4 <= rows {
            for k in 0..4 {
                add_row::<E, C, REST>(
                    &mut acc,
                    &mut last,
                    k,
                    a.add((i + k) * cols),
                    x.add(i + k),
                    rest,
                );
            }
            i += 4;
        }
        // A bound that is a number keeps the sums in registers.
        for k in 0..3 {
            if i + k < rows {
                add_row::<E, C, REST>(
                    &mut acc,
                    &mut last,
                    k,
                    a.add((i + k) * cols),
                    x.add(i + k),
                    rest,
                );
            }
        }
        for (c, acc) in acc.into_iter().enumerate() {
            let sum = E::add(E::add(acc[0], acc[2]), E::add(acc[1], acc[3]));
            put::<E, ADD>(y.add(8 * c), 8, sum);
        }
        if REST {
            let sum = E::add(E::add(last[0], last[2]), E::add(last[1], last[3]));
            put::<E, ADD>(y.add(8 * C), rest, sum);
        }
    }
}

/// Two columns: lanes are elements as they lie, four rows a vector; four running sums, because one
/// would wait for itself.
#[inline(always)]
unsafe fn two_columns<E: Eight, const ADD: bool>(
    y: *mut E::T,
    a: *const E::T,
    x: *const E::T,
    rows: usize,
) {
    // SAFETY: 2 · rows elements of a, `rows` of x and 2 of y are valid.
    unsafe {
        let mut acc = [zero::<E>(); 4];
        let mut i = 0;
        while i + 16 <= rows {
            for k in 0..2 {
                let (a, (first, second)) =
                    (a.add(2 * i + 16 * k), E::twice(E::load(x.add(i + 8 * k))));
                acc[2 * k] = E::mul_add(E::load(a), first, acc[2 * k]);
                acc[2 * k + 1] = E::mul_add(E::load(a.add(8)), second, acc[2 * k + 1]);
            }
            i += 16;
        }
        let mut k = 0;
        while i < rows {
            let n = (rows - i).min(8);
            let (a, (first, second)) = (a.add(2 * i), E::twice(get::<E>(x.add(i), n)));
            acc[k] = E::mul_add(get::<E>(a, (2 * n).min(8)), first, acc[k]);
            if n > 4 {
                acc[k + 1] = E::mul_add(get::<E>(a.add(8), 2 * n - 8), second, acc[k + 1]);
            }
            (i, k) = (i + n, 2);
        }
        let sum = E::pair_of_sums(E::add(E::add(acc[0], acc[2]), E::add(acc[1], acc[3])));
        let sum = if ADD { E::add(E::load_part(y, 2), sum) } else { sum };
        E::store_first::<2>(y, sum);
    }
}

/// `y = Aᵀ x` or `y += Aᵀ x`.
///
/// # Safety
/// `rows · cols` elements of `a`, `rows` of `x` and `cols` of `y` are valid; the contract of `Vector`.
#[inline(always)]
pub(super) unsafe fn transposed<E: Eight, const ADD: bool>(
    y: *mut E::T,
    a: *const E::T,
    x: *const E::T,
    rows: usize,
    cols: usize,
) {
    // SAFETY: all accesses lie in the rows and columns that the caller promises.
    unsafe {
        if cols == 2 {
            return two_columns::<E, ADD>(y, a, x, rows);
        }
        let skip = skip(a, cols);
        let mut j = 0;
        while E::COLUMNS == 8 && j + 64 <= cols {
            if skip > 0 {
                shifted_columns::<E, ADD, 8>(y.add(j), a.add(j), x, rows, cols, skip);
            } else {
                columns::<E, ADD, 8>(y.add(j), a.add(j), x, rows, cols);
            }
            j += 64;
        }
        while j + WIDE <= cols {
            if skip > 0 {
                shifted_columns::<E, ADD, 4>(y.add(j), a.add(j), x, rows, cols, skip);
            } else {
                columns::<E, ADD, 4>(y.add(j), a.add(j), x, rows, cols);
            }
            j += WIDE;
        }
        // More than one vector at a time needs the registers.
        if E::COLUMNS == 8 {
            let (y, a, rest) = (y.add(j), a.add(j), (cols - j) % 8);
            match ((cols - j) / 8, rest) {
                (1, 0) => return some_columns::<E, ADD, 1, false>(y, a, x, rows, cols, 0),
                (1, _) => return some_columns::<E, ADD, 1, true>(y, a, x, rows, cols, rest),
                (2, 0) => return some_columns::<E, ADD, 2, false>(y, a, x, rows, cols, 0),
                (2, _) => return some_columns::<E, ADD, 2, true>(y, a, x, rows, cols, rest),
                (3, 0) => return some_columns::<E, ADD, 3, false>(y, a, x, rows, cols, 0),
                (3, _) => return some_columns::<E, ADD, 3, true>(y, a, x, rows, cols, rest),
                _ => {}
            }
        }
        while j + 8 <= cols {
            some_columns::<E, ADD, 1, false>(y.add(j), a.add(j), x, rows, cols, 0);
            j += 8;
        }
        if j < cols {
            some_columns::<E, ADD, 0, true>(y.add(j), a.add(j), x, rows, cols, cols - j);
        }
    }
}
