//! What the author of a network architecture writes.

use crate::{Error, Graph, Options};

/// A network architecture: a function from options to a graph of operations, recorded once by the
/// host, which infers shapes, differentiates, compiles and trains it. A plugin never sees weights
/// or random numbers.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a network",
    note = "implement `slopefield_plugin_sdk::Network` for `{Self}` before naming it in `export_plugin!`"
)]
pub trait Network: Sized + 'static {
    /// Id and name.
    const INFO: NetworkInfo;
    /// Options, declared with [`options!`](crate::options!), or [`NoOptions`](crate::NoOptions).
    type Options: Options;

    /// Records the graph, from [`Graph::input`] to [`Graph::output`]. The same options, inputs and
    /// outputs must give the same graph.
    fn build(graph: &mut Graph<'_>, options: &Self::Options) -> Result<(), Error>;
}

/// What a network kind is.
#[derive(Debug, Clone, Copy)]
pub struct NetworkInfo {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) reference: &'static str,
    pub(crate) min_opset: u32,
}

impl NetworkInfo {
    /// A network with an id of `a-z`, `0-9` and `-` and a name to show; it needs op set 1.
    pub const fn new(id: &'static str, name: &'static str) -> Self {
        NetworkInfo { id, name, reference: "", min_opset: 1 }
    }

    /// DOI or citation.
    pub const fn reference(self, reference: &'static str) -> Self {
        NetworkInfo { reference, ..self }
    }

    /// Smallest version of the op set that will do.
    pub const fn min_opset(self, min_opset: u32) -> Self {
        NetworkInfo { min_opset, ..self }
    }
}

/// A value in the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node(pub(crate) u32);

/// Distribution of initial weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// All 0.
    Zeros,
    /// All the same.
    Constant(f64),
    /// Normal with mean and standard deviation.
    Normal(f64, f64),
    /// Uniform between bounds.
    Uniform(f64, f64),
    /// Glorot uniform with gain (Glorot & Bengio 2010).
    XavierUniform(f64),
    /// Kaiming normal with gain (He et al. 2015).
    KaimingNormal(f64),
    /// Orthogonal with gain (Saxe et al. 2014).
    Orthogonal(f64),
}
