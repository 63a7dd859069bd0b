//! How sure a fit is.
//!
//! [`Curvature`] holds the observed information at a fit; [`Laplace`] is the normal distribution
//! that follows from it, with standard errors, intervals, and which parameters the data fix only
//! in combination. [`profile`] refits along each parameter, [`bootstrap`] refits to new data,
//! [`ensemble`] trains from other starts; both take gradients from a graphics card where one is lent. [`sample`] draws from the posterior distribution of the
//! parameters with the No-U-Turn sampler; [`Draws::summary`] says what the draws tell of each
//! parameter and whether to trust them. [`bands`] and [`coverage`] make curves of any of these.
//!
//! *Invariant:* the same objective, start and seed give the same draws, whatever the number of
//! cores; a place where the model cannot be solved has probability 0 and is counted.

mod bands;
mod curvature;
mod diagnostics;
mod draws;
mod fits;
mod laplace;
mod matrix;
mod minimise;
mod normal;
mod parallel;
mod posterior;
mod predictive;
mod profile;
mod refits;
mod sample;
mod scatter;

pub use bands::{Band, Coverage, LEVELS, bands, coverage};
pub use curvature::{AssessError, Curvature};
pub use diagnostics::{effective_draws, quantiles, scale_reduction};
pub use draws::{Draws, Summary};
pub use fits::Refits;
pub use laplace::{COLLINEARITY, Estimate, Laplace, Verdict};
pub use normal::quantile as normal_quantile;
pub use posterior::Posterior;
pub use predictive::{Predicted, distribution, measured_quantiles};
pub use profile::{End, Profile, THRESHOLD, profile};
pub use refits::{Resampling, bootstrap, ensemble};
pub use sample::{SampleError, SampleProgress, SampleSettings, sample};
