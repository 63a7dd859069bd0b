//! Problems, tolerances and measured curves.

use super::entrant::{Counts, Entrant, System, entrants};
use super::standard;
use crate::machine::Clock;
use crate::measure::by_turns;
use crate::{BenchError, Comparators, Subject, Timing};
use slopefield_problems::{self as problems, Problem};
use slopefield_solve::{MethodClass, MethodInfo};
use std::rc::Rc;

/// A problem with the tolerances to try.
pub struct Contest {
    /// Short name, that of the problem.
    pub name: &'static str,
    /// One line.
    pub about: &'static str,
    /// Makes the problem; its last reference at `t1` counts.
    pub problem: Box<dyn Fn() -> Problem>,
    /// Relative tolerances.
    pub tolerances: &'static [f64],
    /// Absolute over relative tolerance.
    pub absolute: f64,
    /// Errors are relative to each value; values below this part of the largest count as that.
    pub floor: f64,
    /// Whether explicit methods are out of the question.
    pub stiff: bool,
    /// Seconds: after a single run that takes longer, tighter tolerances are left out.
    pub patience: f64,
}

const COMMON: &[f64] = &[1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10];
/// Where a single run takes a good part of a second.
pub(super) const FEWER: &[f64] = &[1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8];
/// Seconds that a single run may take before tighter tolerances are left out,
pub(super) const PATIENCE: f64 = 2.0;
/// and on thousands of states, where factors of banded matrices alone take longer.
const LONG_PATIENCE: f64 = 20.0;

/// All contests.
#[must_use]
pub fn contests() -> Vec<Contest> {
    let non_stiff = |name, about, problem: fn() -> Problem| Contest {
        name,
        about,
        problem: Box::new(problem),
        tolerances: COMMON,
        absolute: 1.0,
        floor: 1e-2,
        stiff: false,
        patience: PATIENCE,
    };
    let stiff = |name, about, problem: fn() -> Problem, absolute, floor| Contest {
        name,
        about,
        problem: Box::new(problem),
        tolerances: COMMON,
        absolute,
        floor,
        stiff: true,
        patience: PATIENCE,
    };
    vec![
        non_stiff("lotka-volterra", "predator and prey to t = 10", problems::lotka_volterra),
        non_stiff("rigid-body", "Euler's equations to t = 20", problems::rigid_body),
        non_stiff("lorenz-5", "Lorenz to t = 5", problems::lorenz_5),
        non_stiff("pleiades", "seven stars, 28 states, to t = 3", problems::pleiades),
        stiff("rober", "Robertson's reaction to t = 1e5", robertson, 1e-4, 0.0),
        stiff("hires", "8 reactants to t = 321.8", problems::hires, 1e-4, 0.0),
        stiff("orego", "Oregonator to t = 360", problems::oregonator, 1e-2, 0.0),
        stiff("pollu", "20 pollutants to t = 60", problems::pollution, 1e-4, 1e-6),
        stiff("vdp", "van der Pol, ε = 1e-6, to t = 2", problems::van_der_pol, 1e-2, 0.0),
        stiff(
            "brusselator-1d-200",
            "Brusselator on a line, 200 states, to t = 10",
            problems::brusselator_1d_200,
            1.0,
            1e-2,
        ),
        Contest {
            tolerances: FEWER,
            patience: LONG_PATIENCE,
            ..stiff(
                "brusselator-2d",
                "Brusselator on a torus, 2048 states, to t = 11.5",
                || problems::brusselator_2d(32),
                1.0,
                1e-2,
            )
        },
        Contest {
            stiff: false,
            ..stiff(
                "multisite2",
                "66 species, 288 reactions, to t = 2",
                problems::multisite2,
                1.0,
                1e-6,
            )
        },
        stiff("egfr", "356 species, 3749 reactions, to t = 10", problems::egfr_network, 1.0, 1e-6),
        stiff(
            "oxygen-reduction",
            "9 species on platinum, 19 reactions, to t = 1e-13",
            oxygen_reduction,
            1e-10,
            1e-6,
        ),
        stiff(
            "heating-system",
            "40 rooms with valves that switch, 81 states, to t = 5e4",
            problems::heating_system,
            1e-1,
            0.0,
        ),
        stiff("bidkhori", "108 species, 117 reactions, to t = 100", problems::bidkhori, 1e-6, 1e-6),
        stiff(
            "rober-dae",
            "Robertson's reaction with conservation of mass to t = 1e5",
            problems::robertson_dae,
            1e-4,
            0.0,
        ),
        non_stiff("neves", "a lag that is a state, to t = 12", neves),
    ]
}

/// The contests with these names, or the standard problems; all contests when there are none.
///
/// # Errors
/// [`BenchError::UnknownCase`] with the names there are.
pub fn choose(names: &[String]) -> Result<Vec<Contest>, BenchError> {
    let mut chosen = contests();
    let others = names.iter().filter(|name| !chosen.iter().any(|c| c.name == **name));
    let others = others.map(|name| {
        standard::contest(name).ok_or_else(|| {
            let contests = contests().into_iter().map(|contest| contest.name);
            let mut known: Vec<String> = contests.map(Into::into).collect();
            let new: Vec<_> = standard::names().filter(|n| !known.iter().any(|k| k == n)).collect();
            known.extend(new.into_iter().map(Into::into));
            BenchError::UnknownCase { suite: "solvers", name: name.clone(), known }
        })
    });
    let others = others.collect::<Result<Vec<_>, _>>()?;
    chosen.retain(|contest| names.is_empty() || names.iter().any(|name| contest.name == name));
    chosen.extend(others);
    Ok(chosen)
}

/// To t = 1e5 only.
fn robertson() -> Problem {
    let mut problem = problems::robertson();
    problem.t1 = 1e5;
    problem.references.retain(|reference| reference.t <= 1e5);
    problem
}

/// To t = 1e-13 only, before most of it has come to rest.
fn oxygen_reduction() -> Problem {
    let mut problem = problems::oxygen_reduction();
    problem.t1 = 1e-13;
    problem.references.retain(|reference| reference.t <= 1e-13);
    problem
}

/// With its exact value at the end as the reference.
fn neves() -> Problem {
    let mut problem = problems::neves();
    problem.references.extend(standard::closed_form(&problem));
    problem
}

impl Contest {
    /// Whether a method takes part.
    pub(super) fn admits(&self, method: &MethodInfo) -> bool {
        match method.class {
            MethodClass::NonStiff => !self.stiff,
            MethodClass::Stiff | MethodClass::Switching => true,
            // Of these only diffusion is among the contests.
            MethodClass::Parabolic => self.name.starts_with("brusselator"),
            MethodClass::SecondOrder | MethodClass::Split => false,
        }
    }
}

/// What to measure.
pub struct Options<'a> {
    /// The C compilers, where there are any.
    pub comparators: &'a Comparators,
    /// Seconds for each problem; 0 repeats nothing and keeps the time of the first run.
    pub seconds: f64,
    /// A single run that takes longer is not repeated.
    pub patience: f64,
}

/// A run of a solver at one tolerance.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Point {
    /// Relative tolerance.
    pub rtol: f64,
    /// Largest error at the reference, relative as the contest says.
    pub error: f64,
    /// Times of one run; one round where that took long.
    pub time: Timing,
    /// What it took.
    pub counts: Counts,
}

/// What one solver needs for one problem.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Curve {
    /// Name of the method, or of the other program with its method.
    pub solver: String,
    /// Whether it is one of ours.
    pub ours: bool,
    /// Order of the tolerances; those that failed are missing.
    pub points: Vec<Point>,
    /// Tolerances at which it gave no result, and why.
    pub failed: Vec<(f64, String)>,
}

impl Curve {
    /// Seconds for an error, between two measured errors on both sides of it; `None` outside.
    /// Solvers that are slower and less accurate at a tighter tolerance do not get worse by it.
    #[must_use]
    pub fn seconds_at(&self, error: f64) -> Option<f64> {
        let mut points: Vec<(f64, f64)> = self
            .points
            .iter()
            .map(|p| (p.error, p.time.median))
            .filter(|(error, _)| *error > 0.0)
            .collect();
        points.sort_by(|a, b| a.1.total_cmp(&b.1));
        // From the cheapest on, keep what is more accurate than everything cheaper.
        let mut front: Vec<(f64, f64)> = Vec::new();
        for point in points {
            if front.last().is_none_or(|last| point.0 < last.0) {
                front.push(point);
            }
        }
        // The cheapest point serves for every larger error that the solver has shown.
        let largest = self.points.iter().map(|p| p.error).fold(0.0, f64::max);
        if let Some(&(least, seconds)) = front.first()
            && least <= error
            && error <= largest
        {
            return Some(seconds);
        }
        front.windows(2).find_map(|pair| {
            let [(e0, t0), (e1, t1)] = [pair[0], pair[1]];
            if !(e1 <= error && error <= e0) {
                return None;
            }
            let part = (error / e0).ln() / (e1 / e0).ln();
            Some((t0.ln() + part * (t1 / t0).ln()).exp())
        })
    }
}

impl Curve {
    /// Seconds in which an error is reached or undercut: [`Curve::seconds_at`], and for errors larger
    /// than all that were shown the time of the cheapest run, which is more accurate than asked for.
    #[must_use]
    pub fn seconds_within(&self, error: f64) -> Option<f64> {
        let largest = self.points.iter().map(|p| p.error).fold(0.0, f64::max);
        if error <= largest {
            return self.seconds_at(error);
        }
        self.points.iter().map(|p| p.time.median).reduce(f64::min)
    }
}

/// All curves of one problem.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Report {
    /// Name of the contest.
    pub contest: &'static str,
    /// Its line.
    pub about: &'static str,
    /// A curve for each solver, ours first.
    pub curves: Vec<Curve>,
    /// Why some solvers are not there.
    pub notes: Vec<String>,
}

/// Solves, compares and times one problem with every solver.
///
/// # Errors
/// When the model of the problem does not compile, or a comparator that compiles does not run.
pub fn measure(contest: &Contest, options: &Options<'_>) -> Result<Report, BenchError> {
    let problem = Rc::new((contest.problem)());
    let system = system(&problem)?;
    let reference = problem
        .references
        .iter()
        .rfind(|reference| reference.t == problem.t1)
        .ok_or(BenchError::NoReference { problem: contest.name })?;
    let largest = reference.u.iter().fold(0.0_f64, |a, b| a.max(b.abs()));
    let error = |state: &[f64]| {
        let distance = |(a, b): (&f64, &f64)| (a - b).abs() / b.abs().max(contest.floor * largest);
        let worst = |a: f64, b: f64| if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) };
        state.iter().zip(&reference.u).map(distance).fold(0.0, worst)
    };
    let (makers, notes) = entrants(contest, &problem, &system, options.comparators)?;
    let mut curves = Vec::new();
    // Curve and place there of every run that is timed.
    let (mut subjects, mut places) = (Vec::<Box<dyn Subject>>::new(), Vec::new());
    for maker in makers {
        let mut curve = Curve {
            solver: maker.solver.clone(),
            ours: maker.ours,
            points: vec![],
            failed: vec![],
        };
        for &rtol in contest.tolerances {
            let mut entrant = (maker.make)(rtol, contest.absolute * rtol)?;
            let clock = Clock::start();
            let result = entrant.result();
            let once = clock.seconds();
            match result.map(|state| error(&state)) {
                Ok(error) if error.is_finite() => {
                    let time = Timing { min: once, median: once, p90: once, rounds: 1 };
                    curve.points.push(Point { rtol, error, time, counts: entrant.counts() });
                    if once < options.patience {
                        places.push((curves.len(), curve.points.len() - 1));
                        subjects.push(Box::new(Timed(entrant)));
                    }
                }
                Ok(_) => curve.failed.push((rtol, "the result is not finite".into())),
                Err(e) => curve.failed.push((rtol, e.to_string())),
            }
            if once > contest.patience {
                break;
            }
        }
        curves.push(curve);
    }
    if !subjects.is_empty() && options.seconds > 0.0 {
        let times = by_turns(&mut subjects, options.seconds)?;
        for ((curve, point), time) in places.into_iter().zip(times) {
            curves[curve].points[point].time = time;
        }
    }
    curves.retain(|curve| !curve.points.is_empty() || !curve.failed.is_empty());
    Ok(Report { contest: contest.name, about: contest.about, curves, notes })
}

/// The system as a user has it: compiled from the model text, where there is one. Reducing the index adds
/// states behind those of the problem.
fn system(problem: &Problem) -> Result<Option<System>, BenchError> {
    let compiled =
        |text| slopefield_study::CompiledModel::new(text, &slopefield_graph::BuiltinNetworks);
    Ok(problem.text.map(compiled).transpose()?.map(|model| System {
        start: model.initial_state(problem.t0, &problem.p, &[]),
        rhs: model.rhs,
    }))
}

struct Timed(Box<dyn Entrant>);

impl Subject for Timed {
    fn run(&mut self, calls: usize) -> Result<(), BenchError> {
        (0..calls).try_for_each(|_| self.0.run())
    }

    fn result(&mut self) -> Result<Vec<f64>, BenchError> {
        self.0.result()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(points: &[(f64, f64)]) -> Curve {
        let point = |&(error, seconds): &(f64, f64)| Point {
            rtol: 1e-6,
            error,
            time: Timing { min: seconds, median: seconds, p90: seconds, rounds: 5 },
            counts: Counts::default(),
        };
        let points = points.iter().map(point).collect();
        Curve { solver: "some".into(), ours: true, points, failed: Vec::new() }
    }

    #[test]
    fn costs_are_interpolated_in_logarithms_and_not_extrapolated() {
        // Time grows as the error to the power −1/2.
        let curve = curve(&[(1e-2, 1.0), (1e-4, 10.0), (1e-8, 1000.0)]);
        for (error, seconds) in [(1e-2, 1.0), (1e-3, 10_f64.sqrt()), (1e-6, 100.0), (1e-8, 1000.0)]
        {
            let found = curve.seconds_at(error).unwrap();
            assert!((found / seconds - 1.0).abs() < 1e-12, "{error}: {found}");
        }
        assert_eq!(curve.seconds_at(2e-2), None);
        assert_eq!(curve.seconds_at(9e-9), None);
    }

    #[test]
    fn points_worse_than_cheaper_ones_do_not_count() {
        let good = curve(&[(1e-2, 1.0), (1e-4, 10.0)]);
        let with_bad = curve(&[(1e-2, 1.0), (1e-1, 5.0), (1e-4, 10.0), (1e-4, 20.0)]);
        assert_eq!(good.seconds_at(1e-3), with_bad.seconds_at(1e-3));
        // What is more accurate than asked for serves, but its time says nothing of looser tolerances.
        assert_eq!((good.seconds_at(1e-1), good.seconds_within(1e-1)), (None, Some(1.0)));
        assert_eq!(good.seconds_within(1e-3), good.seconds_at(1e-3));
        assert_eq!(good.seconds_within(1e-5), None);
        // Here the tighter tolerance is cheaper.
        let odd = curve(&[(1e-2, 3.0), (1e-4, 2.0)]);
        assert_eq!(odd.seconds_at(1e-3), Some(2.0));
    }

    #[test]
    fn every_contest_has_a_reference_at_its_end() {
        for contest in contests() {
            let problem = (contest.problem)();
            assert_eq!(problem.id, contest.name);
            let known = problem.references.iter().any(|reference| reference.t == problem.t1);
            assert!(known, "{}", contest.name);
        }
    }
}
