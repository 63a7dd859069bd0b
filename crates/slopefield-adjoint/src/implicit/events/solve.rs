//! A solve with events by an implicit method, and its steps taken again.
//!
//! The steps of the solve are taken a second time with their iterations continued to rounding, so
//! that each is a smooth function of its beginning and the parameters; crossings are located anew on
//! the solution within those. States, loss and gradient are those. Methods without an iteration repeat
//! the solve to the last bit.

use super::super::equations::{StageEquations, equations};
use super::condition::Locator;
use super::tape::{Begin, Item, Tape, TapeStep, within};
use crate::hybrid::causes::{breaking, read_times, root_of, scheduled, start_stays, stops};
use crate::hybrid::record::{Entry, Record};
use crate::hybrid::system::{System, refused};
use crate::hybrid::trace::{Change, Kind};
use slopefield_solve::{
    Attempt, Consistency, ErrorNorm, Failure, OneStep, Settings, SolveError, Stats, Stepper,
    drive_to_stop, method, one_step,
};
use std::ops::Range;

/// Steps of methods without an iteration that are taken again must end where they ended up to this,
/// relative to the state.
const SAME: f64 = 1e-9;

/// Solver, its steps taken again, and the tape of them.
pub(super) struct Solve {
    pub equations: Box<dyn StageEquations>,
    stepper: Box<dyn Stepper>,
    again: Box<dyn OneStep>,
    norm: ErrorNorm,
    record: Record,
    pub consistency: Consistency<f64>,
    pub tape: Tape,
    locator: Locator,
    /// Coincidences to be looked at: a moment, a root that passes 0 at the same instant, and the step.
    coincidences: Vec<(usize, u32, usize)>,
    /// Times and periods of the model.
    times: Vec<f64>,
    /// The state at hand, and a slope.
    state: Vec<f64>,
    slope: Vec<f64>,
    scratch: Vec<f64>,
    /// Evaluations besides those of the solve.
    pub repeated: u64,
}

/// Where the steps taken again have got to.
struct At {
    /// The moment.
    moment: usize,
    /// Its time in the solve itself.
    recorded: f64,
    /// Whether the next step begins with the end of the last one.
    continues: bool,
    /// The first save that is still to come.
    next: usize,
    /// The next entry of the record, and the first of its states.
    entry: usize,
    states: usize,
}

impl Solve {
    pub fn named(name: &str) -> Option<Self> {
        let equations = equations(name).filter(|equations| !equations.switches())?;
        let mut again = one_step(name)?;
        again.freeze();
        let mut consistency = Consistency::default();
        consistency.freeze();
        Some(Solve {
            equations,
            stepper: method(name)?,
            again,
            norm: ErrorNorm::default(),
            record: Record::default(),
            consistency,
            tape: Tape::default(),
            locator: Locator::default(),
            coincidences: Vec::new(),
            times: Vec::new(),
            state: Vec::new(),
            slope: Vec::new(),
            scratch: Vec::new(),
            repeated: 0,
        })
    }

    /// Bytes of the record and the tape.
    pub fn bytes(&self) -> u64 {
        (self.record.bytes() + self.tape.bytes()) as u64
    }

    /// Solves, takes the steps again and writes their states at `saves`. Returns the counters of the
    /// solve and the number of saves reached.
    pub fn solve(
        &mut self,
        system: &System<'_>,
        settings: &Settings,
        saves: &[f64],
        states: &mut [f64],
    ) -> Result<(Stats, usize), SolveError> {
        let ivp = &system.ivp;
        ivp.validate()?;
        self.equations.prepare(ivp)?;
        self.record.clear(0);
        let record = Some(&mut self.record as &mut dyn slopefield_solve::StepObserver);
        let outcome = drive_to_stop(&mut *self.stepper, ivp, settings, saves, states, record)?;
        let mut counts = Stats::default();
        let reached = self.repeat(system, settings, saves, states, &mut counts)?;
        states[reached * system.n..].fill(f64::NAN);
        self.repeated = counts.rhs;
        self.find_conditions(system)?;
        Ok((outcome.stats, reached))
    }

    /// Takes the steps again.
    fn repeat(
        &mut self,
        system: &System<'_>,
        settings: &Settings,
        saves: &[f64],
        states: &mut [f64],
        counts: &mut Stats,
    ) -> Result<usize, SolveError> {
        let (ivp, n) = (&system.ivp, system.n);
        self.tape.clear(n, self.equations.stages());
        self.locator.begin(system);
        self.coincidences.clear();
        self.scratch.resize(system.scratch_len(), 0.0);
        read_times(system, &mut self.times, &mut self.scratch);
        self.norm.configure(settings, n);
        self.consistency.configure(ivp, settings);
        self.state.clear();
        self.state.extend_from_slice(ivp.u0);
        self.slope.resize(n, 0.0);
        let moment = self.tape.add(ivp.t0, Kind::Start);
        let mut at =
            At { moment, recorded: ivp.t0, continues: false, next: 0, entry: 0, states: 0 };
        if self.record.entries.is_empty() {
            // Nothing was solved, and the state is the one given.
            ivp.rhs.eval(ivp.t0, ivp.u0, ivp.p, &mut self.slope, &mut self.scratch);
            self.save_here(&mut at, saves, states);
            return Ok(at.next);
        }
        self.begin(system, settings, &at, counts)?;
        self.tape.events_at_start = !breaking(system, &self.record, at.entry, ivp.t0).is_empty();
        if self.tape.events_at_start {
            self.instant(system, settings, None, &mut at, counts)?;
        }
        self.save_here(&mut at, saves, states);
        while let Some(&found) = self.record.entries.get(at.entry) {
            at.entry += 1;
            let Entry::Step { begin, end, cut } = found else {
                at.states += 2 * n; // an event that changed nothing
                continue;
            };
            if begin != at.recorded {
                return refused(format!("the solve has a gap before t = {begin}"));
            }
            if settings.cancelled() {
                return Err(SolveError::Cancelled { t: begin });
            }
            let events = breaking(system, &self.record, at.entry, cut);
            self.step(system, (end, cut), events.clone(), &mut at, counts)?;
            self.compare(system, settings, at.states)?;
            at.states += n;
            let step = self.tape.steps.len() - 1;
            self.save_within(system, step, events.is_empty(), &mut at, saves, states);
            if !events.is_empty() {
                self.instant(system, settings, Some(step), &mut at, counts)?;
                self.save_here(&mut at, saves, states);
            }
        }
        Ok(at.next)
    }

    /// Begins anew with the state at hand, which becomes the consistent one.
    fn begin(
        &mut self,
        system: &System<'_>,
        settings: &Settings,
        at: &At,
        counts: &mut Stats,
    ) -> Result<(), SolveError> {
        let (ivp, tape) = (&system.ivp, &mut self.tape);
        let t = tape.time(at.moment);
        tape.begin_states.extend_from_slice(&self.state);
        if t != ivp.t1 {
            self.again.begin(ivp, settings, t, &self.state, counts)?;
        }
        self.consistency.establish(ivp, t, &mut self.state, &mut self.slope, counts)?;
        tape.begin_states.extend_from_slice(&self.state);
        tape.items.push(Item::Begin(tape.begins.len()));
        let slope = self.keep_slope();
        self.tape.begins.push(Begin { moment: at.moment, slope });
        Ok(())
    }

    /// Puts the slope at hand down; returns its number.
    fn keep_slope(&mut self) -> usize {
        self.tape.slopes.extend_from_slice(&self.slope);
        self.tape.slopes.len() / self.tape.n.max(1) - 1
    }

    /// Saves the state at hand where that is asked for, with the slope at hand from there.
    fn save_here(&mut self, at: &mut At, saves: &[f64], states: &mut [f64]) {
        let first = at.next;
        let n = self.tape.n;
        let here = [self.tape.time(at.moment), at.recorded];
        while saves.get(at.next).is_some_and(|save| here.contains(save)) {
            states[at.next * n..(at.next + 1) * n].copy_from_slice(&self.state);
            at.next += 1;
        }
        if at.next > first {
            let slope = self.keep_slope();
            let (moment, saves) = (at.moment, first..at.next);
            self.tape.items.push(Item::Saves { moment, slope, saves });
        }
    }

    /// Takes a step to `end`, which the solution follows up to `cut`.
    fn step(
        &mut self,
        system: &System<'_>,
        (end, cut): (f64, f64),
        events: Range<usize>,
        at: &mut At,
        counts: &mut Stats,
    ) -> Result<(), SolveError> {
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
        match self.again.attempt(ivp, (t, end), at.continues, &self.norm, counts) {
            Attempt::Failed { reason: Failure::Singular, .. } => {
                return Err(SolveError::Singular { t });
            }
            Attempt::Failed { reason: Failure::NotConverged, .. } => {
                return Err(SolveError::NotConverged { t, h: end - t });
            }
            Attempt::Measured(error) => {
                let bad = self.again.end().iter().position(|x| !x.is_finite());
                let failed = error.is_nan();
                if let Some(state) =
                    bad.or_else(|| self.again.first_non_finite().filter(|_| failed))
                {
                    let u = self.again.beginning().to_vec();
                    return Err(SolveError::NonFinite { t: end, state, u });
                }
            }
        }
        let Some(taken) = self.again.unknowns() else {
            return refused(
                "the steps of a system that is solved in two parts cannot be differentiated one by \
                 one; use radau or rodas5p"
                    .into(),
            );
        };
        let tape = &mut self.tape;
        tape.data.extend_from_slice(taken.start);
        tape.data.extend_from_slice(taken.rows);
        let step = tape.steps.len();
        let planned = events
            .clone()
            .filter(|_| cut == end)
            .find_map(|index| scheduled(system, &self.times, self.record.entries[index]));
        let root = events.clone().find_map(|index| root_of(system, self.record.entries[index]));
        let kind = planned.map_or(Kind::Fixed, |terms| Kind::Scheduled { terms });
        let end_moment = tape.add(end, kind);
        tape.steps.push(TapeStep { begin, end: end_moment, cut: end_moment, condition: None });
        self.state.copy_from_slice(self.again.end());
        at.moment = end_moment;
        at.recorded = cut;
        at.continues = true;
        if let (None, Some(root)) = (planned, root) {
            let view = tape.view(step);
            let exact = self.equations.solved_exactly() && ivp.rhs.structure().mass.is_none();
            let t = if exact {
                cut
            } else {
                self.locator.locate(system, &*self.equations, &view, (cut, root))?
            };
            within(&*self.equations, &view, t, &mut self.state, &mut self.slope);
            at.moment = tape.add(t, Kind::Root { root, step });
            tape.steps[step].cut = at.moment;
        }
        Ok(())
    }

    /// Whether a step taken again by a method without an iteration is the one of the solve, whose
    /// state at the end is in the record from `first` on.
    fn compare(
        &mut self,
        system: &System<'_>,
        settings: &Settings,
        first: usize,
    ) -> Result<(), SolveError> {
        if !self.equations.solved_exactly() {
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

    /// Saves within a step and, with `end`, at its end.
    fn save_within(
        &mut self,
        system: &System<'_>,
        step: usize,
        end: bool,
        at: &mut At,
        saves: &[f64],
        states: &mut [f64],
    ) {
        let (n, direction, first) = (self.tape.n, system.ivp.direction(), at.next);
        let cut = self.tape.time(self.tape.steps[step].cut);
        // Also those that the solve itself has before an event that comes a little later now.
        let here = at.recorded;
        while let Some(&save) = saves.get(at.next)
            && ((cut - save) * direction > 0.0 && save != here || end && save == cut)
        {
            let out = &mut states[at.next * n..(at.next + 1) * n];
            if save == cut {
                out.copy_from_slice(&self.state);
            } else {
                let view = self.tape.view(step);
                within(&*self.equations, &view, save, out, &mut self.slope);
            }
            at.next += 1;
        }
        self.tape.items.push(Item::Step(step, first..at.next));
    }

    /// Lets the events at the instant reached happen.
    fn instant(
        &mut self,
        system: &System<'_>,
        settings: &Settings,
        step: Option<usize>,
        at: &mut At,
        counts: &mut Stats,
    ) -> Result<(), SolveError> {
        let n = system.n;
        let leading = at.moment;
        let t = self.tape.time(leading);
        let events = breaking(system, &self.record, at.entry, at.recorded);
        let (mut changed, mut stopped, mut last_round) = (false, false, 0);
        for index in events.clone() {
            let found = self.record.entries[index];
            let Entry::Event { event, round, .. } = found else { break };
            if round != last_round {
                last_round = round;
                if changed {
                    self.begin(system, settings, at, counts)?;
                    changed = false;
                }
            }
            let first = index == events.start;
            let moment = match (scheduled(system, &self.times, found), root_of(system, found)) {
                (Some(terms), Some(_) | None) if step.is_some() => {
                    let kind = Kind::Scheduled { terms };
                    if self.tape.moments[leading].kind == kind {
                        leading
                    } else {
                        self.tape.add(t, kind)
                    }
                }
                (Some(terms), _) => {
                    start_stays(system, terms, &mut self.scratch)?;
                    leading
                }
                (None, Some(root)) => {
                    let same = matches!(self.tape.moments[leading].kind, Kind::Root { root: first, .. } if first == root);
                    if let (false, Some(step)) = (same, step) {
                        self.coincidences.push((leading, root, step));
                    }
                    leading
                }
                (None, None) => at.moment,
            };
            if !first && moment != at.moment {
                self.shift(system, at.moment, moment, t)?;
            }
            at.moment = moment;
            self.tape.befores.extend_from_slice(&self.state);
            self.tape.items.push(Item::Change(self.tape.changes.len()));
            self.tape.changes.push(Change { event, moment });
            if let Some(affect) = system.affect(event) {
                let before = &self.tape.befores[self.tape.befores.len() - n..];
                affect.eval(t, before, system.ivp.p, &mut self.state, &mut self.scratch);
                changed = true;
            }
            stopped |= stops(system, event);
            at.states += 2 * n;
        }
        at.entry = events.end;
        if changed && !stopped {
            self.begin(system, settings, at, counts)?;
            at.continues = false;
        } else {
            // Only for saves here: what a later time would make of the state.
            let (t, ivp) = (self.tape.time(at.moment), &system.ivp);
            let mut state = self.state.clone();
            self.consistency.establish(ivp, t, &mut state, &mut self.slope, counts)?;
        }
        Ok(())
    }

    /// Between two events at one instant that may part, the solution goes on.
    fn shift(
        &mut self,
        system: &System<'_>,
        from: usize,
        to: usize,
        t: f64,
    ) -> Result<(), SolveError> {
        if system.structure().mass.is_some() {
            return refused(format!(
                "several events happen at the same instant t = {t} for different reasons and may \
                 part when parameters change; between them the algebraic equations would move the \
                 state, which this gradient method does not differentiate"
            ));
        }
        system.slope(t, &self.state, &mut self.slope, &mut self.scratch);
        let slope = self.keep_slope();
        self.tape.items.push(Item::Shift { from, to, slope });
        Ok(())
    }

    /// Finds out how the instants that the solution determines move.
    fn find_conditions(&mut self, system: &System<'_>) -> Result<(), SolveError> {
        for step in 0..self.tape.steps.len() {
            let cut = self.tape.steps[step].cut;
            if let Kind::Root { root, .. } = self.tape.moments[cut].kind {
                let (view, t) = (self.tape.view(step), self.tape.time(cut));
                let condition =
                    self.locator.condition(system, &*self.equations, &view, (t, root))?;
                self.tape.steps[step].condition = Some(condition);
            }
        }
        let (equations, coincidences) = (&*self.equations, &self.coincidences);
        self.locator.check_coincidences(system, equations, &self.tape, coincidences)
    }

    /// Whether a derivative by the start time exists and was followed.
    pub fn start_moves(&self) -> bool {
        !self.tape.events_at_start && !self.tape.steps.is_empty()
    }
}
