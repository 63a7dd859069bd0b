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

impl Diagnostic {
    /// A finding without hint or second place.
    #[must_use]
    pub fn new(severity: Severity, code: &'static str, span: Span, message: String) -> Diagnostic {
        Diagnostic { severity, code, span, message, hint: None, related: None }
    }

    /// An error.
    #[must_use]
    pub fn error(code: &'static str, span: Span, message: String) -> Diagnostic {
        Diagnostic::new(Severity::Error, code, span, message)
    }

    /// A warning.
    #[must_use]
    pub fn warning(code: &'static str, span: Span, message: String) -> Diagnostic {
        Diagnostic::new(Severity::Warning, code, span, message)
    }

    /// A note.
    #[must_use]
    pub fn note(code: &'static str, span: Span, message: String) -> Diagnostic {
        Diagnostic::new(Severity::Note, code, span, message)
    }

    /// The same with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Diagnostic {
        self.hint = Some(hint.into());
        self
    }

    /// The same with a second place.
    #[must_use]
    pub fn related(mut self, span: Span, label: impl Into<String>) -> Diagnostic {
        self.related = Some((span, label.into()));
        self
    }
}
