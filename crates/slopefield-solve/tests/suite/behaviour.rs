//! Save points, directions, budgets and every way a solve can stop.
use crate::common;

use common::{Closure, HEUN, distance, end_state, ivp};
use slopefield_kernel::Kernel;
use slopefield_problems::{all, exponential_decay, lotka_volterra};
use slopefield_solve::{
    ExplicitRungeKutta, FrozenSteps, Ivp, MethodClass, Settings, SolveError, Stats, Step,
    StepTimes, Stepper, drive, method, methods, tableau,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn solve(
    rhs: &dyn Kernel,
    u0: &[f64],
    t1: f64,
    settings: &Settings,
) -> Result<Vec<f64>, SolveError> {
    let ivp = Ivp { rhs, t0: 0.0, t1, u0, p: &[] };
    end_state(&mut *method("tsit5").unwrap(), &ivp, settings).map(|(u, _)| u)
}

/// Whether methods of a class need nothing but the right-hand side.
fn plain(class: MethodClass) -> bool {
    !matches!(class, MethodClass::SecondOrder | MethodClass::Split)
}

#[test]
fn save_points_at_both_ends_and_at_step_ends_are_exact_and_may_repeat() {
    let problem = lotka_volterra();
    let ivp = ivp(&problem);
    for info in methods().filter(|info| plain(info.class)) {
        let mut record = StepTimes::default();
        let mut ends = Vec::new();
        let mut stepper = method(info.id).unwrap();
        let settings = Settings::default();
        let mut watch = |step: &Step, solution: &mut dyn Stepper| {
            ends.push((step.t, solution.state().to_vec()));
            slopefield_solve::StepObserver::accepted(&mut record, step, solution)
        };
        drive(&mut *stepper, &ivp, &settings, &[], &mut [], Some(&mut watch)).unwrap();
        let middle = ends[ends.len() / 2].clone();
        let saves = [0.0, 0.0, middle.0, middle.0, 10.0, 10.0];
        let mut out = [0.0; 12];
        drive(&mut *stepper, &ivp, &settings, &saves, &mut out, None).unwrap();
        let last = &ends[ends.len() - 1].1;
        assert_eq!(out[..4], [1.0, 1.0, 1.0, 1.0]);
        assert_eq!(out[4..6], middle.1[..]);
        assert_eq!(out[6..8], middle.1[..]);
        assert_eq!(out[8..10], last[..]);
        assert_eq!(out[10..], last[..]);
    }
}

#[test]
fn save_points_do_not_change_the_steps() {
    let problem = lotka_volterra();
    let saves: Vec<f64> = (0..=1000).map(|i| f64::from(i) * 0.01).collect();
    let run = |saves: &[f64]| {
        let mut out = vec![0.0; 2 * saves.len()];
        let mut record = StepTimes::default();
        let mut stepper = method("tsit5").unwrap();
        let settings = Settings::default();
        drive(&mut *stepper, &ivp(&problem), &settings, saves, &mut out, Some(&mut record))
            .unwrap();
        record.times
    };
    assert_eq!(run(&saves), run(&[]));
}

#[test]
fn backward_time_returns_to_the_start() {
    let problem = lotka_volterra();
    let settings = Settings::with_tolerances(1e-11, 1e-11);
    for info in methods().filter(|info| info.class == MethodClass::NonStiff) {
        let mut stepper = method(info.id).unwrap();
        let there = end_state(&mut *stepper, &Ivp { t1: 3.0, ..ivp(&problem) }, &settings);
        let (end, forth) = there.unwrap();
        let back = Ivp { t0: 3.0, t1: 0.0, u0: &end, ..ivp(&problem) };
        let saves = [3.0, 2.0, 1.0, 0.0];
        let mut out = [0.0; 8];
        let stats = drive(&mut *stepper, &back, &settings, &saves, &mut out, None).unwrap();
        assert!(distance(&out[6..], &[1.0, 1.0]) < 1e-8, "{}: {out:?}", info.id);
        let reference = &problem.references[0].u;
        assert!(distance(&out[4..6], reference) < 1e-8, "{}: {out:?}", info.id);
        assert!(stats.accepted < 2 * forth.accepted, "{}", info.id);
    }
}

#[test]
fn an_empty_span_returns_the_initial_state() {
    let problem = lotka_volterra();
    let mut out = [0.0; 4];
    let still = Ivp { t1: 0.0, ..ivp(&problem) };
    let mut stepper = method("tsit5").unwrap();
    let stats = drive(&mut *stepper, &still, &Settings::default(), &[0.0, 0.0], &mut out, None);
    assert_eq!(stats, Ok(Stats::default()));
    assert_eq!(out, [1.0; 4]);
}

#[test]
fn an_instance_can_be_used_again_for_other_problems() {
    let settings = Settings::default();
    let mut shared = method("tsit5").unwrap();
    for problem in all().iter().rev().chain(&all()) {
        let fresh = end_state(&mut *method("tsit5").unwrap(), &ivp(problem), &settings);
        let again = end_state(&mut *shared, &ivp(problem), &settings);
        assert_eq!(fresh, again, "{}", problem.id);
    }
}

#[test]
fn frozen_steps_repeat_the_same_bits() {
    for problem in all() {
        for table in
            [tableau("tsit5"), tableau("bs3"), tableau("vern6"), tableau("vern9"), Some(&HEUN)]
        {
            let table = table.unwrap();
            let settings = Settings::with_tolerances(1e-5, 1e-6);
            let span = problem.t1 - problem.t0;
            let saves: Vec<f64> = (0..=9).map(|i| problem.t0 + span * f64::from(i) / 9.5).collect();
            let mut adaptive = vec![0.0; saves.len() * problem.u0.len()];
            let mut replayed = adaptive.clone();
            let mut record = StepTimes::default();
            let mut stepper = ExplicitRungeKutta::new(table);
            let ivp = ivp(&problem);
            drive(&mut stepper, &ivp, &settings, &saves, &mut adaptive, Some(&mut record)).unwrap();
            let mut frozen = FrozenSteps::new(table, record.times);
            drive(&mut frozen, &ivp, &settings, &saves, &mut replayed, None).unwrap();
            assert_eq!(adaptive, replayed, "{} on {}", table.id, problem.id);
            assert_eq!(frozen.stats().accepted, stepper.stats().accepted);
        }
    }
}

#[test]
fn step_bounds_are_kept() {
    let problem = lotka_volterra();
    let mut record = StepTimes::default();
    let settings = Settings { h_max: 0.05, h_init: Some(0.01), ..Settings::default() };
    let mut stepper = method("tsit5").unwrap();
    drive(&mut *stepper, &ivp(&problem), &settings, &[], &mut [], Some(&mut record)).unwrap();
    assert!((record.times[1] - 0.01).abs() < 1e-15);
    // The last step may be stretched onto the end by one per cent.
    assert!(record.times.windows(2).all(|pair| pair[1] - pair[0] <= 0.05 * 1.01 + 1e-12));
}

#[test]
fn a_right_hand_side_that_is_never_finite_names_state_and_time() {
    // Beyond t = 1 the second equation is a logarithm of a negative number.
    let rhs = Closure(3, |t: f64, u: &[f64], out: &mut [f64]| {
        out.copy_from_slice(&[-u[0], (1.0 - t).ln(), 0.5]);
    });
    let found = solve(&rhs, &[1.0, 2.0, 3.0], 2.0, &Settings::default());
    let Err(SolveError::NonFinite { t, state, u }) = found else { panic!("{found:?}") };
    assert_eq!(state, 1);
    assert!((t - 1.0).abs() < 1e-3, "{t}");
    assert!((u[0] - (-t).exp()).abs() < 1e-5, "{u:?}");
    assert!((u[2] - 3.0 - 0.5 * t).abs() < 1e-9, "{u:?}");
}

#[test]
fn a_right_hand_side_that_is_not_finite_at_the_start_says_so() {
    let rhs = Closure(2, |_, u: &[f64], out: &mut [f64]| {
        out.copy_from_slice(&[u[0].sqrt(), 1.0 / u[0]]);
    });
    let found = solve(&rhs, &[0.0, 5.0], 1.0, &Settings::default());
    let expected = SolveError::NonFinite { t: 0.0, state: 1, u: vec![0.0, 5.0] };
    assert_eq!(found, Err(expected));
    let found = solve(&rhs, &[1.0, f64::NAN], 1.0, &Settings::default());
    assert!(matches!(found, Err(SolveError::NonFinite { state: 1, .. })), "{found:?}");
}

#[test]
fn a_domain_the_solution_never_leaves_is_not_left_by_rejected_attempts() {
    // u' = −√u·…: stages of long steps probe negative u, the solution stays positive.
    let rhs = Closure(1, |t: f64, u: &[f64], out: &mut [f64]| {
        out[0] = -u[0].ln() * u[0] - 3.0 * u[0] * t;
    });
    let settings = Settings { h_init: Some(5.0), ..Settings::default() };
    let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: 2.0, u0: &[0.5], p: &[] };
    let mut stepper = method("tsit5").unwrap();
    let (u, stats) = end_state(&mut *stepper, &ivp, &settings).unwrap();
    // v = ln u satisfies v' = −v − 3t: v = (v0 − 3) e^{−t} + 3 − 3t.
    let exact = ((0.5_f64.ln() - 3.0) * (-2.0_f64).exp() + 3.0 - 6.0).exp();
    assert!((u[0] - exact).abs() < 1e-6, "{u:?} {exact}");
    assert!(stats.rejected > 0, "the test must reach the rejections: {stats:?}");
}

#[test]
fn a_blow_up_ends_with_a_step_too_small() {
    let rhs = Closure(1, |_, u: &[f64], out: &mut [f64]| out[0] = u[0] * u[0]);
    let found = solve(&rhs, &[1.0], 2.0, &Settings::default());
    let Err(SolveError::StepTooSmall { t, h }) = found else { panic!("{found:?}") };
    assert!((t - 1.0).abs() < 1e-6, "{t}");
    assert!(h > 0.0 && h < 1e-10, "{h}");
}

#[test]
fn a_jump_that_nobody_announced_is_crossed_though_no_step_is_short_enough() {
    // Numbers near 1/3 are 5e-17 apart, so that the state is not known better than to 1e-6.
    let at = 1.0 / 3.0;
    let rhs = Closure(2, |t: f64, u: &[f64], out: &mut [f64]| {
        out[0] = if t >= at { 1e9 } else { 0.0 };
        out[1] = -u[1];
    });
    for id in ["tsit5", "vern7", "bs3"] {
        let settings = Settings::with_tolerances(1e-8, 1e-12);
        let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: 1.0, u0: &[0.0, 1.0], p: &[] };
        let mut longest = 0.0_f64;
        let mut watch = |step: &Step, _: &mut dyn Stepper| {
            longest = longest.max(if step.t_prev > at { step.t - step.t_prev } else { 0.0 });
            Ok(())
        };
        let mut out = [0.0; 4];
        let saves = [at, 1.0];
        let mut stepper = method(id).unwrap();
        drive(&mut *stepper, &ivp, &settings, &saves, &mut out, Some(&mut watch)).unwrap();
        assert!(out[0].abs() < 1e-6, "{id}: {out:?}");
        assert!((out[2] - 1e9 * (1.0 - at)).abs() < 1e-6 + 1e-8 * 1e9, "{id}: {out:?}");
        assert!((out[3] - (-1.0_f64).exp()).abs() < 1e-7, "{id}: {out:?}");
        // Behind the jump steps are as long as ever.
        assert!(longest > 1e-3, "{id}: {longest}");
    }
}

#[test]
fn what_is_no_jump_is_not_crossed() {
    let at = 1.0 / 3.0;
    // Poles that can be integrated and that cannot, of either side, and one of the state.
    let rates: [fn(f64) -> f64; 4] = [
        |d| d.abs().sqrt().recip(),
        |d| if d < 0.0 { (-d).sqrt().recip() } else { 0.0 },
        |d| if d > 0.0 { d.sqrt().recip() } else { 0.0 },
        |d| d.powi(2).recip(),
    ];
    for (i, rate) in rates.into_iter().enumerate() {
        let rhs = Closure(1, move |t: f64, _: &[f64], out: &mut [f64]| out[0] = 1e3 * rate(t - at));
        let found = solve(&rhs, &[0.0], 1.0, &Settings::with_tolerances(1e-12, 1e-14));
        let stopped = matches!(
            found,
            Err(SolveError::StepTooSmall { t, .. } | SolveError::NonFinite { t, .. })
                if (t - at).abs() < 1e-8
        );
        assert!(stopped, "rate {i}: {found:?}");
    }
}

#[test]
fn the_smallest_step_is_kept() {
    let problem = lotka_volterra();
    let settings = Settings { h_min: 0.2, ..Settings::with_tolerances(1e-10, 1e-10) };
    let found = end_state(&mut *method("tsit5").unwrap(), &ivp(&problem), &settings);
    let Err(SolveError::StepTooSmall { h, .. }) = found else { panic!("{found:?}") };
    assert!((h - 0.2).abs() < 1e-12, "{h}");
}

#[test]
fn the_step_budget_ends_a_solve() {
    let problem = lotka_volterra();
    let settings = Settings { max_steps: 20, ..Settings::default() };
    let mut out = [0.0; 4];
    let mut stepper = method("tsit5").unwrap();
    let found = drive(&mut *stepper, &ivp(&problem), &settings, &[0.5, 10.0], &mut out, None);
    let Err(SolveError::TooManySteps { t, steps: 20 }) = found else { panic!("{found:?}") };
    assert!(t > 0.5 && t < 10.0);
    let stats = stepper.stats();
    assert_eq!(stats.accepted + stats.rejected, 20);
    assert!(out[0].is_finite() && out[1].is_finite(), "reached rows stay");
    assert!(out[2].is_nan() && out[3].is_nan(), "rows not reached are NaN");
}

#[test]
fn the_flag_cancels_before_and_within_a_solve() {
    let problem = exponential_decay();
    let flag = Arc::new(AtomicBool::new(true));
    let settings = Settings { cancel: Some(flag.clone()), ..Settings::default() };
    let mut stepper = method("tsit5").unwrap();
    let found = end_state(&mut *stepper, &ivp(&problem), &settings);
    assert_eq!(found.err(), Some(SolveError::Cancelled { t: 0.0 }));
    flag.store(false, Ordering::Relaxed);
    let mut reached = 0.0;
    let mut watch = |step: &Step, _: &mut dyn Stepper| {
        reached = step.t;
        flag.store(step.t > 1.0, Ordering::Relaxed);
        Ok(())
    };
    let found = drive(&mut *stepper, &ivp(&problem), &settings, &[], &mut [], Some(&mut watch));
    assert_eq!(found.err(), Some(SolveError::Cancelled { t: reached }));
    assert!(reached > 1.0 && reached < 2.0);
}

#[test]
fn an_observer_can_stop_a_solve_with_its_own_error() {
    let problem = exponential_decay();
    let mut watch = |_: &Step, _: &mut dyn Stepper| Err(SolveError::Invalid("enough".into()));
    let mut stepper = method("tsit5").unwrap();
    let settings = Settings::default();
    let found = drive(&mut *stepper, &ivp(&problem), &settings, &[], &mut [], Some(&mut watch));
    assert_eq!(found, Err(SolveError::Invalid("enough".into())));
}

#[track_caller]
fn check_refused(change: impl FnOnce(&mut Settings), saves: &[f64], words: &str) {
    let problem = lotka_volterra();
    let mut settings = Settings::default();
    change(&mut settings);
    let mut out = vec![0.0; 2 * saves.len()];
    let mut stepper = method("tsit5").unwrap();
    let found = drive(&mut *stepper, &ivp(&problem), &settings, saves, &mut out, None);
    let Err(SolveError::Invalid(message)) = found else { panic!("{found:?}") };
    assert!(message.contains(words), "{message}");
}

#[test]
fn nonsense_is_refused_with_the_numbers_in_question() {
    check_refused(|_| {}, &[2.0, 1.0], "save time 1 is 1");
    check_refused(|_| {}, &[-0.5], "outside the span 0 to 10");
    check_refused(|_| {}, &[1.0, 10.5], "save time 1 is 10.5");
    check_refused(|_| {}, &[f64::NAN], "outside the span");
    check_refused(|s| s.rtol = -1.0, &[], "relative tolerance -1");
    check_refused(|s| s.atol = vec![1.0; 3], &[], "3 absolute tolerances");
    check_refused(|s| s.atol = vec![f64::NAN], &[], "absolute tolerance NaN");
    check_refused(|s| (s.rtol, s.atol) = (0.0, vec![0.0]), &[], "both 0");
    check_refused(|s| s.h_init = Some(f64::NAN), &[], "first step");
    check_refused(|s| s.h_max = 0.0, &[], "step bounds");
    check_refused(|s| (s.h_min, s.h_max) = (2.0, 1.0), &[], "smallest step 2");
    let problem = lotka_volterra();
    let mut stepper = method("tsit5").unwrap();
    for wrong in [
        Ivp { u0: &[1.0], ..ivp(&problem) },
        Ivp { p: &[1.0], ..ivp(&problem) },
        Ivp { u0: &[], ..ivp(&problem) },
        Ivp { t1: f64::INFINITY, ..ivp(&problem) },
    ] {
        let found = drive(&mut *stepper, &wrong, &Settings::default(), &[], &mut [], None);
        assert!(matches!(found, Err(SolveError::Invalid(_))), "{found:?}");
    }
}

#[test]
fn a_stepper_that_does_not_advance_is_caught() {
    struct Still(Vec<f64>, f64);
    impl Stepper for Still {
        fn start(&mut self, ivp: &Ivp<'_>, _: &Settings) -> Result<(), SolveError> {
            self.0 = ivp.u0.to_vec();
            Ok(())
        }
        fn step(&mut self, _: &Ivp<'_>, _: &Settings, _: f64) -> Result<Step, SolveError> {
            Ok(Step { t_prev: 0.0, t: self.1, rejected: 0 })
        }
        fn state(&self) -> &[f64] {
            &self.0
        }
        fn interpolate(&mut self, _: f64, _: &mut [f64]) -> Result<(), SolveError> {
            Ok(())
        }
        fn stats(&self) -> Stats {
            Stats::default()
        }
    }
    let problem = lotka_volterra();
    for t in [0.0, -1.0, 11.0, f64::NAN] {
        let found = end_state(&mut Still(Vec::new(), t), &ivp(&problem), &Settings::default());
        assert!(matches!(found, Err(SolveError::Invalid(_))), "{found:?}");
    }
}

#[test]
fn methods_are_found_by_name() {
    let ids: Vec<&str> = methods().map(|m| m.id).collect();
    assert_eq!(ids[..3], ["tsit5", "dp5", "bs3"]);
    assert!(ids.iter().all(|id| method(id).is_some()));
    assert_eq!(tableau("auto").unwrap().id, "tsit5");
    assert!(method("rk45").is_none());
    assert!(methods().all(|m| m.reference.starts_with("10.") && m.advice.ends_with('.')));
}
