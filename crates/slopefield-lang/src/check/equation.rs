//! States and their equations.

use super::Checker;
use super::build::{Built, Slot};
use super::declare::primed;
use super::expression::{Context, Scope};
use super::name::id;
use super::scope::{Kind, StateEntry};
use crate::evaluate::{Env, evaluate, evaluate_vector};
use crate::model::{Expr, ExprKind, Param, ParamId, Scale, State, StateId};
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
                    let known = states.map(|item| item.target.name.text.as_str());
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
                let built = self.scalar(right, &Scope::new(Context::Equation));
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
            let item = self.declared.states[index];
            let name = item.target.name.text.as_str();
            let order = item.target.order;
            let full = primed(name, order);
            let Some(shape) = self.resolution.states[index].shape.clone() else { continue };
            let bounds = self.range(item.bounds);
            let first = self.model.states.len();
            if shape.is_empty() {
                let what = initial_of(item, &full);
                let scope = Scope::new(Context::Before { what: &what, time: true });
                let initial = item.initial.and_then(|e| self.scalar(e, &scope));
                let initial = initial.map_or_else(|| nothing(item.span), |b| b.expr);
                let own = self.equation_of_state(index, &full);
                self.push_state(full, item, initial, bounds, own);
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

    /// Adds a state with its own equation and the reactions that change it.
    pub(super) fn push_state(
        &mut self,
        name: String,
        item: StateEntry<'a>,
        initial: Expr,
        bounds: Option<(f64, f64)>,
        own: Own,
    ) {
        let state = id(self.model.states.len());
        let span = item.span;
        let (own, noise, equation_span) = match own {
            Own::Missing => (Some(nothing(span)), Vec::new(), span),
            Own::Nothing => (None, Vec::new(), span),
            Own::Given(part, at) => (Some(part.rest), part.noise, at),
        };
        let all = self.add_reactions(state, own.clone(), equation_span);
        let derivative = all
            .or_else(|| own.clone())
            .unwrap_or(Expr { kind: ExprKind::Number(0.0), span: equation_span });
        self.model.states.push(State {
            name,
            unit: item.unit.map(|u| u.text.clone()),
            initial,
            bounds,
            positive: item.positive,
            derivative,
            besides_reactions: own.filter(|_| !self.declared.reactions.is_empty()),
            algebraic: item.algebraic,
            noise,
            history: None,
            span,
            equation_span,
        });
    }

    fn equation_of_state(&mut self, index: usize, full: &str) -> Own {
        let item = self.declared.states[index];
        let (name, order, span) = (item.target.name.text.as_str(), item.target.order, item.span);
        let Some(&equation) = self.resolution.equation_of.get(name) else {
            return self.without_equation(index, full);
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
            return Own::Missing;
        }
        if order + 1 < highest {
            return self.next_order(name, order, equation_span);
        }
        let Some(built) = self.right_hand_side(equation, equation_span) else {
            return Own::Missing;
        };
        match self.right_hand(built) {
            Some(part) => Own::Given(part, equation_span),
            None => Own::Missing,
        }
    }

    /// `x' = x'`, the state of the next order.
    fn next_order(&mut self, name: &'a str, order: u32, span: Span) -> Own {
        let next = self.names.derivatives.get(&(name, order + 1)).copied();
        let next = next.map(|next| self.resolution.states[next].first);
        match next {
            Some(next) => {
                Own::Given(Part::new(Expr { kind: ExprKind::State(StateId(next)), span }), span)
            }
            None => Own::Missing,
        }
    }

    /// A state whose equation is not of the form `x' = …`, or that has none.
    fn without_equation(&mut self, index: usize, full: &str) -> Own {
        let item = self.declared.states[index];
        let (name, order, span) = (item.target.name.text.as_str(), item.target.order, item.span);
        if order > 0 && !self.names.table.contains_key(name) {
            let message = format!("`{full}` is declared, but the state `{name}` is not");
            let hint = format!("declare both: `state {name} = …, {full} = …`");
            self.error_hint("unknown-name", span, message, hint);
            return Own::Missing;
        }
        let state = self.resolution.states[index].first;
        if let Some((part, at)) = self.resolution.given.remove(&state) {
            return Own::Given(part, at);
        }
        if order + 1 < self.highest_order(name) && self.declared.implicit.contains(name) {
            return self.next_order(name, order, span);
        }
        let excused = self.declared.excused.contains(&name)
            || matches!(self.names.table.get(name).map(|s| s.kind), Some(Kind::Later(_)));
        if excused || item.algebraic || self.declared.implicit.contains(name) {
            return Own::Missing; // reported
        }
        if self.declared.changed.contains(name) {
            if order > 0 {
                let message = format!(
                    "`{full}` has an initial value, but `{name}` has no equation for `{}`",
                    primed(name, order + 1)
                );
                let hint =
                    format!("remove it, or write the equation for `{}`", primed(name, order + 1));
                self.error_hint("unused-initial", span, message, hint);
                return Own::Missing;
            }
            return Own::Nothing;
        }
        if order == 0 {
            let message = format!("the state `{name}` has no equation");
            let hint = if self.resolution.spare_algebraic {
                format!(
                    "declare it as `algebraic {name} = …`: there is an algebraic equation for it"
                )
            } else {
                format!("add `{name}' = …`, or make it a `param` or `const`")
            };
            self.error_hint("missing-equation", span, message, hint);
        }
        Own::Missing
    }

    fn initial_in_range(&mut self, item: StateEntry<'a>, state: usize) {
        let Some(at) = item.initial.map(|e| e.span) else { return };
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

/// The right-hand side of an equation, with the coefficients of white noise apart.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub rest: Expr,
    pub noise: Vec<(u32, Expr)>,
}

impl Part {
    pub(super) fn new(rest: Expr) -> Part {
        Part { rest, noise: Vec::new() }
    }
}

/// The equation that a state has of its own, and where it stands.
#[derive(Debug, Clone)]
pub(super) enum Own {
    Given(Part, Span),
    /// Reactions and jumps alone change it.
    Nothing,
    /// There is none, which has been reported.
    Missing,
}

/// What the value of a declaration is, for messages.
pub(super) fn initial_of(item: StateEntry<'_>, full: &str) -> String {
    let what = if item.algebraic { "guess for" } else { "initial value of" };
    format!("the {what} `{full}`")
}

/// Stands for what could not be resolved.
pub(super) fn nothing(span: Span) -> Expr {
    Expr { kind: ExprKind::Number(f64::NAN), span }
}
