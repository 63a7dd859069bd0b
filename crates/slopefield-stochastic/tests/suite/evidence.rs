//! What is measured of every method, on the page of evidence: a method of the table without a row, or
//! whose row says what is not so, fails here. A new method is in this test by being in the table.
use crate::orders::strong_orders;
use slopefield_stochastic::{Process, methods};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/solver-evidence.md");
const BEGIN: &str = "<!-- begin: written by a test of slopefield-stochastic -->\n";
const END: &str = "<!-- end -->\n";
const HEAD: &str = "| method | strong order | measured | between steps | measured | order of means |\n|---|---|---|---|---|---|\n";

fn rows() -> Vec<Vec<String>> {
    methods()
        .map(|info| {
            let id = format!("`{}`", info.id);
            if info.process == Process::Jumps {
                let order =
                    |x: f64| if x.is_infinite() { "exact".to_owned() } else { x.to_string() };
                let dash = || "–".to_owned();
                return vec![
                    id,
                    order(info.strong_order),
                    dash(),
                    dash(),
                    dash(),
                    order(info.weak_order),
                ];
            }
            let [strong, between] = strong_orders(info).map(|(order, _)| format!("{order:.1}"));
            let (claimed, dense) = (info.strong_order.to_string(), info.dense_order.to_string());
            vec![id, claimed, strong, dense, between, info.weak_order.to_string()]
        })
        .collect()
}

#[test]
fn the_page_of_evidence_says_what_is_measured() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (table, after) = rest.split_once(END).unwrap();
    let rows = rows();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let lines: String = rows.iter().map(|row| format!("| {} |\n", row.join(" | "))).collect();
        std::fs::write(PAGE, format!("{before}{BEGIN}{HEAD}{lines}{END}{after}")).unwrap();
        return;
    }
    let again =
        "write it anew: UPDATE_DOCS=1 cargo test -p slopefield-stochastic --test suite evidence";
    let written: Vec<Vec<&str>> = table
        .lines()
        .skip(2)
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    // Paths follow from their seeds alone, so these numbers are the same everywhere, up to rounding.
    assert_eq!(written.len(), rows.len(), "{again}");
    for (row, written) in rows.iter().zip(&written) {
        for (now, then) in row.iter().zip(written) {
            let same = match (now.parse::<f64>(), then.parse::<f64>()) {
                (Ok(now), Ok(then)) => (now - then).abs() < 0.11,
                _ => now == then,
            };
            assert!(same, "{row:?} and {written:?} on the page; {again}");
        }
    }
}
