//! Why a study cannot be used, in sentences that name the place.

use std::fmt::{self, Display};
use std::path::PathBuf;

/// Something wrong or doubtful in a study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The study cannot be used; otherwise it is worth a look.
    pub fatal: bool,
    /// Where, e.g. `data.pelts.columns`.
    pub place: String,
    /// What, and what to do.
    pub message: String,
}

impl Problem {
    /// Something that must be mended.
    pub fn error(place: impl Into<String>, message: impl Into<String>) -> Problem {
        Problem { fatal: true, place: place.into(), message: message.into() }
    }

    /// Something worth a look.
    pub fn warning(place: impl Into<String>, message: impl Into<String>) -> Problem {
        Problem { fatal: false, place: place.into(), message: message.into() }
    }
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// Why a study cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StudyError {
    /// The model text has errors.
    #[error("{summary}")]
    Model {
        /// The first error in one line, and how many more there are.
        summary: String,
        /// All findings as the compiler of a programming language shows them.
        rendered: String,
    },
    /// A network cannot be built or the model cannot be compiled.
    #[error("{0}")]
    Compile(String),
    /// The study names something unknown or absurd.
    #[error("{}", join(.0))]
    Study(Vec<Problem>),
    /// A table cannot be read.
    #[error("{path}: {message}", path = path.display())]
    Data {
        /// File.
        path: PathBuf,
        /// What is wrong and where.
        message: String,
        /// What to try.
        advice: Option<String>,
    },
    /// A file cannot be read.
    #[error("{path} cannot be read: {message}", path = path.display())]
    File {
        /// File.
        path: PathBuf,
        /// The system's word.
        message: String,
    },
    /// A solve failed.
    #[error("{message}")]
    Solve {
        /// Which experiment, time, state and expression.
        message: String,
        /// What to try.
        advice: String,
    },
    /// A solver does not exist or failed to load.
    #[error("solver.method: {0}")]
    Solver(String),
}

fn join(problems: &[Problem]) -> String {
    let fatal = problems.iter().filter(|p| p.fatal).map(ToString::to_string);
    fatal.collect::<Vec<_>>().join("\n")
}

/// ` (did you mean ...?)` when something similar exists, else nothing.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let score = |k: &str| strsim::jaro_winkler(&name.to_lowercase(), &k.to_lowercase());
    let best = known.into_iter().max_by(|a, b| score(a).total_cmp(&score(b)));
    match best {
        Some(best) if score(best) > 0.75 => format!(" (did you mean `{best}`?)"),
        _ => String::new(),
    }
}

/// Names that a list shows.
const LISTED: usize = 8;

/// Names in a sentence: `a`, `b` and `c`.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().map(|n| format!("`{n}`")).collect();
    match names.as_slice() {
        [] => "none".into(),
        [one] => one.clone(),
        // Of an array of many elements nobody reads all.
        names if names.len() > LISTED + 1 => {
            format!("{} and {} more", names[..LISTED].join(", "), names.len() - LISTED)
        }
        [init @ .., last] => format!("{} and {last}", init.join(", ")),
    }
}
