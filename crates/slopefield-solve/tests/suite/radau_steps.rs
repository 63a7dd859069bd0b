//! How many steps the Radau method takes, against RADAU5 where that is published.
use crate::common;

use common::{end_state, ivp};
use slopefield_problems::{filament, van_der_pol};
use slopefield_solve::{Ivp, Settings, method};

#[test]
fn van_der_pol_takes_the_steps_of_radau5() {
    // Hairer, Wanner, Solving ODEs II, 2nd edition, appendix, the example for RADAU5: from (2, −0.66)
    // to t = 2 with both tolerances 1e-4 and a first step of 1e-6. Printed there: 276 steps accepted,
    // 293 tried, 2263 evaluations, 251 factorisations (of two matrices each).
    let problem = van_der_pol();
    let ivp = Ivp { u0: &[2.0, -0.66], t1: 2.0, ..ivp(&problem) };
    let settings = Settings { h_init: Some(1e-6), ..Settings::with_tolerances(1e-4, 1e-4) };
    let (u, stats) = end_state(&mut *method("radau").unwrap(), &ivp, &settings).unwrap();
    let printed = [0.170_617_100_5e1, -0.892_802_096_1];
    for (x, printed) in u.iter().zip(printed) {
        assert!((x - printed).abs() < 1e-3 * printed.abs(), "{u:?}");
    }
    let tried = stats.accepted + stats.rejected;
    assert!((210..=276).contains(&stats.accepted), "{stats:?}");
    assert!(tried <= 293, "{stats:?}");
    assert!(stats.rhs <= 2263 && stats.factorisations <= 2 * 251, "{stats:?}");
}

#[test]
fn where_newton_limits_the_steps_few_are_rejected() {
    // The filament's error would allow steps several times as long as the iteration can do; with a
    // controller that knows errors only, as many steps are rejected as accepted, or more.
    let problem = filament();
    for (id, tolerance, most) in [
        ("radau", 1e-4, 1e-2),
        ("radau", 1e-6, 1e-4),
        ("radau", 1e-8, 1e-6),
        ("kencarp4", 1e-6, 1e-4),
        ("kvaerno5", 1e-6, 1e-4),
    ] {
        let settings = Settings::with_tolerances(tolerance, tolerance);
        let (u, stats) = end_state(&mut *method(id).unwrap(), &ivp(&problem), &settings).unwrap();
        assert!(stats.accepted < 100 && 3 * stats.rejected < stats.accepted, "{id}: {stats:?}");
        // Positions; the tensions of the links are of size 1e4.
        let points = u.iter().zip(&problem.references[0].u).take(42);
        let error = points.fold(0.0_f64, |most, (x, y)| most.max((x - y).abs()));
        assert!(error < most, "{id} at {tolerance:e}: {error:e}");
    }
}
