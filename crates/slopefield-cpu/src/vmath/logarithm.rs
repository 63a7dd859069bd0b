//! `ln`, `ln(1 + x)`, `log2` and `log10`.
//!
//! `x = 2^e m` with `m` in `[√½, √2)`; with `s = (m - 1) / (m + 1)`, `ln m = 2 s + s³ q(s²)`.

use super::exponential::{LN2_HI, LN2_LO};
use super::{Function1, fast_two_sum, horner};
use crate::simd::{Simd, abs, bits};

/// `(ln((1 + s) / (1 - s)) - 2 s) / s³` in `s²`, error 3e-16 times `s³` (`coefficients/remez.py`).
const Q: [f64; 7] = [
    0.666666666666667,
    0.39999999999898384,
    0.28571428626427425,
    0.22222211068256267,
    0.18182893551820517,
    0.1533158591338376,
    0.14618008967187285,
];

/// Splits normal positive `x` into `(e, m)` with `x = 2^e m`, `m` in `[√½, √2)`.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
pub(super) unsafe fn split<S: Simd>(x: S::V) -> (S::V, S::V) {
    // SAFETY: the caller's promise.
    unsafe {
        // Moving the origin of the exponent to √½ makes the exponent field of the difference e.
        let origin = 0x3fe6_a09e_667f_3bcd_u64;
        let moved = S::add_bits(x, bits::<S>(0x3ff0_0000_0000_0000 - origin));
        let field = S::shr::<52>(moved); // e + 1023
        let magic = 0x4330_0000_0000_0000_u64; // 2^52
        let e = S::sub(S::or(field, bits::<S>(magic)), S::splat(4_503_599_627_370_496.0 + 1023.0));
        let fraction = S::and(moved, bits::<S>(0x000f_ffff_ffff_ffff));
        (e, S::add_bits(fraction, bits::<S>(origin)))
    }
}

/// `(e, f)` with `x = 2^e (1 + f)`, `1 + f` in `[√½, √2)`, for positive `x`, subnormal ones too.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
unsafe fn exponent_and_rest<S: Simd>(x: S::V) -> (S::V, S::V) {
    // SAFETY: the caller's promise.
    unsafe {
        // Subnormal numbers are scaled into the normal range first.
        let subnormal = S::lt(x, S::splat(f64::MIN_POSITIVE));
        let scaled = S::mul(x, S::splat(18_014_398_509_481_984.0)); // 2^54
        let (e, m) = split::<S>(S::select(subnormal, scaled, x));
        let e = S::select(subnormal, S::sub(e, S::splat(54.0)), e);
        (e, S::sub(m, S::splat(1.0)))
    }
}

/// `ln(2^e (1 + f)) + c` for `1 + f` in `[√½, √2)` and small `c`.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
unsafe fn assemble<S: Simd>(e: S::V, f: S::V, c: S::V) -> S::V {
    // SAFETY: the caller's promise.
    unsafe {
        let s = S::div(f, S::add(S::splat(2.0), f));
        let z = S::mul(s, s);
        let r = S::mul(z, horner::<S, 7>(z, &Q));
        // ln(1 + f) = f - f²/2 + s (f²/2 + r), which keeps f exact (2 s = f - s f).
        let half = S::mul(S::splat(0.5), S::mul(f, f));
        let small = S::mul_add(s, S::add(half, r), S::mul_add(e, S::splat(LN2_LO), c));
        S::mul_add(e, S::splat(LN2_HI), S::sub(f, S::sub(half, small)))
    }
}

/// `ln x`.
pub(crate) struct Ln;

impl Function1 for Ln {
    #[inline(always)]
    unsafe fn at<S: Simd>(x: S::V) -> S::V {
        // SAFETY: the caller's promise.
        unsafe {
            let (e, f) = exponent_and_rest::<S>(x);
            special::<S>(x, assemble::<S>(e, f, S::splat(0.0)))
        }
    }
}

/// Puts in what lies outside: -infinity at 0, NaN below, infinity and NaN for themselves.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
unsafe fn special<S: Simd>(x: S::V, result: S::V) -> S::V {
    // SAFETY: the caller's promise.
    unsafe {
        let infinity = bits::<S>(0x7ff0_0000_0000_0000);
        let zero = S::splat(0.0);
        let result = S::select(S::lt(x, infinity), result, x); // infinity and NaN stay
        let result = S::select(S::lt(x, zero), S::splat(f64::NAN), result);
        S::select(S::eq(x, zero), bits::<S>(0xfff0_0000_0000_0000), result)
    }
}

/// `ln(1 + x + tail)` for a `tail` below an ulp or so of `x`.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
pub(super) unsafe fn ln_one_plus<S: Simd>(x: S::V, tail: S::V) -> S::V {
    // SAFETY: the caller's promise.
    unsafe {
        let one = S::splat(1.0);
        let u = S::add(one, x);
        // What rounding 1 + x lost: u + lost = 1 + x exactly (Knuth's two-sum).
        let b = S::sub(u, one);
        let lost = S::add(S::sub(one, S::sub(u, b)), S::sub(x, b));
        // Near 1 the argument itself is f, without the rounding of u.
        let direct = S::lt(abs::<S>(x), S::splat(0.25));
        let lost = S::select(direct, S::splat(0.0), lost);
        let (e, m) = split::<S>(u);
        let e = S::select(direct, S::splat(0.0), e);
        let f = S::select(direct, x, S::sub(m, one));
        let result = assemble::<S>(e, f, S::div(S::add(lost, tail), u));
        let tiny = S::lt(abs::<S>(x), S::splat(1e-17));
        S::select(tiny, x, result)
    }
}

/// `ln(1 + x)`.
pub(crate) struct Log1p;

impl Function1 for Log1p {
    #[inline(always)]
    unsafe fn at<S: Simd>(x: S::V) -> S::V {
        // SAFETY: the caller's promise.
        unsafe {
            let result = ln_one_plus::<S>(x, S::splat(0.0));
            let infinity = bits::<S>(0x7ff0_0000_0000_0000);
            let result = S::select(S::lt(x, infinity), result, x);
            let minus_one = S::splat(-1.0);
            let result = S::select(S::lt(x, minus_one), S::splat(f64::NAN), result);
            S::select(S::eq(x, minus_one), bits::<S>(0xfff0_0000_0000_0000), result)
        }
    }
}

/// A logarithm to another base: `1 / ln b` and `ln 2 / ln b` in two parts each; the first part of the
/// second has 41 bits, so that its product with an exponent is exact.
struct Base {
    factor: (u64, u64),
    two: (u64, u64),
}

/// `log x` to base `b`.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
unsafe fn log<S: Simd>(x: S::V, base: &Base) -> S::V {
    // SAFETY: the caller's promise.
    unsafe {
        let (e, f) = exponent_and_rest::<S>(x);
        // ln(1 + f) = f - f²/2 + s (f²/2 + r) as in `assemble`, here as hi + lo.
        let s = S::div(f, S::add(S::splat(2.0), f));
        let z = S::mul(s, s);
        let r = S::mul(z, horner::<S, 7>(z, &Q));
        let half = S::mul(S::splat(0.5), S::mul(f, f));
        let (hi, lost) = fast_two_sum::<S>(f, S::sub(S::splat(0.0), half));
        let lo = S::mul_add(s, S::add(half, r), lost);
        // (hi + lo) / ln b + e ln 2 / ln b, largest first; e = 0 or the first product is larger.
        let factor = (bits::<S>(base.factor.0), bits::<S>(base.factor.1));
        let product = S::mul(hi, factor.0);
        let rest = S::mul_add(hi, factor.1, S::mul_error(hi, factor.0, product));
        let rest = S::mul_add(lo, factor.0, rest);
        let (sum, lost) = fast_two_sum::<S>(S::mul(e, bits::<S>(base.two.0)), product);
        let rest = S::add(S::mul_add(e, bits::<S>(base.two.1), rest), lost);
        special::<S>(x, S::add(sum, rest))
    }
}

/// Logarithm to base 2.
pub(crate) struct Log2;

impl Function1 for Log2 {
    #[inline(always)]
    unsafe fn at<S: Simd>(x: S::V) -> S::V {
        const BASE: Base = Base {
            factor: (0x3ff7_1547_652b_82fe, 0x3c77_77d0_ffda_0d24),
            two: (0x3ff0_0000_0000_0000, 0),
        };
        // SAFETY: the caller's promise.
        unsafe { log::<S>(x, &BASE) }
    }
}

/// Logarithm to base 10.
pub(crate) struct Log10;

impl Function1 for Log10 {
    #[inline(always)]
    unsafe fn at<S: Simd>(x: S::V) -> S::V {
        const BASE: Base = Base {
            factor: (0x3fdb_cb7b_1526_e50e, 0x3c69_5355_baaa_fad3),
            two: (0x3fd3_4413_509f_7000, 0x3d43_fde6_23e2_566b),
        };
        // SAFETY: the caller's promise.
        unsafe { log::<S>(x, &BASE) }
    }
}
