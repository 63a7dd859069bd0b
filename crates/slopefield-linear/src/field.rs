//! The numbers that matrices hold: real, or complex for methods with complex eigenvalues.

use crate::Real;
use faer::{c32, c64};
use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub, SubAssign};

/// A number that a matrix can be made of: a [`Real`] or its [`Real::Complex`].
pub trait Field:
    Copy
    + Default
    + Debug
    + Send
    + Sync
    + 'static
    + PartialEq
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + faer::traits::ComplexField
{
    /// The type of real and imaginary part.
    type Part: Real;
    /// 0.
    const NOTHING: Self;
    /// A real number.
    fn from_part(x: Self::Part) -> Self;
    /// The product with a real number.
    fn times(self, x: Self::Part) -> Self;
    /// `|re| + |im|`, which is within a factor of √2 of the absolute value.
    fn size(self) -> Self::Part;
    /// One divided by this number.
    fn reciprocal(self) -> Self;
    /// Neither part is infinite or NaN.
    fn bounded(self) -> bool;
}

macro_rules! real {
    ($t:ident, $c:ident) => {
        impl Field for $t {
            type Part = $t;
            const NOTHING: Self = 0.0;
            #[inline(always)]
            fn from_part(x: $t) -> Self {
                x
            }
            #[inline(always)]
            fn times(self, x: $t) -> Self {
                self * x
            }
            #[inline(always)]
            fn size(self) -> $t {
                self.abs()
            }
            #[inline(always)]
            fn reciprocal(self) -> Self {
                1.0 / self
            }
            #[inline(always)]
            fn bounded(self) -> bool {
                self.is_finite()
            }
        }

        impl Field for $c {
            type Part = $t;
            const NOTHING: Self = $c { re: 0.0, im: 0.0 };
            #[inline(always)]
            fn from_part(x: $t) -> Self {
                $c { re: x, im: 0.0 }
            }
            #[inline(always)]
            fn times(self, x: $t) -> Self {
                $c { re: self.re * x, im: self.im * x }
            }
            #[inline(always)]
            fn size(self) -> $t {
                self.re.abs() + self.im.abs()
            }
            /// Smith's division, which does not overflow half-way (CACM 5 (1962) 435).
            #[inline]
            fn reciprocal(self) -> Self {
                if self.re.abs() >= self.im.abs() {
                    let ratio = self.im / self.re;
                    let divisor = self.re + self.im * ratio;
                    $c { re: 1.0 / divisor, im: -ratio / divisor }
                } else {
                    let ratio = self.re / self.im;
                    let divisor = self.re * ratio + self.im;
                    $c { re: ratio / divisor, im: -1.0 / divisor }
                }
            }
            #[inline(always)]
            fn bounded(self) -> bool {
                self.re.is_finite() && self.im.is_finite()
            }
        }
    };
}

real!(f64, c64);
real!(f32, c32);
