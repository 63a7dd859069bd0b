//! Exact products of the Hessian of the loss with a direction: the tangent of the whole gradient,
//! through transforms, priors, noise models, observations, the very steps of the solver, and initial
//! values.

use super::experiment::{ExperimentLoss, assemble_params, initial_state, term};
use super::{Evaluation, Objective, Sums};
use crate::failure::{Failure, FailureKind};
use crate::optimise::symmetric::decompose;
use crate::problem::{ParamKind, Problem, Source};
use slopefield_adjoint::{SecondOrder, SecondOrderAdjoint};
use slopefield_kernel::{Cotangent, HessianProduct, Point, Tangent};
use slopefield_solve::Ivp;
use std::sync::Arc;

/// What products with the Hessian need beside a [`Problem`].
#[derive(Clone, Copy)]
pub struct SecondDerivatives<'a> {
    /// Name of the solver, a one-step method.
    pub solver: &'a str,
    /// Bytes that one product may hold.
    pub memory: u64,
    /// Of the initial values.
    pub initial: &'a dyn HessianProduct,
    /// Of the observations: for each experiment, or one for all.
    pub observe: &'a [Arc<dyn HessianProduct>],
}

impl<'a> SecondDerivatives<'a> {
    /// Of the observations in an experiment.
    fn observe_of(&self, experiment: usize) -> Option<&'a dyn HessianProduct> {
        let found = match self.observe {
            [one] => Some(one),
            several => several.get(experiment),
        };
        found.map(|product| &**product)
    }
}

/// The Hessian of the loss at a place.
#[derive(Debug, Clone, PartialEq)]
pub struct Hessian {
    /// The loss there.
    pub loss: f64,
    /// Its gradient.
    pub gradient: Vec<f64>,
    /// Second derivatives, `n × n` row by row: each row is a product of its own.
    pub matrix: Vec<f64>,
    /// Largest difference between an entry and the one across the diagonal, relative to the largest
    /// entry: rounding, unless something is wrong.
    pub asymmetry: f64,
    /// Curvatures along orthogonal directions, ascending. At a minimum none is below 0; those near 0
    /// belong to combinations of parameters that the data say little of.
    pub eigenvalues: Vec<f64>,
}

/// Above this many parameters the whole matrix is not made.
const MOST_PARAMETERS: usize = 300;

/// What a product adds to, by θ.
struct Sought<'a> {
    grad: &'a mut [f64],
    product: &'a mut [f64],
}

impl Objective {
    /// Loss at `z` as [`Objective::evaluate`] gives it; *writes* its gradient and the product of its
    /// Hessian with `direction`, both with respect to `z`. Exact for the steps that are taken, like the
    /// gradient of the discrete adjoint, whose derivative it is; about four solves.
    ///
    /// # Errors
    /// As [`Objective::evaluate`]; a sentence for systems with delays, noise, jumps and mass matrices,
    /// for data at rest, and for solvers that are no one-step methods.
    pub fn hessian_product(
        &mut self,
        z: &[f64],
        direction: &[f64],
        second: SecondDerivatives<'_>,
        grad: &mut [f64],
        product: &mut [f64],
    ) -> Result<Evaluation, Failure> {
        let n = self.dimension();
        if [z.len(), direction.len(), grad.len(), product.len()] != [n; 4] {
            let message = format!("a product with the Hessian has {n} numbers everywhere");
            return Err(Failure::new(FailureKind::Solve, message));
        }
        self.evaluations += 1;
        self.place(z)?;
        let along: Vec<f64> = self.slope.iter().zip(direction).map(|(s, d)| s * d).collect();
        let mut sums = Sums::default();
        let extra = self.add_priors()?;
        let mut by_theta = vec![0.0; n];
        for &(i, ref prior) in &self.priors {
            by_theta[i] += prior.curvature(self.theta[i]) * along[i];
        }
        for (i, spec) in self.problem.theta.iter().enumerate() {
            if spec.kind == ParamKind::Weight {
                by_theta[i] += 2.0 * self.problem.l2 * along[i];
            }
        }
        for experiment in &mut self.experiments {
            let sought = Sought { grad: &mut self.grad_theta, product: &mut by_theta };
            let here = (self.theta.as_slice(), along.as_slice());
            experiment.add_product(&self.problem, here, second, &mut sums, sought)?;
        }
        let evaluation = self.evaluation(&sums, extra)?;
        self.gradient_by_z(grad)?;
        for (i, out) in product.iter_mut().enumerate() {
            // The slope of the transform changes along the way too.
            let bend = self.transforms[i].log_slope(z[i]).1;
            *out = self.slope[i] * by_theta[i] + grad[i] * bend * direction[i];
            if !out.is_finite() {
                let message = format!(
                    "the second derivative of the loss with respect to {} is {out}",
                    self.problem.theta[i].name
                );
                return Err(Failure::new(FailureKind::NonFinite, message));
            }
        }
        Ok(evaluation)
    }

    /// The whole Hessian with respect to `z`, by a product for each parameter.
    ///
    /// # Errors
    /// As [`Objective::hessian_product`]; a sentence for more than 300 parameters.
    pub fn hessian(
        &mut self,
        z: &[f64],
        second: SecondDerivatives<'_>,
    ) -> Result<Hessian, Failure> {
        let n = self.dimension();
        if n > MOST_PARAMETERS {
            let message = format!(
                "a matrix of second derivatives by {n} parameters is too large (at most \
                 {MOST_PARAMETERS}); products with it along a direction are not"
            );
            return Err(Failure::new(FailureKind::Solve, message));
        }
        let (mut gradient, mut matrix) = (vec![0.0; n], vec![0.0; n * n]);
        let (mut direction, mut loss) = (vec![0.0; n], f64::NAN);
        for (i, row) in matrix.chunks_exact_mut(n.max(1)).enumerate() {
            direction[i] = 1.0;
            loss = self.hessian_product(z, &direction, second, &mut gradient, row)?.loss;
            direction[i] = 0.0;
        }
        let largest = matrix.iter().fold(0.0f64, |most, x| most.max(x.abs()));
        let across = (0..n).flat_map(|i| (0..i).map(move |j| (i, j)));
        let off = across.map(|(i, j)| (matrix[i * n + j] - matrix[j * n + i]).abs());
        let asymmetry = off.fold(0.0, f64::max) / largest.max(f64::MIN_POSITIVE);
        let (mut diagonal, mut vectors) = (matrix.clone(), vec![0.0; n * n]);
        decompose(&mut diagonal, &mut vectors, n);
        let mut eigenvalues: Vec<f64> = (0..n).map(|i| diagonal[i * n + i]).collect();
        eigenvalues.sort_by(f64::total_cmp);
        Ok(Hessian { loss, gradient, matrix, asymmetry, eigenvalues })
    }
}

/// A row of numbers and its change along the direction.
#[derive(Default)]
struct Pair {
    value: Vec<f64>,
    change: Vec<f64>,
}

impl Pair {
    fn zeros(len: usize) -> Pair {
        Pair { value: vec![0.0; len], change: vec![0.0; len] }
    }
}

impl ExperimentLoss {
    /// Adds the loss of the training points, its gradient by θ and the change of that along a
    /// direction of θ.
    fn add_product(
        &mut self,
        problem: &Problem,
        (theta, along): (&[f64], &[f64]),
        second: SecondDerivatives<'_>,
        sums: &mut Sums,
        sought: Sought<'_>,
    ) -> Result<(), Failure> {
        let (index, rows) = (self.index, self.training.times.len());
        let experiment = &problem.experiments[index];
        if rows == 0 {
            return Ok(());
        }
        let refuse = |what: &str| {
            let message = format!("experiment {}: {what}", experiment.name);
            Err(Failure::new(FailureKind::Solve, message))
        };
        if experiment.steady || self.many.is_some() || problem.observes_the_past() {
            return refuse(
                "products with the Hessian go through solutions over time, observed without delays",
            );
        }
        let Some(observe) = second.observe_of(index) else {
            return refuse("the second derivatives of its observations are not known");
        };
        let Some(mut method) = SecondOrderAdjoint::named(second.solver) else {
            return refuse(&format!(
                "products with the Hessian go through the steps of one-step methods, not through `{}`; \
                 use tsit5, rodas5p, kencarp4 or radau",
                second.solver
            ));
        };
        method = method.with_memory(second.memory);
        assemble_params(experiment, theta, &mut self.p);
        initial_state(problem, index, &self.p, &mut self.u0, &mut self.scratch)?;
        let kernels = problem.kernels_of(index);
        let (n, params) = (self.u0.len(), self.p.len());
        let mut dp = vec![0.0; params];
        for (d, source) in dp.iter_mut().zip(&experiment.params) {
            *d = if let Source::Theta(i) = *source { along[i] } else { 0.0 };
        }
        let room = self.scratch.len().max(second.initial.scratch_len());
        let mut scratch = vec![0.0; room.max(observe.scratch_len())];
        let start = Point { t: experiment.t0, u: &[], p: &self.p };
        let along_start = Tangent { t: 0.0, u: &[], p: &dp };
        let (mut value, mut du0) = (vec![0.0; n], vec![0.0; n]);
        kernels.initial.jvp(start, along_start, &mut value, &mut du0, &mut scratch);
        for &(state, _) in &experiment.fixed_initial {
            du0[state] = 0.0;
        }
        let saves = &self.training.times[..];
        let (mut by_u0, mut by_p) = (Pair::zeros(n), Pair::zeros(params));
        let mut direct = Pair::zeros(params);
        let mut seen = Seen { problem, index, observe, dp: &dp, scratch: &mut scratch };
        let training = &self.training;
        let (mut own, mut failure) = (Sums::default(), None);
        let mut loss = |u: &[f64], du: &[f64], w: &mut [f64], dw: &mut [f64]| {
            for (row, t) in saves.iter().enumerate() {
                let part = row * n..(row + 1) * n;
                let at = Point { t: *t, u: &u[part.clone()], p: &self.p };
                let by = (&mut w[part.clone()], &mut dw[part.clone()]);
                let points = training.at(row);
                if let Err(e) = seen.row(at, &du[part], points, &mut own, by, &mut direct) {
                    failure = Some(e);
                    return f64::INFINITY;
                }
            }
            own.loss()
        };
        let last = saves[rows - 1];
        let result = if last > experiment.t0 {
            let (t0, t1) = (experiment.t0, last);
            let ivp = Ivp { rhs: &*kernels.rhs, t0, t1, u0: &self.u0, p: &self.p };
            let out = SecondOrder {
                by_u0: &mut by_u0.value,
                by_p: &mut by_p.value,
                change_u0: &mut by_u0.change,
                change_p: &mut by_p.change,
            };
            let settings = &problem.settings;
            method.evaluate(&ivp, settings, saves, (&du0, &dp), &mut loss, out).map(|_| ())
        } else {
            // Everything was measured at the start.
            let (states, tangents) = (self.u0.repeat(rows), du0.repeat(rows));
            let mut weights = Pair::zeros(rows * n);
            loss(&states, &tangents, &mut weights.value, &mut weights.change);
            for (k, (w, dw)) in weights.value.iter().zip(&weights.change).enumerate() {
                by_u0.value[k % n] += w;
                by_u0.change[k % n] += dw;
            }
            Ok(())
        };
        if let Some(failure) = failure {
            return Err(failure);
        }
        result.map_err(|error| Failure::from_solve(index, &experiment.name, error))?;
        sums.add(own);
        for &(state, _) in &experiment.fixed_initial {
            (by_u0.value[state], by_u0.change[state]) = (0.0, 0.0);
        }
        let mut dt = 0.0;
        for (weights, out) in
            [(&by_u0.value, &mut direct.value), (&by_u0.change, &mut direct.change)]
        {
            let grad = Cotangent { t: &mut dt, u: &mut [], p: out };
            kernels.initial.vjp(start, weights, grad, &mut scratch);
        }
        let grad = Cotangent { t: &mut dt, u: &mut [], p: &mut direct.change };
        second.initial.hvp(start, along_start, &by_u0.value, grad, &mut scratch);
        for (k, source) in experiment.params.iter().enumerate() {
            if let Source::Theta(i) = *source {
                sought.grad[i] += by_p.value[k] + direct.value[k];
                sought.product[i] += by_p.change[k] + direct.change[k];
            }
        }
        Ok(())
    }
}

/// What is observed along the way.
struct Seen<'a> {
    problem: &'a Problem,
    index: usize,
    observe: &'a dyn HessianProduct,
    dp: &'a [f64],
    scratch: &'a mut [f64],
}

impl Seen<'_> {
    /// The terms of all points at one time, with the derivatives by the state and past it by the
    /// parameters, and the changes of these along `du` and the parameters' direction.
    fn row(
        &mut self,
        at: Point<'_>,
        du: &[f64],
        points: &[crate::grid::Point],
        sums: &mut Sums,
        (by_u, change_u): (&mut [f64], &mut [f64]),
        direct: &mut Pair,
    ) -> Result<(), Failure> {
        let kernels = self.problem.kernels_of(self.index);
        let outputs = kernels.observe.shape().outputs;
        let (mut seen, mut weights) = (Pair::zeros(outputs), Pair::zeros(outputs));
        let along = Tangent { t: 0.0, u: du, p: self.dp };
        kernels.observe.jvp(at, along, &mut seen.value, &mut seen.change, self.scratch);
        for point in points {
            let spec = &self.problem.observations[point.observation];
            let experiment = &self.problem.experiments[self.index];
            let (value, arguments) = (seen.value[spec.value], &seen.value[spec.noise_args.clone()]);
            let first = term(experiment, self.index, spec, point, at, (value, arguments))?;
            sums.count(spec, &first);
            weights.value[spec.value] += first.d_value;
            for (slot, d) in spec.noise_args.clone().zip(first.d_arguments) {
                weights.value[slot] += d;
            }
            // The term exists, so its second derivatives do.
            let Ok(bent) = point.curvature(spec.noise, value, arguments) else { continue };
            let slots = || std::iter::once(spec.value).chain(spec.noise_args.clone());
            for (row, slot) in bent.iter().zip(slots()) {
                let change: f64 = row.iter().zip(slots()).map(|(b, k)| b * seen.change[k]).sum();
                weights.change[slot] += change;
            }
        }
        let mut dt = 0.0;
        let grad = Cotangent { t: &mut dt, u: by_u, p: &mut direct.value };
        kernels.observe.vjp(at, &weights.value, grad, self.scratch);
        let grad = Cotangent { t: &mut dt, u: &mut *change_u, p: &mut direct.change };
        kernels.observe.vjp(at, &weights.change, grad, self.scratch);
        let grad = Cotangent { t: &mut dt, u: change_u, p: &mut direct.change };
        self.observe.hvp(at, along, &weights.value, grad, self.scratch);
        Ok(())
    }
}
