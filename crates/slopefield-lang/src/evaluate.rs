//! The value of a resolved expression, by walking its tree.
//!
//! The checker folds constants with it, and compilers are tested against it. It is not fast: use a
//! compiled kernel inside solvers.

use crate::model::{Expr, ExprKind, Model};

/// Values of what an expression may mention. What lies beyond a slice counts as NaN.
#[derive(Debug, Clone, Copy, Default)]
pub struct Env<'a> {
    /// Time.
    pub time: f64,
    /// States, by `StateId`.
    pub states: &'a [f64],
    /// Params, by `ParamId`.
    pub params: &'a [f64],
    /// Components of named expressions, by `LetId`.
    pub lets: &'a [Vec<f64>],
    /// Outputs of network calls, by `CallId`.
    pub outputs: &'a [Vec<f64>],
}

/// The value of `expr`; semantics of functions as in [`crate::functions`]. Of an `if` only the
/// chosen branch is evaluated; a condition of NaN counts as true, as every number but 0 does.
#[must_use]
pub fn evaluate(expr: &Expr, env: &Env<'_>) -> f64 {
    let component = |list: &[Vec<f64>], i: u32, c: u32| {
        list.get(i as usize).and_then(|v| v.get(c as usize)).copied().unwrap_or(f64::NAN)
    };
    match &expr.kind {
        ExprKind::Number(value) => *value,
        ExprKind::Time => env.time,
        ExprKind::State(id) => env.states.get(id.0 as usize).copied().unwrap_or(f64::NAN),
        ExprKind::Param(id) => env.params.get(id.0 as usize).copied().unwrap_or(f64::NAN),
        ExprKind::Let(id, c) => component(env.lets, id.0, *c),
        ExprKind::Output(id, c) => component(env.outputs, id.0, *c),
        ExprKind::Unary(f, a) => f.apply(evaluate(a, env)),
        ExprKind::Binary(f, a, b) => f.apply(evaluate(a, env), evaluate(b, env)),
        ExprKind::If(c, a, b) => {
            if evaluate(c, env) != 0.0 {
                evaluate(a, env)
            } else {
                evaluate(b, env)
            }
        }
    }
}

/// Values of the named expressions of a model without networks, in the order of `Model::lets`.
#[must_use]
pub fn evaluate_lets(model: &Model, time: f64, states: &[f64], params: &[f64]) -> Vec<Vec<f64>> {
    let mut lets: Vec<Vec<f64>> = Vec::with_capacity(model.lets.len());
    for item in &model.lets {
        let env = Env { time, states, params, lets: &lets, outputs: &[] };
        let values = item.value.iter().map(|e| evaluate(e, &env)).collect();
        lets.push(values);
    }
    lets
}
