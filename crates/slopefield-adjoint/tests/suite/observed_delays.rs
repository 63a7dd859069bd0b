//! Losses of delayed values at the save times: against closed forms, dual numbers on the same steps and
//! differences of the same steps.
use crate::common;

use common::delayed::Delayed;
use common::dual::{D, System, c, crossing};
use common::{Hybrid, hybrid_gradient, relative_distance, spread};
use slopefield_adjoint::{
    GaussAdjoint, GradientMethod, HybridAdjoint, HybridForward, ImplicitHybridAdjoint,
    ImplicitHybridSensitivity,
};
use slopefield_kernel::{Crossing, Trigger};
use slopefield_solve::runge_kutta::{DP5, TSIT5, VERN7};
use slopefield_solve::{Ivp, SolveError, Step, StepObserver, Stepper, delay_method, drive, method};

fn explicit(table: &'static slopefield_solve::Tableau) -> [Box<dyn GradientMethod>; 2] {
    [Box::new(HybridAdjoint::new(table)), Box::new(HybridForward::new(table))]
}

fn implicit(name: &str) -> [Box<dyn GradientMethod>; 2] {
    [
        Box::new(ImplicitHybridAdjoint::named(name).expect("an implicit method")),
        Box::new(ImplicitHybridSensitivity::named(name).expect("an implicit method")),
    ]
}

/// Compares a method, and the derivatives of the rows themselves, with what is expected.
#[track_caller]
fn agrees(
    what: &str,
    mut method: Box<dyn GradientMethod>,
    case: &Hybrid<'_>,
    expected: &[f64],
    allowed: f64,
) {
    assert!(method.show_delayed(), "{what}");
    let found = hybrid_gradient(&mut *method, case).unwrap_or_else(|e| panic!("{what}: {e}"));
    let off = relative_distance(&found, expected);
    let name = method.name();
    assert!(off < allowed, "{what}, {name}: off by {off:e}\n{found:?}\n{expected:?}");
    let (n, width) = (case.u0.len(), case.system.all());
    let columns = n + case.p.len();
    let mut rows = vec![0.0; case.saves.len() * width];
    let mut jacobian = vec![f64::NAN; rows.len() * columns];
    let mut states = method.state_sensitivities().expect("a method that goes step by step");
    let (ivp, settings) = (case.ivp(), case.settings());
    states.states_and_jacobian(&ivp, &settings, case.saves, &mut rows, &mut jacobian).unwrap();
    let mut weights = vec![0.0; rows.len()];
    common::reached_squares(&rows, &mut weights);
    let reached = |w: f64| if w.is_finite() { w } else { 0.0 };
    let contracted: Vec<f64> = (0..columns)
        .map(|j| {
            let rows = weights.iter().zip(jacobian.chunks_exact(columns));
            rows.map(|(w, row)| reached(*w) * row[j]).sum()
        })
        .collect();
    let off = relative_distance(&contracted, &expected[1..]);
    assert!(off < allowed, "{what}, rows: off by {off:e}\n{contracted:?}\n{expected:?}");
}

/// u' = a u(t − τ) with the history b; parameters a, τ, b.
fn one_delay() -> System {
    System::new(1, 3, |_, u, p, out| out[0] = p[0] * u[1])
        .delayed(
            &[(0, 0, false)],
            &[true],
            |_, _, p, out| out[0] = p[1],
            |_, _, p, out| out[0] = p[2],
        )
        .jumps_at_start()
        .curved()
}

#[test]
fn a_value_behind_a_constant_lag_has_the_derivatives_of_its_polynomials() {
    let system = one_delay();
    let (u0, p, saves) = ([1.3], [-0.8, 1.1, 0.4], [0.3, 1.4, 1.9, 2.1]);
    // Up to τ the solution is u0 + a b t, and then a polynomial of degree 2.
    let solution = |t: D, u0: D, p: &[D]| match t.v {
        t if t < 0.0 => p[2],
        s if s < 1.1 => u0 + p[0] * p[2] * t,
        _ => {
            let late = t - p[1];
            u0 + p[0] * p[2] * p[1] + p[0] * (u0 * late + 0.5 * (p[0] * p[2]) * late.powi(2))
        }
    };
    let row = |t: f64, u0: D, p: &[D], start: D| {
        // The equation knows no time: a later start is an earlier time.
        let t = c(t) - start;
        [solution(t, u0, p), solution(t - p[1], u0, p)]
    };
    let constants = [c(p[0]), c(p[1]), c(p[2])];
    let rows: Vec<f64> =
        saves.iter().flat_map(|&t| row(t, c(u0[0]), &constants, c(0.0)).map(|x| x.v)).collect();
    let mut weights = vec![0.0; rows.len()];
    common::reached_squares(&rows, &mut weights);
    let expected: Vec<f64> = (0..5)
        .map(|index| {
            let seed = |i: usize, v: f64| D { v, d: f64::from(u8::from(i == index)) };
            let p: Vec<D> = p.iter().enumerate().map(|(i, &v)| seed(2 + i, v)).collect();
            let rows = saves.iter().flat_map(|&t| row(t, seed(1, u0[0]), &p, seed(0, 0.0)));
            rows.zip(&weights).map(|(x, w)| w * x.d).sum()
        })
        .collect();
    let span = (0.0, 2.1);
    let case = Hybrid { system: &system, span, u0: &u0, p: &p, saves: &saves, tolerance: 1e-8 };
    for table in [&TSIT5, &DP5, &VERN7] {
        for method in explicit(table) {
            agrees(table.id, method, &case, &expected, 1e-10);
        }
    }
    for name in ["rodas5p", "kencarp4", "radau"] {
        for method in implicit(name) {
            agrees(name, method, &case, &expected, 1e-9);
        }
    }
}

/// Two lags, one that moves with the state, with events that read the past.
fn moving() -> System {
    System::new(2, 6, |t, u, p, out| {
        out[0] = p[0] * u[2] - u[0] * u[3] + 0.2 * t.sin();
        out[1] = 0.5 * u[0] - p[1] * u[1] + 0.1 * u[2];
    })
    .delayed(
        &[(0, 0, false), (1, 1, false)],
        &[true, false],
        |t, u, p, out| (out[0], out[1]) = (p[2], 0.5 * p[3] * p[3] + 0.1 * t.sin() * u[0]),
        |t, _, p, out| (out[0], out[1]) = (p[4] + 0.3 * p[5] * t, 0.5 * p[4].exp()),
    )
}

#[test]
fn they_have_the_derivatives_of_the_same_explicit_steps() {
    let eventful = moving()
        .roots(1, |_, u, p, out| out[0] = u[0] + 0.4 * u[3] - 1.1 * p[4])
        .times(2, |p, out| (out[0], out[1]) = (1.3 * p[1], 0.5 * p[5]))
        .event(crossing(0, Crossing::Both), |_, u, p, out| out[1] = 0.7 * u[1] + 0.1 * u[2] * p[5])
        .event(Trigger::Every { period: 0, from: 1, count: None }, |t, u, p, out| {
            out[0] = u[0] + 0.2 * p[0] * u[2] + 0.02 * t;
        });
    let neutral = System::new(1, 4, |t, u, p, out| {
        out[0] = p[0] * u[2] - p[1] * u[1] * u[0] + 0.3 * t.cos();
    })
    .delayed(
        &[(0, 0, false), (0, 0, true)],
        &[true],
        |_, _, p, out| out[0] = p[2],
        |t, _, p, out| out[0] = p[3] + 0.2 * t,
    );
    // One save is at the instant of an event at a time of the model.
    let saves = [0.0, 0.3, 0.55, 0.9, 1.7, 2.6, 3.1, 4.4];
    let p = [0.9, 0.8, 0.77, 1.3, 0.8, 1.1];
    let short = [0.4, 0.7, 0.9, 0.6];
    // Where lags that move pass discontinuities the solver ends its steps within 1e-9 of their length, and
    // dual numbers exactly.
    for (what, system, u0, p, allowed) in [
        ("lags", &moving(), &[1.2, 0.3][..], &p[..], 1e-8),
        ("events", &eventful, &[1.2, 0.3], &p, 1e-8),
        ("neutral", &neutral, &[0.6], &short, 1e-9),
    ] {
        let span = (0.0, 4.4);
        let case = Hybrid { system, span, u0, p, saves: &saves, tolerance: 1e-5 };
        for table in [&TSIT5, &DP5, &VERN7] {
            let expected = case.replayed_rows(table, false, true);
            for method in explicit(table) {
                agrees(&format!("{what} by {}", table.id), method, &case, &expected, allowed);
            }
        }
    }
}

#[test]
fn they_have_the_derivatives_of_the_same_implicit_steps() {
    let lags = System::new(2, 6, |_, u, p, out| {
        out[0] = p[0] * u[2] * (1.0 - 0.4 * u[0]) - 0.1 * u[3];
        out[1] = p[4] * (u[0] - u[1]);
    })
    .delayed(
        &[(1, 0, false), (0, 1, false)],
        &[false, true],
        |t, _, p, out| (out[0], out[1]) = (p[1] + 0.1 * p[2] * t.sin(), 0.6 * p[5]),
        |t, _, p, out| (out[0], out[1]) = (p[3] * (1.0 + 0.2 * t), p[3] * (1.0 - 0.1 * t)),
    )
    .curved();
    let eventful = System::new(2, 6, |t, u, p, out| {
        out[0] = p[0] * u[2] - 8.0 * u[0] * u[3] + 0.2 * t.sin();
        out[1] = 0.5 * u[0] - p[1] * u[1] + 0.1 * u[2];
    })
    .delayed(
        &[(0, 0, false), (1, 1, false)],
        &[true, true],
        |_, _, p, out| (out[0], out[1]) = (p[2], 0.5 * p[3] * p[3]),
        |t, _, p, out| (out[0], out[1]) = (p[4] + 0.3 * p[5] * t, 0.5 * p[4].exp()),
    )
    .curved()
    .jumps_at_start()
    .roots(1, |_, u, p, out| out[0] = u[1] + 0.4 * u[2] - 0.625 * p[4])
    .event(crossing(0, Crossing::Falling), |_, u, p, out| {
        out[0] = u[0] + 0.3 * u[3] * p[5];
        out[1] = 0.7 * u[1] + 0.1 * u[2];
    });
    let (p, q) = ([-1.1, 1.2, 0.7, 0.9, 12.0, 1.1], [3.0, 0.8, 0.77, 1.1, 0.8, 1.1]);
    for (what, system, t1, u0, p) in
        [("lags", &lags, 4.0, [0.6, 0.8], p), ("events", &eventful, 1.2, [1.2, 0.3], q)]
    {
        let (saves, span) = (spread(0.0, t1, 7), (0.0, t1));
        let case = Hybrid { system, span, u0: &u0, p: &p, saves: &saves, tolerance: 1e-5 };
        for name in ["rosenbrock23", "rodas5p", "trbdf2", "kencarp4", "radau"] {
            let mut again = Delayed::new(&case, name);
            again.wide = true;
            assert!(what == "lags" || again.events() > 0, "no event by {name}");
            let expected = again.gradient();
            for method in implicit(name) {
                agrees(&format!("{what} by {name}"), method, &case, &expected, 1e-9);
            }
        }
    }
}

/// The delayed values that a solver itself has at the saves.
struct Shown<'a> {
    ivp: Ivp<'a>,
    saves: &'a [f64],
    rows: Vec<Vec<f64>>,
}

impl StepObserver for Shown<'_> {
    fn accepted(&mut self, step: &Step, solution: &mut dyn Stepper) -> Result<(), SolveError> {
        let reads = self.ivp.rhs.shape().states - self.ivp.u0.len();
        while let Some(&t) = self.saves.get(self.rows.len())
            && t <= step.t
        {
            let mut row = vec![0.0; reads];
            solution.delayed(&self.ivp, t, &mut row)?;
            self.rows.push(row);
        }
        Ok(())
    }
}

#[test]
fn they_are_the_values_of_the_solve() {
    let (system, saves) = (moving().curved(), spread(0.0, 4.0, 14));
    let p = [0.9, 0.8, 0.77, 1.3, 0.8, 1.1];
    let span = (0.0, 4.0);
    let case =
        Hybrid { system: &system, span, u0: &[1.2, 0.3], p: &p, saves: &saves, tolerance: 1e-7 };
    let explicit = HybridAdjoint::new(&TSIT5);
    let implicit = ImplicitHybridAdjoint::named("rodas5p").unwrap();
    let both: [(&str, Box<dyn GradientMethod>); 2] =
        [("tsit5", Box::new(explicit)), ("rodas5p", Box::new(implicit))];
    for (name, mut method) in both {
        let mut shown = Shown { ivp: case.ivp(), saves: &saves, rows: Vec::new() };
        let mut states = vec![0.0; 2 * saves.len()];
        let mut stepper = delay_method(name).unwrap();
        let observer = Some(&mut shown as &mut dyn StepObserver);
        drive(&mut *stepper, &case.ivp(), &case.settings(), &saves, &mut states, observer).unwrap();
        assert!(method.show_delayed());
        let mut rows = Vec::new();
        let (mut by_u0, mut by_p) = ([0.0; 2], [0.0; 6]);
        let mut loss = |found: &[f64], _: &mut [f64]| {
            rows = found.to_vec();
            0.0
        };
        let (ivp, settings) = (case.ivp(), case.settings());
        method.evaluate(&ivp, &settings, &saves, &mut loss, &mut by_u0, &mut by_p).unwrap();
        for (row, solved) in rows.chunks_exact(4).zip(&shown.rows) {
            for (a, b) in row[2..].iter().zip(solved) {
                assert!((a - b).abs() < 1e-11, "{name}: {row:?} {solved:?}");
            }
        }
        assert_eq!(shown.rows.len(), saves.len());
    }
}

#[test]
fn methods_that_cannot_show_them_say_so() {
    assert!(!GaussAdjoint::new(method("tsit5").unwrap()).show_delayed());
}
