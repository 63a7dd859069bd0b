//! Dense layers with activations between them, for the kinds that contain a perceptron.

use super::activation::Activation;
use super::{Init, NetworkBuilder, NetworkError, NodeId};

/// Gain of the last layer of a network that starts small.
pub(crate) const OUTPUT_GAIN: f64 = 0.1;

/// `W x + b`. The weights are recorded where the layer is first used; each further use shares them.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    name: String,
    from: u32,
    to: u32,
    init: Init,
    bias: bool,
    weights: Option<(NodeId, Option<NodeId>)>,
}

impl Layer {
    pub(crate) fn new(name: &str, (from, to): (u32, u32), init: Init, bias: bool) -> Layer {
        Layer { name: name.into(), from, to, init, bias, weights: None }
    }

    pub(crate) fn apply(
        &mut self,
        b: &mut NetworkBuilder,
        x: NodeId,
    ) -> Result<NodeId, NetworkError> {
        let known = self.weights;
        let weight = match known {
            Some((weight, _)) => weight,
            None => b.param(&format!("{}.weight", self.name), &[self.to, self.from], self.init)?,
        };
        let product = b.matvec(weight, x)?;
        let bias = match known {
            Some((_, bias)) => bias,
            None if self.bias => {
                Some(b.param(&format!("{}.bias", self.name), &[self.to], Init::Zeros)?)
            }
            None => None,
        };
        self.weights = Some((weight, bias));
        bias.map_or(Ok(product), |bias| b.add(product, bias))
    }
}

/// Layers, each but the last followed by its activation.
#[derive(Debug, Clone)]
pub(crate) struct Perceptron {
    layers: Vec<Layer>,
    activations: Vec<Activation>,
}

/// What the layers of a perceptron have in common.
#[derive(Debug, Clone)]
pub(crate) struct Shape<'a> {
    /// In front of `layer1` and so on, in the names of weights.
    pub(crate) prefix: &'a str,
    pub(crate) inputs: u32,
    pub(crate) hidden: &'a [u32],
    pub(crate) outputs: u32,
    /// One for each hidden layer.
    pub(crate) activations: &'a [Activation],
    /// Start of the hidden layers; `None` follows the activations.
    pub(crate) init: Option<Init>,
    /// Start of the last layer.
    pub(crate) last: Init,
    pub(crate) bias: bool,
    pub(crate) last_bias: bool,
}

impl Perceptron {
    pub(crate) fn new(shape: &Shape<'_>) -> Perceptron {
        let mut width = shape.inputs;
        let mut layers = Vec::with_capacity(shape.hidden.len() + 1);
        for (i, (next, activation)) in shape.hidden.iter().zip(shape.activations).enumerate() {
            let init = shape.init.unwrap_or_else(|| activation.init());
            let name = format!("{}layer{}", shape.prefix, i + 1);
            layers.push(Layer::new(&name, (width, *next), init, shape.bias));
            width = *next;
        }
        let name = format!("{}layer{}", shape.prefix, shape.hidden.len() + 1);
        layers.push(Layer::new(&name, (width, shape.outputs), shape.last, shape.last_bias));
        Perceptron { layers, activations: shape.activations.to_vec() }
    }

    pub(crate) fn apply(
        &mut self,
        b: &mut NetworkBuilder,
        mut x: NodeId,
    ) -> Result<NodeId, NetworkError> {
        for (i, layer) in self.layers.iter_mut().enumerate() {
            x = layer.apply(b, x)?;
            if let Some(activation) = self.activations.get(i) {
                x = activation.record(b, x)?;
            }
        }
        Ok(x)
    }
}
