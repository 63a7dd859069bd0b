//! Gradients through events over implicit methods: against differences of the same steps.
use crate::common;

use common::again::Again;
use common::dual::{D, System, c, crossing};
use common::{Hybrid, hybrid_gradient, in_parts, relative_distance, spread};
use slopefield_adjoint::{
    GradientMethod, ImplicitHybridAdjoint, ImplicitHybridSensitivity, Through, method_info,
};
use slopefield_kernel::{Crossing, Kernel, Trigger};
use slopefield_solve::{Ivp, Settings, SolveError, method};

const METHODS: [&str; 7] =
    ["rosenbrock23", "rodas4p", "rodas5p", "trbdf2", "kencarp4", "kvaerno5", "radau"];

fn exact_methods(name: &str) -> [Box<dyn GradientMethod>; 2] {
    [
        Box::new(ImplicitHybridAdjoint::named(name).expect("an implicit method")),
        Box::new(ImplicitHybridSensitivity::named(name).expect("an implicit method")),
    ]
}

/// Compares both exact methods with differences of the same steps, through every solver.
#[track_caller]
fn check(what: &str, case: &Hybrid<'_>, at_start: bool) {
    check_over(what, case, at_start, &METHODS);
}

#[track_caller]
fn check_over(what: &str, case: &Hybrid<'_>, at_start: bool, names: &[&str]) {
    for name in names {
        let mut again = Again::new(case, name);
        assert!(again.all_happen(), "{what} by {name}: an event does not happen");
        let expected = again.gradient(at_start);
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
        let make = |bytes| ImplicitHybridAdjoint::named(name).expect("a method").with_memory(bytes);
        in_parts(&format!("{what} by {name}"), &make, case);
    }
}

/// A stiff relaxation to a moving value with what makes it more than linear.
fn relaxation(params: usize) -> System {
    System::new(2, params, |t, u, p, out| {
        out[0] = p[0] * (t.cos() - u[0]) - 0.4 * p[1] * u[0] * u[1];
        out[1] = p[1] * u[0] - 0.3 * u[1] * u[1] + 0.1 * (2.0 * t).sin();
    })
    .curved()
}

#[test]
fn crossings_that_change_the_state() {
    let system = relaxation(4)
        .roots(2, |t, u, p, out| {
            out[0] = u[0] - 0.4 * p[2] * (0.3 * t).cos();
            out[1] = u[1] - 0.4 * p[3];
        })
        .event(crossing(0, Crossing::Rising), |t, u, p, out| {
            out[0] = 1.1 * u[0] + 0.05 * p[2] * (2.0 * t).cos().powi(2);
            out[1] = u[1] * (1.0 + 0.1 * p[3]);
        })
        .event(crossing(1, Crossing::Both), |_, u, p, out| out[0] = u[0] + 0.2 * p[3] * u[1]);
    for (span, count) in [((0.3, 7.0), 19), ((0.3, 7.0), 2)] {
        let saves = spread(span.0, span.1, count);
        let case = Hybrid {
            system: &system,
            span,
            u0: &[0.2, 0.3],
            p: &[20.0, 0.8, 0.9, 1.1],
            saves: &saves,
            tolerance: 1e-5,
        };
        check("crossings", &case, false);
    }
}

#[test]
fn times_and_periods_that_are_parameters() {
    let system = relaxation(5)
        .times(3, |p, out| {
            out[0] = 1.1 + 0.2 * p[4];
            out[1] = 0.7 * p[2];
            out[2] = 0.9 + 0.1 * p[3] * p[4];
        })
        .event(Trigger::Every { period: 2, from: 1, count: None }, |t, u, p, out| {
            out[0] = u[0] + 0.5 * p[1] * t.sin();
        })
        .event(Trigger::At(0..1), |_, u, p, out| out[1] = u[1] - 0.3 * p[3] * u[0]);
    let saves = spread(0.0, 4.0, 9);
    let case = Hybrid {
        system: &system,
        span: (0.0, 4.0),
        u0: &[0.4, 0.6],
        p: &[15.0, 0.7, 0.8, 1.1, 0.6],
        saves: &saves,
        tolerance: 1e-5,
    };
    check("times", &case, false);
}

#[test]
fn several_events_at_one_instant() {
    // The same condition twice, rounds that changes trigger, and doses at one time from two clocks
    // that parameters move apart.
    let system = System::new(2, 3, |_, u, p, out| {
        out[0] = p[0] - 0.3 * u[0] * u[1];
        out[1] = 0.2 * u[0] - 0.5 * u[1];
    })
    .curved()
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
        tolerance: 1e-5,
    };
    check("one instant", &case, false);
}

#[test]
fn events_over_both_sides_of_automatic_switching() {
    // Stiff at first, and less and less; crossings and a period that is a parameter.
    let system = System::new(2, 5, |t, u, p, out| {
        out[0] = p[0] / (1.0 + 0.1 * t.powi(4)) * (t.cos() - u[0]) - 0.4 * p[1] * u[0] * u[1];
        out[1] = p[1] * u[0] - 0.3 * u[1] * u[1] + 0.1 * (2.0 * t).sin();
    })
    .curved()
    .roots(1, |t, u, p, out| out[0] = u[0] - 0.4 * p[2] * (0.3 * t).cos())
    .times(2, |p, out| (out[0], out[1]) = (0.9 * p[3], 0.37 * p[4]))
    .event(crossing(0, Crossing::Both), |_, u, p, out| out[1] = u[1] + 0.1 * p[2] * u[0])
    .event(Trigger::Every { period: 0, from: 1, count: None }, |t, u, p, out| {
        out[1] = 0.8 * u[1] + 0.1 * p[4] * t.sin();
    });
    let saves = spread(0.0, 12.0, 15);
    for tolerance in [1e-5, 1e-7] {
        let case = Hybrid {
            system: &system,
            span: (0.0, 12.0),
            u0: &[0.9, 0.6],
            p: &[4000.0, 0.7, 0.9, 1.0, 1.1],
            saves: &saves,
            tolerance,
        };
        check_over("sides", &case, false, &["auto-switch"]);
        let again = Again::new(&case, "auto-switch");
        assert!(again.changes() > 1, "{} changes", again.changes());
        assert_eq!(again.sides_with_events(), 2);
    }
}

#[test]
fn events_at_the_start_and_stops() {
    let system = System::new(1, 2, |_, u, p, out| out[0] = p[0] * (1.0 - u[0]))
        .curved()
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
        tolerance: 1e-5,
    };
    check("start and stop", &case, true);
}

#[test]
fn backward_in_time() {
    let system = System::new(2, 3, |t, u, p, out| {
        out[0] = p[0] * u[1] + 0.2 * t;
        out[1] = -p[1] * u[0].sin() - 0.1 * u[1];
    })
    .curved()
    .roots(1, |_, u, p, out| out[0] = u[0] - 0.2 * p[2])
    .times(1, |p, out| out[0] = 0.4 + 0.1 * p[1])
    .event(crossing(0, Crossing::Both), |t, u, p, out| out[1] = u[1] + 0.3 * p[2] * t)
    .event(Trigger::At(0..1), |_, u, p, out| out[0] = u[0] - 0.4 * p[0]);
    let saves = spread(3.0, -1.0, 9);
    let case = Hybrid {
        system: &system,
        span: (3.0, -1.0),
        u0: &[0.5, 0.8],
        p: &[1.1, 1.4, 0.7],
        saves: &saves,
        tolerance: 1e-5,
    };
    check("backward", &case, false);
}

/// A fast and a slow state, and one that an algebraic equation determines; with parameters in the
/// mass matrix.
fn algebraic() -> System {
    System::new(3, 4, |t, u, p, out| {
        out[0] = p[0] * (t.cos() - u[0]) - u[2];
        out[1] = u[0] - 0.5 * p[1] * u[1];
        out[2] = u[2] - 0.3 * p[2] * u[0] * u[1] - 0.1 * u[2] * u[2];
    })
    .curved()
    .mass(|p, out| {
        out.fill(c(0.0));
        out[0] = 1.0 + 0.1 * p[3];
        out[4] = c(1.0);
        out[1] = 0.2 * p[1];
    })
}

#[test]
fn algebraic_equations_are_solved_again_behind_a_change() {
    // Crossings of the algebraic variable, changes that leave it inconsistent, one that triggers the
    // next, doses at a time, and an inconsistent start.
    let system = algebraic()
        .roots(2, |_, u, p, out| {
            out[0] = u[2] - 0.09 * p[2];
            out[1] = u[1] - 1.0;
        })
        .times(1, |p, out| out[0] = 0.5 + 0.2 * p[3])
        .event(crossing(0, Crossing::Rising), |t, u, p, out| {
            out[1] = u[1] + 0.9 * p[3] + 0.1 * t;
            out[2] = c(0.0);
        })
        .event(crossing(1, Crossing::Rising), |_, u, p, out| out[0] = 0.4 * p[1] + 0.2 * u[2])
        .event(Trigger::At(0..1), |_, u, p, out| out[0] = 0.9 * u[0] - 0.1 * p[2]);
    let saves = spread(0.0, 3.0, 13);
    let case = Hybrid {
        system: &system,
        span: (0.0, 3.0),
        u0: &[0.3, 0.4, 0.2],
        p: &[4.0, 0.7, 0.9, 0.8],
        saves: &saves,
        tolerance: 1e-5,
    };
    check("algebraic", &case, false);
}

/// Every method refuses in a sentence with `part` in it.
#[track_caller]
fn refused(system: &System, u0: &[f64], p: &[f64], part: &str) {
    let saves = [1.0];
    let case = Hybrid { system, span: (0.0, 1.0), u0, p, saves: &saves, tolerance: 1e-6 };
    for name in ["rodas5p", "kvaerno5", "radau"] {
        for mut method in exact_methods(name) {
            match hybrid_gradient(&mut *method, &case) {
                Err(SolveError::Invalid(sentence)) => {
                    assert!(sentence.contains(part), "{sentence}")
                }
                other => panic!("{} of {name}: {other:?}", method.name()),
            }
        }
    }
}

#[test]
fn what_has_no_derivative_is_refused_in_a_sentence() {
    // A dose exactly at the start whose time is a parameter.
    let dose = System::new(1, 1, |_, u, _, out| out[0] = -u[0])
        .curved()
        .times(1, |p, out| out[0] = p[0])
        .event(Trigger::At(0..1), |_, u, _, out| out[0] = u[0] + 1.0);
    refused(&dose, &[1.0], &[0.0], "exactly at the start");
    // Two conditions that meet by accident.
    let meeting = System::new(1, 2, |_, _, _, out| out[0] = c(1.0))
        .curved()
        .roots(2, |t, u, p, out| (out[0], out[1]) = (u[0] - p[0], t - p[1]))
        .event(crossing(0, Crossing::Rising), |_, u, _, out| out[0] = 2.0 * u[0])
        .event(crossing(1, Crossing::Rising), |_, u, _, out| out[0] = u[0] - 3.0);
    refused(&meeting, &[0.0], &[0.5, 0.5], "would part");
}

/// One parameter for each way into a model: `u' = −u` from 2, to `t = 3`, with a value that it had
/// a while ago in one of them. The derivative of `u(3)` by the parameter is a closed form.
fn ways() -> Vec<(&'static str, System, f64, f64)> {
    let rate = |_: D, u: &[D], _: &[D], out: &mut [D]| out[0] = -u[0];
    let end = |tau: f64| (tau - 3.0).exp();
    let plain = || System::new(1, 1, rate).curved();
    vec![
        (
            "a change",
            plain()
                .times(1, |_, out| out[0] = c(1.0))
                .event(Trigger::At(0..1), |_, _, p, out| out[0] += p[0]),
            0.7,
            end(1.0),
        ),
        (
            "a time",
            plain()
                .times(1, |p, out| out[0] = p[0])
                .event(Trigger::At(0..1), |_, _, _, out| out[0] = out[0] + 1.0),
            1.2,
            end(1.2),
        ),
        (
            "a period",
            plain()
                .times(2, |p, out| (out[0], out[1]) = (p[0], c(0.1)))
                .event(Trigger::Every { period: 0, from: 1, count: Some(3) }, |_, _, _, out| {
                    out[0] = out[0] + 1.0
                }),
            0.9,
            end(1.0) + 2.0 * end(1.9),
        ),
        (
            "a condition",
            plain()
                .roots(1, |_, u, p, out| out[0] = u[0] - p[0])
                .event(crossing(0, Crossing::Falling), |_, u, _, out| out[0] = u[0] + 9.0),
            0.8,
            -18.0 * end(0.0) / 0.64,
        ),
        (
            "a mass matrix",
            plain().mass(|p, out| out[0] = p[0]),
            1.5,
            2.0 * (-2.0_f64).exp() * 3.0 / 2.25,
        ),
        (
            // u' = −u(t − 1) with 2 before: u(3) is a polynomial of the lag.
            "a lag",
            System::new(1, 1, |_, u, _, out| out[0] = -u[1]).curved().delayed(
                &[(0, 0, false)],
                &[true],
                |_, _, p, out| out[0] = p[0],
                |_, _, _, out| out[0] = c(2.0),
            ),
            1.6,
            // u = 2 − 2 t, then + (t − τ)²; the derivative by τ is −2 (3 − τ).
            -2.0 * (3.0 - 1.6),
        ),
        (
            "a history",
            System::new(1, 1, |_, u, _, out| out[0] = -u[1]).curved().delayed(
                &[(0, 0, false)],
                &[true],
                |_, _, _, out| out[0] = c(4.0),
                |_, _, p, out| out[0] = p[0],
            ),
            0.6,
            -3.0,
        ),
    ]
}

/// No gradient method leaves out a part of a model: it has the right derivative by a parameter that
/// enters nowhere else, by the initial value and by the start time, or it refuses in a sentence.
#[test]
fn no_method_has_a_derivative_that_is_silently_zero() {
    let solvers = [
        "tsit5",
        "vern7",
        "rosenbrock23",
        "rodas4p",
        "rodas5p",
        "trbdf2",
        "kencarp4",
        "kvaerno5",
        "radau",
        "bdf",
        "auto-switch",
    ];
    let (mut right, mut refused) = (0, 0);
    for (what, system, p, expected) in ways() {
        for solver in solvers {
            for info in slopefield_adjoint::METHODS {
                let structure = system.structure();
                let stepper = || match system.reads.is_empty() {
                    true => method(solver).ok_or_else(|| "none".to_owned()),
                    false => {
                        slopefield_solve::delay_method(solver).ok_or_else(|| "none".to_owned())
                    }
                };
                let memory = 1 << 28;
                let through = Through { solver, structure: &structure, stepper: &stepper, memory };
                let mut gradient = match (info.make)(&through) {
                    Ok(gradient) => gradient,
                    Err(sentence) => {
                        assert!(sentence.len() > 10, "{what} by {} of {solver}", info.id);
                        refused += 1;
                        continue;
                    }
                };
                let ivp = Ivp { rhs: &system, t0: 0.0, t1: 3.0, u0: &[2.0], p: &[p] };
                let settings = Settings::with_tolerances(1e-9, 1e-9);
                let mut loss = |u: &[f64], w: &mut [f64]| {
                    w[0] = 1.0;
                    u[0]
                };
                match common::gradient(&mut *gradient, &ivp, &settings, &[3.0], &mut loss) {
                    Ok((_, by_u0, by_p)) => {
                        right += 1;
                        let off = (by_p[0] - expected).abs();
                        // What the tolerances leave of the solution and, in a continuous adjoint, of
                        // its derivative.
                        let most = 2e-5 * (1.0 + expected.abs());
                        let (found, id) = (by_p[0], info.id);
                        assert!(off < most, "{what} by {id} of {solver}: {found} {expected}");
                        // A lag behind which there is the history alone has no part of the state.
                        assert!(by_u0[0] != 0.0 || what == "a condition", "{what} by {id}");
                    }
                    Err(SolveError::Invalid(_)) => refused += 1,
                    Err(other) => panic!("{what} by {} of {solver}: {other:?}", info.id),
                }
            }
        }
    }
    assert!(right > 150 && refused > 50, "{right} right and {refused} refused");
}

#[test]
fn implicit_methods_offer_exact_gradients_for_events_and_say_what_they_refuse() {
    let system = relaxation(2)
        .times(1, |_, out| out[0] = c(1.0))
        .event(Trigger::At(0..1), |_, u, _, out| out[0] = 2.0 * u[0]);
    let structure = system.structure();
    for (solver, goes) in
        [("rodas5p", true), ("radau", true), ("auto-switch", true), ("bdf", false)]
    {
        let stepper = || method(solver).ok_or_else(|| "none".to_owned());
        let through = Through { solver, structure: &structure, stepper: &stepper, memory: 1 << 20 };
        for id in ["discrete", "forward"] {
            match (method_info(id).unwrap().make)(&through) {
                Ok(_) => assert!(goes, "{id} of {solver}"),
                Err(why) => assert!(!goes && why.contains("one by one"), "{id} of {solver}: {why}"),
            }
        }
    }
}
