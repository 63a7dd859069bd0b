//! Records a network op by op, checking shapes and limits at the op that breaks them.
//!
//! Built-in kinds, plugins (through C) and the decoder of stored networks all come through here,
//! so there is one place that decides what a valid network is.

use std::collections::BTreeSet;

use super::ops::NetworkOp;
use super::{Init, NetworkError, NetworkGraph, Node, NodeId, bound};
use crate::custom::{self, CustomOp};
use crate::graph::Dims;

/// Bounds on recorded networks.
pub mod limits {
    /// Nodes of one network.
    pub const NODES: usize = 65_536;
    /// Weights of one network, over all its tensors.
    pub const WEIGHTS: usize = 1 << 26;
    /// Fixed numbers of one network, over all its tensors.
    pub const CONSTANTS: usize = 1 << 22;
    /// Elements of one intermediate result.
    pub const ELEMENTS: usize = 1 << 24;
    /// Operands of one op.
    pub const OPERANDS: usize = 1024;
    /// Bytes of a name.
    pub const NAME: usize = 256;
}

/// Builds a [`NetworkGraph`]; see the module.
#[derive(Debug)]
pub struct NetworkBuilder {
    inputs: u32,
    pub(super) nodes: Vec<Node>,
    shapes: Vec<Dims>,
    names: BTreeSet<String>,
    weights: usize,
    constants: usize,
    output: Option<NodeId>,
}

fn error<T>(message: impl Into<String>) -> Result<T, NetworkError> {
    Err(NetworkError { message: message.into() })
}

impl NetworkBuilder {
    /// A network with an input vector of this length.
    pub fn new(inputs: u32) -> Result<Self, NetworkError> {
        if inputs == 0 || inputs as usize > limits::ELEMENTS {
            return error(format!(
                "a network has between 1 and {} inputs, not {inputs}",
                limits::ELEMENTS
            ));
        }
        Ok(NetworkBuilder {
            inputs,
            nodes: vec![Node::Input],
            shapes: vec![Dims::Vector(inputs)],
            names: BTreeSet::new(),
            weights: 0,
            constants: 0,
            output: None,
        })
    }

    /// Whether [`NetworkBuilder::op`] knows an op.
    #[must_use]
    pub fn op_supported(name: &str) -> bool {
        NetworkOp::named(name).is_some()
    }

    /// The input vector; always node 0.
    #[must_use]
    pub fn input(&self) -> NodeId {
        0
    }

    /// A weight tensor. Names are unique within the network.
    pub fn param(&mut self, name: &str, dims: &[u32], init: Init) -> Result<NodeId, NetworkError> {
        if name.is_empty() || name.len() > limits::NAME || name.chars().any(char::is_control) {
            return error(format!(
                "a weight needs a name of 1 to {} bytes without control characters",
                limits::NAME
            ));
        }
        if self.names.contains(name) {
            return error(format!("two weights are called `{name}`"));
        }
        check_init(name, init)?;
        let shape = checked_dims(&format!("weight `{name}`"), dims)?;
        self.weights += shape.len();
        if self.weights > limits::WEIGHTS {
            return error(format!(
                "weight `{name}` brings the network to {} weights; the limit is {}",
                self.weights,
                limits::WEIGHTS
            ));
        }
        self.names.insert(name.into());
        self.push(Node::Param { name: name.into(), dims: dims.to_vec(), init }, shape)
    }

    /// Fixed numbers.
    pub fn constant(&mut self, dims: &[u32], values: &[f64]) -> Result<NodeId, NetworkError> {
        let shape = checked_dims("a constant", dims)?;
        if shape.len() != values.len() {
            return error(format!(
                "a constant of shape {shape} has {} numbers, not {}",
                shape.len(),
                values.len()
            ));
        }
        if let Some(bad) = values.iter().find(|v| !v.is_finite()) {
            return error(format!("a constant holds {bad}; only finite numbers are allowed"));
        }
        self.constants += values.len();
        if self.constants > limits::CONSTANTS {
            return error(format!("more than {} fixed numbers in a network", limits::CONSTANTS));
        }
        self.push(Node::Constant { dims: dims.to_vec(), values: values.to_vec() }, shape)
    }

    /// An op of the op set (docs/reference/network-ops.md).
    pub fn op(
        &mut self,
        name: &str,
        inputs: &[NodeId],
        attributes: &[(&str, &[i64])],
    ) -> Result<NodeId, NetworkError> {
        let Some(op) = NetworkOp::named(name) else {
            return error(format!(
                "there is no op `{}` in op set {}",
                name.chars().take(64).collect::<String>(),
                super::OP_SET
            ));
        };
        if inputs.len() > limits::OPERANDS {
            return error(format!(
                "`{name}` is given {} operands; the limit is {}",
                inputs.len(),
                limits::OPERANDS
            ));
        }
        let mut operands = Vec::with_capacity(inputs.len());
        for input in inputs {
            match self.shapes.get(*input as usize) {
                Some(shape) => operands.push(*shape),
                None => return error(format!("`{name}` uses node {input}, which does not exist")),
            }
        }
        let attributes: Vec<(String, Vec<i64>)> =
            attributes.iter().map(|(n, v)| ((*n).to_owned(), v.to_vec())).collect();
        let shape = match op.shape(name, &operands, &attributes) {
            Ok(shape) => shape,
            Err(message) => return error(message),
        };
        if shape.len() > limits::ELEMENTS {
            return error(format!(
                "`{name}` gives {shape}, more than {} elements",
                limits::ELEMENTS
            ));
        }
        self.push(Node::Op { op: name.into(), inputs: inputs.to_vec(), attributes }, shape)
    }

    /// The operator that a node is ([`crate::custom`]), with its code; `None` for other nodes.
    ///
    /// # Errors
    /// One sentence that says why its code is not there, or how it is not what it says.
    pub fn bind_operator(&self, node: NodeId) -> Result<Option<&'static CustomOp>, NetworkError> {
        let Some(Node::Op { op, inputs, .. }) = self.nodes.get(node as usize) else {
            return Ok(None);
        };
        if !op.starts_with(custom::PREFIX) {
            return Ok(None);
        }
        let length = |node: NodeId| self.shapes[node as usize].len() as u32;
        let bound = bound(op, inputs.iter().map(|i| length(*i)), length(node));
        bound.map(Some).or_else(error)
    }

    /// The shape of a node: one or two sizes.
    #[must_use]
    pub fn shape(&self, node: NodeId) -> Option<Vec<u32>> {
        self.shapes.get(node as usize).map(|d| d.sizes())
    }

    /// Declares the output vector.
    pub fn output(&mut self, node: NodeId) -> Result<(), NetworkError> {
        match self.shapes.get(node as usize) {
            None => error(format!("the output is node {node}, which does not exist")),
            Some(Dims::Matrix(rows, cols)) => {
                error(format!("the output is a vector, not a matrix of {rows} by {cols}"))
            }
            Some(Dims::Vector(_)) => {
                self.output = Some(node);
                Ok(())
            }
        }
    }

    /// The finished network.
    pub fn finish(self) -> Result<NetworkGraph, NetworkError> {
        let Some(output) = self.output else {
            return error("the network has no output; declare one");
        };
        let outputs = self.shapes[output as usize].len() as u32;
        Ok(NetworkGraph { inputs: self.inputs, outputs, nodes: self.nodes, output })
    }

    fn push(&mut self, node: Node, shape: Dims) -> Result<NodeId, NetworkError> {
        if self.nodes.len() >= limits::NODES {
            return error(format!("a network has at most {} nodes", limits::NODES));
        }
        self.nodes.push(node);
        self.shapes.push(shape);
        Ok((self.nodes.len() - 1) as NodeId)
    }
}

fn checked_dims(what: &str, dims: &[u32]) -> Result<Dims, NetworkError> {
    match Dims::from_sizes(dims) {
        None => error(format!("{what} has rank {}; only vectors and matrices exist", dims.len())),
        Some(_) if dims.contains(&0) => error(format!("{what} has a side of length 0")),
        Some(shape) if shape.len() > limits::WEIGHTS => {
            error(format!("{what} has {} elements; the limit is {}", shape.len(), limits::WEIGHTS))
        }
        Some(shape) => Ok(shape),
    }
}

fn check_init(name: &str, init: Init) -> Result<(), NetworkError> {
    let (numbers, ordered) = match init {
        Init::Zeros => ([0.0, 0.0], true),
        Init::Constant(a)
        | Init::XavierUniform(a)
        | Init::KaimingNormal(a)
        | Init::Orthogonal(a)
        | Init::XavierNormal(a)
        | Init::KaimingUniform(a) => ([a, 0.0], true),
        Init::Normal(mean, sd) => ([mean, sd], sd >= 0.0),
        Init::Uniform(low, high) => ([low, high], low <= high),
    };
    if numbers.iter().all(|n| n.is_finite()) && ordered {
        Ok(())
    } else {
        error(format!("the initial distribution {init:?} of weight `{name}` is not possible"))
    }
}

impl NetworkGraph {
    /// The gradient of the output with respect to the input, of a network with one output.
    pub fn input_gradient(&self) -> Result<NetworkGraph, NetworkError> {
        let mut builder = self.replay()?;
        let gradient = builder.gradient(self.output, builder.input())?;
        builder.output(gradient)?;
        builder.finish()
    }

    /// Names of the operators in it that plugins compute ([`crate::custom`]), one for each use.
    pub fn operators(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Op { op, .. } => op.strip_prefix(custom::PREFIX),
            _ => None,
        })
    }

    /// These operators with their code.
    ///
    /// # Errors
    /// One sentence about the first whose code is not there, or not what it says.
    pub fn bind_operators(&self) -> Result<Vec<&'static CustomOp>, NetworkError> {
        if self.operators().next().is_none() {
            return Ok(Vec::new());
        }
        let builder = self.replay()?;
        let nodes = 0..builder.nodes.len() as NodeId;
        nodes.filter_map(|node| builder.bind_operator(node).transpose()).collect()
    }

    /// Checks a graph that did not come from a builder, by building it again.
    pub fn verify(&self) -> Result<(), NetworkError> {
        let rebuilt = self.replay()?.finish()?;
        if rebuilt.outputs != self.outputs || rebuilt.nodes.len() != self.nodes.len() {
            return error(format!(
                "the network says it has {} outputs and has {}",
                self.outputs, rebuilt.outputs
            ));
        }
        Ok(())
    }

    /// A builder that has recorded the nodes of this graph.
    fn replay(&self) -> Result<NetworkBuilder, NetworkError> {
        let mut builder = NetworkBuilder::new(self.inputs)?;
        for (i, node) in self.nodes.iter().enumerate() {
            match node {
                Node::Input if i == 0 => {}
                Node::Input => return error("only node 0 is the input"),
                _ if i == 0 => return error("node 0 is the input"),
                Node::Param { name, dims, init } => {
                    builder.param(name, dims, *init)?;
                }
                Node::Constant { dims, values } => {
                    builder.constant(dims, values)?;
                }
                Node::Op { op, inputs, attributes } => {
                    let attributes: Vec<(&str, &[i64])> =
                        attributes.iter().map(|(n, v)| (n.as_str(), v.as_slice())).collect();
                    builder.op(op, inputs, &attributes)?;
                }
            }
        }
        builder.output(self.output)?;
        Ok(builder)
    }
}
