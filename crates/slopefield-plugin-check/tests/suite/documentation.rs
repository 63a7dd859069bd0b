//! The page on the tests lists them as they are.

use slopefield_plugin_check::{Applies, catalogue::TESTS};
use std::fmt::Write as _;
use std::path::Path;

/// Run with `UPDATE_PLUGIN_TESTS=1` to write the table.
#[test]
fn the_page_lists_every_test() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/plugin-tests.md");
    let page = std::fs::read_to_string(&path).expect("the page is there");
    let (before, _) = page.split_once("## The list\n").expect("the page has the heading");
    let mut wanted = format!("{before}## The list\n\n| test | of | looks at |\n|---|---|---|\n");
    for test in TESTS {
        let of = match test.applies {
            Applies::Plugin => "every plugin",
            Applies::Library => "plugins with code",
            Applies::Solver => "solvers in code",
            Applies::Method => "solvers and tableaus",
            Applies::Tableau => "tableaus",
            Applies::Network => "networks",
        };
        let _ = writeln!(wanted, "| `{}` | {of} | {} |", test.name, test.about);
    }
    if std::env::var_os("UPDATE_PLUGIN_TESTS").is_some() {
        std::fs::write(&path, &wanted).expect("the page can be written");
        return;
    }
    assert_eq!(page, wanted, "run this test with UPDATE_PLUGIN_TESTS=1");
    let mut names: Vec<_> = TESTS.iter().map(|t| t.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), TESTS.len(), "a name is there twice");
}
