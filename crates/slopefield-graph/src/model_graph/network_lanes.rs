//! A network in every lane of a loop, without a copy of the network for each.
//!
//! Every value that depends on the inputs is kept for all lanes at once, element by element: lane
//! `l` of element `e` is at `e*lanes + l`. A layer is then one loop over elements and lanes whose
//! body is the scalar product of a row with the inputs of its lane.

use std::sync::Arc;

use slopefield_lang::Binary;

use super::{ModelGraph, shape};
use crate::error::LowerError;
use crate::graph::{self, Dims, Op, Tensor};
use crate::network::{NetworkGraph, NetworkOp, Node};
use crate::scalar::{BlockBuilder, SsaValue};

/// Terms of a scalar product that one loop adds; each needs two operands, and luminal counts the
/// operands of a loop and of its tangent in a byte.
const TERMS: u32 = 50;

/// A value of a network: for every lane, or the same in all.
#[derive(Clone, Copy)]
struct Batched {
    value: Tensor,
    /// Elements in one lane.
    dims: Dims,
    per_lane: bool,
}

impl ModelGraph<'_> {
    /// The network at `index` applied in `lanes` lanes to inputs kept element by element; the
    /// result is kept lane by lane.
    pub(super) fn apply_in_lanes(
        &mut self,
        index: usize,
        network: &NetworkGraph,
        inputs: Tensor,
        (lanes, count): (u32, u32),
    ) -> Result<Tensor, LowerError> {
        let input = Batched { value: inputs, dims: Dims::Vector(count), per_lane: true };
        let mut values: Vec<Batched> = Vec::with_capacity(network.nodes.len());
        let mut weights =
            self.layout.weights.iter().filter(|slot| slot.network == index).map(|s| s.offset);
        for node in &network.nodes {
            let value = match node {
                Node::Input => input,
                Node::Constant { dims, values } => {
                    let op = Op::Constant(shape(dims), graph::Numbers::from(values.clone()));
                    let value = graph::push(&mut self.graph, op, &[]);
                    Batched { value, dims: shape(dims), per_lane: false }
                }
                Node::Param { dims, .. } => {
                    let Some(offset) = weights.next() else {
                        unreachable!("the layout has a slot for each weight of each network")
                    };
                    let buffer = crate::plan::Buffer::Params;
                    let op = Op::Input { buffer, offset: offset as u32, dims: shape(dims) };
                    let value = graph::push(&mut self.graph, op, &[]);
                    Batched { value, dims: shape(dims), per_lane: false }
                }
                Node::Op { op, inputs, attributes } => {
                    let operands: Vec<Batched> =
                        inputs.iter().map(|i| values[*i as usize]).collect();
                    if operands.iter().any(|o| o.per_lane) {
                        self.op_in_lanes(op, &operands, attributes, lanes)?
                    } else {
                        let plain: Vec<Tensor> = operands.iter().map(|o| o.value).collect();
                        let value = self.apply_op(op, &plain, attributes)?;
                        Batched { value, dims: value.dims, per_lane: false }
                    }
                }
            };
            values.push(value);
        }
        let output = values[network.output as usize];
        let outputs = output.dims.len() as u32;
        let output = self.for_lanes(output, lanes);
        // From element by element to lane by lane.
        if outputs == 1 || lanes == 1 {
            return Ok(output);
        }
        let table = (0..lanes).flat_map(|l| (0..outputs).map(move |e| e * lanes + l)).collect();
        Ok(graph::push(&mut self.graph, Op::Gather(table), &[output]))
    }

    fn op_in_lanes(
        &mut self,
        name: &str,
        operands: &[Batched],
        attributes: &[(String, Vec<i64>)],
        lanes: u32,
    ) -> Result<Batched, LowerError> {
        let Some(op) = NetworkOp::named(name) else {
            unreachable!("the builder of networks refuses unknown ops")
        };
        let shapes: Vec<Dims> = operands.iter().map(|o| o.dims).collect();
        let dims = match op.shape(name, &shapes, attributes) {
            Ok(dims) => dims,
            Err(refused) => unreachable!("the builder of networks checked: {refused}"),
        };
        let elements = dims.len() as u32;
        let of = |i: usize| operands[i].dims.len() as u32;
        let value = match op {
            NetworkOp::MatVec => {
                let (rows, cols) = (elements, of(1));
                self.row_products(operands[0], operands[1], (rows, cols, lanes))
            }
            NetworkOp::Outer => {
                let table =
                    |of: &dyn Fn(u32) -> u32| -> Vec<u32> { (0..elements).map(of).collect() };
                let cols = of(1);
                let a = self.rearranged(operands[0], &table(&|e| e / cols), lanes);
                let b = self.rearranged(operands[1], &table(&|e| e % cols), lanes);
                self.lane_by_lane(NetworkOp::Binary(Binary::Mul), &[a, b], elements * lanes)
            }
            NetworkOp::Dot => {
                let n = of(0);
                let (a, b) = (operands[0], operands[1]);
                let (a, b) = (self.for_lanes(a, lanes), self.for_lanes(b, lanes));
                let op = NetworkOp::Binary(Binary::Mul);
                let products = self.lane_by_lane(op, &[a, b], n * lanes);
                self.over_elements(products, n, lanes)
            }
            NetworkOp::Sum => {
                let x = self.for_lanes(operands[0], lanes);
                self.over_elements(x, of(0), lanes)
            }
            NetworkOp::Mean => {
                let x = self.for_lanes(operands[0], lanes);
                let sum = self.over_elements(x, of(0), lanes);
                let count = self.numbers(vec![f64::from(of(0))]);
                self.lane_by_lane(NetworkOp::Binary(Binary::Div), &[sum, count], lanes)
            }
            NetworkOp::Concat => {
                let parts: Vec<Tensor> =
                    operands.iter().map(|o| self.for_lanes(*o, lanes)).collect();
                graph::concat(&mut self.graph, &parts)
            }
            NetworkOp::Slice => {
                let start =
                    attributes.iter().find(|(n, _)| n == "start").map_or(0, |(_, v)| v[0] as u32);
                let whole = self.for_lanes(operands[0], lanes);
                graph::slice(&mut self.graph, whole, start * lanes, elements * lanes)
            }
            NetworkOp::Reshape => self.for_lanes(operands[0], lanes),
            NetworkOp::Unary(_) => {
                let x = self.for_lanes(operands[0], lanes);
                self.lane_by_lane(op, &[x], elements * lanes)
            }
            NetworkOp::Binary(_) => {
                let parts: Vec<Tensor> = operands
                    .iter()
                    .map(|o| {
                        let own = o.dims.len() as u32;
                        // A vector of length 1 is repeated.
                        let table: Vec<u32> =
                            (0..elements).map(|e| if own == 1 { 0 } else { e }).collect();
                        self.rearranged(*o, &table, lanes)
                    })
                    .collect();
                self.lane_by_lane(op, &parts, elements * lanes)
            }
        };
        Ok(Batched { value, dims, per_lane: true })
    }

    /// A value as a vector for all lanes.
    fn for_lanes(&mut self, x: Batched, lanes: u32) -> Tensor {
        let table: Vec<u32> = (0..x.dims.len() as u32).collect();
        self.rearranged(x, &table, lanes)
    }

    /// The elements of a value that a table names, for all lanes.
    fn rearranged(&mut self, x: Batched, elements: &[u32], lanes: u32) -> Tensor {
        let flat = self.flat(x.value);
        let in_order = elements.iter().zip(0..).all(|(e, i)| *e == i);
        if in_order && elements.len() == x.dims.len() && (x.per_lane || lanes == 1) {
            return flat;
        }
        let place = |e: u32, l: u32| if x.per_lane { e * lanes + l } else { e };
        let table = elements.iter().flat_map(|e| (0..lanes).map(move |l| place(*e, l))).collect();
        graph::push(&mut self.graph, Op::Gather(table), &[flat])
    }

    fn flat(&mut self, x: Tensor) -> Tensor {
        match x.dims {
            Dims::Vector(_) => x,
            Dims::Matrix(..) => {
                let dims = Dims::Vector(x.dims.len() as u32);
                graph::push(&mut self.graph, Op::Reshape(dims), &[x])
            }
        }
    }

    /// `A x` in every lane; either or both may differ from lane to lane.
    fn row_products(
        &mut self,
        a: Batched,
        x: Batched,
        (rows, cols, lanes): (u32, u32, u32),
    ) -> Tensor {
        let count = rows * lanes;
        let mut total: Option<Tensor> = None;
        let mut from = 0;
        while from < cols {
            let to = cols.min(from + TERMS);
            let mut operands: Vec<Tensor> = Vec::new();
            for col in from..to {
                let column: Vec<u32> = (0..rows).map(|row| row * cols + col).collect();
                operands.push(self.rearranged(a, &column, lanes));
                operands.push(self.rearranged(x, &vec![col; rows as usize], lanes));
            }
            operands.extend(total);
            let mut builder = BlockBuilder::new(vec![1; operands.len()]);
            let mut sum: Option<SsaValue> =
                total.map(|_| builder.input(operands.len() as u32 - 1, 0));
            for term in 0..to - from {
                let (a, x) = (builder.input(2 * term, 0), builder.input(2 * term + 1, 0));
                let product = builder.mul(a, x);
                sum = Some(match sum {
                    Some(before) => builder.add(before, product),
                    None => product,
                });
            }
            let block = builder.finish(&sum.into_iter().collect::<Vec<_>>());
            let op = Op::Each { block: Arc::new(block), count };
            total = Some(graph::push(&mut self.graph, op, &operands));
            from = to;
        }
        match total {
            Some(total) => total,
            None => self.numbers(vec![0.0; count as usize]),
        }
    }

    /// An element-wise function of vectors for all lanes (or of one number).
    fn lane_by_lane(&mut self, op: NetworkOp, operands: &[Tensor], count: u32) -> Tensor {
        let mut builder = BlockBuilder::new(vec![1; operands.len()]);
        let parts: Vec<SsaValue> =
            (0..operands.len() as u32).map(|slot| builder.input(slot, 0)).collect();
        let value = match op {
            NetworkOp::Unary(f) => builder.unary(f, parts[0]),
            NetworkOp::Binary(f) => builder.binary(f, parts[0], parts[1]),
            _ => unreachable!("only element-wise ops come here"),
        };
        let block = Arc::new(builder.finish(&[value]));
        graph::push(&mut self.graph, Op::Each { block, count }, operands)
    }

    /// The sum of all elements in every lane.
    fn over_elements(&mut self, x: Tensor, elements: u32, lanes: u32) -> Tensor {
        let indices = (0..elements).flat_map(|_| 0..lanes).collect();
        graph::push(&mut self.graph, Op::ScatterAdd { indices, len: lanes }, &[x])
    }
}
