//! Jumps of the right-hand side at times that nobody announced.
//!
//! The error of a step across a jump is about jump times length, so error control halves the steps
//! until they are short enough. A large jump, or a state that begins at 0 and is to be small, may ask for
//! steps that the numbers of time cannot express. The shortest step that they can is then taken all the
//! same: it moves the jump by less than its own length, some units in the last place of the time, and
//! nothing more accurate can be said. That holds for jumps only. Where the right-hand side grows without
//! bounds a short step may do any harm, and the solve ends.

use crate::{ErrorNorm, Ivp, OneStep, Real, Stats};

/// The right-hand side is looked at so many lengths of the step away from it.
const AWAY: f64 = 32.0;

/// Changes outside the step up to this part of the change within are none.
const FLAT: f64 = 0.1;

/// The error of a step across a jump is at most so many times jump times length.
const SHARE: f64 = 10.0;

/// Whether the right-hand side jumps within the attempt at `span`, rather than growing without bounds
/// near it: before and behind it changes little, and the jump explains the error, whose squared norm
/// is `error`.
pub(crate) fn is_jump<T: Real, M: OneStep<T>>(
    method: &mut M,
    ivp: &Ivp<'_, T>,
    norm: &ErrorNorm,
    (span, error): ((f64, f64), f64),
    counts: &mut Stats,
) -> bool {
    let away = AWAY * (span.1 - span.0);
    let (before, mut behind) = (method.beginning().to_vec(), method.end().to_vec());
    let n = before.len();
    let mut value = |t: f64, u: &[T]| {
        let mut out = vec![T::ZERO; n];
        method.value(ivp, t, u, &mut out, counts);
        out
    };
    let difference = |mut a: Vec<T>, b: &[T]| {
        for (a, b) in a.iter_mut().zip(b) {
            *a -= *b;
        }
        norm.of_value(&a, &before)
    };
    let first = value(span.0, &before);
    let last = value(span.1, &behind);
    let earlier = value(span.0 - away, &before);
    if ivp.rhs.structure().mass.is_none() {
        for (u, slope) in behind.iter_mut().zip(&last) {
            *u += T::of(away) * *slope;
        }
    }
    let later = value(span.1 + away, &behind);
    let (left, right) = (difference(earlier, &first), difference(later, &last));
    let jump = difference(last, &first);
    // Not so where one of them is NaN.
    let explained = error.sqrt() <= SHARE * jump * (span.1 - span.0).abs();
    jump.is_finite() && explained && left <= FLAT * jump && right <= FLAT * jump
}
