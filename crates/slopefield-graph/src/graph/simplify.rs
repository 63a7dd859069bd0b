//! Simplification of the tensor graph. No pass changes a value.

use std::collections::{BTreeMap, BTreeSet};

use luminal::prelude::{Compiler, Graph, NodeIndex, ToIdsMut};
use petgraph::Direction;
use petgraph::visit::EdgeRef;

use super::op::{Node, Numbers, Op};
use super::{node, operands, order, replace, table};

/// Operators whose operands are all numbers become numbers.
#[derive(Debug, Default)]
pub(crate) struct FoldConstants;

impl Compiler for FoldConstants {
    fn compile<T: ToIdsMut>(&self, graph: &mut Graph, _: T) {
        for index in order(graph) {
            let this = node(graph, index);
            if matches!(this.op, Op::Input { .. } | Op::Constant(..) | Op::Output { .. }) {
                continue;
            }
            let sources = operands(graph, index);
            let numbers: Option<Vec<Numbers>> = sources
                .iter()
                .map(|source| match &node(graph, source.node).op {
                    Op::Constant(_, numbers) => Some(numbers.clone()),
                    _ => None,
                })
                .collect();
            let Some(numbers) = numbers else { continue };
            let slices: Vec<&[f64]> = numbers.iter().map(|n| &*n.0).collect();
            let shapes: Vec<_> = sources.iter().map(|s| s.dims).collect();
            let values = table::row(&this.op).evaluate(&this.op, &slices, &shapes);
            let dims = this.dims;
            let incoming: Vec<_> =
                graph.graph.edges_directed(index, Direction::Incoming).map(|e| e.id()).collect();
            for edge in incoming {
                graph.graph.remove_edge(edge);
            }
            graph.graph[index] =
                Box::new(Node { op: Op::Constant(dims, Numbers::from(values)), dims });
        }
    }
}

/// Nodes that do the same to the same operands become one.
#[derive(Debug, Default)]
pub(crate) struct MergeEqual;

impl Compiler for MergeEqual {
    fn compile<T: ToIdsMut>(&self, graph: &mut Graph, _: T) {
        // Candidates by what is cheap to compare; the operators themselves decide.
        let mut seen: BTreeMap<(&'static str, Vec<NodeIndex>), Vec<NodeIndex>> = BTreeMap::new();
        for index in order(graph) {
            let this = node(graph, index);
            if matches!(this.op, Op::Output { .. }) {
                continue;
            }
            let sources = operands(graph, index).iter().map(|t| t.node).collect();
            let candidates = seen.entry((table::row(&this.op).name, sources)).or_default();
            match candidates.iter().find(|c| node(graph, **c) == this) {
                None => candidates.push(index),
                Some(first) => {
                    let first = *first;
                    replace(graph, index, first);
                }
            }
        }
    }
}

/// Nodes that no output needs are removed.
#[derive(Debug, Default)]
pub(crate) struct RemoveDead;

impl Compiler for RemoveDead {
    fn compile<T: ToIdsMut>(&self, graph: &mut Graph, _: T) {
        let order = order(graph);
        let mut needed = BTreeSet::new();
        for index in order.iter().rev() {
            if matches!(node(graph, *index).op, Op::Output { .. }) || needed.contains(index) {
                needed.insert(*index);
                needed.extend(operands(graph, *index).iter().map(|t| t.node));
            }
        }
        for index in order {
            if !needed.contains(&index) {
                graph.graph.remove_node(index);
            }
        }
    }
}
