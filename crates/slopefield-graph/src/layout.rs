//! Where each parameter of a model sits in the parameter vector `p`.

use crate::network::Init;

/// The parameter vector of a model: `Model::params` first, one element each in order, then the
/// weights of each network in order of declaration and of its nodes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Layout {
    /// Number of scalar parameters.
    pub scalars: usize,
    /// Weight tensors.
    pub weights: Vec<WeightSlot>,
    /// Length of `p`.
    pub len: usize,
}

/// One weight tensor of one network.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightSlot {
    /// Full name, `network.layer1.weight`.
    pub name: String,
    /// Index into `Model::networks`.
    pub network: usize,
    /// Shape, row-major.
    pub dims: Vec<u32>,
    /// First element in `p`.
    pub offset: usize,
    /// Number of elements.
    pub len: usize,
    /// How it starts.
    pub init: Init,
}
