//! From a grid to typed columns.

use crate::cells::Grid;
use crate::error::DataError;
use crate::number::{Meaning, meaning};
use crate::table::{Column, ColumnData, Decimal, Options};
use std::borrow::Cow;

/// What the name of the column that says on which side of a limit values are has behind that of theirs.
pub const CENSORED: &str = "_censored";

/// Types every column.
pub(crate) fn read(
    grid: &mut Grid<'_>,
    names: &[String],
    options: &Options,
) -> Result<Vec<Column>, DataError> {
    for wanted in &options.text_columns {
        if !names.contains(wanted) {
            return Err(DataError::UnknownColumn {
                column: wanted.clone(),
                columns: names.to_vec(),
            });
        }
    }
    let mut columns = Vec::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        let as_text = options.text_columns.contains(name);
        columns.push(column(grid, index, name, as_text, options.decimal)?);
    }
    let mut all = Vec::with_capacity(columns.len());
    for (column, limits) in columns {
        let (name, beside) = (column.name.clone(), format!("{}{CENSORED}", column.name));
        all.push(column);
        if limits.is_empty() {
            continue;
        }
        if names.contains(&beside) {
            return Err(DataError::TwoLimits { column: name, marks: beside });
        }
        grid.reasons.push(told(&name, &limits));
        let mut marks = vec![String::new(); grid.rows.len()];
        for (row, sign) in limits {
            marks[row] = sign.to_owned();
        }
        for (row, mark) in grid.rows.iter_mut().zip(&marks) {
            row.cells.insert(all.len(), Cow::Owned(mark.clone()));
        }
        all.push(Column { name: beside, values: ColumnData::Text(marks), missing: 0 });
    }
    Ok(all)
}

/// Rows whose cells are limits and not values, with `<` or `>`.
type Limits = Vec<(usize, &'static str)>;

/// What is said of a column with limits.
fn told(name: &str, limits: &Limits) -> String {
    let count = |sign: &str| limits.iter().filter(|(_, s)| *s == sign).count();
    let sides = [(count("<"), "below"), (count(">"), "above")];
    let there = sides.iter().filter(|(n, _)| *n > 0);
    let parts: Vec<String> = there.map(|(n, side)| format!("{n} {side} a limit")).collect();
    format!("`{name}` has {}; the column `{name}{CENSORED}` says which", parts.join(" and "))
}

/// What the cells of a column are.
#[derive(Default)]
struct Count {
    numbers: usize,
    other_mark: usize,
    thousands: usize,
    not_finite: usize,
    texts: usize,
    missing: usize,
    empty: usize,
}

fn column(
    grid: &mut Grid<'_>,
    index: usize,
    name: &str,
    as_text: bool,
    decimal: Decimal,
) -> Result<(Column, Limits), DataError> {
    let mut limits = Limits::new();
    let mut count = Count::default();
    let mut values = Vec::with_capacity(grid.rows.len());
    for (at, row) in grid.rows.iter().enumerate() {
        let cell = row.cells[index].as_ref();
        let meaning = meaning(cell, decimal);
        match meaning {
            Meaning::Below(_) => limits.push((at, "<")),
            Meaning::Above(_) => limits.push((at, ">")),
            _ => {}
        }
        let value = match meaning {
            Meaning::Number(number) | Meaning::Below(number) | Meaning::Above(number) => {
                count.numbers += 1;
                number
            }
            Meaning::Missing => {
                count.missing += 1;
                count.empty += usize::from(cell.is_empty());
                f64::NAN
            }
            other => {
                *match other {
                    Meaning::OtherMark => &mut count.other_mark,
                    Meaning::Thousands => &mut count.thousands,
                    Meaning::NotFinite => &mut count.not_finite,
                    _ => &mut count.texts,
                } += 1;
                f64::NAN
            }
        };
        values.push(value);
    }
    let number_like = count.numbers + count.other_mark + count.thousands + count.not_finite;
    let present = number_like + count.texts;
    // A column is one of numbers when at least half of what it holds is written like numbers.
    let numeric = !as_text && 2 * number_like >= present;
    if numeric && count.numbers < present {
        return Err(refusal(grid, index, name, decimal, count.numbers));
    }
    warn_missing(grid, name, &count);
    let values = if numeric {
        ColumnData::Numeric(values)
    } else {
        grid.reasons.push(if as_text {
            format!("`{name}` is kept as text: this was asked for")
        } else {
            format!("`{name}` is kept as text: {} of {present} values are not numbers", count.texts)
        });
        ColumnData::Text(grid.rows.iter().map(|row| row.cells[index].to_string()).collect())
    };
    if !numeric {
        limits.clear();
    }
    Ok((Column { name: name.to_string(), values, missing: count.missing }, limits))
}

/// The error for the first cell that is no number.
fn refusal(
    grid: &Grid<'_>,
    index: usize,
    name: &str,
    decimal: Decimal,
    numbers: usize,
) -> DataError {
    // Another notation explains more than a stray text, so it is looked for first.
    let found = |wanted: fn(Meaning) -> bool| {
        grid.rows.iter().find(|row| wanted(meaning(row.cells[index].as_ref(), decimal)))
    };
    let row = found(|m| matches!(m, Meaning::Thousands | Meaning::OtherMark))
        .or_else(|| found(|m| m == Meaning::NotFinite))
        .or_else(|| found(|m| m == Meaning::Text));
    let Some(row) = row else {
        // Not reachable: the caller counted at least one such cell.
        return DataError::Empty { name: name.to_string() };
    };
    let place = row.at.cell(index);
    let column = name.to_string();
    let cell = row.cells[index].as_ref();
    let text: String = cell.chars().take(80).collect();
    match (meaning(cell, decimal), decimal) {
        (Meaning::Thousands, _) => DataError::Thousands { place, column, text },
        (Meaning::OtherMark, Decimal::Point) => DataError::DecimalComma { place, column, text },
        (Meaning::OtherMark, Decimal::Comma) => DataError::DecimalPoint { place, column, text },
        (Meaning::NotFinite, _) => DataError::NotFinite { place, column, text },
        _ => DataError::NotANumber { place, column, text, numbers },
    }
}

fn warn_missing(grid: &mut Grid<'_>, name: &str, count: &Count) {
    if count.missing == 0 {
        return;
    }
    let rows = grid.rows.len();
    if count.missing == rows {
        grid.warnings.push(format!("`{name}` has no values at all"));
        return;
    }
    let signs = count.missing - count.empty;
    let how = match (count.empty, signs) {
        (_, 0) => "empty".to_string(),
        (0, _) => "marked as missing".to_string(),
        (empty, signs) => format!("{empty} empty, {signs} marked"),
    };
    grid.warnings
        .push(format!("{} of {rows} values of `{name}` are missing ({how})", count.missing));
}
