//! The tensor graph on luminal: our operators, their table of rules, and reading a graph back.
//!
//! Only whole tensors are nodes. Edges carry luminal's shape trackers, always contiguous; views
//! (slices, padding, reshapes) are operators of their own, because each needs a derivative rule.

mod differentiate;
mod fuse;
mod identities;
mod jacobian;
mod op;
mod parse;
pub(crate) mod recording;
mod rules;
mod simplify;
mod table;
#[cfg(test)]
mod tests;
mod text;

use luminal::prelude::{Dependency, Graph, NodeIndex, ShapeTracker};
use petgraph::Direction;
use petgraph::visit::EdgeRef;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) use differentiate::{Forward, Reverse};
pub(crate) use fuse::{FormLayers, FuseLanes, MergeLoops};
pub(crate) use identities::Identities;
pub(crate) use jacobian::Columns;
use op::Node;
pub(crate) use op::{Dims, Numbers, Op, Values, values_of};
pub use parse::GraphTextError;
pub(crate) use parse::parse_function;
#[cfg(test)]
pub(crate) use parse::{parse, same};
pub use recording::OpenProduct;
pub(crate) use rules::is_smooth;
pub(crate) use simplify::{FoldConstants, MergeEqual, RemoveDead};
pub(crate) use table::reference_table;
pub(crate) use text::text;

/// A node and its shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tensor {
    pub(crate) node: NodeIndex,
    pub(crate) dims: Dims,
}

/// Adds a node. Its shape follows from the table.
///
/// # Panics
/// When the shape rule refuses the operands. Callers check shapes before (the network builder) or
/// build them right (derivative rules), so this is a bug in this crate.
pub(crate) fn push(graph: &mut Graph, op: Op, inputs: &[Tensor]) -> Tensor {
    let shapes: Vec<Dims> = inputs.iter().map(|t| t.dims).collect();
    let dims = match table::row(&op).shape(&op, &shapes) {
        Ok(dims) => dims,
        Err(refused) => panic!("{refused}"),
    };
    let mut new = graph.add_op(Node { op, dims });
    for input in inputs {
        let sizes: Vec<_> = input.dims.sizes().iter().map(|n| (*n as usize).into()).collect();
        new = new.input(input.node, 0, ShapeTracker::new(&sizes));
    }
    Tensor { node: new.finish(), dims }
}

/// A vector of numbers that are all the same.
pub(crate) fn constant(graph: &mut Graph, dims: Dims, value: f64) -> Tensor {
    push(graph, Op::Constant(dims, Numbers::from(vec![value; dims.len()])), &[])
}

/// Part of a vector.
pub(crate) fn slice(graph: &mut Graph, whole: Tensor, start: u32, len: u32) -> Tensor {
    if len as usize == whole.dims.len() {
        return whole;
    }
    push(graph, Op::Slice { start, len }, &[whole])
}

/// Joins vectors. luminal counts the operands of a node in a byte, so many are joined as a tree.
pub(crate) fn concat(graph: &mut Graph, parts: &[Tensor]) -> Tensor {
    const MOST: usize = 200;
    match parts {
        [one] => *one,
        _ if parts.len() <= MOST => push(graph, Op::Concat, parts),
        _ => {
            let joined: Vec<Tensor> = parts.chunks(MOST).map(|c| concat(graph, c)).collect();
            concat(graph, &joined)
        }
    }
}

/// The node's operator and shape.
pub(crate) fn node(graph: &Graph, index: NodeIndex) -> &Node {
    match graph.graph[index].as_ref().as_any().downcast_ref::<Node>() {
        Some(node) => node,
        None => unreachable!("every operator of our graphs is a Node"),
    }
}

/// The tensor a node computes.
pub(crate) fn tensor(graph: &Graph, index: NodeIndex) -> Tensor {
    Tensor { node: index, dims: node(graph, index).dims }
}

/// The operands of a node, in order.
pub(crate) fn operands(graph: &Graph, index: NodeIndex) -> Vec<Tensor> {
    let mut sources: Vec<(u8, NodeIndex)> = graph
        .graph
        .edges_directed(index, Direction::Incoming)
        .filter_map(|edge| match edge.weight() {
            Dependency::Data { input_order, .. } => Some((*input_order, edge.source())),
            Dependency::Schedule => None,
        })
        .collect();
    sources.sort_unstable();
    sources.into_iter().map(|(_, source)| tensor(graph, source)).collect()
}

/// Lets everything that uses a node use another one of the same shape, and removes it.
pub(crate) fn replace(graph: &mut Graph, old: NodeIndex, new: NodeIndex) {
    let uses: Vec<_> = graph
        .graph
        .edges_directed(old, Direction::Outgoing)
        .map(|e| (e.target(), *e.weight()))
        .collect();
    for (target, weight) in uses {
        graph.graph.add_edge(new, target, weight);
    }
    graph.graph.remove_node(old);
}

/// All nodes, operands first, ties by index: the same graph gives the same order everywhere.
pub(crate) fn order(graph: &Graph) -> Vec<NodeIndex> {
    let mut waiting: BTreeMap<NodeIndex, usize> = graph
        .graph
        .node_indices()
        .map(|n| (n, graph.graph.edges_directed(n, Direction::Incoming).count()))
        .collect();
    let mut ready: BTreeSet<NodeIndex> =
        waiting.iter().filter(|(_, count)| **count == 0).map(|(n, _)| *n).collect();
    let mut order = Vec::with_capacity(waiting.len());
    while let Some(n) = ready.pop_first() {
        order.push(n);
        for user in graph.graph.neighbors_directed(n, Direction::Outgoing) {
            if let Some(count) = waiting.get_mut(&user) {
                *count -= 1;
                if *count == 0 {
                    ready.insert(user);
                }
            }
        }
    }
    order
}
