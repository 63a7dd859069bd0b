//! `slopefield simulate MODEL`.

use super::{Session, path, read, scan};
use crate::arguments::{Format, Simulate};
use crate::output;
use slopefield_api::types::{
    ColumnKind, ModelReport, ModelText, ScanRequest, SimulateRequest, Simulation, Slice,
};
use slopefield_api::{ApiError, Code, Command};
use std::process::ExitCode;

/// Prints the trajectory: time, states, named expressions, observations.
pub async fn run(session: &Session, simulate: Simulate) -> Result<ExitCode, ApiError> {
    let text = read(&simulate.model)?;
    let format = if session.json { Format::Json } else { simulate.format };
    let (stats, axes, each, device) =
        (simulate.stats, simulate.scan, simulate.each, simulate.device);
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
        reactions: simulate.reactions,
        path: simulate.path,
        paths: simulate.paths,
        steady: simulate.steady,
        inputs: simulate.input,
        experiment: None,
        device: None,
    };
    if !axes.is_empty() || each.is_some() {
        if let (Some(axis), None) = (axes.iter().find(|axis| axis.count == 0), simulate.random) {
            return Err(ApiError {
                code: Code::Request,
                message: format!("`{}` has no number of values", axis.name),
                advice: Some(
                    "write NAME=FROM:TO:COUNT, or say how many random values with --random".into(),
                ),
                details: Vec::new(),
            });
        }
        let table = each.as_deref().map(path);
        let request = ScanRequest {
            simulate: request,
            axes,
            random: simulate.random,
            numbers: None,
            table,
            device,
        };
        return scan::run(session, request, format, stats).await;
    }
    if simulate.random.is_some() {
        return Err(ApiError {
            code: Code::Request,
            message: "there are no ranges to take random values from".into(),
            advice: Some("add --scan NAME=FROM:TO".into()),
            details: Vec::new(),
        });
    }
    if device.is_some() && request.paths.is_none_or(|count| count < 2) {
        return Err(ApiError {
            code: Code::Request,
            message: "one trajectory is computed on the processor".into(),
            advice: Some("--device is for many: add --scan, --each or --paths".into()),
            details: Vec::new(),
        });
    }
    let asked = device.is_some() && !session.quiet;
    let request = SimulateRequest { device, ..request };
    let (simulation, block): (Simulation, _) =
        session.call(Command::simulate, &request, |_, _| {}).await?;
    let (report, _): (ModelReport, _) =
        session.call(Command::model_check, &ModelText { text }, |_, _| {}).await?;
    let part = |s: Slice| s.of(&block);
    let mut names = vec![report.time.name.clone()];
    let mut columns = vec![part(simulation.times)];
    for kind in [ColumnKind::State, ColumnKind::Let, ColumnKind::Observation] {
        for column in simulation.columns.iter().filter(|c| c.kind == kind) {
            names.push(column.name.clone());
            columns.push(part(column.values));
        }
    }
    for spread in simulation.columns.iter().filter(|c| c.kind == ColumnKind::Spread) {
        names.push(format!("sd({})", spread.name));
        columns.push(part(spread.values));
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    if format == Format::Json {
        let lists = names.iter().zip(&columns).map(|(n, c)| ((*n).to_owned(), (*c).into()));
        let columns: serde_json::Map<String, serde_json::Value> = lists.collect();
        output::json(&serde_json::json!({
            "columns": columns,
            "events": simulation.events,
            "notes": simulation.notes,
            "stats": simulation.stats,
        }));
    } else {
        output::print(&output::csv(&names, &columns));
    }
    if let Some(stop) = simulation.events.iter().find(|e| e.stop) {
        eprintln!("The solution ended at {} = {}: {}", report.time.name, stop.t, stop.text);
    }
    if asked && !stats {
        simulation.notes.iter().for_each(|note| eprintln!("{note}"));
    }
    if stats {
        let s = &simulation.stats;
        let counts = [
            (s.accepted, "steps accepted"),
            (s.rejected, "rejected"),
            (s.rhs, "right-hand sides"),
            (s.jacobians, "Jacobians"),
            (s.factorisations, "factorisations"),
            (s.events, if s.events == 1 { "event" } else { "events" }),
        ];
        let shown = counts.iter().enumerate().filter(|(i, (n, _))| *i < 3 || *n > 0);
        let shown: Vec<String> = shown.map(|(_, (n, what))| format!("{n} {what}")).collect();
        eprintln!(
            "{}: {}; compiled in {:.2} ms, solved in {:.3} ms",
            s.method,
            shown.join(", "),
            1e3 * s.compile_s,
            1e3 * s.solve_s
        );
        eprintln!("{}", s.reason);
        simulation.notes.iter().for_each(|note| eprintln!("{note}"));
    }
    Ok(ExitCode::SUCCESS)
}
