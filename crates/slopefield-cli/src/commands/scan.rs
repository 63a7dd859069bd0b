//! `slopefield simulate MODEL --scan …`: many trajectories.

use super::Session;
use crate::arguments::Format;
use crate::output;
use crate::progress::Bar;
use slopefield_api::schema::Block;
use slopefield_api::types::{ModelReport, ModelText, Scan, ScanRequest, Slice};
use slopefield_api::{ApiError, Command};
use std::process::ExitCode;

/// Prints a row for each trajectory and time: what was set, time, states, named expressions, observations.
/// Says on standard error what computed it, and what failed.
pub async fn run(
    session: &Session,
    request: ScanRequest,
    format: Format,
    stats: bool,
) -> Result<ExitCode, ApiError> {
    let bar = Bar::new(session.quiet);
    let take = |body, block| bar.take(body, block);
    let answer = session.call::<_, Scan>(Command::scan, &request, take).await;
    bar.end();
    let (scan, block) = answer?;
    let text = ModelText { text: request.simulate.text };
    let (report, _): (ModelReport, _) =
        session.call(Command::model_check, &text, |_, _| {}).await?;
    let (names, columns) = scan.table(&report.time.name, &block);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    if format == Format::Json {
        let lists = names.iter().zip(&columns).map(|(n, c)| ((*n).to_owned(), numbers(c)));
        let columns: serde_json::Map<String, serde_json::Value> = lists.collect();
        output::json(&serde_json::json!({
            "columns": columns,
            "trajectories": scan.count,
            "failed": scan.failed,
            "failures": scan.failures,
            "device": scan.device,
            "on_card": scan.on_card,
            "notes": scan.notes,
            "stats": scan.stats,
        }));
    } else {
        let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        output::print(&output::csv(&names, &columns));
    }
    if !session.quiet {
        scan.notes.iter().for_each(|note| eprintln!("{note}"));
        failures(&scan, &block);
    }
    if stats {
        let s = &scan.stats;
        eprintln!(
            "{}: {} steps accepted, {} rejected, {} right-hand sides; compiled in {:.2} ms, solved in \
             {:.3} ms",
            s.method,
            s.accepted,
            s.rejected,
            s.rhs,
            1e3 * s.compile_s,
            1e3 * s.solve_s
        );
        eprintln!("{}", s.reason);
    }
    Ok(ExitCode::SUCCESS)
}

/// JSON has no NaN: what a trajectory did not get to is null.
fn numbers(column: &[f64]) -> serde_json::Value {
    column.iter().map(|x| serde_json::Number::from_f64(*x)).collect()
}

/// What failed and where, the first of many.
fn failures(scan: &Scan, block: &Block) {
    if scan.failed == 0 {
        return;
    }
    eprintln!(
        "{} of {} trajectories failed; their rows are NaN from there on",
        scan.failed, scan.count
    );
    for failure in &scan.failures {
        let value = |s: Slice| output::number(s.of(block)[failure.index as usize]);
        let at: Vec<_> =
            scan.points.iter().map(|p| format!("{} = {}", p.name, value(p.values))).collect();
        eprintln!("  {}: {}", at.join(", "), failure.message);
    }
    if scan.failed as usize > scan.failures.len() {
        eprintln!("  and {} more", scan.failed as usize - scan.failures.len());
    }
}
