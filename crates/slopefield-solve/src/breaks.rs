//! Times at which the functions of a system are not smooth: steps end there.
//!
//! A step that ends at a jump must not see what lies behind it, and functions have at the time of a
//! jump the values of later times. So steps end a little before it, at its near side, and go on at
//! the time itself: methods that remember nothing of earlier steps take a step across the gap, as
//! long as a few units in the last place of the time; others begin again behind it.

use crate::{Ivp, Real, Settings, SolveError, Stats, Step, Stepper};
use slopefield_kernel::Break;

/// Width of the gap at a jump, in units in the last place of the largest time of the solve: times
/// within a step that ends at its near side do not round to the other side. It is wider than what
/// [`crate::events`] takes for one instant.
const GAP_ULPS: f64 = 16.0;

/// Whether a step is one across a gap, which says nothing about the solution.
pub(crate) fn is_gap<T: Real>(step: &Step, ivp: &Ivp<'_, T>) -> bool {
    let width = 2.0 * GAP_ULPS * f64::EPSILON * ivp.t0.abs().max(ivp.t1.abs());
    let jumps = || ivp.rhs.structure().breaks.iter().filter(|b| b.jump);
    (step.t - step.t_prev).abs() <= width && jumps().any(|b| (b.t - step.t).abs() <= width)
}

/// The breaks of one solve.
pub(crate) struct Breaks<'a> {
    list: &'a [Break],
    gap: f64,
    forward: bool,
    /// Also methods of one step begin again at jumps: algebraic variables may jump there.
    algebraic: bool,
}

impl<'a> Breaks<'a> {
    /// The breaks of the system of `ivp`; none when it has none.
    ///
    /// # Errors
    /// [`SolveError::Invalid`] for times that are not finite or do not ascend.
    pub(crate) fn new<T: Real>(ivp: &Ivp<'a, T>) -> Result<Option<Self>, SolveError> {
        let structure = ivp.rhs.structure();
        let (Some(first), Some(last)) = (structure.breaks.first(), structure.breaks.last()) else {
            return Ok(None);
        };
        let ascending = structure.breaks.windows(2).all(|pair| pair[0].t < pair[1].t);
        if !ascending || !first.t.is_finite() || !last.t.is_finite() {
            return Err(SolveError::Invalid(
                "the times at which the system is not smooth must be finite and ascend".into(),
            ));
        }
        let largest = ivp.t0.abs().max(ivp.t1.abs());
        Ok(Some(Breaks {
            list: structure.breaks,
            gap: GAP_ULPS * f64::EPSILON * largest,
            forward: ivp.t1 >= ivp.t0,
            algebraic: structure.mass.is_some(),
        }))
    }

    /// Where a step from `t` must end at the latest: at the break itself, or at the near side.
    pub(crate) fn limit(&self, t: f64, end: f64) -> f64 {
        if self.forward {
            let next = self.list.partition_point(|b| b.t <= t);
            match self.list.get(next) {
                Some(b) if b.jump && b.t - self.gap > t => end.min(b.t - self.gap),
                Some(b) => end.min(b.t),
                None => end,
            }
        } else {
            // The near side from above is the time itself.
            let next = self.list.partition_point(|b| b.t - self.gap < t);
            match next.checked_sub(1).map(|i| self.list[i]) {
                Some(b) if b.jump && b.t < t => end.max(b.t),
                Some(b) => end.max(b.t - self.gap),
                None => end,
            }
        }
    }

    /// Where a method that has come to `t` must begin again: there, or across the gap. With
    /// `remembers` it would use what it knows of earlier steps.
    pub(crate) fn begin_again(&self, t: f64, end: f64, remembers: bool) -> Option<f64> {
        let first = self.list.partition_point(|b| b.t < t);
        let mut near = self.list[first..].iter().take_while(|b| b.t - 2.0 * self.gap <= t);
        let b = near.find(|b| b.t == t || b.t - self.gap == t)?;
        let behind = if self.forward { b.t } else { b.t - self.gap };
        if t == behind {
            return remembers.then_some(t);
        }
        let within = if self.forward { behind.min(end) } else { behind.max(end) };
        (b.jump && (remembers || self.algebraic)).then_some(within)
    }
}

/// The gap at a jump as a step, for those who watch: the state has its new value.
pub(crate) struct Hop<'a, T: Real> {
    /// Has begun again behind the jump.
    pub(crate) behind: &'a mut dyn Stepper<T>,
}

impl<T: Real> Stepper<T> for Hop<'_, T> {
    fn start(&mut self, ivp: &Ivp<'_, T>, settings: &Settings) -> Result<(), SolveError> {
        self.behind.start(ivp, settings)
    }

    fn restart(&mut self, ivp: &Ivp<'_, T>, settings: &Settings) -> Result<(), SolveError> {
        self.behind.restart(ivp, settings)
    }

    fn step(
        &mut self,
        ivp: &Ivp<'_, T>,
        settings: &Settings,
        t_limit: f64,
    ) -> Result<Step, SolveError> {
        self.behind.step(ivp, settings, t_limit)
    }

    fn begins_again_at_breaks(&self) -> bool {
        self.behind.begins_again_at_breaks()
    }

    fn state(&self) -> &[T] {
        self.behind.state()
    }

    fn interpolate(&mut self, _: f64, out: &mut [T]) -> Result<(), SolveError> {
        out.copy_from_slice(self.behind.state());
        Ok(())
    }

    fn delayed(&mut self, ivp: &Ivp<'_, T>, t: f64, out: &mut [T]) -> Result<(), SolveError> {
        self.behind.delayed(ivp, t, out)
    }

    fn stats(&self) -> Stats {
        self.behind.stats()
    }
}
