//! Multiple shooting: long spans from bad starts, states that nobody measured, and what it refuses.

use crate::support::*;
use slopefield_train::{
    Batch, Beginning, Checkpoint, Control, Event, Fit, ModelKernels, NoiseKind, Objective, Problem,
    Recipe, Schedule, Stage, Start, StopReason, Unjoined, join_segments, recipe, train,
};
use std::sync::Arc;
use std::sync::atomic::Ordering;

fn trained(objective: &mut Objective, recipe: &Recipe) -> Fit {
    train(objective, recipe, Start::Problem, &Control::default(), &mut |_| {})
}

fn from_segments(stages: Vec<Stage>) -> Recipe {
    Recipe { beginning: Beginning::Segments, ..Recipe::custom(stages) }
}

fn near(found: &[f64], truth: &[f64], tolerance: f64) {
    for (found_one, truth_one) in found.iter().zip(truth) {
        assert!((found_one - truth_one).abs() <= tolerance * truth_one.abs(), "{found:?}");
    }
}

/// A problem of least squares over these series.
fn problem(
    kernels: ModelKernels,
    start: &[f64],
    seen: usize,
    until: f64,
    count: usize,
    truth: &[f64],
) -> Problem {
    let names = ["a", "b", "c", "d"];
    let specs = |p: &[f64]| names.iter().zip(p).map(|(n, v)| scalar(n, *v)).collect::<Vec<_>>();
    let t = times(0.0, until / (count - 1) as f64, count);
    let observations =
        (0..seen).map(|i| observation(&format!("x{i}"), NoiseKind::LeastSquares, i)).collect();
    let mut problem = Problem {
        kernels,
        observations,
        theta: specs(truth),
        experiments: vec![experiment(0.0, truth.len(), vec![series(0, &[0.0], &[1.0])])],
        settings: tight(1e-9),
        driven: Vec::new(),
        l2: 0.0,
    };
    let curves = Objective::new(problem.clone(), methods()).unwrap().predict(truth, 0, &t).unwrap();
    problem.theta = specs(start);
    problem.experiments[0].series =
        curves.iter().enumerate().map(|(i, values)| series(i, &t, values)).collect();
    problem
}

const PREY: [f64; 4] = [1.5, 1.0, 3.0, 1.0];

/// Lotka–Volterra over seven periods from (5, 5, 5, 5), of which prey alone was seen.
fn prey_alone() -> Problem {
    problem(lotka_volterra(), &[5.0; 4], 1, 30.0, 301, &PREY)
}

#[test]
fn a_long_span_of_which_one_state_was_seen_is_recovered() {
    let single = Recipe::custom(vec![Stage::lbfgs(500, 1.0)]);
    let trapped = trained(&mut Objective::new(prey_alone(), methods()).unwrap(), &single);
    assert!(trapped.loss > 100.0, "{}", trapped.loss);

    let mut objective = Objective::new(prey_alone(), methods()).unwrap();
    let fit = trained(&mut objective, &from_segments(vec![Stage::lbfgs(200, 1.0)]));
    near(&fit.theta, &PREY, 1e-6);
    assert!(
        fit.notes.iter().any(|(_, n)| n.contains("segments of the span join")),
        "{:?}",
        fit.notes
    );

    // The default finds out by itself: what nobody measured has no changes to match.
    let chosen = recipe::default(objective.problem());
    assert_eq!(chosen.beginning, Beginning::ChangesOrSegments);
    let fit = trained(&mut objective, &chosen);
    near(&fit.theta, &PREY, 1e-6);
}

/// Errors of the start grow by e^9 over the span, and the loss has a minimum at every turn.
#[test]
fn the_lorenz_equations_are_recovered_from_far_away() {
    let truth = [10.0, 28.0, 8.0 / 3.0];
    let kernels = ModelKernels {
        initial: DualKernel::shared(0, 3, 3, |_, _, _, out| {
            out.copy_from_slice(&[c(1.0), c(1.0), c(20.0)])
        }),
        rhs: Arc::from(slopefield_problems::lorenz().rhs),
        observe: DualKernel::shared(3, 3, 3, |_, u, _, out| out.copy_from_slice(u)),
    };
    let lorenz = problem(kernels, &[5.0, 15.0, 6.0], 3, 10.0, 401, &truth);
    let single = Recipe::custom(vec![Stage::lbfgs(500, 1.0)]);
    let trapped = trained(&mut Objective::new(lorenz.clone(), methods()).unwrap(), &single);
    assert!(trapped.loss > 1e3, "{}", trapped.loss);
    let mut objective = Objective::new(lorenz, methods()).unwrap();
    let joined = join_segments(&objective, &objective.z_start()).unwrap();
    near(&objective.theta(&joined.z), &truth, 1e-4);
    assert!(joined.segments > 10 && joined.jump < 1e-3, "{joined:?}");
    let fit = trained(&mut objective, &from_segments(vec![Stage::lbfgs(100, 1.0)]));
    near(&fit.theta, &truth, 1e-6);
}

#[test]
fn what_cannot_be_cut_is_refused_in_a_sentence() {
    let short = problem(lotka_volterra(), &[5.0; 4], 2, 1.0, 4, &PREY);
    let objective = Objective::new(short, methods()).unwrap();
    let Err(Unjoined::Because(reason)) = join_segments(&objective, &objective.z_start()) else {
        panic!("it was cut");
    };
    assert!(reason.contains("too few measurements"), "{reason}");
    let mut objective = objective;
    let fit = trained(&mut objective, &from_segments(vec![Stage::lbfgs(5, 1.0)]));
    let told =
        |note: &&(u64, String)| note.1.contains("begins at the start values: there are too few");
    assert_eq!(fit.notes.iter().filter(told).count(), 1, "{:?}", fit.notes);
}

/// Stopped while segments are joined, it begins anew, with the bits of an uninterrupted training.
#[test]
fn stopping_while_segments_are_joined_loses_nothing_but_time() {
    let recipe = from_segments(vec![Stage::lbfgs(20, 1.0)]);
    let straight = trained(&mut Objective::new(prey_alone(), methods()).unwrap(), &recipe);
    let control = Control::default();
    let cancel = control.cancel.clone();
    let mut last = None;
    let mut objective = Objective::new(prey_alone(), methods()).unwrap();
    let stopped =
        train(&mut objective, &recipe, Start::Problem, &control, &mut |event| match event {
            // The reason of the recipe is told before anything is computed.
            Event::Note { .. } => cancel.store(true, Ordering::Relaxed),
            Event::Checkpoint(checkpoint) => last = Some(checkpoint.to_bytes()),
            _ => {}
        });
    assert_eq!((stopped.stop_reason, stopped.iterations), (StopReason::Cancelled, 0));
    let checkpoint = Checkpoint::from_bytes(&last.unwrap()).unwrap();
    let start = Start::Checkpoint(Box::new(checkpoint));
    let mut fresh = Objective::new(prey_alone(), methods()).unwrap();
    let resumed = train(&mut fresh, &recipe, start, &Control::default(), &mut |_| {});
    assert_eq!(resumed.notes, straight.notes);
    let bits = |fit: &Fit| fit.theta.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    assert_eq!((bits(&resumed), resumed.evaluations), (bits(&straight), straight.evaluations));
}

/// While segments are made to join, it is told how far that is.
#[test]
fn joining_tells_its_progress() {
    let mut objective = Objective::new(prey_alone(), methods()).unwrap();
    let recipe = from_segments(vec![Stage::lbfgs(5, 1.0)]);
    let (mut shares, mut begun) = (Vec::new(), false);
    train(&mut objective, &recipe, Start::Problem, &Control::default(), &mut |event| match event {
        Event::Joining { share, left } => {
            assert!(!begun && (0.0..1.0).contains(&share));
            assert!(left.is_none_or(|left| left >= 0.0));
            shares.push(share);
        }
        Event::Iteration { .. } => begun = true,
        _ => {}
    });
    assert!(shares.len() > 20 && shares.windows(2).all(|pair| pair[0] <= pair[1]), "{shares:?}");
    assert!(begun && shares[0] == 0.0 && shares.last().is_some_and(|s| *s >= 0.8));
}

/// Seven periods of prey and predator from (5, 5, 5, 5): segments, four at a time.
fn long() -> Problem {
    problem(lotka_volterra(), &[5.0; 4], 2, 30.0, 301, &PREY)
}

fn in_segments(iterations: u32, batch: u32) -> Stage {
    let batch = Batch { experiments: batch, seed: 5 };
    let schedule = Schedule::Cosine(0.01);
    Stage { segments: 40, batch, schedule, ..Stage::adam(iterations, 0.05, 1.0) }
}

#[test]
fn batches_of_segments_train_a_long_trajectory() {
    // Over the whole span Adam is trapped at once.
    let whole = Recipe::custom(vec![Stage::adam(300, 0.05, 1.0)]);
    let trapped = trained(&mut Objective::new(long(), methods()).unwrap(), &whole);
    assert!(trapped.loss > 100.0, "{}", trapped.loss);

    let recipe = Recipe::custom(vec![in_segments(1500, 4), Stage::lbfgs(100, 1.0)]);
    let fit = trained(&mut Objective::new(long(), methods()).unwrap(), &recipe);
    near(&fit.theta, &PREY, 1e-6);
    assert!(
        fit.notes.iter().any(|(_, n)| n.contains("40 segments, free at first")),
        "{:?}",
        fit.notes
    );
    // The same again, bit for bit; with another seed another way.
    let again = trained(&mut Objective::new(long(), methods()).unwrap(), &recipe);
    assert_eq!((&fit.theta, fit.evaluations), (&again.theta, again.evaluations));
}

/// What is told of a stage over segments, and that it begins anew when it was stopped within.
#[test]
fn a_stage_over_segments_that_is_stopped_begins_anew() {
    let recipe = Recipe::custom(vec![in_segments(90, 4), Stage::lbfgs(5, 1.0)]);
    let mut objective = Objective::new(long(), methods()).unwrap();
    let (mut told, mut losses) = (Vec::new(), Vec::new());
    let whole = train(&mut objective, &recipe, Start::Problem, &Control::default(), &mut |event| {
        if let Event::Iteration { iteration, total, stage, loss, theta, .. } = event {
            told.push((iteration, stage));
            assert_eq!((theta.len(), total <= 95), (4, true));
            losses.push(loss);
        }
    });
    let first: Vec<_> = (1..=90).map(|k| (k, 0)).collect();
    assert_eq!(&told[..90], &first[..]);
    // A step that fails is told as an infinite loss, and taken back.
    let failed = losses[..90].iter().filter(|l| **l == f64::INFINITY).count();
    let finite = losses[..90].iter().filter(|l| l.is_finite()).count();
    assert!(failed + finite == 90 && failed < 10, "{losses:?}");

    let control = Control::default();
    let cancel = control.cancel.clone();
    let mut last = None;
    let stopped =
        train(&mut objective, &recipe, Start::Problem, &control, &mut |event| match event {
            Event::Iteration { iteration: 40, .. } => cancel.store(true, Ordering::Relaxed),
            Event::Checkpoint(checkpoint) => last = Some(checkpoint.to_bytes()),
            _ => {}
        });
    assert_eq!(stopped.stop_reason, StopReason::Cancelled);
    let checkpoint = Checkpoint::from_bytes(&last.unwrap()).unwrap();
    let start = Start::Checkpoint(Box::new(checkpoint));
    let resumed = train(&mut objective, &recipe, start, &Control::default(), &mut |_| {});
    assert_eq!((&resumed.theta, resumed.loss), (&whole.theta, whole.loss));
    assert_eq!((resumed.iterations, resumed.evaluations), (whole.iterations, whole.evaluations));
    assert_eq!(resumed.notes, whole.notes);
}

/// Where nothing can be cut, the stage goes over the whole span and says why.
#[test]
fn a_stage_that_cannot_be_cut_goes_over_the_whole_span() {
    let short = problem(lotka_volterra(), &[1.4, 1.1, 2.9, 1.1], 2, 1.0, 4, &PREY);
    let mut objective = Objective::new(short, methods()).unwrap();
    let plain = Stage::adam(20, 0.01, 1.0);
    let fit = trained(&mut objective, &Recipe::custom(vec![Stage { segments: 9, ..plain }]));
    assert!(
        fit.notes.iter().any(|(_, n)| n.contains("goes over the whole span")),
        "{:?}",
        fit.notes
    );
    let expected = trained(&mut objective, &Recipe::custom(vec![plain]));
    assert_eq!((fit.theta, fit.iterations), (expected.theta, expected.iterations));
    for (wrong, why) in [
        (Stage { segments: 9, ..Stage::lbfgs(9, 1.0) }, "for Adam"),
        (Stage { segments: 1, ..plain }, "2 segments at least"),
        (Stage { segments: 9, horizon: 0.5, ..plain }, "whole time span"),
    ] {
        let refused = Recipe::custom(vec![wrong]).check().unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
}
