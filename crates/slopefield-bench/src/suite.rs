//! Suites, cases, and the order of things: prepare, compare results, measure.

use crate::machine::Others;
use crate::measure::by_turns;
use crate::{BenchError, Beside, Comparators, Subject, Timing};
use std::path::Path;

/// A named list of cases.
pub struct Suite {
    /// What is typed after `slopefield bench`.
    pub name: &'static str,
    /// One line.
    pub about: &'static str,
    /// Makes the list.
    pub cases: fn() -> Vec<Case>,
}

/// All suites.
#[must_use]
pub fn suites() -> &'static [Suite] {
    &[crate::core::SUITE, crate::gradients::SUITE, crate::training::SUITE, crate::plugins::SUITE]
}

/// The suite of this name.
///
/// # Errors
/// [`BenchError::UnknownSuite`] with the names there are.
pub fn suite(name: &str) -> Result<&'static Suite, BenchError> {
    suites().iter().find(|s| s.name == name).ok_or_else(|| BenchError::UnknownSuite {
        name: name.to_owned(),
        known: suites().iter().map(|s| s.name).chain(["solvers", "gpu"]).collect(),
    })
}

impl Suite {
    /// The cases with these names in the order of the suite; all when `names` is empty. A name
    /// also stands for all cases that begin with it and a hyphen.
    ///
    /// # Errors
    /// [`BenchError::UnknownCase`] for a name that chooses nothing.
    pub fn choose(&self, names: &[String]) -> Result<Vec<Case>, BenchError> {
        let mut cases = (self.cases)();
        let chosen = |case: &Case, name: &str| {
            case.name
                .strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        if let Some(name) = names.iter().find(|name| !cases.iter().any(|case| chosen(case, name))) {
            return Err(BenchError::UnknownCase {
                suite: self.name,
                name: name.clone(),
                known: cases.into_iter().map(|case| case.name).collect(),
            });
        }
        if !names.is_empty() {
            cases.retain(|case| names.iter().any(|name| chosen(case, name)));
        }
        Ok(cases)
    }
}

/// One piece of work.
pub struct Case {
    /// Short name, stable.
    pub name: String,
    /// One line: the work and the comparator.
    pub about: String,
    /// Figure that the project aims at.
    pub target: Option<Target>,
    /// Where it stands in the tables of `benches/peers`.
    pub saved: Saved,
    /// Compiles the model and the comparator. Not timed.
    pub prepare: Prepare,
}

/// See [`Case::prepare`].
pub type Prepare = Box<dyn Fn(&Setting<'_>) -> Result<Trial, BenchError>>;

/// Place of a case in the tables of `benches/peers`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Benchmark, `B1` and so on; `core` for work that the peers do not do.
    pub bench: &'static str,
    /// Name of the case there, its group before a colon.
    pub case: String,
    /// What is counted.
    pub metric: &'static str,
}

/// What preparing a case may use.
pub struct Setting<'a> {
    /// The C compilers, where there are any.
    pub comparators: &'a Comparators,
    /// How often a model is compiled to measure that; 1 at least.
    pub compile_rounds: usize,
    /// The command `slopefield`, for cases that start it; they fail without it.
    pub program: Option<&'a Path>,
}

/// A prepared case.
pub struct Trial {
    /// This program.
    pub ours: Box<dyn Subject>,
    /// The comparator; `None` without a compiler, and for cases that have none.
    pub comparator: Option<Box<dyn Subject>>,
    /// What the results must fulfil.
    pub check: Check,
    /// Things done by one call: 1, or the number of trajectories.
    pub work: usize,
    /// Seconds from text to callable of the model, least of several.
    pub compile_s: Option<f64>,
}

/// How close results must be.
#[derive(Debug, Clone)]
pub struct Check {
    /// Largest distance of our result from the comparator's, over the largest value.
    pub agreement: f64,
    /// Independent reference.
    pub reference: Option<Reference>,
}

/// Some components of a result, known better than the case computes them.
#[derive(Debug, Clone)]
pub struct Reference {
    /// Positions in the result.
    pub at: Vec<usize>,
    /// Values there.
    pub values: Vec<f64>,
    /// Distances are divided by this.
    pub scale: f64,
    /// Largest distance allowed.
    pub tolerance: f64,
}

impl Reference {
    /// Compares a whole result from `first` on, relative to its largest value.
    #[must_use]
    pub fn relative(first: usize, values: &[f64], tolerance: f64) -> Reference {
        let at = (first..first + values.len()).collect();
        Reference { at, values: values.to_vec(), scale: largest(values), tolerance }
    }
}

/// A figure to reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// Our time over the comparator's, at most.
    Ratio(f64),
    /// Our time in seconds, at most.
    Seconds(f64),
    /// Times of other programs over ours; judged by [`crate::compared`] once they are measured.
    Peers(&'static [Beside]),
}

/// Our time over the comparator's.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Ratio {
    /// Of the least times; the one that targets are about, as it bears other load best.
    pub min: f64,
    /// Of the medians.
    pub median: f64,
}

/// What came of a case.
#[derive(Debug)]
pub struct Outcome {
    /// The case.
    pub case: Case,
    /// The figures, or why there are none.
    pub figures: Result<Figures, BenchError>,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Case").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Figures of a case.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Figures {
    /// Our times per call.
    pub ours: Timing,
    /// Times of the comparator.
    pub comparator: Option<Timing>,
    /// Both, divided.
    pub ratio: Option<Ratio>,
    /// The target is reached; `None` when there is none, or nothing to divide by.
    pub reached: Option<bool>,
    /// Things done by one call.
    pub work: usize,
    /// Seconds from text to callable.
    pub compile_s: Option<f64>,
    /// Distance from the independent reference, in the units of [`Reference`].
    pub error: Option<f64>,
    /// The comparator's distance from it.
    pub comparator_error: Option<f64>,
    /// Distance of the two from each other.
    pub disagreement: Option<f64>,
    /// Evaluations of the right-hand side in one call of ours.
    pub evaluations: Option<u64>,
    /// Least seconds of the work alone, where a call has more than the work.
    pub inside_s: Option<f64>,
    /// Cores that other processes kept busy meanwhile.
    pub other_cores: Option<f64>,
}

/// Prepares a case and does our part once: what a fresh process needs for its first result.
///
/// # Errors
/// When there is no result.
pub fn once(case: &Case, program: Option<&Path>) -> Result<(), BenchError> {
    let setting = Setting { comparators: &Comparators::none(), compile_rounds: 1, program };
    (case.prepare)(&setting)?.ours.result().map(drop)
}

/// Prepares, checks and measures a case for about `seconds`.
#[must_use]
pub fn run(case: Case, setting: &Setting<'_>, seconds: f64) -> Outcome {
    let figures = figures(&case, setting, seconds);
    Outcome { case, figures }
}

fn figures(case: &Case, setting: &Setting<'_>, seconds: f64) -> Result<Figures, BenchError> {
    let Trial { mut ours, comparator, check, work, compile_s } = (case.prepare)(setting)?;
    let found = ours.result()?;
    let error = check.reference.as_ref().map(|r| r.error("the error", &found)).transpose()?;
    let (mut comparator_error, mut disagreement) = (None, None);
    let mut subjects = vec![ours];
    if let Some(mut comparator) = comparator {
        let expected = comparator.result()?;
        let error = |r: &Reference| r.error("the error of the comparator", &expected);
        comparator_error = check.reference.as_ref().map(error).transpose()?;
        let distance = distance(&found, &expected);
        let what = "the distance from the result of the comparator";
        disagreement = Some(within(what, distance, check.agreement)?);
        subjects.push(comparator);
    }
    let others = Others::watch();
    let times = by_turns(&mut subjects, seconds)?;
    let other_cores = others.cores();
    let (ours, comparator) = (times[0], times.get(1).copied());
    let ratio = comparator.map(|c| Ratio { min: ours.min / c.min, median: ours.median / c.median });
    let reached = match case.target {
        Some(Target::Ratio(most)) => ratio.map(|r| r.min <= most),
        Some(Target::Seconds(most)) => Some(ours.min <= most),
        Some(Target::Peers(_)) | None => None,
    };
    Ok(Figures {
        comparator,
        ratio,
        reached,
        work,
        compile_s,
        error,
        comparator_error,
        disagreement,
        evaluations: subjects[0].evaluations(),
        inside_s: subjects[0].inside(),
        other_cores,
        ..Figures::of(ours)
    })
}

impl Figures {
    /// Our times, and nothing else.
    pub(crate) fn of(ours: Timing) -> Figures {
        Figures {
            ours,
            comparator: None,
            ratio: None,
            reached: None,
            work: 1,
            compile_s: None,
            error: None,
            comparator_error: None,
            disagreement: None,
            evaluations: None,
            inside_s: None,
            other_cores: None,
        }
    }
}

impl Reference {
    fn error(&self, what: &'static str, result: &[f64]) -> Result<f64, BenchError> {
        let at = |i: usize| result.get(i).copied().unwrap_or(f64::NAN);
        let distance = |(&i, &value): (&usize, &f64)| (at(i) - value).abs() / self.scale;
        let worst = self.at.iter().zip(&self.values).map(distance).fold(0.0, larger);
        within(what, worst, self.tolerance)
    }
}

fn within(what: &'static str, found: f64, allowed: f64) -> Result<f64, BenchError> {
    // A NaN is above everything.
    if found <= allowed { Ok(found) } else { Err(BenchError::WrongResult { what, found, allowed }) }
}

/// Largest distance over the largest value; infinite for different lengths, NaN where one is.
fn distance(found: &[f64], expected: &[f64]) -> f64 {
    if found.len() != expected.len() {
        return f64::INFINITY;
    }
    let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, larger);
    worst / largest(expected)
}

fn largest(values: &[f64]) -> f64 {
    values.iter().map(|x| x.abs()).fold(0.0, larger)
}

/// The larger one; NaN if one of them is.
fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || a > b { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::rc::Rc;

    /// Gives a fixed result, and counts how often it was measured.
    struct Fixed(Vec<f64>, Rc<Cell<usize>>);

    impl Subject for Fixed {
        fn run(&mut self, calls: usize) -> Result<(), BenchError> {
            self.1.set(self.1.get() + calls);
            Ok(())
        }
        fn result(&mut self) -> Result<Vec<f64>, BenchError> {
            Ok(self.0.clone())
        }
    }

    /// The outcome of a case with these results, reference `[1, 2]` and tolerance 0.01, and
    /// whether anything was measured.
    fn outcome(ours: &[f64], theirs: &[f64]) -> (Result<Figures, BenchError>, bool) {
        let runs = Rc::new(Cell::new(0));
        let [ours, theirs] = [ours, theirs].map(|x| (x.to_vec(), runs.clone()));
        let case = Case {
            name: "fixed".into(),
            about: String::new(),
            target: None,
            saved: Saved { bench: "core", case: "fixed".into(), metric: "time" },
            prepare: Box::new(move |_| {
                let subject = |(x, runs): &(Vec<f64>, Rc<Cell<usize>>)| {
                    Box::new(Fixed(x.clone(), runs.clone())) as Box<dyn Subject>
                };
                let reference = Some(Reference::relative(0, &[1.0, 2.0], 0.01));
                Ok(Trial {
                    ours: subject(&ours),
                    comparator: Some(subject(&theirs)),
                    check: Check { agreement: 0.001, reference },
                    work: 1,
                    compile_s: None,
                })
            }),
        };
        let setting =
            Setting { comparators: &Comparators::none(), compile_rounds: 1, program: None };
        (run(case, &setting, 0.0).figures, runs.get() > 0)
    }

    #[test]
    fn right_results_are_measured() {
        let (figures, measured) = outcome(&[1.0, 2.002], &[1.0, 2.001]);
        let figures = figures.unwrap();
        assert!(measured);
        assert!((figures.error.unwrap() - 0.001).abs() < 1e-12);
        assert!((figures.comparator_error.unwrap() - 0.0005).abs() < 1e-12);
        assert!((figures.disagreement.unwrap() - 0.001 / 2.001).abs() < 1e-12);
    }

    #[test]
    fn a_wrong_result_on_either_side_is_not_measured() {
        let wrong = [
            (&[1.0, 2.1][..], &[1.0, 2.0][..], "the error"),
            (&[f64::NAN, 2.0], &[1.0, 2.0], "the error"),
            (&[1.0], &[1.0, 2.0], "the error"),
            (&[1.0, 2.0], &[0.9, 2.0], "the error of the comparator"),
            (&[1.0, 2.0], &[1.0, f64::INFINITY], "the error of the comparator"),
            (&[1.0, 2.01], &[1.0, 2.0], "the distance from the result of the comparator"),
            (&[1.0, 2.0, 3.0], &[1.0, 2.0], "the distance from the result of the comparator"),
        ];
        for (ours, theirs, expected) in wrong {
            let (figures, measured) = outcome(ours, theirs);
            let Err(BenchError::WrongResult { what, .. }) = figures else {
                panic!("{ours:?} and {theirs:?} were accepted");
            };
            assert_eq!((what, measured), (expected, false), "{ours:?} {theirs:?}");
        }
    }
}
