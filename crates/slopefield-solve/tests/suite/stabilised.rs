//! Runge–Kutta–Chebyshev: measured order, cost on diffusion, spectral radius.
use crate::common;

use common::parabolic::{Linear, Reaction, Semilinear};
use common::{distance, end_state, slope};
use slopefield_problems::{
    Float, all, exponential_decay, fceri_gamma2, forced_relaxation, lotka_volterra,
};
use slopefield_solve::stabilised::{Rkc, RkcStep};
use slopefield_solve::{
    Ivp, OneStep, Settings, SolveError, Stats, Stepper, drive, method, method_info,
};
use std::f64::consts::PI;

/// Heat on 200 points between ends that are kept at 0.
fn heat<T: Float>(reaction: Reaction) -> (Semilinear<T>, Vec<f64>) {
    let dx = 1.0 / 201.0;
    let start = (1..=200).map(|i| (PI * f64::from(i) * dx).sin()).collect();
    (Semilinear::new(Linear::diffusion(200, 1.0, dx, false), reaction), start)
}

/// Largest eigenvalue of the matrix of `heat`, and the one of the first mode.
fn eigenvalues() -> [f64; 2] {
    let dx: f64 = 1.0 / 201.0;
    [200.0, 1.0].map(|mode| 4.0 / (dx * dx) * (0.5 * PI * mode * dx).sin().powi(2))
}

#[test]
fn heat_costs_a_fraction_of_an_explicit_method() {
    let (rhs, start) = heat(Reaction::None);
    let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: 0.5, u0: &start, p: &[] };
    let decay = (-eigenvalues()[1] * 0.5).exp();
    let exact: Vec<f64> = start.iter().map(|u| decay * u).collect();
    let settings = Settings::with_tolerances(1e-4, 1e-6);
    let (u, stats) = end_state(&mut Rkc::new(), &ivp, &settings).unwrap();
    assert!(distance(&u, &exact) < 2e-5, "{:e}", distance(&u, &exact));
    let (_, explicit) = end_state(&mut *method("tsit5").unwrap(), &ivp, &settings).unwrap();
    assert!(30 * stats.rhs < explicit.rhs, "{stats:?} {explicit:?}");
    assert!(stats.rejected <= stats.accepted / 4, "{stats:?}");
}

#[test]
fn the_spectral_radius_is_met_within_its_safety() {
    let [largest, _] = eigenvalues();
    // The start is the slowest mode itself, and its slope has nothing of the fastest.
    for (reaction, off) in [(Reaction::None, 0.0), (Reaction::Cubic, 1.0)] {
        let (rhs, start) = heat(reaction);
        let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: 1.0, u0: &start, p: &[] };
        let mut step: RkcStep = RkcStep::default();
        let mut counts = Stats::default();
        step.begin(&ivp, &Settings::default(), 0.0, &start, &mut counts).unwrap();
        let found = step.spectral_radius();
        assert!(found >= largest && found <= 1.2 * (largest + off), "{found} {largest}");
        assert!(counts.rhs <= 52, "{counts:?}");
        // (s² − 1)/1.54 must cover it.
        let stages = step.stages(0.01) as f64;
        assert!((stages * stages - 1.0) / 1.54 >= 0.01 * found, "{stages}");
    }
    let problem = exponential_decay();
    let ivp = common::ivp(&problem);
    let mut step: RkcStep = RkcStep::default();
    step.begin(&ivp, &Settings::default(), 0.0, &problem.u0, &mut Stats::default()).unwrap();
    assert!((step.spectral_radius() - 1.2 * problem.p[0]).abs() < 1e-6);
}

/// Errors after equal steps: the tolerances let any step pass.
fn errors(ivp: &Ivp<'_>, exact: &[f64], steps: &[u32]) -> Vec<(f64, f64)> {
    steps
        .iter()
        .map(|n| {
            let h = (ivp.t1 - ivp.t0) / f64::from(*n);
            let settings = Settings {
                h_init: Some(h),
                h_max: h * (1.0 + 1e-12),
                ..Settings::with_tolerances(1e6, 1e6)
            };
            let (u, stats) = end_state(&mut Rkc::new(), ivp, &settings).unwrap();
            assert_eq!(stats.accepted, u64::from(*n));
            (h, distance(&u, exact))
        })
        .collect()
}

#[test]
fn the_order_is_two_with_few_stages_and_with_many() {
    let (rhs, mut start) = heat(Reaction::Cubic);
    // A steep start that has become smooth would hide the order; this one is smooth.
    for u in &mut start {
        *u *= 2.0;
    }
    let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: 0.1, u0: &start, p: &[] };
    let settings = Settings::with_tolerances(1e-11, 1e-11);
    let (exact, _) = end_state(&mut *method("vern8").unwrap(), &ivp, &settings).unwrap();
    // Steps of 20 to 40 stages.
    let stiff = errors(&ivp, &exact, &[40, 50, 64, 80]);
    assert!((slope(&stiff) - 2.0).abs() < 0.2, "{} {stiff:?}", slope(&stiff));
    let problem = lotka_volterra();
    let reference = &problem.references[0];
    let ivp = Ivp { t1: reference.t, ..common::ivp(&problem) };
    let plain = errors(&ivp, &reference.u, &[200, 250, 320, 400]);
    assert!((slope(&plain) - 2.0).abs() < 0.2, "{} {plain:?}", slope(&plain));
    // Explicit time.
    let problem = forced_relaxation();
    let mut exact = [0.0];
    (problem.exact.unwrap())(3.0, problem.t0, &problem.u0, &problem.p, &mut exact);
    let ivp = Ivp { t1: 3.0, ..common::ivp(&problem) };
    let forced = errors(&ivp, &exact, &[100, 125, 160, 200]);
    assert!((slope(&forced) - 2.0).abs() < 0.2, "{} {forced:?}", slope(&forced));
}

#[test]
fn solutions_within_steps_are_as_good_as_the_steps() {
    // From exact data the error within one step is of size h³, as at its end.
    let problem = forced_relaxation();
    let exact = problem.exact.unwrap();
    let errors: Vec<(f64, f64)> = [0.04, 0.03, 0.02, 0.015]
        .into_iter()
        .map(|h| {
            let ivp = Ivp { t1: problem.t0 + h, ..common::ivp(&problem) };
            let saves: Vec<f64> = (1..8).map(|i| problem.t0 + h * f64::from(i) / 8.0).collect();
            let mut out = vec![0.0; 7];
            let settings = Settings { h_init: Some(h), ..Settings::with_tolerances(1e6, 1e6) };
            drive(&mut Rkc::new(), &ivp, &settings, &saves, &mut out, None).unwrap();
            let worst = saves.iter().zip(&out).fold(0.0_f64, |worst, (t, u)| {
                let mut truth = [0.0];
                exact(*t, problem.t0, &problem.u0, &problem.p, &mut truth);
                worst.max((u - truth[0]).abs())
            });
            (h, worst)
        })
        .collect();
    assert!((slope(&errors) - 3.0).abs() < 0.2, "{} {errors:?}", slope(&errors));
}

#[test]
fn errors_fall_with_the_tolerance() {
    let (rhs, start) = heat(Reaction::Cubic);
    let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: 0.2, u0: &start, p: &[] };
    let settings = Settings::with_tolerances(1e-11, 1e-11);
    let (exact, _) = end_state(&mut *method("vern8").unwrap(), &ivp, &settings).unwrap();
    let errors = [1e-2, 1e-4, 1e-6].map(|tolerance| {
        let settings = Settings::with_tolerances(tolerance, tolerance);
        distance(&end_state(&mut Rkc::new(), &ivp, &settings).unwrap().0, &exact)
    });
    assert!(errors[0] < 1e-1 && errors[2] < 1e-4, "{errors:?}");
    assert!(errors[1] < 0.1 * errors[0] && errors[2] < 0.1 * errors[1], "{errors:?}");
    // Problems without diffusion are solved as well.
    for problem in
        all().iter().filter(|problem| problem.class == slopefield_problems::Class::NonStiff)
    {
        for reference in problem.references.iter().filter(|reference| reference.t <= 2.0) {
            let ivp = Ivp { t1: reference.t, ..common::ivp(problem) };
            let settings = Settings::with_tolerances(1e-7, 1e-7);
            let (u, _) = end_state(&mut Rkc::new(), &ivp, &settings).unwrap();
            let error = distance(&u, &reference.u);
            assert!(error < 2e-3, "{} at {}: {error:e}", problem.id, reference.t);
        }
    }
}

#[test]
fn backward_time_and_single_precision_work() {
    let problem = lotka_volterra();
    let there = Ivp { t1: 3.0, ..common::ivp(&problem) };
    let settings = Settings::with_tolerances(1e-8, 1e-8);
    let (end, _) = end_state(&mut Rkc::new(), &there, &settings).unwrap();
    let back = Ivp { t0: 3.0, t1: 0.0, u0: &end, ..there };
    let (again, _) = end_state(&mut Rkc::new(), &back, &settings).unwrap();
    assert!(distance(&again, &problem.u0) < 1e-4, "{again:?}");
    let (rhs, start) = heat::<f64>(Reaction::Cubic);
    let (rhs32, _) = heat::<f32>(Reaction::Cubic);
    let single: Vec<f32> = start.iter().map(|u| *u as f32).collect();
    let (double, short) = (
        Ivp { rhs: &rhs, t0: 0.0, t1: 0.1, u0: &start, p: &[] },
        Ivp { rhs: &rhs32, t0: 0.0, t1: 0.1, u0: &single, p: &[] },
    );
    let settings = Settings::with_tolerances(1e-3, 1e-4);
    let (truth, _) =
        end_state(&mut Rkc::new(), &double, &Settings::with_tolerances(1e-7, 1e-8)).unwrap();
    let mut stepper = (method_info("rkc2").unwrap().single)();
    let mut out = vec![0.0_f32; 200];
    drive(&mut *stepper, &short, &settings, &[0.1], &mut out, None).unwrap();
    let found: Vec<f64> = out.iter().map(|u| f64::from(*u)).collect();
    let error = distance(&found, &truth);
    assert!(error < 1e-3, "{error:e}");
}

#[test]
fn matrices_in_front_of_slopes_are_refused() {
    let problems = all();
    let algebraic = problems.iter().find(|problem| problem.rhs.structure().mass.is_some());
    let Some(problem) = algebraic else { return };
    let found = Rkc::new().start(&common::ivp(problem), &Settings::default());
    assert!(matches!(found, Err(SolveError::Invalid(_))), "{found:?}");
}

#[test]
fn thousands_of_reactions_are_met_without_a_jacobian() {
    // The fastest of 58,276 reactions takes 1/1400 of a second, the span is 150.
    let problem = fceri_gamma2();
    let settings = Settings::with_tolerances(1e-5, 1e-5);
    let (u, stats) = end_state(&mut Rkc::new(), &common::ivp(&problem), &settings).unwrap();
    let known = &problem.references[0].u;
    let apart = u.iter().zip(known).map(|(x, known)| (x - known).abs() / (1.0 + known));
    let error = apart.fold(0.0, f64::max);
    assert!(error < 5e-3, "{error:e} {stats:?}");
    assert!(stats.rhs < 10_000, "{stats:?}");
}
