//! The instructions of a plan under construction, with value numbering.

use std::collections::HashMap;
use std::sync::Arc;

use slopefield_lang::{Binary, Unary};

use crate::plan::{
    Body, BodyInstruction, Buffer, Instruction, LaneInput, LaneOutput, Loops, Ref, Touch, Value,
};

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
    bodies: Vec<Body>,
    tables: Vec<Vec<u32>>,
    known_tables: HashMap<Arc<[u32]>, u32>,
}

/// The parts of a plan that instructions make up.
pub(super) struct Finished {
    pub(super) code: Vec<Instruction>,
    pub(super) bodies: Vec<Body>,
    pub(super) tables: Vec<Vec<u32>>,
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

    /// Appends a loop.
    pub(super) fn each(&mut self, body: Body, count: u32) {
        let index = self.bodies.len() as u32;
        self.bodies.push(body);
        self.act(Instruction::Each { body: index, count });
    }

    /// An index table; equal ones are kept once.
    pub(super) fn table(&mut self, entries: &Arc<[u32]>) -> u32 {
        let next = self.tables.len() as u32;
        let table = *self.known_tables.entry(Arc::clone(entries)).or_insert(next);
        if table == next {
            self.tables.push(entries.to_vec());
        }
        table
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
    pub(super) fn finish(self, scratch_len: u32) -> Finished {
        let Code { code: all, mut bodies, mut tables, .. } = self;
        let mut needed = vec![false; all.len()];
        let mut read = vec![false; scratch_len as usize];
        let mut touches: Vec<Touch> = Vec::new();
        for (i, instruction) in all.iter().enumerate().rev() {
            touches.clear();
            instruction.touches(Loops { bodies: &bodies, tables: &tables }, &mut touches);
            if let Instruction::Each { body, .. } = *instruction {
                let loops = Loops { bodies: &bodies, tables: &tables };
                let wanted: Vec<bool> =
                    touches.iter().map(|t| t.writes() && is_wanted(t, loops, &read)).collect();
                bodies[body as usize].keep(&wanted);
                touches.clear();
                instruction.touches(Loops { bodies: &bodies, tables: &tables }, &mut touches);
            }
            let loops = Loops { bodies: &bodies, tables: &tables };
            needed[i] |= touches.iter().any(|t| t.writes() && is_wanted(t, loops, &read));
            if needed[i] {
                for value in instruction.values() {
                    needed[value as usize] = true;
                }
                for touch in touches.iter().filter(|t| t.reads()) {
                    if touch.at.buffer == Buffer::Scratch {
                        touch.elements(loops).for_each(|i| read[i] = true);
                    }
                }
            }
        }
        let mut new = vec![Value::MAX; all.len()];
        let mut finished = Finished { code: Vec::new(), bodies: Vec::new(), tables: Vec::new() };
        let mut moved_tables = vec![None; tables.len()];
        for (i, instruction) in all.into_iter().enumerate() {
            if !needed[i] {
                continue;
            }
            new[i] = finished.code.len() as Value;
            let mut kept = instruction.renumbered(|value| new[value as usize]);
            if let Instruction::Each { body, .. } = &mut kept {
                let mut moved = std::mem::take(&mut bodies[*body as usize]);
                for table in moved.tables_mut() {
                    let old = *table as usize;
                    *table = *moved_tables[old].get_or_insert_with(|| {
                        finished.tables.push(std::mem::take(&mut tables[old]));
                        finished.tables.len() as u32 - 1
                    });
                }
                *body = finished.bodies.len() as u32;
                finished.bodies.push(moved);
            }
            finished.code.push(kept);
        }
        finished
    }
}

/// Whether what is written is a result, or scratch that something later reads.
fn is_wanted(touch: &Touch, loops: Loops<'_>, read: &[bool]) -> bool {
    touch.at.buffer != Buffer::Scratch || touch.elements(loops).any(|i| read[i])
}

impl Body {
    /// Keeps the outputs that are wanted, and what they need.
    fn keep(&mut self, wanted: &[bool]) {
        let mut i = 0..;
        self.outputs.retain(|_| i.next().is_some_and(|i: usize| wanted[i]));
        let mut needed = vec![false; self.code.len()];
        for output in &self.outputs {
            needed[output.value() as usize] = true;
        }
        for (i, instruction) in self.code.iter().enumerate().rev() {
            if needed[i] {
                instruction.values().for_each(|v| needed[v as usize] = true);
            }
        }
        let mut input_of = vec![None; self.inputs.len()];
        let mut inputs = Vec::new();
        let mut new = vec![Value::MAX; self.code.len()];
        let mut code = Vec::new();
        for (i, instruction) in self.code.iter().enumerate().filter(|(i, _)| needed[*i]) {
            new[i] = code.len() as Value;
            let at = |v: Value| new[v as usize];
            code.push(match *instruction {
                BodyInstruction::Constant(c) => BodyInstruction::Constant(c),
                BodyInstruction::Input(input) => {
                    let number = *input_of[input as usize].get_or_insert_with(|| {
                        inputs.push(self.inputs[input as usize]);
                        inputs.len() as u32 - 1
                    });
                    BodyInstruction::Input(number)
                }
                BodyInstruction::Unary(op, a) => BodyInstruction::Unary(op, at(a)),
                BodyInstruction::Binary(op, a, b) => BodyInstruction::Binary(op, at(a), at(b)),
                BodyInstruction::Select(c, a, b) => BodyInstruction::Select(at(c), at(a), at(b)),
            });
        }
        for output in &mut self.outputs {
            let (LaneOutput::Store(_, v)
            | LaneOutput::AddTo(_, v)
            | LaneOutput::ScatterAdd(_, _, v)
            | LaneOutput::SumTo(_, v)) = output;
            *v = new[*v as usize];
        }
        (self.code, self.inputs) = (code, inputs);
    }

    fn tables_mut(&mut self) -> impl Iterator<Item = &mut u32> {
        let gathered = self.inputs.iter_mut().filter_map(|input| match input {
            LaneInput::Gathered(_, table) => Some(table),
            _ => None,
        });
        let scattered = self.outputs.iter_mut().filter_map(|output| match output {
            LaneOutput::ScatterAdd(_, table, _) => Some(table),
            _ => None,
        });
        gathered.chain(scattered)
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
