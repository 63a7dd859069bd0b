//! Whether a factored matrix has an inverse to working precision.

use super::SparseLu;
use crate::{Field, Pattern, Real};

/// How often weights are improved.
const POWERS: usize = 3;

/// Patterns of signs with which solutions are compared.
const SIGNS: u64 = 4;

/// With a condition number of this part of the inverse of the unit of rounding, two digits of a
/// solution are right.
const DIGITS: f64 = 1e-2;

/// What the estimate computes with.
#[derive(Debug, Clone, Default)]
pub(super) struct Condition<E: Field> {
    weights: Vec<E::Part>,
    grown: Vec<E::Part>,
    sums: Vec<E::Part>,
    right: Vec<E>,
}

impl<E: Field> Condition<E> {
    pub(super) fn of_size(n: usize) -> Self {
        let zero = <E::Part as Real>::ZERO;
        let parts = || vec![zero; n];
        Condition { weights: parts(), grown: parts(), sums: parts(), right: vec![E::NOTHING; n] }
    }
}

/// A sign for each equation in one of the patterns: bits of a mixed number (Steele, Lea, Flood, *Fast
/// splittable pseudorandom number generators*, OOPSLA 2014).
fn sign(pattern: u64, i: usize) -> f64 {
    let mut x = (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(pattern);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    if (x ^ (x >> 31)) & 1 == 0 { 1.0 } else { -1.0 }
}

impl<E: Field> SparseLu<E> {
    /// Whether solutions with these factors of the matrix with `entries` in `pattern` have digits that
    /// are right.
    ///
    /// Rounding errors of a solution, as parts of weights `s` of the unknowns, are at most the greatest
    /// of `(|W⁻¹||W|s)ᵢ/sᵢ` units of rounding (Bauer, *Genauigkeitsfragen bei der Lösung linearer
    /// Gleichungssysteme*, ZAMM 46 (1966) 409). Scaling of rows does not change that; the weights that
    /// make it least are the limit of powers of `|W⁻¹||W|`, so they follow the sizes of the unknowns.
    /// Products with `|W⁻¹|` are estimated by solutions for right-hand sides of various signs.
    pub(crate) fn is_regular(&mut self, pattern: &Pattern, entries: &[E]) -> bool {
        let mut condition = std::mem::take(&mut self.condition);
        let limit = E::Part::of(DIGITS / E::Part::EPSILON);
        condition.weights.fill(E::Part::ONE);
        let regular =
            (0..POWERS).any(|_| self.amplification(pattern, entries, &mut condition) < limit);
        self.condition = condition;
        regular
    }

    /// The greatest of `(|W⁻¹||W|s)ᵢ/sᵢ` for the weights `s`, which it replaces by `|W⁻¹||W|s`.
    fn amplification(
        &mut self,
        pattern: &Pattern,
        entries: &[E],
        condition: &mut Condition<E>,
    ) -> E::Part {
        let Condition { weights, grown, sums, right } = condition;
        sums.fill(E::Part::ZERO);
        for (j, weight) in weights.iter().enumerate() {
            for (i, entry) in pattern.column(j).iter().zip(&entries[pattern.range(j)]) {
                sums[*i as usize] += entry.size() * *weight;
            }
        }
        // The product is no less than the weights.
        grown.copy_from_slice(weights);
        for signs in 0..SIGNS {
            for (i, (x, sum)) in right.iter_mut().zip(&*sums).enumerate() {
                *x = E::from_part(*sum * E::Part::of(sign(signs, i)));
            }
            self.solve(right);
            for (grown, x) in grown.iter_mut().zip(&*right) {
                if !x.bounded() {
                    return E::Part::ONE / E::Part::ZERO;
                }
                *grown = grown.greater(x.size());
            }
        }
        let mut worst = E::Part::ZERO;
        let largest = grown.iter().fold(E::Part::ZERO, |a, b| a.greater(*b));
        for (weight, grown) in weights.iter_mut().zip(grown) {
            worst = worst.greater(*grown / *weight);
            *weight = (*grown / largest).greater(E::Part::TINY);
        }
        worst
    }
}
