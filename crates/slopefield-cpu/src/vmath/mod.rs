//! Elementary functions on vectors: one generic body per function, the same bits on every
//! instruction set that has fused multiply-add.
//!
//! Errors stay below 1.5 units in the last place for most (per function in `bounds.rs`, derived in
//! docs/derivations/elementary-functions.md). Arguments that vector code does not cover well (huge
//! angles, subnormal or negative arguments of powers) go lane by lane through `libm`, so every
//! argument of the full range is right, only slower.

mod circular;
mod error_function;
mod exponential;
mod hyperbolic;
mod logarithm;
mod power;
mod root;
mod trigonometric;

#[cfg(test)]
mod bounds;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod walk;

pub(crate) use circular::Atan;
pub(crate) use error_function::{Erf, Erfc, Gelu};
pub(crate) use exponential::{Exp, Expm1};
pub(crate) use hyperbolic::{Cosh, Sigmoid, Sinh, Softplus, Tanh};
pub(crate) use logarithm::{Ln, Log1p, Log2, Log10};
pub(crate) use power::Pow;
pub(crate) use root::Cbrt;
pub(crate) use trigonometric::{Cos, Sin, Tan};

use crate::simd::Simd;

/// A function of one argument on vectors.
pub(crate) trait Function1 {
    /// The value in every lane.
    ///
    /// # Safety
    /// As for [`Simd`].
    unsafe fn at<S: Simd>(x: S::V) -> S::V;
}

/// A function of two arguments on vectors.
pub(crate) trait Function2 {
    /// The value in every lane.
    ///
    /// # Safety
    /// As for [`Simd`].
    unsafe fn at<S: Simd>(x: S::V, y: S::V) -> S::V;
}

/// `c[0] + c[1] x + ...` by Horner's rule.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
unsafe fn horner<S: Simd, const N: usize>(x: S::V, c: &[f64; N]) -> S::V {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sum = S::splat(c[N - 1]);
        for i in (0..N - 1).rev() {
            sum = S::mul_add(sum, x, S::splat(c[i]));
        }
        sum
    }
}

/// `a + b = sum + error` exactly, for `|a| >= |b|` or `a = 0` (Dekker 1971).
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
unsafe fn fast_two_sum<S: Simd>(a: S::V, b: S::V) -> (S::V, S::V) {
    // SAFETY: the caller's promise.
    unsafe {
        let sum = S::add(a, b);
        (sum, S::sub(b, S::sub(sum, a)))
    }
}

/// `n / d` for sums `n` and `d` of two doubles, the second below an ulp or so of the first, rounded
/// once but for about 2^-100 relative. `d` is not 0, and neither is near an end of the range.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
unsafe fn quotient<S: Simd>(n: (S::V, S::V), d: (S::V, S::V)) -> S::V {
    // SAFETY: the caller's promise.
    unsafe {
        let (inverse, q, left) = division::<S>(n, d);
        S::mul_add(left, inverse, q)
    }
}

/// [`quotient`] as a sum of two.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
unsafe fn quotient_parts<S: Simd>(n: (S::V, S::V), d: (S::V, S::V)) -> (S::V, S::V) {
    // SAFETY: the caller's promise.
    unsafe {
        let (inverse, q, left) = division::<S>(n, d);
        (q, S::mul(left, inverse))
    }
}

/// The inverse of the denominator, the rounded quotient, and what that leaves of the numerator.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
unsafe fn division<S: Simd>(n: (S::V, S::V), d: (S::V, S::V)) -> (S::V, S::V, S::V) {
    // SAFETY: the caller's promise.
    unsafe {
        let inverse = S::div(S::splat(1.0), d.0);
        let q = S::mul(n.0, inverse);
        let left = S::add(S::residual(q, d.0, n.0), S::neg_mul_add(q, d.1, n.1));
        (inverse, q, left)
    }
}
