//! Jumps along solutions of differential equations, with and without noise.
use crate::common;

use common::*;
use slopefield_kernel::{Calculus, NoiseKind};
use slopefield_solve::{Ivp, Settings, SolveError, drive};
use slopefield_stochastic::{JumpDiffusion, method};

fn ordinary() -> JumpDiffusion {
    JumpDiffusion::new(slopefield_solve::method("tsit5").unwrap())
}

fn settings(rtol: f64, path: u64) -> Settings {
    Settings { seed: 5, path, ..Settings::with_tolerances(rtol, rtol) }
}

/// Mean and variance at the end.
fn moments(system: System, t1: f64, start: f64, count: u64) -> (f64, f64) {
    let model = Model::<f64>::new(system);
    let mut stepper = ordinary();
    let values: Vec<f64> = (0..count)
        .map(|path| {
            let settings = settings(1e-6, path);
            end(&mut stepper, &model, (0.0, t1), &[start], &settings).unwrap().0[0]
        })
        .collect();
    let n = count as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0))
}

/// A Poisson process with rate `5 (1 + sin 4t)`: the number at t has mean and variance
/// `5t + 5/4 (1 − cos 4t)`.
#[test]
fn rates_that_vary_with_time() {
    let system = System {
        constant_between: false,
        ..System::jumps(
            1,
            None,
            (|t, _, _, out| out[0] = 5.0 * (1.0 + (4.0 * t).sin()), NO_CHANGE),
            &[&[(0, 1.0)]],
            &[&[]],
        )
    };
    for t in [0.4, 1.5] {
        let n = 4000.0;
        let (mean, variance) = moments(system, t, 0.0, 4000);
        let expected = 5.0 * t + 1.25 * (1.0 - (4.0 * t).cos());
        assert!((mean - expected).abs() < 3.0 * (expected / n).sqrt(), "{mean} for {expected}");
        let error = ((2.0 * expected * expected + expected) / n).sqrt();
        assert!((variance - expected).abs() < 3.0 * error, "{variance} for {expected}");
    }
}

/// A rate that is negative half of the time, where nothing happens.
#[test]
fn negative_rates_count_as_nothing() {
    let system = System {
        constant_between: false,
        ..System::jumps(
            1,
            None,
            (|t, _, _, out| out[0] = 8.0 * (2.0 * std::f64::consts::PI * t).sin(), NO_CHANGE),
            &[&[(0, 1.0)]],
            &[&[]],
        )
    };
    let (mean, _) = moments(system, 1.0, 0.0, 4000);
    let expected = 8.0 / std::f64::consts::PI;
    assert!((mean - expected).abs() < 3.0 * (expected / 4000.0).sqrt(), "{mean} for {expected}");
}

/// `X' = −X` with jumps of 1/2 at rate 3X: the mean grows with rate `3/2 − 1`.
#[test]
fn rates_that_follow_the_solution() {
    let system = System::jumps(
        1,
        Some((|_, u, _, out| out[0] = -u[0], |_, _, _, du, out| out[0] = -du[0])),
        (|_, u, _, out| out[0] = 3.0 * u[0], |_, _, _, du, out| out[0] = 3.0 * du[0]),
        &[&[(0, 0.5)]],
        &[&[0]],
    );
    let (mean, variance) = moments(system, 1.0, 2.0, 4000);
    let expected = 2.0 * 0.5_f64.exp();
    let error = (variance / 4000.0).sqrt();
    assert!((mean - expected).abs() < 3.0 * error, "{mean} ± {error} for {expected}");
    // E[X²]' = −2 E[X²] + 3 E[X (X/1 + 1/4)], so the variance is known too.
    let second = {
        // y' = (−2 + 3) y + 3/4 · 2 e^{t/2} with y(0) = 4: y = 4 e^t + 3 (e^t − e^{t/2}).
        let e = 1.0_f64.exp();
        4.0 * e + 3.0 * (e - 0.5_f64.exp())
    };
    let exact = second - expected * expected;
    assert!((variance / exact - 1.0).abs() < 0.15, "{variance} for {exact}");
}

/// Merton's jump diffusion: `dX = μX dt + σX dW`, and X is multiplied by 0.7 at rate 2.
fn merton() -> System {
    System {
        multiply: true,
        rates: Some(Function {
            states: 1,
            params: 0,
            outputs: 1,
            value: |_, _, _, out| out[0] = 2.0,
            along: NO_CHANGE,
        }),
        alters: &[&[]],
        ..geometric()
    }
}

/// Every path is the geometric Brownian motion of the whole span times 0.7 for every jump: the
/// motion goes on at jumps.
#[test]
fn the_brownian_motion_goes_on_at_jumps() {
    let model = Model::<f64>::new(merton());
    for (name, rtol, bound) in [("sosri", 1e-4, 5e-4), ("milstein", 1e-4, 1e-2)] {
        let mut stepper = JumpDiffusion::new(method(name).unwrap());
        let (mut jumps, mut sum, mut squares, mut error) = (0, 0.0, 0.0, 0.0);
        let n = 400;
        for path in 0..n {
            let settings = settings(rtol, path);
            let (u, stats) = end(&mut stepper, &model, (0.0, 1.0), &[0.5], &settings).unwrap();
            let w = motion(&settings, 1, 0.0, 1.0)[0];
            let exact = geometric_exact(Calculus::Ito, 1.0, w) * 0.7_f64.powi(stats.events as i32);
            error += (u[0] / exact - 1.0).powi(2);
            jumps += stats.events;
            sum += u[0];
            squares += u[0] * u[0];
        }
        let n = n as f64;
        assert!((error / n).sqrt() < bound, "{name}: {}", (error / n).sqrt());
        assert!((jumps as f64 / n - 2.0).abs() < 3.0 * (2.0 / n).sqrt());
        let mean = sum / n;
        let error = ((squares / n - mean * mean) / n).sqrt();
        let expected = 0.5 * (1.01_f64 - 2.0 * 0.3).exp();
        assert!((mean - expected).abs() < 3.0 * error, "{mean} ± {error} for {expected}");
    }
}

/// Noise of several sources keeps its layout with the additional state.
#[test]
fn noise_of_several_sources_keeps_its_layout() {
    let system = System {
        drift: Function {
            states: 2,
            params: 0,
            outputs: 2,
            value: |_, u, _, out| out.copy_from_slice(&[-u[0], -2.0 * u[1]]),
            along: |_, _, _, du, out| out.copy_from_slice(&[-du[0], -2.0 * du[1]]),
        },
        noise: Some(Noisy {
            coefficients: Function {
                states: 2,
                params: 0,
                outputs: 6,
                value: |_, _, _, out| out.copy_from_slice(&[1.0, 0.5, 0.0, 0.3, -0.4, 0.0]),
                along: NO_CHANGE,
            },
            sources: 3,
            kind: NoiseKind::Additive,
            calculus: Calculus::Ito,
        }),
        rates: Some(Function {
            states: 2,
            params: 0,
            outputs: 1,
            value: |_, _, _, out| out[0] = 1e-12,
            along: NO_CHANGE,
        }),
        changes: &[&[(0, 1.0)]],
        alters: &[&[]],
        multiply: false,
        constant_between: false,
    };
    // Without a jump the solution is that of the plain method.
    let with = Model::<f64>::new(system);
    let without = Model::<f64>::new(System { rates: None, ..system });
    for name in ["sosra", "em", "milstein"] {
        let settings = fixed(1.0 / 32.0, 4);
        let mut stepper = JumpDiffusion::new(method(name).unwrap());
        let a = end(&mut stepper, &with, (0.0, 1.0), &[1.0, 2.0], &settings).unwrap().0;
        let b = end(&mut *method(name).unwrap(), &without, (0.0, 1.0), &[1.0, 2.0], &settings);
        assert_eq!(a, b.unwrap().0, "{name}");
    }
}

#[test]
fn what_goes_wrong_is_said() {
    let broken = System {
        constant_between: false,
        ..System::jumps(
            1,
            None,
            (|t, _, _, out| out[0] = if t > 0.5 { f64::NAN } else { 0.1 }, NO_CHANGE),
            &[&[(0, 1.0)]],
            &[&[]],
        )
    };
    let model = Model::<f64>::new(broken);
    let run = |span, settings: &Settings| end(&mut ordinary(), &model, span, &[1.0], settings);
    let text = run((0.0, 1.0), &settings(1e-6, 0)).unwrap_err().to_string();
    assert!(text.contains("a rate of a jump is not finite just after t = 0.49"), "{text}");
    let text = run((0.6, 1.0), &settings(1e-6, 0)).unwrap_err().to_string();
    assert!(text.contains("the rate of jump 0 is NaN at t = 0.6"), "{text}");
    let text = run((1.0, 0.0), &settings(1e-6, 0)).unwrap_err().to_string();
    assert!(text.contains("forward in time"), "{text}");
    // Jumps that never end use up the budget.
    let endless = System {
        rates: Some(Function { value: |_, _, _, out| out[0] = 1e9, ..broken.rates.unwrap() }),
        ..broken
    };
    let model = Model::<f64>::new(endless);
    let settings = Settings { max_steps: 1000, ..settings(1e-3, 0) };
    let error = end(&mut ordinary(), &model, (0.0, 1.0), &[1.0], &settings).unwrap_err();
    assert!(matches!(error, SolveError::TooManySteps { steps: 1000, .. }), "{error}");
}

#[test]
fn jumps_work_in_single_precision() {
    let (double, single) = (Model::<f64>::new(merton()), Model::<f32>::new(merton()));
    let info = slopefield_stochastic::method_info("sosri").unwrap();
    for path in 0..10 {
        let settings = fixed(1.0 / 64.0, path);
        let mut stepper = JumpDiffusion::new((info.build)());
        let (a, jumps) = end(&mut stepper, &double, (0.0, 1.0), &[0.5], &settings).unwrap();
        let mut stepper = JumpDiffusion::new((info.single)());
        let (b, same) = end(&mut stepper, &single, (0.0, 1.0), &[0.5], &settings).unwrap();
        assert_eq!(jumps.events, same.events);
        assert!((a[0] - f64::from(b[0])).abs() < 1e-4 * a[0].abs(), "{a:?} {b:?}");
    }
}

/// Every ordinary method finds the same jumps, those with stages for nothing but the solution within
/// steps too.
#[test]
fn paths_do_not_depend_on_the_ordinary_method() {
    let system = System::jumps(
        1,
        Some((|t, u, _, out| out[0] = t.sin() - u[0], |_, _, _, du, out| out[0] = -du[0])),
        (|_, u, _, out| out[0] = 3.0 + u[0].cos(), |_, u, _, du, out| out[0] = -u[0].sin() * du[0]),
        &[&[(0, 0.5)]],
        &[&[0]],
    );
    let model = Model::<f64>::new(system);
    let saves = [0.3, 0.9, 1.7, 2.2, 3.0];
    let solve = |name: &str, path| {
        let ivp = Ivp { rhs: &model, t0: 0.0, t1: 3.0, u0: &[1.0], p: &[] };
        let mut stepper = JumpDiffusion::new(slopefield_solve::method(name).unwrap());
        let mut out = [0.0; 5];
        drive(&mut stepper, &ivp, &settings(1e-9, path), &saves, &mut out, None).unwrap();
        out
    };
    for path in 0..20 {
        let right = solve("tsit5", path);
        for name in ["bs3", "vern6", "vern7", "vern9", "rodas5p", "bdf"] {
            for (a, b) in right.iter().zip(solve(name, path)) {
                assert!((a - b).abs() < 2e-6, "{name}: {a} {b}");
            }
        }
    }
}
