//! Numbers that right-hand sides are written in: plain ones, ones with derivatives, and ones that
//! only remember which inputs they depend on.
//!
//! An equation written once over [`Number`] gives its values in either precision, its derivative
//! products and the pattern of its Jacobian (forward accumulation: Griewank, Walther, *Evaluating
//! Derivatives*, 2nd edition, SIAM 2008, chapter 3).

use std::ops::{Add, Div, Mul, Neg, Sub};

/// `f64` or `f32` with the functions that the equations use.
pub trait Float:
    Copy
    + Default
    + PartialOrd
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// The nearest number of this type.
    fn of(x: f64) -> Self;
    /// Sine.
    fn sin(self) -> Self;
    /// Cosine.
    fn cos(self) -> Self;
    /// Exponential function.
    fn exp(self) -> Self;
    /// Natural logarithm.
    fn ln(self) -> Self;
    /// Arc tangent.
    fn atan(self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// Power with a fixed exponent.
    fn powf(self, exponent: f64) -> Self;
}

macro_rules! float {
    ($t:ident) => {
        impl Float for $t {
            #[inline(always)]
            fn of(x: f64) -> Self {
                x as $t
            }
            #[inline(always)]
            fn sin(self) -> Self {
                $t::sin(self)
            }
            #[inline(always)]
            fn cos(self) -> Self {
                $t::cos(self)
            }
            #[inline(always)]
            fn exp(self) -> Self {
                $t::exp(self)
            }
            #[inline(always)]
            fn ln(self) -> Self {
                $t::ln(self)
            }
            #[inline(always)]
            fn atan(self) -> Self {
                $t::atan(self)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                $t::sqrt(self)
            }
            #[inline(always)]
            fn powf(self, exponent: f64) -> Self {
                $t::powf(self, exponent as $t)
            }
        }
    };
}

float!(f64);
float!(f32);

/// What an equation may do with its inputs.
pub trait Number:
    Copy
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + Add<f64, Output = Self>
    + Sub<f64, Output = Self>
    + Mul<f64, Output = Self>
    + Div<f64, Output = Self>
{
    /// A constant.
    fn of(x: f64) -> Self;
    /// Sine.
    fn sin(self) -> Self;
    /// Cosine.
    fn cos(self) -> Self;
    /// Exponential function.
    fn exp(self) -> Self;
    /// Natural logarithm.
    fn ln(self) -> Self;
    /// Arc tangent.
    fn atan(self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// Power with a fixed exponent.
    fn powf(self, exponent: f64) -> Self;
    /// `yes` where `condition` is 0 or more, `no` elsewhere. The condition has no derivative.
    fn choose(condition: Self, yes: Self, no: Self) -> Self;
    /// The square.
    #[inline(always)]
    fn square(self) -> Self {
        self * self
    }
    /// Absolute value; its derivative at 0 is 1.
    #[inline(always)]
    fn abs(self) -> Self {
        Self::choose(self, self, -self)
    }
}

/// A number with its derivatives along `K` directions.
#[derive(Debug, Clone, Copy)]
pub struct Jet<T, const K: usize> {
    /// The value.
    pub value: T,
    /// The derivatives.
    pub slopes: [T; K],
}

impl<T: Float, const K: usize> Jet<T, K> {
    /// A number with no derivatives.
    #[inline(always)]
    pub fn constant(value: T) -> Self {
        Jet { value, slopes: [T::default(); K] }
    }

    /// The chain rule: a function's value, and its derivative times ours.
    #[inline(always)]
    fn chain(self, value: T, derivative: T) -> Self {
        Jet { value, slopes: self.slopes.map(|s| s * derivative) }
    }

    #[inline(always)]
    fn join(self, other: Self, value: T, slope: impl Fn(T, T) -> T) -> Self {
        Jet { value, slopes: std::array::from_fn(|k| slope(self.slopes[k], other.slopes[k])) }
    }
}

impl<T: Float, const K: usize> Add for Jet<T, K> {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.join(other, self.value + other.value, |a, b| a + b)
    }
}

impl<T: Float, const K: usize> Sub for Jet<T, K> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.join(other, self.value - other.value, |a, b| a - b)
    }
}

#[allow(clippy::suspicious_arithmetic_impl, reason = "the product rule has a sum")]
impl<T: Float, const K: usize> Mul for Jet<T, K> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        let product = self.value * other.value;
        self.join(other, product, |a, b| a * other.value + self.value * b)
    }
}

#[allow(clippy::suspicious_arithmetic_impl, reason = "the quotient rule has a difference")]
impl<T: Float, const K: usize> Div for Jet<T, K> {
    type Output = Self;
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        let quotient = self.value / other.value;
        self.join(other, quotient, |a, b| (a - quotient * b) / other.value)
    }
}

impl<T: Float, const K: usize> Neg for Jet<T, K> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Jet { value: -self.value, slopes: self.slopes.map(|s| -s) }
    }
}

impl<T: Float, const K: usize> Add<f64> for Jet<T, K> {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: f64) -> Self {
        Jet { value: self.value + T::of(other), slopes: self.slopes }
    }
}

impl<T: Float, const K: usize> Sub<f64> for Jet<T, K> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: f64) -> Self {
        Jet { value: self.value - T::of(other), slopes: self.slopes }
    }
}

impl<T: Float, const K: usize> Mul<f64> for Jet<T, K> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: f64) -> Self {
        let factor = T::of(other);
        self.chain(self.value * factor, factor)
    }
}

impl<T: Float, const K: usize> Div<f64> for Jet<T, K> {
    type Output = Self;
    #[inline(always)]
    fn div(self, other: f64) -> Self {
        let divisor = T::of(other);
        Jet { value: self.value / divisor, slopes: self.slopes.map(|s| s / divisor) }
    }
}

impl<T: Float, const K: usize> Number for Jet<T, K> {
    #[inline(always)]
    fn of(x: f64) -> Self {
        Jet::constant(T::of(x))
    }
    #[inline(always)]
    fn sin(self) -> Self {
        self.chain(self.value.sin(), if K == 0 { T::default() } else { self.value.cos() })
    }
    #[inline(always)]
    fn cos(self) -> Self {
        self.chain(self.value.cos(), if K == 0 { T::default() } else { -self.value.sin() })
    }
    #[inline(always)]
    fn exp(self) -> Self {
        let value = self.value.exp();
        self.chain(value, value)
    }
    #[inline(always)]
    fn ln(self) -> Self {
        self.chain(self.value.ln(), T::of(1.0) / self.value)
    }
    #[inline(always)]
    fn atan(self) -> Self {
        let slope = T::of(1.0) / (T::of(1.0) + self.value * self.value);
        self.chain(self.value.atan(), slope)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        let value = self.value.sqrt();
        self.chain(value, T::of(0.5) / value)
    }
    #[inline(always)]
    fn powf(self, exponent: f64) -> Self {
        let slope =
            if K == 0 { T::default() } else { T::of(exponent) * self.value.powf(exponent - 1.0) };
        self.chain(self.value.powf(exponent), slope)
    }
    #[inline(always)]
    fn choose(condition: Self, yes: Self, no: Self) -> Self {
        if condition.value >= T::default() { yes } else { no }
    }
}

impl Default for Jet<f64, 1> {
    fn default() -> Self {
        Jet::constant(0.0)
    }
}

/// Conditions have no derivative.
impl PartialEq for Jet<f64, 1> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl PartialOrd for Jet<f64, 1> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.value.partial_cmp(&other.value)
    }
}

/// So that jets of jets have second derivatives.
impl Float for Jet<f64, 1> {
    #[inline(always)]
    fn of(x: f64) -> Self {
        Jet::constant(x)
    }
    #[inline(always)]
    fn sin(self) -> Self {
        Number::sin(self)
    }
    #[inline(always)]
    fn cos(self) -> Self {
        Number::cos(self)
    }
    #[inline(always)]
    fn exp(self) -> Self {
        Number::exp(self)
    }
    #[inline(always)]
    fn ln(self) -> Self {
        Number::ln(self)
    }
    #[inline(always)]
    fn atan(self) -> Self {
        Number::atan(self)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Number::sqrt(self)
    }
    #[inline(always)]
    fn powf(self, exponent: f64) -> Self {
        Number::powf(self, exponent)
    }
}

/// Which of up to 64 inputs a number depends on, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen(pub u64);

impl Seen {
    fn either(self, other: Self) -> Self {
        Seen(self.0 | other.0)
    }
}

impl Add for Seen {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        self.either(other)
    }
}

impl Sub for Seen {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self.either(other)
    }
}

impl Mul for Seen {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        self.either(other)
    }
}

impl Div for Seen {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        self.either(other)
    }
}

impl Neg for Seen {
    type Output = Self;
    fn neg(self) -> Self {
        self
    }
}

impl Add<f64> for Seen {
    type Output = Self;
    fn add(self, _: f64) -> Self {
        self
    }
}

impl Sub<f64> for Seen {
    type Output = Self;
    fn sub(self, _: f64) -> Self {
        self
    }
}

impl Mul<f64> for Seen {
    type Output = Self;
    fn mul(self, factor: f64) -> Self {
        if factor == 0.0 { Seen(0) } else { self }
    }
}

impl Div<f64> for Seen {
    type Output = Self;
    fn div(self, _: f64) -> Self {
        self
    }
}

impl Number for Seen {
    fn of(_: f64) -> Self {
        Seen(0)
    }
    fn sin(self) -> Self {
        self
    }
    fn cos(self) -> Self {
        self
    }
    fn exp(self) -> Self {
        self
    }
    fn ln(self) -> Self {
        self
    }
    fn atan(self) -> Self {
        self
    }
    fn sqrt(self) -> Self {
        self
    }
    fn powf(self, _: f64) -> Self {
        self
    }
    /// Both branches count, the condition does not.
    fn choose(_: Self, yes: Self, no: Self) -> Self {
        yes.either(no)
    }
}
