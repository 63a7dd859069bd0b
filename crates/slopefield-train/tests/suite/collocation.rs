//! Starts from the changes of data: parameters that no solve has looked for yet.
use crate::support;

use slopefield_train::{
    Beginning, Control, NoiseKind, Objective, ParamKind, ParamSpec, Problem, Recipe, Stage, Start,
    match_changes, recipe, train,
};
use support::*;

const TRUTH: [f64; 4] = [1.5, 1.0, 3.0, 1.0];

fn problem(start: [f64; 4], data: Vec<slopefield_train::Series>) -> Problem {
    let names = ["alpha", "beta", "delta", "gamma"];
    let (open, noise) = ((0.0, f64::INFINITY), NoiseKind::LeastSquares);
    Problem {
        kernels: lotka_volterra(),
        observations: vec![observation("x", noise, 0), observation("y", noise, 1)],
        theta: names.iter().zip(start).map(|(n, v)| positive(n, v, open)).collect(),
        experiments: vec![experiment(0.0, 4, data)],
        settings: tight(1e-9),
        driven: Vec::new(),
        l2: 0.0,
    }
}

/// Both states at the truth, 101 points on (0, 10), times `1 + sd · noise`.
fn data(sd: f64) -> Vec<slopefield_train::Series> {
    let t = times(0.0, 0.1, 101);
    let empty = problem(TRUTH, vec![series(0, &[0.0], &[1.0])]);
    let curves = Objective::new(empty, methods()).unwrap().predict(&TRUTH, 0, &t).unwrap();
    let noisy = |curve: &[f64], phase: f64| -> Vec<f64> {
        let value = |(i, x): (usize, &f64)| x * (1.0 + sd * (7.3 * (i * i) as f64 + phase).sin());
        curve.iter().enumerate().map(value).collect()
    };
    vec![series(0, &t, &noisy(&curves[0], 0.0)), series(1, &t, &noisy(&curves[1], 1.0))]
}

fn start(sd: f64) -> Vec<f64> {
    let objective = Objective::new(problem([5.0; 4], data(sd)), methods()).unwrap();
    let matched = match_changes(&objective, &objective.z_start()).unwrap();
    assert!(matched.after < 0.05 * matched.before, "{matched:?}");
    assert_eq!(matched.states.len(), 2);
    objective.theta(&matched.z)
}

#[test]
fn changes_find_the_neighbourhood_of_the_truth_from_far_away() {
    // From (5, 5, 5, 5) trajectories lead optimisers astray.
    for (sd, relative) in [(0.0, 0.02), (0.05, 0.15)] {
        let found = start(sd);
        for (found, truth) in found.iter().zip(TRUTH) {
            assert!((found - truth).abs() < relative * truth, "{sd}: {found} for {truth}");
        }
    }
}

#[test]
fn a_state_that_nobody_measured_is_named() {
    let mut series = data(0.0);
    series.truncate(1);
    let objective = Objective::new(problem([1.0; 4], series), methods()).unwrap();
    let refused = match_changes(&objective, &objective.z_start()).unwrap_err();
    assert!(refused.contains("state 2") && refused.contains("nobody measured"), "{refused}");
}

#[test]
fn an_observation_that_is_a_function_of_states_is_no_state() {
    let mut problem = problem([1.0; 4], data(0.0));
    problem.kernels.observe = DualKernel::shared(2, 4, 2, |_, u, _, out| {
        out[0] = u[0] + u[1];
        out[1] = u[1];
    });
    let objective = Objective::new(problem, methods()).unwrap();
    let refused = match_changes(&objective, &objective.z_start()).unwrap_err();
    assert!(refused.contains("state 1"), "{refused}");
}

#[test]
fn parameters_that_no_change_depends_on_stay() {
    let mut problem = problem([5.0; 4], data(0.0));
    let kind = ParamKind::Scalar;
    problem.theta.push(ParamSpec { kind, ..scalar("other", 0.7) });
    let objective = Objective::new(problem, methods()).unwrap();
    let matched = match_changes(&objective, &objective.z_start()).unwrap();
    assert_eq!(objective.theta(&matched.z)[4], 0.7);
}

#[test]
fn a_long_oscillation_is_fitted_from_far_away() {
    // (0, 30) is nine turns: from (5, 5, 5, 5) all optimisers of the benchmark `LotkaVolterraParameterEstimation`
    // of SciMLBenchmarks end in other minima.
    let t = times(0.0, 0.1, 301);
    let empty = problem(TRUTH, vec![series(0, &[0.0], &[1.0])]);
    let curves = Objective::new(empty, methods()).unwrap().predict(&TRUTH, 0, &t).unwrap();
    let data = vec![series(0, &t, &curves[0]), series(1, &t, &curves[1])];
    let mut objective = Objective::new(problem([5.0; 4], data), methods()).unwrap();
    let chosen = recipe::default(objective.problem());
    assert_eq!(chosen.beginning, Beginning::ChangesOrSegments);
    let control = Control::default();
    let fit = train(&mut objective, &chosen, Start::Problem, &control, &mut |_| {});
    for (found, truth) in fit.theta.iter().zip(TRUTH) {
        assert!((found - truth).abs() < 1e-4 * truth, "{fit:?}");
    }
    assert!(fit.notes.iter().any(|(_, note)| note.contains("smoothed data")), "{:?}", fit.notes);
}

#[test]
fn training_says_why_it_begins_at_the_start_values() {
    let mut series = data(0.0);
    series.truncate(1);
    let mut objective = Objective::new(problem([1.4, 1.1, 2.9, 1.1], series), methods()).unwrap();
    let stages = vec![Stage::lbfgs(5, 1.0)];
    let recipe = Recipe { beginning: Beginning::Changes, ..Recipe::custom(stages) };
    let control = Control::default();
    let fit = train(&mut objective, &recipe, Start::Problem, &control, &mut |_| {});
    let note = fit.notes.iter().find(|(_, note)| note.contains("start values")).unwrap();
    assert!(note.1.contains("nobody measured"), "{note:?}");
}
