//! Cube root.
//!
//! `|x| = 2^(3 q) m` with whole `q` and `m` in `[√⅛, √8)`. `w` near `m^(-1/3)` comes from a polynomial
//! and one third-order step; `y = m w²` then takes a Newton step whose residual `m - y³` is exact
//! to about 2^-100.

use super::exponential::power_of_two;
use super::logarithm::split;
use super::{Function1, horner};
use crate::simd::{ROUNDER, Simd, abs, bits, sign_bits};

/// `m^(-1/3)` on `[√½, √2]`, relative error 9e-7 (`coefficients/remez.py`).
const GUESS: [f64; 7] = [
    2.1120085244497537,
    -3.1637348463928254,
    4.46815359880042,
    -4.081638535491476,
    2.2820328294291627,
    -0.7117924231492756,
    0.09497155406868586,
];

/// Cube root, of the sign of its argument.
pub(crate) struct Cbrt;

impl Function1 for Cbrt {
    #[inline(always)]
    unsafe fn at<S: Simd>(x: S::V) -> S::V {
        // SAFETY: the caller's promise.
        unsafe {
            let (zero, one, third) = (S::splat(0.0), S::splat(1.0), S::splat(1.0 / 3.0));
            let a = abs::<S>(x);
            let subnormal = S::lt(a, S::splat(f64::MIN_POSITIVE));
            let scaled = S::mul(a, S::splat(18_014_398_509_481_984.0)); // 2^54
            let (e, m) = split::<S>(S::select(subnormal, scaled, a));
            // e = 3 q + b with b in -1, 0, 1.
            let rounder = S::splat(ROUNDER);
            let q = S::sub(S::mul_add(e, third, rounder), rounder);
            let b = S::neg_mul_add(S::splat(3.0), q, e);
            let below = S::lt(b, zero);
            let above = S::lt(zero, b);
            let guess = horner::<S, 7>(m, &GUESS);
            let factor = S::select(
                above,
                S::splat(0.793_700_525_984_099_7), // 2^(-1/3)
                S::select(below, S::splat(1.259_921_049_894_873_2), one),
            );
            let m =
                S::mul(m, S::select(above, S::splat(2.0), S::select(below, S::splat(0.5), one)));
            let w = S::mul(guess, factor);
            // m^(-1/3) = w (1 - g)^(-1/3) = w (1 + g/3 + 2 g²/9 + ...) with g = 1 - m w³.
            let g = S::neg_mul_add(S::mul(m, w), S::mul(w, w), one);
            let step = S::mul_add(g, S::splat(2.0 / 9.0), third);
            let w = S::mul_add(S::mul(w, g), step, w);
            let square = S::mul(w, w);
            let y = S::mul(m, square);
            // y³ = cube + cube_error
            let yy = S::mul(y, y);
            let yy_error = S::mul_error(y, y, yy);
            let cube = S::mul(yy, y);
            let cube_error = S::mul_add(yy_error, y, S::mul_error(yy, y, cube));
            let rest = S::sub(S::sub(m, cube), cube_error);
            let y = S::mul_add(rest, S::mul(square, third), y);
            let q = S::select(subnormal, S::sub(q, S::splat(18.0)), q);
            let result = S::or(S::mul(y, power_of_two::<S>(q)), sign_bits::<S>(x));
            // Zeros, infinities and NaN are their own roots.
            let usual = S::mask_and(S::lt(zero, a), S::lt(a, bits::<S>(0x7ff0_0000_0000_0000)));
            S::select(usual, result, x)
        }
    }
}
