//! From byte offsets to what people and editors count.

use crate::Span;

/// The largest offset not above `byte` that lies on a character boundary of `text`.
fn boundary(text: &str, byte: u32) -> usize {
    let mut at = (byte as usize).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Line and column of a byte, both from 1; columns count characters. Offsets beyond the end count
/// as the end.
#[must_use]
pub fn line_column(text: &str, byte: u32) -> (u32, u32) {
    let before = &text[..boundary(text, byte)];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.bytes().filter(|&b| b == b'\n').count() + 1;
    let column = before[line_start..].chars().count() + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

/// Offset in UTF-16 code units, as editors written in JavaScript count.
#[must_use]
pub fn utf16_offset(text: &str, byte: u32) -> u32 {
    let before = &text[..boundary(text, byte)];
    let units = before.chars().map(char::len_utf16).sum::<usize>();
    u32::try_from(units).unwrap_or(u32::MAX)
}

/// The text of a span; empty when the span does not lie in the text.
#[must_use]
pub fn expression_text(text: &str, span: Span) -> &str {
    let (start, end) = (boundary(text, span.start), boundary(text, span.end));
    text.get(start..end).unwrap_or("")
}
