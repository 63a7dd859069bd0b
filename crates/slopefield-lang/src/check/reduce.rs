//! Sums and other reductions over arrays, lists and loops.

use super::Checker;
use super::build::{Built, Value};
use super::expression::{Scope, count};
use super::lanes::{LaneScope, mentions, value_depends_on_lane};
use super::symbols::has_symbols_in;
use crate::model::{ExprKind, Lanes, Reduction, Source};
use crate::syntax::{Expression, ExpressionKind as K, Loop};
use crate::{Binary, Span};
use std::sync::Arc;

/// Most terms with white noise in one sum.
const MAX_TERMS: u32 = 1000;

impl<'a> Checker<'a> {
    /// `sum`, `mean`, `min`, `max` of one argument, or `dot` of two.
    pub(super) fn reduction(
        &mut self,
        name: &str,
        arguments: &'a [Expression],
        span: Span,
        scope: &Scope<'_, 'a>,
    ) -> Option<Built> {
        let wanted = if name == "dot" { 2 } else { 1 };
        if arguments.len() != wanted {
            let message =
                format!("`{name}` takes {}, not {}", count(wanted, "argument"), arguments.len());
            let hint = match name {
                "dot" => "write `dot(a, b)` of two arrays".to_owned(),
                _ => format!("write `{name}(u)` of an array, or `{name}(u[i] for i in 1..N)`"),
            };
            self.error_hint("wrong-argument-count", span, message, hint);
            return None;
        }
        match (name, &arguments[0].kind) {
            ("dot", _) => self.dot(arguments, span, scope),
            (_, K::Comprehension(body, loops)) => self.over_loop(name, body, loops, span, scope),
            _ => self.over_value(name, &arguments[0], span, scope),
        }
    }

    /// `sum(body for i in 1..N)`.
    fn over_loop(
        &mut self,
        name: &str,
        body: &'a Expression,
        loops: &'a [Loop],
        span: Span,
        scope: &Scope<'_, 'a>,
    ) -> Option<Built> {
        // What does not use the indices around is worked out once, not in each of their lanes.
        let mut uses = |local: &str| {
            let own = loops.iter().any(|l| l.index.text == local);
            let found = scope.locals.iter().find(|(n, _)| *n == local);
            !own && found.is_some_and(|(_, value)| value_depends_on_lane(value))
        };
        let dependent = mentions(body, &mut uses)
            || loops
                .iter()
                .any(|l| mentions(&l.range.start, &mut uses) || mentions(&l.range.end, &mut uses));
        let free: Vec<_>;
        let scope = if dependent {
            *scope
        } else {
            let locals = scope.locals.iter().filter(|(_, v)| !value_depends_on_lane(v));
            free = locals.cloned().collect();
            Scope { locals: &free, lanes: None, ..*scope }
        };
        let entered = self.enter_loops(loops, &scope)?;
        let inner = Scope { locals: &entered.locals, lanes: Some(&entered.lanes), ..scope };
        let body = self.scalar(body, &inner)?;
        let (lanes, ends) = (&entered.lanes, entered.ends);
        if name != "sum" {
            let mut start = 0;
            let empty = ends.iter().position(|end| std::mem::replace(&mut start, *end) == *end);
            if empty.is_some() {
                let message = format!("`{name}` of no elements has no value");
                self.error("empty-range", span, message);
                return None;
            }
        }
        self.reduced(name, body, lanes.count, ends, scope.lanes, span)
    }

    /// `sum(u)`.
    fn over_value(
        &mut self,
        name: &str,
        argument: &'a Expression,
        span: Span,
        scope: &Scope<'_, 'a>,
    ) -> Option<Built> {
        match self.value(argument, scope)? {
            Value::Array(array) => {
                let lanes = self.as_lanes(&array, argument.span)?;
                let count = array.len();
                self.reduced(name, lanes, count, vec![count as u32], None, span)
            }
            Value::Vector(parts) => {
                let n = parts.len();
                let f = match name {
                    "min" => Binary::Min,
                    "max" => Binary::Max,
                    _ => Binary::Add,
                };
                let mut parts = parts.into_iter();
                let Some(mut all) = parts.next() else {
                    self.error(
                        "empty-range",
                        span,
                        format!("`{name}` of no elements has no value"),
                    );
                    return None;
                };
                for part in parts {
                    all = self.binary(f, all, part, span)?;
                }
                if name != "mean" {
                    return Some(all);
                }
                let n = self.number(n as f64, span);
                self.binary(Binary::Div, all, n, span)
            }
            Value::Scalar(_) => {
                let message = format!("`{name}` needs an array, a list or a loop");
                let hint =
                    format!("write `{name}(u)` of an array, or `{name}(u[i] for i in 1..N)`");
                self.error_hint("not-an-array", argument.span, message, hint);
                None
            }
        }
    }

    /// `dot(a, b)`.
    fn dot(
        &mut self,
        arguments: &'a [Expression],
        span: Span,
        scope: &Scope<'_, 'a>,
    ) -> Option<Built> {
        let (a, b) = (self.value(&arguments[0], scope), self.value(&arguments[1], scope));
        let (a, b) = (a?, b?);
        let length = |value: &Value| match value {
            Value::Scalar(_) => None,
            Value::Vector(parts) => Some(parts.len()),
            Value::Array(array) => Some(array.len()),
        };
        let (Some(m), Some(n)) = (length(&a), length(&b)) else {
            let wrong = if length(&a).is_none() { &arguments[0] } else { &arguments[1] };
            let message = "`dot` needs two arrays or lists";
            self.error("not-an-array", wrong.span, message);
            return None;
        };
        if m != n {
            let message = format!("`dot` of {} and {n}", count(m, "element"));
            self.error_hint("array-shape", span, message, "both need as many elements");
            return None;
        }
        if let (Value::Array(a), Value::Array(b)) = (&a, &b) {
            let x = self.as_lanes(a, arguments[0].span)?;
            let y = self.as_lanes(b, arguments[1].span)?;
            let product = self.binary(Binary::Mul, x, y, span)?;
            return self.reduced("sum", product, m, vec![m as u32], None, span);
        }
        let parts = |this: &mut Self, value: Value, at: Span| match value {
            Value::Scalar(one) => vec![one],
            Value::Vector(parts) => parts,
            Value::Array(array) => this.all_elements(&array, at),
        };
        let x = parts(self, a, arguments[0].span);
        let y = parts(self, b, arguments[1].span);
        let mut all: Option<Built> = None;
        for (x, y) in x.into_iter().zip(y) {
            let product = self.binary(Binary::Mul, x, y, span)?;
            all = Some(match all {
                None => product,
                Some(before) => self.binary(Binary::Add, before, product, span)?,
            });
        }
        all
    }

    /// Runs of lanes made one number each; `around` are the lanes that the runs belong to.
    fn reduced(
        &mut self,
        name: &str,
        body: Built,
        lanes: usize,
        ends: Vec<u32>,
        around: Option<&LaneScope>,
        span: Span,
    ) -> Option<Built> {
        let f = match name {
            "min" => Reduction::Min,
            "max" => Reduction::Max,
            _ => Reduction::Sum,
        };
        if has_symbols_in(&body.expr) {
            if !matches!(name, "sum" | "mean") {
                self.misplaced_symbol(&body.expr, "the least or greatest of many");
                return None;
            }
            return self.symbols_reduced(name, body, lanes, ends, around, span);
        }
        self.entries(ends.len(), span)?;
        let start_of = |k: usize| if k == 0 { 0 } else { ends[k - 1] };
        let sizes: Vec<f64> = (0..ends.len()).map(|k| f64::from(ends[k] - start_of(k))).collect();
        let fixed = match (body.number(), body.lane_table()) {
            (Some(x), _) => Some(vec![x; lanes]),
            (_, Some(list)) => Some(list.to_vec()),
            _ => None,
        };
        let total = if let Some(list) = fixed {
            let runs = (0..ends.len()).map(|k| &list[start_of(k) as usize..ends[k] as usize]);
            let values = runs.map(|run| f.apply(run)).collect();
            self.lane_numbers(values, span)?
        } else {
            let of = self.each(body, lanes, span);
            let count = ends.len();
            let vector = self.reduce(f, of, ends, span);
            let kind = match around {
                None => ExprKind::Element(vector, 0),
                Some(_) => {
                    let table = (0..count as u32).collect();
                    let lanes = Lanes::Elements(Source::Vector(vector), table);
                    ExprKind::Lanes(Arc::new(lanes))
                }
            };
            self.leaf(kind, span)
        };
        if name != "mean" {
            return Some(total);
        }
        let sizes = self.lane_numbers(sizes, span)?;
        self.binary(Binary::Div, total, sizes, span)
    }

    /// A sum whose terms hold white noise or derivatives: `sum(s[i, j]*W[j]' for j in 1..M)`. They
    /// are added one by one, so that an equation can be taken apart.
    fn symbols_reduced(
        &mut self,
        name: &str,
        body: Built,
        lanes: usize,
        ends: Vec<u32>,
        around: Option<&LaneScope>,
        span: Span,
    ) -> Option<Built> {
        let linear = self.linear(body.expr)?;
        let start_of = |k: usize| if k == 0 { 0 } else { ends[k - 1] };
        let longest = (0..ends.len()).map(|k| ends[k] - start_of(k)).max().unwrap_or(0);
        if longest > MAX_TERMS {
            let message = format!("white noise in a sum of more than {MAX_TERMS} terms");
            self.error_hint("misplaced-noise", span, message, "use fewer independent noises");
            return None;
        }
        let mut terms = Vec::new();
        for (symbols, factor) in linear.terms {
            let factor = self.lane_table_of(factor, lanes);
            for r in 0..longest {
                // The r-th term of each run; 0 times some other one where a run is shorter.
                let lane = |k: usize| (start_of(k) + r).min(lanes as u32 - 1);
                let counts = |k: usize| f64::from(u8::from(start_of(k) + r < ends[k]));
                self.entries(ends.len(), span)?;
                let table: Vec<u32> = (0..ends.len()).map(lane).collect();
                let chosen = table.iter().map(|l| symbols.at(*l as usize)).collect();
                let symbol = self.symbols_leaf(chosen, around, span)?;
                let share = self.picked(&factor, &table, around, span)?;
                let mask = self.lane_numbers((0..ends.len()).map(counts).collect(), span)?;
                let share = self.times(&mask, share, span)?;
                terms.push(self.times(&share, symbol, span)?);
            }
        }
        let rest = match linear.rest {
            Some(rest) => Some(self.reduced("sum", rest, lanes, ends.clone(), around, span)?),
            None => None,
        };
        terms.extend(rest);
        while terms.len() > 1 {
            let mut pairs = std::mem::take(&mut terms).into_iter();
            while let Some(a) = pairs.next() {
                terms.push(match pairs.next() {
                    Some(b) => self.binary(Binary::Add, a, b, span)?,
                    None => a,
                });
            }
        }
        let total = match terms.pop() {
            Some(total) => total,
            None => self.number(0.0, span),
        };
        if name != "mean" {
            return Some(total);
        }
        let sizes = (0..ends.len()).map(|k| f64::from(ends[k] - start_of(k))).collect();
        let sizes = self.lane_numbers(sizes, span)?;
        self.binary(Binary::Div, total, sizes, span)
    }

    /// Something over lanes that elements can be picked from.
    fn lane_table_of(&mut self, built: Built, lanes: usize) -> Built {
        let is_table = matches!(&built.expr.kind, ExprKind::Lanes(_));
        if is_table || !super::lanes::depends_on_lane(&built.expr) {
            return built;
        }
        let span = built.expr.span;
        let vector = self.each(built, lanes, span);
        let table = Lanes::Elements(Source::Vector(vector), (0..lanes as u32).collect());
        self.leaf(ExprKind::Lanes(Arc::new(table)), span)
    }

    /// The value in these lanes, one for each lane around.
    fn picked(
        &mut self,
        built: &Built,
        table: &[u32],
        around: Option<&LaneScope>,
        span: Span,
    ) -> Option<Built> {
        let ExprKind::Lanes(lanes) = &built.expr.kind else { return self.copy(built, span) };
        match &**lanes {
            Lanes::Numbers(list) => {
                self.lane_numbers(table.iter().map(|l| list[*l as usize]).collect(), span)
            }
            Lanes::Elements(source, all) => {
                let chosen: Vec<u32> = table.iter().map(|l| all[*l as usize]).collect();
                match around {
                    None => Some(self.leaf(super::lanes::one_element(*source, chosen[0]), span)),
                    Some(_) => self.lane_elements(*source, chosen, span),
                }
            }
        }
    }

    fn symbols_leaf(
        &mut self,
        chosen: Vec<u32>,
        around: Option<&LaneScope>,
        span: Span,
    ) -> Option<Built> {
        match around {
            None => Some(self.leaf(super::lanes::one_element(Source::States, chosen[0]), span)),
            Some(_) => self.lane_elements(Source::States, chosen, span),
        }
    }
}
