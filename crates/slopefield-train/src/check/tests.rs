use super::*;
use std::convert::Infallible;

/// Σ i·z² with a wrinkle of the given size.
fn bowl(z: &[f64], wrinkle: f64) -> f64 {
    let smooth: f64 = z.iter().enumerate().map(|(i, z)| (i + 1) as f64 * z * z).sum();
    smooth + wrinkle * (1e7 * smooth).sin()
}

fn gradient(z: &[f64]) -> Vec<f64> {
    z.iter().enumerate().map(|(i, z)| 2.0 * (i + 1) as f64 * z).collect()
}

fn run(z: &[f64], g: &[f64], wrinkle: f64) -> (GradientCheck, usize) {
    let mut calls = 0;
    let mut loss = |z: &[f64]| {
        calls += 1;
        Ok::<_, Infallible>(Some(bowl(z, wrinkle)))
    };
    let result = check(z, g, &|_| true, 2, &mut loss).unwrap();
    (result, calls)
}

#[test]
fn a_right_gradient_passes_with_four_evaluations() {
    let z = [1.0, -2.0, 0.5];
    let (result, calls) = run(&z, &gradient(&z), 0.0);
    assert!(result.directions.iter().all(|d| d.passed && !d.clearly_wrong));
    assert_eq!(calls, 4);
    assert!(result.sentence().contains("agree to"), "{}", result.sentence());
    // Two different directions, not one and its opposite.
    let ratio = result.directions[0].exact / result.directions[1].exact;
    assert!((ratio.abs() - 1.0).abs() > 1e-3, "{ratio}");
}

#[test]
fn wrong_gradients_are_refused_with_numbers() {
    let z = [1.0, -2.0, 0.5];
    let right = gradient(&z);
    let wrong_sign: Vec<f64> = right.iter().map(|g| -g).collect();
    let half: Vec<f64> = right.iter().map(|g| 0.5 * g).collect();
    let mut one_missing = right.clone();
    one_missing[1] = 0.0;
    for wrong in [wrong_sign, half, one_missing, vec![0.0; 3]] {
        let (result, _) = run(&z, &wrong, 0.0);
        assert!(result.clearly_wrong(), "{wrong:?}: {result:?}");
        assert!(result.sentence().contains("contradicts"));
    }
}

#[test]
fn a_rough_loss_is_not_taken_for_a_wrong_gradient() {
    let z = [1.0, -2.0, 0.5];
    let (result, _) = run(&z, &gradient(&z), 1e-2);
    assert!(!result.clearly_wrong(), "{result:?}");
}

#[test]
fn a_loss_that_fails_beside_the_start_is_not_a_wrong_gradient() {
    let z = [1.0, -2.0, 0.5];
    let mut fails = |_: &[f64]| Ok::<_, Infallible>(None);
    let result = check(&z, &gradient(&z), &|_| true, 2, &mut fails).unwrap();
    assert!(!result.clearly_wrong());
    assert!(result.directions.iter().all(|d| d.difference.is_nan() && !d.passed));
    assert!(result.sentence().contains("could not be checked"));
}

#[test]
fn frozen_elements_stay_where_they_are() {
    let z = [1.0, -2.0, 0.5];
    let mut g = gradient(&z);
    g[1] = 0.0; // masked, as a stage that does not move it does
    let mut loss = |at: &[f64]| {
        assert_eq!(at[1], z[1]);
        Ok::<_, Infallible>(Some(bowl(at, 0.0)))
    };
    assert!(!check(&z, &g, &|i| i != 1, 2, &mut loss).unwrap().clearly_wrong());
}
