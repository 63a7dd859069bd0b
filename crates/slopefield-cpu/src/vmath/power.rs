//! `x^y` through a logarithm of about 66 bits.

use super::exponential::{LN2_HI, LN2_LO, exp_with_tail};
use super::logarithm::split;
use super::{Function2, fast_two_sum, horner};
use crate::simd::{Simd, abs, bits, patch2};

/// `(ln((1 + s) / (1 - s)) - 2 s - 2/3 s³) / s⁵` in `s²`, error 2.6e-17 (`coefficients/remez.py`).
const Q: [f64; 8] = [
    0.4,
    0.28571428571429375,
    0.2222222222165097,
    0.1818181833640324,
    0.1538459486366304,
    0.13334809657883542,
    0.11706112748015154,
    0.11724387369874398,
];
/// `2/3` in two parts.
const TWO_THIRDS: (f64, f64) =
    (f64::from_bits(0x3fe5_5555_5555_5555), f64::from_bits(0x3c85_5555_5555_5555));

/// A sum of two doubles, the second below an ulp of the first.
#[derive(Clone, Copy)]
struct Two<V>(V, V);

/// Product of two sums.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
unsafe fn product<S: Simd>(a: Two<S::V>, b: Two<S::V>) -> Two<S::V> {
    // SAFETY: the caller's promise.
    unsafe {
        let p = S::mul(a.0, b.0);
        let e = S::mul_error(a.0, b.0, p);
        let e = S::mul_add(a.0, b.1, S::mul_add(a.1, b.0, e));
        let (hi, lo) = fast_two_sum::<S>(p, e);
        Two(hi, lo)
    }
}

/// `ln x` for normal positive finite `x`, to about 2^-66 relative.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
unsafe fn ln_two<S: Simd>(x: S::V) -> Two<S::V> {
    // SAFETY: the caller's promise.
    unsafe {
        let (e, m) = split::<S>(x);
        let f = S::sub(m, S::splat(1.0));
        // s = f / (2 + f) with its rounding error; 2 + f = d + d_error.
        let two = S::splat(2.0);
        let (d, d_error) = fast_two_sum::<S>(two, f);
        let s = S::div(f, d);
        let back = S::mul(s, d);
        let rest = S::sub(S::sub(f, back), S::mul_error(s, d, back));
        let s_error = S::div(S::neg_mul_add(s, d_error, rest), d);
        let s = Two(s, s_error);
        let z = product::<S>(s, s);
        let cubed = product::<S>(s, z);
        let third = product::<S>(Two(S::splat(TWO_THIRDS.0), S::splat(TWO_THIRDS.1)), cubed);
        let fifth = S::mul(S::mul(cubed.0, z.0), horner::<S, 8>(z.0, &Q));
        // e ln 2 + 2 s + third + fifth, largest first.
        let twice = S::add(s.0, s.0);
        let (a, a_error) = fast_two_sum::<S>(twice, third.0);
        let low = S::add(a_error, S::add(S::add(s.1, s.1), S::add(third.1, fifth)));
        let (a, low) = fast_two_sum::<S>(a, low);
        // e LN2_HI is exact and, unless e = 0, larger than a.
        let whole = S::mul(e, S::splat(LN2_HI));
        let (hi, b_error) = fast_two_sum::<S>(whole, a);
        let lo = S::add(S::mul_add(e, S::splat(LN2_LO), low), b_error);
        let (hi, lo) = fast_two_sum::<S>(hi, lo);
        Two(hi, lo)
    }
}

/// `x` to the power `y`.
pub(crate) struct Pow;

impl Function2 for Pow {
    #[inline(always)]
    unsafe fn at<S: Simd>(x: S::V, y: S::V) -> S::V {
        // SAFETY: the caller's promise.
        unsafe {
            let log = ln_two::<S>(x);
            let p = product::<S>(log, Two(y, S::splat(0.0)));
            let result = exp_with_tail::<S>(p.0, p.1);
            // Vector code covers normal positive x, and y ln x as far as results are neither 0 nor
            // infinite, and somewhat beyond.
            let infinity = bits::<S>(0x7ff0_0000_0000_0000);
            let usual = S::mask_and(
                S::mask_and(S::le(S::splat(f64::MIN_POSITIVE), x), S::lt(x, infinity)),
                S::mask_and(
                    S::lt(abs::<S>(y), S::splat(1e100)),
                    S::lt(abs::<S>(p.0), S::splat(800.0)),
                ),
            );
            patch2::<S>(S::mask_not(usual), result, x, y, libm::pow)
        }
    }
}
