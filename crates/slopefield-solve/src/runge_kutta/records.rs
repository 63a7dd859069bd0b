//! What the evaluations of a step write down for their reverse products.

use crate::{Ivp, Real};
use slopefield_kernel::{Point, Recording};
use std::sync::Arc;

/// Rows of [`Recording`], one for each stage, while somebody wants them and the kernel offers them.
pub(super) struct Records<T> {
    wanted: bool,
    kernel: Option<Arc<dyn Recording<T>>>,
    rows: Vec<T>,
}

impl<T: Real> Records<T> {
    pub fn new() -> Self {
        Records { wanted: false, kernel: None, rows: Vec::new() }
    }

    pub fn want(&mut self) {
        self.wanted = true;
    }

    /// Sizes the rows for a kernel; returns how much scratch an evaluation needs.
    pub fn begin(&mut self, ivp: &Ivp<'_, T>, stages: usize) -> usize {
        self.kernel = if self.wanted { ivp.rhs.recording() } else { None };
        let Some(kernel) = &self.kernel else { return 0 };
        self.rows.resize(stages * kernel.row_len(), T::ZERO);
        kernel.scratch_len()
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
        let row = &mut self.rows[i * len..(i + 1) * len];
        kernel.eval(at, row, scratch);
        out.copy_from_slice(&row[..out.len()]);
        true
    }

    /// The row of stage `from` becomes that of the first stage.
    pub fn promote(&mut self, from: usize) {
        if let Some(kernel) = &self.kernel {
            let len = kernel.row_len();
            self.rows.copy_within(from * len..(from + 1) * len, 0);
        }
    }

    /// The rows of all stages, if they are written.
    pub fn rows(&self) -> Option<&[T]> {
        self.kernel.as_ref().map(|_| &self.rows[..])
    }
}
