//! `slopefield bench gpu`: many trajectories on a graphics card and on the processor.

mod tensor;

use super::{failure, time, write};
use crate::arguments::Bench;
use crate::commands::Session;
use crate::output;
use serde_json::{Value, json};
use slopefield_api::ApiError;
use slopefield_bench::{
    BenchError, GpuOptions, GpuPoint, GpuReport, GpuWork, Machine, Peers, Record, gpu,
    gpu_gradients,
};
use std::process::ExitCode;

/// What is typed after `slopefield bench`.
pub(super) const NAME: &str = "gpu";
const ABOUT: &str =
    "trajectories per second on a graphics card beside the processor, 100 to a million";

/// The case of a network that no thread holds; without a name, the trajectories that threads hold.
const TENSOR: &str = "tensor";
const ABOUT_TENSOR: &str =
    "a neural differential equation of 2-256-256-2 units, solves and gradients";
/// The case of gradients of the trajectories that threads hold.
const GRADIENTS: &str = "gradients";
const ABOUT_GRADIENTS: &str =
    "gradients per second of Lotka-Volterra trajectories, 1,000 to 100,000";

/// The suite in the list of suites.
pub(super) fn listed() -> Value {
    json!({ "name": NAME, "about": ABOUT, "cases": [
        { "name": GRADIENTS, "about": ABOUT_GRADIENTS },
        { "name": TENSOR, "about": ABOUT_TENSOR },
    ] })
}

/// The same for people.
pub(super) fn list() {
    output::print(&format!("\n{NAME}: {ABOUT}\n\n"));
    output::print(&format!(
        "slopefield bench {NAME} measures the best card; --device names another\n\
         slopefield bench {NAME} --case {GRADIENTS}: {ABOUT_GRADIENTS}\n\
         slopefield bench {NAME} --case {TENSOR}: {ABOUT_TENSOR}\n"
    ));
}

/// Other programs on the same number of trajectories, on the card that they find.
fn of_peers(
    session: &Session,
    bench: &Bench,
    peers: Option<&Peers>,
    count: usize,
) -> Result<Vec<Record>, ApiError> {
    let Some(peers) = peers else { return Ok(Vec::new()) };
    let told = |record: &Record| {
        if !session.quiet {
            let why = record.failed.as_ref().map_or(String::new(), |why| format!(": {why}"));
            eprintln!("  {}, {}{why}", record.tool, record.case);
        }
    };
    let found = peers.measure("gpu", &count.to_string(), bench.seconds, told);
    let mut found = found.map_err(failure)?;
    found.retain(|record| record.value.is_some());
    Ok(found)
}

/// Tolerance of the second measurement, on cards with double precision.
const FINE: f64 = 1e-9;

/// All records, the number of trajectories before the colon of the case.
fn beside(records: &[Record]) -> String {
    let row = |r: &Record| {
        let rate = r.value.map_or(String::new(), |rate| format!("{rate:.0}/s"));
        let error = r.error.map_or(String::new(), |e| format!("{e:.1e}"));
        vec![r.case.clone(), r.tool.clone(), rate, error]
    };
    let mut rows: Vec<_> = records.iter().map(row).collect();
    let count = |row: &Vec<String>| row[0].split(':').next().and_then(|n| n.parse::<u64>().ok());
    rows.sort_by_key(count);
    format!("\n{}", output::table(&["case", "program", "median", "error"], &rows))
}

/// Measures a card. Fails where there is none or its numbers are wrong.
pub(super) fn run(session: &Session, bench: &Bench) -> Result<ExitCode, ApiError> {
    let case = match bench.cases.first() {
        Some(case) if case == TENSOR => return tensor::run(session, bench),
        Some(case) if case == GRADIENTS => Some(GRADIENTS),
        Some(case) => {
            let known = vec![GRADIENTS.to_owned(), TENSOR.to_owned()];
            return Err(failure(BenchError::UnknownCase {
                suite: NAME,
                name: case.clone(),
                known,
            }));
        }
        None => None,
    };
    let machine = Machine::here();
    if !session.json {
        output::print(&format!("{}, {} cores\n", machine.processor, machine.cores));
        if machine.debug_build {
            output::print("a development build: figures to quote need `cargo build --release`\n");
        }
        let what = if case.is_some() {
            ", gradients of half the sum of squares at 20 times by parameters and initial states"
        } else {
            ""
        };
        output::print(&format!(
            "Lotka-Volterra to t = 10, parameters of each trajectory's own, Tsit5 at 1e-5{what}\n\n"
        ));
        output::print(&heading());
    }
    let options = GpuOptions {
        rtol: 1e-5,
        cards: slopefield_bench::cards(),
        device: bench.device.as_deref(),
        seconds: bench.seconds,
    };
    let told = |point: &GpuPoint| {
        if !session.json {
            output::print(&row(point));
        }
    };
    // What is missing is told before minutes of measuring, not after.
    let find = || Peers::find(&bench.python, bench.peers_folder.as_deref());
    // Other programs have solves alone.
    let peers = (bench.peers && case.is_none()).then(find).transpose().map_err(failure)?;
    let report = match case {
        None => gpu(&options, told),
        Some(_) => gpu_gradients(&options, told),
    };
    let report = report.map_err(failure)?;
    let mut records = report.records(&machine.processor);
    if !session.json {
        output::print(&summary(&report));
    }
    let mut fine = None;
    // Training asks cards for gradients in single precision only.
    if report.double && case.is_none() {
        if !session.json {
            output::print(&format!(
                "\nthe same at {FINE:.0e}, in double precision\n\n{}",
                heading()
            ));
        }
        let more = gpu(&GpuOptions { rtol: FINE, ..options }, told).map_err(failure)?;
        records.extend(more.records(&machine.processor));
        if !session.json {
            output::print(&summary(&more));
        }
        fine = Some(more);
    }
    for point in &report.points {
        records.extend(of_peers(session, bench, peers.as_ref(), point.count)?);
    }
    if let Some(path) = &bench.record {
        write(path, &records.iter().collect::<Vec<_>>())?;
    }
    if session.json {
        output::json(&json!({
            "suite": NAME, "case": case, "machine": machine, "seconds": bench.seconds,
            "report": report, "fine": fine, "records": records,
        }));
    } else if peers.is_some() {
        output::print(&beside(&records));
    }
    Ok(ExitCode::SUCCESS)
}

fn heading() -> String {
    let rates = ["trajectories", "card", "processor", "ratio"];
    line(rates, ["card", "of it busy", "least", "processor"])
}

fn line([count, card, processor, ratio]: [&str; 4], times: [&str; 4]) -> String {
    let [a, b, c, d] = times;
    let text = format!(
        "{count:>16} {card:>13} {processor:>13} {ratio:>8} {a:>10} {b:>10} {c:>10} {d:>10}"
    );
    format!("{}\n", text.trim_end())
}

fn row(point: &GpuPoint) -> String {
    let rate = |s: f64| format!("{:.0}/s", point.count as f64 / s);
    let (card, processor) = (point.card_s.0, point.processor_s.0);
    let ratio = format!("{:.3}", card / processor);
    let or_none = |s: Option<f64>| s.map_or("-".to_owned(), time);
    line(
        [&point.count.to_string(), &rate(card), &rate(processor), &ratio],
        [
            &time(card),
            &or_none(point.busy_s.map(|(best, _)| best)),
            &or_none(point.bound_s),
            &time(processor),
        ],
    )
}

fn summary(report: &GpuReport) -> String {
    let errors = &report.errors;
    let what = match report.work {
        GpuWork::Solves => "errors at the end",
        GpuWork::Gradients => "errors of gradients, relative to the largest of a trajectory",
    };
    let mut text = format!(
        "\n{}, {}\ncompiled in {}\n{what}: median {:.1e}, largest {:.1e}; on the processor \
         at the same tolerance {:.1e}, {:.1e}\n{:.3} times as many attempts at steps\n",
        report.device,
        report.driver,
        time(report.compile_s),
        errors.card.0,
        errors.card.1,
        errors.processor.0,
        errors.processor.1,
        errors.attempts_ratio
    );
    text += &match report.break_even {
        Some(count) => format!("the card is faster from {count:.0} trajectories on\n"),
        None => "the card is not faster at any of these numbers\n".into(),
    };
    if !report.left_out.is_empty() {
        let sizes: Vec<_> = report.left_out.iter().map(ToString::to_string).collect();
        text += &format!("left out, for want of time: {} (--seconds)\n", sizes.join(", "));
    }
    if report.software {
        text += "this is a software driver on the processor: the figures say nothing about cards\n";
    }
    text
}
