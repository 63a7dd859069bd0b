//! A network on plain numbers, node by node: the simplest possible meaning of a recorded graph.

use slopefield_lang::{Binary, Unary};

use super::ops::{LAYER_NORM_EPSILON, NetworkOp, indices, one};
use super::{NetworkGraph, Node};
use crate::custom::{self, CustomOp};

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
    /// What needs an operator whose code nobody has ([`crate::custom`]) is NaN.
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
        Some(NetworkOp::Gather) => {
            indices(attributes).into_iter().map(|i| operands[0][i as usize]).collect()
        }
        Some(NetworkOp::ScatterAdd) => {
            let mut sums = vec![0.0; one(name, attributes, "len").unwrap_or(0) as usize];
            for (i, x) in indices(attributes).into_iter().zip(operands[0]) {
                sums[i as usize] += x;
            }
            sums
        }
        Some(NetworkOp::MaxOf) => vec![extreme(Binary::Max, operands[0])],
        Some(NetworkOp::MinOf) => vec![extreme(Binary::Min, operands[0])],
        Some(NetworkOp::Softmax) => {
            let largest = extreme(Binary::Max, operands[0]);
            let powers: Vec<f64> =
                operands[0].iter().map(|x| Unary::Exp.apply(x - largest)).collect();
            let total = sum(&powers);
            powers.iter().map(|power| power / total).collect()
        }
        Some(NetworkOp::LayerNorm) => {
            let n = operands[0].len() as f64;
            let mean = sum(operands[0]) / n;
            let centred: Vec<f64> = operands[0].iter().map(|x| x - mean).collect();
            let deviation = (dot(&centred, &centred) / n + LAYER_NORM_EPSILON).sqrt();
            centred.iter().map(|x| x / deviation).collect()
        }
        Some(op @ (NetworkOp::Interpolate | NetworkOp::InterpolateCubic)) => {
            let cubic = op == NetworkOp::InterpolateCubic;
            operands[0].iter().map(|x| table_value(*x, operands[1], operands[2], cubic)).collect()
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
        Some(NetworkOp::Custom) => {
            let mut result = vec![f64::NAN; one(name, attributes, "len").unwrap_or(0) as usize];
            let lengths = operands.iter().map(|o| o.len() as u32);
            if let Ok(op) = bound(name, lengths, result.len() as u32) {
                op.run(false, &operands.concat(), &mut result);
            }
            result
        }
        None => panic!("`{name}` is not a network op"),
    }
}

/// The operator that an op of this name is, for operands of these lengths.
pub(crate) fn bound(
    name: &str,
    lengths: impl Iterator<Item = u32>,
    outputs: u32,
) -> Result<&'static CustomOp, String> {
    let lengths: Vec<u32> = lengths.collect();
    custom::bind(name.strip_prefix(custom::PREFIX).unwrap_or(name), &lengths, outputs)
}

fn extreme(op: Binary, x: &[f64]) -> f64 {
    x[1..].iter().fold(x[0], |best, x| op.apply(best, *x))
}

/// The value at `x` of a table of knots `t` and values `v`, by the usual Hermite basis.
fn table_value(x: f64, t: &[f64], v: &[f64], cubic: bool) -> f64 {
    let last = t.len() - 1;
    if last == 0 || x < t[0] {
        return v[0];
    }
    if x >= t[last] {
        return v[last];
    }
    let k = (1..last).filter(|k| x >= t[*k]).max().unwrap_or(0);
    let run = t[k + 1] - t[k];
    let w = (x - t[k]) / run;
    if !cubic {
        return v[k] * (1.0 - w) + v[k + 1] * w;
    }
    let slope = |k: usize| {
        let (low, high) = (k.saturating_sub(1), (k + 1).min(last));
        (v[high] - v[low]) / (t[high] - t[low])
    };
    let (h00, h10) = ((1.0 + 2.0 * w) * (1.0 - w).powi(2), w * (1.0 - w).powi(2));
    let (h01, h11) = (w * w * (3.0 - 2.0 * w), w * w * (w - 1.0));
    h00 * v[k] + h10 * run * slope(k) + h01 * v[k + 1] + h11 * run * slope(k + 1)
}

fn element_wise(f: Binary, a: &[f64], b: &[f64]) -> Vec<f64> {
    let len = if a.len() == 1 { b.len() } else { a.len() };
    let at = |x: &[f64], i: usize| if x.len() == 1 { x[0] } else { x[i] };
    (0..len).map(|i| f.apply(at(a, i), at(b, i))).collect()
}
