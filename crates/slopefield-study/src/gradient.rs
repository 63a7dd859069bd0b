//! The gradient methods that a study can use, by name, and their check on the study itself.

use crate::{CompiledModel, Prepared, Solvers, StudyError, error::Problem};
use slopefield_adjoint::{Evaluated, GradientMethod, Loss, Replay, Through};
use slopefield_solve::{Ivp, Settings, SolveError, Stats, Step, Stepper};
use slopefield_train::Source;

/// Bytes of tape and checkpoints that one gradient may hold.
const MEMORY_BUDGET: u64 = 256 << 20;

/// Names of the methods that can differentiate a model through a solver.
pub fn applicable(model: &CompiledModel, solver: &str, solvers: &dyn Solvers) -> Vec<&'static str> {
    let structure = model.rhs.structure();
    let stepper = || crate::solvers::stepper(model, solver, solvers);
    let through =
        Through { solver, structure: &structure, stepper: &stepper, memory: MEMORY_BUDGET };
    slopefield_adjoint::applicable(&through).iter().map(|m| m.id).collect()
}

/// A fresh instance of a method.
///
/// # Errors
/// A method that does not exist, or that cannot go through the solver.
pub fn method(
    model: &CompiledModel,
    name: &str,
    solver: &str,
    solvers: &dyn Solvers,
) -> Result<Box<dyn GradientMethod>, StudyError> {
    let structure = model.rhs.structure();
    let stepper = || crate::solvers::stepper(model, solver, solvers);
    let through =
        Through { solver, structure: &structure, stepper: &stepper, memory: MEMORY_BUDGET };
    let made = match slopefield_adjoint::method_info(name) {
        Some(info) => (info.make)(&through),
        None => Err("there is no such gradient method".into()),
    };
    made.map_err(|why| {
        let message = format!(
            "the gradient `{name}` cannot go through the solver `{solver}` here: {why}; use `auto`{}",
            match applicable(model, solver, solvers) {
                none if none.is_empty() => String::new(),
                some => format!(" or {}", crate::error::listed(some.iter().copied())),
            }
        );
        StudyError::Study(vec![Problem::error("training.gradient", message)])
    })
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
    let solver = &prepared.solver.0;
    let structure = prepared.model.rhs.structure();
    let plain = structure.events.is_none() && structure.delays.is_none();
    let mut worst = 0.0f64;
    for start in Case::all(prepared) {
        let settings = &prepared.problem.settings;
        let case =
            slopefield_adjoint::Case { ivp: start.ivp(prepared), settings, saves: &start.saves };
        let mut loss = |u: &[f64], slope: &mut [f64]| {
            slope.copy_from_slice(u);
            0.5 * u.iter().map(|x| x * x).sum::<f64>()
        };
        let mut gradient = method(&prepared.model, name, solver, solvers)?;
        let mut adaptive;
        let replay = match slopefield_solve::tableau(solver) {
            // Recorded steps know nothing of events and of the past.
            Some(tableau) if name != "gauss" && plain => Replay::Frozen(tableau),
            _ => {
                adaptive = crate::solvers::stepper(&prepared.model, solver, solvers)
                    .map_err(StudyError::Solver)?;
                Replay::Adaptive(&mut *adaptive)
            }
        };
        let report = slopefield_adjoint::check(
            &mut *gradient,
            &case,
            replay,
            &mut loss,
            directions,
            prepared.file.seed,
        );
        let report = report.map_err(|error| StudyError::Solve {
            message: format!(
                "experiment {}: {}",
                start.experiment,
                prepared.model.explain(&error, &start.p)
            ),
            advice: "check the start values".into(),
        })?;
        if !(report.worst() <= worst) {
            worst = report.worst();
        }
    }
    Ok(worst)
}

/// An experiment at the start values, as an initial value problem.
pub struct Case {
    /// Name of the experiment.
    pub experiment: String,
    /// Start time.
    pub t0: f64,
    /// Parameters of the model.
    pub p: Vec<f64>,
    /// Initial state.
    pub u0: Vec<f64>,
    /// Times of the data, ascending.
    pub saves: Vec<f64>,
}

/// Parameters of the model in an experiment, at the start values.
pub fn start_params(prepared: &Prepared, experiment: &slopefield_train::Experiment) -> Vec<f64> {
    let element = |s: &Source| match *s {
        Source::Theta(i) => prepared.problem.theta[i].start,
        Source::Fixed(value) => value,
    };
    experiment.params.iter().map(element).collect()
}

impl Case {
    /// One per experiment that has data.
    pub fn all(prepared: &Prepared) -> Vec<Case> {
        let mut cases = Vec::new();
        for e in &prepared.problem.experiments {
            let p = start_params(prepared, e);
            let u0 = prepared.model.initial_state(e.t0, &p, &e.fixed_initial);
            let times = e.series.iter().flat_map(|s| s.times.iter().zip(&s.held_out));
            let mut saves: Vec<f64> = times.filter(|t| !t.1).map(|t| *t.0).collect();
            saves.sort_by(f64::total_cmp);
            saves.dedup();
            if !saves.is_empty() {
                cases.push(Case { experiment: e.name.clone(), t0: e.t0, p, u0, saves });
            }
        }
        cases
    }

    /// The problem to solve.
    pub fn ivp<'a>(&'a self, prepared: &'a Prepared) -> Ivp<'a> {
        let t1 = self.saves.last().copied().unwrap_or(self.t0);
        Ivp { rhs: &*prepared.model.rhs, t0: self.t0, t1, u0: &self.u0, p: &self.p }
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
