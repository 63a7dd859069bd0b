//! Why a model could not be lowered.

use slopefield_lang::Span;

use crate::network::NetworkError;
use crate::plan::PlanError;

/// Why a model could not be turned into plans.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LowerError {
    /// The checker found errors.
    #[error("the model has errors; correct them first")]
    Incomplete,
    /// A network could not be built.
    #[error("network `{network}`: {source}")]
    Network {
        /// Its name in the model.
        network: String,
        /// Its declaration.
        span: Span,
        /// What is wrong with it.
        source: NetworkError,
    },
    /// The network that was built has other sizes than the model declares.
    #[error(
        "network `{network}` was built with {inputs} inputs and {outputs} outputs, but the model \
         declares {declared_inputs} and {declared_outputs}"
    )]
    NetworkSize {
        /// Its name in the model.
        network: String,
        /// Its declaration.
        span: Span,
        /// Inputs as built.
        inputs: u32,
        /// Outputs as built.
        outputs: u32,
        /// Inputs in the model.
        declared_inputs: u32,
        /// Outputs in the model.
        declared_outputs: u32,
    },
    /// A call with the wrong number of arguments.
    #[error("network `{network}` takes {expected} arguments and is given {found}")]
    Arguments {
        /// Its name in the model.
        network: String,
        /// The call.
        span: Span,
        /// Number of inputs.
        expected: u32,
        /// Number of arguments.
        found: usize,
    },
    /// An operator that somebody else computes cannot be used: nobody has its code, or it has no such
    /// derivative.
    #[error("{message}")]
    Operator {
        /// One sentence with the operator and what to do.
        message: String,
    },
    /// An initial value that depends on a state.
    #[error("the initial value of `{state}` uses a state; it may use time and params only")]
    StateInInitial {
        /// The state whose initial value it is.
        state: String,
        /// The use.
        span: Span,
    },
    /// An expression that differs from lane to lane stands outside loops.
    #[error("an expression of a loop stands outside it")]
    LaneOutsideLoop {
        /// The expression.
        span: Span,
    },
    /// Too many parameters, instructions or numbers.
    #[error("the model is too large: {what} number {count}, and {limit} are possible")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A plan that breaks the rules of plans came out; a bug in this program.
    #[error("internal error: {0}")]
    Plan(#[from] PlanError),
}
