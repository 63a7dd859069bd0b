//! The cubic spiral from which neural differential equations are usually taught.

use crate::small::{Small, SmallSystem};
use crate::{COMPUTED, Problem, Reference};

struct Spiral;

impl SmallSystem for Spiral {
    const STATES: usize = 2;
    const PARAMS: usize = 4;
    fn rhs(_: f64, u: &[f64], p: &[f64], out: &mut [f64]) {
        let (x3, y3) = (u[0] * u[0] * u[0], u[1] * u[1] * u[1]);
        out[0] = x3 * p[0] + y3 * p[2];
        out[1] = x3 * p[1] + y3 * p[3];
    }
    fn by_state(_: f64, u: &[f64], p: &[f64], m: &mut [f64]) {
        let (x2, y2) = (3.0 * u[0] * u[0], 3.0 * u[1] * u[1]);
        m.copy_from_slice(&[x2 * p[0], y2 * p[2], x2 * p[1], y2 * p[3]]);
    }
    fn by_parameter(_: f64, u: &[f64], _: &[f64], m: &mut [f64]) {
        let (x3, y3) = (u[0] * u[0] * u[0], u[1] * u[1] * u[1]);
        m.copy_from_slice(&[x3, 0.0, y3, 0.0, 0.0, x3, 0.0, y3]);
    }
}

/// `u' = (u³)ᵀ A` with the entries of `A`, row by row, as parameters.
pub fn spiral() -> Problem {
    let reference =
        |t, u: [f64; 2]| Reference { t, u: u.to_vec(), tolerance: 1e-15, source: COMPUTED };
    Problem {
        id: "spiral",
        name: "Cubic spiral",
        rhs: Small::<Spiral>::boxed(),
        t0: 0.0,
        t1: 1.5,
        u0: vec![2.0, 0.0],
        p: vec![-0.1, 2.0, -2.0, -0.1],
        references: vec![
            reference(1.0, [0.7092617432531031, -1.504108457840384]),
            reference(1.5, [1.2919915629767864, 0.9725860744345163]),
        ],
        exact: None,
    }
}
