//! What can go wrong in a benchmark.

use std::path::PathBuf;

/// Why a benchmark gave no figures.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// There is no such suite.
    #[error("there is no suite of benchmarks called `{name}`")]
    UnknownSuite {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<&'static str>,
    },
    /// The suite has no such case.
    #[error("the suite `{suite}` has no case `{name}`")]
    UnknownCase {
        /// The suite.
        suite: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A model of a case does not compile.
    #[error("the model of this case does not compile: {0}")]
    Model(#[from] slopefield_study::StudyError),
    /// A solve of a case failed.
    #[error("the solve of this case failed: {0}")]
    Solve(#[from] slopefield_solve::SolveError),
    /// The plugin of a case cannot be used.
    #[error("the plugin of this case cannot be used: {0}")]
    Plugin(#[from] slopefield_plugin_host::PluginError),
    /// A training or a sampling of a case did not come to its end.
    #[error("the training of this case failed: {0}")]
    Training(String),
    /// A case starts the command, and nobody said where it is.
    #[error(
        "this case starts the command `slopefield`: measure it with `slopefield bench training`"
    )]
    NoProgram,
    /// A C compiler is there, but refuses a comparator.
    #[error("the comparator {source_name} does not compile with {compiler}")]
    Comparator {
        /// Name of the source.
        source_name: &'static str,
        /// The compiler.
        compiler: String,
        /// What the compiler printed.
        printed: String,
    },
    /// A compiled comparator cannot be loaded or refuses its input.
    #[error("the comparator {source_name} cannot be used: {reason}")]
    Unusable {
        /// Name of the source.
        source_name: &'static str,
        /// Why.
        reason: String,
    },
    /// A file could not be read or written.
    #[error("{} cannot be {action}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        action: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// Results disagree: whatever the times are, they mean nothing.
    #[error("{what} is {found:.1e}, which is above {allowed:.1e}")]
    WrongResult {
        /// What was compared.
        what: &'static str,
        /// Distance.
        found: f64,
        /// Largest distance that the tolerances of the case allow.
        allowed: f64,
    },
    /// A problem of a comparison of solvers has nothing to compare with.
    #[error("the problem `{problem}` has no reference at its end")]
    NoReference {
        /// The problem.
        problem: &'static str,
    },
    /// There is no graphics card, or it does not compute.
    #[error("no card can be measured: {0}")]
    Card(String),
    /// The scripts or packages of the peers are not there.
    #[error("{0}")]
    Peers(String),
}
