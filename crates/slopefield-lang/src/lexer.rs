//! Text to tokens.
//!
//! Any text gives tokens: what cannot be read becomes [`TokenKind::Unknown`] and a diagnostic. Line
//! ends that do not end a statement are dropped here, so the parser sees one statement as one run
//! of tokens.

use crate::{Diagnostic, Span};

/// A token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Token {
    pub kind: TokenKind,
    pub span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum TokenKind {
    Name,
    Number(f64),
    /// Quotes included in the span.
    Text,
    /// Braces included in the span.
    Unit,
    Comment,
    /// End of a statement.
    Newline,
    /// A further newline: the line in between is empty.
    Blank,
    /// Reported already.
    Unknown,
    Symbol(&'static str),
    End,
}

/// Longest first, so that `<->` is not read as `<`.
const SYMBOLS: [(&str, &str); 42] = [
    ("<->", "<->"),
    ("⇌", "<->"),
    ("->", "->"),
    ("→", "->"),
    ("+=", "+="),
    ("-=", "-="),
    ("*=", "*="),
    ("/=", "/="),
    ("==", "=="),
    ("!=", "!="),
    ("<=", "<="),
    (">=", ">="),
    ("≤", "<="),
    ("≥", ">="),
    ("≠", "!="),
    ("..", ".."),
    ("**", "**"),
    ("&&", "&&"),
    ("||", "||"),
    ("+", "+"),
    ("-", "-"),
    ("−", "-"),
    ("*", "*"),
    ("·", "*"),
    ("×", "*"),
    ("/", "/"),
    ("^", "^"),
    ("(", "("),
    (")", ")"),
    ("[", "["),
    ("]", "]"),
    (",", ","),
    (":", ":"),
    ("=", "="),
    ("<", "<"),
    (">", ">"),
    ("'", "'"),
    ("′", "'"),
    ("’", "'"),
    (".", "."),
    ("~", "~"),
    ("!", "!"),
];

pub(crate) fn tokenize(text: &str, diagnostics: &mut Vec<Diagnostic>) -> Vec<Token> {
    let mut lexer = Lexer { text, at: 0, diagnostics, tokens: Vec::with_capacity(text.len() / 3) };
    while lexer.at < text.len() {
        lexer.next();
    }
    let end = lexer.offset();
    lexer.tokens.push(Token { kind: TokenKind::Newline, span: Span::new(end, end) });
    lexer.tokens.push(Token { kind: TokenKind::End, span: Span::new(end, end) });
    join_lines(text, lexer.tokens)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    diagnostics: &'a mut Vec<Diagnostic>,
    tokens: Vec<Token>,
}

pub(crate) fn is_name_start(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

/// Letters, digits and `_`; of the digits only ASCII and subscripts, so that `x²` is no name.
pub(crate) fn is_name_part(c: char) -> bool {
    is_name_start(c) || c.is_ascii_digit() || ('₀'..='₉').contains(&c)
}

impl Lexer<'_> {
    fn offset(&self) -> u32 {
        // Texts are bounded far below 4 GiB before they come here.
        self.at as u32
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn push(&mut self, kind: TokenKind, len: usize) {
        let start = self.offset();
        self.at += len;
        self.tokens.push(Token { kind, span: Span::new(start, self.offset()) });
    }

    fn next(&mut self) {
        let rest = self.rest();
        let Some(c) = rest.chars().next() else { return };
        let prefix = |accept: fn(char) -> bool| rest.find(|c| !accept(c)).unwrap_or(rest.len());
        match c {
            '\n' => {
                let blank = matches!(
                    self.tokens.last(),
                    None | Some(Token { kind: TokenKind::Newline | TokenKind::Blank, .. })
                );
                self.push(if blank { TokenKind::Blank } else { TokenKind::Newline }, 1);
            }
            c if c.is_whitespace() || c == '\u{feff}' => self.at += c.len_utf8(),
            '#' => {
                let len = prefix(|c| c != '\n');
                self.push(TokenKind::Comment, len);
            }
            '"' => {
                self.quoted('"', TokenKind::Text, "unclosed-text", "this text has no closing `\"`")
            }
            '{' => {
                self.quoted('}', TokenKind::Unit, "unclosed-unit", "this unit has no closing `}`")
            }
            c if c.is_ascii_digit() => self.number(),
            '.' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => self.number(),
            c if is_name_start(c) => {
                let len = prefix(is_name_part);
                self.push(TokenKind::Name, len);
            }
            _ => match SYMBOLS.iter().find(|(spelling, _)| rest.starts_with(spelling)) {
                Some(&(spelling, symbol)) => self.push(TokenKind::Symbol(symbol), spelling.len()),
                None => self.unknown(c),
            },
        }
    }

    fn quoted(&mut self, close: char, kind: TokenKind, code: &'static str, message: &str) {
        let rest = self.rest();
        let line = rest.find('\n').unwrap_or(rest.len());
        let line = rest[..line].trim_end_matches('\r').len();
        match rest[1..line].find(close) {
            Some(at) => {
                let len = at + 2;
                let control = rest[..len].chars().any(|c| c.is_control() && c != '\t');
                self.push(kind, len);
                if control && let Some(token) = self.tokens.last() {
                    let message = "control characters are not allowed here".to_owned();
                    self.diagnostics.push(Diagnostic::error(
                        "unknown-character",
                        token.span,
                        message,
                    ));
                }
            }
            None => {
                self.push(TokenKind::Unknown, line);
                let start = self.offset() - line as u32;
                self.diagnostics.push(
                    Diagnostic::error(code, Span::new(start, start + 1), message.to_owned())
                        .hint(format!("add `{close}` on the same line")),
                );
            }
        }
    }

    fn number(&mut self) {
        let bytes = self.rest().as_bytes();
        let digits = |mut at: usize| {
            while bytes.get(at).is_some_and(|b| b.is_ascii_digit() || *b == b'_') {
                at += 1;
            }
            at
        };
        let mut len = digits(0);
        // `1..N` is a range, not the number `1.`.
        if bytes.get(len) == Some(&b'.') && bytes.get(len + 1) != Some(&b'.') {
            len = digits(len + 1);
        }
        if matches!(bytes.get(len), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(len + 1), Some(b'+' | b'-')));
            if bytes.get(len + 1 + sign).is_some_and(u8::is_ascii_digit) {
                len = digits(len + 1 + sign);
            }
        }
        let written: String = self.rest()[..len].chars().filter(|c| *c != '_').collect();
        let value = written.parse::<f64>().unwrap_or(f64::NAN);
        self.push(TokenKind::Number(value), len);
        if !value.is_finite()
            && let Some(token) = self.tokens.last_mut()
        {
            *token = Token { kind: TokenKind::Number(0.0), span: token.span };
            let span = token.span;
            self.diagnostics.push(
                Diagnostic::error("number-too-large", span, "this number is too large".into())
                    .hint("the largest number is about 1.8e308"),
            );
        }
    }

    fn unknown(&mut self, c: char) {
        let start = self.offset();
        self.push(TokenKind::Unknown, c.len_utf8());
        // One report for a run of them: a binary file should not give a thousand.
        if self.tokens.len() >= 2
            && let [.., before, _] = self.tokens.as_slice()
            && before.kind == TokenKind::Unknown
        {
            return;
        }
        let shown = if c.is_control() { format!("U+{:04X}", c as u32) } else { format!("`{c}`") };
        let hint = match c {
            ';' => Some("statements end at the end of the line; put each on its own"),
            '²' => Some("write `^2`"),
            '³' => Some("write `^3`"),
            '}' => Some("a unit is written `{1/day}`"),
            '%' => Some("write a percentage as a fraction, `0.05`, or the unit `{%}`"),
            '|' => Some("write `abs(x)` for a magnitude and `or` for a choice"),
            '√' => Some("write `sqrt(x)`"),
            '“' | '”' | '„' => Some("use straight quotes, `\"`"),
            '\\' => Some("a line goes on by itself after an operator, a comma or an open bracket"),
            _ => None,
        };
        let message = format!("{shown} has no meaning in a model");
        let span = Span::new(start, self.offset());
        let mut diagnostic = Diagnostic::error("unknown-character", span, message);
        diagnostic.hint = hint.map(str::to_owned);
        self.diagnostics.push(diagnostic);
    }
}

/// True when a line cannot end after this token.
fn goes_on(text: &str, token: Token) -> bool {
    match token.kind {
        TokenKind::Symbol(symbol) => !matches!(symbol, ")" | "]" | "'" | "."),
        TokenKind::Name => {
            let word = &text[token.span.start as usize..token.span.end as usize];
            matches!(word, "and" | "or" | "not" | "then" | "else" | "with" | "if")
        }
        _ => false,
    }
}

/// Drops the line ends inside a statement: after an operator, comma or open bracket, and inside
/// brackets also before a closing bracket, comma or operator.
fn join_lines(text: &str, tokens: Vec<Token>) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::with_capacity(tokens.len());
    let mut depth = 0usize;
    let mut last: Option<Token> = None; // last token that is no comment
    // The next token of a statement after each position, found once from the back.
    let mut following: Vec<Option<Token>> = vec![None; tokens.len()];
    let mut next = None;
    for (slot, &token) in following.iter_mut().zip(&tokens).rev() {
        if !matches!(token.kind, TokenKind::Newline | TokenKind::Blank | TokenKind::Comment) {
            next = Some(token);
        }
        *slot = next;
    }
    for (&token, next) in tokens.iter().zip(following) {
        match token.kind {
            TokenKind::Newline | TokenKind::Blank => {
                let at_end = next.is_none_or(|t| t.kind == TokenKind::End);
                let closes = depth > 0
                    && next.is_some_and(
                        |t| matches!(t.kind, TokenKind::Symbol(s) if !matches!(s, "(" | "[" | "'")),
                    );
                if !at_end && (last.is_some_and(|t| goes_on(text, t)) || closes) {
                    continue;
                }
                depth = 0;
                last = None;
            }
            TokenKind::Comment => {}
            kind => {
                match kind {
                    TokenKind::Symbol("(" | "[") => depth += 1,
                    TokenKind::Symbol(")" | "]") => depth = depth.saturating_sub(1),
                    _ => {}
                }
                last = Some(token);
            }
        }
        out.push(token);
    }
    out
}
