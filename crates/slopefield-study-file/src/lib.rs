//! The study as people write it: `study.toml`, and the same thing edited in the window.
//!
//! These types are the published format. They are raw: names may be wrong and numbers absurd;
//! elaboration turns them into a checked study or says what is wrong and where.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use ts_rs::TS;

/// A whole study. Everything but the data has a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields, default)]
pub struct StudyFile {
    /// Path of the model file, relative to the study file. Absent inside a project.
    pub model: Option<String>,
    /// Seed of every random number.
    #[ts(type = "number")]
    pub seed: u64,
    /// Tables by name.
    pub data: BTreeMap<String, DataSource>,
    /// Experiments. Without any, each table is one experiment.
    pub experiment: Vec<ExperimentFile>,
    /// Solver.
    pub solver: SolverFile,
    /// Training.
    pub training: TrainingFile,
    /// Forecast.
    pub forecast: ForecastFile,
}

impl Default for StudyFile {
    fn default() -> Self {
        StudyFile {
            model: None,
            seed: 1,
            data: BTreeMap::new(),
            experiment: Vec::new(),
            solver: SolverFile::default(),
            training: TrainingFile::default(),
            forecast: ForecastFile::default(),
        }
    }
}

/// A table and what its columns mean.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields, default)]
pub struct DataSource {
    /// File, relative to the study file; inside a project, the name of the stored table.
    pub file: String,
    /// Time column; without it the model's time name, else the first column.
    pub time: Option<String>,
    /// Observation of the model → column of the table, or several columns with a replicate each.
    /// Observations that are not named take the column of their own name.
    pub columns: BTreeMap<String, ColumnNames>,
    /// Observation → column of text that says which of its values are limits: `<` where the quantity was
    /// below the value, `>` where it was above, nothing where it was measured. Without an entry the column
    /// `NAME_censored` beside the column `NAME`, if there is one.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[ts(as = "Option<BTreeMap<String, ColumnNames>>", optional)]
    pub censored: BTreeMap<String, ColumnNames>,
    /// Observation → column of numbers: how many measurements each value counts for. Without an entry 1.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[ts(as = "Option<BTreeMap<String, ColumnNames>>", optional)]
    pub weights: BTreeMap<String, ColumnNames>,
}

/// A column, or several with a replicate each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(untagged)]
pub enum ColumnNames {
    /// One column.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl ColumnNames {
    /// The names.
    #[must_use]
    pub fn names(&self) -> &[String] {
        match self {
            ColumnNames::One(name) => std::slice::from_ref(name),
            ColumnNames::Many(names) => names,
        }
    }
}

impl From<&str> for ColumnNames {
    fn from(name: &str) -> ColumnNames {
        ColumnNames::One(name.to_owned())
    }
}

impl From<String> for ColumnNames {
    fn from(name: String) -> ColumnNames {
        ColumnNames::One(name)
    }
}

/// One experiment: a table, a start and what differs from the model.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields, default)]
pub struct ExperimentFile {
    /// Name shown to people.
    pub name: String,
    /// Name of the table.
    pub data: String,
    /// Time at which the initial values hold; default the first time of the table.
    pub start: Option<f64>,
    /// Times kept out of training, as a range: `1915..`, `..1903`, `5..7` (ends included).
    pub hold_out: Option<String>,
    /// Values of params and initial values of states in this experiment.
    pub set: BTreeMap<String, f64>,
    /// Params that get their own fitted value in this experiment.
    pub local: Vec<String>,
    /// The rows of the table were measured at rest: the state of each is the steady state of the
    /// equations at its time, which the initial values lead to.
    pub steady: bool,
}

/// Solver settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields, default)]
pub struct SolverFile {
    /// `auto`, a built-in method such as `tsit5`, `rodas5p`, `bdf` (see the list in docs/reference/solvers.md),
    /// or a plugin's `org.example.rodas/rodas5p`.
    pub method: String,
    /// Relative tolerance.
    pub rtol: f64,
    /// Absolute tolerance.
    pub atol: f64,
    /// Budget of steps per solve.
    pub max_steps: u32,
    /// How reactions are run: `ode`, `langevin` (as a stochastic differential equation) or `jumps`
    /// (one by one, as random events).
    pub reactions: String,
    /// Random paths over which `path_mean` and `path_variance` of a model are taken.
    pub paths: u32,
}

impl Default for SolverFile {
    fn default() -> Self {
        SolverFile {
            method: "auto".into(),
            rtol: 1e-6,
            atol: 1e-8,
            max_steps: 100_000,
            reactions: "ode".into(),
            paths: 64,
        }
    }
}

/// Training settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields, default)]
pub struct TrainingFile {
    /// `default` chooses stages from the model and the data; `custom` takes `stages`.
    pub recipe: String,
    /// Where training begins: `given`, at the start values; `changes`, where the equations have the
    /// changes of the smoothed data, if the loss is lower there; `segments`, where segments of the
    /// span that have initial states of their own join, likewise; `auto`, as the recipe chooses (at
    /// the start values with `custom`).
    pub start: String,
    /// `auto`, or a method of docs/reference/gradients.md such as `discrete`, `forward`, `gauss`.
    pub gradient: String,
    /// What one gradient may hold in memory where it has a choice: `64 MB`, `1.5 GB`, `256 MiB`.
    pub memory: String,
    /// What computes gradients before the stage that finishes: `auto`, `cpu`, `gpu`, or a part of the name of a
    /// graphics card.
    pub device: String,
    /// Compare the gradient with differences of the loss before the first iteration.
    pub check: bool,
    /// Upper bound of all iterations together; the recipe's own when absent.
    pub iterations: Option<u32>,
    /// Weight of the sum of squares of network weights.
    pub l2: f64,
    /// Iterations without a better hold-out that end the training; the fit is then the one with the best
    /// hold-out. 0 for none.
    pub patience: u32,
    /// Trainings from so many places, of which the best counts; 1 begins at the start alone.
    pub starts: u32,
    /// Parameters without bounds and without a prior begin between their start divided by this and
    /// times this.
    pub starts_factor: f64,
    /// Stages in order, for `recipe = "custom"`.
    pub stages: Vec<StageFile>,
}

impl Default for TrainingFile {
    fn default() -> Self {
        TrainingFile {
            recipe: "default".into(),
            start: "auto".into(),
            gradient: "auto".into(),
            memory: "256 MiB".into(),
            device: "auto".into(),
            check: true,
            iterations: None,
            l2: 0.0,
            patience: 0,
            starts: 1,
            starts_factor: 10.0,
            stages: Vec::new(),
        }
    }
}

/// One stage of a recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields, default)]
pub struct StageFile {
    /// `adam`, `adamw`, `lbfgs`, `lbfgsb` (within bounds as they are), `lm`
    /// (Levenberg–Marquardt) or `cmaes` (CMA-ES, a global search).
    pub optimiser: String,
    /// Iterations at most.
    pub iterations: u32,
    /// Learning rate (Adam, AdamW).
    pub rate: f64,
    /// Share of the training time span used by this stage, in (0, 1]; a growing horizon is a
    /// list of stages with growing shares.
    pub horizon: f64,
    /// How the rate goes over the stage (Adam, AdamW): `constant`, or falling like half a `cosine`
    /// or `exponential`ly.
    pub schedule: String,
    /// Share of the rate that is left at the end of a falling schedule, in (0, 1].
    pub down_to: f64,
    /// Bound of the gradient's norm (Adam, AdamW): `none`; `norm`, at `clip_at`; `relative`, at
    /// `clip_at` times its running average, which needs no knowledge of the loss's size.
    pub clip: String,
    /// See `clip`.
    pub clip_at: f64,
    /// What the stage moves: `all`; `scalars`, all but network weights; `weights`; `noise`, what
    /// only noise models depend on; `all-but-noise`.
    pub scope: String,
    /// Decay of network weights (AdamW): each iteration takes `rate · decay` of every weight off.
    pub decay: f64,
    /// How much of the average of squared gradients an iteration keeps (Adam, AdamW), in [0, 1): the
    /// average remembers about `1/(1 - beta2)` iterations.
    pub beta2: f64,
    /// Standard deviation at which CMA-ES begins: 1 is about the size of the start value, or a
    /// factor of e on a log scale.
    pub spread: f64,
    /// Places of a generation of CMA-ES; 0 takes `4 + 3 ln n` for n parameters.
    pub population: u32,
    /// Experiments that an iteration looks at (Adam, AdamW); 0 looks at all of them.
    pub batch: u32,
    /// Iterations without a better hold-out that end the stage, at the best hold-out; 0 for none.
    pub patience: u32,
    /// Segments into which the training span of each experiment is cut (Adam, AdamW), each with an initial
    /// state of its own; `batch` then counts segments. 0 for none.
    pub segments: u32,
}

impl Default for StageFile {
    fn default() -> Self {
        StageFile {
            optimiser: "adam".into(),
            iterations: 300,
            rate: 0.05,
            horizon: 1.0,
            schedule: "constant".into(),
            down_to: 0.1,
            clip: "none".into(),
            clip_at: 5.0,
            scope: "all".into(),
            decay: 0.01,
            beta2: 0.999,
            spread: 1.0,
            population: 0,
            batch: 0,
            patience: 0,
            segments: 0,
        }
    }
}

/// What to compute beyond the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields, default)]
pub struct ForecastFile {
    /// End time; default a quarter of the data's span beyond its end.
    pub until: Option<f64>,
    /// `none`; other kinds of band come with uncertainty.
    pub bands: String,
}

impl Default for ForecastFile {
    fn default() -> Self {
        ForecastFile { until: None, bands: "none".into() }
    }
}
