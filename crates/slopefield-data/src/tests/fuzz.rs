//! Any bytes are read or refused, never a panic; and the reader agrees with the `csv` crate.

use super::zip::workbook;
use crate::delimiter::Delimiter;
use crate::records::Records;
use crate::table::read_bytes;
use crate::{ColumnData, Decimal, Options};
use proptest::prelude::*;

fn check_any(bytes: &[u8]) {
    for decimal in [Decimal::Point, Decimal::Comma] {
        let options = Options { decimal, ..Options::default() };
        match read_bytes(bytes, "any", &options) {
            Ok(table) => {
                assert!(table.row_count > 0);
                for column in &table.columns {
                    let len = match &column.values {
                        ColumnData::Numeric(values) => {
                            assert!(values.iter().all(|v| !v.is_infinite()));
                            values.len()
                        }
                        ColumnData::Text(values) => values.len(),
                    };
                    assert_eq!(len, table.row_count);
                }
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                assert!(!error.advice().is_empty());
            }
        }
    }
}

/// Texts made of what tables are made of meet more code than arbitrary bytes do.
fn table_like() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just(",".to_string()),
        Just(";".to_string()),
        Just("\t".to_string()),
        Just(" ".to_string()),
        Just("\n".to_string()),
        Just("\r\n".to_string()),
        Just("\"".to_string()),
        Just("#".to_string()),
        Just("NA".to_string()),
        Just("1,234.5".to_string()),
        Just("1e5".to_string()),
        "-?[0-9]{1,3}([.,][0-9]{1,3})?",
        "[a-zµ]{1,4}",
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        check_any(&bytes);
    }

    #[test]
    fn any_table_like_text(text in table_like()) {
        check_any(text.as_bytes());
    }

    #[test]
    fn any_damage_of_a_workbook(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let data = "<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>x</t></is></c></row><row r=\"2\"><c r=\"A2\"><v>1</v></c></row>";
        let mut book = workbook(&[("s", data)]);
        let at = at.index(book.len());
        book[at] = byte;
        check_any(&book);
        book.truncate(4 + cut.index(book.len() - 4));
        check_any(&book);
    }

    #[test]
    fn agrees_with_the_csv_crate(rows in prop::collection::vec(prop::collection::vec("[a-c0-9\", \n]{0,5}", 2..4), 1..6)) {
        let mut writer = csv::WriterBuilder::new().flexible(true).quote_style(csv::QuoteStyle::Always).from_writer(Vec::new());
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        let ours: Vec<Vec<String>> = Records::new(&text, Delimiter::Comma)
            .map(|r| r.unwrap().1.into_iter().map(|c| c.into_owned()).collect())
            .collect();
        let theirs: Vec<Vec<String>> = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(text.as_bytes())
            .records()
            .map(|r| r.unwrap().iter().map(String::from).collect())
            .collect();
        prop_assert_eq!(&ours, &rows);
        prop_assert_eq!(ours, theirs);
    }
}
