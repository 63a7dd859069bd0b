//! What the evaluations of steps write down for their reverse products.

use crate::{Ivp, Real};
use slopefield_kernel::{Point, Recording};
use std::sync::Arc;

/// Rows of [`Recording`], one for each stage, while somebody wants them and the kernel offers them.
/// Evaluations write where the rows stay: a step moves on behind those of the step before, and the
/// last row of a first-same-as-last method is the first of the next step.
pub(super) struct Records<T> {
    wanted: bool,
    kernel: Option<Arc<dyn Recording<T>>>,
    /// Rows of all steps since the beginning, the step held last.
    rows: Vec<T>,
    /// Rows of a step, and where those of the step held begin.
    stages: usize,
    first: usize,
    /// Steps before the one held.
    behind: u64,
}

impl<T: Real> Records<T> {
    pub fn new() -> Self {
        Records { wanted: false, kernel: None, rows: Vec::new(), stages: 0, first: 0, behind: 0 }
    }

    pub fn want(&mut self) {
        self.wanted = true;
    }

    /// Begins with the first step through a kernel; returns how much scratch an evaluation needs.
    pub fn begin(&mut self, ivp: &Ivp<'_, T>, stages: usize) -> usize {
        self.kernel = if self.wanted { ivp.rhs.recording() } else { None };
        (self.stages, self.first, self.behind) = (stages, 0, 0);
        self.make_room();
        self.kernel.as_ref().map_or(0, |kernel| kernel.scratch_len())
    }

    /// Writes nothing more down until it begins again, and forgets.
    pub fn stop(&mut self) {
        self.kernel = None;
        self.rows = Vec::new();
    }

    /// Elements of a row; 0 when nothing is written down.
    pub fn row_len(&self) -> usize {
        self.kernel.as_ref().map_or(0, |kernel| kernel.row_len())
    }

    /// Steps whose rows are held.
    pub fn steps(&self) -> u64 {
        self.behind + 1
    }

    fn make_room(&mut self) {
        let end = self.first + self.stages * self.row_len();
        if self.rows.len() < end {
            self.rows.resize(end, T::ZERO);
        }
    }

    pub fn is_on(&self) -> bool {
        self.kernel.is_some()
    }

    /// Evaluates for stage `i` and writes it down; false when nothing is wanted or offered.
    #[inline]
    pub fn evaluate(
        &mut self,
        i: usize,
        at: Point<'_, T>,
        out: &mut [T],
        scratch: &mut [T],
    ) -> bool {
        let Some(kernel) = &self.kernel else { return false };
        let len = kernel.row_len();
        let row = &mut self.rows[self.first + i * len..][..len];
        kernel.eval(at, row, scratch);
        copy_few(out, &row[..out.len()]);
        true
    }

    /// Moves on to the next step, whose first row is row `from` of this one.
    pub fn advance(&mut self, from: usize) {
        if self.is_on() {
            self.first += from * self.row_len();
            self.behind += 1;
            self.make_room();
        }
    }

    pub fn exchange(&mut self, rows: &mut Vec<T>) {
        std::mem::swap(&mut self.rows, rows);
    }
}

/// `to = from`, of the same length. A call to copy memory costs more than a few numbers do.
#[inline]
pub fn copy_few<T: Copy>(to: &mut [T], from: &[T]) {
    match (&mut *to, from) {
        ([x], [a]) => *x = *a,
        ([x, y], [a, b]) => (*x, *y) = (*a, *b),
        ([x, y, z], [a, b, c]) => (*x, *y, *z) = (*a, *b, *c),
        _ => to.copy_from_slice(from),
    }
}
