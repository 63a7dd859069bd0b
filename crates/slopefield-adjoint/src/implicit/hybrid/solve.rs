//! A solve with events and delays by an implicit method, and its steps taken again.
//!
//! The steps of the solve are taken a second time with their iterations continued to rounding, so
//! that each is a smooth function of its beginning and the parameters; crossings are located anew on
//! the solution within those. States, loss and gradient are those. Methods without an iteration repeat
//! the solve to the last bit.

mod instants;
mod parts;
mod sides;
mod steps;

use super::super::equations::{StageEquations, equations, explicit_equations};
use super::super::path::SWITCHES_TO_BDF;
use super::super::sides::Sides;
use super::condition::Locator;
use super::filled::{DelayedValues, Filled, filled, ordinary};
use super::reads::{Reader, Seen};
use super::tape::{Begin, Context, Item, Place, Tape, within};
use crate::hybrid::causes::{breaking, read_times};
use crate::hybrid::parts::{LEAST_STEPS, Stretch, divide};
use crate::hybrid::past::{BEYOND_ORDER, Past};
use crate::hybrid::record::{Entry, Record, Room};
use crate::hybrid::system::{System, refused};
use crate::hybrid::trace::{Kind, Watched};
use parts::Start;
use slopefield_kernel::Kernel;
use slopefield_solve::{
    Consistency, ErrorNorm, Settings, SolveError, Stats, Stepper, Switching, Tableau, delay_method,
    drive_to_stop, method,
};

/// Solver, its steps taken again, and the tape of them.
pub(super) struct Solve {
    pub equations: Box<dyn StageEquations>,
    stepper: Box<dyn Stepper>,
    /// The same for systems with delays.
    delayed: Option<Box<dyn Stepper>>,
    again: Sides,
    norm: ErrorNorm,
    record: Record,
    pub consistency: Consistency<f64>,
    pub tape: Tape,
    past: Past,
    locator: Locator,
    /// Coincidences to be looked at: a moment, a root that passes 0 at the same instant, and the step.
    coincidences: Vec<(usize, u32, usize)>,
    /// Times and periods of the model.
    times: Vec<f64>,
    /// The state at hand, and a slope.
    state: Vec<f64>,
    slope: Vec<f64>,
    /// Work space for a state with delayed values, and for the beginning of a step.
    row: Vec<f64>,
    beginning: Vec<f64>,
    /// Whether a step has read itself so far.
    overlapped: bool,
    scratch: Vec<f64>,
    /// The parts that the solve is gone through in; one where the tape is that of the whole.
    parts: Vec<Stretch>,
    /// Where those after the first begin.
    starts: Vec<Start>,
    /// The part that the tape is of, and the steps before it.
    part: usize,
    first_step: usize,
    /// Evaluations besides those of the solve.
    pub repeated: u64,
    /// Bytes that a gradient may hold,
    pub budget: u64,
    /// and whether it carries tangents along all directions.
    pub forward: bool,
    /// Whether the tape of the whole solve is wanted, however large.
    pub whole: bool,
    /// Whether losses are shown delayed values.
    pub shows_delayed: bool,
}

/// Where the steps taken again have got to.
#[derive(Clone, Copy)]
struct At {
    /// The moment.
    moment: usize,
    /// Its time in the solve itself.
    recorded: f64,
    /// Whether the next step begins with the end of the last one.
    continues: bool,
    /// From where the next step reads the past, where it does not.
    context: usize,
    /// The first save that is still to come.
    next: usize,
    /// The next entry of the record, and the first of its states.
    entry: usize,
    states: usize,
}

impl Solve {
    /// By the implicit method called `name`, automatic switching included.
    pub fn named(name: &str) -> Option<Self> {
        let equations = equations(name)?;
        let again = Sides::of(name, &*equations)?;
        Self::of(name, equations, again)
    }

    /// By the explicit method of a table, whose unknowns are slopes times the length of the step.
    pub fn explicit(table: &'static Tableau) -> Option<Self> {
        Self::of(table.id, explicit_equations(table), Sides::explicit(table))
    }

    fn of(name: &str, equations: Box<dyn StageEquations>, again: Sides) -> Option<Self> {
        let mut consistency = Consistency::default();
        consistency.freeze();
        Some(Solve {
            equations,
            stepper: method(name)?,
            delayed: delay_method(name),
            again,
            norm: ErrorNorm::default(),
            record: Record::default(),
            consistency,
            tape: Tape::default(),
            past: Past::default(),
            locator: Locator::default(),
            coincidences: Vec::new(),
            times: Vec::new(),
            state: Vec::new(),
            slope: Vec::new(),
            row: Vec::new(),
            beginning: Vec::new(),
            overlapped: false,
            scratch: Vec::new(),
            parts: Vec::new(),
            starts: Vec::new(),
            part: 0,
            first_step: 0,
            repeated: 0,
            budget: crate::DEFAULT_MEMORY,
            forward: false,
            whole: false,
            shows_delayed: false,
        })
    }

    /// What a solve takes with its tape, and with the cotangents or the tangents along it.
    fn room(&self, system: &System<'_>) -> Room {
        let (n, lags, m) = (system.n, system.lags(), system.ivp.p.len());
        let (record, tape) = (Record::each(n, lags), Tape::each(n, lags));
        let numbers = Tape::numbers_of_step(n, self.equations.stages());
        let each = if self.forward { n + m + 1 } else { 1 };
        let (past, pair) = if lags > 0 { (each * numbers, numbers) } else { (0, 0) };
        let (step, event) = (tape.0 + numbers + past + 16 * each, tape.1 + 16 * each + 8 * (n + m));
        // A part may have a few steps only, and the lists of them may have grown.
        let kept = record.0 + 2 * (Start::each(n) + size_of::<Stretch>()) / LEAST_STEPS;
        let smallest = LEAST_STEPS * (step + event);
        Room {
            budget: self.budget,
            step: record.0 + step,
            event: record.1 + event,
            pair,
            in_parts: (!self.forward && !self.whole && lags == 0)
                .then_some((kept, record.1, smallest)),
        }
    }

    /// Bytes of the record and the tape.
    pub fn bytes(&self) -> u64 {
        (self.record.bytes() + self.bytes_of_starts() + self.tape.bytes()) as u64
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
        super::suits(self, &system.structure()).map_err(SolveError::Invalid)?;
        if self.equations.switches() && system.n > Switching::<f64>::LARGEST_FOR_RODAS5P {
            return refused(SWITCHES_TO_BDF.into());
        }
        let room = self.room(system);
        self.starts.clear();
        (self.part, self.first_step) = (0, 0);
        let stepper = match (&mut self.delayed, system.delays()) {
            (Some(delayed), Some(_)) => delayed,
            _ => {
                self.equations.prepare(ivp)?;
                &mut self.stepper
            }
        };
        self.record.clear(system.lags(), room);
        let record = Some(&mut self.record as &mut dyn slopefield_solve::StepObserver);
        let outcome = drive_to_stop(&mut **stepper, ivp, settings, saves, states, record)?;
        self.record.check()?;
        match self.record.part_room() {
            None => {
                self.parts.clear();
                self.parts.push(Stretch::whole(&self.record));
            }
            Some(most) => {
                let record = Record::each(system.n, system.lags());
                let each = (room.step - record.0, room.event - record.1);
                divide(system, &self.record, most, each, &mut self.parts);
            }
        }
        let mut counts = Stats::default();
        let reached = self.repeat(system, settings, saves, states, &mut counts)?;
        states[reached * system.n..].fill(f64::NAN);
        self.repeated = counts.rhs;
        self.find_conditions(system)?;
        Ok((outcome.stats, reached))
    }

    /// Takes the steps again, part by part. Returns the number of saves reached.
    fn repeat(
        &mut self,
        system: &System<'_>,
        settings: &Settings,
        saves: &[f64],
        states: &mut [f64],
        counts: &mut Stats,
    ) -> Result<usize, SolveError> {
        let mut at = self.first_part(system, settings, saves, states, counts)?;
        self.go_through(system, settings, &mut at, saves, states, counts)?;
        while self.part + 1 < self.parts.len() {
            self.next_part(&mut at);
            self.go_through(system, settings, &mut at, saves, states, counts)?;
        }
        Ok(at.next)
    }

    /// Begins, up to the first step.
    fn first_part(
        &mut self,
        system: &System<'_>,
        settings: &Settings,
        saves: &[f64],
        states: &mut [f64],
        counts: &mut Stats,
    ) -> Result<At, SolveError> {
        let (ivp, n) = (&system.ivp, system.n);
        self.scratch.resize(self.scratch.len().max(system.scratch_len()), 0.0);
        self.begin_past(system);
        self.locator.begin(system);
        self.coincidences.clear();
        read_times(system, &mut self.times, &mut self.scratch);
        self.norm.configure(settings, n);
        self.consistency.configure(ivp, settings);
        self.state.clear();
        self.state.extend_from_slice(ivp.u0);
        self.slope.resize(n, 0.0);
        let moment = self.tape.add(ivp.t0, Kind::Start);
        let mut at = At {
            moment,
            recorded: ivp.t0,
            continues: false,
            context: 0,
            next: 0,
            entry: 0,
            states: 0,
        };
        let first = self.side(0, settings);
        self.again.choose(first);
        let jumps = system.delays().is_some_and(|delays| delays.jumps_at_start);
        self.begin_anew(system, moment, u32::from(!jumps));
        if self.record.entries.is_empty() {
            // Nothing was solved, and the state is the one given.
            self.slope_here(system, ivp.t0);
            self.save_here(&mut at, saves, states);
            return Ok(at);
        }
        self.begin(system, settings, &mut at, counts)?;
        self.tape.events_at_start = !breaking(system, &self.record, at.entry, ivp.t0).is_empty();
        if self.tape.events_at_start {
            self.instant(system, settings, None, &mut at, counts)?;
        }
        self.save_here(&mut at, saves, states);
        Ok(at)
    }

    /// Takes the steps of the part at hand.
    fn go_through(
        &mut self,
        system: &System<'_>,
        settings: &Settings,
        at: &mut At,
        saves: &[f64],
        states: &mut [f64],
        counts: &mut Stats,
    ) -> Result<(), SolveError> {
        let n = system.n;
        while at.entry < self.parts[self.part].entries.1 {
            let found = self.record.entries[at.entry];
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
            self.beginning.clone_from(&self.state);
            if self.equations.switches() {
                self.choose_side(system, settings, at, counts)?;
            }
            let order = self.step(system, (end, cut), events.clone(), at, counts)?;
            self.note_slope();
            self.compare(system, settings, at.states)?;
            at.states += n;
            let step = self.tape.steps.len() - 1;
            self.watch(system, step, at.recorded, saves);
            self.save_within(system, step, events.is_empty(), at, saves, states);
            if events.is_empty() {
                self.pass(system, settings, (step, order), at, counts)?;
            } else {
                self.instant(system, settings, Some(step), at, counts)?;
                self.save_here(at, saves, states);
            }
        }
        Ok(())
    }

    /// Clears the tape and what is known of the past.
    fn begin_past(&mut self, system: &System<'_>) {
        let ivp = &system.ivp;
        let stages = self.equations.stages();
        self.overlapped = false;
        if system.delays().is_none() {
            self.tape.clear(system.n, stages, (&[], &[]));
            self.tape.reserve(self.parts[self.part].steps);
            return;
        }
        self.row.clear();
        self.row.resize(system.all, 0.0);
        self.row[..system.n].copy_from_slice(ivp.u0);
        self.past.clear(system, self.again.implicit.error_order() + BEYOND_ORDER);
        self.past.measure(system, ivp.t0, &mut self.row, &mut self.scratch);
        self.tape.clear(system.n, stages, (ivp.p, &self.past.lengths));
        // One step more is opened where the method begins at the end of the last.
        self.tape.reserve(self.record.steps + 1);
    }

    /// A derivative of order `order` may jump at `moment`, where the state is the one at hand.
    fn begin_anew(&mut self, system: &System<'_>, moment: usize, order: u32) {
        if system.delays().is_none() {
            return;
        }
        self.past.expect(moment, order);
        let t = self.tape.time(moment);
        match moment {
            0 => self.row[..system.n].copy_from_slice(system.ivp.u0),
            _ => self.row[..system.n].copy_from_slice(&self.state),
        }
        self.past.place(system, &self.tape, t, &mut self.row, &mut self.scratch);
    }

    /// From where the step at hand, which begins at `begin`, reads the past. `coupled` are the lags
    /// that are coupled to the state.
    fn context(
        &mut self,
        system: &System<'_>,
        (step, begin, place): (usize, f64, Place),
        coupled: &dyn Fn(&Record, usize) -> bool,
    ) -> usize {
        if system.delays().is_none() {
            return 0;
        }
        let tape = &mut self.tape;
        for lag in 0..system.lags() {
            let bounds = self.past.bounds(system, tape, lag);
            tape.bounds.push(bounds);
            tape.coupled.push(coupled(&self.record, lag));
        }
        tape.contexts.push(Context { step, begin, place });
        tape.contexts.len() - 1
    }

    /// Writes the slope of the state at hand where nothing happens in between.
    fn slope_here(&mut self, system: &System<'_>, t: f64) {
        let between = (self.tape.steps.len(), t, Place::Between);
        let context = self.context(system, between, &uncoupled);
        let (interpolant, seen) = (self.equations.interpolant(), Seen::Parameters);
        let filled = filled(system, &self.tape, interpolant, context, seen);
        let inner = ordinary(system, &filled, system.ivp.p);
        self.scratch.resize(self.scratch.len().max(inner.rhs.scratch_len()), 0.0);
        inner.rhs.eval(t, &self.state, inner.p, &mut self.slope, &mut self.scratch);
    }

    /// Begins anew with the state at hand, which becomes the consistent one.
    fn begin(
        &mut self,
        system: &System<'_>,
        settings: &Settings,
        at: &mut At,
        counts: &mut Stats,
    ) -> Result<(), SolveError> {
        let t = self.tape.time(at.moment);
        let step = self.tape.steps.len();
        at.context = self.context(system, (step, t, Place::Anew), &uncoupled);
        let between = self.context(system, (step, t, Place::Between), &uncoupled);
        self.tape.begin_states.extend_from_slice(&self.state);
        if system.delays().is_some() {
            self.tape.open(step, &self.state, (t, t));
        }
        let (interpolant, seen) = (self.equations.interpolant(), Seen::Parameters);
        if t != system.ivp.t1 {
            let filled = filled(system, &self.tape, interpolant, at.context, seen);
            let inner = ordinary(system, &filled, system.ivp.p);
            self.again.active().begin(&inner, settings, t, &self.state, counts)?;
        }
        {
            let filled = filled(system, &self.tape, interpolant, between, seen);
            let inner = ordinary(system, &filled, system.ivp.p);
            if filled.is_some() {
                self.consistency.configure(&inner, settings);
            }
            let (state, slope) = (&mut self.state, &mut self.slope);
            self.consistency.establish(&inner, t, state, slope, counts)?;
        }
        let tape = &mut self.tape;
        tape.begin_states.extend_from_slice(&self.state);
        tape.items.push(Item::Begin(tape.begins.len()));
        let slope = self.keep_slope();
        self.tape.begins.push(Begin { moment: at.moment, slope, context: between });
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

    /// Number of delayed values that losses are shown at a save time.
    pub fn shown(&self, system: &System<'_>) -> usize {
        if self.shows_delayed { system.reads.len() } else { 0 }
    }

    /// Reads delayed values at the saves that the solve reaches with a step, which goes up to `reached`.
    fn watch(&mut self, system: &System<'_>, step: usize, reached: f64, saves: &[f64]) {
        let behind = self.shown(system);
        if behind == 0 {
            return;
        }
        let direction = system.ivp.direction();
        let mut values = vec![0.0; behind];
        while let Some(&t) = saves.get(self.tape.watched.len())
            && (reached - t) * direction >= 0.0
        {
            let (state, view) = (&mut self.row[..system.n], self.tape.view(step));
            within(&*self.equations, &view, t, state, &mut self.slope);
            {
                let (interpolant, seen) = (self.equations.interpolant(), Seen::Parameters);
                let (tape, context) = (&self.tape, self.tape.steps[step].context);
                let reader = Reader { system: *system, tape, interpolant, context, seen };
                let read = DelayedValues::of(system);
                let filled = Filled::new(reader, &read);
                self.scratch.resize(self.scratch.len().max(filled.scratch_len()), 0.0);
                let u = &self.row[..system.n];
                filled.eval(t, u, system.ivp.p, &mut values, &mut self.scratch);
            }
            self.tape.watched.push(Watched { save: self.tape.watched.len(), t, step });
            self.tape.watched_values.extend_from_slice(&values);
        }
    }

    /// Writes the delayed values at the saves to `delayed`, row by row.
    pub fn write_shown(&self, delayed: &mut [f64]) {
        let values = &self.tape.watched_values;
        delayed[..values.len()].copy_from_slice(values);
    }

    /// Whether a derivative by the start time exists and was followed.
    pub fn start_moves(&self) -> bool {
        !self.tape.events_at_start && !self.tape.steps.is_empty()
    }
}

/// No lag is coupled to the state.
fn uncoupled(_: &Record, _: usize) -> bool {
    false
}
