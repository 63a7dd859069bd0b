//! The commands about scans.

mod kept;
mod overview;

pub use kept::Kept;

use crate::failure::{self, error};
use crate::numbers::Numbers;
use crate::simulation::Setup;
use crate::waiting;
use slopefield_api::schema::{Block, Emit};
use slopefield_api::types::*;
use slopefield_api::{ApiError, Code};
use slopefield_devices::{Site, Wanted};
use slopefield_study::scan::{Axis, Points, scan};
use slopefield_study::simulate::spaced;
use slopefield_study::{CompiledModel, ScanOptions, Scanned, Solvers, TableData};
use slopefield_train::Control;
use std::path::Path;

/// The values that a request asks for, and notes about them.
fn points(model: &CompiledModel, request: &ScanRequest) -> Result<(Points, Vec<String>), ApiError> {
    let axes: Vec<Axis> = request
        .axes
        .iter()
        .map(|axis| Axis {
            name: axis.name.clone(),
            from: axis.from,
            to: axis.to,
            count: axis.count as usize,
            log: axis.log,
        })
        .collect();
    let grid = match request.random {
        None => Points::grid(&axes),
        Some(count) => Points::spread(&axes, count as usize, request.simulate.seed.unwrap_or(1)),
    };
    let grid = grid.map_err(failure::study)?;
    let Some(file) = &request.table else { return Ok((grid, Vec::new())) };
    let table = slopefield_study::load::read_table(Path::new(file)).map_err(failure::study)?;
    let model = &model.model;
    let known = |name: &str| {
        model.params.iter().any(|p| p.name == name) || model.states.iter().any(|s| s.name == name)
    };
    let (rows, others) =
        Points::of_table(&TableData::from(&table), known).map_err(failure::study)?;
    let notes = match others.is_empty() {
        true => Vec::new(),
        false => vec![format!(
            "columns of {file} that are neither parameters nor states were left out: {}",
            others.join(", ")
        )],
    };
    Ok((rows.times(&grid).map_err(failure::study)?, notes))
}

/// Times of curves, where nothing says which.
const TIMES: usize = 201;

/// Equally spaced times of `trajectories` with so many columns that make no more than `numbers`.
fn times_of_curves(
    (from, to): (f64, f64),
    (trajectories, columns): (usize, usize),
    numbers: usize,
) -> Result<Vec<f64>, ApiError> {
    let of_one_time = trajectories.saturating_mul(columns.max(1)).max(1);
    if 2 * of_one_time > numbers {
        return Err(ApiError {
            advice: Some(
                "take fewer trajectories here; `slopefield simulate --scan` on the command line gives \
                 the end of each, whatever their number"
                    .into(),
            ),
            ..error(
                Code::Study,
                format!(
                    "{trajectories} trajectories with {columns} columns are too many for pictures; \
                     at most {} are shown",
                    numbers / 2 / columns.max(1)
                ),
            )
        });
    }
    Ok(spaced(from, to, (numbers / of_one_time).min(TIMES)))
}

/// Solves a compiled model at all points until it is done or `control` ends it, and tells how far it is.
/// What is measured of graphics cards is kept in the file `figures`.
pub fn run(
    model: &CompiledModel,
    request: &ScanRequest,
    run: Option<Vec<f64>>,
    solvers: &dyn Solvers,
    (control, figures): (&Control, &Path),
    emit: Emit<'_>,
) -> Result<(Scan, Block), ApiError> {
    let mut simulate = request.simulate.clone();
    if simulate.paths.is_some() || simulate.steady {
        let message = "a scan gives trajectories, neither means over paths nor steady states";
        return Err(error(Code::Study, message));
    }
    let wanted = Wanted::of(request.device.as_deref().unwrap_or("auto"));
    let (points, said) = points(model, request)?;
    if simulate.at.is_empty() && simulate.points.is_none() {
        let from = simulate.from.unwrap_or(model.model.time.start);
        let to = simulate.to.unwrap_or(from + 10.0);
        let columns = model.model.states.len()
            + model.lowered.let_names.len()
            + model.model.observations.len();
        simulate.at = match request.numbers {
            None => vec![to],
            Some(most) => times_of_curves((from, to), (points.count(), columns), most as usize)?,
        };
    }
    // Who asks for a card, and for no accuracy, gets what it can hold; that is said.
    let mut notes = Vec::new();
    if matches!(wanted, Wanted::Card | Wanted::Named(_)) && simulate.rtol.is_none() {
        (simulate.rtol, simulate.atol) = (Some(1e-5), simulate.atol.or(Some(1e-6)));
        notes.push("tolerances are 1e-5, which single precision holds; --rtol sets another".into());
    }
    let Setup { p, fixed, options, .. } = Setup::new(model, &simulate, run, control)?;
    notes.extend(said);
    let at = options.at.clone();
    let site = Site { figures: Some(figures), ..Site::new(slopefield_devices::cards()) };
    let method = simulate.method.clone().unwrap_or_else(|| "auto".into());
    let simulate = options.with_method(&method);
    let result = waiting::told(emit, "trajectories", |tell| {
        let told = |begun: usize, all: usize| tell(begun as f64 / all.max(1) as f64);
        let options = ScanOptions { simulate, wanted, site, progress: Some(&told) };
        scan(model, (&p, &fixed), &points, &options, solvers)
    });
    if control.cancelled() {
        return Err(error(Code::Cancelled, "the simulation was stopped"));
    }
    let found = result.map_err(failure::study)?;
    notes.extend(found.sentences.iter().cloned());
    Ok(reply(model, &points, &at, found, notes))
}

fn reply(
    model: &CompiledModel,
    points: &Points,
    at: &[f64],
    found: Scanned,
    notes: Vec<String>,
) -> (Scan, Block) {
    let mut numbers = Numbers::default();
    let times = numbers.add(at.iter().copied());
    let own = points.names.iter().zip(&points.values).map(|(name, values)| ScanColumn {
        name: name.clone(),
        initial: !model.model.params.iter().any(|p| p.name == *name),
        values: numbers.add(values.iter().copied()),
    });
    let own = own.collect();
    let [states, lets, observations] = found.columns;
    let mut columns = Vec::new();
    let mut add = |kind, name: &str, values: Vec<f64>| {
        let values = numbers.add(values);
        columns.push(Column { name: name.to_owned(), kind, values });
    };
    for (s, values) in model.model.states.iter().zip(states) {
        add(ColumnKind::State, &s.name, values);
    }
    for (name, values) in model.lowered.let_names.iter().zip(lets) {
        add(ColumnKind::Let, name, values);
    }
    for (o, values) in model.model.observations.iter().zip(observations) {
        add(ColumnKind::Observation, &o.name, values);
    }
    let failures = found.failures.into_iter();
    let stats = SolveStats {
        method: found.method.method,
        reason: found.method.reason,
        accepted: found.stats.accepted,
        rejected: found.stats.rejected,
        rhs: found.stats.rhs,
        jacobians: found.stats.jacobians,
        factorisations: found.stats.factorisations,
        events: found.stats.events,
        compile_s: model.compile_s,
        solve_s: found.solve_s,
    };
    let scan = Scan {
        count: points.count() as u32,
        points: own,
        times,
        columns,
        failed: found.failed as u32,
        failures: failures
            .map(|(index, message)| ScanFailure { index: index as u32, message })
            .collect(),
        device: found.device,
        on_card: found.on_card as u32,
        notes,
        stats,
    };
    (scan, numbers.into_block())
}
