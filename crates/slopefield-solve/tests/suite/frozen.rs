//! Steps at given times: close to the adaptive ones, and smooth functions of the initial state.
use crate::common;

use common::{distance, ivp};
use slopefield_problems::{hires, lotka_volterra, robertson_dae, van_der_pol};
use slopefield_solve::{FrozenSteps, Ivp, Settings, StepTimes, Stepper, drive, method, one_step};

const METHODS: [&str; 9] = [
    "tsit5",
    "vern7",
    "rosenbrock23",
    "rodas4p",
    "rodas5p",
    "trbdf2",
    "kencarp4",
    "kvaerno5",
    "radau",
];

fn frozen(name: &str, ivp: &Ivp<'_>, settings: &Settings) -> (Vec<f64>, FrozenSteps) {
    let mut record = StepTimes::default();
    let mut stepper = method(name).expect("built in");
    let mut end = vec![0.0; ivp.u0.len()];
    drive(&mut *stepper, ivp, settings, &[ivp.t1], &mut end, Some(&mut record)).unwrap();
    (end, FrozenSteps::of(one_step(name).expect("a one-step method"), record.times))
}

#[test]
fn frozen_implicit_steps_differ_from_adaptive_ones_by_less_than_the_tolerance() {
    let settings = Settings::with_tolerances(1e-6, 1e-9);
    for problem in [lotka_volterra(), hires(), van_der_pol(), robertson_dae()] {
        let base = ivp(&problem);
        let ivp = Ivp { t1: base.t0 + 0.3 * (base.t1 - base.t0), ..base };
        let explicit = ["lotka-volterra"].contains(&problem.id);
        for name in METHODS.into_iter().filter(|m| explicit || !["tsit5", "vern7"].contains(m)) {
            let (adaptive, mut steps) = frozen(name, &ivp, &settings);
            let mut again = vec![0.0; adaptive.len()];
            drive(&mut steps, &ivp, &settings, &[ivp.t1], &mut again, None).unwrap();
            let size = adaptive.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
            let off = distance(&adaptive, &again);
            assert!(off <= 1e-5 * size, "{name} on {}: {off}", problem.id);
            if name.starts_with("ro") || name == "tsit5" || name == "vern7" {
                assert_eq!(adaptive, again, "{name} has no iteration");
            } else {
                assert!(off > 0.0, "{name} on {} iterates further", problem.id);
            }
        }
    }
}

/// Central differences of a smooth function have errors of order 2 in the increment; those of a
/// function with noise of relative size 1e-9 would not come near.
#[test]
fn frozen_implicit_steps_are_smooth_to_rounding() {
    let settings = Settings::with_tolerances(1e-4, 1e-7);
    let problem = hires();
    let base = Ivp { t1: 40.0, ..ivp(&problem) };
    for name in METHODS.into_iter().skip(2) {
        let (_, mut steps) = frozen(name, &base, &settings);
        let mut end = |x: f64| {
            let mut u0 = problem.u0.clone();
            u0[0] += x;
            let mut out = vec![0.0; u0.len()];
            let moved = Ivp { u0: &u0, ..base };
            drive(&mut steps, &moved, &settings, &[moved.t1], &mut out, None).unwrap();
            out[0]
        };
        let mut slope = |h: f64| (end(h) - end(-h)) / (2.0 * h);
        let (coarse, middle, fine) = (slope(4e-3), slope(2e-3), slope(1e-3));
        let ratio = (coarse - middle) / (middle - fine);
        assert!((ratio - 4.0).abs() < 0.05, "{name}: {coarse} {middle} {fine}");
        assert!(steps.stats().accepted > 0);
    }
}
