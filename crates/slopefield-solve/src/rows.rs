//! The save points of a solve.

use crate::{Ivp, Real, SolveError, Step, Stepper};

/// The save points still to come.
pub(crate) struct Rows<'a, T> {
    saves: &'a [f64],
    out: &'a mut [T],
    n: usize,
    next: usize,
    direction: f64,
}

impl<'a, T: Real> Rows<'a, T> {
    /// Save points of `ivp`, with a row of `out` for each.
    ///
    /// # Errors
    /// [`SolveError::Invalid`] for times outside the span or in the wrong order, and for the wrong
    /// number of rows.
    pub(crate) fn new(
        ivp: &Ivp<'_, T>,
        saves: &'a [f64],
        out: &'a mut [T],
    ) -> Result<Self, SolveError> {
        validate(ivp, saves, out.len())?;
        Ok(Rows { saves, out, n: ivp.u0.len(), next: 0, direction: ivp.direction() })
    }

    fn row(&mut self) -> &mut [T] {
        &mut self.out[self.next * self.n..(self.next + 1) * self.n]
    }

    /// Writes `state` to the rows at `t`.
    pub(crate) fn save_at(&mut self, t: f64, state: &[T]) {
        while self.next < self.saves.len() && self.saves[self.next] == t {
            self.row().copy_from_slice(state);
            self.next += 1;
        }
    }

    /// Writes the rows before `end`, which lies within the last step.
    pub(crate) fn save_before(
        &mut self,
        ivp: &Ivp<'_, T>,
        end: f64,
        stepper: &mut dyn Stepper<T>,
    ) -> Result<(), SolveError> {
        while self.next < self.saves.len() {
            let t = self.saves[self.next];
            if !((end - t) * self.direction > 0.0) {
                break;
            }
            stepper.prepare_dense(ivp);
            stepper.interpolate(t, self.row())?;
            self.next += 1;
        }
        Ok(())
    }

    /// Writes the rows of the step, its end included.
    pub(crate) fn save_step(
        &mut self,
        ivp: &Ivp<'_, T>,
        step: &Step,
        stepper: &mut dyn Stepper<T>,
    ) -> Result<(), SolveError> {
        self.save_before(ivp, step.t, stepper)?;
        self.save_at(step.t, stepper.state());
        Ok(())
    }

    /// Marks the rows that were not reached.
    pub(crate) fn abandon(&mut self) {
        self.out[self.next * self.n..].fill(T::of(f64::NAN));
    }
}

fn validate<T: Real>(ivp: &Ivp<'_, T>, saves: &[f64], out_len: usize) -> Result<(), SolveError> {
    if out_len != saves.len() * ivp.u0.len() {
        return Err(SolveError::Invalid(format!(
            "room for {out_len} values was given, but {} save times of {} states need {}",
            saves.len(),
            ivp.u0.len(),
            saves.len() * ivp.u0.len()
        )));
    }
    let direction = ivp.direction();
    let mut previous = ivp.t0;
    for (index, &t) in saves.iter().enumerate() {
        let inside = (t - ivp.t0) * direction >= 0.0 && (ivp.t1 - t) * direction >= 0.0;
        if !inside {
            return Err(SolveError::Invalid(format!(
                "save time {index} is {t}, outside the span {} to {}",
                ivp.t0, ivp.t1
            )));
        }
        if (t - previous) * direction < 0.0 {
            return Err(SolveError::Invalid(format!(
                "save time {index} is {t}, before its predecessor {previous}; sort them in the \
                 direction of integration"
            )));
        }
        previous = t;
    }
    Ok(())
}
