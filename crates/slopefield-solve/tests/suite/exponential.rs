//! ETDRK4: measured order on stiff semilinear problems, lengths of steps, refusals.
use crate::common;

use common::parabolic::{Linear, Reaction, Semilinear};
use common::{distance, end_state, slope};
use slopefield_kernel::Kernel;
use slopefield_problems::{Float, lotka_volterra};
use slopefield_solve::exponential::Etdrk4;
use slopefield_solve::{Ivp, Settings, SolveError, StepTimes, drive, method, method_info};
use std::f64::consts::TAU;

/// Allen–Cahn with diffusion on a circle of 48 points: eigenvalues down to −930.
fn allen_cahn<T: Float>() -> (Semilinear<T>, Vec<f64>) {
    let n = 48;
    let dx = TAU / n as f64;
    let x = |i: usize| dx * i as f64;
    let start = (0..n).map(|i| 0.3 + 0.5 * x(i).sin() + 0.2 * (2.0 * x(i)).cos()).collect();
    (Semilinear::new(Linear::diffusion(n, 4.0, dx, true), Reaction::Cubic), start)
}

/// Kuramoto–Sivashinsky, `u_t = −u_xx − u_xxxx − u u_x`, on a circle of 64 points and length 22.
fn kuramoto_sivashinsky() -> (Semilinear, Vec<f64>) {
    let (n, length) = (64, 22.0);
    let dx: f64 = length / n as f64;
    let (second, fourth) = (dx.powi(-2), dx.powi(-4));
    let stencil = vec![
        (-2, -fourth),
        (-1, 4.0 * fourth - second),
        (0, 2.0 * second - 6.0 * fourth),
        (1, 4.0 * fourth - second),
        (2, -fourth),
    ];
    let x = |i: usize| TAU * i as f64 / n as f64;
    let start = (0..n).map(|i| x(i).cos() * (1.0 + x(i).sin())).collect();
    let linear = Linear { n, stencil, periodic: true };
    (Semilinear::new(linear, Reaction::Transport(dx)), start)
}

fn reference(ivp: &Ivp<'_>) -> Vec<f64> {
    let settings = Settings::with_tolerances(1e-12, 1e-12);
    end_state(&mut *method("vern8").unwrap(), ivp, &settings).unwrap().0
}

/// Errors after equal steps: the tolerances let any step pass.
fn errors(ivp: &Ivp<'_>, exact: &[f64], steps: &[u32]) -> Vec<(f64, f64)> {
    steps
        .iter()
        .map(|n| {
            let h = (ivp.t1 - ivp.t0) / f64::from(*n);
            let settings =
                Settings { h_init: Some(h), h_max: h, ..Settings::with_tolerances(1e6, 1e6) };
            let (u, stats) = end_state(&mut Etdrk4::new(), ivp, &settings).unwrap();
            assert_eq!((stats.accepted, stats.factorisations), (u64::from(*n), 1));
            // Four evaluations of the rest a step, and one at the start.
            assert_eq!(stats.rhs, 1 + 4 * stats.accepted);
            (h, distance(&u, exact))
        })
        .collect()
}

#[test]
fn the_order_is_four_on_stiff_problems() {
    let (rhs, start) = allen_cahn();
    let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: 2.0, u0: &start, p: &[] };
    let found = errors(&ivp, &reference(&ivp), &[64, 128, 256, 512]);
    assert!((slope(&found) - 4.0).abs() < 0.2, "{} {found:?}", slope(&found));
    let (rhs, start) = kuramoto_sivashinsky();
    let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: 8.0, u0: &start, p: &[] };
    let found = errors(&ivp, &reference(&ivp), &[256, 512, 1024]);
    assert!((slope(&found) - 4.0).abs() < 0.2, "{} {found:?}", slope(&found));
}

#[test]
fn solutions_within_steps_have_order_three() {
    let (rhs, start) = allen_cahn();
    // Where the fast modes are gone.
    let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: 0.5, u0: &start, p: &[] };
    let smooth = reference(&ivp);
    let errors: Vec<(f64, f64)> = [0.08, 0.06, 0.04, 0.03]
        .into_iter()
        .map(|h| {
            let ivp = Ivp { rhs: &rhs, t0: 0.5, t1: 0.5 + h, u0: &smooth, p: &[] };
            let middle = 0.5 + 0.4 * h;
            let exact = reference(&Ivp { t1: middle, ..ivp });
            let settings = Settings { h_init: Some(h), ..Settings::with_tolerances(1e6, 1e6) };
            let mut out = vec![0.0; 48];
            drive(&mut Etdrk4::new(), &ivp, &settings, &[middle], &mut out, None).unwrap();
            (h, distance(&out, &exact))
        })
        .collect();
    assert!((slope(&errors) - 4.0).abs() < 0.2, "{} {errors:?}", slope(&errors));
}

#[test]
fn adaptive_steps_follow_the_tolerance_with_few_lengths() {
    let (rhs, start) = kuramoto_sivashinsky();
    let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: 8.0, u0: &start, p: &[] };
    let exact = reference(&ivp);
    let mut found = Vec::new();
    for tolerance in [1e-4, 1e-6, 1e-8] {
        let settings = Settings::with_tolerances(tolerance, tolerance);
        let mut record = StepTimes::default();
        let mut out = vec![0.0; 64];
        let mut stepper = Etdrk4::new();
        let stats =
            drive(&mut stepper, &ivp, &settings, &[8.0], &mut out, Some(&mut record)).unwrap();
        for pair in record.times.windows(2) {
            let power = (8.0 / (pair[1] - pair[0])).log2();
            assert!((power - power.round()).abs() < 1e-9, "{pair:?}");
        }
        assert!(stats.factorisations <= 12, "{stats:?}");
        assert!(4 * stats.rejected < stats.accepted, "{stats:?}");
        found.push((distance(&out, &exact), stats.rhs));
    }
    // Growth of errors by the instability of the problem, and no more.
    assert!(found[2].0 < 1e-5, "{found:?}");
    assert!(found[1].0 < 0.1 * found[0].0 && found[2].0 < 0.1 * found[1].0, "{found:?}");
    // The stiff part costs nothing: an explicit method needs many times as many evaluations.
    let settings = Settings::with_tolerances(1e-6, 1e-6);
    let (_, explicit) = end_state(&mut *method("tsit5").unwrap(), &ivp, &settings).unwrap();
    assert!(10 * found[1].1 < explicit.rhs, "{found:?} {explicit:?}");
}

#[test]
fn a_stop_at_another_time_is_met() {
    let (rhs, start) = allen_cahn();
    let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: 1.0, u0: &start, p: &[] };
    let settings = Settings::with_tolerances(1e-7, 1e-7);
    let mut stepper = Etdrk4::new();
    slopefield_solve::Stepper::start(&mut stepper, &ivp, &settings).unwrap();
    let (limit, mut t, mut steps) = (0.4321, 0.0, 0);
    while t < limit {
        t = slopefield_solve::Stepper::step(&mut stepper, &ivp, &settings, limit).unwrap().t;
        steps += 1;
    }
    assert!(t == limit && steps < 60, "{t} {steps}");
    let exact = reference(&Ivp { t1: limit, ..ivp });
    let error = distance(slopefield_solve::Stepper::state(&stepper), &exact);
    assert!(error < 1e-5, "{error:e}");
}

#[test]
fn diagonal_matrices_and_separate_species_are_solved_alike() {
    // Two species that do not diffuse into each other, every second state: two blocks.
    let n = 24;
    let dx = TAU / n as f64;
    let side = 5.0 / (dx * dx);
    let interleaved =
        Linear { n: 2 * n, stencil: vec![(-2, side), (0, -2.0 * side), (2, side)], periodic: true };
    let rhs = Semilinear::new(interleaved, Reaction::Cubic);
    let start: Vec<f64> = (0..2 * n)
        .map(|i| 0.4 + 0.3 * (dx * (i / 2) as f64 + 0.5 * (i % 2) as f64).sin())
        .collect();
    let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: 1.0, u0: &start, p: &[] };
    let found = errors(&ivp, &reference(&ivp), &[16, 32, 64]);
    assert!(found[2].1 < 1e-7 && (slope(&found) - 4.0).abs() < 0.2, "{found:?}");
    // Far apart time scales on the diagonal.
    let diagonal = Linear { n: 3, stencil: vec![(0, -1000.0)], periodic: false };
    let rhs = Semilinear::new(diagonal, Reaction::Cubic);
    let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: 0.01, u0: &[1.0, 0.5, -0.2], p: &[] };
    let found = errors(&ivp, &reference(&ivp), &[4, 8, 16]);
    assert!(found[2].1 < 1e-8, "{found:?}");
}

#[test]
fn without_a_rest_the_solution_is_exact() {
    let n = 20;
    let rhs = Semilinear::new(Linear::diffusion(n, 1.0, 0.05, true), Reaction::None);
    let start: Vec<f64> = (0..n).map(|i| (TAU * i as f64 / n as f64).sin()).collect();
    let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: 0.1, u0: &start, p: &[] };
    let settings = Settings::with_tolerances(1e-6, 1e-6);
    let (u, stats) = end_state(&mut Etdrk4::new(), &ivp, &settings).unwrap();
    let rate = 4.0 / 0.05_f64.powi(2) * (0.5 * TAU / n as f64).sin().powi(2);
    let exact: Vec<f64> = start.iter().map(|u| u * (-0.1 * rate).exp()).collect();
    assert!(distance(&u, &exact) < 1e-12, "{:e}", distance(&u, &exact));
    assert!(stats.accepted < 25, "{stats:?}");
}

#[test]
fn backward_time_and_single_precision_work() {
    // Diffusion cannot be undone; a gentle linear part can.
    let gentle = Linear { n: 4, stencil: vec![(0, -2.0), (1, 1.0), (-1, -1.0)], periodic: true };
    let rhs = Semilinear::new(gentle, Reaction::Cubic);
    let start = [0.5, -0.2, 0.1, 0.8];
    let there = Ivp { rhs: &rhs, t0: 0.0, t1: 1.0, u0: &start, p: &[] };
    let settings = Settings::with_tolerances(1e-9, 1e-9);
    let (end, _) = end_state(&mut Etdrk4::new(), &there, &settings).unwrap();
    let back = Ivp { t0: 1.0, t1: 0.0, u0: &end, ..there };
    let mut out = [0.0; 8];
    drive(&mut Etdrk4::new(), &back, &settings, &[0.37, 0.0], &mut out, None).unwrap();
    assert!(distance(&out[4..], &start) < 1e-6, "{out:?}");
    let middle = reference(&Ivp { t1: 0.37, ..there });
    assert!(distance(&out[..4], &middle) < 1e-6, "{out:?}");
    let (rhs, start) = allen_cahn::<f64>();
    let (rhs32, _) = allen_cahn::<f32>();
    let single: Vec<f32> = start.iter().map(|u| *u as f32).collect();
    let double = Ivp { rhs: &rhs, t0: 0.0, t1: 1.0, u0: &start, p: &[] };
    let short = Ivp { rhs: &rhs32, t0: 0.0, t1: 1.0, u0: &single, p: &[] };
    let mut out = vec![0.0_f32; start.len()];
    let settings = Settings::with_tolerances(1e-5, 1e-5);
    let mut stepper = (method_info("etdrk4").unwrap().single)();
    drive(&mut *stepper, &short, &settings, &[1.0], &mut out, None).unwrap();
    let found: Vec<f64> = out.iter().map(|u| f64::from(*u)).collect();
    let error = distance(&found, &reference(&double));
    assert!(error < 1e-5, "{error:e}");
}

#[track_caller]
fn check_refused(rhs: &dyn Kernel, u0: &[f64], p: &[f64], words: &str) {
    let ivp = Ivp { rhs, t0: 0.0, t1: 1.0, u0, p };
    let found = end_state(&mut Etdrk4::new(), &ivp, &Settings::default());
    let Err(SolveError::Invalid(sentence)) = found else { panic!("{found:?}") };
    assert!(sentence.contains(words), "{sentence}");
}

#[test]
fn systems_of_another_form_are_refused() {
    let problem = lotka_volterra();
    check_refused(&*problem.rhs, &problem.u0, &problem.p, "split into a linear stiff part");
    let (mut rhs, start) = allen_cahn();
    rhs.linear = false;
    check_refused(&rhs, &start, &[], "split into a linear stiff part");
    let large = Semilinear::new(Linear::diffusion(501, 1.0, 0.1, true), Reaction::Cubic);
    check_refused(&large, &[0.1; 501], &[], "at most 500");
}
