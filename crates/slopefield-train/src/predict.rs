//! Curves of a model for plots and forecasts.

use crate::failure::{Failure, FailureKind};
use crate::objective::{Objective, assemble_params, initial_state, scratch_len};
use slopefield_adjoint::steady_states;
use slopefield_solve::{Ivp, drive};

impl Objective {
    /// Values of every observation at ascending `times`, for parameters `theta` in an experiment:
    /// one vector per observation, in the order of the problem.
    ///
    /// # Errors
    /// The solve failed before the last time, or the times are not ascending from the
    /// experiment's start.
    pub fn predict(
        &self,
        theta: &[f64],
        experiment: usize,
        times: &[f64],
    ) -> Result<Vec<Vec<f64>>, Failure> {
        let (curves, failure) = self.predict_until_failure(theta, experiment, times);
        failure.map_or(Ok(curves), Err)
    }

    /// As [`Objective::predict`], but a failed solve leaves NaN from where it stopped, next to
    /// the reason.
    #[must_use]
    pub fn predict_until_failure(
        &self,
        theta: &[f64],
        experiment: usize,
        times: &[f64],
    ) -> (Vec<Vec<f64>>, Option<Failure>) {
        let problem = self.problem();
        let mut curves = vec![Vec::with_capacity(times.len()); problem.observations.len()];
        let failure = self.observe(theta, experiment, times, &mut |outputs| {
            for (curve, spec) in curves.iter_mut().zip(&problem.observations) {
                curve.push(outputs[spec.value]);
            }
        });
        (curves, failure)
    }

    /// Tells `take` at each of the ascending `times` everything that the model says of the
    /// observations: the outputs of [`ModelKernels::observe`](crate::ModelKernels::observe), values
    /// and noise arguments. A failed solve leaves NaN from where it stopped and is returned.
    pub fn observe(
        &self,
        theta: &[f64],
        experiment: usize,
        times: &[f64],
        take: &mut dyn FnMut(&[f64]),
    ) -> Option<Failure> {
        let problem = self.problem();
        let observe = &problem.kernels_of(experiment).observe;
        let n = problem.states();
        let mut p = vec![0.0; problem.params()];
        assemble_params(&problem.experiments[experiment], theta, &mut p);
        let (states, failure) = self.states(theta, experiment, times);
        let mut outputs = vec![0.0; observe.shape().outputs];
        let mut scratch = vec![0.0; observe.scratch_len()];
        for (row, &t) in times.iter().enumerate() {
            let u = &states[row * n..(row + 1) * n];
            // A state that was not reached must not show as the number of an observation that
            // happens not to use it.
            if u.iter().any(|v| v.is_nan()) {
                outputs.fill(f64::NAN);
            } else {
                observe.eval(t, u, &p, &mut outputs, &mut scratch);
            }
            take(&outputs);
        }
        failure
    }

    /// States at ascending `times`, row by row; NaN from where a failed solve stopped. Of an
    /// experiment that was measured at rest, the steady states at these times.
    #[must_use]
    pub fn states(
        &self,
        theta: &[f64],
        experiment: usize,
        times: &[f64],
    ) -> (Vec<f64>, Option<Failure>) {
        let problem = self.problem();
        let spec = &problem.experiments[experiment];
        let mut states = vec![f64::NAN; times.len() * problem.states()];
        let Some(&last) = times.last() else { return (states, None) };
        if !theta.iter().all(|v| v.is_finite()) {
            let message = "a parameter is not a finite number".to_string();
            return (states, Some(Failure::new(FailureKind::NonFinite, message)));
        }
        let mut p = vec![0.0; problem.params()];
        assemble_params(spec, theta, &mut p);
        let mut u0 = vec![0.0; problem.states()];
        let mut scratch = vec![0.0; scratch_len(problem.kernels_of(experiment))];
        if let Err(failure) = initial_state(problem, experiment, &p, &mut u0, &mut scratch) {
            return (states, Some(failure));
        }
        let ivp = Ivp {
            rhs: &*problem.kernels_of(experiment).rhs,
            t0: spec.t0,
            t1: last,
            u0: &u0,
            p: &p,
        };
        let result = if spec.steady {
            steady_states(&ivp, &problem.settings, times, &mut states)
        } else {
            let mut stepper = self.stepper(experiment);
            drive(&mut *stepper, &ivp, &problem.settings, times, &mut states, None)
        };
        (states, result.err().map(|e| Failure::from_solve(experiment, &spec.name, e)))
    }
}
