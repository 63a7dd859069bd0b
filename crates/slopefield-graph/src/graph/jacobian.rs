//! The entries of a Jacobian as a function of its own.
//!
//! Columns that share no row are differentiated together: the tangent of the states is 1 for those
//! and 0 for all others. Because these tangents are numbers, everything that they do not reach
//! disappears, and what the groups have in common is found equal and computed once.

use std::collections::BTreeMap;
use std::sync::Arc;

use luminal::prelude::{Compiler, Graph, NodeIndex, ToIdsMut};

use super::op::Op;
use super::table::{self, Applied};
use super::{Dims, Numbers, Tensor, concat, constant, node, operands, order, push, slice, tensor};
use crate::plan::Buffer;
use crate::sparse::{Colouring, Pattern};

/// Replaces the outputs of a graph of a function by the entries of its Jacobian with respect to the
/// states, in the order of the pattern. The colouring is one of columns.
#[derive(Debug)]
pub(crate) struct Columns<'a> {
    pub(crate) pattern: &'a Pattern,
    pub(crate) colouring: &'a Colouring,
}

impl Compiler for Columns<'_> {
    fn compile<T: ToIdsMut>(&self, graph: &mut Graph, _: T) {
        let nodes = order(graph);
        let outputs: Vec<NodeIndex> = nodes
            .iter()
            .copied()
            .filter(|n| matches!(node(graph, *n).op, Op::Output { .. }))
            .collect();
        // Places of the entries, group by group, and the values that come in that order.
        let mut found = vec![0u32; self.pattern.len()];
        let mut parts = Vec::new();
        let mut next = 0;
        for group in 0..self.colouring.count {
            let chosen: Vec<f64> = self
                .colouring
                .colours
                .iter()
                .map(|colour| f64::from(u8::from(*colour == group)))
                .collect();
            let whole = self.tangent_of_outputs(graph, &nodes, &outputs, &chosen);
            let mut rows = Vec::new();
            for (column, _) in chosen.iter().enumerate().filter(|(_, seed)| **seed != 0.0) {
                let start = self.pattern.starts()[column];
                for (k, row) in self.pattern.column(column).iter().enumerate() {
                    found[start + k] = next;
                    next += 1;
                    rows.push(*row);
                }
            }
            if !rows.is_empty() {
                parts.push(push(graph, Op::Gather(rows.into()), &[whole]));
            }
        }
        for output in outputs {
            graph.graph.remove_node(output);
        }
        if parts.is_empty() {
            return;
        }
        let all = concat(graph, &parts);
        let entries = push(graph, Op::Gather(found.into()), &[all]);
        push(graph, Op::Output { buffer: Buffer::Out, offset: 0, add: false }, &[entries]);
    }
}

impl Columns<'_> {
    /// The tangent of the whole result along fixed tangents of the states, 0 beyond them (delayed
    /// values).
    fn tangent_of_outputs(
        &self,
        graph: &mut Graph,
        nodes: &[NodeIndex],
        outputs: &[NodeIndex],
        states: &[f64],
    ) -> Tensor {
        let mut tangents: BTreeMap<NodeIndex, Tensor> = BTreeMap::new();
        for index in nodes {
            let sources = operands(graph, *index);
            let of_sources: Vec<_> =
                sources.iter().map(|s| tangents.get(&s.node).copied()).collect();
            let op = node(graph, *index).op.clone();
            let tangent = match &op {
                Op::Output { .. } => continue,
                Op::Input { buffer: Buffer::States, offset, dims } => {
                    let first = *offset as usize;
                    let seed = |i| states.get(i).copied().unwrap_or(0.0);
                    seeds(graph, (first..first + dims.len()).map(seed).collect())
                }
                _ if of_sources.iter().all(Option::is_none) => None,
                Op::Slice { start, len } => {
                    of_sources[0].and_then(|whole| match known(graph, whole) {
                        Some(run) => seeds(graph, run[*start as usize..][..*len as usize].to_vec()),
                        None => Some(slice(graph, whole, *start, *len)),
                    })
                }
                Op::Block(block)
                    if of_sources.iter().flatten().all(|t| known(graph, *t).is_some()) =>
                {
                    let along: Vec<Option<Arc<[f64]>>> =
                        of_sources.iter().map(|t| t.and_then(|t| known(graph, t))).collect();
                    let along: Vec<Option<&[f64]>> = along.iter().map(|t| t.as_deref()).collect();
                    let block = block.jvp_along(&along);
                    block.map(|block| push(graph, Op::Block(Arc::new(block)), &sources))
                }
                _ => {
                    let result = tensor(graph, *index);
                    let applied = Applied { op: &op, operands: &sources, result };
                    (table::row(&op).forward)(graph, &applied, &of_sources)
                }
            };
            if let Some(tangent) = tangent {
                tangents.insert(*index, tangent);
            }
        }
        let mut runs = Vec::new();
        for output in outputs {
            let Op::Output { offset, .. } = node(graph, *output).op else { continue };
            let source = operands(graph, *output)[0];
            let len = source.dims.len() as u32;
            let tangent = tangents.get(&source.node).copied();
            runs.push((offset, tangent, len));
        }
        runs.sort_by_key(|(offset, ..)| *offset);
        let runs: Vec<Tensor> = runs
            .into_iter()
            .map(|(_, tangent, len)| {
                tangent.unwrap_or_else(|| constant(graph, Dims::Vector(len), 0.0))
            })
            .collect();
        concat(graph, &runs)
    }
}

/// A fixed tangent; none when it is 0.
fn seeds(graph: &mut Graph, seeds: Vec<f64>) -> Option<Tensor> {
    if seeds.iter().all(|seed| *seed == 0.0) {
        return None;
    }
    let dims = Dims::Vector(seeds.len() as u32);
    Some(push(graph, Op::Constant(dims, Numbers::from(seeds)), &[]))
}

/// The numbers of a constant.
fn known(graph: &Graph, t: Tensor) -> Option<Arc<[f64]>> {
    match &node(graph, t.node).op {
        Op::Constant(_, numbers) => Some(Arc::clone(&numbers.0)),
        _ => None,
    }
}
