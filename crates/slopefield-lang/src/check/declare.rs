//! First pass: every statement enters its names.

use super::Checker;
use super::scope::{
    EquationItem, EventItem, FunctionItem, GeneralItem, HamiltonianItem, HistoryItem, InputItem,
    Kind, LetItem, NetworkItem, NoiseItem, ObservationItem, ReactionItem, StateEntry, Symbol, When,
};
use crate::functions;
use crate::syntax::{
    Assignment, Declarator, Expression, ExpressionKind as K, Loop, Name, Statement, StatementKind,
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
                    self.declare_state(StateEntry {
                        target: &item.target,
                        initial: item.initial.as_ref(),
                        unit: item.unit.as_ref(),
                        bounds: item.bounds.as_ref(),
                        positive: item.positive,
                        fit: item.fit,
                        algebraic: false,
                        span: item_span(span, items.len(), name),
                    });
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
            StatementKind::Algebraic { target, guess, unit } => {
                self.no_prime(target);
                self.declare_state(StateEntry {
                    target,
                    initial: Some(guess),
                    unit: unit.as_ref(),
                    bounds: None,
                    positive: false,
                    fit: false,
                    algebraic: true,
                    span,
                });
            }
            StatementKind::Input { name, column, interpolation, unit } => {
                if name.text.is_empty() {
                    return; // reported by the parser
                }
                self.enter(name, Kind::Input(self.declared.inputs.len()));
                let (interpolation, unit) = (interpolation.as_ref(), unit.as_ref());
                self.declared.inputs.push(InputItem { name, column, interpolation, unit, span });
            }
            StatementKind::History { target, value } => {
                self.declared.histories.push(HistoryItem { target, value, span });
            }
            StatementKind::Noise { target, stratonovich, correlated } => {
                self.no_prime(target);
                self.enter(&target.name, Kind::Noise(self.declared.noises.len()));
                self.declared.noises.push(NoiseItem {
                    target,
                    stratonovich: *stratonovich,
                    correlated: correlated.as_ref(),
                    span,
                });
            }
            StatementKind::Hamiltonian { name, arguments, body } => {
                self.function_arguments(arguments);
                // It can be called: the energy may be observed.
                self.enter(name, Kind::Function(self.declared.functions.len()));
                if let Some(symbol) = self.names.table.get_mut(name.text.as_str()) {
                    symbol.used = true;
                }
                self.declared.functions.push(FunctionItem { name, arguments, body });
                self.declared.hamiltonians.push(HamiltonianItem { name, arguments, body, span });
                self.declared.changed.extend(arguments.iter().map(|a| a.text.as_str()));
            }
            StatementKind::Reaction { name, left, right, rates, .. } => {
                self.enter(name, Kind::Reaction);
                let species = left.iter().chain(right);
                self.declared.changed.extend(species.map(|s| s.name.text.as_str()));
                self.declared.reactions.push(ReactionItem { name, left, right, rates, span });
            }
            StatementKind::When { expression, level, direction, assignments } => {
                let direction = *direction;
                self.declare_event(
                    When::Crossing { expression, level, direction },
                    assignments,
                    span,
                );
            }
            StatementKind::Stop { expression, level, direction } => {
                let when = When::Crossing { expression, level, direction: *direction };
                let event = EventItem { when, assignments: &[], stop: true, span };
                self.declared.events.push(event);
            }
            StatementKind::At { times, assignments } => {
                self.declare_event(When::At(times), assignments, span);
            }
            StatementKind::Every { period, from, count, assignments } => {
                let (from, count) = (from.as_ref(), count.as_ref());
                self.declare_event(When::Every { period, from, count }, assignments, span);
            }
            StatementKind::Jump { rate, bound, lasting, assignments } => {
                for assignment in assignments {
                    assignment.target.walk(&mut |e| {
                        if let K::Name(name) = &e.kind {
                            self.declared.changed.insert(name);
                        }
                    });
                }
                let (bound, lasting) = (bound.as_ref(), lasting.as_ref());
                self.declare_event(When::Jump { rate, bound, lasting }, assignments, span);
            }
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

    fn declare_event(&mut self, when: When<'a>, assignments: &'a [Assignment], span: Span) {
        self.declared.events.push(EventItem { when, assignments, stop: false, span });
    }

    fn declare_state(&mut self, item: StateEntry<'a>) {
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
            let first = self.declared.states[first].target.name.span;
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
        self.declared.states.push(item);
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
        left.walk(&mut |e| primed_names(e, &mut differentiated));
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
            K::Call(name, arguments) if !looped && functions::find(&name.text).is_none() => {
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
            _ => {
                right.walk(&mut |e| primed_names(e, &mut differentiated));
                self.declared.implicit.extend(differentiated);
                self.declared.general.push(GeneralItem { left, right, loops, span });
                return;
            }
        }
        self.declared.excused.extend(differentiated);
    }
}

/// The name under the primes of an expression.
fn primed_names<'a>(e: &'a Expression, names: &mut Vec<&'a str>) {
    if let K::Derivative(inner, _) = &e.kind {
        let base = match &inner.kind {
            K::Index(base, _) => base,
            _ => inner,
        };
        if let K::Name(name) = &base.kind {
            names.push(name);
        }
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
