//! The library of candidate terms.

use crate::Samples;
use crate::sum::{Factor, Term};

/// Most terms of a library; families are left out until it has no more.
const MOST: usize = 160;
/// Half-saturations that are tried, over the greatest value of the input; the best are then fitted.
const HALVES: [f64; 5] = [0.05, 0.15, 0.4, 1.0, 3.0];

/// What a library holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Families {
    /// Greatest degree of monomials and products.
    pub degree: u32,
    /// Saturating and inverse terms, alone and times another input.
    pub saturating: bool,
    /// Sines and cosines.
    pub periodic: bool,
}

impl Default for Families {
    fn default() -> Self {
        Families { degree: 3, saturating: true, periodic: true }
    }
}

/// The candidate terms for samples: the constant, monomials up to the degree, and of each input that
/// is never negative saturating and inverse terms, alone and times another input, and of each input
/// sines and cosines with frequency 1 and with half a period and a period over its range.
///
/// Of many inputs the library would be too large: then products with saturating terms, periodic
/// terms, saturating terms and high degrees are left out in this order.
#[must_use]
pub fn library(samples: Samples<'_>, families: Families) -> Vec<Term> {
    let mut families = families;
    let mut products = true;
    loop {
        let terms = terms(samples, families, products);
        if terms.len() <= MOST {
            return terms;
        }
        match families {
            _ if products && families.saturating => products = false,
            Families { periodic: true, .. } => families.periodic = false,
            Families { saturating: true, .. } => families.saturating = false,
            Families { degree: 2.., .. } => families.degree -= 1,
            _ => return terms,
        }
    }
}

fn terms(samples: Samples<'_>, families: Families, products: bool) -> Vec<Term> {
    let inputs = samples.inputs.first().map_or(0, |row| row.len());
    let mut terms = Vec::new();
    monomials(inputs, families.degree, 0, &mut Vec::new(), &mut terms);
    terms.sort_by_key(Term::complexity);
    let column = |i: usize| samples.inputs.iter().map(move |row| row[i]);
    for i in 0..inputs {
        let low = column(i).fold(f64::INFINITY, f64::min);
        let high = column(i).fold(f64::NEG_INFINITY, f64::max);
        if !(high > low) {
            continue;
        }
        if families.saturating && low >= 0.0 {
            for k in HALVES.map(|part| part * high) {
                for factor in [Factor::Saturating(i, k), Factor::Inverse(i, k)] {
                    terms.push(Term { factors: vec![factor] });
                    let others = (0..inputs).filter(|j| products && *j != i);
                    terms.extend(
                        others.map(|j| Term { factors: vec![Factor::Power(j, 1), factor] }),
                    );
                }
            }
        }
        if families.periodic {
            let half = std::f64::consts::PI / (high - low);
            for w in [1.0, half, 2.0 * half] {
                terms.push(Term { factors: vec![Factor::Sine(i, w)] });
                terms.push(Term { factors: vec![Factor::Cosine(i, w)] });
            }
        }
    }
    terms
}

/// All monomials of inputs from `next` on whose degree is left, times what is there.
fn monomials(
    inputs: usize,
    left: u32,
    next: usize,
    factors: &mut Vec<Factor>,
    terms: &mut Vec<Term>,
) {
    if next == inputs {
        terms.push(Term { factors: factors.clone() });
        return;
    }
    for power in 0..=left {
        if power > 0 {
            factors.push(Factor::Power(next, power));
        }
        monomials(inputs, left - power, next + 1, factors, terms);
        if power > 0 {
            factors.pop();
        }
        if terms.len() > 4 * MOST {
            return;
        }
    }
}
