//! What is measured of every method, on the page of evidence: a method of the table without a row, or
//! whose row says what is not so, fails here. A new method is in these tests by being in the table.
use crate::common;
use crate::orders::{
    Forced, LONG_SPAN, OF_VARIABLE_ORDER, Pulse, SPAN, Soliton, allen_cahn, order_at_ends,
    order_between, orders_by_tolerance, with_problem,
};

use common::distance;
use common::{end_state, slope, system};
use slopefield_kernel::Kernel;
use slopefield_problems::System;
use slopefield_solve::{
    Ivp, MethodClass, MethodInfo, Settings, delay_method, delay_method_single, drive, methods,
};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/solver-evidence.md");
const BEGIN: &str = "<!-- begin: written by a test of slopefield-solve -->\n";
const END: &str = "<!-- end -->\n";

/// What is measured of a method.
struct Measured {
    forward: f64,
    backward: Option<f64>,
    between: f64,
    single: f64,
    delayed: Option<f64>,
}

fn measure(info: &MethodInfo) -> Measured {
    let (forward, between, backward) = if OF_VARIABLE_ORDER.contains(&info.id) {
        let [(forward, _), (between, _)] = orders_by_tolerance(info, LONG_SPAN);
        (forward, between, None)
    } else {
        let backward = order_at_ends(info, (SPAN.1, SPAN.0)).0;
        (order_at_ends(info, SPAN).0, order_between(info).0, Some(backward))
    };
    Measured {
        forward,
        backward,
        between,
        single: single_error(info, 1e-5),
        delayed: delayed_order(info),
    }
}

/// A length of steps for methods that take equal ones.
fn settings(info: &MethodInfo, tolerance: f64) -> Settings {
    let h_init = match (info.class, info.order) {
        (MethodClass::SecondOrder, 2) => Some(4e-3),
        (MethodClass::SecondOrder, _) => Some(5e-2),
        _ => None,
    };
    Settings { h_init, ..Settings::with_tolerances(tolerance, tolerance) }
}

/// The error of a solve in single precision, beside the exact solution.
fn single_error(info: &MethodInfo, tolerance: f64) -> f64 {
    let rhs: Box<dyn Kernel<f32>> = match info.class {
        MethodClass::SecondOrder => Box::new(System::<_, f32>::new(Soliton)),
        MethodClass::Stiff => Box::new(System::<_, f32>::new(Forced)),
        MethodClass::Split => Box::new(allen_cahn::<f32>()),
        _ => Box::new(System::<_, f32>::new(Pulse)),
    };
    with_problem(info.class, |_, exact| {
        let u0: Vec<f32> = exact(SPAN.0).iter().map(|x| *x as f32).collect();
        let ivp = Ivp { rhs: &*rhs, t0: SPAN.0, t1: SPAN.1, u0: &u0, p: &[] };
        let mut out = u0.clone();
        let mut stepper = (info.single)();
        drive(&mut *stepper, &ivp, &settings(info, tolerance), &[SPAN.1], &mut out, None).unwrap();
        let found: Vec<f64> = out.iter().map(|x| f64::from(*x)).collect();
        distance(&found, &exact(SPAN.1))
    })
}

/// `u' = −u + (1 + cos t) u(t − 1) e^(sin t − sin(t − 1))` with the solution `e^(sin t)`: as in the
/// problem of the other implicit methods, equations of steps are solved in one iteration.
fn with_delay() -> system::System {
    system::System::delayed(
        1,
        0,
        |t, u, _, out| out[0] = -u[0] + (1.0 + t.cos()) * u[1] * (t.sin() - (t - 1.0).sin()).exp(),
        &[(0, 0, false)],
        &[true],
        |_, _, _, out| out[0] = 1.0,
        |t, _, _, out| out[0] = t.sin().exp(),
    )
}

/// The order with which errors of the method of steps fall; none for methods that it cannot use.
fn delayed_order(info: &MethodInfo) -> Option<f64> {
    delay_method(info.id)?;
    let system = with_delay();
    let exact = [1.0_f64, 2.0, 3.0].map(|t| t.sin().exp());
    let steps: &[u32] = match (info.order, info.class) {
        (2, _) => &[64, 80, 96, 128],
        (3, _) => &[32, 40, 48, 64],
        (4, _) => &[24, 30, 36, 48],
        (5, MethodClass::Stiff) => &[16, 20, 24, 32],
        (5, _) => &[8, 10, 12, 16],
        (6, _) => &[8, 10, 12, 16],
        (7, _) => &[5, 6, 7, 8],
        _ => &[3, 4, 5, 6],
    };
    let errors: Vec<(f64, f64)> = steps
        .iter()
        .map(|steps| {
            let h = 1.0 / f64::from(*steps);
            let settings =
                Settings { h_init: Some(h), h_max: h, ..Settings::with_tolerances(1e3, 1e3) };
            let mut out = [0.0; 3];
            let ivp = Ivp { rhs: &system, t0: 0.0, t1: 3.0, u0: &[1.0], p: &[] };
            let mut stepper = delay_method(info.id).unwrap();
            drive(&mut *stepper, &ivp, &settings, &[1.0, 2.0, 3.0], &mut out, None).unwrap();
            (h, distance(&out, &exact))
        })
        .collect();
    Some(slope(&errors))
}

#[test]
fn every_method_returns_to_where_it_came_from() {
    for info in methods() {
        with_problem(info.class, |rhs, exact| {
            let settings = settings(info, 1e-8);
            let end = exact(SPAN.1);
            let back = Ivp { rhs, t0: SPAN.1, t1: SPAN.0, u0: &end, p: &[] };
            let (start, _) = end_state(&mut *(info.build)(), &back, &settings).unwrap();
            let error = distance(&start, &exact(SPAN.0));
            // Errors of order 2 are as the tolerance to the power 2/3; equal steps have their own.
            let allowed = if info.order == 2 { 1e-4 } else { 1e-5 };
            assert!(error < allowed, "{}: {error:e}", info.id);
        });
    }
}

#[test]
fn every_method_computes_in_single_precision() {
    for info in methods() {
        let errors = [1e-2, 1e-5].map(|tolerance| single_error(info, tolerance));
        let allowed = if info.order == 2 { 1e-3 } else { 1e-4 };
        assert!(errors[1] < allowed && errors[0] < 0.1, "{}: {errors:?}", info.id);
        assert_eq!(
            delay_method(info.id).is_some(),
            delay_method_single(info.id).is_some(),
            "{}",
            info.id
        );
    }
}

#[test]
fn every_method_of_steps_has_its_order() {
    let mut below = Vec::new();
    let mut measured = 0;
    for info in methods() {
        let Some(order) = delayed_order(info) else { continue };
        measured += 1;
        // Delayed values come from between steps, and are integrated once.
        let claim = f64::from(info.order.min(info.dense_order + 1));
        if order.is_nan() || order < claim - 0.2 {
            below.push((info.id, order, claim));
        }
    }
    assert!(below.is_empty(), "{below:#?}");
    assert!(measured >= 14, "{measured}");
}

/// The rows of the page.
fn rows() -> Vec<Vec<String>> {
    let shown = |order: Option<f64>| order.map_or_else(|| "–".into(), |x| format!("{x:.1}"));
    methods()
        .map(|info| {
            let found = measure(info);
            vec![
                format!("`{}`", info.id),
                info.order.to_string(),
                shown(Some(found.forward)),
                shown(found.backward),
                info.dense_order.to_string(),
                shown(Some(found.between)),
                shown(found.delayed),
                format!("{:.0e}", found.single),
            ]
        })
        .collect()
}

const HEAD: &str = "| method | order | measured | backward | between steps | measured | with a delay | in `f32` |\n\
                    |---|---|---|---|---|---|---|---|\n";

#[test]
fn the_page_of_evidence_says_what_is_measured() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (table, after) = rest.split_once(END).unwrap();
    let rows = rows();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let lines: String = rows.iter().map(|row| format!("| {} |\n", row.join(" | "))).collect();
        std::fs::write(PAGE, format!("{before}{BEGIN}{HEAD}{lines}{END}{after}")).unwrap();
        return;
    }
    let again = "write it anew: UPDATE_DOCS=1 cargo test -p slopefield-solve --test suite evidence";
    let written: Vec<Vec<&str>> = table
        .lines()
        .skip(2)
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    assert_eq!(written.len(), rows.len(), "{again}");
    for (row, written) in rows.iter().zip(&written) {
        for (column, (now, then)) in row.iter().zip(written).enumerate() {
            let same = match (column, now.parse::<f64>(), then.parse::<f64>()) {
                // Measured orders may differ by how machines round,
                (2 | 3 | 5 | 6, Ok(now), Ok(then)) => (now - then).abs() < 0.15,
                // and errors of single precision are little but rounding.
                (7, Ok(now), Ok(then)) => now < 10.0 * then && then < 10.0 * now,
                _ => now == then,
            };
            assert!(same, "{row:?} and {written:?} on the page; {again}");
        }
    }
}
