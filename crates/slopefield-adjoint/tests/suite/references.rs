//! Gradients known from elsewhere: published values and independent computations, met by every
//! method at tight tolerances.

use crate::common;

use common::{all_methods, gradient, ivp, relative_distance, spread, squares};
use slopefield_adjoint::{GaussAdjoint, GradientMethod};
use slopefield_problems::{exponential_decay, forced_relaxation, lotka_volterra};
use slopefield_solve::runge_kutta::{BS3, DP5, TSIT5};
use slopefield_solve::{ExplicitRungeKutta, Ivp, Settings};

fn tight() -> Settings {
    Settings::with_tolerances(1e-11, 1e-11)
}

/// `|a − b|` within half a unit of the last of `digits` decimals, plus room for the tolerance.
#[track_caller]
fn assert_digits(found: f64, expected: f64, decimals: i32) {
    let allowed = 0.6 * 10.0_f64.powi(-decimals);
    assert!((found - expected).abs() < allowed, "{found} is not {expected}");
}

#[test]
fn derivatives_of_the_final_lotka_volterra_state_by_the_parameters() {
    let expected = [
        [2.16055752, 0.18856878, 0.56318279, 0.93965129],
        [-6.25677052, -0.69797759, -1.70901768, -2.74397916],
    ];
    let problem = lotka_volterra();
    for table in [&TSIT5, &DP5] {
        for mut method in all_methods(table) {
            for (state, row) in expected.iter().enumerate() {
                let mut component = |u: &[f64], by_state: &mut [f64]| {
                    by_state[state] = 1.0;
                    u[state]
                };
                let (_, _, by_p) =
                    gradient(&mut *method, &ivp(&problem), &tight(), &[10.0], &mut component)
                        .unwrap();
                for (found, value) in by_p.iter().zip(row) {
                    assert_digits(*found, *value, 8);
                }
            }
        }
    }
}

#[test]
fn the_simple_ode_ad_gradient() {
    // Lotka–Volterra with (a, b, c) = (1.5, 1, 3), loss Σ ½(1 − u)² over t = 0, 0.5, …, 10.
    let problem = lotka_volterra();
    let saves = spread(0.0, 10.0, 21);
    let mut loss = |u: &[f64], by_state: &mut [f64]| {
        let mut sum = 0.0;
        for (w, x) in by_state.iter_mut().zip(u) {
            *w = x - 1.0;
            sum += 0.5 * (1.0 - x) * (1.0 - x);
        }
        sum
    };
    for table in [&TSIT5, &DP5] {
        for mut method in all_methods(table) {
            let (found, _, by_p) =
                gradient(&mut *method, &ivp(&problem), &tight(), &saves, &mut loss).unwrap();
            assert_digits(found.loss, 102.0421086, 7);
            assert_digits(by_p[0], 25.50063723, 7);
            assert_digits(by_p[1], -77.25507742, 7);
            assert_digits(by_p[2], 93.53212756, 7);
        }
    }
}

#[test]
fn the_gradients_at_the_start_of_the_2019_paper() {
    // p0 = (2.2, 1, 2, 0.4) in the paper's order (α, β, δ, γ); loss Σ (u − 1)², saved every 0.1,
    // of x alone and of both. Values by Gragg extrapolation of the variational equations in
    // arithmetic of 34 digits.
    let mut problem = lotka_volterra();
    problem.p = vec![2.2, 1.0, 2.0, 0.4];
    let saves = spread(0.0, 10.0, 101);
    let expected = [
        (
            true,
            4324.597950865756,
            [53.49116085931283, -1732.952928746943, 4553.000886343047, -29519.81641435286],
        ),
        (
            false,
            4937.290475267035,
            [601.345363754595, -3491.261136685088, 4808.887256547571, -30427.98634055047],
        ),
    ];
    for (first_only, value, row) in expected {
        let mut loss = |u: &[f64], by_state: &mut [f64]| {
            let mut sum = 0.0;
            for (i, (w, x)) in by_state.iter_mut().zip(u).enumerate() {
                if i % 2 == 0 || !first_only {
                    *w = 2.0 * (x - 1.0);
                    sum += (x - 1.0) * (x - 1.0);
                }
            }
            sum
        };
        for table in [&TSIT5, &DP5] {
            for mut method in all_methods(table) {
                let (found, _, by_p) =
                    gradient(&mut *method, &ivp(&problem), &tight(), &saves, &mut loss).unwrap();
                assert!((found.loss - value).abs() < 1e-9 * value, "{}", found.loss);
                let off = relative_distance(&by_p, &row);
                assert!(off < 2e-9, "{} through {}: {off:e}", method.name(), table.id);
            }
        }
    }
}

#[test]
fn gradients_with_closed_forms() {
    // u(T) = u0 e^{−kT}: du/du0 = e^{−kT}, du/dk = −T u.
    let decay = exponential_decay();
    let mut value = |u: &[f64], by_state: &mut [f64]| {
        by_state[0] = 1.0;
        u[0]
    };
    let shrink = (-0.8_f64 * 2.0).exp();
    for mut method in all_methods(&TSIT5) {
        let (_, by_u0, by_p) =
            gradient(&mut *method, &ivp(&decay), &tight(), &[2.0], &mut value).unwrap();
        assert!((by_u0[0] - shrink).abs() < 1e-9, "{}", method.name());
        assert!((by_p[0] + 2.0 * 1.5 * shrink).abs() < 1e-9, "{}", method.name());
    }
    // Explicit time: derivatives of the closed form by differences.
    let forced = forced_relaxation();
    let exact = forced.exact.unwrap();
    let at = |p: &[f64]| {
        let mut u = [0.0];
        exact(forced.t1, forced.t0, &forced.u0, p, &mut u);
        u[0]
    };
    for mut method in all_methods(&TSIT5) {
        let (_, _, by_p) =
            gradient(&mut *method, &ivp(&forced), &tight(), &[forced.t1], &mut value).unwrap();
        for (i, found) in by_p.iter().enumerate() {
            let moved = |h: f64| {
                let mut p = forced.p.clone();
                p[i] += h;
                at(&p)
            };
            let central = |h: f64| (moved(h) - moved(-h)) / (2.0 * h);
            let difference = (4.0 * central(1e-3) - central(2e-3)) / 3.0;
            assert!((found - difference).abs() < 1e-8, "{} {i}", method.name());
        }
    }
}

/// Error of the continuous adjoint against the exact gradient of a much tighter solve.
fn gauss_error(stepper: ExplicitRungeKutta, tolerance: f64, truth: &[f64]) -> f64 {
    let problem = lotka_volterra();
    let saves = spread(0.0, 10.0, 14);
    let mut method = GaussAdjoint::new(Box::new(stepper));
    let settings = Settings::with_tolerances(tolerance, tolerance);
    let (_, by_u0, by_p) = gradient(&mut method, &ivp(&problem), &settings, &saves, &mut squares)
        .expect("Lotka–Volterra can be solved");
    relative_distance(&[by_u0, by_p].concat(), truth)
}

#[test]
fn the_continuous_adjoint_converges_as_the_tolerance_falls() {
    let problem = lotka_volterra();
    let saves = spread(0.0, 10.0, 14);
    let settings = Settings::with_tolerances(1e-13, 1e-13);
    let mut method = slopefield_adjoint::DiscreteAdjoint::new(&TSIT5);
    let (_, by_u0, by_p) =
        gradient(&mut method, &ivp(&problem), &settings, &saves, &mut squares).unwrap();
    let truth = [by_u0, by_p].concat();
    for table in [&TSIT5, &DP5, &BS3] {
        let errors: Vec<f64> = [1e-4, 1e-6, 1e-8, 1e-10]
            .map(|tolerance| gauss_error(ExplicitRungeKutta::new(table), tolerance, &truth))
            .to_vec();
        for pair in errors.windows(2) {
            assert!(pair[1] < 0.1 * pair[0], "{}: {errors:?}", table.id);
        }
        assert!(errors[3] < 1e-8, "{}: {errors:?}", table.id);
    }
}

#[test]
fn the_continuous_adjoint_runs_backward_too() {
    let problem = lotka_volterra();
    let back = Ivp { t0: 3.0, t1: -2.0, ..ivp(&problem) };
    let saves = spread(3.0, -2.0, 9);
    let found: Vec<_> = all_methods(&TSIT5)
        .iter_mut()
        .map(|m| gradient(&mut **m, &back, &tight(), &saves, &mut squares).unwrap())
        .collect();
    assert!(relative_distance(&found[2].1, &found[0].1) < 1e-8);
    assert!(relative_distance(&found[2].2, &found[0].2) < 1e-8);
}

#[test]
fn the_reverse_tolerance_follows_the_scale_of_the_loss() {
    // A loss in other units has a gradient in these units, to the same relative accuracy.
    let problem = lotka_volterra();
    let saves = spread(0.0, 10.0, 14);
    let settings = Settings::with_tolerances(1e-7, 1e-7);
    let with_unit = |unit: f64| {
        let mut loss = |u: &[f64], by_state: &mut [f64]| {
            let value = squares(u, by_state);
            by_state.iter_mut().for_each(|w| *w *= unit);
            value * unit
        };
        let mut method: Box<dyn GradientMethod> =
            Box::new(GaussAdjoint::new(Box::new(ExplicitRungeKutta::new(&TSIT5))));
        let (found, _, by_p) =
            gradient(&mut *method, &ivp(&problem), &settings, &saves, &mut loss).unwrap();
        (found.reverse_products, by_p.iter().map(|g| g / unit).collect::<Vec<_>>())
    };
    let (products, plain) = with_unit(1.0);
    for unit in [1e-12, 1e12] {
        let (found, scaled) = with_unit(unit);
        assert_eq!(found, products, "the same steps");
        assert!(relative_distance(&scaled, &plain) < 1e-9);
    }
}
