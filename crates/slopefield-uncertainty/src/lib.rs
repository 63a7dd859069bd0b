//! How sure a fit is.
//!
//! [`sample`] draws from the posterior distribution of the parameters with the No-U-Turn sampler;
//! [`Draws::summary`] says what the draws tell of each parameter and whether to trust them.
//!
//! *Invariant:* the same objective, start and seed give the same draws, whatever the number of
//! cores; a place where the model cannot be solved has probability 0 and is counted.

mod diagnostics;
mod draws;
mod normal;
mod posterior;
mod predictive;
mod sample;

pub use diagnostics::{effective_draws, quantiles, scale_reduction};
pub use draws::{Draws, Summary};
pub use normal::quantile as normal_quantile;
pub use posterior::Posterior;
pub use predictive::{Predicted, distribution, measured_quantiles};
pub use sample::{SampleError, SampleProgress, SampleSettings, sample};
