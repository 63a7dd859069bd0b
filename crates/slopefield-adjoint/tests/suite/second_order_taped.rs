//! Products with the Hessian of a loss through implicit methods and through events: against differences of
//! exact gradients of the same steps, and for symmetry over steps as solvers choose them.
use crate::common;

use common::dual::{System, crossing};
use common::{gradient, relative_distance, spread};
use slopefield_adjoint::{
    CurvedLoss, GradientMethod, HybridAdjoint, ImplicitHybridAdjoint, Loss, SecondOrder,
    SecondOrderAdjoint,
};
use slopefield_kernel::{Crossing, Trigger};
use slopefield_solve::{Ivp, Settings, SolveError};

const IMPLICIT: [&str; 8] = [
    "rosenbrock23",
    "rodas4p",
    "rodas5p",
    "trbdf2",
    "kencarp4",
    "kvaerno5",
    "radau",
    "auto-switch",
];
const EXPLICIT: [&str; 3] = ["tsit5", "bs3", "vern7"];

fn exact(name: &str) -> Box<dyn GradientMethod> {
    match ImplicitHybridAdjoint::named(name) {
        Some(method) => Box::new(method),
        None => Box::new(HybridAdjoint::named(name).expect("a one-step method")),
    }
}

/// A loss that is not quadratic; rows that were not reached do not count.
fn quartic(states: &[f64], by_state: &mut [f64]) -> f64 {
    let terms = states.iter().zip(by_state).enumerate().filter(|(_, (x, _))| x.is_finite());
    terms
        .map(|(i, (x, w))| {
            let off = x - (0.7 * i as f64).sin();
            *w = 2.0 * off + 0.1 * x.powi(3);
            off * off + 0.025 * x.powi(4)
        })
        .sum()
}

fn curved(states: &[f64], along: &[f64], by_state: &mut [f64], change: &mut [f64]) -> f64 {
    for ((change, x), dx) in change.iter_mut().zip(states).zip(along) {
        *change = if x.is_finite() { (2.0 + 0.3 * x * x) * dx } else { 0.0 };
    }
    quartic(states, by_state)
}

struct Case<'a> {
    system: &'a System,
    t1: f64,
    u0: &'a [f64],
    p: &'a [f64],
    saves: &'a [f64],
}

impl Case<'_> {
    /// The gradient, its change along a direction, and the number of steps.
    fn product(
        &self,
        name: &str,
        settings: &Settings,
        direction: &[f64],
    ) -> Result<(Vec<f64>, Vec<f64>, u64), SolveError> {
        let n = self.u0.len();
        let mut method = SecondOrderAdjoint::named(name).expect("a one-step method");
        // Filled, because both are written, not added.
        let (mut first, mut second) = (vec![3.0; direction.len()], vec![-3.0; direction.len()]);
        let (by_u0, by_p) = first.split_at_mut(n);
        let (change_u0, change_p) = second.split_at_mut(n);
        let out = SecondOrder { by_u0, by_p, change_u0, change_p };
        let ivp = Ivp { rhs: self.system, t0: 0.0, t1: self.t1, u0: self.u0, p: self.p };
        let loss: &mut CurvedLoss<'_> = &mut curved;
        let along = direction.split_at(n);
        let found = method.evaluate(&ivp, settings, self.saves, along, loss, out)?;
        Ok((first, second, found.forward.accepted))
    }

    fn direction(&self, phase: f64) -> Vec<f64> {
        let values = self.u0.iter().chain(self.p).enumerate();
        values.map(|(i, x)| (1.3 * i as f64 + phase).cos() * (0.1 + x.abs())).collect()
    }

    /// The exact gradient at a distance along a direction.
    fn gradient(&self, name: &str, settings: &Settings, direction: &[f64], x: f64) -> Vec<f64> {
        let moved = |values: &[f64], along: &[f64]| -> Vec<f64> {
            values.iter().zip(along).map(|(v, d)| v + x * d).collect()
        };
        let (du0, dp) = direction.split_at(self.u0.len());
        let (u0, p) = (moved(self.u0, du0), moved(self.p, dp));
        let ivp = Ivp { rhs: self.system, t0: 0.0, t1: self.t1, u0: &u0, p: &p };
        let loss: &mut Loss<'_> = &mut quartic;
        let (_, by_u0, by_p) =
            gradient(&mut *exact(name), &ivp, settings, self.saves, loss).unwrap();
        [by_u0, by_p].concat()
    }

    /// Compares products with differences of gradients over steps that stay the same: two of half the
    /// span, and from an event in the second one to the end.
    #[track_caller]
    fn check(&self, what: &str, names: &[&str]) {
        let h = 0.5 * self.t1;
        let settings =
            Settings { h_init: Some(h), h_max: h, ..Settings::with_tolerances(1e3, 1e3) };
        for name in names {
            let along = self.direction(0.4);
            let (first, second, steps) = self
                .product(name, &settings, &along)
                .unwrap_or_else(|error| panic!("{what} by {name}: {error}"));
            let events = u64::from(!self.system.list.is_empty());
            assert_eq!(steps, 2 + events, "{what} by {name}");
            let at = |x: f64| self.gradient(name, &settings, &along, x);
            let off = relative_distance(&first, &at(0.0));
            assert!(off < 1e-12, "{what} by {name}: gradients are off by {off:e}");
            let slope = |x: f64| -> Vec<f64> {
                at(x).iter().zip(at(-x)).map(|(a, b)| (a - b) / (2.0 * x)).collect()
            };
            // Three times extrapolated: the error falls with the eighth power.
            let mut slopes: Vec<Vec<f64>> = [8e-3, 4e-3, 2e-3, 1e-3].map(slope).into();
            for r in [4.0, 16.0, 64.0] {
                let once = |pair: &[Vec<f64>]| -> Vec<f64> {
                    let (coarse, fine) = (&pair[0], &pair[1]);
                    fine.iter().zip(coarse).map(|(f, c)| f + (f - c) / (r - 1.0)).collect()
                };
                slopes = slopes.windows(2).map(once).collect();
            }
            let expected = &slopes[0];
            let off = relative_distance(&second, expected);
            assert!(off < 1e-9, "{what} by {name}: off by {off:e}\n{second:?}\n{expected:?}");
        }
    }
}

/// Two states with the time in the equations; the last two parameters are for events.
fn swing() -> System {
    System::new(2, 6, |t, u, p, out| {
        out[0] = p[0] * u[1] - 0.3 * u[0] * u[0] + 0.2 * (p[3] * t).sin();
        out[1] = p[1] - p[2] * u[1] * u[0] - 0.4 * u[1];
    })
    .curved()
}

const U0: [f64; 2] = [0.7, 0.4];
const P: [f64; 6] = [1.1, 0.9, 0.6, 1.3, 0.8, 0.9];

#[test]
fn implicit_steps_have_second_derivatives() {
    // At the start, within steps, at the ends of both.
    let (system, saves) = (swing(), [0.0, 0.13, 0.3, 0.47, 0.6]);
    let case = Case { system: &system, t1: 0.6, u0: &U0, p: &P, saves: &saves };
    case.check("plain", &IMPLICIT);
}

#[test]
fn crossings_and_changes_have_second_derivatives() {
    let system = swing()
        .roots(1, |t, u, p, out| out[0] = u[0] + 0.1 * t * p[4] - p[5] * p[5])
        .event(crossing(0, Crossing::Both), |t, u, p, out| {
            out[0] = 0.6 * u[0] * p[4] + 0.05 * t;
            out[1] = u[1] + 0.2 * u[0] * p[5];
        });
    let saves = [0.0, 0.13, 0.3, 0.34, 0.55, 0.6];
    // The condition passes 0 between 0.3 and 0.6.
    let p = [1.1, 0.9, 0.6, 1.3, 0.8, 0.94];
    let case = Case { system: &system, t1: 0.6, u0: &U0, p: &p, saves: &saves };
    case.check("crossing", &IMPLICIT);
    case.check("crossing", &EXPLICIT);
}

#[test]
fn doses_at_times_that_are_parameters_have_second_derivatives() {
    let system = swing().times(1, |p, out| out[0] = 0.5 * p[5] * p[5]).event(
        Trigger::At(0..1),
        |t, u, p, out| {
            out[0] = u[0] + p[4] * (1.0 + 0.1 * t) + 0.1 * u[1] * u[0];
        },
    );
    let saves = [0.0, 0.13, 0.3, 0.34, 0.55, 0.6];
    let case = Case { system: &system, t1: 0.6, u0: &U0, p: &P, saves: &saves };
    case.check("dose", &IMPLICIT);
    case.check("dose", &EXPLICIT);
}

#[test]
fn several_events_over_steps_as_solvers_choose_them_have_a_symmetric_hessian() {
    let system = swing()
        .roots(1, |_, u, p, out| out[0] = u[0] - p[5])
        .times(2, |p, out| (out[0], out[1]) = (0.7 * p[4], 0.4 * p[3]))
        .event(crossing(0, Crossing::Both), |_, u, p, out| out[0] = 0.5 * u[0] * p[4])
        .event(Trigger::Every { period: 0, from: 1, count: None }, |t, u, p, out| {
            out[1] = u[1] + 0.3 * p[5] * u[0] + 0.02 * t;
        });
    let saves = spread(0.0, 4.0, 11);
    let case = Case { system: &system, t1: 4.0, u0: &U0, p: &P, saves: &saves };
    let settings = Settings::with_tolerances(1e-4, 1e-5);
    let (v, w) = (case.direction(0.4), case.direction(2.0));
    let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
    for name in IMPLICIT.into_iter().chain(EXPLICIT) {
        let (first, by_v, _) = case.product(name, &settings, &v).unwrap();
        let (_, by_w, _) = case.product(name, &settings, &w).unwrap();
        let off = relative_distance(&first, &case.gradient(name, &settings, &v, 0.0));
        assert!(off < 1e-10, "{name}: gradients are off by {off:e}");
        let size: f64 = w.iter().zip(&by_v).map(|(w, x)| (w * x).abs()).sum();
        let off = (dot(&w, &by_v) - dot(&v, &by_w)).abs() / size;
        assert!(off < 1e-9, "{name}: {off:e}");
    }
}

#[test]
fn what_has_no_second_derivative_is_refused() {
    let settings = Settings::with_tolerances(1e-6, 1e-8);
    let refusal = |system: &System, saves: &[f64]| {
        let case = Case { system, t1: 1.0, u0: &U0, p: &P, saves };
        case.product("kencarp4", &settings, &case.direction(0.4)).unwrap_err().to_string()
    };
    let timed = swing()
        .times(1, |p, out| out[0] = 0.5 * p[5] + 0.05)
        .event(Trigger::At(0..1), |_, u, p, out| out[0] = u[0] + p[4]);
    let at_once = refusal(&timed, &[0.5, 1.0]);
    assert!(at_once.contains("exactly at the instant"), "{at_once}");
    let massive = swing().mass(|_, out| {
        out.iter_mut().enumerate().for_each(|(i, x)| x.v = f64::from(u8::from(i % 3 == 0)));
    });
    let mass = refusal(&massive, &[1.0]);
    assert!(mass.contains("mass matrix"), "{mass}");
}
