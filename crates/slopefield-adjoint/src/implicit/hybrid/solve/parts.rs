//! The solve in parts, where there is no room for the whole tape.

use super::{At, Solve};
use crate::hybrid::system::System;
use crate::hybrid::trace::Kind;
use slopefield_solve::{Settings, SolveError, Stats, Tableau};

/// Where a part begins, as the steps taken again have come there.
pub(super) struct Start {
    at: At,
    t: f64,
    /// Whether that is a function of something.
    moves: bool,
    /// Number of steps before it.
    steps: usize,
    state: Vec<f64>,
    /// The slope that its first step has taken over; empty where none is.
    slope: Vec<f64>,
    /// The table of the side that has taken the step before.
    table: Option<&'static Tableau>,
}

impl Start {
    /// Bytes that one takes.
    pub fn each(n: usize) -> usize {
        size_of::<Start>() + 16 * n
    }
}

impl Solve {
    /// Goes on to the next part, for which there is an empty tape.
    pub(super) fn next_part(&mut self, at: &mut At) {
        let (t, moves) = (self.tape.time(at.moment), self.tape.moves(at.moment));
        self.first_step += self.tape.steps.len();
        self.part += 1;
        self.starts.push(Start {
            at: *at,
            t,
            moves,
            steps: self.first_step,
            state: self.state.clone(),
            slope: Vec::new(),
            table: self.again.table,
        });
        self.begin_part(at, t, moves);
    }

    fn begin_part(&mut self, at: &mut At, t: f64, moves: bool) {
        self.coincidences.clear();
        let (n, stages) = (self.tape.n, self.tape.stages);
        self.tape.clear(n, stages, (&[], &[]));
        self.tape.reserve(self.parts[self.part].steps);
        at.moment = self.tape.add(t, if moves { Kind::Start } else { Kind::Fixed });
    }

    /// Puts down what the first step of a part has taken over from the one before.
    pub(super) fn note_slope(&mut self) {
        // The last part, while the first pass is in it.
        if self.part != self.starts.len() || self.tape.steps.len() != 1 {
            return;
        }
        if let (Some(start), Some(taken)) = (self.starts.last_mut(), self.again.active().unknowns())
        {
            start.slope.extend_from_slice(taken.slope);
        }
    }

    /// Makes the tape that of a part, if it is that of another.
    pub fn retake(
        &mut self,
        system: &System<'_>,
        settings: &Settings,
        part: usize,
        saves: &[f64],
        states: &mut [f64],
    ) -> Result<(), SolveError> {
        if part == self.part {
            return Ok(());
        }
        let mut counts = Stats::default();
        let mut at;
        self.part = part;
        if part == 0 {
            self.first_step = 0;
            at = self.first_part(system, settings, saves, states, &mut counts)?;
        } else {
            let start = &self.starts[part - 1];
            let (t, moves, table) = (start.t, start.moves, start.table);
            at = start.at;
            at.continues = false;
            self.first_step = start.steps;
            self.state.copy_from_slice(&start.state);
            self.again.choose(table);
            let still = vec![0.0; system.n];
            let slope = if start.slope.is_empty() { &still } else { &start.slope };
            let from = (&start.state[..], &slope[..]);
            self.again.active().resume(&system.ivp, settings, t, from, &mut counts)?;
            self.begin_part(&mut at, t, moves);
        }
        self.go_through(system, settings, &mut at, saves, states, &mut counts)?;
        self.repeated += counts.rhs;
        self.find_conditions(system)
    }

    /// Number of parts.
    pub fn parts(&self) -> usize {
        self.parts.len()
    }

    /// Bytes of what is known of the beginnings of parts.
    pub(super) fn bytes_of_starts(&self) -> usize {
        self.starts.len() * Start::each(self.tape.n)
    }
}
