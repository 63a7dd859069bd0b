//! Scalar equation systems: compact SSA, its derivatives and its simplification.
//!
//! One luminal edge takes five kilobytes, so a system of ten thousand scalar operations cannot be
//! ten thousand luminal nodes. It is one node, [`crate::graph::Op::Block`], that holds a [`Block`].

mod block;
mod builder;
mod derivative;
mod rules;

pub(crate) use block::{Block, Scalar, SsaValue};
pub(crate) use builder::BlockBuilder;
