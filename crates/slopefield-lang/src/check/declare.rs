//! First pass: every statement enters its names.

use super::Checker;
use super::scope::{
    EquationItem, FunctionItem, Kind, LetItem, NetworkItem, ObservationItem, Symbol,
};
use crate::functions;
use crate::syntax::{
    Declarator, Expression, ExpressionKind as K, Loop, Name, StateItem, Statement, StatementKind,
};
use crate::{Diagnostic, Span};

impl<'a> Checker<'a> {
    pub(super) fn declare(&mut self, statement: &'a Statement) {
        let span = statement.span;
        match &statement.kind {
            StatementKind::Invalid => {}
            StatementKind::Model(title) => {
                if let Some(first) = self.declared.title {
                    self.report(
                        Diagnostic::error(
                            "duplicate-statement",
                            span,
                            "the model has two titles".into(),
                        )
                        .related(first.span, "the first title"),
                    );
                } else {
                    self.declared.title = Some(statement);
                    self.model.title = Some(title.text.clone());
                }
            }
            StatementKind::Time { name, unit, from } => {
                if let Some((first, _, _)) = self.declared.time {
                    let message = "time is declared twice".into();
                    self.report(
                        Diagnostic::error("duplicate-statement", span, message)
                            .related(first.span, "first declared here"),
                    );
                } else {
                    self.enter(name, Kind::Time);
                    self.declared.time = Some((name, unit.as_ref(), from.as_ref()));
                }
            }
            StatementKind::State(items) => {
                for item in items {
                    let name = item.target.name.span;
                    self.declare_state(item, item_span(span, items.len(), name));
                }
            }
            StatementKind::Param(items) => {
                for item in items {
                    self.no_prime(&item.target);
                    let index = self.declared.params.len();
                    self.enter(&item.target.name, Kind::Param(index));
                    self.declared
                        .params
                        .push((item, item_span(span, items.len(), item.target.name.span)));
                }
            }
            StatementKind::Const(items) => {
                for item in items {
                    self.no_prime(&item.target);
                    let name = &item.target.name;
                    self.enter(name, Kind::Const(self.declared.constants.len()));
                    self.declared.constants.push((item, item_span(span, items.len(), name.span)));
                }
            }
            StatementKind::Let { target, value, .. } => {
                self.no_prime(target);
                self.enter(&target.name, Kind::Let(self.declared.lets.len()));
                self.declared.lets.push(LetItem { target, value, span });
            }
            StatementKind::Function { name, arguments, body } => {
                self.function_arguments(arguments);
                self.enter(name, Kind::Function(self.declared.functions.len()));
                self.declared.functions.push(FunctionItem { name, arguments, body });
            }
            StatementKind::Network { name, kind, options } => {
                self.enter(name, Kind::Network(self.declared.networks.len()));
                self.declared.networks.push(NetworkItem { name, kind, options, span });
            }
            StatementKind::Observe { target, value, unit, noise } => {
                self.no_prime(target);
                self.enter(&target.name, Kind::Observation);
                self.declared.observations.push(ObservationItem {
                    target,
                    value,
                    unit: unit.as_ref(),
                    noise: noise.as_ref(),
                    span,
                });
            }
            StatementKind::Algebraic { target, .. } => {
                self.enter(&target.name, Kind::Later("an algebraic variable"));
                self.not_yet(span, "algebraic variables (`algebraic`)");
            }
            StatementKind::Input { name, .. } => {
                self.enter(name, Kind::Later("an input"));
                self.not_yet(span, "forcing signals (`input`)");
            }
            StatementKind::History { .. } => self.not_yet(span, "delays (`history`)"),
            StatementKind::Noise { name, .. } => {
                self.enter(name, Kind::Later("a noise"));
                self.not_yet(span, "stochastic equations (`noise`)");
            }
            StatementKind::Hamiltonian { name, arguments, .. } => {
                self.function_arguments(arguments);
                self.enter(name, Kind::Later("a Hamiltonian"));
                self.not_yet(span, "Hamiltonian systems (`hamiltonian`)");
            }
            StatementKind::Reaction { name, left, right, .. } => {
                self.enter(name, Kind::Later("a reaction"));
                self.not_yet(span, "reactions (`reaction`)");
                let species = left.iter().chain(right);
                self.declared.equations_later.extend(species.map(|s| s.name.text.as_str()));
            }
            StatementKind::When { .. } => self.not_yet(span, "events (`when`)"),
            StatementKind::At { .. } => self.not_yet(span, "events (`at`)"),
            StatementKind::Every { .. } => self.not_yet(span, "events (`every`)"),
            StatementKind::Jump { .. } => self.not_yet(span, "jump processes (`jump`)"),
            StatementKind::Stop { .. } => self.not_yet(span, "events (`stop when`)"),
            StatementKind::Equation { left, right, loops } => {
                self.declare_equation(left, right, loops, span);
            }
        }
    }

    /// Adds a name unless it is taken.
    pub(super) fn enter(&mut self, name: &'a Name, kind: Kind) {
        let text = name.text.as_str();
        if text.is_empty() {
            return; // reported by the parser
        }
        let callable = matches!(kind, Kind::Function(_) | Kind::Network(_));
        if callable && functions::find(text).is_some() {
            let message = format!("`{text}` is a function of the language");
            self.error_hint("name-taken", name.span, message, "choose another name");
        }
        if let Some((_, value)) = functions::CONSTANTS.iter().find(|(c, _)| *c == text) {
            if text == "e" {
                let message = "`e` now means this and no longer Euler's number".to_owned();
                self.report(
                    Diagnostic::note("hides-constant", name.span, message)
                        .hint("write `exp(1)` where Euler's number is meant"),
                );
            } else {
                let message = format!("`{text}` is the number {value}");
                self.error_hint("name-taken", name.span, message, "choose another name");
            }
        }
        if let Some(first) = self.names.table.get(text).copied() {
            let message = format!("`{text}` is declared twice");
            let mut diagnostic = Diagnostic::error("duplicate-name", name.span, message)
                .related(first.span, format!("first declared here, as {}", first.kind.article()));
            diagnostic.hint = Some(if kind == Kind::Observation {
                format!("a measured quantity has a name of its own, such as `{text}_data`")
            } else {
                "every name is declared once; choose another name".into()
            });
            self.report(diagnostic);
            return;
        }
        self.names.table.insert(text, Symbol { kind, span: name.span, used: false });
    }

    /// Reports primes where only a state may have them.
    fn no_prime(&mut self, target: &Declarator) {
        if target.order > 0 {
            let message = format!("`{}'` cannot be declared here", target.name.text);
            self.error_hint(
                "misplaced-prime",
                target.name.span,
                message,
                "only a state has a derivative, as in `state x = 1, x' = 0`",
            );
        }
    }

    fn declare_state(&mut self, item: &'a StateItem, span: Span) {
        let name = &item.target.name;
        if name.text.is_empty() {
            return; // reported by the parser; states are numbered without it
        }
        let index = self.declared.states.len();
        let order = item.target.order;
        if order == 0 {
            self.enter(name, Kind::State(index));
        } else if let Some(&first) = self.names.derivatives.get(&(name.text.as_str(), order)) {
            let primed = primed(&name.text, order);
            let first = self.declared.states[first].0.target.name.span;
            self.report(
                Diagnostic::error(
                    "duplicate-name",
                    name.span,
                    format!("the initial value of `{primed}` is given twice"),
                )
                .related(first, "first given here"),
            );
            return;
        } else {
            self.names.derivatives.insert((name.text.as_str(), order), index);
        }
        self.declared.states.push((item, span));
    }

    fn function_arguments(&mut self, arguments: &'a [Name]) {
        for (i, argument) in arguments.iter().enumerate() {
            if let Some(first) = arguments[..i].iter().find(|a| a.text == argument.text)
                && !argument.text.is_empty()
            {
                let message = format!("the argument `{}` appears twice", argument.text);
                self.report(
                    Diagnostic::error("duplicate-name", argument.span, message)
                        .related(first.span, "first here"),
                );
            }
        }
    }

    fn declare_equation(
        &mut self,
        left: &'a Expression,
        right: &'a Expression,
        loops: &'a [Loop],
        span: Span,
    ) {
        let looped = !loops.is_empty();
        if let K::Derivative(inner, order) = &left.kind {
            let (named, indices) = match &inner.kind {
                K::Index(base, indices) => (&**base, Some(indices.as_slice())),
                _ => (&**inner, None),
            };
            if let K::Name(name) = &named.kind
                && (indices.is_some() || !looped)
            {
                let (order, left_span) = (*order, left.span);
                let item = EquationItem { name, order, indices, loops, right, left_span, span };
                self.declared.equations.push(item);
                return;
            }
        }
        let mut differentiated = Vec::new();
        left.walk(&mut |e| {
            if let K::Derivative(inner, _) = &e.kind {
                inner.walk(&mut |e| {
                    if let K::Name(name) = &e.kind {
                        differentiated.push(name.as_str());
                    }
                });
            }
        });
        match &left.kind {
            K::Missing => {}
            K::Derivative(inner, order) if looped && matches!(inner.kind, K::Name(_)) => {
                let K::Name(name) = &inner.kind else { return };
                let left_shown = primed(name, *order);
                let message = format!("the loop has an index, but `{left_shown}` uses none");
                let (index, primes) = (&loops[0].index.text, "'".repeat(*order as usize));
                let hint = format!(
                    "write `{name}[{index}]{primes} = …`, or leave the `for` away: `{left_shown} = …` \
                     sets every element"
                );
                self.error_hint("not-an-equation", left.span, message, hint);
            }
            K::Name(name) => {
                let message = format!("`{name} = …` is no equation");
                let hint = format!(
                    "write `{name}' = …` for a state, `let {name} = …` for a named expression"
                );
                self.error_hint("not-an-equation", left.span, message, hint);
            }
            K::Call(name, arguments) if !looped => {
                let message = format!("`{}(…) = …` is no equation", name.text);
                let arguments: Vec<_> = arguments
                    .iter()
                    .map(|a| match &a.kind {
                        K::Name(n) => n.as_str(),
                        _ => "…",
                    })
                    .collect();
                let hint = format!(
                    "a function is declared as `function {}({}) = …`",
                    name.text,
                    arguments.join(", ")
                );
                self.error_hint("not-an-equation", left.span, message, hint);
            }
            _ if differentiated.is_empty() => {
                self.not_yet(span, "algebraic equations (`0 = …`)");
            }
            _ => self.not_yet(span, "equations with a mass matrix (`a' + b' = …`)"),
        }
        self.declared.equations_later.extend(differentiated);
    }
}

/// The name with its primes.
pub(super) fn primed(name: &str, order: u32) -> String {
    let mut text = name.to_owned();
    text.extend(std::iter::repeat_n('\'', order as usize));
    text
}

/// One of several items of a statement is its name, a lone one the whole statement.
fn item_span(statement: Span, items: usize, name: Span) -> Span {
    if items == 1 { statement } else { name }
}
