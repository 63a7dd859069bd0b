//! The instructions of a plan under construction, with value numbering.

use std::collections::HashMap;

use slopefield_lang::{Binary, Unary};

use crate::plan::{Buffer, Instruction, Ref, Value};

/// What a scalar instruction computes; equal keys are equal values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Constant(u64),
    Load(Ref),
    Unary(Unary, Value),
    Binary(Binary, Value, Value),
    Select(Value, Value, Value),
}

#[derive(Debug, Default)]
pub(super) struct Code {
    code: Vec<Instruction>,
    known: HashMap<Key, Value>,
}

impl Code {
    /// Appends an instruction that defines no value.
    pub(super) fn act(&mut self, instruction: Instruction) {
        self.code.push(instruction);
    }

    pub(super) fn constant(&mut self, value: f64) -> Value {
        self.define(Key::Constant(value.to_bits()), Instruction::Constant(value))
    }

    /// An element. Inputs never change and scratch is written once per element, before it is read.
    pub(super) fn load(&mut self, at: Ref) -> Value {
        self.define(Key::Load(at), Instruction::Load(at))
    }

    pub(super) fn unary(&mut self, op: Unary, a: Value) -> Value {
        self.define(Key::Unary(op, a), Instruction::Unary(op, a))
    }

    pub(super) fn binary(&mut self, op: Binary, a: Value, b: Value) -> Value {
        let (a, b) = match op {
            Binary::Add | Binary::Mul if a > b => (b, a),
            _ => (a, b),
        };
        self.define(Key::Binary(op, a, b), Instruction::Binary(op, a, b))
    }

    pub(super) fn select(&mut self, c: Value, a: Value, b: Value) -> Value {
        self.define(Key::Select(c, a, b), Instruction::Select(c, a, b))
    }

    pub(super) fn is_zero(&self, value: Value) -> bool {
        matches!(self.code[value as usize], Instruction::Constant(c) if c == 0.0)
    }

    fn define(&mut self, key: Key, instruction: Instruction) -> Value {
        let next = self.code.len() as Value;
        let value = *self.known.entry(key).or_insert(next);
        if value == next {
            self.code.push(instruction);
        }
        value
    }

    /// The instructions that matter, renumbered: those that write results, and what they read,
    /// through values and through scratch.
    pub(super) fn finish(self, scratch_len: u32) -> Vec<Instruction> {
        let mut needed = vec![false; self.code.len()];
        let mut read = vec![false; scratch_len as usize];
        for (i, instruction) in self.code.iter().enumerate().rev() {
            needed[i] |= match instruction.written() {
                Some((at, run)) if at.buffer == Buffer::Scratch => read[run].contains(&true),
                Some(_) => true,
                None => false,
            };
            if needed[i] {
                for value in instruction.values() {
                    needed[value as usize] = true;
                }
                for (at, run) in instruction.operands() {
                    if at.buffer == Buffer::Scratch {
                        read[run].fill(true);
                    }
                }
            }
        }
        let mut new = vec![Value::MAX; self.code.len()];
        let mut kept = Vec::new();
        for (i, instruction) in self.code.into_iter().enumerate() {
            if needed[i] {
                new[i] = kept.len() as Value;
                kept.push(instruction.renumbered(|value| new[value as usize]));
            }
        }
        kept
    }
}

impl Instruction {
    fn renumbered(self, new: impl Fn(Value) -> Value) -> Instruction {
        match self {
            Instruction::Unary(op, a) => Instruction::Unary(op, new(a)),
            Instruction::Binary(op, a, b) => Instruction::Binary(op, new(a), new(b)),
            Instruction::Select(c, a, b) => Instruction::Select(new(c), new(a), new(b)),
            Instruction::Store(at, a) => Instruction::Store(at, new(a)),
            Instruction::AddTo(at, a) => Instruction::AddTo(at, new(a)),
            other => other,
        }
    }
}

impl Ref {
    /// The place some elements further on.
    #[must_use]
    pub fn plus(self, elements: u32) -> Ref {
        Ref { offset: self.offset + elements, ..self }
    }
}
