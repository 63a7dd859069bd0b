//! The states at the save times, the loss's derivatives with respect to them, and which save
//! times belong to which step.

use crate::Loss;
use slopefield_solve::{Ivp, SolveError};

/// States at the save times and the derivative of the loss by each, row by row.
#[derive(Default)]
pub(crate) struct SavedStates {
    pub states: Vec<f64>,
    pub by_state: Vec<f64>,
    /// Delayed values there and the derivatives by them, where a loss is shown them.
    pub delayed: Vec<f64>,
    pub by_delayed: Vec<f64>,
    /// Numbers of states and of delayed values of a row.
    widths: (usize, usize),
    /// Both behind each other, as losses take them.
    rows: (Vec<f64>, Vec<f64>),
}

impl SavedStates {
    /// Makes room for `rows` states of length `n`.
    pub fn resize(&mut self, rows: usize, n: usize) {
        self.resize_with_delayed(rows, n, 0);
    }

    /// Makes room for `rows` states of length `n`, each with `delayed` delayed values, which are NaN
    /// until they are found.
    pub fn resize_with_delayed(&mut self, rows: usize, n: usize, delayed: usize) {
        self.states.resize(rows * n, 0.0);
        self.by_state.clear();
        self.by_state.resize(rows * n, 0.0);
        self.delayed.clear();
        self.delayed.resize(rows * delayed, f64::NAN);
        self.by_delayed.clear();
        self.by_delayed.resize(rows * delayed, 0.0);
        self.widths = (n, delayed);
    }

    /// Calls the loss.
    pub fn evaluate(&mut self, loss: &mut Loss<'_>) -> f64 {
        let (n, behind) = self.widths;
        if behind == 0 {
            return loss(&self.states, &mut self.by_state);
        }
        let (rows, by_rows) = (&mut self.rows.0, &mut self.rows.1);
        rows.clear();
        let delayed = self.delayed.chunks_exact(behind);
        for (state, delayed) in self.states.chunks_exact(n).zip(delayed) {
            rows.extend_from_slice(state);
            rows.extend_from_slice(delayed);
        }
        by_rows.clear();
        by_rows.resize(rows.len(), 0.0);
        let value = loss(rows, by_rows);
        let parts = self.by_state.chunks_exact_mut(n).zip(self.by_delayed.chunks_exact_mut(behind));
        for (row, (by_state, by_delayed)) in by_rows.chunks_exact(n + behind).zip(parts) {
            by_state.copy_from_slice(&row[..n]);
            by_delayed.copy_from_slice(&row[n..]);
        }
        value
    }

    /// Number of save times that a solve has reached which an event ended at `t`, or the end did.
    ///
    /// # Errors
    /// [`SolveError::Invalid`] when the loss has a derivative by a state after it.
    pub fn reached(
        &self,
        saves: &[f64],
        t: f64,
        direction: f64,
        n: usize,
    ) -> Result<usize, SolveError> {
        let reached = saves.iter().take_while(|save| (**save - t) * direction <= 0.0).count();
        for (row, save) in saves.iter().enumerate().skip(reached) {
            if self.row_by_state(row, n).iter().any(|w| *w != 0.0) {
                return Err(SolveError::Invalid(format!(
                    "an event ended the solve at t = {t}, but the loss depends on the state at \
                     t = {save}"
                )));
            }
        }
        Ok(reached)
    }

    pub fn row_by_state(&self, row: usize, n: usize) -> &[f64] {
        &self.by_state[row * n..(row + 1) * n]
    }

    /// The derivatives of the loss by the delayed values of a row.
    pub fn row_by_delayed(&self, row: usize) -> &[f64] {
        let behind = self.widths.1;
        &self.by_delayed[row * behind..(row + 1) * behind]
    }
}

/// Save times that fall into the step from `t_prev` (exclusive) to `t` (inclusive), as a range of
/// indices, when all times below `end` are still to be assigned and steps come last to first.
pub(crate) fn saves_in_step(
    saves: &[f64],
    end: usize,
    t_prev: f64,
    direction: f64,
) -> std::ops::Range<usize> {
    let mut start = end;
    while start > 0 && (saves[start - 1] - t_prev) * direction > 0.0 {
        start -= 1;
    }
    start..end
}

/// Number of save times equal to the start of `ivp`.
pub(crate) fn saves_at_start(saves: &[f64], ivp: &Ivp<'_>) -> usize {
    saves.iter().take_while(|t| **t == ivp.t0).count()
}
