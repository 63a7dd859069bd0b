//! One model at many values of its parameters and initial states.

mod columns;
mod lanes;
mod points;
mod singly;

pub use points::{Axis, Points};

use crate::error::{Problem, nearest};
use crate::simulate::{SimulateOptions, check_times};
use crate::{Choice, CompiledModel, Solvers, StudyError};
use columns::Columns;
use slopefield_devices::{Method, Site, Wanted, candidate};
use slopefield_graph::JacobianPlan;
use slopefield_kernel::{Event, Part, Trigger};
use slopefield_solve::{Coefficients, SolveError, Stats, Tableau};
use std::cell::OnceCell;
use std::time::Instant;

/// Numbers that a scan gives at most: half a gigabyte.
pub const MOST_NUMBERS: usize = 1 << 26;
/// Failures that are told with their reasons.
const TOLD: usize = 10;

/// How to scan.
#[derive(Clone)]
pub struct ScanOptions<'a> {
    /// Times, method, accuracy: as for one trajectory. All trajectories of a random model take the same
    /// path, so that what differs between them is the parameters' doing.
    pub simulate: SimulateOptions,
    /// The device that was asked for.
    pub wanted: Wanted,
    /// Cards, and what is known of them.
    pub site: Site<'a>,
    /// Called now and then, from any thread, with the number of trajectories begun and of all that are to
    /// be solved; these become more when some are solved again. In the place of the site's.
    pub progress: Option<&'a (dyn Fn(usize, usize) + Sync)>,
}

/// Many trajectories with everything that can be printed.
#[derive(Debug, Clone)]
pub struct Scanned {
    /// States, named expressions, observations, each with its columns: trajectory by trajectory a value
    /// for each time, NaN where a trajectory did not get to.
    pub columns: [Vec<Vec<f64>>; 3],
    /// Number of trajectories that failed.
    pub failed: usize,
    /// The first of them, with the reason.
    pub failures: Vec<(usize, String)>,
    /// The method, and why.
    pub method: Choice,
    /// The device: `processor`, or the name of a card.
    pub device: String,
    /// Number of trajectories that a card computed.
    pub on_card: usize,
    /// Which device and why, and what else happened: sentences without a full stop.
    pub sentences: Vec<String>,
    /// Counters of all trajectories.
    pub stats: Stats,
    /// Seconds of solving.
    pub solve_s: f64,
}

/// What a column of the points sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Param(usize),
    State(usize),
}

/// The problems of a scan.
struct Problems<'a> {
    model: &'a CompiledModel,
    points: &'a Points,
    targets: Vec<Target>,
    /// Values of what is not scanned.
    p: &'a [f64],
    fixed: &'a [(usize, f64)],
    t0: f64,
    t1: f64,
}

impl Problems<'_> {
    fn count(&self) -> usize {
        self.points.count()
    }

    /// Parameters of a trajectory.
    fn params(&self, index: usize) -> Vec<f64> {
        let mut p = self.p.to_vec();
        for (target, values) in self.targets.iter().zip(&self.points.values) {
            if let Target::Param(i) = target {
                p[*i] = values[index];
            }
        }
        p
    }

    /// Initial states of a trajectory with these parameters.
    fn initial(&self, index: usize, p: &[f64]) -> Vec<f64> {
        let mut u = self.model.initial_state(self.t0, p, self.fixed);
        for (target, values) in self.targets.iter().zip(&self.points.values) {
            if let Target::State(i) = target {
                u[*i] = values[index];
            }
        }
        u
    }
}

/// Results as they come, in the order of the trajectories.
struct Collected<'a> {
    columns: Columns<'a>,
    failed: usize,
    failures: Vec<(usize, String)>,
    first: Option<SolveError>,
    stats: Stats,
}

impl Collected<'_> {
    fn failure(&mut self, problems: &Problems<'_>, index: usize, error: &SolveError) {
        self.failed += 1;
        self.first.get_or_insert_with(|| error.clone());
        if self.failures.len() < TOLD {
            let p = problems.params(index);
            self.failures.push((index, problems.model.explain(error, &p)));
        }
    }
}

/// Solves the model at all points; `p` and `fixed` are the parameters and the initial states of those that
/// the points do not name.
///
/// Ordinary differential equations are solved many at a time by methods that ensembles have (`tsit5`,
/// `dp5`, `bs3`; behind `auto` the first unless trial solves find the equations stiff), on the processor or
/// a card. Stiff equations (by a Rosenbrock method), models with events at given times and `vern6` to `vern9`
/// may be solved on a card too. All else, and these on the processor, is solved one by one on all cores, as
/// [`crate::simulate::simulate`] does.
///
/// # Errors
/// Names that the model does not have, more numbers than [`MOST_NUMBERS`], what hinders every
/// trajectory, and the failure of the first where all fail.
pub fn scan(
    model: &CompiledModel,
    (p, fixed): (&[f64], &[(usize, f64)]),
    points: &Points,
    options: &ScanOptions<'_>,
    solvers: &dyn Solvers,
) -> Result<Scanned, StudyError> {
    let t1 = check_times(&options.simulate)?;
    model.require_signals()?;
    let targets = targets(model, points)?;
    let problems = Problems { model, points, targets, p, fixed, t0: options.simulate.from, t1 };
    let mut columns = Columns::new(model);
    let numbers = problems.count().saturating_mul(options.simulate.at.len() * columns.width());
    if numbers > MOST_NUMBERS {
        let message = format!(
            "{} trajectories with {} times and {} columns are {numbers} numbers; at most \
             {MOST_NUMBERS} are given at once",
            problems.count(),
            options.simulate.at.len(),
            columns.width()
        );
        return Err(StudyError::Study(vec![Problem::error("scan", message)]));
    }
    columns.reserve(problems.count() * options.simulate.at.len());
    let mut all = Collected {
        columns,
        failed: 0,
        failures: Vec::new(),
        first: None,
        stats: Stats::default(),
    };
    let began = Instant::now();
    let jacobian = OnceCell::new();
    let (method, solved) = match way(&problems, options, solvers, &jacobian) {
        Way::Lanes(table, method, retry) => {
            let how = lanes::How { method: Method::Explicit(table), retry, apart: None };
            (method, lanes::solve(&problems, options, how, solvers, &mut all)?)
        }
        Way::Card(on_card, method) => {
            let how = lanes::How { method: on_card, retry: false, apart: Some(&method.method) };
            let solved = lanes::solve(&problems, options, how, solvers, &mut all)?;
            (method, solved)
        }
        Way::Singly(method, why) => {
            singly::solve(&problems, options, &method.method, solvers, &mut all)?;
            let asked = !matches!(options.wanted, Wanted::Auto | Wanted::Processor);
            let sentence = match asked {
                true => format!("the processor computes instead: {why}"),
                false => format!("the processor, one trajectory by one on every core: {why}"),
            };
            (
                method,
                lanes::Where { device: "processor".into(), on_card: 0, sentences: vec![sentence] },
            )
        }
    };
    if let (true, Some(error)) = (all.failed == problems.count(), &all.first) {
        return Err(crate::simulate::failed(model, error, &problems.params(0)));
    }
    Ok(Scanned {
        columns: all.columns.finish(),
        failed: all.failed,
        failures: all.failures,
        method,
        device: solved.device,
        on_card: solved.on_card,
        sentences: solved.sentences,
        stats: all.stats,
        solve_s: began.elapsed().as_secs_f64(),
    })
}

fn targets(model: &CompiledModel, points: &Points) -> Result<Vec<Target>, StudyError> {
    let refuse = |message: String| StudyError::Study(vec![Problem::error("scan", message)]);
    if model.model.states.is_empty() {
        return Err(refuse("the model has no states to solve for".into()));
    }
    if points.count() == 0 {
        return Err(refuse("there are no trajectories: no values to scan were given".into()));
    }
    let (params, states) = (&model.model.params, &model.model.states);
    let mut found = Vec::new();
    for (name, values) in points.names.iter().zip(&points.values) {
        if let Some(k) = values.iter().position(|x| !x.is_finite()) {
            let message = format!("`{name}` is {} in trajectory {}", values[k], k + 1);
            return Err(refuse(format!("{message}; it must be a finite number")));
        }
        let target = if let Some(i) = params.iter().position(|x| x.name == *name) {
            Target::Param(i)
        } else if let Some(i) = states.iter().position(|x| x.name == *name) {
            Target::State(i)
        } else {
            let known = params.iter().map(|x| x.name.as_str());
            let near = nearest(name, known.chain(states.iter().map(|x| x.name.as_str())));
            return Err(refuse(format!("the model has no parameter and no state `{name}`{near}")));
        };
        if found.contains(&target) {
            return Err(refuse(format!("`{name}` is scanned twice")));
        }
        found.push(target);
    }
    Ok(found)
}

/// How trajectories are solved.
enum Way<'a> {
    /// Many at a time; whether those that fail are tried one by one.
    Lanes(&'static Tableau, Choice, bool),
    /// On a card if that pays, by this method; on the processor one by one.
    Card(Method<'a>, Choice),
    /// One by one, and why.
    Singly(Choice, String),
}

fn way<'a>(
    problems: &Problems<'a>,
    options: &ScanOptions<'_>,
    solvers: &dyn Solvers,
    jacobian: &'a OnceCell<Option<JacobianPlan>>,
) -> Way<'a> {
    let model = problems.model;
    let asked = options.simulate.method.as_str();
    let choice = model.choose_solver(asked, options.simulate.settings.rtol);
    let structure = model.rhs.structure();
    let tsit5 = || slopefield_solve::tableau("tsit5");
    // One by one on the processor, but perhaps on a card, by a method that may be another than the
    // processor's.
    let card = |choice: Choice, method: Option<Method<'a>>, why: String| match (
        method,
        no_card(options),
    ) {
        (None, _) => Way::Singly(choice, why),
        (Some(method), None) => Way::Card(method, choice),
        (Some(_), Some(no_card)) => match options.wanted {
            Wanted::Card | Wanted::Named(_) => Way::Singly(choice, no_card),
            _ => Way::Singly(choice, why),
        },
    };
    if let Some(part) = structure.beyond(&[]) {
        let why = format!("the model has {}", part.words());
        let events = structure.events.as_ref().map_or(&[][..], |events| events.list);
        let timed = |e: &Event| !matches!(e.trigger, Trigger::Crossing { .. }) && !e.stop;
        let table = match structure.beyond(&[Part::Events]).is_none() && events.iter().all(timed) {
            true if asked == "auto" => tsit5(),
            true => slopefield_solve::tableau(asked),
            false => None,
        };
        return card(choice, table.map(|table| Method::Timed(table, events)), why);
    }
    if !model.model.inputs.is_empty() {
        return Way::Singly(choice, "the model is driven by data".into());
    }
    let rosenbrock = |table| {
        let made = || slopefield_graph::lower_jacobian(&model.model, &model.lowered).ok().flatten();
        Method::Rosenbrock(table, jacobian.get_or_init(made).as_ref())
    };
    if asked != "auto" {
        let built_in = slopefield_solve::method_info(asked).is_some();
        return match slopefield_solve::coefficients(asked).filter(|_| built_in) {
            Some(Coefficients::Explicit(table)) if table.extra.a.is_empty() => {
                Way::Lanes(table, choice, false)
            }
            other => {
                let why = format!("{asked} does not solve many at a time; tsit5, dp5 and bs3 do");
                let method = match other {
                    Some(Coefficients::Explicit(table)) => Some(Method::Explicit(table)),
                    Some(Coefficients::Rosenbrock(table)) => Some(rosenbrock(table)),
                    _ => None,
                };
                card(choice, method, why)
            }
        };
    }
    match (tsit5(), singly::is_stiff(problems, options, solvers)) {
        (Some(table), None) => {
            let method = table.id.into();
            let reason = format!("{}: trial solves found the equations not stiff", table.name);
            Way::Lanes(table, Choice { method, reason }, true)
        }
        (_, why) => {
            let method = match slopefield_solve::coefficients("rodas5p") {
                Some(Coefficients::Rosenbrock(table)) => Some(rosenbrock(table)),
                _ => None,
            };
            card(choice, method, why.unwrap_or_default())
        }
    }
}

/// Why no card would compute a scan, whatever its model.
fn no_card(options: &ScanOptions<'_>) -> Option<String> {
    let rtol = options.simulate.settings.rtol;
    match candidate(options.site.cards, &options.wanted) {
        Ok(card) if rtol < card.finest => Some(format!(
            "the relative tolerance {rtol:e} is finer than {} can hold; it computes from {:e} on",
            card.name, card.finest
        )),
        Ok(_) => None,
        Err(why) => Some(why),
    }
}
