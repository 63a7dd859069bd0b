//! Sets of terms that fit well: all small ones, and those that thresholding leaves.
//!
//! Everything here is on the normal equations of columns of length 1, which are made once; the few
//! sets that remain are fitted anew from the columns.

use crate::Samples;
use crate::sum::Term;
use std::collections::BTreeMap;

/// Most terms of a formula.
const MOST_TERMS: usize = 4;
/// Sets that are kept of each complexity.
const KEPT: usize = 3;
/// Triples that are tried at most; of larger libraries only those that extend a good pair.
const TRIPLES: usize = 200_000;
/// Sets of one size that are extended by a further term.
const EXTENDED: usize = 24;
/// Relative size below which a pivot counts as a dependence.
const PIVOT: f64 = 1e-10;
/// Thresholds of coefficients, over the size of the values.
const THRESHOLDS: [f64; 8] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0];

/// The best sets of each complexity, as indices into the library.
pub(crate) fn search(terms: &[Term], samples: Samples<'_>) -> Vec<Vec<usize>> {
    let normal = Normal::new(terms, samples);
    let mut found = Found::new(terms);
    let usable = normal.usable.clone();
    for &i in &usable {
        found.take(&[i], &normal);
    }
    for (k, &i) in usable.iter().enumerate() {
        for &j in &usable[k + 1..] {
            found.take(&[i, j], &normal);
        }
    }
    let n = usable.len();
    if n * n.saturating_sub(1) * n.saturating_sub(2) / 6 <= TRIPLES {
        for (a, &i) in usable.iter().enumerate() {
            for (b, &j) in usable.iter().enumerate().skip(a + 1) {
                for &k in &usable[b + 1..] {
                    found.take(&[i, j, k], &normal);
                }
            }
        }
    } else {
        found.extend(2, &usable, &normal);
    }
    for size in 3..MOST_TERMS {
        found.extend(size, &usable, &normal);
    }
    for threshold in THRESHOLDS {
        if let Some(set) = normal.thresholded(threshold) {
            found.take(&set, &normal);
        }
    }
    found.sets()
}

/// Normal equations of columns of length 1.
struct Normal {
    usable: Vec<usize>,
    gram: Vec<f64>,
    right: Vec<f64>,
    square: f64,
    count: usize,
}

impl Normal {
    fn new(terms: &[Term], samples: Samples<'_>) -> Normal {
        let count = terms.len();
        let columns: Vec<Vec<f64>> = terms
            .iter()
            .map(|term| {
                let column: Vec<f64> = samples.inputs.iter().map(|row| term.value(row)).collect();
                let length = column.iter().map(|x| x * x).sum::<f64>().sqrt();
                column.into_iter().map(|x| x / length).collect()
            })
            .collect();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let mut gram = vec![0.0; count * count];
        for (i, a) in columns.iter().enumerate() {
            for (j, b) in columns.iter().enumerate().take(i + 1) {
                let product = dot(a, b);
                gram[i * count + j] = product;
                gram[j * count + i] = product;
            }
        }
        let right = columns.iter().map(|c| dot(c, samples.values)).collect();
        let usable = (0..count).filter(|i| gram[i * count + i].is_finite()).collect();
        Normal { usable, gram, right, square: dot(samples.values, samples.values), count }
    }

    /// Coefficients of a set and the sum of squares that is left; `None` where terms depend on
    /// each other.
    fn fit(&self, set: &[usize]) -> Option<(Vec<f64>, f64)> {
        let n = set.len();
        let mut lower = vec![0.0; n * n];
        let mut half = vec![0.0; n];
        for i in 0..n {
            for j in 0..=i {
                let known: f64 = (0..j).map(|k| lower[i * n + k] * lower[j * n + k]).sum();
                let left = self.gram[set[i] * self.count + set[j]] - known;
                if i == j {
                    if !(left > PIVOT) {
                        return None;
                    }
                    lower[i * n + i] = left.sqrt();
                } else {
                    lower[i * n + j] = left / lower[j * n + j];
                }
            }
            let known: f64 = (0..i).map(|k| lower[i * n + k] * half[k]).sum();
            half[i] = (self.right[set[i]] - known) / lower[i * n + i];
        }
        let explained: f64 = half.iter().map(|x| x * x).sum();
        let mut found = half;
        for i in (0..n).rev() {
            let known: f64 = (i + 1..n).map(|k| lower[k * n + i] * found[k]).sum();
            found[i] = (found[i] - known) / lower[i * n + i];
        }
        Some((found, (self.square - explained).max(0.0)))
    }

    /// What sequential thresholding leaves: terms whose coefficients are small are left out and the
    /// rest is fitted again, until none is small.
    fn thresholded(&self, threshold: f64) -> Option<Vec<usize>> {
        let mut set = self.independent();
        let least = threshold * self.square.sqrt();
        loop {
            let (coefficients, _) = self.fit(&set)?;
            let large = set.iter().zip(&coefficients).filter(|(_, c)| c.abs() >= least);
            let kept: Vec<usize> = large.map(|(i, _)| *i).collect();
            if kept.len() == set.len() || kept.is_empty() {
                return (1..=MOST_TERMS + 2).contains(&kept.len()).then_some(kept);
            }
            set = kept;
        }
    }

    /// Terms that do not depend on each other, simple ones first.
    fn independent(&self) -> Vec<usize> {
        let mut set: Vec<usize> = Vec::new();
        for &i in &self.usable {
            set.push(i);
            if self.fit(&set).is_none() {
                set.pop();
            }
        }
        set
    }
}

/// The best sets so far, by complexity and by size.
struct Found<'a> {
    terms: &'a [Term],
    by_complexity: BTreeMap<u32, Vec<(f64, Vec<usize>)>>,
    by_size: BTreeMap<usize, Vec<(f64, Vec<usize>)>>,
}

impl<'a> Found<'a> {
    fn new(terms: &'a [Term]) -> Self {
        Found { terms, by_complexity: BTreeMap::new(), by_size: BTreeMap::new() }
    }

    fn take(&mut self, set: &[usize], normal: &Normal) {
        let same = |(k, i): (usize, &usize)| {
            set[k + 1..].iter().any(|j| self.terms[*i].same_form(&self.terms[*j]))
        };
        // Two terms that differ in a constant inside only are one whose constant is not fitted yet.
        if set.len() > 1 && set.iter().enumerate().any(same) {
            return;
        }
        let Some((_, left)) = normal.fit(set) else { return };
        let complexity = set.iter().map(|i| self.terms[*i].complexity()).sum();
        keep(self.by_complexity.entry(complexity).or_default(), KEPT, left, set);
        keep(self.by_size.entry(set.len()).or_default(), EXTENDED, left, set);
    }

    /// Tries the best sets of a size with every further term.
    fn extend(&mut self, size: usize, usable: &[usize], normal: &Normal) {
        let best: Vec<Vec<usize>> =
            self.by_size.get(&size).into_iter().flatten().map(|(_, set)| set.clone()).collect();
        for set in best {
            for i in usable.iter().filter(|i| !set.contains(i)) {
                let mut larger = set.clone();
                larger.push(*i);
                larger.sort_unstable();
                self.take(&larger, normal);
            }
        }
    }

    fn sets(self) -> Vec<Vec<usize>> {
        self.by_complexity.into_values().flatten().map(|(_, set)| set).collect()
    }
}

/// Keeps a set among the best of a list.
fn keep(list: &mut Vec<(f64, Vec<usize>)>, most: usize, left: f64, set: &[usize]) {
    if list.len() == most && list.last().is_some_and(|worst| worst.0 <= left) {
        return;
    }
    if list.iter().any(|(_, known)| known == set) {
        return;
    }
    let at = list.partition_point(|(other, _)| *other <= left);
    list.insert(at, (left, set.to_vec()));
    list.truncate(most);
}
