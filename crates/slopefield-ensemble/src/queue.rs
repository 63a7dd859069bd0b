//! The trajectories still to be solved, shared by the workers.

use std::slice::IterMut;
use std::sync::Mutex;

use slopefield_solve::{SolveError, Stats};

use crate::report::{Failure, TrajectoryResult};

/// A trajectory in the hands of a worker: where its results go.
pub(crate) struct Trajectory<'a> {
    /// Its number.
    pub index: usize,
    /// Its save rows.
    pub rows: &'a mut [f64],
    /// The first row that is still to be written.
    pub next: usize,
    result: &'a mut Option<TrajectoryResult>,
}

impl Trajectory<'_> {
    /// Writes the next save row.
    pub(crate) fn save<'b>(&mut self, states: usize, values: impl Iterator<Item = &'b f64>) {
        let row = &mut self.rows[self.next * states..][..states];
        for (to, from) in row.iter_mut().zip(values) {
            *to = *from;
        }
        self.next += 1;
    }

    /// Ends the trajectory well.
    pub(crate) fn succeed(&mut self, stats: Stats) {
        *self.result = Some(Ok(stats));
    }

    /// Ends the trajectory with an error in state `u`; rows not reached become NaN.
    pub(crate) fn fail(&mut self, error: SolveError, u: Vec<f64>, stats: Stats) {
        self.rows[self.next * u.len()..].fill(f64::NAN);
        *self.result = Some(Err(Box::new(Failure { error, u, stats })));
    }
}

/// Hands out trajectories in order. Who solves which does not change any result.
pub(crate) struct Queue<'a> {
    rest: Mutex<Rest<'a>>,
    workers: usize,
}

struct Rest<'a> {
    next: usize,
    rows: &'a mut [f64],
    row_len: usize,
    results: IterMut<'a, Option<TrajectoryResult>>,
}

impl<'a> Queue<'a> {
    /// Trajectories with `row_len` numbers of save rows each, one per element of `results`.
    pub(crate) fn new(
        rows: &'a mut [f64],
        row_len: usize,
        results: &'a mut [Option<TrajectoryResult>],
        workers: usize,
    ) -> Self {
        let rest = Rest { next: 0, rows, row_len, results: results.iter_mut() };
        Queue { rest: Mutex::new(rest), workers }
    }

    /// Moves up to `most` trajectories to `into`, fewer towards the end so that all workers end at
    /// about the same time.
    pub(crate) fn take(&self, most: usize, into: &mut Vec<Trajectory<'a>>) {
        let mut rest = self.rest.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let fair = rest.results.len().div_ceil(2 * self.workers);
        for _ in 0..most.min(fair) {
            let Some(result) = rest.results.next() else { break };
            let all = std::mem::take(&mut rest.rows);
            let (rows, others) = all.split_at_mut(rest.row_len);
            rest.rows = others;
            into.push(Trajectory { index: rest.next, rows, next: 0, result });
            rest.next += 1;
        }
    }
}
