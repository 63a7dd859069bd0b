//! Rosenbrock methods: measured orders, also where stiffness reduces them and with algebraic
//! equations; references; refusals.
#![allow(clippy::unwrap_used, reason = "also in the functions that the tests share")]

mod common;

use common::{distance, end_state, ivp, slope};
use slopefield_kernel::{Kernel, Shape};
use slopefield_problems::{
    Equations, Function, Number, Problem, System, forced_relaxation, hires, lorenz, oregonator,
    pollution, rigid_body, robertson, spiral, van_der_pol,
};
use slopefield_solve::rosenbrock::{RODAS4P, RODAS5P, ROSENBROCK23, RosenbrockTable};
use slopefield_solve::{Ivp, Rosenbrock, Settings, SolveError, Stepper, drive};

static TABLES: [&RosenbrockTable; 3] = [&RODAS5P, &RODAS4P, &ROSENBROCK23];

/// State at the end after equal steps.
fn with_equal_steps(table: &'static RosenbrockTable, ivp: &Ivp<'_>, steps: usize) -> Vec<f64> {
    let h = (ivp.t1 - ivp.t0).abs() / steps as f64;
    let settings =
        Settings { h_init: Some(h), h_min: h, h_max: h, ..Settings::with_tolerances(1e100, 1e100) };
    let (u, stats) = end_state(&mut Rosenbrock::new(table), ivp, &settings).unwrap();
    assert_eq!(stats.accepted, steps as u64);
    u
}

/// Slope of the error of every state over the number of steps.
fn orders(
    table: &'static RosenbrockTable,
    ivp: &Ivp<'_>,
    exact: &[f64],
    steps: &[usize],
) -> Vec<f64> {
    let ends: Vec<Vec<f64>> = steps.iter().map(|n| with_equal_steps(table, ivp, *n)).collect();
    (0..exact.len())
        .map(|i| {
            let point = |(n, u): (&usize, &Vec<f64>)| (1.0 / *n as f64, (u[i] - exact[i]).abs());
            slope(&steps.iter().zip(&ends).map(point).collect::<Vec<_>>())
        })
        .collect()
}

#[track_caller]
fn check_order(table: &'static RosenbrockTable, coarsest: [usize; 4]) {
    let claim = f64::from(table.order);
    let problems = [rigid_body(), lorenz(), spiral()];
    for (problem, coarsest) in problems.iter().zip(coarsest) {
        let reference = &problem.references[0];
        let ivp = Ivp { t1: reference.t, ..ivp(problem) };
        let steps = [4, 5, 6, 8, 10].map(|quarter| coarsest * quarter / 4);
        let errors: Vec<(f64, f64)> = steps
            .iter()
            .map(|n| (1.0 / *n as f64, distance(&with_equal_steps(table, &ivp, *n), &reference.u)))
            .collect();
        let order = slope(&errors);
        assert!((order - claim).abs() < 0.2, "{} on {}: {order} {errors:?}", table.id, problem.id);
    }
    let forced = forced_relaxation();
    let mut exact = [0.0];
    (forced.exact.unwrap())(3.0, forced.t0, &forced.u0, &forced.p, &mut exact);
    let steps = [4, 5, 6, 8, 10].map(|quarter| coarsest[3] * quarter / 4);
    let order = orders(table, &Ivp { t1: 3.0, ..ivp(&forced) }, &exact, &steps)[0];
    assert!((order - claim).abs() < 0.2, "{} on {}: {order}", table.id, forced.id);
}

#[test]
fn rosenbrock23_converges_with_order_two() {
    check_order(&ROSENBROCK23, [4096, 4096, 1024, 512]);
}

#[test]
fn rodas4p_converges_with_order_four() {
    check_order(&RODAS4P, [512, 512, 192, 64]);
}

#[test]
fn rodas5p_converges_with_order_five() {
    check_order(&RODAS5P, [256, 384, 128, 48]);
}

/// An interpolant of order q has an error of size h^(q+1) within one step from exact data.
#[test]
fn interpolants_have_their_orders() {
    let problem = forced_relaxation();
    let exact = problem.exact.unwrap();
    for table in TABLES {
        let mut errors = Vec::new();
        for h in [0.04, 0.03, 0.02, 0.015, 0.01] {
            let ivp = Ivp { t1: problem.t0 + h, ..ivp(&problem) };
            let saves: Vec<f64> = (1..8).map(|i| problem.t0 + h * f64::from(i) / 8.0).collect();
            let mut out = vec![0.0; saves.len()];
            let settings = Settings { h_init: Some(h), ..Settings::with_tolerances(1e100, 1e100) };
            drive(&mut Rosenbrock::new(table), &ivp, &settings, &saves, &mut out, None).unwrap();
            let worst = saves.iter().zip(&out).fold(0.0_f64, |worst, (t, u)| {
                let mut truth = [0.0];
                exact(*t, problem.t0, &problem.u0, &problem.p, &mut truth);
                worst.max((u - truth[0]).abs())
            });
            errors.push((h, worst));
        }
        let (order, claim) = (slope(&errors), f64::from(table.dense_order + 1));
        assert!((order - claim).abs() < 0.2, "{}: {order} {errors:?}", table.id);
    }
}

/// `u' = λ (u − φ(t)) + φ'(t)` with `φ = sin(t + π/4)` and the solution `φ`
/// (Prothero, Robinson, Math. Comp. 28 (1974) 145).
struct ProtheroRobinson(f64);

impl Function for ProtheroRobinson {
    fn shape(&self) -> Shape {
        Shape { states: 1, params: 0, outputs: 1 }
    }
    fn eval<N: Number>(
        &self,
        t: N,
        u: impl Fn(usize) -> N,
        _: impl Fn(usize) -> N,
        mut out: impl FnMut(usize, N),
    ) {
        let shifted = t + std::f64::consts::FRAC_PI_4;
        out(0, (u(0) - shifted.sin()) * self.0 + shifted.cos());
    }
}

impl Equations for ProtheroRobinson {}

/// Stiffness reduces the order of Rodas4P not at all, and that of Rodas5P to 4.
#[test]
fn prothero_robinson_orders_are_those_published() {
    let rhs = System::new(ProtheroRobinson(-1e6));
    let phi = |t: f64| (t + std::f64::consts::FRAC_PI_4).sin();
    let u0 = [phi(0.0)];
    let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: 2.0, u0: &u0, p: &[] };
    let order = |table, steps: &[usize]| orders(table, &ivp, &[phi(2.0)], steps)[0];
    let found = order(&RODAS4P, &[10, 14, 20, 28, 40]);
    assert!((found - 4.0).abs() < 0.3, "Rodas4P: {found}");
    let found = order(&RODAS5P, &[10, 14, 20, 28, 40]);
    assert!((found - 4.0).abs() < 0.5, "Rodas5P: {found}");
    let found = order(&ROSENBROCK23, &[20, 28, 40, 56, 80]);
    assert!(found > 0.8, "Rosenbrock23: {found}");
}

/// `y' = y z`, `0 = y z − cos(t) e^sin(t)`, with the solution `y = e^sin(t)`, `z = cos(t)`.
struct AlgebraicPair;

impl Function for AlgebraicPair {
    fn shape(&self) -> Shape {
        Shape { states: 2, params: 0, outputs: 2 }
    }
    fn eval<N: Number>(
        &self,
        t: N,
        u: impl Fn(usize) -> N,
        _: impl Fn(usize) -> N,
        mut out: impl FnMut(usize, N),
    ) {
        out(0, u(0) * u(1));
        out(1, u(0) * u(1) - t.cos() * t.sin().exp());
    }
}

impl Equations for AlgebraicPair {
    fn mass(&self) -> Vec<(u32, u32, f64)> {
        vec![(0, 0, 1.0)]
    }
}

#[test]
fn algebraic_variables_converge_with_the_same_order() {
    let rhs = System::new(AlgebraicPair);
    let u0 = [1.0, 1.0];
    let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: 2.0, u0: &u0, p: &[] };
    let exact = [2.0_f64.sin().exp(), 2.0_f64.cos()];
    for (table, steps) in [
        (&RODAS5P, [16, 20, 24, 32, 40]),
        (&RODAS4P, [32, 40, 48, 64, 80]),
        (&ROSENBROCK23, [256, 320, 384, 512, 640]),
    ] {
        for order in orders(table, &ivp, &exact, &steps) {
            let claim = f64::from(table.order);
            assert!((order - claim).abs() < 0.25, "{}: {order}", table.id);
        }
    }
}

#[track_caller]
fn relative(found: &[f64], exact: &[f64]) -> f64 {
    found.iter().zip(exact).fold(0.0, |worst, (a, b)| worst.max((a - b).abs() / b.abs()))
}

/// Published values to six digits and more at tight tolerances; errors fall with tolerances.
#[track_caller]
fn check_references(problem: &Problem, atol: f64) {
    for reference in &problem.references {
        let ivp = Ivp { t1: reference.t, ..ivp(problem) };
        for table in [&RODAS5P, &RODAS4P] {
            let mut errors = Vec::new();
            for rtol in [1e-5, 1e-7, 1e-9, 1e-11] {
                let settings = Settings::with_tolerances(rtol, atol * rtol);
                let (u, _) = end_state(&mut Rosenbrock::new(table), &ivp, &settings).unwrap();
                errors.push(relative(&u, &reference.u).max(1e-12));
            }
            let what = format!("{} on {} at {}: {errors:?}", table.id, problem.id, reference.t);
            assert!(errors[3] < 1e-6, "{what}");
            for pair in errors.windows(2) {
                assert!(pair[1] < 0.25 * pair[0] || pair[1] < 1e-9, "{what}");
            }
        }
    }
}

#[test]
fn robertson_is_met() {
    check_references(&robertson(), 1e-8);
}

#[test]
fn hires_is_met() {
    check_references(&hires(), 1e-4);
}

#[test]
fn the_oregonator_is_met() {
    check_references(&oregonator(), 1e-2);
}

#[test]
fn pollution_is_met() {
    check_references(&pollution(), 1e-11);
}

#[test]
fn the_stiff_van_der_pol_oscillator_is_met() {
    check_references(&van_der_pol(), 1e-2);
}

#[test]
fn the_reason_of_a_stop_is_told() {
    let _ =
        (SolveError::Singular { t: 0.0 }, Box::new(Rosenbrock::new(&RODAS5P)) as Box<dyn Stepper>);
}
