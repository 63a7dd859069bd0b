//! Every method of the table converges at least with the order that it claims, and so does its
//! solution between steps. A new method is in these tests by being in the table.
//!
//! The tests of the single families measure on both sides, with problems made for them; these here
//! see that none is left out.
use crate::common;

use common::parabolic::{Linear, Reaction, Semilinear};
use common::{distance, slope};
use slopefield_kernel::{Kernel, Pair, Shape};
use slopefield_problems::{Equations, Function, Number, System};
use slopefield_solve::{
    Ivp, MethodClass, MethodInfo, Settings, Step, Stepper, drive, method, methods,
};
use std::f64::consts::TAU;

/// How far below its claim a measured order may be.
const SLACK: f64 = 0.25;

/// `x' = x y, y' = −x²` with the solution `sech t, −tanh t`.
#[derive(Clone, Copy)]
struct Pulse;

impl Function for Pulse {
    fn shape(&self) -> Shape {
        Shape { states: 2, params: 0, outputs: 2 }
    }
    fn eval<N: Number>(
        &self,
        _: N,
        u: impl Fn(usize) -> N,
        _: impl Fn(usize) -> N,
        mut out: impl FnMut(usize, N),
    ) {
        out(0, u(0) * u(1));
        out(1, -u(0) * u(0));
    }
}

impl Equations for Pulse {}

fn pulse(t: f64) -> Vec<f64> {
    vec![1.0 / t.cosh(), -t.tanh()]
}

/// `u' = A (u − φ(t)) + φ'(t)` with constant `A` and the solution `φ = (sin 2t, cos t)`: equations
/// of implicit steps are solved in one iteration, whatever the tolerance.
#[derive(Clone, Copy)]
struct Forced;

impl Function for Forced {
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
        let (x, y) = (u(0) - (t * 2.0).sin(), u(1) - t.cos());
        out(0, -x + y * 2.0 + (t * 2.0).cos() * 2.0);
        out(1, -x * 0.5 - y * 1.5 - t.sin());
    }
}

impl Equations for Forced {}

fn forced(t: f64) -> Vec<f64> {
    vec![(2.0 * t).sin(), t.cos()]
}

/// `x'' = x − 2x³, y'' = −2x² y` with the solution `sech t, tanh t`.
#[derive(Clone, Copy)]
struct Soliton;

impl Function for Soliton {
    fn shape(&self) -> Shape {
        Shape { states: 4, params: 0, outputs: 4 }
    }
    fn eval<N: Number>(
        &self,
        _: N,
        u: impl Fn(usize) -> N,
        _: impl Fn(usize) -> N,
        mut out: impl FnMut(usize, N),
    ) {
        let twice = u(0) * u(0) * 2.0;
        out(0, u(2));
        out(1, u(3));
        out(2, u(0) - twice * u(0));
        out(3, -twice * u(1));
    }
}

impl Equations for Soliton {
    fn pairs(&self) -> &[Pair] {
        &[Pair { position: 0, velocity: 2 }, Pair { position: 1, velocity: 3 }]
    }
}

fn soliton(t: f64) -> Vec<f64> {
    let (x, y) = (1.0 / t.cosh(), t.tanh());
    vec![x, y, -x * y, x * x]
}

/// Allen–Cahn with weak diffusion on a circle; the solution from a method of order 8.
fn allen_cahn() -> (Semilinear, Vec<f64>) {
    let n = 12;
    let start = (0..n).map(|i| 0.3 + 0.5 * (TAU * f64::from(i) / f64::from(n)).sin()).collect();
    (Semilinear::new(Linear::diffusion(n as usize, 0.05, 0.5, true), Reaction::Cubic), start)
}

type Solution<'a> = &'a dyn Fn(f64) -> Vec<f64>;

/// Calls `f` with a right-hand side for methods of this class and its solution.
fn with_problem<R>(class: MethodClass, f: impl FnOnce(&dyn Kernel, Solution<'_>) -> R) -> R {
    match class {
        MethodClass::SecondOrder => f(&System::<_, f64>::new(Soliton), &soliton),
        MethodClass::Stiff => f(&System::<_, f64>::new(Forced), &forced),
        MethodClass::Split => {
            let (rhs, start) = allen_cahn();
            let exact = |t: f64| {
                let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: t, u0: &start, p: &[] };
                let mut out = start.clone();
                let settings = Settings::with_tolerances(1e-13, 1e-13);
                if t > 0.0 {
                    let mut vern8 = method("vern8").unwrap();
                    drive(&mut *vern8, &ivp, &settings, &[t], &mut out, None).unwrap();
                }
                out
            };
            f(&rhs, &exact)
        }
        MethodClass::NonStiff | MethodClass::Parabolic | MethodClass::Switching => {
            f(&System::<_, f64>::new(Pulse), &pulse)
        }
    }
}

/// Tolerances that any step passes, so that all have the length `h`.
fn equal(h: f64) -> Settings {
    Settings { h_init: Some(h), h_max: h, ..Settings::with_tolerances(1e5, 1e5) }
}

/// Errors at the end of equal steps over `[t0, t0 + span]`.
fn error_after(info: &MethodInfo, rhs: &dyn Kernel, exact: Solution<'_>, steps: u32) -> (f64, f64) {
    let (t0, span) = (0.2, 2.0);
    let h = span / f64::from(steps);
    let u0 = exact(t0);
    let ivp = Ivp { rhs, t0, t1: t0 + span, u0: &u0, p: &[] };
    let mut out = u0.clone();
    let mut stepper = (info.build)();
    let stats = drive(&mut *stepper, &ivp, &equal(h), &[ivp.t1], &mut out, None).unwrap();
    // Exponential methods have lengths of their own.
    assert!(stats.accepted >= u64::from(steps), "{}: {stats:?}", info.id);
    (span / stats.accepted as f64, distance(&out, &exact(ivp.t1)))
}

/// Worst error within single steps of length `h` from several places.
fn error_within(info: &MethodInfo, rhs: &dyn Kernel, exact: Solution<'_>, h: f64) -> (f64, f64) {
    let from = |t0: f64| error_within_from(info, rhs, exact, t0, h);
    (h, [0.1, 0.4, 0.7, 1.0, 1.3].map(from).into_iter().fold(0.0, f64::max))
}

fn error_within_from(
    info: &MethodInfo,
    rhs: &dyn Kernel,
    exact: Solution<'_>,
    t0: f64,
    h: f64,
) -> f64 {
    let u0 = exact(t0);
    let ivp = Ivp { rhs, t0, t1: t0 + h, u0: &u0, p: &[] };
    let saves: Vec<f64> = (1..8).map(|i| t0 + h * f64::from(i) / 8.0).collect();
    let mut out = vec![0.0; saves.len() * u0.len()];
    let mut stepper = (info.build)();
    let stats = drive(&mut *stepper, &ivp, &equal(h), &saves, &mut out, None).unwrap();
    assert_eq!(stats.accepted, 1, "{}", info.id);
    let rows = saves.iter().zip(out.chunks_exact(u0.len()));
    rows.map(|(t, u)| distance(u, &exact(*t))).fold(0.0, f64::max)
}

/// Methods that choose their order, which equal steps do not show: their errors are measured
/// against the number of steps that tolerances make them take.
const OF_VARIABLE_ORDER: [&str; 3] = ["vcabm", "bdf", "bdf-gmres"];

/// Numbers of steps at which errors of a method of this order are far from rounding.
fn steps(class: MethodClass, order: u32) -> Vec<u32> {
    let base = match (class, order) {
        (MethodClass::SecondOrder, 5) => 24,
        (MethodClass::SecondOrder, 8) => 12,
        (_, 2) => 60,
        (_, 3) => 40,
        (_, 4) => 24,
        (_, 5) => 16,
        (_, 6) => 12,
        (_, 7) => 8,
        // Four steps, and one more each time.
        _ => return vec![4, 5, 6, 7],
    };
    [4, 5, 6, 8].iter().map(|quarters| base * quarters / 4).collect()
}

#[test]
fn every_method_converges_with_its_order() {
    let mut below = Vec::new();
    for info in methods().filter(|info| !OF_VARIABLE_ORDER.contains(&info.id)) {
        with_problem(info.class, |rhs, exact| {
            let errors: Vec<(f64, f64)> = steps(info.class, info.order)
                .iter()
                .map(|n| error_after(info, rhs, exact, *n))
                .collect();
            let order = slope(&errors);
            let meant = errors.iter().all(|(_, e)| (1e-14..0.1).contains(e));
            if !(meant && order > f64::from(info.order) - SLACK) {
                below.push((info.id, order, errors));
            }
        });
    }
    assert!(below.is_empty(), "{below:#?}");
}

#[test]
fn every_solution_between_steps_has_its_order() {
    let mut below = Vec::new();
    for info in methods().filter(|info| !OF_VARIABLE_ORDER.contains(&info.id)) {
        let q = info.dense_order;
        let longest = match info.class {
            MethodClass::SecondOrder => 0.1,
            _ => [0.1, 0.1, 0.1, 0.1, 0.12, 0.2, 0.3, 0.45, 0.5, 0.6][q as usize],
        };
        with_problem(info.class, |rhs, exact| {
            let errors: Vec<(f64, f64)> = [1.0, 0.8, 0.6, 0.45]
                .iter()
                .map(|part| error_within(info, rhs, exact, part * longest))
                .collect();
            let order = slope(&errors);
            if !(order > f64::from(q + 1) - SLACK) {
                below.push((info.id, order, errors));
            }
        });
    }
    assert!(below.is_empty(), "{below:#?}");
}

/// Errors at the end and on the way at a tolerance, against the mean length of steps.
fn at_tolerance(info: &MethodInfo, tolerance: f64) -> [(f64, f64); 2] {
    with_problem(info.class, |rhs, exact| {
        let u0 = exact(0.0);
        let ivp = Ivp { rhs, t0: 0.0, t1: 20.0, u0: &u0, p: &[] };
        let mut between = 0.0_f64;
        let mut watch = |step: &Step, solution: &mut dyn Stepper| {
            let mut u = u0.clone();
            for theta in [0.2, 0.5, 0.8] {
                let t = step.t_prev + theta * (step.t - step.t_prev);
                solution.interpolate(t, &mut u)?;
                between = between.max(distance(&u, &exact(t)));
            }
            Ok(())
        };
        let mut out = u0.clone();
        let settings = Settings::with_tolerances(tolerance, tolerance);
        let mut stepper = (info.build)();
        let stats =
            drive(&mut *stepper, &ivp, &settings, &[ivp.t1], &mut out, Some(&mut watch)).unwrap();
        let h = 20.0 / stats.accepted as f64;
        [(h, distance(&out, &exact(ivp.t1))), (h, between)]
    })
}

#[test]
fn methods_of_variable_order_reach_high_orders() {
    for id in OF_VARIABLE_ORDER {
        let info = methods().find(|info| info.id == id).unwrap();
        // So high that rounding hides it: the tests of the method itself measure each order.
        let claim = info.order.min(9);
        let points: Vec<[(f64, f64); 2]> =
            [1e-6, 1e-7, 1e-8, 1e-9, 1e-10].map(|tolerance| at_tolerance(info, tolerance)).to_vec();
        for which in [0, 1] {
            let errors: Vec<(f64, f64)> = points.iter().map(|point| point[which]).collect();
            let order = slope(&errors);
            assert!(order > 0.8 * f64::from(claim), "{id}: {order} {errors:?}");
        }
    }
}
