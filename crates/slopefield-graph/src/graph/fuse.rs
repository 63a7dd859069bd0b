//! Fusion: what runs over the same elements becomes one operator, so that intermediate results
//! never reach memory. The last passes before a graph is made into a plan. No value changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use luminal::prelude::{Compiler, Graph, NodeIndex, ToIdsMut};
use petgraph::Direction;
use slopefield_lang::{Binary, Unary};

use super::op::Op;
use super::{Dims, Tensor, is_smooth, node, operands, order, push, replace, tensor};
use crate::scalar::{Block, BlockBuilder, Scalar, SsaValue};

/// Vectors up to this length become scalar code anyway.
const SHORT: u32 = 4;
/// Most operators in one loop; keeps its values in registers and compile time low.
const GROUP: usize = 64;
/// Most operands of a loop. luminal counts them in a byte.
const OPERANDS: usize = 64;
/// Most loops that are compared with each other.
const LOOPS: usize = 64;

fn users(graph: &Graph, index: NodeIndex) -> Vec<NodeIndex> {
    graph.graph.neighbors_directed(index, Direction::Outgoing).collect()
}

fn has_one_user(graph: &Graph, index: NodeIndex) -> bool {
    graph.graph.neighbors_directed(index, Direction::Outgoing).count() == 1
}

/// `A x + b` and the function of it become a [`Op::Layer`].
#[derive(Debug, Default)]
pub(crate) struct FormLayers;

impl Compiler for FormLayers {
    fn compile<T: ToIdsMut>(&self, graph: &mut Graph, _: T) {
        for index in order(graph) {
            let sources = operands(graph, index);
            let is_own =
                |t: &Tensor, op: &Op| node(graph, t.node).op == *op && has_one_user(graph, t.node);
            let layer = match node(graph, index).op {
                Op::Zip(Binary::Add) => {
                    let Some(k) = sources.iter().position(|t| is_own(t, &Op::MatVec)) else {
                        continue;
                    };
                    let mut all = operands(graph, sources[k].node);
                    all.push(sources[1 - k]);
                    push(graph, Op::Layer(None), &all)
                }
                Op::Map(f) if is_smooth(f) => {
                    let x = sources[0];
                    if !is_own(&x, &Op::MatVec) && !is_own(&x, &Op::Layer(None)) {
                        continue;
                    }
                    let all = operands(graph, x.node);
                    push(graph, Op::Layer(Some(f)), &all)
                }
                _ => continue,
            };
            replace(graph, index, layer.node);
        }
    }
}

/// Chains of element-wise operators become loops over lanes.
///
/// An operator joins the loop of its users when they are all in that loop, so no result is computed
/// twice and none is kept. Elementary functions stay operators of their own: their vector kernels
/// are made for whole runs.
#[derive(Debug, Default)]
pub(crate) struct FuseLanes;

impl Compiler for FuseLanes {
    fn compile<T: ToIdsMut>(&self, graph: &mut Graph, _: T) {
        let order = order(graph);
        let place: BTreeMap<NodeIndex, usize> =
            order.iter().enumerate().map(|(i, n)| (*n, i)).collect();
        let mut taken: BTreeSet<NodeIndex> = BTreeSet::new();
        for root in order.iter().rev() {
            if taken.contains(root) {
                continue;
            }
            let Some(lanes) = lanes(graph, *root) else { continue };
            if matches!(node(graph, *root).op, Op::Broadcast(_)) {
                continue;
            }
            let mut group = gather_group(graph, *root, lanes);
            if group.len() < 2 {
                continue;
            }
            group.sort_unstable_by_key(|n| place[n]);
            taken.extend(&group);
            let fused = fused(graph, &group, *root, lanes);
            replace(graph, *root, fused.node);
        }
    }
}

/// Number of lanes of an operator that may join a loop.
fn lanes(graph: &Graph, index: NodeIndex) -> Option<u32> {
    let this = node(graph, index);
    let count = match (&this.op, this.dims) {
        (Op::Each { count, .. }, _) => *count,
        (Op::Map(f), Dims::Vector(n)) if is_cheap(*f) => n,
        (Op::Zip(f), Dims::Vector(n)) if !matches!(f, Binary::Pow | Binary::Atan2) => n,
        (Op::Broadcast(_), Dims::Vector(n)) => n,
        _ => return None,
    };
    (count > SHORT).then_some(count)
}

/// Functions of a few machine instructions.
fn is_cheap(f: Unary) -> bool {
    use Unary::*;
    matches!(f, Neg | Not | Abs | Sign | Floor | Ceil | Sqrt | Relu | Step)
}

/// The operators that go into one loop with the root.
fn gather_group(graph: &Graph, root: NodeIndex, lanes_of_root: u32) -> Vec<NodeIndex> {
    let mut group = vec![root];
    let mut external: BTreeSet<NodeIndex> = BTreeSet::new();
    let mut next = 0;
    // Until a round adds nothing: an operator may wait for another of its users to join.
    loop {
        let before = group.len();
        while next < group.len() && group.len() < GROUP {
            for operand in operands(graph, group[next]) {
                external.insert(source_of(graph, operand, lanes_of_root));
            }
            next += 1;
        }
        for candidate in external.clone() {
            if group.len() >= GROUP || external.len() >= OPERANDS {
                break;
            }
            if group.contains(&candidate) || lanes(graph, candidate) != Some(lanes_of_root) {
                continue;
            }
            if uses(graph, candidate, lanes_of_root)
                .is_some_and(|all| all.iter().all(|user| group.contains(user)))
            {
                external.remove(&candidate);
                group.push(candidate);
            }
        }
        if group.len() == before {
            return group;
        }
    }
}

/// The node that computes an operand: for a slice of one output of a loop, the loop.
fn source_of(graph: &Graph, operand: Tensor, lanes_of_root: u32) -> NodeIndex {
    match output_of(graph, operand.node, lanes_of_root) {
        Some((source, _)) => source,
        None => operand.node,
    }
}

/// When a node is exactly one output of a loop of so many lanes: the loop and the output's number.
fn output_of(graph: &Graph, index: NodeIndex, count: u32) -> Option<(NodeIndex, u32)> {
    let Op::Slice { start, len } = node(graph, index).op else { return None };
    let source = operands(graph, index)[0].node;
    match node(graph, source).op {
        Op::Each { count: own, .. } if own == count && len == count && start % count == 0 => {
            Some((source, start / count))
        }
        _ => None,
    }
}

/// Who uses an operator, through slices of single outputs; `None` when something uses it otherwise.
fn uses(graph: &Graph, index: NodeIndex, count: u32) -> Option<Vec<NodeIndex>> {
    let is_loop = matches!(node(graph, index).op, Op::Each { .. });
    let has_parts = is_loop && node(graph, index).dims.len() != count as usize;
    let mut all = Vec::new();
    for user in users(graph, index) {
        if !has_parts {
            all.push(user);
        } else if output_of(graph, user, count).is_some() {
            all.extend(users(graph, user));
        } else {
            return None;
        }
    }
    Some(all)
}

/// One loop that does what a group does. The group is in order; its last is the root.
fn fused(graph: &mut Graph, group: &[NodeIndex], root: NodeIndex, count: u32) -> Tensor {
    let mut outside: Vec<Tensor> = Vec::new();
    for member in group {
        for operand in operands(graph, *member) {
            let inside = group.contains(&source_of(graph, operand, count));
            if !inside && number(graph, operand).is_none() && !outside.contains(&operand) {
                outside.push(operand);
            }
        }
    }
    let mut b = BlockBuilder::new(vec![1; outside.len()]);
    let mut done: BTreeMap<NodeIndex, Vec<SsaValue>> = BTreeMap::new();
    for member in group {
        let inputs: Vec<SsaValue> = operands(graph, *member)
            .into_iter()
            .map(|operand| {
                let (source, k) =
                    output_of(graph, operand.node, count).unwrap_or((operand.node, 0));
                if let Some(values) = done.get(&source) {
                    return values[k as usize];
                }
                match outside.iter().position(|t| *t == operand) {
                    Some(slot) => b.input(slot as u32, 0),
                    None => b.constant(number(graph, operand).unwrap_or(f64::NAN)),
                }
            })
            .collect();
        let results = match &node(graph, *member).op {
            Op::Map(f) => vec![b.unary(*f, inputs[0])],
            Op::Zip(f) => vec![b.binary(*f, inputs[0], inputs[1])],
            Op::Each { block, .. } => inline(&mut b, block, &inputs),
            _ => vec![inputs[0]], // a number for all lanes
        };
        done.insert(*member, results);
    }
    let block = Arc::new(b.finish(&done[&root]));
    push(graph, Op::Each { block, count }, &outside)
}

/// The number that all elements of a tensor are.
fn number(graph: &Graph, t: Tensor) -> Option<f64> {
    match &node(graph, t.node).op {
        Op::Constant(_, numbers) if numbers.is_uniform() => numbers.0.first().copied(),
        _ => None,
    }
}

/// Adds a lane program to another; its outputs there.
fn inline(b: &mut BlockBuilder, block: &Block, inputs: &[SsaValue]) -> Vec<SsaValue> {
    let mut new: Vec<SsaValue> = Vec::with_capacity(block.code.len());
    for instruction in &block.code {
        let at = |v: SsaValue| new[v as usize];
        let value = match *instruction {
            Scalar::Constant(bits) => b.constant(f64::from_bits(bits)),
            Scalar::Input { slot, .. } => inputs[slot as usize],
            Scalar::Unary(op, x) => b.unary(op, at(x)),
            Scalar::Binary(op, x, y) => b.binary(op, at(x), at(y)),
            Scalar::Select(c, x, y) => b.select(at(c), at(x), at(y)),
        };
        new.push(value);
    }
    block.outputs.iter().map(|v| new[*v as usize]).collect()
}

/// Loops over the same lanes that share an operand become one, so that what they have in common,
/// such as a value and its tangent, is computed once.
#[derive(Debug, Default)]
pub(crate) struct MergeLoops;

impl Compiler for MergeLoops {
    fn compile<T: ToIdsMut>(&self, graph: &mut Graph, _: T) {
        let is_loop = |graph: &Graph, n: &NodeIndex| matches!(node(graph, *n).op, Op::Each { count, .. } if count > SHORT);
        let mut loops: Vec<NodeIndex> =
            order(graph).into_iter().filter(|n| is_loop(graph, n)).collect();
        if loops.len() > LOOPS {
            return;
        }
        let mut i = 0;
        while i < loops.len() {
            let partner = (i + 1..loops.len()).find(|j| can_merge(graph, loops[i], loops[*j]));
            match partner {
                Some(j) => {
                    let second = loops.remove(j);
                    loops[i] = merge(graph, loops[i], second);
                }
                None => i += 1,
            }
        }
    }
}

fn can_merge(graph: &Graph, first: NodeIndex, second: NodeIndex) -> bool {
    let (Op::Each { count: a, .. }, Op::Each { count: b, .. }) =
        (&node(graph, first).op, &node(graph, second).op)
    else {
        return false;
    };
    let (x, y) = (operands(graph, first), operands(graph, second));
    a == b
        && x.len() + y.len() <= OPERANDS
        && y.iter().any(|t| x.contains(t))
        && !depends(graph, second, first)
        && !depends(graph, first, second)
}

/// Whether a node needs another one, directly or not.
fn depends(graph: &Graph, index: NodeIndex, on: NodeIndex) -> bool {
    let mut seen = BTreeSet::new();
    let mut waiting = vec![index];
    while let Some(n) = waiting.pop() {
        if n == on {
            return true;
        }
        if seen.insert(n) {
            waiting.extend(graph.graph.neighbors_directed(n, Direction::Incoming));
        }
    }
    false
}

/// One loop in place of two; slices of it take the places of both.
fn merge(graph: &mut Graph, first: NodeIndex, second: NodeIndex) -> NodeIndex {
    let both = [first, second].map(|n| (node(graph, n).op.clone(), operands(graph, n)));
    let mut outside: Vec<Tensor> = Vec::new();
    for operand in both.iter().flat_map(|(_, operands)| operands) {
        if !outside.contains(operand) {
            outside.push(*operand);
        }
    }
    let mut b = BlockBuilder::new(vec![1; outside.len()]);
    let (mut outputs, mut starts, mut lanes) = (Vec::new(), Vec::new(), 0);
    for (op, operands) in &both {
        let Op::Each { block, count } = op else { continue };
        lanes = *count;
        let inputs: Vec<SsaValue> = operands
            .iter()
            .filter_map(|t| outside.iter().position(|o| o == t))
            .map(|slot| b.input(slot as u32, 0))
            .collect();
        starts.push(outputs.len() as u32 * count);
        outputs.extend(inline(&mut b, block, &inputs));
    }
    let block = Arc::new(b.finish(&outputs));
    let merged = push(graph, Op::Each { block, count: lanes }, &outside);
    for (old, start) in [first, second].into_iter().zip(starts) {
        let len = tensor(graph, old).dims.len() as u32;
        let part = push(graph, Op::Slice { start, len }, &[merged]);
        replace(graph, old, part.node);
    }
    merged.node
}
