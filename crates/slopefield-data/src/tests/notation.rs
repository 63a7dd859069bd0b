//! Numbers in other notations: refused or read, never changed.

use super::{check_refused, numbers, read, read_comma, refuse, texts};
use crate::{DataError, Decimal, Options, read_text};

#[test]
fn decimal_commas_are_refused_with_their_place() {
    for delimiter in [";", "\t"] {
        let text = "t;x\n0;1\n1;1,5\n2;2,25\n".replace(';', delimiter);
        check_refused(&text, "line 3, column `x`: `1,5` seems to be a number with a decimal comma");
        assert!(refuse(&text).advice().contains("decimal: Comma"));
    }
}

#[test]
fn decimal_commas_are_read_when_asked_for() {
    let table = read_comma("t;x\n0;1\n0,5;-1,5e-3\n1;,25\n");
    assert_eq!(numbers(&table, "t"), [0.0, 0.5, 1.0]);
    assert_eq!(numbers(&table, "x"), [1.0, -1.5e-3, 0.25]);
    let comma = Options { decimal: Decimal::Comma, ..Options::default() };
    let error = read_text("t;x\n0;1,5\n1;2.5\n", "t", &comma).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 3, column `x`: `2.5` has a decimal point, and decimal commas were asked for"
    );
}

#[test]
fn commas_for_fields_and_decimals_are_explained() {
    // Some rows have a decimal comma, some do not.
    let error = refuse("t,x\n0,5,1,2\n1,10,3\n2,11\n");
    assert!(matches!(error, DataError::CommaTwice { found: 4, expected: 2, .. }), "{error}");
    assert!(error.advice().contains("semicolons or tabs"));
    // All rows have two.
    assert!(matches!(refuse("t,x\n0,5,1,2\n1,5,3,4\n"), DataError::CommaTwice { .. }));
    // One column of decimal commas.
    assert!(matches!(refuse("x\n1,5\n2,5\n"), DataError::CommaTwice { .. }));
    // A row with too many texts is something else.
    assert!(matches!(refuse("t,x\n0,1\n1,hello,world\n"), DataError::Ragged { .. }));
    // Blanks between the fields: the comma is the decimal mark.
    check_refused(
        "0,5 1,5\n1,5 2,5\n",
        "line 1, column `column_1`: `0,5` seems to be a number with a decimal comma",
    );
}

#[test]
fn thousands_are_refused_with_their_place() {
    for cell in ["1,234,567", "12 345", "1'234.5", "1.234.567", "1,234.5", "1.234,5", "12\u{A0}345"]
    {
        let error = refuse(&format!("t\tx\n0\t1\n1\t{cell}\n2\t3\n"));
        match &error {
            DataError::Thousands { text, column, .. } => {
                assert_eq!((text.as_str(), column.as_str()), (cell, "x"));
            }
            other => panic!("{cell}: {other}"),
        }
        assert!(error.to_string().starts_with("line 3"), "{error}");
    }
    // Either notation is possible here; the advice speaks of both.
    let error = refuse("t\tx\n0\t1\n1\t1,234\n");
    assert!(matches!(error, DataError::DecimalComma { .. }), "{error}");
    assert!(error.advice().contains("thousands"));
    // With points as decimal mark this is a plain number.
    assert_eq!(numbers(&read("t\tx\n0\t1.234\n"), "x"), [1.234]);
}

#[test]
fn a_stray_text_is_refused_and_a_text_column_kept() {
    check_refused(
        "t,x\n0,1\n1,low\n2,3\n",
        "line 3, column `x`: `low` is not a number, as 2 other values of the column are",
    );
    let table = read("subject,x\nS1,1\n2,2\nS3,3\n");
    assert_eq!(texts(&table, "subject"), ["S1", "2", "S3"]);
    let options = Options { text_columns: vec!["x".into()], ..Options::default() };
    let table = read_text("t,x\n0,1\n1,<0.1\n2,3\n", "t", &options).unwrap();
    assert_eq!(texts(&table, "x"), ["1", "<0.1", "3"]);
    let unknown = Options { text_columns: vec!["y".into()], ..Options::default() };
    assert_eq!(
        read_text("t,x\n0,1\n", "t", &unknown).unwrap_err().to_string(),
        "there is no column `y`; there are t, x"
    );
}

#[test]
fn infinities_are_refused() {
    for cell in ["inf", "-Infinity", "1e999"] {
        assert!(matches!(refuse(&format!("t,x\n0,1\n1,{cell}\n")), DataError::NotFinite { .. }));
    }
}

#[test]
fn missing_values_are_counted_by_kind() {
    let table = read("t,x,y,z\n0,,1,NA\n1,NA,2,NA\n2,.,3,NA\n3,-,4,NA\n4,7,NaN,NA\n");
    assert_eq!(table.columns.iter().map(|c| c.missing).collect::<Vec<_>>(), [0, 4, 1, 5]);
    assert_eq!(numbers(&table, "x")[4], 7.0);
    assert_eq!(
        table.warnings,
        [
            "4 of 5 values of `x` are missing (1 empty, 3 marked)",
            "1 of 5 values of `y` are missing (marked as missing)",
            "`z` has no values at all",
        ]
    );
}

#[test]
fn numbers_are_read_to_the_last_bit() {
    let cells =
        ["0.1", "-0", "1e-320", "1.7976931348623157e308", "+2.5", "3.", ".5", "9007199254740993"];
    let table = read(&format!("x y\n{}", cells.map(|c| format!("{c} 1\n")).concat()));
    for (cell, found) in cells.iter().zip(numbers(&table, "x")) {
        let expected: f64 = cell.parse().unwrap();
        assert_eq!(found.to_bits(), expected.to_bits(), "{cell}");
    }
}

#[test]
fn limits_are_read_with_the_side_they_are_on() {
    let table = read("t,x\n0,<0.05\n1,0.1\n2,> 20\n3,\n4,\u{2264}0.05\n5,>=2e1\n");
    let x = numbers(&table, "x");
    assert_eq!(x[..3], [0.05, 0.1, 20.0]);
    assert!(x[3].is_nan());
    assert_eq!(x[4..], [0.05, 20.0]);
    assert_eq!(texts(&table, "x_censored"), ["<", "", ">", "", "<", ">"]);
    let said = table.reasons.iter().find(|r| r.contains("limit")).unwrap();
    assert_eq!(
        said,
        "`x` has 2 below a limit and 2 above a limit; the column `x_censored` says which"
    );
    // The first rows have a cell for every column.
    assert!(table.head.iter().all(|row| row.len() == table.columns.len()), "{:?}", table.head);
    assert_eq!(table.head[0], ["0", "<0.05", "<"]);
    // A column between others moves those behind it.
    let table = read("x,t,y\n<1,0,5\n2,1,>6\n");
    let names: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["x", "x_censored", "t", "y", "y_censored"]);
    assert_eq!(table.head, [["<1", "<", "0", "5", ""], ["2", "", "1", ">6", ">"]]);
}

#[test]
fn limits_follow_the_rules_of_numbers() {
    let table = read_comma("t;x\n0;<0,05\n1;0,1\n");
    assert_eq!(numbers(&table, "x"), [0.05, 0.1]);
    check_refused(
        "t;x\n0;<0,05\n1;1\n",
        "line 2, column `x`: `<0,05` seems to be a number with a decimal comma",
    );
    for text in ["t,x\n0,<low\n1,1\n2,2\n", "t,x\n0,<\n1,1\n2,2\n", "t,x\n0,<<1\n1,1\n2,2\n"] {
        assert!(matches!(refuse(text), DataError::NotANumber { .. }), "{text}");
    }
    let both = refuse("t,x,x_censored\n0,<1,<\n1,2,\n");
    assert!(matches!(both, DataError::TwoLimits { .. }), "{both}");
    assert!(both.advice().contains("one way"));
    // Marks in a column of their own are text like any other.
    let table = read("t,x,x_censored\n0,1,<\n1,2,\n");
    assert_eq!(texts(&table, "x_censored"), ["<", ""]);
}
