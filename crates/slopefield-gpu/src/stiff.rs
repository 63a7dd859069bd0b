//! The program of stiff equations: a Rosenbrock method in the place of an explicit one.

use slopefield_graph::plan::{Buffer, Entry, Plans};
use slopefield_graph::{JacobianPlan, LoweredModel};
use slopefield_solve::RosenbrockTable;

use crate::checks::{check_model, check_own, check_slopes};
use crate::dialect::{Dialect, PRIVATE_LIMIT, Program};
use crate::emit::statements;
use crate::error::GpuError;
use crate::places::{Array, Places};
use crate::rosenbrock_text::{self, Derivatives};
use crate::solve_text::{self, Offsets};
use crate::trajectories::{Method, SHARED, TrajectoryProgram};

impl TrajectoryProgram {
    /// As [`TrajectoryProgram::of_model`], by a Rosenbrock method, for models whose equations may be stiff;
    /// `jacobian` is that of [`slopefield_graph::lower_jacobian`].
    ///
    /// # Errors
    /// [`GpuError::Model`] for a model that is more than an ordinary differential equation, and as
    /// for [`TrajectoryProgram::stiff`].
    pub fn of_stiff_model(
        model: &LoweredModel,
        jacobian: Option<&JacobianPlan>,
        own: &[usize],
        method: &'static RosenbrockTable,
        dialect: Dialect,
    ) -> Result<Self, GpuError> {
        check_model(model)?;
        Self::stiff(&model.rhs, jacobian, own, method, dialect)
    }

    /// The program for a right-hand side whose equations may be stiff, by a Rosenbrock method. Its plans
    /// pass [`Plan::verify`]; `jacobian` is that of [`slopefield_graph::lower_jacobian`], without which
    /// the matrix of derivatives is computed column by column.
    ///
    /// # Errors
    /// As for [`TrajectoryProgram::new`]; a system of `n` states needs `n²` numbers of a thread for the
    /// matrix.
    pub fn stiff(
        plans: &Plans,
        jacobian: Option<&JacobianPlan>,
        own: &[usize],
        method: &'static RosenbrockTable,
        dialect: Dialect,
    ) -> Result<Self, GpuError> {
        let plan = &plans.eval;
        let n = plan.shape.outputs;
        check_slopes(plan)?;
        check_own(plan, own)?;
        let entries = jacobian.map_or(0, |jacobian| jacobian.pattern.len());
        let (along, others) = (&plans.jvp, jacobian.map(|jacobian| &jacobian.plan));
        if along.entry != Entry::Jvp || along.shape != plan.shape {
            return Err(GpuError::Invalid("a stiff solve needs derivatives of slopes".into()));
        }
        if jacobian.is_some_and(|jacobian| {
            jacobian.pattern.rows() != n
                || jacobian.pattern.columns() != n
                || jacobian.plan.shape.outputs != entries
        }) {
            return Err(GpuError::Invalid("the matrix of derivatives has another size".into()));
        }
        let plans_of = || [Some(plan), Some(along), others].into_iter().flatten();
        let scratch = plans_of().map(|plan| plan.scratch_len as usize).max().unwrap_or(0);
        let needed = (5 + method.stages() + n) * n + entries + scratch;
        if needed > PRIVATE_LIMIT {
            return Err(GpuError::TooLarge { needed, limit: PRIVATE_LIMIT });
        }
        // A name of its own, by which it shows whether time is used.
        let buffers = |time: &'static str| {
            vec![
                (Buffer::Time, Array::Variable(time)),
                (Buffer::States, Array::Private("stage")),
                (Buffer::Scratch, Array::Private("scratch")),
            ]
        };
        let slopes = [(Buffer::Out, Array::PrivateFrom("slopes", "base"))];
        let at_time = [&buffers("at_time")[..], &slopes].concat();
        let mut of_slopes = Places::new(plan, own, n, at_time).holding(own.len());
        let rhs = statements(plan, &mut of_slopes, dialect);
        let tangents = [
            (Buffer::TimeTangent, Array::Variable("dt")),
            (Buffer::StatesTangent, Array::Private("direction_of")),
            (Buffer::ParamsTangent, Array::Variable("real(0.0)")),
            // Slopes that nobody reads, and their derivatives.
            (Buffer::Out, Array::Private("slopes")),
            (Buffer::OutTangent, Array::Private("tangent")),
        ];
        let mut places = of_slopes.beside(along, [&buffers("at_time")[..], &tangents].concat());
        let product = statements(along, &mut places, dialect);
        let timed = rhs.contains("at_time");
        let mut body = of_slopes.parameter_function_for(&places);
        let mut derivatives = Derivatives::Columns;
        if let Some(jacobian) = jacobian {
            let to = [(Buffer::Out, Array::Private("entry"))];
            let mut of_matrix =
                places.beside(&jacobian.plan, [&buffers("at_time")[..], &to].concat());
            let matrix = statements(&jacobian.plan, &mut of_matrix, dialect);
            if body.is_empty() {
                body = of_matrix.parameter_function();
            }
            body += &format!("fn entries(at_time: real) {{\n{matrix}}}\n\n");
            derivatives = Derivatives::Entries(&jacobian.pattern);
            places = of_matrix;
        }
        if timed || jacobian.is_none() {
            body += &format!("fn along(at_time: real, dt: real) {{\n{product}}}\n\n");
        }
        let (limits, held) = (places.tables_len(), places.held(own.len()));
        let offsets = Offsets { settings: places.joint_len(), limits, held };
        let pieces = rosenbrock_text::pieces(method, n, &derivatives, timed, dialect);
        body += &format!("fn rhs(at_time: real, base: word) {{\n{rhs}}}\n\n");
        body += &solve_text::text(&pieces, n, &offsets, dialect);
        let private = vec![
            ("u", n),
            ("stage", n),
            ("slopes", method.stages() * n),
            ("direction_of", n),
            ("tangent", n),
            ("by_time", n),
            ("matrix", n * n),
            ("entry", entries),
            ("scratch", scratch),
            ("held", held),
            ("tolerances", solve_text::tolerances(n)),
        ];
        let private_words = vec![("pivots", n)];
        let program = Program { shared: SHARED.to_vec(), private, private_words, body };
        let text = dialect.program(&program)?;
        let others = plans_of().skip(1).cloned().collect();
        let (plan, own, method) = (plan.clone(), own.len(), Method::Rosenbrock(method));
        Ok(TrajectoryProgram { plan, others, places, own, method, dialect, timed: None, text })
    }
}
