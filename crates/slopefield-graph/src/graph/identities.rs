//! Algebraic identities on tensors. Every one is exact: the same bits for all numbers, infinities
//! and zeros of both signs, and NaN where there was NaN.
//!
//! So `x + 0` stays (it turns -0 into 0), and `0 x` stays (it keeps NaN and infinity); `x + -0`,
//! `x - 0`, `1 x`, `x / 1`, `-(-x)` go, `x + -y` becomes `x - y`. Views of views become one view, and
//! blocks that only pass a part of an operand on become a view.

use std::sync::Arc;

use luminal::prelude::{Compiler, Graph, NodeIndex, ToIdsMut};
use slopefield_lang::{Binary, Unary};

use super::op::Op;
use crate::scalar::{Block, Scalar};

use super::{Dims, Tensor, constant, node, operands, order, push, replace};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Identities;

impl Compiler for Identities {
    fn compile<T: ToIdsMut>(&self, graph: &mut Graph, _: T) {
        for index in order(graph) {
            let mut index = index;
            while graph.graph.contains_node(index) {
                let before = graph.graph.node_count();
                let Some(simpler) = simpler(graph, index) else { break };
                let is_new = graph.graph.node_count() > before;
                replace(graph, index, simpler.node);
                if !is_new {
                    break; // an operand, which has been looked at
                }
                index = simpler.node;
            }
        }
    }
}

/// A tensor with the same elements that costs less.
fn simpler(graph: &mut Graph, index: NodeIndex) -> Option<Tensor> {
    let op = node(graph, index).op.clone();
    let sources = operands(graph, index);
    let first = sources.first().copied();
    match (op, first) {
        (Op::Block(block), Some(_)) => passed_on(graph, &block, &sources),
        (Op::Zip(f), Some(a)) => zip(graph, f, a, sources[1]),
        (Op::Map(f), Some(x)) => map(graph, f, x),
        (Op::Slice { start, len }, Some(x)) => slice(graph, x, start, len),
        (Op::Gather(indices), Some(x)) => gather(graph, x, &indices),
        (Op::Pad { before: 0, after: 0 }, Some(x)) => Some(x),
        (Op::Reshape(dims), Some(x)) if dims == x.dims => Some(x),
        (Op::Reshape(dims), Some(x)) => match node(graph, x.node).op {
            Op::Reshape(_) => {
                let inner = operands(graph, x.node)[0];
                Some(push(graph, Op::Reshape(dims), &[inner]))
            }
            _ => None,
        },
        (Op::Concat, Some(_)) => concat(graph, &sources),
        (Op::Sum, Some(x)) if x.dims == Dims::Vector(1) => Some(x),
        (Op::Broadcast(dims), Some(x)) if dims == x.dims => Some(x),
        _ => None,
    }
}

/// The part of an operand that a block gives as it is, so that a dense operator reads it, or writes
/// it, where it lies.
fn passed_on(graph: &mut Graph, block: &Block, sources: &[Tensor]) -> Option<Tensor> {
    let mut inputs = block.outputs.iter().map(|v| match block.code[*v as usize] {
        Scalar::Input { slot, index } => Some((slot, index)),
        _ => None,
    });
    let (slot, start) = inputs.next()??;
    let follow = (start + 1..).zip(inputs).all(|(index, input)| input == Some((slot, index)));
    let len = block.outputs.len() as u32;
    follow.then(|| push(graph, Op::Slice { start, len }, &[sources[slot as usize]]))
}

/// The number that all elements are.
fn number(graph: &Graph, t: Tensor) -> Option<f64> {
    match &node(graph, t.node).op {
        Op::Constant(_, numbers) if numbers.is_uniform() => numbers.0.first().copied(),
        _ => None,
    }
}

/// The operand of a negation.
fn negated(graph: &Graph, t: Tensor) -> Option<Tensor> {
    matches!(node(graph, t.node).op, Op::Map(Unary::Neg)).then(|| operands(graph, t.node)[0])
}

fn zip(graph: &mut Graph, f: Binary, a: Tensor, b: Tensor) -> Option<Tensor> {
    let is = |t: Tensor, value: f64| {
        number(graph, t).is_some_and(|found| found.to_bits() == value.to_bits())
    };
    match f {
        Binary::Mul if is(a, 1.0) => return Some(b),
        Binary::Mul | Binary::Div if is(b, 1.0) => return Some(a),
        Binary::Mul if is(a, -1.0) => return Some(push(graph, Op::Map(Unary::Neg), &[b])),
        Binary::Mul | Binary::Div if is(b, -1.0) => {
            return Some(push(graph, Op::Map(Unary::Neg), &[a]));
        }
        Binary::Sub if is(b, 0.0) => return Some(a),
        Binary::Add if is(b, -0.0) => return Some(a),
        Binary::Add if is(a, -0.0) => return Some(b),
        _ => {}
    }
    let (op, a, b) = match (f, negated(graph, a), negated(graph, b)) {
        (Binary::Add, _, Some(b)) => (Binary::Sub, a, b),
        (Binary::Add, Some(a), _) => (Binary::Sub, b, a),
        (Binary::Sub, _, Some(b)) => (Binary::Add, a, b),
        _ => return None,
    };
    Some(push(graph, Op::Zip(op), &[a, b]))
}

fn map(graph: &mut Graph, f: Unary, x: Tensor) -> Option<Tensor> {
    let Op::Map(inner) = node(graph, x.node).op else { return None };
    let source = operands(graph, x.node)[0];
    match (f, inner) {
        (Unary::Neg, Unary::Neg) => Some(source),
        (Unary::Abs, Unary::Abs) => Some(x),
        (Unary::Abs, Unary::Neg) => Some(push(graph, Op::Map(Unary::Abs), &[source])),
        _ => None,
    }
}

fn slice(graph: &mut Graph, x: Tensor, start: u32, len: u32) -> Option<Tensor> {
    if len as usize == x.dims.len() {
        return Some(x);
    }
    let sources = operands(graph, x.node);
    match node(graph, x.node).op.clone() {
        Op::Slice { start: from, .. } => {
            Some(push(graph, Op::Slice { start: from + start, len }, &[sources[0]]))
        }
        Op::Concat => {
            let mut from = 0;
            for part in sources {
                let end = from + part.dims.len() as u32;
                if from <= start && start + len <= end {
                    return Some(push(graph, Op::Slice { start: start - from, len }, &[part]));
                }
                from = end;
            }
            None
        }
        Op::Pad { before, .. } => {
            let inner_end = before + sources[0].dims.len() as u32;
            if before <= start && start + len <= inner_end {
                Some(push(graph, Op::Slice { start: start - before, len }, &[sources[0]]))
            } else if start + len <= before || inner_end <= start {
                Some(constant(graph, Dims::Vector(len), 0.0))
            } else {
                None
            }
        }
        Op::Broadcast(_) => Some(push(graph, Op::Broadcast(Dims::Vector(len)), &[sources[0]])),
        _ => None,
    }
}

fn gather(graph: &mut Graph, x: Tensor, indices: &Arc<[u32]>) -> Option<Tensor> {
    if indices.len() == x.dims.len() && (0..).zip(indices.iter()).all(|(i, index)| i == *index) {
        return Some(x);
    }
    let Op::Gather(inner) = node(graph, x.node).op.clone() else { return None };
    let source = operands(graph, x.node)[0];
    let both: Arc<[u32]> = indices.iter().map(|i| inner[*i as usize]).collect();
    Some(push(graph, Op::Gather(both), &[source]))
}

/// One part alone, or the parts of a tensor put together again.
fn concat(graph: &mut Graph, parts: &[Tensor]) -> Option<Tensor> {
    if let [one] = parts {
        return Some(*one);
    }
    let mut whole: Option<(Tensor, u32, u32)> = None;
    for part in parts {
        let Op::Slice { start, len } = node(graph, part.node).op else { return None };
        let source = operands(graph, part.node)[0];
        whole = match whole {
            None => Some((source, start, start + len)),
            Some((known, from, end)) if known == source && end == start => {
                Some((known, from, end + len))
            }
            Some(_) => return None,
        };
    }
    let (source, start, end) = whole?;
    Some(push(graph, Op::Slice { start, len: end - start }, &[source]))
}
