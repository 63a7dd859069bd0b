//! Measurements of many random paths at once: means and variances of what is observed.
//!
//! The paths are those of the settings' seed, the same in every evaluation, so that the loss is a
//! function of θ like any other, and its gradient that of the sample's moments.

use super::experiment::{ExperimentLoss, Part, initial_state, term};
use super::{Methods, Sums};
use crate::failure::Failure;
use crate::grid::Grid;
use crate::objective::experiment::assemble_params;
use crate::problem::{ObservationSpec, PathMoment, Problem, Source};
use slopefield_adjoint::{
    AlongPaths, Evaluated, Moments, PathGradient, PathMethod, Paths, observed_moment_gradient,
    observed_moments,
};
use slopefield_kernel::{Cotangent, Point};
use slopefield_solve::Ivp;

/// What solves and differentiates paths of one experiment.
pub(super) struct ManyPaths {
    methods: Methods,
    /// How many.
    pub count: usize,
}

impl ManyPaths {
    /// Of an experiment whose measurements are of many paths; none for any other.
    pub fn new(problem: &Problem, index: usize, methods: &Methods) -> Option<ManyPaths> {
        let mut series = problem.experiments[index].series.iter();
        let over = series.find_map(|s| problem.observations[s.observation].over_paths)?;
        Some(ManyPaths { methods: methods.clone(), count: over.paths })
    }
}

/// The value of an observation in rows of moments, and where its derivative goes.
fn moment_of<'a, T>(spec: &ObservationSpec, mean: &'a mut [T], variance: &'a mut [T]) -> &'a mut T {
    match spec.over_paths.map(|over| over.moment) {
        Some(PathMoment::Variance) => &mut variance[spec.value],
        _ => &mut mean[spec.value],
    }
}

impl ExperimentLoss {
    /// [`ExperimentLoss::add`] for measurements of many paths.
    pub(super) fn add_over_paths(
        &mut self,
        problem: &Problem,
        theta: &[f64],
        rows: usize,
        sums: &mut Sums,
        grad_theta: &mut [f64],
    ) -> Result<(), Failure> {
        let Some(many) = &self.many else { return Ok(()) };
        let (index, count) = (self.index, many.count);
        let experiment = &problem.experiments[index];
        assemble_params(experiment, theta, &mut self.p);
        initial_state(problem, index, &self.p, &mut self.u0, &mut self.scratch)?;
        let (saves, kernels) = (&self.training.times[..rows], problem.kernels_of(index));
        let (t0, t1) = (experiment.t0, saves[rows - 1]);
        let ivp = Ivp { rhs: &*kernels.rhs, t0, t1, u0: &self.u0, p: &self.p };
        let stepper = || (many.methods.stepper)(index);
        let gradient = || -> Box<dyn PathGradient> {
            Box::new(AlongPaths::new((many.methods.gradient)(index)))
        };
        let method = PathMethod { stepper: &stepper, gradient: &gradient };
        let settings = &problem.settings;
        let which = Paths { first: settings.path, count, threads: 0 };
        let mut own = Sums::default();
        let (mut failure, training) = (None, &self.training);
        let mut loss = |moments: Moments<'_>, by_mean: &mut [f64], by_variance: &mut [f64]| {
            let sought = Some((by_mean, by_variance));
            match compare(problem, index, training, rows, moments, sought, &mut own) {
                Ok(()) => own.loss(),
                Err(error) => {
                    failure = Some(error);
                    f64::INFINITY
                }
            }
        };
        let observe = &*kernels.observe;
        let found =
            observed_moment_gradient(method, &ivp, settings, which, saves, observe, &mut loss);
        if let Some(failure) = failure {
            return Err(failure);
        }
        let found = found.map_err(|error| Failure::from_solve(index, &experiment.name, error))?;
        self.evaluated = Some(Evaluated {
            loss: found.loss,
            forward: found.forward,
            reverse_products: found.reverse_products,
            memory: 8 * (count * rows * self.observed.len()) as u64,
            by_start_time: None,
        });
        sums.add(own);
        self.grad_u0.copy_from_slice(&found.by_u0);
        for &(state, _) in &experiment.fixed_initial {
            self.grad_u0[state] = 0.0;
        }
        self.grad_p.copy_from_slice(&found.by_p);
        let (mut dt, at) = (0.0, Point { t: t0, u: &[], p: &self.p });
        let grad = Cotangent { t: &mut dt, u: &mut [], p: &mut self.grad_p };
        kernels.initial.vjp(at, &self.grad_u0, grad, &mut self.scratch);
        for (source, by_p) in experiment.params.iter().zip(&self.grad_p) {
            if let Source::Theta(j) = *source {
                grad_theta[j] += by_p;
            }
        }
        Ok(())
    }

    /// The loss alone, of points within the horizon or of those held out.
    pub(super) fn add_value_over_paths(
        &mut self,
        problem: &Problem,
        theta: &[f64],
        part: Part,
        rows: usize,
        sums: &mut Sums,
    ) -> Result<(), Failure> {
        let Some(many) = &self.many else { return Ok(()) };
        let (index, experiment) = (self.index, &problem.experiments[self.index]);
        assemble_params(experiment, theta, &mut self.p);
        initial_state(problem, index, &self.p, &mut self.u0, &mut self.scratch)?;
        let grid = self.grid(part);
        let saves = &grid.times[..rows];
        let stepper = || (many.methods.stepper)(index);
        let at = (self.u0.as_slice(), self.p.as_slice());
        let (mean, variance) = moments(problem, index, at, many.count, saves, &stepper)?;
        let moments = Moments { mean: &mean, variance: &variance };
        compare(problem, index, grid, rows, moments, None, sums)
    }
}

/// Means and variances of all outputs of what is observed, row by row.
pub(crate) fn moments(
    problem: &Problem,
    index: usize,
    (u0, p): (&[f64], &[f64]),
    count: usize,
    saves: &[f64],
    stepper: &(dyn Fn() -> Box<dyn slopefield_solve::Stepper> + Sync),
) -> Result<(Vec<f64>, Vec<f64>), Failure> {
    let (experiment, kernels) = (&problem.experiments[index], problem.kernels_of(index));
    let (settings, observe) = (&problem.settings, &*kernels.observe);
    let (t0, t1) = (experiment.t0, saves.last().copied().unwrap_or(experiment.t0));
    if t1 <= t0 {
        // All paths are still the same.
        let outputs = observe.shape().outputs;
        let (mut mean, mut scratch) = (vec![0.0; saves.len() * outputs], Vec::new());
        scratch.resize(observe.scratch_len(), 0.0);
        for (row, t) in mean.chunks_exact_mut(outputs.max(1)).zip(saves) {
            observe.eval(*t, u0, p, row, &mut scratch);
        }
        let variance = vec![0.0; mean.len()];
        return Ok((mean, variance));
    }
    let ivp = Ivp { rhs: &*kernels.rhs, t0, t1, u0, p };
    let which = Paths { first: settings.path, count, threads: 0 };
    observed_moments(stepper, &ivp, settings, which, saves, observe)
        .map_err(|error| Failure::from_solve(index, &experiment.name, error))
}

/// Adds the terms of the points of the first rows; with `sought`, the derivatives of the loss by
/// means and variances.
fn compare(
    problem: &Problem,
    index: usize,
    grid: &Grid,
    rows: usize,
    moments: Moments<'_>,
    mut sought: Option<(&mut [f64], &mut [f64])>,
    sums: &mut Sums,
) -> Result<(), Failure> {
    let outputs = problem.kernels_of(index).observe.shape().outputs;
    let (mut mean, mut variance) = (vec![0.0; outputs], vec![0.0; outputs]);
    for row in 0..rows {
        let part = row * outputs..(row + 1) * outputs;
        mean.copy_from_slice(&moments.mean[part.clone()]);
        variance.copy_from_slice(&moments.variance[part.clone()]);
        for point in grid.at(row) {
            let spec = &problem.observations[point.observation];
            let value = *moment_of(spec, &mut mean, &mut variance);
            let arguments = &mean[spec.noise_args.clone()];
            let experiment = &problem.experiments[index];
            let at = Point { t: grid.times[row], u: &[], p: &[] };
            let found = term(experiment, index, spec, point, at, (value, arguments))?;
            sums.count(spec, &found);
            if let Some((by_mean, by_variance)) = &mut sought {
                let (by_mean, by_variance) =
                    (&mut by_mean[part.clone()], &mut by_variance[part.clone()]);
                *moment_of(spec, by_mean, by_variance) += found.d_value;
                for (by, d) in by_mean[spec.noise_args.clone()].iter_mut().zip(found.d_arguments) {
                    *by += d;
                }
            }
        }
    }
    Ok(())
}
