//! Names inside expressions.

use super::Checker;
use super::array::{ArrayOf, ArrayRef, Elements};
use super::build::{Built, Slot, Step, Value};
use super::declare::primed;
use super::expression::{Context, Scope};
use super::lanes::one_element;
use super::scope::{Kind, Placed, elements};
use super::symbols::{SLOPES, has_symbols, has_symbols_in};
use crate::model::{Array, ArrayElements, ExprKind, LetId, Source, StateId};
use crate::syntax::{Declarator, Expression, ExpressionKind as K};
use crate::{Span, functions, suggest};

pub(super) fn id(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

impl<'a> Checker<'a> {
    /// What a name means where it stands. `None` when that has been reported.
    pub(super) fn name(
        &mut self,
        name: &'a str,
        span: Span,
        scope: &Scope<'_, 'a>,
    ) -> Option<Value> {
        if let Some((_, local)) = scope.locals.iter().find(|(n, _)| *n == name) {
            return self.copy_value(local, span);
        }
        let Some(symbol) = self.names.table.get_mut(name) else {
            return self.builtin_constant(name, span, scope);
        };
        symbol.used = true;
        let kind = symbol.kind;
        let leaf = match (kind, scope.context) {
            (Kind::Later(_), _) => return None,
            (Kind::Const(index), _) => {
                let value = self.constant(index)?;
                if let Some(array) = self.resolution.constant_arrays.get(&index) {
                    return Some(Value::Array(array.clone()));
                }
                return Some(Value::Scalar(self.number(value, span)));
            }
            (Kind::Function(_) | Kind::Network(_), _) => {
                let message = format!("`{name}` is {}; it needs arguments", kind.article());
                self.error_hint("missing-arguments", span, message, format!("write `{name}(…)`"));
                return None;
            }
            (Kind::Observation, _) => {
                let message =
                    format!("`{name}` is an observation and cannot be used in expressions");
                let hint = "use what it observes, or give that a name with `let`";
                self.error_hint("observation-used", span, message, hint);
                return None;
            }
            (_, Context::Constant(what)) => {
                let message =
                    format!("{what} must be a number, but `{name}` is {}", kind.article());
                self.error_hint(
                    "not-constant",
                    span,
                    message,
                    "only `const` names and numbers can stand here",
                );
                return None;
            }
            (Kind::Reaction | Kind::Noise(_), _) => {
                let message = format!("`{name}` is {} and has no value", kind.article());
                let hint = match kind {
                    Kind::Noise(_) => format!("the white noise of a Wiener process is `{name}'`"),
                    _ => "give its rate a name with `let`".to_owned(),
                };
                self.error_hint("no-value", span, message, hint);
                return None;
            }
            (Kind::Time, Context::Before { what, time: false }) => {
                let message = format!("{what} depends on time");
                let hint = "it may use params and constants";
                self.error_hint("depends-on-state", span, message, hint);
                return None;
            }
            (Kind::Time, _) => ExprKind::Time,
            (Kind::Param(index), _) => {
                let placed = self.resolution.params[index].clone();
                return self.placed_value(Source::Params, &placed, span);
            }
            (Kind::State(_), Context::Before { what, time }) => {
                self.uses_state(what, time, name, span);
                return None;
            }
            (Kind::State(index), _) => {
                let placed = self.resolution.states[index].clone();
                return self.placed_value(Source::States, &placed, span);
            }
            (Kind::Input(_), Context::Before { what, .. }) => {
                let message = format!("{what} cannot use the input `{name}`");
                let hint = "inputs stand in equations, events and observations; \
                            what holds before them uses params and constants";
                self.error_hint("misplaced-input", span, message, hint);
                return None;
            }
            (Kind::Input(index), _) => {
                ExprKind::State(StateId(self.resolution.state_count + id(index)))
            }
            (Kind::Let(index), Context::Before { .. }) => {
                return self.inline_let(index, span, scope);
            }
            (Kind::Let(index), context) => {
                let id = self.named_expression(index, span);
                if self.resolution.noisy.contains(&index) {
                    if matches!(context, Context::Equation | Context::Implicit) {
                        return self.inline_let(index, span, scope);
                    }
                    let message = format!("`{name}` contains white noise, which cannot stand here");
                    let hint = "white noise stands only in the equations of states";
                    self.error_hint("misplaced-noise", span, message, hint);
                    return None;
                }
                let id = id?;
                let components = self.model.lets[id.0 as usize].value.len();
                let shape = self.resolution.let_shapes.get(&index).cloned();
                return Some(match shape {
                    Some(shape) => {
                        Value::Array(ArrayRef { of: ArrayOf::Elements(Source::Let(id), 0), shape })
                    }
                    None if components == 1 => Value::Scalar(self.leaf(ExprKind::Let(id, 0), span)),
                    None => Value::Array(ArrayRef::outputs(Source::Let(id), components)),
                });
            }
        };
        Some(Value::Scalar(self.leaf(leaf, span)))
    }

    pub(super) fn placed_value(
        &mut self,
        source: Source,
        placed: &Placed,
        span: Span,
    ) -> Option<Value> {
        let shape = placed.shape.clone()?;
        Some(if shape.is_empty() {
            Value::Scalar(self.leaf(one_element(source, placed.first), span))
        } else {
            Value::Array(ArrayRef { of: ArrayOf::Elements(source, placed.first), shape })
        })
    }

    fn builtin_constant(&mut self, name: &str, span: Span, scope: &Scope<'_, 'a>) -> Option<Value> {
        let found = functions::CONSTANTS.iter().find(|(n, _)| *n == name);
        if let Some(&(_, value)) = found
            && (value.is_finite() || matches!(scope.context, Context::Constant("a bound")))
        {
            return Some(Value::Scalar(self.number(value, span)));
        }
        // Time need not be declared.
        if name == "t" && self.declared.time.is_none() {
            if let Context::Constant(what) = scope.context {
                let message = format!("{what} must be a number, but `t` is time");
                self.error("not-constant", span, message);
                return None;
            }
            if let Context::Before { what, time: false } = scope.context {
                let message = format!("{what} depends on time");
                let hint = "it may use params and constants";
                self.error_hint("depends-on-state", span, message, hint);
                return None;
            }
            return Some(Value::Scalar(self.leaf(ExprKind::Time, span)));
        }
        if self.diagnostics.len() > super::MAX_DIAGNOSTICS {
            // Nobody will read the hint, and looking for it takes time.
            self.error("unknown-name", span, format!("`{name}` is not declared"));
            return None;
        }
        let known = self.names.table.keys().copied();
        let known = known.chain(scope.locals.iter().map(|(n, _)| *n)).chain(["pi", "e"]);
        let hint = if found.is_some() {
            Some("infinity can only be a bound of a param or state".to_owned())
        } else if functions::find(name).is_some() {
            Some(format!("`{name}` is a function: write `{name}(…)`"))
        } else if name == "t" {
            let declared = self.declared.time.map_or("t", |(n, _, _)| n.text.as_str());
            Some(format!("time is called `{declared}` in this model"))
        } else {
            suggest::did_you_mean(name, known)
        };
        let hint = hint.unwrap_or_else(|| {
            format!("declare it, for instance as `param {name} = 1` or `let {name} = …`")
        });
        self.error_hint("unknown-name", span, format!("`{name}` is not declared"), hint);
        None
    }

    /// The value of a constant, resolved when first needed.
    pub(super) fn constant(&mut self, index: usize) -> Option<f64> {
        let (item, _) = self.declared.constants[index];
        match self.resolution.constants[index] {
            Slot::Done(value) => value,
            Slot::Active => {
                self.cycle(&item.target.name.text, item.target.name.span);
                None
            }
            Slot::Pending => {
                self.resolution.constants[index] = Slot::Active;
                self.begin(&item.target.name.text, item.target.name.span);
                let list = matches!(item.value.kind, K::List(_));
                let value = if list || !item.target.dimensions.is_empty() {
                    self.constant_array(&item.target, &item.value).map(|array| {
                        self.resolution.constant_arrays.insert(index, array);
                        f64::NAN
                    })
                } else {
                    self.fixed_number(&item.value, "a constant")
                };
                self.resolution.active.pop();
                self.resolution.constants[index] = Slot::Done(value);
                value
            }
        }
    }

    /// The id of a named expression, resolved when first needed.
    pub(super) fn named_expression(&mut self, index: usize, at: Span) -> Option<LetId> {
        let item = &self.declared.lets[index];
        let (target, value, span) = (item.target, item.value, item.span);
        let name = &target.name;
        match self.resolution.lets[index] {
            Slot::Done(id) => id,
            Slot::Active => {
                self.cycle(&name.text, at);
                None
            }
            Slot::Pending => {
                let value_span = value.span;
                self.resolution.lets[index] = Slot::Active;
                self.begin(&name.text, name.span);
                let value = self.let_value(index, target, value, Context::Equation);
                self.resolution.active.pop();
                if value.as_ref().is_some_and(has_symbols) {
                    // White noise has no value of its own: the equations that use it write it out.
                    self.resolution.noisy.insert(index);
                    self.resolution.lets[index] = Slot::Done(None);
                    return None;
                }
                let id = value.map(|value| {
                    let value = match value {
                        Value::Scalar(one) => vec![one.expr],
                        Value::Vector(many) => many.into_iter().map(|b| b.expr).collect(),
                        Value::Array(array) => {
                            let all = self.all_elements(&array, value_span);
                            all.into_iter().map(|b| b.expr).collect()
                        }
                    };
                    let id = LetId(id(self.model.lets.len()));
                    if let Some(shape) = self.resolution.let_shapes.get(&index) {
                        let (name, dimensions) = (name.text.clone(), shape.to_vec());
                        let elements = ArrayElements::Let(id);
                        self.model.arrays.push(Array { name, dimensions, elements });
                    }
                    self.note_let(&value);
                    self.model.lets.push(crate::Let { name: name.text.clone(), value, span });
                    id
                });
                self.resolution.lets[index] = Slot::Done(id);
                id
            }
        }
    }

    /// An initial value may use a named expression that needs no state: it is written out.
    fn inline_let(&mut self, index: usize, at: Span, scope: &Scope<'_, 'a>) -> Option<Value> {
        let item = &self.declared.lets[index];
        let (target, value) = (item.target, item.value);
        let name = &target.name;
        if self.resolution.active.iter().any(|step| step.span == name.span) {
            self.cycle(&name.text, at);
            return None;
        }
        self.begin(&name.text, name.span);
        let value = self.let_value(index, target, value, scope.context);
        self.resolution.active.pop();
        value
    }

    /// The value of a named expression; of an array, its elements are those of a vector.
    fn let_value(
        &mut self,
        index: usize,
        target: &'a Declarator,
        value: &'a Expression,
        context: Context<'_>,
    ) -> Option<Value> {
        if target.dimensions.is_empty() {
            return self.value(value, &Scope::new(context));
        }
        let shape = match self.resolution.let_shapes.get(&index) {
            Some(shape) => shape.clone(),
            None => {
                let shape = self.shape(target)?;
                self.resolution.let_shapes.insert(index, shape.clone());
                shape
            }
        };
        match self.array_value(target, &shape, value, context)? {
            Elements::Each(list) => Some(Value::Vector(list)),
            Elements::Lanes(built) => match built.lane_table() {
                Some(list) => {
                    Some(Value::Array(ArrayRef { of: ArrayOf::Numbers(list.into()), shape }))
                }
                None => {
                    let span = built.expr.span;
                    if self.misplaced_symbol(&built.expr, "a named array") {
                        return None;
                    }
                    let vector = self.each(built, elements(&shape), span);
                    let of = ArrayOf::Elements(Source::Vector(vector), 0);
                    Some(Value::Array(ArrayRef { of, shape }))
                }
            },
        }
    }

    /// `x'` in an expression: the state of that order, or the right-hand side of its equation.
    pub(super) fn derivative(
        &mut self,
        inner: &'a Expression,
        order: u32,
        span: Span,
        scope: &Scope<'_, 'a>,
    ) -> Option<Built> {
        let (named, indices) = match &inner.kind {
            K::Index(base, indices) => (&**base, Some(indices.as_slice())),
            _ => (inner, None),
        };
        let K::Name(name) = &named.kind else {
            if !matches!(named.kind, K::Missing) {
                self.error_hint(
                    "misplaced-prime",
                    span,
                    "only a state has a derivative",
                    "write the derivative of the expression out, or make the expression a state",
                );
            }
            return None;
        };
        let symbol = self.names.table.get_mut(name.as_str());
        let index = match symbol.map(|s| {
            s.used = true;
            s.kind
        }) {
            Some(Kind::State(index)) => index,
            Some(Kind::Noise(index)) => {
                return self.white_noise(index, (name, order), indices, span, scope);
            }
            Some(Kind::Later(_)) => return None,
            Some(kind) => {
                let message = format!("`{name}` is {} and has no derivative", kind.article());
                self.error_hint("misplaced-prime", span, message, "only a state has a derivative");
                return None;
            }
            None => {
                self.name(name, inner.span, scope);
                return None;
            }
        };
        match scope.context {
            Context::Before { what, time } => {
                self.uses_state(what, time, name, span);
                return None;
            }
            Context::Constant(what) => {
                self.error("not-constant", span, format!("{what} must be a number"));
                return None;
            }
            _ => {}
        }
        if self.declared.states[index].algebraic {
            let message = format!("`{name}` is algebraic: its derivative is not known");
            let hint = format!("declare it as `state {name} = …` with an equation `{name}' = …`");
            self.error_hint("misplaced-prime", span, message, hint);
            return None;
        }
        let equation = self.resolution.equation_of.get(name.as_str()).copied();
        let highest = self.highest_order(name);
        if order < highest {
            let state = *self.names.derivatives.get(&(name.as_str(), order))?;
            let placed = self.resolution.states[state].clone();
            let value = self.placed_value(Source::States, &placed, span)?;
            return self.derivative_element(name, value, indices, span, scope);
        }
        if order > highest {
            let message = format!(
                "`{}` is a higher derivative than the equation of `{name}` gives",
                primed(name, order)
            );
            let hint = format!("the equation gives `{}`", primed(name, highest));
            self.error_hint("misplaced-prime", span, message, hint);
            return None;
        }
        if scope.delayed || scope.context == Context::Implicit {
            // The slope of a state, as a symbol of its own.
            let state = if order == 1 {
                index
            } else {
                *self.names.derivatives.get(&(name.as_str(), order - 1))?
            };
            let Placed { first, shape } = self.resolution.states[state].clone();
            let placed = Placed { first: first + SLOPES, shape };
            let value = self.placed_value(Source::States, &placed, span)?;
            return self.derivative_element(name, value, indices, span, scope);
        }
        if equation.is_none() && self.declared.implicit.contains(name.as_str()) {
            let shown = primed(name, order);
            let message = format!(
                "`{shown}` is not known by itself: its equation is not of the form `{shown} = …`"
            );
            let hint = format!("write what it stands for, or solve the equation for `{shown}`");
            self.error_hint("misplaced-prime", span, message, hint);
            return None;
        }
        let Some(equation) = equation else {
            let changed = self.declared.changed.contains(name.as_str());
            if self.resolution.covered.contains_key(name.as_str()) {
                return self.array_slope(name, index, indices, span, scope);
            }
            if changed {
                return self.reaction_slope(name, span);
            }
            return None; // its missing equation is reported
        };
        let own = self.right_hand_side(equation, span)?;
        let own = self.copy(&own, span)?;
        let built = self.with_reactions(name, Some(own), span)?;
        if matches!(scope.context, Context::Dynamic) && has_symbols_in(&built.expr) {
            let message =
                format!("`{}` contains white noise, which cannot stand here", primed(name, order));
            let hint = "white noise stands only in the equations of states";
            self.error_hint("misplaced-noise", span, message, hint);
            return None;
        }
        Some(built)
    }

    /// The number of primes that the equation of a state gives.
    pub(super) fn highest_order(&self, name: &str) -> u32 {
        let covered = self.resolution.covered.get(name).map(|c| c.order);
        let equation = self.resolution.equation_of.get(name);
        covered.or(equation.map(|e| self.declared.equations[*e].order)).unwrap_or_else(|| {
            let mut order = 1;
            while self.names.derivatives.contains_key(&(name, order)) {
                order += 1;
            }
            order
        })
    }

    /// `x[i]'`, or `x'` of one number.
    pub(super) fn derivative_element(
        &mut self,
        name: &str,
        value: Value,
        indices: Option<&'a [Expression]>,
        span: Span,
        scope: &Scope<'_, 'a>,
    ) -> Option<Built> {
        match (value, indices) {
            (Value::Scalar(built), None) => Some(built),
            (Value::Array(array), Some(indices)) => {
                let table = self.places(&array.shape, name, indices, span, scope)?;
                self.chosen(&array, table, span)
            }
            (Value::Array(array), None) => {
                if let Some(built) = self.element_of_whole(&array, span, scope) {
                    return Some(built);
                }
                let message = format!("`{name}` is an array of {} elements", array.len());
                let hint = format!("choose one: `{name}[1]'`");
                self.error_hint("vector-as-scalar", span, message, hint);
                None
            }
            _ => {
                let message = format!("`{name}` has no elements to choose from");
                self.error("index-of-scalar", span, message);
                None
            }
        }
    }

    /// Reports a state where none can be.
    fn uses_state(&mut self, what: &str, time: bool, name: &str, span: Span) {
        let message = format!("{what} depends on the state `{name}`");
        if time {
            let hint = "initial values may use params and constants; give the shared value a param of its own";
            self.error_hint("initial-uses-state", span, message, hint);
        } else {
            let hint = "it may use params and constants";
            self.error_hint("depends-on-state", span, message, hint);
        }
    }

    pub(super) fn begin(&mut self, name: &str, span: Span) {
        self.resolution.active.push(Step { name: name.to_owned(), span });
    }

    /// Reports that `name`, which is being resolved, needs itself.
    pub(super) fn cycle(&mut self, name: &str, at: Span) {
        let active = &self.resolution.active;
        let start = active.iter().rposition(|s| s.name == name).unwrap_or(0);
        let mut path: Vec<&str> = active[start..].iter().map(|s| s.name.as_str()).collect();
        if path.len() > 8 {
            path.truncate(8);
            path.push("…");
        }
        path.push(name);
        let first = active.get(start).map_or(at, |s| s.span);
        let message = format!("`{name}` is defined by itself: {}", path.join(" → "));
        self.report(
            crate::Diagnostic::error("cycle", at, message)
                .hint("break the circle; what changes over time by itself is a `state`")
                .related(first, "the circle starts here"),
        );
    }
}
