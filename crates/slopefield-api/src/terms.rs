//! Transfer types of learned terms: what the networks of a fit say, where they have been asked.

use crate::types::{RunSummary, Slice};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use ts_rs::TS;

/// Asks what the networks of a fit have learned.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct TermsRequest {
    /// Path of `study.toml`, which is trained first;
    pub study: Option<String>,
    /// or of a project file; the open project when both are absent.
    pub project: Option<String>,
    /// Run id or number; default the newest that has parameters.
    pub run: Option<String>,
    /// Values at which inputs are held while another one varies, by name; by default the medians of
    /// what was visited.
    pub held: BTreeMap<String, f64>,
    /// Points of each curve; default 81.
    pub points: Option<u32>,
    /// End of the forecast; default the study's.
    pub until: Option<f64>,
    /// Draws from the normal distribution around the fit, for a band where the project has none.
    pub spread: Option<u32>,
    /// Seed of these draws; default the study's.
    #[ts(type = "number | null")]
    pub seed: Option<u64>,
    /// Look for formulas as well.
    pub formulas: bool,
}

/// What networks have learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct TermsReply {
    /// Run of the project that was asked.
    pub run: Option<RunSummary>,
    /// Name of the time.
    pub time: String,
    /// One for each network that is applied somewhere.
    pub terms: Vec<TermView>,
    /// Distance up to which inputs count as seen, in parts of the visited range.
    pub near: f64,
    /// What the bands are made of; none without bands.
    pub spread: Option<String>,
    /// What could not be followed, in sentences.
    pub notes: Vec<String>,
}

/// A network and what it takes and gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct TermView {
    /// Name of the network.
    pub name: String,
    /// Names of its outputs.
    pub outputs: Vec<String>,
    /// Its inputs: the first sixteen where there are more.
    pub inputs: Vec<TermInputView>,
    /// How far it is asked from what it has seen, experiment by experiment.
    pub distances: Vec<TermDistance>,
    /// For each output formulas, simple ones first; none where they were not asked for.
    pub formulas: Vec<Vec<TermFormula>>,
}

/// A formula for an output of a learned term, and how well it describes what that gives where it was
/// trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct TermFormula {
    /// It, with its constants as numbers.
    pub text: String,
    /// Constants, inputs and functions in it.
    pub complexity: u32,
    /// Root mean square of what it misses, over the standard deviation of the output.
    pub error: f64,
    /// The same on blocks of samples that its coefficients were not fitted to.
    pub validated: f64,
    /// The best trade of error for complexity.
    pub recommended: bool,
}

/// Asks for the model text with formulas in the place of networks.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct ReplaceRequest {
    /// The fit, as in [`TermsRequest`]: path of `study.toml`,
    pub study: Option<String>,
    /// or of a project file; the open project when both are absent.
    pub project: Option<String>,
    /// Run id or number; default the newest that has parameters.
    pub run: Option<String>,
    /// Which outputs, and by which of their formulas; all of all networks by the recommended ones
    /// when empty.
    pub choices: Vec<FormulaChoice>,
    /// Train the new text too, on the same data, and compare.
    pub refit: bool,
}

/// A formula of the list of an output.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct FormulaChoice {
    /// Output, such as `encounter[1]`.
    pub output: String,
    /// Its place in the list, from 1; the recommended one when absent.
    pub formula: Option<u32>,
}

/// A model text with formulas in the place of networks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ReplaceReply {
    /// The text.
    pub text: String,
    /// Outputs that were replaced, and by what.
    pub replaced: Vec<(String, String)>,
    /// Fitted scalar parameters of the new text by name; empty unless it was trained.
    pub parameters: BTreeMap<String, f64>,
    /// The fit with the networks and that with the formulas; empty unless it was trained.
    pub comparison: Vec<ModelScore>,
}

/// How good a fit is, for comparison with others of the same data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ModelScore {
    /// Which.
    pub name: String,
    /// Free parameters, weights of networks among them.
    pub parameters: u32,
    /// Measurements that were trained on.
    pub points: u32,
    /// Training loss.
    pub loss: f64,
    /// Log-likelihood with all constants, where all measurements have a noise model.
    pub log_likelihood: Option<f64>,
    /// Loss per point on the hold-out.
    pub hold_out: Option<f64>,
    /// Akaike's information criterion.
    pub aic: Option<f64>,
    /// Schwarz's (Bayesian) information criterion.
    pub bic: Option<f64>,
}

/// An input of a learned term, with what the term gives as it varies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct TermInputView {
    /// The quantity.
    pub name: String,
    /// Least and greatest value while the fit was trained.
    pub range: [f64; 2],
    /// Value at which the other curves hold it.
    pub held: f64,
    /// Values that were visited while training, thinned where there were very many.
    pub visited: Slice,
    /// Values of this input,
    pub at: Slice,
    /// each output there,
    pub curves: Vec<TermCurve>,
    /// and how far the nearest visited inputs are, in parts of the visited range.
    pub distance: Slice,
}

/// One output over the values of one input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct TermCurve {
    /// The output at the fit.
    pub value: Slice,
    /// 5 % and 95 % quantiles where draws of the weights are known.
    pub band: Option<[Slice; 2]>,
}

/// How far a term is asked from what it has seen, along an experiment and its forecast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct TermDistance {
    /// Experiment.
    pub experiment: String,
    /// Time of the last point that was trained on.
    pub trained_until: f64,
    /// Times,
    pub times: Slice,
    /// and distances there, in parts of the visited range.
    pub values: Slice,
    /// What they mean for the forecast; none without a forecast.
    pub sentence: Option<String>,
}

/// Asks how runs of the open project compare.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct CompareRequest {
    /// Run ids.
    pub runs: Vec<String>,
}

/// How runs compare.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct CompareReply {
    /// One for each run.
    pub scores: Vec<ModelScore>,
    /// Runs that were trained on other measurements than the first, so that their numbers do not
    /// compare.
    pub differing: Vec<String>,
}
