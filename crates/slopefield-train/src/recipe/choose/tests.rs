use super::*;

use crate::problem::Source;
use crate::recipe::{Optimiser, for_data};

/// One series of `count` values over `periods` sine periods.
fn data(count: usize, periods: f64) -> Vec<Experiment> {
    let times: Vec<f64> = (0..count).map(|i| i as f64).collect();
    let scale = std::f64::consts::TAU * periods / (count - 1) as f64;
    let values = times.iter().map(|t| (scale * t).sin()).collect();
    vec![Experiment {
        name: "e".into(),
        t0: 0.0,
        params: vec![Source::Theta(0)],
        steady: false,
        fixed_initial: vec![],
        series: vec![crate::problem::Series {
            observation: 0,
            times,
            values,
            ..Default::default()
        }],
    }]
}

fn horizons_of(recipe: &Recipe) -> Vec<f64> {
    recipe.stages.iter().map(|s| s.horizon).collect()
}

#[test]
fn oscillating_data_get_a_growing_horizon_and_others_do_not() {
    let plain = for_data(false, 4, &data(100, 0.4));
    assert_eq!(horizons_of(&plain), [1.0]);
    assert!(plain.reason.contains("no networks"));
    let wave = for_data(false, 4, &data(1000, 5.0));
    assert!(wave.reason.contains("turn 10 times"), "{}", wave.reason);
    assert!(wave.reason.contains("segments of the span"), "{}", wave.reason);
    assert_eq!(wave.beginning, Beginning::ChangesOrSegments);
    let short = for_data(false, 4, &data(1000, 3.5));
    assert!(!short.reason.contains("segments"), "{}", short.reason);
    assert_eq!((plain.beginning, short.beginning), (Beginning::Changes, Beginning::Changes));
    let shares = horizons_of(&wave);
    // A quarter of a turn of ten is 0.025; then three times as much each.
    assert_eq!(shares.len(), 5);
    for (got, want) in shares.iter().zip([0.025, 0.075, 0.225, 0.675, 1.0]) {
        assert!((got - want).abs() < 1e-12, "{shares:?}");
    }
    assert!(wave.stages.iter().all(|s| s.optimiser == Optimiser::Lbfgs));
    // Eight values are needed for four parameters: 8 of 40 points are 7/39 of the span.
    let sparse = horizons_of(&for_data(false, 4, &data(40, 5.0)));
    assert!((sparse[0] - 7.0 / 39.0).abs() < 1e-12, "{sparse:?}");
}

#[test]
fn networks_get_adam_first_and_the_noise_last() {
    for (periods, grows) in [(0.4, false), (3.0, true)] {
        let recipe = for_data(true, 2, &data(60, periods));
        assert!(recipe.check().is_ok());
        let shares = horizons_of(&recipe);
        assert_eq!(shares[0] < 1.0, grows);
        assert!(shares.windows(2).all(|w| w[0] <= w[1] && w[1] / w[0] < 1.8), "{shares:?}");
        let n = recipe.stages.len();
        assert_eq!(recipe.stages[0].optimiser, Optimiser::Adam);
        assert_eq!(recipe.stages[n - 2].optimiser, Optimiser::Lbfgs);
        assert_eq!(recipe.stages[n - 1].scope, Scope::Noise);
        assert!(recipe.early_stopping.is_none());
    }
}

#[test]
fn held_out_points_do_not_count() {
    let mut experiments = data(1000, 5.0);
    experiments[0].series[0].held_out = (0..1000).map(|i| i >= 100).collect();
    // What is left is half a period.
    assert_eq!(horizons_of(&for_data(false, 4, &experiments)), [1.0]);
}

#[test]
fn swings_are_counted_and_noise_is_not() {
    let wave = |n: usize, periods: f64, noise: f64| -> Vec<f64> {
        (0..n)
            .map(|i| {
                let x = i as f64 / (n - 1) as f64;
                let jitter = if i % 2 == 0 { noise } else { -noise };
                (std::f64::consts::TAU * periods * x).sin() + jitter
            })
            .collect()
    };
    // A sine of k periods has 2k extremes.
    assert_eq!(swings(&wave(200, 1.0, 0.0)), 2);
    assert_eq!(swings(&wave(200, 5.0, 0.0)), 10);
    assert_eq!(swings(&wave(200, 5.0, 0.1)), 10);
    assert_eq!(swings(&wave(200, 0.25, 0.05)), 0);
    assert_eq!(swings(&[3.0; 10]), 0);
    assert_eq!(swings(&[]), 0);
    assert_eq!(swings(&[1.0]), 0);
    // An epidemic goes up and down once.
    assert_eq!(swings(&[3.0, 8.0, 76.0, 298.0, 233.0, 128.0, 29.0, 4.0]), 1);
}
