//! A model text made callable.

use crate::StudyError;
use crate::signal::Signals;
use crate::system::{Functions, SystemKernel, driven};
use slopefield_graph::network::NetworkLibrary;
use slopefield_graph::plan::Plans;
use slopefield_graph::{Interpreter, LoweredModel, ModelFunction};
use slopefield_kernel::{HessianProduct, Kernel};
use slopefield_lang::{Model, ReactionMode, Severity};
use std::sync::Arc;
use std::time::Instant;

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
    /// What drives its inputs; none while they have no data, when everything that depends on them is
    /// NaN.
    pub signals: Option<Arc<Signals>>,
    /// Seconds from text to callable.
    pub compile_s: f64,
    /// Native code could not be made and the interpreter stands in: why.
    pub interpreted: Option<String>,
    /// Functions before signals are put in.
    functions: Arc<Functions>,
    /// Observations and named expressions before signals are put in.
    outputs: [Arc<dyn Kernel>; 2],
}

/// Products with second derivatives: of the initial values, and of the observations in each experiment where
/// inputs drive the model, otherwise once.
pub type Curvatures = (Arc<dyn HessianProduct>, Vec<Arc<dyn HessianProduct>>);

/// The functions of a model that depend on inputs.
pub struct DrivenFunctions {
    /// Right-hand side, with the rest of the system in its structure.
    pub rhs: Arc<dyn Kernel>,
    /// Observations with their noise arguments.
    pub observe: Arc<dyn Kernel>,
    /// Named expressions.
    pub lets: Arc<dyn Kernel>,
}

/// Native code for plans; where it cannot be made the interpreter, and why.
fn kernel(plans: &Plans) -> (Arc<dyn Kernel>, Option<String>) {
    match slopefield_cpu::compile(plans) {
        Ok(kernel) => (Arc::new(kernel), None),
        // Some systems forbid memory that is both written and run.
        Err(e) => (Arc::new(Interpreter::new(plans.clone())), Some(e.to_string())),
    }
}

/// The functions with signals for the inputs, or with none yet.
fn drive(
    model: &Model,
    functions: &Functions,
    [observe, lets]: &[Arc<dyn Kernel>; 2],
    signals: Option<&Arc<Signals>>,
) -> Result<DrivenFunctions, StudyError> {
    let count = model.inputs.len();
    if let Some(signals) = signals.filter(|signals| signals.len() != count) {
        let message = format!("{} signals were given for {count} inputs", signals.len());
        return Err(StudyError::Study(vec![crate::error::Problem::error("inputs", message)]));
    }
    let absent;
    let signals = match (count, signals) {
        (0, _) => None,
        (_, Some(signals)) => Some(signals),
        (_, None) => {
            absent = Arc::new(Signals::absent(count));
            Some(&absent)
        }
    };
    let with_inputs = |kernel: &Arc<dyn Kernel>| match signals {
        Some(signals) => driven(Arc::clone(kernel), model.states.len(), signals),
        None => Arc::clone(kernel),
    };
    let rhs = SystemKernel::new(model, functions, signals)
        .ok_or_else(|| StudyError::Compile("the model has no right-hand side".into()))?;
    Ok(DrivenFunctions {
        rhs: Arc::new(rhs),
        observe: with_inputs(observe),
        lets: with_inputs(lets),
    })
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
        let functions = Functions::new(&model, &lowered, rhs, &mut kernel);
        let outputs = [kernel(&lowered.observe), kernel(&lowered.lets)];
        let made = drive(&model, &functions, &outputs, None)?;
        Ok(CompiledModel {
            text: text.to_owned(),
            initial,
            rhs: made.rhs,
            observe: made.observe,
            lets: made.lets,
            // Equations with inputs are not reduced.
            invariants: functions.get(ModelFunction::Invariants),
            signals: None,
            model,
            reactions: mode,
            lowered,
            compile_s: began.elapsed().as_secs_f64(),
            interpreted,
            functions: Arc::new(functions),
            outputs,
        })
    }

    /// The functions with `signals` for the inputs, one for each.
    ///
    /// # Errors
    /// Another number of signals than the model has inputs.
    pub fn driven_by(&self, signals: &Arc<Signals>) -> Result<DrivenFunctions, StudyError> {
        drive(&self.model, &self.functions, &self.outputs, Some(signals))
    }

    /// The same model, driven by signals.
    ///
    /// # Errors
    /// Another number of signals than the model has inputs.
    pub fn with_signals(&self, signals: Arc<Signals>) -> Result<CompiledModel, StudyError> {
        let made = self.driven_by(&signals)?;
        Ok(CompiledModel {
            text: self.text.clone(),
            model: self.model.clone(),
            reactions: self.reactions,
            lowered: self.lowered.clone(),
            initial: Arc::clone(&self.initial),
            rhs: made.rhs,
            observe: made.observe,
            lets: made.lets,
            invariants: self.invariants.clone(),
            signals: Some(signals),
            compile_s: self.compile_s,
            interpreted: self.interpreted.clone(),
            functions: Arc::clone(&self.functions),
            outputs: self.outputs.clone(),
        })
    }

    /// The same model with other quantities in the place of its observations; what they read of
    /// [`Model::vectors`] may stand behind those of the model.
    ///
    /// # Errors
    /// Quantities that cannot be compiled.
    pub(crate) fn observing(
        &self,
        vectors: &[slopefield_lang::Vector],
        observations: Vec<slopefield_lang::Observation>,
    ) -> Result<CompiledModel, StudyError> {
        let mut model = self.model.clone();
        model.vectors.extend_from_slice(vectors);
        model.observations = observations;
        let lowered = self.lowered.with_observations_of(&model);
        let lowered = lowered.map_err(|e| StudyError::Compile(e.to_string()))?;
        let outputs = [kernel(&lowered.observe).0, Arc::clone(&self.outputs[1])];
        let made = drive(&model, &self.functions, &outputs, self.signals.as_ref())?;
        Ok(CompiledModel {
            text: self.text.clone(),
            model,
            reactions: self.reactions,
            lowered,
            initial: Arc::clone(&self.initial),
            rhs: made.rhs,
            observe: made.observe,
            lets: made.lets,
            invariants: self.invariants.clone(),
            signals: self.signals.clone(),
            compile_s: self.compile_s,
            interpreted: self.interpreted.clone(),
            functions: Arc::clone(&self.functions),
            outputs,
        })
    }

    /// Products with second derivatives of the initial values and, for each of the `signals` that drive
    /// inputs, of the observations; of a model without inputs the latter once. Compiled at their first use.
    ///
    /// # Errors
    /// [`StudyError::Compile`] where an operator of a plugin takes part in these, the equations or what
    /// events change, since it has none.
    pub fn second_derivatives(&self, signals: &[Arc<Signals>]) -> Result<Curvatures, StudyError> {
        let functions = [ModelFunction::Initial, ModelFunction::Rhs, ModelFunction::Observe];
        let others = self.lowered.others.iter().map(|(function, _)| *function);
        let operator = functions.into_iter().chain(others).find_map(|f| self.lowered.operator(f));
        if let Some(operator) = operator {
            return Err(StudyError::Compile(format!(
                "the loss has no exact second derivatives, because the operator `{}` of a plugin has \
                 none; `slopefield uncertainty` takes differences of its gradient instead",
                operator.name()
            )));
        }
        let of = |function, shape| {
            crate::system::second_derivatives(&self.model, &self.lowered, function, shape)
        };
        let kernel = &self.outputs[0];
        let observe = of(ModelFunction::Observe, kernel.shape());
        let states = self.model.states.len();
        let driven = signals.iter().map(|signals| {
            crate::system::driven_second_derivatives(&observe, kernel, states, signals)
        });
        let all = match self.model.inputs.is_empty() {
            true => vec![Arc::clone(&observe)],
            false => driven.collect(),
        };
        Ok((of(ModelFunction::Initial, self.initial.shape()), all))
    }

    /// Refuses a model whose inputs have no data.
    ///
    /// # Errors
    /// The sentence that names the inputs and their columns.
    pub fn require_signals(&self) -> Result<(), StudyError> {
        if self.model.inputs.is_empty() || self.signals.is_some() {
            return Ok(());
        }
        let inputs = self.model.inputs.iter().map(|input| input.name.as_str());
        let columns = self.model.inputs.iter().map(|input| input.column.as_str());
        let (inputs, columns) = (crate::error::listed(inputs), crate::error::listed(columns));
        let problem = crate::error::Problem::error(
            "inputs",
            format!(
                "the model is driven by data: {inputs} from {columns}; give a table with them, or \
                 open the model in a study that has one"
            ),
        );
        Err(StudyError::Study(vec![problem]))
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
            let functions = Functions::new(model, &lowered, rhs, &mut kernel);
            let system = SystemKernel::new(model, &functions, self.signals.as_ref())?;
            Some(Arc::new(system) as Arc<dyn Kernel>)
        };
        let (linear, rest) = (part(&linear)?, part(&rest)?);
        let whole = SystemKernel::new(&self.model, &self.functions, self.signals.as_ref())?;
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
    pub(crate) fn locate_non_finite(
        &self,
        t: f64,
        u: &[f64],
        p: &[f64],
    ) -> Option<slopefield_graph::NonFiniteAt> {
        if !self.model.delays.is_empty() {
            return None; // the delayed values there are not known
        }
        let inputs = self.model.inputs.len();
        if inputs > 0 && self.signals.is_none() {
            return None;
        }
        let locate = |t, u: &[f64]| {
            let mut all = u.to_vec();
            all.resize(u.len() + inputs, f64::NAN);
            if let Some(signals) = &self.signals {
                signals.write(t, &mut all[u.len()..]);
            }
            slopefield_graph::locate_non_finite(&self.model, &self.lowered, t, &all, p)
        };
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
}
