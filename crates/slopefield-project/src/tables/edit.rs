//! `edit`, `edit_change` and `head`: what was changed, in which order, and what is current.
//!
//! An edit is a value: a label and a list of changes, each with the ids before and after. Undo walks
//! the list backwards, redo forwards. It lives in the file, so both work after a restart.

use super::data_table::{self, NewTable};
use super::{Holds, Table, model_text, study};
use crate::error::{Doing, ProjectError};
use crate::text::{Rule, clean_line};
use crate::time::now_utc_ms;
use rusqlite::{Connection, OptionalExtension, params};

const DOING: &str = "reading the edits";
const WRITING: &str = "storing an edit";

/// The one row that says which model and study are current.
pub(crate) const HEAD: Table = Table {
    name: "head",
    create: "CREATE TABLE head (
  id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  model_text_id INTEGER NOT NULL REFERENCES model_text (id),
  study_id INTEGER NOT NULL REFERENCES study (id)
) STRICT",
    indexes: &[],
    columns: &[
        ("id", Holds::Integer),
        ("model_text_id", Holds::Integer),
        ("study_id", Holds::Integer),
    ],
};

/// Steps of undo.
pub(crate) const EDIT: Table = Table {
    name: "edit",
    create: "CREATE TABLE edit (
  id INTEGER NOT NULL PRIMARY KEY,
  label TEXT NOT NULL,
  coalesces INTEGER NOT NULL CHECK (coalesces IN (0, 1)),
  undone INTEGER NOT NULL CHECK (undone IN (0, 1)),
  made_utc_ms INTEGER NOT NULL
) STRICT",
    indexes: &[],
    columns: &[
        ("id", Holds::Integer),
        ("label", Holds::Text(Rule::Line)),
        ("coalesces", Holds::Integer),
        ("undone", Holds::Integer),
        ("made_utc_ms", Holds::Integer),
    ],
};

/// Changes of a step.
pub(crate) const EDIT_CHANGE: Table = Table {
    name: "edit_change",
    create: "CREATE TABLE edit_change (
  edit_id INTEGER NOT NULL REFERENCES edit (id) ON DELETE CASCADE,
  position INTEGER NOT NULL CHECK (position >= 0),
  kind TEXT NOT NULL CHECK (kind IN ('model', 'study', 'add-table', 'remove-table')),
  before_id INTEGER,
  after_id INTEGER,
  PRIMARY KEY (edit_id, position)
) STRICT",
    indexes: &[],
    columns: &[
        ("edit_id", Holds::Integer),
        ("position", Holds::Integer),
        ("kind", Holds::Word(&["model", "study", "add-table", "remove-table"])),
        ("before_id", Holds::Integer),
        ("after_id", Holds::Integer),
    ],
};

/// One change of the project.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Replaces the model text.
    Model(String),
    /// Replaces the study (TOML text).
    Study(String),
    /// Adds a table.
    AddTable(NewTable),
    /// Removes the table of this name.
    RemoveTable(String),
}

/// A pause in typing that is longer begins a new step of undo.
const BURST_MS: i64 = 4000;

/// A stored change: kind, id before, id after.
type Stored = (String, Option<i64>, Option<i64>);

impl crate::Project {
    /// Applies several changes as one step of undo, all or none. Returns whether anything changed:
    /// a text equal to the current one is no change.
    ///
    /// # Errors
    /// When a change is not possible (unknown or taken name, bad text) or the project is read-only.
    pub fn apply(&mut self, label: &str, changes: &[Change]) -> Result<bool, ProjectError> {
        self.apply_step(label, changes, false)
    }

    /// Fills a project that was just created. There is nothing before it that anybody would go back
    /// to, so it is no step of undo.
    ///
    /// # Errors
    /// As for [`Project::apply`](crate::Project::apply).
    pub fn fill(&mut self, changes: &[Change]) -> Result<(), ProjectError> {
        self.change(WRITING, |conn| {
            for change in changes {
                perform(conn, change)?;
            }
            Ok(())
        })
    }

    /// Replaces the model text. With `coalesce`, and when the step before was such an edit too, the
    /// two become one step of undo: use it within one burst of typing.
    ///
    /// # Errors
    /// When the text is too long or holds control characters, or the project is read-only.
    pub fn apply_model(
        &mut self,
        text: &str,
        label: &str,
        coalesce: bool,
    ) -> Result<(), ProjectError> {
        self.apply_step(label, &[Change::Model(text.to_string())], coalesce).map(drop)
    }

    /// Replaces the study (TOML text).
    ///
    /// # Errors
    /// As for [`Project::apply_model`](crate::Project::apply_model).
    pub fn apply_study(&mut self, text: &str, label: &str) -> Result<(), ProjectError> {
        self.apply(label, &[Change::Study(text.to_string())]).map(drop)
    }

    /// Adds a table.
    ///
    /// # Errors
    /// When the name is taken or columns differ in length, or the project is read-only.
    pub fn add_table(&mut self, table: NewTable) -> Result<(), ProjectError> {
        let label = format!("add table {}", table.name);
        self.apply(&label, &[Change::AddTable(table)]).map(drop)
    }

    /// Removes a table. Undo brings it back; runs keep what they were trained on.
    ///
    /// # Errors
    /// When there is no such table or the project is read-only.
    pub fn remove_table(&mut self, name: &str) -> Result<(), ProjectError> {
        self.apply(&format!("remove table {name}"), &[Change::RemoveTable(name.to_string())])
            .map(drop)
    }

    fn apply_step(
        &mut self,
        label: &str,
        changes: &[Change],
        coalesce: bool,
    ) -> Result<bool, ProjectError> {
        self.change(WRITING, |conn| {
            if coalesce
                && let [Change::Model(text)] = changes
                && coalesce_model(conn, text)?
            {
                return Ok(true);
            }
            let mut stored: Vec<Stored> = Vec::new();
            for change in changes {
                stored.extend(perform(conn, change)?);
            }
            if stored.is_empty() {
                return Ok(false);
            }
            conn.execute("DELETE FROM edit WHERE undone = 1", []).doing(WRITING)?;
            conn.execute(
                "INSERT INTO edit (label, coalesces, undone, made_utc_ms) VALUES (?1, ?2, 0, ?3)",
                params![clean_line(label), coalesce, now_utc_ms()],
            )
            .doing(WRITING)?;
            let edit_id = conn.last_insert_rowid();
            for (position, (kind, before, after)) in stored.iter().enumerate() {
                conn.execute(
                    "INSERT INTO edit_change (edit_id, position, kind, before_id, after_id)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![edit_id, position as i64, kind, before, after],
                )
                .doing(WRITING)?;
            }
            Ok(true)
        })
    }

    /// Takes back the last edit. Returns its label, `None` when there is nothing to undo.
    ///
    /// # Errors
    /// When the project is read-only or the file cannot be written.
    pub fn undo(&mut self) -> Result<Option<String>, ProjectError> {
        if self.undo_label()?.is_none() {
            return Ok(None);
        }
        self.change("undoing", |conn| {
            let Some((id, label)) = next_undo(conn)? else { return Ok(None) };
            for (kind, before, after) in changes_of(conn, id)?.iter().rev() {
                revert(conn, kind, *before, *after)?;
            }
            mark(conn, id, true)?;
            Ok(Some(label))
        })
    }

    /// Does the last undone edit again. Returns its label, `None` when there is nothing to redo.
    ///
    /// # Errors
    /// When the project is read-only or the file cannot be written.
    pub fn redo(&mut self) -> Result<Option<String>, ProjectError> {
        if self.redo_label()?.is_none() {
            return Ok(None);
        }
        self.change("redoing", |conn| {
            let Some((id, label)) = next_redo(conn)? else { return Ok(None) };
            for (kind, before, after) in &changes_of(conn, id)? {
                // Doing a change is undoing its mirror image.
                revert(conn, kind, *after, *before)?;
            }
            mark(conn, id, false)?;
            Ok(Some(label))
        })
    }

    /// What [`undo`](crate::Project::undo) would take back.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn undo_label(&self) -> Result<Option<String>, ProjectError> {
        Ok(next_undo(self.read())?.map(|(_, label)| label))
    }

    /// What [`redo`](crate::Project::redo) would do again.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn redo_label(&self) -> Result<Option<String>, ProjectError> {
        Ok(next_redo(self.read())?.map(|(_, label)| label))
    }
}

/// Performs one change; `None` when it changes nothing.
fn perform(conn: &Connection, change: &Change) -> Result<Option<Stored>, ProjectError> {
    match change {
        Change::Model(text) => {
            let (model, _) = head(conn)?;
            if text_is(conn, "SELECT text = ?2 FROM model_text WHERE id = ?1", model, text)? {
                return Ok(None);
            }
            let id = model_text::insert(conn, text)?;
            set_head(conn, "model", id)?;
            Ok(Some(("model".into(), Some(model), Some(id))))
        }
        Change::Study(toml) => {
            let (_, current) = head(conn)?;
            if text_is(conn, "SELECT toml = ?2 FROM study WHERE id = ?1", current, toml)? {
                return Ok(None);
            }
            let id = study::insert(conn, toml)?;
            set_head(conn, "study", id)?;
            Ok(Some(("study".into(), Some(current), Some(id))))
        }
        Change::AddTable(table) => {
            let id = data_table::insert(conn, table)?;
            Ok(Some(("add-table".into(), None, Some(id))))
        }
        Change::RemoveTable(name) => {
            let id = data_table::present_id(conn, name)?
                .ok_or_else(|| ProjectError::UnknownTable { name: name.clone() })?;
            data_table::set_present(conn, id, false)?;
            Ok(Some(("remove-table".into(), Some(id), None)))
        }
    }
}

/// Goes from `after` back to `before`.
fn revert(
    conn: &Connection,
    kind: &str,
    before: Option<i64>,
    after: Option<i64>,
) -> Result<(), ProjectError> {
    match kind {
        "model" | "study" => match before {
            Some(id) => set_head(conn, kind, id),
            None => Err(ProjectError::Damaged { finding: "an edit has no text before it".into() }),
        },
        _ => {
            if let Some(id) = after {
                data_table::set_present(conn, id, false)?;
            }
            if let Some(id) = before {
                data_table::set_present(conn, id, true)?;
            }
            Ok(())
        }
    }
}

/// Writes `text` into the version that the burst of typing before made, when there is one.
fn coalesce_model(conn: &Connection, text: &str) -> Result<bool, ProjectError> {
    if next_redo(conn)?.is_some() {
        return Ok(false);
    }
    let Some((id, _)) = next_undo(conn)? else { return Ok(false) };
    let coalesces: bool = conn
        .query_row(
            "SELECT coalesces AND made_utc_ms >= ?2 FROM edit WHERE id = ?1",
            params![id, now_utc_ms() - BURST_MS],
            |row| row.get(0),
        )
        .doing(DOING)?;
    match changes_of(conn, id)?.as_slice() {
        [(kind, Some(_), Some(after))] if kind == "model" && coalesces => {
            model_text::replace(conn, *after, text)?;
            conn.execute(
                "UPDATE edit SET made_utc_ms = ?2 WHERE id = ?1",
                params![id, now_utc_ms()],
            )
            .doing(WRITING)?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Sets the first model and study of a new file.
pub(crate) fn insert_head(conn: &Connection) -> Result<(), ProjectError> {
    let model = model_text::insert(conn, "")?;
    let study = study::insert(conn, "")?;
    conn.execute(
        "INSERT INTO head (id, model_text_id, study_id) VALUES (1, ?1, ?2)",
        [model, study],
    )
    .doing("creating the project")?;
    Ok(())
}

fn head(conn: &Connection) -> Result<(i64, i64), ProjectError> {
    conn.query_row("SELECT model_text_id, study_id FROM head WHERE id = 1", [], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })
    .doing(DOING)
}

fn set_head(conn: &Connection, kind: &str, id: i64) -> Result<(), ProjectError> {
    let sql = if kind == "model" {
        "UPDATE head SET model_text_id = ?1 WHERE id = 1"
    } else {
        "UPDATE head SET study_id = ?1 WHERE id = 1"
    };
    conn.execute(sql, [id]).doing(WRITING)?;
    Ok(())
}

fn text_is(conn: &Connection, sql: &str, id: i64, text: &str) -> Result<bool, ProjectError> {
    conn.query_row(sql, params![id, text], |row| row.get(0)).doing(DOING)
}

fn next_undo(conn: &Connection) -> Result<Option<(i64, String)>, ProjectError> {
    conn.query_row(
        "SELECT id, label FROM edit WHERE undone = 0 ORDER BY id DESC LIMIT 1",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
    .optional()
    .doing(DOING)
}

fn next_redo(conn: &Connection) -> Result<Option<(i64, String)>, ProjectError> {
    conn.query_row("SELECT id, label FROM edit WHERE undone = 1 ORDER BY id LIMIT 1", [], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })
    .optional()
    .doing(DOING)
}

fn changes_of(conn: &Connection, edit_id: i64) -> Result<Vec<Stored>, ProjectError> {
    let mut statement = conn
        .prepare_cached(
            "SELECT kind, before_id, after_id FROM edit_change WHERE edit_id = ?1 ORDER BY position",
        )
        .doing(DOING)?;
    let rows = statement
        .query_map([edit_id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .doing(DOING)?;
    rows.collect::<Result<_, _>>().doing(DOING)
}

fn mark(conn: &Connection, id: i64, undone: bool) -> Result<(), ProjectError> {
    conn.execute("UPDATE edit SET undone = ?2 WHERE id = ?1", params![id, undone])
        .doing(WRITING)?;
    Ok(())
}
