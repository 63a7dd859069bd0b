//! The page's way to the worker: one command with one answer, one with progress on the way.

use crate::Worker;
use serde_json::Value;
use slopefield_api::{ApiError, Code, Command, frame};
use tauri::State;
use tauri::ipc::{Channel, InvokeResponseBody, Response};

fn command(name: &str) -> Result<Command, ApiError> {
    serde_json::from_value(Value::from(name)).map_err(|_| ApiError {
        code: Code::Request,
        message: format!("there is no command `{name}`"),
        advice: None,
        details: Vec::new(),
    })
}

/// Calls a command of the worker; the reply as one block of bytes (see `slopefield_api::frame`).
#[tauri::command]
pub async fn rpc(
    worker: State<'_, Worker>,
    command: String,
    request: Value,
) -> Result<Response, ApiError> {
    let name = self::command(&command)?;
    let (reply, block) = worker.0.call(name, request, |_, _| {}).await?;
    Ok(Response::new(frame::to_view(&reply, &block)))
}

/// The same with progress, each message framed like a reply.
#[tauri::command]
pub async fn rpc_stream(
    worker: State<'_, Worker>,
    command: String,
    request: Value,
    on_progress: Channel<InvokeResponseBody>,
) -> Result<Response, ApiError> {
    let name = self::command(&command)?;
    let progress = |body: Value, block: Vec<f64>| {
        // A page that went away is no reason to end the job.
        let _ = on_progress.send(InvokeResponseBody::Raw(frame::to_view(&body, &block)));
    };
    let (reply, block) = worker.0.call(name, request, progress).await?;
    Ok(Response::new(frame::to_view(&reply, &block)))
}
