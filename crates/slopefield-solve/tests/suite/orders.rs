//! Every method of the table converges at least with the order that it claims, and so does its
//! solution between steps. A new method is in these tests by being in the table.
//!
//! The tests of the single families measure on both sides, with problems made for them; these here
//! see that none is left out.
use crate::common;

use common::parabolic::{Linear, Reaction, Semilinear};
use common::{distance, slope};
use slopefield_kernel::{Kernel, Pair, Shape};
use slopefield_problems::{Equations, Float, Function, Number, System};
use slopefield_solve::{
    Ivp, MethodClass, MethodInfo, Settings, Step, Stepper, drive, method, methods,
};
use std::f64::consts::TAU;

/// How far below its claim a measured order may be.
pub const SLACK: f64 = 0.2;

/// `x' = x y, y' = −x²` with the solution `sech t, −tanh t`.
#[derive(Clone, Copy)]
pub struct Pulse;

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
pub struct Forced;

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
pub struct Soliton;

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

/// Allen–Cahn with weak diffusion on a circle, in either precision.
pub fn allen_cahn<T: Float>() -> Semilinear<T> {
    Semilinear::new(Linear::diffusion(POINTS, 0.05, 0.5, true), Reaction::Cubic)
}

/// Points of the circle.
const POINTS: usize = 12;

type Solution<'a> = &'a dyn Fn(f64) -> Vec<f64>;

/// Calls `f` with a right-hand side for methods of this class and its solution.
pub fn with_problem<R>(class: MethodClass, f: impl FnOnce(&dyn Kernel, Solution<'_>) -> R) -> R {
    match class {
        MethodClass::SecondOrder => f(&System::<_, f64>::new(Soliton), &soliton),
        MethodClass::Stiff => f(&System::<_, f64>::new(Forced), &forced),
        MethodClass::Split => {
            let rhs = allen_cahn();
            let angle = |i: usize| TAU * i as f64 / POINTS as f64;
            let start: Vec<f64> = (0..POINTS).map(|i| 0.3 + 0.5 * angle(i).sin()).collect();
            // From a method of order 8.
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

/// Where errors are measured.
pub const SPAN: (f64, f64) = (0.2, 2.2);

/// The error at the end of equal steps over a span, forward or backward, and their length.
fn error_after(
    info: &MethodInfo,
    (rhs, exact): (&dyn Kernel, Solution<'_>),
    (t0, t1): (f64, f64),
    steps: u32,
) -> (f64, f64) {
    let span = (t1 - t0).abs();
    let h = span / f64::from(steps);
    let u0 = exact(t0);
    let ivp = Ivp { rhs, t0, t1, u0: &u0, p: &[] };
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
pub const OF_VARIABLE_ORDER: [&str; 3] = ["vcabm", "bdf", "bdf-gmres"];

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

/// The order with which errors at ends of steps fall, over a span that may lead backward; with the
/// errors.
pub fn order_at_ends(info: &MethodInfo, span: (f64, f64)) -> (f64, Vec<(f64, f64)>) {
    with_problem(info.class, |rhs, exact| {
        let errors: Vec<(f64, f64)> = steps(info.class, info.order)
            .iter()
            .map(|n| error_after(info, (rhs, exact), span, *n))
            .collect();
        let meant = errors.iter().all(|(_, e)| (1e-14..0.1).contains(e));
        (if meant { slope(&errors) } else { f64::NAN }, errors)
    })
}

/// The order with which errors between ends of steps fall (one less than that of a single step); with
/// the errors.
pub fn order_between(info: &MethodInfo) -> (f64, Vec<(f64, f64)>) {
    let longest = match info.class {
        MethodClass::SecondOrder => 0.1,
        _ => [0.1, 0.1, 0.1, 0.1, 0.12, 0.2, 0.3, 0.45, 0.5, 0.6][info.dense_order as usize],
    };
    with_problem(info.class, |rhs, exact| {
        let errors: Vec<(f64, f64)> = [1.0, 0.8, 0.6, 0.45]
            .iter()
            .map(|part| error_within(info, rhs, exact, part * longest))
            .collect();
        (slope(&errors) - 1.0, errors)
    })
}

/// Methods whose order is that of their steps.
fn of_one_order() -> impl Iterator<Item = &'static MethodInfo> {
    methods().filter(|info| !OF_VARIABLE_ORDER.contains(&info.id))
}

#[test]
fn every_method_converges_with_its_order_forward_and_backward() {
    let mut below = Vec::new();
    for info in of_one_order() {
        for span in [SPAN, (SPAN.1, SPAN.0)] {
            let (order, errors) = order_at_ends(info, span);
            if order.is_nan() || order <= f64::from(info.order) - SLACK {
                below.push((info.id, span, order, errors));
            }
        }
    }
    assert!(below.is_empty(), "{below:#?}");
}

#[test]
fn every_solution_between_steps_has_its_order() {
    let mut below = Vec::new();
    for info in of_one_order() {
        let (order, errors) = order_between(info);
        if order.is_nan() || order <= f64::from(info.dense_order) - SLACK {
            below.push((info.id, order, errors));
        }
    }
    assert!(below.is_empty(), "{below:#?}");
}

/// Errors at the end and on the way at a tolerance, against the mean length of steps.
fn at_tolerance(info: &MethodInfo, (t0, t1): (f64, f64), tolerance: f64) -> [(f64, f64); 2] {
    with_problem(info.class, |rhs, exact| {
        let u0 = exact(t0);
        let ivp = Ivp { rhs, t0, t1, u0: &u0, p: &[] };
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
        let h = (t1 - t0).abs() / stats.accepted as f64;
        [(h, distance(&out, &exact(ivp.t1))), (h, between)]
    })
}

/// The orders with which errors of a method that chooses its order fall at ends of steps and between
/// them, against the mean length of its steps; with the errors.
pub fn orders_by_tolerance(info: &MethodInfo, span: (f64, f64)) -> [(f64, Vec<(f64, f64)>); 2] {
    let points: Vec<[(f64, f64); 2]> = [1e-6, 1e-7, 1e-8, 1e-9, 1e-10]
        .map(|tolerance| at_tolerance(info, span, tolerance))
        .to_vec();
    [0, 1].map(|which| {
        let errors: Vec<(f64, f64)> = points.iter().map(|point| point[which]).collect();
        (slope(&errors), errors)
    })
}

/// Where methods of variable order are measured: long enough for them to reach high orders.
pub const LONG_SPAN: (f64, f64) = (0.0, 20.0);

#[test]
fn methods_of_variable_order_reach_high_orders() {
    for id in OF_VARIABLE_ORDER {
        let info = methods().find(|info| info.id == id).unwrap();
        // So high that rounding hides it: the tests of the method itself measure each order.
        let claim = info.order.min(9);
        for (order, errors) in orders_by_tolerance(info, LONG_SPAN) {
            assert!(order > 0.8 * f64::from(claim), "{id}: {order} {errors:?}");
        }
    }
}
