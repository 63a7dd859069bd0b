//! Events at one instant, and how instants move.

use super::super::condition::Roots;
use super::super::filled::Filled;
use super::super::reads::{Reader, Seen};
use super::super::tape::{Item, Place, TapeStep};
use super::{At, Solve, uncoupled};
use crate::hybrid::causes::{breaking, root_of, scheduled, start_stays, stops};
use crate::hybrid::record::Entry;
use crate::hybrid::system::{System, refused};
use crate::hybrid::trace::{Change, Kind};
use slopefield_kernel::Kernel;
use slopefield_solve::{Settings, SolveError, Stats};

impl Solve {
    /// Lets the events at the instant reached happen.
    pub(super) fn instant(
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
                if changed && system.delays().is_none() {
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
            let context = match step {
                Some(step) if round == 0 => self.tape.steps[step].event_context,
                _ => {
                    let between = (self.tape.steps.len(), t, Place::Between);
                    self.context(system, between, &uncoupled)
                }
            };
            self.tape.change_contexts.push(context);
            self.tape.befores.extend_from_slice(&self.state);
            self.tape.items.push(Item::Change(self.tape.changes.len()));
            self.tape.changes.push(Change { event, moment });
            if let Some(affect) = system.affect(event) {
                let before = &self.tape.befores[self.tape.befores.len() - n..];
                let (interpolant, seen) = (self.equations.interpolant(), Seen::Parameters);
                let tape = &self.tape;
                let reader = Reader { system: *system, tape, interpolant, context, seen };
                let filled = system.delays().map(|_| Filled::new(reader, affect));
                let affect = filled.as_ref().map_or(affect, |filled| filled as &dyn Kernel);
                self.scratch.resize(self.scratch.len().max(affect.scratch_len()), 0.0);
                affect.eval(t, before, system.ivp.p, &mut self.state, &mut self.scratch);
                changed = true;
            }
            stopped |= stops(system, event);
            at.states += 2 * n;
        }
        at.entry = events.end;
        if changed {
            self.begin_anew(system, at.moment, 0);
        }
        if changed && !stopped {
            self.begin(system, settings, at, counts)?;
            at.continues = false;
        } else if system.delays().is_some() {
            self.slope_here(system, self.tape.time(at.moment));
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
        self.slope_here(system, t);
        let slope = self.keep_slope();
        self.tape.items.push(Item::Shift { from, to, slope });
        Ok(())
    }

    /// Finds out how the instants that the solution determines move.
    pub(super) fn find_conditions(&mut self, system: &System<'_>) -> Result<(), SolveError> {
        for step in 0..self.tape.steps.len() {
            let TapeStep { cut, end, event_context, explicit, .. } = self.tape.steps[step];
            if cut == end {
                continue;
            }
            self.equations.select(explicit);
            let (tape, equations) = (&self.tape, &*self.equations);
            let (view, t) = (tape.view(step), tape.time(cut));
            let condition = match tape.moments[cut].kind {
                Kind::Root { root, .. } => {
                    let roots = Roots::new(system, tape, equations, event_context)?;
                    self.locator.condition(&roots, equations, &view, (t, root))?
                }
                Kind::Passage { lag, .. } => {
                    let step = (&view, tape.data.len());
                    self.locator.passage(system, equations, step, (t, lag))?
                }
                _ => continue,
            };
            self.tape.steps[step].condition = Some(condition);
        }
        let (equations, coincidences) = (&mut *self.equations, &self.coincidences);
        self.locator.check_coincidences(system, equations, &self.tape, coincidences)
    }
}
