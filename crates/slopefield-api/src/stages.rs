//! Stages of a recipe, as they are shown.

use serde::{Deserialize, Serialize};
use slopefield_study_file::StageFile;
use ts_rs::TS;

/// A stage of the recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct StageView {
    /// What the optimiser is called: `Adam`, `L-BFGS`.
    pub optimiser: String,
    /// Iterations at most.
    pub iterations: u32,
    /// Learning rate, for Adam.
    pub rate: Option<f64>,
    /// Share of the time span.
    pub horizon: f64,
    /// What else it does, for people; may be empty.
    pub details: String,
    /// The stage as a study writes it.
    pub file: StageFile,
}
