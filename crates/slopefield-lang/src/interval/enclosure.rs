//! Expressions as lists of operations on intervals.

use super::Interval;
use crate::model::{Binary, Expr, ExprKind, Lanes, Model, Reduction, Source, Unary, VectorKind};
use std::collections::HashMap;

/// Most operations of an enclosure.
const MAX_OPERATIONS: usize = 20_000;
/// Most levels.
const MAX_DEPTH: u32 = 500;

/// Expressions of a model, ready to be enclosed again and again without taking memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Enclosure {
    operations: Vec<Operation>,
    outputs: Vec<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Operation {
    Number(f64),
    Time,
    State(u32),
    Param(u32),
    Unary(Unary, u32),
    Binary(Binary, u32, u32),
    If(u32, u32, u32),
}

/// What the expressions are enclosed for: a span of time, and fixed values of the rest.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// Times.
    pub time: Interval,
    /// States, then inputs, then delayed values, as [`ExprKind::State`] numbers them.
    pub states: &'a [f64],
    /// Params.
    pub params: &'a [f64],
}

impl Enclosure {
    /// Of some expressions of a model; none where they use networks or are too large.
    #[must_use]
    pub fn new<'e>(
        model: &Model,
        expressions: impl IntoIterator<Item = &'e Expr>,
    ) -> Option<Enclosure> {
        let mut build = Build { model, operations: Vec::new(), known: HashMap::new() };
        let outputs: Option<Vec<u32>> =
            expressions.into_iter().map(|expr| build.expr(expr, 0, 0)).collect();
        Some(Enclosure { outputs: outputs?, operations: build.operations })
    }

    /// How many expressions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.outputs.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.outputs.is_empty()
    }

    /// States, inputs and delayed values that the expressions read, as [`ExprKind::State`] numbers
    /// them.
    pub fn states(&self) -> impl Iterator<Item = usize> {
        self.operations.iter().filter_map(|operation| match operation {
            Operation::State(i) => Some(*i as usize),
            _ => None,
        })
    }

    /// Length of the work space of [`Enclosure::eval`].
    #[must_use]
    pub fn scratch_len(&self) -> usize {
        2 * self.operations.len()
    }

    /// Gives `out` an interval for each expression, that holds its value at all of the times.
    /// `scratch` has [`Enclosure::scratch_len`] numbers.
    pub fn eval(
        &self,
        inputs: &Inputs<'_>,
        scratch: &mut [f64],
        mut out: impl FnMut(usize, Interval),
    ) {
        let number = |list: &[f64], i: u32| match list.get(i as usize) {
            Some(x) => Interval::new(*x, *x),
            None => Interval::ALL,
        };
        for (k, operation) in self.operations.iter().enumerate() {
            let at =
                |i: u32| Interval { lo: scratch[2 * i as usize], hi: scratch[2 * i as usize + 1] };
            let value = match *operation {
                Operation::Number(x) => Interval::new(x, x),
                Operation::Time => inputs.time,
                Operation::State(i) => number(inputs.states, i),
                Operation::Param(i) => number(inputs.params, i),
                Operation::Unary(f, a) => f.enclose(at(a)),
                Operation::Binary(f, a, b) => f.enclose(at(a), at(b)),
                Operation::If(c, a, b) => match at(c) {
                    c if c == Interval::point(0.0) => at(b),
                    c if !c.contains(0.0) => at(a),
                    _ => at(a).hull(at(b)),
                },
            };
            (scratch[2 * k], scratch[2 * k + 1]) = (value.lo, value.hi);
        }
        for (k, i) in self.outputs.iter().enumerate() {
            let i = 2 * *i as usize;
            out(k, Interval { lo: scratch[i], hi: scratch[i + 1] });
        }
    }
}

struct Build<'m> {
    model: &'m Model,
    operations: Vec<Operation>,
    /// Elements that have their operation.
    known: HashMap<(Source, u32), u32>,
}

impl Build<'_> {
    fn push(&mut self, operation: Operation) -> Option<u32> {
        if self.operations.len() == MAX_OPERATIONS {
            return None;
        }
        self.operations.push(operation);
        Some(self.operations.len() as u32 - 1)
    }

    fn expr(&mut self, expr: &Expr, lane: usize, depth: u32) -> Option<u32> {
        let depth = depth + 1;
        if depth > MAX_DEPTH {
            return None;
        }
        let operation = match &expr.kind {
            ExprKind::Number(x) => Operation::Number(*x),
            ExprKind::Time => Operation::Time,
            ExprKind::State(id) => Operation::State(id.0),
            ExprKind::Param(id) => Operation::Param(id.0),
            ExprKind::Let(id, i) => return self.element(Source::Let(*id), *i, depth),
            ExprKind::Output(id, i) => return self.element(Source::Call(*id), *i, depth),
            ExprKind::Element(id, i) => return self.element(Source::Vector(*id), *i, depth),
            ExprKind::Lanes(lanes) => match &**lanes {
                Lanes::Numbers(numbers) => Operation::Number(*numbers.get(lane)?),
                Lanes::Elements(source, table) => {
                    return self.element(*source, *table.get(lane)?, depth);
                }
            },
            ExprKind::Unary(f, a) => Operation::Unary(*f, self.expr(a, lane, depth)?),
            ExprKind::Binary(f, a, b) => {
                let (a, b) = (self.expr(a, lane, depth)?, self.expr(b, lane, depth)?);
                Operation::Binary(*f, a, b)
            }
            ExprKind::If(c, a, b) => {
                let c = self.expr(c, lane, depth)?;
                Operation::If(c, self.expr(a, lane, depth)?, self.expr(b, lane, depth)?)
            }
        };
        self.push(operation)
    }

    fn element(&mut self, source: Source, i: u32, depth: u32) -> Option<u32> {
        if let Some(known) = self.known.get(&(source, i)) {
            return Some(*known);
        }
        let model = self.model;
        let value = match source {
            Source::States => self.push(Operation::State(i)),
            Source::Params => self.push(Operation::Param(i)),
            Source::Let(id) => {
                let value = model.lets.get(id.0 as usize)?.value.get(i as usize)?;
                self.expr(value, 0, depth)
            }
            Source::Call(_) => None,
            Source::Vector(id) => match &model.vectors.get(id.0 as usize)?.kind {
                VectorKind::Each(body) => self.expr(body, i as usize, depth),
                VectorKind::Reduce { reduction, of, ends } => {
                    let start = if i == 0 { 0 } else { *ends.get(i as usize - 1)? };
                    self.reduce(
                        *reduction,
                        Source::Vector(*of),
                        start..*ends.get(i as usize)?,
                        depth,
                    )
                }
                VectorKind::Network { .. } => None,
            },
        }?;
        self.known.insert((source, i), value);
        Some(value)
    }

    fn reduce(
        &mut self,
        reduction: Reduction,
        source: Source,
        run: std::ops::Range<u32>,
        depth: u32,
    ) -> Option<u32> {
        let f = match reduction {
            Reduction::Sum => Binary::Add,
            Reduction::Min => Binary::Min,
            Reduction::Max => Binary::Max,
        };
        let mut so_far = None;
        for i in run {
            let next = self.element(source, i, depth + 1)?;
            so_far = Some(match so_far {
                Some(before) => self.push(Operation::Binary(f, before, next))?,
                None => next,
            });
        }
        match (so_far, reduction) {
            (None, Reduction::Sum) => self.push(Operation::Number(0.0)),
            (found, _) => found,
        }
    }
}
