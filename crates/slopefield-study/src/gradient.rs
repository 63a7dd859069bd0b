//! The gradient methods that a study can use, by name, and their check on the study itself.

use crate::{CompiledModel, Prepared, Solvers, StudyError, error::Problem};
use slopefield_adjoint::{
    Evaluated, FrozenPath, GradientMethod, Loss, METHODS, MethodInfo, Replay, STEADY, SteadyRows,
    Through,
};
use slopefield_kernel::{Kernel, Part};
use slopefield_solve::{FrozenSteps, Ivp, OneStep, Settings, SolveError, Stats, Step, Stepper};
use slopefield_train::Source;
use std::sync::Arc;

/// The solver of a study, through which gradients are to go.
#[derive(Clone, Copy)]
pub struct Route<'a> {
    /// The model.
    pub model: &'a CompiledModel,
    /// Name of the solver.
    pub solver: &'a str,
    /// Where solvers come from.
    pub solvers: &'a dyn Solvers,
    /// Bytes that one gradient may hold where it has a choice.
    pub memory: u64,
}

impl Route<'_> {
    /// A fresh instance of a method, or a sentence that says why it cannot go through.
    ///
    /// # Errors
    /// The sentence.
    pub fn make(&self, method: &MethodInfo) -> Result<Box<dyn GradientMethod>, String> {
        let structure = self.model.rhs.structure();
        let stepper = || crate::solvers::stepper(self.model, self.solver, self.solvers);
        (method.make)(&Through {
            solver: self.solver,
            structure: &structure,
            stepper: &stepper,
            memory: self.memory,
        })
    }

    /// A stepper that takes the steps with these ends again, each to rounding; none where the
    /// solver is no one-step method, or where more than its equations makes the steps.
    #[must_use]
    pub fn replay(&self, times: Vec<f64>) -> Option<Box<dyn Stepper>> {
        if let Some(method) = self.path_method() {
            return Some(Box::new(FrozenPath::new(method, times)));
        }
        let step = self.one_step()?;
        Some(Box::new(FrozenSteps::of(step, times)))
    }

    /// The method for noise, of a system that has noise and nothing else.
    fn path_method(&self) -> Option<Box<dyn Stepper>> {
        let structure = self.model.rhs.structure();
        let alone = structure.noise.is_some() && structure.beyond(&[Part::Noise]).is_none();
        if alone { slopefield_stochastic::method(self.solver) } else { None }
    }

    fn one_step(&self) -> Option<Box<dyn OneStep>> {
        let structure = self.model.rhs.structure();
        match structure.beyond(&[Part::Mass]) {
            None => slopefield_solve::one_step(self.solver),
            Some(_) => None,
        }
    }

    /// Whether a gradient can be compared with differences of the very steps.
    fn repeats_steps(&self) -> bool {
        let plain = self.model.rhs.structure().beyond(&[Part::Mass]).is_none();
        plain && self.solver == "bdf" || self.one_step().is_some()
    }

    /// The methods that go through.
    #[must_use]
    pub fn applicable(&self) -> Vec<&'static MethodInfo> {
        METHODS.iter().filter(|m| self.make(m).is_ok()).collect()
    }

    /// Why no method goes through, method by method.
    #[must_use]
    pub fn refusals(&self) -> Vec<(&'static MethodInfo, String)> {
        METHODS.iter().filter_map(|m| Some((m, self.make(m).err()?))).collect()
    }

    /// A fresh instance of the method called `name`.
    ///
    /// # Errors
    /// A method that does not exist, or that cannot go through the solver.
    pub fn method(&self, name: &str) -> Result<Box<dyn GradientMethod>, StudyError> {
        let made = match slopefield_adjoint::method_info(name) {
            Some(info) => self.make(info),
            None => Err("there is no such gradient method".into()),
        };
        made.map_err(|why| {
            let others = match self.applicable() {
                none if none.is_empty() => "no other method can either".into(),
                some => {
                    format!("use `auto` or {}", crate::error::listed(some.iter().map(|m| m.id)))
                }
            };
            let message = format!(
                "the gradient `{name}` cannot go through the solver `{}` here: {why}; {others}",
                self.solver
            );
            StudyError::Study(vec![Problem::error("training.gradient", message)])
        })
    }
}

/// Bytes from a text such as `64 MB`, `1.5GB` or `256 MiB`; a bare number counts bytes.
///
/// # Errors
/// A sentence that says what is wanted.
pub fn bytes(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let split = text.find(|c: char| c.is_alphabetic()).unwrap_or(text.len());
    let (number, unit) = (text[..split].trim(), text[split..].to_lowercase());
    let factor = match unit.as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "t" | "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => 1024.0 * 1024.0,
        "gib" => 1024.0 * 1024.0 * 1024.0,
        "tib" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => f64::NAN,
    };
    let bytes = number.parse::<f64>().unwrap_or(f64::NAN) * factor;
    match (1.0..=1e18).contains(&bytes) {
        true => Ok(bytes as u64),
        false => Err(format!("`{text}` is no amount of memory; write it like `64 MB` or `2 GB`")),
    }
}

/// Compares a method with differences of the same steps (of adaptive solves, for plugin solvers)
/// on every experiment of a study, at the start values, for half the sum of squares of all states
/// at the times of the data. Returns the largest relative disagreement.
///
/// # Errors
/// A solve that fails.
pub fn check(
    prepared: &Prepared,
    name: &str,
    solvers: &dyn Solvers,
    directions: usize,
) -> Result<f64, StudyError> {
    if name == "score" {
        let message = "the gradient is that of the mean over paths, and right on average only";
        return Err(StudyError::Solver(message.into()));
    }
    let route = prepared.route(solvers);
    let mut worst = 0.0f64;
    for start in Case::all(prepared) {
        let settings = &prepared.problem.settings;
        let case = slopefield_adjoint::Case { ivp: start.ivp(), settings, saves: &start.saves };
        let mut loss = |u: &[f64], slope: &mut [f64]| {
            slope.copy_from_slice(u);
            0.5 * u.iter().map(|x| x * x).sum::<f64>()
        };
        let mut gradient = match name == STEADY.id && prepared.resolved.at_rest() {
            true => Box::new(SteadyRows::new()),
            false => route.method(name)?,
        };
        let exact = slopefield_adjoint::method_info(name).is_some_and(|m| m.exact);
        let mut adaptive;
        let replay = if start.steady {
            gradient = Box::new(SteadyRows::new());
            Replay::AtRest
        } else if exact && route.repeats_steps() {
            Replay::Steps(route.solver)
        } else {
            adaptive = crate::solvers::stepper(&prepared.model, route.solver, solvers)
                .map_err(StudyError::Solver)?;
            Replay::Adaptive(&mut *adaptive)
        };
        let seed = prepared.file.seed;
        let report =
            slopefield_adjoint::check(&mut *gradient, &case, replay, &mut loss, directions, seed);
        let report = report.map_err(|error| StudyError::Solve {
            message: format!(
                "experiment {}: {}",
                start.experiment,
                prepared.explain(start.index, &error, &start.p)
            ),
            advice: "check the start values".into(),
        })?;
        if !(report.worst() <= worst) {
            worst = report.worst();
        }
    }
    Ok(worst)
}

/// Largest disagreement with differences that a right gradient may show. Exact methods are compared
/// with differences of the very same steps, which are good to eight digits and more; what is
/// compared with adaptive solves is no better than their tolerances allow, and a continuous
/// adjoint is itself only as good.
#[must_use]
pub fn allowed(route: &Route<'_>, method: &MethodInfo, settings: &Settings) -> f64 {
    match method.exact && route.repeats_steps() {
        true => 1e-6,
        false => (1e4 * settings.rtol).clamp(1e-4, 0.1),
    }
}

/// An experiment at the start values, as an initial value problem.
pub struct Case {
    /// Its number,
    pub index: usize,
    /// and name.
    pub experiment: String,
    /// Its right-hand side.
    pub rhs: Arc<dyn Kernel>,
    /// Start time.
    pub t0: f64,
    /// Parameters of the model.
    pub p: Vec<f64>,
    /// Initial state.
    pub u0: Vec<f64>,
    /// Times of the data, ascending.
    pub saves: Vec<f64>,
    /// Measured at rest: the states at the times are steady states.
    pub steady: bool,
}

/// Parameters of the model in an experiment, at the start values.
pub fn start_params(
    problem: &slopefield_train::Problem,
    experiment: &slopefield_train::Experiment,
) -> Vec<f64> {
    let element = |s: &Source| match *s {
        Source::Theta(i) => problem.theta[i].start,
        Source::Fixed(value) => value,
    };
    experiment.params.iter().map(element).collect()
}

impl Case {
    /// One per experiment that has data.
    pub fn all(prepared: &Prepared) -> Vec<Case> {
        Case::of(&prepared.model, &prepared.problem)
    }

    /// The same before the study is prepared.
    pub fn of(model: &CompiledModel, problem: &slopefield_train::Problem) -> Vec<Case> {
        let mut cases = Vec::new();
        for (index, e) in problem.experiments.iter().enumerate() {
            let p = start_params(problem, e);
            let u0 = model.initial_state(e.t0, &p, &e.fixed_initial);
            let times = e.series.iter().flat_map(|s| s.times.iter().zip(&s.held_out));
            let mut saves: Vec<f64> = times.filter(|t| !t.1).map(|t| *t.0).collect();
            saves.sort_by(f64::total_cmp);
            saves.dedup();
            if !saves.is_empty() {
                let rhs = Arc::clone(&problem.kernels_of(index).rhs);
                let (experiment, t0, steady) = (e.name.clone(), e.t0, e.steady);
                cases.push(Case { index, experiment, rhs, t0, p, u0, saves, steady });
            }
        }
        cases
    }

    /// The same without those measured at rest: what is solved over time.
    pub(crate) fn over_time(
        model: &CompiledModel,
        problem: &slopefield_train::Problem,
    ) -> Vec<Case> {
        Case::of(model, problem).into_iter().filter(|case| !case.steady).collect()
    }

    /// The problem to solve.
    pub fn ivp(&self) -> Ivp<'_> {
        let t1 = self.saves.last().copied().unwrap_or(self.t0);
        Ivp { rhs: &*self.rhs, t0: self.t0, t1, u0: &self.u0, p: &self.p }
    }
}

/// Stands for a solver that could not be made a second time: every use fails with the reason.
pub struct Unavailable(String);

impl Unavailable {
    /// A stand-in with the reason.
    pub fn because(reason: String) -> Unavailable {
        Unavailable(reason)
    }

    fn error<T>(&self) -> Result<T, SolveError> {
        Err(SolveError::Invalid(self.0.clone()))
    }
}

impl Stepper for Unavailable {
    fn start(&mut self, _: &Ivp<'_>, _: &Settings) -> Result<(), SolveError> {
        self.error()
    }

    fn step(&mut self, _: &Ivp<'_>, _: &Settings, _: f64) -> Result<Step, SolveError> {
        self.error()
    }

    fn state(&self) -> &[f64] {
        &[]
    }

    fn interpolate(&mut self, _: f64, _: &mut [f64]) -> Result<(), SolveError> {
        self.error()
    }

    fn stats(&self) -> Stats {
        Stats::default()
    }
}

impl GradientMethod for Unavailable {
    fn name(&self) -> &'static str {
        "unavailable"
    }

    fn evaluate(
        &mut self,
        _: &Ivp<'_>,
        _: &Settings,
        _: &[f64],
        _: &mut Loss<'_>,
        _: &mut [f64],
        _: &mut [f64],
    ) -> Result<Evaluated, SolveError> {
        self.error()
    }
}
