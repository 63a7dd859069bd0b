//! A function of a model as a tensor graph.
//!
//! Inputs are time, states, scalar parameters and weight tensors. For each network call one scalar
//! block computes the arguments and the network's own operators follow; a last scalar block
//! computes the results. Blocks repeat expressions that they share; the plan has each once. Loops
//! stay loops (`vectors.rs`).

mod composed;
mod expressions;
mod function;
mod needs;
mod network_lanes;
mod pieces;
mod vectors;

use std::collections::BTreeMap;
use std::sync::Arc;

use luminal::prelude::Graph;
use slopefield_lang::{Binary, CallId, Expr, ExprKind, LetId, Model, VectorId};

use crate::error::LowerError;
use crate::graph::{self, Dims, Numbers, Op, Tensor};
use crate::layout::Layout;
use crate::network::{self, NetworkGraph, NetworkOp, Node};
use crate::plan::Buffer;
use crate::scalar::SsaValue;
use expressions::{Others, Scalars};
pub use function::ModelFunction;
pub(crate) use function::noise_arguments;
use needs::{Mentions, Need, needed};

/// Longest input that a scalar block takes as a whole in a model with loops.
const WHOLE: usize = 64;

/// The graph of one function. Its only results are `Output`s to [`Buffer::Out`].
pub(crate) fn build(
    model: &Model,
    networks: &[NetworkGraph],
    layout: &Layout,
    function: ModelFunction,
) -> Result<Graph, LowerError> {
    let outputs = function.outputs(model);
    let outputs: Vec<&Expr> = outputs.iter().map(|expr| &**expr).collect();
    let mut builder = ModelGraph::new(model, layout, function);
    for need in needed(model, &outputs) {
        match need {
            Need::Call(call) => builder.call(call, networks)?,
            Need::Vector(vector) => builder.vector(vector, networks)?,
            // Named expressions are written where they are used.
            Need::Let(_) => {}
        }
    }
    let mut offset = 0;
    for result in builder.pieces(&outputs)? {
        let op = Op::Output { buffer: Buffer::Out, offset, add: false };
        offset += result.dims.len() as u32;
        graph::push(&mut builder.graph, op, &[result]);
    }
    Ok(builder.graph)
}

/// Direct sub-expressions, in order.
pub(crate) fn children(expr: &Expr) -> impl DoubleEndedIterator<Item = &Expr> {
    let (a, b, c): (Option<&Expr>, Option<&Expr>, Option<&Expr>) = match &expr.kind {
        ExprKind::Unary(_, a) => (Some(a), None, None),
        ExprKind::Binary(_, a, b) => (Some(a), Some(b), None),
        ExprKind::If(c, a, b) => (Some(c), Some(a), Some(b)),
        _ => (None, None, None),
    };
    [a, b, c].into_iter().flatten()
}

struct ModelGraph<'a> {
    model: &'a Model,
    layout: &'a Layout,
    graph: Graph,
    /// Vectors that every block takes, by what they hold; empty ones do not exist.
    inputs: Vec<(Source, Tensor)>,
    function: ModelFunction,
    call_outputs: BTreeMap<CallId, Tensor>,
    vectors: BTreeMap<VectorId, Tensor>,
    lets: BTreeMap<LetId, Tensor>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Time,
    States,
    Params,
}

impl<'a> ModelGraph<'a> {
    fn new(model: &'a Model, layout: &'a Layout, function: ModelFunction) -> Self {
        let mut graph = Graph::new();
        let inputs = [
            (Source::Time, Buffer::Time, 1),
            (Source::States, Buffer::States, function.states(model)),
            (Source::Params, Buffer::Params, layout.scalars),
        ]
        .into_iter()
        .filter(|(_, _, len)| *len > 0)
        .map(|(source, buffer, len)| {
            let dims = Dims::Vector(len as u32);
            (source, graph::push(&mut graph, Op::Input { buffer, offset: 0, dims }, &[]))
        })
        .collect();
        let (call_outputs, vectors, lets) = Default::default();
        ModelGraph { model, layout, graph, inputs, function, call_outputs, vectors, lets }
    }

    /// A network call: its arguments and the operators of the network.
    fn call(&mut self, id: CallId, networks: &[NetworkGraph]) -> Result<(), LowerError> {
        let call = &self.model.calls[id.0 as usize];
        let network = call.network.0 as usize;
        let declared = &self.model.networks[network];
        if call.arguments.len() != declared.inputs as usize {
            return Err(LowerError::Arguments {
                network: declared.name.clone(),
                span: call.span,
                expected: declared.inputs,
                found: call.arguments.len(),
            });
        }
        let arguments = self.joined(&call.arguments.iter().collect::<Vec<_>>())?;
        let output = self.apply(network, &networks[network], arguments)?;
        self.call_outputs.insert(id, output);
        Ok(())
    }

    fn slot(&self, source: Source) -> u32 {
        match self.inputs.iter().position(|(s, _)| *s == source) {
            Some(slot) => slot as u32,
            None => unreachable!("an element of {source:?} exists, so the vector does"),
        }
    }

    /// A vector with the values of some scalar expressions.
    fn block(&mut self, exprs: &[&Expr]) -> Result<Tensor, LowerError> {
        self.block_of(exprs, false).map(|(values, _)| values)
    }

    /// As [`Self::block`]; where `once`, equal values are there once. Also the place of each.
    fn block_of(&mut self, exprs: &[&Expr], once: bool) -> Result<(Tensor, Vec<u32>), LowerError> {
        let Mentions { lets, calls, states, params, vectors } = Mentions::of(self.model, exprs);
        let mut first = Vec::with_capacity(self.inputs.len());
        let mut operands = Vec::with_capacity(self.inputs.len() + 1);
        for (source, whole) in self.inputs.clone() {
            let used = match source {
                Source::Time => None,
                Source::States => states,
                Source::Params => params,
            };
            // Of a large array only what the block uses: its derivative has an output for each.
            let cut = !self.model.vectors.is_empty() && whole.dims.len() > WHOLE;
            let (start, len) = match used {
                _ if !cut => (0, whole.dims.len() as u32),
                Some(used) => (used.first, used.len()),
                None => (0, 1),
            };
            first.push(start);
            operands.push(graph::slice(&mut self.graph, whole, start, len));
        }
        let mut others = Others::default();
        let mut parts: Vec<Tensor> = Vec::new();
        let mut next = 0u32;
        for call in calls {
            let part = self.call_outputs[&call];
            others.calls.insert(call, next);
            next += part.dims.len() as u32;
            parts.push(part);
        }
        for (vector, used) in vectors {
            let whole = self.vectors[&vector];
            parts.push(graph::slice(&mut self.graph, whole, used.first, used.len()));
            others.vectors.insert(vector, (next, used.first));
            next += used.len();
        }
        if !parts.is_empty() {
            operands.push(graph::concat(&mut self.graph, &parts));
        }
        let lengths = operands.iter().map(|t| t.dims.len() as u32).collect();
        let mut scalars = Scalars::new(self, lengths, first, others);
        // Named expressions in order of declaration: each uses only earlier ones.
        for (id, k) in lets {
            let value = scalars.expression(&self.model.lets[id.0 as usize].value[k as usize])?;
            scalars.lets.insert((id, k), value);
        }
        let mut outputs: Vec<SsaValue> = Vec::with_capacity(exprs.len());
        let mut places = Vec::with_capacity(exprs.len());
        let mut known = BTreeMap::new();
        for expr in exprs {
            let value = scalars.expression(expr)?;
            let new = outputs.len() as u32;
            let place = if once { *known.entry(value).or_insert(new) } else { new };
            if place == new {
                outputs.push(value);
            }
            places.push(place);
        }
        let block = scalars.builder.finish(&outputs);
        Ok((graph::push(&mut self.graph, Op::Block(Arc::new(block)), &operands), places))
    }

    /// The operators of a network applied to an argument vector.
    fn apply(
        &mut self,
        index: usize,
        network: &NetworkGraph,
        input: Tensor,
    ) -> Result<Tensor, LowerError> {
        let mut slots = self.layout.weights.iter().filter(|slot| slot.network == index);
        let mut values: Vec<Tensor> = Vec::with_capacity(network.nodes.len());
        for node in &network.nodes {
            let value = match node {
                Node::Input => input,
                Node::Constant { dims, values } => {
                    let op = Op::Constant(shape(dims), Numbers::from(values.clone()));
                    graph::push(&mut self.graph, op, &[])
                }
                Node::Param { dims, .. } => {
                    let Some(slot) = slots.next() else {
                        unreachable!("the layout has a slot for each weight of each network")
                    };
                    let offset = slot.offset as u32;
                    let op = Op::Input { buffer: Buffer::Params, offset, dims: shape(dims) };
                    graph::push(&mut self.graph, op, &[])
                }
                Node::Op { op, inputs, attributes } => {
                    let operands: Vec<Tensor> =
                        inputs.iter().map(|i| values[*i as usize]).collect();
                    self.apply_op(op, &operands, attributes)?
                }
            };
            values.push(value);
        }
        Ok(values[network.output as usize])
    }

    fn apply_op(
        &mut self,
        name: &str,
        operands: &[Tensor],
        attributes: &[(String, Vec<i64>)],
    ) -> Result<Tensor, LowerError> {
        let Some(op) = NetworkOp::named(name) else {
            unreachable!("the builder of networks refuses unknown ops")
        };
        let shapes: Vec<Dims> = operands.iter().map(|t| t.dims).collect();
        let result = match op.shape(name, &shapes, attributes) {
            Ok(dims) => dims,
            Err(refused) => unreachable!("the builder of networks checked: {refused}"),
        };
        let g = &mut self.graph;
        Ok(match op {
            NetworkOp::MatVec => graph::push(g, Op::MatVec, operands),
            NetworkOp::MatTVec => graph::push(g, Op::MatTVec, operands),
            NetworkOp::Gather => {
                graph::push(g, Op::Gather(network::indices(attributes).into()), operands)
            }
            NetworkOp::ScatterAdd => {
                let indices = network::indices(attributes).into();
                let op = Op::ScatterAdd { indices, len: result.len() as u32 };
                graph::push(g, op, operands)
            }
            NetworkOp::MaxOf => graph::push(g, Op::MaxOf, operands),
            NetworkOp::MinOf => graph::push(g, Op::MinOf, operands),
            NetworkOp::Softmax => composed::softmax(g, operands[0]),
            NetworkOp::LayerNorm => composed::layer_norm(g, operands[0]),
            NetworkOp::Interpolate | NetworkOp::InterpolateCubic => {
                let cubic = op == NetworkOp::InterpolateCubic;
                composed::interpolate(g, operands[0], operands[1], operands[2], cubic)
            }
            NetworkOp::Sum => graph::push(g, Op::Sum, operands),
            NetworkOp::Mean => {
                let sum = graph::push(g, Op::Sum, operands);
                let count = graph::constant(g, Dims::Vector(1), operands[0].dims.len() as f64);
                graph::push(g, Op::Zip(Binary::Div), &[sum, count])
            }
            NetworkOp::Dot => graph::push(g, Op::Dot, operands),
            NetworkOp::Outer => graph::push(g, Op::Outer, operands),
            NetworkOp::Concat => graph::concat(g, operands),
            NetworkOp::Slice => {
                let start =
                    attributes.iter().find(|(n, _)| n == "start").map_or(0, |(_, v)| v[0] as u32);
                let len = result.len() as u32;
                graph::push(g, Op::Slice { start, len }, operands)
            }
            NetworkOp::Reshape => graph::push(g, Op::Reshape(result), operands),
            NetworkOp::Custom => {
                let lengths = shapes.iter().map(|dims| dims.len() as u32);
                let op = network::bound(name, lengths, result.len() as u32)
                    .map_err(|message| LowerError::Operator { message })?;
                let flat: Vec<Tensor> = operands.iter().map(|t| flat(g, *t)).collect();
                let all = graph::concat(g, &flat);
                graph::push(g, Op::Custom { op, reverse: false }, &[all])
            }
            NetworkOp::Unary(f) if graph::is_smooth(f) => graph::push(g, Op::Map(f), operands),
            NetworkOp::Unary(_) => element_wise(g, op, result, operands),
            NetworkOp::Binary(Binary::Pow | Binary::Atan2) => element_wise(g, op, result, operands),
            NetworkOp::Binary(f) => {
                let same: Vec<Tensor> = operands.iter().map(|t| broadcast(g, *t, result)).collect();
                graph::push(g, Op::Zip(f), &same)
            }
        })
    }
}

/// An element-wise op as a lane program, so that its derivative is guarded at singular points.
fn element_wise(g: &mut Graph, op: NetworkOp, result: Dims, operands: &[Tensor]) -> Tensor {
    let flat: Vec<Tensor> = operands.iter().map(|t| flat(g, *t)).collect();
    let joined = composed::each(g, result.len() as u32, &flat, |b, x| match op {
        NetworkOp::Unary(f) => b.unary(f, x[0]),
        NetworkOp::Binary(f) => b.binary(f, x[0], x[1]),
        _ => unreachable!("only element-wise ops come here"),
    });
    match result {
        Dims::Vector(_) => joined,
        Dims::Matrix(..) => graph::push(g, Op::Reshape(result), &[joined]),
    }
}

/// The elements as one vector.
fn flat(graph: &mut Graph, x: Tensor) -> Tensor {
    match x.dims {
        Dims::Vector(_) => x,
        Dims::Matrix(..) => {
            graph::push(graph, Op::Reshape(Dims::Vector(x.dims.len() as u32)), &[x])
        }
    }
}

fn broadcast(graph: &mut Graph, x: Tensor, dims: Dims) -> Tensor {
    if x.dims == dims { x } else { graph::push(graph, Op::Broadcast(dims), &[x]) }
}

fn shape(sizes: &[u32]) -> Dims {
    match Dims::from_sizes(sizes) {
        Some(dims) => dims,
        None => unreachable!("the builder of networks allows rank 1 and 2 only"),
    }
}
