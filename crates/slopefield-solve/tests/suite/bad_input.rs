//! What is said about problems that cannot be solved: the sentence, with the numbers in it, and
//! always an end.
use crate::common;

use common::parabolic::{Linear, Reaction, Semilinear};
use common::system::{System, crossing};
use slopefield_kernel::{Crossing, Kernel, Trigger};
use slopefield_problems::{harmonic_oscillator, lotka_volterra};
use slopefield_solve::{
    Ivp, MethodClass, MethodInfo, Settings, SolveError, Stepper, delay_method, drive, method,
    methods, steady_state,
};
use std::time::Duration;

fn solve(
    stepper: &mut dyn Stepper,
    rhs: &dyn Kernel,
    span: (f64, f64),
    (u0, p): (&[f64], &[f64]),
    settings: &Settings,
) -> Result<(), SolveError> {
    let ivp = Ivp { rhs, t0: span.0, t1: span.1, u0, p };
    drive(stepper, &ivp, settings, &[], &mut [], None).map(|_| ())
}

/// The sentence that a solve ends with, and its advice.
#[track_caller]
fn sentence(result: Result<(), SolveError>) -> (String, &'static str) {
    let error = result.expect_err("this cannot be solved");
    (error.to_string(), error.advice())
}

fn decay() -> System {
    System::new(1, 0, |_, u, _, out| out[0] = -u[0])
}

/// Methods for `u' = f` of any form.
fn general() -> impl Iterator<Item = &'static MethodInfo> {
    methods().filter(|info| !matches!(info.class, MethodClass::SecondOrder | MethodClass::Split))
}

const ALGEBRAIC: [&str; 9] = [
    "bdf-gmres",
    "rodas5p",
    "rodas4p",
    "rosenbrock23",
    "bdf",
    "radau",
    "kencarp4",
    "kvaerno5",
    "trbdf2",
];

#[test]
fn values_that_are_not_numbers_are_named() {
    let system = System::new(2, 1, |t, u, p, out| {
        out[0] = -u[0];
        out[1] = if t > 0.5 { (u[0] - 2.0).ln() } else { p[0] };
    });
    for info in general() {
        let run = |u0: &[f64], p: &[f64]| {
            let settings = Settings::with_tolerances(1e-6, 1e-6);
            sentence(solve(&mut *(info.build)(), &system, (0.0, 1.0), (u0, p), &settings))
        };
        let (text, advice) = run(&[1.0, f64::NAN], &[0.0]);
        assert_eq!(text, "the right-hand side of state 1 is not finite at t = 0", "{}", info.id);
        assert!(advice.contains("division by zero"), "{advice}");
        let (text, _) = run(&[1.0, 0.0], &[f64::INFINITY]);
        assert_eq!(text, "the right-hand side of state 1 is not finite at t = 0", "{}", info.id);
        // Later: state 1 is named, with the last time at which all was well.
        let (text, _) = run(&[1.0, 0.0], &[0.0]);
        let start = "the right-hand side of state 1 is not finite at t = 0.";
        assert!(text.starts_with(start), "{}: {text}", info.id);
    }
}

#[test]
fn a_solution_that_blows_up_ends_with_the_step() {
    // u' = u² from 1 is 1/(1 − t).
    let system = System::new(1, 0, |_, u, _, out| out[0] = u[0] * u[0]);
    for info in general() {
        let settings = Settings::with_tolerances(1e-6, 1e-6);
        let error = solve(&mut *(info.build)(), &system, (0.0, 2.0), (&[1.0], &[]), &settings)
            .expect_err("a pole is no end");
        let at = match error {
            SolveError::StepTooSmall { t, .. }
            | SolveError::NotConverged { t, .. }
            | SolveError::NonFinite { t, .. }
            | SolveError::Singular { t } => t,
            ref other => panic!("{}: {other}", info.id),
        };
        assert!((at - 1.0).abs() < 0.05, "{}: {error}", info.id);
        assert!(error.to_string().contains("at t = ") && !error.advice().is_empty());
    }
    let settings = Settings::with_tolerances(1e-6, 1e-6);
    let mut tsit5 = method("tsit5").unwrap();
    let (text, advice) =
        sentence(solve(&mut *tsit5, &system, (0.0, 2.0), (&[1.0], &[]), &settings));
    assert!(text.starts_with("step size fell to ") && text.contains(" at t = "), "{text}");
    assert!(advice.contains("blow up"), "{advice}");
}

#[test]
fn every_method_ends_with_its_budget_of_steps() {
    let (plain, oscillator) = (lotka_volterra(), harmonic_oscillator());
    let (split, start) = semilinear();
    for info in methods() {
        let (rhs, u0, p): (&dyn Kernel, &[f64], &[f64]) = match info.class {
            MethodClass::SecondOrder => (&*oscillator.rhs, &oscillator.u0, &oscillator.p),
            MethodClass::Split => (&split, &start, &[]),
            _ => (&*plain.rhs, &plain.u0, &plain.p),
        };
        let settings = Settings {
            max_steps: 7,
            h_init: Some(1e-3),
            h_max: 1e-3,
            ..Settings::with_tolerances(1e-3, 1e-3)
        };
        let (text, advice) =
            sentence(solve(&mut *(info.build)(), rhs, (0.0, 1.0), (u0, p), &settings));
        assert!(text.starts_with("7 steps were not enough; stopped at t = 0.00"), "{text}");
        assert!(advice.contains("step budget"), "{advice}");
    }
}

fn semilinear() -> (Semilinear, Vec<f64>) {
    let n = 8;
    let start = (0..n).map(|i| 0.3 + 0.1 * f64::from(i).sin()).collect();
    (Semilinear::new(Linear::diffusion(n as usize, 0.1, 0.5, true), Reaction::Cubic), start)
}

#[test]
fn every_method_ends_when_its_time_is_over() {
    let (plain, oscillator) = (lotka_volterra(), harmonic_oscillator());
    let (split, start) = semilinear();
    for info in methods() {
        let (rhs, u0, p): (&dyn Kernel, &[f64], &[f64]) = match info.class {
            MethodClass::SecondOrder => (&*oscillator.rhs, &oscillator.u0, &oscillator.p),
            MethodClass::Split => (&split, &start, &[]),
            _ => (&*plain.rhs, &plain.u0, &plain.p),
        };
        // So many steps that no machine takes them in that time.
        let endless = Settings {
            max_steps: u64::MAX,
            h_init: Some(1e-13),
            h_max: 1e-13,
            ..Settings::with_tolerances(1e-3, 1e-3)
        };
        let settings = endless.within(Duration::from_millis(20));
        let error = solve(&mut *(info.build)(), rhs, (0.0, 1.0), (u0, p), &settings).unwrap_err();
        assert!(matches!(error, SolveError::OutOfTime { t } if t < 1.0), "{}: {error}", info.id);
        assert!(error.advice().starts_with("Allow more time"), "{error}");
        let text = error.to_string();
        assert!(text.starts_with("the time allowed was used up; stopped at t = "), "{text}");
    }
    // Delays and steady states look at the time, too.
    let delayed = one_delay(1.0);
    let none = Settings::default().within(Duration::ZERO);
    for id in ["tsit5", "radau"] {
        let mut stepper = delay_method(id).unwrap();
        let found = solve(&mut *stepper, &delayed, (0.0, 3.0), (&[1.0], &[]), &none);
        assert_eq!(found, Err(SolveError::OutOfTime { t: 0.0 }));
    }
    let system = decay();
    let found = steady_state::<f64>(&system, 0.0, &[1.0], &[], &none);
    assert_eq!(found.err(), Some(SolveError::OutOfTime { t: 0.0 }));
    // Enough time changes nothing.
    let settings = Settings::default().within(Duration::MAX);
    let mut stepper = method("tsit5").unwrap();
    assert_eq!(solve(&mut *stepper, &system, (0.0, 1.0), (&[1.0], &[]), &settings), Ok(()));
}

/// u' = −u(t − lag).
fn one_delay(lag: f64) -> System {
    System::delayed(
        1,
        0,
        |_, u, _, out| out[0] = -u[1],
        &[(0, 0, false)],
        &[true],
        move |_, _, _, out| out[0] = lag,
        |_, _, _, out| out[0] = 1.0,
    )
}

#[test]
fn delays_are_zero_or_more() {
    let settings = Settings::with_tolerances(1e-8, 1e-8);
    for id in ["tsit5", "vern7", "bs3", "rodas5p", "radau", "kvaerno5"] {
        let mut stepper = delay_method(id).unwrap();
        let (text, advice) =
            sentence(solve(&mut *stepper, &one_delay(-0.25), (0.0, 1.0), (&[1.0], &[]), &settings));
        assert_eq!(text, "lag 0 is -0.25 at t = 0; lags are 0 or more", "{id}");
        assert!(advice.contains("must not look into the future"), "{advice}");
        // A lag of 0 is no delay: u' = −u.
        let system = one_delay(0.0);
        let ivp = Ivp { rhs: &system, t0: 0.0, t1: 1.0, u0: &[1.0], p: &[] };
        let mut out = [0.0];
        drive(&mut *stepper, &ivp, &settings, &[1.0], &mut out, None).unwrap();
        assert!((out[0] - (-1.0_f64).exp()).abs() < 1e-6, "{id}: {out:?}");
    }
}

#[test]
fn events_without_end_are_a_storm() {
    let ball = System::new(2, 0, |_, u, _, out| out.copy_from_slice(&[u[1], -9.8]))
        .roots(1, |_, u, _, out| out[0] = u[0])
        .event(crossing(0, Crossing::Falling), |_, u, out| out[1] = -0.5 * u[1]);
    for id in ["tsit5", "vern7", "rodas5p", "radau", "bdf", "vcabm"] {
        let settings = Settings::with_tolerances(1e-8, 1e-10);
        let mut stepper = method(id).unwrap();
        let (text, advice) =
            sentence(solve(&mut *stepper, &ball, (0.0, 9.0), (&[5.0, 0.0], &[]), &settings));
        assert!(text.contains(" events happened at t = 3.03"), "{id}: {text}");
        assert!(text.ends_with(" without time passing"), "{id}: {text}");
        assert!(advice.starts_with("Events pile up"), "{advice}");
    }
    // A clock that ticks faster than time can be told apart.
    let clock = decay()
        .times(&[1e-14, 0.0])
        .event(Trigger::Every { period: 0, from: 1, count: None }, |_, _, out| out[0] = 1.0);
    let settings = Settings::default().within(Duration::from_secs(60));
    let mut stepper = method("tsit5").unwrap();
    let error = solve(&mut *stepper, &clock, (1.0, 2.0), (&[1.0], &[]), &settings).unwrap_err();
    assert!(matches!(error, SolveError::EventStorm { event: 0, .. }), "{error}");
}

#[test]
fn starting_values_that_cannot_be_made_consistent_are_refused() {
    // 0 = z² + 1.
    let system = System::new(2, 0, |_, u, _, out| {
        out[0] = -u[0];
        out[1] = u[1] * u[1] + 1.0;
    })
    .mass([[1.0, 0.0], [0.0, 0.0]]);
    for id in ALGEBRAIC {
        let mut stepper = method(id).unwrap();
        let settings = Settings::default();
        let (text, advice) =
            sentence(solve(&mut *stepper, &system, (0.0, 1.0), (&[1.0, 0.3], &[]), &settings));
        assert!(
            text.starts_with("no consistent initial values: equation 1 is off by 1."),
            "{text}"
        );
        assert!(text.ends_with(" at t = 0"), "{text}");
        assert!(advice.contains("starting values"), "{advice}");
    }
}

#[test]
fn singular_mass_matrices_that_leave_states_open_are_refused() {
    // x' + y' = −x and again x' + y' = −x: nothing says what x − y is.
    let open = System::new(2, 0, |_, u, _, out| {
        out[0] = -u[0];
        out[1] = -u[0];
    })
    .mass([[1.0, 1.0], [1.0, 1.0]]);
    // A row of zeros whose equation does not contain the state without a slope.
    let hollow = System::new(2, 0, |_, u, _, out| {
        out[0] = u[1];
        out[1] = u[0] - 1.0;
    })
    .mass([[1.0, 0.0], [0.0, 0.0]]);
    // No mass at all, for an equation that has no solution near.
    let nothing = System::new(1, 0, |_, _, _, out| out[0] = 0.0).mass([[0.0]]);
    for (system, u0) in [(&open, &[1.0, 0.0][..]), (&hollow, &[1.0, 0.0]), (&nothing, &[1.0])] {
        for id in ALGEBRAIC {
            let mut stepper = method(id).unwrap();
            let settings = Settings::default();
            let (text, advice) =
                sentence(solve(&mut *stepper, system, (0.0, 1.0), (u0, &[]), &settings));
            assert_eq!(text, "the equations are singular at t = 0", "{id}");
            assert!(advice.contains("mass matrix without full rank"), "{advice}");
        }
    }
}

#[test]
fn methods_refuse_mass_matrices_that_they_cannot_honour() {
    let system = decay().mass([[2.0]]);
    for info in general().filter(|info| !ALGEBRAIC.contains(&info.id)) {
        if info.class == MethodClass::Switching {
            // It takes its implicit side.
            let found = solve(
                &mut *(info.build)(),
                &system,
                (0.0, 1.0),
                (&[1.0], &[]),
                &Settings::default(),
            );
            assert!(found.is_ok() || matches!(found, Err(SolveError::Invalid(_))), "{found:?}");
            continue;
        }
        let settings = Settings::default();
        let (text, _) =
            sentence(solve(&mut *(info.build)(), &system, (0.0, 1.0), (&[1.0], &[]), &settings));
        assert!(text.contains("mass matrix or algebraic variables"), "{}: {text}", info.id);
    }
}
