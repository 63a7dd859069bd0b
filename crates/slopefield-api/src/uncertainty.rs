//! How sure a run is: what the window asks, and what is stored beside the run.
//!
//! An answer has a method. What every method gives are parameters with intervals and bands of the
//! observations; what only draws give (chains, their diagnostics) is optional.

use crate::types::Slice;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Asks how sure a run of the open project is. What is absent has its usual value.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct UncertaintyRequest {
    /// Run id.
    pub run: String,
    /// How: `nuts`, draws from the posterior, when absent; `laplace`, the normal distribution around
    /// the fit; `bootstrap`, fits to data drawn from the noise models; `profile`, refits along each
    /// parameter; `ensemble`, trainings from other starts.
    pub method: Option<String>,
    /// Chains.
    pub chains: Option<u32>,
    /// Draws of each chain that it learns from and that are thrown away.
    pub warmup: Option<u32>,
    /// Draws of each chain that are kept; draws or fits in all with the other methods.
    pub draws: Option<u32>,
    /// Seed; that of the study when absent.
    #[ts(type = "number | null")]
    pub seed: Option<u64>,
    /// Times of the bands of each experiment.
    pub points: Option<u32>,
}

/// Names a stored answer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct UncertaintyChoice {
    /// Its id.
    pub id: String,
}

/// A stored answer in a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct UncertaintySummary {
    /// Its id.
    pub id: String,
    /// Run it is about.
    pub run: String,
    /// Method, e.g. `nuts`.
    pub method: String,
    /// When it was made, milliseconds since 1970 UTC.
    #[ts(type = "number")]
    pub made_ms: i64,
}

/// The stored answers about a run, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct UncertaintyList {
    /// They.
    pub answers: Vec<UncertaintySummary>,
}

/// A stored answer in full.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct UncertaintyView {
    /// Id, run and method.
    pub summary: UncertaintySummary,
    /// What it says.
    pub result: UncertaintyResult,
}

/// What a method found. This is also the form in which a project file keeps it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct UncertaintyResult {
    /// What was done, for people: e.g. "Draws from the posterior (NUTS)".
    pub title: String,
    /// Settings and costs: name and value.
    pub settings: Vec<(String, String)>,
    /// One entry per scalar parameter.
    pub parameters: Vec<UncertainParameter>,
    /// Observations over the data and the forecast.
    pub bands: Vec<UncertainBand>,
    /// Draws, when the method makes some.
    pub draws: Option<KeptDraws>,
    /// Some draws of everything, weights of networks too, where the model has networks.
    pub whole: Option<KeptDraws>,
    /// What lies in the middle of the normal distribution that these are of, where they are of one.
    pub centre: Option<Slice>,
    /// How often measurements lie in their band.
    pub coverage: Vec<Coverage>,
    /// Refits along each parameter, when the method makes some; then there are no bands.
    pub profiles: Vec<UncertainProfile>,
    /// What speaks against trusting the answer.
    pub warnings: Vec<String>,
    /// Name of the time.
    pub time: String,
    /// Seconds it took.
    pub seconds: f64,
    /// Stopped before its end; what there was by then is kept.
    pub cancelled: bool,
}

/// How well a parameter is known.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct UncertainParameter {
    /// Name.
    pub name: String,
    /// Unit.
    pub unit: Option<String>,
    /// Value of the fit.
    pub fitted: Option<f64>,
    /// Mean.
    pub mean: Option<f64>,
    /// Standard deviation.
    pub sd: Option<f64>,
    /// 5 %, 25 %, 50 %, 75 % and 95 % quantiles.
    pub quantiles: [Option<f64>; 5],
    /// How well the chains agree, when there are some.
    pub chains: Option<ChainDiagnostics>,
}

/// How much draws are worth (Vehtari, Gelman, Simpson, Carpenter, Bürkner 2021).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct ChainDiagnostics {
    /// Monte-Carlo standard error of the mean.
    pub standard_error: Option<f64>,
    /// Effective number of draws in the bulk of the distribution.
    pub bulk: Option<f64>,
    /// Effective number of draws in its tails.
    pub tail: Option<f64>,
    /// R̂; near 1 when the chains agree.
    pub scale_reduction: Option<f64>,
}

/// Where an observation lies.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct UncertainBand {
    /// Experiment.
    pub experiment: String,
    /// Observation.
    pub observation: String,
    /// Times.
    pub times: Slice,
    /// 5 %, 25 %, 50 %, 75 % and 95 % quantiles of the model's value at these.
    pub value: [Slice; 5],
    /// 5 % and 95 % quantiles of a measurement: the model's value with the scatter of its noise
    /// model. Absent where the method gives none.
    pub measured: Option<[Slice; 2]>,
}

/// Draws of the scalar parameters, thinned where there were very many.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct KeptDraws {
    /// Names, in the order of the numbers of a draw.
    pub names: Vec<String>,
    /// Chains.
    pub chains: u32,
    /// Draws of each that are kept.
    pub draws: u32,
    /// Every how many-th draw is kept.
    pub every: u32,
    /// Chain by chain and draw by draw, as many numbers as there are names each.
    pub values: Slice,
}

/// How many of the measurements of an observation lie in the 90 % band of a measurement.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct Coverage {
    /// Experiment.
    pub experiment: String,
    /// Observation.
    pub observation: String,
    /// Held out: the method has not seen them.
    pub held_out: bool,
    /// Measurements.
    pub points: u32,
    /// Of these, inside.
    pub inside: u32,
}

/// Refits of all other parameters along one.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct UncertainProfile {
    /// Parameter.
    pub name: String,
    /// Its values, ascending.
    pub values: Slice,
    /// Rise of twice the loss over the fit at each; 3.84 bounds the 95 % interval.
    pub rises: Slice,
    /// The 95 % interval, where both ends were found.
    pub interval: Option<[f64; 2]>,
    /// What the profile says of the parameter.
    pub verdict: String,
}
