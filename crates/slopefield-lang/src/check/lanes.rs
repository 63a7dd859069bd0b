//! Loops: what each lane reads.
//!
//! A loop is resolved once, as one expression over all its lanes. What differs from lane to lane
//! without depending on the model (an index, arithmetic with it) is a table of numbers, folded
//! like a constant; an element of an array whose place differs is a table of places.

use super::Checker;
use super::build::{Built, Value};
use super::expression::{Context, Scope};
use super::name::id;
use super::scope::Shape;
use crate::model::{
    Expr, ExprKind, Lanes, LetId, NetworkId, Reduction, Source, StateId, Vector, VectorId,
    VectorKind,
};
use crate::syntax::{Expression, ExpressionKind as K, Loop};
use crate::{ParamId, Span};
use std::hash::{Hash, Hasher};
use std::rc::Rc;
use std::sync::Arc;

/// Most elements of all arrays of a model, and most lanes of a loop.
pub const MAX_ELEMENTS: usize = 1 << 20;
/// Most table entries that resolving a model may make.
const MAX_ENTRIES: usize = 1 << 26;

/// The lanes of the loops around an expression.
#[derive(Debug, Clone)]
pub(super) struct LaneScope {
    pub count: usize,
    /// Lanes that count, when a condition on an index leaves some out.
    pub active: Option<Rc<[bool]>>,
    /// An array of this shape, named without an index, stands for its element in each lane.
    pub whole: Option<Shape>,
}

impl LaneScope {
    pub(super) fn is_active(&self, lane: usize) -> bool {
        self.active.as_ref().is_none_or(|active| active[lane])
    }
}

/// A loop entered from the lanes around it.
pub(super) struct Entered<'a> {
    pub lanes: LaneScope,
    pub locals: Vec<(&'a str, Value)>,
    /// One past the last lane of each lane around.
    pub ends: Vec<u32>,
}

impl<'a> Checker<'a> {
    /// The lanes of some loops, inside the lanes of `scope` (or of one lane outside loops).
    pub(super) fn enter_loops(
        &mut self,
        loops: &'a [Loop],
        scope: &Scope<'_, 'a>,
    ) -> Option<Entered<'a>> {
        let outer = scope.lanes.cloned();
        let count = outer.as_ref().map_or(1, |l| l.count);
        let mut entered = Entered {
            lanes: LaneScope { count, active: outer.and_then(|l| l.active), whole: None },
            locals: scope.locals.to_vec(),
            ends: (1..=count as u32).collect(),
        };
        for l in loops {
            entered = self.enter_loop(l, scope, entered)?;
        }
        Some(entered)
    }

    fn enter_loop(
        &mut self,
        l: &'a Loop,
        scope: &Scope<'_, 'a>,
        around: Entered<'a>,
    ) -> Option<Entered<'a>> {
        let index = l.index.text.as_str();
        if index.is_empty() {
            return None; // reported by the parser
        }
        let bounds = Scope {
            locals: &around.locals,
            lanes: Some(&around.lanes),
            ..Scope::new(Context::Constant("the end of a range"))
        };
        let (first, last) = (
            self.whole_numbers(&l.range.start, &bounds),
            self.whole_numbers(&l.range.end, &bounds),
        );
        let (first, last) = (first?, last?);
        let outer = around.lanes.count;
        let mut total = 0usize;
        for lane in 0..outer {
            total += (last.at(lane) - first.at(lane) + 1).max(0) as usize;
            if total > MAX_ELEMENTS {
                let span = l.range.start.span.to(l.range.end.span);
                self.too_many(span, "the loop has more than");
                return None;
            }
        }
        if total == 0 {
            let span = l.range.start.span.to(l.range.end.span);
            let message =
                format!("the range of `{index}` is empty: {} is above {}", first.at(0), last.at(0));
            self.error("empty-range", span, message);
            return None;
        }
        self.entries(total, l.index.span)?;
        let mut map = Vec::with_capacity(total);
        let mut values = Vec::with_capacity(total);
        let mut ends = Vec::with_capacity(outer);
        for lane in 0..outer {
            for value in first.at(lane)..=last.at(lane) {
                map.push(lane as u32);
                values.push(value as f64);
            }
            ends.push(map.len() as u32);
        }
        let mut locals: Vec<(&'a str, Value)> = Vec::with_capacity(around.locals.len() + 1);
        for (name, value) in around.locals {
            if name != index {
                let value = match value {
                    Value::Scalar(built) => Value::Scalar(self.spread(built, &map)?),
                    Value::Vector(parts) => Value::Vector(
                        parts.into_iter().map(|b| self.spread(b, &map)).collect::<Option<_>>()?,
                    ),
                    array @ Value::Array(_) => array,
                };
                locals.push((name, value));
            }
        }
        // A table even of one entry: the index is known to belong to this loop.
        let table = ExprKind::Lanes(Arc::new(Lanes::Numbers(values)));
        locals.push((index, Value::Scalar(self.leaf(table, l.index.span))));
        let active = around.lanes.active;
        let active = active.map(|a| map.iter().map(|lane| a[*lane as usize]).collect());
        let ends = around.ends.iter().map(|end| match end {
            0 => 0,
            end => ends[*end as usize - 1],
        });
        let ends = ends.collect();
        let _ = scope;
        Some(Entered { lanes: LaneScope { count: total, active, whole: None }, locals, ends })
    }

    pub(super) fn too_many(&mut self, span: Span, what: &str) {
        let message = format!("{what} {MAX_ELEMENTS} elements");
        self.error_hint("array-size", span, message, "make it smaller");
    }

    /// Counts entries of tables towards the size of the model.
    pub(super) fn entries(&mut self, count: usize, span: Span) -> Option<()> {
        self.table_entries += count;
        if self.table_entries > MAX_ENTRIES {
            self.too_large(span);
            return None;
        }
        Some(())
    }

    /// The same value in the lanes of an inner loop; `map` gives the lane around of each.
    fn spread(&mut self, built: Built, map: &[u32]) -> Option<Built> {
        if !depends_on_lane(&built.expr) {
            return Some(built);
        }
        self.entries(map.len(), built.expr.span)?;
        let Built { expr, height, size } = built;
        Some(Built { expr: spread(expr, map), height, size })
    }

    /// Numbers that differ from lane to lane; one number when they do not.
    pub(super) fn lane_numbers(&mut self, values: Vec<f64>, span: Span) -> Option<Built> {
        self.entries(values.len(), span)?;
        let first = values.first().copied().unwrap_or(f64::NAN);
        if values.iter().all(|v| v.to_bits() == first.to_bits()) {
            return Some(self.number(first, span));
        }
        Some(self.leaf(ExprKind::Lanes(Arc::new(Lanes::Numbers(values))), span))
    }

    /// Elements of something, one in each lane; one element when they do not differ.
    pub(super) fn lane_elements(
        &mut self,
        source: Source,
        table: Vec<u32>,
        span: Span,
    ) -> Option<Built> {
        self.entries(table.len(), span)?;
        let first = table.first().copied().unwrap_or(0);
        if table.iter().all(|i| *i == first) {
            return Some(self.leaf(one_element(source, first), span));
        }
        Some(self.leaf(ExprKind::Lanes(Arc::new(Lanes::Elements(source, table))), span))
    }

    /// Whole numbers, known when the model is read.
    pub(super) fn whole_numbers(
        &mut self,
        e: &'a Expression,
        scope: &Scope<'_, 'a>,
    ) -> Option<WholeNumbers> {
        let Context::Constant(what) = scope.context else { return None };
        let built = self.scalar(e, scope)?;
        let active = |lane: usize| scope.lanes.is_none_or(|l| l.is_active(lane));
        let whole = |x: f64| x.fract() == 0.0 && x.abs() < 9e15;
        let wrong = match &built.expr.kind {
            ExprKind::Number(x) if whole(*x) => return Some(WholeNumbers::One(*x as i64)),
            ExprKind::Number(x) => *x,
            ExprKind::Lanes(lanes) => match &**lanes {
                Lanes::Numbers(list) => {
                    match list.iter().enumerate().find(|(l, x)| active(*l) && !whole(**x)) {
                        Some((_, x)) => *x,
                        None => {
                            let list = list.iter().map(|x| *x as i64).collect();
                            return Some(WholeNumbers::Many(list));
                        }
                    }
                }
                Lanes::Elements(..) => f64::NAN,
            },
            _ => f64::NAN,
        };
        if wrong.is_nan() && !matches!(built.expr.kind, ExprKind::Number(_)) {
            let message = format!("{what} must be known when the model is read");
            let hint = "only numbers, constants and indices of loops can stand here";
            self.error_hint("not-constant", e.span, message, hint);
        } else {
            self.error(
                "wrong-index",
                e.span,
                format!("{what} must be a whole number, not {wrong}"),
            );
        }
        None
    }

    /// A vector of an expression over lanes; equal ones are made once.
    pub(super) fn each(&mut self, body: Built, count: usize, span: Span) -> VectorId {
        let mut key = vec![0];
        key.extend((count as u64).to_le_bytes());
        super::build::write_key(&body.expr, &mut key);
        self.vector(VectorKind::Each(body.expr), count, span, key)
    }

    /// Runs of a vector, each made one number.
    pub(super) fn reduce(
        &mut self,
        reduction: Reduction,
        of: VectorId,
        ends: Vec<u32>,
        span: Span,
    ) -> VectorId {
        let mut key = vec![1, reduction as u8];
        key.extend(of.0.to_le_bytes());
        ends.iter().for_each(|end| key.extend(end.to_le_bytes()));
        let count = ends.len();
        self.vector(VectorKind::Reduce { reduction, of, ends: ends.into() }, count, span, key)
    }

    /// A network applied in each lane.
    pub(super) fn network_lanes(
        &mut self,
        network: NetworkId,
        arguments: Vec<Expr>,
        (lanes, outputs): (usize, usize),
        span: Span,
    ) -> Option<VectorId> {
        if lanes * outputs > MAX_ELEMENTS {
            self.too_many(span, "the network gives more than");
            return None;
        }
        let mut key = vec![2];
        key.extend(network.0.to_le_bytes());
        key.extend((lanes as u64).to_le_bytes());
        arguments.iter().for_each(|a| super::build::write_key(a, &mut key));
        Some(self.vector(VectorKind::Network { network, arguments }, lanes * outputs, span, key))
    }

    fn vector(&mut self, kind: VectorKind, len: usize, span: Span, key: Vec<u8>) -> VectorId {
        // Keys of large loops are long; 128 bits stand for them.
        let hash = |salt: u8| {
            let mut hasher = std::hash::DefaultHasher::new();
            (salt, &key).hash(&mut hasher);
            hasher.finish()
        };
        let next = VectorId(id(self.model.vectors.len()));
        let found = *self.vectors.entry((hash(0), hash(1))).or_insert(next);
        if found == next {
            self.note_vector(&kind);
            self.model.vectors.push(Vector { kind, len: id(len), span });
        }
        found
    }

    /// One expression for each lane: elements of a vector, or what a table says.
    pub(super) fn lane_by_lane(&mut self, built: Built, count: usize) -> Vec<Expr> {
        let span = built.expr.span;
        let at = |kind| Expr { kind, span };
        match &built.expr.kind {
            ExprKind::Lanes(lanes) => match &**lanes {
                Lanes::Numbers(list) => list.iter().map(|x| at(ExprKind::Number(*x))).collect(),
                Lanes::Elements(source, table) => {
                    table.iter().map(|i| at(one_element(*source, *i))).collect()
                }
            },
            ExprKind::Unary(..) | ExprKind::Binary(..) | ExprKind::If(..) => {
                let vector = self.each(built, count, span);
                (0..count).map(|l| at(ExprKind::Element(vector, l as u32))).collect()
            }
            _ => vec![built.expr; count],
        }
    }
}

/// Whole numbers of the lanes of a loop.
pub(super) enum WholeNumbers {
    One(i64),
    Many(Vec<i64>),
}

impl WholeNumbers {
    pub(super) fn at(&self, lane: usize) -> i64 {
        match self {
            WholeNumbers::One(x) => *x,
            WholeNumbers::Many(list) => list[lane],
        }
    }
}

/// An element as a leaf of its own.
pub(super) fn one_element(source: Source, i: u32) -> ExprKind {
    match source {
        Source::States => ExprKind::State(StateId(i)),
        Source::Params => ExprKind::Param(ParamId(i)),
        Source::Let(id) => ExprKind::Let(LetId(id.0), i),
        Source::Call(id) => ExprKind::Output(id, i),
        Source::Vector(id) => ExprKind::Element(id, i),
    }
}

/// Whether the value differs from lane to lane.
pub(super) fn depends_on_lane(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Lanes(_) => true,
        ExprKind::Unary(_, a) => depends_on_lane(a),
        ExprKind::Binary(_, a, b) => depends_on_lane(a) || depends_on_lane(b),
        ExprKind::If(c, a, b) => depends_on_lane(c) || depends_on_lane(a) || depends_on_lane(b),
        _ => false,
    }
}

/// The lanes in which a condition can have this truth; `None` when in all of them, as far as indices
/// say.
pub(super) fn lanes_where(condition: &Expr, truth: bool) -> Option<Vec<bool>> {
    let both = |a: &Expr, b: &Expr| match (lanes_where(a, truth), lanes_where(b, truth)) {
        (Some(a), Some(b)) => Some(a.iter().zip(&b).map(|(a, b)| *a && *b).collect()),
        (a, b) => a.or(b),
    };
    match &condition.kind {
        ExprKind::Lanes(lanes) => match &**lanes {
            Lanes::Numbers(list) => Some(list.iter().map(|x| (*x != 0.0) == truth).collect()),
            Lanes::Elements(..) => None,
        },
        ExprKind::Unary(crate::Unary::Not, a) => lanes_where(a, !truth),
        // Both must be so for `and` to hold, and for `or` not to.
        ExprKind::Binary(crate::Binary::And, a, b) if truth => both(a, b),
        ExprKind::Binary(crate::Binary::Or, a, b) if !truth => both(a, b),
        ExprKind::Binary(crate::Binary::And | crate::Binary::Or, a, b) => {
            let (a, b) = (lanes_where(a, truth)?, lanes_where(b, truth)?);
            Some(a.iter().zip(&b).map(|(a, b)| *a || *b).collect())
        }
        _ => None,
    }
}

/// Whether an argument or index differs from lane to lane.
pub(super) fn value_depends_on_lane(value: &Value) -> bool {
    match value {
        Value::Scalar(built) => depends_on_lane(&built.expr),
        Value::Vector(parts) => parts.iter().any(|b| depends_on_lane(&b.expr)),
        Value::Array(_) => false,
    }
}

/// Whether the expression mentions one of these names.
pub(super) fn mentions<'a>(e: &'a Expression, pick: &mut dyn FnMut(&str) -> bool) -> bool {
    let mut found = false;
    e.walk(&mut |inner| {
        if let K::Name(name) = &inner.kind {
            found = found || pick(name);
        }
    });
    found
}

fn spread(expr: Expr, map: &[u32]) -> Expr {
    let Expr { kind, span } = expr;
    let kind = match kind {
        ExprKind::Lanes(lanes) => ExprKind::Lanes(Arc::new(match &*lanes {
            Lanes::Numbers(list) => {
                Lanes::Numbers(map.iter().map(|lane| list[*lane as usize]).collect())
            }
            Lanes::Elements(source, table) => {
                Lanes::Elements(*source, map.iter().map(|lane| table[*lane as usize]).collect())
            }
        })),
        ExprKind::Unary(f, a) => ExprKind::Unary(f, Box::new(spread(*a, map))),
        ExprKind::Binary(f, a, b) => {
            ExprKind::Binary(f, Box::new(spread(*a, map)), Box::new(spread(*b, map)))
        }
        ExprKind::If(c, a, b) => ExprKind::If(
            Box::new(spread(*c, map)),
            Box::new(spread(*a, map)),
            Box::new(spread(*b, map)),
        ),
        other => other,
    };
    Expr { kind, span }
}
