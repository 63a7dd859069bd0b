//! The desktop shell: the window, file dialogs and the link to the worker. Nothing here computes,
//! opens a project or loads a plugin; requests of the page go to the worker process as they are.

mod dialogs;
mod launch;
mod rpc;

use slopefield_api::client::{Client, WorkerEvent};
use std::sync::Arc;
use tauri::{Builder, Emitter, Manager, Runtime};

/// The link to the worker, as the commands see it.
pub struct Worker(Arc<Client>);

/// Builds and runs the application until its window closes.
pub fn run() {
    let app = builder(tauri::Builder::default()).build(tauri::generate_context!());
    match app {
        Ok(app) => app.run(|_, _| {}),
        Err(e) => {
            eprintln!("Slopefield could not start: {e}");
            std::process::exit(1);
        }
    }
}

/// The application without its window: commands, dialogs, worker.
pub fn builder<R: Runtime>(builder: Builder<R>) -> Builder<R> {
    builder
        .plugin(tauri_plugin_dialog::init())
        .setup(|app| {
            let handle = app.handle().clone();
            let client = Client::new(launch::worker(app.handle()), move |event| {
                let (event, message) = match event {
                    WorkerEvent::Died { message, .. } => ("died", message),
                    WorkerEvent::Restarted => ("restarted", String::new()),
                };
                // Nobody listens when the window is already gone.
                let _ = handle
                    .emit("worker", serde_json::json!({ "event": event, "message": message }));
            });
            app.manage(Worker(Arc::new(client)));
            Ok(())
        })
        .invoke_handler(tauri::generate_handler![
            rpc::rpc,
            rpc::rpc_stream,
            dialogs::pick_open,
            dialogs::pick_save,
            launch::launch_request
        ])
}
