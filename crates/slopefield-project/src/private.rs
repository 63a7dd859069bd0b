//! A folder of our own in the system's place for temporary files, removed when dropped.

use crate::error::{IoDoing, ProjectError};
use crate::identify;
use std::fs;
use std::path::{Path, PathBuf};

/// A private folder.
#[derive(Debug)]
pub(crate) struct PrivateFolder(PathBuf);

impl PrivateFolder {
    /// Makes a folder that only this user may enter.
    pub fn new() -> Result<Self, ProjectError> {
        let base = identify::absolute(&std::env::temp_dir())?;
        let path = base.join(format!("slopefield-{}", uuid::Uuid::now_v7()));
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::DirBuilderExt;
            builder.mode(0o700);
        }
        builder.create(&path).action("create the folder", &path)?;
        Ok(PrivateFolder(path))
    }

    /// A path inside with the file name of `like`.
    pub fn path_like(&self, like: &Path) -> PathBuf {
        self.0.join(like.file_name().unwrap_or("project.slopefield".as_ref()))
    }

    /// Copies `path` and the logs beside it into the folder; returns the path of the copy.
    pub fn copy_with_siblings(&self, path: &Path) -> Result<PathBuf, ProjectError> {
        let copy = self.path_like(path);
        fs::copy(path, &copy).action("copy", path)?;
        for suffix in ["-wal", "-journal"] {
            let sibling = identify::with_suffix(path, suffix);
            if fs::symlink_metadata(&sibling).is_ok() {
                identify::plain_file(&sibling)?;
                fs::copy(&sibling, identify::with_suffix(&copy, suffix))
                    .action("copy", &sibling)?;
            }
        }
        make_writable(&copy)?;
        Ok(copy)
    }
}

/// `fs::copy` copies permissions; a private copy must be writable by its owner.
#[cfg(unix)]
fn make_writable(path: &Path) -> Result<(), ProjectError> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).action("change the mode of", path)
}

/// `fs::copy` copies permissions; a private copy must be writable by its owner.
#[cfg(not(unix))]
fn make_writable(path: &Path) -> Result<(), ProjectError> {
    let mut permissions = fs::metadata(path).action("read", path)?.permissions();
    permissions.set_readonly(false);
    fs::set_permissions(path, permissions).action("change the mode of", path)
}

impl Drop for PrivateFolder {
    fn drop(&mut self) {
        // Nothing useful can be done about a folder that will not go; the system cleans up later.
        let _ = fs::remove_dir_all(&self.0);
    }
}
