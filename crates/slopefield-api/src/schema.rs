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
            /// Tells `visitor` the request and the reply type of every command.
            pub fn visit(visitor: &mut dyn CommandVisitor) {
                $( visitor.command(stringify!($name), Type::of::<$request>(), Type::of::<$reply>()); )*
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

/// A transfer type as TypeScript needs it.
pub struct Type {
    /// Its TypeScript name.
    pub name: String,
    /// Its declaration and those of everything it uses, by name.
    pub declarations: std::collections::BTreeMap<String, String>,
}

/// Walks over the commands, see [`Command::visit`].
pub trait CommandVisitor {
    /// One command.
    fn command(&mut self, name: &str, request: Type, reply: Type);
}

impl Type {
    /// Name and declarations of `T`.
    pub fn of<T: ts_rs::TS + 'static + ?Sized>() -> Type {
        let config = ts_rs::Config::default();
        let mut collect = Collect { config: &config, declarations: Default::default() };
        ts_rs::TypeVisitor::visit::<T>(&mut collect);
        Type { name: T::name(&config), declarations: collect.declarations }
    }
}

struct Collect<'a> {
    config: &'a ts_rs::Config,
    declarations: std::collections::BTreeMap<String, String>,
}

impl ts_rs::TypeVisitor for Collect<'_> {
    fn visit<T: ts_rs::TS + 'static + ?Sized>(&mut self) {
        // Only types with a file of their own have a declaration; numbers and lists do not.
        if T::output_path().is_some() {
            let name = T::name(self.config);
            if self.declarations.contains_key(&name) {
                return;
            }
            let docs = T::docs().unwrap_or_default();
            self.declarations.insert(name, format!("{docs}export {}", T::decl(self.config)));
        }
        T::visit_dependencies(self);
        T::visit_generics(self);
    }
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
    /// The model's graph before and after each pass, as text.
    model_dump(ModelText) -> TextReply;
    /// Simulates a model text.
    simulate(SimulateRequest) -> Simulation;
    /// Simulates a model text at many values of its parameters and initial states.
    scan(ScanRequest) -> Scan;
    /// The same for pictures: what they need of the numbers, which are kept for `scan_save`.
    scan_overview(ScanRequest) -> ScanOverview;
    /// Writes the numbers of the last overview as a table with commas between its columns.
    scan_save(PathRequest) -> PathRequest;
    /// Stops the scans that run; each answers that it was. Answered at once, beside them.
    scan_stop(Empty) -> Empty;
    /// Stops the simulations that run; each answers that it was. Answered at once, beside them.
    simulate_stop(Empty) -> Empty;
    /// The processor and the graphics cards of this machine.
    devices(Empty) -> DevicesView;
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
    /// Draws from the posterior distribution of a study from files, after training it.
    sample(SampleRequest) -> SampleReply;
    /// Asks how sure a run of the open project is, and stores the answer beside the run.
    uncertainty(UncertaintyRequest) -> UncertaintyView;
    /// Stored answers about a run, newest first.
    uncertainty_list(RunRequest) -> UncertaintyList;
    /// One stored answer.
    uncertainty_view(UncertaintyChoice) -> UncertaintyView;
    /// Deletes a stored answer; what is left of the run's.
    uncertainty_delete(UncertaintyChoice) -> UncertaintyList;
    /// How sure the fit of a study from files is, after training it.
    assess(AssessRequest) -> AssessReply;
    /// What the networks of a fit have learned, and where they have been asked.
    terms(TermsRequest) -> TermsReply;
    /// The model text with formulas in the place of networks, trained again where that is asked for.
    replace_terms(ReplaceRequest) -> ReplaceReply;
    /// How runs of a project compare, in the order asked for.
    compare_runs(CompareRequest) -> CompareReply;
    /// What is in a project file.
    project_info(PathRequest) -> ProjectInfo;
    /// Checks a project file.
    project_verify(PathRequest) -> VerifyReply;
    /// Writes a standalone HTML report and returns its path.
    report(ReportRequest) -> PathRequest;
    /// Installed plugins; none of their code runs.
    plugin_list(Empty) -> PluginList;
    /// Trusts a plugin as it was shown.
    plugin_trust(TrustRequest) -> PluginList;
    /// Takes the trust in a plugin back.
    plugin_untrust(UntrustRequest) -> PluginList;
    /// Enables a plugin again whose process died too often in a row.
    plugin_enable(EnableRequest) -> PluginList;
}
