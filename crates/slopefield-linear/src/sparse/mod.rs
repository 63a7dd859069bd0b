//! Sparse LU factorisation for matrices that come again and again with one pattern.
//!
//! Pivots are chosen once ([`pivoting`]); later factorisations follow the same pivots on the same
//! pattern, as a list of updates prepared in advance, and go back to choosing when a pivot has
//! become small against its column. Columns of `L` with one pattern behind each other (fundamental
//! supernodes) act on a column together.

mod ordering;
mod pivoting;

use crate::{Field, Pattern, Real, Singular};
use ordering::minimum_degree;
use pivoting::Pivoting;

/// Kept pivots make entries of `L` at most this large; twice what pivots are chosen for, so that
/// small changes do not have them chosen anew.
const LARGEST_FACTOR: f64 = 20.0;

/// Pivots below this many units of rounding of their column's entries are looked at again.
const SUSPECT: f64 = 64.0;

/// Sparse LU factorisation.
#[derive(Debug, Clone, Default)]
pub(crate) struct SparseLu<E: Field> {
    n: usize,
    pivoting: Pivoting<E>,
    /// For each entry of the matrix, where it is in `values`.
    places: Vec<u32>,
    /// Column by column: `U` above the diagonal, the pivot's reciprocal, `L` below the diagonal.
    pub(crate) values: Vec<E>,
    /// Row of each, in the order of elimination.
    rows: Vec<u32>,
    starts: Vec<u32>,
    diagonals: Vec<u32>,
    updates: Vec<Update>,
    /// Where the updates of each column begin.
    update_starts: Vec<u32>,
    /// Where in their columns updates that are not contiguous go.
    targets: Vec<u32>,
    work: Vec<E>,
    position: Vec<u32>,
}

/// What the consecutive columns `first..first + width` of `L`, with one pattern below them, do to
/// a column.
#[derive(Debug, Clone, Copy)]
struct Update {
    first: u32,
    width: u32,
    /// Where their entries of `U` begin in the column.
    upper: u32,
    /// Number of rows below them.
    rows: u32,
    /// Where these rows are in the column when they are contiguous, else where the list of places
    /// begins in `targets`.
    target: u32,
    contiguous: bool,
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
        let pivoting = Pivoting::in_order(minimum_degree(pattern));
        let n = pattern.width();
        SparseLu { n, pivoting, work: vec![E::NOTHING; n], ..SparseLu::default() }
    }

    /// Chooses pivots for the matrix with `entries` in `pattern`, and prepares factorisations with
    /// them. Allocates when the factors have more entries than before.
    pub(crate) fn choose_pivots(
        &mut self,
        pattern: &Pattern,
        entries: &[E],
    ) -> Result<(), Singular> {
        self.places.clear();
        self.pivoting.factor(pattern, entries)?;
        self.lay_out(pattern);
        self.schedule();
        Ok(())
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
        let pairs = |w: usize| w * (w - 1) / 2;
        self.updates
            .iter()
            .map(|u| u.width as usize * u.rows as usize + pairs(u.width as usize))
            .sum()
    }

    fn lay_out(&mut self, pattern: &Pattern) {
        let n = self.n;
        self.rows.clear();
        self.starts.clear();
        self.diagonals.clear();
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
    }

    fn lower(&self, k: usize) -> &[u32] {
        &self.rows[self.lower_range(k)]
    }

    fn lower_range(&self, k: usize) -> std::ops::Range<usize> {
        self.diagonals[k] as usize + 1..self.starts[k + 1] as usize
    }

    /// Whether column `k` of `L` has the pattern of the next one, and that one's diagonal.
    fn joins_next(&self, k: usize) -> bool {
        match self.lower(k).split_first() {
            Some((first, rest)) => *first as usize == k + 1 && rest == self.lower(k + 1),
            None => false,
        }
    }

    fn schedule(&mut self) {
        self.updates.clear();
        self.update_starts.clear();
        self.targets.clear();
        let joins: Vec<bool> = (0..self.n).map(|k| k + 1 < self.n && self.joins_next(k)).collect();
        for k in 0..self.n {
            self.update_starts.push(self.updates.len() as u32);
            let start = self.starts[k] as usize;
            let upper = &self.rows[start..self.diagonals[k] as usize];
            for (at, row) in
                self.rows.iter().enumerate().take(self.starts[k + 1] as usize).skip(start)
            {
                self.position[*row as usize] = (at - start) as u32;
            }
            let mut at = 0;
            while at < upper.len() {
                let first = upper[at] as usize;
                let mut width = 1;
                while at + width < upper.len()
                    && upper[at + width] as usize == first + width
                    && joins[first + width - 1]
                {
                    width += 1;
                }
                let below = &self.rows[self.lower_range(first + width - 1)];
                let places = below.iter().map(|i| self.position[*i as usize]);
                let begins = below.first().map_or(0, |i| self.position[*i as usize]);
                let contiguous = places.clone().enumerate().all(|(i, p)| p == begins + i as u32);
                let update = Update {
                    first: first as u32,
                    width: width as u32,
                    upper: at as u32,
                    rows: below.len() as u32,
                    target: if contiguous { begins } else { self.targets.len() as u32 },
                    contiguous,
                };
                if !contiguous {
                    self.targets.extend(places);
                }
                self.updates.push(update);
                at += width;
            }
        }
        self.update_starts.push(self.updates.len() as u32);
    }

    /// Replaces the matrix in `values` by its factors, with the pivots kept; stops when one is
    /// `weak` unless they have just been chosen.
    pub(crate) fn refactor(&mut self, just_chosen: bool) -> Refactored {
        let largest = E::Part::of(LARGEST_FACTOR);
        let suspect = E::Part::of(SUSPECT * E::Part::EPSILON);
        for k in 0..self.n {
            let (start, end) = (self.starts[k] as usize, self.starts[k + 1] as usize);
            let diagonal = self.diagonals[k] as usize - start;
            let (done, rest) = self.values.split_at_mut(start);
            let column = &mut rest[..end - start];
            let updates = self.update_starts[k] as usize..self.update_starts[k + 1] as usize;
            for update in &self.updates[updates] {
                apply(update, done, &self.diagonals, &self.targets, column);
            }
            let (upper, rest) = column.split_at_mut(diagonal);
            let Some((pivot, lower)) = rest.split_first_mut() else { return Refactored::Weak };
            let bound = upper.iter().fold(E::NOTHING.size(), |a, u| a.greater(u.size()));
            let reciprocal = pivot.reciprocal();
            let mut good = pivot.size() > suspect * bound && pivot.bounded();
            *pivot = reciprocal;
            for l in lower {
                *l *= reciprocal;
                good &= l.size() <= largest;
            }
            if !good && !just_chosen {
                return Refactored::Weak;
            }
        }
        Refactored::Done
    }

    pub(crate) fn solve(&mut self, x: &mut [E]) {
        let y = &mut self.work[..];
        for (x, place) in x.iter().zip(&self.pivoting.place) {
            y[*place as usize] = *x;
        }
        for k in 0..self.n {
            let factor = y[k];
            let range = self.diagonals[k] as usize + 1..self.starts[k + 1] as usize;
            for (i, l) in self.rows[range.clone()].iter().zip(&self.values[range]) {
                y[*i as usize] -= *l * factor;
            }
        }
        for k in (0..self.n).rev() {
            let diagonal = self.diagonals[k] as usize;
            let factor = y[k] * self.values[diagonal];
            y[k] = factor;
            let range = self.starts[k] as usize..diagonal;
            for (i, u) in self.rows[range.clone()].iter().zip(&self.values[range]) {
                y[*i as usize] -= *u * factor;
            }
        }
        for (y, column) in y.iter().zip(&self.pivoting.order) {
            x[*column as usize] = *y;
        }
    }

    pub(crate) fn solve_transposed(&mut self, x: &mut [E]) {
        let y = &mut self.work[..];
        for (y, column) in y.iter_mut().zip(&self.pivoting.order) {
            *y = x[*column as usize];
        }
        for k in 0..self.n {
            let diagonal = self.diagonals[k] as usize;
            let range = self.starts[k] as usize..diagonal;
            let mut sum = y[k];
            for (i, u) in self.rows[range.clone()].iter().zip(&self.values[range]) {
                sum -= *u * y[*i as usize];
            }
            y[k] = sum * self.values[diagonal];
        }
        for k in (0..self.n).rev() {
            let range = self.diagonals[k] as usize + 1..self.starts[k + 1] as usize;
            let mut sum = y[k];
            for (i, l) in self.rows[range.clone()].iter().zip(&self.values[range]) {
                sum -= *l * y[*i as usize];
            }
            y[k] = sum;
        }
        for (x, place) in x.iter_mut().zip(&self.pivoting.place) {
            *x = y[*place as usize];
        }
    }
}

#[inline(always)]
fn apply<E: Field>(
    update: &Update,
    done: &[E],
    diagonals: &[u32],
    targets: &[u32],
    column: &mut [E],
) {
    let (first, width) = (update.first as usize, update.width as usize);
    let (upper, rows) = (update.upper as usize, update.rows as usize);
    let at = update.target as usize;
    // Among the columns themselves.
    for s in 0..width - 1 {
        let factor = column[upper + s];
        let begins = diagonals[first + s] as usize + 1;
        let l = &done[begins..begins + width - 1 - s];
        for (target, l) in column[upper + s + 1..upper + width].iter_mut().zip(l) {
            *target -= *l * factor;
        }
    }
    // Below them.
    let below = |s: usize| {
        let begins = diagonals[first + s] as usize + width - s;
        &done[begins..begins + rows]
    };
    let mut s = 0;
    while s < width {
        let count = if width - s >= 4 { 4 } else { (width - s).min(2) };
        match (count, update.contiguous) {
            (4, true) => contiguous::<E, 4>(column, upper + s, at, |i| below(s + i)),
            (2, true) => contiguous::<E, 2>(column, upper + s, at, |i| below(s + i)),
            (_, true) => contiguous::<E, 1>(column, upper + s, at, |i| below(s + i)),
            (4, false) => {
                scattered::<E, 4>(column, upper + s, &targets[at..at + rows], |i| below(s + i));
            }
            (2, false) => {
                scattered::<E, 2>(column, upper + s, &targets[at..at + rows], |i| below(s + i));
            }
            (_, false) => {
                scattered::<E, 1>(column, upper + s, &targets[at..at + rows], |i| below(s + i));
            }
        }
        s += count;
    }
}

#[inline(always)]
fn contiguous<'a, E: Field, const W: usize>(
    column: &mut [E],
    upper: usize,
    at: usize,
    below: impl Fn(usize) -> &'a [E],
) {
    let factors: [E; W] = std::array::from_fn(|i| column[upper + i]);
    let l: [&[E]; W] = std::array::from_fn(below);
    let rows = l[0].len();
    let column = &mut column[at..at + rows];
    let l: [&[E]; W] = std::array::from_fn(|i| &l[i][..rows]);
    for r in 0..rows {
        let mut entry = column[r];
        for i in 0..W {
            entry -= l[i][r] * factors[i];
        }
        column[r] = entry;
    }
}

#[inline(always)]
fn scattered<'a, E: Field, const W: usize>(
    column: &mut [E],
    upper: usize,
    targets: &[u32],
    below: impl Fn(usize) -> &'a [E],
) {
    let factors: [E; W] = std::array::from_fn(|i| column[upper + i]);
    let rows = targets.len();
    let l: [&[E]; W] = std::array::from_fn(below);
    let l: [&[E]; W] = std::array::from_fn(|i| &l[i][..rows]);
    for r in 0..rows {
        let target = &mut column[targets[r] as usize];
        let mut entry = *target;
        for i in 0..W {
            entry -= l[i][r] * factors[i];
        }
        *target = entry;
    }
}
