//! Iterations that look at some of many experiments.

use crate::support::*;
use slopefield_train::{
    Batch, Checkpoint, Control, Event, Experiment, ModelKernels, NoiseKind, Objective, Problem,
    Recipe, Schedule, Stage, Start, train,
};
use std::sync::atomic::Ordering;

/// x' = s − k x from ten different beginnings, exact data at k = 0.8, s = 1; the last experiment has
/// no data.
fn many() -> Objective {
    let kernels = ModelKernels {
        initial: DualKernel::shared(0, 2, 1, |_, _, _, out| out[0] = c(5.0)),
        rhs: DualKernel::shared(1, 2, 1, |_, u, p, out| out[0] = p[1] - p[0] * u[0]),
        observe: DualKernel::shared(1, 2, 1, |_, u, _, out| out[0] = u[0]),
    };
    let t = times(0.0, 0.5, 9);
    let experiments: Vec<Experiment> = (0..11)
        .map(|e| {
            let x0 = 0.5 + 0.7 * f64::from(e);
            let exact: Vec<f64> = t.iter().map(|t| 1.25 + (x0 - 1.25) * (-0.8 * t).exp()).collect();
            let data = if e < 10 { vec![series(0, &t, &exact)] } else { Vec::new() };
            Experiment { fixed_initial: vec![(0, x0)], ..experiment(0.0, 2, data) }
        })
        .collect();
    let mut k = positive("k", 3.0, (0.01, 10.0));
    k.prior = Some(("normal".into(), vec![0.8, 5.0]));
    let problem = Problem {
        kernels,
        observations: vec![observation("x", NoiseKind::LeastSquares, 0)],
        theta: vec![k, scalar("s", 0.2)],
        experiments,
        settings: tight(1e-8),
        driven: Vec::new(),
        l2: 0.0,
    };
    Objective::new(problem, methods()).unwrap()
}

/// Ten experiments in four batches, two of two and two of three, weighted by their sizes.
#[test]
fn the_mean_over_a_round_is_the_loss_and_its_gradient() {
    let mut objective = many();
    assert_eq!(objective.batchable(), 10);
    let z = objective.z_start();
    let mut gradient = vec![0.0; 2];
    let whole = objective.evaluate(&z, 1.0, Some(&mut gradient)).unwrap();
    let batch = Batch { experiments: 3, seed: 7 };
    let (mut loss, mut mean) = (0.0, vec![0.0; 2]);
    for k in 12..16 {
        let drawn = batch.drawn(10, k).unwrap();
        let mut part = vec![0.0; 2];
        let found = objective.evaluate_some(&z, 1.0, &drawn, &mut part).unwrap();
        let weight = drawn.len() as f64 / 10.0;
        loss += weight * found.loss;
        mean.iter_mut().zip(&part).for_each(|(m, p)| *m += weight * p);
        assert!((found.loss - whole.loss).abs() > 1e-3 * whole.loss);
    }
    let near = |a: f64, b: f64| assert!((a - b).abs() <= 1e-12 * b.abs(), "{a}, not {b}");
    near(loss, whole.loss);
    near(mean[0], gradient[0]);
    near(mean[1], gradient[1]);
}

fn recipe(experiments: u32) -> Recipe {
    let batch = Batch { experiments, seed: 7 };
    let schedule = Schedule::Exponential(0.01);
    Recipe::custom(vec![Stage { batch, schedule, ..Stage::adam(1202, 0.1, 1.0) }])
}

#[test]
fn some_experiments_at_a_time_lead_to_the_optimum_of_all() {
    let mut losses = Vec::new();
    let mut objective = many();
    let control = Control::default();
    let fit = train(&mut objective, &recipe(3), Start::Problem, &control, &mut |event| {
        if let Event::Iteration { loss, best, .. } = event {
            losses.push((loss, best));
        }
    });
    assert!((fit.theta[0] - 0.8).abs() < 1e-3 && (fit.theta[1] - 1.0).abs() < 1e-3, "{fit:?}");
    // The loss of the fit is that of all experiments, which was looked at once a round and at the
    // end: the gradient at the start, 1202 batches, 300 rounds and the last.
    let theta = fit.theta.clone();
    let z = objective.z(&theta);
    let whole = objective.evaluate(&z, 1.0, None).unwrap().loss;
    assert!((fit.loss - whole).abs() <= 1e-9 * whole, "{} {whole}", fit.loss);
    let checks = fit.gradient_check.as_ref().map_or(0, |_| fit.evaluations - (1 + 1202 + 301));
    assert_eq!(fit.evaluations, 1 + 1202 + 301 + checks);
    assert!(checks < 40, "{checks}");
    for (k, (loss, best)) in losses.iter().enumerate() {
        let round = (k + 1) % 4 == 0 || k == 1201;
        assert!(*best <= *loss || !round, "{k}");
    }
    // A batch of all is no batch.
    let course = |recipe: &Recipe| {
        let fit = train(&mut many(), recipe, Start::Problem, &control, &mut |_| {});
        fit.theta.iter().map(|v| v.to_bits()).collect::<Vec<_>>()
    };
    assert_eq!(course(&recipe(10)), course(&recipe(0)));
    assert_ne!(course(&recipe(9)), course(&recipe(0)));
}

#[test]
fn going_on_in_the_middle_of_a_round_gives_the_same_bits() {
    let straight = train(&mut many(), &recipe(3), Start::Problem, &Control::default(), &mut |_| {});
    for at in [1, 6, 8, 201] {
        let control = Control::default();
        let cancel = control.cancel.clone();
        let mut last = None;
        train(&mut many(), &recipe(3), Start::Problem, &control, &mut |event| match event {
            Event::Iteration { iteration, .. } if iteration == at => {
                cancel.store(true, Ordering::Relaxed);
            }
            Event::Checkpoint(checkpoint) => last = Some(checkpoint.to_bytes()),
            _ => {}
        });
        let checkpoint = Checkpoint::from_bytes(&last.unwrap()).unwrap();
        assert_eq!(checkpoint.iteration, at);
        let start = Start::Checkpoint(Box::new(checkpoint));
        let resumed = train(&mut many(), &recipe(3), start, &Control::default(), &mut |_| {});
        let bits = |v: &[f64]| v.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&resumed.theta), bits(&straight.theta));
        assert_eq!((resumed.loss, resumed.evaluations), (straight.loss, straight.evaluations));
        assert_eq!(resumed.notes, straight.notes);
    }
}
