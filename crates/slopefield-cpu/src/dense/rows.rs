//! What the matrix kernels need beyond lane-wise operations: shuffles of eight lanes.

use crate::native::Native;
use crate::simd::{Array, Vector};
#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2, Avx512, FromSingle, Pair, Single};
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// Vectors of exactly eight lanes.
///
/// # Safety
/// As for [`Vector`].
pub(super) trait Eight: Vector {
    /// How many rows of a matrix are summed at a time (as many accumulators as registers allow).
    const ROWS: usize;
    /// How many vectors of columns are accumulated at a time.
    const COLUMNS: usize;
    /// Reads the elements of lanes `skip..8` of the vector at `p`, `0 < skip < 8`; the other lanes
    /// are 0 and their memory need not exist.
    unsafe fn load_last(p: *const Self::T, skip: usize) -> Self::V;
    /// Writes the first `N` elements, 1, 2 or 4, so that they can be read again at once; parts that
    /// are written with a mask have to reach the cache first.
    unsafe fn store_first<const N: usize>(p: *mut Self::T, v: Self::V) {
        // SAFETY: the caller promises N writable elements.
        unsafe { Self::store_part(p, N, v) }
    }
    /// Lane `i` of the result is the sum over the lanes of `v[i]`, added as
    /// `((0+4)+(2+6)) + ((1+5)+(3+7))`: the same bits when the lanes of `v[i]` are rotated, because
    /// rotating only exchanges operands.
    unsafe fn sums(v: [Self::V; 8]) -> Self::V;
    /// `mul_add` of single numbers.
    unsafe fn one(a: Self::T, b: Self::T, c: Self::T) -> Self::T;
    /// The even and the odd elements of sixteen.
    unsafe fn deinterleave(a: Self::V, b: Self::V) -> (Self::V, Self::V);
    /// Each element twice: sixteen elements.
    unsafe fn twice(a: Self::V) -> (Self::V, Self::V);
    /// The sums `(0+4)+(2+6)` and `(1+5)+(3+7)` of lanes, in lanes 0 and 1; the other lanes are anything.
    unsafe fn pair_of_sums(v: Self::V) -> Self::V;
}

impl<const FUSED: bool, T: Native> Eight for Array<8, FUSED, T> {
    const ROWS: usize = 4;
    const COLUMNS: usize = 4;
    #[inline(always)]
    unsafe fn load_last(p: *const T, skip: usize) -> Self::V {
        // SAFETY: the caller promises the elements from `skip`.
        std::array::from_fn(|i| if i < skip { T::default() } else { unsafe { *p.wrapping_add(i) } })
    }
    #[inline(always)]
    unsafe fn sums(v: [Self::V; 8]) -> Self::V {
        v.map(|x| ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7])))
    }
    #[inline(always)]
    unsafe fn one(a: T, b: T, c: T) -> T {
        if FUSED { a.fused(b, c) } else { a * b + c }
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
    #[inline(always)]
    unsafe fn pair_of_sums(v: Self::V) -> Self::V {
        std::array::from_fn(|i| (v[i % 2] + v[i % 2 + 4]) + (v[i % 2 + 2] + v[i % 2 + 6]))
    }
}

// The shuffles below are functions and not closures: a closure does not inherit the instruction set
// of the function it stands in unless it is inlined, and then costs a call per intrinsic.

/// Sums of lanes `k` and `k + 4`: of `a` in the lower half, of `b` in the upper.
///
/// # Safety
/// Needs AVX-512.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn halves512(a: __m512d, b: __m512d) -> __m512d {
    // SAFETY: the caller's promise.
    unsafe {
        let low = _mm512_shuffle_f64x2::<0x44>(a, b);
        _mm512_add_pd(low, _mm512_shuffle_f64x2::<0xee>(a, b))
    }
}

/// Sums of pairs of lanes at distance 2 of what [`halves512`] gives.
///
/// # Safety
/// Needs AVX-512.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn quarters512(a: __m512d, b: __m512d) -> __m512d {
    // SAFETY: the caller's promise.
    unsafe {
        let low = _mm512_shuffle_f64x2::<0x88>(a, b);
        _mm512_add_pd(low, _mm512_shuffle_f64x2::<0xdd>(a, b))
    }
}

/// Sums over the lanes of four pairs.
///
/// # Safety
/// Needs AVX2.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn four_sums(v: [[__m256d; 2]; 4]) -> __m256d {
    // SAFETY: the caller's promise.
    unsafe {
        let a = _mm256_add_pd(v[0][0], v[0][1]);
        let b = _mm256_add_pd(v[1][0], v[1][1]);
        let c = _mm256_add_pd(v[2][0], v[2][1]);
        let d = _mm256_add_pd(v[3][0], v[3][1]);
        let low = _mm256_permute2f128_pd::<0x20>(a, b);
        let ab = _mm256_add_pd(low, _mm256_permute2f128_pd::<0x31>(a, b));
        let low = _mm256_permute2f128_pd::<0x20>(c, d);
        let cd = _mm256_add_pd(low, _mm256_permute2f128_pd::<0x31>(c, d));
        let s = _mm256_add_pd(_mm256_unpacklo_pd(ab, cd), _mm256_unpackhi_pd(ab, cd));
        _mm256_permute4x64_pd::<0b11_01_10_00>(s) // was 0 2 1 3
    }
}

/// The even elements of eight, or with `ODD` the odd ones.
///
/// # Safety
/// Needs AVX2.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn every_other<const ODD: bool>(x: [__m256d; 2]) -> __m256d {
    // SAFETY: the caller's promise.
    unsafe {
        let pairs =
            if ODD { _mm256_unpackhi_pd(x[0], x[1]) } else { _mm256_unpacklo_pd(x[0], x[1]) };
        _mm256_permute4x64_pd::<0b11_01_10_00>(pairs)
    }
}

/// Each of four elements twice.
///
/// # Safety
/// Needs AVX2.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn spread(x: __m256d) -> [__m256d; 2] {
    // SAFETY: the caller's promise.
    unsafe {
        [_mm256_permute4x64_pd::<0b01_01_00_00>(x), _mm256_permute4x64_pd::<0b11_11_10_10>(x)]
    }
}

/// Sums of lanes 0 and 2 and of lanes 1 and 3, in lanes 0 and 1.
///
/// # Safety
/// Needs AVX.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn halves(v: __m256d) -> __m256d {
    // SAFETY: the caller's promise.
    unsafe { _mm256_add_pd(v, _mm256_permute2f128_pd::<0x11>(v, v)) }
}

#[cfg(target_arch = "x86_64")]
impl Eight for Avx512 {
    const ROWS: usize = 8;
    const COLUMNS: usize = 8;
    #[inline(always)]
    unsafe fn load_last(p: *const f64, skip: usize) -> Self::V {
        // SAFETY: the trait's contract promises AVX-512; masked lanes are not read.
        unsafe { _mm512_maskz_loadu_pd(0xff << skip, p) }
    }
    #[inline(always)]
    unsafe fn sums(v: [Self::V; 8]) -> Self::V {
        // SAFETY: the trait's contract promises AVX-512.
        unsafe {
            let first = quarters512(halves512(v[0], v[1]), halves512(v[2], v[3]));
            let second = quarters512(halves512(v[4], v[5]), halves512(v[6], v[7]));
            let low = _mm512_unpacklo_pd(first, second);
            let s = _mm512_add_pd(low, _mm512_unpackhi_pd(first, second));
            // Now 0 4 1 5 2 6 3 7.
            _mm512_permutexvar_pd(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), s)
        }
    }
    #[inline(always)]
    unsafe fn one(a: f64, b: f64, c: f64) -> f64 {
        a.mul_add(b, c) // one instruction where the set is enabled
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
    #[inline(always)]
    unsafe fn pair_of_sums(v: Self::V) -> Self::V {
        // SAFETY: the trait's contract promises AVX-512.
        unsafe {
            let high = _mm512_extractf64x4_pd::<1>(v);
            let four = _mm256_add_pd(_mm512_castpd512_pd256(v), high);
            _mm512_castpd256_pd512(halves(four))
        }
    }
}

/// `LAST[4 - skip..]` starts with `skip` clear lanes and then set ones.
#[cfg(target_arch = "x86_64")]
static LAST: [i64; 8] = [0, 0, 0, 0, -1, -1, -1, -1];

/// Lanes `skip..4` of the vector at `p`, `skip <= 4`.
///
/// # Safety
/// Needs AVX2; these elements are valid.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn last_of_four(p: *const f64, skip: usize) -> __m256d {
    // SAFETY: 4 elements from index 4 - skip >= 0 lie inside LAST; masked lanes are not read.
    unsafe { _mm256_maskload_pd(p, _mm256_loadu_si256(LAST.as_ptr().add(4 - skip).cast())) }
}

#[cfg(target_arch = "x86_64")]
impl Eight for Pair<Avx2> {
    const ROWS: usize = 4;
    const COLUMNS: usize = 4;
    #[inline(always)]
    unsafe fn store_first<const N: usize>(p: *mut f64, v: Self::V) {
        // SAFETY: the trait's contract promises AVX2.
        unsafe {
            match N {
                1 => _mm_store_sd(p, _mm256_castpd256_pd128(v[0])),
                2 => _mm_storeu_pd(p, _mm256_castpd256_pd128(v[0])),
                4 => _mm256_storeu_pd(p, v[0]),
                _ => Self::store_part(p, N, v),
            }
        }
    }
    #[inline(always)]
    unsafe fn load_last(p: *const f64, skip: usize) -> Self::V {
        // SAFETY: the trait's contract promises AVX2; each half reads what exists.
        unsafe {
            if skip < 4 {
                [last_of_four(p, skip), Avx2::load(p.wrapping_add(4))]
            } else {
                [Avx2::splat(0.0), last_of_four(p.wrapping_add(4), skip - 4)]
            }
        }
    }
    #[inline(always)]
    unsafe fn sums(v: [Self::V; 8]) -> Self::V {
        // SAFETY: the trait's contract promises AVX2.
        unsafe { [four_sums([v[0], v[1], v[2], v[3]]), four_sums([v[4], v[5], v[6], v[7]])] }
    }
    #[inline(always)]
    unsafe fn one(a: f64, b: f64, c: f64) -> f64 {
        a.mul_add(b, c) // one instruction where the set is enabled
    }
    #[inline(always)]
    unsafe fn deinterleave(a: Self::V, b: Self::V) -> (Self::V, Self::V) {
        // SAFETY: the trait's contract promises AVX2.
        unsafe {
            (
                [every_other::<false>(a), every_other::<false>(b)],
                [every_other::<true>(a), every_other::<true>(b)],
            )
        }
    }
    #[inline(always)]
    unsafe fn twice(a: Self::V) -> (Self::V, Self::V) {
        // SAFETY: the trait's contract promises AVX2.
        unsafe { (spread(a[0]), spread(a[1])) }
    }
    #[inline(always)]
    unsafe fn pair_of_sums(v: Self::V) -> Self::V {
        // SAFETY: the trait's contract promises AVX2.
        unsafe { [halves(_mm256_add_pd(v[0], v[1])), v[1]] }
    }
}

/// Sums of lanes at distances 4 and 2: the two halves' partial sums of `a` and `c` below, of `b` and
/// `d` above, as `a a c c | b b d d`.
///
/// # Safety
/// Needs AVX.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn partial_sums(a: __m256, b: __m256, c: __m256, d: __m256) -> __m256 {
    // SAFETY: the caller's promise.
    unsafe {
        let low = _mm256_permute2f128_ps::<0x20>(a, b);
        let ab = _mm256_add_ps(low, _mm256_permute2f128_ps::<0x31>(a, b));
        let low = _mm256_permute2f128_ps::<0x20>(c, d);
        let cd = _mm256_add_ps(low, _mm256_permute2f128_ps::<0x31>(c, d));
        let low = _mm256_shuffle_ps::<0b01_00_01_00>(ab, cd);
        _mm256_add_ps(low, _mm256_shuffle_ps::<0b11_10_11_10>(ab, cd))
    }
}

/// Swaps the two middle quarters.
///
/// # Safety
/// Needs AVX2.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn middle_swapped(x: __m256) -> __m256 {
    // SAFETY: the caller's promise.
    unsafe { _mm256_castpd_ps(_mm256_permute4x64_pd::<0b11_01_10_00>(_mm256_castps_pd(x))) }
}

/// `LAST_SINGLES[8 - skip..]` starts with `skip` clear lanes and then set ones.
#[cfg(target_arch = "x86_64")]
static LAST_SINGLES: [i32; 16] = [0, 0, 0, 0, 0, 0, 0, 0, -1, -1, -1, -1, -1, -1, -1, -1];

#[cfg(target_arch = "x86_64")]
impl<W: FromSingle> Eight for Single<W> {
    const ROWS: usize = 8;
    const COLUMNS: usize = 8;
    #[inline(always)]
    unsafe fn load_last(p: *const f32, skip: usize) -> Self::V {
        // SAFETY: the trait's contract promises AVX2; 8 elements from index 8 - skip lie inside
        // LAST_SINGLES; masked lanes are not read.
        unsafe {
            let mask = _mm256_loadu_si256(LAST_SINGLES.as_ptr().add(8 - skip).cast());
            _mm256_maskload_ps(p, mask)
        }
    }
    #[inline(always)]
    unsafe fn one(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c) // one instruction where the set is enabled
    }
    #[inline(always)]
    unsafe fn sums(v: [Self::V; 8]) -> Self::V {
        // SAFETY: the trait's contract promises AVX2.
        unsafe {
            let first = partial_sums(v[0], v[1], v[2], v[3]);
            let second = partial_sums(v[4], v[5], v[6], v[7]);
            let low = _mm256_shuffle_ps::<0b10_00_10_00>(first, second);
            let s = _mm256_add_ps(low, _mm256_shuffle_ps::<0b11_01_11_01>(first, second));
            // Now 0 2 4 6 1 3 5 7.
            _mm256_permutevar8x32_ps(s, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7))
        }
    }
    #[inline(always)]
    unsafe fn deinterleave(a: Self::V, b: Self::V) -> (Self::V, Self::V) {
        // SAFETY: the trait's contract promises AVX2.
        unsafe {
            (
                middle_swapped(_mm256_shuffle_ps::<0b10_00_10_00>(a, b)),
                middle_swapped(_mm256_shuffle_ps::<0b11_01_11_01>(a, b)),
            )
        }
    }
    #[inline(always)]
    unsafe fn twice(a: Self::V) -> (Self::V, Self::V) {
        // SAFETY: the trait's contract promises AVX2.
        unsafe {
            let low = _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3);
            let high = _mm256_setr_epi32(4, 4, 5, 5, 6, 6, 7, 7);
            (_mm256_permutevar8x32_ps(a, low), _mm256_permutevar8x32_ps(a, high))
        }
    }
    #[inline(always)]
    unsafe fn pair_of_sums(v: Self::V) -> Self::V {
        // SAFETY: the trait's contract promises AVX2.
        unsafe {
            let four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
            _mm256_castps128_ps256(_mm_add_ps(four, _mm_movehl_ps(four, four)))
        }
    }
}
