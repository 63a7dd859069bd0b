//! `slopefield bench solvers`: work and precision of the methods.

use super::{failure, header, time};
use crate::arguments::Bench;
use crate::commands::Session;
use crate::output;
use serde_json::{Value, json};
use slopefield_api::{ApiError, Code};
use slopefield_bench::solvers::{
    Judged, Options, PathsPoint, Point, Report, choose, contests, curves_of_others,
    geometric_brownian_motion, judge, judge_paths, measure, picture,
};
use slopefield_bench::{BenchError, Comparators, Machine, Peers, Record, cache_folder};
use std::process::ExitCode;

/// What is typed after `slopefield bench`.
pub(super) const NAME: &str = "solvers";
const ABOUT: &str = "time over error of every method, beside CVODE, IDA and hand-written C";
/// A single run of this many seconds is not repeated.
const PATIENCE: f64 = 2.0;
/// The stochastic problem, and how many paths of it.
const PATHS: (&str, usize) = ("gbm", 10_000);

/// The suite in the list of suites.
pub(super) fn listed() -> Value {
    let mut cases: Vec<_> =
        contests().iter().map(|c| json!({ "name": c.name, "about": c.about })).collect();
    cases.push(json!({ "name": PATHS.0, "about": paths_about() }));
    json!({ "name": NAME, "about": ABOUT, "cases": cases })
}

fn paths_about() -> String {
    format!("{} paths of geometric Brownian motion to t = 1", PATHS.1)
}

/// The same for people.
pub(super) fn list() {
    output::print(&format!("{NAME}: {ABOUT}\n\n"));
    let contests = contests();
    let width = contests.iter().map(|c| c.name.len()).max().unwrap_or(0);
    for contest in contests {
        output::print(&format!("  {:<width$}  {}\n", contest.name, contest.about));
    }
    output::print(&format!("  {:<width$}  {}\n", PATHS.0, paths_about()));
    output::print(&format!(
        "\nslopefield bench {NAME} measures all of them; --problem takes other standard problems too\n"
    ));
}

/// Measures the problems asked for and judges the goals. Solvers that fail and goals that are missed
/// are told, but are no failure of the command.
pub(super) fn run(session: &Session, bench: &Bench) -> Result<ExitCode, ApiError> {
    if bench.record.is_some() {
        return Err(ApiError {
            code: Code::Request,
            message: format!("the suite `{NAME}` writes no records for run_all.py"),
            advice: Some("take --json".into()),
            details: Vec::new(),
        });
    }
    // The problems are the cases of this suite.
    let asked: Vec<String> = bench.problems.iter().chain(&bench.cases).cloned().collect();
    let with_paths = asked.is_empty() || asked.iter().any(|p| p == PATHS.0);
    let named: Vec<_> = asked.iter().filter(|p| *p != PATHS.0).cloned().collect();
    let chosen = if named.is_empty() && !asked.is_empty() {
        Vec::new()
    } else {
        choose(&named).map_err(failure)?
    };
    let find = || Peers::find(&bench.python, bench.peers_folder.as_deref());
    let peers = bench.peers.then(find).transpose().map_err(failure)?;
    let machine = Machine::here();
    let comparators = Comparators::find(cache_folder());
    if !session.json {
        output::print(&header(&machine, &comparators));
        output::print(
            "medians of one solve on one core; errors are relative, the largest counts\n",
        );
    }
    let options = Options { comparators: &comparators, seconds: bench.seconds, patience: PATIENCE };
    let (mut reports, mut judged, mut records) = (Vec::new(), Vec::new(), Vec::new());
    for contest in &chosen {
        let mut report = measure(contest, &options).map_err(failure)?;
        let others = of_peers(session, bench, peers.as_ref(), contest.name)?;
        if !session.json {
            output::print(&table(&report, &others));
        }
        report.curves.extend(curves_of_others(&others));
        let goals = judge(&report);
        if !session.json {
            goals.iter().for_each(|goal| output::print(&sentence(goal)));
        }
        reports.push(report);
        judged.extend(goals);
        records.extend(others);
    }
    let mut walks = Vec::new();
    if with_paths {
        walks =
            geometric_brownian_motion(PATHS.1, bench.seconds, PATIENCE / 4.0).map_err(failure)?;
        let others = of_peers(session, bench, peers.as_ref(), PATHS.0)?;
        let goal = judge_paths(&walks, curves_of_others(&others));
        if !session.json {
            output::print(&paths_table(&walks, &others));
            output::print(&sentence(&goal));
        }
        judged.push(goal);
        records.extend(others);
    }
    if let Some(path) = &bench.plot {
        std::fs::write(path, picture(&reports, &machine)).map_err(|source| {
            failure(BenchError::File { path: path.clone(), action: "written", source })
        })?;
    }
    if session.json {
        output::json(&json!({
            "suite": NAME, "machine": machine, "seconds": bench.seconds,
            "compiler": comparators.description(), "problems": reports, "goals": judged,
            "paths": walks, "peers": records,
        }));
    } else {
        let reached: Vec<bool> = judged.iter().filter_map(Judged::reached).collect();
        let met = reached.iter().filter(|reached| **reached).count();
        if !reached.is_empty() {
            let count = reached.len();
            output::print(&format!("\n{met} of {count} goals that were measured are met\n"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Measurements of the Python programs on one problem.
fn of_peers(
    session: &Session,
    bench: &Bench,
    peers: Option<&Peers>,
    problem: &str,
) -> Result<Vec<Record>, ApiError> {
    let Some(peers) = peers else { return Ok(Vec::new()) };
    let told = |record: &Record| {
        if !session.quiet {
            eprintln!("  {}: {}, {}", record.bench, record.tool, record.case);
        }
    };
    let mut records = peers.measure("B9", problem, bench.seconds, told).map_err(failure)?;
    records.retain(|record| record.value.is_some());
    Ok(records)
}

fn table(report: &Report, others: &[Record]) -> String {
    let (mut rows, mut failures) = (Vec::new(), String::new());
    for curve in &report.curves {
        for Point { rtol, error, time: found, counts } in &curve.points {
            let count = |n: u64| if n == 0 { String::new() } else { n.to_string() };
            rows.push(vec![
                curve.solver.clone(),
                format!("{rtol:.0e}"),
                format!("{error:.1e}"),
                time(found.median),
                count(counts.steps),
                count(counts.rhs),
                count(counts.jacobians),
                count(counts.factorisations),
            ]);
        }
        for (rtol, why) in &curve.failed {
            failures += &format!("{} at {rtol:.0e}: {why}\n", curve.solver);
        }
    }
    for record in others {
        let (method, rtol) = tolerance(&record.case);
        rows.push(vec![
            format!("{}: {method}", record.tool),
            rtol,
            record.error.map_or_else(String::new, |e| format!("{e:.1e}")),
            record.value.map_or_else(String::new, time),
            String::new(),
            record.rhs_evals.map_or_else(String::new, |n| n.to_string()),
        ]);
    }
    for row in &mut rows {
        row.resize(8, String::new());
    }
    let header = [report.contest, "rtol", "error", "time", "steps", "rhs", "jac", "lu"];
    let mut text = format!("\n{}{failures}", output::table(&header, &rows));
    for note in &report.notes {
        text += &format!("{note}\n");
    }
    text
}

/// The method and the tolerance or steps of a case such as `rober: Radau rtol 1e-06`.
fn tolerance(case: &str) -> (String, String) {
    let case = case.split_once(": ").map_or(case, |(_, rest)| rest);
    match case.split_once(" rtol ").or_else(|| case.split_once(" steps ")) {
        Some((method, setting)) => (method.into(), setting.into()),
        None => (case.into(), String::new()),
    }
}

fn sentence(goal: &Judged) -> String {
    let shown = |figure: f64| if goal.seconds { time(figure) } else { format!("{figure:.2}") };
    let found = match goal.figure {
        Some(figure) => shown(figure),
        None => "not measured".into(),
    };
    let at = goal.at_error.map_or_else(String::new, |e| format!(" (worst at an error of {e:.0e})"));
    let verdict = if goal.reached() == Some(false) { ", missed" } else { "" };
    format!("goal: {}: {found}{at}, at most {}{verdict}\n", goal.what, shown(goal.most))
}

fn paths_table(walks: &[PathsPoint], others: &[Record]) -> String {
    let mut rows: Vec<_> = walks
        .iter()
        .map(|w| {
            let error = format!("{:.1e}", w.error);
            vec![w.method.clone(), w.steps.to_string(), error, time(w.time.median)]
        })
        .collect();
    for record in others {
        let (method, steps) = tolerance(&record.case);
        rows.push(vec![
            format!("{}: {method}", record.tool),
            steps,
            record.error.map_or_else(String::new, |e| format!("{e:.1e}")),
            record.value.map_or_else(String::new, time),
        ]);
    }
    format!("\n{}", output::table(&[PATHS.0, "steps", "strong error", "time"], &rows))
}
