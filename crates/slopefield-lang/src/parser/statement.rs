//! Statements: a word that says what is declared, or an equation.

use super::Parser;
use crate::lexer::TokenKind;
use crate::suggest;
use crate::syntax::{
    Applied, ConstItem, Declarator, Dimension, Expression, ExpressionKind, Loop, Name, ParamItem,
    StateItem, StatementKind,
};
use crate::{Diagnostic, Scale};

/// Words that begin a statement.
pub(crate) const STATEMENTS: [&str; 19] = [
    "model",
    "time",
    "state",
    "algebraic",
    "param",
    "const",
    "let",
    "function",
    "network",
    "input",
    "observe",
    "history",
    "noise",
    "hamiltonian",
    "reaction",
    "when",
    "at",
    "every",
    "jump",
];

impl Parser<'_> {
    pub(super) fn statement(&mut self) -> StatementKind {
        let word = self.word_of(self.peek());
        let kind = if self.begins_statement(word) {
            self.at += 1;
            self.declaration(word)
        } else if self.unknown_statement() {
            StatementKind::Invalid
        } else {
            self.equation()
        };
        self.finish();
        kind
    }

    /// The words are not reserved: `at' = -at` is an equation for a state called `at`.
    fn begins_statement(&self, word: &str) -> bool {
        let next = self.peek_at(1);
        let named = matches!(next.kind, TokenKind::Name);
        match word {
            "stop" => self.word_of(next) == "when",
            "jump" => self.word_of(next) == "rate",
            "at" | "every" | "when" => match next.kind {
                TokenKind::Symbol("[") => next.span.start > self.peek().span.end,
                TokenKind::Symbol("(" | "-") | TokenKind::Number(_) | TokenKind::Name => true,
                _ => false,
            },
            "noise" | "history" | "input" | "reaction" | "hamiltonian" | "time" => named,
            _ => STATEMENTS.contains(&word) && next.kind != TokenKind::Symbol("'"),
        }
    }

    /// `parm k = 1`: two names in a row begin no equation.
    fn unknown_statement(&mut self) -> bool {
        let (first, second) = (self.peek(), self.peek_at(1));
        let word = self.word_of(first);
        let starts = word != "if" && word != "not" && !word.is_empty();
        if !(starts
            && matches!(second.kind, TokenKind::Name | TokenKind::Text)
            && !matches!(self.word_of(second), "and" | "or"))
        {
            return false;
        }
        if self.diagnostics.len() > crate::MAX_DIAGNOSTICS {
            // Nobody will read it, and looking for similar words takes time.
            self.failed = true;
            self.at = self.tokens.len() - 1;
            return true;
        }
        let mut diagnostic = Diagnostic::error(
            "unknown-statement",
            first.span,
            format!("`{word}` does not begin a statement"),
        );
        diagnostic.hint = match word {
            "parameter" | "parameters" => Some("did you mean `param`?".into()),
            "constant" => Some("did you mean `const`?".into()),
            "var" | "variable" => Some("did you mean `state` or `let`?".into()),
            "def" | "fn" => Some("did you mean `function`?".into()),
            "measure" | "data" | "output" => Some("did you mean `observe`?".into()),
            _ => suggest::did_you_mean(word, STATEMENTS.iter().copied()).or_else(|| {
                Some(format!("the statements are {} and equations", STATEMENTS.join(", ")))
            }),
        };
        self.fail(diagnostic);
        true
    }

    /// Nothing may be left over.
    fn finish(&mut self) {
        if self.failed || self.at_end() || self.decimal_comma() {
            return;
        }
        let token = self.peek();
        let found = self.describe(token);
        let message = format!("expected the end of the statement, found {found}");
        let mut diagnostic = Diagnostic::error("syntax", token.span, message);
        let operand_before = matches!(
            self.previous().kind,
            TokenKind::Number(_) | TokenKind::Name | TokenKind::Symbol(")" | "]" | "'")
        );
        match token.kind {
            TokenKind::Symbol("(") | TokenKind::Number(_) | TokenKind::Name if operand_before => {
                diagnostic.message = format!("an operator is missing before {found}");
                diagnostic.hint = Some("multiplication is written `*`".into());
            }
            TokenKind::Symbol("=") => {
                diagnostic.hint = Some("a comparison is written `==`".into());
            }
            TokenKind::Symbol(")" | "]") => {
                diagnostic.message = format!("{found} closes nothing");
            }
            TokenKind::Unit => {
                diagnostic.hint = Some("a unit stands after the value of a declaration".into());
            }
            _ => {}
        }
        self.fail(diagnostic);
    }

    fn declaration(&mut self, word: &str) -> StatementKind {
        match word {
            "model" => StatementKind::Model(self.quoted("the title in quotes")),
            "time" => {
                let name = self.name("the name of time");
                let mut unit = self.unit();
                let from = self.take_word("from").then(|| self.expression());
                if unit.is_none() {
                    unit = self.unit();
                }
                StatementKind::Time { name, unit, from }
            }
            "state" => StatementKind::State(self.list(Self::state_item)),
            "param" => StatementKind::Param(self.list(Self::param_item)),
            "const" => StatementKind::Const(self.list(|p| {
                let target = p.declarator("the name of a constant");
                let value = p.value();
                ConstItem { target, value, unit: p.unit() }
            })),
            "algebraic" => {
                let target = self.declarator("the name of an algebraic variable");
                let guess = self.value();
                StatementKind::Algebraic { target, guess, unit: self.unit() }
            }
            "let" => {
                let target = self.declarator("a name");
                let value = self.value();
                StatementKind::Let { target, value, unit: self.unit() }
            }
            "function" => {
                let (name, arguments, body) = self.function("the name of a function");
                StatementKind::Function { name, arguments, body }
            }
            "hamiltonian" => {
                let (name, arguments, body) = self.function("the name of the Hamiltonian");
                StatementKind::Hamiltonian { name, arguments, body }
            }
            "network" => self.network(),
            "input" => self.input(),
            "observe" => {
                let target = self.declarator("the name of a measured quantity");
                let value = self.value();
                let mut unit = self.unit();
                let noise = self.take_word("with").then(|| self.applied("a noise model"));
                if unit.is_none() {
                    unit = self.unit();
                }
                StatementKind::Observe { target, value, unit, noise }
            }
            "history" => {
                let target = self.declarator("the name of a state");
                StatementKind::History { target, value: self.value() }
            }
            "noise" => self.noise(),
            "reaction" => self.reaction(),
            "when" => {
                let (expression, level, direction) = self.crossing();
                StatementKind::When { expression, level, direction, assignments: self.happens() }
            }
            "stop" => {
                self.at += 1; // `when`
                let (expression, level, direction) = self.crossing();
                StatementKind::Stop { expression, level, direction }
            }
            "at" => {
                let times = self.expression();
                StatementKind::At { times, assignments: self.happens() }
            }
            "every" => {
                let period = self.expression();
                let from = self.take_word("from").then(|| self.expression());
                let count = self.take_word("count").then(|| self.expression());
                StatementKind::Every { period, from, count, assignments: self.happens() }
            }
            "jump" => {
                self.at += 1; // `rate`
                let rate = self.expression();
                let bound = self.take_word("bound").then(|| self.expression());
                let holds = bound.is_some() && self.take_word("for");
                let lasting = holds.then(|| self.expression());
                StatementKind::Jump { rate, bound, lasting, assignments: self.happens() }
            }
            _ => StatementKind::Invalid,
        }
    }

    fn list<T>(&mut self, item: impl Fn(&mut Self) -> T) -> Vec<T> {
        let mut items = vec![item(self)];
        while !self.failed && self.at_symbol(",") {
            if self.decimal_comma() {
                break;
            }
            self.at += 1;
            items.push(item(self));
        }
        items
    }

    /// `= expression`.
    fn value(&mut self) -> Expression {
        self.expect_symbol("=");
        self.expression()
    }

    pub(super) fn declarator(&mut self, what: &str) -> Declarator {
        let name = self.name(what);
        let mut declarator = Declarator { name, order: 0, dimensions: Vec::new() };
        if self.at_symbol("[") {
            let open = self.next();
            loop {
                let looped =
                    self.peek().kind == TokenKind::Name && self.word_of(self.peek_at(1)) == "in";
                let dimension = if looped {
                    let index = self.name("the name of an index");
                    self.at += 1;
                    let range = self.range();
                    Dimension::Loop(Loop { index, range })
                } else {
                    Dimension::Size(self.expression())
                };
                declarator.dimensions.push(dimension);
                if self.failed || !self.take_symbol(",") {
                    break;
                }
            }
            self.close("]", open);
        }
        while self.take_symbol("'") {
            declarator.order += 1;
        }
        declarator
    }

    fn bounds(&mut self) -> Option<(Expression, Expression)> {
        let open = self.peek();
        if !self.expect_symbol("[") {
            return None;
        }
        let low = self.expression();
        if !self.failed && !self.take_symbol(",") {
            self.expected("`,` and the upper bound");
        }
        let high = self.expression();
        // `[0,5, 2]`: three numbers where two are expected, the first two without a space.
        if !self.failed && self.at_symbol(",") && low.span.end + 1 == high.span.start {
            let at = low.span.to(high.span);
            let text = super::slice(self.text, at);
            let message = format!("`{text}` is not a number: the decimal sign is a point");
            let hint = format!("write `{}`", text.replace(',', "."));
            self.fail(Diagnostic::error("decimal-comma", at, message).hint(hint));
        }
        self.close("]", open);
        (!self.failed).then_some((low, high))
    }

    fn state_item(&mut self) -> StateItem {
        let target = self.declarator("the name of a state");
        let initial = self.take_symbol("=").then(|| self.expression());
        let mut item =
            StateItem { target, initial, unit: None, bounds: None, positive: false, fit: false };
        if item.initial.is_none() && item.target.dimensions.is_empty() {
            let token = self.peek();
            let message =
                format!("expected `=` and the initial value, found {}", self.describe(token));
            self.fail(
                Diagnostic::error("syntax", token.span, message)
                    .hint("a state is declared as `state x = 1`"),
            );
        }
        while !self.failed {
            match self.word_of(self.peek()) {
                "in" => {
                    self.once(item.bounds.is_some());
                    item.bounds = self.bounds();
                }
                "positive" => {
                    self.once(item.positive);
                    item.positive = true;
                }
                "fit" => {
                    self.once(item.fit);
                    item.fit = true;
                }
                _ if self.peek().kind == TokenKind::Unit && item.unit.is_none() => {
                    item.unit = self.unit();
                }
                _ => break,
            }
        }
        item
    }

    fn param_item(&mut self) -> ParamItem {
        let target = self.declarator("the name of a parameter");
        let value = self.value();
        let mut item = ParamItem {
            target,
            value,
            unit: None,
            bounds: None,
            scale: Scale::Linear,
            prior: None,
        };
        while !self.failed {
            match self.word_of(self.peek()) {
                "in" => {
                    self.once(item.bounds.is_some());
                    item.bounds = self.bounds();
                }
                "log" => {
                    self.once(item.scale != Scale::Linear);
                    item.scale = Scale::Log;
                }
                "logit" => {
                    self.once(item.scale != Scale::Linear);
                    item.scale = Scale::Logit;
                }
                _ if self.peek().kind == TokenKind::Unit && item.unit.is_none() => {
                    item.unit = self.unit();
                }
                _ if self.at_symbol("~") => {
                    self.once(item.prior.is_some());
                    if !self.failed {
                        item.prior = Some(self.applied("a prior"));
                    }
                }
                _ => break,
            }
        }
        item
    }

    /// Steps over a word that may stand only once.
    fn once(&mut self, seen: bool) {
        let token = self.peek();
        if seen {
            let message =
                format!("{} does not go with what stands before it", self.describe(token));
            self.fail(
                Diagnostic::error("syntax", token.span, message)
                    .hint("bounds, scale and prior are given once"),
            );
        } else {
            self.at += 1;
        }
    }

    fn applied(&mut self, what: &str) -> Applied {
        let name = self.name(what);
        let arguments = if self.at_symbol("(") {
            let open = self.next();
            self.arguments(")", open)
        } else {
            Vec::new()
        };
        Applied { name, arguments }
    }

    fn function(&mut self, what: &str) -> (Name, Vec<Name>, Expression) {
        let name = self.name(what);
        let mut arguments = Vec::new();
        let open = self.peek();
        if self.expect_symbol("(") && !self.take_symbol(")") {
            loop {
                arguments.push(self.name("the name of an argument"));
                if self.failed || !self.take_symbol(",") {
                    break;
                }
            }
            self.close(")", open);
        }
        let body = self.value();
        (name, arguments, body)
    }

    fn equation(&mut self) -> StatementKind {
        let left = self.expression();
        if !self.failed && !self.at_symbol("=") && self.decimal_comma() {
            return StatementKind::Invalid;
        }
        if !self.failed && !self.at_symbol("=") {
            let token = self.peek();
            let mut diagnostic = Diagnostic::error(
                "syntax",
                token.span,
                format!("expected `=`, found {}", self.describe(token)),
            );
            let operand = matches!(
                token.kind,
                TokenKind::Number(_) | TokenKind::Name | TokenKind::Symbol("(")
            );
            if matches!(self.tokens[0].kind, TokenKind::Symbol("+" | "-")) {
                diagnostic.span = self.tokens[0].span;
                let sign = self.describe(self.tokens[0]);
                diagnostic.message = format!("a statement that begins with {sign} is no equation");
                diagnostic.hint = Some(super::expression::GOES_ON.into());
            } else if operand {
                diagnostic.hint = Some("multiplication is written `*`".into());
            } else if matches!(left.kind, ExpressionKind::Name(_)) {
                diagnostic.hint =
                    Some("an equation is written `x' = …`, a named expression `let y = …`".into());
            }
            self.fail(diagnostic);
            return StatementKind::Invalid;
        }
        self.expect_symbol("=");
        let right = self.expression();
        let loops = self.loops();
        StatementKind::Equation { left, right, loops }
    }
}
