//! `sin`, `cos` and `tan`.
//!
//! `x = k π/2 + r` with `r = hi + lo` from a three-part `π/2` (Cody & Waite 1980), good for
//! `|x| <= 2^20`; larger arguments go through `libm`, lane by lane.

use super::{Function1, fast_two_sum, horner, quotient};
use crate::simd::{ROUNDER, Simd, abs, bits, patch};

/// `π/2` in parts of 33 bits, so that `k` times a part is exact for `|k| < 2^20`, and the rest.
const PARTS: [f64; 3] = [
    f64::from_bits(0x3ff9_21fb_5440_0000),
    f64::from_bits(0x3dd0_b461_1a60_0000),
    f64::from_bits(0x3ba3_198a_2e00_0000),
];
const REST: f64 = f64::from_bits(0x397b_839a_2520_49c1);

/// `(sin r - r) / r³` in `r²` on `|r| <= π/4`, error 3e-17 (`coefficients/remez.py`).
const SIN: [f64; 6] = [
    -0.16666666666666666,
    0.008333333333330948,
    -0.00019841269836757408,
    2.755731610178905e-06,
    -2.5051131660293638e-08,
    1.5918114511806622e-10,
];
/// `(cos r - 1 + r²/2) / r⁴` in `r²` on `|r| <= π/4`, error 2.4e-18.
const COS: [f64; 6] = [
    0.041666666666666664,
    -0.0013888888888887398,
    2.4801587298764788e-05,
    -2.7557317271175225e-07,
    2.0876146138587037e-09,
    -1.1382622252612096e-11,
];

/// Largest argument of the vector code.
const LIMIT: f64 = 1_048_576.0;

/// `a - b` with its rounding error (Knuth's two-sum).
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
unsafe fn two_difference<S: Simd>(a: S::V, b: S::V) -> (S::V, S::V) {
    // SAFETY: the caller's promise.
    unsafe {
        let d = S::sub(a, b);
        let t = S::sub(d, a);
        (d, S::sub(S::sub(a, S::sub(d, t)), S::add(b, t)))
    }
}

/// Sine and cosine of `x - k π/2`, each the sum of a number and a small one, and `k` in the low bits.
struct Reduced<V> {
    sin: (V, V),
    cos: (V, V),
    quadrant: V,
}

/// # Safety
/// As for [`Simd`].
#[inline(always)]
unsafe fn reduced<S: Simd>(x: S::V) -> Reduced<S::V> {
    // SAFETY: the caller's promise.
    unsafe {
        let rounder = S::splat(ROUNDER);
        let sum = S::mul_add(x, S::splat(std::f64::consts::FRAC_2_PI), rounder);
        let k = S::sub(sum, rounder);
        // The first difference is exact (Sterbenz), the products are exact.
        let first = S::sub(x, S::mul(k, S::splat(PARTS[0])));
        let (second, e2) = two_difference::<S>(first, S::mul(k, S::splat(PARTS[1])));
        let (third, e3) = two_difference::<S>(second, S::mul(k, S::splat(PARTS[2])));
        let tail = S::neg_mul_add(k, S::splat(REST), S::add(e2, e3));
        let hi = S::add(third, tail);
        let lo = S::add(S::sub(third, hi), tail);

        let z = S::mul(hi, hi);
        // sin(hi + lo) = hi + hi z q + lo (1 - z/2)
        let half_z = S::mul(S::splat(0.5), z);
        let one = S::splat(1.0);
        let s = S::mul(S::mul(hi, z), horner::<S, 6>(z, &SIN));
        let s = S::mul_add(lo, S::sub(one, half_z), s);
        // cos(hi + lo) = 1 - z/2 + z² q - hi lo, with the rounding error of 1 - z/2 put back
        let w = S::sub(one, half_z);
        let lost = S::sub(S::sub(one, w), half_z);
        let c = S::mul_add(S::mul(z, z), horner::<S, 6>(z, &COS), S::neg_mul_add(hi, lo, lost));
        Reduced { sin: (hi, s), cos: (w, c), quadrant: sum }
    }
}

/// Which lanes of a quadrant are odd.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
unsafe fn is_odd<S: Simd>(quadrant: S::V) -> S::M {
    // SAFETY: the caller's promise.
    unsafe { S::lt(S::or(S::shl::<63>(quadrant), S::splat(1.0)), S::splat(0.0)) }
}

/// `sin(x + quarter π/2)` for `quarter` 0 or 1.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
unsafe fn sin_shifted<S: Simd>(x: S::V, quarter: u64) -> S::V {
    // SAFETY: the caller's promise.
    unsafe {
        let Reduced { sin, cos, quadrant } = reduced::<S>(x);
        let quadrant = S::add_bits(quadrant, bits::<S>(quarter));
        let value = S::select(is_odd::<S>(quadrant), S::add(cos.0, cos.1), S::add(sin.0, sin.1));
        S::xor(value, S::shl::<63>(S::shr::<1>(quadrant)))
    }
}

/// Sine.
pub(crate) struct Sin;

impl Function1 for Sin {
    #[inline(always)]
    unsafe fn at<S: Simd>(x: S::V) -> S::V {
        // SAFETY: the caller's promise.
        unsafe {
            let inside = S::le(abs::<S>(x), S::splat(LIMIT));
            let result = sin_shifted::<S>(x, 0);
            // Keeps the sign of zero, and tiny arguments exact.
            let tiny = S::lt(abs::<S>(x), S::splat(1e-9));
            let result = S::select(tiny, x, result);
            patch::<S>(S::mask_not(inside), result, x, libm::sin)
        }
    }
}

/// Cosine.
pub(crate) struct Cos;

impl Function1 for Cos {
    #[inline(always)]
    unsafe fn at<S: Simd>(x: S::V) -> S::V {
        // SAFETY: the caller's promise.
        unsafe {
            let inside = S::le(abs::<S>(x), S::splat(LIMIT));
            let result = sin_shifted::<S>(x, 1);
            patch::<S>(S::mask_not(inside), result, x, libm::cos)
        }
    }
}

/// Tangent.
pub(crate) struct Tan;

impl Function1 for Tan {
    #[inline(always)]
    unsafe fn at<S: Simd>(x: S::V) -> S::V {
        // SAFETY: the caller's promise.
        unsafe {
            let Reduced { sin, cos, quadrant } = reduced::<S>(x);
            let sin = fast_two_sum::<S>(sin.0, sin.1);
            let cos = fast_two_sum::<S>(cos.0, cos.1);
            // tan(r + k π/2) is sin r / cos r or, for odd k, -cos r / sin r.
            let odd = is_odd::<S>(quadrant);
            let n = (S::select(odd, cos.0, sin.0), S::select(odd, cos.1, sin.1));
            let d = (S::select(odd, sin.0, cos.0), S::select(odd, sin.1, cos.1));
            let result = S::xor(quotient::<S>(n, d), S::shl::<63>(quadrant));
            let size = abs::<S>(x);
            let result = S::select(S::lt(size, S::splat(1e-9)), x, result);
            patch::<S>(S::mask_not(S::le(size, S::splat(LIMIT))), result, x, libm::tan)
        }
    }
}
