//! Parts of a system that change its solution and that a method cannot honour.

use crate::{Ivp, Real, SolveError};
use slopefield_kernel::Part;

/// Refuses systems with delays, noise or jumps. Those who handle these parts pass a right-hand
/// side without them on. `who` begins the sentence.
pub(crate) fn refuse_unsupported<T: Real>(ivp: &Ivp<'_, T>, who: &str) -> Result<(), SolveError> {
    match ivp.rhs.structure().beyond(&[Part::Mass, Part::Events]) {
        Some(part) => Err(SolveError::Invalid(format!(
            "{who} takes no systems with {}; there are methods for these",
            part.words()
        ))),
        None => Ok(()),
    }
}

/// Refuses in addition what the method `id` for explicit equations cannot solve.
pub(crate) fn refuse_all_but_explicit<T: Real>(
    ivp: &Ivp<'_, T>,
    id: &str,
) -> Result<(), SolveError> {
    if ivp.rhs.structure().mass.is_some() {
        return Err(SolveError::Invalid(format!(
            "the method {id} solves no equations with a mass matrix or algebraic variables; use \
             rodas5p, radau or bdf"
        )));
    }
    refuse_unsupported(ivp, id)
}
