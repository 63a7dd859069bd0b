//! Steps taken again.

use super::super::super::equations::StepView;
use super::super::condition::Roots;
use super::super::filled::{Filled, filled, ordinary};
use super::super::reads::Seen;
use super::super::tape::{Place, TapeStep, within};
use super::{At, Solve, uncoupled};
use crate::hybrid::causes::{root_of, scheduled};
use crate::hybrid::past::far;
use crate::hybrid::record::Record;
use crate::hybrid::system::{System, refused};
use crate::hybrid::trace::Kind;
use slopefield_solve::{Attempt, Failure, Settings, SolveError, Stats, Tableau};
use std::ops::Range;

/// Steps of methods without an iteration that are taken again must end where they ended up to this,
/// relative to the state.
const SAME: f64 = 1e-9;

/// A step that reads itself is repeated at most so often.
const MOST_REPEATS: usize = 300;

impl Solve {
    /// Takes a step to `end`, which the solution follows up to `cut`. Returns the order of the
    /// derivative that jumps at the end because of a constant lag.
    pub(super) fn step(
        &mut self,
        system: &System<'_>,
        (end, cut): (f64, f64),
        events: Range<usize>,
        at: &mut At,
        counts: &mut Stats,
    ) -> Result<Option<u32>, SolveError> {
        let ivp = &system.ivp;
        let begin = at.moment;
        let t = self.tape.time(begin);
        if (end - t) * ivp.direction() <= 0.0 {
            return refused(format!(
                "the event at t = {t} comes after the end of the step that follows it when the \
                 steps are taken again with their iterations continued to rounding, which exact \
                 gradients need; use smaller tolerances"
            ));
        }
        let number = self.tape.steps.len();
        let context = if at.continues {
            let lags = system.lags();
            let coupled = |record: &Record, lag: usize| record.coupled[number * lags + lag];
            self.context(system, (number, t, Place::Continuing), &coupled)
        } else {
            at.context
        };
        let event_context = match events.is_empty() {
            true => context,
            false => self.context(system, (number, t, Place::Continuing), &uncoupled),
        };
        let explicit = self.again.table;
        let overlaps = self.take(system, (t, end), (number, context), at.continues, counts)?;
        self.overlapped |= overlaps;
        let planned = events
            .clone()
            .filter(|_| cut == end)
            .find_map(|index| scheduled(system, &self.times, self.record.entries[index]));
        let root = events.clone().find_map(|index| root_of(system, self.record.entries[index]));
        // The end of the span stays where it is, also where a discontinuity arrives there.
        let later = self.past.later(system, &self.tape, end);
        let later = later.filter(|_| planned.is_none() && end != ivp.t1);
        let kind = match (planned, later) {
            (Some(terms), _) => Kind::Scheduled { terms },
            (None, Some((kind, _))) => kind,
            (None, None) => Kind::Fixed,
        };
        let tape = &mut self.tape;
        let end_moment = tape.add(end, kind);
        tape.steps.push(TapeStep {
            begin,
            end: end_moment,
            cut: end_moment,
            condition: None,
            context,
            event_context,
            overlaps,
            explicit,
        });
        self.state.copy_from_slice(self.again.active().end());
        at.moment = end_moment;
        at.recorded = cut;
        at.continues = true;
        if let (None, Some(root)) = (planned, root) {
            let view = tape.view(number);
            let exact = self.equations.solved_exactly()
                && system.structure().mass.is_none()
                && !self.overlapped;
            let t = if exact {
                cut
            } else {
                let roots = Roots::new(system, tape, &*self.equations, event_context)?;
                self.locator.locate(&roots, &*self.equations, &view, (cut, root))?
            };
            within(&*self.equations, &view, t, &mut self.state, &mut self.slope);
            at.moment = tape.add(t, Kind::Root { root, step: number });
            tape.steps[number].cut = at.moment;
        }
        Ok(later.map(|(_, order)| order))
    }

    /// Takes the step from `t` to `end`, again and again where it reads itself, and puts down its
    /// unknowns. Returns whether it does.
    fn take(
        &mut self,
        system: &System<'_>,
        (t, end): (f64, f64),
        (number, context): (usize, usize),
        continues: bool,
        counts: &mut Stats,
    ) -> Result<bool, SolveError> {
        self.tape.open(number, &self.state, (t, end));
        if let Some(table) = self.again.table {
            return self.take_explicitly(system, (t, end), (number, table), continues, counts);
        }
        let block = self.tape.block(number);
        let rows = block.start + self.tape.n..block.end - 2;
        let (mut before, mut from_end) = (f64::INFINITY, continues);
        for repeat in 0..MOST_REPEATS {
            let (attempt, ahead, looks_far) = {
                let (interpolant, seen) = (self.equations.interpolant(), Seen::Parameters);
                let filled = filled(system, &self.tape, interpolant, context, seen);
                let inner = ordinary(system, &filled, system.ivp.p);
                let norm = &self.norm;
                let attempt = self.again.implicit.attempt(&inner, (t, end), from_end, norm, counts);
                let filled = filled.as_ref();
                let ahead = filled.is_some_and(Filled::looked_ahead);
                (attempt, ahead, filled.is_some_and(Filled::looked_far))
            };
            self.check(attempt, (t, end))?;
            let Some(taken) = self.again.implicit.unknowns() else {
                return refused(
                    "the steps of a system that is solved in two parts cannot be differentiated one \
                     by one; use radau or rodas5p"
                        .into(),
                );
            };
            // Unknowns are increments: they have the rounding errors of the states.
            let size_of = |most: f64, x: &f64| most.max(x.abs());
            let (mut change, mut size) = (0.0_f64, taken.start.iter().fold(0.0, size_of));
            for (kept, new) in self.tape.data[rows.clone()].iter_mut().zip(taken.rows) {
                change = change.max((*kept - new).abs());
                size = size.max(new.abs());
                *kept = *new;
            }
            // Methods may make the beginning consistent.
            self.tape.data[block.start..rows.start].copy_from_slice(taken.start);
            let settled = change <= 4.0 * f64::EPSILON * size
                // Up to rounding, which may go round in circles.
                || repeat > 20 && change >= 0.5 * before && change <= 1e-12 * size;
            if looks_far {
                return far(t);
            }
            if !ahead || settled {
                return Ok(ahead);
            }
            (before, from_end) = (change, false);
        }
        refused(format!(
            "the step at t = {t} reads itself through a lag shorter than the step, and cannot be \
             solved to rounding again, which exact gradients need; set a largest step below the lag"
        ))
    }

    /// The same for an explicit step of a method that switches, whose unknowns are its slopes times its
    /// length, those included that only the solution within it needs.
    fn take_explicitly(
        &mut self,
        system: &System<'_>,
        (t, end): (f64, f64),
        (number, table): (usize, &'static Tableau),
        continues: bool,
        counts: &mut Stats,
    ) -> Result<bool, SolveError> {
        let (ivp, n) = (&system.ivp, system.n);
        let again = self.again.active();
        let attempt = again.attempt(ivp, (t, end), continues, &self.norm, counts);
        self.check(attempt, (t, end))?;
        let Some(stages) = self.again.active().stages() else {
            return refused("an explicit step shows no stages".into());
        };
        let block = self.tape.block(number);
        let rows = &mut self.tape.data[block.start + n..block.end - 2];
        for (i, row) in rows.chunks_exact_mut(n).take(table.stages()).enumerate() {
            for (x, k) in row.iter_mut().zip(stages.slope(i)) {
                *x = (end - t) * k;
            }
        }
        self.equations.select(Some(table));
        let (start, rows) = self.tape.data[block.start..block.end - 2].split_at(n);
        let view = StepView { t, t_new: end, start, rows, explicit: Some(table) };
        self.equations.unknowns(ivp, &view, &mut self.row);
        let all = self.row.len().min(rows.len());
        self.tape.data[block.start + n..][..all].copy_from_slice(&self.row[..all]);
        counts.rhs += (table.dense_stages() - table.stages()) as u64;
        Ok(false)
    }

    /// Whether an attempt has come to an end.
    fn check(&mut self, attempt: Attempt, (t, end): (f64, f64)) -> Result<(), SolveError> {
        match attempt {
            Attempt::Failed { reason: Failure::Singular, .. } => Err(SolveError::Singular { t }),
            Attempt::Failed { reason: Failure::NotConverged, .. } => {
                Err(SolveError::NotConverged { t, h: end - t })
            }
            Attempt::Measured(error) => {
                let again = self.again.active();
                let bad = again.end().iter().position(|x| !x.is_finite());
                let failed = error.is_nan();
                match bad.or_else(|| again.first_non_finite().filter(|_| failed)) {
                    Some(state) => {
                        let u = again.beginning().to_vec();
                        Err(SolveError::NonFinite { t: end, state, u })
                    }
                    None => Ok(()),
                }
            }
        }
    }

    /// Goes through the end of step `step` without events: where a lag comes to look at a
    /// discontinuity of the past, the method begins anew. `order` is that of the derivative that jumps
    /// there for constant lags.
    pub(super) fn pass(
        &mut self,
        system: &System<'_>,
        settings: &Settings,
        (step, order): (usize, Option<u32>),
        at: &mut At,
        counts: &mut Stats,
    ) -> Result<(), SolveError> {
        if system.delays().is_none() {
            return Ok(());
        }
        let info = &self.tape.steps[step];
        let (begin, end_moment) = (self.tape.time(info.begin), info.end);
        let end = self.tape.time(end_moment);
        let (from, to) = ((begin, &self.beginning[..]), (end, &self.state[..]));
        let (row, scratch) = (&mut self.row, &mut self.scratch);
        let passage = self.past.arrival(system, &self.tape, from, to, row, scratch);
        if let Some(order) = order {
            self.past.expect(end_moment, order);
        } else if let Some((lag, index)) = passage {
            let moment = self.past.origins[index];
            at.moment = self.tape.add(end, Kind::Passage { lag, moment, step });
            self.tape.steps[step].cut = at.moment;
            if let Some(order) = self.past.carried(system, index, lag) {
                self.past.expect(at.moment, order);
            }
        } else {
            return Ok(());
        }
        at.continues = false;
        self.begin(system, settings, at, counts)
    }

    /// Whether a step taken again by a method without an iteration is the one of the solve, whose
    /// state at the end is in the record from `first` on.
    pub(super) fn compare(
        &mut self,
        system: &System<'_>,
        settings: &Settings,
        first: usize,
    ) -> Result<(), SolveError> {
        // Steps that read themselves are iterated, too.
        if !self.equations.solved_exactly() || self.overlapped {
            return Ok(());
        }
        let recorded = &self.record.states[first..first + system.n];
        let size = recorded.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
        for (state, (recorded, again)) in recorded.iter().zip(&self.state).enumerate() {
            let mut allowed = SAME * size;
            if system.structure().mass.is_some() {
                // The solve leaves a small part of the tolerance in consistent values.
                let atol = settings.atol.get(state).or(settings.atol.first()).copied();
                allowed += 0.1 * (settings.rtol * size + atol.unwrap_or(0.0));
            }
            if !((again - recorded).abs() <= allowed) {
                let t = self.tape.steps.last().map_or(system.ivp.t0, |s| self.tape.time(s.cut));
                return refused(format!(
                    "the step up to t = {t} cannot be taken again: state {state} becomes {again} \
                     instead of {recorded}, so it has no exact gradient; use another solver or \
                     gradient method"
                ));
            }
        }
        Ok(())
    }
}
