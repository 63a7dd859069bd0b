//! Fits of the Lotka–Volterra equations whose course and result are known.
//!
//! References: the problems of the 2019 DiffEqFlux paper, recomputed independently with SciPy
//! (DOP853 and variational equations at tolerance 1e-12, Adam with β = 0.9, 0.999, ε = 1e-8).

use crate::support;

use slopefield_train::{
    Control, NoiseKind, Objective, Problem, Recipe, Stage, Start, StopReason, recipe, train,
};
use support::*;

/// Least squares of the observations given to data, from `start`.
pub fn problem(start: [f64; 4], data: Vec<slopefield_train::Series>, tolerance: f64) -> Problem {
    let names = ["alpha", "beta", "delta", "gamma"];
    Problem {
        kernels: lotka_volterra(),
        observations: vec![
            observation("x", NoiseKind::LeastSquares, 0),
            observation("y", NoiseKind::LeastSquares, 1),
        ],
        theta: names.iter().zip(start).map(|(n, v)| scalar(n, v)).collect(),
        experiments: vec![experiment(0.0, 4, data)],
        settings: tight(tolerance),
        driven: Vec::new(),
        l2: 0.0,
    }
}

/// Both states towards a constant of 1, at 0, 0.1, …, 10.
fn towards_one(observations: &[usize]) -> Vec<slopefield_train::Series> {
    let t = times(0.0, 0.1, 101);
    observations.iter().map(|&o| series(o, &t, &[1.0; 101])).collect()
}

/// Exact states at the truth (1.5, 1, 3, 1).
pub fn data(until: f64, count: usize) -> Vec<slopefield_train::Series> {
    let t = times(0.0, until / (count - 1) as f64, count);
    let truth = [1.5, 1.0, 3.0, 1.0];
    let empty = problem(truth, vec![series(0, &[0.0], &[1.0])], 1e-12);
    let curves = Objective::new(empty, methods()).unwrap().predict(&truth, 0, &t).unwrap();
    vec![series(0, &t, &curves[0]), series(1, &t, &curves[1])]
}

pub fn close(got: &[f64], want: &[f64], tolerance: f64) {
    for (g, w) in got.iter().zip(want) {
        assert!((g - w).abs() <= tolerance * w.abs(), "got {got:?}, want {want:?}");
    }
}

#[track_caller]
fn adam_course(observations: &[usize], first: f64, gradient: [f64; 4], last: f64, p: [f64; 4]) {
    let start = [2.2, 1.0, 2.0, 0.4];
    let mut objective =
        Objective::new(problem(start, towards_one(observations), 1e-10), methods()).unwrap();
    let mut grad = [0.0; 4];
    let evaluation = objective.evaluate(&objective.z_start(), 1.0, Some(&mut grad)).unwrap();
    close(&[evaluation.loss], &[first], 1e-6);
    // The references have four decimals.
    close(&grad, &gradient, 2e-6);
    assert_eq!(evaluation.log_likelihood, None);
    assert_eq!(evaluation.sse, evaluation.loss);

    let recipe = Recipe::custom(vec![Stage::adam(100, 0.1, 1.0)]);
    let mut losses = Vec::new();
    let mut end = Vec::new();
    let fit = train(&mut objective, &recipe, Start::Problem, &Control::default(), &mut |event| {
        if let slopefield_train::Event::Iteration { loss, theta, .. } = event {
            losses.push(loss);
            end = theta.to_vec();
        }
    });
    assert_eq!(fit.iterations, 100);
    assert_eq!(fit.stop_reason, StopReason::Iterations);
    close(&[losses[99]], &[last], 1e-3);
    close(&end, &p, 1e-5);
}

#[test]
fn adam_on_prey_alone_takes_the_known_course() {
    adam_course(
        &[0],
        4324.598,
        [53.4911, -1732.9529, 4553.0009, -29519.8164],
        0.2709,
        [1.90057, 1.89766, 1.24636, 1.30266],
    );
}

#[test]
fn adam_on_both_species_takes_the_known_course() {
    adam_course(
        &[0, 1],
        4937.290,
        [601.3453, -3491.2611, 4808.8872, -30427.9864],
        0.04846,
        [1.85935, 1.86591, 1.27487, 1.29529],
    );
}

#[test]
fn adam_recovers_the_parameters_behind_the_data() {
    for start in [[4.0, 1.0, 2.0, 0.4], [2.2, 1.0, 2.0, 0.4]] {
        let mut objective =
            Objective::new(problem(start, data(10.0, 101), 1e-8), methods()).unwrap();
        let recipe = Recipe::custom(vec![Stage::adam(1000, 0.1, 1.0)]);
        let fit = train(&mut objective, &recipe, Start::Problem, &Control::default(), &mut |_| {});
        close(&fit.theta, &[1.5, 1.0, 3.0, 1.0], 1e-4);
    }
}

/// 3001 points on [0, 30] from (5, 5, 5, 5): on the whole span the flat line is a trap in which
/// every global optimiser of a public benchmark ended.
#[test]
fn the_default_recipe_escapes_the_flat_line_on_a_long_span() {
    let problem = problem([5.0; 4], data(30.0, 3001), 1e-8);
    let recipe = recipe::default(&problem);
    let mut objective = Objective::new(problem, methods()).unwrap();
    let fit = train(&mut objective, &recipe, Start::Problem, &Control::default(), &mut |_| {});
    close(&fit.theta, &[1.5, 1.0, 3.0, 1.0], 1e-6);
}
