//! Two linear problems with solutions in closed form.

use crate::Problem;
use crate::problem::{Class, equations, function, model};
use crate::system::Equations;
use slopefield_kernel::Pair;

equations! {
    Decay: 1, 1;
    (_, u, p, out) {
        out(0, -p(0) * u(0));
    }
}

/// `u' = −k u`.
pub fn exponential_decay() -> Problem {
    Problem::new(
        ("decay", "Exponential decay"),
        Class::NonStiff,
        Decay,
        (0.0, 2.0),
        vec![1.5],
        vec![0.8],
    )
    .with_exact(|t, t0, u0, p, out| out[0] = u0[0] * (-p[0] * (t - t0)).exp())
    .with_text(model!("decay"))
}

function! {
    Oscillator: (2, 1) -> 2;
    (_, u, p, out) {
        out(0, u(1));
        out(1, -p(0) * p(0) * u(0));
    }
}

impl Equations for Oscillator {
    fn pairs(&self) -> &[Pair] {
        &[Pair { position: 0, velocity: 1 }]
    }
}

/// `x' = v`, `v' = −ω² x`.
pub fn harmonic_oscillator() -> Problem {
    Problem::new(
        ("oscillator", "Harmonic oscillator"),
        Class::NonStiff,
        Oscillator,
        (0.0, 5.0),
        vec![1.0, 0.5],
        vec![1.3],
    )
    .with_exact(|t, t0, u0, p, out| {
        let (sin, cos) = (p[0] * (t - t0)).sin_cos();
        out[0] = u0[0] * cos + u0[1] / p[0] * sin;
        out[1] = u0[1] * cos - u0[0] * p[0] * sin;
    })
    .with_text(model!("oscillator"))
}
