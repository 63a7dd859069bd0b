//! The Adams method: references, evaluations for an accuracy, and its continuous solution.
use crate::common;

use common::{Closure, distance, end_state, ivp};
use slopefield_problems::{
    Problem, all, fitzhugh_nagumo, forced_relaxation, lotka_volterra, rigid_body,
};
use slopefield_solve::{Adams, Ivp, Settings, SolveError, Step, Stepper, drive, method};

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

#[test]
fn backward_time_returns_to_the_start_and_a_second_use_agrees() {
    let problem = lotka_volterra();
    let settings = Settings::with_tolerances(1e-11, 1e-11);
    let mut shared = method("vcabm").unwrap();
    let there = Ivp { t1: 3.0, ..ivp(&problem) };
    let (end, stats) = end_state(&mut *shared, &there, &settings).unwrap();
    let back = Ivp { t0: 3.0, t1: 0.0, u0: &end, ..ivp(&problem) };
    let (start, _) = end_state(&mut *shared, &back, &settings).unwrap();
    assert!(distance(&start, &[1.0, 1.0]) < 1e-8, "{start:?}");
    assert_eq!(end_state(&mut *shared, &there, &settings).unwrap(), (end, stats));
}

#[test]
fn single_precision_is_as_good_as_it_can_be() {
    let problem = lotka_volterra();
    let single = problem.single.as_deref().unwrap();
    let p: Vec<f32> = problem.p.iter().map(|p| *p as f32).collect();
    let ivp = Ivp { rhs: single, t0: 0.0, t1: 10.0, u0: &[1.0, 1.0], p: &p };
    let mut out = [0.0_f32; 2];
    let settings = Settings::with_tolerances(1e-5, 1e-5);
    drive(&mut Adams::<f32>::new(), &ivp, &settings, &[10.0], &mut out, None).unwrap();
    let exact = &problem.references[1].u;
    assert!((f64::from(out[0]) - exact[0]).abs() < 2e-3, "{out:?} {exact:?}");
}

#[test]
fn limited_orders_take_more_steps() {
    let problem = rigid_body();
    let settings = Settings::with_tolerances(1e-8, 1e-8);
    let steps =
        |order| end_state(&mut Adams::up_to(order), &ivp(&problem), &settings).unwrap().1.accepted;
    assert!(steps(2) > 3 * steps(4) && steps(4) > steps(12), "{} {}", steps(2), steps(4));
}

#[test]
fn every_failure_says_where_and_why() {
    let fail = |rhs: &dyn slopefield_kernel::Kernel, settings: &Settings| {
        let ivp = Ivp { rhs, t0: 0.0, t1: 2.0, u0: &[1.0], p: &[] };
        end_state(&mut *method("vcabm").unwrap(), &ivp, settings).unwrap_err()
    };
    let settings = Settings::default();
    let blow_up = Closure(1, |_, u: &[f64], out: &mut [f64]| out[0] = u[0] * u[0]);
    let found = fail(&blow_up, &settings);
    let SolveError::StepTooSmall { t, h } = found else { panic!("{found:?}") };
    assert!((t - 1.0).abs() < 1e-4 && h.abs() < 1e-10, "{t} {h}");
    let edge = Closure(1, |t: f64, u: &[f64], out: &mut [f64]| out[0] = (1.0 - t).ln() - u[0]);
    let found = fail(&edge, &settings);
    let SolveError::NonFinite { t, state: 0, u } = found else { panic!("{found:?}") };
    assert!((t - 1.0).abs() < 1e-3 && u[0].is_finite(), "{t} {u:?}");
    let budget = Settings { max_steps: 20, ..Settings::with_tolerances(1e-10, 1e-10) };
    let found = fail(&blow_up, &budget);
    assert!(matches!(found, SolveError::TooManySteps { steps: 20, .. }), "{found:?}");
}
