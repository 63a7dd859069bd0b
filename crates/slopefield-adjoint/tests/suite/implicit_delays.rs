//! Gradients through delays over implicit methods: against differences of the same steps, closed forms
//! and accurate solves.
use crate::common;

use common::delayed::Delayed;
use common::dual::{D, System, c, crossing};
use common::{Hybrid, hybrid_gradient, relative_distance, spread};
use slopefield_adjoint::{
    GradientMethod, HybridAdjoint, ImplicitHybridAdjoint, ImplicitHybridSensitivity,
};
use slopefield_kernel::Crossing;
use slopefield_solve::{Ivp, Settings, delay_method, drive};

const METHODS: [&str; 7] =
    ["rosenbrock23", "rodas4p", "rodas5p", "trbdf2", "kencarp4", "kvaerno5", "radau"];

/// Those that go through delays beside mass matrices and algebraic equations.
const BESIDE_ALGEBRA: [&str; 4] = ["rosenbrock23", "rodas4p", "rodas5p", "radau"];

fn exact_methods(name: &str) -> [Box<dyn GradientMethod>; 2] {
    [
        Box::new(ImplicitHybridAdjoint::named(name).expect("an implicit method")),
        Box::new(ImplicitHybridSensitivity::named(name).expect("an implicit method")),
    ]
}

/// Compares both exact methods with differences of the same steps, through solvers; returns those.
#[track_caller]
fn check<'a>(what: &str, case: &'a Hybrid<'a>, names: &[&str]) -> Vec<Delayed<'a>> {
    let solved = |name: &&str| {
        let mut again = Delayed::new(case, name);
        let off = again.distance();
        assert!(off < 100.0 * case.tolerance, "{what} by {name}: not the same steps, {off:e}");
        let expected = again.gradient();
        for mut method in exact_methods(name) {
            let found = hybrid_gradient(&mut *method, case)
                .unwrap_or_else(|error| panic!("{what} by {name}: {error}"));
            let off = relative_distance(&found, &expected);
            assert!(
                off < 1e-9,
                "{what} by {} of {name}: off by {off:e}\n{found:?}\n{expected:?}",
                method.name()
            );
        }
        again
    };
    names.iter().map(solved).collect()
}

/// Mackey and Glass's equation with a fast neighbour; parameters: gain, lag, decay, history, rate.
fn stiff_mackey_glass() -> System {
    System::new(2, 5, |_, u, p, out| {
        out[0] = p[0] * u[2] / (1.0 + u[2].powi(4)) - p[2] * u[0] * u[1];
        out[1] = p[4] * (u[0] - u[1]);
    })
    .delayed(
        &[(0, 0, false)],
        &[true],
        |_, _, p, out| out[0] = p[1],
        |t, _, p, out| (out[0], out[1]) = (p[3] * (1.0 + 0.1 * t.sin()), p[3]),
    )
    .curved()
}

#[test]
fn constant_lags_and_histories_that_are_parameters() {
    let saves = spread(0.0, 9.0, 11);
    let (smooth, jumping) = (stiff_mackey_glass(), stiff_mackey_glass().jumps_at_start());
    for (what, system) in [("smooth", &smooth), ("with a jump", &jumping)] {
        let case = Hybrid {
            system,
            span: (0.0, 9.0),
            u0: &[0.5, 0.7],
            p: &[1.4, 2.0, 0.6, 0.5, 30.0],
            saves: &saves,
            tolerance: 1e-5,
        };
        check(what, &case, &METHODS);
    }
}

/// A lag that depends on time, parameters and, with the last of these, on the state.
fn moving_lag() -> System {
    System::new(2, 6, |_, u, p, out| {
        out[0] = p[0] * u[2] * (1.0 - 0.4 * u[0]);
        out[1] = p[4] * (u[0] - u[1]);
    })
    .delayed(
        &[(1, 0, false)],
        &[false],
        |t, u, p, out| out[0] = p[1] + 0.1 * p[2] * t.sin() + p[5] * u[0] * u[1],
        |t, _, p, out| (out[0], out[1]) = (p[3] * (1.0 + 0.2 * t), p[3] * (1.0 - 0.1 * t)),
    )
    .curved()
}

#[test]
fn lags_that_move_with_time_and_parameters_pass_discontinuities() {
    let saves = spread(0.0, 6.0, 9);
    let (smooth, jumping) = (moving_lag(), moving_lag().jumps_at_start());
    for (what, system) in [("smooth", &smooth), ("with a jump", &jumping)] {
        let case = Hybrid {
            system,
            span: (0.0, 6.0),
            u0: &[0.6, 0.8],
            p: &[-1.1, 1.2, 0.7, 0.9, 12.0, 0.0],
            saves: &saves,
            tolerance: 1e-5,
        };
        // The last parameter would make the lag depend on the state.
        check(what, &case, &METHODS);
    }
}

#[test]
fn lags_that_depend_on_the_state() {
    // As long as they look at the history alone,
    let saves = spread(0.0, 1.0, 5);
    let case = Hybrid {
        system: &moving_lag(),
        span: (0.0, 1.0),
        u0: &[0.6, 0.8],
        p: &[-1.1, 1.2, 0.7, 0.9, 12.0, 0.4],
        saves: &saves,
        tolerance: 1e-5,
    };
    check("history", &case, &METHODS);
    // and where they look at the solution from the start on: the lag vanishes there.
    let system = System::new(2, 3, |t, u, p, out| {
        out[0] = 0.2 * t.sin() - p[0] * u[2] * u[1];
        out[1] = p[1] * (u[0] - u[1]);
    })
    .delayed(
        &[(0, 0, false)],
        &[false],
        |t, u, p, out| out[0] = t * p[2] * (1.0 + 0.2 * u[0] * u[1]),
        |_, _, _, out| (out[0], out[1]) = (c(0.9), c(0.5)),
    )
    .curved();
    let saves = spread(0.0, 4.0, 9);
    let case = Hybrid {
        system: &system,
        span: (0.0, 4.0),
        u0: &[0.9, 0.5],
        p: &[1.1, 9.0, 0.5],
        saves: &saves,
        tolerance: 1e-5,
    };
    check("solution", &case, &METHODS);
}

#[test]
fn lags_that_depend_on_the_state_pass_discontinuities() {
    // Where they do, solvers take very short steps, of which there are no differences; so these are of
    // accurate solves, which move all steps.
    let system = moving_lag().jumps_at_start();
    let (p, saves) = ([-1.1, 1.2, 0.7, 0.9, 12.0, 0.3], spread(0.0, 4.0, 7));
    let loss = |p: &[f64]| {
        let ivp = Ivp { rhs: &system, t0: 0.0, t1: 4.0, u0: &[0.6, 0.8], p };
        let mut states = vec![0.0; 2 * saves.len()];
        let settings = Settings::with_tolerances(1e-11, 1e-11);
        let mut stepper = delay_method("vern7").unwrap();
        drive(&mut *stepper, &ivp, &settings, &saves, &mut states, None).unwrap();
        common::reached_squares(&states, &mut vec![0.0; states.len()])
    };
    let expected: Vec<f64> = (0..p.len())
        .map(|i| {
            let at = |h: f64| {
                let mut p = p;
                p[i] += h;
                loss(&p)
            };
            let h = 2e-4;
            (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h)
        })
        .collect();
    let case = Hybrid {
        system: &system,
        span: (0.0, 4.0),
        u0: &[0.6, 0.8],
        p: &p,
        saves: &saves,
        tolerance: 0.0, // below
    };
    let off = |name: &str, tolerance: f64| {
        let case = Hybrid { tolerance, ..case };
        let [reverse, forward] =
            exact_methods(name).map(|mut method| hybrid_gradient(&mut *method, &case).unwrap());
        let apart = relative_distance(&reverse, &forward);
        assert!(apart < 1e-9, "{name}: {apart:e}\n{reverse:?}\n{forward:?}");
        relative_distance(&reverse[3..], &expected)
    };
    for name in ["rodas4p", "rodas5p", "kencarp4", "kvaerno5", "radau"] {
        let off = off(name, 1e-9);
        assert!(off < 2e-6, "{name}: {off:e}");
    }
    // Of second order: the error is the steps' to the power of 2, and these go as its cube root.
    for name in ["rosenbrock23", "trbdf2"] {
        let [coarse, fine] = [1e-6, 1e-9].map(|tolerance| off(name, tolerance));
        assert!(fine < 3e-5 && coarse / fine > 50.0, "{name}: {coarse:e}, {fine:e}");
    }
}

#[test]
fn several_lags_and_a_crossing_that_reads_the_past() {
    let system = System::new(2, 6, |t, u, p, out| {
        out[0] = p[0] * u[2] - 8.0 * u[0] * u[3] + 0.2 * t.sin();
        out[1] = 0.5 * u[0] - p[1] * u[1] + 0.1 * u[2];
    })
    .delayed(
        &[(0, 0, false), (1, 1, false)],
        &[true, true],
        |_, _, p, out| (out[0], out[1]) = (p[2], 0.5 * p[3] * p[3]),
        |t, _, p, out| (out[0], out[1]) = (p[4] + 0.3 * p[5] * t, 0.5 * p[4].exp()),
    )
    .curved()
    .jumps_at_start()
    .roots(1, |_, u, p, out| out[0] = u[1] + 0.4 * u[2] - 0.625 * p[4])
    .event(crossing(0, Crossing::Falling), |_, u, p, out| {
        out[0] = u[0] + 0.3 * u[3] * p[5];
        out[1] = 0.7 * u[1] + 0.1 * u[2];
    });
    let saves = spread(0.0, 1.2, 5);
    let case = Hybrid {
        system: &system,
        span: (0.0, 1.2),
        u0: &[1.2, 0.3],
        p: &[3.0, 0.8, 0.77, 1.1, 0.8, 1.1],
        saves: &saves,
        tolerance: 1e-5,
    };
    for again in check("lags and crossings", &case, &METHODS) {
        assert!(again.events() > 0, "nothing happens");
    }
}

#[test]
fn neutral_equations_read_slopes() {
    let system = System::new(1, 4, |t, u, p, out| {
        out[0] = p[0] * u[2] - p[1] * u[1] * u[0] + 0.3 * t.cos();
    })
    .delayed(
        &[(0, 0, false), (0, 0, true)],
        &[true],
        |_, _, p, out| out[0] = p[2],
        |t, _, p, out| out[0] = p[3] + 0.2 * t,
    );
    let saves = spread(0.0, 5.0, 13);
    let case = Hybrid {
        system: &system,
        span: (0.0, 5.0),
        u0: &[0.6],
        p: &[0.4, 0.7, 0.9, 0.6],
        saves: &saves,
        tolerance: 1e-5,
    };
    check("neutral", &case, &["trbdf2", "kencarp4", "kvaerno5", "radau"]);
}

#[test]
fn lags_shorter_than_the_steps() {
    let system = |short: bool| {
        System::new(2, 4, |_, u, p, out| {
            out[0] = p[0] * (u[1] - u[2]);
            out[1] = 1.0 - p[1] * u[1] * u[0] + 0.2 * u[3];
        })
        .delayed(
            &[(0, 0, false), (1, 0, false)],
            &[true],
            move |_, _, p, out| out[0] = if short { 0.15 * p[2] } else { p[2] },
            |t, _, p, out| (out[0], out[1]) = (p[3] * (1.0 + t), c(1.0)),
        )
        .curved()
    };
    // Coupled to the state where the lag is below half the step; otherwise read where the step is.
    let (coupled, read) = (system(true), system(false));
    for (what, system, saves) in
        [("coupled", &coupled, spread(0.0, 6.0, 5)), ("read", &read, spread(0.0, 6.0, 4))]
    {
        let case = Hybrid {
            system,
            span: (0.0, 6.0),
            u0: &[1.0, 0.6],
            p: &[3.0, 0.9, 0.4, 1.0],
            saves: &saves,
            tolerance: 1e-3,
        };
        for again in check(what, &case, &METHODS) {
            assert!(again.couples() || what == "read", "{what}: nothing is coupled");
        }
    }
}

/// `u' = a u(t − τ)` with the history `b` and `u(0) = u0`; parameters `a`, `τ`, `b`.
fn one_delay() -> System {
    System::new(1, 3, |_, u, p, out| out[0] = p[0] * u[1])
        .delayed(
            &[(0, 0, false)],
            &[true],
            |_, _, p, out| out[0] = p[1],
            |_, _, p, out| out[0] = p[2],
        )
        .curved()
        .jumps_at_start()
}

#[test]
fn a_constant_delay_has_the_derivatives_of_its_polynomials() {
    // On the first three intervals the solution is a polynomial of degree three, which methods of
    // that order and with as good a solution within their steps find.
    let exact = |t: f64, q: [D; 4]| -> D {
        let [u0, a, lag, b] = q;
        let positive = |x: D| if x.v > 0.0 { x } else { c(0.0) };
        let (mut sum, mut factor) = (u0, c(1.0));
        for k in 1..5 {
            let kf = f64::from(k);
            factor = factor * a / c(kf);
            let (early, late) = (positive(c(t) - (kf - 1.0) * lag), positive(c(t) - kf * lag));
            sum += factor * u0 * late.powi(k) + factor * b * (early.powi(k) - late.powi(k));
        }
        sum
    };
    let system = one_delay();
    let (u0, p, saves) = ([1.3], [-0.8, 1.1, 0.4], [0.3, 1.1, 1.9, 2.9, 3.1]);
    let at = |t: f64, index: usize| {
        let seed = |i: usize, v: f64| D { v, d: f64::from(u8::from(i == index)) };
        exact(t, [seed(0, u0[0]), seed(1, p[0]), seed(2, p[1]), seed(3, p[2])])
    };
    let values: Vec<f64> = saves.iter().map(|&t| at(t, 9).v).collect();
    let mut weights = vec![0.0; saves.len()];
    common::reached_squares(&values, &mut weights);
    let case = Hybrid {
        system: &system,
        span: (0.0, 3.2),
        u0: &u0,
        p: &p,
        saves: &saves,
        tolerance: 1e-8,
    };
    for name in ["rodas4p", "rodas5p", "radau"] {
        for mut method in exact_methods(name) {
            let found = hybrid_gradient(&mut *method, &case).unwrap();
            for index in 0..4 {
                let rows = saves.iter().zip(&weights);
                let exact: f64 = rows.map(|(&t, w)| w * at(t, index).d).sum();
                let off = (found[1 + index] - exact).abs();
                assert!(off < 1e-9 * exact.abs(), "{name} {}: {index}, {off:e}", method.name());
            }
        }
    }
}

/// `(x, y)' = f` with a delayed `x`, where `y` follows fast.
fn matured(p: &[D], u: &[D]) -> [D; 2] {
    [p[0] * u[2] - p[1] * u[0] * u[1], 8.0 * (u[0] - u[1])]
}

/// A mass matrix with parameters, by columns.
fn weights(p: &[D]) -> [D; 4] {
    [1.0 + 0.3 * p[3], 0.2 * p[2], 0.1 * p[3] * p[3], c(1.4)]
}

#[test]
fn a_mass_matrix_beside_delays_is_that_of_equations_solved_for_the_derivatives() {
    let delayed = |system: System| {
        system
            .delayed(
                &[(0, 0, false)],
                &[true],
                |_, _, p, out| out[0] = p[2],
                |t, _, p, out| (out[0], out[1]) = (p[4] * (1.0 + 0.1 * t), c(0.3)),
            )
            .jumps_at_start()
            .curved()
    };
    let massive = delayed(System::new(2, 5, |_, u, p, out| out.copy_from_slice(&matured(p, u))))
        .mass(|p, out| out.copy_from_slice(&weights(p)));
    let solved = delayed(System::new(2, 5, |_, u, p, out| {
        let ([f, g], [a, b, d, e]) = (matured(p, u), weights(p));
        let determinant = a * e - b * d;
        out[0] = (e * f - d * g) / determinant;
        out[1] = (a * g - b * f) / determinant;
    }));
    let saves = spread(0.0, 5.0, 8);
    let case = |system| Hybrid {
        system,
        span: (0.0, 5.0),
        u0: &[0.7, 0.5],
        p: &[1.2, 0.8, 1.1, 0.6, 0.9],
        saves: &saves,
        tolerance: 1e-6,
    };
    for name in BESIDE_ALGEBRA {
        let [expected, _] =
            exact_methods(name).map(|mut m| hybrid_gradient(&mut *m, &case(&solved)).unwrap());
        for mut method in exact_methods(name) {
            let found = hybrid_gradient(&mut *method, &case(&massive)).unwrap();
            let off = relative_distance(&found[1..], &expected[1..]);
            assert!(off < 1e-8, "{} of {name}: {off:e}\n{found:?}\n{expected:?}", method.name());
        }
    }
}

#[test]
fn an_algebraic_equation_that_reads_the_past() {
    // 0 = y − a x(t − τ) with x' = b y − c x is x' = a b x(t − τ) − c x.
    let delays = |system: System| {
        system
            .delayed(
                &[(0, 0, false)],
                &[true],
                |_, _, p, out| out[0] = p[3],
                |t, _, p, out| out.iter_mut().for_each(|x| *x = p[4] * (1.0 + 0.1 * t)),
            )
            .curved()
    };
    let algebraic = delays(System::new(2, 5, |_, u, p, out| {
        out[0] = p[1] * u[1] - p[2] * u[0];
        out[1] = u[1] - p[0] * u[2];
    }))
    .mass(|_, out| {
        out.iter_mut().enumerate().for_each(|(i, x)| *x = c(f64::from(u8::from(i == 0))))
    });
    let plain = delays(System::new(1, 5, |_, u, p, out| {
        out[0] = p[0] * p[1] * u[1] - p[2] * u[0];
    }));
    let (p, saves) = ([0.8, 1.1, 0.9, 1.3, 0.7], spread(0.5, 5.0, 7));
    let span = (0.0, 5.0);
    let case = Hybrid { system: &plain, span, u0: &[0.5], p: &p, saves: &saves, tolerance: 1e-11 };
    let mut accurate = HybridAdjoint::named("vern9").unwrap();
    let expected = hybrid_gradient(&mut accurate, &case).unwrap();
    // The loss is that of x alone, with the same targets.
    let loss = |states: &[f64], by_state: &mut [f64]| {
        let x: Vec<f64> = states.iter().step_by(2).copied().collect();
        let mut by_x = vec![0.0; x.len()];
        let sum = common::reached_squares(&x, &mut by_x);
        by_state.iter_mut().step_by(2).zip(by_x).for_each(|(w, by)| *w = by);
        sum
    };
    for name in BESIDE_ALGEBRA {
        // A method of low order takes very many steps for that.
        let tolerance = if name == "rosenbrock23" { 1e-7 } else { 1e-9 };
        let settings = Settings::with_tolerances(tolerance, tolerance);
        let ivp = Ivp { rhs: &algebraic, t0: 0.0, t1: 5.0, u0: &[0.5, 9.0], p: &p };
        let found = exact_methods(name).map(|mut method| {
            let (_, by_u0, by_p) =
                common::gradient(&mut *method, &ivp, &settings, &saves, &mut { loss }).unwrap();
            // It is found, whatever is given.
            assert!(by_u0[1].abs() < 1e-12 * by_u0[0].abs(), "{name}: {by_u0:?}");
            [vec![by_u0[0]], by_p].concat()
        });
        let apart = relative_distance(&found[0], &found[1]);
        assert!(apart < 1e-9, "{name}: {apart:e} {found:?}");
        let off = relative_distance(&found[0], &expected[1..]);
        assert!(off < 3e-5, "{name}: {off:e} {:?} {expected:?}", found[0]);
    }
}

#[test]
fn what_has_no_exact_gradient_is_refused_in_a_sentence() {
    let refusal = |system: &System, name: &str| {
        let case = Hybrid {
            system,
            span: (0.0, 1.0),
            u0: &[0.6],
            p: &[0.4, 0.7, 0.9],
            saves: &[0.5],
            tolerance: 1e-4,
        };
        let mut sentences = exact_methods(name).map(|mut method| {
            hybrid_gradient(&mut *method, &case).expect_err("refused").to_string()
        });
        assert_eq!(sentences[0], sentences[1]);
        std::mem::take(&mut sentences[0])
    };
    let neutral = System::new(1, 3, |_, u, p, out| out[0] = p[0] * u[1]).delayed(
        &[(0, 0, true)],
        &[true],
        |_, _, p, out| out[0] = p[1],
        |t, _, p, out| out[0] = p[2] * t,
    );
    assert!(refusal(&neutral, "rodas5p").contains("second derivatives"));
    assert!(refusal(&neutral.curved(), "rodas5p").contains("slopes of the past"));
    let eventful = one_delay()
        .mass(|_, out| out[0] = c(2.0))
        .roots(1, |_, u, _, out| out[0] = u[0] - 0.5)
        .event(crossing(0, Crossing::Both), |_, u, _, out| out[0] = 2.0 * u[0]);
    assert!(refusal(&eventful, "radau").contains("delays beside algebraic"));
    let massive = one_delay().mass(|_, out| out[0] = c(2.0));
    assert!(refusal(&massive, "kencarp4").contains("slopes of algebraic variables"));
}
