//! Parts of a system that change its solution and that a method for differential and algebraic
//! equations cannot honour.

use crate::{Ivp, Real, SolveError};

/// Refuses systems with delays, noise or jumps. Those who handle these parts pass a right-hand
/// side without them on.
pub(crate) fn refuse_unsupported<T: Real>(ivp: &Ivp<'_, T>, who: &str) -> Result<(), SolveError> {
    let structure = ivp.rhs.structure();
    let part = if structure.delays.is_some() {
        "delays"
    } else if structure.noise.is_some() {
        "noise"
    } else if structure.jumps.is_some() {
        "random jumps"
    } else {
        return Ok(());
    };
    Err(SolveError::Invalid(format!(
        "{who} takes no systems with {part}; there are methods for these"
    )))
}
