//! Gradients of means of processes with random jumps: against derivatives of exact means, within
//! three standard errors, and against differences with the same random numbers.

use crate::noisy;

use slopefield_adjoint::{
    DiscreteAdjoint, GradientMethod, JumpDiffusionGradient, JumpScore, MeanGradient, PathGradient,
    PathMethod, StochasticAdjoint, mean_gradient, moment_gradient,
};
use slopefield_kernel::{JumpChange, Jumps, Kernel, Shape, Structure};
use slopefield_problems::{
    Derived, Equations, Float, Function, Number, System, birth_death, merton, third_order_network,
};
use slopefield_solve::{Ivp, Settings, Stepper, drive};
use slopefield_stochastic::{JumpDiffusion, Paths, paths};
use std::sync::Arc;

const PATHS: usize = 4000;

fn which(count: usize) -> Paths {
    Paths { first: 0, count, threads: 0 }
}

/// The last value, and its derivative.
fn last(u: &[f64], slope: &mut [f64]) -> f64 {
    let end = u.len() - 1;
    slope[end] = 1.0;
    u[end]
}

#[track_caller]
fn within_three_errors(found: &[f64], errors: &[f64], exact: &[f64]) {
    for ((found, error), exact) in found.iter().zip(errors).zip(exact) {
        assert!((found - exact).abs() < 3.0 * error, "{found} ± {error} for {exact}, of {exact:?}");
    }
}

fn of_jumps(method: &str, ivp: &Ivp<'_>, count: usize, saves: &[f64]) -> MeanGradient {
    let stepper = || slopefield_stochastic::method(method).expect("a method for jumps");
    let gradient =
        || Box::new(JumpScore::named(method).expect("an exact one")) as Box<dyn PathGradient>;
    let method = PathMethod { stepper: &stepper, gradient: &gradient };
    let settings = Settings { seed: 12, ..Settings::default() };
    mean_gradient(method, ivp, &settings, which(count), saves, &last).expect("a gradient")
}

/// Mean of birth and death from `x0`, and its derivatives by `x0`, `k1`, `k2`.
fn birth_death_mean(x0: f64, k1: f64, k2: f64, t: f64) -> (f64, [f64; 3]) {
    let e = (-k2 * t).exp();
    let mean = x0 * e + k1 / k2 * (1.0 - e);
    let by_k2 = -x0 * t * e - k1 / (k2 * k2) * (1.0 - e) + k1 / k2 * t * e;
    (mean, [e, (1.0 - e) / k2, by_k2])
}

#[test]
fn the_mean_of_birth_and_death_has_its_analytic_derivatives() {
    let problem = birth_death();
    for method in ["direct", "sorting-direct", "next-reaction"] {
        let ivp = Ivp { rhs: &*problem.rhs, t0: 0.0, t1: 0.15, u0: &[30.0], p: &problem.p };
        let found = of_jumps(method, &ivp, PATHS, &[0.05, 0.12]);
        let (mean, exact) = birth_death_mean(30.0, problem.p[0], problem.p[1], 0.12);
        within_three_errors(&[found.loss], &[found.loss_error], &[mean]);
        within_three_errors(&found.by_u0, &found.by_u0_error, &exact[..1]);
        within_three_errors(&found.by_p, &found.by_p_error, &exact[1..]);
        // Not because errors are large.
        assert!(found.by_p_error[0] < 0.03 * exact[1], "{method}: {found:?}");
        assert!(found.by_p_error[1] < 0.05 * exact[2].abs(), "{method}: {found:?}");
    }
}

/// From 0 the state is Poisson distributed: its variance is its mean.
#[test]
fn the_variance_of_birth_and_death_has_its_analytic_derivatives() {
    let problem = birth_death();
    let p = [40.0, 10.0];
    let ivp = Ivp { rhs: &*problem.rhs, t0: 0.0, t1: 0.1, u0: &[0.0], p: &p };
    let stepper = || slopefield_stochastic::method("direct").expect("a method for jumps");
    let gradient =
        || Box::new(JumpScore::named("direct").expect("an exact one")) as Box<dyn PathGradient>;
    let method = PathMethod { stepper: &stepper, gradient: &gradient };
    let settings = Settings { seed: 4, ..Settings::default() };
    let saves = [0.03, 0.1];
    let found = moment_gradient(
        method,
        &ivp,
        &settings,
        which(2 * PATHS),
        &saves,
        &mut |moments, by_mean, by_variance| {
            by_mean[0] = 2.0;
            by_variance[1] = 3.0;
            2.0 * moments.mean[0] + 3.0 * moments.variance[1]
        },
    )
    .expect("a gradient");
    let first = birth_death_mean(0.0, p[0], p[1], saves[0]);
    let second = birth_death_mean(0.0, p[0], p[1], saves[1]);
    let exact = [1, 2].map(|i| 2.0 * first.1[i] + 3.0 * second.1[i]);
    assert!((found.loss / (2.0 * first.0 + 3.0 * second.0) - 1.0).abs() < 0.05);
    within_three_errors(&found.by_p, &found.by_p_error, &exact);
    assert!(found.by_p_error[0] < 0.1 * exact[0], "{found:?}, {exact:?}");
}

#[test]
fn a_nonlinear_network_agrees_with_differences_of_the_same_random_numbers() {
    let problem = third_order_network();
    let ivp = Ivp { rhs: &*problem.rhs, t0: 0.0, t1: 0.01, u0: &problem.u0, p: &problem.p };
    let count = 6000;
    let n = problem.u0.len();
    let saves = [0.01];
    let found = of_jumps("next-reaction", &ivp, count, &saves);
    let end = |p: &[f64]| {
        let mut out = vec![0.0; count * n];
        let make = || slopefield_stochastic::method("next-reaction").expect("a method");
        let settings = Settings { seed: 12, ..Settings::default() };
        paths(&make, &Ivp { p, ..ivp }, &settings, which(count), &saves, &mut out).expect("paths");
        out.chunks_exact(n).map(|u| u[n - 1]).collect::<Vec<f64>>()
    };
    for parameter in 0..problem.p.len() {
        let d = 0.05 * problem.p[parameter];
        let mut moved = [problem.p.clone(), problem.p.clone()];
        moved[0][parameter] += d;
        moved[1][parameter] -= d;
        let (above, below) = (end(&moved[0]), end(&moved[1]));
        let slopes: Vec<f64> = above.iter().zip(&below).map(|(a, b)| (a - b) / (2.0 * d)).collect();
        let mean = slopes.iter().sum::<f64>() / count as f64;
        let variance = slopes.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / count as f64;
        let error = (variance / count as f64 + found.by_p_error[parameter].powi(2)).sqrt();
        let off = (found.by_p[parameter] - mean).abs();
        assert!(off < 3.0 * error, "{parameter}: {} ± {error} for {mean}", found.by_p[parameter]);
    }
}

/// The mean of the score is 0, and the baseline takes most of the variance away.
#[test]
fn the_baseline_changes_nothing_but_the_variance() {
    let problem = birth_death();
    let ivp = Ivp { rhs: &*problem.rhs, t0: 0.0, t1: 0.1, u0: &[30.0], p: &problem.p };
    let mut score = JumpScore::named("direct").expect("an exact one");
    let (mut sum, mut squares, mut plain) = (0.0, 0.0, 0.0);
    for path in 0..PATHS as u64 {
        let settings = Settings { seed: 12, path, ..Settings::default() };
        let (mut by_u0, mut by_p) = ([0.0], [0.0; 2]);
        let mut value = 0.0;
        let mut one = |u: &[f64], _: &mut [f64], weights: &mut [f64]| {
            weights[0] = 1.0;
            value = u[0];
            value
        };
        score.path_gradient(&ivp, &settings, &[0.1], &mut one, &mut by_u0, &mut by_p).expect("one");
        sum += by_p[1];
        squares += by_p[1] * by_p[1];
        plain += (value * by_p[1]).powi(2);
    }
    let n = PATHS as f64;
    assert!((sum / n).abs() < 3.0 * (squares / n / n).sqrt(), "{}", sum / n);
    let found = of_jumps("direct", &ivp, PATHS, &[0.1]);
    let without = (plain / n / n).sqrt();
    assert!(found.by_p_error[1] < 0.3 * without, "{} for {without}", found.by_p_error[1]);
}

/// The method that a study names: a mean over its own paths, the same as that of many.
#[test]
fn a_few_paths_are_the_beginning_of_many() {
    let problem = birth_death();
    let ivp = Ivp { rhs: &*problem.rhs, t0: 0.0, t1: 0.1, u0: &[30.0], p: &problem.p };
    let mut score = JumpScore::named("direct").expect("an exact one").with_paths(100);
    let settings = Settings { seed: 12, ..Settings::default() };
    let (mut by_u0, mut by_p) = ([0.0], [0.0; 2]);
    let one = score
        .evaluate(&ivp, &settings, &[0.1], &mut last, &mut by_u0, &mut by_p)
        .expect("a gradient");
    let many = of_jumps("direct", &ivp, 100, &[0.1]);
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-11 * b.abs();
    assert!(close(one.loss, many.loss));
    assert!(close(by_u0[0], many.by_u0[0]));
    assert!(close(by_p[0], many.by_p[0]) && close(by_p[1], many.by_p[1]), "{by_p:?} {many:?}");
}

fn of_diffusion(
    solver: &'static str,
    noisy: bool,
    ivp: &Ivp<'_>,
    settings: &Settings,
    count: usize,
    saves: &[f64],
) -> MeanGradient {
    let inner = || -> Box<dyn Stepper> {
        let made = if noisy {
            slopefield_stochastic::method(solver)
        } else {
            slopefield_solve::method(solver)
        };
        made.expect("a method")
    };
    let adjoint = || -> Box<dyn GradientMethod> {
        if noisy {
            Box::new(StochasticAdjoint::named(solver).expect("a method"))
        } else {
            Box::new(DiscreteAdjoint::named(solver).expect("a method"))
        }
    };
    let stepper = || Box::new(JumpDiffusion::new(inner())) as Box<dyn Stepper>;
    let gradient = || {
        Box::new(JumpDiffusionGradient::new(inner(), inner(), adjoint())) as Box<dyn PathGradient>
    };
    let method = PathMethod { stepper: &stepper, gradient: &gradient };
    mean_gradient(method, ivp, settings, which(count), saves, &last).expect("a gradient")
}

#[test]
fn the_mean_of_a_jump_diffusion_has_its_analytic_derivatives() {
    let problem = merton();
    let ivp = Ivp { rhs: &*problem.rhs, t0: 0.0, t1: 1.0, u0: &problem.u0, p: &problem.p };
    let h = 1.0 / 16.0;
    let settings = Settings { h_init: Some(h), h_max: h, seed: 2, ..Settings::default() };
    let found = of_diffusion("sosri", true, &ivp, &settings, PATHS, &[0.3, 1.0]);
    let [mu, _, rate, c] = [0, 1, 2, 3].map(|i| problem.p[i]);
    let mean = (mu + rate * c).exp();
    within_three_errors(&[found.loss], &[found.loss_error], &[mean]);
    within_three_errors(&found.by_u0, &found.by_u0_error, &[mean]);
    within_three_errors(&found.by_p, &found.by_p_error, &[mean, 0.0, c * mean, rate * mean]);
    assert!(found.by_p_error.iter().all(|error| *error < 0.05), "{found:?}");
}

/// Decay with jumps upward at a rate that grows with the state: `x' = −a x`, `x → x + s` at rate
/// `b + c x`, so that `E' = (s c − a) E + s b`.
#[derive(Debug, Clone, Copy)]
struct Bursts;

#[derive(Debug, Clone, Copy)]
struct BurstRate;

#[derive(Debug, Clone, Copy)]
struct BurstJump;

macro_rules! function {
    ($name:ident, |$u:ident, $p:ident| $value:expr) => {
        impl Function for $name {
            fn shape(&self) -> Shape {
                Shape { states: 1, params: 4, outputs: 1 }
            }
            fn eval<N: Number>(
                &self,
                _: N,
                u: impl Fn(usize) -> N,
                $p: impl Fn(usize) -> N,
                mut out: impl FnMut(usize, N),
            ) {
                let $u = u(0);
                out(0, $value);
            }
        }
    };
}

function!(Bursts, |x, p| -(p(0) * x));
function!(BurstRate, |x, p| p(1) + p(2) * x);
function!(BurstJump, |x, p| x + p(3));

impl Equations for Bursts {
    fn changes<T: Float>(&self) -> (Vec<JumpChange<T>>, Vec<Vec<u32>>) {
        (vec![JumpChange::Set(Arc::new(Derived(BurstJump)))], vec![vec![0]])
    }

    fn structure<T: Float>(&self) -> Structure<'_, T> {
        Structure {
            jumps: Some(Jumps {
                rates: &Derived(BurstRate),
                changes: &[],
                alters: &[],
                constant_between: false,
            }),
            ..Structure::default()
        }
    }
}

#[test]
fn jumps_along_an_ordinary_equation_have_their_analytic_derivatives() {
    let rhs = System::<_>::new(Bursts);
    let (x0, p @ [a, b, c, s]) = (1.2, [0.9, 1.5, 0.4, 0.7]);
    let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: 1.5, u0: &[x0], p: &p };
    let settings = Settings { seed: 6, ..Settings::with_tolerances(1e-6, 1e-8) };
    let found = of_diffusion("tsit5", false, &ivp, &settings, PATHS, &[0.0, 0.4, 1.2]);
    let mean = |x0: f64, [a, b, c, s]: [f64; 4]| {
        let k = s * c - a;
        x0 * (k * 1.2).exp() + s * b * (k * 1.2).exp_m1() / k
    };
    let slope = |k: usize| {
        let moved = |d: f64| {
            let mut x = [x0, a, b, c, s];
            x[k] += d;
            mean(x[0], [x[1], x[2], x[3], x[4]])
        };
        (moved(1e-5) - moved(-1e-5)) / 2e-5
    };
    within_three_errors(&[found.loss], &[found.loss_error], &[mean(x0, p)]);
    within_three_errors(&found.by_u0, &found.by_u0_error, &[slope(0)]);
    within_three_errors(&found.by_p, &found.by_p_error, &[1, 2, 3, 4].map(slope));
    assert!(found.by_p_error.iter().all(|error| *error < 0.1), "{found:?}");
}

/// With fixed jumps the derivative is that of the path: against differences, where rates depend
/// on nothing that is moved.
#[test]
fn between_given_jumps_the_derivative_is_exact() {
    let problem = merton();
    let h = 1.0 / 32.0;
    let settings = Settings { h_init: Some(h), h_max: h, seed: 2, path: 0, ..Settings::default() };
    let saves = [0.11, 0.4, 0.77, 1.0];
    let inner = || slopefield_stochastic::method("milstein").expect("a method");
    let end = |u0: f64, p: &[f64]| {
        let ivp = Ivp { rhs: &*problem.rhs, t0: 0.0, t1: 1.0, u0: &[u0], p };
        let mut out = [0.0; 4];
        let mut stepper = JumpDiffusion::new(inner());
        let stats = drive(&mut stepper, &ivp, &settings, &saves, &mut out, None).expect("a path");
        assert!(stats.events >= 2, "a path without jumps shows nothing");
        noisy::loss(&out, &mut [0.0; 4])
    };
    let adjoint = Box::new(StochasticAdjoint::named("milstein").expect("a method"));
    let mut method = JumpDiffusionGradient::new(inner(), inner(), adjoint);
    let (mut by_u0, mut by_p) = ([0.0], [0.0; 4]);
    let ivp = Ivp { rhs: &*problem.rhs, t0: 0.0, t1: 1.0, u0: &problem.u0, p: &problem.p };
    let mut fixed = |u: &[f64], slope: &mut [f64], _: &mut [f64]| noisy::loss(u, slope);
    let one = method
        .path_gradient(&ivp, &settings, &saves, &mut fixed, &mut by_u0, &mut by_p)
        .expect("a gradient");
    assert!((one.loss - end(problem.u0[0], &problem.p)).abs() < 1e-12);
    let difference = |move_by: &dyn Fn(f64) -> f64| {
        let d = 1e-3;
        let pair = |k: f64| move_by(k * d) - move_by(-k * d);
        (45.0 * pair(1.0) - 9.0 * pair(2.0) + pair(3.0)) / (60.0 * d)
    };
    let p = |k: usize, d: f64| {
        let mut p = problem.p.clone();
        p[k] += d;
        end(problem.u0[0], &p)
    };
    let close = |found: f64, exact: f64| (found - exact).abs() < 1e-9 * exact.abs();
    assert!(close(by_u0[0], difference(&|d| end(problem.u0[0] + d, &problem.p))));
    for k in [0, 1, 3] {
        let exact = difference(&|d| p(k, d));
        assert!(close(by_p[k], exact), "parameter {k}: {} for {exact}", by_p[k]);
    }
}

#[test]
fn systems_that_cannot_be_differentiated_so_are_refused() {
    let problem = merton();
    let ivp = Ivp { rhs: &*problem.rhs, t0: 0.0, t1: 1.0, u0: &problem.u0, p: &problem.p };
    let mut score = JumpScore::named("direct").expect("an exact one");
    let result =
        score.evaluate(&ivp, &Settings::default(), &[1.0], &mut last, &mut [0.0], &mut [0.0; 4]);
    assert!(result.is_err());
    assert!(JumpScore::named("tau-leaping").is_none());
    let mut adjoint = StochasticAdjoint::named("sosri").expect("a method");
    let error = adjoint
        .evaluate(&ivp, &Settings::default(), &[1.0], &mut last, &mut [0.0], &mut [0.0; 4])
        .expect_err("jumps are not differentiated as noise");
    assert!(error.to_string().contains("random jumps"), "{error}");
    let _: &dyn Kernel = &*problem.rhs;
}
