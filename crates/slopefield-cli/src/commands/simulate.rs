//! `slopefield simulate MODEL`.

use super::{Session, read};
use crate::arguments::{Format, Simulate};
use crate::output;
use slopefield_api::types::{
    ColumnKind, ModelReport, ModelText, SimulateRequest, Simulation, Slice,
};
use slopefield_api::{ApiError, Command};
use std::process::ExitCode;

/// Prints the trajectory: time, states, named expressions, observations.
pub async fn run(session: &Session, simulate: Simulate) -> Result<ExitCode, ApiError> {
    let text = read(&simulate.model)?;
    let request = SimulateRequest {
        text: text.clone(),
        set: simulate.set.into_iter().collect(),
        run: None,
        from: simulate.from,
        to: simulate.to,
        at: simulate.at,
        points: simulate.points,
        method: simulate.method,
        rtol: simulate.rtol,
        atol: simulate.atol,
        seed: simulate.seed,
    };
    let (simulation, block): (Simulation, _) =
        session.call(Command::simulate, &request, |_, _| {}).await?;
    let (report, _): (ModelReport, _) =
        session.call(Command::model_check, &ModelText { text }, |_, _| {}).await?;
    let part = |s: Slice| &block[s.start as usize..(s.start + s.len) as usize];
    let mut names = vec![report.time.name.as_str()];
    let mut columns = vec![part(simulation.times)];
    for kind in [ColumnKind::State, ColumnKind::Let, ColumnKind::Observation] {
        for column in simulation.columns.iter().filter(|c| c.kind == kind) {
            names.push(&column.name);
            columns.push(part(column.values));
        }
    }
    if session.json || simulate.format == Format::Json {
        let lists = names.iter().zip(&columns).map(|(n, c)| ((*n).to_owned(), (*c).into()));
        let columns: serde_json::Map<String, serde_json::Value> = lists.collect();
        output::json(&serde_json::json!({ "columns": columns, "stats": simulation.stats }));
    } else {
        output::print(&output::csv(&names, &columns));
    }
    if simulate.stats {
        let s = &simulation.stats;
        eprintln!(
            "{}: {} steps accepted, {} rejected, {} right-hand sides; compiled in {:.2} ms, solved in {:.3} ms",
            s.method,
            s.accepted,
            s.rejected,
            s.rhs,
            1e3 * s.compile_s,
            1e3 * s.solve_s
        );
    }
    Ok(ExitCode::SUCCESS)
}
