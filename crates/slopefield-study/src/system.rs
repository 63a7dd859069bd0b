//! A model's right-hand side together with the rest of its system: Jacobian, mass matrix, delays,
//! noise, jumps, events.

mod bounds;
mod driven;
mod hessian;
mod jacobian;
mod recording;
mod undelayed;

use crate::signal::Signals;
use bounds::RateBounds;
pub(crate) use bounds::has_rate_bounds;
pub(crate) use driven::driven;
use driven::{DrivenHessian, DrivenMatrix};
use hessian::LazyHessian;
use jacobian::LazyJacobian;
use recording::LazyRecording;
use slopefield_graph::plan::Plans;
use slopefield_graph::sparse::Pattern;
use slopefield_graph::{LoweredModel, ModelFunction};
use slopefield_kernel::{
    Calculus, CheckedEval, Cotangent, Crossing, DelayedRead, Delays, Event, EventHessians, Events,
    HessianProduct, JumpChange, Jumps, Kernel, MatrixKernel, MatrixPattern, Noise, NoiseKind, Pair,
    Point, Recording, ReverseStepKernel, Shape, Split, StepKernel, StepTable, Structure, Tangent,
    Trigger,
};
use slopefield_lang::syntax::Direction;
use slopefield_lang::{Binary, EventTrigger, Expr, ExprKind, Jump, Model, NoiseStructure, StateId};
use std::sync::Arc;
pub(crate) use undelayed::undelayed;

/// Makes kernels of plans.
pub(crate) type Compile<'a> = &'a mut dyn FnMut(&Plans) -> Arc<dyn Kernel>;

/// What programs that are made on demand are made of.
pub(crate) struct Source {
    model: Model,
    lowered: LoweredModel,
}

/// Products with second derivatives of one function of a lowered model, made at their first use.
pub(crate) fn second_derivatives(
    model: &Model,
    lowered: &LoweredModel,
    function: ModelFunction,
    shape: Shape,
) -> Arc<dyn HessianProduct> {
    let source = Arc::new(Source { model: model.clone(), lowered: lowered.clone() });
    Arc::new(LazyHessian::new(&source, function, shape))
}

/// Second derivatives `product` of `kernel`, whose inputs behind `states` states follow signals.
pub(crate) fn driven_second_derivatives(
    product: &Arc<dyn HessianProduct>,
    kernel: &Arc<dyn Kernel>,
    states: usize,
    signals: &Arc<Signals>,
) -> Arc<dyn HessianProduct> {
    let (product, kernel) = (Arc::clone(product), Arc::clone(kernel));
    Arc::new(DrivenHessian::new(product, kernel, states, signals))
}

/// The compiled functions of a system, which take the values of inputs behind the states.
pub(crate) struct Functions {
    kernels: Vec<(ModelFunction, Arc<dyn Kernel>)>,
    jacobian: Arc<LazyJacobian>,
    hessian: Arc<LazyHessian>,
    noise_hessian: Option<Arc<LazyHessian>>,
    recording: Arc<LazyRecording>,
    /// For each jump the rates that depend on what it changes.
    alters: Vec<Vec<u32>>,
    /// What further second derivatives are made of.
    source: Arc<Source>,
}

impl Functions {
    /// Those of a model whose right-hand side has been compiled.
    pub(crate) fn new(
        model: &Model,
        lowered: &LoweredModel,
        rhs: Arc<dyn Kernel>,
        compile: Compile<'_>,
    ) -> Functions {
        let source = Arc::new(Source { model: model.clone(), lowered: lowered.clone() });
        let jacobian = Arc::new(LazyJacobian::new(&source, Arc::clone(&rhs)));
        let hessian = Arc::new(LazyHessian::new(&source, ModelFunction::Rhs, rhs.shape()));
        let mut kernels = vec![(ModelFunction::Rhs, rhs)];
        let is_needed = |function: &ModelFunction| match function {
            ModelFunction::JumpAffect(i) => constant_change(&model.jumps[*i as usize]).is_none(),
            _ => true,
        };
        for function in ModelFunction::others(model).into_iter().filter(is_needed) {
            if let Some(plans) = lowered.plans(function) {
                kernels.push((function, compile(plans)));
            }
        }
        let rates = lowered.plans(ModelFunction::Rates).map(|plans| Pattern::of(&plans.eval));
        let alters = rates.map_or_else(Vec::new, |rates| alters(model, &rates));
        let function = noise_function(model);
        let noise = kernels.iter().find(|(known, _)| *known == function);
        let noise_hessian = noise.map(|(_, coefficients)| {
            Arc::new(LazyHessian::new(&source, function, coefficients.shape()))
        });
        let recording = Arc::new(LazyRecording::new(&source));
        Functions { kernels, jacobian, hessian, noise_hessian, recording, alters, source }
    }

    /// Second derivatives of a function, driven by signals where the model has inputs; none where an
    /// operator of a plugin takes part in it, which has none.
    fn hessian(
        &self,
        product: &Arc<LazyHessian>,
        function: ModelFunction,
        states: usize,
        signals: Option<&Arc<Signals>>,
    ) -> Option<Arc<dyn HessianProduct>> {
        if self.source.lowered.operator(function).is_some() {
            return None;
        }
        let product = Arc::clone(product);
        Some(match signals {
            Some(signals) => {
                Arc::new(DrivenHessian::new(product, self.get(function)?, states, signals))
            }
            None => product,
        })
    }

    /// Second derivatives of any function that the model has, made at their first use.
    fn hessian_of(
        &self,
        function: ModelFunction,
        states: usize,
        signals: Option<&Arc<Signals>>,
    ) -> Option<Arc<dyn HessianProduct>> {
        let shape = self.get(function)?.shape();
        let product = Arc::new(LazyHessian::new(&self.source, function, shape));
        // Functions that do not depend on the state have no inputs behind it.
        self.hessian(&product, function, states, signals.filter(|_| shape.states > 0))
    }

    /// A function, where the model has it.
    pub(crate) fn get(&self, function: ModelFunction) -> Option<Arc<dyn Kernel>> {
        let found = self.kernels.iter().find(|(known, _)| *known == function);
        found.map(|(_, kernel)| Arc::clone(kernel))
    }
}

/// The right-hand side of a model, with everything else that methods ask a system for.
pub(crate) struct SystemKernel {
    rhs: Arc<dyn Kernel>,
    jacobian: Arc<dyn MatrixKernel>,
    hessian: Option<Arc<dyn HessianProduct>>,
    /// None where signals drive the model.
    recording: Option<Arc<LazyRecording>>,
    signals: Option<Arc<Signals>>,
    mass: Option<MassMatrix>,
    pairs: Vec<Pair>,
    delays: Option<DelayParts>,
    noise: Option<NoiseParts>,
    jumps: Option<JumpParts>,
    events: Option<EventParts>,
    split: Option<SplitParts>,
}

/// The right-hand side as a sum.
struct SplitParts {
    linear: Arc<dyn Kernel>,
    rest: Arc<dyn Kernel>,
}

struct DelayParts {
    reads: Vec<DelayedRead>,
    lags: Arc<dyn Kernel>,
    constant: Vec<bool>,
    history: Arc<dyn Kernel>,
    jumps_at_start: bool,
}

struct NoiseParts {
    coefficients: Arc<dyn Kernel>,
    sources: usize,
    kind: NoiseKind,
    calculus: Calculus,
    hessian: Option<Arc<dyn HessianProduct>>,
}

struct JumpParts {
    rates: Arc<dyn Kernel>,
    bounds: Option<Arc<dyn Kernel>>,
    changes: Vec<JumpChange>,
    alters: Vec<Vec<u32>>,
    constant_between: bool,
}

struct EventParts {
    list: Vec<Event>,
    roots: Option<Arc<dyn Kernel>>,
    times: Option<Arc<dyn Kernel>>,
    affects: Vec<Arc<dyn Kernel>>,
    root_hessian: Option<Arc<dyn HessianProduct>>,
    time_hessian: Option<Arc<dyn HessianProduct>>,
    affect_hessians: Vec<Arc<dyn HessianProduct>>,
}

impl SystemKernel {
    /// The system of a model, driven by signals where it has inputs.
    pub(crate) fn new(
        model: &Model,
        functions: &Functions,
        signals: Option<&Arc<Signals>>,
    ) -> Option<SystemKernel> {
        let n = model.states.len();
        let mut kernel = |function| {
            let kernel = functions.get(function)?;
            Some(match signals {
                Some(signals) => driven(kernel, n, signals),
                None => kernel,
            })
        };
        let rhs = kernel(ModelFunction::Rhs)?;
        let delays = kernel(ModelFunction::Lags).zip(kernel(ModelFunction::History));
        let delays = delays.map(|(lags, history)| DelayParts {
            reads: model.delays.iter().map(read).collect(),
            lags,
            constant: model.lags.iter().map(|lag| lag.constant).collect(),
            history,
            jumps_at_start: model.states.iter().any(|s| s.history.is_some()),
        });
        let noise = noise(model, functions, signals, &mut kernel);
        let jumps = kernel(ModelFunction::Rates).map(|rates| {
            let changes = (0..).zip(&model.jumps).map(|(i, jump)| match constant_change(jump) {
                Some(list) => JumpChange::Add(list),
                None => match kernel(ModelFunction::JumpAffect(i)) {
                    Some(set) => JumpChange::Set(set),
                    None => JumpChange::Add(Vec::new()),
                },
            });
            let bounds = RateBounds::new(model, rates.shape().params)
                .map(|bounds| Arc::new(bounds) as Arc<dyn Kernel>);
            let bounds = bounds.map(|bounds| match signals {
                Some(signals) => driven(bounds, n, signals),
                None => bounds,
            });
            JumpParts {
                rates,
                bounds,
                changes: changes.collect(),
                alters: functions.alters.clone(),
                constant_between: is_constant_between(model),
            }
        });
        let hessian = |function| functions.hessian_of(function, n, signals);
        let events = (!model.events.is_empty()).then(|| events(model, &mut kernel, &hessian));
        let mass = kernel(ModelFunction::Mass).map(|entries| MassMatrix::new(model, entries));
        let matrix = Arc::clone(&functions.jacobian);
        let jacobian: Arc<dyn MatrixKernel> = match signals {
            Some(signals) => {
                let (all, signals) = (model.variables(), Arc::clone(signals));
                Arc::new(DrivenMatrix { inner: matrix, states: n, all, signals })
            }
            None => matrix,
        };
        Some(SystemKernel {
            jacobian,
            hessian: functions.hessian(&functions.hessian, ModelFunction::Rhs, n, signals),
            recording: signals.is_none().then(|| Arc::clone(&functions.recording)),
            signals: signals.cloned(),
            mass,
            pairs: model.pairs.iter().map(pair).collect(),
            delays,
            noise,
            jumps,
            events,
            split: None,
            rhs,
        })
    }

    /// The same system with its right-hand side also as a linear part and a rest.
    pub(crate) fn with_parts(mut self, linear: Arc<dyn Kernel>, rest: Arc<dyn Kernel>) -> Self {
        self.split = Some(SplitParts { linear, rest });
        self
    }
}

impl Kernel for SystemKernel {
    fn shape(&self) -> Shape {
        self.rhs.shape()
    }

    fn scratch_len(&self) -> usize {
        self.rhs.scratch_len()
    }

    fn eval(&self, t: f64, u: &[f64], p: &[f64], out: &mut [f64], scratch: &mut [f64]) {
        self.rhs.eval(t, u, p, out, scratch);
    }

    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        scratch: &mut [f64],
    ) {
        self.rhs.jvp(at, along, out, dout, scratch);
    }

    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, scratch: &mut [f64]) {
        self.rhs.vjp(at, w, grad, scratch);
    }

    fn structure(&self) -> Structure<'_> {
        Structure {
            jacobian: Some(&*self.jacobian),
            hessian: self.hessian.as_deref(),
            mass: self.mass.as_ref().map(|mass| mass as &dyn MatrixKernel),
            pairs: &self.pairs,
            split: self.split.as_ref().map(|parts| Split {
                stiff: &*parts.linear,
                rest: &*parts.rest,
                linear: true,
            }),
            delays: self.delays.as_ref().map(|delays| Delays {
                reads: &delays.reads,
                lags: &*delays.lags,
                constant: &delays.constant,
                history: &*delays.history,
                jumps_at_start: delays.jumps_at_start,
            }),
            noise: self.noise.as_ref().map(|noise| Noise {
                coefficients: &*noise.coefficients,
                sources: noise.sources,
                kind: noise.kind,
                calculus: noise.calculus,
                hessian: noise.hessian.as_deref(),
            }),
            jumps: self.jumps.as_ref().map(|jumps| Jumps {
                rates: &*jumps.rates,
                changes: &jumps.changes,
                alters: &jumps.alters,
                constant_between: jumps.constant_between,
            }),
            rate_bounds: self.jumps.as_ref().and_then(|jumps| jumps.bounds.as_deref()),
            // Rates are compiled together.
            single_rates: &[],
            events: self.events.as_ref().map(|events| Events {
                list: &events.list,
                roots: events.roots.as_deref(),
                times: events.times.as_deref(),
                affects: &events.affects,
            }),
            event_hessians: self.events.as_ref().map(|events| EventHessians {
                roots: events.root_hessian.as_deref(),
                times: events.time_hessian.as_deref(),
                affects: &events.affect_hessians,
            }),
            breaks: self.signals.as_ref().map_or(&[], |signals| signals.breaks()),
        }
    }

    fn explicit_step(&self, table: &StepTable, taken: u64) -> Option<Arc<dyn StepKernel>> {
        self.rhs.explicit_step(table, taken)
    }

    fn explicit_step_reverse(
        &self,
        table: &StepTable,
        taken: u64,
    ) -> Option<Arc<dyn ReverseStepKernel>> {
        self.rhs.explicit_step_reverse(table, taken)
    }

    fn recording(&self) -> Option<Arc<dyn Recording>> {
        self.recording.as_ref()?.get()
    }

    fn checked_eval(&self) -> Option<CheckedEval> {
        self.rhs.checked_eval()
    }
}

fn read(delay: &slopefield_lang::Delay) -> DelayedRead {
    DelayedRead { state: delay.state.0, lag: delay.lag, slope: delay.slope }
}

fn pair((position, velocity): &(StateId, StateId)) -> Pair {
    Pair { position: position.0, velocity: velocity.0 }
}

/// The noise of a model.
fn noise(
    model: &Model,
    functions: &Functions,
    signals: Option<&Arc<Signals>>,
    kernel: &mut dyn FnMut(ModelFunction) -> Option<Arc<dyn Kernel>>,
) -> Option<NoiseParts> {
    let (kind, calculus) = (noise_kind(model), calculus(model));
    let function = noise_function(model);
    // A method for diagonal noise has a source for each state.
    let sources = match kind {
        NoiseKind::Diagonal => model.states.len(),
        _ => model.noises.len(),
    };
    let coefficients = kernel(function)?;
    let product = functions.noise_hessian.as_ref()?;
    let hessian = functions.hessian(product, function, model.states.len(), signals);
    Some(NoiseParts { coefficients, sources, kind, calculus, hessian })
}

/// The function that gives the coefficients of noise.
fn noise_function(model: &Model) -> ModelFunction {
    match noise_kind(model) {
        NoiseKind::Diagonal => ModelFunction::DiagonalNoise,
        _ => ModelFunction::Noise,
    }
}

/// What is known of a model's noise.
pub(crate) fn noise_kind(model: &Model) -> NoiseKind {
    match model.class.noise {
        Some(NoiseStructure::Additive) => NoiseKind::Additive,
        Some(NoiseStructure::Diagonal) => NoiseKind::Diagonal,
        Some(NoiseStructure::Commutative) => NoiseKind::Commutative,
        Some(NoiseStructure::General) | None => NoiseKind::General,
    }
}

/// The meaning of a model's stochastic integrals; the language allows one for all of them.
pub(crate) fn calculus(model: &Model) -> Calculus {
    match model.noises.iter().any(|w| w.stratonovich) {
        true => Calculus::Stratonovich,
        false => Calculus::Ito,
    }
}

/// `x += number` for every assignment, as numbers.
fn constant_change(jump: &Jump) -> Option<Vec<(u32, f64)>> {
    let change = |(state, value): &(StateId, Expr)| {
        let ExprKind::Binary(f, a, b) = &value.kind else { return None };
        let sign = match f {
            Binary::Add => 1.0,
            Binary::Sub => -1.0,
            _ => return None,
        };
        match (&a.kind, &b.kind) {
            (ExprKind::State(id), ExprKind::Number(x)) if id == state => Some((state.0, sign * x)),
            (ExprKind::Number(x), ExprKind::State(id)) if id == state && *f == Binary::Add => {
                Some((state.0, *x))
            }
            _ => None,
        }
    };
    jump.assignments.iter().map(change).collect()
}

/// For each jump the rates that depend on what it changes.
fn alters(model: &Model, rates: &Pattern) -> Vec<Vec<u32>> {
    let of = |jump: &Jump| {
        let columns = jump.assignments.iter().map(|(state, _)| rates.column(state.0 as usize));
        let mut list: Vec<u32> = columns.flatten().copied().collect();
        list.sort_unstable();
        list.dedup();
        list
    };
    model.jumps.iter().map(of).collect()
}

/// Nothing but the jumps moves the state, and no rate has the time in it.
pub(crate) fn is_constant_between(model: &Model) -> bool {
    let zero = |e: &Expr| matches!(e.kind, ExprKind::Number(x) if x == 0.0);
    model.noises.is_empty()
        && model.delays.is_empty()
        && model.states.iter().all(|s| !s.algebraic && zero(&s.derivative))
        && model.jumps.iter().all(|jump| !mentions_time(model, &jump.rate))
}

/// Whether an expression has the time in it, also through what it uses.
fn mentions_time(model: &Model, expr: &Expr) -> bool {
    // Loops are rare in rates: their presence counts as time.
    match &expr.kind {
        ExprKind::Time | ExprKind::Element(..) | ExprKind::Lanes(_) => true,
        ExprKind::Output(call, _) => {
            let arguments = &model.calls[call.0 as usize].arguments;
            arguments.iter().any(|argument| mentions_time(model, argument))
        }
        ExprKind::State(id) => model.input(*id).is_some(),
        ExprKind::Number(_) | ExprKind::Param(_) => false,
        ExprKind::Let(id, k) => mentions_time(model, &model.lets[id.0 as usize].value[*k as usize]),
        ExprKind::Unary(_, a) => mentions_time(model, a),
        ExprKind::Binary(_, a, b) => mentions_time(model, a) || mentions_time(model, b),
        ExprKind::If(c, a, b) => [c, a, b].iter().any(|e| mentions_time(model, e)),
    }
}

fn events(
    model: &Model,
    kernel: &mut dyn FnMut(ModelFunction) -> Option<Arc<dyn Kernel>>,
    hessian: &dyn Fn(ModelFunction) -> Option<Arc<dyn HessianProduct>>,
) -> EventParts {
    let (mut roots, mut times) = (0, 0);
    let (mut affects, mut affect_hessians) = (Vec::new(), Vec::new());
    let mut list = Vec::new();
    for (i, event) in (0..).zip(&model.events) {
        let trigger = match &event.trigger {
            EventTrigger::Crossing { direction, .. } => {
                roots += 1;
                let direction = match direction {
                    Direction::Both => Crossing::Both,
                    Direction::Rising => Crossing::Rising,
                    Direction::Falling => Crossing::Falling,
                };
                Trigger::Crossing { root: roots - 1, direction }
            }
            EventTrigger::At(list) => {
                let first = times;
                times += list.len() as u32;
                Trigger::At(first..times)
            }
            EventTrigger::Every { count, .. } => {
                times += 2;
                Trigger::Every { period: times - 2, from: times - 1, count: *count }
            }
        };
        let affect = kernel(ModelFunction::Affect(i)).map(|kernel| {
            affects.push(kernel);
            affect_hessians.extend(hessian(ModelFunction::Affect(i)));
            affects.len() as u32 - 1
        });
        list.push(Event { trigger, affect, stop: event.stop });
    }
    if affect_hessians.len() < affects.len() {
        // They are found by number: of all changes or of none.
        affect_hessians.clear();
    }
    EventParts {
        list,
        roots: kernel(ModelFunction::Roots),
        times: kernel(ModelFunction::EventTimes),
        affects,
        root_hessian: hessian(ModelFunction::Roots),
        time_hessian: hessian(ModelFunction::EventTimes),
        affect_hessians,
    }
}

/// The mass matrix of a model.
struct MassMatrix {
    starts: Vec<usize>,
    rows: Vec<u32>,
    height: usize,
    /// Where each entry of the kernel goes.
    places: Vec<usize>,
    entries: Arc<dyn Kernel>,
}

impl MassMatrix {
    fn new(model: &Model, entries: Arc<dyn Kernel>) -> MassMatrix {
        let n = model.states.len();
        let list = model.mass.as_ref().map_or(&[][..], |mass| &mass.entries);
        let mut order: Vec<usize> = (0..list.len()).collect();
        order.sort_by_key(|k| (list[*k].1, list[*k].0));
        let mut starts = vec![0; n + 1];
        for (_, column, _) in list {
            starts[*column as usize + 1] += 1;
        }
        for column in 0..n {
            starts[column + 1] += starts[column];
        }
        let mut places = vec![0; list.len()];
        for (place, k) in order.iter().enumerate() {
            places[*k] = place;
        }
        let rows = order.iter().map(|k| list[*k].0).collect();
        MassMatrix { starts, rows, height: n, places, entries }
    }
}

impl MatrixKernel for MassMatrix {
    fn pattern(&self) -> MatrixPattern<'_> {
        MatrixPattern { height: self.height, starts: &self.starts, rows: &self.rows }
    }

    fn scratch_len(&self) -> usize {
        self.places.len() + self.entries.scratch_len()
    }

    fn eval(&self, t: f64, _: &[f64], p: &[f64], values: &mut [f64], scratch: &mut [f64]) {
        let (list, scratch) = scratch.split_at_mut(self.places.len());
        self.entries.eval(t, &[], p, list, scratch);
        for (place, entry) in self.places.iter().zip(list) {
            values[*place] = *entry;
        }
    }

    fn is_constant(&self) -> bool {
        true
    }

    fn parameter_vjp(
        &self,
        at: Point<'_>,
        weights: &[f64],
        grad: &mut [f64],
        scratch: &mut [f64],
    ) -> bool {
        let (list, scratch) = scratch.split_at_mut(self.places.len());
        for (place, weight) in self.places.iter().zip(&mut *list) {
            *weight = weights[*place];
        }
        let grad = Cotangent { t: &mut 0.0, u: &mut [], p: grad };
        self.entries.vjp(Point { u: &[], ..at }, list, grad, scratch);
        true
    }
}
