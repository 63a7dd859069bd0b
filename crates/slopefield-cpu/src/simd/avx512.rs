//! AVX-512 (F).

use super::{Simd, Vector};
use std::arch::x86_64::*;

/// 8 lanes in one register.
#[derive(Clone, Copy)]
pub(crate) struct Avx512;

#[inline(always)]
fn first(n: usize) -> __mmask8 {
    ((1u32 << n) - 1) as __mmask8
}

// What is written under a mask has to reach the cache before it can be read again, which costs more
// than the arithmetic of a short vector. Lengths that have loads and stores of their own take those.

// SAFETY of all bodies: the trait's contract promises the instruction set, and readable or writable
// memory where one is touched.
impl Vector for Avx512 {
    type T = f64;
    type V = __m512d;
    type Wide = Self;
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn splat(x: f64) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm512_set1_pd(x) }
    }
    #[inline(always)]
    unsafe fn load(p: *const f64) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm512_loadu_pd(p) }
    }
    #[inline(always)]
    unsafe fn load_part(p: *const f64, n: usize) -> Self::V {
        // SAFETY: see above.
        unsafe {
            match n {
                1 => _mm512_zextpd128_pd512(_mm_load_sd(p)),
                2 => _mm512_zextpd128_pd512(_mm_loadu_pd(p)),
                4 => _mm512_zextpd256_pd512(_mm256_loadu_pd(p)),
                _ => _mm512_maskz_loadu_pd(first(n), p),
            }
        }
    }
    #[inline(always)]
    unsafe fn store(p: *mut f64, v: Self::V) {
        // SAFETY: see above.
        unsafe { _mm512_storeu_pd(p, v) }
    }
    #[inline(always)]
    unsafe fn store_part(p: *mut f64, n: usize, v: Self::V) {
        // SAFETY: see above.
        unsafe {
            match n {
                1 => _mm_store_sd(p, _mm512_castpd512_pd128(v)),
                2 => _mm_storeu_pd(p, _mm512_castpd512_pd128(v)),
                4 => _mm256_storeu_pd(p, _mm512_castpd512_pd256(v)),
                _ => _mm512_mask_storeu_pd(p, first(n), v),
            }
        }
    }
    #[inline(always)]
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm512_add_pd(a, b) }
    }
    #[inline(always)]
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm512_sub_pd(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm512_mul_pd(a, b) }
    }
    #[inline(always)]
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm512_div_pd(a, b) }
    }
    #[inline(always)]
    unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm512_fmadd_pd(a, b, c) }
    }
    #[inline(always)]
    unsafe fn neg_mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm512_fnmadd_pd(a, b, c) }
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
impl Simd for Avx512 {
    type M = __mmask8;

    #[inline(always)]
    unsafe fn mul_error(a: Self::V, b: Self::V, p: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm512_fmsub_pd(a, b, p) }
    }
    #[inline(always)]
    unsafe fn residual(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { Self::neg_mul_add(a, b, c) }
    }
    #[inline(always)]
    unsafe fn sqrt(a: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm512_sqrt_pd(a) }
    }
    #[inline(always)]
    unsafe fn least(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm512_min_pd(a, b) }
    }
    #[inline(always)]
    unsafe fn greatest(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm512_max_pd(a, b) }
    }
    #[inline(always)]
    unsafe fn and(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe {
            _mm512_castsi512_pd(_mm512_and_si512(_mm512_castpd_si512(a), _mm512_castpd_si512(b)))
        }
    }
    #[inline(always)]
    unsafe fn or(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe {
            _mm512_castsi512_pd(_mm512_or_si512(_mm512_castpd_si512(a), _mm512_castpd_si512(b)))
        }
    }
    #[inline(always)]
    unsafe fn xor(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe {
            _mm512_castsi512_pd(_mm512_xor_si512(_mm512_castpd_si512(a), _mm512_castpd_si512(b)))
        }
    }
    #[inline(always)]
    unsafe fn add_bits(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe {
            _mm512_castsi512_pd(_mm512_add_epi64(_mm512_castpd_si512(a), _mm512_castpd_si512(b)))
        }
    }
    #[inline(always)]
    unsafe fn shl<const N: u32>(a: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm512_castsi512_pd(_mm512_slli_epi64::<N>(_mm512_castpd_si512(a))) }
    }
    #[inline(always)]
    unsafe fn shr<const N: u32>(a: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm512_castsi512_pd(_mm512_srli_epi64::<N>(_mm512_castpd_si512(a))) }
    }
    #[inline(always)]
    unsafe fn lt(a: Self::V, b: Self::V) -> Self::M {
        // SAFETY: see above.
        unsafe { _mm512_cmp_pd_mask::<_CMP_LT_OQ>(a, b) }
    }
    #[inline(always)]
    unsafe fn le(a: Self::V, b: Self::V) -> Self::M {
        // SAFETY: see above.
        unsafe { _mm512_cmp_pd_mask::<_CMP_LE_OQ>(a, b) }
    }
    #[inline(always)]
    unsafe fn eq(a: Self::V, b: Self::V) -> Self::M {
        // SAFETY: see above.
        unsafe { _mm512_cmp_pd_mask::<_CMP_EQ_OQ>(a, b) }
    }
    #[inline(always)]
    unsafe fn mask_and(a: Self::M, b: Self::M) -> Self::M {
        a & b
    }
    #[inline(always)]
    unsafe fn mask_or(a: Self::M, b: Self::M) -> Self::M {
        a | b
    }
    #[inline(always)]
    unsafe fn mask_not(a: Self::M) -> Self::M {
        !a
    }
    #[inline(always)]
    unsafe fn select(m: Self::M, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm512_mask_blend_pd(m, b, a) }
    }
    #[inline(always)]
    unsafe fn any(m: Self::M) -> bool {
        m != 0
    }
}
