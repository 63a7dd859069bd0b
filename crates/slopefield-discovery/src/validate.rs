//! Cross-validation over blocks of consecutive samples.
//!
//! Samples along a trajectory resemble their neighbours, so that leaving out every fifth one would
//! test nothing; a block that is left out asks for a forecast between or beyond the others.

use crate::Samples;
use crate::least_squares::solve;
use crate::refine::columns;
use crate::sum::Term;

/// Blocks.
pub(crate) const BLOCKS: usize = 5;

/// Mean squared error of each block when the coefficients are fitted to the others; infinite where
/// these do not determine them.
pub(crate) fn validate(terms: &[Term], samples: Samples<'_>) -> [f64; BLOCKS] {
    let n = samples.len();
    let all = columns(terms, samples.inputs);
    let mut errors = [f64::INFINITY; BLOCKS];
    for (block, error) in errors.iter_mut().enumerate() {
        let (from, to) = (block * n / BLOCKS, (block + 1) * n / BLOCKS);
        let rest = |v: &[f64]| -> Vec<f64> { [&v[..from], &v[to..]].concat() };
        let others: Vec<Vec<f64>> = all.iter().map(|c| rest(c)).collect();
        let Some(coefficients) = solve(&others, &rest(&samples.values[..n])) else { continue };
        let predicted =
            |k: usize| all.iter().zip(&coefficients).map(|(c, x)| c[k] * x).sum::<f64>();
        let squares = (from..to).map(|k| (predicted(k) - samples.values[k]).powi(2));
        *error = squares.sum::<f64>() / (to - from).max(1) as f64;
    }
    errors
}
