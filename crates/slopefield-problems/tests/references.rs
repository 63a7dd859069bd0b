//! References against an integrator that shares nothing with the project's.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod common;

use slopefield_problems::{Problem, stiff};

/// Compares all references of `problem` to `digits` of each value.
fn check(problem: &Problem, rtol: f64, atol: f64, digits: f64) {
    let times: Vec<f64> = problem.references.iter().map(|r| r.t).collect();
    let states = common::solve(problem, &times, rtol, atol, 20_000);
    for (reference, found) in problem.references.iter().zip(states) {
        for (i, (a, b)) in reference.u.iter().zip(found).enumerate() {
            let distance = (a - b).abs();
            let allowed = 2.0 * reference.uncertainty(i) + digits * a.abs();
            assert!(
                distance <= allowed,
                "{} at t = {}: state {i} is {b:e}, the reference says {a:e}",
                problem.id,
                reference.t
            );
        }
    }
}

#[test]
fn references_of_stiff_problems_are_reproduced() {
    // The beam and the ring modulator oscillate for too long, the large Brusselators take too
    // long here.
    let chosen = ["rober", "hires", "orego", "pollu", "vdp", "vdp-mu", "brusselator-1d"];
    let mut checked = 0;
    for problem in stiff().iter().filter(|p| chosen.contains(&p.id)) {
        check(problem, 1e-12, 1e-22, 1e-9);
        checked += 1;
    }
    assert_eq!(checked, chosen.len());
}
