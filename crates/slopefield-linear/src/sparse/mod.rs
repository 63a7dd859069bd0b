//! Sparse LU factorisation for matrices that come again and again with one pattern.
//!
//! Pivots are chosen once ([`pivoting`]); later factorisations follow the same pivots on the same
//! pattern with a [`schedule`] prepared in advance, and go back to choosing when a pivot has
//! become small against its column. The factors are `L D U` with unit diagonals in `L` and `U`.

mod condition;
mod ordering;
mod pivoting;
mod schedule;
mod solution;

use crate::{Field, Pattern, Real, Singular};
use condition::Condition;
use ordering::order;
use pivoting::Pivoting;
use schedule::Schedule;

/// Kept pivots make entries of `L` at most this large; twice what pivots are chosen for, so that
/// small changes do not have them chosen anew.
const LARGEST_FACTOR: f64 = 20.0;

/// Pivots below this many units of rounding of their column's entries are looked at again.
const SUSPECT: f64 = 64.0;

/// Factors of matrices up to this size have room to fill in completely.
const ALL_FITS: usize = 32;

/// Makes room for so many entries in all.
fn reserve<X>(list: &mut Vec<X>, entries: usize) {
    list.reserve(entries.saturating_sub(list.len()));
}

/// Sparse LU factorisation.
#[derive(Debug, Clone, Default)]
pub(crate) struct SparseLu<E: Field> {
    n: usize,
    pivoting: Pivoting<E>,
    /// For each entry of the matrix, where it is in `values`.
    places: Vec<u32>,
    /// The matrix on the pattern of the factors, column by column: above the diagonal, the
    /// diagonal, below. Factorisation works in it.
    pub(crate) values: Vec<E>,
    /// Row of each, in the order of elimination.
    rows: Vec<u32>,
    starts: Vec<u32>,
    diagonals: Vec<u32>,
    schedule: Schedule,
    lower: Triangle<E>,
    upper: Triangle<E>,
    /// `D⁻¹`.
    reciprocals: Vec<E>,
    work: Vec<E>,
    position: Vec<u32>,
    condition: Condition<E>,
}

/// A factor without its unit diagonal, column by column.
#[derive(Debug, Clone, Default)]
struct Triangle<E> {
    values: Vec<E>,
    starts: Vec<u32>,
    /// Row and column of each entry.
    entries: Vec<[u32; 2]>,
}

impl<E> Triangle<E> {
    fn range(&self, k: usize) -> std::ops::Range<usize> {
        self.starts[k] as usize..self.starts[k + 1] as usize
    }
}

/// How a factorisation with kept pivots ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refactored {
    Done,
    /// A pivot is small; others have to be chosen.
    Weak,
}

impl<E: Field> SparseLu<E> {
    /// Chooses the order of elimination for matrices of a pattern.
    pub(crate) fn new(pattern: &Pattern) -> Self {
        let pivoting = Pivoting::in_order(order(pattern));
        let n = pattern.width();
        let condition = Condition::of_size(n);
        SparseLu { n, pivoting, work: vec![E::NOTHING; n], condition, ..SparseLu::default() }
    }

    /// Chooses pivots for the matrix with `entries` in `pattern`, and prepares factorisations with
    /// them. Allocates when the factors have more entries than before. Gives the first column, if any,
    /// whose pivot may be nothing but rounding errors by their bound, which grows along chains of
    /// eliminations where the errors need not: after the factorisation,
    /// [`SparseLu::is_regular`] tells.
    pub(crate) fn choose_pivots(
        &mut self,
        pattern: &Pattern,
        entries: &[E],
    ) -> Result<Option<usize>, Singular> {
        self.places.clear();
        self.pivoting.factor(pattern, entries)?;
        self.lay_out(pattern);
        let layout = schedule::Layout {
            rows: &self.rows,
            starts: &self.starts,
            diagonals: &self.diagonals,
            lower_starts: &self.lower.starts,
        };
        self.schedule.prepare(&layout, &mut self.position);
        self.make_room();
        Ok(self.pivoting.doubtful)
    }

    /// Makes room for other pivots, which may fill in more: for all there can be in a small
    /// matrix, and for three times the entries of now in another.
    fn make_room(&mut self) {
        let n = self.n;
        let most = n * n;
        let entries = if n <= ALL_FITS { most } else { most.min(3 * self.rows.len()) };
        for triangle in [&mut self.lower, &mut self.upper] {
            reserve(&mut triangle.entries, entries);
            reserve(&mut triangle.values, entries);
        }
        reserve(&mut self.rows, entries);
        reserve(&mut self.values, entries);
        self.pivoting.lower.reserve(entries);
        self.pivoting.upper.reserve(entries);
        self.schedule.reserve(entries);
    }

    /// Whether pivots have been chosen.
    pub(crate) fn is_ready(&self) -> bool {
        !self.places.is_empty()
    }

    /// For each entry of the matrix, where it belongs in `values`.
    pub(crate) fn places(&self) -> &[u32] {
        &self.places
    }

    /// Multiplications of a factorisation.
    pub(crate) fn operations(&self) -> usize {
        self.schedule.count()
    }

    fn lay_out(&mut self, pattern: &Pattern) {
        let n = self.n;
        for list in [&mut self.rows, &mut self.starts, &mut self.diagonals] {
            list.clear();
        }
        for triangle in [&mut self.lower, &mut self.upper] {
            triangle.starts.clear();
            triangle.entries.clear();
        }
        self.position.clear();
        self.position.resize(n, 0);
        self.places.resize(pattern.len(), 0);
        for k in 0..n {
            let start = self.rows.len();
            self.starts.push(start as u32);
            self.rows.extend_from_slice(self.pivoting.upper.rows(k));
            self.rows[start..].sort_unstable();
            let diagonal = self.rows.len();
            self.diagonals.push(diagonal as u32);
            self.rows.push(k as u32);
            let place = &self.pivoting.place;
            self.rows.extend(self.pivoting.lower.rows(k).iter().map(|i| place[*i as usize]));
            self.rows[diagonal + 1..].sort_unstable();
            let entry = |row: &u32| [*row, k as u32];
            self.upper.starts.push(self.upper.entries.len() as u32);
            self.upper.entries.extend(self.rows[start..diagonal].iter().map(entry));
            self.lower.starts.push(self.lower.entries.len() as u32);
            self.lower.entries.extend(self.rows[diagonal + 1..].iter().map(entry));
            for (at, row) in self.rows.iter().enumerate().skip(start) {
                self.position[*row as usize] = at as u32;
            }
            let column = self.pivoting.order[k] as usize;
            for (entry, i) in pattern.range(column).zip(pattern.column(column)) {
                self.places[entry] = self.position[place[*i as usize] as usize];
            }
        }
        self.starts.push(self.rows.len() as u32);
        self.values.clear();
        self.values.resize(self.rows.len(), E::NOTHING);
        self.reciprocals.resize(n, E::NOTHING);
        for triangle in [&mut self.lower, &mut self.upper] {
            triangle.starts.push(triangle.entries.len() as u32);
            triangle.values.resize(triangle.entries.len(), E::NOTHING);
        }
    }

    /// Factors the matrix in `values` with the pivots kept. They are not looked at when they have
    /// `just_been_chosen`.
    pub(crate) fn refactor(&mut self, just_been_chosen: bool) -> Refactored {
        let largest = E::Part::of(LARGEST_FACTOR);
        let mut good = true;
        for k in 0..self.n {
            let column = self.starts[k] as usize..self.starts[k + 1] as usize;
            self.schedule.update(k, &mut self.values, column, &self.lower);
            let diagonal = self.diagonals[k] as usize;
            let pivot = self.values[diagonal];
            let reciprocal = pivot.reciprocal();
            self.reciprocals[k] = reciprocal;
            good &= pivot.bounded();
            let lower = self.lower.range(k);
            let unscaled = &self.values[diagonal + 1..diagonal + 1 + lower.len()];
            for (l, value) in self.lower.values[lower].iter_mut().zip(unscaled) {
                *l = *value * reciprocal;
                good &= l.size() <= largest;
            }
        }
        good &= self.finish_upper();
        if good || just_been_chosen { Refactored::Done } else { Refactored::Weak }
    }

    /// Scales the entries above the diagonal; whether no pivot is negligible against its column.
    fn finish_upper(&mut self) -> bool {
        let least = E::Part::of(1.0 / (SUSPECT * E::Part::EPSILON));
        let mut good = true;
        for (k, reciprocal) in self.reciprocals.iter().enumerate() {
            let values = &self.values[self.starts[k] as usize..self.diagonals[k] as usize];
            let range = self.upper.range(k);
            let targets = self.upper.values[range.clone()].iter_mut();
            for ((u, value), [row, _]) in targets.zip(values).zip(&self.upper.entries[range]) {
                *u = *value * self.reciprocals[*row as usize];
                good &= (*value * *reciprocal).size() < least;
            }
        }
        good
    }
}
