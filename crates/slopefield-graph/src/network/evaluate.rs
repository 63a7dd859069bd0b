//! A network on plain numbers, node by node: the simplest possible meaning of a recorded graph.

use slopefield_lang::Binary;

use super::ops::{NetworkOp, one};
use super::{NetworkGraph, Node};

impl NetworkGraph {
    /// Number of weights, over all tensors.
    #[must_use]
    pub fn weight_count(&self) -> usize {
        self.weights().map(|(_, dims, _)| dims.iter().map(|n| *n as usize).product::<usize>()).sum()
    }

    /// The weight tensors in order of their nodes: name, shape, initial distribution.
    pub fn weights(&self) -> impl Iterator<Item = (&str, &[u32], super::Init)> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Param { name, dims, init } => Some((name.as_str(), dims.as_slice(), *init)),
            _ => None,
        })
    }

    /// The output for given weights (all tensors one after the other) and input. Slow and
    /// allocating: for showing values and for tests.
    ///
    /// # Panics
    /// When a length is wrong, or the graph did not come from a [`super::NetworkBuilder`].
    #[must_use]
    pub fn evaluate(&self, weights: &[f64], input: &[f64]) -> Vec<f64> {
        assert_eq!(input.len(), self.inputs as usize, "length of the input");
        assert_eq!(weights.len(), self.weight_count(), "number of weights");
        let mut values: Vec<Vec<f64>> = Vec::with_capacity(self.nodes.len());
        let mut next_weight = 0;
        for node in &self.nodes {
            let value = match node {
                Node::Input => input.to_vec(),
                Node::Constant { values, .. } => values.clone(),
                Node::Param { dims, .. } => {
                    let len: usize = dims.iter().map(|n| *n as usize).product();
                    next_weight += len;
                    weights[next_weight - len..next_weight].to_vec()
                }
                Node::Op { op, inputs, attributes } => {
                    let operands: Vec<&[f64]> =
                        inputs.iter().map(|i| values[*i as usize].as_slice()).collect();
                    apply(op, &operands, attributes)
                }
            };
            values.push(value);
        }
        values.swap_remove(self.output as usize)
    }
}

fn apply(name: &str, operands: &[&[f64]], attributes: &[(String, Vec<i64>)]) -> Vec<f64> {
    let sum = |x: &[f64]| x.iter().sum::<f64>();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    match NetworkOp::named(name) {
        Some(NetworkOp::MatVec) => {
            operands[0].chunks(operands[1].len()).map(|row| dot(row, operands[1])).collect()
        }
        Some(NetworkOp::MatTVec) => {
            let cols = operands[0].len() / operands[1].len();
            let column = |j: usize| {
                operands[0].iter().skip(j).step_by(cols).zip(operands[1]).map(|(a, x)| a * x).sum()
            };
            (0..cols).map(column).collect()
        }
        Some(NetworkOp::Unary(f)) => operands[0].iter().map(|x| f.apply(*x)).collect(),
        Some(NetworkOp::Binary(f)) => element_wise(f, operands[0], operands[1]),
        Some(NetworkOp::Sum) => vec![sum(operands[0])],
        Some(NetworkOp::Mean) => vec![sum(operands[0]) / operands[0].len() as f64],
        Some(NetworkOp::Dot) => vec![dot(operands[0], operands[1])],
        Some(NetworkOp::Concat) => operands.concat(),
        Some(NetworkOp::Slice) => {
            let bound = |wanted| one(name, attributes, wanted).unwrap_or(0) as usize;
            operands[0][bound("start")..][..bound("len")].to_vec()
        }
        Some(NetworkOp::Outer) => {
            operands[0].iter().flat_map(|a| operands[1].iter().map(move |b| a * b)).collect()
        }
        Some(NetworkOp::Reshape) => operands[0].to_vec(),
        None => panic!("`{name}` is not a network op"),
    }
}

fn element_wise(f: Binary, a: &[f64], b: &[f64]) -> Vec<f64> {
    let len = if a.len() == 1 { b.len() } else { a.len() };
    let at = |x: &[f64], i: usize| if x.len() == 1 { x[0] } else { x[i] };
    (0..len).map(|i| f.apply(at(a, i), at(b, i))).collect()
}
