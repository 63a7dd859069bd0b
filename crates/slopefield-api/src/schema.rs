//! The list of commands, once. Everything else about them (router of the worker, typed calls of
//! the client, TypeScript of the window) follows from it.

use crate::ApiError;
use crate::types::*;
use serde::{Deserialize, Serialize};

/// Numbers that travel beside a reply, addressed by [`Slice`]s.
pub type Block = Vec<f64>;

/// Where a command may send progress while it runs.
pub type Emit<'a> = &'a mut (dyn FnMut(Progress, Block) + Send);

macro_rules! commands {
    ($( $(#[doc = $doc:literal])* $name:ident ( $request:ty ) -> $reply:ty; )*) => {
        /// What the worker implements: one method per command.
        #[allow(clippy::missing_errors_doc, reason = "every command may fail with its ApiError")]
        pub trait Commands: Sync {
            $( $(#[doc = $doc])* fn $name(&self, request: $request, emit: Emit<'_>) -> Result<($reply, Block), ApiError>; )*
        }

        /// Names of the commands.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[allow(non_camel_case_types, reason = "the variants are the names on the wire")]
        #[expect(missing_docs, reason = "documented at `Commands`")]
        pub enum Command { $( $name, )* }

        impl Command {
            /// All commands with the TypeScript names of request and reply.
            pub fn all() -> Vec<(&'static str, String, String)> {
                vec![$( (stringify!($name), <$request as ts_rs::TS>::name(&ts_rs::Config::default()), <$reply as ts_rs::TS>::name(&ts_rs::Config::default())), )*]
            }
        }

        /// Calls the method of `command` with a JSON request; the reply as JSON with its numbers.
        pub fn dispatch(to: &dyn Commands, command: Command, request: serde_json::Value, emit: Emit<'_>) -> Result<(serde_json::Value, Block), ApiError> {
            match command { $(
                Command::$name => {
                    let request: $request = serde_json::from_value(request).map_err(|e| ApiError::request(stringify!($name), &e))?;
                    let (reply, block) = to.$name(request, emit)?;
                    Ok((serde_json::to_value(reply).map_err(|e| ApiError::request(stringify!($name), &e))?, block))
                }
            )* }
        }
    };
}

impl ApiError {
    /// The request of a command does not have its form.
    fn request(command: &str, error: &serde_json::Error) -> ApiError {
        ApiError {
            code: crate::Code::Request,
            message: format!("the request `{command}` does not have its form: {error}"),
            advice: None,
            details: Vec::new(),
        }
    }
}

commands! {
    /// What is running, examples, recent projects.
    app_info(Empty) -> AppInfo;
    /// Checks a model text.
    model_check(ModelText) -> ModelReport;
    /// Simulates a model text.
    simulate(SimulateRequest) -> Simulation;
    /// Reads a table without storing it.
    data_preview(PreviewRequest) -> TablePreview;
    /// Makes an empty, unsaved project.
    project_new(Empty) -> ProjectView;
    /// Opens an example as an unsaved project.
    project_example(ExampleRequest) -> ProjectView;
    /// Opens a project file.
    project_open(PathRequest) -> ProjectView;
    /// The open project again.
    project_view(Empty) -> ProjectView;
    /// Saves under a path; the project lives there from then on.
    project_save_as(PathRequest) -> ProjectView;
    /// Closes the project.
    project_close(Empty) -> Empty;
    /// Changes the open project.
    project_edit(Edit) -> ProjectView;
    /// Takes the last edit back.
    project_undo(Empty) -> ProjectView;
    /// Makes the edit again that was taken back last.
    project_redo(Empty) -> ProjectView;
    /// Trains the open project; progress until `Finished` or `Failed`.
    train(TrainRequest) -> RunSummary;
    /// Pauses, resumes or stops the training that runs. Answered at once, beside it.
    job(JobRequest) -> Empty;
    /// Everything about one run.
    run_view(RunRequest) -> RunView;
    /// Trains a study from files.
    fit(FitRequest) -> FitReply;
    /// Curves from a project file.
    forecast(ForecastRequest) -> ForecastReply;
    /// Gradients of a study.
    gradient(GradientRequest) -> GradientReply;
    /// What is in a project file.
    project_info(PathRequest) -> ProjectInfo;
    /// Checks a project file.
    project_verify(PathRequest) -> VerifyReply;
    /// Writes a standalone HTML report and returns its path.
    report(ReportRequest) -> PathRequest;
    /// Installed plugins.
    plugin_list(Empty) -> PluginList;
}
