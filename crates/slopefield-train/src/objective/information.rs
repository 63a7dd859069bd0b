//! The loss with its gradient and its expected information, through the derivatives of the saved
//! states: `Σ Jᵀ W J` over the measurements, `J` the derivative of the observed value and its
//! noise arguments by θ and `W` their information ([`crate::NoiseKind::information`]).

use super::experiment::{
    Compare, ExperimentLoss, assemble_params, initial_state, show_what_is_observed,
};
use super::{Evaluation, Objective, Sums};
use crate::failure::{Failure, FailureKind};
use crate::problem::{ParamKind, Problem, Source};
use slopefield_adjoint::{GradientMethod, StateSensitivities};
use slopefield_kernel::{Point, Tangent};
use slopefield_solve::Ivp;

/// Work arrays of one experiment.
#[derive(Default)]
pub(super) struct Linearised {
    /// Solves with derivatives; made when first needed.
    solver: Option<Box<dyn StateSensitivities>>,
    /// Elements of θ that the experiment uses.
    used: Vec<usize>,
    states: Vec<f64>,
    /// Derivatives of the states by initial state and parameters.
    by_start: Vec<f64>,
    /// Derivatives of the initial state by the elements used, one after the other,
    initial: Vec<f64>,
    /// and of what is observed at one time.
    observed: Vec<f64>,
    direction: Vec<f64>,
    along: Vec<f64>,
    value: Vec<f64>,
}

/// Sums over θ that an experiment adds to.
struct Sought<'a> {
    grad: &'a mut [f64],
    information: &'a mut [f64],
}

impl Objective {
    /// Loss at `z` as [`Objective::evaluate`] gives it; *writes* its gradient and its expected
    /// information (`n × n`, row by row) with respect to `z`: for likelihoods the Fisher
    /// information, for least squares twice `JᵀJ`, with the curvature of priors and of the L2 term.
    /// Equals the second derivative where the residuals vanish and θ is a linear function of `z`;
    /// positive semidefinite everywhere. The gradient is that of the adjoint up to rounding.
    ///
    /// # Errors
    /// As [`Objective::evaluate`], and where the gradient method does not go step by step.
    pub fn evaluate_information(
        &mut self,
        z: &[f64],
        horizon: f64,
        grad: &mut [f64],
        information: &mut [f64],
    ) -> Result<Evaluation, Failure> {
        self.evaluations += 1;
        self.place(z)?;
        let n = self.transforms.len();
        information.fill(0.0);
        let extra = self.add_priors()?;
        for &(i, ref prior) in &self.priors {
            information[i * n + i] += prior.information(self.theta[i]);
        }
        if self.problem.l2 > 0.0 {
            for (i, spec) in self.problem.theta.iter().enumerate() {
                if spec.kind == ParamKind::Weight {
                    information[i * n + i] += 2.0 * self.problem.l2;
                }
            }
        }
        let mut sums = Sums::default();
        for experiment in &mut self.experiments {
            let sought = Sought { grad: &mut self.grad_theta, information: &mut *information };
            experiment.add_information(&self.problem, &self.theta, horizon, &mut sums, sought)?;
        }
        let evaluation = self.evaluation(&sums, extra)?;
        self.gradient_by_z(grad)?;
        for i in 0..n {
            for j in 0..n {
                let entry = &mut information[i * n + j];
                *entry *= self.slope[i] * self.slope[j];
                if !entry.is_finite() {
                    let names = [i, j].map(|k| &self.problem.theta[k].name);
                    let message =
                        format!("the information about {} and {} is {entry}", names[0], names[1]);
                    return Err(Failure::new(FailureKind::NonFinite, message));
                }
            }
        }
        Ok(evaluation)
    }

    /// Whether [`Objective::evaluate_information`] works; otherwise a sentence.
    ///
    /// # Errors
    /// A gradient method that does not go step by step, or too many parameters for a dense matrix.
    pub fn has_information(&self) -> Result<(), String> {
        let n = self.dimension();
        if n > MOST_PARAMETERS {
            return Err(format!(
                "{n} parameters are too many for Levenberg–Marquardt, which holds a matrix of them (at \
                 most {MOST_PARAMETERS}); use L-BFGS"
            ));
        }
        if self.experiments.iter().any(|e| e.many.is_some()) {
            return Err(NOT_OF_MOMENTS.into());
        }
        match self.experiments.iter().find(|e| e.method().state_sensitivities().is_none()) {
            None => Ok(()),
            Some(e) => Err(no_states(e.method())),
        }
    }
}

/// Above this many elements the matrix takes 32 MB and its factorisation seconds.
const MOST_PARAMETERS: usize = 2000;

const NOT_OF_MOMENTS: &str = "the information in means and variances over paths is not computed; \
                              use L-BFGS instead of Levenberg–Marquardt";

fn no_states(method: &dyn GradientMethod) -> String {
    format!(
        "Levenberg–Marquardt needs derivatives of the solver's own steps, which the gradient method \
         `{}` does not give; use the discrete adjoint or forward sensitivities, or L-BFGS",
        method.name()
    )
}

impl ExperimentLoss {
    /// Adds the loss of the training points within the horizon, its gradient and its information
    /// by θ.
    fn add_information(
        &mut self,
        problem: &Problem,
        theta: &[f64],
        horizon: f64,
        sums: &mut Sums,
        sought: Sought<'_>,
    ) -> Result<(), Failure> {
        let experiment = &problem.experiments[self.index];
        let rows = self.training.rows_of(experiment, horizon);
        if rows == 0 {
            return Ok(());
        }
        if self.many.is_some() {
            return Err(Failure::new(FailureKind::Solve, NOT_OF_MOMENTS.into()));
        }
        assemble_params(experiment, theta, &mut self.p);
        initial_state(problem, self.index, &self.p, &mut self.u0, &mut self.scratch)?;
        let saves = &self.training.times[..rows];
        let kernels = problem.kernels_of(self.index);
        show_what_is_observed(problem, &mut *self.method)?;
        let (n, columns) = (self.u0.len(), self.u0.len() + self.p.len());
        // Numbers of a row that observations take.
        let width = problem.observed();
        let work = &mut self.linearised;
        work.resize(rows, width, columns, (self.p.len(), self.observed.len()));
        work.used.clear();
        for source in &experiment.params {
            if let Source::Theta(i) = *source
                && !work.used.contains(&i)
            {
                work.used.push(i);
            }
        }
        work.initial.resize(work.used.len() * n, 0.0);
        work.observed.resize(work.used.len() * self.observed.len(), 0.0);
        let select = |element: usize, direction: &mut [f64]| {
            for (d, source) in direction.iter_mut().zip(&experiment.params) {
                *d = f64::from(u8::from(*source == Source::Theta(element)));
            }
        };
        for (element, du0) in work.used.iter().zip(work.initial.chunks_exact_mut(n.max(1))) {
            select(*element, &mut work.direction);
            let at = Point { t: experiment.t0, u: &[], p: &self.p };
            let along = Tangent { t: 0.0, u: &[], p: &work.direction };
            kernels.initial.jvp(at, along, &mut work.along[..n], du0, &mut self.scratch);
            for &(state, _) in &experiment.fixed_initial {
                du0[state] = 0.0;
            }
        }
        if saves[rows - 1] <= experiment.t0 && !experiment.steady {
            // Nothing to integrate: everything was measured at the start.
            for row in 0..rows {
                work.states[row * n..(row + 1) * n].copy_from_slice(&self.u0);
            }
            work.by_start.fill(0.0);
            for i in 0..rows * n {
                work.by_start[i * columns + i % n] = 1.0;
            }
        } else {
            let solver =
                match &mut work.solver {
                    Some(solver) => solver,
                    none => none.insert(self.method.state_sensitivities().ok_or_else(|| {
                        Failure::new(FailureKind::Solve, no_states(&*self.method))
                    })?),
                };
            let ivp = Ivp {
                rhs: &*kernels.rhs,
                t0: experiment.t0,
                t1: saves[rows - 1],
                u0: &self.u0,
                p: &self.p,
            };
            let (states, by_start) = (&mut work.states, &mut work.by_start);
            solver
                .states_and_jacobian(&ivp, &problem.settings, saves, states, by_start)
                .map_err(|error| Failure::from_solve(self.index, &experiment.name, error))?;
        }

        let outputs = self.observed.len();
        let mut compare = Compare {
            kernels,
            observations: &problem.observations,
            experiment,
            index: self.index,
            p: &self.p,
            observed: &mut self.observed,
            weights: &mut self.weights,
            scratch: &mut self.scratch,
        };
        let size = theta.len();
        for (row, &t) in saves.iter().enumerate() {
            let at = Point { t, u: &work.states[row * width..(row + 1) * width], p: compare.p };
            let points = self.training.at(row);
            compare.row(at, points, sums, None)?;
            let by_start = &work.by_start[row * width * columns..(row + 1) * width * columns];
            for (k, element) in work.used.iter().enumerate() {
                select(*element, &mut work.direction);
                let du0 = &work.initial[k * n..(k + 1) * n];
                for (du, by) in work.along.iter_mut().zip(by_start.chunks_exact(columns)) {
                    let through = |weights: &[f64], by: &[f64]| -> f64 {
                        // Products with what is 0 are left out: 0 · ∞ must not become NaN.
                        let both = weights.iter().zip(by).filter(|(w, _)| **w != 0.0);
                        both.map(|(w, s)| w * s).sum()
                    };
                    *du = through(du0, &by[..n]) + through(&work.direction, &by[n..]);
                }
                let along = Tangent { t: 0.0, u: &work.along, p: &work.direction };
                let out = &mut work.observed[k * outputs..(k + 1) * outputs];
                kernels.observe.jvp(at, along, &mut work.value, out, compare.scratch);
                sought.grad[*element] +=
                    out.iter().zip(&*compare.weights).map(|(d, w)| d * w).sum::<f64>();
            }
            for point in points {
                let spec = &problem.observations[point.observation];
                let arguments = &compare.observed[spec.noise_args.clone()];
                let value = compare.observed[spec.value];
                // That the term exists is known: the comparison would have failed.
                let Ok(w) = point.information(spec.noise, value, arguments) else { continue };
                let slot =
                    |i: usize| if i == 0 { spec.value } else { spec.noise_args.start + i - 1 };
                for (a, row) in w.iter().enumerate() {
                    for (b, entry) in row.iter().enumerate().filter(|(_, entry)| **entry != 0.0) {
                        for (k, i) in work.used.iter().enumerate() {
                            let left = entry * work.observed[k * outputs + slot(a)];
                            if left == 0.0 {
                                continue;
                            }
                            for (l, j) in work.used.iter().enumerate() {
                                sought.information[i * size + j] +=
                                    left * work.observed[l * outputs + slot(b)];
                            }
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

impl Linearised {
    fn resize(
        &mut self,
        rows: usize,
        width: usize,
        columns: usize,
        (params, outputs): (usize, usize),
    ) {
        self.states.resize(rows * width, 0.0);
        self.by_start.resize(rows * width * columns, 0.0);
        self.along.resize(width, 0.0);
        self.direction.resize(params, 0.0);
        self.value.resize(outputs, 0.0);
    }
}
