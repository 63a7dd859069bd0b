//! Two linear problems with solutions in closed form.

use crate::Problem;
use crate::small::{Small, SmallSystem};

struct Decay;

impl SmallSystem for Decay {
    const STATES: usize = 1;
    const PARAMS: usize = 1;
    fn rhs(_: f64, u: &[f64], p: &[f64], out: &mut [f64]) {
        out[0] = -p[0] * u[0];
    }
    fn by_state(_: f64, _: &[f64], p: &[f64], m: &mut [f64]) {
        m[0] = -p[0];
    }
    fn by_parameter(_: f64, u: &[f64], _: &[f64], m: &mut [f64]) {
        m[0] = -u[0];
    }
}

/// `u' = −k u`.
pub fn exponential_decay() -> Problem {
    Problem {
        id: "decay",
        name: "Exponential decay",
        rhs: Small::<Decay>::boxed(),
        t0: 0.0,
        t1: 2.0,
        u0: vec![1.5],
        p: vec![0.8],
        references: Vec::new(),
        exact: Some(|t, t0, u0, p, out| out[0] = u0[0] * (-p[0] * (t - t0)).exp()),
    }
}

struct Oscillator;

impl SmallSystem for Oscillator {
    const STATES: usize = 2;
    const PARAMS: usize = 1;
    fn rhs(_: f64, u: &[f64], p: &[f64], out: &mut [f64]) {
        out[0] = u[1];
        out[1] = -p[0] * p[0] * u[0];
    }
    fn by_state(_: f64, _: &[f64], p: &[f64], m: &mut [f64]) {
        m[1] = 1.0;
        m[2] = -p[0] * p[0];
    }
    fn by_parameter(_: f64, u: &[f64], p: &[f64], m: &mut [f64]) {
        m[1] = -2.0 * p[0] * u[0];
    }
}

/// `x' = v`, `v' = −ω² x`.
pub fn harmonic_oscillator() -> Problem {
    Problem {
        id: "oscillator",
        name: "Harmonic oscillator",
        rhs: Small::<Oscillator>::boxed(),
        t0: 0.0,
        t1: 5.0,
        u0: vec![1.0, 0.5],
        p: vec![1.3],
        references: Vec::new(),
        exact: Some(|t, t0, u0, p, out| {
            let (sin, cos) = (p[0] * (t - t0)).sin_cos();
            out[0] = u0[0] * cos + u0[1] / p[0] * sin;
            out[1] = u0[1] * cos - u0[0] * p[0] * sin;
        }),
    }
}
