use super::*;
use std::convert::Infallible;

/// What an exact method is held to by differences of adaptive solves.
const ROUGH: Standard =
    Standard { method: "discrete", exact: true, same_steps: false, close: 0.01, wrong: 0.2 };

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
    let result = check(z, g, &|_| true, 2, ROUGH, &mut loss).unwrap();
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
    let result = check(&z, &gradient(&z), &|_| true, 2, ROUGH, &mut fails).unwrap();
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
    assert!(!check(&z, &g, &|i| i != 1, 2, ROUGH, &mut loss).unwrap().clearly_wrong());
}

/// With the same steps, an exact gradient is held to what exact means.
#[test]
fn one_percent_is_wrong_when_the_steps_are_the_same() {
    let z = [1.0, -2.0, 0.5];
    let off: Vec<f64> = gradient(&z).iter().map(|g| 1.01 * g).collect();
    let mut loss = |z: &[f64]| Ok::<_, Infallible>(Some(bowl(z, 0.0)));
    let exact = Standard::of(("discrete", true), true, 1e-6);
    assert!(!run(&z, &off, 0.0).0.clearly_wrong());
    let found = check(&z, &off, &|_| true, 2, exact, &mut loss).unwrap();
    assert!(found.clearly_wrong(), "{found:?}");
    let said = found.sentence();
    assert!(
        said.contains("`discrete`") && said.contains("1.0 % apart; 0.1 % would pass"),
        "{said}"
    );
    let right = check(&z, &gradient(&z), &|_| true, 2, exact, &mut loss).unwrap();
    assert!(right.directions.iter().all(|d| d.passed), "{right:?}");
    assert!(right.sentence().contains("with the same steps: they agree to"));
}

/// A continuous adjoint is held to the tolerances of the solve.
#[test]
fn a_continuous_adjoint_may_be_off_by_what_the_tolerances_allow() {
    let z = [1.0, -2.0, 0.5];
    let scaled = |factor: f64| -> Vec<f64> { gradient(&z).iter().map(|g| factor * g).collect() };
    let mut loss = |z: &[f64]| Ok::<_, Infallible>(Some(bowl(z, 0.0)));
    let mut at = |factor: f64, rtol: f64| {
        let standard = Standard::of(("gauss", false), true, rtol);
        check(&z, &scaled(factor), &|_| true, 2, standard, &mut loss).unwrap()
    };
    assert!(!at(1.005, 1e-6).clearly_wrong());
    assert!(at(1.03, 1e-6).clearly_wrong());
    assert!(!at(1.03, 1e-5).clearly_wrong());
    let drifted = at(4.0, 1e-6);
    assert!(drifted.clearly_wrong());
    assert!(drifted.sentence().contains("an exact gradient method"), "{}", drifted.sentence());
}
