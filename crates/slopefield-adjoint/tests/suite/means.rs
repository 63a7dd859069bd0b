//! Gradients of means and variances over paths of equations with noise, against exact moments.

use slopefield_adjoint::{
    MeanGradient, PathGradient, PathMethod, Pathwise, StochasticAdjoint, mean_gradient,
    moment_gradient,
};
use slopefield_problems::{additive_noise, geometric_brownian_motion};
use slopefield_solve::{Ivp, Settings, SolveError, Stepper};
use slopefield_stochastic::Paths;

fn stepper() -> Box<dyn Stepper> {
    slopefield_stochastic::method("sriw1").expect("a method for noise")
}

fn gradient() -> Box<dyn PathGradient> {
    Box::new(Pathwise(Box::new(StochasticAdjoint::named("sriw1").expect("a method for noise"))))
}

const METHOD: PathMethod<'static> = PathMethod { stepper: &stepper, gradient: &gradient };

fn fixed(h: f64) -> Settings {
    Settings { h_init: Some(h), h_max: h, seed: 21, ..Settings::default() }
}

fn which(count: usize, threads: usize) -> Paths {
    Paths { first: 0, count, threads }
}

#[track_caller]
fn within_three_errors(found: &[f64], errors: &[f64], exact: &[f64]) {
    for ((found, error), exact) in found.iter().zip(errors).zip(exact) {
        assert!((found - exact).abs() < 3.0 * error, "{found} ± {error} for {exact}");
    }
}

const P: [f64; 2] = [0.5, 0.3];

fn mean(threads: usize, count: usize) -> MeanGradient {
    let problem = geometric_brownian_motion();
    let ivp = Ivp { rhs: &*problem.rhs, t0: 0.0, t1: 1.0, u0: &[0.5], p: &P };
    let loss = |u: &[f64], slope: &mut [f64]| {
        slope[1] = 2.0 * u[1];
        u[1] * u[1]
    };
    mean_gradient(METHOD, &ivp, &fixed(1.0 / 32.0), which(count, threads), &[0.4, 1.0], &loss)
        .expect("a gradient")
}

/// `E[X²] = X₀² exp((2μ + σ²) t)`.
#[test]
fn second_moment_of_geometric_brownian_motion() {
    let found = mean(0, 4000);
    let moment = 0.25 * (2.0 * P[0] + P[1] * P[1]).exp();
    within_three_errors(&[found.loss], &[found.loss_error], &[moment]);
    within_three_errors(&found.by_u0, &found.by_u0_error, &[2.0 * moment / 0.5]);
    let exact = [2.0 * moment, 2.0 * P[1] * moment];
    within_three_errors(&found.by_p, &found.by_p_error, &exact);
    assert!(found.by_p_error[0] < 0.02 * exact[0] && found.by_p_error[1] < 0.1 * exact[1]);
}

#[test]
fn results_have_the_same_bits_on_any_number_of_threads() {
    let one = mean(1, 100);
    assert_eq!(one, mean(3, 100));
    assert_eq!(one, mean(7, 100));
}

/// `X = (X₀ + β (t + α W))/√(1 + t)`: mean and variance of it, and a loss of both.
#[test]
fn mean_and_variance_of_an_equation_with_additive_noise() {
    let problem = additive_noise();
    let p = [0.8, 0.9];
    let ivp = Ivp { rhs: &*problem.rhs, t0: 0.0, t1: 1.0, u0: &[1.0], p: &p };
    let stepper = || slopefield_stochastic::method("sra1").expect("a method for noise");
    let gradient = || {
        let adjoint = StochasticAdjoint::named("sra1").expect("a method for noise");
        Box::new(Pathwise(Box::new(adjoint))) as Box<dyn PathGradient>
    };
    let method = PathMethod { stepper: &stepper, gradient: &gradient };
    let mut moments = (0.0, 0.0);
    let found = moment_gradient(
        method,
        &ivp,
        &fixed(1.0 / 32.0),
        which(4000, 0),
        &[1.0],
        &mut |m, by_mean, by_variance| {
            moments = (m.mean[0], m.variance[0]);
            (by_mean[0], by_variance[0]) = (1.0, 4.0);
            m.mean[0] + 4.0 * m.variance[0]
        },
    )
    .expect("a gradient");
    let mean = (1.0 + p[1]) / 2.0_f64.sqrt();
    let variance = (p[0] * p[1]).powi(2) / 2.0;
    assert!((moments.0 - mean).abs() < 3.0 * (variance / 4000.0).sqrt());
    assert!((moments.1 / variance - 1.0).abs() < 3.0 * (2.0_f64 / 4000.0).sqrt());
    // Variances of samples are those of the motion here, whatever the parameters: exact ratios.
    let by_variance = [2.0 * moments.1 / p[0], 2.0 * moments.1 / p[1]];
    assert!((found.by_p[0] - (4.0 * by_variance[0] + (moments.0 - mean) / p[0])).abs() < 2e-3);
    within_three_errors(&found.by_u0, &[1e-4], &[1.0 / 2.0_f64.sqrt()]);
    let exact = [8.0 * variance / p[0], 1.0 / 2.0_f64.sqrt() + 8.0 * variance / p[1]];
    within_three_errors(&found.by_p, &found.by_p_error, &exact);
}

/// The derivative of the sample's own loss: against differences with the same motion.
#[test]
fn the_gradient_of_sample_moments_is_exact() {
    let problem = geometric_brownian_motion();
    let at = |p: [f64; 2]| {
        let ivp = Ivp { rhs: &*problem.rhs, t0: 0.0, t1: 1.0, u0: &[0.5], p: &p };
        moment_gradient(
            METHOD,
            &ivp,
            &fixed(1.0 / 16.0),
            which(40, 2),
            &[0.3, 1.0],
            &mut |m, by_mean, by_variance| {
                (by_mean[0], by_mean[1]) = (m.mean[1], m.mean[0]);
                by_variance[1] = 2.0 * m.variance[1];
                m.mean[0] * m.mean[1] + m.variance[1] * m.variance[1]
            },
        )
        .expect("a gradient")
    };
    let found = at(P);
    for k in 0..2 {
        let pair = |j: f64| {
            let (mut above, mut below) = (P, P);
            above[k] += j * 1e-3;
            below[k] -= j * 1e-3;
            at(above).loss - at(below).loss
        };
        let difference = (45.0 * pair(1.0) - 9.0 * pair(2.0) + pair(3.0)) / (60.0 * 1e-3);
        let off = (found.by_p[k] / difference - 1.0).abs();
        assert!(off < 1e-9, "{k}: {} for {difference}", found.by_p[k]);
    }
}

#[test]
fn a_failure_is_that_of_the_first_path_that_failed() {
    let problem = geometric_brownian_motion();
    let ivp = Ivp { rhs: &*problem.rhs, t0: 0.0, t1: 1.0, u0: &[f64::MAX], p: &P };
    let loss = |u: &[f64], slope: &mut [f64]| {
        slope[0] = 1.0;
        u[0]
    };
    let result = mean_gradient(METHOD, &ivp, &fixed(0.25), which(64, 2), &[1.0], &loss);
    assert!(matches!(result, Err(SolveError::NonFinite { .. })), "{result:?}");
    let none = mean_gradient(METHOD, &ivp, &fixed(0.25), which(0, 1), &[1.0], &loss);
    assert!(matches!(none, Err(SolveError::Invalid(_))));
}
