//! The loop: owns time, save points, events, budgets and cancellation, for every method.
//!
//! It knows nothing of methods, losses or gradients; those who need every accepted step watch
//! through a [`StepObserver`].

use crate::breaks::{Breaks, Hop};
use crate::events::{Cut, EventLoop, Happening, Stop};
use crate::rows::Rows;
use crate::{Ivp, Real, Settings, SolveError, Stats, Step, Stepper};

/// Watches accepted steps and events, for dense storage, checkpoints and progress.
pub trait StepObserver<T: Real = f64> {
    /// Called after each accepted step. `solution` may be asked for the state at its end, for the
    /// solution within it and for its stages. An error stops the solve and is passed on.
    ///
    /// A step within which an event changes the state or stops the solve ends there, before the
    /// event; it has no stages then, and [`StepObserver::cut`] was called before.
    fn accepted(&mut self, step: &Step, solution: &mut dyn Stepper<T>) -> Result<(), SolveError>;

    /// Whether [`StepObserver::accepted`] asks for the solution within the step, which costs
    /// evaluations with some methods.
    fn interpolates(&self) -> bool {
        true
    }

    /// Called before [`StepObserver::accepted`] shows a step that an event cuts short, with the step
    /// as the method took it: the solution up to the event is the one within this whole step.
    fn cut(&mut self, whole: &Step) {
        let _ = whole;
    }

    /// Called for each event, after the step up to it was accepted (for events that change
    /// nothing, before the step that contains it is). An error stops the solve and is passed on.
    fn happened(&mut self, happening: &Happening<'_, T>) -> Result<(), SolveError> {
        let _ = happening;
        Ok(())
    }
}

impl<T: Real, F: FnMut(&Step, &mut dyn Stepper<T>) -> Result<(), SolveError>> StepObserver<T>
    for F
{
    fn accepted(&mut self, step: &Step, solution: &mut dyn Stepper<T>) -> Result<(), SolveError> {
        self(step, solution)
    }
}

/// How a solve ended.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Outcome {
    /// Counters.
    pub stats: Stats,
    /// The event that ended it before its time, if one did.
    pub stop: Option<Stop>,
}

/// Integrates `ivp` from `t0` to `t1` and writes the states at `saves` to `out`, row by row
/// (`saves.len() × n`). [`drive_to_stop`] also tells whether an event ended the solve early.
///
/// `saves` ascend from `t0` to `t1` (descend when integrating backward) and may repeat. Save
/// points within a step are interpolated, so they do not change the steps; save points at `t0`
/// and at step ends are exact. At the instant of an event the state after it is saved; the one
/// before is in [`Happening::before`]. On an error, and after an event that stops the solve, rows
/// not reached are NaN.
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
    drive_to_stop(stepper, ivp, settings, saves, out, observer).map(|outcome| outcome.stats)
}

/// [`drive`], with the event that ended the solve.
///
/// # Errors
/// Those of [`drive`].
pub fn drive_to_stop<T: Real>(
    stepper: &mut dyn Stepper<T>,
    ivp: &Ivp<'_, T>,
    settings: &Settings,
    saves: &[f64],
    out: &mut [T],
    observer: Option<&mut dyn StepObserver<T>>,
) -> Result<Outcome, SolveError> {
    ivp.validate()?;
    settings.validate(ivp.u0.len())?;
    let mut rows = Rows::new(ivp, saves, out)?;
    let mut stepper = Driven { stepper, ivp, settings, spent: Stats::default() };
    let result = stepper.run(&mut rows, observer);
    if !matches!(result, Ok(None)) {
        rows.abandon();
    }
    Ok(Outcome { stop: result?, stats: stepper.spent })
}

/// A solve on its way.
struct Driven<'a, 'i, T: Real> {
    stepper: &'a mut dyn Stepper<T>,
    ivp: &'a Ivp<'i, T>,
    settings: &'a Settings,
    /// Counters; those of the stepper, which begins again after events, are added at its end.
    spent: Stats,
}

impl<T: Real> Driven<'_, '_, T> {
    fn run(
        &mut self,
        rows: &mut Rows<'_, T>,
        mut observer: Option<&mut dyn StepObserver<T>>,
    ) -> Result<Option<Stop>, SolveError> {
        let (ivp, settings) = (self.ivp, self.settings);
        let mut events = EventLoop::new(ivp, settings)?;
        let mut stop = None;
        let at_once = events.as_ref().is_some_and(|events| events.scheduled_at(ivp.t0));
        if ivp.t0 == ivp.t1 && !at_once {
            rows.save_at(ivp.t0, ivp.u0);
            return Ok(None);
        }
        if let Some(interruption) = settings.interruption(ivp.t0) {
            return Err(interruption);
        }
        self.stepper.start(ivp, settings)?;
        if let Some(events) = &mut events {
            events.begin(ivp, self.stepper, ivp.t0)?;
            events.reach(ivp, self.stepper, ivp.t0, ivp.t0)?;
            stop = events.happen(
                ivp,
                settings,
                self.stepper,
                ivp.t0,
                &mut self.spent,
                reborrow(&mut observer),
            )?;
            rows.save_at(ivp.t0, events.state(ivp));
        } else {
            rows.save_at(ivp.t0, self.stepper.state());
        }
        let mut t = ivp.t0;
        let breaks = Breaks::new(ivp)?;
        // Where the method has begun last.
        let mut fresh = t;
        let mut state = if breaks.is_some() { vec![T::ZERO; ivp.u0.len()] } else { Vec::new() };
        while t != ivp.t1 && stop.is_none() {
            self.check_budget(t)?;
            let mut limit = events.as_ref().map_or(ivp.t1, |events| events.limit(ivp, t));
            if let Some(breaks) = &breaks {
                let remembers = self.stepper.begins_again_at_breaks();
                if fresh != t
                    && let Some(behind) = breaks.begin_again(t, ivp.t1, remembers)
                {
                    state.copy_from_slice(self.stepper.state());
                    self.begin_again(behind, &state)?;
                    fresh = behind;
                    if behind != t {
                        let step = Step { t_prev: t, t: behind, rejected: 0 };
                        (t, stop) = self.hop(&step, &mut events, rows, reborrow(&mut observer))?;
                    }
                    continue;
                }
                limit = breaks.limit(t, limit);
            }
            // Read where it was written: a copy as a block would wait for its parts to be stored.
            let taken = self.stepper.step(ivp, settings, limit);
            let step = match &taken {
                Ok(step) => step,
                Err(_) => return taken.map(|_| None),
            };
            self.check_progress(t, step, limit)?;
            (t, stop) = self.pass(step, &mut events, rows, reborrow(&mut observer))?;
        }
        self.spent += self.stepper.stats();
        Ok(stop)
    }

    /// Deals with a step that was taken: saves, observers, events. Returns where the solution has got
    /// to, and the event that stopped it.
    #[inline]
    fn pass(
        &mut self,
        step: &Step,
        events: &mut Option<EventLoop<'_, T>>,
        rows: &mut Rows<'_, T>,
        observer: Option<&mut dyn StepObserver<T>>,
    ) -> Result<(f64, Option<Stop>), SolveError> {
        if let Some(events) = events {
            return self.pass_events(events, step, rows, observer);
        }
        rows.save_step(self.ivp, step, self.stepper)?;
        if let Some(observer) = observer {
            accept(observer, self.ivp, step, self.stepper)?;
        }
        Ok((step.t, None))
    }

    /// Lets the method begin again at `t` with the state `u`.
    fn begin_again(&mut self, t: f64, u: &[T]) -> Result<(), SolveError> {
        let ivp = self.ivp;
        // Methods want a span that is not empty.
        let t1 = if t == ivp.t1 { t + (ivp.t1 - ivp.t0) } else { ivp.t1 };
        self.spent += self.stepper.stats();
        self.stepper.restart(&Ivp { t0: t, t1, u0: u, ..*ivp }, self.settings)
    }

    /// Shows the gap at a jump, behind which the method has begun again, as a step.
    fn hop(
        &mut self,
        step: &Step,
        events: &mut Option<EventLoop<'_, T>>,
        rows: &mut Rows<'_, T>,
        observer: Option<&mut dyn StepObserver<T>>,
    ) -> Result<(f64, Option<Stop>), SolveError> {
        let (ivp, settings) = (self.ivp, self.settings);
        let mut hop = Hop { behind: &mut *self.stepper };
        let mut across = Driven { stepper: &mut hop, ivp, settings, spent: Stats::default() };
        let passed = across.pass(step, events, rows, observer);
        let spent = across.spent;
        self.spent += spent;
        passed
    }

    /// Deals with the events of a step. Returns where the solution has got to: the end of the step,
    /// or an event before it that changed the state or stopped the solve.
    fn pass_events(
        &mut self,
        events: &mut EventLoop<'_, T>,
        step: &Step,
        rows: &mut Rows<'_, T>,
        mut observer: Option<&mut dyn StepObserver<T>>,
    ) -> Result<(f64, Option<Stop>), SolveError> {
        let ivp = self.ivp;
        let mut after = step.t_prev;
        while let Some(t) = events.next(ivp, self.stepper, step, after)? {
            let breaks = events.reach(ivp, self.stepper, t, step.t)?;
            if breaks {
                rows.save_before(ivp, t, self.stepper)?;
                if let Some(observer) = observer.as_deref_mut() {
                    let part = Step { t, ..*step };
                    if t == step.t {
                        accept(observer, ivp, &part, self.stepper)?;
                    } else {
                        observer.cut(step);
                        let state = events.state(ivp);
                        let mut cut = Cut { whole: &mut *self.stepper, state };
                        accept(observer, ivp, &part, &mut cut)?;
                    }
                }
            }
            let stop = events.happen(
                ivp,
                self.settings,
                self.stepper,
                t,
                &mut self.spent,
                reborrow(&mut observer),
            )?;
            if breaks {
                rows.save_at(t, events.state(ivp));
                return Ok((t, stop));
            }
            after = t;
        }
        rows.save_step(ivp, step, self.stepper)?;
        if let Some(observer) = observer {
            accept(observer, ivp, step, self.stepper)?;
        }
        Ok((step.t, None))
    }

    fn check_budget(&self, t: f64) -> Result<(), SolveError> {
        if let Some(interruption) = self.settings.interruption(t) {
            return Err(interruption);
        }
        let now = self.stepper.stats();
        let steps = self.spent.accepted + self.spent.rejected + now.accepted + now.rejected;
        if steps >= self.settings.max_steps {
            return Err(SolveError::TooManySteps { t, steps: self.settings.max_steps });
        }
        Ok(())
    }

    /// A plugin could stand still or run past the end; built-in methods cannot.
    fn check_progress(&self, t: f64, step: &Step, limit: f64) -> Result<(), SolveError> {
        let direction = self.ivp.direction();
        if (step.t - t) * direction > 0.0 && (limit - step.t) * direction >= 0.0 {
            return Ok(());
        }
        Err(SolveError::Invalid(format!(
            "the solver reported a step from t = {t} to t = {}, which is not progress towards \
             t = {limit}",
            step.t
        )))
    }
}

/// Shows a step to an observer.
fn accept<T: Real>(
    observer: &mut dyn StepObserver<T>,
    ivp: &Ivp<'_, T>,
    step: &Step,
    stepper: &mut dyn Stepper<T>,
) -> Result<(), SolveError> {
    if observer.interpolates() {
        stepper.prepare_dense(ivp);
    }
    observer.accepted(step, stepper)
}

/// The observer for a part of the time that it is borrowed.
fn reborrow<'s, T: Real>(
    observer: &'s mut Option<&mut dyn StepObserver<T>>,
) -> Option<&'s mut (dyn StepObserver<T> + 's)> {
    match observer {
        Some(observer) => Some(&mut **observer),
        None => None,
    }
}
