//! Transfer types. Long arrays of numbers do not travel as JSON: a message carries one block of
//! `f64`, and a [`Slice`] says which part of the block a value is.
//!
//! The file is long because it is a list: everything that travels, in the order of the screens.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use ts_rs::TS;

pub use crate::assessment::*;
pub use crate::devices::*;
pub use crate::hessian::*;
pub use crate::plugins::*;
pub use crate::scan::*;
pub use crate::stages::*;
pub use crate::starts::*;
pub use crate::terms::*;
pub use crate::uncertainty::*;
pub use slopefield_study_file::StudyFile;

/// Part of the message's block of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct Slice {
    /// First element.
    pub start: u32,
    /// Number of elements.
    pub len: u32,
}

impl Slice {
    /// Its numbers in the block.
    #[must_use]
    pub fn of(self, block: &[f64]) -> &[f64] {
        &block[self.start as usize..(self.start + self.len) as usize]
    }
}

/// Nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct Empty {}

// ---- application ---------------------------------------------------------------------------

/// What is running.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct AppInfo {
    /// Version of the program.
    pub version: String,
    /// Processor features in use, e.g. `x86-64, AVX2, FMA`.
    pub processor: String,
    /// Process id of the worker.
    pub worker_pid: u32,
    /// Examples that can be opened.
    pub examples: Vec<ExampleInfo>,
    /// Project files opened lately, newest first.
    pub recent: Vec<RecentProject>,
    /// Built-in solvers, in groups and the recommended first.
    pub solvers: Vec<SolverSummary>,
    /// Gradient methods, the recommended first.
    pub gradients: Vec<GradientSummary>,
}

/// A gradient method.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct GradientSummary {
    /// Name in study files.
    pub id: String,
    /// Name shown to people.
    pub title: String,
    /// What it is and what it costs, in a sentence.
    pub description: String,
    /// It differentiates the very steps of the solver.
    pub exact: bool,
}

/// A built-in solver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SolverSummary {
    /// Name in study files.
    pub id: String,
    /// Name shown to people.
    pub name: String,
    /// What it is for, in a few words.
    pub group: String,
    /// One sentence: when to use it.
    pub advice: String,
}

/// One bundled example.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ExampleInfo {
    /// Folder name, the id to open it by.
    pub id: String,
    /// Title.
    pub title: String,
    /// One sentence.
    pub summary: String,
}

/// A project file opened lately.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RecentProject {
    /// Path.
    pub path: String,
    /// Title at the last opening.
    pub title: String,
    /// When, in milliseconds since 1970 UTC.
    #[ts(type = "number")]
    pub opened_ms: i64,
    /// The file is still there.
    pub exists: bool,
}

// ---- model ---------------------------------------------------------------------------------

/// Model text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ModelText {
    /// The text.
    pub text: String,
}

/// Everything the editor shows about a text.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
pub struct ModelReport {
    /// No error was found.
    pub ok: bool,
    /// Findings in order of position.
    pub diagnostics: Vec<DiagnosticView>,
    /// `model "title"`.
    pub title: Option<String>,
    /// The classification sentence.
    pub classification: String,
    /// Two solutions differ by chance: there is noise, or there are random jumps.
    pub random: bool,
    /// Number of reactions, a reversible one counted twice.
    pub reactions: u32,
    /// Name and unit of time, default start.
    pub time: TimeView,
    /// States.
    pub states: Vec<StateView>,
    /// Scalar parameters.
    pub parameters: Vec<ParameterView>,
    /// Networks.
    pub networks: Vec<NetworkView>,
    /// Named expressions.
    pub lets: Vec<String>,
    /// Forcing signals.
    pub inputs: Vec<InputView>,
    /// Observations.
    pub observations: Vec<ObservationView>,
    /// Equations as LaTeX, one a line, in order of the text.
    pub latex: Vec<String>,
    /// The text as the formatter prints it; absent when it does not parse.
    pub formatted: Option<String>,
    /// Number of free numbers: parameters and weights.
    pub free_count: u32,
    /// The findings with the lines they are about, as compilers print them.
    pub rendered: String,
}

/// A text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TextReply {
    /// The text.
    pub text: String,
}

/// A finding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct DiagnosticView {
    /// `error`, `warning` or `note`.
    pub severity: SeverityView,
    /// Stable code.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// What to try.
    pub hint: Option<String>,
    /// Start in UTF-16 code units, as editors count.
    pub from: u32,
    /// End in UTF-16 code units.
    pub to: u32,
    /// Line from 1.
    pub line: u32,
    /// Column in characters from 1.
    pub column: u32,
    /// A second place: start, end, label.
    pub related: Option<(u32, u32, String)>,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the words of the language")]
pub enum SeverityView {
    Error,
    Warning,
    Note,
}

/// Time of a model.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
pub struct TimeView {
    /// Name.
    pub name: String,
    /// Unit.
    pub unit: Option<String>,
    /// Default start.
    pub start: f64,
}

/// A state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct StateView {
    /// Name.
    pub name: String,
    /// Unit.
    pub unit: Option<String>,
    /// Initial value at the default parameters.
    pub initial: f64,
    /// Plausible range.
    pub bounds: Option<(f64, f64)>,
}

/// A scalar parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ParameterView {
    /// Name.
    pub name: String,
    /// Unit.
    pub unit: Option<String>,
    /// Start value.
    pub value: f64,
    /// Lower bound; absent when there is none.
    pub lower: Option<f64>,
    /// Upper bound.
    pub upper: Option<f64>,
    /// `linear`, `log` or `logit`.
    pub scale: String,
}

/// A network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct NetworkView {
    /// Name.
    pub name: String,
    /// Kind.
    pub kind: String,
    /// Inputs.
    pub inputs: u32,
    /// Outputs.
    pub outputs: u32,
    /// Number of weights; 0 when it cannot be built.
    pub weights: u32,
}

/// An observation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ObservationView {
    /// Name.
    pub name: String,
    /// Noise model in words, e.g. `log-normal`.
    pub noise: String,
    /// Unit.
    pub unit: Option<String>,
}

/// A forcing signal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct InputView {
    /// Name.
    pub name: String,
    /// Column of the data.
    pub column: String,
    /// `linear`, `previous` or `cubic`.
    pub interpolation: String,
    /// Unit.
    pub unit: Option<String>,
}

// ---- simulation ----------------------------------------------------------------------------

/// A simulation of a model text.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct SimulateRequest {
    /// Model text.
    pub text: String,
    /// Values of params and of initial values of states, by name.
    pub set: BTreeMap<String, f64>,
    /// Take params and weights of this run of the open project (before `set`).
    pub run: Option<String>,
    /// Start; default the model's.
    pub from: Option<f64>,
    /// End; default start + 10.
    pub to: Option<f64>,
    /// Times to report; wins over `points`.
    pub at: Vec<f64>,
    /// Number of equally spaced times, both ends included; default 201.
    pub points: Option<u32>,
    /// Method; default `auto`.
    pub method: Option<String>,
    /// Relative tolerance; default 1e-6, with noise 1e-3.
    pub rtol: Option<f64>,
    /// Absolute tolerance; default 1e-8, with noise 1e-5.
    pub atol: Option<f64>,
    /// Seed of network weights and of every random number of the solution.
    #[ts(type = "number | null")]
    pub seed: Option<u64>,
    /// How reactions are run: `ode` (the default), `langevin`, `jumps`.
    pub reactions: Option<String>,
    /// Which random path of a stochastic model, from 0.
    pub path: Option<u32>,
    /// Number of random paths: the columns are their means, beside them their standard deviations.
    pub paths: Option<u32>,
    /// Instead of a trajectory the steady state near the initial values, as a single row at the
    /// start.
    pub steady: bool,
    /// Tables of the model's inputs. Those that are not named come from the experiment.
    pub inputs: Vec<InputTable>,
    /// Experiment of the open project whose data drive the inputs; default the first that has them.
    pub experiment: Option<String>,
    /// What simulates several random paths: `cpu` (the default), `gpu`, `auto`, or a part of the name of a card.
    #[ts(optional)]
    pub device: Option<String>,
}

/// A table that drives an input.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields, default)]
pub struct InputTable {
    /// Name of the input.
    pub input: String,
    /// File of the table; its time column is the one with the model's name of time, else the first.
    pub file: String,
    /// Column; default the one that the model names.
    pub column: Option<String>,
}

/// A trajectory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Simulation {
    /// Times.
    pub times: Slice,
    /// States, then lets, then observations; of several paths the spreads behind them.
    pub columns: Vec<Column>,
    /// Events that happened, in order of time.
    pub events: Vec<EventMark>,
    /// What the solver found out on the way, in sentences.
    pub notes: Vec<String>,
    /// What it cost.
    pub stats: SolveStats,
}

/// An event that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct EventMark {
    /// When.
    pub t: f64,
    /// The statement in the model's text.
    pub text: String,
    /// The solution ended there.
    pub stop: bool,
}

/// One quantity over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Column {
    /// Name; elements of vectors as `z[1]`.
    pub name: String,
    /// `state`, `let`, `observation` or `spread`.
    pub kind: ColumnKind,
    /// Values.
    pub values: Slice,
}

/// What a column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the words of the language")]
pub enum ColumnKind {
    State,
    Let,
    Observation,
    /// Standard deviation, over several random paths, of the column of the same name.
    Spread,
}

/// What a solve cost.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
pub struct SolveStats {
    /// Method used.
    pub method: String,
    /// Why this one.
    pub reason: String,
    /// Accepted steps.
    #[ts(type = "number")]
    pub accepted: u64,
    /// Rejected attempts.
    #[ts(type = "number")]
    pub rejected: u64,
    /// Right-hand sides.
    #[ts(type = "number")]
    pub rhs: u64,
    /// Jacobians.
    #[ts(type = "number")]
    pub jacobians: u64,
    /// Matrices factored.
    #[ts(type = "number")]
    pub factorisations: u64,
    /// Events and jumps.
    #[ts(type = "number")]
    pub events: u64,
    /// Seconds of compiling.
    pub compile_s: f64,
    /// Seconds of solving.
    pub solve_s: f64,
}

// ---- data ----------------------------------------------------------------------------------

/// Reading a table without storing it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct PreviewRequest {
    /// Path of the file; exclusive with `text`.
    pub path: Option<String>,
    /// Pasted text.
    pub text: Option<String>,
    /// Sheet of a workbook; default the first.
    pub sheet: Option<String>,
}

/// What was read, and why it was read like that.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct TablePreview {
    /// Suggested name of the table.
    pub name: String,
    /// Columns.
    pub columns: Vec<PreviewColumn>,
    /// Number of rows.
    pub row_count: u32,
    /// First rows as text, as in the file.
    pub head: Vec<Vec<String>>,
    /// One sentence per decision, e.g. "tab-separated: every line has 2 tabs".
    pub reasons: Vec<String>,
    /// One sentence per thing to look at, e.g. "3 empty cells in `lynx` are left out".
    pub warnings: Vec<String>,
    /// Sheets of a workbook.
    pub sheets: Vec<String>,
    /// Suggested time column.
    pub time: Option<String>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct PreviewColumn {
    /// Name.
    pub name: String,
    /// It holds numbers.
    pub numeric: bool,
    /// Values, NaN where missing; empty when not numeric.
    pub values: Slice,
    /// Missing values.
    pub missing: u32,
    /// Of a column of text the first 500 cells, of each the first 80 characters; else empty.
    pub texts: Vec<String>,
}

impl PreviewColumn {
    /// What `texts` holds of the cells of a column.
    #[must_use]
    pub fn first_texts(cells: &[String]) -> Vec<String> {
        cells.iter().take(500).map(|cell| cell.chars().take(80).collect()).collect()
    }
}

// ---- project -------------------------------------------------------------------------------

/// A path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct PathRequest {
    /// The path.
    pub path: String,
}

/// Opens a bundled example as a new, unsaved project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ExampleRequest {
    /// Id of the example.
    pub id: String,
}

/// The open project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ProjectView {
    /// Where it is; absent until first saved.
    pub path: Option<String>,
    /// The file that is being worked on: `path`, or a draft in the application's own folder.
    pub file: String,
    /// Title: file name, or the example's title.
    pub title: String,
    /// Everything is in the file.
    pub saved: bool,
    /// Opened for reading only, and why.
    pub read_only: Option<String>,
    /// Model text.
    pub model: String,
    /// Study.
    pub study: StudyFile,
    /// Stored tables.
    pub tables: Vec<TableView>,
    /// Runs, newest first.
    pub runs: Vec<RunSummary>,
    /// There is something to undo: what.
    pub undo: Option<String>,
    /// There is something to redo: what.
    pub redo: Option<String>,
    /// The study as elaborated, or why it cannot be.
    pub problem: StudyReport,
}

/// A stored table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct TableView {
    /// Name.
    pub name: String,
    /// Where it came from.
    pub source: String,
    /// Columns.
    pub columns: Vec<PreviewColumn>,
    /// Rows.
    pub row_count: u32,
}

/// What the study amounts to.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
pub struct StudyReport {
    /// It can be trained.
    pub ok: bool,
    /// Errors and warnings, each a sentence that names the place and what to do.
    pub problems: Vec<StudyProblem>,
    /// Experiments with their points.
    pub experiments: Vec<ExperimentView>,
    /// Stages the recipe will run.
    pub stages: Vec<StageView>,
    /// Why these, one sentence.
    pub recipe_reason: String,
    /// Solver that will be used and why, one sentence.
    pub solver_reason: String,
}

/// Something wrong or doubtful in the study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct StudyProblem {
    /// How bad.
    pub severity: SeverityView,
    /// Where, e.g. `data.pelts.columns`.
    pub place: String,
    /// What and what to do.
    pub message: String,
}

/// One experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ExperimentView {
    /// Name.
    pub name: String,
    /// Start time.
    pub start: f64,
    /// First time that is held out, when the hold-out is at the end.
    pub hold_out_from: Option<f64>,
    /// Measured series.
    pub series: Vec<SeriesView>,
}

/// Points of one observation in one experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SeriesView {
    /// Observation.
    pub observation: String,
    /// Times.
    pub times: Slice,
    /// Values.
    pub values: Slice,
    /// 1 where the point is held out.
    pub held_out: Slice,
    /// -1 where the value is a limit that the quantity was below, 1 where it was above, else 0; empty where
    /// all were measured.
    pub censored: Slice,
}

/// An edit of the open project; every edit can be undone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[allow(clippy::large_enum_variant, reason = "one at a time comes from the window")]
pub enum Edit {
    /// Replaces the model text.
    Model {
        /// New text.
        text: String,
    },
    /// Replaces the study.
    Study {
        /// New study.
        study: StudyFile,
    },
    /// Stores a table and adds it to the study as an experiment.
    ImportTable {
        /// What to read.
        source: PreviewRequest,
        /// Name to store it under.
        name: String,
        /// Time column.
        time: String,
        /// Observation → column.
        columns: BTreeMap<String, String>,
    },
    /// Removes a table and its experiments.
    RemoveTable {
        /// Name.
        name: String,
    },
}

// ---- training ------------------------------------------------------------------------------

/// Starts training the open project, or goes on with an interrupted run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct TrainRequest {
    /// Go on with this run from its last checkpoint.
    pub resume: Option<String>,
    /// Start from the parameters of this run instead of the model's values.
    pub from_run: Option<String>,
}

/// What to do with the running job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum JobAction {
    /// Hold it.
    Pause,
    /// Let it go on.
    Resume,
    /// End it and keep the best so far.
    Stop,
}

/// An action on the running job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct JobRequest {
    /// The action.
    pub action: JobAction,
}

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RunSummary {
    /// Id.
    pub id: String,
    /// Number shown to people, from 1.
    pub number: u32,
    /// When it began, milliseconds since 1970 UTC.
    #[ts(type = "number")]
    pub started_ms: i64,
    /// `running`, `paused`, `finished`, `stopped`, `interrupted` (can be resumed), `failed`.
    pub status: RunStatus,
    /// Iterations done.
    pub iterations: u32,
    /// Best training loss.
    pub loss: Option<f64>,
    /// Log-likelihood of the training data, when the noise models give one.
    pub log_likelihood: Option<f64>,
    /// Loss per point on the hold-out at the best parameters.
    pub hold_out: Option<f64>,
    /// Why it ended.
    pub stop_reason: Option<String>,
    /// Seconds spent.
    pub seconds: f64,
}

/// State of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "see RunSummary::status")]
pub enum RunStatus {
    Running,
    Paused,
    Finished,
    Stopped,
    Interrupted,
    Failed,
}

/// Progress of a job, at most 30 a second. The stream ends with `Finished` or `Failed`, always.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Progress {
    /// Training has begun.
    Started {
        /// Run it writes.
        run: String,
        /// Stages it will go through.
        stages: Vec<StageView>,
        /// Names of the scalar parameters, in the order of `Iteration::parameters`.
        parameters: Vec<String>,
        /// Which gradient and solver, one sentence.
        method: String,
    },
    /// Where it is.
    Iteration {
        /// Iteration from 1 over all stages.
        iteration: u32,
        /// Iterations at most.
        total: u32,
        /// Stage from 0.
        stage: u32,
        /// Loss now.
        loss: f64,
        /// Best loss of this stage.
        best: f64,
        /// Loss per point on the hold-out, now and then.
        hold_out: Option<f64>,
        /// Scalar parameters now.
        parameters: Slice,
        /// Seconds since the start.
        elapsed_s: f64,
        /// Seconds left, estimated.
        left_s: Option<f64>,
    },
    /// Curves at the best parameters so far, a few a second.
    Curves {
        /// The same experiments as in the study, each with model curves.
        experiments: Vec<CurveView>,
    },
    /// Where training from many places is.
    Starts {
        /// Places whose loss is known, while places are looked at; then 0.
        screened: u32,
        /// Places to look at; then 0.
        places: u32,
        /// Trainings done.
        done: u32,
        /// Trainings in all.
        total: u32,
        /// Their losses, best first.
        losses: Slice,
        /// Seconds left, estimated.
        left_s: Option<f64>,
    },
    /// Where the drawing from a posterior is.
    Sampling {
        /// Draws made, warm-up included.
        done: u32,
        /// Draws to make.
        total: u32,
        /// Seconds left, estimated.
        left_s: Option<f64>,
    },
    /// Where work without iterations is.
    Working {
        /// What is worked on: `formulas` are looked for, `segments` of the span are joined,
        /// `trajectories` of a scan are solved.
        what: String,
        /// Share that is done.
        share: f64,
        /// Seconds left, estimated.
        left_s: Option<f64>,
    },
    /// Something worth telling, e.g. "loss spiked at 212, went back to 208, rate halved".
    Note {
        /// Iteration.
        iteration: u32,
        /// The sentence.
        message: String,
    },
    /// A comparison of gradients has come to a method.
    Comparing {
        /// Name of the method that runs now, as shown to people.
        method: String,
        /// Methods done.
        done: u32,
        /// Methods in all.
        total: u32,
    },
    /// Held or going on again.
    Paused {
        /// Held.
        paused: bool,
    },
    /// Ended; the run is in the project.
    Finished {
        /// The run.
        run: RunSummary,
    },
    /// Ended by an error; what was best so far is in the project.
    Failed {
        /// The error.
        error: crate::ApiError,
    },
}

/// Curves of one experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct CurveView {
    /// Experiment.
    pub experiment: String,
    /// Times, through the data and on to the end of the forecast.
    pub times: Slice,
    /// Observations by name.
    pub observations: Vec<NamedSlice>,
}

/// Named numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct NamedSlice {
    /// Name.
    pub name: String,
    /// Numbers.
    pub values: Slice,
}

/// Asks for one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RunRequest {
    /// Id.
    pub run: String,
}

/// Everything about one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RunView {
    /// The line in the list.
    pub summary: RunSummary,
    /// Model text it was trained with.
    pub model: String,
    /// Study it was trained with.
    pub study: StudyFile,
    /// Fitted scalar parameters.
    pub parameters: Vec<FittedParameter>,
    /// Curves at the best parameters, forecast included.
    pub curves: Vec<CurveView>,
    /// The data it was trained on.
    pub experiments: Vec<ExperimentView>,
    /// Iterations of the loss history.
    pub history_iterations: Slice,
    /// Loss at them.
    pub history_loss: Slice,
    /// Best loss so far of the stage at them: stages of a growing horizon have losses of their own.
    pub history_best: Slice,
    /// Loss per point on the hold-out at them, NaN where not computed.
    pub history_hold_out: Slice,
    /// Scalar parameters at them, row by row.
    pub history_parameters: Slice,
    /// Scores per observation.
    pub scores: Vec<Score>,
    /// Information criteria.
    pub criteria: Criteria,
    /// Notes of the log: iteration and sentence.
    pub log: Vec<(u32, String)>,
    /// Versions, seed, solver, gradient, hashes: name and value.
    pub provenance: Vec<(String, String)>,
    /// What each start came to, when there were several.
    pub starts: Option<StartsView>,
}

/// A fitted scalar parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct FittedParameter {
    /// Name.
    pub name: String,
    /// Unit.
    pub unit: Option<String>,
    /// Start value.
    pub start: f64,
    /// Fitted value.
    pub value: f64,
    /// Lower bound.
    pub lower: Option<f64>,
    /// Upper bound.
    pub upper: Option<f64>,
    /// It ended at a bound.
    pub at_bound: bool,
}

/// How well an observation is described.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Score {
    /// Experiment.
    pub experiment: String,
    /// Observation.
    pub observation: String,
    /// Points trained on.
    pub points: u32,
    /// Root mean square error on them.
    pub rmse: f64,
    /// Points held out.
    pub held_out_points: u32,
    /// Root mean square error on those.
    pub held_out_rmse: Option<f64>,
}

/// Information criteria of a fit, by which models of the same measurements compare.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Criteria {
    /// Free parameters that were fitted, weights of networks among them.
    pub free: u32,
    /// Measurements that were trained on.
    pub points: u32,
    /// Akaike's information criterion.
    pub aic: Option<f64>,
    /// Schwarz's (Bayesian) information criterion.
    pub bic: Option<f64>,
    /// What is lacking where there are no criteria.
    pub lacking: Option<String>,
}

// ---- command line --------------------------------------------------------------------------

/// Trains a study from files.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct FitRequest {
    /// Path of `study.toml`.
    pub study: String,
    /// Project file to write; must not exist unless `resume`.
    pub out: Option<String>,
    /// Bound of iterations.
    pub iterations: Option<u32>,
    /// Go on with the last interrupted run in `out`.
    pub resume: bool,
    /// What computes gradients before the stage that finishes, instead of what the study says: `auto`, `cpu`,
    /// `gpu`, or a part of the name of a graphics card.
    pub device: Option<String>,
}

/// A fit in numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct FitReply {
    /// Scalar parameters by name.
    pub parameters: BTreeMap<String, f64>,
    /// Log-likelihood of the training data with all constants.
    pub log_likelihood: Option<f64>,
    /// Information criteria.
    #[serde(flatten)]
    pub criteria: Criteria,
    /// Training loss.
    pub loss: f64,
    /// Loss per point on the hold-out.
    pub hold_out: Option<f64>,
    /// Iterations done.
    pub iterations: u32,
    /// Why it ended.
    pub stop_reason: String,
    /// Seconds.
    pub seconds: f64,
    /// Run id in the project file.
    pub run: Option<String>,
    /// Scores.
    pub scores: Vec<Score>,
    /// Losses where trainings from several places ended, best first; empty with one start.
    pub starts: Vec<f64>,
}

/// A forecast from a project file's best or named run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct ForecastRequest {
    /// Project file.
    pub project: String,
    /// Run id or number; default the newest that has parameters.
    pub run: Option<String>,
    /// End time; default the study's.
    pub until: Option<f64>,
    /// Number of times; default 201.
    pub points: Option<u32>,
}

/// Curves of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ForecastReply {
    /// Run used.
    pub run: RunSummary,
    /// Curves per experiment.
    pub curves: Vec<CurveView>,
    /// Name of time.
    pub time: String,
}

/// Gradients of a study.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct GradientRequest {
    /// Path of `study.toml`; the open project when absent.
    pub study: Option<String>,
    /// `auto` or a method by name; that of the study when absent.
    pub method: Option<String>,
    /// Compare with differences of the same steps along random directions.
    pub check: bool,
    /// Run every method that goes through this study, and say of the others why not.
    pub compare: bool,
    /// Memory of one gradient, such as `64 MB`; that of the study when absent.
    pub memory: Option<String>,
    /// Second derivatives as well.
    pub hessian: bool,
}

/// Gradients and what they cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct GradientReply {
    /// The loss.
    pub loss: f64,
    /// Names in the order of values: scalars by name, weights as `net.layer1.weight[3]`.
    pub names: Vec<String>,
    /// Number of states.
    pub states: u32,
    /// Which solver, and why.
    pub solver: String,
    /// Seconds of one forward solve of all experiments, the least of a few,
    pub forward_seconds: f64,
    /// and how often it evaluates the right-hand side.
    #[ts(type = "number")]
    pub forward_evaluations: u64,
    /// The methods that were run, in the order of the list of methods.
    pub methods: Vec<GradientResult>,
    /// Those that were not.
    pub refused: Vec<RefusedMethod>,
    /// What `auto` chooses,
    pub chosen: String,
    /// and why.
    pub choice: String,
    /// The comparison was stopped before its end.
    pub stopped: bool,
    /// Second derivatives, where they were asked for.
    pub hessian: Option<HessianView>,
}

/// One method's gradient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct GradientResult {
    /// Name, such as `discrete`.
    pub method: String,
    /// Name shown to people.
    pub title: String,
    /// What it is, in a sentence.
    pub description: String,
    /// It differentiates the very steps of the solver.
    pub exact: bool,
    /// Seconds of one evaluation, the least of a few.
    pub seconds: f64,
    /// The same over the time of one forward solve.
    pub over_forward: f64,
    /// Seconds that the automatic choice expected.
    pub estimate: Option<f64>,
    /// Peak bytes.
    #[ts(type = "number")]
    pub memory: u64,
    /// Evaluations of the right-hand side on the way there,
    #[ts(type = "number")]
    pub forward_evaluations: u64,
    /// and evaluations and products of the derivative pass.
    #[ts(type = "number")]
    pub reverse_products: u64,
    /// Largest difference from the first exact method that was run (from the first one when none
    /// is exact), over its largest entry.
    pub agreement: f64,
    /// Largest relative difference from finite differences of the same steps, when checked.
    pub check: Option<f64>,
    /// Why it could not be checked although that was asked for.
    pub unchecked: Option<String>,
    /// Largest such difference that a right gradient of this kind may have at the tolerances.
    pub allowed: f64,
    /// Values.
    pub values: Vec<f64>,
}

/// Draws from the posterior distribution of a study's parameters.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct SampleRequest {
    /// Path of `study.toml`.
    pub study: String,
    /// Chains; default 4.
    pub chains: Option<u32>,
    /// Draws of each chain that are thrown away; default 500.
    pub warmup: Option<u32>,
    /// Draws of each chain that are kept; default 1000.
    pub draws: Option<u32>,
    /// Seed; default the study's.
    #[ts(type = "number | null")]
    pub seed: Option<u64>,
    /// Number of times of the bands; default 201.
    pub points: Option<u32>,
}

/// What draws from a posterior tell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SampleReply {
    /// One entry per parameter that is no network weight.
    pub parameters: Vec<SampledParameter>,
    /// Names of everything that was drawn, weights too.
    pub names: Vec<String>,
    /// Chains.
    pub chains: u32,
    /// Draws of each.
    pub draws: u32,
    /// All draws, chain by chain and draw by draw, as many numbers as there are names each.
    pub values: Slice,
    /// Draws at which the sampler's trajectory broke down.
    #[ts(type = "number")]
    pub divergences: u64,
    /// Places where the model could not be solved.
    #[ts(type = "number")]
    pub failures: u64,
    /// Evaluations of the loss with its gradient.
    #[ts(type = "number")]
    pub gradients: u64,
    /// Seconds of sampling.
    pub seconds: f64,
    /// Stopped before its end.
    pub cancelled: bool,
    /// What speaks against trusting the draws.
    pub warnings: Vec<String>,
    /// Name of the time.
    pub time: String,
    /// Where the observations lie, over the data and the forecast.
    pub bands: Vec<BandView>,
}

/// What draws tell of a parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SampledParameter {
    /// Name.
    pub name: String,
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
    /// Monte-Carlo standard error of the mean.
    pub standard_error: f64,
    /// 5 %, 50 % and 95 % quantiles.
    pub quantiles: [f64; 3],
    /// Effective number of draws in the bulk of the distribution.
    pub bulk: f64,
    /// Effective number of draws in its tails.
    pub tail: f64,
    /// Scale reduction R̂.
    pub scale_reduction: f64,
}

/// Quantiles of an observation over time: of the model's value, without the scatter of measurements.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct BandView {
    /// Experiment.
    pub experiment: String,
    /// Observation.
    pub observation: String,
    /// Times.
    pub times: Slice,
    /// 5 %, 50 % and 95 % quantiles at these.
    pub quantiles: [Slice; 3],
}

/// A method that was not run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RefusedMethod {
    /// Name.
    pub method: String,
    /// Name shown to people.
    pub title: String,
    /// What it is, in a sentence.
    pub description: String,
    /// Why not, in a sentence.
    pub reason: String,
}

/// What is in a project file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ProjectInfo {
    /// Path.
    pub path: String,
    /// Bytes.
    #[ts(type = "number")]
    pub bytes: u64,
    /// Format that is needed to read it.
    pub read_version: u32,
    /// Format it was written with.
    pub write_version: u32,
    /// Program that made it.
    pub created_by: String,
    /// Program that wrote it last.
    pub written_by: String,
    /// Model title.
    pub title: Option<String>,
    /// Stored model texts.
    pub model_versions: u32,
    /// Tables: name and rows.
    pub tables: Vec<(String, u32)>,
    /// Runs.
    pub runs: Vec<RunSummary>,
}

/// Result of checking a project file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct VerifyReply {
    /// Nothing is wrong.
    pub ok: bool,
    /// Checks made: name and result.
    pub checks: Vec<(String, String)>,
}

/// Makes one standalone HTML page.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct ReportRequest {
    /// Project file; the open project when absent.
    pub project: Option<String>,
    /// Run id or number; default the newest that has parameters.
    pub run: Option<String>,
    /// Where to write; default beside the project.
    pub out: Option<String>,
}

/// Installed plugins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct PluginList {
    /// Plugins in order of id.
    pub plugins: Vec<PluginView>,
    /// Folders looked at.
    pub folders: Vec<String>,
}

/// One plugin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct PluginView {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Licence.
    pub license: String,
    /// Where it is.
    pub path: String,
    /// Solvers: id to use in a study, and name.
    pub solvers: Vec<(String, String)>,
    /// Networks: kind to use in a model, and name.
    pub networks: Vec<(String, String)>,
    /// Whether it may run, and what to decide that by.
    pub trust: PluginTrust,
    /// Why it cannot be used, when it cannot.
    pub problem: Option<String>,
}
