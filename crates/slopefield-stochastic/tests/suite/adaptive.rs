//! Adaptive steps, interpolation, stiff drift, refusals, reproducibility.
use crate::common;

use common::*;
use slopefield_kernel::{Calculus, NoiseKind};
use slopefield_solve::{Ivp, Settings, SolveError, Step, Stepper, drive};
use slopefield_stochastic::{Paths, choose, method, method_info, methods, paths};

fn tolerances(rtol: f64, path: u64) -> Settings {
    Settings { seed: 2024, path, ..Settings::with_tolerances(rtol, rtol) }
}

/// Root mean square error on 100 paths that do not depend on the tolerance, and steps of one.
fn error_at(name: &str, system: System, rtol: f64, exact: &dyn Fn(f64) -> f64) -> (f64, f64) {
    let model = Model::<f64>::new(system);
    let mut stepper = method(name).unwrap();
    let (mut sum, mut steps) = (0.0, 0.0);
    for path in 0..100 {
        let settings = tolerances(rtol, path);
        let (u, stats) = end(&mut *stepper, &model, (0.0, 1.0), &[0.5], &settings).unwrap();
        let right = exact(motion(&settings, 1, 0.0, 1.0)[0]);
        sum += (u[0] - right).powi(2);
        steps += stats.accepted as f64 / 100.0;
    }
    ((sum / 100.0).sqrt(), steps)
}

#[test]
fn errors_fall_with_the_tolerance_on_the_same_paths() {
    for (name, tightest) in [
        ("em", 1e-3),
        ("euler-heun", 1e-3),
        ("milstein", 1e-4),
        ("implicit-milstein", 1e-4),
        ("sriw1", 1e-5),
        ("sosri", 1e-5),
        ("splitting", 1e-5),
        ("dri1", 1e-3),
    ] {
        for (system, exact) in [
            (geometric(), (|w| geometric_exact(Calculus::Ito, 1.0, w)) as fn(f64) -> f64),
            (cubic(), cubic_exact as fn(f64) -> f64),
        ] {
            let mut last: Option<(f64, f64)> = None;
            // Where drift and noise commute, splitting is a thousand times as accurate as asked for,
            // and a loose tolerance leaves it few steps after the first ones, which are short.
            let mut rtol = if name == "splitting" { 1e-2 } else { 1e-1 };
            while rtol >= 0.99 * tightest {
                let (error, steps) = error_at(name, system, rtol, &exact);
                if let Some((before, fewer)) = last {
                    assert!(error < 0.7 * before, "{name} at {rtol}: {error} after {before}");
                    assert!(steps > fewer);
                }
                last = Some((error, steps));
                rtol *= 0.1;
            }
            let (error, steps) = last.unwrap();
            assert!(error < 60.0 * tightest, "{name}: {error} for {tightest} with {steps} steps");
        }
    }
}

/// `dX = dW₁, dY = X dW₂`, against steps of 2^-13: what a step leaves out has no bias.
#[test]
fn errors_fall_with_the_tolerance_for_general_noise() {
    let system = System::diffusion(
        Function { states: 2, params: 0, outputs: 2, value: ZERO, along: NO_CHANGE },
        Noisy {
            coefficients: Function {
                states: 2,
                params: 0,
                outputs: 4,
                value: |_, u, _, out| out.copy_from_slice(&[1.0, 0.0, 0.0, u[0]]),
                along: |_, _, _, du, out| out.copy_from_slice(&[0.0, 0.0, 0.0, du[0]]),
            },
            sources: 2,
            kind: NoiseKind::General,
            calculus: Calculus::Ito,
        },
    );
    let model = Model::<f64>::new(system);
    let mut sums = [[0.0; 3]; 3];
    for path in 0..60 {
        let mut em = method("em").unwrap();
        let fine = fixed(0.5_f64.powi(13), path);
        let right = end(&mut *em, &model, (0.0, 1.0), &[0.0; 2], &fine).unwrap().0[1];
        for (name, sums) in ["em", "euler-heun", "dri1"].into_iter().zip(&mut sums) {
            for (rtol, sum) in [1e-1, 1e-2, 1e-3].into_iter().zip(sums) {
                let mut stepper = method(name).unwrap();
                let settings = tolerances(rtol, path);
                let u = end(&mut *stepper, &model, (0.0, 1.0), &[0.0; 2], &settings).unwrap().0;
                *sum += (u[1] - right).powi(2) / 60.0;
            }
        }
    }
    for [loose, middle, tight] in sums {
        assert!(middle < 0.3 * loose && tight < 0.3 * middle, "{sums:?}");
        assert!(tight.sqrt() < 0.05, "{sums:?}");
    }
}

#[test]
fn errors_fall_with_the_tolerance_for_additive_noise() {
    let model = Model::<f64>::new(additive());
    for name in ["sra1", "sosra", "em", "milstein"] {
        let mut stepper = method(name).unwrap();
        let mut last = f64::INFINITY;
        for rtol in [1e-2, 1e-4, 1e-6] {
            let mut worst = 0.0_f64;
            for path in 0..20 {
                let settings = tolerances(rtol, path);
                let u = end(&mut *stepper, &model, (0.0, 4.0), &[1.0], &settings).unwrap().0;
                let w = motion(&settings, 1, 0.0, 4.0)[0];
                worst = worst.max((u[0] - additive_exact(4.0, w)).abs());
            }
            assert!(worst < 0.5 * last, "{name} at {rtol}: {worst} after {last}");
            assert!(worst < 10.0 * rtol.powf(0.67), "{name} at {rtol}: {worst}");
            last = worst;
        }
    }
}

/// `dX = −100 X dt + 0.87 X dW` with steps of 1/16: explicit steps multiply by −5.25.
#[test]
fn implicit_steps_are_stable_where_euler_is_not() {
    let system = System {
        drift: Function {
            states: 1,
            params: 0,
            outputs: 1,
            value: |_, u, _, out| out[0] = -100.0 * u[0],
            along: |_, _, _, du, out| out[0] = -100.0 * du[0],
        },
        ..geometric()
    };
    let model = Model::<f64>::new(system);
    let settings = fixed(1.0 / 16.0, 0);
    let solve = |name: &str| {
        end(&mut *method(name).unwrap(), &model, (0.0, 3.0), &[0.5], &settings).unwrap().0[0]
    };
    assert!(solve("em").abs() > 1e10);
    assert!(solve("milstein").abs() > 1e10);
    assert!(solve("implicit-milstein").abs() < 1e-10);
}

/// The stiff quadratic of the literature with α = β = 1.
fn stiff_quadratic(calculus: Calculus) -> System {
    // dX = −(α + β²X)(1 − X²) dt + β(1 − X²) dW in the sense of Itô.
    let drift: (Value, Along) = match calculus {
        Calculus::Ito => (
            |_, u, _, out| out[0] = -(1.0 + u[0]) * (1.0 - u[0] * u[0]),
            |_, u, _, du, out| {
                out[0] = (-(1.0 - u[0] * u[0]) + (1.0 + u[0]) * 2.0 * u[0]) * du[0];
            },
        ),
        Calculus::Stratonovich => (
            |_, u, _, out| out[0] = -(1.0 - u[0] * u[0]),
            |_, u, _, du, out| out[0] = 2.0 * u[0] * du[0],
        ),
    };
    System::diffusion(
        Function { states: 1, params: 0, outputs: 1, value: drift.0, along: drift.1 },
        Noisy {
            coefficients: Function {
                states: 1,
                params: 0,
                outputs: 1,
                value: |_, u, _, out| out[0] = 1.0 - u[0] * u[0],
                along: |_, u, _, du, out| out[0] = -2.0 * u[0] * du[0],
            },
            sources: 1,
            kind: NoiseKind::Diagonal,
            calculus,
        },
    )
}

/// The exact solution of the stiff quadratic, in both calculi, to a tight tolerance.
#[test]
fn the_quadratic_has_one_solution_in_both_calculi() {
    for calculus in [Calculus::Ito, Calculus::Stratonovich] {
        let model = Model::<f64>::new(stiff_quadratic(calculus));
        for (name, rtol, bound) in [("sosri", 1e-6, 1e-4), ("implicit-milstein", 1e-4, 1e-2)] {
            for path in 0..10 {
                let settings = tolerances(rtol, path);
                let mut stepper = method(name).unwrap();
                let u = end(&mut *stepper, &model, (0.0, 3.0), &[0.5], &settings).unwrap().0;
                let w = motion(&settings, 1, 0.0, 3.0)[0];
                let e = 1.5 * (-2.0 * 3.0 + 2.0 * w).exp();
                let exact = (e + 0.5 - 1.0) / (e - 0.5 + 1.0);
                assert!((u[0] - exact).abs() < bound, "{name}: {} for {exact}", u[0]);
            }
        }
    }
}

/// Between step ends: right at the ends of steps, error of order 1 inside.
#[test]
fn interpolation_follows_the_motion() {
    let model = Model::<f64>::new(geometric());
    let times: Vec<f64> = (0..=40).map(|i| f64::from(i) / 40.0).collect();
    let mut points = Vec::new();
    for level in [4, 6, 8] {
        let h = 0.5_f64.powi(level);
        let mut sum = 0.0;
        for path in 0..100 {
            let settings = fixed(h, path);
            let ivp = Ivp { rhs: &model, t0: 0.0, t1: 1.0, u0: &[0.5], p: &[] };
            let mut out = vec![0.0; times.len()];
            let mut stepper = method("sosri").unwrap();
            drive(&mut *stepper, &ivp, &settings, &times, &mut out, None).unwrap();
            for (t, u) in times.iter().zip(&out).skip(1) {
                let w = motion(&settings, 1, 0.0, *t)[0];
                sum += (u - geometric_exact(Calculus::Ito, *t, w)).powi(2);
            }
        }
        points.push((h, (sum / 4000.0).sqrt()));
    }
    let found = slope(&points);
    assert!((found - 1.0).abs() < 0.2, "{found}: {points:?}");
}

/// Save points change neither the steps nor the end.
#[test]
fn save_points_do_not_disturb() {
    let model = Model::<f64>::new(cubic());
    let settings = tolerances(1e-3, 5);
    let ivp = Ivp { rhs: &model, t0: 0.1, t1: 1.7, u0: &[0.5], p: &[] };
    let solve = |saves: &[f64]| {
        let mut out = vec![0.0; saves.len()];
        let mut ends = Vec::new();
        let mut watch = |step: &Step, _: &mut dyn Stepper| {
            ends.push(step.t);
            Ok(())
        };
        let mut stepper = method("sosri").unwrap();
        drive(&mut *stepper, &ivp, &settings, saves, &mut out, Some(&mut watch)).unwrap();
        (ends, out[saves.len() - 1])
    };
    let (ends, end) = solve(&[1.7]);
    assert_eq!((ends.clone(), end), solve(&[0.1, 0.123, 0.5, 0.500_001, 1.0, 1.699, 1.7]));
    // Steps end at short binary fractions, except the last.
    for t in &ends[..ends.len() - 1] {
        assert_eq!((t * 2.0_f64.powi(20)).fract(), 0.0, "{t}");
    }
}

#[test]
fn a_path_is_a_function_of_seed_and_number() {
    let model = Model::<f64>::new(cubic());
    for info in methods().filter(|m| m.strong_order.is_finite() && m.id != "tau-leaping") {
        let system =
            if info.id.starts_with("sra") || info.id == "sosra" { additive() } else { cubic() };
        let model = Model::<f64>::new(system);
        let solve = |seed, path| {
            let settings = Settings { seed, ..tolerances(1e-2, path) };
            end(&mut *(info.build)(), &model, (0.0, 1.0), &[0.5], &settings).unwrap().0[0].to_bits()
        };
        assert_eq!(solve(1, 2), solve(1, 2), "{}", info.id);
        assert_ne!(solve(1, 2), solve(1, 3), "{}", info.id);
        assert_ne!(solve(1, 2), solve(2, 2), "{}", info.id);
    }
    // Threads and neighbours change nothing.
    let ivp = Ivp { rhs: &model, t0: 0.0, t1: 1.0, u0: &[0.5], p: &[] };
    let make = || method("sosri").unwrap();
    let settings = tolerances(1e-2, 0);
    let many = |first, count, threads| {
        let mut out = vec![0.0; count * 2];
        let which = Paths { first, count, threads };
        paths(&make, &ivp, &settings, which, &[0.4, 1.0], &mut out).unwrap();
        out
    };
    let all = many(0, 100, 1);
    assert_eq!(all, many(0, 100, 3));
    assert_eq!(all[2 * 37..2 * 41], many(37, 4, 1));
    for path in [0, 99] {
        let (u, _) =
            end(&mut *make(), &model, (0.0, 1.0), &[0.5], &tolerances(1e-2, path)).unwrap();
        assert_eq!(u[0], all[2 * path as usize + 1]);
    }
}

#[test]
fn single_precision_sees_the_same_motion() {
    for info in methods().filter(|m| m.strong_order.is_finite() && m.id != "tau-leaping") {
        let system =
            if info.id.starts_with("sra") || info.id == "sosra" { additive() } else { cubic() };
        let double = Model::<f64>::new(system);
        let single = Model::<f32>::new(system);
        for path in 0..5 {
            let settings = fixed(1.0 / 64.0, path);
            let a = end(&mut *(info.build)(), &double, (0.0, 1.0), &[0.5], &settings).unwrap().0[0];
            let b =
                end(&mut *(info.single)(), &single, (0.0, 1.0), &[0.5], &settings).unwrap().0[0];
            assert!((a - f64::from(b)).abs() < 1e-5, "{}: {a} and {b}", info.id);
        }
        let settings = tolerances(1e-3, 1);
        end(&mut *(info.single)(), &single, (0.0, 1.0), &[0.5], &settings).unwrap();
    }
}

/// The span does not matter to the motion: a solve in two parts is the solve in one.
#[test]
fn solves_in_parts_see_one_motion() {
    let model = Model::<f64>::new(geometric());
    let settings = fixed(1.0 / 64.0, 3);
    let mut stepper = method("sosri").unwrap();
    let whole = end(&mut *stepper, &model, (0.0, 1.0), &[0.5], &settings).unwrap().0;
    let half = end(&mut *stepper, &model, (0.0, 0.625), &[0.5], &settings).unwrap().0;
    assert_eq!(end(&mut *stepper, &model, (0.625, 1.0), &half, &settings).unwrap().0, whole);
}

fn refusal(name: &str, system: System, span: (f64, f64)) -> String {
    let model = Model::<f64>::new(system);
    let u0 = vec![0.5; system.drift.states];
    let error = end(&mut *method(name).unwrap(), &model, span, &u0, &Settings::default());
    match error.unwrap_err() {
        SolveError::Invalid(text) => text,
        other => panic!("{other}"),
    }
}

#[test]
fn what_cannot_be_solved_is_refused_with_a_sentence() {
    assert!(refusal("sosri", geometric(), (1.0, 0.0)).contains("forward in time"));
    assert!(refusal("sosra", geometric(), (0.0, 1.0)).contains("use sosri for diagonal noise"));
    let without = System { noise: None, ..geometric() };
    assert!(refusal("em", without, (0.0, 1.0)).contains("none"));
    let wrong = System {
        noise: geometric().noise.map(|noise| Noisy { sources: 2, ..noise }),
        ..geometric()
    };
    assert!(refusal("em", wrong, (0.0, 1.0)).contains("coefficients"));
    assert!(method("tsit5").is_none());
    assert_eq!(method_info("sosri").unwrap().strong_order, 1.5);
}

#[test]
fn steps_that_cannot_be_taken_end_with_the_cause() {
    let broken = System {
        drift: Function {
            states: 1,
            params: 0,
            outputs: 1,
            value: |t, u, _, out| out[0] = if t > 0.3 { f64::NAN } else { u[0] },
            along: NO_CHANGE,
        },
        ..geometric()
    };
    let model = Model::<f64>::new(broken);
    for name in ["em", "euler-heun", "milstein", "splitting", "sosri", "sriw1", "dri1"] {
        for settings in [tolerances(1e-2, 0), fixed(1.0 / 64.0, 0)] {
            let result = end(&mut *method(name).unwrap(), &model, (0.0, 1.0), &[0.5], &settings);
            match result.unwrap_err() {
                SolveError::NonFinite { t, state: 0, .. } => assert!((0.2..=0.32).contains(&t)),
                other => panic!("{name}: {other}"),
            }
        }
    }
    let settings = Settings { max_steps: 10, ..fixed(1.0 / 64.0, 0) };
    let model = Model::<f64>::new(geometric());
    let result = end(&mut *method("em").unwrap(), &model, (0.0, 1.0), &[0.5], &settings);
    assert!(matches!(result, Err(SolveError::TooManySteps { steps: 10, .. })));
}

#[test]
fn the_choice_follows_the_noise() {
    use Calculus::{Ito, Stratonovich};
    use NoiseKind::{Additive, Commutative, Diagonal, General};
    for (kind, sources, calculus, stiff, id) in [
        (Additive, 3, Ito, false, "sosra"),
        (Diagonal, 3, Ito, false, "sosri"),
        (Diagonal, 3, Stratonovich, false, "sosri"),
        (General, 1, Ito, false, "sosri"),
        (Commutative, 2, Ito, false, "milstein"),
        (General, 2, Ito, false, "em"),
        (General, 2, Stratonovich, false, "euler-heun"),
        (Diagonal, 1, Ito, true, "implicit-milstein"),
    ] {
        let (found, reason) = choose(kind, sources, calculus, stiff);
        assert_eq!(found, id);
        assert!(method(found).is_some() && !reason.is_empty());
    }
}
