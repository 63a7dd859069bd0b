//! What training takes behind `auto`, and what of it is kept.

use slopefield_adjoint::METHODS;
use slopefield_graph::network::BuiltinNetworks;
use slopefield_study::gradient::bytes;
use slopefield_study::{BuiltinSolvers, Decided, Prepared, StudyError, TableData};
use std::collections::BTreeMap;
use std::path::Path;

const ROBERTSON: &str = "state a = 1\nstate b = 0\nstate c = 0\nparam k1 = 0.04 in [0.001, 1] log\n\
    param k2 = 3e7 in [1e5, 1e9] log\nparam k3 = 1e4 in [1e2, 1e6] log\na' = k3*b*c - k1*a\n\
    b' = k1*a - k2*b^2 - k3*b*c\nc' = k2*b^2\nobserve seen = a\n";

const PREDATORS: &str = "state x = 1\nstate y = 1\nparam a = 1.5\nparam b = 1\nparam c = 3\n\
    x' = a*x - b*x*y\ny' = x*y - c*y\nobserve seen = x\n";

/// A study of a model with one table `t`, `seen`, and more lines in its file.
fn prepared(
    model: &str,
    times: &[f64],
    more: &str,
    decided: &Decided,
) -> Result<Prepared, StudyError> {
    let text = format!("[data.one]\nfile = \"one\"\n{more}");
    let file = slopefield_study::load::parse(&text, Path::new("study.toml")).unwrap();
    let values: Vec<f64> = times.iter().map(|t| 1.0 / (1.0 + t)).collect();
    let columns = [("t", times.to_vec()), ("seen", values)];
    let numeric = columns.map(|(name, values)| (name.to_owned(), values)).to_vec();
    let table = TableData { numeric, text: Vec::new() };
    let tables = BTreeMap::from([("one".to_owned(), table)]);
    Prepared::with_choice(model, &file, &tables, &BuiltinNetworks, &BuiltinSolvers, decided)
}

const SHORT: [f64; 4] = [0.0, 1.0, 2.0, 5.0];
const LONG: [f64; 5] = [0.0, 1.0, 100.0, 1e4, 1e5];

#[test]
fn a_stiff_study_gets_an_implicit_method_and_says_why() {
    let study = prepared(ROBERTSON, &LONG, "", &Decided::default()).unwrap();
    assert_eq!(study.solver.0, "rodas5p");
    for part in ["Rodas5P: ", "stiff from t = ", "Tsit5 "] {
        assert!(study.solver.1.contains(part), "{}", study.solver.1);
    }
    assert_eq!(study.gradient.0, "discrete");
    for part in ["forward solves", "6 unknowns", "Jacobian", " steps"] {
        assert!(study.gradient.1.contains(part), "{}", study.gradient.1);
    }
}

#[test]
fn a_study_that_is_not_stiff_keeps_tsit5() {
    let study = prepared(PREDATORS, &SHORT, "", &Decided::default()).unwrap();
    assert_eq!(study.solver.0, "tsit5");
    assert!(study.solver.1.contains("was not stiff"), "{}", study.solver.1);
    assert_eq!(study.gradient.0, "discrete");
    assert!(!study.gradient.1.contains("Jacobian"), "{}", study.gradient.1);
    assert!(study.recipe.check_gradient && study.memory == 256 << 20);
}

/// Where the start values cannot be solved, there is still a choice, and training says what is
/// wrong with them.
#[test]
fn start_values_that_blow_up_are_no_obstacle_to_the_choice() {
    let model = "state x = 1\nparam k = 5\nx' = k*x^2\nobserve seen = x\n";
    let study = prepared(model, &SHORT, "", &Decided::default()).unwrap();
    assert_eq!((study.solver.0.as_str(), study.gradient.0.as_str()), ("tsit5", "discrete"));
    assert!(study.solver.1.contains("failed"), "{}", study.solver.1);
    assert!(study.gradient.1.contains("could not be measured"), "{}", study.gradient.1);
}

#[test]
fn what_the_study_names_or_an_earlier_run_chose_is_kept() {
    let pair = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
    let decided = Decided { solver: pair("vern7", "as before"), gradient: pair("forward", "so") };
    let study = prepared(PREDATORS, &SHORT, "", &decided).unwrap();
    assert_eq!(Some(study.solver), decided.solver);
    assert_eq!(Some(study.gradient), decided.gradient);
    let named = "[solver]\nmethod = \"dp5\"\n[training]\ngradient = \"gauss\"\ncheck = false\n\
                 memory = \"2 kB\"\n";
    let study = prepared(PREDATORS, &SHORT, named, &decided).unwrap();
    assert_eq!((study.solver.0.as_str(), study.gradient.0.as_str()), ("dp5", "gauss"));
    assert_eq!(study.gradient.1, "Gauss adjoint, as the study says");
    assert!(!study.recipe.check_gradient && study.memory == 2000);
}

#[test]
fn amounts_of_memory_are_read_or_refused() {
    let read = [
        ("64MB", 64_000_000),
        ("64 MiB", 64 << 20),
        ("1.5 gb", 1_500_000_000),
        ("512K", 512_000),
        ("4096", 4096),
    ];
    for (text, count) in read {
        assert_eq!(bytes(text), Ok(count), "{text}");
    }
    for text in ["", "lots", "-5 MB", "0", "MB", "5 XB", "nan MB", "1e40"] {
        let said = bytes(text).unwrap_err();
        assert!(said.contains("64 MB"), "{text}: {said}");
    }
    let wrong = "[training]\nmemory = \"much\"\n";
    let Err(StudyError::Study(problems)) = prepared(PREDATORS, &SHORT, wrong, &Decided::default())
    else {
        panic!("`much` is no amount of memory");
    };
    assert_eq!(problems[0].place, "training.memory");
    assert!(problems[0].message.contains("`much`"));
}

/// The page of methods has a row for each.
#[test]
fn every_method_is_described() {
    let page = include_str!("../../../../docs/reference/gradients.md");
    for method in METHODS {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{}` |", method.id)));
        let row = row.unwrap_or_else(|| panic!("no row for `{}`", method.id));
        assert!(row.contains(method.title), "{row}");
        let exact = if method.exact { "yes" } else { "no" };
        assert!(row.contains(&format!("| {exact} |")), "{row}");
    }
}
