//! Delimiters, headers, ragged rows, encodings.

use super::{check_refused, names, numbers, read, refuse, texts};
use crate::{DataError, Delimiter, HeaderRow, Options, Place, read_text};

#[test]
fn every_delimiter_gives_the_same_table() {
    for delimiter in [",", "\t", ";", "|", " ", "   "] {
        let text = ["t,x", "0,1.5", "1,-2e3", "2,NA"].join("\n").replace(',', delimiter);
        let table = read(&text);
        assert_eq!(names(&table), ["t", "x"], "{delimiter:?}");
        assert_eq!(numbers(&table, "t"), [0.0, 1.0, 2.0]);
        assert_eq!(numbers(&table, "x")[..2], [1.5, -2000.0]);
        assert!(numbers(&table, "x")[2].is_nan());
        assert_eq!(table.row_count, 3);
        assert_eq!(table.time.as_deref(), Some("t"));
    }
}

#[test]
fn line_endings_byte_order_mark_and_blank_lines_do_not_matter() {
    let plain = read("t,x\n1,2\n3,4\n");
    for text in
        ["t,x\r\n1,2\r\n3,4", "t,x\r1,2\r3,4", "\u{FEFF}t,x\n1,2\n\n3,4\n\n", "\n\nt,x\n1,2\n3,4"]
    {
        assert_eq!(read(text).columns, plain.columns, "{text:?}");
    }
}

#[test]
fn comments_are_kept_and_lines_still_counted() {
    let text = "# from a book\n#second\nt,x\n1,2\n# between\n2,oops\n3,4\n";
    match refuse(text) {
        DataError::NotANumber { place, column, text, numbers } => {
            assert_eq!(place, Place::Line(6));
            assert_eq!((column.as_str(), text.as_str(), numbers), ("x", "oops", 2));
        }
        other => panic!("{other}"),
    }
    let table = read(&text.replace("oops", "9"));
    assert_eq!(table.comments, ["from a book", "second", "between"]);
    assert!(table.reasons.contains(&"3 comment lines beginning with # were skipped".to_string()));
}

#[test]
fn quoted_fields_hold_delimiters_quotes_and_line_breaks() {
    let table = read("\"name, of it\",x\n\"say \"\"hi\"\"\",1\n\"two\nlines\",2\nplain,3\n");
    assert_eq!(texts(&table, "name, of it"), ["say \"hi\"", "two\nlines", "plain"]);
    assert_eq!(numbers(&table, "x"), [1.0, 2.0, 3.0]);
    check_refused("t,x\n1,2\n2,\"open\n3,4\n", "line 3: a quoted field begins here and never ends");
    // The line after a field of two lines is counted right.
    check_refused("a,x\n\"p\nq\",1\nr,2\ns\n", "line 5: 1 fields where the header has 2");
}

#[test]
fn headers_are_found_or_made_up() {
    assert_eq!(names(&read("0,1\n1,2\n")), ["column_1", "column_2"]);
    assert_eq!(names(&read("# t x\n0 1\n1 2\n")), ["t", "x"]);
    assert_eq!(names(&read("1978-01-22,3\n1978-01-23,8\n")), ["column_1", "column_2"]);
    assert_eq!(names(&read("year,,x\n1,2,3\n4,5,6\n")), ["year", "column_2", "x"]);
    assert_eq!(names(&read("t;x;\n1;2;\n3;4;\n")), ["t", "x"]);
    assert_eq!(names(&read("x y\nr1 1 2\nr2 3 4\n")), ["row", "x", "y"]);
    let no = Options { header: HeaderRow::No, ..Options::default() };
    assert_eq!(read_text("a,b\nc,d\n", "t", &no).unwrap().row_count, 2);
    let yes = Options { header: HeaderRow::Yes, ..Options::default() };
    assert_eq!(names(&read_text("1900,1901\n1,2\n", "t", &yes).unwrap()), ["1900", "1901"]);
}

#[test]
fn a_fixed_delimiter_is_obeyed() {
    let options = Options { delimiter: Some(Delimiter::Tab), ..Options::default() };
    let table = read_text("t,x\na,b\n", "t", &options).unwrap();
    assert_eq!(names(&table), ["t,x"]);
}

#[test]
fn nothing_and_only_a_header_are_refused() {
    check_refused("", "test holds no table: it is empty or has only comments");
    check_refused("# only\n\n", "test holds no table: it is empty or has only comments");
    check_refused("t,x\n", "test has a header (t, x) and no rows");
}

#[test]
fn ragged_rows_and_equal_names_are_refused_with_their_place() {
    check_refused("t,x\n1,2\n2\n", "line 3: 1 fields where the header has 2");
    check_refused("t x\n1 2\n2 3 4\n", "line 3: 3 fields where the header has 2");
    check_refused("t,x,t\n1,2,3\n", "line 1: columns 1 and 3 are both named `t`");
    // Empty fields at the end of a row are no values.
    assert_eq!(numbers(&read("t,x\n1,2,\n3,4,,\n"), "x"), [2.0, 4.0]);
    assert_eq!(read("t,x\n1,2\n,\n3,4\n").row_count, 2);
}

#[test]
fn other_encodings_are_read_with_a_sentence() {
    let latin = b"zeit,gr\xF6\xDFe\n1,2\n2,3\n";
    let table = crate::table::read_bytes(latin, "t", &Options::default()).unwrap();
    assert_eq!(names(&table), ["zeit", "größe"]);
    assert!(table.warnings[0].starts_with("line 1 is not UTF-8"), "{:?}", table.warnings);

    let mut utf16 = vec![0xFF, 0xFE];
    utf16.extend("t\tµ\n1\t2\n".encode_utf16().flat_map(u16::to_le_bytes));
    let table = crate::table::read_bytes(&utf16, "t", &Options::default()).unwrap();
    assert_eq!(names(&table), ["t", "µ"]);

    let error = crate::table::read_bytes(b"t,x\n1,\x002", "t", &Options::default()).unwrap_err();
    assert_eq!(error.to_string(), "t is not a text file: byte 6 is zero");
}

#[test]
fn limits_are_kept() {
    let tight = |f: fn(&mut Options)| {
        let mut options = Options::default();
        f(&mut options);
        read_text("t,x\n1,2\n3,4\n", "t", &options).unwrap_err().to_string()
    };
    assert_eq!(tight(|o| o.max_rows = 1), "line 3: more than 1 rows");
    assert_eq!(tight(|o| o.max_columns = 1), "line 1: more than 1 columns");
    assert_eq!(tight(|o| o.max_cells = 3), "line 2: more than 3 cells");
    assert_eq!(tight(|o| o.max_bytes = 5), "t has 12 bytes; at most 5 are read");
}

#[test]
fn time_is_suggested_by_name_then_by_growth() {
    assert_eq!(read("x,Time (h)\n1,5\n2,4\n").time.as_deref(), Some("Time (h)"));
    assert_eq!(read("x,time_h\n1,5\n2,5\n").time.as_deref(), Some("time_h"));
    assert_eq!(read("a,b\n1,5\n1,6\n").time.as_deref(), Some("b"));
    assert_eq!(read("a,b\n1,5\n1,5\n").time, None);
    // A text column named date is no time.
    assert_eq!(read("date,day\n1978-01-22,7\n1978-01-23,8\n").time.as_deref(), Some("day"));
}

#[test]
fn a_missing_file_and_a_folder_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let gone = folder.path().join("gone.csv");
    assert!(matches!(crate::read_path(&gone, &Options::default()), Err(DataError::Io { .. })));
    assert!(matches!(
        crate::read_path(folder.path(), &Options::default()),
        Err(DataError::Io { .. })
    ));
}
