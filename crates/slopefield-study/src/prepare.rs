//! From a resolved study and a compiled model to the problem that training solves.

use crate::choice::{self, Decided};
use crate::compiled::Curvatures;
use crate::file::TrainingFile;
use crate::gradient::Route;
use crate::resolve::{Experiment, Resolved, resolve};
use crate::system::undelayed;
use crate::{Choice, CompiledModel, Solvers, StudyError, StudyFile, TableData, error::Problem};
use slopefield_adjoint::{GradientMethod, STEADY, SteadyRows};
use slopefield_graph::network::NetworkLibrary;
use slopefield_kernel::Kernel;
use slopefield_lang::functions::PathMoment as LangMoment;
use slopefield_lang::{Model, Noise, ReactionMode, Scale as LangScale};
use slopefield_solve::{Settings, SolveError};
use slopefield_train::{
    self as train, Beginning, EarlyStopping, ModelKernels, MultiStart, NoiseKind, ObservationSpec,
    OverPaths, ParamKind, ParamSpec, PathMoment, Recipe, Scale, Source,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A study that can be trained.
pub struct Prepared {
    /// The model.
    pub model: Arc<CompiledModel>,
    /// The study.
    pub file: StudyFile,
    /// Experiments with their points, warnings.
    pub resolved: Resolved,
    /// What training gets.
    pub problem: train::Problem,
    /// Names of the elements of θ.
    pub theta_names: Vec<String>,
    /// Number of scalar elements of θ; they come first.
    pub scalars: usize,
    /// Gradient that will be used, and why.
    pub gradient: (String, String),
    /// Solver that will be used, and why.
    pub solver: (String, String),
    /// Stages that will be run.
    pub recipe: Recipe,
    /// From where else it is trained, if from several places.
    pub many: Option<MultiStart>,
    /// Bytes that one gradient may hold where it has a choice.
    pub memory: u64,
}

impl Prepared {
    /// Checks and compiles everything.
    ///
    /// # Errors
    /// Whatever hinders training, all of it at once where possible.
    pub fn new(
        text: &str,
        file: &StudyFile,
        tables: &BTreeMap<String, TableData>,
        library: &dyn NetworkLibrary,
        solvers: &dyn Solvers,
    ) -> Result<Prepared, StudyError> {
        Self::with_choice(text, file, tables, library, solvers, &Decided::default())
    }

    /// The same with choices that an earlier run made behind `auto`, which are kept.
    ///
    /// # Errors
    /// As [`Prepared::new`].
    pub fn with_choice(
        text: &str,
        file: &StudyFile,
        tables: &BTreeMap<String, TableData>,
        library: &dyn NetworkLibrary,
        solvers: &dyn Solvers,
        decided: &Decided,
    ) -> Result<Prepared, StudyError> {
        let mode = reaction_mode(&file.solver.reactions)?;
        let model = Arc::new(CompiledModel::with_reactions(text, library, mode)?);
        let resolved = resolve(&model.model, file, tables);
        if !resolved.ok() {
            return Err(StudyError::Study(resolved.problems));
        }
        let driven = driven(&model, &resolved, file.seed)?;
        let memory = memory(&file.training)?;
        let theta = Theta::new(&model, file.seed, &resolved.experiments);
        let settings = Settings {
            rtol: file.solver.rtol,
            atol: vec![file.solver.atol],
            max_steps: u64::from(file.solver.max_steps),
            seed: file.seed,
            ..Settings::default()
        };
        let problem = train::Problem {
            kernels: ModelKernels {
                initial: model.initial.clone(),
                rhs: model.rhs.clone(),
                observe: observed(&model, &model.observe, file.seed)?,
            },
            driven,
            observations: observations(&model, file.solver.paths),
            theta: theta.specs,
            experiments: theta.experiments,
            settings,
            l2: file.training.l2,
        };
        let planned = planned_solver(&model.model, file);
        let solver = choice::solver(&model, file, &problem, planned, solvers, decided);
        crate::solvers::stepper(&model, &solver.0, solvers).map_err(StudyError::Solver)?;
        let route = Route { model: &model, solver: &solver.0, solvers, memory };
        let gradient = choice::gradient(file, &route, &problem, decided);
        let mut recipe = recipe(file.seed, &file.training, || train::recipe::default(&problem));
        recipe.check_gradient = file.training.check;
        Ok(Prepared {
            model,
            file: file.clone(),
            resolved,
            problem,
            theta_names: theta.names,
            scalars: theta.scalars,
            gradient,
            solver,
            recipe,
            many: Some(crate::stages::many(file.seed, &file.training)).filter(|m| m.starts > 1),
            memory,
        })
    }

    /// The way of gradients through this study's solver.
    pub fn route<'a>(&'a self, solvers: &'a dyn Solvers) -> Route<'a> {
        Route { model: &self.model, solver: &self.solver.0, solvers, memory: self.memory }
    }

    /// Products with second derivatives of the initial values, and of the observations in each
    /// experiment where inputs drive the model; otherwise of the observations once.
    ///
    /// # Errors
    /// As [`CompiledModel::second_derivatives`].
    pub fn second_derivatives(&self) -> Result<Curvatures, StudyError> {
        let signals = self.resolved.experiments.iter().filter_map(|e| e.signals.clone());
        self.model.second_derivatives(&signals.collect::<Vec<_>>())
    }

    /// A fresh instance of a gradient method on this study's solver.
    ///
    /// # Errors
    /// A method that does not exist, or cannot go through the solver.
    pub fn gradient_method(
        &self,
        name: &str,
        solvers: &dyn Solvers,
    ) -> Result<Box<dyn GradientMethod>, StudyError> {
        if name == STEADY.id && self.resolved.at_rest() {
            return Ok(Box::new(SteadyRows::new()));
        }
        self.route(solvers).method(name)
    }

    /// θ at the start values with other initial weights of networks; `k` counts from 1.
    pub fn fresh(&self, k: u64) -> Vec<f64> {
        let start = self.model.start_params(self.file.seed.wrapping_add(k));
        let weights = &start[self.model.lowered.layout.scalars..];
        let scalars = self.problem.theta[..self.scalars].iter().map(|s| s.start);
        scalars.chain(weights.iter().copied()).collect()
    }

    /// End of the forecast: as the study says, else a quarter of the span beyond the data.
    pub fn forecast_end(&self) -> f64 {
        self.resolved.forecast_end(self.file.forecast.until)
    }

    /// The model as it is in an experiment, driven by its signals.
    ///
    /// # Errors
    /// None for experiments of this study.
    pub fn model_of(&self, experiment: usize) -> Result<Arc<CompiledModel>, StudyError> {
        let found = self.resolved.experiments.get(experiment);
        match found.and_then(|e| e.signals.clone()) {
            Some(signals) => self.model.with_signals(signals).map(Arc::new),
            None => Ok(Arc::clone(&self.model)),
        }
    }

    /// One sentence for a solve that failed in an experiment.
    pub fn explain(&self, experiment: usize, error: &SolveError, p: &[f64]) -> String {
        let model = self.model_of(experiment).unwrap_or_else(|_| Arc::clone(&self.model));
        model.explain(error, p)
    }
}

/// The functions of each experiment, where the model has inputs.
fn driven(
    model: &CompiledModel,
    resolved: &Resolved,
    seed: u64,
) -> Result<Vec<ModelKernels>, StudyError> {
    let signals = resolved.experiments.iter().filter_map(|e| e.signals.as_ref());
    let kernels = signals.map(|signals| {
        let made = model.driven_by(signals)?;
        let initial = Arc::clone(&model.initial);
        let observe = observed(model, &made.observe, seed)?;
        Ok(ModelKernels { initial, rhs: made.rhs, observe })
    });
    kernels.collect()
}

/// What is observed, as functions of the state alone where none reads a delayed value.
///
/// # Errors
/// An observation of random paths that reads a delayed value, by name.
fn observed(
    model: &CompiledModel,
    observe: &Arc<dyn Kernel>,
    seed: u64,
) -> Result<Arc<dyn Kernel>, StudyError> {
    let output = match undelayed(observe, model.model.states.len(), &model.start_params(seed)) {
        Ok(observe) => return Ok(observe),
        Err(output) => output,
    };
    let structure = model.rhs.structure();
    if structure.noise.is_none() && structure.jumps.is_none() {
        return Ok(Arc::clone(observe));
    }
    let slots = model.lowered.observe_layout.iter();
    let index = slots.take_while(|slot| slot.value <= output).count().saturating_sub(1);
    let name = model.model.observations.get(index).map_or("", |o| o.name.as_str());
    let message = format!(
        "observation {name} reads a delayed value, which training cannot do along random paths; observe \
         a state"
    );
    Err(StudyError::Study(vec![Problem::error("model", message)]))
}

/// How a study runs reactions.
///
/// # Errors
/// A word that is none of the three.
pub fn reaction_mode(word: &str) -> Result<ReactionMode, StudyError> {
    match word {
        "ode" => Ok(ReactionMode::Ode),
        "langevin" => Ok(ReactionMode::Langevin),
        "jumps" => Ok(ReactionMode::Jumps),
        other => Err(StudyError::Study(vec![Problem::error(
            "solver.reactions",
            format!(
                "`{other}` is no way to run reactions; there are `ode`, `langevin` and `jumps`"
            ),
        )])),
    }
}

/// The solver that training would use, and why, without compiling or solving anything. What the
/// choice for a single solve is stands in [`crate::solvers::choose`].
pub fn planned_solver(model: &Model, file: &StudyFile) -> Choice {
    let (method, rtol) = (&file.solver.method, file.solver.rtol);
    let choice = match reaction_mode(&file.solver.reactions) {
        Ok(mode) if !model.reactions.is_empty() => {
            crate::solvers::choose(&model.clone().with_reactions(mode), method, rtol)
        }
        _ => crate::solvers::choose(model, method, rtol),
    };
    if choice.method == "auto-switch" && file.solver.method == "auto" {
        let reason = "Tsit5, or an implicit method if a trial solve at the start values finds the \
                      equations stiff";
        return Choice { method: "tsit5".into(), reason: reason.into() };
    }
    choice
}

/// Bytes that one gradient may hold.
fn memory(training: &TrainingFile) -> Result<u64, StudyError> {
    crate::gradient::bytes(&training.memory)
        .map_err(|message| StudyError::Study(vec![Problem::error("training.memory", message)]))
}

/// The vector that training changes, and how each experiment draws its parameters from it.
struct Theta {
    specs: Vec<ParamSpec>,
    names: Vec<String>,
    scalars: usize,
    experiments: Vec<train::Experiment>,
}

impl Theta {
    /// Scalars first (shared ones once, local ones once per experiment), then all weights.
    fn new(model: &CompiledModel, seed: u64, experiments: &[Experiment]) -> Theta {
        let start = model.start_params(seed);
        let names = model.param_names();
        let several = experiments.len() > 1;
        let scalars = model.lowered.layout.scalars;
        let mut theta = Theta { specs: vec![], names: vec![], scalars: 0, experiments: vec![] };
        let mut sources: Vec<Vec<Source>> =
            experiments.iter().map(|_| vec![Source::Fixed(0.0); start.len()]).collect();
        for i in 0..scalars {
            let param = &model.model.params[i];
            let mut shared = None;
            for (e, experiment) in experiments.iter().enumerate() {
                let fixed = experiment.set_params.iter().find(|s| s.0 == i);
                let local =
                    experiment.local.contains(&i) || (several && param.initial_of.is_some());
                sources[e][i] = match fixed {
                    Some(&(_, value)) => Source::Fixed(value),
                    None if local => {
                        let name = match several {
                            true => format!("{} [{}]", names[i], experiment.name),
                            false => names[i].clone(),
                        };
                        theta.push(name, scalar(param, start[i]))
                    }
                    None => *shared.get_or_insert_with(|| {
                        theta.push(names[i].clone(), scalar(param, start[i]))
                    }),
                };
            }
        }
        theta.scalars = theta.specs.len();
        for i in scalars..start.len() {
            let spec = ParamSpec {
                name: names[i].clone(),
                start: start[i],
                bounds: (f64::NEG_INFINITY, f64::INFINITY),
                scale: Scale::Linear,
                prior: None,
                kind: ParamKind::Weight,
            };
            let source = theta.push(names[i].clone(), spec);
            for s in &mut sources {
                s[i] = source;
            }
        }
        for (experiment, params) in experiments.iter().zip(sources) {
            theta.experiments.push(train_experiment(experiment, params));
        }
        theta
    }

    fn push(&mut self, name: String, mut spec: ParamSpec) -> Source {
        spec.name.clone_from(&name);
        self.names.push(name);
        self.specs.push(spec);
        Source::Theta(self.specs.len() - 1)
    }
}

fn scalar(param: &slopefield_lang::Param, start: f64) -> ParamSpec {
    ParamSpec {
        name: param.name.clone(),
        start,
        bounds: param.bounds,
        scale: match param.scale {
            LangScale::Linear => Scale::Linear,
            LangScale::Log => Scale::Log,
            LangScale::Logit => Scale::Logit,
        },
        prior: param.prior.as_ref().map(|p| (p.distribution.clone(), p.arguments.clone())),
        kind: ParamKind::Scalar,
    }
}

fn observations(model: &CompiledModel, paths: u32) -> Vec<ObservationSpec> {
    let slots = &model.lowered.observe_layout;
    let all = model.model.observations.iter().zip(slots);
    all.map(|(o, slot)| ObservationSpec {
        name: o.name.clone(),
        noise: match &o.noise {
            Noise::LeastSquares => NoiseKind::LeastSquares,
            Noise::Normal(_) => NoiseKind::Normal,
            Noise::LogNormal(_) => NoiseKind::LogNormal,
            Noise::Laplace(_) => NoiseKind::Laplace,
            Noise::StudentT(..) => NoiseKind::StudentT,
            Noise::Poisson => NoiseKind::Poisson,
            Noise::NegativeBinomial(_) => NoiseKind::NegativeBinomial,
            Noise::Binomial(_) => NoiseKind::Binomial,
            Noise::Bernoulli => NoiseKind::Bernoulli,
            Noise::Categorical => NoiseKind::Categorical,
        },
        value: slot.value,
        noise_args: slot.noise_args.clone(),
        over_paths: o.over_paths.map(|moment| OverPaths {
            moment: match moment {
                LangMoment::Mean => PathMoment::Mean,
                LangMoment::Variance => PathMoment::Variance,
            },
            paths: paths as usize,
        }),
    })
    .collect()
}

/// The stages that a study asks for, else those that fit the data.
fn recipe(seed: u64, training: &TrainingFile, default: impl FnOnce() -> Recipe) -> Recipe {
    let mut recipe = if training.recipe == "custom" {
        Recipe::custom(training.stages.iter().map(|s| crate::stages::stage(s, seed)).collect())
    } else {
        default()
    };
    match training.start.as_str() {
        "given" => recipe.beginning = Beginning::Given,
        "changes" => recipe.beginning = Beginning::Changes,
        "segments" => recipe.beginning = Beginning::Segments,
        _ => {}
    }
    if training.patience > 0 {
        recipe.early_stopping = Some(EarlyStopping { patience: training.patience });
    }
    match training.iterations {
        Some(most) => recipe.capped(u64::from(most)),
        None => recipe,
    }
}

/// The stages that training would run, without compiling anything.
pub fn planned_recipe(model: &Model, file: &StudyFile, resolved: &Resolved) -> Recipe {
    recipe(file.seed, &file.training, || {
        let experiments: Vec<_> =
            resolved.experiments.iter().map(|e| train_experiment(e, Vec::new())).collect();
        let fitted = |i: usize| {
            let free = |e: &&Experiment| e.set_params.iter().all(|s| s.0 != i);
            let local = |e: &&Experiment| e.local.contains(&i);
            let own = resolved.experiments.iter().filter(free).filter(local).count();
            let shared = resolved.experiments.iter().filter(free).any(|e| !local(&e));
            own + usize::from(shared)
        };
        let scalars = (0..model.params.len()).map(fitted).sum();
        train::recipe::for_data(!model.networks.is_empty(), scalars, &experiments)
    })
}

fn train_experiment(e: &Experiment, params: Vec<Source>) -> train::Experiment {
    let series = e.series.iter().map(|s| train::Series {
        observation: s.observation,
        times: s.times.clone(),
        values: s.values.clone(),
        held_out: s.held_out.clone(),
        censored: s.censored.clone(),
        weights: s.weights.clone(),
    });
    train::Experiment {
        name: e.name.clone(),
        t0: e.start,
        params,
        fixed_initial: e.set_states.clone(),
        series: series.collect(),
        steady: e.steady,
    }
}

/// Everything wrong or doubtful, without compiling: for the window, when a project is opened and
/// after every edit. Solvers of plugins are not asked for, since that runs their code; training
/// says when one is missing.
pub fn report(
    model: &slopefield_lang::Model,
    file: &StudyFile,
    tables: &BTreeMap<String, TableData>,
    solvers: &dyn Solvers,
) -> Resolved {
    let mut resolved = resolve(model, file, tables);
    let method = file.solver.method.as_str();
    let known = crate::solvers::summaries().iter().any(|m| m.id == method);
    if method != "auto"
        && !known
        && !method.contains('/')
        && let Err(message) = solvers.stepper(method)
    {
        resolved.problems.push(Problem::error("solver.method", message));
    }
    if let Err(StudyError::Study(problems)) = reaction_mode(&file.solver.reactions) {
        resolved.problems.extend(problems);
    }
    if let Err(StudyError::Study(problems)) = memory(&file.training) {
        resolved.problems.extend(problems);
    }
    if let Some(problem) = gradient_problem(file, method) {
        resolved.problems.push(problem);
    }
    resolved
}

/// A gradient that does not exist, or cannot go through the code of any plugin's solver: one may reverse its
/// steps, and none has their tangents. What else it cannot go through is known once the model is compiled.
fn gradient_problem(file: &StudyFile, solver: &str) -> Option<Problem> {
    let gradient = file.training.gradient.as_str();
    // Methods that plugins give as coefficients are reversed like the built-in ones.
    let closed = solver.contains('/') && slopefield_solve::coefficients(solver).is_none();
    let fits = |m: &&slopefield_adjoint::MethodInfo| !closed || !m.exact || m.id == "discrete";
    let all: Vec<&str> = slopefield_adjoint::METHODS.iter().filter(fits).map(|m| m.id).collect();
    (gradient != "auto" && !all.contains(&gradient)).then(|| {
        let message = format!(
            "the gradient `{gradient}` cannot go through the solver `{solver}`; use `auto` or {}",
            crate::error::listed(all.iter().copied())
        );
        Problem::error("training.gradient", message)
    })
}
