//! The interface of every gradient method.

use crate::{PathGradient, StateSensitivities};
use slopefield_kernel::Part;
use slopefield_solve::{Ivp, Settings, SolveError, Stats};

/// A loss of the states at the save times. Called once per gradient with the states row by row
/// (`saves.len() × n`); writes the derivative of the loss with respect to each of them (same
/// layout, given zeroed) and returns the loss. May also collect gradients that do not pass
/// through the trajectory on its own side. After [`GradientMethod::show_delayed`], each row has the
/// delayed values of the system behind the states.
pub type Loss<'a> = dyn FnMut(&[f64], &mut [f64]) -> f64 + 'a;

/// Bytes of tape, records and checkpoints that a method may hold unless told otherwise.
pub const DEFAULT_MEMORY: u64 = 256 << 20;

/// Result of one gradient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evaluated {
    /// What the loss function returned.
    pub loss: f64,
    /// Counters of the forward solve.
    pub forward: Stats,
    /// Right-hand sides evaluated and vector–Jacobian products in the reverse pass.
    pub reverse_products: u64,
    /// Bytes of checkpoints and tape at the peak.
    pub memory: u64,
    /// Derivative of the loss by the start time `t0`, at fixed initial state and save times, from
    /// methods that know it, some of them when they are asked to (`with_start_time`).
    pub by_start_time: Option<f64>,
}

/// One way of computing `d loss / d(u0, p)`. Instances keep their work arrays between calls.
pub trait GradientMethod: Send {
    /// Name shown to users: `forward`, `discrete`, `gauss`.
    fn name(&self) -> &'static str;
    /// Solves, evaluates the loss and *writes* its gradient with respect to the initial state to
    /// `grad_u0` and to the parameters (through the right-hand side only) to `grad_p`.
    /// `saves` ascend from `t0` to `t1` (descend when integrating backward).
    ///
    /// # Errors
    /// Those of the forward solve. A derivative that is not finite although the trajectory is
    /// (a square root at zero, say) is [`SolveError::NonFinite`] at the step where it arose, or
    /// [`SolveError::Invalid`] naming the parameter when it is one by a parameter.
    fn evaluate(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        loss: &mut Loss<'_>,
        grad_u0: &mut [f64],
        grad_p: &mut [f64],
    ) -> Result<Evaluated, SolveError>;

    /// From now on shows losses, behind the states at each save time, the delayed values that the system
    /// reads there, and follows the derivatives by them; false of methods that cannot. At the instant of
    /// an event they are those before it, and after an event that stops the solve they are NaN.
    fn show_delayed(&mut self) -> bool {
        false
    }

    /// What gives the derivatives of the saved states over the very steps that this method
    /// differentiates, with delayed values behind them where the method shows those; none where it does not
    /// go step by step.
    fn state_sensitivities(&self) -> Option<Box<dyn StateSensitivities>> {
        None
    }

    /// The gradient along one random path as a term of a mean, of methods that estimate gradients
    /// of means; none where [`GradientMethod::evaluate`] is already that of one path.
    fn along_paths(&mut self) -> Option<&mut dyn PathGradient> {
        None
    }
}

/// Checks the lengths of the two gradients, and that the system has no part besides those that the
/// method honours, whose derivative would be left out.
pub(crate) fn validate_gradients(
    ivp: &Ivp<'_>,
    grad_u0: &[f64],
    grad_p: &[f64],
    honoured: &[Part],
) -> Result<(), SolveError> {
    if grad_u0.len() != ivp.u0.len() || grad_p.len() != ivp.p.len() {
        return Err(SolveError::Invalid(format!(
            "room for gradients of {} initial values and {} parameters was given, but the \
             problem has {} and {}",
            grad_u0.len(),
            grad_p.len(),
            ivp.u0.len(),
            ivp.p.len()
        )));
    }
    validate_parts(ivp, honoured)
}

/// Checks that the system has no part besides those that the method honours.
pub(crate) fn validate_parts(ivp: &Ivp<'_>, honoured: &[Part]) -> Result<(), SolveError> {
    let structure = ivp.rhs.structure();
    if structure.mass.is_some() && structure.breaks.iter().any(|b| b.jump) {
        return Err(SolveError::Invalid(
            "gradients of systems with algebraic variables or a mass matrix do not go across jumps of \
             an input; use linear or cubic interpolation"
                .into(),
        ));
    }
    match structure.beyond(honoured) {
        Some(part) => Err(SolveError::Invalid(format!(
            "this gradient method does not differentiate systems with {}",
            part.words()
        ))),
        None => Ok(()),
    }
}

/// Refuses a gradient that is not finite although the loss's own derivatives are: some derivative
/// of the right-hand side is infinite or undefined where its value is not.
pub(crate) fn ensure_finite(
    ivp: &Ivp<'_>,
    by_state: &[f64],
    grad_u0: &[f64],
    grad_p: &[f64],
) -> Result<(), SolveError> {
    if first_not_finite(by_state).is_some() {
        return Ok(()); // the loss said so itself
    }
    if let Some(state) = first_not_finite(grad_u0) {
        return Err(SolveError::NonFinite { t: ivp.t0, state, u: ivp.u0.to_vec() });
    }
    match first_not_finite(grad_p) {
        Some(parameter) => Err(parameter_not_finite(parameter)),
        None => Ok(()),
    }
}

/// Where the first number stands that is not finite. Runs are looked at as a whole first: a million weights
/// one by one would take a hundredth of their gradient.
fn first_not_finite(x: &[f64]) -> Option<usize> {
    let all_finite = |run: &[f64]| run.iter().fold(true, |all, x| all & x.is_finite());
    let bad = x.chunks(64).position(|run| !all_finite(run))?;
    x[64 * bad..].iter().position(|x| !x.is_finite()).map(|at| 64 * bad + at)
}

/// The error for a derivative by a parameter that is not finite.
pub(crate) fn parameter_not_finite(parameter: usize) -> SolveError {
    SolveError::Invalid(format!(
        "the derivative of the right-hand side by parameter number {} is not finite somewhere \
         on the trajectory, although its value is",
        parameter + 1
    ))
}
