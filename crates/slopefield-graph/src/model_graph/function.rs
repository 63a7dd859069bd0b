//! Which functions a model has, and the expressions they compute.

use slopefield_lang::{Expr, Model, Noise};

/// The functions of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelFunction {
    /// Initial values of the states, of params and time.
    Initial,
    /// Right-hand sides.
    Rhs,
    /// Value and noise arguments of each observation.
    Observe,
    /// Components of all `let`s.
    Lets,
}

impl ModelFunction {
    /// All of them.
    pub const ALL: [ModelFunction; 4] =
        [ModelFunction::Initial, ModelFunction::Rhs, ModelFunction::Observe, ModelFunction::Lets];

    /// The expressions it computes, in order.
    #[must_use]
    pub fn outputs(self, model: &Model) -> Vec<&Expr> {
        match self {
            ModelFunction::Initial => model.states.iter().map(|s| &s.initial).collect(),
            ModelFunction::Rhs => model.states.iter().map(|s| &s.derivative).collect(),
            ModelFunction::Observe => model
                .observations
                .iter()
                .flat_map(|o| std::iter::once(&o.value).chain(noise_arguments(&o.noise)))
                .collect(),
            ModelFunction::Lets => model.lets.iter().flat_map(|l| &l.value).collect(),
        }
    }

    /// Number of states it depends on.
    #[must_use]
    pub fn states(self, model: &Model) -> usize {
        if self == ModelFunction::Initial { 0 } else { model.states.len() }
    }
}

/// The expressions inside a noise model, in order of writing.
pub(crate) fn noise_arguments(noise: &Noise) -> impl Iterator<Item = &Expr> {
    let (a, b) = match noise {
        Noise::LeastSquares | Noise::Poisson | Noise::Bernoulli | Noise::Categorical => {
            (None, None)
        }
        Noise::Normal(a)
        | Noise::LogNormal(a)
        | Noise::Laplace(a)
        | Noise::NegativeBinomial(a)
        | Noise::Binomial(a) => (Some(a), None),
        Noise::StudentT(a, b) => (Some(a), Some(b)),
    };
    a.into_iter().chain(b)
}
