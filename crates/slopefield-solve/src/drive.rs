//! The loop: owns time, save points, budgets and cancellation, for every method.
//!
//! It knows nothing of methods, losses or gradients; those who need every accepted step watch
//! through a [`StepObserver`].

use crate::{Ivp, Real, Settings, SolveError, Stats, Step, Stepper};

/// Watches accepted steps, for dense storage, checkpoints and progress.
pub trait StepObserver<T: Real = f64> {
    /// Called after each accepted step. `solution` may be asked for the state at its end, for the
    /// solution within it and for its stages. An error stops the solve and is passed on.
    fn accepted(&mut self, step: &Step, solution: &mut dyn Stepper<T>) -> Result<(), SolveError>;

    /// Whether [`StepObserver::accepted`] asks for the solution within the step, which costs
    /// evaluations with some methods.
    fn interpolates(&self) -> bool {
        true
    }
}

impl<T: Real, F: FnMut(&Step, &mut dyn Stepper<T>) -> Result<(), SolveError>> StepObserver<T>
    for F
{
    fn accepted(&mut self, step: &Step, solution: &mut dyn Stepper<T>) -> Result<(), SolveError> {
        self(step, solution)
    }
}

/// Integrates `ivp` from `t0` to `t1` and writes the states at `saves` to `out`, row by row
/// (`saves.len() × n`).
///
/// `saves` ascend from `t0` to `t1` (descend when integrating backward) and may repeat. Save
/// points within a step are interpolated, so they do not change the steps; save points at `t0`
/// and at step ends are exact. On an error, rows not reached are NaN.
///
/// # Errors
/// Every [`SolveError`]; [`SolveError::Invalid`] for sizes, settings or save times that make no
/// sense.
pub fn drive<T: Real>(
    stepper: &mut dyn Stepper<T>,
    ivp: &Ivp<'_, T>,
    settings: &Settings,
    saves: &[f64],
    out: &mut [T],
    observer: Option<&mut dyn StepObserver<T>>,
) -> Result<Stats, SolveError> {
    let n = ivp.u0.len();
    ivp.validate()?;
    settings.validate(n)?;
    validate_saves(ivp, saves, out.len())?;
    let mut rows = Rows { saves, out, n, next: 0, direction: ivp.direction() };
    let result = run(stepper, ivp, settings, &mut rows, observer);
    if result.is_err() {
        rows.out[rows.next * n..].fill(T::of(f64::NAN));
    }
    result
}

fn run<T: Real>(
    stepper: &mut dyn Stepper<T>,
    ivp: &Ivp<'_, T>,
    settings: &Settings,
    rows: &mut Rows<'_, T>,
    mut observer: Option<&mut dyn StepObserver<T>>,
) -> Result<Stats, SolveError> {
    rows.save_initial(ivp);
    if ivp.t0 == ivp.t1 {
        return Ok(Stats::default());
    }
    if settings.cancelled() {
        return Err(SolveError::Cancelled { t: ivp.t0 });
    }
    stepper.start(ivp, settings)?;
    let mut t = ivp.t0;
    while t != ivp.t1 {
        if settings.cancelled() {
            return Err(SolveError::Cancelled { t });
        }
        let so_far = stepper.stats();
        if so_far.accepted + so_far.rejected >= settings.max_steps {
            return Err(SolveError::TooManySteps { t, steps: settings.max_steps });
        }
        let step = stepper.step(ivp, settings, ivp.t1)?;
        // A plugin could stand still or run past the end; built-in methods cannot.
        if !((step.t - t) * rows.direction > 0.0 && (ivp.t1 - step.t) * rows.direction >= 0.0) {
            return Err(SolveError::Invalid(format!(
                "the solver reported a step from t = {t} to t = {}, which is not progress \
                 towards t = {}",
                step.t, ivp.t1
            )));
        }
        rows.save_step(ivp, &step, stepper)?;
        if let Some(observer) = observer.as_deref_mut() {
            if observer.interpolates() {
                stepper.prepare_dense(ivp);
            }
            observer.accepted(&step, stepper)?;
        }
        t = step.t;
    }
    Ok(stepper.stats())
}

/// The save points still to come.
struct Rows<'a, T> {
    saves: &'a [f64],
    out: &'a mut [T],
    n: usize,
    next: usize,
    direction: f64,
}

impl<T: Real> Rows<'_, T> {
    fn row(&mut self) -> &mut [T] {
        &mut self.out[self.next * self.n..(self.next + 1) * self.n]
    }

    fn save_initial(&mut self, ivp: &Ivp<'_, T>) {
        while self.next < self.saves.len() && self.saves[self.next] == ivp.t0 {
            self.row().copy_from_slice(ivp.u0);
            self.next += 1;
        }
    }

    fn save_step(
        &mut self,
        ivp: &Ivp<'_, T>,
        step: &Step,
        stepper: &mut dyn Stepper<T>,
    ) -> Result<(), SolveError> {
        while self.next < self.saves.len() {
            let t = self.saves[self.next];
            if t == step.t {
                self.row().copy_from_slice(stepper.state());
            } else if (step.t - t) * self.direction > 0.0 {
                stepper.prepare_dense(ivp);
                stepper.interpolate(t, self.row())?;
            } else {
                break;
            }
            self.next += 1;
        }
        Ok(())
    }
}

fn validate_saves<T: Real>(
    ivp: &Ivp<'_, T>,
    saves: &[f64],
    out_len: usize,
) -> Result<(), SolveError> {
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
