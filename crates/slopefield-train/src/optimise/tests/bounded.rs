//! L-BFGS-B on problems with published solutions (Hock and Schittkowski, *Test Examples for
//! Nonlinear Programming Codes*, Lecture Notes in Economics and Mathematical Systems 187, 1981).

use super::*;
use std::f64::consts::PI;

const INFINITY: f64 = f64::INFINITY;

fn minimise(
    start: &[f64],
    lower: &[f64],
    upper: &[f64],
    f: &dyn Fn(&[f64], &mut [f64]) -> f64,
) -> Lbfgsb {
    let bounds = Bounds { lower, upper };
    let mut evaluate = |x: &[f64], g: &mut [f64]| {
        for (i, x) in x.iter().enumerate() {
            assert!((lower[i]..=upper[i]).contains(x), "evaluated outside the box");
        }
        Ok(f(x, g))
    };
    let mut state = Lbfgsb::start(start.to_vec(), bounds, &mut evaluate).unwrap();
    let mut work = LbfgsbWork::default();
    let settings = LbfgsSettings { unit: 1.0, ..LbfgsSettings::default() };
    for _ in 0..400 {
        let before = state.loss;
        let stepped = state.step(&settings, bounds, &mut work, &mut evaluate).unwrap();
        assert!(state.loss <= before + 1e-11 * before.abs().max(1.0));
        if stepped != Stepped::Moved {
            return state;
        }
    }
    panic!("it does not end: {state:?}");
}

#[track_caller]
fn assert_near(got: &[f64], want: &[f64], tolerance: f64) {
    for (g, w) in got.iter().zip(want) {
        assert!((g - w).abs() <= tolerance, "got {got:?}, want {want:?}");
    }
}

#[test]
fn a_quadratic_in_a_box_ends_exactly_on_the_bounds() {
    // Separable, so that the solution is the centre put into the box.
    let centre = [0.3, -2.0, 5.0, 1.0 / 3.0, 0.7, 9.0];
    let lower = [0.1, 0.1 / 3.0, -INFINITY, 0.0, 0.9, -1.0];
    let upper = [1.0, 1.0, 7.0 / 3.0, 1.0, INFINITY, 8.7];
    let f = |x: &[f64], g: &mut [f64]| {
        let mut value = 0.0;
        for i in 0..6 {
            let weight = 10f64.powi(i as i32 - 2);
            value += 0.5 * weight * (x[i] - centre[i]).powi(2);
            g[i] = weight * (x[i] - centre[i]);
        }
        value
    };
    let state = minimise(&[0.5, 0.5, 0.5, 0.5, 2.0, 0.5], &lower, &upper, &f);
    assert_eq!(state.x[1], lower[1]);
    assert_eq!(state.x[2], upper[2]);
    assert_eq!(state.x[4], lower[4]);
    assert_eq!(state.x[5], upper[5]);
    assert_near(&[state.x[0], state.x[3]], &[0.3, 1.0 / 3.0], 1e-7);
}

#[test]
fn the_bounded_problems_of_hock_and_schittkowski_end_at_their_solutions() {
    // 1 and 2: Rosenbrock with a bound that does not and one that does hold.
    let rosen = |x: &[f64], g: &mut [f64]| rosenbrock(x, g);
    let free = [INFINITY; 2];
    let state = minimise(&[-2.0, 1.0], &[-INFINITY, -1.5], &free, &rosen);
    assert_near(&state.x, &[1.0, 1.0], 1e-6);
    let state = minimise(&[-2.0, 1.0], &[-INFINITY, 1.5], &free, &rosen);
    let a = (598.0f64 / 1200.0).sqrt();
    let b = 400.0 * a.powi(3);
    // The global solution and the other local one.
    let global = 2.0 * a * ((1.0 / b).acos() / 3.0).cos();
    let local = -2.0 * a * ((-1.0 / b).acos() / 3.0).cos();
    assert_eq!(state.x[1], 1.5);
    let nearer = if state.x[0] > 0.0 { global } else { local };
    assert_near(&state.x[..1], &[nearer], 1e-6);
    let state = minimise(&[1.0, 3.0], &[-INFINITY, 1.5], &free, &rosen);
    assert_near(&state.x, &[global, 1.5], 1e-6);
    assert_near(&[state.loss], &[0.050_426_187_9], 1e-9);

    // 3.
    let f = |x: &[f64], g: &mut [f64]| {
        let d = x[1] - x[0];
        g.copy_from_slice(&[-2e-5 * d, 1.0 + 2e-5 * d]);
        x[1] + 1e-5 * d * d
    };
    let state = minimise(&[10.0, 1.0], &[-INFINITY, 0.0], &free, &f);
    assert_eq!(state.x[1], 0.0);
    assert_near(&[state.loss], &[0.0], 1e-9);

    // 4.
    let f = |x: &[f64], g: &mut [f64]| {
        g.copy_from_slice(&[(x[0] + 1.0).powi(2), 1.0]);
        (x[0] + 1.0).powi(3) / 3.0 + x[1]
    };
    let state = minimise(&[1.125, 0.125], &[1.0, 0.0], &free, &f);
    assert_eq!(state.x, [1.0, 0.0]);
    assert_near(&[state.loss], &[8.0 / 3.0], 1e-14);

    // 5.
    let f = |x: &[f64], g: &mut [f64]| {
        let (c, d) = ((x[0] + x[1]).cos(), x[0] - x[1]);
        g.copy_from_slice(&[c + 2.0 * d - 1.5, c - 2.0 * d + 2.5]);
        (x[0] + x[1]).sin() + d * d - 1.5 * x[0] + 2.5 * x[1] + 1.0
    };
    let state = minimise(&[0.0, 0.0], &[-1.5, -3.0], &[4.0, 3.0], &f);
    assert_near(&state.x, &[0.5 - PI / 3.0, -0.5 - PI / 3.0], 1e-6);
    assert_near(&[state.loss], &[-0.5 * 3f64.sqrt() - PI / 3.0], 1e-12);

    // 38, Colville's function.
    let f = |x: &[f64], g: &mut [f64]| {
        let (p, q) = (x[1] - x[0] * x[0], x[3] - x[2] * x[2]);
        let (r, s) = (x[1] - 1.0, x[3] - 1.0);
        g[0] = -400.0 * x[0] * p - 2.0 * (1.0 - x[0]);
        g[1] = 200.0 * p + 20.2 * r + 19.8 * s;
        g[2] = -360.0 * x[2] * q - 2.0 * (1.0 - x[2]);
        g[3] = 180.0 * q + 20.2 * s + 19.8 * r;
        100.0 * p * p
            + (1.0 - x[0]).powi(2)
            + 90.0 * q * q
            + (1.0 - x[2]).powi(2)
            + 10.1 * (r * r + s * s)
            + 19.8 * r * s
    };
    let state = minimise(&[-3.0, -1.0, -3.0, -1.0], &[-10.0; 4], &[10.0; 4], &f);
    assert_near(&state.x, &[1.0; 4], 1e-5);

    // 45: every variable ends on its upper bound.
    let f = |x: &[f64], g: &mut [f64]| {
        let product: f64 = x.iter().product();
        for (g, x) in g.iter_mut().zip(x) {
            *g = -product / x / 120.0;
        }
        2.0 - product / 120.0
    };
    let state = minimise(&[0.9, 1.5, 2.0, 2.5, 3.0], &[1e-3; 5], &[1.0, 2.0, 3.0, 4.0, 5.0], &f);
    assert_eq!(state.x, [1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!(state.loss, 1.0);
}

#[test]
fn without_bounds_it_solves_rosenbrock_and_holds_coordinates_without_room() {
    let start: Vec<f64> = (0..20).map(|i| if i % 2 == 0 { -1.2 } else { 1.0 }).collect();
    let (lower, upper) = ([-INFINITY; 20], [INFINITY; 20]);
    let state = minimise(&start, &lower, &upper, &|x, g| rosenbrock(x, g));
    assert_near(&state.x, &[1.0; 20], 1e-5);
    let state =
        minimise(&[0.5, 0.3], &[0.5, -INFINITY], &[0.5, INFINITY], &|x, g| rosenbrock(x, g));
    assert_eq!(state.x[0], 0.5);
    assert_near(&state.x[1..], &[0.25], 1e-7);
}

#[test]
fn places_without_a_value_shorten_steps_and_an_interruption_changes_nothing() {
    // −ln(x) + x/10 on [0, 100] has no value at 0 and beyond 50; minimum at 10.
    let bounds = Bounds { lower: &[0.0], upper: &[100.0] };
    let settings = LbfgsSettings { first_step: 99.0, longest_step: 1e3, ..Default::default() };
    let mut failures = 0;
    let mut f = |x: &[f64], g: &mut [f64]| {
        if x[0] <= 0.0 || x[0] > 50.0 {
            failures += 1;
            return Err(StepError::Failed);
        }
        g[0] = 0.1 - 1.0 / x[0];
        Ok(0.1 * x[0] - x[0].ln())
    };
    let mut state = Lbfgsb::start(vec![0.015], bounds, &mut f).unwrap();
    let mut work = LbfgsbWork::default();
    while state.step(&settings, bounds, &mut work, &mut f).unwrap() == Stepped::Moved {}
    assert_near(&state.x, &[10.0], 1e-5);
    assert!(failures > 0);

    let free = Bounds { lower: &[-INFINITY; 2], upper: &[INFINITY; 2] };
    let mut calls = 0;
    let mut f = |x: &[f64], g: &mut [f64]| {
        calls += 1;
        if calls == 9 { Err(StepError::Interrupted) } else { Ok(rosenbrock(x, g)) }
    };
    let mut state = Lbfgsb::start(vec![-1.2, 1.0], free, &mut f).unwrap();
    loop {
        let before = state.clone();
        if state.step(&LbfgsSettings::default(), free, &mut work, &mut f).is_err() {
            assert_eq!(state, before);
            break;
        }
    }
}
