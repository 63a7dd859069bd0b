//! `run`, `run_fact`, `run_data`: one training each, with everything that made it what it is.
//!
//! A run freezes the texts, the seed, the versions and the data it was started with; later edits do
//! not reach it. Its history, notes, checkpoints, parameters and curves are tables of their own.

use super::checkpoint::{self, Checkpoint};
use super::data_table::{self, StoredTable};
use super::{Holds, Table, array, parameters, run_note};
use crate::error::{Doing, ProjectError};
use crate::text::{self, Rule, clean_line};
use crate::time::now_utc_ms;
use rusqlite::{Connection, OptionalExtension, Row, params};

const DOING: &str = "reading the runs";
const WRITING: &str = "storing a run";

/// Runs.
pub(crate) const RUN: Table = Table {
    name: "run",
    create: "CREATE TABLE run (
  number INTEGER NOT NULL PRIMARY KEY,
  uuid TEXT NOT NULL UNIQUE,
  status TEXT NOT NULL CHECK (status IN
    ('running', 'paused', 'finished', 'stopped', 'interrupted', 'failed')),
  stop_reason TEXT,
  model_text TEXT NOT NULL,
  study_toml TEXT NOT NULL,
  seed TEXT NOT NULL,
  iterations INTEGER NOT NULL CHECK (iterations >= 0),
  best_loss REAL,
  log_likelihood REAL,
  hold_out_loss REAL,
  seconds REAL NOT NULL,
  started_utc_ms INTEGER NOT NULL
) STRICT",
    indexes: &[],
    columns: &[
        ("number", Holds::Integer),
        ("uuid", Holds::Text(Rule::Name)),
        (
            "status",
            Holds::Word(&["running", "paused", "finished", "stopped", "interrupted", "failed"]),
        ),
        ("stop_reason", Holds::Text(Rule::Line)),
        ("model_text", Holds::Text(Rule::Body)),
        ("study_toml", Holds::Text(Rule::Body)),
        ("seed", Holds::Text(Rule::Name)),
        ("iterations", Holds::Integer),
        ("best_loss", Holds::AnyReal),
        ("log_likelihood", Holds::AnyReal),
        ("hold_out_loss", Holds::AnyReal),
        ("seconds", Holds::Real),
        ("started_utc_ms", Holds::Integer),
    ],
};

/// Versions, plugin hashes and settings of runs.
pub(crate) const RUN_FACT: Table = Table {
    name: "run_fact",
    create: "CREATE TABLE run_fact (
  run_number INTEGER NOT NULL REFERENCES run (number) ON DELETE CASCADE,
  position INTEGER NOT NULL CHECK (position >= 0),
  kind TEXT NOT NULL CHECK (kind IN ('version', 'plugin', 'setting')),
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (run_number, position)
) STRICT",
    indexes: &[],
    columns: &[
        ("run_number", Holds::Integer),
        ("position", Holds::Integer),
        ("kind", Holds::Word(&["version", "plugin", "setting"])),
        ("name", Holds::Text(Rule::Name)),
        ("value", Holds::Text(Rule::Line)),
    ],
};

/// Tables a run was trained on.
pub(crate) const RUN_DATA: Table = Table {
    name: "run_data",
    create: "CREATE TABLE run_data (
  run_number INTEGER NOT NULL REFERENCES run (number) ON DELETE CASCADE,
  name TEXT NOT NULL,
  table_id INTEGER NOT NULL REFERENCES data_table (id),
  content_blake3 TEXT NOT NULL,
  PRIMARY KEY (run_number, name)
) STRICT",
    indexes: &["CREATE INDEX run_data_table ON run_data (table_id)"],
    columns: &[
        ("run_number", Holds::Integer),
        ("name", Holds::Text(Rule::Name)),
        ("table_id", Holds::Integer),
        ("content_blake3", Holds::Text(Rule::Name)),
    ],
};

/// State of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunStatus {
    /// Training goes on.
    Running,
    /// Held by the user.
    Paused,
    /// Ended by its own rule.
    Finished,
    /// Ended by the user; the best so far was kept.
    Stopped,
    /// The program ended while it ran; it can go on from its last checkpoint.
    Interrupted,
    /// Ended by an error.
    Failed,
}

impl RunStatus {
    /// The word in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            RunStatus::Running => "running",
            RunStatus::Paused => "paused",
            RunStatus::Finished => "finished",
            RunStatus::Stopped => "stopped",
            RunStatus::Interrupted => "interrupted",
            RunStatus::Failed => "failed",
        }
    }

    fn parse(word: &str) -> Result<Self, ProjectError> {
        Ok(match word {
            "running" => RunStatus::Running,
            "paused" => RunStatus::Paused,
            "finished" => RunStatus::Finished,
            "stopped" => RunStatus::Stopped,
            "interrupted" => RunStatus::Interrupted,
            "failed" => RunStatus::Failed,
            other => {
                return Err(ProjectError::Damaged {
                    finding: format!("a run has the unknown status `{other}`"),
                });
            }
        })
    }
}

/// What a fact of a run is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactKind {
    /// Version of a part of the program.
    Version,
    /// Hash of a plugin.
    Plugin,
    /// A setting as it was used.
    Setting,
}

impl FactKind {
    fn as_str(self) -> &'static str {
        match self {
            FactKind::Version => "version",
            FactKind::Plugin => "plugin",
            FactKind::Setting => "setting",
        }
    }

    fn parse(word: &str) -> Self {
        match word {
            "version" => FactKind::Version,
            "plugin" => FactKind::Plugin,
            _ => FactKind::Setting,
        }
    }
}

/// Something to know about how a run was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What it is about.
    pub kind: FactKind,
    /// Name, e.g. `slopefield`, `org.example.rodas`, `rtol`.
    pub name: String,
    /// Value, e.g. `0.1.0`, a hash, `1e-6`.
    pub value: String,
}

/// A run to start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewRun {
    /// Model text it trains.
    pub model_text: String,
    /// Study it follows, TOML text.
    pub study_text: String,
    /// Seed of every random number.
    pub seed: u64,
    /// Names of the tables it is trained on.
    pub tables: Vec<String>,
    /// Versions, plugin hashes, settings.
    pub facts: Vec<Fact>,
}

/// A run in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Id, a UUID whose order is the order of starting.
    pub id: String,
    /// Number shown to people, from 1; never used twice while the run exists.
    pub number: u32,
    /// State.
    pub status: RunStatus,
    /// Why it ended.
    pub stop_reason: Option<String>,
    /// Iterations done.
    pub iterations: u32,
    /// Best training loss.
    pub best_loss: Option<f64>,
    /// Log-likelihood of the training data.
    pub log_likelihood: Option<f64>,
    /// Loss per point on the hold-out.
    pub hold_out: Option<f64>,
    /// Seconds spent.
    pub seconds: f64,
    /// When it began, milliseconds since 1970 UTC.
    pub started_utc_ms: i64,
    /// It has a checkpoint and its status allows to go on from it.
    pub resumable: bool,
}

/// A run with what was frozen at its start.
#[derive(Debug, Clone, PartialEq)]
pub struct RunDetail {
    /// The line in the list.
    pub run: Run,
    /// Model text it was trained with.
    pub model_text: String,
    /// Study it was trained with, TOML text.
    pub study_text: String,
    /// Seed.
    pub seed: u64,
    /// Tables by name, with the hash of their content.
    pub tables: Vec<(String, String)>,
    /// Versions, plugin hashes, settings.
    pub facts: Vec<Fact>,
}

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RunState {
    /// Iterations done.
    pub iterations: u32,
    /// Best training loss.
    pub best_loss: Option<f64>,
    /// Log-likelihood of the training data at the best parameters.
    pub log_likelihood: Option<f64>,
    /// Loss per point on the hold-out at the best parameters.
    pub hold_out: Option<f64>,
    /// Seconds spent over all its sessions.
    pub seconds: f64,
}

const LIST: &str =
    "SELECT number, uuid, status, stop_reason, iterations, best_loss, log_likelihood,
  hold_out_loss, seconds, started_utc_ms,
  EXISTS (SELECT 1 FROM checkpoint WHERE checkpoint.run_number = run.number) FROM run";

fn from_row(row: &Row<'_>) -> rusqlite::Result<(String, Run)> {
    let word: String = row.get(2)?;
    let has_checkpoint: bool = row.get(10)?;
    let run = Run {
        number: row.get(0)?,
        id: row.get(1)?,
        status: RunStatus::Failed,
        stop_reason: row.get(3)?,
        iterations: row.get(4)?,
        best_loss: row.get(5)?,
        log_likelihood: row.get(6)?,
        hold_out: row.get(7)?,
        seconds: row.get(8)?,
        started_utc_ms: row.get(9)?,
        resumable: has_checkpoint,
    };
    Ok((word, run))
}

fn with_status((word, mut run): (String, Run)) -> Result<Run, ProjectError> {
    run.status = RunStatus::parse(&word)?;
    run.resumable &=
        matches!(run.status, RunStatus::Interrupted | RunStatus::Stopped | RunStatus::Failed);
    Ok(run)
}

/// Number of the run with this id.
pub(crate) fn number(conn: &Connection, id: &str) -> Result<i64, ProjectError> {
    conn.prepare_cached("SELECT number FROM run WHERE uuid = ?1")
        .doing(DOING)?
        .query_row([id], |row| row.get(0))
        .optional()
        .doing(DOING)?
        .ok_or_else(|| ProjectError::UnknownRun { id: id.to_string() })
}

/// Marks runs that nobody runs any more: after a crash, and when a project is closed under them.
pub(crate) fn mark_interrupted(conn: &Connection, reason: &str) -> Result<usize, ProjectError> {
    conn.execute(
        "UPDATE run SET status = 'interrupted', stop_reason = ?1 WHERE status IN ('running', 'paused')",
        [reason],
    )
    .doing("marking interrupted runs")
}

/// Some run is marked as going on.
pub(crate) fn any_running(conn: &Connection) -> Result<bool, ProjectError> {
    conn.query_row(
        "SELECT EXISTS (SELECT 1 FROM run WHERE status IN ('running', 'paused'))",
        [],
        |row| row.get(0),
    )
    .doing(DOING)
}

/// Reads a run with what was frozen at its start.
fn detail(conn: &Connection, number: i64) -> Result<RunDetail, ProjectError> {
    let run =
        conn.query_row(&format!("{LIST} WHERE number = ?1"), [number], from_row).doing(DOING)?;
    let (model_text, study_text, seed): (String, String, String) = conn
        .query_row(
            "SELECT model_text, study_toml, seed FROM run WHERE number = ?1",
            [number],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .doing(DOING)?;
    let seed = seed.parse().map_err(|_| ProjectError::Damaged {
        finding: format!("run {number} has the seed `{}`", clean_line(&seed)),
    })?;
    let mut facts = conn
        .prepare_cached(
            "SELECT kind, name, value FROM run_fact WHERE run_number = ?1 ORDER BY position",
        )
        .doing(DOING)?;
    let facts = facts
        .query_map([number], |row| {
            let kind: String = row.get(0)?;
            Ok(Fact { kind: FactKind::parse(&kind), name: row.get(1)?, value: row.get(2)? })
        })
        .doing(DOING)?
        .collect::<Result<_, _>>()
        .doing(DOING)?;
    let mut tables = conn
        .prepare_cached(
            "SELECT name, content_blake3 FROM run_data WHERE run_number = ?1 ORDER BY name",
        )
        .doing(DOING)?;
    let tables = tables
        .query_map([number], |row| Ok((row.get(0)?, row.get(1)?)))
        .doing(DOING)?
        .collect::<Result<_, _>>()
        .doing(DOING)?;
    Ok(RunDetail { run: with_status(run)?, model_text, study_text, seed, tables, facts })
}

/// Checks that a run reads back whole: its frozen texts and facts, the tables it was trained on,
/// and what it found.
pub(crate) fn verify(conn: &Connection, number: i64) -> Result<(), ProjectError> {
    for (name, hash) in detail(conn, number)?.tables {
        // The content of each table is compared with the table's own hash by `data_table::verify`.
        let stored: String = conn
            .prepare_cached(
                "SELECT data_table.content_blake3 FROM run_data
                 JOIN data_table ON data_table.id = run_data.table_id
                 WHERE run_data.run_number = ?1 AND run_data.name = ?2",
            )
            .doing(DOING)?
            .query_row(params![number, name], |row| row.get(0))
            .doing(DOING)?;
        if stored != hash {
            return Err(other_table(&name, number));
        }
    }
    run_note::load(conn, number)?;
    checkpoint::newest_valid(conn, number)?;
    parameters::verify(conn, number)
}

fn other_table(name: &str, number: i64) -> ProjectError {
    ProjectError::Damaged {
        finding: format!("table `{name}` is not the one run {number} was trained on"),
    }
}

impl crate::Project {
    /// Starts a run and returns its id. The texts are frozen as given, the tables as stored now.
    ///
    /// # Errors
    /// When a table is unknown, a text is not storable, or the project is read-only.
    pub fn start_run(&mut self, run: &NewRun) -> Result<String, ProjectError> {
        text::check("the model text", &run.model_text, Rule::Body)?;
        text::check("the study", &run.study_text, Rule::Body)?;
        let id = uuid::Uuid::now_v7().to_string();
        self.change(WRITING, |conn| {
            // max+1 over all rows: a number is not given again while a later run exists.
            conn.execute(
                "INSERT INTO run (number, uuid, status, model_text, study_toml, seed, iterations,
                   seconds, started_utc_ms)
                 VALUES ((SELECT coalesce(max(number), 0) + 1 FROM run), ?1, 'running', ?2, ?3, ?4, 0, 0.0, ?5)",
                params![id, run.model_text, run.study_text, run.seed.to_string(), now_utc_ms()],
            )
            .doing(WRITING)?;
            let number = conn.last_insert_rowid();
            for (position, fact) in run.facts.iter().enumerate() {
                text::check("the name of a fact", &fact.name, Rule::Name)?;
                conn.execute(
                    "INSERT INTO run_fact (run_number, position, kind, name, value) VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![
                        number,
                        position as i64,
                        fact.kind.as_str(),
                        fact.name,
                        clean_line(&fact.value)
                    ],
                )
                .doing(WRITING)?;
            }
            for name in &run.tables {
                let table_id = data_table::present_id(conn, name)?
                    .ok_or_else(|| ProjectError::UnknownTable { name: name.clone() })?;
                conn.execute(
                    "INSERT INTO run_data (run_number, name, table_id, content_blake3)
                     SELECT ?1, name, id, content_blake3 FROM data_table WHERE id = ?2",
                    params![number, table_id],
                )
                .doing(WRITING)?;
            }
            Ok(())
        })?;
        Ok(id)
    }

    /// All runs, newest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn runs(&self) -> Result<Vec<Run>, ProjectError> {
        let mut statement =
            self.read().prepare_cached(&format!("{LIST} ORDER BY number DESC")).doing(DOING)?;
        let rows: Vec<(String, Run)> = statement
            .query_map([], from_row)
            .doing(DOING)?
            .collect::<Result<_, _>>()
            .doing(DOING)?;
        rows.into_iter().map(with_status).collect()
    }

    /// One run with what was frozen at its start.
    ///
    /// # Errors
    /// When there is no such run.
    pub fn run(&self, id: &str) -> Result<RunDetail, ProjectError> {
        let conn = self.read();
        detail(conn, number(conn, id)?)
    }

    /// A table as it was when the run started, even if the project removed it since.
    ///
    /// # Errors
    /// When the run or the table is unknown, or its content is damaged.
    pub fn run_table(&self, id: &str, name: &str) -> Result<StoredTable, ProjectError> {
        let conn = self.read();
        let number = number(conn, id)?;
        let (table_id, hash): (i64, String) = conn
            .query_row(
                "SELECT table_id, content_blake3 FROM run_data WHERE run_number = ?1 AND name = ?2",
                params![number, name],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()
            .doing(DOING)?
            .ok_or_else(|| ProjectError::UnknownTable { name: name.to_string() })?;
        let table = data_table::load(conn, table_id)?;
        if data_table::content_hash(&table.columns) != hash {
            return Err(other_table(name, number));
        }
        Ok(table)
    }

    /// Stores where a run is. Cheap; call it with each batch of history.
    ///
    /// # Errors
    /// When there is no such run or the project is read-only.
    pub fn set_run_state(&mut self, id: &str, state: &RunState) -> Result<(), ProjectError> {
        self.change(WRITING, |conn| update_state(conn, number(conn, id)?, state))
    }

    /// Stores that a run is held or goes on.
    ///
    /// # Errors
    /// When there is no such run or the project is read-only.
    pub fn set_run_status(&mut self, id: &str, status: RunStatus) -> Result<(), ProjectError> {
        self.change(WRITING, |conn| {
            let number = number(conn, id)?;
            conn.execute(
                "UPDATE run SET status = ?2 WHERE number = ?1",
                params![number, status.as_str()],
            )
            .doing(WRITING)?;
            Ok(())
        })
    }

    /// Ends a run: status, reason and final figures in one step.
    ///
    /// # Errors
    /// When there is no such run or the project is read-only.
    pub fn finish_run(
        &mut self,
        id: &str,
        status: RunStatus,
        stop_reason: &str,
        state: &RunState,
    ) -> Result<(), ProjectError> {
        self.change(WRITING, |conn| {
            let number = number(conn, id)?;
            update_state(conn, number, state)?;
            conn.execute(
                "UPDATE run SET status = ?2, stop_reason = ?3 WHERE number = ?1",
                params![number, status.as_str(), clean_line(stop_reason)],
            )
            .doing(WRITING)?;
            Ok(())
        })
    }

    /// Goes on with a run: marks it running, forgets history and notes after its newest valid
    /// checkpoint, and returns that checkpoint.
    ///
    /// # Errors
    /// When there is no such run, it has no valid checkpoint, or the project is read-only.
    pub fn resume_run(&mut self, id: &str) -> Result<Checkpoint, ProjectError> {
        self.change("going on with a run", |conn| {
            let number = number(conn, id)?;
            let newest = checkpoint::newest_valid(conn, number)?;
            let newest = newest.ok_or_else(|| ProjectError::NoCheckpoint { id: id.to_string() })?;
            for sql in [
                "DELETE FROM run_history WHERE run_number = ?1 AND iteration > ?2",
                "DELETE FROM run_note WHERE run_number = ?1 AND iteration > ?2",
                "UPDATE run SET status = 'running', stop_reason = NULL, iterations = ?2 WHERE number = ?1",
            ] {
                conn.execute(sql, params![number, newest.iteration]).doing(WRITING)?;
            }
            Ok(newest)
        })
    }

    /// Deletes a run with everything that belongs to it. This is no edit: it cannot be undone.
    ///
    /// # Errors
    /// When there is no such run or the project is read-only.
    pub fn delete_run(&mut self, id: &str) -> Result<(), ProjectError> {
        self.change("deleting a run", |conn| {
            let number = number(conn, id)?;
            conn.execute("DELETE FROM run WHERE number = ?1", [number]).doing(WRITING)?;
            array::delete_orphans(conn)?;
            Ok(())
        })
    }
}

fn update_state(conn: &Connection, number: i64, state: &RunState) -> Result<(), ProjectError> {
    conn.prepare_cached(
        "UPDATE run SET iterations = ?2, best_loss = ?3, log_likelihood = ?4, hold_out_loss = ?5,
           seconds = ?6 WHERE number = ?1",
    )
    .doing(WRITING)?
    .execute(params![
        number,
        state.iterations,
        state.best_loss,
        state.log_likelihood,
        state.hold_out,
        if state.seconds.is_finite() { state.seconds } else { 0.0 }
    ])
    .doing(WRITING)?;
    Ok(())
}
