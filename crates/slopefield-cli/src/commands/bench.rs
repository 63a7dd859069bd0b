//! `slopefield bench [SUITE]`.

mod beside;
mod gpu;
mod solvers;

use super::Session;
use crate::arguments::Bench;
use crate::output;
use serde_json::json;
use slopefield_api::{ApiError, Code};
use slopefield_bench::{
    BenchError, Case, Comparators, Figures, Machine, Outcome, Peers, Record, Setting, Suite,
    Target, cache_folder, suite, suites,
};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

/// How often a model is compiled to measure that.
const COMPILE_ROUNDS: usize = 7;
/// How many fresh processes are started for the time to the first result.
const COLD_STARTS: usize = 3;

/// Measures the cases of a suite; without a suite, lists what there is. Fails when a result is
/// wrong or missing; a missed target is told, but is no failure.
pub fn run(session: &Session, bench: Bench) -> Result<ExitCode, ApiError> {
    let Some(name) = &bench.suite else {
        list(session);
        return Ok(ExitCode::SUCCESS);
    };
    if name == solvers::NAME {
        return solvers::run(session, &bench);
    }
    if name == gpu::NAME {
        return gpu::run(session, &bench);
    }
    let suite = suite(name).map_err(failure)?;
    let cases = suite.choose(&bench.cases).map_err(failure)?;
    let program = std::env::current_exe().ok();
    let program = program.as_deref();
    if bench.once {
        return match cases.iter().try_for_each(|case| slopefield_bench::once(case, program)) {
            Ok(()) => Ok(ExitCode::SUCCESS),
            Err(e) => Err(failure(e)),
        };
    }
    // What is missing is told before minutes of measuring, not after.
    let find = || Peers::find(&bench.python, bench.peers_folder.as_deref());
    let peers = bench.peers.then(find).transpose().map_err(failure)?;
    if let Some(path) = &bench.record {
        write(path, &[])?;
    }
    let machine = Machine::here();
    let comparators = Comparators::find(cache_folder());
    if !session.json {
        output::print(&header(&machine, &comparators));
    }
    let width = cases.iter().map(|case| case.name.len()).max().unwrap_or(0);
    if !session.json {
        // Some gradients stand beside our own solve.
        let beside = if suite.name == "gradients" { "beside" } else { "C" };
        output::print(&line(width, ["case", "slopefield", beside, "ratio", "target", "compile"]));
    }
    let mut all =
        Measured { suite, machine, comparators, outcomes: Vec::new(), records: Vec::new() };
    for case in cases {
        let comparators = &all.comparators;
        let setting = Setting { comparators, compile_rounds: COMPILE_ROUNDS, program };
        let outcome = slopefield_bench::run(case, &setting, bench.seconds);
        if !session.json {
            output::print(&row(width, &outcome));
        }
        if bench.record.is_some() {
            let cold = outcome.figures.as_ref().ok().and_then(|f| cold(suite, &outcome.case, f));
            all.records.push(Record::of(&outcome, all.machine.load, cold));
        }
        all.outcomes.push(outcome);
    }
    let save = |others: &[Record]| match &bench.record {
        Some(path) => write(path, &all.records.iter().chain(others).collect::<Vec<_>>()),
        None => Ok(()),
    };
    save(&[])?; // the others take minutes, in which much can happen
    let mut others = Vec::new();
    if let Some(peers) = &peers {
        others = measure_peers(session, &bench, peers, &all)?;
        save(&others)?;
    }
    if session.json {
        output::json(&all.json(bench.seconds, &others));
    } else {
        output::print(&all.summary());
    }
    all.failures();
    let failed = all.outcomes.iter().any(|outcome| outcome.figures.is_err());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn list(session: &Session) {
    if session.json {
        let cases = |suite: &Suite| -> Vec<_> {
            let cases = (suite.cases)().into_iter();
            cases.map(|case| json!({ "name": case.name, "about": case.about })).collect()
        };
        let mut suites: Vec<_> = suites()
            .iter()
            .map(|s| json!({ "name": s.name, "about": s.about, "cases": cases(s) }))
            .collect();
        suites.push(solvers::listed());
        suites.push(gpu::listed());
        output::json(&json!({ "suites": suites }));
        return;
    }
    for suite in suites() {
        output::print(&format!("{}: {}\n\n", suite.name, suite.about));
        let rows: Vec<_> =
            (suite.cases)().into_iter().map(|case| vec![case.name, case.about]).collect();
        let width = rows.iter().map(|row| row[0].len()).max().unwrap_or(0);
        for row in rows {
            output::print(&format!("  {:<width$}  {}\n", row[0], row[1]));
        }
        output::print(&format!("\nslopefield bench {} measures all of them\n\n", suite.name));
    }
    solvers::list();
    gpu::list();
}

/// Everything that was measured.
struct Measured {
    suite: &'static Suite,
    machine: Machine,
    comparators: Comparators,
    outcomes: Vec<Outcome>,
    records: Vec<Record>,
}

fn header(machine: &Machine, comparators: &Comparators) -> String {
    let mut text = String::new();
    let processor = if machine.processor.is_empty() { "processor" } else { &machine.processor };
    text += &format!("{processor}, {} cores, {}", machine.cores, machine.instructions);
    if let Some(load) = machine.load {
        text += &format!(", load {load}");
    }
    text += &match comparators.description() {
        Some(compilers) => format!("\nC: {compilers}"),
        None => {
            "\nno C compiler (cc and c++, or what CC and CXX name): our times stand alone".into()
        }
    };
    if machine.debug_build {
        text += "\na development build: figures to quote need `cargo build --release`";
    }
    text + "\ntimes are the least of many rounds\n\n"
}

fn line(width: usize, [case, ours, c, ratio, target, compile]: [&str; 6]) -> String {
    let text = format!("{case:<width$} {ours:>12} {c:>12} {ratio:>7} {target:>17} {compile:>10}");
    text.trim_end().to_owned() + "\n"
}

fn row(width: usize, outcome: &Outcome) -> String {
    let name = &outcome.case.name;
    let figures = match &outcome.figures {
        Ok(figures) => figures,
        Err(e) => return format!("{name:<width$} {e}\n"),
    };
    let shown = |time: f64| value(time, figures, &outcome.case);
    let c = figures.comparator.map_or(String::new(), |c| shown(c.min));
    let ratio = figures.ratio.map_or(String::new(), |r| format!("{:.2}", r.min));
    let target = match outcome.case.target {
        Some(Target::Ratio(most)) => format!("<= {most:.2}"),
        Some(Target::Seconds(most)) => format!("<= {}", time(most)),
        Some(Target::Peers(_)) | None => String::new(),
    };
    let target = if figures.reached == Some(false) { target + ", missed" } else { target };
    let compile = figures.compile_s.map_or(String::new(), time);
    line(width, [name, &shown(figures.ours.min), &c, &ratio, &target, &compile])
}

/// A time per call as the case counts.
fn value(seconds: f64, figures: &Figures, case: &Case) -> String {
    let work = figures.work as f64;
    if case.saved.metric.ends_with("per second") {
        format!("{:.0}/s", work / seconds)
    } else {
        time(seconds / work)
    }
}

/// A time with three digits.
fn time(seconds: f64) -> String {
    let units = [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")];
    let (unit, name) = units.into_iter().find(|(unit, _)| seconds >= *unit).unwrap_or((1e-9, "ns"));
    let number = seconds / unit;
    let decimals = if number < 10.0 { 2 } else { usize::from(number < 100.0) };
    format!("{number:.decimals$} {name}")
}

impl Measured {
    /// Targets reached and missed.
    fn summary(&self) -> String {
        let figures = self.outcomes.iter().filter_map(|o| o.figures.as_ref().ok());
        let reached: Vec<bool> = figures.filter_map(|f| f.reached).collect();
        match reached.iter().filter(|reached| !**reached).count() {
            _ if reached.is_empty() => String::new(),
            0 => format!("\nall {} targets are reached\n", reached.len()),
            missed => format!("\n{missed} of {} targets are missed\n", reached.len()),
        }
    }

    /// What failed, on standard error.
    fn failures(&self) {
        for outcome in &self.outcomes {
            if let Err(e) = &outcome.figures {
                eprintln!("error: {}: {e}", outcome.case.name);
                if let BenchError::Comparator { printed, .. } = e {
                    eprintln!("{}", printed.trim_end());
                }
            }
        }
    }

    fn json(&self, seconds: f64, peers: &[Record]) -> serde_json::Value {
        let cases: Vec<_> = self
            .outcomes
            .iter()
            .map(|Outcome { case, figures }| {
                let target = match case.target {
                    Some(Target::Ratio(most)) => json!({ "ratio": most }),
                    Some(Target::Seconds(most)) => json!({ "seconds": most }),
                    Some(Target::Peers(_)) | None => serde_json::Value::Null,
                };
                json!({
                    "name": case.name, "about": case.about, "target": target,
                    "beside": beside::judged(case, figures.as_ref().ok(), peers),
                    "figures": figures.as_ref().ok(),
                    "failed": figures.as_ref().err().map(ToString::to_string),
                })
            })
            .collect();
        json!({
            "suite": self.suite.name, "machine": self.machine, "seconds": seconds,
            "compiler": self.comparators.description(), "cases": cases, "peers": peers,
        })
    }
}

/// Measures other programs on the same problems and prints them beside ours.
fn measure_peers(
    session: &Session,
    bench: &Bench,
    peers: &Peers,
    all: &Measured,
) -> Result<Vec<Record>, ApiError> {
    if !session.quiet {
        let tools = peers.tools().join(", ");
        eprintln!("\nmeasuring {tools}; each case starts processes of its own");
    }
    // Cases of one group of a benchmark share its records.
    let mut found: Vec<((&str, &str), Vec<Record>)> = Vec::new();
    for Outcome { case, figures } in &all.outcomes {
        let saved = &case.saved;
        let group = saved.case.split_once(": ").map_or("", |(group, _)| group);
        let key = (saved.bench, group);
        if !found.iter().any(|(known, _)| *known == key) {
            let told = |record: &Record| {
                if !session.quiet {
                    eprintln!("  {}: {}, {}", record.bench, record.tool, record.case);
                }
            };
            let mut records =
                peers.measure(saved.bench, group, bench.seconds, told).map_err(failure)?;
            // A program that fails on a problem has no time to compare.
            records.retain(|record| record.value.is_some());
            found.push((key, records));
        }
        let records = found.iter().find(|(known, _)| *known == key);
        if !session.json
            && let (Ok(figures), Some((_, records))) = (figures, records)
        {
            output::print(&match case.target {
                Some(Target::Peers(goals)) => beside::table(case, goals, figures, records),
                _ => peer_table(case, figures, records),
            });
        }
    }
    Ok(found.into_iter().flat_map(|(_, records)| records).collect())
}

fn peer_table(case: &Case, figures: &Figures, records: &[Record]) -> String {
    if records.is_empty() {
        return String::new();
    }
    // Medians, as the peers' tables have them.
    let ours = figures.ours.median;
    let error = |e: Option<f64>| e.map_or("-".into(), |e| format!("{e:.1e}"));
    let start = vec![
        "slopefield".into(),
        value(ours, figures, case),
        "1.0".into(),
        error(figures.error),
        String::new(),
    ];
    let mut rows = vec![(1.0, start)];
    for record in records {
        let (Some(found), work) = (record.value, figures.work as f64) else { continue };
        let seconds = if record.unit == "1/s" { work / found } else { found * work };
        let times = seconds / ours;
        let method = record.case.rsplit(": ").next().unwrap_or_default();
        let name = format!("{}, {method}", record.tool);
        let cold = record.cold_s.map_or(String::new(), time);
        let cells = [value(seconds, figures, case), format!("{times:.1}"), error(record.error)];
        rows.push((times, std::iter::once(name).chain(cells).chain([cold]).collect()));
    }
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let rows: Vec<_> = rows.into_iter().map(|(_, row)| row).collect();
    let header = [case.name.as_str(), "median", "× ours", "error", "first result"];
    format!("\n{}", output::table(&header, &rows))
}

/// Seconds from the start of a fresh process to its first result; the best of some.
fn cold(suite: &Suite, case: &Case, figures: &Figures) -> Option<f64> {
    if let Some(Target::Peers(_)) = case.target {
        return Some(figures.ours.min); // it is a process already
    }
    let program = std::env::current_exe().ok()?;
    let once = || {
        let began = Instant::now();
        let status = Command::new(&program)
            .args(["bench", suite.name, "--case", &case.name, "--once"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        status.is_ok_and(|s| s.success()).then(|| began.elapsed().as_secs_f64())
    };
    (0..COLD_STARTS).filter_map(|_| once()).reduce(f64::min)
}

fn write(path: &Path, records: &[&Record]) -> Result<(), ApiError> {
    let lines: Result<Vec<_>, _> = records.iter().map(serde_json::to_string).collect();
    let text = lines.map(|lines| lines.iter().map(|line| format!("{line}\n")).collect::<String>());
    let written = text.map_err(std::io::Error::from).and_then(|text| std::fs::write(path, text));
    written.map_err(|source| {
        failure(BenchError::File { path: path.to_path_buf(), action: "written", source })
    })
}

fn failure(error: BenchError) -> ApiError {
    let code = match error {
        BenchError::Model(_) => Code::Model,
        BenchError::Solve(_) | BenchError::WrongResult { .. } => Code::Solve,
        BenchError::File { .. } => Code::File,
        _ => Code::Request,
    };
    let advice = match &error {
        BenchError::UnknownSuite { known, .. } => Some(format!("there is: {}", known.join(", "))),
        BenchError::UnknownCase { known, .. } => Some(format!("there are: {}", known.join(", "))),
        _ => None,
    };
    ApiError { code, message: error.to_string(), advice, details: Vec::new() }
}
