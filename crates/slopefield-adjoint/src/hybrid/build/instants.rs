//! Events at one instant, put down as changes.

use super::super::causes::{breaking, root_of, scheduled, start_stays};
use super::super::past::From;
use super::super::record::{Entry, Record};
use super::super::system::System;
use super::super::trace::{Change, Item, Kind, Trace};
use super::{At, Builder};
use slopefield_solve::SolveError;

impl Builder {
    /// Puts down the events at the instant reached, whose entries begin at `entry`, if they change
    /// anything. Returns the entry after them.
    #[allow(clippy::too_many_arguments, reason = "the position in the record is two of them")]
    pub(super) fn instant(
        &mut self,
        system: &System<'_>,
        record: &Record,
        entry: usize,
        state: &mut usize,
        step: Option<usize>,
        at: &mut At,
        trace: &mut Trace,
    ) -> Result<usize, SolveError> {
        let n = trace.n;
        let t = trace.time(at.moment);
        let events = breaking(system, record, entry, t);
        if events.is_empty() {
            return Ok(entry);
        }
        let first = trace.changes.len();
        let leading = at.moment;
        let mut changed = false;
        for &found in &record.entries[events.clone()] {
            let Entry::Event { event, round, .. } = found else { break };
            let moment = match (scheduled(system, &self.times, found), root_of(system, found)) {
                (Some(terms), _) if step.is_some() => {
                    let kind = Kind::Scheduled { terms };
                    if trace.moments[leading].kind == kind { leading } else { trace.add(t, kind) }
                }
                (Some(terms), _) => {
                    start_stays(system, terms, &mut self.scratch)?;
                    leading
                }
                (None, Some(root)) => {
                    let same = matches!(trace.moments[leading].kind, Kind::Root { root: first, .. } if first == root);
                    if let (false, Some(step)) = (same, step) {
                        self.coincidences.push((leading, root, step));
                    }
                    leading
                }
                (None, None) => trace.changes[first..].last().map_or(leading, |last| last.moment),
            };
            self.row[..n].copy_from_slice(&record.states[*state..*state + n]);
            let after = &record.states[*state + n..*state + 2 * n];
            *state += 2 * n;
            let from = match step {
                Some(step) if round == 0 => From { t, begin: trace.span(step).0, step },
                _ => From { t, begin: t, step: trace.steps.len() },
            };
            let mut sources = std::mem::take(&mut self.sources);
            let (row, scratch) = (&mut self.row, &mut self.scratch);
            let filled = self.past.fill(system, trace, from, row, &mut sources, &[], scratch);
            trace.change_sources.extend_from_slice(&sources);
            self.sources = sources;
            filled?;
            trace.befores.extend_from_slice(&self.row);
            trace.afters.extend_from_slice(after);
            trace.changes.push(Change { event, moment });
            changed |= system.affect(event).is_some();
            self.row[..n].copy_from_slice(after);
            at.moment = moment;
        }
        trace.items.push(Item::Instant(first..trace.changes.len()));
        if changed {
            at.continues = false;
            self.begin_anew(system, trace, at.moment, 0);
        }
        Ok(events.end)
    }
}
