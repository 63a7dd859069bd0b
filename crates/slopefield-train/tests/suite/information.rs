//! The expected information of the loss, and the Levenberg–Marquardt method on it.

use crate::support;

use slopefield_adjoint::GaussAdjoint;
use slopefield_train::{
    Control, Methods, NoiseKind, Objective, ParamKind, ParamSpec, Problem, Recipe, Stage, Start,
    StopReason, train,
};
use std::sync::Arc;
use support::*;

/// Lotka–Volterra with all of (α, β, δ, γ) free, measured at 21 times with noise of unit size; the
/// measurements are the model's values at the start.
fn exact(start: [f64; 4], noise: NoiseKind) -> Problem {
    let t = times(0.0, 0.25, 21);
    let mut kernels = lotka_volterra();
    kernels.observe = DualKernel::shared(2, 4, 4, |_, u, _, out| {
        (out[0], out[1]) = (u[0], c(0.3));
        (out[2], out[3]) = (u[1], c(0.3));
    });
    let mut problem = Problem {
        kernels,
        observations: vec![observation("x", noise, 0), observation("y", noise, 2)],
        theta: ["a", "b", "d", "g"].iter().zip(start).map(|(n, v)| scalar(n, v)).collect(),
        experiments: vec![experiment(0.0, 4, vec![series(0, &[0.0], &[1.0])])],
        settings: tight(1e-12),
        driven: Vec::new(),
        l2: 0.0,
    };
    let curves =
        Objective::new(problem.clone(), methods()).unwrap().predict(&start, 0, &t).unwrap();
    problem.experiments[0].series = vec![series(0, &t, &curves[0]), series(1, &t, &curves[1])];
    problem
}

#[test]
fn it_is_the_second_derivative_where_the_residuals_vanish() {
    for noise in [NoiseKind::LeastSquares, NoiseKind::Normal, NoiseKind::LogNormal] {
        let mut problem = exact([1.5, 1.0, 3.0, 1.0], noise);
        // Priors and weights have their curvature in it as well.
        problem.theta[0].prior = Some(("normal".into(), vec![1.5, 0.2]));
        problem.theta[3] = ParamSpec { kind: ParamKind::Weight, ..problem.theta[3].clone() };
        problem.l2 = 0.7;
        let mut objective = Objective::new(problem, methods()).unwrap();
        let z = objective.z_start();
        let (mut grad, mut information) = (vec![0.0; 4], vec![f64::NAN; 16]);
        objective.evaluate_information(&z, 1.0, &mut grad, &mut information).unwrap();
        let size = information.iter().fold(0.0f64, |m, x| m.max(x.abs()));
        for i in 0..4 {
            let mut at = |h: f64| {
                let (mut z, mut grad) = (z.clone(), vec![0.0; 4]);
                z[i] += h;
                objective.evaluate(&z, 1.0, Some(&mut grad)).unwrap();
                grad
            };
            let h = 1e-3;
            let far: Vec<Vec<f64>> = [h, -h, 2.0 * h, -2.0 * h].map(&mut at).to_vec();
            for j in 0..4 {
                let d = (8.0 * (far[0][j] - far[1][j]) - (far[2][j] - far[3][j])) / (12.0 * h);
                let got = information[4 * i + j];
                assert!((got - d).abs() < 1e-7 * size, "{noise:?} {i} {j}: {got} {d}");
            }
        }
    }
}

#[test]
fn levenberg_marquardt_finds_the_parameters_behind_exact_data() {
    for start in [[4.0, 1.0, 2.0, 0.4], [2.2, 1.0, 2.0, 0.4]] {
        let mut problem = exact([1.5, 1.0, 3.0, 1.0], NoiseKind::LeastSquares);
        for (spec, value) in problem.theta.iter_mut().zip(start) {
            spec.start = value;
        }
        let mut objective = Objective::new(problem, methods()).unwrap();
        let recipe = Recipe::custom(vec![Stage::levenberg_marquardt(60, 1.0)]);
        let fit = train(&mut objective, &recipe, Start::Problem, &Control::default(), &mut |_| {});
        for (got, want) in fit.theta.iter().zip([1.5, 1.0, 3.0, 1.0]) {
            assert!((got - want).abs() < 1e-10, "from {start:?}: {fit:?}");
        }
        assert_eq!(fit.stop_reason, StopReason::Converged);
        assert!(fit.evaluations < 60, "{}", fit.evaluations);
    }
}

#[test]
fn it_is_refused_with_gradients_that_do_not_follow_the_steps() {
    let methods = Methods {
        gradient: Arc::new(|_| {
            Box::new(GaussAdjoint::new(slopefield_solve::method("tsit5").unwrap()))
        }),
        ..methods()
    };
    let problem = exact([1.5, 1.0, 3.0, 1.0], NoiseKind::LeastSquares);
    let mut objective = Objective::new(problem, methods).unwrap();
    let recipe = Recipe::custom(vec![Stage::levenberg_marquardt(60, 1.0)]);
    let fit = train(&mut objective, &recipe, Start::Problem, &Control::default(), &mut |_| {});
    assert!(matches!(fit.stop_reason, StopReason::CannotStart { .. }), "{:?}", fit.stop_reason);
    assert!(fit.stop_reason.sentence().contains("`gauss`"), "{}", fit.stop_reason.sentence());
}
