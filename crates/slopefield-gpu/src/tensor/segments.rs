//! A plan cut into pieces that are a program each.

use std::collections::HashMap;

use slopefield_graph::plan::{
    Body, Buffer, Instruction, LaneInput, LaneOutput, Plan, Ref, Run, Value,
};

/// Rows of a matrix from which on its product is made in tiles.
const TILED_ROWS: u32 = 16;
/// Columns from which on it is.
const TILED_COLS: u32 = 8;
/// Operations on the elements of a result from which on threads share them.
const SHARED_WORK: u32 = 16;

/// How a piece is spread over threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spread {
    /// One product of a matrix that all trajectories share, in tiles of rows and trajectories.
    Tiles,
    /// Loops over so many elements; threads take some elements of a trajectory each.
    Elements(u32),
    /// A thread for each trajectory.
    Trajectories,
    /// One sum, over the trajectories, of products of two vectors: the gradient by a matrix that all
    /// share.
    OuterSum,
}

/// A piece of a plan: a plan of its own with the buffers of the whole.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) plan: Plan,
    pub(crate) spread: Spread,
}

/// The pieces in their order, and the work space that they need: values that go from one to another are
/// kept behind what the plan has.
pub(crate) fn segments(plan: &Plan, own: &[usize]) -> (Vec<Segment>, usize) {
    let mut cut = Cut { plan, own, pieces: Vec::new(), piece_of: HashMap::new() };
    for (at, instruction) in plan.code.iter().enumerate() {
        if !is_repeatable(instruction) {
            cut.add(at, instruction);
        }
    }
    cut.finish()
}

/// Whether any piece is a product in tiles.
pub(crate) fn has_tiles(plan: &Plan, own: &[usize]) -> bool {
    let cut = Cut { plan, own, pieces: Vec::new(), piece_of: HashMap::new() };
    plan.code.iter().any(|instruction| cut.spread(instruction) == Spread::Tiles)
}

/// Values that cost nothing to make again.
fn is_repeatable(instruction: &Instruction) -> bool {
    match instruction {
        Instruction::Constant(_) => true,
        Instruction::Load(from) => matches!(
            from.buffer,
            Buffer::Time | Buffer::States | Buffer::Params | Buffer::Constants | Buffer::Weights
        ),
        _ => false,
    }
}

struct Piece {
    spread: Spread,
    code: Vec<usize>,
}

struct Cut<'a> {
    plan: &'a Plan,
    own: &'a [usize],
    pieces: Vec<Piece>,
    /// The piece that makes a value.
    piece_of: HashMap<Value, usize>,
}

impl Cut<'_> {
    fn add(&mut self, at: usize, instruction: &Instruction) {
        let spread = self.spread(instruction);
        let joins = match self.pieces.last() {
            Some(last) if last.spread == spread => match spread {
                Spread::Trajectories => true,
                Spread::Elements(_) => last.code.iter().all(|k| self.together(*k, at)),
                Spread::Tiles | Spread::OuterSum => false,
            },
            _ => false,
        };
        if !joins {
            self.pieces.push(Piece { spread, code: Vec::new() });
        }
        let last = self.pieces.len() - 1;
        self.pieces[last].code.push(at);
        if instruction.defines_value() {
            self.piece_of.insert(at as Value, last);
        }
    }

    /// Whether all trajectories have the same numbers there.
    fn is_common(&self, at: Ref, len: u32) -> bool {
        let run = at.offset as usize..(at.offset + len) as usize;
        match at.buffer {
            Buffer::Constants => true,
            Buffer::Params | Buffer::ParamsGrad => !self.own.iter().any(|i| run.contains(i)),
            _ => false,
        }
    }

    fn spread(&self, instruction: &Instruction) -> Spread {
        let (elements, work) = match *instruction {
            Instruction::MatVec { a, rows, cols, .. }
            | Instruction::Layer { a, rows, cols, .. } => {
                if rows >= TILED_ROWS && cols >= TILED_COLS && self.is_common(a, rows * cols) {
                    return Spread::Tiles;
                }
                (rows, cols)
            }
            Instruction::MatTVec { a, rows, cols, .. } => {
                if cols >= TILED_ROWS && rows >= TILED_COLS && self.is_common(a, rows * cols) {
                    return Spread::Tiles;
                }
                (cols, rows)
            }
            Instruction::Outer { a, rows, cols, .. } => {
                if a.buffer == Buffer::ParamsGrad && self.is_common(a, rows * cols) {
                    return Spread::OuterSum;
                }
                (rows, cols)
            }
            Instruction::Fill { len, .. }
            | Instruction::Copy { len, .. }
            | Instruction::Add { len, .. }
            | Instruction::Map { len, .. }
            | Instruction::Zip { len, .. } => (len, 1),
            Instruction::Each { body, count } => {
                let body = &self.plan.bodies[body as usize];
                if !keeps_to_itself(body) {
                    return Spread::Trajectories;
                }
                (count, body.code.len() as u32)
            }
            _ => return Spread::Trajectories,
        };
        if elements > 1 && elements.saturating_mul(work) >= SHARED_WORK {
            Spread::Elements(elements)
        } else {
            Spread::Trajectories
        }
    }

    /// Whether a thread may do an element of both, one after the other.
    fn together(&self, before: usize, after: usize) -> bool {
        let (before, after) = (&self.plan.code[before], &self.plan.code[after]);
        let same_elements = self.is_pointwise(before) && self.is_pointwise(after);
        let apart = |a: &Run, b: &Run| {
            !(a.writes || b.writes) || !a.meets(b) || (same_elements && a.elements == b.elements)
        };
        let (first, second) = (self.plan.runs(before), self.plan.runs(after));
        first.iter().all(|a| second.iter().all(|b| apart(a, b)))
    }

    /// Whether an element of a result needs the same element of the operands alone.
    fn is_pointwise(&self, instruction: &Instruction) -> bool {
        match instruction {
            Instruction::Fill { .. }
            | Instruction::Copy { .. }
            | Instruction::Add { .. }
            | Instruction::Map { .. }
            | Instruction::Zip { .. } => true,
            Instruction::Each { body, .. } => {
                let lane_by_lane = |input: &LaneInput| matches!(input, LaneInput::Lanes(_));
                self.plan.bodies[*body as usize].inputs.iter().all(lane_by_lane)
            }
            _ => false,
        }
    }

    fn finish(self) -> (Vec<Segment>, usize) {
        let code = &self.plan.code;
        let mut place = HashMap::new();
        for (number, piece) in self.pieces.iter().enumerate() {
            let used = piece.code.iter().flat_map(|at| code[*at].values());
            for value in used.filter(|v| self.piece_of.get(v).is_some_and(|made| *made != number)) {
                let next = self.plan.scratch_len + place.len() as u32;
                place.entry(value).or_insert(Ref { buffer: Buffer::Scratch, offset: next });
            }
        }
        let write = |piece: &Piece| {
            let mut written = Written { code: Vec::new(), values: HashMap::new() };
            for at in &piece.code {
                for value in code[*at].values() {
                    if !written.values.contains_key(&value) {
                        // Made in another piece, or again.
                        let load = place.get(&value).map(|from| Instruction::Load(*from));
                        written.push(load.unwrap_or(code[value as usize]), Some(value));
                    }
                }
                let value = code[*at].defines_value().then_some(*at as Value);
                written.push(written.renamed(code[*at]), value);
                if let Some(to) = value.and_then(|value| place.get(&value)) {
                    let last = written.code.len() as Value - 1;
                    written.push(Instruction::Store(*to, last), None);
                }
            }
            let plan = Plan { code: written.code, ..self.plan.clone() };
            Segment { plan, spread: piece.spread }
        };
        let segments = self.pieces.iter().map(write).collect();
        (segments, self.plan.scratch_len as usize + place.len())
    }
}

/// The code of a piece as it grows, and where in it the values of the plan are.
struct Written {
    code: Vec<Instruction>,
    values: HashMap<Value, Value>,
}

impl Written {
    fn push(&mut self, instruction: Instruction, value: Option<Value>) {
        if let Some(value) = value {
            self.values.insert(value, self.code.len() as Value);
        }
        self.code.push(instruction);
    }

    fn renamed(&self, instruction: Instruction) -> Instruction {
        let v = |value: Value| self.values[&value];
        match instruction {
            Instruction::Unary(op, a) => Instruction::Unary(op, v(a)),
            Instruction::Binary(op, a, b) => Instruction::Binary(op, v(a), v(b)),
            Instruction::Select(c, a, b) => Instruction::Select(v(c), v(a), v(b)),
            Instruction::Store(to, a) => Instruction::Store(to, v(a)),
            Instruction::AddTo(to, a) => Instruction::AddTo(to, v(a)),
            other => other,
        }
    }
}

/// Whether no two elements of a loop touch the same place.
fn keeps_to_itself(body: &Body) -> bool {
    let own = |output: &LaneOutput| matches!(output, LaneOutput::Store(..) | LaneOutput::AddTo(..));
    body.outputs.iter().all(own)
}
