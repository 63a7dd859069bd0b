//! Why a table was refused: the place, the text found there, what to do.

use std::fmt;
use std::path::PathBuf;

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A line of a text file, from 1, comments and blank lines counted.
    Line(u64),
    /// A cell of a sheet: row and column from 1.
    Cell {
        /// Row.
        row: u32,
        /// Column.
        column: u32,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Line(line) => write!(f, "line {line}"),
            Place::Cell { row, column } => write!(f, "cell {}{row}", column_letters(*column)),
        }
    }
}

/// `1` → `A`, `27` → `AA`.
fn column_letters(mut column: u32) -> String {
    let mut letters = Vec::new();
    while column > 0 {
        column -= 1;
        letters.push(char::from(b'A' + (column % 26) as u8));
        column /= 26;
    }
    letters.iter().rev().collect()
}

/// A table could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The operating system refused.
    #[error("cannot read `{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The file is larger than is read.
    #[error("{name} has {bytes} bytes; at most {max_bytes} are read")]
    TooLarge {
        /// The table.
        name: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        max_bytes: u64,
    },
    /// There are more rows, columns or cells than are read.
    #[error("{place}: more than {limit} {what}")]
    TooMany {
        /// Where the limit was passed.
        place: Place,
        /// `rows`, `columns` or `cells`.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// There is nothing but white space and comments.
    #[error("{name} holds no table: it is empty or has only comments")]
    Empty {
        /// The table.
        name: String,
    },
    /// Limits are written in two ways.
    #[error(
        "the column `{column}` has cells such as `<0.05`, and there is a column `{marks}` beside it"
    )]
    TwoLimits {
        /// The column.
        column: String,
        /// That with the marks.
        marks: String,
    },
    /// There is a header and no row.
    #[error("{name} has a header ({}) and no rows", columns.join(", "))]
    OnlyHeader {
        /// The table.
        name: String,
        /// Columns of the header.
        columns: Vec<String>,
    },
    /// The file is not a text and not a workbook.
    #[error("{name} is not a text file: byte {offset} is zero")]
    Binary {
        /// The table.
        name: String,
        /// First zero byte.
        offset: usize,
    },
    /// A kind of workbook that is not read.
    #[error("{name} is {kind}, which is not read")]
    UnknownWorkbook {
        /// The table.
        name: String,
        /// What it is.
        kind: &'static str,
    },
    /// A workbook that cannot be read.
    #[error("the workbook {name} cannot be read: {message}")]
    Workbook {
        /// The table.
        name: String,
        /// The library's sentence.
        message: String,
    },
    /// No sheet of this name.
    #[error("{name} has no sheet `{sheet}`; it has {}", sheets.join(", "))]
    UnknownSheet {
        /// The table.
        name: String,
        /// Sheet asked for.
        sheet: String,
        /// Sheets there are.
        sheets: Vec<String>,
    },
    /// A quoted field never ends.
    #[error("line {line}: a quoted field begins here and never ends")]
    OpenQuote {
        /// Line of the opening quote.
        line: u64,
    },
    /// A row has another number of fields than the header.
    #[error("{place}: {found} fields where the {expected_from} has {expected}")]
    Ragged {
        /// The row.
        place: Place,
        /// Fields found.
        found: usize,
        /// Fields expected.
        expected: usize,
        /// What set the expectation: `header` or `first row`.
        expected_from: &'static str,
    },
    /// The number of fields varies and the extra ones look like the second halves of decimal commas.
    #[error(
        "{place}: {found} fields where the {expected_from} has {expected}; commas seem to separate both fields and decimals"
    )]
    CommaTwice {
        /// The row.
        place: Place,
        /// Fields found.
        found: usize,
        /// Fields expected.
        expected: usize,
        /// What set the expectation.
        expected_from: &'static str,
    },
    /// A number with a decimal comma while points are expected.
    #[error("{place}, column `{column}`: `{text}` seems to be a number with a decimal comma")]
    DecimalComma {
        /// The row.
        place: Place,
        /// The column.
        column: String,
        /// The text.
        text: String,
    },
    /// A number with a decimal point while commas are expected.
    #[error(
        "{place}, column `{column}`: `{text}` has a decimal point, and decimal commas were asked for"
    )]
    DecimalPoint {
        /// The row.
        place: Place,
        /// The column.
        column: String,
        /// The text.
        text: String,
    },
    /// A number with marks between its thousands.
    #[error("{place}, column `{column}`: `{text}` seems to have marks between its thousands")]
    Thousands {
        /// The row.
        place: Place,
        /// The column.
        column: String,
        /// The text.
        text: String,
    },
    /// Something else in a column of numbers.
    #[error(
        "{place}, column `{column}`: `{text}` is not a number, as {numbers} other values of the column are"
    )]
    NotANumber {
        /// The row.
        place: Place,
        /// The column.
        column: String,
        /// The text.
        text: String,
        /// Numbers in this column.
        numbers: usize,
    },
    /// A number outside the range of 64-bit floats, or infinity spelt out.
    #[error("{place}, column `{column}`: `{text}` is not a finite number")]
    NotFinite {
        /// The row.
        place: Place,
        /// The column.
        column: String,
        /// The text.
        text: String,
    },
    /// Two columns have the same name.
    #[error("{place}: columns {first} and {second} are both named `{column}`")]
    DuplicateColumn {
        /// The header.
        place: Place,
        /// The name.
        column: String,
        /// First column, from 1.
        first: usize,
        /// Second column, from 1.
        second: usize,
    },
    /// A column was named in the options and is not there.
    #[error("there is no column `{column}`; there are {}", columns.join(", "))]
    UnknownColumn {
        /// The name asked for.
        column: String,
        /// Columns there are.
        columns: Vec<String>,
    },
}

impl DataError {
    /// What the person could try.
    pub fn advice(&self) -> &'static str {
        match self {
            DataError::Io { .. } => "Check the name of the file and that you may read it.",
            DataError::TooLarge { .. } | DataError::TooMany { .. } => {
                "Keep every tenth row, or fewer columns, and read that."
            }
            DataError::Empty { .. } => "Check that the right file was chosen.",
            DataError::OnlyHeader { .. } => "Add rows below the header, or choose another file.",
            DataError::Binary { .. } => {
                "Export the table as CSV or xlsx from the program that made it."
            }
            DataError::UnknownWorkbook { .. } => "Save it as xlsx or CSV and read that.",
            DataError::Workbook { .. } => {
                "Open it in a spreadsheet program, save it as xlsx or CSV, and read that; remove a password first."
            }
            DataError::UnknownSheet { .. } => "Choose one of its sheets.",
            DataError::OpenQuote { .. } => "Close the quote, or remove it.",
            DataError::Ragged { .. } => {
                "Give every row the same number of fields; write `NA` for a missing value, and put quotes around texts that hold the delimiter."
            }
            DataError::CommaTwice { .. } => {
                "Save the table with semicolons or tabs between the fields, or with decimal points."
            }
            DataError::DecimalComma { .. } => {
                "Read the table with decimal commas (the option `decimal: Comma`), or save it with decimal points. If the comma marks thousands, save it without them."
            }
            DataError::DecimalPoint { .. } => {
                "Read the table with decimal points, or use one decimal mark in the whole table."
            }
            DataError::Thousands { .. } => "Save the table without marks between thousands.",
            DataError::NotANumber { .. } => {
                "Correct the cell, write `NA` if the value is missing, or read the column as text."
            }
            DataError::NotFinite { .. } => "Write `NA` where there is no usable value.",
            DataError::DuplicateColumn { .. } => "Give every column its own name.",
            DataError::UnknownColumn { .. } => "Check the spelling.",
            DataError::TwoLimits { .. } => {
                "Write limits in one way: as `<0.05` in the column, or as `<` and `>` in the other one."
            }
        }
    }
}
