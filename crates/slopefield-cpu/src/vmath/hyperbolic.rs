//! Functions made of exponentials: `sinh`, `cosh`, `tanh`, the logistic function and softplus.
//!
//! They take the exponential as an unevaluated sum of two doubles, so that only the last operation
//! rounds.

use super::exponential::{LN2_HI, LN2_LO, parts, power_of_two, rest_of_exp_of_double, scale};
use super::logarithm::ln_one_plus;
use super::{Function1, fast_two_sum, quotient, quotient_parts};
use crate::simd::{ROUNDER, Simd, abs, patch, sign_bits};

/// `exp a + shift` as a sum of two, from the parts of `exp a`, for `a >= 0` and `shift` 0 or -1.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
unsafe fn shifted<S: Simd>((k, s, t): (S::V, S::V, S::V), shift: f64) -> (S::V, S::V) {
    // SAFETY: the caller's promise.
    unsafe {
        let power = power_of_two::<S>(k);
        let base = if shift == 0.0 { power } else { S::add(power, S::splat(shift)) };
        // The fast two-sum of base and power s: with -0.3 <= s <= 0.42, base is 0 or the larger.
        let hi = S::mul_add(power, s, base);
        let lo = S::mul_add(power, s, S::sub(base, hi));
        (hi, S::mul_add(power, t, lo))
    }
}

/// Hyperbolic tangent.
pub(crate) struct Tanh;

impl Function1 for Tanh {
    #[inline(always)]
    unsafe fn at<S: Simd>(x: S::V) -> S::V {
        // SAFETY: the caller's promise.
        unsafe {
            // tanh |x| = n / (n + 2) with n = exp(2 |x|) - 1; at 20 it has rounded to 1. NaN stays.
            let a = S::least(S::splat(20.0), abs::<S>(x));
            // n = 2^k (1 + 2 p) - 1, where exp(2 r) - 1 = 2 p and r = hi - k LN2_LO / 2.
            let rounder = S::splat(ROUNDER);
            let whole = S::mul_add(a, S::splat(2.0 * std::f64::consts::LOG2_E), rounder);
            let k = S::sub(whole, rounder);
            let hi = S::neg_mul_add(k, S::splat(0.5 * LN2_HI), a);
            let low = S::splat(0.5 * LN2_LO);
            let r = S::neg_mul_add(k, low, hi);
            let square = S::mul(r, r);
            let rest = S::mul(square, rest_of_exp_of_double::<S>(r, square));
            // Without the rounding error of r, which counts where 2^k (1 + 2 p) is close to 1.
            let p = S::add(hi, S::neg_mul_add(k, low, rest));
            let power = S::add_bits(S::shl::<52>(whole), S::splat(2.0));
            let n = S::mul_add(power, p, S::mul_add(power, S::splat(0.5), S::splat(-1.0)));
            S::or(S::div(n, S::add(n, S::splat(2.0))), sign_bits::<S>(x))
        }
    }
}

/// Hyperbolic sine.
pub(crate) struct Sinh;

impl Function1 for Sinh {
    #[inline(always)]
    unsafe fn at<S: Simd>(x: S::V) -> S::V {
        // SAFETY: the caller's promise.
        unsafe {
            let a = abs::<S>(x);
            let e = parts::<S>(a);
            // (e - 1/e) / 2 = (n + n/e) / 2 with n = e - 1.
            let n = shifted::<S>(e, -1.0);
            let (q, rest) = quotient_parts::<S>(n, shifted::<S>(e, 0.0));
            let (sum, lost) = fast_two_sum::<S>(n.0, q);
            let sum = S::add(sum, S::add(lost, S::add(n.1, rest)));
            let result = S::or(S::mul(S::splat(0.5), sum), sign_bits::<S>(x));
            // The quotient is not for numbers near the end of the range.
            patch::<S>(S::lt(S::splat(690.0), a), result, x, libm::sinh)
        }
    }
}

/// Hyperbolic cosine.
pub(crate) struct Cosh;

impl Function1 for Cosh {
    #[inline(always)]
    unsafe fn at<S: Simd>(x: S::V) -> S::V {
        // SAFETY: the caller's promise.
        unsafe {
            let a = abs::<S>(x);
            let e = shifted::<S>(parts::<S>(a), 0.0);
            let inverse = S::div(S::splat(1.0), e.0);
            let (sum, lost) = fast_two_sum::<S>(e.0, inverse);
            // 1/(e + l) = 1/e - l/e²
            let rest = S::neg_mul_add(S::mul(e.1, inverse), inverse, e.1);
            let result = S::mul(S::splat(0.5), S::add(sum, S::add(lost, rest)));
            patch::<S>(S::lt(S::splat(709.0), a), result, x, libm::cosh)
        }
    }
}

/// `exp(-|x|)` as a sum of two; below the normal range the second part is lost.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
unsafe fn decay<S: Simd>(x: S::V) -> (S::V, S::V) {
    // SAFETY: the caller's promise.
    unsafe {
        let x = S::greatest(S::splat(-760.0), S::or(x, S::splat(-0.0)));
        let (k, s, t) = parts::<S>(x);
        let (hi, lo) = fast_two_sum::<S>(S::splat(1.0), s);
        (scale::<S>(hi, k), scale::<S>(S::add(lo, t), k))
    }
}

/// The logistic function `1 / (1 + exp(-x))`.
pub(crate) struct Sigmoid;

impl Function1 for Sigmoid {
    #[inline(always)]
    unsafe fn at<S: Simd>(x: S::V) -> S::V {
        // SAFETY: the caller's promise.
        unsafe {
            // With e = exp(-|x|), which never overflows: 1 / (1 + e) or e / (1 + e).
            let e = decay::<S>(x);
            let (one, zero) = (S::splat(1.0), S::splat(0.0));
            let (d, lost) = fast_two_sum::<S>(one, e.0);
            let negative = S::lt(x, zero);
            let top = (S::select(negative, e.0, one), S::select(negative, e.1, zero));
            quotient::<S>(top, (d, S::add(lost, e.1)))
        }
    }
}

/// `ln(1 + exp x)`.
pub(crate) struct Softplus;

impl Function1 for Softplus {
    #[inline(always)]
    unsafe fn at<S: Simd>(x: S::V) -> S::V {
        // SAFETY: the caller's promise.
        unsafe {
            let (e, tail) = decay::<S>(x);
            S::add(S::greatest(S::splat(0.0), x), ln_one_plus::<S>(e, tail))
        }
    }
}
