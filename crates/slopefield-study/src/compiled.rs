//! A model text made callable.

use crate::StudyError;
use crate::system::SystemKernel;
use slopefield_graph::network::NetworkLibrary;
use slopefield_graph::plan::Plans;
use slopefield_graph::{Interpreter, LoweredModel, ModelFunction};
use slopefield_kernel::Kernel;
use slopefield_lang::{Model, ReactionMode, Severity};
use std::sync::Arc;
use std::time::Instant;

/// States that an error shows with their values.
const SHOWN: usize = 12;

/// A checked model with its kernels. Every function takes `(t, u, p)` with `p` in the order of
/// [`slopefield_graph::layout::Layout`].
pub struct CompiledModel {
    /// The text it was made from.
    pub text: String,
    /// The checked model.
    pub model: Model,
    /// How its reactions are run.
    pub reactions: ReactionMode,
    /// Layout of parameters, networks, plans.
    pub lowered: LoweredModel,
    /// p → initial state.
    pub initial: Arc<dyn Kernel>,
    /// Right-hand side, with the rest of the system in its structure.
    pub rhs: Arc<dyn Kernel>,
    /// Observations with their noise arguments.
    pub observe: Arc<dyn Kernel>,
    /// Named expressions.
    pub lets: Arc<dyn Kernel>,
    /// What is 0 along every solution of equations whose index was reduced.
    pub invariants: Option<Arc<dyn Kernel>>,
    /// Seconds from text to callable.
    pub compile_s: f64,
    /// Native code could not be made and the interpreter stands in: why.
    pub interpreted: Option<String>,
}

/// Native code for plans; where it cannot be made the interpreter, and why.
fn kernel(plans: &Plans) -> (Arc<dyn Kernel>, Option<String>) {
    match slopefield_cpu::compile(plans) {
        Ok(kernel) => (Arc::new(kernel), None),
        // Some systems forbid memory that is both written and run.
        Err(e) => (Arc::new(Interpreter::new(plans.clone())), Some(e.to_string())),
    }
}

impl CompiledModel {
    /// Checks and compiles a text. Warnings do not hinder.
    ///
    /// # Errors
    /// Errors of the text, networks that cannot be built.
    pub fn new(text: &str, library: &dyn NetworkLibrary) -> Result<CompiledModel, StudyError> {
        Self::with_reactions(text, library, ReactionMode::Ode)
    }

    /// As [`CompiledModel::new`], with reactions run in a given way.
    ///
    /// # Errors
    /// Errors of the text, networks that cannot be built.
    pub fn with_reactions(
        text: &str,
        library: &dyn NetworkLibrary,
        mode: ReactionMode,
    ) -> Result<CompiledModel, StudyError> {
        let began = Instant::now();
        let (model, diagnostics) = slopefield_lang::check(text);
        let errors: Vec<_> = diagnostics.iter().filter(|d| d.severity == Severity::Error).collect();
        if let Some(first) = errors.first() {
            let (line, _) = slopefield_lang::line_column(text, first.span.start);
            let more = match errors.len() {
                1 => String::new(),
                n => format!(" (and {} more)", n - 1),
            };
            return Err(StudyError::Model {
                summary: format!("model, line {line}: {}{more}", first.message),
                rendered: slopefield_lang::render(text, "model.slope", &diagnostics, false),
            });
        }
        let model = model.with_reactions(mode);
        let lowered = slopefield_graph::lower(&model, library)
            .map_err(|e| StudyError::Compile(e.to_string()))?;
        let mut interpreted = None;
        let mut kernel = |plans: &Plans| -> Arc<dyn Kernel> {
            let (kernel, why) = kernel(plans);
            interpreted = interpreted.take().or(why);
            kernel
        };
        let initial = kernel(&lowered.initial);
        let rhs = kernel(&lowered.rhs);
        let rhs = Arc::new(SystemKernel::new(&model, &lowered, rhs, &mut kernel));
        let observe = kernel(&lowered.observe);
        let lets = kernel(&lowered.lets);
        let invariants = lowered.plans(ModelFunction::Invariants).map(&mut kernel);
        Ok(CompiledModel {
            text: text.to_owned(),
            initial,
            rhs,
            observe,
            lets,
            invariants,
            model,
            reactions: mode,
            lowered,
            compile_s: began.elapsed().as_secs_f64(),
            interpreted,
        })
    }

    /// The right-hand side with its split into linear terms and others, for methods that treat them
    /// apart; `None` when the model has no linear terms or is more than ordinary differential
    /// equations.
    pub fn split_rhs(&self) -> Option<Arc<dyn Kernel>> {
        let (linear, rest) = self.model.split_linear()?;
        let mut kernel = |plans: &Plans| kernel(plans).0;
        let mut part = |model: &Model| {
            let lowered = self.lowered.with_rhs_of(model).ok()?;
            let rhs = kernel(&lowered.rhs);
            Some(Arc::new(SystemKernel::new(model, &lowered, rhs, &mut kernel)) as Arc<dyn Kernel>)
        };
        let (linear, rest) = (part(&linear)?, part(&rest)?);
        let rhs = kernel(&self.lowered.rhs);
        let whole = SystemKernel::new(&self.model, &self.lowered, rhs, &mut kernel);
        Some(Arc::new(whole.with_parts(linear, rest)))
    }

    /// The solver that is used where `method` is asked for, and why.
    #[must_use]
    pub fn choose_solver(&self, method: &str, rtol: f64) -> crate::Choice {
        crate::solvers::choose(&self.model, method, rtol)
    }

    /// Parameters as the text gives them, with weights drawn from `seed`.
    pub fn start_params(&self, seed: u64) -> Vec<f64> {
        self.lowered.layout.initial_values(&self.model, &self.lowered.networks, seed)
    }

    /// Name of each element of the parameter vector.
    pub fn param_names(&self) -> Vec<String> {
        let layout = &self.lowered.layout;
        (0..layout.len).map(|i| layout.name_of(i, &self.model)).collect()
    }

    /// Initial state at `p`, with some states overridden.
    pub fn initial_state(&self, t0: f64, p: &[f64], fixed: &[(usize, f64)]) -> Vec<f64> {
        let mut u = vec![0.0; self.model.states.len()];
        let mut scratch = vec![0.0; self.initial.scratch_len()];
        self.initial.eval(t0, &[], p, &mut u, &mut scratch);
        for &(state, value) in fixed {
            u[state] = value;
        }
        u
    }

    /// The expression that is not finite at a place, or a little way along the solution: a step
    /// may fail although its own beginning is still fine.
    fn locate_non_finite(
        &self,
        t: f64,
        u: &[f64],
        p: &[f64],
    ) -> Option<slopefield_graph::NonFiniteAt> {
        if !self.model.delays.is_empty() {
            return None; // the delayed values there are not known
        }
        let locate =
            |t, u: &[f64]| slopefield_graph::locate_non_finite(&self.model, &self.lowered, t, u, p);
        if let Some(found) = locate(t, u) {
            return Some(found);
        }
        let mut slope = vec![0.0; u.len()];
        let mut scratch = vec![0.0; self.rhs.scratch_len()];
        self.rhs.eval(t, u, p, &mut slope, &mut scratch);
        let unit = t.abs().max(1.0);
        for exponent in [-14, -12, -10, -8, -6] {
            for way in [unit, -unit] {
                let dt = way * 10f64.powi(exponent);
                let beside: Vec<f64> = u.iter().zip(&slope).map(|(u, f)| u + dt * f).collect();
                if let Some(found) = locate(t + dt, &beside) {
                    return Some(found);
                }
            }
        }
        None
    }

    /// One sentence for a solve that failed: state, time and the expression that broke.
    pub fn explain(&self, error: &slopefield_solve::SolveError, p: &[f64]) -> String {
        use slopefield_solve::SolveError::{NonFinite, StepTooSmall};
        let time = &self.model.time.name;
        match error {
            NonFinite { t, state, u } => {
                let name = self.model.states.get(*state).map_or("?", |s| s.name.as_str());
                let start =
                    format!("the equation of `{name}` gave no finite number at {time} = {t}");
                let at = self.locate_non_finite(*t, u, p);
                match at {
                    Some(at) => {
                        let (line, _) = slopefield_lang::line_column(&self.text, at.span.start);
                        let text = slopefield_lang::expression_text(&self.text, at.span);
                        format!("{start}: `{text}` (line {line}) is {}", at.description)
                    }
                    None => {
                        // Of many states the first, and the one that failed.
                        let shown = |i: &usize| u.len() <= SHOWN || *i < SHOWN || i == state;
                        let values = (0..u.len()).filter(shown).map(|i| {
                            let name = self.model.states.get(i).map_or("?", |s| s.name.as_str());
                            format!("{name} = {:.6}", u[i])
                        });
                        let values: Vec<_> = values.collect();
                        format!("{start}, where {}", values.join(", "))
                    }
                }
            }
            StepTooSmall { t, h } => format!(
                "the step size fell to {h:.3e} at {time} = {t}; the solution may end there, or the \
                 system is too stiff for this method"
            ),
            other => other.to_string(),
        }
    }
}
