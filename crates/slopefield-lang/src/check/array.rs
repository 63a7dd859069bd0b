//! Arrays: their sizes, their elements, and what an index chooses.

use super::Checker;
use super::build::{Built, Value};
use super::expression::{Context, Scope, count};
use super::lanes::{LaneScope, MAX_ELEMENTS, WholeNumbers, one_element};
use super::scope::{Kind, Placed, Shape, elements};
use crate::Span;
use crate::model::{Expr, ExprKind, Source, element_name};
use crate::syntax::{Declarator, Dimension, Expression, ExpressionKind as K, Loop, Name};
use std::rc::Rc;

/// An array as a whole.
#[derive(Debug, Clone)]
pub(super) struct ArrayRef {
    pub of: ArrayOf,
    pub shape: Shape,
}

#[derive(Debug, Clone)]
pub(super) enum ArrayOf {
    /// Elements from a first one on.
    Elements(Source, u32),
    Numbers(Rc<[f64]>),
}

impl ArrayRef {
    pub(super) fn len(&self) -> usize {
        elements(&self.shape)
    }

    /// The outputs of something that is counted from 1.
    pub(super) fn outputs(source: Source, count: usize) -> ArrayRef {
        ArrayRef { of: ArrayOf::Elements(source, 0), shape: Rc::from([(1, count as i64)]) }
    }
}

/// What stands for the elements of a declared array.
pub(super) enum Elements {
    /// One expression over lanes.
    Lanes(Built),
    /// One expression each, as in a list.
    Each(Vec<Built>),
}

impl From<Built> for Elements {
    fn from(built: Built) -> Self {
        Elements::Lanes(built)
    }
}

impl<'a> Checker<'a> {
    /// Sizes of arrays of states and params, and so the numbers of all states and params.
    pub(super) fn place(&mut self) {
        let mut next = 0u32;
        for index in 0..self.declared.states.len() {
            let target = self.declared.states[index].target;
            let placed = self.placed(target, &mut next);
            self.resolution.states.push(placed);
        }
        self.resolution.state_count = next;
        self.inputs();
        next = 0;
        for index in 0..self.declared.params.len() {
            let target = &self.declared.params[index].0.target;
            let placed = self.placed(target, &mut next);
            self.resolution.params.push(placed);
        }
    }

    pub(super) fn placed(&mut self, target: &'a Declarator, next: &mut u32) -> Placed {
        let shape = self.shape(target);
        let first = *next;
        if let Some(shape) = &shape {
            let count = elements(shape);
            if *next as usize + count > MAX_ELEMENTS {
                self.too_many(target.name.span, "the arrays of the model have more than");
                return self.without_size(target, first);
            }
            *next += count as u32;
            return Placed { first, shape: Some(shape.clone()) };
        }
        self.without_size(target, first)
    }

    fn without_size(&mut self, target: &Declarator, first: u32) -> Placed {
        // What mentions it has nothing more to report.
        if let Some(symbol) = self.names.table.get_mut(target.name.text.as_str()) {
            symbol.kind = Kind::Later("an array");
        }
        Placed { first, shape: None }
    }

    /// The index ranges of a declared array; none for a single quantity.
    pub(super) fn shape(&mut self, target: &'a Declarator) -> Option<Shape> {
        let mut shape = Some(Vec::new());
        let mut total = 1f64;
        for dimension in &target.dimensions {
            let ends = match dimension {
                Dimension::Size(e) => {
                    let size = self.array_size(e, "the size of an array");
                    if let Some(size) = size
                        && size < 1
                    {
                        let message =
                            format!("the size of an array must be at least 1, not {size}");
                        self.error("array-size", e.span, message);
                        shape = None;
                    }
                    size.map(|size| (1, size))
                }
                Dimension::Loop(l) => {
                    let first = self.array_size(&l.range.start, "the end of a range");
                    let last = self.array_size(&l.range.end, "the end of a range");
                    let ends = first.zip(last);
                    if let Some((first, last)) = ends
                        && first > last
                    {
                        let span = l.range.start.span.to(l.range.end.span);
                        let index = &l.index.text;
                        let message =
                            format!("the range of `{index}` is empty: {first} is above {last}");
                        self.error("empty-range", span, message);
                        shape = None;
                    }
                    ends
                }
            };
            total *= ends.map_or(1.0, |(first, last)| (last - first) as f64 + 1.0);
            shape = shape.zip(ends).map(|(mut shape, ends)| {
                shape.push(ends);
                shape
            });
        }
        if shape.is_some() && total > MAX_ELEMENTS as f64 {
            let what = format!("`{}` has more than", target.name.text);
            self.too_many(target.name.span, &what);
            return None;
        }
        shape.map(Rc::from)
    }

    fn array_size(&mut self, e: &'a Expression, what: &'static str) -> Option<i64> {
        let scope = Scope::new(Context::Constant(what));
        match self.whole_numbers(e, &scope)? {
            WholeNumbers::One(x) if x.unsigned_abs() <= 1 << 40 => Some(x),
            WholeNumbers::One(_) => {
                self.too_many(e.span, "an array has at most");
                None
            }
            WholeNumbers::Many(_) => None,
        }
    }

    /// The lanes of a declared array: one for each element.
    pub(super) fn declared_lanes(
        &mut self,
        target: &'a Declarator,
        shape: &Shape,
    ) -> (LaneScope, Vec<(&'a str, Value)>) {
        let total = elements(shape);
        let mut locals: Vec<(&'a str, Value)> = Vec::new();
        let mut inner = total;
        for (dimension, (first, last)) in target.dimensions.iter().zip(shape.iter()) {
            let size = (last - first + 1) as usize;
            inner /= size;
            let Dimension::Loop(Loop { index, .. }) = dimension else { continue };
            let values = (0..total).map(|l| (first + (l / inner % size) as i64) as f64).collect();
            self.table_entries += total;
            let table = crate::model::Lanes::Numbers(values);
            let built = self.leaf(ExprKind::Lanes(table.into()), index.span);
            locals.push((index.text.as_str(), Value::Scalar(built)));
        }
        (LaneScope { count: total, active: None, whole: Some(shape.clone()) }, locals)
    }

    /// The elements that a declaration gives an array.
    pub(super) fn array_value(
        &mut self,
        target: &'a Declarator,
        shape: &Shape,
        value: &'a Expression,
        context: Context<'_>,
    ) -> Option<Elements> {
        if matches!(value.kind, K::List(_)) {
            let mut items = Vec::new();
            self.flatten(value, shape, &target.name, &mut items)?;
            let scope = Scope::new(context);
            let built: Vec<Option<Built>> =
                items.into_iter().map(|e| self.scalar(e, &scope)).collect();
            return Some(Elements::Each(built.into_iter().collect::<Option<_>>()?));
        }
        let (lanes, locals) = self.declared_lanes(target, shape);
        let scope = Scope { locals: &locals, lanes: Some(&lanes), ..Scope::new(context) };
        Some(Elements::Lanes(self.scalar(value, &scope)?))
    }

    /// One expression for each element.
    pub(super) fn components(&mut self, elements: Elements, count: usize) -> Vec<Expr> {
        match elements {
            Elements::Each(list) => list.into_iter().map(|b| b.expr).collect(),
            Elements::Lanes(built) => self.lane_by_lane(built, count),
        }
    }

    /// The items of nested lists, which must have the shape of the array.
    fn flatten(
        &mut self,
        value: &'a Expression,
        shape: &[(i64, i64)],
        name: &Name,
        items: &mut Vec<&'a Expression>,
    ) -> Option<()> {
        let Some(((first, last), rest)) = shape.split_first() else {
            items.push(value);
            return Some(());
        };
        let size = (last - first + 1) as usize;
        let K::List(list) = &value.kind else {
            let message = format!("a list of {size} is needed here for `{}`", name.text);
            self.error("array-shape", value.span, message);
            return None;
        };
        if list.len() != size {
            let message = format!(
                "`{}` has {} here, but the list has {}",
                name.text,
                count(size, "element"),
                list.len()
            );
            self.error_hint("array-shape", value.span, message, "change the size or the list");
            return None;
        }
        for item in list {
            self.flatten(item, rest, name, items)?;
        }
        Some(())
    }

    /// The value of a constant that is an array: with declared sizes, or a list.
    pub(super) fn constant_array(
        &mut self,
        target: &'a Declarator,
        value: &'a Expression,
    ) -> Option<ArrayRef> {
        let shape = if target.dimensions.is_empty() {
            let mut shape = Vec::new();
            let mut e = value;
            while let K::List(list) = &e.kind {
                shape.push((1, list.len() as i64));
                match list.first() {
                    Some(first) => e = first,
                    None => {
                        self.error("array-size", e.span, "a list needs at least one element");
                        return None;
                    }
                }
            }
            Rc::from(shape)
        } else {
            self.shape(target)?
        };
        let context = Context::Constant("a constant");
        let built = self.array_value(target, &shape, value, context)?;
        let total = elements(&shape);
        let components = self.components(built, total);
        let mut numbers = Vec::with_capacity(total);
        for (element, expr) in components.iter().enumerate() {
            match expr.kind {
                ExprKind::Number(x) if x.is_finite() => numbers.push(x),
                _ => {
                    let name = element_name(&target.name.text, &shape, element);
                    let message = format!("`{name}` must be a finite number");
                    self.error("not-finite", expr.span, message);
                    return None;
                }
            }
        }
        Some(ArrayRef { of: ArrayOf::Numbers(numbers.into()), shape })
    }

    /// Every element of an array, in order.
    pub(super) fn all_elements(&mut self, array: &ArrayRef, span: Span) -> Vec<Built> {
        (0..array.len() as u32).map(|i| self.array_element(array, i, span)).collect()
    }

    fn array_element(&mut self, array: &ArrayRef, i: u32, span: Span) -> Built {
        match &array.of {
            ArrayOf::Elements(source, first) => self.leaf(one_element(*source, first + i), span),
            ArrayOf::Numbers(numbers) => self.number(numbers[i as usize], span),
        }
    }

    /// The elements of an array as lanes, in order.
    pub(super) fn as_lanes(&mut self, array: &ArrayRef, span: Span) -> Option<Built> {
        let table = (0..array.len() as u32).collect();
        self.chosen(array, table, span)
    }

    /// One element in each lane.
    pub(super) fn chosen(
        &mut self,
        array: &ArrayRef,
        mut table: Vec<u32>,
        span: Span,
    ) -> Option<Built> {
        match &array.of {
            ArrayOf::Elements(source, first) => {
                table.iter_mut().for_each(|i| *i += first);
                self.lane_elements(*source, table, span)
            }
            ArrayOf::Numbers(numbers) => {
                self.lane_numbers(table.iter().map(|i| numbers[*i as usize]).collect(), span)
            }
        }
    }

    /// `u[i, j]`: the places that indices choose, from 0; one entry, or one for each lane.
    pub(super) fn places(
        &mut self,
        shape: &[(i64, i64)],
        shown: &str,
        indices: &'a [Expression],
        span: Span,
        scope: &Scope<'_, 'a>,
    ) -> Option<Vec<u32>> {
        if indices.len() != shape.len() {
            let message = format!(
                "`{shown}` has {}, but {} given",
                match shape.len() {
                    1 => "one index".to_owned(),
                    n => format!("{n} indices"),
                },
                match indices.len() {
                    1 => "one is".to_owned(),
                    n => format!("{n} are"),
                }
            );
            self.error("wrong-index", span, message);
            return None;
        }
        let mut all = Vec::with_capacity(indices.len());
        for (i, (e, ends)) in indices.iter().zip(shape).enumerate() {
            let which = if shape.len() == 1 { String::new() } else { format!(" {}", i + 1) };
            all.push(self.one_index(e, *ends, (shown, &which), scope));
        }
        let all = all.into_iter().collect::<Option<Vec<_>>>()?;
        let lanes = if all.iter().all(|x| matches!(x, WholeNumbers::One(_))) {
            1
        } else {
            scope.lanes.map_or(1, |l| l.count)
        };
        self.entries(lanes, span)?;
        let place = |lane: usize| {
            all.iter().zip(shape).fold(0, |place, (index, (first, last))| {
                place * (last - first + 1) + (index.at(lane) - first)
            }) as u32
        };
        Some((0..lanes).map(place).collect())
    }

    /// One index, brought into its range by `wrap` or `clamp`, or checked against it.
    fn one_index(
        &mut self,
        e: &'a Expression,
        (first, last): (i64, i64),
        (shown, which): (&str, &str),
        scope: &Scope<'_, 'a>,
    ) -> Option<WholeNumbers> {
        let inside = Scope { context: Context::Constant("an index"), ..*scope };
        let size = last - first + 1;
        let map = |numbers: WholeNumbers, f: &dyn Fn(i64) -> i64| match numbers {
            WholeNumbers::One(x) => WholeNumbers::One(f(x)),
            WholeNumbers::Many(list) => WholeNumbers::Many(list.into_iter().map(f).collect()),
        };
        if let K::Call(name, arguments) = &e.kind
            && let [inner] = arguments.as_slice()
            && matches!(name.text.as_str(), "wrap" | "clamp")
        {
            let numbers = self.whole_numbers(inner, &inside)?;
            return Some(if name.text == "wrap" {
                map(numbers, &|x| first + (x - first).rem_euclid(size))
            } else {
                map(numbers, &|x| x.clamp(first, last))
            });
        }
        let numbers = self.whole_numbers(e, &inside)?;
        let lanes = match &numbers {
            WholeNumbers::One(_) => 1,
            WholeNumbers::Many(list) => list.len(),
        };
        let counts = |lane: usize| scope.lanes.is_none_or(|l| l.is_active(lane));
        let wrong = (0..lanes)
            .find(|&lane| counts(lane) && !(first..=last).contains(&numbers.at(lane)))
            // An index that is the same in all lanes counts when any lane does.
            .filter(|_| {
                lanes > 1 || scope.lanes.is_none_or(|l| (0..l.count).any(|i| l.is_active(i)))
            });
        if let Some(lane) = wrong {
            let at = numbers.at(lane);
            let where_ = self.lane_shown(e, lane, scope);
            let message = format!(
                "`{shown}` has no element {at}{where_}: its index{which} runs from {first} to {last}"
            );
            let text = crate::print_expression(e);
            if lanes > 1 {
                let hint = format!(
                    "shorten the range of the loop, or write `wrap({text})` for a periodic array or \
                     `clamp({text})` to hold its edge"
                );
                self.error_hint("wrong-index", e.span, message, hint);
            } else {
                self.error("wrong-index", e.span, message);
            }
            return None;
        }
        // Lanes that do not count read some element all the same.
        Some(map(numbers, &|x| x.clamp(first, last)))
    }

    /// `, where i is 40`: the indices of a lane that an expression uses.
    fn lane_shown(&self, e: &'a Expression, lane: usize, scope: &Scope<'_, 'a>) -> String {
        let mut parts = Vec::new();
        for (name, value) in scope.locals {
            let mentioned = super::lanes::mentions(e, &mut |n| n == *name);
            if let Value::Scalar(built) = value
                && let Some(at) = built.lane_table().and_then(|list| list.get(lane))
                && mentioned
            {
                parts.push(format!("{name} is {at}"));
            }
        }
        if parts.is_empty() { String::new() } else { format!(", where {}", parts.join(" and ")) }
    }

    /// An array as one number for each lane, where whole arrays stand for their elements.
    pub(super) fn element_of_whole(
        &mut self,
        array: &ArrayRef,
        span: Span,
        scope: &Scope<'_, 'a>,
    ) -> Option<Built> {
        let whole = scope.lanes.and_then(|l| l.whole.as_ref())?;
        let same = if array.shape.len() == 1 {
            array.len() == elements(whole)
        } else {
            array.shape == *whole
        };
        same.then(|| self.as_lanes(array, span)).flatten()
    }
}
