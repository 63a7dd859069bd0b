//! Why a solve stopped early.

/// Why a solve stopped before its end. Indices name states of the model.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SolveError {
    /// The step size collapsed.
    #[error("step size fell to {h:e} at t = {t}")]
    StepTooSmall {
        /// Time.
        t: f64,
        /// Last step tried.
        h: f64,
    },
    /// The right-hand side or the state is not finite, whatever the step.
    #[error("the right-hand side of state {state} is not finite at t = {t}")]
    NonFinite {
        /// Time.
        t: f64,
        /// Index of the first such state.
        state: usize,
        /// The state vector there, for the report.
        u: Vec<f64>,
    },
    /// The step budget is used up.
    #[error("{steps} steps were not enough; stopped at t = {t}")]
    TooManySteps {
        /// Time reached.
        t: f64,
        /// The budget.
        steps: u64,
    },
    /// Somebody cancelled.
    #[error("cancelled at t = {t}")]
    Cancelled {
        /// Time reached.
        t: f64,
    },
    /// A plugin's own error.
    #[error("the solver plugin {plugin} failed at t = {t}: {message}")]
    Plugin {
        /// Plugin and solver id.
        plugin: String,
        /// Time.
        t: f64,
        /// Its sentence.
        message: String,
    },
    /// Settings or sizes that make no sense.
    #[error("{0}")]
    Invalid(String),
}

impl SolveError {
    /// What the user could try, shown under the message. Empty where the message says it all.
    pub fn advice(&self) -> &'static str {
        match self {
            SolveError::StepTooSmall { .. } => {
                "The solution may blow up or the problem may be stiff here: loosen the \
                 tolerances, shorten the time span, or look at the parameters near this time."
            }
            SolveError::NonFinite { .. } => {
                "Look for a division by zero, or a logarithm, root or power of a negative \
                 number, in this state's equation at the values given."
            }
            SolveError::TooManySteps { .. } => {
                "Loosen the tolerances or raise the step budget; a stiff problem needs an \
                 implicit method."
            }
            SolveError::Plugin { .. } => "Try a built-in method, such as tsit5.",
            SolveError::Cancelled { .. } | SolveError::Invalid(_) => "",
        }
    }
}
