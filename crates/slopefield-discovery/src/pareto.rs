//! The list of formulas in which more complexity buys less error.

use crate::Samples;
use crate::formula::{Formula, Term};
use crate::least_squares::{residual, solve};
use crate::library::{Families, library};
use crate::refine::{columns, refine};
use crate::search::search;
use crate::validate::{BLOCKS, validate};

/// Samples below which nothing can be said.
const FEWEST: usize = 20;
/// A formula is listed where it has at most this share of the error of simpler ones.
const BETTER: f64 = 0.95;
/// Error, over the spread of the values, that counts as none: constants inside terms are not found
/// more exactly.
const EXACT: f64 = 1e-6;
/// What a unit of complexity must leave of the error, to be recommended.
const PRICE: f64 = 0.8;

/// What is looked for, and how closely.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// What the library holds.
    pub families: Families,
    /// Error, over the standard deviation of the values, below which formulas count as equally good
    /// when one is recommended: the samples themselves are no better. Noise alone is no measure, since a
    /// network differs from the law behind the data by errors that are smooth, which ever longer
    /// formulas describe ever better.
    pub resolution: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { families: Families::default(), resolution: EXACT }
    }
}

/// A formula and how well it describes the samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The formula.
    pub formula: Formula,
    /// Its complexity ([`Formula::complexity`]).
    pub complexity: u32,
    /// Root mean square of the distances from the samples, over the standard deviation of these.
    pub error: f64,
    /// The same for blocks of samples that the coefficients were not fitted to.
    pub validated: f64,
    /// The best trade of the list: what a unit of complexity costs is worth it where it takes a fifth
    /// off the validated error. Exactly one of a list is.
    pub recommended: bool,
}

/// Formulas for samples, simple ones first, each with a smaller validated error than all simpler
/// ones; empty where there are fewer than 20 samples.
#[must_use]
pub fn discover(samples: Samples<'_>, settings: Settings) -> Vec<Candidate> {
    let n = samples.len();
    if n < FEWEST {
        return Vec::new();
    }
    let samples = Samples { inputs: &samples.inputs[..n], values: &samples.values[..n] };
    let spread = samples.spread();
    let terms = library(samples, settings.families);
    let mut judged: Vec<Candidate> = Vec::new();
    for set in search(&terms, samples) {
        let mut chosen: Vec<Term> = set.iter().map(|i| terms[*i].clone()).collect();
        refine(&mut chosen, samples);
        let columns = columns(&chosen, samples.inputs);
        let Some(coefficients) = solve(&columns, samples.values) else { continue };
        let rms = |square: f64| (square / n as f64).sqrt() / spread;
        let error = rms(residual(&columns, &coefficients, samples.values));
        let least = (EXACT * spread).powi(2);
        let blocks = validate(&chosen, samples).map(|square| square.max(least));
        let validated = (mean(&blocks)).sqrt() / spread;
        let formula = Formula { terms: coefficients.into_iter().zip(chosen).collect() };
        let complexity = formula.complexity();
        judged.push(Candidate { formula, complexity, error, validated, recommended: false });
    }
    judged
        .sort_by(|a, b| a.complexity.cmp(&b.complexity).then(a.validated.total_cmp(&b.validated)));
    let mut best = f64::INFINITY;
    judged.retain(|candidate| {
        let better = candidate.validated.is_finite() && candidate.validated < BETTER * best;
        if better {
            best = candidate.validated;
        }
        better
    });
    let cost = |c: &Candidate| {
        c.validated.max(settings.resolution).ln() - f64::from(c.complexity) * PRICE.ln()
    };
    if let Some(best) = judged.iter_mut().min_by(|a, b| cost(a).total_cmp(&cost(b))) {
        best.recommended = true;
    }
    judged
}

fn mean(blocks: &[f64; BLOCKS]) -> f64 {
    blocks.iter().sum::<f64>() / BLOCKS as f64
}
