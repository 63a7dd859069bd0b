//! The programs of a batched solve, and what their arrays hold.

use slopefield_graph::LoweredModel;
use slopefield_graph::plan::{Buffer, Plan};
use slopefield_solve::{Settings, Tableau};

use crate::checks::{check_model, check_own, check_slopes, check_values, columns};
use crate::dialect::Dialect;
use crate::error::GpuError;
use crate::places::{Array, Places};
use crate::solve_text::{Offsets, goes_on};
use crate::tensor::layout::{COUNTS, Rows, SHARED};
use crate::tensor::pieces::{Kernel, kernels};
use crate::tensor::segments::{has_tiles, segments};
use crate::tensor::steps::StepKernels;
use crate::trajectories::{Trajectories, settings_values, ticks_at};

/// The programs that solve trajectories of a right-hand side whose numbers need not fit into a thread.
///
/// The numbers of all trajectories stand in the memory of the card. What a method, its step control and
/// its save times are is as for [`crate::TrajectoryProgram`].
#[derive(Debug, Clone)]
pub struct TensorProgram {
    pub(crate) plan: Plan,
    pub(crate) places: Places,
    pub(crate) own: Vec<usize>,
    pub(crate) table: &'static Tableau,
    pub(crate) dialect: Dialect,
    pub(crate) rows: Rows,
    pub(crate) slopes: Vec<Kernel>,
    pub(crate) steps: StepKernels,
}

/// What the arrays of a batch hold before its first step.
pub(crate) struct TensorArrays {
    pub(crate) joint_values: Vec<f64>,
    pub(crate) own_values: Vec<f64>,
    pub(crate) tables: Vec<u32>,
    pub(crate) results: usize,
    pub(crate) work: usize,
    pub(crate) counts: usize,
    /// Time and step of each trajectory, then save times.
    pub(crate) clock: Vec<u64>,
    /// Whether a save time lies between the ends of the span.
    pub(crate) within: bool,
}

impl TensorProgram {
    /// Whether a right-hand side is better solved so even where a thread holds a trajectory: it multiplies
    /// vectors with a matrix of 16 rows and 8 columns or more that all trajectories share, if each has a
    /// value of its own for the parameters `own` (ascending). All these products together are one of
    /// matrices here, while each thread would read the matrix for itself.
    #[must_use]
    pub fn suits(plan: &Plan, own: &[usize]) -> bool {
        has_tiles(plan, own)
    }

    /// The programs for the right-hand side of a model, in which every trajectory has a value of its
    /// own for the parameters `own` (ascending).
    ///
    /// # Errors
    /// [`GpuError::Model`] for a model that is more than an ordinary differential equation, and as
    /// for [`TensorProgram::new`].
    pub fn of_model(
        model: &LoweredModel,
        own: &[usize],
        method: &'static Tableau,
        dialect: Dialect,
    ) -> Result<Self, GpuError> {
        check_model(model)?;
        Self::new(&model.rhs.eval, own, method, dialect)
    }

    /// The programs for a right-hand side of its own: the plan of a value that passes [`Plan::verify`].
    ///
    /// # Errors
    /// [`GpuError::Model`] for functions that take more than states, [`GpuError::Method`] for
    /// methods whose slope at the end of a step is none of its stages, not even of those of its
    /// interpolant.
    pub fn new(
        plan: &Plan,
        own: &[usize],
        method: &'static Tableau,
        dialect: Dialect,
    ) -> Result<Self, GpuError> {
        Self::build(plan, own, method, dialect, false)
    }

    /// The programs, which write a tape where `taped`. Behind the last of `tables` is then how many
    /// steps there is room for.
    pub(crate) fn build(
        plan: &Plan,
        own: &[usize],
        method: &'static Tableau,
        dialect: Dialect,
        taped: bool,
    ) -> Result<Self, GpuError> {
        check_slopes(plan)?;
        if !goes_on(method) {
            let why = "the slope at the end of a step is none of its stages";
            return Err(GpuError::Method { method: method.name, why });
        }
        check_own(plan, own)?;
        let n = plan.shape.outputs;
        let (pieces, scratch) = segments(plan, own);
        let rows = Rows::new(n, method, scratch);
        let buffers = vec![
            (Buffer::Time, Array::Rows("work", rows.time)),
            (Buffer::States, Array::Rows("work", rows.stage)),
            (Buffer::Out, Array::Rows("work", rows.out)),
            (Buffer::Scratch, Array::Rows("work", rows.scratch)),
        ];
        let mut places = Places::new(plan, own, n, buffers);
        let slopes = kernels(&pieces, &mut places, &SHARED, dialect)?;
        let offsets =
            Offsets { settings: places.joint_len(), limits: places.tables_len(), held: 0 };
        let steps = StepKernels::new(method, &rows, &offsets, taped, dialect)?;
        let (plan, own, table) = (plan.clone(), own.to_vec(), method);
        Ok(TensorProgram { plan, places, own, table, dialect, rows, slopes, steps })
    }

    /// Number of states.
    #[must_use]
    pub fn states(&self) -> usize {
        self.plan.shape.states
    }

    /// Programs that a step is made of, one after the other, where no save time lies within it.
    #[must_use]
    pub fn launches(&self) -> usize {
        let evaluations = self.table.stages() - usize::from(self.table.fsal);
        evaluations * (1 + self.slopes.len()) + 4
    }

    pub(crate) fn kernels(&self) -> impl Iterator<Item = &Kernel> {
        let steps = &self.steps;
        let single = [&steps.start, &steps.mark, &steps.first, &steps.second, &steps.begin];
        let others = [&steps.error, &steps.judge, &steps.finish, &steps.finish_at_ends];
        let all = single.into_iter().chain(others).chain([&steps.count]);
        all.chain(&steps.stages).chain(&self.slopes)
    }

    /// The text of every program, for compilers and for people.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.kernels().flat_map(|kernel| kernel.texts.iter().map(String::as_str))
    }

    /// Rows of the largest array.
    pub(crate) fn widest(&self, saves: usize) -> usize {
        self.rows.len.max(saves * self.states()).max(self.states() + self.own.len()).max(COUNTS + 1)
    }

    /// Checks sizes, times and settings.
    ///
    /// # Errors
    /// [`GpuError::Invalid`] with what is wrong.
    pub fn check(
        &self,
        problem: &Trajectories<'_>,
        settings: &Settings,
        saves: &[f64],
    ) -> Result<(), GpuError> {
        let sizes = (self.states(), self.plan.shape.params, self.own.len());
        check_values(problem, settings, saves, sizes)?;
        if problem.t0 == problem.t1 {
            return Err(GpuError::Invalid(format!("the time span is empty: {} only", problem.t0)));
        }
        Ok(())
    }

    pub(crate) fn arrays(
        &self,
        problem: &Trajectories<'_>,
        settings: &Settings,
        saves: &[f64],
        (from, lanes): (usize, usize),
    ) -> TensorArrays {
        let n = self.states();
        let mut joint_values = self.places.joint_values(&self.plan, problem.shared);
        joint_values.extend(settings_values(problem, settings, n, self.dialect));
        let own_values = columns(problem, (n, self.own.len()), (from, lanes));
        let mut tables = self.places.tables(&self.plan, lanes);
        let most = u32::try_from(settings.max_steps).unwrap_or(u32::MAX);
        tables.extend([most, saves.len() as u32]);
        let mut clock = vec![0; 2 * lanes];
        clock.extend(saves.iter().map(|t| ticks_at(problem, *t, self.dialect)));
        let ends = [0, 1u64 << self.dialect.log2_ticks()];
        let within = clock[2 * lanes..].iter().any(|at| !ends.contains(at));
        TensorArrays {
            joint_values,
            own_values,
            tables,
            results: saves.len() * n * lanes,
            work: self.rows.len * lanes,
            counts: COUNTS * lanes + lanes.div_ceil(64),
            clock,
            within,
        }
    }
}
