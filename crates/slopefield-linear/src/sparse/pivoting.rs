//! The choice of pivots, and with it the pattern of the factors.
//!
//! Left-looking factorisation with threshold partial pivoting: each column is a sparse triangular
//! system whose pattern is found first, by a depth-first search (Gilbert, Peierls, *Sparse partial
//! pivoting in time proportional to arithmetic operations*, SIAM J. Sci. Stat. Comput. 9 (1988)
//! 862). The diagonal is preferred, as it keeps the factors as sparse as the ordering intends.

use super::reserve;
use crate::small::acceptable;
use crate::{Field, Pattern, Real, Singular};

const NONE: u32 = u32::MAX;

/// The diagonal entry is the pivot when it is at least this part of the largest.
const PREFERENCE: f64 = 0.1;

/// Pivots and patterns of factors, `L` without its unit diagonal.
#[derive(Debug, Clone, Default)]
pub(super) struct Pivoting<E: Field> {
    /// Columns in the order of elimination.
    pub(super) order: Vec<u32>,
    /// When each row is eliminated.
    pub(super) place: Vec<u32>,
    /// Rows of `U` above the diagonal, in the order of elimination, by columns.
    pub(super) upper: Columns<E>,
    /// Rows of `L` below the diagonal, by their number in the matrix, by columns.
    pub(super) lower: Columns<E>,
    value: Vec<E>,
    /// Bound of the rounding errors of each value, in units of rounding.
    noise: Vec<E::Part>,
    /// The first column whose pivot is not above the bound of its rounding errors.
    pub(super) doubtful: Option<usize>,
    reached: Vec<u32>,
    topological: Vec<u32>,
    path: Vec<(u32, usize)>,
}

/// Sparse columns that grow.
#[derive(Debug, Clone, Default)]
pub(super) struct Columns<E: Field> {
    starts: Vec<usize>,
    rows: Vec<u32>,
    values: Vec<E>,
    noise: Vec<E::Part>,
}

impl<E: Field> Columns<E> {
    fn clear(&mut self) {
        self.starts.clear();
        self.starts.push(0);
        self.rows.clear();
        self.values.clear();
        self.noise.clear();
    }

    /// Makes room for so many entries in all.
    pub(super) fn reserve(&mut self, entries: usize) {
        reserve(&mut self.rows, entries);
        reserve(&mut self.values, entries);
        reserve(&mut self.noise, entries);
    }

    pub(super) fn rows(&self, j: usize) -> &[u32] {
        &self.rows[self.starts[j]..self.starts[j + 1]]
    }

    fn push(&mut self, row: u32, value: E, noise: E::Part) {
        self.rows.push(row);
        self.values.push(value);
        self.noise.push(noise);
    }

    fn close(&mut self) {
        self.starts.push(self.rows.len());
    }
}

impl<E: Field> Pivoting<E> {
    /// Before any choice.
    pub(super) fn in_order(order: Vec<u32>) -> Self {
        let n = order.len();
        let (topological, path) = (Vec::with_capacity(n), Vec::with_capacity(n));
        Pivoting { order, topological, path, ..Pivoting::default() }
    }

    /// Factors the matrix with `values` in `pattern` and keeps pivots and patterns.
    pub(super) fn factor(&mut self, pattern: &Pattern, values: &[E]) -> Result<(), Singular> {
        let n = pattern.width();
        self.place.clear();
        self.place.resize(n, NONE);
        self.value.clear();
        self.value.resize(n, E::NOTHING);
        self.noise.clear();
        self.noise.resize(n, <E::Part as Real>::ZERO);
        self.reached.clear();
        self.reached.resize(n, NONE);
        self.upper.clear();
        self.lower.clear();
        self.doubtful = None;
        for k in 0..n {
            let column = self.order[k] as usize;
            self.find_pattern(pattern.column(column), k as u32);
            for (i, v) in pattern.column(column).iter().zip(&values[pattern.range(column)]) {
                self.value[*i as usize] = *v;
            }
            self.solve_column();
            let pivot = self.choose_pivot(column)?;
            if let Err(error) = acceptable(self.value[pivot], self.noise[pivot], column) {
                if self.value[pivot] == E::NOTHING {
                    return Err(error);
                }
                self.doubtful.get_or_insert(column);
            }
            self.store_column(k, pivot);
        }
        Ok(())
    }

    /// Rows that column `k` fills, in `topological`, such that whoever changes others comes last
    /// (it is read from its end).
    fn find_pattern(&mut self, rows: &[u32], k: u32) {
        self.topological.clear();
        for start in rows {
            if self.reached[*start as usize] == k {
                continue;
            }
            self.reached[*start as usize] = k;
            self.path.push((*start, 0));
            while let Some((row, next)) = self.path.last_mut() {
                let eliminated = self.place[*row as usize];
                let below: &[u32] =
                    if eliminated == NONE { &[] } else { self.lower.rows(eliminated as usize) };
                let onward = below[*next..].iter().position(|i| self.reached[*i as usize] != k);
                match onward {
                    Some(skipped) => {
                        let child = below[*next + skipped];
                        *next += skipped + 1;
                        self.reached[child as usize] = k;
                        self.path.push((child, 0));
                    }
                    None => {
                        self.topological.push(*row);
                        self.path.pop();
                    }
                }
            }
        }
    }

    fn solve_column(&mut self) {
        for row in self.topological.iter().rev() {
            let eliminated = self.place[*row as usize];
            if eliminated == NONE {
                continue;
            }
            let (u, u_noise) = (self.value[*row as usize], self.noise[*row as usize]);
            let j = eliminated as usize;
            for at in self.lower.starts[j]..self.lower.starts[j + 1] {
                let (i, l) = (self.lower.rows[at] as usize, self.lower.values[at]);
                let product = l * u;
                self.value[i] -= product;
                let inherited = l.size() * u_noise + self.lower.noise[at] * u.size();
                self.noise[i] += product.size() + inherited;
            }
        }
    }

    fn choose_pivot(&self, column: usize) -> Result<usize, Singular> {
        let zero = <E::Part as Real>::ZERO;
        let (mut pivot, mut largest) = (None, zero);
        for row in &self.topological {
            let row = *row as usize;
            let size = self.value[row].size();
            if !self.value[row].bounded() {
                return Err(Singular { column });
            }
            if self.place[row] == NONE && (pivot.is_none() || size > largest) {
                (pivot, largest) = (Some(row), size);
            }
        }
        let Some(mut pivot) = pivot else { return Err(Singular { column }) };
        let waiting = self.place[column] == NONE;
        let diagonal = self.value[column].size();
        if waiting && diagonal > zero && diagonal >= E::Part::of(PREFERENCE) * largest {
            pivot = column;
        }
        Ok(pivot)
    }

    fn store_column(&mut self, k: usize, pivot: usize) {
        let reciprocal = self.value[pivot].reciprocal();
        let pivot_noise = self.noise[pivot];
        for row in &self.topological {
            let row = *row as usize;
            let value = std::mem::replace(&mut self.value[row], E::NOTHING);
            let noise = std::mem::replace(&mut self.noise[row], <E::Part as Real>::ZERO);
            let eliminated = self.place[row];
            if eliminated != NONE {
                self.upper.push(eliminated, value, noise);
            } else if row != pivot {
                let l = value * reciprocal;
                let noise = (noise + l.size() * pivot_noise) * reciprocal.size();
                self.lower.push(row as u32, l, noise);
            }
        }
        self.upper.close();
        self.lower.close();
        self.place[pivot] = k as u32;
    }
}
