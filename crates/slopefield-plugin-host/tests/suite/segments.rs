//! Steps that plugins give as polynomials, which the host evaluates by itself.

use crate::common;
use common::*;
use slopefield_adjoint::{GaussAdjoint, GradientMethod};
use slopefield_plugin_host::{PluginError, Registry};
use slopefield_solve::{Ivp, Settings, SolveError, Stepper, drive};
use std::collections::HashMap;
use std::sync::{Mutex, OnceLock};

const ID: &str = "org.example.segments";
const SOLVERS: [&str; 7] = ["powers", "chebyshev", "shifted", "high", "basis", "nan", "tall"];

/// The solver `id` of `segments.c`, compiled with a definition.
fn solver(define: &'static str, id: &str) -> Box<dyn Stepper> {
    static LOADED: OnceLock<Mutex<HashMap<&str, Registry>>> = OnceLock::new();
    let mut loaded = LOADED.get_or_init(Mutex::default).lock().unwrap();
    let registry = loaded.entry(define).or_insert_with(|| {
        let folder = scratch(&format!("segments-{define}"));
        install_c(&folder, "segments.c", &[define], (ID, "1.0.0"), &SOLVERS);
        let registry = load(&folder);
        assert!(registry.problems().is_empty(), "{:?}", registry.problems());
        registry
    });
    registry.stepper(&format!("{ID}/{id}")).unwrap()
}

fn settings() -> Settings {
    Settings { h_init: Some(0.1), ..tolerances(1e-6, 1e-6) }
}

fn run(stepper: &mut dyn Stepper, (t0, t1): (f64, f64)) -> Result<Vec<f64>, SolveError> {
    let model = lotka_volterra();
    let ivp = Ivp { rhs: &model, t0, t1, u0: &LV_U0, p: &LV_P };
    // Several in each step, and ends of steps.
    let saves: Vec<f64> = (0..=97).map(|i| t0 + (t1 - t0) * f64::from(i) / 97.0).collect();
    let mut states = vec![f64::NAN; 2 * saves.len()];
    drive(stepper, &ivp, &settings(), &saves, &mut states, None)?;
    Ok(states)
}

/// Both bases give what the plugin's own function gives; a plugin whose own function fails, and which
/// may be asked once for a step, shows that it is not called. Forwards, and with time mirrored.
#[test]
fn the_host_evaluates_polynomials_by_itself() {
    for span in [(0.0, 3.0), (3.0, 0.0)] {
        let expected = run(&mut *solver("NO_SEGMENTS", "powers"), span).unwrap();
        assert!(expected.iter().all(|v| v.is_finite()));
        for basis in ["powers", "chebyshev"] {
            let found = run(&mut *solver("NO_VALUES", basis), span).unwrap();
            for (a, b) in found.iter().zip(&expected) {
                assert!((a - b).abs() < 1e-13 * b.abs().max(1.0), "{basis}: {a} and {b}");
            }
        }
    }
}

/// The degree is the one that the plugin says: paths of continuous adjoints are kept with it, and
/// hold the cubic to rounding.
#[test]
fn adjoints_read_polynomials() {
    let model = lotka_volterra();
    let ivp = Ivp { rhs: &model, t0: 0.0, t1: 2.0, u0: &LV_U0, p: &LV_P };
    let gradient = |make: &'static (dyn Fn() -> Box<dyn Stepper> + Sync)| {
        let mut method = GaussAdjoint::new(make());
        let (mut by_u0, mut by_p) = (vec![0.0; 2], vec![0.0; 4]);
        let mut loss = |states: &[f64], by_state: &mut [f64]| {
            by_state.copy_from_slice(states);
            0.5 * states.iter().map(|u| u * u).sum::<f64>()
        };
        let saves = [0.33, 1.27, 2.0];
        method.evaluate(&ivp, &settings(), &saves, &mut loss, &mut by_u0, &mut by_p).unwrap();
        [by_u0, by_p].concat()
    };
    let expected = gradient(&|| solver("NO_SEGMENTS", "powers"));
    let found = gradient(&|| solver("NO_VALUES", "chebyshev"));
    for (a, b) in found.iter().zip(&expected) {
        assert!((a - b).abs() < 1e-11 * b.abs().max(1.0), "{found:?} {expected:?}");
    }
}

/// What breaks a rule is named when the polynomials are asked for, and the instance not used again.
#[test]
fn wrong_polynomials_are_named() {
    for (id, expected) in [
        ("high", "the polynomials of its step have degree 9, more than the 4 it said"),
        ("basis", "the polynomials of its step have the basis 7, which is none"),
        ("nan", "coefficient 2 of the polynomial of element 1 of its step is NaN"),
        ("tall", "the polynomials of its steps may have degree 1000000, more than the 32 allowed"),
    ] {
        let mut stepper = solver("NO_VALUES", id);
        match run(&mut *stepper, (0.0, 1.0)) {
            Err(SolveError::Plugin { message, .. }) => assert_eq!(message, expected, "{id}"),
            other => panic!("{id}: {other:?}"),
        }
        assert!(stepper.interpolate(0.05, &mut [0.0; 2]).is_err());
    }
}

/// A table of polynomials with a hole is found when the library is loaded.
#[test]
fn an_incomplete_table_is_named() {
    let folder = tempfile::tempdir().unwrap();
    install_c(folder.path(), "segments.c", &["BAD_SEGMENTS"], (ID, "1.0.0"), &SOLVERS);
    let registry = load(folder.path());
    let [(_, PluginError::Interface { message, .. })] = registry.problems() else {
        panic!("{:?}", registry.problems())
    };
    assert_eq!(message, "a function of the table of polynomials of steps is null");
}
