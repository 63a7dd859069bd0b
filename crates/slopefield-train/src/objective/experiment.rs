//! One experiment's part of the loss: solve, observe, compare, and the gradient back to θ.

use super::information::Linearised;
use super::over_paths::ManyPaths;
use super::{Methods, Sums};
use crate::failure::{Failure, FailureKind};
use crate::grid::{Grid, Point as Measured};
use crate::noise::Term;
use crate::problem::{Censoring, Experiment, ModelKernels, ObservationSpec, Problem, Source};
use slopefield_adjoint::{Evaluated, GradientMethod, steady_states};
use slopefield_kernel::{Cotangent, Point};
use slopefield_solve::{
    Ivp, Settings, SolveError, Stats, StepObserver, StepTimes, Stepper, drive, drive_with_delayed,
};

/// Work arrays and grids of one experiment.
pub(super) struct ExperimentLoss {
    /// What the last gradient took.
    pub evaluated: Option<Evaluated>,
    /// Of evaluations with information.
    pub linearised: Linearised,
    pub index: usize,
    pub method: Box<dyn GradientMethod>,
    /// Takes the steps of one place again, while the gradient is checked.
    frozen: Option<Box<dyn Stepper>>,
    /// For losses without a gradient; made when first needed.
    stepper: Option<Box<dyn Stepper>>,
    pub training: Grid,
    held_out: Grid,
    pub p: Vec<f64>,
    pub u0: Vec<f64>,
    pub grad_u0: Vec<f64>,
    /// Gradient with respect to `p` through the trajectory.
    pub grad_p: Vec<f64>,
    /// Gradient with respect to `p` through observations and initial values.
    direct_p: Vec<f64>,
    /// States at the times of points, where no gradient is wanted.
    states: Vec<f64>,
    pub observed: Vec<f64>,
    pub weights: Vec<f64>,
    pub scratch: Vec<f64>,
    /// Where many paths are measured at once.
    pub many: Option<ManyPaths>,
}

/// Writes the model's parameter vector for an experiment.
pub(crate) fn assemble_params(experiment: &Experiment, theta: &[f64], p: &mut [f64]) {
    for (p, source) in p.iter_mut().zip(&experiment.params) {
        *p = match *source {
            Source::Theta(i) => theta[i],
            Source::Fixed(value) => value,
        };
    }
}

/// Writes the initial state for an experiment.
pub(crate) fn initial_state(
    problem: &Problem,
    index: usize,
    p: &[f64],
    u0: &mut [f64],
    scratch: &mut [f64],
) -> Result<(), Failure> {
    let experiment = &problem.experiments[index];
    problem.kernels_of(index).initial.eval(experiment.t0, &[], p, u0, scratch);
    for &(state, value) in &experiment.fixed_initial {
        u0[state] = value;
    }
    if let Some(state) = u0.iter().position(|v| !v.is_finite()) {
        let message = format!(
            "experiment {}: the initial value of state {state} is {}",
            experiment.name, u0[state]
        );
        let mut failure = Failure::new(FailureKind::NonFinite, message);
        failure.experiment = Some(index);
        failure.time = Some(experiment.t0);
        failure.state = Some(state);
        failure.u = u0.to_vec();
        return Err(failure);
    }
    Ok(())
}

/// Solves and writes what observations take at `saves` to `rows`: the states, and where some observation
/// reads the past, the delayed values behind them.
pub(crate) fn solve_rows(
    problem: &Problem,
    stepper: &mut dyn Stepper,
    ivp: &Ivp<'_>,
    settings: &Settings,
    saves: &[f64],
    rows: &mut [f64],
) -> Result<Stats, SolveError> {
    if problem.observes_the_past() {
        drive_with_delayed(stepper, ivp, settings, saves, rows)
    } else {
        drive(stepper, ivp, settings, saves, rows, None)
    }
}

/// Lets a gradient method show delayed values where observations read them.
pub(super) fn show_what_is_observed(
    problem: &Problem,
    method: &mut dyn GradientMethod,
) -> Result<(), Failure> {
    if !problem.observes_the_past() || method.show_delayed() {
        return Ok(());
    }
    let message = format!(
        "observations that read delayed values are differentiated by the methods `discrete` and \
         `forward`, not by `{}`",
        method.name()
    );
    Err(Failure::new(FailureKind::Solve, message))
}

/// Adds to the derivative by θ what those by the initial state and by the parameters, through the
/// trajectory and past it, of an experiment come to.
pub(super) fn back_to_theta(
    (problem, index): (&Problem, usize),
    p: &[f64],
    (grad_u0, grad_p, direct_p): (&mut [f64], &[f64], &mut [f64]),
    scratch: &mut [f64],
    grad_theta: &mut [f64],
) {
    let experiment = &problem.experiments[index];
    for &(state, _) in &experiment.fixed_initial {
        grad_u0[state] = 0.0;
    }
    let (mut dt, at) = (0.0, Point { t: experiment.t0, u: &[], p });
    let grad = Cotangent { t: &mut dt, u: &mut [], p: &mut *direct_p };
    problem.kernels_of(index).initial.vjp(at, grad_u0, grad, scratch);
    for (i, source) in experiment.params.iter().enumerate() {
        if let Source::Theta(j) = *source {
            grad_theta[j] += grad_p[i] + direct_p[i];
        }
    }
}

/// Longest scratch that any of the model functions needs.
pub(crate) fn scratch_len(kernels: &ModelKernels) -> usize {
    kernels.initial.scratch_len().max(kernels.observe.scratch_len())
}

impl ExperimentLoss {
    pub fn new(
        problem: &Problem,
        index: usize,
        method: Box<dyn GradientMethod>,
        methods: &Methods,
    ) -> Self {
        let experiment = &problem.experiments[index];
        let (n, params) = (problem.states(), problem.params());
        let outputs = problem.kernels.observe.shape().outputs;
        let held_out = Grid::new(experiment, true);
        ExperimentLoss {
            evaluated: None,
            linearised: Linearised::default(),
            index,
            method,
            frozen: None,
            stepper: None,
            training: Grid::new(experiment, false),
            p: vec![0.0; params],
            u0: vec![0.0; n],
            grad_u0: vec![0.0; n],
            grad_p: vec![0.0; params],
            direct_p: vec![0.0; params],
            states: vec![0.0; held_out.times.len() * problem.observed()],
            held_out,
            observed: vec![0.0; outputs],
            weights: vec![0.0; outputs],
            scratch: vec![0.0; scratch_len(problem.kernels_of(index))],
            many: ManyPaths::new(problem, index, methods),
        }
    }

    pub(super) fn grid(&self, part: Part) -> &Grid {
        match part {
            Part::Training => &self.training,
            Part::HeldOut => &self.held_out,
        }
    }

    pub fn method(&self) -> &dyn GradientMethod {
        &*self.method
    }

    pub fn gradient_method(&self) -> &'static str {
        self.method.name()
    }

    /// Keeps the steps that are taken at θ; false where they cannot be taken again.
    pub fn freeze(
        &mut self,
        problem: &Problem,
        theta: &[f64],
        horizon: f64,
        stepper: &dyn Fn() -> Box<dyn Stepper>,
        replay: &dyn Fn(Vec<f64>) -> Option<Box<dyn Stepper>>,
    ) -> Result<bool, Failure> {
        let experiment = &problem.experiments[self.index];
        let rows = self.training.rows_of(experiment, horizon);
        if self.many.is_some() {
            return Ok(false);
        }
        if rows == 0 || experiment.steady || self.training.times[rows - 1] <= experiment.t0 {
            return Ok(true);
        }
        assemble_params(experiment, theta, &mut self.p);
        initial_state(problem, self.index, &self.p, &mut self.u0, &mut self.scratch)?;
        let saves = &self.training.times[..rows];
        let ivp = Ivp {
            rhs: &*problem.kernels_of(self.index).rhs,
            t0: experiment.t0,
            t1: saves[rows - 1],
            u0: &self.u0,
            p: &self.p,
        };
        let mut record = StepTimes::default();
        let mut states = vec![0.0; rows * self.u0.len()];
        let (settings, observer) = (&problem.settings, Some(&mut record as &mut dyn StepObserver));
        drive(&mut *stepper(), &ivp, settings, saves, &mut states, observer)
            .map_err(|error| Failure::from_solve(self.index, &experiment.name, error))?;
        self.frozen = replay(record.times);
        Ok(self.frozen.is_some())
    }

    pub fn thaw(&mut self) {
        self.frozen = None;
    }

    pub fn has_hold_out(&self) -> bool {
        !self.held_out.points.is_empty()
    }

    /// Adds the loss of the training points within the horizon and its gradient.
    pub fn add(
        &mut self,
        problem: &Problem,
        theta: &[f64],
        horizon: f64,
        sums: &mut Sums,
        grad_theta: &mut [f64],
    ) -> Result<(), Failure> {
        let experiment = &problem.experiments[self.index];
        let rows = self.training.rows_of(experiment, horizon);
        if rows == 0 {
            return Ok(());
        }
        if self.many.is_some() {
            return self.add_over_paths(problem, theta, rows, sums, grad_theta);
        }
        assemble_params(experiment, theta, &mut self.p);
        initial_state(problem, self.index, &self.p, &mut self.u0, &mut self.scratch)?;
        self.direct_p.fill(0.0);
        self.grad_p.fill(0.0);
        self.grad_u0.fill(0.0);

        show_what_is_observed(problem, &mut *self.method)?;
        let n = problem.observed();
        let saves = &self.training.times[..rows];
        let mut compare = Compare {
            kernels: problem.kernels_of(self.index),
            observations: &problem.observations,
            experiment,
            index: self.index,
            p: &self.p,
            observed: &mut self.observed,
            weights: &mut self.weights,
            scratch: &mut self.scratch,
        };
        let (training, direct_p) = (&self.training, &mut self.direct_p);
        let mut failure = None;
        // A gradient of a mean over paths asks for the loss of each of them, all equally often.
        let (mut own, mut calls) = (Sums::default(), 0);
        let mut loss = |states: &[f64], cotangents: &mut [f64]| {
            let before = own.loss();
            calls += 1;
            let by = (&mut *cotangents, &mut direct_p[..]);
            if let Err(error) = compare.rows(training, 0..rows, states, &mut own, by) {
                failure = Some(error);
                cotangents.fill(0.0);
                return f64::INFINITY;
            }
            own.loss() - before
        };
        if saves[rows - 1] <= experiment.t0 && !experiment.steady {
            // Nothing to integrate: everything was measured at the start.
            loss(&self.u0, &mut self.grad_u0);
        } else {
            let ivp = Ivp {
                rhs: &*problem.kernels_of(self.index).rhs,
                t0: experiment.t0,
                t1: saves[rows - 1],
                u0: &self.u0,
                p: &self.p,
            };
            let (grad_u0, grad_p) = (&mut self.grad_u0, &mut self.grad_p);
            let settings = &problem.settings;
            let result = match &mut self.frozen {
                Some(steps) => {
                    let mut states = vec![0.0; rows * n];
                    solve_rows(problem, &mut **steps, &ivp, settings, saves, &mut states).map(
                        |_| {
                            loss(&states, &mut vec![0.0; rows * n]);
                        },
                    )
                }
                None => {
                    let gradient =
                        self.method.evaluate(&ivp, settings, saves, &mut loss, grad_u0, grad_p);
                    gradient.map(|evaluated| self.evaluated = Some(evaluated))
                }
            };
            match result {
                Ok(()) => {}
                Err(error) if failure.is_none() => {
                    return Err(Failure::from_solve(self.index, &experiment.name, error));
                }
                Err(_) => {}
            }
        }
        if let Some(failure) = failure {
            return Err(failure);
        }
        if calls > 1 {
            own.divide(calls);
            self.direct_p.iter_mut().for_each(|d| *d /= calls as f64);
        }
        sums.add(own);

        back_to_theta(
            (problem, self.index),
            &self.p,
            (&mut self.grad_u0, &self.grad_p, &mut self.direct_p),
            &mut self.scratch,
            grad_theta,
        );
        Ok(())
    }

    /// Adds the loss of the held-out points.
    pub fn add_held_out(
        &mut self,
        problem: &Problem,
        theta: &[f64],
        stepper: &dyn Fn() -> Box<dyn Stepper>,
        sums: &mut Sums,
    ) -> Result<(), Failure> {
        let rows = self.held_out.times.len();
        self.add_without_gradient(problem, theta, Part::HeldOut, rows, stepper, sums)
    }

    /// Adds the loss of the training points within the horizon.
    pub fn add_value(
        &mut self,
        problem: &Problem,
        theta: &[f64],
        horizon: f64,
        stepper: &dyn Fn() -> Box<dyn Stepper>,
        sums: &mut Sums,
    ) -> Result<(), Failure> {
        let rows = self.training.rows_of(&problem.experiments[self.index], horizon);
        self.add_without_gradient(problem, theta, Part::Training, rows, stepper, sums)
    }

    fn add_without_gradient(
        &mut self,
        problem: &Problem,
        theta: &[f64],
        part: Part,
        rows: usize,
        stepper: &dyn Fn() -> Box<dyn Stepper>,
        sums: &mut Sums,
    ) -> Result<(), Failure> {
        if rows == 0 {
            return Ok(());
        }
        if self.many.is_some() {
            return self.add_value_over_paths(problem, theta, part, rows, sums);
        }
        let experiment = &problem.experiments[self.index];
        assemble_params(experiment, theta, &mut self.p);
        initial_state(problem, self.index, &self.p, &mut self.u0, &mut self.scratch)?;
        let grid = match part {
            Part::Training => &self.training,
            Part::HeldOut => &self.held_out,
        };
        let saves = &grid.times[..rows];
        let last = saves[rows - 1];
        let n = problem.observed();
        self.states.resize(self.states.len().max(rows * n), 0.0);
        let states = &mut self.states[..rows * n];
        if last > experiment.t0 || experiment.steady {
            let ivp = Ivp {
                rhs: &*problem.kernels_of(self.index).rhs,
                t0: experiment.t0,
                t1: last,
                u0: &self.u0,
                p: &self.p,
            };
            let solved = if experiment.steady {
                steady_states(&ivp, &problem.settings, saves, states)
            } else {
                let stepper = self.stepper.get_or_insert_with(stepper);
                solve_rows(problem, &mut **stepper, &ivp, &problem.settings, saves, states)
            };
            solved.map_err(|error| Failure::from_solve(self.index, &experiment.name, error))?;
        } else {
            states.chunks_exact_mut(n.max(1)).for_each(|row| row.copy_from_slice(&self.u0));
        }
        let mut compare = Compare {
            kernels: problem.kernels_of(self.index),
            observations: &problem.observations,
            experiment,
            index: self.index,
            p: &self.p,
            observed: &mut self.observed,
            weights: &mut self.weights,
            scratch: &mut self.scratch,
        };
        for (row, &t) in saves.iter().enumerate() {
            let at = Point { t, u: &states[row * n..(row + 1) * n], p: compare.p };
            compare.row(at, grid.at(row), sums, None)?;
        }
        Ok(())
    }
}

/// The term of one point, for the model's value and noise arguments.
pub(super) fn term(
    experiment: &Experiment,
    index: usize,
    spec: &ObservationSpec,
    point: &Measured,
    at: Point<'_>,
    (value, arguments): (f64, &[f64]),
) -> Result<Term, Failure> {
    point.term(spec.noise, value, arguments).map_err(|error| {
        let side = match point.censoring {
            Censoring::Measured => "",
            Censoring::Below => "below ",
            Censoring::Above => "above ",
        };
        let message = format!(
            "experiment {}: observation {} at t = {}: {error} (measured {side}{}, model {value})",
            experiment.name, spec.name, at.t, point.y
        );
        let mut failure = Failure::new(FailureKind::Noise, message);
        failure.experiment = Some(index);
        failure.observation = Some(point.observation);
        failure.time = Some(at.t);
        failure.u = at.u.to_vec();
        failure
    })
}

/// Points of an experiment.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Training,
    HeldOut,
}

/// Compares the model with the measurements of one time.
pub(super) struct Compare<'a> {
    pub kernels: &'a ModelKernels,
    pub observations: &'a [ObservationSpec],
    pub experiment: &'a Experiment,
    pub index: usize,
    pub p: &'a [f64],
    pub observed: &'a mut [f64],
    pub weights: &'a mut [f64],
    pub scratch: &'a mut [f64],
}

impl Compare<'_> {
    /// Adds the terms of all points and their derivatives by states and, past the trajectory, by
    /// parameters; `rows` says for the times of the grid, one after the other, which row of `states` is
    /// theirs.
    pub fn rows(
        &mut self,
        grid: &Grid,
        rows: impl Iterator<Item = usize>,
        states: &[f64],
        sums: &mut Sums,
        (cotangents, direct_p): (&mut [f64], &mut [f64]),
    ) -> Result<(), Failure> {
        let n = self.kernels.observe.shape().states;
        for (k, row) in rows.enumerate() {
            let part = row * n..(row + 1) * n;
            let at = Point { t: grid.times[k], u: &states[part.clone()], p: self.p };
            let reverse = Some((&mut cotangents[part], &mut *direct_p));
            self.row(at, grid.at(k), sums, reverse)?;
        }
        Ok(())
    }

    /// Adds the terms of all points at one time; with `reverse`, adds the derivative of the loss
    /// with respect to the state and, past the trajectory, to the parameters.
    pub fn row(
        &mut self,
        at: Point<'_>,
        points: &[Measured],
        sums: &mut Sums,
        reverse: Option<(&mut [f64], &mut [f64])>,
    ) -> Result<(), Failure> {
        self.kernels.observe.eval(at.t, at.u, at.p, self.observed, self.scratch);
        self.weights.fill(0.0);
        for point in points {
            let spec = &self.observations[point.observation];
            let arguments = &self.observed[spec.noise_args.clone()];
            let value = self.observed[spec.value];
            let term = term(self.experiment, self.index, spec, point, at, (value, arguments))?;
            sums.count(spec, &term);
            self.weights[spec.value] += term.d_value;
            for (k, slot) in spec.noise_args.clone().enumerate() {
                self.weights[slot] += term.d_arguments[k];
            }
        }
        if let Some((du, dp)) = reverse {
            let mut dt = 0.0;
            let grad = Cotangent { t: &mut dt, u: du, p: dp };
            self.kernels.observe.vjp(at, self.weights, grad, self.scratch);
        }
        Ok(())
    }
}
