//! Gradients of a loss of many trajectories of one model: the programs and their arrays.

use slopefield_graph::LoweredModel;
use slopefield_graph::plan::{Buffer, Entry, Plan, Plans};
use slopefield_solve::{Settings, Tableau};

use crate::checks::{check_model, check_operators, columns};
use crate::dialect::{Dialect, PRIVATE_LIMIT, Program};
use crate::emit::statements;
use crate::error::GpuError;
use crate::places::{Array, Places};
use crate::reverse_text::{self, Offsets, RECORDED};
use crate::trajectories::{Arrays, SHARED, Trajectories, TrajectoryProgram};

/// Rows of `counts` that the reverse pass has after those of the solve.
const COUNTS: usize = 4;
/// Gradients by more parameters than this are added to in the memory of the card.
const MOST_PRIVATE_PARAMS: usize = 64;

/// The programs for exact gradients of a loss of the states at the save times: one that solves and
/// writes down its steps, one that reverses them.
///
/// What is differentiated are the accepted steps as they are, first-same-as-last stages and
/// interpolated save points included, as by the `discrete` method on the processor
/// (docs/derivations/discrete-adjoint.md). The state at every `stride`-th step is kept, and those
/// between are computed again.
///
/// Both programs have the arrays of a solve. `kept`, `counts` and `clock` go from the solve to the
/// reverse pass as they are; `results` are the states at the save times for the one, and the gradients
/// for the other: a row for each initial state, then one for each parameter.
#[derive(Debug, Clone)]
pub struct GradientProgram {
    forward: TrajectoryProgram,
    vjp: Plan,
    places: Places,
    own: Vec<usize>,
    /// The text of the reverse pass.
    reverse: String,
}

/// How much a solve writes down for its reverse pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tape {
    /// Accepted steps of a trajectory that there is room for.
    pub room: u32,
    /// Steps from one state that is kept to the next, at least 1.
    pub stride: u32,
}

impl GradientProgram {
    /// The programs for the right-hand side of a model, in which every trajectory has a value of its
    /// own for the parameters `own` (ascending).
    ///
    /// # Errors
    /// As for [`TrajectoryProgram::of_model`].
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
    /// As for [`TrajectoryProgram::new`]; a system of `n` states needs `(2s + d + 4) n` numbers of a
    /// thread, where the method has `s` stages and an interpolant of degree `d`.
    pub fn new(
        plans: &Plans,
        own: &[usize],
        method: &'static Tableau,
        dialect: Dialect,
    ) -> Result<Self, GpuError> {
        let (eval, vjp) = (&plans.eval, &plans.vjp);
        if !method.fsal || !method.extra.a.is_empty() {
            let why = "its steps have no reverse there";
            return Err(GpuError::Method { method: method.name, why });
        }
        let forward = TrajectoryProgram::build(eval, own, method, dialect, RECORDED, 2, &[])?;
        if vjp.entry != Entry::Vjp || vjp.shape != eval.shape {
            return Err(GpuError::Invalid("a gradient needs the reverse product of slopes".into()));
        }
        check_operators(vjp)?;
        let (n, params, stages) = (eval.shape.states, eval.shape.params, method.stages());
        let moments = (method.dense_degree() + 1) * n;
        let scratch = eval.scratch_len.max(vjp.scratch_len) as usize;
        let least = 2 * stages * n + 3 * n + moments + scratch + 1;
        if least > PRIVATE_LIMIT {
            return Err(GpuError::TooLarge { needed: least, limit: PRIVATE_LIMIT });
        }
        let private_params = params <= MOST_PRIVATE_PARAMS && least + params <= PRIVATE_LIMIT;
        let by_params = match private_params {
            true => Array::Private("by_params"),
            false => Array::Rows("results", n),
        };
        let both = [
            (Buffer::Time, Array::Variable("t")),
            (Buffer::States, Array::PrivateFrom("states", "base")),
            (Buffer::Scratch, Array::Private("scratch")),
        ];
        let slopes = Array::PrivateFrom("slopes", "base");
        let buffers = [&both[..], &[(Buffer::Out, slopes)]].concat();
        let mut evaluated = Places::new(eval, own, n, buffers);
        let reversed = [
            (Buffer::Weights, slopes),
            (Buffer::TimeGrad, Array::Private("by_time")),
            (Buffer::StatesGrad, Array::Private("bar")),
            (Buffer::ParamsGrad, by_params),
        ];
        let mut places = evaluated.beside(vjp, [&both[..], &reversed].concat());
        let rhs = statements(eval, &mut evaluated, dialect);
        let product = statements(vjp, &mut places, dialect);
        let offsets = Offsets {
            settings: places.joint_len(),
            limits: places.tables_len(),
            weights: n + own.len(),
            params,
            private_params,
        };
        let body = format!(
            "{}fn rhs(t: real, base: word) {{\n{rhs}}}\n\nfn vjp(t: real, base: word) {{\n    for \
             (var i: word = 0u; i < {n}u; i++) {{\n        bar[i] = real(0.0);\n    }}\n\
             {product}}}\n\n{}",
            evaluated.parameter_function_for(&places),
            reverse_text::text(method, n, &offsets, dialect),
        );
        let mut private = vec![
            ("states", stages * n),
            ("slopes", stages * n),
            ("lambda", n),
            ("kappa", n),
            ("bar", n),
            ("moments", moments),
            ("scratch", scratch),
            ("by_time", 1),
        ];
        if private_params {
            private.push(("by_params", params));
        }
        let reverse = dialect.program(&Program {
            shared: SHARED.to_vec(),
            private,
            private_words: Vec::new(),
            body,
        })?;
        let (vjp, own) = (vjp.clone(), own.to_vec());
        Ok(GradientProgram { forward, vjp, places, own, reverse })
    }

    /// The program that solves.
    #[must_use]
    pub fn forward(&self) -> &TrajectoryProgram {
        &self.forward
    }

    /// The text of the program that reverses.
    #[must_use]
    pub fn reverse(&self) -> &str {
        &self.reverse
    }

    /// The parameters that each trajectory has a value of its own for.
    #[must_use]
    pub fn own(&self) -> &[usize] {
        &self.own
    }

    /// Rows of the gradients: initial states, then all parameters.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.forward.states() + self.vjp.shape.params
    }

    /// Rows of `kept`.
    pub(crate) fn kept_rows(&self, tape: Tape) -> usize {
        let (n, stride) = (self.forward.states(), tape.stride as usize);
        let segment = if stride > 1 { stride } else { 0 };
        4 * n + 2 + ((tape.room as usize).div_ceil(stride) + segment) * n
    }

    /// Rows of the largest array, and of all arrays together with the save times' weights.
    pub(crate) fn width(&self, saves: usize, tape: Tape) -> (usize, usize) {
        let n = self.forward.states();
        let inputs = n + self.own.len();
        let (kept, clock) = (self.kept_rows(tape), 1 + tape.room as usize);
        let (states, gradients) = (saves * n, self.rows());
        let widest = kept.max(clock).max(inputs + states).max(gradients);
        (widest, kept + clock + 2 * inputs + 2 * states + gradients + 10)
    }

    /// What the arrays hold before the solve, as [`TrajectoryProgram::arrays`] for it alone.
    #[must_use]
    pub fn forward_arrays(
        &self,
        problem: &Trajectories<'_>,
        settings: &Settings,
        saves: &[f64],
        (from, lanes): (usize, usize),
        attempts: u32,
        tape: Tape,
    ) -> Arrays {
        let range = (self.forward.states(), self.own.len());
        let own_values = columns(problem, range, (from, lanes));
        let mut arrays = self.forward_heads(problem, settings, saves, lanes, attempts, tape);
        arrays.clock.resize(self.clock_len(&arrays, tape), 0);
        Arrays { own_values, ..arrays }
    }

    /// The same without `own_values`, and of `clock` without the tape, which the solve writes.
    pub(crate) fn forward_heads(
        &self,
        problem: &Trajectories<'_>,
        settings: &Settings,
        saves: &[f64],
        lanes: usize,
        attempts: u32,
        tape: Tape,
    ) -> Arrays {
        let mut arrays = self.forward.without_columns(problem, settings, saves, lanes, attempts);
        let before_attempts = arrays.tables.len() - 3;
        arrays.tables.splice(before_attempts..before_attempts, [tape.room, tape.stride]);
        arrays.kept = self.kept_rows(tape) * lanes;
        arrays.counts += COUNTS * lanes;
        arrays
    }

    /// Elements of `clock` with the tape, from arrays without it.
    pub(crate) fn clock_len(&self, heads: &Arrays, tape: Tape) -> usize {
        heads.clock.len() + tape.room as usize * heads.tables[0] as usize
    }

    /// What `joint_values`, `own_values` and `tables` hold before the reverse pass, from what they hold
    /// before the solve and the derivatives of the loss by the states at the save times: trajectory by
    /// trajectory, row by row. The third last of `tables` is the number of steps of a run.
    #[must_use]
    pub fn reverse_arrays(
        &self,
        arrays: &Arrays,
        by_state: &[f64],
    ) -> (Vec<f64>, Vec<f64>, Vec<u32>) {
        let lanes = arrays.tables[0] as usize;
        let row = by_state.len().checked_div(lanes).unwrap_or(0);
        let mut own = arrays.own_values.clone();
        own.reserve(by_state.len());
        for i in 0..row {
            own.extend(by_state.iter().skip(i).step_by(row));
        }
        debug_assert_eq!(own.len() % lanes.max(1), 0);
        let (joint, tables) = self.reverse_heads(arrays);
        (joint, own, tables)
    }

    /// `joint_values` and `tables` of the reverse pass, from those of the solve.
    pub(crate) fn reverse_heads(&self, arrays: &Arrays) -> (Vec<f64>, Vec<u32>) {
        // Constants of the right-hand side and parameters, then those of the product, then settings.
        let before = self.places.joint_len() - self.vjp.constants.len();
        let mut joint = arrays.joint_values[..before].to_vec();
        joint.extend(&self.vjp.constants);
        joint.extend(&arrays.joint_values[before..before + 3]);
        let of_product = self.vjp.tables.iter().flatten();
        let mut tables = arrays.tables.clone();
        let limits = tables.split_off(tables.len() - 5);
        tables.extend(of_product);
        tables.extend(limits);
        debug_assert_eq!(tables.len(), self.places.tables_len() + 5);
        (joint, tables)
    }
}
