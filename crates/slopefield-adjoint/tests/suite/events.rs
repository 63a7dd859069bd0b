//! Gradients through events: against closed forms, and against the same steps in dual numbers.
use crate::common;

use common::dual::{D, System, c, crossing};
use common::{HEUN, Hybrid, hybrid_gradient, in_parts, relative_distance, spread};
use slopefield_adjoint::{GradientMethod, HybridAdjoint, HybridForward};
use slopefield_kernel::{Crossing, Trigger};
use slopefield_solve::runge_kutta::{BS3, DP5, TSIT5, VERN6, VERN7, VERN8, VERN9};
use slopefield_solve::{Ivp, Settings, SolveError, Tableau};

static TABLES: [&Tableau; 8] = [&TSIT5, &DP5, &BS3, &VERN6, &VERN7, &VERN8, &VERN9, &HEUN];

fn methods(table: &'static Tableau) -> Vec<Box<dyn GradientMethod>> {
    vec![Box::new(HybridAdjoint::new(table)), Box::new(HybridForward::new(table))]
}

/// Compares every exact method with the same steps in dual numbers.
#[track_caller]
fn check(what: &str, case: &Hybrid<'_>, tables: &[&'static Tableau], at_start: bool) {
    for &table in tables {
        let case =
            Hybrid { tolerance: if table.id == "heun" { 1e-3 } else { case.tolerance }, ..*case };
        let expected = case.replayed(table, at_start);
        for mut method in methods(table) {
            let found = hybrid_gradient(&mut *method, &case)
                .unwrap_or_else(|error| panic!("{what} by {}: {error}", table.id));
            let off = relative_distance(&found, &expected);
            assert!(
                off < 1e-9,
                "{what} by {} of {}: off by {off:e}\n{found:?}\n{expected:?}",
                method.name(),
                table.id
            );
        }
        let make = |bytes| HybridAdjoint::new(table).with_memory(bytes);
        in_parts(&format!("{what} by {}", table.id), &make, &case);
    }
}

/// A ball that bounces: parameters gravity and restitution.
fn ball() -> System {
    System::new(2, 2, |_, u, p, out| {
        out[0] = u[1];
        out[1] = -p[0];
    })
    .roots(1, |_, u, _, out| out[0] = u[0])
    .event(crossing(0, Crossing::Falling), |_, u, p, out| {
        out[0] = c(0.0);
        out[1] = -p[1] * u[1];
    })
}

/// Its height at `t` after a fall from `h0` at time `t0` = 0.
fn height(t: D, h0: D, g: D, e: D) -> D {
    let mut begin = (2.0 * h0 / g).sqrt();
    if t.v < begin.v {
        return h0 - 0.5 * g * t * t;
    }
    let mut v = e * (g * begin);
    loop {
        let flight = 2.0 * v / g;
        if t.v < begin.v + flight.v {
            let s = t - begin;
            return v * s - 0.5 * g * s * s;
        }
        begin += flight;
        v = v * e;
    }
}

#[test]
fn the_bouncing_ball_has_the_derivatives_of_its_closed_form() {
    let system = ball();
    let (h0, g, e) = (50.0, 9.8, 0.8);
    let exact = |index: usize| {
        let seed = |i: usize, v: f64| D { v, d: f64::from(u8::from(i == index)) };
        // A later start at the same state is an earlier end.
        let t = D { v: 15.0, d: -seed(0, 0.0).d };
        height(t, seed(1, h0), seed(2, g), seed(3, e))
    };
    assert!((exact(1).v - 8.494_217_007_6).abs() < 1e-9, "the published height");
    for table in TABLES {
        for mut method in methods(table) {
            let ivp = Ivp { rhs: &system, t0: 0.0, t1: 15.0, u0: &[h0, 0.0], p: &[g, e] };
            let settings = Settings::with_tolerances(1e-9, 1e-9);
            let mut loss = |u: &[f64], w: &mut [f64]| {
                w[0] = 1.0;
                u[0]
            };
            let (found, by_u0, by_p) =
                common::gradient(&mut *method, &ivp, &settings, &[15.0], &mut loss).unwrap();
            assert!((found.loss - exact(1).v).abs() < 1e-9);
            let all = [found.by_start_time.unwrap(), by_u0[0], by_p[0], by_p[1]];
            let expected: Vec<f64> = (0..4).map(|i| exact(i).d).collect();
            // The solution is a parabola between bounces, so it is exact up to rounding; after
            // seven bounces that has grown a little.
            let off = relative_distance(&all, &expected);
            assert!(off < 1e-10, "{} {}: {off:e} {all:?} {expected:?}", table.id, method.name());
        }
    }
}

#[test]
fn nothing_is_zero_that_enters_only_through_an_event() {
    // u' = −u and one parameter for each way into an event, tested with closed forms.
    let rate = |_: D, u: &[D], _: &[D], out: &mut [D]| out[0] = -u[0];
    let up = |_: D, _: &[D], p: &[D], out: &mut [D]| out[0] += p[0];
    let (t1, u0) = (3.0_f64, 2.0_f64);
    type Make = Box<dyn Fn() -> System>;
    let cases: Vec<(&str, Make, f64, f64)> = vec![
        (
            "a change",
            Box::new(move || {
                System::new(1, 1, rate)
                    .times(1, |_, out| out[0] = c(1.0))
                    .event(Trigger::At(0..1), up)
            }),
            0.7,
            (-2.0_f64).exp(),
        ),
        (
            "a time",
            Box::new(move || {
                System::new(1, 1, rate)
                    .times(1, |p, out| out[0] = p[0])
                    .event(Trigger::At(0..1), |_, _, _, out| out[0] = out[0] + 1.0)
            }),
            1.2,
            // u(3) = 2 e^−3 + e^−(3 − p).
            (1.2 - t1).exp(),
        ),
        (
            "a period",
            Box::new(move || {
                System::new(1, 1, rate)
                    .times(2, |p, out| (out[0], out[1]) = (p[0], c(0.1)))
                    .event(Trigger::Every { period: 0, from: 1, count: Some(3) }, |_, _, _, out| {
                        out[0] = out[0] + 1.0
                    })
            }),
            0.9,
            // u(3) = 2 e^−3 + Σ_k e^−(3 − 0.1 − k p).
            (1.0 - t1).exp() + 2.0 * (1.9 - t1).exp(),
        ),
        (
            "a condition",
            Box::new(move || {
                System::new(1, 1, rate)
                    .roots(1, |_, u, p, out| out[0] = u[0] - p[0])
                    .event(crossing(0, Crossing::Falling), |_, u, _, out| out[0] = u[0] + 9.0)
            }),
            0.8,
            // u falls to p at τ = ln(2 / p), then u(3) = (p + 9) e^−(3 − τ) = 2 e^−3 (p + 9) / p,
            // which has not fallen to p again.
            -18.0 * (-t1).exp() / 0.64,
        ),
    ];
    for (what, make, p, expected) in cases {
        let system = make();
        for table in [&TSIT5, &VERN7] {
            for mut method in methods(table) {
                let ivp = Ivp { rhs: &system, t0: 0.0, t1, u0: &[u0], p: &[p] };
                let settings = Settings::with_tolerances(1e-11, 1e-11);
                let mut loss = |u: &[f64], w: &mut [f64]| {
                    w[0] = 1.0;
                    u[0]
                };
                let (_, _, by_p) =
                    common::gradient(&mut *method, &ivp, &settings, &[t1], &mut loss).unwrap();
                let off = (by_p[0] - expected).abs();
                assert!(off < 1e-8, "{what} by {}: {} {expected}", table.id, by_p[0]);
            }
        }
    }
}

/// A pendulum that is pushed whenever it passes places that parameters say, with walls, and doses at
/// times that parameters say.
fn busy() -> System {
    System::new(2, 6, |t, u, p, out| {
        out[0] = u[1] + 0.1 * (p[0] * t).sin();
        out[1] = -p[1] * u[0].sin() - 0.2 * p[2] * u[1] * u[1] * u[1];
    })
    .roots(2, |t, u, p, out| {
        out[0] = u[0] - 0.3 * p[3] * (0.5 * t).cos();
        out[1] = u[1] * u[0] + 0.4 * p[4] - 0.6;
    })
    .times(3, |p, out| {
        out[0] = 1.1 + 0.2 * p[5];
        out[1] = 0.7 * p[4];
        out[2] = 0.9 + 0.1 * p[3] * p[5];
    })
    .event(crossing(0, Crossing::Rising), |t, u, p, out| {
        out[0] = 0.9 * u[0] + 0.05 * p[0] * (2.0 * t).cos();
        out[1] = u[1] * (1.0 + 0.3 * p[2]);
    })
    .event(crossing(1, Crossing::Both), |_, u, p, out| out[1] = u[1] + 0.2 * p[5] * u[0])
    .event(Trigger::Every { period: 2, from: 1, count: None }, |t, u, p, out| {
        out[0] = u[0] + 0.1 * p[1] * t.sin();
    })
    .watch(crossing(1, Crossing::Rising))
    .event(Trigger::At(0..1), |_, u, p, out| out[1] = u[1] - 0.3 * p[3])
}

#[test]
fn gradients_are_those_of_the_same_steps() {
    let system = busy();
    let p = [0.9, 1.3, 0.4, 0.8, 1.1, 0.6];
    for (span, count) in [((0.0, 8.0), 23), ((2.0, -0.6), 11), ((0.0, 8.0), 2)] {
        let saves = spread(span.0, span.1, count);
        let case = Hybrid {
            system: &system,
            span,
            u0: &[0.4, 1.2],
            p: &p,
            saves: &saves,
            tolerance: 1e-6,
        };
        check("busy", &case, &TABLES, false);
    }
}

#[test]
fn several_events_at_one_instant() {
    // The same condition twice, rounds that changes trigger, and doses at one time from two clocks
    // that parameters move apart.
    let system = System::new(2, 3, |_, u, p, out| {
        out[0] = p[0] - 0.3 * u[0] * u[1];
        out[1] = 0.2 * u[0] - 0.5 * u[1];
    })
    .roots(2, |_, u, p, out| {
        out[0] = u[0] - 2.0 * p[1];
        out[1] = u[1] - 1.5;
    })
    .times(2, |p, out| {
        out[0] = 2.0 * p[0];
        out[1] = 1.0 + p[2];
    })
    .event(crossing(0, Crossing::Rising), |_, u, p, out| out[0] = 0.5 * u[0] * p[2])
    .event(crossing(0, Crossing::Rising), |_, u, _, out| out[1] = u[1] + u[0])
    .event(crossing(1, Crossing::Rising), |t, u, p, out| out[1] = 0.2 * u[1] * p[0] + 0.01 * t)
    .event(Trigger::At(0..1), |_, u, _, out| out[0] = 1.1 * u[0])
    .event(Trigger::At(1..2), |_, u, p, out| out[1] = u[1] + 0.1 * p[1] * u[0]);
    let saves = spread(0.0, 9.0, 14);
    let case = Hybrid {
        system: &system,
        span: (0.0, 9.0),
        u0: &[0.5, 0.9],
        p: &[1.0, 0.7, 1.0],
        saves: &saves,
        tolerance: 1e-6,
    };
    check("one instant", &case, &TABLES, false);
}

#[test]
fn two_crossings_in_one_step_and_saves_in_what_is_left_of_it() {
    // A slow system with a fast condition: many crossings in each step.
    let system = System::new(1, 2, |_, u, p, out| out[0] = -0.1 * p[0] * u[0])
        .roots(1, |t, u, p, out| out[0] = (6.0 * p[1] * t).sin() * u[0] - 0.2)
        .event(crossing(0, Crossing::Rising), |_, u, p, out| out[0] = u[0] - 0.01 * p[1]);
    let saves = spread(0.0, 3.0, 31);
    let case = Hybrid {
        system: &system,
        span: (0.0, 3.0),
        u0: &[1.0],
        p: &[0.8, 1.0],
        saves: &saves,
        tolerance: 1e-4,
    };
    check("crossings", &case, &TABLES, false);
}

#[test]
fn events_at_the_start_and_stops() {
    let system = System::new(1, 2, |_, u, p, out| out[0] = p[0] * (1.0 - u[0]))
        .roots(1, |_, u, p, out| out[0] = u[0] - 0.9 * p[1])
        .times(2, |_, out| (out[0], out[1]) = (c(0.0), c(0.5)))
        .event(Trigger::At(0..2), |_, u, p, out| out[0] = 0.5 * u[0] * p[1])
        .stop(crossing(0, Crossing::Rising));
    let saves = spread(0.0, 6.0, 25);
    let case = Hybrid {
        system: &system,
        span: (0.0, 6.0),
        u0: &[0.6],
        p: &[0.8, 0.95],
        saves: &saves,
        tolerance: 1e-6,
    };
    check("start and stop", &case, &TABLES, true);
}

fn refusal(system: &System, u0: &[f64], p: &[f64], t1: f64) -> String {
    let saves = [t1];
    let case = Hybrid { system, span: (0.0, t1), u0, p, saves: &saves, tolerance: 1e-6 };
    let mut sentences: Vec<String> = methods(&TSIT5)
        .into_iter()
        .map(|mut method| match hybrid_gradient(&mut *method, &case) {
            Err(SolveError::Invalid(sentence)) => sentence,
            other => panic!("{}: {other:?}", method.name()),
        })
        .collect();
    sentences.dedup();
    assert_eq!(sentences.len(), 1, "{sentences:?}");
    sentences.remove(0)
}

#[test]
fn what_has_no_derivative_is_refused_in_a_sentence() {
    // A parabola that goes below 0 by some 10⁻¹³ only.
    let parabola = |depth: f64| {
        System::new(2, 1, |_, u, p, out| (out[0], out[1]) = (u[1], p[0]))
            .roots(1, move |_, u, _, out| out[0] = u[0] + (0.5 - depth))
            .event(crossing(0, Crossing::Falling), |_, u, _, out| out[1] = u[1] + 0.1)
    };
    let text = refusal(&parabola(1e-13), &[0.0, -1.0], &[1.0], 3.0);
    assert!(text.contains("without passing it"), "{text}");
    // A dose exactly at the start whose time is a parameter.
    let dose = System::new(1, 1, |_, u, _, out| out[0] = -u[0])
        .times(1, |p, out| out[0] = p[0])
        .event(Trigger::At(0..1), |_, u, _, out| out[0] = u[0] + 1.0);
    let text = refusal(&dose, &[1.0], &[0.0], 1.0);
    assert!(text.contains("exactly at the start"), "{text}");
    // Two conditions that meet by accident.
    let meeting = System::new(1, 2, |_, _, _, out| out[0] = c(1.0))
        .roots(2, |t, u, p, out| (out[0], out[1]) = (u[0] - p[0], t - p[1]))
        .event(crossing(0, Crossing::Rising), |_, u, _, out| out[0] = 2.0 * u[0])
        .event(crossing(1, Crossing::Rising), |_, u, _, out| out[0] = u[0] - 3.0);
    let text = refusal(&meeting, &[0.0], &[0.5, 0.5], 1.0);
    assert!(text.contains("would part"), "{text}");
}
