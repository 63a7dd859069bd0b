//! A large circuit against published values, and methods of different kinds against each other.
use crate::common;

use common::{end_state, ivp};
use slopefield_problems::two_bit_adder;
use slopefield_solve::{Settings, method};

#[test]
fn the_two_bit_adder_adds() {
    let problem = two_bit_adder();
    let published = &problem.references[0].u;
    // The voltages are behind the charges; the last are those of the nodes between gates.
    let voltages = 162..337;
    let mut ends = Vec::new();
    for (id, tolerance, most) in [("radau", 1e-5, 1e-4), ("rodas5p", 1e-5, 3e-4)] {
        let settings = Settings::with_tolerances(tolerance, tolerance);
        let (u, stats) = end_state(&mut *method(id).unwrap(), &ivp(&problem), &settings).unwrap();
        for i in voltages.clone() {
            let error = (u[i] - published[i]).abs();
            // Computed at tolerances of 1e-5.
            assert!(error < most, "{id}: state {i} is {}, published {}", u[i], published[i]);
        }
        // The two sums and the inverted carry.
        for node in [4, 13, 15] {
            let i = 318 + node;
            let error = (u[i] - published[i]).abs() / published[i].abs();
            assert!(error < 3e-5, "{id}: node {node} is {}, published {}", u[i], published[i]);
        }
        assert!(stats.accepted < 10_000, "{id}: {stats:?}");
        ends.push(u);
    }
    let apart = ends[0].iter().zip(&ends[1]).fold(0.0_f64, |most, (a, b)| most.max((a - b).abs()));
    assert!(apart < 3e-4, "{apart:e}");
}
