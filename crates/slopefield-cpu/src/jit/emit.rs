//! Writes one function of a compiled plan.
//!
//! Scalar values are SSA values of the code generator. Elements of buffers that nothing writes to,
//! numbers and results of gathered calls are loaded again where they are used, because keeping them
//! in registers across calls would spill them anyway (no vector register survives a call in the
//! System V convention) and long live ranges cost compile time.

use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::{self, AbiParam, InstBuilder, MemFlagsData, SigRef, Signature, types};
use cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use cranelift_frontend::FunctionBuilder;
use slopefield_graph::plan::{BinaryOp, Buffer, Instruction, Plan, Ref, UnaryOp, Value};

use super::chunk::Chunks;
use super::fuse::Fused;
use super::pair::{Pair, pair};
use super::schedule::{Function, Schedule, Step, small_power};
use crate::buffers::{buffers, is_by_value, is_read_only};
use crate::dense::table::Table;
use crate::lanes::Loops;
use crate::native::Native;

/// Where things lie in the scratch memory of a compiled plan, in elements.
#[derive(Clone, Copy)]
pub(super) struct ScratchLayout {
    /// First slot of gathered calls; the plan's own scratch comes before.
    pub slots: u32,
    /// First spill slot.
    pub spills: u32,
    /// Work space of loops over elements.
    pub loops: u32,
}

/// Numbers of a plan in one array: its constants, then those of its instructions.
pub(super) struct Pool<'a, T> {
    /// The array, at the address that the code will read.
    pub values: &'a [T],
    /// Index of the number of each `Constant` instruction.
    pub index: &'a [u32],
}

/// Everything about the plan that the function needs.
pub(super) struct Context<'a, T: 'static> {
    pub plan: &'a Plan,
    pub fused: &'a Fused,
    pub schedule: &'a Schedule,
    pub chunks: &'a Chunks,
    pub layout: ScratchLayout,
    pub pool: Pool<'a, T>,
    /// Index tables of loops, at the addresses that the code will read.
    pub tables: &'a [Box<[u32]>],
    /// Loops over elements that have vector code.
    pub loops: &'a Loops,
    pub table: &'static Table<T>,
    /// The processor rounds to whole numbers in one instruction.
    pub has_round: bool,
    pub convention: CallConv,
    pub target: TargetFrontendConfig,
}

/// What is known of a value while the function is written.
#[derive(Clone, Copy, Default)]
struct Known {
    /// The number.
    value: Option<ir::Value>,
    /// For comparisons, the flag.
    flag: Option<ir::Value>,
    /// For loaded values: when it was loaded.
    age: u32,
    epoch: u32,
}

/// A loaded value is used again for so many steps; then it is loaded anew.
const REUSE: u32 = 12;

/// Memory for a pair: valid, but not aligned to its size.
const ANYWHERE: MemFlagsData = MemFlagsData::new().with_notrap();

/// Buffers that live in registers, with the elements that are known.
pub(crate) type Held = Vec<(Buffer, Vec<Option<ir::Value>>)>;

pub(crate) struct Emitter<'a, 'b, T: 'static> {
    pub(super) context: &'a Context<'a, T>,
    pub(crate) builder: FunctionBuilder<'b>,
    /// Argument per buffer of the entry.
    bases: Vec<(Buffer, ir::Value)>,
    held: Held,
    /// A result that waits for its right neighbour, to be stored with it.
    waiting: Option<(Ref, ir::Value)>,
    pool: ir::Value,
    known: Vec<Known>,
    /// Steps written so far.
    now: u32,
    /// Calls made so far; a call ends the life of loaded values.
    pub(super) epoch: u32,
    signatures: Vec<(Signature, SigRef)>,
}

/// The signature of generated functions: a pointer per buffer, or its one element where
/// [`is_by_value`].
pub(super) fn signature<T: Native>(plan: &Plan, convention: CallConv) -> Signature {
    let mut s = Signature::new(convention);
    let kind = |&b: &Buffer| if is_by_value(b) { T::TYPE } else { types::I64 };
    s.params.extend(buffers(plan.entry).iter().map(|b| AbiParam::new(kind(b))));
    s
}

/// Writes a function that hands its arguments to others, one after the other.
pub(super) fn emit_sequence(
    mut builder: FunctionBuilder<'_>,
    callees: &[ir::FuncRef],
    target: TargetFrontendConfig,
) {
    let block = builder.create_block();
    builder.append_block_params_for_function_params(block);
    builder.switch_to_block(block);
    builder.seal_block(block);
    let arguments = builder.block_params(block).to_vec();
    for &callee in callees {
        builder.ins().call(callee, &arguments);
    }
    builder.ins().return_(&[]);
    builder.finalize(target);
}

/// Writes the steps of one chunk.
pub(super) fn emit<T: Native>(
    context: &Context<'_, T>,
    builder: FunctionBuilder<'_>,
    steps: &[Step],
) {
    let (mut e, arguments) = Emitter::new(context, builder);
    e.bases = buffers(context.plan.entry).iter().copied().zip(arguments).collect();
    e.steps(steps);
    e.builder.ins().return_(&[]);
    e.builder.finalize(context.target);
}

impl<'a, 'b, T: Native> Emitter<'a, 'b, T> {
    /// Begins the only block of a function; gives its arguments too.
    pub(super) fn new(
        context: &'a Context<'a, T>,
        builder: FunctionBuilder<'b>,
    ) -> (Self, Vec<ir::Value>) {
        let mut e = Emitter {
            context,
            builder,
            bases: Vec::new(),
            held: Vec::new(),
            waiting: None,
            pool: ir::Value::from_u32(0),
            known: vec![Known::default(); context.plan.code.len()],
            now: 0,
            epoch: 0,
            signatures: Vec::new(),
        };
        let block = e.builder.create_block();
        e.builder.append_block_params_for_function_params(block);
        e.builder.switch_to_block(block);
        e.builder.seal_block(block);
        e.pool = e.address(context.pool.values.as_ptr() as usize);
        let arguments = e.builder.block_params(block).to_vec();
        (e, arguments)
    }
}

impl<T: Native> Emitter<'_, '_, T> {
    fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            self.step(step);
            self.now += 1;
        }
        self.store_waiting();
    }

    /// Writes the whole program, as often as it is called: on the buffers at `bases`, and on `held`
    /// ones, which live in registers.
    pub(crate) fn inline(&mut self, bases: &[(Buffer, ir::Value)], held: Held) {
        self.known.fill(Known::default());
        self.bases.clear();
        self.bases.extend_from_slice(bases);
        self.held = held;
        self.steps(&self.context.schedule.steps);
    }

    /// The elements of a held buffer after [`Emitter::inline`].
    pub(crate) fn held(&self, buffer: Buffer) -> &[Option<ir::Value>] {
        let found = self.held.iter().find(|(held, _)| *held == buffer);
        found.map_or(&[], |(_, elements)| elements)
    }

    /// How functions are called on this machine.
    pub(crate) fn convention(&self) -> CallConv {
        self.context.convention
    }

    pub(crate) fn address(&mut self, address: usize) -> ir::Value {
        self.builder.ins().iconst(types::I64, address as i64)
    }

    /// What the function was given for a buffer.
    fn argument(&self, buffer: Buffer) -> ir::Value {
        let found = self.bases.iter().find(|(known, _)| *known == buffer);
        found.expect("a verified plan uses buffers of its entry").1
    }

    /// Address of the first element of a buffer.
    fn base(&mut self, buffer: Buffer) -> ir::Value {
        if buffer == Buffer::Constants {
            return self.pool;
        }
        let argument = self.argument(buffer);
        if !is_by_value(buffer) {
            return argument;
        }
        // Rare: a vector operation on the time.
        let size = size_of::<T>() as u32;
        let place = ir::StackSlotData::new(ir::StackSlotKind::ExplicitSlot, size, 3);
        let slot = self.builder.create_sized_stack_slot(place);
        self.builder.ins().stack_store(types::I64, argument, slot, 0);
        self.builder.ins().stack_addr(types::I64, slot, 0)
    }

    /// Base pointer and byte offset of an element. Offsets that do not fit an instruction are
    /// added first.
    fn locate(&mut self, buffer: Buffer, element: u32) -> (ir::Value, i32) {
        let base = self.base(buffer);
        let bytes = i64::from(element) * T::BYTES;
        match i32::try_from(bytes) {
            Ok(offset) => (base, offset),
            Err(_) => (self.builder.ins().iadd_imm_s(base, bytes), 0),
        }
    }

    /// Address of an element, for calls.
    pub(super) fn pointer(&mut self, r: Ref) -> ir::Value {
        let base = self.base(r.buffer);
        match r.offset {
            0 => base,
            n => self.builder.ins().iadd_imm_s(base, i64::from(n) * T::BYTES),
        }
    }

    fn load(&mut self, buffer: Buffer, element: u32) -> ir::Value {
        if let Some((_, elements)) = self.held.iter().find(|(held, _)| *held == buffer) {
            return elements[element as usize]
                .expect("a verified plan reads what has been written");
        }
        if is_by_value(buffer) {
            return self.argument(buffer);
        }
        let (base, offset) = self.locate(buffer, element);
        self.builder.ins().load(T::TYPE, MemFlagsData::trusted(), base, offset)
    }

    /// A number of the pool.
    pub(crate) fn constant(&mut self, index: u32) -> ir::Value {
        self.load(Buffer::Constants, index)
    }

    fn store(&mut self, buffer: Buffer, element: u32, v: ir::Value) {
        if let Some((_, elements)) = self.held.iter_mut().find(|(held, _)| *held == buffer) {
            elements[element as usize] = Some(v);
            return;
        }
        let (base, offset) = self.locate(buffer, element);
        self.builder.ins().store(MemFlagsData::trusted(), v, base, offset);
    }

    /// Two numbers in one register.
    pub(crate) fn side_by_side(&mut self, x: ir::Value, y: ir::Value) -> ir::Value {
        let lanes = T::TYPE.by(2).expect("pairs are made of types that have vectors");
        let both = self.builder.ins().scalar_to_vector(lanes, x);
        self.builder.ins().insertlane(both, y, 1)
    }

    /// Stores a result, two neighbours at once where they come together. Whoever called reads them
    /// as vectors, and a vector made of two stores is only there once both have reached the cache:
    /// longer than it takes to compute a small system.
    fn store_result(&mut self, r: Ref, v: ir::Value) {
        if !T::PAIRS || self.held.iter().any(|(held, _)| *held == r.buffer) {
            return self.store(r.buffer, r.offset, v);
        }
        if let Some((left, first)) = self.waiting.take() {
            if (left.buffer, left.offset + 1) == (r.buffer, r.offset) {
                let both = self.side_by_side(first, v);
                let (base, offset) = self.locate(left.buffer, left.offset);
                self.builder.ins().store(ANYWHERE, both, base, offset);
                return;
            }
            self.store(left.buffer, left.offset, first);
        }
        if r.offset.is_multiple_of(2) {
            self.waiting = Some((r, v));
        } else {
            self.store(r.buffer, r.offset, v);
        }
    }

    /// Stores what waits for a neighbour, before a call would take its register.
    fn store_waiting(&mut self) {
        if let Some((r, v)) = self.waiting.take() {
            self.store(r.buffer, r.offset, v);
        }
    }

    /// The place a value can be loaded from at any time, if there is one.
    fn home(&self, v: Value) -> Option<(Buffer, u32)> {
        let (c, i) = (self.context, v as usize);
        match c.plan.code[i] {
            Instruction::Constant(_) => Some((Buffer::Constants, c.pool.index[i])),
            Instruction::Load(r) if is_read_only(r.buffer) => Some((r.buffer, r.offset)),
            _ => match (c.schedule.slot[i], c.chunks.spill[i]) {
                (Some(slot), _) => Some((Buffer::Scratch, c.layout.slots + slot)),
                (_, Some(slot)) => Some((Buffer::Scratch, c.layout.spills + slot)),
                _ => None,
            },
        }
    }

    /// The number of a value.
    fn get(&mut self, v: Value) -> ir::Value {
        let known = self.known[v as usize];
        let computed_here = known.age == u32::MAX;
        let fresh = known.epoch == self.epoch && self.now.saturating_sub(known.age) < REUSE;
        match (known.value, known.flag) {
            (Some(value), _) if computed_here || fresh => return value,
            (None, Some(flag)) => {
                let (one, zero) = (self.number(1.0), self.number(0.0));
                let value = self.builder.ins().select(flag, one, zero);
                self.known[v as usize].value = Some(value);
                return value;
            }
            _ => {}
        }
        let (buffer, element) =
            self.home(v).expect("a scheduled value is computed in this function or has a home");
        let value = self.load(buffer, element);
        self.known[v as usize] =
            Known { value: Some(value), flag: None, age: self.now, epoch: self.epoch };
        value
    }

    pub(crate) fn number(&mut self, x: f64) -> ir::Value {
        T::constant(&mut self.builder, x)
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Scalar(i) => self.scalar(i),
            Step::Dense(i) => {
                self.store_waiting();
                match self.context.fused.backward(i) {
                    Some(backward) => self.backward(backward),
                    None => self.dense(&self.context.plan.code[i as usize]),
                }
            }
            Step::Gather { slot, value } => {
                let v = self.get(value);
                self.store(Buffer::Scratch, self.context.layout.slots + slot, v);
            }
            Step::GatherPair { slot, values } => {
                let v = self.pair(values);
                let (base, offset) = self.locate(Buffer::Scratch, self.context.layout.slots + slot);
                self.builder.ins().store(ANYWHERE, v, base, offset);
            }
            Step::Call { function, first, len } => self.gathered(function, first, len),
        }
    }

    /// Two values in one register.
    fn pair(&mut self, values: [Value; 2]) -> ir::Value {
        let inner = |v: Value| self.context.schedule.inner[v as usize];
        let lanes = T::TYPE.by(2).expect("pairs are made of types that have vectors");
        let found = match pair(self.context.plan, values, inner) {
            Pair::Run(r) if self.held.iter().any(|(held, _)| *held == r.buffer) => Pair::Apart,
            found => found,
        };
        match found {
            Pair::Same => {
                let x = self.get(values[0]);
                self.builder.ins().splat(lanes, x)
            }
            Pair::Run(r) => {
                let (base, offset) = self.locate(r.buffer, r.offset);
                self.builder.ins().load(lanes, ANYWHERE, base, offset)
            }
            Pair::Apart => {
                let [x, y] = values.map(|v| self.get(v));
                self.side_by_side(x, y)
            }
            Pair::Unary(op, x) => {
                let x = self.pair(x);
                match op {
                    UnaryOp::Neg => self.builder.ins().fneg(x),
                    UnaryOp::Abs => self.builder.ins().fabs(x),
                    _ => self.builder.ins().sqrt(x),
                }
            }
            Pair::Binary(op, x, y) => {
                let (x, y) = (self.pair(x), self.pair(y));
                match op {
                    BinaryOp::Add => self.builder.ins().fadd(x, y),
                    BinaryOp::Sub => self.builder.ins().fsub(x, y),
                    BinaryOp::Mul => self.builder.ins().fmul(x, y),
                    _ => self.builder.ins().fdiv(x, y),
                }
            }
        }
    }

    fn gathered(&mut self, function: Function, first: u32, len: u32) {
        let at = |offset| Ref { buffer: Buffer::Scratch, offset };
        let start = self.context.layout.slots + first;
        let dst = self.pointer(at(start));
        let n = self.builder.ins().iconst(types::I64, i64::from(len));
        match function {
            Function::One(op) => {
                self.call((self.context.table.map)(op) as usize, &[dst, dst, n]);
            }
            Function::Two(op) => {
                let second = self.pointer(at(start + len));
                self.call((self.context.table.zip)(op) as usize, &[dst, dst, second, n]);
            }
        }
    }

    fn scalar(&mut self, i: u32) {
        use Instruction::*;
        let mut flag = None;
        let value = match self.context.plan.code[i as usize] {
            Load(r) => Some(self.load(r.buffer, r.offset)),
            Unary(op, a) => match self.flag_unary(op, a) {
                Some(f) => {
                    flag = Some(f);
                    None
                }
                None => Some(self.unary(op, a)),
            },
            Binary(op, a, b) => match self.flag_binary(op, a, b) {
                Some(f) => {
                    flag = Some(f);
                    None
                }
                None => Some(self.binary(op, a, b)),
            },
            Select(c, a, b) => {
                let (a, b) = (self.get(a), self.get(b));
                let c = self.is_true(c);
                Some(self.builder.ins().select(c, a, b))
            }
            Store(r, a) => {
                let v = self.get(a);
                return match r.buffer {
                    Buffer::Out | Buffer::OutTangent => self.store_result(r, v),
                    _ => self.store(r.buffer, r.offset, v),
                };
            }
            AddTo(r, a) => {
                let v = self.get(a);
                let old = self.load(r.buffer, r.offset);
                let sum = self.builder.ins().fadd(old, v);
                return self.store(r.buffer, r.offset, sum);
            }
            _ => return, // numbers are loaded where they are used; dense ones come as `Step::Dense`
        };
        self.known[i as usize] = Known { value, flag, age: u32::MAX, epoch: 0 };
        if let Some(slot) = self.context.chunks.spill[i as usize] {
            let v = self.get(i);
            self.store(Buffer::Scratch, self.context.layout.spills + slot, v);
        }
    }

    /// Flag of `v != 0`, which NaN fulfils.
    fn is_true(&mut self, v: Value) -> ir::Value {
        if let Some(flag) = self.known[v as usize].flag {
            return flag;
        }
        let (x, zero) = (self.get(v), self.number(0.0));
        self.builder.ins().fcmp(FloatCC::NotEqual, x, zero)
    }

    fn flag_unary(&mut self, op: UnaryOp, a: Value) -> Option<ir::Value> {
        (op == UnaryOp::Not).then(|| {
            let (x, zero) = (self.get(a), self.number(0.0));
            self.builder.ins().fcmp(FloatCC::Equal, x, zero)
        })
    }

    fn flag_binary(&mut self, op: BinaryOp, a: Value, b: Value) -> Option<ir::Value> {
        use BinaryOp::*;
        let code = match op {
            Less => FloatCC::LessThan,
            LessEqual => FloatCC::LessThanOrEqual,
            Greater => FloatCC::GreaterThan,
            GreaterEqual => FloatCC::GreaterThanOrEqual,
            Equal => FloatCC::Equal,
            NotEqual => FloatCC::NotEqual,
            And | Or => {
                let (a, b) = (self.is_true(a), self.is_true(b));
                let ins = self.builder.ins();
                return Some(if op == And { ins.band(a, b) } else { ins.bor(a, b) });
            }
            _ => return None,
        };
        let (a, b) = (self.get(a), self.get(b));
        Some(self.builder.ins().fcmp(code, a, b))
    }

    fn unary(&mut self, op: UnaryOp, a: Value) -> ir::Value {
        let x = self.get(a);
        self.unary_of(op, x)
    }

    pub(super) fn unary_of(&mut self, op: UnaryOp, x: ir::Value) -> ir::Value {
        use UnaryOp::*;
        match op {
            Neg => self.builder.ins().fneg(x),
            Abs => self.builder.ins().fabs(x),
            Sqrt => self.builder.ins().sqrt(x),
            Floor if self.context.has_round => self.builder.ins().floor(x),
            Ceil if self.context.has_round => self.builder.ins().ceil(x),
            Relu => {
                let zero = self.number(0.0);
                // 0 > x is false for NaN, which stays.
                let negative = self.builder.ins().fcmp(FloatCC::GreaterThan, zero, x);
                let zero_or_x = self.builder.ins().select(negative, zero, x);
                // -0 becomes 0 as in the vector code.
                let is_zero = self.builder.ins().fcmp(FloatCC::Equal, x, zero);
                self.builder.ins().select(is_zero, zero, zero_or_x)
            }
            _ => {
                let function = (self.context.table.scalar1)(op) as usize;
                self.call_scalar(function, &[x])
            }
        }
    }

    fn binary(&mut self, op: BinaryOp, a: Value, b: Value) -> ir::Value {
        if let (BinaryOp::Pow, Some(power)) = (op, small_power(self.context.plan, b)) {
            let x = self.get(a);
            return self.power(x, power);
        }
        let (x, y) = (self.get(a), self.get(b));
        self.binary_of(op, x, y)
    }

    pub(super) fn binary_of(&mut self, op: BinaryOp, x: ir::Value, y: ir::Value) -> ir::Value {
        use BinaryOp::*;
        match op {
            Add => self.builder.ins().fadd(x, y),
            Sub => self.builder.ins().fsub(x, y),
            Mul => self.builder.ins().fmul(x, y),
            Div => self.builder.ins().fdiv(x, y),
            Min | Max => {
                let code = if op == Min { FloatCC::LessThan } else { FloatCC::GreaterThan };
                let first = self.builder.ins().fcmp(code, x, y);
                let chosen = self.builder.ins().select(first, x, y);
                let is_nan = self.builder.ins().fcmp(FloatCC::Unordered, x, x);
                self.builder.ins().select(is_nan, x, chosen)
            }
            _ => {
                let function = (self.context.table.scalar2)(op) as usize;
                self.call_scalar(function, &[x, y])
            }
        }
    }

    pub(super) fn power(&mut self, x: ir::Value, power: i32) -> ir::Value {
        match power {
            -1 => {
                let one = self.number(1.0);
                self.builder.ins().fdiv(one, x)
            }
            1 => x,
            _ => {
                let square = self.builder.ins().fmul(x, x);
                match power {
                    2 => square,
                    3 => self.builder.ins().fmul(square, x),
                    _ => self.builder.ins().fmul(square, square),
                }
            }
        }
    }

    fn call_scalar(&mut self, function: usize, arguments: &[ir::Value]) -> ir::Value {
        let mut s = Signature::new(self.context.convention);
        s.params.extend(arguments.iter().map(|_| AbiParam::new(T::TYPE)));
        s.returns.push(AbiParam::new(T::TYPE));
        let call = self.call_with(s, function, arguments);
        self.builder.inst_results(call)[0]
    }

    /// Calls a function without result whose arguments are pointers, lengths and numbers.
    pub(crate) fn call(&mut self, function: usize, arguments: &[ir::Value]) {
        let mut s = Signature::new(self.context.convention);
        let types = arguments.iter().map(|&v| self.builder.func.dfg.value_type(v));
        s.params.extend(types.map(AbiParam::new));
        self.call_with(s, function, arguments);
    }

    fn call_with(&mut self, s: Signature, function: usize, arguments: &[ir::Value]) -> ir::Inst {
        let reference = match self.signatures.iter().find(|(known, _)| *known == s) {
            Some((_, reference)) => *reference,
            None => {
                let reference = self.builder.import_signature(s.clone());
                self.signatures.push((s, reference));
                reference
            }
        };
        self.store_waiting();
        let callee = self.address(function);
        self.epoch += 1;
        self.builder.ins().call_indirect(reference, callee, arguments)
    }
}
