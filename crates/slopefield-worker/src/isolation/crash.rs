//! How the process of a plugin ended, and what the user is told.

use crate::failure::advised;
use slopefield_api::{ApiError, Code};
use std::process::ExitStatus;
use std::time::Duration;

/// A process that ended before it had answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the process of the plugin {} {end}", plugins.join(" or "))]
pub struct CrashReport {
    /// The third-party plugins that the process was started for.
    pub plugins: Vec<String>,
    /// How it ended.
    pub end: End,
    /// Last lines it wrote to standard error.
    pub log: Vec<String>,
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum End {
    /// By itself, with an exit code or by a signal.
    #[error("ended while it was working ({0})")]
    Exited(ExitStatus),
    /// It did not greet, for this reason.
    #[error("did not start: {0}")]
    NotStarted(String),
    /// It was asked to stop and did not, so it was ended.
    #[error("did not respond to the stop within {} s and was ended", .0.as_secs())]
    NoStop(Duration),
    /// It gave no sign of life, so it was ended.
    #[error("gave no sign of life for {} s and was ended", .0.as_secs())]
    Silent(Duration),
    /// A short command took longer than it may, so the process was ended.
    #[error("took longer than the {} s that it may take and was ended", .0.as_secs())]
    TooLong(Duration),
    /// It took more bytes of memory than it may, so it was ended.
    #[error("took more than the {} MiB of memory that it may have and was ended", .0 >> 20)]
    Memory(u64),
    /// It wrote what is no message, so it was ended.
    #[error("sent something unreadable ({0}) and was ended")]
    Unreadable(String),
}

impl CrashReport {
    /// The report as the window and the command line get it.
    pub fn error(&self) -> ApiError {
        let advice = match self.end {
            End::NotStarted(_) => "try again; if it goes on, reinstall Slopefield",
            _ => {
                "your project is kept; tell the authors of the plugin, with the lines of its log, \
                 or use another solver or network"
            }
        };
        let mut error = advised(Code::Plugin, self.to_string(), advice);
        error.details.clone_from(&self.log);
        error
    }

    /// The fault may be the plugin's.
    pub fn counts(&self) -> bool {
        !matches!(self.end, End::NotStarted(_))
    }
}
