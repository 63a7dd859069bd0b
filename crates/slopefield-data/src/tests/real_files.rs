//! Files as people publish them.

use super::{names, numbers, texts};
use crate::{Options, Table, read_path};
use std::path::PathBuf;

fn fixture(name: &str) -> Table {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    read_path(path, &Options::default()).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn pelts_of_the_hudson_bay_company() {
    let table = fixture("hudson_bay_lynx_hare_1900_1920.csv");
    assert_eq!(table.name, "hudson_bay_lynx_hare_1900_1920");
    assert_eq!(names(&table), ["year", "hare_thousands", "lynx_thousands"]);
    assert_eq!(table.row_count, 21);
    assert_eq!(table.time.as_deref(), Some("year"));
    assert_eq!(numbers(&table, "year").first(), Some(&1900.0));
    assert_eq!(numbers(&table, "year").last(), Some(&1920.0));
    assert_eq!(numbers(&table, "hare_thousands")[..3], [30.0, 47.2, 70.2]);
    // Sums computed with another program from the same file.
    let sum: f64 = numbers(&table, "hare_thousands").iter().sum();
    assert!((sum - 715.7).abs() < 1e-9, "{sum}");
    let sum: f64 = numbers(&table, "lynx_thousands").iter().sum();
    assert!((sum - 423.5).abs() < 1e-9, "{sum}");
    assert_eq!(table.comments.len(), 3);
    assert!(table.warnings.is_empty());
}

#[test]
fn influenza_in_a_boarding_school() {
    let table = fixture("influenza_boarding_school_1978.csv");
    assert_eq!(names(&table), ["day", "date", "in_bed", "convalescent"]);
    assert_eq!(table.row_count, 14);
    assert_eq!(table.time.as_deref(), Some("day"));
    assert_eq!(texts(&table, "date")[0], "1978-01-22");
    assert_eq!(numbers(&table, "in_bed")[..4], [3.0, 8.0, 26.0, 76.0]);
    let sum: f64 = numbers(&table, "in_bed").iter().sum();
    assert_eq!(sum, 1559.0);
    assert_eq!(table.head.len(), 10);
    assert_eq!(table.head[0], ["1", "1978-01-22", "3", "0"]);
}
