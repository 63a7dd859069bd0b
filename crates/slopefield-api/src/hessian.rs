//! Second derivatives of a study's loss.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// How the gradient of a loss changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct HessianView {
    /// Change of the gradient along its own direction, per unit of that: the product of the Hessian
    /// with the gradient over its length, in the order of the reply's names.
    pub along_gradient: Vec<f64>,
    /// Second derivative of the loss in that direction.
    pub curvature: f64,
    /// Largest difference of two entries across the diagonal relative to the largest entry, where there
    /// are few parameters and the whole matrix was computed.
    pub asymmetry: Option<f64>,
    /// Curvatures along orthogonal directions in the optimiser's coordinates, ascending; none where
    /// there are many parameters.
    pub eigenvalues: Vec<f64>,
}
