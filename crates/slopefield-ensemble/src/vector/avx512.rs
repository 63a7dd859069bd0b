//! AVX-512: one register.

use std::arch::x86_64::*;

use super::Vector;

/// Eight doubles in a register.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(__m512d);

macro_rules! operations {
    ($($name:ident => $intrinsic:ident;)+) => {$(
        #[inline(always)]
        unsafe fn $name(self, b: Self) -> Self {
            // SAFETY: the caller promises the instruction set.
            Avx512(unsafe { $intrinsic(self.0, b.0) })
        }
    )+};
}
macro_rules! integer_operations {
    ($($name:ident => $intrinsic:ident;)+) => {$(
        #[inline(always)]
        unsafe fn $name(self, b: Self) -> Self {
            // SAFETY: the caller promises the instruction set.
            Avx512(unsafe {
                _mm512_castsi512_pd($intrinsic(
                    _mm512_castpd_si512(self.0),
                    _mm512_castpd_si512(b.0),
                ))
            })
        }
    )+};
}
macro_rules! tests {
    ($($name:ident => $code:ident;)+) => {$(
        #[inline(always)]
        unsafe fn $name(self, b: Self) -> __mmask8 {
            // SAFETY: the caller promises the instruction set.
            unsafe { _mm512_cmp_pd_mask::<$code>(self.0, b.0) }
        }
    )+};
}

impl Vector for Avx512 {
    type Mask = __mmask8;

    operations! {
        add => _mm512_add_pd;
        sub => _mm512_sub_pd;
        mul => _mm512_mul_pd;
        div => _mm512_div_pd;
        least => _mm512_min_pd;
        greatest => _mm512_max_pd;
    }
    integer_operations! {
        and => _mm512_and_si512;
        or => _mm512_or_si512;
        add_bits => _mm512_add_epi64;
    }
    tests! {
        lt => _CMP_LT_OQ;
        le => _CMP_LE_OQ;
        eq => _CMP_EQ_OQ;
    }

    #[inline(always)]
    unsafe fn splat(x: f64) -> Self {
        // SAFETY: the caller promises the instruction set.
        Avx512(unsafe { _mm512_set1_pd(x) })
    }
    #[inline(always)]
    unsafe fn load(p: *const f64) -> Self {
        // SAFETY: the caller promises the instruction set and eight readable elements.
        Avx512(unsafe { _mm512_loadu_pd(p) })
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f64) {
        // SAFETY: the caller promises the instruction set and eight writable elements.
        unsafe { _mm512_storeu_pd(p, self.0) };
    }
    #[inline(always)]
    unsafe fn shl52(self) -> Self {
        // SAFETY: the caller promises the instruction set.
        Avx512(unsafe { _mm512_castsi512_pd(_mm512_slli_epi64::<52>(_mm512_castpd_si512(self.0))) })
    }
    #[inline(always)]
    unsafe fn shr52(self) -> Self {
        // SAFETY: the caller promises the instruction set.
        Avx512(unsafe { _mm512_castsi512_pd(_mm512_srli_epi64::<52>(_mm512_castpd_si512(self.0))) })
    }
    #[inline(always)]
    unsafe fn select(mask: __mmask8, a: Self, b: Self) -> Self {
        // SAFETY: the caller promises the instruction set.
        Avx512(unsafe { _mm512_mask_blend_pd(mask, b.0, a.0) })
    }
    #[inline(always)]
    unsafe fn mask(bits: u8) -> __mmask8 {
        bits
    }
    #[inline(always)]
    unsafe fn bits(mask: __mmask8) -> u8 {
        mask
    }
}
