//! Quotients of short polynomials.

use super::{Best, Written};
use crate::Samples;
use crate::expression::{Expression, Node};

/// Inputs beyond which there are too many monomials.
const INPUTS: usize = 3;
/// Greatest degree of a monomial alone above the line, of those in sums, and of those below the line.
const ALONE: u8 = 3;
const IN_SUMS: u8 = 2;
/// Relative size below which a pivot counts as a dependence.
const PIVOT: f64 = 1e-12;

/// Exponents of the inputs in a monomial.
type Monomial = Vec<u8>;

/// Numerators of one or two monomials over denominators of two or three.
pub(super) fn quotients(samples: Samples<'_>) -> Vec<Expression> {
    let inputs = samples.inputs.first().map_or(0, |row| row.len());
    if !(1..=INPUTS).contains(&inputs) {
        return Vec::new();
    }
    let monomials = monomials(inputs);
    let degree = |m: usize| monomials[m].iter().sum::<u8>();
    let short: Vec<usize> = (0..monomials.len()).filter(|m| degree(*m) <= IN_SUMS).collect();
    let mut above: Vec<Vec<usize>> = (0..monomials.len()).map(|m| vec![m]).collect();
    above.extend(subsets(&short, 2));
    let mut below = subsets(&short, 2);
    below.extend(subsets(&short, 3));
    let table = Table::new(&monomials, samples);
    let mut best = Best::new();
    for p in &above {
        for q in &below {
            if shared(p, q, &monomials) {
                continue;
            }
            let Some(coefficients) = table.fit(p, q) else { continue };
            let left = table.left(p, q, &coefficients, samples.values);
            let parts = p.iter().chain(q).map(|m| 1 + usize::from(degree(*m))).sum::<usize>() - 1;
            best.take(parts, left, (p.clone(), q.clone(), coefficients));
        }
    }
    best.all().filter_map(|(p, q, c)| written(&p, &q, &c, &monomials)).collect()
}

/// All monomials up to the greatest degree, 1 first, by degree.
fn monomials(inputs: usize) -> Vec<Monomial> {
    let mut all = vec![vec![0; inputs]];
    let mut from = 0;
    for _ in 0..ALONE {
        let until = all.len();
        for known in from..until {
            // Inputs behind the last one that is there, so that each comes once.
            let last = all[known].iter().rposition(|n| *n > 0).unwrap_or(0);
            for i in last..inputs {
                let mut next = all[known].clone();
                next[i] += 1;
                all.push(next);
            }
        }
        from = until;
    }
    all
}

fn subsets(of: &[usize], size: usize) -> Vec<Vec<usize>> {
    if size == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (k, first) in of.iter().enumerate() {
        for rest in subsets(&of[k + 1..], size - 1) {
            all.push(std::iter::once(*first).chain(rest).collect());
        }
    }
    all
}

/// Everything above and below the line has an input in common, or the same monomials stand there: a shorter
/// quotient says the same.
fn shared(p: &[usize], q: &[usize], monomials: &[Monomial]) -> bool {
    let inputs = monomials[0].len();
    let common = |i: usize| p.iter().chain(q).all(|m| monomials[*m][i] > 0);
    p == q || (0..inputs).any(common)
}

/// Values of all monomials, and the products of columns that fits are made of.
struct Table {
    /// By monomial, then by sample.
    values: Vec<Vec<f64>>,
    /// Products of the columns `m` and, behind them, `m·y`.
    gram: Vec<Vec<f64>>,
}

impl Table {
    fn new(monomials: &[Monomial], samples: Samples<'_>) -> Table {
        let value = |m: &Monomial, row: &[f64]| -> f64 {
            m.iter().zip(row).map(|(n, x)| x.powi(i32::from(*n))).product()
        };
        let column = |m: &Monomial| samples.inputs.iter().map(|row| value(m, row)).collect();
        let values: Vec<Vec<f64>> = monomials.iter().map(column).collect();
        let times_y =
            |column: &Vec<f64>| column.iter().zip(samples.values).map(|(m, y)| m * y).collect();
        let mut columns = values.clone();
        columns.extend(values.iter().map(times_y));
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let row = |a: &Vec<f64>| columns.iter().map(|b| dot(a, b)).collect();
        Table { values, gram: columns.iter().map(row).collect() }
    }

    /// Coefficients above and below the line, the last one 1; `None` where they are not determined.
    fn fit(&self, p: &[usize], q: &[usize]) -> Option<Vec<f64>> {
        // P − y·(Q without its last monomial) is fitted to y times that.
        let behind = |m: usize| self.values.len() + m;
        let (last, rest) = q.split_last()?;
        let columns: Vec<usize> =
            p.iter().copied().chain(rest.iter().map(|m| behind(*m))).collect();
        let sign = |k: usize| if k < p.len() { 1.0 } else { -1.0 };
        let n = columns.len();
        let mut lower = vec![0.0; n * n];
        let mut half = vec![0.0; n];
        for i in 0..n {
            let length = self.gram[columns[i]][columns[i]];
            for j in 0..=i {
                let known: f64 = (0..j).map(|k| lower[i * n + k] * lower[j * n + k]).sum();
                let entry = sign(i) * sign(j) * self.gram[columns[i]][columns[j]];
                let left = entry - known;
                if i != j {
                    lower[i * n + j] = left / lower[j * n + j];
                } else if left > PIVOT * length {
                    lower[i * n + i] = left.sqrt();
                } else {
                    return None;
                }
            }
            let known: f64 = (0..i).map(|k| lower[i * n + k] * half[k]).sum();
            let right = sign(i) * self.gram[columns[i]][behind(*last)];
            half[i] = (right - known) / lower[i * n + i];
        }
        let mut found = half;
        for i in (0..n).rev() {
            let known: f64 = (i + 1..n).map(|k| lower[k * n + i] * found[k]).sum();
            found[i] = (found[i] - known) / lower[i * n + i];
        }
        found.push(1.0);
        Some(found)
    }

    /// Sum of the squares that a quotient leaves; infinite where what is below the line changes its sign.
    fn left(&self, p: &[usize], q: &[usize], coefficients: &[f64], values: &[f64]) -> f64 {
        let (above, below) = coefficients.split_at(p.len());
        let sum = |of: &[usize], by: &[f64], k: usize| -> f64 {
            of.iter().zip(by).map(|(m, c)| c * self.values[*m][k]).sum()
        };
        let positive = sum(q, below, 0) > 0.0;
        let mut left = 0.0;
        for (k, y) in values.iter().enumerate() {
            let under = sum(q, below, k);
            if (under > 0.0) != positive {
                return f64::INFINITY;
            }
            left += (sum(p, above, k) / under - y).powi(2);
        }
        left
    }
}

/// The expression, `K + x` below the line: the last monomial has no constant.
fn written(
    p: &[usize],
    q: &[usize],
    coefficients: &[f64],
    monomials: &[Monomial],
) -> Option<Expression> {
    let mut parts = Written::default();
    let mut sums = Vec::new();
    let (above, below) = coefficients.split_at(p.len());
    for (of, by, bare) in [(p, above, None), (q, below, q.last())] {
        let mut sum = None;
        for (m, c) in of.iter().zip(by) {
            let mut product = (bare != Some(m)).then(|| parts.push(Node::Constant(*c)));
            for (input, n) in monomials[*m].iter().enumerate().filter(|(_, n)| **n > 0) {
                let power = parts.whole_power(input, *n);
                product = Some(parts.product(product, power));
            }
            let product = product?;
            sum = Some(match sum {
                Some(sum) => parts.push(Node::Sum(sum, product)),
                None => product,
            });
        }
        sums.push(sum?);
    }
    parts.push(Node::Quotient(sums[0], sums[1]));
    Expression::new(parts.0)
}
