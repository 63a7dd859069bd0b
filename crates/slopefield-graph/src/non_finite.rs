//! Finding the expression that first turned finite numbers into an infinite one or NaN.
//!
//! A solver only learns that a derivative is not a number. This walks the expressions of the model
//! at that point, operands first, so that an error can name `sqrt(x - 1)` and say that its operand
//! was -0.3.

use std::collections::BTreeMap;

use slopefield_lang::{CallId, Expr, ExprKind, LetId, Model, Span};

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
/// When `u` or `p` have other lengths than the model's.
#[must_use]
pub fn locate_non_finite(
    model: &Model,
    lowered: &LoweredModel,
    t: f64,
    u: &[f64],
    p: &[f64],
) -> Option<NonFiniteAt> {
    assert_eq!(u.len(), model.states.len(), "one value for each state");
    assert_eq!(p.len(), lowered.layout.len, "one value for each parameter");
    let mut walk = Walk {
        model,
        lowered,
        inputs: (t, u, p),
        lets: BTreeMap::new(),
        calls: BTreeMap::new(),
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
    found: Option<NonFiniteAt>,
}

/// What remains to be done for an expression.
enum Task<'e> {
    Enter(&'e Expr),
    /// Its operands are done: combine them.
    Leave(&'e Expr),
    /// The condition of an `if` is done: choose.
    Choose(&'e Expr),
    /// The components of a call are done: apply the network.
    Apply(CallId),
    /// A named expression is done: remember it.
    Name(LetId, u32),
}

impl<'a> Walk<'a> {
    /// The value, with a stack of its own. Stops at the first find. Of an `if` only the branch that
    /// is taken is looked at.
    fn value(&mut self, expr: &'a Expr) -> f64 {
        let mut tasks = vec![Task::Enter(expr)];
        let mut done: Vec<f64> = Vec::new();
        while let Some(task) = tasks.pop() {
            match task {
                Task::Enter(expr) => self.enter(expr, &mut tasks, &mut done),
                Task::Leave(expr) => {
                    let operands = done.split_off(done.len() - children(expr).count());
                    let value = self.leaf_or_function(expr, &operands);
                    self.check(expr.span, value, operands, || describe(expr));
                    done.push(value);
                }
                Task::Choose(expr) => {
                    let condition = done.pop().unwrap_or(f64::NAN);
                    if let ExprKind::If(_, then, otherwise) = &expr.kind {
                        let chosen = if condition != 0.0 { then } else { otherwise };
                        tasks.push(Task::Enter(chosen));
                    }
                }
                Task::Name(id, k) => {
                    if let Some(value) = done.last() {
                        self.lets.insert((id, k), *value);
                    }
                }
                Task::Apply(call) => self.apply(call, &mut done),
            }
            if self.found.is_some() {
                return f64::NAN;
            }
        }
        done.pop().unwrap_or(f64::NAN)
    }

    fn enter(&self, expr: &'a Expr, tasks: &mut Vec<Task<'a>>, done: &mut Vec<f64>) {
        match &expr.kind {
            ExprKind::Let(id, k) => match self.lets.get(&(*id, *k)) {
                Some(value) => done.push(*value),
                None => {
                    tasks.push(Task::Name(*id, *k));
                    tasks.push(Task::Enter(&self.model.lets[id.0 as usize].value[*k as usize]));
                }
            },
            ExprKind::Output(call, k) => match self.calls.get(call) {
                Some(outputs) => done.push(outputs[*k as usize]),
                None => {
                    // Once more when the call is done; then its outputs are known.
                    tasks.push(Task::Enter(expr));
                    tasks.push(Task::Apply(*call));
                    let arguments = &self.model.calls[call.0 as usize].arguments;
                    tasks.extend(arguments.iter().rev().map(Task::Enter));
                }
            },
            ExprKind::If(condition, ..) => {
                tasks.push(Task::Choose(expr));
                tasks.push(Task::Enter(condition));
            }
            _ => {
                tasks.push(Task::Leave(expr));
                tasks.extend(children(expr).rev().map(Task::Enter));
            }
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
            ExprKind::Let(..) | ExprKind::Output(..) | ExprKind::If(..) => {
                unreachable!("entered in other ways")
            }
        }
    }

    fn apply(&mut self, id: CallId, done: &mut Vec<f64>) {
        let call = &self.model.calls[id.0 as usize];
        let index = call.network.0 as usize;
        let arguments = done.split_off(done.len() - call.arguments.len());
        let weights = &self.inputs.2[self.lowered.layout.network_range(index)];
        let outputs = self.lowered.networks[index].evaluate(weights, &arguments);
        let name = &self.model.networks[index].name;
        for value in &outputs {
            let what = || format!("network `{name}`");
            self.check(call.span, *value, arguments.clone(), what);
        }
        self.calls.insert(id, outputs);
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
