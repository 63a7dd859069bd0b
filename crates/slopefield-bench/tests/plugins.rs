//! The suite `plugins`: what it does is right, and it leaves nothing behind. Nothing here looks at
//! a time.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use slopefield_bench::{Comparators, Setting, run, suite};

#[test]
fn all_plugins_are_found_and_no_file_is_left() {
    let left = || {
        let pid = std::process::id();
        let entries = std::fs::read_dir(std::env::temp_dir()).unwrap();
        let names = entries.map(|e| e.unwrap().file_name().into_string().unwrap_or_default());
        names.filter(|n| n.starts_with(&format!("slopefield-scan-{pid}-"))).count()
    };
    let cases = suite("plugins").unwrap().choose(&["scan".into()]).unwrap();
    let setting = Setting { comparators: &Comparators::none(), compile_rounds: 1, program: None };
    let mut names = Vec::new();
    for case in cases {
        let outcome = run(case, &setting, 0.0);
        names.push(outcome.case.name.clone());
        assert_eq!(outcome.figures.unwrap().error, Some(0.0));
    }
    assert_eq!(names, ["scan", "scan-again"]);
    assert_eq!(left(), 0);
}

/// Behind the interface the built-in method takes the same steps: the same states to the last bit, with
/// as many evaluations.
#[test]
fn the_interface_changes_no_bit() {
    let cases = suite("plugins").unwrap().choose(&["interface".into()]).unwrap();
    let setting = Setting { comparators: &Comparators::none(), compile_rounds: 1, program: None };
    let mut names = Vec::new();
    for case in cases {
        let outcome = run(case, &setting, 0.0);
        names.push(outcome.case.name.clone());
        let figures = outcome.figures.unwrap();
        assert_eq!(figures.disagreement, Some(0.0), "{}", outcome.case.name);
        let solves = outcome.case.name != "interface-rhs";
        assert_eq!(
            figures.evaluations.is_some_and(|n| n > 100),
            solves,
            "{:?}",
            figures.evaluations
        );
    }
    let all = ["interface-rhs", "interface-solve", "interface-solve-whole", "interface-network"];
    assert_eq!(names, all);
}
