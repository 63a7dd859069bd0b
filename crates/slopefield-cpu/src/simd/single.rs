//! Vectors of eight `f32` in an AVX register.
//!
//! Eight on machines with AVX-512 too: an 8-lane register of `f32` is to one of `f64` what half the
//! memory traffic is, which bounds the products of large matrices, and it widens to one register.

use std::arch::x86_64::*;
use std::marker::PhantomData;

use super::{Avx2, Avx512, Pair, Simd, Vector};

/// 8 lanes of `f32` that become a vector of `W` in `f64`.
#[derive(Clone, Copy)]
pub(crate) struct Single<W>(PhantomData<W>);

/// Vectors of eight `f64` that eight `f32` can become.
///
/// # Safety
/// As for [`Vector`].
pub(crate) trait FromSingle: Simd {
    /// The same numbers in `f64`.
    unsafe fn from_single(v: __m256) -> Self::V;
    /// The nearest `f32`.
    unsafe fn to_single(v: Self::V) -> __m256;
}

impl FromSingle for Avx512 {
    #[inline(always)]
    unsafe fn from_single(v: __m256) -> Self::V {
        // SAFETY: the trait's contract promises AVX-512.
        unsafe { _mm512_cvtps_pd(v) }
    }
    #[inline(always)]
    unsafe fn to_single(v: Self::V) -> __m256 {
        // SAFETY: the trait's contract promises AVX-512.
        unsafe { _mm512_cvtpd_ps(v) }
    }
}

impl FromSingle for Pair<Avx2> {
    #[inline(always)]
    unsafe fn from_single(v: __m256) -> Self::V {
        // SAFETY: the trait's contract promises AVX2.
        unsafe {
            let high = _mm256_extractf128_ps::<1>(v);
            [_mm256_cvtps_pd(_mm256_castps256_ps128(v)), _mm256_cvtps_pd(high)]
        }
    }
    #[inline(always)]
    unsafe fn to_single(v: Self::V) -> __m256 {
        // SAFETY: the trait's contract promises AVX2.
        unsafe { _mm256_set_m128(_mm256_cvtpd_ps(v[1]), _mm256_cvtpd_ps(v[0])) }
    }
}

/// `FIRST[8 - n..]` starts with n set lanes.
static FIRST: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

/// Mask of the first `n` lanes.
///
/// # Safety
/// Needs AVX and `n <= 8`.
#[inline(always)]
unsafe fn first(n: usize) -> __m256i {
    // SAFETY: 8 elements from index 8 - n >= 0 lie inside FIRST.
    unsafe { _mm256_loadu_si256(FIRST.as_ptr().add(8 - n).cast()) }
}

// SAFETY of all bodies: the trait's contract promises the instruction set of `W`, which includes AVX2
// and fused multiply-add, and readable or writable memory where one is touched.
impl<W: FromSingle> Vector for Single<W> {
    type T = f32;
    type V = __m256;
    type Wide = W;
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm256_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm256_loadu_ps(p) }
    }
    #[inline(always)]
    unsafe fn load_part(p: *const f32, n: usize) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm256_maskload_ps(p, first(n)) }
    }
    #[inline(always)]
    unsafe fn store(p: *mut f32, v: Self::V) {
        // SAFETY: see above.
        unsafe { _mm256_storeu_ps(p, v) }
    }
    #[inline(always)]
    unsafe fn store_part(p: *mut f32, n: usize, v: Self::V) {
        // SAFETY: see above.
        unsafe { _mm256_maskstore_ps(p, first(n), v) }
    }
    #[inline(always)]
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm256_add_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm256_sub_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm256_mul_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm256_div_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn neg_mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm256_fnmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn widen(v: Self::V) -> W::V {
        // SAFETY: see above.
        unsafe { W::from_single(v) }
    }
    #[inline(always)]
    unsafe fn narrow(v: W::V) -> Self::V {
        // SAFETY: see above.
        unsafe { W::to_single(v) }
    }
}
