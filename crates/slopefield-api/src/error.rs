//! Failures as the window and the command line see them.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Stable codes; a screen may choose on them. Add one only when somebody needs to tell it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The model text has errors (details: diagnostics).
    Model,
    /// A table could not be read or does not fit the study.
    Data,
    /// The study names something unknown or absurd.
    Study,
    /// A solve failed (details: experiment, time, state, expression).
    Solve,
    /// The gradient check disagrees.
    Gradient,
    /// The file is not a project, is damaged, or was made by a newer version.
    Project,
    /// A file could not be read or written.
    File,
    /// A plugin is missing, does not fit or failed.
    Plugin,
    /// The user cancelled.
    Cancelled,
    /// The worker process died (details: exit status, last lines of its log).
    WorkerDied,
    /// The request itself is wrong: a bug of the caller.
    Request,
    /// A bug of this program.
    Internal,
}

/// A failure: one sentence with the place, one with what to try.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// Code.
    pub code: Code,
    /// What happened and where.
    pub message: String,
    /// What the user could do.
    pub advice: Option<String>,
    /// More lines for those who want them: rendered diagnostics, log lines, numbers.
    #[serde(default)]
    #[ts(as = "Vec<String>")]
    pub details: Vec<String>,
}
