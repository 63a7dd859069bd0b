//! Constants of expressions, fitted by Levenberg and Marquardt's method, and such expressions judged.

use crate::Samples;
use crate::expression::Expression;
use crate::least_squares::solve;
use crate::validate::BLOCKS;

/// Steps of a fit at most, and of one that begins at a good place.
const STEPS: usize = 40;
const FEW: usize = 10;
/// A fit ends when a step takes less than this share off the sum of squares.
const ENOUGH: f64 = 1e-12;
/// Distance within which an exponent is tried as a whole number.
const WHOLE: f64 = 0.2;
/// What a whole exponent may add to the error.
const ROUNDING: f64 = 1.05;

/// An expression with fitted constants, and how well it describes samples.
#[derive(Debug, Clone)]
pub(crate) struct Fitted {
    pub(crate) expression: Expression,
    /// Sum of squares that is left.
    pub(crate) left: f64,
    /// Mean squared error of each block when the constants are fitted to the others.
    pub(crate) blocks: [f64; BLOCKS],
}

/// Fits the constants of an expression. An exponent that is nearly a whole number becomes one where
/// that costs next to nothing, or no more than `bearable` mean squared error.
///
/// Returns `None` where the expression has no value at a sample, or may have none between two.
pub(crate) fn fitted(
    expression: &Expression,
    samples: Samples<'_>,
    bearable: f64,
) -> Option<Fitted> {
    let n = samples.len() as f64;
    let mut best = fit(expression, samples, STEPS)?;
    if let Some(rounded) = best.0.with_whole_exponents(WHOLE)
        && let Some(rounded) = fit(&rounded, samples, STEPS)
        && rounded.1 <= (ROUNDING * ROUNDING * best.1).max(bearable * n)
    {
        best = rounded;
    }
    let (expression, left) = best;
    if expression.has_poles(samples.inputs) {
        return None;
    }
    let blocks = validate(&expression, samples);
    Some(Fitted { expression, left, blocks })
}

/// Fitted constants and the sum of squares they leave.
fn fit(expression: &Expression, samples: Samples<'_>, steps: usize) -> Option<(Expression, f64)> {
    let mut now = expression.clone();
    let mut room = (Vec::new(), Vec::new());
    let mut slopes = Vec::new();
    let square = |e: &Expression, values: &mut Vec<f64>| -> f64 {
        let one = |(row, y): (&&[f64], &f64)| {
            e.fill(row, values);
            (values.last().copied().unwrap_or(f64::NAN) - y).powi(2)
        };
        samples.inputs.iter().zip(samples.values).map(one).sum()
    };
    let mut left = square(&now, &mut room.0);
    if !left.is_finite() {
        return None;
    }
    let mut constants = now.fitted();
    if constants.is_empty() {
        return Some((now, left));
    }
    let (rows, count) = (samples.inputs.len(), constants.len());
    let mut damping = 1e-3;
    for _ in 0..steps {
        let mut columns = vec![vec![0.0; rows + count]; count];
        let mut right = vec![0.0; rows + count];
        for (k, (row, y)) in samples.inputs.iter().zip(samples.values).enumerate() {
            let value = now.differentiate(row, (&mut room.0, &mut room.1), &mut slopes);
            right[k] = y - value;
            columns.iter_mut().zip(&slopes).for_each(|(c, s)| c[k] = *s);
        }
        let lengths: Vec<f64> =
            columns.iter().map(|c| c.iter().map(|x| x * x).sum::<f64>().sqrt()).collect();
        if lengths.iter().any(|l| !l.is_finite()) {
            break;
        }
        let before = left;
        // A step that leads nowhere is tried again, shorter.
        for _ in 0..12 {
            for (j, length) in lengths.iter().enumerate() {
                columns[j][rows + j] = f64::sqrt(damping) * length.max(1e-12);
            }
            let Some(step) = solve(&columns, &right) else { break };
            let there: Vec<f64> = constants.iter().zip(&step).map(|(c, d)| c + d).collect();
            let trial = now.with_fitted(&there);
            let found = square(&trial, &mut room.0);
            if found < left {
                (now, left, constants) = (trial, found, there);
                damping = (damping * 0.1).max(1e-12);
                break;
            }
            damping *= 10.0;
        }
        if !(left < before * (1.0 - ENOUGH)) {
            break;
        }
    }
    Some((now, left))
}

/// Mean squared error of each block when the constants are fitted to the others, from where they are;
/// infinite where the expression has no value in the block.
fn validate(expression: &Expression, samples: Samples<'_>) -> [f64; BLOCKS] {
    let n = samples.len();
    let mut errors = [f64::INFINITY; BLOCKS];
    for (block, error) in errors.iter_mut().enumerate() {
        let (from, to) = (block * n / BLOCKS, (block + 1) * n / BLOCKS);
        let inputs = [&samples.inputs[..from], &samples.inputs[to..]].concat();
        let values = [&samples.values[..from], &samples.values[to..]].concat();
        let others = Samples { inputs: &inputs, values: &values };
        let Some((fitted, _)) = fit(expression, others, FEW) else { continue };
        let square = |k: usize| (fitted.value(samples.inputs[k]) - samples.values[k]).powi(2);
        let mean = (from..to).map(square).sum::<f64>() / (to - from).max(1) as f64;
        if mean.is_finite() {
            *error = mean;
        }
    }
    errors
}

#[cfg(test)]
mod tests;
