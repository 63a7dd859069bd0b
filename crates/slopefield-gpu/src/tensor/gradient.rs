//! The programs for gradients of a loss of trajectories that no thread holds.

use slopefield_graph::LoweredModel;
use slopefield_graph::plan::{Buffer, Entry, Instruction, LaneOutput, Plan, Plans, Ref};
use slopefield_solve::{Settings, Tableau};

use crate::checks::{check_model, check_operators};
use crate::dialect::{Dialect, ElementType, SharedArray};
use crate::error::GpuError;
use crate::places::{Array, Places};
use crate::solve_text::Offsets;
use crate::tensor::back::{BackKernels, BackOffsets, BackRows};
use crate::tensor::layout::{COUNTS, SHARED};
use crate::tensor::outer;
use crate::tensor::pieces::{Kernel, kernel};
use crate::tensor::program::{TensorArrays, TensorProgram};
use crate::tensor::segments::{Segment, Spread, segments};
use crate::trajectories::Trajectories;

/// The arrays of the reverse pass, in the order of their bindings: those of the solve, but for what it
/// counts.
pub(crate) const SHARED_BACK: [SharedArray; 8] = {
    let mut arrays = SHARED;
    arrays[7] = SharedArray { name: "sums", element: ElementType::Real, writable: true };
    arrays
};

/// The programs for exact gradients of a loss of the states at the save times, of systems whose numbers
/// need not fit into a thread: those of a batched solve, which write down the states of all stages, and
/// those that reverse the steps.
///
/// What is differentiated are the accepted steps as they are, as for [`crate::GradientProgram`].
#[derive(Debug, Clone)]
pub struct TensorGradientProgram {
    pub(crate) forward: TensorProgram,
    vjp: Plan,
    places: Places,
    pub(crate) rows: BackRows,
    pub(crate) product: Vec<Kernel>,
    pub(crate) back: BackKernels,
    /// Where the gradient by each parameter is summed.
    pub(crate) params: ParamSums,
}

/// Where gradients by parameters are.
#[derive(Debug, Clone)]
pub(crate) struct ParamSums {
    /// Rows of trajectories' own sums: the parameter of each, ascending.
    pub(crate) rows: Vec<usize>,
    /// Matrices: first parameter and number of entries, one after the other.
    pub(crate) matrices: Vec<(usize, usize)>,
    /// Entries of all matrices.
    pub(crate) entries: usize,
}

impl ParamSums {
    /// Of the pieces of a reverse product.
    fn of(pieces: &[Segment], params: usize) -> ParamSums {
        let mut touched = vec![false; params];
        let mut matrices = Vec::new();
        for piece in pieces {
            if piece.spread == Spread::OuterSum {
                let (a, _, _, rows, cols) = outer::operands(&piece.plan);
                let matrix = (a.offset as usize, (rows * cols) as usize);
                if !matrices.contains(&matrix) {
                    matrices.push(matrix);
                }
                continue;
            }
            for run in piece.plan.code.iter().flat_map(|instruction| piece.plan.runs(instruction)) {
                if run.buffer == Buffer::ParamsGrad {
                    touched[run.elements].fill(true);
                }
            }
        }
        let rows = (0..params).filter(|i| touched[*i]).collect();
        let entries = matrices.iter().map(|(_, len)| len).sum();
        ParamSums { rows, matrices, entries }
    }

    /// Where a matrix begins among all entries.
    fn begin(&self, matrix: (usize, usize)) -> usize {
        self.matrices.iter().take_while(|known| **known != matrix).map(|(_, len)| len).sum()
    }
}

impl TensorGradientProgram {
    /// The programs for the right-hand side of a model, in which every trajectory has a value of its
    /// own for the parameters `own` (ascending).
    ///
    /// # Errors
    /// As for [`TensorProgram::of_model`] and [`TensorGradientProgram::new`].
    pub fn of_model(
        model: &LoweredModel,
        own: &[usize],
        method: &'static Tableau,
        dialect: Dialect,
    ) -> Result<Self, GpuError> {
        check_model(model)?;
        Self::new(&model.rhs, own, method, dialect)
    }

    /// The programs for a right-hand side of its own, whose plans pass [`Plan::verify`].
    ///
    /// # Errors
    /// As for [`TensorProgram::new`]; [`GpuError::Method`] for methods whose last stage is not the first of
    /// the next step.
    pub fn new(
        plans: &Plans,
        own: &[usize],
        method: &'static Tableau,
        dialect: Dialect,
    ) -> Result<Self, GpuError> {
        if !method.fsal || !method.extra.a.is_empty() {
            let why = "its steps have no reverse there";
            return Err(GpuError::Method { method: method.name, why });
        }
        let vjp = &plans.vjp;
        if vjp.entry != Entry::Vjp || vjp.shape != plans.eval.shape {
            return Err(GpuError::Invalid("a gradient needs the reverse product of slopes".into()));
        }
        check_operators(vjp)?;
        let forward = TensorProgram::build(&plans.eval, own, method, dialect, true)?;
        let n = vjp.shape.states;
        let (pieces, scratch) = segments(vjp, own);
        let params = ParamSums::of(&pieces, vjp.shape.params);
        let rows = BackRows::new(n, method, params.rows.len(), scratch);
        let mut places = Places::new(
            vjp,
            own,
            n,
            vec![
                (Buffer::Time, Array::Rows("work", rows.time)),
                (Buffer::States, Array::Rows("work", rows.stage)),
                (Buffer::Weights, Array::Rows("work", rows.weights)),
                (Buffer::TimeGrad, Array::Rows("work", rows.by_time)),
                (Buffer::StatesGrad, Array::Rows("work", rows.bar)),
                (Buffer::ParamsGrad, Array::Rows("work", rows.params)),
                (Buffer::Scratch, Array::Rows("work", rows.scratch)),
            ],
        );
        let mut product = Vec::with_capacity(pieces.len());
        for piece in &pieces {
            product.push(if piece.spread == Spread::OuterSum {
                let (a, _, _, height, width) = outer::operands(&piece.plan);
                let matrix = (a.offset as usize, (height * width) as usize);
                let at = (params.begin(matrix), params.entries);
                outer::kernel(&piece.plan, at, &mut places, &SHARED_BACK, dialect)?
            } else {
                let piece = packed(piece, &params.rows);
                kernel(&piece, &mut places, &SHARED_BACK, dialect)?
            });
        }
        let at = BackOffsets {
            offsets: Offsets { settings: places.joint_len(), limits: places.tables_len(), held: 0 },
            weights: n + own.len(),
        };
        let back = BackKernels::new(method, &rows, &at, dialect)?;
        Ok(TensorGradientProgram { forward, vjp: vjp.clone(), places, rows, product, back, params })
    }

    /// The programs that solve.
    #[must_use]
    pub fn forward(&self) -> &TensorProgram {
        &self.forward
    }

    /// The text of every program of the reverse pass, for compilers and for people.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.kernels().flat_map(|kernel| kernel.texts.iter().map(String::as_str))
    }

    pub(crate) fn kernels(&self) -> impl Iterator<Item = &Kernel> {
        let back = &self.back;
        let single = [&back.saves, &back.begin, &back.start, &back.end];
        single.into_iter().chain(&back.stages).chain(&self.product)
    }

    /// Rows of `results` and `clock` for so many steps.
    fn tape_rows(&self, saves: usize, room: u32) -> (usize, usize) {
        let (n, room) = (self.forward.states(), room as usize);
        let each = (self.forward.table.stages() - 1) * n;
        (saves * n + room * each, 2 + room)
    }

    /// Rows of the largest array, and of all together.
    pub(crate) fn width(&self, saves: usize, room: u32) -> (usize, usize) {
        let (results, clock) = self.tape_rows(saves, room);
        let n = self.forward.states();
        let own = n + self.forward.own.len() + saves * n;
        let all = results + clock + 2 * own + self.rows.len + self.forward.rows.len + 3 * COUNTS;
        (self.forward.widest(saves).max(results).max(clock).max(self.rows.len).max(own), all)
    }

    /// What the arrays hold before the solve.
    pub(crate) fn forward_arrays(
        &self,
        problem: &Trajectories<'_>,
        settings: &Settings,
        saves: &[f64],
        (from, lanes): (usize, usize),
        room: u32,
    ) -> TensorArrays {
        let mut arrays = self.forward.arrays(problem, settings, saves, (from, lanes));
        arrays.tables.push(room);
        let (results, _) = self.tape_rows(saves.len(), room);
        arrays.results = results * lanes;
        arrays.clock.resize(arrays.clock.len() + room as usize * lanes, 0);
        arrays
    }

    /// What `joint_values`, `own_values` and `tables` hold before the reverse pass, from what they hold
    /// before the solve and the derivatives of the loss by the states at the save times: trajectory by
    /// trajectory, row by row.
    pub(crate) fn reverse_arrays(
        &self,
        arrays: &TensorArrays,
        problem: &Trajectories<'_>,
        by_state: &[f64],
    ) -> (Vec<f64>, Vec<f64>, Vec<u32>) {
        let settings = self.forward.places.joint_len();
        let mut joint = self.places.joint_values(&self.vjp, problem.shared);
        joint.extend(&arrays.joint_values[settings..settings + 3]);
        let lanes = arrays.tables[0] as usize;
        let row = by_state.len().checked_div(lanes).unwrap_or(0);
        let mut own = arrays.own_values.clone();
        for i in 0..row {
            own.extend(by_state.iter().skip(i).step_by(row));
        }
        let mut tables = self.places.tables(&self.vjp, lanes);
        tables.extend(&arrays.tables[self.forward.places.tables_len()..]);
        (joint, own, tables)
    }
}

/// The piece with gradients by parameters in the rows that they have.
fn packed(piece: &Segment, rows: &[usize]) -> Segment {
    let mut plan = piece.plan.clone();
    let place = |at: &mut Ref| {
        if at.buffer == Buffer::ParamsGrad {
            at.offset = rows.partition_point(|i| *i < at.offset as usize) as u32;
        }
    };
    for instruction in &mut plan.code {
        match instruction {
            Instruction::AddTo(at, _)
            | Instruction::Add { dst: at, .. }
            | Instruction::MatVec { y: at, .. }
            | Instruction::MatTVec { y: at, .. }
            | Instruction::Outer { a: at, .. } => place(at),
            _ => {}
        }
    }
    for body in &mut plan.bodies {
        for output in &mut body.outputs {
            match output {
                LaneOutput::Store(at, _)
                | LaneOutput::AddTo(at, _)
                | LaneOutput::ScatterAdd(at, _, _)
                | LaneOutput::SumTo(at, _) => place(at),
            }
        }
    }
    Segment { plan, spread: piece.spread }
}
