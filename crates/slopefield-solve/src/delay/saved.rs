//! Delayed values at save times.

use crate::{Ivp, Settings, SolveError, Stats, Step, StepObserver, Stepper, drive};

/// Notes the delayed values that a system with delays reads at save times, as a solver has them there. At
/// the instant of an event they are those before it; not reached, they are NaN.
pub struct DelayedRows<'a> {
    ivp: Ivp<'a>,
    saves: &'a [f64],
    width: usize,
    /// Save times that have been passed.
    passed: usize,
    rows: Vec<f64>,
}

impl<'a> DelayedRows<'a> {
    /// `width` values at each of the `saves`; with 0 nothing is done.
    #[must_use]
    pub fn new(ivp: Ivp<'a>, saves: &'a [f64], width: usize) -> Self {
        let rows = vec![f64::NAN; saves.len() * width];
        DelayedRows { ivp, saves, width, passed: 0, rows }
    }

    /// The values, row by row.
    #[must_use]
    pub fn rows(&self) -> &[f64] {
        &self.rows
    }
}

impl StepObserver for DelayedRows<'_> {
    fn accepted(&mut self, step: &Step, solution: &mut dyn Stepper) -> Result<(), SolveError> {
        if self.width == 0 {
            return Ok(());
        }
        let direction = self.ivp.direction();
        while let Some(&t) = self.saves.get(self.passed)
            && (step.t - t) * direction >= 0.0
        {
            let row = self.passed * self.width..(self.passed + 1) * self.width;
            solution.delayed(&self.ivp, t, &mut self.rows[row])?;
            self.passed += 1;
        }
        Ok(())
    }

    fn interpolates(&self) -> bool {
        self.width > 0
    }
}

/// [`drive`], with the delayed values behind the states: rows of as many numbers as the right-hand side
/// takes.
///
/// # Errors
/// Those of [`drive`].
pub fn drive_with_delayed(
    stepper: &mut dyn Stepper,
    ivp: &Ivp<'_>,
    settings: &Settings,
    saves: &[f64],
    out: &mut [f64],
) -> Result<Stats, SolveError> {
    let (n, all) = (ivp.u0.len(), ivp.rhs.shape().states);
    let mut states = vec![0.0; saves.len() * n];
    let mut delayed = DelayedRows::new(*ivp, saves, all - n);
    let solved = drive(stepper, ivp, settings, saves, &mut states, Some(&mut delayed));
    for (row, out) in out.chunks_exact_mut(all).enumerate() {
        out[..n].copy_from_slice(&states[row * n..(row + 1) * n]);
        out[n..].copy_from_slice(&delayed.rows[row * (all - n)..(row + 1) * (all - n)]);
    }
    solved
}
