//! Weights that keep their sign, and the perceptron that conditions a network on further inputs.

use super::activation::Activation;
use super::init::Init;
use super::options::{Accepts, OptionSpec, Standard, option};
use super::perceptron::Layer;
use super::{NetworkBuilder, NetworkError, NodeId};

/// How a weight is kept from being negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Positive {
    /// softplus(w), above 0.
    Softplus,
    /// w², which may become 0 and stay there.
    Square,
}

pub(crate) const WEIGHTS: OptionSpec = option(
    "weights",
    Accepts::Word(&["softplus", "square"]),
    Standard::Word("softplus"),
    "what keeps a weight from being negative: softplus(w), or w squared",
);

impl Positive {
    pub(crate) fn named(word: &str) -> Positive {
        if word == "square" { Positive::Square } else { Positive::Softplus }
    }

    /// `W x` with a matrix of positive weights that start around `mean`.
    pub(crate) fn product(
        self,
        b: &mut NetworkBuilder,
        name: &str,
        (x, to): (NodeId, u32),
        mean: f64,
    ) -> Result<NodeId, NetworkError> {
        let from = b.elements(x);
        // A spread about the mean, so that units differ.
        let (init, op) = match self {
            Positive::Softplus => (Init::Normal(libm::log(libm::expm1(mean)), 0.5), "softplus"),
            Positive::Square => (Init::Normal(mean.sqrt(), 0.3 * mean.sqrt()), "square"),
        };
        let raw = b.param(name, &[to, from], init)?;
        let weight = if op == "square" { b.mul(raw, raw)? } else { b.map(op, raw)? };
        b.matvec(weight, x)
    }
}

/// Hidden layers of the inputs that are free of a constraint: without one, each is handed on.
pub(crate) struct Context {
    /// The free inputs, then each hidden layer.
    values: Vec<NodeId>,
}

impl Context {
    /// Records the layers; `None` when no input is free.
    pub(crate) fn record(
        b: &mut NetworkBuilder,
        free: Option<NodeId>,
        hidden: &[u32],
        activation: Activation,
    ) -> Result<Option<Context>, NetworkError> {
        let Some(mut x) = free else { return Ok(None) };
        let mut values = vec![x];
        for (i, width) in hidden.iter().enumerate() {
            let shape = (b.elements(x), *width);
            let name = format!("context{}", i + 1);
            x = Layer::new(&name, shape, activation.init(), true).apply(b, x)?;
            x = activation.record(b, x)?;
            values.push(x);
        }
        Ok(Some(Context { values }))
    }

    /// What layer `i` of the constrained network sees.
    pub(crate) fn at(&self, i: usize) -> NodeId {
        self.values[i.min(self.values.len() - 1)]
    }
}

/// Positions that are not among some others.
pub(crate) fn others(inputs: u32, taken: &[u32]) -> Vec<u32> {
    (0..inputs).filter(|i| !taken.contains(i)).collect()
}
