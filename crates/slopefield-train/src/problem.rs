//! What is to be fitted: model functions, parameters, experiments with measurements.
//!
//! Plain data. [`Problem::check`] refuses what cannot work, by name, before anything is solved.

use crate::grid::Grid;
use crate::noise::NoiseKind;
use crate::prior::{Prior, PriorError};
use crate::transform::{Transform, TransformError};
use slopefield_kernel::{Kernel, Part, Shape};
use slopefield_solve::Settings;
use std::ops::Range;
use std::sync::Arc;

/// The compiled functions of a model. All take the same parameter vector `p`.
#[derive(Clone)]
pub struct ModelKernels {
    /// `p → u0`; no states in its shape. Called with the experiment's start time.
    pub initial: Arc<dyn Kernel>,
    /// `(t, u, p) → u'`.
    pub rhs: Arc<dyn Kernel>,
    /// `(t, u, p) →` for each observation its value followed by its noise arguments.
    pub observe: Arc<dyn Kernel>,
}

/// A measured quantity and its noise model.
#[derive(Debug, Clone, PartialEq)]
pub struct ObservationSpec {
    /// Name, for messages.
    pub name: String,
    /// Distribution of a measurement around the value.
    pub noise: NoiseKind,
    /// Index of the value in the output of `observe`.
    pub value: usize,
    /// Where the noise arguments are in the output of `observe`; as many as the noise takes.
    pub noise_args: Range<usize>,
    /// Measured was this of the value over random paths, not the value on one. Noise arguments are
    /// then means over the paths.
    pub over_paths: Option<OverPaths>,
}

/// A moment over the paths of a random system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverPaths {
    /// Which.
    pub moment: PathMoment,
    /// Number of paths, at least 2: from that of the settings on, with the same random numbers in
    /// every evaluation.
    pub paths: usize,
}

/// Moments over paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathMoment {
    /// Mean of the sample.
    Mean,
    /// Variance of the sample, with one less than the number of paths in the denominator.
    Variance,
}

/// Scale on which the optimiser moves a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scale {
    /// As it is.
    #[default]
    Linear,
    /// Its logarithm.
    Log,
    /// Its logit between the bounds.
    Logit,
}

/// What an element of θ is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParamKind {
    /// A parameter with a meaning of its own.
    Scalar,
    /// A weight of a network; L2 regularisation applies.
    Weight,
}

/// One element of the vector θ that training moves.
#[derive(Debug, Clone, PartialEq)]
pub struct ParamSpec {
    /// Name, for messages.
    pub name: String,
    /// Start value.
    pub start: f64,
    /// Bounds, possibly infinite.
    pub bounds: (f64, f64),
    /// Scale of the optimiser.
    pub scale: Scale,
    /// Prior on the natural scale: name of the model language and its numbers.
    pub prior: Option<(String, Vec<f64>)>,
    /// Scalar or network weight.
    pub kind: ParamKind,
}

/// Where an element of the model's parameter vector comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Source {
    /// Element of θ; shared when several experiments name the same.
    Theta(usize),
    /// A number.
    Fixed(f64),
}

/// What the number of a measurement says of the quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Censoring {
    /// That it was measured.
    #[default]
    Measured,
    /// That it was too small to be measured: below the number.
    Below,
    /// That it was too large: above the number.
    Above,
}

impl Censoring {
    /// How far a value of the model is from a measured one: 0 on the side of a limit where the
    /// quantity is.
    #[must_use]
    pub fn residual(self, value: f64, y: f64) -> f64 {
        let r = value - y;
        match self {
            Censoring::Below if r < 0.0 => 0.0,
            Censoring::Above if r > 0.0 => 0.0,
            _ => r,
        }
    }
}

/// Measurements of one observation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// Index into [`Problem::observations`].
    pub observation: usize,
    /// Times, in any order, none before the experiment's start.
    pub times: Vec<f64>,
    /// Values; NaN is a missing value.
    pub values: Vec<f64>,
    /// Points kept out of training; empty means none.
    pub held_out: Vec<bool>,
    /// What the values say; empty means that all were measured.
    pub censored: Vec<Censoring>,
    /// How many measurements each point counts for, not negative; empty means one.
    pub weights: Vec<f64>,
}

impl Series {
    /// Whether point `i` is kept out of training.
    #[must_use]
    pub fn is_held_out(&self, i: usize) -> bool {
        self.held_out.get(i).copied().unwrap_or(false)
    }

    /// What the value of point `i` says.
    #[must_use]
    pub fn censoring(&self, i: usize) -> Censoring {
        self.censored.get(i).copied().unwrap_or_default()
    }

    /// How many measurements point `i` counts for.
    #[must_use]
    pub fn weight(&self, i: usize) -> f64 {
        self.weights.get(i).copied().unwrap_or(1.0)
    }

    /// Times and values of the points to train on that were measured: not missing, not held out, not censored.
    pub fn measured(&self) -> impl Iterator<Item = (f64, f64)> {
        let used = |i: &usize| {
            !self.is_held_out(*i)
                && !self.values[*i].is_nan()
                && self.censoring(*i) == Censoring::Measured
        };
        (0..self.times.len()).filter(used).map(|i| (self.times[i], self.values[i]))
    }
}

/// One run of the system with its measurements.
#[derive(Debug, Clone, PartialEq)]
pub struct Experiment {
    /// Name, for messages.
    pub name: String,
    /// Time at which the initial values hold.
    pub t0: f64,
    /// One entry per element of the model's `p`.
    pub params: Vec<Source>,
    /// States whose initial value is given here instead of by `initial`: index and value.
    pub fixed_initial: Vec<(usize, f64)>,
    /// Measurements.
    pub series: Vec<Series>,
    /// They were made at rest: the state at the time of each is the steady state of the equations
    /// with that time in them that is reached from the initial values.
    pub steady: bool,
}

/// A whole fitting problem.
#[derive(Clone)]
pub struct Problem {
    /// Model functions.
    pub kernels: ModelKernels,
    /// Model functions of each experiment, where they differ because experiments are driven by
    /// signals of their own; empty when all experiments use [`Problem::kernels`].
    pub driven: Vec<ModelKernels>,
    /// Measured quantities.
    pub observations: Vec<ObservationSpec>,
    /// The vector θ.
    pub theta: Vec<ParamSpec>,
    /// Experiments.
    pub experiments: Vec<Experiment>,
    /// Solver settings.
    pub settings: Settings,
    /// Weight of the sum of squares of the elements of kind [`ParamKind::Weight`].
    pub l2: f64,
}

/// A problem that cannot be trained.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ProblemError {
    /// Sizes of the functions do not fit together.
    #[error("the model functions do not fit together: {0}")]
    Kernels(String),
    /// An observation is badly specified.
    #[error("observation {name}: {what}")]
    Observation {
        /// The observation.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// A parameter's start value and bounds.
    #[error(transparent)]
    Parameter(#[from] TransformError),
    /// A parameter's prior.
    #[error("parameter {name}: {source}")]
    Prior {
        /// The parameter.
        name: String,
        /// What is wrong.
        source: PriorError,
    },
    /// An experiment or its data.
    #[error("experiment {name}: {what}")]
    Experiment {
        /// The experiment.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// Nothing to train on.
    #[error("there is no measurement to train on; all are missing or held out")]
    NoData,
    /// A setting of the problem as a whole.
    #[error("{0}")]
    Settings(String),
}

impl Problem {
    /// Model functions of an experiment.
    #[must_use]
    pub fn kernels_of(&self, experiment: usize) -> &ModelKernels {
        self.driven.get(experiment).unwrap_or(&self.kernels)
    }

    /// Length of the state vector, without the delayed values that a right-hand side with delays
    /// takes behind it.
    #[must_use]
    pub fn states(&self) -> usize {
        let Shape { outputs, .. } = self.kernels.rhs.shape();
        outputs
    }

    /// Numbers that observations take: the states, and where some observation reads one, all delayed
    /// values behind them.
    #[must_use]
    pub fn observed(&self) -> usize {
        self.kernels.observe.shape().states
    }

    /// Whether observations read delayed values.
    #[must_use]
    pub fn observes_the_past(&self) -> bool {
        self.observed() > self.states()
    }

    /// Length of the model's parameter vector.
    #[must_use]
    pub fn params(&self) -> usize {
        self.kernels.rhs.shape().params
    }

    /// Whether any element of θ is a network weight.
    #[must_use]
    pub fn has_networks(&self) -> bool {
        self.theta.iter().any(|s| s.kind == ParamKind::Weight)
    }

    /// Looks for everything that would make training impossible or meaningless.
    pub fn check(&self) -> Result<(), ProblemError> {
        self.check_kernels()?;
        for o in &self.observations {
            self.check_observation(o)?;
        }
        for spec in &self.theta {
            Transform::new(spec)?;
            if let Some((name, arguments)) = &spec.prior {
                Prior::new(name, arguments)
                    .map_err(|source| ProblemError::Prior { name: spec.name.clone(), source })?;
            }
        }
        let mut training_points = 0;
        for (index, e) in self.experiments.iter().enumerate() {
            training_points += self.check_experiment(index, e)?;
        }
        if training_points == 0 {
            return Err(ProblemError::NoData);
        }
        if !(self.l2 >= 0.0 && self.l2.is_finite()) {
            let l2 = self.l2;
            return Err(ProblemError::Settings(format!(
                "the L2 weight must be a finite number of at least 0, not {l2}"
            )));
        }
        let (atol, n) = (self.settings.atol.len(), self.states());
        if atol != 1 && atol != n {
            return Err(ProblemError::Settings(format!(
                "{atol} absolute tolerances for {n} states; give one, or one per state"
            )));
        }
        Ok(())
    }

    fn check_kernels(&self) -> Result<(), ProblemError> {
        let initial = self.kernels.initial.shape();
        let rhs = self.kernels.rhs.shape();
        let observe = self.kernels.observe.shape();
        let n = rhs.outputs;
        let delayed = self.kernels.rhs.structure().delays.is_some();
        let refuse = |what: String| Err(ProblemError::Kernels(what));
        if !self.driven.is_empty() && self.driven.len() != self.experiments.len() {
            return refuse(format!(
                "{} sets of functions for {} experiments",
                self.driven.len(),
                self.experiments.len()
            ));
        }
        let shapes = |k: &ModelKernels| [k.initial.shape(), k.rhs.shape(), k.observe.shape()];
        if self.driven.iter().any(|own| shapes(own) != shapes(&self.kernels)) {
            return refuse("those of an experiment have other sizes".into());
        }
        if rhs.states != n && !(delayed && rhs.states > n) {
            return refuse(format!("{} states but {n} derivatives", rhs.states));
        }
        if initial.states != 0 || initial.outputs != n {
            return refuse(format!(
                "initial values must be {n} functions of parameters alone, not {} functions of {} states",
                initial.outputs, initial.states
            ));
        }
        if observe.states != n && !(delayed && observe.states == rhs.states) {
            return refuse(format!("observations use {} states of {n}", observe.states));
        }
        let structure = self.kernels.rhs.structure();
        if self.observes_the_past() && (structure.noise.is_some() || structure.jumps.is_some()) {
            return refuse("observations along random paths cannot read delayed values".into());
        }
        if initial.params != rhs.params || observe.params != rhs.params {
            return refuse(format!(
                "initial values, derivatives and observations take {}, {} and {} parameters",
                initial.params, rhs.params, observe.params
            ));
        }
        Ok(())
    }

    fn check_observation(&self, o: &ObservationSpec) -> Result<(), ProblemError> {
        let outputs = self.kernels.observe.shape().outputs;
        let refuse = |what: String| Err(ProblemError::Observation { name: o.name.clone(), what });
        if o.value >= outputs || o.noise_args.end > outputs {
            return refuse(format!("its place lies beyond the {outputs} outputs of `observe`"));
        }
        if o.noise_args.len() != o.noise.arguments() {
            return refuse(format!(
                "its noise takes {} arguments, not {}",
                o.noise.arguments(),
                o.noise_args.len()
            ));
        }
        Ok(())
    }

    /// Returns the number of points to train on.
    fn check_experiment(&self, index: usize, e: &Experiment) -> Result<usize, ProblemError> {
        let refuse = |what: String| Err(ProblemError::Experiment { name: e.name.clone(), what });
        if !e.t0.is_finite() {
            return refuse(format!("the start time must be a finite number, not {}", e.t0));
        }
        let wanted = self.params();
        if e.params.len() != wanted {
            return refuse(format!("{} parameter sources for {wanted} parameters", e.params.len()));
        }
        for source in &e.params {
            match *source {
                Source::Theta(i) if i >= self.theta.len() => {
                    return refuse(format!(
                        "it uses element {i} of {} parameters",
                        self.theta.len()
                    ));
                }
                Source::Fixed(v) if !v.is_finite() => {
                    return refuse(format!("a fixed parameter must be a finite number, not {v}"));
                }
                _ => {}
            }
        }
        for &(state, value) in &e.fixed_initial {
            if state >= self.states() || !value.is_finite() {
                return refuse(format!("initial value {value} of state {state} cannot be set"));
            }
        }
        if e.steady {
            let structure = self.kernels_of(index).rhs.structure();
            if let Some(part) = structure.beyond(&[Part::Mass]) {
                return refuse(format!(
                    "it was measured at rest, but systems with {} have no steady state that could be \
                     differentiated",
                    part.words()
                ));
            }
        }
        self.check_paths(index, e)?;
        let mut training = 0;
        for s in &e.series {
            training += self.check_series(e, s)?;
        }
        let only_at_start = |held_out| Grid::new(e, held_out).times.last() == Some(&e.t0);
        if self.observes_the_past() && (only_at_start(false) || only_at_start(true)) {
            return refuse(
                "it is trained on or held out at the start alone, where observations that read delayed \
                 values say nothing of the equations; add later measurements or drop it"
                    .into(),
            );
        }
        Ok(training)
    }

    /// Moments over paths: of random systems, with paths enough, and nothing else beside them.
    fn check_paths(&self, index: usize, e: &Experiment) -> Result<(), ProblemError> {
        let refuse = |what: String| Err(ProblemError::Experiment { name: e.name.clone(), what });
        let specs = || e.series.iter().filter_map(|s| self.observations.get(s.observation));
        let Some((over, paths)) = specs().find_map(|o| Some((o, o.over_paths?.paths))) else {
            return Ok(());
        };
        if let Some(one) = specs().find(|o| o.over_paths.is_none()) {
            return refuse(format!(
                "{} is measured over many paths, but {} on one; give them experiments of their own",
                over.name, one.name
            ));
        }
        if specs().any(|o| o.over_paths.is_some_and(|m| m.paths != paths || m.paths < 2)) {
            return refuse(
                "moments are taken over two paths or more, the same number for all".into(),
            );
        }
        let structure = self.kernels_of(index).rhs.structure();
        if structure.noise.is_none() && structure.jumps.is_none() {
            return refuse(format!(
                "{} is measured over many paths, but without noise and random jumps all are the same",
                over.name
            ));
        }
        let times = e.series.iter().flat_map(|s| &s.times);
        if times.fold(f64::NEG_INFINITY, |last, t| last.max(*t)) <= e.t0 {
            return refuse("moments are measured at the start alone, where all paths agree".into());
        }
        Ok(())
    }

    fn check_series(&self, e: &Experiment, s: &Series) -> Result<usize, ProblemError> {
        let refuse = |what: String| Err(ProblemError::Experiment { name: e.name.clone(), what });
        let Some(o) = self.observations.get(s.observation) else {
            return refuse(format!(
                "a series measures observation {}, which does not exist",
                s.observation
            ));
        };
        let name = &o.name;
        let whole = |length: usize| length == 0 || length == s.times.len();
        if s.times.len() != s.values.len()
            || !(whole(s.held_out.len()) && whole(s.censored.len()) && whole(s.weights.len()))
        {
            return refuse(format!(
                "{name} has {} times, {} values, {} hold-out marks, {} marks of limits and {} weights",
                s.times.len(),
                s.values.len(),
                s.held_out.len(),
                s.censored.len(),
                s.weights.len()
            ));
        }
        let mut training = 0;
        for (i, (&t, &y)) in s.times.iter().zip(&s.values).enumerate() {
            if !t.is_finite() {
                return refuse(format!(
                    "{name}: time {} of {} is not a number",
                    i + 1,
                    s.times.len()
                ));
            }
            if t < e.t0 {
                return refuse(format!(
                    "{name} was measured at {t}, before the start {}; move the start or drop the point",
                    e.t0
                ));
            }
            if y.is_nan() {
                continue;
            }
            let possible = match s.censoring(i) {
                Censoring::Measured => o.noise.check_measurement(y),
                side => o.noise.check_limit(side, y),
            };
            if let Err(error) = possible {
                return refuse(format!("{name} at {t}: {error}"));
            }
            let weight = s.weight(i);
            if !(weight >= 0.0 && weight.is_finite()) {
                return refuse(format!(
                    "{name} at {t}: a weight must be a finite number of at least 0, not {weight}"
                ));
            }
            training += usize::from(!s.is_held_out(i));
        }
        Ok(training)
    }
}
