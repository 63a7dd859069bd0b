//! From the tensor graph to the flat plan: luminal ends here.
//!
//! Nodes are taken operands first. A tensor is kept as pieces, each a run in a buffer or a list of
//! scalar values, and only becomes a run in scratch when a dense instruction needs it as one; so
//! the outputs of scalar blocks, slices, joins and padding cost nothing. Every scratch element is
//! written by one node only, which makes loads from it as good as values.
//!
//! Scalar instructions are numbered by what they compute (equal ones exist once, over all blocks
//! and between a function and its derivative), and what no result needs is dropped at the end.

mod destination;
mod lanes;
mod numbering;
mod reuse;
mod stored;

use std::collections::{BTreeMap, BTreeSet};

use luminal::prelude::{Graph, NodeIndex};
use petgraph::Direction;
use slopefield_kernel::Shape;
use slopefield_lang::{Binary, Unary};

use crate::graph::{self, Op, Tensor};
use crate::plan::{Buffer, Entry, Instruction, Plan, Ref, Value, limits};
use crate::scalar::{Block, Scalar};
use numbering::{Code, Finished};
use stored::{Piece, Stored};

/// Vectors up to this length are worked on element by element.
const SHORT: usize = 4;
/// Scratch runs at least this long start at a multiple of it (a cache line).
const ALIGNMENT: u32 = 8;

/// The plan of a graph. The caller verifies it.
pub(crate) fn emit(graph: &Graph, entry: Entry, shape: Shape) -> Plan {
    let mut emitter = Emitter {
        graph,
        code: Code::default(),
        constants: Vec::new(),
        interned: BTreeMap::new(),
        scratch_len: 0,
        runs: Vec::new(),
        stored: BTreeMap::new(),
        deferred: BTreeSet::new(),
        gathered: BTreeMap::new(),
    };
    for node in graph::order(graph) {
        emitter.node(node);
    }
    let Emitter { code, constants, scratch_len, runs, .. } = emitter;
    if scratch_len > limits::SCRATCH {
        // More than the verifier lets through; nothing else about it matters.
        return Plan { scratch_len, ..Plan::new(entry, shape) };
    }
    let mut finished = code.finish(scratch_len);
    let scratch_len = reuse::reuse(&mut finished, &runs);
    let Finished { code, bodies, tables } = finished;
    Plan { scratch_len, constants, code, bodies, tables, ..Plan::new(entry, shape) }
}

struct Emitter<'g> {
    graph: &'g Graph,
    code: Code,
    constants: Vec<f64>,
    interned: BTreeMap<Vec<u64>, u32>,
    scratch_len: u32,
    /// First element and length of every run in scratch.
    runs: Vec<(u32, u32)>,
    stored: BTreeMap<NodeIndex, Stored>,
    /// Products that their only user adds to where it wants them.
    deferred: BTreeSet<NodeIndex>,
    /// Gathers that only loops use: where from, and their table.
    gathered: BTreeMap<NodeIndex, (Ref, u32)>,
}

impl Emitter<'_> {
    fn node(&mut self, index: NodeIndex) {
        if self.stored.contains_key(&index) {
            return; // a loop has computed it on its way
        }
        let this = graph::node(self.graph, index);
        let operands = graph::operands(self.graph, index);
        let len = this.dims.len();
        let stored = match &this.op {
            Op::Input { buffer, offset, .. } => {
                Stored::run(Ref { buffer: *buffer, offset: *offset }, len as u32)
            }
            Op::Constant(_, numbers) => Stored::of(Piece::Numbers(numbers.0.to_vec())),
            Op::Block(block) => self.block(block, &operands),
            Op::Each { block, count } => self.each(index, block, *count, &operands),
            Op::Gather(indices) => {
                let Some(stored) = self.gather(index, indices, operands[0]) else { return };
                stored
            }
            Op::ScatterAdd { indices, len } => self.scatter(index, indices, *len, operands[0]),
            Op::Layer(activation) => self.layer(index, *activation, &operands),
            Op::MaxOf => self.extreme(Binary::Max, operands[0]),
            Op::MinOf => self.extreme(Binary::Min, operands[0]),
            Op::Map(f) => self.map(*f, operands[0], len),
            Op::Zip(f) => self.zip(*f, operands[0], operands[1], len),
            Op::MatVec | Op::MatTVec | Op::Outer if self.can_defer(index) => {
                self.deferred.insert(index);
                return;
            }
            Op::MatVec | Op::MatTVec => {
                let dst = self.result_or_scratch(index, len as u32);
                self.product_into(index, dst, false);
                Stored::run(dst, len as u32)
            }
            Op::Outer => {
                let dst = self.scratch(len);
                self.code.act(Instruction::Fill { dst, len: len as u32, value: 0.0 });
                self.product_into(index, dst, true);
                Stored::run(dst, len as u32)
            }
            Op::Sum => self.sum(operands[0]),
            Op::Dot => self.dot(operands[0], operands[1]),
            Op::Broadcast(_) => self.broadcast(operands[0], len),
            Op::Concat => {
                Stored::join(operands.iter().flat_map(|o| self.stored[&o.node].pieces.clone()))
            }
            Op::Slice { start, len } => self.stored[&operands[0].node].slice(*start, *len),
            Op::Pad { before, after } => {
                let zeros = |n: u32| Piece::Numbers(vec![0.0; n as usize]);
                let inner = self.stored[&operands[0].node].pieces.clone();
                Stored::join(std::iter::once(zeros(*before)).chain(inner).chain([zeros(*after)]))
            }
            Op::Reshape(_) => self.stored[&operands[0].node].clone(),
            Op::Custom { op, reverse } => {
                let src = self.place(operands[0]);
                let dst = self.scratch(len);
                self.code.act(Instruction::Custom { op, reverse: *reverse, dst, src });
                Stored::run(dst, len as u32)
            }
            Op::Output { buffer, offset, add } => {
                let dst = Ref { buffer: *buffer, offset: *offset };
                if self.deferred.remove(&operands[0].node) {
                    self.product_into(operands[0].node, dst, true);
                } else if *add {
                    self.add_result(operands[0], dst);
                } else {
                    self.write(operands[0], dst);
                }
                return;
            }
        };
        self.stored.insert(index, stored);
    }

    /// Whether the only user of a product can take it by adding it to its own destination.
    fn can_defer(&self, index: NodeIndex) -> bool {
        let mut users = self.graph.graph.neighbors_directed(index, Direction::Outgoing);
        let (Some(user), None) = (users.next(), users.next()) else { return false };
        match (&graph::node(self.graph, user).op, &graph::node(self.graph, index).op) {
            (Op::Output { add, .. }, _) => *add,
            (Op::Zip(Binary::Add), Op::MatVec | Op::MatTVec) => true,
            _ => false,
        }
    }

    /// A matrix product written (or added) to a place.
    fn product_into(&mut self, index: NodeIndex, dst: Ref, add: bool) {
        let operands = graph::operands(self.graph, index);
        let (first, second) = (self.place(operands[0]), self.place(operands[1]));
        let (m, n) = (operands[0].dims.sizes(), operands[1].dims.sizes());
        self.code.act(match graph::node(self.graph, index).op {
            Op::MatVec => {
                Instruction::MatVec { y: dst, a: first, x: second, rows: m[0], cols: m[1], add }
            }
            Op::MatTVec => {
                Instruction::MatTVec { y: dst, a: first, x: second, rows: m[0], cols: m[1], add }
            }
            _ => Instruction::Outer { a: dst, x: first, y: second, rows: m[0], cols: n[0] },
        });
    }

    fn block(&mut self, block: &Block, operands: &[Tensor]) -> Stored {
        let elements = |slot: u32, index: u32| (operands[slot as usize], index as usize);
        Stored::of(Piece::Values(self.scalars(block, elements)))
    }

    /// The outputs of a block as scalar code; `element` says which element an input is.
    fn scalars(
        &mut self,
        block: &Block,
        element: impl Fn(u32, u32) -> (Tensor, usize),
    ) -> Vec<Value> {
        let mut values: Vec<Value> = Vec::with_capacity(block.code.len());
        for instruction in &block.code {
            let value = match *instruction {
                Scalar::Constant(bits) => self.code.constant(f64::from_bits(bits)),
                Scalar::Input { slot, index } => {
                    let (tensor, index) = element(slot, index);
                    self.element(tensor, index)
                }
                Scalar::Unary(op, a) => self.code.unary(op, values[a as usize]),
                Scalar::Binary(op, a, b) => {
                    self.code.binary(op, values[a as usize], values[b as usize])
                }
                Scalar::Select(c, a, b) => {
                    self.code.select(values[c as usize], values[a as usize], values[b as usize])
                }
            };
            values.push(value);
        }
        block.outputs.iter().map(|v| values[*v as usize]).collect()
    }

    fn map(&mut self, f: Unary, x: Tensor, len: usize) -> Stored {
        if len <= SHORT || self.stored[&x.node].is_scalar() {
            let values = (0..len)
                .map(|i| {
                    let x = self.element(x, i);
                    self.code.unary(f, x)
                })
                .collect();
            return Stored::of(Piece::Values(values));
        }
        let src = self.place(x);
        let dst = self.scratch(len);
        self.code.act(Instruction::Map { op: f, dst, src, len: len as u32 });
        Stored::run(dst, len as u32)
    }

    fn zip(&mut self, f: Binary, a: Tensor, b: Tensor, len: usize) -> Stored {
        let products = [a, b].map(|t| self.deferred.remove(&t.node));
        if products != [false, false] {
            let dst = self.scratch(len);
            let mut add = false;
            for (operand, is_product) in [(a, products[0]), (b, products[1])] {
                if !is_product {
                    self.write(operand, dst);
                    add = true;
                }
            }
            for (operand, is_product) in [(a, products[0]), (b, products[1])] {
                if is_product {
                    self.product_into(operand.node, dst, add);
                    add = true;
                }
            }
            return Stored::run(dst, len as u32);
        }
        let scalar = self.stored[&a.node].is_scalar() && self.stored[&b.node].is_scalar();
        if len <= SHORT || scalar {
            let values = (0..len)
                .map(|i| {
                    let (a, b) = (self.element(a, i), self.element(b, i));
                    self.code.binary(f, a, b)
                })
                .collect();
            return Stored::of(Piece::Values(values));
        }
        let (a, b) = (self.place(a), self.place(b));
        let dst = self.scratch(len);
        self.code.act(Instruction::Zip { op: f, dst, a, b, len: len as u32 });
        Stored::run(dst, len as u32)
    }

    fn sum(&mut self, x: Tensor) -> Stored {
        let len = x.dims.len();
        if len <= SHORT || self.stored[&x.node].is_scalar() {
            let mut total = self.element(x, 0);
            for i in 1..len {
                let term = self.element(x, i);
                total = self.code.binary(Binary::Add, total, term);
            }
            return Stored::of(Piece::Values(vec![total]));
        }
        let src = self.place(x);
        let dst = self.scratch(1);
        self.code.act(Instruction::Sum { dst, src, len: len as u32 });
        Stored::run(dst, 1)
    }

    fn dot(&mut self, a: Tensor, b: Tensor) -> Stored {
        let len = a.dims.len() as u32;
        let (a, b) = (self.place(a), self.place(b));
        let dst = self.scratch(1);
        self.code.act(Instruction::Dot { dst, a, b, len });
        Stored::run(dst, 1)
    }

    /// A number times a vector of ones.
    fn broadcast(&mut self, x: Tensor, len: usize) -> Stored {
        if len <= SHORT {
            let value = self.element(x, 0);
            return Stored::of(Piece::Values(vec![value; len]));
        }
        let x = self.place(x);
        let a = self.intern(&vec![1.0; len]);
        let y = self.scratch(len);
        self.code.act(Instruction::MatVec { y, a, x, rows: len as u32, cols: 1, add: false });
        Stored::run(y, len as u32)
    }

    /// One element as a value.
    fn element(&mut self, tensor: Tensor, index: usize) -> Value {
        match self.stored[&tensor.node].element(index) {
            stored::Element::Value(value) => value,
            stored::Element::Number(number) => self.code.constant(number),
            stored::Element::At(at) => self.code.load(at),
        }
    }

    /// The tensor as one run, made in scratch when it is not one yet.
    fn place(&mut self, tensor: Tensor) -> Ref {
        if let Some(at) = self.stored[&tensor.node].place() {
            return at;
        }
        let at = match self.stored[&tensor.node].pieces.as_slice() {
            [Piece::Numbers(numbers)] => {
                let numbers = numbers.clone();
                self.intern(&numbers)
            }
            _ => {
                let at = self.scratch(tensor.dims.len());
                self.write(tensor, at);
                at
            }
        };
        if let Some(stored) = self.stored.get_mut(&tensor.node) {
            stored.placed = Some(at);
        }
        at
    }

    /// Writes a tensor to a place.
    fn write(&mut self, tensor: Tensor, dst: Ref) {
        let mut offset = dst.offset;
        for piece in self.stored[&tensor.node].pieces.clone() {
            let dst = Ref { offset, ..dst };
            offset += piece.len() as u32;
            match piece {
                Piece::Delivered(_) => {}
                Piece::Run(src, _) if src == dst => {}
                Piece::Run(src, len) if len as usize > SHORT => {
                    self.code.act(Instruction::Copy { dst, src, len });
                }
                Piece::Run(src, len) => {
                    for i in 0..len {
                        let value = self.code.load(src.plus(i));
                        self.code.act(Instruction::Store(dst.plus(i), value));
                    }
                }
                Piece::Values(values) => {
                    for (i, value) in values.into_iter().enumerate() {
                        self.code.act(Instruction::Store(dst.plus(i as u32), value));
                    }
                }
                Piece::Numbers(numbers) => self.write_numbers(&numbers, dst),
            }
        }
    }

    fn write_numbers(&mut self, numbers: &[f64], dst: Ref) {
        let len = numbers.len() as u32;
        let Some(first) = numbers.first() else { return };
        if numbers.iter().all(|n| n.to_bits() == first.to_bits()) {
            self.code.act(Instruction::Fill { dst, len, value: *first });
        } else {
            let src = self.intern(numbers);
            self.code.act(Instruction::Copy { dst, src, len });
        }
    }

    /// Adds a tensor to a gradient.
    fn add_result(&mut self, tensor: Tensor, dst: Ref) {
        let mut offset = dst.offset;
        for piece in self.stored[&tensor.node].pieces.clone() {
            let dst = Ref { offset, ..dst };
            offset += piece.len() as u32;
            match piece {
                Piece::Delivered(_) => {}
                Piece::Run(src, len) if len as usize > SHORT => {
                    self.code.act(Instruction::Add { dst, src, len });
                }
                Piece::Run(src, len) => {
                    for i in 0..len {
                        let value = self.code.load(src.plus(i));
                        self.code.act(Instruction::AddTo(dst.plus(i), value));
                    }
                }
                Piece::Values(values) => {
                    for (i, value) in values.into_iter().enumerate() {
                        if !self.code.is_zero(value) {
                            self.code.act(Instruction::AddTo(dst.plus(i as u32), value));
                        }
                    }
                }
                Piece::Numbers(numbers) if numbers.iter().all(|n| *n == 0.0) => {}
                Piece::Numbers(numbers) => {
                    let src = self.intern(&numbers);
                    self.code.act(Instruction::Add { dst, src, len: numbers.len() as u32 });
                }
            }
        }
    }

    fn scratch(&mut self, len: usize) -> Ref {
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        let offset = match self.scratch_len.checked_next_multiple_of(ALIGNMENT) {
            Some(aligned) if len >= ALIGNMENT => aligned,
            _ => self.scratch_len,
        };
        self.scratch_len = offset.saturating_add(len);
        self.runs.push((offset, len));
        Ref { buffer: Buffer::Scratch, offset }
    }

    /// Numbers of the plan; equal lists are kept once.
    fn intern(&mut self, numbers: &[f64]) -> Ref {
        let key = numbers.iter().map(|n| n.to_bits()).collect();
        let constants = &mut self.constants;
        let offset = *self.interned.entry(key).or_insert_with(|| {
            if numbers.len() as u32 >= ALIGNMENT {
                let aligned = constants.len().next_multiple_of(ALIGNMENT as usize);
                constants.resize(aligned, 0.0);
            }
            let offset = constants.len() as u32;
            constants.extend_from_slice(numbers);
            offset
        });
        Ref { buffer: Buffer::Constants, offset }
    }
}
