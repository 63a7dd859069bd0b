//! A solve without delays in parts: where there is no room for the trace of the whole, the record of the
//! solve is kept, which has the state at every step, and the trace is made again part by part.

use super::causes::breaking;
use super::record::{Entry, Record};
use super::system::System;

/// Steps that a part has at least.
pub(crate) const LEAST_STEPS: usize = 4;

/// A part: where it begins in the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// Number of the first entry, a step, or of whatever happens at the start; and of that after the last.
    pub entries: (usize, usize),
    /// Place of the numbers of the first entry among the states of the record.
    pub states: usize,
    /// Place there of the state at the beginning; none for the given one.
    pub beginning: Option<usize>,
    /// Number of steps.
    pub steps: usize,
}

impl Stretch {
    /// The whole of a record.
    pub fn whole(record: &Record) -> Self {
        let entries = (0, record.entries.len());
        Stretch { entries, states: 0, beginning: None, steps: record.steps }
    }
}

/// Divides a record into parts that take no more than `most` bytes, a step and an event taking so many
/// each; more where a single step with its events does.
pub(crate) fn divide(
    system: &System<'_>,
    record: &Record,
    most: u64,
    (step, event): (usize, usize),
    parts: &mut Vec<Stretch>,
) {
    let n = system.n;
    parts.clear();
    let start = system.ivp.t0;
    let at_start = breaking(system, record, 0, start).len();
    let mut part = Stretch { steps: 0, entries: (0, 0), ..Stretch::whole(record) };
    let (mut held, mut beginning) = (at_start * event, None);
    let (mut entry, mut states) = (at_start, 2 * n * at_start);
    if at_start > 0 {
        beginning = Some(states - n);
    }
    // Where what comes before the next step began.
    let mut before = (entry, states, 0);
    while let Some(&found) = record.entries.get(entry) {
        entry += 1;
        let Entry::Step { cut, .. } = found else {
            states += 2 * n; // an event that changes nothing
            before.2 += event;
            continue;
        };
        states += n;
        let events = breaking(system, record, entry, cut).len();
        let bytes = step + before.2 + events * event;
        if part.steps > 0 && (held + bytes) as u64 > most {
            part.entries.1 = before.0;
            parts.push(part);
            let entries = (before.0, 0);
            part = Stretch { entries, states: before.1, beginning, steps: 0 };
            held = 0;
        }
        held += bytes;
        part.steps += 1;
        beginning = Some(states - n);
        if events > 0 {
            entry += events;
            states += 2 * n * events;
            beginning = Some(states - n);
        }
        before = (entry, states, 0);
    }
    part.entries.1 = record.entries.len();
    parts.push(part);
}
