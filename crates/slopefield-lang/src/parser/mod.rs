//! Tokens to syntax tree.
//!
//! The parser never fails. A statement it cannot read gives one diagnostic and what could be read
//! of it, so that the names it declares stay known; the next line starts afresh.

pub(crate) mod expression;
mod forms;
mod statement;

use crate::lexer::{Token, TokenKind, tokenize};
use crate::syntax::{Document, Expression, ExpressionKind, Line, Name, Statement, Text};
use crate::{Diagnostic, Span};

/// Longest text that is read, in bytes.
pub const MAX_TEXT_BYTES: usize = 1 << 23;
/// Deepest nesting of brackets, signs and branches.
pub const MAX_NESTING: u32 = 100;
/// Highest syntax tree of one expression; a sum of `n` terms has height `n`.
pub const MAX_HEIGHT: u32 = 256;

/// What [`parse`] gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The tree.
    pub document: Document,
    /// Findings in order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a model text. Names are not looked up; that is [`crate::check`].
#[must_use]
pub fn parse(text: &str) -> Parsed {
    let mut diagnostics = Vec::new();
    if text.len() > MAX_TEXT_BYTES {
        let message =
            format!("the model text has {} bytes; at most {MAX_TEXT_BYTES} are read", text.len());
        let diagnostic = Diagnostic::error("too-long", Span::new(0, 0), message)
            .hint("tables of numbers belong into data files, large systems into arrays");
        return Parsed { document: Document::default(), diagnostics: vec![diagnostic] };
    }
    let tokens = tokenize(text, &mut diagnostics);
    let mut lines = Vec::new();
    let mut statement: Vec<Token> = Vec::new();
    let mut comments: Vec<Token> = Vec::new();
    for token in tokens {
        match token.kind {
            TokenKind::Comment => comments.push(token),
            TokenKind::Newline => {
                line(text, &mut statement, &mut comments, &mut lines, &mut diagnostics);
            }
            TokenKind::Blank => {
                if !lines.is_empty() && lines.last() != Some(&Line::Blank) {
                    lines.push(Line::Blank);
                }
            }
            TokenKind::End => {}
            _ => statement.push(token),
        }
    }
    if lines.last() == Some(&Line::Blank) {
        lines.pop();
    }
    diagnostics.sort_by_key(|d| d.span);
    Parsed { document: Document { lines }, diagnostics }
}

fn slice(text: &str, span: Span) -> &str {
    &text[span.start as usize..span.end as usize]
}

fn line(
    text: &str,
    tokens: &mut Vec<Token>,
    comments: &mut Vec<Token>,
    lines: &mut Vec<Line>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let comment_text = |t: &Token| slice(text, t.span)[1..].trim().to_owned();
    let Some(&last) = tokens.last() else {
        lines.extend(comments.drain(..).map(|t| Line::Comment(comment_text(&t))));
        return;
    };
    let trailing = match comments.last() {
        Some(t) if t.span.start >= last.span.end => comments.pop().map(|t| comment_text(&t)),
        _ => None,
    };
    lines.extend(comments.drain(..).map(|t| Line::Comment(comment_text(&t))));
    let span = tokens[0].span.to(last.span);
    tokens.push(Token { kind: TokenKind::End, span: last.span.after() });
    // What the lexer has reported needs no second report from the parser.
    let failed = tokens.iter().any(|t| t.kind == TokenKind::Unknown);
    let mut parser = Parser { text, tokens, at: 0, diagnostics, failed, depth: 0 };
    let kind = parser.statement();
    lines.push(Line::Statement(Statement { kind, comment: trailing, span }));
    tokens.clear();
}

/// Reads one statement from its tokens, which end with [`TokenKind::End`].
struct Parser<'a> {
    text: &'a str,
    tokens: &'a [Token],
    at: usize,
    diagnostics: &'a mut Vec<Diagnostic>,
    /// This statement has had its report.
    failed: bool,
    depth: u32,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Token {
        self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn peek_at(&self, ahead: usize) -> Token {
        self.tokens[(self.at + ahead).min(self.tokens.len() - 1)]
    }

    fn previous(&self) -> Token {
        self.tokens[self.at.saturating_sub(1).min(self.tokens.len() - 1)]
    }

    fn next(&mut self) -> Token {
        let token = self.peek();
        if token.kind != TokenKind::End {
            self.at += 1;
        }
        token
    }

    fn at_end(&self) -> bool {
        self.peek().kind == TokenKind::End
    }

    fn word_of(&self, token: Token) -> &'a str {
        if token.kind == TokenKind::Name { slice(self.text, token.span) } else { "" }
    }

    fn at_word(&self, word: &str) -> bool {
        self.word_of(self.peek()) == word
    }

    fn at_symbol(&self, symbol: &str) -> bool {
        matches!(self.peek().kind, TokenKind::Symbol(s) if s == symbol)
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.at_word(word);
        self.at += usize::from(found);
        found
    }

    fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = self.at_symbol(symbol);
        self.at += usize::from(found);
        found
    }

    /// Reports, unless this statement has been reported on, and gives up on it.
    fn fail(&mut self, diagnostic: Diagnostic) {
        if !self.failed {
            self.diagnostics.push(diagnostic);
        }
        self.failed = true;
        self.at = self.tokens.len() - 1;
    }

    /// Fails with "expected …, found …".
    fn expected(&mut self, what: &str) {
        let token = self.peek();
        let message = format!("expected {what}, found {}", self.describe(token));
        self.fail(Diagnostic::error("syntax", token.span, message));
    }

    fn expect_symbol(&mut self, symbol: &str) -> bool {
        let found = self.take_symbol(symbol);
        if !found {
            self.expected(&format!("`{symbol}`"));
        }
        found
    }

    /// The closing bracket that belongs to `open`.
    fn close(&mut self, symbol: &str, open: Token) {
        if self.take_symbol(symbol) || self.failed {
            return;
        }
        if self.decimal_comma() {
            return;
        }
        let token = self.peek();
        let message = format!("expected `{symbol}`, found {}", self.describe(token));
        self.fail(
            Diagnostic::error("unclosed-bracket", token.span, message)
                .related(open.span, "the bracket opened here"),
        );
    }

    fn describe(&self, token: Token) -> String {
        match token.kind {
            TokenKind::End => "the end of the statement".into(),
            TokenKind::Text => format!("the text {}", slice(self.text, token.span)),
            TokenKind::Unit => format!("the unit {}", slice(self.text, token.span)),
            _ => format!("`{}`", slice(self.text, token.span)),
        }
    }

    /// At a comma between two whole numbers without spaces: reports a decimal comma.
    fn decimal_comma(&mut self) -> bool {
        let (before, comma, after) = (self.previous(), self.peek(), self.peek_at(1));
        let whole = |t: Token| {
            matches!(t.kind, TokenKind::Number(_))
                && slice(self.text, t.span).bytes().all(|b| b.is_ascii_digit())
        };
        let found = comma.kind == TokenKind::Symbol(",")
            && whole(before)
            && matches!(after.kind, TokenKind::Number(_))
            && before.span.end == comma.span.start
            && comma.span.end == after.span.start;
        if found {
            let (a, b) = (slice(self.text, before.span), slice(self.text, after.span));
            let message = format!("`{a},{b}` is not a number: the decimal sign is a point");
            self.fail(
                Diagnostic::error("decimal-comma", before.span.to(after.span), message)
                    .hint(format!("write `{a}.{b}`")),
            );
        }
        found
    }

    fn name(&mut self, what: &str) -> Name {
        let token = self.peek();
        if token.kind == TokenKind::Name && !is_reserved(self.word_of(token)) {
            self.at += 1;
            return Name { text: self.word_of(token).to_owned(), span: token.span };
        }
        if is_reserved(self.word_of(token)) {
            let message = format!("`{}` is a word of the language", self.word_of(token));
            self.fail(
                Diagnostic::error("reserved-word", token.span, message).hint("choose another name"),
            );
        } else {
            self.expected(what);
        }
        Name { text: String::new(), span: token.span }
    }

    fn unit(&mut self) -> Option<Text> {
        let token = self.peek();
        (token.kind == TokenKind::Unit).then(|| {
            self.at += 1;
            let inside = slice(self.text, token.span);
            let text = inside[1..inside.len() - 1].trim().to_owned();
            Text { text, span: token.span }
        })
    }

    fn quoted(&mut self, what: &str) -> Text {
        let token = self.peek();
        if token.kind == TokenKind::Text {
            self.at += 1;
            let inside = slice(self.text, token.span);
            return Text { text: inside[1..inside.len() - 1].to_owned(), span: token.span };
        }
        self.expected(what);
        Text { text: String::new(), span: token.span }
    }

    fn missing(&self) -> Expression {
        Expression::new(ExpressionKind::Missing, self.peek().span)
    }
}

/// Words that cannot be names.
pub(crate) fn is_reserved(word: &str) -> bool {
    matches!(word, "if" | "then" | "else" | "and" | "or" | "not" | "for" | "in" | "with")
}
