//! Scans: the same numbers as single simulations, whatever solves them.

use slopefield_devices::{NoCards, Site, Wanted};
use slopefield_graph::BuiltinNetworks;
use slopefield_solve::Settings;
use slopefield_study::scan::{Axis, Points, scan};
use slopefield_study::simulate::{simulate, spaced};
use slopefield_study::{BuiltinSolvers, CompiledModel, ScanOptions, Scanned, SimulateOptions};
use std::sync::Mutex;

const OSCILLATOR: &str = "
state x = a
state v = 0
param a = 1
param k = 1
param c = 0.1
let energy = 0.5*v^2 + 0.5*k*x^2
x' = v
v' = -k*x - c*v
observe seen = 2*x
";

fn compiled(text: &str) -> CompiledModel {
    CompiledModel::new(text, &BuiltinNetworks).unwrap()
}

fn options(method: &str, to: f64) -> ScanOptions<'static> {
    let simulate = SimulateOptions {
        from: 0.0,
        at: spaced(0.0, to, 4),
        method: method.into(),
        settings: Settings::with_tolerances(1e-7, 1e-9),
        paths: None,
    };
    ScanOptions { simulate, wanted: Wanted::Auto, site: Site::new(&NoCards), progress: None }
}

fn axis(name: &str, from: f64, to: f64, count: usize) -> Axis {
    Axis { name: name.into(), from, to, count, log: false }
}

/// Every trajectory is what a single simulation with `method` gives, to the last bit.
#[track_caller]
fn assert_singles(
    model: &CompiledModel,
    points: &Points,
    options: &ScanOptions<'_>,
    found: &Scanned,
    methods: impl Fn(usize) -> &'static str,
) {
    let times = options.simulate.at.len();
    for k in 0..points.count() {
        let (mut p, mut fixed) = (model.start_params(1), Vec::new());
        for (name, values) in points.names.iter().zip(&points.values) {
            match model.model.params.iter().position(|x| x.name == *name) {
                Some(i) => p[i] = values[k],
                None => {
                    let state = model.model.states.iter().position(|x| x.name == *name);
                    fixed.push((state.unwrap(), values[k]));
                }
            }
        }
        let u0 = model.initial_state(0.0, &p, &fixed);
        let single = options.simulate.clone().with_method(methods(k));
        let single = simulate(model, &p, &u0, &single, &BuiltinSolvers).unwrap();
        let expected = [single.states, single.lets, single.observations];
        for (columns, expected) in found.columns.iter().zip(&expected) {
            for (column, expected) in columns.iter().zip(expected) {
                assert_eq!(column[k * times..][..times], expected[..], "trajectory {k}");
            }
        }
    }
}

#[test]
fn many_at_a_time_have_the_bits_of_one() {
    let model = compiled(OSCILLATOR);
    let axes = [axis("a", 1.0, 2.0, 3), axis("v", -1.0, 1.0, 4), axis("k", 0.5, 4.0, 5)];
    let points = Points::grid(&axes).unwrap();
    let p = model.start_params(1);
    for method in ["tsit5", "dp5"] {
        let options = options(method, 7.0);
        let found = scan(&model, (&p, &[]), &points, &options, &BuiltinSolvers).unwrap();
        assert_eq!((found.failed, found.device.as_str()), (0, "processor"));
        assert_singles(&model, &points, &options, &found, |_| method);
    }
    // One by one: a method that does not solve many at a time.
    let options = options("vern7", 7.0);
    let found = scan(&model, (&p, &[]), &points, &options, &BuiltinSolvers).unwrap();
    assert_singles(&model, &points, &options, &found, |_| "vern7");
    let [sentence] = &found.sentences[..] else { panic!("{:?}", found.sentences) };
    assert!(sentence.contains("vern7 does not solve many at a time"), "{sentence}");
}

/// A stiff trajectory among others: the trials do not meet it, so it is mended.
#[test]
fn stiff_trajectories_are_solved_again() {
    let model = compiled("state x = 0\nparam k = 1\nx' = -k*(x - cos(t))\nobserve seen = x\n");
    let p = model.start_params(1);
    let values: Vec<f64> = (0..10).map(|i| if i == 1 { 3e6 } else { 1.0 + i as f64 }).collect();
    let points = Points { names: vec!["k".into()], values: vec![values.clone()] };
    let options = options("auto", 3.0);
    let found = scan(&model, (&p, &[]), &points, &options, &BuiltinSolvers).unwrap();
    assert_eq!((found.failed, found.method.method.as_str()), (0, "tsit5"));
    let last = found.sentences.last().unwrap();
    assert!(last.starts_with("1 trajectory failed there, and a method for stiff"), "{last}");
    let method = |k: usize| if k == 1 { "auto-switch" } else { "tsit5" };
    assert_singles(&model, &points, &options, &found, method);
    // x = (k² cos t + k sin t - k² exp(-k t)) / (1 + k²)
    for (i, k) in values.iter().enumerate() {
        let exact = (k * k * (3f64.cos() - (-3.0 * k).exp()) + k * 3f64.sin()) / (1.0 + k * k);
        let x = found.columns[0][0][4 * i + 3];
        assert!((x - exact).abs() < 1e-6, "k = {k}: {x} {exact}");
    }
    // The first is tried: all are solved by the method that finds out.
    let stiff = Points { names: vec!["k".into()], values: vec![vec![1e6, 1.0]] };
    let found = scan(&model, (&p, &[]), &stiff, &options, &BuiltinSolvers).unwrap();
    assert_eq!(found.method.method, "auto-switch");
    assert_singles(&model, &stiff, &options, &found, |_| "auto-switch");
}

#[test]
fn a_scan_without_time_is_the_start() {
    let model = compiled(OSCILLATOR);
    let p = model.start_params(1);
    let points = Points::grid(&[axis("a", 1.0, 3.0, 3)]).unwrap();
    let mut options = options("auto", 1.0);
    options.simulate.at = vec![0.0, 0.0];
    let found = scan(&model, (&p, &[]), &points, &options, &BuiltinSolvers).unwrap();
    assert_eq!(found.columns[0][0], [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]);
    assert_eq!(found.columns[2][0], [2.0, 2.0, 4.0, 4.0, 6.0, 6.0]);
}

#[test]
fn points_that_are_no_numbers_are_refused() {
    let model = compiled(OSCILLATOR);
    let p = model.start_params(1);
    let points = Points { names: vec!["k".into()], values: vec![vec![1.0, f64::NAN]] };
    let options = options("auto", 1.0);
    let refused = scan(&model, (&p, &[]), &points, &options, &BuiltinSolvers);
    let message = refused.unwrap_err().to_string();
    assert!(message.contains("`k` is NaN in trajectory 2"), "{message}");
    let none = scan(&model, (&p, &[]), &Points::default(), &options, &BuiltinSolvers);
    assert!(none.unwrap_err().to_string().contains("there are no trajectories"));
}

/// What is solved again counts as more to do, and the last word is that all is done.
#[test]
fn progress_tells_of_all_that_is_solved() {
    let model = compiled("state x = 0\nparam k = 1\nx' = -k*(x - cos(t))\nobserve seen = x\n");
    let p = model.start_params(1);
    let told = Mutex::new(Vec::new());
    let tell = |begun: usize, all: usize| told.lock().unwrap().push((begun, all));
    let ask = |method: &str, stiff: f64| {
        let values = (0..40).map(|i| if i == 1 { stiff } else { 1.0 + f64::from(i) });
        let points = Points { names: vec!["k".into()], values: vec![values.collect()] };
        let options = ScanOptions { progress: Some(&tell), ..options(method, 3.0) };
        scan(&model, (&p, &[]), &points, &options, &BuiltinSolvers).unwrap();
        std::mem::take(&mut *told.lock().unwrap())
    };
    let lanes = ask("auto", 1.5);
    assert!(lanes.iter().all(|(begun, all)| begun <= all && *all == 40), "{lanes:?}");
    assert!(lanes.contains(&(40, 40)), "{lanes:?}");
    let singly = ask("vern7", 1.5);
    assert_eq!((singly.len(), singly.iter().max()), (40, Some(&(40, 40))));
    assert_eq!(ask("auto", 3e6).last(), Some(&(41, 41)));
}
