//! Where the elements of a node go when only one other node wants them, so that a loop can put
//! them there itself.

use std::sync::Arc;

use luminal::prelude::{Graph, NodeIndex};
use petgraph::Direction;

use crate::graph::{self, Op};
use crate::plan::Ref;

/// The only use of some elements.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Destination {
    /// A result, written or added to.
    Result { at: Ref, add: bool },
    /// All of them are the operand of this `ScatterAdd`.
    Scatter { node: NodeIndex, indices: Arc<[u32]>, len: u32 },
    /// All of them are the operand of this `Sum`.
    Sum { node: NodeIndex },
}

/// The only use of elements `start..start + len` of a node, through slices, joins and reshapes.
pub(super) fn destination(
    graph: &Graph,
    mut node: NodeIndex,
    mut start: u32,
    len: u32,
) -> Option<Destination> {
    loop {
        let end = start + len;
        let is_all = len as usize == graph::node(graph, node).dims.len();
        // One entry for each edge: a node that uses another twice is there twice.
        let mut users = graph.graph.neighbors_directed(node, Direction::Outgoing).filter(|user| {
            match graph::node(graph, *user).op {
                Op::Slice { start: from, len } => from < end && start < from + len,
                _ => true,
            }
        });
        let (Some(user), None) = (users.next(), users.next()) else { return None };
        match &graph::node(graph, user).op {
            Op::Slice { start: from, len: wanted } => {
                if start < *from || end > from + wanted {
                    return None;
                }
                start -= from;
            }
            Op::Reshape(_) => {}
            Op::Concat => {
                let parts = graph::operands(graph, user);
                let before = parts.iter().take_while(|part| part.node != node);
                start += before.map(|part| part.dims.len() as u32).sum::<u32>();
            }
            Op::Output { buffer, offset, add } => {
                let at = Ref { buffer: *buffer, offset: offset + start };
                return Some(Destination::Result { at, add: *add });
            }
            Op::ScatterAdd { indices, len } if is_all => {
                let indices = Arc::clone(indices);
                return Some(Destination::Scatter { node: user, indices, len: *len });
            }
            Op::Sum if is_all => return Some(Destination::Sum { node: user }),
            _ => return None,
        }
        node = user;
    }
}
