//! Jump processes: means and distributions against exact values, and what happens at the edges.
use crate::common;

use common::*;
use slopefield_solve::{Ivp, Settings, SolveError, Stepper, drive};
use slopefield_stochastic::{Paths, Process, method, methods, paths};

/// Births at rate 1000, deaths at rate 10 each: Poisson distributed from 0 on, with mean
/// `100 (1 − exp(−10 t))`.
fn birth_and_death() -> System {
    System::jumps(
        1,
        None,
        (
            |_, u, _, out| out.copy_from_slice(&[1000.0, 10.0 * u[0]]),
            |_, _, _, du, out| out.copy_from_slice(&[0.0, 10.0 * du[0]]),
        ),
        &[&[(0, 1.0)], &[(0, -1.0)]],
        &[&[1], &[1]],
    )
}

/// DNA makes mRNA, mRNA makes protein, protein stops the DNA.
fn dna_repressor() -> System {
    const LN_2: f64 = std::f64::consts::LN_2;
    System::jumps(
        4,
        None,
        (
            |_, u, _, out| {
                let [dna, rna, protein, bound] = [u[0], u[1], u[2], u[3]];
                out.copy_from_slice(&[
                    0.5 * dna,
                    20.0 * LN_2 / 120.0 * rna,
                    LN_2 / 120.0 * rna,
                    LN_2 / 600.0 * protein,
                    0.025 * dna * protein,
                    bound,
                ]);
            },
            NO_CHANGE,
        ),
        &[
            &[(1, 1.0)],
            &[(2, 1.0)],
            &[(1, -1.0)],
            &[(2, -1.0)],
            &[(0, -1.0), (2, -1.0), (3, 1.0)],
            &[(0, 1.0), (2, 1.0), (3, -1.0)],
        ],
        &[&[1, 2], &[3, 4], &[1, 2], &[3, 4], &[0, 3, 4, 5], &[0, 3, 4, 5]],
    )
}

/// `2A ⇌ B, A + B ⇌ C, 3C → 3A`.
fn third_order() -> System {
    System::jumps(
        3,
        None,
        (
            |_, u, _, out| {
                let [a, b, c] = [u[0], u[1], u[2]];
                out.copy_from_slice(&[
                    a * (a - 1.0) / 2.0,
                    2.0 * b,
                    0.5 * a * b,
                    0.75 * c,
                    0.25 * c * (c - 1.0) * (c - 2.0) / 6.0,
                ]);
            },
            |_, u, _, d, out| {
                let [a, b, c] = [u[0], u[1], u[2]];
                out.copy_from_slice(&[
                    (a - 0.5) * d[0],
                    2.0 * d[1],
                    0.5 * (a * d[1] + b * d[0]),
                    0.75 * d[2],
                    0.25 * (3.0 * c * c - 6.0 * c + 2.0) / 6.0 * d[2],
                ]);
            },
        ),
        &[
            &[(0, -2.0), (1, 1.0)],
            &[(0, 2.0), (1, -1.0)],
            &[(0, -1.0), (1, -1.0), (2, 1.0)],
            &[(0, 1.0), (1, 1.0), (2, -1.0)],
            &[(0, 3.0), (2, -3.0)],
        ],
        &[&[0, 1, 2], &[0, 1, 2], &[0, 1, 2, 3, 4], &[0, 1, 2, 3, 4], &[0, 2, 3, 4]],
    )
}

/// Values of a state at the end on `count` paths.
fn sample(
    name: &str,
    system: System,
    (t1, u0): (f64, &[f64]),
    state: usize,
    count: usize,
) -> Vec<f64> {
    let model = Model::<f64>::new(system);
    let ivp = Ivp { rhs: &model, t0: 0.0, t1, u0, p: &[] };
    let settings = Settings { seed: 77, ..Settings::default() };
    let mut out = vec![0.0; count * u0.len()];
    let make = || method(name).unwrap();
    let which = Paths { first: 0, count, threads: 2 };
    paths(&make, &ivp, &settings, which, &[t1], &mut out).unwrap();
    out.chunks(u0.len()).map(|row| row[state]).collect()
}

fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0))
}

/// Mean within three standard errors of the expected one.
fn check_mean(name: &str, values: &[f64], expected: f64) {
    let (mean, variance) = moments(values);
    let error = (variance / values.len() as f64).sqrt();
    assert!((mean - expected).abs() < 3.0 * error, "{name}: mean {mean} ± {error} for {expected}");
}

const EXACT: [&str; 3] = ["direct", "sorting-direct", "next-reaction"];

#[test]
fn birth_and_death_is_poisson_distributed() {
    for name in EXACT {
        for (t, count) in [(0.05, 10_000), (1.0, 4000)] {
            let values = sample(name, birth_and_death(), (t, &[0.0]), 0, count as usize);
            let expected = 100.0 * (1.0 - (-10.0 * t).exp());
            check_mean(name, &values, expected);
            let (_, variance) = moments(&values);
            // The variance of a sample variance is nearly 2/n of its square.
            let error = expected * (2.0 / f64::from(count)).sqrt();
            assert!((variance - expected).abs() < 3.0 * error, "{name}: variance {variance}");
        }
    }
}

/// Reference: mean of 8000 simulations.
#[test]
fn dna_repressor_has_the_published_mean() {
    for name in EXACT {
        let values = sample(name, dna_repressor(), (1000.0, &[1.0, 0.0, 0.0, 0.0]), 2, 500);
        check_mean(name, &values, 592.655375);
    }
}

/// Reference: mean of 32 000 simulations.
#[test]
fn third_order_network_has_the_published_mean() {
    for name in EXACT {
        let values = sample(name, third_order(), (0.01, &[200.0, 100.0, 150.0]), 0, 4000);
        check_mean(name, &values, 84.876015625);
    }
}

#[test]
fn leaps_have_the_moments_of_single_jumps() {
    // A hundred times as many as above, so that leaps are worth it.
    let system = System {
        rates: Some(Function {
            states: 1,
            params: 0,
            outputs: 2,
            value: |_, u, _, out| out.copy_from_slice(&[1e5, 10.0 * u[0]]),
            along: |_, _, _, du, out| out.copy_from_slice(&[0.0, 10.0 * du[0]]),
        }),
        ..birth_and_death()
    };
    let values = sample("tau-leaping", system, (1.0, &[0.0]), 0, 1000);
    check_mean("tau-leaping", &values, 1e4 * (1.0 - (-10.0_f64).exp()));
    let (_, variance) = moments(&values);
    assert!((variance / 1e4 - 1.0).abs() < 3.0 * (2.0_f64 / 1000.0).sqrt() + 0.03, "{variance}");
    let model = Model::<f64>::new(system);
    let settings = Settings::default();
    let mut stepper = method("tau-leaping").unwrap();
    let (_, stats) = end(&mut *stepper, &model, (0.0, 1.0), &[0.0], &settings).unwrap();
    assert!(stats.events > 20 * stats.accepted, "{stats:?}");
}

#[test]
fn leaps_over_a_nonlinear_network() {
    let values = sample("tau-leaping", third_order(), (0.01, &[200.0, 100.0, 150.0]), 0, 2000);
    let (mean, _) = moments(&values);
    // The error of leaping is up to the change of rates allowed, 3 %.
    assert!((mean / 84.876015625 - 1.0).abs() < 0.02, "{mean}");
    assert!(values.iter().all(|a| *a >= 0.0));
}

/// Deaths alone: leaps must stop at 0, and nothing happens there.
#[test]
fn states_are_never_negative_and_may_be_absorbing() {
    let system = System::jumps(
        1,
        None,
        (|_, u, _, out| out[0] = u[0], |_, _, _, du, out| out[0] = du[0]),
        &[&[(0, -1.0)]],
        &[&[0]],
    );
    for name in ["direct", "sorting-direct", "next-reaction", "tau-leaping"] {
        let model = Model::<f64>::new(system);
        let settings = Settings::default();
        let mut stepper = method(name).unwrap();
        let (u, stats) = end(&mut *stepper, &model, (0.0, 1e9), &[5000.0], &settings).unwrap();
        assert_eq!((u[0], stats.events), (0.0, 5000), "{name}");
        // On the way the mean is that of radioactive decay, for leaps within the change of rates
        // allowed.
        let values = sample(name, system, (1.0, &[500.0]), 0, 500);
        let expected = 500.0 / 1.0_f64.exp();
        if name == "tau-leaping" {
            assert!((moments(&values).0 / expected - 1.0).abs() < 0.03);
        } else {
            check_mean(name, &values, expected);
        }
    }
}

#[test]
fn the_state_is_constant_between_jumps() {
    let model = Model::<f64>::new(birth_and_death());
    let ivp = Ivp { rhs: &model, t0: 0.0, t1: 0.2, u0: &[0.0], p: &[] };
    for name in EXACT {
        let mut last = (0.0, 0.0);
        let mut watch = |step: &slopefield_solve::Step, solution: &mut dyn Stepper| {
            let mut inside = [0.0];
            solution.interpolate(0.5 * (step.t_prev + step.t), &mut inside)?;
            assert_eq!((step.t_prev, inside[0]), last);
            last = (step.t, solution.state()[0]);
            if step.t < 0.2 {
                assert_eq!((solution.state()[0] - inside[0]).abs(), 1.0);
            }
            Ok(())
        };
        let mut out = [0.0; 2];
        let mut stepper = method(name).unwrap();
        let settings = Settings::default();
        drive(&mut *stepper, &ivp, &settings, &[0.1, 0.2], &mut out, Some(&mut watch)).unwrap();
        assert_eq!(last.1, out[1]);
    }
}

#[test]
fn rates_at_the_edges() {
    // Negative rates count as 0: nothing ever happens.
    let system =
        System::jumps(1, None, (|_, _, _, out| out[0] = -1.0, NO_CHANGE), &[&[(0, 1.0)]], &[&[0]]);
    let run = |name: &str, system: System, settings: &Settings| {
        let model = Model::<f64>::new(system);
        end(&mut *method(name).unwrap(), &model, (1.0, 2.0), &[3.0], settings)
    };
    let settings = Settings::default();
    for name in ["direct", "sorting-direct", "next-reaction", "tau-leaping"] {
        let (u, stats) = run(name, system, &settings).unwrap();
        assert_eq!((u[0], stats.events), (3.0, 0));
        // Not a number after the third jump.
        let broken = System {
            rates: Some(Function {
                value: |_, u, _, out| out[0] = if u[0] > 5.5 { f64::NAN } else { 100.0 },
                ..system.rates.unwrap()
            }),
            ..system
        };
        if name != "tau-leaping" {
            let text = run(name, broken, &settings).unwrap_err().to_string();
            assert!(text.contains("the rate of jump 0 is NaN at t = 1."), "{text}");
        }
        // So frequent that no time passes.
        let storm = System {
            rates: Some(Function { value: |_, _, _, out| out[0] = 1e25, ..system.rates.unwrap() }),
            ..system
        };
        if name != "tau-leaping" {
            let error = run(name, storm, &settings).unwrap_err();
            assert!(matches!(error, SolveError::EventStorm { event: 0, .. }), "{error}");
        }
        let short = Settings { max_steps: 20, ..Settings::default() };
        let error =
            run(name, System { rates: birth_and_death().rates, ..birth_and_death() }, &short);
        assert!(matches!(error.unwrap_err(), SolveError::TooManySteps { steps: 20, .. }));
    }
}

#[test]
fn what_cannot_be_simulated_is_refused() {
    let refusal = |name: &str, system: System, span: (f64, f64)| {
        let model = Model::<f64>::new(system);
        let error = end(&mut *method(name).unwrap(), &model, span, &[1.0], &Settings::default());
        error.unwrap_err().to_string()
    };
    for name in ["direct", "sorting-direct", "next-reaction", "tau-leaping"] {
        assert!(refusal(name, birth_and_death(), (1.0, 0.0)).contains("forward in time"));
        let varying = System { constant_between: false, ..birth_and_death() };
        assert!(refusal(name, varying, (0.0, 1.0)).contains("constant between jumps"));
        assert!(refusal(name, geometric(), (0.0, 1.0)).contains("noise"));
    }
    let both = System { noise: geometric().noise, ..birth_and_death() };
    assert!(refusal("em", both, (0.0, 1.0)).contains("knows no jumps"));
    let set = System {
        multiply: true,
        changes: &[],
        alters: &[&[0]],
        rates: Some(Function { outputs: 1, ..birth_and_death().rates.unwrap() }),
        ..birth_and_death()
    };
    assert!(refusal("tau-leaping", set, (0.0, 1.0)).contains("use direct"));
}

#[test]
fn a_path_is_a_function_of_seed_and_number() {
    for name in ["direct", "sorting-direct", "next-reaction", "tau-leaping"] {
        let model = Model::<f64>::new(third_order());
        let solve = |seed, path| {
            let settings = Settings { seed, path, ..Settings::default() };
            let u0 = [200.0, 100.0, 150.0];
            end(&mut *method(name).unwrap(), &model, (0.0, 0.02), &u0, &settings).unwrap()
        };
        assert_eq!(solve(1, 2), solve(1, 2));
        assert_ne!(solve(1, 2).0, solve(1, 3).0);
        assert_ne!(solve(1, 2).0, solve(2, 2).0);
    }
}

/// Counts and their rates are exact in single precision, so that the same numbers are drawn; only
/// where two jumps compete to the last digit another may come first.
#[test]
fn single_precision_simulates_the_same_jumps() {
    let (double, single) =
        (Model::<f64>::new(birth_and_death()), Model::<f32>::new(birth_and_death()));
    for info in methods().filter(|info| info.process == Process::Jumps) {
        let (mut differ, count) = (0, 50);
        for path in 0..count {
            let settings = Settings { seed: 5, path, ..Settings::default() };
            let (a, _) = end(&mut *(info.build)(), &double, (0.0, 0.5), &[0.0], &settings).unwrap();
            let (b, _) =
                end(&mut *(info.single)(), &single, (0.0, 0.5), &[0.0], &settings).unwrap();
            assert!(b[0] >= 0.0 && b[0].fract() == 0.0, "{}: {b:?}", info.id);
            differ += usize::from(a[0] != f64::from(b[0]));
        }
        assert!(differ <= 2, "{}: {differ} of {count} paths differ", info.id);
    }
}

/// A solve that goes on from a later time, as after events, draws new numbers: what happens then has
/// nothing to do with what has happened.
#[test]
fn the_past_says_nothing_about_the_future() {
    let system =
        System::jumps(1, None, (|_, _, _, out| out[0] = 10.0, NO_CHANGE), &[&[(0, 1.0)]], &[&[]]);
    let model = Model::<f64>::new(system);
    for name in ["direct", "sorting-direct", "next-reaction"] {
        let mut stepper = method(name).unwrap();
        let n = 4000;
        let mut product = 0.0;
        for path in 0..n {
            let settings = Settings { seed: 8, path, ..Settings::default() };
            let mut count =
                |span| end(&mut *stepper, &model, span, &[0.0], &settings).unwrap().0[0] - 10.0;
            product += count((0.0, 1.0)) * count((1.0, 2.0));
        }
        let correlation = product / (10.0 * n as f64);
        assert!(correlation.abs() < 4.0 / (n as f64).sqrt(), "{name}: {correlation}");
    }
}
