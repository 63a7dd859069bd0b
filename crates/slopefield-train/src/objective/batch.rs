//! The loss estimated from some of the experiments.

use super::{Evaluation, Objective};
use crate::failure::Failure;

impl Objective {
    /// How many experiments have points to train on.
    #[must_use]
    pub fn batchable(&self) -> usize {
        self.experiments.iter().filter(|e| !e.training.times.is_empty()).count()
    }

    /// Loss at `z` as [`Objective::evaluate`] gives it, with the data of all experiments estimated
    /// from those of some: their sum times the number of all over the number of these. `which`
    /// counts experiments that have points to train on. *Writes* the gradient with respect to `z`.
    /// The mean over sets that hold each experiment equally often is the loss.
    ///
    /// # Errors
    /// As [`Objective::evaluate`].
    pub fn evaluate_some(
        &mut self,
        z: &[f64],
        horizon: f64,
        which: &[usize],
        grad: &mut [f64],
    ) -> Result<Evaluation, Failure> {
        self.evaluations += 1;
        self.place(z)?;
        let all = self.batchable();
        let scale = all as f64 / which.len().max(1) as f64;
        self.grad_theta.fill(0.0);
        let mut sums = self.add_data(horizon, Some(which))?;
        sums.negative_log_likelihood *= scale;
        sums.sse *= scale;
        self.grad_theta.iter_mut().for_each(|g| *g *= scale);
        let extra = self.add_priors_here()?;
        let evaluation = self.evaluation(&sums, extra)?;
        self.gradient_by_z(grad)?;
        Ok(evaluation)
    }
}
