//! Learned terms: what the networks of a fitted study say, and where they have been asked.
//!
//! A term is a network with everything it is applied to. Its inputs are told in the quantities of
//! the model: of `n(x/3)` the input is `x`, and a factor 1/3 leads to what the network takes.

mod curves;
mod discover;
mod distance;
mod replace;
mod uses;
mod visited;

pub use curves::{Curve, Response, Spread, responses};
pub use discover::discovered;
pub use distance::{Distances, NEAR, distances};
pub use replace::{NotReplaced, Replacement, closed, replace};
pub use visited::{Course, Visited, visited};

use crate::{CompiledModel, Prepared};
use slopefield_lang::Model;
use slopefield_lang::syntax::Document;

/// A network of a model and what it takes and gives.
#[derive(Debug, Clone, PartialEq)]
pub struct LearnedTerm {
    /// Index into the networks of the model.
    pub network: usize,
    /// Name of the network.
    pub name: String,
    /// What it is applied to.
    pub inputs: Vec<TermInput>,
    /// Names of its outputs: `n` of one, `n[1]`, `n[2]` of several.
    pub outputs: Vec<String>,
}

/// An input of a learned term.
#[derive(Debug, Clone, PartialEq)]
pub struct TermInput {
    /// The quantity, as the text has it where the network is applied first.
    pub name: String,
    /// What the quantity is multiplied by before the network takes it.
    pub factor: f64,
}

impl LearnedTerm {
    /// The learned terms of a model, in the order of its networks. A network that is applied nowhere
    /// is none.
    #[must_use]
    pub fn all(model: &CompiledModel) -> Vec<LearnedTerm> {
        let document = slopefield_lang::parse(&model.text).document;
        let networks = 0..model.model.networks.len();
        networks.filter_map(|n| term(&document, &model.model, n, &model.text)).collect()
    }

    /// The weights of its network in a vector θ of the study.
    #[must_use]
    pub fn weights<'a>(&self, prepared: &Prepared, theta: &'a [f64]) -> &'a [f64] {
        let layout = &prepared.model.lowered.layout;
        let range = layout.network_range(self.network);
        // Scalars may be more in θ, one for each experiment; weights are shared by all.
        let first = prepared.scalars + range.start - layout.scalars;
        &theta[first..first + range.len()]
    }

    /// What the term gives at some values of its inputs.
    #[must_use]
    pub fn value(&self, model: &CompiledModel, weights: &[f64], inputs: &[f64]) -> Vec<f64> {
        let scaled: Vec<f64> =
            inputs.iter().zip(&self.inputs).map(|(x, input)| x * input.factor).collect();
        model.lowered.networks[self.network].evaluate(weights, &scaled)
    }
}

/// The term of a network of a model text, where it is applied somewhere.
fn term(document: &Document, model: &Model, network: usize, text: &str) -> Option<LearnedTerm> {
    let declared = &model.networks[network];
    let uses = uses::uses(document, model, declared);
    uses.first()?;
    let factors = uses::factors(&uses, declared.inputs as usize);
    let named = |(i, factor): (usize, Option<f64>)| TermInput {
        name: uses::name(&uses, i, factor.is_some(), text),
        factor: factor.unwrap_or(1.0),
    };
    let outputs = 1..=declared.outputs;
    Some(LearnedTerm {
        network,
        name: declared.name.clone(),
        inputs: factors.into_iter().enumerate().map(named).collect(),
        outputs: match declared.outputs {
            1 => vec![declared.name.clone()],
            _ => outputs.map(|k| format!("{}[{k}]", declared.name)).collect(),
        },
    })
}
