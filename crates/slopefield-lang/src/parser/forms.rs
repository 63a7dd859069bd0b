//! Statements with a grammar of their own: networks, inputs, noise, reactions and events.

use super::Parser;
use crate::Diagnostic;
use crate::lexer::TokenKind;
use crate::syntax::{
    AssignOperator, Assignment, Direction, Expression, Name, Number, OptionExpression, Species,
    StatementKind,
};

impl Parser<'_> {
    pub(super) fn network(&mut self) -> StatementKind {
        let name = self.name("the name of a network");
        if !self.take_symbol(":") {
            let token = self.peek();
            let message = format!("expected `:` and the kind, found {}", self.describe(token));
            self.fail(
                Diagnostic::error("syntax", token.span, message)
                    .hint("a network is declared as `network n: mlp(inputs: 2, outputs: 1)`"),
            );
        }
        let kind = self.kind();
        let mut options = Vec::new();
        let open = self.peek();
        if self.expect_symbol("(") && !self.take_symbol(")") {
            loop {
                let option = self.name("the name of an option");
                self.expect_symbol(":");
                let value = if self.peek().kind == TokenKind::Text {
                    OptionExpression::Text(self.quoted("a text"))
                } else {
                    OptionExpression::Expression(self.expression())
                };
                options.push((option, value));
                if self.failed || !self.take_symbol(",") || self.at_symbol(")") {
                    break;
                }
            }
            self.close(")", open);
        }
        StatementKind::Network { name, kind, options }
    }

    /// `mlp`, or a plugin's path `org.example.kan/kan`, which has no spaces inside.
    pub(super) fn kind(&mut self) -> Name {
        let mut name = self.name("the kind of network, such as `mlp`");
        loop {
            let token = self.peek();
            let part = matches!(
                token.kind,
                TokenKind::Name | TokenKind::Number(_) | TokenKind::Symbol("." | "/" | "-")
            );
            if self.failed || !part || token.span.start != name.span.end {
                return name;
            }
            self.at += 1;
            name.text.push_str(super::slice(self.text, token.span));
            name.span = name.span.to(token.span);
        }
    }

    pub(super) fn input(&mut self) -> StatementKind {
        let name = self.name("the name of an input");
        self.expect_symbol("=");
        let open = self.peek_at(1);
        if !self.take_word("column") {
            self.expected("`column(\"name\")`");
        }
        self.expect_symbol("(");
        let column = self.quoted("the name of a column in quotes");
        let interpolation =
            self.take_symbol(",").then(|| self.name("`linear`, `previous` or `cubic`"));
        self.close(")", open);
        if let Some(word) = &interpolation
            && !matches!(word.text.as_str(), "linear" | "previous" | "cubic")
        {
            let message = format!("there is no interpolation `{}`", word.text);
            self.fail(
                Diagnostic::error("syntax", word.span, message)
                    .hint("choose `linear`, `previous` or `cubic`"),
            );
        }
        StatementKind::Input { name, column, interpolation, unit: self.unit() }
    }

    pub(super) fn noise(&mut self) -> StatementKind {
        let target = self.declarator("the name of a noise");
        let stratonovich = self.take_word("stratonovich");
        let correlated = self.take_word("correlated").then(|| {
            let open = self.peek();
            self.expect_symbol("(");
            let other = self.name("the name of another noise");
            self.expect_symbol(",");
            let correlation = self.expression();
            self.close(")", open);
            (other, correlation)
        });
        StatementKind::Noise { target, stratonovich, correlated }
    }

    pub(super) fn reaction(&mut self) -> StatementKind {
        let name = self.name("the name of a reaction");
        self.expect_symbol(":");
        let left = self.species();
        let reversible = self.at_symbol("<->");
        if !reversible && !self.at_symbol("->") {
            self.expected("`->` or `<->`");
        } else {
            self.at += 1;
        }
        let right = self.species();
        if !self.take_word("rate") {
            self.expected("`rate`");
        }
        let mut rates = vec![self.expression()];
        while !self.failed && self.take_symbol(",") {
            rates.push(self.expression());
        }
        let wanted = if reversible { 2 } else { 1 };
        if !self.failed && rates.len() != wanted {
            let message = format!(
                "a reaction with `{}` has {wanted} rate{}, not {}",
                if reversible { "<->" } else { "->" },
                if reversible { "s" } else { "" },
                rates.len()
            );
            self.fail(Diagnostic::error("syntax", name.span, message));
        }
        StatementKind::Reaction { name, left, right, reversible, rates }
    }

    pub(super) fn species(&mut self) -> Vec<Species> {
        let mut list = Vec::new();
        if super::slice(self.text, self.peek().span) == "0" {
            self.at += 1;
            return list;
        }
        loop {
            let token = self.peek();
            let count = match token.kind {
                TokenKind::Number(value) => {
                    self.at += 1;
                    self.take_symbol("*");
                    Some(Number::new(value, super::slice(self.text, token.span)))
                }
                _ => None,
            };
            list.push(Species { count, name: self.name("the name of a species") });
            if self.failed || !self.take_symbol("+") {
                return list;
            }
        }
    }

    pub(super) fn crossing(&mut self) -> (Expression, Expression, Direction) {
        let expression = self.expression();
        if !self.take_word("crosses") {
            self.expected("`crosses`");
        }
        let level = self.expression();
        let direction = if self.take_word("rising") {
            Direction::Rising
        } else if self.take_word("falling") {
            Direction::Falling
        } else {
            Direction::Both
        };
        (expression, level, direction)
    }

    /// `: v = -e*v, h = 0`.
    pub(super) fn happens(&mut self) -> Vec<Assignment> {
        self.expect_symbol(":");
        let mut list = Vec::new();
        loop {
            let target = self.expression();
            let operator = match self.peek().kind {
                TokenKind::Symbol("=") => AssignOperator::Set,
                TokenKind::Symbol("+=") => AssignOperator::Add,
                TokenKind::Symbol("-=") => AssignOperator::Subtract,
                TokenKind::Symbol("*=") => AssignOperator::Multiply,
                TokenKind::Symbol("/=") => AssignOperator::Divide,
                _ => {
                    self.expected("`=`, `+=`, `-=`, `*=` or `/=`");
                    AssignOperator::Set
                }
            };
            if !self.failed {
                self.at += 1;
            }
            let value = self.expression();
            list.push(Assignment { target, operator, value });
            if self.failed || !self.take_symbol(",") {
                return list;
            }
        }
    }
}
