//! From an xlsx workbook to a grid of cells.
//!
//! Cells are read one by one with their positions: a sheet may claim to reach to row 1,048,576 and
//! column XFD, and a dense table of that claim would not fit into any memory.

use crate::cells::{Budget, Grid, Row, RowPlace};
use crate::error::{DataError, Place};
use crate::table::Options;
use calamine::{CellErrorType, DataRef, ExcelDateTime, Reader, SheetType, Xlsx};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Reads one sheet of a workbook.
pub(crate) fn read(
    bytes: &[u8],
    name: &str,
    options: &Options,
) -> Result<Grid<'static>, DataError> {
    // The library parses what a stranger wrote; a panic of it must not end the program.
    catch_unwind(AssertUnwindSafe(|| read_sheet(bytes, name, options))).unwrap_or_else(|_| {
        Err(DataError::Workbook {
            name: name.to_string(),
            message: "its parts contradict each other".into(),
        })
    })
}

fn read_sheet(bytes: &[u8], name: &str, options: &Options) -> Result<Grid<'static>, DataError> {
    let failed = |error: &dyn std::fmt::Display| DataError::Workbook {
        name: name.to_string(),
        message: error.to_string(),
    };
    let mut book = Xlsx::new(Cursor::new(bytes)).map_err(|e| failed(&e))?;
    let sheets: Vec<String> = book
        .sheets_metadata()
        .iter()
        .filter(|sheet| sheet.typ == SheetType::WorkSheet)
        .map(|sheet| sheet.name.clone())
        .collect();
    let wanted: Vec<String> = match &options.sheet {
        Some(sheet) if sheets.contains(sheet) => vec![sheet.clone()],
        Some(sheet) => {
            return Err(DataError::UnknownSheet {
                name: name.to_string(),
                sheet: sheet.clone(),
                sheets,
            });
        }
        None => sheets.clone(),
    };
    for sheet in &wanted {
        let cells = cells_of(&mut book, sheet, options).map_err(|error| match error {
            Failure::Data(error) => error,
            Failure::Library(error) => failed(&error),
        })?;
        if cells.values.is_empty() {
            continue;
        }
        let mut grid = to_grid(cells);
        if sheets.len() > 1 {
            grid.reasons.push(match options.sheet {
                Some(_) => format!("sheet `{sheet}`: it was asked for"),
                None => format!(
                    "sheet `{sheet}`: it is the first of {} that holds values",
                    sheets.len()
                ),
            });
        }
        grid.sheets = sheets;
        return Ok(grid);
    }
    Err(DataError::Empty { name: name.to_string() })
}

enum Failure {
    Data(DataError),
    Library(calamine::XlsxError),
}

impl From<calamine::XlsxError> for Failure {
    fn from(error: calamine::XlsxError) -> Self {
        Failure::Library(error)
    }
}

/// Cells of a sheet by row and column from 1.
struct Cells {
    values: BTreeMap<(u32, u32), String>,
    /// Formulas whose value is not stored in the file.
    uncalculated: Vec<(u32, u32)>,
}

fn cells_of(
    book: &mut Xlsx<Cursor<&[u8]>>,
    sheet: &str,
    options: &Options,
) -> Result<Cells, Failure> {
    let too_many = |place| {
        Failure::Data(DataError::TooMany { place, what: "cells", limit: options.max_cells })
    };
    let mut values = BTreeMap::new();
    let mut reader = book.worksheet_cells_reader(sheet)?;
    while let Some(cell) = reader.next_cell()? {
        let (row, column) = cell.get_position();
        let key = (row.saturating_add(1), column.saturating_add(1));
        let text = text_of(cell.get_value());
        let text = text.trim();
        if !text.is_empty() {
            values.insert(key, text.to_string());
        }
        if values.len() > options.max_cells {
            return Err(too_many(Place::Cell { row: key.0, column: key.1 }));
        }
    }
    drop(reader);
    let mut uncalculated = Vec::new();
    let mut reader = book.worksheet_cells_reader(sheet)?;
    while let Some(cell) = reader.next_formula()? {
        let (row, column) = cell.get_position();
        let key = (row.saturating_add(1), column.saturating_add(1));
        if !cell.get_value().is_empty() && !values.contains_key(&key) {
            uncalculated.push(key);
        }
        if uncalculated.len() > options.max_cells {
            return Err(too_many(Place::Cell { row: key.0, column: key.1 }));
        }
    }
    check_size(&values, options).map_err(Failure::Data)?;
    Ok(Cells { values, uncalculated })
}

/// Rows and columns that the cells reach, against the limits; rows without a value do not count.
fn check_size(values: &BTreeMap<(u32, u32), String>, options: &Options) -> Result<(), DataError> {
    let Some(left) = values.keys().map(|key| key.1).min() else { return Ok(()) };
    let mut budget = Budget::new(options);
    let mut keys = values.keys().peekable();
    while let Some(&(row, mut column)) = keys.next() {
        while let Some(&&(_, next)) = keys.peek().filter(|key| key.0 == row) {
            column = next;
            keys.next();
        }
        budget.row(Place::Cell { row, column }, (column - left) as usize + 1)?;
    }
    Ok(())
}

fn to_grid(cells: Cells) -> Grid<'static> {
    let left = cells.values.keys().map(|key| key.1).min().unwrap_or(1);
    let mut rows: Vec<Row<'static>> = Vec::new();
    let mut current = None;
    for ((row, column), text) in cells.values {
        if current != Some(row) {
            current = Some(row);
            rows.push(Row { at: RowPlace::Sheet { row, first_column: left }, cells: Vec::new() });
        }
        if let Some(last) = rows.last_mut() {
            // Between two values of a row there may be cells without one.
            last.cells.resize((column - left) as usize, Cow::Borrowed(""));
            last.cells.push(Cow::Owned(text));
        }
    }
    let mut warnings = Vec::new();
    if let Some(&(row, column)) = cells.uncalculated.first() {
        warnings.push(format!(
            "{} formulas have no stored value (the first in {}): open the workbook in a spreadsheet program and save it, else they count as missing",
            cells.uncalculated.len(),
            Place::Cell { row, column }
        ));
    }
    Grid {
        rows,
        delimiter: None,
        comments: Vec::new(),
        reasons: Vec::new(),
        warnings,
        sheets: Vec::new(),
    }
}

/// A cell as a text that reads back as the same number.
fn text_of(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Empty => String::new(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number.to_string(),
        DataRef::String(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_string(),
        DataRef::Bool(true) => "TRUE".into(),
        DataRef::Bool(false) => "FALSE".into(),
        DataRef::DateTime(time) => date_text(time),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        // The value spreadsheets themselves use for "missing".
        DataRef::Error(CellErrorType::NA) => "NA".into(),
        DataRef::Error(error) => error.to_string(),
    }
}

/// ISO 8601; a time without a date stays the number of days that it is.
fn date_text(time: &ExcelDateTime) -> String {
    if !time.is_datetime() || time.as_f64() < 1.0 {
        return time.as_f64().to_string();
    }
    let (year, month, day, hour, minute, second, milli) = time.to_ymd_hms_milli();
    let date = format!("{year:04}-{month:02}-{day:02}");
    if (hour, minute, second, milli) == (0, 0, 0, 0) {
        date
    } else {
        format!("{date}T{hour:02}:{minute:02}:{second:02}")
    }
}
