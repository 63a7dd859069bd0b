//! What can go wrong with a project file, in sentences for the person in front of the screen.
//!
//! Callers choose on variants, never on message text. Numbers are in named fields.

use std::path::PathBuf;

/// A failure of an operation on a project file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectError {
    /// The operating system refused a file operation.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried, as a verb phrase.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The file is not a Slopefield project at all.
    #[error("`{}` is not a Slopefield project: {reason}", path.display())]
    NotAProject {
        /// The file.
        path: PathBuf,
        /// Which sign is missing.
        reason: String,
    },
    /// A symbolic link, folder, pipe or device where a plain file is needed.
    #[error("`{}` is {what}, not a plain file", path.display())]
    NotAPlainFile {
        /// The path.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// The file is larger than this program opens.
    #[error("`{}` has {bytes} bytes; project files may have at most {max_bytes}", path.display())]
    FileTooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The limit.
        max_bytes: u64,
    },
    /// The file declares a version this program does not know.
    #[error(
        "`{}` was made by a newer version of Slopefield (version {found}; this program knows {known})",
        path.display()
    )]
    NewerVersion {
        /// The file.
        path: PathBuf,
        /// Version in the file.
        found: i64,
        /// Newest version known here.
        known: i64,
    },
    /// Writing was asked of a project that is open for reading only.
    #[error("the project is open for reading only: {reason}")]
    ReadOnly {
        /// Why.
        reason: String,
    },
    /// Another window or program has the file open for writing.
    #[error("`{}` is in use by another window or program", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A new project was asked for where something exists already.
    #[error("`{}` exists already", path.display())]
    Exists {
        /// The path.
        path: PathBuf,
    },
    /// The file is damaged.
    #[error("the project file is damaged: {finding}")]
    Damaged {
        /// First thing found.
        finding: String,
    },
    /// The file holds something a project never holds.
    #[error("refused to open `{}`: {reason}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// A statement ran longer than it may.
    #[error("{doing} took longer than {seconds} s and was stopped")]
    TookTooLong {
        /// What was being done.
        doing: &'static str,
        /// The limit.
        seconds: u64,
    },
    /// The disk is full.
    #[error("the disk is full while {doing}")]
    DiskFull {
        /// What was being done.
        doing: &'static str,
    },
    /// Any other answer of the database library.
    #[error("{doing} failed: {message}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// SQLite's extended result code, 0 when it has none.
        code: i32,
        /// SQLite's sentence.
        message: String,
    },
    /// No run with this id.
    #[error("the project has no run `{id}`")]
    UnknownRun {
        /// The id.
        id: String,
    },
    /// No result about uncertainty with this id.
    #[error("the project has no result `{id}` about uncertainty")]
    UnknownUncertainty {
        /// The id.
        id: String,
    },
    /// No table with this name.
    #[error("the project has no table `{name}`")]
    UnknownTable {
        /// The name.
        name: String,
    },
    /// No model version with this number.
    #[error("the project has no model version {id}")]
    UnknownVersion {
        /// The number.
        id: i64,
    },
    /// A table of this name is stored already.
    #[error("the project has a table `{name}` already")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// A text cannot be stored, or a file holds a text it must not hold.
    #[error("{what} is not allowed: {reason}")]
    BadText {
        /// Which text.
        what: String,
        /// Why.
        reason: String,
    },
    /// A number cannot be stored.
    #[error("{what} cannot be stored: {reason}")]
    BadValue {
        /// Which number.
        what: String,
        /// Why.
        reason: String,
    },
    /// A run was asked to go on and has no checkpoint that can be read.
    #[error("run `{id}` has no checkpoint it could go on from")]
    NoCheckpoint {
        /// The run.
        id: String,
    },
    /// Columns or arrays whose sizes disagree.
    #[error("{what} has {found} values where {expected} belong")]
    Shape {
        /// Which array.
        what: String,
        /// Values found.
        found: usize,
        /// Values expected.
        expected: usize,
    },
    /// An array is larger than one project array may be.
    #[error("{what} has {bytes} bytes; one array may have at most {max_bytes}")]
    ArrayTooLarge {
        /// Which array.
        what: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        max_bytes: u64,
    },
    /// The bundled SQLite is older than the first version without a known corruption fault.
    #[error("this program was built with SQLite {found}; 3.51.3 or newer is needed")]
    OldSqlite {
        /// Version found.
        found: String,
    },
}

impl ProjectError {
    /// What the person could try, shown under the message.
    pub fn advice(&self) -> &'static str {
        match self {
            ProjectError::Io { .. } => {
                "Check that the folder exists, that you may write there, and that the disk is connected."
            }
            ProjectError::NotAProject { .. } => {
                "Open a file that ends in .slopefield, or import the data into a new project."
            }
            ProjectError::NotAPlainFile { .. } => {
                "Open the file itself instead of a link or a folder."
            }
            ProjectError::FileTooLarge { .. } => {
                "Compact the project on the machine it came from, or remove old runs from it."
            }
            ProjectError::NewerVersion { .. } => {
                "Install the newest Slopefield, then open the file again; it was not changed."
            }
            ProjectError::ReadOnly { .. } => {
                "Save the project under another name and edit that copy."
            }
            ProjectError::InUse { .. } => {
                "Close the other window, or wait until it has closed the file, then try again."
            }
            ProjectError::Exists { .. } => "Choose another name, or open the existing file.",
            ProjectError::Damaged { .. } => {
                "Open a backup, or run `slopefield project verify` to see everything that is wrong."
            }
            ProjectError::Refused { .. } => {
                "Ask the sender to save the project with Slopefield and to send it again."
            }
            ProjectError::TookTooLong { .. } => {
                "Try again; if it happens again the file may be damaged or on a slow network drive."
            }
            ProjectError::DiskFull { .. } => {
                "Free some space and try again; nothing that was stored before is lost."
            }
            ProjectError::Database { .. } => {
                "Try again; if it happens again, verify the file and work from a copy."
            }
            ProjectError::UnknownRun { .. } => "List the runs again; it may have been deleted.",
            ProjectError::UnknownUncertainty { .. } => {
                "List the results of the run again; it may have been deleted."
            }
            ProjectError::UnknownTable { .. } => "List the tables again; it may have been removed.",
            ProjectError::UnknownVersion { .. } => "List the history of the model again.",
            ProjectError::NameTaken { .. } => {
                "Choose another name, or remove the stored table first."
            }
            ProjectError::BadText { .. } => {
                "Use plain text without control characters or text-direction overrides."
            }
            ProjectError::BadValue { .. } => {
                "Find where this number came from; every stored result is finite."
            }
            ProjectError::NoCheckpoint { .. } => {
                "Start a new run from the best parameters of this one."
            }
            ProjectError::Shape { .. } => "Check that all columns have the same length.",
            ProjectError::ArrayTooLarge { .. } => "Split the table, or keep fewer rows of it.",
            ProjectError::OldSqlite { .. } => "Build Slopefield with its bundled SQLite.",
        }
    }
}

/// Names the operation in an error of the database library.
pub(crate) trait Doing<T> {
    /// `doing` reads well after "while": "reading the runs".
    fn doing(self, doing: &'static str) -> Result<T, ProjectError>;
}

impl<T> Doing<T> for Result<T, rusqlite::Error> {
    fn doing(self, doing: &'static str) -> Result<T, ProjectError> {
        self.map_err(|error| translate(error, doing))
    }
}

fn translate(error: rusqlite::Error, doing: &'static str) -> ProjectError {
    use rusqlite::ErrorCode::{
        DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull, NotADatabase,
        OperationInterrupted, ReadOnly,
    };
    let code = error.sqlite_error_code();
    match code {
        Some(OperationInterrupted) => {
            ProjectError::TookTooLong { doing, seconds: crate::connect::deadline_seconds() }
        }
        Some(DatabaseBusy | DatabaseLocked) => ProjectError::InUse { path: PathBuf::new() },
        Some(DiskFull) => ProjectError::DiskFull { doing },
        Some(DatabaseCorrupt | NotADatabase) => {
            ProjectError::Damaged { finding: format!("{doing}: {error}") }
        }
        Some(ReadOnly) => ProjectError::ReadOnly { reason: error.to_string() },
        _ => {
            let number = error.sqlite_error().map_or(0, |e| e.extended_code);
            ProjectError::Database { doing, code: number, message: error.to_string() }
        }
    }
}

impl ProjectError {
    /// Fills in the path of an [`ProjectError::InUse`] that came out of the database library.
    pub(crate) fn at(self, file: &std::path::Path) -> Self {
        match self {
            ProjectError::InUse { path } if path.as_os_str().is_empty() => {
                ProjectError::InUse { path: file.to_path_buf() }
            }
            other => other,
        }
    }
}

/// Shorthand for file operations.
pub(crate) trait IoDoing<T> {
    /// `action` reads well after "cannot".
    fn action(self, action: &'static str, path: &std::path::Path) -> Result<T, ProjectError>;
}

impl<T> IoDoing<T> for std::io::Result<T> {
    fn action(self, action: &'static str, path: &std::path::Path) -> Result<T, ProjectError> {
        self.map_err(|source| ProjectError::Io { action, path: path.to_path_buf(), source })
    }
}
