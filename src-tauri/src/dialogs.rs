//! File dialogs. They stay on this side: the page never holds a path that it was not given.

use tauri::{AppHandle, Runtime};
use tauri_plugin_dialog::{DialogExt, FileDialogBuilder, FilePath};

/// Asks for a file to open: `project` or `data`.
#[tauri::command]
pub async fn pick_open<R: Runtime>(app: AppHandle<R>, kind: String) -> Option<String> {
    if let Some(answer) = scripted("SLOPEFIELD_E2E_OPEN") {
        return Some(answer);
    }
    let dialog = app.dialog().file();
    let dialog = if kind == "project" {
        dialog.add_filter("Slopefield project", &["slopefield"])
    } else {
        dialog.add_filter("Table", &["csv", "tsv", "txt", "xlsx", "xls", "ods"])
    };
    ask(dialog, FileDialogBuilder::pick_file).await
}

/// Asks where to save.
#[tauri::command]
pub async fn pick_save<R: Runtime>(app: AppHandle<R>, default_name: String) -> Option<String> {
    if let Some(answer) = scripted("SLOPEFIELD_E2E_SAVE") {
        return Some(answer);
    }
    let extension = default_name.rsplit_once('.').map_or("slopefield", |(_, e)| e).to_owned();
    let filter = match &*extension {
        "html" => "Web page",
        "csv" => "Table",
        _ => "Slopefield project",
    };
    let dialog = app.dialog().file().set_file_name(&default_name).add_filter(filter, &[&extension]);
    ask(dialog, FileDialogBuilder::save_file).await
}

async fn ask<R: Runtime>(
    dialog: FileDialogBuilder<R>,
    show: impl FnOnce(FileDialogBuilder<R>, Box<dyn FnOnce(Option<FilePath>) + Send>),
) -> Option<String> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let answer = move |path: Option<FilePath>| {
        let path = path.and_then(|p| p.into_path().ok());
        // The receiver is gone only when the page is.
        let _ = sender.send(path.map(|p| p.to_string_lossy().into_owned()));
    };
    show(dialog, Box::new(answer));
    receiver.await.ok().flatten()
}

/// End-to-end tests answer dialogs through the environment, in builds made for them only.
fn scripted(variable: &str) -> Option<String> {
    if cfg!(feature = "e2e") { std::env::var(variable).ok() } else { None }
}
