//! One file per subcommand.

pub mod bench;
pub mod check;
pub mod devices;
pub mod fit;
pub mod forecast;
pub mod gradient;
pub mod plugin;
pub mod plugin_author;
pub mod project;
pub mod sample;
pub mod scan;
pub mod simulate;
pub mod terms;
pub mod uncertainty;

use slopefield_api::client::Client;
use slopefield_api::schema::Block;
use slopefield_api::types::{Empty, JobAction, JobRequest};
use slopefield_api::{ApiError, Code, Command};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Pause before the worker is asked to stop, and before it is asked again.
const AGAIN: Duration = Duration::from_millis(10);

/// The worker and what every subcommand must know.
pub struct Session {
    /// The worker.
    pub client: Arc<Client>,
    /// One JSON object at the end.
    pub json: bool,
    /// No progress.
    pub quiet: bool,
}

impl Session {
    /// Calls a command with its typed request and reply.
    pub async fn call<Q: serde::Serialize, R: serde::de::DeserializeOwned>(
        &self,
        command: Command,
        request: Q,
        progress: impl FnMut(serde_json::Value, Block) + Send,
    ) -> Result<(R, Block), ApiError> {
        let request = serde_json::to_value(request).map_err(|e| unreadable(&e))?;
        let (reply, block) = self.client.call(command, request, progress).await?;
        Ok((serde_json::from_value(reply).map_err(|e| unreadable(&e))?, block))
    }

    /// The same for a long job: Ctrl+C ends it in good order.
    pub async fn call_until_stopped<Q: serde::Serialize, R: serde::de::DeserializeOwned>(
        &self,
        command: Command,
        request: Q,
        progress: impl FnMut(serde_json::Value, Block) + Send,
    ) -> Result<(R, Block), ApiError> {
        let job = self.call(command, request, progress);
        tokio::pin!(job);
        let mut stop = false;
        loop {
            tokio::select! {
                answer = &mut job => return answer,
                _ = tokio::signal::ctrl_c() => stop = true,
                _ = tokio::time::sleep(AGAIN), if stop => {
                    let request = JobRequest { action: JobAction::Stop };
                    let told: Result<(Empty, _), _> =
                        self.call(Command::job, request, |_, _| {}).await;
                    // Refused when nothing runs: not yet, or not any more.
                    stop = told.is_err();
                }
            }
        }
    }
}

fn unreadable(e: &serde_json::Error) -> ApiError {
    ApiError {
        code: Code::Internal,
        message: format!("a message of the worker does not have its form: {e}"),
        advice: None,
        details: Vec::new(),
    }
}

/// Text of a file that the user named.
pub fn read(path: &Path) -> Result<String, ApiError> {
    std::fs::read_to_string(path).map_err(|e| ApiError {
        code: Code::File,
        message: format!("{} cannot be read: {e}", path.display()),
        advice: Some("check the path; it is looked up from the folder you are in".into()),
        details: Vec::new(),
    })
}

/// Writes text to a file that the user named.
pub fn write(path: &Path, text: &str) -> Result<(), ApiError> {
    std::fs::write(path, text).map_err(|e| ApiError {
        code: Code::File,
        message: format!("{} cannot be written: {e}", path.display()),
        advice: None,
        details: Vec::new(),
    })
}

/// The path as text; the worker has the same working directory.
pub fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
