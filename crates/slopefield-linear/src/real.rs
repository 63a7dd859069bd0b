//! The numbers that methods compute with.

use crate::Field;
use faer::{c32, c64};
use std::fmt::{Debug, Display};
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

/// A real number type: `f64`, or `f32`. Times, step sizes, tolerances and coefficients of methods
/// are `f64` always; states, parameters and slopes are of this type.
pub trait Real:
    Copy
    + Default
    + PartialOrd
    + Debug
    + Display
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
    + faer::traits::RealField
    + Field<Part = Self>
{
    /// Complex numbers of this precision.
    type Complex: Field<Part = Self>;
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// Distance from 1 to the next number, as `f64`.
    const EPSILON: f64;
    /// Smallest positive normal number.
    const TINY: Self;
    /// The nearest number of this type.
    fn of(x: f64) -> Self;
    /// This number as `f64`.
    fn f64(self) -> f64;
    /// Absolute value.
    fn magnitude(self) -> Self;
    /// Square root.
    fn root(self) -> Self;
    /// The greater of two; `other` where this is NaN.
    fn greater(self, other: Self) -> Self;
    /// Neither infinite nor NaN.
    fn finite(self) -> bool;
    /// The complex number with these parts.
    fn complex(re: Self, im: Self) -> Self::Complex;
    /// Real and imaginary part.
    fn parts(z: Self::Complex) -> (Self, Self);
}

macro_rules! real {
    ($t:ident, $c:ident) => {
        impl Real for $t {
            type Complex = $c;
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const EPSILON: f64 = $t::EPSILON as f64;
            const TINY: Self = $t::MIN_POSITIVE;
            #[inline(always)]
            fn of(x: f64) -> Self {
                x as $t
            }
            #[inline(always)]
            fn f64(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn magnitude(self) -> Self {
                $t::abs(self)
            }
            #[inline(always)]
            fn root(self) -> Self {
                $t::sqrt(self)
            }
            #[inline(always)]
            fn greater(self, other: Self) -> Self {
                $t::max(self, other)
            }
            #[inline(always)]
            fn finite(self) -> bool {
                $t::is_finite(self)
            }
            #[inline(always)]
            fn complex(re: Self, im: Self) -> $c {
                $c { re, im }
            }
            #[inline(always)]
            fn parts(z: $c) -> (Self, Self) {
                (z.re, z.im)
            }
        }
    };
}

real!(f64, c64);
real!(f32, c32);
