//! Gradients through delays: against closed forms, against the same steps in dual numbers, against
//! differences of accurate solves, and used to find a lag.
use crate::common;

use common::dual::{D, System, c, crossing};
use common::{Hybrid, hybrid_gradient, relative_distance, spread};
use slopefield_adjoint::{GradientMethod, HybridAdjoint, HybridForward};
use slopefield_kernel::{Crossing, Trigger};
use slopefield_solve::runge_kutta::{BS3, DP5, TSIT5, VERN6, VERN7, VERN8, VERN9};
use slopefield_solve::{Ivp, Settings, Tableau, delay_method, drive};

static TABLES: [&Tableau; 7] = [&TSIT5, &DP5, &BS3, &VERN6, &VERN7, &VERN8, &VERN9];

fn methods(table: &'static Tableau) -> Vec<Box<dyn GradientMethod>> {
    vec![Box::new(HybridAdjoint::new(table)), Box::new(HybridForward::new(table))]
}

/// Compares both methods with the same steps in dual numbers, relative to the largest entry.
#[track_caller]
fn check(what: &str, case: &Hybrid<'_>, tables: &[&'static Tableau]) {
    for &table in tables {
        let expected = case.replayed(table, false);
        // The second derivative of the interpolant has weights up to 3·10⁴ for this one, of slopes
        // that nearly cancel: five digits are lost, in the steps of the solver and here alike.
        // A step that ends within 1e-9 of its length of where a lag passes a discontinuity has met it;
        // here that is found again exactly.
        let passes = case.system.lags.is_some();
        let allowed = if table.id == "vern8" || passes { 1e-8 } else { 1e-9 };
        for mut method in methods(table) {
            let found = hybrid_gradient(&mut *method, case)
                .unwrap_or_else(|error| panic!("{what} by {}: {error}", table.id));
            let off = relative_distance(&found, &expected);
            assert!(
                off < allowed,
                "{what} by {} of {}: off by {off:e}\n{found:?}\n{expected:?}",
                method.name(),
                table.id
            );
        }
    }
}

/// u' = a u(t − τ) with the history b and u(0) = u0; parameters a, τ, b.
fn one_delay() -> System {
    System::new(1, 3, |_, u, p, out| out[0] = p[0] * u[1])
        .delayed(
            &[(0, 0, false)],
            &[true],
            |_, _, p, out| out[0] = p[1],
            |_, _, p, out| out[0] = p[2],
        )
        .jumps_at_start()
}

/// Its solution.
fn one_delay_exact(t: D, u0: D, p: &[D]) -> D {
    let (a, lag, b) = (p[0], p[1], p[2]);
    let positive = |x: D| if x.v > 0.0 { x } else { c(0.0) };
    let mut sum = u0;
    let mut factor = c(1.0);
    for k in 1..12 {
        let kf = f64::from(k);
        factor = factor * a / c(kf);
        let (early, late) = (positive(t - (kf - 1.0) * lag), positive(t - kf * lag));
        sum += factor * u0 * late.powi(k);
        sum += factor * b * (early.powi(k) - late.powi(k));
    }
    sum
}

#[test]
fn a_constant_delay_has_the_derivatives_of_its_polynomials() {
    let system = one_delay();
    let (u0, p) = ([1.3], [-0.8, 1.1, 0.4]);
    // On four intervals the solution is a polynomial of degree 4, which the dense output gives.
    let saves = [0.3, 1.1, 1.9, 2.9, 3.7, 4.2];
    let mut weights = vec![0.0; saves.len()];
    let values: Vec<f64> = saves
        .iter()
        .map(|&t| one_delay_exact(c(t), c(u0[0]), &[c(p[0]), c(p[1]), c(p[2])]).v)
        .collect();
    common::reached_squares(&values, &mut weights);
    let exact: Vec<f64> = (0..5)
        .map(|index| {
            let seed = |i: usize, v: f64| D { v, d: f64::from(u8::from(i == index)) };
            let p: Vec<D> = p.iter().enumerate().map(|(i, &v)| seed(2 + i, v)).collect();
            let derivative =
                |t: f64| one_delay_exact(D { v: t, d: -seed(0, 0.0).d }, seed(1, u0[0]), &p).d;
            saves.iter().zip(&weights).map(|(&t, w)| w * derivative(t)).sum()
        })
        .collect();
    for table in [&TSIT5, &DP5, &VERN6, &VERN7] {
        let case = Hybrid {
            system: &system,
            span: (0.0, 4.2),
            u0: &u0,
            p: &p,
            saves: &saves,
            tolerance: 1e-8,
        };
        for mut method in methods(table) {
            let found = hybrid_gradient(&mut *method, &case).unwrap();
            let off = relative_distance(&found, &exact);
            assert!(off < 1e-10, "{} {}: {off:e} {found:?} {exact:?}", table.id, method.name());
        }
    }
}

/// Mackey and Glass's equation; parameters: gain, lag, decay, history.
fn mackey_glass() -> System {
    System::new(1, 4, |_, u, p, out| {
        out[0] = p[0] * u[1] / (1.0 + u[1].powi(10)) - p[2] * u[0];
    })
    .delayed(
        &[(0, 0, false)],
        &[true],
        |_, _, p, out| out[0] = p[1],
        |t, _, p, out| out[0] = p[3] * (1.0 + 0.1 * t.sin()),
    )
}

#[test]
fn mackey_glass_has_the_derivatives_of_the_same_steps_and_of_accurate_solves() {
    let system = mackey_glass();
    let p = [0.2, 14.0, 0.1, 0.5];
    let saves = spread(0.0, 100.0, 21);
    let case = Hybrid {
        system: &system,
        span: (0.0, 100.0),
        u0: &[0.5],
        p: &p,
        saves: &saves,
        tolerance: 1e-6,
    };
    check("Mackey–Glass", &case, &TABLES);
    // Differences of solves at tight tolerances, which move all steps.
    let loss = |u0: f64, p: &[f64; 4]| {
        let ivp = Ivp { rhs: &system, t0: 0.0, t1: 100.0, u0: &[u0], p };
        let mut states = vec![0.0; saves.len()];
        let settings = Settings::with_tolerances(1e-12, 1e-12);
        let mut stepper = delay_method("vern9").unwrap();
        drive(&mut *stepper, &ivp, &settings, &saves, &mut states, None).unwrap();
        common::reached_squares(&states, &mut vec![0.0; states.len()])
    };
    let case = Hybrid { tolerance: 1e-10, ..case };
    let found = hybrid_gradient(&mut HybridAdjoint::new(&VERN9), &case).unwrap();
    let difference = |f: &dyn Fn(f64) -> f64, h: f64| {
        (8.0 * (f(h) - f(-h)) - (f(2.0 * h) - f(-2.0 * h))) / (12.0 * h)
    };
    let by_u0 = difference(&|h| loss(0.5 + h, &p), 1e-3);
    assert!((found[1] - by_u0).abs() < 1e-6 * by_u0.abs(), "{} {by_u0}", found[1]);
    for i in 0..4 {
        let moved = |h: f64| {
            let mut p = p;
            p[i] += h;
            loss(0.5, &p)
        };
        let by_p = difference(&moved, 1e-3 * p[i]);
        let off = (found[2 + i] - by_p).abs();
        assert!(off < 1e-6 * by_p.abs(), "parameter {i}: {} {by_p}", found[2 + i]);
    }
}

#[test]
fn several_lags_with_events_that_read_the_past() {
    let system = System::new(2, 6, |t, u, p, out| {
        out[0] = p[0] * u[2] - u[0] * u[3] + 0.2 * t.sin();
        out[1] = 0.5 * u[0] - p[1] * u[1] + 0.1 * u[2];
    })
    .delayed(
        &[(0, 0, false), (1, 1, false)],
        &[true, true],
        |_, _, p, out| (out[0], out[1]) = (p[2], 0.5 * p[3] * p[3]),
        |t, _, p, out| (out[0], out[1]) = (p[4] + 0.3 * p[5] * t, 0.5 * p[4].exp()),
    )
    .jumps_at_start()
    .roots(1, |_, u, p, out| out[0] = u[0] + 0.4 * u[3] - 1.1 * p[4])
    .times(2, |p, out| (out[0], out[1]) = (1.3 * p[1], 0.45 * p[5]))
    .event(crossing(0, Crossing::Both), |_, u, p, out| out[1] = 0.7 * u[1] + 0.1 * u[2] * p[5])
    .event(Trigger::Every { period: 0, from: 1, count: None }, |t, u, p, out| {
        out[0] = u[0] + 0.2 * p[0] * u[2] + 0.02 * t;
    });
    let saves = spread(0.0, 6.0, 17);
    let case = Hybrid {
        system: &system,
        span: (0.0, 6.0),
        u0: &[1.2, 0.3],
        p: &[0.9, 0.8, 0.77, 1.3, 0.8, 1.1],
        saves: &saves,
        tolerance: 1e-5,
    };
    check("two lags and events", &case, &TABLES);
}

/// A lag that depends on state, time and parameters.
fn moving_lag() -> System {
    System::new(1, 4, |_, u, p, out| out[0] = p[0] * u[1] * (1.0 - 0.4 * u[0])).delayed(
        &[(0, 0, false)],
        &[false],
        |t, u, p, out| out[0] = p[1] + 0.3 * p[2] * u[0] + 0.1 * t.sin(),
        |t, _, p, out| out[0] = p[3] * (1.0 + 0.2 * t),
    )
}

#[test]
fn lags_that_depend_on_the_solution() {
    let system = moving_lag();
    let p = [-1.1, 1.2, 0.7, 0.9];
    let saves = spread(0.0, 8.0, 12);
    for (system, what) in [(system, "smooth"), (moving_lag().jumps_at_start(), "with a jump")] {
        let case = Hybrid {
            system: &system,
            span: (0.0, 8.0),
            u0: &[0.6],
            p: &p,
            saves: &saves,
            tolerance: 1e-6,
        };
        check(what, &case, &TABLES);
    }
    // With a jump at the start, the passage of the lag over it is a kink that moves.
    let system = moving_lag().jumps_at_start();
    let loss = |p: &[f64]| {
        let ivp = Ivp { rhs: &system, t0: 0.0, t1: 8.0, u0: &[0.6], p };
        let mut states = vec![0.0; saves.len()];
        let settings = Settings::with_tolerances(1e-12, 1e-12);
        let mut stepper = delay_method("vern9").unwrap();
        drive(&mut *stepper, &ivp, &settings, &saves, &mut states, None).unwrap();
        common::reached_squares(&states, &mut vec![0.0; states.len()])
    };
    let case = Hybrid {
        system: &system,
        span: (0.0, 8.0),
        u0: &[0.6],
        p: &p,
        saves: &saves,
        tolerance: 1e-10,
    };
    let found = hybrid_gradient(&mut HybridAdjoint::new(&VERN9), &case).unwrap();
    for i in 0..4 {
        let at = |h: f64| {
            let mut p = p;
            p[i] += h;
            loss(&p)
        };
        let h = 1e-3;
        let by_p = (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h);
        let off = (found[2 + i] - by_p).abs();
        assert!(off < 1e-6 * by_p.abs().max(0.1), "parameter {i}: {} {by_p}", found[2 + i]);
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
        tolerance: 1e-6,
    };
    check("neutral", &case, &TABLES);
}

#[test]
fn a_lag_that_vanishes_at_the_start() {
    // The pantograph equation u' = −a u(q t), u(0) = 1: u = Σ (−a)ⁿ q^(n (n − 1) / 2) tⁿ / n!.
    let system = System::new(1, 2, |_, u, p, out| out[0] = -(p[0] * u[1])).delayed(
        &[(0, 0, false)],
        &[false],
        |t, _, p, out| out[0] = t * (1.0 - p[1]),
        |_, _, _, out| out[0] = c(1.0),
    );
    let (p, saves) = ([0.9, 0.6], [0.5, 1.7, 3.0]);
    let exact = |t: f64, index: usize| {
        let q: Vec<D> = (0..2).map(|i| D { v: p[i], d: f64::from(u8::from(i == index)) }).collect();
        let (mut sum, mut factor) = (c(1.0), c(1.0));
        for n in 1..40 {
            factor = factor * (-q[0]) * q[1].powi(n - 1) * c(t / f64::from(n));
            sum += factor;
        }
        sum
    };
    let values: Vec<f64> = saves.iter().map(|&t| exact(t, 9).v).collect();
    let mut weights = [0.0; 3];
    common::reached_squares(&values, &mut weights);
    let case = Hybrid {
        system: &system,
        span: (0.0, 3.0),
        u0: &[1.0],
        p: &p,
        saves: &saves,
        tolerance: 1e-10,
    };
    for mut method in methods(&VERN7) {
        let found = hybrid_gradient(&mut *method, &case).unwrap();
        for i in 0..2 {
            let expected: f64 = (0..3).map(|row| weights[row] * exact(saves[row], i).d).sum();
            let off = (found[2 + i] - expected).abs();
            assert!(off < 1e-7, "{} by parameter {i}: {found:?} {expected}", method.name());
        }
    }
}

#[test]
fn slopes_of_histories_that_bend() {
    // The second derivative of the history is not known to kernels, so it is a difference of first
    // ones; u' = a u'(t − τ) with the history b sin(c t) has u(t) = a b (sin c(t − τ) + sin cτ) on
    // the first interval.
    let system = System::new(1, 4, |_, u, p, out| out[0] = p[0] * u[1]).delayed(
        &[(0, 0, true)],
        &[true],
        |_, _, p, out| out[0] = p[1],
        |t, _, p, out| out[0] = p[2] * (p[3] * t).sin(),
    );
    let (p, t) = ([0.7, 1.2, 0.9, 1.4], 1.0);
    let case = Hybrid {
        system: &system,
        span: (0.0, t),
        u0: &[0.0],
        p: &p,
        saves: &[t],
        tolerance: 1e-12,
    };
    let exact = |index: usize| {
        let q: Vec<D> = (0..4).map(|i| D { v: p[i], d: f64::from(u8::from(i == index)) }).collect();
        q[0] * q[2] * ((q[3] * (t - q[1])).sin() + (q[3] * q[1]).sin())
    };
    let weight = 2.0 * exact(0).v;
    for mut method in methods(&VERN9) {
        let found = hybrid_gradient(&mut *method, &case).unwrap();
        for i in 0..4 {
            let off = (found[2 + i] - weight * exact(i).d).abs();
            assert!(off < 1e-10, "{} by parameter {i}: {off:e}, {found:?}", method.name());
        }
    }
}

#[test]
fn lags_shorter_than_the_steps() {
    let system = System::new(2, 4, |_, u, p, out| {
        out[0] = (p[0] - u[1]) * u[2];
        out[1] = (p[1] * u[0] - p[2]) * u[1];
    })
    .delayed(
        &[(0, 0, false)],
        &[true],
        |_, _, p, out| out[0] = p[3],
        |_, _, _, out| (out[0], out[1]) = (c(1.0), c(1.0)),
    );
    let saves = spread(0.0, 10.0, 21);
    let case = Hybrid {
        system: &system,
        span: (0.0, 10.0),
        u0: &[1.0, 1.0],
        p: &[2.2, 2.0, 0.4, 0.1],
        saves: &saves,
        tolerance: 1e-6,
    };
    for table in [&TSIT5, &DP5, &BS3] {
        let mut found = Vec::new();
        for mut method in methods(table) {
            found.push(hybrid_gradient(&mut *method, &case).unwrap());
        }
        assert!(relative_distance(&found[0], &found[1]) < 1e-9, "{found:?}");
    }
    // Steps that read themselves are solved to the tolerance only, so this is no better.
    let loss = |p: &[f64]| {
        let ivp = Ivp { rhs: &system, t0: 0.0, t1: 10.0, u0: &[1.0, 1.0], p };
        let mut states = vec![0.0; 2 * saves.len()];
        let settings = Settings::with_tolerances(1e-12, 1e-12);
        let mut stepper = delay_method("vern7").unwrap();
        drive(&mut *stepper, &ivp, &settings, &saves, &mut states, None).unwrap();
        common::reached_squares(&states, &mut vec![0.0; states.len()])
    };
    let case = Hybrid { tolerance: 1e-9, ..case };
    let found = hybrid_gradient(&mut HybridAdjoint::new(&TSIT5), &case).unwrap();
    for i in 0..4 {
        let at = |h: f64| {
            let mut p = [2.2, 2.0, 0.4, 0.1];
            p[i] += h;
            loss(&p)
        };
        let h = 1e-3;
        let by_p = (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h);
        let off = (found[3 + i] - by_p).abs();
        assert!(off < 1e-5 * by_p.abs(), "parameter {i}: {} {by_p}", found[3 + i]);
    }
}

#[test]
fn a_lag_is_found_from_data() {
    // Gauss and Newton's method with the exact Jacobian, from a lag that is off by a third.
    let system = mackey_glass();
    let truth = [0.2, 14.0, 0.1, 0.5];
    let saves = spread(2.0, 60.0, 30);
    let settings = Settings::with_tolerances(1e-9, 1e-9);
    let mut method = HybridForward::new(&TSIT5);
    let mut run = |p: &[f64; 4]| {
        let ivp = Ivp { rhs: &system, t0: 0.0, t1: 60.0, u0: &[0.5], p };
        let (mut states, mut jacobian) = (vec![0.0; 30], vec![0.0; 30 * 5]);
        method.jacobian(&ivp, &settings, &saves, &mut states, &mut jacobian).unwrap();
        (states, jacobian)
    };
    let (data, _) = run(&truth);
    let mut lag = 18.0;
    for _ in 0..30 {
        let (states, jacobian) = run(&[0.2, lag, 0.1, 0.5]);
        let by_lag: Vec<f64> = jacobian.chunks_exact(5).map(|row| row[2]).collect();
        let slope: f64 =
            by_lag.iter().zip(states.iter().zip(&data)).map(|(s, (u, d))| s * (d - u)).sum();
        let curvature: f64 = by_lag.iter().map(|s| s * s).sum();
        lag += (slope / curvature).clamp(-1.0, 1.0);
    }
    assert!((lag - 14.0).abs() < 1e-7, "{lag}");
}
