//! Solvers of plugins through the whole path: manifest, library, interface, stepper.

use crate::common;

use common::*;
use slopefield_kernel::{Cotangent, Kernel, Point, Shape, Tangent};
use slopefield_lang::OptionValue;
use slopefield_plugin_host::{OptionKind, Registry};
use slopefield_solve::{Ivp, Settings, SolveError, Stepper};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const DOP853: &str = "org.slopefield.ode-extra/dop853";

fn dop853() -> Box<dyn Stepper> {
    bundled_registry().stepper(DOP853).unwrap()
}

/// The C plugin, compiled once per test program.
fn demo(id: &str, options: &[(String, OptionValue)]) -> Box<dyn Stepper> {
    use std::sync::OnceLock;
    static DEMO: OnceLock<Registry> = OnceLock::new();
    let registry = DEMO.get_or_init(|| {
        let folder = scratch("demo");
        let about = ("org.example.demo-c", "0.1.0");
        install_c(&folder, "demo_c.c", &[], about, &["rk4", "ros2"]);
        let registry = load(&folder);
        assert!(registry.problems().is_empty(), "{:?}", registry.problems());
        registry
    });
    registry.stepper_with(&format!("org.example.demo-c/{id}"), options).unwrap()
}

fn close(actual: &[f64], expected: &[f64], tolerance: f64) {
    for (a, e) in actual.iter().zip(expected) {
        assert!((a - e).abs() < tolerance, "{actual:?} instead of {expected:?}");
    }
}

#[test]
fn registry_lists_what_plugins_offer() {
    let registry = bundled_registry();
    let solver = registry.solvers().find(|s| s.id == DOP853).unwrap();
    assert_eq!((solver.order, solver.dense_order), (8.0, 7.0));
    assert!(solver.adaptive && solver.backward && solver.deterministic && !solver.implicit);
    let dense = solver.options.iter().find(|o| o.name == "dense").unwrap();
    assert_eq!(dense.kind, OptionKind::Flag);
    assert_eq!(dense.default, true);
    assert!(dense.doc.starts_with("Dense output of order 7"), "{}", dense.doc);
    let plugin = registry.plugins().iter().find(|p| p.id == "org.slopefield.ode-extra").unwrap();
    assert_eq!(plugin.hash, plugin.found.hash().unwrap());
    assert_eq!(plugin.hash.len(), 64);
    // What was loaded is a copy named by its hash.
    let copy = format!("{}{}", plugin.hash, std::env::consts::DLL_SUFFIX);
    assert!(bundled().join("cache").join(copy).is_file());
}

#[test]
fn dop853_solves_lotka_volterra() {
    let model = lotka_volterra();
    let ivp = Ivp { rhs: &model, t0: 0.0, t1: 10.0, u0: &LV_U0, p: &LV_P };
    let mut stepper = dop853();
    let u = solve(&mut *stepper, &ivp, &tolerances(1e-12, 1e-12)).unwrap();
    close(&u, &LV_AT_10, 1e-10);
    let stats = stepper.stats();
    assert!((20..200).contains(&stats.accepted), "{stats:?}");
    // First slope and step size, 15 evaluations per accepted step, at most 15 per rejected one.
    assert!(stats.rhs >= 2 + 15 * stats.accepted, "{stats:?}");
    assert!(stats.rhs <= 2 + 15 * (stats.accepted + stats.rejected), "{stats:?}");
}

#[test]
fn error_follows_the_tolerance() {
    let model = lotka_volterra();
    let ivp = Ivp { rhs: &model, t0: 0.0, t1: 10.0, u0: &LV_U0, p: &LV_P };
    let mut stepper = dop853();
    let mut last = f64::INFINITY;
    for rtol in [1e-4, 1e-6, 1e-8, 1e-10] {
        let u = solve(&mut *stepper, &ivp, &tolerances(rtol, rtol)).unwrap();
        let error = (u[0] - LV_AT_10[0]).abs().max((u[1] - LV_AT_10[1]).abs());
        assert!(error < 50.0 * rtol && error < last, "{error:e} at {rtol:e}");
        last = error;
    }
}

/// Backward from the end gives the beginning, with a method that knows both directions and with
/// one that sees time mirrored by the host.
#[test]
fn backward_in_time() {
    let model = lotka_volterra();
    let back = Ivp { rhs: &model, t0: 10.0, t1: 0.0, u0: &LV_AT_10, p: &LV_P };
    let u = solve(&mut *dop853(), &back, &tolerances(1e-12, 1e-12)).unwrap();
    close(&u, &LV_U0, 1e-9);

    let swing = swing();
    let back = Ivp { rhs: &swing, t0: 3.0, t1: -1.0, u0: &[1.0], p: &[] };
    let u = solve(&mut *demo("rk4", &[]), &back, &fixed_steps(0.01)).unwrap();
    close(&u, &[swing_exact(3.0, -1.0)], 1e-7);
    let u = solve(&mut *demo("ros2", &[]), &back, &fixed_steps(0.001)).unwrap();
    close(&u, &[swing_exact(3.0, -1.0)], 1e-4);
}

/// Worst errors at the ends of steps and inside them for two step sizes, as observed orders, in
/// both directions of time.
#[track_caller]
pub fn check_order(
    mut stepper: Box<dyn Stepper>,
    (model, exact): (&Formula, fn(f64) -> Vec<f64>),
    (order, dense_order): (f64, f64),
    h: f64,
) {
    let distance =
        |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    for (t0, t1) in [(0.2, 4.2), (4.2, 0.2)] {
        let u0 = exact(t0);
        let ivp = Ivp { rhs: model, t0, t1, u0: &u0, p: &[] };
        let mut errors = |h: f64| {
            let (mut end, mut inside) = (0f64, 0f64);
            let mut out = u0.clone();
            solve_with(&mut *stepper, &ivp, &fixed_steps(h), |s, a, b| {
                end = end.max(distance(s.state(), &exact(b)));
                for part in [0.13, 0.5, 0.71] {
                    let t = a + part * (b - a);
                    s.interpolate(t, &mut out).unwrap();
                    inside = inside.max(distance(&out, &exact(t)));
                }
            })
            .unwrap();
            (end, inside)
        };
        let (coarse, fine) = (errors(h), errors(h / 2.0));
        let (end, inside) = ((coarse.0 / fine.0).log2(), (coarse.1 / fine.1).log2());
        println!("h {h}: end {coarse:?} -> {fine:?}: orders {end:.2} and {inside:.2}");
        assert!((end - order).abs() < 0.3, "order {end} instead of {order}");
        // An interpolant of order q errs by h^(q+1) inside a step; the solution may limit it.
        let expected = (dense_order + 1.0).min(order);
        assert!((inside - expected).abs() < 0.3, "inside {inside} instead of {expected}");
    }
}

#[test]
fn dop853_has_order_8_and_dense_output_of_order_7() {
    check_order(dop853(), (&kepler(), kepler_exact), (8.0, 7.0), 0.125);
}

#[test]
fn dop853_without_dense_output_is_cubic_between_steps() {
    let options = [("dense".to_owned(), OptionValue::Flag(false))];
    let stepper = bundled_registry().stepper_with(DOP853, &options).unwrap();
    check_order(stepper, (&kepler(), kepler_exact), (8.0, 3.0), 0.125);
}

#[test]
fn c_solvers_have_their_orders_and_the_host_interpolates() {
    let exact = |t: f64| vec![swing_exact(0.0, t)];
    check_order(demo("rk4", &[]), (&swing(), exact), (4.0, 3.0), 0.1);
    check_order(demo("ros2", &[]), (&swing(), exact), (2.0, 3.0), 0.02);
}

/// A thousand times stiffer than the step allows an explicit method.
#[test]
fn host_derivatives_serve_a_stiff_method() {
    let model = relaxation();
    let p = 1e5;
    let u0 = [relaxation_exact(0.0, p)];
    let ivp = Ivp { rhs: &model, t0: 0.0, t1: 2.0, u0: &u0, p: &[p] };
    let exact = relaxation_exact(2.0, p);
    let error = |h: f64| {
        solve(&mut *demo("ros2", &[]), &ivp, &fixed_steps(h)).map(|u| (u[0] - exact).abs())
    };
    let (coarse, fine) = (error(0.01).unwrap(), error(0.005).unwrap());
    println!("{coarse:e} {fine:e}");
    // Order 2 in the step, with no sign of the rate.
    assert!(coarse < 0.01 * 0.01 && coarse / fine > 3.5, "{coarse:e} {fine:e}");
    let explicit = solve(&mut *demo("rk4", &[]), &ivp, &fixed_steps(0.01));
    assert!(explicit.is_err() || (explicit.unwrap()[0] - exact).abs() > 1.0);
}

#[test]
fn dense_output_meets_the_ends_exactly() {
    let model = lotka_volterra();
    let ivp = Ivp { rhs: &model, t0: 0.0, t1: 5.0, u0: &LV_U0, p: &LV_P };
    for mut stepper in [dop853(), demo("rk4", &[])] {
        let mut last = LV_U0.to_vec();
        let mut worst = 0f64;
        solve_with(&mut *stepper, &ivp, &tolerances(1e-6, 1e-8), |s, a, b| {
            let mut out = [0.0; 2];
            s.interpolate(a, &mut out).unwrap();
            assert_eq!(out.as_slice(), last);
            s.interpolate(b, &mut out).unwrap();
            assert_eq!(out.as_slice(), s.state());
            last = s.state().to_vec();
            // Continuous: just inside is close to the end.
            s.interpolate(b - 1e-9 * (b - a), &mut out).unwrap();
            worst = worst.max((out[0] - last[0]).abs());
            assert!(matches!(s.interpolate(b + 1.0, &mut out), Err(SolveError::Invalid(_))));
        })
        .unwrap();
        assert!(worst < 1e-7, "{worst:e}");
    }
}

/// The limit is reached exactly and never passed, and going there in pieces costs no accuracy.
#[test]
fn limits_are_met() {
    let model = lotka_volterra();
    let ivp = Ivp { rhs: &model, t0: 0.0, t1: 10.0, u0: &LV_U0, p: &LV_P };
    let settings = tolerances(1e-10, 1e-10);
    let mut stepper = dop853();
    stepper.start(&ivp, &settings).unwrap();
    let mut t = 0.0;
    for i in 1..=100 {
        let limit = 0.1 * f64::from(i);
        while t != limit {
            t = stepper.step(&ivp, &settings, limit).unwrap().t;
            assert!(t <= limit);
        }
    }
    close(stepper.state(), &LV_AT_10, 1e-7);
}

#[test]
fn a_reused_instance_gives_the_same_bits() {
    let model = lotka_volterra();
    let settings = tolerances(1e-8, 1e-8);
    let run = |stepper: &mut dyn Stepper, p: &[f64]| {
        let ivp = Ivp { rhs: &model, t0: 0.0, t1: 10.0, u0: &LV_U0, p };
        (solve(stepper, &ivp, &settings).unwrap(), stepper.stats())
    };
    let mut stepper = dop853();
    let first = run(&mut *stepper, &LV_P);
    let other = run(&mut *stepper, &[1.4, 0.9, 2.8, 1.1]);
    assert_ne!(first.0, other.0);
    assert_eq!(run(&mut *stepper, &LV_P), first);
    assert_eq!(run(&mut *dop853(), &LV_P), first);

    // Other settings and other sizes in between make a new instance inside.
    let swing = swing();
    let ivp = Ivp { rhs: &swing, t0: 0.0, t1: 1.0, u0: &[1.0], p: &[] };
    let u = solve(&mut *stepper, &ivp, &tolerances(1e-11, 1e-11)).unwrap();
    close(&u, &[swing_exact(0.0, 1.0)], 1e-10);
    assert_eq!(run(&mut *stepper, &LV_P), first);
}

#[test]
fn steppers_move_between_threads() {
    let settings = tolerances(1e-9, 1e-9);
    let runs: Vec<Vec<f64>> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..4)
            .map(|_| {
                let mut stepper = dop853();
                let settings = &settings;
                scope.spawn(move || {
                    let model = lotka_volterra();
                    let ivp = Ivp { rhs: &model, t0: 0.0, t1: 10.0, u0: &LV_U0, p: &LV_P };
                    solve(&mut *stepper, &ivp, settings).unwrap()
                })
            })
            .collect();
        handles.into_iter().map(|h| h.join().unwrap()).collect()
    });
    assert!(runs.iter().all(|r| *r == runs[0]));
}

/// Cancelling from inside the right-hand side stops within the step, and the stepper is usable
/// afterwards.
#[test]
fn cancellation_reaches_into_a_step() {
    static CALLS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let mut model = lotka_volterra();
    model.f = |_, u, p, out| {
        CALLS.fetch_add(1, Ordering::Relaxed);
        (lotka_volterra().f)(0.0, u, p, out);
    };
    let cancel = Arc::new(AtomicBool::new(false));
    let ivp = Ivp { rhs: &model, t0: 0.0, t1: 10.0, u0: &LV_U0, p: &LV_P };
    let settings = Settings { cancel: Some(cancel.clone()), ..tolerances(1e-8, 1e-8) };
    let mut stepper = dop853();
    stepper.start(&ivp, &settings).unwrap();
    let step = stepper.step(&ivp, &settings, 10.0).unwrap();
    cancel.store(true, Ordering::Relaxed);
    let calls = CALLS.load(Ordering::Relaxed);
    let stopped = stepper.step(&ivp, &settings, 10.0);
    assert_eq!(stopped, Err(SolveError::Cancelled { t: step.t }));
    assert!(CALLS.load(Ordering::Relaxed) - calls <= 1);
    // Nothing was lost: the same stepper goes on from where it was.
    cancel.store(false, Ordering::Relaxed);
    let mut t = step.t;
    while t != 10.0 {
        t = stepper.step(&ivp, &settings, 10.0).unwrap().t;
    }
    close(stepper.state(), &LV_AT_10, 1e-6);
}

#[test]
fn leaving_the_domain_is_reported_with_time_and_state() {
    let model = falling_root();
    let ivp = Ivp { rhs: &model, t0: 0.0, t1: 2.0, u0: &[1.0], p: &[] };
    match solve(&mut *dop853(), &ivp, &tolerances(1e-8, 1e-10)) {
        Err(SolveError::NonFinite { t, state: 0, u }) => {
            assert!((t - 1.0).abs() < 1e-6 && u.len() == 1 && u[0] <= 1e-3, "{t} {u:?}");
        }
        Err(SolveError::StepTooSmall { t, .. }) => assert!((t - 1.0).abs() < 1e-6, "{t}"),
        other => panic!("{other:?}"),
    }
    let start = Ivp { u0: &[-1.0], ..ivp };
    let outcome = solve(&mut *dop853(), &start, &tolerances(1e-8, 1e-10));
    assert_eq!(outcome, Err(SolveError::NonFinite { t: 0.0, state: 0, u: vec![-1.0] }));
}

#[test]
fn smallest_step_is_kept() {
    let model = lotka_volterra();
    let ivp = Ivp { rhs: &model, t0: 0.0, t1: 10.0, u0: &LV_U0, p: &LV_P };
    let settings = Settings { h_min: 0.5, ..tolerances(1e-12, 1e-12) };
    match solve(&mut *dop853(), &ivp, &settings) {
        Err(SolveError::StepTooSmall { h, .. }) => assert!(h > 0.0 && h < 0.5, "{h}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_panicking_model_is_an_error() {
    let mut model = swing();
    model.f = |t, _, _, out| {
        assert!(t < 1.0, "the model gives up");
        out[0] = 1.0;
    };
    let ivp = Ivp { rhs: &model, t0: 0.0, t1: 2.0, u0: &[1.0], p: &[] };
    match solve(&mut *dop853(), &ivp, &fixed_steps(0.1)) {
        Err(SolveError::Plugin { message, .. }) => {
            assert_eq!(message, "a function of the model panicked");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn options_are_checked_by_the_plugin() {
    let model = swing();
    let ivp = Ivp { rhs: &model, t0: 0.0, t1: 1.0, u0: &[1.0], p: &[] };
    let text = |name: &str, value: OptionValue| {
        let options = [(name.to_owned(), value)];
        let mut stepper = bundled_registry().stepper_with(DOP853, &options).unwrap();
        stepper.start(&ivp, &Settings::default()).unwrap_err().to_string()
    };
    let named = "the solver plugin org.slopefield.ode-extra/dop853 failed at t = 0: ";
    assert_eq!(
        text("beta", OptionValue::Number(1.0)),
        format!("{named}`beta` must be between 0 and 0.08, not 1")
    );
    assert_eq!(
        text("dense", OptionValue::Word("yes".into())),
        format!("{named}`dense` must be true or false")
    );
    assert_eq!(
        text("damping", OptionValue::Number(1.0)),
        format!("{named}`damping` is not an option; the options are dense, beta")
    );
    // A C plugin that takes a real number gets one, also where a whole one was written.
    let coarse = [("h".to_owned(), OptionValue::Number(1.0))];
    let mut stepper = demo("rk4", &coarse);
    solve(&mut *stepper, &ivp, &Settings::default()).unwrap();
    assert_eq!(stepper.stats().accepted, 1);
}

#[test]
fn sizes_and_settings_are_checked() {
    let model = lotka_volterra();
    let ivp = Ivp { rhs: &model, t0: 0.0, t1: 1.0, u0: &LV_U0, p: &LV_P };
    let refused = |ivp: Ivp<'_>, settings: Settings| {
        matches!(dop853().start(&ivp, &settings), Err(SolveError::Invalid(_)))
    };
    assert!(refused(Ivp { u0: &[1.0], ..ivp }, Settings::default()));
    assert!(refused(Ivp { p: &[1.0], ..ivp }, Settings::default()));
    assert!(refused(Ivp { t1: f64::INFINITY, ..ivp }, Settings::default()));
    assert!(refused(ivp, tolerances(-1.0, 1e-6)));
    assert!(refused(ivp, Settings { atol: vec![1e-6; 3], ..Settings::default() }));
    assert!(refused(ivp, Settings { atol: vec![], ..Settings::default() }));
    let early = dop853().step(&ivp, &Settings::default(), 1.0);
    assert!(matches!(early, Err(SolveError::Invalid(_))));
}

#[test]
fn unknown_solvers_are_named_with_near_ones() {
    let message = |id: &str| bundled_registry().stepper(id).err().unwrap().to_string();
    assert_eq!(
        message("org.slopefield.ode-extra/dop835"),
        "there is no solver `org.slopefield.ode-extra/dop835`; did you mean \
         org.slopefield.ode-extra/dop853?"
    );
    assert_eq!(
        message("org.example.other/gauss"),
        "there is no solver `org.example.other/gauss`; the plugin org.example.other is not \
         installed; there are org.slopefield.explicit-pairs/bs5, \
         org.slopefield.explicit-pairs/cash-karp, org.slopefield.explicit-pairs/rkf45, \
         org.slopefield.explicit-pairs/ssprk43, org.slopefield.implicit-methods/kencarp3, \
         org.slopefield.implicit-methods/kencarp5, org.slopefield.implicit-methods/rodas4, \
         org.slopefield.implicit-methods/ros34pw2, org.slopefield.implicit-methods/sdirk4, \
         org.slopefield.ode-extra/dop853"
    );
}

/// A kernel whose evaluations come without checks of their own.
struct Bare<'a>(&'a dyn Kernel);

impl Kernel for Bare<'_> {
    fn shape(&self) -> Shape {
        self.0.shape()
    }
    fn scratch_len(&self) -> usize {
        self.0.scratch_len()
    }
    fn eval(&self, t: f64, u: &[f64], p: &[f64], out: &mut [f64], scratch: &mut [f64]) {
        self.0.eval(t, u, p, out, scratch);
    }
    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        scratch: &mut [f64],
    ) {
        self.0.jvp(at, along, out, dout, scratch);
    }
    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, scratch: &mut [f64]) {
        self.0.vjp(at, w, grad, scratch);
    }
}

/// Whoever evaluates, the steps, their number and that of the evaluations are the same, in both
/// directions of time, and for a stepper that solves one compiled model after the other.
#[test]
fn compiled_evaluations_change_nothing() {
    let driven = "param a = 1.5\nparam b = 1\nparam d = 3\nparam c = 1\nstate x = 1\nstate y = 1\n\
        x' = a*sin(t)*x - b*x*y\ny' = exp(-d*y)*cos(x) - c\n";
    let models = [compiled(LV_TEXT), compiled(driven)];
    assert!(models.iter().all(|model| model.checked_eval().is_some()));
    let solvers = || [demo("rk4", &[]), demo("ros2", &[])];
    let settings = Settings { h_init: Some(0.01), ..tolerances(1e-7, 1e-9) };
    for (mut one, mut other) in solvers().into_iter().zip(solvers()) {
        for _ in 0..2 {
            for (model, t1) in models.iter().flat_map(|model| [(model, 0.7), (model, -0.7)]) {
                let ivp = Ivp { rhs: model, t0: 0.0, t1, u0: &LV_U0, p: &LV_P };
                let bare = Bare(model);
                let mut steps = [Vec::new(), Vec::new()];
                for ((stepper, rhs), steps) in
                    [(&mut one, model as &dyn Kernel), (&mut other, &bare)]
                        .into_iter()
                        .zip(&mut steps)
                {
                    let ivp = Ivp { rhs, ..ivp };
                    solve_with(&mut **stepper, &ivp, &settings, |s, _, t| {
                        steps.push((t, s.state().to_vec()));
                    })
                    .unwrap();
                }
                assert_eq!(steps[0], steps[1]);
                assert_eq!(one.stats(), other.stats());
                assert!(one.stats().rhs > 20);
            }
        }
    }
}

/// A derivative that is not finite is noted where it was met, with state and time.
#[test]
fn compiled_evaluations_name_what_is_not_finite() {
    let model = compiled("state x = 1\nstate y = 0\nx' = -1\ny' = sqrt(x)\n");
    for rhs in [&model as &dyn Kernel, &Bare(&model)] {
        let ivp = Ivp { rhs, t0: 0.0, t1: 2.0, u0: &[1.0, 0.0], p: &[] };
        match solve(&mut *demo("rk4", &[]), &ivp, &fixed_steps(0.1)) {
            Err(SolveError::NonFinite { t, state, u }) => {
                assert_eq!(state, 1);
                assert!(t > 0.99 && t < 1.11 && u[0] < 0.0, "{t} {u:?}");
            }
            other => panic!("{other:?}"),
        }
    }
}
