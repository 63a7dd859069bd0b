//! Derivatives of recorded nodes, recorded as further nodes.
//!
//! What they record are ops like any other, so a derivative can be differentiated again, stored and
//! compiled, and a plugin that reads the recorded network needs to know nothing of it.
//! [`NetworkBuilder::gradient`] is the reverse mode, [`NetworkBuilder::tangent`] the forward mode;
//! the tangent of a gradient is a product with the Hessian matrix.
//!
//! *Corners* are as in the language: `relu' (0) = 0`, `abs'(0) = 0`, `min` and `max` follow the first
//! operand at a tie. *Singular points*: the rules of roots, logarithms and the like divide by what
//! may be 0, so at the ends of their domain a derivative may be infinite or NaN.

use slopefield_lang::{Binary, Unary};

use super::ops::{LAYER_NORM_EPSILON, NetworkOp, one};
use super::{NetworkBuilder, NetworkError, Node, NodeId};

type Recorded = Result<NodeId, NetworkError>;
/// `None` is zero.
type Part = Result<Option<NodeId>, NetworkError>;

/// A recorded op and its place.
#[derive(Debug, Clone)]
struct Applied {
    name: String,
    op: NetworkOp,
    inputs: Vec<NodeId>,
    attributes: Vec<(String, Vec<i64>)>,
    result: NodeId,
}

impl Applied {
    fn indices(&self) -> &[i64] {
        let found = self.attributes.iter().find(|(name, _)| name == "indices");
        found.map_or(&[], |(_, values)| values)
    }
}

impl NetworkBuilder {
    /// The gradient of a number with respect to an earlier node, as a tensor of that node's shape.
    /// `of` is a vector of length 1; a node that does not depend on `with_respect_to` has gradient 0.
    pub fn gradient(&mut self, of: NodeId, with_respect_to: NodeId) -> Recorded {
        if self.shape(of).is_none_or(|sizes| sizes != [1]) {
            return Err(NetworkError {
                message: format!("node {of} has no gradient: it is not a vector of length 1"),
            });
        }
        let active = self.dependants(with_respect_to, of)?;
        let mut adjoints: Vec<Option<NodeId>> = vec![None; of as usize + 1];
        adjoints[of as usize] = Some(self.number(1.0)?);
        for node in (with_respect_to + 1..=of).rev() {
            let Some(adjoint) = adjoints[node as usize].filter(|_| active[node as usize]) else {
                continue;
            };
            let Some(at) = self.applied(node) else { continue };
            for k in 0..at.inputs.len() {
                let operand = at.inputs[k];
                if !active[operand as usize] {
                    continue;
                }
                let Some(part) = reverse(self, &at, k, adjoint)? else { continue };
                let earlier = adjoints[operand as usize];
                adjoints[operand as usize] = Some(match earlier {
                    Some(earlier) => self.add(earlier, part)?,
                    None => part,
                });
            }
        }
        match adjoints[with_respect_to as usize] {
            Some(gradient) => Ok(gradient),
            None => self.filled(with_respect_to, 0.0),
        }
    }

    /// The derivative of a node along a direction of change of an earlier node, of whose shape the
    /// direction is. The result has the shape of `of`.
    pub fn tangent(&mut self, of: NodeId, with_respect_to: NodeId, direction: NodeId) -> Recorded {
        let shape = self.shape(with_respect_to);
        if shape.is_none() || shape != self.shape(direction) {
            return Err(NetworkError {
                message: format!(
                    "node {direction} is no direction for node {with_respect_to}: their shapes differ"
                ),
            });
        }
        let active = self.dependants(with_respect_to, of)?;
        let mut tangents: Vec<Option<NodeId>> = vec![None; of as usize + 1];
        tangents[with_respect_to as usize] = Some(direction);
        for node in with_respect_to + 1..=of {
            if active[node as usize]
                && let Some(at) = self.applied(node)
            {
                let moves: Vec<Option<NodeId>> =
                    at.inputs.iter().map(|i| tangents[*i as usize]).collect();
                tangents[node as usize] = forward(self, &at, &moves)?;
            }
        }
        match tangents[of as usize] {
            Some(tangent) => Ok(tangent),
            None => self.filled(of, 0.0),
        }
    }

    /// Which nodes up to `of` depend on a node; it does itself.
    fn dependants(&self, on: NodeId, of: NodeId) -> Result<Vec<bool>, NetworkError> {
        if on > of || of as usize >= self.nodes.len() {
            return Err(NetworkError {
                message: format!("node {of} has no derivative with respect to node {on}"),
            });
        }
        let mut active = vec![false; of as usize + 1];
        active[on as usize] = true;
        for node in on as usize + 1..=of as usize {
            if let Node::Op { inputs, .. } = &self.nodes[node] {
                active[node] = inputs.iter().any(|i| active[*i as usize]);
            }
        }
        Ok(active)
    }

    fn applied(&self, node: NodeId) -> Option<Applied> {
        match self.nodes.get(node as usize)? {
            Node::Op { op, inputs, attributes } => Some(Applied {
                name: op.clone(),
                op: NetworkOp::named(op)?,
                inputs: inputs.clone(),
                attributes: attributes.clone(),
                result: node,
            }),
            _ => None,
        }
    }

    /// A tensor of the shape of a node with one value everywhere.
    fn filled(&mut self, like: NodeId, value: f64) -> Recorded {
        let dims = self.shape(like).unwrap_or_default();
        let count = self.elements(like) as usize;
        self.constant(&dims, &vec![value; count])
    }

    /// `x`, repeated to the shape of a node when it is a single number and that is not.
    fn spread(&mut self, x: NodeId, like: NodeId) -> Recorded {
        if self.shape(x) == self.shape(like) {
            return Ok(x);
        }
        let ones = self.filled(like, 1.0)?;
        self.mul(x, ones)
    }

    /// `x`, summed when it has more elements than a node, which was repeated to them.
    fn gathered(&mut self, x: NodeId, like: NodeId) -> Recorded {
        if self.shape(x) == self.shape(like) { Ok(x) } else { self.map("sum", x) }
    }
}

/// What operand `k` gets of the adjoint of the result.
fn reverse(b: &mut NetworkBuilder, at: &Applied, k: usize, g: NodeId) -> Part {
    let operand = at.inputs[k];
    let other = |j: usize| at.inputs[j];
    Ok(Some(match (at.op, k) {
        (NetworkOp::Unary(_) | NetworkOp::Binary(_), _) => {
            let Some(part) = scaled(b, at, k, g)? else { return Ok(None) };
            b.gathered(part, operand)?
        }
        (NetworkOp::MatVec, 0) => b.op("outer", &[g, other(1)], &[])?,
        (NetworkOp::MatVec, _) => b.op("matvec_t", &[other(0), g], &[])?,
        (NetworkOp::MatTVec, 0) => b.op("outer", &[other(1), g], &[])?,
        (NetworkOp::MatTVec, _) => b.matvec(other(0), g)?,
        (NetworkOp::Outer, 0) => b.matvec(g, other(1))?,
        (NetworkOp::Outer, _) => b.op("matvec_t", &[g, other(0)], &[])?,
        (NetworkOp::Sum, _) => b.spread(g, operand)?,
        (NetworkOp::Mean, _) => {
            let share = b.scaled(g, 1.0 / f64::from(b.elements(operand)))?;
            b.spread(share, operand)?
        }
        (NetworkOp::Dot, _) => b.mul(g, other(1 - k))?,
        (NetworkOp::Concat, _) => {
            let start = at.inputs[..k].iter().map(|i| b.elements(*i)).sum();
            let len = b.elements(operand);
            b.part(g, start, len)?
        }
        (NetworkOp::Slice, _) => {
            let start = one(&at.name, &at.attributes, "start").unwrap_or(0);
            let len = b.elements(g);
            let after = b.elements(operand) - start - len;
            let mut parts = Vec::new();
            for (zeros, is_before) in [(start, true), (after, false)] {
                if !is_before {
                    parts.push(g);
                }
                if zeros > 0 {
                    parts.push(b.constant(&[zeros], &vec![0.0; zeros as usize])?);
                }
            }
            b.joined(&parts)?
        }
        (NetworkOp::Gather, _) => {
            let len = i64::from(b.elements(operand));
            b.op("scatter_add", &[g], &[("indices", at.indices()), ("len", &[len])])?
        }
        (NetworkOp::ScatterAdd, _) => b.op("gather", &[g], &[("indices", at.indices())])?,
        (NetworkOp::MaxOf | NetworkOp::MinOf, _) => {
            let chosen = chosen(b, at)?;
            b.mul(g, chosen)?
        }
        // Their matrices of derivatives are symmetric.
        (NetworkOp::Softmax | NetworkOp::LayerNorm, _) => normalised(b, at, g)?,
        (NetworkOp::Interpolate | NetworkOp::InterpolateCubic, _) => return refused(&at.name),
        (NetworkOp::Reshape, _) => {
            let dims = b.shape(operand).unwrap_or_default();
            b.reshaped(g, &dims)?
        }
    }))
}

/// The tangent of the result from those of the operands.
fn forward(b: &mut NetworkBuilder, at: &Applied, moves: &[Option<NodeId>]) -> Part {
    match at.op {
        NetworkOp::Concat => {
            let mut parts = Vec::with_capacity(moves.len());
            for (operand, tangent) in at.inputs.iter().zip(moves) {
                parts.push(match tangent {
                    Some(tangent) => *tangent,
                    None => b.filled(*operand, 0.0)?,
                });
            }
            Ok(Some(b.joined(&parts)?))
        }
        _ => {
            let mut sum: Option<NodeId> = None;
            for (k, tangent) in moves.iter().enumerate() {
                let Some(tangent) = *tangent else { continue };
                let part = match at.op {
                    NetworkOp::Unary(_) | NetworkOp::Binary(_) => {
                        match scaled(b, at, k, tangent)? {
                            Some(part) => b.spread(part, at.result)?,
                            None => continue,
                        }
                    }
                    NetworkOp::MaxOf | NetworkOp::MinOf => {
                        let chosen = chosen(b, at)?;
                        b.op("dot", &[chosen, tangent], &[])?
                    }
                    NetworkOp::Softmax | NetworkOp::LayerNorm => normalised(b, at, tangent)?,
                    NetworkOp::Interpolate | NetworkOp::InterpolateCubic => {
                        return refused(&at.name);
                    }
                    // Linear in each operand.
                    _ => {
                        let mut inputs = at.inputs.clone();
                        inputs[k] = tangent;
                        let attributes: Vec<(&str, &[i64])> =
                            at.attributes.iter().map(|(n, v)| (n.as_str(), v.as_slice())).collect();
                        b.op(&at.name, &inputs, &attributes)?
                    }
                };
                sum = Some(match sum {
                    Some(sum) => b.add(sum, part)?,
                    None => part,
                });
            }
            Ok(sum)
        }
    }
}

fn refused<T>(op: &str) -> Result<T, NetworkError> {
    let message = format!("`{op}` cannot be differentiated inside a network");
    Err(NetworkError { message })
}

/// 1 at the element that `max_of` or `min_of` takes, the first of equal ones, and 0 elsewhere: a
/// tournament of neighbours, whose masks are multiplied on the way back.
fn chosen(b: &mut NetworkBuilder, at: &Applied) -> Recorded {
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
fn normalised(b: &mut NetworkBuilder, at: &Applied, s: NodeId) -> Recorded {
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

/// `s` times the element-wise partial derivative of the result in operand `k`: forward mode has the
/// tangent of the operand for `s`, reverse mode the adjoint of the result.
fn scaled(b: &mut NetworkBuilder, at: &Applied, k: usize, s: NodeId) -> Part {
    let (x, y) = (at.inputs[0], at.result);
    match at.op {
        NetworkOp::Unary(f) => unary(b, f, x, y, s),
        NetworkOp::Binary(f) => binary(b, f, k, (x, at.inputs[1]), y, s),
        _ => Ok(None),
    }
}

fn unary(b: &mut NetworkBuilder, f: Unary, x: NodeId, y: NodeId, s: NodeId) -> Part {
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

fn binary(
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
