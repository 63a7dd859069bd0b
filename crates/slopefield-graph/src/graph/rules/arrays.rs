//! Derivative rules of lane programs, gathers, layers and reductions to an extreme element.

use std::sync::Arc;

use luminal::prelude::Graph;
use slopefield_lang::Binary;

use super::{add, map_scaled};
use crate::graph::op::{Numbers, Op};
use crate::graph::table::Applied;
use crate::graph::{Dims, Tensor, push};
use crate::scalar::{Block, BlockBuilder, Scalar, SsaValue};

pub(in crate::graph) fn each_forward(
    graph: &mut Graph,
    at: &Applied<'_>,
    tangents: &[Option<Tensor>],
) -> Option<Tensor> {
    let Op::Each { block, count } = at.op else { return None };
    let active: Vec<bool> = tangents.iter().map(Option::is_some).collect();
    let derivative = Arc::new(block.jvp(&active)?);
    let all: Vec<Tensor> =
        at.operands.iter().copied().chain(tangents.iter().copied().flatten()).collect();
    Some(push(graph, Op::Each { block: derivative, count: *count }, &all))
}

/// One lane program for the adjoints of all operands; those that the lanes share are summed.
pub(in crate::graph) fn each_reverse(
    graph: &mut Graph,
    at: &Applied<'_>,
    adjoint: Tensor,
) -> Vec<Option<Tensor>> {
    let Op::Each { block, count } = at.op else { return Vec::new() };
    let count = *count;
    let derivative = block.vjp_lanes();
    let seeds = block.outputs.len() as u32;
    let mut all = at.operands.to_vec();
    if seeds == 1 {
        all.push(adjoint);
    } else {
        all.extend((0..seeds).map(|k| part(graph, adjoint, k, count)));
    }
    let is_zero: Vec<bool> = derivative
        .outputs
        .iter()
        .map(|v| derivative.code[*v as usize] == Scalar::Constant(0))
        .collect();
    let joined = push(graph, Op::Each { block: Arc::new(derivative), count }, &all);
    at.operands
        .iter()
        .enumerate()
        .map(|(k, operand)| {
            if is_zero[k] {
                return None;
            }
            let own = part(graph, joined, k as u32, count);
            let is_shared = operand.dims.len() == 1 && count > 1;
            Some(if is_shared { push(graph, Op::Sum, &[own]) } else { own })
        })
        .collect()
}

/// Output `k` of a lane program.
fn part(graph: &mut Graph, whole: Tensor, k: u32, count: u32) -> Tensor {
    push(graph, Op::Slice { start: k * count, len: count }, &[whole])
}

pub(in crate::graph) fn gather_reverse(
    graph: &mut Graph,
    at: &Applied<'_>,
    adjoint: Tensor,
) -> Vec<Option<Tensor>> {
    let Op::Gather(indices) = at.op else { return Vec::new() };
    let len = at.operands[0].dims.len() as u32;
    let op = match inverse(indices, len) {
        // Reading from where it went needs no sums, so lanes stay independent.
        Some(inverse) => Op::Gather(inverse),
        None => Op::ScatterAdd { indices: Arc::clone(indices), len },
    };
    vec![Some(push(graph, op, &[adjoint]))]
}

/// The inverse of a permutation of `0..len`.
fn inverse(indices: &[u32], len: u32) -> Option<Arc<[u32]>> {
    const NONE: u32 = u32::MAX;
    if indices.len() != len as usize {
        return None;
    }
    let mut inverse = vec![NONE; indices.len()];
    for (i, index) in indices.iter().enumerate() {
        let place = &mut inverse[*index as usize];
        if *place != NONE {
            return None;
        }
        *place = i as u32;
    }
    Some(inverse.into())
}

pub(in crate::graph) fn scatter_add_reverse(
    graph: &mut Graph,
    at: &Applied<'_>,
    adjoint: Tensor,
) -> Vec<Option<Tensor>> {
    let Op::ScatterAdd { indices, .. } = at.op else { return Vec::new() };
    vec![Some(push(graph, Op::Gather(Arc::clone(indices)), &[adjoint]))]
}

/// `s` times the derivative of a layer's function.
fn before_activation(graph: &mut Graph, at: &Applied<'_>, s: Tensor) -> Option<Tensor> {
    let Op::Layer(Some(f)) = *at.op else { return Some(s) };
    // Only some functions need their argument; otherwise this node has no user and goes.
    let sum = push(graph, Op::Layer(None), at.operands);
    let map = Applied { op: &Op::Map(f), operands: &[sum], result: at.result };
    map_scaled(graph, &map, s)
}

pub(in crate::graph) fn layer_forward(
    graph: &mut Graph,
    at: &Applied<'_>,
    tangents: &[Option<Tensor>],
) -> Option<Tensor> {
    let (a, x) = (at.operands[0], at.operands[1]);
    let first = tangents[0].map(|t| push(graph, Op::MatVec, &[t, x]));
    let second = tangents[1].map(|t| push(graph, Op::MatVec, &[a, t]));
    let product = add(graph, first, second);
    let sum = add(graph, product, tangents.get(2).copied().flatten())?;
    before_activation(graph, at, sum)
}

pub(in crate::graph) fn layer_reverse(
    graph: &mut Graph,
    at: &Applied<'_>,
    adjoint: Tensor,
) -> Vec<Option<Tensor>> {
    let (a, x) = (at.operands[0], at.operands[1]);
    let Some(g) = before_activation(graph, at, adjoint) else {
        return vec![None; at.operands.len()];
    };
    let to_a = push(graph, Op::Outer, &[g, x]);
    let to_x = push(graph, Op::MatTVec, &[a, g]);
    [to_a, to_x, g].into_iter().map(Some).take(at.operands.len()).collect()
}

/// A lane program made by a closure from its inputs.
fn lanes(
    inputs: usize,
    make: impl FnOnce(&mut BlockBuilder, &[SsaValue]) -> SsaValue,
) -> Arc<Block> {
    let mut b = BlockBuilder::new(vec![1; inputs]);
    let values: Vec<_> = (0..inputs as u32).map(|slot| b.input(slot, 0)).collect();
    let result = make(&mut b, &values);
    Arc::new(b.finish(&[result]))
}

/// The indices of all elements, and the index of the first one that is extreme.
fn first_extreme(graph: &mut Graph, at: &Applied<'_>) -> (Tensor, Tensor) {
    let x = at.operands[0];
    let count = x.dims.len() as u32;
    let indices = Numbers::from((0..count).map(f64::from).collect::<Vec<_>>());
    let indices = push(graph, Op::Constant(Dims::Vector(count), indices), &[]);
    let block = lanes(3, |b, v| {
        let is_extreme = b.binary(Binary::Equal, v[0], v[1]);
        let none = b.constant(f64::INFINITY);
        b.select(is_extreme, v[2], none)
    });
    let found = push(graph, Op::Each { block, count }, &[x, at.result, indices]);
    (indices, push(graph, Op::MinOf, &[found]))
}

/// A number, or a vector's own element, at the extreme element and 0 elsewhere.
fn at_extreme(graph: &mut Graph, at: &Applied<'_>, s: Tensor) -> Tensor {
    let (indices, first) = first_extreme(graph, at);
    let block = lanes(3, |b, v| {
        let is_first = b.binary(Binary::Equal, v[0], v[1]);
        let zero = b.constant(0.0);
        b.select(is_first, v[2], zero)
    });
    let count = at.operands[0].dims.len() as u32;
    push(graph, Op::Each { block, count }, &[indices, first, s])
}

pub(in crate::graph) fn extreme_forward(
    graph: &mut Graph,
    at: &Applied<'_>,
    tangents: &[Option<Tensor>],
) -> Option<Tensor> {
    let chosen = at_extreme(graph, at, tangents[0]?);
    Some(push(graph, Op::Sum, &[chosen]))
}

pub(in crate::graph) fn extreme_reverse(
    graph: &mut Graph,
    at: &Applied<'_>,
    adjoint: Tensor,
) -> Vec<Option<Tensor>> {
    vec![Some(at_extreme(graph, at, adjoint))]
}
