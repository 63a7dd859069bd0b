//! AVX2 with fused multiply-add.

use super::{Simd, Vector};
use std::arch::x86_64::*;

/// 4 lanes in one register.
#[derive(Clone, Copy)]
pub(crate) struct Avx2;

/// `FIRST[4 - n..]` starts with n set lanes.
static FIRST: [i64; 8] = [-1, -1, -1, -1, 0, 0, 0, 0];

/// Mask of the first `n` lanes.
///
/// # Safety
/// Needs AVX and `n <= 4`.
#[inline(always)]
unsafe fn first(n: usize) -> __m256i {
    // SAFETY: 4 elements from index 4 - n >= 0 lie inside FIRST.
    unsafe { _mm256_loadu_si256(FIRST.as_ptr().add(4 - n).cast()) }
}

// SAFETY of all bodies: the trait's contract promises the instruction set, and readable or writable
// memory where one is touched.
impl Vector for Avx2 {
    type T = f64;
    type V = __m256d;
    type Wide = Self;
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn splat(x: f64) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm256_set1_pd(x) }
    }
    #[inline(always)]
    unsafe fn load(p: *const f64) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm256_loadu_pd(p) }
    }
    #[inline(always)]
    unsafe fn load_part(p: *const f64, n: usize) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm256_maskload_pd(p, first(n)) }
    }
    #[inline(always)]
    unsafe fn store(p: *mut f64, v: Self::V) {
        // SAFETY: see above.
        unsafe { _mm256_storeu_pd(p, v) }
    }
    #[inline(always)]
    unsafe fn store_part(p: *mut f64, n: usize, v: Self::V) {
        // SAFETY: see above.
        unsafe { _mm256_maskstore_pd(p, first(n), v) }
    }
    #[inline(always)]
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm256_add_pd(a, b) }
    }
    #[inline(always)]
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm256_sub_pd(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm256_mul_pd(a, b) }
    }
    #[inline(always)]
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm256_div_pd(a, b) }
    }
    #[inline(always)]
    unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm256_fmadd_pd(a, b, c) }
    }
    #[inline(always)]
    unsafe fn neg_mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm256_fnmadd_pd(a, b, c) }
    }
    #[inline(always)]
    unsafe fn widen(v: Self::V) -> Self::V {
        v
    }
    #[inline(always)]
    unsafe fn narrow(v: Self::V) -> Self::V {
        v
    }
}

// SAFETY of all bodies: as above.
impl Simd for Avx2 {
    type M = __m256d;

    #[inline(always)]
    unsafe fn mul_error(a: Self::V, b: Self::V, p: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm256_fmsub_pd(a, b, p) }
    }
    #[inline(always)]
    unsafe fn residual(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { Self::neg_mul_add(a, b, c) }
    }
    #[inline(always)]
    unsafe fn sqrt(a: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm256_sqrt_pd(a) }
    }
    #[inline(always)]
    unsafe fn least(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm256_min_pd(a, b) }
    }
    #[inline(always)]
    unsafe fn greatest(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm256_max_pd(a, b) }
    }
    #[inline(always)]
    unsafe fn and(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm256_and_pd(a, b) }
    }
    #[inline(always)]
    unsafe fn or(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm256_or_pd(a, b) }
    }
    #[inline(always)]
    unsafe fn xor(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm256_xor_pd(a, b) }
    }
    #[inline(always)]
    unsafe fn add_bits(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe {
            _mm256_castsi256_pd(_mm256_add_epi64(_mm256_castpd_si256(a), _mm256_castpd_si256(b)))
        }
    }
    #[inline(always)]
    unsafe fn shl<const N: u32>(a: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe {
            _mm256_castsi256_pd(_mm256_sll_epi64(
                _mm256_castpd_si256(a),
                _mm_cvtsi32_si128(N as i32),
            ))
        }
    }
    #[inline(always)]
    unsafe fn shr<const N: u32>(a: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe {
            _mm256_castsi256_pd(_mm256_srl_epi64(
                _mm256_castpd_si256(a),
                _mm_cvtsi32_si128(N as i32),
            ))
        }
    }
    #[inline(always)]
    unsafe fn lt(a: Self::V, b: Self::V) -> Self::M {
        // SAFETY: see above.
        unsafe { _mm256_cmp_pd::<_CMP_LT_OQ>(a, b) }
    }
    #[inline(always)]
    unsafe fn le(a: Self::V, b: Self::V) -> Self::M {
        // SAFETY: see above.
        unsafe { _mm256_cmp_pd::<_CMP_LE_OQ>(a, b) }
    }
    #[inline(always)]
    unsafe fn eq(a: Self::V, b: Self::V) -> Self::M {
        // SAFETY: see above.
        unsafe { _mm256_cmp_pd::<_CMP_EQ_OQ>(a, b) }
    }
    #[inline(always)]
    unsafe fn mask_and(a: Self::M, b: Self::M) -> Self::M {
        // SAFETY: see above.
        unsafe { _mm256_and_pd(a, b) }
    }
    #[inline(always)]
    unsafe fn mask_or(a: Self::M, b: Self::M) -> Self::M {
        // SAFETY: see above.
        unsafe { _mm256_or_pd(a, b) }
    }
    #[inline(always)]
    unsafe fn mask_not(a: Self::M) -> Self::M {
        // SAFETY: see above.
        unsafe { _mm256_xor_pd(a, _mm256_castsi256_pd(_mm256_set1_epi64x(-1))) }
    }
    #[inline(always)]
    unsafe fn select(m: Self::M, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm256_blendv_pd(b, a, m) }
    }
    #[inline(always)]
    unsafe fn any(m: Self::M) -> bool {
        // SAFETY: see above.
        unsafe { _mm256_movemask_pd(m) != 0 }
    }
}
