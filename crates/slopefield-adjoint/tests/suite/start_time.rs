//! The derivative by the start time, against the same steps in dual numbers and a closed form.
use crate::common;

use common::dual::System;
use common::{HEUN, Hybrid, hybrid_gradient, relative_distance};
use slopefield_adjoint::{DiscreteAdjoint, ForwardSensitivity, HybridAdjoint, HybridForward};
use slopefield_solve::runge_kutta::{BS3, DP5, TSIT5, VERN6, VERN7, VERN8, VERN9};
use slopefield_solve::{Ivp, Settings};

fn driven() -> System {
    System::new(2, 2, |t, u, p, out| {
        out[0] = p[0] * u[1] + (1.3 * t).sin();
        out[1] = -p[1] * u[0].sin() - 0.3 * u[1] * t;
    })
}

#[test]
fn it_is_the_one_of_the_same_steps() {
    let system = driven();
    // At the start, within the first step, at its end and later; and without those.
    let first = [0.3, 0.300_000_1, 0.31, 0.8, 1.9, 2.5];
    for saves in [&first[..], &first[4..], &first[..2]] {
        for table in [&TSIT5, &DP5, &BS3, &VERN6, &VERN7, &VERN8, &VERN9, &HEUN] {
            let case = Hybrid {
                system: &system,
                span: (0.3, 2.5),
                u0: &[0.4, -0.2],
                p: &[1.1, 0.9],
                saves,
                tolerance: 1e-4,
            };
            let expected = case.replayed(table, false);
            let plain =
                hybrid_gradient(&mut DiscreteAdjoint::new(table).with_start_time(), &case).unwrap();
            let mut tangents = ForwardSensitivity::new(table).with_start_time();
            let tangents = hybrid_gradient(&mut tangents, &case).unwrap();
            let adjoint = hybrid_gradient(&mut HybridAdjoint::new(table), &case).unwrap();
            let forward = hybrid_gradient(&mut HybridForward::new(table), &case).unwrap();
            for found in [plain, tangents, adjoint, forward] {
                let off = relative_distance(&found, &expected);
                assert!(off < 1e-10, "{}: {off:e} {found:?} {expected:?}", table.id);
            }
        }
    }
}

#[test]
fn it_is_minus_the_slope_for_a_problem_that_time_does_not_enter() {
    // u' = −a u: u(t) = u0 e^(−a (t − t0)), so the derivative by t0 is a u(t).
    let system = System::new(1, 1, |_, u, p, out| out[0] = -(p[0] * u[0]));
    let ivp = Ivp { rhs: &system, t0: 1.0, t1: 3.0, u0: &[2.0], p: &[0.7] };
    let settings = Settings::with_tolerances(1e-11, 1e-11);
    let mut loss = |u: &[f64], w: &mut [f64]| {
        w.fill(1.0);
        u.iter().sum()
    };
    let saves = [1.0, 2.0, 3.0];
    let (found, _, _) = common::gradient(
        &mut DiscreteAdjoint::new(&VERN7).with_start_time(),
        &ivp,
        &settings,
        &saves,
        &mut loss,
    )
    .unwrap();
    let exact = 0.7 * found.loss;
    assert!((found.by_start_time.unwrap() - exact).abs() < 1e-9, "{found:?} {exact}");
}
