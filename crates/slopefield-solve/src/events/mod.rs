//! Events: changes of the state, and stops, at times that the solution or the model determines.
//!
//! Works on the dense output of any [`Stepper`]. At one instant, events happen in order of
//! declaration, each with the state that the one before left. Numbers that their changes bring to
//! the other side of 0 trigger the next round of events at the same instant, and so on.

mod cut;
mod locate;
mod roots;
mod samples;
mod schedule;
mod slopes;

pub(crate) use cut::Cut;
pub(crate) use locate::{Bracket, narrow};

use crate::{Ivp, Real, Settings, SolveError, Stats, Step, StepObserver, Stepper};
use roots::RootSearch;
use schedule::Schedule;
use slopefield_kernel::{Crossing, Event, Events, Trigger};

/// An event that happens, for those who watch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Happening<'a, T> {
    /// When.
    pub t: f64,
    /// Index into [`Events::list`].
    pub event: usize,
    /// How many rounds of changes at this instant came before: 0 for the events that the instant
    /// itself brings, more for those that changes trigger.
    pub round: u32,
    /// State before; where several events happen at one instant, after the one before.
    pub before: &'a [T],
    /// State after.
    pub after: &'a [T],
}

/// Why a solve ended before its time without an error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stop {
    /// When. States at later save times are NaN.
    pub t: f64,
    /// Index into [`Events::list`] of the event that ended it, the first when there are several.
    pub event: usize,
}

/// So many events (and ten times the number declared) within [`STORM_SPAN`] are a storm.
const STORM: u64 = 1000;

/// Relative to the time. A ball that bounces ever lower ends with flights of some hundred units in
/// the last place of the time, because its crossings cannot be told apart any better.
const STORM_SPAN: f64 = 1e-10;

/// The events of one solve.
pub(crate) struct EventLoop<'a, T: Real> {
    events: Events<'a, T>,
    schedule: Schedule<'a>,
    roots: Option<RootSearch<'a, T>>,
    /// How often each event happens in the round at hand.
    due: Vec<u32>,
    /// State and delayed values at the instant.
    u: Vec<T>,
    /// State after an event.
    next: Vec<T>,
    scratch: Vec<T>,
    /// Since when there have been how many events.
    storm: (f64, u64),
    direction: f64,
}

impl<'a, T: Real> EventLoop<'a, T> {
    /// The events of the system of `ivp`; none when it has none.
    ///
    /// # Errors
    /// [`SolveError::Invalid`] for times, periods and numbers that make no sense.
    pub(crate) fn new(ivp: &Ivp<'a, T>, settings: &Settings) -> Result<Option<Self>, SolveError> {
        let structure = ivp.rhs.structure();
        let Some(events) = structure.events.filter(|events| !events.list.is_empty()) else {
            return Ok(None);
        };
        let n = ivp.u0.len();
        let scratch = events.affects.iter().map(|affect| affect.scratch_len()).max().unwrap_or(0);
        for (index, event) in events.list.iter().enumerate() {
            if event.affect.is_some_and(|affect| affect as usize >= events.affects.len()) {
                return Err(SolveError::Invalid(format!(
                    "event {index} refers to a change that the model does not give"
                )));
            }
        }
        let roots = match events.roots {
            Some(kernel) => Some(RootSearch::new(ivp, settings, kernel, events.list)?),
            None => None,
        };
        Ok(Some(EventLoop {
            schedule: Schedule::new(ivp, &events)?,
            roots,
            due: vec![0; events.list.len()],
            u: vec![T::ZERO; ivp.rhs.shape().states],
            next: vec![T::ZERO; n],
            scratch: vec![T::ZERO; scratch],
            storm: (ivp.t0, 0),
            direction: ivp.direction(),
            events,
        }))
    }

    /// Whether time events happen at `t`.
    pub(crate) fn scheduled_at(&self, t: f64) -> bool {
        self.schedule.any_at(t)
    }

    /// Where the next step must end at the latest.
    pub(crate) fn limit(&self, ivp: &Ivp<'_, T>, t: f64) -> f64 {
        match self.schedule.next_after(t) {
            Some(time) if (ivp.t1 - time) * self.direction > 0.0 => time,
            _ => ivp.t1,
        }
    }

    /// Begins to look for crossings at `t`, with the state that `stepper` has there.
    pub(crate) fn begin(
        &mut self,
        ivp: &Ivp<'_, T>,
        stepper: &mut dyn Stepper<T>,
        t: f64,
    ) -> Result<(), SolveError> {
        let Some(roots) = &mut self.roots else { return Ok(()) };
        let (u, z) = self.u.split_at_mut(ivp.u0.len());
        u.copy_from_slice(stepper.state());
        stepper.delayed(ivp, t, z)?;
        roots.begin(ivp, t, &self.u)
    }

    /// The next instant within `step`, after the last one, at which events happen.
    pub(crate) fn next(
        &mut self,
        ivp: &Ivp<'_, T>,
        stepper: &mut dyn Stepper<T>,
        step: &Step,
        after: f64,
    ) -> Result<Option<f64>, SolveError> {
        if after == step.t {
            return Ok(None);
        }
        let found = match &mut self.roots {
            Some(roots) => roots.next(ivp, stepper, step)?,
            None => None,
        };
        Ok(found.or_else(|| self.scheduled_at(step.t).then_some(step.t)))
    }

    /// Lets the events of the instant reached happen, with all that they trigger. The stepper begins
    /// again when the state changes and the solve goes on. Returns the event that stops it, if any.
    pub(crate) fn happen(
        &mut self,
        ivp: &Ivp<'_, T>,
        settings: &Settings,
        stepper: &mut dyn Stepper<T>,
        t: f64,
        spent: &mut Stats,
        mut observer: Option<&mut (dyn StepObserver<T> + '_)>,
    ) -> Result<Option<Stop>, SolveError> {
        let n = ivp.u0.len();
        let mut stop = None;
        let mut round = 0;
        while self.due.iter().any(|&times| times > 0) {
            let mut changed = false;
            for event in 0..self.due.len() {
                for _ in 0..std::mem::take(&mut self.due[event]) {
                    self.count(t, event)?;
                    spent.events += 1;
                    let declared = &self.events.list[event];
                    self.next.copy_from_slice(&self.u[..n]);
                    if let Some(affect) = declared.affect {
                        let affect = &self.events.affects[affect as usize];
                        affect.eval(T::of(t), &self.u, ivp.p, &mut self.next, &mut self.scratch);
                        changed = true;
                    }
                    if let Some(state) = self.next.iter().position(|x| !x.finite()) {
                        return Err(SolveError::Invalid(format!(
                            "event {event} made state {state} not finite at t = {t}; look for a \
                             division by zero or a value outside a function's domain in what the \
                             event does"
                        )));
                    }
                    if let Some(observer) = observer.as_deref_mut() {
                        let (before, after) = (&self.u[..n], &self.next[..]);
                        observer.happened(&Happening { t, event, round, before, after })?;
                    }
                    self.u[..n].copy_from_slice(&self.next);
                    if declared.stop && stop.is_none() {
                        stop = Some(Stop { t, event });
                    }
                }
            }
            if !changed {
                break;
            }
            if stop.is_some() {
                break;
            }
            round += 1;
            self.restart(ivp, settings, stepper, t, spent)?;
            if let Some(roots) = &mut self.roots {
                roots.change(ivp, t, &self.u)?;
                self.collect_crossings();
            }
        }
        Ok(stop)
    }

    /// The state at the instant that was dealt with last.
    pub(crate) fn state(&self, ivp: &Ivp<'_, T>) -> &[T] {
        &self.u[..ivp.u0.len()]
    }

    /// Takes the state at the instant `t` from the step that ends at or after it, and finds out which
    /// events happen there. Returns whether one of them changes the state or stops the solve.
    pub(crate) fn reach(
        &mut self,
        ivp: &Ivp<'_, T>,
        stepper: &mut dyn Stepper<T>,
        t: f64,
        end: f64,
    ) -> Result<bool, SolveError> {
        let (u, z) = self.u.split_at_mut(ivp.u0.len());
        if t == end {
            u.copy_from_slice(stepper.state());
        } else {
            stepper.interpolate(t, u)?;
        }
        stepper.delayed(ivp, t, z)?;
        self.due.fill(0);
        if let Some(roots) = &mut self.roots
            && t != ivp.t0
            && self.schedule.any_at(t)
        {
            roots.arrive(ivp, t, &self.u)?;
        }
        self.collect_crossings();
        let due = &mut self.due;
        self.schedule.at(t, |event, times| due[event] += times);
        let breaks =
            |(times, event): (&u32, &Event)| *times > 0 && (event.affect.is_some() || event.stop);
        Ok(self.due.iter().zip(self.events.list).any(breaks))
    }

    /// Begins again with the state after a round of events; algebraic variables may follow it.
    fn restart(
        &mut self,
        ivp: &Ivp<'_, T>,
        settings: &Settings,
        stepper: &mut dyn Stepper<T>,
        t: f64,
        spent: &mut Stats,
    ) -> Result<(), SolveError> {
        let n = ivp.u0.len();
        // At the very end there is nothing left to solve, and not every method can begin there.
        if t == ivp.t1 && ivp.rhs.structure().mass.is_none() {
            return Ok(());
        }
        // Methods want a span that is not empty.
        let t1 = if t == ivp.t1 { t + (ivp.t1 - ivp.t0) } else { ivp.t1 };
        *spent += stepper.stats();
        stepper.restart(&Ivp { t0: t, t1, u0: &self.next, ..*ivp }, settings)?;
        let (u, z) = self.u.split_at_mut(n);
        u.copy_from_slice(stepper.state());
        stepper.delayed(ivp, t, z)
    }

    /// Marks the events whose numbers pass 0 the right way as due.
    fn collect_crossings(&mut self) {
        let Some(roots) = &self.roots else { return };
        for (due, event) in self.due.iter_mut().zip(self.events.list) {
            if let Trigger::Crossing { root, direction } = event.trigger {
                let way = roots.fired(root as usize);
                let wanted = match direction {
                    Crossing::Both => way != 0.0,
                    Crossing::Rising => way > 0.0,
                    Crossing::Falling => way < 0.0,
                };
                *due += u32::from(wanted);
            }
        }
    }

    fn count(&mut self, t: f64, event: usize) -> Result<(), SolveError> {
        let (since, count) = &mut self.storm;
        if (t - *since).abs() > STORM_SPAN * t.abs().max(since.abs()) {
            self.storm = (t, 1);
            return Ok(());
        }
        *count += 1;
        if *count > STORM + 10 * self.events.list.len() as u64 {
            return Err(SolveError::EventStorm { t, event, count: *count });
        }
        Ok(())
    }
}
