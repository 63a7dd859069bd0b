//! A plan evaluated at many points, a thread for each.

use slopefield_graph::plan::{Buffer, Plan};

use crate::checks::{check_operators, check_own};
use crate::dialect::{Dialect, ElementType, PRIVATE_LIMIT, Program, SharedArray};
use crate::emit::statements;
use crate::error::GpuError;
use crate::places::{Array, Places};

/// The text of a plan for many points, of any entry, and how its arrays are laid out.
///
/// A point is a column: the rows of `own_values` are time, states, the point's own parameters and,
/// where the entry has them, the tangents of time, states and all parameters and the weights of the
/// outputs. The rows of `results` are the outputs and their tangents, or the gradients with respect
/// to time, states and parameters.
#[derive(Debug, Clone)]
pub struct PointProgram {
    plan: Plan,
    places: Places,
    pub(crate) dialect: Dialect,
    /// The text.
    pub text: String,
    /// Rows of `own_values`.
    pub inputs: usize,
    /// Rows of `results`.
    pub outputs: usize,
}

/// Buffers that are read, in the order of their rows; parameters stand between states and tangents.
const READ: [Buffer; 4] =
    [Buffer::TimeTangent, Buffer::StatesTangent, Buffer::ParamsTangent, Buffer::Weights];
const WRITTEN: [Buffer; 5] =
    [Buffer::Out, Buffer::OutTangent, Buffer::TimeGrad, Buffer::StatesGrad, Buffer::ParamsGrad];

pub(crate) const SHARED: [SharedArray; 4] = [
    SharedArray { name: "joint_values", element: ElementType::Real, writable: false },
    SharedArray { name: "own_values", element: ElementType::Real, writable: false },
    SharedArray { name: "tables", element: ElementType::Word, writable: false },
    SharedArray { name: "results", element: ElementType::Real, writable: true },
];

impl PointProgram {
    /// The text for a plan that passes [`Plan::verify`], in which every point has a value of its
    /// own for the parameters `own` (ascending).
    ///
    /// # Errors
    /// [`GpuError::TooLarge`] for plans with more work space than a thread has, [`GpuError::Model`] for
    /// those with operators of plugins.
    pub fn new(plan: &Plan, own: &[usize], dialect: Dialect) -> Result<Self, GpuError> {
        let scratch = plan.scratch_len as usize;
        if scratch > PRIVATE_LIMIT {
            return Err(GpuError::TooLarge { needed: scratch, limit: PRIVATE_LIMIT });
        }
        check_own(plan, own)?;
        check_operators(plan)?;
        let mut buffers = vec![
            (Buffer::Time, Array::Rows("own_values", 0)),
            (Buffer::States, Array::Rows("own_values", 1)),
            (Buffer::Scratch, Array::Private("scratch")),
        ];
        let own_row = 1 + plan.shape.states;
        let mut inputs = own_row + own.len();
        for buffer in READ {
            buffers.push((buffer, Array::Rows("own_values", inputs)));
            inputs += plan.buffer_len(buffer);
        }
        let mut outputs = 0;
        for buffer in WRITTEN {
            buffers.push((buffer, Array::Rows("results", outputs)));
            outputs += plan.buffer_len(buffer);
        }
        let mut places = Places::new(plan, own, own_row, buffers);
        let statements = statements(plan, &mut places, dialect);
        let body = format!(
            "{}fn run_lane() {{\n    lanes = tables[0u];\n    if (lane >= lanes) {{ return; }}\n    \
             for (var i: word = 0u; i < {outputs}u; i++) {{\n        results[i * lanes + lane] = \
             real(0.0);\n    }}\n{statements}}}\n",
            places.parameter_function(),
        );
        let program = Program {
            shared: SHARED.to_vec(),
            private: vec![("scratch", scratch)],
            private_words: Vec::new(),
            body,
        };
        let text = dialect.program(&program)?;
        Ok(PointProgram { plan: plan.clone(), places, dialect, text, inputs, outputs })
    }

    /// What the array `joint_values` holds, for all parameters once.
    #[must_use]
    pub fn joint_values(&self, params: &[f64]) -> Vec<f64> {
        self.places.joint_values(&self.plan, params)
    }

    /// What the array `tables` holds, for so many points.
    #[must_use]
    pub fn tables(&self, points: usize) -> Vec<u32> {
        self.places.tables(&self.plan, points)
    }
}
