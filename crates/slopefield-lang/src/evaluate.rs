//! The value of a resolved expression, by walking its tree.
//!
//! The checker folds constants with it, and compilers are tested against it. It is not fast: use a
//! compiled kernel inside solvers.

use crate::Binary;
use crate::model::{
    Expr, ExprKind, Lanes, LetId, Model, Reduction, Source, Vector, VectorId, VectorKind,
};

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
    /// Elements of vectors, by `VectorId`.
    pub vectors: &'a [Vec<f64>],
    /// The lane of the vector that the expression belongs to.
    pub lane: usize,
}

impl Env<'_> {
    fn component(list: &[Vec<f64>], i: u32, c: u32) -> f64 {
        list.get(i as usize).and_then(|v| v.get(c as usize)).copied().unwrap_or(f64::NAN)
    }

    fn element(&self, source: Source, i: u32) -> f64 {
        let one = |list: &[f64]| list.get(i as usize).copied().unwrap_or(f64::NAN);
        match source {
            Source::States => one(self.states),
            Source::Params => one(self.params),
            Source::Let(id) => Self::component(self.lets, id.0, i),
            Source::Call(id) => Self::component(self.outputs, id.0, i),
            Source::Vector(id) => Self::component(self.vectors, id.0, i),
        }
    }
}

/// The value of `expr`; semantics of functions as in [`crate::functions`]. Of an `if` only the
/// chosen branch is evaluated; a condition of NaN counts as true, as every number but 0 does.
#[must_use]
pub fn evaluate(expr: &Expr, env: &Env<'_>) -> f64 {
    match &expr.kind {
        ExprKind::Number(value) => *value,
        ExprKind::Time => env.time,
        ExprKind::State(id) => env.element(Source::States, id.0),
        ExprKind::Param(id) => env.element(Source::Params, id.0),
        ExprKind::Let(id, c) => env.element(Source::Let(*id), *c),
        ExprKind::Output(id, c) => env.element(Source::Call(*id), *c),
        ExprKind::Element(id, c) => env.element(Source::Vector(*id), *c),
        ExprKind::Lanes(lanes) => match &**lanes {
            Lanes::Numbers(numbers) => numbers.get(env.lane).copied().unwrap_or(f64::NAN),
            Lanes::Elements(source, table) => {
                table.get(env.lane).map_or(f64::NAN, |i| env.element(*source, *i))
            }
        },
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

/// All elements of a vector, when what it uses is in `env`. Outputs of networks are NaN.
#[must_use]
pub fn evaluate_vector(vector: &Vector, env: &Env<'_>) -> Vec<f64> {
    match &vector.kind {
        VectorKind::Each(body) => {
            (0..vector.len as usize).map(|lane| evaluate(body, &Env { lane, ..*env })).collect()
        }
        VectorKind::Reduce { reduction, of, ends } => {
            let all = env.vectors.get(of.0 as usize).map_or(&[][..], Vec::as_slice);
            let mut start = 0;
            let runs = ends.iter().map(|end| {
                let run = all.get(start..*end as usize);
                start = *end as usize;
                run.map_or(f64::NAN, |run| reduction.apply(run))
            });
            runs.collect()
        }
        VectorKind::Network { .. } => vec![f64::NAN; vector.len as usize],
    }
}

impl Reduction {
    /// The reduction of some numbers; NaN for the least or greatest of none.
    #[must_use]
    pub fn apply(self, numbers: &[f64]) -> f64 {
        let all = numbers.iter().copied();
        match self {
            Reduction::Sum => all.reduce(|a, b| a + b).unwrap_or(0.0),
            Reduction::Min => all.reduce(|a, b| Binary::Min.apply(a, b)).unwrap_or(f64::NAN),
            Reduction::Max => all.reduce(|a, b| Binary::Max.apply(a, b)).unwrap_or(f64::NAN),
        }
    }
}

/// Values of the named expressions of a model without networks, in the order of `Model::lets`.
#[must_use]
pub fn evaluate_lets(model: &Model, time: f64, states: &[f64], params: &[f64]) -> Vec<Vec<f64>> {
    let mut values = Values::new(model, time, states, params);
    for i in 0..model.lets.len() {
        values.named(i);
    }
    values.lets
}

/// Initial values of the states at some params; NaN where they cannot be known.
#[must_use]
pub fn evaluate_initial(model: &Model, params: &[f64]) -> Vec<f64> {
    let mut values = Values::new(model, model.time.start, &[], params);
    model.states.iter().map(|s| values.value(&s.initial)).collect()
}

/// Right-hand sides of the states of a model without networks.
#[must_use]
pub fn evaluate_derivatives(model: &Model, time: f64, states: &[f64], params: &[f64]) -> Vec<f64> {
    let mut values = Values::new(model, time, states, params);
    for i in 0..model.lets.len() {
        values.named(i);
    }
    model.states.iter().map(|s| values.value(&s.derivative)).collect()
}

/// Values that are worked out when first needed.
pub(crate) struct Values<'m> {
    model: &'m Model,
    env: Env<'m>,
    lets: Vec<Vec<f64>>,
    vectors: Vec<Vec<f64>>,
    /// Named expressions and vectors that are done.
    done: (Vec<bool>, Vec<bool>),
}

impl<'m> Values<'m> {
    pub(crate) fn new(model: &'m Model, time: f64, states: &'m [f64], params: &'m [f64]) -> Self {
        Values {
            model,
            env: Env { time, states, params, ..Env::default() },
            lets: vec![Vec::new(); model.lets.len()],
            vectors: vec![Vec::new(); model.vectors.len()],
            done: (vec![false; model.lets.len()], vec![false; model.vectors.len()]),
        }
    }

    pub(crate) fn value(&mut self, expr: &Expr) -> f64 {
        self.prepare(expr);
        evaluate(expr, &Env { lets: &self.lets, vectors: &self.vectors, ..self.env })
    }

    pub(crate) fn named(&mut self, i: usize) {
        if std::mem::replace(&mut self.done.0[i], true) {
            return;
        }
        let model = self.model;
        self.lets[i] = model.lets[i].value.iter().map(|e| self.value(e)).collect();
    }

    fn vector(&mut self, i: usize) {
        if std::mem::replace(&mut self.done.1[i], true) {
            return;
        }
        let vector = &self.model.vectors[i];
        match &vector.kind {
            VectorKind::Each(body) => self.prepare(body),
            VectorKind::Reduce { of, .. } => self.vector(of.0 as usize),
            VectorKind::Network { .. } => {}
        }
        let env = Env { lets: &self.lets, vectors: &self.vectors, ..self.env };
        self.vectors[i] = evaluate_vector(vector, &env);
    }

    /// Works out what an expression mentions.
    fn prepare(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Let(LetId(i), _) => self.named(*i as usize),
            ExprKind::Element(VectorId(i), _) => self.vector(*i as usize),
            ExprKind::Lanes(lanes) => match &**lanes {
                Lanes::Elements(Source::Let(LetId(i)), _) => self.named(*i as usize),
                Lanes::Elements(Source::Vector(VectorId(i)), _) => self.vector(*i as usize),
                _ => {}
            },
            ExprKind::Unary(_, a) => self.prepare(a),
            ExprKind::Binary(_, a, b) => {
                self.prepare(a);
                self.prepare(b);
            }
            ExprKind::If(c, a, b) => {
                self.prepare(c);
                self.prepare(a);
                self.prepare(b);
            }
            _ => {}
        }
    }
}
