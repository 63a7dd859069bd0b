//! What a cell says: a number, nothing, a number in another notation, or a text.

use crate::table::Decimal;

/// A cell, read under a decimal mark.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Meaning {
    /// A finite number.
    Number(f64),
    /// Less than a number: `<0.05`.
    Below(f64),
    /// More than a number: `>200`.
    Above(f64),
    /// One of the signs for "no value".
    Missing,
    /// A number with the other decimal mark.
    OtherMark,
    /// A number with marks between thousands.
    Thousands,
    /// Infinity, or a number too large.
    NotFinite,
    /// Anything else.
    Text,
}

/// Signs for "no value", beside the empty cell.
const MISSING: &[&str] = &["NA", "N/A", "n/a", "NaN", "nan", "NAN", ".", "-"];

/// Reads a trimmed cell.
pub(crate) fn meaning(cell: &str, decimal: Decimal) -> Meaning {
    if cell.is_empty() || MISSING.contains(&cell) {
        return Meaning::Missing;
    }
    // Most cells of most files: plain notation.
    let (mark, other) = match decimal {
        Decimal::Point => (b'.', b','),
        Decimal::Comma => (b',', b'.'),
    };
    if is_plain(cell, mark) {
        let parsed = match decimal {
            Decimal::Point => cell.parse::<f64>(),
            Decimal::Comma => cell.replace(',', ".").parse::<f64>(),
        };
        return match parsed {
            Ok(number) if number.is_finite() => Meaning::Number(number),
            Ok(_) => Meaning::NotFinite,
            Err(_) => Meaning::Text,
        };
    }
    if let Some((side, rest)) = limit(cell) {
        return match meaning(rest, decimal) {
            Meaning::Number(number) => side(number),
            Meaning::Missing | Meaning::Below(_) | Meaning::Above(_) => Meaning::Text,
            other => other,
        };
    }
    if has_thousands(cell) {
        return Meaning::Thousands;
    }
    if is_plain(cell, other) {
        return Meaning::OtherMark;
    }
    let word = cell.trim_start_matches(['+', '-']).to_ascii_lowercase();
    if word == "inf" || word == "infinity" { Meaning::NotFinite } else { Meaning::Text }
}

/// On which side of a number.
type Side = fn(f64) -> Meaning;

/// The side and the rest of a cell that begins with `<`, `<=`, `≤` or their mirror images.
fn limit(cell: &str) -> Option<(Side, &str)> {
    let sides: [(&str, Side); 6] = [
        ("<=", Meaning::Below),
        ("<", Meaning::Below),
        ("≤", Meaning::Below),
        (">=", Meaning::Above),
        (">", Meaning::Above),
        ("≥", Meaning::Above),
    ];
    sides.iter().find_map(|(sign, side)| Some((*side, cell.strip_prefix(sign)?.trim_start())))
}

/// Sign, digits with at most one `mark`, exponent; at least one digit.
fn is_plain(cell: &str, mark: u8) -> bool {
    let bytes = cell.as_bytes();
    let mut at = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let mut digits = 0;
    let mut marks = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'0'..=b'9' => digits += 1,
            b if b == mark => marks += 1,
            _ => break,
        }
        at += 1;
    }
    if digits == 0 || marks > 1 {
        return false;
    }
    match bytes.get(at) {
        None => true,
        Some(b'e' | b'E') => {
            at += 1;
            at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
            let exponent = &bytes[at..];
            !exponent.is_empty() && exponent.iter().all(u8::is_ascii_digit)
        }
        Some(_) => false,
    }
}

/// Groups of three digits between marks: `12 345`, `1'234.5`, `1,234,567`, `1,234.5`, `1.234,5`.
///
/// `1,234` alone is not among them: it may just as well have a decimal comma, and is reported so.
fn has_thousands(cell: &str) -> bool {
    let body = cell.trim_start_matches(['+', '-']);
    for mark in [',', '.', ' ', '\'', '\u{2019}', '\u{A0}', '\u{202F}', '_'] {
        let decimal = match mark {
            ',' => '.',
            '.' => ',',
            _ => '\0',
        };
        let (whole, fraction) = match (decimal, body.find(['.', ','])) {
            // For spaces and apostrophes either mark may follow.
            ('\0', Some(at)) => (&body[..at], Some(&body[at + 1..])),
            ('\0', None) => (body, None),
            (d, _) => match body.split_once(d) {
                Some((whole, fraction)) => (whole, Some(fraction)),
                None => (body, None),
            },
        };
        let mut groups = whole.split(mark);
        let first = groups.next().unwrap_or_default();
        let rest: Vec<&str> = groups.collect();
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        let grouped = !rest.is_empty()
            && first.len() <= 3
            && digits(first)
            && rest.iter().all(|g| g.len() == 3 && digits(g));
        let one_mark_is_ambiguous = matches!(mark, ',' | '.') && rest.len() == 1;
        let fraction_fits =
            fraction.is_none_or(|f| f.bytes().all(|b| b.is_ascii_digit() || b"eE+-".contains(&b)));
        if grouped && fraction_fits && (fraction.is_some() || !one_mark_is_ambiguous) {
            return true;
        }
    }
    false
}

/// Looks like a date or a time of day: `1978-01-22`, `22.01.1978`, `1/22/78`, `08:15`.
pub(crate) fn looks_like_date(cell: &str) -> bool {
    cell.bytes().filter(u8::is_ascii_digit).count() >= 3
        && cell.starts_with(|c: char| c.is_ascii_digit())
        && cell.chars().all(|c| c.is_ascii_digit() || "-/.: TZ+".contains(c))
        && cell.chars().any(|c| "-/:.".contains(c))
}
