//! Paths converge to the exact solution of the same Brownian motion, at the order claimed.
use crate::common;

use common::*;
use slopefield_kernel::{Calculus, NoiseKind};
use slopefield_stochastic::method;

/// Root mean square errors at the end for steps `2^-k`, over paths.
fn errors(
    name: &str,
    system: System,
    u0: &[f64],
    levels: std::ops::RangeInclusive<i32>,
    paths: u64,
    exact: &dyn Fn(&[f64]) -> Vec<f64>,
) -> Vec<(f64, f64)> {
    let model = Model::<f64>::new(system);
    let mut stepper = method(name).unwrap();
    let sources = system.noise.unwrap().sources;
    let mut errors = Vec::new();
    for level in levels {
        let h = 0.5_f64.powi(level);
        let mut sum = 0.0;
        for path in 0..paths {
            let settings = fixed(h, path);
            let (u, stats) = end(&mut *stepper, &model, (0.0, 1.0), u0, &settings).unwrap();
            assert_eq!(stats.accepted, 1 << level);
            let right = exact(&motion(&settings, sources, 0.0, 1.0));
            sum += u.iter().zip(&right).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
        }
        errors.push((h, (sum / paths as f64).sqrt()));
    }
    errors
}

fn check(name: &str, order: f64, errors: &[(f64, f64)]) {
    let found = slope(errors);
    assert!((found - order).abs() < 0.2, "{name}: order {found} for {order}: {errors:?}");
}

#[test]
fn geometric_brownian_motion_in_the_sense_of_ito() {
    let exact = |w: &[f64]| vec![geometric_exact(Calculus::Ito, 1.0, w[0])];
    for (name, order) in [
        ("em", 0.5),
        ("euler-heun", 1.0),
        ("milstein", 1.0),
        ("implicit-milstein", 1.0),
        ("sriw1", 1.5),
        ("sosri", 1.5),
    ] {
        check(name, order, &errors(name, geometric(), &[0.5], 5..=9, 500, &exact));
    }
}

#[test]
fn geometric_brownian_motion_in_the_sense_of_stratonovich() {
    let system = geometric().with(NoiseKind::Diagonal, Calculus::Stratonovich);
    let exact = |w: &[f64]| vec![geometric_exact(Calculus::Stratonovich, 1.0, w[0])];
    for (name, order) in [
        ("em", 0.5),
        ("euler-heun", 1.0),
        ("milstein", 1.0),
        ("implicit-milstein", 1.0),
        ("sosri", 1.5),
    ] {
        check(name, order, &errors(name, system, &[0.5], 5..=9, 500, &exact));
    }
}

#[test]
fn nonlinear_drift_and_noise() {
    let exact = |w: &[f64]| vec![cubic_exact(w[0])];
    for (name, order) in
        [("em", 0.5), ("milstein", 1.0), ("implicit-milstein", 1.0), ("sriw1", 1.5), ("sosri", 1.5)]
    {
        check(name, order, &errors(name, cubic(), &[0.5], 4..=8, 500, &exact));
    }
}

/// Noise whose coefficient depends on time alone: Euler–Maruyama is Milstein's method here.
#[test]
fn additive_noise_with_a_solution() {
    let exact = |w: &[f64]| vec![additive_exact(1.0, w[0])];
    for (name, order) in [("em", 1.0), ("milstein", 1.0), ("implicit-milstein", 1.0)] {
        check(name, order, &errors(name, additive(), &[1.0], 3..=7, 300, &exact));
    }
    for name in ["sra1", "sosra"] {
        let found = errors(name, additive(), &[1.0], 2..=6, 300, &exact);
        assert!(slope(&found) > 1.3, "{name}: {found:?}");
    }
}

/// Where drift and noise commute, splitting makes no error of its own: only the pieces are inexact,
/// to order 2. Its errors are less than a tenth of those of SOSRI.
#[test]
fn splitting_drift_and_noise_that_commute() {
    for calculus in [Calculus::Ito, Calculus::Stratonovich] {
        let system = geometric().with(NoiseKind::Diagonal, calculus);
        let exact = |w: &[f64]| vec![geometric_exact(calculus, 1.0, w[0])];
        let found = errors("splitting", system, &[0.5], 3..=7, 500, &exact);
        check("splitting", 2.0, &found);
        let others = errors("sosri", system, &[0.5], 3..=7, 500, &exact);
        for (ours, theirs) in found.iter().zip(&others) {
            assert!(ours.1 < 0.1 * theirs.1, "{found:?} against {others:?}");
        }
    }
    let exact = |w: &[f64]| vec![cubic_exact(w[0])];
    let found = errors("splitting", cubic(), &[0.5], 4..=8, 500, &exact);
    assert!(slope(&found) > 1.8, "{found:?}");
    let exact = |w: &[f64]| {
        let size = ((0.3 - 0.5 * 0.25 + 0.5 * 0.64) + 0.5 * w[0]).exp();
        let (sine, cosine) = (0.8 * w[1]).sin_cos();
        vec![size * cosine, size * sine]
    };
    let found = errors("splitting", growth_and_rotation(), &[1.0, 0.0], 2..=6, 500, &exact);
    assert!(slope(&found) > 1.8, "{found:?}");
}

/// `dX = (1 − X + t) dt + 0.8 X dW`, where drift and noise do not commute, against another method
/// with much shorter steps.
#[test]
fn splitting_drift_and_noise_that_do_not_commute() {
    for calculus in [Calculus::Ito, Calculus::Stratonovich] {
        let system = System::diffusion(
            Function {
                states: 1,
                params: 0,
                outputs: 1,
                value: |t, u, _, out| out[0] = 1.0 - u[0] + t,
                along: |_, _, _, du, out| out[0] = -du[0],
            },
            Noisy {
                coefficients: Function {
                    states: 1,
                    params: 0,
                    outputs: 1,
                    value: |_, u, _, out| out[0] = 0.8 * u[0],
                    along: |_, _, _, du, out| out[0] = 0.8 * du[0],
                },
                sources: 1,
                kind: NoiseKind::Diagonal,
                calculus,
            },
        );
        let model = Model::<f64>::new(system);
        let mut reference = method("sosri").unwrap();
        let mut stepper = method("splitting").unwrap();
        let mut sums = [0.0; 5];
        for path in 0..400 {
            let fine = fixed(0.5_f64.powi(13), path);
            let right = end(&mut *reference, &model, (0.0, 1.0), &[0.5], &fine).unwrap().0;
            for (k, sum) in sums.iter_mut().enumerate() {
                let settings = fixed(0.5_f64.powi(k as i32 + 2), path);
                let u = end(&mut *stepper, &model, (0.0, 1.0), &[0.5], &settings).unwrap().0;
                *sum += (u[0] - right[0]).powi(2);
            }
        }
        let mut points = Vec::new();
        for (k, sum) in sums.iter().enumerate() {
            points.push((0.5_f64.powi(k as i32 + 2), (sum / 400.0).sqrt()));
        }
        check("splitting", 1.5, &points);
    }
}

/// Two states, two sources, against the same path with much shorter steps.
#[test]
fn additive_noise_on_a_nonlinear_system() {
    let system = System::diffusion(
        Function {
            states: 2,
            params: 0,
            outputs: 2,
            value: |t, u, _, out| {
                out[0] = u[1] + t.cos();
                out[1] = -2.0 * u[0].sin() - 0.5 * u[1];
            },
            along: |_, u, _, du, out| {
                out[0] = du[1];
                out[1] = -2.0 * u[0].cos() * du[0] - 0.5 * du[1];
            },
        },
        Noisy {
            coefficients: Function {
                states: 2,
                params: 0,
                outputs: 4,
                value: |t, _, _, out| out.copy_from_slice(&[1.2, 0.9, -0.8, 1.5 + t]),
                along: NO_CHANGE,
            },
            sources: 2,
            kind: NoiseKind::Additive,
            calculus: Calculus::Ito,
        },
    );
    let model = Model::<f64>::new(system);
    for name in ["sra1", "sosra", "splitting"] {
        let mut stepper = method(name).unwrap();
        let mut points = Vec::new();
        let mut sums = [0.0; 5];
        for path in 0..100 {
            let u0 = [1.0, 0.0];
            let mut solve = |level: i32| {
                let settings = fixed(0.5_f64.powi(level), path);
                end(&mut *stepper, &model, (0.0, 1.0), &u0, &settings).unwrap().0
            };
            let right = solve(12);
            for (k, sum) in sums.iter_mut().enumerate() {
                let u = solve(k as i32 + 4);
                *sum += (u[0] - right[0]).powi(2) + (u[1] - right[1]).powi(2);
            }
        }
        for (k, sum) in sums.iter().enumerate() {
            points.push((0.5_f64.powi(k as i32 + 4), (sum / 100.0).sqrt()));
        }
        check(name, 1.5, &points);
    }
}

/// `dX = a X dt + σ X dW₁ + c J X dW₂` with the quarter turn J: growth and rotation commute.
fn growth_and_rotation() -> System {
    System::diffusion(
        Function {
            states: 2,
            params: 0,
            outputs: 2,
            value: |_, u, _, out| out.copy_from_slice(&[0.3 * u[0], 0.3 * u[1]]),
            along: |_, _, _, du, out| out.copy_from_slice(&[0.3 * du[0], 0.3 * du[1]]),
        },
        Noisy {
            coefficients: Function {
                states: 2,
                params: 0,
                outputs: 4,
                value: |_, u, _, out| {
                    out.copy_from_slice(&[0.5 * u[0], 0.5 * u[1], -0.8 * u[1], 0.8 * u[0]]);
                },
                along: |_, _, _, du, out| {
                    out.copy_from_slice(&[0.5 * du[0], 0.5 * du[1], -0.8 * du[1], 0.8 * du[0]]);
                },
            },
            sources: 2,
            kind: NoiseKind::Commutative,
            calculus: Calculus::Ito,
        },
    )
}

#[test]
fn commutative_noise_of_two_sources() {
    for (calculus, drift) in
        [(Calculus::Ito, 0.3 - 0.5 * 0.25 + 0.5 * 0.64), (Calculus::Stratonovich, 0.3)]
    {
        let exact = move |w: &[f64]| {
            let size = (drift + 0.5 * w[0]).exp();
            let (sine, cosine) = (0.8 * w[1]).sin_cos();
            vec![size * cosine, size * sine]
        };
        let system = growth_and_rotation().with(NoiseKind::Commutative, calculus);
        for (name, order) in
            [("em", 0.5), ("euler-heun", 1.0), ("milstein", 1.0), ("implicit-milstein", 1.0)]
        {
            check(name, order, &errors(name, system, &[1.0, 0.0], 4..=8, 500, &exact));
        }
    }
}

/// `dX = dW₁, dY = X dW₂`: noise that does not commute. Euler–Maruyama with steps h is off by
/// `√(h/2)` at time 1 in the mean square.
#[test]
fn general_noise() {
    let system = System::diffusion(
        Function { states: 2, params: 0, outputs: 2, value: ZERO, along: NO_CHANGE },
        Noisy {
            coefficients: Function {
                states: 2,
                params: 0,
                outputs: 4,
                value: |_, u, _, out| out.copy_from_slice(&[1.0, 0.0, 0.0, u[0]]),
                along: |_, _, _, du, out| out.copy_from_slice(&[0.0, 0.0, 0.0, du[0]]),
            },
            sources: 2,
            kind: NoiseKind::General,
            calculus: Calculus::Ito,
        },
    );
    let model = Model::<f64>::new(system);
    let paths = 400;
    let fine = 0.5_f64.powi(12);
    let u0 = [0.0, 0.0];
    let mut em = method("em").unwrap();
    let references: Vec<_> = (0..paths)
        .map(|path| end(&mut *em, &model, (0.0, 1.0), &u0, &fixed(fine, path)).unwrap().0)
        .collect();
    for name in ["em", "euler-heun", "dri1"] {
        let mut stepper = method(name).unwrap();
        let mut sums = [0.0; 5];
        for (path, right) in (0..paths).zip(&references) {
            for (k, sum) in sums.iter_mut().enumerate() {
                let settings = fixed(0.5_f64.powi(k as i32 + 2), path);
                let u = end(&mut *stepper, &model, (0.0, 1.0), &u0, &settings).unwrap().0;
                *sum += (u[1] - right[1]).powi(2);
            }
        }
        let mut points = Vec::new();
        for (k, sum) in sums.iter().enumerate() {
            let h = 0.5_f64.powi(k as i32 + 2);
            let error = (sum / f64::from(paths as u32)).sqrt();
            if name == "em" {
                let expected = (0.5 * (h - fine)).sqrt();
                assert!((error / expected - 1.0).abs() < 0.12, "{error} for {expected}");
            }
            points.push((h, error));
        }
        check(name, 0.5, &points);
    }
    // Methods that would need iterated integrals say so.
    for name in ["milstein", "implicit-milstein", "splitting", "sosri", "sosra", "sra1", "sriw1"] {
        let mut stepper = method(name).unwrap();
        let error = end(&mut *stepper, &model, (0.0, 1.0), &[0.0, 0.0], &fixed(0.1, 0));
        let text = error.unwrap_err().to_string();
        assert!(text.contains(name) && text.contains("use"), "{text}");
    }
}
