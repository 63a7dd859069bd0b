//! Arrays of states and the equations of their elements.

use super::Checker;
use super::array::{ArrayOf, ArrayRef};
use super::build::{Built, Covered, Slot};
use super::declare::primed;
use super::delay::element_of;
use super::equation::{Own, Part, initial_of, nothing};
use super::expression::{Context, Scope};
use super::lanes::LaneScope;
use super::name::id;
use super::scope::{Shape, elements};
use super::symbols::measured;
use crate::model::{Array, ArrayElements, Expr, ExprKind, Source, StateId, element_name};
use crate::syntax::Expression;
use crate::{Diagnostic, Span};

/// Elements that a message lists.
const LISTED: usize = 4;

impl<'a> Checker<'a> {
    /// Notes which elements of an array an equation is for.
    pub(super) fn cover_elements(&mut self, equation: usize, state: usize) {
        let Some(shape) = self.resolution.states[state].shape.clone() else { return };
        let item = &self.declared.equations[equation];
        let (name, order, indices, loops) = (item.name, item.order, item.indices, item.loops);
        let (left_span, span) = (item.left_span, item.span);
        if shape.is_empty() {
            let message = format!("`{name}` is no array");
            let hint = format!("write `{} = …`", primed(name, order.min(16)));
            self.error_hint("index-of-scalar", left_span, message, hint);
            return self.cover_nothing(name);
        }
        let total = elements(&shape);
        let first_of_name = !self.resolution.covered.contains_key(name);
        let covered = self
            .resolution
            .covered
            .entry(name)
            .or_insert_with(|| Covered { order, elements: vec![None; total] });
        if covered.order != order {
            let message = format!(
                "the equations of `{name}` differ in order: `{}` and `{}`",
                primed(name, covered.order.min(16)),
                primed(name, order.min(16))
            );
            self.error("duplicate-equation", left_span, message);
            return self.cover_nothing(name);
        }
        if first_of_name {
            self.lower_orders(name, order, left_span);
        }
        let places = match indices {
            None => Some((0..total as u32).collect()),
            Some(indices) => {
                let outside = Scope::new(Context::Dynamic);
                let entered = match loops {
                    [] => None,
                    loops => match self.enter_loops(loops, &outside) {
                        Some(entered) => Some(entered),
                        None => return self.cover_nothing(name),
                    },
                };
                let scope = match &entered {
                    None => outside,
                    Some(e) => Scope { locals: &e.locals, lanes: Some(&e.lanes), ..outside },
                };
                let lanes = entered.as_ref().map_or(1, |e| e.lanes.count);
                let places = self.places(&shape, name, indices, left_span, &scope);
                // One place for all lanes is one element with many equations.
                places.map(|p| if p.len() < lanes { vec![p[0]; lanes] } else { p })
            }
        };
        let Some(places) = places else { return self.cover_nothing(name) };
        let mut twice = None;
        if let Some(covered) = self.resolution.covered.get_mut(name) {
            for (lane, place) in places.into_iter().enumerate() {
                let slot = &mut covered.elements[place as usize];
                match slot {
                    Some((first, _)) => twice = twice.or(Some((place, *first))),
                    None => *slot = Some((equation as u32, lane as u32)),
                }
            }
        }
        if let Some((place, first)) = twice {
            let element = element_name(name, &shape, place as usize);
            let message = format!("`{element}` has two equations");
            let mut diagnostic = Diagnostic::error("duplicate-equation", span, message);
            if first as usize == equation {
                diagnostic.hint =
                    Some("each value of the indices must stand for another element".into());
            } else {
                let first = self.declared.equations[first as usize].span;
                diagnostic = diagnostic
                    .hint("every element has exactly one; change the range of one of the loops")
                    .related(first, "the first equation");
            }
            self.report(diagnostic);
        }
    }

    /// After an error in what an equation covers, missing equations are not reported.
    fn cover_nothing(&mut self, name: &'a str) {
        self.declared.excused.push(name);
    }

    /// The states of an array, with their initial values and equations.
    pub(super) fn state_array(
        &mut self,
        index: usize,
        full: &str,
        shape: &Shape,
        bounds: Option<(f64, f64)>,
    ) {
        let item = self.declared.states[index];
        let span = item.span;
        let total = elements(shape);
        let initial = match item.initial {
            None => vec![Expr { kind: ExprKind::Number(0.0), span }; total],
            Some(value) => {
                let what = initial_of(item, full);
                let context = Context::Before { what: &what, time: true };
                match self.array_value(item.target, shape, value, context) {
                    Some(built) => self.components(built, total),
                    None => vec![nothing(span); total],
                }
            }
        };
        let equations = self.element_equations(index, shape);
        self.model.arrays.push(Array {
            name: full.to_owned(),
            dimensions: shape.to_vec(),
            elements: ArrayElements::States(StateId(id(self.model.states.len()))),
        });
        for (element, (initial, own)) in initial.into_iter().zip(equations).enumerate() {
            self.push_state(element_name(full, shape, element), item, initial, bounds, own);
        }
    }

    /// The equation of each element.
    fn element_equations(&mut self, index: usize, shape: &Shape) -> Vec<Own> {
        let item = self.declared.states[index];
        let (name, order, span) = (item.target.name.text.as_str(), item.target.order, item.span);
        let first = self.resolution.states[index].first;
        let total = elements(shape);
        let missing = vec![Own::Missing; total];
        let implicit = item.algebraic || self.declared.implicit.contains(name);
        let covered = match self.resolution.covered.get(name).cloned() {
            Some(covered) => covered,
            None if implicit => {
                let order = self.highest_order(name);
                Covered { order, elements: vec![None; total] }
            }
            None if self.declared.changed.contains(name) && order == 0 => {
                return vec![Own::Nothing; total];
            }
            None => {
                if !self.declared.excused.contains(&name) {
                    let message = format!("the states `{name}` have no equation");
                    let index = if shape.len() == 1 { "i" } else { "i, j" };
                    let hint = format!("add `{name}[{index}]' = … for i in …`, or `{name}' = …`");
                    self.error_hint("missing-equation", span, message, hint);
                }
                return missing;
            }
        };
        if order >= covered.order {
            let message = format!(
                "`{}` has initial values, but the equations of `{name}` give `{}`",
                primed(name, order.min(16)),
                primed(name, covered.order.min(16))
            );
            self.error("unused-initial", span, message);
            return missing;
        }
        if order + 1 < covered.order {
            let Some(next) = self.names.derivatives.get(&(name, order + 1)).copied() else {
                return missing; // reported
            };
            let placed = self.resolution.states[next].clone();
            if placed.shape.as_ref() != Some(shape) {
                if placed.shape.is_some() {
                    let message =
                        format!("`{name}` and `{}` differ in their sizes", primed(name, order + 1));
                    self.error("array-shape", span, message);
                }
                return missing;
            }
            let next = (0..total as u32).map(|i| {
                let kind = ExprKind::State(StateId(placed.first + i));
                Own::Given(Part::new(Expr { kind, span }), span)
            });
            return next.collect();
        }
        let mut without = Vec::new();
        let mut all = Vec::with_capacity(total);
        for (element, slot) in covered.elements.iter().enumerate() {
            if let Some((equation, lane)) = *slot {
                let at = self.declared.equations[equation as usize].span;
                let part = self.element_derivative(equation as usize, shape).get(lane as usize);
                all.push(part.cloned().map_or(Own::Missing, |part| Own::Given(part, at)));
            } else if let Some((part, at)) = self.resolution.given.remove(&(first + element as u32))
            {
                all.push(Own::Given(part, at));
            } else {
                without.push(element);
                all.push(Own::Missing);
            }
        }
        if !without.is_empty() && !implicit && !self.declared.excused.contains(&name) {
            self.elements_without(name, shape, &without, span);
        }
        all
    }

    fn elements_without(&mut self, name: &str, shape: &Shape, without: &[usize], span: Span) {
        let listed: Vec<String> = without
            .iter()
            .take(LISTED)
            .map(|i| format!("`{}`", element_name(name, shape, *i)))
            .collect();
        let more = without.len().saturating_sub(LISTED);
        let (tail, verb) = match (more, without.len()) {
            (0, 1) => (String::new(), "has"),
            (0, _) => (String::new(), "have"),
            (n, _) => (format!(" and {n} more elements"), "have"),
        };
        let message = format!("{}{tail} {verb} no equation", listed.join(", "));
        let first = element_name(name, shape, without[0]);
        let hint = format!("extend the range of a loop, or add `{first}' = …`");
        self.error_hint("missing-equation", span, message, hint);
    }

    /// The right-hand sides of an equation, one for each lane; resolved once.
    fn element_derivative(&mut self, equation: usize, shape: &Shape) -> &[Part] {
        if self.resolution.element_derivatives[equation].is_none() {
            let item = &self.declared.equations[equation];
            let (left, at) = (primed(item.name, item.order.min(16)), item.left_span);
            if matches!(self.resolution.derivatives[equation], Slot::Active) {
                self.cycle(&left, at);
                return &[];
            }
            self.resolution.derivatives[equation] = Slot::Active;
            self.begin(&left, at);
            let parts = self.resolve_elements(equation, shape).unwrap_or_default();
            self.resolution.active.pop();
            self.resolution.derivatives[equation] = Slot::Done(Some(()));
            self.resolution.element_derivatives[equation] = Some(parts);
        }
        self.resolution.element_derivatives[equation].as_deref().unwrap_or_default()
    }

    /// `u[i]'` in an expression: the right-hand sides of elements of an array.
    pub(super) fn array_slope(
        &mut self,
        name: &'a str,
        state: usize,
        indices: Option<&'a [Expression]>,
        span: Span,
        scope: &Scope<'_, 'a>,
    ) -> Option<Built> {
        let shape = self.resolution.states[state].shape.clone()?;
        let table = match indices {
            Some(indices) => self.places(&shape, name, indices, span, scope)?,
            None => {
                // The element of each lane, where the whole array stands for it.
                let of = ArrayOf::Elements(Source::States, 0);
                let array = ArrayRef { of, shape: shape.clone() };
                if self.element_of_whole(&array, span, scope).is_none() {
                    let message = format!("`{name}` is an array of {} elements", array.len());
                    let hint = format!("choose one: `{name}[1]'`");
                    self.error_hint("vector-as-scalar", span, message, hint);
                    return None;
                }
                (0..array.len() as u32).collect()
            }
        };
        let covered = self.resolution.covered.get(name)?.clone();
        let mut all = Vec::with_capacity(table.len());
        for place in &table {
            // Where there is no equation, that is reported.
            let (equation, lane) = covered.elements[*place as usize]?;
            let part = self.element_derivative(equation as usize, &shape).get(lane as usize)?;
            let part = part.clone();
            if !part.noise.is_empty() {
                let message = format!("`{name}'` contains white noise, which cannot stand here");
                let hint = "write out what is meant";
                self.error_hint("misplaced-noise", span, message, hint);
                return None;
            }
            all.push(part.rest);
        }
        if let [one] = all.as_slice() {
            let one = measured(one.clone());
            return self.copy(&one, span);
        }
        let number = |e: &Expr| match e.kind {
            ExprKind::Number(x) => Some(x),
            _ => None,
        };
        if let Some(numbers) = all.iter().map(number).collect::<Option<Vec<f64>>>() {
            return self.lane_numbers(numbers, span);
        }
        let parts: Option<Vec<(Source, u32)>> = all.iter().map(element_of).collect();
        let Some(parts) = parts.filter(|p| p.windows(2).all(|w| w[0].0 == w[1].0)) else {
            let message =
                format!("the elements of `{name}'` have equations of several forms in this loop");
            let hint = "write what they stand for, or use one loop for each form";
            self.error_hint("misplaced-prime", span, message, hint);
            return None;
        };
        let source = parts.first()?.0;
        self.lane_elements(source, parts.into_iter().map(|(_, i)| i).collect(), span)
    }

    fn resolve_elements(&mut self, equation: usize, shape: &Shape) -> Option<Vec<Part>> {
        let item = &self.declared.equations[equation];
        let (indices, loops, right) = (item.indices, item.loops, item.right);
        let outside = Scope::new(Context::Equation);
        if indices.is_some() && loops.is_empty() {
            let built = self.scalar(right, &outside)?;
            return Some(vec![self.right_hand(built)?]);
        }
        if indices.is_some() {
            let entered = self.enter_loops(loops, &outside)?;
            let scope = Scope { locals: &entered.locals, lanes: Some(&entered.lanes), ..outside };
            let built = self.scalar(right, &scope)?;
            return self.right_hands(built, entered.lanes.count);
        }
        let total = elements(shape);
        let lanes = LaneScope { count: total, active: None, whole: Some(shape.clone()) };
        let scope = Scope { lanes: Some(&lanes), ..outside };
        let built = self.scalar(right, &scope)?;
        self.right_hands(built, total)
    }
}
