//! A network in every lane of a loop, without a copy of the network for each.
//!
//! Every value that depends on the inputs is kept for all lanes at once, element by element: lane
//! `l` of element `e` is at `e*lanes + l`. A layer is then one loop over elements and lanes whose
//! body is the scalar product of a row with the inputs of its lane.

use slopefield_lang::{Binary, Unary};

use super::{ModelGraph, composed, shape};
use crate::error::LowerError;
use crate::graph::{self, Dims, Op, Tensor};
use crate::network::{self, NetworkGraph, NetworkOp, Node};

/// Terms of a scalar product that one loop adds; each needs two operands, and luminal counts the
/// operands of a loop and of its tangent in a byte.
const TERMS: u32 = 28;

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
                let cols = of(1);
                let place = |row, term| row * cols + term;
                self.row_products(operands[0], operands[1], (elements, cols, lanes), place)
            }
            NetworkOp::MatTVec => {
                let place = |row, term| term * elements + row;
                self.row_products(operands[0], operands[1], (elements, of(1), lanes), place)
            }
            NetworkOp::Gather => self.rearranged(operands[0], &network::indices(attributes), lanes),
            NetworkOp::ScatterAdd => {
                let x = self.for_lanes(operands[0], lanes);
                let indices = network::indices(attributes);
                let table =
                    indices.iter().flat_map(|i| (0..lanes).map(move |l| i * lanes + l)).collect();
                let op = Op::ScatterAdd { indices: table, len: elements * lanes };
                graph::push(&mut self.graph, op, &[x])
            }
            NetworkOp::MaxOf | NetworkOp::MinOf => {
                let x = self.for_lanes(operands[0], lanes);
                let f = if op == NetworkOp::MaxOf { Binary::Max } else { Binary::Min };
                self.extreme(x, f, lanes)
            }
            NetworkOp::Softmax => {
                let x = self.for_lanes(operands[0], lanes);
                self.softmax_in_lanes(x, elements, lanes)
            }
            NetworkOp::LayerNorm => {
                let x = self.for_lanes(operands[0], lanes);
                self.layer_norm_in_lanes(x, elements, lanes)
            }
            NetworkOp::Interpolate | NetworkOp::InterpolateCubic => {
                let x = self.for_lanes(operands[0], lanes);
                let mut table = |of: Batched| -> Vec<Tensor> {
                    let knots = 0..of.dims.len() as u32;
                    let one = |k| match of.per_lane {
                        true => self.rearranged(of, &vec![k; elements as usize], lanes),
                        false => composed::element(&mut self.graph, of.value, k),
                    };
                    knots.map(one).collect()
                };
                let (t, v) = (table(operands[1]), table(operands[2]));
                let cubic = op == NetworkOp::InterpolateCubic;
                composed::interpolate_by(&mut self.graph, x, &t, &v, cubic)
            }
            NetworkOp::Outer => {
                let table =
                    |of: &dyn Fn(u32) -> u32| -> Vec<u32> { (0..elements).map(of).collect() };
                let cols = of(1);
                let a = self.rearranged(operands[0], &table(&|e| e / cols), lanes);
                let b = self.rearranged(operands[1], &table(&|e| e % cols), lanes);
                self.binary(Binary::Mul, a, b, elements * lanes)
            }
            NetworkOp::Dot => {
                let n = of(0);
                let (a, b) = (operands[0], operands[1]);
                let (a, b) = (self.for_lanes(a, lanes), self.for_lanes(b, lanes));
                let products = self.binary(Binary::Mul, a, b, n * lanes);
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
                self.binary(Binary::Div, sum, count, lanes)
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
            NetworkOp::Custom => {
                let lengths = operands.iter().map(|o| o.dims.len() as u32);
                let bound = network::bound(name, lengths, elements)
                    .map_err(|message| LowerError::Operator { message })?;
                let op = Op::Custom { op: bound, reverse: false };
                let parts: Vec<Tensor> =
                    operands.iter().map(|o| self.for_lanes(*o, lanes)).collect();
                // All operands, element by element; code takes them lane by lane.
                let all = graph::concat(&mut self.graph, &parts);
                let inputs = bound.sizes(false).0;
                let results: Vec<Tensor> = (0..lanes)
                    .map(|l| {
                        let own = (0..inputs).map(|e| e * lanes + l).collect();
                        let own = graph::push(&mut self.graph, Op::Gather(own), &[all]);
                        graph::push(&mut self.graph, op.clone(), &[own])
                    })
                    .collect();
                let joined = graph::concat(&mut self.graph, &results);
                let table =
                    (0..elements).flat_map(|e| (0..lanes).map(move |l| l * elements + e)).collect();
                graph::push(&mut self.graph, Op::Gather(table), &[joined])
            }
            NetworkOp::Unary(f) => {
                let x = self.for_lanes(operands[0], lanes);
                composed::each(&mut self.graph, elements * lanes, &[x], |b, v| b.unary(f, v[0]))
            }
            NetworkOp::Binary(f) => {
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
                self.binary(f, parts[0], parts[1], elements * lanes)
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
        let flat = super::flat(&mut self.graph, x.value);
        let in_order = elements.iter().zip(0..).all(|(e, i)| *e == i);
        if in_order && elements.len() == x.dims.len() && (x.per_lane || lanes == 1) {
            return flat;
        }
        let place = |e: u32, l: u32| if x.per_lane { e * lanes + l } else { e };
        let table = elements.iter().flat_map(|e| (0..lanes).map(move |l| place(*e, l))).collect();
        graph::push(&mut self.graph, Op::Gather(table), &[flat])
    }

    /// `A x` in every lane; either or both may differ from lane to lane. `place` is where the factor
    /// of a term is in `A`.
    fn row_products(
        &mut self,
        a: Batched,
        x: Batched,
        (rows, terms, lanes): (u32, u32, u32),
        place: impl Fn(u32, u32) -> u32,
    ) -> Tensor {
        let count = rows * lanes;
        let mut total: Option<Tensor> = None;
        let mut from = 0;
        while from < terms {
            let to = terms.min(from + TERMS);
            let mut operands: Vec<Tensor> = total.into_iter().collect();
            for term in from..to {
                let factors: Vec<u32> = (0..rows).map(|row| place(row, term)).collect();
                operands.push(self.rearranged(a, &factors, lanes));
                operands.push(self.rearranged(x, &vec![term; rows as usize], lanes));
            }
            let before = total.is_some();
            let sum = composed::each(&mut self.graph, count, &operands, |b, v| {
                let (sum, factors) = v.split_at(usize::from(before));
                let mut sum = sum.first().copied();
                for pair in factors.chunks(2) {
                    let product = b.mul(pair[0], pair[1]);
                    sum = Some(sum.map_or(product, |sum| b.add(sum, product)));
                }
                sum.unwrap_or_else(|| b.constant(0.0))
            });
            total = Some(sum);
            from = to;
        }
        match total {
            Some(total) => total,
            None => self.numbers(vec![0.0; count as usize]),
        }
    }

    /// A function of two vectors for all lanes (or of one number).
    fn binary(&mut self, f: Binary, a: Tensor, b: Tensor, count: u32) -> Tensor {
        composed::each(&mut self.graph, count, &[a, b], |builder, v| builder.binary(f, v[0], v[1]))
    }

    /// The least or greatest element in every lane: halves against each other.
    fn extreme(&mut self, x: Tensor, f: Binary, lanes: u32) -> Tensor {
        let mut values = x;
        while values.dims.len() as u32 > lanes {
            let elements = values.dims.len() as u32 / lanes;
            let half = elements / 2;
            let a = graph::slice(&mut self.graph, values, 0, half * lanes);
            let b = graph::slice(&mut self.graph, values, half * lanes, half * lanes);
            let chosen = self.binary(f, a, b, half * lanes);
            let rest = elements - 2 * half;
            values = if rest == 0 {
                chosen
            } else {
                let rest = graph::slice(&mut self.graph, values, 2 * half * lanes, rest * lanes);
                graph::concat(&mut self.graph, &[chosen, rest])
            };
        }
        values
    }

    /// One number of every lane for each of its elements.
    fn repeated(&mut self, x: Tensor, elements: u32, lanes: u32) -> Tensor {
        let table = (0..elements).flat_map(|_| 0..lanes).collect();
        graph::push(&mut self.graph, Op::Gather(table), &[x])
    }

    /// As [`composed::softmax`], in every lane.
    fn softmax_in_lanes(&mut self, x: Tensor, elements: u32, lanes: u32) -> Tensor {
        let count = elements * lanes;
        let largest = self.extreme(x, Binary::Max, lanes);
        let largest = self.repeated(largest, elements, lanes);
        let powers = composed::each(&mut self.graph, count, &[x, largest], |b, v| {
            let shift = b.unary(Unary::Floor, v[1]);
            let shifted = b.sub(v[0], shift);
            b.unary(Unary::Exp, shifted)
        });
        let total = self.over_elements(powers, elements, lanes);
        let total = self.repeated(total, elements, lanes);
        self.binary(Binary::Div, powers, total, count)
    }

    /// As [`composed::layer_norm`], in every lane.
    fn layer_norm_in_lanes(&mut self, x: Tensor, elements: u32, lanes: u32) -> Tensor {
        let count = elements * lanes;
        let n = f64::from(elements);
        let sum = self.over_elements(x, elements, lanes);
        let sum = self.repeated(sum, elements, lanes);
        let centred = composed::each(&mut self.graph, count, &[x, sum], |b, v| {
            let n = b.constant(n);
            let mean = b.div(v[1], n);
            b.sub(v[0], mean)
        });
        let squares = self.binary(Binary::Mul, centred, centred, count);
        let squares = self.over_elements(squares, elements, lanes);
        let squares = self.repeated(squares, elements, lanes);
        composed::each(&mut self.graph, count, &[centred, squares], |b, v| {
            let (n, epsilon) = (b.constant(n), b.constant(network::LAYER_NORM_EPSILON));
            let variance = b.div(v[1], n);
            let sum = b.add(variance, epsilon);
            let deviation = b.unary(Unary::Sqrt, sum);
            b.div(v[0], deviation)
        })
    }

    /// The sum of all elements in every lane.
    fn over_elements(&mut self, x: Tensor, elements: u32, lanes: u32) -> Tensor {
        let indices = (0..elements).flat_map(|_| 0..lanes).collect();
        graph::push(&mut self.graph, Op::ScatterAdd { indices, len: lanes }, &[x])
    }
}
