//! What earlier columns do to each column, prepared once for a pattern.
//!
//! Very sparse factors have a list of single products. Others group columns of `L` that have one
//! pattern below each other (fundamental supernodes): these act on a column together, and share
//! one list of targets.

use super::Triangle;
use crate::Field;

/// With fewer multiplications per column than this, single products are listed.
const SINGLE: usize = 16;

/// Where things are in the factors.
pub(super) struct Layout<'a> {
    /// Rows of the columns: above the diagonal, the diagonal, below.
    pub(super) rows: &'a [u32],
    pub(super) starts: &'a [u32],
    pub(super) diagonals: &'a [u32],
    pub(super) lower_starts: &'a [u32],
}

impl Layout<'_> {
    fn below(&self, k: usize) -> &[u32] {
        &self.rows[self.diagonals[k] as usize + 1..self.starts[k + 1] as usize]
    }

    /// Whether column `k` of `L` has the pattern of the next one, and that one's diagonal.
    fn joins_next(&self, k: usize) -> bool {
        match self.below(k).split_first() {
            Some((first, rest)) => *first as usize == k + 1 && rest == self.below(k + 1),
            None => false,
        }
    }
}

/// The updates of all columns.
#[derive(Debug, Clone, Default)]
pub(super) struct Schedule {
    products: Vec<Product>,
    updates: Vec<Update>,
    /// Where the products, or updates, of each column begin.
    starts: Vec<u32>,
    /// Where in their columns updates that are not contiguous go.
    targets: Vec<u32>,
    joins: Vec<bool>,
    count: usize,
    single: bool,
}

/// `values[target] −= lower[lower] · values[upper]`.
#[derive(Debug, Clone, Copy)]
struct Product {
    target: u32,
    lower: u32,
    upper: u32,
}

/// What the consecutive columns of `L`, with one pattern below them, do to a column.
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

impl Schedule {
    /// Multiplications in all updates.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn prepare(&mut self, layout: &Layout<'_>, position: &mut [u32]) {
        let n = layout.diagonals.len();
        self.count = (0..n)
            .map(|k| {
                let upper = layout.starts[k] as usize..layout.diagonals[k] as usize;
                layout.rows[upper].iter().map(|j| layout.below(*j as usize).len()).sum::<usize>()
            })
            .sum();
        self.single = self.count < SINGLE * n;
        self.products.clear();
        self.updates.clear();
        self.starts.clear();
        self.targets.clear();
        self.joins.clear();
        self.joins.extend((0..n).map(|k| k + 1 < n && layout.joins_next(k)));
        for k in 0..n {
            let start = layout.starts[k] as usize;
            let column = &layout.rows[start..layout.starts[k + 1] as usize];
            for (at, row) in column.iter().enumerate() {
                position[*row as usize] = at as u32;
            }
            let upper = &layout.rows[start..layout.diagonals[k] as usize];
            if self.single {
                self.starts.push(self.products.len() as u32);
                self.list_products(layout, start, upper, position);
            } else {
                self.starts.push(self.updates.len() as u32);
                self.list_updates(layout, upper, position);
            }
        }
        self.starts.push(if self.single { self.products.len() } else { self.updates.len() } as u32);
    }

    /// Makes room for other pivots, whose factors have at most so many entries.
    pub(super) fn reserve(&mut self, entries: usize) {
        let n = self.joins.len();
        super::reserve(&mut self.products, SINGLE * n);
        super::reserve(&mut self.updates, entries);
        let targets = self.targets.len().max(SINGLE * n);
        super::reserve(&mut self.targets, 3 * targets);
    }

    fn list_products(
        &mut self,
        layout: &Layout<'_>,
        start: usize,
        upper: &[u32],
        position: &[u32],
    ) {
        for (at, j) in upper.iter().enumerate() {
            let lower = layout.lower_starts[*j as usize];
            for (index, i) in layout.below(*j as usize).iter().enumerate() {
                self.products.push(Product {
                    target: start as u32 + position[*i as usize],
                    lower: lower + index as u32,
                    upper: (start + at) as u32,
                });
            }
        }
    }

    fn list_updates(&mut self, layout: &Layout<'_>, upper: &[u32], position: &[u32]) {
        let mut at = 0;
        while at < upper.len() {
            let first = upper[at] as usize;
            let mut width = 1;
            while at + width < upper.len()
                && upper[at + width] as usize == first + width
                && self.joins[first + width - 1]
            {
                width += 1;
            }
            let below = layout.below(first + width - 1);
            let places = below.iter().map(|i| position[*i as usize]);
            let begins = below.first().map_or(0, |i| position[*i as usize]);
            let contiguous = places.clone().enumerate().all(|(i, p)| p == begins + i as u32);
            self.updates.push(Update {
                first: first as u32,
                width: width as u32,
                upper: at as u32,
                rows: below.len() as u32,
                target: if contiguous { begins } else { self.targets.len() as u32 },
                contiguous,
            });
            if !contiguous {
                self.targets.extend(places);
            }
            at += width;
        }
    }

    /// Updates column `k`, in a range of `values`.
    #[inline(always)]
    pub(super) fn update<E: Field>(
        &self,
        k: usize,
        values: &mut [E],
        column: std::ops::Range<usize>,
        lower: &Triangle<E>,
    ) {
        let own = self.starts[k] as usize..self.starts[k + 1] as usize;
        if self.single {
            for product in &self.products[own] {
                let value = lower.values[product.lower as usize] * values[product.upper as usize];
                values[product.target as usize] -= value;
            }
        } else {
            let column = &mut values[column];
            for update in &self.updates[own] {
                update.apply(lower, &self.targets, column);
            }
        }
    }
}

impl Update {
    #[inline(always)]
    fn apply<E: Field>(&self, lower: &Triangle<E>, targets: &[u32], column: &mut [E]) {
        let (first, width) = (self.first as usize, self.width as usize);
        let (upper, rows) = (self.upper as usize, self.rows as usize);
        let at = self.target as usize;
        // Among the columns themselves.
        for s in 0..width - 1 {
            let factor = column[upper + s];
            let begins = lower.starts[first + s] as usize;
            let l = &lower.values[begins..begins + width - 1 - s];
            for (target, l) in column[upper + s + 1..upper + width].iter_mut().zip(l) {
                *target -= *l * factor;
            }
        }
        // Below them.
        let below = |s: usize| {
            let begins = lower.starts[first + s] as usize + width - 1 - s;
            &lower.values[begins..begins + rows]
        };
        let mut s = 0;
        while s < width {
            let count = if width - s >= 4 { 4 } else { (width - s).min(2) };
            let own = upper + s;
            match (count, self.contiguous) {
                (4, true) => contiguous::<E, 4>(column, own, at, |i| below(s + i)),
                (2, true) => contiguous::<E, 2>(column, own, at, |i| below(s + i)),
                (_, true) => contiguous::<E, 1>(column, own, at, |i| below(s + i)),
                (4, false) => {
                    scattered::<E, 4>(column, own, &targets[at..at + rows], |i| below(s + i))
                }
                (2, false) => {
                    scattered::<E, 2>(column, own, &targets[at..at + rows], |i| below(s + i))
                }
                (_, false) => {
                    scattered::<E, 1>(column, own, &targets[at..at + rows], |i| below(s + i))
                }
            }
            s += count;
        }
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
