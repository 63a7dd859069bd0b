//! Loops over lanes, gathers, scatters, layers and reductions to an extreme element.

use std::ops::Range;
use std::sync::Arc;

use luminal::prelude::NodeIndex;
use petgraph::Direction;
use slopefield_lang::{Binary, Unary};

use super::destination::{Destination, destination};
use super::stored::{Element, Piece, Stored};
use super::{Emitter, SHORT};
use crate::graph::{self, Op, Tensor};
use crate::plan::{Body, BodyInstruction, Buffer, Instruction, LaneInput, LaneOutput, Ref, Value};
use crate::scalar::{Block, Scalar};

impl Emitter<'_> {
    /// A loop, or scalar code for a few lanes.
    pub(super) fn each(
        &mut self,
        index: NodeIndex,
        block: &Block,
        count: u32,
        operands: &[Tensor],
    ) -> Stored {
        if count as usize <= SHORT {
            return self.unrolled(block, count, operands);
        }
        let mut body = Body::default();
        let known: Vec<Option<f64>> = operands.iter().map(|o| self.number_of(*o)).collect();
        let mut input_of = vec![0; operands.len()];
        for (k, operand) in operands.iter().enumerate().filter(|(k, _)| known[*k].is_none()) {
            input_of[k] = body.inputs.len() as u32;
            body.inputs.push(self.lane_input(*operand));
        }
        body.code = block
            .code
            .iter()
            .map(|instruction| match *instruction {
                Scalar::Constant(bits) => BodyInstruction::Constant(f64::from_bits(bits)),
                Scalar::Input { slot, .. } => match known[slot as usize] {
                    Some(number) => BodyInstruction::Constant(number),
                    None => BodyInstruction::Input(input_of[slot as usize]),
                },
                Scalar::Unary(op, a) => BodyInstruction::Unary(op, a),
                Scalar::Binary(op, a, b) => BodyInstruction::Binary(op, a, b),
                Scalar::Select(c, a, b) => BodyInstruction::Select(c, a, b),
            })
            .collect();
        let mut claimed: Vec<(Buffer, Range<u32>)> = Vec::new();
        let pieces: Vec<Piece> = (0..)
            .zip(&block.outputs)
            .map(|(k, v)| self.lane_output((index, k * count, count), *v, &mut body, &mut claimed))
            .collect();
        self.code.each(body, count);
        Stored::join(pieces)
    }

    /// The number that an operand is, when it is the same everywhere and known.
    fn number_of(&self, operand: Tensor) -> Option<f64> {
        self.stored.get(&operand.node)?.same_number()
    }

    fn lane_input(&mut self, operand: Tensor) -> LaneInput {
        if let Some((at, table)) = self.gathered.get(&operand.node) {
            return LaneInput::Gathered(*at, *table);
        }
        let at = self.place(operand);
        if operand.dims.len() == 1 { LaneInput::Uniform(at) } else { LaneInput::Lanes(at) }
    }

    /// Lets a loop deliver one of its outputs: elements `start..start + count` of a node.
    fn lane_output(
        &mut self,
        (node, start, count): (NodeIndex, u32, u32),
        v: Value,
        body: &mut Body,
        claimed: &mut Vec<(Buffer, Range<u32>)>,
    ) -> Piece {
        // Outputs of one loop may not meet, so the second one for a place goes another way.
        let mut claim = |at: Ref, len: u32| {
            let run = at.offset..at.offset + len;
            let meets = |(buffer, other): &(Buffer, Range<u32>)| {
                *buffer == at.buffer && other.start < run.end && run.start < other.end
            };
            let free = !claimed.iter().any(meets);
            if free {
                claimed.push((at.buffer, run));
            }
            free
        };
        match destination(self.graph, node, start, count) {
            Some(Destination::Result { at, add: false }) if claim(at, count) => {
                body.outputs.push(LaneOutput::Store(at, v));
                return Piece::Run(at, count);
            }
            Some(Destination::Result { at, add: true }) if claim(at, count) => {
                body.outputs.push(LaneOutput::AddTo(at, v));
                return Piece::Delivered(count);
            }
            Some(Destination::Scatter { node, indices, len }) => {
                let table = self.code.table(&indices);
                match destination(self.graph, node, 0, len) {
                    Some(Destination::Result { at, add: true }) if claim(at, len) => {
                        body.outputs.push(LaneOutput::ScatterAdd(at, table, v));
                        self.stored.insert(node, Stored::of(Piece::Delivered(len)));
                    }
                    _ => {
                        let at = self.zeros(len);
                        body.outputs.push(LaneOutput::ScatterAdd(at, table, v));
                        self.stored.insert(node, Stored::run(at, len));
                    }
                }
                return Piece::Delivered(count);
            }
            Some(Destination::Sum { node }) => {
                match destination(self.graph, node, 0, 1) {
                    Some(Destination::Result { at, add: true }) if claim(at, 1) => {
                        body.outputs.push(LaneOutput::SumTo(at, v));
                        self.stored.insert(node, Stored::of(Piece::Delivered(1)));
                    }
                    _ => {
                        let at = self.zeros(1);
                        body.outputs.push(LaneOutput::SumTo(at, v));
                        self.stored.insert(node, Stored::run(at, 1));
                    }
                }
                return Piece::Delivered(count);
            }
            _ => {}
        }
        let at = self.scratch(count as usize);
        body.outputs.push(LaneOutput::Store(at, v));
        Piece::Run(at, count)
    }

    fn unrolled(&mut self, block: &Block, count: u32, operands: &[Tensor]) -> Stored {
        let lanes: Vec<Vec<Value>> = (0..count as usize)
            .map(|lane| {
                self.scalars(block, |slot, _| {
                    let operand = operands[slot as usize];
                    (operand, if operand.dims.len() == 1 { 0 } else { lane })
                })
            })
            .collect();
        let values = (0..block.outputs.len()).flat_map(|k| lanes.iter().map(move |lane| lane[k]));
        Stored::of(Piece::Values(values.collect()))
    }

    /// A run of zeros to add to.
    fn zeros(&mut self, len: u32) -> Ref {
        let dst = self.scratch(len as usize);
        self.code.act(Instruction::Fill { dst, len, value: 0.0 });
        dst
    }

    /// `None` when loops do the gathering.
    pub(super) fn gather(
        &mut self,
        index: NodeIndex,
        indices: &Arc<[u32]>,
        x: Tensor,
    ) -> Option<Stored> {
        let len = indices.len() as u32;
        if indices.len() <= SHORT || self.stored[&x.node].is_scalar() {
            let pieces = indices.iter().map(|i| match self.stored[&x.node].element(*i as usize) {
                Element::At(at) => Piece::Run(at, 1),
                Element::Value(value) => Piece::Values(vec![value]),
                Element::Number(number) => Piece::Numbers(vec![number]),
            });
            return Some(Stored::join(pieces));
        }
        let (at, table) = (self.place(x), self.code.table(indices));
        let mut users = self.graph.graph.neighbors_directed(index, Direction::Outgoing);
        let is_lane = |user: NodeIndex| match graph::node(self.graph, user).op {
            Op::Each { count, .. } => count == len && count as usize > SHORT,
            _ => false,
        };
        if users.all(is_lane) {
            self.gathered.insert(index, (at, table));
            return None;
        }
        let mut body = Body {
            inputs: vec![LaneInput::Gathered(at, table)],
            code: vec![BodyInstruction::Input(0)],
            outputs: Vec::new(),
        };
        let piece = self.lane_output((index, 0, len), 0, &mut body, &mut Vec::new());
        self.code.each(body, len);
        Some(Stored::of(piece))
    }

    pub(super) fn scatter(
        &mut self,
        index: NodeIndex,
        indices: &Arc<[u32]>,
        len: u32,
        x: Tensor,
    ) -> Stored {
        if indices.len() <= SHORT || self.stored[&x.node].is_scalar() {
            let mut sums: Vec<Option<Value>> = vec![None; len as usize];
            for (i, to) in indices.iter().enumerate() {
                let term = self.element(x, i);
                let sum = &mut sums[*to as usize];
                *sum = Some(match *sum {
                    Some(earlier) => self.code.binary(Binary::Add, earlier, term),
                    None => term,
                });
            }
            return Stored::join(sums.into_iter().map(|sum| match sum {
                Some(value) => Piece::Values(vec![value]),
                None => Piece::Numbers(vec![0.0]),
            }));
        }
        let table = self.code.table(indices);
        let (at, stored) = match destination(self.graph, index, 0, len) {
            Some(Destination::Result { at, add: true }) => (at, Stored::of(Piece::Delivered(len))),
            _ => {
                let at = self.zeros(len);
                (at, Stored::run(at, len))
            }
        };
        let body = Body {
            inputs: vec![self.lane_input(x)],
            code: vec![BodyInstruction::Input(0)],
            outputs: vec![LaneOutput::ScatterAdd(at, table, 0)],
        };
        self.code.each(body, indices.len() as u32);
        stored
    }

    pub(super) fn layer(
        &mut self,
        index: NodeIndex,
        activation: Option<Unary>,
        operands: &[Tensor],
    ) -> Stored {
        let sizes = operands[0].dims.sizes();
        let (rows, cols) = (sizes[0], sizes[1]);
        let (a, x) = (self.place(operands[0]), self.place(operands[1]));
        let bias = operands.get(2).map(|bias| self.place(*bias));
        let y = self.result_or_scratch(index, rows);
        self.code.act(Instruction::Layer { y, a, x, bias, activation, rows, cols });
        Stored::run(y, rows)
    }

    /// Where a dense instruction writes a node: the result itself when that is its only use.
    pub(super) fn result_or_scratch(&mut self, index: NodeIndex, len: u32) -> Ref {
        match destination(self.graph, index, 0, len) {
            Some(Destination::Result { at, add: false }) => at,
            _ => self.scratch(len as usize),
        }
    }

    /// Halves the vector until a few elements are left. The halves overlap by one when the length
    /// is odd, which changes nothing: an element may be compared with itself.
    pub(super) fn extreme(&mut self, op: Binary, x: Tensor) -> Stored {
        let mut len = x.dims.len() as u32;
        if len as usize <= SHORT || self.stored[&x.node].is_scalar() {
            let mut best = self.element(x, 0);
            for i in 1..len as usize {
                let other = self.element(x, i);
                best = self.code.binary(op, best, other);
            }
            return Stored::of(Piece::Values(vec![best]));
        }
        let mut at = self.place(x);
        while len as usize > SHORT {
            let half = len.div_ceil(2);
            let dst = self.scratch(half as usize);
            let b = at.plus(len - half);
            self.code.act(Instruction::Zip { op, dst, a: at, b, len: half });
            (at, len) = (dst, half);
        }
        let mut best = self.code.load(at);
        for i in 1..len {
            let other = self.code.load(at.plus(i));
            best = self.code.binary(op, best, other);
        }
        Stored::of(Piece::Values(vec![best]))
    }
}
