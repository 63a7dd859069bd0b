//! The list of formulas in which more complexity buys less error.

use crate::Samples;
use crate::evolve::{Evolution, evolve};
use crate::fit::fitted;
use crate::formula::Formula;
use crate::least_squares::{residual, solve};
use crate::library::{Families, library};
use crate::linear::linear;
use crate::refine::{columns, refine};
use crate::search::search;
use crate::sum::{Sum, Term};
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

/// A formula of the library as short and as good as the samples resolve leaves nothing to look for.
const SHORT: u32 = 4;

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

/// Formulas of the library for samples, simple ones first, each with a smaller validated error than all
/// simpler ones; empty where there are fewer than 20 samples.
#[must_use]
pub fn discover(samples: Samples<'_>, settings: Settings) -> Vec<Candidate> {
    match enough(samples) {
        Some(samples) => listed(of_library(samples, settings), settings),
        None => Vec::new(),
    }
}

/// Formulas of the library and of any form in one list, as [`discover`] has it. Of any form are looked for
/// where no formula of the library with a complexity of at most 4 is as good as the samples resolve.
///
/// `watch` is told the share of the search that is done, from several threads, and ends it when it says
/// false; then the list is of what was found by then.
#[must_use]
pub fn discover_freely(
    samples: Samples<'_>,
    settings: Settings,
    evolution: Evolution,
    watch: &(dyn Fn(f64) -> bool + Sync),
) -> Vec<Candidate> {
    let Some(samples) = enough(samples) else { return Vec::new() };
    let mut judged = of_library(samples, settings);
    let plain = |c: &Candidate| c.complexity <= SHORT && c.validated <= settings.resolution;
    if !judged.iter().any(plain) {
        judged.extend(of_any_form(samples, settings, evolution, watch));
    }
    listed(judged, settings)
}

/// The samples that have both inputs and a value, if they are enough.
fn enough(samples: Samples<'_>) -> Option<Samples<'_>> {
    let n = samples.len();
    let cut = Samples { inputs: &samples.inputs[..n], values: &samples.values[..n] };
    (n >= FEWEST).then_some(cut)
}

fn of_library(samples: Samples<'_>, settings: Settings) -> Vec<Candidate> {
    let terms = library(samples, settings.families);
    let mut judged: Vec<Candidate> = Vec::new();
    for set in search(&terms, samples) {
        let mut chosen: Vec<Term> = set.iter().map(|i| terms[*i].clone()).collect();
        refine(&mut chosen, samples);
        let columns = columns(&chosen, samples.inputs);
        let Some(coefficients) = solve(&columns, samples.values) else { continue };
        let left = residual(&columns, &coefficients, samples.values);
        let blocks = validate(&chosen, samples);
        let sum = Sum { terms: coefficients.into_iter().zip(chosen).collect() };
        judged.push(candidate(sum.into(), left, blocks, samples));
    }
    judged
}

fn of_any_form(
    samples: Samples<'_>,
    settings: Settings,
    evolution: Evolution,
    watch: &(dyn Fn(f64) -> bool + Sync),
) -> Vec<Candidate> {
    let bearable = (settings.resolution * samples.spread()).powi(2);
    let mut judged: Vec<Candidate> = Vec::new();
    for expression in linear(samples).into_iter().chain(evolve(samples, evolution, watch)) {
        let Some(found) = fitted(&expression, samples, bearable) else { continue };
        let formula = Formula::Free(found.expression);
        judged.push(candidate(formula, found.left, found.blocks, samples));
    }
    judged
}

/// A formula with the sum of squares that it leaves, and the mean squares of left-out blocks.
fn candidate(
    formula: Formula,
    left: f64,
    blocks: [f64; BLOCKS],
    samples: Samples<'_>,
) -> Candidate {
    let spread = samples.spread();
    let least = (EXACT * spread).powi(2);
    let blocks = blocks.map(|square| square.max(least));
    Candidate {
        complexity: formula.complexity(),
        formula,
        error: (left / samples.len() as f64).sqrt() / spread,
        validated: mean(&blocks).sqrt() / spread,
        recommended: false,
    }
}

/// Those of which each is better than all simpler ones, with one recommended.
fn listed(mut judged: Vec<Candidate>, settings: Settings) -> Vec<Candidate> {
    // Of two as complex and nearly as good the sum of terms comes first: often they are the same.
    let order = |c: &Candidate| match c.formula {
        Formula::Sum(_) => c.validated,
        Formula::Free(_) => c.validated / BETTER,
    };
    judged.sort_by(|a, b| a.complexity.cmp(&b.complexity).then(order(a).total_cmp(&order(b))));
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
