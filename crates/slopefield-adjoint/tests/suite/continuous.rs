//! Continuous adjoints through every kind of solver, against closed forms, published values and exact
//! gradients.

use crate::common;

use common::{Opaque, gradient, ivp, relative_distance, spread, squares};
use slopefield_adjoint::{
    BacksolveAdjoint, DiscreteAdjoint, GaussAdjoint, GradientMethod, ImplicitAdjoint,
    InterpolatingAdjoint, QuadratureAdjoint, reversal,
};
use slopefield_problems::{
    Problem, bouncing_ball, hires, lorenz, lotka_volterra, projectile, repeated_doses, robertson,
    robertson_dae,
};
use slopefield_solve::runge_kutta::{TSIT5, VERN9};
use slopefield_solve::{ExplicitRungeKutta, Ivp, Settings, SolveError, Stepper, method};

fn stepper(id: &str) -> Box<dyn Stepper> {
    match id {
        "opaque" => Box::new(Opaque(ExplicitRungeKutta::new(&TSIT5))),
        id => method(id).expect("built in"),
    }
}

/// The methods that keep the solution.
fn stored(id: &str) -> Vec<Box<dyn GradientMethod>> {
    vec![
        Box::new(GaussAdjoint::new(stepper(id))),
        Box::new(InterpolatingAdjoint::new(stepper(id))),
        Box::new(QuadratureAdjoint::new(stepper(id))),
    ]
}

fn every(id: &str) -> Vec<Box<dyn GradientMethod>> {
    let mut methods = stored(id);
    methods.push(Box::new(BacksolveAdjoint::new(stepper(id))));
    methods
}

/// Central differences of the loss by every initial value and parameter, and by the start time, of
/// solves at tolerances of 1e-12.
fn differences(
    problem: &Problem,
    id: &str,
    saves: &[f64],
    loss: fn(&[f64], &mut [f64]) -> f64,
) -> (Vec<f64>, Vec<f64>, f64) {
    let n = problem.u0.len();
    let settings = Settings::with_tolerances(1e-12, 1e-14);
    let mut solver = stepper(id);
    let mut at = |t0: f64, u0: &[f64], p: &[f64]| {
        let moved = Ivp { t0, u0, p, ..ivp(problem) };
        let mut states = vec![0.0; saves.len() * n];
        slopefield_solve::drive(&mut *solver, &moved, &settings, saves, &mut states, None)
            .expect("the standard problems can be solved");
        loss(&states, &mut vec![0.0; saves.len() * n])
    };
    let (u0, p) = (problem.u0.clone(), problem.p.clone());
    let central = |f: &mut dyn FnMut(f64) -> f64, h: f64| {
        (8.0 * (f(h) - f(-h)) - (f(2.0 * h) - f(-2.0 * h))) / (12.0 * h)
    };
    let by_u0 = (0..n).map(|i| {
        let h = 1e-3 * u0[i].abs().max(1e-3);
        central(
            &mut |d| {
                let mut u = u0.clone();
                u[i] += d;
                at(problem.t0, &u, &p)
            },
            h,
        )
    });
    let by_u0: Vec<f64> = by_u0.collect();
    let by_p = (0..p.len()).map(|j| {
        let h = 1e-3 * p[j].abs().max(1e-3);
        central(
            &mut |d| {
                let mut q = p.clone();
                q[j] += d;
                at(problem.t0, &u0, &q)
            },
            h,
        )
    });
    let by_p: Vec<f64> = by_p.collect();
    let by_t0 = central(&mut |d| at(problem.t0 + d, &u0, &p), 1e-3);
    (by_u0, by_p, by_t0)
}

/// Gradient by `(u0, p)` of the sum of squares.
fn both(
    method: &mut dyn GradientMethod,
    problem: &Problem,
    settings: &Settings,
    saves: &[f64],
) -> Vec<f64> {
    let (_, by_u0, by_p) =
        gradient(method, &ivp(problem), settings, saves, &mut squares).expect("a gradient");
    [by_u0, by_p].concat()
}

/// The exact gradient of the steps of Radau's method at a tight tolerance.
fn exact(problem: &Problem, saves: &[f64]) -> Vec<f64> {
    let mut method = ImplicitAdjoint::named("radau").expect("built in");
    both(&mut method, problem, &Settings::with_tolerances(1e-11, 1e-15), saves)
}

#[test]
fn all_converge_to_the_exact_gradient_as_the_tolerance_falls() {
    let problem = lotka_volterra();
    let saves = spread(0.0, 10.0, 14);
    let settings = Settings::with_tolerances(1e-13, 1e-13);
    let truth = both(&mut DiscreteAdjoint::new(&VERN9), &problem, &settings, &saves);
    for id in ["opaque", "vern7", "vern9", "rodas5p", "kvaerno5", "bdf", "vcabm", "auto-switch"] {
        for index in 0..4 {
            let errors: Vec<f64> = [1e-4, 1e-6, 1e-8]
                .map(|tolerance| {
                    let settings = Settings::with_tolerances(tolerance, tolerance);
                    let method = &mut every(id)[index];
                    // Backward in time the tolerances must be tighter than for the others.
                    relative_distance(&both(&mut **method, &problem, &settings, &saves), &truth)
                })
                .to_vec();
            let name = format!("{index} through {id}: {errors:?}");
            assert!(errors[1] < 0.2 * errors[0] && errors[2] < 0.2 * errors[1], "{name}");
            assert!(errors[2] < 2e-5, "{name}");
        }
    }
}

#[test]
fn published_derivatives_by_every_method() {
    let problem = lotka_volterra();
    let expected = [2.16055752, 0.18856878, 0.56318279, 0.93965129];
    let settings = Settings::with_tolerances(1e-10, 1e-10);
    let mut component = |u: &[f64], by_state: &mut [f64]| {
        by_state[0] = 1.0;
        u[0]
    };
    for id in ["opaque", "vern7", "rodas5p", "radau", "auto-switch"] {
        for mut method in every(id) {
            let (_, _, by_p) =
                gradient(&mut *method, &ivp(&problem), &settings, &[10.0], &mut component).unwrap();
            let off = relative_distance(&by_p, &expected);
            assert!(off < 1e-6, "{} through {id}: {off:e}", method.name());
        }
    }
}

#[test]
fn stiff_systems_are_reversed_by_an_implicit_method() {
    for (mut problem, saves, solvers) in [
        (robertson(), vec![0.4, 4.0, 40.0], ["rodas5p", "bdf", "auto-switch"]),
        (hires(), vec![1.0, 10.0, 100.0, 300.0], ["radau", "kvaerno5", "bdf"]),
    ] {
        problem.t1 = saves[saves.len() - 1];
        let truth = exact(&problem, &saves);
        let settings = Settings::with_tolerances(1e-8, 1e-12);
        for id in solvers {
            for mut method in stored(id) {
                let (found, by_u0, by_p) =
                    gradient(&mut *method, &ivp(&problem), &settings, &saves, &mut squares)
                        .unwrap();
                let name = format!("{} of {} through {id}", method.name(), problem.id);
                // Each entry to five digits of its own size: they differ by orders of magnitude.
                for (k, (found, truth)) in by_u0.iter().chain(&by_p).zip(&truth).enumerate() {
                    let off = (found - truth).abs();
                    let scale = truth.abs().max(1e-8);
                    assert!(off < 3e-5 * scale, "{name}, entry {k}: {found} is not {truth}");
                }
                // Explicit steps would be a hundred thousand and more.
                assert!(found.reverse_products < 60_000, "{name}: {}", found.reverse_products);
            }
        }
    }
}

#[test]
fn algebraic_variables_and_their_initial_values() {
    let mut problem = robertson_dae();
    problem.t1 = 40.0;
    let saves = [0.4, 4.0, 40.0];
    let truth = exact(&problem, &saves);
    let settings = Settings::with_tolerances(1e-8, 1e-12);
    for id in ["rodas5p", "radau", "bdf"] {
        for mut method in stored(id) {
            let found = both(&mut *method, &problem, &settings, &saves);
            assert_eq!(found[2], 0.0, "a guess of an algebraic variable does not matter");
            for (k, (found, truth)) in found.iter().zip(&truth).enumerate() {
                let off = (found - truth).abs();
                assert!(
                    off < 3e-5 * truth.abs().max(1e-6),
                    "{} through {id}, entry {k}: {found} is not {truth}",
                    method.name()
                );
            }
        }
    }
    let mut backsolve = BacksolveAdjoint::new(stepper("rodas5p"));
    let refused = gradient(&mut backsolve, &ivp(&problem), &settings, &saves, &mut squares);
    assert!(matches!(refused, Err(SolveError::Invalid(_))), "{refused:?}");
}

/// Height at the end.
fn height(u: &[f64], by_state: &mut [f64]) -> f64 {
    by_state[0] = 1.0;
    u[0]
}

#[test]
fn a_bouncing_ball_has_the_derivatives_of_its_closed_form() {
    let problem = bouncing_ball();
    let exact = problem.exact.unwrap();
    let at = |u0: &[f64], p: &[f64]| {
        let mut u = [0.0; 2];
        exact(15.0, 0.0, u0, p, &mut u);
        u[0]
    };
    let central = |f: &dyn Fn(f64) -> f64| {
        let h = 1e-4;
        (8.0 * (f(h) - f(-h)) - (f(2.0 * h) - f(-2.0 * h))) / (12.0 * h)
    };
    let truth = [
        central(&|d| at(&[50.0 + d, 0.0], &[9.8, 0.8])),
        central(&|d| at(&[50.0, d], &[9.8, 0.8])),
        central(&|d| at(&[50.0, 0.0], &[9.8 + d, 0.8])),
        central(&|d| at(&[50.0, 0.0], &[9.8, 0.8 + d])),
    ];
    let settings = Settings::with_tolerances(1e-9, 1e-9);
    for id in ["dp5", "opaque", "bdf", "rodas5p", "vcabm"] {
        for mut method in every(id) {
            let (_, by_u0, by_p) =
                gradient(&mut *method, &ivp(&problem), &settings, &[15.0], &mut height).unwrap();
            let off = relative_distance(&[by_u0, by_p].concat(), &truth);
            assert!(off < 2e-6, "{} through {id}: {off:e}", method.name());
        }
    }
}

#[test]
fn times_and_sizes_of_doses_have_derivatives() {
    // Every parameter: rates through the equations, the dose through the change, the interval
    // through the times alone.
    let problem = repeated_doses();
    let saves = [20.0, 60.0, 110.0, 150.0];
    let exact = problem.exact.unwrap();
    let loss_at = |p: &[f64]| {
        let mut states = [0.0; 8];
        for (t, row) in saves.iter().zip(states.chunks_exact_mut(2)) {
            exact(*t, 0.0, &problem.u0, p, row);
        }
        squares(&states, &mut [0.0; 8])
    };
    let truth: Vec<f64> = (0..4)
        .map(|j| {
            let h = 1e-4 * problem.p[j];
            let f = |d: f64| {
                let mut p = problem.p.clone();
                p[j] += d;
                loss_at(&p)
            };
            (8.0 * (f(h) - f(-h)) - (f(2.0 * h) - f(-2.0 * h))) / (12.0 * h)
        })
        .collect();
    let settings = Settings::with_tolerances(1e-10, 1e-10);
    for id in ["opaque", "rodas5p"] {
        for mut method in stored(id) {
            let (_, _, by_p) =
                gradient(&mut *method, &ivp(&problem), &settings, &saves, &mut squares).unwrap();
            for (found, truth) in by_p.iter().zip(&truth) {
                let off = (found - truth).abs() / truth.abs();
                assert!(off < 1e-6, "{} through {id}: {found} is not {truth}", method.name());
            }
        }
    }
}

#[test]
fn a_loss_beyond_the_stop_of_a_solve_is_refused() {
    let problem = projectile();
    let settings = Settings::with_tolerances(1e-8, 1e-8);
    let mut first = |u: &[f64], by_state: &mut [f64]| {
        by_state[0] = 1.0;
        u[0]
    };
    let mut method = GaussAdjoint::new(stepper("opaque"));
    let (found, by_u0, _) =
        gradient(&mut method, &ivp(&problem), &settings, &[4.0, 50.0], &mut first).unwrap();
    assert!((found.loss - 120.0).abs() < 1e-6);
    assert!(relative_distance(&by_u0, &[1.0, 0.0, 4.0, 0.0]) < 1e-7, "{by_u0:?}");
    let refused = gradient(&mut method, &ivp(&problem), &settings, &[4.0, 50.0], &mut squares);
    let Err(SolveError::Invalid(message)) = refused else { panic!("{refused:?}") };
    assert!(message.contains("ended the solve"), "{message}");
}

#[test]
fn the_start_time_has_a_derivative() {
    for (problem, solver) in
        [(lotka_volterra(), "vern7"), (slopefield_problems::forced_relaxation(), "vern7")]
    {
        let span = problem.t1 - problem.t0;
        let saves = [problem.t0 + 0.3 * span, problem.t0 + 0.7 * span, problem.t1];
        let (_, _, truth) = differences(&problem, solver, &saves, squares);
        let settings = Settings::with_tolerances(1e-10, 1e-10);
        for mut method in every(solver) {
            let (found, _, _) =
                gradient(&mut *method, &ivp(&problem), &settings, &saves, &mut squares).unwrap();
            let found = found.by_start_time.expect("known");
            let off = (found - truth).abs() / truth.abs();
            assert!(off < 1e-6, "{}: {found} is not {truth}", method.name());
        }
    }
}

#[test]
fn memory_stays_under_its_bound_and_the_gradient_does_not_change() {
    let settings = Settings::with_tolerances(1e-9, 1e-9);
    for problem in [lotka_volterra(), bouncing_ball()] {
        let saves = spread(problem.t0, problem.t1, 9);
        for id in ["opaque", "bdf"] {
            let mut whole = GaussAdjoint::new(stepper(id));
            let (all, by_u0, by_p) =
                gradient(&mut whole, &ivp(&problem), &settings, &saves, &mut squares).unwrap();
            let truth = [by_u0, by_p].concat();
            for divisor in [3, 8, 20] {
                let bound = (all.memory / divisor).max(3000);
                if bound >= all.memory {
                    continue;
                }
                let mut method = GaussAdjoint::new(stepper(id)).with_memory(bound);
                let (low, by_u0, by_p) =
                    gradient(&mut method, &ivp(&problem), &settings, &saves, &mut squares).unwrap();
                assert!(low.memory <= bound, "{id}: {} of {bound}", low.memory);
                let off = relative_distance(&[by_u0, by_p].concat(), &truth);
                assert!(off < 1e-6, "{id} with {bound} of {} bytes: {off:e}", all.memory);
            }
        }
    }
}

#[test]
fn the_lorenz_system_cannot_be_integrated_backward() {
    let mut problem = lorenz();
    (problem.u0, problem.p) = (vec![1.0, 0.0, 0.0], vec![10.0, 28.0, 8.0 / 3.0]);
    let settings = Settings::with_tolerances(1e-12, 1e-12);
    // Independently (DOP853): 1.1e-7, 1.0e-4, 0.245 and 469. The error is that of the method times
    // e^(14 T), so other methods have the same orders of magnitude within two.
    for (t1, expected) in [(1.0, 1.1e-7), (1.5, 1.0e-4), (2.0, 0.245), (3.0, 469.0)] {
        let ivp = Ivp { t0: 0.0, t1, ..ivp(&problem) };
        let found = reversal(&mut *stepper("vern9"), &ivp, &settings).unwrap();
        let ratio = (found.distance / expected).log10();
        let blown = t1 == 3.0 && found.blew_up_at.is_some();
        assert!(blown || ratio.abs() < 2.0, "T = {t1}: {found:?}, not about {expected}");
    }
    // Whatever the span, the way back passes 10⁶ after less than four units.
    for t1 in [5.0, 10.0, 100.0] {
        let ivp = Ivp { t0: 0.0, t1, ..ivp(&problem) };
        let found = reversal(&mut *stepper("vern9"), &ivp, &settings).unwrap();
        let after = t1 - found.blew_up_at.expect("it does not come back");
        assert!((2.5..4.0).contains(&after), "T = {t1}: after {after}");
    }
    // And so backsolve refuses it, where gauss has a gradient.
    let saves = [2.0];
    let ivp = Ivp { t0: 0.0, t1: 2.0, ..ivp(&problem) };
    let mut backsolve = BacksolveAdjoint::new(stepper("vern9"));
    let refused = gradient(&mut backsolve, &ivp, &settings, &saves, &mut squares);
    let Err(SolveError::Invalid(message)) = refused else { panic!("{refused:?}") };
    assert!(message.contains("backward") && message.contains("`gauss`"), "{message}");
    let mut gauss = GaussAdjoint::new(stepper("vern9"));
    let mut discrete = DiscreteAdjoint::new(&VERN9);
    let (_, _, found) = gradient(&mut gauss, &ivp, &settings, &saves, &mut squares).unwrap();
    let (_, _, truth) = gradient(&mut discrete, &ivp, &settings, &saves, &mut squares).unwrap();
    assert!(relative_distance(&found, &truth) < 1e-6);
}

#[test]
fn a_failed_solve_is_an_error_of_every_method() {
    let problem = lotka_volterra();
    let settings = Settings { max_steps: 10, ..Settings::default() };
    for mut method in every("opaque") {
        let found = gradient(&mut *method, &ivp(&problem), &settings, &[10.0], &mut squares);
        assert!(matches!(found, Err(SolveError::TooManySteps { steps: 10, .. })), "{found:?}");
    }
}
