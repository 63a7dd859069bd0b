//! Differential–algebraic equations: consistent values, orders, references, and refusals.
use crate::common;
use crate::fixed;

use common::{distance, end_state};
use fixed::{equal_steps, slope};
use slopefield_kernel::{Kernel, Shape};
use slopefield_problems::{Equations, Function, Number, System};
use slopefield_solve::radau::Radau;
use slopefield_solve::sdirk::{DiagonallyImplicit, KENCARP4, KVAERNO5, TRBDF2};
use slopefield_solve::{Ivp, OneStep, Settings, SolveError, method, method_info};

/// `name: states, params, [(row, column, mass)]; |t, u, p| [right-hand sides]`.
macro_rules! systems {
    ($($name:ident: $n:literal, $m:literal, [$(($i:literal, $j:literal, $mass:expr)),*];
       |$t:ident, $u:ident, $p:ident| [$($f:expr),*];)*) => {$(
        struct $name;
        impl Function for $name {
            fn shape(&self) -> Shape {
                Shape { states: $n, params: $m, outputs: $n }
            }
            fn eval<N: Number>(
                &self,
                $t: N,
                $u: impl Fn(usize) -> N,
                $p: impl Fn(usize) -> N,
                mut out: impl FnMut(usize, N),
            ) {
                let _ = (&$t, &$p);
                for (i, f) in [$($f),*].into_iter().enumerate() {
                    out(i, f);
                }
            }
        }
        impl Equations for $name {
            fn mass(&self) -> Vec<(u32, u32, f64)> {
                vec![$(($i, $j, $mass)),*]
            }
        }
    )*};
}

const R: f64 = 9000.0;

fn diode<N: Number>(x: N) -> N {
    ((x / N::of(0.026)).exp() - N::of(1.0)) * 1e-6
}

systems! {
    Robertson: 3, 0, [(0, 0, 1.0), (1, 1, 1.0)];
    |t, u, p| [
        u(1) * u(2) * 1e4 - u(0) * 0.04,
        u(0) * 0.04 - u(1) * u(2) * 1e4 - u(1) * u(1) * 3e7,
        u(0) + u(1) + u(2) - N::of(1.0)
    ];
    Transistor: 8, 0, [
        (0, 0, -1e-6), (0, 1, 1e-6), (1, 0, 1e-6), (1, 1, -1e-6),
        (2, 2, -2e-6),
        (3, 3, -3e-6), (3, 4, 3e-6), (4, 3, 3e-6), (4, 4, -3e-6),
        (5, 5, -4e-6),
        (6, 6, -5e-6), (6, 7, 5e-6), (7, 6, 5e-6), (7, 7, -5e-6)
    ];
    |t, u, p| [
        (u(0) - (t * (200.0 * std::f64::consts::PI)).sin() * 0.1) / N::of(1000.0),
        (u(1) * 2.0 - N::of(6.0)) / N::of(R) + diode(u(1) - u(2)) * 0.01,
        u(2) / N::of(R) - diode(u(1) - u(2)),
        (u(3) - N::of(6.0)) / N::of(R) + diode(u(1) - u(2)) * 0.99,
        (u(4) * 2.0 - N::of(6.0)) / N::of(R) + diode(u(4) - u(5)) * 0.01,
        u(5) / N::of(R) - diode(u(4) - u(5)),
        (u(6) - N::of(6.0)) / N::of(R) + diode(u(4) - u(5)) * 0.99,
        u(7) / N::of(R)
    ];
    // Positions, velocities and tension; the twice differentiated constraint.
    Pendulum: 5, 0, [(0, 0, 1.0), (1, 1, 1.0), (2, 2, 1.0), (3, 3, 1.0)];
    |t, u, p| [
        u(2),
        u(3),
        -u(4) * u(0),
        -u(4) * u(1) - N::of(9.8),
        u(2) * u(2) + u(3) * u(3) - u(4) * (u(0) * u(0) + u(1) * u(1)) - u(1) * 9.8
    ];
    // With the solution (2 + sin t, exp(−t)).
    Known: 2, 0, [(0, 0, 1.0)];
    |t, u, p| [
        (-t).exp() + t.cos() - u(1),
        u(1) * (u(0) * 0.1 + N::of(1.0)) - (-t).exp() * (t.sin() * 0.1 + N::of(1.2))
    ];
    // (1, 1) decays with exp(−t/3), (1, −1) with exp(−t).
    Coupled: 2, 0, [(0, 0, 2.0), (0, 1, 1.0), (1, 0, 1.0), (1, 1, 2.0)];
    |t, u, p| [-u(0), -u(1)];
    // x' + y' = −x = −2y.
    Twice: 2, 0, [(0, 0, 1.0), (0, 1, 1.0), (1, 0, 1.0), (1, 1, 1.0)];
    |t, u, p| [-u(0), u(1) * -2.0];
    Logarithm: 2, 0, [(0, 0, 1.0)];
    |t, u, p| [-u(0), u(1).exp() - u(0)];
    Impossible: 2, 0, [(0, 0, 1.0)];
    |t, u, p| [-u(0), u(1) * u(1) + u(0)];
    IndexTwo: 2, 0, [(0, 0, 1.0)];
    |t, u, p| [u(1), u(0) - t.sin()];
    Undetermined: 3, 0, [(0, 0, 1.0)];
    |t, u, p| [-u(0), u(1) + u(2) - u(0), (u(1) + u(2) - u(0)) * 2.0];
}

const METHODS: [&str; 4] = ["radau", "kvaerno5", "kencarp4", "trbdf2"];

fn solve(
    name: &str,
    rhs: &dyn Kernel,
    u0: &[f64],
    t1: f64,
    settings: &Settings,
) -> Result<Vec<f64>, SolveError> {
    let ivp = Ivp { rhs, t0: 0.0, t1, u0, p: &[] };
    end_state(&mut *method(name).unwrap(), &ivp, settings).map(|(u, _)| u)
}

fn relative_error(u: &[f64], exact: &[f64]) -> f64 {
    u.iter().zip(exact).fold(0.0, |worst, (u, e)| worst.max(((u - e) / e).abs()))
}

/// The values a solve begins with.
fn consistent(rhs: &dyn Kernel, u0: &[f64]) -> Result<Vec<f64>, SolveError> {
    let ivp = Ivp { rhs, t0: 0.0, t1: 1.0, u0, p: &[] };
    let mut stepper = method("radau").unwrap();
    stepper.start(&ivp, &Settings::with_tolerances(1e-8, 1e-8))?;
    Ok(stepper.state().to_vec())
}

/// Test set for initial value problem solvers, release 2.4; all digits published.
const TRANSISTOR: [f64; 8] = [
    -0.5562145012262709e-2,
    3.006522471903042,
    2.849958788608128,
    2.926422536206241,
    2.704617865010554,
    2.761837778393145,
    4.770927631616772,
    1.236995868091548,
];

const TRANSISTOR_START: [f64; 8] = [0.0, 3.0, 3.0, 6.0, 3.0, 3.0, 6.0, 0.0];

#[test]
fn radau_gives_nine_digits_of_published_values() {
    let settings = Settings::with_tolerances(1e-11, 1e-13);
    let transistor = System::new(Transistor);
    let u = solve("radau", &transistor, &TRANSISTOR_START, 0.2, &settings).unwrap();
    let error = relative_error(&u, &TRANSISTOR);
    assert!(error < 1e-9, "{error:e}");

    let exact = [0.01786592114210, 7.274751468437e-8, 0.9821340061104];
    let settings = Settings::with_tolerances(1e-11, 1e-18);
    let robertson = System::new(Robertson);
    let u = solve("radau", &robertson, &[1.0, 0.0, 0.0], 1e5, &settings).unwrap();
    let error = relative_error(&u, &exact);
    assert!(error < 1e-9, "{error:e}");
    assert!((u[0] + u[1] + u[2] - 1.0).abs() < 1e-14);
}

#[test]
fn errors_fall_with_the_tolerance() {
    let (transistor, robertson) = (System::new(Transistor), System::new(Robertson));
    let kinetics = [0.01786592114210, 7.274751468437e-8, 0.9821340061104];
    for name in METHODS {
        let errors = [1e-4, 1e-6, 1e-8].map(|rtol| {
            let settings = Settings::with_tolerances(rtol, 1e-2 * rtol);
            let u = solve(name, &transistor, &TRANSISTOR_START, 0.2, &settings).unwrap();
            let of_transistor = relative_error(&u, &TRANSISTOR);
            let settings = Settings::with_tolerances(rtol, 1e-9 * rtol);
            let u = solve(name, &robertson, &[1.0, 0.0, 0.0], 1e5, &settings).unwrap();
            (of_transistor, relative_error(&u, &kinetics))
        });
        for pair in errors.windows(2) {
            assert!(pair[1].0 < 0.2 * pair[0].0, "{name}: {errors:?}");
            assert!(pair[1].1 < 0.2 * pair[0].1, "{name}: {errors:?}");
        }
        let bound = if name == "trbdf2" { 1e-4 } else { 1e-5 };
        assert!(errors[2].0 < bound && errors[2].1 < bound, "{name}: {errors:?}");
    }
}

/// A method, its id, and how many times as many steps as usual show its order.
type Case = (&'static str, fn() -> Box<dyn OneStep>, usize);

#[test]
fn methods_keep_their_orders_on_algebraic_equations() {
    let (pendulum, known) = (System::new(Pendulum), System::new(Known));
    let start = [0.6, -0.8, 0.8, 0.6, 8.84];
    let swing = Ivp { rhs: &pendulum, t0: 0.0, t1: 1.0, u0: &start, p: &[] };
    let mut fine = Radau::new();
    equal_steps(&mut fine, &swing, 1500);
    let end = OneStep::<f64>::end(&fine).to_vec();
    let exact = |t: f64| [2.0 + t.sin(), (-t).exp()];
    let methods: [Case; 4] = [
        ("radau", || Box::new(Radau::new()), 1),
        ("kvaerno5", || Box::new(DiagonallyImplicit::new(&KVAERNO5)), 1),
        ("kencarp4", || Box::new(DiagonallyImplicit::new(&KENCARP4)), 1),
        ("trbdf2", || Box::new(DiagonallyImplicit::new(&TRBDF2)), 4),
    ];
    for (name, make, refinement) in methods {
        let u0 = exact(0.0);
        let mut errors = Vec::new();
        let (mut differential, mut algebraic) = (Vec::new(), Vec::new());
        for steps in [40, 50, 60, 80, 100].map(|n| n * refinement) {
            let mut method = make();
            equal_steps(&mut *method, &swing, steps);
            errors.push((1.0 / steps as f64, distance(method.end(), &end)));
        }
        // One step from exact values; the first slopes of algebraic variables are found, too.
        for h in [0.08, 0.06, 0.05, 0.04, 0.03] {
            let one = Ivp { rhs: &known, t0: 0.0, t1: h, u0: &u0, p: &[] };
            let mut method = make();
            equal_steps(&mut *method, &one, 1);
            let mut worst = [0.0_f64; 2];
            for i in 1..8 {
                let t = h * f64::from(i) / 8.0;
                let mut u = [0.0; 2];
                method.interpolate(t, &mut u).unwrap();
                for (worst, (u, exact)) in worst.iter_mut().zip(u.iter().zip(exact(t))) {
                    *worst = worst.max((u - exact).abs());
                }
            }
            differential.push((h, worst[0]));
            algebraic.push((h, worst[1]));
        }
        let info = method_info(name).unwrap();
        let claim = f64::from(info.order);
        let order = slope(&errors);
        let dense = [slope(&differential), slope(&algebraic)];
        assert!((order - claim).abs() < 0.2, "{name}: {order} {errors:?}");
        let least = f64::from(info.dense_order) + 0.8;
        assert!(dense[0] > least, "{name}: {dense:?} {differential:?}");
        // Stages of diagonally implicit methods have order 2.
        let least = if name == "radau" { least } else { 2.8 };
        assert!(dense[1] > least, "{name}: {dense:?} {algebraic:?}");
    }
}

#[test]
fn mass_matrices_without_algebraic_equations() {
    let coupled = System::new(Coupled);
    let exact = |t: f64| [(-t / 3.0).exp() + (-t).exp(), (-t / 3.0).exp() - (-t).exp()];
    let settings = Settings::with_tolerances(1e-10, 1e-10);
    for name in METHODS {
        let u = solve(name, &coupled, &exact(0.0), 2.0, &settings).unwrap();
        let bound = if name == "trbdf2" { 1e-6 } else { 1e-8 };
        assert!(distance(&u, &exact(2.0)) < bound, "{name} {u:?}");
    }
}

#[test]
fn algebraic_values_are_found_and_others_stay() {
    // The tension of a pendulum: 0 where it starts at rest on a level with its pivot.
    let pendulum = System::new(Pendulum);
    let u = consistent(&pendulum, &[1.0, 0.0, 0.0, 0.0, 5.0]).unwrap();
    assert_eq!(u[..4], [1.0, 0.0, 0.0, 0.0]);
    assert!(u[4].abs() < 1e-12, "{u:?}");
    let u = consistent(&pendulum, &[0.6, -0.8, 0.8, 0.6, -3.0]).unwrap();
    assert_eq!(u[..4], [0.6, -0.8, 0.8, 0.6]);
    assert!((u[4] - (1.0 + 0.8 * 9.8)).abs() < 1e-12, "{u:?}");

    let robertson = System::new(Robertson);
    let u = consistent(&robertson, &[0.9, 1e-5, 0.7]).unwrap();
    assert_eq!(u[..2], [0.9, 1e-5]);
    assert!((u[2] - (0.1 - 1e-5)).abs() < 1e-15);

    // Values that are consistent stay to the last bit.
    let transistor = System::new(Transistor);
    assert_eq!(consistent(&transistor, &TRANSISTOR_START).unwrap(), TRANSISTOR_START);
    // Others move along what the mass matrix does not see: voltages of capacitors stay.
    let mut start = TRANSISTOR_START;
    start[6] += 0.3;
    let u = consistent(&transistor, &start).unwrap();
    assert!((u[6] - u[7] - 6.3).abs() < 1e-12 && (u[7] + 0.15).abs() < 1e-9, "{u:?}");
    assert_eq!(u[2], start[2]);

    // Newton's iteration alone would leave the numbers there are.
    let logarithm = System::new(Logarithm);
    for guess in [-8.0, -2.0, 5.0, 40.0] {
        let u = consistent(&logarithm, &[2.0, guess]).unwrap();
        assert!((u[1] - 2.0_f64.ln()).abs() < 1e-8, "{u:?}");
    }
}

#[test]
fn equations_that_say_the_same_of_derivatives_are_one_of_them() {
    // Twice the same row, and no row or column of zeros.
    let twice = System::new(Twice);
    let u = consistent(&twice, &[1.0, 1.0]).unwrap();
    assert!(distance(&u, &[4.0 / 3.0, 2.0 / 3.0]) < 1e-14, "{u:?}");
    let settings = Settings::with_tolerances(1e-10, 1e-10);
    let exact = (-2.0_f64 / 3.0).exp();
    for name in METHODS {
        let u = solve(name, &twice, &[1.0, 0.5], 1.0, &settings).unwrap();
        let bound = if name == "trbdf2" { 1e-6 } else { 1e-9 };
        assert!(distance(&u, &[exact, 0.5 * exact]) < bound, "{name} {u:?}");
    }
}

#[test]
fn a_pendulum_swings_as_computed_elsewhere() {
    let settings = Settings::with_tolerances(1e-10, 1e-10);
    let pendulum = System::new(Pendulum);
    for name in ["radau", "kvaerno5"] {
        let u = solve(name, &pendulum, &[1.0, 0.0, 0.0, 0.0, 1.0], 10.0, &settings).unwrap();
        assert!(distance(&u[..2], &[0.29627170, -0.95510370]) < 2e-7, "{name} {u:?}");
    }
}

#[test]
fn impossible_and_undetermined_values_are_refused() {
    for name in METHODS {
        let settings = Settings::default();
        let refusal = |rhs: &dyn Kernel, u0: &[f64]| {
            solve(name, rhs, u0, 1.0, &settings).expect_err("it has no solution")
        };
        let error = refusal(&System::new(Impossible), &[1.0, 0.4]);
        let SolveError::Inconsistent { t, equation, residual } = error else {
            panic!("{name}: {error:?}");
        };
        assert!(t == 0.0 && equation == 1 && residual >= 1.0, "{name}: {residual}");
        let singular = SolveError::Singular { t: 0.0 };
        assert_eq!(refusal(&System::new(IndexTwo), &[0.0, 1.0]), singular, "{name}");
        assert_eq!(refusal(&System::new(Undetermined), &[1.0, 0.5, 0.0]), singular, "{name}");
        let error = refusal(&System::new(Logarithm), &[1.0, f64::MAX]);
        assert!(matches!(error, SolveError::NonFinite { state: 1, .. }), "{name}: {error:?}");
    }
    // Further on: the algebraic equation loses its solution when x < 0, at t = 1.
    let settings = Settings::default();
    for name in METHODS {
        let error = solve(name, &System::new(Vanishing), &[1.0, 1.0], 2.0, &settings).unwrap_err();
        let at = match error {
            SolveError::NotConverged { t, .. }
            | SolveError::Singular { t }
            | SolveError::StepTooSmall { t, .. } => t,
            other => panic!("{name}: {other:?}"),
        };
        assert!((at - 1.0).abs() < 0.01, "{name}: {at}");
    }
}

systems! {
    // z² = x with x = 1 − t.
    Vanishing: 2, 0, [(0, 0, 1.0)];
    |t, u, p| [N::of(-1.0), u(1) * u(1) - u(0)];
}
