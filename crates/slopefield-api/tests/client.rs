//! The client against workers that die, greet wrongly or do not exist. The workers are shell
//! scripts that send frames prepared here.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use serde_json::{Value, json};
use slopefield_api::client::{Client, Launch, WorkerEvent};
use slopefield_api::envelope::{Answer, PROTOCOL};
use slopefield_api::{ApiError, Code, Command};
use std::path::Path;
use std::sync::{Arc, Mutex};

type Events = Arc<Mutex<Vec<WorkerEvent>>>;

/// A client of a shell script that runs in `folder`, and what it tells of its worker.
fn client(folder: &Path, script: &str) -> (Arc<Client>, Events) {
    let events = Events::default();
    let told = events.clone();
    let script = format!("cd '{}'\n{script}", folder.display());
    let launch = Launch { program: "/bin/sh".into(), arguments: vec!["-c".into(), script.into()] };
    (Arc::new(Client::new(launch, move |e| told.lock().unwrap().push(e))), events)
}

/// Writes an answer as a frame for `cat`.
fn frame(folder: &Path, name: &str, answer: Answer, block: Vec<f64>) {
    std::fs::write(folder.join(name), answer.into_frame(block).to_bytes()).unwrap();
}

fn hello(folder: &Path) {
    let hello = Answer::Hello { protocol: PROTOCOL, version: "1".into(), pid: 1 };
    frame(folder, "hello", hello, Vec::new());
}

async fn call(client: &Arc<Client>, command: Command) -> Result<(Value, Vec<f64>), ApiError> {
    client.call(command, json!({}), |_, _| {}).await
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// The first worker opens a project and dies in the second call; the next call is answered by a
/// second worker, which was asked to open the project again before.
#[test]
fn a_worker_that_dies_is_reported_and_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    hello(folder);
    let view = json!({ "file": "/tmp/p.slopefield", "study": {} });
    frame(folder, "opened", Answer::Reply { id: 1, body: view.clone() }, Vec::new());
    frame(folder, "on-the-way", Answer::Progress { id: 2, body: json!("half") }, vec![0.5]);
    // The third request is the opening again, the fourth the call.
    frame(folder, "reopened", Answer::Reply { id: 3, body: view }, Vec::new());
    frame(folder, "answer", Answer::Reply { id: 4, body: json!("well") }, vec![1.0, -2.5]);
    let script = "
        cat hello
        if [ -e second ]; then
          exec 3<&0
          cat <&3 > requests &
          sleep 0.3; cat reopened; sleep 0.1; cat answer; wait
        else
          touch second
          sleep 0.1; cat opened
          sleep 0.3; cat on-the-way
          i=1; while [ $i -le 30 ]; do echo \"line $i\" >&2; i=$((i + 1)); done
          exit 3
        fi";
    let (client, events) = client(folder, script);
    runtime().block_on(async {
        let opened = call(&client, Command::project_open).await.unwrap();
        assert_eq!(opened.0["file"], "/tmp/p.slopefield");

        let mut progress = Vec::new();
        let request = json!({});
        let died = client.call(Command::train, request, |body, block| progress.push((body, block)));
        let died = died.await.unwrap_err();
        assert_eq!(progress, [(json!("half"), vec![0.5])]);
        assert_eq!(died.code, Code::WorkerDied);
        assert_eq!(died.message, "the worker process ended (exit status: 3)");
        assert!(died.advice.is_some());
        let last: Vec<_> = (11..=30).map(|i| format!("line {i}")).collect();
        assert_eq!(died.details, last);

        let answered = call(&client, Command::app_info).await.unwrap();
        assert_eq!(answered, (json!("well"), vec![1.0, -2.5]));
        let message = died.message.clone();
        let expected = [WorkerEvent::Died { message, log: last }, WorkerEvent::Restarted];
        assert_eq!(*events.lock().unwrap(), expected);
    });
    drop(client);
    let requests = std::fs::read(folder.join("requests")).unwrap();
    let requests = String::from_utf8_lossy(&requests).into_owned();
    let open = requests.find("\"project_open\"").expect("the project is opened again");
    let call = requests.find("\"app_info\"").expect("the call is sent");
    assert!(open < call, "{requests}");
    assert!(requests.contains("/tmp/p.slopefield"));
}

#[test]
fn a_worker_that_does_not_greet_is_told_with_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let refused = |script: &str, parts: &[&str]| {
        let (client, _) = client(folder, script);
        let error = runtime().block_on(call(&client, Command::app_info)).unwrap_err();
        assert_eq!(error.code, Code::WorkerDied);
        for part in parts {
            assert!(error.message.contains(part), "{}", error.message);
        }
        error
    };
    let error = refused("echo 'no memory' >&2; exit 9", &["ended at once", "exit status: 9"]);
    assert_eq!(error.details, ["no memory"]);
    let old = Answer::Hello { protocol: PROTOCOL + 1, version: "99".into(), pid: 1 };
    frame(folder, "old", old, Vec::new());
    refused("cat old", &["another version (99"]);
}

#[test]
fn a_worker_that_does_not_exist_or_speaks_nonsense() {
    let folder = tempfile::tempdir().unwrap();
    let launch = Launch { program: folder.path().join("nothing"), arguments: Vec::new() };
    let missing = Arc::new(Client::new(launch, |_| {}));
    let error = runtime().block_on(call(&missing, Command::app_info)).unwrap_err();
    assert_eq!(error.code, Code::WorkerDied);
    assert!(error.message.contains("nothing could not be started"), "{}", error.message);
    assert!(error.advice.unwrap().contains("reinstall"));

    hello(folder.path());
    let (client, _) =
        client(folder.path(), "cat hello; sleep 0.1; echo 'Hello, world, from here'; sleep 5");
    let error = runtime().block_on(call(&client, Command::app_info)).unwrap_err();
    assert_eq!(error.code, Code::WorkerDied);
    assert!(error.message.contains("unreadable"), "{}", error.message);
}
