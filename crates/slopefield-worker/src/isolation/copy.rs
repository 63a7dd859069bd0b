//! A copy of the open project for the process of a plugin, which never opens the project itself.

use crate::session::{Shared, lock, project_error};
use slopefield_api::ApiError;
use std::path::{Path, PathBuf};

/// A project file that is removed with this value.
#[derive(Debug)]
pub struct WorkCopy(PathBuf);

impl WorkCopy {
    /// Copies a project into a folder of drafts.
    pub fn of(project: &Shared, drafts: &Path) -> Result<WorkCopy, ApiError> {
        std::fs::create_dir_all(drafts).map_err(|e| crate::failure::file(drafts, "created", &e))?;
        let copy = WorkCopy(drafts.join(format!("plugin-{}.slopefield", uuid::Uuid::now_v7())));
        lock(project).copy_to(&copy.0).map_err(project_error)?;
        Ok(copy)
    }

    /// Where it is.
    pub fn path(&self) -> String {
        self.0.to_string_lossy().into_owned()
    }
}

impl Drop for WorkCopy {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let mut file = self.0.clone().into_os_string();
            file.push(suffix);
            // A file that is not there needs no removing.
            let _ = std::fs::remove_file(file);
        }
    }
}
