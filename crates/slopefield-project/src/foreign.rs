//! First contact with a file from somebody else: checked, then copied row by row into a fresh one.
//!
//! The original is never written, and what is edited afterwards is a file this program made. That
//! removes whole classes of attack on the database engine and repairs fragmentation on the way.

use crate::connect::{Access, Link};
use crate::error::{Doing, ProjectError};
use crate::identify::{self, MAX_FOREIGN_BYTES, WRITE_VERSION};
use crate::private::PrivateFolder;
use crate::project::{self, Project, create_file, quiet_link};
use crate::registry;
use crate::schema::{self, Agreement};
use crate::tables::Table;
use crate::verify::{self, Pages};
use rusqlite::Connection;
use std::fs;
use std::path::Path;

impl Project {
    /// Opens a project of unknown origin: imports it into a private temporary file and opens that.
    /// Save it somewhere with [`save_as`](Project::save_as).
    ///
    /// # Errors
    /// When the file is no project, is damaged, holds anything a project never holds, or comes from
    /// a newer version.
    pub fn open_foreign(path: impl AsRef<Path>) -> Result<Project, ProjectError> {
        let folder = PrivateFolder::new()?;
        let copy = folder.path_like(path.as_ref());
        let mut project = Project::import_foreign(path, copy)?;
        project.private = Some(folder);
        Ok(project)
    }

    /// Imports a project of unknown origin into a new file and opens that.
    ///
    /// # Errors
    /// As for [`open_foreign`](Project::open_foreign), and when something exists at `into`.
    pub fn import_foreign(
        path: impl AsRef<Path>,
        into: impl AsRef<Path>,
    ) -> Result<Project, ProjectError> {
        let path = identify::absolute(path.as_ref())?;
        let into = identify::absolute(into.as_ref())?;
        registry::check(&path)?;
        let header = identify::identify(&path, MAX_FOREIGN_BYTES)?;
        // A log that came along is recovered in a private copy; without one no lock, no log and no
        // write is needed, not even for a file in WAL form, whose last changes may be missing then.
        let has_log = header.siblings.iter().any(|s| fs::metadata(s).is_ok_and(|m| m.len() > 0));
        let (link, _private) = if has_log {
            quiet_link(&path, &header)?
        } else {
            (Link::open(&path, Access::ReadImmutable)?, None)
        };
        let conn = link.whole_file();
        // The schema first: nothing is read from a table before it is known to be ours, and
        // checking the pages would call the code of virtual tables.
        schema::check(conn, &path, Agreement::Exact).map_err(|error| newer(conn, &path, error))?;
        let pages = if header.bytes <= 64 << 20 { Pages::Full } else { Pages::Quick };
        verify::pages(&link, pages)?;
        verify::references(conn)?;
        schema::check_ledger(conn, &path, Agreement::Exact)?;
        let found = project::write_version(conn)?;
        if found > WRITE_VERSION {
            return Err(ProjectError::NewerVersion { path, found, known: WRITE_VERSION });
        }
        create_file(&into, |fresh| {
            copy_rows(&link, fresh)?;
            verify::content_or_error(fresh.whole_file())
        })?;
        Project::open(into)
    }
}

/// A schema that differs because a newer version made the file deserves that sentence instead.
fn newer(conn: &Connection, path: &Path, error: ProjectError) -> ProjectError {
    let step = schema::newest_step(conn).unwrap_or(0);
    let version = project::write_version(conn).unwrap_or(0);
    let of = |found, known| ProjectError::NewerVersion { path: path.to_path_buf(), found, known };
    if version > WRITE_VERSION {
        of(version, WRITE_VERSION)
    } else if step > schema::known_steps() {
        of(step, schema::known_steps())
    } else {
        error
    }
}

/// Copies every row of our tables, checking every value on the way.
fn copy_rows(from: &Link, to: &Link) -> Result<(), ProjectError> {
    const DOING: &str = "importing the project";
    let tx = to.whole_file().unchecked_transaction().doing(DOING)?;
    // The fresh file has the rows of its own ledger; those that the original has are equal.
    let newest = schema::newest_step(from.whole_file())?;
    tx.execute("DELETE FROM migration WHERE step <= ?1", [newest]).doing(DOING)?;
    for table in schema::tables_of(from.whole_file())? {
        let mut read = from.whole_file().prepare(&verify::select_all(table)).doing(DOING)?;
        let mut write = tx.prepare(&insert_all(table)).doing(DOING)?;
        let mut rows = read.query([]).doing(DOING)?;
        while let Some(row) = rows.next().doing(DOING)? {
            for (index, (column, holds)) in table.columns.iter().enumerate() {
                let value = row.get_ref(index).doing(DOING)?;
                verify::value_fits(value, *holds).map_err(|reason| ProjectError::Damaged {
                    finding: format!("`{}.{column}` holds {reason}", table.name),
                })?;
                let value = rusqlite::types::Value::try_from(value).map_err(|error| {
                    ProjectError::Damaged { finding: format!("`{}.{column}`: {error}", table.name) }
                })?;
                write.raw_bind_parameter(index + 1, value).doing(DOING)?;
            }
            write.raw_execute().doing(DOING)?;
        }
    }
    tx.commit().doing(DOING)
}

fn insert_all(table: &Table) -> String {
    let columns: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
    let places: Vec<String> = (1..=columns.len()).map(|n| format!("?{n}")).collect();
    format!("INSERT INTO {} ({}) VALUES ({})", table.name, columns.join(", "), places.join(", "))
}
