//! The real worker, called as the window calls it: what takes long does not hold up what is short.

use serde_json::{Value, json};
use slopefield_api::client::{Client, Launch};
use slopefield_api::types::Progress;
use slopefield_api::{ApiError, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

const MODEL: &str = "state x = 2\nparam k = 1 in [0.1, 10]\nx' = -k*x\n\
                     observe y = x with normal(0.05)\n";
const STUDY: &str = "model = \"model.slope\"\n[data.d]\nfile = \"d.csv\"\n";
/// Draws enough to be still at it when a check has been answered, whatever the machine.
const DRAWS: u32 = 50_000;

struct Host {
    folder: tempfile::TempDir,
    client: Arc<Client>,
    runtime: Runtime,
}

impl Host {
    fn new() -> Host {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("model.slope", MODEL);
        write("study.toml", STUDY);
        let rows = (0..=20).map(|k| {
            let t = f64::from(k) / 10.0;
            format!("{t},{}\n", 2.0 * (-t).exp() + 0.05 * (7.0 * t).sin())
        });
        write("d.csv", &format!("t,y\n{}", rows.collect::<String>()));
        let data = format!("SLOPEFIELD_DATA_DIR={}", folder.path().join("data").display());
        let arguments = vec![data.into(), env!("CARGO_BIN_EXE_slopefield-worker").into()];
        let launch = Launch { program: "/usr/bin/env".into(), arguments };
        let client = Arc::new(Client::new(launch, |event| panic!("{event:?}")));
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
        Host { folder, client, runtime }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }

    fn call(&self, command: Command, request: Value) -> Value {
        self.runtime.block_on(self.client.call(command, request, |_, _| {})).unwrap().0
    }

    /// Begins a command, checks a text once draws are kept, stops the command, and gives what
    /// it came to. The check is answered before the command has ended.
    fn checked_while(&self, command: Command, request: Value) -> Result<Value, ApiError> {
        let (drawing, mut drawn) = mpsc::unbounded_channel();
        let ended = Arc::new(AtomicBool::new(false));
        let (client, flag) = (self.client.clone(), ended.clone());
        let job = self.runtime.spawn(async move {
            let answer = client
                .call(command, request, |body, _| {
                    let told = serde_json::from_value(body);
                    if matches!(told, Ok(Progress::Sampling { done, .. }) if done > 150) {
                        drawing.send(()).unwrap();
                    }
                })
                .await;
            flag.store(true, Ordering::SeqCst);
            answer
        });
        self.runtime.block_on(drawn.recv()).expect("draws are made");
        let report = self.call(Command::model_check, json!({ "text": MODEL }));
        assert_eq!(report["ok"], true, "{report}");
        assert!(!ended.load(Ordering::SeqCst), "{command:?} had to end first");
        self.call(Command::job, json!({ "action": "stop" }));
        self.runtime.block_on(job).unwrap().map(|(value, _)| value)
    }
}

#[test]
fn a_text_is_checked_while_draws_are_made() {
    let host = Host::new();
    let request =
        json!({ "study": host.path("study.toml"), "draws": DRAWS, "warmup": 50, "chains": 1 });
    let sampled = host.checked_while(Command::sample, request).unwrap();
    assert_eq!(sampled["cancelled"], true);
    assert!(sampled["draws"].as_u64().unwrap() < u64::from(DRAWS), "{}", sampled["draws"]);
}

#[test]
fn a_text_is_checked_while_a_fit_is_assessed() {
    let host = Host::new();
    let request = json!({
        "study": host.path("study.toml"), "method": "nuts", "draws": DRAWS,
    });
    // Whatever is told of draws that were cut short, the command has ended.
    let _ = host.checked_while(Command::assess, request);
    assert_eq!(host.call(Command::model_check, json!({ "text": MODEL }))["ok"], true);
}

#[test]
fn a_text_is_checked_while_it_is_asked_how_sure_a_run_is() {
    let host = Host::new();
    let out = host.path("p.slopefield");
    host.call(Command::fit, json!({ "study": host.path("study.toml"), "out": out }));
    let view = host.call(Command::project_open, json!({ "path": out }));
    let run = view["runs"][0]["id"].clone();
    let request =
        json!({ "run": run, "method": "nuts", "draws": DRAWS, "warmup": 50, "chains": 1 });
    host.checked_while(Command::uncertainty, request).unwrap();
    // What was drawn by then is stored, and the project goes on.
    let list = host.call(Command::uncertainty_list, json!({ "run": run }));
    assert_eq!(list["answers"].as_array().unwrap().len(), 1);
    let edited = host.call(Command::project_edit, json!({ "kind": "model", "text": MODEL }));
    assert_eq!(edited["problem"]["ok"], true);
}
