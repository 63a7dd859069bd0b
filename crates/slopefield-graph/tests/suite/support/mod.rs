//! Models by hand, an evaluator of their trees, and accurate differences.
#![allow(
    dead_code,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "each test file uses its part"
)]

pub mod recorded;

use slopefield_graph::{BuiltinNetworks, Interpreter, LoweredModel, lower};
use slopefield_kernel::{Cotangent, Kernel, Point, Tangent};
use slopefield_lang::{
    Binary, CallId, Env, Expr, ExprKind, Let, LetId, Model, Network, NetworkCall, NetworkId, Noise,
    Observation, OptionValue, Param, ParamId, Scale, Span, State, StateId, Unary, evaluate,
};

pub fn e(kind: ExprKind) -> Expr {
    Expr { kind, span: Span::default() }
}
pub fn num(x: f64) -> Expr {
    e(ExprKind::Number(x))
}
pub fn time() -> Expr {
    e(ExprKind::Time)
}
pub fn u(i: u32) -> Expr {
    e(ExprKind::State(StateId(i)))
}
pub fn p(i: u32) -> Expr {
    e(ExprKind::Param(ParamId(i)))
}
pub fn un(op: Unary, a: Expr) -> Expr {
    e(ExprKind::Unary(op, Box::new(a)))
}
pub fn bin(op: Binary, a: Expr, b: Expr) -> Expr {
    e(ExprKind::Binary(op, Box::new(a), Box::new(b)))
}
pub fn add(a: Expr, b: Expr) -> Expr {
    bin(Binary::Add, a, b)
}
pub fn sub(a: Expr, b: Expr) -> Expr {
    bin(Binary::Sub, a, b)
}
pub fn mul(a: Expr, b: Expr) -> Expr {
    bin(Binary::Mul, a, b)
}
pub fn div(a: Expr, b: Expr) -> Expr {
    bin(Binary::Div, a, b)
}
pub fn iff(c: Expr, a: Expr, b: Expr) -> Expr {
    e(ExprKind::If(Box::new(c), Box::new(a), Box::new(b)))
}
pub fn output(call: u32, k: u32) -> Expr {
    e(ExprKind::Output(CallId(call), k))
}
pub fn named(l: u32, k: u32) -> Expr {
    e(ExprKind::Let(LetId(l), k))
}

/// A model with states `x0..` of these right-hand sides and params `k0..` of these values.
pub fn model(derivatives: Vec<Expr>, params: &[f64]) -> Model {
    Model {
        states: derivatives
            .into_iter()
            .enumerate()
            .map(|(i, derivative)| State {
                name: format!("x{i}"),
                unit: None,
                initial: num(1.0 + i as f64),
                bounds: None,
                positive: false,
                derivative,
                besides_reactions: None,
                algebraic: false,
                noise: Vec::new(),
                history: None,
                span: Span::default(),
                equation_span: Span::default(),
            })
            .collect(),
        params: params
            .iter()
            .enumerate()
            .map(|(i, value)| Param {
                name: format!("k{i}"),
                unit: None,
                value: *value,
                bounds: (f64::NEG_INFINITY, f64::INFINITY),
                scale: Scale::Linear,
                prior: None,
                initial_of: None,
                span: Span::default(),
            })
            .collect(),
        is_complete: true,
        ..Model::default()
    }
}

pub fn mlp(name: &str, inputs: u32, outputs: u32, hidden: &[f64], activation: &str) -> Network {
    Network {
        name: name.into(),
        kind: "mlp".into(),
        inputs,
        outputs,
        options: vec![
            ("inputs".into(), OptionValue::Number(f64::from(inputs))),
            ("outputs".into(), OptionValue::Number(f64::from(outputs))),
            ("hidden".into(), OptionValue::List(hidden.to_vec())),
            ("activation".into(), OptionValue::Word(activation.into())),
        ],
        span: Span::default(),
    }
}

pub fn call(network: u32, arguments: Vec<Expr>) -> NetworkCall {
    NetworkCall { network: NetworkId(network), arguments, span: Span::default() }
}

pub fn vector(name: &str, value: Vec<Expr>) -> Let {
    Let { name: name.into(), value, span: Span::default() }
}

pub fn observation(name: &str, value: Expr, noise: Noise) -> Observation {
    Observation {
        name: name.into(),
        unit: None,
        value,
        over_paths: None,
        noise,
        span: Span::default(),
    }
}

pub fn lowered(model: &Model) -> LoweredModel {
    lower(model, &BuiltinNetworks).expect("the model lowers")
}

/// The value of a tree by the language's evaluator; calls and named expressions are done first.
pub fn tree(model: &Model, lowered: &LoweredModel, expr: &Expr, at: (f64, &[f64], &[f64])) -> f64 {
    let lets = vec![Vec::new(); model.lets.len()];
    let outputs = vec![Vec::new(); model.calls.len()];
    let mut known = Known { lets, outputs };
    known.prepare(model, lowered, expr, at);
    known.value(expr, at)
}

struct Known {
    lets: Vec<Vec<f64>>,
    outputs: Vec<Vec<f64>>,
}

impl Known {
    fn value(&self, expr: &Expr, at: (f64, &[f64], &[f64])) -> f64 {
        let env = Env {
            time: at.0,
            states: at.1,
            params: at.2,
            lets: &self.lets,
            outputs: &self.outputs,
            ..Env::default()
        };
        evaluate(expr, &env)
    }

    fn prepare(
        &mut self,
        model: &Model,
        lowered: &LoweredModel,
        expr: &Expr,
        at: (f64, &[f64], &[f64]),
    ) {
        match &expr.kind {
            ExprKind::Let(id, _) if self.lets[id.0 as usize].is_empty() => {
                let value = &model.lets[id.0 as usize].value;
                value.iter().for_each(|e| self.prepare(model, lowered, e, at));
                self.lets[id.0 as usize] = value.iter().map(|e| self.value(e, at)).collect();
            }
            ExprKind::Output(id, _) if self.outputs[id.0 as usize].is_empty() => {
                let call = &model.calls[id.0 as usize];
                call.arguments.iter().for_each(|e| self.prepare(model, lowered, e, at));
                let arguments: Vec<f64> =
                    call.arguments.iter().map(|e| self.value(e, at)).collect();
                let network = call.network.0 as usize;
                let weights = &at.2[lowered.layout.network_range(network)];
                self.outputs[id.0 as usize] =
                    lowered.networks[network].evaluate(weights, &arguments);
            }
            ExprKind::Unary(_, a) => self.prepare(model, lowered, a, at),
            ExprKind::Binary(_, a, b) => {
                self.prepare(model, lowered, a, at);
                self.prepare(model, lowered, b, at);
            }
            ExprKind::If(c, a, b) => {
                for e in [c, a, b] {
                    self.prepare(model, lowered, e, at);
                }
            }
            _ => {}
        }
    }
}

pub fn eval(k: &dyn Kernel, t: f64, u: &[f64], p: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; k.shape().outputs];
    // Scratch must not matter: filled with something that would be noticed.
    let mut scratch = vec![f64::NAN; k.scratch_len()];
    k.eval(t, u, p, &mut out, &mut scratch);
    out
}

pub fn jvp(
    k: &dyn Kernel,
    at: (f64, &[f64], &[f64]),
    along: (f64, &[f64], &[f64]),
) -> (Vec<f64>, Vec<f64>) {
    let n = k.shape().outputs;
    let (mut out, mut dout) = (vec![0.0; n], vec![0.0; n]);
    let mut scratch = vec![f64::NAN; k.scratch_len()];
    k.jvp(
        Point { t: at.0, u: at.1, p: at.2 },
        Tangent { t: along.0, u: along.1, p: along.2 },
        &mut out,
        &mut dout,
        &mut scratch,
    );
    (out, dout)
}

/// Gradients with respect to time, states, params.
pub fn vjp(k: &dyn Kernel, at: (f64, &[f64], &[f64]), w: &[f64]) -> (f64, Vec<f64>, Vec<f64>) {
    let (mut t, mut u, mut p) = (0.0, vec![0.0; at.1.len()], vec![0.0; at.2.len()]);
    let mut scratch = vec![f64::NAN; k.scratch_len()];
    let grad = Cotangent { t: &mut t, u: &mut u, p: &mut p };
    k.vjp(Point { t: at.0, u: at.1, p: at.2 }, w, grad, &mut scratch);
    (t, u, p)
}

/// Derivative of `f` at 0 by Ridders' method (Press et al., Numerical Recipes 5.7): extrapolated
/// central differences, from the table entry that agrees best with its neighbours. Returns the
/// derivative and an estimate of its error.
pub fn ridders(f: impl Fn(f64) -> f64, first_step: f64) -> (f64, f64) {
    const SIZE: usize = 12;
    const RATIO: f64 = 1.4;
    let mut table = [[0.0f64; SIZE]; SIZE];
    let mut h = first_step;
    let difference = |h: f64| (f(h) - f(-h)) / (2.0 * h);
    table[0][0] = difference(h);
    let (mut best, mut error) = (table[0][0], f64::INFINITY);
    for i in 1..SIZE {
        h /= RATIO;
        table[0][i] = difference(h);
        let mut factor = RATIO * RATIO;
        for j in 1..=i {
            table[j][i] = (table[j - 1][i] * factor - table[j - 1][i - 1]) / (factor - 1.0);
            factor *= RATIO * RATIO;
            let change = (table[j][i] - table[j - 1][i])
                .abs()
                .max((table[j][i] - table[j - 1][i - 1]).abs());
            if change <= error {
                (best, error) = (table[j][i], change);
            }
        }
    }
    (best, error)
}

pub fn interpreter(lowered: &LoweredModel) -> Interpreter {
    Interpreter::new(lowered.rhs.clone())
}

#[track_caller]
pub fn close(found: f64, expected: f64, tolerance: f64, what: &str) {
    let same = found.to_bits() == expected.to_bits() || found == expected;
    let both_nan = found.is_nan() && expected.is_nan();
    let error = (found - expected).abs();
    assert!(
        same || both_nan || error <= tolerance * expected.abs().max(1.0),
        "{what}: {found:e}, expected {expected:e}, error {error:e}"
    );
}
