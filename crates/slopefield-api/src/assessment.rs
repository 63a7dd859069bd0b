//! Transfer types of the command `assess`: how sure a fit is, by any of the methods.

use crate::types::Slice;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// How to find out how sure a fit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum AssessMethod {
    /// The normal distribution around the fit, from the second derivatives of the loss.
    #[default]
    Laplace,
    /// Refits along each parameter.
    Profile,
    /// Refits to new data.
    Bootstrap,
    /// Trainings from other starts.
    Ensemble,
    /// Draws from the posterior distribution.
    Nuts,
}

/// Where the new data of a bootstrap come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ResamplingChoice {
    /// Drawn from the noise models around the fit.
    #[default]
    Parametric,
    /// The fit plus residuals drawn with replacement.
    Residual,
    /// Points drawn with replacement.
    Case,
}

/// Trains a study and finds out how sure the fit is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct AssessRequest {
    /// Path of `study.toml`.
    pub study: String,
    /// How.
    pub method: AssessMethod,
    /// Draws of the normal distribution (default 1000), refits of the bootstrap (200), trainings of
    /// the ensemble (20), draws of each chain (1000).
    pub draws: Option<u32>,
    /// Seed; default the study's.
    #[ts(type = "number | null")]
    pub seed: Option<u64>,
    /// Where the data of the bootstrap come from.
    pub resampling: ResamplingChoice,
    /// Number of times of the bands; default 201.
    pub points: Option<u32>,
    /// What computes gradients of refits and trainings of the ensemble before their last stage: `auto`, `cpu`,
    /// `gpu`, or a part of the name of a card; default what the study says.
    pub device: Option<String>,
}

/// How sure a fit is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct AssessReply {
    /// One entry per parameter that is no network weight.
    pub parameters: Vec<AssessedParameter>,
    /// Correlations of these parameters, row by row; NaN where there is none.
    pub correlation: Slice,
    /// Profiles, of that method.
    pub profiles: Vec<ProfileView>,
    /// Bands, from all methods.
    pub bands: Vec<AssessedBand>,
    /// Held-out points within the bands of measurements.
    pub coverage: Vec<AssessedCoverage>,
    /// Names of everything in the samples, weights too.
    pub names: Vec<String>,
    /// The samples of the parameters that the bands are made of, one after the other.
    pub samples: Slice,
    /// Name of the time.
    pub time: String,
    /// Refits that failed.
    pub failed: u32,
    /// Trainings of an ensemble that fit worse than chance allows.
    pub rejected: u32,
    /// Seconds, training excluded.
    pub seconds: f64,
    /// Stopped before its end.
    pub cancelled: bool,
    /// What speaks against trusting it.
    pub warnings: Vec<String>,
    /// What computed gradients, and why, in sentences without a full stop; empty where there was no choice.
    pub notes: Vec<String>,
}

/// What is known of a parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct AssessedParameter {
    /// Name.
    pub name: String,
    /// Fitted value.
    pub value: f64,
    /// Standard error or standard deviation of the samples.
    pub standard_error: Option<f64>,
    /// Lower end of the 95 % interval.
    pub low: Option<f64>,
    /// Upper end of the 95 % interval.
    pub high: Option<f64>,
    /// Whether the data fix it, in words.
    pub verdict: String,
    /// Names of the parameters with which it forms what alone is fixed.
    pub partners: Vec<String>,
}

/// The profile of a parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ProfileView {
    /// Parameter.
    pub name: String,
    /// Its values.
    pub values: Slice,
    /// Rise of twice the loss over the fit; 3.84 bounds the 95 % interval.
    pub rises: Slice,
}

/// Quantiles of an observation over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct AssessedBand {
    /// Experiment.
    pub experiment: String,
    /// Observation.
    pub observation: String,
    /// Times.
    pub times: Slice,
    /// 2.5 %, 5 %, 25 %, 50 %, 75 %, 95 % and 97.5 % quantiles of the model's value.
    pub value: [Slice; 7],
    /// The same of measurements.
    pub measured: [Slice; 7],
}

/// Held-out points of an observation within the bands of measurements.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct AssessedCoverage {
    /// Experiment.
    pub experiment: String,
    /// Observation.
    pub observation: String,
    /// Held-out points.
    pub points: u32,
    /// Points within the 50 %, 90 % and 95 % bands.
    pub inside: [u32; 3],
}
