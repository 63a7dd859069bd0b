//! Forward and reverse differentiation, graph to graph. The rules are in `rules.rs`.
//!
//! The tangents of the inputs and the adjoint of the result are inputs of their own
//! (`*Tangent`, `Weights`), so a derivative is just a larger graph. Values of the function that a
//! rule needs are the nodes already there: they are computed once and shared.

use std::collections::BTreeMap;

use luminal::prelude::{Compiler, Graph, NodeIndex, ToIdsMut};
use slopefield_lang::Binary;

use super::op::Op;
use super::rules::zip;
use super::table::{self, Applied};
use super::{Dims, Tensor, concat, constant, node, operands, order, push, tensor};
use crate::plan::Buffer;

/// Adds the tangent of the result to a graph of a function. Gradients, in a graph of a reverse
/// product, are replaced by their tangents: forward over reverse gives products with second
/// derivatives.
#[derive(Debug, Default)]
pub(crate) struct Forward;

impl Compiler for Forward {
    fn compile<T: ToIdsMut>(&self, graph: &mut Graph, _: T) {
        let mut tangents: BTreeMap<NodeIndex, Tensor> = BTreeMap::new();
        for index in order(graph) {
            let sources = operands(graph, index);
            let of_sources: Vec<_> =
                sources.iter().map(|s| tangents.get(&s.node).copied()).collect();
            let op = node(graph, index).op.clone();
            let is_leaf = matches!(op, Op::Input { .. } | Op::Output { .. });
            if !is_leaf && of_sources.iter().all(Option::is_none) {
                continue;
            }
            let result = tensor(graph, index);
            let applied = Applied { op: &op, operands: &sources, result };
            if let Some(t) = (table::row(&op).forward)(graph, &applied, &of_sources) {
                tangents.insert(index, t);
            }
            if matches!(op, Op::Output { add: true, .. }) {
                graph.graph.remove_node(index);
            }
        }
    }
}

/// Turns a graph of a function into one of its reverse product: the outputs go, gradients of time,
/// states and parameters come.
#[derive(Debug, Default)]
pub(crate) struct Reverse;

impl Compiler for Reverse {
    fn compile<T: ToIdsMut>(&self, graph: &mut Graph, _: T) {
        let order = order(graph);
        // Only what depends on an input has an adjoint worth having.
        let mut active: BTreeMap<NodeIndex, bool> = BTreeMap::new();
        for index in &order {
            let depends = matches!(node(graph, *index).op, Op::Input { .. })
                || operands(graph, *index).iter().any(|s| active[&s.node]);
            active.insert(*index, depends);
        }

        let mut adjoints: BTreeMap<NodeIndex, Tensor> = BTreeMap::new();
        let mut parts_of: BTreeMap<NodeIndex, Vec<(u32, Tensor)>> = BTreeMap::new();
        for index in order.into_iter().rev() {
            let op = node(graph, index).op.clone();
            let sources = operands(graph, index);
            let result = tensor(graph, index);
            if let Some(parts) = parts_of.remove(&index) {
                let whole = assembled(graph, parts, result.dims.len() as u32);
                let sum = match adjoints.get(&index) {
                    Some(other) => zip(graph, Binary::Add, *other, whole),
                    None => whole,
                };
                adjoints.insert(index, sum);
            }
            let adjoint = match op {
                Op::Output { offset, .. } => {
                    let buffer = Buffer::Weights;
                    push(graph, Op::Input { buffer, offset, dims: result.dims }, &[])
                }
                _ => match adjoints.get(&index) {
                    Some(adjoint) => *adjoint,
                    None => continue,
                },
            };
            if let Op::Input { buffer, offset, .. } = op {
                let buffer = match buffer {
                    Buffer::Time => Buffer::TimeGrad,
                    Buffer::States => Buffer::StatesGrad,
                    _ => Buffer::ParamsGrad,
                };
                add_to_gradient(graph, buffer, offset, adjoint);
                continue;
            }
            if let Op::Slice { start, .. } = op {
                // Adjoints of parts are put together, not padded and added.
                if active[&sources[0].node] {
                    parts_of.entry(sources[0].node).or_default().push((start, adjoint));
                }
                continue;
            }
            let applied = Applied { op: &op, operands: &sources, result };
            let parts = (table::row(&op).reverse)(graph, &applied, adjoint);
            for (source, part) in sources.iter().zip(parts) {
                let Some(part) = part.filter(|_| active[&source.node]) else { continue };
                let sum = match adjoints.get(&source.node) {
                    Some(earlier) => zip(graph, Binary::Add, *earlier, part),
                    None => part,
                };
                adjoints.insert(source.node, sum);
            }
            if matches!(op, Op::Output { .. }) {
                graph.graph.remove_node(index);
            }
        }
    }
}

/// The sum of vectors that cover parts of a longer one, each with its first element.
fn assembled(graph: &mut Graph, mut parts: Vec<(u32, Tensor)>, len: u32) -> Tensor {
    parts.sort_by_key(|(start, _)| *start);
    let mut sum: Option<Tensor> = None;
    while !parts.is_empty() {
        // Those that do not overlap, with zeros between.
        let (mut joined, mut end, mut rest) = (Vec::new(), 0, Vec::new());
        for (start, part) in parts {
            if start < end {
                rest.push((start, part));
                continue;
            }
            if start > end {
                joined.push(constant(graph, Dims::Vector(start - end), 0.0));
            }
            joined.push(part);
            end = start + part.dims.len() as u32;
        }
        if end < len {
            joined.push(constant(graph, Dims::Vector(len - end), 0.0));
        }
        let whole = concat(graph, &joined);
        sum = Some(match sum {
            Some(earlier) => zip(graph, Binary::Add, earlier, whole),
            None => whole,
        });
        parts = rest;
    }
    sum.unwrap_or_else(|| constant(graph, Dims::Vector(len), 0.0))
}

/// Adds a sum to a gradient. Products and scatters are added on their own: gradients only ever
/// grow, so these go straight there instead of through vectors of their own.
fn add_to_gradient(graph: &mut Graph, buffer: Buffer, offset: u32, adjoint: Tensor) {
    let (mut terms, mut rest): (Vec<Tensor>, Option<Tensor>) = (Vec::new(), None);
    let mut waiting = vec![adjoint];
    while let Some(term) = waiting.pop() {
        match node(graph, term.node).op {
            Op::Zip(Binary::Add) => waiting.extend(operands(graph, term.node)),
            Op::MatVec | Op::MatTVec | Op::Outer | Op::ScatterAdd { .. } => terms.push(term),
            _ => {
                rest = Some(match rest {
                    Some(sum) => zip(graph, Binary::Add, sum, term),
                    None => term,
                });
            }
        }
    }
    for term in terms.into_iter().chain(rest) {
        push(graph, Op::Output { buffer, offset, add: true }, &[term]);
    }
}
