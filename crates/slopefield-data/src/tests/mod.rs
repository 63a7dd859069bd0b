//! Tests of reading tables.

mod fuzz;
mod notation;
mod real_files;
mod shapes;
mod xlsx;
mod zip;

use crate::{Column, ColumnData, DataError, Decimal, Options, Table, read_text};

/// Reads with the default options.
#[track_caller]
fn read(text: &str) -> Table {
    read_text(text, "test", &Options::default()).unwrap_or_else(|e| panic!("{e}"))
}

/// Reads with decimal commas.
#[track_caller]
fn read_comma(text: &str) -> Table {
    let options = Options { decimal: Decimal::Comma, ..Options::default() };
    read_text(text, "test", &options).unwrap_or_else(|e| panic!("{e}"))
}

/// The error of a text that must be refused.
#[track_caller]
fn refuse(text: &str) -> DataError {
    let error = read_text(text, "test", &Options::default()).expect_err("must be refused");
    assert!(!error.advice().is_empty());
    error
}

/// Refused with this sentence.
#[track_caller]
fn check_refused(text: &str, sentence: &str) {
    assert_eq!(refuse(text).to_string(), sentence);
}

#[track_caller]
fn numbers<'a>(table: &'a Table, column: &str) -> &'a [f64] {
    match &table.column(column).unwrap_or_else(|| panic!("no column {column}")).values {
        ColumnData::Numeric(values) => values,
        ColumnData::Text(values) => panic!("{column} is text: {values:?}"),
    }
}

#[track_caller]
fn texts<'a>(table: &'a Table, column: &str) -> &'a [String] {
    match &table.column(column).unwrap_or_else(|| panic!("no column {column}")).values {
        ColumnData::Text(values) => values,
        ColumnData::Numeric(values) => panic!("{column} is numeric: {values:?}"),
    }
}

fn names(table: &Table) -> Vec<&str> {
    table.columns.iter().map(|c: &Column| c.name.as_str()).collect()
}
