//! Measured orders of the methods, of their interpolants, and errors against references.
use crate::common;

use common::{HEUN, distance, end_state, ivp, slope, with_equal_steps};
use slopefield_problems::{
    Problem, all, forced_relaxation, lorenz, lotka_volterra, rigid_body, spiral,
};
use slopefield_solve::runge_kutta::{BS3, DP5, TSIT5};
use slopefield_solve::{FrozenSteps, Ivp, Settings, Tableau, drive, method, methods, tableau};

#[track_caller]
fn check_order(
    table: &'static Tableau,
    problem: &Problem,
    t1: f64,
    exact: &[f64],
    steps: &[usize],
) {
    let ivp = Ivp { t1, ..ivp(problem) };
    let errors: Vec<(f64, f64)> = steps
        .iter()
        .map(|n| (1.0 / *n as f64, distance(&with_equal_steps(table, &ivp, *n), exact)))
        .collect();
    let order = slope(&errors);
    let claim = f64::from(table.order);
    assert!((order - claim).abs() < 0.2, "{} on {}: {order} {errors:?}", table.id, problem.id);
}

/// Three nonlinear problems, at steps where the leading error term rules, and one with explicit
/// time.
#[track_caller]
fn check_order_on_all(table: &'static Tableau, refinement: usize) {
    for (problem, coarsest) in [(rigid_body(), 512), (lorenz(), 512), (spiral(), 192)] {
        let reference = &problem.references[0];
        let steps = [4, 5, 6, 8, 10].map(|quarter| refinement * coarsest * quarter / 4);
        check_order(table, &problem, reference.t, &reference.u, &steps);
    }
    let forced = forced_relaxation();
    let mut exact = [0.0];
    (forced.exact.unwrap())(3.0, forced.t0, &forced.u0, &forced.p, &mut exact);
    check_order(table, &forced, 3.0, &exact, &[64, 80, 96, 128, 160]);
}

#[test]
fn tsit5_converges_with_order_five() {
    check_order_on_all(&TSIT5, 1);
}

#[test]
fn dp5_converges_with_order_five() {
    check_order_on_all(&DP5, 1);
}

#[test]
fn bs3_converges_with_order_three() {
    check_order_on_all(&BS3, 1);
}

#[test]
fn a_table_that_is_not_first_same_as_last_converges_too() {
    check_order_on_all(&HEUN, 8);
}

/// An interpolant of order q has an error of size h^(q+1) within one step from exact data.
#[track_caller]
fn check_dense_order(table: &'static Tableau, lengths: &[f64]) {
    let problem = forced_relaxation();
    let exact = problem.exact.unwrap();
    let mut errors = Vec::new();
    for &h in lengths {
        let ivp = Ivp { t1: problem.t0 + h, ..ivp(&problem) };
        let saves: Vec<f64> = (1..8).map(|i| problem.t0 + h * f64::from(i) / 8.0).collect();
        let mut out = vec![0.0; saves.len()];
        let mut stepper = FrozenSteps::new(table, vec![ivp.t0, ivp.t1]);
        drive(&mut stepper, &ivp, &Settings::default(), &saves, &mut out, None).unwrap();
        let worst = saves.iter().zip(&out).fold(0.0_f64, |worst, (t, u)| {
            let mut truth = [0.0];
            exact(*t, problem.t0, &problem.u0, &problem.p, &mut truth);
            worst.max((u - truth[0]).abs())
        });
        errors.push((h, worst));
    }
    let order = slope(&errors);
    let claim = f64::from(table.dense_order + 1);
    assert!((order - claim).abs() < 0.2, "{}: {order} {errors:?}", table.id);
}

#[test]
fn interpolants_have_their_orders() {
    check_dense_order(&TSIT5, &[0.16, 0.12, 0.08, 0.06, 0.04]);
    check_dense_order(&DP5, &[0.16, 0.12, 0.08, 0.06, 0.04]);
    check_dense_order(&BS3, &[0.02, 0.015, 0.01, 0.0075, 0.005]);
    check_dense_order(&HEUN, &[0.04, 0.03, 0.02, 0.015, 0.01]);
}

#[test]
fn all_references_are_met_at_tight_tolerances() {
    let settings = Settings::with_tolerances(1e-13, 1e-13);
    let mut checked = 0;
    for problem in all() {
        for reference in &problem.references {
            for name in ["tsit5", "dp5"] {
                let ivp = Ivp { t1: reference.t, ..ivp(&problem) };
                let mut stepper = method(name).unwrap();
                let (u, _) = end_state(&mut *stepper, &ivp, &settings).unwrap();
                // The usual growth of local errors; Lorenz amplifies them most.
                let error = distance(&u, &reference.u);
                assert!(
                    error < 2e-11 + reference.tolerance,
                    "{name} on {} at {}: {error:e}",
                    problem.id,
                    reference.t
                );
                checked += 1;
            }
        }
    }
    assert_eq!(checked, 2 * 11);
}

#[test]
fn exact_solutions_are_met_at_all_save_points() {
    let settings = Settings::with_tolerances(1e-10, 1e-10);
    for problem in all() {
        let Some(exact) = problem.exact else { continue };
        let n = problem.u0.len();
        let saves: Vec<f64> = (0..=40)
            .map(|i| problem.t0 + (problem.t1 - problem.t0) * f64::from(i) / 40.0)
            .map(|t| t.min(problem.t1))
            .collect();
        for info in methods().filter(|info| tableau(info.id).is_some()) {
            let mut out = vec![0.0; saves.len() * n];
            let mut stepper = method(info.id).unwrap();
            drive(&mut *stepper, &ivp(&problem), &settings, &saves, &mut out, None).unwrap();
            for (t, u) in saves.iter().zip(out.chunks_exact(n)) {
                let mut truth = vec![0.0; n];
                exact(*t, problem.t0, &problem.u0, &problem.p, &mut truth);
                let error = distance(u, &truth);
                assert!(error < 2e-8, "{} on {} at {t}: {error:e}", info.id, problem.id);
            }
        }
    }
}

#[test]
fn errors_fall_with_the_tolerance() {
    let problem = lotka_volterra();
    for info in methods().filter(|info| tableau(info.id).is_some()) {
        let mut stepper = method(info.id).unwrap();
        let mut errors = Vec::new();
        for exponent in [3, 5, 7, 9] {
            let tolerance = 10.0_f64.powi(-exponent);
            let settings = Settings::with_tolerances(tolerance, tolerance);
            let (u, _) = end_state(&mut *stepper, &ivp(&problem), &settings).unwrap();
            errors.push(distance(&u, &problem.references[1].u));
        }
        for pair in errors.windows(2) {
            // A hundredth of the tolerance should give about a hundredth of the error.
            assert!(pair[1] < 0.1 * pair[0], "{}: {errors:?}", info.id);
        }
        assert!(errors[3] < 1e-6, "{}: {errors:?}", info.id);
    }
}

#[test]
fn the_number_of_steps_is_that_of_other_programs() {
    let problem = lotka_volterra();
    let mut stepper = method("auto").unwrap();
    // OrdinaryDiffEq.jl's Tsit5 returns 34 points, start included, at these tolerances.
    let loose = Settings::with_tolerances(1e-3, 1e-6);
    let (_, stats) = end_state(&mut *stepper, &ivp(&problem), &loose).unwrap();
    assert!((31..=36).contains(&stats.accepted), "{stats:?}");
    let tight = Settings::with_tolerances(1e-6, 1e-6);
    let (_, stats) = end_state(&mut *stepper, &ivp(&problem), &tight).unwrap();
    assert!((98..=108).contains(&stats.accepted), "{stats:?}");
    assert!(stats.rejected <= 6, "{stats:?}");
    // Start: two evaluations; then six per attempt, thanks to first same as last.
    assert_eq!(stats.rhs, 2 + 6 * (stats.accepted + stats.rejected));
}

#[test]
fn tolerances_per_state_are_respected() {
    let problem = slopefield_problems::harmonic_oscillator();
    // Loose for the second state only: fewer steps than tight for both, more than loose for both.
    let steps = |atol: Vec<f64>| {
        let settings = Settings { rtol: 0.0, atol, ..Settings::default() };
        let mut stepper = method("tsit5").unwrap();
        end_state(&mut *stepper, &ivp(&problem), &settings).unwrap().1.accepted
    };
    let (tight, mixed, loose) =
        (steps(vec![1e-10]), steps(vec![1e-10, 1e-3]), steps(vec![1e-3, 1e-3]));
    assert!(loose < mixed && mixed <= tight, "{loose} {mixed} {tight}");
    assert_eq!(steps(vec![1e-6]), steps(vec![1e-6, 1e-6]));
}
