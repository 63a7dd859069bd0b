//! Saving a complete copy: written beside the target, flushed, checked, renamed over it.

use crate::connect::{Access, Link};
use crate::error::{Doing, IoDoing, ProjectError};
use crate::project::{Project, beside, hash_file, sync_file};
use crate::tables::run;
use crate::{identify, registry, verify};
use std::fs;
use std::path::{Path, PathBuf};

/// Where a copy was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The file.
    pub path: PathBuf,
    /// The target had changed since it was opened or last saved (or somebody has it open), so the
    /// copy was written beside it under this other name.
    pub conflict: bool,
    /// Size of the file.
    pub bytes: u64,
}

impl Project {
    /// Writes a compact copy of the project to `path`: one file, without a log, without deleted
    /// content. A plain file that is there is replaced in one step, unless it changed since this
    /// project was copied from it or last published to it, or a log lies beside it: then a conflict
    /// copy is written. The project goes on where it was. Runs that are going on are marked
    /// interrupted in the copy.
    ///
    /// # Errors
    /// When `path` is a link, folder or device, is open in this program, or cannot be written.
    pub fn publish(&mut self, path: impl AsRef<Path>) -> Result<Published, ProjectError> {
        let target = identify::absolute(path.as_ref())?;
        self.publish_to(&target, true)
    }

    /// Writes a compact copy of the project to `path`, where nothing may be yet. Runs that are going
    /// on are marked interrupted in it. Unlike [`publish`](Project::publish) it takes no part in
    /// what the project is saved to: it is for somebody else to work on.
    ///
    /// # Errors
    /// When something is at `path` or it cannot be written.
    pub fn copy_to(&self, path: impl AsRef<Path>) -> Result<(), ProjectError> {
        let target = identify::absolute(path.as_ref())?;
        registry::check(&target)?;
        let written = self.write_copy(&target, true);
        if written.is_err() {
            let _ = fs::remove_file(&target);
        }
        written
    }

    /// As [`publish`](Project::publish), and the project goes on in the new file.
    ///
    /// # Errors
    /// As for [`publish`](Project::publish).
    pub fn save_as(&mut self, path: impl AsRef<Path>) -> Result<Published, ProjectError> {
        let target = identify::absolute(path.as_ref())?;
        if is_same_file(&self.path, &target) {
            return self.save_in_place();
        }
        let published = self.publish_to(&target, false)?;
        // A run that goes on keeps going on in the new file: its state must not be touched by the
        // rule for files that were left behind.
        let mut next = Project::attach(&published.path)?;
        next.seen = self.seen.take();
        *self = next;
        Ok(published)
    }

    fn save_in_place(&self) -> Result<Published, ProjectError> {
        if self.is_working() {
            crate::connect::set_pragma(self.link.whole_file(), "wal_checkpoint", "TRUNCATE")?;
        }
        let bytes = fs::symlink_metadata(&self.path).action("read", &self.path)?.len();
        Ok(Published { path: self.path.clone(), conflict: false, bytes })
    }

    fn publish_to(
        &mut self,
        target: &Path,
        mark_interrupted: bool,
    ) -> Result<Published, ProjectError> {
        if is_same_file(&self.path, target) {
            return self.save_in_place();
        }
        registry::check(target)?;
        let exists = fs::symlink_metadata(target).is_ok();
        if exists {
            identify::plain_file(target)?;
        }
        let part = beside(target)?;
        let written = self.write_copy(&part, mark_interrupted).and_then(|()| {
            // Looked at as late as possible: writing the copy may take a while.
            let conflict = self.changed_meanwhile(target)?;
            let path = if conflict { conflict_name(target) } else { target.to_path_buf() };
            let hash = hash_file(&part)?;
            fs::rename(&part, &path).action("write", &path)?;
            sync_folder(&path)?;
            if !conflict {
                self.seen = Some((path.clone(), hash));
            }
            let bytes = fs::symlink_metadata(&path).action("read", &path)?.len();
            Ok(Published { path, conflict, bytes })
        });
        if written.is_err() {
            let _ = fs::remove_file(&part);
        }
        written
    }

    fn write_copy(&self, part: &Path, mark_interrupted: bool) -> Result<(), ProjectError> {
        const DOING: &str = "writing a copy of the project";
        let name = part.to_str().ok_or_else(|| ProjectError::BadText {
            what: "the name of the file".into(),
            reason: "it is not valid Unicode".into(),
        })?;
        self.link.maintenance(|conn| conn.execute("VACUUM INTO ?1", [name])).doing(DOING)?;
        let link = Link::open(part, Access::Write)?;
        if mark_interrupted && run::any_running(link.conn())? {
            run::mark_interrupted(link.conn(), "this copy was saved while the run was going on")?;
        }
        verify::pages(&link, verify::Pages::Quick)?;
        drop(link);
        sync_file(part)
    }

    /// The target is not what this project knows it to be.
    fn changed_meanwhile(&self, target: &Path) -> Result<bool, ProjectError> {
        // A log beside the target would be replayed into our file: never rename over such a one.
        if !identify::siblings(target).is_empty() {
            return Ok(true);
        }
        match &self.seen {
            Some((path, hash)) if is_same_file(path, target) => {
                if fs::symlink_metadata(target).is_err() {
                    return Ok(false);
                }
                Ok(hash_file(target)? != *hash)
            }
            _ => Ok(false),
        }
    }
}

fn is_same_file(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// `name (conflict 1).slopefield`, the first number that is free.
fn conflict_name(target: &Path) -> PathBuf {
    let stem = target.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let extension = target.extension().map(|e| e.to_string_lossy().into_owned());
    (1u32..)
        .map(|n| {
            let mut name = format!("{stem} (conflict {n})");
            if let Some(extension) = &extension {
                name.push('.');
                name.push_str(extension);
            }
            target.with_file_name(name)
        })
        .find(|path| fs::symlink_metadata(path).is_err())
        .unwrap_or_else(|| target.with_extension("conflict"))
}

/// Makes the rename itself durable.
#[cfg(unix)]
fn sync_folder(path: &Path) -> Result<(), ProjectError> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let handle = fs::File::open(folder).action("open", folder)?;
    match handle.sync_all() {
        // Some network file systems cannot flush a folder; the rename itself has happened.
        Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => Ok(()),
        other => other.action("flush", folder),
    }
}

/// Windows has no call for this; its rename is journalled.
#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> Result<(), ProjectError> {
    Ok(())
}
