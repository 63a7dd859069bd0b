//! Formulas for what a learned term gives where it was trained.

use super::{LearnedTerm, Visited};
use crate::Prepared;
use slopefield_discovery::{Candidate, Evolution, Families, Samples, Settings, discover_freely};

/// Samples of a term at most.
const SAMPLES: usize = 600;
/// How closely a trained network resembles the law behind the data, at best, over the standard deviation
/// of its output: the errors of those of the zoo are one to three per cent.
const RESOLUTION: f64 = 0.02;

/// Formulas for each output of a term, of what it was asked while it was trained: simple ones
/// first, each with less error than the simpler ones.
///
/// A network says something of value only where it was trained, so nothing else is looked at. `watch` is
/// told the share that is done, from several threads, and ends the search for formulas of any form when
/// it says false; the lists are then of what was found by then. Otherwise they follow from the study, its
/// seed and θ.
#[must_use]
pub fn discovered(
    prepared: &Prepared,
    terms: &[LearnedTerm],
    term: usize,
    visited: &Visited,
    theta: &[f64],
    watch: &(dyn Fn(f64) -> bool + Sync),
) -> Vec<Vec<Candidate>> {
    let learned = &terms[term];
    let all = visited.trained(term);
    let rows: Vec<&[f64]> =
        all.iter().step_by(all.len().div_ceil(SAMPLES).max(1)).copied().collect();
    let weights = learned.weights(prepared, theta);
    let values: Vec<Vec<f64>> =
        rows.iter().map(|row| learned.value(&prepared.model, weights, row)).collect();
    let outputs = learned.outputs.len();
    let evolution = Evolution { seed: prepared.file.seed, ..Evolution::default() };
    let output = |k: usize| {
        let values: Vec<f64> = values.iter().map(|row| row[k]).collect();
        let settings = Settings { families: Families::default(), resolution: RESOLUTION };
        let samples = Samples { inputs: &rows, values: &values };
        let watch = |share: f64| watch((k as f64 + share) / outputs as f64);
        discover_freely(samples, settings, evolution, &watch)
    };
    (0..outputs).map(output).collect()
}
