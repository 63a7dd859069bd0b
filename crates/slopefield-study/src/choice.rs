//! What training uses behind `auto`: a solver from a trial solve, and a gradient method from costs
//! measured on the study itself.
//!
//! Everything is tried at the start values. Choices and their reasons are recorded with each run,
//! and a run that is taken up again keeps them ([`Decided`]): measured times differ from run to run
//! where two methods cost about the same.

use crate::gradient::{Case, Route};
use crate::{Choice, CompiledModel, Solvers, StudyFile};
use slopefield_adjoint::{Costs, Estimate, STEADY};
use slopefield_solve::{
    Settings, SolveError, Stats, Step, StepObserver, Stepper, Switching, drive,
};
use slopefield_train::Problem;
use std::time::{Duration, Instant};

/// Choices of an earlier run: name and reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decided {
    /// The solver.
    pub solver: Option<(String, String)>,
    /// The gradient method.
    pub gradient: Option<(String, String)>,
}

/// A trial ends after so long, and the choice is made from what has been seen by then.
const LONGEST_TRIAL: Duration = Duration::from_secs(2);
/// The implicit method of training: its steps can be differentiated, and it factors sparse
/// matrices where they are sparse.
const STIFF: &str = "rodas5p";
/// The one of systems without second derivatives, which the reverse of [`STIFF`] needs.
const STIFF_UNCURVED: &str = "kencarp4";
/// An implicit method is taken when the explicit one needs more than so many times its time.
const CLEARLY_FASTER: f64 = 2.0;

/// The solver of a training: as planned, or behind `auto`, for ordinary differential equations that
/// a trial solve finds stiff, an implicit one. Name and reason.
pub(crate) fn solver(
    model: &CompiledModel,
    file: &StudyFile,
    problem: &Problem,
    planned: Choice,
    solvers: &dyn Solvers,
    decided: &Decided,
) -> (String, String) {
    if file.solver.method != "auto" {
        return (planned.method, planned.reason);
    }
    if let Some(kept) = &decided.solver {
        return kept.clone();
    }
    if at_rest(problem) {
        return (planned.method, "nothing is solved over time: all data are steady states".into());
    }
    let curved = model.rhs.structure().hessian.is_some();
    if planned.method == STIFF && !curved {
        // Systems with algebraic equations, of a size that Radau bears, delays among them.
        let why = "an operator of a plugin has no second derivatives, which gradients through Rodas5P need";
        return ("radau".into(), format!("Radau: {why}; otherwise {}", planned.reason));
    }
    if planned.method != "tsit5" || model.rhs.structure().delays.is_some() {
        return (planned.method, planned.reason);
    }
    let (stiff_method, title) =
        if curved { (STIFF, "Rodas5P") } else { (STIFF_UNCURVED, "KenCarp4") };
    let cases = Case::over_time(model, problem);
    let explicit = |reason: String| ("tsit5".to_owned(), format!("Tsit5: {reason}"));
    let found = match trial(&mut Switching::new(), &problem.settings, &cases) {
        Ok(found) => found,
        Err(error) => {
            return explicit(format!("a trial solve at the start values failed ({error})"));
        }
    };
    let stiff = found.report.filter(|(implicit, _)| *implicit > 0);
    let Some((_, sentence)) = stiff else {
        let steps = found.stats.accepted;
        return explicit(format!(
            "a trial solve of {steps} steps at the start values was not stiff"
        ));
    };
    // Being stiff somewhere is not enough: what counts is the time of a whole solve.
    let timed = |method: &str| {
        let mut stepper = crate::solvers::stepper(model, method, solvers).ok()?;
        let run = trial(&mut *stepper, &problem.settings, &cases).ok()?;
        run.whole.then_some(run)
    };
    match (timed("tsit5"), timed(stiff_method)) {
        (explicit_run, Some(implicit)) => {
            let (slow, faster) = match &explicit_run {
                Some(run) => (
                    run.seconds / implicit.seconds,
                    format!("Tsit5 took {} steps", run.stats.accepted),
                ),
                None => (f64::INFINITY, "Tsit5 did not come to the end".to_owned()),
            };
            if slow > CLEARLY_FASTER {
                let reason = format!(
                    "{title}: the trial solve at the start values was {sentence}; {faster}, {title} {}",
                    implicit.stats.accepted
                );
                return (stiff_method.into(), reason);
            }
            explicit(format!(
                "the trial solve at the start values was {sentence}, but a solve with {title} was not \
                 clearly faster"
            ))
        }
        (_, None) => explicit(format!(
            "the trial solve at the start values was {sentence}, but {title} did not come to the end"
        )),
    }
}

/// The gradient method of a training: as the study says, or behind `auto` the one with the least
/// estimated cost. Name and reason.
pub(crate) fn gradient(
    file: &StudyFile,
    route: &Route<'_>,
    problem: &Problem,
    decided: &Decided,
) -> (String, String) {
    if at_rest(problem) {
        let reason = format!("{}, since all data are steady states", STEADY.title);
        return (STEADY.id.into(), reason);
    }
    let (name, reason) = over_time(file, route, problem, decided);
    let beside = "; steady states by implicit differentiation";
    // The reason of an earlier run has it already.
    match problem.experiments.iter().any(|e| e.steady) && !reason.ends_with(beside) {
        true => (name, reason + beside),
        false => (name, reason),
    }
}

/// Whether everything was measured at rest.
fn at_rest(problem: &Problem) -> bool {
    problem.experiments.iter().all(|e| e.steady) && !problem.experiments.is_empty()
}

/// The gradient method of what is solved over time.
fn over_time(
    file: &StudyFile,
    route: &Route<'_>,
    problem: &Problem,
    decided: &Decided,
) -> (String, String) {
    match file.training.gradient.as_str() {
        "auto" => {}
        name => {
            let title = slopefield_adjoint::method_info(name).map_or(name, |m| m.title);
            return (name.to_owned(), format!("{title}, as the study says"));
        }
    }
    match &decided.gradient {
        Some(kept) => kept.clone(),
        None => automatic(route, problem),
    }
}

/// What `auto` chooses, from costs measured at the start values: name and reason.
#[must_use]
pub fn automatic(route: &Route<'_>, problem: &Problem) -> (String, String) {
    let applicable = route.applicable();
    let Some(first) = applicable.first() else {
        let why = route.refusals().into_iter().next();
        let (id, reason) = why.map_or(("discrete", String::new()), |(m, why)| (m.id, why));
        return (id.into(), format!("no gradient method goes through here: {reason}"));
    };
    match costs(route, problem) {
        Some(costs) => match slopefield_adjoint::choose(&costs, &applicable, route.memory) {
            Some(choice) => (choice.method.into(), choice.reason),
            None => (first.id.into(), format!("{}: its cost is not known here", first.title)),
        },
        None => {
            let reason =
                "a trial solve at the start values failed, and costs could not be measured";
            (first.id.into(), format!("{}: {reason}", first.title))
        }
    }
}

/// Costs on the study at the start values; none when it cannot be solved there.
#[must_use]
pub fn costs(route: &Route<'_>, problem: &Problem) -> Option<Costs> {
    let cases = Case::over_time(route.model, problem);
    let mut stepper = crate::solvers::stepper(route.model, route.solver, route.solvers).ok()?;
    let first = trial(&mut *stepper, &problem.settings, &cases).ok()?;
    // The first solve of a stepper sizes its arrays.
    let again = match first.seconds < 0.2 {
        true => trial(&mut *stepper, &problem.settings, &cases).ok()?,
        false => Trial { seconds: first.seconds, ..first },
    };
    let case = cases.first()?;
    let seconds = again.seconds.min(first.seconds);
    let saves = cases.iter().map(|case| case.saves.len()).sum();
    let measured = Costs::measure(&case.ivp(), again.stats, seconds);
    Some(Costs { saves, ..measured })
}

/// What each method that goes through would cost.
#[must_use]
pub fn estimates(route: &Route<'_>, problem: &Problem) -> Vec<Estimate> {
    let Some(costs) = costs(route, problem) else { return Vec::new() };
    let all = route.applicable();
    all.iter().filter_map(|m| slopefield_adjoint::estimate(&costs, m, route.memory)).collect()
}

/// A solve of all experiments.
struct Trial {
    stats: Stats,
    seconds: f64,
    /// All experiments came to their end.
    whole: bool,
    /// Implicit steps of a switching method, and what it says.
    report: Option<(u64, String)>,
}

/// Solves all experiments at the start values, for at most [`LONGEST_TRIAL`].
fn trial(
    stepper: &mut dyn Stepper,
    settings: &Settings,
    cases: &[Case],
) -> Result<Trial, SolveError> {
    let began = Instant::now();
    let mut clock = Clock { until: began + LONGEST_TRIAL, rung: false, steps: 0 };
    let mut done = Trial { stats: Stats::default(), seconds: 0.0, whole: true, report: None };
    for case in cases {
        let mut states = vec![0.0; case.saves.len() * case.u0.len()];
        let ivp = case.ivp();
        if ivp.t1 <= ivp.t0 {
            continue;
        }
        let solved = drive(stepper, &ivp, settings, &case.saves, &mut states, Some(&mut clock));
        done.stats += stepper.stats();
        if let Some(report) = stepper.switches() {
            let before = done.report.as_ref().map_or(0, |(steps, _)| *steps);
            if report.implicit_steps > before || done.report.is_none() {
                done.report = Some((report.implicit_steps, report.sentence()));
            }
        }
        match solved {
            Ok(_) => {}
            Err(_) if clock.rung => {
                done.whole = false;
                break;
            }
            Err(error) => return Err(error),
        }
    }
    done.seconds = began.elapsed().as_secs_f64();
    Ok(done)
}

/// Ends a solve that takes too long.
struct Clock {
    until: Instant,
    rung: bool,
    steps: u32,
}

/// Looking at the clock takes longer than a short step: it is looked at once in so many.
const LOOK: u32 = 32;

impl StepObserver for Clock {
    fn interpolates(&self) -> bool {
        false
    }

    fn accepted(&mut self, step: &Step, _: &mut dyn Stepper) -> Result<(), SolveError> {
        self.steps += 1;
        // The first steps of a large system may be long already.
        if self.steps > 4 && !self.steps.is_multiple_of(LOOK) {
            return Ok(());
        }
        self.rung = Instant::now() > self.until;
        match self.rung {
            true => Err(SolveError::Cancelled { t: step.t }),
            false => Ok(()),
        }
    }
}
