//! `sin` and `cos`.
//!
//! `x = k π/2 + r` with `r = hi + lo` from a three-part `π/2` (Cody & Waite 1980), good for
//! `|x| <= 2^20`; larger arguments go through `libm`, lane by lane.

use super::{Function1, horner};
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

/// `sin(x + quarter π/2)` for `quarter` 0 or 1.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
unsafe fn sin_shifted<S: Simd>(x: S::V, quarter: u64) -> S::V {
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
        let s = S::add(hi, S::mul_add(lo, S::sub(one, half_z), s));
        // cos(hi + lo) = 1 - z/2 + z² q - hi lo, with the rounding error of 1 - z/2 put back
        let w = S::sub(one, half_z);
        let lost = S::sub(S::sub(one, w), half_z);
        let c = S::mul_add(S::mul(z, z), horner::<S, 6>(z, &COS), S::neg_mul_add(hi, lo, lost));
        let c = S::add(w, c);

        // k mod 4 stands in the low bits of `sum`.
        let quadrant = S::add_bits(sum, bits::<S>(quarter));
        let odd = S::shl::<63>(quadrant);
        let is_odd = S::lt(S::or(odd, one), S::splat(0.0));
        let sign = S::shl::<63>(S::shr::<1>(quadrant));
        S::xor(S::select(is_odd, c, s), sign)
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
