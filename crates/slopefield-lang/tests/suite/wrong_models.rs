//! Wrong models and what is said about them: `wrong_models.txt` holds each model and its findings.
//!
//! With `UPDATE_EXPECTED=1` in the environment the test writes the findings it gets into the file.

use slopefield_lang::{check, render};
use std::fmt::Write as _;
use std::path::Path;

#[test]
fn every_wrong_model_is_explained() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/wrong_models.txt");
    let expected = std::fs::read_to_string(&path).unwrap();
    let mut found = String::new();
    let mut count = 0;
    for case in expected.split("=== ").skip(1) {
        let (name, rest) = case.split_once('\n').unwrap();
        let (model, _) = rest.split_once("---\n").unwrap();
        let (checked, diagnostics) = check(model);
        assert!(!diagnostics.is_empty(), "nothing is wrong with `{name}`");
        let worst = diagnostics.iter().map(|d| d.severity).max().unwrap();
        assert_eq!(checked.is_complete, worst < slopefield_lang::Severity::Error, "{name}");
        let rendered = render(model, "model.slope", &diagnostics, false);
        write!(found, "=== {name}\n{model}---\n{rendered}").unwrap();
        count += 1;
    }
    assert!(count >= 70, "{count} cases");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&path, found).unwrap();
    } else {
        assert!(
            found == expected,
            "findings changed; run with UPDATE_EXPECTED=1 and look at the difference"
        );
    }
}
