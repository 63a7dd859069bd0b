//! What an instruction is called, which values it uses and which elements it touches.

use std::ops::Range;

use super::{Body, Buffer, Instruction, LaneInput, LaneOutput, Plan, Ref, Value};

/// How an instruction touches a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
    Add,
}

/// A run of elements that an instruction touches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Touch {
    pub(crate) at: Ref,
    /// Elements from `at` to the last one that is touched.
    pub(super) len: u64,
    pub(super) access: Access,
    /// The run may be equal to a run that the instruction writes.
    pub(super) may_equal: bool,
    /// Only the elements that this table lists are touched.
    pub(super) table: Option<u32>,
}

/// What loops refer to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loops<'a> {
    pub(crate) bodies: &'a [Body],
    pub(crate) tables: &'a [Vec<u32>],
}

impl Touch {
    /// Whether elements are written or added to.
    pub(crate) fn writes(&self) -> bool {
        self.access != Access::Read
    }

    /// Whether the elements' earlier contents matter.
    pub(crate) fn reads(&self) -> bool {
        self.access != Access::Write
    }

    /// From the first to one past the last element.
    pub(super) fn run(&self) -> Range<usize> {
        self.at.offset as usize..self.end() as usize
    }

    pub(super) fn end(&self) -> u64 {
        u64::from(self.at.offset).saturating_add(self.len)
    }

    /// The elements, one by one.
    pub(crate) fn elements<'a>(&self, loops: Loops<'a>) -> impl Iterator<Item = usize> + use<'a> {
        let offset = self.at.offset as usize;
        let table = self.table.map(|table| loops.tables[table as usize].as_slice());
        let run = if table.is_some() { 0..0 } else { self.run() };
        let listed = table.unwrap_or_default().iter().map(move |i| offset + *i as usize);
        run.chain(listed)
    }
}

fn read(at: Ref, len: u64) -> Touch {
    Touch { at, len, access: Access::Read, may_equal: false, table: None }
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
            Instruction::Layer { .. } => "layer",
            Instruction::Each { .. } => "each",
            Instruction::Sum { .. } => "sum",
            Instruction::Dot { .. } => "dot",
            Instruction::Custom { .. } => "custom",
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

    /// The runs it touches, appended to a list. Its body and tables must exist.
    pub(crate) fn touches(&self, loops: Loops<'_>, list: &mut Vec<Touch>) {
        let long = u64::from;
        match *self {
            Instruction::Constant(_)
            | Instruction::Unary(..)
            | Instruction::Binary(..)
            | Instruction::Select(..) => {}
            Instruction::Load(r) => list.push(read(r, 1)),
            Instruction::Store(r, _) => list.push(put(r, 1, false)),
            Instruction::AddTo(r, _) => list.push(put(r, 1, true)),
            Instruction::Fill { dst, len, .. } => list.push(put(dst, long(len), false)),
            Instruction::Copy { dst, src, len } => {
                list.extend([put(dst, long(len), false), read(src, long(len))]);
            }
            Instruction::Add { dst, src, len } => {
                list.extend([put(dst, long(len), true), read(src, long(len))]);
            }
            Instruction::Map { dst, src, len, .. } => {
                list.extend([put(dst, long(len), false), in_place(src, long(len))]);
            }
            Instruction::Zip { dst, a, b, len, .. } => list.extend([
                put(dst, long(len), false),
                in_place(a, long(len)),
                in_place(b, long(len)),
            ]),
            Instruction::MatVec { y, a, x, rows, cols, add } => list.extend([
                put(y, long(rows), add),
                read(a, long(rows) * long(cols)),
                read(x, long(cols)),
            ]),
            Instruction::MatTVec { y, a, x, rows, cols, add } => list.extend([
                put(y, long(cols), add),
                read(a, long(rows) * long(cols)),
                read(x, long(rows)),
            ]),
            Instruction::Outer { a, x, y, rows, cols } => list.extend([
                put(a, long(rows) * long(cols), true),
                read(x, long(rows)),
                read(y, long(cols)),
            ]),
            Instruction::Layer { y, a, x, bias, rows, cols, .. } => {
                list.extend([
                    put(y, long(rows), false),
                    read(a, long(rows) * long(cols)),
                    read(x, long(cols)),
                ]);
                list.extend(bias.map(|bias| read(bias, long(rows))));
            }
            Instruction::Each { body, count } => each(&loops, body, long(count), list),
            Instruction::Sum { dst, src, len } => {
                list.extend([put(dst, 1, false), read(src, long(len))]);
            }
            Instruction::Dot { dst, a, b, len } => {
                list.extend([put(dst, 1, false), read(a, long(len)), read(b, long(len))]);
            }
            Instruction::Custom { op, reverse, dst, src } => {
                let (from, to) = op.sizes(reverse);
                list.extend([put(dst, long(to), false), read(src, long(from))]);
            }
        }
    }
}

/// Elements of a buffer that an instruction touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The buffer.
    pub buffer: Buffer,
    /// From the first to one past the last.
    pub elements: Range<usize>,
    /// Whether their earlier contents matter.
    pub reads: bool,
    /// Whether they are written or added to.
    pub writes: bool,
}

impl Run {
    /// Whether the two have an element in common, or might have where only some are touched.
    #[must_use]
    pub fn meets(&self, other: &Run) -> bool {
        self.buffer == other.buffer
            && self.elements.start < other.elements.end
            && other.elements.start < self.elements.end
    }
}

impl Plan {
    /// The runs that one of the plan's instructions touches; [`Plan::verify`] must have passed.
    #[must_use]
    pub fn runs(&self, instruction: &Instruction) -> Vec<Run> {
        let mut touches = Vec::new();
        instruction.touches(self.loops(), &mut touches);
        let run = |t: &Touch| Run {
            buffer: t.at.buffer,
            elements: t.run(),
            reads: t.reads(),
            writes: t.writes(),
        };
        touches.iter().map(run).collect()
    }
}

fn each(loops: &Loops<'_>, body: u32, count: u64, list: &mut Vec<Touch>) {
    let body = &loops.bodies[body as usize];
    // As far as the largest entry.
    let reach = |table: u32| {
        loops.tables[table as usize].iter().max().map_or(0, |last| u64::from(*last) + 1)
    };
    list.extend(body.outputs.iter().map(|output| match *output {
        LaneOutput::Store(at, _) => put(at, count, false),
        LaneOutput::AddTo(at, _) => put(at, count, true),
        LaneOutput::ScatterAdd(at, table, _) => {
            Touch { table: Some(table), ..put(at, reach(table), true) }
        }
        LaneOutput::SumTo(at, _) => put(at, 1, true),
    }));
    list.extend(body.inputs.iter().map(|input| match *input {
        LaneInput::Uniform(at) => read(at, 1),
        LaneInput::Lanes(at) => in_place(at, count),
        LaneInput::Gathered(at, table) => Touch { table: Some(table), ..read(at, reach(table)) },
    }));
}
