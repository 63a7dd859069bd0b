//! Why plans could not be compiled.

use slopefield_graph::plan::{Entry, PlanError};
use slopefield_kernel::Shape;

/// Why plans could not be compiled.
///
/// When [`CompileError::can_interpret`] says so, the plans are sound and
/// `slopefield_graph::Interpreter` runs them with the same results, only slower.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CompileError {
    /// A plan breaks the rules of plans. A bug of whoever made it.
    #[error("the {entry:?} plan is malformed: {source}")]
    Malformed {
        /// Which plan.
        entry: Entry,
        /// The rule.
        source: PlanError,
    },
    /// The three plans are not those of one function. A bug of whoever put them together.
    #[error("the {entry:?} plan is marked {found:?} with {shape:?} instead of {expected:?}")]
    Mismatch {
        /// The place of the plan.
        entry: Entry,
        /// What it says it is.
        found: Entry,
        /// Its shape.
        shape: Shape,
        /// The shape of the `Eval` plan.
        expected: Shape,
    },
    /// No code generator for this kind of machine.
    #[error("native code cannot be made for this processor ({reason}); use the interpreter")]
    UnsupportedMachine {
        /// What the code generator says.
        reason: String,
    },
    /// Code for many trajectories at once of a plan with an operator that somebody else computes.
    #[error(
        "the operator `{name}` of a plugin has no form for many trajectories at once; compute them \
         one after the other"
    )]
    Operator {
        /// Its name.
        name: String,
    },
    /// The system refuses memory that can be executed.
    #[error(
        "the system does not allow memory for generated code ({reason}); use the interpreter, or \
         allow unsigned executable memory for this program"
    )]
    NoExecutableMemory {
        /// What the system says.
        reason: String,
    },
    /// The code generator failed on a valid plan.
    #[error("the code generator failed ({reason}); use the interpreter and report the model")]
    CodeGenerator {
        /// What it says.
        reason: String,
    },
}

impl CompileError {
    /// Whether the plans are sound, so that interpreting them instead is the thing to do.
    pub fn can_interpret(&self) -> bool {
        !matches!(self, CompileError::Malformed { .. } | CompileError::Mismatch { .. })
    }
}
