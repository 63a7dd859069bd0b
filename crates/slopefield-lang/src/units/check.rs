//! Whether the two sides of every sum, comparison and equation have one unit.
//!
//! What has no declared unit fits everywhere: a model gains from every unit written and needs
//! none. A plain number is dimensionless as a factor or term, fits every unit as a bound or a
//! branch, and 0 fits everywhere. Inputs and outputs of networks fit everywhere.

use super::{Unit, UnitCheck, table};
use crate::functions;
use crate::print::print_expression;
use crate::syntax::{
    AssignOperator, Assignment, Declarator, Dimension, Document, Expression, ExpressionKind as K,
    Loop, StatementKind as S, Text,
};
use crate::{Binary, Diagnostic, Severity, Span, Unary, suggest};
use std::collections::BTreeMap;

/// Steps after which the check gives up, and levels it goes down: functions are followed at every
/// call, and the check is not worth a hang.
const MAX_STEPS: u32 = 50_000;
const MAX_DEPTH: u32 = 300;

/// What is known about the unit of an expression.
#[derive(Debug, Clone)]
enum Known {
    Nothing,
    /// A number as such.
    Number,
    Unit(Unit),
}

enum Item<'a> {
    /// With a declared unit, or nothing known.
    Declared(Option<Unit>),
    Value(&'a Expression),
    Function(&'a [crate::syntax::Name], &'a Expression),
    /// A Wiener process: the square of its white noise is 1 over time.
    Noise,
}

type Locals<'a> = [(&'a str, Known)];

pub(crate) fn check_units(document: &Document, mode: UnitCheck, diagnostics: &mut Vec<Diagnostic>) {
    if mode == UnitCheck::Off {
        return;
    }
    let severity = if mode == UnitCheck::Strict { Severity::Error } else { Severity::Warning };
    let mut checker = UnitChecker {
        severity,
        diagnostics,
        items: BTreeMap::new(),
        time: ("t", None),
        found: BTreeMap::new(),
        any: false,
        steps: 0,
        depth: 0,
    };
    for statement in document.statements() {
        checker.collect(&statement.kind);
    }
    // Most models have no units at all.
    if checker.any {
        for statement in document.statements() {
            checker.statement(&statement.kind);
        }
    }
}

struct UnitChecker<'a, 'd> {
    severity: Severity,
    diagnostics: &'d mut Vec<Diagnostic>,
    items: BTreeMap<&'a str, Item<'a>>,
    time: (&'a str, Option<Unit>),
    /// Units of lets and constants that were worked out.
    found: BTreeMap<&'a str, Known>,
    any: bool,
    steps: u32,
    depth: u32,
}

impl<'a> UnitChecker<'a, '_> {
    fn declared(&mut self, unit: Option<&'a Text>) -> Option<Unit> {
        let text = unit?;
        self.any = true;
        match Unit::parse(&text.text) {
            Ok(unit) => {
                for name in unit.unknown_names() {
                    let message =
                        format!("`{name}` is no known unit and counts as a unit of its own");
                    let mut note = Diagnostic::note("unknown-unit", text.span, message);
                    note.hint = suggest::did_you_mean(name, table::symbols());
                    self.diagnostics.push(note);
                }
                Some(unit)
            }
            Err(error) => {
                self.diagnostics.push(
                    Diagnostic::error("wrong-unit", text.span, error.message)
                        .hint("a unit is written like `{mg/L}`, `{1/day}` or `{m/s^2}`"),
                );
                None
            }
        }
    }

    fn collect(&mut self, kind: &'a S) {
        match kind {
            S::Time { name, unit, .. } => self.time = (&name.text, self.declared(unit.as_ref())),
            S::State(items) => {
                for item in items {
                    let unit = self.declared(item.unit.as_ref());
                    if item.target.order == 0 {
                        self.items.insert(&item.target.name.text, Item::Declared(unit));
                    }
                }
            }
            S::Param(items) => {
                for item in items {
                    let unit = self.declared(item.unit.as_ref());
                    self.items.insert(&item.target.name.text, Item::Declared(unit));
                }
            }
            S::Const(items) => {
                for item in items {
                    let declared = self.declared(item.unit.as_ref());
                    let entry = match declared {
                        Some(unit) => Item::Declared(Some(unit)),
                        None => Item::Value(&item.value),
                    };
                    self.items.insert(&item.target.name.text, entry);
                }
            }
            S::Let { target, value, unit } => {
                let entry = match self.declared(unit.as_ref()) {
                    Some(unit) => Item::Declared(Some(unit)),
                    None => Item::Value(value),
                };
                self.items.insert(&target.name.text, entry);
            }
            S::Noise { target, .. } => {
                self.items.insert(&target.name.text, Item::Noise);
            }
            S::Function { name, arguments, body } | S::Hamiltonian { name, arguments, body } => {
                self.items.insert(&name.text, Item::Function(arguments, body));
            }
            S::Algebraic { unit, target, .. } => {
                let unit = self.declared(unit.as_ref());
                self.items.insert(&target.name.text, Item::Declared(unit));
            }
            S::Input { unit, name, .. } => {
                let unit = self.declared(unit.as_ref());
                self.items.insert(&name.text, Item::Declared(unit));
            }
            S::Observe { unit, .. } => {
                self.declared(unit.as_ref());
            }
            _ => {}
        }
    }

    fn statement(&mut self, kind: &'a S) {
        match kind {
            S::State(items) => {
                for item in items {
                    let declared = self.state_unit(&item.target.name.text, item.target.order);
                    if let Some(initial) = &item.initial {
                        self.fits(initial, declared, "the initial value", &item.target);
                    }
                }
            }
            S::Const(items) => {
                for item in items {
                    let declared = item.unit.as_ref().and_then(|u| Unit::parse(&u.text).ok());
                    self.fits(&item.value, declared, "the value", &item.target);
                }
            }
            S::Let { target, value, unit } => {
                let declared = unit.as_ref().and_then(|u| Unit::parse(&u.text).ok());
                self.fits(value, declared, "the value", target);
            }
            S::Observe { target, value, unit, noise } => {
                let declared = unit.as_ref().and_then(|u| Unit::parse(&u.text).ok());
                let found = self.fits(value, declared.clone(), "the value", target);
                let quantity = declared.map_or(found, Known::Unit);
                let Some(noise) = noise else { return };
                for (i, argument) in noise.arguments.iter().enumerate() {
                    // A spread has the unit of what is measured; other arguments are numbers.
                    let spread = match noise.name.text.as_str() {
                        "normal" | "laplace" => true,
                        "student_t" => i == 1,
                        _ => false,
                    };
                    let wanted = match &quantity {
                        Known::Unit(unit) if spread => Some(unit.clone()),
                        _ if spread => None,
                        _ => Some(Unit::one()),
                    };
                    self.fits(argument, wanted, "the noise", target);
                }
            }
            S::Algebraic { target, guess, .. } => {
                let declared = self.state_unit(&target.name.text, 0);
                self.fits(guess, declared, "the guess", target);
            }
            S::History { target, value } => {
                let declared = self.state_unit(&target.name.text, target.order);
                self.fits(value, declared, "the history", target);
            }
            S::Hamiltonian { name, arguments, body } => {
                let (positions, momenta) = arguments.split_at(arguments.len() / 2);
                for (q, p) in positions.iter().zip(momenta) {
                    let unit = self.state_unit(&q.text, 0).zip(self.state_unit(&p.text, 0));
                    let unit =
                        unit.zip(self.time.1.clone()).map(|((q, p), t)| q.times(&p).over(&t));
                    let what = format!("the energy `{}`", name.text);
                    if self.wants(body, unit, &what) {
                        break;
                    }
                }
            }
            S::Reaction { name, left, right, rates, .. } => {
                for rate in rates {
                    for species in left.iter().chain(right) {
                        let unit = self.state_unit(&species.name.text, 0);
                        let unit = unit.zip(self.time.1.clone()).map(|(x, t)| x.over(&t));
                        let what = format!("a rate of `{}`", name.text);
                        if self.wants(rate, unit, &what) {
                            break;
                        }
                    }
                }
            }
            S::When { expression, level, assignments, .. } => {
                self.alike(&[expression, level], expression.span.to(level.span), &[]);
                self.assigned(assignments);
            }
            S::Stop { expression, level, .. } => {
                self.alike(&[expression, level], expression.span.to(level.span), &[]);
            }
            S::At { times, assignments } => {
                let time = self.time.1.clone();
                match &times.kind {
                    K::List(list) => list.iter().for_each(|e| {
                        self.wants(e, time.clone(), "the time of an event");
                    }),
                    _ => {
                        self.wants(times, time, "the time of an event");
                    }
                }
                self.assigned(assignments);
            }
            S::Every { period, from, assignments, .. } => {
                let time = self.time.1.clone();
                self.wants(period, time.clone(), "the period of an event");
                if let Some(from) = from {
                    self.wants(from, time, "the time of an event");
                }
                self.assigned(assignments);
            }
            S::Jump { rate, bound, lasting, assignments } => {
                let unit = self.time.1.as_ref().map(|t| t.power(-1.0));
                self.wants(rate, unit.clone(), "the rate of a jump");
                if let Some(bound) = bound {
                    self.wants(bound, unit, "the bound of a rate");
                }
                if let Some(lasting) = lasting {
                    let time = self.time.1.clone();
                    self.wants(lasting, time, "the time for which a bound holds");
                }
                self.assigned(assignments);
            }
            S::Equation { left, right, loops } => {
                let locals = indices(loops.iter());
                let left_unit = self.infer(left, &locals);
                let right_unit = self.infer(right, &locals);
                if let (Known::Unit(a), Known::Unit(b)) = (&left_unit, &right_unit) {
                    self.compare(left, a, right, b, right.span);
                }
            }
            _ => {}
        }
    }

    /// Infers `e` and reports when it does not fit what is declared for `target`.
    fn fits(
        &mut self,
        e: &'a Expression,
        declared: Option<Unit>,
        what: &str,
        target: &'a Declarator,
    ) -> Known {
        let loops = target.dimensions.iter().filter_map(|d| match d {
            Dimension::Loop(l) => Some(l),
            Dimension::Size(_) => None,
        });
        if let K::List(items) = &e.kind {
            // Each element on its own.
            for item in items {
                self.fits(item, declared.clone(), what, target);
            }
            return declared.map_or(Known::Nothing, Known::Unit);
        }
        let name = &target.name.text;
        let found = self.infer(e, &indices(loops));
        if let (Some(wanted), Known::Unit(unit)) = (&declared, &found)
            && let Some(difference) = difference(wanted, unit)
        {
            let message = format!(
                "{what} of `{name}` has the unit {{{unit}}}, but {{{wanted}}} is declared{difference}"
            );
            self.report(e.span, message, None);
        }
        found
    }

    /// Reports when an expression has another unit than it needs; whether it did.
    fn wants(&mut self, e: &'a Expression, wanted: Option<Unit>, what: &str) -> bool {
        if let (Some(wanted), Known::Unit(unit)) = (&wanted, &self.infer(e, &[]))
            && let Some(difference) = difference(wanted, unit)
        {
            let message =
                format!("{what} has the unit {{{unit}}}, but {{{wanted}}} is needed{difference}");
            self.report(e.span, message, None);
            return true;
        }
        false
    }

    /// What is added to a state has its unit, and what multiplies it has none.
    fn assigned(&mut self, list: &'a [Assignment]) {
        for assignment in list {
            let target = self.infer(&assignment.target, &[]);
            let unit = match (assignment.operator, target) {
                (AssignOperator::Multiply | AssignOperator::Divide, _) => Some(Unit::one()),
                (_, Known::Unit(unit)) => Some(unit),
                _ => None,
            };
            self.wants(&assignment.value, unit, "the new value");
        }
    }

    fn report(&mut self, span: Span, message: String, related: Option<(Span, String)>) {
        let mut diagnostic = Diagnostic::new(self.severity, "unit-mismatch", span, message);
        diagnostic.related = related;
        self.diagnostics.push(diagnostic);
    }

    fn compare(&mut self, a: &Expression, x: &Unit, b: &Expression, y: &Unit, at: Span) {
        if let Some(difference) = difference(x, y) {
            let message = format!(
                "`{}` has the unit {{{x}}}, but `{}` has {{{y}}}{difference}",
                short(a),
                short(b)
            );
            self.report(at, message, None);
        }
    }

    fn state_unit(&mut self, name: &str, order: u32) -> Option<Unit> {
        let Some(Item::Declared(Some(unit))) = self.items.get(name) else { return None };
        if order == 0 {
            return Some(unit.clone());
        }
        Some(unit.over(&self.time.1.as_ref()?.power(f64::from(order))))
    }

    fn infer(&mut self, e: &'a Expression, locals: &Locals<'a>) -> Known {
        self.steps += 1;
        if self.steps > MAX_STEPS || self.depth > MAX_DEPTH {
            return Known::Nothing;
        }
        self.depth += 1;
        let known = self.infer_inner(e, locals);
        self.depth -= 1;
        known
    }

    fn infer_inner(&mut self, e: &'a Expression, locals: &Locals<'a>) -> Known {
        match &e.kind {
            K::Missing => Known::Nothing,
            K::List(items) => self.alike(&items.iter().collect::<Vec<_>>(), e.span, locals),
            K::Comprehension(body, loops) => {
                let mut inner = locals.to_vec();
                inner.splice(0..0, indices(loops.iter()));
                self.infer(body, &inner)
            }
            // 0 is 0 in every unit.
            K::Number(n) if n.value == 0.0 => Known::Nothing,
            K::Number(_) => Known::Number,
            K::Name(name) => self.name(name, locals),
            K::Unary(Unary::Not, a) => {
                self.infer(a, locals);
                Known::Number
            }
            K::Unary(_, a) => self.infer(a, locals),
            K::Binary(f, a, b) => self.operator(*f, a, b, e.span, locals),
            K::Comparison(first, rest) => {
                let mut left = &**first;
                let mut left_unit = self.infer(left, locals);
                for (_, right) in rest {
                    let right_unit = self.infer(right, locals);
                    if let (Known::Unit(x), Known::Unit(y)) = (&left_unit, &right_unit) {
                        self.compare(left, x, right, y, e.span);
                    }
                    (left, left_unit) = (right, right_unit);
                }
                Known::Number
            }
            K::If(c, a, b) => {
                self.infer(c, locals);
                self.alike(&[a, b], e.span, locals)
            }
            K::Call(name, list) => self.call(&name.text, list, e.span, locals),
            K::Index(a, _) => self.infer(a, locals),
            K::Derivative(a, _) if self.is_noise(a) => {
                let time = self.time.1.as_ref();
                time.map_or(Known::Nothing, |time| Known::Unit(time.power(-0.5)))
            }
            K::Derivative(a, order) => match (self.infer(a, locals), &self.time.1) {
                (Known::Unit(unit), Some(time)) => {
                    Known::Unit(unit.over(&time.power(f64::from(*order))))
                }
                _ => Known::Nothing,
            },
        }
    }

    fn name(&mut self, name: &'a str, locals: &Locals<'a>) -> Known {
        if let Some((_, known)) = locals.iter().find(|(n, _)| *n == name) {
            return known.clone();
        }
        if let Some(known) = self.found.get(name) {
            return known.clone();
        }
        if name == self.time.0 {
            return self.time.1.clone().map_or(Known::Nothing, Known::Unit);
        }
        match self.items.get(name) {
            Some(Item::Declared(unit)) => unit.clone().map_or(Known::Nothing, Known::Unit),
            Some(Item::Value(value)) => {
                let value = *value;
                // Stands in while it is worked out, so that a circle ends.
                self.found.insert(name, Known::Nothing);
                let before = self.diagnostics.len();
                let known = match self.infer(value, &[]) {
                    // A constant without a unit may stand for anything.
                    Known::Number => Known::Nothing,
                    known => known,
                };
                // The statement itself reports what is wrong inside it.
                self.diagnostics.truncate(before);
                self.found.insert(name, known.clone());
                known
            }
            Some(Item::Function(..) | Item::Noise) => Known::Nothing,
            None if functions::CONSTANTS.iter().any(|(c, _)| *c == name) => Known::Number,
            None => Known::Nothing,
        }
    }

    fn is_noise(&self, e: &Expression) -> bool {
        match &e.kind {
            K::Index(base, _) => self.is_noise(base),
            K::Name(name) => matches!(self.items.get(name.as_str()), Some(Item::Noise)),
            _ => false,
        }
    }

    fn operator(
        &mut self,
        f: Binary,
        a: &'a Expression,
        b: &'a Expression,
        span: Span,
        locals: &Locals<'a>,
    ) -> Known {
        let (x, y) = (self.infer(a, locals), self.infer(b, locals));
        match f {
            Binary::Mul | Binary::Div => match (x, y) {
                (Known::Nothing, _) | (_, Known::Nothing) => Known::Nothing,
                (Known::Number, Known::Number) => Known::Number,
                (Known::Unit(x), Known::Number) => Known::Unit(x),
                (Known::Number, Known::Unit(y)) if f == Binary::Mul => Known::Unit(y),
                (Known::Number, Known::Unit(y)) => Known::Unit(y.power(-1.0)),
                (Known::Unit(x), Known::Unit(y)) if f == Binary::Mul => Known::Unit(x.times(&y)),
                (Known::Unit(x), Known::Unit(y)) => Known::Unit(x.over(&y)),
            },
            Binary::Add | Binary::Sub => match (x, y) {
                (Known::Nothing, other) | (other, Known::Nothing) => match other {
                    Known::Unit(unit) => Known::Unit(unit),
                    _ => Known::Nothing,
                },
                (Known::Number, Known::Number) => Known::Number,
                (x, y) => {
                    let unit = |known| match known {
                        Known::Unit(unit) => unit,
                        _ => Unit::one(),
                    };
                    let (x, y) = (unit(x), unit(y));
                    self.compare(a, &x, b, &y, span);
                    // One report for a sum: what does not fit is not carried on.
                    if difference(&x, &y).is_some() { Known::Nothing } else { Known::Unit(x) }
                }
            },
            Binary::Pow => {
                if let Known::Unit(unit) = &y
                    && !unit.is_dimensionless()
                {
                    let message = format!("the exponent `{}` has the unit {{{unit}}}", short(b));
                    self.report(b.span, message, None);
                }
                match x {
                    Known::Unit(unit) if unit.is_dimensionless() => Known::Unit(Unit::one()),
                    Known::Unit(unit) => match literal(b) {
                        Some(exponent) => Known::Unit(unit.power(exponent)),
                        None => Known::Nothing,
                    },
                    other => other,
                }
            }
            _ => Known::Number,
        }
    }

    /// Several expressions that must have one unit, which is the result's. Numbers fit.
    fn alike(&mut self, list: &[&'a Expression], span: Span, locals: &Locals<'a>) -> Known {
        let mut first: Option<(&Expression, Unit)> = None;
        let mut numbers = true;
        for e in list {
            match (self.infer(e, locals), &first) {
                (Known::Unit(unit), None) => first = Some((e, unit)),
                (Known::Unit(unit), Some((a, x))) => {
                    let (a, x) = (*a, x.clone());
                    self.compare(a, &x, e, &unit, span);
                }
                (Known::Nothing, _) => numbers = false,
                (Known::Number, _) => {}
            }
        }
        match first {
            Some((_, unit)) => Known::Unit(unit),
            None if numbers => Known::Number,
            None => Known::Nothing,
        }
    }

    fn call(
        &mut self,
        name: &'a str,
        list: &'a [Expression],
        span: Span,
        locals: &Locals<'a>,
    ) -> Known {
        if let Some(Item::Function(arguments, body)) = self.items.get(name) {
            let (arguments, body) = (*arguments, *body);
            let inner: Vec<(&'a str, Known)> = arguments
                .iter()
                .zip(list)
                .map(|(a, e)| (a.text.as_str(), self.infer(e, locals)))
                .collect();
            return self.infer(body, &inner);
        }
        let all: Vec<&Expression> = list.iter().collect();
        match name {
            "abs" | "floor" | "ceil" | "round" | "ramp" | "relu" => {
                list.first().map_or(Known::Nothing, |e| self.infer(e, locals))
            }
            "path_variance" => match list.first().map(|e| self.infer(e, locals)) {
                Some(Known::Unit(unit)) => Known::Unit(unit.power(2.0)),
                Some(other) => other,
                None => Known::Nothing,
            },
            "sum" | "mean" | "path_mean" => {
                list.first().map_or(Known::Nothing, |e| self.infer(e, locals))
            }
            "dot" if list.len() == 2 => {
                self.operator(Binary::Mul, &list[0], &list[1], span, locals)
            }
            "min" | "max" | "clamp" => self.alike(&all, span, locals),
            "sqrt" | "cbrt" => {
                let exponent = if name == "sqrt" { 0.5 } else { 1.0 / 3.0 };
                match list.first().map(|e| self.infer(e, locals)) {
                    Some(Known::Unit(unit)) => Known::Unit(unit.power(exponent)),
                    Some(other) => other,
                    None => Known::Nothing,
                }
            }
            "sign" | "step" => {
                list.iter().for_each(|e| {
                    self.infer(e, locals);
                });
                Known::Number
            }
            "atan2" | "pulse" => {
                self.alike(&all, span, locals);
                Known::Number
            }
            "hill" => {
                self.alike(&all[..all.len().min(2)], span, locals);
                if let Some(n) = list.get(2) {
                    self.plain(n, name, locals);
                }
                Known::Number
            }
            "mm" if list.len() == 3 => {
                self.alike(&[all[0], all[2]], span, locals);
                self.infer(all[1], locals)
            }
            "delay" if list.len() == 2 => {
                let lag = self.infer(&list[1], locals);
                if let (Known::Unit(lag), Some(time)) = (&lag, self.time.1.clone())
                    && let Some(difference) = difference(&time, lag)
                {
                    let message = format!(
                        "a lag has the unit of time {{{time}}}, but `{}` has {{{lag}}}{difference}",
                        short(&list[1])
                    );
                    self.report(list[1].span, message, None);
                }
                self.infer(&list[0], locals)
            }
            _ if functions::find(name)
                .is_some_and(|f| matches!(f.meaning, functions::Meaning::Unary(_))) =>
            {
                list.iter().for_each(|e| self.plain(e, name, locals));
                Known::Number
            }
            _ => {
                // A network, or something that is reported elsewhere: only the inside is looked at.
                list.iter().for_each(|e| {
                    self.infer(e, locals);
                });
                Known::Nothing
            }
        }
    }

    /// An argument that must be a plain number.
    fn plain(&mut self, e: &'a Expression, function: &str, locals: &Locals<'a>) {
        // `sin(2*pi*t/12)`: a number below a fraction is likely to be the reference.
        let mut reference = false;
        e.walk(&mut |part| {
            reference |= matches!(&part.kind, K::Binary(Binary::Div, _, b) if matches!(b.kind, K::Number(_)));
        });
        if let Known::Unit(unit) = self.infer(e, locals)
            && !unit.is_dimensionless()
            && !reference
        {
            let message =
                format!("`{function}` takes a number, but `{}` has the unit {{{unit}}}", short(e));
            self.diagnostics.push(
                Diagnostic::new(self.severity, "unit-mismatch", e.span, message)
                    .hint("divide by a reference value with the same unit"),
            );
        }
    }
}

/// Indices of loops: numbers that may stand for a place.
fn indices<'a>(loops: impl Iterator<Item = &'a Loop>) -> Vec<(&'a str, Known)> {
    loops.map(|l| (l.index.text.as_str(), Known::Nothing)).collect()
}

/// Why two units do not fit; `None` when they do.
fn difference(a: &Unit, b: &Unit) -> Option<String> {
    let Some(factor) = b.factor_to(a) else { return Some(String::new()) };
    let near = (factor - 1.0).abs() < 1e-6;
    // Counts in thousands and plain numbers mix freely.
    if near || a.is_dimensionless() {
        return None;
    }
    let factor = format!("{factor:.6}");
    let factor =
        if factor.starts_with("0.000") { format!("{:.4e}", b.factor_to(a)?) } else { factor };
    let factor = factor.trim_end_matches('0').trim_end_matches('.').to_owned();
    Some(format!(" (a factor of {factor})"))
}

fn short(e: &Expression) -> String {
    let text = print_expression(e);
    if text.chars().count() <= 40 {
        return text;
    }
    text.chars().take(37).chain("…".chars()).collect()
}

/// The value of an exponent that is written as a number.
fn literal(e: &Expression) -> Option<f64> {
    match &e.kind {
        K::Number(n) => Some(n.value),
        K::Unary(Unary::Neg, a) => literal(a).map(|x| -x),
        K::Binary(Binary::Div, a, b) => Some(literal(a)? / literal(b)?),
        _ => None,
    }
}
