//! Checks that a plan keeps the rules its back ends rely on.
//!
//! Native code runs without bounds checks, so nothing is compiled before this has passed: every
//! buffer is legal for the entry, every run lies inside its buffer, values are defined before
//! they are used, runs do not overlap, scratch is written before it is read, and each element of
//! the result is written exactly once.

use std::ops::Range;

use super::{Buffer, Entry, Instruction, Plan, Ref, Value};

/// Sizes beyond which a plan is refused.
pub mod limits {
    /// Instructions.
    pub const CODE: usize = 1 << 27;
    /// Elements of scratch.
    pub const SCRATCH: u32 = 1 << 28;
    /// Numbers of the plan.
    pub const CONSTANTS: usize = 1 << 27;
    /// States, params or outputs.
    pub const VECTOR: usize = 1 << 28;
}

/// A rule that a plan breaks, with the instruction (`at`, `op`) where there is one.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// More of something than back ends can handle.
    #[error("the plan has {count} {what}; the limit is {limit}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A buffer that the entry does not have, or that may not be used this way.
    #[error("instruction {at} ({op}) may not {access} {buffer:?} in a plan for {entry:?}")]
    Buffer {
        /// Index of the instruction.
        at: usize,
        /// Its name.
        op: &'static str,
        /// `read`, `write` or `add to`.
        access: &'static str,
        /// The buffer.
        buffer: Buffer,
        /// The entry of the plan.
        entry: Entry,
    },
    /// A run that does not lie inside its buffer.
    #[error(
        "instruction {at} ({op}) reaches elements {offset}..{end} of {buffer:?}, which has {len}"
    )]
    Bounds {
        /// Index of the instruction.
        at: usize,
        /// Its name.
        op: &'static str,
        /// The buffer.
        buffer: Buffer,
        /// First element.
        offset: u64,
        /// One past the last element.
        end: u64,
        /// Length of the buffer.
        len: u64,
    },
    /// A matrix without rows or without columns.
    #[error("instruction {at} ({op}) works on a matrix of {rows} by {cols}")]
    EmptyMatrix {
        /// Index of the instruction.
        at: usize,
        /// Its name.
        op: &'static str,
        /// Rows.
        rows: u32,
        /// Columns.
        cols: u32,
    },
    /// A value that is not defined by an earlier scalar instruction.
    #[error("instruction {at} ({op}) uses value {value}, which no earlier instruction defines")]
    Undefined {
        /// Index of the instruction.
        at: usize,
        /// Its name.
        op: &'static str,
        /// The value.
        value: Value,
    },
    /// A destination that overlaps an operand.
    #[error("instruction {at} ({op}) writes to {buffer:?} from {offset} where it also reads")]
    Overlap {
        /// Index of the instruction.
        at: usize,
        /// Its name.
        op: &'static str,
        /// The buffer.
        buffer: Buffer,
        /// First element of the destination.
        offset: u32,
    },
    /// Scratch that is read, or added to, before anything was written there.
    #[error("instruction {at} ({op}) reads element {element} of Scratch before it is written")]
    Uninitialised {
        /// Index of the instruction.
        at: usize,
        /// Its name.
        op: &'static str,
        /// The element.
        element: usize,
    },
    /// An element of the result that is written a second time.
    #[error("instruction {at} ({op}) writes element {element} of {buffer:?} a second time")]
    WrittenTwice {
        /// Index of the instruction.
        at: usize,
        /// Its name.
        op: &'static str,
        /// The buffer.
        buffer: Buffer,
        /// The element.
        element: usize,
    },
    /// An element of the result that is never written.
    #[error("no instruction writes element {element} of {buffer:?}")]
    NeverWritten {
        /// The buffer.
        buffer: Buffer,
        /// The element.
        element: usize,
    },
}

/// How an instruction touches a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
    Add,
}

#[derive(Debug, Clone, Copy)]
struct Touch {
    at: Ref,
    len: u64,
    access: Access,
    /// The run may be equal to the destination of the same instruction.
    may_equal: bool,
}

fn read(at: Ref, len: u64) -> Touch {
    Touch { at, len, access: Access::Read, may_equal: false }
}

fn in_place(at: Ref, len: u64) -> Touch {
    Touch { may_equal: true, ..read(at, len) }
}

fn put(at: Ref, len: u64, add: bool) -> Touch {
    Touch { access: if add { Access::Add } else { Access::Write }, ..read(at, len) }
}

impl Instruction {
    /// Name in texts and errors.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Instruction::Constant(_) => "constant",
            Instruction::Load(_) => "load",
            Instruction::Unary(..) => "unary",
            Instruction::Binary(..) => "binary",
            Instruction::Select(..) => "select",
            Instruction::Store(..) => "store",
            Instruction::AddTo(..) => "add-to",
            Instruction::Fill { .. } => "fill",
            Instruction::Copy { .. } => "copy",
            Instruction::Add { .. } => "add",
            Instruction::Map { .. } => "map",
            Instruction::Zip { .. } => "zip",
            Instruction::MatVec { .. } => "matvec",
            Instruction::MatTVec { .. } => "mattvec",
            Instruction::Outer { .. } => "outer",
            Instruction::Sum { .. } => "sum",
            Instruction::Dot { .. } => "dot",
        }
    }

    /// Whether it defines an SSA value.
    #[must_use]
    pub fn defines_value(&self) -> bool {
        matches!(
            self,
            Instruction::Constant(_)
                | Instruction::Load(_)
                | Instruction::Unary(..)
                | Instruction::Binary(..)
                | Instruction::Select(..)
        )
    }

    /// The SSA values it uses.
    pub fn values(&self) -> impl Iterator<Item = Value> {
        let (a, b, c) = match *self {
            Instruction::Unary(_, a) | Instruction::Store(_, a) | Instruction::AddTo(_, a) => {
                (Some(a), None, None)
            }
            Instruction::Binary(_, a, b) => (Some(a), Some(b), None),
            Instruction::Select(c, a, b) => (Some(c), Some(a), Some(b)),
            _ => (None, None, None),
        };
        [a, b, c].into_iter().flatten()
    }

    /// The run it writes or adds to, and its elements.
    pub(crate) fn written(&self) -> Option<(Ref, Range<usize>)> {
        let written = self.touches()[0].filter(|touch| touch.access != Access::Read)?;
        Some((written.at, elements(&written)))
    }

    /// The runs it reads or adds to, and their elements.
    pub(crate) fn operands(&self) -> impl Iterator<Item = (Ref, Range<usize>)> {
        let reads = self.touches().into_iter().flatten().filter(|t| t.access != Access::Write);
        reads.map(|touch| (touch.at, elements(&touch)))
    }

    /// The runs it touches; the destination, where there is one, comes first.
    fn touches(&self) -> [Option<Touch>; 3] {
        let long = u64::from;
        match *self {
            Instruction::Constant(_)
            | Instruction::Unary(..)
            | Instruction::Binary(..)
            | Instruction::Select(..) => [None; 3],
            Instruction::Load(r) => [Some(read(r, 1)), None, None],
            Instruction::Store(r, _) => [Some(put(r, 1, false)), None, None],
            Instruction::AddTo(r, _) => [Some(put(r, 1, true)), None, None],
            Instruction::Fill { dst, len, .. } => [Some(put(dst, long(len), false)), None, None],
            Instruction::Copy { dst, src, len } => {
                [Some(put(dst, long(len), false)), Some(read(src, long(len))), None]
            }
            Instruction::Add { dst, src, len } => {
                [Some(put(dst, long(len), true)), Some(read(src, long(len))), None]
            }
            Instruction::Map { dst, src, len, .. } => {
                [Some(put(dst, long(len), false)), Some(in_place(src, long(len))), None]
            }
            Instruction::Zip { dst, a, b, len, .. } => [
                Some(put(dst, long(len), false)),
                Some(in_place(a, long(len))),
                Some(in_place(b, long(len))),
            ],
            Instruction::MatVec { y, a, x, rows, cols, add } => [
                Some(put(y, long(rows), add)),
                Some(read(a, long(rows) * long(cols))),
                Some(read(x, long(cols))),
            ],
            Instruction::MatTVec { y, a, x, rows, cols, add } => [
                Some(put(y, long(cols), add)),
                Some(read(a, long(rows) * long(cols))),
                Some(read(x, long(rows))),
            ],
            Instruction::Outer { a, x, y, rows, cols } => [
                Some(put(a, long(rows) * long(cols), true)),
                Some(read(x, long(rows))),
                Some(read(y, long(cols))),
            ],
            Instruction::Sum { dst, src, len } => {
                [Some(put(dst, 1, false)), Some(read(src, long(len))), None]
            }
            Instruction::Dot { dst, a, b, len } => {
                [Some(put(dst, 1, false)), Some(read(a, long(len))), Some(read(b, long(len)))]
            }
        }
    }
}

impl Plan {
    /// Number of elements of a buffer; 0 for buffers that the entry does not have.
    #[must_use]
    pub fn buffer_len(&self, buffer: Buffer) -> usize {
        let for_entry = |entry: Entry, len: usize| if self.entry == entry { len } else { 0 };
        match buffer {
            Buffer::Time => 1,
            Buffer::States => self.shape.states,
            Buffer::Params => self.shape.params,
            Buffer::TimeTangent => for_entry(Entry::Jvp, 1),
            Buffer::StatesTangent => for_entry(Entry::Jvp, self.shape.states),
            Buffer::ParamsTangent => for_entry(Entry::Jvp, self.shape.params),
            Buffer::Weights => for_entry(Entry::Vjp, self.shape.outputs),
            Buffer::Out => {
                if self.entry == Entry::Vjp {
                    0
                } else {
                    self.shape.outputs
                }
            }
            Buffer::OutTangent => for_entry(Entry::Jvp, self.shape.outputs),
            Buffer::TimeGrad => for_entry(Entry::Vjp, 1),
            Buffer::StatesGrad => for_entry(Entry::Vjp, self.shape.states),
            Buffer::ParamsGrad => for_entry(Entry::Vjp, self.shape.params),
            Buffer::Scratch => self.scratch_len as usize,
            Buffer::Constants => self.constants.len(),
        }
    }

    fn allows(&self, buffer: Buffer, access: Access) -> bool {
        let entry = self.entry;
        match (buffer, access) {
            (Buffer::Time | Buffer::States | Buffer::Params | Buffer::Constants, Access::Read)
            | (Buffer::Scratch, _) => true,
            (Buffer::TimeTangent | Buffer::StatesTangent | Buffer::ParamsTangent, Access::Read)
            | (Buffer::OutTangent, Access::Write) => entry == Entry::Jvp,
            (Buffer::Weights, Access::Read)
            | (Buffer::TimeGrad | Buffer::StatesGrad | Buffer::ParamsGrad, Access::Add) => {
                entry == Entry::Vjp
            }
            (Buffer::Out, Access::Write) => entry != Entry::Vjp,
            _ => false,
        }
    }

    /// Checks all rules of plans; the first that is broken is reported.
    pub fn verify(&self) -> Result<(), PlanError> {
        for (what, count, limit) in [
            ("instructions", self.code.len(), limits::CODE),
            ("elements of scratch", self.scratch_len as usize, limits::SCRATCH as usize),
            ("numbers", self.constants.len(), limits::CONSTANTS),
            ("states", self.shape.states, limits::VECTOR),
            ("params", self.shape.params, limits::VECTOR),
            ("outputs", self.shape.outputs, limits::VECTOR),
        ] {
            if count > limit {
                return Err(PlanError::TooLarge { what, count, limit });
            }
        }
        let mut written = Written {
            scratch: vec![false; self.scratch_len as usize],
            out: vec![false; self.buffer_len(Buffer::Out)],
            tangent: vec![false; self.buffer_len(Buffer::OutTangent)],
        };
        for (at, instruction) in self.code.iter().enumerate() {
            self.verify_instruction(at, instruction, &mut written)?;
        }
        for (buffer, elements) in
            [(Buffer::Out, &written.out), (Buffer::OutTangent, &written.tangent)]
        {
            if let Some(element) = elements.iter().position(|w| !w) {
                return Err(PlanError::NeverWritten { buffer, element });
            }
        }
        Ok(())
    }

    fn verify_instruction(
        &self,
        at: usize,
        instruction: &Instruction,
        written: &mut Written,
    ) -> Result<(), PlanError> {
        let op = instruction.name();
        for value in instruction.values() {
            let defined = (value as usize) < at && self.code[value as usize].defines_value();
            if !defined {
                return Err(PlanError::Undefined { at, op, value });
            }
        }
        if let Instruction::MatVec { rows, cols, .. }
        | Instruction::MatTVec { rows, cols, .. }
        | Instruction::Outer { rows, cols, .. } = *instruction
            && (rows == 0 || cols == 0)
        {
            return Err(PlanError::EmptyMatrix { at, op, rows, cols });
        }
        let touches = instruction.touches();
        for touch in touches.iter().flatten() {
            let buffer = touch.at.buffer;
            if !self.allows(buffer, touch.access) {
                let access = match touch.access {
                    Access::Read => "read",
                    Access::Write => "write",
                    Access::Add => "add to",
                };
                return Err(PlanError::Buffer { at, op, access, buffer, entry: self.entry });
            }
            let (offset, len) = (u64::from(touch.at.offset), self.buffer_len(buffer) as u64);
            // Both terms are products of u32, so the sum can only overflow when absurd.
            let end = offset.saturating_add(touch.len);
            if end > len {
                return Err(PlanError::Bounds { at, op, buffer, offset, end, len });
            }
        }
        // Operands before the destination: an instruction may not read what it writes first.
        if let [Some(dst), operands @ ..] = &touches {
            for operand in operands.iter().flatten() {
                let same = operand.at == dst.at && operand.may_equal;
                let apart = operand.at.buffer != dst.at.buffer
                    || end_of(operand) <= u64::from(dst.at.offset)
                    || end_of(dst) <= u64::from(operand.at.offset);
                if !(same || apart) {
                    let (buffer, offset) = (dst.at.buffer, dst.at.offset);
                    return Err(PlanError::Overlap { at, op, buffer, offset });
                }
            }
        }
        for touch in touches.iter().flatten().filter(|t| t.access != Access::Write) {
            if touch.at.buffer == Buffer::Scratch {
                let run = elements(touch);
                if let Some(i) = written.scratch[run].iter().position(|w| !w) {
                    let element = touch.at.offset as usize + i;
                    return Err(PlanError::Uninitialised { at, op, element });
                }
            }
        }
        for touch in touches.iter().flatten().filter(|t| t.access == Access::Write) {
            let run = elements(touch);
            let buffer = touch.at.buffer;
            let elements = match buffer {
                Buffer::Scratch => &mut written.scratch,
                Buffer::Out => &mut written.out,
                _ => &mut written.tangent,
            };
            for element in run {
                if elements[element] && buffer != Buffer::Scratch {
                    return Err(PlanError::WrittenTwice { at, op, buffer, element });
                }
                elements[element] = true;
            }
        }
        Ok(())
    }
}

struct Written {
    scratch: Vec<bool>,
    out: Vec<bool>,
    tangent: Vec<bool>,
}

fn elements(touch: &Touch) -> Range<usize> {
    touch.at.offset as usize..end_of(touch) as usize
}

fn end_of(touch: &Touch) -> u64 {
    u64::from(touch.at.offset).saturating_add(touch.len)
}
