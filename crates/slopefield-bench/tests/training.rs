//! The cases of the suite `training`: results agree with C and with the stored references. Nothing
//! here looks at a time. Ten thousand draws take too long for a test; the posterior itself is
//! compared with the published one in the tests of `slopefield-uncertainty`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use slopefield_bench::{Case, Comparators, Setting, once, run, suite};

fn cases() -> Vec<Case> {
    let names = ["spiral-adam", "lv-fit", "boehm-gradient"].map(str::to_owned);
    suite("training").unwrap().choose(&names).unwrap()
}

#[test]
fn every_result_agrees_with_its_reference_and_the_spiral_with_c() {
    let folder = tempfile::tempdir().unwrap();
    let comparators = Comparators::find(folder.path().to_path_buf());
    assert!(comparators.description().is_some(), "the tests need a C and a C++ compiler");
    let setting = Setting { comparators: &comparators, compile_rounds: 1, program: None };
    for case in cases() {
        let outcome = run(case, &setting, 0.0);
        let name = &outcome.case.name;
        let found = outcome.figures.as_ref().unwrap_or_else(|e| panic!("{name}: {e}"));
        println!("{name}: {found:?}");
        assert!(found.error.is_some(), "{name}");
        assert_eq!(found.disagreement.is_some(), name == "spiral-adam");
        assert!(found.reached.is_some(), "{name}");
    }
}

#[test]
fn all_cases_are_listed_and_three_are_done_once_without_a_compiler() {
    let all = suite("training").unwrap().choose(&[]).unwrap();
    let names: Vec<&str> = all.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names, ["spiral-adam", "spiral-process", "lv-fit", "boehm-gradient", "posterior"]);
    for case in cases() {
        once(&case, None).unwrap_or_else(|e| panic!("{}: {e}", case.name));
    }
}

/// A case that starts the command says so where there is none, and fails with what a wrong one says.
#[test]
fn the_command_is_needed_and_its_answer_is_looked_at() {
    let case = || {
        let mut found = suite("training").unwrap().choose(&["spiral-process".into()]).unwrap();
        found.remove(0)
    };
    let error = once(&case(), None).unwrap_err().to_string();
    assert!(error.contains("slopefield bench training"), "{error}");
    let missing = std::path::Path::new("no-such-program");
    let error = once(&case(), Some(missing)).unwrap_err().to_string();
    assert!(error.contains("no-such-program cannot be started"), "{error}");
}
