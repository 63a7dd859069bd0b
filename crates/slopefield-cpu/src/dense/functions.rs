//! The functions of the language on vectors, beyond the elementary ones of `vmath`.

use slopefield_graph::plan::{BinaryOp, UnaryOp};

use crate::simd::{MAX_LANES, Simd, abs, sign_bits};
use crate::vmath::{Function1, Function2};

macro_rules! function1 {
    ($(#[doc = $doc:literal] $name:ident($s:ident, $x:ident) $body:block)+) => {$(
        #[doc = $doc]
        pub(crate) struct $name;
        impl Function1 for $name {
            #[inline(always)]
            unsafe fn at<$s: Simd>($x: $s::V) -> $s::V {
                // SAFETY: the caller's promise.
                unsafe { $body }
            }
        }
    )+};
}

macro_rules! function2 {
    ($(#[doc = $doc:literal] $name:ident($s:ident, $a:ident, $b:ident) $body:block)+) => {$(
        #[doc = $doc]
        pub(crate) struct $name;
        impl Function2 for $name {
            #[inline(always)]
            unsafe fn at<$s: Simd>($a: $s::V, $b: $s::V) -> $s::V {
                // SAFETY: the caller's promise.
                unsafe { $body }
            }
        }
    )+};
}

/// Functions without vector code: lane by lane.
macro_rules! scalar1 {
    ($($name:ident)+) => {$(
        #[doc = concat!("`", stringify!($name), "` of the language, lane by lane.")]
        pub(crate) struct $name;
        impl Function1 for $name {
            #[inline(always)]
            unsafe fn at<S: Simd>(x: S::V) -> S::V {
                // SAFETY: the caller's promise; the array holds MAX_LANES >= LANES elements.
                unsafe {
                    let mut lanes = [0.0; MAX_LANES];
                    S::store(lanes.as_mut_ptr(), x);
                    for lane in &mut lanes[..S::LANES] {
                        *lane = UnaryOp::$name.apply(*lane);
                    }
                    S::load(lanes.as_ptr())
                }
            }
        }
    )+};
}

scalar1! { Asin Acos Asinh Acosh Atanh Gamma LnGamma }

/// Nearest whole number, ties to even, with the sign of the argument.
#[inline(always)]
unsafe fn nearest<S: Simd>(x: S::V) -> S::V {
    // SAFETY: the caller's promise.
    unsafe {
        let size = abs::<S>(x);
        // Sums from 2^52 to 2^53 are whole; larger numbers and NaN are as they should be.
        let limit = S::splat(4_503_599_627_370_496.0);
        let r = S::sub(S::add(size, limit), limit);
        S::or(S::select(S::lt(size, limit), r, size), sign_bits::<S>(x))
    }
}

/// 1 where the mask is set, else 0.
#[inline(always)]
unsafe fn truth<S: Simd>(m: S::M) -> S::V {
    // SAFETY: the caller's promise.
    unsafe { S::select(m, S::splat(1.0), S::splat(0.0)) }
}

function1! {
    /// `-x`.
    Neg(S, x) { S::xor(x, S::splat(-0.0)) }
    /// 1 for 0, else 0.
    Not(S, x) { truth::<S>(S::eq(x, S::splat(0.0))) }
    /// Absolute value.
    Abs(S, x) { abs::<S>(x) }
    /// -1, 1, or the argument itself for zeros and NaN.
    Sign(S, x) {
        let unit = S::or(sign_bits::<S>(x), S::splat(1.0));
        let nonzero = S::lt(S::splat(0.0), abs::<S>(x));
        S::select(nonzero, unit, x)
    }
    /// Largest whole number not above.
    Floor(S, x) {
        let r = nearest::<S>(x);
        let r = S::sub(r, truth::<S>(S::lt(x, r)));
        S::or(r, sign_bits::<S>(x))
    }
    /// Smallest whole number not below.
    Ceil(S, x) {
        let r = nearest::<S>(x);
        let r = S::add(r, truth::<S>(S::lt(r, x)));
        // -0.3 rounds up to -0, and so the sign is set by the argument throughout.
        S::or(abs::<S>(r), sign_bits::<S>(x))
    }
    /// Nearest whole number, halves away from zero.
    Round(S, x) {
        let a = abs::<S>(x);
        let r = nearest::<S>(a);
        let r = S::add(r, truth::<S>(S::eq(S::sub(a, r), S::splat(0.5))));
        S::or(r, sign_bits::<S>(x))
    }
    /// Square root.
    Sqrt(S, x) { S::sqrt(x) }
    /// `max(x, 0)`; NaN stays.
    Relu(S, x) { S::greatest(S::splat(0.0), x) }
    /// 0 below zero and for NaN, 1 at and above.
    Step(S, x) { truth::<S>(S::le(S::splat(0.0), x)) }
}

function2! {
    /// `a + b`.
    Add(S, a, b) { S::add(a, b) }
    /// `a - b`.
    Sub(S, a, b) { S::sub(a, b) }
    /// `a b`.
    Mul(S, a, b) { S::mul(a, b) }
    /// `a / b`.
    Div(S, a, b) { S::div(a, b) }
    /// The lesser, NaN if either is.
    Min(S, a, b) {
        let m = S::least(a, b); // b if b is NaN
        S::select(S::eq(a, a), m, a)
    }
    /// The greater, NaN if either is.
    Max(S, a, b) {
        let m = S::greatest(a, b);
        S::select(S::eq(a, a), m, a)
    }
    /// `a < b`.
    Less(S, a, b) { truth::<S>(S::lt(a, b)) }
    /// `a <= b`.
    LessEqual(S, a, b) { truth::<S>(S::le(a, b)) }
    /// `a > b`.
    Greater(S, a, b) { truth::<S>(S::lt(b, a)) }
    /// `a >= b`.
    GreaterEqual(S, a, b) { truth::<S>(S::le(b, a)) }
    /// `a == b`.
    Equal(S, a, b) { truth::<S>(S::eq(a, b)) }
    /// `a != b`.
    NotEqual(S, a, b) { truth::<S>(S::mask_not(S::eq(a, b))) }
    /// Both are not 0.
    And(S, a, b) {
        let zero = S::splat(0.0);
        truth::<S>(S::mask_not(S::mask_or(S::eq(a, zero), S::eq(b, zero))))
    }
    /// One is not 0.
    Or(S, a, b) {
        let zero = S::splat(0.0);
        truth::<S>(S::mask_not(S::mask_and(S::eq(a, zero), S::eq(b, zero))))
    }
    /// Angle of the point `(b, a)`, lane by lane.
    Atan2(S, a, b) {
        let (mut ys, mut xs) = ([0.0; MAX_LANES], [0.0; MAX_LANES]);
        S::store(ys.as_mut_ptr(), a);
        S::store(xs.as_mut_ptr(), b);
        for i in 0..S::LANES {
            ys[i] = BinaryOp::Atan2.apply(ys[i], xs[i]);
        }
        S::load(ys.as_ptr())
    }
}
