//! The loss of a fitting problem and its exact gradient.
//!
//! loss = Σ −ln density (observations with a noise model)
//!      + Σ (value − measurement)² (least squares)
//!      − Σ ln prior + l2 · Σ weight².
//!
//! The terms are added as they are: next to a likelihood, least squares counts like normal noise
//! of standard deviation 1/√2 without its constant. The gradient goes through the observation
//! functions, the trajectory and the initial values; see `docs/derivations/training.md`.

mod batch;
mod dependence;
mod elsewhere;
mod experiment;
mod information;
mod many;
mod over_paths;
mod second_order;

pub(crate) use elsewhere::{Objectives, data_at};
pub(crate) use experiment::{assemble_params, initial_state, scratch_len, solve_rows};
pub(crate) use over_paths::moments;
pub use second_order::{Hessian, SecondDerivatives};

use crate::failure::{Failure, FailureKind};
use crate::lockstep::{Place, Seat};
use crate::noise::{NoiseKind, Term};
use crate::prior::Prior;
use crate::problem::{ObservationSpec, ParamKind, Problem, ProblemError};
use crate::recipe::Scope;
use crate::transform::Transform;
use experiment::ExperimentLoss;
use slopefield_adjoint::{GradientMethod, SteadyRows};
use slopefield_solve::Stepper;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Makes the gradient method and the stepper of each experiment (by index). Both should integrate
/// alike; the stepper serves predictions and hold-out scores.
#[derive(Clone)]
pub struct Methods {
    /// Gradient method of an experiment.
    pub gradient: Arc<dyn Fn(usize) -> Box<dyn GradientMethod> + Send + Sync>,
    /// Stepper of an experiment.
    pub stepper: Arc<dyn Fn(usize) -> Box<dyn Stepper> + Send + Sync>,
    /// A stepper that takes the steps with these ends again, without error control; none where that
    /// is not possible. It serves the check of the gradient.
    pub replay: Arc<Replay>,
}

/// See [`Methods::replay`].
pub type Replay = dyn Fn(usize, Vec<f64>) -> Option<Box<dyn Stepper>> + Send + Sync;

/// Result of one evaluation of the loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evaluation {
    /// What training minimises.
    pub loss: f64,
    /// Log-likelihood of the training points with all constants; `None` when any of them is
    /// least squares.
    pub log_likelihood: Option<f64>,
    /// Sum of squared differences of the least-squares points.
    pub sse: f64,
    /// Number of training points that counted.
    pub points: usize,
}

/// The loss of a [`Problem`] as a function of the unbounded coordinates `z`. Keeps its work
/// arrays: an evaluation allocates nothing of its own.
pub struct Objective {
    problem: Problem,
    methods: Methods,
    transforms: Vec<Transform>,
    priors: Vec<(usize, Prior)>,
    notes: Vec<String>,
    noise_only: Vec<bool>,
    experiments: Vec<ExperimentLoss>,
    theta: Vec<f64>,
    slope: Vec<f64>,
    grad_theta: Vec<f64>,
    evaluations: u64,
    /// Threads that may work at once, and what they work with besides this.
    threads: usize,
    others: Vec<Objective>,
    /// Where gradients are asked for that may be computed elsewhere.
    seat: Option<Seat>,
}

/// Sums over the points of experiments.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sums {
    /// `Σ −ln density`.
    pub negative_log_likelihood: f64,
    /// `Σ (value − measurement)²` of least-squares points.
    pub sse: f64,
    /// Points with a likelihood.
    pub likelihood_points: usize,
    /// Points without.
    pub least_squares_points: usize,
}

impl Sums {
    pub(crate) fn loss(&self) -> f64 {
        self.negative_log_likelihood + self.sse
    }

    pub(crate) fn points(&self) -> usize {
        self.likelihood_points + self.least_squares_points
    }

    /// Counts the term of one point.
    fn count(&mut self, spec: &ObservationSpec, term: &Term) {
        if spec.noise == NoiseKind::LeastSquares {
            self.sse += term.loss;
            self.least_squares_points += 1;
        } else {
            self.negative_log_likelihood += term.loss;
            self.likelihood_points += 1;
        }
    }

    /// Adds the sums over other points.
    fn add(&mut self, other: Sums) {
        self.negative_log_likelihood += other.negative_log_likelihood;
        self.sse += other.sse;
        self.likelihood_points += other.likelihood_points;
        self.least_squares_points += other.least_squares_points;
    }

    /// The mean of `count` equal sets of points.
    fn divide(&mut self, count: usize) {
        self.negative_log_likelihood /= count as f64;
        self.sse /= count as f64;
        self.likelihood_points /= count;
        self.least_squares_points /= count;
    }
}

impl Objective {
    /// Checks the problem and prepares it.
    pub fn new(problem: Problem, methods: Methods) -> Result<Objective, ProblemError> {
        problem.check()?;
        let mut transforms = Vec::with_capacity(problem.theta.len());
        let mut priors = Vec::new();
        let mut notes = Vec::new();
        for (i, spec) in problem.theta.iter().enumerate() {
            let (transform, note) = Transform::new(spec)?;
            transforms.push(transform);
            notes.extend(note);
            if let Some((name, arguments)) = &spec.prior {
                let prior = Prior::new(name, arguments)
                    .map_err(|source| ProblemError::Prior { name: spec.name.clone(), source })?;
                priors.push((i, prior));
            }
        }
        let method = |i: usize| -> Box<dyn GradientMethod> {
            // What was measured at rest has no solution over time.
            if problem.experiments[i].steady {
                Box::new(SteadyRows::new())
            } else {
                (methods.gradient)(i)
            }
        };
        let experiments = (0..problem.experiments.len())
            .map(|i| ExperimentLoss::new(&problem, i, method(i), &methods))
            .collect();
        let n = problem.theta.len();
        let noise_only = dependence::noise_only(&problem);
        Ok(Objective {
            noise_only,
            problem,
            methods,
            transforms,
            priors,
            notes,
            experiments,
            theta: vec![0.0; n],
            slope: vec![0.0; n],
            grad_theta: vec![0.0; n],
            evaluations: 0,
            threads: 1,
            others: Vec::new(),
            seat: None,
        })
    }

    /// The problem.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Number of elements of θ, and of `z`.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.transforms.len()
    }

    /// Things worth telling that came up while preparing, e.g. a start value moved off a bound.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Evaluations so far, failed ones included.
    #[must_use]
    pub fn evaluations(&self) -> u64 {
        self.evaluations
    }

    /// The maps between θ and `z`.
    #[must_use]
    pub fn transforms(&self) -> &[Transform] {
        &self.transforms
    }

    /// Which elements of θ a stage with this scope moves.
    #[must_use]
    pub fn moving(&self, scope: Scope) -> Vec<bool> {
        let kinds = self.problem.theta.iter().map(|spec| spec.kind);
        kinds.zip(&self.noise_only).map(|(kind, noise)| scope.moves(kind, *noise)).collect()
    }

    /// `z` of the start values.
    #[must_use]
    pub fn z_start(&self) -> Vec<f64> {
        self.transforms.iter().map(Transform::z_start).collect()
    }

    /// θ at `z`.
    #[must_use]
    pub fn theta(&self, z: &[f64]) -> Vec<f64> {
        let mut theta = vec![0.0; z.len()];
        self.theta_into(z, &mut theta);
        theta
    }

    /// Writes θ at `z`.
    pub fn theta_into(&self, z: &[f64], theta: &mut [f64]) {
        for ((theta, &z), transform) in theta.iter_mut().zip(z).zip(&self.transforms) {
            *theta = transform.theta(z).0;
        }
    }

    /// `z` of a θ; values on or beyond bounds are taken just inside.
    #[must_use]
    pub fn z(&self, theta: &[f64]) -> Vec<f64> {
        self.transforms.iter().zip(theta).map(|(t, &theta)| t.z(theta)).collect()
    }

    /// Lets every solve look at this flag before each step.
    pub fn set_cancel(&mut self, cancel: Option<Arc<AtomicBool>>) {
        self.problem.settings.cancel = cancel;
    }

    /// Loss at `z` over the share `horizon` (0 to 1) of each experiment's training span, which
    /// runs from its start to its last training point; at least one time after the start counts.
    /// With `grad`, *writes* the gradient with respect to `z`.
    ///
    /// # Errors
    /// Failed solves and values without a likelihood: to be taken as an infinite loss. The
    /// contents of `grad` are then unspecified.
    pub fn evaluate(
        &mut self,
        z: &[f64],
        horizon: f64,
        grad: Option<&mut [f64]>,
    ) -> Result<Evaluation, Failure> {
        self.evaluations += 1;
        self.place(z)?;
        self.evaluate_here(horizon, grad)
    }

    /// The same at a θ, which may lie on bounds, with the gradient times `slope` for each element:
    /// that by the coordinates of which θ has these slopes.
    pub(crate) fn evaluate_natural(
        &mut self,
        theta: &[f64],
        slope: &[f64],
        horizon: f64,
        grad: &mut [f64],
    ) -> Result<Evaluation, Failure> {
        self.evaluations += 1;
        self.theta.copy_from_slice(theta);
        self.slope.copy_from_slice(slope);
        self.evaluate_here(horizon, Some(grad))
    }

    /// Evaluates at the θ and the slopes that are set.
    fn evaluate_here(
        &mut self,
        horizon: f64,
        grad: Option<&mut [f64]>,
    ) -> Result<Evaluation, Failure> {
        let extra = self.add_priors()?;
        let sums = self.add_data(horizon, None)?;
        let evaluation = self.evaluation(&sums, extra)?;
        if let Some(grad) = grad {
            self.gradient_by_z(grad)?;
        }
        Ok(evaluation)
    }

    /// Adds the data terms of the experiments, or of some of those that have points to train on, and their
    /// derivatives by θ: from elsewhere where the training sits at a table for that.
    fn add_data(&mut self, horizon: f64, which: Option<&[usize]>) -> Result<Sums, Failure> {
        let seated = self.seat.as_ref().filter(|seat| seat.asks());
        let place = |data| Place {
            data,
            theta: self.theta.clone(),
            horizon,
            which: which.map(<[usize]>::to_vec),
        };
        let answer = seated.and_then(|seat| seat.ask(place(seat.data())));
        if let Some((sums, by_theta)) = answer {
            self.grad_theta.iter_mut().zip(by_theta).for_each(|(sum, d)| *sum += d);
            return Ok(sums);
        }
        let _turn = self.seat.as_ref().map(Seat::turn);
        let mut sums = Sums::default();
        let with_data = self.experiments.iter_mut().filter(|e| !e.training.times.is_empty());
        let counts = |i: usize| which.is_none_or(|which| which.contains(&i));
        for (_, experiment) in with_data.enumerate().filter(|(i, _)| counts(*i)) {
            experiment.add(&self.problem, &self.theta, horizon, &mut sums, &mut self.grad_theta)?;
        }
        Ok(sums)
    }

    /// The seat of the training that this objective serves.
    pub(crate) fn set_seat(&mut self, seat: Option<Seat>) {
        self.seat = seat;
    }

    /// The seat, which the objective has no more.
    pub(crate) fn take_seat(&mut self) -> Option<Seat> {
        self.seat.take()
    }

    /// From now on gradients may come from elsewhere, in less than double precision, or no more; whether they
    /// may. They only ever do of objectives that [`crate::together()`] hands to its pieces.
    pub fn set_elsewhere(&mut self, wanted: bool) -> bool {
        self.sit(wanted)
    }

    /// From now on gradients may come from elsewhere, or no more; whether they may.
    pub(crate) fn sit(&mut self, seated: bool) -> bool {
        if let Some(seat) = &mut self.seat {
            seat.sit(seated);
        }
        seated && self.seat.is_some()
    }

    /// Whether the training has a seat.
    pub(crate) fn has_seat(&self) -> bool {
        self.seat.is_some()
    }

    /// What there is to tell of gradients from elsewhere.
    pub(crate) fn news(&self) -> Vec<String> {
        self.seat.as_ref().map_or_else(Vec::new, Seat::news)
    }

    /// Loss at `z` as in [`Objective::evaluate`], without its gradient and so for less, where the
    /// steps of the gradient method are those of the solver: the two agree to the tolerance.
    ///
    /// # Errors
    /// As [`Objective::evaluate`].
    pub fn value(&mut self, z: &[f64], horizon: f64) -> Result<Evaluation, Failure> {
        let structure = self.problem.kernels.rhs.structure();
        let random = structure.noise.is_some() || structure.jumps.is_some();
        if random && self.experiments.iter().any(|e| e.many.is_none()) {
            // The loss is that of paths which only the gradient method knows.
            return self.evaluate(z, horizon, None);
        }
        self.evaluations += 1;
        self.place(z)?;
        let extra = self.add_priors()?;
        let _turn = self.seat.as_ref().map(Seat::turn);
        let mut sums = Sums::default();
        for (i, experiment) in self.experiments.iter_mut().enumerate() {
            let stepper = || (self.methods.stepper)(i);
            experiment.add_value(&self.problem, &self.theta, horizon, &stepper, &mut sums)?;
        }
        self.evaluation(&sums, extra)
    }

    /// Begins the gradient by θ with priors and regularisation, whose part of the loss is returned.
    fn add_priors(&mut self) -> Result<f64, Failure> {
        self.grad_theta.fill(0.0);
        self.add_priors_here()
    }

    /// Adds priors and regularisation to the gradient by θ; their part of the loss is returned.
    fn add_priors_here(&mut self) -> Result<f64, Failure> {
        let mut extra = 0.0;
        for &(i, ref prior) in &self.priors {
            let Some((value, slope)) = prior.log_density(self.theta[i]) else {
                let message = format!(
                    "parameter {}: its prior has no density at {}",
                    self.problem.theta[i].name, self.theta[i]
                );
                return Err(Failure::new(FailureKind::Prior, message));
            };
            extra -= value;
            self.grad_theta[i] -= slope;
        }
        if self.problem.l2 > 0.0 {
            for (i, spec) in self.problem.theta.iter().enumerate() {
                if spec.kind == ParamKind::Weight {
                    extra += self.problem.l2 * self.theta[i] * self.theta[i];
                    self.grad_theta[i] += 2.0 * self.problem.l2 * self.theta[i];
                }
            }
        }
        Ok(extra)
    }

    /// What an evaluation returns.
    fn evaluation(&self, sums: &Sums, extra: f64) -> Result<Evaluation, Failure> {
        let loss = sums.loss() + extra;
        if !loss.is_finite() {
            return Err(Failure::new(FailureKind::NonFinite, format!("the loss is {loss}")));
        }
        Ok(Evaluation {
            loss,
            log_likelihood: (sums.least_squares_points == 0)
                .then_some(-sums.negative_log_likelihood),
            sse: sums.sse,
            points: sums.points(),
        })
    }

    /// Writes the gradient by `z` from that by θ.
    fn gradient_by_z(&self, grad: &mut [f64]) -> Result<(), Failure> {
        for (i, g) in grad.iter_mut().enumerate() {
            *g = self.grad_theta[i] * self.slope[i];
            if !g.is_finite() {
                let message = format!(
                    "the gradient of the loss with respect to {} is {g}",
                    self.problem.theta[i].name
                );
                return Err(Failure::new(FailureKind::NonFinite, message));
            }
        }
        Ok(())
    }

    /// Bytes of tape and checkpoints that the last gradient held at its peak, over all experiments.
    #[must_use]
    pub fn gradient_memory(&self) -> u64 {
        self.experiments.iter().filter_map(|e| e.evaluated).map(|e| e.memory).sum()
    }

    /// Evaluations of the right-hand side on the way there, and evaluations and products of the
    /// derivative pass, of the last gradient over all experiments.
    #[must_use]
    pub fn gradient_work(&self) -> (u64, u64) {
        let all = self.experiments.iter().filter_map(|e| e.evaluated);
        all.fold((0, 0), |(there, back), e| (there + e.forward.rhs, back + e.reverse_products))
    }

    /// Name of the gradient method, and whether it differentiates the very steps of the solver.
    #[must_use]
    pub fn gradient_method(&self) -> (&'static str, bool) {
        let over_time = |e: &&ExperimentLoss| !self.problem.experiments[e.index].steady;
        let of = self.experiments.iter().find(over_time).or(self.experiments.first());
        let name = of.map_or("", ExperimentLoss::gradient_method);
        (name, slopefield_adjoint::method_info(name).is_none_or(|m| m.exact))
    }

    /// From now on, [`Objective::evaluate`] solves with the steps that are taken at `z`, so that
    /// the loss is as smooth as the model, and its gradient means nothing. Returns whether that is
    /// possible; [`Objective::thaw`] ends it.
    ///
    /// # Errors
    /// A solve at `z` that fails.
    pub fn freeze(&mut self, z: &[f64], horizon: f64) -> Result<bool, Failure> {
        self.place(z)?;
        let mut frozen = true;
        for (i, experiment) in self.experiments.iter_mut().enumerate() {
            let (stepper, replay) = (|| (self.methods.stepper)(i), |t| (self.methods.replay)(i, t));
            frozen &= experiment.freeze(&self.problem, &self.theta, horizon, &stepper, &replay)?;
        }
        if !frozen {
            self.thaw();
        }
        Ok(frozen)
    }

    /// Ends [`Objective::freeze`].
    pub fn thaw(&mut self) {
        self.experiments.iter_mut().for_each(ExperimentLoss::thaw);
    }

    /// Loss per held-out point at `z`, without priors and regularisation; `None` when nothing is
    /// held out.
    ///
    /// # Errors
    /// As [`Objective::evaluate`]: a model that breaks down before the last held-out point.
    pub fn hold_out(&mut self, z: &[f64]) -> Result<Option<f64>, Failure> {
        self.place(z)?;
        let mut sums = Sums::default();
        for (i, experiment) in self.experiments.iter_mut().enumerate() {
            let stepper = || (self.methods.stepper)(i);
            experiment.add_held_out(&self.problem, &self.theta, &stepper, &mut sums)?;
        }
        Ok((sums.points() > 0).then(|| sums.loss() / sums.points() as f64))
    }

    /// Whether any point is held out.
    #[must_use]
    pub fn has_hold_out(&self) -> bool {
        self.experiments.iter().any(ExperimentLoss::has_hold_out)
    }

    /// What solves and differentiates.
    pub(crate) fn methods(&self) -> &Methods {
        &self.methods
    }

    /// A stepper for an experiment, for predictions.
    pub(crate) fn stepper(&self, experiment: usize) -> Box<dyn Stepper> {
        (self.methods.stepper)(experiment)
    }

    /// Writes θ and its slope for `z`.
    fn place(&mut self, z: &[f64]) -> Result<(), Failure> {
        for (i, transform) in self.transforms.iter().enumerate() {
            (self.theta[i], self.slope[i]) = transform.theta(z[i]);
            if !self.theta[i].is_finite() {
                let message =
                    format!("parameter {} became {}", self.problem.theta[i].name, self.theta[i]);
                return Err(Failure::new(FailureKind::NonFinite, message));
            }
        }
        Ok(())
    }
}
