//! Products of a row-major matrix with a vector, and the rank-one update.

use super::rows::Eight;
use crate::simd::zero;

/// Partial sums (one vector each) of `R` rows with `x`.
#[inline(always)]
unsafe fn rows_times<E: Eight, const R: usize>(
    a: *const E::T,
    x: *const E::T,
    cols: usize,
) -> [E::V; R] {
    // SAFETY: R rows of `cols` elements and `cols` elements of x are valid.
    unsafe {
        let mut acc = [zero::<E>(); R];
        let mut j = 0;
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

/// Writes or adds the first `n` lanes of `v`.
#[inline(always)]
unsafe fn put<E: Eight, const ADD: bool>(y: *mut E::T, n: usize, v: E::V) {
    // SAFETY: n elements of y are valid.
    unsafe {
        if n == 8 {
            E::store(y, if ADD { E::add(E::load(y), v) } else { v });
        } else if n > 0 {
            E::store_part(y, n, if ADD { E::add(E::load_part(y, n), v) } else { v });
        }
    }
}

/// `y = A x` or `y += A x`.
///
/// # Safety
/// `rows · cols` elements of `a`, `cols` of `x` and `rows` of `y` are valid; `Simd`'s contract.
#[inline(always)]
pub(super) unsafe fn mat_vec<E: Eight, const ADD: bool>(
    y: *mut E::T,
    a: *const E::T,
    x: *const E::T,
    rows: usize,
    cols: usize,
) {
    // SAFETY: all accesses lie in the rows and columns that the caller promises.
    unsafe {
        if cols == 2 {
            return mat_vec_two::<E, ADD>(y, a, x, rows);
        }
        let zero = zero::<E>();
        let mut i = 0;
        while i + 8 <= rows {
            let block = a.add(i * cols);
            let sums = if E::ROWS == 8 {
                E::sums(rows_times::<E, 8>(block, x, cols))
            } else {
                let p = rows_times::<E, 4>(block, x, cols);
                let q = rows_times::<E, 4>(block.add(4 * cols), x, cols);
                E::sums([p[0], p[1], p[2], p[3], q[0], q[1], q[2], q[3]])
            };
            put::<E, ADD>(y.add(i), 8, sums);
            i += 8;
        }
        let mut block = a.add(i * cols);
        let mut left = rows - i;
        if left >= 4 {
            let p = rows_times::<E, 4>(block, x, cols);
            let sums = E::sums([p[0], p[1], p[2], p[3], zero, zero, zero, zero]);
            put::<E, ADD>(y.add(i), 4, sums);
            (i, left, block) = (i + 4, left - 4, block.add(4 * cols));
        }
        if left >= 2 {
            let p = rows_times::<E, 2>(block, x, cols);
            let sums = E::sums([p[0], p[1], zero, zero, zero, zero, zero, zero]);
            put::<E, ADD>(y.add(i), 2, sums);
            (i, left, block) = (i + 2, left - 2, block.add(2 * cols));
        }
        if left == 1 {
            let p = rows_times::<E, 1>(block, x, cols);
            let sums = E::sums([p[0], zero, zero, zero, zero, zero, zero, zero]);
            put::<E, ADD>(y.add(i), 1, sums);
        }
    }
}

/// [`mat_vec`] for two columns: lanes are rows.
#[inline(always)]
unsafe fn mat_vec_two<E: Eight, const ADD: bool>(
    y: *mut E::T,
    a: *const E::T,
    x: *const E::T,
    rows: usize,
) {
    // SAFETY: 2 · rows elements of a, 2 of x and `rows` of y are valid.
    unsafe {
        let (x0, x1) = (E::splat(*x), E::splat(*x.add(1)));
        let mut i = 0;
        while i + 8 <= rows {
            let p = a.add(2 * i);
            let (even, odd) = E::deinterleave(E::load(p), E::load(p.add(8)));
            put::<E, ADD>(y.add(i), 8, E::mul_add(odd, x1, E::mul(even, x0)));
            i += 8;
        }
        let rest = rows - i;
        if rest > 0 {
            let p = a.add(2 * i);
            let (low, high) = if rest < 4 {
                (E::load_part(p, 2 * rest), zero::<E>())
            } else if rest == 4 {
                (E::load(p), zero::<E>())
            } else {
                (E::load(p), E::load_part(p.add(8), 2 * rest - 8))
            };
            let (even, odd) = E::deinterleave(low, high);
            put::<E, ADD>(y.add(i), rest, E::mul_add(odd, x1, E::mul(even, x0)));
        }
    }
}

/// `C` vectors of columns of `y = Aᵀ x`, one running sum per column.
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

/// Reads `n <= 8` elements.
#[inline(always)]
unsafe fn get<E: Eight>(p: *const E::T, n: usize) -> E::V {
    // SAFETY: n elements are valid.
    unsafe { if n == 8 { E::load(p) } else { E::load_part(p, n) } }
}

/// Up to eight columns of `y = Aᵀ x`, four running sums per column (by row modulo four), because
/// one would wait for itself.
#[inline(always)]
unsafe fn few_columns<E: Eight, const ADD: bool>(
    y: *mut E::T,
    a: *const E::T,
    x: *const E::T,
    rows: usize,
    cols: usize,
    width: usize,
) {
    // SAFETY: `width` columns of every row, `rows` elements of x and `width` of y are valid.
    unsafe {
        let mut acc = [zero::<E>(); 4];
        let mut i = 0;
        while i + 4 <= rows {
            for (k, acc) in acc.iter_mut().enumerate() {
                *acc = E::mul_add(
                    get::<E>(a.add((i + k) * cols), width),
                    E::splat(*x.add(i + k)),
                    *acc,
                );
            }
            i += 4;
        }
        let mut k = 0;
        while i < rows {
            let row = get::<E>(a.add(i * cols), width);
            acc[k % 4] = E::mul_add(row, E::splat(*x.add(i)), acc[k % 4]);
            i += 1;
            k += 1;
        }
        let sum = E::add(E::add(acc[0], acc[2]), E::add(acc[1], acc[3]));
        put::<E, ADD>(y, width, sum);
    }
}

/// `y = Aᵀ x` or `y += Aᵀ x`.
///
/// # Safety
/// `rows · cols` elements of `a`, `rows` of `x` and `cols` of `y` are valid; `Simd`'s contract.
#[inline(always)]
pub(super) unsafe fn mat_t_vec<E: Eight, const ADD: bool>(
    y: *mut E::T,
    a: *const E::T,
    x: *const E::T,
    rows: usize,
    cols: usize,
) {
    // SAFETY: all accesses lie in the rows and columns that the caller promises.
    unsafe {
        let mut j = 0;
        while E::COLUMNS == 8 && j + 64 <= cols {
            columns::<E, ADD, 8>(y.add(j), a.add(j), x, rows, cols);
            j += 64;
        }
        while j + 32 <= cols {
            columns::<E, ADD, 4>(y.add(j), a.add(j), x, rows, cols);
            j += 32;
        }
        while j + 8 <= cols {
            few_columns::<E, ADD>(y.add(j), a.add(j), x, rows, cols, 8);
            j += 8;
        }
        if j < cols {
            few_columns::<E, ADD>(y.add(j), a.add(j), x, rows, cols, cols - j);
        }
    }
}

/// `A += x yᵀ`.
///
/// # Safety
/// `rows · cols` elements of `a`, `rows` of `x` and `cols` of `y` are valid; `Simd`'s contract.
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
        let mut first = 0;
        if cols == 2 {
            let lanes: [E::T; 8] = std::array::from_fn(|i| *y.add(i % 2));
            let pattern = E::load(lanes.as_ptr());
            while first + 8 <= rows {
                let p = a.add(2 * first);
                let (low, high) = E::twice(E::load(x.add(first)));
                E::store(p, E::mul_add(low, pattern, E::load(p)));
                E::store(p.add(8), E::mul_add(high, pattern, E::load(p.add(8))));
                first += 8;
            }
        }
        for i in first..rows {
            let v = E::splat(*x.add(i));
            let row = a.add(i * cols);
            let mut j = 0;
            while j + 8 <= cols {
                let p = row.add(j);
                E::store(p, E::mul_add(v, E::load(y.add(j)), E::load(p)));
                j += 8;
            }
            if j < cols {
                let (p, rest) = (row.add(j), cols - j);
                let v = E::mul_add(v, E::load_part(y.add(j), rest), E::load_part(p, rest));
                E::store_part(p, rest, v);
            }
        }
    }
}
