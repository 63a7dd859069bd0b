//! The `gradient` command: every method on the user's own study, timed, compared, checked.

use crate::data;
use crate::failure::{self, error};
use slopefield_api::types::*;
use slopefield_api::{ApiError, Code};
use slopefield_graph::network::NetworkLibrary;
use slopefield_study::gradient::{Unavailable, applicable, check, method};
use slopefield_study::{Prepared, Solvers, StudyError, TableData};
use slopefield_train::{Failure, Methods, Objective};
use std::sync::Arc;
use std::time::Instant;

/// Timed evaluations of each method; the median counts.
const REPEATS: usize = 7;
/// Random directions of a check.
const DIRECTIONS: usize = 3;

/// Evaluates, compares and checks the gradient at the start values.
pub fn run(
    request: &GradientRequest,
    library: &dyn NetworkLibrary,
    solvers: &Arc<dyn Solvers + Send + Sync>,
) -> Result<GradientReply, ApiError> {
    let loaded = data::load(&request.study)?;
    let tables = loaded.tables.iter().map(|(n, t)| (n.clone(), TableData::from(t))).collect();
    let prepared = Prepared::new(&loaded.model, &loaded.file, &tables, library, &**solvers)
        .map_err(failure::study)?;
    let names: Vec<String> = if request.compare {
        applicable(&prepared.model, &prepared.solver.0, &**solvers)
            .iter()
            .map(|&m| m.to_owned())
            .collect()
    } else {
        match request.method.as_deref() {
            None | Some("auto") => vec![prepared.gradient.0.clone()],
            Some(method) => vec![method.to_owned()],
        }
    };
    let mut methods: Vec<GradientResult> = Vec::new();
    let mut loss = f64::NAN;
    for name in &names {
        let mut objective = objective(&prepared, name, solvers).map_err(failure::study)?;
        let z = objective.z_start();
        let mut grad = vec![0.0; z.len()];
        let seconds = median(|| {
            let value = objective.evaluate(&z, 1.0, Some(&mut grad));
            value.map(|e| loss = e.loss).map_err(|f| error(Code::Solve, explain(&prepared, &f)))
        })?;
        let forward = forward_seconds(&prepared, solvers)?;
        // From the optimiser's coordinates to the parameters as the user writes them.
        let values: Vec<f64> = objective
            .transforms()
            .iter()
            .zip(&z)
            .zip(&grad)
            .map(|((t, &z), g)| g / t.theta(z).1)
            .collect();
        let agreement = methods.first().map_or(0.0, |first| distance(&first.values, &values));
        let check = match request.check {
            true => Some(check(&prepared, name, &**solvers, DIRECTIONS).map_err(failure::study)?),
            false => None,
        };
        methods.push(GradientResult {
            method: name.clone(),
            seconds,
            over_forward: seconds / forward,
            memory: objective.gradient_memory(),
            agreement,
            check,
            values,
        });
    }
    let names = prepared.theta_names.clone();
    Ok(GradientReply { loss, names, methods, choice: prepared.gradient.1.clone() })
}

/// Median seconds of one forward solve of all experiments, with the values at the times of the
/// data; the work arrays are reused as in training.
fn forward_seconds(
    prepared: &Prepared,
    solvers: &Arc<dyn Solvers + Send + Sync>,
) -> Result<f64, ApiError> {
    let solver = |message| failure::study(StudyError::Solver(message));
    let model = &prepared.model;
    let mut stepper = slopefield_study::solvers::stepper(model, &prepared.solver.0, &**solvers)
        .map_err(solver)?;
    let cases = slopefield_study::gradient::Case::all(prepared);
    median(|| {
        for case in &cases {
            let ivp = case.ivp(prepared);
            let mut states = vec![0.0; case.saves.len() * case.u0.len()];
            let settings = &prepared.problem.settings;
            slopefield_solve::drive(&mut *stepper, &ivp, settings, &case.saves, &mut states, None)
                .map_err(|e| error(Code::Solve, prepared.model.explain(&e, &case.p)))?;
        }
        Ok(())
    })
}

/// Median seconds of several calls.
fn median(mut call: impl FnMut() -> Result<(), ApiError>) -> Result<f64, ApiError> {
    let mut times = Vec::with_capacity(REPEATS);
    for _ in 0..REPEATS {
        let began = Instant::now();
        call()?;
        times.push(began.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times[REPEATS / 2])
}

/// Largest difference over the largest entry.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    let largest = a.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    let difference = a.iter().zip(b).fold(0.0f64, |m, (x, y)| m.max((x - y).abs()));
    if largest > 0.0 { difference / largest } else { difference }
}

/// A failed evaluation at the start values in a sentence: experiment, equation and expression.
pub fn explain(prepared: &Prepared, failure: &Failure) -> String {
    let experiment = failure.experiment.and_then(|e| prepared.problem.experiments.get(e));
    match (failure.time, failure.state, experiment) {
        (Some(t), Some(state), Some(experiment)) => {
            let solve = slopefield_solve::SolveError::NonFinite { t, state, u: failure.u.clone() };
            let p = slopefield_study::gradient::start_params(prepared, experiment);
            format!("experiment {}: {}", experiment.name, prepared.model.explain(&solve, &p))
        }
        _ => failure.message.clone(),
    }
}

/// The loss with a gradient method by name.
pub fn objective(
    prepared: &Prepared,
    gradient: &str,
    solvers: &Arc<dyn Solvers + Send + Sync>,
) -> Result<Objective, StudyError> {
    // Made once here, so that a wrong name or a broken plugin is told before anything runs.
    prepared.gradient_method(gradient, &**solvers)?;
    let solver = prepared.solver.0.clone();
    let (name, from) = (gradient.to_owned(), solvers.clone());
    let (again, steppers) = (solver.clone(), solvers.clone());
    let (model, same) = (prepared.model.clone(), prepared.model.clone());
    let methods = Methods {
        gradient: Arc::new(move |_| {
            method(&model, &name, &solver, &*from)
                .unwrap_or_else(|e| Box::new(Unavailable::because(e.to_string())))
        }),
        stepper: Arc::new(move |_| {
            let stepper = slopefield_study::solvers::stepper(&same, &again, &*steppers);
            stepper.unwrap_or_else(|message| Box::new(Unavailable::because(message)))
        }),
    };
    Objective::new(prepared.problem.clone(), methods)
        .map_err(|e| StudyError::Compile(e.to_string()))
}
