//! Gradients along paths of equations with noise: against differences of the same steps on the
//! same motion, against each other, and against the derivative of the exact solution.

use crate::noisy;

use noisy::{Coefficients, Noisy, PARAMS, START, check_path, ivp, loss, noisy};
use slopefield_adjoint::{GradientMethod, StochasticAdjoint, StochasticForward};
use slopefield_kernel::{Calculus, NoiseKind};
use slopefield_problems::{
    Derived, Problem, System, cubic_noise, geometric_brownian_motion,
    geometric_brownian_motion_stratonovich, kubo_oscillator, lorenz_noise, lotka_volterra_noise,
};
use slopefield_solve::{Ivp, Settings};
use slopefield_stochastic::BrownianMotion;

const CALCULI: [Calculus; 2] = [Calculus::Ito, Calculus::Stratonovich];

/// Methods and the noise that they take: kind, and whether one source acts on both states.
fn cases() -> Vec<(&'static str, NoiseKind, bool)> {
    use NoiseKind::{Additive, Commutative, Diagonal, General};
    let every = [
        (Additive, false),
        (Diagonal, false),
        (Commutative, true),
        (Commutative, false),
        (General, false),
    ];
    let mut cases = Vec::new();
    for method in ["em", "euler-heun", "dri1"] {
        cases.extend(every.map(|(kind, scalar)| (method, kind, scalar)));
    }
    for (kind, scalar) in
        [(Additive, false), (Diagonal, false), (Commutative, true), (Commutative, false)]
    {
        cases.push(("milstein", kind, scalar));
    }
    for method in ["sriw1", "sosri"] {
        cases.push((method, Diagonal, false));
        cases.push((method, Commutative, true));
    }
    cases.push(("sra1", Additive, false));
    cases.push(("sosra", Additive, false));
    cases
}

fn both(method: &str) -> [Box<dyn GradientMethod>; 2] {
    [
        Box::new(StochasticAdjoint::named(method).expect("a method for noise")),
        Box::new(StochasticForward::named(method).expect("a method for noise")),
    ]
}

fn fixed(h: f64, path: u64) -> Settings {
    Settings { h_init: Some(h), h_max: h, seed: 3, path, ..Settings::default() }
}

/// With save points at step ends, within steps, several in one, and at the start.
const SAVES: [f64; 7] = [0.0, 0.11, 0.25, 0.26, 0.27, 0.7, 1.3];

#[test]
fn every_method_agrees_with_differences_of_the_same_steps() {
    for (method, kind, scalar) in cases() {
        for calculus in CALCULI {
            let rhs = noisy(kind, scalar, calculus);
            for settings in [
                fixed(1.0 / 16.0, 1),
                Settings { rtol: 1e-2, atol: vec![1e-2], seed: 5, path: 2, ..Settings::default() },
            ] {
                for mut gradient in both(method) {
                    let report =
                        check_path(&mut *gradient, method, ivp(&rhs, 1.3), &settings, &SAVES);
                    assert!(
                        report.worst() < 1e-9,
                        "{} through {method} with {kind:?} noise ({scalar}), {calculus:?}: {report:?}",
                        gradient.name()
                    );
                }
            }
        }
    }
}

/// Derivatives by initial values, then by parameters.
fn gradient(
    method: &mut dyn GradientMethod,
    ivp: &Ivp<'_>,
    settings: &Settings,
    saves: &[f64],
) -> Vec<f64> {
    let (mut by_u0, mut by_p) = (vec![0.0; ivp.u0.len()], vec![0.0; ivp.p.len()]);
    method.evaluate(ivp, settings, saves, &mut loss, &mut by_u0, &mut by_p).expect("a gradient");
    by_u0.extend(by_p);
    by_u0
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    let size = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
    let difference: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    size(&difference) / size(a).max(size(b))
}

#[test]
fn reverse_and_forward_give_the_same() {
    for (method, kind, scalar) in cases().into_iter().chain([
        ("implicit-milstein", NoiseKind::Diagonal, false),
        ("implicit-milstein", NoiseKind::Additive, false),
        ("implicit-milstein", NoiseKind::Commutative, true),
    ]) {
        for calculus in CALCULI {
            let rhs = noisy(kind, scalar, calculus);
            let [a, b] = both(method)
                .map(|mut m| gradient(&mut *m, &ivp(&rhs, 1.3), &fixed(1.0 / 32.0, 4), &SAVES));
            assert!(distance(&a, &b) < 1e-13, "{method}, {kind:?}, {calculus:?}: {a:?}, {b:?}");
        }
    }
}

/// The Jacobian of the saved states gives the gradient of any loss.
#[test]
fn the_jacobian_of_saved_states_is_that_of_the_gradients() {
    let rhs = noisy(NoiseKind::General, false, Calculus::Ito);
    let (ivp, settings) = (ivp(&rhs, 1.3), fixed(1.0 / 16.0, 0));
    let mut forward = StochasticForward::named("em").expect("a method");
    let (mut states, mut jacobian) = (vec![0.0; 14], vec![0.0; 14 * 7]);
    forward.jacobian(&ivp, &settings, &SAVES, &mut states, &mut jacobian).expect("a Jacobian");
    let mut slope = vec![0.0; 14];
    loss(&states, &mut slope);
    let product: Vec<f64> =
        (0..7).map(|j| (0..14).map(|i| slope[i] * jacobian[i * 7 + j]).sum()).collect();
    let [adjoint, _] = both("em").map(|mut m| gradient(&mut *m, &ivp, &settings, &SAVES));
    assert!(distance(&product, &adjoint) < 1e-13);
}

#[test]
fn standard_problems_agree_with_differences() {
    let cases: [(Problem, &[&str]); 6] = [
        (geometric_brownian_motion(), &["em", "milstein", "sosri", "sriw1", "dri1"]),
        (geometric_brownian_motion_stratonovich(), &["euler-heun", "milstein", "sosri"]),
        (cubic_noise(), &["milstein", "sosri"]),
        (kubo_oscillator(), &["milstein", "euler-heun"]),
        (lorenz_noise(), &["sosra", "sra1", "euler-heun"]),
        (lotka_volterra_noise(), &["sosri", "milstein"]),
    ];
    for (problem, methods) in cases {
        let t1 = problem.t1.min(2.0);
        let ivp = Ivp { rhs: &*problem.rhs, t0: 0.0, t1, u0: &problem.u0, p: &problem.p };
        let saves: Vec<f64> = (0..=7).map(|k| t1 * f64::from(k) / 7.0).collect();
        let settings = Settings { rtol: 1e-2, atol: vec![1e-2], seed: 8, ..Settings::default() };
        for method in methods {
            for mut gradient in both(method) {
                let report = check_path(&mut *gradient, method, ivp, &settings, &saves);
                assert!(report.worst() < 1e-9, "{}: {method}: {report:?}", problem.id);
            }
        }
    }
}

/// Root mean square errors of `dX/dμ` and `dX/dσ` of geometric Brownian motion at the end, for
/// steps `2^-k`, against the derivatives of the exact solution `X₀ exp((μ − σ²/2) t + σ W)`.
fn geometric_errors(method: &str, levels: std::ops::Range<i32>, paths: u64) -> Vec<(f64, f64)> {
    let problem = geometric_brownian_motion();
    let ivp = Ivp { rhs: &*problem.rhs, t0: 0.0, t1: 1.0, u0: &problem.u0, p: &problem.p };
    let (mu, sigma) = (problem.p[0], problem.p[1]);
    let mut adjoint = StochasticAdjoint::named(method).expect("a method");
    let mut errors = Vec::new();
    for level in levels {
        let h = 0.5_f64.powi(level);
        let mut sum = 0.0;
        for path in 0..paths {
            let settings = fixed(h, path);
            let mut motion = BrownianMotion::default();
            motion.start(settings.seed, path, 1).expect("one source");
            let (mut w, mut area) = ([0.0], [0.0]);
            motion.increment(0.0, 1.0, &mut w, &mut area);
            let x = problem.u0[0] * (mu - 0.5 * sigma * sigma + sigma * w[0]).exp();
            let (mut by_u0, mut by_p) = ([0.0], [0.0; 2]);
            let mut end = |u: &[f64], slope: &mut [f64]| {
                slope[0] = 1.0;
                u[0]
            };
            adjoint
                .evaluate(&ivp, &settings, &[1.0], &mut end, &mut by_u0, &mut by_p)
                .expect("a gradient");
            let exact = [x / problem.u0[0], x, (w[0] - sigma) * x];
            let found = [by_u0[0], by_p[0], by_p[1]];
            sum += exact.iter().zip(found).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
        }
        errors.push((h, (sum / paths as f64).sqrt()));
    }
    errors
}

#[test]
fn gradients_of_geometric_brownian_motion_converge_at_the_strong_order() {
    for (method, order) in [
        ("em", 0.5),
        ("euler-heun", 1.0),
        ("milstein", 1.0),
        ("implicit-milstein", 1.0),
        ("sriw1", 1.5),
        ("sosri", 1.5),
    ] {
        let errors = geometric_errors(method, 5..10, 400);
        let (first, last) = (errors[0], errors[errors.len() - 1]);
        let found = (first.1 / last.1).ln() / (first.0 / last.0).ln();
        assert!((found - order).abs() < 0.25, "{method}: order {found} for {order}: {errors:?}");
    }
}

/// In the sense of Stratonovich the same path of the same equation has derivatives `X t` and
/// `X W`.
#[test]
fn both_calculi_differ_as_their_solutions_do() {
    let problem = geometric_brownian_motion_stratonovich();
    let ivp = Ivp { rhs: &*problem.rhs, t0: 0.0, t1: 1.0, u0: &problem.u0, p: &problem.p };
    let settings = fixed(1.0 / 4096.0, 6);
    let mut motion = BrownianMotion::default();
    motion.start(settings.seed, settings.path, 1).expect("one source");
    let (mut w, mut area) = ([0.0], [0.0]);
    motion.increment(0.0, 1.0, &mut w, &mut area);
    let x = problem.u0[0] * (problem.p[0] + problem.p[1] * w[0]).exp();
    for (method, tolerance) in [("sosri", 1e-4), ("milstein", 2e-3), ("euler-heun", 2e-3)] {
        for mut gradient in both(method) {
            let (mut by_u0, mut by_p) = ([0.0], [0.0; 2]);
            let mut end = |u: &[f64], slope: &mut [f64]| {
                slope[0] = 1.0;
                u[0]
            };
            gradient
                .evaluate(&ivp, &settings, &[1.0], &mut end, &mut by_u0, &mut by_p)
                .expect("a gradient");
            let exact = [x / problem.u0[0], x, w[0] * x];
            let off = distance(&[by_u0[0], by_p[0], by_p[1]], &exact);
            assert!(off < tolerance, "{method}: {off}");
        }
    }
}

/// Against steps written out here: `x' = known + h f(x')` solved by bisection, derivatives by
/// differences of that.
#[test]
fn the_implicit_step_is_differentiated_through_its_equation() {
    let problem = slopefield_problems::stiff_noise();
    let (h, steps) = (1.0 / 16.0, 16);
    let end = |u0: f64, p: &[f64]| {
        let mut motion = BrownianMotion::default();
        motion.start(3, 9, 1).expect("one source");
        let (mut w, mut area) = ([0.0], [0.0]);
        let mut x = u0;
        for k in 0..steps {
            let t = f64::from(k) * h;
            motion.increment(t, t + h, &mut w, &mut area);
            let (g, slope) = (p[1] * (1.0 - x * x), -2.0 * p[1] * x);
            let known = x + g * w[0] + 0.5 * g * slope * (w[0] * w[0] - h);
            let f = |x: f64| (p[0] + p[1] * p[1] * x) * (x * x - 1.0);
            let by_x = |x: f64| p[1] * p[1] * (x * x - 1.0) + 2.0 * x * (p[0] + p[1] * p[1] * x);
            let mut next = known;
            for _ in 0..50 {
                next -= (next - known - h * f(next)) / (1.0 - h * by_x(next));
            }
            x = next;
        }
        x
    };
    // Central differences of order 6.
    let difference = |of: &dyn Fn(f64) -> f64| {
        let d = 1e-3;
        let pair = |k: f64| of(k * d) - of(-k * d);
        (45.0 * pair(1.0) - 9.0 * pair(2.0) + pair(3.0)) / (60.0 * d)
    };
    let p = &problem.p;
    let exact = [
        difference(&|e| end(0.5 + e, p)),
        difference(&|e| end(0.5, &[p[0] + e, p[1]])),
        difference(&|e| end(0.5, &[p[0], p[1] + e])),
    ];
    let ivp = Ivp { rhs: &*problem.rhs, t0: 0.0, t1: 1.0, u0: &[0.5], p };
    for mut gradient in both("implicit-milstein") {
        let (mut by_u0, mut by_p) = ([0.0], [0.0; 2]);
        let mut last = |u: &[f64], slope: &mut [f64]| {
            slope[0] = 1.0;
            u[0]
        };
        gradient
            .evaluate(&ivp, &fixed(h, 9), &[1.0], &mut last, &mut by_u0, &mut by_p)
            .expect("a gradient");
        let off = distance(&[by_u0[0], by_p[0], by_p[1]], &exact);
        assert!(off < 1e-9, "{}: {off}", gradient.name());
    }
}

#[test]
fn missing_second_derivatives_are_refused_where_they_are_needed() {
    let coefficients = Derived(Coefficients(NoiseKind::Diagonal, false));
    let rhs = System::new(Noisy { coefficients, calculus: Calculus::Ito, second: false });
    let problem = Ivp { rhs: &rhs, t0: 0.0, t1: 1.0, u0: &START, p: &PARAMS };
    for (method, refused) in
        [("milstein", true), ("euler-heun", true), ("em", false), ("sosri", false)]
    {
        for mut gradient in both(method) {
            let result = gradient.evaluate(
                &problem,
                &fixed(0.125, 0),
                &[1.0],
                &mut loss,
                &mut [0.0; 2],
                &mut [0.0; 5],
            );
            match result {
                Ok(_) => assert!(!refused, "{method}"),
                Err(error) => {
                    assert!(refused, "{method}: {error}");
                    assert!(error.to_string().contains("second ones"), "{error}");
                }
            }
        }
    }
}

/// A gradient changes nothing of the path.
#[test]
fn the_path_is_that_of_the_plain_solve() {
    let rhs = noisy(NoiseKind::Diagonal, false, Calculus::Ito);
    let problem = ivp(&rhs, 1.3);
    let settings = Settings::with_tolerances(1e-3, 1e-3);
    let mut plain = vec![0.0; 14];
    let mut stepper = slopefield_stochastic::method("sosri").expect("a method");
    slopefield_solve::drive(&mut *stepper, &problem, &settings, &SAVES, &mut plain, None)
        .expect("a path");
    for mut gradient in both("sosri") {
        let mut seen = Vec::new();
        let mut keep = |u: &[f64], _: &mut [f64]| {
            seen = u.to_vec();
            0.0
        };
        gradient
            .evaluate(&problem, &settings, &SAVES, &mut keep, &mut [0.0; 2], &mut [0.0; 5])
            .expect("a gradient");
        assert_eq!(seen, plain);
    }
}

/// With little memory states are computed again, with the same bits.
#[test]
fn memory_changes_nothing() {
    let cases = cases().into_iter().chain([("implicit-milstein", NoiseKind::Diagonal, false)]);
    for (method, kind, scalar) in cases {
        let rhs = noisy(kind, scalar, Calculus::Ito);
        let (problem, settings) = (ivp(&rhs, 1.3), fixed(1.0 / 512.0, 2));
        let run = |gradient: &mut dyn GradientMethod| {
            let (mut by_u0, mut by_p) = ([0.0; 2], [0.0; 5]);
            let result = gradient
                .evaluate(&problem, &settings, &SAVES, &mut loss, &mut by_u0, &mut by_p)
                .expect("a gradient");
            (by_u0, by_p, result.memory)
        };
        let adjoint = || StochasticAdjoint::named(method).expect("a method");
        let (u0, p, all) = run(&mut adjoint());
        let (u0_again, p_again, few) = run(&mut adjoint().with_memory(1000));
        assert_eq!((u0, p), (u0_again, p_again), "{method}");
        // 666 steps: all times, and 52 states or so.
        assert!(few + 8000 < all, "{method}: {few} for {all}");
        let forward = || StochasticForward::named(method).expect("a method");
        let ((u0, p, _), (u0_again, p_again, _)) =
            (run(&mut forward()), run(&mut forward().with_memory(1000)));
        assert_eq!((u0, p), (u0_again, p_again), "{method}");
    }
}
