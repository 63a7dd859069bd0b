//! A trajectory of an ensemble is that of a solve of its own, to the last bit.

use crate::common;

use common::*;
use slopefield_ensemble::EachLane;
use slopefield_problems::all;
use slopefield_solve::{Settings, tableau};

/// Every standard problem, method and ragged size, forward and backward in time.
#[test]
fn every_trajectory_has_the_bits_of_its_own_solve() {
    for problem in all() {
        let rhs = &*problem.rhs;
        let batch = EachLane::new(rhs, &all_params(rhs));
        let span = (problem.t0, problem.t0 + 0.3 * (problem.t1 - problem.t0));
        for (method, tolerance) in [
            (tableau("tsit5").unwrap(), 1e-6),
            (tableau("dp5").unwrap(), 1e-7),
            (tableau("bs3").unwrap(), 1e-4),
            (&HEUN, 1e-3),
        ] {
            let settings = Settings::with_tolerances(tolerance, 0.1 * tolerance);
            for (count, span) in
                [(1, span), (7, span), (8, (span.1, span.0)), (9, span), (41, span)]
            {
                let v = variations(&problem, count);
                let saves = grid(span, 13);
                let what = format!("{}, {}, {count} trajectories", problem.id, method.id);
                let (want, results) = singles(rhs, span, &v, count, method, &settings, &saves);
                let (got, report) = together(&batch, span, &v, count, method, &settings, &saves, 1);
                assert_same_bits(&got, &want, &what);
                for (i, (got, want)) in report.trajectories.iter().zip(&results).enumerate() {
                    let got = got.as_ref().map_err(|failure| &failure.error);
                    assert_eq!(got, want.as_ref(), "{what}, trajectory {i}");
                }
            }
        }
    }
}
