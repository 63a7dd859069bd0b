//! CMA-ES on functions whose minima are known.

use super::*;
use std::f64::consts::PI;

/// Writes the values of a function at places.
fn each(places: &[f64], values: &mut [f64], f: &dyn Fn(&[f64]) -> f64) {
    let n = places.len() / values.len();
    for (value, place) in values.iter_mut().zip(places.chunks_exact(n)) {
        *value = f(place);
    }
}

/// Runs to the end and returns the best ever found, with the evaluations it took.
fn search(
    start: &[f64],
    settings: &CmaEsSettings,
    f: &dyn Fn(&[f64]) -> f64,
) -> (Vec<f64>, f64, u64) {
    let mut count = 0;
    let mut evaluate = |places: &[f64], values: &mut [f64]| {
        count += values.len() as u64;
        each(places, values, f);
        Ok(())
    };
    let mut state = CmaEs::start(start.to_vec(), settings, &mut evaluate).unwrap();
    let mut work = CmaEsWork::default();
    let (mut best, mut value) = (state.z.clone(), state.loss);
    for _ in 0..3000 {
        let stepped = state.step(settings, &mut work, &mut evaluate).unwrap();
        if state.loss < value {
            (best, value) = (state.z.clone(), state.loss);
        }
        if stepped != Stepped::Moved {
            return (best, value, count);
        }
    }
    panic!("it does not end: {value}");
}

fn near(z: &[f64], wanted: f64, tolerance: f64) -> bool {
    z.iter().all(|z| (z - wanted).abs() < tolerance)
}

#[test]
fn it_finds_the_minima_of_smooth_functions_from_values_alone() {
    let settings = CmaEsSettings::default();
    let ellipsoid = |z: &[f64]| -> f64 {
        z.iter()
            .enumerate()
            .map(|(i, z)| 10f64.powf(6.0 * i as f64 / 7.0) * (z - 3.0).powi(2))
            .sum()
    };
    let (z, value, count) = search(&[0.0; 8], &settings, &ellipsoid);
    assert!(value < 1e-10 && near(&z, 3.0, 1e-5), "{z:?} {value}");
    assert!(count < 8000, "{count}");
    let rosen = |z: &[f64]| rosenbrock(z, &mut [0.0; 5]);
    let (z, value, _) = search(&[-1.0; 5], &CmaEsSettings { spread: 0.5, ..settings }, &rosen);
    // From here the other local minimum, at −1 in the first coordinate, catches some.
    assert!(value < 1e-10 && near(&z, 1.0, 1e-4), "{z:?} {value}");
    // One dimension has no shape to learn.
    let (z, _, _) = search(&[5.0], &settings, &|z| (z[0] + 2.0).powi(2));
    assert!(near(&z, -2.0, 1e-5), "{z:?}");
}

/// Rastrigin's function has a local minimum at every whole number; its least is 0 at 0.
#[test]
fn it_finds_the_best_of_many_minima() {
    let rastrigin =
        |z: &[f64]| -> f64 { z.iter().map(|z| 10.0 + z * z - 10.0 * (2.0 * PI * z).cos()).sum() };
    let settings = CmaEsSettings { spread: 2.0, population: 100, ..CmaEsSettings::default() };
    let (z, value, _) = search(&[3.0, -4.0, 2.0, 4.0], &settings, &rastrigin);
    assert!(value < 1e-9 && near(&z, 0.0, 1e-5), "{z:?} {value}");
}

#[test]
fn only_the_order_of_values_counts_and_the_seed_decides() {
    let course = |seed: u64, f: &dyn Fn(f64) -> f64| -> Vec<u64> {
        let settings = CmaEsSettings { seed, ..CmaEsSettings::default() };
        let mut evaluate = |places: &[f64], values: &mut [f64]| {
            each(places, values, &|z| f(rosenbrock(z, &mut [0.0; 3])));
            Ok(())
        };
        let mut state = CmaEs::start(vec![-1.0; 3], &settings, &mut evaluate).unwrap();
        let mut work = CmaEsWork::default();
        for _ in 0..40 {
            state.step(&settings, &mut work, &mut evaluate).unwrap();
        }
        state.mean.iter().map(|m| m.to_bits()).collect()
    };
    assert_eq!(course(5, &|v| v), course(5, &|v| 1e3 * v.sqrt() - 7.0));
    assert_ne!(course(5, &|v| v), course(6, &|v| v));
}

#[test]
fn places_without_a_value_are_the_worst_and_an_interruption_changes_nothing() {
    // The minimum is beside a region without values.
    let f = |z: &[f64]| if z[0] > 1.0 { f64::NAN } else { (z[0] - 0.9).powi(2) + z[1] * z[1] };
    let (z, value, _) = search(&[-3.0, 2.0], &CmaEsSettings::default(), &f);
    assert!((z[0] - 0.9).abs() < 1e-5 && value < 1e-9, "{z:?}");

    let settings = CmaEsSettings::default();
    let mut calls = 0;
    let mut f = |places: &[f64], values: &mut [f64]| {
        calls += 1;
        each(places, values, &|z| rosenbrock(z, &mut [0.0; 2]));
        if calls == 30 { Err(StepError::Interrupted) } else { Ok(()) }
    };
    let mut state = CmaEs::start(vec![-1.2, 1.0], &settings, &mut f).unwrap();
    let mut work = CmaEsWork::default();
    loop {
        let before = state.clone();
        if state.step(&settings, &mut work, &mut f).is_err() {
            assert_eq!(state, before);
            break;
        }
    }
    // Where nothing has a value, the next generation is closer.
    let mut nothing = |_: &[f64], values: &mut [f64]| {
        values.fill(f64::NAN);
        Ok(())
    };
    let sigma = state.sigma;
    assert_eq!(state.step(&settings, &mut work, &mut nothing), Err(StepError::Failed));
    assert_eq!(state.sigma, 0.5 * sigma);
}
