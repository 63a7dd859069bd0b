//! Where a network stands in a model text.

use slopefield_lang::syntax::{
    Assignment, Document, Expression, ExpressionKind as K, Statement, StatementKind as S,
};
use slopefield_lang::{Binary, Model, Network, Span, Unary, expression_text};

/// A place where a network is applied.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Use {
    /// What stands there.
    pub(crate) place: Place,
    /// What it is applied to.
    pub(crate) arguments: Vec<Argument>,
}

/// How the outputs of a network are taken where it is applied.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Place {
    /// One of its outputs, from 0; the span holds the index too.
    Output(Span, usize),
    /// All of them are the value of `let z = n(…)`; the spans of `z` and of the value.
    Named(Span, Span),
    /// All of them, in another way.
    Whole(Span),
}

/// An argument, taken apart into a quantity and a constant factor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Argument {
    /// The whole of it.
    pub(crate) whole: Span,
    /// The quantity,
    pub(crate) quantity: Span,
    /// and its factor.
    pub(crate) factor: f64,
}

/// All places where a network is applied, in the order of the text.
pub(crate) fn uses(document: &Document, model: &Model, network: &Network) -> Vec<Use> {
    let mut found = Vec::new();
    for statement in document.statements() {
        let shadowed: Vec<&str> = match &statement.kind {
            S::Function { arguments, .. } => arguments.iter().map(|a| a.text.as_str()).collect(),
            _ => Vec::new(),
        };
        let constant = |name: &str| {
            let known = model.constants.iter().find(|c| c.name == name);
            known.filter(|_| !shadowed.contains(&name)).map(|c| c.value)
        };
        let argument = |e: &Expression| {
            let (quantity, factor) = apart(e, &constant);
            Argument { whole: e.span, quantity: quantity.span, factor }
        };
        let applied = |e: &Expression| match &e.kind {
            K::Call(name, list) if name.text == network.name => {
                Some(list.iter().map(argument).collect::<Vec<_>>())
            }
            _ => None,
        };
        // Calls that have been seen as a part of what takes one of their outputs.
        let mut inside: Vec<Span> = Vec::new();
        for root in expressions(statement) {
            root.walk(&mut |e| {
                if let K::Index(of, index) = &e.kind
                    && let (Some(arguments), [index]) = (applied(of), index.as_slice())
                    && let Some(k) = folded(index, &constant)
                    && k.fract() == 0.0
                    && (1.0..=f64::from(network.outputs)).contains(&k)
                {
                    inside.push(of.span);
                    found.push(Use { place: Place::Output(e.span, k as usize - 1), arguments });
                } else if let Some(arguments) = applied(e)
                    && !inside.contains(&e.span)
                {
                    let place = match &statement.kind {
                        _ if network.outputs == 1 => Place::Output(e.span, 0),
                        S::Let { target, value, .. }
                            if value.span == e.span && target.dimensions.is_empty() =>
                        {
                            Place::Named(target.name.span, e.span)
                        }
                        _ => Place::Whole(e.span),
                    };
                    found.push(Use { place, arguments });
                }
            });
        }
    }
    found
}

/// The factor of each input, where all places have the same; none where arguments stand for
/// several inputs or differ.
pub(crate) fn factors(uses: &[Use], inputs: usize) -> Vec<Option<f64>> {
    let one = |i: usize| {
        let mut factors = uses.iter().map(|u| {
            (u.arguments.len() == inputs).then(|| u.arguments.get(i).map(|a| a.factor)).flatten()
        });
        let first = factors.next().flatten()?;
        factors.all(|f| f == Some(first)).then_some(first)
    };
    (0..inputs).map(one).collect()
}

/// What an input is called: its quantity where the first place has one, and the whole argument
/// where factors differ.
pub(crate) fn name(uses: &[Use], input: usize, common: bool, text: &str) -> String {
    let of_several = || format!("input {}", input + 1);
    let Some(first) = uses.first() else { return of_several() };
    let Some(argument) = first.arguments.get(input).filter(|_| {
        // Of an array as the only argument no part is named.
        common || first.arguments.len() > 1
    }) else {
        return of_several();
    };
    let span = if common { argument.quantity } else { argument.whole };
    bare(&plain(expression_text(text, span))).to_owned()
}

/// An expression without brackets around all of it.
pub(crate) fn bare(text: &str) -> &str {
    let Some(inner) = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')) else { return text };
    let mut depth = 0;
    for c in inner.chars() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => return text,
            ')' => depth -= 1,
            _ => {}
        }
    }
    bare(inner.trim())
}

/// A part of a text as one line without comments.
pub(crate) fn plain(text: &str) -> String {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or(""));
    lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

/// All expressions of a statement in which a network may stand.
fn expressions(statement: &Statement) -> Vec<&Expression> {
    fn changes(assignments: &[Assignment]) -> impl Iterator<Item = &Expression> {
        assignments.iter().map(|a| &a.value)
    }
    match &statement.kind {
        S::State(items) => items.iter().filter_map(|item| item.initial.as_ref()).collect(),
        S::Algebraic { guess, .. } => vec![guess],
        S::Let { value, .. } | S::History { value, .. } => vec![value],
        S::Function { body, .. } | S::Hamiltonian { body, .. } => vec![body],
        S::Observe { value, noise, .. } => {
            let arguments = noise.iter().flat_map(|n| &n.arguments);
            std::iter::once(value).chain(arguments).collect()
        }
        S::Reaction { rates, .. } => rates.iter().collect(),
        S::When { expression, level, assignments, .. } => {
            [expression, level].into_iter().chain(changes(assignments)).collect()
        }
        S::At { assignments, .. } | S::Every { assignments, .. } => changes(assignments).collect(),
        S::Jump { rate, bound, lasting, assignments } => {
            let ahead = std::iter::once(rate).chain(bound).chain(lasting);
            ahead.chain(changes(assignments)).collect()
        }
        S::Stop { expression, level, .. } => vec![expression, level],
        S::Equation { left, right, .. } => vec![left, right],
        S::Invalid
        | S::Model(_)
        | S::Time { .. }
        | S::Param(_)
        | S::Const(_)
        | S::Network { .. }
        | S::Input { .. }
        | S::Noise { .. } => Vec::new(),
    }
}

/// The value of numbers and constants.
fn folded(e: &Expression, constant: &dyn Fn(&str) -> Option<f64>) -> Option<f64> {
    match &e.kind {
        K::Number(n) => Some(n.value),
        K::Name(name) => constant(name),
        K::Unary(Unary::Neg, a) => Some(-folded(a, constant)?),
        K::Binary(
            f @ (Binary::Add | Binary::Sub | Binary::Mul | Binary::Div | Binary::Pow),
            a,
            b,
        ) => Some(f.apply(folded(a, constant)?, folded(b, constant)?)),
        _ => None,
    }
}

/// A quantity and the constant that it is multiplied by.
fn apart<'a>(e: &'a Expression, constant: &dyn Fn(&str) -> Option<f64>) -> (&'a Expression, f64) {
    let usable = |factor: f64| factor.is_finite() && factor != 0.0;
    if folded(e, constant).is_some() {
        return (e, 1.0);
    }
    let (inner, factor) = match &e.kind {
        K::Binary(Binary::Mul, a, b) => match (folded(a, constant), folded(b, constant)) {
            (Some(f), _) => (b, f),
            (_, Some(f)) => (a, f),
            _ => return (e, 1.0),
        },
        K::Binary(Binary::Div, a, b) => match folded(b, constant) {
            Some(f) => (a, 1.0 / f),
            None => return (e, 1.0),
        },
        _ => return (e, 1.0),
    };
    if !usable(factor) {
        return (e, 1.0);
    }
    let (quantity, more) = apart(inner, constant);
    (quantity, factor * more)
}

#[cfg(test)]
mod tests;
