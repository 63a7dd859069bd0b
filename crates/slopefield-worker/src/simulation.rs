//! The `simulate` command.

use crate::failure::{self, error};
use crate::numbers::Numbers;
use slopefield_api::schema::Block;
use slopefield_api::types::*;
use slopefield_api::{ApiError, Code};
use slopefield_devices::{Site, Wanted};
use slopefield_solve::Settings;
use slopefield_study::simulate::{apply_set, simulate_on, spaced, steady};
use slopefield_study::{Choice, CompiledModel, SimulateOptions, Solvers};
use slopefield_train::Control;

/// What a request says of trajectories, with everything that it leaves open.
pub struct Setup {
    /// Parameters.
    pub p: Vec<f64>,
    /// Initial values of states that were given.
    pub fixed: Vec<(usize, f64)>,
    /// The method, and why.
    pub choice: Choice,
    /// Times, method, accuracy.
    pub options: SimulateOptions,
}

impl Setup {
    /// `run` holds the parameters of a run, where the request names one.
    pub fn new(
        model: &CompiledModel,
        request: &SimulateRequest,
        run: Option<Vec<f64>>,
        control: &Control,
    ) -> Result<Setup, ApiError> {
        let mut p = run.unwrap_or_else(|| model.start_params(request.seed.unwrap_or(1)));
        let invalid = |message: String| error(Code::Study, message);
        let fixed = apply_set(model, &request.set, &mut p).map_err(invalid)?;
        let from = request.from.unwrap_or(model.model.time.start);
        let at = if request.at.is_empty() {
            let to = request.to.unwrap_or(from + 10.0);
            let points = request.points.unwrap_or(201);
            if points > 1_000_000 {
                return Err(invalid(format!("{points} points are too many; at most 1 000 000")));
            }
            spaced(from, to, points as usize)
        } else {
            request.at.clone()
        };
        if !from.is_finite() || at.iter().any(|t| !t.is_finite()) {
            return Err(invalid("times must be finite numbers".into()));
        }
        for (name, value) in [("rtol", request.rtol), ("atol", request.atol)] {
            if value.is_some_and(|v| !(v > 0.0 && v < 1.0)) {
                return Err(invalid(format!(
                    "{name} must be a number between 0 and 1, such as 1e-6"
                )));
            }
        }
        // Errors of single random paths fall slowly with the work, and chance is larger than they are.
        let noisy = model.rhs.structure().noise.is_some();
        let (rtol, atol) = if noisy { (1e-3, 1e-5) } else { (1e-6, 1e-8) };
        let (rtol, atol) = (request.rtol.unwrap_or(rtol), request.atol.unwrap_or(atol));
        let mut choice = model.choose_solver(request.method.as_deref().unwrap_or("auto"), rtol);
        if request.steady {
            let reason =
                "Newton's iteration, with steps of a pseudo-time while it is far away".into();
            choice = Choice { method: "steady-state".into(), reason };
        }
        let options = SimulateOptions {
            from,
            at,
            method: choice.method.clone(),
            paths: request.paths.filter(|count| *count > 1),
            settings: Settings {
                rtol,
                seed: request.seed.unwrap_or(1),
                path: request.path.map_or(0, u64::from),
                atol: vec![atol],
                cancel: Some(control.cancel.clone()),
                ..Settings::default()
            },
        };
        Ok(Setup { p, fixed, choice, options })
    }
}

/// Simulates a compiled model until it is done or `control` ends it. `run` holds the parameters of a
/// run, where the request names one.
pub fn run(
    model: &CompiledModel,
    request: &SimulateRequest,
    run: Option<Vec<f64>>,
    solvers: &dyn Solvers,
    control: &Control,
) -> Result<(Simulation, Block), ApiError> {
    let Setup { p, fixed, choice, options } = Setup::new(model, request, run, control)?;
    let from = options.from;
    let u0 = model.initial_state(from, &p, &fixed);
    let result = match request.steady {
        true => steady(model, from, &p, &u0, &options.settings),
        false => {
            let site = Site::new(slopefield_devices::cards());
            let wanted = request.device.as_deref().map(Wanted::of);
            let on = wanted.as_ref().map(|wanted| (wanted, &site));
            simulate_on(model, (&p, &u0), &options, on, solvers)
        }
    };
    // Told whatever the solve says of it: it ended because it was told to.
    let result = result.map_err(|e| match control.cancelled() {
        true => error(Code::Cancelled, "the simulation was stopped"),
        false => failure::study(e),
    })?;
    let mut numbers = Numbers::default();
    let times = numbers.add(result.times.iter().copied());
    let mut columns = Vec::new();
    let mut add = |kind, name: &str, values: &[f64]| {
        let values = numbers.add(values.iter().copied());
        columns.push(Column { name: name.to_owned(), kind, values });
    };
    for (s, values) in model.model.states.iter().zip(&result.states) {
        add(ColumnKind::State, &s.name, values);
    }
    for (name, values) in model.lowered.let_names.iter().zip(&result.lets) {
        add(ColumnKind::Let, name, values);
    }
    for (o, values) in model.model.observations.iter().zip(&result.observations) {
        add(ColumnKind::Observation, &o.name, values);
    }
    let names = model.model.states.iter().map(|s| s.name.as_str());
    let names = names.chain(model.lowered.let_names.iter().map(String::as_str));
    let names = names.chain(model.model.observations.iter().map(|o| o.name.as_str()));
    for (name, values) in names.zip(&result.spreads) {
        add(ColumnKind::Spread, name, values);
    }
    let events = result.events.iter().map(|mark| {
        let text = model
            .model
            .events
            .get(mark.event)
            .map_or("", |event| slopefield_lang::expression_text(&model.text, event.span));
        EventMark { t: mark.t, text: text.to_owned(), stop: mark.stop }
    });
    let events = events.collect();
    let stats = SolveStats {
        method: choice.method,
        reason: choice.reason,
        jacobians: result.stats.jacobians,
        factorisations: result.stats.factorisations,
        events: result.stats.events,
        accepted: result.stats.accepted,
        rejected: result.stats.rejected,
        rhs: result.stats.rhs,
        compile_s: model.compile_s,
        solve_s: result.solve_s,
    };
    let notes = result.notes;
    Ok((Simulation { times, columns, events, notes, stats }, numbers.into_block()))
}
