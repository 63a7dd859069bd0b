//! The entries of a sparse Jacobian from products with sums of unit vectors.

use slopefield_kernel::{Cotangent, Kernel, Point, Shape, Tangent};

use super::{Colouring, Direction, Pattern};
use crate::plan::Plan;

/// Evaluates `∂Out/∂States` of a function at its pattern.
#[derive(Debug, Clone, PartialEq)]
pub struct SparseJacobian {
    pattern: Pattern,
    colouring: Colouring,
    /// Columns (or rows), group by group.
    members: Vec<u32>,
    /// Where each group begins in `members`; one more at the end.
    groups: Vec<usize>,
    /// For groups of rows: the entries of each row, as (column, place among the entries).
    by_row: Vec<Vec<(u32, usize)>>,
}

impl SparseJacobian {
    /// For a plan of [`crate::plan::Entry::Eval`], with the best colouring.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let pattern = Pattern::of(plan);
        let colouring = Colouring::best(&pattern);
        Self::new(pattern, colouring)
    }

    /// With a pattern and a colouring of it.
    ///
    /// # Panics
    /// When the colouring has not one group for each column (or row) of the pattern.
    #[must_use]
    pub fn new(pattern: Pattern, colouring: Colouring) -> Self {
        let by_columns = colouring.direction == Direction::Columns;
        let expected = if by_columns { pattern.columns() } else { pattern.rows() };
        assert_eq!(colouring.colours.len(), expected, "one group for each column or row");
        let mut groups = vec![0; colouring.count as usize + 1];
        for colour in &colouring.colours {
            groups[*colour as usize + 1] += 1;
        }
        for k in 0..colouring.count as usize {
            groups[k + 1] += groups[k];
        }
        let mut next = groups.clone();
        let mut members = vec![0; expected];
        for (member, colour) in (0..).zip(&colouring.colours) {
            members[next[*colour as usize]] = member;
            next[*colour as usize] += 1;
        }
        let mut by_row = Vec::new();
        if !by_columns {
            by_row = vec![Vec::new(); pattern.rows()];
            for column in 0..pattern.columns() {
                let start = pattern.starts()[column];
                for (k, row) in pattern.column(column).iter().enumerate() {
                    by_row[*row as usize].push((column as u32, start + k));
                }
            }
        }
        SparseJacobian { pattern, colouring, members, groups, by_row }
    }

    /// Where the entries are.
    #[must_use]
    pub fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// Which columns or rows are evaluated together.
    #[must_use]
    pub fn colouring(&self) -> &Colouring {
        &self.colouring
    }

    /// Elements of work space that [`SparseJacobian::evaluate`] needs with a kernel.
    #[must_use]
    pub fn scratch_len(kernel: &dyn Kernel) -> usize {
        let Shape { states, params, outputs } = kernel.shape();
        states + params + 2 * outputs + kernel.scratch_len()
    }

    /// Writes the entries at a point to `values`, in the order of [`Pattern::indices`]. Allocates
    /// nothing. A pattern narrower than the kernel's states is that of the first of them.
    ///
    /// # Panics
    /// When `values` has another length than the pattern, the kernel is that of another function, or
    /// `scratch` is shorter than [`SparseJacobian::scratch_len`].
    pub fn evaluate(
        &self,
        kernel: &dyn Kernel,
        at: Point<'_>,
        values: &mut [f64],
        scratch: &mut [f64],
    ) {
        assert_eq!(values.len(), self.pattern.len(), "one value for each entry");
        let shape = kernel.shape();
        let same = shape.outputs == self.pattern.rows() && shape.states >= self.pattern.columns();
        assert!(same, "the kernel belongs to the pattern");
        // Tangent or gradient of the states; that of the params, 0 or never read; the result; its
        // tangent or weights.
        let (states, rest) = scratch.split_at_mut(shape.states);
        let (params, rest) = rest.split_at_mut(shape.params);
        let (out, rest) = rest.split_at_mut(shape.outputs);
        let (tangent, scratch) = rest.split_at_mut(shape.outputs);
        match self.colouring.direction {
            Direction::Columns => {
                params.fill(0.0);
                states.fill(0.0);
                for group in self.groups.windows(2) {
                    let columns = &self.members[group[0]..group[1]];
                    columns.iter().for_each(|c| states[*c as usize] = 1.0);
                    let along = Tangent { t: 0.0, u: states, p: params };
                    kernel.jvp(at, along, out, tangent, scratch);
                    for column in columns.iter().map(|c| *c as usize) {
                        states[column] = 0.0;
                        let (start, end) =
                            (self.pattern.starts()[column], self.pattern.starts()[column + 1]);
                        let rows = &self.pattern.indices()[start..end];
                        for (value, row) in values[start..end].iter_mut().zip(rows) {
                            *value = tangent[*row as usize];
                        }
                    }
                }
            }
            Direction::Rows => {
                tangent.fill(0.0);
                // Reverse products add; cleared, lest it grow without bound.
                params.fill(0.0);
                for group in self.groups.windows(2) {
                    let rows = &self.members[group[0]..group[1]];
                    rows.iter().for_each(|r| tangent[*r as usize] = 1.0);
                    states.fill(0.0);
                    let mut t = 0.0;
                    let grad = Cotangent { t: &mut t, u: states, p: params };
                    kernel.vjp(at, tangent, grad, scratch);
                    for row in rows.iter().map(|r| *r as usize) {
                        tangent[row] = 0.0;
                        for (column, place) in &self.by_row[row] {
                            values[*place] = states[*column as usize];
                        }
                    }
                }
            }
        }
    }
}
