//! Training from many places.

use crate::support;

use slopefield_train::{
    Checkpoint, Control, Event, Fit, MultiStart, NoiseKind, Objective, ParamKind, Problem, Recipe,
    Stage, Start, StopReason, reached, train_from_many,
};
use std::sync::atomic::Ordering;
use support::*;

/// Lotka–Volterra on (0, 12) from a start whose nearest minimum is not the best.
fn problem() -> Problem {
    let t = times(0.0, 0.2, 61);
    let names = ["alpha", "beta", "delta", "gamma"];
    let mut problem = Problem {
        kernels: lotka_volterra(),
        observations: vec![
            observation("x", NoiseKind::LeastSquares, 0),
            observation("y", NoiseKind::LeastSquares, 1),
        ],
        theta: names.iter().map(|n| scalar(n, 5.0)).collect(),
        experiments: vec![experiment(0.0, 4, vec![series(0, &[0.0], &[1.0])])],
        settings: tight(1e-7),
        driven: Vec::new(),
        l2: 0.0,
    };
    let truth = [1.5, 1.0, 3.0, 1.0];
    let curves = Objective::new(problem.clone(), methods()).unwrap().predict(&truth, 0, &t);
    let curves = curves.unwrap();
    problem.experiments[0].series = vec![series(0, &t, &curves[0]), series(1, &t, &curves[1])];
    problem
}

fn recipe() -> Recipe {
    Recipe::custom(vec![Stage::lbfgs(150, 1.0)])
}

const MANY: MultiStart = MultiStart { starts: 8, factor: 10.0, seed: 3 };

fn run_with(
    many: &MultiStart,
    start: Start,
    control: &Control,
    threads: usize,
    emit: &mut dyn FnMut(Event<'_>),
) -> Fit {
    let make = || Objective::new(problem(), methods()).map_err(|e| e.to_string());
    train_from_many(&make, &|_| Vec::new(), &recipe(), many, start, control, threads, None, emit)
}

fn run(threads: usize) -> Fit {
    run_with(&MANY, Start::Problem, &Control::default(), threads, &mut |_| {})
}

/// Everything of a fit but what a clock may change.
fn bits(fit: &Fit) -> Vec<u64> {
    let mut all: Vec<u64> = fit.theta.iter().map(|v| v.to_bits()).collect();
    all.extend([fit.loss.to_bits(), fit.iterations, fit.best_iteration, fit.evaluations]);
    for s in &fit.starts {
        all.extend([u64::from(s.index), s.first_loss.to_bits()]);
        all.extend(s.begin.iter().map(|v| v.to_bits()));
        all.extend(bits(&s.fit));
    }
    all
}

#[test]
fn the_best_of_many_starts_is_the_truth_where_the_given_one_is_trapped() {
    let fit = run(2);
    for (got, truth) in fit.theta.iter().zip([1.5, 1.0, 3.0, 1.0]) {
        assert!((got - truth).abs() < 1e-5, "{:?}", fit.theta);
    }
    assert_eq!(fit.starts.len(), 8);
    let given = fit.starts.iter().find(|s| s.index == 0).unwrap();
    assert_eq!(given.begin, [5.0; 4]);
    assert!(given.fit.loss > 1e3 * fit.loss.max(1e-9), "the given start was not trapped");
    // The waterfall is sorted, and its first is the result.
    assert!(fit.starts.windows(2).all(|s| s[0].fit.loss <= s[1].fit.loss));
    assert_eq!((&fit.starts[0].fit.theta, fit.starts[0].fit.loss), (&fit.theta, fit.loss));
    let count = reached(&fit.starts, false);
    assert!((1..8).contains(&count), "{count}");
    assert!(
        fit.notes[0].1.contains(&format!("{count} came to the best loss")),
        "{:?}",
        fit.notes[0]
    );
    // Places are numbered by their first loss, the given one apart.
    let mut others: Vec<_> = fit.starts.iter().filter(|s| s.index > 0).collect();
    others.sort_by_key(|s| s.index);
    assert!(others.windows(2).all(|s| s[0].first_loss <= s[1].first_loss));
    assert!(others.iter().all(|s| s.begin.iter().all(|v| (0.5..=50.0).contains(v))));
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let one = run(1);
    assert_eq!(bits(&one), bits(&run(3)));
    assert_eq!(one.notes, run(8).notes);
    let other = MultiStart { seed: 4, ..MANY };
    let other = run_with(&other, Start::Problem, &Control::default(), 2, &mut |_| {});
    assert_ne!(bits(&one), bits(&other));
}

#[test]
fn stopping_keeps_what_is_done_and_going_on_gives_the_same_bits() {
    let straight = run(2);
    let control = Control::default();
    let (mut last, mut most) = (None, 0);
    let stopped = run_with(&MANY, Start::Problem, &control, 2, &mut |event| match event {
        Event::Starts { done, .. } => {
            most = most.max(done.len());
            if done.len() == 3 {
                control.cancel.store(true, Ordering::Relaxed);
            }
        }
        Event::Checkpoint(checkpoint) => last = Some(checkpoint.to_bytes()),
        _ => {}
    });
    assert_eq!(stopped.stop_reason, StopReason::Cancelled);
    assert!((3..8).contains(&most), "{most}");
    assert!(stopped.loss.is_finite());
    let checkpoint = Checkpoint::from_bytes(&last.unwrap()).unwrap();
    assert!(checkpoint.starts.len() >= 3);
    let start = Start::Checkpoint(Box::new(checkpoint.clone()));
    let mut again = 0;
    let resumed = run_with(&MANY, start, &Control::default(), 2, &mut |event| {
        if let Event::Starts { screened: 0, done, .. } = event {
            again = again.max(done.len() - checkpoint.starts.len());
        }
    });
    assert_eq!(again, 8 - checkpoint.starts.len());
    assert_eq!(bits(&resumed), bits(&straight));
    assert_eq!(resumed.notes, straight.notes);

    let other = MultiStart { starts: 9, ..MANY };
    let start = Start::Checkpoint(Box::new(checkpoint));
    let refused = run_with(&other, start, &Control::default(), 2, &mut |_| {});
    assert!(matches!(refused.stop_reason, StopReason::Invalid(_)));
}

#[test]
fn progress_counts_up_and_the_course_of_the_best_is_told_at_the_end() {
    let (mut screened, mut done, mut course, mut notes) = (0, 0, Vec::new(), 0);
    let fit = run_with(&MANY, Start::Problem, &Control::default(), 2, &mut |event| match event {
        Event::Starts { screened: now, places, done: finished, starts, left } => {
            assert_eq!(starts, 8);
            if places > 0 {
                assert!(now > screened && now <= places && places == 28);
                screened = now;
            } else {
                assert_eq!(finished.len(), done + 1);
                done = finished.len();
                assert!(left.unwrap() >= 0.0);
                assert_eq!(left == Some(0.0), done == 8);
            }
        }
        Event::Iteration { iteration, loss, theta, .. } => {
            assert_eq!(done, 8);
            course.push((iteration, loss, theta.to_vec()));
        }
        Event::Note { .. } => notes += 1,
        _ => {}
    });
    assert_eq!((screened, done, notes), (28, 8, fit.notes.len()));
    assert_eq!(course.len() as u64, fit.iterations);
    assert!(course.iter().enumerate().all(|(k, c)| c.0 == k as u64 + 1));
    let (_, loss, theta) = &course[fit.best_iteration as usize - 1];
    assert_eq!((*loss, theta), (fit.loss, &fit.theta));
}

#[test]
fn weights_of_networks_are_new_at_every_place() {
    let mut problem = problem();
    problem.theta[3].kind = ParamKind::Weight;
    let make = || Objective::new(problem.clone(), methods()).map_err(|e| e.to_string());
    let fresh = |k: u64| vec![0.0, 0.0, 0.0, 0.5 + 0.01 * k as f64];
    let many = MultiStart { starts: 4, ..MANY };
    let recipe = Recipe::custom(vec![Stage::lbfgs(1, 1.0)]);
    let (control, start) = (Control::default(), Start::Problem);
    let fit = train_from_many(&make, &fresh, &recipe, &many, start, &control, 2, None, &mut |_| {});
    for s in &fit.starts {
        let weight = s.begin[3];
        let expected = if s.index == 0 { 5.0..=5.0 } else { 0.51..=0.62 };
        assert!(expected.contains(&weight), "{weight}");
    }
}

#[test]
fn senseless_settings_and_objectives_that_cannot_be_made_are_told() {
    for many in [MultiStart { starts: 0, ..MANY }, MultiStart { factor: 1.0, ..MANY }] {
        let fit = run_with(&many, Start::Problem, &Control::default(), 2, &mut |_| {});
        assert!(matches!(fit.stop_reason, StopReason::Invalid(_)), "{:?}", fit.stop_reason);
    }
    let make = || Err::<Objective, _>("there is no model".to_owned());
    let (control, start) = (Control::default(), Start::Problem);
    let fit = train_from_many(
        &make,
        &|_| vec![],
        &recipe(),
        &MANY,
        start,
        &control,
        2,
        None,
        &mut |_| {},
    );
    assert!(fit.stop_reason.sentence().contains("there is no model"));
}
