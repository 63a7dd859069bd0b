//! Making the file smaller without losing anything a person could miss.

use crate::connect::{pragma, set_pragma};
use crate::error::{Doing, ProjectError};
use crate::project::Project;
use crate::tables::{array, data_table};

/// What compacting did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// Size of the file before.
    pub bytes_before: u64,
    /// Size of the file after.
    pub bytes_after: u64,
    /// Removed tables that neither a run nor an edit needs any more.
    pub tables_deleted: usize,
    /// Arrays that nothing referred to.
    pub arrays_deleted: usize,
}

impl Compacted {
    /// Bytes given back to the disk.
    pub fn bytes_freed(&self) -> u64 {
        self.bytes_before.saturating_sub(self.bytes_after)
    }
}

impl Project {
    /// Deletes what nothing refers to and gives free pages back to the disk.
    ///
    /// # Errors
    /// When the project is read-only or the disk has no room for the copy that SQLite makes.
    pub fn compact(&mut self) -> Result<Compacted, ProjectError> {
        self.begin_writing()?;
        let bytes_before = self.size()?;
        let (tables_deleted, arrays_deleted) = self.change("compacting the file", |conn| {
            Ok((data_table::delete_unused(conn)?, array::delete_orphans(conn)?))
        })?;
        self.link.maintenance(|conn| conn.execute("VACUUM", [])).doing("compacting the file")?;
        set_pragma(self.link.whole_file(), "wal_checkpoint", "TRUNCATE")?;
        Ok(Compacted { bytes_before, bytes_after: self.size()?, tables_deleted, arrays_deleted })
    }

    /// Size of the database in bytes, as SQLite counts it: the file itself must not be opened.
    fn size(&self) -> Result<u64, ProjectError> {
        let conn = self.read();
        let pages = pragma(conn, "page_count")?.unwrap_or(0);
        let page_bytes = pragma(conn, "page_size")?.unwrap_or(0);
        Ok(pages.unsigned_abs() * page_bytes.unsigned_abs())
    }
}
