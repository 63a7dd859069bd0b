//! Three classics of the non-stiff test sets: rigid body, FitzHugh–Nagumo, Lorenz.

use crate::small::{Small, SmallSystem};
use crate::{COMPUTED, Problem, Reference};

struct RigidBody;

impl SmallSystem for RigidBody {
    const STATES: usize = 3;
    const PARAMS: usize = 3;
    fn rhs(_: f64, u: &[f64], p: &[f64], out: &mut [f64]) {
        out[0] = p[0] * u[1] * u[2];
        out[1] = p[1] * u[0] * u[2];
        out[2] = p[2] * u[0] * u[1];
    }
    fn by_state(_: f64, u: &[f64], p: &[f64], m: &mut [f64]) {
        m.copy_from_slice(&[
            0.0,
            p[0] * u[2],
            p[0] * u[1],
            p[1] * u[2],
            0.0,
            p[1] * u[0],
            p[2] * u[1],
            p[2] * u[0],
            0.0,
        ]);
    }
    fn by_parameter(_: f64, u: &[f64], _: &[f64], m: &mut [f64]) {
        m[0] = u[1] * u[2];
        m[4] = u[0] * u[2];
        m[8] = u[0] * u[1];
    }
}

/// Euler's equations of a rigid body without torque, as in the test set of Krogh (1973).
pub fn rigid_body() -> Problem {
    Problem {
        id: "rigid-body",
        name: "Rigid body",
        rhs: Small::<RigidBody>::boxed(),
        t0: 0.0,
        t1: 20.0,
        u0: vec![1.0, 0.0, 0.9],
        p: vec![-2.0, 1.25, -0.5],
        references: vec![Reference {
            t: 20.0,
            u: vec![0.6062038539648122, 0.628747210450178, 0.8073851485756026],
            tolerance: 1e-15,
            source: COMPUTED,
        }],
        exact: None,
    }
}

struct FitzHughNagumo;

impl SmallSystem for FitzHughNagumo {
    const STATES: usize = 2;
    const PARAMS: usize = 4;
    fn rhs(_: f64, u: &[f64], p: &[f64], out: &mut [f64]) {
        out[0] = u[0] - u[0] * u[0] * u[0] / 3.0 - u[1] + p[3];
        out[1] = p[2] * (u[0] + p[0] - p[1] * u[1]);
    }
    fn by_state(_: f64, u: &[f64], p: &[f64], m: &mut [f64]) {
        m.copy_from_slice(&[1.0 - u[0] * u[0], -1.0, p[2], -p[2] * p[1]]);
    }
    fn by_parameter(_: f64, u: &[f64], p: &[f64], m: &mut [f64]) {
        m.copy_from_slice(&[
            0.0,
            0.0,
            0.0,
            1.0,
            p[2],
            -p[2] * u[1],
            u[0] + p[0] - p[1] * u[1],
            0.0,
        ]);
    }
}

/// The FitzHugh–Nagumo model of a spiking neuron, parameters `(a, b, 1/τ, current)`.
pub fn fitzhugh_nagumo() -> Problem {
    let reference =
        |t, u: [f64; 2]| Reference { t, u: u.to_vec(), tolerance: 1e-15, source: COMPUTED };
    Problem {
        id: "fitzhugh-nagumo",
        name: "FitzHugh–Nagumo",
        rhs: Small::<FitzHughNagumo>::boxed(),
        t0: 0.0,
        t1: 30.0,
        u0: vec![1.0, 1.0],
        p: vec![0.7, 0.8, 0.08, 0.5],
        references: vec![
            reference(1.0, [1.1232216638378457, 1.0751659635137223]),
            reference(10.0, [-1.9540459529354745, 0.9943443737838957]),
            reference(30.0, [-0.6542477723154552, -0.2287932613428105]),
        ],
        exact: None,
    }
}

struct Lorenz;

impl SmallSystem for Lorenz {
    const STATES: usize = 3;
    const PARAMS: usize = 3;
    fn rhs(_: f64, u: &[f64], p: &[f64], out: &mut [f64]) {
        out[0] = p[0] * (u[1] - u[0]);
        out[1] = u[0] * (p[1] - u[2]) - u[1];
        out[2] = u[0] * u[1] - p[2] * u[2];
    }
    fn by_state(_: f64, u: &[f64], p: &[f64], m: &mut [f64]) {
        m.copy_from_slice(&[-p[0], p[0], 0.0, p[1] - u[2], -1.0, -u[0], u[1], u[0], -p[2]]);
    }
    fn by_parameter(_: f64, u: &[f64], _: &[f64], m: &mut [f64]) {
        m[0] = u[1] - u[0];
        m[4] = u[0];
        m[8] = -u[2];
    }
}

/// Lorenz' convection model (1963), chaotic at the usual `(σ, ρ, β) = (10, 28, 8/3)`.
pub fn lorenz() -> Problem {
    Problem {
        id: "lorenz",
        name: "Lorenz",
        rhs: Small::<Lorenz>::boxed(),
        t0: 0.0,
        t1: 1.0,
        u0: vec![1.0, 0.0, 0.0],
        p: vec![10.0, 28.0, 8.0 / 3.0],
        references: vec![Reference {
            t: 1.0,
            u: vec![-9.408450567056036, -9.09619907118648, 28.58162762439234],
            tolerance: 1e-14,
            source: COMPUTED,
        }],
        exact: None,
    }
}
