//! Where each parameter of a model sits in the parameter vector `p`.

pub(crate) mod random;
mod start;

use slopefield_lang::Model;

use crate::error::LowerError;
use crate::lower::check_params;
use crate::network::{Init, NetworkGraph};

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

impl Layout {
    /// The layout of a model with these networks.
    pub(crate) fn new(model: &Model, networks: &[NetworkGraph]) -> Result<Layout, LowerError> {
        let scalars = model.params.len();
        let mut layout = Layout { scalars, weights: Vec::new(), len: scalars };
        for (network, (declared, graph)) in model.networks.iter().zip(networks).enumerate() {
            for (name, dims, init) in graph.weights() {
                let len = dims.iter().map(|n| *n as usize).product();
                layout.weights.push(WeightSlot {
                    name: format!("{}.{name}", declared.name),
                    network,
                    dims: dims.to_vec(),
                    offset: layout.len,
                    len,
                    init,
                });
                layout.len += len;
                check_params(layout.len)?;
            }
        }
        Ok(layout)
    }

    /// Name of an element of `p`: a parameter's own, or `network.layer1.weight[2, 3]`, counted
    /// from 1 as in the language.
    ///
    /// # Panics
    /// When the index is not below `len`.
    #[must_use]
    pub fn name_of(&self, index: usize, model: &Model) -> String {
        assert!(index < self.len, "element {index} of {} parameters", self.len);
        if index < self.scalars {
            return model.params[index].name.clone();
        }
        let slot = &self.weights[self.weights.partition_point(|s| s.offset <= index) - 1];
        let element = index - slot.offset;
        match *slot.dims.as_slice() {
            [_, cols] => {
                let cols = cols as usize;
                format!("{}[{}, {}]", slot.name, element / cols + 1, element % cols + 1)
            }
            _ => format!("{}[{}]", slot.name, element + 1),
        }
    }

    /// The elements of `p` that belong to one network.
    #[must_use]
    pub fn network_range(&self, network: usize) -> std::ops::Range<usize> {
        let mut of_network = self.weights.iter().filter(|s| s.network == network);
        match of_network.next() {
            None => self.len..self.len,
            Some(first) => {
                let last = of_network.next_back().unwrap_or(first);
                first.offset..last.offset + last.len
            }
        }
    }
}
