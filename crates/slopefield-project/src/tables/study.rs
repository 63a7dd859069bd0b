//! `study`: every version of the study (data, experiments, solver, training) as TOML text.
//!
//! This crate does not read the TOML; the study belongs to the crate that elaborates it.

use super::{Holds, Table};
use crate::error::{Doing, ProjectError};
use crate::text::{self, Rule};
use crate::time::now_utc_ms;
use rusqlite::{Connection, params};

/// Study texts.
pub(crate) const STUDY: Table = Table {
    name: "study",
    create: "CREATE TABLE study (
  id INTEGER NOT NULL PRIMARY KEY,
  toml TEXT NOT NULL,
  saved_utc_ms INTEGER NOT NULL
) STRICT",
    indexes: &[],
    columns: &[
        ("id", Holds::Integer),
        ("toml", Holds::Text(Rule::Body)),
        ("saved_utc_ms", Holds::Integer),
    ],
};

pub(crate) fn insert(conn: &Connection, toml: &str) -> Result<i64, ProjectError> {
    text::check("the study", toml, Rule::Body)?;
    conn.execute(
        "INSERT INTO study (toml, saved_utc_ms) VALUES (?1, ?2)",
        params![toml, now_utc_ms()],
    )
    .doing("storing the study")?;
    Ok(conn.last_insert_rowid())
}

impl crate::Project {
    /// The study as TOML text.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn study_text(&self) -> Result<String, ProjectError> {
        self.read()
            .query_row(
                "SELECT toml FROM study WHERE id = (SELECT study_id FROM head WHERE id = 1)",
                [],
                |row| row.get(0),
            )
            .doing("reading the study")
    }
}
