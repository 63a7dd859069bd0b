//! Products with the Hessian of a loss: against differences of the gradient of the same steps,
//! against a closed form, and for symmetry.
use crate::common;

use common::{HEUN, gradient, ivp, relative_distance, spread, squares};
use slopefield_adjoint::{DiscreteAdjoint, Evaluated, SecondOrder, SecondOrderAdjoint};
use slopefield_problems::{Problem, forced_relaxation, lotka_volterra};
use slopefield_solve::runge_kutta::{BS3, DP5, TSIT5, VERN6, VERN7, VERN8, VERN9};
use slopefield_solve::{Ivp, Settings, SolveError, Tableau};

static TABLES: [&Tableau; 8] = [&TSIT5, &DP5, &BS3, &VERN6, &VERN7, &VERN8, &VERN9, &HEUN];

/// [`squares`] to the fourth order, so that the second derivative is not constant.
fn quartic(states: &[f64], by_state: &mut [f64]) -> f64 {
    let sum = squares(states, by_state);
    let mut more = 0.0;
    for (x, w) in states.iter().zip(by_state) {
        *w += 0.1 * x.powi(3);
        more += 0.025 * x.powi(4);
    }
    sum + more
}

fn curved(states: &[f64], along: &[f64], by_state: &mut [f64], change: &mut [f64]) -> f64 {
    for ((change, x), dx) in change.iter_mut().zip(states).zip(along) {
        *change = (2.0 + 0.3 * x * x) * dx;
    }
    quartic(states, by_state)
}

/// What was evaluated, the gradient, and its change along a direction; initial values first.
fn product(
    method: &mut SecondOrderAdjoint,
    ivp: &Ivp<'_>,
    settings: &Settings,
    saves: &[f64],
    direction: &[f64],
) -> Result<(Evaluated, Vec<f64>, Vec<f64>), SolveError> {
    let n = ivp.u0.len();
    // Filled, because both are written, not added.
    let (mut first, mut second) = (vec![3.0; direction.len()], vec![-3.0; direction.len()]);
    let (by_u0, by_p) = first.split_at_mut(n);
    let (change_u0, change_p) = second.split_at_mut(n);
    let out = SecondOrder { by_u0, by_p, change_u0, change_p };
    let along = direction.split_at(n);
    let found = method.evaluate(ivp, settings, saves, along, &mut curved, out)?;
    Ok((found, first, second))
}

/// A direction in units of the values, so that all of them matter.
fn direction(problem: &Problem, phase: f64) -> Vec<f64> {
    let values = problem.u0.iter().chain(&problem.p).enumerate();
    values.map(|(i, x)| (1.3 * i as f64 + phase).cos() * (0.1 + x.abs())).collect()
}

/// Steps of one length, whatever the tolerance says, so that they are the same beside the point.
fn even(h: f64) -> Settings {
    Settings { h_init: Some(h), h_max: h, ..Settings::with_tolerances(1e3, 1e3) }
}

#[test]
fn products_are_differences_of_the_gradient_of_the_same_steps() {
    for (problem, t1) in [(lotka_volterra(), 2.0), (forced_relaxation(), 1.0)] {
        let (t0, h) = (problem.t0, (t1 - problem.t0) / 40.0);
        let settings = even(h);
        let plain = ivp(&problem);
        // At the start, within steps, at the ends of some, twice, and not at the end of the span.
        let all = [t0, t0 + 0.3 * h, t0 + h, t0 + h, t0 + 7.77 * h, t0 + 7.9 * h, t1 - 0.5 * h];
        for (saves, table) in TABLES.iter().flat_map(|t| [(&all[..], t), (&all[2..3], t)]) {
            let ivp = Ivp { t1, ..plain };
            let along = direction(&problem, 0.4);
            let mut method = SecondOrderAdjoint::new(table);
            let (found, first, second) =
                product(&mut method, &ivp, &settings, saves, &along).unwrap();
            assert_eq!(found.forward.accepted, 40, "{}: {:?}", table.id, found.forward);
            let at = |x: f64| -> Vec<f64> {
                let moved = |values: &[f64], along: &[f64]| -> Vec<f64> {
                    values.iter().zip(along).map(|(v, d)| v + x * d).collect()
                };
                let (du0, dp) = along.split_at(ivp.u0.len());
                let (u0, p) = (moved(ivp.u0, du0), moved(ivp.p, dp));
                let ivp = Ivp { u0: &u0, p: &p, ..ivp };
                let mut adjoint = DiscreteAdjoint::new(table);
                let (found, by_u0, by_p) =
                    gradient(&mut adjoint, &ivp, &settings, saves, &mut quartic).unwrap();
                assert_eq!(found.forward.accepted, 40);
                [by_u0, by_p].concat()
            };
            assert!(relative_distance(&first, &at(0.0)) < 1e-13, "{}", table.id);
            let slope = |x: f64| -> Vec<f64> {
                at(x).iter().zip(at(-x)).map(|(a, b)| (a - b) / (2.0 * x)).collect()
            };
            // Twice extrapolated: the error falls with the sixth power.
            let (a, b, c) = (slope(8e-3), slope(4e-3), slope(2e-3));
            let once = |fine: &[f64], coarse: &[f64], r: f64| -> Vec<f64> {
                fine.iter().zip(coarse).map(|(f, c)| f + (f - c) / (r - 1.0)).collect()
            };
            let expected = once(&once(&c, &b, 4.0), &once(&b, &a, 4.0), 16.0);
            let off = relative_distance(&second, &expected);
            assert!(off < 1e-9, "{} {}: {off:e} {second:?} {expected:?}", table.id, problem.id);
        }
    }
}

#[test]
fn the_hessian_is_symmetric_whatever_the_memory() {
    let settings = Settings::with_tolerances(1e-4, 1e-6);
    let (problem, t1) = (lotka_volterra(), 5.0);
    let ivp = Ivp { t1, ..ivp(&problem) };
    let saves = spread(ivp.t0, t1, 13);
    let (v, w) = (direction(&problem, 0.4), direction(&problem, 2.0));
    let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
    for table in TABLES {
        let mut method = SecondOrderAdjoint::new(table);
        let mut thrifty = SecondOrderAdjoint::new(table).with_memory(2000);
        let (found, _, by_v) = product(&mut method, &ivp, &settings, &saves, &v).unwrap();
        let (_, first, by_w) = product(&mut method, &ivp, &settings, &saves, &w).unwrap();
        let (one, two) = (dot(&w, &by_v), dot(&v, &by_w));
        let size: f64 = w.iter().zip(&by_v).map(|(w, x)| (w * x).abs()).sum();
        assert!((one - two).abs() < 1e-10 * size, "{} {}: {one} {two}", table.id, problem.id);
        let (small, again, by_w_again) =
            product(&mut thrifty, &ivp, &settings, &saves, &w).unwrap();
        assert_eq!((first, by_w), (again, by_w_again), "{}", table.id);
        assert!(small.memory < found.memory, "{}: {small:?} {found:?}", table.id);
    }
}

#[test]
fn a_system_without_second_derivatives_is_refused() {
    use common::dual::System;
    let system = System::new(1, 1, |_, u, p, out| out[0] = -(p[0] * u[0]));
    let ivp = Ivp { rhs: &system, t0: 0.0, t1: 1.0, u0: &[1.0], p: &[0.5] };
    let mut method = SecondOrderAdjoint::named("tsit5").unwrap();
    let error = product(&mut method, &ivp, &Settings::default(), &[1.0], &[1.0, 0.0]).unwrap_err();
    assert!(error.to_string().contains("second derivatives"), "{error}");
    assert!(SecondOrderAdjoint::named("bdf").is_none());
}

/// `u' = −a u` with `L = u(T)²/2 = u0² e^(−2aT)/2`.
#[test]
fn a_linear_equation_has_the_second_derivatives_of_its_closed_form() {
    let model = slopefield_problems::exponential_decay();
    let (t1, a, u0) = (1.5 + model.t0, model.p[0], model.u0[0]);
    let ivp = Ivp { t1, ..ivp(&model) };
    let settings = Settings::with_tolerances(1e-12, 1e-12);
    let square = (-2.0 * a * (t1 - model.t0)).exp();
    let elapsed = t1 - model.t0;
    let exact = [
        [square, -2.0 * elapsed * u0 * square],
        [-2.0 * elapsed * u0 * square, 2.0 * (elapsed * u0).powi(2) * square],
    ];
    let mut loss = |u: &[f64], du: &[f64], w: &mut [f64], dw: &mut [f64]| {
        (w[0], dw[0]) = (u[0], du[0]);
        0.5 * u[0] * u[0]
    };
    let mut method = SecondOrderAdjoint::new(&VERN9);
    for (along, expected) in [([1.0], [0.0]), ([0.0], [1.0])].into_iter().zip(exact) {
        let (mut first, mut second) = ([0.0; 2], [0.0; 2]);
        let (by_u0, by_p) = first.split_at_mut(1);
        let (change_u0, change_p) = second.split_at_mut(1);
        let out = SecondOrder { by_u0, by_p, change_u0, change_p };
        let along = (&along.0[..], &along.1[..]);
        method.evaluate(&ivp, &settings, &[t1], along, &mut loss, out).unwrap();
        assert!(relative_distance(&second, &expected) < 1e-10, "{second:?} {expected:?}");
    }
}
