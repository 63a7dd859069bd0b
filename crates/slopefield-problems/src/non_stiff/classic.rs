//! Three classics of the non-stiff test sets: rigid body, FitzHugh–Nagumo, Lorenz.

use crate::Problem;
use crate::problem::{COMPUTED, Class, equations, model};

equations! {
    RigidBody: 3, 3;
    (_, u, p, out) {
        out(0, p(0) * u(1) * u(2));
        out(1, p(1) * u(0) * u(2));
        out(2, p(2) * u(0) * u(1));
    }
}

/// Euler's equations of a rigid body without torque, as in the test set of Krogh (1973).
pub fn rigid_body() -> Problem {
    Problem::new(
        ("rigid-body", "Rigid body"),
        Class::NonStiff,
        RigidBody,
        (0.0, 20.0),
        vec![1.0, 0.0, 0.9],
        vec![-2.0, 1.25, -0.5],
    )
    .known(20.0, &[0.6062038539648122, 0.628747210450178, 0.8073851485756026], 1e-15, COMPUTED)
    .with_text(model!("rigid_body"))
}

equations! {
    FitzHughNagumo: 2, 4;
    (_, u, p, out) {
        out(0, u(0) - u(0) * u(0) * u(0) / 3.0 - u(1) + p(3));
        out(1, p(2) * (u(0) + p(0) - p(1) * u(1)));
    }
}

/// The FitzHugh–Nagumo model of a spiking neuron, parameters `(a, b, 1/τ, current)`.
pub fn fitzhugh_nagumo() -> Problem {
    Problem::new(
        ("fitzhugh-nagumo", "FitzHugh–Nagumo"),
        Class::NonStiff,
        FitzHughNagumo,
        (0.0, 30.0),
        vec![1.0, 1.0],
        vec![0.7, 0.8, 0.08, 0.5],
    )
    .known(1.0, &[1.1232216638378456, 1.0751659635137223], 1e-15, COMPUTED)
    .known(10.0, &[-1.9540459529354746, 0.9943443737838957], 1e-15, COMPUTED)
    .known(30.0, &[-0.6542477723154552, -0.2287932613428105], 1e-15, COMPUTED)
    .with_text(model!("fitzhugh_nagumo"))
}

equations! {
    Lorenz: 3, 3;
    (_, u, p, out) {
        out(0, p(0) * (u(1) - u(0)));
        out(1, u(0) * (p(1) - u(2)) - u(1));
        out(2, u(0) * u(1) - p(2) * u(2));
    }
}

/// Lorenz' convection model, chaotic at the usual `(σ, ρ, β) = (10, 28, 8/3)`.
///
/// E. N. Lorenz, *Deterministic nonperiodic flow*, J. Atmos. Sci. 20 (1963) 130,
/// doi:10.1175/1520-0469(1963)020<0130:DNF>2.0.CO;2.
pub fn lorenz() -> Problem {
    Problem::new(
        ("lorenz", "Lorenz"),
        Class::NonStiff,
        Lorenz,
        (0.0, 1.0),
        vec![1.0, 0.0, 0.0],
        vec![10.0, 28.0, 8.0 / 3.0],
    )
    .known(1.0, &[-9.408450567056036, -9.09619907118648, 28.58162762439234], 1e-14, COMPUTED)
    .with_text(model!("lorenz"))
}

/// The same to t = 5, where errors have grown by four orders of magnitude.
pub fn lorenz_5() -> Problem {
    let mut problem = lorenz();
    (problem.id, problem.name, problem.t1) = ("lorenz-5", "Lorenz to t = 5", 5.0);
    problem.known(
        5.0,
        &[-6.974570472684818, -7.021060890822531, 25.119616492127594],
        1e-14,
        COMPUTED,
    )
}
