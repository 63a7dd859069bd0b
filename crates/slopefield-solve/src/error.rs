//! Why a solve stopped early.

use crate::Real;

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
    /// The equations of an implicit step could not be solved, however small the step.
    #[error("the equations of a step could not be solved at t = {t} with steps down to {h:e}")]
    NotConverged {
        /// Time.
        t: f64,
        /// Last step tried.
        h: f64,
    },
    /// A matrix that an implicit step needs is singular, however small the step.
    #[error("the equations are singular at t = {t}")]
    Singular {
        /// Time.
        t: f64,
    },
    /// Initial values do not satisfy the algebraic equations, and none near them were found.
    #[error("no consistent initial values: equation {equation} is off by {residual:e} at t = {t}")]
    Inconsistent {
        /// Time.
        t: f64,
        /// Index of the equation that is violated most.
        equation: usize,
        /// By how much.
        residual: f64,
    },
    /// Newton's iteration for a steady state found none.
    #[error(
        "no steady state was found at t = {t} in {iterations} iterations; the slope of state {state} \
         is still {slope:e}"
    )]
    NoSteadyState {
        /// Time at which the equations were to rest.
        t: f64,
        /// Iterations made.
        iterations: u64,
        /// The state farthest from rest.
        state: usize,
        /// Its slope.
        slope: f64,
    },
    /// Events follow each other without end (Zeno).
    #[error("{count} events happened at t = {t} without time passing")]
    EventStorm {
        /// Time.
        t: f64,
        /// Index of the last event.
        event: usize,
        /// How many.
        count: u64,
    },
    /// A lag is negative or not finite.
    #[error("lag {lag} is {value} at t = {t}; lags are 0 or more")]
    BadLag {
        /// Time.
        t: f64,
        /// Index of the lag.
        lag: usize,
        /// Its value.
        value: f64,
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
    /// The time that the solve was given is over.
    #[error("the time allowed was used up; stopped at t = {t}")]
    OutOfTime {
        /// Time reached.
        t: f64,
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
    /// [`SolveError::NonFinite`] with a state in numbers of any type.
    pub fn non_finite<T: Real>(t: f64, state: usize, u: &[T]) -> Self {
        SolveError::NonFinite { t, state, u: u.iter().map(|x| x.f64()).collect() }
    }

    /// What the user could try, shown under the message. Empty where the message says it all.
    pub fn advice(&self) -> &'static str {
        match self {
            SolveError::StepTooSmall { .. } => {
                "The solution may blow up here, the problem may be stiff, or tolerances may be so \
                 loose that the solution has gone astray: try an implicit method, tighter or looser \
                 tolerances, a shorter time span, and look at the parameters near this time."
            }
            SolveError::NonFinite { .. } => {
                "Look for a division by zero, or a logarithm, root or power of a negative \
                 number, in this state's equation at the values given."
            }
            SolveError::TooManySteps { .. } => {
                "Loosen the tolerances or raise the step budget; a stiff problem needs an \
                 implicit method."
            }
            SolveError::OutOfTime { .. } => {
                "Allow more time, loosen the tolerances, or shorten the time span; a stiff problem \
                 needs an implicit method."
            }
            SolveError::NotConverged { .. } => {
                "The equations may have a kink or a jump here, or no solution beyond it: look at \
                 the states near this time, or try another implicit method."
            }
            SolveError::Singular { .. } => {
                "Some equations may not determine their states here: look for an algebraic \
                 variable that its equation does not contain, or a mass matrix without full rank."
            }
            SolveError::Inconsistent { .. } => {
                "Give starting values that satisfy the algebraic equations more closely, or \
                 better guesses for the algebraic variables."
            }
            SolveError::NoSteadyState { .. } => {
                "The model may have no steady state near these values, as when it oscillates or \
                 grows for ever: simulate it for a while and start from where it ends."
            }
            SolveError::EventStorm { .. } => {
                "Events pile up, as with a ball that bounces ever lower: add an event that stops \
                 or changes the motion when it has become small."
            }
            SolveError::BadLag { .. } => {
                "A delay must not look into the future: keep its parameters in a range where the \
                 lag is positive, for example with `in [lo, hi]`."
            }
            SolveError::Plugin { .. } => "Try a built-in method, such as tsit5.",
            SolveError::Cancelled { .. } | SolveError::Invalid(_) => "",
        }
    }
}
