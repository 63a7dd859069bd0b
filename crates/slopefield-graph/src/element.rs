//! What the numbers of a running plan are held in.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Mul};

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
