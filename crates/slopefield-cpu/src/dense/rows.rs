//! What the matrix kernels need beyond lane-wise operations: shuffles of eight lanes.

use crate::simd::{Array, Pair, Simd};
#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2, Avx512};
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// Vectors of exactly eight lanes.
///
/// # Safety
/// As for [`Simd`].
pub(super) trait Eight: Simd {
    /// How many rows of a matrix are summed at a time (as many accumulators as registers allow).
    const ROWS: usize;
    /// How many vectors of columns are accumulated at a time.
    const COLUMNS: usize;
    /// Lane `i` of the result is the sum over the lanes of `v[i]`, added as
    /// `((0+4)+(2+6)) + ((1+5)+(3+7))`.
    unsafe fn sums(v: [Self::V; 8]) -> Self::V;
    /// The even and the odd elements of sixteen.
    unsafe fn deinterleave(a: Self::V, b: Self::V) -> (Self::V, Self::V);
    /// Each element twice: sixteen elements.
    unsafe fn twice(a: Self::V) -> (Self::V, Self::V);
}

impl<const FUSED: bool> Eight for Array<8, FUSED> {
    const ROWS: usize = 4;
    const COLUMNS: usize = 4;
    #[inline(always)]
    unsafe fn sums(v: [Self::V; 8]) -> Self::V {
        v.map(|x| ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7])))
    }
    #[inline(always)]
    unsafe fn deinterleave(a: Self::V, b: Self::V) -> (Self::V, Self::V) {
        let at = |i: usize| if i < 8 { a[i] } else { b[i - 8] };
        (std::array::from_fn(|i| at(2 * i)), std::array::from_fn(|i| at(2 * i + 1)))
    }
    #[inline(always)]
    unsafe fn twice(a: Self::V) -> (Self::V, Self::V) {
        (std::array::from_fn(|i| a[i / 2]), std::array::from_fn(|i| a[4 + i / 2]))
    }
}

#[cfg(target_arch = "x86_64")]
impl Eight for Avx512 {
    const ROWS: usize = 8;
    const COLUMNS: usize = 8;
    #[inline(always)]
    unsafe fn sums(v: [Self::V; 8]) -> Self::V {
        // SAFETY: the trait's contract promises AVX-512.
        unsafe {
            // Halves: lanes 0..4 hold v[i], lanes 4..8 hold v[i + 1].
            let half = |a, b| {
                _mm512_add_pd(
                    _mm512_shuffle_f64x2::<0x44>(a, b),
                    _mm512_shuffle_f64x2::<0xee>(a, b),
                )
            };
            let quarter = |a, b| {
                _mm512_add_pd(
                    _mm512_shuffle_f64x2::<0x88>(a, b),
                    _mm512_shuffle_f64x2::<0xdd>(a, b),
                )
            };
            let first = quarter(half(v[0], v[1]), half(v[2], v[3]));
            let second = quarter(half(v[4], v[5]), half(v[6], v[7]));
            let s =
                _mm512_add_pd(_mm512_unpacklo_pd(first, second), _mm512_unpackhi_pd(first, second));
            // Now 0 4 1 5 2 6 3 7.
            _mm512_permutexvar_pd(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), s)
        }
    }
    #[inline(always)]
    unsafe fn deinterleave(a: Self::V, b: Self::V) -> (Self::V, Self::V) {
        // SAFETY: the trait's contract promises AVX-512.
        unsafe {
            let even = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
            let odd = _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15);
            (_mm512_permutex2var_pd(a, even, b), _mm512_permutex2var_pd(a, odd, b))
        }
    }
    #[inline(always)]
    unsafe fn twice(a: Self::V) -> (Self::V, Self::V) {
        // SAFETY: the trait's contract promises AVX-512.
        unsafe {
            let low = _mm512_setr_epi64(0, 0, 1, 1, 2, 2, 3, 3);
            let high = _mm512_setr_epi64(4, 4, 5, 5, 6, 6, 7, 7);
            (_mm512_permutexvar_pd(low, a), _mm512_permutexvar_pd(high, a))
        }
    }
}

#[cfg(target_arch = "x86_64")]
impl Eight for Pair<Avx2> {
    const ROWS: usize = 4;
    const COLUMNS: usize = 4;
    #[inline(always)]
    unsafe fn sums(v: [Self::V; 8]) -> Self::V {
        // SAFETY: the trait's contract promises AVX2.
        unsafe {
            let half = |x: [__m256d; 2]| _mm256_add_pd(x[0], x[1]);
            let quarter = |a, b| {
                _mm256_add_pd(
                    _mm256_permute2f128_pd::<0x20>(a, b),
                    _mm256_permute2f128_pd::<0x31>(a, b),
                )
            };
            let four = |a, b, c, d| {
                let (ab, cd) = (quarter(half(a), half(b)), quarter(half(c), half(d)));
                let s = _mm256_add_pd(_mm256_unpacklo_pd(ab, cd), _mm256_unpackhi_pd(ab, cd));
                _mm256_permute4x64_pd::<0b11_01_10_00>(s) // was 0 2 1 3
            };
            [four(v[0], v[1], v[2], v[3]), four(v[4], v[5], v[6], v[7])]
        }
    }
    #[inline(always)]
    unsafe fn deinterleave(a: Self::V, b: Self::V) -> (Self::V, Self::V) {
        // SAFETY: the trait's contract promises AVX2.
        unsafe {
            let even = |x: [__m256d; 2]| {
                _mm256_permute4x64_pd::<0b11_01_10_00>(_mm256_unpacklo_pd(x[0], x[1]))
            };
            let odd = |x: [__m256d; 2]| {
                _mm256_permute4x64_pd::<0b11_01_10_00>(_mm256_unpackhi_pd(x[0], x[1]))
            };
            ([even(a), even(b)], [odd(a), odd(b)])
        }
    }
    #[inline(always)]
    unsafe fn twice(a: Self::V) -> (Self::V, Self::V) {
        // SAFETY: the trait's contract promises AVX2.
        unsafe {
            let spread = |x| {
                [
                    _mm256_permute4x64_pd::<0b01_01_00_00>(x),
                    _mm256_permute4x64_pd::<0b11_11_10_10>(x),
                ]
            };
            (spread(a[0]), spread(a[1]))
        }
    }
}
