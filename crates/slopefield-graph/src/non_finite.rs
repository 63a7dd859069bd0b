//! Finding the expression that first turned finite numbers into an infinite one or NaN.
//!
//! A solver only learns that a derivative is not a number. This walks the expressions of the model
//! at that point, operands first, so that an error can name `sqrt(x - 1)` and say that its operand
//! was -0.3.

use std::collections::BTreeMap;

use slopefield_lang::{
    CallId, Expr, ExprKind, Lanes, LetId, Model, Source, Span, Vector, VectorId, VectorKind,
};

use crate::function::binary_name;
use crate::lower::LoweredModel;
use crate::model_graph::children;

/// The place where a value that is not finite arises.
#[derive(Debug, Clone, PartialEq)]
pub struct NonFiniteAt {
    /// The innermost expression, or network call, whose value is not finite although all of its
    /// operands are.
    pub span: Span,
    /// The state whose equation it is part of; `None` when a state, param or time itself is not
    /// finite.
    pub state: Option<usize>,
    /// Its value.
    pub value: f64,
    /// Values of its operands.
    pub operands: Vec<f64>,
    /// The value in words, with the operation and its operands: `NaN, the result of sqrt of -0.3`.
    pub description: String,
}

/// Walks the right-hand sides at a point; `None` when all of them are finite.
///
/// # Panics
/// When `u` (the states, and inputs and delayed values behind them) or `p` have other lengths than the model's.
#[must_use]
pub fn locate_non_finite(
    model: &Model,
    lowered: &LoweredModel,
    t: f64,
    u: &[f64],
    p: &[f64],
) -> Option<NonFiniteAt> {
    assert_eq!(u.len(), model.variables(), "one value for each state, input and delayed value");
    assert_eq!(p.len(), lowered.layout.len, "one value for each parameter");
    let mut walk = Walk {
        model,
        lowered,
        inputs: (t, u, p),
        lets: BTreeMap::new(),
        calls: BTreeMap::new(),
        elements: BTreeMap::new(),
        found: None,
    };
    for (state, declared) in model.states.iter().enumerate() {
        let value = walk.value(&declared.derivative);
        if let Some(found) = walk.found.take() {
            let is_input = found.operands.is_empty();
            return Some(NonFiniteAt { state: (!is_input).then_some(state), ..found });
        }
        debug_assert!(value.is_finite(), "what is not finite has been found");
    }
    None
}

struct Walk<'a> {
    model: &'a Model,
    lowered: &'a LoweredModel,
    inputs: (f64, &'a [f64], &'a [f64]),
    lets: BTreeMap<(LetId, u32), f64>,
    calls: BTreeMap<CallId, Vec<f64>>,
    /// Elements of vectors that are done.
    elements: BTreeMap<(VectorId, u32), f64>,
    found: Option<NonFiniteAt>,
}

/// What remains to be done for an expression.
enum Task<'e> {
    /// An expression in a lane of the vector it belongs to.
    Enter(&'e Expr, u32),
    /// Its operands are done: combine them.
    Leave(&'e Expr),
    /// The condition of an `if` is done: choose.
    Choose(&'e Expr, u32),
    /// The components of a call are done: apply the network.
    Apply(CallId),
    /// A named expression is done: remember it.
    Name(LetId, u32),
    /// An element of something.
    Element(Source, u32, Span),
    /// A state or param that is not finite.
    Input(Source, u32, Span),
    /// An element of a vector is done: remember it.
    Keep(VectorId, u32),
    /// So many elements are done: reduce them.
    Reduce(VectorId, u32, usize),
    /// The arguments of a network in a lane are done: apply it.
    ApplyInLane(VectorId, u32),
}

impl<'a> Walk<'a> {
    /// The value, with a stack of its own. Stops at the first find. Of an `if` only the branch that
    /// is taken is looked at.
    fn value(&mut self, expr: &'a Expr) -> f64 {
        let mut tasks = vec![Task::Enter(expr, 0)];
        let mut done: Vec<f64> = Vec::new();
        while let Some(task) = tasks.pop() {
            match task {
                Task::Enter(expr, lane) => self.enter(expr, lane, &mut tasks, &mut done),
                Task::Leave(expr) => {
                    let operands = done.split_off(done.len() - children(expr).count());
                    let value = self.leaf_or_function(expr, &operands);
                    self.check(expr.span, value, operands, || describe(expr));
                    done.push(value);
                }
                Task::Choose(expr, lane) => {
                    let condition = done.pop().unwrap_or(f64::NAN);
                    if let ExprKind::If(_, then, otherwise) = &expr.kind {
                        let chosen = if condition != 0.0 { then } else { otherwise };
                        tasks.push(Task::Enter(chosen, lane));
                    }
                }
                Task::Name(id, k) => {
                    if let Some(value) = done.last() {
                        self.lets.insert((id, k), *value);
                    }
                }
                Task::Apply(call) => {
                    let call_of = &self.model.calls[call.0 as usize];
                    let arguments = done.split_off(done.len() - call_of.arguments.len());
                    let network = call_of.network.0 as usize;
                    let outputs = self.apply(network, &arguments, call_of.span);
                    self.calls.insert(call, outputs);
                }
                Task::Element(source, i, span) => {
                    self.element(source, i, span, &mut tasks, &mut done);
                }
                Task::Input(source, i, span) => {
                    let of = if source == Source::States { self.inputs.1 } else { self.inputs.2 };
                    let value = of[i as usize];
                    self.check(span, value, Vec::new(), String::new);
                    done.push(value);
                }
                Task::Keep(id, i) => {
                    if let Some(value) = done.last() {
                        self.elements.insert((id, i), *value);
                    }
                }
                Task::Reduce(id, i, count) => {
                    let parts = done.split_off(done.len() - count);
                    let Vector { kind, span, .. } = &self.model.vectors[id.0 as usize];
                    if let VectorKind::Reduce { reduction, .. } = kind {
                        let value = reduction.apply(&parts);
                        // Finite numbers have a sum that overflows; the first ones show how large.
                        let some = parts.into_iter().take(3).collect();
                        self.check(*span, value, some, || format!("a sum of {count} numbers"));
                        done.push(value);
                        self.elements.insert((id, i), value);
                    }
                }
                Task::ApplyInLane(id, lane) => {
                    let Vector { kind, span, .. } = &self.model.vectors[id.0 as usize];
                    if let VectorKind::Network { network, arguments } = kind {
                        let arguments = done.split_off(done.len() - arguments.len());
                        let outputs = self.apply(network.0 as usize, &arguments, *span);
                        let first = lane * outputs.len() as u32;
                        let places = (first..).zip(outputs);
                        self.elements.extend(places.map(|(i, value)| ((id, i), value)));
                    }
                }
            }
            if self.found.is_some() {
                return f64::NAN;
            }
        }
        done.pop().unwrap_or(f64::NAN)
    }

    fn enter(&self, expr: &'a Expr, lane: u32, tasks: &mut Vec<Task<'a>>, done: &mut Vec<f64>) {
        match &expr.kind {
            ExprKind::Let(id, k) => self.element(Source::Let(*id), *k, expr.span, tasks, done),
            ExprKind::Output(id, k) => self.element(Source::Call(*id), *k, expr.span, tasks, done),
            ExprKind::Element(id, k) => {
                self.element(Source::Vector(*id), *k, expr.span, tasks, done);
            }
            ExprKind::Lanes(lanes) => match &**lanes {
                Lanes::Numbers(numbers) => done.push(numbers[lane as usize]),
                Lanes::Elements(source, table) => {
                    tasks.push(Task::Element(*source, table[lane as usize], expr.span));
                }
            },
            ExprKind::If(condition, ..) => {
                tasks.push(Task::Choose(expr, lane));
                tasks.push(Task::Enter(condition, lane));
            }
            _ => {
                tasks.push(Task::Leave(expr));
                tasks.extend(children(expr).rev().map(|child| Task::Enter(child, lane)));
            }
        }
    }

    /// An element of something, now or when what it needs is done.
    fn element(
        &self,
        source: Source,
        i: u32,
        span: Span,
        tasks: &mut Vec<Task<'a>>,
        done: &mut Vec<f64>,
    ) {
        let model = self.model;
        let known = match source {
            // Checked as any other leaf is.
            Source::States => Some(self.inputs.1[i as usize]).filter(|x| x.is_finite()),
            Source::Params => Some(self.inputs.2[i as usize]).filter(|x| x.is_finite()),
            Source::Let(id) => self.lets.get(&(id, i)).copied(),
            Source::Call(id) => self.calls.get(&id).map(|outputs| outputs[i as usize]),
            Source::Vector(id) => self.elements.get(&(id, i)).copied(),
        };
        if let Some(value) = known {
            done.push(value);
            return;
        }
        match source {
            Source::States | Source::Params => tasks.push(Task::Input(source, i, span)),
            Source::Let(id) => {
                tasks.push(Task::Name(id, i));
                tasks.push(Task::Enter(&model.lets[id.0 as usize].value[i as usize], 0));
            }
            Source::Call(id) => {
                // Once more when the call is done; then its outputs are known.
                tasks.push(Task::Element(source, i, span));
                tasks.push(Task::Apply(id));
                let arguments = &model.calls[id.0 as usize].arguments;
                tasks.extend(arguments.iter().rev().map(|a| Task::Enter(a, 0)));
            }
            Source::Vector(id) => match &model.vectors[id.0 as usize].kind {
                VectorKind::Each(body) => {
                    tasks.push(Task::Keep(id, i));
                    tasks.push(Task::Enter(body, i));
                }
                VectorKind::Reduce { of, ends, .. } => {
                    let start = if i == 0 { 0 } else { ends[i as usize - 1] };
                    let run = start..ends[i as usize];
                    tasks.push(Task::Reduce(id, i, run.len()));
                    let of = Source::Vector(*of);
                    tasks.extend(run.rev().map(|k| Task::Element(of, k, span)));
                }
                VectorKind::Network { network, arguments } => {
                    let lane = i / model.networks[network.0 as usize].outputs;
                    tasks.push(Task::Element(source, i, span));
                    tasks.push(Task::ApplyInLane(id, lane));
                    tasks.extend(arguments.iter().rev().map(|a| Task::Enter(a, lane)));
                }
            },
        }
    }

    fn leaf_or_function(&self, expr: &Expr, operands: &[f64]) -> f64 {
        let (t, u, p) = self.inputs;
        match &expr.kind {
            ExprKind::Number(value) => *value,
            ExprKind::Time => t,
            ExprKind::State(id) => u[id.0 as usize],
            ExprKind::Param(id) => p[id.0 as usize],
            ExprKind::Unary(op, _) => op.apply(operands[0]),
            ExprKind::Binary(op, ..) => op.apply(operands[0], operands[1]),
            ExprKind::Let(..)
            | ExprKind::Output(..)
            | ExprKind::Element(..)
            | ExprKind::Lanes(_)
            | ExprKind::If(..) => {
                unreachable!("entered in other ways")
            }
        }
    }

    fn apply(&mut self, index: usize, arguments: &[f64], span: Span) -> Vec<f64> {
        let weights = &self.inputs.2[self.lowered.layout.network_range(index)];
        let outputs = self.lowered.networks[index].evaluate(weights, arguments);
        let name = &self.model.networks[index].name;
        for value in &outputs {
            let what = || format!("network `{name}`");
            self.check(span, *value, arguments.to_vec(), what);
        }
        outputs
    }

    fn check(&mut self, span: Span, value: f64, operands: Vec<f64>, what: impl FnOnce() -> String) {
        if value.is_finite() || self.found.is_some() {
            return;
        }
        let number = if value.is_nan() { "not a number".into() } else { value.to_string() };
        let list: Vec<String> = operands.iter().map(|x| format!("{x:.6}")).collect();
        let description = match list.as_slice() {
            [] => number,
            list => format!("{number}, the result of {} of {}", what(), list.join(" and ")),
        };
        self.found = Some(NonFiniteAt { span, state: None, value, operands, description });
    }
}

fn describe(expr: &Expr) -> String {
    match &expr.kind {
        ExprKind::Unary(op, _) => op.name().into(),
        ExprKind::Binary(op, ..) => binary_name(*op).into(),
        _ => String::new(),
    }
}
