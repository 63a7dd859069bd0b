//! The loss and its gradient: against sums written out by hand and against differences.

use crate::support;

use slopefield_train::{
    Experiment, FailureKind, ModelKernels, NoiseKind, Objective, ParamKind, ParamSpec, Problem,
    ProblemError, Scale, Series, Source,
};
use support::*;

/// Two states whose start, rates, observations and noise all depend on parameters and time:
/// u' = −a u + b sin t, v' = a u − d v; u(0) = s², v(0) = s·a + t0.
/// Observed: v·u + d (normal, sd 0.1 + 0.05 e^d), u (log-normal, sd w), u + v (least squares),
/// 3 + u (negative binomial, phi 1/w), and v again (Student t, df 3 + a, scale w).
const PARAMS: usize = 5;

fn kernels() -> ModelKernels {
    ModelKernels {
        initial: DualKernel::shared(0, PARAMS, 2, |t, _, p, out| {
            out[0] = p[3] * p[3];
            out[1] = p[3] * p[0] + t;
        }),
        rhs: DualKernel::shared(2, PARAMS, 2, |t, u, p, out| {
            out[0] = p[1] * t.sin() - p[0] * u[0];
            out[1] = p[0] * u[0] - p[2] * u[1];
        }),
        observe: DualKernel::shared(2, PARAMS, 10, |t, u, p, out| {
            out[0] = u[1] * u[0] + p[2];
            out[1] = c(0.1) + c(0.05) * p[2].exp();
            out[2] = u[0] + c(0.01) * t;
            out[3] = p[4];
            out[4] = u[0] + u[1];
            out[5] = c(3.0) + u[0];
            out[6] = c(1.0) / p[4];
            out[7] = u[1];
            out[8] = c(3.0) + p[0];
            out[9] = p[4];
        }),
    }
}

fn weight(name: &str, start: f64) -> ParamSpec {
    ParamSpec { kind: ParamKind::Weight, ..scalar(name, start) }
}

/// Three experiments: shared, local and overridden parameters, a fixed initial value, several
/// series on different times, points at the very start, missing and held-out points.
fn problem() -> Problem {
    let held = |s: Series, held_out: &[bool]| Series { held_out: held_out.into(), ..s };
    let first = Experiment {
        name: "first".into(),
        t0: 0.0,
        params: (0..5).map(Source::Theta).collect(),
        steady: false,
        fixed_initial: vec![],
        series: vec![
            series(0, &[0.0, 0.5, 1.0, 2.0], &[1.0, 0.9, f64::NAN, 0.6]),
            held(series(1, &[2.5, 0.25, 1.0], &[0.7, 1.2, 0.9]), &[true, false, false]),
            series(3, &[0.0, 1.0], &[4.0, 2.0]),
        ],
    };
    let second = Experiment {
        name: "second".into(),
        t0: 0.5,
        params: vec![
            Source::Theta(0),
            Source::Theta(5),
            Source::Fixed(0.4),
            Source::Theta(3),
            Source::Theta(4),
        ],
        steady: false,
        fixed_initial: vec![(1, 0.8)],
        series: vec![series(2, &[0.5, 1.5, 3.0], &[2.0, 1.5, 1.2]), series(4, &[1.0], &[0.5])],
    };
    // Measured at its start only: nothing to integrate.
    let third = Experiment {
        name: "third".into(),
        t0: 1.0,
        params: (0..5).map(Source::Theta).collect(),
        steady: false,
        fixed_initial: vec![],
        series: vec![series(0, &[1.0, 1.0], &[2.0, 2.5])],
    };
    let prior = |spec: ParamSpec, name: &str, arguments: &[f64]| ParamSpec {
        prior: Some((name.into(), arguments.into())),
        ..spec
    };
    Problem {
        kernels: kernels(),
        observations: vec![
            observation("product", NoiseKind::Normal, 0),
            observation("u", NoiseKind::LogNormal, 2),
            observation("sum", NoiseKind::LeastSquares, 4),
            observation("count", NoiseKind::NegativeBinomial, 5),
            observation("v", NoiseKind::StudentT, 7),
        ],
        theta: vec![
            prior(positive("a", 0.7, (0.05, 9.0)), "lognormal", &[-0.5, 0.4]),
            scalar("b", 0.3),
            ParamSpec { bounds: (0.0, 2.0), scale: Scale::Logit, ..scalar("d", 0.4) },
            ParamSpec { bounds: (0.5, f64::INFINITY), ..scalar("s", 1.1) },
            prior(positive("w", 0.3, FREE), "gamma", &[2.0, 0.2]),
            weight("b2", -0.2),
        ],
        experiments: vec![first, second, third],
        settings: tight(1e-12),
        driven: Vec::new(),
        l2: 0.7,
    }
}

fn objective() -> Objective {
    Objective::new(problem(), methods()).unwrap()
}

/// A place away from the start, so that no transform is at its anchor.
fn somewhere(objective: &Objective) -> Vec<f64> {
    objective.z_start().iter().enumerate().map(|(i, z)| z + 0.1 * (i as f64 - 2.3)).collect()
}

#[test]
fn the_gradient_agrees_with_differences_of_the_loss() {
    let mut objective = objective();
    let z = somewhere(&objective);
    for horizon in [1.0, 0.6, 0.2] {
        let mut grad = vec![0.0; z.len()];
        objective.evaluate(&z, horizon, Some(&mut grad)).unwrap();
        for i in 0..z.len() {
            let mut at = |h: f64| {
                let mut z = z.clone();
                z[i] += h;
                objective.evaluate(&z, horizon, None).unwrap().loss
            };
            let h = 1e-3;
            let difference = (45.0 * (at(h) - at(-h)) - 9.0 * (at(2.0 * h) - at(-2.0 * h))
                + at(3.0 * h)
                - at(-3.0 * h))
                / (60.0 * h);
            let error = (grad[i] - difference).abs() / difference.abs().max(1.0);
            assert!(error < 1e-8, "horizon {horizon}, element {i}: {} {difference}", grad[i]);
            assert!(grad[i] != 0.0, "element {i} has no influence: the test does not test it");
        }
    }
}

#[test]
fn the_gradient_beside_the_information_is_that_of_the_adjoint() {
    let mut objective = objective();
    let z = somewhere(&objective);
    let n = z.len();
    for horizon in [1.0, 0.6, 0.2] {
        let (mut adjoint, mut grad) = (vec![0.0; n], vec![f64::NAN; n]);
        let mut information = vec![f64::NAN; n * n];
        let plain = objective.evaluate(&z, horizon, Some(&mut adjoint)).unwrap();
        let full =
            objective.evaluate_information(&z, horizon, &mut grad, &mut information).unwrap();
        assert!((plain.loss - full.loss).abs() < 1e-12 * plain.loss.abs());
        assert_eq!((plain.points, plain.log_likelihood), (full.points, full.log_likelihood));
        for i in 0..n {
            let error = (grad[i] - adjoint[i]).abs() / adjoint[i].abs().max(1.0);
            assert!(error < 1e-9, "horizon {horizon}, {i}: {} {}", grad[i], adjoint[i]);
            assert!(information[i * n + i] > 0.0);
            for j in 0..n {
                let (a, b) = (information[i * n + j], information[j * n + i]);
                assert!((a - b).abs() <= 1e-12 * a.abs().max(1.0), "not symmetric: {a} {b}");
            }
        }
    }
}

#[test]
fn the_loss_is_the_sum_written_out_by_hand() {
    let mut objective = objective();
    let z = somewhere(&objective);
    let theta = objective.theta(&z);
    let evaluation = objective.evaluate(&z, 1.0, None).unwrap();

    let curve = |e: usize, times: &[f64]| objective.predict(&theta, e, times).unwrap();
    let [_, _, d, _, w, b2] = theta[..] else { unreachable!() };
    let a = theta[0];
    let ln_2pi = (2.0 * std::f64::consts::PI).ln();
    let normal = |y: f64, m: f64, s: f64| -0.5 * ln_2pi - s.ln() - 0.5 * ((y - m) / s).powi(2);
    let mut log_likelihood = 0.0;
    let sd = 0.1 + 0.05 * d.exp();
    let product = &curve(0, &[0.0, 0.5, 2.0])[0];
    for (y, m) in [1.0, 0.9, 0.6].iter().zip(product) {
        log_likelihood += normal(*y, *m, sd);
    }
    for (y, m) in [1.2f64, 0.9].iter().zip(&curve(0, &[0.25, 1.0])[1]) {
        log_likelihood += normal(y.ln(), m.ln(), w) - y.ln();
    }
    for (y, m) in [4u32, 2].iter().zip(&curve(0, &[0.0, 1.0])[3]) {
        // Product form of the negative binomial for whole y.
        let phi = 1.0 / w;
        let choose: f64 = (0..*y).map(|k| (phi + f64::from(k)) / f64::from(k + 1)).product();
        log_likelihood +=
            choose.ln() + phi * (phi / (phi + m)).ln() + f64::from(*y) * (m / (phi + m)).ln();
    }
    for (y, m) in [2.0, 2.5].iter().zip(curve(2, &[1.0])[0].iter().cycle()) {
        log_likelihood += normal(*y, *m, sd);
    }
    let m = curve(1, &[1.0])[4][0];
    let student = |df: f64, r: f64| -> f64 {
        // Density normalised numerically: independent of any gamma function.
        let kernel = |x: f64| (1.0 + x * x / df).powf(-0.5 * (df + 1.0));
        let n = 2_000_000;
        // x = tan φ maps the line to an interval.
        let h = std::f64::consts::PI / f64::from(n);
        let area: f64 = (0..n)
            .map(|i| {
                let angle = -0.5 * std::f64::consts::PI + (f64::from(i) + 0.5) * h;
                kernel(angle.tan()) / angle.cos().powi(2) * h
            })
            .sum();
        (kernel(r) / area).ln()
    };
    log_likelihood += student(3.0 + a, (0.5 - m) / w) - w.ln();
    let sums = &curve(1, &[0.5, 1.5, 3.0])[2];
    let sse: f64 = [2.0, 1.5, 1.2].iter().zip(sums).map(|(y, m)| (y - m) * (y - m)).sum();
    let prior_a = normal(a.ln(), -0.5, 0.4) - a.ln();
    let prior_w = w.ln() - w / 0.2 - 2.0 * 0.2f64.ln();
    let want = -log_likelihood + sse - prior_a - prior_w + 0.7 * b2 * b2;

    assert!((evaluation.loss - want).abs() < 1e-9, "{} {want}", evaluation.loss);
    assert!((evaluation.sse - sse).abs() < 1e-12);
    assert_eq!(evaluation.log_likelihood, None, "least squares has no likelihood");
    assert_eq!(evaluation.points, 3 + 2 + 2 + 3 + 1 + 2);
}

#[test]
fn hold_out_is_the_loss_of_its_points_alone() {
    let mut objective = objective();
    let z = somewhere(&objective);
    let theta = objective.theta(&z);
    let m = objective.predict(&theta, 0, &[2.5]).unwrap()[1][0];
    let w = theta[4];
    let r = (0.7f64.ln() - m.ln()) / w;
    let want = 0.5 * (2.0 * std::f64::consts::PI).ln() + w.ln() + 0.7f64.ln() + 0.5 * r * r;
    assert!((objective.hold_out(&z).unwrap().unwrap() - want).abs() < 1e-9);
    assert!(objective.has_hold_out());
    let scores = objective.scores(&theta).unwrap();
    let score = scores.iter().find(|s| (s.experiment, s.observation) == (0, 1)).unwrap();
    assert_eq!((score.points, score.held_out_points), (2, 1));
    assert!((score.held_out_rmse.unwrap() - (m - 0.7).abs()).abs() < 1e-10);
    assert_eq!(scores.len(), 3 + 2 + 1);
}

#[test]
fn the_horizon_takes_points_within_its_share_and_at_least_one_after_the_start() {
    let mut objective = objective();
    let z = objective.z_start();
    let mut points = |horizon: f64| objective.evaluate(&z, horizon, None).unwrap().points;
    assert_eq!(points(1.0), 13);
    // First experiment: training times 0, .25, .5, 1, 2; second: .5, 1, 1.5, 3; third: only 1.
    assert_eq!(points(0.5), 2 + 2 + 2 + 3 + 2);
    assert_eq!(points(1e-6), 2 + 1 + 1 + 1 + 2);
    // 0.4 of the second span of 2.5 is exactly 1.5: included.
    assert_eq!(points(0.4), 2 + 1 + 1 + 3 + 2);
}

#[test]
fn the_initial_value_set_by_an_experiment_wins() {
    let objective = objective();
    let theta = objective.theta(&objective.z_start());
    let (states, failure) = objective.states(&theta, 1, &[0.5]);
    assert_eq!(failure, None);
    assert_eq!(states[1], 0.8);
    assert!((states[0] - theta[3] * theta[3]).abs() < 1e-15);
}

#[test]
fn repeated_evaluations_have_the_same_bits() {
    let mut objective = objective();
    let z = somewhere(&objective);
    let (mut a, mut b) = (vec![0.0; z.len()], vec![0.0; z.len()]);
    let first = objective.evaluate(&z, 1.0, Some(&mut a)).unwrap();
    objective.evaluate(&objective.z_start(), 0.3, Some(&mut b)).unwrap();
    let _ = objective.hold_out(&z);
    let second = objective.evaluate(&z, 1.0, Some(&mut b)).unwrap();
    assert_eq!((first, a), (second, b));
}

#[test]
fn values_without_a_likelihood_are_failures_that_say_where() {
    // Log-normal of u, which a strong forcing drives below zero.
    let mut problem = problem();
    problem.theta[1].start = -20.0;
    let mut objective = Objective::new(problem, methods()).unwrap();
    let mut grad = vec![0.0; 6];
    let failure = objective.evaluate(&objective.z_start(), 1.0, Some(&mut grad)).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Noise);
    assert_eq!(
        (failure.experiment, failure.observation, failure.time),
        (Some(0), Some(1), Some(1.0))
    );
    assert_eq!(failure.u.len(), 2);
    let message = failure.to_string();
    assert!(message.contains("experiment first: observation u at t = 1"), "{message}");
    assert!(message.contains("positive value of the model, not -"), "{message}");
    assert!(message.contains("measured 0.9"), "{message}");
    // The same place again, and another one, still work: nothing of the failure stays behind.
    assert!(objective.evaluate(&objective.z_start(), 1.0, None).is_err());
    let mut fine = objective.z_start();
    fine[1] = 0.3;
    assert!(objective.evaluate(&fine, 1.0, None).is_ok());
}

#[test]
fn a_negative_noise_argument_is_a_failure() {
    let mut problem = problem();
    problem.theta[4] = scalar("w", -0.3);
    let mut objective = Objective::new(problem, methods()).unwrap();
    let failure = objective.evaluate(&objective.z_start(), 1.0, None).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Noise);
    assert!(failure.message.contains("phi"), "{}", failure.message);
    assert!(failure.message.contains("must be positive, not -3.33"), "{}", failure.message);
}

#[test]
fn a_solve_that_breaks_down_is_a_failure_with_time_and_state() {
    // x' = x² from 1 has no value at t = 1.
    let kernels = ModelKernels {
        initial: DualKernel::shared(0, 1, 1, |_, _, _, out| out[0] = c(1.0)),
        rhs: DualKernel::shared(1, 1, 1, |_, u, p, out| out[0] = p[0] * u[0] * u[0]),
        observe: DualKernel::shared(1, 1, 1, |_, u, _, out| out[0] = u[0]),
    };
    let t = times(0.0, 0.2, 11);
    let mut held = series(0, &t, &[1.0; 11]);
    held.held_out = t.iter().map(|t| *t > 1.5).collect();
    let problem = Problem {
        kernels,
        observations: vec![observation("x", NoiseKind::LeastSquares, 0)],
        theta: vec![scalar("k", 1.0)],
        experiments: vec![experiment(0.0, 1, vec![held])],
        settings: slopefield_solve::Settings { max_steps: 20_000, ..Default::default() },
        driven: Vec::new(),
        l2: 0.0,
    };
    let mut objective = Objective::new(problem, methods()).unwrap();
    let failure = objective.evaluate(&[1.0], 1.0, None).unwrap_err();
    assert_eq!((failure.kind, failure.experiment), (FailureKind::Solve, Some(0)));
    assert!((failure.time.unwrap() - 1.0).abs() < 0.05, "{failure:?}");
    assert!(failure.message.contains("experiment the only one"), "{}", failure.message);
    assert!(!failure.is_cancelled());
    // Curves are shown up to there, not made up beyond.
    let (curves, reason) = objective.predict_until_failure(&[1.0], 0, &t);
    assert!(reason.is_some());
    assert!((curves[0][4] - 5.0).abs() < 1e-4, "x(0.8) = 1/(1 − 0.8): {}", curves[0][4]);
    assert!(curves[0][6..].iter().all(|v| v.is_nan()), "{curves:?}");
    assert!(objective.predict(&[1.0], 0, &t).is_err());
    // A forecast that does not exist has an infinite score; 0.6 reaches the training points.
    let scores = objective.scores(&[0.6]).unwrap();
    assert_eq!(scores[0].held_out_rmse, Some(f64::INFINITY));
    assert!(scores[0].rmse.unwrap().is_finite());
}

#[test]
fn priors_without_density_are_failures() {
    let mut problem = problem();
    problem.theta[1].prior = Some(("uniform".into(), vec![0.5, 1.0]));
    let mut objective = Objective::new(problem, methods()).unwrap();
    let failure = objective.evaluate(&objective.z_start(), 1.0, None).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Prior);
    assert!(failure.message.contains("parameter b: its prior has no density at 0.3"));
}

#[test]
fn problems_that_cannot_work_are_refused_by_name() {
    let refuse = |change: &dyn Fn(&mut Problem), words: &str| {
        let mut problem = problem();
        change(&mut problem);
        let error = Objective::new(problem, methods()).err().expect(words).to_string();
        assert!(error.contains(words), "{error}");
    };
    refuse(
        &|p| p.experiments[1].t0 = 0.75,
        "experiment second: sum was measured at 0.5, before the start 0.75",
    );
    refuse(&|p| p.experiments[0].series[1].values[1] = -1.0, "u at 0.25: with log-normal noise");
    refuse(&|p| p.experiments[0].series[2].values[0] = 1.5, "whole number");
    refuse(&|p| p.experiments[0].series[0].times[1] = f64::NAN, "time 2 of 4");
    refuse(&|p| p.experiments[0].series[0].values.truncate(2), "4 times, 2 values");
    refuse(&|p| p.experiments[0].series[0].observation = 9, "observation 9");
    refuse(&|p| p.experiments[0].params.truncate(2), "2 parameter sources for 5");
    refuse(&|p| p.experiments[0].params[0] = Source::Theta(17), "element 17 of 6");
    refuse(&|p| p.experiments[1].fixed_initial[0].0 = 2, "state 2");
    refuse(&|p| p.observations[0].noise_args = 1..3, "takes 1 arguments, not 2");
    refuse(&|p| p.observations[0].value = 10, "beyond the 10 outputs");
    refuse(&|p| p.theta[0].start = 10.0, "parameter a: the start value 10 is outside");
    refuse(&|p| p.theta[0].prior = Some(("gauss".into(), vec![])), "no prior is called `gauss`");
    refuse(&|p| p.l2 = -1.0, "L2");
    refuse(&|p| p.settings.atol = vec![1e-8; 3], "3 absolute tolerances for 2 states");
    refuse(
        &|p| p.kernels.rhs = DualKernel::shared(2, 4, 2, |_, _, _, _| {}),
        "take 5, 4 and 5 parameters",
    );
    let mut empty = problem();
    for e in &mut empty.experiments {
        e.series.iter_mut().for_each(|s| s.values.fill(f64::NAN));
    }
    assert_eq!(Objective::new(empty, methods()).err(), Some(ProblemError::NoData));
}
