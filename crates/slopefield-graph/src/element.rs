//! What the numbers of a running plan are held in.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Mul};

use crate::custom::CustomOp;
use crate::plan::{BinaryOp, UnaryOp};

/// What the interpreter computes in: `f64`, `f32`, or numbers of one's own (an error analysis, say).
///
/// Plans are written in `f64`. Running one in `f32` rounds every number of the plan and the result
/// of every operation to `f32`.
pub trait Element:
    Copy
    + Default
    + Debug
    + PartialEq
    + Add<Output = Self>
    + Mul<Output = Self>
    + AddAssign
    + Send
    + Sync
    + 'static
{
    /// The nearest element.
    fn from_f64(x: f64) -> Self;

    /// The same number.
    fn to_f64(self) -> f64;

    /// A function of the language, computed in `f64` and rounded once. The error is that of the
    /// rounding, half a unit in the last place, and 2^-28 of one. For the square root it is the
    /// correctly rounded `f32` function.
    #[inline]
    fn unary(op: UnaryOp, x: Self) -> Self {
        Self::from_f64(op.apply(x.to_f64()))
    }

    /// [`Element::unary`] for two arguments. For `+ - * /` this is the `f32` operation of IEEE 754:
    /// rounding to 53 bits first changes nothing, because 53 >= 2 * 24 + 2 (Figueroa 1995).
    #[inline]
    fn binary(op: BinaryOp, a: Self, b: Self) -> Self {
        Self::from_f64(op.apply(a.to_f64(), b.to_f64()))
    }

    /// [`CustomOp::run`], computed in `f64` and rounded once. Only `f64` does without memory of its own.
    fn custom(op: &CustomOp, reverse: bool, src: &[Self], dst: &mut [Self]) {
        let src: Vec<f64> = src.iter().map(|x| x.to_f64()).collect();
        let mut result = vec![0.0; dst.len()];
        op.run(reverse, &src, &mut result);
        for (to, from) in dst.iter_mut().zip(result) {
            *to = Self::from_f64(from);
        }
    }
}

impl Element for f64 {
    #[inline]
    fn from_f64(x: f64) -> Self {
        x
    }
    #[inline]
    fn to_f64(self) -> f64 {
        self
    }
    fn custom(op: &CustomOp, reverse: bool, src: &[f64], dst: &mut [f64]) {
        op.run(reverse, src, dst);
    }
}

impl Element for f32 {
    #[inline]
    fn from_f64(x: f64) -> Self {
        x as f32
    }
    #[inline]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
}
