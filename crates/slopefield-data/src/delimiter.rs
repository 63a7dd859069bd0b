//! Which character separates fields.

use crate::number::{Meaning, meaning};
use crate::records;
use crate::table::Decimal;

/// What separates fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delimiter {
    /// `\t`
    Tab,
    /// `;`
    Semicolon,
    /// `,`
    Comma,
    /// `|`
    Bar,
    /// One or more spaces or tabs.
    Whitespace,
}

impl Delimiter {
    /// The byte, absent for runs of white space.
    pub(crate) fn byte(self) -> Option<u8> {
        match self {
            Delimiter::Tab => Some(b'\t'),
            Delimiter::Semicolon => Some(b';'),
            Delimiter::Comma => Some(b','),
            Delimiter::Bar => Some(b'|'),
            Delimiter::Whitespace => None,
        }
    }

    fn adjective(self) -> &'static str {
        match self {
            Delimiter::Tab => "tab-separated",
            Delimiter::Semicolon => "semicolon-separated",
            Delimiter::Comma => "comma-separated",
            Delimiter::Bar => "separated by |",
            Delimiter::Whitespace => "separated by spaces",
        }
    }
}

/// In the order of preference: rarer inside values first.
const CANDIDATES: [Delimiter; 5] =
    [Delimiter::Tab, Delimiter::Semicolon, Delimiter::Bar, Delimiter::Comma, Delimiter::Whitespace];

/// Records looked at.
const SAMPLE: usize = 200;

/// Chooses a delimiter; the sentence says why.
pub(crate) fn detect(text: &str) -> (Delimiter, String) {
    let mut best: Option<(Delimiter, Fit)> = None;
    for candidate in CANDIDATES {
        let Some(fit) = Fit::of(text, candidate) else { continue };
        if best.as_ref().is_none_or(|(_, earlier)| fit.agreeing_share() > earlier.agreeing_share())
        {
            best = Some((candidate, fit));
        }
    }
    match best {
        Some((delimiter, fit)) => {
            let reason = if fit.agreeing == fit.records {
                format!("{}: every row has {} fields", delimiter.adjective(), fit.fields)
            } else {
                format!(
                    "{}: {} of the first {} rows have {} fields",
                    delimiter.adjective(),
                    fit.agreeing,
                    fit.records,
                    fit.fields
                )
            };
            (delimiter, reason)
        }
        None => (Delimiter::Comma, "one column: no delimiter was found".into()),
    }
}

/// How well a delimiter fits the first records.
struct Fit {
    records: usize,
    /// The most frequent number of fields, at least 2.
    fields: usize,
    /// Records with that number.
    agreeing: usize,
}

impl Fit {
    fn of(text: &str, delimiter: Delimiter) -> Option<Fit> {
        let mut counts: Vec<(usize, usize)> = Vec::new();
        let mut records = 0;
        let mut splits_numbers = false;
        for record in records::sample(text, delimiter, SAMPLE) {
            records += 1;
            match counts.iter_mut().find(|(fields, _)| *fields == record.len()) {
                Some((_, n)) => *n += 1,
                None => counts.push((record.len(), 1)),
            }
            // `1,5 2,5` cut at commas gives `5 2`: the blank is the delimiter then.
            splits_numbers |= delimiter == Delimiter::Comma
                && record.iter().any(|field| {
                    let parts: Vec<&str> = field.split_whitespace().collect();
                    parts.len() > 1
                        && parts
                            .iter()
                            .all(|p| matches!(meaning(p, Decimal::Point), Meaning::Number(_)))
                });
        }
        if splits_numbers {
            return None;
        }
        let (fields, agreeing) = counts.into_iter().filter(|(n, _)| *n > 1).max_by_key(|c| c.1)?;
        Some(Fit { records, fields, agreeing })
    }

    /// Share of agreeing records in parts per thousand, so that it can be compared exactly.
    fn agreeing_share(&self) -> usize {
        self.agreeing * 1000 / self.records.max(1)
    }
}
