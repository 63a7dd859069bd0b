//! Why an evaluation gave no loss.

use slopefield_solve::SolveError;

/// A failed evaluation. It counts as an infinite loss.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What kind.
    pub kind: FailureKind,
    /// Index of the experiment.
    pub experiment: Option<usize>,
    /// Time in the model.
    pub time: Option<f64>,
    /// Index of the state.
    pub state: Option<usize>,
    /// Index of the observation.
    pub observation: Option<usize>,
    /// The whole story in one sentence, with the experiment's name.
    pub message: String,
    /// The state vector there, if known; of a search for rest see [`Failure::restless`].
    pub u: Vec<f64>,
}

/// Kinds of failure that callers treat differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// Somebody cancelled.
    Cancelled,
    /// The solver stopped before the end.
    Solve,
    /// There is no steady state where one was measured.
    Restless,
    /// A measurement has no likelihood under the model's value or noise.
    Noise,
    /// A parameter lies where its prior has no density.
    Prior,
    /// A parameter, an initial value, the loss or its gradient is not finite.
    NonFinite,
}

impl Failure {
    /// Whether it came from a cancellation, not from the model.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.kind == FailureKind::Cancelled
    }

    /// Iterations of a search for a steady state that found none, and the slope that is left of the
    /// state farthest from rest.
    #[must_use]
    pub fn restless(&self) -> Option<(u64, f64)> {
        match (self.kind, self.u.as_slice()) {
            (FailureKind::Restless, [slope, iterations]) => Some((*iterations as u64, *slope)),
            _ => None,
        }
    }

    pub(crate) fn new(kind: FailureKind, message: String) -> Failure {
        Failure {
            kind,
            experiment: None,
            time: None,
            state: None,
            observation: None,
            message,
            u: Vec::new(),
        }
    }

    pub(crate) fn from_solve(experiment: usize, name: &str, error: SolveError) -> Failure {
        let message = format!("experiment {name}: {error}");
        let mut failure = Failure::new(FailureKind::Solve, message);
        failure.experiment = Some(experiment);
        match error {
            SolveError::Cancelled { t } => {
                failure.kind = FailureKind::Cancelled;
                failure.time = Some(t);
            }
            SolveError::NonFinite { t, state, u } => {
                failure.time = Some(t);
                failure.state = Some(state);
                failure.u = u;
            }
            SolveError::StepTooSmall { t, .. }
            | SolveError::NotConverged { t, .. }
            | SolveError::Singular { t }
            | SolveError::Inconsistent { t, .. }
            | SolveError::EventStorm { t, .. }
            | SolveError::BadLag { t, .. }
            | SolveError::TooManySteps { t, .. }
            | SolveError::OutOfTime { t }
            | SolveError::Plugin { t, .. } => failure.time = Some(t),
            SolveError::NoSteadyState { t, iterations, state, slope } => {
                failure.time = Some(t);
                failure.state = Some(state);
                failure.kind = FailureKind::Restless;
                failure.u = vec![slope, iterations as f64];
            }
            SolveError::Invalid(_) => {}
        }
        failure
    }
}
