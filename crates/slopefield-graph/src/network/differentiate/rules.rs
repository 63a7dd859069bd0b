//! The derivative of each op in terms of ops.

use slopefield_lang::{Binary, Unary};

use super::super::ops::{LAYER_NORM_EPSILON, NetworkOp};
use super::super::{NetworkBuilder, NetworkError, NodeId};
use super::{Applied, Part, Recorded};

pub(super) fn refused<T>(op: &str) -> Result<T, NetworkError> {
    let message = format!("`{op}` cannot be differentiated inside a network");
    Err(NetworkError { message })
}

/// 1 at the element that `max_of` or `min_of` takes, the first of equal ones, and 0 elsewhere: a
/// tournament of neighbours, whose masks are multiplied on the way back.
pub(super) fn chosen(b: &mut NetworkBuilder, at: &Applied) -> Recorded {
    let pick = |b: &mut NetworkBuilder, x: NodeId, places: &[i64]| {
        b.op("gather", &[x], &[("indices", places)])
    };
    let mut x = at.inputs[0];
    if at.op == NetworkOp::MinOf {
        x = b.map("neg", x)?;
    }
    // Whether the left one of each pair has won, and the length before.
    let mut rounds: Vec<(NodeId, u32)> = Vec::new();
    while b.elements(x) > 1 {
        let len = b.elements(x);
        let left: Vec<i64> = (0..i64::from(len)).step_by(2).collect();
        // A last one without a neighbour wins against itself.
        let right: Vec<i64> = left.iter().map(|i| (i + 1).min(i64::from(len) - 1)).collect();
        let (left, right) = (pick(b, x, &left)?, pick(b, x, &right)?);
        let difference = b.sub(left, right)?;
        rounds.push((b.map("step", difference)?, len));
        x = b.op("max", &[left, right], &[])?;
    }
    let one = b.number(1.0)?;
    let mut mask = one;
    while let Some((left, len)) = rounds.pop() {
        let right = b.sub(one, left)?;
        let (to_left, to_right) = (b.mul(mask, left)?, b.mul(mask, right)?);
        let both = b.joined(&[to_left, to_right])?;
        let pairs = i64::from(len.div_ceil(2));
        let places: Vec<i64> = (0..i64::from(len)).map(|i| i / 2 + i % 2 * pairs).collect();
        mask = pick(b, both, &places)?;
    }
    Ok(mask)
}

/// The derivative of `softmax`, `y ∘ (s - y·s)`, or of `layer_norm`,
/// `(s - mean s - y mean(y ∘ s)) / deviation`.
pub(super) fn normalised(b: &mut NetworkBuilder, at: &Applied, s: NodeId) -> Recorded {
    let (x, y) = (at.inputs[0], at.result);
    if at.op == NetworkOp::Softmax {
        let mean = b.op("dot", &[y, s], &[])?;
        let rest = b.sub(s, mean)?;
        return b.mul(y, rest);
    }
    let mean = b.map("mean", x)?;
    let centred = b.sub(x, mean)?;
    let square = b.mul(centred, centred)?;
    let variance = b.map("mean", square)?;
    let variance = b.shifted(variance, LAYER_NORM_EPSILON)?;
    let deviation = b.map("sqrt", variance)?;
    let along = b.mul(y, s)?;
    let along = b.map("mean", along)?;
    let along = b.mul(y, along)?;
    let level = b.map("mean", s)?;
    let rest = b.sub(s, level)?;
    let rest = b.sub(rest, along)?;
    b.div(rest, deviation)
}

pub(super) fn unary(b: &mut NetworkBuilder, f: Unary, x: NodeId, y: NodeId, s: NodeId) -> Part {
    Ok(Some(match f {
        Unary::Not | Unary::Sign | Unary::Floor | Unary::Ceil | Unary::Round | Unary::Step => {
            return Ok(None);
        }
        Unary::Neg => b.map("neg", s)?,
        Unary::Abs => {
            let sign = b.map("sign", x)?;
            b.mul(s, sign)?
        }
        Unary::Exp => b.mul(s, y)?,
        Unary::Expm1 => times(b, s, "exp", x)?,
        Unary::Sin => times(b, s, "cos", x)?,
        Unary::Cos => {
            let negative = b.map("neg", s)?;
            times(b, negative, "sin", x)?
        }
        Unary::Sinh => times(b, s, "cosh", x)?,
        Unary::Cosh => times(b, s, "sinh", x)?,
        Unary::Softplus => times(b, s, "sigmoid", x)?,
        Unary::Relu => {
            // 1 above 0, and 0 at and below it.
            let sign = b.map("sign", x)?;
            times(b, s, "relu", sign)?
        }
        Unary::Tan => {
            let square = b.mul(y, y)?;
            let slope = b.shifted(square, 1.0)?;
            b.mul(s, slope)?
        }
        Unary::Tanh => {
            let square = b.mul(y, y)?;
            let one = b.number(1.0)?;
            let slope = b.sub(one, square)?;
            b.mul(s, slope)?
        }
        Unary::Sigmoid => {
            let one = b.number(1.0)?;
            let rest = b.sub(one, y)?;
            let slope = b.mul(y, rest)?;
            b.mul(s, slope)?
        }
        Unary::Gelu => {
            let z = b.scaled(x, -std::f64::consts::FRAC_1_SQRT_2)?;
            let tail = b.map("erfc", z)?;
            let below = b.scaled(tail, 0.5)?;
            let scale = 0.5 * std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2;
            let density = gaussian(b, x, scale, -0.5)?;
            let tilt = b.mul(x, density)?;
            let slope = b.add(below, tilt)?;
            b.mul(s, slope)?
        }
        Unary::Erf | Unary::Erfc => {
            let sign = if f == Unary::Erf { 1.0 } else { -1.0 };
            let slope = gaussian(b, x, sign * std::f64::consts::FRAC_2_SQRT_PI, -1.0)?;
            b.mul(s, slope)?
        }
        Unary::Atan => {
            let square = b.mul(x, x)?;
            let below = b.shifted(square, 1.0)?;
            b.div(s, below)?
        }
        Unary::Asinh => {
            let square = b.mul(x, x)?;
            let inner = b.shifted(square, 1.0)?;
            let below = b.map("sqrt", inner)?;
            b.div(s, below)?
        }
        Unary::Sqrt => {
            let below = b.scaled(y, 2.0)?;
            b.div(s, below)?
        }
        Unary::Cbrt => {
            let square = b.mul(y, y)?;
            let below = b.scaled(square, 3.0)?;
            b.div(s, below)?
        }
        Unary::Ln => b.div(s, x)?,
        Unary::Log2 => {
            let s = b.scaled(s, std::f64::consts::LOG2_E)?;
            b.div(s, x)?
        }
        Unary::Log10 => {
            let s = b.scaled(s, std::f64::consts::LOG10_E)?;
            b.div(s, x)?
        }
        Unary::Log1p => {
            let below = b.shifted(x, 1.0)?;
            b.div(s, below)?
        }
        Unary::Asin | Unary::Acos | Unary::Acosh | Unary::Atanh => {
            // (1 - x)(1 + x), or (x - 1)(x + 1): exact near ±1, where 1 - x² would cancel.
            let one = b.number(1.0)?;
            let minus = if f == Unary::Acosh { b.sub(x, one)? } else { b.sub(one, x)? };
            let plus = b.add(x, one)?;
            let product = b.mul(minus, plus)?;
            let below = if f == Unary::Atanh { product } else { b.map("sqrt", product)? };
            let part = b.div(s, below)?;
            if f == Unary::Acos { b.map("neg", part)? } else { part }
        }
        Unary::Gamma | Unary::LnGamma => return refused(f.name()),
    }))
}

/// `s · f(x)`.
fn times(b: &mut NetworkBuilder, s: NodeId, f: &str, x: NodeId) -> Recorded {
    let slope = b.map(f, x)?;
    b.mul(s, slope)
}

/// `scale · exp(rate·x²)`.
fn gaussian(b: &mut NetworkBuilder, x: NodeId, scale: f64, rate: f64) -> Recorded {
    let square = b.mul(x, x)?;
    let exponent = b.scaled(square, rate)?;
    let e = b.map("exp", exponent)?;
    b.scaled(e, scale)
}

pub(super) fn binary(
    b: &mut NetworkBuilder,
    f: Binary,
    k: usize,
    (x, y): (NodeId, NodeId),
    z: NodeId,
    s: NodeId,
) -> Part {
    Ok(Some(match (f, k) {
        (Binary::Add, _) | (Binary::Sub, 0) => s,
        (Binary::Sub, _) => b.map("neg", s)?,
        (Binary::Mul, 0) => b.mul(s, y)?,
        (Binary::Mul, _) => b.mul(s, x)?,
        (Binary::Div, 0) => b.div(s, y)?,
        (Binary::Div, _) => {
            let q = b.div(s, y)?;
            let q = b.mul(q, z)?;
            b.map("neg", q)?
        }
        // At a tie the first operand is the one chosen.
        (Binary::Min | Binary::Max, _) => {
            let difference = if f == Binary::Max { b.sub(x, y)? } else { b.sub(y, x)? };
            let first = b.map("step", difference)?;
            let mask = if k == 0 {
                first
            } else {
                let one = b.number(1.0)?;
                b.sub(one, first)?
            };
            b.mul(s, mask)?
        }
        (Binary::Pow, 0) => {
            let less = b.shifted(y, -1.0)?;
            let power = b.op("pow", &[x, less], &[])?;
            let slope = b.mul(y, power)?;
            b.mul(s, slope)?
        }
        (Binary::Pow, _) => {
            // The logarithm of 0 is held finite, so that 0^y has slope 0.
            let size = b.map("abs", x)?;
            let least = b.number(f64::MIN_POSITIVE)?;
            let size = b.op("max", &[size, least], &[])?;
            let ln = b.map("ln", size)?;
            let slope = b.mul(z, ln)?;
            b.mul(s, slope)?
        }
        _ => return Ok(None),
    }))
}
