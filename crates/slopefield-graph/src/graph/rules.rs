//! The forward and reverse rule of each operator, for the table.
//!
//! Element-wise functions that are singular at points of their domain (roots, logarithms, powers)
//! do not reach the rules here: networks apply them as blocks, whose scalar rules guard `0·∞`.
//! See [`is_smooth`].

mod arrays;
mod custom;

use std::sync::Arc;

use luminal::prelude::Graph;
use slopefield_lang::{Binary, Unary};

use super::op::Op;
use super::table::Applied;
use super::{Tensor, constant, push};
use crate::function::FRAC_1_SQRT_2;
use crate::plan::Buffer;
pub(super) use arrays::{
    each_forward, each_reverse, extreme_forward, extreme_reverse, gather_reverse, layer_forward,
    layer_reverse, scatter_add_reverse,
};
pub(super) use custom::{custom_forward, custom_reverse};

pub(super) fn zip(graph: &mut Graph, op: Binary, a: Tensor, b: Tensor) -> Tensor {
    push(graph, Op::Zip(op), &[a, b])
}

fn map(graph: &mut Graph, op: Unary, x: Tensor) -> Tensor {
    push(graph, Op::Map(op), &[x])
}

fn zip_number(graph: &mut Graph, op: Binary, a: Tensor, number: f64) -> Tensor {
    let number = constant(graph, a.dims, number);
    zip(graph, op, a, number)
}

fn add(graph: &mut Graph, a: Option<Tensor>, b: Option<Tensor>) -> Option<Tensor> {
    match (a, b) {
        (Some(a), Some(b)) => Some(zip(graph, Binary::Add, a, b)),
        (a, b) => a.or(b),
    }
}

pub(super) fn input_forward(
    graph: &mut Graph,
    at: &Applied<'_>,
    _: &[Option<Tensor>],
) -> Option<Tensor> {
    let Op::Input { buffer, offset, dims } = *at.op else { return None };
    let buffer = match buffer {
        Buffer::Time => Buffer::TimeTangent,
        Buffer::States => Buffer::StatesTangent,
        Buffer::Params => Buffer::ParamsTangent,
        // Weights of outputs stay as they are when a reverse product is differentiated.
        _ => return None,
    };
    Some(push(graph, Op::Input { buffer, offset, dims }, &[]))
}

pub(super) fn output_forward(
    graph: &mut Graph,
    at: &Applied<'_>,
    tangents: &[Option<Tensor>],
) -> Option<Tensor> {
    let Op::Output { buffer, offset, add } = *at.op else { return None };
    if add {
        // A gradient: its tangent is added in its place.
        return tangents[0].map(|t| push(graph, Op::Output { buffer, offset, add }, &[t]));
    }
    let tangent = match tangents[0] {
        Some(tangent) => tangent,
        None => constant(graph, at.result.dims, 0.0),
    };
    let op = Op::Output { buffer: Buffer::OutTangent, offset, add: false };
    Some(push(graph, op, &[tangent]))
}

/// Rule of operators that are linear in their only operand: apply them to the tangent.
pub(super) fn linear_forward(
    graph: &mut Graph,
    at: &Applied<'_>,
    tangents: &[Option<Tensor>],
) -> Option<Tensor> {
    tangents[0].map(|t| push(graph, at.op.clone(), &[t]))
}

/// Rule of operators that are linear in each of two operands.
pub(super) fn product_forward(
    graph: &mut Graph,
    at: &Applied<'_>,
    tangents: &[Option<Tensor>],
) -> Option<Tensor> {
    let first = tangents[0].map(|t| push(graph, at.op.clone(), &[t, at.operands[1]]));
    let second = tangents[1].map(|t| push(graph, at.op.clone(), &[at.operands[0], t]));
    add(graph, first, second)
}

pub(super) fn concat_forward(
    graph: &mut Graph,
    at: &Applied<'_>,
    tangents: &[Option<Tensor>],
) -> Option<Tensor> {
    let parts: Vec<Tensor> = at
        .operands
        .iter()
        .zip(tangents)
        .map(|(operand, t)| t.unwrap_or_else(|| constant(graph, operand.dims, 0.0)))
        .collect();
    Some(push(graph, Op::Concat, &parts))
}

pub(super) fn block_forward(
    graph: &mut Graph,
    at: &Applied<'_>,
    tangents: &[Option<Tensor>],
) -> Option<Tensor> {
    let Op::Block(block) = at.op else { return None };
    let active: Vec<bool> = tangents.iter().map(Option::is_some).collect();
    let derivative = block.jvp(&active)?;
    let all: Vec<Tensor> =
        at.operands.iter().copied().chain(tangents.iter().copied().flatten()).collect();
    Some(push(graph, Op::Block(Arc::new(derivative)), &all))
}

pub(super) fn block_reverse(
    graph: &mut Graph,
    at: &Applied<'_>,
    adjoint: Tensor,
) -> Vec<Option<Tensor>> {
    let Op::Block(block) = at.op else { return Vec::new() };
    let derivative = block.vjp();
    let all: Vec<Tensor> = at.operands.iter().copied().chain([adjoint]).collect();
    let is_zero: Vec<bool> = derivative
        .outputs
        .iter()
        .map(|v| derivative.code[*v as usize] == crate::scalar::Scalar::Constant(0))
        .collect();
    let joined = push(graph, Op::Block(Arc::new(derivative)), &all);
    let mut start = 0u32;
    block
        .inputs
        .iter()
        .map(|len| {
            let from = start;
            start += len;
            let zero = is_zero[from as usize..start as usize].iter().all(|z| *z);
            (!zero).then(|| push(graph, Op::Slice { start: from, len: *len }, &[joined]))
        })
        .collect()
}

/// Whether the element-wise derivative of a function is finite wherever the function is, so that
/// it may be a dense operator of its own.
pub(crate) fn is_smooth(op: Unary) -> bool {
    match op {
        Unary::Neg
        | Unary::Not
        | Unary::Abs
        | Unary::Sign
        | Unary::Floor
        | Unary::Ceil
        | Unary::Round
        | Unary::Exp
        | Unary::Expm1
        | Unary::Sin
        | Unary::Cos
        | Unary::Tan
        | Unary::Atan
        | Unary::Sinh
        | Unary::Cosh
        | Unary::Tanh
        | Unary::Asinh
        | Unary::Sigmoid
        | Unary::Softplus
        | Unary::Relu
        | Unary::Gelu
        | Unary::Erf
        | Unary::Erfc
        | Unary::Step => true,
        Unary::Sqrt
        | Unary::Cbrt
        | Unary::Ln
        | Unary::Log2
        | Unary::Log10
        | Unary::Log1p
        | Unary::Asin
        | Unary::Acos
        | Unary::Acosh
        | Unary::Atanh
        | Unary::Gamma
        | Unary::LnGamma => false,
    }
}

/// Element-wise derivative of a smooth function; `None` is zero everywhere.
fn slope(graph: &mut Graph, op: Unary, x: Tensor, y: Tensor) -> Option<Tensor> {
    let g = graph;
    Some(match op {
        Unary::Neg => constant(g, x.dims, -1.0),
        Unary::Abs => map(g, Unary::Sign, x),
        Unary::Exp => y,
        Unary::Expm1 => map(g, Unary::Exp, x),
        Unary::Sin => map(g, Unary::Cos, x),
        Unary::Cos => {
            let s = map(g, Unary::Sin, x);
            map(g, Unary::Neg, s)
        }
        Unary::Tan => {
            let square = zip(g, Binary::Mul, y, y);
            zip_number(g, Binary::Add, square, 1.0)
        }
        Unary::Atan => {
            let square = zip(g, Binary::Mul, x, x);
            let d = zip_number(g, Binary::Add, square, 1.0);
            let one = constant(g, x.dims, 1.0);
            zip(g, Binary::Div, one, d)
        }
        Unary::Sinh => map(g, Unary::Cosh, x),
        Unary::Cosh => map(g, Unary::Sinh, x),
        Unary::Tanh => {
            let square = zip(g, Binary::Mul, y, y);
            let one = constant(g, x.dims, 1.0);
            zip(g, Binary::Sub, one, square)
        }
        Unary::Asinh => {
            let square = zip(g, Binary::Mul, x, x);
            let d = zip_number(g, Binary::Add, square, 1.0);
            let root = map(g, Unary::Sqrt, d);
            let one = constant(g, x.dims, 1.0);
            zip(g, Binary::Div, one, root)
        }
        Unary::Sigmoid => {
            let one = constant(g, x.dims, 1.0);
            let rest = zip(g, Binary::Sub, one, y);
            zip(g, Binary::Mul, y, rest)
        }
        Unary::Softplus => map(g, Unary::Sigmoid, x),
        Unary::Relu => zip_number(g, Binary::Greater, x, 0.0),
        Unary::Gelu => {
            let z = zip_number(g, Binary::Mul, x, -FRAC_1_SQRT_2);
            let tail = map(g, Unary::Erfc, z);
            let distribution = zip_number(g, Binary::Mul, tail, 0.5);
            let scale = 0.5 * std::f64::consts::FRAC_2_SQRT_PI * FRAC_1_SQRT_2;
            let density = gaussian(g, x, scale, -0.5);
            let tilt = zip(g, Binary::Mul, x, density);
            zip(g, Binary::Add, distribution, tilt)
        }
        Unary::Erf => gaussian(g, x, std::f64::consts::FRAC_2_SQRT_PI, -1.0),
        Unary::Erfc => gaussian(g, x, -std::f64::consts::FRAC_2_SQRT_PI, -1.0),
        // Piecewise constant; and functions that are not smooth, which are blocks.
        _ => return None,
    })
}

fn gaussian(graph: &mut Graph, x: Tensor, scale: f64, rate: f64) -> Tensor {
    let square = zip(graph, Binary::Mul, x, x);
    let exponent = zip_number(graph, Binary::Mul, square, rate);
    let e = map(graph, Unary::Exp, exponent);
    zip_number(graph, Binary::Mul, e, scale)
}

/// `s` times the element-wise derivative.
fn map_scaled(graph: &mut Graph, at: &Applied<'_>, s: Tensor) -> Option<Tensor> {
    let Op::Map(op) = *at.op else { return None };
    if op == Unary::Neg {
        return Some(map(graph, Unary::Neg, s));
    }
    let slope = slope(graph, op, at.operands[0], at.result)?;
    Some(zip(graph, Binary::Mul, s, slope))
}

pub(super) fn map_forward(
    graph: &mut Graph,
    at: &Applied<'_>,
    tangents: &[Option<Tensor>],
) -> Option<Tensor> {
    tangents[0].and_then(|t| map_scaled(graph, at, t))
}

pub(super) fn map_reverse(
    graph: &mut Graph,
    at: &Applied<'_>,
    adjoint: Tensor,
) -> Vec<Option<Tensor>> {
    vec![map_scaled(graph, at, adjoint)]
}

/// `s` times the element-wise partial in operand `wrt`.
fn zip_scaled(graph: &mut Graph, at: &Applied<'_>, wrt: usize, s: Tensor) -> Option<Tensor> {
    let Op::Zip(op) = *at.op else { return None };
    let (a, b) = (at.operands[0], at.operands[1]);
    Some(match (op, wrt) {
        (Binary::Add, _) | (Binary::Sub, 0) => s,
        (Binary::Sub, _) => map(graph, Unary::Neg, s),
        (Binary::Mul, 0) => zip(graph, Binary::Mul, s, b),
        (Binary::Mul, _) => zip(graph, Binary::Mul, s, a),
        (Binary::Div, 0) => zip(graph, Binary::Div, s, b),
        (Binary::Div, _) => {
            let q = zip(graph, Binary::Div, s, b);
            let q = zip(graph, Binary::Mul, q, at.result);
            map(graph, Unary::Neg, q)
        }
        // At a tie the first operand is the one chosen.
        (Binary::Min, 0) => masked(graph, Binary::LessEqual, (a, b), s),
        (Binary::Min, _) => masked(graph, Binary::Greater, (a, b), s),
        (Binary::Max, 0) => masked(graph, Binary::GreaterEqual, (a, b), s),
        (Binary::Max, _) => masked(graph, Binary::Less, (a, b), s),
        // Piecewise constant; and powers and angles, which are blocks.
        _ => return None,
    })
}

fn masked(graph: &mut Graph, compare: Binary, (a, b): (Tensor, Tensor), s: Tensor) -> Tensor {
    let mask = zip(graph, compare, a, b);
    zip(graph, Binary::Mul, s, mask)
}

pub(super) fn zip_forward(
    graph: &mut Graph,
    at: &Applied<'_>,
    tangents: &[Option<Tensor>],
) -> Option<Tensor> {
    let first = tangents[0].and_then(|t| zip_scaled(graph, at, 0, t));
    let second = tangents[1].and_then(|t| zip_scaled(graph, at, 1, t));
    add(graph, first, second)
}

pub(super) fn zip_reverse(
    graph: &mut Graph,
    at: &Applied<'_>,
    adjoint: Tensor,
) -> Vec<Option<Tensor>> {
    vec![zip_scaled(graph, at, 0, adjoint), zip_scaled(graph, at, 1, adjoint)]
}

pub(super) fn mat_vec_reverse(
    graph: &mut Graph,
    at: &Applied<'_>,
    adjoint: Tensor,
) -> Vec<Option<Tensor>> {
    let (a, x) = (at.operands[0], at.operands[1]);
    let to_a = push(graph, Op::Outer, &[adjoint, x]);
    let to_x = push(graph, Op::MatTVec, &[a, adjoint]);
    vec![Some(to_a), Some(to_x)]
}

pub(super) fn mat_t_vec_reverse(
    graph: &mut Graph,
    at: &Applied<'_>,
    adjoint: Tensor,
) -> Vec<Option<Tensor>> {
    let (a, x) = (at.operands[0], at.operands[1]);
    let to_a = push(graph, Op::Outer, &[x, adjoint]);
    let to_x = push(graph, Op::MatVec, &[a, adjoint]);
    vec![Some(to_a), Some(to_x)]
}

pub(super) fn outer_reverse(
    graph: &mut Graph,
    at: &Applied<'_>,
    adjoint: Tensor,
) -> Vec<Option<Tensor>> {
    let (x, y) = (at.operands[0], at.operands[1]);
    let to_x = push(graph, Op::MatVec, &[adjoint, y]);
    let to_y = push(graph, Op::MatTVec, &[adjoint, x]);
    vec![Some(to_x), Some(to_y)]
}

pub(super) fn sum_reverse(
    graph: &mut Graph,
    at: &Applied<'_>,
    adjoint: Tensor,
) -> Vec<Option<Tensor>> {
    vec![Some(push(graph, Op::Broadcast(at.operands[0].dims), &[adjoint]))]
}

pub(super) fn broadcast_reverse(
    graph: &mut Graph,
    _: &Applied<'_>,
    adjoint: Tensor,
) -> Vec<Option<Tensor>> {
    vec![Some(push(graph, Op::Sum, &[adjoint]))]
}

pub(super) fn dot_reverse(
    graph: &mut Graph,
    at: &Applied<'_>,
    adjoint: Tensor,
) -> Vec<Option<Tensor>> {
    let (a, b) = (at.operands[0], at.operands[1]);
    let repeated = push(graph, Op::Broadcast(a.dims), &[adjoint]);
    let to_a = zip(graph, Binary::Mul, repeated, b);
    let to_b = zip(graph, Binary::Mul, repeated, a);
    vec![Some(to_a), Some(to_b)]
}

pub(super) fn concat_reverse(
    graph: &mut Graph,
    at: &Applied<'_>,
    adjoint: Tensor,
) -> Vec<Option<Tensor>> {
    let mut start = 0;
    at.operands
        .iter()
        .map(|operand| {
            let len = operand.dims.len() as u32;
            let part = push(graph, Op::Slice { start, len }, &[adjoint]);
            start += len;
            Some(part)
        })
        .collect()
}

pub(super) fn slice_reverse(
    graph: &mut Graph,
    at: &Applied<'_>,
    adjoint: Tensor,
) -> Vec<Option<Tensor>> {
    let Op::Slice { start, len } = *at.op else { return Vec::new() };
    let after = at.operands[0].dims.len() as u32 - start - len;
    vec![Some(push(graph, Op::Pad { before: start, after }, &[adjoint]))]
}

pub(super) fn pad_reverse(
    graph: &mut Graph,
    at: &Applied<'_>,
    adjoint: Tensor,
) -> Vec<Option<Tensor>> {
    let Op::Pad { before, .. } = *at.op else { return Vec::new() };
    let len = at.operands[0].dims.len() as u32;
    vec![Some(push(graph, Op::Slice { start: before, len }, &[adjoint]))]
}

pub(super) fn reshape_reverse(
    graph: &mut Graph,
    at: &Applied<'_>,
    adjoint: Tensor,
) -> Vec<Option<Tensor>> {
    vec![Some(push(graph, Op::Reshape(at.operands[0].dims), &[adjoint]))]
}
