//! Gradients through solvers.
//!
//! *Invariant:* never changes what `slopefield-solve` computed: gradients are of the very
//! trajectory the user sees.

use slopefield_solve::{Ivp, Settings, SolveError, Stats};

/// A loss of the states at the save times. Called once per gradient with the states row by row
/// (`saves.len() × n`); writes the derivative of the loss with respect to each of them (same
/// layout, given zeroed) and returns the loss. May also collect gradients that do not pass
/// through the trajectory on its own side.
pub type Loss<'a> = dyn FnMut(&[f64], &mut [f64]) -> f64 + 'a;

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
}

/// One way of computing `d loss / d(u0, p)`. Instances keep their work arrays between calls.
pub trait GradientMethod: Send {
    /// Name shown to users: `forward`, `discrete`, `gauss`.
    fn name(&self) -> &'static str;
    /// Solves, evaluates the loss and *writes* its gradient with respect to the initial state to
    /// `grad_u0` and to the parameters (through the right-hand side only) to `grad_p`.
    /// `saves` ascend from `t0` to `t1` (descend when integrating backward).
    fn evaluate(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        loss: &mut Loss<'_>,
        grad_u0: &mut [f64],
        grad_p: &mut [f64],
    ) -> Result<Evaluated, SolveError>;
}
