//! Diagonally implicit and Radau methods against published end points of stiff problems.
use crate::common;

use common::{end_state, ivp};
use slopefield_problems::{
    Problem, bidkhori, forced_relaxation, heating_system, hires, oregonator, oxygen_reduction,
    pollution, robertson, van_der_pol,
};
use slopefield_solve::{Ivp, Settings, Stats, Stepper, drive, method, method_info};

/// Largest relative error of all states.
fn relative_error(u: &[f64], exact: &[f64]) -> f64 {
    u.iter().zip(exact).fold(0.0, |worst, (u, e)| worst.max(((u - e) / e).abs()))
}

/// Relative error at the last reference, at a relative tolerance.
fn solve(name: &str, problem: &Problem, rtol: f64) -> (f64, Stats) {
    let reference = problem.references.last().unwrap();
    let least = reference.u.iter().fold(f64::MAX, |least, u| u.abs().min(least));
    let settings = Settings {
        // Far below every state, so that all digits count.
        atol: vec![1e-4 * rtol * least.max(1e-16)],
        ..Settings::with_tolerances(rtol, 1.0)
    };
    let ivp = Ivp { t1: reference.t, ..ivp(problem) };
    let (u, stats) = end_state(&mut *method(name).unwrap(), &ivp, &settings).unwrap();
    (relative_error(&u, &reference.u), stats)
}

#[test]
fn radau_gives_nine_digits_of_all_published_values() {
    for problem in [robertson(), hires(), oregonator(), pollution(), van_der_pol()] {
        let (error, _) = solve("radau", &problem, 1e-11);
        // The values of van der Pol's equation are given with 12 digits.
        assert!(error < 1e-9, "{}: {error:e}", problem.id);
    }
}

#[test]
fn errors_fall_with_the_tolerance_to_six_digits() {
    for name in ["radau", "kvaerno5", "kencarp4"] {
        for problem in [robertson(), hires(), oregonator(), pollution(), van_der_pol()] {
            let tolerances = [1e-4, 1e-6, 1e-8, 1e-10];
            let results = tolerances.map(|rtol| solve(name, &problem, rtol));
            let errors = results.map(|r| r.0);
            // One error may be small by luck; over four powers of ten the trend must show.
            for (pair, rtol) in errors.windows(2).zip(tolerances) {
                assert!(pair[1] < pair[0], "{name} on {} at {rtol}: {errors:?}", problem.id);
            }
            for (loose, tight) in errors.iter().zip(&errors[2..]) {
                assert!(tight < &(0.02 * loose), "{name} on {}: {errors:?}", problem.id);
            }
            assert!(errors[3] < 1e-7, "{name} on {}: {errors:?}", problem.id);
        }
    }
    for problem in [robertson(), hires(), oregonator(), van_der_pol()] {
        // Errors per step of the size of the tolerance add up to its power 2/3 at order 2.
        let tolerances = [1e-5, 1e-7, 1e-9, 1e-11];
        let errors = tolerances.map(|rtol| solve("trbdf2", &problem, rtol).0);
        for pair in errors.windows(2) {
            assert!(pair[1] < 0.3 * pair[0], "trbdf2 on {}: {errors:?}", problem.id);
        }
        assert!(errors[3] < 1e-6, "trbdf2 on {}: {errors:?}", problem.id);
    }
}

#[test]
fn reactions_that_take_from_1e_22_seconds_on_are_met() {
    let problem = oxygen_reduction();
    // Amounts lie between 2e-27 and 0.5. In the end they rest, at 1e-13 they do not.
    let settings = Settings { atol: vec![1e-34], ..Settings::with_tolerances(1e-6, 1.0) };
    for name in ["rodas5p", "radau"] {
        for (reference, most) in problem.references.iter().zip([1e-4, 1e-8]) {
            let ivp = Ivp { t1: reference.t, ..ivp(&problem) };
            let (u, _) = end_state(&mut *method(name).unwrap(), &ivp, &settings).unwrap();
            let error = relative_error(&u, &reference.u);
            assert!(error < most, "{name} at {:e}: {error:e}", reference.t);
        }
    }
}

#[test]
fn rooms_are_warm_after_their_valves_have_switched_for_half_a_day() {
    let problem = heating_system();
    let errors = [1e-5, 1e-7].map(|rtol| {
        let settings = Settings::with_tolerances(rtol, 0.1 * rtol);
        let stepper = &mut *method("rodas5p").unwrap();
        let (u, _) = end_state(stepper, &ivp(&problem), &settings).unwrap();
        relative_error(&u, &problem.references[0].u)
    });
    assert!(errors[1] < 0.1 * errors[0] && errors[1] < 1e-5, "{errors:?}");
}

#[test]
fn signals_of_a_receptor_are_met() {
    for name in ["rodas5p", "radau", "kencarp4", "bdf"] {
        let errors = [1e-5, 1e-8].map(|rtol| solve(name, &bidkhori(), rtol).0);
        assert!(errors[1] < 0.1 * errors[0] && errors[1] < 1e-6, "{name}: {errors:?}");
    }
}

#[test]
fn matrices_are_used_again() {
    for name in ["radau", "kvaerno5", "kencarp4", "trbdf2"] {
        let (_, stats) = solve(name, &robertson(), 1e-6);
        let attempts = stats.accepted + stats.rejected;
        assert!(stats.jacobians < attempts, "{name}: {stats:?}");
        let matrices = if name == "radau" { 2 } else { 1 };
        assert!(stats.factorisations < matrices * attempts, "{name}: {stats:?}");
        assert!(stats.rejected * 5 < stats.accepted, "{name}: {stats:?}");
    }
}

#[test]
fn solutions_between_steps_are_as_accurate() {
    // Interpolants of lower order than the steps are less accurate; global errors of a method of
    // order 2 are of the size of the tolerance to the power 2/3.
    let bound = |name: &str| if name == "trbdf2" { 5e-6 } else { 1e-6 };
    let problem = forced_relaxation();
    let exact = problem.exact.unwrap();
    let saves: Vec<f64> = (10..=60).map(|i| f64::from(i) * 0.05).collect();
    for name in ["radau", "kvaerno5", "kencarp4", "trbdf2"] {
        let forth = Ivp { t1: 3.0, ..ivp(&problem) };
        let settings = Settings::with_tolerances(1e-8, 1e-8);
        let mut out = vec![0.0; saves.len()];
        let mut stepper = method(name).unwrap();
        drive(&mut *stepper, &forth, &settings, &saves, &mut out, None).unwrap();
        for (t, u) in saves.iter().zip(&out) {
            let mut truth = [0.0];
            exact(*t, problem.t0, &problem.u0, &problem.p, &mut truth);
            assert!((u - truth[0]).abs() < bound(name), "{name} at {t}: {u} {truth:?}");
        }
        let there = [out[50]];
        let back = Ivp { t0: 3.0, t1: 2.5, u0: &there, ..forth };
        let reversed: Vec<f64> = saves.iter().rev().copied().take(10).collect();
        let mut out = vec![0.0; 10];
        drive(&mut *stepper, &back, &settings, &reversed, &mut out, None).unwrap();
        for (t, u) in reversed.iter().zip(&out) {
            let mut truth = [0.0];
            exact(*t, problem.t0, &problem.u0, &problem.p, &mut truth);
            assert!((u - truth[0]).abs() < 10.0 * bound(name), "{name} back at {t}: {u} {truth:?}");
        }
    }
}

#[test]
fn single_precision_keeps_its_digits() {
    for name in ["radau", "kvaerno5", "kencarp4", "trbdf2", "kencarp4-imex"] {
        for problem in [forced_relaxation(), hires(), van_der_pol()] {
            let single = problem.single.as_deref().unwrap();
            let u0: Vec<f32> = problem.u0.iter().map(|x| *x as f32).collect();
            let p: Vec<f32> = problem.p.iter().map(|x| *x as f32).collect();
            let t1 = problem.references.last().map_or(3.0, |r| r.t);
            let ivp = Ivp { rhs: single, t0: problem.t0, t1, u0: &u0, p: &p };
            let settings = Settings::with_tolerances(1e-4, 1e-7);
            let mut stepper: Box<dyn Stepper<f32>> = (method_info(name).unwrap().single)();
            let mut out = vec![0.0; u0.len()];
            drive(&mut *stepper, &ivp, &settings, &[t1], &mut out, None).unwrap();
            let double = {
                let ivp =
                    Ivp { rhs: &*problem.rhs, t0: problem.t0, t1, u0: &problem.u0, p: &problem.p };
                end_state(
                    &mut *method("radau").unwrap(),
                    &ivp,
                    &Settings::with_tolerances(1e-10, 1e-12),
                )
                .unwrap()
                .0
            };
            for (a, b) in out.iter().zip(&double) {
                let error = (f64::from(*a) - b).abs();
                let relative = if name == "trbdf2" { 1e-2 } else { 3e-3 };
                assert!(error < relative * b.abs() + 2e-6, "{name} on {}: {a} {b}", problem.id);
            }
        }
    }
}
