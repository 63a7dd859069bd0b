//! Elementary functions on vectors: one generic body per function, the same bits on every
//! instruction set that has fused multiply-add.
//!
//! Errors stay below 2.5 units in the last place (measured per function in `tests.rs`, derived in
//! docs/derivations/elementary-functions.md). Arguments that vector code does not cover well (huge
//! angles, subnormal or negative arguments of powers) go lane by lane through `libm`, so every
//! argument of the full range is right, only slower.

mod exponential;
mod hyperbolic;
mod logarithm;
mod power;
mod trigonometric;

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

pub(crate) use exponential::{Exp, Expm1};
pub(crate) use hyperbolic::{Cosh, Sigmoid, Sinh, Softplus, Tanh};
pub(crate) use logarithm::{Ln, Log1p};
pub(crate) use power::Pow;
pub(crate) use trigonometric::{Cos, Sin};

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
