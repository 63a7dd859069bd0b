//! `meta`: who wrote the file and who may write it; `migration`: which steps made its schema.

use super::{Holds, Table};
use crate::error::{Doing, ProjectError};
use crate::text::{self, Rule};
use rusqlite::{Connection, OptionalExtension, params};

/// Names and values about the file as a whole.
pub(crate) const META: Table = Table {
    name: "meta",
    create: "CREATE TABLE meta (
  key TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) STRICT",
    indexes: &[],
    columns: &[("key", Holds::Text(Rule::Name)), ("value", Holds::Text(Rule::Line))],
};

/// Ledger of applied schema steps. A step never changes after a release; its hash proves it.
pub(crate) const MIGRATION: Table = Table {
    name: "migration",
    create: "CREATE TABLE migration (
  step INTEGER NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  sql_hash TEXT NOT NULL,
  applied_utc_ms INTEGER NOT NULL
) STRICT",
    indexes: &[],
    columns: &[
        ("step", Holds::Integer),
        ("name", Holds::Text(Rule::Name)),
        ("sql_hash", Holds::Text(Rule::Name)),
        ("applied_utc_ms", Holds::Integer),
    ],
};

/// Reads one value.
pub(crate) fn get(conn: &Connection, key: &str) -> Result<Option<String>, ProjectError> {
    conn.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0))
        .optional()
        .doing("reading about the file")
}

/// Writes one value.
pub(crate) fn set(conn: &Connection, key: &str, value: &str) -> Result<(), ProjectError> {
    text::check("the name of a property", key, Rule::Name)?;
    text::check(key, value, Rule::Line)?;
    conn.execute(
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        params![key, value],
    )
    .doing("writing about the file")?;
    Ok(())
}

impl crate::Project {
    /// Title shown to people; absent until set.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn title(&self) -> Result<Option<String>, ProjectError> {
        get(self.read(), "title")
    }

    /// Sets the title.
    ///
    /// # Errors
    /// When the project is read-only or the title holds control characters.
    pub fn set_title(&mut self, title: &str) -> Result<(), ProjectError> {
        self.change("storing the title", |conn| set(conn, "title", title))
    }

    /// Identity of the project, a UUID that stays through saving under other names.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn project_uuid(&self) -> Result<String, ProjectError> {
        get(self.read(), "project_uuid")?.ok_or_else(|| ProjectError::Damaged {
            finding: "the project has no identity (`project_uuid` is missing)".into(),
        })
    }
}
