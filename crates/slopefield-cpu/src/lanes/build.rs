//! From a plan to steps over lanes: which buffers lie where, regions of scalar code as programs,
//! dense instructions with their operands in rows.

use std::collections::{HashMap, HashSet};

use slopefield_graph::plan::{
    Body, BodyInstruction, Buffer, Instruction, LaneInput, LaneOutput, Plan, Ref,
    Value as PlanValue,
};

use super::dense::Factor;
use super::program::{Op, Output, Pool, Program, Stream};
use super::stages::{Stage, stages};
use crate::dense::table::{MapFn, Table, ZipFn};
use crate::error::CompileError;

/// Base pointers of a call, by index.
pub(super) mod base {
    pub const TIME: u8 = 0;
    pub const STATES: u8 = 1;
    pub const SHARED: u8 = 2;
    pub const OWN: u8 = 3;
    pub const OUT: u8 = 4;
    pub const SCRATCH: u8 = 5;
    pub const POOL: u8 = 6;
    /// The first of those that move from element to element of a loop.
    pub const MOVING: u8 = 7;
    pub const COUNT: usize = 64;
}

/// A base pointer that moves with the elements of a loop: at element `i` it is `step` bytes times `i`,
/// or times entry `i` of the table, behind `from`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Move {
    pub from: Stream,
    pub step: usize,
    pub table: Option<u32>,
}

/// One thing to do for a block of lanes.
pub(super) enum Step {
    /// A loop of arithmetic or a call of a vector function.
    Stage(Stage),
    /// `rows` rows of a number.
    Fill {
        to: Stream,
        rows: u32,
        value: f64,
    },
    /// `rows` rows, or numbers into rows where `from` is uniform; added with `add`.
    Copy {
        to: Stream,
        from: Stream,
        rows: u32,
        add: bool,
    },
    Map {
        f: MapFn,
        to: Stream,
        a: Stream,
        rows: u32,
    },
    Zip {
        f: ZipFn,
        to: Stream,
        a: Stream,
        b: Stream,
        rows: u32,
    },
    /// `y (+)= A x`; `a` is uniform or has rows.
    Product {
        y: Stream,
        a: Stream,
        x: Stream,
        factor: Factor,
        add: bool,
    },
    Sum {
        to: Stream,
        a: Stream,
        b: Option<Stream>,
        rows: u32,
    },
    Outer {
        a: Stream,
        x: Stream,
        y: Stream,
        rows: u32,
        cols: u32,
    },
    /// The parts for each of `count` elements, with the bases from [`base::MOVING`] on moved.
    Each {
        moves: Vec<Move>,
        count: u32,
        parts: Vec<Stage>,
    },
}

/// Steps of a plan and the work space they need.
pub(super) struct Steps {
    pub steps: Vec<Step>,
    pub pool: Pool,
    /// Rows of scratch, those of the plan first.
    pub rows: u32,
}

/// Puts the steps of a verified plan for `Eval` together. `own` are the parameters that have rows.
pub(super) fn build(
    plan: &Plan,
    own: &[usize],
    width: usize,
    table: &Table,
) -> Result<Steps, CompileError> {
    let mut b = Builder {
        plan,
        own: own.iter().enumerate().map(|(row, &param)| (param as u32, row as u32)).collect(),
        width,
        table,
        steps: Vec::new(),
        pool: Pool::new(base::POOL),
        constants: 0,
        rows: plan.scratch_len,
        exported: HashMap::new(),
        too_large: false,
    };
    b.constants = b.pool.append(&plan.constants);
    b.build();
    // Offsets were computed in 64 bits and cut; nothing has been run.
    if b.too_large || i64::from(b.rows) * width as i64 * 8 > i64::from(i32::MAX) / 2 {
        let reason = "the arrays of a block of lanes exceed 1 GB, or a loop has more than 57 \
                      inputs and outputs"
            .to_owned();
        return Err(CompileError::CodeGenerator { reason });
    }
    Ok(Steps { steps: b.steps, pool: b.pool, rows: b.rows })
}

struct Builder<'a> {
    plan: &'a Plan,
    /// Rows of parameters that lanes have of their own.
    own: HashMap<u32, u32>,
    width: usize,
    table: &'a Table,
    steps: Vec<Step>,
    pool: Pool,
    /// Where the plan's constants begin in the pool.
    constants: u32,
    rows: u32,
    /// Rows of values that are used in a later region.
    exported: HashMap<PlanValue, u32>,
    too_large: bool,
}

fn is_scalar(instruction: &Instruction) -> bool {
    use Instruction::*;
    matches!(
        instruction,
        Constant(_) | Load(_) | Unary(..) | Binary(..) | Select(..) | Store(..) | AddTo(..)
    )
}

/// The values that a scalar instruction uses.
fn operands(instruction: &Instruction) -> impl Iterator<Item = PlanValue> + use<> {
    use Instruction::*;
    let (values, count) = match *instruction {
        Unary(_, a) | Store(_, a) | AddTo(_, a) => ([a, 0, 0], 1),
        Binary(_, a, b) => ([a, b, 0], 2),
        Select(c, a, b) => ([c, a, b], 3),
        _ => ([0; 3], 0),
    };
    values.into_iter().take(count)
}

impl Builder<'_> {
    fn stream(&mut self, base: u8, element: u32, uniform: bool) -> Stream {
        let bytes = u64::from(element) * 8 * if uniform { 1 } else { self.width as u64 };
        self.too_large |= bytes > i32::MAX as u64 / 2;
        Stream { base, offset: bytes as i32, uniform }
    }

    fn row(&mut self, row: u32) -> Stream {
        self.stream(base::SCRATCH, row, false)
    }

    /// Rows of work space that nothing else uses.
    fn new_rows(&mut self, count: u32) -> Stream {
        let first = self.rows;
        self.rows = self.rows.saturating_add(count);
        self.row(first)
    }

    /// Where an element is.
    fn element(&mut self, at: Ref) -> Stream {
        match at.buffer {
            Buffer::Time => self.stream(base::TIME, 0, false),
            Buffer::States => self.stream(base::STATES, at.offset, false),
            Buffer::Out => self.stream(base::OUT, at.offset, false),
            Buffer::Scratch => self.row(at.offset),
            Buffer::Constants => self.stream(base::POOL, self.constants + at.offset, true),
            Buffer::Params => match self.own.get(&at.offset) {
                Some(&row) => self.stream(base::OWN, row, false),
                None => self.stream(base::SHARED, at.offset, true),
            },
            other => unreachable!("the verifier refuses {other:?} in a plan for Eval"),
        }
    }

    /// Where a run of elements is: rows one after the other or numbers one after the other. Runs of
    /// parameters of which only some are shared are put together in work space first.
    fn run(&mut self, at: Ref, len: u32) -> Stream {
        let elements = at.offset..at.offset.saturating_add(len);
        let mixed = at.buffer == Buffer::Params && {
            let own = elements.clone().filter(|i| self.own.contains_key(i)).count() as u32;
            // Own parameters are in ascending order, so a run of nothing else has adjacent rows.
            own != 0 && own != len
        };
        if !mixed {
            return self.element(at);
        }
        let to = self.new_rows(len);
        for (k, offset) in (0..).zip(elements) {
            let from = self.element(Ref { offset, ..at });
            let to = Stream { offset: to.offset + k * self.width as i32 * 8, ..to };
            self.steps.push(Step::Copy { to, from, rows: 1, add: false });
        }
        to
    }

    /// [`Builder::run`] as rows.
    fn run_in_rows(&mut self, at: Ref, len: u32) -> Stream {
        let from = self.run(at, len);
        if !from.uniform {
            return from;
        }
        let to = self.new_rows(len);
        self.steps.push(Step::Copy { to, from, rows: len, add: false });
        to
    }

    fn build(&mut self) {
        let code = &self.plan.code;
        let regions = regions(code);
        for region in &regions {
            if region.is_scalar {
                for instruction in &code[region.start..region.end] {
                    for v in operands(instruction) {
                        let far = (v as usize) < region.start && !self.is_free(v);
                        if far && !self.exported.contains_key(&v) {
                            self.exported.insert(v, self.rows);
                            self.rows = self.rows.saturating_add(1);
                        }
                    }
                }
            }
        }
        for region in regions {
            if region.is_scalar {
                self.scalar(region.start, region.end);
            } else {
                self.dense(&code[region.start]);
            }
        }
    }

    /// Whether a value can be read again anywhere.
    fn is_free(&self, v: PlanValue) -> bool {
        match self.plan.code[v as usize] {
            Instruction::Constant(_) => true,
            Instruction::Load(at) => at.buffer != Buffer::Scratch,
            _ => false,
        }
    }

    fn scalar(&mut self, start: usize, end: usize) {
        let mut program = Program::default();
        let mut local: HashMap<PlanValue, u32> = HashMap::new();
        let code = &self.plan.code;
        for i in start..end {
            match code[i] {
                Instruction::Unary(f, a) => {
                    let a = self.value(a, start, &mut program, &mut local);
                    local.insert(i as u32, program.push(Op::Unary(f, a)));
                }
                Instruction::Binary(f, a, b) => {
                    let exponent = match code[b as usize] {
                        Instruction::Constant(c) => Some(c),
                        _ => None,
                    };
                    let a = self.value(a, start, &mut program, &mut local);
                    let b = self.value(b, start, &mut program, &mut local);
                    let v = program.push_binary(f, a, b, exponent, self.pool.one());
                    local.insert(i as u32, v);
                }
                Instruction::Select(c, a, b) => {
                    let c = self.value(c, start, &mut program, &mut local);
                    let a = self.value(a, start, &mut program, &mut local);
                    let b = self.value(b, start, &mut program, &mut local);
                    local.insert(i as u32, program.push(Op::Select(c, a, b)));
                }
                Instruction::Load(at) => {
                    let from = self.element(at);
                    local.insert(i as u32, program.push(Op::Input(from)));
                }
                Instruction::Store(at, v) | Instruction::AddTo(at, v) => {
                    let add = matches!(code[i], Instruction::AddTo(..));
                    let value = self.value(v, start, &mut program, &mut local);
                    program.outputs.push(Output { to: self.element(at), value, add });
                }
                _ => {}
            }
            if let Some(&row) = self.exported.get(&(i as u32)) {
                let value = self.value(i as u32, start, &mut program, &mut local);
                program.outputs.push(Output { to: self.row(row), value, add: false });
            }
        }
        let parts = self.stages(&program);
        self.steps.extend(parts.into_iter().map(Step::Stage));
    }

    /// The stages of a program, with rows of their own.
    fn stages(&mut self, program: &Program) -> Vec<Stage> {
        let (width, mut rows) = (self.width as i64, self.rows);
        let stream = |row: u32| Stream {
            base: base::SCRATCH,
            offset: (i64::from(row) * width * 8) as i32,
            uniform: false,
        };
        let parts = stages(program, &mut rows, stream);
        self.rows = rows;
        parts
    }

    /// A loop over elements: the same stages for each, with bases that move.
    fn each(&mut self, body: &Body, count: u32) {
        let mut moves: Vec<(Ref, Move)> = Vec::new();
        let mut program = Program::default();
        let inputs: Vec<Stream> = body
            .inputs
            .iter()
            .map(|input| match *input {
                LaneInput::Uniform(at) => self.element(at),
                LaneInput::Lanes(at) => self.moving(at, None, count, &mut moves),
                LaneInput::Gathered(at, table) => self.moving(at, Some(table), count, &mut moves),
            })
            .collect();
        let number = |v: PlanValue| match body.code[v as usize] {
            BodyInstruction::Constant(c) => Some(c),
            _ => None,
        };
        let mut local = Vec::with_capacity(body.code.len());
        for instruction in &body.code {
            let at = |v: PlanValue| -> u32 { local[v as usize] };
            let value = match *instruction {
                BodyInstruction::Constant(c) => program.push(Op::Input(self.pool.number(c))),
                BodyInstruction::Input(i) => program.push(Op::Input(inputs[i as usize])),
                BodyInstruction::Unary(f, a) => program.push(Op::Unary(f, at(a))),
                BodyInstruction::Binary(f, a, b) => {
                    program.push_binary(f, at(a), at(b), number(b), self.pool.one())
                }
                BodyInstruction::Select(c, a, b) => program.push(Op::Select(at(c), at(a), at(b))),
            };
            local.push(value);
        }
        let mut totals = Vec::new();
        for output in &body.outputs {
            let value = local[output.value() as usize];
            let (to, add) = match *output {
                LaneOutput::Store(at, _) => (self.moving(at, None, count, &mut moves), false),
                LaneOutput::AddTo(at, _) => (self.moving(at, None, count, &mut moves), true),
                LaneOutput::ScatterAdd(at, table, _) => {
                    (self.moving(at, Some(table), count, &mut moves), true)
                }
                LaneOutput::SumTo(at, _) => {
                    let total = self.new_rows(1);
                    self.steps.push(Step::Fill { to: total, rows: 1, value: 0.0 });
                    totals.push((at, total));
                    (total, true)
                }
            };
            program.outputs.push(Output { to, value, add });
        }
        let parts = self.stages(&program);
        let moves = moves.into_iter().map(|(_, m)| m).collect();
        self.steps.push(Step::Each { moves, count, parts });
        for (at, from) in totals {
            let to = self.element(at);
            self.steps.push(Step::Copy { to, from, rows: 1, add: true });
        }
    }

    /// The stream of a run whose element is that of the loop or of a table.
    fn moving(
        &mut self,
        at: Ref,
        table: Option<u32>,
        count: u32,
        moves: &mut Vec<(Ref, Move)>,
    ) -> Stream {
        let stream =
            |k: usize, uniform| Stream { base: base::MOVING + k as u8, offset: 0, uniform };
        if let Some(k) = moves.iter().position(|(run, m)| *run == at && m.table == table) {
            return stream(k, moves[k].1.from.uniform);
        }
        if moves.len() + base::MOVING as usize >= base::COUNT {
            self.too_large = true;
            return stream(0, false);
        }
        let len = match table {
            None => count,
            Some(table) => {
                self.plan.tables[table as usize].iter().max().map_or(0, |&last| last + 1)
            }
        };
        let from = self.run(at, len);
        let step = if from.uniform { 8 } else { self.width * 8 };
        moves.push((at, Move { from, step, table }));
        stream(moves.len() - 1, from.uniform)
    }

    /// A value of the plan in the program of the region from `start`.
    fn value(
        &mut self,
        v: PlanValue,
        start: usize,
        program: &mut Program,
        local: &mut HashMap<PlanValue, u32>,
    ) -> u32 {
        if let Some(&known) = local.get(&v) {
            return known;
        }
        let from = match self.plan.code[v as usize] {
            Instruction::Constant(c) => self.pool.number(c),
            Instruction::Load(at) if self.is_free(v) => self.element(at),
            _ => {
                debug_assert!((v as usize) < start, "values of the region are known");
                let row = self.exported[&v];
                self.row(row)
            }
        };
        let known = program.push(Op::Input(from));
        local.insert(v, known);
        known
    }

    fn dense(&mut self, instruction: &Instruction) {
        let plan = self.plan;
        let step = match *instruction {
            Instruction::Each { body, count } => {
                return self.each(&plan.bodies[body as usize], count);
            }
            Instruction::Layer { y, a, x, bias, activation, rows, cols } => {
                let (r, c) = (rows as usize, cols as usize);
                let factor = Factor { rows: r, cols: c, row_step: c, col_step: 1 };
                let to = self.element(y);
                if let Some(bias) = bias {
                    let from = self.run(bias, rows);
                    self.steps.push(Step::Copy { to, from, rows, add: false });
                }
                let (a, x) = (self.run(a, rows * cols), self.run_in_rows(x, cols));
                self.steps.push(Step::Product { y: to, a, x, factor, add: bias.is_some() });
                let Some(op) = activation else { return };
                Step::Map { f: (self.table.map)(op), to, a: to, rows }
            }
            Instruction::Fill { dst, len, value } => {
                Step::Fill { to: self.element(dst), rows: len, value }
            }
            Instruction::Copy { dst, src, len } => {
                let from = self.run(src, len);
                Step::Copy { to: self.element(dst), from, rows: len, add: false }
            }
            Instruction::Add { dst, src, len } => {
                let from = self.run_in_rows(src, len);
                Step::Copy { to: self.element(dst), from, rows: len, add: true }
            }
            Instruction::Map { op, dst, src, len } => {
                let a = self.run_in_rows(src, len);
                let f = (self.table.map)(op);
                Step::Map { f, to: self.element(dst), a, rows: len }
            }
            Instruction::Zip { op, dst, a, b, len } => {
                let (a, b) = (self.run_in_rows(a, len), self.run_in_rows(b, len));
                let f = (self.table.zip)(op);
                Step::Zip { f, to: self.element(dst), a, b, rows: len }
            }
            Instruction::MatVec { y, a, x, rows, cols, add } => {
                let (r, c) = (rows as usize, cols as usize);
                let factor = Factor { rows: r, cols: c, row_step: c, col_step: 1 };
                let (a, x) = (self.run(a, rows * cols), self.run_in_rows(x, cols));
                Step::Product { y: self.element(y), a, x, factor, add }
            }
            Instruction::MatTVec { y, a, x, rows, cols, add } => {
                let (r, c) = (rows as usize, cols as usize);
                let factor = Factor { rows: c, cols: r, row_step: 1, col_step: c };
                let (a, x) = (self.run(a, rows * cols), self.run_in_rows(x, rows));
                Step::Product { y: self.element(y), a, x, factor, add }
            }
            Instruction::Outer { a, x, y, rows, cols } => {
                let (x, y) = (self.run_in_rows(x, rows), self.run_in_rows(y, cols));
                Step::Outer { a: self.element(a), x, y, rows, cols }
            }
            Instruction::Sum { dst, src, len } => {
                let a = self.run_in_rows(src, len);
                Step::Sum { to: self.element(dst), a, b: None, rows: len }
            }
            Instruction::Dot { dst, a, b, len } => {
                let (a, b) = (self.run_in_rows(a, len), self.run_in_rows(b, len));
                Step::Sum { to: self.element(dst), a, b: Some(b), rows: len }
            }
            _ => unreachable!("scalar instructions come in regions"),
        };
        self.steps.push(step);
    }
}

/// Instructions `start..end`: scalar code in which every load may move before every store, or one
/// dense instruction.
struct Region {
    start: usize,
    end: usize,
    is_scalar: bool,
}

fn regions(code: &[Instruction]) -> Vec<Region> {
    let mut regions: Vec<Region> = Vec::new();
    let mut written: HashSet<Ref> = HashSet::new();
    for (i, instruction) in code.iter().enumerate() {
        let is_scalar = is_scalar(instruction);
        let after_store = matches!(instruction, Instruction::Load(at) if written.contains(at));
        match regions.last_mut() {
            Some(last) if is_scalar && last.is_scalar && !after_store => last.end = i + 1,
            _ => {
                written.clear();
                regions.push(Region { start: i, end: i + 1, is_scalar });
            }
        }
        if let Instruction::Store(at, _) | Instruction::AddTo(at, _) = instruction {
            written.insert(*at);
        }
    }
    regions
}
