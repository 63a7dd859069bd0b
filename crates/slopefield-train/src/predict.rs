//! Curves of a model for plots and forecasts.

use crate::failure::{Failure, FailureKind};
use crate::objective::{
    Objective, assemble_params, initial_state, moments, scratch_len, solve_rows,
};
use crate::problem::PathMoment;
use slopefield_adjoint::steady_states;
use slopefield_solve::Ivp;

/// Means and variances of all outputs, row by row.
type Rows = (Vec<f64>, Vec<f64>);

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
        let n = problem.observed();
        let mut p = vec![0.0; problem.params()];
        assemble_params(&problem.experiments[experiment], theta, &mut p);
        let (states, failure) = self.states(theta, experiment, times);
        let mut outputs = vec![0.0; observe.shape().outputs];
        let mut scratch = vec![0.0; observe.scratch_len()];
        let over_paths = self.moments(theta, experiment, times);
        let failure =
            failure.or(over_paths.as_ref().and_then(|found| found.as_ref().err().cloned()));
        for (row, &t) in times.iter().enumerate() {
            let u = &states[row * n..(row + 1) * n];
            // A state that was not reached must not show as the number of an observation that
            // happens not to use it.
            if u.iter().any(|v| v.is_nan()) {
                outputs.fill(f64::NAN);
            } else {
                observe.eval(t, u, &p, &mut outputs, &mut scratch);
            }
            self.put_moments(over_paths.as_ref(), row, &mut outputs);
            take(&outputs);
        }
        failure
    }

    /// Means and variances of what is observed at ascending `times`, where some observation is over
    /// random paths.
    fn moments(
        &self,
        theta: &[f64],
        experiment: usize,
        times: &[f64],
    ) -> Option<Result<Rows, Failure>> {
        let problem = self.problem();
        let over = problem.observations.iter().find_map(|o| o.over_paths)?;
        if times.is_empty() || theta.iter().any(|v| !v.is_finite()) {
            return None;
        }
        let (mut p, mut u0) = (vec![0.0; problem.params()], vec![0.0; problem.states()]);
        assemble_params(&problem.experiments[experiment], theta, &mut p);
        let mut scratch = vec![0.0; scratch_len(problem.kernels_of(experiment))];
        if let Err(failure) = initial_state(problem, experiment, &p, &mut u0, &mut scratch) {
            return Some(Err(failure));
        }
        let make = self.methods().stepper.clone();
        let stepper = || make(experiment);
        Some(moments(problem, experiment, (&u0, &p), over.paths, times, &stepper))
    }

    /// Puts moments in the places of the values of one path, and means in those of their noise
    /// arguments; NaN where the paths could not be solved.
    fn put_moments(&self, found: Option<&Result<Rows, Failure>>, row: usize, outputs: &mut [f64]) {
        let Some(found) = found else { return };
        for spec in &self.problem().observations {
            let Some(over) = spec.over_paths else { continue };
            let places = std::iter::once(spec.value).chain(spec.noise_args.clone());
            for place in places {
                let at = row * outputs.len() + place;
                outputs[place] = match (found, over.moment) {
                    (Err(_), _) => f64::NAN,
                    (Ok((_, variance)), PathMoment::Variance) if place == spec.value => {
                        variance[at]
                    }
                    (Ok((mean, _)), _) => mean[at],
                };
            }
        }
    }

    /// What observations take at ascending `times`, row by row: the states, and where an observation
    /// reads the past, the delayed values behind them ([`crate::Problem::observed`]). NaN from where a
    /// failed solve stopped. Of an experiment that was measured at rest, the steady states at these times.
    #[must_use]
    pub fn states(
        &self,
        theta: &[f64],
        experiment: usize,
        times: &[f64],
    ) -> (Vec<f64>, Option<Failure>) {
        let problem = self.problem();
        let spec = &problem.experiments[experiment];
        let mut states = vec![f64::NAN; times.len() * problem.observed()];
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
            solve_rows(problem, &mut *stepper, &ivp, &problem.settings, times, &mut states)
        };
        (states, result.err().map(|e| Failure::from_solve(experiment, &spec.name, e)))
    }
}
