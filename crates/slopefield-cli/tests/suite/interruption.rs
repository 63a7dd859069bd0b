//! Trainings that are killed or stopped: nothing is lost, and what is resumed ends as if nothing
//! had happened.
#![cfg(target_os = "linux")]
use crate::common;

use common::{Place, between};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The spiral with a training that takes some seconds.
fn long_training(iterations: u32) -> Place {
    let place = Place::with_example("spiral");
    let stages = format!(
        "[training]\nrecipe = \"custom\"\n[[training.stages]]\noptimiser = \"adam\"\n\
         iterations = {iterations}\nrate = 0.02\n"
    );
    let study = place.read("study.toml");
    place.write("study.toml", &format!("{study}\n{stages}"));
    place
}

const FIT: [&str; 5] = ["fit", "study.toml", "--json", "--out", "r.slopefield"];
const RESUME: [&str; 6] = ["fit", "study.toml", "--json", "--resume", "--out", "r.slopefield"];

fn signal(name: &str, pid: u32) {
    let sent = Command::new("kill").args([name, &pid.to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Waits until training has begun: the line about the solver, after those about the stages.
fn begun(child: &mut Child) -> BufReader<std::process::ChildStderr> {
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut all = String::new();
    loop {
        let before = all.len();
        assert!(lines.read_line(&mut all).unwrap() > 0, "no line names the solver: {all}");
        if all[before..].contains("solver") {
            return lines;
        }
    }
}

/// Process id of the worker that the program started from itself.
fn worker_of(parent: u32) -> u32 {
    let processes = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|e| e.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let child = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let after = stat.rsplit(')').next().unwrap_or_default();
        after.split_whitespace().nth(1) == Some(&parent.to_string())
    };
    processes.into_iter().find(child).expect("the worker runs")
}

/// The result without what depends on the clock and on the file.
fn bits(place: &Place, fitted: &str) -> (String, String) {
    let numbers = between(fitted, "\"loss\":", ",\"stop_reason\"").to_owned();
    (numbers, place.run(&["forecast", "r.slopefield"]).good())
}

/// Kills the program and its worker at several moments; the file stays good, and the run ends in
/// the very bits of one that was left alone.
#[test]
fn killed_at_several_moments_and_resumed() {
    const ITERATIONS: u32 = 10_000;
    let whole = long_training(ITERATIONS);
    let undisturbed = std::thread::spawn(move || {
        let fitted = whole.run(&FIT).good();
        bits(&whole, &fitted)
    });
    let place = long_training(ITERATIONS);
    // The first checkpoint comes after a second.
    let mut arguments = FIT.as_slice();
    for moment in [1250, 1150] {
        let mut child = place.start(arguments);
        let stderr = begun(&mut child);
        sleep(Duration::from_millis(moment));
        assert!(child.try_wait().unwrap().is_none(), "the training is too short for this test");
        let worker = worker_of(child.id());
        signal("-KILL", worker);
        child.kill().unwrap();
        child.wait().unwrap();
        drop(stderr);
        let verified = place.run(&["project", "verify", "r.slopefield", "--json"]).json();
        assert_eq!(verified["ok"], true, "{verified}");
        arguments = RESUME.as_slice();
    }
    // The files of the study play no part any more.
    place.write("model.slope", "state x = 1\n");
    let fitted = place.run(&RESUME).good();
    assert!(fitted.contains(&format!("\"iterations\":{ITERATIONS},")), "{fitted}");
    assert_eq!(bits(&place, &fitted), undisturbed.join().unwrap());
    let info = place.run(&["project", "info", "r.slopefield", "--json"]).json();
    assert_eq!(info["runs"].as_array().unwrap().len(), 1);
    assert_eq!(info["runs"][0]["status"], "finished");
}

/// Only the program dies: its worker notices and leaves the project in good order.
#[test]
fn the_worker_follows_the_program() {
    let place = long_training(100_000);
    let mut child = place.start(&FIT);
    let stderr = begun(&mut child);
    sleep(Duration::from_millis(300));
    let worker = worker_of(child.id());
    child.kill().unwrap();
    child.wait().unwrap();
    drop(stderr);
    let since = Instant::now();
    while std::path::Path::new(&format!("/proc/{worker}")).exists() {
        assert!(since.elapsed() < Duration::from_secs(10), "the worker is left behind");
        sleep(Duration::from_millis(20));
    }
    let verified = place.run(&["project", "verify", "r.slopefield", "--json"]).json();
    assert_eq!(verified["ok"], true, "{verified}");
    let info = place.run(&["project", "info", "r.slopefield", "--json"]).json();
    let status = info["runs"][0]["status"].as_str().unwrap();
    assert!(["stopped", "interrupted", "running"].contains(&status), "{status}");
}

/// Only the worker dies: the program says so, with the way it ended, and the run can go on.
#[test]
fn a_dead_worker_is_reported() {
    let place = long_training(100_000);
    let mut child = place.start(&FIT);
    let mut stderr = begun(&mut child);
    sleep(Duration::from_millis(1250));
    signal("-KILL", worker_of(child.id()));
    let since = Instant::now();
    let status = child.wait().unwrap();
    assert!(since.elapsed() < Duration::from_secs(2));
    let mut said = String::new();
    stderr.read_to_string(&mut said).unwrap();
    assert!(!status.success());
    for part in ["error: the worker process ended", "SIGKILL", "try: the project is kept"] {
        assert!(said.contains(part), "`{part}` is not in\n{said}");
    }
    let info = place.run(&["project", "info", "r.slopefield", "--json"]).json();
    assert!(info["runs"][0]["iterations"].as_u64().unwrap() > 0);
}

/// Ctrl+C ends the training in good order; the best so far is printed and stored.
#[test]
fn an_interrupt_keeps_the_best_so_far() {
    let place = long_training(100_000);
    let mut child = place.start(&FIT);
    let stderr = begun(&mut child);
    sleep(Duration::from_millis(500));
    signal("-INT", child.id());
    let since = Instant::now();
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    let status = child.wait().unwrap();
    let waited = since.elapsed();
    drop(stderr);
    assert!(status.success(), "{status}: {out}");
    assert!(waited < Duration::from_secs(2), "{waited:?}");
    let fit: serde_json::Value = serde_json::from_str(out.trim()).unwrap();
    assert!(fit["stop_reason"].as_str().unwrap().contains("Stopped by hand"));
    let info = place.run(&["project", "info", "r.slopefield", "--json"]).json();
    assert_eq!(info["runs"][0]["status"], "stopped");
    assert_eq!(info["runs"][0]["loss"], fit["loss"]);
    place.run(&["project", "verify", "r.slopefield"]).good();
    place.run(&["forecast", "r.slopefield"]).good();
}

/// A stop is seen within one long solve, too; then there is nothing to keep.
#[test]
fn an_interrupt_within_the_first_solve() {
    let place = Place::new();
    common::decay(&place);
    place.replace("model.slope", "-k*x", "-k*x + cos(40*t)");
    place.write("points.csv", "t,x\n0,1\n1e9,0.6\n");
    let study = place.read("study.toml");
    let solver = "[solver]\nmax_steps = 4000000000\nrtol = 1e-12\natol = 1e-14\n";
    place.write("study.toml", &format!("{study}\n{solver}"));
    let mut child = place.start(&FIT);
    let mut stderr = begun(&mut child);
    sleep(Duration::from_millis(300));
    signal("-INT", child.id());
    let since = Instant::now();
    let status = child.wait().unwrap();
    assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
    let mut said = String::new();
    stderr.read_to_string(&mut said).unwrap();
    assert!(!status.success());
    assert!(said.contains("error: stopped before"), "{said}");
    assert!(!place.path("r.slopefield").exists());
}
