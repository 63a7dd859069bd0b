//! A problem whose right-hand side depends on time explicitly.

use crate::Problem;
use crate::problem::{Class, equations, model};

equations! {
    ForcedRelaxation: 1, 3;
    (t, u, p, out) {
        out(0, -p(0) * u(0) + p(1) * (p(2) * t).sin());
    }
}

/// Part of the solution that does not depend on the initial state.
fn response(t: f64, p: &[f64]) -> f64 {
    let (sin, cos) = (p[2] * t).sin_cos();
    p[1] * (p[0] * sin - p[2] * cos) / (p[0] * p[0] + p[2] * p[2])
}

/// `u' = −k u + a sin(ω t)`, parameters `(k, a, ω)`.
pub fn forced_relaxation() -> Problem {
    Problem::new(
        ("forced-relaxation", "Relaxation with periodic forcing"),
        Class::NonStiff,
        ForcedRelaxation,
        (0.5, 6.0),
        vec![0.7],
        vec![0.6, 1.4, 2.2],
    )
    .with_exact(|t, t0, u0, p, out| {
        out[0] = response(t, p) + (u0[0] - response(t0, p)) * (-p[0] * (t - t0)).exp();
    })
    .with_text(model!("forced_relaxation"))
}
