//! Names of the columns: from the first row, from a comment, or made up; and rows of equal length.

use crate::cells::{Grid, Row};
use crate::delimiter::Delimiter;
use crate::error::DataError;
use crate::number::{Meaning, looks_like_date, meaning};
use crate::table::{Decimal, HeaderRow, Options};
use std::borrow::Cow;

/// Takes the names off the grid; afterwards every row has as many cells as there are names.
pub(crate) fn take(
    grid: &mut Grid<'_>,
    name: &str,
    options: &Options,
) -> Result<Vec<String>, DataError> {
    let Some(first) = grid.rows.first() else {
        return Err(DataError::Empty { name: name.to_string() });
    };
    let first_at = first.at;
    let has_header = match options.header {
        HeaderRow::Yes => true,
        HeaderRow::No => false,
        HeaderRow::Auto => first.cells.iter().all(|cell| may_be_name(cell)),
    };
    let (mut names, expected_from) = if has_header {
        let row = grid.rows.remove(0);
        grid.reasons.push("the first row holds the names: it has no numbers".into());
        (row.cells.iter().map(|c| c.to_string()).collect::<Vec<_>>(), "header")
    } else {
        let width = first.cells.len();
        match names_from_comment(grid, width) {
            Some(names) => {
                grid.reasons.push(
                    "the last comment line holds the names: it has one word per column".into(),
                );
                (names, "first row")
            }
            None => {
                grid.reasons.push("the first row holds values: it has numbers".into());
                ((1..=width).map(|n| format!("column_{n}")).collect(), "first row")
            }
        }
    };
    if grid.rows.is_empty() {
        return Err(DataError::OnlyHeader { name: name.to_string(), columns: names });
    }
    name_row_labels(grid, &mut names, has_header);
    same_length(grid, names.len(), expected_from)?;
    drop_empty_ends(grid, &mut names);
    for (index, column) in names.iter_mut().enumerate() {
        if column.is_empty() {
            *column = format!("column_{}", index + 1);
            grid.warnings
                .push(format!("column {} has no name; it is called `{column}`", index + 1));
        }
    }
    for (second, column) in names.iter().enumerate() {
        if let Some(first) = names[..second].iter().position(|earlier| earlier == column) {
            return Err(DataError::DuplicateColumn {
                place: first_at.cell(second),
                column: column.clone(),
                first: first + 1,
                second: second + 1,
            });
        }
    }
    Ok(names)
}

/// A first row whose cells all pass this is a header.
fn may_be_name(cell: &str) -> bool {
    let number_like = [Decimal::Point, Decimal::Comma]
        .iter()
        .any(|&d| matches!(meaning(cell, d), Meaning::Number(_) | Meaning::Thousands))
        || matches!(cell, "NA" | "NaN" | "nan" | "N/A");
    !number_like && !looks_like_date(cell)
}

/// `# t  x  y` above rows of numbers.
fn names_from_comment(grid: &Grid<'_>, width: usize) -> Option<Vec<String>> {
    let comment = grid.comments.last()?;
    let byte = grid.delimiter.and_then(Delimiter::byte).map(char::from);
    let names: Vec<String> = match byte {
        Some(delimiter) => comment.split(delimiter).map(|n| n.trim().to_string()).collect(),
        None => comment.split_whitespace().map(String::from).collect(),
    };
    let fits = names.len() == width
        && width > 1
        && names.iter().all(|n| {
            n.starts_with(|c: char| c.is_alphabetic()) && !n.contains(' ') && may_be_name(n)
        });
    fits.then_some(names)
}

/// Tables written by R with row names have one name less than fields. With commas this is left to
/// the refusal below: it may just as well be a decimal comma.
fn name_row_labels(grid: &mut Grid<'_>, names: &mut Vec<String>, has_header: bool) {
    if has_header
        && grid.delimiter.is_some_and(|d| d != Delimiter::Comma)
        && grid.rows.iter().all(|row| row.cells.len() == names.len() + 1)
    {
        names.insert(0, "row".into());
        grid.reasons
            .push("the first column is called `row`: the header has one name less than the rows have fields".into());
    }
}

/// Refuses rows of another length; cells beyond the last name may be there when they are empty.
fn same_length(
    grid: &mut Grid<'_>,
    expected: usize,
    expected_from: &'static str,
) -> Result<(), DataError> {
    let is_sheet = grid.delimiter.is_none();
    for index in 0..grid.rows.len() {
        let row = &mut grid.rows[index];
        while row.cells.len() > expected && row.cells.last().is_some_and(|c| c.is_empty()) {
            row.cells.pop();
        }
        if is_sheet {
            // A sheet stores no cells after the last one with a value.
            while row.cells.len() < expected {
                row.cells.push(Cow::Borrowed(""));
            }
        }
        let found = row.cells.len();
        if found == expected {
            continue;
        }
        let place = row.at.cell(0);
        if grid.delimiter == Some(Delimiter::Comma) && comma_twice(&grid.rows, expected) {
            return Err(DataError::CommaTwice { place, found, expected, expected_from });
        }
        return Err(DataError::Ragged { place, found, expected, expected_from });
    }
    Ok(())
}

/// Rows have between one and two times the fields expected, all of them numbers: the commas seem to
/// be decimal marks as well.
fn comma_twice(rows: &[Row<'_>], expected: usize) -> bool {
    let mut longer = 0usize;
    for row in rows {
        let found = row.cells.len();
        if found < expected || found > 2 * expected {
            return false;
        }
        if found > expected {
            longer += 1;
            let whole = |cell: &str| {
                let digits = cell.strip_prefix(['-', '+']).unwrap_or(cell);
                !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
            };
            if row.cells.iter().filter(|c| whole(c)).count() < 2 * (found - expected) {
                return false;
            }
        }
    }
    longer > 0
}

/// A delimiter at the end of every line makes a last column without name and values.
fn drop_empty_ends(grid: &mut Grid<'_>, names: &mut Vec<String>) {
    while names.len() > 1
        && names.last().is_some_and(String::is_empty)
        && grid.rows.iter().all(|row| row.cells.last().is_some_and(|c| c.is_empty()))
    {
        names.pop();
        for row in &mut grid.rows {
            row.cells.pop();
        }
        grid.reasons.push("the last column has neither a name nor values and is left out".into());
    }
}
