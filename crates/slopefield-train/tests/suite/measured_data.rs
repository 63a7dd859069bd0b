//! Fits of published measurements whose maximum likelihood or least squares solution is known.
//!
//! References: computed independently with SciPy (DOP853 at tolerance 1e-12, Nelder–Mead and BFGS
//! to convergence from several starts).

use crate::support;

use slopefield_train::{
    Control, Experiment, Fit, ModelKernels, NoiseKind, Objective, ObservationSpec, Problem, Start,
    recipe, train,
};
use support::*;

/// Thousands of pelts bought by the Hudson Bay Company per year, 1900 to 1920: hare, lynx.
/// Source: Hewitt 1921 through stan-dev/example-models (BSD-3-Clause), file
/// `hudson-bay-lynx-hare.csv`; checked against posteriordb `hudson_lynx_hare`.
const PELTS: [(f64, f64); 21] = [
    (30.0, 4.0),
    (47.2, 6.1),
    (70.2, 9.8),
    (77.4, 35.2),
    (36.3, 59.4),
    (20.6, 41.7),
    (18.1, 19.0),
    (21.4, 13.0),
    (22.0, 8.3),
    (25.4, 9.1),
    (27.1, 7.4),
    (40.3, 8.0),
    (57.0, 12.3),
    (76.6, 19.5),
    (52.3, 45.7),
    (19.5, 51.1),
    (11.2, 29.7),
    (7.6, 15.8),
    (14.6, 9.7),
    (16.2, 10.1),
    (24.7, 8.6),
];

/// Boys in bed at an English boarding school, 22 January to 4 February 1978, of 763.
/// Source: BMJ 1978;1:587 through the R package `outbreaks`, `influenza_england_1978_school`.
const IN_BED: [f64; 14] =
    [3.0, 8.0, 26.0, 76.0, 225.0, 298.0, 258.0, 233.0, 189.0, 128.0, 68.0, 29.0, 14.0, 4.0];

fn assert_near(what: &str, got: f64, want: f64, relative: f64) {
    let error = ((got - want) / want).abs();
    assert!(error <= relative, "{what}: got {got}, want {want}, relative error {error:e}");
}

/// Hare and lynx with parameters (α, β, γ, δ, hare(0), lynx(0), σ hare, σ lynx).
fn hudson_bay(experiment: Experiment) -> Problem {
    let kernels = ModelKernels {
        initial: DualKernel::shared(0, 8, 2, |_, _, p, out| {
            out.copy_from_slice(&p[4..6]);
        }),
        rhs: DualKernel::shared(2, 8, 2, |_, u, p, out| {
            out[0] = p[0] * u[0] - p[1] * u[0] * u[1];
            out[1] = p[3] * u[0] * u[1] - p[2] * u[1];
        }),
        observe: DualKernel::shared(2, 8, 4, |_, u, p, out| {
            out.copy_from_slice(&[u[0], p[6], u[1], p[7]]);
        }),
    };
    Problem {
        kernels,
        observations: vec![
            observation("hare pelts", NoiseKind::LogNormal, 0),
            observation("lynx pelts", NoiseKind::LogNormal, 2),
        ],
        theta: vec![
            positive("alpha", 0.5, (0.01, 5.0)),
            positive("beta", 0.02, FREE),
            positive("gamma", 0.8, (0.01, 5.0)),
            positive("delta", 0.02, FREE),
            scalar("hare(0)", 30.0),
            scalar("lynx(0)", 4.0),
            positive("sigma hare", 0.25, (0.01, 2.0)),
            positive("sigma lynx", 0.25, (0.01, 2.0)),
        ],
        experiments: vec![experiment],
        settings: slopefield_solve::Settings::default(),
        driven: Vec::new(),
        l2: 0.0,
    }
}

fn pelts() -> Experiment {
    let t = times(1900.0, 1.0, 21);
    let hare: Vec<f64> = PELTS.iter().map(|row| row.0).collect();
    let lynx: Vec<f64> = PELTS.iter().map(|row| row.1).collect();
    experiment(1900.0, 8, vec![series(0, &t, &hare), series(1, &t, &lynx)])
}

fn fit_default(problem: Problem) -> (Objective, Fit) {
    let recipe = recipe::default(&problem);
    let mut objective = Objective::new(problem, methods()).unwrap();
    let fit = train(&mut objective, &recipe, Start::Problem, &Control::default(), &mut |_| {});
    assert!(fit.stop_reason.is_success(), "{}", fit.stop_reason.sentence());
    (objective, fit)
}

const HUDSON_BAY: [(&str, f64); 8] = [
    ("alpha", 0.540_014_0),
    ("beta", 0.027_156_12),
    ("gamma", 0.796_598_8),
    ("delta", 0.023_702_04),
    ("hare(0)", 34.599_16),
    ("lynx(0)", 5.843_737),
    ("sigma hare", 0.218_379_6),
    ("sigma lynx", 0.220_084_3),
];

#[track_caller]
fn assert_hudson_bay(fit: &Fit, parameters: f64, log_likelihood: f64) {
    for ((name, want), got) in HUDSON_BAY.iter().zip(&fit.theta) {
        assert_near(name, *got, *want, parameters);
    }
    assert_near("log-likelihood", fit.log_likelihood.unwrap(), -122.925_951, log_likelihood);
    assert_near("loss", fit.loss, 122.925_951, log_likelihood);
}

#[test]
fn hare_and_lynx_reach_the_maximum_likelihood() {
    let (objective, fit) = fit_default(Problem { settings: tight(1e-10), ..hudson_bay(pelts()) });
    assert_hudson_bay(&fit, 5e-7, 5e-9);
    // Root mean square errors follow from the fitted curves alone.
    let scores = objective.scores(&fit.theta).unwrap();
    assert_eq!(scores.len(), 2);
    assert_eq!((scores[0].points, scores[0].held_out_points), (21, 0));
    let curve = objective.predict(&fit.theta, 0, &times(1900.0, 1.0, 21)).unwrap();
    let mean_square: f64 =
        curve[0].iter().zip(PELTS).map(|(m, row)| (m - row.0).powi(2)).sum::<f64>() / 21.0;
    assert_near("rmse", scores[0].rmse.unwrap(), mean_square.sqrt(), 1e-12);
}

/// With the default tolerances of the solver, and all parameters on a linear scale.
#[test]
fn the_fit_does_not_depend_on_how_parameters_are_scaled() {
    let mut problem = hudson_bay(pelts());
    for spec in &mut problem.theta {
        spec.scale = slopefield_train::Scale::Linear;
        spec.bounds = (0.0, 100.0);
    }
    assert_hudson_bay(&fit_default(problem).1, 2e-6, 2e-7);
}

#[test]
fn influenza_reaches_the_least_squares_solution() {
    // S, I with β, γ; N = 763, one boy ill on day 0.
    let kernels = ModelKernels {
        initial: DualKernel::shared(0, 2, 2, |_, _, _, out| {
            out.copy_from_slice(&[c(762.0), c(1.0)]);
        }),
        rhs: DualKernel::shared(2, 2, 2, |_, u, p, out| {
            let infection = p[0] * u[0] * u[1] / c(763.0);
            out[0] = -infection;
            out[1] = infection - p[1] * u[1];
        }),
        observe: DualKernel::shared(2, 2, 1, |_, u, _, out| out[0] = u[1]),
    };
    let in_bed = series(0, &times(1.0, 1.0, 14), &IN_BED);
    let problem = Problem {
        kernels,
        observations: vec![ObservationSpec {
            over_paths: None,
            name: "in bed".into(),
            noise: NoiseKind::LeastSquares,
            value: 0,
            noise_args: 0..0,
        }],
        theta: vec![positive("beta", 1.0, FREE), positive("gamma", 0.3, FREE)],
        experiments: vec![experiment(0.0, 2, vec![in_bed])],
        settings: slopefield_solve::Settings::default(),
        driven: Vec::new(),
        l2: 0.0,
    };
    let (_, fit) = fit_default(problem);
    assert_near("beta", fit.theta[0], 1.669_226, 1e-6);
    assert_near("gamma", fit.theta[1], 0.443_450, 2e-6);
    assert_near("sum of squares", fit.sse, 4121.94, 2e-6);
    assert_eq!(fit.log_likelihood, None);
}
