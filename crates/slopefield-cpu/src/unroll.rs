//! Short loops over elements, written out.
//!
//! A model over seven bodies computes 49 forces in a loop that gathers its inputs by table and adds
//! its results by table. As a loop that costs more than its arithmetic: numbers pass through memory
//! one by one on both sides, force `ij` and force `ji` share nothing, and a whole step cannot be
//! made of it ([`crate::step`]). Written out, every element is a value, equal ones are one, and sums
//! stay in registers.
//!
//! Every number keeps its bits, in `f64` and `f32`: operations are those of the loop in its order;
//! only what is computed twice, and what does nothing, is left out.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use slopefield_graph::plan::{
    BinaryOp, Body, BodyInstruction, Buffer, Instruction, LaneInput, LaneOutput, Plan, Ref,
    UnaryOp, Value,
};

use crate::buffers::is_read_only;

/// Most instructions to write; keeps compilation to a few milliseconds.
const MOST: usize = 4000;

/// Loops from this many lanes on are better done in vectors, if their elements follow each other.
const FEW_LANES: u32 = 16;

/// Longer loops stay loops however their elements lie.
const MOST_LANES: u32 = 64;

/// A verified plan as scalar instructions alone, if that is `wanted`, it has loops and all of them
/// are short. A plan with products of matrices stays as it is.
pub(crate) fn unroll(plan: &Plan, wanted: bool) -> Cow<'_, Plan> {
    if !wanted || !pays(plan) {
        return Cow::Borrowed(plan);
    }
    let mut writer = Writer::new(plan);
    match plan.code.iter().try_for_each(|instruction| writer.instruction(instruction)) {
        Some(()) => Cow::Owned(writer.finish()),
        None => Cow::Borrowed(plan),
    }
}

/// Whether there is something to write out and it is short.
fn pays(plan: &Plan) -> bool {
    use Instruction::*;
    let mut length = 0;
    let mut loops = false;
    for instruction in &plan.code {
        length += match *instruction {
            Constant(_) | Load(_) | Unary(..) | Binary(..) | Select(..) | Store(..) | AddTo(..) => {
                1
            }
            Fill { len, .. } | Copy { len, .. } | Add { len, .. } => len as usize,
            Map { len, .. } | Zip { len, .. } | Sum { len, .. } if len < FEW_LANES => {
                loops = true;
                len as usize
            }
            Each { body, count } => {
                let body = &plan.bodies[body as usize];
                let short =
                    count < FEW_LANES || (count <= MOST_LANES && is_scattered(plan, body, count));
                if !short {
                    return false;
                }
                loops = true;
                count as usize * (body.code.len() + body.outputs.len())
            }
            _ => return false,
        };
        if length > MOST {
            return false;
        }
    }
    loops
}

/// Whether a loop gathers or adds at places that do not follow each other, which vectors have to do
/// one by one.
fn is_scattered(plan: &Plan, body: &Body, count: u32) -> bool {
    let apart = |table: u32| {
        let entries = &plan.tables[table as usize][..count as usize];
        let breaks = entries.windows(2).filter(|pair| pair[0] + 1 != pair[1]).count();
        (breaks + 1) * 4 > entries.len()
    };
    let gathers =
        |input: &LaneInput| matches!(*input, LaneInput::Gathered(_, table) if apart(table));
    let scatters = |output: &LaneOutput| matches!(*output, LaneOutput::ScatterAdd(_, table, _) if apart(table));
    body.inputs.iter().any(gathers) || body.outputs.iter().any(scatters)
}

/// A value by what defines it, numbers by their bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Constant(u64),
    Load(Ref),
    Unary(UnaryOp, Value),
    Binary(BinaryOp, Value, Value),
    Select(Value, Value, Value),
}

struct Writer<'a> {
    plan: &'a Plan,
    code: Vec<Instruction>,
    /// Whether a value is never −0, by value.
    not_negative_zero: Vec<bool>,
    known: HashMap<Key, Value>,
    /// What has been written to the result and to work space.
    memory: BTreeMap<(Buffer, u32), Value>,
    /// The new value of each of the plan's.
    values: Vec<Value>,
}

impl<'a> Writer<'a> {
    fn new(plan: &'a Plan) -> Self {
        Writer {
            plan,
            code: Vec::new(),
            not_negative_zero: Vec::new(),
            known: HashMap::new(),
            memory: BTreeMap::new(),
            values: Vec::with_capacity(plan.code.len()),
        }
    }

    /// The plan, with what has been written to the result.
    fn finish(mut self) -> Plan {
        for ((buffer, offset), v) in std::mem::take(&mut self.memory) {
            if buffer != Buffer::Scratch {
                self.effect(Instruction::Store(Ref { buffer, offset }, v));
            }
        }
        Plan { code: self.code, ..Plan::new(self.plan.entry, self.plan.shape) }
    }

    /// Writes what an instruction does; `None` for those that are not written out.
    fn instruction(&mut self, instruction: &Instruction) -> Option<()> {
        use Instruction::*;
        let at = |values: &[Value], v: Value| values[v as usize];
        let mut value = 0;
        match *instruction {
            Constant(c) => value = self.constant(c),
            Load(r) => value = self.load(r)?,
            Unary(op, a) => value = self.value(Key::Unary(op, at(&self.values, a))),
            Binary(op, a, b) => value = self.binary(op, at(&self.values, a), at(&self.values, b)),
            Select(c, a, b) => {
                let [c, a, b] = [c, a, b].map(|v| at(&self.values, v));
                value = self.select(c, a, b);
            }
            Store(r, v) => self.store(r, at(&self.values, v)),
            AddTo(r, v) => self.add_to(r, at(&self.values, v))?,
            Fill { dst, len, value } => {
                let v = self.constant(value);
                (0..len).for_each(|i| self.store(plus(dst, i), v));
            }
            Copy { dst, src, len } => {
                // Runs do not overlap, so the order does not matter.
                for i in 0..len {
                    let v = self.load(plus(src, i))?;
                    self.store(plus(dst, i), v);
                }
            }
            Add { dst, src, len } => {
                for i in 0..len {
                    let v = self.load(plus(src, i))?;
                    self.add_to(plus(dst, i), v)?;
                }
            }
            Map { op, dst, src, len } => {
                for i in 0..len {
                    let v = self.load(plus(src, i))?;
                    let v = self.value(Key::Unary(op, v));
                    self.store(plus(dst, i), v);
                }
            }
            Zip { op, dst, a, b, len } => {
                for i in 0..len {
                    let (a, b) = (self.load(plus(a, i))?, self.load(plus(b, i))?);
                    let v = self.binary(op, a, b);
                    self.store(plus(dst, i), v);
                }
            }
            Sum { dst, src, len } => {
                let mut sum = self.constant(0.0);
                for i in 0..len {
                    let v = self.load(plus(src, i))?;
                    sum = self.binary(BinaryOp::Add, sum, v);
                }
                self.store(dst, sum);
            }
            Each { body, count } => self.each(&self.plan.bodies[body as usize], count)?,
            _ => return None,
        }
        self.values.push(value);
        Some(())
    }

    fn each(&mut self, body: &Body, count: u32) -> Option<()> {
        let zero = self.constant(0.0);
        let mut sums = vec![zero; body.outputs.len()];
        for lane in 0..count {
            let tables = &self.plan.tables;
            let entry = |table: u32| tables[table as usize][lane as usize];
            let mut values: Vec<Value> = Vec::with_capacity(body.code.len());
            for instruction in &body.code {
                let at = |v: Value| values[v as usize];
                let value = match *instruction {
                    BodyInstruction::Constant(c) => self.constant(c),
                    BodyInstruction::Input(input) => {
                        self.load(match body.inputs[input as usize] {
                            LaneInput::Uniform(r) => r,
                            LaneInput::Lanes(r) => plus(r, lane),
                            LaneInput::Gathered(r, table) => plus(r, entry(table)),
                        })?
                    }
                    BodyInstruction::Unary(op, a) => self.value(Key::Unary(op, at(a))),
                    BodyInstruction::Binary(op, a, b) => self.binary(op, at(a), at(b)),
                    BodyInstruction::Select(c, a, b) => self.select(at(c), at(a), at(b)),
                };
                values.push(value);
            }
            for (sum, output) in sums.iter_mut().zip(&body.outputs) {
                let v = values[output.value() as usize];
                match *output {
                    LaneOutput::Store(r, _) => self.store(plus(r, lane), v),
                    LaneOutput::AddTo(r, _) => self.add_to(plus(r, lane), v)?,
                    LaneOutput::ScatterAdd(r, table, _) => self.add_to(plus(r, entry(table)), v)?,
                    LaneOutput::SumTo(..) => *sum = self.binary(BinaryOp::Add, *sum, v),
                }
            }
        }
        for (sum, output) in sums.into_iter().zip(&body.outputs) {
            if let LaneOutput::SumTo(r, _) = *output {
                self.add_to(r, sum)?;
            }
        }
        Some(())
    }

    /// The value of an element; `None` for work space that nothing has been written to.
    fn load(&mut self, r: Ref) -> Option<Value> {
        if let Some(v) = self.memory.get(&(r.buffer, r.offset)) {
            return Some(*v);
        }
        match r.buffer {
            Buffer::Constants => Some(self.constant(self.plan.constants[r.offset as usize])),
            buffer if is_read_only(buffer) => Some(self.value(Key::Load(r))),
            _ => None,
        }
    }

    fn store(&mut self, r: Ref, v: Value) {
        self.memory.insert((r.buffer, r.offset), v);
    }

    /// Adds to an element of work space, or of a gradient, which keeps its order of additions.
    fn add_to(&mut self, r: Ref, v: Value) -> Option<()> {
        if r.buffer == Buffer::Scratch {
            let before = self.load(r)?;
            let sum = self.binary(BinaryOp::Add, before, v);
            self.store(r, sum);
        } else {
            self.effect(Instruction::AddTo(r, v));
        }
        Some(())
    }

    fn constant(&mut self, c: f64) -> Value {
        self.value(Key::Constant(c.to_bits()))
    }

    fn as_constant(&self, v: Value) -> Option<f64> {
        match self.code[v as usize] {
            Instruction::Constant(c) => Some(c),
            _ => None,
        }
    }

    fn binary(&mut self, op: BinaryOp, a: Value, b: Value) -> Value {
        let is = |v: Value, c: f64| self.as_constant(v).is_some_and(|x| x.to_bits() == c.to_bits());
        let unsigned = |v: Value| self.not_negative_zero[v as usize];
        match op {
            BinaryOp::Mul if is(a, 1.0) => return b,
            BinaryOp::Mul | BinaryOp::Div if is(b, 1.0) => return a,
            // −0 + 0 is 0; everything else is itself.
            BinaryOp::Add if is(b, 0.0) && unsigned(a) => return a,
            BinaryOp::Add if is(a, 0.0) && unsigned(b) => return b,
            _ => {}
        }
        let key = match op {
            BinaryOp::Mul if a == b => {
                let root = self.mirrored(a);
                Key::Binary(op, root, root)
            }
            BinaryOp::Add | BinaryOp::Mul => Key::Binary(op, a.min(b), a.max(b)),
            _ => Key::Binary(op, a, b),
        };
        self.value(key)
    }

    /// Of `x − y` and `y − x`, whose squares have the same bits, the one that came first.
    fn mirrored(&self, v: Value) -> Value {
        let Instruction::Binary(BinaryOp::Sub, x, y) = self.code[v as usize] else { return v };
        let other = self.known.get(&Key::Binary(BinaryOp::Sub, y, x));
        other.map_or(v, |other| v.min(*other))
    }

    fn select(&mut self, c: Value, a: Value, b: Value) -> Value {
        match self.as_constant(c) {
            // In single precision a tiny number is 0.
            Some(0.0) => b,
            Some(c) if c as f32 != 0.0 => a,
            _ if a == b => a,
            _ => self.value(Key::Select(c, a, b)),
        }
    }

    fn value(&mut self, key: Key) -> Value {
        if let Some(v) = self.known.get(&key) {
            return *v;
        }
        let unsigned = |v: Value| self.not_negative_zero[v as usize];
        let not_negative_zero = match key {
            // In single precision a tiny negative number is −0.
            Key::Constant(bits) => (f64::from_bits(bits) as f32).to_bits() != (-0.0_f32).to_bits(),
            // Only −0 + −0 is −0.
            Key::Binary(BinaryOp::Add, a, b) => unsigned(a) || unsigned(b),
            Key::Binary(BinaryOp::Mul, a, b) => a == b,
            Key::Unary(UnaryOp::Abs | UnaryOp::Exp, _) => true,
            Key::Unary(UnaryOp::Sqrt, a) => unsigned(a),
            Key::Select(_, a, b) => unsigned(a) && unsigned(b),
            _ => false,
        };
        let v = self.effect(match key {
            Key::Constant(bits) => Instruction::Constant(f64::from_bits(bits)),
            Key::Load(r) => Instruction::Load(r),
            Key::Unary(op, a) => Instruction::Unary(op, a),
            Key::Binary(op, a, b) => Instruction::Binary(op, a, b),
            Key::Select(c, a, b) => Instruction::Select(c, a, b),
        });
        self.not_negative_zero[v as usize] = not_negative_zero;
        self.known.insert(key, v);
        v
    }

    fn effect(&mut self, instruction: Instruction) -> Value {
        self.code.push(instruction);
        self.not_negative_zero.push(false);
        self.code.len() as Value - 1
    }
}

fn plus(r: Ref, elements: u32) -> Ref {
    Ref { offset: r.offset + elements, ..r }
}
