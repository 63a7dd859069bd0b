//! States and their equations.

use super::Checker;
use super::build::{Built, Slot};
use super::declare::primed;
use super::expression::{Context, Scope};
use super::name::id;
use super::scope::Kind;
use crate::evaluate::{Env, evaluate, evaluate_vector};
use crate::model::{Expr, ExprKind, Param, ParamId, Scale, State, StateId};
use crate::syntax::StateItem;
use crate::{Diagnostic, Span, suggest};

impl<'a> Checker<'a> {
    /// Gives each state its equation, or says why it has none.
    pub(super) fn index_equations(&mut self) {
        for index in 0..self.declared.equations.len() {
            let item = &self.declared.equations[index];
            let (name, order, left_span, span) = (item.name, item.order, item.left_span, item.span);
            let item_indexed = item.indices.is_some();
            self.resolution.derivatives.push(Slot::Pending);
            self.resolution.derivative_values.push(None);
            self.resolution.element_derivatives.push(None);
            match self.names.table.get(name).map(|s| s.kind) {
                Some(Kind::State(state)) => {
                    let is_array = self.resolution.states[state].is_array();
                    if is_array || item_indexed {
                        self.cover_elements(index, state);
                        continue;
                    }
                }
                Some(Kind::Later(_)) => continue,
                Some(kind) => {
                    let message = format!("`{name}` is {} and has no equation", kind.article());
                    self.error_hint(
                        "equation-of-no-state",
                        left_span,
                        message,
                        "declare it as `state`, or use another name",
                    );
                    continue;
                }
                None if self.diagnostics.len() > super::MAX_DIAGNOSTICS => {
                    self.error("unknown-name", left_span, format!("there is no state `{name}`"));
                    continue;
                }
                None => {
                    let states = self.declared.states.iter();
                    let known = states.map(|(item, _)| item.target.name.text.as_str());
                    let hint = suggest::did_you_mean(name, known)
                        .unwrap_or_else(|| format!("declare it as `state {name} = 1`"));
                    let message = format!("there is no state `{name}`");
                    self.error_hint("unknown-name", left_span, message, hint);
                    continue;
                }
            }
            if let Some(&first) = self.resolution.equation_of.get(name) {
                let first = self.declared.equations[first].span;
                let message = format!("`{name}` has two equations");
                self.report(
                    Diagnostic::error("duplicate-equation", span, message)
                        .hint("every state has exactly one; add the right-hand sides if both act on it")
                        .related(first, "the first equation"),
                );
                continue;
            }
            self.resolution.equation_of.insert(name, index);
            self.lower_orders(name, order, left_span);
        }
    }

    /// Reports an initial value that an equation of this order lacks.
    pub(super) fn lower_orders(&mut self, name: &'a str, order: u32, at: Span) {
        for lower in 1..order.min(16) {
            if !self.names.derivatives.contains_key(&(name, lower)) {
                let missing = primed(name, lower);
                let message =
                    format!("`{}` needs the initial value of `{missing}`", primed(name, order));
                let hint = format!("declare `state {name} = …, {missing} = 0`");
                self.error_hint("missing-initial", at, message, hint);
                break;
            }
        }
    }

    /// The resolved right-hand side of an equation.
    pub(super) fn right_hand_side(&mut self, equation: usize, at: Span) -> Option<Built> {
        let item = &self.declared.equations[equation];
        let (left, right, left_span) =
            (primed(item.name, item.order.min(16)), item.right, item.left_span);
        match self.resolution.derivatives[equation] {
            Slot::Done(_) => {}
            Slot::Active => {
                self.cycle(&left, at);
                return None;
            }
            Slot::Pending => {
                self.resolution.derivatives[equation] = Slot::Active;
                self.begin(&left, left_span);
                let built = self.scalar(right, &Scope::new(Context::Dynamic));
                self.resolution.active.pop();
                self.resolution.derivatives[equation] = Slot::Done(built.as_ref().map(|_| ()));
                self.resolution.derivative_values[equation] = built;
            }
        }
        self.resolution.derivative_values[equation].clone()
    }

    /// States with initial values and equations; then the params of fitted initial values.
    pub(super) fn states(&mut self) {
        let mut fitted = Vec::new();
        for index in 0..self.declared.states.len() {
            let (item, span) = self.declared.states[index];
            let name = item.target.name.text.as_str();
            let order = item.target.order;
            let full = primed(name, order);
            let Some(shape) = self.resolution.states[index].shape.clone() else { continue };
            let bounds = self.range(item.bounds.as_ref());
            let first = self.model.states.len();
            if shape.is_empty() {
                let scope = Scope::new(Context::Initial(&full));
                let initial = item.initial.as_ref().and_then(|e| self.scalar(e, &scope));
                let initial = initial.map_or_else(|| nothing(span), |b| b.expr);
                let (derivative, equation_span) = self.equation_of_state(name, order, &full, span);
                self.model.states.push(State {
                    name: full,
                    unit: item.unit.as_ref().map(|u| u.text.clone()),
                    initial,
                    bounds,
                    positive: item.positive,
                    derivative: derivative.unwrap_or_else(|| nothing(span)),
                    besides_reactions: None,
                    algebraic: false,
                    noise: Vec::new(),
                    history: None,
                    span,
                    equation_span,
                });
            } else {
                self.state_array(index, &full, &shape, bounds);
            }
            for state in first..self.model.states.len() {
                if self.diagnostics.len() <= super::MAX_DIAGNOSTICS {
                    self.initial_in_range(item, state);
                }
                if item.fit {
                    fitted.push(state);
                }
            }
        }
        for state in fitted {
            self.fit_initial(state);
        }
    }

    fn equation_of_state(
        &mut self,
        name: &'a str,
        order: u32,
        full: &str,
        span: Span,
    ) -> (Option<Expr>, Span) {
        let Some(&equation) = self.resolution.equation_of.get(name) else {
            let excused = self.declared.equations_later.contains(&name)
                || matches!(self.names.table.get(name).map(|s| s.kind), Some(Kind::Later(_)));
            if order > 0 && !self.names.table.contains_key(name) {
                let message = format!("`{full}` is declared, but the state `{name}` is not");
                let hint = format!("declare both: `state {name} = …, {full} = …`");
                self.error_hint("unknown-name", span, message, hint);
            } else if !excused && order == 0 {
                let message = format!("the state `{name}` has no equation");
                let hint = format!("add `{name}' = …`, or make it a `param` or `const`");
                self.error_hint("missing-equation", span, message, hint);
            }
            return (None, span);
        };
        let item = &self.declared.equations[equation];
        let (highest, equation_span) = (item.order, item.span);
        if order >= highest {
            let message = format!(
                "`{full}` has an initial value, but the equation of `{name}` gives `{}`",
                primed(name, highest.min(16))
            );
            self.report(
                Diagnostic::error("unused-initial", span, message)
                    .hint(format!(
                        "remove it, or write the equation for `{}`",
                        primed(name, order + 1)
                    ))
                    .related(equation_span, "the equation"),
            );
            return (None, equation_span);
        }
        if order + 1 < highest {
            let next = self.names.derivatives.get(&(name, order + 1)).copied();
            let next = next.map(|next| self.resolution.states[next].first);
            let kind = next.map(|next| ExprKind::State(StateId(next)));
            return (kind.map(|kind| Expr { kind, span: equation_span }), equation_span);
        }
        (self.right_hand_side(equation, equation_span).map(|b| b.expr), equation_span)
    }

    fn initial_in_range(&mut self, item: &StateItem, state: usize) {
        let Some(at) = item.initial.as_ref().map(|e| e.span) else { return };
        let value = self.initial_value(state);
        let state = &self.model.states[state];
        let name = state.name.clone();
        if value.is_infinite() {
            self.error("not-finite", at, format!("the initial value of `{name}` is infinite"));
        } else if let Some((low, high)) = state.bounds
            && !(low..=high).contains(&value)
            && !value.is_nan()
        {
            let message = format!(
                "the initial value {value} of `{name}` lies outside its range [{low}, {high}]"
            );
            let (code, hint) = ("out-of-bounds", "change the value or the range");
            if item.fit {
                self.error_hint(code, at, message, hint);
            } else {
                self.report(Diagnostic::warning(code, at, message).hint(hint));
            }
        } else if item.positive && value < 0.0 {
            let message = format!("`{name}` is declared positive, but starts at {value}");
            self.error("out-of-bounds", at, message);
        }
    }

    /// Initial value of a state at the start values of the params; NaN when it cannot be known.
    fn initial_value(&mut self, state: usize) -> f64 {
        let params: Vec<f64> = match self.model.states[state].initial.kind {
            ExprKind::Number(value) => return value,
            _ => self.model.params.iter().map(|p| p.value).collect(),
        };
        let time = self.model.time.start;
        for vector in &self.model.vectors[self.initial_vectors.len()..] {
            let vectors = self.initial_vectors.as_slice();
            let env = Env { time, params: &params, vectors, ..Env::default() };
            let values = evaluate_vector(vector, &env);
            self.initial_vectors.push(values);
        }
        let vectors = self.initial_vectors.as_slice();
        let env = Env { time, params: &params, vectors, ..Env::default() };
        evaluate(&self.model.states[state].initial, &env)
    }

    /// `state x = … fit`: a param `x(0)` that the initial value refers to.
    fn fit_initial(&mut self, index: usize) {
        let value = self.initial_value(index);
        let state = &self.model.states[index];
        let (span, unit) = (state.span, state.unit.clone());
        let name = format!("{}(0)", state.name);
        let bounds = state.bounds.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
        let param = ParamId(id(self.model.params.len()));
        self.model.params.push(Param {
            name,
            unit,
            value,
            bounds,
            scale: Scale::Linear,
            prior: None,
            initial_of: Some(StateId(id(index))),
            span,
        });
        let at = self.model.states[index].initial.span;
        self.model.states[index].initial = Expr { kind: ExprKind::Param(param), span: at };
    }
}

/// Stands for what could not be resolved.
pub(super) fn nothing(span: Span) -> Expr {
    Expr { kind: ExprKind::Number(f64::NAN), span }
}
