//! The pipeline from a checked model to plans, pass by pass.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Range;

use luminal::prelude::Graph;
use slopefield_kernel::Shape;
use slopefield_lang::{Array, ArrayElements, Model, element_name};

use crate::custom::CustomOp;
use crate::emit::emit;
use crate::error::LowerError;
use crate::graph::{
    self, Columns, FoldConstants, FormLayers, Forward, FuseLanes, GraphTextError, Identities,
    MergeEqual, MergeLoops, OpenProduct, RemoveDead, Reverse, parse_function, recording, text,
};
use crate::layout::Layout;
use crate::model_graph::{self, ModelFunction, noise_arguments};
use crate::network::{NetworkGraph, NetworkLibrary};
use crate::plan::{Entry, Instruction, Plan, Plans};
use crate::sparse::{Colouring, Pattern};

/// Longest parameter vector.
const PARAMS: usize = 1 << 28;

/// Everything that the rest of the program needs of a model: plans of its functions and what their
/// inputs and outputs mean.
#[derive(Debug, Clone, PartialEq)]
pub struct LoweredModel {
    /// The parameter vector.
    pub layout: Layout,
    /// The networks, in order of declaration.
    pub networks: Vec<NetworkGraph>,
    /// Initial values of the states. Has no states as input.
    pub initial: Plans,
    /// Right-hand side.
    pub rhs: Plans,
    /// Values and noise arguments of the observations; see `observe_layout`.
    pub observe: Plans,
    /// Components of all named expressions; see `let_names`.
    pub lets: Plans,
    /// Where each observation is in the output of `observe`.
    pub observe_layout: Vec<ObserveSlot>,
    /// Name of each output of `lets`: `r` for a scalar, `z[1]` for a component.
    pub let_names: Vec<String>,
    /// Functions that only some models have ([`ModelFunction::others`]).
    pub others: Vec<(ModelFunction, Plans)>,
}

impl LoweredModel {
    /// The plans of a function, where the model has it.
    #[must_use]
    pub fn plans(&self, function: ModelFunction) -> Option<&Plans> {
        match function {
            ModelFunction::Initial => Some(&self.initial),
            ModelFunction::Rhs => Some(&self.rhs),
            ModelFunction::Observe => Some(&self.observe),
            ModelFunction::Lets => Some(&self.lets),
            other => self.others.iter().find(|(f, _)| *f == other).map(|(_, plans)| plans),
        }
    }

    /// The first operator in a function that somebody else computes; it has no second derivatives.
    #[must_use]
    pub fn operator(&self, function: ModelFunction) -> Option<&'static CustomOp> {
        self.plans(function)?.eval.custom()
    }

    /// This model with the right-hand side of another one that has the same states, params and
    /// networks, such as a part of it ([`Model::split_linear`]).
    ///
    /// # Errors
    /// As for [`lower`].
    pub fn with_rhs_of(&self, other: &Model) -> Result<LoweredModel, LowerError> {
        let (networks, layout) = (&self.networks, &self.layout);
        let rhs = ModelFunction::Rhs;
        let entry = |entry| compile(other, networks, layout, rhs, entry, &mut |_, _| {});
        let rhs =
            Plans { eval: entry(Entry::Eval)?, jvp: entry(Entry::Jvp)?, vjp: entry(Entry::Vjp)? };
        Ok(LoweredModel { rhs, ..self.clone() })
    }

    /// This model with the observations of another one that has the same states, params and
    /// networks, such as quantities of it that nobody measures.
    ///
    /// # Errors
    /// As for [`lower`].
    pub fn with_observations_of(&self, other: &Model) -> Result<LoweredModel, LowerError> {
        let (networks, layout) = (&self.networks, &self.layout);
        let function = ModelFunction::Observe;
        let entry = |entry| compile(other, networks, layout, function, entry, &mut |_, _| {});
        let observe =
            Plans { eval: entry(Entry::Eval)?, jvp: entry(Entry::Jvp)?, vjp: entry(Entry::Vjp)? };
        Ok(LoweredModel { observe, observe_layout: observe_layout(other), ..self.clone() })
    }
}

/// Where an observation is in the output of [`LoweredModel::observe`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObserveSlot {
    /// Index into `Model::observations`.
    pub observation: usize,
    /// Index of its value.
    pub value: usize,
    /// Indices of the arguments of its noise model, in order of writing.
    pub noise_args: Range<usize>,
}

/// Lowers a model. `passes`, below, is the pipeline.
pub fn lower(model: &Model, library: &dyn NetworkLibrary) -> Result<LoweredModel, LowerError> {
    let networks = build_networks(model, library)?;
    let layout = Layout::new(model, &networks)?;
    let plans = |function: ModelFunction| -> Result<Plans, LowerError> {
        let entry = |entry| compile(model, &networks, &layout, function, entry, &mut |_, _| {});
        Ok(Plans { eval: entry(Entry::Eval)?, jvp: entry(Entry::Jvp)?, vjp: entry(Entry::Vjp)? })
    };
    Ok(LoweredModel {
        initial: plans(ModelFunction::Initial)?,
        rhs: plans(ModelFunction::Rhs)?,
        observe: plans(ModelFunction::Observe)?,
        lets: plans(ModelFunction::Lets)?,
        observe_layout: observe_layout(model),
        let_names: let_names(model),
        others: ModelFunction::others(model)
            .into_iter()
            .map(|function| Ok((function, plans(function)?)))
            .collect::<Result<_, LowerError>>()?,
        layout,
        networks,
    })
}

/// The plan for second derivatives of one function of a model (entry [`Entry::Hvp`]): along a
/// direction, how the gradient of a weighted sum of the outputs changes. Made on demand, because
/// only some methods need it.
pub fn lower_hessian(
    model: &Model,
    library: &dyn NetworkLibrary,
    function: ModelFunction,
) -> Result<Plan, LowerError> {
    let networks = build_networks(model, library)?;
    let layout = Layout::new(model, &networks)?;
    compile(model, &networks, &layout, function, Entry::Hvp, &mut |_, _| {})
}

/// [`lower_hessian`] of a model that has been lowered.
///
/// # Errors
/// As for [`lower`].
pub fn lower_hessian_of(
    model: &Model,
    lowered: &LoweredModel,
    function: ModelFunction,
) -> Result<Plan, LowerError> {
    compile(model, &lowered.networks, &lowered.layout, function, Entry::Hvp, &mut |_, _| {})
}

/// A function that writes down what its reverse product needs again, and the product that reads it,
/// but for outer products that are left to be added for many products at once.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordingPlans {
    /// A plan for [`Entry::Eval`]. Its results are those of the function, followed by what is
    /// written down.
    pub function: Plan,
    /// A plan for [`Entry::Factored`]. Its weights are those of the function's results, followed by
    /// what was written down at the same point.
    pub product: Plan,
    /// What the product leaves open.
    pub open: Vec<OpenProduct>,
    /// Results of the function itself.
    pub outputs: usize,
}

/// The right-hand side of a lowered model that has dense layers, cut into function and product;
/// `None` where writing down has nothing to save. Made on demand, because only some methods reverse
/// evaluations that they have made themselves.
///
/// # Errors
/// As for [`lower`].
pub fn lower_recording(
    model: &Model,
    lowered: &LoweredModel,
) -> Result<Option<RecordingPlans>, LowerError> {
    let is_dense =
        |i: &Instruction| matches!(i, Instruction::Layer { .. } | Instruction::MatVec { .. });
    if !lowered.rhs.eval.code.iter().any(is_dense) {
        return Ok(None);
    }
    let function = ModelFunction::Rhs;
    let outputs = function.outputs(model).len();
    // The same graph twice, because luminal's do not copy.
    let joint = || -> Result<Graph, LowerError> {
        let mut graph = model_graph::build(model, &lowered.networks, &lowered.layout, function)?;
        simplify(&mut graph);
        recording::reverse_keeping_outputs(&mut graph);
        simplify(&mut graph);
        Ok(graph)
    };
    let plan = |mut graph: Graph, entry: Entry, recorded: usize| -> Result<Plan, LowerError> {
        simplify(&mut graph);
        graph.compile((FormLayers, FuseLanes, MergeLoops, Identities, RemoveDead), ());
        let states = function.states(model);
        let shape = Shape { states, params: lowered.layout.len, outputs: outputs + recorded };
        Ok(emit(&graph, entry, shape))
    };
    let (mut forth, mut back) = (joint()?, joint()?);
    let cut = recording::cut(&forth);
    let recorded = cut.iter().map(|tensor| tensor.dims.len()).sum();
    if recorded == 0 {
        return Ok(None);
    }
    recording::keep_function(&mut forth, &cut, outputs as u32);
    recording::keep_product(&mut back, &cut, outputs as u32);
    let function = plan(forth, Entry::Eval, recorded)?;
    function.verify()?;
    simplify(&mut back);
    let (open, factors) = recording::factor(&mut back);
    let product = Plan { factors, ..plan(back, Entry::Factored, recorded)? };
    product.verify()?;
    Ok(Some(RecordingPlans { function, product, open, outputs }))
}

/// The Jacobian of the right-hand side with respect to the states, as a function of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct JacobianPlan {
    /// Where the entries are.
    pub pattern: Pattern,
    /// Entries in the order of the pattern, as a plan for [`Entry::Eval`].
    pub plan: Plan,
}

/// The Jacobian of the right-hand side of a model that has been lowered, made on demand because only
/// implicit methods need it. `None` where it would be a program out of proportion: of networks
/// and large dense systems, whose columns or rows are better computed one after the other
/// ([`crate::sparse::SparseJacobian`]).
///
/// # Errors
/// As for [`lower`].
pub fn lower_jacobian(
    model: &Model,
    lowered: &LoweredModel,
) -> Result<Option<JacobianPlan>, LowerError> {
    /// More groups than this would repeat the function too often.
    const GROUPS: u32 = 64;
    /// Work of a plan, in instructions, times groups.
    const WORK: usize = 200_000;
    let pattern = Pattern::of(&lowered.rhs.eval).left(model.states.len());
    let colouring = Colouring::of_columns(&pattern);
    let small = pattern.columns() <= 64 && model.networks.is_empty();
    if (colouring.count > GROUPS && !small)
        || lowered.rhs.eval.code.len() * colouring.count as usize > WORK
    {
        return Ok(None);
    }
    let (networks, layout) = (&lowered.networks, &lowered.layout);
    let mut graph = model_graph::build(model, networks, layout, ModelFunction::Rhs)?;
    simplify(&mut graph);
    graph.compile(Columns { pattern: &pattern, colouring: &colouring }, ());
    simplify(&mut graph);
    graph.compile((FormLayers, FuseLanes, MergeLoops, Identities, RemoveDead), ());
    let shape = Shape {
        states: ModelFunction::Rhs.states(model),
        params: layout.len,
        outputs: pattern.len(),
    };
    let plan = emit(&graph, Entry::Eval, shape);
    plan.verify()?;
    Ok(Some(JacobianPlan { pattern, plan }))
}

/// One function of a model as a plan. `watch` sees the graph before and after each pass.
pub(crate) fn compile(
    model: &Model,
    networks: &[NetworkGraph],
    layout: &Layout,
    function: ModelFunction,
    entry: Entry,
    watch: &mut dyn FnMut(&str, &Graph),
) -> Result<Plan, LowerError> {
    let graph = passes(model, networks, layout, function, entry, watch)?;
    let shape = Shape {
        states: function.states(model),
        params: layout.len,
        outputs: function.outputs(model).len(),
    };
    let plan = emit(&graph, entry, shape);
    plan.verify()?;
    Ok(plan)
}

/// The pipeline: build, simplify, differentiate, simplify.
pub(crate) fn passes(
    model: &Model,
    networks: &[NetworkGraph],
    layout: &Layout,
    function: ModelFunction,
    entry: Entry,
    watch: &mut dyn FnMut(&str, &Graph),
) -> Result<Graph, LowerError> {
    let mut graph = model_graph::build(model, networks, layout, function)?;
    watch("built", &graph);
    if let (Entry::Hvp, Some(op)) = (entry, custom_operator(&graph)) {
        let message = format!(
            "the operator `{}` of a plugin has no second derivatives; choose a method, or a way to \
             gradients, that needs none",
            op.name()
        );
        return Err(LowerError::Operator { message });
    }
    derive(&mut graph, entry, watch);
    Ok(graph)
}

/// The first operator of a graph that somebody else computes.
fn custom_operator(graph: &Graph) -> Option<&'static CustomOp> {
    graph::order(graph).into_iter().find_map(|index| match graph::node(graph, index).op {
        graph::Op::Custom { op, .. } => Some(op),
        _ => None,
    })
}

/// The pipeline on a graph of a function: what comes out is ready to be emitted.
///
/// 1. *Simplify*: numbers are folded, identities applied, equal nodes merged, unused ones removed.
/// 2. *Differentiate*: forward adds tangents, reverse turns outputs into gradients, forward over
///    reverse gives products with second derivatives.
/// 3. *Simplify* again: derivatives bring views of views, products with numbers, equal terms.
/// 4. *Fuse*: dense layers, loops over lanes, loops that share their operands.
fn derive(graph: &mut Graph, entry: Entry, watch: &mut dyn FnMut(&str, &Graph)) {
    simplify(graph);
    watch("simplified", graph);

    match entry {
        Entry::Eval => {}
        Entry::Jvp => graph.compile(Forward, ()),
        // Factored plans are made from such a graph by `lower_recording`.
        Entry::Vjp | Entry::Factored => graph.compile(Reverse, ()),
        Entry::Hvp => {
            graph.compile(Reverse, ());
            simplify(graph);
            watch("differentiated in reverse", graph);
            graph.compile(Forward, ());
        }
    }
    if entry != Entry::Eval {
        watch("differentiated", graph);
        simplify(graph);
        watch("simplified again", graph);
    }

    graph.compile((FormLayers, FuseLanes, MergeLoops, Identities, RemoveDead), ());
    watch("fused", graph);
}

fn simplify(graph: &mut Graph) {
    graph.compile((FoldConstants, Identities, MergeEqual, RemoveDead), ());
}

/// Plans of a function that is given as the text of its graph, as [`dump`] writes it: inputs
/// `Time`, `States` and `Params`, and outputs that cover `Out`.
///
/// ```text
/// %0 = input States 0 : [3]
/// %1 = gather 1 2 0 %0 : [3]
/// %2 = zip mul %0 %1 : [3]
/// %3 = output Out 0 %2 : [3]
/// ```
pub fn lower_text(text: &str, shape: Shape) -> Result<Plans, GraphTextError> {
    let entry = |entry| {
        let mut graph = parse_function(text)?;
        derive(&mut graph, entry, &mut |_, _| {});
        let plan = emit(&graph, entry, shape);
        plan.verify()?;
        Ok::<Plan, GraphTextError>(plan)
    };
    Ok(Plans { eval: entry(Entry::Eval)?, jvp: entry(Entry::Jvp)?, vjp: entry(Entry::Vjp)? })
}

/// Builds all networks of a model.
pub(crate) fn build_networks(
    model: &Model,
    library: &dyn NetworkLibrary,
) -> Result<Vec<NetworkGraph>, LowerError> {
    if !model.is_complete {
        return Err(LowerError::Incomplete);
    }
    let mut networks = Vec::with_capacity(model.networks.len());
    for declared in &model.networks {
        let built = library
            .build(&declared.kind, declared.inputs, declared.outputs, &declared.options)
            .and_then(|graph| {
                // A library is a trait anyone implements; what it returns is checked like a file.
                graph.verify()?;
                graph.bind_operators()?;
                Ok(graph)
            })
            .map_err(|source| LowerError::Network {
                network: declared.name.clone(),
                span: declared.span,
                source,
            })?;
        if (built.inputs, built.outputs) != (declared.inputs, declared.outputs) {
            return Err(LowerError::NetworkSize {
                network: declared.name.clone(),
                span: declared.span,
                inputs: built.inputs,
                outputs: built.outputs,
                declared_inputs: declared.inputs,
                declared_outputs: declared.outputs,
            });
        }
        networks.push(built);
    }
    Ok(networks)
}

pub(crate) fn check_params(count: usize) -> Result<(), LowerError> {
    if count > PARAMS {
        return Err(LowerError::TooLarge { what: "parameters", count, limit: PARAMS });
    }
    Ok(())
}

fn observe_layout(model: &Model) -> Vec<ObserveSlot> {
    let mut next = 0;
    let mut slots = Vec::with_capacity(model.observations.len());
    for (observation, declared) in model.observations.iter().enumerate() {
        let value = next;
        let arguments = noise_arguments(&declared.noise).count();
        next = value + 1 + arguments;
        slots.push(ObserveSlot { observation, value, noise_args: value + 1..next });
    }
    slots
}

fn let_names(model: &Model) -> Vec<String> {
    let arrays = model.arrays.iter().filter_map(|array| match array.elements {
        ArrayElements::Let(id) => Some((id.0 as usize, array)),
        _ => None,
    });
    let arrays: BTreeMap<usize, &Array> = arrays.collect();
    let names = model.lets.iter().enumerate().flat_map(|(i, l)| {
        let array = arrays.get(&i).copied();
        let is_vector = l.value.len() > 1;
        (0..l.value.len()).map(move |k| match array {
            Some(array) => element_name(&l.name, &array.dimensions, k),
            None if is_vector => format!("{}[{}]", l.name, k + 1),
            None => l.name.clone(),
        })
    });
    names.collect()
}

/// The graphs of all functions of a model before and after each pass, and their plans, as text.
pub fn dump(model: &Model, library: &dyn NetworkLibrary) -> Result<String, LowerError> {
    let networks = build_networks(model, library)?;
    let layout = Layout::new(model, &networks)?;
    let mut out = String::new();
    for function in ModelFunction::ALL {
        for entry in [Entry::Eval, Entry::Jvp, Entry::Vjp] {
            let mut graphs = String::new();
            let plan = compile(model, &networks, &layout, function, entry, &mut |pass, graph| {
                graphs.push_str(&format!("-- {function:?} {entry:?}, {pass}\n{}", text(graph)));
            })?;
            out.push_str(&graphs);
            out.push_str(&format!("-- {function:?} {entry:?}, plan\n{plan}\n"));
        }
    }
    Ok(out)
}
