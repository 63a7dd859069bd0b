//! Syntax to resolved expressions.

use super::Checker;
use super::array::ArrayRef;
use super::build::{Built, Value};
use super::lanes::{LaneScope, lanes_where, value_depends_on_lane};
use super::name::id;
use super::scope::Kind;
use crate::functions::{self, Meaning};
use crate::model::{ExprKind, Lanes, Model, NetworkId, Source, VectorId, VectorKind};
use crate::syntax::{Expression, ExpressionKind as K, Name};
use crate::{Binary, Diagnostic, Span, suggest};

/// Deepest resolution across names, functions and brackets; bounds the stack.
pub(super) const MAX_DEPTH: u32 = 600;

/// What may be used where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Context<'n> {
    /// Numbers and constants; what it is for.
    Constant(&'static str),
    /// Also params, and time where `time`: what is known before the states are; what it is.
    Before { what: &'n str, time: bool },
    /// Everything but white noise.
    Dynamic,
    /// Also white noise: the equation of a state.
    Equation,
    /// Also derivatives as unknowns: an equation that does not give one by itself.
    Implicit,
}

/// Where an expression stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'s, 'a> {
    pub context: Context<'s>,
    /// Arguments of the function being inlined, and indices of loops.
    pub locals: &'s [(&'a str, Value)],
    /// The lanes of the loops around; none outside loops.
    pub lanes: Option<&'s LaneScope>,
    /// Inside `delay(…)`.
    pub delayed: bool,
}

impl<'s> Scope<'s, '_> {
    /// Outside functions and loops.
    pub(super) fn new(context: Context<'s>) -> Self {
        Scope { context, locals: &[], lanes: None, delayed: false }
    }
}

impl<'a> Checker<'a> {
    /// A single number. `None` when something was wrong, which has been reported.
    pub(super) fn scalar(&mut self, e: &'a Expression, scope: &Scope<'_, 'a>) -> Option<Built> {
        let parts = match self.value(e, scope)? {
            Value::Scalar(built) => return Some(built),
            Value::Array(array) => {
                if let Some(built) = self.element_of_whole(&array, e.span, scope) {
                    return Some(built);
                }
                array.len()
            }
            Value::Vector(_) => {
                self.error_hint(
                    "list-as-scalar",
                    e.span,
                    "a list cannot stand where one number is needed",
                    "a list is the value of an array, or an argument of `dot`, `sum` or a network",
                );
                return None;
            }
        };
        {
            {
                let shown = match &e.kind {
                    K::Name(name) => format!("`{name}`"),
                    K::Call(name, _) => format!("`{}(…)`", name.text),
                    _ => "this".to_owned(),
                };
                let example = match &e.kind {
                    K::Name(name) => format!("{name}[1]"),
                    K::Call(name, _) => format!("{}(…)[1]", name.text),
                    _ => "[1]".to_owned(),
                };
                let message =
                    format!("{shown} has {} components where one number is needed", parts);
                self.error_hint(
                    "vector-as-scalar",
                    e.span,
                    message,
                    format!("choose one: `{example}`"),
                );
                None
            }
        }
    }

    /// A number, an array, a list or the outputs of a network.
    pub(super) fn value(&mut self, e: &'a Expression, scope: &Scope<'_, 'a>) -> Option<Value> {
        if self.depth >= MAX_DEPTH {
            self.too_large(e.span);
            return None;
        }
        self.depth += 1;
        let value = self.value_inner(e, scope);
        self.depth -= 1;
        value
    }

    fn value_inner(&mut self, e: &'a Expression, scope: &Scope<'_, 'a>) -> Option<Value> {
        let span = e.span;
        let built = match &e.kind {
            K::Missing => return None,
            K::Number(number) => self.number(number.value, span),
            K::Name(name) => return self.name(name, span, scope),
            K::Call(name, arguments) => return self.call(name, arguments, span, scope),
            K::Index(base, indices) => return self.index(base, indices, span, scope),
            K::Derivative(inner, order) => self.derivative(inner, *order, span, scope)?,
            K::Unary(f, a) => {
                let a = self.scalar(a, scope)?;
                self.unary(*f, a, span)?
            }
            K::Binary(f, a, b) => {
                // Both sides are looked at, so that both are reported on.
                let (a, b) = (self.scalar(a, scope), self.scalar(b, scope));
                self.binary(*f, a?, b?, span)?
            }
            K::Comparison(first, rest) => self.comparison(first, rest, span, scope)?,
            K::If(c, a, b) => {
                let c = self.scalar(c, scope);
                let mut branch = |e, chosen: bool| {
                    let Some(lanes) = scope.lanes else { return self.scalar(e, scope) };
                    // A condition on an index: what is not chosen may reach beyond an array.
                    let Some(counts) = c.as_ref().and_then(|c| lanes_where(&c.expr, chosen)) else {
                        return self.scalar(e, scope);
                    };
                    let counts = counts.into_iter().enumerate();
                    let active = Some(counts.map(|(l, c)| c && lanes.is_active(l)).collect());
                    let lanes = LaneScope { active, ..lanes.clone() };
                    self.scalar(e, &Scope { lanes: Some(&lanes), ..*scope })
                };
                let (a, b) = (branch(a, true), branch(b, false));
                self.choose(c?, a?, b?, span)?
            }
            K::List(list) => {
                let parts: Vec<Option<Built>> =
                    list.iter().map(|e| self.scalar(e, scope)).collect();
                return Some(Value::Vector(parts.into_iter().collect::<Option<_>>()?));
            }
            K::Comprehension(..) => {
                self.error_hint(
                    "loop-as-scalar",
                    span,
                    "a loop cannot stand where one number is needed",
                    "write `sum(… for i in 1..N)`, or `mean`, `min`, `max`",
                );
                return None;
            }
        };
        Some(Value::Scalar(built))
    }

    fn comparison(
        &mut self,
        first: &'a Expression,
        rest: &'a [(Binary, Expression)],
        span: Span,
        scope: &Scope<'_, 'a>,
    ) -> Option<Built> {
        let mut left = self.scalar(first, scope);
        let mut all: Option<Built> = None;
        for (i, (operator, right)) in rest.iter().enumerate() {
            let right = self.scalar(right, scope);
            let next = match (i + 1 < rest.len(), &right) {
                (true, Some(built)) => self.copy(built, span),
                _ => None,
            };
            let pair = self.binary(*operator, left?, right?, span)?;
            all = Some(match all {
                None => pair,
                Some(before) => self.binary(Binary::And, before, pair, span)?,
            });
            left = next;
        }
        all
    }

    fn index(
        &mut self,
        base: &'a Expression,
        indices: &'a [Expression],
        span: Span,
        scope: &Scope<'_, 'a>,
    ) -> Option<Value> {
        let base_value = self.value(base, scope);
        let shown = match &base.kind {
            K::Name(name) => name.clone(),
            K::Call(name, _) => format!("{}(…)", name.text),
            _ => "this".to_owned(),
        };
        match base_value? {
            Value::Array(array) => {
                let table = self.places(&array.shape, &shown, indices, span, scope)?;
                let mut chosen = self.chosen(&array, table, span)?;
                chosen.expr.span = span;
                Some(Value::Scalar(chosen))
            }
            Value::Vector(parts) => {
                let shape = [(1, parts.len() as i64)];
                let table = self.places(&shape, &shown, indices, span, scope)?;
                let [place] = table.as_slice() else {
                    let message = "the index of a list cannot differ from lane to lane";
                    let hint = "give the list a name with `const` or `let`";
                    self.error_hint("wrong-index", span, message, hint);
                    return None;
                };
                let mut chosen = parts.into_iter().nth(*place as usize)?;
                chosen.expr.span = span;
                Some(Value::Scalar(chosen))
            }
            // A network of one output may be indexed all the same.
            Value::Scalar(one) if is_output(&one, &self.model) => {
                self.places(&[(1, 1)], &shown, indices, span, scope)?;
                Some(Value::Scalar(one))
            }
            Value::Scalar(_) => {
                self.error_hint(
                    "index-of-scalar",
                    span,
                    "this has no components to choose from",
                    "only arrays, the outputs of a network, or a `let` of them, are indexed",
                );
                None
            }
        }
    }

    fn call(
        &mut self,
        name: &'a Name,
        arguments: &'a [Expression],
        span: Span,
        scope: &Scope<'_, 'a>,
    ) -> Option<Value> {
        let symbol = self.names.table.get_mut(name.text.as_str()).map(|s| {
            if matches!(s.kind, Kind::Function(_) | Kind::Network(_)) {
                s.used = true;
            }
            s.kind
        });
        match symbol {
            Some(Kind::Network(index)) => self.network(index, arguments, span, scope),
            Some(Kind::Function(index)) => self.inline(index, arguments, span, scope),
            symbol => {
                if let Some(function) = functions::find(&name.text) {
                    if let Some(kind) = symbol {
                        let message = format!(
                            "`{0}(…)` calls the function `{0}`, which here is also {1}",
                            name.text,
                            kind.article()
                        );
                        let hint = format!("if a product is meant, write `{}*(…)`", name.text);
                        self.report(Diagnostic::note("call-or-product", span, message).hint(hint));
                    }
                    return self.builtin(function, arguments, span, scope).map(Value::Scalar);
                }
                self.not_callable(name, symbol, scope);
                None
            }
        }
    }

    fn not_callable(&mut self, name: &Name, symbol: Option<Kind>, scope: &Scope<'_, 'a>) {
        let text = name.text.as_str();
        if matches!(symbol, Some(Kind::Later(_))) {
            return;
        }
        let local = scope.locals.iter().any(|(n, _)| *n == text);
        if symbol.is_some() || local {
            let what = symbol.map_or("an argument", Kind::article);
            let message = format!("`{text}` is {what}, not a function");
            let hint = format!("if a product is meant, write `{text}*(…)`");
            self.error_hint("not-a-function", name.span, message, hint);
            return;
        }
        let hint = match text {
            "log" => Some("write `ln` for the natural logarithm or `log10`".to_owned()),
            "pow" => Some("write `a^b`".to_owned()),
            "arcsin" | "arccos" | "arctan" => Some(format!("write `a{}`", &text[3..])),
            "heaviside" | "Heaviside" => Some("write `step(x)`".to_owned()),
            "sgn" => Some("write `sign(x)`".to_owned()),
            "logistic" | "expit" => Some("write `sigmoid(x)`".to_owned()),
            _ => None,
        };
        if self.diagnostics.len() > super::MAX_DIAGNOSTICS {
            self.error("unknown-function", name.span, format!("there is no function `{text}`"));
            return;
        }
        let table = self.names.table.iter();
        let mine = table
            .filter(|(_, s)| matches!(s.kind, Kind::Function(_) | Kind::Network(_)))
            .map(|(n, _)| *n);
        let known = mine.chain(functions::FUNCTIONS.iter().map(|f| f.name));
        let hint = hint.or_else(|| suggest::did_you_mean(text, known)).unwrap_or_else(|| {
            format!("declare it as `function {text}(x) = …`, or see the list of functions in the language reference")
        });
        self.error_hint(
            "unknown-function",
            name.span,
            format!("there is no function `{text}`"),
            hint,
        );
    }

    fn builtin(
        &mut self,
        function: &functions::Function,
        arguments: &'a [Expression],
        span: Span,
        scope: &Scope<'_, 'a>,
    ) -> Option<Built> {
        let name = function.name;
        if function.meaning == Meaning::Delay {
            return self.delay(arguments, span, scope);
        }
        let one = matches!(name, "min" | "max") && arguments.len() == 1;
        if one || function.meaning == Meaning::Reduction {
            return self.reduction(name, arguments, span, scope);
        }
        if let Meaning::OverPaths(_) = function.meaning {
            let message = format!("`{name}` stands only as the whole value of an observation");
            let hint = format!("write `observe y = {name}(x)`, with any expression in it");
            self.error_hint("misplaced-moment", span, message, hint);
            return None;
        }
        if function.meaning == Meaning::Index {
            let message = format!("`{name}` stands only as an index, as in `u[{name}(i - 1)]`");
            self.error("wrong-index", span, message);
            return None;
        }
        let wanted = function.arguments.len();
        if arguments.len() < wanted || (arguments.len() > wanted && !function.variadic) {
            let list = function.arguments.join(", ");
            let more = if function.variadic { ", …" } else { "" };
            let message = format!(
                "`{name}` takes {}{}, not {}",
                if function.variadic { "at least " } else { "" },
                count(wanted, "argument"),
                arguments.len()
            );
            let mut hint = format!("write `{name}({list}{more})`: {}", function.doc);
            if decimal_comma(arguments) {
                hint = "the decimal sign is a point: `1.5`, not `1,5`".to_owned();
            }
            self.error_hint("wrong-argument-count", span, message, hint);
            return None;
        }
        let built: Vec<Option<Built>> = arguments.iter().map(|a| self.scalar(a, scope)).collect();
        let mut built = built.into_iter().collect::<Option<Vec<Built>>>()?.into_iter();
        let mut next = || built.next();
        match function.meaning {
            Meaning::Unary(f) => {
                let a = next()?;
                self.unary(f, a, span)
            }
            Meaning::Binary(f) => {
                let mut all = next()?;
                for b in built {
                    all = self.binary(f, all, b, span)?;
                }
                Some(all)
            }
            Meaning::Delay | Meaning::Reduction | Meaning::Index | Meaning::OverPaths(_) => None,
            Meaning::Rewritten => match name {
                "clamp" => {
                    let (x, low, high) = (next()?, next()?, next()?);
                    let above = self.binary(Binary::Max, x, low, span)?;
                    self.binary(Binary::Min, above, high, span)
                }
                "ramp" => {
                    let (x, zero) = (next()?, self.number(0.0, span));
                    self.binary(Binary::Max, x, zero, span)
                }
                "pulse" => {
                    let (t, on, off) = (next()?, next()?, next()?);
                    let again = self.copy(&t, span)?;
                    let after = self.binary(Binary::GreaterEqual, t, on, span)?;
                    let before = self.binary(Binary::Less, again, off, span)?;
                    self.binary(Binary::And, after, before, span)
                }
                "hill" => {
                    let (x, k, n) = (next()?, next()?, next()?);
                    let exponent = self.copy(&n, span)?;
                    let x = self.binary(Binary::Pow, x, n, span)?;
                    let k = self.binary(Binary::Pow, k, exponent, span)?;
                    let again = self.copy(&x, span)?;
                    let all = self.binary(Binary::Add, k, again, span)?;
                    self.binary(Binary::Div, x, all, span)
                }
                _ => {
                    // mm
                    let (x, vmax, km) = (next()?, next()?, next()?);
                    let again = self.copy(&x, span)?;
                    let top = self.binary(Binary::Mul, vmax, x, span)?;
                    let bottom = self.binary(Binary::Add, km, again, span)?;
                    self.binary(Binary::Div, top, bottom, span)
                }
            },
        }
    }

    /// A function of the model, written out.
    fn inline(
        &mut self,
        index: usize,
        arguments: &'a [Expression],
        span: Span,
        scope: &Scope<'_, 'a>,
    ) -> Option<Value> {
        let function = &self.declared.functions[index];
        let (name, names, body) = (function.name, function.arguments, function.body);
        let built: Vec<Option<Value>> = arguments.iter().map(|a| self.argument(a, scope)).collect();
        if arguments.len() != names.len() {
            let list: Vec<&str> = names.iter().map(|n| n.text.as_str()).collect();
            let message = format!(
                "`{}` takes {}, not {}",
                name.text,
                count(names.len(), "argument"),
                arguments.len()
            );
            self.report(
                Diagnostic::error("wrong-argument-count", span, message)
                    .hint(format!("write `{}({})`", name.text, list.join(", ")))
                    .related(name.span, "declared here"),
            );
            return None;
        }
        if self.resolution.active.iter().any(|s| s.span == name.span) {
            self.cycle(&name.text, span);
            return None;
        }
        let built = built.into_iter().collect::<Option<Vec<Value>>>()?;
        let locals: Vec<(&'a str, Value)> =
            names.iter().map(|n| n.text.as_str()).zip(built).collect();
        self.begin(&name.text, name.span);
        let value = self.value(body, &Scope { locals: &locals, ..*scope });
        self.resolution.active.pop();
        value
    }

    /// An argument of a function: a number, or an array as a whole.
    fn argument(&mut self, e: &'a Expression, scope: &Scope<'_, 'a>) -> Option<Value> {
        match self.value(e, scope)? {
            Value::Array(array) => match self.element_of_whole(&array, e.span, scope) {
                Some(built) => Some(Value::Scalar(built)),
                None => Some(Value::Array(array)),
            },
            value => Some(value),
        }
    }

    fn network(
        &mut self,
        index: usize,
        arguments: &'a [Expression],
        span: Span,
        scope: &Scope<'_, 'a>,
    ) -> Option<Value> {
        let name = &self.declared.networks[index].name;
        let (text, declared) = (name.text.as_str(), name.span);
        let what = match scope.context {
            Context::Constant(what) | Context::Before { what, .. } => Some(what.to_owned()),
            Context::Dynamic | Context::Equation | Context::Implicit => None,
        };
        if let Some(what) = what {
            self.error(
                "network-misplaced",
                span,
                format!("{what} cannot use the network `{text}`"),
            );
            return None;
        }
        let mut flat: Option<Vec<_>> = Some(Vec::new());
        let mut per_lane = false;
        for argument in arguments {
            let value = self.value(argument, scope);
            per_lane = per_lane || value.as_ref().is_some_and(value_depends_on_lane);
            match (value, &mut flat) {
                (Some(Value::Scalar(one)), Some(list)) => list.push(one.expr),
                (Some(Value::Vector(many)), Some(list)) => {
                    list.extend(many.into_iter().map(|b| b.expr));
                }
                (Some(Value::Array(array)), Some(list)) => {
                    let all = self.all_elements(&array, argument.span);
                    list.extend(all.into_iter().map(|b| b.expr));
                }
                _ => flat = None,
            }
        }
        let flat = flat?;
        if flat.iter().any(|e| self.misplaced_symbol(e, "an argument of a network")) {
            return None;
        }
        let network = &self.model.networks[index];
        let (inputs, outputs) = (network.inputs, network.outputs);
        if inputs == 0 || outputs == 0 {
            return None; // its declaration has been reported
        }
        if flat.len() != inputs as usize {
            let message = format!(
                "the network `{text}` has {}, but {} given",
                count(inputs as usize, "input"),
                match flat.len() {
                    1 => "1 argument is".to_owned(),
                    n => format!("{n} arguments are"),
                }
            );
            let mut diagnostic = Diagnostic::error("wrong-argument-count", span, message)
                .related(declared, "declared here");
            diagnostic.hint = Some(if decimal_comma(arguments) {
                "the decimal sign is a point: `1.5`, not `1,5`".into()
            } else {
                "change the arguments, or `inputs` in the declaration".into()
            });
            self.report(diagnostic);
            return None;
        }
        let network = NetworkId(id(index));
        if let Some(lanes) = scope.lanes.filter(|_| per_lane) {
            // In each lane a network of its own inputs.
            let count = lanes.count;
            let vector = self.network_lanes(network, flat, (count, outputs as usize), span)?;
            let mut parts = Vec::with_capacity(outputs as usize);
            for output in 0..outputs {
                let table = (0..count as u32).map(|lane| lane * outputs + output).collect();
                parts.push(self.lane_elements(Source::Vector(vector), table, span)?);
            }
            return Some(match parts.len() {
                1 => Value::Scalar(parts.remove(0)),
                _ => Value::Vector(parts),
            });
        }
        let call = Source::Call(self.network_call(network, flat, span));
        Some(if outputs == 1 {
            Value::Scalar(self.leaf(super::lanes::one_element(call, 0), span))
        } else {
            Value::Array(ArrayRef::outputs(call, outputs as usize))
        })
    }

    /// A number of the model itself: a constant, a bound, a start value.
    pub(super) fn fixed_number(&mut self, e: &'a Expression, what: &'static str) -> Option<f64> {
        let before = self.diagnostics.len();
        let value = self.scalar(e, &Scope::new(Context::Constant(what)))?.number()?;
        let bound = what == "a bound";
        if value.is_nan() || (!bound && value.is_infinite()) {
            // This replaces the warning of folding.
            self.diagnostics.truncate(before);
            let shown = if value.is_nan() { "no real value" } else { "an infinite value" };
            self.error(
                "not-finite",
                e.span,
                format!("{what} must be a finite number, but this has {shown}"),
            );
            return None;
        }
        Some(value)
    }
}

/// The only output of a network.
fn is_output(built: &Built, model: &Model) -> bool {
    let of_network = |id: VectorId| {
        let kind = model.vectors.get(id.0 as usize).map(|v| &v.kind);
        matches!(kind, Some(VectorKind::Network { .. }))
    };
    match &built.expr.kind {
        ExprKind::Output(..) => true,
        ExprKind::Element(id, _) => of_network(*id),
        ExprKind::Lanes(lanes) => {
            matches!(&**lanes, Lanes::Elements(Source::Vector(id), _) if of_network(*id))
        }
        _ => false,
    }
}

/// `f(1,5)`: two whole numbers without a space after the comma.
fn decimal_comma(arguments: &[Expression]) -> bool {
    arguments.windows(2).any(|pair| {
        let whole = |e: &Expression| matches!(&e.kind, K::Number(n) if n.text.bytes().all(|b| b.is_ascii_digit()));
        whole(&pair[0]) && whole(&pair[1]) && pair[0].span.end + 1 == pair[1].span.start
    })
}

pub(super) fn count(n: usize, what: &str) -> String {
    match n {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        n => format!("{n} {what}s"),
    }
}
