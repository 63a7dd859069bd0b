//! Which column is time.

use crate::table::{Column, ColumnData};

/// Names of time columns, best first. Compared without case, units and punctuation.
const NAMES: &[&str] = &[
    "time",
    "t",
    "year",
    "date",
    "day",
    "days",
    "hour",
    "hours",
    "week",
    "weeks",
    "month",
    "months",
    "minute",
    "minutes",
    "second",
    "seconds",
    "years",
    "times",
    "datetime",
    "timestamp",
    "zeit",
    "jahr",
    "tag",
    "temps",
    "tiempo",
];

/// Suggests a time column and says why; text columns are not suggested.
pub(crate) fn suggest(columns: &[Column]) -> Option<(String, String)> {
    let numeric = || columns.iter().filter(|c| matches!(c.values, ColumnData::Numeric(_)));
    for wanted in NAMES {
        if let Some(column) = numeric().find(|c| stem(&c.name) == *wanted) {
            return Some((
                column.name.clone(),
                format!("`{}` is taken as time: its name says so", column.name),
            ));
        }
    }
    let column = numeric().find(|c| strictly_monotone(&c.values))?;
    Some((
        column.name.clone(),
        format!(
            "`{}` is taken as time: it is the first column whose numbers only grow or only fall",
            column.name
        ),
    ))
}

/// `Time (h)`, `time_h`, `TIME [days]` → `time`.
fn stem(name: &str) -> String {
    name.trim_start_matches(|c: char| !c.is_alphanumeric())
        .chars()
        .take_while(|c| c.is_alphanumeric())
        .collect::<String>()
        .to_lowercase()
}

fn strictly_monotone(values: &ColumnData) -> bool {
    let ColumnData::Numeric(values) = values else { return false };
    values.len() > 1
        && (values.windows(2).all(|w| w[0] < w[1]) || values.windows(2).all(|w| w[0] > w[1]))
}
