//! The numbers of the last overview, kept to be written as a table.

use crate::failure::error;
use slopefield_api::schema::Block;
use slopefield_api::table::write_csv;
use slopefield_api::types::*;
use slopefield_api::{ApiError, Code};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// A scan with its numbers, and the name of the time.
struct Table {
    scan: Scan,
    block: Block,
    time: String,
}

/// The last scan that an overview was given of.
#[derive(Default)]
pub struct Kept(Mutex<Option<Arc<Table>>>);

impl Kept {
    fn replace(&self, table: Option<Table>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = table.map(Arc::new);
    }

    /// Forgets what is kept: it is of another project, or a new scan needs the room.
    pub fn forget(&self) {
        self.replace(None);
    }

    /// Keeps a scan of a model text in the place of the last one; its overview.
    pub fn keep(&self, text: &str, scan: Scan, block: Block) -> (ScanOverview, Block) {
        let overview = super::overview::overview(&scan, &block);
        let time = slopefield_lang::check(text).0.time.name;
        self.replace(Some(Table { scan, block, time }));
        overview
    }

    /// Writes what is kept to a file. Half a table is never left there.
    ///
    /// # Errors
    /// Nothing is kept, or a file that cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), ApiError> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(kept) = kept else {
            return Err(ApiError {
                advice: Some("scan again, then save".into()),
                ..error(Code::Request, "there are no numbers of a scan to save")
            });
        };
        kept.write(path).map_err(|e| ApiError {
            advice: Some("check that the folder exists and has room".into()),
            ..error(Code::File, format!("{} cannot be written: {e}", path.display()))
        })
    }
}

impl Table {
    fn write(&self, path: &Path) -> io::Result<()> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".part");
        let beside = Path::new(&beside);
        let written = self.write_new(beside).and_then(|()| std::fs::rename(beside, path));
        if written.is_err() {
            // Where it could not be made there is nothing to take away.
            let _ = std::fs::remove_file(beside);
        }
        written
    }

    fn write_new(&self, path: &Path) -> io::Result<()> {
        let (names, columns) = self.scan.table(&self.time, &self.block);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        let mut out = BufWriter::new(File::create(path)?);
        write_csv(&mut out, &names, &columns)?;
        out.flush()
    }
}
