//! AVX2: two registers.

use std::arch::x86_64::*;

use super::Vector;

/// Eight doubles in two registers.
#[derive(Clone, Copy)]
pub(crate) struct Avx2([__m256d; 2]);

macro_rules! operations {
    ($($name:ident => $intrinsic:ident;)+) => {$(
        #[inline(always)]
        unsafe fn $name(self, b: Self) -> Self {
            // SAFETY: the caller promises the instruction set.
            Avx2(unsafe { [$intrinsic(self.0[0], b.0[0]), $intrinsic(self.0[1], b.0[1])] })
        }
    )+};
}
macro_rules! tests {
    ($($name:ident => $code:ident;)+) => {$(
        #[inline(always)]
        unsafe fn $name(self, b: Self) -> Self {
            // SAFETY: the caller promises the instruction set.
            Avx2(unsafe {
                [
                    _mm256_cmp_pd::<$code>(self.0[0], b.0[0]),
                    _mm256_cmp_pd::<$code>(self.0[1], b.0[1]),
                ]
            })
        }
    )+};
}

#[inline(always)]
unsafe fn add_integers(a: __m256d, b: __m256d) -> __m256d {
    // SAFETY: the caller promises the instruction set.
    unsafe { _mm256_castsi256_pd(_mm256_add_epi64(_mm256_castpd_si256(a), _mm256_castpd_si256(b))) }
}

impl Vector for Avx2 {
    type Mask = Avx2;

    operations! {
        add => _mm256_add_pd;
        sub => _mm256_sub_pd;
        mul => _mm256_mul_pd;
        div => _mm256_div_pd;
        least => _mm256_min_pd;
        greatest => _mm256_max_pd;
        and => _mm256_and_pd;
        or => _mm256_or_pd;
        add_bits => add_integers;
    }
    tests! {
        lt => _CMP_LT_OQ;
        le => _CMP_LE_OQ;
        eq => _CMP_EQ_OQ;
    }

    #[inline(always)]
    unsafe fn splat(x: f64) -> Self {
        // SAFETY: the caller promises the instruction set.
        Avx2(unsafe { [_mm256_set1_pd(x); 2] })
    }
    #[inline(always)]
    unsafe fn load(p: *const f64) -> Self {
        // SAFETY: the caller promises the instruction set and eight readable elements.
        Avx2(unsafe { [_mm256_loadu_pd(p), _mm256_loadu_pd(p.add(4))] })
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f64) {
        // SAFETY: the caller promises the instruction set and eight writable elements.
        unsafe {
            _mm256_storeu_pd(p, self.0[0]);
            _mm256_storeu_pd(p.add(4), self.0[1]);
        }
    }
    #[inline(always)]
    unsafe fn shl52(self) -> Self {
        // SAFETY: the caller promises the instruction set.
        Avx2(unsafe {
            [
                _mm256_castsi256_pd(_mm256_slli_epi64::<52>(_mm256_castpd_si256(self.0[0]))),
                _mm256_castsi256_pd(_mm256_slli_epi64::<52>(_mm256_castpd_si256(self.0[1]))),
            ]
        })
    }
    #[inline(always)]
    unsafe fn shr52(self) -> Self {
        // SAFETY: the caller promises the instruction set.
        Avx2(unsafe {
            [
                _mm256_castsi256_pd(_mm256_srli_epi64::<52>(_mm256_castpd_si256(self.0[0]))),
                _mm256_castsi256_pd(_mm256_srli_epi64::<52>(_mm256_castpd_si256(self.0[1]))),
            ]
        })
    }
    #[inline(always)]
    unsafe fn select(mask: Avx2, a: Self, b: Self) -> Self {
        // SAFETY: the caller promises the instruction set.
        Avx2(unsafe {
            [
                _mm256_blendv_pd(b.0[0], a.0[0], mask.0[0]),
                _mm256_blendv_pd(b.0[1], a.0[1], mask.0[1]),
            ]
        })
    }
    #[inline(always)]
    unsafe fn mask(bits: u8) -> Avx2 {
        // SAFETY: the caller promises the instruction set. Each lane keeps its own bit and
        // compares it with itself, which sets all bits of the lane, the sign among them.
        unsafe {
            let all = _mm256_set1_epi64x(i64::from(bits));
            let low = _mm256_setr_epi64x(1, 2, 4, 8);
            let high = _mm256_setr_epi64x(16, 32, 64, 128);
            Avx2([
                _mm256_castsi256_pd(_mm256_cmpeq_epi64(_mm256_and_si256(all, low), low)),
                _mm256_castsi256_pd(_mm256_cmpeq_epi64(_mm256_and_si256(all, high), high)),
            ])
        }
    }
    #[inline(always)]
    unsafe fn bits(mask: Avx2) -> u8 {
        // SAFETY: the caller promises the instruction set.
        unsafe { (_mm256_movemask_pd(mask.0[0]) | _mm256_movemask_pd(mask.0[1]) << 4) as u8 }
    }
}
