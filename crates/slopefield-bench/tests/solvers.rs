//! Work and precision: every solver reaches the reference, and more precisely at tighter tolerances.
//! Nothing here looks at a time.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use slopefield_bench::solvers::{
    Curve, Options, Report, choose, geometric_brownian_motion, measure,
};
use slopefield_bench::{BenchError, Comparators};

fn report(name: &str) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let comparators = Comparators::find(folder.path().into());
    let contest = choose(&[name.to_owned()]).unwrap().remove(0);
    measure(&contest, &Options { comparators: &comparators, seconds: 0.0, patience: 2.0 }).unwrap()
}

/// Errors stay below a bound that depends on the tolerance, and fall with it.
fn check(curve: &Curve, bound: fn(f64) -> f64) {
    let name = &curve.solver;
    assert!(curve.failed.is_empty(), "{name}: {:?}", curve.failed);
    for point in &curve.points {
        let allowed = bound(point.rtol) + 1e-9;
        assert!(point.error <= allowed, "{name} at {:e}: {:e}", point.rtol, point.error);
        assert!(point.counts.steps > 0 && point.counts.rhs > 0, "{name}: {:?}", point.counts);
    }
    let (first, last) = (curve.points.first().unwrap(), curve.points.last().unwrap());
    assert!(last.error < 1e-2 * first.error, "{name}: {first:?}, {last:?}");
}

/// SUNDIALS may be missing, but then that is told.
fn solvers(report: &Report, ours: &[&str], hand_written: &str, sundials: &[&str]) {
    let names: Vec<_> = report.curves.iter().map(|c| c.solver.as_str()).collect();
    for name in ours.iter().chain([&hand_written]) {
        assert!(names.contains(name), "{name} is not among {names:?}");
    }
    match report.notes.first() {
        Some(note) => assert!(note.contains("libsundials-dev"), "{note}"),
        None => assert!(sundials.iter().all(|name| names.contains(name)), "{names:?}"),
    }
}

#[test]
fn non_stiff_solvers_reach_the_reference() {
    let report = report("lotka-volterra");
    let sundials = ["CVODE: Adams", "CVODE: BDF, dense"];
    solvers(&report, &["tsit5", "dp5", "vern7"], "C: Tsit5", &sundials);
    // Errors of steps are held to the tolerance; with methods of order 2 that of the solution is as
    // its power 2/3.
    report.curves.iter().for_each(|curve| check(curve, |rtol| 20.0 * rtol.powf(2.0 / 3.0)));
    // The same method at the same tolerances: the same error, but for the step controllers.
    let curve = |name: &str| report.curves.iter().find(|c| c.solver == name).unwrap();
    for (ours, c) in curve("tsit5").points.iter().zip(&curve("C: Tsit5").points) {
        let ratio = ours.error / c.error;
        assert!((0.02..50.0).contains(&ratio), "{ours:?} {c:?}");
    }
}

#[test]
fn stiff_solvers_reach_the_reference() {
    let report = report("rober");
    solvers(&report, &["rodas5p", "bdf", "radau"], "C: Rodas4", &["CVODE: BDF, dense"]);
    report.curves.iter().for_each(|curve| check(curve, |rtol| 3e3 * rtol));
    assert!(report.curves.iter().all(|curve| curve.solver != "tsit5"));
}

#[test]
fn standard_problems_are_measured_when_asked_for() {
    // Of index 2 with events: its text has more states than the problem.
    let report = report("charge-pump");
    for name in ["rodas5p", "kencarp4", "bdf"] {
        let curve = report.curves.iter().find(|curve| curve.solver == name).unwrap();
        let last = curve.points.last().unwrap();
        assert!(curve.failed.is_empty() && last.error < 1e-3, "{curve:?}");
        assert!(last.error < 1e-2 * curve.points[0].error, "{curve:?}");
    }
    let Err(BenchError::UnknownCase { known, .. }) = choose(&["nothing".into()]) else {
        panic!("there is no such problem")
    };
    for name in ["rober", "waltman", "two-bit-adder", "arenstorf", "unit-delay"] {
        assert_eq!(known.iter().filter(|known| *known == name).count(), 1, "{name}: {known:?}");
    }
}

#[test]
fn methods_that_know_delays_solve_them() {
    let report = report("neves");
    let names: Vec<_> = report.curves.iter().map(|c| c.solver.as_str()).collect();
    assert!(names.contains(&"tsit5") && names.contains(&"radau"), "{names:?}");
    assert!(!names.contains(&"bdf"), "{names:?}");
    for curve in &report.curves {
        assert!(curve.failed.is_empty(), "{}: {:?}", curve.solver, curve.failed);
        // Second order leaves 5e-7, others have 1e-8 and less.
        let last = curve.points.last().unwrap();
        assert!(last.rtol == 1e-10 && last.error < 1e-6, "{}: {last:?}", curve.solver);
    }
}

#[test]
fn paths_come_closer_to_the_exact_ones_with_shorter_steps() {
    let points = geometric_brownian_motion(64, 0.0, 10.0).unwrap();
    let of = |method: &str| -> Vec<f64> {
        points.iter().filter(|p| p.method == method).map(|p| p.error).collect()
    };
    for (method, least) in [("em", 4.0), ("milstein", 30.0), ("sosri", 100.0)] {
        let errors = of(method);
        let (first, last) = (errors[0], errors[errors.len() - 1]);
        assert!(first > least * last && last < 3e-2, "{method}: {errors:?}");
    }
    // Side by side they are the same paths.
    for method in ["em", "sriw1", "sosri", "splitting"] {
        let (alone, lanes) = (of(method), of(&format!("{method}, in lanes")));
        assert_eq!(alone.len(), lanes.len());
        for (a, b) in alone.iter().zip(&lanes) {
            assert!((a - b).abs() < 1e-9 * a, "{method}: {alone:?} {lanes:?}");
        }
    }
}

#[test]
fn an_unknown_problem_is_refused_with_the_known_ones() {
    let error = choose(&["robber".to_owned()]).err().unwrap();
    let BenchError::UnknownCase { known, .. } = error else { panic!("{error}") };
    assert!(known.iter().any(|name| name == "rober"));
}
