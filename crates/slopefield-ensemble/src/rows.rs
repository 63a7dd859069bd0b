//! Memory for rows of lanes.

use std::ops::{Deref, DerefMut};

/// Numbers that begin at a multiple of 64 bytes, so that no vector of a row crosses a cache line.
pub(crate) struct Rows {
    data: Vec<f64>,
    start: usize,
    len: usize,
}

impl Rows {
    /// `len` zeros.
    pub(crate) fn new(len: usize) -> Self {
        const SPARE: usize = 64 / size_of::<f64>() - 1;
        let data = vec![0.0; len + SPARE];
        let misplaced = data.as_ptr() as usize % 64 / size_of::<f64>();
        Rows { start: (SPARE + 1 - misplaced) % (SPARE + 1), data, len }
    }

    /// Sets element `lane` of the row `row` of every `width`.
    pub(crate) fn set(&mut self, width: usize, row: usize, lane: usize, value: f64) {
        self[row * width + lane] = value;
    }

    /// Writes `values` down the column `lane`.
    pub(crate) fn set_column<'a>(
        &mut self,
        width: usize,
        lane: usize,
        values: impl IntoIterator<Item = &'a f64>,
    ) {
        for (row, value) in self.chunks_exact_mut(width).zip(values) {
            row[lane] = *value;
        }
    }

    /// The numbers of the column `lane`.
    pub(crate) fn column(&self, width: usize, lane: usize) -> impl Iterator<Item = &f64> {
        self[lane.min(self.len)..].iter().step_by(width)
    }

    /// Copies the first rows of column `from` of another array over the column `to`.
    pub(crate) fn copy_column(&mut self, width: usize, to: usize, other: &Rows, from: usize) {
        for (row, source) in self.chunks_exact_mut(width).zip(other.chunks_exact(width)) {
            row[to] = source[from];
        }
    }

    /// Copies the column `from` over the column `to`.
    pub(crate) fn move_column(&mut self, width: usize, to: usize, from: usize) {
        for row in self.chunks_exact_mut(width) {
            row[to] = row[from];
        }
    }
}

impl Deref for Rows {
    type Target = [f64];
    fn deref(&self) -> &[f64] {
        &self.data[self.start..][..self.len]
    }
}

impl DerefMut for Rows {
    fn deref_mut(&mut self) -> &mut [f64] {
        &mut self.data[self.start..][..self.len]
    }
}
