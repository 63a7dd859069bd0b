//! `exp` and `exp - 1`.
//!
//! `x = k ln 2 + r` with whole `k` and `|r| <= ln 2 / 2`; a polynomial gives `exp r - 1`.

use super::{Function1, fast_two_sum};
use crate::simd::{ROUNDER, Simd, abs, bits};

/// `ln 2` to 41 bits: `k * LN2_HI` is exact for `|k| <= 4096`.
pub(super) const LN2_HI: f64 = f64::from_bits(0x3fe6_2e42_fefa_3000);
/// The rest of `ln 2`.
pub(super) const LN2_LO: f64 = f64::from_bits(0x3d53_de6a_f278_ece6);

/// `(exp r - 1 - r) / r²` on `|r| <= ln 2 / 2`, error 2.5e-18 (`coefficients/remez.py`).
const Q: [f64; 11] = [
    0.5,
    0.1666666666666667,
    0.041666666666666685,
    0.008333333333326134,
    0.0013888888888874396,
    0.00019841269874821957,
    2.4801587347346783e-05,
    2.755725539874195e-06,
    2.7557252905997574e-07,
    2.5105217543350842e-08,
    2.0921591355558057e-09,
];

/// `x = k ln 2 + r + correction`: returns `(k, r, correction)`; `k` holds a whole number.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
unsafe fn reduce<S: Simd>(x: S::V) -> (S::V, S::V, S::V) {
    // SAFETY: the caller's promise.
    unsafe {
        let rounder = S::splat(ROUNDER);
        let k = S::sub(S::mul_add(x, S::splat(std::f64::consts::LOG2_E), rounder), rounder);
        let hi = S::neg_mul_add(k, S::splat(LN2_HI), x);
        let r = S::neg_mul_add(k, S::splat(LN2_LO), hi);
        (k, r, S::neg_mul_add(k, S::splat(LN2_LO), S::sub(hi, r)))
    }
}

/// `c[0] + c[1] r + …` of degree 10, with `r²`, in the order of Estrin (1960): Horner's rule would wait
/// for each of its ten steps.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
unsafe fn estrin<S: Simd>(r: S::V, r2: S::V, c: &[f64; 11]) -> S::V {
    // SAFETY: the caller's promise.
    unsafe {
        let r4 = S::mul(r2, r2);
        let c = |i: usize| S::splat(c[i]);
        let low = S::mul_add(S::mul_add(c(3), r, c(2)), r2, S::mul_add(c(1), r, c(0)));
        let middle = S::mul_add(S::mul_add(c(7), r, c(6)), r2, S::mul_add(c(5), r, c(4)));
        let high = S::mul_add(c(10), r2, S::mul_add(c(9), r, c(8)));
        S::mul_add(high, S::mul(r4, r4), S::mul_add(middle, r4, low))
    }
}

/// `(exp r - 1 - r) / r²` for `|r| <= ln 2 / 2`.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
unsafe fn rest_of_exp<S: Simd>(r: S::V) -> S::V {
    // SAFETY: the caller's promise.
    unsafe { estrin::<S>(r, S::mul(r, r), &Q) }
}

/// Coefficients of [`rest_of_exp_of_double`].
const Q_OF_DOUBLE: [f64; 11] = {
    let (mut scaled, mut power, mut i) = ([0.0; 11], 2.0, 0);
    while i < 11 {
        scaled[i] = power * Q[i];
        power *= 2.0;
        i += 1;
    }
    scaled
};

/// `((exp(2 r) - 1) / 2 - r) / r²` for `|r| <= ln 2 / 4`, with the square of `r`.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
pub(super) unsafe fn rest_of_exp_of_double<S: Simd>(r: S::V, square: S::V) -> S::V {
    // SAFETY: the caller's promise.
    unsafe { estrin::<S>(r, square, &Q_OF_DOUBLE) }
}

/// `2^k` for whole `k` in `-1022..=1023`.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
pub(super) unsafe fn power_of_two<S: Simd>(k: S::V) -> S::V {
    // SAFETY: the caller's promise.
    unsafe {
        // The low bits of the sum hold k; the shift drops everything above the exponent field.
        let low = S::add(k, S::splat(ROUNDER));
        S::add_bits(S::shl::<52>(low), S::splat(1.0))
    }
}

/// `2^k (1 + p)` for whole `|k| <= 2000`, rounded once, also where the result is subnormal.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
pub(super) unsafe fn scale<S: Simd>(one_plus_p: S::V, k: S::V) -> S::V {
    // SAFETY: the caller's promise.
    unsafe {
        let rounder = S::splat(ROUNDER);
        let half = S::sub(S::mul_add(k, S::splat(0.5), rounder), rounder);
        let rest = S::sub(k, half);
        S::mul(S::mul(one_plus_p, power_of_two::<S>(half)), power_of_two::<S>(rest))
    }
}

/// `exp x = 2^k (1 + s + t)` as `(k, s, t)`, for `|x| <= 1000`. `t` is below an ulp of `s`; the sum has
/// about 60 good bits.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
pub(super) unsafe fn parts<S: Simd>(x: S::V) -> (S::V, S::V, S::V) {
    // SAFETY: the caller's promise.
    unsafe {
        let (k, r, correction) = reduce::<S>(x);
        let q = rest_of_exp::<S>(r);
        let (s, t) = fast_two_sum::<S>(r, S::mul_add(S::mul(r, r), q, correction));
        (k, s, t)
    }
}

/// [`parts`] of `x + tail`, for a `tail` below an ulp or so of `x`.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
pub(super) unsafe fn parts_with_tail<S: Simd>(x: S::V, tail: S::V) -> (S::V, S::V, S::V) {
    // SAFETY: the caller's promise.
    unsafe {
        let (k, r, correction) = reduce::<S>(x);
        let q = rest_of_exp::<S>(r);
        // exp(r + t) = exp r + t exp r, where t can be many ulps of 1 when x is large.
        let square = S::mul(r, r);
        let t = S::add(correction, tail);
        let t = S::mul_add(t, S::mul_add(square, q, r), t);
        let (s, t) = fast_two_sum::<S>(r, S::mul_add(square, q, t));
        (k, s, t)
    }
}

/// `exp(x + tail)` for a `tail` below an ulp or so of `x`. NaN and infinite `x` give what `exp`
/// gives; `tail` must be finite.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
pub(super) unsafe fn exp_with_tail<S: Simd>(x: S::V, tail: S::V) -> S::V {
    // SAFETY: the caller's promise.
    unsafe {
        // Beyond these bounds the result is 0 or infinity; inside, k fits `scale`. NaN stays.
        let x = S::greatest(S::splat(-760.0), S::least(S::splat(720.0), x));
        let (k, s, _) = parts_with_tail::<S>(x, tail);
        scale::<S>(S::add(S::splat(1.0), s), k)
    }
}

/// `exp x`.
pub(crate) struct Exp;

impl Function1 for Exp {
    #[inline(always)]
    unsafe fn at<S: Simd>(x: S::V) -> S::V {
        // SAFETY: the caller's promise.
        unsafe {
            let x = S::greatest(S::splat(-760.0), S::least(S::splat(720.0), x));
            let rounder = S::splat(ROUNDER);
            let k = S::sub(S::mul_add(x, S::splat(std::f64::consts::LOG2_E), rounder), rounder);
            let r = S::neg_mul_add(k, S::splat(LN2_HI), x);
            let r = S::neg_mul_add(k, S::splat(LN2_LO), r);
            let q = rest_of_exp::<S>(r);
            let p = S::mul_add(S::mul(r, r), q, r);
            scale::<S>(S::add(S::splat(1.0), p), k)
        }
    }
}

/// `exp x - 1`.
pub(crate) struct Expm1;

impl Function1 for Expm1 {
    #[inline(always)]
    unsafe fn at<S: Simd>(x: S::V) -> S::V {
        // SAFETY: the caller's promise.
        unsafe {
            // At -40 the result has long rounded to -1.
            let inside = S::greatest(S::splat(-40.0), S::least(S::splat(720.0), x));
            let (k, r, correction) = reduce::<S>(inside);
            let q = rest_of_exp::<S>(r);
            // exp r - 1 = p + r; both parts are scaled apart so that r's own error stays out.
            let p = S::mul_add(S::mul(r, r), q, correction);
            // Half of 2^k, so that k = 1024 does not overflow before it must.
            let half = power_of_two::<S>(S::sub(k, S::splat(1.0)));
            let base = S::sub(half, S::splat(0.5));
            let (hi, lo) = {
                let scaled = S::mul(half, r);
                let sum = S::add(base, scaled);
                // Error of the sum whichever operand is larger (Knuth's two-sum).
                let b = S::sub(sum, base);
                let e = S::add(S::sub(base, S::sub(sum, b)), S::sub(scaled, b));
                (sum, e)
            };
            let sum = S::add(hi, S::mul_add(half, p, lo));
            let result = S::mul(S::splat(2.0), sum);
            // Tiny arguments (signed zero and subnormals among them) are their own result; larger
            // than 710 is infinity, where the two-sum has become NaN.
            let tiny = S::lt(abs::<S>(x), S::splat(1e-17));
            let huge = S::lt(S::splat(709.8), x);
            let result = S::select(huge, bits::<S>(0x7ff0_0000_0000_0000), result);
            S::select(tiny, x, result)
        }
    }
}
