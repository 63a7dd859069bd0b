//! Syntax tree to canonical text.
//!
//! One statement a line, wrapped after operators and commas at [`WIDTH`] columns; comments and
//! single blank lines are kept. Reading the text again gives an equal tree.

use crate::parser::expression::precedence as p;
use crate::syntax::{
    Applied, AssignOperator, Assignment, Declarator, Dimension, Direction, Document, Expression,
    ExpressionKind as K, Line, Loop, Name, OptionExpression, ParamItem, Range, Species, StateItem,
    StatementKind, Text,
};
use crate::{Binary, Scale, Severity, Unary};

/// Longest line before a statement is wrapped.
const WIDTH: usize = 100;
/// Spaces before the further lines of a statement.
const INDENT: usize = 4;
/// A space at which a line may be broken, because what stands before it goes on. The lexer lets no
/// control character into a tree.
const BREAK: char = '\u{1}';

/// The canonical text of a model text; `None` when it does not parse.
#[must_use]
pub fn format(text: &str) -> Option<String> {
    let parsed = crate::parse(text);
    let broken = parsed.diagnostics.iter().any(|d| d.severity == Severity::Error);
    (!broken).then(|| print(&parsed.document))
}

/// The canonical text of a tree.
#[must_use]
pub fn print(document: &Document) -> String {
    let mut out = String::new();
    for line in &document.lines {
        match line {
            Line::Blank => {}
            Line::Comment(comment) => push_comment(comment, &mut out),
            Line::Statement(statement) => {
                wrap(&print_statement(&statement.kind), &mut out);
                if let Some(comment) = &statement.comment {
                    out.push_str("  ");
                    push_comment(comment, &mut out);
                }
            }
        }
        out.push('\n');
    }
    out
}

/// The canonical text of an expression.
#[must_use]
pub fn print_expression(expression: &Expression) -> String {
    let mut printer = Printer::default();
    printer.expression(expression, 0);
    printer.out.replace(BREAK, " ")
}

fn push_comment(comment: &str, out: &mut String) {
    out.push('#');
    if !comment.is_empty() {
        out.push(' ');
        out.push_str(comment);
    }
}

/// Fills lines up to the width. Breaks between brackets are used only in parts that are too long
/// without them.
fn wrap(statement: &str, out: &mut String) {
    let mut parts: Vec<String> = vec![String::new()];
    let mut depth = 0;
    for c in statement.chars() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            _ => {}
        }
        match parts.last_mut() {
            Some(part) if c != BREAK || depth > 0 => part.push(c),
            _ => parts.push(String::new()),
        }
    }
    let mut column = 0;
    let mut first = true;
    for part in &parts {
        let whole = part.chars().count() <= WIDTH - INDENT;
        let pieces: Vec<String> = if whole {
            vec![part.replace(BREAK, " ")]
        } else {
            part.split(BREAK).map(str::to_owned).collect()
        };
        for piece in pieces {
            let length = piece.chars().count();
            if !first {
                if column + 1 + length > WIDTH {
                    out.push('\n');
                    out.extend(std::iter::repeat_n(' ', INDENT));
                    column = INDENT;
                } else {
                    out.push(' ');
                    column += 1;
                }
            }
            first = false;
            out.push_str(&piece);
            column += length;
        }
    }
}

fn print_statement(kind: &StatementKind) -> String {
    let mut printer = Printer::default();
    printer.statement(kind);
    printer.out
}

#[derive(Default)]
struct Printer {
    out: String,
}

impl Printer {
    fn text(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn separated<T>(&mut self, items: &[T], separator: &str, mut one: impl FnMut(&mut Self, &T)) {
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                self.text(separator);
                self.out.push(BREAK);
            }
            one(self, item);
        }
    }

    fn equals(&mut self, e: &Expression) {
        self.text(" = ");
        self.expression(e, 0);
    }

    fn unit(&mut self, unit: Option<&Text>) {
        if let Some(unit) = unit {
            self.text(&format!(" {{{}}}", unit.text));
        }
    }

    fn optional(&mut self, word: &str, e: Option<&Expression>) {
        if let Some(e) = e {
            self.text(word);
            self.expression(e, 0);
        }
    }

    fn statement(&mut self, kind: &StatementKind) {
        use StatementKind as S;
        match kind {
            S::Invalid => {}
            S::Model(title) => self.text(&format!("model \"{}\"", title.text)),
            S::Time { name, unit, from } => {
                self.text(&format!("time {}", name.text));
                self.unit(unit.as_ref());
                self.optional(" from ", from.as_ref());
            }
            S::State(items) => {
                self.text("state ");
                self.separated(items, ",", Self::state);
            }
            S::Algebraic { target, guess, unit } => {
                self.declared("algebraic ", target, guess);
                self.unit(unit.as_ref());
            }
            S::Param(items) => {
                self.text("param ");
                self.separated(items, ",", Self::param);
            }
            S::Const(items) => {
                self.text("const ");
                self.separated(items, ",", |p, item| {
                    p.declarator(&item.target);
                    p.equals(&item.value);
                    p.unit(item.unit.as_ref());
                });
            }
            S::Let { target, value, unit } => {
                self.declared("let ", target, value);
                self.unit(unit.as_ref());
            }
            S::Function { name, arguments, body } => {
                self.function("function ", name, arguments, body);
            }
            S::Hamiltonian { name, arguments, body } => {
                self.function("hamiltonian ", name, arguments, body);
            }
            S::Network { name, kind, options } => {
                self.text(&format!("network {}: {}(", name.text, kind.text));
                self.separated(options, ",", |p, (name, value)| {
                    p.text(&format!("{}: ", name.text));
                    match value {
                        OptionExpression::Text(text) => p.text(&format!("\"{}\"", text.text)),
                        OptionExpression::Expression(e) => p.expression(e, 0),
                    }
                });
                self.text(")");
            }
            S::Input { name, column, interpolation, unit } => {
                self.text(&format!("input {} = column(\"{}\"", name.text, column.text));
                if let Some(word) = interpolation {
                    self.text(&format!(", {}", word.text));
                }
                self.text(")");
                self.unit(unit.as_ref());
            }
            S::Observe { target, value, unit, noise } => {
                self.declared("observe ", target, value);
                self.unit(unit.as_ref());
                if let Some(noise) = noise {
                    self.text(" with");
                    self.out.push(BREAK);
                    self.applied(noise);
                }
            }
            S::History { target, value } => self.declared("history ", target, value),
            S::Noise { target, stratonovich, correlated } => {
                self.text("noise ");
                self.declarator(target);
                if *stratonovich {
                    self.text(" stratonovich");
                }
                if let Some((other, correlation)) = correlated {
                    self.text(&format!(" correlated({}, ", other.text));
                    self.expression(correlation, 0);
                    self.text(")");
                }
            }
            S::Reaction { name, left, right, reversible, rates } => {
                self.text(&format!("reaction {}: ", name.text));
                self.species(left);
                self.text(if *reversible { " <-> " } else { " -> " });
                self.species(right);
                self.text(" rate ");
                self.separated(rates, ",", |p, e| p.expression(e, 0));
            }
            S::When { expression, level, direction, assignments } => {
                self.crossing("when ", expression, level, *direction);
                self.assignments(assignments);
            }
            S::Stop { expression, level, direction } => {
                self.crossing("stop when ", expression, level, *direction);
            }
            S::At { times, assignments } => {
                self.optional("at ", Some(times));
                self.assignments(assignments);
            }
            S::Every { period, from, count, assignments } => {
                self.optional("every ", Some(period));
                self.optional(" from ", from.as_ref());
                self.optional(" count ", count.as_ref());
                self.assignments(assignments);
            }
            S::Jump { rate, bound, lasting, assignments } => {
                self.optional("jump rate ", Some(rate));
                self.optional(" bound ", bound.as_ref());
                self.optional(" for ", lasting.as_ref());
                self.assignments(assignments);
            }
            S::Equation { left, right, loops } => {
                self.expression(left, 0);
                self.equals(right);
                self.loops(loops);
            }
        }
    }

    fn declared(&mut self, word: &str, target: &Declarator, value: &Expression) {
        self.text(word);
        self.declarator(target);
        self.equals(value);
    }

    fn function(&mut self, word: &str, name: &Name, arguments: &[Name], body: &Expression) {
        self.text(&format!("{word}{}(", name.text));
        self.separated(arguments, ",", |p, a| p.text(&a.text));
        self.text(")");
        self.equals(body);
    }

    fn declarator(&mut self, target: &Declarator) {
        self.text(&target.name.text);
        if !target.dimensions.is_empty() {
            self.text("[");
            self.separated(&target.dimensions, ",", |p, d| match d {
                Dimension::Size(e) => p.expression(e, 0),
                Dimension::Loop(l) => p.one_loop(l),
            });
            self.text("]");
        }
        self.primes(target.order);
    }

    fn primes(&mut self, order: u32) {
        self.out.extend(std::iter::repeat_n('\'', order as usize));
    }

    fn bounds(&mut self, bounds: Option<&(Expression, Expression)>) {
        if let Some((low, high)) = bounds {
            self.text(" in [");
            self.expression(low, 0);
            self.text(", ");
            self.expression(high, 0);
            self.text("]");
        }
    }

    fn state(&mut self, item: &StateItem) {
        self.declarator(&item.target);
        self.optional(" = ", item.initial.as_ref());
        self.unit(item.unit.as_ref());
        self.bounds(item.bounds.as_ref());
        if item.positive {
            self.text(" positive");
        }
        if item.fit {
            self.text(" fit");
        }
    }

    fn param(&mut self, item: &ParamItem) {
        self.declarator(&item.target);
        self.equals(&item.value);
        self.unit(item.unit.as_ref());
        self.bounds(item.bounds.as_ref());
        self.text(match item.scale {
            Scale::Linear => "",
            Scale::Log => " log",
            Scale::Logit => " logit",
        });
        if let Some(prior) = &item.prior {
            self.text(" ~ ");
            self.applied(prior);
        }
    }

    fn applied(&mut self, applied: &Applied) {
        self.text(&applied.name.text);
        self.arguments("(", &applied.arguments, ")");
    }

    fn arguments(&mut self, open: &str, list: &[Expression], close: &str) {
        self.text(open);
        self.separated(list, ",", |p, e| p.expression(e, 0));
        self.text(close);
    }

    fn species(&mut self, list: &[Species]) {
        if list.is_empty() {
            self.text("0");
        }
        self.separated(list, " +", |p, s| {
            if let Some(count) = &s.count {
                p.text(&format!("{} ", count.text));
            }
            p.text(&s.name.text);
        });
    }

    fn crossing(&mut self, word: &str, e: &Expression, level: &Expression, direction: Direction) {
        self.optional(word, Some(e));
        self.optional(" crosses ", Some(level));
        self.text(match direction {
            Direction::Both => "",
            Direction::Rising => " rising",
            Direction::Falling => " falling",
        });
    }

    fn assignments(&mut self, list: &[Assignment]) {
        self.text(": ");
        self.separated(list, ",", |p, a| {
            p.expression(&a.target, 0);
            p.text(match a.operator {
                AssignOperator::Set => " = ",
                AssignOperator::Add => " += ",
                AssignOperator::Subtract => " -= ",
                AssignOperator::Multiply => " *= ",
                AssignOperator::Divide => " /= ",
            });
            p.expression(&a.value, 0);
        });
    }

    fn loops(&mut self, loops: &[Loop]) {
        if !loops.is_empty() {
            self.text(" for ");
            self.separated(loops, ",", Self::one_loop);
        }
    }

    fn one_loop(&mut self, l: &Loop) {
        self.text(&format!("{} in ", l.index.text));
        let Range { start, end } = &l.range;
        self.expression(start, 0);
        self.text("..");
        self.expression(end, 0);
    }

    /// Writes `e`, in brackets when it binds looser than `min`.
    fn expression(&mut self, e: &Expression, min: u8) {
        let bracket = level(e) < min;
        if bracket {
            self.text("(");
        }
        match &e.kind {
            // Only trees of texts with errors have it; nothing that is read back.
            K::Missing => self.text("?"),
            K::Number(number) => self.text(&number.text),
            K::Name(name) => self.text(name),
            K::Unary(Unary::Not, a) => {
                self.text("not ");
                self.expression(a, p::COMPARISON);
            }
            K::Unary(_, a) => {
                self.text("-");
                self.expression(a, p::POWER);
            }
            K::Binary(Binary::Pow, a, b) => {
                self.expression(a, p::POSTFIX);
                self.text("^");
                self.expression(b, p::SIGN);
            }
            K::Binary(f, a, b) => {
                let level = level(e);
                self.expression(a, level);
                self.operator(*f);
                // `a - (-b)` reads better than `a - -b`.
                let signed = matches!(b.kind, K::Unary(Unary::Neg, _));
                self.expression(b, if signed { p::POWER } else { level + 1 });
            }
            K::Comparison(first, rest) => {
                self.expression(first, p::SUM);
                for (f, b) in rest {
                    self.operator(*f);
                    self.expression(b, p::SUM);
                }
            }
            K::If(c, a, b) => {
                self.text("if ");
                self.expression(c, 0);
                self.text(" then");
                self.out.push(BREAK);
                self.expression(a, 0);
                self.text(" else");
                self.out.push(BREAK);
                self.expression(b, 0);
            }
            K::Call(name, list) => {
                self.text(&name.text);
                self.arguments("(", list, ")");
            }
            K::Index(a, list) => {
                self.expression(a, p::POSTFIX);
                self.arguments("[", list, "]");
            }
            K::Derivative(a, order) => {
                // Primes in a row would be counted together.
                let again = matches!(a.kind, K::Derivative(..));
                self.expression(a, if again { u8::MAX } else { p::POSTFIX });
                self.primes(*order);
            }
            K::List(list) => self.arguments("[", list, "]"),
            K::Comprehension(a, loops) => {
                self.expression(a, 0);
                self.loops(loops);
            }
        }
        if bracket {
            self.text(")");
        }
    }

    fn operator(&mut self, f: Binary) {
        match f {
            Binary::Mul | Binary::Div => self.text(f.symbol()),
            _ => {
                self.out.push(' ');
                self.text(f.symbol());
                self.out.push(BREAK);
            }
        }
    }
}

/// How tight an expression binds.
pub(crate) fn level(e: &Expression) -> u8 {
    match &e.kind {
        K::If(..) | K::Comprehension(..) => 0,
        K::Binary(Binary::Or, ..) => p::OR,
        K::Binary(Binary::And, ..) => p::AND,
        K::Unary(Unary::Not, _) => p::NOT,
        K::Comparison(..) => p::COMPARISON,
        K::Binary(Binary::Add | Binary::Sub, ..) => p::SUM,
        K::Binary(Binary::Mul | Binary::Div, ..) => p::PRODUCT,
        K::Unary(..) => p::SIGN,
        K::Binary(..) => p::POWER,
        _ => p::POSTFIX,
    }
}
