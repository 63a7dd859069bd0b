//! The text form of a graph: one line a node, operands first. `parse.rs` reads it back.

use std::collections::BTreeMap;
use std::fmt::Write;

use luminal::prelude::{Graph, NodeIndex};

use super::{Op, node, operands, order, table};
pub(super) use crate::plan::text::{Custom, Indices, Numbers};

/// The graph as text. Blocks are listed below the node they belong to.
pub(crate) fn text(graph: &Graph) -> String {
    let mut names: BTreeMap<NodeIndex, usize> = BTreeMap::new();
    let mut out = String::new();
    for index in order(graph) {
        let name = names.len();
        names.insert(index, name);
        let this = node(graph, index);
        let row = table::row(&this.op);
        let mut line = format!("%{name} = {}", row.name);
        let attributes = (row.attributes)(&this.op);
        if !attributes.is_empty() {
            let _ = write!(line, " {attributes}");
        }
        for operand in operands(graph, index) {
            let _ = write!(line, " %{}", names[&operand.node]);
        }
        let _ = writeln!(out, "{line} : {}", this.dims);
        if let Op::Block(block) | Op::Each { block, .. } = &this.op {
            out.push_str(&block.to_string());
        }
    }
    out
}
