//! A function and its reverse product cut apart where one can remember for the other.
//!
//! Of what a reverse product computes, one part follows from the point alone, another one from the
//! weights. The first part repeats the function. [`cut`] finds the tensors that go from one part
//! to the other, so that the function can write them down and the product read them.
//!
//! What a product adds to the gradient of a matrix of weights is an outer product of two vectors.
//! [`factor`] lets it write the vectors instead, so that those of several products can be multiplied and
//! added in one pass over the gradient.

use std::collections::{BTreeMap, BTreeSet};

use luminal::prelude::{Graph, NodeIndex};
use petgraph::Direction;
use slopefield_lang::Binary;

use super::op::Op;
use super::{Reverse, Tensor, node, operands, order, push, replace, tensor};
use crate::plan::Buffer;

/// A graph that has both the outputs of a function and its gradients.
pub(crate) fn reverse_keeping_outputs(graph: &mut Graph) {
    let outputs: Vec<(Op, Tensor)> = order(graph)
        .into_iter()
        .filter(|index| matches!(node(graph, *index).op, Op::Output { .. }))
        .map(|index| (node(graph, index).op.clone(), operands(graph, index)[0]))
        .collect();
    graph.compile(Reverse, ());
    for (op, operand) in outputs {
        push(graph, op, &[operand]);
    }
}

/// The tensors to write down, in an order that only the graph decides. What follows from the
/// parameters alone is none of them, because it may be as large as they are; nor are views, which
/// cost nothing, and sums and products of elements, which cost what reading them would.
pub(crate) fn cut(graph: &Graph) -> Vec<Tensor> {
    let order = order(graph);
    let (mut weighted, mut varying) = (BTreeSet::new(), BTreeSet::new());
    for &index in &order {
        let sources = operands(graph, index);
        let (is_weight, varies) = match node(graph, index).op {
            Op::Input { buffer, .. } => {
                (buffer == Buffer::Weights, matches!(buffer, Buffer::Time | Buffer::States))
            }
            _ => (false, false),
        };
        if is_weight || sources.iter().any(|s| weighted.contains(&s.node)) {
            weighted.insert(index);
        }
        if varies || sources.iter().any(|s| varying.contains(&s.node)) {
            varying.insert(index);
        }
    }
    let needed = |index: &NodeIndex| {
        let mut users = graph.graph.neighbors_directed(*index, Direction::Outgoing);
        !weighted.contains(index) && users.any(|user| weighted.contains(&user))
    };
    // From the back, so that what a view shows is still to come.
    let mut through: BTreeSet<NodeIndex> = BTreeSet::new();
    let mut found = Vec::new();
    for index in order.into_iter().rev() {
        if !varying.contains(&index) || !(needed(&index) || through.contains(&index)) {
            continue;
        }
        match node(graph, index).op {
            Op::Input { .. } | Op::Output { .. } => {}
            Op::Slice { .. }
            | Op::Pad { .. }
            | Op::Reshape(_)
            | Op::Concat
            | Op::Zip(Binary::Add | Binary::Sub | Binary::Mul) => {
                through.extend(operands(graph, index).iter().map(|s| s.node));
            }
            _ => found.push(tensor(graph, index)),
        }
    }
    found.reverse();
    found
}

/// Leaves the function, and writes what was cut behind its `outputs` results.
pub(crate) fn keep_function(graph: &mut Graph, cut: &[Tensor], outputs: u32) {
    remove_outputs(graph, |add| add);
    for (tensor, offset) in placed(cut, outputs) {
        push(graph, Op::Output { buffer: Buffer::Out, offset, add: false }, &[tensor]);
    }
}

/// Leaves the reverse product, and reads what was cut behind its `outputs` weights.
pub(crate) fn keep_product(graph: &mut Graph, cut: &[Tensor], outputs: u32) {
    remove_outputs(graph, |add| !add);
    for (tensor, offset) in placed(cut, outputs) {
        let op = Op::Input { buffer: Buffer::Weights, offset, dims: tensor.dims };
        let read = push(graph, op, &[]);
        replace(graph, tensor.node, read.node);
    }
}

/// An addition to the gradient of parameters that a product leaves open: `A += x yᵀ`, or `a += x`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenProduct {
    /// First element of `A` among the parameters, row by row.
    pub matrix: u32,
    /// Rows of `A`, elements of `x`.
    pub rows: u32,
    /// Columns of `A`, elements of `y`; 1 without `y`.
    pub cols: u32,
    /// First element of `x` among the factors.
    pub x: u32,
    /// First element of `y` among the factors.
    pub y: Option<u32>,
}

/// Lets a reverse product write the factors of the outer products that it would add to the gradient of
/// parameters, each once. Gives what is left to do and the number of elements of the factors.
pub(crate) fn factor(graph: &mut Graph) -> (Vec<OpenProduct>, u32) {
    let mut factors = Factors { first: BTreeMap::new(), len: 0 };
    let (mut open, mut vectors) = (Vec::new(), Vec::new());
    for index in order(graph) {
        let Op::Output { buffer: Buffer::ParamsGrad, offset: matrix, add: true } =
            node(graph, index).op
        else {
            continue;
        };
        let operand = operands(graph, index)[0];
        if node(graph, operand.node).op != Op::Outer {
            vectors.push((index, matrix, operand));
            continue;
        }
        let of = operands(graph, operand.node);
        let (x, y) = (factors.place(graph, of[0]), factors.place(graph, of[1]));
        let (rows, cols) = (of[0].dims.len() as u32, of[1].dims.len() as u32);
        open.push(OpenProduct { matrix, rows, cols, x, y: Some(y) });
        graph.graph.remove_node(index);
    }
    // Gradients of offsets of layers are factors of those of their matrices.
    for (index, matrix, operand) in vectors {
        if let Some(x) = factors.first.get(&operand.node) {
            let rows = operand.dims.len() as u32;
            open.push(OpenProduct { matrix, rows, cols: 1, x: *x, y: None });
            graph.graph.remove_node(index);
        }
    }
    (open, factors.len)
}

/// Vectors that a product writes, with their first elements.
struct Factors {
    first: BTreeMap<NodeIndex, u32>,
    len: u32,
}

impl Factors {
    fn place(&mut self, graph: &mut Graph, vector: Tensor) -> u32 {
        if let Some(first) = self.first.get(&vector.node) {
            return *first;
        }
        let offset = self.len;
        self.first.insert(vector.node, offset);
        self.len += vector.dims.len() as u32;
        push(graph, Op::Output { buffer: Buffer::Out, offset, add: false }, &[vector]);
        offset
    }
}

/// Each tensor with its first element among results or weights.
fn placed(cut: &[Tensor], outputs: u32) -> impl Iterator<Item = (Tensor, u32)> {
    let mut next = outputs;
    cut.iter().map(move |tensor| {
        let offset = next;
        next += tensor.dims.len() as u32;
        (*tensor, offset)
    })
}

fn remove_outputs(graph: &mut Graph, which: impl Fn(bool) -> bool) {
    for index in order(graph) {
        if let Op::Output { add, .. } = node(graph, index).op
            && which(add)
        {
            graph.graph.remove_node(index);
        }
    }
}
