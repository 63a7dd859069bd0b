//! Steady states: which is found, how accurately, and what is said when there is none.
use crate::common;

use common::{distance, end_state};
use slopefield_kernel::{Kernel, Shape};
use slopefield_problems::{Equations, Function, Number, System, hires, oregonator};
use slopefield_solve::{Ivp, Settings, SolveError, method, steady_state};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

macro_rules! systems {
    ($($name:ident: $n:literal, $m:literal, [$(($i:literal, $j:literal)),*];
       |$u:ident, $p:ident| [$($f:expr),*];)*) => {$(
        struct $name;
        impl Function for $name {
            fn shape(&self) -> Shape {
                Shape { states: $n, params: $m, outputs: $n }
            }
            fn eval<N: Number>(
                &self,
                _: N,
                $u: impl Fn(usize) -> N,
                $p: impl Fn(usize) -> N,
                mut out: impl FnMut(usize, N),
            ) {
                let _ = (&$u, &$p);
                for (i, f) in [$($f),*].into_iter().enumerate() {
                    out(i, f);
                }
            }
        }
        impl Equations for $name {
            fn mass(&self) -> Vec<(u32, u32, f64)> {
                vec![$(($i, $j, 1.0)),*]
            }
        }
    )*};
}

systems! {
    Brusselator: 2, 2, [];
    |u, p| [
        p(0) + u(0) * u(0) * u(1) - (p(1) + N::of(1.0)) * u(0),
        p(1) * u(0) - u(0) * u(0) * u(1)
    ];
    // Rests at 0, 0.3 (unstable) and 1.
    Bistable: 1, 0, [];
    |u, p| [u(0) * (N::of(1.0) - u(0)) * (u(0) - N::of(0.3))];
    Growth: 1, 0, [];
    |u, p| [N::of(1.0) + u(0) * u(0)];
    Drift: 1, 0, [];
    |u, p| [N::of(1.0)];
    Root: 1, 0, [];
    |u, p| [u(0).sqrt() - N::of(0.1)];
    // Enzyme kinetics with the complex in balance: algebraic.
    Balance: 2, 0, [(0, 0)];
    |u, p| [N::of(1.0) - u(1) * 2.0, u(1) * (N::of(0.5) + u(0)) - u(0)];
}

fn find(rhs: &dyn Kernel, u: &[f64], p: &[f64]) -> Result<Vec<f64>, SolveError> {
    let settings = Settings::with_tolerances(1e-9, 1e-12);
    steady_state(rhs, 0.0, u, p, &settings).map(|found| {
        assert!(found.residual < 1e-9, "{found:?}");
        found.u
    })
}

#[test]
fn the_state_in_whose_basin_a_start_lies_is_found() {
    let bistable = System::new(Bistable);
    for (start, end) in [(0.29, 0.0), (0.2, 0.0), (0.31, 1.0), (0.5, 1.0), (3.0, 1.0), (0.3, 0.3)] {
        let u = find(&bistable, &[start], &[]).unwrap();
        assert!((u[0] - end).abs() < 1e-9, "{start} {u:?}");
    }
}

#[test]
fn stable_and_unstable_fixed_points_of_the_brusselator() {
    let brusselator = System::new(Brusselator);
    for start in [[1.2, 1.0], [3.0, 3.0], [0.1, 5.0]] {
        for b in [1.7, 3.0] {
            let u = find(&brusselator, &start, &[1.0, b]).unwrap();
            assert!(distance(&u, &[1.0, b]) < 1e-8, "{b} {u:?}");
        }
    }
}

#[test]
fn stiff_states_keep_what_is_conserved() {
    let problem = hires();
    let u = find(&*problem.rhs, &problem.u0, &problem.p).unwrap();
    // The Jacobian is singular: the last two add up to what they started with.
    assert!((u[6] + u[7] - 0.0057).abs() < 1e-12, "{u:?}");
    let ivp = Ivp { rhs: &*problem.rhs, t0: 0.0, t1: 1e5, u0: &problem.u0, p: &problem.p };
    let settings = Settings::with_tolerances(1e-10, 1e-14);
    let (there, _) = end_state(&mut *method("radau").unwrap(), &ivp, &settings).unwrap();
    for (a, b) in u.iter().zip(&there) {
        assert!((a - b).abs() < 1e-7 * b, "{u:?} {there:?}");
    }
}

#[test]
fn an_unstable_state_is_found_from_a_guess_when_there_is_no_other() {
    let problem = oregonator();
    let guess = [500.0, 1.0, 480.0];
    let u = find(&*problem.rhs, &guess, &problem.p).unwrap();
    // y1 = y3 and y2 = y1/(1 + y1); y1 solves y2 + y1 (1 − q y1 − y2) = 0.
    let q = 8.375e-6;
    let rest = u[1] + u[0] * (1.0 - q * u[0] - u[1]);
    assert!((u[0] - u[2]).abs() < 1e-8 * u[0] && (u[1] - u[0] / (1.0 + u[0])).abs() < 1e-9);
    assert!(u[0] > 400.0 && rest.abs() < 1e-9, "{u:?}");
}

#[test]
fn algebraic_equations_are_part_of_it() {
    let u = find(&System::new(Balance), &[5.0, 0.1], &[]).unwrap();
    assert!(distance(&u, &[0.5, 0.5]) < 1e-9, "{u:?}");
}

#[test]
fn single_precision_finds_its_digits() {
    let settings = Settings::with_tolerances(1e-5, 1e-7);
    let rhs: &dyn Kernel<f32> = &System::new(Brusselator);
    let found = steady_state(rhs, 0.0, &[1.2, 1.0], &[1.0, 1.7], &settings).unwrap();
    assert!((found.u[0] - 1.0).abs() < 1e-5 && (found.u[1] - 1.7).abs() < 1e-5, "{found:?}");
}

#[test]
fn there_may_be_none() {
    for (rhs, start) in [(&System::new(Growth) as &dyn Kernel, 1.0), (&System::new(Drift), 0.0)] {
        let error = find(rhs, &[start], &[]).unwrap_err();
        assert!(matches!(error, SolveError::NoSteadyState { state: 0, .. }), "{error:?}");
        assert!(error.to_string().contains("no steady state") && !error.advice().is_empty());
    }
    let error = find(&System::new(Root), &[-1.0], &[]).unwrap_err();
    assert!(matches!(error, SolveError::NonFinite { state: 0, .. }), "{error:?}");
    let error = find(&System::new(Drift), &[1.0, 2.0], &[]).unwrap_err();
    assert!(matches!(error, SolveError::Invalid(_)), "{error:?}");
}

#[test]
fn budgets_and_the_flag_end_it() {
    let problem = hires();
    let flag = Arc::new(AtomicBool::new(true));
    let cancelled = Settings { cancel: Some(flag), ..Settings::default() };
    let limited = Settings { max_steps: 3, ..Settings::default() };
    let find = |settings: &Settings| {
        steady_state(&*problem.rhs, 2.0, &problem.u0, &problem.p, settings).unwrap_err()
    };
    assert_eq!(find(&cancelled), SolveError::Cancelled { t: 2.0 });
    assert_eq!(find(&limited), SolveError::TooManySteps { t: 2.0, steps: 3 });
}
