//! What the checker says about a model text.

use crate::Span;

/// How bad it is. A model with an `Error` cannot be simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Probably not what was meant; the model still runs.
    Warning,
    /// The model cannot be used.
    Error,
}

/// One finding, with its place and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Stable code such as `unknown-name`; listed in docs/reference/diagnostics.md.
    pub code: &'static str,
    /// The place it is about.
    pub span: Span,
    /// One sentence that says what is wrong.
    pub message: String,
    /// One sentence that says what to try, when there is something to say.
    pub hint: Option<String>,
    /// A second place that explains the first (an earlier declaration, say) and its label.
    pub related: Option<(Span, String)>,
}
