//! Events and delays of systems with a mass matrix, regular and singular, against closed forms.
use crate::common;

use common::distance;
use common::system::{System, crossing};
use slopefield_kernel::Crossing::{Both, Falling, Rising};
use slopefield_kernel::Trigger;
use slopefield_solve::{
    Happening, Ivp, Settings, SolveError, Step, StepObserver, Stepper, delay_method, drive, method,
};

/// Methods that take mass matrices; `bdf` has no delays.
const METHODS: [&str; 5] = ["rodas5p", "rosenbrock23", "radau", "kvaerno5", "bdf"];

#[derive(Default)]
struct Log(Vec<(f64, usize)>);

impl StepObserver for Log {
    fn accepted(&mut self, _: &Step, _: &mut dyn Stepper) -> Result<(), SolveError> {
        Ok(())
    }
    fn happened(&mut self, happening: &Happening<'_, f64>) -> Result<(), SolveError> {
        self.0.push((happening.t, happening.event));
        Ok(())
    }
}

/// The state at `t1`, and the events on the way: when, and which.
type Found = (Vec<f64>, Vec<(f64, usize)>);

fn solve(
    stepper: &mut dyn Stepper,
    system: &System,
    (t0, t1): (f64, f64),
    u0: &[f64],
    tolerance: f64,
) -> Result<Found, SolveError> {
    let mut log = Log::default();
    let mut out = vec![0.0; u0.len()];
    let ivp = Ivp { rhs: system, t0, t1, u0, p: &[] };
    let settings = Settings::with_tolerances(tolerance, tolerance);
    drive(stepper, &ivp, &settings, &[t1], &mut out, Some(&mut log))?;
    Ok((out, log.0))
}

/// A ball under 9.8, `[[2, 1], [1, 2]] (y, v)' = …`, that keeps a part of its speed at the ground.
/// What happens there leaves the height as it is found, which is 0 up to rounding.
fn ball(restitution: f64) -> System {
    System::new(2, 0, |_, u, _, out| {
        out[0] = 2.0 * u[1] - 9.8;
        out[1] = u[1] - 2.0 * 9.8;
    })
    .mass([[2.0, 1.0], [1.0, 2.0]])
    .roots(1, |_, u, _, out| out[0] = u[0])
    .event(crossing(0, Falling), move |_, u, out| out[1] = -restitution * u[1])
}

/// The same with the number watched as an algebraic variable: 0 = w − 3 y.
fn watched_ball(restitution: f64) -> System {
    System::new(3, 0, |_, u, _, out| {
        out[0] = u[1];
        out[1] = -9.8;
        out[2] = u[2] - 3.0 * u[0];
    })
    .mass([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    .roots(1, |_, u, _, out| out[0] = u[2])
    .event(crossing(0, Falling), move |_, u, out| out[1] = -restitution * u[1])
}

/// The same with weight as a state that is read with a delay.
fn delayed_ball(restitution: f64) -> System {
    System::delayed(
        3,
        0,
        |_, u, _, out| {
            out[0] = 2.0 * u[1] - u[3];
            out[1] = u[1] - 2.0 * u[3];
            out[2] = u[2] - 9.8;
        },
        &[(2, 0, false)],
        &[true],
        |_, _, _, out| out[0] = 0.7,
        |_, _, _, out| out.copy_from_slice(&[0.0, 0.0, 9.8]),
    )
    .mass([[2.0, 1.0, 0.0], [1.0, 2.0, 0.0], [0.0, 0.0, 0.0]])
    .roots(1, |_, u, _, out| out[0] = u[0])
    .event(crossing(0, Falling), move |_, u, out| out[1] = -restitution * u[1])
}

type Make = fn(f64) -> System;

/// Balls with and without algebraic equations and delays, and where they start.
const BALLS: [(&str, Make, &[f64], bool); 3] = [
    ("regular", ball, &[50.0, 0.0], false),
    ("algebraic", watched_ball, &[50.0, 0.0, 150.0], false),
    ("delayed", delayed_ball, &[50.0, 0.0, 9.8], true),
];

fn stepper(id: &str, delayed: bool) -> Option<Box<dyn Stepper>> {
    if delayed { delay_method(id) } else { method(id) }
}

#[test]
fn a_ball_bounces_when_it_should() {
    let fall = (2.0_f64 * 50.0 / 9.8).sqrt();
    for (what, make, u0, delayed) in BALLS {
        for id in METHODS {
            let Some(mut stepper) = stepper(id, delayed) else { continue };
            let (out, events) = solve(&mut *stepper, &make(0.8), (0.0, 15.0), u0, 1e-10).unwrap();
            assert_eq!(events.len(), 3, "{what} by {id}: {events:?}");
            let mut t = fall;
            for (k, &(found, _)) in events.iter().enumerate() {
                assert!((found - t).abs() < 1e-8, "{what} by {id}: bounce {k} at {found}, not {t}");
                t += 2.0 * fall * 0.8_f64.powi(k as i32 + 1);
            }
            assert!((out[0] - 8.494_217_007_6).abs() < 1e-7, "{what} by {id}: {out:?}");
        }
    }
}

#[test]
fn a_ball_that_comes_to_rest_never_falls_through_the_ground() {
    // Flights add up: √(2h/g) (1 + 2 e/(1 − e)).
    for restitution in [0.5, 0.3] {
        let rest = (2.0_f64 * 50.0 / 9.8).sqrt() * (1.0 + 2.0 * restitution / (1.0 - restitution));
        for (what, make, u0, delayed) in BALLS {
            for id in METHODS {
                let Some(mut stepper) = stepper(id, delayed) else { continue };
                let found = solve(&mut *stepper, &make(restitution), (0.0, 15.0), u0, 1e-8);
                let Err(SolveError::EventStorm { t, .. }) = found else {
                    panic!("{what} by {id} must end in a storm: {found:?}");
                };
                // Errors of flights at the tolerance add up.
                assert!((t - rest).abs() < 1e-3, "{what} by {id}: {t} for {rest}");
            }
        }
    }
}

#[test]
fn what_is_0_up_to_rounding_goes_where_its_slope_goes() {
    // On the ground up to rounding: thrown up, it has not passed it; falling, it has been there.
    for (height, speed) in [(-1e-17, 1.0), (1e-17, 1.0), (0.0, 1.0)] {
        let lift = |system: System| system.watch(crossing(0, Rising));
        for id in METHODS {
            let mut stepper = method(id).unwrap();
            let system = lift(ball(1.0));
            let u0 = [height, speed];
            let (_, events) = solve(&mut *stepper, &system, (1.0, 1.15), &u0, 1e-9).unwrap();
            assert_eq!(events, [], "{id} from {height:e}");
            let (_, events) = solve(&mut *stepper, &system, (1.0, 1.3), &u0, 1e-9).unwrap();
            // Back on the ground after 2 v/g; the bounce is no rise.
            assert_eq!(events.len(), 1, "{id} from {height:e}: {events:?}");
            assert!((events[0].0 - 1.0 - 2.0 / 9.8).abs() < 1e-8 && events[0].1 == 0);
        }
    }
}

#[test]
fn an_event_changes_algebraic_variables_through_their_equations() {
    // x' = −z with 0 = z − x; at x = 1/2 x jumps to 2, and z follows.
    let system = System::new(2, 0, |_, u, _, out| {
        out[0] = -u[1];
        out[1] = u[1] - u[0];
    })
    .mass([[1.0, 0.0], [0.0, 0.0]])
    .roots(2, |_, u, _, out| out.copy_from_slice(&[u[1] - 0.5, u[1] - 1.5]))
    .event(crossing(0, Falling), |_, _, out| out[0] = 2.0)
    .watch(crossing(1, Both));
    for id in METHODS {
        let mut stepper = method(id).unwrap();
        let (out, events) = solve(&mut *stepper, &system, (0.0, 1.5), &[1.0, 1.0], 1e-10).unwrap();
        let (ln2, later) = (2.0_f64.ln(), (2.0_f64 / 1.5).ln());
        let expected = [(ln2, 0), (ln2, 1), (ln2 + later, 1)];
        assert_eq!(events.len(), 3, "{id}: {events:?}");
        for (found, expected) in events.iter().zip(expected) {
            assert!(
                (found.0 - expected.0).abs() < 1e-7 && found.1 == expected.1,
                "{id}: {found:?}"
            );
        }
        let x = 2.0 * (ln2 - 1.5).exp();
        let most = if id == "rosenbrock23" { 1e-6 } else { 1e-7 };
        assert!(distance(&out, &[x, x]) < most, "{id}: {out:?}");
    }
}

#[test]
fn time_events_meet_crossings_of_algebraic_variables() {
    // z = t − 1 passes 0 where a dose is given, up to rounding: both happen, once.
    let system = System::new(2, 0, |t, u, _, out| {
        out[0] = 1.0;
        out[1] = u[1] - (t - 1.0);
    })
    .mass([[1.0, 0.0], [0.0, 0.0]])
    .roots(1, |_, u, _, out| out[0] = u[1])
    .times(&[1.0])
    .event(Trigger::At(0..1), |_, _, out| out[0] += 10.0)
    .event(crossing(0, Rising), |_, _, out| out[0] += 100.0);
    for id in METHODS {
        let mut stepper = method(id).unwrap();
        let (out, events) = solve(&mut *stepper, &system, (0.0, 2.0), &[0.0, -1.0], 1e-10).unwrap();
        assert_eq!(events.iter().map(|e| e.1).collect::<Vec<_>>(), [0, 1], "{id}: {events:?}");
        assert!(distance(&out, &[112.0, 1.0]) < 1e-9, "{id}: {out:?}");
    }
}

#[test]
fn delays_of_algebraic_variables() {
    // x = sin t, y = exp(−t): x' = −x + y(t − 1) + …, 0 = y + x(t − 1)/2 − …
    let system = System::delayed(
        2,
        0,
        |t, u, _, out| {
            out[0] = -u[0] + u[2] + t.cos() + t.sin() - (1.0 - t).exp();
            out[1] = u[1] + 0.5 * u[3] - (-t).exp() - 0.5 * (t - 1.0).sin();
        },
        &[(1, 0, false), (0, 0, false)],
        &[true],
        |_, _, _, out| out[0] = 1.0,
        |t, _, _, out| out.copy_from_slice(&[t.sin(), (-t).exp()]),
    )
    .mass([[1.0, 0.0], [0.0, 0.0]]);
    // The start of the algebraic variable is a guess.
    check_delays(&system, &[0.0, 0.3], |t| vec![t.sin(), (-t).exp()]);
}

#[test]
fn delays_with_a_regular_mass_matrix() {
    // M (x, y)' = −(x, y)(t − 1) with M = [[2, 1], [1, 2]] and history 1, 0: sums and differences
    // follow s' = −s(t − 1)/3 and d' = −d(t − 1), solved by Σ (−k)^j (t − j + 1)^j / j!.
    let system = System::delayed(
        2,
        0,
        |_, u, _, out| {
            out[0] = -u[2];
            out[1] = -u[3];
        },
        &[(0, 0, false), (1, 0, false)],
        &[true],
        |_, _, _, out| out[0] = 1.0,
        |_, _, _, out| out.copy_from_slice(&[1.0, 0.0]),
    )
    .mass([[2.0, 1.0], [1.0, 2.0]]);
    let by_steps = |k: f64, t: f64| {
        let (mut sum, mut factorial) = (0.0, 1.0);
        for j in 0..=t as i32 + 1 {
            if j > 0 {
                factorial *= f64::from(j);
            }
            sum += (-k).powi(j) * (t - f64::from(j) + 1.0).powi(j) / factorial;
        }
        sum
    };
    check_delays(&system, &[1.0, 0.0], |t| {
        let (sum, difference) = (by_steps(1.0 / 3.0, t), by_steps(1.0, t));
        vec![0.5 * (sum + difference), 0.5 * (sum - difference)]
    });
}

/// Errors at 4.5 must fall with the tolerance and stay below some hundred times it.
fn check_delays(system: &System, u0: &[f64], exact: impl Fn(f64) -> Vec<f64>) {
    for id in METHODS {
        let Some(mut stepper) = delay_method(id) else { continue };
        let errors = [1e-5, 1e-8].map(|tolerance| {
            let (out, _) = solve(&mut *stepper, system, (0.0, 4.5), u0, tolerance).unwrap();
            distance(&out, &exact(4.5))
        });
        let most = if id == "rosenbrock23" { 1e-6 } else { 3e-7 };
        assert!(errors[0] < 1e-3 && errors[1] < most, "{id}: {errors:?}");
        assert!(errors[1] < 0.1 * errors[0] || errors[0] < 1e-10, "{id}: {errors:?}");
    }
}
