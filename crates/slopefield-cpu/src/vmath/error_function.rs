//! `erf`, `erfc` and the Gaussian error linear unit.
//!
//! `erfc z = exp(-z²) g(z) / (1 + 2 z)` for `z >= 0`, where `g` is close to 1 throughout and smooth in
//! `t = (z - 4) / (z + 4)` (the substitution of Shepherd & Laframboise 1981).

use super::exponential::{parts_with_tail, scale};
use super::{Function1, fast_two_sum, horner, quotient_parts};
use crate::simd::{Simd, abs, sign_bits};

/// `(1 + 2 z) exp(z²) erfc z` in `t`, for `0 <= z <= 28`, error 9e-17 (`coefficients/remez.py`).
const G: [f64; 23] = [
    1.2329951186255526,
    -0.1396211168405629,
    0.015379652102619918,
    0.06809705425473526,
    -0.10103906603630847,
    0.09373283499686365,
    -0.06633036581242426,
    0.037167515561325346,
    -0.016197734049828372,
    0.005031969767279108,
    -0.0007577733964490377,
    -0.00019925557627933977,
    0.00015062243984119674,
    -2.440290600135395e-05,
    -1.1225206806050227e-05,
    5.717249050329709e-06,
    3.018427698994637e-07,
    -8.34215567986811e-07,
    6.248594611768312e-08,
    1.1456750579342978e-07,
    -7.816916967925393e-09,
    -1.3395491486891485e-08,
    -1.7151400148723355e-09,
];

/// `(erf x / x - 2/√π) / x²` in `x²` on `|x| <= 1`, error 1.4e-17.
const SMALL: [f64; 12] = [
    -0.37612638903183754,
    0.11283791670955111,
    -0.026866170645124,
    0.005223977625306019,
    -0.00085483270102326,
    0.00012055332223977205,
    -1.4925622772807359e-05,
    1.6461451649453027e-06,
    -1.6355178284945883e-07,
    1.469292775267802e-08,
    -1.1502214744512259e-09,
    6.177461629550506e-11,
];
/// `2/√π` in two parts.
const SLOPE: (f64, f64) =
    (f64::from_bits(0x3ff2_0dd7_5042_9b6d), f64::from_bits(0x3c71_ae3a_914f_ed80));

/// `√½` in two parts.
const ROOT: (f64, f64) =
    (f64::from_bits(0x3fe6_a09e_667f_3bcd), f64::from_bits(0xbc8b_dd34_13b2_6456));

/// `erfc z = 2^k (hi + lo)` as `(k, hi, lo)`, given `z` in `0..=28` and `z²` as sums of two.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
unsafe fn complement<S: Simd>(
    (z, z_rest): (S::V, S::V),
    square: (S::V, S::V),
) -> (S::V, S::V, S::V) {
    // SAFETY: the caller's promise.
    unsafe {
        let (zero, one, four) = (S::splat(0.0), S::splat(1.0), S::splat(4.0));
        let t = S::div(S::sub(z, four), S::add(z, four));
        let g = horner::<S, 23>(t, &G);
        let twice = S::add(z, z);
        let d = S::add(twice, one);
        // The larger of the two terms comes first.
        let lost = S::select(
            S::lt(one, twice),
            S::sub(one, S::sub(d, twice)),
            S::sub(twice, S::sub(d, one)),
        );
        let d_rest = S::add(lost, S::add(z_rest, z_rest));
        let (q, rest) = quotient_parts::<S>((g, zero), (d, d_rest));
        let (k, s, t) = parts_with_tail::<S>(S::sub(zero, square.0), S::sub(zero, square.1));
        let (e, e_rest) = fast_two_sum::<S>(one, s);
        let e_rest = S::add(e_rest, t);
        let hi = S::mul(e, q);
        let lo = S::mul_add(e, rest, S::mul_add(e_rest, q, S::mul_error(e, q, hi)));
        (k, hi, lo)
    }
}

/// The square as a sum of two.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
unsafe fn squared<S: Simd>(x: S::V) -> (S::V, S::V) {
    // SAFETY: the caller's promise.
    unsafe {
        let square = S::mul(x, x);
        (square, S::mul_error(x, x, square))
    }
}

/// `erf x` for `|x| <= 1` as a sum of two.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
unsafe fn central<S: Simd>(x: S::V) -> (S::V, S::V) {
    // SAFETY: the caller's promise.
    unsafe {
        let z = S::mul(x, x);
        let q = S::mul_add(z, horner::<S, 12>(z, &SMALL), S::splat(SLOPE.1));
        let slope = S::splat(SLOPE.0);
        let hi = S::mul(x, slope);
        let lo = S::mul_add(x, q, S::mul_error(x, slope, hi));
        fast_two_sum::<S>(hi, lo)
    }
}

/// Below this size `1 - erf` is better than [`complement`], where `t` has lost digits.
const CENTRAL: f64 = 0.5;

/// Error function.
pub(crate) struct Erf;

impl Function1 for Erf {
    #[inline(always)]
    unsafe fn at<S: Simd>(x: S::V) -> S::V {
        // SAFETY: the caller's promise.
        unsafe {
            let (a, one) = (abs::<S>(x), S::splat(1.0));
            let (small, small_rest) = central::<S>(x);
            // 1 - erfc above 1; at 6 it has rounded to 1. NaN stays.
            let b = S::least(S::splat(6.5), a);
            let (k, hi, lo) = complement::<S>((b, S::splat(0.0)), squared::<S>(b));
            let large = S::sub(one, scale::<S>(S::add(hi, lo), k));
            let large = S::or(large, sign_bits::<S>(x));
            let result = S::select(S::le(a, one), S::add(small, small_rest), large);
            // Products with subnormal numbers have lost digits; zeros keep their sign.
            let tiny = S::lt(a, S::splat(1e-290));
            S::select(tiny, S::mul(x, S::splat(SLOPE.0)), result)
        }
    }
}

/// `1 - erf x`.
pub(crate) struct Erfc;

impl Function1 for Erfc {
    #[inline(always)]
    unsafe fn at<S: Simd>(x: S::V) -> S::V {
        // SAFETY: the caller's promise.
        unsafe {
            let a = abs::<S>(x);
            let z = S::least(S::splat(28.0), a);
            let (k, hi, lo) = complement::<S>((z, S::splat(0.0)), squared::<S>(z));
            let value = scale::<S>(S::add(hi, lo), k);
            let negative = S::lt(x, S::splat(0.0));
            let outer = S::select(negative, S::sub(S::splat(2.0), value), value);
            let (erf, erf_rest) = central::<S>(x);
            let (inner, lost) = fast_two_sum::<S>(S::splat(1.0), S::xor(erf, S::splat(-0.0)));
            let inner = S::add(inner, S::sub(lost, erf_rest));
            S::select(S::lt(a, S::splat(CENTRAL)), inner, outer)
        }
    }
}

/// `x Φ(x) = x erfc(-x/√2) / 2`.
pub(crate) struct Gelu;

impl Function1 for Gelu {
    #[inline(always)]
    unsafe fn at<S: Simd>(x: S::V) -> S::V {
        // SAFETY: the caller's promise.
        unsafe {
            let (zero, half) = (S::splat(0.0), S::splat(0.5));
            let a = S::least(S::splat(39.0), abs::<S>(x));
            let square = squared::<S>(a);
            let exponent = (S::mul(half, square.0), S::mul(half, square.1));
            let z = S::mul(a, S::splat(ROOT.0));
            let z_rest = S::mul_add(a, S::splat(ROOT.1), S::mul_error(a, S::splat(ROOT.0), z));
            let (k, hi, lo) = complement::<S>((z, z_rest), exponent);
            // Below zero -|x|/2 erfc, above x - x/2 erfc.
            let factor = S::mul(half, a);
            let product = S::mul(factor, hi);
            let rest = S::mul_add(factor, lo, S::mul_error(factor, hi, product));
            let tail = scale::<S>(S::add(product, rest), k);
            let negative = S::lt(x, zero);
            let outer = S::select(negative, S::xor(tail, S::splat(-0.0)), S::sub(x, tail));
            // x/2 + x/2 erf z near 0, where the former would cancel.
            let (erf, erf_rest) = central::<S>(S::or(z, sign_bits::<S>(x)));
            let part = S::mul(half, x);
            let inner = S::mul_add(part, erf, S::mul(part, erf_rest));
            let inner = S::add(part, inner);
            S::select(S::lt(z, S::splat(CENTRAL)), inner, outer)
        }
    }
}
