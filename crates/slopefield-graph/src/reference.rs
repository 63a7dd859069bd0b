//! Runs the luminal graph itself: the oracle that plans are compared with.
//!
//! The pipeline is the same up to the last pass; then luminal executes the graph node by node,
//! with the meaning of each operator from the table, instead of it being made into a plan. Slow
//! (every node is dispatched and its result allocated), so for tests and dumps only.

use std::collections::BTreeMap;

use luminal::prelude::{Graph, NodeIndex, Tensor};
use slopefield_kernel::Shape;
use slopefield_lang::Model;

use crate::error::LowerError;
use crate::graph::{self, Op, Values};
use crate::layout::Layout;
use crate::lower::{build_networks, passes};
use crate::model_graph::ModelFunction;
use crate::network::NetworkLibrary;
use crate::plan::{Buffer, Entry};

/// Inputs of [`reference_eval`]; those that the entry does not have are ignored.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReferenceInputs {
    /// Time.
    pub t: f64,
    /// States.
    pub u: Vec<f64>,
    /// Parameters.
    pub p: Vec<f64>,
    /// Tangents of time, states, parameters (entries `Jvp`, `Hvp`).
    pub along: (f64, Vec<f64>, Vec<f64>),
    /// Weights of the outputs (entries `Vjp`, `Hvp`).
    pub weights: Vec<f64>,
}

/// Results of [`reference_eval`]; those that the entry does not have are 0.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReferenceResults {
    /// Value.
    pub out: Vec<f64>,
    /// Tangent of the value.
    pub out_tangent: Vec<f64>,
    /// Gradients with respect to time, states, parameters.
    pub gradient: (f64, Vec<f64>, Vec<f64>),
}

/// One function of a model, by executing its luminal graph.
pub fn reference_eval(
    model: &Model,
    library: &dyn NetworkLibrary,
    function: ModelFunction,
    entry: Entry,
    inputs: &ReferenceInputs,
) -> Result<ReferenceResults, LowerError> {
    let networks = build_networks(model, library)?;
    let layout = Layout::new(model, &networks)?;
    let graph = passes(model, &networks, &layout, function, entry, &mut |_, _| {})?;
    let outputs = function.outputs(model).len();
    let shape = Shape { states: function.states(model), params: layout.len, outputs };
    Ok(execute(graph, shape, inputs))
}

/// Lets luminal execute a graph; buffers that have no output in it are all 0.
pub(crate) fn execute(
    mut graph: Graph,
    shape: Shape,
    inputs: &ReferenceInputs,
) -> ReferenceResults {
    let order = graph::order(&graph);
    let mut outputs: Vec<(NodeIndex, Buffer, usize)> = Vec::new();
    for index in order {
        match graph::node(&graph, index).op {
            Op::Input { buffer, offset, dims } => {
                let whole: &[f64] = match buffer {
                    Buffer::Time => &[inputs.t],
                    Buffer::States => &inputs.u,
                    Buffer::Params => &inputs.p,
                    Buffer::TimeTangent => &[inputs.along.0],
                    Buffer::StatesTangent => &inputs.along.1,
                    Buffer::ParamsTangent => &inputs.along.2,
                    _ => &inputs.weights,
                };
                let run = whole[offset as usize..][..dims.len()].to_vec();
                graph.set_tensor(index, 0, Tensor::new(Values(run)));
            }
            Op::Output { buffer, offset, .. } => outputs.push((index, buffer, offset as usize)),
            _ => {}
        }
    }
    for (index, _, _) in &outputs {
        graph.keep_tensors(*index);
    }
    graph.execute();

    let mut buffers: BTreeMap<Buffer, Vec<f64>> = [
        (Buffer::Out, shape.outputs),
        (Buffer::OutTangent, shape.outputs),
        (Buffer::TimeGrad, 1),
        (Buffer::StatesGrad, shape.states),
        (Buffer::ParamsGrad, shape.params),
    ]
    .into_iter()
    .map(|(buffer, len)| (buffer, vec![0.0; len]))
    .collect();
    for (index, buffer, offset) in outputs {
        let (Some(value), Some(whole)) = (graph.get_tensor_ref(index, 0), buffers.get_mut(&buffer))
        else {
            unreachable!("executing a graph computes every output of its entry")
        };
        let value = graph::values_of(value);
        for (element, x) in whole[offset..].iter_mut().zip(value) {
            *element += x;
        }
    }
    let mut take = |buffer| buffers.remove(&buffer).unwrap_or_default();
    ReferenceResults {
        out: take(Buffer::Out),
        out_tangent: take(Buffer::OutTangent),
        gradient: (
            take(Buffer::TimeGrad).first().copied().unwrap_or(0.0),
            take(Buffer::StatesGrad),
            take(Buffer::ParamsGrad),
        ),
    }
}
