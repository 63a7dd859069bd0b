//! From the record of a solve to its trace: the steps are taken again, and what moves each moment
//! is found out.

mod instants;
mod steps;

use super::causes::{breaking, read_times, root_of, scheduled};
use super::parts::Stretch;
use super::past::{BEYOND_ORDER, Past};
use super::record::{Entry, Record};
use super::system::{System, refused};
use super::trace::{Item, Kind, Moment, Source, Trace, TraceStep};
use slopefield_solve::{Settings, SolveError};

/// Builds traces; keeps its work space.
#[derive(Debug, Default)]
pub(super) struct Builder {
    past: Past,
    /// State and delayed values at hand.
    row: Vec<f64>,
    sources: Vec<Source>,
    slope: Vec<f64>,
    coupled: Vec<bool>,
    /// Slopes of the step at hand.
    fresh: Vec<f64>,
    end: Vec<f64>,
    scratch: Vec<f64>,
    /// Times and periods of the model.
    times: Vec<f64>,
    /// Coincidences to be looked at: a moment, and a root that passes 0 at the same instant.
    pub coincidences: Vec<(usize, u32, usize)>,
    /// Evaluations of the right-hand side.
    pub evaluations: u64,
}

/// Where the solution has got to.
struct At {
    moment: usize,
    /// Whether the next step begins with the last slope of the one before.
    continues: bool,
}

impl Builder {
    /// Makes the trace of a part of a recorded solve of `system`, of the whole where there are delays.
    /// `wanted` tells whether the solution within a step from one time to another is asked for;
    /// `watched` are save times at which delayed values are.
    pub fn build(
        &mut self,
        system: &System<'_>,
        settings: &Settings,
        (record, part): (&Record, &Stretch),
        wanted: &dyn Fn(f64, f64) -> bool,
        watched: &[f64],
        trace: &mut Trace,
    ) -> Result<(), SolveError> {
        let n = system.n;
        trace.clear(system);
        trace.reserve(part.steps);
        let highest = trace.tableau.error_order() + BEYOND_ORDER;
        self.past.clear(system, highest);
        self.row.resize(system.all, 0.0);
        self.slope.resize(n, 0.0);
        self.sources.clear();
        self.sources.resize(system.lags(), Source::Before(0.0));
        self.scratch.resize(system.scratch_len(), 0.0);
        self.coincidences.clear();
        read_times(system, &mut self.times, &mut self.scratch);
        let (mut entry, mut state, mut step) = (part.entries.0, part.states, 0);
        // Events that change nothing come before the step that they are in.
        let first = record.entries[entry..].iter().find_map(|entry| match entry {
            Entry::Step { begin, .. } => Some(*begin),
            Entry::Event { .. } => None,
        });
        let start = part.beginning.and(first).unwrap_or(system.ivp.t0);
        trace.moments.push(Moment { t: start, kind: Kind::Start });
        match part.beginning {
            Some(place) => self.row[..n].copy_from_slice(&record.states[place..place + n]),
            None => self.row[..n].copy_from_slice(system.ivp.u0),
        }
        let jumps = system.delays().is_some_and(|delays| delays.jumps_at_start);
        self.begin_anew(system, trace, 0, u32::from(!jumps));
        let mut at = At { moment: 0, continues: false };
        if part.beginning.is_none() {
            // Events before the first step happen at the start.
            entry = self.instant(system, record, entry, &mut state, None, &mut at, trace)?;
        }
        while entry < part.entries.1 {
            let found = record.entries[entry];
            entry += 1;
            let Entry::Step { begin, end, cut } = found else {
                state += 2 * n; // an event that changed nothing
                continue;
            };
            if begin != trace.time(at.moment) {
                return refused(format!("the solve has a gap before t = {begin}"));
            }
            let end_state = &record.states[state..state + n];
            state += n;
            let coupled = &record.coupled[step * trace.lags..(step + 1) * trace.lags];
            let events = breaking(system, record, entry, cut);
            let planned = events
                .clone()
                .filter(|_| cut == end)
                .find_map(|index| scheduled(system, &self.times, record.entries[index]));
            let begin = at.moment;
            let (end_moment, cut_moment);
            let mut order = None;
            if let Some(terms) = planned {
                end_moment = trace.add(end, Kind::Scheduled { terms });
                cut_moment = end_moment;
            } else {
                // The end of the span stays where it is, also where a discontinuity arrives there.
                let later = self.past.later(system, trace, end).filter(|_| end != system.ivp.t1);
                order = later.map(|(_, order)| order);
                end_moment = trace.add(end, later.map_or(Kind::Fixed, |(kind, _)| kind));
                let root = events.clone().find_map(|i| root_of(system, record.entries[i]));
                cut_moment = match root {
                    Some(root) => trace.add(cut, Kind::Root { root, step }),
                    None => end_moment,
                };
            }
            let dense = system.delays().is_some()
                || cut_moment != end_moment
                || wanted(trace.time(begin), cut);
            trace.steps.push(TraceStep {
                begin,
                end: end_moment,
                cut: cut_moment,
                continues: at.continues && trace.tableau.fsal,
                dense,
                overlaps: false,
            });
            trace.coupled.extend_from_slice(coupled);
            self.take(system, trace, step)?;
            self.compare(settings, trace, step, end_state)?;
            self.watch(system, trace, step, watched)?;
            trace.items.push(Item::Step(step));
            at = At { moment: cut_moment, continues: true };
            self.row[..n].copy_from_slice(end_state);
            if events.is_empty() {
                self.pass(system, trace, step, order, &mut at);
            } else {
                entry =
                    self.instant(system, record, entry, &mut state, Some(step), &mut at, trace)?;
            }
            step += 1;
        }
        Ok(())
    }

    /// A derivative of order `order` may jump at `moment`, where the state is in `row`.
    fn begin_anew(&mut self, system: &System<'_>, trace: &Trace, moment: usize, order: u32) {
        self.past.expect(moment, order);
        let t = trace.time(moment);
        self.past.place(system, trace, t, &mut self.row, &mut self.scratch);
    }
}

impl Trace {
    fn add(&mut self, t: f64, kind: Kind) -> usize {
        self.moments.push(Moment { t, kind });
        self.moments.len() - 1
    }

    /// `Σ_j weights_j k_j` of one state, for as many weights as there are.
    pub fn weighted_by(&self, step: usize, weights: &[f64], state: usize) -> f64 {
        weighted(&self.slopes[step * self.rows() * self.n..], self.n, weights, state)
    }
}

/// `Σ_j weights_j rows_j` of one state.
pub(super) fn weighted(rows: &[f64], n: usize, weights: &[f64], state: usize) -> f64 {
    let mut sum = 0.0;
    for (j, weight) in weights.iter().enumerate() {
        sum += weight * rows[state + j * n];
    }
    sum
}
