//! A look at a project file from outside.

use crate::connect::pragma;
use crate::error::{Doing, ProjectError};
use crate::identify::{self, MAX_FILE_BYTES};
use crate::project::{quiet_link, write_version};
use crate::registry;
use crate::tables::meta;
use rusqlite::Connection;
use std::path::{Path, PathBuf};

/// What a project file says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectInfo {
    /// The file.
    pub path: PathBuf,
    /// Its size, without a log beside it.
    pub bytes: u64,
    /// Bytes that `compact` could give back at least.
    pub free_bytes: u64,
    /// Title, when one was set.
    pub title: Option<String>,
    /// Identity of the project.
    pub project_uuid: String,
    /// Version needed for reading.
    pub reader_version: i64,
    /// Version needed for writing.
    pub write_version: i64,
    /// Program that created it.
    pub created_by: String,
    /// Program that last wrote it.
    pub last_written_by: String,
    /// It was not closed properly; opening it will recover it.
    pub unclean: bool,
    /// Kept versions of the model.
    pub model_versions: u64,
    /// Tables.
    pub tables: u64,
    /// Runs.
    pub runs: u64,
    /// Checkpoints.
    pub checkpoints: u64,
    /// Steps that can be undone.
    pub edits: u64,
}

/// Reads what a project file says about itself, without changing it.
///
/// # Errors
/// When it is no project, or is open for writing.
pub fn info(path: impl AsRef<Path>) -> Result<ProjectInfo, ProjectError> {
    let path = identify::absolute(path.as_ref())?;
    registry::check(&path)?;
    let header = identify::identify(&path, MAX_FILE_BYTES)?;
    let (link, _private) = quiet_link(&path, &header)?;
    let conn = link.conn();
    let said = |key: &str| -> Result<String, ProjectError> {
        Ok(meta::get(conn, key)?.unwrap_or_default())
    };
    let free_pages = pragma(conn, "freelist_count")?.unwrap_or(0).unsigned_abs();
    let page_bytes = pragma(conn, "page_size")?.unwrap_or(0).unsigned_abs();
    Ok(ProjectInfo {
        bytes: header.bytes,
        free_bytes: free_pages * page_bytes,
        title: meta::get(conn, "title")?,
        project_uuid: said("project_uuid")?,
        reader_version: pragma(conn, "user_version")?.unwrap_or(0),
        write_version: write_version(conn)?,
        created_by: said("created_by")?,
        last_written_by: said("last_written_by")?,
        unclean: header.unclean(),
        model_versions: count(conn, "SELECT count(*) FROM model_text")?,
        tables: count(conn, "SELECT count(*) FROM data_table WHERE present = 1")?,
        runs: count(conn, "SELECT count(*) FROM run")?,
        checkpoints: count(conn, "SELECT count(*) FROM checkpoint")?,
        edits: count(conn, "SELECT count(*) FROM edit WHERE undone = 0")?,
        path,
    })
}

fn count(conn: &Connection, sql: &str) -> Result<u64, ProjectError> {
    conn.query_row(sql, [], |row| row.get::<_, i64>(0))
        .doing("counting what the file holds")
        .map(i64::unsigned_abs)
}
