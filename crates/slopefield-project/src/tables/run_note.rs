//! `run_note`: what happened during a run, in sentences.

use super::{Holds, Table, run};
use crate::error::{Doing, ProjectError};
use crate::text::{Rule, clean_line};
use crate::time::now_utc_ms;
use rusqlite::{Connection, params};

/// Notes.
pub(crate) const RUN_NOTE: Table = Table {
    name: "run_note",
    create: "CREATE TABLE run_note (
  id INTEGER NOT NULL PRIMARY KEY,
  run_number INTEGER NOT NULL REFERENCES run (number) ON DELETE CASCADE,
  iteration INTEGER NOT NULL CHECK (iteration >= 0),
  message TEXT NOT NULL,
  made_utc_ms INTEGER NOT NULL
) STRICT",
    indexes: &["CREATE INDEX run_note_run ON run_note (run_number)"],
    columns: &[
        ("id", Holds::Integer),
        ("run_number", Holds::Integer),
        ("iteration", Holds::Integer),
        ("message", Holds::Text(Rule::Line)),
        ("made_utc_ms", Holds::Integer),
    ],
};

/// A sentence of the log of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunNote {
    /// Iteration it is about.
    pub iteration: u32,
    /// The sentence.
    pub message: String,
    /// When it was written, milliseconds since 1970 UTC.
    pub made_utc_ms: i64,
}

impl crate::Project {
    /// Appends a note to a run.
    ///
    /// # Errors
    /// When the run is unknown or the project is read-only.
    pub fn append_note(
        &mut self,
        id: &str,
        iteration: u32,
        message: &str,
    ) -> Result<(), ProjectError> {
        const WRITING: &str = "storing a note";
        self.change(WRITING, |conn| {
            let number = run::number(conn, id)?;
            conn.execute(
                "INSERT INTO run_note (run_number, iteration, message, made_utc_ms) VALUES (?1, ?2, ?3, ?4)",
                params![number, iteration, clean_line(message), now_utc_ms()],
            )
            .doing(WRITING)?;
            Ok(())
        })
    }

    /// The notes of a run in the order they were written.
    ///
    /// # Errors
    /// When the run is unknown.
    pub fn notes(&self, id: &str) -> Result<Vec<RunNote>, ProjectError> {
        let conn = self.read();
        load(conn, run::number(conn, id)?)
    }
}

/// Reads the notes of a run.
pub(crate) fn load(conn: &Connection, number: i64) -> Result<Vec<RunNote>, ProjectError> {
    const DOING: &str = "reading the notes";
    let mut statement = conn
        .prepare_cached(
            "SELECT iteration, message, made_utc_ms FROM run_note WHERE run_number = ?1 ORDER BY id",
        )
        .doing(DOING)?;
    let rows = statement
        .query_map([number], |row| {
            Ok(RunNote { iteration: row.get(0)?, message: row.get(1)?, made_utc_ms: row.get(2)? })
        })
        .doing(DOING)?;
    rows.collect::<Result<_, _>>().doing(DOING)
}
