//! Derivative rules of the scalar functions: one table for forward and reverse.
//!
//! A rule multiplies a number `s` by a partial derivative. In forward mode `s` is the tangent of
//! the operand, in reverse mode the adjoint of the result; multiplication commutes, so one rule
//! serves both.
//!
//! *Singular points.* Products of derivatives use `0·∞ = 0`: a direction that does not move, or a
//! result that carries no weight, contributes nothing even where the other factor is infinite or
//! NaN. This keeps the branch of an `if` that was not taken, and the smaller operand of a `max`,
//! from poisoning the gradient. A moving direction at a singular point gives ±∞ as it should:
//! `d sqrt(x)` at 0 is `+∞`.
//!
//! *Choices at corners*: `abs' (0) = 0`, `relu'(0) = 0`, `min` and `max` follow the first operand
//! at a tie, piecewise constant functions have derivative 0, `atan2` at the origin 0. The derivative
//! of `a^b` in `b` is `a^b ln|a|` (the real one where `a < 0` and `b` is whole) and 0 for `a = 0`.

use slopefield_lang::{Binary, Unary};

use super::block::SsaValue;
use super::builder::BlockBuilder;
use crate::function::FRAC_1_SQRT_2;

/// `s` times the partial of `result = op(operands)` in operand number `wrt`; `None` is zero.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Site {
    Unary(Unary, SsaValue),
    Binary(Binary, SsaValue, SsaValue),
}

/// See [`Site`].
pub(crate) fn scaled_partial(
    b: &mut BlockBuilder,
    site: Site,
    wrt: usize,
    result: SsaValue,
    s: SsaValue,
) -> Option<SsaValue> {
    match site {
        Site::Unary(op, x) => unary(b, op, x, result, s),
        Site::Binary(op, x, y) => binary(b, op, wrt, (x, y), result, s),
    }
}

fn unary(
    b: &mut BlockBuilder,
    op: Unary,
    x: SsaValue,
    y: SsaValue,
    s: SsaValue,
) -> Option<SsaValue> {
    let one = b.constant(1.0);
    match op {
        Unary::Neg => Some(b.neg(s)),
        Unary::Not | Unary::Sign | Unary::Floor | Unary::Ceil | Unary::Round | Unary::Step => None,
        Unary::Abs => {
            let sign = b.unary(Unary::Sign, x);
            product(b, s, sign)
        }
        Unary::Sqrt => {
            let half = b.constant(0.5);
            let s = product(b, s, half)?;
            Some(quotient(b, s, y))
        }
        Unary::Cbrt => {
            let three = b.constant(3.0);
            let square = b.mul(y, y);
            let d = b.mul(square, three);
            Some(quotient(b, s, d))
        }
        Unary::Exp => product(b, s, y),
        Unary::Expm1 => {
            let e = b.unary(Unary::Exp, x);
            product(b, s, e)
        }
        Unary::Ln => Some(quotient(b, s, x)),
        Unary::Log2 => {
            let c = b.constant(std::f64::consts::LOG2_E);
            let s = product(b, s, c)?;
            Some(quotient(b, s, x))
        }
        Unary::Log10 => {
            let c = b.constant(std::f64::consts::LOG10_E);
            let s = product(b, s, c)?;
            Some(quotient(b, s, x))
        }
        Unary::Log1p => {
            let d = b.add(one, x);
            Some(quotient(b, s, d))
        }
        Unary::Sin => {
            let c = b.unary(Unary::Cos, x);
            product(b, s, c)
        }
        Unary::Cos => {
            let c = b.unary(Unary::Sin, x);
            let c = b.neg(c);
            product(b, s, c)
        }
        Unary::Tan => {
            let square = b.mul(y, y);
            let d = b.add(one, square);
            product(b, s, d)
        }
        Unary::Asin => {
            let d = root_of_product(b, (one, x), false);
            Some(quotient(b, s, d))
        }
        Unary::Acos => {
            let d = root_of_product(b, (one, x), false);
            let q = quotient(b, s, d);
            Some(b.neg(q))
        }
        Unary::Atan => {
            let square = b.mul(x, x);
            let d = b.add(one, square);
            Some(b.div(s, d))
        }
        Unary::Sinh => {
            let c = b.unary(Unary::Cosh, x);
            product(b, s, c)
        }
        Unary::Cosh => {
            let c = b.unary(Unary::Sinh, x);
            product(b, s, c)
        }
        Unary::Tanh => {
            let square = b.mul(y, y);
            let d = b.sub(one, square);
            product(b, s, d)
        }
        Unary::Asinh => {
            let square = b.mul(x, x);
            let d = b.add(one, square);
            let d = b.unary(Unary::Sqrt, d);
            Some(b.div(s, d))
        }
        Unary::Acosh => {
            let d = root_of_product(b, (one, x), true);
            Some(quotient(b, s, d))
        }
        Unary::Atanh => {
            let (minus, plus) = (b.sub(one, x), b.add(one, x));
            let d = b.mul(minus, plus);
            Some(quotient(b, s, d))
        }
        Unary::Sigmoid => {
            let rest = b.sub(one, y);
            let d = b.mul(y, rest);
            product(b, s, d)
        }
        Unary::Softplus => {
            let d = b.unary(Unary::Sigmoid, x);
            product(b, s, d)
        }
        Unary::Relu => {
            let zero = b.constant(0.0);
            let on = b.binary(Binary::Greater, x, zero);
            Some(b.select(on, s, zero))
        }
        Unary::Gelu => {
            let d = gelu_derivative(b, x);
            product(b, s, d)
        }
        Unary::Erf => {
            let d = gaussian(b, x, std::f64::consts::FRAC_2_SQRT_PI, -1.0);
            product(b, s, d)
        }
        Unary::Erfc => {
            let d = gaussian(b, x, -std::f64::consts::FRAC_2_SQRT_PI, -1.0);
            product(b, s, d)
        }
        Unary::Gamma => {
            let psi = digamma(b, x);
            let s = product(b, s, y)?;
            product(b, s, psi)
        }
        Unary::LnGamma => {
            let psi = digamma(b, x);
            product(b, s, psi)
        }
    }
}

fn binary(
    b: &mut BlockBuilder,
    op: Binary,
    wrt: usize,
    (x, y): (SsaValue, SsaValue),
    z: SsaValue,
    s: SsaValue,
) -> Option<SsaValue> {
    let zero = b.constant(0.0);
    match (op, wrt) {
        (Binary::Add, _) | (Binary::Sub, 0) => Some(s),
        (Binary::Sub, _) => Some(b.neg(s)),
        (Binary::Mul, 0) => product(b, s, y),
        (Binary::Mul, _) => product(b, s, x),
        (Binary::Div, 0) => Some(quotient(b, s, y)),
        (Binary::Div, _) => {
            let q = quotient(b, s, y);
            let q = product(b, q, z)?;
            Some(b.neg(q))
        }
        (Binary::Pow, 0) => {
            let one = b.constant(1.0);
            let less = b.sub(y, one);
            let power = b.binary(Binary::Pow, x, less);
            let s = product(b, s, y)?;
            product(b, s, power)
        }
        (Binary::Pow, _) => {
            let size = b.unary(Unary::Abs, x);
            let ln = b.unary(Unary::Ln, size);
            let d = product(b, z, ln)?;
            let d = b.select(x, d, zero);
            product(b, s, d)
        }
        (Binary::Atan2, _) => atan2(b, wrt, x, y, s),
        (Binary::Min | Binary::Max, _) => {
            let first = first_is_chosen(b, op, x, y);
            Some(if wrt == 0 { b.select(first, s, zero) } else { b.select(first, zero, s) })
        }
        (
            Binary::Less
            | Binary::LessEqual
            | Binary::Greater
            | Binary::GreaterEqual
            | Binary::Equal
            | Binary::NotEqual
            | Binary::And
            | Binary::Or,
            _,
        ) => None,
    }
}

/// 1 where `min` or `max` (which is asked for) takes its first operand.
pub(super) fn first_is_chosen(
    b: &mut BlockBuilder,
    op: Binary,
    x: SsaValue,
    y: SsaValue,
) -> SsaValue {
    let compare = if op == Binary::Min { Binary::LessEqual } else { Binary::GreaterEqual };
    b.binary(compare, x, y)
}

/// `s·d` with `0·∞ = 0`; `None` when `d` is the number 0.
pub(super) fn product(b: &mut BlockBuilder, s: SsaValue, d: SsaValue) -> Option<SsaValue> {
    if b.as_constant(d) == Some(0.0) || b.as_constant(s) == Some(0.0) {
        return None;
    }
    let mut m = b.mul(s, d);
    let zero = b.constant(0.0);
    if b.is_singular(d) && b.as_constant(s).is_none() {
        m = b.select(s, m, zero);
    }
    if b.is_singular(s) && b.as_constant(d).is_none() {
        m = b.select(d, m, zero);
    }
    Some(m)
}

/// `s/d` with `0/0 = 0`.
fn quotient(b: &mut BlockBuilder, s: SsaValue, d: SsaValue) -> SsaValue {
    let q = b.div(s, d);
    match b.as_constant(d) {
        Some(c) if c != 0.0 => q,
        _ => {
            let zero = b.constant(0.0);
            b.select(s, q, zero)
        }
    }
}

/// `sqrt((1-x)(1+x))`, or `sqrt((x-1)(x+1))`: exact near ±1, where `1-x²` would cancel.
fn root_of_product(
    b: &mut BlockBuilder,
    (one, x): (SsaValue, SsaValue),
    beyond_one: bool,
) -> SsaValue {
    let minus = if beyond_one { b.sub(x, one) } else { b.sub(one, x) };
    let plus = b.add(one, x);
    let product = b.mul(minus, plus);
    b.unary(Unary::Sqrt, product)
}

/// `scale · exp(rate·x²)`.
fn gaussian(b: &mut BlockBuilder, x: SsaValue, scale: f64, rate: f64) -> SsaValue {
    let (scale, rate) = (b.constant(scale), b.constant(rate));
    let square = b.mul(x, x);
    let exponent = b.mul(square, rate);
    let e = b.unary(Unary::Exp, exponent);
    b.mul(scale, e)
}

/// `Φ(x) + x φ(x)`.
fn gelu_derivative(b: &mut BlockBuilder, x: SsaValue) -> SsaValue {
    let (scale, half) = (b.constant(-FRAC_1_SQRT_2), b.constant(0.5));
    let z = b.mul(x, scale);
    let tail = b.unary(Unary::Erfc, z);
    let distribution = b.mul(half, tail);
    // 1/sqrt(2π)
    let density = gaussian(b, x, 0.5 * std::f64::consts::FRAC_2_SQRT_PI * FRAC_1_SQRT_2, -0.5);
    let slope = b.mul(x, density);
    b.add(distribution, slope)
}

/// Partials of `atan2(x, y)`, scaled so that squares neither overflow nor vanish.
fn atan2(
    b: &mut BlockBuilder,
    wrt: usize,
    x: SsaValue,
    y: SsaValue,
    s: SsaValue,
) -> Option<SsaValue> {
    let (ax, ay) = (b.unary(Unary::Abs, x), b.unary(Unary::Abs, y));
    let h = b.binary(Binary::Max, ax, ay);
    let (u, v) = (b.div(x, h), b.div(y, h));
    let (uu, vv) = (b.mul(u, u), b.mul(v, v));
    let norm = b.add(uu, vv);
    let other = if wrt == 0 { v } else { b.neg(u) };
    let direction = b.div(other, norm);
    let d = b.div(direction, h);
    let zero = b.constant(0.0);
    let d = b.select(h, d, zero);
    product(b, s, d)
}

/// The digamma function `Γ'/Γ`, by reflection for `x < 1/2`, recurrence to arguments above 8.5
/// and the asymptotic series (Abramowitz & Stegun 6.3.5, 6.3.7, 6.3.18). The first neglected term
/// is below 1e-15 there.
fn digamma(b: &mut BlockBuilder, x: SsaValue) -> SsaValue {
    const SERIES: [f64; 7] = [
        -1.0 / 12.0,
        1.0 / 120.0,
        -1.0 / 252.0,
        1.0 / 240.0,
        -1.0 / 132.0,
        691.0 / 32760.0,
        -1.0 / 12.0,
    ];
    let (half, one, zero) = (b.constant(0.5), b.constant(1.0), b.constant(0.0));
    let reflect = b.binary(Binary::Less, x, half);
    let mirrored = b.sub(one, x);
    let z = b.select(reflect, mirrored, x);

    let mut shift = zero;
    for k in 0..8u8 {
        let k = b.constant(f64::from(k));
        let denominator = b.add(z, k);
        let term = b.div(one, denominator);
        shift = b.add(shift, term);
    }
    let eight = b.constant(8.0);
    let w = b.add(z, eight);
    let inverse = b.div(one, w);
    let inverse_square = b.mul(inverse, inverse);
    let mut series = zero;
    for c in SERIES.iter().rev() {
        let c = b.constant(*c);
        let sum = b.add(series, c);
        series = b.mul(sum, inverse_square);
    }
    let ln = b.unary(Unary::Ln, w);
    let half_inverse = b.mul(half, inverse);
    let psi = b.sub(ln, half_inverse);
    let psi = b.add(psi, series);
    let psi = b.sub(psi, shift);

    // π cot(πx) from the distance to the nearest whole number, which is exact.
    let nearest = b.unary(Unary::Round, x);
    let distance = b.sub(x, nearest);
    let pi = b.constant(std::f64::consts::PI);
    let angle = b.mul(pi, distance);
    let tan = b.unary(Unary::Tan, angle);
    let cot = b.div(pi, tan);
    let reflected = b.sub(psi, cot);
    b.select(reflect, reflected, psi)
}
