//! Products of powers and exponentials.

use super::{Best, Written};
use crate::Samples;
use crate::expression::{Expression, Function, Node};
use crate::least_squares::solve;

/// Inputs beyond which there are too many products.
const INPUTS: usize = 4;
/// Most factors beside the coefficient.
const FACTORS: usize = 3;

/// What one input may do in a product.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Factor {
    /// `x^n` with a whole exponent.
    Whole(usize, u8),
    /// `x^n` with an exponent that is fitted.
    Power(usize),
    /// `exp(k*x)`.
    Exponential(usize),
}

/// Products of up to three factors.
pub(super) fn powers(samples: Samples<'_>) -> Vec<Expression> {
    let inputs = samples.inputs.first().map_or(0, |row| row.len());
    let sign = samples.values.first().map_or(0.0, |y| y.signum());
    if inputs > INPUTS || !samples.values.iter().all(|y| y * sign > 0.0) {
        return Vec::new();
    }
    let positive = |i: usize| samples.inputs.iter().all(|row| row[i] > 0.0);
    let mut known = Vec::new();
    for i in 0..inputs {
        if positive(i) {
            known.extend([Factor::Whole(i, 1), Factor::Whole(i, 2), Factor::Power(i)]);
        }
        known.push(Factor::Exponential(i));
    }
    let mut best = Best::new();
    let mut chosen = Vec::new();
    products(&known, &mut chosen, &mut |factors| {
        if let Some((expression, left)) = fitted(factors, sign, samples) {
            best.take(expression.complexity() as usize, left, expression);
        }
    });
    best.all().collect()
}

/// All sets of factors in which no input has two powers.
fn products(known: &[Factor], chosen: &mut Vec<Factor>, told: &mut impl FnMut(&[Factor])) {
    if !chosen.is_empty() {
        told(chosen);
    }
    if chosen.len() == FACTORS {
        return;
    }
    let power = |f: &Factor| match *f {
        Factor::Whole(i, _) | Factor::Power(i) => Some(i),
        Factor::Exponential(_) => None,
    };
    for (k, factor) in known.iter().enumerate() {
        let twice = |other: &Factor| power(other).is_some() && power(other) == power(factor);
        if !chosen.iter().any(twice) {
            chosen.push(*factor);
            products(&known[k + 1..], chosen, told);
            chosen.pop();
        }
    }
}

/// The product with the constants that fit the logarithm best, and the sum of the squares that it leaves.
fn fitted(factors: &[Factor], sign: f64, samples: Samples<'_>) -> Option<(Expression, f64)> {
    let rows = || samples.inputs.iter().zip(samples.values);
    let mut right = Vec::new();
    // An error of ln y is one of y over y: weighed with y it is one of y again.
    let mut columns: Vec<Vec<f64>> = vec![samples.values.iter().map(|y| y.abs()).collect()];
    for (row, y) in rows() {
        let fixed: f64 = factors
            .iter()
            .map(|f| match *f {
                Factor::Whole(i, n) => f64::from(n) * row[i].ln(),
                _ => 0.0,
            })
            .sum();
        right.push((y.abs().ln() - fixed) * y.abs());
    }
    for factor in factors {
        match *factor {
            Factor::Whole(..) => {}
            Factor::Power(i) => columns.push(rows().map(|(r, y)| r[i].ln() * y.abs()).collect()),
            Factor::Exponential(i) => columns.push(rows().map(|(r, y)| r[i] * y.abs()).collect()),
        }
    }
    let found = solve(&columns, &right)?;
    let mut constants = found.into_iter();
    let mut parts = Written::default();
    let mut product = parts.push(Node::Constant(sign * constants.next()?.exp()));
    let mut exponent = None;
    for factor in factors {
        let next = match *factor {
            Factor::Whole(i, n) => parts.whole_power(i, n),
            Factor::Power(i) => {
                let base = parts.push(Node::Input(i));
                let by = parts.push(Node::Constant(constants.next()?));
                parts.push(Node::Power(base, by))
            }
            Factor::Exponential(i) => {
                let by = parts.push(Node::Constant(constants.next()?));
                let input = parts.push(Node::Input(i));
                let term = parts.push(Node::Product(by, input));
                exponent = Some(match exponent {
                    Some(sum) => parts.push(Node::Sum(sum, term)),
                    None => term,
                });
                continue;
            }
        };
        product = parts.product(Some(product), next);
    }
    // Several exponentials are one of a sum.
    if let Some(exponent) = exponent {
        let call = parts.push(Node::Call(Function::Exp, exponent));
        parts.product(Some(product), call);
    }
    let expression = Expression::new(parts.0)?;
    let left = rows().map(|(row, y)| (expression.value(row) - y).powi(2)).sum();
    Some((expression, left))
}
