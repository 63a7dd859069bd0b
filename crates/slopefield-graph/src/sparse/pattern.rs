//! Which states each output depends on.

use slopefield_kernel::MatrixPattern;
use std::collections::HashMap;

use crate::plan::{
    BinaryOp, Body, BodyInstruction, Buffer, Instruction, LaneInput, LaneOutput, Plan, Ref, UnaryOp,
};

/// The places of a matrix that may differ from zero, column by column (compressed sparse column).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    rows: usize,
    columns: usize,
    /// Where each column begins in `indices`; one more at the end.
    starts: Vec<usize>,
    /// Rows, rising within a column.
    indices: Vec<u32>,
}

impl Pattern {
    /// The pattern of `∂Out/∂States` of a plan for [`crate::plan::Entry::Eval`].
    ///
    /// Every dependency that has a derivative is in it; an entry can still be 0, when values cancel
    /// or a branch is not taken. Comparisons, steps and conditions have no derivative and do not
    /// count, nor do zeros of constant matrices. Systems whose dependencies are too many to list
    /// give full rows.
    #[must_use]
    pub fn of(plan: &Plan) -> Pattern {
        let mut walk = Walk {
            plan,
            sets: Sets::new(plan.shape.states),
            scratch: vec![Sets::EMPTY; plan.scratch_len as usize],
            out: vec![Sets::EMPTY; plan.shape.outputs],
        };
        walk.run();
        let rows = walk.out.iter().map(|set| &*walk.sets.list[*set as usize]);
        Pattern::from_rows(plan.shape.states, rows)
    }

    /// From the columns of each row, in any order.
    pub fn from_rows<'a>(
        columns: usize,
        rows: impl ExactSizeIterator<Item = &'a [u32]> + Clone,
    ) -> Pattern {
        let mut starts = vec![0; columns + 1];
        for column in rows.clone().flatten() {
            starts[*column as usize + 1] += 1;
        }
        for c in 0..columns {
            starts[c + 1] += starts[c];
        }
        let mut next = starts.clone();
        let mut indices = vec![0; starts[columns]];
        let count = rows.len();
        for (row, list) in rows.enumerate() {
            for column in list {
                indices[next[*column as usize]] = row as u32;
                next[*column as usize] += 1;
            }
        }
        Pattern { rows: count, columns, starts, indices }
    }

    /// The same as kernels describe it.
    #[must_use]
    pub fn as_matrix_pattern(&self) -> MatrixPattern<'_> {
        MatrixPattern { height: self.rows, starts: &self.starts, rows: &self.indices }
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// Where each column begins in [`Pattern::indices`], and the end of the last one.
    #[must_use]
    pub fn starts(&self) -> &[usize] {
        &self.starts
    }

    /// The row of each entry, column by column, rising within a column.
    #[must_use]
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// The rows of a column, rising.
    #[must_use]
    pub fn column(&self, column: usize) -> &[u32] {
        &self.indices[self.starts[column]..self.starts[column + 1]]
    }

    /// The first columns.
    #[must_use]
    pub fn left(mut self, columns: usize) -> Pattern {
        let columns = columns.min(self.columns);
        self.starts.truncate(columns + 1);
        self.indices.truncate(self.starts[columns]);
        self.columns = columns;
        self
    }

    /// The pattern with rows and columns exchanged.
    #[must_use]
    pub fn transposed(&self) -> Pattern {
        let columns = (0..self.columns).map(|c| self.column(c));
        Pattern::from_rows(self.rows, columns)
    }
}

/// Sets of states, each kept once and known by a number.
struct Sets {
    list: Vec<Box<[u32]>>,
    known: HashMap<Box<[u32]>, u32>,
    unions: HashMap<(u32, u32), u32>,
    /// Elements of all sets.
    size: usize,
    states: usize,
}

impl Sets {
    const EMPTY: u32 = 0;
    /// Elements of all sets together beyond which new ones are taken as full.
    const MOST: usize = 1 << 26;

    fn new(states: usize) -> Self {
        let empty: Box<[u32]> = Box::new([]);
        Sets {
            list: vec![empty.clone()],
            known: HashMap::from([(empty, Self::EMPTY)]),
            unions: HashMap::new(),
            size: 0,
            states,
        }
    }

    fn intern(&mut self, set: Box<[u32]>) -> u32 {
        if let Some(known) = self.known.get(&set) {
            return *known;
        }
        let number = self.list.len() as u32;
        self.size += set.len();
        self.list.push(set.clone());
        self.known.insert(set, number);
        number
    }

    fn one(&mut self, state: u32) -> u32 {
        self.intern(Box::new([state]))
    }

    fn union(&mut self, a: u32, b: u32) -> u32 {
        if a == b || b == Self::EMPTY {
            return a;
        }
        if a == Self::EMPTY {
            return b;
        }
        let key = (a.min(b), a.max(b));
        if let Some(known) = self.unions.get(&key) {
            return *known;
        }
        let set: Box<[u32]> = if self.size > Self::MOST {
            (0..self.states as u32).collect()
        } else {
            merged(&self.list[a as usize], &self.list[b as usize])
        };
        let number = self.intern(set);
        self.unions.insert(key, number);
        number
    }
}

fn merged(a: &[u32], b: &[u32]) -> Box<[u32]> {
    let mut all = Vec::with_capacity(a.len() + b.len());
    let (mut i, mut j) = (0, 0);
    while i < a.len() && j < b.len() {
        all.push(a[i].min(b[j]));
        let (x, y) = (a[i], b[j]);
        i += usize::from(x <= y);
        j += usize::from(y <= x);
    }
    all.extend(&a[i..]);
    all.extend(&b[j..]);
    all.into()
}

struct Walk<'a> {
    plan: &'a Plan,
    sets: Sets,
    scratch: Vec<u32>,
    out: Vec<u32>,
}

impl Walk<'_> {
    fn run(&mut self) {
        let plan = self.plan;
        let mut values = vec![Sets::EMPTY; plan.code.len()];
        for (i, instruction) in plan.code.iter().enumerate() {
            match *instruction {
                Instruction::Constant(_) => {}
                Instruction::Load(at) => values[i] = self.read(at),
                Instruction::Unary(op, a) => values[i] = through(op, values[a as usize]),
                Instruction::Binary(op, a, b) => {
                    values[i] = self.binary(op, values[a as usize], values[b as usize]);
                }
                Instruction::Select(_, a, b) => {
                    values[i] = self.sets.union(values[a as usize], values[b as usize]);
                }
                Instruction::Store(at, v) => self.write(at, values[v as usize], false),
                Instruction::AddTo(at, v) => self.write(at, values[v as usize], true),
                Instruction::Each { body, count } => self.each(&plan.bodies[body as usize], count),
                _ => self.dense(instruction),
            }
        }
    }

    fn dense(&mut self, instruction: &Instruction) {
        match *instruction {
            Instruction::Fill { dst, len, .. } => {
                (0..len).for_each(|i| self.write(dst.plus(i), Sets::EMPTY, false));
            }
            Instruction::Copy { dst, src, len } | Instruction::Add { dst, src, len } => {
                let add = matches!(instruction, Instruction::Add { .. });
                for i in 0..len {
                    let set = self.read(src.plus(i));
                    self.write(dst.plus(i), set, add);
                }
            }
            Instruction::Map { op, dst, src, len } => {
                for i in 0..len {
                    let set = through(op, self.read(src.plus(i)));
                    self.write(dst.plus(i), set, false);
                }
            }
            Instruction::Zip { op, dst, a, b, len } => {
                for i in 0..len {
                    let (a, b) = (self.read(a.plus(i)), self.read(b.plus(i)));
                    let set = self.binary(op, a, b);
                    self.write(dst.plus(i), set, false);
                }
            }
            Instruction::MatVec { y, a, x, rows, cols, add } => {
                for (i, set) in (0..).zip(self.products(a, x, (rows, cols), (cols, 1))) {
                    self.write(y.plus(i), set, add);
                }
            }
            Instruction::MatTVec { y, a, x, rows, cols, add } => {
                for (i, set) in (0..).zip(self.products(a, x, (cols, rows), (1, cols))) {
                    self.write(y.plus(i), set, add);
                }
            }
            Instruction::Layer { y, a, x, bias, activation, rows, cols } => {
                for (i, set) in (0..).zip(self.products(a, x, (rows, cols), (cols, 1))) {
                    let bias = bias.map_or(Sets::EMPTY, |bias| self.read(bias.plus(i)));
                    let sum = self.sets.union(set, bias);
                    let set = activation.map_or(sum, |op| through(op, sum));
                    self.write(y.plus(i), set, false);
                }
            }
            Instruction::Outer { a, x, y, rows, cols } => {
                for i in 0..rows {
                    for j in 0..cols {
                        let (x, y) = (self.read(x.plus(i)), self.read(y.plus(j)));
                        let set = self.sets.union(x, y);
                        self.write(a.plus(i * cols + j), set, true);
                    }
                }
            }
            Instruction::Sum { dst, src, len } => {
                let set = self.all(src, len);
                self.write(dst, set, false);
            }
            Instruction::Dot { dst, a, b, len } => {
                let (a, b) = (self.all(a, len), self.all(b, len));
                let set = self.sets.union(a, b);
                self.write(dst, set, false);
            }
            Instruction::Custom { op, reverse, dst, src } => {
                // What the code does with which operand is not known.
                let (from, to) = op.sizes(reverse);
                let set = self.all(src, from);
                (0..to).for_each(|i| self.write(dst.plus(i), set, false));
            }
            _ => {} // scalar instructions and loops, which are run above
        }
    }

    fn all(&mut self, run: Ref, len: u32) -> u32 {
        let mut set = Sets::EMPTY;
        for i in 0..len {
            let one = self.read(run.plus(i));
            set = self.sets.union(set, one);
        }
        set
    }

    /// The elements of a product of a matrix with a vector: `count` sums of `len` terms, with these
    /// strides in the matrix. Zeros of fixed matrices are left out.
    fn products(
        &mut self,
        a: Ref,
        x: Ref,
        (count, len): (u32, u32),
        (stride, step): (u32, u32),
    ) -> Vec<u32> {
        let whole = self.all(x, len);
        let mut sets = Vec::with_capacity(count as usize);
        for i in 0..count {
            let mut set = if a.buffer == Buffer::Constants { Sets::EMPTY } else { whole };
            for j in 0..len {
                let at = a.plus(i * stride + j * step);
                let term = match a.buffer {
                    Buffer::Constants if self.plan.constants[at.offset as usize] == 0.0 => continue,
                    Buffer::Constants => self.read(x.plus(j)),
                    Buffer::Scratch | Buffer::States => self.read(at),
                    // Params do not depend on states.
                    _ => break,
                };
                set = self.sets.union(set, term);
            }
            sets.push(set);
        }
        sets
    }

    fn each(&mut self, body: &Body, count: u32) {
        let mut values = vec![Sets::EMPTY; body.code.len()];
        for lane in 0..count {
            for (i, instruction) in body.code.iter().enumerate() {
                values[i] = match *instruction {
                    BodyInstruction::Constant(_) => Sets::EMPTY,
                    BodyInstruction::Input(input) => match body.inputs[input as usize] {
                        LaneInput::Uniform(at) => self.read(at),
                        LaneInput::Lanes(at) => self.read(at.plus(lane)),
                        LaneInput::Gathered(at, table) => {
                            self.read(at.plus(self.plan.tables[table as usize][lane as usize]))
                        }
                    },
                    BodyInstruction::Unary(op, a) => through(op, values[a as usize]),
                    BodyInstruction::Binary(op, a, b) => {
                        self.binary(op, values[a as usize], values[b as usize])
                    }
                    BodyInstruction::Select(_, a, b) => {
                        self.sets.union(values[a as usize], values[b as usize])
                    }
                };
            }
            for output in &body.outputs {
                let set = values[output.value() as usize];
                match *output {
                    LaneOutput::Store(at, _) => self.write(at.plus(lane), set, false),
                    LaneOutput::AddTo(at, _) => self.write(at.plus(lane), set, true),
                    LaneOutput::ScatterAdd(at, table, _) => {
                        let entry = self.plan.tables[table as usize][lane as usize];
                        self.write(at.plus(entry), set, true);
                    }
                    LaneOutput::SumTo(at, _) => self.write(at, set, true),
                }
            }
        }
    }

    fn binary(&mut self, op: BinaryOp, a: u32, b: u32) -> u32 {
        use BinaryOp::*;
        match op {
            Less | LessEqual | Greater | GreaterEqual | Equal | NotEqual | And | Or => Sets::EMPTY,
            Add | Sub | Mul | Div | Pow | Atan2 | Min | Max => self.sets.union(a, b),
        }
    }

    fn read(&mut self, at: Ref) -> u32 {
        match at.buffer {
            Buffer::States => self.sets.one(at.offset),
            Buffer::Scratch => self.scratch[at.offset as usize],
            _ => Sets::EMPTY,
        }
    }

    fn write(&mut self, at: Ref, set: u32, add: bool) {
        let place = match at.buffer {
            Buffer::Scratch => &mut self.scratch,
            Buffer::Out => &mut self.out,
            _ => return,
        };
        let place = &mut place[at.offset as usize];
        let old = *place;
        *place = if add { self.sets.union(old, set) } else { set };
    }
}

/// What a function of one argument depends on; steps have no derivative.
fn through(op: UnaryOp, set: u32) -> u32 {
    use UnaryOp::*;
    match op {
        Not | Sign | Floor | Ceil | Round | Step => Sets::EMPTY,
        _ => set,
    }
}
