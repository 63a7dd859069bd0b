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

mod rules;

use super::ops::{NetworkOp, one};
use super::{NetworkBuilder, NetworkError, Node, NodeId};
use rules::{binary, chosen, normalised, refused, unary};

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
        (NetworkOp::Interpolate | NetworkOp::InterpolateCubic | NetworkOp::Custom, _) => {
            return refused(&at.name);
        }
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
                    NetworkOp::Interpolate | NetworkOp::InterpolateCubic | NetworkOp::Custom => {
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
