//! Delay equations against closed forms and published values.
use crate::common;

use common::distance;
use common::system::{System, crossing};
use slopefield_kernel::{Crossing, Trigger};
use slopefield_solve::{
    Ivp, Settings, SolveError, Stats, StepTimes, delay_method, delay_method_single, drive,
    drive_to_stop, method, methods,
};

fn solve(
    id: &str,
    system: &System,
    (t0, t1): (f64, f64),
    u0: &[f64],
    saves: &[f64],
    tolerance: f64,
) -> Result<(Vec<f64>, Stats), SolveError> {
    let mut out = vec![0.0; saves.len() * u0.len()];
    let ivp = Ivp { rhs: system, t0, t1, u0, p: &[] };
    let mut stepper = delay_method(id).unwrap();
    let settings =
        Settings { max_steps: 200_000, ..Settings::with_tolerances(tolerance, tolerance) };
    let stats = drive(&mut *stepper, &ivp, &settings, saves, &mut out, None)?;
    Ok((out, stats))
}

/// Solves at tightening tolerances: the error must stay below `factor` times the tolerance.
#[track_caller]
fn check(
    what: &str,
    id: &str,
    system: &System,
    span: (f64, f64),
    u0: &[f64],
    exact: &[(f64, &[f64])],
    factor: f64,
) {
    let saves: Vec<f64> = exact.iter().map(|at| at.0).collect();
    let expected: Vec<f64> = exact.iter().flat_map(|at| at.1.iter().copied()).collect();
    for tolerance in [1e-5, 1e-8, 1e-10] {
        let (out, stats) = solve(id, system, span, u0, &saves, tolerance)
            .unwrap_or_else(|error| panic!("{what} by {id} at {tolerance:e}: {error}"));
        let error = distance(&out, &expected);
        assert!(
            error <= factor * tolerance,
            "{what} by {id} at {tolerance:e}: error {error:e}, {out:?}, {stats:?}"
        );
        assert!(stats.accepted + stats.rejected < 20_000, "{what} by {id}: {stats:?}");
    }
}

fn constant_history(values: &'static [f64]) -> impl Fn(f64, &[f64], &[f64], &mut [f64]) {
    move |_, _, _, out| out.copy_from_slice(values)
}

/// u' = −u(t − 1), 0 before the start, 1 at it.
fn one_delay() -> System {
    System::delayed(
        1,
        0,
        |_, u, _, out| out[0] = -u[1],
        &[(0, 0, false)],
        &[true],
        |_, _, _, out| out[0] = 1.0,
        constant_history(&[0.0]),
    )
    .jumps_at_start()
}

/// Its solution, piece by piece: on [k, k + 1] a polynomial in t − k, whose slope is minus the
/// piece before.
fn one_delay_exact(t: f64) -> f64 {
    let mut piece = vec![1.0];
    let last = (t.floor() as usize).min(t.ceil() as usize - usize::from(t.fract() > 0.0));
    for _ in 0..last {
        let end: f64 = piece.iter().sum();
        let integral = piece.iter().enumerate().map(|(k, c)| -c / (k as f64 + 1.0));
        piece = std::iter::once(end).chain(integral).collect();
    }
    let x = t - last as f64;
    piece.iter().rev().fold(0.0, |sum, c| sum * x + c)
}

#[test]
fn a_constant_delay_gives_piecewise_polynomials_to_rounding() {
    assert_eq!(one_delay_exact(1.5), 0.5);
    assert_eq!(one_delay_exact(2.5), 4.0 - 7.5 + 3.125);
    // Degrees up to that of the dense output are exact, whatever the tolerance.
    let saves = [0.5, 1.0, 1.5, 2.0, 2.25, 3.0, 3.5, 4.0];
    let exact: Vec<f64> = saves.iter().map(|&t| one_delay_exact(t)).collect();
    for id in ["tsit5", "dp5", "vern6"] {
        let (out, _) = solve(id, &one_delay(), (0.0, 4.0), &[1.0], &saves, 1e-4).unwrap();
        assert!(distance(&out, &exact) < 1e-13, "{id}: {out:?} against {exact:?}");
    }
    let saves = [0.75, 3.3, 5.0, 7.7, 10.0];
    let exact: Vec<f64> = saves.iter().map(|&t| one_delay_exact(t)).collect();
    let exact: Vec<(f64, &[f64])> =
        saves.iter().zip(&exact).map(|(&t, u)| (t, std::slice::from_ref(u))).collect();
    for info in methods() {
        // The second-order method takes far too many steps at tight tolerances.
        if delay_method(info.id).is_some() && info.order > 2 {
            check("one delay", info.id, &one_delay(), (0.0, 10.0), &[1.0], &exact, 30.0);
        }
    }
}

#[test]
fn steps_end_on_the_discontinuities_that_matter() {
    let mut record = StepTimes::default();
    let system = one_delay();
    let ivp = Ivp { rhs: &system, t0: 0.0, t1: 20.0, u0: &[1.0], p: &[] };
    let settings = Settings::with_tolerances(1e-6, 1e-6);
    let mut stepper = delay_method("tsit5").unwrap();
    drive(&mut *stepper, &ivp, &settings, &[], &mut [], Some(&mut record)).unwrap();
    for k in 1..=6 {
        assert!(record.times.contains(&f64::from(k)), "{k} of {:?}", record.times);
    }
    assert!(!record.times.contains(&8.0), "the solution is smooth enough there");
}

#[test]
fn mackey_glass() {
    let system = System::delayed(
        1,
        0,
        |_, u, _, out| out[0] = 0.2 * u[1] / (1.0 + u[1].powi(10)) - 0.1 * u[0],
        &[(0, 0, false)],
        &[true],
        |_, _, _, out| out[0] = 14.0,
        constant_history(&[0.5]),
    );
    // Until t = 14 the delayed value is 1/2.
    let forced: f64 = 0.1 / (1.0 + 0.5_f64.powi(10));
    let at_14 = 10.0 * forced + (0.5 - 10.0 * forced) * (-1.4_f64).exp();
    for id in ["tsit5", "vern7", "rodas5p", "radau"] {
        let (out, _) =
            solve(id, &system, (0.0, 500.0), &[0.5], &[14.0, 100.0, 500.0], 1e-10).unwrap();
        assert!((out[0] - at_14).abs() < 1e-9, "{id}: {out:?}");
        for (found, published) in out.iter().zip([0.875_966_49, 0.828_187_75, 1.010_443_11]) {
            assert!((found - published).abs() < 1e-8, "{id}: {out:?}");
        }
    }
}

#[test]
fn hutchinson() {
    let system = System::delayed(
        1,
        0,
        |_, u, _, out| out[0] = 1.8 * u[0] * (1.0 - u[1]),
        &[(0, 0, false)],
        &[true],
        |_, _, _, out| out[0] = 1.0,
        constant_history(&[0.5]),
    );
    for id in ["tsit5", "bs3", "vern9", "radau", "kencarp4"] {
        let (out, _) = solve(id, &system, (0.0, 20.0), &[0.5], &[20.0], 1e-10).unwrap();
        assert!((out[0] - 0.205_300_62).abs() < 1e-8, "{id}: {out:?}");
    }
}

#[test]
fn lotka_volterra_with_a_delay() {
    for (p, published) in [
        ([2.2, 1.0, 2.0, 0.4], [1.213_370_12, 3.415_942_94]),
        ([1.5, 1.0, 3.0, 1.0], [0.160_917_31, 0.373_376_18]),
    ] {
        let system = System::delayed(
            2,
            4,
            |_, u, p, out| {
                out[0] = (p[0] - p[1] * u[1]) * u[2];
                out[1] = (p[2] * u[0] - p[3]) * u[1];
            },
            &[(0, 0, false)],
            &[true],
            |_, _, _, out| out[0] = 0.1,
            constant_history(&[1.0, 1.0]),
        );
        for id in ["tsit5", "vern7", "rodas5p", "radau", "kvaerno5"] {
            let ivp = Ivp { rhs: &system, t0: 0.0, t1: 10.0, u0: &[1.0, 1.0], p: &p };
            let mut out = [0.0; 2];
            let settings = Settings::with_tolerances(1e-10, 1e-10);
            let mut stepper = delay_method(id).unwrap();
            drive(&mut *stepper, &ivp, &settings, &[10.0], &mut out, None).unwrap();
            assert!(distance(&out, &published) < 1e-7, "{id}: {out:?} against {published:?}");
        }
    }
}

#[test]
fn a_delay_that_depends_on_time_and_vanishes() {
    // B1 of Enright and Hayashi: the solution is log t.
    let system = System::delayed(
        1,
        0,
        |_, u, _, out| out[0] = 1.0 - u[1],
        &[(0, 0, false)],
        &[false],
        |t, _, _, out| out[0] = t - (1.0 - 1.0 / t).exp(),
        |t, _, _, out| out[0] = t.ln(),
    );
    for id in ["tsit5", "bs3", "vern7", "radau"] {
        let exact: Vec<(f64, [f64; 1])> =
            [0.5, 1.0, 3.0, 10.0].map(|t: f64| (t, [t.ln()])).to_vec();
        let exact: Vec<(f64, &[f64])> = exact.iter().map(|(t, u)| (*t, &u[..])).collect();
        check("B1", id, &system, (0.1, 10.0), &[0.1_f64.ln()], &exact, 100.0);
    }
}

#[test]
fn a_right_hand_side_that_switches_on_a_delayed_value() {
    // B2: breaks at 2 ln 2, 2 ln 6, 2 ln 66.
    let system = System::delayed(
        1,
        0,
        |_, u, _, out| out[0] = -1.0 - u[0] + if u[1] < 0.0 { 2.0 } else { 0.0 },
        &[(0, 0, false)],
        &[false],
        |t, _, _, out| out[0] = 0.5 * t,
        constant_history(&[1.0]),
    );
    let first = |t: f64| 2.0 * (-t).exp() - 1.0;
    let second = |t: f64| 1.0 - 6.0 * (-t).exp();
    let third = |t: f64| 66.0 * (-t).exp() - 1.0;
    for id in ["tsit5", "bs3"] {
        let exact = [
            (1.0, &[first(1.0)][..]),
            (3.0, &[second(3.0)][..]),
            (5.0, &[third(5.0)][..]),
            (8.0, &[third(8.0)][..]),
        ];
        check("B2", id, &system, (0.0, 8.0), &[1.0], &exact, 100.0);
    }
}

#[test]
fn a_delay_that_depends_on_the_state() {
    // C1: no closed form; three methods of different kinds must agree.
    let system = System::delayed(
        1,
        0,
        |_, u, _, out| out[0] = -2.0 * u[1] * (1.0 - u[0] * u[0]),
        &[(0, 0, false)],
        &[false],
        |_, u, _, out| out[0] = 1.0 + u[0].abs(),
        constant_history(&[0.5]),
    );
    let saves = [5.0, 10.0, 20.0, 30.0];
    let run =
        |id: &str, tolerance| solve(id, &system, (0.0, 30.0), &[0.5], &saves, tolerance).unwrap().0;
    // The steep parts of the solution shift by some 10⁵ times the tolerance; at 2e-13 five explicit
    // methods agree to 1e-9.
    let reference = run("vern9", 2e-13);
    for (id, bound) in [("vern7", 5e-9), ("tsit5", 2e-8), ("radau", 2e-7)] {
        let error = distance(&run(id, 1e-12), &reference);
        assert!(error < bound, "{id}: {error:e} from {reference:?}");
        let loose = distance(&run(id, 1e-6), &reference);
        assert!(loose < 1e4 * 1e-6, "{id}: {loose:e}");
    }
}

#[test]
fn a_delay_that_depends_on_the_state_and_vanishes() {
    // D1: the solution is (log t, 1/t); the delay is 0 at t = 1.
    let system = System::delayed(
        2,
        0,
        |_, u, _, out| {
            out[0] = u[1];
            out[1] = -u[2] * u[1] * u[1] * (1.0 - u[1]).exp();
        },
        &[(1, 0, false)],
        &[false],
        |t, u, _, out| out[0] = t - (1.0 - u[1]).exp(),
        |t, _, _, out| out.copy_from_slice(&[t.ln(), 1.0 / t]),
    );
    for id in ["tsit5", "vern7", "radau"] {
        let exact: Vec<(f64, [f64; 2])> =
            [0.5, 1.0, 2.0, 5.0].map(|t: f64| (t, [t.ln(), 1.0 / t])).to_vec();
        let exact: Vec<(f64, &[f64])> = exact.iter().map(|(t, u)| (*t, &u[..])).collect();
        check("D1", id, &system, (0.1, 5.0), &[0.1_f64.ln(), 10.0], &exact, 2000.0);
    }
}

/// A neutral equation of one state that reads `u(s)` and `u'(s)` at `s = t − lag(t, u)`.
fn neutral(
    f: impl Fn(f64, f64, f64, f64) -> f64 + Send + Sync + 'static,
    lag: impl Fn(f64, f64) -> f64 + Send + Sync + 'static,
    history: impl Fn(f64) -> f64 + Send + Sync + 'static,
) -> System {
    System::delayed(
        1,
        0,
        move |t, u, _, out| out[0] = f(t, u[0], u[1], u[2]),
        &[(0, 0, false), (0, 0, true)],
        &[false],
        move |t, u, _, out| out[0] = lag(t, u[0]),
        move |t, _, _, out| out[0] = history(t),
    )
}

const BOTH: [&str; 2] = ["tsit5", "vern7"];

fn check_neutral(
    what: &str,
    methods: &[&str],
    system: &System,
    t1: f64,
    exact: impl Fn(f64) -> f64,
    factor: f64,
) {
    for id in methods {
        let points: Vec<(f64, [f64; 1])> =
            [0.25, 0.5, 0.75, 1.0].iter().map(|x| (x * t1, [exact(x * t1)])).collect();
        let points: Vec<(f64, &[f64])> = points.iter().map(|(t, u)| (*t, &u[..])).collect();
        check(what, id, system, (0.0, t1), &[exact(0.0)], &points, factor);
    }
}

#[test]
fn neutral_equations_with_vanishing_delays() {
    let f1 = neutral(
        |t, _, z, dz| {
            2.0 * (2.0 * t).cos() * z.powf(2.0 * t.cos()) + dz.ln() - (2.0 * t.cos()).ln() - t.sin()
        },
        |t, _| 0.5 * t,
        |t| (2.0 * t).sin().exp(),
    );
    check_neutral("F1", &BOTH, &f1, 1.0, |t| (2.0 * t).sin().exp(), 1000.0);
    for (what, weight) in [("F3", 0.2), ("F4", 0.4), ("F5", 0.6)] {
        let alpha = |t: f64| 0.5 * t * (1.0 - (2.0 * std::f64::consts::PI * t).cos());
        let system = neutral(
            move |t, u, _, dz| (-u).exp() + weight * (dz.sin() - (1.0 / (3.0 + alpha(t))).sin()),
            move |t, _| t - alpha(t),
            |t| (t + 3.0).ln(),
        );
        // Delays vanish at 1/2, 3/2, …, where u' depends on itself with this weight. Interpolants of
        // high order amplify that, and repetitions stop converging above some weight.
        let methods = if weight > 0.5 { &["tsit5"][..] } else { &["tsit5", "vern7"] };
        check_neutral(what, methods, &system, 10.0, |t| (t + 3.0).ln(), 1000.0);
    }
}

#[test]
fn neutral_equations_with_state_dependent_delays() {
    let g1 = neutral(|_, _, _, dz| -dz, |_, u| 0.25 * u * u, |t| 1.0 - t);
    // At t = 1 the delayed time touches the start, where an error of the solution decides which way
    // it goes on; so the solution is known to half the digits only from there on.
    check_neutral("G1", &BOTH, &g1, 0.9, |t| t + 1.0, 100.0);
    let g2 = neutral(|_, _, _, dz| -dz, |t, u| t - (u - 2.0), |t| 1.0 - t);
    check_neutral("G2", &BOTH, &g2, 1.0, |t| t + 1.0, 100.0);
    let h1 = neutral(
        |t, u, _, dz| {
            let log = (2.0 * t).cos().ln();
            -4.0 * t * u * u / (4.0 + log * log) + (2.0 * t).tan() + 0.5 * dz.atan()
        },
        |t, u| t - t * u * u / (1.0 + u * u),
        |_| 0.0,
    );
    let t1 = 0.225 * std::f64::consts::PI;
    check_neutral("H1", &BOTH, &h1, t1, |t| -0.5 * (2.0 * t).cos().ln(), 1000.0);
    for (what, weight) in [("H2", 0.1), ("H3", 0.3), ("H4", 0.5)] {
        let system = neutral(
            move |t, u, z, dz| {
                let s = t * t.sin().powi(2);
                t.cos() * (1.0 + z) + weight * u * dz + (1.0 - weight) * t.sin() * s.cos()
                    - (t + s).sin()
            },
            |t, u| t - t * u * u,
            |t| t,
        );
        check_neutral(what, &BOTH, &system, std::f64::consts::PI, f64::sin, 1000.0);
    }
}

#[test]
fn a_neutral_equation_keeps_its_kinks() {
    // u' = u'(t − 1) with u = t² before 0, continued from u(0) = 0: u' repeats 2(t − k − 1) on each
    // interval, and jumps at every whole number.
    let system = System::delayed(
        1,
        0,
        |_, u, _, out| out[0] = u[1],
        &[(0, 0, true)],
        &[true],
        |_, _, _, out| out[0] = 1.0,
        |t, _, _, out| out[0] = t * t,
    );
    let exact = |t: f64| {
        let x = t - t.floor();
        -t.floor() + (x * x - 2.0 * x)
    };
    // Slopes of interpolants of high degree lose some digits to rounding, twenty times over.
    for (id, rounding) in [("tsit5", 1e-11), ("bs3", 1e-12), ("vern6", 1e-9)] {
        let saves = [0.5, 1.5, 6.25, 19.75];
        let (out, _) = solve(id, &system, (0.0, 20.0), &[0.0], &saves, 1e-6).unwrap();
        let exact: Vec<f64> = saves.iter().map(|&t| exact(t)).collect();
        assert!(distance(&out, &exact) < rounding, "{id}: {out:?} against {exact:?}");
    }
}

#[test]
fn steps_may_be_longer_than_the_delay() {
    // u' = −u(t − τ) has the solution e^{λt} with λ = −e^{−λτ}.
    let tau = 0.01_f64;
    let mut lambda = -1.0_f64;
    for _ in 0..50 {
        lambda = -(-lambda * tau).exp();
    }
    let system = System::delayed(
        1,
        0,
        |_, u, _, out| out[0] = -u[1],
        &[(0, 0, false)],
        &[true],
        move |_, _, _, out| out[0] = tau,
        move |t, _, _, out| out[0] = (lambda * t).exp(),
    );
    for id in ["tsit5", "bs3", "vern7", "rodas5p", "radau", "kvaerno5"] {
        let (out, stats) = solve(id, &system, (0.0, 5.0), &[1.0], &[2.5, 5.0], 1e-7).unwrap();
        let exact = [(2.5 * lambda).exp(), (5.0 * lambda).exp()];
        assert!(distance(&out, &exact) < 1e-6, "{id}: {out:?} against {exact:?}");
        assert!(stats.accepted < 300, "{id} must step over the delay: {stats:?}");
    }
}

#[test]
fn a_delay_of_nothing_is_no_delay() {
    let system = System::delayed(
        1,
        0,
        |_, u, _, out| out[0] = -2.0 * u[1] + u[0],
        &[(0, 0, false)],
        &[true],
        |_, _, _, out| out[0] = 0.0,
        constant_history(&[1.0]),
    );
    for id in ["tsit5", "radau", "rodas5p"] {
        let (out, _) = solve(id, &system, (0.0, 3.0), &[1.0], &[3.0], 1e-9).unwrap();
        assert!((out[0] - (-3.0_f64).exp()).abs() < 1e-8, "{id}: {out:?}");
    }
}

#[test]
fn a_stiff_equation_with_a_delay() {
    // u' = −1000 (u − cos t) + u(t − 1) − cos(t − 1) − sin t has the solution cos t.
    let system = System::delayed(
        1,
        0,
        |t, u, _, out| {
            out[0] = -1000.0 * (u[0] - t.cos()) + u[1] - (t - 1.0).cos() - t.sin();
        },
        &[(0, 0, false)],
        &[true],
        |_, _, _, out| out[0] = 1.0,
        |t, _, _, out| out[0] = t.cos(),
    );
    for id in ["rodas5p", "rodas4p", "radau", "kencarp4"] {
        let (out, stats) = solve(id, &system, (0.0, 10.0), &[1.0], &[10.0], 1e-7).unwrap();
        assert!((out[0] - 10.0_f64.cos()).abs() < 1e-6, "{id}: {out:?}");
        assert!(stats.accepted < 400, "{id}: {stats:?}");
    }
}

#[test]
fn events_enter_the_past() {
    // u' = −u(t − 1) from 1, with 1 added at t = 1/2: the jump comes back as a kink at 3/2.
    let system = System::delayed(
        1,
        0,
        |_, u, _, out| out[0] = -u[1],
        &[(0, 0, false)],
        &[true],
        |_, _, _, out| out[0] = 1.0,
        constant_history(&[1.0]),
    )
    .times(&[0.5])
    .event(Trigger::At(0..1), |_, _, out| out[0] += 1.0);
    for id in ["tsit5", "bs3", "radau"] {
        let mut record = StepTimes::default();
        let ivp = Ivp { rhs: &system, t0: 0.0, t1: 2.0, u0: &[1.0], p: &[] };
        let mut out = [0.0; 4];
        let settings = Settings::with_tolerances(1e-6, 1e-6);
        let mut stepper = delay_method(id).unwrap();
        let saves = [0.5, 1.0, 1.5, 2.0];
        drive(&mut *stepper, &ivp, &settings, &saves, &mut out, Some(&mut record)).unwrap();
        assert!(distance(&out, &[1.5, 1.0, 0.625, 0.0]) < 1e-12, "{id}: {out:?}");
        assert!(record.times.contains(&1.5), "{id}: {:?}", record.times);
    }
}

#[test]
fn events_within_a_step_cut_the_past() {
    // u = t and its delayed value t − 1; u is reset to 0 when the delayed value passes 1/4.
    let system = System::delayed(
        1,
        0,
        |_, _, _, out| out[0] = 1.0,
        &[(0, 0, false)],
        &[true],
        |_, _, _, out| out[0] = 1.0,
        |t, _, _, out| out[0] = t,
    )
    .roots(2, |_, u, _, out| out.copy_from_slice(&[u[1] - 0.25, u[0] - 0.5]))
    .event(crossing(0, Crossing::Rising), |_, _, out| out[0] = 0.0)
    .watch(crossing(1, Crossing::Rising))
    .stop(Trigger::At(0..1))
    .times(&[2.8]);
    for id in ["tsit5", "bs3"] {
        let ivp = Ivp { rhs: &system, t0: 0.0, t1: 9.0, u0: &[0.0], p: &[] };
        let mut out = [0.0; 3];
        let settings = Settings::with_tolerances(1e-8, 1e-8);
        let mut stepper = delay_method(id).unwrap();
        let saves = [1.0, 2.0, 2.75];
        let outcome =
            drive_to_stop(&mut *stepper, &ivp, &settings, &saves, &mut out, None).unwrap();
        // Resets at 1.25 and, after the delayed value has fallen to 0 at 2.25, at 2.5.
        assert!(distance(&out, &[1.0, 0.75, 0.25]) < 1e-9, "{id}: {out:?}");
        assert_eq!(outcome.stop.unwrap().t, 2.8);
        assert_eq!(outcome.stats.events, 2 + 2 + 1, "{id}");
    }
}

#[test]
fn a_ball_that_comes_to_rest_is_a_storm_with_delays_too() {
    let system = System::delayed(
        2,
        0,
        |_, u, _, out| out.copy_from_slice(&[u[1], -9.8 + 0.01 * (u[2] - u[0])]),
        &[(0, 0, false)],
        &[true],
        |_, _, _, out| out[0] = 0.5,
        constant_history(&[5.0, 0.0]),
    )
    .roots(1, |_, u, _, out| out[0] = u[0])
    .event(crossing(0, Crossing::Falling), |_, u, out| out.copy_from_slice(&[0.0, -0.5 * u[1]]));
    let found = solve("tsit5", &system, (0.0, 9.0), &[5.0, 0.0], &[], 1e-8);
    assert!(matches!(found, Err(SolveError::EventStorm { event: 0, .. })), "{found:?}");
}

#[test]
fn lags_that_cannot_be_are_named() {
    let with_lag = |constant: bool, lag: fn(f64) -> f64| {
        System::delayed(
            1,
            0,
            |_, u, _, out| out[0] = -u[1],
            &[(0, 0, false)],
            Box::leak(Box::new([constant])),
            move |t, _, _, out| out[0] = lag(t),
            constant_history(&[1.0]),
        )
    };
    let found = solve("tsit5", &with_lag(true, |_| -0.5), (0.0, 1.0), &[1.0], &[], 1e-6);
    assert_eq!(found.err(), Some(SolveError::BadLag { t: 0.0, lag: 0, value: -0.5 }));
    let found = solve("tsit5", &with_lag(false, |_| f64::NAN), (0.0, 1.0), &[1.0], &[], 1e-6);
    assert!(matches!(found, Err(SolveError::BadLag { lag: 0, .. })), "{found:?}");
    // Negative from t = 1 on.
    for id in ["tsit5", "radau"] {
        let found = solve(id, &with_lag(false, |t| 1.0 - t), (0.0, 3.0), &[1.0], &[], 1e-6);
        let Err(SolveError::BadLag { t, lag: 0, value }) = found else { panic!("{found:?}") };
        assert!((t - 1.0).abs() < 0.1 && value < 0.0, "{id}: {t} {value}");
    }
}

#[test]
fn what_cannot_be_solved_is_refused() {
    let found = solve("tsit5", &one_delay(), (1.0, 0.0), &[1.0], &[], 1e-6);
    let Err(SolveError::Invalid(message)) = found else { panic!("{found:?}") };
    assert!(message.contains("backward"), "{message}");
    let system = one_delay();
    let ivp = Ivp { rhs: &system, t0: 0.0, t1: 1.0, u0: &[1.0], p: &[] };
    for info in methods() {
        let mut stepper = method(info.id).unwrap();
        let found = drive(&mut *stepper, &ivp, &Settings::default(), &[], &mut [], None);
        assert!(matches!(found, Err(SolveError::Invalid(_))), "{}: {found:?}", info.id);
    }
}

#[test]
fn single_precision() {
    let system = one_delay();
    let ivp = Ivp::<f32> { rhs: &system, t0: 0.0, t1: 5.0, u0: &[1.0], p: &[] };
    for id in ["tsit5", "bs3", "radau"] {
        let mut out = [0.0_f32; 3];
        let settings = Settings::with_tolerances(1e-5, 1e-5);
        let mut stepper = delay_method_single(id).unwrap();
        let saves = [1.5, 2.5, 5.0];
        drive(&mut *stepper, &ivp, &settings, &saves, &mut out, None).unwrap();
        for (found, t) in out.iter().zip(saves) {
            assert!((f64::from(*found) - one_delay_exact(t)).abs() < 5e-5, "{id}: {out:?}");
        }
    }
}

#[test]
fn an_instance_can_be_used_again() {
    let mut stepper = delay_method("tsit5").unwrap();
    let system = one_delay();
    let run = |stepper: &mut dyn slopefield_solve::Stepper, t1| {
        let ivp = Ivp { rhs: &system, t0: 0.0, t1, u0: &[1.0], p: &[] };
        let mut out = [0.0];
        drive(stepper, &ivp, &Settings::default(), &[t1], &mut out, None).unwrap();
        out
    };
    let fresh = run(&mut *stepper, 7.5);
    run(&mut *stepper, 2.2);
    assert_eq!(run(&mut *stepper, 7.5), fresh);
}

/// Robertson's reactions with `y2(t − 0.01)` in one of them, from the tests of RADAR5.
fn delayed_robertson() -> System {
    System::delayed(
        3,
        0,
        |_, u, _, out| {
            let (slow, fast) = (1e4 * u[3] * u[2], 3e7 * u[1] * u[1]);
            out[0] = -0.04 * u[0] + slow;
            out[1] = 0.04 * u[0] - slow - fast;
            out[2] = fast;
        },
        &[(1, 0, false)],
        &[true],
        |_, _, _, out| out[0] = 0.01,
        constant_history(&[1.0, 0.0, 0.0]),
    )
}

#[test]
fn a_stiff_reaction_with_a_delay_much_shorter_than_the_steps() {
    let system = delayed_robertson();
    let run = |id: &str, t1: f64, rtol: f64| {
        let ivp = Ivp { rhs: &system, t0: 0.0, t1, u0: &[1.0, 0.0, 0.0], p: &[] };
        let mut out = [0.0; 3];
        let settings = Settings::with_tolerances(rtol, rtol * 1e-4);
        let mut stepper = delay_method(id).unwrap();
        let stats = drive(&mut *stepper, &ivp, &settings, &[t1], &mut out, None)
            .unwrap_or_else(|error| panic!("{id} to {t1:e}: {error}"));
        (out, stats)
    };
    let relative = |a: &[f64], b: &[f64]| {
        a.iter().zip(b).fold(0.0_f64, |most, (a, b)| most.max((a - b).abs() / b.abs()))
    };
    // An explicit method resolves the beginning, with steps shorter than the delay.
    let (resolved, _) = run("tsit5", 0.5, 1e-9);
    for (id, rtol, bound) in
        [("radau", 1e-9, 1e-8), ("rodas5p", 1e-9, 1e-8), ("kencarp4", 1e-7, 1e-6)]
    {
        let error = relative(&run(id, 0.5, rtol).0, &resolved);
        assert!(error < bound, "{id}: {error:e}");
    }
    // Implicit ones step over it by twelve orders of magnitude.
    let (reference, _) = run("radau", 1e10, 1e-9);
    assert!((reference.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    for (id, bound) in [("rodas5p", 3e-6), ("radau", 3e-6), ("kencarp4", 3e-5)] {
        let (out, stats) = run(id, 1e10, 1e-8);
        let error = relative(&out, &reference);
        assert!(error < bound, "{id}: {error:e} between {out:?} and {reference:?}");
        assert!(stats.accepted < 1000, "{id}: {stats:?}");
    }
}

#[test]
fn lags_that_meet_a_discontinuity_beside_lags_that_have_none_ahead() {
    // Lags that move with time only, so the same equation with constant names for them is a
    // reference: u' = −u(t − 1 − sin(t)/10) + u(t − 1/5) / 3 from a history that does not fit.
    let system = System::delayed(
        1,
        0,
        |_, u, _, out| out[0] = -u[1] + u[2] / 3.0,
        &[(0, 0, false), (0, 1, false)],
        &[false, false],
        |t, _, _, out| (out[0], out[1]) = (1.0 + 0.1 * t.sin(), 0.2),
        constant_history(&[0.5]),
    )
    .jumps_at_start();
    let saves = [0.1, 0.9, 1.4, 3.0, 6.0];
    let solved = |id: &str, tolerance: f64| {
        solve(id, &system, (0.0, 6.0), &[1.0], &saves, tolerance).unwrap().0
    };
    let reference = solved("vern9", 1e-12);
    for id in ["tsit5", "dp5", "bs3", "vern7"] {
        let off = distance(&solved(id, 1e-7), &reference);
        assert!(off < 1e-5, "{id}: {off:e}");
    }
}
