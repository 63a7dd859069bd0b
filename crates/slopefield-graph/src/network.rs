//! A network as data: the recorded graph that built-in kinds and plugins produce.
//!
//! It is what the project file stores, so that a project opens and trains without the plugin that
//! made it. Rank is 1 or 2: vectors of features and matrices of weights.

mod activation;
mod basis;
mod builder;
mod codec;
mod constrained;
mod differentiate;
mod evaluate;
mod init;
mod kinds;
mod ops;
mod options;
mod perceptron;
mod record;

use slopefield_lang::OptionValue;

pub use activation::{ACTIVATIONS, Activation, activations_table};
pub use builder::{NetworkBuilder, limits};
pub use codec::{DecodeError, FORMAT_VERSION, decode, encode};
pub(crate) use evaluate::bound;
pub use init::Init;
pub use kinds::{BuiltinNetworks, KINDS, Kind, options_table};
pub(crate) use ops::{LAYER_NORM_EPSILON, NetworkOp, indices};
pub use ops::{OP_SET, reference_table};
pub use options::{Accepts, OptionSpec, Standard};

/// A recorded network: a list of nodes in order, each using only earlier ones.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkGraph {
    /// Length of the input vector.
    pub inputs: u32,
    /// Length of the output vector.
    pub outputs: u32,
    /// Nodes; the input is node 0.
    pub nodes: Vec<Node>,
    /// The node whose value is the output vector.
    pub output: NodeId,
}

/// Index into [`NetworkGraph::nodes`].
pub type NodeId = u32;

/// One node.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// The input vector.
    Input,
    /// A weight tensor, of shape `[n]` or `[rows, cols]` (row-major).
    Param {
        /// Name inside the network, e.g. `layer1.weight`.
        name: String,
        /// Shape.
        dims: Vec<u32>,
        /// How it starts.
        init: Init,
    },
    /// Fixed numbers of shape `[n]` or `[rows, cols]`.
    Constant {
        /// Shape.
        dims: Vec<u32>,
        /// Values, row-major.
        values: Vec<f64>,
    },
    /// An operation of the op set, by its name in the table of docs/reference/network-ops.md:
    /// `matvec(A, x)`, `matvec_t(A, x)`, element-wise `add sub mul div min max pow`, every one-argument function of
    /// the language by its name, `sum(x)`, `mean(x)`, `dot(a, b)`, `concat(x, ...)`,
    /// `slice(x; start, len)`, `outer(a, b)`, `reshape(x; dims)`. A vector of length 1 is repeated
    /// to the length of the other operand of an element-wise op.
    Op {
        /// Name.
        op: String,
        /// Operands.
        inputs: Vec<NodeId>,
        /// Whole-number attributes (`start`, `len`, `dims`), by name.
        attributes: Vec<(String, Vec<i64>)>,
    },
}

/// Why a network could not be built.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct NetworkError {
    /// One sentence with the offending option or op and what is allowed.
    pub message: String,
}

/// Turns `kind(options)` of a model into a recorded network. The built-in library knows the kinds
/// of [`KINDS`]; the worker adds one that asks plugins.
pub trait NetworkLibrary {
    /// Builds the network. The number of inputs and outputs are among the options too.
    fn build(
        &self,
        kind: &str,
        inputs: u32,
        outputs: u32,
        options: &[(String, OptionValue)],
    ) -> Result<NetworkGraph, NetworkError>;
}
