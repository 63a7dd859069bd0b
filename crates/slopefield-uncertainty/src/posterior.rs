//! The posterior density as a function of the optimiser's coordinates.

use slopefield_train::{Failure, Objective};

/// `ln p(data | θ) + ln p(θ) + ln |dθ/dz|` up to a constant, as a function of `z`.
///
/// The objective is the negative sum of the first two, a flat prior being 1 within the bounds of a
/// parameter on its natural scale. The last term makes a density of `z` of it; with it, where and
/// how a parameter is bounded does not change its posterior. Priors count on the natural scale, as
/// the model text states them. The penalty `l2·Σ weight²` counts as a normal prior of the weights.
pub struct Posterior {
    objective: Objective,
}

impl Posterior {
    /// The posterior of an objective.
    #[must_use]
    pub fn new(objective: Objective) -> Posterior {
        Posterior { objective }
    }

    /// The objective behind it.
    #[must_use]
    pub fn objective(&self) -> &Objective {
        &self.objective
    }

    /// Logarithm of the density at `z`; its gradient is written to `grad`.
    ///
    /// # Errors
    /// Places where the loss or its gradient does not exist: the density counts as 0 there.
    pub fn log_density(&mut self, z: &[f64], grad: &mut [f64]) -> Result<f64, Failure> {
        let mut sum = -self.objective.evaluate(z, 1.0, Some(grad))?.loss;
        for ((g, transform), z) in grad.iter_mut().zip(self.objective.transforms()).zip(z) {
            let (log, slope) = transform.log_slope(*z);
            sum += log;
            *g = slope - *g;
        }
        Ok(sum)
    }
}
