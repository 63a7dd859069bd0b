//! How training behaves: resuming, cancelling, failing, going back, stopping.

use crate::support;

use slopefield_adjoint::{DiscreteAdjoint, Evaluated, GradientMethod, Loss};
use slopefield_solve::{Ivp, Settings, SolveError};
use slopefield_train::{
    Checkpoint, Control, EarlyStopping, Event, Fit, Methods, ModelKernels, NoiseKind, Objective,
    Problem, Recipe, Search, Stage, Start, StopReason, recipe, train,
};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use support::*;

/// x' = −k x + s, observed with normal noise of sd 1, from x(0) = 5, exact data at k = 0.8, s = 1.
fn decay(start: [f64; 2], held_out_from: f64) -> Problem {
    let kernels = ModelKernels {
        initial: DualKernel::shared(0, 2, 1, |_, _, _, out| out[0] = c(5.0)),
        rhs: DualKernel::shared(1, 2, 1, |_, u, p, out| out[0] = p[1] - p[0] * u[0]),
        observe: DualKernel::shared(1, 2, 2, |_, u, _, out| {
            out.copy_from_slice(&[u[0], c(1.0)]);
        }),
    };
    let t = times(0.0, 0.25, 21);
    let exact: Vec<f64> = t.iter().map(|t| 1.25 + 3.75 * (-0.8 * t).exp()).collect();
    let mut data = series(0, &t, &exact);
    data.held_out = t.iter().map(|t| *t >= held_out_from).collect();
    Problem {
        kernels,
        observations: vec![observation("x", NoiseKind::Normal, 0)],
        theta: vec![positive("k", start[0], (0.01, 10.0)), scalar("s", start[1])],
        experiments: vec![experiment(0.0, 2, vec![data])],
        settings: Settings::default(),
        driven: Vec::new(),
        l2: 0.0,
    }
}

fn decay_objective(start: [f64; 2]) -> Objective {
    Objective::new(decay(start, f64::INFINITY), methods()).unwrap()
}

fn run(objective: &mut Objective, recipe: &Recipe, start: Start) -> Fit {
    train(objective, recipe, start, &Control::default(), &mut |_| {})
}

/// Runs until `iteration`, cancels there, and returns the checkpoint through its bytes.
fn interrupted(
    objective: &mut Objective,
    recipe: &Recipe,
    start: Start,
    at: u64,
) -> (Fit, Checkpoint) {
    let control = Control::default();
    let cancel = control.cancel.clone();
    let mut last = None;
    let fit = train(objective, recipe, start, &control, &mut |event| match event {
        Event::Iteration { iteration, .. } if iteration == at => {
            cancel.store(true, Ordering::Relaxed);
        }
        Event::Checkpoint(checkpoint) => last = Some(checkpoint.to_bytes()),
        _ => {}
    });
    assert_eq!(fit.stop_reason, StopReason::Cancelled);
    (fit, Checkpoint::from_bytes(&last.expect("a checkpoint at the end")).unwrap())
}

/// Everything but what a clock or a second run may change.
fn assert_same_bits(a: &Fit, b: &Fit) {
    let bits = |v: &[f64]| -> Vec<u64> { v.iter().map(|x| x.to_bits()).collect() };
    assert_eq!(bits(&a.theta), bits(&b.theta));
    assert_eq!(a.loss.to_bits(), b.loss.to_bits());
    assert_eq!(a.log_likelihood.map(f64::to_bits), b.log_likelihood.map(f64::to_bits));
    assert_eq!(
        (a.iterations, a.best_iteration, a.evaluations, &a.stop_reason, &a.notes),
        (b.iterations, b.best_iteration, b.evaluations, &b.stop_reason, &b.notes)
    );
}

#[test]
fn going_on_from_a_checkpoint_gives_the_bits_of_an_uninterrupted_training() {
    let recipes = [
        Recipe::custom(vec![Stage::adam(100, 0.05, 1.0)]),
        Recipe::custom(vec![Stage {
            schedule: slopefield_train::Schedule::Cosine(0.1),
            clip: slopefield_train::Clip::Relative(2.0),
            ..Stage::adam(100, 0.05, 1.0)
        }]),
        Recipe::custom(vec![
            Stage::adam(30, 0.05, 0.4),
            Stage::lbfgs(40, 0.7),
            Stage::lbfgs(60, 1.0),
        ]),
        Recipe::custom(vec![
            Stage::adam(25, 0.05, 0.4),
            Stage::levenberg_marquardt(4, 0.7),
            Stage::levenberg_marquardt(1, 1.0),
            Stage::adam(20, 0.01, 1.0),
        ]),
        Recipe::custom(vec![
            Stage::adamw(25, 0.05, 0.1, 0.4),
            Stage::lbfgsb(60, 1.0),
            Stage::adam(20, 0.01, 1.0),
        ]),
        Recipe::custom(vec![
            Stage::cma_es(29, Search { spread: 0.5, population: 8, seed: 3 }, 0.4),
            Stage::cma_es(40, Search::default(), 1.0),
            Stage::lbfgs(60, 1.0),
        ]),
    ];
    for recipe in recipes {
        let straight = run(&mut decay_objective([3.0, 0.2]), &recipe, Start::Problem);
        for at in [1, 29, 30, 40] {
            let (_, checkpoint) =
                interrupted(&mut decay_objective([3.0, 0.2]), &recipe, Start::Problem, at);
            assert_eq!(checkpoint.iteration, at);
            let mut fresh = decay_objective([3.0, 0.2]);
            let resumed = run(&mut fresh, &recipe, Start::Checkpoint(Box::new(checkpoint)));
            assert_same_bits(&resumed, &straight);
        }
    }
}

#[test]
fn two_interruptions_do_not_matter_either() {
    let recipe = Recipe::custom(vec![Stage::adam(20, 0.05, 0.5), Stage::lbfgs(50, 1.0)]);
    let straight = run(&mut decay_objective([3.0, 0.2]), &recipe, Start::Problem);
    let (_, first) = interrupted(&mut decay_objective([3.0, 0.2]), &recipe, Start::Problem, 7);
    let start = Start::Checkpoint(Box::new(first));
    let (_, second) = interrupted(&mut decay_objective([3.0, 0.2]), &recipe, start, 22);
    let start = Start::Checkpoint(Box::new(second));
    assert_same_bits(&run(&mut decay_objective([3.0, 0.2]), &recipe, start), &straight);
}

#[test]
fn a_checkpoint_of_something_else_is_refused() {
    let recipe = Recipe::custom(vec![Stage::adam(20, 0.05, 1.0)]);
    let (_, checkpoint) = interrupted(&mut decay_objective([3.0, 0.2]), &recipe, Start::Problem, 5);
    let refuse = |objective: &mut Objective, recipe: &Recipe| {
        let fit = run(objective, recipe, Start::Checkpoint(Box::new(checkpoint.clone())));
        assert!(matches!(fit.stop_reason, StopReason::Invalid(_)), "{:?}", fit.stop_reason);
        assert!(fit.stop_reason.sentence().contains("another"));
        assert!(!fit.stop_reason.is_success() && fit.loss.is_infinite());
    };
    refuse(&mut decay_objective([3.0, 0.3]), &recipe);
    refuse(&mut decay_objective([3.0, 0.2]), &Recipe::custom(vec![Stage::adam(21, 0.05, 1.0)]));
    let mut other = decay([3.0, 0.2], f64::INFINITY);
    other.experiments[0].series[0].values[3] += 1e-9;
    refuse(&mut Objective::new(other, methods()).unwrap(), &recipe);
}

#[test]
fn the_known_parameters_are_found_and_bounds_hold_on_the_way() {
    for start in [[3.0, 0.2], [0.02, 8.0], [9.5, -4.0]] {
        let mut objective = decay_objective(start);
        let recipe = recipe::default(objective.problem());
        let fit =
            train(&mut objective, &recipe, Start::Problem, &Control::default(), &mut |event| {
                if let Event::Iteration { theta, loss, best, .. } = event {
                    assert!((0.01..=10.0).contains(&theta[0]), "{theta:?}");
                    assert!(best <= loss);
                }
            });
        assert!((fit.theta[0] - 0.8).abs() < 1e-4, "{start:?}: {:?}", fit.theta);
        assert!((fit.theta[1] - 1.0).abs() < 1e-4, "{start:?}: {:?}", fit.theta);
        assert_eq!(fit.stop_reason, StopReason::Converged);
        // Perfect data: only the constant of 21 normal densities is left.
        let constant = 21.0 * 0.5 * (2.0 * std::f64::consts::PI).ln();
        assert!((fit.loss - constant).abs() < 1e-7, "{}", fit.loss - constant);
        assert_eq!(fit.log_likelihood, Some(-fit.loss));
        assert_eq!((fit.horizon, fit.hold_out), (1.0, None));
    }
}

#[test]
fn a_fit_at_a_bound_stays_within_it() {
    let mut problem = decay([3.0, 0.2], f64::INFINITY);
    problem.theta[0].bounds = (1.5, 10.0);
    let mut objective = Objective::new(problem, methods()).unwrap();
    let recipe = recipe::default(objective.problem());
    let fit = run(&mut objective, &recipe, Start::Problem);
    assert!((1.5..1.5001).contains(&fit.theta[0]), "{:?}", fit.theta);
    // Going on from there must be possible although the value lies at the bound.
    let again = run(&mut objective, &recipe, Start::Theta(vec![1.5, fit.theta[1]]));
    assert!(again.stop_reason.is_success() && (1.5..1.51).contains(&again.theta[0]), "{again:?}");
}

/// The best s for a fixed k is a linear regression: x = s·a + b with a = (1 − e⁻ᵏᵗ)/k, b = 5 e⁻ᵏᵗ.
#[test]
fn an_optimum_on_a_bound_is_reached_exactly() {
    for (bounds, at, log) in [((1.5, 10.0), 1.5, false), ((0.01, 1.0 / 3.0), 1.0 / 3.0, true)] {
        let mut problem = decay([at, 0.2], f64::INFINITY);
        problem.settings = tight(1e-9);
        problem.theta[0].start = if log { 0.1 } else { 3.0 };
        problem.theta[0].bounds = bounds;
        if log {
            problem.theta[0].scale = slopefield_train::Scale::Log;
        }
        let s = &problem.experiments[0].series[0];
        let (mut numerator, mut denominator) = (0.0, 0.0);
        for (t, y) in s.times.iter().zip(&s.values) {
            let fall = (-at * t).exp();
            let a = (1.0 - fall) / at;
            numerator += a * (y - 5.0 * fall);
            denominator += a * a;
        }
        let mut objective = Objective::new(problem, methods()).unwrap();
        let recipe = Recipe::custom(vec![Stage::lbfgsb(200, 1.0)]);
        let fit = run(&mut objective, &recipe, Start::Problem);
        assert!(fit.stop_reason.is_success(), "{fit:?}");
        assert_eq!(fit.theta[0], at);
        let expected = numerator / denominator;
        assert!((fit.theta[1] - expected).abs() < 1e-6, "{:?} {expected}", fit.theta);
        // Other optimisers begin just off the bound, and the bound stays the result.
        let recipe = Recipe::custom(vec![Stage::lbfgsb(200, 1.0), Stage::adam(5, 0.01, 1.0)]);
        let after = run(&mut objective, &recipe, Start::Problem);
        assert_eq!(after.theta, fit.theta);
        // A parameter that the stage does not move keeps its value.
        let start = fit.theta.clone();
        let none = slopefield_train::recipe::Scope::Weights;
        let held = Stage { scope: none, ..Stage::lbfgsb(20, 1.0) };
        let held = run(&mut objective, &Recipe::custom(vec![held]), Start::Theta(vec![at, 0.2]));
        assert!(
            (held.theta[1] - 0.2).abs() < 1e-12
                && (held.theta[0] - at).abs() < 1e-4 * start[0].max(10.0)
        );
    }
}

#[test]
fn cancelling_lands_within_a_tenth_of_a_second_in_the_middle_of_a_long_solve() {
    // One evaluation would take minutes: a tiny largest step.
    let mut problem = decay([3.0, 0.2], f64::INFINITY);
    problem.settings.h_max = 1e-8;
    problem.settings.max_steps = u64::MAX;
    let mut objective = Objective::new(problem, methods()).unwrap();
    let control = Control::default();
    let cancel = control.cancel.clone();
    let (send, receive) = std::sync::mpsc::channel();
    let helper = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        send.send(Instant::now()).unwrap();
        cancel.store(true, Ordering::Relaxed);
    });
    let recipe = Recipe::custom(vec![Stage::lbfgs(10, 1.0)]);
    let fit = train(&mut objective, &recipe, Start::Problem, &control, &mut |_| {});
    let late = receive.recv().unwrap().elapsed();
    helper.join().unwrap();
    assert_eq!(fit.stop_reason, StopReason::Cancelled);
    assert!(late < Duration::from_millis(100), "{late:?}");
    assert_eq!(fit.iterations, 0);
    let shown: Vec<String> = fit.theta.iter().map(|v| format!("{v}")).collect();
    assert_eq!(shown, ["3", "0.2"]);
}

#[test]
fn pausing_holds_training_and_is_not_counted_as_time() {
    let recipe = Recipe::custom(vec![Stage::adam(30, 0.05, 1.0)]);
    let straight = run(&mut decay_objective([3.0, 0.2]), &recipe, Start::Problem);
    let control = Control::default();
    let pause = control.pause.clone();
    let mut helper = None;
    let mut states = Vec::new();
    let mut last_elapsed = 0.0;
    let fit =
        train(&mut decay_objective([3.0, 0.2]), &recipe, Start::Problem, &control, &mut |event| {
            match event {
                Event::Iteration { iteration: 10, .. } => pause.store(true, Ordering::Relaxed),
                Event::Iteration { elapsed, .. } => last_elapsed = elapsed,
                Event::Paused(paused) => {
                    states.push(paused);
                    if paused {
                        let pause = pause.clone();
                        helper = Some(std::thread::spawn(move || {
                            std::thread::sleep(Duration::from_millis(300));
                            pause.store(false, Ordering::Relaxed);
                        }));
                    }
                }
                _ => {}
            }
        });
    helper.expect("the pause was told").join().unwrap();
    assert_eq!(states, [true, false]);
    assert!(last_elapsed < 0.25, "{last_elapsed}");
    assert_same_bits(&fit, &straight);
}

/// Least squares of e^(40 (½ − k)) + k against 0 at one time: a gentle slope down to a cliff.
fn cliff() -> Problem {
    let kernels = ModelKernels {
        initial: DualKernel::shared(0, 1, 1, |_, _, _, out| out[0] = c(1.0)),
        rhs: DualKernel::shared(1, 1, 1, |_, u, _, out| out[0] = -u[0]),
        observe: DualKernel::shared(1, 1, 1, |_, _, p, out| {
            out[0] = (c(40.0) * (c(0.5) - p[0])).exp() + p[0];
        }),
    };
    Problem {
        kernels,
        observations: vec![observation("x", NoiseKind::LeastSquares, 0)],
        theta: vec![scalar("k", 3.0)],
        experiments: vec![experiment(0.0, 1, vec![series(0, &[1.0], &[0.0])])],
        settings: Settings::default(),
        driven: Vec::new(),
        l2: 0.0,
    }
}

#[test]
fn a_spike_goes_back_to_the_best_with_half_the_rate_and_says_so() {
    let mut objective = Objective::new(cliff(), methods()).unwrap();
    let recipe = Recipe::custom(vec![Stage::adam(150, 0.3, 1.0)]);
    let mut losses = Vec::new();
    let mut bests = Vec::new();
    let fit = train(&mut objective, &recipe, Start::Problem, &Control::default(), &mut |event| {
        if let Event::Iteration { loss, best, .. } = event {
            losses.push(loss);
            bests.push(best);
        }
    });
    let greatest = losses.iter().copied().fold(0.0, f64::max);
    assert!(greatest > 20.0, "it never went over the cliff: the test does not test it");
    assert!(bests.windows(2).all(|w| w[1] <= w[0]));
    assert_eq!(fit.loss, losses.iter().copied().fold(f64::INFINITY, f64::min), "best is kept");
    let back: Vec<&String> =
        fit.notes.iter().map(|n| &n.1).filter(|n| n.contains("went back to")).collect();
    assert!(back[0].starts_with("loss spiked at "), "{back:?}");
    assert!(back[0].ends_with("rate halved to 1.500e-1"), "{back:?}");
    // The minimum: 40 e^(40 (½ − k)) = 1, so k = ½ + ln 40 / 40.
    let k = 0.5 + 40f64.ln() / 40.0;
    assert!((fit.theta[0] - k).abs() < 1e-2, "{:?} {k}", fit.theta);
    let again = objective.evaluate(&objective.z(&fit.theta), 1.0, None).unwrap().loss;
    assert_eq!(again, fit.loss, "theta is the place of the loss");
}

/// x' = k x² from 1, data at k = 0.3 until t = 3: above k = 1/3 there is no solution to the end.
fn blow_up(start: f64) -> Problem {
    let kernels = ModelKernels {
        initial: DualKernel::shared(0, 1, 1, |_, _, _, out| out[0] = c(1.0)),
        rhs: DualKernel::shared(1, 1, 1, |_, u, p, out| out[0] = p[0] * u[0] * u[0]),
        observe: DualKernel::shared(1, 1, 1, |_, u, _, out| out[0] = u[0]),
    };
    let t = times(0.0, 0.1, 31);
    let exact: Vec<f64> = t.iter().map(|t| 1.0 / (1.0 - 0.3 * t)).collect();
    Problem {
        kernels,
        observations: vec![observation("x", NoiseKind::LeastSquares, 0)],
        theta: vec![scalar("k", start)],
        experiments: vec![experiment(0.0, 1, vec![series(0, &t, &exact)])],
        settings: Settings { max_steps: 5000, ..Settings::default() },
        driven: Vec::new(),
        l2: 0.0,
    }
}

#[test]
fn adam_and_lbfgs_step_back_from_solves_that_fail() {
    for stage in [Stage::adam(400, 0.2, 1.0), Stage::lbfgs(50, 1.0)] {
        let mut objective = Objective::new(blow_up(0.05), methods()).unwrap();
        let fit = run(&mut objective, &Recipe::custom(vec![stage]), Start::Problem);
        assert!((fit.theta[0] - 0.3).abs() < 1e-3, "{stage:?}: {:?} {:?}", fit.theta, fit.notes);
    }
    // The notes of Adam say why it went back.
    let mut objective = Objective::new(blow_up(0.05), methods()).unwrap();
    let recipe = Recipe::custom(vec![Stage::adam(100, 2.0, 1.0)]);
    let fit = run(&mut objective, &recipe, Start::Problem);
    assert!(
        fit.notes
            .iter()
            .any(|(_, n)| n.contains("no loss at iteration") && n.contains("experiment")),
        "{:?}",
        fit.notes
    );
}

#[test]
fn a_start_that_cannot_be_solved_to_the_end_is_trained_on_a_shorter_span_first() {
    let mut objective = Objective::new(blow_up(0.9), methods()).unwrap();
    let recipe = Recipe::custom(vec![Stage::lbfgs(80, 1.0)]);
    let mut horizons = Vec::new();
    let fit = train(&mut objective, &recipe, Start::Problem, &Control::default(), &mut |event| {
        if let Event::StageStarted { description, .. } = event {
            horizons.push(description.horizon);
        }
    });
    assert!((fit.theta[0] - 0.3).abs() < 1e-5, "{fit:?}");
    assert_eq!(horizons, [0.25, 0.5, 1.0]);
    assert!(fit.notes.iter().any(|(_, n)| n.contains("comes first")));
    assert!(fit.iterations <= 80);
}

#[test]
fn a_start_that_never_works_ends_with_the_reason() {
    let mut problem = decay([3.0, 0.2], f64::INFINITY);
    problem.kernels.rhs =
        DualKernel::shared(1, 2, 1, |_, u, p, out| out[0] = c(f64::NAN) * u[0] * p[0]);
    let mut objective = Objective::new(problem, methods()).unwrap();
    let fit = run(&mut objective, &Recipe::custom(vec![Stage::lbfgs(80, 1.0)]), Start::Problem);
    let StopReason::CannotStart { failure, .. } = &fit.stop_reason else {
        panic!("{:?}", fit.stop_reason)
    };
    assert_eq!((failure.experiment, failure.state), (Some(0), Some(0)));
    assert!(fit.loss.is_infinite(), "a failed solve is no fit");
    assert_eq!(fit.log_likelihood, None);
    assert!(fit.stop_reason.sentence().contains("Try other start values"));
}

#[test]
fn early_stopping_keeps_the_best_prediction_and_only_when_asked() {
    // Wrong data in training pull the fit away from the held-out truth.
    let mut problem = decay([0.8, 0.9], 2.5);
    for v in &mut problem.experiments[0].series[0].values[5..10] {
        *v += 1.0;
    }
    let stages = vec![Stage::adam(400, 0.02, 1.0)];
    let plain = Recipe::custom(stages.clone());
    let early =
        Recipe { early_stopping: Some(EarlyStopping { patience: 40 }), ..Recipe::custom(stages) };
    let mut objective = Objective::new(problem.clone(), methods()).unwrap();
    let mut seen = Vec::new();
    let full = train(&mut objective, &plain, Start::Problem, &Control::default(), &mut |event| {
        if let Event::Iteration { iteration, hold_out: Some(value), .. } = event {
            seen.push((iteration, value));
        }
    });
    assert_eq!((full.iterations, &full.stop_reason), (400, &StopReason::Iterations));
    assert_eq!(seen.len(), 80, "every fifth iteration");
    let best = seen.iter().copied().fold((0, f64::INFINITY), |a, b| if b.1 < a.1 { b } else { a });
    assert!(best.0 < 300 && full.hold_out.unwrap() > best.1, "the test does not test it: {best:?}");

    let mut objective = Objective::new(problem, methods()).unwrap();
    let fit = run(&mut objective, &early, Start::Problem);
    assert_eq!(fit.stop_reason, StopReason::EarlyStopping { patience: 40 });
    assert_eq!((fit.best_iteration, fit.hold_out), (best.0, Some(best.1)));
    assert!(fit.iterations < 400);
}

/// A stage whose hold-out gets worse ends; the next begins at the best hold-out. After a last stage with
/// patience the fit is the best hold-out, after one without the best loss.
#[test]
fn a_stage_with_patience_ends_at_its_best_hold_out() {
    let mut problem = decay([0.8, 0.9], 2.5);
    for v in &mut problem.experiments[0].series[0].values[5..10] {
        *v += 1.0;
    }
    let patient = Stage { patience: 40, ..Stage::adam(400, 0.02, 1.0) };
    let watch = |stages: Vec<Stage>| {
        let mut objective = Objective::new(problem.clone(), methods()).unwrap();
        let (mut seen, mut begins) = (Vec::new(), Vec::new());
        let recipe = Recipe::custom(stages);
        let fit =
            train(&mut objective, &recipe, Start::Problem, &Control::default(), &mut |e| match e {
                Event::Iteration { iteration, stage, hold_out: Some(value), theta, .. } => {
                    seen.push((stage, iteration, value, theta.to_vec()));
                }
                Event::StageStarted { iteration, .. } => begins.push(iteration),
                _ => {}
            });
        (fit, seen, begins)
    };
    let (alone, seen, _) = watch(vec![patient]);
    assert_eq!(alone.stop_reason, StopReason::EarlyStopping { patience: 40 });
    let least = |list: &[(usize, u64, f64, Vec<f64>)]| {
        list.iter().min_by(|a, b| a.2.total_cmp(&b.2)).cloned().unwrap()
    };
    let best = least(&seen);
    assert_eq!((alone.best_iteration, alone.hold_out), (best.1, Some(best.2)));
    assert_eq!(alone.iterations, best.1 + 40);
    assert_eq!(alone.theta, best.3);
    assert!(alone.notes.iter().any(|n| n.1.contains("hold-out has not become better for 40")));

    // A second stage that hardly moves tells where it began.
    let (_, seen, begins) = watch(vec![patient, Stage::adam(5, 1e-9, 1.0)]);
    assert_eq!(begins, [0, alone.iterations]);
    let first = seen.iter().find(|s| s.0 == 1).unwrap();
    for (found, expected) in first.3.iter().zip(&alone.theta) {
        assert!((found - expected).abs() < 1e-7, "{found} {expected}");
    }
    // It has patience of its own, which the wait of the first does not shorten.
    let (both, _, begins) = watch(vec![patient, Stage { patience: 20, ..patient }]);
    assert_eq!(both.stop_reason, StopReason::EarlyStopping { patience: 20 });
    assert!(both.iterations >= begins[1] + 20 && both.iterations < begins[1] + 400);
    assert!(both.hold_out.unwrap() <= best.2);

    // The last stage has none: what counts is the loss again.
    let (fitted, ..) = watch(vec![patient, Stage::lbfgs(100, 1.0)]);
    assert!(fitted.loss < alone.loss && fitted.hold_out.unwrap() > best.2, "{fitted:?}");
    assert_ne!(fitted.stop_reason, StopReason::EarlyStopping { patience: 40 });

    let shorter = Stage { horizon: 0.5, ..patient };
    let refused = Recipe::custom(vec![shorter]).check().unwrap_err();
    assert!(refused.contains("whole time span"), "{refused}");
}

/// Stopped in the middle, a stage with patience goes on bit for bit.
#[test]
fn a_stage_with_patience_goes_on_from_a_checkpoint() {
    let mut problem = decay([0.8, 0.9], 2.5);
    for v in &mut problem.experiments[0].series[0].values[5..10] {
        *v += 1.0;
    }
    let patient = Stage { patience: 40, ..Stage::adam(400, 0.02, 1.0) };
    let recipe = Recipe::custom(vec![patient, Stage { patience: 30, ..Stage::lbfgs(60, 1.0) }]);
    let mut objective = Objective::new(problem, methods()).unwrap();
    let whole = run(&mut objective, &recipe, Start::Problem);
    assert!(whole.iterations > 40);
    let (_, checkpoint) = interrupted(&mut objective, &recipe, Start::Problem, 30);
    let resumed = run(&mut objective, &recipe, Start::Checkpoint(Box::new(checkpoint)));
    assert_same_bits(&whole, &resumed);
    assert_eq!(whole.hold_out, resumed.hold_out);
}

/// The right loss with a gradient that forgets the right-hand side's parameters.
struct Forgetful(DiscreteAdjoint);

impl GradientMethod for Forgetful {
    fn name(&self) -> &'static str {
        "forgetful"
    }
    fn evaluate(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        loss: &mut Loss<'_>,
        grad_u0: &mut [f64],
        grad_p: &mut [f64],
    ) -> Result<Evaluated, SolveError> {
        let result = self.0.evaluate(ivp, settings, saves, loss, grad_u0, grad_p);
        grad_p.fill(0.0);
        result
    }
}

#[test]
fn a_wrong_gradient_is_refused_before_the_first_iteration() {
    let forgetful = Methods {
        gradient: Arc::new(|_| Box::new(Forgetful(DiscreteAdjoint::named("tsit5").unwrap()))),
        ..methods()
    };
    let mut objective = Objective::new(decay([3.0, 0.2], f64::INFINITY), forgetful).unwrap();
    let recipe = Recipe::custom(vec![Stage::adam(20, 0.05, 1.0)]);
    let fit = run(&mut objective, &recipe, Start::Problem);
    assert!(matches!(fit.stop_reason, StopReason::WrongGradient(_)), "{:?}", fit.stop_reason);
    assert_eq!(fit.iterations, 0);
    assert!(fit.stop_reason.sentence().contains("contradicts"));
}

/// The right gradient times a factor.
struct Scaled(DiscreteAdjoint, f64);

impl GradientMethod for Scaled {
    fn name(&self) -> &'static str {
        "scaled"
    }
    fn evaluate(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        loss: &mut Loss<'_>,
        grad_u0: &mut [f64],
        grad_p: &mut [f64],
    ) -> Result<Evaluated, SolveError> {
        let result = self.0.evaluate(ivp, settings, saves, loss, grad_u0, grad_p);
        grad_u0.iter_mut().chain(grad_p).for_each(|g| *g *= self.1);
        result
    }
}

/// Differences of the same steps find an error of half a percent, which those of adaptive solves
/// cannot; and who turns the check off gets what he asks for.
#[test]
fn a_slightly_wrong_gradient_is_refused_too_unless_the_check_is_off() {
    let scaled = |factor: f64| Methods {
        gradient: Arc::new(move |_| {
            Box::new(Scaled(DiscreteAdjoint::named("tsit5").unwrap(), factor))
        }),
        ..methods()
    };
    let problem = || decay([3.0, 0.2], f64::INFINITY);
    let mut recipe = Recipe::custom(vec![Stage::adam(20, 0.05, 1.0)]);
    let mut wrong = Objective::new(problem(), scaled(1.005)).unwrap();
    let fit = run(&mut wrong, &recipe, Start::Problem);
    let StopReason::WrongGradient(check) = &fit.stop_reason else {
        panic!("{:?}", fit.stop_reason);
    };
    assert!(check.standard.same_steps && check.standard.method == "scaled");
    assert!(check.sentence().contains("0.5 % apart"), "{}", check.sentence());
    // One with the gradient, and at most six beside the start along each of two directions.
    assert!(wrong.evaluations() <= 13, "{}", wrong.evaluations());

    let mut right = Objective::new(problem(), scaled(1.0)).unwrap();
    let fit = run(&mut right, &recipe, Start::Problem);
    assert!(fit.stop_reason.is_success(), "{:?}", fit.stop_reason);
    assert!(fit.gradient_check.is_some_and(|c| c.standard.same_steps));

    recipe.check_gradient = false;
    let fit = run(&mut wrong, &recipe, Start::Problem);
    assert!(fit.stop_reason.is_success() && fit.iterations == 20, "{:?}", fit.stop_reason);
    assert_eq!(fit.gradient_check, None);
}

/// At a resting point the solver's steps are huge and the gradient of the steps is rough; that is
/// not a wrong gradient.
#[test]
fn a_model_at_rest_is_not_refused() {
    let t = times(0.0, 0.1, 101);
    let rest = |noise: NoiseKind| Problem {
        kernels: lotka_volterra(),
        observations: vec![observation("x", noise, 0)],
        theta: ["a", "b", "d", "g"].iter().map(|n| scalar(n, 5.0)).collect(),
        experiments: vec![experiment(0.0, 4, vec![series(0, &t, &[2.0; 101])])],
        settings: Settings::default(),
        driven: Vec::new(),
        l2: 0.0,
    };
    let mut objective = Objective::new(rest(NoiseKind::LeastSquares), methods()).unwrap();
    let recipe = Recipe::custom(vec![Stage::adam(20, 0.05, 1.0)]);
    let fit = run(&mut objective, &recipe, Start::Problem);
    assert_eq!(fit.stop_reason, StopReason::Iterations, "{:?}", fit.gradient_check);
    assert!(fit.notes.iter().any(|(_, n)| n.contains("begins 1 % beside")), "{:?}", fit.notes);
    assert!(fit.loss < 800.0, "from 1010 at rest: {}", fit.loss);
}

#[test]
fn frozen_scope_leaves_the_other_kind_alone() {
    let mut problem = decay([3.0, 0.2], f64::INFINITY);
    problem.theta[1].kind = slopefield_train::ParamKind::Weight;
    let mut objective = Objective::new(problem, methods()).unwrap();
    for optimiser in [Stage::adam(20, 0.05, 1.0), Stage::lbfgs(20, 1.0)] {
        for (scope, moved, kept) in [(recipe::Scope::Scalars, 0, 1), (recipe::Scope::Weights, 1, 0)]
        {
            let recipe = Recipe::custom(vec![Stage { scope, ..optimiser }]);
            let fit = run(&mut objective, &recipe, Start::Problem);
            let start = [3.0, 0.2];
            assert_eq!(fit.theta[kept], start[kept], "{scope:?}");
            assert_ne!(fit.theta[moved], start[moved], "{scope:?}");
        }
    }
}

#[test]
fn without_parameters_there_is_a_loss_and_nothing_to_fit() {
    let mut problem = decay([0.8, 1.0], f64::INFINITY);
    problem.theta.clear();
    problem.experiments[0].params =
        vec![slopefield_train::Source::Fixed(0.8), slopefield_train::Source::Fixed(1.0)];
    let mut objective = Objective::new(problem, methods()).unwrap();
    let recipe = recipe::default(objective.problem());
    let fit = run(&mut objective, &recipe, Start::Problem);
    assert_eq!(fit.stop_reason, StopReason::NothingToFit);
    assert!((fit.log_likelihood.unwrap() + 21.0 * 0.918_938_533_204_672_8).abs() < 1e-7);
}

#[test]
fn events_come_in_order_and_count_every_iteration() {
    let recipe = Recipe::custom(vec![Stage::adam(15, 0.05, 0.5), Stage::adam(10, 0.02, 1.0)]);
    let mut log = Vec::new();
    let mut checkpoints = 0;
    let fit = train(
        &mut decay_objective([3.0, 0.2]),
        &recipe,
        Start::Problem,
        &Control::default(),
        &mut |event| match event {
            Event::StageStarted { stage, iteration, description } => {
                log.push(format!("stage {stage} at {iteration} {}", description.optimiser_name()));
            }
            Event::Iteration { iteration, total, stage, theta, elapsed, left, .. } => {
                assert_eq!((total, theta.len()), (25, 2));
                assert!(elapsed >= 0.0);
                // The first iteration has no pace to estimate from.
                assert_eq!(left.is_some(), iteration > 1);
                assert_eq!(left == Some(0.0), iteration == 25);
                log.push(format!("{stage}/{iteration}"));
            }
            Event::Checkpoint(_) => checkpoints += 1,
            Event::Note { .. } | Event::Paused(_) => {}
            Event::Starts { .. } | Event::Joining { .. } => panic!("there is one start, as given"),
        },
    );
    assert_eq!(log.len(), 27);
    assert_eq!((&log[0][..], &log[1][..]), ("stage 0 at 0 Adam", "0/1"));
    assert_eq!((&log[15][..], &log[16][..], &log[17][..]), ("0/15", "stage 1 at 15 Adam", "1/16"));
    assert_eq!(log[26], "1/25");
    // A run of milliseconds: only the ends of the two stages.
    assert_eq!(checkpoints, 2);
    assert_eq!(fit.iterations, 25);
}
