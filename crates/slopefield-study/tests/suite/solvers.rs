//! The list of built-in solvers, in the program and in its documentation.
use crate::gradients::model;

use slopefield_solve::Stepper;
use slopefield_study::solvers::{Solvers, solvers_table, stepper, summaries};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/solvers.md");
const BEGIN: &str = "<!-- The tables are written by a test of slopefield-study; see docs/how-to/add-a-solver.md. -->\n";

#[test]
fn the_page_of_solvers_is_up_to_date() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, _) = page.split_once(BEGIN).unwrap();
    let expected = format!("{before}{BEGIN}{}", solvers_table());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, &expected).unwrap();
        return;
    }
    assert!(
        page == expected,
        "write it anew: UPDATE_DOCS=1 cargo test -p slopefield-study --test suite solvers"
    );
}

#[test]
fn every_solver_can_be_told_from_the_others_and_says_when_to_use_it() {
    let all = summaries();
    assert!(all.len() >= 37, "{}", all.len());
    for (i, m) in all.iter().enumerate() {
        assert!(all[..i].iter().all(|other| other.id != m.id && other.name != m.name), "{}", m.id);
        assert!(m.advice.ends_with('.') && m.advice.len() > 20, "{}: {}", m.id, m.advice);
        assert!(m.reference.starts_with("10."), "{}: {}", m.id, m.reference);
        assert!(
            m.id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c))
        );
    }
    // Groups come in one piece.
    let mut groups: Vec<&str> = all.iter().map(|m| m.group).collect();
    groups.dedup();
    let pieces = groups.len();
    groups.sort_unstable();
    groups.dedup();
    assert_eq!(groups.len(), pieces);
}

/// Plugins that say which solver they were asked for.
struct Asked;

impl Solvers for Asked {
    fn stepper(&self, method: &str) -> Result<Box<dyn Stepper>, String> {
        Err(format!("asked for {method}"))
    }
}

/// What a plugin's solver takes it says itself, when the solve begins.
#[test]
fn plugins_are_asked_for_models_of_every_class() {
    for text in [
        "state x = 1\nparam k = 1\nx' = -k*x\n",
        "state x = 1\nparam k = 1\nhistory x = 1\nx' = -k*delay(x, 1)\n",
        "state x = 1\nparam k = 1\nnoise W\nx' = -k*x + 0.1*W'\n",
    ] {
        let model = model(text);
        let refusal = |method: &str| stepper(&model, method, &Asked).err();
        assert_eq!(refusal("org.example/mine").as_deref(), Some("asked for org.example/mine"));
    }
}
