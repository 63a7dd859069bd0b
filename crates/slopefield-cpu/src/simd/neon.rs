//! AArch64: Advanced SIMD ("NEON"), which every such processor has, with fused multiply-add.

#![allow(unused_unsafe, reason = "intrinsics of the baseline are safe on some versions of Rust")]

use std::arch::aarch64::*;

use super::{Simd, Vector};

/// 2 lanes in one register.
#[derive(Clone, Copy)]
pub(crate) struct Neon;

// SAFETY of all bodies: the instruction set is part of the architecture, and the trait's contract
// promises readable or writable memory where one is touched.
impl Vector for Neon {
    type T = f64;
    type V = float64x2_t;
    type Wide = Self;
    const LANES: usize = 2;

    #[inline(always)]
    unsafe fn splat(x: f64) -> Self::V {
        // SAFETY: see above.
        unsafe { vdupq_n_f64(x) }
    }
    #[inline(always)]
    unsafe fn load(p: *const f64) -> Self::V {
        // SAFETY: see above.
        unsafe { vld1q_f64(p) }
    }
    #[inline(always)]
    unsafe fn load_part(p: *const f64, n: usize) -> Self::V {
        // SAFETY: see above; n is 0 or 1.
        unsafe { if n == 0 { vdupq_n_f64(0.0) } else { vsetq_lane_f64::<0>(*p, vdupq_n_f64(0.0)) } }
    }
    #[inline(always)]
    unsafe fn store(p: *mut f64, v: Self::V) {
        // SAFETY: see above.
        unsafe { vst1q_f64(p, v) }
    }
    #[inline(always)]
    unsafe fn store_part(p: *mut f64, n: usize, v: Self::V) {
        if n == 1 {
            // SAFETY: see above.
            unsafe { *p = vgetq_lane_f64::<0>(v) }
        }
    }
    #[inline(always)]
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { vaddq_f64(a, b) }
    }
    #[inline(always)]
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { vsubq_f64(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { vmulq_f64(a, b) }
    }
    #[inline(always)]
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { vdivq_f64(a, b) }
    }
    #[inline(always)]
    unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // SAFETY: see above. The instruction adds a b to its first operand.
        unsafe { vfmaq_f64(c, a, b) }
    }
    #[inline(always)]
    unsafe fn neg_mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // SAFETY: see above. The instruction subtracts a b from its first operand.
        unsafe { vfmsq_f64(c, a, b) }
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

/// `f` of the bit patterns.
macro_rules! on_bits {
    ($f:ident($($v:expr),+)) => {
        vreinterpretq_f64_u64($f($(vreinterpretq_u64_f64($v)),+))
    };
}

// SAFETY of all bodies: as above.
impl Simd for Neon {
    type M = uint64x2_t;

    #[inline(always)]
    unsafe fn mul_error(a: Self::V, b: Self::V, p: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { vfmaq_f64(vnegq_f64(p), a, b) }
    }
    #[inline(always)]
    unsafe fn residual(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { Self::neg_mul_add(a, b, c) }
    }
    #[inline(always)]
    unsafe fn sqrt(a: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { vsqrtq_f64(a) }
    }
    // The machine's minimum and maximum treat NaN and zeros in another way.
    #[inline(always)]
    unsafe fn least(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { vbslq_f64(vcltq_f64(a, b), a, b) }
    }
    #[inline(always)]
    unsafe fn greatest(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { vbslq_f64(vcltq_f64(b, a), a, b) }
    }
    #[inline(always)]
    unsafe fn and(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { on_bits!(vandq_u64(a, b)) }
    }
    #[inline(always)]
    unsafe fn or(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { on_bits!(vorrq_u64(a, b)) }
    }
    #[inline(always)]
    unsafe fn xor(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { on_bits!(veorq_u64(a, b)) }
    }
    #[inline(always)]
    unsafe fn add_bits(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { on_bits!(vaddq_u64(a, b)) }
    }
    #[inline(always)]
    unsafe fn shl<const N: u32>(a: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe {
            let bits = vreinterpretq_u64_f64(a);
            vreinterpretq_f64_u64(vshlq_u64(bits, vdupq_n_s64(i64::from(N))))
        }
    }
    #[inline(always)]
    unsafe fn shr<const N: u32>(a: Self::V) -> Self::V {
        // SAFETY: see above. Shifting left by less than nothing shifts right.
        unsafe {
            let bits = vreinterpretq_u64_f64(a);
            vreinterpretq_f64_u64(vshlq_u64(bits, vdupq_n_s64(-i64::from(N))))
        }
    }
    #[inline(always)]
    unsafe fn lt(a: Self::V, b: Self::V) -> Self::M {
        // SAFETY: see above.
        unsafe { vcltq_f64(a, b) }
    }
    #[inline(always)]
    unsafe fn le(a: Self::V, b: Self::V) -> Self::M {
        // SAFETY: see above.
        unsafe { vcleq_f64(a, b) }
    }
    #[inline(always)]
    unsafe fn eq(a: Self::V, b: Self::V) -> Self::M {
        // SAFETY: see above.
        unsafe { vceqq_f64(a, b) }
    }
    #[inline(always)]
    unsafe fn mask_and(a: Self::M, b: Self::M) -> Self::M {
        // SAFETY: see above.
        unsafe { vandq_u64(a, b) }
    }
    #[inline(always)]
    unsafe fn mask_or(a: Self::M, b: Self::M) -> Self::M {
        // SAFETY: see above.
        unsafe { vorrq_u64(a, b) }
    }
    #[inline(always)]
    unsafe fn mask_not(a: Self::M) -> Self::M {
        // SAFETY: see above.
        unsafe { veorq_u64(a, vdupq_n_u64(u64::MAX)) }
    }
    #[inline(always)]
    unsafe fn select(m: Self::M, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above. Takes the bits of a where those of m are set.
        unsafe { vbslq_f64(m, a, b) }
    }
    #[inline(always)]
    unsafe fn any(m: Self::M) -> bool {
        // SAFETY: see above.
        unsafe { vmaxvq_u32(vreinterpretq_u32_u64(m)) != 0 }
    }
}
