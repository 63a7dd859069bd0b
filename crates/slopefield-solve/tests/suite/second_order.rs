//! Symplectic compositions and the Nyström method: measured orders, what they conserve, what they
//! refuse.
use crate::common;

use common::{distance, end_state, ivp, slope};
use slopefield_kernel::{Kernel, Pair, Shape};
use slopefield_problems::{
    Equations, Function, Number, System, harmonic_oscillator, lotka_volterra,
};
use slopefield_solve::second_order::{
    Composition, DPRKN6, KAHAN_LI_8, MCLACHLAN_ATELA_5, Nystrom, Symplectic, VELOCITY_VERLET,
};
use slopefield_solve::{
    Ivp, Settings, SolveError, Step, StepTimes, Stepper, drive, method, method_info,
};
use std::f64::consts::TAU;

const SCHEMES: [&Composition; 3] = [&VELOCITY_VERLET, &MCLACHLAN_ATELA_5, &KAHAN_LI_8];

macro_rules! system {
    ($name:ident, $n:expr, $pairs:expr, ($t:ident, $u:ident, $out:ident) $body:block) => {
        #[derive(Clone, Copy)]
        struct $name;
        impl Function for $name {
            fn shape(&self) -> Shape {
                Shape { states: $n, params: 0, outputs: $n }
            }
            fn eval<N: Number>(
                &self,
                $t: N,
                $u: impl Fn(usize) -> N,
                _: impl Fn(usize) -> N,
                mut $out: impl FnMut(usize, N),
            ) $body
        }
        impl Equations for $name {
            fn pairs(&self) -> &[Pair] {
                const PAIRS: &[(u32, u32)] = &$pairs;
                const COUNT: usize = PAIRS.len();
                static LIST: [Pair; COUNT] = {
                    let mut list = [Pair { position: 0, velocity: 0 }; COUNT];
                    let mut i = 0;
                    while i < COUNT {
                        list[i] = Pair { position: PAIRS[i].0, velocity: PAIRS[i].1 };
                        i += 1;
                    }
                    list
                };
                &LIST
            }
        }
    };
}

// A planet of eccentricity e, which it begins at its nearest point.
system!(Kepler, 4, [(0, 2), (1, 3)], (_t, u, out) {
    let (x, y) = (u(0), u(1));
    let pull = (x * x + y * y).powf(-1.5);
    out(0, u(2));
    out(1, u(3));
    out(2, -x * pull);
    out(3, -y * pull);
});

// A pendulum that is pushed in time: x'' = −sin x + cos 3t / 2.
system!(Pushed, 2, [(0, 1)], (t, u, out) {
    out(0, u(1));
    out(1, (t * 3.0).cos() * 0.5 - u(0).sin());
});

// A relativistic oscillator: H = √(1 + p²) + x²/2.
system!(Relativistic, 2, [(0, 1)], (_t, u, out) {
    let p = u(1);
    out(0, p * (p * p + 1.0).powf(-0.5));
    out(1, -u(0));
});

// A kinetic energy p₁⁴/4.
system!(Quartic, 6, [(0, 3), (1, 4), (2, 5)], (t, u, out) {
    let p = u(3);
    out(0, p * p * p);
    out(1, u(4));
    out(2, u(5));
    out(3, t * 0.0 + 1.0);
    out(4, u(0) * t * t * t * t);
    out(5, u(0) * u(0));
});

// Air resistance, which vanishes with its derivative at rest.
system!(Dragged, 2, [(0, 1)], (_t, u, out) {
    let v = u(1);
    out(0, v);
    out(1, -u(0) - v * v * v);
});

// A star in a galaxy (Hénon, Heiles, Astron. J. 69 (1964) 73).
system!(Galaxy, 4, [(0, 2), (1, 3)], (_t, u, out) {
    let (x, y) = (u(0), u(1));
    out(0, u(2));
    out(1, u(3));
    out(2, -x - x * y * 2.0);
    out(3, y * y - y - x * x);
});

// A frame that rotates.
system!(Rotating, 4, [(0, 2), (1, 3)], (_t, u, out) {
    out(0, u(2));
    out(1, u(3));
    out(2, u(3) * 2.0 - u(0));
    out(3, -u(2) * 2.0 - u(1));
});

// Seven stars of masses 1 to 7 in a plane: x, y and their slopes (Hairer, Nørsett, Wanner, *Solving
// ODEs I*, section II.10).
system!(
    Pleiades,
    28,
    [
        (0, 14), (1, 15), (2, 16), (3, 17), (4, 18), (5, 19), (6, 20),
        (7, 21), (8, 22), (9, 23), (10, 24), (11, 25), (12, 26), (13, 27)
    ],
    (_t, u, out) {
        for i in 0..7 {
            out(i, u(14 + i));
            out(7 + i, u(21 + i));
            let mut pull = (u(i) * 0.0, u(i) * 0.0);
            for j in (0..7).filter(|j| *j != i) {
                let (x, y) = (u(j) - u(i), u(7 + j) - u(7 + i));
                let weight = (x * x + y * y).powf(-1.5) * (j + 1) as f64;
                pull = (pull.0 + x * weight, pull.1 + y * weight);
            }
            out(14 + i, pull.0);
            out(21 + i, pull.1);
        }
    }
);

#[rustfmt::skip]
const STARS: [f64; 28] = [
    3.0, 3.0, -1.0, -3.0, 2.0, -2.0, 2.0, 3.0, -3.0, 2.0, 0.0, 0.0, -4.0, 4.0,
    0.0, 0.0, 0.0, 0.0, 0.0, 1.75, -1.5, 0.0, 0.0, 0.0, -1.25, 1.0, 0.0, 0.0,
];

/// At t = 3: test set for initial value problem solvers, Bari.
#[rustfmt::skip]
const STARS_AT_3: [f64; 28] = [
    0.3706139143970502, 3.237284092057233, -3.222559032418324, 0.659709145577531,
    0.3425581707156584, 1.562172101400631, -0.7003092922212495, -3.943437585517392,
    -3.27138097397255, 5.225081843456543, -2.59061243497747, 1.198213693392275,
    -0.2429682344935824, 1.09144924042898, 3.417003806314313, 1.354584501625501,
    -2.590065597810775, 2.025053734714242, -1.155815100160448, -0.8072988170223021,
    0.595239635420871, -3.74124496123401, 0.377345968575063, 0.9386858869551073,
    0.3667922227200571, -0.347404635380849, 2.344915448180937, -1.947020434263292,
];

// A third state that is neither a position nor a velocity.
system!(WithHeat, 3, [(0, 1)], (_t, u, out) {
    out(0, u(1));
    out(1, -u(0));
    out(2, u(0) * u(0));
});

fn kepler_start(e: f64) -> [f64; 4] {
    [1.0 - e, 0.0, 0.0, ((1.0 + e) / (1.0 - e)).sqrt()]
}

/// The exact state at `t`, from Kepler's equation.
fn kepler_at(e: f64, t: f64) -> [f64; 4] {
    let mut anomaly = t;
    for _ in 0..50 {
        anomaly -= (anomaly - e * anomaly.sin() - t) / (1.0 - e * anomaly.cos());
    }
    let (sin, cos) = anomaly.sin_cos();
    let (minor, rate) = ((1.0 - e * e).sqrt(), 1.0 / (1.0 - e * cos));
    [cos - e, minor * sin, -sin * rate, minor * cos * rate]
}

fn energy(u: &[f64]) -> f64 {
    0.5 * (u[2] * u[2] + u[3] * u[3]) - 1.0 / u[0].hypot(u[1])
}

fn angular_momentum(u: &[f64]) -> f64 {
    u[0] * u[3] - u[1] * u[2]
}

fn of_length(h: f64) -> Settings {
    Settings { h_init: Some(h), ..Settings::default() }
}

/// Errors at the end after equal steps.
fn errors(
    scheme: &'static Composition,
    ivp: &Ivp<'_>,
    exact: &[f64],
    steps: &[u32],
) -> Vec<(f64, f64)> {
    steps
        .iter()
        .map(|n| {
            let h = (ivp.t1 - ivp.t0) / f64::from(*n);
            let mut stepper = Symplectic::new(scheme);
            let (u, stats) = end_state(&mut stepper, ivp, &of_length(h)).unwrap();
            assert_eq!(stats.accepted, u64::from(*n));
            (h, distance(&u, exact))
        })
        .collect()
}

#[track_caller]
fn check_order(scheme: &'static Composition, ivp: &Ivp<'_>, exact: &[f64], steps: &[u32]) {
    let errors = errors(scheme, ivp, exact, steps);
    let order = slope(&errors);
    let claim = f64::from(scheme.order);
    assert!((order - claim).abs() < 0.2, "{}: {order} {errors:?}", scheme.id);
}

#[test]
fn compositions_have_their_orders() {
    let (rhs, start) = (System::new(Kepler), kepler_start(0.3));
    let there = Ivp { rhs: &rhs, t0: 0.0, t1: 5.0, u0: &start, p: &[] };
    let exact = kepler_at(0.3, 5.0);
    check_order(&VELOCITY_VERLET, &there, &exact, &[400, 500, 650, 800]);
    // The others are faster than they claim where their small leading terms do not rule.
    for (scheme, steps) in
        [(&MCLACHLAN_ATELA_5, [100, 130, 160, 200]), (&KAHAN_LI_8, [40, 50, 60, 70])]
    {
        let errors = errors(scheme, &there, &exact, &steps);
        let order = slope(&errors);
        assert!(order > f64::from(scheme.order) - 0.2, "{}: {order} {errors:?}", scheme.id);
    }
}

/// Second-order equations whose solutions from 0 are powers of time, `v ∝ t^(p+1)`, of which a
/// method of order `p` solves all but its leading error term exactly; see `verner.rs`.
///
/// `a'' = t^p`, `b'' = 1`, `c'' = b² t^(p−4)`, `d'' = t`, `e'' = d t^(p−3)`.
#[derive(Clone, Copy)]
struct Powers(i32);

impl Function for Powers {
    fn shape(&self) -> Shape {
        Shape { states: 10, params: 0, outputs: 10 }
    }
    fn eval<N: Number>(
        &self,
        t: N,
        u: impl Fn(usize) -> N,
        _: impl Fn(usize) -> N,
        mut out: impl FnMut(usize, N),
    ) {
        let power = |exponent: i32| (0..exponent).fold(t * 0.0 + 1.0, |product, _| product * t);
        for i in 0..5 {
            out(i, u(5 + i));
        }
        out(5, power(self.0));
        out(6, power(0));
        out(7, u(1) * u(1) * power(self.0 - 4));
        out(8, power(1));
        out(9, u(3) * power(self.0 - 3));
    }
}

impl Equations for Powers {
    fn pairs(&self) -> &[Pair] {
        static PAIRS: [Pair; 5] = {
            let mut pairs = [Pair { position: 0, velocity: 0 }; 5];
            let mut i = 0;
            while i < 5 {
                pairs[i] = Pair { position: i as u32, velocity: i as u32 + 5 };
                i += 1;
            }
            pairs
        };
        &PAIRS
    }
}

impl Powers {
    /// The solution at `t`.
    fn at(self, t: f64) -> [f64; 10] {
        let n = f64::from(self.0 + 1);
        let (v, q) = (t.powi(self.0 + 1) / n, t.powi(self.0 + 2) / (n * (n + 1.0)));
        let (b, d) = (t * t / 2.0, t.powi(3) / 6.0);
        [q, b, q / 4.0, d, q / 6.0, v, t, v / 4.0, b, v / 6.0]
    }
}

/// Slopes of the errors of the parts `of` after 1 to 5 steps over a span of 2.
fn power_orders(
    powers: Powers,
    of: &[usize],
    solve: &dyn Fn(&Ivp<'_>, f64) -> Vec<f64>,
) -> Vec<f64> {
    let (rhs, exact) = (System::new(powers), powers.at(2.0));
    let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: 2.0, u0: &[0.0; 10], p: &[] };
    of.iter()
        .map(|part| {
            let errors: Vec<(f64, f64)> = (1..=5)
                .map(|n| {
                    let h = 2.0 / f64::from(n);
                    (h, (solve(&ivp, h)[*part] - exact[*part]).abs())
                })
                .collect();
            slope(&errors)
        })
        .collect()
}

#[test]
fn the_leading_error_has_the_order_of_the_method() {
    for scheme in [&MCLACHLAN_ATELA_5, &KAHAN_LI_8] {
        let p = scheme.order;
        let solve = |ivp: &Ivp<'_>, h: f64| {
            end_state(&mut Symplectic::new(scheme), ivp, &of_length(h)).unwrap().0
        };
        let orders = power_orders(Powers(p as i32), &[5, 7, 9], &solve);
        assert!(orders.iter().all(|o| (o - f64::from(p)).abs() < 0.1), "{}: {orders:?}", scheme.id);
    }
    // Equal steps of the adaptive method: the tolerances let any step pass.
    let solve = |ivp: &Ivp<'_>, h: f64| {
        let settings =
            Settings { rtol: 1e9, atol: vec![1e9], h_max: h * (1.0 + 1e-12), ..of_length(h) };
        end_state(&mut Nystrom::new(&DPRKN6), ivp, &settings).unwrap().0
    };
    let orders = power_orders(Powers(6), &[5, 7, 9], &solve);
    assert!(orders.iter().all(|o| (o - 6.0).abs() < 0.1), "{orders:?}");
}

/// The end state by a method of order 9.
fn reference(ivp: &Ivp<'_>) -> Vec<f64> {
    let settings = Settings::with_tolerances(1e-14, 1e-14);
    end_state(&mut *method("vern9").unwrap(), ivp, &settings).unwrap().0
}

#[test]
fn accelerations_may_depend_on_time() {
    let rhs = System::new(Pushed);
    let there = Ivp { rhs: &rhs, t0: 0.4, t1: 3.4, u0: &[0.5, 0.2], p: &[] };
    let exact = reference(&there);
    check_order(&VELOCITY_VERLET, &there, &exact, &[100, 125, 160, 200]);
    check_order(&MCLACHLAN_ATELA_5, &there, &exact, &[40, 50, 65, 80]);
    let errors = errors(&KAHAN_LI_8, &there, &exact, &[14, 17, 21, 26]);
    assert!(slope(&errors) > 7.8, "{errors:?}");
}

#[test]
fn kinetic_energies_may_be_other_than_quadratic() {
    let rhs = System::new(Relativistic);
    let there = Ivp { rhs: &rhs, t0: 0.0, t1: 4.0, u0: &[1.5, 0.3], p: &[] };
    let exact = reference(&there);
    check_order(&VELOCITY_VERLET, &there, &exact, &[100, 125, 160, 200]);
    let errors = errors(&KAHAN_LI_8, &there, &exact, &[16, 20, 24, 30]);
    assert!(slope(&errors) > 7.8, "{errors:?}");
    // Powers of time again: p₁' = 1, q₁' = p₁³, p₂' = q₁ t⁴ with p₂ = t⁹/36, p₃' = q₁² with
    // p₃ = t⁹/144.
    let rhs = System::new(Quartic);
    let there = Ivp { rhs: &rhs, t0: 0.0, t1: 2.0, u0: &[0.0; 6], p: &[] };
    for (part, exact) in [(4, 512.0 / 36.0), (5, 512.0 / 144.0)] {
        let errors: Vec<(f64, f64)> = (1..=5)
            .map(|n| {
                let h = 2.0 / f64::from(n);
                let mut stepper = Symplectic::new(&KAHAN_LI_8);
                let (u, _) = end_state(&mut stepper, &there, &of_length(h)).unwrap();
                (h, (u[part] - exact).abs())
            })
            .collect();
        let order = slope(&errors);
        assert!((order - 8.0).abs() < 0.2, "{part}: {order} {errors:?}");
    }
}

/// Largest errors within one step of length `h` of all positions or all velocities.
fn errors_within(stepper: &mut dyn Stepper, powers: Powers, h: f64) -> [f64; 2] {
    let rhs = System::new(powers);
    let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: h, u0: &[0.0; 10], p: &[] };
    let saves: Vec<f64> = (1..8).map(|i| h * f64::from(i) / 8.0).collect();
    let mut out = vec![0.0; 10 * saves.len()];
    let settings = Settings { rtol: 1e9, atol: vec![1e9], ..of_length(h) };
    let stats = drive(stepper, &ivp, &settings, &saves, &mut out, None).unwrap();
    assert_eq!(stats.accepted, 1);
    let mut worst = [0.0_f64; 2];
    for (t, u) in saves.iter().zip(out.chunks_exact(10)) {
        let exact = powers.at(*t);
        worst[0] = worst[0].max(distance(&u[..5], &exact[..5]));
        worst[1] = worst[1].max(distance(&u[5..], &exact[5..]));
    }
    worst
}

#[test]
fn solutions_within_steps_have_their_orders() {
    let check = |id: &str, claim: i32, stepper: &mut dyn Stepper| {
        // Velocities of degree claim + 1, then positions of that degree.
        for (part, powers) in [(1, Powers(claim)), (0, Powers(claim - 1))] {
            let errors: Vec<(f64, f64)> = [1.0, 0.7, 0.5, 0.35]
                .into_iter()
                .map(|h| (h, errors_within(stepper, powers, h)[part]))
                .collect();
            let order = slope(&errors);
            assert!((order - f64::from(claim + 1)).abs() < 0.1, "{id}: {order} {errors:?}");
        }
    };
    check("mclachlan-atela5", 5, &mut Symplectic::new(&MCLACHLAN_ATELA_5));
    check("kahan-li8", 5, &mut Symplectic::new(&KAHAN_LI_8));
    check("dprkn6", 6, &mut Nystrom::new(&DPRKN6));
    // Within a step of velocity Verlet its own error rules, of size h³.
    let errors: Vec<(f64, f64)> = [0.02, 0.015, 0.01, 0.007]
        .into_iter()
        .map(|h| {
            let (rhs, start) = (System::new(Kepler), kepler_at(0.3, 0.7));
            let ivp = Ivp { rhs: &rhs, t0: 0.7, t1: 0.7 + h, u0: &start, p: &[] };
            let t = 0.7 + 0.75 * h;
            let mut out = [0.0; 4];
            let mut stepper = Symplectic::new(&VELOCITY_VERLET);
            drive(&mut stepper, &ivp, &of_length(h), &[t], &mut out, None).unwrap();
            (h, distance(&out, &kepler_at(0.3, t)))
        })
        .collect();
    let order = slope(&errors);
    assert!((order - 3.0).abs() < 0.2, "{order} {errors:?}");
}

#[test]
fn between_steps_the_nystrom_method_has_order_six_in_positions_and_five_in_velocities() {
    let (rhs, start) = (System::new(Kepler), kepler_at(0.3, 0.7));
    let worst = |h: f64| {
        let ivp = Ivp { rhs: &rhs, t0: 0.7, t1: 0.7 + h, u0: &start, p: &[] };
        let saves: Vec<f64> = (1..8).map(|i| 0.7 + h * f64::from(i) / 8.0).collect();
        let mut out = vec![0.0; 4 * saves.len()];
        let settings = Settings { rtol: 1e9, atol: vec![1e9], ..of_length(h) };
        drive(&mut Nystrom::new(&DPRKN6), &ivp, &settings, &saves, &mut out, None).unwrap();
        let mut worst = [0.0_f64; 2];
        for (t, u) in saves.iter().zip(out.chunks_exact(4)) {
            let exact = kepler_at(0.3, *t);
            worst[0] = worst[0].max(distance(&u[..2], &exact[..2]));
            worst[1] = worst[1].max(distance(&u[2..], &exact[2..]));
        }
        worst
    };
    for (part, size) in [(0, 7.0), (1, 6.0)] {
        let errors: Vec<(f64, f64)> =
            [0.2, 0.15, 0.1, 0.08].into_iter().map(|h| (h, worst(h)[part])).collect();
        let order = slope(&errors);
        assert!((order - size).abs() < 0.3, "{part}: {order} {errors:?}");
    }
}

#[test]
fn the_nystrom_method_converges_on_a_nonlinear_problem() {
    let (rhs, start) = (System::new(Kepler), kepler_start(0.3));
    let errors: Vec<(f64, f64)> = [40, 50, 64, 80]
        .into_iter()
        .map(|n| {
            let h = 5.0 / f64::from(n);
            let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: 5.0, u0: &start, p: &[] };
            let settings =
                Settings { rtol: 1e3, atol: vec![1e3], h_max: h * (1.0 + 1e-12), ..of_length(h) };
            let mut stepper = Nystrom::new(&DPRKN6);
            let (u, stats) = end_state(&mut stepper, &ivp, &settings).unwrap();
            assert_eq!(stats.accepted, n as u64);
            (h, distance(&u, &kepler_at(0.3, 5.0)))
        })
        .collect();
    let order = slope(&errors);
    assert!(order > 5.8, "{order} {errors:?}");
}

/// Largest departures of energy and angular momentum in the first and in the last tenth of the
/// time.
fn departures(stepper: &mut dyn Stepper, settings: &Settings, periods: f64) -> [(f64, f64); 2] {
    let (rhs, start) = (System::new(Kepler), kepler_start(0.4));
    let t1 = periods * TAU;
    let ivp = Ivp { rhs: &rhs, t0: 0.0, t1, u0: &start, p: &[] };
    let (e0, l0) = (energy(&start), angular_momentum(&start));
    let mut parts = [(0.0_f64, 0.0_f64); 2];
    let mut watch = |step: &Step, solution: &mut dyn Stepper| {
        let u = solution.state();
        let (e, l) = ((energy(u) - e0).abs(), (angular_momentum(u) - l0).abs());
        for (part, inside) in parts.iter_mut().zip([step.t < 0.1 * t1, step.t > 0.9 * t1]) {
            if inside {
                *part = (part.0.max(e), part.1.max(l));
            }
        }
        Ok(())
    };
    drive(stepper, &ivp, settings, &[], &mut [], Some(&mut watch)).unwrap();
    parts
}

#[test]
fn energy_errs_by_a_bounded_amount_and_angular_momentum_not_at_all() {
    for (scheme, per_period, bound) in [
        (&VELOCITY_VERLET, 200.0, 1e-2),
        (&MCLACHLAN_ATELA_5, 60.0, 1e-3),
        (&KAHAN_LI_8, 30.0, 1e-3),
    ] {
        let mut stepper = Symplectic::new(scheme);
        let [first, last] = departures(&mut stepper, &of_length(TAU / per_period), 1000.0);
        assert!(first.0 > 1e-9, "{}: the test must see an error: {first:?}", scheme.id);
        assert!(first.0 < bound && last.0 < 1.2 * first.0, "{}: {first:?} {last:?}", scheme.id);
        assert!(last.1 < 1e-11, "{}: {first:?} {last:?}", scheme.id);
    }
    // A method that is not symplectic: nine times the time, nine times the error and more.
    let settings = Settings::with_tolerances(1e-6, 1e-6);
    let [first, last] = departures(&mut *method("tsit5").unwrap(), &settings, 1000.0);
    assert!(last.0 > 8.0 * first.0 && last.1 > 8.0 * first.1, "{first:?} {last:?}");
}

#[test]
fn symmetric_compositions_return_to_where_they_began() {
    let (rhs, start) = (System::new(Kepler), kepler_start(0.5));
    for (scheme, reversible) in
        [(&VELOCITY_VERLET, true), (&KAHAN_LI_8, true), (&MCLACHLAN_ATELA_5, false)]
    {
        let there = Ivp { rhs: &rhs, t0: 0.0, t1: 20.0, u0: &start, p: &[] };
        let mut stepper = Symplectic::new(scheme);
        let (end, _) = end_state(&mut stepper, &there, &of_length(0.1)).unwrap();
        let back = Ivp { t0: 20.0, t1: 0.0, u0: &end, ..there };
        let (again, _) = end_state(&mut stepper, &back, &of_length(0.1)).unwrap();
        let off = distance(&again, &start);
        assert_eq!(off < 1e-11, reversible, "{}: {off:e}", scheme.id);
        assert!(off < 1e-2, "{}: {off:e}", scheme.id);
        let error = distance(&end, &kepler_at(0.5, 20.0));
        assert!(error > 1e-8, "{}: the test must see an error: {error:e}", scheme.id);
    }
}

#[test]
fn steps_are_equal_and_at_most_as_long_as_asked_for() {
    let problem = harmonic_oscillator();
    let ivp = ivp(&problem);
    for (h_init, h_max, steps) in [
        (0.1, f64::INFINITY, 50),
        (0.3, f64::INFINITY, 17),
        (7.0, f64::INFINITY, 1),
        (1.0, 0.2, 25),
    ] {
        let mut record = StepTimes::default();
        let settings = Settings { h_max, ..of_length(h_init) };
        let mut stepper = Symplectic::new(&MCLACHLAN_ATELA_5);
        drive(&mut stepper, &ivp, &settings, &[], &mut [], Some(&mut record)).unwrap();
        assert_eq!(record.times.len(), steps + 1, "{h_init}");
        let h = 5.0 / steps as f64;
        assert!(record.times.windows(2).all(|t| (t[1] - t[0] - h).abs() < 1e-12), "{h_init}");
    }
}

#[test]
fn without_a_length_one_is_chosen_from_the_tolerances() {
    let problem = harmonic_oscillator();
    let ivp = ivp(&problem);
    let mut exact = [0.0; 2];
    (problem.exact.unwrap())(5.0, 0.0, &problem.u0, &problem.p, &mut exact);
    for scheme in SCHEMES {
        let mut counts = Vec::new();
        for tolerance in [1e-4, 1e-6, 1e-8] {
            let settings = Settings::with_tolerances(tolerance, tolerance);
            let mut stepper = Symplectic::new(scheme);
            let (u, stats) = end_state(&mut stepper, &ivp, &settings).unwrap();
            let error = distance(&u, &exact);
            // A step errs by about the tolerances, rtol |u| + atol; all of them by so many.
            let limit = 2.0 * tolerance * (1.0 + stats.accepted as f64);
            assert!(error < limit, "{} at {tolerance}: {error:e} {stats:?}", scheme.id);
            counts.push(stats.accepted);
        }
        // Lengths follow the order: a hundredth of the tolerance, 100^(1/(p+1)) times the steps.
        let growth = (counts[2] as f64 / counts[0] as f64).ln() / 1e4_f64.ln();
        let claim = 1.0 / f64::from(scheme.order + 1);
        assert!((growth / claim - 1.0).abs() < 0.35, "{}: {counts:?}", scheme.id);
    }
}

#[test]
fn seven_stars_arrive_where_published() {
    let rhs = System::new(Pleiades);
    let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: 3.0, u0: &STARS, p: &[] };
    let solve = |id: &str, tolerance: f64| {
        let settings = Settings::with_tolerances(tolerance, tolerance);
        let (u, stats) = end_state(&mut *method(id).unwrap(), &ivp, &settings).unwrap();
        (distance(&u, &STARS_AT_3), stats.rhs)
    };
    let errors: Vec<(f64, u64)> =
        [1e-6, 1e-9, 1e-12].into_iter().map(|tolerance| solve("dprkn6", tolerance)).collect();
    assert!(errors[2].0 < 1e-9 && errors[1].0 < 1e-5, "{errors:?}");
    assert!(errors[1].0 < 0.01 * errors[0].0 && errors[2].0 < 0.01 * errors[1].0, "{errors:?}");
    // For the same error a method for first-order equations needs more than twice as much.
    let dp5 = solve("dp5", 1e-12);
    let nystrom = solve("dprkn6", 1e-10);
    assert!(nystrom.0 < 2.0 * dp5.0 && 2 * nystrom.1 < dp5.1, "{nystrom:?} {dp5:?}");
}

#[test]
fn chaos_keeps_its_energy() {
    let (rhs, start) = (System::new(Galaxy), [0.0, 0.1, 0.5, 0.0]);
    let there = Ivp { rhs: &rhs, t0: 0.0, t1: 2000.0, u0: &start, p: &[] };
    let energy = |u: &[f64]| {
        let [x, y, v, w] = [u[0], u[1], u[2], u[3]];
        0.5 * (v * v + w * w + x * x + y * y) + x * x * y - y * y * y / 3.0
    };
    for (scheme, h, bound) in
        [(&VELOCITY_VERLET, 0.02, 1e-4), (&MCLACHLAN_ATELA_5, 0.1, 1e-7), (&KAHAN_LI_8, 0.25, 1e-9)]
    {
        let (u, _) = end_state(&mut Symplectic::new(scheme), &there, &of_length(h)).unwrap();
        let off = (energy(&u) - energy(&start)).abs();
        assert!(off < bound, "{}: {off:e}", scheme.id);
    }
}

#[test]
fn backward_time_follows_the_same_motion() {
    let rhs = System::new(Kepler);
    let end = kepler_at(0.3, 5.0);
    let back = Ivp { rhs: &rhs, t0: 5.0, t1: 0.0, u0: &end, p: &[] };
    for id in ["velocity-verlet", "mclachlan-atela5", "kahan-li8", "dprkn6"] {
        let (h, tolerance) = if id == "velocity-verlet" { (1e-4, 1e-6) } else { (0.01, 1e-9) };
        let settings = Settings { h_init: Some(h), ..Settings::with_tolerances(1e-12, 1e-12) };
        let mut out = [0.0; 8];
        let mut stepper = method(id).unwrap();
        drive(&mut *stepper, &back, &settings, &[2.345, 0.0], &mut out, None).unwrap();
        let error = distance(&out[..4], &kepler_at(0.3, 2.345))
            .max(distance(&out[4..], &kepler_start(0.3)));
        assert!(error < tolerance, "{id}: {error:e}");
    }
}

#[test]
fn single_precision_differs_by_its_roundings() {
    let (single, double) = (System::new(Kepler), System::new(Kepler));
    let start = kepler_start(0.3).map(|x| x as f32);
    let exact_start = start.map(f64::from);
    let saves = [2.345, 5.0];
    for (id, h) in [
        ("velocity-verlet", 5e-3),
        ("mclachlan-atela5", 0.05),
        ("kahan-li8", 0.1),
        ("dprkn6", 0.01),
    ] {
        let settings = Settings { h_init: Some(h), ..Settings::with_tolerances(1e-6, 1e-6) };
        let mut out = [0.0_f32; 8];
        let ivp = Ivp { rhs: &single as &dyn Kernel<f32>, t0: 0.0, t1: 5.0, u0: &start, p: &[] };
        let mut stepper = (method_info(id).unwrap().single)();
        drive(&mut *stepper, &ivp, &settings, &saves, &mut out, None).unwrap();
        let mut truth = [0.0; 8];
        let ivp = Ivp { rhs: &double, t0: 0.0, t1: 5.0, u0: &exact_start, p: &[] };
        drive(&mut *method(id).unwrap(), &ivp, &settings, &saves, &mut truth, None).unwrap();
        let off = distance(&out.map(f64::from), &truth);
        assert!(off > 0.0 && off < 2e-5, "{id}: {off:e}");
    }
}

#[track_caller]
fn check_refused(id: &str, rhs: &dyn Kernel, u0: &[f64], p: &[f64], words: &str) {
    let ivp = Ivp { rhs, t0: 0.0, t1: 1.0, u0, p };
    let found = end_state(&mut *method(id).unwrap(), &ivp, &of_length(0.1));
    let Err(SolveError::Invalid(sentence)) = found else { panic!("{id}: {found:?}") };
    assert!(sentence.contains(words) && sentence.contains(id), "{sentence}");
}

#[test]
fn equations_of_another_form_are_refused_with_the_state_in_question() {
    let first_order = lotka_volterra();
    for id in ["velocity-verlet", "mclachlan-atela5", "kahan-li8", "dprkn6"] {
        check_refused(id, &*first_order.rhs, &first_order.u0, &first_order.p, "has none");
        let rotating = System::new(Rotating);
        let words = "that of state 2 depends on a velocity";
        check_refused(id, &rotating, &[1.0, 0.0, 0.0, 0.5], &[], words);
        let dragged = System::new(Dragged);
        check_refused(id, &dragged, &[1.0, 0.0], &[], "that of state 1 depends on a velocity");
        check_refused(id, &System::new(WithHeat), &[1.0, 0.0, 0.0], &[], "state 2 is neither");
    }
    let relativistic = System::new(Relativistic);
    check_refused("dprkn6", &relativistic, &[1.0, 0.0], &[], "q' = v");
    check_refused("mclachlan-atela5", &relativistic, &[1.0, 0.0], &[], "linear in the velocities");
}
