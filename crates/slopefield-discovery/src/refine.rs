//! Constants inside terms, fitted one after the other by golden sections; the coefficients are
//! those of the best fit at each trial.

use crate::Samples;
use crate::least_squares::{residual, solve};
use crate::sum::Term;

/// Ratio of the golden section.
const GOLDEN: f64 = 0.618_033_988_749_894_9;
/// Rounds over all constants, and trials for each: the last leave a relative width of 1e-6.
const ROUNDS: usize = 6;
const TRIALS: usize = 32;

/// Values of terms at samples.
pub(crate) fn columns(terms: &[Term], inputs: &[&[f64]]) -> Vec<Vec<f64>> {
    terms.iter().map(|term| inputs.iter().map(|row| term.value(row)).collect()).collect()
}

/// Fits the constants inside terms.
pub(crate) fn refine(terms: &mut [Term], samples: Samples<'_>) {
    let inner: Vec<(usize, usize)> = terms
        .iter()
        .enumerate()
        .flat_map(|(t, term)| {
            let fitted = (0..term.factors.len()).filter(|f| term.factors[*f].constant().is_some());
            fitted.map(move |f| (t, f))
        })
        .collect();
    if inner.is_empty() {
        return;
    }
    let left = |terms: &[Term]| {
        let columns = columns(terms, samples.inputs);
        let fit = solve(&columns, samples.values);
        fit.map_or(f64::INFINITY, |c| residual(&columns, &c, samples.values))
    };
    let mut best = left(terms);
    for round in 0..ROUNDS {
        let before = best;
        // The grid of the library is coarse, by factors of about 3; each round looks closer.
        let width = 3f64.ln() * 0.5f64.powi(round as i32);
        for &(t, f) in &inner {
            let Some(constant) = terms[t].factors[f].constant() else { continue };
            let centre = constant.value.ln();
            let mut at = |x: f64| {
                terms[t].factors[f] = terms[t].factors[f].with_constant(x.exp());
                left(terms)
            };
            let (mut low, mut high) = (centre - width, centre + width);
            let (mut a, mut b) = (high - GOLDEN * (high - low), low + GOLDEN * (high - low));
            let (mut at_a, mut at_b) = (at(a), at(b));
            for _ in 0..TRIALS {
                if at_a < at_b {
                    (high, b, at_b) = (b, a, at_a);
                    a = high - GOLDEN * (high - low);
                    at_a = at(a);
                } else {
                    (low, a, at_a) = (a, b, at_b);
                    b = low + GOLDEN * (high - low);
                    at_b = at(b);
                }
            }
            let (x, found) = if at_a < at_b { (a, at_a) } else { (b, at_b) };
            let (x, found) = if found < best { (x, found) } else { (centre, best) };
            terms[t].factors[f] = terms[t].factors[f].with_constant(x.exp());
            best = found;
        }
        if best >= before * (1.0 - 1e-9) {
            return;
        }
    }
}
