//! Optimisers on functions whose minima and courses are known in closed form.

use super::*;

mod bounded;
mod global;

fn rosenbrock(z: &[f64], g: &mut [f64]) -> f64 {
    let mut value = 0.0;
    g.fill(0.0);
    for i in 0..z.len() - 1 {
        let a = z[i + 1] - z[i] * z[i];
        let b = 1.0 - z[i];
        value += 100.0 * a * a + b * b;
        g[i] += -400.0 * z[i] * a - 2.0 * b;
        g[i + 1] += 200.0 * a;
    }
    value
}

fn minimise(
    z: &[f64],
    settings: &LbfgsSettings,
    limit: u64,
    evaluate: &mut EvaluateFn<'_>,
) -> (Lbfgs, Stepped) {
    let mut state = Lbfgs::start(z.to_vec(), evaluate).unwrap();
    let mut work = LbfgsWork::default();
    for _ in 0..limit {
        let stepped = state.step(settings, &mut work, evaluate).unwrap();
        if stepped != Stepped::Moved {
            return (state, stepped);
        }
    }
    (state, Stepped::Moved)
}

#[test]
fn lbfgs_solves_rosenbrock_in_2_and_20_dimensions() {
    for n in [2usize, 20] {
        let start: Vec<f64> = (0..n).map(|i| if i % 2 == 0 { -1.2 } else { 1.0 }).collect();
        let mut calls = 0;
        let mut f = |z: &[f64], g: &mut [f64]| {
            calls += 1;
            Ok(rosenbrock(z, g))
        };
        let (state, stepped) = minimise(&start, &LbfgsSettings::default(), 500, &mut f);
        assert_ne!(stepped, Stepped::Moved);
        assert!(state.z.iter().all(|z| (z - 1.0).abs() < 1e-8), "{n}: {:?}", state.z);
        assert!(state.loss < 1e-16, "{n}: {}", state.loss);
        assert!(calls < 60 + 12 * n, "{n}: {calls} evaluations");
    }
}

#[test]
fn lbfgs_solves_badly_scaled_quadratics_of_any_unit() {
    // Condition number 1e6, minimum (3, 3, …) of value `offset`.
    let n = 8;
    for unit in [1e-9, 1.0, 1e9] {
        let mut f = |z: &[f64], g: &mut [f64]| {
            let mut value = 0.0;
            for i in 0..n {
                let weight = unit * 10f64.powf(6.0 * i as f64 / (n - 1) as f64);
                value += 0.5 * weight * (z[i] - 3.0).powi(2);
                g[i] = weight * (z[i] - 3.0);
            }
            Ok(value)
        };
        let (state, _) = minimise(&vec![0.0; n], &LbfgsSettings::default(), 400, &mut f);
        assert!(state.z.iter().all(|z| (z - 3.0).abs() < 1e-6), "{unit}: {:?}", state.z);
    }
}

#[test]
fn lbfgs_takes_the_newton_step_when_its_memory_spans_the_space() {
    // On a quadratic in one dimension one pair is the exact curvature.
    let mut f = |z: &[f64], g: &mut [f64]| {
        g[0] = 7.0 * (z[0] - 2.0);
        Ok(3.5 * (z[0] - 2.0).powi(2))
    };
    let mut state = Lbfgs::start(vec![0.0], &mut f).unwrap();
    let mut work = LbfgsWork::default();
    state.step(&LbfgsSettings::default(), &mut work, &mut f).unwrap();
    state.step(&LbfgsSettings::default(), &mut work, &mut f).unwrap();
    assert!((state.z[0] - 2.0).abs() < 1e-12, "{}", state.z[0]);
}

#[test]
fn lbfgs_steps_back_from_places_without_a_value() {
    // −ln(z) + z, without a value for z ≤ 0 and beyond 50; minimum 1 at 1.
    for start in [1e-3, 40.0] {
        let mut failures = 0;
        let mut f = |z: &[f64], g: &mut [f64]| {
            if z[0] <= 0.0 || z[0] > 50.0 {
                failures += 1;
                return Err(StepError::Failed);
            }
            g[0] = 1.0 - 1.0 / z[0];
            Ok(z[0] - z[0].ln())
        };
        let settings = LbfgsSettings { first_step: 1e4, longest_step: 1e4, ..Default::default() };
        let (state, _) = minimise(&[start], &settings, 100, &mut f);
        assert!((state.z[0] - 1.0).abs() < 1e-6, "{start}: {}", state.z[0]);
        assert!(failures > 0, "{start}: the test did not test it");
    }
}

#[test]
fn lbfgs_treats_infinite_values_and_gradients_like_failures() {
    let mut f = |z: &[f64], g: &mut [f64]| {
        g[0] = if z[0] > 5.0 { f64::NAN } else { z[0] - 4.9 };
        Ok(0.5 * (z[0] - 4.9).powi(2))
    };
    let settings = LbfgsSettings { first_step: 100.0, longest_step: 100.0, ..Default::default() };
    let (state, _) = minimise(&[0.0], &settings, 50, &mut f);
    assert!((state.z[0] - 4.9).abs() < 1e-8, "{}", state.z[0]);
}

#[test]
fn every_accepted_step_satisfies_the_strong_wolfe_conditions() {
    let settings = LbfgsSettings { noise: 0.0, ..LbfgsSettings::default() };
    let mut f = |z: &[f64], g: &mut [f64]| Ok(rosenbrock(z, g));
    let mut state = Lbfgs::start(vec![-1.2, 1.0, -0.5, 2.0], &mut f).unwrap();
    let mut work = LbfgsWork::default();
    for _ in 0..40 {
        let before = state.clone();
        if state.step(&settings, &mut work, &mut f).unwrap() != Stepped::Moved {
            break;
        }
        let step: Vec<f64> = state.z.iter().zip(&before.z).map(|(a, b)| a - b).collect();
        // Slopes along the step itself; the factor between step and direction cancels.
        let (old, new) = (dot(&before.gradient, &step), dot(&state.gradient, &step));
        assert!(old < 0.0);
        assert!(state.loss <= before.loss + 1e-4 * old + 1e-15 * before.loss);
        assert!(new.abs() <= 0.9 * old.abs(), "slope {new} after {old}");
    }
    assert!(state.loss < 1e-10);
}

#[test]
fn an_interruption_leaves_the_state_as_it_was() {
    let settings = LbfgsSettings::default();
    let mut work = LbfgsWork::default();
    let mut calls = 0;
    let mut f = |z: &[f64], g: &mut [f64]| {
        calls += 1;
        if calls == 8 { Err(StepError::Interrupted) } else { Ok(rosenbrock(z, g)) }
    };
    let mut state = Lbfgs::start(vec![-1.2, 1.0], &mut f).unwrap();
    loop {
        let before = state.clone();
        if state.step(&settings, &mut work, &mut f).is_err() {
            assert_eq!(state, before);
            break;
        }
    }
    let adam = AdamSettings::default();
    let mut adam_work = AdamWork::default();
    for error in [StepError::Failed, StepError::Interrupted] {
        let mut ok = |z: &[f64], g: &mut [f64]| Ok(rosenbrock(z, g));
        let mut state = Adam::start(vec![-1.2, 1.0], &mut ok).unwrap();
        state.step(&adam, 1.0, &[false; 2], &mut adam_work, &mut ok).unwrap();
        let before = state.clone();
        let mut bad = |_: &[f64], _: &mut [f64]| Err(error);
        assert_eq!(state.step(&adam, 1.0, &[false; 2], &mut adam_work, &mut bad), Err(error));
        assert_eq!(state, before);
    }
}

#[test]
fn a_minimum_at_the_start_is_stationary_and_noise_is_the_end_of_the_search() {
    let mut flat = |_: &[f64], g: &mut [f64]| {
        g.fill(0.0);
        Ok(5.0)
    };
    let (_, stepped) = minimise(&[1.0, 2.0], &LbfgsSettings::default(), 10, &mut flat);
    assert_eq!(stepped, Stepped::Stationary);
    // A gradient that leads nowhere: the value rises in every direction.
    let mut misled = |z: &[f64], g: &mut [f64]| {
        g[0] = 1.0;
        Ok(z[0].abs())
    };
    let (state, stepped) = minimise(&[0.0], &LbfgsSettings::default(), 10, &mut misled);
    assert_eq!((stepped, state.z[0]), (Stepped::Exhausted, 0.0));
}

/// Adam by hand on f = z²/2 from z = 1 with rate 0.1: the gradient is z.
/// Step 1: m̂ = 1, v̂ = 1, so z = 1 − 0.1/(1 + 1e-8).
/// Step 2: m = 0.09 + 0.1·0.9, v = 0.000999 + 0.001·0.81 (with z₁ = 0.9 to 1e-9),
///   m̂ = 0.18/0.19 = 0.947368…, v̂ = 0.001809/0.001999 = 0.904952…
#[test]
fn adam_takes_the_steps_computed_by_hand() {
    let mut f = |z: &[f64], g: &mut [f64]| {
        g[0] = z[0];
        Ok(0.5 * z[0] * z[0])
    };
    let settings = AdamSettings { rate: 0.1, ..AdamSettings::default() };
    let mut work = AdamWork::default();
    let mut adam = Adam::start(vec![1.0], &mut f).unwrap();
    adam.step(&settings, 1.0, &[false], &mut work, &mut f).unwrap();
    assert!((adam.z[0] - (1.0 - 0.1 / (1.0 + 1e-8))).abs() < 1e-16);
    adam.step(&settings, 1.0, &[false], &mut work, &mut f).unwrap();
    let z1 = 1.0 - 0.1 / (1.0 + 1e-8);
    let m: f64 = (0.9 * 0.1 + 0.1 * z1) / (1.0 - 0.81);
    let v: f64 = (0.999 * 0.001 + 0.001 * z1 * z1) / (1.0 - 0.999 * 0.999);
    assert!((m - 0.947_368_421).abs() < 1e-8 && (v - 0.904_952_476).abs() < 1e-8);
    assert!((adam.z[0] - (z1 - 0.1 * m / (v.sqrt() + 1e-8))).abs() < 1e-12, "{}", adam.z[0]);
    assert!((adam.z[0] - 0.800_412_22).abs() < 1e-8, "{}", adam.z[0]);
    assert_eq!((adam.steps, adam.loss), (2, 0.5 * adam.z[0] * adam.z[0]));
}

/// Without a gradient nothing but the decay is left: factors 1 − rate · share · decay. With one, the
/// decay is added to Adam's step and stays out of the averages.
#[test]
fn the_decay_of_adamw_is_apart_from_the_averages() {
    let settings = AdamSettings { rate: 0.1, decay: 0.5, ..AdamSettings::default() };
    let mut flat = |_: &[f64], g: &mut [f64]| {
        g.fill(0.0);
        Ok(0.0)
    };
    let mut work = AdamWork::default();
    let mut adam = Adam::start(vec![2.0, 2.0], &mut flat).unwrap();
    for _ in 0..3 {
        adam.step(&settings, 0.4, &[true, false], &mut work, &mut flat).unwrap();
    }
    assert!((adam.z[0] - 2.0 * 0.98f64.powi(3)).abs() < 1e-15, "{:?}", adam.z);
    assert_eq!(adam.z[1], 2.0);

    let mut f = |z: &[f64], g: &mut [f64]| {
        g[0] = z[0];
        Ok(0.5 * z[0] * z[0])
    };
    let mut plain = Adam::start(vec![1.0], &mut f).unwrap();
    let mut decayed = plain.clone();
    plain.step(&settings, 1.0, &[false], &mut work, &mut f).unwrap();
    decayed.step(&settings, 1.0, &[true], &mut work, &mut f).unwrap();
    assert!((plain.z[0] - decayed.z[0] - 0.1 * 0.5).abs() < 1e-15);
    assert_eq!((&plain.m, &plain.v), (&decayed.m, &decayed.v));
}

#[test]
fn clipping_shortens_long_gradients_and_leaves_short_ones() {
    let gradient_in_memory = |clip: Clip, size: f64| {
        let mut f = |_: &[f64], g: &mut [f64]| {
            g.copy_from_slice(&[3.0 * size, 4.0 * size]);
            Ok(0.0)
        };
        let settings = AdamSettings { clip, ..AdamSettings::default() };
        let mut adam = Adam::start(vec![0.0, 0.0], &mut f).unwrap();
        adam.norm_average = 2.0;
        adam.step(&settings, 1.0, &[false; 2], &mut AdamWork::default(), &mut f).unwrap();
        (10.0 * adam.m[0], 10.0 * adam.m[1])
    };
    let near = |a: (f64, f64), b: (f64, f64)| {
        assert!((a.0 - b.0).abs() < 1e-12 && (a.1 - b.1).abs() < 1e-12, "{a:?} {b:?}");
    };
    near(gradient_in_memory(Clip::None, 10.0), (30.0, 40.0));
    near(gradient_in_memory(Clip::Norm(5.0), 10.0), (3.0, 4.0));
    near(gradient_in_memory(Clip::Norm(5.0), 0.1), (0.3, 0.4));
    near(gradient_in_memory(Clip::Relative(5.0), 10.0), (6.0, 8.0));
    near(gradient_in_memory(Clip::Relative(5.0), 1.0), (3.0, 4.0));
}

#[test]
fn schedules_have_the_shares_of_their_formulas() {
    assert_eq!(Schedule::Constant.share(77, 100), 1.0);
    let cosine = Schedule::Cosine(0.1);
    assert!((cosine.share(0, 101) - 1.0).abs() < 1e-15);
    assert!((cosine.share(50, 101) - 0.55).abs() < 1e-15);
    assert!((cosine.share(100, 101) - 0.1).abs() < 1e-15);
    assert_eq!(cosine.share(0, 1), 1.0);
    let exponential = Schedule::Exponential(0.01);
    assert!((exponential.share(0, 11) - 1.0).abs() < 1e-15);
    assert!((exponential.share(5, 11) - 0.1).abs() < 1e-15);
    assert!((exponential.share(10, 11) - 0.01).abs() < 1e-15);
}
