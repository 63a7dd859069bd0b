//! Replicates, limits and weights: from the columns of a table to the loss and the fit.

use crate::support::objective;
use slopefield_graph::network::BuiltinNetworks;
use slopefield_study::resolve::{Resolved, resolve};
use slopefield_study::{BuiltinSolvers, Prepared, StudyFile, TableData};
use slopefield_train::{Censoring, Control, Start, train};
use std::collections::BTreeMap;
use std::path::Path;

/// A constant with normal noise; the state is there because a model has one.
const MODEL: &str = "\
state x = 1
param m = 1
param s = 1 in [0.01, 100]
x' = -x
observe y = m with normal(s)
";

/// Reference: mpmath, 30 digits: the zero of the gradient of the likelihood of the values below.
const MEAN: f64 = 1.135_098_544_130_517_8;
const DEVIATION: f64 = 0.988_619_262_110_991_2;
const LOSS: f64 = 10.732_557_593_200_137;

fn tables(numeric: &[(&str, &[f64])], text: &[(&str, &[&str])]) -> BTreeMap<String, TableData> {
    let numeric = numeric.iter().map(|(n, v)| ((*n).to_owned(), v.to_vec())).collect();
    let owned = |cells: &[&str]| cells.iter().map(|c| (*c).to_owned()).collect();
    let text = text.iter().map(|(n, v)| ((*n).to_owned(), owned(v))).collect();
    BTreeMap::from([("d".to_owned(), TableData { numeric, text })])
}

fn file(text: &str) -> StudyFile {
    let text = format!("[data.d]\nfile = \"d\"\n{text}\n[training]\ncheck = true\n");
    slopefield_study::load::parse(&text, Path::new("study.toml")).unwrap()
}

fn resolved(text: &str, tables: &BTreeMap<String, TableData>) -> Resolved {
    let (model, _) = slopefield_lang::check(MODEL);
    resolve(&model, &file(text), tables)
}

fn prepared(text: &str, tables: &BTreeMap<String, TableData>) -> Prepared {
    Prepared::new(MODEL, &file(text), tables, &BuiltinNetworks, &BuiltinSolvers).unwrap()
}

fn refused(text: &str, tables: &BTreeMap<String, TableData>, place: &str, words: &str) {
    let found = resolved(text, tables);
    let fatal = found.problems.iter().find(|p| p.fatal);
    let problem = fatal.unwrap_or_else(|| panic!("nothing is wrong with {text}"));
    assert_eq!(problem.place, place);
    assert!(problem.message.contains(words), "{}", problem.message);
}

const TIMES: [f64; 8] = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
const VALUES: [f64; 8] = [1.3, 0.8, 2.1, 0.8, 0.9, 2.5, 1.7, 0.8];
const MARKS: [&str; 8] = ["", "<", "", "<", "", ">", "", "<"];
const WEIGHTS: [f64; 8] = [1.0, 1.0, 1.0, 1.0, 2.0, 1.0, 1.0, 1.0];

/// The maximum of the likelihood from limits and a weight, against an independent one.
#[test]
fn a_fit_with_limits_and_a_weight_is_that_of_the_reference() {
    let tables =
        tables(&[("t", &TIMES), ("y", &VALUES), ("w", &WEIGHTS)], &[("y_censored", &MARKS)]);
    let prepared = prepared("weights = { y = \"w\" }", &tables);
    let (mut objective, control) = (objective(&prepared, "discrete"), Control::default());
    let fit = train(&mut objective, &prepared.recipe, Start::Problem, &control, &mut |_| {});
    assert!(fit.stop_reason.is_success(), "{}", fit.stop_reason.sentence());
    assert!((fit.theta[0] - MEAN).abs() < 1e-6, "{:?}", fit.theta);
    assert!((fit.theta[1] - DEVIATION).abs() < 1e-6, "{:?}", fit.theta);
    assert!((fit.loss - LOSS).abs() < 1e-9, "{}", fit.loss);
}

#[test]
fn replicates_in_columns_are_replicates_in_rows() {
    let wide = tables(
        &[("t", &[0.0, 1.0, 2.0]), ("a", &[1.0, 2.0, f64::NAN]), ("b", &[1.5, 2.5, 3.5])],
        &[("b_censored", &["", ">", ""])],
    );
    let long = tables(
        &[("t", &[0.0, 0.0, 1.0, 1.0, 2.0]), ("y", &[1.0, 1.5, 2.0, 2.5, 3.5])],
        &[("y_censored", &["", "", "", ">", ""])],
    );
    let columns = "columns = { y = [\"a\", \"b\"] }";
    let (one, other) = (resolved(columns, &wide), resolved("", &long));
    assert!(one.ok() && other.ok(), "{:?} {:?}", one.problems, other.problems);
    assert_eq!(one.experiments[0].series, other.experiments[0].series);
    let held = "hold_out = \"1..1\"";
    let experiment = format!("{columns}\n[[experiment]]\nname = \"d\"\ndata = \"d\"\n{held}");
    let held = resolved(&experiment, &wide);
    assert_eq!(held.experiments[0].series[0].held_out, [false, false, true, true, false]);
}

#[test]
fn a_weight_of_two_is_the_measurement_made_twice() {
    let (t, y) = ([0.0, 1.0, 2.0], [1.0, 2.0, 3.0]);
    let weighted = tables(&[("t", &t), ("y", &y), ("w", &[2.0, 1.0, 0.0])], &[]);
    let twice = tables(&[("t", &[0.0, 0.0, 1.0]), ("y", &[1.0, 1.0, 2.0])], &[]);
    let loss = |text: &str, tables| {
        let prepared = prepared(text, tables);
        let mut objective = objective(&prepared, "discrete");
        let (z, mut gradient) = (objective.z_start(), vec![0.0; 2]);
        let loss = objective.evaluate(&z, 1.0, Some(&mut gradient)).unwrap().loss;
        (loss, gradient)
    };
    let (a, by_a) = loss("weights = { y = \"w\" }", &weighted);
    let (b, by_b) = loss("", &twice);
    assert!((a - b).abs() < 1e-14 * b, "{a} {b}");
    for (a, b) in by_a.iter().zip(&by_b) {
        assert!((a - b).abs() < 1e-14 * b.abs().max(1.0), "{by_a:?} {by_b:?}");
    }
}

#[test]
fn marks_may_be_words_and_belong_to_a_column_of_any_name() {
    let tables = tables(
        &[("t", &[0.0, 1.0, 2.0, 3.0]), ("y", &[1.0, 2.0, 3.0, 4.0])],
        &[("flag", &["below", "Right", "NA", ">="])],
    );
    let found = resolved("censored = { y = \"flag\" }", &tables);
    assert!(found.ok(), "{:?}", found.problems);
    use Censoring::{Above, Below, Measured};
    assert_eq!(found.experiments[0].series[0].censored, [Below, Above, Measured, Above]);
    // Without the entry the column is a remark like any other.
    assert!(resolved("", &tables).experiments[0].series[0].censored.is_empty());
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_place() {
    let nan = f64::NAN;
    let tables = tables(
        &[
            ("t", &[0.0, 1.0, 2.0]),
            ("y", &[1.0, 2.0, 3.0]),
            ("z", &[1.0, 2.0, 3.0]),
            ("cens", &[0.0, 1.0, 0.0]),
            ("gap", &[1.0, nan, 1.0]),
            ("minus", &[1.0, -1.0, 1.0]),
        ],
        &[("odd", &["", "maybe", ""])],
    );
    refused("censored = { y = \"cens\" }", &tables, "data.d.censored", "holds numbers");
    refused("censored = { y = \"odd\" }", &tables, "data.d.censored", "`maybe`");
    refused("censored = { y = \"none\" }", &tables, "data.d.censored", "no column `none`");
    refused("weights = { y = \"gap\" }", &tables, "data.d.weights", "no weight at 1");
    refused("weights = { y = \"minus\" }", &tables, "data.d.weights", "negative");
    refused("weights = { x = \"gap\" }", &tables, "data.d.weights", "no observation `x`");
    refused("columns = { y = [\"y\", \"y\"] }", &tables, "data.d.columns", "twice");
    refused("columns = { y = [\"y\", \"nothing\"] }", &tables, "data.d.columns", "`nothing`");
    let two = "columns = { y = [\"y\", \"z\", \"cens\"] }\nweights = { y = [\"gap\", \"gap\"] }";
    refused(two, &tables, "data.d.weights", "3 columns of values, but 2");
}

#[test]
fn limits_that_the_noise_has_not_are_refused_with_their_time() {
    let model = MODEL.replace("normal(s)", "bernoulli()").replace("m = 1\n", "m = 0.5\n");
    let tables = tables(&[("t", &[0.0, 1.0]), ("y", &[1.0, 0.0])], &[("y_censored", &["", ">"])]);
    let made = Prepared::new(&model, &file(""), &tables, &BuiltinNetworks, &BuiltinSolvers);
    let message = match made {
        Err(error) => error.to_string(),
        Ok(prepared) => prepared.problem.check().unwrap_err().to_string(),
    };
    assert!(message.contains("y at 1") && message.contains("no limit"), "{message}");
}

/// Experiments with doses of their own, at times of their own: `k` is found from all of them, exactly.
#[test]
fn experiments_have_doses_and_times_of_their_own() {
    let model = "\
state u = 0
param k = 0.3 in [0.01, 5]
param dose = 1
param when = 1
u' = -k*u
at [when]: u += dose
observe y = u
";
    let curve = |dose: f64, when: f64, t: f64| match t < when {
        true => 0.0,
        false => dose * (-0.8 * (t - when)).exp(),
    };
    let t = [0.0, 0.5, 1.5, 2.5, 3.5, 5.0];
    let column = |dose, when| t.map(|t| curve(dose, when, t)).to_vec();
    let numeric = [("t", t.to_vec()), ("a", column(2.0, 1.0)), ("b", column(4.0, 3.0))];
    let table = |y: &str| TableData {
        numeric: numeric
            .iter()
            .filter(|(name, _)| ["t", y].contains(name))
            .map(|(name, values)| ((*name).to_owned(), values.clone()))
            .collect(),
        text: Vec::new(),
    };
    let tables = BTreeMap::from([("a".to_owned(), table("a")), ("b".to_owned(), table("b"))]);
    let text = "\
[data.a]
file = \"a\"
columns = { y = \"a\" }
[data.b]
file = \"b\"
columns = { y = \"b\" }
[[experiment]]
name = \"two at one\"
data = \"a\"
set = { dose = 2, when = 1 }
[[experiment]]
name = \"four at three\"
data = \"b\"
set = { dose = 4, when = 3 }
[solver]
rtol = 1e-9
atol = 1e-9
";
    let file = slopefield_study::load::parse(text, Path::new("study.toml")).unwrap();
    let prepared = Prepared::new(model, &file, &tables, &BuiltinNetworks, &BuiltinSolvers).unwrap();
    assert_eq!(prepared.theta_names, ["k"]);
    let (mut objective, control) = (objective(&prepared, "discrete"), Control::default());
    let fit = train(&mut objective, &prepared.recipe, Start::Problem, &control, &mut |_| {});
    assert!((fit.theta[0] - 0.8).abs() < 1e-6, "{:?}", fit.theta);
    assert!(fit.sse < 1e-12, "{}", fit.sse);
}
