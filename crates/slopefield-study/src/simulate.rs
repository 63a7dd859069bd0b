//! One trajectory of a model, for plots and tables.

use crate::error::{Problem, nearest};
use crate::{CompiledModel, Solvers, StudyError};
use slopefield_kernel::Kernel;
use slopefield_solve::{Ivp, Settings, Stats};
use std::collections::BTreeMap;
use std::time::Instant;

/// What to simulate.
#[derive(Debug, Clone)]
pub struct SimulateOptions {
    /// Start time.
    pub from: f64,
    /// Times to report; all on one side of the start, in order away from it.
    pub at: Vec<f64>,
    /// Method.
    pub method: String,
    /// Accuracy and budgets.
    pub settings: Settings,
}

/// A trajectory with everything that can be plotted.
#[derive(Debug, Clone)]
pub struct Simulated {
    /// Times.
    pub times: Vec<f64>,
    /// One row per quantity: states, named expressions, observations.
    pub states: Vec<Vec<f64>>,
    /// Named expressions, vector components apart.
    pub lets: Vec<Vec<f64>>,
    /// Observations, without their noise arguments.
    pub observations: Vec<Vec<f64>>,
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
    let mut stepper = solvers.stepper(&options.method).map_err(StudyError::Solver)?;
    let n = u0.len();
    let mut rows = vec![0.0; options.at.len() * n];
    let ivp = Ivp { rhs: &*model.rhs, t0: options.from, t1: last, u0, p };
    let began = Instant::now();
    let solved = slopefield_solve::drive(
        &mut *stepper,
        &ivp,
        &options.settings,
        &options.at,
        &mut rows,
        None,
    );
    let solve_s = began.elapsed().as_secs_f64();
    let stats = solved.map_err(|e| StudyError::Solve {
        message: model.explain(&e, p),
        advice: "check the expression, the initial values and the parameters; try a shorter time \
                 span or a smaller tolerance"
            .into(),
    })?;
    let column = |i: usize| rows.iter().skip(i).step_by(n).copied().collect::<Vec<_>>();
    let wanted: Vec<_> = model.lowered.observe_layout.iter().map(|o| o.value).collect();
    let all: Vec<_> = (0..model.lowered.let_names.len()).collect();
    Ok(Simulated {
        states: (0..n).map(column).collect(),
        lets: evaluate(&*model.lets, &options.at, &rows, n, p, &all),
        observations: evaluate(&*model.observe, &options.at, &rows, n, p, &wanted),
        times: options.at.clone(),
        stats,
        solve_s,
    })
}

/// Some outputs of a function along a trajectory, one row per output.
fn evaluate(
    f: &dyn Kernel,
    times: &[f64],
    rows: &[f64],
    n: usize,
    p: &[f64],
    wanted: &[usize],
) -> Vec<Vec<f64>> {
    let mut out = vec![0.0; f.shape().outputs];
    let mut scratch = vec![0.0; f.scratch_len()];
    let mut columns = vec![Vec::with_capacity(times.len()); wanted.len()];
    for (i, &t) in times.iter().enumerate() {
        f.eval(t, &rows[i * n..(i + 1) * n], p, &mut out, &mut scratch);
        for (column, &w) in columns.iter_mut().zip(wanted) {
            column.push(out[w]);
        }
    }
    columns
}
