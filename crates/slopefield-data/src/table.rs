//! The table, the options, and the two functions that read one.

use crate::cells::{self, Grid};
use crate::delimiter::Delimiter;
use crate::error::DataError;
use crate::{columns, encoding, header, time, workbook};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The mark between the whole and the fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Decimal {
    /// `1.5`
    #[default]
    Point,
    /// `1,5`
    Comma,
}

/// Whether the first row holds names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HeaderRow {
    /// When no cell of it is a number or a date.
    #[default]
    Auto,
    /// It does.
    Yes,
    /// It holds values.
    No,
}

/// How to read a table. The default guesses what is safe to guess.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Sheet of a workbook; default the first that has a value.
    pub sheet: Option<String>,
    /// Decimal mark. It is never guessed: a wrong guess would change numbers.
    pub decimal: Decimal,
    /// Field separator; default the one that cuts all rows alike.
    pub delimiter: Option<Delimiter>,
    /// First row.
    pub header: HeaderRow,
    /// Columns to keep as text whatever they look like.
    pub text_columns: Vec<String>,
    /// Largest file in bytes.
    pub max_bytes: u64,
    /// Most rows.
    pub max_rows: usize,
    /// Most columns.
    pub max_columns: usize,
    /// Most cells.
    pub max_cells: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            sheet: None,
            decimal: Decimal::Point,
            delimiter: None,
            header: HeaderRow::Auto,
            text_columns: Vec::new(),
            max_bytes: 256 << 20,
            max_rows: 5_000_000,
            max_columns: 10_000,
            max_cells: 20_000_000,
        }
    }
}

/// A column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Name, unique in its table.
    pub name: String,
    /// Values, one per row.
    pub values: ColumnData,
    /// Cells without a value: empty, `NA`, `NaN`, `N/A`, `.`, `-`.
    pub missing: usize,
}

/// Values of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnData {
    /// Numbers, NaN where missing; never infinite.
    Numeric(Vec<f64>),
    /// Texts as they stand in the file, e.g. dates and names.
    Text(Vec<String>),
}

/// A table and how it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Suggested name: the file name without its extension, or the sheet.
    pub name: String,
    /// Columns of equal length.
    pub columns: Vec<Column>,
    /// Number of rows.
    pub row_count: usize,
    /// The first rows as text, as in the file.
    pub head: Vec<Vec<String>>,
    /// One sentence per decision that was made.
    pub reasons: Vec<String>,
    /// One sentence per thing to look at.
    pub warnings: Vec<String>,
    /// Sheets of a workbook; empty for a text file.
    pub sheets: Vec<String>,
    /// Suggested time column.
    pub time: Option<String>,
    /// Comment lines of the file without their `#`: often where the data come from.
    pub comments: Vec<String>,
}

impl Table {
    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// Rows kept in [`Table::head`].
const HEAD_ROWS: usize = 10;

/// Reads a text file (CSV, TSV, semicolons, blanks) or an xlsx workbook.
///
/// # Errors
/// [`DataError`] names the place and the text that could not be read; see its variants.
pub fn read_path(path: impl AsRef<Path>, options: &Options) -> Result<Table, DataError> {
    let path = path.as_ref();
    let io = |source| DataError::Io { path: path.to_path_buf(), source };
    let name =
        path.file_stem().map_or_else(|| "table".into(), |s| s.to_string_lossy().into_owned());
    let file = File::open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    if !metadata.is_file() {
        return Err(io(std::io::Error::other("it is not a plain file")));
    }
    let too_large =
        |bytes| DataError::TooLarge { name: name.clone(), bytes, max_bytes: options.max_bytes };
    if metadata.len() > options.max_bytes {
        return Err(too_large(metadata.len()));
    }
    // The file may grow between the two calls; never read beyond the limit.
    let mut bytes = Vec::new();
    file.take(options.max_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > options.max_bytes {
        return Err(too_large(bytes.len() as u64));
    }
    read_bytes(&bytes, &name, options)
}

/// Reads a table from text, e.g. from the clipboard.
///
/// # Errors
/// As for [`read_path`].
pub fn read_text(text: &str, name: &str, options: &Options) -> Result<Table, DataError> {
    if text.len() as u64 > options.max_bytes {
        return Err(DataError::TooLarge {
            name: name.to_string(),
            bytes: text.len() as u64,
            max_bytes: options.max_bytes,
        });
    }
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    finish(cells::from_text(text, options)?, name, options)
}

/// Reads the bytes of a file.
pub(crate) fn read_bytes(bytes: &[u8], name: &str, options: &Options) -> Result<Table, DataError> {
    if bytes.starts_with(b"PK\x03\x04") {
        return finish(workbook::read(bytes, name, options)?, name, options);
    }
    if bytes.starts_with(&[0xD0, 0xCF, 0x11, 0xE0]) {
        return Err(DataError::UnknownWorkbook {
            name: name.to_string(),
            kind: "a workbook of the format before 2007, or one with a password",
        });
    }
    let decoded = encoding::decode(bytes, name)?;
    let mut grid = cells::from_text(&decoded.text, options)?;
    grid.reasons.extend(decoded.reason);
    grid.warnings.extend(decoded.warning);
    finish(grid, name, options)
}

fn finish(mut grid: Grid<'_>, name: &str, options: &Options) -> Result<Table, DataError> {
    let names = header::take(&mut grid, name, options)?;
    let columns = columns::read(&mut grid, &names, options)?;
    let head = grid
        .rows
        .iter()
        .take(HEAD_ROWS)
        .map(|row| row.cells.iter().map(|c| c.to_string()).collect())
        .collect();
    let time = time::suggest(&columns).map(|(column, reason)| {
        grid.reasons.push(reason);
        column
    });
    Ok(Table {
        name: name.to_string(),
        row_count: grid.rows.len(),
        columns,
        head,
        reasons: grid.reasons,
        warnings: grid.warnings,
        sheets: grid.sheets,
        time,
        comments: grid.comments,
    })
}
