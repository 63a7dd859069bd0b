//! The `gradient` command: every method on the user's own study, timed, compared, checked.

mod hessian;

use crate::failure::{self, error};
use slopefield_adjoint::{METHODS, MethodInfo, STEADY, method_info, steady_states};
use slopefield_api::schema::{Block, Emit};
use slopefield_api::types::*;
use slopefield_api::{ApiError, Code};
use slopefield_solve::{SolveError, drive};
use slopefield_study::gradient::{Route, Unavailable, allowed, check};
use slopefield_study::{Prepared, Solvers, StudyError, choice};
use slopefield_train::{Control, Failure, Methods, Objective, Problem};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Timed evaluations of each method at most; the least counts.
const REPEATS: usize = 7;
/// Seconds after which no further evaluation of a method is timed.
const TIMED: f64 = 1.5;
/// A method whose gradient is expected to take longer is not run with the others.
const LONGEST: f64 = 20.0;
/// Why methods that go along a solution are not run where all data are steady states.
const NO_SOLUTION: &str = "goes along a solution over time, but all data are steady states, which \
                           implicit differentiation goes through";
/// Random directions of a check.
const DIRECTIONS: usize = 3;

/// Evaluates, compares and checks the gradient at the start values.
pub fn run(
    prepared: &Prepared,
    request: &GradientRequest,
    solvers: &Arc<dyn Solvers + Send + Sync>,
    control: &Control,
    emit: Emit<'_>,
) -> Result<GradientReply, ApiError> {
    let route = prepared.route(&**solvers);
    let rest = prepared.resolved.at_rest();
    let (chosen, choice) = match prepared.file.training.gradient.as_str() {
        "auto" => prepared.gradient.clone(),
        _ if rest => prepared.gradient.clone(),
        _ => choice::automatic(&route, &prepared.problem),
    };
    let wanted = match request.method.as_deref() {
        None => &prepared.gradient.0,
        Some("auto") => &chosen,
        Some(method) => method,
    };
    let all: Vec<&MethodInfo> = match (request.compare, method_info(wanted)) {
        (true, _) if rest => std::iter::once(&STEADY).chain(METHODS).collect(),
        (true, _) => METHODS.iter().collect(),
        (false, _) if rest && wanted == STEADY.id => vec![&STEADY],
        (false, Some(method)) if rest => {
            return Err(error(Code::Gradient, format!("`{}`: {NO_SOLUTION}", method.id)));
        }
        (false, Some(method)) => vec![method],
        // There is no such method, and the error says which there are.
        (false, None) => {
            return Err(failure::study(match route.method(wanted) {
                Err(e) => e,
                Ok(_) => StudyError::Compile(format!("the gradient `{wanted}` has no name")),
            }));
        }
    };
    let estimates = match rest {
        true => Vec::new(),
        false => choice::estimates(&route, &prepared.problem),
    };
    let mut reply = GradientReply {
        loss: f64::NAN,
        names: prepared.theta_names.clone(),
        states: prepared.model.model.states.len() as u32,
        solver: prepared.solver.1.clone(),
        forward_seconds: f64::NAN,
        forward_evaluations: 0,
        methods: Vec::new(),
        refused: Vec::new(),
        chosen,
        choice,
        stopped: false,
        hessian: None,
    };
    (reply.forward_seconds, reply.forward_evaluations) = forward(prepared, solvers, control)?;
    for (done, method) in all.iter().enumerate() {
        if control.cancel.load(Ordering::Relaxed) {
            reply.stopped = true;
            break;
        }
        let (done, total) = (done as u32, all.len() as u32);
        emit(Progress::Comparing { method: method.title.into(), done, total }, Block::new());
        let estimate = estimates.iter().find(|e| e.method == method.id).map(|e| e.seconds);
        let mut refuse = |reason: String| {
            reply.refused.push(RefusedMethod {
                method: method.id.into(),
                title: method.title.into(),
                description: method.description.into(),
                reason,
            });
        };
        if rest && method.id != STEADY.id {
            refuse(NO_SOLUTION.into());
            continue;
        }
        if request.compare && !rest {
            if let Err(why) = route.make(method) {
                refuse(why);
                continue;
            }
            if let Some(long) = estimate.filter(|s| *s > LONGEST) {
                refuse(format!(
                    "one gradient would take about {long:.0} s; it can be run by itself"
                ));
                continue;
            }
        }
        match measure(prepared, request, method, solvers, control, &mut reply.loss) {
            Ok(mut result) => {
                result.estimate = estimate;
                result.over_forward = result.seconds / reply.forward_seconds;
                reply.methods.push(result);
            }
            Err(_) if control.cancel.load(Ordering::Relaxed) => {
                reply.stopped = true;
                break;
            }
            Err(e) if request.compare => refuse(e.message),
            Err(e) => return Err(e),
        }
    }
    let reference = reply.methods.iter().find(|m| m.exact).or(reply.methods.first());
    if let Some(reference) = reference.map(|m| m.values.clone()) {
        for result in &mut reply.methods {
            result.agreement = distance(&reference, &result.values);
        }
    }
    if request.hessian && !reply.stopped {
        reply.hessian = Some(hessian::view(prepared, solvers, control)?);
    }
    Ok(reply)
}

/// One method: values, times, and the check where it is asked for.
fn measure(
    prepared: &Prepared,
    request: &GradientRequest,
    method: &MethodInfo,
    solvers: &Arc<dyn Solvers + Send + Sync>,
    control: &Control,
    loss: &mut f64,
) -> Result<GradientResult, ApiError> {
    let mut objective = objective(prepared, method.id, solvers).map_err(failure::study)?;
    objective.set_cancel(Some(control.cancel.clone()));
    let z = objective.z_start();
    let mut grad = vec![0.0; z.len()];
    let seconds = least(|| {
        let value = objective.evaluate(&z, 1.0, Some(&mut grad));
        value.map(|e| *loss = e.loss).map_err(|f| error(Code::Solve, explain(prepared, &f)))
    })?;
    // From the optimiser's coordinates to the parameters as the user writes them.
    let values: Vec<f64> = objective
        .transforms()
        .iter()
        .zip(&z)
        .zip(&grad)
        .map(|((t, &z), g)| g / t.theta(z).1)
        .collect();
    let checked =
        request.check.then(|| check(prepared, method.id, &**solvers, DIRECTIONS)).transpose();
    let (check, unchecked) = match checked {
        // JSON has no NaN: it would arrive as "not checked".
        Ok(worst) => (worst.map(|w| if w.is_finite() { w } else { f64::MAX }), None),
        Err(e) if request.compare => (None, Some(e.to_string())),
        Err(e) => return Err(failure::study(e)),
    };
    let (forward_evaluations, reverse_products) = objective.gradient_work();
    Ok(GradientResult {
        method: method.id.into(),
        title: method.title.into(),
        description: method.description.into(),
        exact: method.exact,
        seconds,
        over_forward: f64::NAN,
        estimate: None,
        memory: objective.gradient_memory(),
        forward_evaluations,
        reverse_products,
        agreement: 0.0,
        check,
        unchecked,
        allowed: allowed(&prepared.route(&**solvers), method, &prepared.problem.settings),
        values,
    })
}

/// Seconds of one forward solve of all experiments, with the values at the times of the
/// data, and its evaluations; the work arrays are reused as in training.
fn forward(
    prepared: &Prepared,
    solvers: &Arc<dyn Solvers + Send + Sync>,
    control: &Control,
) -> Result<(f64, u64), ApiError> {
    let solver = |message| failure::study(StudyError::Solver(message));
    let model = &prepared.model;
    let mut stepper = slopefield_study::solvers::stepper(model, &prepared.solver.0, &**solvers)
        .map_err(solver)?;
    let cases = slopefield_study::gradient::Case::all(prepared);
    let mut settings = prepared.problem.settings.clone();
    settings.cancel = Some(control.cancel.clone());
    let mut states: Vec<Vec<f64>> =
        cases.iter().map(|case| vec![0.0; case.saves.len() * case.u0.len()]).collect();
    let mut evaluations = 0;
    let seconds = least(|| {
        evaluations = 0;
        for (case, states) in cases.iter().zip(&mut states) {
            let ivp = case.ivp();
            if ivp.t1 <= ivp.t0 && !case.steady {
                continue;
            }
            let solved = match case.steady {
                true => steady_states(&ivp, &settings, &case.saves, states),
                false => drive(&mut *stepper, &ivp, &settings, &case.saves, states, None),
            };
            let stats = solved.map_err(|e| {
                let why = prepared.explain(case.index, &e, &case.p);
                error(Code::Solve, format!("experiment {}: {why}", case.experiment))
            })?;
            evaluations += stats.rhs;
        }
        Ok(())
    })?;
    Ok((seconds, evaluations))
}

/// Seconds of a call, the least of several: other work on the machine only adds.
fn least(mut call: impl FnMut() -> Result<(), ApiError>) -> Result<f64, ApiError> {
    let mut times = Vec::with_capacity(REPEATS);
    let started = Instant::now();
    while times.is_empty() || (times.len() < REPEATS && started.elapsed().as_secs_f64() < TIMED) {
        let began = Instant::now();
        call()?;
        times.push(began.elapsed().as_secs_f64());
    }
    Ok(times.into_iter().fold(f64::INFINITY, f64::min))
}

/// Largest difference over the largest entry.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    let largest = a.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    let difference = a.iter().zip(b).fold(0.0f64, |m, (x, y)| m.max((x - y).abs()));
    if largest > 0.0 { difference / largest } else { difference }
}

/// A failed evaluation at the start values in a sentence: experiment, equation and expression.
pub fn explain(prepared: &Prepared, failure: &Failure) -> String {
    let experiments = &prepared.problem.experiments;
    let experiment = failure.experiment.and_then(|e| Some((e, experiments.get(e)?)));
    match (failure.time, failure.state, experiment) {
        (Some(t), Some(state), Some((index, experiment))) => {
            let solve = match failure.restless() {
                Some((iterations, slope)) => {
                    SolveError::NoSteadyState { t, iterations, state, slope }
                }
                None => SolveError::NonFinite { t, state, u: failure.u.clone() },
            };
            let p = slopefield_study::gradient::start_params(&prepared.problem, experiment);
            format!("experiment {}: {}", experiment.name, prepared.explain(index, &solve, &p))
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
    objective_of(prepared, prepared.problem.clone(), gradient, solvers)
}

/// The same of other data.
pub fn objective_of(
    prepared: &Prepared,
    problem: Problem,
    gradient: &str,
    solvers: &Arc<dyn Solvers + Send + Sync>,
) -> Result<Objective, StudyError> {
    // Made once here, so that a wrong name or a broken plugin is told before anything runs.
    prepared.gradient_method(gradient, &**solvers)?;
    let (solver, memory) = (prepared.solver.0.clone(), prepared.memory);
    let (name, from) = (gradient.to_owned(), solvers.clone());
    let (again, steppers) = (solver.clone(), solvers.clone());
    let (model, same) = (prepared.model.clone(), prepared.model.clone());
    let (played, by, players) = (prepared.model.clone(), solver.clone(), solvers.clone());
    let methods = Methods {
        gradient: Arc::new(move |_| {
            let route = Route { model: &model, solver: &solver, solvers: &*from, memory };
            route.method(&name).unwrap_or_else(|e| Box::new(Unavailable::because(e.to_string())))
        }),
        replay: Arc::new(move |_, times| {
            let route = Route { model: &played, solver: &by, solvers: &*players, memory };
            route.replay(times)
        }),
        stepper: Arc::new(move |_| {
            let stepper = slopefield_study::solvers::stepper(&same, &again, &*steppers);
            stepper.unwrap_or_else(|message| Box::new(Unavailable::because(message)))
        }),
    };
    Objective::new(problem, methods).map_err(|e| StudyError::Compile(e.to_string()))
}
