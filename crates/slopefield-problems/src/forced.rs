//! A problem whose right-hand side depends on time explicitly.

use crate::Problem;
use crate::small::{Small, SmallSystem};

struct ForcedRelaxation;

impl SmallSystem for ForcedRelaxation {
    const STATES: usize = 1;
    const PARAMS: usize = 3;
    fn rhs(t: f64, u: &[f64], p: &[f64], out: &mut [f64]) {
        out[0] = -p[0] * u[0] + p[1] * (p[2] * t).sin();
    }
    fn by_state(_: f64, _: &[f64], p: &[f64], m: &mut [f64]) {
        m[0] = -p[0];
    }
    fn by_parameter(t: f64, u: &[f64], p: &[f64], m: &mut [f64]) {
        let (sin, cos) = (p[2] * t).sin_cos();
        m.copy_from_slice(&[-u[0], sin, p[1] * t * cos]);
    }
    fn by_time(t: f64, _: &[f64], p: &[f64], out: &mut [f64]) {
        out[0] = p[1] * p[2] * (p[2] * t).cos();
    }
}

/// Part of the solution that does not depend on the initial state.
fn response(t: f64, p: &[f64]) -> f64 {
    let (sin, cos) = (p[2] * t).sin_cos();
    p[1] * (p[0] * sin - p[2] * cos) / (p[0] * p[0] + p[2] * p[2])
}

/// `u' = −k u + a sin(ω t)`, parameters `(k, a, ω)`.
pub fn forced_relaxation() -> Problem {
    Problem {
        id: "forced-relaxation",
        name: "Relaxation with periodic forcing",
        rhs: Small::<ForcedRelaxation>::boxed(),
        t0: 0.5,
        t1: 6.0,
        u0: vec![0.7],
        p: vec![0.6, 1.4, 2.2],
        references: Vec::new(),
        exact: Some(|t, t0, u0, p, out| {
            out[0] = response(t, p) + (u0[0] - response(t0, p)) * (-p[0] * (t - t0)).exp();
        }),
    }
}
