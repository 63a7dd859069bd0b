//! Sums over runs.

use super::rows::Eight;
use crate::simd::zero;

/// Sum of `term(i)` over whole vectors and one partial vector, split over four accumulators by
/// vector index so that the additions overlap.
///
/// # Safety
/// `full(i)` may be called for every whole vector, `part(i, n)` for the rest of `len`.
#[inline(always)]
unsafe fn accumulate<E: Eight>(
    len: usize,
    step: impl Fn(E::V, usize) -> E::V,
    part: impl Fn(E::V, usize, usize) -> E::V,
) -> E::T {
    // SAFETY: the caller's promise.
    unsafe {
        let zero = zero::<E>();
        let mut acc = [zero; 4];
        let vectors = len / 8;
        let mut i = 0;
        while i + 4 <= vectors {
            for (k, a) in acc.iter_mut().enumerate() {
                *a = step(*a, 8 * (i + k));
            }
            i += 4;
        }
        let mut k = 0;
        while i < vectors {
            acc[k % 4] = step(acc[k % 4], 8 * i);
            i += 1;
            k += 1;
        }
        if !len.is_multiple_of(8) {
            acc[k % 4] = part(acc[k % 4], 8 * i, len % 8);
        }
        let sum = E::add(E::add(acc[0], acc[2]), E::add(acc[1], acc[3]));
        let mut lanes = [E::T::default(); 8];
        E::store(lanes.as_mut_ptr(), sum);
        let x = lanes;
        ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]))
    }
}

/// `dst[0] = Σ src[i]`.
///
/// # Safety
/// `len` elements are valid; the contract of `Simd`.
#[inline(always)]
pub(super) unsafe fn sum<E: Eight>(dst: *mut E::T, src: *const E::T, len: usize) {
    // SAFETY: every access stays below `len`.
    unsafe {
        *dst = accumulate::<E>(
            len,
            |acc, i| E::add(acc, E::load(src.add(i))),
            |acc, i, n| E::add(acc, E::load_part(src.add(i), n)),
        );
    }
}

/// `dst[0] = Σ a[i] b[i]`.
///
/// # Safety
/// `len` elements are valid; the contract of `Simd`.
#[inline(always)]
pub(super) unsafe fn dot<E: Eight>(dst: *mut E::T, a: *const E::T, b: *const E::T, len: usize) {
    // SAFETY: every access stays below `len`.
    unsafe {
        *dst = accumulate::<E>(
            len,
            |acc, i| E::mul_add(E::load(a.add(i)), E::load(b.add(i)), acc),
            |acc, i, n| E::mul_add(E::load_part(a.add(i), n), E::load_part(b.add(i), n), acc),
        );
    }
}
