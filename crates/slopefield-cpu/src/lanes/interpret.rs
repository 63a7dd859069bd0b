//! A loop as calls of kernels, one operation over all lanes at a time: for every machine, and what
//! machine code is compared with.

use super::order::{Item, Order, order};
use super::program::{Op, Program, Stream, Value};
use crate::dense::table::{MapFn, Table, ZipFn};

/// One call.
#[derive(Clone, Copy)]
enum Call {
    /// One number into all lanes.
    Fill {
        to: Stream,
        from: Stream,
    },
    Copy {
        to: Stream,
        from: Stream,
    },
    Add {
        to: Stream,
        from: Stream,
    },
    Map {
        f: MapFn,
        to: Stream,
        a: Stream,
    },
    Zip {
        f: ZipFn,
        to: Stream,
        a: Stream,
        b: Stream,
    },
    Select {
        to: Stream,
        c: Stream,
        a: Stream,
        b: Stream,
    },
}

/// A loop as calls.
pub(super) struct Calls {
    calls: Vec<Call>,
}

/// The calls of a loop. Values lie in rows `row(0)`, `row(1)`, ...; also returns how many.
pub(super) fn calls(program: &Program, table: &Table, row: impl Fn(u32) -> Stream) -> (Calls, u32) {
    let Order { items, uses, fleeting } = order(program);
    let mut w = Writer {
        program,
        row,
        rows: 0,
        free: Vec::new(),
        place: vec![None; program.code.len()],
        own: vec![None; program.code.len()],
        uses,
        now: 0,
        calls: Vec::new(),
    };
    for (now, item) in (0..).zip(&items) {
        w.now = now;
        match *item {
            Item::Compute(v) => w.compute(v, fleeting[v as usize], table),
            Item::Write(k) => {
                let output = program.outputs[k as usize];
                let from = w.get(output.value);
                let to = output.to;
                w.calls.push(if output.add {
                    Call::Add { to, from }
                } else {
                    Call::Copy { to, from }
                });
                w.release(std::iter::once(output.value));
            }
        }
    }
    (Calls { calls: w.calls }, w.rows)
}

struct Writer<'a, F> {
    program: &'a Program,
    row: F,
    rows: u32,
    free: Vec<u32>,
    /// Where the lanes of a value are.
    place: Vec<Option<Stream>>,
    /// The row that is the value's own.
    own: Vec<Option<u32>>,
    uses: Vec<Vec<u32>>,
    now: u32,
    calls: Vec<Call>,
}

impl<F: Fn(u32) -> Stream> Writer<'_, F> {
    fn take(&mut self, v: Value) -> Stream {
        let row = self.free.pop().unwrap_or_else(|| {
            self.rows += 1;
            self.rows - 1
        });
        let stream = (self.row)(row);
        self.own[v as usize] = Some(row);
        self.place[v as usize] = Some(stream);
        stream
    }

    fn get(&mut self, v: Value) -> Stream {
        if let Some(place) = self.place[v as usize] {
            return place;
        }
        match self.program.code[v as usize] {
            Op::Input(from) if from.uniform => {
                let to = self.take(v);
                self.calls.push(Call::Fill { to, from });
                to
            }
            Op::Input(from) => from,
            op => unreachable!("{op:?} has been computed"),
        }
    }

    fn release(&mut self, values: impl Iterator<Item = Value>) {
        for v in values {
            let uses = &mut self.uses[v as usize];
            while uses.last() == Some(&self.now) {
                uses.pop();
            }
            if uses.is_empty() {
                self.free.extend(self.own[v as usize].take());
            }
        }
    }
}

impl<F: Fn(u32) -> Stream> Writer<'_, F> {
    fn compute(&mut self, v: Value, fleeting: bool, table: &Table) {
        let op = self.program.code[v as usize];
        if let Op::Input(from) = op {
            if fleeting {
                let to = self.take(v);
                self.calls.push(Call::Copy { to, from });
            }
            return;
        }
        let operands: Vec<Stream> = op.operands().map(|a| self.get(a)).collect();
        // Kernels work lane by lane, so the result may lie where an operand was.
        self.release(op.operands());
        let to = self.take(v);
        self.calls.push(match op {
            Op::Unary(f, _) => Call::Map { f: (table.map)(f), to, a: operands[0] },
            Op::Binary(f, ..) => {
                Call::Zip { f: (table.zip)(f), to, a: operands[0], b: operands[1] }
            }
            _ => Call::Select { to, c: operands[0], a: operands[1], b: operands[2] },
        });
        if self.uses[v as usize].is_empty() {
            self.free.extend(self.own[v as usize].take());
        }
    }
}

impl Calls {
    /// Runs lanes `0..lanes`.
    ///
    /// # Safety
    /// Every stream of the program and of its rows is valid for so many lanes behind its base; the
    /// table's instruction set is there.
    pub(super) unsafe fn run(&self, table: &Table, bases: &[*mut f64], lanes: usize) {
        let at = |stream: Stream| {
            bases[stream.base as usize].wrapping_byte_offset(stream.offset as isize)
        };
        for call in &self.calls {
            // SAFETY: the caller's promise; kernels allow equal runs.
            unsafe {
                match *call {
                    Call::Fill { to, from } => (table.fill)(at(to), *at(from), lanes),
                    Call::Copy { to, from } => (table.copy)(at(to), at(from), lanes),
                    Call::Add { to, from } => (table.add)(at(to), at(from), lanes),
                    Call::Map { f, to, a } => f(at(to), at(a), lanes),
                    Call::Zip { f, to, a, b } => f(at(to), at(a), at(b), lanes),
                    Call::Select { to, c, a, b } => {
                        let (to, c, a, b) = (at(to), at(c), at(a), at(b));
                        for i in 0..lanes {
                            *to.add(i) = if *c.add(i) != 0.0 { *a.add(i) } else { *b.add(i) };
                        }
                    }
                }
            }
        }
    }
}
