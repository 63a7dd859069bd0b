//! Numbers of twice the precision (about 32 digits), for references: a sum of two `f64`
//! (Dekker 1971), and the functions that networks use, from their series.

use std::cmp::Ordering;
use std::ops::{Add, Div, Mul, Neg, Sub};

use slopefield_lang::{Binary, Unary};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Twofold(pub(super) f64, pub(super) f64);

impl From<f64> for Twofold {
    fn from(x: f64) -> Self {
        Twofold(x, 0.0)
    }
}

/// The exact sum of two numbers.
fn two_sum(a: f64, b: f64) -> Twofold {
    let s = a + b;
    let v = s - a;
    Twofold(s, (a - (s - v)) + (b - v))
}

impl Add for Twofold {
    type Output = Self;
    fn add(self, b: Self) -> Self {
        let (s, e) = (two_sum(self.0, b.0), two_sum(self.1, b.1));
        let first = two_sum(s.0, s.1 + e.0);
        two_sum(first.0, first.1 + e.1)
    }
}

impl Neg for Twofold {
    type Output = Self;
    fn neg(self) -> Self {
        Twofold(-self.0, -self.1)
    }
}

impl Sub for Twofold {
    type Output = Self;
    fn sub(self, b: Self) -> Self {
        self + -b
    }
}

impl Mul for Twofold {
    type Output = Self;
    fn mul(self, b: Self) -> Self {
        let p = self.0 * b.0;
        let e = self.0.mul_add(b.0, -p) + (self.0 * b.1 + self.1 * b.0);
        two_sum(p, e)
    }
}

impl Div for Twofold {
    type Output = Self;
    fn div(self, b: Self) -> Self {
        let first = self.0 / b.0;
        let rest = self - b * Twofold(first, 0.0);
        let second = rest.0 / b.0;
        let rest = rest - b * Twofold(second, 0.0);
        two_sum(first, second) + Twofold(rest.0 / b.0, 0.0)
    }
}

impl PartialOrd for Twofold {
    fn partial_cmp(&self, b: &Self) -> Option<Ordering> {
        (self.0, self.1).partial_cmp(&(b.0, b.1))
    }
}

impl Twofold {
    pub(super) const ZERO: Twofold = Twofold(0.0, 0.0);
    pub(super) const ONE: Twofold = Twofold(1.0, 0.0);
    /// 2/√π and 1/√2, both parts.
    const FRAC_2_SQRT_PI: Twofold =
        Twofold(std::f64::consts::FRAC_2_SQRT_PI, 1.533545961316588e-17);
    const FRAC_1_SQRT_2: Twofold = Twofold(std::f64::consts::FRAC_1_SQRT_2, -4.833646656726457e-17);

    /// `Σ terms`, each made from the one before, until they no longer count.
    fn series(first: Self, mut next: impl FnMut(u32, Self) -> Self) -> Self {
        let (mut sum, mut term) = (first, first);
        for k in 1..400 {
            term = next(k, term);
            sum = sum + term;
            if term.0.abs() <= 1e-34 * sum.0.abs() {
                break;
            }
        }
        sum
    }

    pub(super) fn exp(self) -> Self {
        if self.0.abs() > 700.0 {
            return self.0.exp().into();
        }
        // e^x = (e^(x/1024))^1024.
        let x = self * Twofold(1.0 / 1024.0, 0.0);
        let mut y = Self::series(Self::ONE, |k, term| term * x / f64::from(k).into());
        for _ in 0..10 {
            y = y * y;
        }
        y
    }

    fn sqrt(self) -> Self {
        let guess: Twofold = self.0.sqrt().into();
        (guess + self / guess) * Twofold(0.5, 0.0)
    }

    /// The root of `f(y) = x` by Newton's steps from a guess that is good to a double.
    fn solve(self, guess: f64, f: impl Fn(Self) -> Self, slope: impl Fn(Self) -> Self) -> Self {
        let mut y: Twofold = guess.into();
        for _ in 0..3 {
            y = y - (f(y) - self) / slope(y);
        }
        y
    }

    fn ln(self) -> Self {
        self.solve(self.0.ln(), Self::exp, Self::exp)
    }

    fn sin(self) -> Self {
        let square = self * self;
        Self::series(self, |k, term| -term * square / f64::from(2 * k * (2 * k + 1)).into())
    }

    fn cos(self) -> Self {
        let square = self * self;
        Self::series(Self::ONE, |k, term| -term * square / f64::from(2 * k * (2 * k - 1)).into())
    }

    fn sinh(self) -> Self {
        if self.0.abs() < 1.0 {
            let square = self * self;
            return Self::series(self, |k, term| {
                term * square / f64::from(2 * k * (2 * k + 1)).into()
            });
        }
        (self.exp() - (-self).exp()) * Twofold(0.5, 0.0)
    }

    fn cosh(self) -> Self {
        (self.exp() + (-self).exp()) * Twofold(0.5, 0.0)
    }

    /// For arguments up to about 5.
    fn erf(self) -> Self {
        let square = self * self;
        // e^(-x²) Σ 2^k x^(2k+1) / (2k+1)!!, whose terms are all positive.
        let sum = Self::series(self, |k, term| {
            term * square * Twofold(2.0, 0.0) / f64::from(2 * k + 1).into()
        });
        Self::FRAC_2_SQRT_PI * (-square).exp() * sum
    }

    pub(super) fn unary(self, f: Unary) -> Option<Self> {
        let (x, one) = (self, Self::ONE);
        let step = |y: f64| Some(Twofold(y, 0.0));
        Some(match f {
            Unary::Neg => -x,
            Unary::Abs => {
                if x < Self::ZERO {
                    -x
                } else {
                    x
                }
            }
            Unary::Relu => {
                if x < Self::ZERO {
                    Self::ZERO
                } else {
                    x
                }
            }
            // Away from the steps these are those of the leading part.
            Unary::Not | Unary::Sign | Unary::Floor | Unary::Ceil | Unary::Round | Unary::Step => {
                return step(f.apply(x.0));
            }
            Unary::Exp => x.exp(),
            Unary::Expm1 => {
                let half = x * Twofold(0.5, 0.0);
                (half.exp() * half.sinh()) * Twofold(2.0, 0.0)
            }
            Unary::Sin => x.sin(),
            Unary::Cos => x.cos(),
            Unary::Tan => x.sin() / x.cos(),
            Unary::Atan => {
                x.solve(x.0.atan(), |y| y.sin() / y.cos(), |y| one / (y.cos() * y.cos()))
            }
            Unary::Sinh => x.sinh(),
            Unary::Cosh => x.cosh(),
            Unary::Tanh => x.sinh() / x.cosh(),
            Unary::Asinh => x.solve(x.0.asinh(), Self::sinh, Self::cosh),
            Unary::Sigmoid => one / (one + (-x).exp()),
            Unary::Softplus => (one + x.exp()).ln(),
            Unary::Erf => x.erf(),
            Unary::Erfc => one - x.erf(),
            Unary::Gelu => {
                let tail = (x * Self::FRAC_1_SQRT_2).erf();
                x * (one + tail) * Twofold(0.5, 0.0)
            }
            Unary::Sqrt => x.sqrt(),
            Unary::Ln => x.ln(),
            _ => return None,
        })
    }

    pub(super) fn binary(self, f: Binary, b: Self) -> Option<Self> {
        let truth = |yes: bool| Twofold(f64::from(u8::from(yes)), 0.0);
        Some(match f {
            Binary::Add => self + b,
            Binary::Sub => self - b,
            Binary::Mul => self * b,
            Binary::Div => self / b,
            Binary::Min => {
                if self <= b {
                    self
                } else {
                    b
                }
            }
            Binary::Max => {
                if self >= b {
                    self
                } else {
                    b
                }
            }
            Binary::Less => truth(self < b),
            Binary::LessEqual => truth(self <= b),
            Binary::Greater => truth(self > b),
            Binary::GreaterEqual => truth(self >= b),
            Binary::Equal => truth(self == b),
            Binary::NotEqual => truth(self != b),
            Binary::And => truth(self.0 != 0.0 && b.0 != 0.0),
            Binary::Or => truth(self.0 != 0.0 || b.0 != 0.0),
            // Positive bases.
            Binary::Pow => (b * self.ln()).exp(),
            Binary::Atan2 => return None,
        })
    }
}

#[test]
fn known_constants() {
    let close = |x: Twofold, hi: f64, lo: f64| {
        let error = x - Twofold(hi, lo);
        // Squaring ten times in `exp` costs three of 31 digits.
        assert!(error.0.abs() <= 1e-28 * hi.abs(), "{x:?} is not {hi:e} + {lo:e}");
    };
    // e, ln 2, √2, π/4, sin 1 to 32 digits.
    close(Twofold::ONE.exp(), std::f64::consts::E, 1.4456468917292502e-16);
    close(Twofold(2.0, 0.0).ln(), std::f64::consts::LN_2, 2.3190468138462996e-17);
    close(Twofold(2.0, 0.0).sqrt(), std::f64::consts::SQRT_2, -9.667293313452913e-17);
    let quarter = Twofold::ONE.unary(Unary::Atan).unwrap();
    close(quarter, std::f64::consts::FRAC_PI_4, 3.061616997868383e-17);
    close(Twofold::FRAC_1_SQRT_2 * Twofold(2.0, 0.0).sqrt(), 1.0, 0.0);
    // (2/√π)² = 4/π.
    let four = Twofold::FRAC_2_SQRT_PI * Twofold::FRAC_2_SQRT_PI * quarter;
    close(four, 1.0, 0.0);
}
