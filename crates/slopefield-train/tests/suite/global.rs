//! Stages of CMA-ES: they find what gradients do not, with the same bits whatever the cores.

use crate::lotka_volterra::{close, data, problem};
use crate::support::*;
use slopefield_train::{
    Control, Event, Objective, Recipe, Scale, Search, Stage, Start, StopReason, train,
};

fn fitted(objective: &mut Objective, recipe: &Recipe) -> slopefield_train::Fit {
    train(objective, recipe, Start::Problem, &Control::default(), &mut |_| {})
}

/// Lotka–Volterra on (0, 30) from (5, 5, 5, 5), parameters on a log scale within (0.05, 50).
fn long_span() -> Objective {
    let mut problem = problem([5.0; 4], data(30.0, 301), 1e-8);
    for spec in &mut problem.theta {
        (spec.scale, spec.bounds) = (Scale::Log, (0.05, 50.0));
    }
    Objective::new(problem, methods()).unwrap()
}

#[test]
fn a_global_stage_leaves_the_flat_line_on_a_long_span() {
    let truth = [1.5, 1.0, 3.0, 1.0];
    // From gradients alone the whole span is a trap.
    let trapped = fitted(&mut long_span(), &Recipe::custom(vec![Stage::lbfgs(500, 1.0)]));
    assert!(trapped.loss > 100.0, "{}", trapped.loss);
    // A first part of it has a place that is better than the flat line, but others between.
    for seed in 1..=3 {
        let search = Search { spread: 1.0, population: 20, seed };
        let recipe = Recipe::custom(vec![Stage::cma_es(80, search, 0.15), Stage::lbfgs(100, 1.0)]);
        let fit = fitted(&mut long_span(), &recipe);
        close(&fit.theta, &truth, 1e-5);
    }
    // A larger search finds it on the whole span at once, without any gradient.
    let search = Search { spread: 1.0, population: 30, seed: 2 };
    let fit = fitted(&mut long_span(), &Recipe::custom(vec![Stage::cma_es(120, search, 1.0)]));
    close(&fit.theta, &truth, 1e-4);
    assert!(fit.gradient_check.is_none());
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let search = Search { spread: 1.0, population: 9, seed: 4 };
    let recipe = Recipe::custom(vec![Stage::cma_es(12, search, 0.3)]);
    let course = |threads: usize| {
        let mut objective = long_span();
        objective.set_threads(threads);
        let mut losses = Vec::new();
        let mut tell = |event: Event<'_>| {
            if let Event::Iteration { loss, .. } = event {
                losses.push(loss.to_bits());
            }
        };
        let control = Control::default();
        let fit = train(&mut objective, &recipe, Start::Problem, &control, &mut tell);
        // The start on the whole span and on its part, then the generations.
        assert_eq!((fit.evaluations, objective.evaluations()), (2 + 12 * 9, 2 + 12 * 9));
        (losses, fit.theta.iter().map(|v| v.to_bits()).collect::<Vec<_>>(), fit.notes)
    };
    let alone = course(1);
    assert_eq!(alone, course(2));
    assert_eq!(alone, course(5));
}

/// Places that fail have their own failure, in the order of the places.
#[test]
fn losses_at_many_places_are_those_of_each() {
    let mut objective = long_span();
    let z = objective.z(&[1.5, 1.0, 3.0, 1.0]);
    let other = objective.z(&[2.0, 1.0, 2.0, 1.0]);
    let broken = vec![f64::NAN; 4];
    let all = [&z[..], &broken, &other, &z].concat();
    for threads in [1, 3] {
        objective.set_threads(threads);
        let found = objective.values(&all, 1.0);
        let bits = |k: usize| found[k].as_ref().unwrap().loss.to_bits();
        assert_eq!(bits(0), objective.value(&z, 1.0).unwrap().loss.to_bits());
        assert_eq!(bits(2), objective.value(&other, 1.0).unwrap().loss.to_bits());
        assert_eq!(bits(3), bits(0));
        assert!(found[1].is_err());
    }
}

#[test]
fn cancelling_a_search_ends_it_on_all_threads() {
    let mut objective = long_span();
    objective.set_threads(3);
    let control = Control::default();
    let cancel = control.cancel.clone();
    let recipe = Recipe::custom(vec![Stage::cma_es(10_000, Search::default(), 1.0)]);
    let fit = train(&mut objective, &recipe, Start::Problem, &control, &mut |event| {
        if matches!(event, Event::Iteration { iteration: 3, .. }) {
            cancel.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    });
    assert_eq!((fit.stop_reason, fit.iterations), (StopReason::Cancelled, 3));
    // The objective is good for more.
    assert!(objective.values(&objective.z_start(), 1.0)[0].is_ok());
}

#[test]
fn too_many_parameters_are_refused_in_a_sentence() {
    let mut problem = problem([5.0; 4], data(1.0, 11), 1e-6);
    problem.theta.extend((0..400).map(|i| scalar(&format!("unused {i}"), 1.0)));
    let mut objective = Objective::new(problem, methods()).unwrap();
    let recipe = Recipe::custom(vec![Stage::cma_es(5, Search::default(), 1.0)]);
    let StopReason::CannotStart { failure, .. } = fitted(&mut objective, &recipe).stop_reason
    else {
        panic!("it started");
    };
    assert!(failure.message.contains("at most 300 parameters, not 404"), "{failure:?}");
}
