//! Diagnostics as text, in the manner of rustc.

use crate::{Diagnostic, Severity, Span, line_column};
use std::fmt::Write as _;

/// Columns of source that are shown of a long line.
const SHOWN: usize = 120;
const TAB: usize = 4;

/// Text that switches styles on and off, for instance ANSI escapes or HTML tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Palette {
    /// Before the word `error` and its marks.
    pub error: &'static str,
    /// Before the word `warning` and its marks.
    pub warning: &'static str,
    /// Before the word `note` and its marks.
    pub note: &'static str,
    /// Before line numbers, bars and second places.
    pub frame: &'static str,
    /// Before the message.
    pub strong: &'static str,
    /// Ends any of these.
    pub end: &'static str,
}

impl Palette {
    /// No styles.
    pub const PLAIN: Palette =
        Palette { error: "", warning: "", note: "", frame: "", strong: "", end: "" };
    /// Colours of a terminal.
    pub const ANSI: Palette = Palette {
        error: "\x1b[1;31m",
        warning: "\x1b[1;33m",
        note: "\x1b[1;36m",
        frame: "\x1b[1;34m",
        strong: "\x1b[1m",
        end: "\x1b[0m",
    };
}

/// All findings about a text, with a blank line between them; `colour` uses [`Palette::ANSI`].
#[must_use]
pub fn render(text: &str, file_name: &str, diagnostics: &[Diagnostic], colour: bool) -> String {
    let palette = if colour { Palette::ANSI } else { Palette::PLAIN };
    render_with(text, file_name, diagnostics, &palette)
}

/// All findings about a text, with styles of the caller.
#[must_use]
pub fn render_with(
    text: &str,
    file_name: &str,
    diagnostics: &[Diagnostic],
    palette: &Palette,
) -> String {
    let mut out = String::new();
    for (i, diagnostic) in diagnostics.iter().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        one(text, file_name, diagnostic, palette, &mut out);
    }
    out
}

/// A place in the text with its mark.
struct Mark<'a> {
    line: u32,
    column: u32,
    span: Span,
    sign: char,
    style: &'static str,
    label: &'a str,
}

fn one(text: &str, file_name: &str, d: &Diagnostic, palette: &Palette, out: &mut String) {
    let (word, style) = match d.severity {
        Severity::Error => ("error", palette.error),
        Severity::Warning => ("warning", palette.warning),
        Severity::Note => ("note", palette.note),
    };
    let Palette { frame, strong, end, .. } = *palette;
    let mark = |span: Span, sign, style, label| {
        let (line, column) = line_column(text, span.start);
        Mark { line, column, span, sign, style, label }
    };
    let main = mark(d.span, '^', style, "");
    let (line, column) = (main.line, main.column);
    let mut marks = vec![main];
    if let Some((span, label)) = &d.related {
        marks.push(mark(*span, '-', frame, label));
    }
    marks.sort_by_key(|m| m.line);
    let gutter = marks.last().map_or(1, |m| m.line.to_string().len());
    let blank = " ".repeat(gutter);
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{style}{word}[{}]{end}{strong}: {}{end}", d.code, d.message);
    let _ = writeln!(out, "{blank}{frame}-->{end} {file_name}:{line}:{column}");
    let _ = writeln!(out, "{blank} {frame}|{end}");
    let mut shown: Option<u32> = None;
    for mark in &marks {
        let source = source_line(text, mark.span.start);
        let start = (mark.span.start as usize).min(text.len()) - source.1;
        let stop = (mark.span.end as usize).saturating_sub(source.1).min(source.0.len());
        let window = Window::new(source.0, start, stop);
        if shown != Some(mark.line) {
            if shown.is_some_and(|before| before + 1 < mark.line) {
                let _ = writeln!(out, "{frame}...{end}");
            }
            let _ =
                writeln!(out, "{frame}{:>gutter$} |{end} {}", mark.line, window.text.trim_end());
            shown = Some(mark.line);
        }
        let underline: String = std::iter::repeat_n(mark.sign, window.length).collect();
        let label = if mark.label.is_empty() { String::new() } else { format!(" {}", mark.label) };
        let _ = writeln!(
            out,
            "{blank} {frame}|{end} {}{}{underline}{label}{end}",
            " ".repeat(window.offset),
            mark.style
        );
    }
    if let Some(hint) = &d.hint {
        let _ = writeln!(out, "{blank} {frame}={end} {strong}help{end}: {hint}");
    }
}

/// The line that holds a byte, without its end, and the byte at which it starts.
fn source_line(text: &str, byte: u32) -> (&str, usize) {
    let mut at = (byte as usize).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let start = text[..at].rfind('\n').map_or(0, |i| i + 1);
    let end = text[at..].find('\n').map_or(text.len(), |i| at + i);
    (text[start..end].trim_end_matches('\r'), start)
}

/// The part of a line that is shown, as it looks on a screen.
struct Window {
    text: String,
    /// Columns before the mark.
    offset: usize,
    /// Columns of the mark, at least 1.
    length: usize,
}

impl Window {
    /// `start..stop` are bytes of `line`.
    fn new(line: &str, start: usize, stop: usize) -> Window {
        let (mut text, mut offset, mut length) = (String::new(), 0, 0);
        // A long line is cut to begin a little before its mark.
        let first =
            if column(line, stop) > SHOWN { column(line, start).saturating_sub(20) } else { 0 };
        if first > 0 {
            text.push('…');
            offset += 1;
        }
        let (mut at, mut width) = (0, 0);
        for (byte, c) in line.char_indices() {
            let w = char_width(c);
            at += w;
            if at <= first {
                continue;
            }
            width += w;
            if width > SHOWN {
                text.push('…');
                break;
            }
            match c {
                '\t' => text.push_str(&" ".repeat(TAB)),
                // A control character could move the cursor of a terminal.
                c if c.is_control() => text.push('\u{fffd}'),
                c => text.push(c),
            }
            if byte < start {
                offset += w;
            } else if byte < stop {
                length += w;
            }
        }
        Window { text, offset, length: length.max(1) }
    }
}

fn column(line: &str, byte: usize) -> usize {
    line.char_indices().take_while(|(i, _)| *i < byte).map(|(_, c)| char_width(c)).sum()
}

/// Columns of a character on a terminal: 0 for combining marks, 2 for wide East Asian characters
/// and emoji. The ranges are the blocks that are wide throughout (Unicode Standard Annex 11).
fn char_width(c: char) -> usize {
    match c {
        '\t' => TAB,
        '\u{300}'..='\u{36f}'
        | '\u{483}'..='\u{489}'
        | '\u{591}'..='\u{5bd}'
        | '\u{610}'..='\u{61a}'
        | '\u{64b}'..='\u{65f}'
        | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}'
        | '\u{200b}'..='\u{200f}'
        | '\u{20d0}'..='\u{20ff}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{fe20}'..='\u{fe2f}'
        | '\u{feff}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{303e}'
        | '\u{3041}'..='\u{33ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{a000}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1f64f}'
        | '\u{1f680}'..='\u{1f6ff}'
        | '\u{1f900}'..='\u{1f9ff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}
