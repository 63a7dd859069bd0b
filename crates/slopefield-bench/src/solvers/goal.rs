//! The figures that the project aims at, judged on measured curves.

use super::{Curve, PathsPoint, Point, Report};

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Measure {
    /// Time in which our best method reaches an error over that of the best of the others whose name
    /// begins so at that error; the worst of all errors asked for.
    AtEqualError { of: &'static [&'static str], others: &'static [&'static str] },
    /// Seconds of our best method of these for an error.
    Seconds { of: &'static [&'static str], error: f64 },
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
        error: f64,
        most: f64,
    ) -> Goal {
        Goal { contest, what, measure: Measure::Seconds { of, error }, most }
    }
    const CVODE: &[&str] = &["CVODE"];
    const C: &[&str] = &["C: "];
    const TO_CVODE: &str = "best method over best of CVODE, at equal error";
    const DIFFRAX: &[&str] = &["diffrax"];
    const SCIPY_LSODA: &[&str] = &["scipy: LSODA"];
    /// In machine code, or with a right-hand side in Python.
    const LSODA: &[&str] = &["scipy: LSODA", "numbalsoda: LSODA"];
    const TO_DIFFRAX: &str = "best method over best of diffrax, at equal error";
    const TO_SCIPY_LSODA: &str = "best method over SciPy's LSODA, at equal error";
    const TO_LSODA: &str = "best method over best of LSODA, at equal error";
    const TO_C: &str = "Tsit5 over Tsit5 in C, at equal error";
    &[
        equal("lotka-volterra", TO_CVODE, ALL, CVODE, 0.2),
        equal("lotka-volterra", TO_C, &["tsit5"], C, 1.2),
        equal("lotka-volterra", TO_DIFFRAX, ALL, DIFFRAX, 0.2),
        equal("rigid-body", TO_CVODE, ALL, CVODE, 0.2),
        equal("rigid-body", TO_C, &["tsit5"], C, 1.2),
        equal("lorenz-5", TO_CVODE, ALL, CVODE, 0.2),
        equal("lorenz-5", TO_C, &["tsit5"], C, 1.2),
        equal("lorenz-5", TO_DIFFRAX, ALL, DIFFRAX, 0.2),
        equal("pleiades", TO_CVODE, ALL, CVODE, 0.2),
        equal("pleiades", TO_C, &["tsit5"], C, 1.2),
        equal("rober", TO_SCIPY_LSODA, ALL, SCIPY_LSODA, 0.2),
        equal("rober", TO_LSODA, ALL, LSODA, 1.0),
        equal("rober", TO_DIFFRAX, ALL, DIFFRAX, 0.2),
        seconds("rober", "best Rosenbrock method for an error of 1e-6", ROSENBROCK, 1e-6, 45e-6),
        seconds("rober", "BDF for an error of 1e-6", &["bdf"], 1e-6, 120e-6),
        equal("hires", TO_CVODE, ALL, CVODE, 1.0),
        equal("hires", TO_LSODA, ALL, LSODA, 1.0),
        equal("orego", TO_CVODE, ALL, CVODE, 1.0),
        equal("orego", TO_LSODA, ALL, LSODA, 1.0),
        equal("pollu", TO_CVODE, ALL, CVODE, 1.0),
        equal("pollu", TO_LSODA, ALL, LSODA, 1.0),
        equal("vdp", TO_CVODE, ALL, CVODE, 1.0),
        equal("vdp", TO_LSODA, ALL, LSODA, 1.0),
        seconds("brusselator-1d-200", "best method for an error of 1e-6", ALL, 1e-6, 1.2e-3),
        equal("brusselator-2d", TO_CVODE, ALL, CVODE, 1.0),
    ]
};

/// Errors at which costs are compared.
const ERRORS: [f64; 15] =
    [1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6, 3e-7, 1e-7, 3e-8, 1e-8, 3e-9, 1e-9, 3e-10, 1e-10];

/// Judges the goals of one contest.
#[must_use]
pub fn judge(report: &Report) -> Vec<Judged> {
    let goals = GOALS.iter().filter(|goal| goal.contest == report.contest);
    goals.map(|goal| goal.judge(report)).collect()
}

/// Judges what a strong error of 1e-3 costs, against torchsde among the curves of others.
#[must_use]
pub fn judge_paths(points: &[PathsPoint], others: Vec<Curve>) -> Judged {
    let mut curves = others;
    for PathsPoint { method, steps, error, time, .. } in points {
        let (rtol, error, time) = (1.0 / f64::from(*steps), *error, *time);
        let point = Point { rtol, error, time, counts: Default::default() };
        match curves.iter_mut().find(|curve| curve.ours && curve.solver == *method) {
            Some(curve) => curve.points.push(point),
            None => curves.push(Curve {
                solver: method.clone(),
                ours: true,
                points: vec![point],
                failed: Vec::new(),
            }),
        }
    }
    let report = Report { contest: "gbm", about: "", curves, notes: Vec::new() };
    let ours = best_at(&report, STRONG_ERROR, |c| c.ours);
    let theirs = best_at(&report, STRONG_ERROR, |c| !c.ours && named(c, &["torchsde"]));
    Judged {
        contest: "gbm",
        what: "best method over best of torchsde, at equal strong error",
        figure: ours.zip(theirs).map(|(ours, theirs)| ours / theirs),
        seconds: false,
        most: 0.05,
        at_error: Some(STRONG_ERROR),
    }
}

/// The strong error that is asked of paths.
const STRONG_ERROR: f64 = 1e-3;

impl Goal {
    fn judge(&self, report: &Report) -> Judged {
        let (figure, at_error) = match self.measure {
            Measure::AtEqualError { of, others } => {
                let worst = ERRORS.iter().filter_map(|&error| {
                    let ours = best_within(report, error, |c| c.ours && named(c, of))?;
                    let theirs = best_at(report, error, |c| !c.ours && named(c, others))?;
                    Some((ours / theirs, error))
                });
                worst.max_by(|a, b| a.0.total_cmp(&b.0)).unzip()
            }
            Measure::Seconds { of, error } => {
                (best_at(report, error, |c| c.ours && named(c, of)), Some(error))
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

/// The least time in which a curve reaches or undercuts an error.
fn best_within(report: &Report, error: f64, chosen: impl Fn(&Curve) -> bool) -> Option<f64> {
    let curves = report.curves.iter().filter(|curve| chosen(curve));
    curves.filter_map(|curve| curve.seconds_within(error)).reduce(f64::min)
}

/// The least time of a curve at an error that it shows.
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
            curve("diffrax: Tsit5", false, [4.0, 6.0]),
        ];
        let report = Report { contest: "lotka-volterra", about: "", curves, notes: vec![] };
        let judged = judge(&report);
        let figures: Vec<f64> = judged.iter().map(|j| j.figure.unwrap()).collect();
        assert!((figures[0] - 0.3).abs() < 1e-12, "{judged:?}");
        assert!((figures[1] - 2.0).abs() < 1e-12, "{judged:?}");
        assert!((figures[2] - 0.5).abs() < 1e-12, "{judged:?}");
        assert_eq!(judged[0].at_error, Some(1e-6));
        assert!(judged.iter().all(|j| j.reached() == Some(false)));
    }

    #[test]
    fn ours_may_be_more_accurate_than_asked_for_and_theirs_not() {
        let mut theirs = curve("numbalsoda: LSODA", false, [4.0, 8.0]);
        theirs.points[0].error = 1e-2;
        let curves = vec![curve("rodas5p", true, [1.0, 6.0]), theirs];
        let report = Report { contest: "vdp", about: "", curves, notes: vec![] };
        let judged = judge(&report);
        let lsoda = judged.iter().find(|j| j.what.contains("LSODA")).unwrap();
        // Worst at the tightest error; between 1e-2 and 1e-4 ours counts with its one second.
        assert!((lsoda.figure.unwrap() - 0.75).abs() < 1e-12, "{judged:?}");
        assert_eq!(lsoda.at_error, Some(1e-6));
        let curves = vec![curve("rodas5p", true, [1.0, 6.0]), curve("C: x", false, [1.0, 1.0])];
        let report = Report { contest: "vdp", about: "", curves, notes: vec![] };
        assert!(judge(&report).iter().all(|j| j.figure.is_none()));
    }

    #[test]
    fn without_the_other_side_there_is_no_figure() {
        let curves = vec![curve("tsit5", true, [1.0, 4.0])];
        let report = Report { contest: "pleiades", about: "", curves, notes: vec![] };
        assert!(judge(&report).iter().all(|j| j.figure.is_none() && j.reached().is_none()));
    }

    #[test]
    fn paths_are_judged_at_equal_strong_error() {
        let point = |method: &str, steps, error, median| PathsPoint {
            method: method.into(),
            steps,
            error,
            time: Timing { min: median, median, p90: median, rounds: 3 },
            paths: 10,
        };
        let points = [
            point("em", 16, 1e-1, 0.1),
            point("sriw1", 16, 1e-2, 0.2),
            point("sriw1", 256, 1e-4, 0.8),
        ];
        let mut theirs = curve("torchsde: srk", false, [0.0, 0.0]);
        for (point, (error, seconds)) in theirs.points.iter_mut().zip([(1e-2, 2.0), (1e-4, 8.0)]) {
            point.error = error;
            point.time.median = seconds;
        }
        let judged = judge_paths(&points, vec![theirs]);
        assert!((judged.figure.unwrap() - 0.1).abs() < 1e-12, "{judged:?}");
        assert_eq!(judge_paths(&points, Vec::new()).reached(), None);
    }

    #[test]
    fn seconds_are_those_for_an_error() {
        let curves = vec![curve("rodas5p", true, [1e-6, 1e-4]), curve("bdf", true, [1e-5, 2e-5])];
        let report = Report { contest: "rober", about: "", curves, notes: vec![] };
        let judged = judge(&report);
        let of = |what: &str| judged.iter().find(|j| j.what.starts_with(what)).unwrap();
        for (what, seconds) in [("best Rosenbrock", 1e-4), ("BDF", 2e-5)] {
            // Interpolated in logarithms.
            let figure = of(what).figure.unwrap();
            assert!((figure / seconds - 1.0).abs() < 1e-12, "{what}: {figure}");
        }
        assert_eq!(of("best Rosenbrock").reached(), Some(false));
        assert!(of("BDF").seconds && of("BDF").reached() == Some(true));
    }

    #[test]
    fn goals_belong_to_contests() {
        let names: Vec<_> = contests().iter().map(|Contest { name, .. }| *name).collect();
        assert!(GOALS.iter().all(|goal| names.contains(&goal.contest)));
    }
}
