//! Iterations continued until nothing but rounding is left.

use super::Verdict;
use crate::Real;

/// Iterations at most. At the rates at which steps are accepted 20 are plenty.
const LIMIT: u32 = 200;

/// Updates below this part of a state no longer tell anything in double precision.
const ROUNDING: f64 = 4.0 * f64::EPSILON;

/// Updates that do not fall although they are above this, in units of the tolerances, diverge.
const NOISE: f64 = 1e-4;

/// Judges the updates of an iteration that is to end at rounding. Components may differ in size by
/// many orders and each is wanted to its last digit, so it looks at the largest update relative to
/// its state; where a component is nothing but rounding, at the norm of all of them. The iteration
/// has ended when neither falls any more.
#[derive(Debug)]
pub(crate) struct ToRounding {
    iteration: u32,
    /// The smallest updates so far, in both measures,
    relative: f64,
    scaled: f64,
    /// and how many since were not clearly smaller.
    stagnant: u32,
}

impl Default for ToRounding {
    fn default() -> Self {
        ToRounding { iteration: 0, relative: f64::INFINITY, scaled: f64::INFINITY, stagnant: 0 }
    }
}

impl ToRounding {
    /// Judges an update whose largest part of a state is `relative` and whose norm in units of the
    /// tolerances is `scaled`.
    pub(crate) fn judge(&mut self, relative: f64, scaled: f64) -> Verdict {
        self.iteration += 1;
        if !scaled.is_finite() || self.iteration > LIMIT {
            return Verdict::Hopeless { factor: 0.5 };
        }
        if relative <= ROUNDING {
            return Verdict::Converged;
        }
        let falls = relative < 0.8 * self.relative || scaled < 0.8 * self.scaled;
        self.relative = self.relative.min(relative);
        self.scaled = self.scaled.min(scaled);
        self.stagnant = if falls { 0 } else { self.stagnant + 1 };
        match self.stagnant {
            0..3 => Verdict::Again,
            _ if scaled <= NOISE => Verdict::Converged,
            // The first updates of a slow iteration may grow.
            3..10 => Verdict::Again,
            _ => Verdict::Hopeless { factor: 0.5 },
        }
    }
}

/// The largest update times `factor` relative to the state that it belongs to; states of 0 count
/// only where they move.
pub(crate) fn largest_part<T: Real>(update: &[T], factor: f64, state: &[T]) -> f64 {
    update.iter().zip(state).fold(0.0, |largest, (update, state)| {
        let moved = (factor * update.f64()).abs();
        let part = if moved == 0.0 { 0.0 } else { moved / state.f64().abs() };
        if part <= largest { largest } else { part }
    })
}
