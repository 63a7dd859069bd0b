//! Formulas of two wide families, found by linear least squares: quotients of short polynomials, and
//! products of powers and exponentials.
//!
//! Evolution finds such formulas from most seeds, not from all. But `y = P/Q` is linear in the coefficients
//! of both as `P − yQ = 0`, and `y = c·x^n·exp(k·z)` in all its constants as `ln y = ln c + n ln x + k z`:
//! all small members of a family can be tried, whatever the seed. What is linear there weighs errors
//! otherwise than the samples do, so that the best few of each complexity are judged by their own errors,
//! and their constants fitted again ([`crate::fit`]).

mod powers;
mod quotients;

use crate::Samples;
use crate::expression::{Expression, Node};

/// Samples that are looked at.
const ROWS: usize = 100;
/// Formulas of one complexity that are kept.
const KEPT: usize = 3;

/// The best of both families, of every complexity some.
pub(crate) fn linear(samples: Samples<'_>) -> Vec<Expression> {
    let step = samples.len().div_ceil(ROWS).max(1);
    let inputs: Vec<&[f64]> = samples.inputs.iter().step_by(step).copied().collect();
    let values: Vec<f64> = samples.values.iter().step_by(step).copied().collect();
    let few = Samples { inputs: &inputs, values: &values };
    let mut found = quotients::quotients(few);
    found.extend(powers::powers(few));
    found
}

/// The best few of each complexity.
struct Best<T> {
    by_complexity: Vec<Vec<(f64, T)>>,
}

impl<T> Best<T> {
    fn new() -> Best<T> {
        Best { by_complexity: Vec::new() }
    }

    /// Keeps what leaves little; what has no finite error never.
    fn take(&mut self, complexity: usize, left: f64, what: T) {
        if !left.is_finite() {
            return;
        }
        if self.by_complexity.len() <= complexity {
            self.by_complexity.resize_with(complexity + 1, Vec::new);
        }
        let list = &mut self.by_complexity[complexity];
        let at = list.partition_point(|(other, _)| *other <= left);
        if at < KEPT {
            list.insert(at, (left, what));
            list.truncate(KEPT);
        }
    }

    fn all(self) -> impl Iterator<Item = T> {
        self.by_complexity.into_iter().flatten().map(|(_, what)| what)
    }
}

/// Parts of an expression, written one after the other.
#[derive(Default)]
struct Written(Vec<Node>);

impl Written {
    fn push(&mut self, node: Node) -> usize {
        self.0.push(node);
        self.0.len() - 1
    }

    /// A product of what there is; `None` where there is nothing.
    fn product(&mut self, first: Option<usize>, second: usize) -> usize {
        match first {
            Some(first) => self.push(Node::Product(first, second)),
            None => second,
        }
    }

    /// An input to a whole power from 1 on.
    fn whole_power(&mut self, input: usize, power: u8) -> usize {
        let base = self.push(Node::Input(input));
        match power {
            0 | 1 => base,
            _ => {
                let exponent = self.push(Node::Whole(i32::from(power)));
                self.push(Node::Power(base, exponent))
            }
        }
    }
}

#[cfg(test)]
mod tests;
