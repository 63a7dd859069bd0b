//! Which project files this process has open for writing.
//!
//! On POSIX systems closing any handle of a file drops all locks the process holds on it, so a
//! file that SQLite has open for writing must not be read with ordinary file calls in the same
//! process ("How To Corrupt An SQLite Database File", section 2.2). Every function of this crate
//! that would do so asks here first.

use crate::error::ProjectError;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

static WRITING: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn writing() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    // A panic elsewhere leaves the set as it was; it is only inserted into and removed from.
    WRITING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn key(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}

/// Removes the entry when dropped.
#[derive(Debug)]
pub(crate) struct Claim(PathBuf);

impl Drop for Claim {
    fn drop(&mut self) {
        writing().remove(&self.0);
    }
}

/// Enters `path`; fails when it is entered already.
pub(crate) fn claim(path: &Path) -> Result<Claim, ProjectError> {
    let key = key(path);
    if writing().insert(key.clone()) {
        Ok(Claim(key))
    } else {
        Err(ProjectError::InUse { path: path.to_path_buf() })
    }
}

/// Fails when `path` is entered.
pub(crate) fn check(path: &Path) -> Result<(), ProjectError> {
    if writing().contains(&key(path)) {
        Err(ProjectError::InUse { path: path.to_path_buf() })
    } else {
        Ok(())
    }
}
