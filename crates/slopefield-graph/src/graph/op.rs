//! The operators of the tensor graph.

use std::any::Any;
use std::sync::Arc;

use luminal::op::{InputTensor, Operator};
use luminal::prelude::{Data, ShapeTracker, Tensor};
use slopefield_lang::{Binary, Unary};

use super::table;
use crate::custom::CustomOp;
use crate::plan::Buffer;
use crate::scalar::Block;

/// Shape of a vector or a row-major matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dims {
    Vector(u32),
    Matrix(u32, u32),
}

impl Dims {
    /// From a list of one or two sizes.
    pub(crate) fn from_sizes(sizes: &[u32]) -> Option<Dims> {
        match *sizes {
            [n] => Some(Dims::Vector(n)),
            [rows, cols] => Some(Dims::Matrix(rows, cols)),
            _ => None,
        }
    }

    pub(crate) fn sizes(self) -> Vec<u32> {
        match self {
            Dims::Vector(n) => vec![n],
            Dims::Matrix(rows, cols) => vec![rows, cols],
        }
    }

    pub(crate) fn len(self) -> usize {
        match self {
            Dims::Vector(n) => n as usize,
            Dims::Matrix(rows, cols) => rows as usize * cols as usize,
        }
    }
}

impl std::fmt::Display for Dims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Dims::Vector(n) => write!(f, "[{n}]"),
            Dims::Matrix(rows, cols) => write!(f, "[{rows}, {cols}]"),
        }
    }
}

/// Fixed numbers; equal when their bits are.
#[derive(Debug, Clone)]
pub(crate) struct Numbers(pub(crate) Arc<[f64]>);

impl From<Vec<f64>> for Numbers {
    fn from(values: Vec<f64>) -> Self {
        Numbers(values.into())
    }
}

impl Numbers {
    /// Whether all of them are the same, bit for bit.
    pub(crate) fn is_uniform(&self) -> bool {
        self.0.windows(2).all(|pair| pair[0].to_bits() == pair[1].to_bits())
    }
}

impl PartialEq for Numbers {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self.0.iter().zip(other.0.iter()).all(|(a, b)| a.to_bits() == b.to_bits())
    }
}

/// What a node does. Shapes, meaning, text and derivatives are in the table (`table.rs`).
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Op {
    /// A run of an input buffer.
    Input { buffer: Buffer, offset: u32, dims: Dims },
    /// Fixed numbers.
    Constant(Dims, Numbers),
    /// A scalar program of its operands.
    Block(Arc<Block>),
    /// Element-wise function of one tensor.
    Map(Unary),
    /// Element-wise function of two tensors of one shape.
    Zip(Binary),
    /// A scalar program for every lane `0..count`. Each operand is a vector with an element for
    /// every lane, or one number (a vector of length 1) that all lanes share; the block has an
    /// input of length 1 for each. The result has the block's outputs one after the other, `count`
    /// elements each.
    Each { block: Arc<Block>, count: u32 },
    /// Elements of a vector by their indices.
    Gather(Arc<[u32]>),
    /// A vector of `len` sums: operand element `i` is added to element `indices[i]`, in order.
    ScatterAdd { indices: Arc<[u32]>, len: u32 },
    /// `activation(A x)`, or `activation(A x + b)` with a third operand.
    Layer(Option<Unary>),
    /// `A x`.
    MatVec,
    /// `Aᵀ x`.
    MatTVec,
    /// `x yᵀ`.
    Outer,
    /// Sum of all elements, as a vector of length 1.
    Sum,
    /// Sum of products, as a vector of length 1.
    Dot,
    /// Largest element, as a vector of length 1; NaN when there is one. Its derivative follows the
    /// first of equal elements.
    MaxOf,
    /// Smallest element, likewise.
    MinOf,
    /// A vector of length 1 repeated to a shape.
    Broadcast(Dims),
    /// Vectors one after the other.
    Concat,
    /// Part of a vector.
    Slice { start: u32, len: u32 },
    /// Zeros before and after a vector.
    Pad { before: u32, after: u32 },
    /// Same elements, other shape.
    Reshape(Dims),
    /// An operator that somebody else computes, or its reverse ([`CustomOp::run`]).
    Custom { op: &'static CustomOp, reverse: bool },
    /// Writes (or adds, for gradients) its operand to a result buffer. Computes its operand.
    Output { buffer: Buffer, offset: u32, add: bool },
}

/// The one luminal operator of this crate.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) op: Op,
    pub(crate) dims: Dims,
}

/// Tensor data in luminal: `f64`, where luminal's own operators use `f32`.
#[derive(Debug, Clone)]
pub(crate) struct Values(pub(crate) Vec<f64>);

impl Data for Values {
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// The numbers of a luminal tensor of ours.
pub(crate) fn values_of(tensor: &Tensor) -> &[f64] {
    match tensor.data.as_any().downcast_ref::<Values>() {
        Some(values) => &values.0,
        None => unreachable!("every tensor of our graphs holds Values"),
    }
}

impl Operator for Node {
    fn process(&mut self, inputs: Vec<(InputTensor<'_>, ShapeTracker)>) -> Vec<Tensor> {
        let operands: Vec<&[f64]> = inputs.iter().map(|(t, _)| values_of(t.borrowed())).collect();
        let shapes: Vec<Dims> = inputs.iter().map(|(_, shape)| dims_of(shape)).collect();
        let row = table::row(&self.op);
        vec![Tensor::new(Values(row.evaluate(&self.op, &operands, &shapes)))]
    }
}

fn dims_of(shape: &ShapeTracker) -> Dims {
    let sizes: Vec<u32> =
        shape.dims.iter().filter_map(|d| u32::try_from(d.to_usize()?).ok()).collect();
    match Dims::from_sizes(&sizes) {
        Some(dims) => dims,
        None => unreachable!("our tensors have rank 1 or 2"),
    }
}
