//! The figures that the project aims at, judged on measured curves.

use super::{Curve, Report};

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Measure {
    /// Time of our best method over that of the best of the others whose name begins so, at equal
    /// error; the worst of all errors asked for.
    AtEqualError { of: &'static [&'static str], others: &'static [&'static str] },
    /// Seconds of our best method of these at a tolerance.
    Seconds { of: &'static [&'static str], rtol: f64 },
}

/// A figure to reach on one contest.
#[derive(Debug, Clone, Copy)]
pub struct Goal {
    /// The contest.
    pub contest: &'static str,
    /// What is compared with what.
    pub what: &'static str,
    measure: Measure,
    /// At most this.
    pub most: f64,
}

/// A goal with what was measured.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Judged {
    /// The contest.
    pub contest: &'static str,
    /// What is compared with what.
    pub what: &'static str,
    /// The figure: a ratio, or seconds; `None` where a side is missing.
    pub figure: Option<f64>,
    /// Whether the figure is in seconds.
    pub seconds: bool,
    /// At most this.
    pub most: f64,
    /// The error at which a ratio is worst.
    pub at_error: Option<f64>,
}

impl Judged {
    /// Whether the goal is reached; `None` where it was not measured.
    #[must_use]
    pub fn reached(&self) -> Option<bool> {
        self.figure.map(|figure| figure <= self.most)
    }
}

/// Every method of ours.
const ALL: &[&str] = &[];
const ROSENBROCK: &[&str] = &["rodas", "rosenbrock"];

static GOALS: &[Goal] = {
    const fn equal(
        contest: &'static str,
        what: &'static str,
        of: &'static [&'static str],
        others: &'static [&'static str],
        most: f64,
    ) -> Goal {
        Goal { contest, what, measure: Measure::AtEqualError { of, others }, most }
    }
    const fn seconds(
        contest: &'static str,
        what: &'static str,
        of: &'static [&'static str],
        rtol: f64,
        most: f64,
    ) -> Goal {
        Goal { contest, what, measure: Measure::Seconds { of, rtol }, most }
    }
    const CVODE: &[&str] = &["CVODE"];
    const C: &[&str] = &["C: "];
    const TO_CVODE: &str = "best method over best of CVODE, at equal error";
    const TO_C: &str = "Tsit5 over Tsit5 in C, at equal error";
    &[
        equal("lotka-volterra", TO_CVODE, ALL, CVODE, 0.2),
        equal("lotka-volterra", TO_C, &["tsit5"], C, 1.2),
        equal("rigid-body", TO_CVODE, ALL, CVODE, 0.2),
        equal("rigid-body", TO_C, &["tsit5"], C, 1.2),
        equal("lorenz-5", TO_CVODE, ALL, CVODE, 0.2),
        equal("lorenz-5", TO_C, &["tsit5"], C, 1.2),
        equal("pleiades", TO_CVODE, ALL, CVODE, 0.2),
        equal("pleiades", TO_C, &["tsit5"], C, 1.2),
        seconds("rober", "best Rosenbrock method at 1e-6", ROSENBROCK, 1e-6, 45e-6),
        seconds("rober", "BDF at 1e-6", &["bdf"], 1e-6, 120e-6),
        equal("hires", TO_CVODE, ALL, CVODE, 1.0),
        equal("orego", TO_CVODE, ALL, CVODE, 1.0),
        equal("pollu", TO_CVODE, ALL, CVODE, 1.0),
        equal("vdp", TO_CVODE, ALL, CVODE, 1.0),
        seconds("brusselator-1d-200", "best method at 1e-6", ALL, 1e-6, 1.2e-3),
        equal("brusselator-2d", TO_CVODE, ALL, CVODE, 1.0),
    ]
};

/// Errors at which costs are compared.
const ERRORS: [f64; 13] =
    [1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6, 3e-7, 1e-7, 3e-8, 1e-8, 3e-9, 1e-9];

/// Judges the goals of one contest.
#[must_use]
pub fn judge(report: &Report) -> Vec<Judged> {
    let goals = GOALS.iter().filter(|goal| goal.contest == report.contest);
    goals.map(|goal| goal.judge(report)).collect()
}

impl Goal {
    fn judge(&self, report: &Report) -> Judged {
        let (figure, at_error) = match self.measure {
            Measure::AtEqualError { of, others } => {
                let worst = ERRORS.iter().filter_map(|&error| {
                    let ours = best_at(report, error, |c| c.ours && named(c, of))?;
                    let theirs = best_at(report, error, |c| !c.ours && named(c, others))?;
                    Some((ours / theirs, error))
                });
                worst.max_by(|a, b| a.0.total_cmp(&b.0)).unzip()
            }
            Measure::Seconds { of, rtol } => {
                let curves = report.curves.iter().filter(|c| c.ours && named(c, of));
                let points = curves.flat_map(|c| &c.points).filter(|p| p.rtol == rtol);
                // A method that misses the tolerance by far is no help.
                let points = points.filter(|p| p.error < 1e3 * rtol);
                (points.map(|p| p.time.median).reduce(f64::min), None)
            }
        };
        let seconds = matches!(self.measure, Measure::Seconds { .. });
        let Goal { contest, what, most, .. } = *self;
        Judged { contest, what, figure, seconds, most, at_error }
    }
}

fn named(curve: &Curve, beginnings: &[&str]) -> bool {
    beginnings.is_empty() || beginnings.iter().any(|name| curve.solver.starts_with(name))
}

fn best_at(report: &Report, error: f64, chosen: impl Fn(&Curve) -> bool) -> Option<f64> {
    let curves = report.curves.iter().filter(|curve| chosen(curve));
    curves.filter_map(|curve| curve.seconds_at(error)).reduce(f64::min)
}

#[cfg(test)]
mod tests {
    use super::super::contest::{Contest, Point, contests};
    use super::*;
    use crate::Timing;

    fn curve(solver: &str, ours: bool, seconds: [f64; 2]) -> Curve {
        let point = |(rtol, s): (f64, f64)| Point {
            rtol,
            error: rtol,
            time: Timing { min: s, median: s, p90: s, rounds: 5 },
            counts: Default::default(),
        };
        let points = [(1e-4, seconds[0]), (1e-6, seconds[1])].map(point).to_vec();
        Curve { solver: solver.into(), ours, points, failed: Vec::new() }
    }

    #[test]
    fn the_worst_ratio_of_the_best_on_both_sides_counts() {
        let curves = vec![
            curve("tsit5", true, [1.0, 4.0]),
            curve("vern7", true, [2.0, 3.0]),
            curve("CVODE: Adams", false, [10.0, 20.0]),
            curve("CVODE: BDF, dense", false, [20.0, 10.0]),
            curve("C: Tsit5", false, [1.0, 2.0]),
        ];
        let report = Report { contest: "lotka-volterra", about: "", curves, notes: vec![] };
        let judged = judge(&report);
        let figures: Vec<f64> = judged.iter().map(|j| j.figure.unwrap()).collect();
        assert!((figures[0] - 0.3).abs() < 1e-12, "{judged:?}");
        assert!((figures[1] - 2.0).abs() < 1e-12, "{judged:?}");
        assert_eq!(judged[0].at_error, Some(1e-6));
        assert!(judged.iter().all(|j| j.reached() == Some(false)));
    }

    #[test]
    fn without_the_other_side_there_is_no_figure() {
        let curves = vec![curve("tsit5", true, [1.0, 4.0])];
        let report = Report { contest: "pleiades", about: "", curves, notes: vec![] };
        assert!(judge(&report).iter().all(|j| j.figure.is_none() && j.reached().is_none()));
    }

    #[test]
    fn goals_belong_to_contests() {
        let names: Vec<_> = contests().iter().map(|Contest { name, .. }| *name).collect();
        assert!(GOALS.iter().all(|goal| names.contains(&goal.contest)));
    }
}
