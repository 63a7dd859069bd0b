//! One trajectory of a model, for plots and tables.

mod delayed_paths;
mod paths;
mod watch;

use crate::error::{Problem, nearest};
use crate::solvers::{is_random, stepper};
use crate::{CompiledModel, Solvers, StudyError};
use slopefield_devices::{Site, Wanted};
use slopefield_kernel::Kernel;
use slopefield_solve::{
    Ivp, MethodClass, Settings, SolveError, Stats, drive_to_stop, steady_state,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;
use watch::Watch;

/// What to simulate.
#[derive(Debug, Clone)]
pub struct SimulateOptions {
    /// Start time.
    pub from: f64,
    /// Times to report; all on one side of the start, in order away from it.
    pub at: Vec<f64>,
    /// Method.
    pub method: String,
    /// Accuracy, budgets, seed and number of the path.
    pub settings: Settings,
    /// Number of random paths; none for one trajectory.
    pub paths: Option<u32>,
}

impl SimulateOptions {
    /// The same with another method.
    #[must_use]
    pub fn with_method(self, method: &str) -> SimulateOptions {
        SimulateOptions { method: method.into(), ..self }
    }
}

/// An event that happened.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EventMark {
    /// When.
    pub t: f64,
    /// Index into the model's events.
    pub event: usize,
    /// The solution ended there.
    pub stop: bool,
}

/// Events that are listed; all are counted.
const LISTED_EVENTS: usize = 1000;

/// A trajectory with everything that can be plotted.
#[derive(Debug, Clone)]
pub struct Simulated {
    /// Times; those after an event that ended the solution are left out.
    pub times: Vec<f64>,
    /// One row per quantity: states, named expressions, observations.
    pub states: Vec<Vec<f64>>,
    /// Named expressions, vector components apart.
    pub lets: Vec<Vec<f64>>,
    /// Observations, without their noise arguments.
    pub observations: Vec<Vec<f64>>,
    /// Standard deviations over paths of states, named expressions and observations, in this order;
    /// empty for one trajectory.
    pub spreads: Vec<Vec<f64>>,
    /// Events, in order of time, the first thousand.
    pub events: Vec<EventMark>,
    /// What the solver found out on the way, in sentences.
    pub notes: Vec<String>,
    /// Counters.
    pub stats: Stats,
    /// Seconds of solving.
    pub solve_s: f64,
}

/// Times equally spaced, both ends included.
pub fn spaced(from: f64, to: f64, points: usize) -> Vec<f64> {
    let steps = points.max(2) - 1;
    (0..=steps)
        .map(|i| if i == steps { to } else { from + (to - from) * i as f64 / steps as f64 })
        .collect()
}

/// Applies values given by name to params (and to initial values of states).
///
/// # Errors
/// A name that is neither, with the nearest that is.
pub fn apply_set(
    model: &CompiledModel,
    set: &BTreeMap<String, f64>,
    p: &mut [f64],
) -> Result<Vec<(usize, f64)>, String> {
    let mut fixed = Vec::new();
    for (name, &value) in set {
        if !value.is_finite() {
            return Err(format!("the value of `{name}` must be a finite number"));
        }
        if let Some(i) = model.model.params.iter().position(|x| x.name == *name) {
            p[i] = value;
        } else if let Some(i) = model.model.states.iter().position(|x| x.name == *name) {
            fixed.push((i, value));
        } else {
            let params = model.model.params.iter().map(|x| x.name.as_str());
            let states = model.model.states.iter().map(|x| x.name.as_str());
            let near = nearest(name, params.chain(states));
            return Err(format!("the model has no parameter and no state `{name}`{near}"));
        }
    }
    Ok(fixed)
}

/// Solves and evaluates everything that the model names.
///
/// # Errors
/// An unknown method, times on both sides of the start, a solve that fails.
pub fn simulate(
    model: &CompiledModel,
    p: &[f64],
    u0: &[f64],
    options: &SimulateOptions,
    solvers: &dyn Solvers,
) -> Result<Simulated, StudyError> {
    simulate_on(model, (p, u0), options, None, solvers)
}

/// [`simulate`], with many paths of a model on the device that was asked for. There steps have one length, and
/// single precision; paths have the same Brownian motion. What was chosen is told in the notes.
///
/// # Errors
/// As for [`simulate`].
pub fn simulate_on(
    model: &CompiledModel,
    (p, u0): (&[f64], &[f64]),
    options: &SimulateOptions,
    on: Option<(&Wanted, &Site<'_>)>,
    solvers: &dyn Solvers,
) -> Result<Simulated, StudyError> {
    let last = check_times(options)?;
    model.require_signals()?;
    let rhs = right_hand_side(model, &options.method)?;
    let ivp = Ivp { rhs: &*rhs, t0: options.from, t1: last, u0, p };
    if let Some(count) = options.paths {
        if !is_random(&rhs.structure()) {
            let message = "the model has no noise and no random jumps: all its paths are the same";
            return Err(StudyError::Study(vec![Problem::error("paths", message)]));
        }
        return paths::simulate(model, &ivp, options, count, on, solvers);
    }
    one(model, &ivp, options, solvers)?.map_err(|e| failed(model, &e, p))
}

/// [`simulate`] of one trajectory, with the failure of the solve as the solver has it.
///
/// # Errors
/// What is wrong before the solve begins.
pub(crate) fn simulate_as(
    model: &CompiledModel,
    p: &[f64],
    u0: &[f64],
    options: &SimulateOptions,
    solvers: &dyn Solvers,
) -> Result<Result<Simulated, SolveError>, StudyError> {
    let last = check_times(options)?;
    let rhs = right_hand_side(model, &options.method)?;
    one(model, &Ivp { rhs: &*rhs, t0: options.from, t1: last, u0, p }, options, solvers)
}

fn one(
    model: &CompiledModel,
    ivp: &Ivp<'_>,
    options: &SimulateOptions,
    solvers: &dyn Solvers,
) -> Result<Result<Simulated, SolveError>, StudyError> {
    let Ivp { u0, p, t1: last, .. } = *ivp;
    let mut stepper = stepper(model, &options.method, solvers).map_err(StudyError::Solver)?;
    let n = u0.len();
    let mut rows = vec![0.0; options.at.len() * n];
    let mut watch = Watch::new(*ivp, &options.at, model.model.delays.len());
    let began = Instant::now();
    let solved = drive_to_stop(
        &mut *stepper,
        ivp,
        &options.settings,
        &options.at,
        &mut rows,
        Some(&mut watch),
    );
    let solve_s = began.elapsed().as_secs_f64();
    let outcome = match solved {
        Ok(outcome) => outcome,
        Err(e) => return Ok(Err(e)),
    };
    let at_start = options.at[0] == options.from;
    check_invariants(model, options.from, if at_start { &rows[..n] } else { u0 }, p)?;
    let mut times = options.at.clone();
    if let Some(stop) = outcome.stop {
        let direction = ivp.direction();
        times.retain(|t| (stop.t - t) * direction >= 0.0);
        rows.truncate(times.len() * n);
    }
    let Watch { delayed, mut events, .. } = watch;
    if let Some(stop) = outcome.stop {
        let mark = EventMark { t: stop.t, event: stop.event, stop: true };
        match events.iter_mut().find(|e| e.event == stop.event && e.t == stop.t) {
            Some(known) => *known = mark,
            None => events.push(mark),
        }
    }
    let columns = Columns::new(model, p, model.model.delays.len());
    let mut notes: Vec<String> =
        stepper.switches().map(|report| report.sentence()).into_iter().collect();
    notes.extend(leaving_data(model, options.from, last));
    let [states, lets, mut observations] =
        columns.apart(columns.of_trajectory(&times, &rows, delayed.rows()));
    let seen = model.model.observations.iter().zip(&mut observations);
    for (observation, column) in seen.filter(|(o, _)| o.over_paths.is_some()) {
        column.fill(f64::NAN);
        notes.push(format!(
            "`{}` is a moment over many paths: simulate with a number of paths to see it",
            observation.name
        ));
    }
    Ok(Ok(Simulated {
        states,
        lets,
        observations,
        spreads: Vec::new(),
        times,
        events,
        notes,
        stats: outcome.stats,
        solve_s,
    }))
}

/// The steady state that the initial values lead to, as a single row at time `t`.
///
/// # Errors
/// A model whose state never rests, or an iteration that finds none.
pub fn steady(
    model: &CompiledModel,
    t: f64,
    p: &[f64],
    u0: &[f64],
    settings: &Settings,
) -> Result<Simulated, StudyError> {
    if let Some(input) = model.model.inputs.first() {
        let message = format!(
            "a model that the input `{}` drives does not come to rest; simulate it over time",
            input.name
        );
        return Err(StudyError::Study(vec![Problem::error("steady state", message)]));
    }
    let began = Instant::now();
    let found = steady_state(&*model.rhs, t, u0, p, settings).map_err(|e| failed(model, &e, p))?;
    let solve_s = began.elapsed().as_secs_f64();
    let columns = Columns::new(model, p, 0);
    let [states, lets, observations] = columns.apart(columns.of_trajectory(&[t], &found.u, &[]));
    Ok(Simulated {
        times: vec![t],
        states,
        lets,
        observations,
        spreads: Vec::new(),
        events: Vec::new(),
        notes: vec![format!("largest slope there: {:.1e}", found.residual)],
        stats: found.stats,
        solve_s,
    })
}

/// The last of the times, which must lead away from the start.
pub(crate) fn check_times(options: &SimulateOptions) -> Result<f64, StudyError> {
    let Some(&last) = options.at.last() else {
        return Err(StudyError::Study(vec![Problem::error("times", "there are none to report")]));
    };
    let towards = if last >= options.from { 1.0 } else { -1.0 };
    let mut before = (options.from, "the start");
    for &t in &options.at {
        if !((t - before.0) * towards >= 0.0) {
            let message = format!(
                "the times to report must lead away from the start {}, but {t} comes after {} {}; \
                 sort them, and ask for times on both sides of the start in two runs",
                options.from, before.1, before.0
            );
            return Err(StudyError::Study(vec![Problem::error("times", message)]));
        }
        before = (t, "the time");
    }
    Ok(last)
}

/// What is said of a solve that leaves the data of inputs.
fn leaving_data(model: &CompiledModel, from: f64, to: f64) -> Vec<String> {
    let signals = model.signals.as_ref();
    signals.map_or_else(Vec::new, |signals| signals.leaving(from, to, &model.model.time.name))
}

/// The right-hand side as the method wants it.
fn right_hand_side(model: &CompiledModel, method: &str) -> Result<Arc<dyn Kernel>, StudyError> {
    let info = slopefield_solve::method_info(method);
    if info.is_none_or(|m| m.class != MethodClass::Split) {
        return Ok(Arc::clone(&model.rhs));
    }
    model.split_rhs().ok_or_else(|| {
        StudyError::Solver(format!(
            "the solver `{method}` treats the linear terms of equations apart, but this model has none, \
             or is more than ordinary differential equations; use `auto`"
        ))
    })
}

/// Refuses initial values that an equation of the text forbids although the reduced equations, which
/// hold its derivatives only, can be solved from them.
fn check_invariants(model: &CompiledModel, t: f64, u: &[f64], p: &[f64]) -> Result<(), StudyError> {
    /// Relative to the states' size, so that rounded numbers in a text pass.
    const SLACK: f64 = 1e-6;
    let Some(invariants) = &model.invariants else { return Ok(()) };
    let mut values = vec![0.0; invariants.shape().outputs];
    let mut scratch = vec![0.0; invariants.scratch_len()];
    let mut all = vec![0.0; invariants.shape().states];
    all[..u.len()].copy_from_slice(u);
    invariants.eval(t, &all, p, &mut values, &mut scratch);
    let size = u.iter().fold(1.0f64, |size, x| size.max(x.abs()));
    let violated = values.iter().position(|x| !(x.abs() <= SLACK * size));
    let Some(i) = violated else { return Ok(()) };
    let invariant = &model.model.invariants[i];
    let (line, _) = slopefield_lang::line_column(&model.text, invariant.span.start);
    let text = slopefield_lang::expression_text(&model.text, invariant.span);
    let what = match invariant.order {
        0 => String::new(),
        1 => "the derivative by time of ".into(),
        n => format!("derivative {n} by time of "),
    };
    Err(StudyError::Solve {
        message: format!(
            "the initial values do not satisfy {what}`{text}` (line {line}): it is off by {:.3e}",
            values[i]
        ),
        advice: "Choose initial values, velocities included, that satisfy the equation; the others follow \
                 from it."
            .into(),
    })
}

pub(crate) fn failed(model: &CompiledModel, error: &SolveError, p: &[f64]) -> StudyError {
    let advice = match error.advice() {
        "" => {
            "check the expression, the initial values and the parameters; try a shorter time span or a \
             smaller tolerance"
        }
        advice => advice,
    };
    StudyError::Solve { message: model.explain(error, p), advice: advice.into() }
}

/// The functions that make columns of a trajectory.
struct Columns<'a> {
    states: usize,
    delayed: usize,
    p: &'a [f64],
    /// Named expressions and observations, each with its outputs that are columns.
    functions: [(&'a dyn Kernel, Vec<usize>); 2],
}

impl<'a> Columns<'a> {
    fn new(model: &'a CompiledModel, p: &'a [f64], delayed: usize) -> Self {
        let lets = (0..model.lowered.let_names.len()).collect();
        let observed = model.lowered.observe_layout.iter().map(|o| o.value).collect();
        Columns {
            states: model.model.states.len(),
            delayed,
            p,
            functions: [(&*model.lets, lets), (&*model.observe, observed)],
        }
    }

    /// Values of all columns, one row per column: states, named expressions, observations.
    fn of_trajectory(&self, times: &[f64], rows: &[f64], delayed: &[f64]) -> Vec<Vec<f64>> {
        let n = self.states;
        let column = |i: usize| rows.iter().skip(i).step_by(n).copied().collect::<Vec<_>>();
        let mut all: Vec<Vec<f64>> = (0..n).map(column).collect();
        let mut u = vec![0.0; n + self.delayed];
        for (f, wanted) in &self.functions {
            let mut out = vec![0.0; f.shape().outputs];
            let mut scratch = vec![0.0; f.scratch_len()];
            let mut columns = vec![Vec::with_capacity(times.len()); wanted.len()];
            for (i, &t) in times.iter().enumerate() {
                u[..n].copy_from_slice(&rows[i * n..(i + 1) * n]);
                u[n..].copy_from_slice(&delayed[i * self.delayed..(i + 1) * self.delayed]);
                f.eval(t, &u, self.p, &mut out, &mut scratch);
                for (column, &w) in columns.iter_mut().zip(wanted) {
                    column.push(out[w]);
                }
            }
            all.append(&mut columns);
        }
        all
    }

    /// States, named expressions and observations apart.
    fn apart(&self, mut all: Vec<Vec<f64>>) -> [Vec<Vec<f64>>; 3] {
        let mut rest = all.split_off(self.states);
        let observations = rest.split_off(self.functions[0].1.len());
        [all, rest, observations]
    }
}
