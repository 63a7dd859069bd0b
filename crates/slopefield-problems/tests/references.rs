//! References against an integrator that shares nothing with the project's.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod common;

use slopefield_problems::{Problem, everything};

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
fn references_of_stiff_and_algebraic_problems_are_reproduced() {
    // The beam and the ring modulator oscillate for too long, the large Brusselators take too
    // long here.
    let chosen = [
        // Rounding of the sum of the states, 1, is seen in the one of size 1e-8.
        ("rober", 1e-18, 1e-8),
        ("hires", 1e-16, 1e-9),
        ("orego", 1e-10, 1e-9),
        ("pollu", 1e-18, 1e-9),
        ("vdp", 1e-12, 1e-9),
        ("vdp-mu", 1e-12, 1e-9),
        ("brusselator-1d", 1e-10, 1e-9),
        ("rober-dae", 1e-18, 1e-8),
        ("transistor-amplifier", 1e-12, 1e-9),
        ("pendulum-index-1", 1e-12, 1e-9),
    ];
    for (id, atol, digits) in chosen {
        let problem = everything().into_iter().find(|p| p.id == id).unwrap();
        check(&problem, 1e-11, atol, digits);
    }
}

#[test]
fn references_of_attractors_and_mechanics_are_reproduced() {
    let mut checked = 0;
    for problem in slopefield_problems::non_stiff() {
        // Close passages and chaos magnify what is rounded.
        let digits = match problem.id {
            "arenstorf" => 1e-6,
            "pleiades" | "lorenz-5" | "chen" => 1e-8,
            _ => 1e-10,
        };
        check(&problem, 1e-12, 1e-12, digits);
        checked += 1;
    }
    assert_eq!(checked, 14);
}
