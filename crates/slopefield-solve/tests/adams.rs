//! The Adams method: references, evaluations for an accuracy, and its continuous solution.
#![allow(clippy::unwrap_used, reason = "also in the functions that the tests share")]

mod common;

use common::{distance, end_state, ivp};
use slopefield_problems::{
    Problem, all, fitzhugh_nagumo, forced_relaxation, lotka_volterra, rigid_body,
};
use slopefield_solve::{Ivp, Settings, Step, Stepper, drive, method};

fn solve(id: &str, problem: &Problem, index: usize, tolerance: f64) -> (f64, u64) {
    let reference = &problem.references[index];
    let ivp = Ivp { t1: reference.t, ..ivp(problem) };
    let settings = Settings::with_tolerances(tolerance, tolerance);
    let (u, stats) = end_state(&mut *method(id).unwrap(), &ivp, &settings).unwrap();
    (distance(&u, &reference.u), stats.rhs)
}

/// Errors at tolerances a hundredfold apart.
#[track_caller]
fn check_errors_fall(problem: &Problem, growth: f64) {
    let last = problem.references.len() - 1;
    let errors: Vec<f64> = [4, 6, 8, 10, 12]
        .map(|exponent| solve("vcabm", problem, last, 10.0_f64.powi(-exponent)).0)
        .to_vec();
    for (pair, exponent) in errors.windows(2).zip([4, 6, 8, 10]) {
        assert!(pair[1] < 0.2 * pair[0], "{} at 1e-{exponent}: {errors:?}", problem.id);
    }
    for (error, exponent) in errors.iter().zip([4, 6, 8, 10, 12]) {
        let tolerance = 10.0_f64.powi(-exponent);
        assert!(*error < growth * tolerance, "{} at {tolerance}: {errors:?}", problem.id);
    }
}

#[test]
fn errors_fall_with_the_tolerance() {
    check_errors_fall(&lotka_volterra(), 30.0);
    check_errors_fall(&rigid_body(), 30.0);
    check_errors_fall(&fitzhugh_nagumo(), 30.0);
}

#[test]
fn all_references_are_met_at_a_tight_tolerance() {
    let mut checked = 0;
    for problem in all() {
        for (index, reference) in problem.references.iter().enumerate() {
            let (error, _) = solve("vcabm", &problem, index, 1e-13);
            let name = problem.id;
            assert!(error < 1e-10 + reference.tolerance, "{name} at {}: {error:e}", reference.t);
            checked += 1;
        }
    }
    assert!(checked >= 11, "{checked}");
}

#[test]
fn right_hand_sides_that_are_dear_are_evaluated_less_often_than_by_runge_kutta() {
    for problem in [lotka_volterra(), rigid_body(), fitzhugh_nagumo()] {
        let last = problem.references.len() - 1;
        for exponent in [6, 8, 10, 12] {
            let (error, evaluations) = solve("vcabm", &problem, last, 10.0_f64.powi(-exponent));
            // Tsit5 at the loosest tolerance of a series at which it is as accurate.
            let at_equal_error = (2..=14).find_map(|e| {
                let found = solve("tsit5", &problem, last, 10.0_f64.powi(-e));
                (found.0 <= error).then_some(found.1)
            });
            let (name, other) = (problem.id, at_equal_error.unwrap());
            // 5/6 at modest accuracy, less than half where it is high.
            let share = if exponent >= 10 { 0.5 } else { 0.9 };
            let allowed = share * other as f64;
            assert!(evaluations as f64 <= allowed, "{name} 1e-{exponent}: {evaluations} {other}");
        }
    }
}

#[test]
fn the_solution_between_steps_is_as_good_as_at_them_and_continuous() {
    let problem = forced_relaxation();
    let exact = |t: f64| {
        let mut out = [0.0];
        (problem.exact.unwrap())(t, problem.t0, &problem.u0, &problem.p, &mut out);
        out[0]
    };
    for tolerance in [1e-5, 1e-8, 1e-11] {
        let settings = Settings::with_tolerances(tolerance, tolerance);
        let (mut at_ends, mut between, mut jump) = (0.0_f64, 0.0_f64, 0.0_f64);
        let mut last = problem.u0[0];
        let mut watch = |step: &Step, solution: &mut dyn Stepper| {
            let mut out = [0.0];
            at_ends = at_ends.max((solution.state()[0] - exact(step.t)).abs());
            let h = step.t - step.t_prev;
            solution.interpolate(step.t_prev, &mut out)?;
            jump = jump.max((out[0] - last).abs());
            for i in 1..20 {
                let t = step.t_prev + h * f64::from(i) / 20.0;
                solution.interpolate(t, &mut out)?;
                between = between.max((out[0] - exact(t)).abs());
            }
            assert!(solution.interpolate(step.t + 0.5 * h, &mut out).is_err());
            last = solution.state()[0];
            Ok(())
        };
        let mut vcabm = method("vcabm").unwrap();
        drive(&mut *vcabm, &ivp(&problem), &settings, &[], &mut [], Some(&mut watch)).unwrap();
        assert!(at_ends < 20.0 * tolerance, "{at_ends:e}");
        assert!(between < 2.0 * at_ends, "{at_ends:e} {between:e}");
        assert!(jump < 1e-15, "{jump:e}");
    }
}
