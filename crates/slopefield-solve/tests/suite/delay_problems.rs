//! Standard problems with delays against independent references: digits at a tight tolerance, and
//! errors that fall with it.
use crate::common;

use common::ivp;
use slopefield_problems::{Problem, delays};
use slopefield_solve::{Ivp, Settings, delay_method, drive};

/// Largest error at the references, relative to each value.
fn error(problem: &Problem, id: &str, rtol: f64) -> f64 {
    // States differ by orders of magnitude.
    let atol = problem.u0.iter().map(|u| 1e-3 * rtol * u.abs()).collect();
    error_with(problem, id, rtol, atol)
}

/// The same with these absolute tolerances. A value of 0 counts where it is not met to the tolerance of
/// its reference.
fn error_with(problem: &Problem, id: &str, rtol: f64, atol: Vec<f64>) -> f64 {
    let saves: Vec<f64> = problem.references.iter().map(|reference| reference.t).collect();
    let n = problem.u0.len();
    let mut out = vec![0.0; saves.len() * n];
    let ivp = Ivp { t1: *saves.last().unwrap(), ..ivp(problem) };
    let settings = Settings { rtol, atol, ..Settings::default() };
    let mut stepper = delay_method(id).unwrap();
    drive(&mut *stepper, &ivp, &settings, &saves, &mut out, None)
        .unwrap_or_else(|error| panic!("{} by {id} at {rtol:e}: {error}", problem.id));
    let rows = problem.references.iter().zip(out.chunks_exact(n));
    rows.flat_map(|(reference, u)| {
        let values = u.iter().zip(&reference.u).map(|(u, exact)| {
            let size = exact.abs().max(reference.tolerance);
            (u - exact).abs() / size.max(f64::MIN_POSITIVE)
        });
        values.collect::<Vec<_>>()
    })
    .fold(0.0, f64::max)
}

fn problem(id: &str) -> Problem {
    delays().into_iter().find(|problem| problem.id == id).unwrap()
}

#[track_caller]
fn check(id: &str, method: &str, tolerances: [f64; 3], most: f64) {
    let problem = problem(id);
    let errors = tolerances.map(|rtol| error(&problem, method, rtol));
    assert!(errors[2] < most, "{id} by {method}: {errors:?}");
    let falls = |pair: &[f64]| pair[1] < 0.3 * pair[0] || pair[1] < 1e-9;
    assert!(errors.windows(2).all(falls), "{id} by {method}: {errors:?}");
}

#[test]
fn quorum_sensing() {
    check("quorum-sensing", "tsit5", [1e-5, 1e-7, 1e-9], 1e-7);
    check("quorum-sensing", "vern7", [1e-6, 1e-8, 1e-10], 1e-7);
    check("quorum-sensing", "radau", [1e-5, 1e-7, 1e-9], 1e-6);
    check("quorum-sensing", "rodas5p", [1e-5, 1e-7, 1e-9], 1e-6);
}

#[test]
fn oregonator() {
    check("delay-oregonator", "radau", [1e-5, 1e-7, 1e-9], 1e-6);
    check("delay-oregonator", "rodas5p", [1e-5, 1e-7, 1e-9], 1e-6);
}

/// Errors of the problems of antibodies. Nobody tells the method when effects begin: there the rates
/// of the lags, 0 before, are up to 1e8, and the times looked at run through the whole past at once.
fn antibodies(id: &str, method: &str, rtol: f64) -> f64 {
    // Antigen in the end, cells, antibodies, lags.
    let atol = [1e-16, 1e-18, 1e-18, 1e-18, 1e-6, 1e-6].map(|size| size * rtol).to_vec();
    error_with(&problem(id), method, rtol, atol)
}

#[test]
fn antibodies_whose_lags_jump() {
    for id in ["waltman", "waltman-late"] {
        let errors = [1e-4, 1e-6, 1e-8].map(|rtol| antibodies(id, "radau", rtol));
        assert!(errors.windows(2).all(|pair| pair[1] < 0.3 * pair[0]), "{id}: {errors:?}");
        // The reference has 2e-8.
        assert!(errors[2] < 1e-6, "{id}: {errors:?}");
    }
    for (method, rtol, most) in [
        ("rodas5p", 1e-6, 2e-4),
        ("kencarp4", 1e-6, 1e-3),
        ("tsit5", 1e-6, 1e-5),
        ("bs3", 1e-5, 1e-2),
    ] {
        let error = antibodies("waltman-late", method, rtol);
        assert!(error < most, "{method}: {error:e}");
    }
}
