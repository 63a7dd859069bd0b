//! A training process is killed at random moments; nothing but its last moment may be lost.
//!
//! This is a program of its own (no test harness): the parent starts itself as a child that stores
//! checkpoints as fast as it can, kills it with SIGKILL, and looks at what is left.

use slopefield_project::{
    HistoryPoint, NewRun, Project, ProjectError, RunState, RunStatus, info, verify,
};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const ROUNDS: u32 = 12;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().position(|a| a == "--train") {
        Some(at) => train(Path::new(&arguments[at + 1])),
        // Names and flags for the usual harness are ignored; there is one test.
        None => {
            killed_at_any_moment();
            println!("test killed_at_any_moment ... ok ({ROUNDS} rounds)");
        }
    }
}

/// State after an iteration: different in length and content each time.
fn state(iteration: u32) -> Vec<u8> {
    let length = 1_000 + (iteration as usize * 7_919) % 200_000;
    let mut word = u64::from(iteration) + 1;
    (0..length)
        .map(|_| {
            word = word
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (word >> 56) as u8
        })
        .collect()
}

/// The child: says each iteration after it was stored.
fn train(path: &Path) {
    let mut project = Project::open(path).expect("the child opens the project");
    let resumable = project.runs().expect("runs").into_iter().find(|run| run.resumable);
    let (run, mut iteration) = match resumable {
        Some(run) => {
            let checkpoint = project.resume_run(&run.id).expect("resume");
            assert_eq!(checkpoint.bytes, state(checkpoint.iteration));
            (run.id, checkpoint.iteration)
        }
        None => {
            let run =
                NewRun { model_text: project.model_text().expect("model"), ..NewRun::default() };
            (project.start_run(&run).expect("start"), 0)
        }
    };
    // Killed between checkpoint and edit, the child before this one owes the edit.
    if iteration > 0 && iteration.is_multiple_of(5) {
        project.apply_model(&format!("version {iteration}"), "edit", false).expect("edit");
    }
    let mut out = std::io::stdout().lock();
    loop {
        iteration += 1;
        let loss = 1.0 / f64::from(iteration);
        let point =
            HistoryPoint { iteration, loss, best: loss, hold_out: None, parameters: vec![loss; 3] };
        project.append_history(&run, &[point]).expect("history");
        let now = RunState { iterations: iteration, best_loss: Some(loss), ..RunState::default() };
        project.set_run_state(&run, &now).expect("state");
        project.append_checkpoint(&run, iteration, &state(iteration)).expect("checkpoint");
        if iteration.is_multiple_of(5) {
            project.apply_model(&format!("version {iteration}"), "edit", false).expect("edit");
        }
        writeln!(out, "{run} {iteration}").expect("the parent listens");
        out.flush().expect("the parent listens");
    }
}

/// The parent.
fn killed_at_any_moment() {
    let folder = std::env::temp_dir().join(format!("slopefield-kill-{}", std::process::id()));
    std::fs::create_dir(&folder).expect("a folder");
    let path = folder.join("p.slopefield");
    let mut project = Project::create(&path).expect("create");
    project.apply_model("version 0", "start", false).expect("edit");
    project.close().expect("close");

    let mut random = u64::from(std::process::id()) | 1;
    let mut reached = 0;
    for round in 0..ROUNDS {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let mut child = Command::new(std::env::current_exe().expect("own path"))
            .arg("--train")
            .arg(&path)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the child starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        // Some are killed before they could say anything: while they recover the file.
        let early = round % 4 == 3;
        let mut said = None;
        if !early {
            said = lines.next().and_then(Result::ok);
            assert!(said.is_some(), "the child stored something");
        }
        if round == 1 {
            let busy = Project::open(&path).expect_err("the child has it");
            assert!(matches!(busy, ProjectError::InUse { .. }), "{busy}");
        }
        std::thread::sleep(Duration::from_micros(
            (random >> 33) % if early { 30_000 } else { 250_000 },
        ));
        child.kill().expect("kill");
        child.wait().expect("wait");
        for line in lines.map_while(Result::ok) {
            said = Some(line);
        }
        reached = check(&path, said.as_deref(), reached);
    }
    assert!(reached > ROUNDS, "the child got only to iteration {reached}");
    std::fs::remove_dir_all(&folder).expect("clean up");
}

/// What is left after the kill is whole; returns the iteration that was reached.
fn check(path: &Path, said: Option<&str>, before: u32) -> u32 {
    // First without changing anything, as another program would look at it.
    let report = verify(path).expect("readable");
    assert!(report.ok, "{report:?}");
    info(path).expect("readable");

    let project = Project::open(path).expect("opens after the kill");
    assert!(project.verify().ok, "{:?}", project.verify());
    let runs = project.runs().expect("runs");
    let Some(run) = runs.first() else {
        assert!(said.is_none());
        return before;
    };
    assert_eq!(runs.len(), 1);
    assert_eq!(run.status, RunStatus::Interrupted);
    let said = said.map(|line| {
        let (id, iteration) = line.split_once(' ').expect("two words");
        assert_eq!(id, run.id);
        iteration.parse::<u32>().expect("a number")
    });
    let checkpoint = project.newest_checkpoint(&run.id).expect("read");
    let Some(checkpoint) = checkpoint else {
        assert!(said.is_none());
        return before;
    };
    assert!(run.resumable);
    // Nothing that was said to be stored is lost, and what is there is what was stored.
    assert!(checkpoint.iteration >= said.unwrap_or(before).max(before));
    assert_eq!(checkpoint.bytes, state(checkpoint.iteration));
    let history = project.history(&run.id).expect("history");
    let iterations = history.iterations.len() as u32;
    assert!(iterations == checkpoint.iteration || iterations == checkpoint.iteration + 1);
    assert!(history.iterations.iter().copied().eq(1..=iterations));
    let model = project.model_text().expect("model");
    let version: u32 =
        model.strip_prefix("version ").expect("a version").parse().expect("a number");
    assert!(version.is_multiple_of(5) && version + 5 >= checkpoint.iteration.saturating_sub(4));

    let reached = checkpoint.iteration;
    project.close().expect("close");
    let files = std::fs::read_dir(path.parent().expect("a folder")).expect("list").count();
    assert_eq!(files, 1, "one plain file is left");
    assert!(verify(path).expect("readable").ok);
    reached
}
