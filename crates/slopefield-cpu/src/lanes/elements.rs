//! Loops over the elements of an array, for kernels of one point: the elements are the lanes.
//!
//! Elements are done in blocks, so that the rows of work space stay in the nearest cache. Inputs at
//! indices of a table are read where they lie when the indices of a block follow each other, as
//! those of neighbours do almost everywhere, and are put into a row first otherwise.

use std::collections::HashMap;
use std::sync::Arc;

use slopefield_graph::plan::{Body, Instruction, LaneInput, LaneOutput, Plan, Ref};

use super::batch::{Machine, Run, link};
use super::build::{Step, base, body_program};
use super::dense::{Layout, lane_table};
use super::memory::Executable;
use super::program::{Output, Pool, Stream};
use super::stages::stages;
use crate::dense::table::{Isa, table};

/// Elements of a block, a multiple of 8.
const BLOCK: usize = 128;
/// Shorter loops are not worth a call.
const FEWEST: u32 = 16;

/// A loop over elements that is done eight or so at a time.
pub(crate) struct ElementLoop {
    machine: Machine,
    runs: Vec<Run>,
    pool: Vec<f64>,
    /// Elements that are done here, the first ones; a multiple of 8.
    elements: usize,
    inputs: Vec<Input>,
    outputs: Vec<Target>,
    rows: u32,
    _code: Option<Executable>,
}

/// The loops of a plan that are done in vectors, by body and number of elements. They stay where they
/// are while this lives, also when it moves.
#[derive(Default)]
pub(crate) struct Loops(HashMap<(u32, u32), Box<ElementLoop>>);

impl Loops {
    /// The loops of a verified plan; none unless `wanted`.
    pub(crate) fn new(plan: &Plan, isa: Isa, wanted: bool) -> Self {
        let mut loops = Loops::default();
        let tables = Arc::new(plan.tables.clone());
        for instruction in plan.code.iter().filter(|_| wanted) {
            if let Instruction::Each { body, count } = *instruction {
                let program = &plan.bodies[body as usize];
                if let Some(code) = element_loop(program, count, &tables, isa) {
                    loops.0.insert((body, count), Box::new(code));
                }
            }
        }
        loops
    }

    /// The loop of a body, if it is done in vectors.
    pub(crate) fn get(&self, body: u32, count: u32) -> Option<&ElementLoop> {
        self.0.get(&(body, count)).map(|code| &**code)
    }

    /// Numbers of work space that any of the loops needs.
    pub(crate) fn work_len(&self) -> u32 {
        self.0.values().map(|code| code.work_len()).max().unwrap_or(0)
    }
}

impl std::fmt::Debug for Loops {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} loops", self.0.len())
    }
}

/// How an input gets to where the loop reads it. `pointer` is the index of the pointer to its run.
enum Input {
    /// One number: copied to this number of the work space.
    Number { pointer: usize, at: usize },
    /// Read where it lies, through this base.
    Lanes { pointer: usize, base: u8 },
    /// By blocks, through this base.
    Gathered { pointer: usize, base: u8, row: u32, table: usize, blocks: Vec<Gather> },
}

/// The elements of a block at the indices of a table.
enum Gather {
    /// They follow each other from this one.
    Run(usize),
    /// They do so in pieces: `(place in the block, first, how many)`.
    Pieces(Vec<(usize, usize, usize)>),
    /// They are all over the place.
    Single,
}

/// What happens to a result.
enum Target {
    /// Written or added where it belongs, through this base.
    Lanes { pointer: usize, base: u8 },
    /// Added at the indices of a table, from a row.
    Scatter { pointer: usize, row: u32, table: usize },
    /// Summed from a row; the sum so far is this number of the work space, and the next one is free.
    Sum { pointer: usize, row: u32, at: usize },
}

/// The loop of a verified body over `count` elements, if it is worth it. Its first
/// [`ElementLoop::elements`] elements are then done by [`run_element_loop`].
fn element_loop(
    body: &Body,
    count: u32,
    tables: &Arc<Vec<Vec<u32>>>,
    isa: Isa,
) -> Option<ElementLoop> {
    if count < FEWEST || isa == Isa::Portable {
        return None;
    }
    let elements = count as usize / 8 * 8;
    let mut rows = 0;
    let mut numbers = 0;
    let mut moving: HashMap<Ref, u8> = HashMap::new();
    let mut next_base = base::MOVING;
    let mut take_base = || {
        next_base += 1;
        (usize::from(next_base) <= base::COUNT).then_some(next_base - 1)
    };
    let mut take_row = || {
        rows += 1;
        rows - 1
    };
    let mut inputs = Vec::new();
    // Numbers come behind all rows, so their places are known last.
    let mut streams = Vec::new();
    for (pointer, input) in body.inputs.iter().enumerate() {
        let moved = |base| Stream { base, offset: 0, uniform: false };
        match *input {
            LaneInput::Uniform(_) => {
                inputs.push(Input::Number { pointer, at: numbers });
                streams.push(Err(numbers));
                numbers += 1;
            }
            LaneInput::Lanes(at) => {
                let base = match moving.get(&at) {
                    Some(&base) => base,
                    None => {
                        let base = take_base()?;
                        inputs.push(Input::Lanes { pointer, base });
                        moving.insert(at, base);
                        base
                    }
                };
                streams.push(Ok(moved(base)));
            }
            LaneInput::Gathered(_, table) => {
                let (base, row) = (take_base()?, take_row());
                let table = table as usize;
                let blocks = tables[table][..elements].chunks(BLOCK).map(gather).collect();
                inputs.push(Input::Gathered { pointer, base, row, table, blocks });
                streams.push(Ok(moved(base)));
            }
        }
    }
    let row_stream = |row: u32| Stream {
        base: base::SCRATCH,
        offset: row as i32 * BLOCK as i32 * 8,
        uniform: false,
    };
    let mut outputs = Vec::new();
    let mut results = Vec::new();
    for (k, output) in body.outputs.iter().enumerate() {
        let pointer = body.inputs.len() + k;
        let (target, to, add) = match *output {
            LaneOutput::Store(at, _) | LaneOutput::AddTo(at, _) => {
                let add = matches!(output, LaneOutput::AddTo(..));
                let base = match moving.get(&at) {
                    Some(&base) => base,
                    None => take_base()?,
                };
                moving.insert(at, base);
                let to = Stream { base, offset: 0, uniform: false };
                (Target::Lanes { pointer, base }, to, add)
            }
            LaneOutput::ScatterAdd(_, table, _) => {
                let row = take_row();
                let table = table as usize;
                (Target::Scatter { pointer, row, table }, row_stream(row), false)
            }
            LaneOutput::SumTo(..) => {
                let (row, at) = (take_row(), numbers);
                numbers += 2;
                (Target::Sum { pointer, row, at }, row_stream(row), false)
            }
        };
        outputs.push(target);
        results.push((to, output.value(), add));
    }
    // Rows for the numbers, in which they lie one after the other.
    let first_number = rows as usize * BLOCK;
    rows += numbers.div_ceil(BLOCK) as u32;
    let streams: Vec<Stream> = streams
        .into_iter()
        .map(|stream| {
            stream.unwrap_or_else(|number| Stream {
                base: base::SCRATCH,
                offset: ((first_number + number) * 8) as i32,
                uniform: true,
            })
        })
        .collect();
    for input in &mut inputs {
        if let Input::Number { at, .. } = input {
            *at += first_number;
        }
    }
    for output in &mut outputs {
        if let Target::Sum { at, .. } = output {
            *at += first_number;
        }
    }
    let mut pool = Pool::new(base::POOL);
    let (mut program, local) = body_program(body, &streams, &mut pool);
    for (to, value, add) in results {
        program.outputs.push(Output { to, value: local[value as usize], add });
    }
    let parts = stages(&program, &mut rows, row_stream);
    let steps = parts.into_iter().map(Step::Stage).collect();
    let (runs, code) = link(steps, isa, BLOCK, true, &mut rows);
    Some(ElementLoop {
        machine: Machine { table: table(isa), lanes: lane_table(isa), tables: tables.clone() },
        runs,
        pool: pool.numbers,
        elements,
        inputs,
        outputs,
        rows,
        _code: code,
    })
}

/// How the elements at these indices lie.
fn gather(indices: &[u32]) -> Gather {
    let mut pieces: Vec<(usize, usize, usize)> = Vec::new();
    for (place, &index) in indices.iter().enumerate() {
        let index = index as usize;
        match pieces.last_mut() {
            Some((_, first, len)) if *first + *len == index => *len += 1,
            _ => pieces.push((place, index, 1)),
        }
    }
    match pieces[..] {
        [(_, first, _)] => Gather::Run(first),
        _ if pieces.len() * 4 <= indices.len() => Gather::Pieces(pieces),
        _ => Gather::Single,
    }
}

impl ElementLoop {
    /// Number of elements done, from the first.
    pub(crate) fn elements(&self) -> u32 {
        self.elements as u32
    }

    /// Numbers of work space.
    fn work_len(&self) -> u32 {
        self.rows * BLOCK as u32
    }

    /// # Safety
    /// As for [`run_element_loop`].
    unsafe fn run(&self, pointers: *const *mut f64, work: *mut f64) {
        // SAFETY: the caller's promise; indices of tables have been verified.
        unsafe {
            let pointer = |k: usize| *pointers.add(k);
            let row = |row: u32| work.add(row as usize * BLOCK);
            for input in &self.inputs {
                if let Input::Number { pointer: k, at } = *input {
                    *work.add(at) = *pointer(k);
                }
            }
            for output in &self.outputs {
                if let Target::Sum { at, .. } = *output {
                    *work.add(at) = 0.0;
                }
            }
            let mut bases = [std::ptr::null_mut(); base::COUNT];
            bases[base::SCRATCH as usize] = work;
            // What is only read is never written through this.
            bases[base::POOL as usize] = self.pool.as_ptr().cast_mut();
            for (block, start) in (0..self.elements).step_by(BLOCK).enumerate() {
                let lanes = BLOCK.min(self.elements - start);
                for input in &self.inputs {
                    match *input {
                        Input::Number { .. } => {}
                        Input::Lanes { pointer: k, base } => {
                            bases[base as usize] = pointer(k).add(start);
                        }
                        Input::Gathered { pointer: k, base, row: r, table, ref blocks } => {
                            let from = pointer(k);
                            bases[base as usize] = row(r);
                            match &blocks[block] {
                                Gather::Run(first) => bases[base as usize] = from.add(*first),
                                Gather::Pieces(pieces) => {
                                    for &(place, first, len) in pieces {
                                        let to = row(r).add(place);
                                        std::ptr::copy_nonoverlapping(from.add(first), to, len);
                                    }
                                }
                                Gather::Single => {
                                    let indices = &self.machine.tables[table][start..][..lanes];
                                    for (i, &index) in indices.iter().enumerate() {
                                        *row(r).add(i) = *from.add(index as usize);
                                    }
                                }
                            }
                        }
                    }
                }
                for output in &self.outputs {
                    if let Target::Lanes { pointer: k, base } = *output {
                        bases[base as usize] = pointer(k).add(start);
                    }
                }
                for run in &self.runs {
                    self.machine.run(run, &mut bases, Layout { width: BLOCK, lanes });
                }
                for output in &self.outputs {
                    match *output {
                        Target::Lanes { .. } => {}
                        Target::Scatter { pointer: k, row: r, table } => {
                            let indices = &self.machine.tables[table][start..][..lanes];
                            for (i, &index) in indices.iter().enumerate() {
                                *pointer(k).add(index as usize) += *row(r).add(i);
                            }
                        }
                        Target::Sum { row: r, at, .. } => {
                            let part = work.add(at + 1);
                            (self.machine.table.sum)(part, row(r), lanes);
                            *work.add(at) += *part;
                        }
                    }
                }
            }
            for output in &self.outputs {
                if let Target::Sum { pointer: k, at, .. } = *output {
                    *pointer(k) += *work.add(at);
                }
            }
        }
    }
}

/// Does the first elements of a loop, for generated code.
///
/// # Safety
/// `this` is alive; `pointers` has a pointer to the run of each input of the body and then of each
/// output, valid as the verifier of plans demands for the elements; `work` has
/// [`ElementLoop::work_len`] numbers that nothing else uses.
pub(crate) unsafe extern "C" fn run_element_loop(
    this: *const ElementLoop,
    pointers: *const *mut f64,
    work: *mut f64,
) {
    // SAFETY: the caller's promise.
    unsafe { (*this).run(pointers, work) }
}
