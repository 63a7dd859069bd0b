//! `atan`.
//!
//! `atan a = atan t + c` with `t = (a - 1) / (a + 1)`, `c = π/4` between `tan(π/8)` and `tan(3π/8)`,
//! `t = -1 / a`, `c = π/2` above, so that `|t| <= tan(π/8)`; a polynomial gives the rest.

use super::{Function1, fast_two_sum, horner};
use crate::simd::{Simd, abs, bits, sign_bits};

/// `(atan t - t) / t³` in `t²` on `|t| <= tan(π/8)`, error 4.2e-17 (`coefficients/remez.py`).
const Q: [f64; 11] = [
    -0.3333333333333333,
    0.19999999999995768,
    -0.1428571428471402,
    0.11111111018778527,
    -0.09090904710863316,
    0.07692186064944623,
    -0.0666454934071134,
    0.05858458172927741,
    -0.05086975200281252,
    0.03927332173540276,
    -0.019225253337586293,
];

/// `π/4` in two parts.
const QUARTER: (u64, u64) = (0x3fe9_21fb_5444_2d18, 0x3c81_a626_3314_5c07);

/// Arc tangent.
pub(crate) struct Atan;

impl Function1 for Atan {
    #[inline(always)]
    unsafe fn at<S: Simd>(x: S::V) -> S::V {
        // SAFETY: the caller's promise.
        unsafe {
            let (zero, one) = (S::splat(0.0), S::splat(1.0));
            // From 2^60 on the result has rounded to π/2; a finite bound keeps 1 / a apart from 0.
            let a = S::least(S::splat(1_152_921_504_606_846_976.0), abs::<S>(x));
            let middle = S::lt(S::splat(0.414_213_562_373_095_05), a); // tan(π/8)
            let high = S::lt(S::splat(2.414_213_562_373_095), a); // tan(3π/8)
            let n = S::select(high, S::splat(-1.0), S::select(middle, S::sub(a, one), a));
            let sum = S::add(a, one);
            let d = S::select(high, a, S::select(middle, sum, one));
            // t = n / d and what it lacks; a - 1 is exact, a + 1 may have lost a bit.
            let lost =
                S::select(S::lt(one, a), S::sub(one, S::sub(sum, a)), S::sub(a, S::sub(sum, one)));
            let lost = S::select(high, zero, S::select(middle, lost, zero));
            let inverse = S::div(one, d);
            let t = S::mul(n, inverse);
            let rest = S::mul(S::neg_mul_add(t, lost, S::residual(t, d, n)), inverse);

            let z = S::mul(t, t);
            let p = S::mul_add(S::mul(t, z), horner::<S, 11>(z, &Q), rest);
            let quarter = (bits::<S>(QUARTER.0), bits::<S>(QUARTER.1));
            let c = (
                S::select(high, S::add(quarter.0, quarter.0), S::select(middle, quarter.0, zero)),
                S::select(high, S::add(quarter.1, quarter.1), S::select(middle, quarter.1, zero)),
            );
            let (hi, lo) = fast_two_sum::<S>(c.0, t);
            S::or(S::add(hi, S::add(lo, S::add(p, c.1))), sign_bits::<S>(x))
        }
    }
}
