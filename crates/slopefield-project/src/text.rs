//! Which texts may be stored in a project.
//!
//! Text from a project reaches other people's screens. Control characters and overrides of text
//! direction can make a name look like another one (CVE-2021-42574), so neither names nor bodies
//! hold them.

use crate::error::ProjectError;

/// Longest name of a table, column, parameter, experiment in bytes.
pub const MAX_NAME_BYTES: usize = 200;
/// Longest one-line text: labels, sources, reasons.
pub const MAX_LINE_BYTES: usize = 4_000;
/// Longest model or study text.
pub const MAX_BODY_BYTES: usize = 4 << 20;

/// What kind of text a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// A non-empty name on one line.
    Name,
    /// One line, may be empty.
    Line,
    /// Several lines.
    Body,
}

/// Checks `text`; `what` names it in the error, e.g. "the table name".
pub(crate) fn check(what: &str, text: &str, rule: Rule) -> Result<(), ProjectError> {
    let max = match rule {
        Rule::Name => MAX_NAME_BYTES,
        Rule::Line => MAX_LINE_BYTES,
        Rule::Body => MAX_BODY_BYTES,
    };
    let bad = |reason: String| Err(ProjectError::BadText { what: what.to_string(), reason });
    if text.len() > max {
        return bad(format!("it has {} bytes, at most {max} are stored", text.len()));
    }
    if rule == Rule::Name && text.trim().is_empty() {
        return bad("it is empty".into());
    }
    for (position, c) in text.chars().enumerate() {
        let line_break = matches!(c, '\n' | '\r' | '\t') && rule == Rule::Body;
        if c.is_control() && !line_break {
            return bad(format!(
                "character {} is the control character U+{:04X}",
                position + 1,
                u32::from(c)
            ));
        }
        if is_direction_override(c) {
            return bad(format!(
                "character {} (U+{:04X}) changes the direction of the text after it",
                position + 1,
                u32::from(c)
            ));
        }
    }
    Ok(())
}

/// Embeddings, overrides and isolates of the bidirectional algorithm, and the line separators.
fn is_direction_override(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

/// Makes one storable line of any text: a message of the system, a path, an error. Control
/// characters become spaces, direction overrides vanish, the end is cut at a character.
pub(crate) fn clean_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(MAX_LINE_BYTES));
    for c in text.chars() {
        if is_direction_override(c) {
            continue;
        }
        let c = if c.is_control() { ' ' } else { c };
        if line.len() + c.len_utf8() > MAX_LINE_BYTES {
            break;
        }
        line.push(c);
    }
    line
}
