//! Goals about other programs: how many times as long they take.

use crate::{Figures, Record};

/// A goal about another program.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Beside {
    /// The program, as records name it.
    pub tool: &'static str,
    /// Both times count from the start of a process to its result; otherwise the work alone, without
    /// starting and compiling.
    pub from_start: bool,
    /// Its time over ours, at least.
    pub least: f64,
}

/// What a goal came to.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Compared {
    /// The program.
    pub tool: &'static str,
    /// See [`Beside::from_start`].
    pub from_start: bool,
    /// The goal.
    pub least: f64,
    /// Its time over ours, of its fastest way; `None` where it was not measured.
    pub times: Option<f64>,
}

impl Compared {
    /// The goal is reached; `None` where nothing was measured.
    #[must_use]
    pub fn reached(&self) -> Option<bool> {
        self.times.map(|times| times >= self.least)
    }
}

/// Compares our figures with the records of other programs. Of several ways in which a program does the
/// work, the fastest counts.
#[must_use]
pub fn compared(goals: &[Beside], figures: &Figures, records: &[Record]) -> Vec<Compared> {
    let judge = |goal: &Beside| {
        let Beside { tool, from_start, least } = *goal;
        let ours = if from_start { Some(figures.ours.min) } else { figures.inside_s };
        let time = |r: &Record| if from_start { r.cold_s } else { r.min.or(r.value) };
        let theirs = records.iter().filter(|r| r.tool == tool && r.unit == "s").filter_map(time);
        let times = theirs.reduce(f64::min).zip(ours).map(|(theirs, ours)| theirs / ours);
        Compared { tool, from_start, least, times }
    };
    goals.iter().map(judge).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timing;

    fn record(tool: &str, min: f64, cold_s: f64) -> Record {
        Record { tool: tool.into(), min: Some(min), cold_s: Some(cold_s), ..Record::default() }
    }

    /// The fastest way of a program counts, and what was not measured is not judged.
    #[test]
    fn programs_are_compared_from_their_start_and_without_it() {
        let ours = Timing { min: 0.1, median: 0.2, p90: 0.3, rounds: 5 };
        let figures = Figures { inside_s: Some(0.04), ..Figures::of(ours) };
        let records = [record("diffrax", 0.8, 6.0), record("diffrax", 1.0, 4.0)];
        let goal = |tool, from_start, least| Beside { tool, from_start, least };
        let goals = [
            goal("diffrax", true, 50.0),
            goal("diffrax", false, 17.0),
            goal("torchdiffeq", true, 50.0),
        ];
        let found = compared(&goals, &figures, &records);
        let near = |found: Option<f64>, times: f64| (found.unwrap() - times).abs() < 1e-12;
        assert!(near(found[0].times, 40.0) && near(found[1].times, 20.0), "{found:?}");
        let reached: Vec<_> = found.iter().map(Compared::reached).collect();
        assert_eq!(reached, [Some(false), Some(true), None]);
        // Without a time of the work alone there is nothing to compare it with.
        assert_eq!(compared(&goals[1..2], &Figures::of(ours), &records)[0].times, None);
    }
}
