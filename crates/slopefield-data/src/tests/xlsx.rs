//! Workbooks.

use super::zip::workbook;
use super::{names, numbers, texts};
use crate::{DataError, Options, Table, table::read_bytes};

fn text(at: &str, value: &str) -> String {
    format!("<c r=\"{at}\" t=\"inlineStr\"><is><t>{value}</t></is></c>")
}

fn number(at: &str, value: &str) -> String {
    format!("<c r=\"{at}\"><v>{value}</v></c>")
}

fn row(n: u32, cells: &[String]) -> String {
    format!("<row r=\"{n}\">{}</row>", cells.concat())
}

fn measurements() -> String {
    [
        row(2, &[text("B2", "t"), text("C2", "x"), text("D2", "date")]),
        row(
            3,
            &[
                number("B3", "0"),
                number("C3", "1.5"),
                "<c r=\"D3\" s=\"1\"><v>28512</v></c>".into(),
            ],
        ),
        row(4, &[number("B4", "1"), "<c r=\"D4\" s=\"1\"><v>28513</v></c>".into()]),
        // A formula with its stored value.
        row(5, &[number("B5", "2"), "<c r=\"C5\"><f>C3*2</f><v>3</v></c>".into()]),
    ]
    .concat()
}

fn open(book: &[u8], sheet: Option<&str>) -> Result<Table, DataError> {
    let options = Options { sheet: sheet.map(String::from), ..Options::default() };
    read_bytes(book, "book", &options)
}

#[test]
fn sheets_values_formulas_and_dates() {
    let other = row(1, &[text("A1", "y")]) + &row(2, &[number("A2", "7")]);
    let book = workbook(&[("empty", ""), ("measured", &measurements()), ("other", &other)]);
    let table = open(&book, None).unwrap();
    assert_eq!(table.sheets, ["empty", "measured", "other"]);
    assert_eq!(names(&table), ["t", "x", "date"]);
    assert_eq!(numbers(&table, "t"), [0.0, 1.0, 2.0]);
    assert_eq!(numbers(&table, "x")[0], 1.5);
    assert!(numbers(&table, "x")[1].is_nan());
    assert_eq!(numbers(&table, "x")[2], 3.0);
    // 28512 is 22 January 1978 in the 1900 date system.
    assert_eq!(texts(&table, "date"), ["1978-01-22", "1978-01-23", ""]);
    assert!(table.reasons[0].contains("`measured`"), "{:?}", table.reasons);

    assert_eq!(numbers(&open(&book, Some("other")).unwrap(), "y"), [7.0]);
    assert_eq!(
        open(&book, Some("nope")).unwrap_err().to_string(),
        "book has no sheet `nope`; it has empty, measured, other"
    );
    assert!(matches!(open(&book, Some("empty")), Err(DataError::Empty { .. })));
}

#[test]
fn a_wrong_cell_is_named_like_the_spreadsheet_does() {
    let data = measurements() + &row(6, &[number("B6", "3"), text("C6", "1,5")]);
    let error = open(&workbook(&[("s", &data)]), None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cell C6, column `x`: `1,5` seems to be a number with a decimal comma"
    );
}

#[test]
fn formulas_that_were_never_calculated_are_pointed_out() {
    let data = measurements() + &row(6, &[number("B6", "3"), "<c r=\"C6\"><f>C3*4</f></c>".into()]);
    let table = open(&workbook(&[("s", &data)]), None).unwrap();
    assert!(table.warnings.iter().any(|w| w.contains("first in cell C6")), "{:?}", table.warnings);
}

#[test]
fn a_cell_at_the_far_corner_does_not_exhaust_the_memory() {
    let data = row(1, &[text("A1", "x")]) + &row(1_048_576, &[number("XFD1048576", "1")]);
    let error = open(&workbook(&[("s", &data)]), None).unwrap_err();
    assert!(matches!(error, DataError::TooMany { what: "columns", .. }), "{error}");
}

#[test]
fn broken_workbooks_are_refused() {
    let book = workbook(&[("s", &measurements())]);
    assert!(matches!(open(&book[..book.len() / 2], None), Err(DataError::Workbook { .. })));
    assert!(matches!(open(b"PK\x03\x04", None), Err(DataError::Workbook { .. })));
    let old = open(&[0xD0, 0xCF, 0x11, 0xE0, 1, 2], None).unwrap_err();
    assert!(old.advice().contains("xlsx"), "{old}");
}
