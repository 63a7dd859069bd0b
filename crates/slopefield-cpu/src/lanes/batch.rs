//! A compiled plan as a [`BatchKernel`].

use std::sync::Arc;

use slopefield_graph::plan::{BinaryOp, Entry, Plan, UnaryOp};
use slopefield_kernel::{BatchKernel, BatchPoint, LANE_GROUP, Shape};

use super::build::{Move, Step, base, build};
use super::dense::{LaneTable, Layout, lane_table};
use super::interpret::{Calls, calls};
use super::memory::Executable;
#[cfg(target_arch = "x86_64")]
use super::native::{Spills, emit};
use super::program::{Program, Stream};
use super::stages::{Function, Stage};
use crate::dense::table::{Isa, MapFn, Table, ZipFn, table};
use crate::error::CompileError;

/// How to compile for lanes. The default is best for use; other values are for tests and
/// comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchOptions {
    /// Which kernels to call. Must be available on this machine.
    pub isa: Isa,
    /// Whether arithmetic becomes machine code, where that can be made.
    pub native: bool,
    /// Lanes of a call, a multiple of [`LANE_GROUP`]; `None` chooses by the size of the plan.
    pub width: Option<usize>,
}

impl Default for BatchOptions {
    fn default() -> Self {
        BatchOptions { isa: Isa::best(), native: true, width: None }
    }
}

/// A function compiled for lanes. Cheap to clone; the code is freed with the last clone.
#[derive(Clone)]
pub struct CompiledBatch {
    inner: Arc<Inner>,
}

#[cfg(target_arch = "x86_64")]
type LoopFn = unsafe extern "sysv64" fn(*const *mut f64, usize, usize);

/// A step that can be run.
pub(super) enum Run {
    #[cfg(target_arch = "x86_64")]
    Native(LoopFn),
    Interpreted(Calls),
    /// `rows` rows from `at` in place.
    Map {
        f: MapFn,
        at: Stream,
        rows: u32,
    },
    /// The second operands lie `rows` rows behind.
    Zip {
        f: ZipFn,
        at: Stream,
        rows: u32,
    },
    Dense(Step),
    /// The runs for each of `count` elements.
    Each {
        moves: Vec<Move>,
        count: u32,
        runs: Vec<Run>,
    },
}

/// What runs need besides memory.
pub(super) struct Machine {
    pub table: &'static Table,
    pub lanes: &'static LaneTable,
    /// Index tables of loops over elements.
    pub tables: Arc<Vec<Vec<u32>>>,
}

struct Inner {
    shape: Shape,
    width: usize,
    own: Vec<usize>,
    scratch_len: usize,
    runs: Vec<Run>,
    pool: Vec<f64>,
    machine: Machine,
    is_native: bool,
    /// Last, so that it outlives the addresses above.
    _code: Option<Executable>,
}

/// Scratch is used from its first address that is a multiple of this many bytes.
const ALIGNMENT: usize = 64;

/// Compiles the `Eval` plan of a function for lanes that have the parameters `own` (ascending) of
/// their own and share the others.
///
/// # Errors
/// [`CompileError::Malformed`] for plans that break the rules, [`CompileError::Mismatch`] for plans
/// of another entry, [`CompileError::Operator`] for those with an operator that somebody else computes.
/// Where no machine code can be made, kernels are called instead.
///
/// # Panics
/// When `own` does not ascend or names a parameter that the plan does not have.
pub fn compile_batch(plan: &Plan, own: &[usize]) -> Result<CompiledBatch, CompileError> {
    compile_batch_with(plan, own, BatchOptions::default())
}

/// [`compile_batch`] with options.
///
/// # Errors
/// As for [`compile_batch`].
///
/// # Panics
/// As for [`compile_batch`], and when the instruction set is not available or the width no multiple
/// of [`LANE_GROUP`].
pub fn compile_batch_with(
    plan: &Plan,
    own: &[usize],
    options: BatchOptions,
) -> Result<CompiledBatch, CompileError> {
    if plan.entry != Entry::Eval {
        let (entry, found, shape) = (Entry::Eval, plan.entry, plan.shape);
        return Err(CompileError::Mismatch { entry, found, shape, expected: shape });
    }
    plan.verify().map_err(|source| CompileError::Malformed { entry: Entry::Eval, source })?;
    if let Some(op) = plan.custom() {
        return Err(CompileError::Operator { name: op.name().to_owned() });
    }
    let params = plan.shape.params;
    assert!(own.is_sorted_by(|a, b| a < b) && own.iter().all(|&i| i < params), "{own:?}");
    let width = options.width.unwrap_or_else(|| good_width(plan, own.len()));
    assert!(width > 0 && width.is_multiple_of(LANE_GROUP), "a width of {width} lanes");

    let table = table(options.isa);
    let steps = build(plan, own, width, table)?;
    let mut rows = steps.rows;
    let (runs, code) = link(steps.steps, options.isa, width, options.native, &mut rows);
    let scratch_len = rows as usize * width;
    let spare = ALIGNMENT / size_of::<f64>() - 1;
    Ok(CompiledBatch {
        inner: Arc::new(Inner {
            shape: plan.shape,
            width,
            own: own.to_vec(),
            scratch_len: if scratch_len == 0 { 0 } else { scratch_len + spare },
            is_native: runs.iter().any(Run::is_native),
            runs,
            pool: steps.pool.numbers,
            machine: Machine {
                table,
                lanes: lane_table(options.isa),
                tables: Arc::new(plan.tables.clone()),
            },
            _code: code,
        }),
    })
}

/// Lanes such that the rows of a step stay in a near cache, and no fewer than hide the latency of
/// arithmetic where that is possible.
fn good_width(plan: &Plan, own: usize) -> usize {
    // States, stage, up to eight slopes and the result of a call.
    let rows = 11 * plan.shape.states + own + plan.scratch_len as usize + 16;
    // A matrix is read once per block, so wide blocks pay for longer.
    let has_matrix = plan.code.iter().any(|i| {
        use slopefield_graph::plan::Instruction::*;
        matches!(i, MatVec { .. } | MatTVec { .. })
    });
    let bytes = if has_matrix { 128 << 10 } else { 32 << 10 };
    [64, 32, 16].into_iter().find(|width| rows * width * 8 <= bytes).unwrap_or(LANE_GROUP)
}

impl Run {
    fn is_native(&self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Run::Native(_) => true,
            Run::Each { runs, .. } => runs.iter().any(Run::is_native),
            _ => false,
        }
    }
}

/// Turns steps into runs.
struct Linker<'a> {
    table: &'static Table,
    width: usize,
    /// The first row behind those of the steps; loops use what they need from there on.
    first_free: u32,
    rows: &'a mut u32,
    /// Machine code of the loops in order, as far as they have it.
    #[cfg(target_arch = "x86_64")]
    functions: std::vec::IntoIter<Option<LoopFn>>,
}

/// Turns steps into runs, with machine code where it is wanted and can be made, for the instruction
/// set `isa` and rows of `width` lanes. Adds the rows that loops need to `rows`.
pub(super) fn link(
    steps: Vec<Step>,
    isa: Isa,
    width: usize,
    native: bool,
    rows: &mut u32,
) -> (Vec<Run>, Option<Executable>) {
    let mut linker = Linker {
        table: table(isa),
        width,
        first_free: *rows,
        rows,
        #[cfg(target_arch = "x86_64")]
        functions: Vec::new().into_iter(),
    };
    #[cfg(target_arch = "x86_64")]
    let code = linker.assemble(&steps, isa == Isa::Avx512, native && isa != Isa::Portable);
    #[cfg(not(target_arch = "x86_64"))]
    let (code, _) = (None, native);
    (steps.into_iter().map(|step| linker.run(step)).collect(), code)
}

impl Linker<'_> {
    fn row(&self, row: u32) -> Stream {
        // `build` has refused what does not fit.
        let offset = (u64::from(row) * self.width as u64 * 8) as i32;
        Stream { base: base::SCRATCH, offset, uniform: false }
    }

    /// Makes machine code of the loops that can have it, and returns its owner.
    #[cfg(target_arch = "x86_64")]
    fn assemble(&mut self, steps: &[Step], wide: bool, wanted: bool) -> Option<Executable> {
        let parts = steps.iter().filter(|_| wanted).flat_map(|step| match step {
            Step::Stage(part) => std::slice::from_ref(part),
            Step::Each { parts, .. } => parts,
            _ => &[],
        });
        let spills = Spills { base: base::SCRATCH, offset: self.row(self.first_free).offset };
        let mut most_slots = 0;
        let mut codes = Vec::new();
        let mut has_code = Vec::new();
        for part in parts {
            if let Stage::Loop(program) = part {
                let code = emit(program, wide, base::POOL, spills);
                has_code.push(code.is_some());
                if let Some((bytes, slots)) = code {
                    most_slots = most_slots.max(slots as usize);
                    codes.push(bytes);
                }
            }
        }
        if codes.is_empty() {
            return None;
        }
        // A system that refuses executable memory gets the calls of kernels.
        let (owner, addresses) = Executable::new(&codes).ok()?;
        let lanes = if wide { 8 } else { 4 };
        let rows = (most_slots * lanes).div_ceil(self.width) as u32;
        *self.rows = (*self.rows).max(self.first_free + rows);
        // SAFETY: the assembler writes functions of this signature and convention.
        let function = |f: *const u8| unsafe { std::mem::transmute::<*const u8, LoopFn>(f) };
        let mut addresses = addresses.into_iter();
        let functions: Vec<Option<LoopFn>> = has_code
            .into_iter()
            .map(|has| if has { addresses.next().map(function) } else { None })
            .collect();
        self.functions = functions.into_iter();
        Some(owner)
    }

    fn run(&mut self, step: Step) -> Run {
        match step {
            Step::Stage(part) => self.part(part),
            Step::Each { moves, count, parts } => {
                let runs = parts.into_iter().map(|part| self.part(part)).collect();
                Run::Each { moves, count, runs }
            }
            dense => Run::Dense(dense),
        }
    }

    fn part(&mut self, part: Stage) -> Run {
        match part {
            Stage::Loop(program) => {
                #[cfg(target_arch = "x86_64")]
                if let Some(Some(function)) = self.functions.next() {
                    return Run::Native(function);
                }
                Run::Interpreted(self.interpreted(&program))
            }
            Stage::Call { function: Function::One(f), first, rows } => {
                Run::Map { f: self.map(f), at: self.row(first), rows }
            }
            Stage::Call { function: Function::Two(f), first, rows } => {
                Run::Zip { f: self.zip(f), at: self.row(first), rows }
            }
        }
    }

    fn map(&self, f: UnaryOp) -> MapFn {
        (self.table.map)(f)
    }

    fn zip(&self, f: BinaryOp) -> ZipFn {
        (self.table.zip)(f)
    }

    fn interpreted(&mut self, program: &Program) -> Calls {
        let first = self.first_free;
        let (calls, rows) = calls(program, self.table, |row| self.row(first + row));
        *self.rows = (*self.rows).max(first + rows);
        calls
    }
}

impl CompiledBatch {
    /// Whether arithmetic runs as machine code made for this plan.
    pub fn is_native(&self) -> bool {
        self.inner.is_native
    }
}

#[track_caller]
fn check_len(name: &str, len: usize, expected: usize) {
    assert!(len == expected, "`{name}` has {len} elements instead of {expected}");
}

impl BatchKernel for CompiledBatch {
    fn shape(&self) -> Shape {
        self.inner.shape
    }

    fn width(&self) -> usize {
        self.inner.width
    }

    fn own_params(&self) -> &[usize] {
        &self.inner.own
    }

    fn scratch_len(&self) -> usize {
        self.inner.scratch_len
    }

    fn eval(&self, lanes: usize, at: BatchPoint<'_>, out: &mut [f64], scratch: &mut [f64]) {
        let k = &*self.inner;
        let width = k.width;
        assert!(lanes <= width, "{lanes} lanes are more than {width}");
        check_len("t", at.t.len(), width);
        check_len("u", at.u.len(), k.shape.states * width);
        check_len("shared", at.shared.len(), k.shape.params);
        check_len("own", at.own.len(), k.own.len() * width);
        check_len("out", out.len(), k.shape.outputs * width);
        assert!(scratch.len() >= k.scratch_len, "scratch has {} elements", scratch.len());
        let misplaced = scratch.as_ptr() as usize % ALIGNMENT;
        let skip = (ALIGNMENT - misplaced) % ALIGNMENT / size_of::<f64>();
        let mut bases = [std::ptr::null_mut(); base::COUNT];
        // What is only read is never written through these.
        bases[base::TIME as usize] = at.t.as_ptr().cast_mut();
        bases[base::STATES as usize] = at.u.as_ptr().cast_mut();
        bases[base::SHARED as usize] = at.shared.as_ptr().cast_mut();
        bases[base::OWN as usize] = at.own.as_ptr().cast_mut();
        bases[base::OUT as usize] = out.as_mut_ptr();
        bases[base::SCRATCH as usize] =
            if k.scratch_len == 0 { scratch.as_mut_ptr() } else { scratch[skip..].as_mut_ptr() };
        bases[base::POOL as usize] = k.pool.as_ptr().cast_mut();
        let layout = Layout { width, lanes: lanes.next_multiple_of(LANE_GROUP) };
        if layout.lanes == 0 {
            return;
        }
        for run in &k.runs {
            // SAFETY: the plan was verified; the lengths of the slices have been checked, scratch
            // among them, and hold `width` lanes for every element that the plan may touch.
            unsafe { k.machine.run(run, &mut bases, layout) };
        }
    }
}

impl Machine {
    /// # Safety
    /// Every row of the plan's buffers and of the work space is valid behind its base for
    /// `layout.lanes` lanes, every number behind the bases of numbers.
    pub(super) unsafe fn run(
        &self,
        run: &Run,
        bases: &mut [*mut f64; base::COUNT],
        layout: Layout,
    ) {
        let Layout { width, lanes } = layout;
        if let Run::Each { moves, count, runs } = run {
            for i in 0..*count as usize {
                for (k, m) in moves.iter().enumerate() {
                    let index = m.table.map_or(i, |t| self.tables[t as usize][i] as usize);
                    let from = bases[m.from.base as usize];
                    bases[base::MOVING as usize + k] = from
                        .wrapping_byte_offset(m.from.offset as isize)
                        .wrapping_byte_add(index * m.step);
                }
                for run in runs {
                    // SAFETY: the caller's promise; the verifier has checked tables and runs.
                    unsafe { self.run(run, bases, layout) };
                }
            }
            return;
        }
        let at = |stream: Stream| {
            bases[stream.base as usize].wrapping_byte_offset(stream.offset as isize)
        };
        // Full rows follow each other without a gap and can be treated as one.
        let (rows_at_once, len) = if lanes == width { (usize::MAX, width) } else { (1, lanes) };
        let per_call = |rows: u32| {
            let rows = rows as usize;
            let at_once = rows_at_once.min(rows).max(1);
            (0..rows).step_by(at_once).map(move |row| (row * width, at_once * len))
        };
        // SAFETY: the caller's promise.
        unsafe {
            match run {
                #[cfg(target_arch = "x86_64")]
                Run::Native(f) => f(bases.as_ptr(), 0, lanes * size_of::<f64>()),
                Run::Interpreted(calls) => calls.run(self.table, &*bases, lanes),
                Run::Each { .. } => {} // above
                Run::Map { f, at: stream, rows } => {
                    for (skip, len) in per_call(*rows) {
                        let p = at(*stream).add(skip);
                        f(p, p, len);
                    }
                }
                Run::Zip { f, at: stream, rows } => {
                    let second = *rows as usize * width;
                    for (skip, len) in per_call(*rows) {
                        let p = at(*stream).add(skip);
                        f(p, p, p.add(second), len);
                    }
                }
                Run::Dense(step) => match *step {
                    Step::Stage(_) | Step::Each { .. } => {} // linked above
                    Step::Fill { to, rows, value } => {
                        for (skip, len) in per_call(rows) {
                            (self.table.fill)(at(to).add(skip), value, len);
                        }
                    }
                    Step::Copy { to, from, rows, add } if from.uniform => {
                        debug_assert!(!add, "numbers are put into rows before they are added");
                        for row in 0..rows as usize {
                            let value = *at(from).add(row);
                            (self.table.fill)(at(to).add(row * width), value, lanes);
                        }
                    }
                    Step::Copy { to, from, rows, add } => {
                        let f = if add { self.table.add } else { self.table.copy };
                        for (skip, len) in per_call(rows) {
                            f(at(to).add(skip), at(from).add(skip), len);
                        }
                    }
                    Step::Map { f, to, a, rows } => {
                        for (skip, len) in per_call(rows) {
                            f(at(to).add(skip), at(a).add(skip), len);
                        }
                    }
                    Step::Zip { f, to, a, b, rows } => {
                        for (skip, len) in per_call(rows) {
                            f(at(to).add(skip), at(a).add(skip), at(b).add(skip), len);
                        }
                    }
                    Step::Product { y, a, x, factor, add } => {
                        let f = if a.uniform { self.lanes.product } else { self.lanes.own_product };
                        f(at(y), at(a), at(x), factor, add, layout);
                    }
                    Step::Sum { to, a, b, rows } => {
                        (self.lanes.sum)(
                            at(to),
                            at(a),
                            b.map(|b| at(b).cast_const()),
                            rows as usize,
                            layout,
                        );
                    }
                    Step::Outer { a, x, y, rows, cols } => {
                        (self.lanes.outer)(
                            at(a),
                            at(x),
                            at(y),
                            rows as usize,
                            cols as usize,
                            layout,
                        );
                    }
                },
            }
        }
    }
}
