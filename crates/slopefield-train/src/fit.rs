//! The result of training.

use crate::check::GradientCheck;
use crate::failure::Failure;
use crate::starts::Started;

/// Parameters found, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// Best parameters.
    pub theta: Vec<f64>,
    /// Loss there; infinite when no evaluation succeeded.
    pub loss: f64,
    /// Share of the training span that `loss` refers to: 1 unless training ended in an earlier
    /// stage of a growing horizon.
    pub horizon: f64,
    /// Log-likelihood of the training points there, with all constants.
    pub log_likelihood: Option<f64>,
    /// Sum of squared differences of the least-squares points there.
    pub sse: f64,
    /// Loss per held-out point there; infinite when the model breaks down before them, `None`
    /// without hold-out (or when training was cancelled before it was computed).
    pub hold_out: Option<f64>,
    /// Iterations done.
    pub iterations: u64,
    /// Why it ended.
    pub stop_reason: StopReason,
    /// Iteration in which `theta` was found; 0 is the start.
    pub best_iteration: u64,
    /// Evaluations of the loss, failed ones included.
    pub evaluations: u64,
    /// Everything worth telling: iteration and sentence.
    pub notes: Vec<(u64, String)>,
    /// Comparison of the gradient with differences, when it was made in this run.
    pub gradient_check: Option<GradientCheck>,
    /// What every start came to, best first; empty when there was one start only.
    pub starts: Vec<Started>,
}

/// Why training ended.
#[derive(Debug, Clone, PartialEq)]
pub enum StopReason {
    /// The last stage found nothing better.
    Converged,
    /// All iterations are used.
    Iterations,
    /// The hold-out has not improved for this many iterations.
    EarlyStopping {
        /// Iterations.
        patience: u32,
    },
    /// Somebody cancelled.
    Cancelled,
    /// The loss cannot be computed where a stage begins.
    CannotStart {
        /// Stage, from 0.
        stage: usize,
        /// Why.
        failure: Box<Failure>,
    },
    /// The gradient clearly disagrees with differences of the loss.
    WrongGradient(GradientCheck),
    /// There are no free parameters.
    NothingToFit,
    /// The recipe or the checkpoint cannot be used.
    Invalid(String),
}

impl StopReason {
    /// One sentence for people.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            StopReason::Converged => "The loss has stopped falling.".into(),
            StopReason::Iterations => "All iterations of the recipe are used.".into(),
            StopReason::EarlyStopping { patience } => format!(
                "The held-out points have not been predicted better for {patience} iterations; the \
                 best prediction is kept."
            ),
            StopReason::Cancelled => "Stopped by hand; the best so far is kept.".into(),
            StopReason::CannotStart { stage, failure } => format!(
                "The loss cannot be computed at the beginning of stage {}: {}. Try other start \
                 values, tighter bounds, or a shorter horizon first.",
                stage + 1,
                failure.message
            ),
            StopReason::WrongGradient(check) => check.sentence(),
            StopReason::NothingToFit => "There are no free parameters to fit.".into(),
            StopReason::Invalid(what) => format!("Training could not begin: {what}."),
        }
    }

    /// Whether the fit may be used.
    #[must_use]
    pub fn is_success(&self) -> bool {
        match self {
            StopReason::Converged
            | StopReason::Iterations
            | StopReason::EarlyStopping { .. }
            | StopReason::Cancelled
            | StopReason::NothingToFit => true,
            StopReason::CannotStart { .. }
            | StopReason::WrongGradient(_)
            | StopReason::Invalid(_) => false,
        }
    }
}
