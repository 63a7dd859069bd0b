//! `run_uncertainty`: how sure the result of a run is, as one method found it.
//!
//! A run may have several such results, of one method or of several. What a result says is a text
//! in JSON with an array of numbers beside it; this crate knows neither the method nor the text.

use super::{Holds, Table, array, run};
use crate::error::{Doing, ProjectError};
use crate::text::{self, Rule};
use crate::time::now_utc_ms;
use rusqlite::{Connection, OptionalExtension, Row, params};

const DOING: &str = "reading results about uncertainty";
const WRITING: &str = "storing a result about uncertainty";
/// The step of the schema that made the table: a file of an older version, open for reading, has
/// no such table and no such results.
const STEP: i64 = 2;

/// Results about the uncertainty of runs.
pub(crate) const RUN_UNCERTAINTY: Table = Table {
    name: "run_uncertainty",
    create: "CREATE TABLE run_uncertainty (
  id INTEGER NOT NULL PRIMARY KEY,
  uuid TEXT NOT NULL UNIQUE,
  run_number INTEGER NOT NULL REFERENCES run (number) ON DELETE CASCADE,
  method TEXT NOT NULL,
  result_json TEXT NOT NULL,
  array_id INTEGER NOT NULL REFERENCES array (id),
  made_utc_ms INTEGER NOT NULL
) STRICT",
    indexes: &[
        "CREATE INDEX run_uncertainty_run ON run_uncertainty (run_number)",
        "CREATE INDEX run_uncertainty_array ON run_uncertainty (array_id)",
    ],
    columns: &[
        ("id", Holds::Integer),
        ("uuid", Holds::Text(Rule::Name)),
        ("run_number", Holds::Integer),
        ("method", Holds::Text(Rule::Name)),
        ("result_json", Holds::Text(Rule::Body)),
        ("array_id", Holds::Integer),
        ("made_utc_ms", Holds::Integer),
    ],
};

/// A result to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct NewUncertainty {
    /// Which method found it, e.g. `nuts`.
    pub method: String,
    /// What it says, in JSON.
    pub result_json: String,
    /// Numbers that the text refers to; NaN where there is none.
    pub numbers: Vec<f64>,
}

/// A stored result, without what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uncertainty {
    /// Its id.
    pub id: String,
    /// Id of the run it is about.
    pub run: String,
    /// Which method found it.
    pub method: String,
    /// When it was stored, milliseconds since 1970 UTC.
    pub made_utc_ms: i64,
}

const SELECT: &str =
    "SELECT run_uncertainty.uuid, run.uuid, method, made_utc_ms, array_id, result_json
     FROM run_uncertainty JOIN run ON run.number = run_uncertainty.run_number";

fn from_row(row: &Row<'_>) -> rusqlite::Result<Uncertainty> {
    Ok(Uncertainty {
        id: row.get(0)?,
        run: row.get(1)?,
        method: row.get(2)?,
        made_utc_ms: row.get(3)?,
    })
}

/// Whether the file is older than the table.
fn absent(conn: &Connection) -> Result<bool, ProjectError> {
    Ok(crate::schema::newest_step(conn)? < STEP)
}

/// Checks that the results of a run read back, with their numbers.
pub(crate) fn verify(conn: &Connection, number: i64) -> Result<(), ProjectError> {
    if absent(conn)? {
        return Ok(());
    }
    let mut statement = conn
        .prepare_cached("SELECT array_id FROM run_uncertainty WHERE run_number = ?1")
        .doing(DOING)?;
    let arrays: Vec<i64> = statement
        .query_map([number], |row| row.get(0))
        .doing(DOING)?
        .collect::<Result<_, _>>()
        .doing(DOING)?;
    arrays.into_iter().try_for_each(|id| array::load_f64(conn, id).map(drop))
}

impl crate::Project {
    /// Stores a result about how sure a run is; returns its id. This is no edit: undo does not
    /// take it back.
    ///
    /// # Errors
    /// When the run is unknown, a text cannot be stored, or the project is read-only.
    pub fn add_uncertainty(
        &mut self,
        run: &str,
        result: &NewUncertainty,
    ) -> Result<String, ProjectError> {
        let id = uuid::Uuid::now_v7().to_string();
        text::check("the name of a method", &result.method, Rule::Name)?;
        text::check("a result about uncertainty", &result.result_json, Rule::Body)?;
        self.change_durably(WRITING, |conn| {
            let number = run::number(conn, run)?;
            let array_id = array::store_f64(conn, &result.numbers, &[result.numbers.len()])?;
            conn.execute(
                "INSERT INTO run_uncertainty (uuid, run_number, method, result_json, array_id, made_utc_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![id, number, result.method, result.result_json, array_id, now_utc_ms()],
            )
            .doing(WRITING)?;
            Ok(())
        })?;
        Ok(id)
    }

    /// Results about a run, oldest first.
    ///
    /// # Errors
    /// When the run is unknown.
    pub fn uncertainties(&self, run: &str) -> Result<Vec<Uncertainty>, ProjectError> {
        let conn = self.read();
        let number = run::number(conn, run)?;
        if absent(conn)? {
            return Ok(Vec::new());
        }
        let sql = format!("{SELECT} WHERE run_number = ?1 ORDER BY run_uncertainty.id");
        let mut statement = conn.prepare_cached(&sql).doing(DOING)?;
        let rows = statement.query_map([number], from_row).doing(DOING)?;
        rows.collect::<Result<_, _>>().doing(DOING)
    }

    /// A result with what it says.
    ///
    /// # Errors
    /// When there is no such result or its numbers are damaged.
    pub fn uncertainty(&self, id: &str) -> Result<(Uncertainty, NewUncertainty), ProjectError> {
        let conn = self.read();
        let unknown = || ProjectError::UnknownUncertainty { id: id.to_string() };
        if absent(conn)? {
            return Err(unknown());
        }
        let (stored, array_id, result_json) = conn
            .prepare_cached(&format!("{SELECT} WHERE run_uncertainty.uuid = ?1"))
            .doing(DOING)?
            .query_row([id], |row| Ok((from_row(row)?, row.get(4)?, row.get(5)?)))
            .optional()
            .doing(DOING)?
            .ok_or_else(unknown)?;
        let numbers = array::load_f64(conn, array_id)?.1;
        let method = stored.method.clone();
        Ok((stored, NewUncertainty { method, result_json, numbers }))
    }

    /// Deletes a result. This is no edit: it cannot be undone.
    ///
    /// # Errors
    /// When there is no such result or the project is read-only.
    pub fn delete_uncertainty(&mut self, id: &str) -> Result<(), ProjectError> {
        self.change("deleting a result about uncertainty", |conn| {
            let array_id: i64 = conn
                .query_row("SELECT array_id FROM run_uncertainty WHERE uuid = ?1", [id], |row| {
                    row.get(0)
                })
                .optional()
                .doing(DOING)?
                .ok_or_else(|| ProjectError::UnknownUncertainty { id: id.to_string() })?;
            conn.execute("DELETE FROM run_uncertainty WHERE uuid = ?1", [id]).doing(WRITING)?;
            array::delete(conn, array_id)
        })
    }
}
