//! What a path is, found with ordinary file calls before SQLite sees it.
//!
//! Offsets are those of the "Database Header" section of SQLite's file format page.

use crate::error::{IoDoing, ProjectError};
use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// "SLPF", big-endian, at offset 68 of the file.
pub const APPLICATION_ID: u32 = 0x534C_5046;
/// Newest reader version this program knows; at offset 60 of the file.
pub const READER_VERSION: i64 = 1;
/// Newest write version this program knows; in `meta`.
pub const WRITE_VERSION: i64 = 1;
/// Largest file opened at all.
pub const MAX_FILE_BYTES: u64 = 64 << 30;
/// Largest file accepted from a stranger.
pub const MAX_FOREIGN_BYTES: u64 = 4 << 30;

const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// The first bytes of a project file and its neighbours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// Size of the file.
    pub bytes: u64,
    /// The header asks for a write-ahead log.
    pub wal: bool,
    /// A log or journal lies beside the file.
    pub siblings: Vec<PathBuf>,
    /// The file system says that it may not be written.
    pub write_protected: bool,
}

impl Header {
    /// The program that wrote it last did not close it, or has it open.
    pub fn unclean(&self) -> bool {
        self.wal || !self.siblings.is_empty()
    }
}

/// An absolute path without a look at the disk.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, ProjectError> {
    std::path::absolute(path).action("find", path)
}

/// `path` with `suffix` after its whole name, as SQLite names its logs.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path.as_os_str());
    name.push(suffix);
    PathBuf::from(name)
}

/// Logs and journals beside `path`.
pub(crate) fn siblings(path: &Path) -> Vec<PathBuf> {
    ["-wal", "-journal", "-shm"]
        .iter()
        .map(|suffix| with_suffix(path, suffix))
        .filter(|sibling| fs::symlink_metadata(sibling).is_ok())
        .collect()
}

/// Refuses anything but a plain file.
pub(crate) fn plain_file(path: &Path) -> Result<fs::Metadata, ProjectError> {
    let metadata = fs::symlink_metadata(path).action("open", path)?;
    let kind = metadata.file_type();
    let what = if kind.is_symlink() {
        "a symbolic link"
    } else if kind.is_dir() {
        "a folder"
    } else if kind.is_file() {
        return Ok(metadata);
    } else {
        "a device or pipe"
    };
    Err(ProjectError::NotAPlainFile { path: path.to_path_buf(), what })
}

/// Reads the header of `path` and refuses what is not a project of a known version.
pub(crate) fn identify(path: &Path, max_bytes: u64) -> Result<Header, ProjectError> {
    let metadata = plain_file(path)?;
    let bytes = metadata.len();
    if bytes > max_bytes {
        return Err(ProjectError::FileTooLarge { path: path.to_path_buf(), bytes, max_bytes });
    }
    let not_a_project = |reason: &str| ProjectError::NotAProject {
        path: path.to_path_buf(),
        reason: reason.into(),
    };
    let mut head = [0u8; 100];
    let mut file = fs::File::open(path).action("open", path)?;
    match file.read_exact(&mut head) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            return Err(not_a_project(&format!(
                "it has {bytes} bytes, fewer than the header of a project"
            )));
        }
        Err(error) => return Err(error).action("read", path),
    }
    if &head[..16] != MAGIC {
        return Err(not_a_project("it does not begin like a SQLite file"));
    }
    let at = |offset: usize| {
        u32::from_be_bytes([head[offset], head[offset + 1], head[offset + 2], head[offset + 3]])
    };
    if at(68) != APPLICATION_ID {
        return Err(not_a_project("it is a SQLite file of another application"));
    }
    let found = i64::from(at(60) as i32);
    if found > READER_VERSION {
        return Err(ProjectError::NewerVersion {
            path: path.to_path_buf(),
            found,
            known: READER_VERSION,
        });
    }
    if found < 1 {
        return Err(not_a_project("its version is missing"));
    }
    // 1 is rollback journal, 2 is WAL; SQLite refuses anything else itself.
    let wal = head[18] == 2 || head[19] == 2;
    Ok(Header {
        bytes,
        wal,
        siblings: siblings(path),
        write_protected: metadata.permissions().readonly(),
    })
}
