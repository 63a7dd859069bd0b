//! Plugins that break the interface are named, and the process goes on.

use crate::common;

use common::*;
use slopefield_kernel::Kernel;
use slopefield_plugin_host::{PluginError, Registry};
use slopefield_solve::{Ivp, Settings, SolveError};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const SOLVERS: [&str; 22] = [
    "nan-state",
    "standing",
    "backwards",
    "past-limit",
    "infinite-time",
    "wrong-start",
    "null-state",
    "odd-pointer",
    "calls-past",
    "aliases",
    "null-argument",
    "endless",
    "long-error",
    "binary-error",
    "no-reason",
    "no-instance",
    "dense-nan",
    "calls-late",
    "calls-in-create",
    "ignores-cancel",
    "products",
    "unknown-status",
];
const ABOUT: (&str, &str) = ("org.example.bad", "1.0.0");

fn registry() -> &'static Registry {
    static BAD: OnceLock<Registry> = OnceLock::new();
    BAD.get_or_init(|| {
        let folder = scratch("bad");
        install_c(&folder, "bad_plugin.c", &[], ABOUT, &SOLVERS);
        let registry = load(&folder);
        assert!(registry.problems().is_empty(), "{:?}", registry.problems());
        registry
    })
}

/// Takes two steps with one of the bad solvers and returns the error, which names the solver.
#[track_caller]
fn first_error(id: &str) -> SolveError {
    let error = error_with(id, &lotka_volterra());
    // Evaluations of compiled models come with code of their own for what is looked at here.
    assert_eq!(error_with(id, &compiled(LV_TEXT)), error);
    error
}

#[track_caller]
fn error_with(id: &str, rhs: &dyn Kernel) -> SolveError {
    let ivp = Ivp { rhs, t0: 0.5, t1: 10.0, u0: &LV_U0, p: &LV_P };
    let settings = Settings::default();
    let mut stepper = registry().stepper(&format!("org.example.bad/{id}")).unwrap();
    let run = stepper.start(&ivp, &settings).and_then(|()| {
        stepper.step(&ivp, &settings, 10.0)?;
        stepper.interpolate(0.7, &mut [0.0; 2])
    });
    let error = run.expect_err(id);
    // A plugin that broke a rule does not bring down the next run.
    let again = stepper.start(&ivp, &settings).and_then(|()| {
        stepper.step(&ivp, &settings, 10.0)?;
        stepper.interpolate(0.7, &mut [0.0; 2])
    });
    assert_eq!(again.unwrap_err(), error);
    error
}

#[test]
fn bad_steps_are_named() {
    let x = "x".repeat(1008);
    let cases = [
        ("nan-state", "it accepted a state whose element 1 is NaN"),
        ("standing", "it stepped from 0.5 to 0.5, which is not towards 10"),
        ("backwards", "it stepped from 0.5 to -9, which is not towards 10"),
        ("past-limit", "it stepped to 14.75, past the limit 10"),
        ("infinite-time", "it stepped to the time inf"),
        ("wrong-start", "its step begins at 0.501 and the last one ended at 0.5"),
        ("null-state", "it returned a state that is null or misaligned"),
        ("odd-pointer", "it returned a state that is null or misaligned"),
        ("calls-past", "it called the model at t = 14.75, past the limit 10"),
        ("aliases", "it passed a result that is null, misaligned or overlaps an argument"),
        ("null-argument", "it passed a null or misaligned state"),
        ("long-error", x.as_str()),
        ("binary-error", "\u{fffd}\u{fffd} bad"),
        ("no-reason", "an inner solve did not converge"),
        ("unknown-status", "it failed with status 77 and gave no reason"),
        ("no-instance", "it reported success and made no instance"),
        ("calls-in-create", "callbacks are closed in create"),
        ("dense-nan", "its dense output at t = 0.7 gives NaN in element 0"),
        ("calls-late", "the host does not answer here"),
    ];
    for (id, expected) in cases {
        match first_error(id) {
            SolveError::Plugin { plugin, message, .. } => {
                assert_eq!(plugin, format!("org.example.bad/{id}"));
                assert_eq!(message, expected, "{id}");
            }
            other => panic!("{id}: {other:?}"),
        }
    }
}

#[test]
fn derivative_products_agree() {
    let model = lotka_volterra();
    for (t0, t1) in [(0.0, 1.0), (1.0, 0.0)] {
        let ivp = Ivp { rhs: &model, t0, t1, u0: &[1.3, 0.4], p: &LV_P };
        let mut stepper = registry().stepper("org.example.bad/products").unwrap();
        stepper.start(&ivp, &Settings::default()).unwrap();
    }
}

/// A step that never ends still ends when cancelled.
#[test]
fn an_endless_step_is_cancelled_through_poll() {
    let cancel = Arc::new(AtomicBool::new(false));
    let settings = Settings { cancel: Some(cancel.clone()), ..Settings::default() };
    let model = lotka_volterra();
    let ivp = Ivp { rhs: &model, t0: 0.0, t1: 1.0, u0: &LV_U0, p: &LV_P };
    let mut stepper = registry().stepper("org.example.bad/endless").unwrap();
    stepper.start(&ivp, &settings).unwrap();
    let later = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        cancel.store(true, Ordering::Relaxed);
    });
    assert_eq!(stepper.step(&ivp, &settings, 1.0), Err(SolveError::Cancelled { t: 0.0 }));
    later.join().unwrap();
}

/// A plugin that goes on after it was told to stop does not get its step accepted.
#[test]
fn an_ignored_cancellation_counts() {
    let cancel = Arc::new(AtomicBool::new(false));
    let settings = Settings { cancel: Some(cancel.clone()), ..Settings::default() };
    let models: [&dyn Kernel; 2] = [&lotka_volterra(), &compiled(LV_TEXT)];
    for rhs in models {
        let ivp = Ivp { rhs, t0: 0.0, t1: 1.0, u0: &LV_U0, p: &LV_P };
        let mut stepper = registry().stepper("org.example.bad/ignores-cancel").unwrap();
        cancel.store(false, Ordering::Relaxed);
        stepper.start(&ivp, &settings).unwrap();
        cancel.store(true, Ordering::Relaxed);
        assert_eq!(stepper.step(&ivp, &settings, 1.0), Err(SolveError::Cancelled { t: 0.0 }));
    }
}

/// Loads the bad plugin compiled with a definition and returns the one problem.
#[track_caller]
fn load_error(define: &str) -> PluginError {
    let folder = tempfile::tempdir().unwrap();
    install_c(folder.path(), "bad_plugin.c", &[define], ABOUT, &SOLVERS);
    let registry = load(folder.path());
    assert!(registry.plugins().is_empty());
    let [(_, problem)] = registry.problems() else { panic!("{:?}", registry.problems()) };
    // The user who asks for a solver of it learns why it is not there.
    let asked = registry.stepper("org.example.bad/endless").err().unwrap().to_string();
    assert!(asked.contains(&problem.to_string()), "{asked}");
    problem.clone()
}

#[test]
fn bad_libraries_are_named() {
    let cases = [
        ("BAD_NULL", "a function of the solver table is null"),
        ("BAD_SIZE", "the solver table says it is 8 bytes long, and version 1.0 has 80"),
        ("BAD_UTF8", "name is not UTF-8"),
        ("BAD_TWICE", "the solver `nan-state` is listed twice"),
        ("BAD_LENGTH", "name is 1073741824 bytes long, more than the 1000 allowed"),
        ("BAD_COUNT", "it claims to have 1000000 solvers; at most 200 are allowed"),
        ("BAD_SYMBOL", "its library does not export `slopefield_plugin_v1`"),
        (
            "BAD_ID",
            "its library says it is org.example.good 1.0.0 and its manifest says org.example.bad \
             1.0.0",
        ),
    ];
    for (define, expected) in cases {
        let expected = PluginError::Interface {
            plugin: "org.example.bad".to_owned(),
            message: expected.to_owned(),
        };
        assert_eq!(load_error(define), expected, "{define}");
    }
    let json = load_error("BAD_JSON").to_string();
    assert!(json.contains("the options of `past-limit`: invalid type"), "{json}");
    assert_eq!(
        load_error("BAD_REFUSE").to_string(),
        "the plugin org.example.bad refused to run here: I only run on Sundays"
    );
    assert_eq!(
        load_error("BAD_MAJOR").to_string(),
        "the plugin org.example.bad needs version 2.0 of the plugin interface and this application \
         has 1.0; update the application"
    );
}

#[test]
fn the_manifest_must_agree_with_the_library() {
    for (solvers, expected) in [
        (
            &["rk4", "ros2", "rk5"][..],
            "its manifest promises `rk5` and its library does not have it",
        ),
        (&["rk4"][..], "its library has 2 solvers and networks and its manifest lists 1"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        install_c(folder.path(), "demo_c.c", &[], ("org.example.demo-c", "0.1.0"), solvers);
        let registry = load(folder.path());
        let [(_, PluginError::Interface { message, .. })] = registry.problems() else {
            panic!("{:?}", registry.problems())
        };
        assert_eq!(message, expected);
    }
}

#[test]
fn a_file_that_is_no_library_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let place =
        install_c(folder.path(), "demo_c.c", &[], ("org.example.demo-c", "0.1.0"), &["rk4"]);
    let found = slopefield_plugin_host::discover(&[folder.path()]);
    std::fs::write(found[0].library().unwrap(), b"not a library").unwrap();
    let registry = load(folder.path());
    let [(_, PluginError::Load { plugin, path, .. })] = registry.problems() else {
        panic!("{:?}", registry.problems())
    };
    assert_eq!(plugin, "org.example.demo-c");
    assert!(path.starts_with(place.canonicalize().unwrap()));
}

#[test]
fn a_changed_library_is_not_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let place = install_c(
        folder.path(),
        "demo_c.c",
        &[],
        ("org.example.demo-c", "0.1.0"),
        &["rk4", "ros2"],
    );
    let manifest = place.join("plugin.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let line = text.lines().find(|l| l.starts_with("file =")).unwrap().to_owned();
    let with = |hash: &str| text.replace(&line, &format!("{line}\nblake3 = \"{hash}\""));
    let hash = slopefield_plugin_host::discover(&[folder.path()])[0].hash().unwrap();

    std::fs::write(&manifest, with(&"0".repeat(64))).unwrap();
    let registry = load(folder.path());
    assert!(matches!(&registry.problems()[0].1, PluginError::Hash { found, .. } if *found == hash));
    std::fs::write(&manifest, with(&hash)).unwrap();
    assert!(load(folder.path()).problems().is_empty());
}
