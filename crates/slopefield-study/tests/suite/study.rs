//! From study and tables to experiments, and to the vector that training changes.
use slopefield_graph::network::BuiltinNetworks;
use slopefield_study::gradient::Route;
use slopefield_study::resolve::{Resolved, resolve};
use slopefield_study::{BuiltinSolvers, Prepared, StudyFile, TableData};
use slopefield_train::{Methods, Objective, Source, Start};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Exponential decay: `k` is a rate, `a` the amplitude at the start.
const MODEL: &str = "\
state x = a
state z = 2
param a = 1 in [0.01, 100]
param k = 0.4 in [0.01, 5]
param c = 3
x' = -k*x
z' = -c*z
observe y = x
observe w = z
";

fn study(text: &str) -> StudyFile {
    slopefield_study::load::parse(text, Path::new("study.toml")).unwrap()
}

fn table(columns: &[(&str, &[f64])]) -> TableData {
    let numeric = columns.iter().map(|(n, v)| ((*n).to_owned(), v.to_vec())).collect();
    TableData { numeric, text: vec![("note".into(), Vec::new())] }
}

fn tables() -> BTreeMap<String, TableData> {
    let one = table(&[("t", &[0.0, 1.0, 2.0, 3.0]), ("y", &[1.0, 0.5, f64::NAN, 0.2])]);
    let two = table(&[("hour", &[3.0, 1.0, 1.0, 2.0]), ("signal", &[0.3, 0.9, 0.8, 0.5])]);
    BTreeMap::from([("one".to_owned(), one), ("two".to_owned(), two)])
}

fn resolved(text: &str) -> Resolved {
    let (model, _) = slopefield_lang::check(MODEL);
    assert!(model.is_complete);
    resolve(&model, &study(text), &tables())
}

const DATA: &str = "\
[data.one]
file = \"one\"
[data.two]
file = \"two\"
time = \"hour\"
columns = { y = \"signal\" }
";

fn prepared(text: &str) -> Prepared {
    Prepared::new(MODEL, &study(text), &tables(), &BuiltinNetworks, &BuiltinSolvers).unwrap()
}

#[test]
fn columns_are_bound_and_points_sorted() {
    let resolved = resolved(DATA);
    assert!(resolved.ok(), "{:?}", resolved.problems);
    let [one, two] = resolved.experiments.as_slice() else { panic!("two tables") };
    // By its own name; what is missing is left out and told.
    assert_eq!((one.name.as_str(), one.start, one.series.len()), ("one", 0.0, 1));
    assert_eq!(one.series[0].times, [0.0, 1.0, 3.0]);
    assert_eq!(one.series[0].values, [1.0, 0.5, 0.2]);
    let warnings: Vec<_> = resolved.problems.iter().map(ToString::to_string).collect();
    assert!(warnings.contains(&"data.one: 1 empty cell is left out".to_owned()), "{warnings:?}");
    assert!(warnings.iter().any(|w| w.starts_with("observe w: ")), "{warnings:?}");
    // Times in order; replicates keep both values in the order of the table.
    assert_eq!((two.start, &two.series[0].times), (1.0, &vec![1.0, 1.0, 2.0, 3.0]));
    assert_eq!(two.series[0].values, [0.9, 0.8, 0.5, 0.3]);
    assert_eq!(resolved.last_time(), 3.0);
}

#[test]
fn hold_out_ranges_include_their_ends() {
    let held = |range: &str| {
        let experiment = format!("[[experiment]]\nname=\"e\"\ndata=\"two\"\nhold_out=\"{range}\"");
        let resolved = resolved(&format!("{DATA}{experiment}"));
        assert!(resolved.ok(), "{:?}", resolved.problems);
        let e = &resolved.experiments[0];
        (e.series[0].held_out.clone(), e.hold_out_from)
    };
    assert_eq!(held("2.."), (vec![false, false, true, true], Some(2.0)));
    assert_eq!(held("..1"), (vec![true, true, false, false], None));
    assert_eq!(held("1.5..2"), (vec![false, false, true, false], None));
    assert_eq!(held("-5..0"), (vec![false; 4], None));
}

#[test]
fn names_that_are_wrong_are_all_told() {
    let experiments = "\
[[experiment]]
name = \"same\"
data = \"one\"
set = { kk = 1 }
[[experiment]]
name = \"same\"
data = \"two\"
start = 2
local = [\"x\"]
[solver]
atol = 0
";
    let resolved = resolved(&format!("{DATA}{experiments}"));
    assert!(!resolved.ok());
    let all: Vec<_> =
        resolved.problems.iter().filter(|p| p.fatal).map(ToString::to_string).collect();
    for part in [
        "experiment 1 (same): set: the model has no parameter and no state `kk`",
        "experiment 2 (same): another experiment is called `same` too",
        "experiment 2 (same): start: the start 2 is after the first time 1 of the table",
        "experiment 2 (same): local: the model has no parameter `x`",
        "solver.atol: 0 is no tolerance",
    ] {
        assert!(all.iter().any(|p| p.starts_with(part)), "{part} is not in {all:#?}");
    }
    assert_eq!(all.len(), 5, "{all:#?}");
}

/// Shared parameters once, local ones per experiment, set ones not at all.
#[test]
fn the_vector_of_unknowns() {
    let experiments = "\
[[experiment]]
name = \"A\"
data = \"one\"
local = [\"a\"]
set = { c = 7, z = 5 }
[[experiment]]
name = \"B\"
data = \"two\"
local = [\"a\"]
";
    let prepared = prepared(&format!("{DATA}{experiments}"));
    assert_eq!(prepared.theta_names, ["a [A]", "a [B]", "k", "c"]);
    assert_eq!(prepared.scalars, 4);
    let [a, b] = prepared.problem.experiments.as_slice() else { panic!() };
    let at = |name: &str| prepared.model.model.params.iter().position(|p| p.name == name).unwrap();
    let place = |s: &Source| match *s {
        Source::Theta(i) => prepared.theta_names[i].clone(),
        Source::Fixed(value) => format!("= {value}"),
    };
    let row = |e: &slopefield_train::Experiment| ["a", "k", "c"].map(|n| place(&e.params[at(n)]));
    assert_eq!(row(a), ["a [A]", "k", "= 7"]);
    assert_eq!(row(b), ["a [B]", "k", "c"]);
    let z = prepared.model.model.states.iter().position(|s| s.name == "z").unwrap();
    assert_eq!((a.fixed_initial.as_slice(), b.fixed_initial.len()), ([(z, 5.0)].as_slice(), 0));
    // Initial values: the parameter, the override, the model's own.
    let cases = slopefield_study::gradient::Case::all(&prepared);
    assert_eq!((&cases[0].u0[z], &cases[1].u0[z]), (&5.0, &2.0));
    assert_eq!(cases[1].saves, [1.0, 2.0, 3.0]);
}

/// One experiment needs no names in brackets.
#[test]
fn a_single_experiment_keeps_plain_names() {
    let experiment = "[[experiment]]\nname = \"A\"\ndata = \"one\"\nlocal = [\"a\"]\n";
    let prepared = prepared(&format!("{DATA}{experiment}"));
    assert_eq!(prepared.theta_names, ["a", "k", "c"]);
}

/// Two decays with one rate: for a given `k` the best amplitudes are `Σ y e / Σ e²`, and the rate
/// is the root of what is left; both are computed here from the closed solution.
/// Noise paths of training are drawn from it, like everything else that is random.
#[test]
fn the_seed_of_the_study_is_that_of_the_solver() {
    let prepared = prepared(&format!("seed = 7\n{DATA}"));
    assert_eq!(prepared.problem.settings.seed, 7);
}

#[test]
fn two_experiments_share_a_rate() {
    let times: Vec<f64> = (0..12).map(|i| 0.25 * f64::from(i)).collect();
    // Two amplitudes, and disturbances that no decay follows.
    let values = |a: f64, s: f64| -> Vec<f64> {
        times.iter().map(|t| a * (-0.9 * t).exp() + 0.05 * (s + 7.0 * t).sin()).collect()
    };
    let (first, second) = (values(2.0, 0.3), values(5.0, 1.7));
    let amplitude = |y: &[f64], k: f64| {
        let e: Vec<f64> = times.iter().map(|t| (-k * t).exp()).collect();
        let top: f64 = y.iter().zip(&e).map(|(y, e)| y * e).sum();
        top / e.iter().map(|e| e * e).sum::<f64>()
    };
    let sum = |k: f64| -> f64 {
        [&first, &second]
            .iter()
            .map(|y| {
                let a = amplitude(y, k);
                times
                    .iter()
                    .zip(y.iter())
                    .map(|(t, y)| (a * (-k * t).exp() - y).powi(2))
                    .sum::<f64>()
            })
            .sum()
    };
    // Where the derivative of the sum by k, at the best amplitudes, is zero.
    let slope = |k: f64| -> f64 {
        [&first, &second]
            .iter()
            .map(|y| {
                let a = amplitude(y, k);
                times
                    .iter()
                    .zip(y.iter())
                    .map(|(t, y)| {
                        let e = a * (-k * t).exp();
                        (e - y) * -t * e
                    })
                    .sum::<f64>()
            })
            .sum()
    };
    let (mut low, mut high) = (0.5, 1.5);
    assert!(slope(low) < 0.0 && slope(high) > 0.0);
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if slope(middle) < 0.0 { low = middle } else { high = middle }
    }
    let k = 0.5 * (low + high);

    let model = "state x = a\nparam a = 1 in [0.01, 100]\nparam k = 0.4 in [0.01, 5]\n\
                 x' = -k*x\nobserve y = x\n";
    let text = "[data.A]\nfile = \"A\"\n[data.B]\nfile = \"B\"\n\
                [[experiment]]\nname = \"A\"\ndata = \"A\"\nlocal = [\"a\"]\n\
                [[experiment]]\nname = \"B\"\ndata = \"B\"\nlocal = [\"a\"]\n\
                [solver]\nrtol = 1e-10\natol = 1e-12\n";
    let tables = BTreeMap::from([
        ("A".to_owned(), table(&[("t", &times), ("y", &first)])),
        ("B".to_owned(), table(&[("t", &times), ("y", &second)])),
    ]);
    let prepared =
        Prepared::new(model, &study(text), &tables, &BuiltinNetworks, &BuiltinSolvers).unwrap();
    assert_eq!(prepared.theta_names, ["a [A]", "a [B]", "k"]);
    let methods = Methods {
        gradient: Arc::new({
            let model = prepared.model.clone();
            move |_| {
                let (solver, solvers) = ("tsit5", &BuiltinSolvers);
                let route = Route { model: &model, solver, solvers, memory: 1 << 28 };
                route.method("discrete").unwrap()
            }
        }),
        stepper: Arc::new(|_| slopefield_solve::method("tsit5").unwrap()),
        replay: Arc::new(|_, _| None),
    };
    let mut objective = Objective::new(prepared.problem.clone(), methods).unwrap();
    let control = slopefield_train::Control::default();
    let fit = slopefield_train::train(
        &mut objective,
        &prepared.recipe,
        Start::Problem,
        &control,
        &mut |_| {},
    );
    assert!(fit.stop_reason.is_success(), "{:?}", fit.stop_reason);
    let expected = [amplitude(&first, k), amplitude(&second, k), k];
    for ((found, expected), name) in fit.theta.iter().zip(expected).zip(&prepared.theta_names) {
        assert!((found / expected - 1.0).abs() < 1e-6, "{name}: {found}, not {expected}");
    }
    assert!((fit.loss / sum(k) - 1.0).abs() < 1e-8, "{}, not {}", fit.loss, sum(k));
}
