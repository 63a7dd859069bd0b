//! Expressions, by precedence climbing.
//!
//! From loosest to tightest: `if`, `or`, `and`, `not`, comparisons, `+ -`, `* /`, unary minus,
//! `^` (to the right), then calls, indices and primes.

use super::{MAX_HEIGHT, MAX_NESTING, Parser, is_reserved, slice};
use crate::lexer::TokenKind;
use crate::syntax::{Expression, ExpressionKind, Loop, Name, Number, Range};
use crate::{Binary, Diagnostic, Span, Unary};

/// Precedence of operators; what stands in brackets has the highest.
pub(crate) mod precedence {
    pub(crate) const OR: u8 = 1;
    pub(crate) const AND: u8 = 2;
    pub(crate) const NOT: u8 = 3;
    pub(crate) const COMPARISON: u8 = 4;
    pub(crate) const SUM: u8 = 5;
    pub(crate) const PRODUCT: u8 = 6;
    pub(crate) const SIGN: u8 = 7;
    pub(crate) const POWER: u8 = 8;
    pub(crate) const POSTFIX: u8 = 9;
}
use precedence as p;

/// Advice for those who begin a line with an operator.
pub(super) const GOES_ON: &str = "a line goes on when it ends in an operator, a comma or an open \
     bracket: move the operator to the end of the line before";

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Expression {
        self.climb(p::OR)
    }

    fn make(&mut self, kind: ExpressionKind, span: Span) -> Expression {
        let expression = Expression::new(kind, span);
        if expression.height() > MAX_HEIGHT {
            let message = format!("this expression has more than {MAX_HEIGHT} levels");
            self.fail(
                Diagnostic::error("too-deep", span, message).hint("name parts of it with `let`"),
            );
            return Expression::new(ExpressionKind::Missing, span);
        }
        expression
    }

    /// The operator here with its precedence.
    fn operator(&mut self) -> Option<(Binary, u8)> {
        let token = self.peek();
        let found = match token.kind {
            TokenKind::Symbol(symbol) => match symbol {
                "+" => (Binary::Add, p::SUM),
                "-" => (Binary::Sub, p::SUM),
                "*" => (Binary::Mul, p::PRODUCT),
                "/" => (Binary::Div, p::PRODUCT),
                "<" => (Binary::Less, p::COMPARISON),
                "<=" => (Binary::LessEqual, p::COMPARISON),
                ">" => (Binary::Greater, p::COMPARISON),
                ">=" => (Binary::GreaterEqual, p::COMPARISON),
                "==" => (Binary::Equal, p::COMPARISON),
                "!=" => (Binary::NotEqual, p::COMPARISON),
                "**" | "&&" | "||" => {
                    let right = match symbol {
                        "**" => "^",
                        "&&" => "and",
                        _ => "or",
                    };
                    let message = format!("`{symbol}` is written `{right}` here");
                    self.fail(
                        Diagnostic::error("foreign-operator", token.span, message)
                            .hint(format!("write `{right}`")),
                    );
                    return None;
                }
                _ => return None,
            },
            TokenKind::Name => match self.word_of(token) {
                "and" => (Binary::And, p::AND),
                "or" => (Binary::Or, p::OR),
                _ => return None,
            },
            _ => return None,
        };
        Some(found)
    }

    fn climb(&mut self, min: u8) -> Expression {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            let message = format!("this is nested more than {MAX_NESTING} levels deep");
            self.fail(
                Diagnostic::error("too-deep", self.peek().span, message)
                    .hint("name the inner parts with `let`"),
            );
            self.depth -= 1;
            return self.missing();
        }
        let mut left = self.prefix();
        while let Some((operator, level)) = self.operator() {
            if level < min {
                break;
            }
            if level == p::COMPARISON {
                let mut rest = Vec::new();
                while let Some((operator, p::COMPARISON)) = self.operator() {
                    self.at += 1;
                    rest.push((operator, self.climb(p::SUM)));
                }
                let span = rest.last().map_or(left.span, |(_, e)| left.span.to(e.span));
                left = self.make(ExpressionKind::Comparison(Box::new(left), rest), span);
                continue;
            }
            self.at += 1;
            let right = self.climb(level + 1);
            let span = left.span.to(right.span);
            let kind = ExpressionKind::Binary(operator, Box::new(left), Box::new(right));
            left = self.make(kind, span);
        }
        self.depth -= 1;
        left
    }

    fn prefix(&mut self) -> Expression {
        let token = self.peek();
        let (operator, level) = match token.kind {
            TokenKind::Symbol("-") => (Unary::Neg, p::SIGN),
            TokenKind::Symbol("+") => {
                self.at += 1;
                return self.climb(p::SIGN);
            }
            TokenKind::Symbol("!") => {
                let message = "`!` is written `not` here".to_owned();
                self.fail(
                    Diagnostic::error("foreign-operator", token.span, message).hint("write `not`"),
                );
                return self.missing();
            }
            TokenKind::Name if self.at_word("not") => (Unary::Not, p::NOT + 1),
            TokenKind::Name if self.at_word("if") => return self.branch(),
            _ => return self.power(),
        };
        self.at += 1;
        let operand = self.climb(level);
        let span = token.span.to(operand.span);
        self.make(ExpressionKind::Unary(operator, Box::new(operand)), span)
    }

    fn branch(&mut self) -> Expression {
        let start = self.next().span;
        let condition = self.expression();
        if !self.take_word("then") {
            if self.at_symbol("=") {
                let message = "`=` does not compare".to_owned();
                self.fail(
                    Diagnostic::error("syntax", self.peek().span, message).hint("write `==`"),
                );
            }
            self.expected("`then`");
        }
        let yes = self.expression();
        if !self.take_word("else") {
            let token = self.peek();
            let message = format!(
                "expected `else`, found {}: every `if` has both values",
                self.describe(token)
            );
            self.fail(Diagnostic::error("syntax", token.span, message));
        }
        let no = self.expression();
        let span = start.to(no.span);
        self.make(ExpressionKind::If(Box::new(condition), Box::new(yes), Box::new(no)), span)
    }

    fn power(&mut self) -> Expression {
        let base = self.postfix();
        if !self.take_symbol("^") {
            return base;
        }
        let exponent = self.climb(p::SIGN);
        let span = base.span.to(exponent.span);
        self.make(ExpressionKind::Binary(Binary::Pow, Box::new(base), Box::new(exponent)), span)
    }

    fn postfix(&mut self) -> Expression {
        let mut expression = self.primary();
        loop {
            if self.at_symbol("[") {
                let open = self.next();
                let indices = self.arguments("]", open);
                let span = expression.span.to(self.previous().span);
                expression = self.make(ExpressionKind::Index(Box::new(expression), indices), span);
            } else if self.at_symbol("'") {
                let mut order = 0;
                while self.take_symbol("'") {
                    order += 1;
                }
                let span = expression.span.to(self.previous().span);
                expression =
                    self.make(ExpressionKind::Derivative(Box::new(expression), order), span);
            } else {
                return expression;
            }
        }
    }

    /// `a, b, c)` after the opening bracket.
    pub(super) fn arguments(&mut self, close: &str, open: crate::lexer::Token) -> Vec<Expression> {
        let mut list = Vec::new();
        if self.take_symbol(close) {
            return list;
        }
        loop {
            let mut argument = self.expression();
            if self.at_word("for") {
                let loops = self.loops();
                let span = argument.span.to(self.previous().span);
                argument =
                    self.make(ExpressionKind::Comprehension(Box::new(argument), loops), span);
            }
            list.push(argument);
            if self.failed || !self.take_symbol(",") {
                break;
            }
            // A trailing comma is fine.
            if self.at_symbol(close) {
                break;
            }
        }
        self.close(close, open);
        list
    }

    /// `for i in 1..N, j in 1..M`.
    pub(super) fn loops(&mut self) -> Vec<Loop> {
        let mut loops = Vec::new();
        if self.take_word("for") {
            loop {
                let index = self.name("the name of an index");
                if !self.take_word("in") {
                    self.expected("`in`");
                }
                let range = self.range();
                loops.push(Loop { index, range });
                if self.failed || !self.take_symbol(",") {
                    break;
                }
            }
        }
        loops
    }

    pub(super) fn range(&mut self) -> Range {
        let start = self.expression();
        if !self.take_symbol("..") {
            self.expected("`..` and the last value of the range");
        }
        let end = self.expression();
        Range { start, end }
    }

    fn primary(&mut self) -> Expression {
        let token = self.peek();
        match token.kind {
            TokenKind::Number(value) => {
                self.at += 1;
                let number = Number::new(value, slice(self.text, token.span));
                Expression::new(ExpressionKind::Number(number), token.span)
            }
            TokenKind::Name if !is_reserved(self.word_of(token)) => {
                self.at += 1;
                let text = self.word_of(token).to_owned();
                if !self.at_symbol("(") {
                    return Expression::new(ExpressionKind::Name(text), token.span);
                }
                let open = self.next();
                let list = self.arguments(")", open);
                let span = token.span.to(self.previous().span);
                let name = Name { text, span: token.span };
                self.make(ExpressionKind::Call(name, list), span)
            }
            TokenKind::Symbol("(") => {
                self.at += 1;
                let mut inner = self.expression();
                self.close(")", token);
                // Brackets leave no trace but the span.
                inner.span = token.span.to(self.previous().span);
                inner
            }
            TokenKind::Symbol("[") => {
                self.at += 1;
                let list = self.arguments("]", token);
                let span = token.span.to(self.previous().span);
                self.make(ExpressionKind::List(list), span)
            }
            _ => {
                self.no_operand();
                self.missing()
            }
        }
    }

    fn no_operand(&mut self) {
        let token = self.peek();
        let before = self.previous();
        let mut diagnostic = Diagnostic::error(
            "syntax",
            token.span,
            format!("expected an expression, found {}", self.describe(token)),
        );
        if self.at > 0 && matches!(before.kind, TokenKind::Symbol(_)) {
            diagnostic.message = format!(
                "expected an expression after {}, found {}",
                self.describe(before),
                self.describe(token)
            );
        } else if self.at == 0
            && matches!(token.kind, TokenKind::Symbol("*" | "/" | "^" | ")" | "]" | "," | "="))
        {
            diagnostic.message = format!("a statement cannot begin with {}", self.describe(token));
            diagnostic.hint = Some(GOES_ON.into());
        }
        self.fail(diagnostic);
    }
}
