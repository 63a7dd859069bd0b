//! A grid of texts with the place of each row: what text files and sheets have in common.

use crate::delimiter::{self, Delimiter};
use crate::error::{DataError, Place};
use crate::records::Records;
use crate::table::Options;
use std::borrow::Cow;

/// A row of cells.
pub(crate) struct Row<'a> {
    /// Line of a text, or row of a sheet.
    pub at: RowPlace,
    /// Trimmed cells.
    pub cells: Vec<Cow<'a, str>>,
}

/// Where a row is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RowPlace {
    /// Line of a text.
    Line(u64),
    /// Row of a sheet, and the number of the first column.
    Sheet { row: u32, first_column: u32 },
}

impl RowPlace {
    /// Place of the cell in the column with this index from 0.
    pub fn cell(self, column: usize) -> Place {
        match self {
            RowPlace::Line(line) => Place::Line(line),
            RowPlace::Sheet { row, first_column } => Place::Cell {
                row,
                column: first_column.saturating_add(u32::try_from(column).unwrap_or(u32::MAX)),
            },
        }
    }
}

/// Rows with at least one cell each, and what was noticed while reading them.
pub(crate) struct Grid<'a> {
    /// Rows in order; rows without any value are left out.
    pub rows: Vec<Row<'a>>,
    /// Field separator, for a text.
    pub delimiter: Option<Delimiter>,
    /// Comment lines.
    pub comments: Vec<String>,
    /// Sentences for the reasons.
    pub reasons: Vec<String>,
    /// Sentences for the warnings.
    pub warnings: Vec<String>,
    /// Names of the sheets of a workbook.
    pub sheets: Vec<String>,
}

/// Counts rows and cells against the limits.
pub(crate) struct Budget<'a> {
    options: &'a Options,
    rows: usize,
    cells: usize,
}

impl<'a> Budget<'a> {
    /// Nothing spent.
    pub fn new(options: &'a Options) -> Self {
        Budget { options, rows: 0, cells: 0 }
    }

    /// Spends one row of `columns` cells.
    pub fn row(&mut self, place: Place, columns: usize) -> Result<(), DataError> {
        self.rows += 1;
        self.cells += columns;
        let over = |what, limit| Err(DataError::TooMany { place, what, limit });
        if columns > self.options.max_columns {
            return over("columns", self.options.max_columns);
        }
        // One more for the header.
        if self.rows > self.options.max_rows.saturating_add(1) {
            return over("rows", self.options.max_rows);
        }
        if self.cells > self.options.max_cells {
            return over("cells", self.options.max_cells);
        }
        Ok(())
    }
}

/// Cuts a text into rows.
pub(crate) fn from_text<'a>(text: &'a str, options: &Options) -> Result<Grid<'a>, DataError> {
    let mut reasons = Vec::new();
    let delimiter = match options.delimiter {
        Some(delimiter) => delimiter,
        None => {
            let (delimiter, reason) = delimiter::detect(text);
            reasons.push(reason);
            delimiter
        }
    };
    let mut budget = Budget::new(options);
    let mut records = Records::new(text, delimiter);
    let mut rows = Vec::new();
    let mut empty_rows = 0usize;
    for record in records.by_ref() {
        let (line, cells) = record?;
        budget.row(Place::Line(line), cells.len())?;
        if cells.iter().all(|cell| cell.is_empty()) {
            empty_rows += 1;
        } else {
            rows.push(Row { at: RowPlace::Line(line), cells });
        }
    }
    let comments: Vec<String> = records.comments.iter().map(|c| (*c).to_string()).collect();
    match comments.len() {
        0 => {}
        1 => reasons.push("1 comment line beginning with # was skipped".into()),
        n => reasons.push(format!("{n} comment lines beginning with # were skipped")),
    }
    let mut warnings = Vec::new();
    if empty_rows > 0 {
        warnings.push(format!("{empty_rows} rows without any value were left out"));
    }
    Ok(Grid { rows, delimiter: Some(delimiter), comments, reasons, warnings, sheets: Vec::new() })
}
