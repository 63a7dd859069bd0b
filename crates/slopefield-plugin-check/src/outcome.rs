//! How a test ends, and the report.

use serde::{Deserialize, Serialize};

/// How a test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As the interface asks.
    Passed,
    /// Allowed, and not good.
    Warning,
    /// Not as the interface asks.
    Failed,
    /// The process of the test died, or ended itself.
    Crashed,
    /// The time limit was reached and the process was killed.
    TimedOut,
    /// The test does not apply; the message says why.
    Skipped,
}

impl Verdict {
    /// The plugin is not in order.
    #[must_use]
    pub fn is_bad(self) -> bool {
        matches!(self, Verdict::Failed | Verdict::Crashed | Verdict::TimedOut)
    }

    /// The word for people.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Passed => "passed",
            Verdict::Warning => "warning",
            Verdict::Failed => "FAILED",
            Verdict::Crashed => "CRASHED",
            Verdict::TimedOut => "TIMED OUT",
            Verdict::Skipped => "skipped",
        }
    }
}

/// A verdict with a sentence, which may be empty for a pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// How it ended.
    pub verdict: Verdict,
    /// What was found.
    pub message: String,
}

/// What the body of a test gives; an error is a failure in a sentence.
pub(crate) type Finding = Result<Outcome, String>;

/// It is as it should be.
pub(crate) fn passed(message: impl Into<String>) -> Finding {
    Ok(Outcome { verdict: Verdict::Passed, message: message.into() })
}

/// It is allowed, and not good.
pub(crate) fn warning(message: impl Into<String>) -> Finding {
    Ok(Outcome { verdict: Verdict::Warning, message: message.into() })
}

/// The test does not apply.
pub(crate) fn skipped(message: impl Into<String>) -> Finding {
    Ok(Outcome { verdict: Verdict::Skipped, message: message.into() })
}

/// One line of a report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// Stable name of the test, such as `solver.order`.
    pub test: &'static str,
    /// What it looks at.
    pub about: &'static str,
    /// Id of the solver, network or method; empty for tests of the whole plugin.
    pub subject: String,
    /// How it ended, and what was found.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The last lines that the plugin logged or printed, where the test did not pass.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub output: Vec<String>,
    /// Seconds it took.
    pub seconds: f64,
}

/// All tests of a plugin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Id of the plugin.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// Seed of the tests that draw numbers.
    pub seed: u64,
    /// The tests, in order.
    pub tests: Vec<Line>,
}

impl Report {
    /// Number of tests that ended so.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.tests.iter().filter(|line| line.outcome.verdict == verdict).count()
    }

    /// No test failed, crashed or ran out of time.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.tests.iter().all(|line| !line.outcome.verdict.is_bad())
    }
}
