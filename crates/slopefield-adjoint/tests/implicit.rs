//! Gradients of the very steps of implicit methods: against differences of the same steps, against
//! each other, and between levels of memory.

mod common;

use common::{gradient, ivp, relative_distance, spread, squares};
use slopefield_adjoint::{
    Case, GradientMethod, ImplicitAdjoint, ImplicitSensitivity, Loss, Replay, check,
};
use slopefield_problems::{
    Problem, forced_relaxation, hires, lotka_volterra, pendulum_index_1, robertson, robertson_dae,
    transistor_amplifier, van_der_pol,
};
use slopefield_solve::{Ivp, Settings, drive, method};

const METHODS: [&str; 7] =
    ["rosenbrock23", "rodas4p", "rodas5p", "trbdf2", "kencarp4", "kvaerno5", "radau"];

fn exact_methods(name: &str) -> [Box<dyn GradientMethod>; 2] {
    [
        Box::new(ImplicitAdjoint::named(name).expect("an implicit method")),
        Box::new(ImplicitSensitivity::named(name).expect("an implicit method")),
    ]
}

/// Squares of states in units of their size at the saves, so that small ones count.
fn weighed(scales: &[f64]) -> impl FnMut(&[f64], &mut [f64]) -> f64 {
    let scales = scales.to_vec();
    move |states, by_state| {
        let mut sum = 0.0;
        for (i, (w, x)) in by_state.iter_mut().zip(states).enumerate() {
            let scale = scales[i % scales.len()];
            let off = x / scale - (0.7 * i as f64).sin();
            *w = 2.0 * off / scale;
            sum += off * off;
        }
        sum
    }
}

/// Both exact methods agree with differences of the same steps to `tolerance`.
#[track_caller]
fn check_exact(name: &str, problem: &str, case: &Case<'_>, loss: &mut Loss<'_>, tolerance: f64) {
    for mut method in exact_methods(name) {
        let report = check(&mut *method, case, Replay::Steps(name), loss, 3, 7);
        let Ok(report) = report else {
            eprintln!("FAIL {} through {name} on {problem}: {report:?}", method.name());
            continue;
        };
        assert_eq!(report.directions.len(), 3);
        if !(report.worst() < tolerance) {
            eprintln!("{} through {name} on {problem}: {report:?}", report.method);
        } else {
            eprintln!("ok {} through {name} on {problem} {}", report.method, report.worst());
        }
    }
}

/// The problem from its solution at `t0` on, where no state is 0: perturbations are relative to the
/// values, and stiff equations bear no others.
fn from(mut problem: Problem, t0: f64) -> Problem {
    let mut stepper = method("rodas5p").expect("built in");
    let ivp = Ivp { t1: t0, ..ivp(&problem) };
    let mut u0 = vec![0.0; problem.u0.len()];
    let settings = Settings::with_tolerances(1e-8, 1e-12);
    drive(&mut *stepper, &ivp, &settings, &[t0], &mut u0, None).unwrap();
    (problem.t0, problem.u0) = (t0, u0);
    problem
}

fn until(problem: &Problem, t1: f64) -> Ivp<'_> {
    Ivp { t1, ..ivp(problem) }
}

#[test]
fn gradients_agree_with_differences_of_the_same_steps() {
    let settings = Settings::with_tolerances(1e-4, 1e-6);
    for (problem, t1) in [
        (lotka_volterra(), 6.0),
        (from(van_der_pol(), 0.01), 0.6),
        (from(hires(), 1.0), 60.0),
        (from(robertson(), 0.4), 40.0),
    ] {
        let saves = spread(problem.t0, t1, 11);
        let case = Case { ivp: until(&problem, t1), settings: &settings, saves: &saves };
        for name in METHODS {
            check_exact(name, problem.id, &case, &mut weighed(&problem.u0), 1e-9);
        }
    }
}

#[test]
fn equations_with_the_time_in_them_are_reversed_exactly() {
    let settings = Settings::with_tolerances(1e-4, 1e-6);
    let problem = forced_relaxation();
    let saves = spread(problem.t0, problem.t1, 7);
    let case = Case { ivp: ivp(&problem), settings: &settings, saves: &saves };
    for name in METHODS {
        check_exact(name, problem.id, &case, &mut squares, 1e-9);
    }
}

#[test]
fn backward_integration_is_reversed_exactly() {
    let settings = Settings::with_tolerances(1e-4, 1e-5);
    let problem = lotka_volterra();
    let saves = spread(3.0, -1.0, 9);
    let back = Ivp { t0: 3.0, t1: -1.0, ..ivp(&problem) };
    let case = Case { ivp: back, settings: &settings, saves: &saves };
    for name in METHODS {
        check_exact(name, "backward Lotka–Volterra", &case, &mut squares, 1e-9);
    }
}

#[test]
fn algebraic_equations_are_reversed_exactly() {
    let settings = Settings::with_tolerances(1e-5, 1e-8);
    let problem = from(robertson_dae(), 0.4);
    let saves = [0.4, 0.5, 1.0, 1.0, 7.0, 40.0];
    let case = Case { ivp: until(&problem, 40.0), settings: &settings, saves: &saves };
    for name in METHODS {
        check_exact(name, problem.id, &case, &mut weighed(&problem.u0), 1e-9);
    }
    // From the start, whose third value is found from the others.
    let inconsistent = Problem { u0: vec![0.98, 3.4e-5, 0.5], ..from(robertson_dae(), 0.4) };
    let case = Case { ivp: until(&inconsistent, 40.0), ..case };
    for name in METHODS {
        check_exact(name, "inconsistent values", &case, &mut weighed(&inconsistent.u0), 1e-9);
    }
}

#[test]
fn a_singular_mass_matrix_of_full_rows_is_reversed_exactly() {
    // Voltages behind capacitors between nodes: the algebraic equations are sums of rows.
    let settings = Settings::with_tolerances(1e-4, 1e-5);
    let problem = from(transistor_amplifier(), 0.002);
    let saves = spread(problem.t0, 0.006, 6);
    let case = Case { ivp: until(&problem, 0.006), settings: &settings, saves: &saves };
    for name in METHODS {
        check_exact(name, problem.id, &case, &mut weighed(&problem.u0), 1e-9);
    }
}
