//! The real worker, called as the window calls it, with plugins that take their process along. The
//! worker stays what it is, goes on answering, and names the culprit.

use serde_json::{Value, json};
use slopefield_api::client::{Client, Launch, WorkerEvent};
use slopefield_api::schema::Block;
use slopefield_api::types::*;
use slopefield_api::{ApiError, Code, Command};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const CRASH: &str = "org.example.crash";
const MODEL: &str = "state x = 1\nparam k = 1 in [0.1, 10]\nx' = -k*x\nobserve y = x\n";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The solvers of `tests/bad-plugins/bad_plugin.c`, from the list that it includes.
fn solvers() -> Vec<String> {
    let list = std::fs::read_to_string(repository().join("tests/bad-plugins/solvers.inc")).unwrap();
    list.lines().map(|line| line.trim_matches(['"', ',']).to_owned()).collect()
}

/// Compiles a plugin in C and installs it below `folder`.
fn install(
    folder: &Path,
    source: &str,
    define: &str,
    id: &str,
    solvers: &[impl std::fmt::Display],
) {
    let platform = slopefield_plugin_host::platform();
    let place = folder.join(id).join("1.0.0");
    let lib = place.join("lib").join(&platform);
    std::fs::create_dir_all(&lib).unwrap();
    let cc = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let compiled = std::process::Command::new(&cc)
        .args(["-std=c99", "-O2", "-shared", "-fPIC", "-D_GNU_SOURCE"])
        .arg(format!("-D{define}"))
        .arg("-I")
        .arg(repository().join("plugins/abi/include"))
        .arg(repository().join("tests").join(source))
        .args(["-lm", "-o"])
        .arg(lib.join("plugin.so"))
        .output()
        .unwrap_or_else(|e| panic!("the C compiler `{cc}` cannot be run: {e}"));
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let provides: String = solvers
        .iter()
        .map(|s| format!("[[provides]]\nkind = \"solver\"\nid = \"{s}\"\nname = \"{s}\"\n"))
        .collect();
    let manifest = format!(
        "manifest = 1\nid = \"{id}\"\nversion = \"1.0.0\"\nname = \"Bad\"\nlicense = \"MIT\"\n\
         [native]\nabi = \"1.0\"\n[native.library.{platform}]\n\
         file = \"lib/{platform}/plugin.so\"\n{provides}"
    );
    std::fs::write(place.join("plugin.toml"), manifest).unwrap();
}

/// A worker with a data folder of its own, and what was told of its life.
struct Host {
    folder: tempfile::TempDir,
    client: Arc<Client>,
    events: Arc<Mutex<Vec<WorkerEvent>>>,
    runtime: tokio::runtime::Runtime,
    pid: u64,
}

impl Host {
    /// A worker whose user trusts the one plugin that is installed.
    fn new(source: &str, define: &str, id: &str, solvers: &[impl std::fmt::Display]) -> Host {
        Host::with(source, define, id, solvers, &[])
    }

    fn with(
        source: &str,
        define: &str,
        id: &str,
        solvers: &[impl std::fmt::Display],
        variables: &[&str],
    ) -> Host {
        let folder = tempfile::tempdir().unwrap();
        let plugins = folder.path().join("data/plugins");
        install(&plugins, source, define, id, solvers);
        let data = format!("SLOPEFIELD_DATA_DIR={}", folder.path().join("data").display());
        let mut arguments = vec![data.into()];
        arguments.extend(variables.iter().map(Into::into));
        arguments.push(env!("CARGO_BIN_EXE_slopefield-worker").into());
        let events = Arc::new(Mutex::new(Vec::new()));
        let told = events.clone();
        let launch = Launch { program: "/usr/bin/env".into(), arguments };
        let client = Arc::new(Client::new(launch, move |e| told.lock().unwrap().push(e)));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let mut host = Host { folder, client, events, runtime, pid: 0 };
        host.pid = host.worker();
        let list = host.plugins();
        let p = &list["plugins"][0];
        let request = json!({
            "id": id, "version": "1.0.0",
            "manifest": p["trust"]["manifest"], "library": p["trust"]["library"],
        });
        host.call(Command::plugin_trust, request).unwrap();
        host
    }

    fn call(&self, command: Command, request: Value) -> Result<(Value, Block), ApiError> {
        self.runtime.block_on(self.client.call(command, request, |_, _| {}))
    }

    fn worker(&self) -> u64 {
        self.call(Command::app_info, json!({})).unwrap().0["worker_pid"].as_u64().unwrap()
    }

    fn plugins(&self) -> Value {
        self.call(Command::plugin_list, json!({})).unwrap().0
    }

    fn state(&self) -> String {
        self.plugins()["plugins"][0]["trust"]["state"].as_str().unwrap().to_owned()
    }

    fn simulate(&self, method: &str) -> Result<(Value, Block), ApiError> {
        let request = SimulateRequest {
            text: MODEL.into(),
            method: Some(method.into()),
            to: Some(1.0),
            points: Some(3),
            rtol: Some(1e-3),
            ..SimulateRequest::default()
        };
        self.call(Command::simulate, serde_json::to_value(request).unwrap())
    }

    /// The worker is the one that was there from the start, and nobody was told anything else.
    #[track_caller]
    fn stands(&self) {
        assert_eq!(self.worker(), self.pid);
        assert!(self.events.lock().unwrap().is_empty(), "{:?}", self.events.lock().unwrap());
    }

    /// No process that the worker has started is left but the one for short commands.
    fn children(&self) -> Vec<u32> {
        let of = |pid: u32| -> Option<u32> {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let after = stat.rsplit(')').next()?;
            after.split_whitespace().nth(1)?.parse().ok()
        };
        std::fs::read_dir("/proc")
            .unwrap()
            .filter_map(|e| e.ok()?.file_name().to_str()?.parse::<u32>().ok())
            .filter(|pid| of(*pid) == Some(self.pid as u32))
            .collect()
    }
}

/// The failure names the plugin as one does whose process ended, with all of the parts.
#[track_caller]
fn named(error: &ApiError, parts: &[&str]) {
    assert_eq!(error.code, Code::Plugin, "{error:?}");
    for part in [CRASH].iter().chain(parts) {
        assert!(error.message.contains(part), "`{part}` is not in {error:?}");
    }
}

#[test]
fn whatever_a_solver_does_the_worker_stands() {
    let host = Host::new("bad-plugins/bad_plugin.c", "GOOD", CRASH, &solvers());
    let bad = |solver: &str| host.simulate(&format!("{CRASH}/{solver}")).unwrap_err();
    let good = |solver: &str| {
        let (simulation, numbers) = host.simulate(&format!("{CRASH}/{solver}")).unwrap();
        let stats = &simulation["stats"];
        assert_eq!(stats["method"], format!("{CRASH}/{solver}"));
        numbers
    };
    let expected = good("good");
    assert!((expected[5] - (-1f64).exp()).abs() < 0.1, "{expected:?}");

    let segv = bad("segv-step");
    named(&segv, &["SIGSEGV", "ended while it was working"]);
    // What it said last is kept, and was not lost in the pipes.
    assert!(segv.details.iter().any(|l| l == "about to read from nowhere"), "{segv:?}");
    host.stands();
    for (solver, how) in
        [("segv-destroy", "SIGSEGV"), ("abort", "SIGABRT"), ("exit-zero", "exit status: 0")]
    {
        // A good end between two deaths: the plugin is not disabled.
        assert_eq!(good("good"), expected);
        named(&bad(solver), &[how]);
        host.stands();
    }
    // Two processes with one pipe, none with the pipe of the worker, words where messages go: the
    // numbers arrive all the same.
    for solver in ["fork", "close-stdin", "prints"] {
        assert_eq!(good(solver), expected, "{solver}");
        host.stands();
    }
    // What is checked does not cost the process.
    for (solver, what) in [("backwards", "backward"), ("nan", "NaN")] {
        let error = bad(solver);
        let said = format!("{} {:?}", error.message, error.details);
        assert!(said.contains(CRASH) || said.contains(solver), "{what}: {error:?}");
        host.stands();
    }
    assert_eq!(host.state(), "trusted");
}

#[test]
fn two_deaths_in_a_row_disable_a_plugin_until_it_is_enabled() {
    let host = Host::new("bad-plugins/bad_plugin.c", "GOOD", CRASH, &solvers());
    let simulate = |solver: &str| host.simulate(&format!("{CRASH}/{solver}"));
    let enable = || host.call(Command::plugin_enable, json!({ "id": CRASH }));
    assert_eq!(enable().unwrap_err().code, Code::Request);
    named(&simulate("abort").unwrap_err(), &["SIGABRT"]);
    assert_eq!(host.state(), "trusted");
    named(&simulate("abort").unwrap_err(), &["SIGABRT"]);
    assert_eq!(host.state(), "disabled");
    // What is good in it is not run either, and the reason is told.
    let refused = simulate("good").unwrap_err();
    for part in ["is disabled", "2 times in a row", "SIGABRT", "plugin enable org.example.crash"] {
        assert!(refused.message.contains(part), "{refused:?}");
    }
    let plugins = host.plugins();
    let problem = plugins["plugins"][0]["problem"].as_str().unwrap();
    assert!(problem.contains("SIGABRT"), "{problem}");
    enable().unwrap();
    assert_eq!(host.state(), "trusted");
    simulate("good").unwrap();
    host.stands();
}

#[test]
fn a_plugin_that_crashes_while_it_is_loaded_is_named() {
    for (define, log) in
        [("BAD_ENTRY", Some("loading, and not for long")), ("BAD_CONSTRUCTOR", None)]
    {
        let host = Host::new("bad-plugins/bad_plugin.c", define, CRASH, &solvers());
        let error = host.simulate(&format!("{CRASH}/good")).unwrap_err();
        named(&error, &["SIGSEGV"]);
        if let Some(log) = log {
            assert!(error.details.iter().any(|l| l.contains(log)), "{error:?}");
        }
        host.stands();
    }
    let host = Host::new("bad-plugins/bad_plugin.c", "BAD_OPTIONS", CRASH, &solvers());
    let error = host.simulate(&format!("{CRASH}/good")).unwrap_err();
    assert!(error.message.contains(CRASH) && error.message.contains("options"), "{error:?}");
    host.stands();
}

/// Breaches that the process survives are told by it, through the worker.
#[test]
fn breaches_of_the_interface_are_told_through_the_worker() {
    let bad = "org.example.bad";
    for (define, part) in [
        ("BAD_NULL", "a function of the solver table is null"),
        ("BAD_SIZE", "8"),
        ("BAD_UTF8", "UTF-8"),
        ("BAD_LENGTH", "1073741824 bytes"),
        ("BAD_COUNT", "1000000"),
        ("BAD_ID", "org.example.good"),
    ] {
        let host = Host::new("abi/bad_plugin.c", define, bad, &["nan-state"]);
        let error = host.simulate(&format!("{bad}/nan-state")).unwrap_err();
        assert!(error.message.contains(bad) && error.message.contains(part), "{define}: {error:?}");
        host.stands();
    }
}

/// More memory than the limit is the end of the process, not of the machine.
#[test]
fn memory_is_limited() {
    let limit = ["SLOPEFIELD_PLUGIN_MEMORY_MIB=700"];
    let host = Host::with("bad-plugins/bad_plugin.c", "GOOD", CRASH, &solvers(), &limit);
    host.simulate(&format!("{CRASH}/good")).unwrap();
    named(&host.simulate(&format!("{CRASH}/memory")).unwrap_err(), &["SIGABRT"]);
    host.stands();
}

/// A project with a study that asks for a solver, open in the worker.
fn project(host: &Host, solver: &str) {
    host.call(Command::project_new, json!({})).unwrap();
    let edit = |edit: Edit| {
        host.call(Command::project_edit, serde_json::to_value(edit).unwrap()).unwrap().0
    };
    edit(Edit::Model { text: MODEL.into() });
    let source =
        PreviewRequest { path: None, text: Some("t,y\n0,1\n1,0.6\n2,0.3\n".into()), sheet: None };
    let columns = [("y".to_owned(), "y".to_owned())].into();
    let view = edit(Edit::ImportTable { source, name: "points".into(), time: "t".into(), columns });
    let mut study: StudyFile = serde_json::from_value(view["study"].clone()).unwrap();
    study.solver.method = format!("{CRASH}/{solver}");
    study.training.gradient = "gauss".into();
    let view = edit(Edit::Study { study });
    assert_eq!(view["study"]["solver"]["method"], format!("{CRASH}/{solver}"));
}

/// What a training told and how it ended, while something else is asked.
fn train(
    host: &Host,
    request: Value,
    meanwhile: impl FnOnce(&Host),
) -> (Result<(Value, Block), ApiError>, Vec<Value>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let (client, tell) = (host.client.clone(), told.clone());
    let training = host.runtime.spawn(async move {
        client.call(Command::train, request, move |body, _| tell.lock().unwrap().push(body)).await
    });
    meanwhile(host);
    let answer = host.runtime.block_on(training).unwrap();
    let told = told.lock().unwrap().clone();
    (answer, told)
}

#[test]
fn a_training_that_hangs_is_stopped_within_two_seconds() {
    let host = Host::new("bad-plugins/bad_plugin.c", "GOOD", CRASH, &solvers());
    project(&host, "endless");
    let (answer, told) = train(&host, json!({}), |host| {
        std::thread::sleep(Duration::from_millis(1500));
        // Everything else goes on, edits of the project as well.
        let view = host.call(Command::project_view, json!({})).unwrap().0;
        assert_eq!(view["tables"][0]["name"], "points");
        let edit = serde_json::to_value(Edit::Model { text: format!("{MODEL}# more\n") }).unwrap();
        host.call(Command::project_edit, edit).unwrap();
        host.stands();
        let since = Instant::now();
        let stop = JobRequest { action: JobAction::Stop };
        host.call(Command::job, serde_json::to_value(stop).unwrap()).unwrap();
        while host.call(Command::job, json!({ "action": "stop" })).is_ok() {
            assert!(since.elapsed() < Duration::from_secs(4), "the job is still there");
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    named(&answer.unwrap_err(), &["did not respond to the stop"]);
    assert_eq!(told.last().unwrap()["event"], "failed");
    assert!(host.children().is_empty(), "{:?}", host.children());
    host.stands();
    // Nothing is left of the copy that the process worked on.
    let drafts = std::fs::read_dir(host.folder.path().join("data/drafts")).unwrap();
    let names: Vec<_> = drafts.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.iter().all(|n| !n.starts_with("plugin-")), "{names:?}");
}

/// Simulates on a thread, and tells simulations to stop until there is an answer.
fn simulate_and_stop(host: &Host, request: SimulateRequest) -> Result<(Value, Block), ApiError> {
    let request = serde_json::to_value(request).unwrap();
    std::thread::scope(|scope| {
        let simulation = scope.spawn(|| host.call(Command::simulate, request));
        std::thread::sleep(Duration::from_millis(500));
        while !simulation.is_finished() {
            host.call(Command::simulate_stop, json!({})).unwrap();
            std::thread::sleep(Duration::from_millis(50));
        }
        simulation.join().unwrap()
    })
}

#[test]
fn a_simulation_that_hangs_in_a_plugin_is_stopped() {
    let host = Host::new("bad-plugins/bad_plugin.c", "GOOD", CRASH, &solvers());
    // Nothing runs: nothing happens.
    host.call(Command::simulate_stop, json!({})).unwrap();
    let request = |method: &str| SimulateRequest {
        text: MODEL.into(),
        method: Some(format!("{CRASH}/{method}")),
        to: Some(1.0),
        points: Some(3),
        ..SimulateRequest::default()
    };
    let answer = simulate_and_stop(&host, request("endless"));
    named(&answer.unwrap_err(), &["did not respond to the stop within 2 s and was ended"]);
    assert!(host.children().is_empty(), "{:?}", host.children());
    host.stands();
    // One that ends its steps is stopped between two of them, and its process lives on.
    let good = format!("{CRASH}/good");
    host.simulate(&good).unwrap();
    let long = SimulateRequest { to: Some(1e12), ..request("small-steps") };
    let stopped = simulate_and_stop(&host, long).unwrap_err();
    assert_eq!(stopped.code, Code::Cancelled, "{stopped:?}");
    assert_eq!(host.children().len(), 1);
    host.simulate(&good).unwrap();
    host.stands();
}

#[test]
fn a_simulation_of_the_application_is_stopped() {
    let host = Host::new("bad-plugins/bad_plugin.c", "GOOD", CRASH, &solvers());
    let request = SimulateRequest {
        // So many steps of so many states take minutes.
        text: "const N = 20000\nstate x[i in 1..N] = 1\nx[i]' = 1e6*(sin(1e6*t) - x[i]) for i in 1..N\n"
            .into(),
        method: Some("tsit5".into()),
        to: Some(1e6),
        points: Some(3),
        ..SimulateRequest::default()
    };
    let stopped = simulate_and_stop(&host, request).unwrap_err();
    assert_eq!(stopped.code, Code::Cancelled, "{stopped:?}");
    assert_eq!(stopped.message, "the simulation was stopped");
    host.stands();
}

/// A loop in the entry holds up the job that needs the plugin, and nothing else.
#[test]
fn a_plugin_that_never_finishes_loading_is_stopped() {
    let host = Host::new("bad-plugins/bad_plugin.c", "BAD_ENTRY_ENDLESS", CRASH, &solvers());
    project(&host, "good");
    let (answer, _) = train(&host, json!({}), |host| {
        std::thread::sleep(Duration::from_millis(1000));
        host.stands();
        while host.call(Command::job, json!({ "action": "stop" })).is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    named(&answer.unwrap_err(), &["did not respond to the stop"]);
    host.stands();
}

/// A process that does not even say that it runs is ended.
#[test]
fn a_process_that_is_silent_is_ended() {
    let host = Host::new("bad-plugins/bad_plugin.c", "GOOD", CRASH, &solvers());
    let error = host.simulate(&format!("{CRASH}/stops-itself")).unwrap_err();
    named(&error, &["no sign of life"]);
    assert!(host.children().is_empty(), "{:?}", host.children());
    host.stands();
}

#[test]
fn a_training_is_stored_as_it_goes_and_a_crash_leaves_it_interrupted() {
    let host = Host::new("bad-plugins/bad_plugin.c", "GOOD", CRASH, &solvers());
    project(&host, "good");
    let (answer, told) = train(&host, json!({}), |_| {});
    let run = answer.unwrap().0;
    assert_eq!(run["status"], "finished", "{run}");
    let started = &told[0];
    assert_eq!((&started["event"], &started["run"]), (&json!("started"), &run["id"]));
    assert_eq!(told.last().unwrap()["run"], run);
    let (view, _) = host.call(Command::run_view, json!({ "run": run["id"] })).unwrap();
    assert_eq!(view["summary"]["id"], run["id"], "{view}");
    let plugin = view["provenance"].as_array().unwrap().iter().find(|f| f[0] == CRASH);
    assert!(plugin.is_some_and(|f| f[1].as_str().unwrap().starts_with("1.0.0 ")), "{view}");
    // A run of a plugin can be simulated, with the parameters that it found.
    let request = SimulateRequest {
        text: MODEL.into(),
        method: Some(format!("{CRASH}/good")),
        run: Some(run["id"].as_str().unwrap().into()),
        to: Some(2.0),
        points: Some(3),
        rtol: Some(1e-3),
        ..SimulateRequest::default()
    };
    let (_, numbers) =
        host.call(Command::simulate, serde_json::to_value(request).unwrap()).unwrap();
    assert!((numbers[5] - 0.3).abs() < 0.1, "{numbers:?}");

    // Long enough for the plugin to crash in the middle.
    project(&host, "later");
    let mut study = host.call(Command::project_view, json!({})).unwrap().0["study"].clone();
    study["training"]["recipe"] = json!("custom");
    study["training"]["stages"] =
        json!([{ "optimiser": "adam", "iterations": 1_000_000, "rate": 1e-4 }]);
    let study = serde_json::from_value(study).unwrap();
    let edit = serde_json::to_value(Edit::Study { study }).unwrap();
    host.call(Command::project_edit, edit).unwrap();
    let (answer, told) = train(&host, json!({}), |_| {});
    named(&answer.unwrap_err(), &["SIGSEGV"]);
    let run = told.iter().find(|t| t["event"] == "started").unwrap()["run"].clone();
    let view = host.call(Command::project_view, json!({})).unwrap().0;
    assert_eq!(view["runs"][0]["id"], run);
    assert_eq!(view["runs"][0]["status"], "interrupted", "{}", view["runs"][0]);
    assert!(view["runs"][0]["stop_reason"].as_str().unwrap().contains("SIGSEGV"));
    host.stands();
}
