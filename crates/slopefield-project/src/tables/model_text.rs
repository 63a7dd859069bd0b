//! `model_text`: every version of the model's equations that was kept.
//!
//! Rows are versions. Which one is current is in `head`; what led to it is in `edit`.

use super::{Holds, Table};
use crate::error::{Doing, ProjectError};
use crate::text::{self, Rule};
use crate::time::now_utc_ms;
use rusqlite::{Connection, OptionalExtension, params};

/// Model texts.
pub(crate) const MODEL_TEXT: Table = Table {
    name: "model_text",
    create: "CREATE TABLE model_text (
  id INTEGER NOT NULL PRIMARY KEY,
  text TEXT NOT NULL,
  saved_utc_ms INTEGER NOT NULL
) STRICT",
    indexes: &[],
    columns: &[
        ("id", Holds::Integer),
        ("text", Holds::Text(Rule::Body)),
        ("saved_utc_ms", Holds::Integer),
    ],
};

/// One kept version of the model text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelVersion {
    /// Number of the version; larger is newer.
    pub id: i64,
    /// When it was stored, milliseconds since 1970 UTC.
    pub saved_utc_ms: i64,
    /// The text.
    pub text: String,
    /// It is the text the project shows now.
    pub current: bool,
}

pub(crate) fn insert(conn: &Connection, model: &str) -> Result<i64, ProjectError> {
    text::check("the model text", model, Rule::Body)?;
    conn.execute(
        "INSERT INTO model_text (text, saved_utc_ms) VALUES (?1, ?2)",
        params![model, now_utc_ms()],
    )
    .doing("storing the model")?;
    Ok(conn.last_insert_rowid())
}

/// Overwrites the newest version while a burst of typing goes on.
pub(crate) fn replace(conn: &Connection, id: i64, model: &str) -> Result<(), ProjectError> {
    text::check("the model text", model, Rule::Body)?;
    conn.execute(
        "UPDATE model_text SET text = ?2, saved_utc_ms = ?3 WHERE id = ?1",
        params![id, model, now_utc_ms()],
    )
    .doing("storing the model")?;
    Ok(())
}

impl crate::Project {
    /// The model text.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn model_text(&self) -> Result<String, ProjectError> {
        self.read()
            .query_row(
                "SELECT text FROM model_text WHERE id = (SELECT model_text_id FROM head WHERE id = 1)",
                [],
                |row| row.get(0),
            )
            .doing("reading the model")
    }

    /// Every kept version of the model text, newest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn model_history(&self) -> Result<Vec<ModelVersion>, ProjectError> {
        const DOING: &str = "reading the history of the model";
        let mut statement = self
            .read()
            .prepare_cached(
                "SELECT id, saved_utc_ms, text, id = (SELECT model_text_id FROM head WHERE id = 1)
                 FROM model_text ORDER BY id DESC",
            )
            .doing(DOING)?;
        let rows = statement
            .query_map([], |row| {
                Ok(ModelVersion {
                    id: row.get(0)?,
                    saved_utc_ms: row.get(1)?,
                    text: row.get(2)?,
                    current: row.get(3)?,
                })
            })
            .doing(DOING)?;
        rows.collect::<Result<_, _>>().doing(DOING)
    }

    /// Makes an old version of the model current again. This is an edit: it can be undone.
    ///
    /// # Errors
    /// When there is no such version or the project is read-only.
    pub fn restore_model(&mut self, id: i64) -> Result<(), ProjectError> {
        let text: Option<String> = self
            .read()
            .query_row("SELECT text FROM model_text WHERE id = ?1", [id], |row| row.get(0))
            .optional()
            .doing("reading the history of the model")?;
        let text = text.ok_or(ProjectError::UnknownVersion { id })?;
        self.apply_model(&text, "restore an earlier model", false)
    }
}
