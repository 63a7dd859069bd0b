//! Functions made of exponentials: `sinh`, `cosh`, `tanh`, the logistic function and softplus.

use super::{Exp, Expm1, Function1, Log1p};
use crate::simd::{Simd, abs, patch, sign_bits};

/// Hyperbolic tangent.
pub(crate) struct Tanh;

impl Function1 for Tanh {
    #[inline(always)]
    unsafe fn at<S: Simd>(x: S::V) -> S::V {
        // SAFETY: the caller's promise.
        unsafe {
            let sign = sign_bits::<S>(x);
            // tanh |x| = e / (e + 2) with e = exp(2 |x|) - 1; at 20 it has rounded to 1. NaN stays.
            let a = S::least(S::splat(20.0), abs::<S>(x));
            let e = Expm1::at::<S>(S::add(a, a));
            S::or(S::div(e, S::add(e, S::splat(2.0))), sign)
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
            let e = Expm1::at::<S>(a);
            // (e^a - e^-a) / 2 with e = e^a - 1.
            let sum = S::add(e, S::div(e, S::add(e, S::splat(1.0))));
            let result = S::or(S::mul(S::splat(0.5), sum), sign_bits::<S>(x));
            // e^a overflows before its half does.
            patch::<S>(S::lt(S::splat(709.0), a), result, x, libm::sinh)
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
            let e = Exp::at::<S>(a);
            let half = S::splat(0.5);
            let result = S::mul_add(half, e, S::div(half, e));
            patch::<S>(S::lt(S::splat(709.0), a), result, x, libm::cosh)
        }
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
            let e = Exp::at::<S>(S::or(x, S::splat(-0.0)));
            let one = S::splat(1.0);
            let top = S::select(S::lt(x, S::splat(0.0)), e, one);
            S::div(top, S::add(one, e))
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
            let e = Exp::at::<S>(S::or(x, S::splat(-0.0)));
            S::add(S::greatest(S::splat(0.0), x), Log1p::at::<S>(e))
        }
    }
}
