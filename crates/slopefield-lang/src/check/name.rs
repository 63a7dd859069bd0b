//! Names inside expressions.

use super::Checker;
use super::build::{Built, Slot, Step, Value};
use super::declare::primed;
use super::expression::{Context, Scope};
use super::scope::Kind;
use crate::model::{ExprKind, LetId, ParamId, StateId};
use crate::syntax::{Expression, ExpressionKind as K};
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
            return Some(Value::Scalar(self.copy(local, span)?));
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
            (Kind::Time, _) => ExprKind::Time,
            (Kind::Param(index), _) => ExprKind::Param(ParamId(id(index))),
            (Kind::State(_), Context::Initial(of)) => {
                let message = format!("the initial value of `{of}` depends on the state `{name}`");
                let hint = "initial values may use params and constants; give the shared value a param of its own";
                self.error_hint("initial-uses-state", span, message, hint);
                return None;
            }
            (Kind::State(index), Context::Dynamic) => ExprKind::State(StateId(id(index))),
            (Kind::Let(index), Context::Initial(_)) => return self.inline_let(index, span, scope),
            (Kind::Let(index), Context::Dynamic) => {
                let id = self.named_expression(index, span)?;
                let components = self.model.lets[id.0 as usize].value.len();
                let mut parts =
                    (0..components).map(|c| self.leaf(ExprKind::Let(id, c as u32), span));
                return Some(if components == 1 {
                    Value::Scalar(parts.next()?)
                } else {
                    Value::Vector(parts.collect())
                });
            }
        };
        Some(Value::Scalar(self.leaf(leaf, span)))
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
                self.cycle(&item.name.text, item.name.span);
                None
            }
            Slot::Pending => {
                self.resolution.constants[index] = Slot::Active;
                self.begin(&item.name.text, item.name.span);
                let value = self.fixed_number(&item.value, "a constant");
                self.resolution.active.pop();
                self.resolution.constants[index] = Slot::Done(value);
                value
            }
        }
    }

    /// The id of a named expression, resolved when first needed.
    pub(super) fn named_expression(&mut self, index: usize, at: Span) -> Option<LetId> {
        let (name, value) = (self.declared.lets[index].name, self.declared.lets[index].value);
        let span = self.declared.lets[index].span;
        match self.resolution.lets[index] {
            Slot::Done(id) => id,
            Slot::Active => {
                self.cycle(&name.text, at);
                None
            }
            Slot::Pending => {
                self.resolution.lets[index] = Slot::Active;
                self.begin(&name.text, name.span);
                let scope = Scope { context: Context::Dynamic, locals: &[] };
                let value = self.value(value, &scope);
                self.resolution.active.pop();
                let id = value.map(|value| {
                    let value = match value {
                        Value::Scalar(one) => vec![one.expr],
                        Value::Vector(many) => many.into_iter().map(|b| b.expr).collect(),
                    };
                    let name = name.text.clone();
                    self.model.lets.push(crate::Let { name, value, span });
                    LetId(id(self.model.lets.len() - 1))
                });
                self.resolution.lets[index] = Slot::Done(id);
                id
            }
        }
    }

    /// An initial value may use a named expression that needs no state: it is written out.
    fn inline_let(&mut self, index: usize, at: Span, scope: &Scope<'_, 'a>) -> Option<Value> {
        let (name, value) = (self.declared.lets[index].name, self.declared.lets[index].value);
        if self.resolution.active.iter().any(|step| step.span == name.span) {
            self.cycle(&name.text, at);
            return None;
        }
        self.begin(&name.text, name.span);
        let scope = Scope { context: scope.context, locals: &[] };
        let value = self.value(value, &scope);
        self.resolution.active.pop();
        value
    }

    /// `x'` in an expression: the state of that order, or the right-hand side of its equation.
    pub(super) fn derivative(
        &mut self,
        inner: &'a Expression,
        order: u32,
        span: Span,
        scope: &Scope<'_, 'a>,
    ) -> Option<Built> {
        let K::Name(name) = &inner.kind else {
            if !matches!(inner.kind, K::Missing | K::Index(..)) {
                self.error_hint(
                    "misplaced-prime",
                    span,
                    "only a state has a derivative",
                    "write the derivative of the expression out, or make the expression a state",
                );
            } else if matches!(inner.kind, K::Index(..)) {
                self.not_yet(span, "derivatives of array elements");
            }
            return None;
        };
        let symbol = self.names.table.get_mut(name.as_str());
        match symbol.map(|s| {
            s.used = true;
            s.kind
        }) {
            Some(Kind::State(_)) => {}
            Some(Kind::Later("a noise")) => {
                self.not_yet(span, "stochastic terms (`W'`)");
                return None;
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
        }
        if let Context::Initial(of) = scope.context {
            let message = format!("the initial value of `{of}` depends on the state `{name}`");
            self.error("initial-uses-state", span, message);
            return None;
        }
        if let Context::Constant(what) = scope.context {
            self.error("not-constant", span, format!("{what} must be a number"));
            return None;
        }
        let equation = *self.resolution.equation_of.get(name.as_str())?;
        let highest = self.declared.equations[equation].order;
        if order < highest {
            let state = *self.names.derivatives.get(&(name.as_str(), order))?;
            return Some(self.leaf(ExprKind::State(StateId(id(state))), span));
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
        let built = self.right_hand_side(equation, span)?;
        self.copy(&built, span)
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
