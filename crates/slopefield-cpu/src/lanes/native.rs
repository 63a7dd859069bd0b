//! Machine code of one loop: registers are given out on the way, and what is needed again last goes
//! first when they run out (Belády 1966).

use slopefield_graph::plan::{BinaryOp, UnaryOp};

use super::assembler::{
    Arithmetic, Assembler, Bitwise, MAX_BASES, Memory, Operand, Predicate, Reg,
};
use super::order::{Item, order};
use super::program::{Op, Output, Pool, Program, Stream, Value};

/// Where spilled vectors go: slots from this place on, of one vector each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spills {
    pub base: u8,
    pub offset: i32,
}

/// The code of a loop and the number of spill slots it uses, or `None` when the program uses more
/// base pointers than a loop can. `pool` is the base of the numbers.
pub(super) fn emit(
    program: &Program,
    wide: bool,
    pool: u8,
    spills: Spills,
) -> Option<(Vec<u8>, u32)> {
    let mut bases: Vec<u8> = vec![pool, spills.base];
    for op in &program.code {
        if let Op::Input(stream) = op {
            bases.push(stream.base);
        }
    }
    bases.extend(program.outputs.iter().map(|o| o.to.base));
    bases.sort_unstable();
    bases.dedup();
    if bases.len() > MAX_BASES {
        return None;
    }
    let order = order(program);
    let assembler = Assembler::new(wide, &bases);
    let registers = assembler.registers() as usize;
    let values = program
        .code
        .iter()
        .zip(order.uses)
        .zip(&order.fleeting)
        .map(|((op, uses), &fleeting)| Known {
            reg: None,
            slot: None,
            home: match op {
                Op::Input(stream) if !fleeting => Some(memory(*stream)),
                _ => None,
            },
            uses,
        })
        .collect();
    let mut e = Emitter {
        wide,
        pool,
        spills,
        slots: 0,
        free_slots: Vec::new(),
        leaving_slots: Vec::new(),
        assembler,
        values,
        holds: vec![Holds::Nothing; registers],
        locked: 0,
        now: 0,
    };
    for (now, item) in (0..).zip(&order.items) {
        e.now = now;
        match *item {
            Item::Compute(v) => e.operation(v, &program.code[v as usize]),
            Item::Write(k) => e.write(&program.outputs[k as usize]),
        }
        e.unlock();
    }
    Some((e.assembler.finish(), e.slots))
}

fn memory(stream: Stream) -> Memory {
    let Stream { base, offset, uniform } = stream;
    Memory { base, offset, lanes: !uniform, uniform }
}

/// What is known of a value.
struct Known {
    reg: Option<Reg>,
    /// Spill slot that holds it.
    slot: Option<u32>,
    /// Where it can be read at any time.
    home: Option<Memory>,
    /// Items that still use it, the last first.
    uses: Vec<u32>,
}

#[derive(Clone, Copy, PartialEq)]
enum Holds {
    Nothing,
    Value(Value),
    /// Something within the present item.
    Scrap,
}

struct Emitter {
    wide: bool,
    pool: u8,
    spills: Spills,
    slots: u32,
    free_slots: Vec<u32>,
    /// Slots that are free from the next item on: this one may still read them.
    leaving_slots: Vec<u32>,
    assembler: Assembler,
    values: Vec<Known>,
    holds: Vec<Holds>,
    /// Registers that must keep what they hold during the present item.
    locked: u32,
    now: u32,
}

impl Emitter {
    fn slot_memory(&self, slot: u32) -> Memory {
        let offset = self.spills.offset + slot as i32 * i32::from(self.assembler.vector_bytes());
        Memory { base: self.spills.base, offset, lanes: false, uniform: false }
    }

    fn number(&self, offset: i32) -> Memory {
        Memory { base: self.pool, offset, lanes: false, uniform: true }
    }

    fn lock(&mut self, r: Reg) {
        self.locked |= 1 << r;
    }

    /// Ends an item: scraps are free again.
    fn unlock(&mut self) {
        self.locked = 0;
        self.free_slots.append(&mut self.leaving_slots);
        for holds in self.holds.iter_mut().filter(|h| **h == Holds::Scrap) {
            *holds = Holds::Nothing;
        }
    }

    /// A register to write to.
    fn take(&mut self) -> Reg {
        let unlocked = |r: usize| self.locked >> r & 1 == 0;
        let free = (0..self.holds.len()).find(|&r| self.holds[r] == Holds::Nothing && unlocked(r));
        if let Some(r) = free {
            return r as Reg;
        }
        let next_use = |r: usize| match self.holds[r] {
            Holds::Value(v) => self.values[v as usize].uses.last().copied().unwrap_or(u32::MAX),
            _ => 0,
        };
        let r = (0..self.holds.len())
            .filter(|&r| unlocked(r) && matches!(self.holds[r], Holds::Value(_)))
            .max_by_key(|&r| next_use(r))
            .expect("an item locks fewer registers than there are");
        let Holds::Value(v) = self.holds[r] else { unreachable!("just filtered") };
        let known = &self.values[v as usize];
        if known.home.is_none() && known.slot.is_none() {
            let slot = self.free_slots.pop().unwrap_or_else(|| {
                self.slots += 1;
                self.slots - 1
            });
            self.assembler.store(self.slot_memory(slot), r as Reg);
            self.values[v as usize].slot = Some(slot);
        }
        self.values[v as usize].reg = None;
        self.holds[r] = Holds::Nothing;
        r as Reg
    }

    /// A register for use within the present item.
    fn scrap(&mut self) -> Reg {
        let r = self.take();
        self.holds[r as usize] = Holds::Scrap;
        self.lock(r);
        r
    }

    /// A number of the pool as last operand.
    fn number_operand(&mut self, offset: i32) -> Operand {
        if self.wide {
            return Operand::Memory(self.number(offset));
        }
        Operand::Reg(self.number_register(offset))
    }

    fn number_register(&mut self, offset: i32) -> Reg {
        let r = self.scrap();
        self.assembler.load(r, self.number(offset));
        r
    }

    /// Where a value that is in no register can be read.
    fn place(&self, v: Value) -> Memory {
        let known = &self.values[v as usize];
        known
            .home
            .or_else(|| known.slot.map(|slot| self.slot_memory(slot)))
            .expect("a value that was computed is in a register, a slot or its home")
    }

    /// A value in a register, locked.
    fn get(&mut self, v: Value) -> Reg {
        let r = match self.values[v as usize].reg {
            Some(r) => r,
            None => {
                let r = self.take();
                self.assembler.load(r, self.place(v));
                self.hold(r, v);
                r
            }
        };
        self.lock(r);
        r
    }

    fn hold(&mut self, r: Reg, v: Value) {
        self.holds[r as usize] = Holds::Value(v);
        self.values[v as usize].reg = Some(r);
    }

    /// Whether a value is best read from memory by the instruction that uses it.
    fn folds(&self, v: Value) -> bool {
        let known = &self.values[v as usize];
        known.reg.is_none() && known.uses.len() == 1 && (self.wide || !self.place(v).uniform)
    }

    /// A value as last operand.
    fn operand(&mut self, v: Value) -> Operand {
        if self.folds(v) {
            return Operand::Memory(self.place(v));
        }
        Operand::Reg(self.get(v))
    }

    /// Notes that the present item has used its operands; gives back what nobody needs any more.
    fn release(&mut self, values: impl Iterator<Item = Value>) {
        for v in values {
            let known = &mut self.values[v as usize];
            while known.uses.last() == Some(&self.now) {
                known.uses.pop();
            }
            if known.uses.is_empty() {
                if let Some(r) = known.reg.take() {
                    self.holds[r as usize] = Holds::Nothing;
                }
                self.leaving_slots.extend(known.slot.take());
            }
        }
    }

    fn operation(&mut self, v: Value, op: &Op) {
        match *op {
            Op::Input(stream) => {
                // The others are read where they are used.
                if self.values[v as usize].home.is_none() {
                    let r = self.take();
                    self.assembler.load(r, memory(stream));
                    self.hold(r, v);
                }
            }
            Op::Unary(function, a) => self.unary(v, op, function, a),
            Op::Binary(function, a, b) => self.binary(v, op, function, a, b),
            Op::Select(c, a, b) => {
                let (rc, ra, rb) = (self.get(c), self.get(a), self.get(b));
                let zero = self.number_operand(Pool::ZERO);
                let dst = self.scrap();
                self.assembler.compare(dst, Predicate::NotEqual, rc, zero);
                self.assembler.blend(dst, dst, ra, rb);
                self.define(v, op, dst);
            }
        }
    }

    /// Makes the scrap register `dst` hold the value.
    fn define(&mut self, v: Value, op: &Op, dst: Reg) {
        self.release(op.operands());
        if self.values[v as usize].uses.is_empty() {
            return;
        }
        self.hold(dst, v);
    }

    /// The register of the result of one instruction: an operand's own where that is free now.
    fn result(&mut self, v: Value, op: &Op) -> Reg {
        self.release(op.operands());
        // What is written is written after all operands have been read.
        self.locked = 0;
        let scraps: u32 = (0..self.holds.len())
            .filter(|&r| self.holds[r] == Holds::Scrap)
            .fold(0, |mask, r| mask | 1 << r);
        self.locked = scraps;
        let dst = self.take();
        self.hold(dst, v);
        dst
    }

    fn unary(&mut self, v: Value, op: &Op, function: UnaryOp, a: Value) {
        match function {
            UnaryOp::Neg | UnaryOp::Abs => {
                let (bitwise, number) = match function {
                    UnaryOp::Neg => (Bitwise::Xor, Pool::SIGN),
                    _ => (Bitwise::And, Pool::MAGNITUDE),
                };
                let ra = self.get(a);
                let number = self.number_operand(number);
                let dst = self.result(v, op);
                self.assembler.bitwise(bitwise, dst, ra, number);
            }
            UnaryOp::Sqrt => {
                let from = self.operand(a);
                let dst = self.result(v, op);
                self.assembler.sqrt(dst, from);
            }
            UnaryOp::Relu => {
                // The second operand where they are equal or one is NaN.
                let zero = self.number_register(Pool::ZERO);
                let from = self.operand(a);
                let dst = self.result(v, op);
                self.assembler.arithmetic(Arithmetic::Max, dst, zero, from);
            }
            UnaryOp::Not => {
                let ra = self.get(a);
                let zero = self.number_operand(Pool::ZERO);
                self.comparison(v, op, Predicate::Equal, ra, zero);
            }
            UnaryOp::Step => {
                let zero = self.number_register(Pool::ZERO);
                let from = self.operand(a);
                self.comparison(v, op, Predicate::LessEqual, zero, from);
            }
            other => unreachable!("{other:?} is a call"),
        }
    }

    fn binary(&mut self, v: Value, op: &Op, function: BinaryOp, a: Value, b: Value) {
        use BinaryOp::*;
        let compare = |e: &mut Self, predicate, a, b| {
            let ra = e.get(a);
            let from = e.operand(b);
            e.comparison(v, op, predicate, ra, from);
        };
        match function {
            Add | Sub | Mul | Div => {
                // Where order does not matter, what is in memory anyway comes last.
                let swap = matches!(function, Add | Mul) && self.folds(a) && !self.folds(b);
                let (a, b) = if swap { (b, a) } else { (a, b) };
                let ra = self.get(a);
                let from = self.operand(b);
                let dst = self.result(v, op);
                let arithmetic = match function {
                    Add => Arithmetic::Add,
                    Sub => Arithmetic::Sub,
                    Mul => Arithmetic::Mul,
                    _ => Arithmetic::Div,
                };
                self.assembler.arithmetic(arithmetic, dst, ra, from);
            }
            Min | Max => {
                let (ra, rb) = (self.get(a), self.get(b));
                let (least, dst) = (self.scrap(), self.scrap());
                let arithmetic = if function == Min { Arithmetic::Min } else { Arithmetic::Max };
                self.assembler.arithmetic(arithmetic, least, ra, Operand::Reg(rb));
                // That is b where a is NaN; a is wanted.
                self.assembler.compare(dst, Predicate::Equal, ra, Operand::Reg(ra));
                self.assembler.blend(dst, dst, least, ra);
                self.define(v, op, dst);
            }
            Less => compare(self, Predicate::Less, a, b),
            LessEqual => compare(self, Predicate::LessEqual, a, b),
            Greater => compare(self, Predicate::Less, b, a),
            GreaterEqual => compare(self, Predicate::LessEqual, b, a),
            Equal => compare(self, Predicate::Equal, a, b),
            NotEqual => compare(self, Predicate::NotEqual, a, b),
            And | Or => {
                let (ra, rb) = (self.get(a), self.get(b));
                let zero = self.number_operand(Pool::ZERO);
                let (first, dst) = (self.scrap(), self.scrap());
                self.truth(first, Predicate::NotEqual, ra, zero);
                self.truth(dst, Predicate::NotEqual, rb, zero);
                let bitwise = if function == And { Bitwise::And } else { Bitwise::Or };
                self.assembler.bitwise(bitwise, dst, dst, Operand::Reg(first));
                self.define(v, op, dst);
            }
            Pow | Atan2 => unreachable!("{function:?} is a call"),
        }
    }

    fn comparison(&mut self, v: Value, op: &Op, predicate: Predicate, a: Reg, b: Operand) {
        let dst = self.scrap();
        self.truth(dst, predicate, a, b);
        self.define(v, op, dst);
    }

    /// `dst = a predicate b ? 1 : 0`; `dst` is none of the operands.
    fn truth(&mut self, dst: Reg, predicate: Predicate, a: Reg, b: Operand) {
        self.assembler.compare(dst, predicate, a, b);
        let one = self.number(Pool::ONE);
        if self.wide {
            self.assembler.load_masked(dst, one);
        } else {
            let r = self.number_register(Pool::ONE);
            self.assembler.bitwise(Bitwise::And, dst, dst, Operand::Reg(r));
        }
    }

    fn write(&mut self, output: &Output) {
        let to = memory(output.to);
        if output.add {
            let sum = self.scrap();
            self.assembler.load(sum, to);
            let from = self.operand(output.value);
            self.assembler.arithmetic(Arithmetic::Add, sum, sum, from);
            self.assembler.store(to, sum);
        } else {
            let r = self.get(output.value);
            self.assembler.store(to, r);
        }
        self.release(std::iter::once(output.value));
    }
}
