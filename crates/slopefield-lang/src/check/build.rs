//! Resolved expressions while they are made: folding of constants, bounds on size and height, and
//! the table of network calls.

use super::Checker;
use super::array::ArrayRef;
use super::equation::Part;
use super::scope::{Placed, Shape};
use crate::model::{CallId, Expr, ExprKind, Lanes, LetId, NetworkCall, NetworkId, Source};
use crate::{Binary, Diagnostic, Span, Unary};
use std::collections::{HashMap, HashSet};

/// Highest resolved expression, so that later stages can walk it by recursion.
pub(crate) const MAX_RESOLVED_HEIGHT: u32 = 512;

/// An expression with the measures that are bounded.
#[derive(Debug, Clone)]
pub(super) struct Built {
    pub expr: Expr,
    pub height: u32,
    pub size: usize,
}

impl Built {
    pub(super) fn number(&self) -> Option<f64> {
        match self.expr.kind {
            ExprKind::Number(value) => Some(value),
            _ => None,
        }
    }

    /// Numbers that differ from lane to lane.
    pub(super) fn lane_table(&self) -> Option<&[f64]> {
        match &self.expr.kind {
            ExprKind::Lanes(lanes) => match &**lanes {
                Lanes::Numbers(list) => Some(list),
                Lanes::Elements(..) => None,
            },
            _ => None,
        }
    }
}

/// What an expression gives.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Scalar(Built),
    /// A list.
    Vector(Vec<Built>),
    /// An array of the model, or the outputs of a network.
    Array(ArrayRef),
}

/// Progress on something that is resolved once. `Done(None)` has been reported.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Slot<T> {
    #[default]
    Pending,
    Active,
    Done(Option<T>),
}

/// What is being resolved, for naming cycles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub name: String,
    pub span: Span,
}

#[derive(Debug, Default)]
pub(super) struct Resolution<'a> {
    pub constants: Vec<Slot<f64>>,
    /// Values of constants that are arrays.
    pub constant_arrays: HashMap<usize, ArrayRef>,
    pub lets: Vec<Slot<LetId>>,
    /// Index ranges of named expressions that are arrays.
    pub let_shapes: HashMap<usize, Shape>,
    /// Where the elements of each declared state and param are.
    pub states: Vec<Placed>,
    pub params: Vec<Placed>,
    /// By index of the equation; `None` when there is an error in it.
    pub derivatives: Vec<Slot<()>>,
    pub derivative_values: Vec<Option<Built>>,
    /// Equation of a state by its name.
    pub equation_of: HashMap<&'a str, usize>,
    /// Equations of the elements of an array by its name.
    pub covered: HashMap<&'a str, Covered>,
    /// By index of the equation: the right-hand sides of the elements it covers.
    pub element_derivatives: Vec<Option<Vec<Part>>>,
    /// Number of states.
    pub state_count: u32,
    /// Number of the first delayed value: that of states and inputs.
    pub first_delayed: u32,
    /// Named expressions that contain white noise.
    pub noisy: HashSet<usize>,
    /// Equations that come from elsewhere than `x' = …`, by state, and where they stand.
    pub given: HashMap<u32, (Part, Span)>,
    /// Rows of the mass matrix that are not those of the identity, by state.
    pub mass_rows: HashMap<u32, Vec<(u32, Expr)>>,
    /// There are more algebraic equations than algebraic states.
    pub spare_algebraic: bool,
    /// Rates of reactions, once they are resolved.
    pub reactions: Slot<()>,
    pub rates: Vec<Built>,
    /// By state, what reactions change it: how much, and by which.
    pub contributions: HashMap<u32, Vec<(f64, usize)>>,
    /// Lags by their structure, and delayed values by state, lag and slope.
    pub lags: HashMap<Vec<u8>, u32>,
    pub delays: HashMap<(u32, u32, bool), u32>,
    /// For each declared noise its place among the white noises, and its size.
    pub noises: Vec<Placed>,
    /// By declared noise, the independent ones it is made of, with factors.
    pub sources: Vec<Vec<(u32, Built)>>,
    /// Names being resolved, outermost first.
    pub active: Vec<Step>,
    /// The whole model has been reported as too large.
    pub too_large: bool,
}

/// Which equation each element of an array has.
#[derive(Debug, Clone)]
pub(super) struct Covered {
    /// Number of primes.
    pub order: u32,
    /// For each element its equation and lane.
    pub elements: Vec<Option<(u32, u32)>>,
}

/// Calls made so far by their structure, positions ignored.
#[derive(Debug, Default)]
pub(super) struct CallTable {
    by_key: HashMap<Vec<u8>, CallId>,
}

impl Checker<'_> {
    /// A leaf.
    pub(super) fn leaf(&mut self, kind: ExprKind, span: Span) -> Built {
        self.size += 1;
        Built { expr: Expr { kind, span }, height: 1, size: 1 }
    }

    pub(super) fn number(&mut self, value: f64, span: Span) -> Built {
        self.leaf(ExprKind::Number(value), span)
    }

    pub(super) fn unary(&mut self, f: Unary, a: Built, span: Span) -> Option<Built> {
        if let Some(x) = a.number() {
            let value = f.apply(x);
            self.warn_not_finite(value, x.is_finite(), span);
            return Some(self.number(value, span));
        }
        if let Some(list) = a.lane_table() {
            return self.lane_numbers(list.iter().map(|x| f.apply(*x)).collect(), span);
        }
        let (height, size) = (a.height, a.size);
        self.node(ExprKind::Unary(f, Box::new(a.expr)), span, height, size)
    }

    pub(super) fn binary(&mut self, f: Binary, a: Built, b: Built, span: Span) -> Option<Built> {
        if let (Some(x), Some(y)) = (a.number(), b.number()) {
            let value = f.apply(x, y);
            self.warn_not_finite(value, x.is_finite() && y.is_finite(), span);
            return Some(self.number(value, span));
        }
        let folded = match (a.lane_table(), a.number(), b.lane_table(), b.number()) {
            (Some(x), _, Some(y), _) => {
                Some(x.iter().zip(y).map(|(x, y)| f.apply(*x, *y)).collect())
            }
            (Some(x), _, _, Some(y)) => Some(x.iter().map(|x| f.apply(*x, y)).collect()),
            (_, Some(x), Some(y), _) => Some(y.iter().map(|y| f.apply(x, *y)).collect()),
            _ => None,
        };
        if let Some(values) = folded {
            return self.lane_numbers(values, span);
        }
        let (height, size) = (a.height.max(b.height), a.size + b.size);
        self.node(ExprKind::Binary(f, Box::new(a.expr), Box::new(b.expr)), span, height, size)
    }

    pub(super) fn choose(&mut self, c: Built, a: Built, b: Built, span: Span) -> Option<Built> {
        if let Some(condition) = c.number() {
            // The branch not taken does not count.
            return Some(if condition != 0.0 { a } else { b });
        }
        let table = |built: &Built, lane: usize| match (built.lane_table(), built.number()) {
            (Some(list), _) => Some(list[lane]),
            (_, number) => number,
        };
        if let Some(conditions) = c.lane_table() {
            let chosen = conditions.iter().enumerate();
            let chosen = chosen.map(|(lane, c)| table(if *c != 0.0 { &a } else { &b }, lane));
            if let Some(values) = chosen.collect::<Option<Vec<f64>>>() {
                return self.lane_numbers(values, span);
            }
        }
        let (height, size) = (c.height.max(a.height).max(b.height), c.size + a.size + b.size);
        let kind = ExprKind::If(Box::new(c.expr), Box::new(a.expr), Box::new(b.expr));
        self.node(kind, span, height, size)
    }

    fn node(&mut self, kind: ExprKind, span: Span, height: u32, size: usize) -> Option<Built> {
        self.size += 1;
        if height >= MAX_RESOLVED_HEIGHT {
            self.too_large(span);
            return None;
        }
        self.within_size(span)?;
        Some(Built { expr: Expr { kind, span }, height: height + 1, size: size + 1 })
    }

    /// A copy of a value, which counts towards the size of the model.
    pub(super) fn copy_value(&mut self, value: &Value, span: Span) -> Option<Value> {
        Some(match value {
            Value::Scalar(built) => Value::Scalar(self.copy(built, span)?),
            Value::Vector(parts) => {
                Value::Vector(parts.iter().map(|b| self.copy(b, span)).collect::<Option<_>>()?)
            }
            Value::Array(array) => Value::Array(array.clone()),
        })
    }

    /// A copy of an expression, which counts towards the size of the model.
    pub(super) fn copy(&mut self, built: &Built, span: Span) -> Option<Built> {
        self.size += built.size;
        self.within_size(span)?;
        Some(built.clone())
    }

    fn within_size(&mut self, span: Span) -> Option<()> {
        if self.size <= self.most {
            return Some(());
        }
        self.too_large(span);
        None
    }

    pub(super) fn too_large(&mut self, span: Span) {
        if !self.resolution.too_large {
            self.resolution.too_large = true;
            let most = self.most;
            let message = format!(
                "with its functions written out the model is too large (more than {most} \
                 operations, or more than {MAX_RESOLVED_HEIGHT} levels in one expression)"
            );
            self.error_hint("too-large", span, message, "give shared parts a name with `let`");
        }
    }

    fn warn_not_finite(&mut self, value: f64, from_finite: bool, span: Span) {
        if !value.is_finite() && from_finite {
            let shown = if value.is_nan() { "has no real value" } else { "is infinite" };
            let message = format!("this {shown} whatever the states and parameters are");
            self.report(Diagnostic::warning("not-finite", span, message));
        }
    }

    /// The call of a network, made once for equal arguments.
    pub(super) fn network_call(
        &mut self,
        network: NetworkId,
        arguments: Vec<Expr>,
        span: Span,
    ) -> CallId {
        let mut key = network.0.to_le_bytes().to_vec();
        for argument in &arguments {
            write_key(argument, &mut key);
        }
        let next = CallId(u32::try_from(self.model.calls.len()).unwrap_or(u32::MAX));
        let id = *self.calls.by_key.entry(key).or_insert(next);
        if id == next {
            self.note_call(&arguments);
            self.model.calls.push(NetworkCall { network, arguments, span });
        }
        id
    }
}

/// Writes the structure of an expression, positions ignored; different structures differ.
pub(super) fn write_key(expr: &Expr, key: &mut Vec<u8>) {
    let mut tagged = |tag: u8, a: u32, b: u32| {
        key.push(tag);
        key.extend(a.to_le_bytes());
        key.extend(b.to_le_bytes());
    };
    match &expr.kind {
        ExprKind::Number(value) => {
            let bits = value.to_bits();
            tagged(0, bits as u32, (bits >> 32) as u32);
        }
        ExprKind::Time => tagged(1, 0, 0),
        ExprKind::State(id) => tagged(2, id.0, 0),
        ExprKind::Param(id) => tagged(3, id.0, 0),
        ExprKind::Let(id, component) => tagged(4, id.0, *component),
        ExprKind::Output(id, component) => tagged(5, id.0, *component),
        ExprKind::Element(id, element) => tagged(9, id.0, *element),
        ExprKind::Lanes(lanes) => match &**lanes {
            Lanes::Numbers(list) => {
                tagged(10, list.len() as u32, 0);
                list.iter().for_each(|x| key.extend(x.to_bits().to_le_bytes()));
            }
            Lanes::Elements(source, table) => {
                let (kind, id) = match source {
                    Source::States => (0, 0),
                    Source::Params => (1, 0),
                    Source::Let(id) => (2, id.0),
                    Source::Call(id) => (3, id.0),
                    Source::Vector(id) => (4, id.0),
                };
                tagged(11, kind, id);
                key.extend((table.len() as u32).to_le_bytes());
                table.iter().for_each(|i| key.extend(i.to_le_bytes()));
            }
        },
        ExprKind::Unary(f, a) => {
            tagged(6, *f as u32, 0);
            write_key(a, key);
        }
        ExprKind::Binary(f, a, b) => {
            tagged(7, *f as u32, 0);
            write_key(a, key);
            write_key(b, key);
        }
        ExprKind::If(c, a, b) => {
            tagged(8, 0, 0);
            write_key(c, key);
            write_key(a, key);
            write_key(b, key);
        }
    }
}
