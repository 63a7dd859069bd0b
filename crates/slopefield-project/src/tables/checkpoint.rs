//! `checkpoint`: everything a training needs to go on, as bytes this crate does not look into.
//!
//! The newest three of each run are kept. A checkpoint is written with `synchronous=FULL`: after
//! `append_checkpoint` returns it survives a power cut, not only the death of the process.

use super::{Holds, Table, array, run};
use crate::error::{Doing, ProjectError};
use crate::time::now_utc_ms;
use rusqlite::{Connection, params};

const DOING: &str = "reading the checkpoints";
/// How many checkpoints of a run are kept.
pub const CHECKPOINTS_KEPT: u32 = 3;

/// Checkpoints.
pub(crate) const CHECKPOINT: Table = Table {
    name: "checkpoint",
    create: "CREATE TABLE checkpoint (
  id INTEGER NOT NULL PRIMARY KEY,
  run_number INTEGER NOT NULL REFERENCES run (number) ON DELETE CASCADE,
  iteration INTEGER NOT NULL CHECK (iteration >= 0),
  array_id INTEGER NOT NULL REFERENCES array (id),
  made_utc_ms INTEGER NOT NULL
) STRICT",
    indexes: &[
        "CREATE INDEX checkpoint_run ON checkpoint (run_number, id)",
        "CREATE INDEX checkpoint_array ON checkpoint (array_id)",
    ],
    columns: &[
        ("id", Holds::Integer),
        ("run_number", Holds::Integer),
        ("iteration", Holds::Integer),
        ("array_id", Holds::Integer),
        ("made_utc_ms", Holds::Integer),
    ],
};

/// State of a training.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Iteration it was taken after.
    pub iteration: u32,
    /// The state.
    pub bytes: Vec<u8>,
    /// When it was taken, milliseconds since 1970 UTC.
    pub made_utc_ms: i64,
}

/// The newest checkpoint of a run whose bytes match their checksums.
pub(crate) fn newest_valid(
    conn: &Connection,
    number: i64,
) -> Result<Option<Checkpoint>, ProjectError> {
    let mut statement = conn
        .prepare_cached(
            "SELECT iteration, array_id, made_utc_ms FROM checkpoint WHERE run_number = ?1 ORDER BY id DESC",
        )
        .doing(DOING)?;
    let heads: Vec<(u32, i64, i64)> = statement
        .query_map([number], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .doing(DOING)?
        .collect::<Result<_, _>>()
        .doing(DOING)?;
    for (iteration, array_id, made_utc_ms) in heads {
        match array::load_bytes(conn, array_id) {
            Ok(bytes) => return Ok(Some(Checkpoint { iteration, bytes, made_utc_ms })),
            // A damaged one is passed over: the one before it is why several are kept.
            Err(ProjectError::Damaged { .. }) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(None)
}

/// Deletes all but the newest `keep` checkpoints of a run.
pub(crate) fn prune(conn: &Connection, number: i64, keep: u32) -> Result<usize, ProjectError> {
    const DOING: &str = "deleting old checkpoints";
    let mut statement = conn
        .prepare_cached(
            "SELECT id, array_id FROM checkpoint WHERE run_number = ?1 ORDER BY id DESC LIMIT -1 OFFSET ?2",
        )
        .doing(DOING)?;
    let old: Vec<(i64, i64)> = statement
        .query_map(params![number, keep], |row| Ok((row.get(0)?, row.get(1)?)))
        .doing(DOING)?
        .collect::<Result<_, _>>()
        .doing(DOING)?;
    for (id, array_id) in &old {
        conn.execute("DELETE FROM checkpoint WHERE id = ?1", [id]).doing(DOING)?;
        array::delete(conn, *array_id)?;
    }
    Ok(old.len())
}

impl crate::Project {
    /// Stores a checkpoint durably and deletes the oldest beyond [`CHECKPOINTS_KEPT`].
    ///
    /// # Errors
    /// When the run is unknown, the bytes are too many, or the project is read-only.
    pub fn append_checkpoint(
        &mut self,
        id: &str,
        iteration: u32,
        bytes: &[u8],
    ) -> Result<(), ProjectError> {
        self.change_durably("storing a checkpoint", |conn| {
            let number = run::number(conn, id)?;
            let array_id = array::store_bytes(conn, bytes)?;
            conn.execute(
                "INSERT INTO checkpoint (run_number, iteration, array_id, made_utc_ms) VALUES (?1, ?2, ?3, ?4)",
                params![number, iteration, array_id, now_utc_ms()],
            )
            .doing("storing a checkpoint")?;
            prune(conn, number, CHECKPOINTS_KEPT)?;
            Ok(())
        })
    }

    /// The newest checkpoint of a run whose bytes match their checksums.
    ///
    /// # Errors
    /// When the run is unknown.
    pub fn newest_checkpoint(&self, id: &str) -> Result<Option<Checkpoint>, ProjectError> {
        let conn = self.read();
        newest_valid(conn, run::number(conn, id)?)
    }
}
