//! Where a sparse matrix has entries.

use slopefield_kernel::MatrixPattern;

/// An owned [`MatrixPattern`] of a square matrix, by columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pattern {
    starts: Vec<usize>,
    rows: Vec<u32>,
}

impl Pattern {
    /// A copy.
    ///
    /// # Panics
    /// If the pattern is not square, or a column's rows do not ascend below its height: kernels
    /// promise that they do.
    pub fn of(pattern: MatrixPattern<'_>) -> Self {
        let n = pattern.width();
        assert_eq!(pattern.height, n, "the pattern of a square matrix");
        for column in pattern.starts.windows(2) {
            let rows = &pattern.rows[column[0]..column[1]];
            assert!(rows.windows(2).all(|pair| pair[0] < pair[1]), "rows of a column ascend");
            assert!(rows.last().is_none_or(|last| (*last as usize) < n), "rows are in range");
        }
        Pattern { starts: pattern.starts.to_vec(), rows: pattern.rows.to_vec() }
    }

    /// The diagonal of an `n × n` matrix.
    pub fn diagonal(n: usize) -> Self {
        Pattern { starts: (0..=n).collect(), rows: (0..n as u32).collect() }
    }

    /// Every entry of an `n × n` matrix.
    pub fn full(n: usize) -> Self {
        Pattern {
            starts: (0..=n).map(|j| j * n).collect(),
            rows: (0..n).flat_map(|_| 0..n as u32).collect(),
        }
    }

    /// Entries that one of two patterns of one size has.
    pub fn union(&self, other: &Pattern) -> Self {
        let n = self.width();
        assert_eq!(n, other.width(), "patterns of one size");
        let mut united = Pattern { starts: vec![0], rows: Vec::new() };
        for j in 0..n {
            let first = united.rows.len();
            united.rows.extend_from_slice(self.column(j));
            united.rows.extend_from_slice(other.column(j));
            united.rows[first..].sort_unstable();
            let mut kept = first;
            for index in first..united.rows.len() {
                if index == first || united.rows[index] != united.rows[kept - 1] {
                    united.rows[kept] = united.rows[index];
                    kept += 1;
                }
            }
            united.rows.truncate(kept);
            united.starts.push(kept);
        }
        united
    }

    /// Whether this is a copy of `pattern`.
    pub fn is(&self, pattern: MatrixPattern<'_>) -> bool {
        self.starts == pattern.starts && self.rows == pattern.rows
    }

    /// As kernels describe it.
    pub fn view(&self) -> MatrixPattern<'_> {
        MatrixPattern { height: self.width(), starts: &self.starts, rows: &self.rows }
    }

    /// Number of columns.
    pub fn width(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Where the entries of column `j` are in a list of all.
    pub fn range(&self, j: usize) -> std::ops::Range<usize> {
        self.starts[j]..self.starts[j + 1]
    }

    /// Rows of the entries of column `j`.
    pub fn column(&self, j: usize) -> &[u32] {
        &self.rows[self.range(j)]
    }

    /// Index of the entry `(i, j)` in a list of all.
    pub fn index(&self, i: u32, j: usize) -> Option<usize> {
        self.column(j).binary_search(&i).ok().map(|at| self.starts[j] + at)
    }
}
