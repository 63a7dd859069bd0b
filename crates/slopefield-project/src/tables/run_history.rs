//! `run_history`: the loss and the scalar parameters at the iterations of a run.

use super::{Holds, Table, run};
use crate::error::{Doing, ProjectError};
use rusqlite::{Connection, params};

/// Histories.
pub(crate) const RUN_HISTORY: Table = Table {
    name: "run_history",
    create: "CREATE TABLE run_history (
  run_number INTEGER NOT NULL REFERENCES run (number) ON DELETE CASCADE,
  iteration INTEGER NOT NULL CHECK (iteration >= 0),
  loss REAL,
  best_loss REAL,
  hold_out_loss REAL,
  parameters_f64le BLOB NOT NULL,
  PRIMARY KEY (run_number, iteration)
) STRICT",
    indexes: &[],
    columns: &[
        ("run_number", Holds::Integer),
        ("iteration", Holds::Integer),
        ("loss", Holds::AnyReal),
        ("best_loss", Holds::AnyReal),
        ("hold_out_loss", Holds::AnyReal),
        ("parameters_f64le", Holds::Bytes),
    ],
};

/// One iteration.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryPoint {
    /// Iteration from 1 over all stages.
    pub iteration: u32,
    /// Loss; NaN is stored as "unknown".
    pub loss: f64,
    /// Best loss so far.
    pub best: f64,
    /// Loss per point on the hold-out, where it was computed.
    pub hold_out: Option<f64>,
    /// Scalar parameters.
    pub parameters: Vec<f64>,
}

/// The history of a run, column by column.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct History {
    /// Iterations, ascending.
    pub iterations: Vec<u32>,
    /// Loss; NaN where unknown.
    pub loss: Vec<f64>,
    /// Best loss so far; NaN where unknown.
    pub best: Vec<f64>,
    /// Hold-out loss; NaN where not computed.
    pub hold_out: Vec<f64>,
    /// Scalar parameters row by row, `width` each.
    pub parameters: Vec<f64>,
    /// Number of scalar parameters.
    pub width: usize,
}

/// Bytes of a stored row of parameters as numbers.
pub(crate) fn parameters(bytes: &[u8]) -> Option<impl Iterator<Item = f64> + '_> {
    bytes.len().is_multiple_of(8).then(|| {
        bytes.chunks_exact(8).map(|word| {
            let mut le = [0; 8];
            le.copy_from_slice(word);
            f64::from_le_bytes(le)
        })
    })
}

/// Every row of a run has whole numbers and the same count of them.
pub(crate) fn verify(conn: &Connection, number: i64) -> Result<(), ProjectError> {
    load(conn, number).map(drop)
}

fn load(conn: &Connection, number: i64) -> Result<History, ProjectError> {
    const DOING: &str = "reading a history";
    let mut history = History::default();
    let mut statement = conn
        .prepare_cached(
            "SELECT iteration, loss, best_loss, hold_out_loss, parameters_f64le FROM run_history
             WHERE run_number = ?1 ORDER BY iteration",
        )
        .doing(DOING)?;
    let mut rows = statement.query([number]).doing(DOING)?;
    while let Some(row) = rows.next().doing(DOING)? {
        let number_or_nan = |column: usize| -> Result<f64, ProjectError> {
            Ok(row.get::<_, Option<f64>>(column).doing(DOING)?.unwrap_or(f64::NAN))
        };
        let iteration: u32 = row.get(0).doing(DOING)?;
        let bytes: Vec<u8> = row.get(4).doing(DOING)?;
        let before = history.parameters.len();
        let damaged = || ProjectError::Damaged {
            finding: format!(
                "the parameters of run {number} at iteration {iteration} have {} bytes",
                bytes.len()
            ),
        };
        history.parameters.extend(parameters(&bytes).ok_or_else(damaged)?);
        let width = history.parameters.len() - before;
        if history.iterations.is_empty() {
            history.width = width;
        } else if width != history.width {
            return Err(damaged());
        }
        history.iterations.push(iteration);
        history.loss.push(number_or_nan(1)?);
        history.best.push(number_or_nan(2)?);
        history.hold_out.push(number_or_nan(3)?);
    }
    Ok(history)
}

impl crate::Project {
    /// Appends a batch to the history of a run. An iteration that is there already is replaced, so
    /// a resumed run may repeat some.
    ///
    /// # Errors
    /// When the run is unknown, points have different numbers of parameters, or the project is
    /// read-only.
    pub fn append_history(
        &mut self,
        id: &str,
        points: &[HistoryPoint],
    ) -> Result<(), ProjectError> {
        const WRITING: &str = "storing a history";
        self.change(WRITING, |conn| {
            let number = run::number(conn, id)?;
            let mut insert = conn
                .prepare_cached(
                    "INSERT INTO run_history (run_number, iteration, loss, best_loss, hold_out_loss,
                       parameters_f64le)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                     ON CONFLICT (run_number, iteration) DO UPDATE SET loss = excluded.loss,
                       best_loss = excluded.best_loss, hold_out_loss = excluded.hold_out_loss,
                       parameters_f64le = excluded.parameters_f64le",
                )
                .doing(WRITING)?;
            for point in points {
                let expected = points[0].parameters.len();
                if point.parameters.len() != expected {
                    return Err(ProjectError::Shape {
                        what: format!("iteration {} of the history", point.iteration),
                        found: point.parameters.len(),
                        expected,
                    });
                }
                let bytes: Vec<u8> =
                    point.parameters.iter().flat_map(|v| v.to_le_bytes()).collect();
                insert
                    .execute(params![
                        number,
                        point.iteration,
                        point.loss,
                        point.best,
                        point.hold_out,
                        bytes
                    ])
                    .doing(WRITING)?;
            }
            Ok(())
        })
    }

    /// The history of a run.
    ///
    /// # Errors
    /// When the run is unknown or its history is damaged.
    pub fn history(&self, id: &str) -> Result<History, ProjectError> {
        let conn = self.read();
        load(conn, run::number(conn, id)?)
    }
}
