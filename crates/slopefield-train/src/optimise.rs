//! Optimisers as state machines: one call is one iteration, and all memory is plain data.
//!
//! They know a function with a gradient and nothing of models. A failed evaluation is an infinite
//! value; an interruption leaves the state as it was, so that a checkpoint taken there resumes
//! with the same bits.

mod adam;
mod cholesky;
mod cma_es;
mod compact;
mod lbfgs;
mod lbfgsb;
mod levenberg_marquardt;
mod line_search;
mod pairs;
pub(crate) mod symmetric;

pub use adam::{Adam, AdamSettings, AdamWork, Clip, Schedule};
pub use cma_es::{CmaEs, CmaEsSettings, CmaEsWork, ValuesFn};
pub use lbfgs::{Lbfgs, LbfgsSettings, LbfgsWork};
pub use lbfgsb::{Bounds, Lbfgsb, LbfgsbWork};
pub use levenberg_marquardt::{
    InformationFn, LevenbergMarquardt, LevenbergMarquardtSettings, LevenbergMarquardtWork,
};

/// The function to minimise: returns its value at the point and writes its gradient.
pub type EvaluateFn<'a> = dyn FnMut(&[f64], &mut [f64]) -> Result<f64, StepError> + 'a;

/// Why an evaluation or an iteration gave nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepError {
    /// The function has no value there.
    Failed,
    /// Somebody wants everything to stop.
    Interrupted,
}

/// Result of an iteration that went through.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stepped {
    /// Moved on.
    Moved,
    /// The gradient is negligible.
    Stationary,
    /// The value has stopped falling.
    Settled,
    /// No lower value can be found along the search directions: the accuracy of the function is
    /// reached.
    Exhausted,
}

/// Whether every element is finite.
pub(crate) fn all_finite(v: &[f64]) -> bool {
    v.iter().all(|x| x.is_finite())
}

/// Inner product.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Largest absolute value.
pub(crate) fn max_abs(v: &[f64]) -> f64 {
    v.iter().fold(0.0, |m, x| m.max(x.abs()))
}

/// Evaluates and turns whatever is not finite into a failure.
pub(crate) fn evaluate_finite(
    evaluate: &mut EvaluateFn<'_>,
    z: &[f64],
    gradient: &mut [f64],
) -> Result<f64, StepError> {
    let value = evaluate(z, gradient)?;
    if value.is_finite() && all_finite(gradient) { Ok(value) } else { Err(StepError::Failed) }
}

#[cfg(test)]
mod tests;
