//! Arrays of states and the equations of their elements.

use super::Checker;
use super::build::Covered;
use super::declare::primed;
use super::equation::nothing;
use super::expression::{Context, Scope};
use super::lanes::LaneScope;
use super::name::id;
use super::scope::{Shape, elements};
use crate::model::{Array, ArrayElements, Expr, ExprKind, State, StateId, element_name};
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
        self.declared.equations_later.push(name);
    }

    /// The states of an array, with their initial values and equations.
    pub(super) fn state_array(
        &mut self,
        index: usize,
        full: &str,
        shape: &Shape,
        bounds: Option<(f64, f64)>,
    ) {
        let (item, span) = self.declared.states[index];
        let total = elements(shape);
        let name = item.target.name.text.as_str();
        let initial = match &item.initial {
            None => vec![Expr { kind: ExprKind::Number(0.0), span }; total],
            Some(value) => {
                let context = Context::Initial(full);
                match self.array_value(&item.target, shape, value, context) {
                    Some(built) => self.components(built, total),
                    None => vec![nothing(span); total],
                }
            }
        };
        let derivatives = self.element_equations(name, item.target.order, shape, span);
        self.model.arrays.push(Array {
            name: full.to_owned(),
            dimensions: shape.to_vec(),
            elements: ArrayElements::States(StateId(id(self.model.states.len()))),
        });
        for (element, (initial, (derivative, equation_span))) in
            initial.into_iter().zip(derivatives).enumerate()
        {
            self.model.states.push(State {
                name: element_name(full, shape, element),
                unit: item.unit.as_ref().map(|u| u.text.clone()),
                initial,
                bounds,
                positive: item.positive,
                derivative,
                besides_reactions: None,
                algebraic: false,
                noise: Vec::new(),
                history: None,
                span,
                equation_span,
            });
        }
    }

    /// The right-hand side of each element, and where its equation stands.
    fn element_equations(
        &mut self,
        name: &'a str,
        order: u32,
        shape: &Shape,
        span: Span,
    ) -> Vec<(Expr, Span)> {
        let total = elements(shape);
        let missing = vec![(nothing(span), span); total];
        let Some(covered) = self.resolution.covered.get(name).cloned() else {
            if !self.declared.equations_later.contains(&name) {
                let message = format!("the states `{name}` have no equation");
                let index = if shape.len() == 1 { "i" } else { "i, j" };
                let hint = format!("add `{name}[{index}]' = … for i in …`, or `{name}' = …`");
                self.error_hint("missing-equation", span, message, hint);
            }
            return missing;
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
                (Expr { kind, span }, span)
            });
            return next.collect();
        }
        let without: Vec<usize> = (0..total).filter(|i| covered.elements[*i].is_none()).collect();
        if !without.is_empty() && !self.declared.equations_later.contains(&name) {
            self.elements_without(name, shape, &without, span);
        }
        let pick = |this: &mut Self, slot: &Option<(u32, u32)>| {
            let (equation, lane) = (*slot)?;
            let equation_span = this.declared.equations[equation as usize].span;
            let parts = this.element_derivative(equation as usize, shape);
            let derivative = parts.get(lane as usize).cloned();
            Some((derivative.unwrap_or_else(|| nothing(span)), equation_span))
        };
        let all = covered
            .elements
            .iter()
            .map(|slot| pick(self, slot).unwrap_or_else(|| (nothing(span), span)));
        all.collect()
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
    fn element_derivative(&mut self, equation: usize, shape: &Shape) -> &[Expr] {
        if self.resolution.element_derivatives[equation].is_none() {
            let parts = self.resolve_elements(equation, shape).unwrap_or_default();
            self.resolution.element_derivatives[equation] = Some(parts);
        }
        self.resolution.element_derivatives[equation].as_deref().unwrap_or_default()
    }

    fn resolve_elements(&mut self, equation: usize, shape: &Shape) -> Option<Vec<Expr>> {
        let item = &self.declared.equations[equation];
        let (indices, loops, right) = (item.indices, item.loops, item.right);
        let outside = Scope::new(Context::Dynamic);
        if indices.is_some() && loops.is_empty() {
            return Some(vec![self.scalar(right, &outside)?.expr]);
        }
        if indices.is_some() {
            let entered = self.enter_loops(loops, &outside)?;
            let scope = Scope { locals: &entered.locals, lanes: Some(&entered.lanes), ..outside };
            let built = self.scalar(right, &scope)?;
            return Some(self.lane_by_lane(built, entered.lanes.count));
        }
        let total = elements(shape);
        let lanes = LaneScope { count: total, active: None, whole: Some(shape.clone()) };
        let scope = Scope { lanes: Some(&lanes), ..outside };
        let built = self.scalar(right, &scope)?;
        Some(self.lane_by_lane(built, total))
    }
}
