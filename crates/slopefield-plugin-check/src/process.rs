//! Every test in a process of its own: what a plugin does to it, it does to nobody else.

use crate::context::Context;
use crate::outcome::{Line, Outcome, Report, Verdict};
use crate::stage::{StageError, Staged, stage};
use crate::{Applies, catalogue};
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// First argument that makes a program run one test; see [`child`].
pub const SUBCOMMAND: &str = "__plugin-test";

/// Lines of a plugin's output shown with a test that did not pass, and bytes read for them.
const TAIL: usize = 8;
const TAIL_BYTES: usize = 64 * 1024;
/// Pause between looks at a running test.
const PAUSE: Duration = Duration::from_millis(3);

/// What to check.
#[derive(Debug, Clone)]
pub struct Request {
    /// Folder with a `plugin.toml`.
    pub source: PathBuf,
    /// The library, when it is not where the manifest or cargo puts it.
    pub library: Option<PathBuf>,
    /// Only tests whose names begin so, or of the solver, network or method of this id, or one test
    /// of one of them, as `id/test`; all when empty.
    pub include: Vec<String>,
    /// None of these, likewise.
    pub exclude: Vec<String>,
    /// Seed of the tests that draw numbers.
    pub seed: u64,
    /// How long one test may take.
    pub time_limit: Duration,
    /// Program that calls [`child`] when its first argument is [`SUBCOMMAND`].
    pub program: PathBuf,
}

/// Runs the tests and tells each as it ends.
///
/// # Errors
/// A folder that is not a plugin, or a library that is not there: [`StageError`].
pub fn check(request: &Request, mut tell: impl FnMut(&Line)) -> Result<Report, StageError> {
    let place = tempfile::tempdir()
        .map_err(|source| StageError::Io { path: std::env::temp_dir(), source })?;
    let staged = stage(&request.source, request.library.as_deref(), &place.path().join("plugins"))?;
    let mut tests = Vec::new();
    for (test, subject) in plan(&staged, request) {
        let began = Instant::now();
        let (outcome, output) = run(request, place.path(), &staged, test.name, &subject);
        let output = if matches!(outcome.verdict, Verdict::Passed | Verdict::Skipped) {
            Vec::new()
        } else {
            output
        };
        let seconds = began.elapsed().as_secs_f64();
        let line = Line { test: test.name, about: test.about, subject, outcome, output, seconds };
        tell(&line);
        tests.push(line);
    }
    let manifest = staged.manifest;
    Ok(Report { plugin: manifest.id, version: manifest.version, seed: request.seed, tests })
}

/// The tests that apply, with their subjects.
fn plan(staged: &Staged, request: &Request) -> Vec<(&'static catalogue::Test, String)> {
    let provides = &staged.manifest.provides;
    let mut all = Vec::new();
    let code = !staged.manifest.is_tableau();
    for test in catalogue::TESTS.iter().filter(|t| t.applies == Applies::Plugin) {
        all.push((test, String::new()));
    }
    for test in catalogue::TESTS.iter().filter(|t| t.applies == Applies::Library && code) {
        all.push((test, String::new()));
    }
    for provided in provides {
        let kind = provided.kind;
        for test in catalogue::TESTS.iter().filter(|t| t.applies.to(kind)) {
            all.push((test, provided.id.clone()));
        }
    }
    let named = |names: &[String], test: &catalogue::Test, subject: &str| {
        let both = format!("{subject}/{}", test.name);
        let is = |n: &String| {
            test.name.starts_with(n.as_str()) || n == subject || (n.contains('/') && both == *n)
        };
        names.iter().any(is)
    };
    all.retain(|(test, subject)| {
        (request.include.is_empty() || named(&request.include, test, subject))
            && !named(&request.exclude, test, subject)
    });
    all
}

fn run(
    request: &Request,
    place: &Path,
    staged: &Staged,
    test: &str,
    subject: &str,
) -> (Outcome, Vec<String>) {
    let [result, out, err] = ["result.json", "stdout", "stderr"].map(|name| place.join(name));
    let _ = fs::remove_file(&result);
    let started = File::create(&out).and_then(|out| {
        let err = File::create(&err)?;
        Command::new(&request.program)
            .arg(SUBCOMMAND)
            .arg(&staged.folder)
            .args([test, subject, &request.seed.to_string()])
            .arg(&result)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
    });
    let mut child = match started {
        Ok(child) => child,
        Err(e) => {
            let message = format!("{} cannot be started: {e}", request.program.display());
            return (Outcome { verdict: Verdict::Crashed, message }, Vec::new());
        }
    };
    let ended = wait(&mut child, request.time_limit);
    let printed = tail(&out);
    let mut output = tail(&err);
    output.extend(printed.iter().map(|line| format!("standard output: {line}")));
    let told: Option<Outcome> =
        fs::read(&result).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let outcome = match (ended, told) {
        (None, _) => Outcome {
            verdict: Verdict::TimedOut,
            message: format!("it did not end within {} s", request.time_limit.as_secs_f64()),
        },
        // A crash while the process ends, after the test, is one too.
        (Some(status), told) if !status.success() || told.is_none() => {
            Outcome { verdict: Verdict::Crashed, message: died(status, told.is_some()) }
        }
        (Some(_), Some(told)) if test == catalogue::SILENT && !printed.is_empty() => Outcome {
            verdict: Verdict::Failed,
            message: format!("it printed to standard output: {} ({})", printed[0], told.message),
        },
        (Some(_), told) => told.unwrap_or(Outcome {
            verdict: Verdict::Crashed,
            message: "the test left no result".to_owned(),
        }),
    };
    (outcome, output)
}

/// The exit status; none when the time limit came first, and then the process is gone too.
fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let began = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if began.elapsed() < limit => std::thread::sleep(PAUSE),
            _ => {
                // Both fail only when it has ended meanwhile.
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    }
}

fn died(status: ExitStatus, told: bool) -> String {
    let when = if told { " after the test, while it ended" } else { "" };
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        if let Some(signal) = status.signal() {
            let name = match signal {
                4 => " (illegal instruction)",
                6 => " (abort)",
                7 | 10 => " (bus error)",
                8 => " (arithmetic)",
                9 => " (kill)",
                11 => " (segmentation fault)",
                _ => "",
            };
            return format!("the process died of signal {signal}{name}{when}");
        }
    }
    match status.code() {
        Some(0) => "the process ended itself in the middle of the test".to_owned(),
        Some(code) => format!("the process ended with code {code}{when}"),
        None => format!("the process ended: {status}{when}"),
    }
}

/// The last lines of a file.
fn tail(path: &Path) -> Vec<String> {
    let bytes = fs::read(path).unwrap_or_default();
    let bytes = &bytes[bytes.len().saturating_sub(TAIL_BYTES)..];
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(TAIL)..].iter().map(|line| (*line).to_owned()).collect()
}

/// Runs one test; `arguments` are those after [`SUBCOMMAND`].
pub fn child(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.collect();
    let [folder, test, subject, seed, result] = arguments.as_slice() else {
        eprintln!("a test is run by `slopefield plugin check`");
        return ExitCode::FAILURE;
    };
    let text = |word: &OsString| word.to_string_lossy().into_owned();
    let (name, seed) = (text(test), text(seed).parse().unwrap_or(0));
    let Some(test) = catalogue::TESTS.iter().find(|t| t.name == name) else {
        eprintln!("there is no test `{name}`");
        return ExitCode::FAILURE;
    };
    let context = Context::new(Path::new(folder), &text(subject), seed, Path::new(result));
    let finding = context.and_then(|context| (test.run)(&context));
    let outcome = finding.unwrap_or_else(|message| Outcome { verdict: Verdict::Failed, message });
    let bytes = serde_json::to_vec(&outcome).unwrap_or_default();
    match fs::write(result, bytes) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("the result of the test cannot be written: {e}");
            ExitCode::FAILURE
        }
    }
}
